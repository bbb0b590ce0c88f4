/*
 * Versions: documents of rows (patterns', components'), whose length changes.
 *
 * A file that is opened is never asked of here (see ll.c), so whoever reads a
 * document in several calls is known by its inode alone. Were that one inode for
 * good, a change between two of the calls would show the beginning of one
 * version and the end of the next. So the version is in the inode's number: a
 * name leads to the newest, as if the file had been replaced by rename(2), and
 * who began with another reads that to its end. Mostly the kernel has its pages;
 * of the rest
 *
 *  - a pattern's older versions are made of its row: what differs is that the
 *    last examples are not there yet (tree.c);
 *  - what a change here is about to replace otherwise is rendered before it is
 *    committed (stale.h), and kept for a while (snapshot.h);
 *  - what another process replaces is read from the store as it was at the last
 *    tick (pf_store_remember), when a tick will soon keep it likewise;
 *  - what was replaced twice between two ticks is gone: ESTALE.
 *
 * Verdicts do not change a pattern's length (store/confidence.c), so they are
 * seen in the inode that is there.
 */
#ifndef PF_VERSION_H
#define PF_VERSION_H

#include "node.h"
#include "snapshot.h"

/* The document KIND of ROW (below 2^28: EOVERFLOW) in its VERSION, any number that differs from the last one's. */
int version_node(enum node_kind_id kind, int64_t row, int64_t version, struct node *node, pf_err *err);
bool version_is(struct node node, int64_t version);
int64_t version_row(struct node node);

/* NODE will soon be no more, CONTENT is what it says: keeps it for whoever reads it. Takes CONTENT's bytes. */
void version_keep(struct pf_fs *fs, struct node node, int64_t mtime, pf_text *content);
/* NODE as it was kept, or as the store remembers it; ESTALE. */
int version_kept_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err);
int version_kept_render(struct pf_fs *fs, struct node node, pf_text *out, pf_err *err);

/* What version of itself a pattern's document is, and a component's of KIND. */
int64_t pattern_version(int64_t size);
int64_t component_version(enum node_kind_id kind, int64_t mtime, int64_t source_mtime);

#endif
