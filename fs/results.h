/*
 * The results of a query at one moment, as a directory lists them: one run of
 * the query serves its listing, its links and its counts (snapshot.h keeps it).
 *
 * In memory it is one block of bytes without pointers: a head, the rows, the
 * strings.
 */
#ifndef PF_RESULTS_H
#define PF_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"

struct results {
	int64_t total; /* how many there are, whatever the limit */
	int64_t count; /* how many the limit left */
	int32_t width; /* digits of a rank */
	bool of_components;
};

struct result {
	int64_t id;
	int64_t mtime;
	const char *path; /* from the root; valid as long as the block */
	const char *name; /* its last part */
};

/* Runs QUERY and appends its results to OUT, as a block; COUNTED: also how many there are beyond the limit. */
int results_collect(pf_store *store, const pf_query *query, bool counted, pf_text *out, pf_err *err);

/*
 * Appends the components most like COMPONENT as the store keeps them for the moment VERSION, as a block: 1; or 0, where
 * they are not kept.
 */
int results_recall(pf_store *store, int64_t component, int64_t version, pf_text *out, pf_err *err);
/* Keeps BLOCK, the components most like COMPONENT. */
int results_keep(pf_txn *txn, int64_t component, int64_t version, const char *block, pf_err *err);

/* BLOCK: as results_collect made it, aligned as malloc does. */
struct results results_of(const char *block);
/* The one of INDEX, from 0. */
struct result results_get(const char *block, int64_t index);
/* The index of the one whose id is ID, or -1. */
int64_t results_find(const char *block, int64_t id);

/*
 * The name of a link to the one of INDEX: its rank and its name, "001-dual_import-3f9a1c2e.json". NAME has room for
 * NAME_MAX + 1 bytes; false where the name does not fit.
 */
bool results_link_name(const char *block, int64_t index, char *name);
/*
 * The index of the one that a link called NAME leads to, or -1. A rank of a moment ago will do: verdicts come between
 * a listing and the use of what it listed. (Not where several are called so, in directories of their own.)
 */
int64_t results_find_link(const char *block, const char *name);

#endif
