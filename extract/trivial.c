/*
 * What everybody writes and nobody needs to be told: `import os`, `**kwargs`,
 * `self.x = None`, a log line without a value. Such patterns are counted like
 * all others, and come last where patterns are ranked.
 */
#include "trivial.h"
#include "known.h"

#include <string.h>

/* A canonical form that begins and ends so; one that has no end is meant whole. */
struct trivial_row {
	const char *unit, *start, *end;
};

static const struct trivial_row trivial_rows[] = {
	{ "execution_pattern", "def ", "(self):" },
	{ "execution_pattern", "def ", "(self):\n    return $name" },
	{ "execution_pattern", "def ", "(self):\n    return $call" },
	{ "execution_pattern", "def ", "(self, context):" },
	{ "execution_pattern", "def ", "(self, context):\n    return $name" },
	{ "execution_pattern", "def ", "(self, context):\n    return $attribute" },
	{ "execution_pattern", "def ", "(self, context):\n    return $call" },
	{ "execution_pattern", "def ", "(self, context):\n    return $expression" },
	{ "init_statement", "$1 = $2", NULL },
	{ "init_statement", "self.$1 = $2", NULL },
	{ "init_statement", "self.$1 = $num", NULL },
	{ "init_statement", "self.$1 = $str", NULL },
	{ "init_statement", "self.$1 = None", NULL },
	{ "init_statement", "self.$1 = True", NULL },
	{ "init_statement", "self.$1 = False", NULL },
	{ "init_statement", "self.$1 = []", NULL },
	{ "init_statement", "self.$1 = {}", NULL },
	{ "init_statement", "self.$1()", NULL },
	{ "log_call", "log.", "($str)  # literal" },
	{ "log_call", "log.", "($)  # other" },
	{ "log_call", "log.", "($call)  # other" },
	{ "log_call", "log.", "($expr)  # other" },
	{ "parameter", "*", "" },
	{ "parameter_ordering_pattern", "(self)", NULL },
	{ "parameter_ordering_pattern", "(self, *args)", NULL },
	{ "parameter_ordering_pattern", "(self, **kwargs)", NULL },
	{ "parameter_ordering_pattern", "(self, *args, **kwargs)", NULL },
	{ "raise", "raise", NULL },
	{ "raise", "raise $", NULL },
	{ "raise", "raise $expr", NULL },
	{ "runtime_access", "", "[$1]" },
};

/* An import of the standard library. */
static bool is_standard_import(slice template)
{
	slice module = template;
	uint32_t len = 0;

	if (slice_starts(template, "from "))
		module = (slice){ template.at + 5, template.len - 5 };
	else if (slice_starts(template, "import "))
		module = (slice){ template.at + 7, template.len - 7 };
	while (len < module.len && module.at[len] != '.' && module.at[len] != ' ')
		len++;
	/* A relative import has no first name. */
	return len && is_standard_module((slice){ module.at, len });
}

static bool matches(const struct trivial_row *row, slice template)
{
	if (!row->end)
		return slice_is(template, row->start);
	return template.len >= strlen(row->start) + strlen(row->end) && slice_starts(template, row->start) &&
	       slice_ends(template, row->end);
}

bool is_trivial(const char *unit, slice template)
{
	if (strcmp(unit, "import_item") == 0)
		return is_standard_import(template);
	for (size_t i = 0; i < sizeof trivial_rows / sizeof *trivial_rows; i++)
		if (strcmp(trivial_rows[i].unit, unit) == 0 && matches(&trivial_rows[i], template))
			return true;
	return false;
}
