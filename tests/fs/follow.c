/* Who serves runs where who asks does: once nobody else asks, as long as that is quick. */
#include "follow.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cmocka.h>

enum { QUICK = 20 * 1000, SLOW = 5 * 1000 * 1000, LOOK = 2 * 1000 * 1000, REST = 64 };

/* A thread that asks, and where it runs. */
struct asker {
	pthread_t thread;
	atomic_int id, cpu;
	atomic_bool end;
};

struct scene {
	struct follow follow;
	struct asker one, other;
	cpu_set_t all;
	int cpus[2]; /* two where it may run; the same where there is one */
	int64_t now;
};

static void *ask(void *arg)
{
	struct asker *asker = arg;

	/* A name that is to be told from what comes behind it. */
	prctl(PR_SET_NAME, "a) R 1 2 (b");
	atomic_store(&asker->id, gettid());
	while (!atomic_load(&asker->end)) {
		atomic_store(&asker->cpu, sched_getcpu());
		usleep(500);
	}
	return NULL;
}

static void run_on(struct asker *asker, int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(atomic_load(&asker->id), sizeof one, &one), 0);
	while (atomic_load(&asker->cpu) != cpu)
		usleep(500);
}

static void start(struct asker *asker)
{
	*asker = (struct asker){ .cpu = -1 };
	assert_int_equal(pthread_create(&asker->thread, NULL, ask, asker), 0);
	while (!atomic_load(&asker->id) || atomic_load(&asker->cpu) < 0)
		usleep(500);
}

static void end(struct asker *asker)
{
	atomic_store(&asker->end, true);
	assert_int_equal(pthread_join(asker->thread, NULL), 0);
}

static int setup(void **state)
{
	static struct scene scene;
	int count = 0;

	scene = (struct scene){ .now = 1 };
	if (sched_getaffinity(0, sizeof scene.all, &scene.all) < 0)
		return -1;
	for (int cpu = 0; cpu < CPU_SETSIZE && count < 2; cpu++)
		if (CPU_ISSET(cpu, &scene.all))
			scene.cpus[count++] = cpu;
	if (count == 1)
		scene.cpus[1] = scene.cpus[0];
	start(&scene.one);
	start(&scene.other);
	run_on(&scene.one, scene.cpus[0]);
	run_on(&scene.other, scene.cpus[0]);
	follow_start(&scene.follow);
	*state = &scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	end(&s->one);
	end(&s->other);
	return sched_setaffinity(0, sizeof s->all, &s->all);
}

static void asks(struct scene *s, pid_t id, int count, int64_t each)
{
	for (int i = 0; i < count; i++)
		follow_request(&s->follow, id, s->now += each);
}

static bool is_alone(const struct scene *s)
{
	return s->cpus[0] == s->cpus[1];
}

static void assert_runs_on(const struct scene *s, int cpu)
{
	cpu_set_t now;

	assert_int_equal(sched_getaffinity(0, sizeof now, &now), 0);
	if (is_alone(s)) {
		assert_false(follow_bound());
		return;
	}
	assert_true(follow_bound());
	assert_int_equal(CPU_COUNT(&now), 1);
	assert_true(CPU_ISSET(cpu, &now));
}

static void assert_runs_anywhere(const struct scene *s)
{
	cpu_set_t now;

	assert_int_equal(sched_getaffinity(0, sizeof now, &now), 0);
	assert_false(follow_bound());
	assert_true(CPU_EQUAL(&now, &s->all));
}

static void where_one_asks(void **state)
{
	struct scene *s = *state;
	pid_t one = atomic_load(&s->one.id);

	asks(s, one, FOLLOW_STREAK, QUICK);
	assert_runs_anywhere(s);
	asks(s, one, 2, QUICK);
	assert_runs_on(s, s->cpus[0]);
	/* Who asks may be elsewhere by now. */
	run_on(&s->one, s->cpus[1]);
	asks(s, one, LOOK / QUICK, QUICK);
	assert_runs_on(s, s->cpus[1]);
}

static void not_where_others_ask(void **state)
{
	struct scene *s = *state;
	pid_t one = atomic_load(&s->one.id), other = atomic_load(&s->other.id);

	asks(s, one, FOLLOW_STREAK + 2, QUICK);
	assert_runs_on(s, s->cpus[0]);
	/* What nobody waits for is nobody's. */
	asks(s, 0, 3, QUICK);
	assert_runs_on(s, s->cpus[0]);
	for (int i = 0; i < 4 * FOLLOW_STREAK; i++) {
		asks(s, other, 1, QUICK);
		assert_runs_anywhere(s);
		asks(s, one, 1, QUICK);
	}
	asks(s, other, FOLLOW_STREAK + 2, QUICK);
	assert_runs_on(s, s->cpus[0]);
}

static void not_where_it_is_slow(void **state)
{
	struct scene *s = *state;
	pid_t one = atomic_load(&s->one.id);

	asks(s, one, FOLLOW_STREAK + 2, QUICK);
	assert_runs_on(s, s->cpus[0]);
	for (int rest = REST; rest < 8 * REST; rest *= 2) {
		asks(s, one, 1, SLOW);
		assert_runs_anywhere(s);
		asks(s, one, rest + FOLLOW_STREAK, QUICK);
		assert_runs_anywhere(s);
		asks(s, one, 2, QUICK);
		assert_runs_on(s, s->cpus[0]);
	}
}

static void not_where_nobody_is_seen(void **state)
{
	struct scene *s = *state;
	pid_t gone = atomic_load(&s->other.id);

	end(&s->other);
	asks(s, gone, 4 * FOLLOW_STREAK, QUICK);
	assert_runs_anywhere(s);
	asks(s, -1, 4 * FOLLOW_STREAK, QUICK);
	assert_runs_anywhere(s);
	start(&s->other);
}

struct served {
	struct scene *scene;
	bool anywhere;
};

static void *serve(void *arg)
{
	struct served *served = arg;
	struct scene *s = served->scene;
	cpu_set_t now;

	follow_request(&s->follow, atomic_load(&s->other.id), s->now += QUICK);
	served->anywhere = sched_getaffinity(0, sizeof now, &now) == 0 && CPU_EQUAL(&now, &s->all);
	return NULL;
}

/* A thread that one makes which is bound begins bound. */
static void another_begins_anywhere(void **state)
{
	struct scene *s = *state;
	struct served served = { .scene = s };
	pthread_t thread;

	asks(s, atomic_load(&s->one.id), FOLLOW_STREAK + 2, QUICK);
	assert_runs_on(s, s->cpus[0]);
	assert_int_equal(pthread_create(&thread, NULL, serve, &served), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(served.anywhere);
	asks(s, atomic_load(&s->other.id), 1, QUICK);
	assert_runs_anywhere(s);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(where_one_asks),		TEST(not_where_others_ask),    TEST(not_where_it_is_slow),
		TEST(not_where_nobody_is_seen), TEST(another_begins_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
