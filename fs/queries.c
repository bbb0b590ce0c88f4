#include "queries.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct interned {
	struct interned *next;		/* in its bucket */
	struct interned *older, *newer; /* by when it was looked up last */
	struct interned *parent;	/* NULL: query/ itself. Counts one of its children */
	int64_t number;
	uint64_t lookups;
	size_t children;
	int depth;	 /* pairs of its path */
	pf_query *query; /* owned */
	char pair[NAME_MAX + 1];
};

enum { BUCKETS = 4096 };

struct queries {
	pthread_mutex_t lock; /* guards all below */
	struct interned *buckets[BUCKETS];
	struct interned *oldest, *newest;
	struct interned **by_number; /* [1..made]; NULL: the number is free, or about to be */
	int64_t *free_numbers;	     /* a stack, with room for all that were made */
	size_t made, room, free_count, count;
};

struct queries *queries_new(void)
{
	struct queries *queries = calloc(1, sizeof *queries);

	if (queries)
		pthread_mutex_init(&queries->lock, NULL);
	return queries;
}

static void interned_free(struct interned *interned)
{
	if (!interned)
		return;
	pf_query_free(interned->query);
	free(interned);
}

void queries_free(struct queries *queries)
{
	if (!queries)
		return;
	for (size_t i = 1; i <= queries->made; i++)
		interned_free(queries->by_number[i]);
	free(queries->by_number);
	free(queries->free_numbers);
	pthread_mutex_destroy(&queries->lock);
	free(queries);
}

/* FNV-1a: short keys, and nobody gains by collisions but slower lookups of their own. */
static size_t bucket_of(int64_t parent, const char *pair)
{
	uint64_t hash = 0xcbf29ce484222325u ^ (uint64_t)parent;

	for (; *pair; pair++)
		hash = (hash ^ (unsigned char)*pair) * 0x100000001b3u;
	return (hash ^ hash >> 32) % BUCKETS;
}

/* All below: with the lock held. */

static struct interned *at(const struct queries *queries, int64_t number)
{
	return number >= 1 && (uint64_t)number <= queries->made ? queries->by_number[number] : NULL;
}

static struct interned *find(struct queries *queries, int64_t parent, const char *pair)
{
	struct interned *i = queries->buckets[bucket_of(parent, pair)];

	while (i && ((i->parent ? i->parent->number : 0) != parent || strcmp(i->pair, pair) != 0))
		i = i->next;
	return i;
}

static void unlink_use(struct queries *queries, struct interned *i)
{
	*(i->older ? &i->older->newer : &queries->oldest) = i->newer;
	*(i->newer ? &i->newer->older : &queries->newest) = i->older;
	i->older = i->newer = NULL;
}

static void link_newest(struct queries *queries, struct interned *i)
{
	i->older = queries->newest;
	*(queries->newest ? &queries->newest->newer : &queries->oldest) = i;
	queries->newest = i;
}

static void look_up(struct queries *queries, struct interned *i)
{
	i->lookups++;
	unlink_use(queries, i);
	link_newest(queries, i);
}

/* A number that stands for nothing yet; 0 where there is no room. */
static int64_t new_number(struct queries *queries)
{
	size_t room = queries->room ? queries->room * 2 : 64;
	struct interned **by_number;
	int64_t *free_numbers;

	if (queries->free_count)
		return queries->free_numbers[--queries->free_count];
	if (queries->made + 1 >= queries->room) {
		by_number = realloc(queries->by_number, room * sizeof(struct interned *));
		if (!by_number)
			return 0;
		queries->by_number = by_number;
		free_numbers = realloc(queries->free_numbers, room * sizeof *free_numbers);
		if (!free_numbers)
			return 0;
		queries->free_numbers = free_numbers;
		queries->room = room;
	}
	queries->made++;
	queries->by_number[queries->made] = NULL;
	return (int64_t)queries->made;
}

/* Puts INTERNED, whose pair, query and depth are filled, below PARENT. */
static int insert(struct queries *queries, struct interned *interned, struct interned *parent, pf_err *err)
{
	struct interned **bucket = &queries->buckets[bucket_of(parent ? parent->number : 0, interned->pair)];

	if (queries->count >= QUERIES_MAX)
		return pf_fail(err, ENFILE,
			       "%d queries are in use already, expected fewer: the kernel drops those that are not "
			       "(echo 2 > /proc/sys/vm/drop_caches)",
			       QUERIES_MAX);
	interned->number = new_number(queries);
	if (!interned->number)
		return pf_fail(err, ENOMEM, "no memory for this query");
	queries->by_number[interned->number] = interned;
	queries->count++;
	interned->parent = parent;
	if (parent)
		parent->children++;
	interned->next = *bucket;
	*bucket = interned;
	link_newest(queries, interned);
	return 0;
}

static void take_out(struct queries *queries, struct interned *interned)
{
	int64_t parent = interned->parent ? interned->parent->number : 0;
	struct interned **link = &queries->buckets[bucket_of(parent, interned->pair)];

	while (*link != interned)
		link = &(*link)->next;
	*link = interned->next;
	unlink_use(queries, interned);
	queries->by_number[interned->number] = NULL;
	queries->count--;
}

/* ---- The face ---- */

/* What PAIR makes of PARENT, not in the table yet. Without the lock. */
static struct interned *make(struct queries *queries, int64_t parent, const char *pair, pf_err *err)
{
	const pf_query *query = parent ? queries_get(queries, parent, err) : NULL;
	struct interned *made;

	if (parent && !query)
		return NULL;
	if (strlen(pair) > NAME_MAX) {
		pf_fail(err, ENAMETOOLONG, "the name is longer than %d bytes", NAME_MAX);
		return NULL;
	}
	made = calloc(1, sizeof *made);
	if (!made) {
		pf_fail(err, ENOMEM, "no memory for this query");
		return NULL;
	}
	snprintf(made->pair, sizeof made->pair, "%s", pair);
	made->depth = queries_depth(queries, parent) + 1;
	made->query = pf_query_narrow(query, pair, err);
	if (!made->query) {
		interned_free(made);
		return NULL;
	}
	return made;
}

int queries_look_up(struct queries *queries, int64_t parent, const char *pair, int64_t *number, pf_err *err)
{
	struct interned *found, *made = NULL;
	pf_err cause = { 0 };
	int result = 0;

	pthread_mutex_lock(&queries->lock);
	found = find(queries, parent, pair);
	if (!found) {
		pthread_mutex_unlock(&queries->lock);
		made = make(queries, parent, pair, &cause);
		if (!made)
			return pf_fail(err, cause.code, "%s", cause.why);
		pthread_mutex_lock(&queries->lock);
		found = find(queries, parent, pair); /* another thread may have been faster */
		if (!found) {
			result = insert(queries, made, at(queries, parent), err);
			if (result == 0) {
				found = made;
				made = NULL;
			}
		}
	}
	if (found) {
		look_up(queries, found);
		*number = found->number;
	}
	pthread_mutex_unlock(&queries->lock);
	interned_free(made);
	return result;
}

void queries_hold(struct queries *queries, int64_t number)
{
	struct interned *interned;

	pthread_mutex_lock(&queries->lock);
	interned = at(queries, number);
	if (interned)
		look_up(queries, interned);
	pthread_mutex_unlock(&queries->lock);
}

/* Takes out NUMBER, and what it narrowed, as far as nothing holds them: a list linked by `next`. Lock held. */
static struct interned *take_out_unused(struct queries *queries, struct interned *interned)
{
	struct interned *gone = NULL, **last = &gone;

	while (interned && interned->lookups == 0 && interned->children == 0) {
		struct interned *parent = interned->parent;

		take_out(queries, interned);
		interned->next = NULL;
		*last = interned;
		last = &interned->next;
		if (parent)
			parent->children--;
		interned = parent;
	}
	return gone;
}

void queries_forget(struct queries *queries, int64_t number, uint64_t lookups, queries_gone *gone, void *arg)
{
	struct interned *interned, *list = NULL;

	pthread_mutex_lock(&queries->lock);
	interned = at(queries, number);
	if (interned) {
		interned->lookups -= lookups < interned->lookups ? lookups : interned->lookups;
		list = take_out_unused(queries, interned);
	}
	pthread_mutex_unlock(&queries->lock);
	/* Found by nobody any more, and its number is not free yet. */
	for (struct interned *next; list; list = next) {
		next = list->next;
		if (gone)
			gone(arg, list->number);
		pthread_mutex_lock(&queries->lock);
		queries->free_numbers[queries->free_count++] = list->number;
		pthread_mutex_unlock(&queries->lock);
		interned_free(list);
	}
}

const pf_query *queries_get(struct queries *queries, int64_t number, pf_err *err)
{
	struct interned *interned;
	const pf_query *query;

	pthread_mutex_lock(&queries->lock);
	interned = at(queries, number);
	query = interned ? interned->query : NULL;
	pthread_mutex_unlock(&queries->lock);
	if (!query)
		pf_fail(err, ESTALE, "the query is not in use any more");
	return query;
}

int queries_depth(struct queries *queries, int64_t number)
{
	struct interned *interned;
	int depth;

	pthread_mutex_lock(&queries->lock);
	interned = at(queries, number);
	depth = interned ? interned->depth : 0;
	pthread_mutex_unlock(&queries->lock);
	return depth;
}

/* No deeper than there are keys. */
enum { DEPTH_MAX = 64 };

void queries_path(struct queries *queries, int64_t number, char separator, pf_text *out)
{
	const struct interned *path[DEPTH_MAX];
	int depth = 0;

	pthread_mutex_lock(&queries->lock);
	for (const struct interned *i = at(queries, number); i && depth < DEPTH_MAX; i = i->parent)
		path[depth++] = i;
	while (depth > 0) {
		pf_text_puts(out, path[--depth]->pair);
		pf_text_add(out, &separator, 1);
	}
	pthread_mutex_unlock(&queries->lock);
}

size_t queries_count(struct queries *queries)
{
	size_t count;

	pthread_mutex_lock(&queries->lock);
	count = queries->count;
	pthread_mutex_unlock(&queries->lock);
	return count;
}

size_t queries_idle(struct queries *queries, size_t keep, struct queries_entry *entries, size_t room)
{
	size_t excess, found = 0;

	pthread_mutex_lock(&queries->lock);
	excess = queries->count > keep ? queries->count - keep : 0;
	for (size_t seen = queries->count; seen > 0 && found < room && found < excess; seen--) {
		struct interned *i = queries->oldest;

		unlink_use(queries, i);
		link_newest(queries, i);
		if (i->children)
			continue;
		entries[found].parent = i->parent ? i->parent->number : 0;
		memcpy(entries[found++].pair, i->pair, sizeof i->pair);
	}
	pthread_mutex_unlock(&queries->lock);
	return found;
}
