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

#include "store.h"

struct drafts;

/* MAX_SIZE: bytes of a file. */
struct drafts *drafts_new(pf_store *store, size_t max_size);
void drafts_free(struct drafts *drafts);

/* EFBIG: nothing was written, and the draft is marked: it is not whole, its judge must refuse it. */
int drafts_write(struct drafts *drafts, int64_t file, const char *bytes, size_t len, int64_t offset, pf_err *err);
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
};
/*
 * False where FILE has no draft, or, with FOR_FLUSH, one that is on its way to
 * the store already. With FOR_FLUSH the copy counts as judged from here on.
 */
bool drafts_take(struct drafts *drafts, int64_t file, bool for_flush, struct draft_copy *copy, pf_err *err);
/* What was taken at VERSION is in the store. */
void drafts_committed(struct drafts *drafts, int64_t file, uint64_t version);
/* What was taken at VERSION could not be stored: the next flush tries again. */
void drafts_failed(struct drafts *drafts, int64_t file, uint64_t version);
/* The files whose drafts changed last before BEFORE (ns) and that neither are nor go to the store; at most ROOM. */
size_t drafts_idle(struct drafts *drafts, int64_t before, int64_t *files, size_t room);

void drafts_orphan(struct drafts *drafts, int64_t file);
/* True, once, where FILE was an orphan: its draft is gone too. */
bool drafts_forget(struct drafts *drafts, int64_t file);

#endif
