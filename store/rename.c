/*
 * rename(2) under incoming/. What gets a submission's name, or other metadata
 * by its path, is judged in its new place, and moved back where it is refused.
 */
#include <stdio.h>

#include "store-internal.h"

struct move {
	int64_t parent, new_parent;
	const char *name, *new_name;
	bool replace;
	struct file_row from, to; /* to.file.id is 0 where the new name is free */
	/* after a refusal */
	bool refused;
	int64_t blamed_parent;
	char blamed[NAME_ROOM];
};

/* ---- what stands in the way ---- */

static int load_source(pf_txn *txn, struct move *m, pf_err *err)
{
	pf_err missing = { 0 };
	int rc = file_load_named(txn->conn, m->parent, m->name, &m->from, &missing);

	if (rc == -ENOENT && pf_note_name(m->name))
		return pf_fail(err, EPERM, "receipts and errors cannot be renamed");
	return rc == 0 ? 0 : pf_fail(err, missing.code, "%s", missing.why);
}

static int load_target(pf_txn *txn, struct move *m, pf_err *err)
{
	struct file_row directory;
	pf_err missing = { 0 };
	int rc = directory_load(txn->conn, m->new_parent, &directory, err);

	if (rc < 0)
		return rc;
	rc = file_load_named(txn->conn, m->new_parent, m->new_name, &m->to, &missing);
	if (rc == -ENOENT)
		m->to = (struct file_row){ 0 };
	return rc == 0 || rc == -ENOENT ? 0 : pf_fail(err, missing.code, "%s", missing.why);
}

/* EINVAL where the directory that moves holds its new place. */
static int check_loop(pf_txn *txn, const struct move *m, pf_err *err)
{
	int64_t above = m->new_parent;
	struct climb up = { 0 };

	while (above) {
		struct file_row row;
		int rc = file_load(txn->conn, above, &row, err);

		if (rc == 0)
			rc = climb(&up, above, err);
		if (rc < 0)
			return rc;
		if (above == m->from.file.id)
			return pf_fail(err, EINVAL, "a directory cannot be moved into itself");
		above = row.file.parent;
	}
	return 0;
}

static int check_target(const struct move *m, pf_err *err)
{
	bool from_directory = S_ISDIR(m->from.file.mode), to_directory = S_ISDIR(m->to.file.mode);

	if (!m->to.file.id)
		return 0;
	if (!m->replace && m->to.listed)
		return pf_fail(err, EEXIST, "file exists");
	if (m->to.file.id == m->from.file.id)
		return 0;
	if (from_directory && !to_directory)
		return pf_fail(err, ENOTDIR, "not a directory");
	if (!from_directory && to_directory)
		return pf_fail(err, EISDIR, "a directory");
	if (to_directory && m->to.children)
		return pf_fail(err, ENOTEMPTY, "directory not empty");
	return 0;
}

static int check(pf_txn *txn, struct move *m, pf_err *err)
{
	struct metadata metadata;
	int rc = load_source(txn, m, err);

	if (rc == 0)
		rc = name_check(m->new_name, err);
	if (rc == 0)
		rc = load_target(txn, m, err);
	if (rc == 0 && S_ISDIR(m->from.file.mode)) {
		rc = metadata_from_name(m->new_name, &metadata, err);
		if (rc >= 0)
			rc = check_loop(txn, m, err);
	}
	return rc < 0 ? rc : check_target(m, err);
}

/* ---- moving ---- */

static int clear_target(pf_txn *txn, const struct move *m, pf_err *err)
{
	if (!m->to.file.id)
		return 0;
	return S_ISDIR(m->to.file.mode) ? directory_remove(txn, &m->to, err) : file_orphan(txn, &m->to, err);
}

static int move_row(pf_txn *txn, const struct move *m, pf_err *err)
{
	QUERY(q, txn->conn, STMT_FILE_MOVE);
	query_int(&q, m->from.file.id);
	query_int(&q, m->new_parent);
	query_text(&q, m->new_name);
	query_int(&q, txn_tick(txn));
	return query_run(&q, err);
}

static int move(pf_txn *txn, const struct move *m, pf_err *err)
{
	bool is_directory = S_ISDIR(m->from.file.mode);
	int rc = clear_target(txn, m, err);

	if (rc == 0 && !is_directory)
		rc = notes_unlist(txn, m->parent, m->name, err);
	if (rc == 0)
		rc = move_row(txn, m, err);
	/* In this order: an implicit directory that both lie in must not be found empty in between. */
	if (rc == 0)
		rc = directory_changed(txn, m->new_parent, 1, is_directory, err);
	if (rc == 0 && m->from.listed)
		rc = directory_changed(txn, m->parent, -1, is_directory, err);
	return rc;
}

/* ---- judging ---- */

static int judge_file(pf_txn *txn, int64_t id, struct move *m, struct judging *j, pf_err *err)
{
	struct file_row row;
	pf_err missing = { 0 };
	int rc = submission_judge(txn, id, j, err);

	if (rc == 0 || !j->refused)
		return rc;
	if (file_load(txn->conn, id, &row, &missing) < 0) {
		pf_err_clear(err);
		return pf_fail(err, missing.code, "%s", missing.why);
	}
	m->refused = true;
	m->blamed_parent = row.file.parent;
	snprintf(m->blamed, sizeof m->blamed, "%s", row.file.name);
	return rc;
}

static int submissions_below(pf_txn *txn, int64_t directory, struct ids *ids, pf_err *err)
{
	int rc;

	QUERY(q, txn->conn, STMT_DIRECTORY_SUBMISSIONS);
	query_int(&q, directory);
	while ((rc = query_row(&q, err)) > 0) {
		const char *name = column_text(&q, 1);

		if (name && file_role(name) == ROLE_SUBMISSION)
			rc = ids_add(ids, column_int(&q, 0), err);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int judge_directory(pf_txn *txn, struct move *m, const struct metadata *before, struct judging *j, pf_err *err)
{
	struct metadata after = { 0 };
	IDS ids = { 0 };
	int rc = directory_metadata(txn->conn, m->from.file.id, &after, err);

	if (rc < 0 || metadata_equal(before, &after))
		return rc;
	rc = submissions_below(txn, m->from.file.id, &ids, err);
	for (size_t i = 0; i < ids.count && rc == 0; i++)
		rc = judge_file(txn, ids.ids[i], m, j, err);
	return rc;
}

static int move_and_judge(pf_txn *txn, struct move *m, pf_extractor *extractor, pf_err *err)
{
	struct judging j = { .extractor = extractor };
	struct metadata before = { 0 };
	int rc = 0;

	if (S_ISDIR(m->from.file.mode))
		rc = directory_metadata(txn->conn, m->from.file.id, &before, err);
	if (rc == 0)
		rc = move(txn, m, err);
	if (rc < 0)
		return rc;
	return S_ISDIR(m->from.file.mode) ? judge_directory(txn, m, &before, &j, err)
					  : judge_file(txn, m->from.file.id, m, &j, err);
}

static int rename_checked(pf_txn *txn, struct move *m, pf_extractor *extractor, pf_err *err)
{
	pf_err why = { 0 };
	int rc = savepoint_begin(txn, err);

	if (rc < 0)
		return rc;
	rc = move_and_judge(txn, m, extractor, &why);
	rc = savepoint_end(txn, rc, &why);
	if (rc == 0)
		return 0;
	if (m->refused && pf_txn_broken(txn))
		m->refused = false;
	if (m->refused) {
		rc = submission_blame(txn, m->blamed_parent, m->blamed, why.why, err);
		m->refused = rc == 0;
	}
	return pf_fail(err, why.code, "%s", why.why);
}

int pf_txn_rename(pf_txn *txn, int64_t parent, const char *name, int64_t new_parent, const char *new_name,
		  unsigned flags, pf_extractor *extractor, int64_t *replaced, pf_err *err)
{
	struct move m = {
		.parent = parent,
		.name = name,
		.new_parent = new_parent,
		.new_name = new_name,
		.replace = !(flags & RENAME_NOREPLACE),
	};
	int ended, rc;

	if (replaced)
		*replaced = 0;
	if (flags & ~(unsigned)RENAME_NOREPLACE)
		return pf_fail(err, EINVAL, "only RENAME_NOREPLACE is known");
	rc = savepoint_begin(txn, err);
	if (rc < 0)
		return rc;
	rc = check(txn, &m, err);
	/* Onto itself: nothing to do. */
	if (rc == 0 && m.to.file.id != m.from.file.id)
		rc = rename_checked(txn, &m, extractor, err);
	if (rc == 0 && replaced && m.to.file.id != m.from.file.id && S_ISREG(m.to.file.mode))
		*replaced = m.to.file.id;
	/* A refusal leaves its note. */
	ended = savepoint_end(txn, m.refused ? 0 : rc, err);
	return rc < 0 ? rc : ended;
}
