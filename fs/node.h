/*
 * Nodes: what the mount consists of, without FUSE.
 *
 * A node is a kind and an id, and an inode number is nothing but these two
 * packed: kind in the bits from 56 on, id below. So inode numbers are the same
 * after a remount, any number that the kernel still remembers can be served
 * without a table of inodes, and there is nothing to count or to forget; except
 * for what is below query/, whose numbers stand for what was asked (queries.h).
 * What the id means is the kind's: a pattern's or component's row, a pf_scope, a
 * file under incoming/, …
 *
 * A document whose length changes is an inode a version (version.h): its id is
 * what it is of, and a hash of the version.
 *
 * A kind is a row of node_kinds: its functions are called for nodes of the kind
 * alone. A new kind of file is a new row and its functions.
 *
 *   root ─┬─ README.md, stats.json, history.jsonl, outcome         totals.c, outcome.c
 *         ├─ CATEGORY ── COMPONENT_TYPE ── PATTERN_TYPE ── pattern  tree.c
 *         │  └─ prompt.md, here and in COMPONENT_TYPE               document.c
 *         ├─ components ── component ─┬─ source.py, …               components.c
 *         │                           ├─ patterns ── link
 *         │                           └─ similar ── link            query.c
 *         ├─ query ── key=value ─┬─ key=value …                     query.c
 *         │                      ├─ link
 *         │                      └─ results.jsonl, prompt.md, …     document.c
 *         └─ incoming ── files, directories, receipts, errors       incoming.c
 *
 * Threads: functions of a row run on any serving thread, and wait for nothing
 * but the store's readers; what may take long says so before (fs_lengthy). Those of the write side change no more than
 * drafts; the rest is carried out as change.h says.
 */
#ifndef PF_NODE_H
#define PF_NODE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "store.h"

struct pf_fs;

enum node_kind_id {
	NODE_ROOT, /* 0: FUSE's number of the root, 1, is kind 0 and id 1 */
	NODE_README,
	NODE_STATS,
	NODE_HISTORY,
	NODE_SCOPE,	    /* id: pf_scope, not 0 */
	NODE_PATTERN,	    /* id: the pattern's, and version */
	NODE_OUTCOME,	    /* id: pf_scope */
	NODE_OUTCOME_ERROR, /* id: pf_scope */
	NODE_COMPONENTS,
	NODE_COMPONENT, /* id: the component's */
	NODE_SOURCE,	/* id: the component's, and version, as for those that follow */
	NODE_COMPONENT_JSON,
	NODE_RECORD,
	NODE_COMPONENT_OUTCOME, /* id: the component's, as for those that follow */
	NODE_COMPONENT_OUTCOME_ERROR,
	NODE_LINKS, /* components/NAME/patterns */
	NODE_LINK,  /* id: component << 28 | pattern */
	NODE_FILE,  /* under incoming/, files and directories, and incoming/ itself; id: pf_file's */
	NODE_NOTE,  /* id: pf_note's */
	NODE_QUERY_ROOT,
	NODE_QUERY_GUIDE,   /* its README.md */
	NODE_QUERY,	    /* id: the query's number */
	NODE_QUERY_RESULTS, /* id: the query's number << 28 | hash of the version, as for those that follow */
	NODE_QUERY_PROMPT,
	NODE_QUERY_COUNT,
	NODE_QUERY_README,
	NODE_SCOPE_PROMPT,    /* id: pf_scope << 28 | hash of the version */
	NODE_QUERY_PATTERN,   /* a link; id: the query's number << 28 | pattern */
	NODE_QUERY_COMPONENT, /* a link; id: the query's number << 28 | component */
	NODE_SIMILAR,	      /* components/NAME/similar; id: the component's */
	NODE_SIMILAR_LINK,    /* id: component << 28 | component */
	NODE_KIND_COUNT,
};

struct node {
	enum node_kind_id kind;
	int64_t id;
};

enum { NODE_ID_BITS = 56 }; /* of an inode number; the kind is above */

#define NODE_ROOT_ID ((struct node){ NODE_ROOT, 1 })

uint64_t node_ino(struct node node);
/* False where INO is no node's number. */
bool node_from_ino(uint64_t ino, struct node *node);

enum { NODE_LONG_MS = 24 * 60 * 60 * 1000 };

struct node_attr {
	mode_t mode;
	int64_t uid, gid; /* -1: who mounts */
	int64_t size;
	int64_t atime, mtime, ctime; /* ns */
	uint32_t nlink;
	/* For how long the kernel may believe the name and the attributes without asking again, ms. */
	unsigned entry_ms, attr_ms;
};

/* Receives a directory's entries. */
struct node_listing {
	/* COOKIE resumes behind this entry. Non-zero: full, stop. ATTR NULL: only the name, it was not looked up. */
	int (*emit)(struct node_listing *listing, const char *name, struct node node, const struct node_attr *attr,
		    int64_t cookie);
	bool full;
};

struct change;

struct node_kind {
	mode_t mode; /* type and permissions; 0 type: attr tells */
	unsigned entry_ms, attr_ms;

	int (*attr)(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err);
	/*
	 * Where each version is an inode: NODE, which has its directory's id, becomes the present one. LISTED: what
	 * would cost too much for a listing may be left out, returning 1.
	 */
	int (*now)(struct pf_fs *fs, struct node *node, struct node_attr *attr, bool listed, pf_err *err);
	int (*lookup)(struct pf_fs *fs, struct node dir, const char *name, struct node *node, struct node_attr *attr,
		      pf_err *err);
	/* Entries behind COOKIE (0: from the first on). `.` and `..` are the caller's. */
	int (*list)(struct pf_fs *fs, struct node dir, int64_t cookie, struct node_listing *listing, pf_err *err);
	/* A file's or symlink's whole content. */
	int (*render)(struct pf_fs *fs, struct node node, pf_text *out, pf_err *err);
	/* Where rendering the whole to read a part would be waste. */
	int (*read)(struct pf_fs *fs, struct node node, int64_t offset, size_t size, pf_text *out, pf_err *err);

	/* Where nodes are counted: what lookup returned is looked up once more each time, and LOOKUPS times less here.
	 */
	void (*forget)(struct pf_fs *fs, struct node node, uint64_t lookups);

	/*
	 * Write side, NULL where read-only (EROFS). Each returns 0: done; 1: CHANGE is
	 * filled, to be queued; 2: CHANGE was taken, and is answered later; or minus an
	 * errno value.
	 */
	int (*write)(struct pf_fs *fs, struct node node, const char *bytes, size_t len, int64_t offset,
		     struct change *change, pf_err *err);
	int (*truncate)(struct pf_fs *fs, struct node node, int64_t size, bool by_descriptor, pf_err *err);
	int (*setattr)(struct pf_fs *fs, struct node node, unsigned mask, const pf_file *values, struct change *change,
		       pf_err *err);
	int (*flush)(struct pf_fs *fs, struct node node, struct change *change, pf_err *err);
	int (*fsync)(struct pf_fs *fs, struct node node, struct change *change, pf_err *err);
	int (*make)(struct pf_fs *fs, struct node dir, const char *name, mode_t mode, struct change *change,
		    pf_err *err);
	int (*remove)(struct pf_fs *fs, struct node dir, const char *name, bool directory, struct change *change,
		      pf_err *err);
	int (*rename)(struct pf_fs *fs, struct node dir, const char *name, struct node new_dir, const char *new_name,
		      unsigned flags, struct change *change, pf_err *err);
};

extern const struct node_kind node_kinds[NODE_KIND_COUNT];

/* The same through the table, with what is common to all kinds. */
int node_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err);
/*
 * -ENOENT with attr->entry_ms: for how long the name may be taken to be absent.
 * -EAGAIN without a word in ERR: absent, but a file_make_implicit would make it.
 */
int node_lookup(struct pf_fs *fs, struct node dir, const char *name, struct node *node, struct node_attr *attr,
		pf_err *err);
/* Gives back what node_lookup returned, LOOKUPS times. */
void node_forget(struct pf_fs *fs, struct node node, uint64_t lookups);
int node_list(struct pf_fs *fs, struct node dir, int64_t cookie, struct node_listing *listing, pf_err *err);
/* Appends up to SIZE bytes from OFFSET on; fewer only at the end. */
int node_read(struct pf_fs *fs, struct node node, int64_t offset, size_t size, pf_text *out, pf_err *err);
/* Fills ATTR with the kind's mode and lifetimes, SIZE and MTIME; a directory's nlink is 2 + SUBDIRECTORIES. */
void node_attr_fill(struct node node, int64_t size, int64_t mtime, int64_t subdirectories, struct node_attr *attr);

/*
 * Directories mix a few fixed names with rows. Cookies up to COOKIE_ROWS count
 * the fixed ones; a row's is COOKIE_ROWS + its id, so that rows that come and
 * go never shift an entry.
 */
enum { COOKIE_ROWS = 64 };
#define COOKIE_NOTES ((int64_t)1 << 57) /* second series of rows, of incoming/ */

struct node_fixed {
	const char *name;
	enum node_kind_id kind;
};
/* Emits those of FIXED (COUNT) behind COOKIE, all with DIR's id as theirs; an entry whose attr is ENOENT is left out.
 */
int node_list_fixed(struct pf_fs *fs, struct node dir, const struct node_fixed *fixed, size_t count, int64_t cookie,
		    struct node_listing *listing, pf_err *err);
/* The fixed entry NAME, or -ENOENT without a word in ERR. */
int node_find_fixed(struct pf_fs *fs, struct node dir, const struct node_fixed *fixed, size_t count, const char *name,
		    struct node *node, struct node_attr *attr, pf_err *err);

/* The rows' functions, by the file that has them. */
#define NODE_ATTR(f)   int f(struct pf_fs *, struct node, struct node_attr *, pf_err *)
#define NODE_LOOKUP(f) int f(struct pf_fs *, struct node, const char *, struct node *, struct node_attr *, pf_err *)
#define NODE_LIST(f)   int f(struct pf_fs *, struct node, int64_t, struct node_listing *, pf_err *)
#define NODE_RENDER(f) int f(struct pf_fs *, struct node, pf_text *, pf_err *)

NODE_ATTR(root_attr);
NODE_LOOKUP(root_lookup);
NODE_LIST(root_list);
int readme_render(struct pf_fs *, int64_t, pf_text *, pf_err *);
int stats_render(struct pf_fs *, int64_t, pf_text *, pf_err *);
NODE_ATTR(history_attr);
int history_read(struct pf_fs *, struct node, int64_t, size_t, pf_text *, pf_err *);

NODE_ATTR(scope_attr);
NODE_LOOKUP(scope_lookup);
NODE_LIST(scope_list);
int scope_remove(struct pf_fs *, struct node, const char *, bool, struct change *, pf_err *);
int pattern_now(struct pf_fs *, struct node *, struct node_attr *, bool, pf_err *);
NODE_ATTR(pattern_attr);
NODE_RENDER(pattern_render);

NODE_ATTR(components_attr);
NODE_LOOKUP(components_lookup);
NODE_LIST(components_list);
NODE_ATTR(component_attr);
NODE_LOOKUP(component_lookup);
NODE_LIST(component_list);
int component_document_now(struct pf_fs *, struct node *, struct node_attr *, bool, pf_err *);
NODE_ATTR(component_document_attr);
NODE_RENDER(component_document_render);
NODE_ATTR(links_attr);
NODE_LOOKUP(links_lookup);
NODE_LIST(links_list);
NODE_ATTR(link_attr);
NODE_RENDER(link_render);

#endif
