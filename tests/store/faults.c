/*
 * What a failing disk does to the store: faults [STEP].
 *
 * A layer over SQLite's own view of the system (a VFS) counts what is written,
 * synced, cut or removed, and at the n-th such call
 *
 *  - that call alone fails, a write half done, or all from then on (until the
 *    fault is gone);
 *  - the power goes: all fails from then on, and what was not synced is not on
 *    the disk: none of it, or any sectors of it.
 *
 * For each n (each STEP-th; with 1 every one) of each operation: it said that it
 * failed, and why, or it is there; it is there whole or not at all; the tables
 * agree with each other; and the next operation succeeds, on the same store
 * where the fault went, on the reopened one where the power did.
 */
#include <fcntl.h>

#include "harness.h"

/* ---- The layer ---- */

enum fault { NONE, ONCE, LASTING, POWER_LOSES_ALL, POWER_LOSES_SOME, FAULTS };

static const char *const fault_names[FAULTS] = {
	[NONE] = "none",
	[ONCE] = "one call fails",
	[LASTING] = "all calls fail",
	[POWER_LOSES_ALL] = "the power goes, what was not synced with it",
	[POWER_LOSES_SOME] = "the power goes, some sectors with it",
};

enum { SECTOR = 512, PAGE = 4096, LAYERED = 2 };

/* The database and its log, as they are on the disk for sure. */
struct image {
	char path[128];
	char *bytes;
	size_t size;
	bool exists;
};

static struct {
	sqlite3_vfs vfs, *real;
	enum fault fault;
	long at, calls;
	bool hit;  /* the n-th call came */
	bool dark; /* the power is gone */
	unsigned random;
	struct image images[LAYERED];
} disk;

struct layer_file {
	sqlite3_file base;
	struct image *image; /* NULL: any other file */
	sqlite3_file *real;
};

static unsigned next_random(void)
{
	disk.random = disk.random * 1103515245 + 12345;
	return disk.random >> 16;
}

static void read_image(const char *path, struct image *image)
{
	FILE *file = fopen(path, "rb");
	long size;

	free(image->bytes);
	image->bytes = NULL;
	image->size = 0;
	image->exists = file;
	if (!file)
		return;
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	size = ftell(file);
	rewind(file);
	image->bytes = calloc(1, (size_t)size + 1);
	image->size = fread(image->bytes, 1, (size_t)size, file);
	fclose(file);
}

static void write_image(const struct image *image)
{
	FILE *file;

	if (!image->exists) {
		unlink(image->path);
		return;
	}
	file = fopen(image->path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(image->bytes, 1, image->size, file), image->size);
	fclose(file);
}

/* Counts a call that changes the disk; true where it fails. */
static bool fails(void)
{
	if (disk.dark)
		return true;
	if (disk.fault == NONE)
		return false;
	disk.calls++;
	if (disk.calls < disk.at || (disk.fault == ONCE && disk.calls > disk.at))
		return false;
	disk.hit = true;
	disk.dark = disk.fault == POWER_LOSES_ALL || disk.fault == POWER_LOSES_SOME;
	return true;
}

static struct layer_file *layer(sqlite3_file *file)
{
	return (struct layer_file *)file;
}

#define REAL(file)		(layer(file)->real)
#define CALL(file, method, ...) (REAL(file)->pMethods->method(REAL(file), __VA_ARGS__))

static int layer_close(sqlite3_file *file)
{
	return REAL(file)->pMethods->xClose(REAL(file));
}

static int layer_read(sqlite3_file *file, void *buffer, int amount, sqlite3_int64 offset)
{
	return disk.dark && layer(file)->image ? SQLITE_IOERR_READ : CALL(file, xRead, buffer, amount, offset);
}

static int layer_write(sqlite3_file *file, const void *buffer, int amount, sqlite3_int64 offset)
{
	bool was_dark = disk.dark;

	if (layer(file)->image && fails()) {
		/* The write at which the power goes may be on the disk, or a part of it. */
		if (disk.dark && !was_dark)
			CALL(file, xWrite, buffer, amount, offset);
		else if (!disk.dark)
			CALL(file, xWrite, buffer, amount / 2, offset);
		return disk.calls % 2 ? SQLITE_FULL : SQLITE_IOERR_WRITE;
	}
	return CALL(file, xWrite, buffer, amount, offset);
}

static int layer_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return layer(file)->image && fails() ? SQLITE_IOERR_TRUNCATE : CALL(file, xTruncate, size);
}

static int layer_sync(sqlite3_file *file, int flags)
{
	int rc;

	if (layer(file)->image && fails())
		return SQLITE_IOERR_FSYNC;
	rc = CALL(file, xSync, flags);
	if (rc == SQLITE_OK && layer(file)->image && disk.fault >= POWER_LOSES_ALL)
		read_image(layer(file)->image->path, layer(file)->image);
	return rc;
}

static int layer_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return CALL(file, xFileSize, size);
}

static int layer_lock(sqlite3_file *file, int lock)
{
	return CALL(file, xLock, lock);
}

static int layer_unlock(sqlite3_file *file, int lock)
{
	return CALL(file, xUnlock, lock);
}

static int layer_check_lock(sqlite3_file *file, int *result)
{
	return CALL(file, xCheckReservedLock, result);
}

static int layer_control(sqlite3_file *file, int op, void *arg)
{
	return CALL(file, xFileControl, op, arg);
}

static int layer_sector(sqlite3_file *file)
{
	return REAL(file)->pMethods->xSectorSize(REAL(file));
}

static int layer_characteristics(sqlite3_file *file)
{
	return REAL(file)->pMethods->xDeviceCharacteristics(REAL(file));
}

static int layer_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
	return CALL(file, xShmMap, page, size, extend, out);
}

static int layer_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
	return CALL(file, xShmLock, offset, count, flags);
}

static void layer_shm_barrier(sqlite3_file *file)
{
	REAL(file)->pMethods->xShmBarrier(REAL(file));
}

static int layer_shm_unmap(sqlite3_file *file, int remove)
{
	return CALL(file, xShmUnmap, remove);
}

/* Version 2: without mapping the file, so that reads come through here. */
static const sqlite3_io_methods layer_methods = {
	2,
	layer_close,
	layer_read,
	layer_write,
	layer_truncate,
	layer_sync,
	layer_size,
	layer_lock,
	layer_unlock,
	layer_check_lock,
	layer_control,
	layer_sector,
	layer_characteristics,
	layer_shm_map,
	layer_shm_lock,
	layer_shm_barrier,
	layer_shm_unmap,
	NULL,
	NULL,
};

static int layer_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	struct layer_file *made = layer(file);
	int rc;

	(void)vfs;
	*made = (struct layer_file){ .real = (sqlite3_file *)(made + 1) };
	for (int i = 0; name && i < LAYERED; i++)
		if (strcmp(name, disk.images[i].path) == 0)
			made->image = &disk.images[i];
	if (disk.dark && made->image)
		return SQLITE_CANTOPEN;
	rc = disk.real->xOpen(disk.real, name, made->real, flags, out_flags);
	if (made->real->pMethods)
		made->base.pMethods = &layer_methods;
	return rc;
}

static int layer_delete(sqlite3_vfs *vfs, const char *name, int sync_directory)
{
	int rc;

	(void)vfs;
	if (fails())
		return SQLITE_IOERR_DELETE;
	rc = disk.real->xDelete(disk.real, name, sync_directory);
	for (int i = 0; i < LAYERED && disk.fault >= POWER_LOSES_ALL; i++)
		if (rc == SQLITE_OK && strcmp(name, disk.images[i].path) == 0)
			disk.images[i].exists = false;
	return rc;
}

static void layer_register(void)
{
	disk.real = sqlite3_vfs_find(NULL);
	disk.vfs = *disk.real;
	disk.vfs.zName = "layer";
	disk.vfs.pNext = NULL;
	disk.vfs.szOsFile = (int)sizeof(struct layer_file) + disk.real->szOsFile;
	disk.vfs.xOpen = layer_open;
	disk.vfs.xDelete = layer_delete;
	assert_int_equal(sqlite3_vfs_register(&disk.vfs, 1), SQLITE_OK);
}

static void arm(enum fault fault, long at)
{
	for (int i = 0; i < LAYERED && fault >= POWER_LOSES_ALL; i++)
		read_image(disk.images[i].path, &disk.images[i]);
	disk.fault = fault;
	disk.at = at;
	disk.calls = 0;
	disk.hit = false;
	disk.random = (unsigned)at * 7919;
}

/* What is found once the power is back. */
static void restore(struct image *durable)
{
	struct image last = { .bytes = NULL };

	read_image(durable->path, &last);
	if (disk.fault == POWER_LOSES_SOME && last.exists && durable->exists) {
		size_t size = next_random() % 2 ? last.size : durable->size;
		char *bytes = calloc(1, size + 1);

		for (size_t at = 0; at < size; at += SECTOR) {
			const struct image *from = next_random() % 2 ? &last : durable;
			size_t len = size - at < SECTOR ? size - at : SECTOR;

			if (at < from->size)
				memcpy(bytes + at, from->bytes + at, from->size - at < len ? from->size - at : len);
		}
		free(durable->bytes);
		durable->bytes = bytes;
		durable->size = size;
	}
	write_image(durable);
	free(last.bytes);
}

static void power_up(void)
{
	char shm[160];

	for (int i = 0; i < LAYERED; i++)
		restore(&disk.images[i]);
	snprintf(shm, sizeof shm, "%s-shm", disk.images[0].path);
	unlink(shm);
	disk.dark = false;
	disk.fault = NONE;
}

/* ---- A store whose disk it is ---- */

static void open_store(struct fixture *f)
{
	pf_store_options options = { .sync = PF_SYNC_FULL };

	f->err = (pf_err){ 0 };
	f->store = pf_store_open(f->path, &options, &f->err);
	if (!f->store)
		fail_msg("%s", f->err.why);
}

static void open_db(struct fixture *f)
{
	assert_int_equal(sqlite3_open_v2(f->path, &f->db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	sqlite3_busy_timeout(f->db, 60000);
}

static void close_db(struct fixture *f)
{
	assert_int_equal(sqlite3_close(f->db), SQLITE_OK);
	f->db = NULL;
}

/* ---- Operations; each may fail ---- */

#define IN PF_INCOMING

static int submit_new(struct fixture *f)
{
	return put_file(f, IN, "new.py", operator_source("NewOperator", "return 1"));
}

static int submit_revision(struct fixture *f)
{
	return put_file(f, IN, "a.py", operator_source("AOperator", "raise ValueError('x')"));
}

static int judge(struct fixture *f)
{
	pf_txn *txn = pf_txn_begin(f->store, &f->err);
	pf_target targets[] = { { PF_TARGET_COMPONENT, 1 }, { PF_TARGET_PATTERN, 2 } };
	pf_verdict verdict = { true, targets, 2, "it worked" };

	return txn ? end_txn(txn, pf_txn_verdicts(txn, &verdict, 1, &f->err), &f->err) : -f->err.code;
}

static int archive_one(struct fixture *f)
{
	pf_txn *txn = pf_txn_begin(f->store, &f->err);

	return txn ? end_txn(txn, pf_txn_archive(txn, 3, &f->err), &f->err) : -f->err.code;
}

static int rename_draft(struct fixture *f)
{
	pf_txn *txn = pf_txn_begin(f->store, &f->err);
	int64_t replaced;

	return txn ? end_txn(txn, pf_txn_rename(txn, IN, "draft", IN, "a.py", 0, f->extractor, &replaced, &f->err),
			     &f->err)
		   : -f->err.code;
}

static int remove_file(struct fixture *f)
{
	pf_txn *txn = pf_txn_begin(f->store, &f->err);
	int64_t removed;

	return txn ? end_txn(txn, pf_txn_unlink(txn, IN, "b.py", &removed, &f->err), &f->err) : -f->err.code;
}

/* The log goes into the database, and goes. */
static int close_and_open(struct fixture *f)
{
	pf_store_options options = { .sync = PF_SYNC_FULL };

	pf_store_close(f->store);
	f->store = pf_store_open(f->path, &options, &f->err);
	return f->store ? 0 : -f->err.code;
}

static const struct operation {
	const char *name;
	int (*run)(struct fixture *f);
	bool closes;
} operations[] = {
	{ "a submission", submit_new, false },
	{ "a revision", submit_revision, false },
	{ "a verdict", judge, false },
	{ "archiving", archive_one, false },
	{ "a rename over a submission", rename_draft, false },
	{ "a removal", remove_file, false },
	{ "closing", close_and_open, true },
};
enum { OPERATIONS = sizeof operations / sizeof *operations };

/* ---- What must hold ---- */

enum { STATES = 4 };

/* The states that an operation goes through when nothing fails: after each of its transactions. */
struct course {
	char *states[STATES];
	int count;
	long calls;
};

struct scene {
	char directory[64], base[96], path[96];
	const struct operation *operation;
	struct course course;
};

static void copy_file(const char *from, const char *to)
{
	struct image image = { .bytes = NULL };

	read_image(from, &image);
	assert_true(image.exists);
	snprintf(image.path, sizeof image.path, "%s", to);
	write_image(&image);
	free(image.bytes);
}

static void begin(struct scene *scene, struct fixture *f)
{
	char other[128];

	copy_file(scene->base, scene->path);
	snprintf(other, sizeof other, "%s-wal", scene->path);
	unlink(other);
	snprintf(other, sizeof other, "%s-shm", scene->path);
	unlink(other);
	*f = (struct fixture){ .extractor = f->extractor, .text = f->text };
	snprintf(f->path, sizeof f->path, "%s", scene->path);
	open_store(f);
	/* So that there is a log. */
	assert_int_equal(put_file(f, IN, "note.txt", "before"), 0);
}

static void finish(struct fixture *f)
{
	close_db(f);
	pf_store_close(f->store);
	f->store = NULL;
}

static bool is_one_of(const struct course *course, const char *state, int from)
{
	for (int i = from; i < course->count; i++)
		if (strcmp(course->states[i], state) == 0)
			return true;
	return false;
}

static long bytes_of_log(void)
{
	struct stat st;

	return stat(disk.images[1].path, &st) == 0 ? (long)st.st_size : 0;
}

/* A page of the log is not written on its own. */
static void check_calls(const struct course *course, long bytes)
{
	if (bytes > 16 * PAGE && course->calls > bytes / PAGE / 4)
		fail_msg("%ld calls for %ld pages", course->calls, bytes / PAGE);
}

/* Without a fault; what it goes through is seen by failing at each of its calls before. */
static void rehearse(struct scene *scene, struct fixture *f)
{
	struct course *course = &scene->course;
	long bytes;

	begin(scene, f);
	open_db(f);
	course->states[course->count++] = state_of(f);
	close_db(f);
	arm(LASTING, 1 << 30);
	bytes = bytes_of_log();
	if (scene->operation->run(f) < 0)
		fail_msg("%s: %s", scene->operation->name, f->err.why);
	course->calls = disk.calls;
	disk.fault = NONE;
	check_calls(course, bytes_of_log() - bytes);
	open_db(f);
	check_invariants(f);
	/* A file that is new is made in a transaction of its own. */
	if (scene->operation->run == submit_new) {
		pf_file made;
		pf_txn *txn;

		finish(f);
		begin(scene, f);
		txn = pf_txn_begin(f->store, &f->err);
		assert_int_equal(end_txn(txn, pf_txn_mkfile(txn, IN, "new.py", 0644, &made, &f->err), &f->err), 0);
		open_db(f);
		course->states[course->count++] = state_of(f);
		finish(f);
		begin(scene, f);
		assert_int_equal(scene->operation->run(f), 0);
		open_db(f);
	}
	course->states[course->count++] = state_of(f);
	finish(f);
}

static void try_one(struct scene *scene, struct fixture *f, enum fault fault, long at)
{
	const struct course *course = &scene->course;
	char *state;
	int rc;

	begin(scene, f);
	arm(fault, at);
	f->err = (pf_err){ 0 };
	rc = scene->operation->run(f);
	if (!disk.hit && at <= course->calls)
		fail_msg("%s: call %ld of %ld never came", scene->operation->name, at, course->calls);
	/* Done; and right after that the power goes. */
	if (at > course->calls)
		disk.dark = true;
	if (rc < 0 && (!f->err.code || !f->err.why[0]))
		fail_msg("%s, %s at call %ld: failed without a reason", scene->operation->name, fault_names[fault], at);
	if (disk.dark) {
		pf_store_close(f->store);
		power_up();
		open_store(f);
	}
	disk.fault = NONE;
	if (!f->store)
		open_store(f);
	open_db(f);
	state = state_of(f);
	if (!is_one_of(course, state, rc == 0 ? course->count - 1 : 0))
		fail_msg("%s, %s at call %ld: %s, and found\n%s\nexpected\n%s", scene->operation->name,
			 fault_names[fault], at, rc == 0 ? "done" : f->err.why, state,
			 course->states[course->count - 1]);
	free(state);
	check_invariants(f);
	/* And on. */
	close_db(f);
	f->err = (pf_err){ 0 };
	if (put_file(f, IN, "next.py", operator_source("NextOperator", "return 2")) < 0)
		fail_msg("%s, %s at call %ld, then: %s", scene->operation->name, fault_names[fault], at, f->err.why);
	open_db(f);
	assert_true(component_id(f, "NextOperator") > 0);
	check_invariants(f);
	finish(f);
}

static long step = 1;

static void test_operation(void **state)
{
	struct scene *scene = *state;
	struct fixture f = { .extractor = pf_extractor_new(NULL, NULL) };
	long tried = 0;

	assert_non_null(f.extractor);
	rehearse(scene, &f);
	for (int fault = ONCE; fault < FAULTS; fault++) {
		for (long at = 1; at <= scene->course.calls; at += step, tried++)
			try_one(scene, &f, (enum fault)fault, at);
		/* The last is the one that makes it durable. */
		try_one(scene, &f, (enum fault)fault, scene->course.calls);
		tried++;
		if (fault >= POWER_LOSES_ALL) {
			try_one(scene, &f, (enum fault)fault, scene->course.calls + 1);
			tried++;
		}
	}
	print_message("%s: %ld faults in %ld calls\n", scene->operation->name, tried, scene->course.calls);
	pf_extractor_free(f.extractor);
	pf_text_free(&f.text);
	for (int i = 0; i < scene->course.count; i++)
		free(scene->course.states[i]);
}

/* A database with something in it, closed. */
static void make_base(struct scene *scene)
{
	struct fixture f = { .extractor = pf_extractor_new(NULL, NULL) };

	strcpy(scene->directory, "/tmp/pf-faults-XXXXXX");
	assert_non_null(mkdtemp(scene->directory));
	snprintf(scene->base, sizeof scene->base, "%s/base.db", scene->directory);
	snprintf(scene->path, sizeof scene->path, "%s/patterns.db", scene->directory);
	snprintf(f.path, sizeof f.path, "%s", scene->base);
	open_store(&f);
	assert_int_equal(put_file(&f, IN, "a.py", operator_source("AOperator", "return 1")), 0);
	assert_int_equal(put_file(&f, IN, "b.py", operator_source("BOperator", "return 1")), 0);
	assert_int_equal(put_file(&f, IN, "draft", operator_source("AOperator", "return 1 + 1")), 0);
	assert_int_equal(judge(&f), 0);
	pf_store_close(f.store);
	pf_extractor_free(f.extractor);
	snprintf(disk.images[0].path, sizeof disk.images[0].path, "%s", scene->path);
	snprintf(disk.images[1].path, sizeof disk.images[1].path, "%s-wal", scene->path);
}

int main(int argc, char **argv)
{
	static struct scene scenes[OPERATIONS];
	struct CMUnitTest tests[OPERATIONS];
	struct scene made = { .directory = "" };
	char command[128];
	int failed;

	if (argc > 1)
		step = strtol(argv[1], NULL, 10);
	if (step < 1) {
		fprintf(stderr, "usage: faults [STEP]\n");
		return 2;
	}
	layer_register();
	make_base(&made);
	for (int i = 0; i < OPERATIONS; i++) {
		scenes[i] = made;
		scenes[i].operation = &operations[i];
		tests[i] = (struct CMUnitTest){ operations[i].name, test_operation, NULL, NULL, &scenes[i] };
	}
	failed = cmocka_run_group_tests_name("faults", tests, NULL, NULL);
	for (int i = 0; i < LAYERED; i++)
		free(disk.images[i].bytes);
	snprintf(command, sizeof command, "rm -r %s", made.directory);
	return system(command) || failed;
}
