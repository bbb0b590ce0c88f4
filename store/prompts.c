/*
 * Prompts that were rendered, kept across mounts: nothing is learned from them,
 * and what is missing is rendered again. But to know how long one is it must be
 * rendered, from a thousand rows that lie anywhere, and whoever walks through a
 * mount asks for all.
 */
#include "store-internal.h"

int pf_store_prompt(pf_store *store, pf_scope scope, int64_t version, int format, pf_text *out, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);

	if (rc < 0)
		return rc;
	QUERY(q, lease.conn, STMT_PROMPT);
	query_int(&q, scope);
	query_int(&q, version);
	query_int(&q, format);
	query_int(&q, PF_PROMPT_MAX);
	rc = query_row(&q, err);
	if (rc <= 0)
		return rc;
	rc = column_append(&q, 0, out, err);
	return rc < 0 ? rc : 1;
}

int pf_txn_keep_prompt(pf_txn *txn, pf_scope scope, int64_t version, int format, const char *content, size_t len,
		       pf_err *err)
{
	if (len > PF_PROMPT_MAX)
		return 0;
	QUERY(q, txn->conn, STMT_PROMPT_KEEP);
	query_int(&q, scope);
	query_int(&q, version);
	query_int(&q, format);
	query_text_len(&q, content, len);
	return query_run(&q, err);
}
