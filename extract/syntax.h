/* Syntax errors: where a module first breaks, said as a compiler would. */
#ifndef PF_SYNTAX_H
#define PF_SYNTAX_H

#include "arena.h"
#include "err.h"
#include "tree.h"

/*
 * 0 where TREE is of a module that Python takes; otherwise -EINVAL, and ERR
 * says `NAME:LINE:COLUMN: error: …`. To say it, the source is parsed once more,
 * up to where it breaks, in ARENA; where the tree's clock ends that,
 * -ETIMEDOUT, and ERR is as it was.
 */
int syntax_check(const struct tree *tree, const struct language *language, struct arena *arena, const char *name,
		 pf_err *err);

#endif
