/*
 * The threads that serve the kernel's requests.
 *
 * One of them leads: it takes the next request from the device, and carries out
 * itself what is brief, which most is. Before what may take long (a commit, a
 * query: loop_step_down), and as long as requests turn out to take long (a cold
 * disk), another takes the lead, or a new thread does where none is idle. So
 * there are as many threads as long requests were being carried out at once, but
 * no more than LOOP_THREADS.
 *
 * To be woken costs a thread, where that is another virtual CPU's, more than
 * what most requests ask for; and who asks for one thing mostly asks for another
 * as soon as it is answered. So who leads stays awake for a moment, as long as
 * that turns out to be worth it: whenever it waits in vain, twice as many
 * requests go by until it is tried again. Where requests come seldom it sleeps.
 *
 * libfuse has such a loop too. It cannot be used, for when it is told to end it
 * drops requests that it has taken from the kernel, and then nobody serves any
 * more while the writer still commits what is queued and tells the kernel: a
 * notice that waits for a page being read (change.h) would wait for ever. This
 * one goes on until the writer is through, and answers all that it took.
 */
#ifndef PF_LOOP_H
#define PF_LOOP_H

#include "ll.h"

struct loop;

enum { LOOP_THREADS = 10 };

/*
 * Starts serving LL's session, which is mounted, with up to THREADS threads.
 * NULL on failure. They keep the caller's signal mask.
 */
struct loop *loop_start(struct ll *ll, unsigned threads, pf_err *err);
/* A descriptor that becomes readable once there is nothing to serve any more: unmounted, cut off, or the device failed.
 */
int loop_ended(const struct loop *loop);
/*
 * Lets each thread finish what it took, ends them, and frees LOOP. Requests that nobody took stay unanswered, until the
 * session is unmounted. Returns 0, or minus the errno value by which the device failed. NULL is fine.
 */
int loop_stop(struct loop *loop);

/*
 * The request that the calling thread carries out may take long: from here on the thread does not lead. Whether whoever
 * else wants something is served meanwhile, by another thread.
 */
bool loop_step_down(void);

#endif
