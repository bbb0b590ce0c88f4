/*
 * Queries by number: what a path of key=value directories below query/ says.
 *
 * Such a directory is no row of the store, so its inode number needs something
 * to stand for: each (parent, "key=value") that the kernel looks up gets a
 * number here. The number is counted: one for each time that an entry which
 * carries it was given to the kernel (the directory itself, its documents, its
 * links), one for each query that narrows it. What the kernel has forgotten goes,
 * and its number may come again; so what is kept here is bounded by what the
 * kernel keeps, and beyond QUERIES_MAX nothing is let in.
 *
 * All functions are thread-safe, and none waits for the store.
 */
#ifndef PF_QUERIES_H
#define PF_QUERIES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"

struct queries;

enum {
	QUERIES_BITS = 28,    /* of a number, and of what is packed beside it into a node's id */
	QUERIES_MAX = 1 << 16 /* at once */
};

struct queries *queries_new(void);
void queries_free(struct queries *queries);

/*
 * NUMBER stands for PARENT (0: query/ itself) narrowed by PAIR, and is looked up once more. PARENT must be looked up.
 * EINVAL, with the sentence of pf_query_narrow; ENFILE where there are too many.
 */
int queries_look_up(struct queries *queries, int64_t parent, const char *pair, int64_t *number, pf_err *err);
/* NUMBER, which is looked up already, is so once more: by an entry that carries it. */
void queries_hold(struct queries *queries, int64_t number);

/* Receives what is gone, before its number can come again. Called without the lock. */
typedef void queries_gone(void *arg, int64_t number);
/* NUMBER is looked up LOOKUPS times less. */
void queries_forget(struct queries *queries, int64_t number, uint64_t lookups, queries_gone *gone, void *arg);

/*
 * What NUMBER stands for; NULL and ESTALE where it stands for nothing. Valid as long as NUMBER is looked up, which the
 * kernel sees to during a request about it.
 */
const pf_query *queries_get(struct queries *queries, int64_t number, pf_err *err);
/* How many pairs its path has. 0: none such. */
int queries_depth(struct queries *queries, int64_t number);
/* Appends its pairs in the order of the path, each followed by SEPARATOR; nothing where it stands for nothing. */
void queries_path(struct queries *queries, int64_t number, char separator, pf_text *out);
/* How many there are now. */
size_t queries_count(struct queries *queries);

/* A directory below query/ by its place. */
struct queries_entry {
	int64_t parent;
	char pair[NAME_MAX + 1];
};
/*
 * Where there are more than KEEP: up to ROOM of those that nothing narrows, looked up longest ago first, for the
 * kernel to be asked to forget them. Each is named once in a while only.
 */
size_t queries_idle(struct queries *queries, size_t keep, struct queries_entry *entries, size_t room);

#endif
