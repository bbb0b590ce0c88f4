#include "draft.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "fs.h"

struct draft {
	struct draft *next;
	int64_t file;
	char *content; /* owned */
	size_t len, room;
	int64_t mtime;
	int64_t changed_at; /* as mtime, but never set by hand */
	uint64_t version;
	uint64_t taken;	 /* the version that is on its way to the store, for a flush; 0: none */
	uint64_t stored; /* the version that the store has, unjudged */
	bool judge;
	bool too_large;
	pid_t writer;
	struct change *waiting;
};

/* A refusal that the writer has not heard of. */
struct untold {
	struct untold *next;
	int64_t file;
	pid_t writer;
	pf_err why;
};

struct orphan {
	struct orphan *next;
	int64_t file;
};

enum { BUCKETS = 256 };

struct drafts {
	pf_store *store; /* borrowed */
	size_t max_size;
	pthread_mutex_t lock; /* guards all below */
	struct draft *buckets[BUCKETS];
	struct orphan *orphans[BUCKETS];
	struct untold *untold[BUCKETS];
};

static size_t bucket(int64_t file)
{
	return (size_t)file % BUCKETS;
}

struct drafts *drafts_new(pf_store *store, size_t max_size)
{
	struct drafts *drafts = calloc(1, sizeof *drafts);

	if (!drafts)
		return NULL;
	drafts->store = store;
	drafts->max_size = max_size;
	pthread_mutex_init(&drafts->lock, NULL);
	return drafts;
}

static void draft_free(struct draft *draft)
{
	free(draft->content);
	free(draft);
}

void drafts_free(struct drafts *drafts)
{
	if (!drafts)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct draft *d = drafts->buckets[i], *next; d; d = next) {
			next = d->next;
			draft_free(d);
		}
		for (struct orphan *o = drafts->orphans[i], *next; o; o = next) {
			next = o->next;
			free(o);
		}
		for (struct untold *u = drafts->untold[i], *next; u; u = next) {
			next = u->next;
			free(u);
		}
	}
	pthread_mutex_destroy(&drafts->lock);
	free(drafts);
}

/* The link that points to FILE's draft, or to the NULL at its chain's end. Lock held. */
static struct draft **find(struct drafts *drafts, int64_t file)
{
	struct draft **link = &drafts->buckets[bucket(file)];

	while (*link && (*link)->file != file)
		link = &(*link)->next;
	return link;
}

static void drop(struct draft **link)
{
	struct draft *draft = *link;

	*link = draft->next;
	draft_free(draft);
}

/* Takes what FILE's writer was not told; NULL where there is nothing. Lock held. */
static struct untold *take_untold(struct drafts *drafts, int64_t file)
{
	struct untold **link = &drafts->untold[bucket(file)], *untold;

	while (*link && (*link)->file != file)
		link = &(*link)->next;
	untold = *link;
	if (untold)
		*link = untold->next;
	return untold;
}

/*
 * The draft of FILE, born from the store's content (unless it is to be EMPTY),
 * with the lock held; NULL without the lock. The store is read outside of the
 * lock: the kernel lets only one write or truncation of a file in at a time, so
 * nobody else can give birth to it meanwhile.
 */
static struct draft *lock_draft(struct drafts *drafts, int64_t file, bool empty, pf_err *err)
{
	pf_text content = { 0 };
	struct draft *draft;
	int result = 0;

	pthread_mutex_lock(&drafts->lock);
	draft = *find(drafts, file);
	if (draft)
		return draft;
	pthread_mutex_unlock(&drafts->lock);

	if (!empty)
		result = pf_store_file_content(drafts->store, file, &content, err);
	draft = calloc(1, sizeof *draft);
	if (result < 0 || content.failed || !draft) {
		pf_text_free(&content);
		free(draft);
		pf_fail(err, ENOMEM, "no memory to write this file");
		return NULL;
	}
	draft->file = file;
	draft->len = content.len;
	draft->room = content.room;
	draft->content = content.bytes;

	pthread_mutex_lock(&drafts->lock);
	draft->next = drafts->buckets[bucket(file)];
	drafts->buckets[bucket(file)] = draft;
	return draft;
}

static int resize(struct draft *draft, size_t len)
{
	if (len > draft->room) {
		size_t room = draft->room ? draft->room : 4096;
		char *content;

		while (room < len)
			room *= 2;
		content = realloc(draft->content, room);
		if (!content)
			return -ENOMEM;
		draft->content = content;
		draft->room = room;
	}
	if (len > draft->len)
		memset(draft->content + draft->len, 0, len - draft->len);
	draft->len = len;
	return 0;
}

static void touch(struct draft *draft)
{
	draft->version++;
	draft->mtime = draft->changed_at = fs_now();
}

int drafts_refuse_size(const struct drafts *drafts, pf_err *err)
{
	return pf_fail(err, EFBIG, "the file is too large, expected at most %zu bytes (-o max_source=)",
		       drafts->max_size);
}

int drafts_write(struct drafts *drafts, int64_t file, const char *bytes, size_t len, int64_t offset, pid_t writer,
		 pf_err *err)
{
	bool fits = offset >= 0 && len <= drafts->max_size && (uint64_t)offset <= drafts->max_size - len;
	struct draft *draft = lock_draft(drafts, file, false, err);
	int result = 0;

	if (!draft)
		return -err->code;
	draft->judge = true;
	draft->writer = writer;
	free(take_untold(drafts, file));
	if (!fits) {
		draft->too_large = true;
		draft->version++;
		result = drafts_refuse_size(drafts, err);
	} else if ((size_t)offset + len > draft->len && resize(draft, (size_t)offset + len) < 0) {
		result = pf_fail(err, ENOMEM, "no memory to write this file");
	} else {
		if (len)
			memcpy(draft->content + offset, bytes, len);
		touch(draft);
	}
	pthread_mutex_unlock(&drafts->lock);
	return result;
}

int drafts_truncate(struct drafts *drafts, int64_t file, int64_t size, bool judge, pf_err *err)
{
	struct draft *draft;
	int result = 0;

	if (size < 0 || (uint64_t)size > drafts->max_size)
		return drafts_refuse_size(drafts, err);
	draft = lock_draft(drafts, file, size == 0, err);
	if (!draft)
		return -err->code;
	if (resize(draft, (size_t)size) < 0) {
		result = pf_fail(err, ENOMEM, "no memory to extend this file");
	} else {
		/* Emptied, it is whole again whatever happened before; and not yet anything to judge. */
		if (size == 0) {
			draft->too_large = false;
			draft->judge = false;
		}
		draft->judge |= judge;
		touch(draft);
	}
	pthread_mutex_unlock(&drafts->lock);
	return result;
}

bool drafts_stat(struct drafts *drafts, int64_t file, int64_t *size, int64_t *mtime, int64_t *ctime)
{
	struct draft *draft;

	pthread_mutex_lock(&drafts->lock);
	draft = *find(drafts, file);
	if (draft) {
		*size = (int64_t)draft->len;
		*mtime = draft->mtime;
		if (*ctime < draft->changed_at)
			*ctime = draft->changed_at;
	}
	pthread_mutex_unlock(&drafts->lock);
	return draft != NULL;
}

bool drafts_read(struct drafts *drafts, int64_t file, int64_t offset, size_t size, pf_text *out)
{
	struct draft *draft;

	pthread_mutex_lock(&drafts->lock);
	draft = *find(drafts, file);
	if (draft && offset >= 0 && (uint64_t)offset < draft->len) {
		size_t left = draft->len - (size_t)offset;

		pf_text_add(out, draft->content + offset, size < left ? size : left);
	}
	pthread_mutex_unlock(&drafts->lock);
	return draft != NULL;
}

void drafts_set_mtime(struct drafts *drafts, int64_t file, int64_t mtime)
{
	struct draft *draft;

	pthread_mutex_lock(&drafts->lock);
	draft = *find(drafts, file);
	if (draft)
		draft->mtime = mtime;
	pthread_mutex_unlock(&drafts->lock);
}

bool drafts_take(struct drafts *drafts, int64_t file, bool for_flush, struct draft_copy *copy, pf_err *err)
{
	struct draft *draft;
	bool taken = false;

	pthread_mutex_lock(&drafts->lock);
	draft = *find(drafts, file);
	if (draft && !(for_flush && draft->taken == draft->version)) {
		copy->content = malloc(draft->len + 1);
		if (!copy->content) {
			pf_fail(err, ENOMEM, "no memory to store this file");
		} else {
			if (draft->len)
				memcpy(copy->content, draft->content, draft->len);
			copy->content[draft->len] = '\0';
			copy->len = draft->len;
			copy->mtime = draft->mtime;
			copy->version = draft->version;
			copy->judge = draft->judge;
			copy->too_large = draft->too_large;
			copy->writer = draft->writer;
			if (for_flush) {
				draft->taken = draft->version;
				draft->judge = false;
			}
			taken = true;
		}
	}
	pthread_mutex_unlock(&drafts->lock);
	return taken;
}

bool drafts_wait(struct drafts *drafts, int64_t file, struct change *waiter)
{
	struct draft *draft;
	bool waits;

	pthread_mutex_lock(&drafts->lock);
	draft = *find(drafts, file);
	waits = draft && draft->taken && draft->taken == draft->version;
	if (waits) {
		waiter->next = draft->waiting;
		draft->waiting = waiter;
	}
	pthread_mutex_unlock(&drafts->lock);
	return waits;
}

bool drafts_untold(struct drafts *drafts, int64_t file, pid_t writer, pf_err *err)
{
	struct untold *untold;
	bool mine;

	pthread_mutex_lock(&drafts->lock);
	untold = take_untold(drafts, file);
	mine = untold && untold->writer == writer;
	if (untold && !mine) {
		untold->next = drafts->untold[bucket(file)];
		drafts->untold[bucket(file)] = untold;
	}
	pthread_mutex_unlock(&drafts->lock);
	if (!mine)
		return false;
	pf_fail(err, untold->why.code, "%s", untold->why.why);
	free(untold);
	return true;
}

/* Lock held; in one with what becomes of the draft, so that none comes in between. */
static void take_waiters(struct draft *draft, uint64_t version, struct change **waiters)
{
	if (!waiters)
		return;
	*waiters = NULL;
	if (draft && draft->taken == version) {
		*waiters = draft->waiting;
		draft->waiting = NULL;
		draft->taken = 0;
	}
}

/* Lock held. Without memory the writer will not hear of it; the error file says it all the same. */
static void keep_untold(struct drafts *drafts, int64_t file, pid_t writer, const pf_err *why)
{
	struct untold *untold = malloc(sizeof *untold);

	free(take_untold(drafts, file));
	if (!untold)
		return;
	*untold = (struct untold){ drafts->untold[bucket(file)], file, writer, *why };
	drafts->untold[bucket(file)] = untold;
}

void drafts_committed(struct drafts *drafts, int64_t file, uint64_t version, pid_t writer, const pf_err *untold,
		      struct change **waiters)
{
	struct draft **link;

	pthread_mutex_lock(&drafts->lock);
	if (untold)
		keep_untold(drafts, file, writer, untold);
	link = find(drafts, file);
	take_waiters(*link, version, waiters);
	/* What was stored unjudged (fsync) still waits for its flush; and one on its way is settled by its own. */
	if (*link && (*link)->version == version && !(*link)->judge && (*link)->taken != version)
		drop(link);
	else if (*link)
		(*link)->stored = version;
	pthread_mutex_unlock(&drafts->lock);
}

void drafts_failed(struct drafts *drafts, int64_t file, uint64_t version, struct change **waiters)
{
	struct draft *draft;

	pthread_mutex_lock(&drafts->lock);
	draft = *find(drafts, file);
	if (draft && draft->taken == version)
		draft->judge = true;
	take_waiters(draft, version, waiters);
	if (draft && draft->taken == version)
		draft->taken = 0;
	pthread_mutex_unlock(&drafts->lock);
}

size_t drafts_idle(struct drafts *drafts, int64_t before, int64_t *files, size_t room)
{
	size_t count = 0;

	pthread_mutex_lock(&drafts->lock);
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct draft *d = drafts->buckets[i]; d && count < room; d = d->next)
			if (d->changed_at < before && d->taken != d->version && d->stored != d->version)
				files[count++] = d->file;
	pthread_mutex_unlock(&drafts->lock);
	return count;
}

void drafts_orphan(struct drafts *drafts, int64_t file)
{
	struct orphan *orphan = malloc(sizeof *orphan);

	/* Without memory the orphan stays in the store until it is opened next time, and is purged there. */
	if (!orphan)
		return;
	orphan->file = file;
	pthread_mutex_lock(&drafts->lock);
	orphan->next = drafts->orphans[bucket(file)];
	drafts->orphans[bucket(file)] = orphan;
	pthread_mutex_unlock(&drafts->lock);
}

bool drafts_forget(struct drafts *drafts, int64_t file)
{
	struct orphan **link, *orphan;

	pthread_mutex_lock(&drafts->lock);
	link = &drafts->orphans[bucket(file)];
	while (*link && (*link)->file != file)
		link = &(*link)->next;
	orphan = *link;
	if (orphan) {
		struct draft **draft = find(drafts, file);

		*link = orphan->next;
		if (*draft)
			drop(draft);
		free(take_untold(drafts, file));
	}
	pthread_mutex_unlock(&drafts->lock);
	free(orphan);
	return orphan != NULL;
}
