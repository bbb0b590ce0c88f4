#include "lex.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* LEVELS is what Python takes. */
enum { TAB = 8, LEVELS = 99 };

void lexer_start(struct lexer *lexer, const struct tree *tree)
{
	*lexer = (struct lexer){ .tree = tree, .fresh = true };
}

void lexer_free(struct lexer *lexer)
{
	free(lexer->brackets);
	free(lexer->levels);
	free(lexer->quotes);
	*lexer = (struct lexer){ 0 };
}

/* The byte AHEAD of the next one; NUL, which no source holds, past the end. */
static char peek(const struct lexer *lexer, uint32_t ahead)
{
	return ahead < lexer->tree->len - lexer->at ? lexer->tree->source[lexer->at + ahead] : '\0';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return (unsigned char)c >= 0x80 || c == '_' || is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static struct token token(const struct lexer *lexer, enum token_kind kind, uint32_t start)
{
	return (struct token){ .kind = kind, .start = start, .end = lexer->at };
}

__attribute__((format(printf, 3, 4))) static struct token bad(struct lexer *lexer, uint32_t at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(lexer->why, sizeof lexer->why, fmt, args);
	va_end(args);
	lexer->bad = at;
	return (struct token){ .kind = TOKEN_BAD, .start = at, .end = at };
}

/* --- lines ----------------------------------------------------------------------------------------------------- */

/* Past the blanks at the start of a line, whose width they are. */
static struct level read_indent(struct lexer *lexer)
{
	struct level level = { 0 };

	for (;; lexer->at++) {
		switch (peek(lexer, 0)) {
		case ' ':
			level.column++;
			level.alternate++;
			break;
		case '\t':
			level.column = (level.column / TAB + 1) * TAB;
			level.alternate++;
			break;
		case '\f':
			level.column = level.alternate = 0;
			break;
		default:
			return level;
		}
	}
}

static void skip_comment(struct lexer *lexer)
{
	while (lexer->at < lexer->tree->len && peek(lexer, 0) != '\n')
		lexer->at++;
}

/* To the first token of the next line that has one. */
static struct level next_indent(struct lexer *lexer)
{
	for (;;) {
		struct level level = read_indent(lexer);

		if (peek(lexer, 0) == '#')
			skip_comment(lexer);
		if (lexer->at >= lexer->tree->len)
			return (struct level){ 0 };
		if (peek(lexer, 0) != '\n')
			return level;
		lexer->at++;
	}
}

static struct level top_level(const struct lexer *lexer)
{
	return lexer->level_count ? lexer->levels[lexer->level_count - 1] : (struct level){ 0 };
}

static struct token indent(struct lexer *lexer, struct level level)
{
	if (lexer->level_count >= LEVELS)
		return bad(lexer, lexer->at, "block within %d others, expected fewer than %d", LEVELS, LEVELS);
	if (level.alternate <= top_level(lexer).alternate)
		return bad(lexer, lexer->at, "tabs and spaces are mixed, expected the blanks of the lines around");
	if (!array_room(&lexer->levels, &lexer->level_room, lexer->level_count, sizeof *lexer->levels)) {
		lexer->failed = true;
		return token(lexer, TOKEN_END, lexer->at);
	}
	level.opener = lexer->line;
	lexer->levels[lexer->level_count++] = level;
	return token(lexer, TOKEN_INDENT, lexer->at);
}

/* The first token of a logical line: TOKEN_NAME where its indent says nothing. */
static struct token start_line(struct lexer *lexer)
{
	struct level level = next_indent(lexer);
	struct token result = token(lexer, TOKEN_NAME, lexer->at);
	uint32_t inner;

	lexer->fresh = false;
	if (level.column > top_level(lexer).column) {
		result = indent(lexer, level);
	} else {
		while (top_level(lexer).column > level.column) {
			lexer->level_count--;
			lexer->dedents++;
		}
		inner = top_level(lexer).column;
		if (inner != level.column)
			return bad(lexer, lexer->at,
				   "unindent to column %u, expected that of a block around it, such as %u",
				   level.column + 1, inner + 1);
		if (top_level(lexer).alternate != level.alternate)
			return bad(lexer, lexer->at,
				   "tabs and spaces are mixed, expected the blanks of the lines around");
	}
	lexer->line = lexer->at;
	return result;
}

/* --- numbers --------------------------------------------------------------------------------------------------- */

static bool is_base_digit(char c, int base)
{
	if (base <= 10)
		return c >= '0' && c < '0' + base;
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Digits with single underscores between them; AT where there are none. */
static uint32_t digits(slice text, uint32_t at, int base)
{
	while (at < text.len && is_base_digit(text.at[at], base)) {
		at++;
		if (at + 1 < text.len && text.at[at] == '_' && is_base_digit(text.at[at + 1], base))
			at++;
	}
	return at;
}

static uint32_t exponent(slice text, uint32_t at)
{
	uint32_t first = at + 1;

	if (at >= text.len || (text.at[at] | 0x20) != 'e')
		return at;
	if (first < text.len && (text.at[first] == '+' || text.at[first] == '-'))
		first++;
	return first < text.len && is_digit(text.at[first]) ? digits(text, first, 10) : at;
}

static bool only_zeros(slice text)
{
	for (uint32_t i = 0; i < text.len; i++)
		if (text.at[i] != '0' && text.at[i] != '_')
			return false;
	return true;
}

/* The bytes of the number that TEXT begins with; WHY is set where it is none of Python's. */
static uint32_t scan_number(slice text, const char **why)
{
	char prefix = text.len > 1 && text.at[0] == '0' ? (char)(text.at[1] | 0x20) : '\0';
	int base = prefix == 'x' ? 16 : prefix == 'o' ? 8 : prefix == 'b' ? 2 : 0;
	uint32_t at, whole;

	*why = NULL;
	if (base) {
		at = 2 < text.len && text.at[2] == '_' ? 3 : 2;
		whole = digits(text, at, base);
		if (whole == at)
			*why = "digits";
		return whole;
	}
	whole = at = digits(text, 0, 10);
	if (at < text.len && text.at[at] == '.')
		at = digits(text, at + 1, 10);
	at = exponent(text, at);
	if (at < text.len && (text.at[at] | 0x20) == 'j')
		at++;
	if (at == whole && text.at[0] == '0' && !only_zeros((slice){ text.at, whole }))
		*why = "no zeros before it, or 0o for an octal";
	return at;
}

const char *number_fault(slice text)
{
	const char *why;
	uint32_t end = scan_number(text, &why);

	return why ? why : end < text.len ? "a number of Python 3" : NULL;
}

/* `1if x` and `0or` are as good as with a blank. */
static bool keyword_follows(slice rest)
{
	static const char *const words[] = { "and", "else", "for", "if", "in", "is", "or", "not" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (slice_starts(rest, words[i]))
			return true;
	return false;
}

static struct token number(struct lexer *lexer)
{
	slice text = { lexer->tree->source + lexer->at, lexer->tree->len - lexer->at };
	uint32_t start = lexer->at, len;
	const char *why;

	len = scan_number(text, &why);
	lexer->at += len;
	if (!why && is_word(peek(lexer, 0)) && !keyword_follows((slice){ text.at + len, text.len - len }))
		why = "a name or number";
	if (!why)
		return token(lexer, TOKEN_NUMBER, start);
	while (is_word(peek(lexer, 0)))
		lexer->at++;
	return bad(lexer, start, "'%.*s' is no number or name, expected %s",
		   (int)(lexer->at - start < 40 ? lexer->at - start : 40), text.at, why);
}

/* --- strings --------------------------------------------------------------------------------------------------- */

static bool push_quote(struct lexer *lexer, struct quote quote)
{
	if (!array_room(&lexer->quotes, &lexer->quote_room, lexer->quote_count, sizeof *lexer->quotes)) {
		lexer->failed = true;
		return false;
	}
	lexer->quotes[lexer->quote_count++] = quote;
	return true;
}

/* Past the quote that opens a string, with FORMATTED said by its prefix. */
static bool open_quote(struct lexer *lexer, bool formatted)
{
	char mark = peek(lexer, 0);
	bool triple = peek(lexer, 1) == mark && peek(lexer, 2) == mark;

	lexer->at += triple ? 3 : 1;
	return push_quote(lexer, (struct quote){ .mark = mark, .triple = triple, .formatted = formatted });
}

static bool closes(const struct lexer *lexer, const struct quote *quote)
{
	return peek(lexer, 0) == quote->mark &&
	       (!quote->triple || (peek(lexer, 1) == quote->mark && peek(lexer, 2) == quote->mark));
}

/* Whether the letters before the next byte, a quote, say f-string. */
static bool formatted_here(const struct lexer *lexer)
{
	uint32_t at = lexer->at;
	bool formatted = false;

	while (at > 0 && lexer->at - at < 2 && is_word(lexer->tree->source[at - 1]))
		formatted |= (lexer->tree->source[--at] | 0x20) == 'f';
	return formatted;
}

/* One step within the text of a string. */
static bool step_text(struct lexer *lexer, struct quote quote)
{
	if (closes(lexer, &quote)) {
		lexer->at += quote.triple ? 3 : 1;
		lexer->quote_count--;
	} else if (peek(lexer, 0) == '\\' && lexer->at + 1 < lexer->tree->len) {
		lexer->at += 2;
	} else if (quote.formatted && peek(lexer, 0) == '{' && peek(lexer, 1) == '{') {
		lexer->at += 2;
	} else if (quote.formatted && peek(lexer, 0) == '{') {
		lexer->at++;
		return push_quote(lexer, (struct quote){ .triple = quote.triple });
	} else {
		lexer->at++;
	}
	return true;
}

/* One step within an expression of an f-string, or in its format. */
static bool step_expression(struct lexer *lexer, struct quote *quote)
{
	char c = peek(lexer, 0);

	if (!quote->formatted && (c == '"' || c == '\''))
		return open_quote(lexer, formatted_here(lexer));
	lexer->at++;
	if (c == '}' && quote->depth == 0)
		lexer->quote_count--;
	else if (quote->formatted)
		return c != '{' || push_quote(lexer, (struct quote){ .triple = quote->triple });
	else if (c == ':' && quote->depth == 0)
		quote->formatted = true;
	else if (c == '(' || c == '[' || c == '{')
		quote->depth++;
	else if ((c == ')' || c == ']' || c == '}') && quote->depth > 0)
		quote->depth--;
	return true;
}

static struct token string(struct lexer *lexer, uint32_t start, bool formatted)
{
	uint32_t open = lexer->at;
	char mark = peek(lexer, 0);
	bool more, triple;

	lexer->quote_count = 0;
	more = open_quote(lexer, formatted);
	triple = more && lexer->quotes[0].triple;
	while (more && lexer->quote_count) {
		struct quote *quote = &lexer->quotes[lexer->quote_count - 1];

		if (lexer->at >= lexer->tree->len || (!quote->triple && peek(lexer, 0) == '\n'))
			break;
		more = quote->mark ? step_text(lexer, *quote) : step_expression(lexer, quote);
	}
	if (!lexer->quote_count || lexer->failed)
		return token(lexer, lexer->failed ? TOKEN_END : TOKEN_STRING, start);
	if (triple)
		return bad(lexer, open, "the string is never closed, expected %c%c%c", mark, mark, mark);
	return bad(lexer, open, "the string is never closed, expected %c before the end of the line", mark);
}

/* --- names and operators --------------------------------------------------------------------------------------- */

static uint32_t decode(const char *at, uint32_t len)
{
	const unsigned char *c = (const unsigned char *)at;

	if (c[0] < 0x80 || len < 2)
		return c[0];
	if (c[0] < 0xe0 || len < 3)
		return (c[0] & 0x1fu) << 6 | (c[1] & 0x3fu);
	if (c[0] < 0xf0 || len < 4)
		return (c[0] & 0xfu) << 12 | (c[1] & 0x3fu) << 6 | (c[2] & 0x3fu);
	return (c[0] & 7u) << 18 | (c[1] & 0x3fu) << 12 | (c[2] & 0x3fu) << 6 | (c[3] & 0x3fu);
}

/* The characters that text has in place of code, which are in no name of Python; EXPECTED may be NULL. */
static bool is_typographic(uint32_t code, const char **expected)
{
	static const struct {
		uint32_t first, last;
		const char *expected;
	} ranges[] = {
		{ 0xa0, 0xa0, "a blank" },
		{ 0xa1, 0xa9, NULL },
		{ 0xab, 0xb1, NULL },
		{ 0xd7, 0xd7, "'*'" },
		{ 0x2000, 0x200f, "a blank" },
		{ 0x2010, 0x2015, "'-'" },
		{ 0x2018, 0x201b, "a plain '" },
		{ 0x201c, 0x201f, "a plain \"" },
		{ 0x2020, 0x203e, NULL },
		{ 0x2041, 0x2053, NULL },
		{ 0x2055, 0x206f, NULL },
		{ 0x20a0, 0x20cf, NULL },
		{ 0x2190, 0x2bff, NULL },
		{ 0x3000, 0x3000, "a blank" },
		{ 0x3001, 0x3003, NULL },
		{ 0xfeff, 0xfeff, "it at the start of the file only" },
		{ 0xff01, 0xff0f, NULL },
		{ 0x1f000, 0x1faff, NULL },
	};

	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		if (code >= ranges[i].first && code <= ranges[i].last) {
			*expected = ranges[i].expected;
			return true;
		}
	return false;
}

/* Past one character that belongs to a name; false at any other. */
static bool step_word(struct lexer *lexer)
{
	const char *at = lexer->tree->source + lexer->at, *expected;
	uint32_t len = lexer->tree->len - lexer->at;

	if (!is_word(peek(lexer, 0)) || ((unsigned char)*at >= 0x80 && is_typographic(decode(at, len), &expected)))
		return false;
	do
		lexer->at++;
	while (lexer->at < lexer->tree->len && (peek(lexer, 0) & 0xc0) == 0x80);
	return true;
}

static bool is_prefix(slice word)
{
	for (uint32_t i = 0; i < word.len; i++)
		if (!strchr("rRbBuUfF", word.at[i]))
			return false;
	return word.len && word.len <= 2;
}

static struct token word(struct lexer *lexer)
{
	uint32_t start = lexer->at;

	while (step_word(lexer))
		;
	if ((peek(lexer, 0) == '"' || peek(lexer, 0) == '\'') &&
	    is_prefix((slice){ lexer->tree->source + start, lexer->at - start }))
		return string(lexer, start, formatted_here(lexer));
	return token(lexer, TOKEN_NAME, start);
}

static struct token strange(struct lexer *lexer)
{
	const char *at = lexer->tree->source + lexer->at, *expected = NULL;
	uint32_t start = lexer->at, code = decode(at, lexer->tree->len - start);
	int len = 1;

	if (code == '`' && peek(lexer, 1) == '`' && peek(lexer, 2) == '`')
		return bad(lexer, start, "unexpected '```', expected Python without Markdown around it");
	if (code < 0x80)
		return bad(lexer, start, "unexpected '%c', expected a statement or expression", (char)code);
	is_typographic(code, &expected);
	/* What cannot be seen is named by its number alone. */
	if (expected && (code == 0xfeff || strcmp(expected, "a blank") == 0))
		return bad(lexer, start, "unexpected character U+%04X, expected %s", code, expected);
	while (start + (uint32_t)len < lexer->tree->len && (at[len] & 0xc0) == 0x80)
		len++;
	return bad(lexer, start, "unexpected character '%.*s' (U+%04X), expected %s", len, at, code,
		   expected ? expected : "a statement or expression");
}

static struct token open_bracket(struct lexer *lexer, char close)
{
	if (!array_room(&lexer->brackets, &lexer->bracket_room, lexer->bracket_count, sizeof *lexer->brackets)) {
		lexer->failed = true;
		return token(lexer, TOKEN_END, lexer->at);
	}
	lexer->brackets[lexer->bracket_count++] = (struct bracket){ .at = lexer->at, .close = close };
	lexer->at++;
	return token(lexer, TOKEN_OPERATOR, lexer->at - 1);
}

static struct token close_bracket(struct lexer *lexer)
{
	const struct bracket *open;
	char c = peek(lexer, 0);

	if (!lexer->bracket_count)
		return bad(lexer, lexer->at, "unmatched '%c', expected an opening bracket before it", c);
	open = &lexer->brackets[lexer->bracket_count - 1];
	if (open->close != c)
		return bad(lexer, lexer->at, "'%c' does not close the '%c' of line %u, expected '%c'", c,
			   lexer->tree->source[open->at], tree_line(lexer->tree, open->at), open->close);
	lexer->bracket_count--;
	lexer->at++;
	return token(lexer, TOKEN_OPERATOR, lexer->at - 1);
}

static struct token operator(struct lexer *lexer)
{
	static const char *const operators[] = { "**=", "//=", ">>=", "<<=", "...", "**", "//", ">>",
						 "<<",	"<=",  ">=",  "==",  "!=",  "->", ":=", "+=",
						 "-=",	"*=",  "/=",  "%=",  "&=",  "|=", "^=", "@=" };
	slice rest = { lexer->tree->source + lexer->at, lexer->tree->len - lexer->at };
	uint32_t start = lexer->at;

	for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
		if (slice_starts(rest, operators[i])) {
			lexer->at += (uint32_t)strlen(operators[i]);
			return token(lexer, TOKEN_OPERATOR, start);
		}
	if (!strchr("+-*/%&|^~@=<>.,:;", rest.at[0]))
		return strange(lexer);
	lexer->at++;
	return token(lexer, TOKEN_OPERATOR, start);
}

/* --- tokens ---------------------------------------------------------------------------------------------------- */

/* Past blanks, comments, joined lines and, within brackets, newlines. False at a backslash that joins none. */
static bool skip_blanks(struct lexer *lexer)
{
	for (;;) {
		char c = peek(lexer, 0);

		if (c == '#')
			skip_comment(lexer);
		else if (c == '\\' && peek(lexer, 1) == '\n')
			lexer->at += 2;
		else if (c == '\\')
			return false;
		else if (c == ' ' || c == '\t' || c == '\f' || (c == '\n' && lexer->bracket_count))
			lexer->at++;
		else
			return true;
	}
}

static struct token at_end(struct lexer *lexer)
{
	if (lexer->filled && !lexer->bracket_count) {
		lexer->filled = false;
		lexer->fresh = true;
		return token(lexer, TOKEN_NEWLINE, lexer->at);
	}
	return token(lexer, TOKEN_END, lexer->at);
}

static struct token next_text(struct lexer *lexer)
{
	char c = peek(lexer, 0);

	lexer->filled = true;
	if (is_digit(c) || (c == '.' && is_digit(peek(lexer, 1))))
		return number(lexer);
	if (c == '"' || c == '\'')
		return string(lexer, lexer->at, false);
	switch (c) {
	case '(':
		return open_bracket(lexer, ')');
	case '[':
		return open_bracket(lexer, ']');
	case '{':
		return open_bracket(lexer, '}');
	case ')':
	case ']':
	case '}':
		return close_bracket(lexer);
	default:
		if (is_word(c)) {
			struct token name = word(lexer);

			return lexer->at > name.start || name.kind == TOKEN_BAD ? name : strange(lexer);
		}
		return operator(lexer);
	}
}

struct token lexer_next(struct lexer *lexer)
{
	if (lexer->failed)
		return token(lexer, TOKEN_END, lexer->at);
	if (lexer->fresh && !lexer->bracket_count) {
		struct token first = start_line(lexer);

		if (first.kind != TOKEN_NAME)
			return first;
	}
	if (lexer->dedents) {
		lexer->dedents--;
		return token(lexer, TOKEN_DEDENT, lexer->at);
	}
	if (!skip_blanks(lexer))
		return bad(lexer, lexer->at, "unexpected '\\', expected it at the end of a line");
	if (lexer->at >= lexer->tree->len)
		return at_end(lexer);
	if (peek(lexer, 0) == '\n') {
		lexer->fresh = true;
		lexer->filled = false;
		lexer->at++;
		return (struct token){ TOKEN_NEWLINE, lexer->at - 1, lexer->at - 1 };
	}
	return next_text(lexer);
}
