#include "snapshot.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "spread.h"

struct snapshot_entry {
	struct snapshot_entry *next;	      /* in its bucket */
	struct snapshot_entry *older, *newer; /* by use; of those that have bytes */
	uint64_t number;
	int64_t version, mtime;
	size_t size;
	char *bytes; /* fixed while there are users */
	uint64_t lookups;
	unsigned users;
	bool latest;	 /* the newest of its owner */
	bool kept;	 /* in use as long as it has bytes */
	int64_t used_at; /* ns, monotonic */
};

enum { BUCKETS = 4096 };

struct snapshots {
	size_t soft, hard;
	int64_t grace;
	pthread_mutex_t lock; /* guards all below */
	struct snapshot_entry *buckets[BUCKETS];
	struct snapshot_entry *oldest, *newest;
	size_t bytes, count;
};

struct snapshots *snapshots_new(size_t soft, size_t hard, int64_t grace)
{
	struct snapshots *snapshots = calloc(1, sizeof *snapshots);

	if (!snapshots)
		return NULL;
	snapshots->soft = soft;
	snapshots->hard = hard;
	snapshots->grace = grace;
	pthread_mutex_init(&snapshots->lock, NULL);
	return snapshots;
}

void snapshots_free(struct snapshots *snapshots)
{
	if (!snapshots)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct snapshot_entry *e = snapshots->buckets[i], *next; e; e = next) {
			next = e->next;
			free(e->bytes);
			free(e);
		}
	}
	pthread_mutex_destroy(&snapshots->lock);
	free(snapshots);
}

uint64_t snapshot_number(uint64_t owner, int64_t version)
{
	return owner | spread((uint64_t)version, SNAPSHOT_BITS);
}

static uint64_t owner_of(uint64_t number)
{
	return number >> SNAPSHOT_BITS << SNAPSHOT_BITS;
}

static int64_t monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* All below: with the lock held. All snapshots of an owner are in one bucket. */

static struct snapshot_entry **bucket_of(struct snapshots *snapshots, uint64_t number)
{
	return &snapshots->buckets[spread(owner_of(number), 12)];
}
_Static_assert(BUCKETS == 1 << 12, "bucket_of");

static struct snapshot_entry *find(struct snapshots *snapshots, uint64_t number)
{
	struct snapshot_entry *e = *bucket_of(snapshots, number);

	while (e && e->number != number)
		e = e->next;
	return e;
}

static void unlink_use(struct snapshots *snapshots, struct snapshot_entry *e)
{
	*(e->older ? &e->older->newer : &snapshots->oldest) = e->newer;
	*(e->newer ? &e->newer->older : &snapshots->newest) = e->older;
	e->older = e->newer = NULL;
}

static void link_newest(struct snapshots *snapshots, struct snapshot_entry *e)
{
	e->older = snapshots->newest;
	*(snapshots->newest ? &snapshots->newest->newer : &snapshots->oldest) = e;
	snapshots->newest = e;
}

static void give_bytes(struct snapshots *snapshots, struct snapshot_entry *e, char *bytes)
{
	e->bytes = bytes;
	snapshots->bytes += e->size;
	link_newest(snapshots, e);
}

static void give_up_bytes(struct snapshots *snapshots, struct snapshot_entry *e)
{
	if (!e->bytes)
		return;
	unlink_use(snapshots, e);
	snapshots->bytes -= e->size;
	free(e->bytes);
	e->bytes = NULL;
}

/* Drops E where nobody has any use for it. */
static void drop_unused(struct snapshots *snapshots, struct snapshot_entry *e)
{
	struct snapshot_entry **link = bucket_of(snapshots, e->number);

	if (e->users || e->lookups || ((e->latest || e->kept) && e->bytes))
		return;
	while (*link != e)
		link = &(*link)->next;
	*link = e->next;
	give_up_bytes(snapshots, e);
	snapshots->count--;
	free(e);
}

static void trim(struct snapshots *snapshots)
{
	int64_t idle_since = monotonic() - snapshots->grace;

	for (struct snapshot_entry *e = snapshots->oldest, *newer; e && snapshots->bytes > snapshots->soft; e = newer) {
		newer = e->newer;
		if (snapshots->bytes <= snapshots->hard && e->used_at > idle_since)
			return; /* and so are all that are newer */
		if (!newer)
			return;
		if (e->users)
			continue;
		give_up_bytes(snapshots, e);
		drop_unused(snapshots, e);
	}
}

static bool use(struct snapshots *snapshots, struct snapshot_entry *e, struct snapshot *snapshot)
{
	if (!e)
		return false;
	e->users++;
	e->used_at = monotonic();
	if (e->bytes) {
		unlink_use(snapshots, e);
		link_newest(snapshots, e);
	}
	*snapshot = (struct snapshot){ e->number, e->version, e->mtime, e->size, e->bytes, e };
	return true;
}

/* ---- The face ---- */

bool snapshots_use(struct snapshots *snapshots, uint64_t number, struct snapshot *snapshot)
{
	bool found;

	pthread_mutex_lock(&snapshots->lock);
	found = use(snapshots, find(snapshots, number), snapshot);
	pthread_mutex_unlock(&snapshots->lock);
	return found;
}

bool snapshots_latest(struct snapshots *snapshots, uint64_t owner, struct snapshot *snapshot)
{
	struct snapshot_entry *e;
	bool found;

	pthread_mutex_lock(&snapshots->lock);
	e = *bucket_of(snapshots, owner);
	while (e && !(e->latest && owner_of(e->number) == owner))
		e = e->next;
	found = use(snapshots, e, snapshot);
	pthread_mutex_unlock(&snapshots->lock);
	return found;
}

void snapshots_done(struct snapshots *snapshots, const struct snapshot *snapshot)
{
	pthread_mutex_lock(&snapshots->lock);
	snapshot->entry->users--;
	drop_unused(snapshots, snapshot->entry);
	pthread_mutex_unlock(&snapshots->lock);
}

/* E is the newest of its owner from now on. */
static void make_latest(struct snapshots *snapshots, struct snapshot_entry *e)
{
	uint64_t owner = owner_of(e->number);

	e->latest = true;
	for (struct snapshot_entry *other = *bucket_of(snapshots, owner), *next; other; other = next) {
		next = other->next;
		if (other != e && other->latest && owner_of(other->number) == owner) {
			other->latest = false;
			drop_unused(snapshots, other);
		}
	}
}

/*
 * Puts BYTES of SIZE into E, which is there already; -ESTALE where it holds, or held, something else. Users of an entry
 * without bytes have a copy that says so.
 */
static int put_again(struct snapshots *snapshots, struct snapshot_entry *e, int64_t version, int64_t mtime,
		     char **bytes, size_t size)
{
	if (e->version == version && e->bytes)
		return 0;
	if (e->version != version) {
		/* Two versions of one hash: the kernel sees its new size and time. */
		if (e->users)
			return -ESTALE;
		give_up_bytes(snapshots, e);
		e->version = version;
		e->mtime = mtime;
		e->size = size;
	}
	if (e->size != size)
		return -ESTALE;
	give_bytes(snapshots, e, *bytes);
	*bytes = NULL;
	return 0;
}

/* A new entry with *BYTES, which it takes; NULL without memory. */
static struct snapshot_entry *add(struct snapshots *snapshots, uint64_t number, int64_t version, int64_t mtime,
				  char **bytes, size_t size)
{
	struct snapshot_entry *e = calloc(1, sizeof *e), **bucket = bucket_of(snapshots, number);

	if (!e)
		return NULL;
	e->number = number;
	e->version = version;
	e->mtime = mtime;
	e->size = size;
	e->next = *bucket;
	*bucket = e;
	snapshots->count++;
	give_bytes(snapshots, e, *bytes);
	*bytes = NULL;
	return e;
}

/* Lock held. */
static int put(struct snapshots *snapshots, uint64_t number, int64_t version, int64_t mtime, char **bytes, size_t size,
	       struct snapshot_entry **put_in)
{
	struct snapshot_entry *e = find(snapshots, number);
	int result = 0;

	if (e)
		result = put_again(snapshots, e, version, mtime, bytes, size);
	else if (!(e = add(snapshots, number, version, mtime, bytes, size)))
		return -ENOMEM;
	if (result == 0)
		make_latest(snapshots, e);
	*put_in = e;
	return result;
}

int snapshots_put(struct snapshots *snapshots, uint64_t owner, int64_t version, int64_t mtime, pf_text *content,
		  struct snapshot *snapshot, pf_err *err)
{
	size_t size = content->len;
	char *bytes = pf_text_take(content);
	struct snapshot_entry *e = NULL;
	int result = -ENOMEM;

	if (bytes) {
		pthread_mutex_lock(&snapshots->lock);
		result = put(snapshots, snapshot_number(owner, version), version, mtime, &bytes, size, &e);
		if (result == 0) {
			use(snapshots, e, snapshot);
			trim(snapshots);
		}
		pthread_mutex_unlock(&snapshots->lock);
	}
	free(bytes);
	if (result == -ESTALE)
		return pf_fail(err, ESTALE, "what was being read has changed: read it again");
	return result < 0 ? pf_fail(err, -result, "no memory to show this document") : 0;
}

void snapshots_keep(struct snapshots *snapshots, uint64_t number, int64_t mtime, pf_text *content)
{
	size_t size = content->len;
	char *bytes = pf_text_take(content);
	struct snapshot_entry *e;

	if (!bytes)
		return;
	pthread_mutex_lock(&snapshots->lock);
	e = find(snapshots, number) ? NULL : add(snapshots, number, 0, mtime, &bytes, size);
	if (e) {
		e->kept = true;
		e->used_at = monotonic();
		trim(snapshots);
	}
	pthread_mutex_unlock(&snapshots->lock);
	free(bytes);
}

void snapshots_look_up(struct snapshots *snapshots, const struct snapshot *snapshot)
{
	pthread_mutex_lock(&snapshots->lock);
	snapshot->entry->lookups++;
	pthread_mutex_unlock(&snapshots->lock);
}

void snapshots_forget(struct snapshots *snapshots, uint64_t number, uint64_t lookups)
{
	struct snapshot_entry *e;

	pthread_mutex_lock(&snapshots->lock);
	e = find(snapshots, number);
	if (e) {
		e->lookups -= lookups < e->lookups ? lookups : e->lookups;
		if (e->lookups == 0)
			e->latest = false;
		drop_unused(snapshots, e);
	}
	pthread_mutex_unlock(&snapshots->lock);
}

void snapshots_drop(struct snapshots *snapshots, uint64_t owner)
{
	pthread_mutex_lock(&snapshots->lock);
	for (struct snapshot_entry *e = *bucket_of(snapshots, owner), *next; e; e = next) {
		next = e->next;
		if (owner_of(e->number) == owner) {
			e->lookups = 0;
			e->latest = false;
			drop_unused(snapshots, e);
		}
	}
	pthread_mutex_unlock(&snapshots->lock);
}

void snapshots_trim(struct snapshots *snapshots)
{
	pthread_mutex_lock(&snapshots->lock);
	trim(snapshots);
	pthread_mutex_unlock(&snapshots->lock);
}

size_t snapshots_bytes(struct snapshots *snapshots)
{
	size_t bytes;

	pthread_mutex_lock(&snapshots->lock);
	bytes = snapshots->bytes;
	pthread_mutex_unlock(&snapshots->lock);
	return bytes;
}

size_t snapshots_count(struct snapshots *snapshots)
{
	size_t count;

	pthread_mutex_lock(&snapshots->lock);
	count = snapshots->count;
	pthread_mutex_unlock(&snapshots->lock);
	return count;
}
