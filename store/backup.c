/*
 * A copy of a database, as it was at one moment, whoever writes to it.
 */
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <unistd.h>

#include "store-internal.h"

enum { PAGES = 1024 }; /* at a time */

static int refuse(const char *file, const char *what, int code, pf_err *err)
{
	if (code == EEXIST)
		return pf_fail(err, code, "%s: there is such a file already: name one that is not there yet", file);
	return pf_fail(err, code, "%s: cannot %s it: %s", file, what, strerror(code));
}

/* Nobody else's file, nor one that a link leads to. */
static int make_file(const char *file, pf_err *err)
{
	int fd, rc = place_judge(file, err);

	if (rc < 0)
		return rc;
	fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return refuse(file, "make", errno, err);
	close(fd);
	return 0;
}

static int sync_path(const char *path, int flags, const char *file, pf_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | flags), code = 0;

	if (fd < 0 || fsync(fd) < 0)
		code = errno;
	if (fd >= 0)
		close(fd);
	return code ? refuse(file, "sync", code, err) : 0;
}

/* Its bytes, then its name. */
static int sync_file(const char *file, pf_err *err)
{
	char *copy = strdup(file);
	int rc = copy ? sync_path(file, 0, file, err) : no_memory(err);

	if (rc == 0)
		rc = sync_path(dirname(copy), O_DIRECTORY, file, err);
	free(copy);
	return rc;
}

/* FROM is in a snapshot, which all steps copy. */
static int copy_pages(struct connection *from, sqlite3 *to, const volatile sig_atomic_t *stop, int *rc)
{
	sqlite3_backup *backup = sqlite3_backup_init(to, "main", from->db, "main");

	if (!backup) {
		*rc = sqlite3_errcode(to);
		return 0;
	}
	do
		*rc = sqlite3_backup_step(backup, PAGES);
	while (*rc == SQLITE_OK && !(stop && *stop));
	if (*rc == SQLITE_OK) {
		sqlite3_backup_finish(backup);
		return -EINTR;
	}
	*rc = sqlite3_backup_finish(backup);
	return 0;
}

/* No journal: where it fails, FILE goes; what is written is synced at the end. */
static int copy_database(struct connection *from, const char *file, const volatile sig_atomic_t *stop, pf_err *err)
{
	struct connection to = { 0 };
	int stopped = 0, rc = sqlite3_open_v2(file, &to.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(to.db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		stopped = copy_pages(from, to.db, stop, &rc);
	/* With a log, as the database says of itself, whoever only reads the copy would leave files beside it. */
	if (rc == SQLITE_OK && !stopped)
		rc = sqlite3_exec(to.db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
	if (stopped < 0)
		rc = pf_fail(err, EINTR, "%s: interrupted", file);
	else if (rc != SQLITE_OK)
		rc = connection_fail(&to, rc, err);
	sqlite3_close(to.db);
	return rc;
}

static int snapshot(struct connection *from, const char *path, pf_err *err)
{
	int rc = connection_exec(from, "BEGIN", err);

	return rc < 0 ? rc : schema_identify(from, path, err);
}

int pf_store_backup(const char *path, const char *file, const volatile sig_atomic_t *stop, pf_err *err)
{
	struct connection *from;
	int rc = store_peek(path, &from, err);

	if (rc == 0)
		rc = snapshot(from, path, err);
	if (rc == 0 && (rc = make_file(file, err)) == 0) {
		rc = copy_database(from, file, stop, err);
		if (rc == 0)
			rc = sync_file(file, err);
		if (rc < 0)
			unlink(file);
	}
	connection_close(from);
	return rc;
}
