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

#define TEST(function) cmocka_unit_test_setup_teardown(function, some_history, fixture_close)

int history_tests(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(chunks_equal_the_whole), TEST(lines_never_change), TEST(a_line), TEST(the_feed),
		TEST(another_process),
	};

	return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
