/*
 * incoming/: its files and directories, without what is judged.
 */
#include <fcntl.h>
#include <stdio.h>

#include "store-internal.h"

enum { PERMISSIONS = 07777 };

static int no_file(pf_err *err)
{
	return pf_fail(err, ENOENT, "no such file or directory");
}

/* ---- reading ---- */

/* Directories and files are all there is, whatever a hostile file says of links and devices. */
static mode_t mode_of(int64_t stored)
{
	mode_t mode = (mode_t)stored;

	return (mode & PERMISSIONS) | (S_ISDIR(mode) ? S_IFDIR : S_IFREG);
}

static void row_of(struct query *q, struct file_row *row)
{
	const char *name = column_text(q, 11);

	*row = (struct file_row){
		.file = {
			.id = column_int(q, 0),
			.parent = column_int(q, 1),
			.mode = mode_of(column_int(q, 2)),
			.uid = column_int(q, 3),
			.gid = column_int(q, 4),
			.size = column_int(q, 5),
			.atime = column_int(q, 6),
			.mtime = column_int(q, 7),
			.ctime = column_int(q, 8),
			.subdirectories = column_int(q, 9),
			.orphan = column_int(q, 10) != 0,
		},
		.implicit = column_int(q, 12) != 0,
		.listed = column_int(q, 13) != 0,
		.judged = column_int(q, 14) != 0,
		.children = column_int(q, 15),
		.source_id = column_int(q, 16),
	};
	snprintf(row->file.name, sizeof row->file.name, "%s", name ? name : "");
}

static int one_row(struct query *q, struct file_row *row, pf_err *err)
{
	int rc = query_row(q, err);

	if (rc <= 0)
		return rc < 0 ? rc : no_file(err);
	row_of(q, row);
	return query_check(q, err);
}

int file_load(struct connection *conn, int64_t id, struct file_row *row, pf_err *err)
{
	QUERY(q, conn, STMT_FILE_STAT);
	query_int(&q, id);
	return one_row(&q, row, err);
}

int file_load_named(struct connection *conn, int64_t parent, const char *name, struct file_row *row, pf_err *err)
{
	QUERY(q, conn, STMT_FILE_FIND);
	query_int(&q, parent);
	query_text(&q, name);
	return one_row(&q, row, err);
}

int directory_load(struct connection *conn, int64_t id, struct file_row *row, pf_err *err)
{
	int rc = file_load(conn, id, row, err);

	if (rc == 0 && !S_ISDIR(row->file.mode))
		return pf_fail(err, ENOTDIR, "not a directory");
	return rc;
}

int pf_store_file_find(pf_store *store, int64_t parent, const char *name, pf_file *file, bool *implicit, pf_err *err)
{
	struct metadata metadata;
	struct file_row row;
	pf_err missing = { 0 };
	LEASE lease = { 0 };
	int rc;

	*implicit = false;
	if (!pf_utf8_valid(name, strlen(name)))
		return pf_fail(err, EILSEQ, "a name that is not UTF-8");
	rc = lease_begin(store, &lease, err);
	if (rc < 0)
		return rc;
	rc = file_load_named(lease.conn, parent, name, &row, &missing);
	if (rc == 0)
		*file = row.file;
	if (rc != -ENOENT)
		return rc == 0 ? 0 : pf_fail(err, missing.code, "%s", missing.why);
	rc = strlen(name) > NAME_LIMIT ? 0 : metadata_from_name(name, &metadata, err);
	if (rc < 0)
		return rc;
	*implicit = rc > 0;
	return no_file(err);
}

int pf_store_file_stat(pf_store *store, int64_t id, pf_file *file, pf_err *err)
{
	struct file_row row;
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);

	if (rc == 0)
		rc = file_load(lease.conn, id, &row, err);
	if (rc == 0)
		*file = row.file;
	return rc;
}

int pf_txn_file_stat(pf_txn *txn, int64_t id, pf_file *file, pf_err *err)
{
	struct file_row row;
	int rc = file_load(txn->conn, id, &row, err);

	if (rc == 0)
		*file = row.file;
	return rc;
}

int pf_store_file_list(pf_store *store, int64_t parent, int64_t after, int (*each)(void *arg, const pf_file *file),
		       void *arg, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);

	if (rc < 0)
		return rc;
	QUERY(q, lease.conn, STMT_FILE_LIST);
	query_int(&q, parent);
	query_int(&q, after);
	while ((rc = query_row(&q, err)) > 0) {
		struct file_row row;
		const char *name;

		if (!column_name(&q, 11, name_is_given, &name))
			continue;
		row_of(&q, &row);
		if (each(arg, &row.file))
			return 0;
	}
	return rc;
}

int file_content(struct connection *conn, int64_t id, pf_text *out, pf_err *err)
{
	QUERY(q, conn, STMT_FILE_CONTENT);
	query_int(&q, id);
	int rc = query_row(&q, err);

	if (rc <= 0)
		return rc < 0 ? rc : no_file(err);
	return column_append(&q, 0, out, err);
}

int pf_store_file_content(pf_store *store, int64_t id, pf_text *out, pf_err *err)
{
	LEASE lease = { 0 };
	int rc = lease_begin(store, &lease, err);

	return rc < 0 ? rc : file_content(lease.conn, id, out, err);
}

/* ---- places ---- */

int climb(struct climb *climb, int64_t directory, pf_err *err)
{
	if (climb->steps && directory == climb->mark)
		return pf_fail(err, EUCLEAN, "the database is corrupt: a directory is in itself");
	if (climb->steps++ == climb->until) {
		climb->mark = directory;
		climb->until = climb->steps * 2;
	}
	return 0;
}

/* Directory ID's parent (0 for incoming/ itself), and its name to NAME (which may be NULL). */
static int parent_of(struct connection *conn, int64_t id, int64_t *parent, char name[NAME_ROOM], pf_err *err)
{
	QUERY(q, conn, STMT_FILE_PARENT);
	query_int(&q, id);
	int rc = query_row(&q, err);

	if (rc <= 0)
		return rc < 0 ? rc : no_file(err);
	*parent = column_int(&q, 0);
	if (name)
		snprintf(name, NAME_ROOM, "%s", column_text(&q, 1) ? column_text(&q, 1) : "");
	return query_check(&q, err);
}

/* Puts BYTES before what TEXT holds. */
static void prepend(pf_text *text, const char *bytes, size_t len)
{
	size_t old = text->len;

	pf_text_add(text, bytes, len);
	if (text->failed)
		return;
	memmove(text->bytes + len, text->bytes, old);
	memcpy(text->bytes, bytes, len);
}

int file_path(struct connection *conn, int64_t parent, const char *name, pf_text *out, pf_err *err)
{
	char shown[NAME_ROOM], directory[NAME_ROOM];
	struct climb up = { 0 };

	pf_text_reset(out);
	pf_text_puts(out, name_shown(name, shown));
	while (parent != PF_INCOMING) {
		int64_t above;
		int rc = parent_of(conn, parent, &above, directory, err);

		if (rc == 0)
			rc = climb(&up, parent, err);
		if (rc < 0)
			return rc;
		if (!above)
			break; /* inside a directory that was removed */
		name_shown(directory, shown);
		prepend(out, "/", 1);
		prepend(out, shown, strlen(shown));
		parent = above;
	}
	return out->failed ? no_memory(err) : 0;
}

int directory_metadata(struct connection *conn, int64_t parent, struct metadata *metadata, pf_err *err)
{
	struct climb up = { 0 };

	while (parent != PF_INCOMING && parent) {
		char name[NAME_ROOM];
		struct metadata here;
		int64_t above;
		int rc = parent_of(conn, parent, &above, name, err);

		if (rc == 0)
			rc = climb(&up, parent, err);
		if (rc < 0)
			return rc;
		/* Its value was good when it was named so; what is good may have been narrowed since. */
		if (metadata_from_name(name, &here, NULL) > 0)
			metadata_inherit(metadata, &here);
		parent = above;
	}
	return 0;
}

/* ---- writing ---- */

int directory_changed(pf_txn *txn, int64_t parent, int change, bool is_directory, pf_err *err)
{
	int64_t at = txn_tick(txn);
	struct climb up = { 0 };

	while (parent) {
		struct file_row row;
		bool list;
		int rc = climb(&up, parent, err);

		if (rc == 0)
			rc = file_load(txn->conn, parent, &row, err);
		if (rc < 0)
			return rc;

		QUERY(q, txn->conn, STMT_FILE_CHILD_CHANGED);
		query_int(&q, parent);
		query_int(&q, change);
		query_int(&q, is_directory ? change : 0);
		query_int(&q, at);
		rc = query_run(&q, err);
		if (rc < 0)
			return rc;
		list = add_capped(row.children, change) > 0;
		/* An implicit directory shows while it holds something. */
		if (!row.implicit || row.listed == list)
			return 0;
		QUERY(show, txn->conn, STMT_FILE_LIST_AGAIN);
		query_int(&show, parent);
		query_int(&show, list);
		rc = query_run(&show, err);
		if (rc < 0)
			return rc;
		change = list ? 1 : -1;
		is_directory = true;
		parent = row.file.parent;
	}
	return 0;
}

/* Adds a row; implicit directories are not listed yet. */
static int add_row(pf_txn *txn, int64_t parent, const char *name, mode_t mode, bool implicit, int64_t *id, pf_err *err)
{
	QUERY(q, txn->conn, STMT_FILE_ADD);
	query_int(&q, parent);
	query_text(&q, name);
	query_int(&q, mode);
	query_int(&q, txn_tick(txn));
	query_int(&q, implicit);
	return query_insert(&q, id, err);
}

static int make_explicit(pf_txn *txn, const struct file_row *row, mode_t mode, pf_err *err)
{
	int rc;

	QUERY(q, txn->conn, STMT_FILE_MAKE_EXPLICIT);
	query_int(&q, row->file.id);
	query_int(&q, S_IFDIR | (mode & PERMISSIONS));
	query_int(&q, txn_tick(txn));
	rc = query_run(&q, err);
	return rc < 0 ? rc : directory_changed(txn, row->file.parent, 1, true, err);
}

/* What stands in the way of a new NAME in PARENT; ROW is what has the name (its id is 0 where nothing has). */
static int may_make(pf_txn *txn, int64_t parent, const char *name, struct file_row *row, pf_err *err)
{
	struct file_row directory;
	pf_err missing = { 0 };
	int rc = name_check(name, err);

	*row = (struct file_row){ 0 };
	if (rc == 0)
		rc = directory_load(txn->conn, parent, &directory, err);
	if (rc < 0)
		return rc;
	rc = file_load_named(txn->conn, parent, name, row, &missing);
	return rc == 0 || rc == -ENOENT ? 0 : pf_fail(err, missing.code, "%s", missing.why);
}

static int make_directory(pf_txn *txn, int64_t parent, const char *name, mode_t mode, bool implicit, pf_file *made,
			  pf_err *err)
{
	struct metadata metadata;
	struct file_row row;
	int64_t id;
	int rc = may_make(txn, parent, name, &row, err);

	if (rc == 0)
		rc = metadata_from_name(name, &metadata, err);
	if (rc < 0)
		return rc;
	if (implicit && rc == 0)
		return pf_fail(err, ENOENT, "not a key=value name");
	id = row.file.id;
	if (id && !(S_ISDIR(row.file.mode) && (implicit || !row.listed)))
		return pf_fail(err, EEXIST, "file exists");
	if (!id) {
		rc = add_row(txn, parent, name, S_IFDIR | (mode & PERMISSIONS), implicit, &id, err);
		if (rc == 0 && !implicit)
			rc = directory_changed(txn, parent, 1, true, err);
	} else {
		rc = implicit ? 0 : make_explicit(txn, &row, mode, err);
	}
	if (rc == 0)
		rc = file_load(txn->conn, id, &row, err);
	if (rc == 0)
		*made = row.file;
	return rc;
}

int pf_txn_mkdir(pf_txn *txn, int64_t parent, const char *name, mode_t mode, bool implicit, pf_file *made, pf_err *err)
{
	int rc = savepoint_begin(txn, err);

	if (rc < 0)
		return rc;
	rc = make_directory(txn, parent, name, mode, implicit, made, err);
	return savepoint_end(txn, rc, err);
}

static int make_file(pf_txn *txn, int64_t parent, const char *name, mode_t mode, pf_file *made, pf_err *err)
{
	struct file_row row;
	int64_t id;
	int rc = may_make(txn, parent, name, &row, err);

	if (rc < 0)
		return rc;
	if (row.file.id)
		return pf_fail(err, EEXIST, "file exists");
	rc = add_row(txn, parent, name, S_IFREG | (mode & PERMISSIONS), false, &id, err);
	if (rc == 0)
		rc = directory_changed(txn, parent, 1, false, err);
	/* The error of a rename that was refused this name. */
	if (rc == 0)
		rc = note_drop(txn, parent, name, PF_ERROR, err);
	if (rc == 0)
		rc = file_load(txn->conn, id, &row, err);
	if (rc == 0)
		*made = row.file;
	return rc;
}

int pf_txn_mkfile(pf_txn *txn, int64_t parent, const char *name, mode_t mode, pf_file *made, pf_err *err)
{
	int rc = savepoint_begin(txn, err);

	if (rc < 0)
		return rc;
	rc = make_file(txn, parent, name, mode, made, err);
	return savepoint_end(txn, rc, err);
}

int file_orphan(pf_txn *txn, const struct file_row *row, pf_err *err)
{
	int rc = notes_unlist(txn, row->file.parent, row->file.name, err);

	if (rc < 0)
		return rc;
	QUERY(q, txn->conn, STMT_FILE_ORPHAN);
	query_int(&q, row->file.id);
	query_int(&q, txn_tick(txn));
	rc = query_run(&q, err);
	return rc < 0 ? rc : directory_changed(txn, row->file.parent, -1, false, err);
}

static int unlink_name(pf_txn *txn, int64_t parent, const char *name, int64_t *removed, pf_err *err)
{
	struct file_row row;
	pf_err missing = { 0 };
	int rc = file_load_named(txn->conn, parent, name, &row, &missing);

	*removed = 0;
	if (rc == 0 && S_ISDIR(row.file.mode))
		return pf_fail(err, EISDIR, "a directory");
	if (rc == 0) {
		*removed = row.file.id;
		return file_orphan(txn, &row, err);
	}
	if (rc != -ENOENT)
		return pf_fail(err, missing.code, "%s", missing.why);
	rc = note_remove(txn, parent, name, err);
	return rc > 0 ? 0 : rc < 0 ? rc : no_file(err);
}

int pf_txn_unlink(pf_txn *txn, int64_t parent, const char *name, int64_t *removed, pf_err *err)
{
	int64_t file;
	int rc = savepoint_begin(txn, err);

	if (rc < 0)
		return rc;
	rc = unlink_name(txn, parent, name, &file, err);
	if (removed)
		*removed = rc < 0 ? 0 : file;
	return savepoint_end(txn, rc, err);
}

int directory_remove(pf_txn *txn, const struct file_row *row, pf_err *err)
{
	int rc;

	if (row->file.id == PF_INCOMING)
		return pf_fail(err, EBUSY, "incoming/ stays");
	if (row->children)
		return pf_fail(err, ENOTEMPTY, "directory not empty");
	QUERY(q, txn->conn, STMT_DIRECTORY_REMOVE);
	query_int(&q, row->file.id);
	rc = query_run(&q, err);
	return rc < 0 || !row->listed ? rc : directory_changed(txn, row->file.parent, -1, true, err);
}

int pf_txn_rmdir(pf_txn *txn, int64_t parent, const char *name, pf_err *err)
{
	struct file_row row;
	int rc = savepoint_begin(txn, err);

	if (rc < 0)
		return rc;
	rc = file_load_named(txn->conn, parent, name, &row, err);
	if (rc == 0 && !S_ISDIR(row.file.mode))
		rc = pf_fail(err, ENOTDIR, "not a directory");
	if (rc == 0)
		rc = directory_remove(txn, &row, err);
	return savepoint_end(txn, rc, err);
}

static int source_of(struct connection *conn, int64_t file, int64_t *source, pf_err *err)
{
	QUERY(q, conn, STMT_FILE_SOURCE);
	query_int(&q, file);
	int rc = query_row(&q, err);

	*source = rc > 0 ? column_int(&q, 0) : 0;
	return rc < 0 ? rc : 0;
}

int source_release(pf_txn *txn, int64_t source, pf_err *err)
{
	QUERY(q, txn->conn, STMT_SOURCE_RELEASE);
	query_int(&q, source);
	return query_run(&q, err);
}

static int forget_file(pf_txn *txn, int64_t file, pf_err *err)
{
	int64_t source;
	int rc = source_of(txn->conn, file, &source, err);

	if (rc == 0) {
		QUERY(q, txn->conn, STMT_FILE_FORGET);
		query_int(&q, file);
		rc = query_run(&q, err);
	}
	return rc < 0 || !source ? rc : source_release(txn, source, err);
}

int pf_txn_forget(pf_txn *txn, int64_t file, pf_err *err)
{
	int rc = savepoint_begin(txn, err);

	if (rc < 0)
		return rc;
	rc = forget_file(txn, file, err);
	return savepoint_end(txn, rc, err);
}

static void bind_where(struct query *q, bool set, int64_t value)
{
	if (set)
		query_int(q, value);
	else
		query_null(q);
}

static int set_attributes(pf_txn *txn, int64_t file, unsigned mask, const pf_file *values, pf_err *err)
{
	struct file_row row;
	int rc = file_load(txn->conn, file, &row, err);

	if (rc < 0)
		return rc;
	QUERY(q, txn->conn, STMT_FILE_SETATTR);
	query_int(&q, file);
	bind_where(&q, mask & PF_SET_MODE, (row.file.mode & S_IFMT) | (values->mode & PERMISSIONS));
	bind_where(&q, mask & PF_SET_UID, values->uid);
	bind_where(&q, mask & PF_SET_GID, values->gid);
	bind_where(&q, mask & PF_SET_ATIME, values->atime);
	bind_where(&q, mask & PF_SET_MTIME, values->mtime);
	query_int(&q, txn_tick(txn));
	return query_run(&q, err);
}

int pf_txn_setattr(pf_txn *txn, int64_t file, unsigned mask, const pf_file *values, pf_err *err)
{
	int rc = savepoint_begin(txn, err);

	if (rc < 0)
		return rc;
	rc = set_attributes(txn, file, mask, values, err);
	return savepoint_end(txn, rc, err);
}

/* ---- content ---- */

static int put_row(pf_txn *txn, int64_t id, size_t len, int64_t mtime, bool judged, int64_t source, pf_err *err)
{
	int64_t before;
	int rc = source_of(txn->conn, id, &before, err);

	if (rc == 0) {
		QUERY(q, txn->conn, STMT_FILE_PUT);
		query_int(&q, id);
		query_int(&q, (int64_t)len);
		query_int(&q, mtime);
		query_int(&q, txn_tick(txn));
		query_int(&q, judged);
		bind_where(&q, source != 0, source);
		rc = query_run(&q, err);
	}
	return rc < 0 || !before || before == source ? rc : source_release(txn, before, err);
}

int file_put_content(pf_txn *txn, int64_t id, const char *content, size_t len, int64_t mtime, bool judged, pf_err *err)
{
	int rc = put_row(txn, id, len, mtime, judged, 0, err);

	if (rc < 0)
		return rc;
	QUERY(q, txn->conn, STMT_CONTENT_PUT);
	query_int(&q, id);
	query_blob(&q, content, len);
	return query_run(&q, err);
}

int file_put_source(pf_txn *txn, int64_t id, int64_t source, size_t len, int64_t mtime, pf_err *err)
{
	int rc = put_row(txn, id, len, mtime, true, source, err);

	if (rc < 0)
		return rc;
	QUERY(q, txn->conn, STMT_CONTENT_DROP);
	query_int(&q, id);
	return query_run(&q, err);
}

static int write_content(pf_txn *txn, int64_t file, const char *content, size_t len, int64_t mtime, pf_err *err)
{
	struct file_row row;
	int rc = file_load(txn->conn, file, &row, err);

	if (rc < 0)
		return rc;
	if (S_ISDIR(row.file.mode))
		return pf_fail(err, EISDIR, "a directory");
	if (len > store_max_source(txn->store))
		return pf_fail(err, EFBIG, "%zu bytes: at most %zu", len, store_max_source(txn->store));
	return file_put_content(txn, file, content, len, mtime, false, err);
}

int pf_txn_write(pf_txn *txn, int64_t file, const char *content, size_t len, int64_t mtime, pf_err *err)
{
	int rc = savepoint_begin(txn, err);

	if (rc < 0)
		return rc;
	rc = write_content(txn, file, content, len, mtime, err);
	return savepoint_end(txn, rc, err);
}
