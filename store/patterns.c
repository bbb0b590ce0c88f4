/*
 * Patterns as they are read, and archived; sightings and verdicts change them
 * in learn.c and verdict.c.
 */
#include "store-internal.h"

static int no_pattern(pf_err *err)
{
	return pf_fail(err, ENOENT, "no such pattern");
}

static pf_pattern_entry entry_of(struct query *q)
{
	return (pf_pattern_entry){
		.id = column_int(q, 0),
		.scope = column_int(q, 1),
		.name = column_text(q, 2),
		.size = column_int(q, 3),
		.mtime = column_int(q, 4),
	};
}

/* The one row of Q, which NAME (or nothing) asked for. */
static int one_entry(struct query *q, const char *name, pf_pattern_entry *entry, pf_err *err)
{
	int rc = query_row(q, err);

	if (rc <= 0)
		return rc < 0 ? rc : no_pattern(err);
	*entry = entry_of(q);
	entry->name = name;
	return 0;
}

static int each_entry(struct query *q, int (*each)(void *arg, const pf_pattern_entry *entry), void *arg, pf_err *err)
{
	int rc;

	while ((rc = query_row(q, err)) > 0) {
		pf_pattern_entry entry = entry_of(q);

		if (!column_name(q, 2, name_is_pattern, &entry.name))
			continue;
		if (each(arg, &entry))
			return 0;
	}
	return rc;
}

int pf_store_pattern_find(pf_store *store, pf_scope scope, const char *name, pf_pattern_entry *entry, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);

	if (rc < 0)
		return rc;
	QUERY(q, lease.conn, STMT_PATTERN_FIND);
	query_int(&q, scope);
	query_text(&q, name);
	return one_entry(&q, name, entry, err);
}

int pf_store_pattern_stat(pf_store *store, int64_t id, pf_pattern_entry *entry, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);

	if (rc < 0)
		return rc;
	QUERY(q, lease.conn, STMT_PATTERN_STAT);
	query_int(&q, id);
	return one_entry(&q, NULL, entry, err);
}

int pf_store_pattern_list(pf_store *store, pf_scope scope, int64_t after,
			  int (*each)(void *arg, const pf_pattern_entry *entry), void *arg, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);

	if (rc < 0)
		return rc;
	QUERY(q, lease.conn, STMT_PATTERN_LIST);
	query_int(&q, scope);
	query_int(&q, after);
	return each_entry(&q, each, arg, err);
}

/* Of the row of Q, whose columns are DOCUMENT_COLUMNS. */
static int append_document(struct query *q, pf_text *out, pf_err *err)
{
	struct document document = {
		.id = column_int(q, 0),
		.component_name = column_text(q, 1),
		.pattern_type = column_text(q, 2),
		.pattern_name = column_text(q, 3),
		.category = column_text(q, 4),
		.subcategory = column_text(q, 5),
		.component_type = column_text(q, 6),
		.complexity_range = column_text(q, 7),
		.counts = { column_int(q, 8), column_int(q, 9), column_int(q, 10) },
		.bound = column_real(q, 11),
		.signature = column_text(q, 12),
		.libraries = column_text(q, 13),
		.data = column_text(q, 14),
	};

	document_render(&document, out);
	return out->failed ? no_memory(err) : query_check(q, err);
}

int pf_store_pattern_document(pf_store *store, int64_t id, pf_text *out, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);

	if (rc < 0)
		return rc;
	QUERY(q, lease.conn, STMT_PATTERN_DOCUMENT);
	query_int(&q, id);
	rc = query_row(&q, err);
	if (rc <= 0)
		return rc < 0 ? rc : no_pattern(err);
	return append_document(&q, out, err);
}

int pf_store_pattern_documents(pf_store *store, int64_t event, pf_scope scope, int64_t after,
			       int (*each)(void *arg, const pf_pattern_entry *entry, const pf_text *document),
			       void *arg, pf_err *err)
{
	__attribute__((cleanup(pf_text_free))) pf_text document = { 0 };
	int64_t version, mtime;
	LEASE lease = { 0 };
	int rc = lease_snapshot(store, &lease, err);

	if (rc == 0)
		rc = store_version(lease.conn, &version, &mtime, err);
	if (rc < 0)
		return rc;
	if (version != event)
		return pf_fail(err, ESTALE, "the store has changed");
	QUERY(q, lease.conn, STMT_PATTERN_DOCUMENTS);
	query_int(&q, scope);
	query_int(&q, after);
	while ((rc = query_row(&q, err)) > 0) {
		pf_pattern_entry entry = { column_int(&q, 0), scope, NULL, column_int(&q, 15), column_int(&q, 16) };

		pf_text_reset(&document);
		rc = append_document(&q, &document, err);
		if (rc < 0)
			return rc;
		if (each(arg, &entry, &document))
			return 0;
	}
	return rc;
}

int pf_store_pattern_data(pf_store *store, int64_t id, pf_text *out, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);

	if (rc < 0)
		return rc;
	QUERY(q, lease.conn, STMT_PATTERN_DATA_LIVE);
	query_int(&q, id);
	rc = query_row(&q, err);
	if (rc <= 0)
		return rc < 0 ? rc : no_pattern(err);
	return column_append(&q, 0, out, err);
}

int pf_store_component_patterns(pf_store *store, int64_t id, int64_t after,
				int (*each)(void *arg, const pf_pattern_entry *entry), void *arg, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);

	if (rc < 0)
		return rc;
	QUERY(q, lease.conn, STMT_COMPONENT_PATTERNS);
	query_int(&q, id);
	query_int(&q, after);
	return each_entry(&q, each, arg, err);
}

int pf_store_component_pattern_find(pf_store *store, int64_t id, const char *name, pf_pattern_entry *entry, pf_err *err)
{
	pf_scope place;
	const char *type;
	LEASE lease = { 0 };
	int rc = lease_snapshot(store, &lease, err);

	if (rc < 0)
		return rc;
	QUERY(where, lease.conn, STMT_COMPONENT_PLACE);
	query_int(&where, id);
	rc = query_row(&where, err);
	if (rc <= 0)
		return rc < 0 ? rc : pf_fail(err, ENOENT, "no such component");
	type = column_text(&where, 1);
	rc = query_check(&where, err);
	if (rc < 0)
		return rc;
	place = pf_scope_make(column_int(&where, 0), type ? pf_component_type_number(type) : 0, 0);
	QUERY(q, lease.conn, STMT_COMPONENT_PATTERN_FIND);
	query_int(&q, id);
	query_text(&q, name);
	query_int(&q, place);
	return one_entry(&q, name, entry, err);
}

int64_t pattern_growth(const struct counts *before, double bound, const struct counts *after,
		       const struct pattern_extra *extra)
{
	return add_capped(document_growth(before, bound, after), extra->growth);
}

int pattern_put_counts(pf_txn *txn, int64_t id, const struct counts *before, double bound, const struct counts *after,
		       const struct pattern_extra *extra, int64_t at, pf_err *err)
{
	QUERY(q, txn->conn, STMT_PATTERN_PUT_COUNTS);
	query_int(&q, id);
	query_int(&q, after->success);
	query_int(&q, after->failure);
	query_int(&q, after->components);
	query_real(&q, wilson_lower_bound(after->success, after->failure));
	query_int(&q, pattern_growth(before, bound, after, extra));
	query_int(&q, at);
	query_int(&q, extra->breadth);
	if (extra->trivial)
		query_int(&q, *extra->trivial);
	else
		query_null(&q);
	if (extra->data && extra->data->len)
		query_text_len(&q, extra->data->bytes, extra->data->len);
	else
		query_null(&q);
	return query_run(&q, err);
}

static int archive(pf_txn *txn, int64_t pattern, pf_err *err)
{
	int64_t at = txn_tick(txn);
	struct counts counts = { 0 };
	int rc;

	QUERY(q, txn->conn, STMT_PATTERN_ARCHIVE);
	query_int(&q, pattern);
	query_int(&q, at);
	rc = query_row(&q, err);
	if (rc <= 0)
		return rc < 0 ? rc : no_pattern(err);
	counts.success = column_int(&q, 1);
	counts.failure = column_int(&q, 2);
	rc = totals_change(txn, column_int(&q, 3), &counts, NULL, at, err);
	if (rc == 0)
		rc = totals_flush(txn, err);
	if (rc == 0)
		rc = components_pattern_came(txn, pattern, column_text(&q, 0), -1, at, err);
	if (rc < 0)
		return rc;
	return history_add(txn,
			   &(struct occurrence){
				   .event = EVENT_ARCHIVED,
				   .at = at,
				   .pattern_id = pattern,
				   .pattern_path = column_text(&q, 0),
				   .success = counts.success,
				   .failure = counts.failure,
			   },
			   err);
}

int pf_txn_archive(pf_txn *txn, int64_t pattern, pf_err *err)
{
	int rc = savepoint_begin(txn, err);

	if (rc < 0)
		return rc;
	rc = archive(txn, pattern, err);
	return savepoint_end(txn, rc, err);
}

/* ---- changes by hand ---- */

bool pf_store_edited(pf_store *store)
{
	LEASE lease = { 0 };

	if (lease_begin(store, &lease, NULL) < 0)
		return false;
	QUERY(q, lease.conn, STMT_EDITED);
	return query_row(&q, NULL) > 0 && column_int(&q, 0);
}

/* SQL has no square root: counts changed by hand leave the bound as it was. */
static int renew_bound(pf_txn *txn, int64_t pattern, pf_scope scope, const struct counts *counts, double bound,
		       int64_t at, pf_err *err)
{
	int rc;

	if (bound == wilson_lower_bound(counts->success, counts->failure))
		return 0;
	rc = pattern_put_counts(txn, pattern, counts, bound, counts, &(struct pattern_extra){ 0 }, at, err);
	/* It counts as much as before, and may be its directory's best. */
	return rc < 0 ? rc : totals_change(txn, scope, counts, counts, at, err);
}

static int adopt_edit(pf_txn *txn, struct query *q, pf_err *err)
{
	struct counts counts = { column_int(q, 2), column_int(q, 3), column_int(q, 4) };
	int64_t at = txn_tick(txn);
	int rc = renew_bound(txn, column_int(q, 0), column_int(q, 6), &counts, column_real(q, 5), at, err);

	if (rc < 0)
		return rc;
	return history_add(txn,
			   &(struct occurrence){
				   .event = EVENT_EDITED,
				   .at = at,
				   .pattern_id = column_int(q, 0),
				   .pattern_path = column_text(q, 1),
				   .success = counts.success,
				   .failure = counts.failure,
			   },
			   err);
}

static int adopt_component_edit(pf_txn *txn, struct query *q, pf_err *err)
{
	int64_t at = txn_tick(txn);

	QUERY(adopt, txn->conn, STMT_COMPONENT_ADOPT);
	query_int(&adopt, column_int(q, 0));
	query_int(&adopt, at);
	int rc = query_run(&adopt, err);

	if (rc == 0)
		rc = components_count(txn, column_text(q, 4), 0, at, err);
	if (rc < 0)
		return rc;
	return history_add(txn,
			   &(struct occurrence){
				   .event = EVENT_EDITED,
				   .at = at,
				   .component_id = column_int(q, 0),
				   .component_name = column_text(q, 1),
				   .success = column_int(q, 2),
				   .failure = column_int(q, 3),
			   },
			   err);
}

static int adopt_component_edits(pf_txn *txn, pf_err *err)
{
	int rc;

	QUERY(q, txn->conn, STMT_COMPONENT_EDITS);
	while ((rc = query_row(&q, err)) > 0) {
		rc = adopt_component_edit(txn, &q, err);
		if (rc < 0)
			return rc;
	}
	if (rc < 0)
		return rc;
	QUERY(clear, txn->conn, STMT_COMPONENT_EDITS_CLEAR);
	return query_run(&clear, err);
}

static int adopt_edits(pf_txn *txn, pf_err *err)
{
	int rc;

	QUERY(q, txn->conn, STMT_EDITS);
	while ((rc = query_row(&q, err)) > 0) {
		rc = adopt_edit(txn, &q, err);
		if (rc < 0)
			return rc;
	}
	if (rc == 0)
		rc = totals_flush(txn, err);
	if (rc == 0)
		rc = search_adopt_edits(txn, err);
	if (rc == 0)
		rc = adopt_component_edits(txn, err);
	if (rc < 0)
		return rc;
	QUERY(clear, txn->conn, STMT_EDITS_CLEAR);
	return query_run(&clear, err);
}

int pf_txn_adopt_edits(pf_txn *txn, pf_err *err)
{
	int rc = savepoint_begin(txn, err);

	if (rc < 0)
		return rc;
	rc = adopt_edits(txn, err);
	return savepoint_end(txn, rc, err);
}

/* ---- arrays of ids ---- */

void ids_free(struct ids *ids)
{
	free(ids->ids);
	*ids = (struct ids){ 0 };
}

int ids_add(struct ids *ids, int64_t id, pf_err *err)
{
	if (!array_room(&ids->ids, &ids->room, ids->count, sizeof *ids->ids))
		return no_memory(err);
	ids->ids[ids->count++] = id;
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

void ids_sort_unique(struct ids *ids)
{
	size_t kept = 0;

	if (!ids->count)
		return;
	qsort(ids->ids, ids->count, sizeof *ids->ids, compare_ids);
	for (size_t i = 0; i < ids->count; i++)
		if (kept == 0 || ids->ids[i] != ids->ids[kept - 1])
			ids->ids[kept++] = ids->ids[i];
	ids->count = kept;
}
