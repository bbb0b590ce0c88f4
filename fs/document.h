/*
 * Documents rendered from queries: results.jsonl, prompt.md, count and README.md
 * of a query, prompt.md of a scope. Each version of one is a snapshot (snapshot.h)
 * and an inode of its own: id = owner << SNAPSHOT_BITS | hash of the version, the
 * owner a query's number or a scope.
 */
#ifndef PF_DOCUMENT_H
#define PF_DOCUMENT_H

#include "node.h"
#include "snapshot.h"

/* What its documents depend on, in a number that moves with every change of it, and the time of the last. */
struct moment {
	int64_t version, mtime;
};

/* Of everything; and of components alone, and what they show: verdicts on patterns do not move it. */
int moment_now(struct pf_fs *fs, struct moment *moment, pf_err *err);
int moment_of_components(struct pf_fs *fs, struct moment *moment, pf_err *err);

/* What NODE_SCOPE_PROMPT is called in its directory. */
#define SCOPE_PROMPT "prompt.md"

/* The number that snapshots of KIND go by for OWNER. */
uint64_t document_owner(enum node_kind_id kind, int64_t owner);

/*
 * The document KIND of OWNER as it is now, rendered if it is not there: NODE is its inode, and is looked up once more.
 * ENOENT where it is absent now.
 */
int document_look_up(struct pf_fs *fs, enum node_kind_id kind, int64_t owner, struct node *node, struct node_attr *attr,
		     pf_err *err);
/* Its inode, for a listing, without rendering it. */
int document_node(struct pf_fs *fs, enum node_kind_id kind, int64_t owner, struct node *node, pf_err *err);

/*
 * Keeps in the store what was rendered since this was called last, as far as it is there still, so that the next mount
 * need not: in a transaction of its own. From the thread that writes. What failed is rendered again.
 */
int documents_keep(struct pf_fs *fs, pf_err *err);

/*
 * The results of QUERY at MOMENT, whose directory is KIND of OWNER, in use until snapshots_done. RESUME: the last ones
 * will do.
 */
int document_results(struct pf_fs *fs, enum node_kind_id kind, int64_t owner, const pf_query *query,
		     const struct moment *moment, bool resume, struct snapshot *results, pf_err *err);
/* The same where they are there already; false where the query must be run. */
bool document_results_kept(struct pf_fs *fs, enum node_kind_id kind, int64_t owner, const struct moment *moment,
			   bool resume, struct snapshot *results);

#endif
