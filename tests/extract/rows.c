#include "rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

void fail_row(const char *row, const char *what, const char *got, const char *want)
{
	print_error("row \"%s\": %s\n   got: %s\n  want: %s\n", row, what, got, want);
	failures++;
}

void rows_done(void)
{
	int count = failures;

	failures = 0;
	assert_int_equal(count, 0);
}

pf_extractor *extractor;

int setup(void **state)
{
	pf_err err = { 0 };

	(void)state;
	extractor = pf_extractor_new(NULL, &err);
	if (!extractor)
		print_error("%s\n", err.why); /* names the query and the byte where one does not compile */
	return extractor ? 0 : -1;
}

int teardown(void **state)
{
	(void)state;
	pf_extractor_free(extractor);
	return 0;
}

const cJSON *follow(const cJSON *json, const char *path)
{
	char part[64];

	while (json && *path) {
		size_t len = strcspn(path, ".");

		snprintf(part, sizeof part, "%.*s", (int)len, path);
		json = cJSON_IsArray(json) ? cJSON_GetArrayItem(json, atoi(part)) : cJSON_GetObjectItem(json, part);
		path += len + (path[len] == '.');
	}
	return json;
}
