/* Examples: whose source stands for a pattern, and which lines of it. */
#include "groups.h"
#include "store-internal.h"

#define IN PF_INCOMING

/* A component that shows the same guard as the others; GUARD is indented by eight. */
static const char *source_of(const char *name, const char *library, const char *guard)
{
	static char source[4096];

	snprintf(source, sizeof source,
		 "import %s\n"
		 "from airflow.models import BaseOperator\n"
		 "\n"
		 "class %s(BaseOperator):\n"
		 "    def execute(self, context):\n"
		 "%s"
		 "        return %s.run(self.path)\n",
		 library, name, guard, library);
	return source;
}

#define GUARD(word) "        if not self.path:\n            raise ValueError('" word "')\n"
#define SHOWN(word) "if not self.path:\n    raise ValueError('" word "')\n"

static int64_t in_place(struct fixture *f, const char *subcategory)
{
	int64_t category = make_directory(f, IN, "category=ml", true);

	if (category < 0)
		category = file_id(f, IN, "category=ml");
	make_directory(f, category, subcategory, true);
	return file_id(f, category, subcategory);
}

static int filled(void **state)
{
	struct fixture *f;
	int64_t nlp, vision;

	fixture_open(state);
	f = *state;
	nlp = in_place(f, "subcategory=nlp");
	vision = in_place(f, "subcategory=vision");
	assert_ok(f, submit(f, nlp, "a.py", source_of("FirstOperator", "nemo", GUARD("first"))));
	assert_ok(f, submit(f, vision, "b.py", source_of("SecondOperator", "torch", GUARD("second"))));
	assert_ok(f, submit(f, vision, "c.py", source_of("ThirdOperator", "torch", GUARD("third"))));
	assert_ok(f, submit(f, vision, "c.json", "{\"success_score\": 0.9}"));
	return 0;
}

static int64_t guard_of(struct fixture *f)
{
	assert_asks(f, "SELECT count(*) FROM code_patterns WHERE pattern_name = 'guard' AND component_count > 0", 1);
	return ask(f, "SELECT id FROM code_patterns WHERE pattern_name = 'guard' AND component_count > 0");
}

static pf_query *parse(struct fixture *f, const char *path)
{
	pf_query *query = pf_query_narrow(NULL, "limit=10", &f->err);

	while (*path) {
		size_t len = strcspn(path, "/");
		char pair[256];
		pf_query *next;

		snprintf(pair, sizeof pair, "%.*s", (int)len, path);
		next = pf_query_narrow(query, pair, &f->err);
		if (!next)
			fail_msg("%s: %s", pair, f->err.why);
		pf_query_free(query);
		query = next;
		path += len + (path[len] == '/');
	}
	return query;
}

static int keep_code(void *arg, const char *code)
{
	pf_text_puts(arg, code);
	pf_text_puts(arg, "|");
	return 0;
}

/* All that PATH gives for the pattern ID, each followed by a bar, in f->text. */
static bool examples_of(struct fixture *f, const char *path, int64_t id, int lines)
{
	pf_query *query = parse(f, path);
	pf_examples *examples = pf_store_examples(f->store, query, &f->err);
	bool own = false;

	if (!examples) {
		fail_msg("%s: %s", path, f->err.why);
		return false;
	}
	pf_text_reset(&f->text);
	pf_text_puts(&f->text, "");
	assert_ok(f, pf_examples_own(examples, id, &own, &f->err));
	assert_ok(f, pf_examples_each(examples, id, lines, keep_code, &f->text, &f->err));
	pf_examples_free(examples);
	pf_query_free(query);
	return own;
}

struct row {
	const char *path;
	bool own;
	const char *expected;
};

static void check_rows(struct fixture *f, const struct row *rows, size_t count)
{
	int64_t guard = guard_of(f);

	for (size_t i = 0; i < count; i++) {
		bool own = examples_of(f, rows[i].path, guard, 12);

		if (own != rows[i].own || strcmp(f->text.bytes, rows[i].expected) != 0)
			fail_msg("%s: own %d: %s\nexpected %d: %s", rows[i].path, own, f->text.bytes, rows[i].own,
				 rows[i].expected);
	}
}

/* Of what the query is about, best component first. */
static void of_the_query(void **state)
{
	static const struct row rows[] = {
		{ "", true, SHOWN("third") "|" SHOWN("first") "|" SHOWN("second") "|" },
		{ "category=ml", true, SHOWN("third") "|" SHOWN("first") "|" SHOWN("second") "|" },
		{ "component_type=operator", true, SHOWN("third") "|" SHOWN("first") "|" SHOWN("second") "|" },
		{ "library=nemo", true, SHOWN("first") "|" },
		{ "library=torch", false, SHOWN("third") "|" SHOWN("second") "|" },
		{ "subcategory=vision/text=path", false, SHOWN("third") "|" SHOWN("second") "|" },
		{ "component=FirstOperator", true, SHOWN("first") "|" },
		{ "component=SecondOperator", false, SHOWN("second") "|" },
		{ "component=SecondOperator/library=nemo", false, "" },
		{ "min_success_score=0.5/of=patterns", false, SHOWN("third") "|" },
		{ "similar_to=SecondOperator/of=patterns", true, SHOWN("third") "|" SHOWN("first") "|" },
		{ "similar_to=FirstOperator/of=patterns", false, SHOWN("third") "|" SHOWN("second") "|" },
	};

	check_rows(*state, rows, sizeof rows / sizeof *rows);
}

/* Who showed it first may be in another place now, or show it no longer. */
static void of_who_shows_it_still(void **state)
{
	static const struct row moved[] = {
		{ "category=ml", false, SHOWN("third") "|" SHOWN("second") "|" },
		{ "", true, SHOWN("third") "|" SHOWN("second") "|" },
	};
	static const struct row changed[] = {
		{ "library=torch", false, SHOWN("fourth") "|" SHOWN("second") "|" },
	};
	struct fixture *f = *state;

	assert_ok(f, submit(f, in_place(f, "subcategory=nlp"), "a.py",
			    source_of("FirstOperator", "nemo", "        self.log.info('none')\n")));
	check_rows(f, moved, sizeof moved / sizeof *moved);
	/* A revision's lines are its own. */
	assert_ok(f, submit(f, in_place(f, "subcategory=vision"), "c.py",
			    source_of("ThirdOperator", "torch", "        # further down\n" GUARD("fourth"))));
	check_rows(f, changed, sizeof changed / sizeof *changed);
}

static void unknown_names(void **state)
{
	struct fixture *f = *state;
	pf_query *query = parse(f, "component=NoOperator");

	assert_null(pf_store_examples(f->store, query, &f->err));
	assert_int_equal(f->err.code, ENOENT);
	pf_query_free(query);
	pf_examples_free(NULL);
}

/* ---- lines ---- */

static const struct {
	const char *guard, *expected;
} line_rows[] = {
	{ "        if not self.path:\n            raise ValueError(\n                'a'\n            )\n",
	  "if not self.path:\n    raise ValueError(\n        'a'\n    )\n" },
	/* less indented than the first, and empty */
	{ "        if not self.path:\n    # left\n\n            raise ValueError('a')\n",
	  "if not self.path:\n# left\n\n    raise ValueError('a')\n" },
	/* what is within a string stays as it is */
	{ "        if not self.path:\n            raise ValueError('''a\n              b' \\''' c\n          ''')\n",
	  "if not self.path:\n    raise ValueError('''a\n              b' \\''' c\n          ''')\n" },
	{ "        if not self.path:\n            raise ValueError(\"a\\\n              b\")\n",
	  "if not self.path:\n    raise ValueError(\"a\\\n              b\")\n" },
	/* quotes in comments and in other strings begin none */
	{ "        if not self.path:  # isn't \"\"\"\n            raise ValueError(\"it's\" '\"\"\"')  # '''\n",
	  "if not self.path:  # isn't \"\"\"\n    raise ValueError(\"it's\" '\"\"\"')  # '''\n" },
	{ "        if not self.path:\n            raise ValueError('' + \"\")\n            # x\n",
	  "if not self.path:\n    raise ValueError('' + \"\")\n" },
};

static void lines_as_they_stand(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof line_rows / sizeof *line_rows; i++) {
		char expected[512];

		assert_ok(f, submit(f, in_place(f, "subcategory=vision"), "c.py",
				    source_of("ThirdOperator", "torch", line_rows[i].guard)));
		snprintf(expected, sizeof expected, "%s|", line_rows[i].expected);
		examples_of(f, "component=ThirdOperator",
			    ask(f, "SELECT s.pattern_id FROM sightings s JOIN components c ON c.id ="
				   " s.component_id JOIN code_patterns p ON p.id = s.pattern_id WHERE"
				   " c.component_name = 'ThirdOperator' AND p.pattern_name = 'guard'"),
			    12);
		if (strcmp(f->text.bytes, expected) != 0)
			fail_msg("row %zu: %s\nexpected: %s", i, f->text.bytes, expected);
	}
}

static void long_ones_are_passed_over(void **state)
{
	struct fixture *f = *state;
	int64_t guard = guard_of(f);
	pf_text source = { 0 };

	examples_of(f, "library=nemo", guard, 2);
	assert_string_equal(f->text.bytes, SHOWN("first") "|");
	examples_of(f, "library=nemo", guard, 1);
	assert_string_equal(f->text.bytes, "");
	pf_text_printf(&source, "%s# %0*d\n", source_of("FirstOperator", "nemo", GUARD("first")), 256 << 10, 0);
	assert_ok(f, submit(f, in_place(f, "subcategory=nlp"), "a.py", source.bytes));
	pf_text_free(&source);
	examples_of(f, "library=nemo", guard, 2);
	assert_string_equal(f->text.bytes, "");
}

/* A database may say anything of lines. */
static void lines_that_lie(void **state)
{
	static const struct {
		const char *first, *last, *expected;
	} rows[] = {
		{ "0", "3", "" },
		{ "-5", "2", "" },
		{ "7", "6", "" },
		{ "9000", "9001", "" },
		{ "9223372036854775807", "9223372036854775807", "" },
		{ "-9223372036854775808", "9223372036854775807", "" },
		{ "-9223372036854775808", "-9223372036854775807", "" },
		{ "8", "9", "return nemo.run(self.path)\n|" }, /* there is no line 9 */
	};
	struct fixture *f = *state;
	int64_t guard = guard_of(f);
	char sql[256];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(sql, sizeof sql,
			 "UPDATE sightings SET first_line = %s, last_line = %s WHERE pattern_id = %lld"
			 " AND component_id = 1",
			 rows[i].first, rows[i].last, (long long)guard);
		run_sql(f, sql);
		examples_of(f, "library=nemo", guard, 12);
		if (strcmp(f->text.bytes, rows[i].expected) != 0)
			fail_msg("%s to %s: %s", rows[i].first, rows[i].last, f->text.bytes);
	}
	run_sql(f, "CREATE TEMP TABLE kept AS SELECT id, content FROM sources; UPDATE sources SET content = NULL");
	examples_of(f, "library=nemo", guard, 12);
	assert_string_equal(f->text.bytes, "");
	run_sql(f, "UPDATE sources SET content = (SELECT content FROM kept k WHERE k.id = sources.id)");
}

/* ---- main methods ---- */

static void methods(void **state)
{
	struct fixture *f = *state;
	int64_t first = component_id(f, "FirstOperator");

	pf_text_reset(&f->text);
	assert_ok(f, pf_store_component_method(f->store, first, &f->text, &f->err));
	assert_string_equal(f->text.bytes, "def execute(self, context):\n"
					   "    if not self.path:\n        raise ValueError('first')\n"
					   "    return nemo.run(self.path)");
	/* None, no such component, no JSON, too long. */
	assert_ok(f, submit(f, IN, "d.py",
			    "from airflow.models import BaseOperator\nclass D(BaseOperator):\n    x = 1\n"));
	run_sql(f, "UPDATE component_records SET record = '{' WHERE component_id = 2;"
		   "UPDATE components SET record_size = 262145, mtime = mtime + 1 WHERE id = 3");
	for (int64_t id = 2; id <= 99; id += id < 4 ? 1 : 95) {
		pf_text_reset(&f->text);
		assert_ok(f, pf_store_component_method(f->store, id, &f->text, &f->err));
		assert_int_equal(f->text.len, 0);
	}
	run_sql(f, "UPDATE components SET record_size = (SELECT length(CAST(record AS BLOB)) FROM component_records"
		   " WHERE component_id = id), mtime = mtime + 1");
}

/* ---- plans ---- */

static void plans_seek(void **state)
{
	static const char *const paths[] = { "",
					     "category=ml/subcategory=nlp/component_type=operator",
					     "library=torch",
					     "component=FirstOperator",
					     "similar_to=FirstOperator/of=patterns",
					     "min_success_score=0.1/of=patterns" };
	struct fixture *f = *state;

	for (size_t i = 0; i < 2 * sizeof paths / sizeof *paths; i++) {
		pf_query *query = parse(f, paths[i / 2]);
		pf_examples *examples = pf_store_examples(f->store, query, &f->err);
		char sql[4096];
		sqlite3_stmt *stmt;

		assert_non_null(examples);
		snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", examples_sql(examples, i % 2));
		assert_int_equal(sqlite3_prepare_v2(f->db, sql, -1, &stmt, NULL), SQLITE_OK);
		while (sqlite3_step(stmt) == SQLITE_ROW) {
			const char *detail = (const char *)sqlite3_column_text(stmt, 3);

			/* Of what is bounded: the first few sightings, the list of components. */
			if (strncmp(detail, "SCAN ", 5) == 0 && !strstr(detail, "json_each") &&
			    strcmp(detail, "SCAN who") != 0 && strcmp(detail, "SCAN some") != 0 &&
			    strcmp(detail, "SCAN best") != 0)
				fail_msg("%s: %s\n%s", paths[i / 2], detail, sql);
		}
		sqlite3_finalize(stmt);
		pf_examples_free(examples);
		pf_query_free(query);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, filled, fixture_close)

int example_tests(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(of_the_query),   TEST(of_who_shows_it_still),     TEST(unknown_names), TEST(lines_as_they_stand),
		TEST(lines_that_lie), TEST(long_ones_are_passed_over), TEST(methods),	    TEST(plans_seek),
	};

	return cmocka_run_group_tests_name("examples", tests, NULL, NULL);
}
