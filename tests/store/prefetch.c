/* What is asked of the disk ahead: the pages of an index, all of them, and no others. */
#include "groups.h"
#include "harness.h"
#include "store-internal.h"

struct advised {
	int64_t page_size;
	unsigned char *times; /* how often each page was named, by number */
	int64_t *turns;	      /* when, the last time */
	int64_t named;
	int64_t pages; /* of the file */
	int64_t calls;
};

static void note_pages(void *arg, int64_t offset, int64_t bytes)
{
	struct advised *advised = arg;

	advised->calls++;
	assert_int_equal(offset % advised->page_size, 0);
	assert_int_equal(bytes % advised->page_size, 0);
	assert_true(bytes > 0);
	for (int64_t page = offset / advised->page_size + 1; bytes > 0; page++, bytes -= advised->page_size) {
		assert_in_range(page, 1, advised->pages);
		advised->times[page]++;
		advised->turns[page] = advised->named++;
	}
}

static void advised_free(struct advised *advised)
{
	free(advised->times);
	free(advised->turns);
}

static struct advised advised_of(struct fixture *f, int64_t root)
{
	struct advised advised = { .page_size = ask(f, "PRAGMA page_size"), .pages = ask(f, "PRAGMA page_count") };
	LEASE lease = { 0 };

	advised.times = calloc((size_t)advised.pages + 1, 1);
	advised.turns = calloc((size_t)advised.pages + 1, sizeof *advised.turns);
	assert_ok(f, lease_snapshot(f->store, &lease, &f->err));
	assert_ok(f, prefetch_tree(lease.conn, root, note_pages, &advised, &f->err));
	return advised;
}

/* The leaves of the index NAME come in its order. */
static void assert_turns(struct fixture *f, const char *name, const struct advised *advised)
{
	char *sql =
		sqlite3_mprintf("SELECT pageno FROM dbstat WHERE name = %Q AND pagetype = 'leaf' ORDER BY path", name);
	int64_t last = -1;
	sqlite3_stmt *stmt;

	assert_int_equal(sqlite3_prepare_v2(f->db, sql, -1, &stmt, NULL), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		int64_t page = sqlite3_column_int64(stmt, 0);

		if (!advised->times[page])
			continue; /* the root is one */
		assert_true(advised->turns[page] > last);
		last = advised->turns[page];
	}
	sqlite3_finalize(stmt);
	sqlite3_free(sql);
}

/* COUNT pages, none twice, which are those of the index NAME but its root, as SQLite itself goes through it. */
static void assert_pages_of(struct fixture *f, const char *name, int64_t root, int64_t count)
{
	struct advised advised = advised_of(f, root);
	char *sql =
		sqlite3_mprintf("SELECT pageno FROM dbstat WHERE name = %Q AND pageno <> %lld", name, (long long)root);
	sqlite3_stmt *stmt;
	int64_t expected = 0;

	assert_int_equal(sqlite3_prepare_v2(f->db, sql, -1, &stmt, NULL), SQLITE_OK);
	for (; sqlite3_step(stmt) == SQLITE_ROW; expected++)
		assert_int_equal(advised.times[sqlite3_column_int64(stmt, 0)], 1);
	sqlite3_finalize(stmt);
	sqlite3_free(sql);
	assert_int_equal(advised.named, expected);
	assert_true(expected >= count);
	assert_true(advised.calls <= expected);
	assert_turns(f, name, &advised);
	advised_free(&advised);
}

static int64_t root_of(struct fixture *f, const char *name)
{
	char *sql = sqlite3_mprintf("SELECT rootpage FROM sqlite_schema WHERE name = %Q", name);
	int64_t root = ask(f, sql);

	sqlite3_free(sql);
	return root;
}

/* Wide keys, so that there are three levels; in no order, so that its pages lie among the table's. */
static void make_index(struct fixture *f)
{
	run_sql(f, "CREATE TABLE mine (id INTEGER PRIMARY KEY, word TEXT)");
	run_sql(f, "CREATE INDEX mine_by_word ON mine (word)");
	run_sql(f, "INSERT INTO mine SELECT value, printf('%08x%0150d', value * 2654435761 % 4294967296, 0)"
		   " FROM (WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 20000)"
		   "  SELECT value FROM n)");
	run_sql(f, "PRAGMA wal_checkpoint(TRUNCATE)");
}

static void all_pages_of_an_index(void **state)
{
	struct fixture *f = *state;

	make_index(f);
	assert_pages_of(f, "mine_by_word", root_of(f, "mine_by_word"), 900);
	/* one that fits into its root has none */
	assert_pages_of(f, "code_patterns_listing", root_of(f, "code_patterns_listing"), 0);
}

/* Roots that are none: a table's, whose pages are others, beyond the end, nonsense. */
static void no_index_no_advice(void **state)
{
	struct fixture *f = *state;
	const int64_t none[] = { root_of(f, "code_patterns"), ask(f, "PRAGMA page_count") + 1, 0, -1, INT64_MAX };

	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		struct advised advised = advised_of(f, none[i]);

		assert_int_equal(advised.calls, 0);
		advised_free(&advised);
	}
}

/* Reads (or writes) the page NUMBER behind SQLite's back. */
static void exchange(struct fixture *f, int64_t number, unsigned char page[4096], bool write)
{
	FILE *file = fopen(f->path, "r+b");

	assert_non_null(file);
	assert_int_equal(fseek(file, (long)(number - 1) * 4096, SEEK_SET), 0);
	assert_int_equal(write ? fwrite(page, 4096, 1, file) : fread(page, 4096, 1, file), 1);
	assert_int_equal(fclose(file), 0);
}

/* A page that is its own child, and pointers that lead out of the page, come to an end. */
static void damaged_pages_come_to_an_end(void **state)
{
	struct fixture *f = *state;
	unsigned char whole[4096], damaged[4096];
	int64_t root;

	make_index(f);
	root = root_of(f, "mine_by_word");
	exchange(f, root, whole, false);
	assert_int_equal(whole[0], 2);
	for (int damage = 0; damage < 3; damage++) {
		struct advised advised;

		memcpy(damaged, whole, sizeof whole);
		if (damage == 0)
			for (int i = 0; i < 4; i++)
				damaged[8 + i] = (unsigned char)(root >> (24 - 8 * i));
		else if (damage == 1)
			memset(damaged + 12, 0xff, 2);
		else
			memset(damaged + 3, 0xff, 2); /* more cells than fit */
		exchange(f, root, damaged, true);
		advised = advised_of(f, root);
		assert_true(damage < 2 ? advised.calls > 0 : advised.calls == 0);
		advised_free(&advised);
	}
	exchange(f, root, whole, true);
}

static void the_store_asks(void **state)
{
	struct fixture *f = *state;

	assert_ok(f, submit(f, PF_INCOMING, "a.py", operator_source("AOperator", "return 1")));
	assert_ok(f, pf_store_prefetch_listings(f->store, &f->err));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

int prefetch_tests(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(all_pages_of_an_index),
		TEST(no_index_no_advice),
		TEST(damaged_pages_come_to_an_end),
		TEST(the_store_asks),
	};

	return cmocka_run_group_tests_name("prefetch", tests, NULL, NULL);
}
