#include "arena.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <tree_sitter/api.h>

enum {
	CHUNK = 1 << 20,
	ALIGN = alignof(max_align_t),
};

struct chunk {
	struct chunk *next;
	size_t used, room;
	alignas(max_align_t) char bytes[];
};

/* Stands before each block, so that realloc knows how much to copy. */
struct header {
	alignas(max_align_t) size_t size;
};

struct arena {
	struct chunk *chunks; /* the newest first; only that one is filled */
	jmp_buf no_memory;    /* where to go on; set while it is used */
};

static _Thread_local struct arena *current;

struct arena *arena_new(void)
{
	return calloc(1, sizeof(struct arena));
}

/* Keeps KEPT (NULL: nothing) of the chunks. */
static void drop_chunks(struct arena *arena, struct chunk *kept)
{
	for (struct chunk *c = arena->chunks, *next; c; c = next) {
		next = c->next;
		if (c != kept)
			free(c);
	}
	arena->chunks = kept;
	if (kept) {
		kept->next = NULL;
		kept->used = 0;
	}
}

void arena_reset(struct arena *arena)
{
	struct chunk *kept = arena->chunks;

	/* One chunk of the common size serves most files without asking the system again. */
	while (kept && kept->room != CHUNK)
		kept = kept->next;
	drop_chunks(arena, kept);
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	drop_chunks(arena, NULL);
	free(arena);
}

bool arena_use(struct arena *arena, void (*run)(void *arg), void *arg)
{
	if (setjmp(arena->no_memory)) {
		current = NULL;
		return false;
	}
	current = arena;
	run(arg);
	current = NULL;
	return true;
}

static bool add_chunk(struct arena *arena, size_t need)
{
	size_t room = need > CHUNK ? need : CHUNK;
	struct chunk *chunk;

	if (room > SIZE_MAX / 2)
		return false;
	chunk = malloc(sizeof *chunk + room);
	if (!chunk)
		return false;
	*chunk = (struct chunk){ .next = arena->chunks, .room = room };
	arena->chunks = chunk;
	return true;
}

/* libtree-sitter does not check for NULL: it is left as it stands, for it has nothing but what is in the arena. */
__attribute__((noreturn)) static void give_up(void)
{
	if (current)
		longjmp(current->no_memory, 1);
	abort();
}

/* Outside of arenas nothing could be left behind: as its own allocator does, end here rather than there. */
static void *must(void *block)
{
	if (!block)
		give_up();
	return block;
}

static void *arena_malloc(size_t size)
{
	struct header *header;
	size_t need;

	if (!current)
		return must(malloc(size ? size : 1));
	if (size > SIZE_MAX / 4)
		give_up();
	need = sizeof *header + (size + ALIGN - 1) / ALIGN * ALIGN;
	if ((!current->chunks || current->chunks->room - current->chunks->used < need) && !add_chunk(current, need))
		give_up();
	header = (struct header *)(current->chunks->bytes + current->chunks->used);
	current->chunks->used += need;
	header->size = size;
	return header + 1;
}

static void *arena_calloc(size_t count, size_t size)
{
	void *block;

	if (size && count > SIZE_MAX / 4 / size)
		give_up();
	block = arena_malloc(count * size);
	memset(block, 0, count * size);
	return block;
}

static void *arena_realloc(void *old, size_t size)
{
	const struct header *header = old;
	void *block;

	if (!current)
		return must(realloc(old, size ? size : 1));
	block = arena_malloc(size);
	if (old) {
		header--;
		memcpy(block, old, header->size < size ? header->size : size);
	}
	return block;
}

static void arena_release(void *block)
{
	if (!current)
		free(block);
}

static void install(void)
{
	ts_set_allocator(arena_malloc, arena_calloc, arena_realloc, arena_release);
}

void arena_install(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, install);
}
