#include "follow.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	LOOK_NS = 1000 * 1000, /* how often it is looked where the asker runs: that costs about a request */
	SLOW_NS = 300 * 1000,  /* a question that takes longer: it was in vain, or makes no difference */
	WORTH = 1024,	       /* questions without one that was slow: it is worth it */
	PATIENCE_MIN = 64,
	PATIENCE_MAX = 8 * 1024,
	ANY = -1,
	INHERITED = -2,	    /* a thread begins where the one may run that made it */
	PROCESSOR = 39 - 3, /* the field of proc(5)'s stat, counted from the state, which comes behind the name */
};

static _Thread_local int bound = INHERITED;

void follow_start(struct follow *follow)
{
	*follow = (struct follow){ .cpu = ANY };
	follow->able = sched_getaffinity(0, sizeof follow->all, &follow->all) == 0 && CPU_COUNT(&follow->all) > 1;
}

bool follow_bound(void)
{
	return bound >= 0;
}

/* The CPU in a line of stat, or ANY. */
static int parse_cpu(const char *stat)
{
	const char *at = strrchr(stat, ')'); /* a name may have any */
	int cpu;

	for (int field = 0; at && field <= PROCESSOR; field++)
		at = strchr(at + 1, ' ');
	return at && sscanf(at, "%d", &cpu) == 1 && cpu >= 0 && cpu < CPU_SETSIZE ? cpu : ANY;
}

/* Where THREAD ran last; ANY where it is gone, or not to be seen. */
static int cpu_of(pid_t thread)
{
	char path[32], stat[1024];
	ssize_t len;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)thread);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ANY;
	len = read(fd, stat, sizeof stat - 1);
	close(fd);
	if (len <= 0)
		return ANY;
	stat[len] = '\0';
	return parse_cpu(stat);
}

static void bind_to(struct follow *follow, int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	if (cpu != ANY)
		CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof one, cpu == ANY ? &follow->all : &one) == 0) {
		bound = cpu;
		return;
	}
	/* It may not run there any more. */
	follow->able = false;
	bound = ANY;
	sched_setaffinity(0, sizeof follow->all, &follow->all);
}

static void begin(struct follow *follow, pid_t asker)
{
	follow->asker = asker;
	follow->streak = 0;
	follow->cpu = ANY;
	follow->looked_at = INT64_MIN / 2;
}

static void give_up(struct follow *follow)
{
	follow->patience *= 2;
	if (follow->patience < PATIENCE_MIN)
		follow->patience = PATIENCE_MIN;
	if (follow->patience > PATIENCE_MAX)
		follow->patience = PATIENCE_MAX;
	follow->rest = follow->patience;
	begin(follow, follow->asker);
}

static void look(struct follow *follow, int64_t now)
{
	int cpu = cpu_of(follow->asker);

	follow->looked_at = now;
	follow->cpu = cpu != ANY && CPU_ISSET(cpu, &follow->all) ? cpu : ANY;
}

/* The asker of before asks again. */
static void go_on(struct follow *follow, int64_t now)
{
	if (follow->rest) {
		follow->rest--;
		return;
	}
	follow->streak++;
	if (follow->cpu != ANY && now - follow->asked_at > SLOW_NS)
		give_up(follow);
	else if (follow->streak > FOLLOW_STREAK && now - follow->looked_at >= LOOK_NS)
		look(follow, now);
	if (follow->streak == WORTH)
		follow->patience = 0;
}

void follow_request(struct follow *follow, pid_t asker, int64_t now)
{
	if (asker <= 0 || !follow->able)
		return;
	if (asker == follow->asker)
		go_on(follow, now);
	else
		begin(follow, asker);
	follow->asked_at = now;
	if (bound != follow->cpu)
		bind_to(follow, follow->cpu);
}
