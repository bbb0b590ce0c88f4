/*
 * Stale: what the kernel believes and a change has made untrue.
 *
 * The change feed says which patterns and components changed; here that becomes
 * the inodes and names of which the kernel must be told (change.h says when, and
 * in which order), and the documents of which older versions must be kept for
 * who is reading them (version.h).
 *
 * Each belongs to one thread at a time.
 */
#ifndef PF_STALE_H
#define PF_STALE_H

#include <limits.h>

#include "node.h"

struct stale_inode {
	uint64_t ino;
	bool pages;
};

struct stale_entry {
	uint64_t parent;
	char name[NAME_MAX + 1];
};

/* A document that is about to be another version, which PRESENT is. */
struct replaced {
	struct node row; /* its kind, and the row */
	struct node present;
	bool rewritten;
};

/* Zeroed is empty. Owns its arrays. */
struct stale {
	struct stale_inode *inodes;
	uint32_t inode_count, inode_room;
	struct stale_entry *entries;
	uint32_t entry_count, entry_room;
	struct replaced *replaced;
	uint32_t replaced_count, replaced_room;
	pf_scope scope; /* whose directories were added last; 0: none */
	bool gone;	/* a pattern is gone, and perhaps its directory with it */
	bool learned;	/* a component is new, or changed */
	bool revised;	/* a component that was there before shows other patterns, or shows them otherwise */
	bool failed;	/* memory ran out: a notice is missing */
};

/* Adds NODE's attributes and, with PAGES, its pages or listing; adds NAME in PARENT. */
void stale_inode(struct stale *stale, struct node node, bool pages);
void stale_entry(struct stale *stale, struct node parent, const char *name);
/* Adds what CHANGE made stale to STALE, a struct stale; returns 0: for pf_store_changes(). */
int stale_change(void *stale, const pf_change *change);
/* Adds what changes with anything that the feed says; once all of that is added. */
void stale_totals(struct pf_fs *fs, struct stale *stale);
/*
 * Keeps the documents of before what STALE says, where their older versions could not be made of what is there
 * afterwards. For what another process committed the store remembers how it was at the last tick; without that this
 * reads what is committed, and so it is early enough for changes of this process that are not.
 */
void stale_keep_replaced(struct pf_fs *fs, const struct stale *stale);
/* Takes back what was added since STALE was as BEFORE says. */
void stale_take_back(struct stale *stale, const struct stale *before);
void stale_free(struct stale *stale);

#endif
