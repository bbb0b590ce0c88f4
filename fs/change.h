/*
 * Changes: what the mount's users write, and who commits it.
 *
 * A handler that changes something fills a `struct change` and queues it; it
 * waits for nobody. One thread at a time takes whatever is queued, carries it
 * out in one transaction (writers that arrive while a commit is in flight share
 * the next one), tells the kernel what became stale, and answers. So an answer
 * means: durable, and visible to whoever looks.
 *
 * Where no thread does that when a change comes, the one that serves its asker
 * does, once another takes the lead in serving (loop.h): to wake one would cost
 * about as much as the change. It goes on until nothing is queued, or until the
 * writer thread wants its turn, which sees to all else: what other processes
 * committed, drafts that nobody closes, and what is queued where no other
 * thread could serve meanwhile.
 *
 * Who waits for whom. The kernel holds locks while a request is unanswered, and
 * some notices need such a lock, so the order matters:
 *
 *  - inode notices (inval_inode) take no directory lock, and wait at most for
 *    pages that are being read; no serving thread waits for who carries changes
 *    out, and one that does that itself leaves others to serve, so such reads
 *    are always served. The pages of `outcome` files are locked by their own
 *    writers: these get attributes-only notices, and the kernel drops their
 *    pages when it sees the new time. Who carries changes out sends them all
 *    before it answers, and after what is being handed to the kernel unasked
 *    (readahead.h), which waits for no more than they do.
 *  - entry notices (inval_entry) take the directory's lock. They are about
 *    components, scopes and queries, never about what is below incoming/, and a
 *    second thread sends them, which then answers the group. Who archives a
 *    pattern holds that lock until answered: other names in that directory come
 *    after the answer, for its own the kernel needs no notice; and where earlier
 *    notices are still on their way, which might wait for that lock, it is
 *    answered before all. And while others hold a lock below incoming/ until
 *    answered (rename, unlink, …), somebody who moves a file from a scope to
 *    there may hold the scope's and wait for theirs, in vain (EROFS) but the
 *    other way round: the writer thread answers whoever has waited like that for
 *    a second. Neither it nor who carries changes out ever waits for the
 *    kernel's locks of directories.
 *
 * A change's functions may run several times: where a group's transaction
 * breaks (full disk, …), each of its changes is carried out again on its own, so
 * that one culprit does not fail the others.
 */
#ifndef PF_CHANGE_H
#define PF_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"

struct pf_fs;
struct writer;

enum change_op {
	CHANGE_NONE,
	CHANGE_MKDIR,	/* parent, name, mode, implicit, values' uid and gid as far as mask says → made */
	CHANGE_MKFILE,	/* the same, but implicit */
	CHANGE_UNLINK,	/* parent, name → removed */
	CHANGE_RMDIR,	/* parent, name */
	CHANGE_RENAME,	/* parent, name, new_parent, new_name, flags, and a draft of ID, if any → removed */
	CHANGE_SETATTR, /* id, mask, values */
	CHANGE_WRITE,	/* id, content, len, mtime, version */
	CHANGE_CLOSE,	/* the same, judgement → parent, or 0 */
	CHANGE_REFUSE,	/* the same, but judgement; code, why */
	CHANGE_AWAIT,	/* code, why: what became of what it waited for (draft.h) */
	CHANGE_FORGET,	/* id */
	CHANGE_ARCHIVE, /* id, name: of its file */
	CHANGE_VERDICT, /* verdicts */
	CHANGE_OP_COUNT,
};

/* The verdicts of one write to an `outcome` file; owns what it points to. */
struct verdicts {
	pf_verdict *list;
	size_t count;
};

struct change {
	struct change *next;
	enum change_op op;

	/* The asker's: called once, from any thread; RESULT is 0 or minus an errno value. It frees the change. */
	void (*answer)(struct change *change, int result);
	void *request;
	bool holds_directory; /* the caller holds a directory's lock until answered: it may not wait long */
	uint64_t held_ino;    /* that directory, where notices may be about names in it; else 0 */
	pid_t asker;	      /* the thread that asks; 0: not known here */
	pid_t writer;	      /* who wrote what is closed */

	int64_t parent, new_parent, id;
	char name[256], new_name[256];
	unsigned flags, mask;
	mode_t mode;
	bool implicit;
	pf_file values;
	char *content; /* owned */
	size_t len;
	int64_t mtime;
	uint64_t version;
	int code;
	char why[sizeof((pf_err *)0)->why];
	pf_judgement *judgement; /* owned */
	struct verdicts verdicts;
	uint64_t asker_ino; /* the file written to or closed, for the log and for notices */
	size_t written;	    /* bytes that the asker wrote, for its answer */

	pf_file made;
	int64_t removed;
	int result;
	pf_err err;
};

/* Zeroed; NULL without memory. change_free frees what it owns. */
struct change *change_new(void);
void change_free(struct change *change);
/* The answer of a change that nobody waits for. */
void change_answer_nobody(struct change *change, int result);

/* How the kernel is told; implemented by ll.c. Any thread. */
struct kernel_ops {
	/* Whether it may know INO: else it need not be told. */
	bool (*knows)(void *arg, uint64_t ino);
	void (*inval_inode)(void *arg, uint64_t ino, bool pages);
	void (*inval_entry)(void *arg, uint64_t parent, const char *name);
	/* Gives it the whole document INO, as long as it knows that to be; 0, or minus an errno value: ENOENT where it
	 * does not know INO. */
	int (*store)(void *arg, uint64_t ino, const char *bytes, size_t len);
};

struct writer *writer_new(struct pf_fs *fs, pf_err *err);
/* Starts its threads, which tell the kernel by OPS: before the first request, and not before fork(). */
int writer_start(struct writer *writer, const struct kernel_ops *ops, void *arg, pf_err *err);
/* Tells the kernel at once that NODE's attributes, and its pages or listing, are stale. Any thread. */
void writer_tell(struct writer *writer, uint64_t ino);
/* Queues CHANGE; its answer comes from another thread, perhaps before this returns. */
void writer_submit(struct writer *writer, struct change *change);
/* The same for a thread that serves: it carries out what is queued where nobody else does, and others serve meanwhile.
 */
void writer_carry_out(struct writer *writer, struct change *change);
/*
 * Carries out what is queued, answers all, and ends; what is submitted from now on is answered -ENOTCONN. Its notices
 * may wait for requests that are still to be served, so others must serve meanwhile. One thread calls it; again is
 * fine.
 */
void writer_stop(struct writer *writer);
/* Stops it. Nobody may use it any more. NULL is fine. */
void writer_free(struct writer *writer);

/* An extractor for as long as the caller wants it; back with writer_return_extractor. NULL on failure. */
pf_extractor *writer_borrow_extractor(struct writer *writer, pf_err *err);
void writer_return_extractor(struct writer *writer, pf_extractor *extractor);

#endif
