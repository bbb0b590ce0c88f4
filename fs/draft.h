/*
 * Drafts: files under incoming/ that are being written.
 *
 * The kernel sends no open (§ "no open" in ll.c), so what is being written
 * belongs to the file, not to a descriptor: one draft a file, shared by all who
 * have it open. A draft is born by the first write or truncation, holds the
 * whole content in memory (bounded by the limit of a file's size), and dies when
 * what it holds is committed.
 *
 * A draft's version counts its changes. Whoever commits a draft notes the
 * version that it copied; the draft goes only if nobody has changed it since.
 *
 * Each descriptor's close comes as a flush of its own, also the ones that a
 * process just forked closes before it becomes another program. Whichever comes
 * first has the draft judged; one that comes meanwhile waits for that; and a
 * refusal is told to who wrote, whoever was told before.
 *
 * Also kept here, because its life is the same: which files were unlinked while
 * perhaps open (orphans). The kernel's forget says when nobody holds one.
 *
 * All functions are thread-safe.
 */
#ifndef PF_DRAFT_H
#define PF_DRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#include "store.h"

struct drafts;
struct change;

/* MAX_SIZE: bytes of a file. */
struct drafts *drafts_new(pf_store *store, size_t max_size);
void drafts_free(struct drafts *drafts);

/*
 * WRITER: the thread that writes, or 0. EFBIG: nothing was written, and the draft is marked: it is not whole, its judge
 * must refuse it.
 */
int drafts_write(struct drafts *drafts, int64_t file, const char *bytes, size_t len, int64_t offset, pid_t writer,
		 pf_err *err);
/* That refusal, and its sentence: EFBIG. */
int drafts_refuse_size(const struct drafts *drafts, pf_err *err);
/*
 * Cuts or extends with NULs. JUDGE: as a write does, the next flush judges it.
 * A truncation by open(O_TRUNC) does not: shells flush once before they write,
 * and an empty file has nothing to be judged.
 */
int drafts_truncate(struct drafts *drafts, int64_t file, int64_t size, bool judge, pf_err *err);
/* Where FILE has a draft: true, with its size and times; *CTIME, the file's own, only ever moves on. */
bool drafts_stat(struct drafts *drafts, int64_t file, int64_t *size, int64_t *mtime, int64_t *ctime);
bool drafts_read(struct drafts *drafts, int64_t file, int64_t offset, size_t size, pf_text *out);
/* A time set by hand (utimens) holds until the next write. */
void drafts_set_mtime(struct drafts *drafts, int64_t file, int64_t mtime);

/* A copy of a draft, to be committed. */
struct draft_copy {
	char *content; /* the taker's to free */
	size_t len;
	int64_t mtime;
	uint64_t version;
	bool judge;	/* written to since it was last judged */
	bool too_large; /* a write was refused with EFBIG */
	pid_t writer;	/* who wrote last */
};
/*
 * False where FILE has no draft, or, with FOR_FLUSH, one that is on its way to
 * the store already. With FOR_FLUSH the copy counts as judged from here on.
 */
bool drafts_take(struct drafts *drafts, int64_t file, bool for_flush, struct draft_copy *copy, pf_err *err);
/* Where FILE's draft is on its way to the store for a flush: true, and WAITER is kept until it is settled. */
bool drafts_wait(struct drafts *drafts, int64_t file, struct change *waiter);
/* What drafts_committed kept for WRITER: true, once. */
bool drafts_untold(struct drafts *drafts, int64_t file, pid_t writer, pf_err *err);
/*
 * What was taken at VERSION is in the store; or could not be stored: the next flush tries again. WAITERS: where it was
 * taken for a flush, those that waited for it, the caller's; NULL where it was not. UNTOLD: why it was refused, kept
 * for WRITER until it closes the file, too, or anybody writes on; NULL where it was not, or the writer knows.
 */
void drafts_committed(struct drafts *drafts, int64_t file, uint64_t version, pid_t writer, const pf_err *untold,
		      struct change **waiters);
void drafts_failed(struct drafts *drafts, int64_t file, uint64_t version, struct change **waiters);
/* The files whose drafts changed last before BEFORE (ns) and that neither are nor go to the store; at most ROOM. */
size_t drafts_idle(struct drafts *drafts, int64_t before, int64_t *files, size_t room);

void drafts_orphan(struct drafts *drafts, int64_t file);
/* True, once, where FILE was an orphan: its draft is gone too. */
bool drafts_forget(struct drafts *drafts, int64_t file);

#endif
