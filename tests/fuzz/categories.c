/*
 * A user's table of categories under libFuzzer: it is taken, and then works, or
 * it is refused with a place and a reason.
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

static void check_use(const pf_categories *categories)
{
	static const char source[] = "import a.b, boto3\nclass AHook: pass\n";
	pf_extract_limits limits = { .categories = categories };
	pf_module *module = NULL;
	pf_err err = { 0 };
	pf_extractor *extractor = pf_extractor_new(&limits, &err);

	check(extractor != NULL);
	check(pf_extract(extractor, "s3/a_b.py", source, sizeof source - 1, &module, &err) == 0);
	check(pf_category_name_valid(module->components[0].category));
	check(!module->components[0].subcategory || pf_category_name_valid(module->components[0].subcategory));
	pf_module_free(module);
	pf_extractor_free(extractor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pf_err err = { 0 };
	pf_categories *categories = pf_categories_new("fuzz.csv", (const char *)data, size, &err);

	if (categories)
		check_use(categories);
	else
		check(err.code && strncmp(err.why, "fuzz.csv:", 9) == 0 && pf_utf8_valid(err.why, strlen(err.why)));
	pf_categories_free(categories);
	return 0;
}
