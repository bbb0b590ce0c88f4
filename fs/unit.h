/*
 * Units, the kinds of patterns, as prompt.md shows them: which group a unit
 * stands in, in which form, and what a pattern of it is in words. A new unit is
 * a new row of units[].
 */
#ifndef PF_UNIT_H
#define PF_UNIT_H

#include <cjson/cJSON.h>

#include "text.h"

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

extern const char *const group_titles[GROUP_COUNT];

/*
 * What a unit is in words. {key} is a member of pattern_data as code, an array's elements with commas; {~key} as
 * words, {#key} the number of an array's elements. {?key} says nothing, but like all of them needs a value that is
 * not null, false, 0 or empty: where one is missing, what [ ] hold around it is left out.
 */
struct unit {
	const char *type, *name; /* pattern_type, pattern_name */
	enum group group;
	const char *list;  /* compact: what the list of them is called; NULL: full */
	bool example;	   /* the source says more than the template */
	const char *words; /* above; NULL: its name will do */
};

enum { UNIT_COMPONENTS, UNIT_OTHER, UNIT_COUNT = 19 }; /* above these two the units of patterns */

extern const struct unit units[UNIT_COUNT];

/* The row of patterns of TYPE and NAME: UNIT_OTHER where they are unknown, UNIT_COMPONENTS where one is NULL. */
int unit_find(const char *type, const char *name);
/* Appends what a pattern of the row UNIT is in words, by its pattern_data, or its NAME where DATA says too little. */
void unit_words(pf_text *out, int unit, const char *name, const cJSON *data);

#endif
