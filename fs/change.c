#include "change.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "document.h"
#include "fs.h"
#include "log.h"
#include "readahead.h"
#include "stale.h"
#include "thread.h"

enum {
	TICK_MS = 50,			/* how often other processes' commits are looked for */
	IDLE_DRAFT_S = 5,		/* a draft that nobody closes is stored (not judged) after so long */
	IDLE_BATCH = 16,		/* drafts a tick */
	LAST_ROUNDS = 64,		/* batches of drafts stored at the end */
	EXTRACTORS = 16,		/* kept for reuse */
	QUERIES_KEPT = QUERIES_MAX / 2, /* beyond so many the kernel is asked to forget those used longest ago */
	QUERIES_BATCH = 4096,		/* a tick */
	KEEP_S = 5,			/* what was rendered is kept so often */
	CHANGE_LOG = 32 << 10,		/* bytes that a change adds to the store's log at the most, but for content */
	UNCHANGED_LOG = 1 << 20,	/* bytes of the log without a change of any document, until it may start over */
};
/* ns; for so long whoever holds a directory's lock may have to wait for entry notices */
#define HELD ((int64_t)1000 * 1000000)

/* A group whose entry notices are to be sent, and whose changes are to be answered after that. */
struct notice {
	struct notice *next;	/* the writer's lock guards it */
	struct stale stale;	/* the notifier's */
	struct change *answers; /* the same lock */
	int64_t at;		/* ns, monotonic; since when they wait */
};

struct writer {
	struct pf_fs *fs;		 /* borrowed */
	const struct kernel_ops *kernel; /* NULL: nobody to tell */
	void *kernel_arg;

	pthread_mutex_t lock; /* guards what follows, but the threads */
	pthread_cond_t queued, noticed;
	struct change *first, **last;
	struct notice *first_notice, **last_notice;
	bool carrying; /* a thread carries changes out; at first it is the writer thread's turn */
	bool due;      /* the writer thread's turn is next: it has other things to see to */
	bool stop, stop_notices;
	pf_extractor *extractors[EXTRACTORS];
	size_t extractor_count;

	pthread_t thread, notifier;
	bool started; /* they run, or ran */
	/* Of who carries changes out: */
	int64_t seen;	    /* the change feed up to here has been told */
	size_t unchanged;   /* bytes that the log may have grown by since the store was remembered */
	int64_t kept_at;    /* ns, monotonic; when what was rendered was kept */
	bool store_failing; /* so that a lasting fault is logged once */
	size_t queries;	    /* as last logged */
};

struct change *change_new(void)
{
	return calloc(1, sizeof(struct change));
}

void change_free(struct change *change)
{
	if (!change)
		return;
	free(change->content);
	pf_judgement_free(change->judgement);
	verdicts_free(&change->verdicts);
	free(change);
}

void change_answer_nobody(struct change *change, int result)
{
	(void)result;
	change_free(change);
}

/* ---- What each operation does in the transaction (may run again), and once it is committed ---- */

/* A group's directory: what is made in it is the group's. */
static int inherit_group(struct change *c, pf_txn *txn)
{
	pf_file parent;
	int result = c->implicit ? 0 : pf_txn_file_stat(txn, c->parent, &parent, &c->err);

	if (result < 0 || c->implicit || !(parent.mode & S_ISGID))
		return result;
	c->mask |= PF_SET_GID;
	c->values.gid = parent.gid;
	c->mode |= c->op == CHANGE_MKDIR ? S_ISGID : 0;
	return 0;
}

/* Who made it owns it, where that is not who mounts. */
static int give_away(struct change *c, pf_txn *txn)
{
	int result = c->mask ? pf_txn_setattr(txn, c->made.id, c->mask, &c->values, &c->err) : 0;

	if (c->mask & PF_SET_UID)
		c->made.uid = c->values.uid;
	if (c->mask & PF_SET_GID)
		c->made.gid = c->values.gid;
	return result;
}

static int apply_mkdir(struct writer *w, struct change *c, pf_txn *txn)
{
	int result = inherit_group(c, txn);

	(void)w;
	if (result == 0)
		result = pf_txn_mkdir(txn, c->parent, c->name, c->mode, c->implicit, &c->made, &c->err);
	return result < 0 ? result : give_away(c, txn);
}

static int apply_mkfile(struct writer *w, struct change *c, pf_txn *txn)
{
	int result = inherit_group(c, txn);

	(void)w;
	if (result == 0)
		result = pf_txn_mkfile(txn, c->parent, c->name, c->mode, &c->made, &c->err);
	return result < 0 ? result : give_away(c, txn);
}

static int apply_unlink(struct writer *w, struct change *c, pf_txn *txn)
{
	(void)w;
	return pf_txn_unlink(txn, c->parent, c->name, &c->removed, &c->err);
}

static int apply_rmdir(struct writer *w, struct change *c, pf_txn *txn)
{
	(void)w;
	return pf_txn_rmdir(txn, c->parent, c->name, &c->err);
}

static int apply_rename(struct writer *w, struct change *c, pf_txn *txn)
{
	pf_extractor *extractor = writer_borrow_extractor(w, &c->err);
	int result = extractor ? 0 : -c->err.code;

	if (result == 0 && c->content)
		result = pf_txn_write(txn, c->id, c->content, c->len, c->mtime, &c->err);
	if (result == 0)
		result = pf_txn_rename(txn, c->parent, c->name, c->new_parent, c->new_name, c->flags, extractor,
				       &c->removed, &c->err);
	writer_return_extractor(w, extractor);
	return result;
}

static int apply_setattr(struct writer *w, struct change *c, pf_txn *txn)
{
	(void)w;
	return pf_txn_setattr(txn, c->id, c->mask, &c->values, &c->err);
}

static int apply_write(struct writer *w, struct change *c, pf_txn *txn)
{
	(void)w;
	return pf_txn_write(txn, c->id, c->content, c->len, c->mtime, &c->err);
}

/*
 * Where a file lies that is about to be closed, beside which a receipt or an error may come or go. Before that is done:
 * a look that memory is short for takes the transaction with it.
 */
static int find_parent(struct change *c, pf_txn *txn)
{
	pf_file file;
	int result = pf_txn_file_stat(txn, c->id, &file, &c->err);

	c->parent = result == 0 ? file.parent : 0;
	return result;
}

static int apply_close(struct writer *w, struct change *c, pf_txn *txn)
{
	pf_extractor *extractor = writer_borrow_extractor(w, &c->err);
	int result = extractor ? find_parent(c, txn) : -c->err.code;

	if (result == 0)
		result = pf_txn_close(txn, c->id, c->content, c->len, c->mtime, extractor, c->judgement, &c->err);
	writer_return_extractor(w, extractor);
	return result;
}

static int apply_refuse(struct writer *w, struct change *c, pf_txn *txn)
{
	int result = find_parent(c, txn);

	(void)w;
	return result < 0 ? result : pf_txn_refuse(txn, c->id, c->content, c->len, c->mtime, c->code, c->why, &c->err);
}

static int apply_await(struct writer *w, struct change *c, pf_txn *txn)
{
	(void)w;
	(void)c;
	(void)txn;
	return 0;
}

static int apply_forget(struct writer *w, struct change *c, pf_txn *txn)
{
	(void)w;
	return pf_txn_forget(txn, c->id, &c->err);
}

static int apply_archive(struct writer *w, struct change *c, pf_txn *txn)
{
	(void)w;
	return pf_txn_archive(txn, c->id, &c->err);
}

static int apply_verdict(struct writer *w, struct change *c, pf_txn *txn)
{
	(void)w;
	return pf_txn_verdicts(txn, c->verdicts.list, c->verdicts.count, &c->err);
}

/* A refusal is stored too; anything else that failed left the store as it was. */
static bool is_refusal(int result)
{
	return result == -EINVAL || result == -EILSEQ || result == -EFBIG || result == -ETIMEDOUT;
}

/* The process of THREAD, or 0 where it is gone. */
static pid_t process_of(pid_t thread)
{
	char path[64], line[128];
	int process = 0;
	FILE *status;

	snprintf(path, sizeof path, "/proc/%d/status", (int)thread);
	status = fopen(path, "re");
	while (status && !process && fgets(line, sizeof line, status))
		sscanf(line, "Tgid: %d", &process);
	if (status)
		fclose(status);
	return process;
}

static bool is_writer(const struct change *c, pid_t thread)
{
	pid_t process;

	if (!c->writer || thread == c->writer)
		return true;
	process = process_of(thread);
	return process && process == process_of(c->writer);
}

/* Who closed C's file meanwhile is answered after it; a refusal is the writer's to hear. */
static void settle_waiters(struct writer *w, struct change *c, struct change *waiters)
{
	for (struct change *waiter = waiters, *next; waiter; waiter = next) {
		bool writer = is_writer(c, waiter->asker);

		next = waiter->next;
		if (c->result < 0 && (writer || !is_refusal(c->result))) {
			waiter->code = -c->result;
			snprintf(waiter->why, sizeof waiter->why, "%s", c->err.why);
		}
		if (writer)
			drafts_untold(w->fs->drafts, c->id, c->writer, NULL); /* it hears of it now */
		writer_submit(w, waiter);
	}
}

/* Its own outcome was logged with the change that it waited for. */
static void told_waiter(struct writer *w, struct change *c)
{
	(void)w;
	if (c->code)
		c->result = pf_fail(&c->err, c->code, "%s", c->why);
}

static void stored_draft(struct writer *w, struct change *c)
{
	struct change *waiters = NULL, **flushed = c->asker_ino ? &waiters : NULL;

	if (!c->content)
		return;
	if (c->result == 0 || is_refusal(c->result))
		drafts_committed(w->fs->drafts, c->id, c->version, c->writer,
				 c->result < 0 && !is_writer(c, c->asker) ? &c->err : NULL, flushed);
	else
		drafts_failed(w->fs->drafts, c->id, c->version, flushed);
	if (flushed)
		settle_waiters(w, c, waiters);
}

static void removed_file(struct writer *w, struct change *c)
{
	if (c->result == 0 && c->removed)
		drafts_orphan(w->fs->drafts, c->removed);
}

static void renamed_file(struct writer *w, struct change *c)
{
	if (c->content && c->result == 0)
		drafts_committed(w->fs->drafts, c->id, c->version, 0, NULL, NULL);
	removed_file(w, c);
}

static void told_outcome(struct writer *w, struct change *c)
{
	struct node node;

	if (node_from_ino(c->asker_ino, &node))
		outcome_settled(w->fs, node, c->result < 0 ? &c->err : NULL);
}

static const struct {
	const char *name;
	int (*apply)(struct writer *w, struct change *c, pf_txn *txn);
	void (*settled)(struct writer *w, struct change *c); /* after the commit or the failure, before the answer */
	bool first;					     /* answered before entry notices: none tells of it */
} ops[CHANGE_OP_COUNT] = {
	[CHANGE_MKDIR] = { "mkdir", apply_mkdir, NULL, true },
	[CHANGE_MKFILE] = { "create", apply_mkfile, NULL, true },
	[CHANGE_UNLINK] = { "unlink", apply_unlink, removed_file, false },
	[CHANGE_RMDIR] = { "rmdir", apply_rmdir, NULL, false },
	[CHANGE_RENAME] = { "rename", apply_rename, renamed_file, false },
	[CHANGE_SETATTR] = { "setattr", apply_setattr, NULL, false },
	[CHANGE_WRITE] = { "write", apply_write, stored_draft, false },
	[CHANGE_CLOSE] = { "close", apply_close, stored_draft, false },
	[CHANGE_REFUSE] = { "close", apply_refuse, stored_draft, false },
	[CHANGE_AWAIT] = { "close", apply_await, told_waiter, false },
	[CHANGE_FORGET] = { "forget", apply_forget, NULL, false },
	[CHANGE_ARCHIVE] = { "archive", apply_archive, NULL, false },
	[CHANGE_VERDICT] = { "verdict", apply_verdict, told_outcome, false },
};

/* ---- What became stale ---- */

/* Of what others change from now on, the older versions can be kept. */
static void remember(struct writer *w)
{
	pf_err err = { 0 };

	if (pf_store_remember(w->fs->store, &err) < 0)
		pf_log(PF_LOG_DEBUG, "cannot remember the store as it is: %s", err.why);
}

/* Everything that the feed says happened since last time, whoever did it. */
static void read_feed(struct writer *w, struct stale *stale)
{
	pf_err err = { 0 };

	if (pf_store_changes(w->fs->store, &w->seen, stale_change, stale, &err) < 0)
		pf_log(PF_LOG_ERROR, "cannot read what changed: %s", err.why);
	stale_keep_replaced(w->fs, stale);
	stale_totals(w->fs, stale);
}

/* Of what happens from here on the kernel is not told: only once it is committed. */
static bool knows(const struct writer *w, uint64_t ino)
{
	return w->kernel && w->kernel->knows(w->kernel_arg, ino);
}

static void tell_inodes(struct writer *w, const struct stale *stale)
{
	readahead_settle(w->fs->readahead, w->seen);
	for (size_t i = 0; i < stale->inode_count; i++)
		if (knows(w, stale->inodes[i].ino))
			w->kernel->inval_inode(w->kernel_arg, stale->inodes[i].ino, stale->inodes[i].pages);
	readahead_told(w->fs->readahead, w->seen);
	if (stale->failed)
		pf_log(PF_LOG_ERROR, "no memory to tell the kernel of every change: listings may be stale");
}

/* ---- Carrying changes out ---- */

static void answer(struct change *change)
{
	change->answer(change, change->result);
}

static void log_result(struct writer *w, const struct change *change)
{
	int result = change->result;

	if (result == -EIO || result == -ENOSPC || result == -EROFS || result == -EBUSY || result == -ENOMEM ||
	    result == -ENFILE) {
		if (!w->store_failing)
			pf_log(PF_LOG_ERROR, "%s failed: %s", ops[change->op].name, change->err.why);
		w->store_failing = true;
		return;
	}
	w->store_failing = false;
	if (is_refusal(result))
		pf_log(PF_LOG_NOTICE, "refused: %s", change->err.why);
	else if (result < 0)
		pf_log(PF_LOG_DEBUG, "%s: %s", ops[change->op].name, change->err.why);
}

/* All of LIST get the same bad news. */
static void fail_all(struct change *list, const pf_err *err)
{
	for (; list; list = list->next) {
		list->err = *err;
		list->result = -err->code;
	}
}

/*
 * Whether the store must be remembered anew after LIST, by which documents changed (CHANGED) or none did. Most files
 * come with a commit that makes them and changes none: what is remembered stands. But the log cannot start over before
 * it is forgotten.
 */
static bool outdates_past(struct writer *w, const struct change *list, bool changed)
{
	for (const struct change *c = list; c; c = c->next)
		w->unchanged += CHANGE_LOG + c->len;
	if (!changed && w->unchanged < UNCHANGED_LOG)
		return false;
	w->unchanged = 0;
	return true;
}

/* Ends TXN, of LIST, and adds to STALE what became so by it, and by what others committed before. */
static int commit_and_learn(struct writer *w, pf_txn *txn, const struct change *list, struct stale *stale, pf_err *err)
{
	struct stale before = *stale;
	int64_t seen = w->seen;
	int result = pf_txn_changes(txn, &seen, stale_change, stale, err);

	if (result == 0) {
		bool outdated = outdates_past(w, list, seen != w->seen);

		stale_keep_replaced(w->fs, stale);
		if (outdated)
			pf_store_forget(w->fs->store); /* this commit may checkpoint; nobody else commits until then */
		result = pf_txn_commit(txn, err);
		if (outdated)
			remember(w);
	} else {
		pf_txn_rollback(txn);
	}
	if (result == 0) {
		w->seen = seen;
		return 0;
	}
	stale_take_back(stale, &before);
	return result;
}

/* True where the whole of LIST went through one transaction, each with its own result. */
static bool commit_together(struct writer *w, struct change *list, struct stale *stale, pf_err *err)
{
	pf_txn *txn = pf_txn_begin(w->fs->store, err);

	if (!txn)
		return false;
	for (struct change *c = list; c; c = c->next) {
		pf_err_clear(&c->err);
		c->removed = 0;
		c->result = ops[c->op].apply(w, c, txn);
		if (pf_txn_broken(txn)) {
			*err = c->err;
			/* What is undone was neither done nor refused. */
			if (c->result >= 0 || is_refusal(c->result)) {
				pf_err_clear(err);
				pf_fail(err, EIO, "the database gave the transaction up");
			}
			pf_txn_rollback(txn);
			return false;
		}
	}
	return commit_and_learn(w, txn, list, stale, err) == 0;
}

static void commit(struct writer *w, struct change *list, struct stale *stale)
{
	pf_err err = { 0 };

	if (commit_together(w, list, stale, &err))
		return;
	if (!list->next) {
		fail_all(list, &err);
		return;
	}
	/* One of them broke the group: each on its own, so that the others do not pay. */
	for (struct change *c = list, *rest; c; c = rest) {
		rest = c->next;
		c->next = NULL;
		pf_err_clear(&err);
		if (!commit_together(w, c, stale, &err))
			fail_all(c, &err);
		c->next = rest;
	}
}

static void answer_all(struct change *list)
{
	for (struct change *c = list, *next; c; c = next) {
		next = c->next;
		answer(c);
	}
}

/* Names in directories that the kernel does not know. */
static void drop_unknown(struct writer *w, struct stale *stale)
{
	size_t kept = 0;

	for (size_t i = 0; i < stale->entry_count; i++)
		if (knows(w, stale->entries[i].parent) && kept++ != i)
			stale->entries[kept - 1] = stale->entries[i];
	stale->entry_count = kept;
}

static bool holds_directory(const struct change *c)
{
	return c->holds_directory;
}

static bool holds_scope(const struct change *c)
{
	return c->held_ino != 0;
}

/* Moves those of *LIST that are WANTED to the end of another list, at **LAST. */
static void move(struct change **list, bool (*wanted)(const struct change *c), struct change ***last)
{
	while (*list) {
		struct change *c = *list;

		if (!wanted(c)) {
			list = &c->next;
			continue;
		}
		*list = c->next;
		c->next = NULL;
		**last = c;
		*last = &c->next;
	}
}

static void hand_to_notifier(struct writer *w, struct stale *stale, struct change *answers)
{
	struct change *before = NULL, **last = &before;
	struct notice *notice;

	drop_unknown(w, stale);
	notice = stale->entry_count ? calloc(1, sizeof *notice) : NULL;
	if (!notice) {
		answer_all(answers);
		stale_free(stale);
		return;
	}
	notice->stale = *stale;
	notice->at = fs_monotonic();
	pthread_mutex_lock(&w->lock);
	/* What is on its way may wait for them. */
	if (w->first_notice)
		move(&answers, holds_scope, &last);
	notice->answers = answers;
	*w->last_notice = notice;
	w->last_notice = &notice->next;
	pthread_cond_signal(&w->noticed);
	pthread_mutex_unlock(&w->lock);
	answer_all(before);
}

/* Those who hold a directory's lock, and have waited since UNTIL or longer, wait no more for entry notices. */
static void answer_held(struct writer *w, int64_t until)
{
	struct change *held = NULL, **last = &held;

	pthread_mutex_lock(&w->lock);
	for (struct notice *notice = w->first_notice; notice && notice->at <= until; notice = notice->next)
		move(&notice->answers, holds_directory, &last);
	pthread_mutex_unlock(&w->lock);
	answer_all(held);
}

/* Commits LIST, tells the kernel, answers: in the order that change.h explains. */
static void run_group(struct writer *w, struct change *list)
{
	struct stale stale = { 0 };
	struct change *answers = NULL, **last = &answers;

	commit(w, list, &stale);
	for (struct change *c = list; c; c = c->next) {
		log_result(w, c);
		if (ops[c->op].settled)
			ops[c->op].settled(w, c);
	}
	stale_totals(w->fs, &stale);
	for (struct change *c = list; c; c = c->next) {
		struct node node;

		/* The listing beside a closed file has a new receipt or error; a written outcome has a new time. */
		if (c->asker_ino && node_from_ino(c->asker_ino, &node)) {
			stale_inode(&stale, node, false);
			if (node.kind == NODE_FILE && c->parent)
				stale_inode(&stale, (struct node){ NODE_FILE, c->parent }, false);
		}
	}
	tell_inodes(w, &stale);
	for (struct change *c = list, *next; c; c = next) {
		next = c->next;
		c->next = NULL;
		if (ops[c->op].first) {
			answer(c);
		} else {
			*last = c;
			last = &c->next;
		}
	}
	hand_to_notifier(w, &stale, answers);
}

/* What is queued, or NULL; lock held. */
static struct change *take_queued(struct writer *w)
{
	struct change *list = w->first;

	w->first = NULL;
	w->last = &w->first;
	return list;
}

/* Who carried changes out does so no longer; lock held. */
static void put_down(struct writer *w)
{
	w->carrying = false;
	if (w->first || w->due || w->stop)
		pthread_cond_signal(&w->queued);
}

/* The next group of a thread that carries changes out in passing; NULL where it does so no longer. */
static struct change *next_in_passing(struct writer *w)
{
	struct change *list;

	pthread_mutex_lock(&w->lock);
	list = w->due ? NULL : take_queued(w);
	if (!list)
		put_down(w);
	pthread_mutex_unlock(&w->lock);
	return list;
}

/* ---- The writer thread ---- */

/* Drafts that are not being closed are stored all the same, so that a crash costs seconds at the most. */
static size_t store_idle_drafts(struct writer *w, int64_t before)
{
	int64_t files[IDLE_BATCH];
	size_t count = drafts_idle(w->fs->drafts, before, files, IDLE_BATCH);

	for (size_t i = 0; i < count; i++) {
		struct change *change = change_new();
		struct draft_copy copy;

		if (!change)
			return 0;
		if (!drafts_take(w->fs->drafts, files[i], false, &copy, NULL)) {
			change_free(change);
			continue;
		}
		change->op = CHANGE_WRITE;
		change->id = files[i];
		change->content = copy.content;
		change->len = copy.len;
		change->mtime = copy.mtime;
		change->version = copy.version;
		change->answer = change_answer_nobody;
		run_group(w, change);
	}
	return count;
}

/* What was changed in the sqlite3 shell becomes events, which the feed tells. */
static void adopt_edits(struct writer *w)
{
	pf_err err = { 0 };
	pf_txn *txn = pf_store_edited(w->fs->store) ? pf_txn_begin(w->fs->store, &err) : NULL;
	int result;

	if (!txn) {
		if (err.code)
			pf_log(PF_LOG_ERROR, "cannot take over what was changed by hand: %s", err.why);
		return;
	}
	result = pf_txn_adopt_edits(txn, &err);
	if (result < 0)
		pf_txn_rollback(txn);
	else
		result = pf_txn_commit(txn, &err);
	if (result < 0)
		pf_log(PF_LOG_ERROR, "cannot take over what was changed by hand: %s", err.why);
}

/* The kernel remembers the names below query/ as long as it has memory for them; here they cost more. */
static void trim_queries(struct writer *w)
{
	size_t count = queries_count(w->fs->queries);
	struct queries_entry *entries;
	struct stale stale = { 0 };

	if (count != w->queries)
		pf_log(PF_LOG_DEBUG, "queries in use: %zu", count);
	w->queries = count;
	if (count <= QUERIES_KEPT)
		return;
	entries = calloc(QUERIES_BATCH, sizeof *entries);
	if (!entries)
		return;
	count = queries_idle(w->fs->queries, QUERIES_KEPT, entries, QUERIES_BATCH);
	for (size_t i = 0; i < count; i++)
		stale_entry(&stale,
			    entries[i].parent ? (struct node){ NODE_QUERY, entries[i].parent }
					      : (struct node){ NODE_QUERY_ROOT, 0 },
			    entries[i].pair);
	free(entries);
	hand_to_notifier(w, &stale, NULL);
}

/* What was rendered is kept, for the next mount. */
static void keep_documents(struct writer *w)
{
	pf_err err = { 0 };

	if (w->fs->read_only || !told_any(w->fs->rendered))
		return;
	pf_store_forget(w->fs->store);
	if (documents_keep(w->fs, &err) < 0)
		pf_log(PF_LOG_DEBUG, "cannot keep what was rendered: %s", err.why);
	remember(w);
}

static void tick(struct writer *w)
{
	int64_t now = fs_monotonic();

	if (pf_store_foreign_commit(w->fs->store)) {
		struct stale stale = { 0 };

		if (!w->fs->read_only)
			adopt_edits(w);

		read_feed(w, &stale);
		remember(w);
		tell_inodes(w, &stale);
		hand_to_notifier(w, &stale, NULL);
	}
	answer_held(w, now - HELD);
	store_idle_drafts(w, fs_now() - (int64_t)IDLE_DRAFT_S * 1000000000);
	snapshots_trim(w->fs->snapshots);
	trim_queries(w);
	if (now - w->kept_at > KEEP_S * (int64_t)1000000000) {
		w->kept_at = now;
		keep_documents(w);
	}
}

/*
 * The next group: all that is queued; NULL after a tick without any. False when it is time to end. From here on the
 * writer thread carries changes out, until it is through with the group.
 */
static bool next_group(struct writer *w, struct change **list)
{
	struct timespec until;
	bool go_on;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += TICK_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&w->lock);
	while (w->carrying || (!w->first && !w->stop && !w->due)) {
		if (w->due)
			pthread_cond_wait(&w->queued, &w->lock);
		else
			w->due = pthread_cond_timedwait(&w->queued, &w->lock, &until) == ETIMEDOUT;
	}
	w->carrying = true;
	w->due = false;
	*list = take_queued(w);
	go_on = *list || !w->stop;
	pthread_mutex_unlock(&w->lock);
	return go_on;
}

static void end_group(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	put_down(w);
	pthread_mutex_unlock(&w->lock);
}

static void *writer_main(void *arg)
{
	struct writer *w = arg;
	int64_t ticked = fs_now();
	struct change *list;

	remember(w);
	end_group(w);
	while (next_group(w, &list)) {
		int64_t now;

		if (list)
			run_group(w, list);
		now = fs_now();
		if (!list || now - ticked > TICK_MS * (int64_t)1000000 || now < ticked) {
			ticked = now;
			tick(w);
		}
		end_group(w);
	}
	/* What cannot be stored any more must not keep the daemon from ending. */
	for (int rounds = 0; rounds < LAST_ROUNDS && store_idle_drafts(w, INT64_MAX); rounds++)
		;
	keep_documents(w);
	pf_store_forget(w->fs->store);
	answer_held(w, INT64_MAX); /* nobody looks after them any more */
	return NULL;
}

/* NOTICE was sent, and is taken off the queue. */
static void end_notice(struct writer *w, struct notice *notice)
{
	struct change *answers;

	pthread_mutex_lock(&w->lock);
	w->first_notice = notice->next;
	if (!w->first_notice)
		w->last_notice = &w->first_notice;
	answers = notice->answers;
	pthread_mutex_unlock(&w->lock);
	answer_all(answers);
	stale_free(&notice->stale);
	free(notice);
}

/* Whether ENTRY is in a directory that somebody holds who is to be answered; *OWN: it is what he removed. Lock held. */
static bool is_held(const struct notice *notice, const struct stale_entry *entry, bool *own)
{
	bool held = false;

	*own = false;
	for (const struct change *c = notice->answers; c; c = c->next)
		if (c->held_ino == entry->parent) {
			held = true;
			*own |= strcmp(c->name, entry->name) == 0;
		}
	return held;
}

/*
 * Names in directories that those hold who are to be answered go last; from which on. But for what they removed: the
 * kernel does that itself.
 */
static size_t put_held_last(struct writer *w, struct notice *notice)
{
	struct stale *stale = &notice->stale;
	size_t others = 0, kept = 0;

	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < stale->entry_count; i++) {
		struct stale_entry entry = stale->entries[i];
		bool own;

		if (is_held(notice, &entry, &own)) {
			if (!own)
				stale->entries[kept++] = entry;
			continue;
		}
		stale->entries[kept++] = stale->entries[others];
		stale->entries[others++] = entry;
	}
	stale->entry_count = kept;
	pthread_mutex_unlock(&w->lock);
	return others;
}

static void answer_holders(struct writer *w, struct notice *notice)
{
	struct change *holders = NULL, **last = &holders;

	pthread_mutex_lock(&w->lock);
	move(&notice->answers, holds_scope, &last);
	pthread_mutex_unlock(&w->lock);
	answer_all(holders);
}

static void *notifier_main(void *arg)
{
	struct writer *w = arg;

	for (;;) {
		struct notice *notice;
		size_t late;

		pthread_mutex_lock(&w->lock);
		while (!w->first_notice && !w->stop_notices)
			pthread_cond_wait(&w->noticed, &w->lock);
		notice = w->first_notice;
		pthread_mutex_unlock(&w->lock);
		if (!notice)
			return NULL;
		late = put_held_last(w, notice);
		for (size_t i = 0; i < notice->stale.entry_count; i++) {
			if (i == late)
				answer_holders(w, notice);
			w->kernel->inval_entry(w->kernel_arg, notice->stale.entries[i].parent,
					       notice->stale.entries[i].name);
		}
		end_notice(w, notice);
	}
}

void writer_tell(struct writer *w, uint64_t ino)
{
	if (knows(w, ino))
		w->kernel->inval_inode(w->kernel_arg, ino, true);
}

/* Queues CHANGE: true, or false where the mount is ending; lock held. */
static bool queue(struct writer *w, struct change *change)
{
	change->next = NULL;
	if (w->stop)
		return false;
	*w->last = change;
	w->last = &change->next;
	return true;
}

/* As the kernel says it in a moment. */
static void refuse_late(struct change *change)
{
	pf_fail(&change->err, ENOTCONN, "%s: the mount is ending", ops[change->op].name);
	if (change->answer != change_answer_nobody)
		pf_log(PF_LOG_NOTICE, "refused: %s", change->err.why);
	change->answer(change, -ENOTCONN);
}

void writer_submit(struct writer *w, struct change *change)
{
	bool queued;

	pthread_mutex_lock(&w->lock);
	queued = queue(w, change);
	if (queued && !w->carrying)
		pthread_cond_signal(&w->queued);
	pthread_mutex_unlock(&w->lock);
	if (!queued)
		refuse_late(change);
}

void writer_carry_out(struct writer *w, struct change *change)
{
	bool queued, mine;

	pthread_mutex_lock(&w->lock);
	queued = queue(w, change);
	mine = queued && !w->carrying;
	w->carrying |= mine;
	pthread_mutex_unlock(&w->lock);
	if (!queued)
		refuse_late(change);
	if (!mine)
		return;
	/* Without others a notice might wait for a request that nobody serves. */
	if (!fs_lengthy(w->fs)) {
		end_group(w);
		return;
	}
	for (struct change *list; (list = next_in_passing(w));)
		run_group(w, list);
}

struct writer *writer_new(struct pf_fs *fs, pf_err *err)
{
	struct writer *w = calloc(1, sizeof *w);
	pthread_condattr_t monotonic;

	if (!w) {
		pf_fail(err, ENOMEM, "no memory to start");
		return NULL;
	}
	w->fs = fs;
	w->last = &w->first;
	w->last_notice = &w->first_notice;
	w->carrying = true;
	w->seen = INT64_MAX;
	if (pf_store_changes(fs->store, &w->seen, stale_change, NULL, err) < 0) {
		free(w);
		return NULL;
	}
	readahead_told(fs->readahead, w->seen);
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->queued, &monotonic);
	pthread_cond_init(&w->noticed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return w;
}

static void end_notifier(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->stop_notices = true;
	pthread_cond_signal(&w->noticed);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->notifier, NULL);
}

int writer_start(struct writer *w, const struct kernel_ops *kernel, void *arg, pf_err *err)
{
	int result;

	w->kernel_arg = arg;
	w->kernel = kernel;
	result = thread_start(&w->notifier, notifier_main, w);
	if (result == 0) {
		result = thread_start(&w->thread, writer_main, w);
		if (result == 0)
			w->started = true;
		else
			end_notifier(w);
	}
	return result ? pf_fail(err, result, "cannot start a thread: %s", strerror(result)) : 0;
}

void writer_stop(struct writer *w)
{
	if (!w->started || w->stop)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->queued);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	end_notifier(w);
}

void writer_free(struct writer *w)
{
	if (!w)
		return;
	writer_stop(w);
	for (size_t i = 0; i < w->extractor_count; i++)
		pf_extractor_free(w->extractors[i]);
	pthread_cond_destroy(&w->queued);
	pthread_cond_destroy(&w->noticed);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

pf_extractor *writer_borrow_extractor(struct writer *w, pf_err *err)
{
	pf_extractor *extractor = NULL;

	pthread_mutex_lock(&w->lock);
	if (w->extractor_count)
		extractor = w->extractors[--w->extractor_count];
	pthread_mutex_unlock(&w->lock);
	return extractor ? extractor : pf_extractor_new(&w->fs->limits, err);
}

void writer_return_extractor(struct writer *w, pf_extractor *extractor)
{
	if (!extractor)
		return;
	pthread_mutex_lock(&w->lock);
	if (w->extractor_count < EXTRACTORS) {
		w->extractors[w->extractor_count++] = extractor;
		extractor = NULL;
	}
	pthread_mutex_unlock(&w->lock);
	pf_extractor_free(extractor);
}
