#include "told.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "spread.h"

/* A hash table, at most half full, its inodes also in a row. */
struct noted {
	uint64_t *slots; /* 0: free */
	uint64_t *inos;
	size_t count;
};

struct told {
	size_t max, slots;
	pthread_mutex_t lock;
	struct noted *now;     /* the lock guards which, and what is in it */
	struct noted noted[2]; /* they change places when one is taken */
};

struct told *told_new(size_t max)
{
	struct told *told = calloc(1, sizeof *told);

	if (!told)
		return NULL;
	pthread_mutex_init(&told->lock, NULL);
	told->max = max;
	told->slots = 2 * max + 1;
	told->now = &told->noted[0];
	for (int i = 0; i < 2; i++) {
		told->noted[i].slots = calloc(told->slots, sizeof *told->noted[i].slots);
		told->noted[i].inos = calloc(max, sizeof *told->noted[i].inos);
		if (!told->noted[i].slots || !told->noted[i].inos) {
			told_free(told);
			return NULL;
		}
	}
	return told;
}

void told_free(struct told *told)
{
	if (!told)
		return;
	for (int i = 0; i < 2; i++) {
		free(told->noted[i].slots);
		free(told->noted[i].inos);
	}
	pthread_mutex_destroy(&told->lock);
	free(told);
}

static size_t slot_of(const struct told *told, uint64_t ino)
{
	return (size_t)spread(ino, 32) % told->slots;
}

bool told_add(struct told *told, uint64_t ino)
{
	size_t at = slot_of(told, ino);
	struct noted *noted;
	bool there;

	pthread_mutex_lock(&told->lock);
	noted = told->now;
	while (noted->slots[at] && noted->slots[at] != ino)
		at = (at + 1) % told->slots;
	there = noted->slots[at] == ino;
	if (!there && noted->count < told->max) {
		noted->slots[at] = ino;
		noted->inos[noted->count++] = ino;
		there = true;
	}
	pthread_mutex_unlock(&told->lock);
	return there;
}

bool told_any(struct told *told)
{
	bool any;

	pthread_mutex_lock(&told->lock);
	any = told->now->count > 0;
	pthread_mutex_unlock(&told->lock);
	return any;
}

size_t told_take(struct told *told, const uint64_t **inos)
{
	struct noted *taken, *next;

	pthread_mutex_lock(&told->lock);
	taken = told->now;
	next = taken == &told->noted[0] ? &told->noted[1] : &told->noted[0];
	if (next->count)
		memset(next->slots, 0, told->slots * sizeof *next->slots);
	next->count = 0;
	told->now = next;
	pthread_mutex_unlock(&told->lock);
	*inos = taken->inos;
	return taken->count;
}
