/* NAME.json, key=value directories, precedence. */
#include "groups.h"

#define IN PF_INCOMING

static const char *good(void)
{
	return operator_source("AOperator", "return 1");
}

static void refusals(void **state)
{
	static const struct {
		const char *json, *why;
	} rows[] = {
		{ "{\"component_type\": \"foo\"}", "a.json:1:20: error: component_type 'foo': expected one of "
						   "operator, sensor, hook, trigger, notifier" },
		{ "{\n  \"x\": \"category\",\n  \"category\": \"M L\"}",
		  "a.json:3:15: error: category 'M L': expected a name of a-z, 0-9, _ and -, at most 64 bytes and no "
		  "reserved name" },
		{ "{\"category\": 7}", "a.json:1:14: error: category: expected a string" },
		{ "{\"success_score\": -1}", "a.json:1:19: error: success_score: expected a number not below 0" },
		{ "{\"success_score\": \"9\"}",
		  "a.json:1:19: error: success_score '9': expected a number not below 0" },
		{ "[1]", "a.json:1:1: error: not an object, expected { … }" },
		{ "{\"a\": }", "a.json:1:7: error: not JSON, expected an object" },
		{ "", "a.json:1:1: error: not JSON, expected an object" },
		{ "{} x", "a.json:1:4: error: not JSON, expected an object" },
		{ "{\"a\": \"\xff\"}", "a.json:1:8: error: not UTF-8" },
		{ "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
		  "a.json:1:6: error: nested too deep, expected at most 24 levels" },
	};
	struct fixture *f = *state;

	assert_ok(f, submit(f, IN, "a.py", good()));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char note[512];

		assert_refused(f, submit(f, IN, "a.json", rows[i].json), EINVAL, rows[i].why);
		snprintf(note, sizeof note, "%s\n", rows[i].why);
		assert_string_equal(note_of(f, IN, "a.json.error"), note);
		assert_string_equal(content_of(f, IN, "a.json"), rows[i].json);
	}
	/* and NAME.py is refused beside it */
	assert_int_equal(submit(f, IN, "a.py", operator_source("AOperator", "return 2")), -EINVAL);
	assert_true(strncmp(f->err.why, "a.json:1:6: error:", 18) == 0);
	assert_true(note_listed(f, IN, "a.py.error"));
	assert_asks(f, "SELECT revision FROM components", 1);
	/* mended: both errors go, and the new content counts */
	assert_ok(f, submit(f, IN, "a.json", "{}"));
	assert_asks(f, "SELECT revision FROM components", 2);
	assert_string_equal(names_in(f, IN), "a.py a.json a.py.receipt.json ");
}

static void either_comes_first(void **state)
{
	struct fixture *f = *state;

	assert_ok(f, submit(f, IN, "a.json",
			    "{\"category\": \"ml\", \"component_type\": \"sensor\","
			    " \"subcategory\": \"nlp\", \"success_score\": 87.5,"
			    " \"model\": {\"name\": \"x\", \"tries\": [1, 2.5, 1e30]}, \"ok\": true}"));
	assert_ok(f, submit(f, IN, "a.py", good()));
	assert_string_equal(ask_text(f, "SELECT category || subcategory || component_type || success_score FROM"
					" component_patterns"),
			    "mlnlpsensor87.5");
	assert_non_null(strstr(component_text_of(f, 1, PF_COMPONENT_DOCUMENT),
			       "  \"generation_metadata\": {\n    \"model\": {\n      \"name\": \"x\",\n"
			       "      \"tries\": [\n        1,\n        2.5,\n        1e+30\n      ]\n    },\n"
			       "    \"ok\": true\n  }\n}\n"));
	assert_asks(f, "SELECT count(*) FROM code_patterns WHERE component_type = 'sensor' AND category = 'ml'",
		    ask(f, "SELECT count(*) FROM code_patterns"));
}

static void precedence(void **state)
{
	struct fixture *f = *state;
	int64_t outer = make_directory(f, IN, "category=outer", true);
	int64_t inner = make_directory(f, outer, "category=inner", true);
	int64_t plain = make_directory(f, inner, "plain", false);

	assert_ok(f, submit(f, plain, "a.py", good()));
	assert_string_equal(ask_text(f, "SELECT category FROM components"), "inner");
	assert_ok(f, submit(f, plain, "a.json", "{\"category\": \"said\"}"));
	assert_string_equal(ask_text(f, "SELECT category FROM components"), "said");
	assert_ok(f, submit(f, plain, "a.json", "{\"subcategory\": \"deep\"}"));
	assert_string_equal(ask_text(f, "SELECT category || subcategory FROM components"), "innerdeep");
	assert_asks(f, "SELECT revision FROM components", 1);
	/* it goes without a word */
	assert_ok(f, remove_name(f, plain, "a.json"));
	assert_ok(f, submit(f, plain, "a.py", good()));
	assert_string_equal(ask_text(f, "SELECT category || subcategory FROM components"), "innerdeep");
}

/* NAME.json, then the directories from the inside out, then what the extractor infers: for each key by itself. */
static void precedence_of_each_key(void **state)
{
	static const struct {
		const char *key, *inferred, *outer, *inner, *json, *said;
	} rows[] = {
		{ "category", "general", "category=outer", "category=inner", "{\"category\": \"said\"}", "said" },
		{ "subcategory", "-", "subcategory=outer", "subcategory=inner", "{\"subcategory\": \"said\"}", "said" },
		{ "component_type", "operator", "component_type=sensor", "component_type=hook",
		  "{\"component_type\": \"trigger\"}", "trigger" },
		{ "success_score", "-", "success_score=1.5", "success_score=2.5", "{\"success_score\": 87.5}", "87.5" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t outer = make_directory(f, IN, rows[i].outer, true);
		int64_t inner = make_directory(f, outer, rows[i].inner, true);
		char name[32], query[256], source[32];

		snprintf(name, sizeof name, "Of%zuOperator", i);
		snprintf(source, sizeof source, "return %zu", i);
		snprintf(query, sizeof query,
			 "SELECT coalesce(%s, '-') FROM component_patterns WHERE component_name = '%s'", rows[i].key,
			 name);
		assert_ok(f, submit(f, IN, "a.py", operator_source(name, source)));
		assert_string_equal(ask_text(f, query), rows[i].inferred);
		assert_ok(f, submit(f, outer, "a.py", operator_source(name, source)));
		assert_string_equal(ask_text(f, query), strchr(rows[i].outer, '=') + 1);
		assert_ok(f, submit(f, inner, "a.py", operator_source(name, source)));
		assert_string_equal(ask_text(f, query), strchr(rows[i].inner, '=') + 1);
		assert_ok(f, submit(f, inner, "a.json", rows[i].json));
		assert_string_equal(ask_text(f, query), rows[i].said);
		/* and where that says nothing, the directories do again */
		assert_ok(f, submit(f, inner, "a.json", "{}"));
		assert_string_equal(ask_text(f, query), strchr(rows[i].inner, '=') + 1);
	}
}

static void copies_with_other_metadata_do_not_take_turns(void **state)
{
	struct fixture *f = *state;
	int64_t ml = make_directory(f, IN, "category=ml", true), nlp = make_directory(f, IN, "category=nlp", true);
	int64_t events;

	assert_ok(f, submit(f, ml, "a.py", good()));
	assert_ok(f, submit(f, nlp, "a.py", good()));
	assert_string_equal(ask_text(f, "SELECT category FROM components"), "nlp");
	events = ask(f, "SELECT count(*) FROM history");
	assert_ok(f, submit(f, ml, "a.py", good()));
	assert_ok(f, submit(f, nlp, "a.py", good()));
	/* nor does one that says nothing */
	assert_ok(f, submit(f, IN, "a.py", good()));
	assert_asks(f, "SELECT count(*) FROM history", events);
	assert_asks(f, "SELECT max(success_count) FROM code_patterns WHERE component_count > 0", 1);
}

static void metadata_beside_a_bad_source(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(submit(f, IN, "a.py", "x = 1\n"), -EINVAL);
	assert_ok(f, submit(f, IN, "a.json", "{\"category\": \"ml\"}")); /* no fault of its own */
	assert_string_equal(names_in(f, IN), "a.py a.json a.py.error ");
	assert_ok(f, submit(f, IN, "a.py", good()));
	assert_string_equal(ask_text(f, "SELECT category FROM components"), "ml");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

int metadata_tests(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(refusals),
		TEST(either_comes_first),
		TEST(precedence),
		TEST(precedence_of_each_key),
		TEST(copies_with_other_metadata_do_not_take_turns),
		TEST(metadata_beside_a_bad_source),
	};

	return cmocka_run_group_tests_name("metadata", tests, NULL, NULL);
}
