/*
 * One mounted file system: what its nodes and its writer share.
 */
#ifndef PF_FS_H
#define PF_FS_H

#include "change.h"
#include "draft.h"
#include "node.h"
#include "outcome.h"
#include "queries.h"
#include "snapshot.h"
#include "told.h"

struct pf_fs {
	pf_store *store;	  /* owned */
	pf_extract_limits limits; /* as given, zeros for the defaults */
	int64_t mounted_at;	  /* ns; the time of what has no time of its own */
	bool read_only;
	struct drafts *drafts;	     /* owned */
	struct outcomes *outcomes;   /* owned */
	struct queries *queries;     /* owned */
	struct snapshots *snapshots; /* owned */
	struct told *told_similar;   /* owned; similar/ of components */
	struct told *told_prompts;   /* owned; scopes whose prompt.md */
	struct told *rendered;	     /* owned; documents to be kept */
	struct readahead *readahead; /* owned */
	bool (*lengthy)(void);	     /* see fs_lengthy; may be NULL */
	struct writer *writer;	     /* owned; read-only, it only follows what others write */
};

/* Takes STORE over, also on failure. */
struct pf_fs *fs_new(pf_store *store, const pf_extract_limits *limits, bool read_only, pf_err *err);
/* Starts the threads, which tell the kernel by OPS: before the first request, and not before fork(). */
int fs_start(struct pf_fs *fs, const struct kernel_ops *ops, void *arg, pf_err *err);
/*
 * Commits what is queued and what is in drafts, answers, and ends the writer's threads. Requests must be served
 * meanwhile (change.h) and may be afterwards: those that change something fail.
 */
void fs_stop(struct pf_fs *fs);
/* Stops, and closes the store. Nobody may be served any more. NULL is fine. */
void fs_free(struct pf_fs *fs);

/* What the calling thread, which serves, is about to do may take long: whether others are served meanwhile. */
bool fs_lengthy(struct pf_fs *fs);

/* Now, ns since the epoch. */
int64_t fs_now(void);
/* Now, ns since some moment, for what must not follow a clock that is set. */
int64_t fs_monotonic(void);

#endif
