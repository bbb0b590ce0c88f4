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

#define COMPONENTS_PATH "components/"

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

/* Appends what was collected, and frees it. */
static int put_block(struct collector *c, const struct results *head, pf_text *out, pf_err *err)
{
	bool failed = c->rows.failed || c->strings.failed;

	pf_text_add(out, (const char *)head, sizeof *head);
	pf_text_add(out, c->rows.bytes, c->rows.len);
	pf_text_add(out, c->strings.bytes, c->strings.len);
	pf_text_free(&c->rows);
	pf_text_free(&c->strings);
	return failed || out->failed ? pf_fail(err, ENOMEM, "no memory for the results") : 0;
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
	if (result >= 0)
		return put_block(&c, &head, out, err);
	pf_text_free(&c.rows);
	pf_text_free(&c.strings);
	return result;
}

static int collect_component(void *arg, int64_t id, const char *name)
{
	char path[sizeof COMPONENTS_PATH + NAME_MAX];
	int len = snprintf(path, sizeof path, COMPONENTS_PATH "%s", name);

	return len >= (int)sizeof path || collect(arg, &(pf_result){ .id = id, .path = path });
}

int results_recall(pf_store *store, int64_t component, int64_t version, pf_text *out, pf_err *err)
{
	struct collector c = { 0 };
	struct results head = { .width = width_for(PF_SIMILAR_MAX), .of_components = true };
	int result = pf_store_similar(store, component, version, collect_component, &c, err);

	head.count = head.total = c.count;
	if (result > 0) {
		result = put_block(&c, &head, out, err);
		return result < 0 ? result : 1;
	}
	pf_text_free(&c.rows);
	pf_text_free(&c.strings);
	return result;
}

int results_keep(pf_txn *txn, int64_t component, int64_t version, const char *block, pf_err *err)
{
	int64_t ids[PF_SIMILAR_MAX], count = results_of(block).count;

	for (int64_t i = 0; i < count && i < PF_SIMILAR_MAX; i++)
		ids[i] = row_of(block, i).id;
	return pf_txn_keep_similar(txn, component, version, ids, (size_t)count, err);
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
