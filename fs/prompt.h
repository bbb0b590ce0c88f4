/*
 * Results as a section to paste into a generator's prompt: Markdown, grouped in
 * reading order, within a budget of tokens.
 *
 * Tokens are estimated as bytes of UTF-8 / 4, rounded up: the common rule of
 * thumb of about four characters a token for English and code, which each
 * model's own tokenizer differs from. By that estimate the document is never
 * over its budget.
 *
 * The same results in the same order give the same bytes. What results hold is
 * taken for hostile: whatever a hand-edited database says, it yields fewer
 * words, never a broken document.
 *
 * A struct prompt belongs to one thread at a time.
 */
#ifndef PF_PROMPT_H
#define PF_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"

/*
 * A group takes what fits, and what recurs in other categories is said once: give more results than will be shown.
 * Where a query says no limit of its own, this many do.
 */
enum { PROMPT_RESULTS = 1000 };
/*
 * What is rendered here is kept across mounts (pf_store_prompt): another number for each change of what a prompt says
 * of the same store: here, in unit.c, or in the order and number of the results that it is given.
 */
enum { PROMPT_FORMAT = 1 };

struct prompt_entry;

/*
 * Where the texts come from; asked in prompt_end, for what may be shown. All return 0 or minus an errno value; -ENOENT
 * where what ID says is not there any more: it is left out then.
 */
struct prompt_source {
	/* Appends the pattern_data of the pattern ID to OUT, a JSON object. */
	int (*data)(void *arg, int64_t id, pf_text *out, pf_err *err);
	/* Appends the main method of the component ID, or nothing. NULL: there are none. */
	int (*method)(void *arg, int64_t id, pf_text *out, pf_err *err);
	/* Whether the code in pattern_data will do as an example. NULL: it always does. */
	int (*own)(void *arg, int64_t id, bool *own, pf_err *err);
	/* EACH gets the code of others, of at most LINES lines, until it returns non-zero. NULL: there are none. */
	int (*others)(void *arg, int64_t id, int lines, int (*each)(void *arg, const char *code), void *each_arg,
		      pf_err *err);
	void *arg;
};

/* Between prompt_start and prompt_end; the members are prompt.c's. */
struct prompt {
	pf_text title;
	int64_t budget;
	struct prompt_source source;
	struct prompt_entry *entries; /* as they came: best first */
	uint32_t count, room;
	bool failed;  /* memory ran out, or: */
	pf_err cause; /* source failed */
};

/* Begins a document about TITLE, such as "ml operators" (copied; one line), of at most BUDGET tokens. */
void prompt_start(struct prompt *prompt, const char *title, int64_t budget, const struct prompt_source *source);
/* Takes a result, a pattern or a component, and keeps nothing of it that is not copied. 0, or -ENOMEM. */
int prompt_add(struct prompt *prompt, const pf_result *result);
/*
 * Appends the document to OUT and frees PROMPT, also on failure; OUT may be NULL to free alone. 0, -ENOMEM, or what
 * its source failed with.
 * Too small a budget for a heading leaves a line that says so, and one for less than that nothing.
 */
int prompt_end(struct prompt *prompt, pf_text *out, pf_err *err);

#endif
