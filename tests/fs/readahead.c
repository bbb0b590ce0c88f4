/*
 * Reading ahead, against a kernel of the test's own, which can hold still: what is handed over, how much, and that it
 * is never older than what was told.
 */
#include "readahead.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fs.h"

enum {
	GUARDS = 200, /* patterns of the directory that is read */
	FIRST = 64,   /* documents that are handed over at the beginning */
	GRACE_MS = 100,
};

struct handed {
	uint64_t ino;
	int success, failure; /* its counts */
};

struct kernel {
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t moved;
	bool knows_nothing;
	bool hold_stores, hold_notices;
	bool storing, telling; /* held still there */
	bool overlapped;       /* a document was handed over while the kernel was told, or the other way round */
	struct handed handed[64 * GUARDS];
	size_t count;
	size_t told; /* COUNT when the kernel was told of the first document */
	bool was_told;
	bool answered;
};

struct fixture {
	char directory[64];
	struct pf_fs *fs;
	struct kernel kernel;
	struct node patterns[GUARDS], other; /* those of the directory; one of another */
	size_t pattern_count;
	pf_scope scope;
};

static bool is_pattern(uint64_t ino)
{
	struct node node;

	return node_from_ino(ino, &node) && node.kind == NODE_PATTERN;
}

static bool fake_knows(void *arg, uint64_t ino)
{
	(void)arg;
	(void)ino;
	return true;
}

static void fake_inval_inode(void *arg, uint64_t ino, bool pages)
{
	struct kernel *kernel = &((struct fixture *)arg)->kernel;

	if (!is_pattern(ino) || !pages)
		return;
	pthread_mutex_lock(&kernel->lock);
	kernel->overlapped |= kernel->storing;
	if (!kernel->was_told)
		kernel->told = kernel->count;
	kernel->was_told = true;
	kernel->telling = true;
	pthread_cond_broadcast(&kernel->moved);
	while (kernel->hold_notices)
		pthread_cond_wait(&kernel->moved, &kernel->lock);
	kernel->telling = false;
	pthread_mutex_unlock(&kernel->lock);
}

static void fake_inval_entry(void *arg, uint64_t parent, const char *name)
{
	(void)arg;
	(void)parent;
	(void)name;
}

static int count_of(const char *document, const char *key)
{
	const char *at = strstr(document, key);

	return at ? atoi(at + strlen(key)) : -1;
}

static int fake_store(void *arg, uint64_t ino, const char *bytes, size_t len)
{
	struct kernel *kernel = &((struct fixture *)arg)->kernel;
	char *document = strndup(bytes, len);
	struct handed handed = { ino, count_of(document, "\"success_count\": "),
				 count_of(document, "\"failure_count\": ") };
	int result;

	free(document);
	pthread_mutex_lock(&kernel->lock);
	kernel->overlapped |= kernel->telling;
	kernel->storing = true;
	pthread_cond_broadcast(&kernel->moved);
	while (kernel->hold_stores)
		pthread_cond_wait(&kernel->moved, &kernel->lock);
	kernel->storing = false;
	if (kernel->count < sizeof kernel->handed / sizeof *kernel->handed)
		kernel->handed[kernel->count++] = handed;
	result = kernel->knows_nothing ? -ENOENT : 0;
	pthread_cond_broadcast(&kernel->moved);
	pthread_mutex_unlock(&kernel->lock);
	return result;
}

static const struct kernel_ops fake_kernel = { fake_knows, fake_inval_inode, fake_inval_entry, fake_store };

static void set(struct fixture *f, bool *what, bool value)
{
	pthread_mutex_lock(&f->kernel.lock);
	*what = value;
	pthread_cond_broadcast(&f->kernel.moved);
	pthread_mutex_unlock(&f->kernel.lock);
}

/* ---- The mount ---- */

static void submit(pf_store *store)
{
	pf_err err = { 0 };
	pf_extractor *extractor = pf_extractor_new(NULL, &err);
	pf_txn *txn = pf_txn_begin(store, &err);
	pf_text source = { 0 };
	pf_file file;

	pf_text_puts(&source, "from airflow.models import BaseOperator\n\n\nclass GuardedOperator(BaseOperator):\n"
			      "    def execute(self, context):\n");
	for (int i = 0; i < GUARDS; i++)
		pf_text_printf(&source, "        if not context:\n            raise Error%dException('no')\n", i);
	if (!extractor || !txn || pf_txn_mkfile(txn, PF_INCOMING, "guarded.py", 0644, &file, &err) < 0 ||
	    pf_txn_close(txn, file.id, source.bytes, source.len, 1, extractor, NULL, &err) < 0 ||
	    pf_txn_commit(txn, &err) < 0)
		fail_msg("%s", err.why);
	pf_text_free(&source);
	pf_extractor_free(extractor);
}

/* The node of NAME in DIR, and the scope where it is one. */
static struct node look_up(struct fixture *f, struct node dir, const char *name)
{
	struct node_attr attr;
	struct node node;
	pf_err err = { 0 };

	if (node_lookup(f->fs, dir, name, &node, &attr, &err) < 0)
		fail_msg("%s: %s", name, err.why);
	return node;
}

struct collecting {
	struct node_listing base;
	struct node nodes[GUARDS + 8];
	size_t count;
};

static int collect(struct node_listing *base, const char *name, struct node node, const struct node_attr *attr,
		   int64_t cookie)
{
	struct collecting *all = (struct collecting *)base;

	(void)name;
	(void)attr;
	(void)cookie;
	if (node.kind == NODE_PATTERN && all->count < GUARDS)
		all->nodes[all->count++] = node;
	return 0;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct collecting all = { .base = { collect, false } };
	pf_store_options options = { .sync = PF_SYNC_NORMAL };
	struct node type;
	char path[96];
	pf_err err = { 0 };
	pf_store *store;

	strcpy(f->directory, "/tmp/pf-readahead-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(path, sizeof path, "%s/patterns.db", f->directory);
	store = pf_store_open(path, &options, &err);
	if (!store)
		fail_msg("%s", err.why);
	submit(store);
	f->fs = fs_new(store, &options.limits, false, &err);
	if (!f->fs)
		fail_msg("%s", err.why);
	pthread_mutex_init(&f->kernel.lock, NULL);
	pthread_cond_init(&f->kernel.moved, NULL);
	if (fs_start(f->fs, &fake_kernel, f, &err) < 0)
		fail_msg("%s", err.why);
	type = look_up(f, look_up(f, NODE_ROOT_ID, "general"), "operator");
	f->scope = look_up(f, type, "validation").id;
	assert_int_equal(node_list(f->fs, (struct node){ NODE_SCOPE, f->scope }, 0, &all.base, &err), 0);
	assert_int_equal(all.count, GUARDS);
	f->pattern_count = all.count;
	memcpy(f->patterns, all.nodes, sizeof f->patterns);
	all.count = 0;
	assert_int_equal(node_list(f->fs, look_up(f, type, "structural"), 0, &all.base, &err), 0);
	assert_int_equal(all.count, 1);
	f->other = all.nodes[0];
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	set(f, &f->kernel.hold_stores, false);
	set(f, &f->kernel.hold_notices, false);
	fs_free(f->fs);
	snprintf(command, sizeof command, "rm -r %s", f->directory);
	assert_int_equal(system(command), 0);
	pthread_cond_destroy(&f->kernel.moved);
	pthread_mutex_destroy(&f->kernel.lock);
	free(f);
	return 0;
}

/* ---- What is waited for; a test that waits in vain is ended from outside ---- */

static void wait_until(struct fixture *f, const bool *what)
{
	pthread_mutex_lock(&f->kernel.lock);
	while (!*what)
		pthread_cond_wait(&f->kernel.moved, &f->kernel.lock);
	pthread_mutex_unlock(&f->kernel.lock);
}

static bool get(struct fixture *f, const bool *what)
{
	bool value;

	pthread_mutex_lock(&f->kernel.lock);
	value = *what;
	pthread_mutex_unlock(&f->kernel.lock);
	return value;
}

/* For what ought not to happen to happen: where it is slow to, the test passes. */
static void grace(void)
{
	nanosleep(&(struct timespec){ 0, GRACE_MS * 1000000L }, NULL);
}

/* Somebody reads NODE, and reads on. */
static void ask(struct fixture *f, struct node node)
{
	int64_t now = fs_monotonic();

	readahead_asked(f->fs->readahead, node, now);
	readahead_asked(f->fs->readahead, node, now + 1);
}

/* Until what was asked for so far is done: another directory's document comes after it. */
static void finish(struct fixture *f)
{
	size_t from;
	bool there = false;

	pthread_mutex_lock(&f->kernel.lock);
	from = f->kernel.count;
	pthread_mutex_unlock(&f->kernel.lock);
	while (!there) {
		ask(f, f->other);
		pthread_mutex_lock(&f->kernel.lock);
		for (size_t i = from; i < f->kernel.count; i++)
			there |= f->kernel.handed[i].ino == node_ino(f->other);
		pthread_mutex_unlock(&f->kernel.lock);
	}
}

/* How many of the directory's documents were handed over, from the FROMth hand-over on. */
static size_t handed(struct fixture *f, size_t from)
{
	size_t count = 0;

	pthread_mutex_lock(&f->kernel.lock);
	for (size_t i = from; i < f->kernel.count; i++)
		for (size_t p = 0; p < f->pattern_count; p++)
			count += f->kernel.handed[i].ino == node_ino(f->patterns[p]);
	pthread_mutex_unlock(&f->kernel.lock);
	return count;
}

static void answer(struct change *change, int result)
{
	struct fixture *f = change->request;

	assert_int_equal(result, 0);
	change_free(change);
	set(f, &f->kernel.answered, true);
}

/* `echo failure > outcome` in the directory. */
static void fail_all(struct fixture *f)
{
	struct node outcome = { NODE_OUTCOME, f->scope };
	struct change *change = change_new();
	pf_err err = { 0 };

	assert_non_null(change);
	change->request = f;
	change->answer = answer;
	assert_int_equal(node_kinds[NODE_OUTCOME].write(f->fs, outcome, "failure\n", 8, 0, change, &err), 1);
	writer_submit(f->fs->writer, change);
}

static void wait_committed(struct fixture *f)
{
	int failures = 0;

	while (failures == 0) {
		pf_text text = { 0 };

		assert_int_equal(node_read(f->fs, f->patterns[0], 0, SIZE_MAX, &text, NULL), 0);
		pf_text_add(&text, "", 1);
		failures = count_of(text.bytes, "\"failure_count\": ");
		pf_text_free(&text);
	}
}

/* ---- The tests ---- */

/* Until a document of the directory is handed over after the FROMth; and nothing is any more. */
static void read_on(struct fixture *f, size_t from)
{
	do {
		ask(f, f->patterns[0]);
		finish(f);
	} while (!handed(f, from));
}

static bool was_handed(struct fixture *f, struct node node)
{
	bool found = false;

	pthread_mutex_lock(&f->kernel.lock);
	for (size_t i = 0; i < f->kernel.count; i++) {
		const struct handed *handed = &f->kernel.handed[i];

		if (handed->ino == node_ino(node)) {
			assert_int_equal(handed->success, 1);
			assert_int_equal(handed->failure, 0);
			found = true;
		}
	}
	pthread_mutex_unlock(&f->kernel.lock);
	return found;
}

/* A directory that is left is not read to its end; one that is read on is. */
static void test_chunks(void **state)
{
	struct fixture *f = *state;
	size_t missing = 1;

	ask(f, f->patterns[10]);
	finish(f);
	assert_in_range(handed(f, 0), FIRST, FIRST + 16);
	assert_true(was_handed(f, f->patterns[11]));
	/* On a slow machine each of these may seem to be another reader, who begins anew. */
	for (size_t turn = 1; missing; turn++) {
		readahead_asked(f->fs->readahead, f->patterns[turn * FIRST % GUARDS], fs_monotonic());
		finish(f);
		missing = 0;
		for (size_t p = 0; p < f->pattern_count; p++)
			missing += !was_handed(f, f->patterns[p]);
	}
}

static void test_unlisted(void **state)
{
	struct fixture *f = *state;

	set(f, &f->kernel.knows_nothing, true);
	ask(f, f->patterns[10]);
	finish(f);
	assert_int_equal(handed(f, 0), 8);
}

/* A change is told of once what was read before it is in the kernel; what is handed over afterwards is new. */
static void test_change_waits(void **state)
{
	struct fixture *f = *state;
	size_t told;

	set(f, &f->kernel.hold_stores, true);
	ask(f, f->patterns[0]);
	wait_until(f, &f->kernel.storing);
	fail_all(f);
	wait_committed(f);
	grace();
	assert_false(get(f, &f->kernel.was_told));
	set(f, &f->kernel.hold_stores, false);
	wait_until(f, &f->kernel.answered);
	assert_false(get(f, &f->kernel.overlapped));
	pthread_mutex_lock(&f->kernel.lock);
	told = f->kernel.told;
	assert_int_equal(f->kernel.handed[0].failure, 0);
	pthread_mutex_unlock(&f->kernel.lock);
	read_on(f, told);
	for (size_t i = told; i < f->kernel.count; i++)
		if (f->kernel.handed[i].ino != node_ino(f->other))
			assert_int_equal(f->kernel.handed[i].failure, 1);
}

/* Nothing is handed over between a commit and its notices: a page that the kernel has would become another's half. */
static void test_telling_waits(void **state)
{
	struct fixture *f = *state;

	set(f, &f->kernel.hold_notices, true);
	fail_all(f);
	wait_until(f, &f->kernel.telling);
	ask(f, f->patterns[0]);
	grace();
	set(f, &f->kernel.hold_notices, false);
	wait_until(f, &f->kernel.answered);
	read_on(f, 0);
	assert_false(f->kernel.overlapped);
	for (size_t i = 0; i < f->kernel.count; i++)
		if (f->kernel.handed[i].ino != node_ino(f->other))
			assert_int_equal(f->kernel.handed[i].failure, 1);
}

/* ---- Walks. The linker puts this in the place of the store's function (meson.build). ---- */

static atomic_int prefetched;

int __real_pf_store_prefetch_listings(pf_store *store, pf_err *err);
int __wrap_pf_store_prefetch_listings(pf_store *store, pf_err *err);

int __wrap_pf_store_prefetch_listings(pf_store *store, pf_err *err)
{
	atomic_fetch_add(&prefetched, 1);
	return __real_pf_store_prefetch_listings(store, err);
}

static void list(struct fixture *f, pf_scope scope, int64_t cookie)
{
	struct collecting all = { .base = { collect, false } };
	pf_err err = { 0 };

	assert_int_equal(node_list(f->fs, (struct node){ NODE_SCOPE, scope }, cookie, &all.base, &err), 0);
}

/* Who has listed three directories of patterns walks: the disk is asked for the rest of the listings, once. */
static void test_walk(void **state)
{
	struct fixture *f = *state;

	atomic_store(&prefetched, 0);
	/* Two were listed (setup); these are no more. */
	list(f, f->scope & ~(pf_scope)15, 0);
	list(f, f->scope, COOKIE_ROWS + 1);
	finish(f);
	assert_int_equal(atomic_load(&prefetched), 0);
	list(f, f->scope, 0);
	finish(f);
	assert_int_equal(atomic_load(&prefetched), 1);
	for (int i = 0; i < 8; i++)
		list(f, f->scope, 0);
	finish(f);
	assert_int_equal(atomic_load(&prefetched), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_chunks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unlisted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_change_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_telling_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_walk, setup, teardown),
	};

	return cmocka_run_group_tests_name("readahead", tests, NULL, NULL);
}
