/* incoming/: files, directories, notes, renames. */
#include "groups.h"
#include "store-internal.h"

#define IN PF_INCOMING

static const char *good(void)
{
	return operator_source("AOperator", "return 1");
}

static const char bad[] = "class AOperator(BaseOperator:\n    pass\n";

static void refused_files_stay(void **state)
{
	struct fixture *f = *state;
	char note[1024];

	assert_int_equal(submit(f, IN, "a.py", bad), -EINVAL);
	assert_true(strncmp(f->err.why, "a.py:1:", 7) == 0);
	snprintf(note, sizeof note, "%s\n", f->err.why);
	assert_string_equal(note_of(f, IN, "a.py.error"), note);
	assert_string_equal(content_of(f, IN, "a.py"), bad);
	assert_string_equal(names_in(f, IN), "a.py a.py.error ");
	assert_asks(f, "SELECT count(*) FROM components", 0);
	assert_ok(f, submit(f, IN, "a.py", good()));
	assert_string_equal(names_in(f, IN), "a.py a.py.receipt.json ");
	/* refused again: what was learned stays */
	assert_int_equal(submit(f, IN, "a.py", "x = 1\n"), -EINVAL);
	assert_asks(f, "SELECT count(*) FROM components", 1);
	assert_string_equal(names_in(f, IN), "a.py a.py.receipt.json a.py.error ");
	assert_int_equal(submit_bytes(f, IN, "l.py", "x = '\xff'\n", 8), -EILSEQ);
}

static void other_names_are_only_files(void **state)
{
	static const char *const names[] = { ".op.py.swp", "4913", "op.py~", ".op.py.Xa3f9q", "#op.py#",  ".op.py",
					     "x.txt",	   ".py",  "a.pyc",  ".json",	      "lone.json" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		assert_ok(f, submit(f, IN, names[i], bad));
		assert_string_equal(content_of(f, IN, names[i]), bad);
	}
	assert_asks(f, "SELECT count(*) FROM notes", 0);
}

static void names(void **state)
{
	static const struct {
		const char *name;
		int code;
		const char *why;
	} rows[] = {
		{ "", EINVAL, "not a file name" },
		{ ".", EINVAL, "not a file name" },
		{ "..", EINVAL, "not a file name" },
		{ "a/b", EINVAL, "not a file name" },
		{ "\xff.py", EILSEQ, "a name that is not UTF-8" },
		{ "a.py.receipt.json", EPERM, "a.py.receipt.json: such names are kept for receipts and errors" },
		{ "x.error", EPERM, "x.error: such names are kept for receipts and errors" },
	};
	struct fixture *f = *state;
	char name[300];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_refused(f, submit(f, IN, rows[i].name, "x"), rows[i].code, rows[i].why);
		assert_int_equal(make_directory(f, IN, rows[i].name, false), -rows[i].code);
	}
	memset(name, 'n', 256);
	name[256] = '\0';
	assert_refused(f, submit(f, IN, name, "x"), ENAMETOOLONG, "a name of 256 bytes: at most 255");
	/* a receipt's name fits too */
	strcpy(name + 252, ".py");
	assert_ok(f, submit(f, IN, name, good()));
	assert_asks(f, "SELECT length(name) FROM notes", 200 + 13);
	assert_refused(f, submit(f, 4711, "x", "x"), ENOENT, "no such file or directory");
	assert_refused(f, submit(f, file_id(f, IN, name), "x", "x"), ENOTDIR, "not a directory");
}

static void notes_of_removed_files(void **state)
{
	struct fixture *f = *state;

	assert_ok(f, submit(f, IN, "a.py", good()));
	assert_ok(f, remove_name(f, IN, "a.py"));
	assert_string_equal(names_in(f, IN), "");
	assert_non_null(note_of(f, IN, "a.py.receipt.json"));
	assert_false(note_listed(f, IN, "a.py.receipt.json"));
	assert_ok(f, remove_name(f, IN, "a.py.receipt.json"));
	assert_refused(f, remove_name(f, IN, "a.py.receipt.json"), ENOENT, "no such file or directory");
	/* a listed one can be removed, and comes again with the next judgement */
	assert_ok(f, submit(f, IN, "a.py", good()));
	assert_ok(f, remove_name(f, IN, "a.py.receipt.json"));
	assert_string_equal(names_in(f, IN), "a.py ");
	assert_ok(f, submit(f, IN, "a.py", good()));
	assert_string_equal(names_in(f, IN), "a.py a.py.receipt.json ");
}

static void directories(void **state)
{
	struct fixture *f = *state;
	int64_t d = make_directory(f, IN, "d", false), e;
	pf_file file;

	assert_true(d > 0);
	assert_refused(f, make_directory(f, IN, "d", false), EEXIST, "file exists");
	e = make_directory(f, d, "e", false);
	assert_ok(f, pf_store_file_stat(f->store, d, &file, &f->err));
	assert_int_equal(file.subdirectories, 1);
	assert_int_equal(file.mode, S_IFDIR | 0755);
	assert_ok(f, submit(f, e, "a.py", good()));
	assert_refused(f, remove_directory(f, d, "e"), ENOTEMPTY, "directory not empty");
	assert_refused(f, remove_name(f, d, "e"), EISDIR, "a directory");
	/* unlisted notes do not keep it */
	assert_ok(f, remove_name(f, e, "a.py"));
	assert_ok(f, remove_directory(f, d, "e"));
	assert_ok(f, remove_directory(f, IN, "d"));
	assert_string_equal(names_in(f, IN), "");
	assert_asks(f, "SELECT count(*) FROM notes", 0);
	assert_refused(f, remove_directory(f, IN, "d"), ENOENT, "no such file or directory");
}

static void implicit_directories(void **state)
{
	struct fixture *f = *state;
	pf_file file;
	bool implicit;
	int64_t ml, nlp;

	assert_int_equal(pf_store_file_find(f->store, IN, "category=ml", &file, &implicit, NULL), -ENOENT);
	assert_true(implicit);
	assert_int_equal(pf_store_file_find(f->store, IN, "colour=red", &file, &implicit, NULL), -ENOENT);
	assert_false(implicit);
	f->err = (pf_err){ 0 };
	assert_refused(f, pf_store_file_find(f->store, IN, "component_type=foo", &file, &implicit, &f->err), EINVAL,
		       "component_type 'foo': expected one of operator, sensor, hook, trigger, notifier");
	ml = make_directory(f, IN, "category=ml", true);
	assert_int_equal(make_directory(f, IN, "category=ml", true), ml);
	nlp = make_directory(f, ml, "subcategory=nlp", true);
	assert_string_equal(names_in(f, IN), "");
	assert_ok(f, submit(f, nlp, "a.py", good()));
	assert_string_equal(names_in(f, IN), "category=ml ");
	assert_string_equal(names_in(f, ml), "subcategory=nlp ");
	assert_asks(f, "SELECT count(*) FROM components WHERE category = 'ml' AND subcategory = 'nlp'", 1);
	assert_string_equal(ask_text(f, "SELECT source_file FROM components"), "category=ml/subcategory=nlp/a.py");
	assert_ok(f, remove_name(f, nlp, "a.py"));
	assert_string_equal(names_in(f, IN), "");
	/* mkdir of one that nobody sees succeeds, and then it stays */
	assert_int_equal(make_directory(f, IN, "category=ml", false), ml);
	assert_string_equal(names_in(f, IN), "category=ml ");
	assert_refused(f, make_directory(f, IN, "category=ml", false), EEXIST, "file exists");
	fixture_reopen(f);
	assert_asks(f, "SELECT count(*) FROM files", 2);
	assert_ok(f, remove_directory(f, IN, "category=ml"));
}

static void orphans(void **state)
{
	struct fixture *f = *state;
	pf_txn *txn;
	pf_file file;
	int64_t id, removed;
	pf_store *other;

	assert_ok(f, submit(f, IN, "a.py", good()));
	id = file_id(f, IN, "a.py");
	txn = pf_txn_begin(f->store, &f->err);
	assert_ok(f, pf_txn_unlink(txn, IN, "a.py", &removed, &f->err));
	assert_int_equal(removed, id);
	assert_ok(f, pf_txn_close(txn, id, "no python", 9, 5, f->extractor, NULL, &f->err)); /* written, never judged */
	assert_ok(f, pf_txn_commit(txn, &f->err));
	assert_ok(f, pf_store_file_stat(f->store, id, &file, &f->err));
	assert_true(file.orphan);
	assert_int_equal(file.size, 9);
	/* A process that has the database open may be using it: f->db, for one. */
	other = pf_store_open(f->path, NULL, &f->err);
	assert_non_null(other);
	pf_store_close(other);
	assert_ok(f, pf_store_file_stat(f->store, id, &file, &f->err));
	fixture_reopen(f);
	assert_int_equal(pf_store_file_stat(f->store, id, &file, NULL), -ENOENT);
	assert_ok(f, submit(f, IN, "b.py", good()));
}

static void editors_rename(void **state)
{
	struct fixture *f = *state;

	assert_ok(f, submit(f, IN, ".a.py.tmp", good()));
	assert_ok(f, move_name(f, IN, ".a.py.tmp", IN, "a.py", 0));
	assert_string_equal(names_in(f, IN), "a.py a.py.receipt.json ");
	/* vim: the old one aside, the new one in its place */
	assert_ok(f, move_name(f, IN, "a.py", IN, "a.py~", 0));
	assert_string_equal(names_in(f, IN), "a.py~ ");
	assert_ok(f, submit(f, IN, "a.py", operator_source("AOperator", "return 2")));
	assert_string_equal(names_in(f, IN), "a.py~ a.py a.py.receipt.json ");
	assert_asks(f, "SELECT revision FROM components", 2);
	/* rsync: over the existing file */
	assert_ok(f, submit(f, IN, ".a.py.Xa3f9q", operator_source("AOperator", "return 'three'")));
	assert_ok(f, move_name(f, IN, ".a.py.Xa3f9q", IN, "a.py", 0));
	assert_asks(f, "SELECT revision FROM components", 3);
	assert_string_equal(names_in(f, IN), "a.py~ a.py a.py.receipt.json ");
}

static void refused_renames(void **state)
{
	struct fixture *f = *state;
	int64_t d = make_directory(f, IN, "d", false), e = make_directory(f, d, "e", false);

	assert_ok(f, submit(f, IN, "tmp", bad));
	assert_int_equal(move_name(f, IN, "tmp", IN, "a.py", 0), -EINVAL);
	assert_true(strncmp(f->err.why, "a.py:1:", 7) == 0);
	/* not renamed; the error stands at the new name */
	assert_string_equal(names_in(f, IN), "d tmp a.py.error ");
	assert_ok(f, submit(f, IN, "a.py", good()));
	assert_string_equal(names_in(f, IN), "d tmp a.py a.py.receipt.json ");

	assert_refused(f, move_name(f, IN, "tmp", IN, "a.py", 1), EEXIST, "file exists");
	assert_refused(f, move_name(f, IN, "tmp", IN, "d", 0), EISDIR, "a directory");
	assert_refused(f, move_name(f, IN, "d", IN, "tmp", 0), ENOTDIR, "not a directory");
	assert_refused(f, move_name(f, IN, "d", e, "x", 0), EINVAL, "a directory cannot be moved into itself");
	assert_refused(f, move_name(f, IN, "no", IN, "x", 0), ENOENT, "no such file or directory");
	assert_refused(f, move_name(f, IN, "tmp", IN, "x.error", 0), EPERM,
		       "x.error: such names are kept for receipts and errors");
	assert_refused(f, move_name(f, IN, "a.py.receipt.json", IN, "x", 0), EPERM,
		       "receipts and errors cannot be renamed");
	assert_refused(f, move_name(f, IN, "tmp", IN, "x", 2), EINVAL, "only RENAME_NOREPLACE is known");
	assert_refused(f, move_name(f, IN, "d", IN, "category=UP", 0), EINVAL,
		       "category 'UP': expected a name of a-z, 0-9, _ and -, at most 64 bytes and no reserved name");
	assert_ok(f, submit(f, d, "x", "x"));
	assert_true(make_directory(f, IN, "f", false) > 0);
	assert_refused(f, move_name(f, IN, "f", IN, "d", 0), ENOTEMPTY, "directory not empty");
	assert_ok(f, move_name(f, IN, "d", IN, "f", 0));
	assert_ok(f, move_name(f, IN, "f", IN, "f", 0));
	assert_string_equal(names_in(f, IN), "f tmp a.py a.py.receipt.json ");
}

static void directories_judge_what_is_below(void **state)
{
	struct fixture *f = *state;
	int64_t d = make_directory(f, IN, "category=ml", false), e = make_directory(f, d, "sub", false);

	assert_ok(f, submit(f, d, "a.py", good()));
	assert_ok(f, submit(f, e, "b.py", operator_source("BOperator", "return 1")));
	assert_asks(f, "SELECT count(*) FROM components WHERE category = 'ml'", 2);
	assert_ok(f, move_name(f, IN, "category=ml", IN, "category=nlp", 0));
	assert_asks(f, "SELECT count(*) FROM components WHERE category = 'nlp'", 2);
	assert_asks(f, "SELECT count(*) FROM code_patterns WHERE category = 'ml' AND component_count > 0", 0);
	/* where nothing is said any longer, nothing changes */
	assert_ok(f, move_name(f, IN, "category=nlp", IN, "plain", 0));
	assert_asks(f, "SELECT count(*) FROM components WHERE category = 'nlp'", 2);
	/* one that is refused refuses the whole */
	assert_int_equal(submit(f, e, "c.py", bad), -EINVAL);
	assert_int_equal(move_name(f, IN, "plain", IN, "category=ml", 0), -EINVAL);
	assert_asks(f, "SELECT count(*) FROM components WHERE category = 'nlp'", 2);
	assert_string_equal(names_in(f, IN), "plain ");
}

static void attributes(void **state)
{
	struct fixture *f = *state;
	pf_file values = { .mode = S_IFDIR | 0600, .uid = 5, .gid = 6, .atime = 7, .mtime = 8 }, file;
	pf_txn *txn;
	int64_t id;

	assert_ok(f, submit(f, IN, "a.py", good()));
	id = file_id(f, IN, "a.py");
	txn = pf_txn_begin(f->store, &f->err);
	assert_ok(f, pf_txn_setattr(txn, id, PF_SET_MODE | PF_SET_MTIME, &values, &f->err));
	assert_ok(f, pf_txn_commit(txn, &f->err));
	assert_ok(f, pf_store_file_stat(f->store, id, &file, &f->err));
	assert_int_equal(file.mode, S_IFREG | 0600);
	assert_int_equal(file.mtime, 8);
	assert_int_equal(file.uid, -1);
	txn = pf_txn_begin(f->store, &f->err);
	assert_ok(f, pf_txn_write(txn, id, "half", 4, 99, &f->err)); /* fsync: kept, not judged */
	assert_ok(f, pf_txn_commit(txn, &f->err));
	assert_string_equal(content_of(f, IN, "a.py"), "half");
	assert_false(note_listed(f, IN, "a.py.error"));
}

static void too_big(void **state)
{
	struct fixture *f = *state;
	size_t len = ((size_t)4 << 20) + 1;
	char *big = calloc(1, len);

	memset(big, ' ', len);
	assert_refused(f, submit_bytes(f, IN, "plain", big, len), EFBIG, "4194305 bytes: at most 4194304");
	assert_int_equal(submit_bytes(f, IN, "a.py", big, len), -EFBIG);
	assert_true(note_listed(f, IN, "a.py.error"));
	free(big);
}

static void refused_by_the_caller(void **state)
{
	struct fixture *f = *state;
	pf_txn *txn;

	assert_ok(f, submit(f, IN, "a.py", good()));
	txn = pf_txn_begin(f->store, &f->err);
	assert_refused(f,
		       pf_txn_refuse(txn, file_id(f, IN, "a.py"), "x", 1, 9, ENOSPC, "a.py: error: no space", &f->err),
		       ENOSPC, "a.py: error: no space");
	f->err = (pf_err){ 0 };
	assert_ok(f, pf_txn_commit(txn, &f->err));
	assert_string_equal(note_of(f, IN, "a.py.error"), "a.py: error: no space\n");
	assert_string_equal(content_of(f, IN, "a.py"), "x");
}

/* What a refused change wrote is undone, wherever it stands in its transaction, and nothing else. */
static void refused_among_others(void **state)
{
	static const char *const names[] = { "b.py", "c.py" }, *const classes[] = { "BOperator", "COperator" };
	struct fixture *f = *state;

	assert_ok(f, submit(f, IN, "x.txt", "x = 1\n"));
	assert_int_equal(submit(f, IN, names[0], "x = 1\n"), -EINVAL);
	assert_int_equal(submit(f, IN, names[1], "x = 1\n"), -EINVAL);
	for (int refused = 0; refused < 3; refused++) {
		pf_txn *txn = pf_txn_begin(f->store, &f->err);
		char body[32];

		assert_non_null(txn);
		snprintf(body, sizeof body, "return %d", refused);
		for (int i = 0, other = 0; i < 3; i++) {
			const char *source = operator_source(classes[other % 2], body);

			/* it is moved before it is judged under its new name */
			if (i == refused)
				assert_int_equal(
					pf_txn_rename(txn, IN, "x.txt", IN, "x.py", 0, f->extractor, NULL, &f->err),
					-EINVAL);
			else
				assert_ok(f, pf_txn_close(txn, file_id(f, IN, names[other++]), source, strlen(source),
							  1, f->extractor, NULL, &f->err));
		}
		assert_false(pf_txn_broken(txn));
		assert_ok(f, pf_txn_commit(txn, &f->err));
		assert_int_equal(file_id(f, IN, "x.py"), 0);
		assert_string_equal(content_of(f, IN, "x.txt"), "x = 1\n");
		assert_true(note_listed(f, IN, "x.py.error"));
		assert_asks(f, "SELECT sum(revision) FROM components", 2 * (refused + 1));
		check_invariants(f);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

/* What can be a name is told at every place of it, for bytes are looked at by eights. */
static void names_at_every_place(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool given, is_learned;
	} rows[] = {
		{ "a", 1, true, true },		  { "\xc3\xa9", 2, true, true }, { "\xe2\x82\xac", 3, true, true },
		{ "\x01", 1, true, false },	  { "\x1f", 1, true, false },	 { "\x7f", 1, true, false },
		{ "\xc2\x80", 2, true, true },	  { "/", 1, false, false },	 { "\0", 1, false, false },
		{ "\xff", 1, false, false },	  { "\xc3", 1, false, false },	 { " ", 1, true, true },
		{ "\xc3\xa9\n", 3, true, false }, { "~", 1, true, true },
	};
	enum { LENGTH = 20 };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (size_t at = 0; at <= LENGTH; at++) {
			char name[2 * LENGTH];

			memset(name, 'n', sizeof name);
			memcpy(name + at, rows[i].bytes, rows[i].len);
			name[LENGTH + rows[i].len] = '\0';
			if (name_is_given(name, LENGTH + rows[i].len) != rows[i].given ||
			    name_is_learned(name, LENGTH + rows[i].len) != rows[i].is_learned)
				fail_msg("row %zu behind %zu others", i, at);
		}
	}
	assert_false(name_is_given("", 0) || name_is_given(".", 1) || name_is_given("..", 2) || name_is_given(NULL, 1));
	assert_true(name_is_given(".a", 2) && name_is_given("...", 3));
	assert_true(name_is_pattern(".json", 5) && name_is_pattern("a.json", 6));
	assert_false(name_is_pattern("json", 4) || name_is_pattern("a.jso", 5) || name_is_pattern("a.json ", 7));
}

int incoming_tests(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(refused_files_stay),
		TEST(other_names_are_only_files),
		TEST(names),
		TEST(names_at_every_place),
		TEST(notes_of_removed_files),
		TEST(directories),
		TEST(implicit_directories),
		TEST(orphans),
		TEST(editors_rename),
		TEST(refused_renames),
		TEST(directories_judge_what_is_below),
		TEST(attributes),
		TEST(too_big),
		TEST(refused_by_the_caller),
		TEST(refused_among_others),
	};

	return cmocka_run_group_tests_name("incoming", tests, NULL, NULL);
}
