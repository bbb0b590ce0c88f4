#include "told.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A hash table, at most half full, its inodes also in a row; two of them, which change places when one is taken. */
enum { SLOTS = 2 * TOLD_MAX };

struct noted {
	uint64_t slots[SLOTS]; /* 0: free */
	uint64_t inos[TOLD_MAX];
	size_t count;
};

struct told {
	pthread_mutex_t lock;
	struct noted *now; /* the lock guards which, and what is in it */
	struct noted noted[2];
};

struct told *told_new(void)
{
	struct told *told = calloc(1, sizeof *told);

	if (!told)
		return NULL;
	pthread_mutex_init(&told->lock, NULL);
	told->now = &told->noted[0];
	return told;
}

void told_free(struct told *told)
{
	if (!told)
		return;
	pthread_mutex_destroy(&told->lock);
	free(told);
}

/* Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4). */
static size_t slot_of(uint64_t ino)
{
	return (size_t)(ino * 0x9e3779b97f4a7c15 >> 32) % SLOTS;
}

bool told_add(struct told *told, uint64_t ino)
{
	struct noted *noted;
	size_t at = slot_of(ino);
	bool there;

	pthread_mutex_lock(&told->lock);
	noted = told->now;
	while (noted->slots[at] && noted->slots[at] != ino)
		at = (at + 1) % SLOTS;
	there = noted->slots[at] == ino;
	if (!there && noted->count < TOLD_MAX) {
		noted->slots[at] = ino;
		noted->inos[noted->count++] = ino;
		there = true;
	}
	pthread_mutex_unlock(&told->lock);
	return there;
}

size_t told_take(struct told *told, const uint64_t **inos)
{
	struct noted *taken, *next;

	pthread_mutex_lock(&told->lock);
	taken = told->now;
	next = taken == &told->noted[0] ? &told->noted[1] : &told->noted[0];
	if (next->count)
		memset(next, 0, sizeof *next);
	told->now = next;
	pthread_mutex_unlock(&told->lock);
	*inos = taken->inos;
	return taken->count;
}
