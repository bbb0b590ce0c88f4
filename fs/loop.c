#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "log.h"

enum { NO_MEMORY_MS = 100 }; /* until it is tried again */

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

	pthread_mutex_t lock; /* guards the next; may be taken by who leads */
	unsigned idle;	      /* threads that want to lead */
};

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

/* Leading: the next request, in BUFFER. 0 where there is none any more; -ENOMEM where there was no memory for it. */
static int receive(struct loop *loop, struct fuse_buf *buffer)
{
	struct pollfd fds[] = { { .fd = fuse_session_fd(loop->session), .events = POLLIN },
				{ .fd = loop->stop, .events = POLLIN } };

	while (!loop->over) {
		int got = fuse_session_receive_buf(loop->session, buffer);

		if (got > 0 || got == -ENOMEM)
			return got;
		if (got == 0) {
			end(loop, 0);
		} else if (got == -EAGAIN) {
			if (poll(fds, 2, -1) < 0 && errno != EINTR)
				end(loop, -errno);
			else if (fds[1].revents)
				loop->over = true;
		} else if (got != -EINTR) {
			end(loop, got);
		}
	}
	return 0;
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

/* Counted as idle from its start on. */
static void *thread_main(void *arg)
{
	struct loop *loop = arg;
	struct fuse_buf buffer = { 0 };
	int got;

	do {
		pthread_mutex_lock(&loop->lead);
		count_idle(loop, -1);
		got = receive(loop, &buffer);
		if (got > 0)
			find_successor(loop);
		pthread_mutex_unlock(&loop->lead);
		if (got > 0)
			fuse_session_process_buf(loop->session, &buffer);
		else if (got < 0)
			usleep(NO_MEMORY_MS * 1000); /* meanwhile others may lead, that have their memory already */
		if (got)
			count_idle(loop, 1);
	} while (got);
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
