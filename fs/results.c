#include "results.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
	int64_t id;
	int64_t mtime;
	uint32_t path, name; /* offsets in the block */
};

struct collector {
	pf_text rows, strings;
	int64_t count;
};

static int collect(void *arg, const pf_result *result)
{
	struct collector *c = arg;
	const char *slash = strrchr(result->path, '/');
	struct row row = {
		.id = result->id,
		.mtime = result->mtime,
		.path = (uint32_t)c->strings.len,
		.name = (uint32_t)(c->strings.len + (slash ? (size_t)(slash + 1 - result->path) : 0)),
	};

	pf_text_add(&c->strings, result->path, strlen(result->path) + 1);
	pf_text_add(&c->rows, (const char *)&row, sizeof row);
	c->count++;
	return c->rows.failed || c->strings.failed || c->strings.len > UINT32_MAX / 2;
}

/* Ranks have three digits, or as many as the limit needs. */
static int width_for(int64_t limit)
{
	int width = 3;

	for (limit /= 1000; limit > 0; limit /= 10)
		width++;
	return width;
}

int results_collect(pf_store *store, const pf_query *query, bool counted, pf_text *out, pf_err *err)
{
	struct collector c = { 0 };
	struct results head = { .width = width_for(pf_query_limit(query)),
				.of_components = pf_query_of_components(query) };
	int result = pf_store_query(store, query, collect, &c, err);

	head.count = head.total = c.count;
	if (result >= 0 && counted && c.count >= pf_query_limit(query))
		result = pf_store_query_count(store, query, &head.total, err);
	if (result >= 0) {
		pf_text_add(out, (const char *)&head, sizeof head);
		pf_text_add(out, c.rows.bytes, c.rows.len);
		pf_text_add(out, c.strings.bytes, c.strings.len);
		if (c.rows.failed || c.strings.failed || out->failed)
			result = pf_fail(err, ENOMEM, "no memory for the results");
	}
	pf_text_free(&c.rows);
	pf_text_free(&c.strings);
	return result < 0 ? result : 0;
}

struct results results_of(const char *block)
{
	struct results head;

	memcpy(&head, block, sizeof head);
	return head;
}

static struct row row_of(const char *block, int64_t index)
{
	struct row row;

	memcpy(&row, block + sizeof(struct results) + (size_t)index * sizeof row, sizeof row);
	return row;
}

struct result results_get(const char *block, int64_t index)
{
	struct results head = results_of(block);
	struct row row = row_of(block, index);
	const char *strings = block + sizeof head + (size_t)head.count * sizeof row;

	return (struct result){ row.id, row.mtime, strings + row.path, strings + row.name };
}

int64_t results_find(const char *block, int64_t id)
{
	int64_t count = results_of(block).count;

	for (int64_t i = 0; i < count; i++)
		if (row_of(block, i).id == id)
			return i;
	return -1;
}

bool results_link_name(const char *block, int64_t index, char *name)
{
	int len = snprintf(name, NAME_MAX + 1, "%0*lld-%s", results_of(block).width, (long long)index + 1,
			   results_get(block, index).name);

	return len > 0 && len <= NAME_MAX;
}

int64_t results_find_link(const char *block, const char *name)
{
	struct results head = results_of(block);
	size_t digits = strspn(name, "0123456789");
	int64_t rank, found = -1;

	if (digits != (size_t)head.width || name[digits] != '-')
		return -1;
	rank = strtoll(name, NULL, 10); /* a few digits */
	if (rank < 1 || rank > head.count)
		return -1;
	name += digits + 1;
	if (rank <= head.count && strcmp(results_get(block, rank - 1).name, name) == 0)
		return rank - 1;
	for (int64_t i = 0; i < head.count; i++) {
		if (strcmp(results_get(block, i).name, name) != 0)
			continue;
		if (found >= 0)
			return -1;
		found = i;
	}
	return found;
}
