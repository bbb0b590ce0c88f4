/*
 * A database connection: how it is opened, its statements, its errors.
 */
#include <stdio.h>

#include "store-internal.h"

enum { BUSY_MS = 10000 };

/* ---- errors ---- */

int no_memory(pf_err *err)
{
	return pf_fail(err, ENOMEM, "out of memory");
}

/* Of the last call that failed for the database (SQLITE_FCNTL_FILE_POINTER) or its log (…JOURNAL_POINTER). */
static int file_failure(sqlite3 *db, int which)
{
	sqlite3_file *file = NULL;
	int code = 0;

	if (sqlite3_file_control(db, "main", which, &file) == SQLITE_OK && file && file->pMethods)
		file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &code);
	return code;
}

/* The system's reason; 0 where it was not the system that failed. SQLite keeps none of a failed COMMIT's. */
static int system_failure(struct connection *conn, int rc)
{
	int code;

	if (((rc & 0xff) != SQLITE_IOERR && (rc & 0xff) != SQLITE_CANTOPEN) || !conn || !conn->db)
		return 0;
	code = sqlite3_system_errno(conn->db);
	if (!code && (rc & 0xff) == SQLITE_IOERR)
		code = file_failure(conn->db, SQLITE_FCNTL_JOURNAL_POINTER);
	if (!code && (rc & 0xff) == SQLITE_IOERR)
		code = file_failure(conn->db, SQLITE_FCNTL_FILE_POINTER);
	return code;
}

/* What the system said where SQLite only knows that input or output failed. */
static int system_code(struct connection *conn, int rc, int otherwise)
{
	int code = system_failure(conn, rc);

	switch (code) {
	case ENOSPC:
	case EDQUOT:
		return ENOSPC;
	case EMFILE:
		return ENFILE; /* not the asker's files */
	case ENFILE:
	case EROFS:
	case EACCES:
	case EISDIR:
	case ENOENT:
	case ENOMEM:
		return code;
	default:
		return otherwise;
	}
}

static int errno_of(struct connection *conn, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_NOMEM:
		return ENOMEM;
	case SQLITE_FULL:
		return ENOSPC;
	case SQLITE_READONLY:
		return EROFS;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return EBUSY;
	case SQLITE_TOOBIG:
		return EFBIG;
	case SQLITE_PERM:
		return EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return EUCLEAN;
	default:
		return system_code(conn, rc, EIO);
	}
}

int connection_fail(struct connection *conn, int rc, pf_err *err)
{
	int code = errno_of(conn, rc);
	const char *words = conn && conn->db ? sqlite3_errmsg(conn->db) : sqlite3_errstr(rc);
	int system;

	if (code == EBUSY)
		return pf_fail(err, code, "another process has held the database's write lock for %d seconds",
			       BUSY_MS / 1000);
	if (code == EUCLEAN)
		return pf_fail(err, code,
			       "%s: the database is corrupt (%s): restore a backup, or save what can be read with "
			       "sqlite3's .dump",
			       conn && conn->db ? sqlite3_db_filename(conn->db, "main") : "?", words);
	system = system_failure(conn, rc);
	if (system)
		return pf_fail(err, code, "the database failed: %s: %s (SQLite %d)", words, strerror(system), rc);
	return pf_fail(err, code, "the database failed: %s (SQLite %d)", words, rc);
}

/* ---- statements ---- */

struct query query_start(struct connection *conn, enum stmt id)
{
	struct query q = { .conn = conn };
	sqlite3_stmt **stmt = &conn->stmts[id];

	if (!*stmt)
		q.rc = sqlite3_prepare_v3(conn->db, stmt_sql[id], -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
	q.stmt = *stmt;
	return q;
}

int query_ready(struct connection *conn, enum stmt id, pf_err *err)
{
	struct query q = query_start(conn, id);

	return q.rc == SQLITE_OK ? 0 : connection_fail(conn, q.rc, err);
}

struct query query_made(struct connection *conn, const char *sql)
{
	struct query q = { .conn = conn };
	int at = 0;

	while (at < MADE_STATEMENTS && !(conn->made[at] && strcmp(sqlite3_sql(conn->made[at]), sql) == 0))
		at++;
	if (at == MADE_STATEMENTS) {
		at = conn->next_made;
		conn->next_made = (at + 1) % MADE_STATEMENTS;
		sqlite3_finalize(conn->made[at]);
		conn->made[at] = NULL;
		q.rc = sqlite3_prepare_v3(conn->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &conn->made[at], NULL);
	}
	q.stmt = conn->made[at];
	return q;
}

void query_again(struct query *q)
{
	if (!q->stmt)
		return;
	sqlite3_reset(q->stmt); /* its failure was reported by the step already */
	sqlite3_clear_bindings(q->stmt);
	q->bound = 0;
	q->rc = SQLITE_OK;
}

void query_end(struct query *q)
{
	query_again(q);
}

/* Whether the next value can be bound. */
static bool may_bind(struct query *q)
{
	q->bound++;
	return q->rc == SQLITE_OK && q->stmt;
}

void query_int(struct query *q, int64_t value)
{
	if (may_bind(q))
		q->rc = sqlite3_bind_int64(q->stmt, q->bound, value);
}

void query_real(struct query *q, double value)
{
	if (may_bind(q))
		q->rc = sqlite3_bind_double(q->stmt, q->bound, value);
}

/* 0 where nothing of that name is to be bound. */
static int parameter_named(struct query *q, const char *name)
{
	return q->rc == SQLITE_OK && q->stmt ? sqlite3_bind_parameter_index(q->stmt, name) : 0;
}

void query_named_int(struct query *q, const char *name, int64_t value)
{
	int at = parameter_named(q, name);

	if (at)
		q->rc = sqlite3_bind_int64(q->stmt, at, value);
}

void query_named_real(struct query *q, const char *name, double value)
{
	int at = parameter_named(q, name);

	if (at)
		q->rc = sqlite3_bind_double(q->stmt, at, value);
}

void query_named_text(struct query *q, const char *name, const char *text)
{
	int at = parameter_named(q, name);

	if (at)
		q->rc = sqlite3_bind_text64(q->stmt, at, text, strlen(text), SQLITE_STATIC, SQLITE_UTF8);
}

void query_null(struct query *q)
{
	if (may_bind(q))
		q->rc = sqlite3_bind_null(q->stmt, q->bound);
}

void query_text_len(struct query *q, const char *text, size_t len)
{
	if (may_bind(q))
		q->rc = sqlite3_bind_text64(q->stmt, q->bound, text, len, SQLITE_STATIC, SQLITE_UTF8);
}

void query_text(struct query *q, const char *text)
{
	if (text)
		query_text_len(q, text, strlen(text));
	else
		query_null(q);
}

void query_blob(struct query *q, const char *bytes, size_t len)
{
	/* A null pointer would bind null. */
	if (may_bind(q))
		q->rc = sqlite3_bind_blob64(q->stmt, q->bound, bytes ? bytes : "", len, SQLITE_STATIC);
}

int query_row(struct query *q, pf_err *err)
{
	if (q->rc == SQLITE_OK)
		q->rc = q->stmt ? sqlite3_step(q->stmt) : SQLITE_MISUSE;
	if (q->rc == SQLITE_ROW) {
		q->rc = SQLITE_OK;
		return 1;
	}
	if (q->rc == SQLITE_DONE)
		return 0;
	return connection_fail(q->conn, q->rc, err);
}

void query_missed(struct query *q)
{
	if (q->rc == SQLITE_OK && sqlite3_errcode(q->conn->db) == SQLITE_NOMEM) {
		q->rc = SQLITE_NOMEM;
		q->conn->missed = true;
	}
}

int query_check(struct query *q, pf_err *err)
{
	return q->rc == SQLITE_OK || q->rc == SQLITE_DONE ? 0 : connection_fail(q->conn, q->rc, err);
}

int query_run(struct query *q, pf_err *err)
{
	int rc = query_row(q, err);

	return rc < 0 ? rc : 0;
}

int query_insert(struct query *q, int64_t *id, pf_err *err)
{
	int rc = query_run(q, err);

	*id = sqlite3_last_insert_rowid(q->conn->db);
	return rc;
}

int column_append(struct query *q, int i, pf_text *out, pf_err *err)
{
	const char *bytes = sqlite3_column_blob(q->stmt, i);
	int len = sqlite3_column_bytes(q->stmt, i);

	if (!bytes)
		query_missed(q);
	if (q->rc != SQLITE_OK)
		return no_memory(err);
	pf_text_add(out, bytes ? bytes : "", (size_t)len);
	return out->failed ? no_memory(err) : 0;
}

int connection_exec(struct connection *conn, const char *sql, pf_err *err)
{
	int rc = sqlite3_exec(conn->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : connection_fail(conn, rc, err);
}

int connection_ask(struct connection *conn, const char *sql, int64_t *answer)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(conn->db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		*answer = sqlite3_column_int64(stmt, 0);
		rc = SQLITE_OK;
	} else if (rc == SQLITE_DONE) {
		rc = SQLITE_OK;
	}
	sqlite3_finalize(stmt);
	return rc;
}

/* ---- opening ---- */

/* `file:PATH?…`, with what would end or change the path escaped. */
static int uri_of(const char *path, const char *parameters, pf_text *uri, pf_err *err)
{
	pf_text_puts(uri, "file:");
	for (const char *c = path; *c; c++) {
		if (*c == '%' || *c == '?' || *c == '#')
			pf_text_printf(uri, "%%%02X", (unsigned)(unsigned char)*c);
		else
			pf_text_add(uri, c, 1);
	}
	pf_text_puts(uri, parameters);
	return uri->failed ? no_memory(err) : 0;
}

static int open_database(const char *path, enum connection_mode mode, struct connection *conn, pf_err *err)
{
	static const struct {
		const char *parameters;
		int flags;
	} modes[] = {
		[CONNECTION_WRITER] = { "?mode=rw", SQLITE_OPEN_READWRITE },
		[CONNECTION_READER] = { "?mode=ro", SQLITE_OPEN_READONLY },
		[CONNECTION_IMMUTABLE] = { "?mode=ro&immutable=1", SQLITE_OPEN_READONLY },
	};
	pf_text uri = { 0 };
	int rc = uri_of(path, modes[mode].parameters, &uri, err);

	if (rc < 0)
		return rc;
	rc = sqlite3_open_v2(uri.bytes, &conn->db,
			     modes[mode].flags | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
				     SQLITE_OPEN_EXRESCODE,
			     mode == CONNECTION_WRITER ? log_vfs() : NULL);
	pf_text_free(&uri);
	if (rc == SQLITE_OK && mode == CONNECTION_WRITER)
		log_drop(conn->db);
	return rc == SQLITE_OK ? 0 : connection_fail(conn, rc, err);
}

int connection_wait(struct connection *conn, bool patiently)
{
	return sqlite3_busy_timeout(conn->db, patiently ? BUSY_MS : 0);
}

/* A hostile database file must not be able to run anything; a page of another file is noticed. */
static int harden(struct connection *conn, pf_err *err)
{
	int rc = sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_db_config(conn->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_db_config(conn->db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
	if (rc == SQLITE_OK)
		rc = connection_wait(conn, true);
	return rc == SQLITE_OK ? 0 : connection_fail(conn, rc, err);
}

int connection_without_triggers(struct connection *conn, pf_err *err)
{
	int rc = sqlite3_db_config(conn->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);

	return rc == SQLITE_OK ? 0 : connection_fail(conn, rc, err);
}

#define MAP "PRAGMA mmap_size = 2147418112;"

int connection_map(struct connection *conn, bool map, pf_err *err)
{
	int rc = connection_exec(conn, map ? MAP : "PRAGMA mmap_size = 0", err);

	if (rc == 0)
		conn->unmapped = !map;
	return rc;
}

#define WRITER_PRAGMAS                                                                                                 \
	"PRAGMA cell_size_check = ON; PRAGMA cache_size = -8192; PRAGMA secure_delete = OFF;"                          \
	"PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864;"

static const char *pragmas(enum connection_mode mode, enum pf_sync sync)
{
	/* Readers map the file, the most of it that SQLite does: what they read is the page cache's and shared, not
	 * memory of their own. */
	if (mode != CONNECTION_WRITER)
		return "PRAGMA cache_size = -1024; PRAGMA query_only = ON;" MAP;
	/*
	 * secure_delete, on in some builds, would write zeroes over every byte that an update frees. temp_store is
	 * where savepoints keep what they may have to put back. The log is copied back every 16 MB: the pages of
	 * what is often sighted are in it many times, and are copied once. Where somebody's long reading made it
	 * longer, it is cut to 64 MiB when it starts over.
	 */
	if (sync == PF_SYNC_NORMAL)
		return WRITER_PRAGMAS "PRAGMA synchronous = NORMAL;";
	return WRITER_PRAGMAS "PRAGMA synchronous = FULL;";
}

int connection_open(const char *path, enum connection_mode mode, enum pf_sync sync, struct connection **conn,
		    pf_err *err)
{
	struct connection *made = calloc(1, sizeof *made);
	int64_t version;
	int rc;

	*conn = NULL;
	if (!made)
		return no_memory(err);
	rc = open_database(path, mode, made, err);
	if (rc == 0)
		rc = harden(made, err);
	if (rc == 0)
		rc = search_functions(made, err);
	/* The first look into the file. */
	if (rc == 0 && (rc = connection_ask(made, "PRAGMA user_version", &version)) != SQLITE_OK)
		rc = schema_unreadable(made, path, rc, err);
	if (rc == 0)
		rc = connection_exec(made, pragmas(mode, sync), err);
	if (rc < 0) {
		connection_close(made);
		return rc;
	}
	*conn = made;
	return 0;
}

int connection_open_memory(struct connection **conn, pf_err *err)
{
	struct connection *made = calloc(1, sizeof *made);
	int rc;

	*conn = NULL;
	if (!made)
		return no_memory(err);
	rc = sqlite3_open_v2(":memory:", &made->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
			     NULL);
	rc = rc == SQLITE_OK ? search_functions(made, err) : connection_fail(made, rc, err);
	if (rc < 0) {
		connection_close(made);
		return rc;
	}
	*conn = made;
	return 0;
}

void connection_close(struct connection *conn)
{
	if (!conn)
		return;
	for (int i = 0; i < STMT_COUNT; i++)
		sqlite3_finalize(conn->stmts[i]);
	for (int i = 0; i < MADE_STATEMENTS; i++)
		sqlite3_finalize(conn->made[i]);
	search_free(conn->search);
	sqlite3_close(conn->db);
	free(conn);
}
