/* history.jsonl, and the change feed. */
#include "groups.h"

#define IN PF_INCOMING

static int some_history(void **state)
{
	struct fixture *f;

	fixture_open(state);
	f = *state;
	assert_ok(f, submit(f, IN, "a.py", operator_source("AOperator", "return 1")));
	assert_ok(f, verdict(f, false, PF_TARGET_PATTERN, 1, "quotes \" and \\ and \n and \xc3\xa9"));
	assert_ok(f, submit(f, IN, "a.py", operator_source("AOperator", "raise ValueError('x')")));
	assert_ok(f, archive(f, 1));
	return 0;
}

static void chunks_equal_the_whole(void **state)
{
	static const size_t sizes[] = { 1, 7, 100, 333, 4096 };
	struct fixture *f = *state;
	char *whole = strdup(history_of(f));
	size_t len = strlen(whole);

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		pf_text read = { 0 };

		for (size_t offset = 0; offset < len; offset += sizes[i])
			assert_ok(f, pf_store_history_read(f->store, (int64_t)offset, sizes[i], &read, &f->err));
		assert_int_equal(read.len, len);
		assert_string_equal(read.bytes, whole);
		pf_text_free(&read);
	}
	pf_text_reset(&f->text);
	assert_ok(f, pf_store_history_read(f->store, (int64_t)len, 10, &f->text, &f->err));
	assert_int_equal(f->text.len, 0);
	free(whole);
}

static void lines_never_change(void **state)
{
	struct fixture *f = *state;
	char *before = strdup(history_of(f));

	assert_ok(f, submit(f, IN, "a.json", "{\"category\": \"ml\", \"note\": 1}"));
	assert_ok(f, submit(f, IN, "b.py", operator_source("BOperator", "return 1")));
	assert_true(strncmp(history_of(f), before, strlen(before)) == 0);
	assert_true(strlen(f->text.bytes) > strlen(before));
	free(before);
}

static void a_line(void **state)
{
	struct fixture *f = *state;
	const char *line = strstr(history_of(f), "\"event\":\"failure\"");

	assert_non_null(line);
	line = strstr(line, "\"note\":");
	assert_true(strncmp(line,
			    "\"note\":\"quotes \\\" and \\\\ and \\n and \xc3\xa9\",\"success_count\":1,"
			    "\"failure_count\":1}\n",
			    60) == 0);
	assert_true(strncmp(f->text.bytes, "{\"id\":1,\"at\":\"20", 16) == 0);
}

static int add_change(void *arg, const pf_change *change)
{
	pf_text_printf(arg, "%c%s%s ", change->kind == PF_CHANGED_PATTERN ? 'p' : 'c', change->maybe_new ? "+" : "",
		       change->gone ? "-" : "");
	if (change->kind == PF_CHANGED_COMPONENT)
		pf_text_printf(arg, "%s ", change->name);
	return 0;
}

static const char *changes(struct fixture *f, int64_t *since)
{
	pf_text_reset(&f->text);
	pf_text_puts(&f->text, "");
	assert_ok(f, pf_store_changes(f->store, since, add_change, &f->text, &f->err));
	return f->text.bytes;
}

static void the_feed(void **state)
{
	struct fixture *f = *state;
	int64_t since = INT64_MAX, id;

	assert_string_equal(changes(f, &since), "");
	assert_int_equal(since, ask(f, "SELECT max(id) FROM history"));
	assert_string_equal(changes(f, &since), "");
	id = ask(f, "SELECT id FROM code_patterns WHERE archived = 0 AND component_count = 1 LIMIT 1");
	assert_ok(f, verdict(f, true, PF_TARGET_PATTERN, id, NULL));
	assert_ok(f, verdict(f, true, PF_TARGET_PATTERN, id, NULL));
	assert_string_equal(changes(f, &since), "p ");
	assert_ok(f, archive(f, id));
	/* the component's document lists its patterns */
	assert_string_equal(changes(f, &since), "p- c AOperator ");
	assert_ok(f, submit(f, IN, "a.json", "{\"origin\": \"here\"}"));
	assert_string_equal(changes(f, &since), "c AOperator ");
	assert_ok(f, submit(f, IN, "b.py", operator_source("BOperator", "return 1")));
	assert_non_null(strstr(changes(f, &since), "c+ BOperator "));
	assert_non_null(strstr(f->text.bytes, "p+ "));
	assert_non_null(strstr(f->text.bytes, "p "));
	since = 0;
	assert_non_null(strstr(changes(f, &since), "c+ AOperator "));
}

static void another_process(void **state)
{
	struct fixture *f = *state;

	assert_false(pf_store_foreign_commit(f->store));
	assert_ok(f, verdict(f, true, PF_TARGET_PATTERN, 2, NULL));
	assert_false(pf_store_foreign_commit(f->store));
	run_sql(f, "UPDATE components SET mtime = mtime + 1");
	assert_true(pf_store_foreign_commit(f->store));
	assert_false(pf_store_foreign_commit(f->store));
}

static int add_size(void *arg, const pf_change *change)
{
	if (change->kind == PF_CHANGED_PATTERN && change->id == 2)
		pf_text_printf(arg, "%d%d ", change->resized, change->rewritten);
	return 0;
}

static const char *sizes(struct fixture *f, int64_t *since)
{
	pf_text_reset(&f->text);
	pf_text_puts(&f->text, "");
	assert_ok(f, pf_store_changes(f->store, since, add_size, &f->text, &f->err));
	return f->text.bytes;
}

/* Pattern 2, which AOperator showed first: others show it too. */
static void what_changes_a_documents_length(void **state)
{
	struct fixture *f = *state;
	int64_t since = INT64_MAX;
	char name[] = "b.py", class[] = "BOperator";

	assert_string_equal(sizes(f, &since), "");
	for (int i = 0; i < 4; i++) {
		name[0] = class[0] = (char)('B' + i);
		assert_ok(f, submit(f, IN, name, operator_source(class, "return 1")));
		/* Three are examples. */
		assert_string_equal(sizes(f, &since), i < 3 ? "10 " : "00 ");
	}
	assert_ok(f, verdict(f, true, PF_TARGET_PATTERN, 2, NULL));
	assert_string_equal(sizes(f, &since), "00 ");
	assert_ok(f, archive(f, 2));
	assert_string_equal(sizes(f, &since), "11 ");
}

static void a_document_before_its_last_examples(void **state)
{
	struct fixture *f = *state;
	char *before[4];
	char name[] = "B.py", class[] = "BOperator";
	size_t count;

	for (count = 0; count < 4; count++) {
		before[count] = strdup(document_of(f, 2));
		name[0] = class[0] = (char)('B' + count);
		assert_ok(f, submit(f, IN, name, operator_source(class, "return 1")));
	}
	document_of(f, 2);
	while (count-- > 0) {
		const char *end = strstr(before[count], "\"examples\"");

		/* The counts before them are others, and take as much room. */
		assert_int_equal(f->text.len, strlen(before[count]));
		assert_string_equal(strstr(f->text.bytes, "\"examples\""), end);
		assert_int_equal(pf_document_drop_example(&f->text), count > 0);
		free(before[count]);
	}
	pf_text_reset(&f->text);
	assert_false(pf_document_drop_example(&f->text));
	pf_text_puts(&f->text, "\"]\n  }\n}\n");
	assert_false(pf_document_drop_example(&f->text));
}

static void the_feed_of_a_transaction(void **state)
{
	struct fixture *f = *state;
	int64_t since = INT64_MAX, after;
	pf_verdict one = { .success = true, .targets = &(pf_target){ PF_TARGET_PATTERN, 2 }, .target_count = 1 };
	pf_txn *txn;

	changes(f, &since);
	after = since;
	txn = pf_txn_begin(f->store, &f->err);
	assert_non_null(txn);
	assert_ok(f, pf_txn_verdicts(txn, &one, 1, &f->err));
	assert_string_equal(changes(f, &after), "");
	pf_text_reset(&f->text);
	assert_ok(f, pf_txn_changes(txn, &after, add_change, &f->text, &f->err));
	assert_string_equal(f->text.bytes, "p ");
	pf_txn_rollback(txn);
	assert_string_equal(changes(f, &since), "");
	assert_true(after > since);
}

/* Submits three components in one transaction, and judges in between what they show; end_txn() compares. */
static void submit_and_judge(struct fixture *f, const int64_t files[3], const char *const classes[3],
			     const char *const bodies[3], size_t targets, int64_t undone)
{
	pf_verdict both = {
		.success = false,
		.targets = (pf_target[]){ { PF_TARGET_PATTERN, 2 }, { PF_TARGET_COMPONENT, 1 } },
		.target_count = targets,
	};
	pf_verdict refused[] = {
		{ .success = true, .targets = &(pf_target){ PF_TARGET_PATTERN, undone }, .target_count = 1 },
		{ .success = true, .targets = &(pf_target){ PF_TARGET_PATTERN, 1 << 20 }, .target_count = 1 },
	};
	pf_txn *txn = pf_txn_begin(f->store, &f->err);

	assert_non_null(txn);
	for (int i = 0; i < 3; i++) {
		const char *source = operator_source(classes[i], bodies[i]);

		assert_ok(f, pf_txn_close(txn, files[i], source, strlen(source), 1, f->extractor, NULL, &f->err));
		if (undone) {
			assert_int_equal(pf_txn_verdicts(txn, refused, 2, &f->err), -ENOENT);
			f->err = (pf_err){ 0 };
		}
		assert_ok(f, pf_txn_verdicts(txn, &both, 1, &f->err));
	}
	assert_ok(f, end_txn(txn, 0, &f->err));
}

static void the_feed_of_a_long_transaction(void **state)
{
	static const char *const names[] = { "b.py", "c.py", "d.py" };
	struct fixture *f = *state;
	int64_t files[3], raise;

	for (int i = 0; i < 3; i++) {
		char sql[64];

		assert_int_equal(put_file(f, IN, names[i], "not a module yet ("), -EINVAL);
		snprintf(sql, sizeof sql, "SELECT id FROM files WHERE name = '%s'", names[i]);
		files[i] = ask(f, sql);
	}
	f->err = (pf_err){ 0 };
	submit_and_judge(f, files, (const char *const[]){ "BOperator", "COperator", "DOperator" },
			 (const char *const[]){ "raise Foo(2)", "return 1", "raise Foo(2)" }, 2, 0);
	raise = ask(f, "SELECT id FROM code_patterns WHERE pattern_name = 'raise'");
	submit_and_judge(f, files, (const char *const[]){ "EOperator", "FOperator", "GOperator" },
			 (const char *const[]){ "pass", "return 2", "pass" }, 1, raise);
	/* Its next revision at once. */
	submit_and_judge(f, files, (const char *const[]){ "HOperator", "HOperator", "IOperator" },
			 (const char *const[]){ "return 3", "return 3  # again", "return 4" }, 1, 0);
}

static int64_t successes(struct fixture *f)
{
	pf_component_entry entry;

	assert_ok(f, pf_store_component_stat(f->store, 1, &entry, &f->err));
	return entry.success;
}

static void the_past(void **state)
{
	struct fixture *f = *state;

	assert_false(pf_store_look_back(f->store));
	assert_ok(f, pf_store_remember(f->store, &f->err));
	assert_ok(f, verdict(f, true, PF_TARGET_COMPONENT, 1, NULL));
	assert_int_equal(successes(f), 1);
	assert_true(pf_store_look_back(f->store));
	assert_false(pf_store_look_back(f->store));
	assert_int_equal(successes(f), 0);
	assert_null(strstr(component_text_of(f, 1, PF_COMPONENT_DOCUMENT), "\"success_count\": 1"));
	pf_store_look_ahead(f->store);
	assert_int_equal(successes(f), 1);
	assert_ok(f, pf_store_remember(f->store, &f->err));
	assert_true(pf_store_look_back(f->store));
	assert_int_equal(successes(f), 1);
	pf_store_look_ahead(f->store);
	pf_store_forget(f->store);
	assert_false(pf_store_look_back(f->store));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, some_history, fixture_close)

int history_tests(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(chunks_equal_the_whole),
		TEST(lines_never_change),
		TEST(a_line),
		TEST(the_feed),
		TEST(another_process),
		TEST(what_changes_a_documents_length),
		TEST(a_document_before_its_last_examples),
		TEST(the_feed_of_a_transaction),
		TEST(the_feed_of_a_long_transaction),
		TEST(the_past),
	};

	return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
