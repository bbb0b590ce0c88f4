/*
 * Which components are most like one, kept across mounts: nothing is learned
 * from it, and what is missing is asked for again. But that takes a thousand
 * sightings, which lie anywhere, and whoever walks through a mount asks for every
 * component.
 */
#include <stdio.h>

#include "store-internal.h"

enum { ID_DIGITS = 20 };

/* The ids in TEXT, with a space between two: how many; -1 where it is nothing that was kept. */
static int parse_ids(const char *text, int64_t ids[PF_SIMILAR_MAX])
{
	int count = 0;

	while (*text) {
		char *end;

		if (count == PF_SIMILAR_MAX)
			return -1;
		ids[count++] = strtoll(text, &end, 10); /* one that is absurd is no component's */
		if (end == text || (*end && *end != ' '))
			return -1;
		text = *end ? end + 1 : end;
	}
	return count;
}

/* 1, or 0 where there is no such component. */
static int give_component(struct connection *conn, int64_t id, int (*each)(void *arg, int64_t id, const char *name),
			  void *arg, pf_err *err)
{
	const char *name;

	QUERY(q, conn, STMT_COMPONENT_NAME);
	query_int(&q, id);
	int rc = query_row(&q, err);

	if (rc <= 0)
		return rc;
	if (column_name(&q, 0, name_is_learned, &name))
		return each(arg, id, name) ? 0 : 1;
	return query_check(&q, err);
}

int pf_store_similar(pf_store *store, int64_t component, int64_t version,
		     int (*each)(void *arg, int64_t id, const char *name), void *arg, pf_err *err)
{
	int64_t ids[PF_SIMILAR_MAX];
	LEASE lease = { 0 };
	const char *text;
	int count, rc = lease_begin(store, &lease, err);

	if (rc < 0)
		return rc;
	QUERY(q, lease.conn, STMT_SIMILAR);
	query_int(&q, component);
	query_int(&q, version);
	query_int(&q, SIMILAR_FORMAT);
	rc = query_row(&q, err);
	if (rc <= 0)
		return rc;
	text = column_text(&q, 0);
	rc = query_check(&q, err);
	if (rc < 0)
		return rc;
	count = text ? parse_ids(text, ids) : -1;
	rc = count >= 0;
	for (int i = 0; i < count && rc > 0; i++)
		rc = give_component(lease.conn, ids[i], each, arg, err);
	return rc;
}

int pf_txn_keep_similar(pf_txn *txn, int64_t component, int64_t version, const int64_t *ids, size_t count, pf_err *err)
{
	char text[PF_SIMILAR_MAX * (ID_DIGITS + 1) + 1] = "";
	size_t len = 0;

	if (count > PF_SIMILAR_MAX)
		return 0;
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%lld", i ? " " : "", (long long)ids[i]);
	QUERY(q, txn->conn, STMT_SIMILAR_KEEP);
	query_int(&q, component);
	query_int(&q, version);
	query_int(&q, SIMILAR_FORMAT);
	query_text_len(&q, text, len);
	return query_run(&q, err);
}
