/*
 * Receipts and errors beside submissions.
 */
#include <stdio.h>

#include "store-internal.h"

static void note_name(const char *subject, enum pf_note_kind kind, char name[NAME_ROOM])
{
	char cut[NAME_CUT + 1];

	name_cut(subject, cut);
	snprintf(name, NAME_ROOM, "%s%s", cut, kind == PF_RECEIPT ? RECEIPT_SUFFIX : ERROR_SUFFIX);
}

/* ---- reading ---- */

static pf_note note_of(struct query *q)
{
	pf_note note = {
		.id = column_int(q, 0),
		.parent = column_int(q, 1),
		.kind = (enum pf_note_kind)column_int(q, 2),
		.size = column_int(q, 3),
		.mtime = column_int(q, 4),
		.listed = column_int(q, 5) != 0,
	};
	const char *name = column_text(q, 6);

	snprintf(note.name, sizeof note.name, "%s", name ? name : "");
	return note;
}

static int one_note(struct query *q, pf_note *note, pf_err *err)
{
	int rc = query_row(q, err);

	if (rc <= 0)
		return rc < 0 ? rc : pf_fail(err, ENOENT, "no such file");
	*note = note_of(q);
	return query_check(q, err);
}

static int find_note(struct connection *conn, int64_t parent, const char *name, pf_note *note, pf_err *err)
{
	QUERY(q, conn, STMT_NOTE_FIND);
	query_int(&q, parent);
	query_text(&q, name);
	return one_note(&q, note, err);
}

int pf_store_note_find(pf_store *store, int64_t parent, const char *name, pf_note *note, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);

	return rc < 0 ? rc : find_note(lease.conn, parent, name, note, err);
}

int pf_store_note_stat(pf_store *store, int64_t id, pf_note *note, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);

	if (rc < 0)
		return rc;
	QUERY(q, lease.conn, STMT_NOTE_STAT);
	query_int(&q, id);
	return one_note(&q, note, err);
}

int pf_store_note_list(pf_store *store, int64_t parent, int64_t after, int (*each)(void *arg, const pf_note *note),
		       void *arg, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);

	if (rc < 0)
		return rc;
	QUERY(q, lease.conn, STMT_NOTE_LIST);
	query_int(&q, parent);
	query_int(&q, after);
	while ((rc = query_row(&q, err)) > 0) {
		pf_note note = note_of(&q);
		const char *name;

		if (!column_name(&q, 6, name_is_given, &name))
			continue;
		if (each(arg, &note))
			return 0;
	}
	return rc;
}

int pf_store_note_text(pf_store *store, int64_t id, pf_text *out, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);

	if (rc < 0)
		return rc;
	QUERY(q, lease.conn, STMT_NOTE_TEXT);
	query_int(&q, id);
	rc = query_row(&q, err);
	if (rc <= 0)
		return rc < 0 ? rc : pf_fail(err, ENOENT, "no such file");
	return column_append(&q, 0, out, err);
}

/* ---- writing ---- */

/* 1 where NAME is there and listed, 0 where it is not listed or not there. */
static int is_listed(pf_txn *txn, int64_t parent, const char *name, pf_err *err)
{
	QUERY(q, txn->conn, STMT_NOTE_FIND);
	query_int(&q, parent);
	query_text(&q, name);
	int rc = query_row(&q, err);

	return rc > 0 ? column_int(&q, 5) != 0 : rc;
}

int note_put(pf_txn *txn, int64_t parent, const char *subject, enum pf_note_kind kind, const char *text, size_t len,
	     pf_err *err)
{
	char name[NAME_ROOM];
	int listed, rc;

	note_name(subject, kind, name);
	listed = is_listed(txn, parent, name, err);
	if (listed < 0)
		return listed;
	QUERY(q, txn->conn, STMT_NOTE_PUT);
	query_int(&q, parent);
	query_int(&q, kind);
	query_text(&q, name);
	query_int(&q, txn_tick(txn));
	query_int(&q, (int64_t)len);
	query_text_len(&q, text, len);
	rc = query_run(&q, err);
	return rc < 0 || listed ? rc : directory_changed(txn, parent, 1, false, err);
}

int note_remove(pf_txn *txn, int64_t parent, const char *name, pf_err *err)
{
	pf_note note;
	pf_err missing = { 0 };
	int rc = find_note(txn->conn, parent, name, &note, &missing);

	if (rc < 0)
		return rc == -ENOENT ? 0 : pf_fail(err, missing.code, "%s", missing.why);
	QUERY(q, txn->conn, STMT_NOTE_DROP);
	query_int(&q, note.id);
	rc = query_run(&q, err);
	if (rc == 0 && note.listed)
		rc = directory_changed(txn, parent, -1, false, err);
	return rc < 0 ? rc : 1;
}

int note_drop(pf_txn *txn, int64_t parent, const char *subject, enum pf_note_kind kind, pf_err *err)
{
	char name[NAME_ROOM];
	int rc;

	note_name(subject, kind, name);
	rc = note_remove(txn, parent, name, err);
	return rc < 0 ? rc : 0;
}

int notes_unlist(pf_txn *txn, int64_t parent, const char *subject, pf_err *err)
{
	int rc = 0;

	for (int kind = PF_RECEIPT; kind <= PF_ERROR && rc >= 0; kind++) {
		char name[NAME_ROOM];

		note_name(subject, (enum pf_note_kind)kind, name);
		QUERY(q, txn->conn, STMT_NOTE_UNLIST);
		query_int(&q, parent);
		query_text(&q, name);
		rc = query_row(&q, err);
		if (rc > 0)
			rc = directory_changed(txn, parent, -1, false, err);
	}
	return rc < 0 ? rc : 0;
}
