#include "readahead.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fs.h"
#include "log.h"
#include "thread.h"
#include "version.h"

enum {
	QUEUE = 64,		  /* what was asked for and not yet looked at; more is dropped */
	RUNS = 16,		  /* directories that are read at the same time */
	BATCH = 16,		  /* documents that the writer may have to wait for */
	CHUNK_FIRST = 64,	  /* documents handed over for the second one that is asked for */
	CHUNK_MAX = 1024,	  /* and at most, each time one is asked for that was not there */
	UNKNOWN_MAX = 8,	  /* so many in a row that the kernel does not know: the directory was not listed */
	DOCUMENT_MAX = 128 << 10, /* bytes; what is longer, the kernel reads ahead itself */
	LISTED_WALK = 3,	  /* so many listings are a walk */
};
#define SOON ((int64_t)100 * 1000000) /* ns; who reads on does so within */

struct asked {
	int64_t pattern;
	int64_t at; /* ns, monotonic */
};

/* A directory that somebody reads. The thread's own. */
struct run {
	pf_scope scope; /* 0: none */
	int64_t first;	/* the pattern that it began behind */
	int64_t after;	/* the last one handed over */
	bool wrapped;	/* those up to FIRST are next, or done */
	bool done;
	int unknown; /* the last so many in a row */
	int chunk;
	int64_t at; /* until when something was handed over */
};

struct readahead {
	struct pf_fs *fs; /* borrowed */
	const struct kernel_ops *kernel;
	void *kernel_arg;
	pthread_t thread;
	bool started; /* it runs, or ran */

	pthread_mutex_t lock; /* guards what follows, up to the thread's own */
	pthread_cond_t wanted, handed;
	struct asked queue[QUEUE];
	unsigned first, count;
	int64_t asked_at;      /* the last document that was asked for */
	int64_t told;	       /* the event up to which the kernel was told */
	uint64_t begun, ended; /* batches; where they differ, one is being handed over */
	int listed;	       /* directories, up to LISTED_WALK */
	bool walked;	       /* so many, and the disk is not asked yet */
	bool stop;

	struct run runs[RUNS];
};

/* ---- Serving threads ---- */

void readahead_asked(struct readahead *ra, struct node node, int64_t now)
{
	if (node.kind != NODE_PATTERN)
		return;
	pthread_mutex_lock(&ra->lock);
	/* The first one says nothing yet. */
	if (now - ra->asked_at < SOON && ra->count < QUEUE) {
		ra->queue[(ra->first + ra->count++) % QUEUE] = (struct asked){ version_row(node), now };
		if (ra->count == 1)
			pthread_cond_signal(&ra->wanted);
	}
	ra->asked_at = now;
	pthread_mutex_unlock(&ra->lock);
}

void readahead_listed(struct readahead *ra)
{
	pthread_mutex_lock(&ra->lock);
	if (ra->listed < LISTED_WALK && ++ra->listed == LISTED_WALK) {
		ra->walked = true;
		pthread_cond_signal(&ra->wanted);
	}
	pthread_mutex_unlock(&ra->lock);
}

/* ---- The writer ---- */

void readahead_settle(struct readahead *ra, int64_t seen)
{
	uint64_t begun;

	pthread_mutex_lock(&ra->lock);
	begun = ra->begun;
	while (seen != ra->told && ra->ended < begun)
		pthread_cond_wait(&ra->handed, &ra->lock);
	pthread_mutex_unlock(&ra->lock);
}

void readahead_told(struct readahead *ra, int64_t told)
{
	pthread_mutex_lock(&ra->lock);
	ra->told = told;
	pthread_mutex_unlock(&ra->lock);
}

/* ---- The thread ---- */

/* False where it is to end; else until end_batch the writer waits. */
static bool begin_batch(struct readahead *ra, int64_t *told)
{
	bool go_on;

	pthread_mutex_lock(&ra->lock);
	go_on = !ra->stop;
	ra->begun += go_on;
	*told = ra->told;
	pthread_mutex_unlock(&ra->lock);
	return go_on;
}

static void end_batch(struct readahead *ra)
{
	pthread_mutex_lock(&ra->lock);
	ra->ended = ra->begun;
	pthread_cond_signal(&ra->handed);
	pthread_mutex_unlock(&ra->lock);
}

struct batch {
	struct readahead *readahead;
	struct run *run;
	int count;
	bool full;
};

static int hand_over(void *arg, const pf_pattern_entry *entry, const pf_text *document)
{
	struct batch *batch = arg;
	struct readahead *ra = batch->readahead;
	struct run *run = batch->run;
	struct node node;

	if (run->wrapped && entry->id > run->first)
		return 1;
	batch->full = batch->count == BATCH || run->unknown == UNKNOWN_MAX;
	if (batch->full)
		return 1;
	batch->count++;
	run->after = entry->id;
	/* As long as the kernel knows it to be, or it would be taken for a change. */
	if (document->len != (size_t)entry->size || document->len > DOCUMENT_MAX ||
	    version_node(NODE_PATTERN, entry->id, pattern_version(entry->size), &node, NULL) < 0)
		return 0;
	if (ra->kernel->store(ra->kernel_arg, node_ino(node), document->bytes, document->len) == -ENOENT)
		run->unknown++;
	else
		run->unknown = 0;
	return 0;
}

/* How many were looked at; 0 where no more are to be, now. */
static int next_batch(struct readahead *ra, struct run *run)
{
	struct batch batch = { .readahead = ra, .run = run };
	pf_err err = { 0 };
	int64_t told;
	int result;

	if (run->done || !begin_batch(ra, &told))
		return 0;
	result = pf_store_pattern_documents(ra->fs->store, told, run->scope, run->after, hand_over, &batch, &err);
	end_batch(ra);
	if (result == -ESTALE)
		return 0; /* the writer is about to tell of a change */
	if (result < 0)
		pf_log(PF_LOG_DEBUG, "cannot read ahead: %s", err.why);
	run->done = result < 0 || run->unknown == UNKNOWN_MAX || (run->wrapped && !batch.full);
	if (!batch.full && !run->wrapped) {
		run->wrapped = true;
		run->after = 0;
	}
	return batch.count + 1;
}

/* The run through SCOPE that the request for PATTERN at AT belongs to; NULL where it came before what is done. */
static struct run *find_run(struct readahead *ra, pf_scope scope, const struct asked *asked)
{
	struct run *run = &ra->runs[0];

	for (int i = 0; i < RUNS; i++) {
		if (ra->runs[i].scope == scope) {
			run = &ra->runs[i];
			break;
		}
		if (ra->runs[i].at < run->at)
			run = &ra->runs[i];
	}
	if (run->scope == scope && asked->at <= run->at)
		return NULL; /* it was on its way */
	if (run->scope == scope && !run->done && asked->at - run->at < SOON) {
		run->chunk = run->chunk < CHUNK_MAX / 2 ? run->chunk * 2 : CHUNK_MAX;
		return run;
	}
	*run = (struct run){ .scope = scope, .first = asked->pattern, .after = asked->pattern, .chunk = CHUNK_FIRST };
	return run;
}

static void follow(struct readahead *ra, const struct asked *asked)
{
	pf_pattern_entry entry;
	struct run *run;
	int left, count;

	if (pf_store_pattern_stat(ra->fs->store, asked->pattern, &entry, NULL) < 0)
		return;
	run = find_run(ra, entry.scope, asked);
	if (!run)
		return;
	for (left = run->chunk; left > 0; left -= count) {
		count = next_batch(ra, run);
		if (!count)
			break;
	}
	run->at = fs_monotonic();
}

static void prefetch_listings(struct readahead *ra)
{
	pf_err err = { 0 };

	if (pf_store_prefetch_listings(ra->fs->store, &err) < 0)
		pf_log(PF_LOG_DEBUG, "cannot read listings ahead: %s", err.why);
}

static void *readahead_main(void *arg)
{
	struct readahead *ra = arg;

	pthread_mutex_lock(&ra->lock);
	for (;;) {
		struct asked asked = { 0 };
		bool walked;

		while (!ra->count && !ra->walked && !ra->stop)
			pthread_cond_wait(&ra->wanted, &ra->lock);
		if (ra->stop)
			break;
		walked = ra->walked;
		ra->walked = false;
		if (!walked) {
			asked = ra->queue[ra->first];
			ra->first = (ra->first + 1) % QUEUE;
			ra->count--;
		}
		pthread_mutex_unlock(&ra->lock);
		if (walked)
			prefetch_listings(ra);
		else
			follow(ra, &asked);
		pthread_mutex_lock(&ra->lock);
	}
	pthread_mutex_unlock(&ra->lock);
	return NULL;
}

struct readahead *readahead_new(struct pf_fs *fs, pf_err *err)
{
	struct readahead *ra = calloc(1, sizeof *ra);

	if (!ra) {
		pf_fail(err, ENOMEM, "no memory to start");
		return NULL;
	}
	ra->fs = fs;
	ra->told = -1; /* nothing, until the writer says */
	pthread_mutex_init(&ra->lock, NULL);
	pthread_cond_init(&ra->wanted, NULL);
	pthread_cond_init(&ra->handed, NULL);
	return ra;
}

int readahead_start(struct readahead *ra, const struct kernel_ops *ops, void *arg, pf_err *err)
{
	int result;

	ra->kernel_arg = arg;
	ra->kernel = ops;
	result = thread_start(&ra->thread, readahead_main, ra);
	ra->started = result == 0;
	return result ? pf_fail(err, result, "cannot start a thread: %s", strerror(result)) : 0;
}

void readahead_stop(struct readahead *ra)
{
	bool stopped;

	if (!ra->started)
		return;
	pthread_mutex_lock(&ra->lock);
	stopped = ra->stop;
	ra->stop = true;
	pthread_cond_signal(&ra->wanted);
	pthread_mutex_unlock(&ra->lock);
	if (!stopped)
		pthread_join(ra->thread, NULL);
}

void readahead_free(struct readahead *ra)
{
	if (!ra)
		return;
	readahead_stop(ra);
	pthread_cond_destroy(&ra->wanted);
	pthread_cond_destroy(&ra->handed);
	pthread_mutex_destroy(&ra->lock);
	free(ra);
}
