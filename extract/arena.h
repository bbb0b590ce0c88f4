/*
 * The memory of libtree-sitter: arenas, given back as a whole.
 *
 * libtree-sitter frees its trees node by node, and its 0.20 keeps a node's
 * number of children in 16 bits: a node with more (65,536 comments in a row, a
 * syntax error that swallows as many tokens) makes it free an address that was
 * never allocated. Bytes from outside must not be able to do that. So the
 * library is given these functions: while the calling thread uses an arena,
 * what it allocates comes from there, and what it frees is ignored. It
 * is faster, too: freeing nodes one by one is a fifth of a parse.
 *
 * And it ends the process where memory runs out. Here that ends the use of the
 * arena instead, by a jump out of the middle of the library: all that is left
 * behind half done is in the arena.
 *
 * Outside of an arena they are malloc, calloc, realloc and free.
 */
#ifndef PF_ARENA_H
#define PF_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* Makes libtree-sitter use arenas: process-wide, once, before its first use. Safe to call again, from any thread. */
void arena_install(void);
/* NULL without memory. */
struct arena *arena_new(void);
void arena_free(struct arena *arena);
/*
 * Calls RUN; what the calling thread's libtree-sitter allocates meanwhile comes from ARENA. False where memory ran out:
 * then RUN was left in the middle of a call of the library, and what that made or changed must not be touched any more.
 * So RUN holds nothing of its own across such a call, and the library's own state is all in ARENA. Not nested.
 */
bool arena_use(struct arena *arena, void (*run)(void *arg), void *arg);
/* Everything that came from ARENA is gone. */
void arena_reset(struct arena *arena);

#endif
