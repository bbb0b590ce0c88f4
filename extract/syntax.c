#include "syntax.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN = 40 };

/* What a tree that parses may still lack. */
static uint32_t empty_block(const struct tree *tree)
{
	for (uint32_t n = 1; n < tree->count && !clock_late(tree->clock); n++)
		if (tree->nodes[n].kind == K_block && first_named(tree, n) == NONE &&
		    parent_kind(tree, n) != K_match_statement)
			return n;
	return NONE;
}

static bool is_open_bracket(enum kind kind)
{
	return kind == T_OPEN || kind == T_OPEN_SQUARE || kind == T_OPEN_CURLY;
}

/* The last bracket before byte END that nothing closes; NONE where all are closed. Looks at nodes from FIRST on. */
static uint32_t unclosed(const struct tree *tree, uint32_t first, uint32_t end)
{
	uint32_t open = NONE;
	int closed = 0;

	for (uint32_t n = tree->count; n-- > first;) {
		enum kind kind = kind_of(tree, n);

		if (tree->nodes[n].start >= end || tree->nodes[n].missing)
			continue;
		if (kind == T_CLOSE || kind == T_CLOSE_SQUARE || kind == T_CLOSE_CURLY)
			closed++;
		else if (is_open_bracket(kind) && closed-- == 0)
			return n;
	}
	return open;
}

static char closing(const struct tree *tree, uint32_t n)
{
	switch (kind_of(tree, n)) {
	case T_OPEN:
		return ')';
	case T_OPEN_SQUARE:
		return ']';
	default:
		return '}';
	}
}

/* The first byte of what does not fit: past what an ERROR node holds of good syntax. */
static uint32_t culprit(const struct tree *tree, uint32_t error)
{
	uint32_t at = tree->nodes[error].start;

	/* A nested error is closer to the cause. */
	for (uint32_t n = error + 1; n < tree->nodes[error].next; n++)
		if (tree->nodes[n].kind == K_ERROR)
			return tree->nodes[n].start;
	return at;
}

/* The token at byte AT, for the message. */
static slice token_at(const struct tree *tree, uint32_t at)
{
	uint32_t end = at;

	while (end < tree->len && end - at < SHOWN) {
		unsigned char c = (unsigned char)tree->source[end];
		bool word = c >= 0x80 || c == '_' || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');

		if (!word)
			break;
		end++;
	}
	if (end == at && at < tree->len)
		end++;
	while (end < tree->len && ((unsigned char)tree->source[end] & 0xc0) == 0x80)
		end++;
	return (slice){ tree->source + at, end - at };
}

static int report(const struct tree *tree, const char *name, uint32_t at, const char *expected, pf_err *err)
{
	slice token = token_at(tree, at);
	char shown[SHOWN * 2];

	if (at >= tree->len)
		snprintf(shown, sizeof shown, "end of file");
	else if (token.at[0] == '\n')
		snprintf(shown, sizeof shown, "end of line");
	else
		snprintf(shown, sizeof shown, "'%.*s'", (int)token.len, token.at);
	return pf_fail(err, EINVAL, "%s:%u:%u: error: unexpected %s, expected %s", name, tree_line(tree, at),
		       tree_column(tree, at), shown, expected);
}

static const char *missing_name(const struct tree *tree, const struct language *language, uint32_t n)
{
	(void)language;
	switch (kind_of(tree, n)) {
#define KIND(token, spelling)                                                                                          \
	case token:                                                                                                    \
		return "'" spelling "'";
		TOKEN_KINDS(KIND)
#undef KIND
	case K_identifier:
		return "a name";
	case K_string_end:
		return "the end of the string";
	case K_block:
		return "an indented block";
	default:
		return tree->nodes[n].named ? "an expression" : "the end of the statement";
	}
}

/* A statement that begins with such a word wants a colon. */
static bool wants_colon(const struct tree *tree, uint32_t at)
{
	static const char *const words[] = { "class", "def",  "if",  "elif",   "else",	  "for",
					     "while", "with", "try", "except", "finally", "async" };
	uint32_t start = tree->lines[tree_line(tree, at) - 1];

	while (start < at && (tree->source[start] == ' ' || tree->source[start] == '\t'))
		start++;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		slice word = token_at(tree, start);

		if (slice_is(word, words[i]))
			return true;
	}
	return false;
}

static bool at_line_end(const struct tree *tree, uint32_t at)
{
	while (at < tree->len && (tree->source[at] == ' ' || tree->source[at] == '\t' || tree->source[at] == '\r'))
		at++;
	return at >= tree->len || tree->source[at] == '\n' || tree->source[at] == '#';
}

/* Where the statement around BYTE ends its first line: the place that a missing colon is reported at. */
static uint32_t line_end(const struct tree *tree, uint32_t at)
{
	uint32_t line = tree_line(tree, at);
	uint32_t end = line < tree->line_count ? tree->lines[line] - 1 : tree->len;

	while (end > tree->lines[line - 1] && (tree->source[end - 1] == ' ' || tree->source[end - 1] == '\t'))
		end--;
	return end;
}

static int report_error(const struct tree *tree, const char *name, uint32_t error, pf_err *err)
{
	uint32_t at = culprit(tree, error), end = tree->nodes[error].end, bracket, last;
	char expected[64];

	/* An open bracket swallows all that follows it: say which. */
	bracket = unclosed(tree, 0, end);
	if (bracket != NONE) {
		snprintf(expected, sizeof expected, "'%c' to close the bracket", closing(tree, bracket));
		return pf_fail(err, EINVAL, "%s:%u:%u: error: '%c' is never closed, expected %s", name,
			       tree_line(tree, tree->nodes[bracket].start),
			       tree_column(tree, tree->nodes[bracket].start), tree->source[tree->nodes[bracket].start],
			       expected);
	}
	last = line_end(tree, at);
	if (wants_colon(tree, at) && last > 0 && tree->source[last - 1] != ':' && at_line_end(tree, last))
		return report(tree, name, last, "':'", err);
	return report(tree, name, at, "a statement or expression", err);
}

int syntax_check(const struct tree *tree, const struct language *language, const char *name, pf_err *err)
{
	uint32_t n = tree->first_error;

	if (n == NONE) {
		n = empty_block(tree);
		if (n == NONE)
			return 0;
		return report(tree, name, tree->nodes[n].start, "an indented block", err);
	}
	if (tree->nodes[n].missing)
		return report(tree, name, tree->nodes[n].start, missing_name(tree, language, n), err);
	return report_error(tree, name, n, err);
}
