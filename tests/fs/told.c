/* What the kernel may believe until the next change: each once, none lost among threads, no more than fit. */
#include "told.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TOLD_MAX = 8192 };

static int setup(void **state)
{
	*state = told_new(TOLD_MAX);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	told_free(*state);
	return 0;
}

static void each_is_taken_once(void **state)
{
	static const uint64_t noted[] = { 7, UINT64_MAX, 7, 1, 7, 1 };
	const uint64_t *inos;

	assert_int_equal(told_take(*state, &inos), 0);
	assert_false(told_any(*state));
	for (size_t i = 0; i < sizeof noted / sizeof *noted; i++)
		assert_true(told_add(*state, noted[i]));
	assert_true(told_any(*state));
	assert_int_equal(told_take(*state, &inos), 3);
	assert_false(told_any(*state));
	assert_true(inos[0] == 7 && inos[1] == UINT64_MAX && inos[2] == 1);
	assert_int_equal(told_take(*state, &inos), 0);
	/* And anew. */
	assert_true(told_add(*state, 7));
	assert_int_equal(told_take(*state, &inos), 1);
	assert_true(inos[0] == 7);
}

static void there_is_an_end(void **state)
{
	const uint64_t *inos;

	for (int round = 0; round < 3; round++) {
		/* Numbers as nodes have them: a kind above, rows below. */
		for (uint64_t i = 1; i <= TOLD_MAX; i++)
			assert_true(told_add(*state, UINT64_C(29) << 56 | i));
		assert_false(told_add(*state, 1));
		assert_true(told_add(*state, UINT64_C(29) << 56 | 1));
		assert_int_equal(told_take(*state, &inos), TOLD_MAX);
		assert_true(told_add(*state, 1));
		assert_int_equal(told_take(*state, &inos), 1);
	}
}

enum { THREADS = 4, EACH = 1000 };

struct adder {
	struct told *told;
	uint64_t first;
};

static void *add(void *arg)
{
	const struct adder *adder = arg;

	for (uint64_t i = 0; i < EACH; i++)
		if (!told_add(adder->told, adder->first + i))
			abort();
	return NULL;
}

/* What is taken while others add is not changed by them. */
static size_t count_taken(struct told *told, unsigned char *seen)
{
	const uint64_t *inos;
	size_t count = told_take(told, &inos);

	for (size_t i = 0; i < count; i++) {
		assert_in_range(inos[i], 1, THREADS * EACH);
		assert_int_equal(seen[inos[i]], 0);
		seen[inos[i]] = 1;
	}
	return count;
}

static void none_is_lost_among_threads(void **state)
{
	static unsigned char seen[THREADS * EACH + 1];
	struct adder adders[THREADS];
	pthread_t threads[THREADS];
	size_t count = 0;

	memset(seen, 0, sizeof seen);
	for (uint64_t i = 0; i < THREADS; i++) {
		adders[i] = (struct adder){ *state, 1 + i * EACH };
		assert_int_equal(pthread_create(&threads[i], NULL, add, &adders[i]), 0);
	}
	for (int i = 0; i < 200; i++)
		count += count_taken(*state, seen);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	count += count_taken(*state, seen);
	assert_int_equal(count, THREADS * EACH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_is_taken_once, setup, teardown),
		cmocka_unit_test_setup_teardown(there_is_an_end, setup, teardown),
		cmocka_unit_test_setup_teardown(none_is_lost_among_threads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
