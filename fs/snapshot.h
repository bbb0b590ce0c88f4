/*
 * Snapshots: documents rendered from queries, kept as they were rendered.
 *
 * A query's results change with every verdict, and a reader asks for a document
 * in several requests: were each answered from the store of its moment, what it
 * reads would be torn. So a version of a document is an inode of its own, whose
 * content never changes: looked up after a change, the name leads to another
 * inode, as if the file had been replaced by rename(2), and whoever reads the
 * old one reads it to its end.
 *
 * A snapshot's number is its inode number: the kind and an owner (a query, a
 * scope) in the bits from SNAPSHOT_BITS on, below them a hash of the version. Of
 * each owner the newest is kept, and those that the kernel has looked up; the
 * kernel's forget drops them. Bytes are bounded: what was used longest ago gives
 * up its bytes (not its number, size and time), but the newest of all never, and
 * what was used a moment ago only beyond SNAPSHOTS_HARD.
 *
 * Also kept so, without an inode: the results of a query for its directory; and
 * what was replaced, for whoever is reading it (version.h).
 *
 * All functions are thread-safe and wait for nothing.
 */
#ifndef PF_SNAPSHOT_H
#define PF_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"

struct snapshots;

enum {
	SNAPSHOT_BITS = 28,
	SNAPSHOTS_SOFT = 8 << 20,  /* bytes of all together, once they are idle */
	SNAPSHOTS_HARD = 64 << 20, /* bytes while they are in use */
	SNAPSHOTS_GRACE_S = 5,	   /* a snapshot is idle so long after its last use */
};

struct snapshot_entry;

/* A snapshot in use; the user's own copy. */
struct snapshot {
	uint64_t number;
	int64_t version; /* what the owner was when it was rendered */
	int64_t mtime;
	size_t size;
	const char *bytes; /* NULL: given up */
	struct snapshot_entry *entry;
};

/* SOFT, HARD: bytes; GRACE: ns. */
struct snapshots *snapshots_new(size_t soft, size_t hard, int64_t grace);
void snapshots_free(struct snapshots *snapshots);

/* The number of the snapshot of OWNER (a number whose low SNAPSHOT_BITS are 0) at VERSION. */
uint64_t snapshot_number(uint64_t owner, int64_t version);

/*
 * The snapshot NUMBER, or (latest) the newest of OWNER; false: there is none. In use until snapshots_done: its bytes,
 * where it has them, stay.
 */
bool snapshots_use(struct snapshots *snapshots, uint64_t number, struct snapshot *snapshot);
bool snapshots_latest(struct snapshots *snapshots, uint64_t owner, struct snapshot *snapshot);
void snapshots_done(struct snapshots *snapshots, const struct snapshot *snapshot);
/*
 * Makes CONTENT (which it takes) the snapshot of OWNER at VERSION, the newest; in use until snapshots_done. Where
 * another thread was faster it is that thread's. ENOMEM; ESTALE where there is one already and it was not the same.
 */
int snapshots_put(struct snapshots *snapshots, uint64_t owner, int64_t version, int64_t mtime, pf_text *content,
		  struct snapshot *snapshot, pf_err *err);

/*
 * Keeps CONTENT (which it takes) as NUMBER, until the bytes are given up. Nothing where that is there already, or
 * without memory.
 */
void snapshots_keep(struct snapshots *snapshots, uint64_t number, int64_t mtime, pf_text *content);

/* The kernel gets an inode for SNAPSHOT, which is in use; and it forgets NUMBER, LOOKUPS times. */
void snapshots_look_up(struct snapshots *snapshots, const struct snapshot *snapshot);
void snapshots_forget(struct snapshots *snapshots, uint64_t number, uint64_t lookups);
/* The owner is gone: all that are not in use go. */
void snapshots_drop(struct snapshots *snapshots, uint64_t owner);

/* Gives up bytes, also when nobody adds any: call it now and then. */
void snapshots_trim(struct snapshots *snapshots);
size_t snapshots_bytes(struct snapshots *snapshots);
size_t snapshots_count(struct snapshots *snapshots);

#endif
