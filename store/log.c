/*
 * How the writer's log is written.
 *
 * SQLite writes a transaction into its log (WAL) page by page, and each page in
 * two calls: a header of 24 bytes, and the page. A submission is of about a
 * hundred pages, and the calls cost more than the copying. So this stands
 * between SQLite and the system (a VFS that is the system's but for the log):
 * what continues what was written before is gathered, and goes out in one call
 * when there is much of it, and with the page whose header says that it ends
 * the transaction; for from then on others may read it. Before anything else
 * that is asked of the log it goes out too.
 *
 * An error is so reported by a later call than the one whose bytes it concerns,
 * but by one of the same transaction, before that is committed. What was
 * gathered by one that was rolled back is dropped at once (log_drop()): others may
 * write to that place of the log next, and theirs must stay.
 */
#include "store-internal.h"

enum {
	GATHERED = 64 << 10, /* bytes */
	FRAME_HEADER = 24,   /* of SQLite's format: the page's number, and how many pages the database has then or 0 */
	FRAME_COMMIT = 4,    /* where the latter begins */
};

struct log_file {
	sqlite3_file base; /* first: what SQLite sees */
	sqlite3_file *real;
	char *gathered; /* NULL: there was no memory for it */
	int len;
	sqlite3_int64 offset; /* of what is gathered */
	bool last;	      /* the page that comes ends a transaction */
};

static struct {
	sqlite3_vfs vfs;
	sqlite3_vfs *system;
} layer;

static struct log_file *log_of(sqlite3_file *file)
{
	return (struct log_file *)file;
}

/* What is gathered goes out. */
static int let_out(struct log_file *log)
{
	int len = log->len;

	log->len = 0;
	return len ? log->real->pMethods->xWrite(log->real, log->gathered, len, log->offset) : SQLITE_OK;
}

static int log_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
	static const char none[4];
	struct log_file *log = log_of(file);
	bool last = log->last;
	int rc = SQLITE_OK;

	log->last = len == FRAME_HEADER && memcmp((const char *)bytes + FRAME_COMMIT, none, sizeof none) != 0;
	if (log->len && (offset != log->offset + log->len || len > GATHERED - log->len))
		rc = let_out(log);
	if (rc != SQLITE_OK)
		return rc;
	if (!log->gathered || len > GATHERED)
		return log->real->pMethods->xWrite(log->real, bytes, len, offset);
	if (!log->len)
		log->offset = offset;
	memcpy(log->gathered + log->len, bytes, (size_t)len);
	log->len += len;
	return last ? let_out(log) : SQLITE_OK;
}

static int log_close(sqlite3_file *file)
{
	struct log_file *log = log_of(file);

	/* What is gathered was not committed. */
	free(log->gathered);
	return log->real->pMethods->xClose(log->real);
}

/* Whatever else is asked of the log is asked of what it is by then. */
#define AFTER_ALL(log, method, ...)                                                                                    \
	do {                                                                                                           \
		int rc = let_out(log);                                                                                 \
		return rc == SQLITE_OK ? (log)->real->pMethods->method((log)->real, __VA_ARGS__) : rc;                 \
	} while (0)

static int log_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 offset)
{
	AFTER_ALL(log_of(file), xRead, bytes, len, offset);
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	AFTER_ALL(log_of(file), xTruncate, size);
}

static int log_sync(sqlite3_file *file, int flags)
{
	AFTER_ALL(log_of(file), xSync, flags);
}

static int log_size(sqlite3_file *file, sqlite3_int64 *size)
{
	AFTER_ALL(log_of(file), xFileSize, size);
}

static int log_lock(sqlite3_file *file, int lock)
{
	return log_of(file)->real->pMethods->xLock(log_of(file)->real, lock);
}

static int log_unlock(sqlite3_file *file, int lock)
{
	return log_of(file)->real->pMethods->xUnlock(log_of(file)->real, lock);
}

static int log_check_lock(sqlite3_file *file, int *result)
{
	return log_of(file)->real->pMethods->xCheckReservedLock(log_of(file)->real, result);
}

static int log_control(sqlite3_file *file, int op, void *arg)
{
	return log_of(file)->real->pMethods->xFileControl(log_of(file)->real, op, arg);
}

static int log_sector(sqlite3_file *file)
{
	return log_of(file)->real->pMethods->xSectorSize(log_of(file)->real);
}

static int log_characteristics(sqlite3_file *file)
{
	return log_of(file)->real->pMethods->xDeviceCharacteristics(log_of(file)->real);
}

/* Version 1: a log is neither mapped nor has it shared memory of its own. */
static const sqlite3_io_methods log_methods = {
	.iVersion = 1,
	.xClose = log_close,
	.xRead = log_read,
	.xWrite = log_write,
	.xTruncate = log_truncate,
	.xSync = log_sync,
	.xFileSize = log_size,
	.xLock = log_lock,
	.xUnlock = log_unlock,
	.xCheckReservedLock = log_check_lock,
	.xFileControl = log_control,
	.xSectorSize = log_sector,
	.xDeviceCharacteristics = log_characteristics,
};

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	struct log_file *log = log_of(file);
	int rc;

	(void)vfs;
	if (!(flags & SQLITE_OPEN_WAL))
		return layer.system->xOpen(layer.system, name, file, flags, out_flags);
	*log = (struct log_file){ .real = (sqlite3_file *)(log + 1) };
	rc = layer.system->xOpen(layer.system, name, log->real, flags, out_flags);
	if (!log->real->pMethods)
		return rc; /* nothing that would be closed */
	log->gathered = malloc(GATHERED);
	log->base.pMethods = &log_methods;
	return rc;
}

/* Once; the system's own is what it is by then. */
static void make_layer(void)
{
	layer.system = sqlite3_vfs_find(NULL);
	if (!layer.system)
		return;
	layer.vfs = *layer.system;
	layer.vfs.pNext = NULL;
	layer.vfs.zName = "patternfs";
	layer.vfs.szOsFile = (int)sizeof(struct log_file) + layer.system->szOsFile;
	layer.vfs.xOpen = open_file;
	if (sqlite3_vfs_register(&layer.vfs, 0) != SQLITE_OK)
		layer.system = NULL;
}

static void drop(void *db)
{
	sqlite3_file *file = NULL;

	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) == SQLITE_OK && file &&
	    file->pMethods == &log_methods)
		log_of(file)->len = 0;
}

void log_drop(sqlite3 *db)
{
	sqlite3_rollback_hook(db, drop, db);
}

const char *log_vfs(void)
{
	static pthread_once_t made = PTHREAD_ONCE_INIT;

	pthread_once(&made, make_layer);
	return layer.system ? layer.vfs.zName : NULL;
}
