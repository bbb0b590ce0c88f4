/*
 * What tree-sitter's grammar takes and Python does not. The grammar reads
 * Python 2 as well, keywords as names, and any indent; a file with such a thing
 * cannot be imported, so nothing is to be learned from it.
 */
#ifndef PF_CHECK_H
#define PF_CHECK_H

#include "tree.h"

struct fault {
	uint32_t at;   /* a byte of the source; NONE where there is no fault */
	bool layout;   /* the end of the line there is too early */
	char why[160]; /* `what, expected what`; empty where the tokens there say it themselves */
};

/* The first fault of a tree without errors, one walk over it. */
struct fault check_tree(const struct tree *tree);

#endif
