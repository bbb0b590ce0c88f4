/* pf_store_open: what it makes, and what it refuses, in which words. */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <xxhash.h>

#include "groups.h"
#include "store-internal.h"

static pf_store *open_at(const char *path, bool read_only, pf_err *err)
{
	pf_store_options options = { .read_only = read_only };

	*err = (pf_err){ 0 };
	return pf_store_open(path, &options, err);
}

static void make_database(const char *path, const char *sql)
{
	sqlite3 *db;

	unlink(path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void make_file(const char *path, const char *content)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(content, file);
	fclose(file);
}

static void refusals(void **state)
{
	static const struct {
		const char *path; /* below the fixture's directory */
		const char *sql;  /* makes it; or else */
		const char *text;
		int code;
		const char *why; /* after "…/path: " */
	} rows[] = {
		{ "no/such/db", NULL, NULL, ENOENT, "no such file or directory: make its directory first" },
		{ "other.db", "CREATE TABLE t (x)", NULL, EINVAL,
		  "not a patternfs database: name another file, or one that is not there yet" },
		{ "other.db", "PRAGMA application_id = 7", NULL, EINVAL,
		  "not a patternfs database: name another file, or one that is not there yet" },
		{ "newer.db", "PRAGMA application_id = 1885434982; PRAGMA user_version = 99; CREATE TABLE t (x)", NULL,
		  EINVAL, "made by a newer patternfs (schema 99, this one knows up to 7): update patternfs" },
		{ "text.db", NULL,
		  "This is not a database, but it is long enough to be taken for one, by its looks alone.", EINVAL,
		  "not a patternfs database: name another file, or one that is not there yet" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char path[256], why[512];
		pf_err err;

		snprintf(path, sizeof path, "%s/%s", f->directory, rows[i].path);
		if (rows[i].sql)
			make_database(path, rows[i].sql);
		if (rows[i].text)
			make_file(path, rows[i].text);
		snprintf(why, sizeof why, "%s: %s", path, rows[i].why);
		assert_null(open_at(path, false, &err));
		assert_string_equal(err.why, why);
		assert_int_equal(err.code, rows[i].code);
		assert_null(open_at(path, true, &err));
		assert_int_equal(err.code, rows[i].code);
	}
}

static void a_directory(void **state)
{
	struct fixture *f = *state;
	char why[512];
	pf_err err;

	assert_null(open_at(f->directory, false, &err));
	snprintf(why, sizeof why, "%s: a directory: name a file, such as %s/patterns.db", f->directory, f->directory);
	assert_string_equal(err.why, why);
	assert_int_equal(err.code, EISDIR);
}

static void corrupt(void **state)
{
	struct fixture *f = *state;
	char path[256], why[512], command[512];
	pf_err err;

	assert_ok(f, submit(f, PF_INCOMING, "a.py", operator_source("AOperator", "return 1")));
	run_sql(f, "PRAGMA wal_checkpoint(TRUNCATE)");
	snprintf(path, sizeof path, "%s/cut.db", f->directory);
	snprintf(command, sizeof command, "head -c 20000 %s > %s", f->path, path);
	assert_int_equal(system(command), 0);
	assert_null(open_at(path, false, &err));
	snprintf(why, sizeof why,
		 "%s: the database is corrupt (database disk image is malformed): restore a backup, or save what can "
		 "be read with sqlite3's .dump",
		 path);
	assert_string_equal(err.why, why);
	assert_int_equal(err.code, EUCLEAN);
}

/* Runs SQL as somebody may who has the file; no rule binds them. */
static void run_closed(struct fixture *f, const char *sql)
{
	pf_store_close(f->store);
	f->store = NULL;
	run_sql(f, sql);
}

/* What would act on our statements, or answer them, is refused; what lies beside them is not. */
static void schemas_of_others(void **state)
{
	static const struct {
		const char *sql, *undo;
		int code;
		const char *why; /* after "…/path: " */
	} rows[] = {
		{ "CREATE TRIGGER evil AFTER INSERT ON history BEGIN DELETE FROM sources; END", "DROP TRIGGER evil",
		  EINVAL,
		  "evil: a trigger of others, which would act on what patternfs writes: look at it, then DROP TRIGGER "
		  "it, with sqlite3" },
		{ "CREATE TRIGGER \"a\nb\" AFTER INSERT ON notes BEGIN SELECT 1; END", "DROP TRIGGER \"a\nb\"", EINVAL,
		  "a?b: a trigger of others, which would act on what patternfs writes: look at it, then DROP TRIGGER "
		  "it, with sqlite3" },
		{ "CREATE VIEW json_each AS SELECT 1 AS value", "DROP VIEW json_each", EINVAL,
		  "json_each: it has the name of a function of SQLite, which it would stand in for: rename it, or drop "
		  "it, with sqlite3" },
		{ "CREATE TABLE Pragma_table_info (x)", "DROP TABLE Pragma_table_info", EINVAL,
		  "Pragma_table_info: it has the name of a function of SQLite, which it would stand in for: rename it, "
		  "or drop it, with sqlite3" },
		{ "DROP VIEW directory_sums; CREATE VIEW directory_sums AS SELECT 1 AS scope",
		  "DROP VIEW directory_sums", EUCLEAN,
		  "the database is corrupt: the view directory_sums is not as patternfs makes it: restore a backup, or "
		  "save what can be read with sqlite3's .dump" },
		{ "SELECT 1", "SELECT 1", EUCLEAN,
		  "the database is corrupt: the view directory_sums is missing: restore a backup, or save what can be "
		  "read with sqlite3's .dump" },
		{ "CREATE TABLE directory_sums (scope)", "DROP TABLE directory_sums", EUCLEAN,
		  "the database is corrupt: the view directory_sums is not as patternfs makes it: restore a backup, or "
		  "save what can be read with sqlite3's .dump" },
	};
	struct fixture *f = *state;
	char *view;
	char why[512];
	pf_err err;

	view = strdup(ask_text(f, "SELECT sql FROM sqlite_schema WHERE name = 'directory_sums'"));
	run_closed(f, "SELECT 1");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		run_sql(f, rows[i].sql);
		snprintf(why, sizeof why, "%s: %s", f->path, rows[i].why);
		for (int read_only = 0; read_only < 2; read_only++) {
			assert_null(open_at(f->path, read_only, &err));
			assert_string_equal(err.why, why);
			assert_int_equal(err.code, rows[i].code);
		}
		run_sql(f, rows[i].undo);
	}
	run_sql(f, view);
	free(view);
	fixture_reopen(f);
}

static void what_lies_beside_is_tolerated(void **state)
{
	struct fixture *f = *state;

	run_closed(f, "CREATE TABLE mine (x REFERENCES code_patterns (id)); CREATE INDEX mine_x ON mine (x);"
		      "CREATE VIEW my_view AS SELECT * FROM code_patterns; CREATE INDEX my_index ON history (note);"
		      "CREATE VIRTUAL TABLE my_words USING fts5 (words); ANALYZE");
	fixture_reopen(f);
	assert_ok(f, submit(f, PF_INCOMING, "a.py", operator_source("AOperator", "return 1")));
}

/*
 * There are databases of each version, of which the schema is compared with what its migrations make: what one lacks
 * or does wrong is for a new one to mend.
 */
static void migrations_never_change(void **state)
{
	static const uint64_t hashes[] = {
		0x15e865eb68fa24c7, 0xc5d3b9fdb29b3e66, 0x25f9a38a62f875d6, 0xdf573070686dbe50,
		0x4358a975f92dab9,  0x5b64894f1c59910c, 0xfc3b049e7213049c,
	};
	int count = sizeof hashes / sizeof *hashes;

	(void)state;
	for (int version = 1; version <= count; version++) {
		XXH64_hash_t hash = 0;

		for (const char *const *sql = schema_migration(version); *sql; sql++)
			hash = XXH3_64bits_withSeed(*sql, strlen(*sql), hash);
		if (hash != hashes[version - 1])
			fail_msg("version %d is another: %#" PRIx64, version, (uint64_t)hash);
	}
	assert_null(schema_migration(count + 1)); /* a new one has its line here */
}

/* Takes away what versions 4 and later brought. */
#define WITHOUT_VERSION_4                                                                                              \
	"DROP TRIGGER components_placed; DROP TRIGGER components_moved; DROP TRIGGER components_edited;"               \
	"DROP TABLE component_places; DROP TABLE hand_component_edits;"                                                \
	"DROP INDEX components_by_place; DROP INDEX components_ranking; DROP INDEX components_by_time;"                \
	"DROP INDEX code_patterns_support; CREATE INDEX components_by_place ON components (category);"                 \
	"DROP INDEX components_by_support; DROP INDEX components_by_confidence;"                                       \
	"DROP TRIGGER code_patterns_ranked; DROP TABLE directory_ranks;"                                               \
	"ALTER TABLE components DROP COLUMN verdict_bound;"                                                            \
	"ALTER TABLE text_indexed DROP COLUMN component_id; DROP TABLE prompts;"                                       \
	"DROP TABLE similar;"

/* A trigger of others must not see the upgrade either. */
static void triggers_in_older_schemas(void **state)
{
	struct fixture *f = *state;
	char why[512];
	pf_err err;

	run_closed(f,
		   WITHOUT_VERSION_4 "CREATE TRIGGER evil AFTER UPDATE ON code_patterns BEGIN DELETE FROM sources; END;"
				     "PRAGMA user_version = 2; DROP VIEW pattern_sizes;"
				     "CREATE VIEW pattern_sizes (id, size) AS SELECT 1, 2");
	assert_null(open_at(f->path, false, &err));
	snprintf(why, sizeof why,
		 "%s: evil: a trigger of others, which would act on what patternfs writes: look at it, then DROP "
		 "TRIGGER it, with sqlite3",
		 f->path);
	assert_string_equal(err.why, why);
	assert_asks(f, "SELECT user_version FROM pragma_user_version", 2);
	run_sql(f, "DROP TRIGGER evil");
	fixture_reopen(f);
}

static void made_private(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_asks(f, "SELECT application_id FROM pragma_application_id", 0x70617466);
	assert_string_equal(ask_text(f, "SELECT journal_mode FROM pragma_journal_mode"), "wal");
}

/* Root may read everything, so it is somebody else for a moment. */
static void not_permitted(void **state)
{
	enum { NOBODY = 65534 };
	struct fixture *f = *state;
	char why[512];
	pf_err err;

	snprintf(why, sizeof why, "%s: no permission to read and write it", f->path);
	assert_int_equal(chmod(f->directory, 0755), 0);
	assert_int_equal(chmod(f->path, 0), 0);
	if (getuid() == 0)
		assert_int_equal(seteuid(NOBODY), 0);
	assert_null(open_at(f->path, false, &err));
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(f->path, 0600), 0);
	assert_string_equal(err.why, why);
	assert_int_equal(err.code, EACCES);
}

/* In a directory where everybody may write what others put there is not used; elsewhere its owner may have let them. */
static void places_of_others(void **state)
{
	enum { NOBODY = 65534 };
	static const struct {
		mode_t directory; /* of root's */
		const char *name; /* what is in it */
		mode_t kind;
		uid_t owner;
		const char *path; /* what is opened there */
		bool refused;
	} rows[] = {
		{ 01777, "a.db", S_IFREG, NOBODY, "a.db", true },
		{ 0777, "a.db", S_IFREG, NOBODY, "a.db", true },
		{ 0755, "a.db", S_IFREG, NOBODY, "a.db", false },
		{ 01777, "a.db", S_IFREG, 0, "a.db", false },
		{ 01777, "a.db-wal", S_IFREG, NOBODY, "a.db", true },
		{ 01777, "a.db-shm", S_IFREG, NOBODY, "a.db", true },
		{ 01777, "a.db-journal", S_IFREG, NOBODY, "a.db", true },
		{ 01777, "a.db-wal", S_IFLNK, NOBODY, "a.db", true },
		{ 01777, "a.db", S_IFLNK, NOBODY, "a.db", true },
		{ 01777, "there", S_IFLNK, NOBODY, "there/b.db", true },
		{ 01777, "there", S_IFLNK, NOBODY, "../place/./there/b.db", true },
		{ 01777, "there", S_IFLNK, 0, "there/b.db", false },
		{ 0755, "there", S_IFLNK, NOBODY, "there/b.db", false },
		{ 01777, "there", S_IFDIR, NOBODY, "there/b.db", true },
		{ 0755, "there", S_IFDIR, NOBODY, "there/b.db", false },
	};
	struct fixture *f = *state;
	char place[128], name[256], path[256], why[512], command[512];

	if (getuid() != 0)
		skip(); /* only root can be two */
	snprintf(place, sizeof place, "%s/place", f->directory);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		pf_store *store;
		pf_err err;

		snprintf(command, sizeof command, "rm -rf %s %s/elsewhere && mkdir %s %s/elsewhere", place,
			 f->directory, place, f->directory);
		assert_int_equal(system(command), 0);
		snprintf(name, sizeof name, "%s/%s", place, rows[i].name);
		if (rows[i].kind == S_IFREG)
			make_file(name, "");
		else if (rows[i].kind == S_IFDIR)
			assert_int_equal(mkdir(name, 0755), 0);
		else
			assert_int_equal(
				symlink(strchr(rows[i].name, '.') ? "../elsewhere/c.db" : "../elsewhere", name), 0);
		assert_int_equal(lchown(name, rows[i].owner, rows[i].owner), 0);
		assert_int_equal(chmod(place, rows[i].directory), 0);
		snprintf(path, sizeof path, "%s/%s", place, rows[i].path);
		snprintf(why, sizeof why,
			 "%s: %s belongs to another user, in a directory where everybody may write: use a directory of "
			 "your own",
			 path, rows[i].name);
		store = open_at(path, false, &err);
		if (!rows[i].refused && !store)
			fail_msg("row %zu: %s", i, err.why);
		pf_store_close(store);
		if (!rows[i].refused)
			continue;
		if (store || strcmp(err.why, why) != 0)
			fail_msg("row %zu: %s", i, store ? "opened" : err.why);
		assert_int_equal(err.code, EACCES);
		assert_null(open_at(path, true, &err));
		assert_string_equal(err.why, why);
		err = (pf_err){ 0 };
		assert_int_equal(pf_store_check(path, NULL, NULL, &err), -EACCES);
		assert_string_equal(err.why, why);
		err = (pf_err){ 0 };
		assert_int_equal(pf_store_backup(f->path, path, NULL, &err), -EACCES);
		assert_string_equal(err.why, why);
		/* Nothing was made, nor emptied. */
		snprintf(command, sizeof command, "test \"$(find %s %s/elsewhere -mindepth 1)\" = %s", place,
			 f->directory, name);
		assert_int_equal(system(command), 0);
	}
}

/* Links without end lead nowhere; long ones are not too long. */
static void links_that_lead_nowhere(void **state)
{
	struct fixture *f = *state;
	char path[128];
	pf_err err;

	snprintf(path, sizeof path, "%s/round", f->directory);
	assert_int_equal(symlink("./round/round", path), 0);
	assert_null(open_at(path, false, &err));
	assert_null(open_at(path, true, &err));
	assert_int_equal(err.code, ELOOP);
}

static void an_empty_file_is_new(void **state)
{
	struct fixture *f = *state;
	char path[256];
	pf_store *store;
	pf_err err;

	snprintf(path, sizeof path, "%s/empty ?#%%.db", f->directory);
	make_file(path, "");
	store = open_at(path, false, &err);
	assert_non_null(store);
	pf_store_close(store);
}

static void read_only(void **state)
{
	struct fixture *f = *state;
	pf_totals totals;
	pf_store *store;
	pf_err err;

	assert_ok(f, submit(f, PF_INCOMING, "a.py", operator_source("AOperator", "return 1")));
	store = open_at(f->path, true, &err);
	assert_non_null(store);
	assert_int_equal(pf_store_totals(store, 0, &totals, &err), 0);
	assert_true(totals.patterns > 0);
	assert_null(pf_txn_begin(store, &err));
	assert_int_equal(err.code, EROFS);
	assert_string_equal(err.why, "the database is open read-only");
	assert_false(pf_store_foreign_commit(store));
	assert_ok(f, archive(f, 1));
	assert_true(pf_store_foreign_commit(store));
	pf_store_close(store);
}

/* Of a version whose documents were as long as their counts. */
static void sizes_are_brought_up_to_date(void **state)
{
	struct fixture *f = *state;
	pf_pattern_entry entry;

	assert_ok(f, submit(f, PF_INCOMING, "a.py", operator_source("AOperator", "return 1")));
	pf_store_close(f->store);
	f->store = NULL;
	run_sql(f, "UPDATE code_patterns SET size = size - 20, mtime = mtime + 1;"
		   "DROP VIEW pattern_sizes; CREATE VIEW pattern_sizes (id, size) AS SELECT 1, 2;" WITHOUT_VERSION_4
		   "PRAGMA user_version = 2");
	fixture_reopen(f);
	assert_ok(f, pf_store_pattern_stat(f->store, 1, &entry, &f->err));
	assert_int_equal(entry.size, strlen(document_of(f, 1)));
	assert_asks(f, "SELECT count(*) FROM hand_edits", 0);
}

static void two_writers(void **state)
{
	struct fixture *f = *state;
	pf_store *second;
	pf_err err;

	assert_ok(f, submit(f, PF_INCOMING, "a.py", operator_source("AOperator", "return 1")));
	second = open_at(f->path, false, &err);
	assert_non_null(second);
	pf_store_foreign_commit(second);
	assert_ok(f, verdict(f, true, PF_TARGET_PATTERN, 1, NULL));
	assert_true(pf_store_foreign_commit(second));
	pf_store_close(second);
}

/* More than fits into the writer's memory, so that it comes to be in the log; then it is taken back. */
static void take_back(struct fixture *f, size_t len)
{
	pf_txn *txn = pf_txn_begin(f->store, &f->err);
	char *content = malloc(len);
	pf_file file;

	assert_non_null(txn);
	assert_non_null(content);
	memset(content, 'x', len);
	for (int i = 0; i < 4; i++) {
		char name[16];

		snprintf(name, sizeof name, "%d.txt", i);
		assert_ok(f, pf_txn_mkfile(txn, PF_INCOMING, name, 0644, &file, &f->err));
		assert_ok(f, pf_txn_write(txn, file.id, content, len, 1, &f->err));
	}
	pf_txn_rollback(txn);
	free(content);
}

/* What was taken back never gets into the log once others have written there. */
static void others_write_after_a_rollback(void **state)
{
	struct fixture *f = *state;

	run_sql(f, "CREATE TABLE mine (id INTEGER PRIMARY KEY, x); PRAGMA wal_autocheckpoint = 0");
	for (size_t len = (size_t)3 << 20; len < (size_t)4 << 20; len += 50000) {
		take_back(f, len);
		/* up to and past the place where that ended */
		for (int i = 0; i < 6; i++)
			run_sql(f, "INSERT INTO mine (x) SELECT randomblob(4000) FROM"
				   " (WITH RECURSIVE n (v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n LIMIT 600)"
				   "  SELECT v FROM n)");
		assert_ok(f, put_file(f, PF_INCOMING, "small.txt", "small\n"));
		assert_asks(f, "SELECT count(*) % 3600 FROM mine WHERE length(x) = 4000", 0);
		assert_asks(f, "SELECT integrity_check = 'ok' FROM pragma_integrity_check", 1);
		run_sql(f, "DELETE FROM mine; PRAGMA wal_checkpoint(TRUNCATE)");
	}
	run_sql(f, "DROP TABLE mine");
}

static int touch(void *arg, const pf_pattern_entry *entry)
{
	*(int64_t *)arg += entry->size;
	return 0;
}

struct reading {
	pf_store *store;
	atomic_bool stop;
	atomic_int failures, rounds;
};

static void *read_on(void *arg)
{
	struct reading *reading = arg;
	pf_text text = { 0 };

	while (!atomic_load(&reading->stop)) {
		int64_t sum = 0, size, mtime;
		pf_totals totals;
		pf_err err = { 0 };
		int rc = pf_store_totals(reading->store, 0, &totals, &err);

		for (int type = 1; type < PF_PATTERN_TYPE_END && rc == 0; type++)
			rc = pf_store_pattern_list(reading->store, pf_scope_make(1, PF_OPERATOR, type), 0, touch, &sum,
						   &err);
		pf_text_reset(&text);
		if (rc == 0)
			rc = pf_store_component_text(reading->store, 1, PF_COMPONENT_DOCUMENT, &text, &err);
		if (rc == 0)
			rc = pf_store_history_stat(reading->store, &size, &mtime, &err);
		if (rc == 0)
			rc = pf_store_history_read(reading->store, size / 2, 1000, &text, &err);
		if (rc < 0)
			atomic_fetch_add(&reading->failures, 1);
		atomic_fetch_add(&reading->rounds, 1);
	}
	pf_text_free(&text);
	return NULL;
}

static void readers_beside_a_writer(void **state)
{
	struct fixture *f = *state;
	struct reading reading = { .store = f->store };
	pthread_t threads[4];

	assert_ok(f, submit(f, PF_INCOMING, "a.py", operator_source("AOperator", "return 1")));
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_on, &reading), 0);
	for (int i = 0; i < 30; i++) {
		char name[32], file[32];

		snprintf(name, sizeof name, "C%dOperator", i);
		snprintf(file, sizeof file, "c%d.py", i);
		assert_ok(f, submit(f, PF_INCOMING, file, operator_source(name, "return 1")));
		assert_ok(f, verdict(f, i % 2, PF_TARGET_PATTERN, 1, NULL));
	}
	while (atomic_load(&reading.rounds) < 20)
		usleep(1000);
	atomic_store(&reading.stop, true);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&reading.failures), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

int opening_tests(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(refusals),
		TEST(a_directory),
		TEST(corrupt),
		TEST(not_permitted),
		TEST(places_of_others),
		TEST(links_that_lead_nowhere),
		TEST(made_private),
		TEST(an_empty_file_is_new),
		TEST(read_only),
		TEST(sizes_are_brought_up_to_date),
		TEST(two_writers),
		TEST(others_write_after_a_rollback),
		TEST(readers_beside_a_writer),
		TEST(schemas_of_others),
		TEST(what_lies_beside_is_tolerated),
		TEST(migrations_never_change),
		TEST(triggers_in_older_schemas),
	};

	return cmocka_run_group_tests_name("opening", tests, NULL, NULL);
}
