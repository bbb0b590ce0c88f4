/*
 * Queries: the keys there are, and what each may say. Pure; how a query is
 * answered stands in retrieve.c.
 */
#include <math.h>
#include <stdio.h>

#include "store-internal.h"

/* ---- values ---- */

/* Each reads TEXT into VALUE's number where that needs one; false where TEXT cannot be the key's. */

static bool is_category(const char *text, double *number)
{
	(void)number;
	return pf_category_name_valid(text);
}

static bool is_component_type(const char *text, double *number)
{
	return (*number = pf_component_type_number(text)) > 0;
}

static bool is_pattern_type(const char *text, double *number)
{
	return (*number = pf_pattern_type_number(text)) > 0;
}

static bool is_unit(const char *text, double *number)
{
	return (*number = pf_pattern_unit_type(text)) > 0;
}

/* A name of somebody else's making: any UTF-8 that can stand in a path. */
static bool is_name(const char *text, double *number)
{
	(void)number;
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f || *c == '/')
			return false;
	return *text != '\0';
}

/* Packages and providers: airflow.providers.amazon, google-cloud */
static bool is_library(const char *text, double *number)
{
	return is_name(text, number) && !strpbrk(text, " \t\"\\");
}

static bool is_one_of(const char *text, const char *const *names, int count, double *number)
{
	for (int i = 0; i < count; i++) {
		if (strcmp(names[i], text) == 0) {
			*number = i;
			return true;
		}
	}
	return false;
}

static bool is_complexity(const char *text, double *number)
{
	static const char *const names[] = { "low", "medium", "high", "very_high" };

	return is_one_of(text, names, 4, number);
}

static bool is_band(const char *text, double *number)
{
	static const char *const names[] = { "low", "medium", "high" };

	return is_one_of(text, names, 3, number);
}

static bool is_sort(const char *text, double *number)
{
	static const char *const names[SORT_COUNT] = {
		[SORT_RANK] = "rank",	  [SORT_CONFIDENCE] = "confidence",
		[SORT_RECENT] = "recent", [SORT_SUPPORT] = "support",
		[SORT_NAME] = "name",
	};

	return is_one_of(text, names, SORT_COUNT, number);
}

static bool is_kind(const char *text, double *number)
{
	static const char *const names[] = { "patterns", "components" };

	return is_one_of(text, names, 2, number);
}

/* strtod() would also take "inf", "0x1p3" and leading space. */
static bool is_decimal(const char *text, double *number)
{
	char *end;

	if (!*text || text[strspn(text, "0123456789.eE+-")])
		return false;
	*number = strtod(text, &end);
	return !*end && isfinite(*number);
}

static bool is_ratio(const char *text, double *number)
{
	return is_decimal(text, number) && *number >= 0 && *number <= 1;
}

static bool is_score(const char *text, double *number)
{
	return is_decimal(text, number) && *number >= 0;
}

static bool is_whole(const char *text, double first, double last, double *number)
{
	size_t len = strlen(text);

	if (len == 0 || len > 15 || text[strspn(text, "0123456789")])
		return false;
	*number = (double)strtoll(text, NULL, 10);
	return *number >= first && *number <= last;
}

static bool is_count(const char *text, double *number)
{
	return is_whole(text, 0, 999999999999999, number);
}

static bool is_limit(const char *text, double *number)
{
	return is_whole(text, 1, 10000, number);
}

static bool is_budget(const char *text, double *number)
{
	return is_whole(text, 100, 1000000, number);
}

/* Whether there is a word in it the tokenizer says; this keeps out what surely has none. */
static bool is_words(const char *text, double *number)
{
	(void)number;
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c >= 0x80 || (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
		    (*c >= 'A' && *c <= 'Z'))
			return true;
	return false;
}

/* ---- keys ---- */

const char *const query_key_names[QUERY_KEYS] = {
	[KEY_CATEGORY] = "category",
	[KEY_SUBCATEGORY] = "subcategory",
	[KEY_COMPONENT_TYPE] = "component_type",
	[KEY_PATTERN_TYPE] = "pattern_type",
	[KEY_PATTERN_NAME] = "pattern_name",
	[KEY_LIBRARY] = "library",
	[KEY_COMPONENT] = "component",
	[KEY_COMPLEXITY] = "complexity",
	[KEY_CONFIDENCE] = "confidence",
	[KEY_MIN_CONFIDENCE] = "min_confidence",
	[KEY_MIN_SUCCESS_COUNT] = "min_success_count",
	[KEY_MIN_SUCCESS_SCORE] = "min_success_score",
	[KEY_WITH] = "with",
	[KEY_SIMILAR_TO] = "similar_to",
	[KEY_TEXT] = "text",
	[KEY_SORT] = "sort",
	[KEY_LIMIT] = "limit",
	[KEY_BUDGET] = "budget",
	[KEY_OF] = "of",
};

#define NAME_EXPECTED "a name of a-z, 0-9, _ and -, at most 64 bytes and no reserved name"

static const struct {
	bool (*read)(const char *text, double *number);
	const char *expected; /* NULL: expected_names() lists them */
} values[QUERY_KEYS] = {
	[KEY_CATEGORY] = { is_category, NAME_EXPECTED },
	[KEY_SUBCATEGORY] = { is_category, NAME_EXPECTED },
	[KEY_COMPONENT_TYPE] = { is_component_type, NULL },
	[KEY_PATTERN_TYPE] = { is_pattern_type, NULL },
	[KEY_PATTERN_NAME] = { is_unit, NULL },
	[KEY_LIBRARY] = { is_library, "the name of a package, such as nemo or airflow.providers.amazon" },
	[KEY_COMPONENT] = { is_name, "the name of a directory under components/" },
	[KEY_COMPLEXITY] = { is_complexity, "one of low, medium, high, very_high" },
	[KEY_CONFIDENCE] = { is_band, "one of high, medium, low" },
	[KEY_MIN_CONFIDENCE] = { is_ratio, "a number from 0 to 1" },
	[KEY_MIN_SUCCESS_COUNT] = { is_count, "a whole number not below 0" },
	[KEY_MIN_SUCCESS_SCORE] = { is_score, "a number not below 0" },
	[KEY_WITH] = { is_name, "the name of a pattern's file" },
	[KEY_SIMILAR_TO] = { is_name, "the name of a directory under components/" },
	[KEY_TEXT] = { is_words, "at least one word" },
	[KEY_SORT] = { is_sort, "one of rank, confidence, recent, support, name" },
	[KEY_LIMIT] = { is_limit, "a whole number from 1 to 10000" },
	[KEY_BUDGET] = { is_budget, "a whole number from 100 to 1000000" },
	[KEY_OF] = { is_kind, "one of patterns, components" },
};

static void add_name(pf_text *list, const char *name)
{
	pf_text_puts(list, list->len ? ", " : "one of ");
	pf_text_puts(list, name);
}

static void expected_names(enum key key, pf_text *list)
{
	enum pf_pattern_type type;
	const char *name;

	if (key == KEY_COMPONENT_TYPE)
		for (int i = 1; i < PF_COMPONENT_TYPE_END; i++)
			add_name(list, pf_component_type_name(i));
	if (key == KEY_PATTERN_TYPE)
		for (int i = 1; i < PF_PATTERN_TYPE_END; i++)
			add_name(list, pf_pattern_type_name(i));
	if (key == KEY_PATTERN_NAME)
		for (size_t i = 0; (name = pf_pattern_unit(i, &type)); i++)
			add_name(list, name);
}

static int refuse_value(enum key key, const char *text, pf_err *err)
{
	__attribute__((cleanup(pf_text_free))) pf_text list = { 0 };
	char shown[NAME_ROOM];

	expected_names(key, &list);
	return pf_fail(err, EINVAL, "%s '%s': expected %s", query_key_names[key], name_shown(text, shown),
		       list.bytes	      ? list.bytes
		       : values[key].expected ? values[key].expected
					      : "another");
}

static int refuse_key(const char *pair, pf_err *err)
{
	__attribute__((cleanup(pf_text_free))) pf_text list = { 0 };
	char shown[NAME_ROOM];

	for (int i = 0; i < QUERY_KEYS; i++)
		add_name(&list, query_key_names[i]);
	return pf_fail(err, EINVAL, "'%s': expected key=value, the key %s", name_shown(pair, shown),
		       list.bytes ? list.bytes : "another");
}

/* ---- queries ---- */

void pf_query_free(pf_query *query)
{
	if (!query)
		return;
	for (int i = 0; i < QUERY_KEYS; i++)
		free(query->values[i].text);
	free(query);
}

static pf_query *copy(const pf_query *query)
{
	pf_query *made = calloc(1, sizeof *made);

	for (int i = 0; made && query && i < QUERY_KEYS; i++) {
		if (!query->values[i].text)
			continue;
		made->values[i].number = query->values[i].number;
		made->values[i].text = strdup(query->values[i].text);
		if (!made->values[i].text) {
			pf_query_free(made);
			return NULL;
		}
	}
	return made;
}

/* The key of PAIR, and its value; -1. */
static int split(const char *pair, const char **value)
{
	size_t len = strcspn(pair, "=");

	*value = pair + len + 1;
	for (int i = 0; pair[len] && i < QUERY_KEYS; i++)
		if (strlen(query_key_names[i]) == len && memcmp(query_key_names[i], pair, len) == 0)
			return i;
	return -1;
}

/* What PAIR says, or minus an errno value. */
static int check(const pf_query *query, const char *pair, double *number, const char **text, pf_err *err)
{
	int key = split(pair, text);

	if (key < 0)
		return refuse_key(pair, err);
	if (query && query_has(query, (enum key)key))
		return pf_fail(err, EINVAL, "%s: said already, expected each key at most once", query_key_names[key]);
	if (strlen(*text) > NAME_LIMIT || !pf_utf8_valid(*text, strlen(*text)) || !values[key].read(*text, number))
		return refuse_value((enum key)key, *text, err);
	return key;
}

pf_query *pf_query_narrow(const pf_query *query, const char *pair, pf_err *err)
{
	double number = 0;
	const char *text;
	pf_query *made;
	int key = check(query, pair, &number, &text, err);

	if (key < 0)
		return NULL;
	made = copy(query);
	if (made)
		made->values[key] = (struct query_value){ .text = strdup(text), .number = number };
	if (!made || !made->values[key].text) {
		pf_query_free(made);
		no_memory(err);
		return NULL;
	}
	return made;
}

bool pf_query_of_components(const pf_query *query)
{
	if (!query)
		return false;
	if (query_has(query, KEY_OF))
		return query->values[KEY_OF].number > 0;
	return query_has(query, KEY_SIMILAR_TO) || query_has(query, KEY_MIN_SUCCESS_SCORE);
}

static int64_t number_or(const pf_query *query, enum key key, int64_t otherwise)
{
	return query && query_has(query, key) ? (int64_t)query->values[key].number : otherwise;
}

int64_t pf_query_limit(const pf_query *query)
{
	return number_or(query, KEY_LIMIT, PF_QUERY_LIMIT);
}

int64_t pf_query_budget(const pf_query *query)
{
	return number_or(query, KEY_BUDGET, PF_QUERY_BUDGET);
}
