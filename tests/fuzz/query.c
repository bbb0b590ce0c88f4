/*
 * The parser of queries under libFuzzer: whatever a path says, each pair of it
 * is taken or refused with a sentence, and what is taken is within bounds.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good)
{
	if (!good)
		abort();
}

static void check_query(const pf_query *query)
{
	check(pf_query_limit(query) >= 1 && pf_query_limit(query) <= 10000);
	check(pf_query_budget(query) >= 100 && pf_query_budget(query) <= 1000000);
	(void)pf_query_of_components(query);
}

/* The query narrowed by PAIR; itself where that is refused. */
static pf_query *narrow(pf_query *query, const char *pair)
{
	pf_err err = { 0 };
	pf_query *narrower = pf_query_narrow(query, pair, &err);

	if (!narrower) {
		check(err.code == EINVAL && *err.why && pf_utf8_valid(err.why, strlen(err.why)));
		return query;
	}
	check_query(narrower);
	/* No key twice. */
	check(pf_query_narrow(narrower, pair, &err) == NULL);
	pf_query_free(query);
	return narrower;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *path = malloc(size + 1), *rest = path, *pair;
	pf_query *query = NULL;

	check(path != NULL);
	if (size)
		memcpy(path, data, size);
	path[size] = '\0';
	while ((pair = strsep(&rest, "/")))
		query = narrow(query, pair);
	check_query(query);
	pf_query_free(query);
	free(path);
	return 0;
}
