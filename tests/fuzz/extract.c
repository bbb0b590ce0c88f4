/*
 * The extractor under libFuzzer: whatever the bytes are, it answers with
 * components or with a reason, within bounds. Every pattern that it gives is
 * checked for what its callers rely on.
 */
#include <stdlib.h>
#include <string.h>

#include "extract.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good)
{
	if (!good)
		abort();
}

static void check_component(const pf_component *component)
{
	check(component->name && *component->name && component->record && component->libraries);
	check(pf_component_type_name((int)component->type) != NULL);
	check(pf_category_name_valid(component->category));
	check(component->first_line >= 1 && component->last_line >= component->first_line);
	check(pf_utf8_valid(component->record, strlen(component->record)));
	for (size_t i = 0; i < component->pattern_count; i++) {
		const pf_pattern *pattern = &component->patterns[i];

		check(pf_pattern_type_name((int)pattern->type) != NULL);
		check(strlen(pattern->signature) == 32);
		check(pattern->first_line >= 1 && pattern->last_line >= pattern->first_line);
		check(pf_utf8_valid(pattern->data, strlen(pattern->data)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static pf_extractor *extractor;
	pf_module *module = NULL;
	pf_err err = { 0 };
	int result;

	if (!extractor) {
		extractor = pf_extractor_new(NULL, &err);
		check(extractor != NULL);
	}
	result = pf_extract(extractor, "fuzz.py", (const char *)data, size, &module, &err);
	if (result == 0) {
		check(module && module->component_count > 0);
		for (size_t i = 0; i < module->component_count; i++)
			check_component(&module->components[i]);
	} else {
		check(!module && err.code == -result && *err.why);
	}
	pf_module_free(module);
	return 0;
}
