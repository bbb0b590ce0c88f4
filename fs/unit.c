#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "markdown.h"

enum { LIST_SHOWN = 6 }; /* values of an array within a sentence */

const char *const group_titles[GROUP_COUNT] = {
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

const struct unit units[] = {
	[UNIT_COMPONENTS] = { "", "", GROUP_COMPONENTS, "", false, NULL },
	[UNIT_OTHER] = { "", "", GROUP_OTHER, NULL, true, NULL },
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
_Static_assert(sizeof units / sizeof *units == UNIT_COUNT, "UNIT_COUNT is not the number of rows");

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

int unit_find(const char *type, const char *name)
{
	if (!type || !name)
		return UNIT_COMPONENTS;
	for (int i = UNIT_OTHER + 1; i < UNIT_COUNT; i++)
		if (strcmp(units[i].type, type) == 0 && strcmp(units[i].name, name) == 0)
			return i;
	return UNIT_OTHER;
}

static void put_word(pf_text *out, const char *key, const char *value)
{
	for (size_t i = 0; i < sizeof vocabulary / sizeof *vocabulary; i++) {
		if (strcmp(vocabulary[i].key, key) == 0 && strcmp(vocabulary[i].value, value) == 0) {
			pf_text_puts(out, vocabulary[i].words);
			return;
		}
	}
	markdown_words(out, value);
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
		markdown_span(out, item->valuestring);
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

/* WORDS about DATA; false, with part of them, where DATA lacks what they need. */
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

void unit_words(pf_text *out, int unit, const char *name, const cJSON *data)
{
	size_t start = out->len;

	if (units[unit].words && put_words(out, units[unit].words, data))
		return;
	if (out->bytes)
		out->bytes[out->len = start] = '\0';
	markdown_words(out, name);
}
