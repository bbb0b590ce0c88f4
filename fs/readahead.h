/*
 * Readahead: documents that the kernel is given before it asks for them.
 *
 * Documents are small, so that the kernel's own readahead, which goes on within
 * a file, finds nothing to do, and a program that reads a directory of a
 * thousand pays for a thousand requests. But who has read one and, a moment
 * later, another, mostly reads the rest. So a thread of its own then hands the
 * directory's documents over, in chunks that grow as long as requests keep
 * coming: those read first are found in the page cache by whoever is as fast, and
 * a directory that is left costs no more than the last chunk. Only what the
 * kernel has listed or looked up can be handed over.
 *
 * Listings are the store's to read ahead: who has seen a few directories mostly
 * walks through all, and the disk is asked for the rest of them, once a mount.
 *
 * Never older than what was told. A document that is read from the store, then
 * changed, told of (change.h), and handed over after that, would stay in the page
 * cache for good. So the writer waits, between its commit and its notices, for
 * what is being handed over (readahead_settle); and nothing is read from the
 * store while it holds more than the kernel was told of, so that what is handed
 * over is always what the kernel has, should it have it, and no reader meets half
 * of one and half of another.
 *
 * Who waits for whom. To hand a page over waits for whoever has the page locked,
 * which is a reader waiting for a serving thread, and those wait for nobody. The
 * writer waits for a few documents at the most. Serving threads leave a note of
 * what was read, and never wait.
 */
#ifndef PF_READAHEAD_H
#define PF_READAHEAD_H

#include "node.h"

struct kernel_ops;
struct readahead;

struct readahead *readahead_new(struct pf_fs *fs, pf_err *err);
/* Starts the thread, which hands documents over by OPS (change.h): before the first request, and not before fork(). */
int readahead_start(struct readahead *readahead, const struct kernel_ops *ops, void *arg, pf_err *err);
/* Ends the thread, which may have to wait for a page that a serving thread gives. */
void readahead_stop(struct readahead *readahead);
/* Stops, and frees. NULL is fine. */
void readahead_free(struct readahead *readahead);

/* NODE was asked for NOW, by fs_monotonic. Any thread; waits for nothing. */
void readahead_asked(struct readahead *readahead, struct node node, int64_t now);

/* A directory of patterns was listed, from its beginning. Any thread; waits for nothing. */
void readahead_listed(struct readahead *readahead);

/*
 * The writer's, who is about to tell the kernel of what happened up to the event SEEN: returns once nothing is being
 * handed over that was read from the store before that. What is read from then on waits for readahead_told.
 */
void readahead_settle(struct readahead *readahead, int64_t seen);
/* The kernel was told of all up to the event TOLD. */
void readahead_told(struct readahead *readahead, int64_t told);

#endif
