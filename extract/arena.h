/*
 * The memory of a parse: an arena, given back as a whole.
 *
 * libtree-sitter frees its trees node by node, and its 0.20 keeps a node's
 * number of children in 16 bits: a node with more (65,536 comments in a row, a
 * syntax error that swallows as many tokens) makes it free an address that was
 * never allocated. Bytes from outside must not be able to do that. So the
 * library is given these functions: while an arena is open on the calling
 * thread, what it allocates comes from there, and what it frees is ignored. It
 * is faster, too: freeing nodes one by one is a fifth of a parse.
 *
 * Outside of an arena they are malloc, calloc, realloc and free.
 */
#ifndef PF_ARENA_H
#define PF_ARENA_H

#include <stddef.h>

struct arena;

/* Makes libtree-sitter use arenas: process-wide, once, before its first use. Safe to call again, from any thread. */
void arena_install(void);
/* NULL without memory. */
struct arena *arena_new(void);
void arena_free(struct arena *arena);
/* What the calling thread's libtree-sitter allocates until arena_close comes from ARENA. Not nested. */
void arena_open(struct arena *arena);
void arena_close(void);
/* Everything that came from ARENA is gone. */
void arena_reset(struct arena *arena);

#endif
