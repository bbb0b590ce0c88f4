/* Verdicts, confidence, pairs. */
#include <math.h>

#include "groups.h"

#define IN PF_INCOMING

static int two_operators(void **state)
{
	struct fixture *f;

	fixture_open(state);
	f = *state;
	assert_ok(f, submit(f, IN, "a.py", operator_source("AOperator", "return 1")));
	assert_ok(f, submit(f, IN, "b.py", operator_source("BOperator", "raise ValueError('no')")));
	return 0;
}

static void confidence_follows(void **state)
{
	static const struct {
		int success, failure;
		double confidence, bound;
	} rows[] = {
		{ 1, 0, 1.0, 0.207 },	{ 14, 1, 0.933, 0.702 }, { 0, 1, 0.0, 0.0 },
		{ 99, 1, 0.99, 0.946 }, { 1, 1, 0.5, 0.095 },	 { 50, 50, 0.5, 0.404 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char sql[256], line[128];

		/* One short, then a verdict through the front door. */
		snprintf(sql, sizeof sql,
			 "UPDATE code_patterns SET success_count = %d, failure_count = %d WHERE id = 1",
			 rows[i].success - (rows[i].failure == 0), rows[i].failure - (rows[i].failure > 0));
		run_sql(f, sql);
		assert_ok(f, verdict(f, rows[i].failure == 0, PF_TARGET_PATTERN, 1, NULL));
		snprintf(line, sizeof line, "  \"success_count\": %d,\n  \"failure_count\": %d,\n", rows[i].success,
			 rows[i].failure);
		assert_non_null(strstr(document_of(f, 1), line));
		snprintf(sql, sizeof sql,
			 "SELECT round(confidence_score, 3) = %g AND round(confidence_lower_bound, 3) = %g"
			 " FROM code_patterns WHERE id = 1",
			 rows[i].confidence, rows[i].bound);
		assert_asks(f, sql, 1);
	}
	run_sql(f, "UPDATE code_patterns SET success_count = 50 WHERE id = 1");
}

static void a_component_and_each_of_its_patterns(void **state)
{
	struct fixture *f = *state;
	int64_t id = component_id(f, "AOperator"), patterns;
	pf_component_entry entry;

	assert_ok(f, pf_store_component_stat(f->store, id, &entry, &f->err));
	assert_true(entry.confidence == 1.0);
	patterns = entry.patterns;
	assert_ok(f, verdict(f, false, PF_TARGET_COMPONENT, id, "TypeError: x"));
	assert_ok(f, pf_store_component_stat(f->store, id, &entry, &f->err));
	assert_int_equal(entry.failure, 1);
	assert_true(entry.confidence == 0.0);
	assert_asks(f, "SELECT count(*) FROM code_patterns WHERE failure_count = 1", patterns);
	assert_asks(f, "SELECT count(*) FROM pattern_history WHERE event = 'failure' AND note = 'TypeError: x'",
		    patterns + 1);
	assert_asks(f, "SELECT count(*) FROM pattern_combinations WHERE failure_count = 1",
		    patterns * (patterns - 1) / 2);
}

static void a_directory(void **state)
{
	struct fixture *f = *state;
	pf_scope scope;
	pf_totals totals;

	assert_ok(f, pf_store_scope_find(f->store, 0, "general", &scope, &f->err));
	assert_ok(f, pf_store_totals(f->store, scope, &totals, &f->err));
	assert_ok(f, verdict(f, true, PF_TARGET_SCOPE, scope, NULL));
	assert_asks(f, "SELECT count(*) FROM history WHERE event = 5", totals.patterns);
	assert_refused(f, verdict(f, true, PF_TARGET_SCOPE, 0, NULL), EINVAL,
		       "a bare verdict here would judge the whole store: name the patterns or components it is about");
	assert_refused(f, verdict(f, true, PF_TARGET_SCOPE, 99 << 8, NULL), ENOENT, "no such directory");
}

static void all_or_none(void **state)
{
	struct fixture *f = *state;
	pf_target good[] = { { PF_TARGET_PATTERN, 1 }, { PF_TARGET_PATTERN, 2 }, { PF_TARGET_PATTERN, 1 } };
	pf_target bad[] = { { PF_TARGET_PATTERN, 3 }, { PF_TARGET_PATTERN, 99999 } };
	pf_verdict verdicts[] = { { true, good, 3, NULL }, { true, bad, 2, NULL } };
	int64_t events = ask(f, "SELECT count(*) FROM history");
	pf_txn *txn;

	f->err = (pf_err){ 0 };
	txn = pf_txn_begin(f->store, &f->err);
	assert_refused(f, pf_txn_verdicts(txn, verdicts, 2, &f->err), ENOENT, "no such pattern");
	f->err = (pf_err){ 0 };
	assert_ok(f, pf_txn_verdicts(txn, verdicts, 1, &f->err));
	assert_ok(f, pf_txn_commit(txn, &f->err));
	/* a pattern named twice counts once; two of them are one pair */
	assert_asks(f, "SELECT count(*) FROM history", events + 2);
	assert_asks(f, "SELECT count(*) FROM pattern_combinations", 1);
	assert_asks(f, "SELECT success_count FROM pattern_combinations WHERE pattern_a = 1 AND pattern_b = 2", 1);
}

static void refusals(void **state)
{
	struct fixture *f = *state;
	char path[256], sentence[512];

	assert_refused(f, verdict(f, true, PF_TARGET_COMPONENT, 77, NULL), ENOENT, "no such component");
	assert_refused(f, verdict(f, true, PF_TARGET_PATTERN, 1, "\xff"), EILSEQ, "a note that is not UTF-8");
	assert_ok(f, archive(f, 1));
	snprintf(path, sizeof path, "%s", ask_text(f, "SELECT pattern FROM pattern_history WHERE pattern_id = 1"));
	snprintf(sentence, sizeof sentence, "%s: archived, or no component shows it any longer", path);
	assert_refused(f, verdict(f, true, PF_TARGET_PATTERN, 1, NULL), ENOENT, sentence);
}

static void times_always_move(void **state)
{
	struct fixture *f = *state;
	int64_t last = 0;

	for (int i = 0; i < 50; i++) {
		pf_pattern_entry entry;
		pf_totals totals;

		assert_ok(f, verdict(f, true, PF_TARGET_PATTERN, 1, NULL));
		assert_ok(f, pf_store_pattern_stat(f->store, 1, &entry, &f->err));
		assert_ok(f, pf_store_totals(f->store, entry.scope, &totals, &f->err));
		assert_true(entry.mtime > last);
		assert_int_equal(totals.mtime, entry.mtime);
		last = entry.mtime;
	}
}

/* So that no reader meets half a document, or more than one: the lengths stay. */
static void a_verdict_leaves_the_length(void **state)
{
	struct fixture *f = *state;
	size_t document = strlen(document_of(f, 1)), stats = strlen(stats_of(f));

	for (int i = 0; i < 12; i++) {
		pf_pattern_entry entry;

		assert_ok(f, verdict(f, i % 3 == 0, PF_TARGET_COMPONENT, component_id(f, "AOperator"), NULL));
		assert_ok(f, pf_store_pattern_stat(f->store, 1, &entry, &f->err));
		assert_int_equal(entry.size, document);
		assert_int_equal(strlen(document_of(f, 1)), document);
		assert_int_equal(strlen(stats_of(f)), stats);
	}
	/* Beyond the room that there is the document grows. */
	run_sql(f, "UPDATE code_patterns SET success_count = 1e15, failure_count = 1e15 WHERE id = 1");
	assert_ok(f, verdict(f, true, PF_TARGET_PATTERN, 1, NULL));
	assert_true(strlen(document_of(f, 1)) > document);
	run_sql(f, "UPDATE code_patterns SET success_count = 50, failure_count = 1 WHERE id = 1");
	assert_ok(f, adopt_edits(f));
}

static void statistics(void **state)
{
	struct fixture *f = *state;

	char expected[256];
	int64_t live, high;

	assert_ok(f, verdict(f, false, PF_TARGET_PATTERN, 1, NULL));
	live = ask(f, "SELECT count(*) FROM code_patterns");
	high = ask(f, "SELECT count(*) FROM code_patterns WHERE confidence_score >= 0.9");
	snprintf(expected, sizeof expected,
		 "{\n  \"total_patterns\": %lld,\n  \"total_components\": 2,\n  \"high_confidence_patterns\": %lld,\n"
		 "  \"average_confidence\": 0.9",
		 (long long)live, (long long)high);
	assert_true(strncmp(stats_of(f), expected, strlen(expected)) == 0);
	assert_non_null(strstr(f->text.bytes, "  \"components_by_type\": {\n    \"operator\": 2\n  },\n"));
	assert_int_equal(high, live - 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, two_operators, fixture_close)

int verdict_tests(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(confidence_follows),
		TEST(a_component_and_each_of_its_patterns),
		TEST(a_directory),
		TEST(all_or_none),
		TEST(refusals),
		TEST(times_always_move),
		TEST(a_verdict_leaves_the_length),
		TEST(statistics),
	};

	return cmocka_run_group_tests_name("verdicts", tests, NULL, NULL);
}
