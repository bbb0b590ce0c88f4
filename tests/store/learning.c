/* Submissions: what is counted, what is not, what moves. */
#include <math.h>

#include "groups.h"

#define IN PF_INCOMING

static const char *const plain = "return 1";
static const char *const raising = "if not self.path:\n            raise ValueError('no path')\n        return 1";

static void first_sighting_counts_once(void **state)
{
	struct fixture *f = *state;

	assert_ok(f, submit(f, IN, "a.py", operator_source("AOperator", plain)));
	assert_asks(f, "SELECT count(*) > 5 FROM code_patterns", 1);
	assert_asks(f,
		    "SELECT count(*) FROM code_patterns WHERE success_count = 1 AND failure_count = 0"
		    " AND component_count = 1 AND confidence_score = 1.0",
		    ask(f, "SELECT count(*) FROM code_patterns"));
	assert_asks(f, "SELECT revision FROM components", 1);
	assert_string_equal(names_in(f, IN), "a.py a.py.receipt.json ");
}

static void further_components_add_one(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 6; i++) {
		char name[32], file[32];

		snprintf(name, sizeof name, "C%dOperator", i);
		snprintf(file, sizeof file, "c%d.py", i);
		assert_ok(f, submit(f, IN, file, operator_source(name, plain)));
	}
	assert_asks(f, "SELECT count(*) FROM code_patterns WHERE component_count = 6 AND success_count = 6",
		    ask(f, "SELECT count(*) FROM code_patterns"));
	assert_string_equal(ask_text(f, "SELECT json_extract(pattern_data, '$.examples') FROM code_patterns LIMIT 1"),
			    "[\"C1Operator\",\"C2Operator\",\"C3Operator\"]");
	assert_string_equal(ask_text(f, "SELECT component_name FROM code_patterns LIMIT 1"), "C0Operator");
}

static void same_bytes_change_nothing(void **state)
{
	struct fixture *f = *state;
	const char *source = operator_source("AOperator", plain);
	int64_t events;

	assert_ok(f, submit(f, IN, "a.py", source));
	events = ask(f, "SELECT count(*) FROM history");
	assert_ok(f, submit(f, IN, "a.py", source));
	assert_ok(f, submit(f, IN, "b.py", source));
	assert_asks(f, "SELECT count(*) FROM history", events);
	assert_asks(f, "SELECT count(*) FROM sources", 1);
	assert_asks(f, "SELECT max(success_count) FROM code_patterns", 1);
	assert_non_null(strstr(note_of(f, IN, "a.py.receipt.json"), "\"status\": \"unchanged\""));
	assert_null(strstr(f->text.bytes, "\"new\": true"));
	assert_non_null(strstr(note_of(f, IN, "b.py.receipt.json"), "\"name\": \"AOperator\""));
}

static void revisions_do_not_inflate(void **state)
{
	struct fixture *f = *state;

	assert_ok(f, submit(f, IN, "a.py", operator_source("AOperator", plain)));
	for (int i = 0; i < 5; i++)
		assert_ok(f, submit(f, IN, "a.py", operator_source("AOperator", i % 2 ? plain : raising)));
	assert_asks(f, "SELECT revision FROM components", 6);
	assert_asks(f, "SELECT max(success_count) FROM code_patterns", 1);
	assert_asks(f, "SELECT count(*) FROM code_patterns WHERE component_count = 1",
		    ask(f, "SELECT count(*) FROM sightings"));
}

static void a_revision_withdraws_what_it_no_longer_shows(void **state)
{
	struct fixture *f = *state;
	int64_t guard;

	assert_ok(f, submit(f, IN, "a.py", operator_source("AOperator", raising)));
	guard = ask(f, "SELECT id FROM code_patterns WHERE pattern_name = 'guard'");
	assert_ok(f, submit(f, IN, "a.py", operator_source("AOperator", plain)));
	assert_asks(f, "SELECT component_count FROM code_patterns WHERE pattern_name = 'guard'", 0);
	assert_asks(f, "SELECT count(*) FROM pattern_history WHERE event = 'withdrawn' AND pattern LIKE '%guard%'", 1);
	assert_int_equal(pf_store_pattern_stat(f->store, guard, &(pf_pattern_entry){ 0 }, &f->err), -ENOENT);
	f->err.code = 0;
	/* and comes back */
	assert_ok(f, submit(f, IN, "a.py", operator_source("AOperator", raising)));
	assert_asks(f, "SELECT component_count FROM code_patterns WHERE pattern_name = 'guard'", 1);
	assert_ok(f, pf_store_pattern_stat(f->store, guard, &(pf_pattern_entry){ 0 }, &f->err));
}

static void going_back_to_old_content_is_a_revision(void **state)
{
	struct fixture *f = *state;
	const char *one = operator_source("AOperator", plain), *two = operator_source("AOperator", raising);

	assert_ok(f, submit(f, IN, "a.py", one));
	assert_ok(f, submit(f, IN, "a.py", two));
	assert_ok(f, submit(f, IN, "a.py", one));
	assert_asks(f, "SELECT revision FROM components", 3);
	assert_string_equal(component_text_of(f, 1, PF_COMPONENT_SOURCE), one);
	/* but another path that brings what was seen before does not turn it back */
	assert_ok(f, submit(f, IN, "b.py", two));
	assert_asks(f, "SELECT revision FROM components", 3);
	assert_string_equal(component_text_of(f, 1, PF_COMPONENT_SOURCE), one);
	assert_string_equal(content_of(f, IN, "b.py"), two);
}

static void two_files_of_one_class_do_not_take_turns(void **state)
{
	struct fixture *f = *state;
	const char *one = operator_source("AOperator", plain), *two = operator_source("AOperator", raising);
	int64_t events;

	assert_ok(f, submit(f, IN, "a.py", one));
	assert_ok(f, submit(f, IN, "b.py", two));
	assert_non_null(strstr(note_of(f, IN, "b.py.receipt.json"), "\"previous_file\": \"a.py\""));
	assert_asks(f, "SELECT revision FROM components", 2);
	events = ask(f, "SELECT count(*) FROM history");
	for (int i = 0; i < 3; i++) {
		assert_ok(f, submit(f, IN, "a.py", one));
		assert_ok(f, submit(f, IN, "b.py", two));
	}
	assert_asks(f, "SELECT count(*) FROM history", events);
}

static void several_components_in_a_module(void **state)
{
	struct fixture *f = *state;
	char source[8192];

	snprintf(source, sizeof source, "%s\n%s", operator_source("AOperator", plain),
		 strstr(operator_source("BOperator", plain), "class"));
	assert_ok(f, submit(f, IN, "ab.py", source));
	assert_asks(f, "SELECT count(*) FROM components", 2);
	assert_asks(f, "SELECT max(component_count) FROM code_patterns", 2);
	assert_asks(f, "SELECT count(*) FROM sources", 1);
	assert_string_equal(component_text_of(f, component_id(f, "BOperator"), PF_COMPONENT_SOURCE), source);
}

static void a_move_takes_sightings_and_verdicts_along(void **state)
{
	struct fixture *f = *state;
	int64_t old, patterns;

	assert_ok(f, submit(f, IN, "a.py", operator_source("AOperator", raising)));
	assert_ok(f, submit(f, IN, "b.py", operator_source("BOperator", plain)));
	patterns = ask(f, "SELECT pattern_count FROM components WHERE component_name = 'AOperator'");
	/* one that both show, and its verdicts; and one of A's own */
	old = ask(f, "SELECT id FROM code_patterns WHERE component_count = 1 AND component_name = 'AOperator' LIMIT 1");
	assert_true(old > 0);
	assert_ok(f, verdict(f, true, PF_TARGET_PATTERN, old, NULL));
	assert_ok(f, verdict(f, false, PF_TARGET_PATTERN, old, "no"));
	assert_ok(f, submit(f, IN, "a.json", "{\"category\": \"ml\"}"));
	assert_asks(f, "SELECT count(*) FROM components WHERE category = 'ml'", 1);
	assert_asks(f, "SELECT pattern_count FROM components WHERE component_name = 'AOperator'", patterns);
	assert_asks(f, "SELECT count(*) FROM code_patterns WHERE category = 'ml' AND component_count = 1", patterns);
	assert_asks(f,
		    "SELECT success_count = 2 AND failure_count = 1 FROM code_patterns n WHERE category = 'ml' AND"
		    " pattern_signature = (SELECT pattern_signature FROM code_patterns WHERE failure_count = 0"
		    " AND component_count = 0 AND category <> 'ml' AND pattern_signature IN"
		    " (SELECT pattern_signature FROM code_patterns WHERE failure_count = 1))",
		    1);
	assert_asks(f, "SELECT count(*) FROM pattern_history WHERE event = 'moved'", 1);
	assert_asks(f, "SELECT revision FROM components WHERE component_name = 'AOperator'", 1);
	assert_non_null(strstr(note_of(f, IN, "a.py.receipt.json"), "\"category\": \"ml\""));
}

static void a_removed_submission_leaves_what_was_learned(void **state)
{
	struct fixture *f = *state;
	const char *source = operator_source("AOperator", plain);

	assert_ok(f, submit(f, IN, "a.py", source));
	assert_ok(f, remove_name(f, IN, "a.py"));
	assert_string_equal(component_text_of(f, 1, PF_COMPONENT_SOURCE), source);
	assert_asks(f, "SELECT count(*) FROM files", 1);
	assert_ok(f, submit(f, IN, "a.py", source));
	assert_asks(f, "SELECT max(success_count) FROM code_patterns", 1);
}

static void archived_until_a_new_sighting(void **state)
{
	struct fixture *f = *state;
	pf_component_entry before, after;
	pf_pattern_entry entry;
	char name[256];

	assert_ok(f, submit(f, IN, "a.py", operator_source("AOperator", plain)));
	snprintf(name, sizeof name, "%s", ask_text(f, "SELECT file_name FROM code_patterns WHERE id = 2"));
	assert_ok(f, pf_store_component_stat(f->store, 1, &before, &f->err));
	assert_ok(f, archive(f, 2));
	assert_ok(f, pf_store_component_stat(f->store, 1, &after, &f->err));
	assert_int_equal(after.patterns, before.patterns - 1);
	assert_true(after.mtime > before.mtime);
	assert_null(strstr(component_text_of(f, 1, PF_COMPONENT_DOCUMENT), name));
	assert_refused(f, archive(f, 2), ENOENT, "no such pattern");
	assert_int_equal(pf_store_component_pattern_find(f->store, 1, name, &entry, NULL), -ENOENT);
	/* the same component, another revision: it showed it before */
	assert_ok(f, submit(f, IN, "a.py", operator_source("AOperator", "return 2 + 3")));
	assert_asks(f, "SELECT archived FROM code_patterns WHERE id = 2", 1);
	assert_ok(f, submit(f, IN, "b.py", operator_source("BOperator", plain)));
	assert_asks(f, "SELECT archived = 0 AND component_count = 2 FROM code_patterns WHERE id = 2", 1);
	assert_asks(f, "SELECT count(*) FROM pattern_history WHERE event = 'restored' AND pattern_id = 2", 1);
	assert_non_null(strstr(component_text_of(f, 1, PF_COMPONENT_DOCUMENT), name));
	assert_ok(f, pf_store_component_pattern_find(f->store, 1, name, &entry, &f->err));
	assert_int_equal(entry.id, 2);
}

static void hand_made_changes_keep_sizes_and_totals(void **state)
{
	struct fixture *f = *state;

	assert_ok(f, submit(f, IN, "a.py", operator_source("AOperator", plain)));
	run_sql(f, "UPDATE code_patterns SET success_count = 1000, failure_count = 12345, subcategory = 'a\"b\\c'"
		   " WHERE id = 1");
	run_sql(f, "UPDATE code_patterns SET archived = 1 WHERE id = 2");
	assert_non_null(strstr(document_of(f, 1), "\"confidence_score\": 0.075,\n"));
	assert_true(pf_store_edited(f->store));
	assert_ok(f, adopt_edits(f));
	assert_false(pf_store_edited(f->store));
	assert_asks(f,
		    "SELECT count(*) FROM pattern_history WHERE event = 'edited' AND (pattern_id, success_count,"
		    " failure_count) IN (VALUES (1, 1000, 12345), (2, 1, 0))",
		    2);
	assert_int_not_equal(sqlite3_exec(f->db, "UPDATE code_patterns SET file_name = 'x' WHERE id = 1", 0, 0, 0),
			     SQLITE_OK);
	assert_string_equal(sqlite3_errmsg(f->db), "a pattern never changes its place");
	assert_int_not_equal(sqlite3_exec(f->db, "DELETE FROM history WHERE id = 1", 0, 0, 0), SQLITE_OK);
}

static void file_names_grow_where_they_clash(void **state)
{
	struct fixture *f = *state;
	pf_scope scope;
	pf_pattern_entry entry;

	assert_ok(f, submit(f, IN, "a.py", operator_source("AOperator", plain)));
	/* Somebody else's pattern has the name that a guard will want. */
	assert_ok(f, submit(f, IN, "b.py", operator_source("BOperator", raising)));
	run_sql(f, "CREATE TEMP TABLE g AS SELECT * FROM code_patterns WHERE pattern_name = 'guard'");
	scope = ask(f, "SELECT scope FROM g");
	run_sql(f, "INSERT INTO categories (name) VALUES ('other')");
	run_sql(f, "INSERT INTO code_patterns (component_name, pattern_type, pattern_name, category, component_type,"
		   " complexity_range, confidence_lower_bound, component_count, pattern_signature, scope, file_name,"
		   " mtime, pattern_data) SELECT component_name, pattern_type, pattern_name, 'other', component_type,"
		   " complexity_range, 0, 0, substr(pattern_signature, 1, 12) || '00000000000000000000',"
		   " scope & 255 | (SELECT id << 8 FROM categories WHERE name = 'other'), file_name, 0, pattern_data "
		   "FROM g");
	assert_ok(f, submit(f, IN, "b.json", "{\"category\": \"other\"}"));
	scope = (scope & 255) | ask(f, "SELECT id << 8 FROM categories WHERE name = 'other'");
	assert_asks(f, "SELECT count(*) FROM code_patterns WHERE category = 'other' AND pattern_name = 'guard'", 2);
	assert_string_equal(ask_text(f, "SELECT 'guard-' || substr(pattern_signature, 1, 12) || '.json' = file_name"
					" FROM code_patterns WHERE category = 'other' AND pattern_name = 'guard'"
					" AND component_count = 1"),
			    "1");
	snprintf(f->name, sizeof f->name, "%s",
		 ask_text(f, "SELECT file_name FROM code_patterns WHERE category = 'other' AND pattern_name = 'guard'"
			     " AND component_count = 1"));
	assert_ok(f, pf_store_pattern_find(f->store, scope, f->name, &entry, &f->err));
	run_sql(f, "DROP TABLE g");
}

static void long_class_names_are_cut(void **state)
{
	struct fixture *f = *state;
	char class_name[256], entry[256];
	pf_component_entry found;

	memset(class_name, 'A', 230);
	strcpy(class_name + 230, "Operator");
	assert_ok(f, submit(f, IN, "a.py", operator_source(class_name, plain)));
	snprintf(entry, sizeof entry, "%s", ask_text(f, "SELECT entry_name FROM components"));
	assert_int_equal(strlen(entry), 200);
	assert_ok(f, pf_store_component_find(f->store, entry, &found, &f->err));
	assert_int_equal(pf_store_component_find(f->store, class_name, &found, NULL), -ENOENT);
	assert_non_null(strstr(note_of(f, IN, "a.py.receipt.json"), entry));
}

static void reopening_keeps_all(void **state)
{
	struct fixture *f = *state;
	pf_totals before, after;

	assert_ok(f, submit(f, IN, "a.py", operator_source("AOperator", raising)));
	assert_ok(f, pf_store_totals(f->store, 0, &before, &f->err));
	snprintf(f->name, sizeof f->name, "%.200s", document_of(f, 3));
	fixture_reopen(f);
	assert_ok(f, pf_store_totals(f->store, 0, &after, &f->err));
	assert_memory_equal(&before, &after, sizeof before);
	assert_true(strncmp(document_of(f, 3), f->name, strlen(f->name)) == 0);
	assert_string_equal(names_in(f, IN), "a.py a.py.receipt.json ");
}

static int count_scope(void *arg, const pf_scope_entry *entry)
{
	pf_text_printf(arg, "%s:%lld ", entry->name, (long long)entry->children);
	return 0;
}

static int count_validation(void *arg, const pf_scope_entry *entry)
{
	int *counts = arg;

	counts[0]++;
	counts[1] += strcmp(entry->name, "validation") == 0;
	return 0;
}

/* SCOPE, which holds all, has as many children as it lists; whether `validation` is one of them. */
static bool totals_agree(struct fixture *f, pf_scope scope)
{
	int counts[2] = { 0 };
	pf_totals totals;

	assert_ok(f, pf_store_scope_list(f->store, scope, count_validation, counts, &f->err));
	assert_ok(f, pf_store_totals(f->store, scope, &totals, &f->err));
	assert_int_equal(totals.children, counts[0]);
	assert_int_equal(totals.patterns, ask(f, "SELECT count(*) FROM code_patterns WHERE archived = 0"));
	return counts[1] == 1;
}

static void scopes_hold_what_is_live(void **state)
{
	struct fixture *f = *state;
	pf_text names = { 0 };
	pf_scope scope, below;
	pf_totals totals;

	assert_ok(f, submit(f, IN, "a.py", operator_source("AOperator", raising)));
	assert_ok(f, pf_store_scope_list(f->store, 0, count_scope, &names, &f->err));
	assert_string_equal(names.bytes, "general:1 ");
	assert_ok(f, pf_store_scope_find(f->store, 0, "general", &scope, &f->err));
	assert_ok(f, pf_store_scope_find(f->store, scope, "operator", &scope, &f->err));
	assert_ok(f, pf_store_scope_find(f->store, scope, "validation", &below, &f->err));
	pf_text_reset(&names);
	assert_ok(f, pf_store_scope_path(f->store, below, &names, &f->err));
	assert_string_equal(names.bytes, "general/operator/validation");
	assert_ok(f, pf_store_totals(f->store, below, &totals, &f->err));
	assert_int_equal(totals.patterns, 1);
	assert_int_equal(totals.children, 0);
	assert_true(totals_agree(f, scope));
	assert_int_equal(pf_store_scope_find(f->store, scope, "mock_execution", &below, NULL), -ENOENT);
	assert_int_equal(pf_store_scope_find(f->store, scope, "no_such", &below, NULL), -ENOENT);
	assert_int_equal(pf_store_scope_find(f->store, 0, "ml", &below, NULL), -ENOENT);
	assert_ok(f, archive(f, ask(f, "SELECT id FROM code_patterns WHERE pattern_name = 'guard'")));
	assert_int_equal(pf_store_scope_find(f->store, scope, "validation", &below, NULL), -ENOENT);
	assert_false(totals_agree(f, scope));
	pf_text_free(&names);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_open, fixture_close)

int learning_tests(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(first_sighting_counts_once),
		TEST(further_components_add_one),
		TEST(same_bytes_change_nothing),
		TEST(revisions_do_not_inflate),
		TEST(a_revision_withdraws_what_it_no_longer_shows),
		TEST(going_back_to_old_content_is_a_revision),
		TEST(two_files_of_one_class_do_not_take_turns),
		TEST(several_components_in_a_module),
		TEST(a_move_takes_sightings_and_verdicts_along),
		TEST(a_removed_submission_leaves_what_was_learned),
		TEST(archived_until_a_new_sighting),
		TEST(hand_made_changes_keep_sizes_and_totals),
		TEST(file_names_grow_where_they_clash),
		TEST(long_class_names_are_cut),
		TEST(reopening_keeps_all),
		TEST(scopes_hold_what_is_live),
	};

	return cmocka_run_group_tests_name("learning", tests, NULL, NULL);
}
