#include "markdown.h"

#include <string.h>

enum { SPAN_LIMIT = 100 }; /* bytes */

void markdown_text(pf_text *out, const char *string, size_t limit, bool lines)
{
	size_t len = strlen(string), at = 0;

	while (at < len) {
		int n = pf_utf8_length(string + at, len - at);
		unsigned char c = (unsigned char)string[at];

		if (at + (size_t)(n ? n : 1) > limit) {
			pf_text_puts(out, "…");
			return;
		}
		if (n == 0)
			pf_text_puts(out, "\xef\xbf\xbd");
		else if ((c < ' ' && !(lines && (c == '\n' || c == '\t'))) || c == 0x7f)
			pf_text_puts(out, " ");
		else
			pf_text_add(out, string + at, (size_t)n);
		at += (size_t)(n ? n : 1);
	}
}

size_t markdown_ticks(const char *string)
{
	size_t longest = 0, run = 0;

	for (; *string; string++) {
		run = *string == '`' ? run + 1 : 0;
		if (run > longest)
			longest = run;
	}
	return longest;
}

static void put_ticks(pf_text *out, size_t count)
{
	for (size_t i = 0; i < count; i++)
		pf_text_add(out, "`", 1);
}

/* More backticks than STRING holds in a row, and spaces where it begins or ends with one (CommonMark 0.31, 6.1). */
void markdown_span(pf_text *out, const char *string)
{
	__attribute__((cleanup(pf_text_free))) pf_text clean = { 0 };
	size_t ticks;
	bool pad;

	markdown_text(&clean, string, SPAN_LIMIT, false);
	if (clean.failed || !clean.len) {
		out->failed |= clean.failed;
		return;
	}
	ticks = markdown_ticks(clean.bytes) + 1;
	pad = clean.bytes[0] == '`' || clean.bytes[clean.len - 1] == '`';
	put_ticks(out, ticks);
	pf_text_puts(out, pad ? " " : "");
	pf_text_add(out, clean.bytes, clean.len);
	pf_text_puts(out, pad ? " " : "");
	put_ticks(out, ticks);
}

void markdown_words(pf_text *out, const char *string)
{
	for (size_t i = 0; string[i] && i < MARKDOWN_WORD_LIMIT; i++) {
		char c = string[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		pf_text_add(out, plain ? &c : " ", 1);
	}
}

/* A longer run of backticks than any in CODE (CommonMark 0.31, 4.5). */
void markdown_fence(pf_text *out, const char *code)
{
	size_t ticks = markdown_ticks(code) + 1;

	if (ticks < MARKDOWN_FENCE)
		ticks = MARKDOWN_FENCE;
	put_ticks(out, ticks);
	pf_text_puts(out, "python\n");
	pf_text_puts(out, code);
	pf_text_puts(out, "\n");
	put_ticks(out, ticks);
	pf_text_puts(out, "\n");
}
