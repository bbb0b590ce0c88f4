/* What is known below query/: numbers, how long they last, and that threads agree on them. */
#include "queries.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
	*state = queries_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	queries_free(*state);
	return 0;
}

static int64_t look_up(struct queries *queries, int64_t parent, const char *pair)
{
	int64_t number = 0;
	pf_err err = { 0 };

	if (queries_look_up(queries, parent, pair, &number, &err) < 0)
		fail_msg("%s: %s", pair, err.why);
	assert_true(number > 0);
	return number;
}

static void count_gone(void *arg, int64_t number)
{
	(void)number;
	++*(int *)arg;
}

static void assert_path(struct queries *queries, int64_t number, const char *expected)
{
	pf_text path = { 0 };

	queries_path(queries, number, '/', &path);
	assert_string_equal(path.len ? path.bytes : "", expected);
	pf_text_free(&path);
}

static void test_same_pair_same_number(void **state)
{
	struct queries *queries = *state;
	int64_t ml = look_up(queries, 0, "category=ml"), op = look_up(queries, ml, "component_type=operator");

	assert_int_equal(look_up(queries, 0, "category=ml"), ml);
	assert_int_equal(look_up(queries, ml, "component_type=operator"), op);
	assert_int_not_equal(look_up(queries, ml, "limit=5"), look_up(queries, 0, "limit=5"));
	assert_int_equal(queries_count(queries), 4);
	assert_int_equal(queries_depth(queries, op), 2);
	assert_int_equal(queries_depth(queries, 0), 0);
	assert_path(queries, op, "category=ml/component_type=operator/");
	assert_int_equal(pf_query_limit(queries_get(queries, look_up(queries, op, "limit=7"), NULL)), 7);
	assert_int_equal(pf_query_limit(queries_get(queries, op, NULL)), PF_QUERY_LIMIT);
}

static void test_forgetting(void **state)
{
	struct queries *queries = *state;
	int64_t ml = look_up(queries, 0, "category=ml"), best = look_up(queries, ml, "limit=5");
	pf_err err = { 0 };
	int gone = 0;

	look_up(queries, 0, "category=ml");
	queries_hold(queries, best);
	queries_forget(queries, ml, 2, count_gone, &gone);
	assert_int_equal(gone, 0); /* what narrows it holds it */
	assert_non_null(queries_get(queries, ml, NULL));
	queries_forget(queries, best, 1, count_gone, &gone);
	assert_int_equal(gone, 0);
	assert_path(queries, best, "category=ml/limit=5/");
	queries_forget(queries, best, 1, count_gone, &gone);
	assert_int_equal(gone, 2);
	assert_int_equal(queries_count(queries), 0);
	assert_null(queries_get(queries, best, NULL));
	assert_null(queries_get(queries, ml, &err));
	assert_int_equal(err.code, ESTALE);
	assert_string_equal(err.why, "the query is not in use any more");
	assert_path(queries, best, "");
}

static void test_what_is_not_there(void **state)
{
	static const int64_t numbers[] = { 0, 1, -1, 2, INT64_MAX, INT64_MIN, (int64_t)1 << 28 };
	struct queries *queries = *state;

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		assert_null(queries_get(queries, numbers[i], NULL));
		assert_int_equal(queries_depth(queries, numbers[i]), 0);
		queries_hold(queries, numbers[i]);
		queries_forget(queries, numbers[i], 1, NULL, NULL);
		assert_path(queries, numbers[i], "");
	}
	look_up(queries, 0, "limit=1");
	queries_forget(queries, 1, UINT64_MAX, NULL, NULL); /* more often than it was looked up */
	assert_int_equal(queries_count(queries), 0);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *pair, *why;
	} rows[] = {
		{ "colour=red", "colour" },
		{ "limit=0", "limit" },
		{ "limit", "limit" },
		{ "category=ml", "category" }, /* said already */
	};
	struct queries *queries = *state;
	int64_t ml = look_up(queries, 0, "category=ml"), number = -7;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		pf_err err = { 0 };

		assert_int_equal(queries_look_up(queries, ml, rows[i].pair, &number, &err), -EINVAL);
		if (!strstr(err.why, rows[i].why))
			fail_msg("%s: '%s' does not say '%s'", rows[i].pair, err.why, rows[i].why);
	}
	assert_int_equal(number, -7);
	assert_int_equal(queries_count(queries), 1);
	queries_forget(queries, ml, 1, NULL, NULL);
	assert_int_equal(queries_look_up(queries, ml, "limit=5", &number, NULL), -ESTALE);
	assert_int_equal(queries_count(queries), 0);
}

static void limit_pair(char *pair, size_t size, int i)
{
	snprintf(pair, size, "text=word%d", i);
}

static void test_numbers_are_bounded_and_come_again(void **state)
{
	struct queries *queries = *state;
	char pair[64];
	pf_err err = { 0 };
	int64_t number, largest = 0;
	int gone = 0;

	for (int i = 0; i < QUERIES_MAX; i++) {
		limit_pair(pair, sizeof pair, i);
		number = look_up(queries, 0, pair);
		largest = number > largest ? number : largest;
	}
	assert_int_equal(queries_look_up(queries, 0, "text=more", &number, &err), -ENFILE);
	assert_non_null(strstr(err.why, "queries"));
	assert_int_equal(look_up(queries, 0, "text=word17"), 18); /* those that are there are found as before */
	for (int64_t i = 1; i <= QUERIES_MAX; i++)
		queries_forget(queries, i, i == 18 ? 2 : 1, count_gone, &gone);
	assert_int_equal(gone, QUERIES_MAX);
	assert_int_equal(queries_count(queries), 0);
	assert_true(look_up(queries, 0, "text=again") <= largest);
}

/* The oldest that nothing narrows come first, and not again at once. */
static void test_idle(void **state)
{
	struct queries *queries = *state;
	struct queries_entry entries[4];
	int64_t ml = look_up(queries, 0, "category=ml");

	look_up(queries, ml, "limit=1");
	look_up(queries, ml, "limit=2");
	look_up(queries, ml, "limit=3");
	look_up(queries, ml, "limit=1");
	assert_int_equal(queries_idle(queries, 4, entries, 4), 0);
	assert_int_equal(queries_idle(queries, 3, entries, 4), 1);
	assert_int_equal(entries[0].parent, ml);
	assert_string_equal(entries[0].pair, "limit=2");
	assert_int_equal(queries_idle(queries, 0, entries, 2), 2);
	assert_string_equal(entries[0].pair, "limit=3");
	assert_string_equal(entries[1].pair, "limit=1");
	assert_int_equal(queries_count(queries), 4);
}

/* For pthread_join. */
static void *failure(const char *why)
{
	return (void *)(uintptr_t)why;
}

enum { THREADS = 8, ROUNDS = 2000 };

/* Each looks up, goes deeper, and forgets; the pairs are few, so that they meet. */
static void *work(void *arg)
{
	struct queries *queries = arg;
	unsigned seed = (unsigned)(uintptr_t)pthread_self();

	for (int i = 0; i < ROUNDS; i++) {
		char pair[64];
		int64_t above, below;

		snprintf(pair, sizeof pair, "text=word%d", rand_r(&seed) % 5);
		if (queries_look_up(queries, 0, pair, &above, NULL) < 0)
			return failure("lookup");
		snprintf(pair, sizeof pair, "limit=%d", 1 + rand_r(&seed) % 3);
		if (queries_look_up(queries, above, pair, &below, NULL) < 0)
			return failure("lookup below");
		queries_forget(queries, above, 1, NULL, NULL);
		queries_hold(queries, below);
		if (queries_depth(queries, below) != 2 || !queries_get(queries, below, NULL))
			return failure("depth");
		queries_idle(queries, 3, &(struct queries_entry){ 0 }, 1);
		queries_forget(queries, below, 2, NULL, NULL);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct queries *queries = *state;
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, queries), 0);
	for (int i = 0; i < THREADS; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		if (failed)
			fail_msg("%s", (const char *)failed);
	}
	assert_int_equal(queries_count(queries), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_same_pair_same_number, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forgetting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_numbers_are_bounded_and_come_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_idle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
