/* Names and numbers: of the types, and of what this project calls a category and a range. */
#include "collect.h"

#include <string.h>

static const char *const component_types[PF_COMPONENT_TYPE_END] = {
	[PF_OPERATOR] = "operator", [PF_SENSOR] = "sensor",	[PF_HOOK] = "hook",
	[PF_TRIGGER] = "trigger",   [PF_NOTIFIER] = "notifier",
};

/* Names of the root directory. */
static const char *const reserved[] = {
	"README.md", "stats.json", "history.jsonl", "outcome", "incoming", "components", "query", "errors", "libraries",
};

/* Each is what a collector says to unit_start(). */
static const struct {
	const char *name;
	enum pf_pattern_type type;
} units[] = {
	{ "structural_pattern", PF_STRUCTURAL },
	{ "import_item", PF_IMPORT },
	{ "dual_import", PF_IMPORT },
	{ "execution_pattern", PF_EXECUTION },
	{ "raise", PF_ERROR_HANDLING },
	{ "exception_handler", PF_ERROR_HANDLING },
	{ "template_fields_pattern", PF_TEMPLATE_FIELDS },
	{ "template_field", PF_TEMPLATE_FIELDS },
	{ "jinja_guard", PF_TEMPLATE_FIELDS },
	{ "parameter_ordering_pattern", PF_PARAMETER_ORDERING },
	{ "parameter", PF_PARAMETER_ORDERING },
	{ "mock_execution_pattern", PF_MOCK_EXECUTION },
	{ "log_call", PF_LOGGING },
	{ "guard", PF_VALIDATION },
	{ "runtime_access", PF_RUNTIME_PARAMETERS },
	{ "initialization_pattern", PF_INITIALIZATION },
	{ "init_statement", PF_INITIALIZATION },
};

const char *pf_pattern_unit(size_t number, enum pf_pattern_type *type)
{
	if (number >= sizeof units / sizeof *units)
		return NULL;
	*type = units[number].type;
	return units[number].name;
}

int pf_pattern_unit_type(const char *name)
{
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(units[i].name, name) == 0)
			return (int)units[i].type;
	return 0;
}

const char *pf_component_type_name(int type)
{
	return type > 0 && type < PF_COMPONENT_TYPE_END ? component_types[type] : NULL;
}

const char *pf_pattern_type_name(int type)
{
	return type > 0 && type < PF_PATTERN_TYPE_END ? pattern_rows[type].name : NULL;
}

int pf_component_type_number(const char *name)
{
	for (int i = 1; name && i < PF_COMPONENT_TYPE_END; i++)
		if (strcmp(component_types[i], name) == 0)
			return i;
	return 0;
}

int pf_pattern_type_number(const char *name)
{
	for (int i = 1; name && i < PF_PATTERN_TYPE_END; i++)
		if (strcmp(pattern_rows[i].name, name) == 0)
			return i;
	return 0;
}

const char *pf_complexity_range(int score)
{
	return score <= 10 ? "low" : score <= 20 ? "medium" : score <= 50 ? "high" : "very_high";
}

static bool is_category_byte(char c, bool first)
{
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
		return true;
	return !first && (c == '_' || c == '-');
}

bool pf_category_name_valid(const char *name)
{
	size_t len = name ? strlen(name) : 0;

	if (len == 0 || len > 64)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_category_byte(name[i], i == 0))
			return false;
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (strcmp(reserved[i], name) == 0)
			return false;
	return true;
}
