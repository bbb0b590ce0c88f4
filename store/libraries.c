/*
 * Libraries: which a component involves, and which the components involve that
 * show a pattern. How many these are is the pattern's breadth.
 *
 * A sighting looks each of its libraries up and writes only where the pair is
 * new; so a withdrawal, which is rare, has to look whether another component
 * is left that keeps the pair.
 */
#include "store-internal.h"

enum { RARE = 100 }; /* a pattern that no more components show */

static int add_library(struct connection *conn, const char *name, int64_t *id, pf_err *err)
{
	QUERY(q, conn, STMT_LIBRARY_ADD);
	query_text(&q, name);
	return query_insert(&q, id, err);
}

int libraries_load(struct connection *conn, const char *names, struct ids *ids, pf_err *err)
{
	int rc;

	QUERY(q, conn, STMT_LIBRARY_LIST);
	query_text(&q, names);
	while ((rc = query_row(&q, err)) > 0) {
		int64_t id = column_int(&q, 0);

		rc = column_is_null(&q, 0) ? add_library(conn, column_text(&q, 1), &id, err) : 0;
		if (rc == 0)
			rc = ids_add(ids, id, err);
		if (rc < 0)
			return rc;
	}
	ids_sort_unique(ids);
	return rc;
}

/* Those of A that are not among B; both are sorted. */
static int ids_without(const struct ids *a, const struct ids *b, struct ids *rest, pf_err *err)
{
	size_t j = 0;
	int rc = 0;

	for (size_t i = 0; i < a->count && rc == 0; i++) {
		while (j < b->count && b->ids[j] < a->ids[i])
			j++;
		if (j == b->count || b->ids[j] != a->ids[i])
			rc = ids_add(rest, a->ids[i], err);
	}
	return rc;
}

static int for_each(pf_txn *txn, enum stmt stmt, const struct ids *libraries, int64_t of, int64_t *changed, pf_err *err)
{
	for (size_t i = 0; i < libraries->count; i++) {
		QUERY(q, txn->conn, stmt);
		query_int(&q, libraries->ids[i]);
		query_int(&q, of);
		int rc = query_run(&q, err);

		if (rc < 0)
			return rc;
		*changed += sqlite3_changes64(txn->conn->db);
	}
	return 0;
}

int libraries_of_component(pf_txn *txn, int64_t component, const struct ids *before, const struct ids *after,
			   struct libraries_change *change, pf_err *err)
{
	int64_t rows = 0;
	int rc = ids_without(after, before, &change->came, err);

	if (rc == 0)
		rc = ids_without(before, after, &change->went, err);
	if (rc == 0)
		rc = for_each(txn, STMT_COMPONENT_LIBRARY_ADD, &change->came, component, &rows, err);
	return rc < 0 ? rc : for_each(txn, STMT_COMPONENT_LIBRARY_DROP, &change->went, component, &rows, err);
}

int libraries_sighted(pf_txn *txn, int64_t pattern, const struct ids *libraries, int64_t *breadth, pf_err *err)
{
	return for_each(txn, STMT_PATTERN_LIBRARY_ADD, libraries, pattern, breadth, err);
}

int libraries_withdrawn(pf_txn *txn, int64_t pattern, int64_t components, const struct ids *libraries, int64_t *breadth,
			pf_err *err)
{
	enum stmt stmt = components <= RARE ? STMT_RARE_PATTERN_LIBRARY_DROP : STMT_PATTERN_LIBRARY_DROP;
	int64_t gone = 0;
	int rc = for_each(txn, stmt, libraries, pattern, &gone, err);

	*breadth -= gone;
	return rc;
}

static int add_breadth(pf_txn *txn, int64_t pattern, int64_t breadth, pf_err *err)
{
	QUERY(q, txn->conn, STMT_PATTERN_ADD_BREADTH);
	query_int(&q, pattern);
	query_int(&q, breadth);
	int rc = query_run(&q, err);

	if (rc < 0)
		return rc;
	QUERY(raise, txn->conn, STMT_PATTERN_RAISE);
	query_int(&raise, pattern);
	return query_run(&raise, err);
}

int libraries_kept(pf_txn *txn, int64_t pattern, const struct libraries_change *change, pf_err *err)
{
	int64_t breadth = 0;
	int rc = libraries_sighted(txn, pattern, &change->came, &breadth, err);

	if (rc == 0)
		rc = libraries_withdrawn(txn, pattern, INT64_MAX, &change->went, &breadth, err);
	if (rc < 0 || breadth == 0)
		return rc;
	return add_breadth(txn, pattern, breadth, err);
}

void libraries_change_free(struct libraries_change *change)
{
	ids_free(&change->came);
	ids_free(&change->went);
}
