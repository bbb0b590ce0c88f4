/*
 * Markdown made of text that is not to be trusted: what comes out is UTF-8,
 * stays within its span or fence, and holds no control characters.
 */
#ifndef PF_MARKDOWN_H
#define PF_MARKDOWN_H

#include "text.h"

enum {
	MARKDOWN_FENCE = 3,	  /* backticks that a fence has at least */
	MARKDOWN_WORD_LIMIT = 40, /* bytes that markdown_words takes */
};

/*
 * Appends at most LIMIT bytes of STRING, and "…" where it goes on. What is not UTF-8 becomes U+FFFD, control
 * characters become spaces, but for tabs and, where it may have several LINES, newlines.
 */
void markdown_text(pf_text *out, const char *string, size_t limit, bool lines);
/* Appends STRING as a code span of one line and at most 100 bytes of it; nothing where it is empty. */
void markdown_span(pf_text *out, const char *string);
/* Appends at most MARKDOWN_WORD_LIMIT bytes of STRING as words: letters and digits, all else a space. */
void markdown_words(pf_text *out, const char *string);
/* Appends CODE, which markdown_text made, in a fence of Python that nothing in it closes. */
void markdown_fence(pf_text *out, const char *code);
/* The most backticks in a row in STRING. */
size_t markdown_ticks(const char *string);

#endif
