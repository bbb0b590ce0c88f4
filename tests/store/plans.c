/* No statement scans a table that grows with what was learned; and how the file is read. */
#include "groups.h"
#include "store-internal.h"

static const char *const growing[] = { "code_patterns", "sightings", "history", "components", "component_records",
				       "sources",	"files",     "notes",	"submissions" };

/* Aliases in stmt_sql[]: `p` is code_patterns, and so on. */
static bool is_scan(const char *detail)
{
	static const char *const aliases[] = { "p", "s", "h", "c", "g", "l", "f" };

	if (strncmp(detail, "SCAN ", 5) != 0)
		return false;
	detail += 5;
	for (size_t i = 0; i < sizeof growing / sizeof *growing; i++)
		if (strcmp(detail, growing[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
		if (strcmp(detail, aliases[i]) == 0 ||
		    (strlen(detail) > 1 && strncmp(detail, aliases[i], 1) == 0 && detail[1] == ' '))
			return true;
	return false;
}

static void statements_seek(void **state)
{
	struct fixture *f = *state;
	struct connection functions = { .db = f->db };

	assert_ok(f, search_functions(&functions, &f->err));

	for (int i = 0; i < STMT_COUNT; i++) {
		char sql[4096];
		sqlite3_stmt *stmt;

		if (!stmt_sql[i]) {
			fail_msg("statement %d has no row", i);
			return;
		}
		snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", stmt_sql[i]);
		if (strncmp(stmt_sql[i], "PRAGMA", 6) == 0)
			continue;
		if (sqlite3_prepare_v2(f->db, sql, -1, &stmt, NULL) != SQLITE_OK)
			fail_msg("%s: %s", stmt_sql[i], sqlite3_errmsg(f->db));
		while (sqlite3_step(stmt) == SQLITE_ROW) {
			const char *detail = (const char *)sqlite3_column_text(stmt, 3);

			if (detail && is_scan(detail))
				fail_msg("%s\n%s", stmt_sql[i], detail);
		}
		sqlite3_finalize(stmt);
	}
	search_free(functions.search);
}

static void lookups_use_their_index(void **state)
{
	static const struct {
		enum stmt stmt;
		const char *plan; /* part of it */
	} rows[] = {
		{ STMT_PATTERN_FIND, "SEARCH code_patterns USING INDEX sqlite_autoindex_code_patterns_2 (scope=? AND "
				     "file_name=?)" },
		{ STMT_PATTERN_LIST, "SEARCH code_patterns USING INDEX code_patterns_listing (scope=? AND id>?)" },
		{ STMT_PATTERN_STAT, "SEARCH code_patterns USING INTEGER PRIMARY KEY (rowid=?)" },
		{ STMT_FILE_FIND, "SEARCH files USING INDEX sqlite_autoindex_files_1 (parent=? AND name=?)" },
		{ STMT_HISTORY_LINES, "SEARCH h USING INTEGER PRIMARY KEY (rowid>?)" },
		{ STMT_COMPONENT_LIST, "SEARCH components USING INTEGER PRIMARY KEY (rowid>?)" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char sql[4096];

		snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", stmt_sql[rows[i].stmt]);
		{
			sqlite3_stmt *stmt;

			assert_int_equal(sqlite3_prepare_v2(f->db, sql, -1, &stmt, NULL), SQLITE_OK);
			assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
			assert_string_equal((const char *)sqlite3_column_text(stmt, 3), rows[i].plan);
			sqlite3_finalize(stmt);
		}
	}
}

/* The listing's columns all come from the index: cursor 0 is the table's. */
static void a_listing_reads_no_rows(void **state)
{
	struct fixture *f = *state;
	char sql[1024];
	sqlite3_stmt *stmt;

	snprintf(sql, sizeof sql, "EXPLAIN %s", stmt_sql[STMT_PATTERN_LIST]);
	assert_int_equal(sqlite3_prepare_v2(f->db, sql, -1, &stmt, NULL), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW)
		if (strcmp((const char *)sqlite3_column_text(stmt, 1), "Column") == 0)
			assert_int_not_equal(sqlite3_column_int(stmt, 2), 0);
	sqlite3_finalize(stmt);
}

static bool reads_by_mapping(struct fixture *f)
{
	LEASE lease = { 0 };
	int64_t bytes = -1;

	assert_ok(f, lease_begin(f->store, &lease, &f->err));
	assert_int_equal(connection_ask(lease.conn, "PRAGMA mmap_size", &bytes), SQLITE_OK);
	return bytes > 0;
}

/* Where commits come between reads, a mapping would be made and dropped each time. */
static void mapped_where_many_read(void **state)
{
	struct fixture *f = *state;

	assert_ok(f, submit(f, PF_INCOMING, "a.py", operator_source("AOperator", "return 1")));
	for (int i = 0; i < 3; i++) {
		assert_ok(f, verdict(f, true, PF_TARGET_PATTERN, 1, NULL));
		assert_false(reads_by_mapping(f));
		assert_false(reads_by_mapping(f));
	}
	for (int i = 0; i < STEADY; i++)
		reads_by_mapping(f);
	assert_true(reads_by_mapping(f));
	/* one commit after so many reads is no reason to drop it */
	assert_ok(f, verdict(f, true, PF_TARGET_PATTERN, 1, NULL));
	assert_true(reads_by_mapping(f));
	assert_ok(f, verdict(f, true, PF_TARGET_PATTERN, 1, NULL));
	assert_false(reads_by_mapping(f));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

int plan_tests(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(statements_seek),
		TEST(lookups_use_their_index),
		TEST(a_listing_reads_no_rows),
		TEST(mapped_where_many_read),
	};

	return cmocka_run_group_tests_name("plans", tests, NULL, NULL);
}
