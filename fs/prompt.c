/*
 * prompt.md. A result becomes an entry as it comes: its words, its template and
 * its example are rendered at once, for nothing of the result may be kept. In
 * the end entries are chosen, each unit of each group in turn, as long as the
 * budget lasts; bytes are additive, so each choice is one sum.
 *
 * Entries are of two forms. The full one has a line of words, the template in a
 * fence and perhaps an example. The compact one is a line in a fence that all of
 * its unit share, for what needs no words: an import, a parameter's name.
 */
#include "prompt.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BYTES_PER_TOKEN = 4,
	TITLE_LIMIT = 200,    /* bytes */
	SPAN_LIMIT = 100,     /* bytes of a value within a sentence */
	WORD_LIMIT = 40,      /* bytes of a value that stands there as a word */
	LIST_SHOWN = 6,	      /* values of an array within a sentence */
	COMPACT_LIMIT = 140,  /* bytes of a compact line, without its comment */
	EXAMPLE_LINES = 12,   /* of source */
	EXAMPLE_LIMIT = 1200, /* bytes */
	SHARE = 4,	      /* at first no entry takes more than this part of the budget */
	CONTAINED_IN = 256,   /* so many better templates are looked through for the same lines */
	FENCE = 3,	      /* backticks, at least */
	COMPACT_TURN = 4,     /* so many of a list at a turn, for they are short */
};

/* ---- groups and units ---- */

/* In reading order. */
enum group {
	GROUP_COMPONENTS,
	GROUP_IMPORTS,
	GROUP_STRUCTURE,
	GROUP_TEMPLATE_FIELDS,
	GROUP_PARAMETERS,
	GROUP_INITIALIZATION,
	GROUP_VALIDATION,
	GROUP_EXECUTION,
	GROUP_RUNTIME,
	GROUP_ERROR_HANDLING,
	GROUP_LOGGING,
	GROUP_MOCK,
	GROUP_OTHER,
	GROUP_COUNT,
};

static const char *const group_titles[GROUP_COUNT] = {
	[GROUP_COMPONENTS] = "Components",
	[GROUP_IMPORTS] = "Imports",
	[GROUP_STRUCTURE] = "Structure",
	[GROUP_TEMPLATE_FIELDS] = "Template fields",
	[GROUP_PARAMETERS] = "Parameters",
	[GROUP_INITIALIZATION] = "Initialization",
	[GROUP_VALIDATION] = "Validation",
	[GROUP_EXECUTION] = "Execution",
	[GROUP_RUNTIME] = "Run-time values",
	[GROUP_ERROR_HANDLING] = "Error handling",
	[GROUP_LOGGING] = "Logging",
	[GROUP_MOCK] = "Mock execution",
	[GROUP_OTHER] = "Other",
};

/*
 * What a unit is in words. {key} is a member of pattern_data as code, an array's elements with commas; {~key} as
 * words, {#key} the number of an array's elements. {?key} says nothing, but like all of them needs a value that is
 * not null, false or empty: where one is missing, what [ ] hold around it is left out.
 */
struct unit {
	const char *type, *name;
	enum group group;
	const char *list;  /* compact: what the list of them is called; NULL: full */
	bool example;	   /* the source says more than the template */
	const char *words; /* above */
};

static const struct unit units[] = {
	{ "import", "dual_import", GROUP_IMPORTS, NULL, false, "Import with a fallback: {primary}, else {fallback}" },
	{ "import", "import_item", GROUP_IMPORTS, "Imported", false, "Import of {name}[ from {module}]" },
	{ "structural", "structural_pattern", GROUP_STRUCTURE, NULL, false,
	  "Class derived from {component_base}[, decorated with {decorators}]" },
	{ "template_fields", "template_fields_pattern", GROUP_TEMPLATE_FIELDS, NULL, true,
	  "Template fields as a {~form}[, annotated {annotation}]" },
	{ "template_fields", "jinja_guard", GROUP_TEMPLATE_FIELDS, NULL, true, "Check for a Jinja template" },
	{ "template_fields", "template_field", GROUP_TEMPLATE_FIELDS, "Fields that are templates", false,
	  "Template field {field}" },
	{ "parameter_ordering", "parameter_ordering_pattern", GROUP_PARAMETERS, NULL, true,
	  "Parameters of `__init__`[, {#required} required][, {#optional} optional][, keyword-only{?keyword_only}]"
	  "[, {var_positional} for further positions][, {var_keyword} for the rest]" },
	{ "parameter_ordering", "parameter", GROUP_PARAMETERS, "Parameters", false, "Parameter {name}" },
	{ "initialization", "initialization_pattern", GROUP_INITIALIZATION, NULL, false,
	  "`super().__init__` {~super_init}[, with {super_arguments}]" },
	{ "initialization", "init_statement", GROUP_INITIALIZATION, "Statements of `__init__`", true,
	  "A statement of `__init__`" },
	{ "validation", "guard", GROUP_VALIDATION, NULL, true, "Guard: {~check}[, raises {exception}]" },
	{ "execution", "execution_pattern", GROUP_EXECUTION, NULL, true,
	  "Main method {main_method}[, asynchronous{?is_async}][, reads {context_keys} of the context]"
	  "[, calls its parent's{?calls_super}][, defers to a trigger{?defers}]" },
	{ "runtime_parameters", "runtime_access", GROUP_RUNTIME, "Read at run time", false,
	  "Read of {~source}[, {key}]" },
	{ "error_handling", "exception_handler", GROUP_ERROR_HANDLING, NULL, true,
	  "Handler of {exceptions}: {~actions}[ ({raises})]" },
	{ "error_handling", "raise", GROUP_ERROR_HANDLING, "Raised", false, "Raise {exception}" },
	{ "logging", "log_call", GROUP_LOGGING, NULL, true,
	  "Log call at level {~level}, {~format}[, arguments: {argument_count}]" },
	{ "mock_execution", "mock_execution_pattern", GROUP_MOCK, NULL, true, "Where {~trigger}: {~actions}" },
};
enum { UNIT_COUNT = sizeof units / sizeof *units, QUEUE_COMPONENTS = UNIT_COUNT, QUEUE_OTHER, QUEUE_COUNT };

/* Patterns of types or names that are not known here yet. */
static const struct unit other = { "", "", GROUP_OTHER, NULL, true, NULL };
static const struct unit component = { "", "", GROUP_COMPONENTS, "", false, NULL };

/* Values of {~key} that are names of the extractor's and not yet words. */
static const struct {
	const char *key, *value, *words;
} vocabulary[] = {
	{ "check", "required", "a required value" },
	{ "check", "enum", "one of a set of values" },
	{ "check", "type", "a value's type" },
	{ "check", "range", "a value within bounds" },
	{ "check", "other", "a condition" },
	{ "trigger", "import_error", "an import fails" },
	{ "trigger", "availability_flag", "a flag says that a library is missing" },
	{ "trigger", "environment", "the environment asks for it" },
	{ "trigger", "none_guard", "an optional module is None" },
	{ "super_init", "middle", "in the middle" },
	{ "super_init", "only", "and nothing else" },
	{ "super_init", "none", "not called" },
	{ "format", "percent", "%-style text" },
	{ "format", "fstring", "f-string" },
	{ "format", "literal", "plain text" },
	{ "format", "str_format", "str.format() text" },
	{ "format", "other", "expression" },
	{ "actions", "log_debug", "log at debug" },
	{ "actions", "log_info", "log at info" },
	{ "actions", "log_warning", "log at warning" },
	{ "actions", "log_error", "log at error" },
	{ "actions", "log_exception", "log the exception" },
	{ "actions", "return_value", "return a value" },
	{ "actions", "return_none", "return" },
	{ "actions", "reraise", "raise again" },
	{ "source", "dag_run_conf", "the DAG run's configuration" },
	{ "source", "airflow_conf", "Airflow's configuration" },
};

static int queue_of(const pf_result *result)
{
	if (!result->pattern_type || !result->pattern_name)
		return QUEUE_COMPONENTS;
	for (int i = 0; i < UNIT_COUNT; i++)
		if (strcmp(units[i].type, result->pattern_type) == 0 &&
		    strcmp(units[i].name, result->pattern_name) == 0)
			return i;
	return QUEUE_OTHER;
}

static const struct unit *unit_of(int queue)
{
	return queue < UNIT_COUNT ? &units[queue] : queue == QUEUE_COMPONENTS ? &component : &other;
}

struct prompt_entry {
	int queue;
	bool compact;
	bool taken, example_taken;
	bool once;	 /* shown by one component alone */
	bool again;	 /* an earlier one has the same signature */
	char *signature; /* NULL: has none */
	char *lines;	 /* of the template, each trimmed, with a newline before and after all */
	char *text;	 /* the entry without its example */
	char *example;	 /* what follows then, or NULL */
	size_t text_len, example_len;
};

static void entry_free(struct prompt_entry *entry)
{
	free(entry->signature);
	free(entry->lines);
	free(entry->text);
	free(entry->example);
}

/* ---- text that is not to be trusted ---- */

/* Appends at most LIMIT bytes of STRING as UTF-8; control characters become spaces, but for tabs and, of several LINES,
 * newlines. */
static void put_clean(pf_text *out, const char *string, size_t limit, bool lines)
{
	size_t len = strlen(string), at = 0;

	while (at < len) {
		int n = pf_utf8_length(string + at, len - at);
		unsigned char c = (unsigned char)string[at];

		if (at + (size_t)(n ? n : 1) > limit) {
			pf_text_puts(out, "…");
			return;
		}
		if (n == 0)
			pf_text_puts(out, "\xef\xbf\xbd");
		else if ((c < ' ' && !(lines && (c == '\n' || c == '\t'))) || c == 0x7f)
			pf_text_puts(out, " ");
		else
			pf_text_add(out, string + at, (size_t)n);
		at += (size_t)(n ? n : 1);
	}
}

static size_t longest_run(const char *string, char c)
{
	size_t longest = 0, run = 0;

	for (; *string; string++) {
		run = *string == c ? run + 1 : 0;
		if (run > longest)
			longest = run;
	}
	return longest;
}

static void put_run(pf_text *out, char c, size_t count)
{
	for (size_t i = 0; i < count; i++)
		pf_text_add(out, &c, 1);
}

/* STRING as a code span: more backticks than it holds in a row, and spaces where it begins or ends with one
 * (CommonMark 0.31, 6.1). */
static void put_span(pf_text *out, const char *string)
{
	__attribute__((cleanup(pf_text_free))) pf_text clean = { 0 };
	size_t ticks;
	bool pad;

	put_clean(&clean, string, SPAN_LIMIT, false);
	if (clean.failed || !clean.len) {
		out->failed |= clean.failed;
		return;
	}
	ticks = longest_run(clean.bytes, '`') + 1;
	pad = clean.bytes[0] == '`' || clean.bytes[clean.len - 1] == '`';
	put_run(out, '`', ticks == 1 ? 1 : ticks);
	pf_text_puts(out, pad ? " " : "");
	pf_text_add(out, clean.bytes, clean.len);
	pf_text_puts(out, pad ? " " : "");
	put_run(out, '`', ticks == 1 ? 1 : ticks);
}

/* STRING as words: letters and digits, all else a space. */
static void put_plain(pf_text *out, const char *string)
{
	for (size_t i = 0; string[i] && i < WORD_LIMIT; i++) {
		char c = string[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		pf_text_add(out, plain ? &c : " ", 1);
	}
}

/* CODE in a fence that nothing in it closes (CommonMark 0.31, 4.5). */
static void put_fenced(pf_text *out, const char *code)
{
	size_t ticks = longest_run(code, '`') + 1;

	if (ticks < FENCE)
		ticks = FENCE;
	put_run(out, '`', ticks);
	pf_text_puts(out, "python\n");
	pf_text_puts(out, code);
	pf_text_puts(out, "\n");
	put_run(out, '`', ticks);
	pf_text_puts(out, "\n");
}

/* ---- words ---- */

static const char *member(const cJSON *data, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(data, key);

	return cJSON_IsString(item) && item->valuestring[0] ? item->valuestring : NULL;
}

static void put_word(pf_text *out, const char *key, const char *value)
{
	for (size_t i = 0; i < sizeof vocabulary / sizeof *vocabulary; i++) {
		if (strcmp(vocabulary[i].key, key) == 0 && strcmp(vocabulary[i].value, value) == 0) {
			pf_text_puts(out, vocabulary[i].words);
			return;
		}
	}
	put_plain(out, value);
}

/* A string, or a number; false for all else. */
static bool put_scalar(pf_text *out, char how, const char *key, const cJSON *item)
{
	if (cJSON_IsNumber(item) && isfinite(item->valuedouble)) {
		pf_text_printf(out, "%.6g", item->valuedouble);
		return item->valuedouble != 0;
	}
	if (!cJSON_IsString(item) || !item->valuestring[0])
		return false;
	if (how == '~')
		put_word(out, key, item->valuestring);
	else
		put_span(out, item->valuestring);
	return true;
}

static bool put_array(pf_text *out, char how, const char *key, const cJSON *array)
{
	int shown = 0;

	for (const cJSON *item = array->child; item; item = item->next) {
		if (shown == LIST_SHOWN) {
			pf_text_puts(out, ", …");
			break;
		}
		if (shown)
			pf_text_puts(out, ", ");
		if (!put_scalar(out, how, key, item))
			return false;
		shown++;
	}
	return shown > 0;
}

/* One of {key}, {~key}, {#key} and {?key}; false where DATA says nothing there. */
static bool put_value(pf_text *out, const cJSON *data, char how, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(data, key);

	if (how == '?')
		return cJSON_IsTrue(item);
	if (how == '#') {
		int count = cJSON_IsArray(item) ? cJSON_GetArraySize(item) : 0;

		pf_text_printf(out, "%d", count);
		return count > 0;
	}
	return cJSON_IsArray(item) ? put_array(out, how, key, item) : put_scalar(out, how, key, item);
}

/* The field that *WORDS stands at, behind its brace; *WORDS moves behind it. */
static bool put_field(pf_text *out, const char **words, const cJSON *data)
{
	char how = strchr("~#?", **words) ? *(*words)++ : 0, key[32];
	size_t len = strcspn(*words, "}");

	snprintf(key, sizeof key, "%.*s", (int)len, *words);
	*words += len + 1;
	return put_value(out, data, how, key);
}

/* A unit's words; false, with part of them, where DATA lacks what they need. */
static bool put_words(pf_text *out, const char *words, const cJSON *data)
{
	size_t optional = 0;
	bool inside = false, complete = true;

	while (*words) {
		size_t len = strcspn(words, "{[]");

		pf_text_add(out, words, len);
		words += len;
		if (*words == '[') {
			optional = out->len;
			inside = complete = true;
			words++;
		} else if (*words == ']') {
			if (!complete && out->bytes)
				out->bytes[out->len = optional] = '\0';
			inside = false;
			words++;
		} else if (*words == '{') {
			words++;
			complete &= put_field(out, &words, data);
			if (!complete && !inside)
				return false;
		}
	}
	return true;
}

static double ratio(double value)
{
	return value >= 0 && value <= 1 ? value : 0; /* NAN too */
}

/* "12 hooks": how many show it. A pattern's components are all of one type. */
static void put_count(pf_text *out, const pf_result *result)
{
	const char *type = result->component_type;

	pf_text_printf(out, "%" PRId64 " ", result->component_count);
	put_plain(out, type && type[0] ? type : "component");
	pf_text_puts(out, result->component_count == 1 ? "" : "s");
}

static void put_support(pf_text *out, const pf_result *result)
{
	pf_text_printf(out, "Confidence %.2f (Wilson ≥ %.2f), ", ratio(result->confidence), ratio(result->lower_bound));
	put_count(out, result);
	pf_text_printf(out, ", %" PRId64 " ok / %" PRId64 " failed.", result->success, result->failure);
}

/* ---- entries ---- */

/* The lines of TEMPLATE without the space around them, so that the same lines are found at any depth. */
static char *lines_of(const char *template)
{
	pf_text lines = { 0 };

	pf_text_puts(&lines, "\n");
	while (*template) {
		size_t len = strcspn(template, "\n"), start = strspn(template, " \t"), end = len;

		while (end > start && (template[end - 1] == ' ' || template[end - 1] == '\t'))
			end--;
		if (end > start) {
			pf_text_add(&lines, template + start, end - start);
			pf_text_puts(&lines, "\n");
		}
		template += len + (template[len] == '\n');
	}
	return pf_text_take(&lines);
}

/* Equal but for white space. */
static bool same_words(const char *a, const char *b)
{
	for (;;) {
		a += strspn(a, " \t\n");
		b += strspn(b, " \t\n");
		if (*a != *b)
			return false;
		if (!*a)
			return true;
		a++;
		b++;
	}
}

static int count_lines(const char *text)
{
	int lines = 1;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

/* The member KEY as code, appended to OUT without newlines at its end; nothing where there is none. */
static void put_code(pf_text *out, const cJSON *data, const char *key, size_t limit)
{
	const char *code = member(data, key);

	if (!code)
		return;
	put_clean(out, code, limit, true);
	while (out->len && strchr(" \t\n", out->bytes[out->len - 1]))
		out->bytes[--out->len] = '\0';
}

/* What follows the entry, where the source says more than TEMPLATE and is short. */
static void render_example(const cJSON *data, const char *template, pf_text *out)
{
	__attribute__((cleanup(pf_text_free))) pf_text code = { 0 };

	put_code(&code, data, "code", EXAMPLE_LIMIT + 1);
	if (code.len && code.len <= EXAMPLE_LIMIT && count_lines(code.bytes) <= EXAMPLE_LINES &&
	    !same_words(code.bytes, template)) {
		pf_text_puts(out, "Example:\n");
		put_fenced(out, code.bytes);
	}
	out->failed |= code.failed;
}

/* A line of the unit's list. */
static void render_compact(const pf_result *result, const char *template, pf_text *out)
{
	pf_text_puts(out, template);
	pf_text_puts(out, "  # ");
	put_count(out, result);
	if (result->failure)
		pf_text_printf(out, ", confidence %.2f", ratio(result->confidence));
	pf_text_puts(out, "\n");
}

static void render_full(const struct unit *unit, const pf_result *result, const cJSON *data, const char *template,
			pf_text *out)
{
	size_t start;

	pf_text_puts(out, "\n**");
	start = out->len;
	if ((!unit->words || !put_words(out, unit->words, data)) && out->bytes) {
		out->bytes[out->len = start] = '\0';
		put_plain(out, result->pattern_name);
	}
	pf_text_puts(out, ".** ");
	put_support(out, result);
	pf_text_puts(out, "\n");
	if (template[0])
		put_fenced(out, template);
}

/* `Name`, operator, ml/nlp: … */
static void render_component(const pf_result *result, pf_text *out)
{
	__attribute__((cleanup(pf_text_free))) pf_text path = { 0 };

	pf_text_puts(out, "- ");
	put_span(out, result->name ? result->name : "");
	pf_text_puts(out, ", ");
	put_plain(out, result->component_type ? result->component_type : "");
	pf_text_puts(out, ", ");
	put_clean(out, result->category ? result->category : "", WORD_LIMIT * 2, false);
	if (result->subcategory) {
		pf_text_puts(out, "/");
		put_clean(out, result->subcategory, WORD_LIMIT * 2, false);
	}
	if (isfinite(result->success_score))
		pf_text_printf(out, ", success score %.6g", result->success_score);
	pf_text_printf(out, ", confidence %.2f: ", ratio(result->confidence));
	pf_text_printf(&path, "%s/source.py", result->path ? result->path : "");
	if (!path.failed)
		put_span(out, path.bytes);
	pf_text_puts(out, "\n");
	out->failed |= path.failed;
}

/* Hands BUILT to *TEXT; false where memory ran out. */
static bool hand_over(pf_text *built, char **text, size_t *len)
{
	*len = built->len;
	*text = NULL;
	if (!built->len)
		return !built->failed;
	*text = pf_text_take(built);
	return *text != NULL;
}

static bool compact_enough(const char *template)
{
	return template[0] && strlen(template) <= COMPACT_LIMIT && !strchr(template, '\n') &&
	       longest_run(template, '`') < FENCE;
}

static bool render_pattern(struct prompt_entry *entry, const pf_result *result, const cJSON *data)
{
	const struct unit *unit = unit_of(entry->queue);
	__attribute__((cleanup(pf_text_free))) pf_text code = { 0 }, text = { 0 }, example = { 0 };
	const char *template;

	put_code(&code, data, "template", SIZE_MAX);
	template = code.len ? code.bytes : "";
	entry->compact = unit->list && compact_enough(template);
	if (entry->compact)
		render_compact(result, template, &text);
	else
		render_full(unit, result, data, template, &text);
	if (unit->example && !entry->compact)
		render_example(data, template, &example);
	entry->lines = lines_of(template);
	return !code.failed && entry->lines && hand_over(&text, &entry->text, &entry->text_len) &&
	       hand_over(&example, &entry->example, &entry->example_len);
}

/* pattern_data's members, as an object; NULL where they are none. */
static cJSON *parse_data(const char *members, bool *failed)
{
	pf_text text = { 0 };
	cJSON *data;

	pf_text_printf(&text, "{%s}", members);
	*failed = text.failed;
	data = text.failed ? NULL : cJSON_Parse(text.bytes);
	pf_text_free(&text);
	return data;
}

static bool render(struct prompt_entry *entry, const pf_result *result)
{
	pf_text text = { 0 };
	bool failed, ok;
	cJSON *data;

	if (entry->queue == QUEUE_COMPONENTS) {
		entry->compact = true;
		render_component(result, &text);
		return hand_over(&text, &entry->text, &entry->text_len);
	}
	if (result->signature && !(entry->signature = strdup(result->signature)))
		return false;
	data = parse_data(result->data ? result->data : "", &failed);
	ok = !failed && render_pattern(entry, result, data);
	cJSON_Delete(data);
	return ok;
}

static size_t budget_bytes(const struct prompt *prompt)
{
	return prompt->budget <= 0			      ? 0
	       : prompt->budget > INT64_MAX / BYTES_PER_TOKEN ? (size_t)INT64_MAX
							      : (size_t)prompt->budget * BYTES_PER_TOKEN;
}

static bool grow(struct prompt *prompt)
{
	size_t room = prompt->room ? prompt->room * 2 : 64;
	struct prompt_entry *entries;

	if (prompt->count < prompt->room)
		return true;
	entries = reallocarray(prompt->entries, room, sizeof *entries);
	if (!entries)
		return false;
	prompt->entries = entries;
	prompt->room = room;
	return true;
}

int prompt_add(struct prompt *prompt, const pf_result *result)
{
	struct prompt_entry entry = { .queue = queue_of(result), .once = result->component_count <= 1 };
	bool fits;

	if (!render(&entry, result) || !grow(prompt)) {
		entry_free(&entry);
		prompt->failed = true;
		return -ENOMEM;
	}
	/* What could never fit is not kept, so that memory is bounded by results times budget. */
	fits = entry.text && entry.text_len <= budget_bytes(prompt);
	if (fits)
		prompt->entries[prompt->count++] = entry;
	else
		entry_free(&entry);
	prompt->matched = true;
	return 0;
}

void prompt_start(struct prompt *prompt, const char *title, int64_t budget)
{
	*prompt = (struct prompt){ .budget = budget };
	put_clean(&prompt->title, title, TITLE_LIMIT, false);
}

/* ---- the choice ---- */

/* What is chosen so far, and what it costs. */
struct choice {
	struct prompt *prompt;
	size_t used, room;	  /* bytes */
	size_t share;		  /* no entry may take more, bytes */
	bool once;		  /* what one component alone shows is taken too, also where its group has something */
	size_t next[QUEUE_COUNT]; /* index of the entry to try next */
	int order[QUEUE_COUNT];	  /* queues, as the groups of their best came */
	int queues;
	bool group_open[GROUP_COUNT], list_open[QUEUE_COUNT];
};

static void put_group_open(pf_text *out, enum group group)
{
	pf_text_printf(out, "\n## %s\n", group_titles[group]);
}

static const char list_close[] = "```\n";

static void put_list_open(pf_text *out, int queue)
{
	if (queue == QUEUE_COMPONENTS)
		pf_text_puts(out, "\n");
	else
		pf_text_printf(out, "\n%s:\n```python\n", unit_of(queue)->list);
}

static void put_list_close(pf_text *out, int queue)
{
	if (queue != QUEUE_COMPONENTS)
		pf_text_puts(out, list_close);
}

/* Bytes that ENTRY costs besides its own: the heading of its group, its list's beginning and end. */
static size_t opening(struct choice *choice, const struct prompt_entry *entry)
{
	__attribute__((cleanup(pf_text_free))) pf_text text = { 0 };
	enum group group = unit_of(entry->queue)->group;

	if (!choice->group_open[group])
		put_group_open(&text, group);
	if (entry->compact && !choice->list_open[entry->queue]) {
		put_list_open(&text, entry->queue);
		put_list_close(&text, entry->queue);
	}
	choice->prompt->failed |= text.failed;
	return text.len;
}

/* True where what ENTRY's template says stands in one that was chosen in its group already. */
static bool contained(const struct choice *choice, const struct prompt_entry *entry)
{
	enum group group = unit_of(entry->queue)->group;
	int looked = 0;

	if (!entry->lines || !entry->lines[1])
		return false;
	for (size_t i = 0; i < choice->prompt->count && looked < CONTAINED_IN; i++) {
		const struct prompt_entry *better = &choice->prompt->entries[i];

		if (better == entry)
			return false;
		if (!better->taken || unit_of(better->queue)->group != group)
			continue;
		looked++;
		if (strstr(better->lines, entry->lines))
			return true;
	}
	return false;
}

/* True where ENTRY's turn has not come, or never will. */
static bool passed_over(const struct choice *choice, const struct prompt_entry *entry)
{
	bool waits = entry->once && !choice->once && choice->group_open[unit_of(entry->queue)->group];

	return entry->taken || entry->again || waits || entry->text_len > choice->share || contained(choice, entry);
}

/* Chooses ENTRY where it fits, with its example if that does too. */
static bool take(struct choice *choice, struct prompt_entry *entry)
{
	size_t cost, left = choice->room - choice->used;

	if (passed_over(choice, entry))
		return false;
	cost = entry->text_len + opening(choice, entry);
	if (cost > left)
		return false;
	entry->example_taken = entry->example && entry->text_len + entry->example_len <= choice->share &&
			       cost + entry->example_len <= left;
	choice->used += cost + (entry->example_taken ? entry->example_len : 0);
	choice->group_open[unit_of(entry->queue)->group] = true;
	choice->list_open[entry->queue] |= entry->compact;
	entry->taken = true;
	return true;
}

/* The best of QUEUE that still fit: one, or of compact ones a few. False where none is left. */
static bool take_turn(struct choice *choice, int queue)
{
	struct prompt *prompt = choice->prompt;
	size_t *next = &choice->next[queue];
	int taken = 0;

	for (; *next < prompt->count && taken < COMPACT_TURN; ++*next) {
		struct prompt_entry *entry = &prompt->entries[*next];

		if (entry->queue == queue && take(choice, entry))
			taken += entry->compact ? 1 : COMPACT_TURN;
	}
	return taken > 0;
}

/* Rounds over all queues until none has anything left that fits. */
static void take_rounds(struct choice *choice)
{
	bool any = true;

	memset(choice->next, 0, sizeof choice->next);
	while (any) {
		any = false;
		for (int i = 0; i < choice->queues; i++)
			any |= take_turn(choice, choice->order[i]);
	}
}

/* First what recurs and leaves room for others, then what one component alone shows, then what takes much. */
static void choose(struct choice *choice)
{
	choice->share = choice->room / SHARE;
	take_rounds(choice);
	choice->once = true;
	take_rounds(choice);
	choice->share = choice->room;
	take_rounds(choice);
}

/* The queues in the order in which turns are taken: groups by their best entry, within a group by the units' best. */
static void order_queues(struct choice *choice)
{
	const struct prompt *prompt = choice->prompt;
	bool queue_seen[QUEUE_COUNT] = { 0 }, group_seen[GROUP_COUNT] = { 0 };
	int seen[QUEUE_COUNT], count = 0;

	for (size_t i = 0; i < prompt->count; i++) {
		if (!queue_seen[prompt->entries[i].queue])
			seen[count++] = prompt->entries[i].queue;
		queue_seen[prompt->entries[i].queue] = true;
	}
	for (int i = 0; i < count; i++) {
		enum group group = unit_of(seen[i])->group;

		for (int j = i; j < count && !group_seen[group]; j++)
			if (unit_of(seen[j])->group == group)
				choice->order[choice->queues++] = seen[j];
		group_seen[group] = true;
	}
}

static int by_signature(const void *a, const void *b)
{
	const struct prompt_entry *const *x = a, *const *y = b;
	int order = strcmp((*x)->signature, (*y)->signature);

	return order ? order : (*x > *y) - (*x < *y); /* as they came */
}

/* Marks those whose signature an earlier one of the same unit has: the same pattern of another category. */
static bool mark_again(struct prompt *prompt)
{
	struct prompt_entry **sorted = reallocarray(NULL, prompt->count + 1, sizeof(struct prompt_entry *));
	size_t count = 0;

	if (!sorted)
		return false;
	for (size_t i = 0; i < prompt->count; i++)
		if (prompt->entries[i].signature)
			sorted[count++] = &prompt->entries[i];
	qsort(sorted, count, sizeof *sorted, by_signature);
	for (size_t i = 1; i < count; i++)
		sorted[i]->again = sorted[i]->queue == sorted[i - 1]->queue &&
				   strcmp(sorted[i]->signature, sorted[i - 1]->signature) == 0;
	free(sorted);
	return true;
}

/* ---- the document ---- */

static bool has_patterns(const struct prompt *prompt)
{
	for (size_t i = 0; i < prompt->count; i++)
		if (prompt->entries[i].queue != QUEUE_COMPONENTS)
			return true;
	return false;
}

static void put_heading(pf_text *out, const struct prompt *prompt)
{
	bool patterns = has_patterns(prompt);

	pf_text_puts(out, patterns || !prompt->matched ? "# Airflow patterns" : "# Airflow components to read");
	if (prompt->title.len)
		pf_text_printf(out, ": %s", prompt->title.bytes);
	pf_text_puts(out, "\n");
	if (patterns)
		pf_text_puts(out,
			     "\nIdioms of existing components, best first. In templates `$1 $2` are names of your own, "
			     "`$str` is a text, `$num` a number, `$` and other `$words` an expression; all else is as "
			     "written. Confidence is ok / (ok + failed), Wilson its lower bound at 95 %.\n");
}

/* The entries chosen of QUEUE, as a list. */
static void put_list(pf_text *out, const struct prompt *prompt, int queue)
{
	put_list_open(out, queue);
	for (size_t i = 0; i < prompt->count; i++) {
		const struct prompt_entry *entry = &prompt->entries[i];

		if (entry->taken && entry->compact && entry->queue == queue)
			pf_text_add(out, entry->text, entry->text_len);
	}
	put_list_close(out, queue);
}

static void put_group(pf_text *out, const struct choice *choice, enum group group)
{
	const struct prompt *prompt = choice->prompt;

	put_group_open(out, group);
	for (size_t i = 0; i < prompt->count; i++) {
		const struct prompt_entry *entry = &prompt->entries[i];

		if (!entry->taken || entry->compact || unit_of(entry->queue)->group != group)
			continue;
		pf_text_add(out, entry->text, entry->text_len);
		if (entry->example_taken)
			pf_text_add(out, entry->example, entry->example_len);
	}
	for (int queue = 0; queue < QUEUE_COUNT; queue++)
		if (choice->list_open[queue] && unit_of(queue)->group == group)
			put_list(out, prompt, queue);
}

/* The first of the sentences that fits, or nothing. */
static void put_notice(pf_text *out, const struct prompt *prompt, size_t room)
{
	__attribute__((cleanup(pf_text_free))) pf_text notice = { 0 };

	pf_text_printf(&notice, "A budget of %" PRId64 " tokens is too small for any pattern.\n", prompt->budget);
	if (notice.len > room) {
		pf_text_reset(&notice);
		pf_text_puts(&notice, "The budget is too small.\n");
	}
	if (!notice.failed && notice.len <= room)
		pf_text_add(out, notice.bytes, notice.len);
	out->failed |= notice.failed;
}

/* The document without any entry. */
static void put_nothing(pf_text *out, const struct prompt *prompt, const pf_text *heading, size_t room)
{
	static const char none[] = "\nNothing matches.\n";

	if (prompt->matched)
		put_notice(out, prompt, room);
	else if (heading->len + sizeof none - 1 <= room)
		pf_text_printf(out, "%s%s", heading->bytes, none);
	else if (sizeof none - 2 <= room)
		pf_text_puts(out, none + 1);
}

static void put_document(pf_text *out, struct prompt *prompt)
{
	__attribute__((cleanup(pf_text_free))) pf_text heading = { 0 };
	struct choice choice = { .prompt = prompt, .room = budget_bytes(prompt) };

	put_heading(&heading, prompt);
	prompt->failed |= heading.failed || !mark_again(prompt);
	if (prompt->failed)
		return;
	if (heading.len <= choice.room) {
		choice.used = heading.len;
		order_queues(&choice);
		choose(&choice);
	}
	if (choice.used <= heading.len) {
		put_nothing(out, prompt, &heading, choice.room);
		return;
	}
	pf_text_add(out, heading.bytes, heading.len);
	for (int group = 0; group < GROUP_COUNT; group++)
		if (choice.group_open[group])
			put_group(out, &choice, (enum group)group);
}

int prompt_end(struct prompt *prompt, pf_text *out, pf_err *err)
{
	bool failed;

	prompt->failed |= prompt->title.failed;
	if (out && !prompt->failed)
		put_document(out, prompt);
	failed = prompt->failed || (out && out->failed);
	for (size_t i = 0; i < prompt->count; i++)
		entry_free(&prompt->entries[i]);
	free(prompt->entries);
	pf_text_free(&prompt->title);
	*prompt = (struct prompt){ 0 };
	return failed ? pf_fail(err, ENOMEM, "%s", strerror(ENOMEM)) : 0;
}
