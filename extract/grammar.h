/*
 * For the scanner of the Python grammar, before all of it: what it allocates
 * comes from where libtree-sitter's memory does (arena.h), for it does not look
 * whether there is any.
 */
#ifndef PF_GRAMMAR_H
#define PF_GRAMMAR_H

#include <stdlib.h>

extern void *(*ts_current_malloc)(size_t size);
extern void *(*ts_current_calloc)(size_t count, size_t size);
extern void *(*ts_current_realloc)(void *block, size_t size);
extern void (*ts_current_free)(void *block);

#define malloc	ts_current_malloc
#define calloc	ts_current_calloc
#define realloc ts_current_realloc
#define free	ts_current_free

#endif
