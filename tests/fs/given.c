/* Which inodes the kernel was given: none that was is denied, and few are taken for such that were not. */
#include "given.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>

enum { THREADS = 4, EACH = 25000 };

/* As nodes have them: a kind above, rows below. */
static uint64_t ino_of(uint64_t kind, uint64_t row)
{
	return kind << 56 | row;
}

struct adder {
	pthread_t thread;
	struct given *given;
	uint64_t kind;
};

static void *add(void *arg)
{
	const struct adder *adder = arg;

	for (uint64_t row = 1; row <= EACH; row++)
		given_add(adder->given, ino_of(adder->kind, row));
	return NULL;
}

static void none_is_denied(void **state)
{
	struct given *given = given_new();
	struct adder adders[THREADS];
	int others = 0;

	(void)state;
	assert_non_null(given);
	assert_false(given_has(given, 1));
	for (uint64_t i = 0; i < THREADS; i++) {
		adders[i] = (struct adder){ .given = given, .kind = i };
		assert_int_equal(pthread_create(&adders[i].thread, NULL, add, &adders[i]), 0);
	}
	for (uint64_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(adders[i].thread, NULL), 0);
	for (uint64_t i = 0; i < THREADS; i++)
		for (uint64_t row = 1; row <= EACH; row++)
			assert_true(given_has(given, ino_of(i, row)));
	for (uint64_t row = 1; row <= EACH; row++)
		others += given_has(given, ino_of(THREADS, row));
	assert_in_range(others, 0, EACH / 10);
	given_free(given);
}

/* Versions of a row, as nodes have them. */
static uint64_t version_of(uint64_t kind, uint64_t row, uint64_t version)
{
	return ino_of(kind, row << 28 | version);
}

static void versions_are_one(void **state)
{
	struct given *given = given_new();
	int others = 0;

	(void)state;
	assert_non_null(given);
	for (uint64_t row = 1; row <= EACH; row += 2)
		given_add(given, version_of(1, row, row * 2654435761 & 0xfffffff));
	for (uint64_t row = 1; row <= EACH; row += 2)
		assert_true(given_has(given, version_of(1, row, row)));
	for (uint64_t row = 2; row <= EACH; row += 2)
		others += given_has(given, version_of(1, row, row));
	assert_in_range(others, 0, EACH / 10);
	/* What cannot be a node's, neither. */
	given_add(given, UINT64_MAX);
	assert_true(given_has(given, UINT64_MAX));
	given_free(given);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(none_is_denied), cmocka_unit_test(versions_are_one) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
