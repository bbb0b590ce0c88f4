/*
 * The write transaction: one at a time, in this process by the store's
 * writer_lock, among processes by SQLite's write lock.
 */
#include <time.h>

#include "store-internal.h"

static int64_t clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t txn_tick(pf_txn *txn)
{
	int64_t now = clock_now();

	txn->now = now > txn->now ? now : add_capped(txn->now, 1);
	return txn->now;
}

static int run(struct connection *conn, enum stmt id, pf_err *err)
{
	QUERY(q, conn, id);
	return query_run(&q, err);
}

int txn_read_last_event(pf_txn *txn, pf_err *err)
{
	QUERY(q, txn->conn, STMT_HISTORY_LAST);
	int rc = query_row(&q, err);

	if (rc < 0)
		return rc;
	txn->history_id = rc ? column_int(&q, 0) : 0;
	txn->history_end = rc ? column_int(&q, 2) : 0;
	txn->history_known = true;
	/* The clock may have been set back since the last event, here or on the machine where that was written. */
	if (rc && column_int(&q, 1) > txn->now)
		txn->now = column_int(&q, 1);
	return 0;
}

/* What is written to a file that has no name any more is lost when it is closed. */
static int check_place(pf_store *store, pf_err *err)
{
	int moved = 0;

	sqlite3_file_control(store->writer->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	return moved ? pf_fail(err, EIO,
			       "%s was removed, renamed or replaced while it was open: put it back, or unmount and "
			       "mount "
			       "again",
			       store->path)
		     : 0;
}

static int begin(pf_txn *txn, pf_err *err)
{
	int rc = run(txn->conn, STMT_BEGIN, err);

	txn->unwritten = sqlite3_total_changes64(txn->conn->db);
	if (rc == 0)
		rc = txn_read_last_event(txn, err);
	txn->history_before = txn->history_id;
	changed_forget(txn);
	return rc;
}

static void txn_end(pf_txn *txn)
{
	pthread_mutex_unlock(&txn->store->writer_lock);
	sightings_forget(txn);
	free(txn->changed);
	free(txn->made);
	free(txn);
}

pf_txn *pf_txn_begin(pf_store *store, pf_err *err)
{
	pf_txn *txn;
	int rc;

	if (!store->writer) {
		pf_fail(err, EROFS, "the database is open read-only");
		return NULL;
	}
	txn = calloc(1, sizeof *txn);
	if (!txn) {
		no_memory(err);
		return NULL;
	}
	txn->store = store;
	pthread_mutex_lock(&store->writer_lock);
	txn->conn = store->writer;
	txn->conn->missed = false;
	rc = check_place(store, err);
	/* So that it can be given up whatever happens: also without memory. */
	if (rc == 0)
		rc = query_ready(txn->conn, STMT_ROLLBACK, err);
	if (rc == 0)
		rc = begin(txn, err);
	if (rc < 0) {
		pf_txn_rollback(txn);
		return NULL;
	}
	return txn;
}

bool pf_txn_broken(const pf_txn *txn)
{
	return txn->broken || sqlite3_get_autocommit(txn->conn->db);
}

int pf_txn_commit(pf_txn *txn, pf_err *err)
{
	int rc;

	if (pf_txn_broken(txn)) {
		pf_txn_rollback(txn);
		return pf_fail(err, EIO, "the database gave the transaction up");
	}
	rc = txn->patterns_known ? search_catch_up(txn, txn->pattern_id, err) : 0;
	if (rc == 0)
		rc = run(txn->conn, STMT_COMMIT, err);
	if (rc < 0) {
		pf_txn_rollback(txn);
	} else {
		store_committed(txn->store);
		txn_end(txn);
	}
	return rc;
}

void pf_txn_rollback(pf_txn *txn)
{
	if (!txn)
		return;
	if (!sqlite3_get_autocommit(txn->conn->db))
		run(txn->conn, STMT_ROLLBACK, NULL);
	txn_end(txn);
}

/* Rows written since the transaction began. */
static bool has_written(const pf_txn *txn)
{
	return sqlite3_total_changes64(txn->conn->db) != txn->unwritten;
}

/*
 * A savepoint costs a copy of each page that is written after it. Where nothing was written before, it would put back
 * what the transaction began with; then none is made, and the transaction itself is begun anew where it must be undone.
 */
int savepoint_begin(pf_txn *txn, pf_err *err)
{
	int rc = 0;

	/* Outside a transaction a savepoint would begin one, and commit at its release. */
	if (pf_txn_broken(txn))
		return pf_fail(err, EIO, "the database gave the transaction up");
	if (has_written(txn))
		rc = run(txn->conn, STMT_SAVEPOINT, err);
	else
		txn->unmade++;
	if (rc == 0)
		txn->savepoints++;
	return rc;
}

/* Undoes everything: with the lock let go, others may have written before it is held again. */
static int begin_anew(pf_txn *txn)
{
	int rc = run(txn->conn, STMT_ROLLBACK, NULL);

	return rc < 0 ? rc : begin(txn, NULL);
}

/* Undoes what was written since the innermost savepoint, which was not MADE where nothing had been before. */
static int undo(pf_txn *txn, bool made)
{
	txn->history_known = txn->patterns_known = txn->components_known = false;
	txn->totals_count = 0;
	sightings_forget(txn);
	txn->untold |= txn->pattern_events > 0;
	txn->another |= txn->of_components;
	if (made)
		return run(txn->conn, STMT_ROLLBACK_TO, NULL);
	return has_written(txn) ? begin_anew(txn) : 0;
}

int savepoint_end(pf_txn *txn, int rc, pf_err *err)
{
	/* Those that were not made are the outer ones. */
	bool made = txn->savepoints > txn->unmade;
	int ended = 0;

	txn->savepoints--;
	if (!made)
		txn->unmade--;
	if (pf_txn_broken(txn))
		return rc < 0 ? rc : pf_fail(err, EIO, "the database gave the transaction up");
	if (rc >= 0 && txn->conn->missed)
		rc = no_memory(err);
	if (rc < 0) {
		txn->conn->missed = false;
		ended = undo(txn, made);
	}
	if (ended == 0 && made)
		ended = run(txn->conn, STMT_RELEASE, rc < 0 ? NULL : err);
	if (ended < 0)
		txn->broken = true;
	return rc < 0 ? rc : ended < 0 ? ended : rc;
}

bool pf_store_foreign_commit(pf_store *store)
{
	int64_t seen = store->data_version;

	if (!store->watcher)
		return false;
	QUERY(q, store->watcher, STMT_DATA_VERSION);
	if (query_row(&q, NULL) > 0)
		store->data_version = column_int(&q, 0);
	return store->data_version != seen;
}
