/*
 * Follow: who serves runs on the CPU of who asks.
 *
 * Who waits for an answer does not run meanwhile, and who gives it has nothing
 * to do before the next question. So one CPU does for both, and to hand it over
 * is a switch of tasks. The scheduler would rather wake a task on a CPU that is
 * idle, and then each question and each answer has to start one: ten times the
 * cost of a brief request, more where CPUs are virtual. So once one thread asks
 * time after time, and nobody else, the thread that serves binds itself to its
 * CPU, and looks now and then whether that is still it. Where several ask it may
 * run anywhere again.
 *
 * Where somebody else wants that CPU too, both wait for him each time, which costs
 * hundreds of times as much. So where the next question takes long, whatever it
 * is that takes it, the thread is let go, for so many requests more each time.
 *
 * The leader's (loop.h): one thread at a time.
 */
#ifndef PF_FOLLOW_H
#define PF_FOLLOW_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct follow {
	cpu_set_t all; /* where the process may run */
	bool able;
	pid_t asker;	   /* a thread; 0: none yet */
	int64_t asked_at;  /* ns, monotonic; its last question */
	int64_t looked_at; /* where it runs */
	int cpu;	   /* to serve it on; -1: any */
	unsigned streak;   /* questions without anybody else's between them */
	unsigned rest;	   /* so many more go by before it is tried again */
	unsigned patience; /* how many were to go by last time */
};

enum { FOLLOW_STREAK = 16 }; /* so long makes it worth it */

/* The calling thread may run where all may that serve. */
void follow_start(struct follow *follow);
/* The calling thread is about to serve a request of the thread ASKER (0: nobody's), at NOW (ns, monotonic). */
void follow_request(struct follow *follow, pid_t asker, int64_t now);
/* Whether the calling thread is bound to its asker's CPU, who can only run once it sleeps. */
bool follow_bound(void);

#endif
