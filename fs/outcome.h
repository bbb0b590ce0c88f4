/*
 * `outcome` files: verdicts come in by write, totals go out by read.
 *
 * A line is `VERDICT [PATH…] [-- NOTE]`. Whole lines are applied inside the
 * write that completes them, all those of one write together or not at all; a
 * last line without its newline waits for the next write, or for flush. What is
 * waiting, and why the last write was refused (`outcome.error`), lives here in
 * memory, for each `outcome` that has either.
 */
#ifndef PF_OUTCOME_H
#define PF_OUTCOME_H

#include "change.h"
#include "node.h"

struct outcomes;

struct outcomes *outcomes_new(void);
void outcomes_free(struct outcomes *outcomes);

/* The verdicts of TEXT (whole lines) written to the `outcome` of directory DIR. EINVAL, ENOENT. */
int outcome_parse(struct pf_fs *fs, struct node dir, const char *text, size_t len, struct verdicts *verdicts,
		  pf_err *err);
void verdicts_free(struct verdicts *verdicts);

/* The outcome of a change that came from the `outcome` file NODE: refused with ERR, or accepted (NULL). */
void outcome_settled(struct pf_fs *fs, struct node node, const pf_err *err);

NODE_ATTR(outcome_attr);
NODE_RENDER(outcome_render);
NODE_ATTR(outcome_error_attr);
NODE_RENDER(outcome_error_render);
int outcome_write(struct pf_fs *, struct node, const char *, size_t, int64_t, struct change *, pf_err *);
int outcome_truncate(struct pf_fs *, struct node, int64_t, bool, pf_err *);
int outcome_setattr(struct pf_fs *, struct node, unsigned, const pf_file *, struct change *, pf_err *);
int outcome_flush(struct pf_fs *, struct node, struct change *, pf_err *);

#endif
