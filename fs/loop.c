#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "log.h"

enum {
	AWAKE_NS = 50 * 1000,	  /* for how long who leads waits awake for the next request */
	CROWDED_NS = 1000 * 1000, /* who waits awake for so long was not let run */
	BRIEF_NS = 200 * 1000,	  /* a request that takes longer is none for who leads */
	/* How many requests go by until waiting awake is tried again: */
	PATIENCE_MIN = 8,	 /* it was in vain once */
	PATIENCE_CROWDED = 1024, /* the machine has more to do */
	PATIENCE_MAX = 8 * 1024, /* however often it was */
	NO_MEMORY_MS = 100,	 /* until it is tried again */
};

struct loop {
	struct fuse_session *session; /* borrowed */
	unsigned max_threads;
	int stop;  /* an eventfd: end */
	int ended; /* an eventfd: there is nothing to serve any more */

	pthread_mutex_t lead; /* who holds it takes the next request; it guards what follows */
	pthread_t threads[LOOP_THREADS];
	unsigned count;
	bool over; /* no thread takes the lead any more */
	int result;
	int64_t answered_at; /* ns, monotonic; the last request that who leads carried out */
	unsigned patience;   /* 0: waiting awake is worth it */
	unsigned asleep;     /* so many requests go by before it is tried */

	pthread_mutex_t lock; /* guards the next; may be taken by who leads */
	unsigned idle;	      /* threads that want to lead */

	atomic_bool stopping; /* whoever leads ends */
	atomic_bool lengthy;  /* the last request took long */
};

static _Thread_local struct loop *leading; /* what the thread leads, or NULL */
static _Thread_local bool relieved;	   /* it stepped down, and there are others */

static void count_idle(struct loop *loop, int by)
{
	pthread_mutex_lock(&loop->lock);
	loop->idle += (unsigned)by;
	pthread_mutex_unlock(&loop->lock);
}

static bool has_idle(struct loop *loop)
{
	bool has;

	pthread_mutex_lock(&loop->lock);
	has = loop->idle > 0;
	pthread_mutex_unlock(&loop->lock);
	return has;
}

static void signal_event(int fd)
{
	/* It cannot fail: the counter is far from its end. */
	if (eventfd_write(fd, 1) < 0)
		pf_log(PF_LOG_ERROR, "cannot signal an event: %s", strerror(errno));
}

/* Leading: there will be nothing more to serve, for RESULT. */
static void end(struct loop *loop, int result)
{
	loop->over = true;
	loop->result = result;
	signal_event(loop->ended);
}

/*
 * Leading: to be awake was in vain, for the next request was not there in time. Or this thread did not run all the
 * time, for more want to than there are CPUs; then who sleeps is served first, and who does not has to wait its turn.
 */
static void grow_patience(struct loop *loop, int64_t waited)
{
	unsigned least = waited < CROWDED_NS ? PATIENCE_MIN : PATIENCE_CROWDED;

	loop->patience *= 2;
	if (loop->patience < least)
		loop->patience = least;
	if (loop->patience > PATIENCE_MAX)
		loop->patience = PATIENCE_MAX;
	loop->asleep = loop->patience;
}

/* Leading, with nothing to do since the last request was answered: whether to look again. */
static bool stay_awake(struct loop *loop)
{
	int64_t waited;

	if (loop->asleep || !loop->answered_at)
		return false;
	waited = fs_monotonic() - loop->answered_at;
	if (waited < AWAKE_NS)
		return true;
	grow_patience(loop, waited);
	return false;
}

/* Leading: waits for a request, or for the end. */
static void wait_asleep(struct loop *loop)
{
	struct pollfd fds[] = { { .fd = fuse_session_fd(loop->session), .events = POLLIN },
				{ .fd = loop->stop, .events = POLLIN } };

	if (poll(fds, 2, -1) < 0 && errno != EINTR)
		end(loop, -errno);
}

/* Leading: the next request, in BUFFER. 0 where there is none any more; -ENOMEM where there was no memory for it. */
static int receive(struct loop *loop, struct fuse_buf *buffer)
{
	if (loop->asleep)
		wait_asleep(loop);
	while (!loop->over && !atomic_load_explicit(&loop->stopping, memory_order_relaxed)) {
		int got = fuse_session_receive_buf(loop->session, buffer);

		if (got > 0 || got == -ENOMEM)
			return got;
		if (got == 0)
			end(loop, 0);
		else if (got != -EAGAIN && got != -EINTR)
			end(loop, got);
		else if (!stay_awake(loop))
			wait_asleep(loop);
	}
	return 0;
}

/* Leading: a request is there, at NOW. */
static void learn(struct loop *loop, int64_t now)
{
	if (loop->asleep)
		loop->asleep--;
	else if (loop->answered_at && now - loop->answered_at < AWAKE_NS)
		loop->patience = 0;
	else if (loop->answered_at)
		grow_patience(loop, now - loop->answered_at);
}

static void *thread_main(void *arg);

/* Leading: sees to it that another thread wants to lead, where there can be one. False where none could be started. */
static bool find_successor(struct loop *loop)
{
	if (loop->count == loop->max_threads || has_idle(loop))
		return true;
	count_idle(loop, 1);
	if (pthread_create(&loop->threads[loop->count], NULL, thread_main, loop) == 0) {
		loop->count++;
		return true;
	}
	count_idle(loop, -1);
	return false;
}

bool loop_step_down(void)
{
	struct loop *loop = leading;

	if (!loop)
		return relieved;
	leading = NULL;
	find_successor(loop);
	relieved = loop->count > 1;
	pthread_mutex_unlock(&loop->lead);
	return relieved;
}

static void carry_out(struct loop *loop, const struct fuse_buf *buffer)
{
	int64_t start = fs_monotonic(), now;
	bool lengthy = atomic_load_explicit(&loop->lengthy, memory_order_relaxed), led;

	learn(loop, start);
	if (lengthy)
		loop_step_down();
	led = leading != NULL;
	fuse_session_process_buf(loop->session, buffer);
	now = fs_monotonic();
	/* Who stepped down knew that it would take long. */
	if ((leading || !led) && lengthy != (now - start > BRIEF_NS))
		atomic_store_explicit(&loop->lengthy, !lengthy, memory_order_relaxed);
	if (leading)
		loop->answered_at = now;
}

/* Counted as idle from its start on. */
static void *thread_main(void *arg)
{
	struct loop *loop = arg;
	struct fuse_buf buffer = { 0 };

	for (;;) {
		int got = 0;

		pthread_mutex_lock(&loop->lead);
		count_idle(loop, -1);
		leading = loop;
		relieved = false;
		loop->answered_at = 0;
		while (leading && (got = receive(loop, &buffer)) > 0)
			carry_out(loop, &buffer);
		if (leading && got == 0)
			break; /* there is nothing any more */
		if (leading) {
			leading = NULL;
			pthread_mutex_unlock(&loop->lead);
			usleep(NO_MEMORY_MS * 1000); /* meanwhile others may lead, that have their memory already */
		}
		count_idle(loop, 1);
	}
	leading = NULL;
	pthread_mutex_unlock(&loop->lead);
	free(buffer.mem);
	return NULL;
}

static void loop_free(struct loop *loop)
{
	close(loop->stop);
	close(loop->ended);
	pthread_mutex_destroy(&loop->lead);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

struct loop *loop_start(struct ll *ll, unsigned threads, pf_err *err)
{
	struct loop *loop = calloc(1, sizeof *loop);
	int fd = fuse_session_fd(ll->session), flags = fcntl(fd, F_GETFL), result = 0;

	if (!loop) {
		pf_fail(err, ENOMEM, "no memory to start");
		return NULL;
	}
	loop->session = ll->session;
	loop->max_threads = threads < LOOP_THREADS ? threads : LOOP_THREADS;
	pthread_mutex_init(&loop->lead, NULL);
	pthread_mutex_init(&loop->lock, NULL);
	loop->stop = eventfd(0, EFD_CLOEXEC);
	loop->ended = eventfd(0, EFD_CLOEXEC);
	/* Who leads waits for the device and for the end. */
	if (loop->stop < 0 || loop->ended < 0 || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		result = errno;
	pthread_mutex_lock(&loop->lead);
	if (result == 0 && !find_successor(loop))
		result = EAGAIN;
	pthread_mutex_unlock(&loop->lead);
	if (result) {
		pf_fail(err, result, "cannot start serving: %s", strerror(result));
		loop_free(loop);
		return NULL;
	}
	return loop;
}

int loop_ended(const struct loop *loop)
{
	return loop->ended;
}

int loop_stop(struct loop *loop)
{
	int result;

	if (!loop)
		return 0;
	atomic_store(&loop->stopping, true);
	signal_event(loop->stop);
	/* Once it is over no thread starts another. */
	pthread_mutex_lock(&loop->lead);
	loop->over = true;
	pthread_mutex_unlock(&loop->lead);
	for (unsigned i = 0; i < loop->count; i++)
		pthread_join(loop->threads[i], NULL);
	result = loop->result;
	loop_free(loop);
	return result;
}
