/* Syntax errors: where a tree first breaks, said as a compiler would. */
#ifndef PF_SYNTAX_H
#define PF_SYNTAX_H

#include "err.h"
#include "tree.h"

/* 0 where TREE is whole; otherwise -EINVAL, and ERR says `NAME:LINE:COLUMN: error: …`. */
int syntax_check(const struct tree *tree, const struct language *language, const char *name, pf_err *err);

#endif
