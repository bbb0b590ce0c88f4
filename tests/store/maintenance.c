/* Checks find what is planted, and backups are whole. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "groups.h"
#include "tamper.h"

static int collect(void *arg, const char *finding)
{
	pf_text_printf(arg, "%s\n", finding);
	return 0;
}

/* All that is found in PATH, a line each. */
static const char *findings_of(struct fixture *f, const char *path)
{
	pf_text_reset(&f->text);
	pf_text_puts(&f->text, "");
	assert_ok(f, pf_store_check(path, collect, &f->text, &f->err));
	return f->text.bytes;
}

static void teach(struct fixture *f)
{
	int64_t directory;

	assert_ok(f, submit(f, PF_INCOMING, "a.py", operator_source("AOperator", "return 1")));
	assert_ok(f, submit(f, PF_INCOMING, "b.py", operator_source("BOperator", "self.log.info('b')")));
	directory = make_directory(f, PF_INCOMING, "more", false);
	assert_ok(f, submit(f, directory, "plain.txt", "text\n"));
	assert_ok(f, verdict(f, true, PF_TARGET_COMPONENT, 1, "it ran"));
	assert_ok(f, archive(f, 2));
}

static void in_directory(struct fixture *f, const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", f->directory, name);
}

static void planted_damage_is_found(void **state)
{
	static const struct {
		const char *sql, *finding;
	} rows[] = {
		{ "SELECT 1", "" },
		{ "UPDATE code_patterns SET pattern_data = '{' || substr(pattern_data, 2, 9) WHERE id = 1",
		  "pattern 1: pattern_data is no JSON\n" },
		{ "UPDATE code_patterns SET size = size + 1 WHERE id = 3", "pattern 3: its size is " },
		{ "UPDATE code_patterns SET scope = 4095 WHERE id = 3",
		  "pattern 3: its directory is not what its category and types say\n" },
		{ "UPDATE code_patterns SET success_count = 41 WHERE id = 1",
		  "pattern 1: success_count is 41, failure_count 0, the last event says 3 and 0\n" },
		{ "UPDATE code_patterns SET failure_count = 7 WHERE id = 1",
		  "pattern 1: success_count is 3, failure_count 7, the last event says 3 and 0\n" },
		{ "UPDATE code_patterns SET component_count = 5 WHERE id = 1",
		  "pattern 1: component_count is 5, 2 components show it\n"
		  "pattern 1: component_count is 5, by its events it should be 2\n" },
		{ "DELETE FROM sightings WHERE pattern_id = 1 AND component_id = 2",
		  "pattern 1: component_count is 2, 1 components show it\n" },
		{ "INSERT INTO sightings VALUES (1, 999, 1, 1)",
		  "component 1: shows pattern 999; one of them is not there\n" },
		{ "UPDATE code_patterns SET rank_order = 0 WHERE id = 1",
		  "pattern 1: its rank is not what its counts say\n" },
		{ "UPDATE code_patterns SET breadth = 4 WHERE id = 1",
		  "pattern 1: its breadth is not the number of its libraries\n" },
		{ "UPDATE directories SET success = success + 1 WHERE patterns > 0",
		  ": its sums are not those of its patterns\n" },
		{ "UPDATE directory_ranks SET best = best - 1", ": it ranks below its best pattern\n" },
		{ "DELETE FROM directory_ranks", ": it ranks below its best pattern\n" },
		{ "DELETE FROM directories WHERE scope > 0", ": is not there, but has patterns\n" },
		{ "UPDATE component_totals SET components = 9 WHERE component_type = 'hook'",
		  "components of type hook: the total is 9, there are 0\n" },
		{ "UPDATE components SET component_type = 'pump' WHERE id = 1", "component 1: is of no known type\n" },
		{ "UPDATE component_places SET components = 9", ": 9 are counted, there are 2\n" },
		{ "UPDATE components SET pattern_count = 99 WHERE id = 2",
		  "component 2: pattern_count is 99, it shows " },
		{ "UPDATE components SET record_size = 3 WHERE id = 1", "component 1: source_size is " },
		{ "UPDATE sources SET content = x'61' WHERE id = 1", "component 1: source_size is " },
		{ "UPDATE sources SET content = x'61' WHERE id = 1", "its content has 1 bytes\n" },
		{ "UPDATE files SET size = 77 WHERE name = 'plain.txt'", "its size is 77, its content has 5 bytes\n" },
		{ "UPDATE files SET children = 55 WHERE id = 1", "file 1: children is 55, it has " },
		{ "UPDATE files SET parent = id WHERE name = 'more'", ": no path leads to it\n" },
		{ "DELETE FROM files WHERE id = 1", "file 1: it is not there, or no directory" },
		{ "UPDATE files SET mode = 33188 WHERE id = 1", "file 1: it is not there, or no directory" },
		{ "UPDATE notes SET size = 1 WHERE id = 1", "note 1: its size is 1, its text has " },
		{ "UPDATE history SET end_offset = 0 WHERE id = 3",
		  "event 3: ends before the one before it, or is older\n" },
		{ "UPDATE history SET at = 1 WHERE id = 4", "event 4: ends before the one before it, or is older\n" },
		{ "UPDATE history SET event = 77 WHERE id = 2", "event 2: of no known kind, or about nothing\n" },
		{ "UPDATE history SET pattern_id = 777 WHERE id = 2", "event 2: of no known kind, or about nothing\n" },
		{ "UPDATE components SET source_id = 999 WHERE id = 1",
		  "components, row 1: refers to a row of sources that is not there\n" },
		{ "UPDATE code_patterns SET file_name = '../x.json' WHERE id = 1",
		  "pattern 1: its name can be none, and is not shown\n" },
		{ "UPDATE components SET component_name = 'a/b' WHERE id = 1",
		  "component 1: its name can be none, and is not shown\n" },
		{ "UPDATE categories SET name = '..' WHERE id = 1",
		  "category 1: its name can be none, and is not shown\n" },
		{ "UPDATE files SET name = '.' WHERE name = 'more'", ": its name can be none, and is not shown\n" },
		{ "UPDATE notes SET name = '' WHERE id = 1", "note 1: its name can be none, and is not shown\n" },
		{ "UPDATE pattern_text_data SET block = x'0000000001020304050607' WHERE id > 10",
		  "the index of words is not whole: text= may miss patterns\n" },
		{ "DELETE FROM pattern_text_data WHERE id > 10",
		  "the index of words is not whole: text= may miss patterns\n" },
		{ "DROP INDEX history_none; DROP VIEW directory_sums",
		  "the database is corrupt: the view directory_sums is missing: restore a backup, or save what can be "
		  "read with sqlite3's .dump\n" },
		{ "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'CHECK (success_count >= "
		  "0)',"
		  " '') WHERE name = 'code_patterns'",
		  "the table code_patterns is not as patternfs makes it" },
		{ "CREATE TABLE evil_log (x); CREATE TRIGGER evil AFTER INSERT ON notes BEGIN SELECT 1; END",
		  "evil: a trigger of others" },
	};
	struct fixture *f = *state;
	char path[128];

	teach(f);
	/* The words of few patterns are not indexed yet. */
	run_sql(f, "INSERT INTO pattern_text (rowid, words) VALUES (1, 'some words'), (2, 'other words');"
		   "CREATE INDEX history_none ON history (note)");
	in_directory(f, "copy.db", path);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *found;

		unlink(path);
		assert_ok(f, pf_store_backup(f->path, path, NULL, &f->err));
		assert_true(tamper(path, rows[i].sql));
		found = findings_of(f, path);
		if (*rows[i].finding ? !strstr(found, rows[i].finding) : *found)
			fail_msg("%s: found '%s', expected '%s'", rows[i].sql, found, rows[i].finding);
	}
	run_sql(f, "INSERT INTO pattern_text (pattern_text) VALUES ('delete-all')");
}

static void damaged_pages_are_found(void **state)
{
	static const char garbage[4096] = { 13, 0, 0, 99 };
	struct fixture *f = *state;
	char path[128];
	off_t at;
	int fd;

	teach(f);
	in_directory(f, "copy.db", path);
	at = (ask(f, "SELECT rootpage FROM sqlite_schema WHERE name = 'sightings'") - 1) * 4096;
	assert_ok(f, pf_store_backup(f->path, path, NULL, &f->err));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, garbage, sizeof garbage, at), sizeof garbage);
	close(fd);
	if (!strstr(findings_of(f, path), "*** in database main ***?Page "))
		fail_msg("%s", f->text.bytes);
}

static void what_cannot_be_checked(void **state)
{
	struct fixture *f = *state;
	char path[128], why[256];
	sqlite3 *db;

	in_directory(f, "other.db", path);
	assert_int_equal(pf_store_check(path, collect, &f->text, &f->err), -ENOENT);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE t (x)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	snprintf(why, sizeof why, "%s: not a patternfs database: name another file, or one that is not there yet",
		 path);
	f->err = (pf_err){ 0 };
	assert_refused(f, pf_store_check(path, collect, &f->text, &f->err), EINVAL, why);
	f->err = (pf_err){ 0 };
	assert_refused(f, pf_store_backup(path, "/nowhere", NULL, &f->err), EINVAL, why);
}

static void backups_are_private_and_new(void **state)
{
	static volatile sig_atomic_t stop = 1;
	struct fixture *f = *state;
	char path[128], why[256];
	struct stat st;

	teach(f);
	in_directory(f, "copy.db", path);
	snprintf(why, sizeof why, "%s: interrupted", path);
	/* More than is copied at a time. */
	run_sql(f, "UPDATE contents SET data = zeroblob(8000000) WHERE file_id = (SELECT max(id) FROM files)");
	assert_refused(f, pf_store_backup(f->path, path, &stop, &f->err), EINTR, why);
	assert_int_equal(access(path, F_OK), -1);
	run_sql(f, "UPDATE contents SET data = x'746578740a' WHERE file_id = (SELECT max(id) FROM files)");
	assert_ok(f, pf_store_backup(f->path, path, NULL, &f->err));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_string_equal(findings_of(f, path), "");
	snprintf(why, sizeof why, "%s-wal", path); /* it needs no file beside it */
	assert_int_equal(access(why, F_OK), -1);
	snprintf(why, sizeof why, "%s: there is such a file already: name one that is not there yet", path);
	f->err = (pf_err){ 0 };
	assert_refused(f, pf_store_backup(f->path, path, NULL, &f->err), EEXIST, why);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/nowhere/else", path), 0);
	f->err = (pf_err){ 0 };
	assert_refused(f, pf_store_backup(f->path, path, NULL, &f->err), EEXIST, why);
	snprintf(path, sizeof path, "%s/no/such/copy.db", f->directory);
	f->err = (pf_err){ 0 };
	assert_int_equal(pf_store_backup(f->path, path, NULL, &f->err), -ENOENT);
}

struct load {
	struct fixture *f;
	atomic_bool stop;
	atomic_int written;
};

static void *write_on(void *arg)
{
	struct load *load = arg;

	for (int i = 0; !atomic_load(&load->stop); i++) {
		char name[32], file[32];

		snprintf(name, sizeof name, "C%dOperator", i % 200);
		snprintf(file, sizeof file, "c%d.py", i % 200);
		assert_ok(load->f,
			  submit(load->f, PF_INCOMING, file, operator_source(name, i % 2 ? "return 1" : "pass")));
		assert_ok(load->f, verdict(load->f, i % 3, PF_TARGET_COMPONENT, 1 + i % 5, NULL));
		atomic_fetch_add(&load->written, 1);
	}
	return NULL;
}

static void backups_under_load_are_whole(void **state)
{
	struct fixture *f = *state;
	struct load load = { .f = f };
	pf_text found = { 0 };
	pf_err err = { 0 };
	pthread_t thread;
	char path[128];
	int last = 0;

	for (int i = 0; i < 5; i++) {
		char name[32], file[32];

		snprintf(name, sizeof name, "C%dOperator", i);
		snprintf(file, sizeof file, "c%d.py", i);
		assert_ok(f, submit(f, PF_INCOMING, file, operator_source(name, "return 2")));
	}
	in_directory(f, "copy.db", path);
	assert_int_equal(pthread_create(&thread, NULL, write_on, &load), 0);
	for (int i = 0; i < 8; i++) {
		while (atomic_load(&load.written) < last + 3)
			usleep(1000);
		last = atomic_load(&load.written);
		unlink(path);
		assert_int_equal(pf_store_backup(f->path, path, NULL, &err), 0);
		assert_int_equal(pf_store_check(path, collect, &found, &err), 0);
		assert_int_equal(pf_store_check(f->path, collect, &found, &err), 0); /* what is written to, too */
		if (found.len)
			fail_msg("%s", found.bytes);
	}
	atomic_store(&load.stop, true);
	pthread_join(thread, NULL);
	pf_text_free(&found);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

int maintenance_tests(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(planted_damage_is_found),	   TEST(damaged_pages_are_found),      TEST(what_cannot_be_checked),
		TEST(backups_are_private_and_new), TEST(backups_under_load_are_whole),
	};

	return cmocka_run_group_tests_name("maintenance", tests, NULL, NULL);
}
