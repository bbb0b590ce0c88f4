#include "fs.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "readahead.h"

enum { DEFAULT_MAX_FILE = 4 << 20, TOLD_MAX = 8192, PROMPTS_MAX = 1024 };

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t fs_now(void)
{
	return clock_ns(CLOCK_REALTIME);
}

int64_t fs_monotonic(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

struct pf_fs *fs_new(pf_store *store, const pf_extract_limits *limits, bool read_only, pf_err *err)
{
	struct pf_fs *fs = calloc(1, sizeof *fs);

	if (!fs) {
		pf_store_close(store);
		pf_fail(err, ENOMEM, "no memory to start");
		return NULL;
	}
	fs->store = store;
	fs->limits = *limits;
	fs->read_only = read_only;
	fs->mounted_at = fs_now();
	fs->drafts = drafts_new(store, limits->max_source ? limits->max_source : DEFAULT_MAX_FILE);
	fs->outcomes = outcomes_new();
	fs->queries = queries_new();
	fs->snapshots = snapshots_new(SNAPSHOTS_SOFT, SNAPSHOTS_HARD, (int64_t)SNAPSHOTS_GRACE_S * 1000000000);
	fs->told_similar = told_new(TOLD_MAX);
	fs->told_prompts = told_new(PROMPTS_MAX);
	fs->rendered = told_new(TOLD_MAX);
	if (fs->drafts && fs->outcomes && fs->queries && fs->snapshots && fs->told_similar && fs->told_prompts &&
	    fs->rendered)
		fs->readahead = readahead_new(fs, err);
	if (fs->readahead)
		fs->writer = writer_new(fs, err);
	if (!fs->writer) {
		pf_fail(err, ENOMEM, "no memory to start");
		fs_free(fs);
		return NULL;
	}
	return fs;
}

int fs_start(struct pf_fs *fs, const struct kernel_ops *ops, void *arg, pf_err *err)
{
	int result = readahead_start(fs->readahead, ops, arg, err);

	return result < 0 ? result : writer_start(fs->writer, ops, arg, err);
}

bool fs_lengthy(struct pf_fs *fs)
{
	return fs->lengthy && fs->lengthy();
}

void fs_stop(struct pf_fs *fs)
{
	writer_stop(fs->writer);
	readahead_stop(fs->readahead);
}

void fs_free(struct pf_fs *fs)
{
	if (!fs)
		return;
	writer_free(fs->writer); /* it waits for the other */
	readahead_free(fs->readahead);
	drafts_free(fs->drafts);
	outcomes_free(fs->outcomes);
	queries_free(fs->queries);
	snapshots_free(fs->snapshots);
	told_free(fs->told_similar);
	told_free(fs->told_prompts);
	told_free(fs->rendered);
	pf_store_close(fs->store);
	free(fs);
}
