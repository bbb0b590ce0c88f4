/* Documents as they were rendered: which are kept, what gives up its bytes, and what threads see. */
#include "snapshot.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OWNER(n) ((uint64_t)(n) << SNAPSHOT_BITS)

enum { SOFT = 1000, HARD = 3000 };

static int setup(void **state)
{
	*state = snapshots_new(SOFT, HARD, 0);
	return *state ? 0 : -1;
}

/* What was used a moment ago stays a moment ago. */
static int setup_patient(void **state)
{
	*state = snapshots_new(SOFT, HARD, INT64_C(3600) * 1000000000);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	snapshots_free(*state);
	return 0;
}

/* SIZE bytes C as OWNER's snapshot at VERSION, in use. */
static struct snapshot put(struct snapshots *snapshots, uint64_t owner, int64_t version, char c, size_t size)
{
	struct snapshot snapshot;
	pf_text text = { 0 };
	pf_err err = { 0 };

	for (size_t i = 0; i < size; i++)
		pf_text_add(&text, &c, 1);
	if (snapshots_put(snapshots, owner, version, version * 10, &text, &snapshot, &err) < 0)
		fail_msg("%s", err.why);
	assert_int_equal(snapshot.size, size);
	assert_int_equal(snapshot.mtime, version * 10);
	assert_null(text.bytes);
	return snapshot;
}

static void put_idle(struct snapshots *snapshots, uint64_t owner, int64_t version, char c, size_t size)
{
	struct snapshot snapshot = put(snapshots, owner, version, c, size);

	snapshots_done(snapshots, &snapshot);
}

/* The first byte of OWNER's snapshot at VERSION; '-': without bytes; 0: none. */
static char peek(struct snapshots *snapshots, uint64_t owner, int64_t version)
{
	struct snapshot snapshot;
	char c;

	if (!snapshots_use(snapshots, snapshot_number(owner, version), &snapshot))
		return 0;
	assert_int_equal(snapshot.version, version);
	c = snapshot.bytes ? snapshot.bytes[0] : '-';
	snapshots_done(snapshots, &snapshot);
	return c;
}

static void test_the_newest_of_an_owner_stays(void **state)
{
	struct snapshots *snapshots = *state;
	struct snapshot latest;

	put_idle(snapshots, OWNER(1), 1, 'a', 10);
	put_idle(snapshots, OWNER(2), 1, 'b', 10);
	put_idle(snapshots, OWNER(1), 2, 'c', 10);
	assert_int_equal(peek(snapshots, OWNER(1), 1), 0);
	assert_int_equal(peek(snapshots, OWNER(1), 2), 'c');
	assert_int_equal(peek(snapshots, OWNER(2), 1), 'b');
	assert_true(snapshots_latest(snapshots, OWNER(1), &latest));
	assert_int_equal(latest.bytes[0], 'c');
	snapshots_done(snapshots, &latest);
	assert_false(snapshots_latest(snapshots, OWNER(3), &latest));
	assert_int_equal(snapshots_bytes(snapshots), 20);
	assert_int_equal(snapshots_count(snapshots), 2);
}

static void test_what_the_kernel_has_stays_until_it_forgets(void **state)
{
	struct snapshots *snapshots = *state;
	struct snapshot old = put(snapshots, OWNER(1), 1, 'a', 10);

	snapshots_look_up(snapshots, &old);
	snapshots_look_up(snapshots, &old);
	snapshots_done(snapshots, &old);
	put_idle(snapshots, OWNER(1), 2, 'b', 10);
	snapshots_trim(snapshots);
	assert_int_equal(peek(snapshots, OWNER(1), 1), 'a');
	snapshots_forget(snapshots, old.number, 1);
	assert_int_equal(peek(snapshots, OWNER(1), 1), 'a');
	snapshots_forget(snapshots, old.number, 1);
	assert_int_equal(peek(snapshots, OWNER(1), 1), 0);
	assert_int_equal(peek(snapshots, OWNER(1), 2), 'b');
	snapshots_forget(snapshots, old.number, UINT64_MAX);
	assert_int_equal(snapshots_bytes(snapshots), 10);
}

static void test_what_is_in_use_stays(void **state)
{
	struct snapshots *snapshots = *state;
	struct snapshot old = put(snapshots, OWNER(1), 1, 'a', SOFT);

	for (int i = 2; i < 9; i++)
		put_idle(snapshots, OWNER(1), i, 'b', HARD);
	snapshots_drop(snapshots, OWNER(1));
	assert_int_equal(old.bytes[SOFT - 1], 'a');
	snapshots_done(snapshots, &old);
	assert_int_equal(snapshots_count(snapshots), 0);
	assert_int_equal(snapshots_bytes(snapshots), 0);
}

static void test_bytes_are_bounded(void **state)
{
	struct snapshots *snapshots = *state;
	struct snapshot held = put(snapshots, OWNER(1), 1, 'a', 600);

	snapshots_look_up(snapshots, &held);
	snapshots_done(snapshots, &held);
	put_idle(snapshots, OWNER(2), 1, 'b', 300);
	assert_int_equal(snapshots_bytes(snapshots), 900);
	put_idle(snapshots, OWNER(3), 1, 'c', 300);
	/* The oldest gave up its bytes; the kernel may still ask for its size. */
	assert_int_equal(snapshots_bytes(snapshots), 600);
	assert_int_equal(peek(snapshots, OWNER(1), 1), '-');
	/* Of what nobody can ask for nothing stays; the newest stays, whatever its size. */
	put_idle(snapshots, OWNER(4), 1, 'd', 5 * HARD);
	assert_int_equal(peek(snapshots, OWNER(2), 1), 0);
	assert_int_equal(peek(snapshots, OWNER(4), 1), 'd');
	assert_int_equal(snapshots_bytes(snapshots), 5 * HARD);
	assert_int_equal(snapshots_count(snapshots), 2);
}

static void test_use_makes_newer(void **state)
{
	struct snapshots *snapshots = *state;

	put_idle(snapshots, OWNER(1), 1, 'a', 400);
	put_idle(snapshots, OWNER(2), 1, 'b', 400);
	assert_int_equal(peek(snapshots, OWNER(1), 1), 'a');
	put_idle(snapshots, OWNER(3), 1, 'c', 400);
	assert_int_equal(peek(snapshots, OWNER(1), 1), 'a');
	assert_int_equal(peek(snapshots, OWNER(2), 1), 0);
}

static void test_what_was_used_a_moment_ago_stays_up_to_the_hard_bound(void **state)
{
	struct snapshots *snapshots = *state;

	for (int i = 1; i <= 4; i++)
		put_idle(snapshots, OWNER(i), 1, 'a', 700);
	assert_int_equal(snapshots_bytes(snapshots), 2800);
	put_idle(snapshots, OWNER(5), 1, 'a', 700);
	assert_int_equal(snapshots_bytes(snapshots), 2800);
	assert_int_equal(peek(snapshots, OWNER(1), 1), 0);
}

static void test_bytes_come_back(void **state)
{
	struct snapshots *snapshots = *state;
	struct snapshot held = put(snapshots, OWNER(1), 1, 'a', 600), again;
	pf_text other = { 0 };

	snapshots_look_up(snapshots, &held);
	snapshots_done(snapshots, &held);
	put_idle(snapshots, OWNER(2), 1, 'b', 900);
	assert_int_equal(peek(snapshots, OWNER(1), 1), '-');
	/* What is not the same is refused: the kernel knows its size. */
	pf_text_puts(&other, "shorter");
	assert_int_equal(snapshots_put(snapshots, OWNER(1), 1, 10, &other, &again, NULL), -ESTALE);
	put_idle(snapshots, OWNER(1), 1, 'a', 600);
	assert_int_equal(peek(snapshots, OWNER(1), 1), 'a');
	snapshots_forget(snapshots, held.number, 1);
	assert_int_equal(peek(snapshots, OWNER(1), 1), 0);
}

static void test_the_first_of_two_renderings_is_taken(void **state)
{
	struct snapshots *snapshots = *state;
	struct snapshot first = put(snapshots, OWNER(1), 1, 'a', 10), second;
	pf_text text = { 0 };

	pf_text_puts(&text, "another");
	assert_int_equal(snapshots_put(snapshots, OWNER(1), 1, 99, &text, &second, NULL), 0);
	assert_ptr_equal(first.bytes, second.bytes);
	assert_int_equal(second.size, 10);
	assert_null(text.bytes);
	snapshots_done(snapshots, &first);
	snapshots_done(snapshots, &second);
	put_idle(snapshots, OWNER(2), 1, 'x', 0); /* an empty one has bytes too */
	assert_int_equal(peek(snapshots, OWNER(2), 1), '\0');
	assert_int_equal(snapshots_count(snapshots), 2);
}

static void test_an_owner_that_is_gone(void **state)
{
	struct snapshots *snapshots = *state;

	for (int i = 1; i < 50; i++)
		put_idle(snapshots, OWNER(i), 1, 'a', 1);
	snapshots_drop(snapshots, OWNER(7));
	assert_int_equal(peek(snapshots, OWNER(7), 1), 0);
	assert_int_equal(peek(snapshots, OWNER(8), 1), 'a');
	assert_int_equal(snapshots_count(snapshots), 48);
}

/* For pthread_join. */
static void *failure(const char *why)
{
	return (void *)(uintptr_t)why;
}

enum { THREADS = 8, ROUNDS = 3000 };

/* OWNER's snapshot at VERSION, rendered where it is not there. */
static bool use_or_put(struct snapshots *snapshots, uint64_t owner, int64_t version, struct snapshot *snapshot)
{
	pf_text text = { 0 };
	char c = (char)('a' + version % 26);

	if (snapshots_use(snapshots, snapshot_number(owner, version), snapshot)) {
		if (snapshot->bytes)
			return true;
		snapshots_done(snapshots, snapshot);
	}
	for (int i = 0; i < 100; i++)
		pf_text_add(&text, &c, 1);
	if (snapshots_put(snapshots, owner, version, version, &text, snapshot, NULL) < 0)
		return false;
	snapshots_look_up(snapshots, snapshot);
	snapshots_forget(snapshots, snapshot->number, 1);
	return true;
}

/* Renders and reads a few owners at versions that move: whoever has bytes has those of one version. */
static void *work(void *arg)
{
	struct snapshots *snapshots = arg;
	unsigned seed = (unsigned)(uintptr_t)pthread_self();

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t owner = OWNER(1 + rand_r(&seed) % 3);
		struct snapshot snapshot;

		if (!use_or_put(snapshots, owner, i / 4, &snapshot))
			return failure("put");
		for (size_t j = 0; j < snapshot.size; j++)
			if (snapshot.bytes[j] != 'a' + snapshot.version % 26)
				return failure("torn");
		snapshots_done(snapshots, &snapshot);
		if (i % 100 == 0)
			snapshots_drop(snapshots, owner);
		snapshots_trim(snapshots);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct snapshots *snapshots = *state;
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, snapshots), 0);
	for (int i = 0; i < THREADS; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		if (failed)
			fail_msg("%s", (const char *)failed);
	}
	for (int i = 1; i <= 3; i++)
		snapshots_drop(snapshots, OWNER(i));
	assert_int_equal(snapshots_count(snapshots), 0);
	assert_int_equal(snapshots_bytes(snapshots), 0);
}

static void test_what_was_replaced_is_kept_as_long_as_there_is_room(void **state)
{
	struct snapshots *snapshots = *state;
	uint64_t first = snapshot_number(OWNER(1), 1), second = snapshot_number(OWNER(1), 2);
	struct snapshot snapshot;
	pf_text text = { 0 };

	pf_text_puts(&text, "one");
	snapshots_keep(snapshots, first, 7, &text);
	pf_text_puts(&text, "other");
	snapshots_keep(snapshots, first, 8, &text); /* there already */
	pf_text_puts(&text, "two");
	snapshots_keep(snapshots, second, 8, &text);
	assert_true(snapshots_use(snapshots, first, &snapshot));
	assert_int_equal(snapshot.size, 3);
	assert_int_equal(snapshot.mtime, 7);
	assert_memory_equal(snapshot.bytes, "one", 3);
	snapshots_done(snapshots, &snapshot);
	put_idle(snapshots, OWNER(2), 1, 'x', SOFT - 3);
	assert_true(snapshots_use(snapshots, first, &snapshot)); /* the last that was used */
	snapshots_done(snapshots, &snapshot);
	assert_false(snapshots_use(snapshots, second, &snapshot));
	put_idle(snapshots, OWNER(2), 2, 'x', SOFT);
	assert_false(snapshots_use(snapshots, first, &snapshot));
	assert_int_equal(snapshots_count(snapshots), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_newest_of_an_owner_stays),
		TEST(test_what_the_kernel_has_stays_until_it_forgets),
		TEST(test_what_is_in_use_stays),
		TEST(test_bytes_are_bounded),
		TEST(test_use_makes_newer),
		cmocka_unit_test_setup_teardown(test_what_was_used_a_moment_ago_stays_up_to_the_hard_bound,
						setup_patient, teardown),
		TEST(test_bytes_come_back),
		TEST(test_the_first_of_two_renderings_is_taken),
		TEST(test_an_owner_that_is_gone),
		TEST(test_what_was_replaced_is_kept_as_long_as_there_is_room),
		TEST(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
