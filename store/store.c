/*
 * The store: its one writer, and its pool of readers.
 *
 * SQLite's own mutexes are off: a connection belongs to the thread that leased
 * it. The pool holds as many as ever were leased at the same time.
 */
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "store-internal.h"

size_t store_max_source(const pf_store *store)
{
	return store->options.limits.max_source ? store->options.limits.max_source : (size_t)4 << 20;
}

/* ---- readers ---- */

/* The store whose past this thread reads. */
static _Thread_local const pf_store *looking_back;

/*
 * SQLite unmaps the file at the first look after each commit, and every page of it is a fault again: a mapping pays
 * where many reads come between two commits, and costs more than all else where few do.
 */
static int choose_mapping(struct connection *conn, int64_t commits, pf_err *err)
{
	bool committed = conn->commits != commits;
	bool wanted = conn->steady == STEADY || (!committed && !conn->unmapped);

	if (committed)
		conn->steady = 0;
	else if (conn->steady < STEADY)
		conn->steady++;
	conn->commits = commits;
	return wanted == !conn->unmapped ? 0 : connection_map(conn, wanted, err);
}

int lease_begin(pf_store *store, struct lease *lease, pf_err *err)
{
	int64_t commits;
	int rc;

	*lease = (struct lease){ .store = store };
	if (looking_back == store) {
		lease->conn = store->past;
		lease->past = true;
		return 0;
	}
	pthread_mutex_lock(&store->pool_lock);
	lease->conn = store->idle;
	if (lease->conn)
		store->idle = lease->conn->next;
	commits = store->commits;
	pthread_mutex_unlock(&store->pool_lock);
	if (lease->conn)
		return choose_mapping(lease->conn, commits, err);
	rc = connection_open(store->path, store->reader_mode, store->options.sync, &lease->conn, err);
	if (rc == 0)
		lease->conn->commits = commits;
	return rc;
}

void store_committed(pf_store *store)
{
	pthread_mutex_lock(&store->pool_lock);
	store->commits++;
	pthread_mutex_unlock(&store->pool_lock);
}

int lease_snapshot(pf_store *store, struct lease *lease, pf_err *err)
{
	int rc = lease_begin(store, lease, err);

	if (rc < 0 || lease->past)
		return rc;
	rc = query_ready(lease->conn, STMT_ROLLBACK, err); /* for lease_end, whatever happens */
	if (rc < 0)
		return rc;
	QUERY(q, lease->conn, STMT_SNAPSHOT);
	return query_run(&q, err);
}

void lease_end(struct lease *lease)
{
	pf_store *store = lease->store;
	struct connection *conn = lease->conn;

	if (!conn || lease->past)
		return;
	lease->conn = NULL;
	if (!sqlite3_get_autocommit(conn->db)) {
		QUERY(q, conn, STMT_ROLLBACK);
		query_run(&q, NULL);
	}
	/* Nobody else shall read what was. */
	if (!sqlite3_get_autocommit(conn->db)) {
		connection_close(conn);
		return;
	}
	pthread_mutex_lock(&store->pool_lock);
	conn->next = store->idle;
	store->idle = conn;
	pthread_mutex_unlock(&store->pool_lock);
}

/* ---- the past ---- */

enum { LOG_GROWTH = 64 << 20 }; /* bytes */

/*
 * The file stays as long as the log ever was. Nothing but its size is asked for: once somebody has seen a file's times
 * the kernel gives the next write times of its own (multigrain timestamps, Linux 6.13), and the sync after it waits
 * for the inode to be written too, which made a durable verdict a third dearer.
 */
static bool log_has_grown(pf_store *store)
{
	struct statx st;
	int64_t size;

	if (statx(AT_FDCWD, store->log_path, 0, STATX_SIZE, &st) != 0)
		return false;
	size = (int64_t)st.stx_size;
	if (size + LOG_GROWTH < store->log_limit)
		store->log_limit = size + LOG_GROWTH;
	if (size <= store->log_limit)
		return false;
	store->log_limit = size + LOG_GROWTH;
	return true;
}

int pf_store_remember(pf_store *store, pf_err *err)
{
	LEASE lease = { 0 };
	int rc;

	pf_store_forget(store);
	if (log_has_grown(store))
		return 0;
	rc = lease_snapshot(store, &lease, err);
	if (rc < 0)
		return rc;
	/* A snapshot begins with the first look; this one is the cheapest. */
	QUERY(q, lease.conn, STMT_DATA_VERSION);
	rc = query_row(&q, err);
	if (rc < 0)
		return rc;
	query_again(&q);
	lease.past = true;
	pthread_mutex_lock(&store->past_lock);
	store->past = lease.conn;
	pthread_mutex_unlock(&store->past_lock);
	return 0;
}

void pf_store_forget(pf_store *store)
{
	LEASE lease = { .store = store };

	pthread_mutex_lock(&store->past_lock);
	lease.conn = store->past; /* lease_end gives it back */
	store->past = NULL;
	pthread_mutex_unlock(&store->past_lock);
}

bool pf_store_look_back(pf_store *store)
{
	if (looking_back)
		return false;
	pthread_mutex_lock(&store->past_lock);
	if (store->past)
		looking_back = store;
	else
		pthread_mutex_unlock(&store->past_lock);
	return looking_back;
}

void pf_store_look_ahead(pf_store *store)
{
	looking_back = NULL;
	pthread_mutex_unlock(&store->past_lock);
}

/* ---- opening ---- */

static int any_unlisted(struct connection *conn, pf_err *err)
{
	QUERY(q, conn, STMT_UNLISTED_ANY);
	return query_row(&q, err);
}

/*
 * Clears what an earlier process left: files that it held open when they were removed, directories never used. Where
 * another process has the database open they may be its own, and stay until the next time. The connection goes, for
 * after an attempt in vain SQLite would keep others from opening the database.
 */
static int clear_unlisted(struct connection *conn, pf_err *err)
{
	int rc = 0;

	connection_wait(conn, false);
	if (connection_exec(conn, "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE", NULL) == 0) {
		QUERY(q, conn, STMT_UNLISTED_CLEAR);
		rc = query_run(&q, err);
		query_again(&q);
		if (rc == 0)
			rc = connection_exec(conn, "COMMIT", err);
	}
	connection_close(conn);
	return rc;
}

static int purge(pf_store *store, pf_err *err)
{
	int rc = any_unlisted(store->writer, err);

	if (rc <= 0)
		return rc;
	rc = clear_unlisted(store->writer, err);
	store->writer = NULL;
	return rc < 0 ? rc : connection_open(store->path, CONNECTION_WRITER, store->options.sync, &store->writer, err);
}

/* Without it nothing can be dropped, and each look at it would fail. */
static int check_incoming(struct connection *conn, const char *path, pf_err *err)
{
	struct file_row row;
	pf_err why = { 0 };
	int rc = directory_load(conn, PF_INCOMING, &row, &why);

	if (rc == -ENOENT || rc == -ENOTDIR)
		return pf_fail(err, EUCLEAN,
			       "%s: the database is corrupt (its directory incoming is %s): restore a backup, or save "
			       "what can be read with sqlite3's .dump",
			       path, rc == -ENOENT ? "missing" : "none");
	return rc < 0 ? pf_fail(err, why.code, "%s", why.why) : 0;
}

/* An older schema had no index of words. */
static int index_words(pf_store *store, pf_err *err)
{
	pf_txn *txn;
	int64_t last;
	int rc;

	{
		QUERY(q, store->writer, STMT_PATTERN_LAST);
		rc = query_row(&q, err);
		last = rc > 0 ? column_int(&q, 0) : 0;
	}
	if (rc < 0 || last == 0)
		return rc < 0 ? rc : 0;
	txn = pf_txn_begin(store, err);
	if (!txn)
		return err ? -err->code : -EIO;
	rc = search_catch_up(txn, last, err);
	if (rc == 0)
		return pf_txn_commit(txn, err);
	pf_txn_rollback(txn);
	return rc;
}

static int open_writer(pf_store *store, pf_err *err)
{
	bool upgraded = false;
	int rc = connection_open(store->path, CONNECTION_WRITER, store->options.sync, &store->writer, err);

	if (rc == 0)
		rc = schema_ready(store->writer, store->path, true, &upgraded, err);
	if (rc == 0)
		rc = check_incoming(store->writer, store->path, err);
	if (rc == 0)
		rc = purge(store, err);
	if (rc == 0 && upgraded)
		rc = index_words(store, err);
	if (rc == 0)
		rc = connection_without_triggers(store->writer, err);
	store->watcher = store->writer;
	return rc;
}

/*
 * A database in WAL mode needs its -shm file, which cannot be made on a disk
 * that is read-only in truth; nobody can change it there, so no locks are needed.
 */
static int open_reader(pf_store *store, pf_err *err)
{
	pf_err why = { 0 };
	int rc;

	store->reader_mode = CONNECTION_READER;
	for (;;) {
		LEASE lease = { 0 };

		rc = lease_begin(store, &lease, &why);
		if (rc == 0)
			rc = schema_ready(lease.conn, store->path, false, NULL, &why);
		if (rc == 0)
			rc = check_incoming(lease.conn, store->path, &why);
		if (rc == 0 || rc == -EINVAL || rc == -EUCLEAN || rc == -ENOMEM ||
		    store->reader_mode == CONNECTION_IMMUTABLE)
			break;
		store->reader_mode = CONNECTION_IMMUTABLE;
		pf_err_clear(&why);
	}
	if (rc < 0)
		return pf_fail(err, why.code, "%s", why.why);
	return connection_open(store->path, store->reader_mode, store->options.sync, &store->watcher, err);
}

int store_peek(const char *path, struct connection **conn, pf_err *err)
{
	pf_err why = { 0 };
	int rc = place_check(path, true, err);
	char *real = rc < 0 ? NULL : realpath(path, NULL);

	*conn = NULL;
	if (!real)
		return rc < 0 ? rc : place_refuse(path, errno, false, err);
	rc = connection_open(real, CONNECTION_READER, PF_SYNC_NORMAL, conn, &why);
	if (rc == 0 || rc == -EINVAL || rc == -EUCLEAN || rc == -EBUSY || rc == -ENOMEM)
		rc = rc < 0 ? pf_fail(err, why.code, "%s", why.why) : 0;
	else
		rc = connection_open(real, CONNECTION_IMMUTABLE, PF_SYNC_NORMAL, conn, err);
	if (rc == 0 && (rc = place_judge(real, err)) < 0) {
		connection_close(*conn);
		*conn = NULL;
	}
	free(real);
	return rc;
}

/*
 * Without statistics of its memory, which nobody asks for, SQLite takes no lock at each allocation; a good twentieth of
 * what a submission costs. In vain, and no harm, where the process has used SQLite before.
 */
static void configure_sqlite(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

pf_store *pf_store_open(const char *path, const pf_store_options *options, pf_err *err)
{
	pf_store *store;
	bool read_only = options && options->read_only;
	static pthread_once_t configured = PTHREAD_ONCE_INIT;
	int rc = place_check(path, read_only, err);

	if (rc < 0)
		return NULL;
	pthread_once(&configured, configure_sqlite);
	store = calloc(1, sizeof *store);
	if (!store) {
		no_memory(err);
		return NULL;
	}
	if (options)
		store->options = *options;
	store->reader_mode = CONNECTION_READER;
	pthread_mutex_init(&store->pool_lock, NULL);
	pthread_mutex_init(&store->writer_lock, NULL);
	pthread_mutex_init(&store->past_lock, NULL);
	store->path = realpath(path, NULL); /* the working directory may change */
	if (!store->path)
		rc = place_refuse(path, errno, !read_only, err);
	else if (asprintf(&store->log_path, "%s-wal", store->path) < 0)
		rc = no_memory(err);
	else
		rc = read_only ? open_reader(store, err) : open_writer(store, err);
	if (rc == 0)
		rc = place_judge(store->path, err); /* again: nothing was put there meanwhile */
	if (rc < 0) {
		pf_store_close(store);
		return NULL;
	}
	log_has_grown(store);
	pf_store_foreign_commit(store); /* from here on */
	return store;
}

void pf_store_close(pf_store *store)
{
	if (!store)
		return;
	pf_store_forget(store);
	while (store->idle) {
		struct connection *conn = store->idle;

		store->idle = conn->next;
		connection_close(conn);
	}
	/* The last to close checkpoints, and removes the log. */
	if (store->watcher != store->writer)
		connection_close(store->watcher);
	connection_close(store->writer);
	pthread_mutex_destroy(&store->pool_lock);
	pthread_mutex_destroy(&store->writer_lock);
	pthread_mutex_destroy(&store->past_lock);
	free(store->log_path);
	free(store->path);
	free(store);
}

int pf_store_statvfs(pf_store *store, struct statvfs *out, pf_err *err)
{
	if (statvfs(store->path, out) != 0)
		return pf_fail(err, errno, "%s: %s", store->path, strerror(errno));
	return 0;
}
