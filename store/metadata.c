/*
 * What people say of a submission: the four keys, in NAME.json or in
 * directories called key=value, and NAME.json's other members.
 */
#include <math.h>
#include <stdio.h>

#include "json.h"
#include "store-internal.h"

/* Members of NAME.json may be nested so deep; a writer's depth is bounded. */
enum { GENERATION_DEPTH = 24, METADATA_LIMIT = 64 << 10 };

void metadata_free(struct metadata *metadata)
{
	free(metadata->generation);
	*metadata = (struct metadata){ 0 };
}

/* ---- the keys ---- */

/* Sets the key of METADATA from VALUE: NULL, or what was expected instead. */
static const char *set_category(struct metadata *metadata, const char *value)
{
	if (!pf_category_name_valid(value))
		return "a name of a-z, 0-9, _ and -, at most 64 bytes and no reserved name";
	snprintf(metadata->category, sizeof metadata->category, "%s", value);
	return NULL;
}

static const char *set_subcategory(struct metadata *metadata, const char *value)
{
	if (!pf_category_name_valid(value))
		return "a name of a-z, 0-9, _ and -, at most 64 bytes and no reserved name";
	snprintf(metadata->subcategory, sizeof metadata->subcategory, "%s", value);
	return NULL;
}

static const char *set_component_type(struct metadata *metadata, const char *value)
{
	int number = pf_component_type_number(value);

	if (!number)
		return "one of operator, sensor, hook, trigger, notifier";
	metadata->component_type = number;
	return NULL;
}

static const char *set_score(struct metadata *metadata, double value)
{
	if (!isfinite(value) || value < 0)
		return "a number not below 0";
	metadata->has_success_score = true;
	metadata->success_score = value + 0.0; /* no -0 */
	return NULL;
}

static const char *set_success_score(struct metadata *metadata, const char *value)
{
	char *end;
	double number;

	/* strtod() would also take "inf", "0x1p3" and leading space. */
	if (!*value || value[strspn(value, "0123456789.eE+-")])
		return "a number not below 0";
	number = strtod(value, &end);
	return *end ? "a number not below 0" : set_score(metadata, number);
}

static const struct {
	const char *key;
	const char *(*set)(struct metadata *metadata, const char *value);
} keys[] = {
	{ "category", set_category },
	{ "subcategory", set_subcategory },
	{ "component_type", set_component_type },
	{ "success_score", set_success_score },
};
enum { KEY_COUNT = sizeof keys / sizeof *keys };

/* The row of the LEN bytes at KEY, or -1. */
static int key_of(const char *key, size_t len)
{
	for (int i = 0; i < KEY_COUNT; i++)
		if (strlen(keys[i].key) == len && memcmp(keys[i].key, key, len) == 0)
			return i;
	return -1;
}

int metadata_from_name(const char *name, struct metadata *metadata, pf_err *err)
{
	const char *equals = strchr(name, '='), *expected;
	char shown[NAME_ROOM];
	int key;

	*metadata = (struct metadata){ 0 };
	key = equals ? key_of(name, (size_t)(equals - name)) : -1;
	if (key < 0)
		return 0;
	expected = keys[key].set(metadata, equals + 1);
	if (expected)
		return pf_fail(err, EINVAL, "%s '%s': expected %s", keys[key].key, name_shown(equals + 1, shown),
			       expected);
	return 1;
}

/* ---- NAME.json ---- */

/* A position in compiler form: columns count characters. */
static void position_of(const char *text, size_t offset, int *line, int *column)
{
	*line = *column = 1;
	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			++*line;
			*column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			++*column;
		}
	}
}

struct json_file {
	const char *name;
	const char *text;
	size_t len;
};

static int refuse_at(const struct json_file *file, size_t offset, const char *what, pf_err *err)
{
	char shown[NAME_ROOM];
	int line, column;

	position_of(file->text, offset, &line, &column);
	return pf_fail(err, EINVAL, "%s:%d:%d: error: %s", name_shown(file->name, shown), line, column, what);
}

/* Where the value of the member KEY of the outermost object stands; valid JSON is given. */
static size_t value_offset(const struct json_file *file, const char *key)
{
	size_t key_len = strlen(key), found = 0;
	int depth = 0;

	for (size_t i = 0; i < file->len; i++) {
		char c = file->text[i];

		if (c == '{' || c == '[') {
			depth++;
		} else if (c == '}' || c == ']') {
			depth--;
		} else if (c == '"') {
			size_t start = ++i;

			while (i < file->len && file->text[i] != '"')
				i += file->text[i] == '\\' ? 2 : 1;
			if (depth != 1 || i >= file->len || i - start != key_len ||
			    memcmp(file->text + start, key, key_len) != 0)
				continue;
			found = i + 1 + strspn(file->text + i + 1, " \t\r\n");
			if (file->text[found] != ':')
				continue; /* a value of this text, not the key */
			found++;
			return found + strspn(file->text + found, " \t\r\n");
		}
	}
	return found;
}

static int refuse_value(const struct json_file *file, const cJSON *item, const char *expected, pf_err *err)
{
	char what[512], shown[NAME_ROOM];

	if (cJSON_IsString(item))
		snprintf(what, sizeof what, "%s '%s': expected %s", item->string, name_shown(item->valuestring, shown),
			 expected);
	else
		snprintf(what, sizeof what, "%s: expected %s", item->string, expected);
	return refuse_at(file, value_offset(file, item->string), what, err);
}

/* Prints ITEM as the member KEY; false where it is nested too deep. */
static bool print_item(pf_json *json, const char *key, const cJSON *item, int depth)
{
	bool ok = true;

	if (depth > GENERATION_DEPTH)
		return false;
	if (cJSON_IsObject(item) || cJSON_IsArray(item)) {
		if (cJSON_IsObject(item))
			pf_json_object(json, key);
		else
			pf_json_array(json, key);
		for (const cJSON *child = item->child; child && ok; child = child->next)
			ok = print_item(json, child->string, child, depth + 1);
		pf_json_end(json);
	} else if (cJSON_IsString(item)) {
		pf_json_string(json, key, item->valuestring);
	} else if (cJSON_IsNumber(item)) {
		char digits[40];

		/* The shortest that reads back the same. */
		snprintf(digits, sizeof digits, "%.15g", item->valuedouble);
		if (strtod(digits, NULL) != item->valuedouble)
			snprintf(digits, sizeof digits, "%.17g", item->valuedouble);
		pf_json_raw(json, key, isfinite(item->valuedouble) ? digits : "null");
	} else if (cJSON_IsBool(item)) {
		pf_json_bool(json, key, cJSON_IsTrue(item));
	} else {
		pf_json_null(json, key);
	}
	return ok;
}

static int read_known(const struct json_file *file, const cJSON *item, int key, struct metadata *metadata, pf_err *err)
{
	const char *expected;

	if (cJSON_IsNull(item))
		return 0; /* says nothing */
	if (keys[key].set == set_success_score)
		expected = cJSON_IsNumber(item) ? set_score(metadata, item->valuedouble) : "a number not below 0";
	else
		expected = cJSON_IsString(item) ? keys[key].set(metadata, item->valuestring) : "a string";
	return expected ? refuse_value(file, item, expected, err) : 0;
}

/* The members other than the known keys, as component.json holds them: an object, one level deep. */
static int read_members(const struct json_file *file, const cJSON *root, struct metadata *metadata, pf_err *err)
{
	pf_text text = { 0 };
	pf_json json = pf_json_start(&text, false);
	int rc = 0;

	json.base = 1;
	pf_json_object(&json, NULL);
	for (const cJSON *item = root->child; item && rc == 0; item = item->next) {
		int key = key_of(item->string, strlen(item->string));

		if (key >= 0)
			rc = read_known(file, item, key, metadata, err);
		else if (!print_item(&json, item->string, item, 0))
			rc = refuse_at(file, value_offset(file, item->string),
				       "nested too deep, expected at most 24 levels", err);
	}
	pf_json_end(&json);
	if (rc == 0 && text.failed)
		rc = no_memory(err);
	if (rc == 0)
		metadata->generation = strdup(text.bytes + strspn(text.bytes, " ")); /* the indent of its first line */
	pf_text_free(&text);
	return rc == 0 && !metadata->generation ? no_memory(err) : rc;
}

static size_t first_bad_byte(const char *text, size_t len)
{
	size_t i = 0;
	int n;

	while (i < len && text[i] && (n = pf_utf8_length(text + i, len - i)) > 0)
		i += (size_t)n;
	return i;
}

int metadata_from_json(const char *name, const char *text, size_t len, struct metadata *metadata, pf_err *err)
{
	struct json_file file = { .name = name, .text = text, .len = len };
	const char *end = NULL;
	char shown[NAME_ROOM];
	bool no_room;
	cJSON *root;
	size_t bad;
	int rc;

	*metadata = (struct metadata){ 0 };
	if (len > METADATA_LIMIT)
		return pf_fail(err, EINVAL, "%s: error: %zu bytes, expected at most %d", name_shown(name, shown), len,
			       METADATA_LIMIT);
	bad = first_bad_byte(text, len);
	if (bad < len)
		return refuse_at(&file, bad, text[bad] ? "not UTF-8" : "a NUL byte, expected JSON", err);
	root = pf_json_read(text, len, &end, &no_room);
	if (no_room)
		return no_memory(err);
	if (!root)
		return refuse_at(&file, end ? (size_t)(end - text) : 0, "not JSON, expected an object", err);
	if (cJSON_IsObject(root))
		rc = read_members(&file, root, metadata, err);
	else
		rc = refuse_at(&file, strspn(text, " \t\r\n"), "not an object, expected { … }", err);
	cJSON_Delete(root);
	if (rc < 0)
		metadata_free(metadata);
	return rc;
}

/* ---- together ---- */

void metadata_inherit(struct metadata *below, const struct metadata *above)
{
	if (!below->category[0])
		memcpy(below->category, above->category, sizeof below->category);
	if (!below->subcategory[0])
		memcpy(below->subcategory, above->subcategory, sizeof below->subcategory);
	if (!below->component_type)
		below->component_type = above->component_type;
	if (!below->has_success_score) {
		below->has_success_score = above->has_success_score;
		below->success_score = above->success_score;
	}
}

bool metadata_equal(const struct metadata *a, const struct metadata *b)
{
	return strcmp(a->category, b->category) == 0 && strcmp(a->subcategory, b->subcategory) == 0 &&
	       a->component_type == b->component_type && a->has_success_score == b->has_success_score &&
	       a->success_score == b->success_score &&
	       strcmp(a->generation ? a->generation : "", b->generation ? b->generation : "") == 0;
}

void metadata_print(const struct metadata *metadata, pf_text *out)
{
	pf_json json = pf_json_start(out, true);
	char digits[40];

	snprintf(digits, sizeof digits, "%.17g", metadata->success_score);
	pf_json_object(&json, NULL);
	if (metadata->category[0])
		pf_json_string(&json, "category", metadata->category);
	if (metadata->subcategory[0])
		pf_json_string(&json, "subcategory", metadata->subcategory);
	if (metadata->component_type)
		pf_json_string(&json, "component_type", pf_component_type_name(metadata->component_type));
	if (metadata->has_success_score)
		pf_json_raw(&json, "success_score", digits);
	if (metadata->generation)
		pf_json_string(&json, "generation_metadata", metadata->generation);
	pf_json_end(&json);
}
