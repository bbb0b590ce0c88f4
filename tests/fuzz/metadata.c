/*
 * What people say of submissions, under libFuzzer: a directory's name in the
 * first line, NAME.json behind it. Each is taken or refused with a sentence, in
 * compiler form; what is taken is within bounds, and read again says the same.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "place.h"
#include "store-internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_NAME "some.json"

static void check_sentence(const pf_err *err)
{
	check(err->code == EINVAL && *err->why && pf_utf8_valid(err->why, strlen(err->why)));
	for (const char *c = err->why; *c; c++)
		check((unsigned char)*c >= ' ' && *c != 0x7f);
}

static void check_metadata(const struct metadata *metadata)
{
	pf_text line = { 0 };
	bool no_memory;
	cJSON *json;

	check(!metadata->category[0] || pf_category_name_valid(metadata->category));
	check(!metadata->subcategory[0] || pf_category_name_valid(metadata->subcategory));
	check(!metadata->component_type || pf_component_type_name(metadata->component_type));
	check(!metadata->has_success_score || (isfinite(metadata->success_score) && metadata->success_score >= 0));
	metadata_print(metadata, &line);
	check(!line.failed && memchr(line.bytes, '\n', line.len) == line.bytes + line.len - 1);
	check(pf_utf8_valid(line.bytes, line.len));
	json = pf_json_read(line.bytes, line.len, NULL, &no_memory);
	check(cJSON_IsObject(json));
	cJSON_Delete(json);
	pf_text_free(&line);
}

/* Its other members, read again, are the same and say nothing else. */
static void check_again(const struct metadata *metadata)
{
	struct metadata again;
	pf_err err = { 0 };

	check(metadata_from_json(FILE_NAME, metadata->generation, strlen(metadata->generation), &again, &err) == 0);
	check(strcmp(again.generation, metadata->generation) == 0);
	check(!again.category[0] && !again.subcategory[0] && !again.component_type && !again.has_success_score);
	metadata_free(&again);
}

static void check_name(const char *name, struct metadata *metadata)
{
	pf_err err = { 0 };
	int result = metadata_from_name(name, metadata, &err);

	if (result < 0)
		check_sentence(&err);
	else
		check(result == (strchr(name, '=') && (metadata->category[0] || metadata->subcategory[0] ||
						       metadata->component_type || metadata->has_success_score)));
	check_metadata(metadata);
}

static void check_json(const char *json, size_t len, const struct metadata *above)
{
	struct metadata metadata, copy;
	pf_err err = { 0 };
	int line, column;

	if (metadata_from_json(FILE_NAME, json, len, &metadata, &err) < 0) {
		check_sentence(&err);
		check(sscanf(err.why, FILE_NAME ":%d:%d: error: ", &line, &column) == 2 ||
		      strncmp(err.why, FILE_NAME ": error: ", strlen(FILE_NAME ": error: ")) == 0);
		check(!metadata.generation);
		return;
	}
	check_metadata(&metadata);
	check_again(&metadata);
	copy = metadata;
	metadata_inherit(&copy, above);
	check(!metadata.category[0] || strcmp(copy.category, metadata.category) == 0);
	check(metadata_equal(&copy, &copy));
	metadata_free(&metadata);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
	size_t first = newline ? (size_t)(newline - data) : size, rest = newline ? size - first - 1 : 0;
	char *name = strndup((const char *)data, first), *json = malloc(rest + 1);
	struct metadata above;

	check(name && json);
	if (rest)
		memcpy(json, data + first + 1, rest);
	json[rest] = '\0';
	check_name(name, &above);
	check_json(json, rest, &above);
	free(name);
	free(json);
	return 0;
}
