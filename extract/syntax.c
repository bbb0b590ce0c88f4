/*
 * A tree that breaks does not say where: tree-sitter goes back and skips as it
 * sees fit to save most of the file. Two other witnesses do. The parser, which
 * is run once more with a logger: the token at which no version of it can go
 * on is the one that Python stops at. And the lexer, which knows what Python's
 * tokenizer refuses, and where lines, blocks and brackets stand. The first
 * fault in the file is reported; an open bracket before all that it swallows.
 */
#include "syntax.h"
#include "check.h"
#include "lex.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN = 40 };

/* --- where the parser stops ------------------------------------------------------------------------------------ */

/* What the parser says while it runs. */
struct stop {
	const struct tree *tree;
	uint32_t at;	/* of the version that runs: the end of its last token */
	uint32_t found; /* the furthest that no version gets past; NONE so far */
	bool layout;	/* the next token was of no text: the end of a line or block */
	bool last_layout;
	size_t ended; /* nonzero: the parser need not go on */
	bool failed;  /* out of memory */
};

static uint32_t byte_at(const struct tree *tree, unsigned row, unsigned column)
{
	uint32_t at = row < tree->line_count ? tree->lines[row] : tree->len;

	return column < tree->len - at ? at + column : tree->len;
}

/* Reads the few of the parser's words that matter; of others, and where they change, nothing is found. */
static void listen(void *payload, TSLogType type, const char *words)
{
	struct stop *stop = payload;
	unsigned row, column;
	const char *where;

	if (type != TSLogTypeParse || stop->ended)
		return;
	if (strncmp(words, "process version:", 16) == 0) {
		where = strstr(words, "row:");
		if (where && sscanf(where, "row:%u, col:%u", &row, &column) == 2)
			stop->at = byte_at(stop->tree, row, column);
	} else if (strncmp(words, "lexed_lookahead sym:", 20) == 0) {
		stop->last_layout = words[20] == '_' || strncmp(words + 20, "end,", 4) == 0;
	} else if (strncmp(words, "detect_error", 12) == 0) {
		if (stop->found == NONE || stop->at > stop->found) {
			stop->found = stop->at;
			stop->layout = stop->last_layout;
		}
	} else if (strncmp(words, "resume version:", 15) == 0) {
		stop->ended = 1;
	} else if (strncmp(words, "shift", 5) == 0) {
		/* This version went on, so what stopped another was none of the source's faults. */
		if (stop->found != NONE && stop->at > stop->found)
			stop->found = NONE;
	}
}

struct search {
	const struct tree *tree;
	const struct language *language;
	struct stop stop;
};

static void run_parser(void *arg)
{
	struct search *search = arg;
	const struct tree *tree = search->tree;
	TSParser *parser = ts_parser_new();

	if (ts_parser_set_language(parser, search->language->grammar)) {
		ts_parser_set_logger(parser, (TSLogger){ .payload = &search->stop, .log = listen });
		ts_parser_set_cancellation_flag(parser, &search->stop.ended);
		clock_parse(tree->clock, parser, tree->source, tree->len, &search->stop.ended);
	}
	ts_parser_delete(parser);
}

static struct stop find_stop(const struct tree *tree, const struct language *language, struct arena *arena)
{
	struct search search = { tree, language, { .tree = tree, .found = NONE } };

	if (clock_read(tree->clock))
		return search.stop;
	search.stop.failed = !arena_use(arena, run_parser, &search);
	if (!search.stop.ended)
		search.stop.found = NONE;
	return search.stop;
}

/* --- what stands there ----------------------------------------------------------------------------------------- */

/* A token and what came before it. */
struct place {
	const struct tree *tree;
	struct lexer lexer;
	struct token token, last; /* the last one with text */
	struct token first;	  /* of the logical line */
	uint32_t opener;	  /* the first byte of the line before, where that wants a block */
	uint32_t closed;	  /* the opener of the last block that ended, while its line has no token */
	uint32_t head;		  /* the same, once it has one */
	uint32_t tokens;	  /* of the logical line */
	bool colon;		  /* the logical line has had one outside of brackets */
};

static slice text_at(const struct tree *tree, struct token token)
{
	return (slice){ tree->source + token.start, token.end - token.start };
}

static bool is_one_of(slice text, const char *const *words)
{
	for (; *words; words++)
		if (slice_is(text, *words))
			return true;
	return false;
}

/* Statements that have a block. */
static bool is_compound(slice text)
{
	static const char *const words[] = { "class", "def", "if",     "elif",	  "else",  "for", "while",
					     "with",  "try", "except", "finally", "async", NULL };

	return is_one_of(text, words);
}

/* Keywords that only begin something: never an operand, never after one that waits for its operand. */
static bool is_statement_word(slice text)
{
	static const char *const words[] = { "assert", "break",	  "class",  "continue", "def",	    "del",  "elif",
					     "except", "finally", "global", "import",	"nonlocal", "pass", "raise",
					     "return", "try",	  "while",  "with",	NULL };

	return is_one_of(text, words);
}

/* Keywords that stand between or before operands. */
static bool is_operator_word(slice text)
{
	static const char *const words[] = { "and",    "as",	   "assert", "async",  "await", "class",  "def", "del",
					     "elif",   "except",   "from",   "global", "if",	"import", "in",	 "is",
					     "lambda", "nonlocal", "not",    "or",     "while", "with",	  "for", NULL };

	return is_one_of(text, words);
}

/* Whether TOKEN can end an expression or a statement. */
static bool is_operand(const struct tree *tree, struct token token)
{
	slice text = text_at(tree, token);

	if (token.kind == TOKEN_NAME)
		return !is_operator_word(text);
	if (token.kind == TOKEN_OPERATOR)
		return strchr(")]}", text.at[0]) || slice_is(text, "...");
	return token.kind == TOKEN_NUMBER || token.kind == TOKEN_STRING;
}

/* Whether TOKEN leaves a statement unfinished where its line ends. */
static bool is_open_ended(const struct place *place)
{
	static const char *const ends[] = { ",", ":", ";", "*", NULL };
	slice text = text_at(place->tree, place->last);

	/* `import *`, `/` and trailing commas are the parser's to judge. */
	return !is_operand(place->tree, place->last) && !is_one_of(text, ends);
}

static bool begins_operand(const struct tree *tree, struct token token)
{
	static const char *const words[] = {
		"and", "or", "in", "is", "if", "else", "for", "as", "from", "import", NULL
	};

	if (token.kind == TOKEN_NAME)
		return !is_one_of(text_at(tree, token), words);
	return token.kind == TOKEN_NUMBER || token.kind == TOKEN_STRING;
}

/* The brackets that are open before the token. */
static uint32_t depth_at(const struct place *place)
{
	const struct lexer *lexer = &place->lexer;
	bool itself = lexer->bracket_count && lexer->brackets[lexer->bracket_count - 1].at == place->token.start;

	return lexer->bracket_count - itself;
}

static void advance(struct place *place)
{
	struct token token = place->token;
	const struct lexer *lexer = &place->lexer;

	switch (token.kind) {
	case TOKEN_NEWLINE:
		place->opener = place->colon && place->last.kind == TOKEN_OPERATOR &&
						slice_is(text_at(place->tree, place->last), ":") &&
						is_compound(text_at(place->tree, place->first))
					? place->first.start
					: NONE;
		place->tokens = 0;
		place->colon = false;
		break;
	case TOKEN_INDENT:
		place->opener = NONE;
		break;
	case TOKEN_DEDENT:
		/* The levels are gone, their rows are still there. */
		place->closed = lexer->levels[lexer->level_count].opener;
		break;
	default:
		if (place->tokens++ == 0) {
			place->first = token;
			place->head = place->closed;
			place->closed = NONE;
		}
		if (!lexer->bracket_count && token.kind == TOKEN_OPERATOR && slice_is(text_at(place->tree, token), ":"))
			place->colon = true;
		place->last = token;
	}
	place->token = lexer_next(&place->lexer);
}

/* --- how to say it --------------------------------------------------------------------------------------------- */

/* The word or sign at byte AT. */
static slice word_at(const struct tree *tree, uint32_t at)
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

/* What stands at a token, in quotes; or what its end is called. */
static const char *shown(const struct place *place, char buffer[SHOWN * 2])
{
	slice text = word_at(place->tree, place->token.start);

	if (place->token.kind == TOKEN_END || place->token.start >= place->tree->len)
		return "end of file";
	if (place->token.kind == TOKEN_NEWLINE || text.at[0] == '\n')
		return "end of line";
	if (place->token.kind == TOKEN_STRING)
		return "string";
	if (place->token.kind == TOKEN_OPERATOR)
		text.len = place->token.end - place->token.start;
	snprintf(buffer, SHOWN * 2, "'%.*s'", (int)text.len, text.at);
	return buffer;
}

static int say(const struct tree *tree, const char *name, uint32_t at, pf_err *err, const char *what)
{
	return pf_fail(err, EINVAL, "%s:%u:%u: error: %s", name, tree_line(tree, at), tree_column(tree, at), what);
}

static int unexpected(const struct place *place, const char *name, const char *expected, pf_err *err)
{
	char buffer[SHOWN * 2], what[256];

	snprintf(what, sizeof what, "unexpected %s, expected %s", shown(place, buffer), expected);
	return say(place->tree, name, place->token.start, err, what);
}

static int unclosed(const struct place *place, const char *name, struct bracket bracket, pf_err *err)
{
	char what[128];

	snprintf(what, sizeof what, "'%c' is never closed, expected '%c' to close the bracket",
		 place->tree->source[bracket.at], bracket.close);
	return say(place->tree, name, bracket.at, err, what);
}

static int no_block(struct place *place, const char *name, pf_err *err)
{
	slice word = word_at(place->tree, place->opener);
	char expected[128];

	/* Nothing follows: the end of the line that wants it is closer. */
	if (place->token.kind == TOKEN_END)
		place->token = (struct token){ TOKEN_NEWLINE, place->last.end, place->last.end };
	snprintf(expected, sizeof expected, "an indented block after '%.*s' of line %u", (int)word.len, word.at,
		 tree_line(place->tree, place->opener));
	return unexpected(place, name, expected, err);
}

/* What belongs to a statement before it that is not there: `else`, `except`. */
static int no_head(const struct place *place, struct token clause, const char *name, pf_err *err)
{
	slice word = text_at(place->tree, clause);
	char what[160];

	snprintf(what, sizeof what, "'%.*s' belongs to no statement before it, expected %s of the same indent",
		 (int)word.len, word.at,
		 slice_is(word, "except") || slice_is(word, "finally") ? "'try'" : "'if' or another");
	return say(place->tree, name, clause.start, err, what);
}

static bool is_clause(slice text)
{
	static const char *const words[] = { "elif", "else", "except", "finally", NULL };

	return is_one_of(text, words);
}

/* Whether the line's first word continues the statement whose block ended before it. */
static bool has_head(const struct place *place)
{
	static const char *const elif_heads[] = { "if", "elif", NULL };
	static const char *const except_heads[] = { "try", "except", NULL };
	static const char *const other_heads[] = { "if", "elif", "for", "while", "try", "except", "async", NULL };
	slice first = text_at(place->tree, place->first);
	slice head = place->head == NONE ? SLICE("") : word_at(place->tree, place->head);

	if (slice_is(first, "elif"))
		return is_one_of(head, elif_heads);
	if (slice_is(first, "except"))
		return is_one_of(head, except_heads);
	return is_one_of(head, other_heads) || (slice_is(first, "finally") && slice_is(head, "else"));
}

/* The first token of a line is not what may come there. */
static int at_line_start(const struct place *place, const char *name, pf_err *err)
{
	slice opener = place->closed == NONE ? SLICE("") : word_at(place->tree, place->closed);
	char expected[80];

	if (slice_is(opener, "try")) {
		snprintf(expected, sizeof expected, "'except' or 'finally' for 'try' of line %u",
			 tree_line(place->tree, place->closed));
		return unexpected(place, name, expected, err);
	}
	if (place->token.kind == TOKEN_NAME && is_clause(text_at(place->tree, place->token)))
		return no_head(place, place->token, name, err);
	return unexpected(place, name, "a statement", err);
}

/* Two operands with nothing between them. */
static int after_operand(const struct place *place, const char *name, pf_err *err)
{
	slice last = text_at(place->tree, place->last);
	uint32_t depth = depth_at(place);
	char what[160], buffer[SHOWN * 2];

	if (depth && begins_operand(place->tree, place->token)) {
		snprintf(what, sizeof what, "missing comma, expected ',' before %s", shown(place, buffer));
		return say(place->tree, name, place->last.end, err, what);
	}
	if (place->tokens == 1 && (slice_is(last, "print") || slice_is(last, "exec"))) {
		snprintf(what, sizeof what, "%.*s(...), which is a function in Python 3", (int)last.len, last.at);
		return unexpected(place, name, what, err);
	}
	if (depth) {
		snprintf(what, sizeof what, "',' or '%c'", place->lexer.brackets[depth - 1].close);
		return unexpected(place, name, what, err);
	}
	if (place->token.kind == TOKEN_OPERATOR && slice_is(text_at(place->tree, place->token), "="))
		return unexpected(place, name, "'==' to compare, or a name or attribute to assign to", err);
	if (is_compound(text_at(place->tree, place->first)) && !place->colon)
		return unexpected(place, name, "':'", err);
	return unexpected(place, name, "an operator or the end of the statement", err);
}

static const char *operand_expected(const struct place *place)
{
	static const char *const words[] = { "class", "def", "import", "global", "nonlocal", "as", ".", NULL };

	if (slice_is(text_at(place->tree, place->last), "async"))
		return "'def', 'for' or 'with'";
	return is_one_of(text_at(place->tree, place->last), words) ? "a name" : "an expression";
}

/* The token that the parser stopped at. */
static int explain(struct place *place, const char *name, pf_err *err)
{
	slice first = text_at(place->tree, place->first);

	if (place->token.kind == TOKEN_INDENT)
		return say(place->tree, name, place->token.start, err,
			   "unexpected indent, expected that of the line before");
	if (!place->tokens)
		return at_line_start(place, name, err);
	/* Where it is out of place, the grammar takes such a word for a name. */
	if (place->tokens == 1 && is_clause(first) && !has_head(place) && place->token.kind != TOKEN_NEWLINE)
		return no_head(place, place->first, name, err);
	if (place->token.kind == TOKEN_NEWLINE && is_compound(first) && !place->colon)
		return unexpected(place, name, "':'", err);
	if (is_operand(place->tree, place->last))
		return after_operand(place, name, err);
	return unexpected(place, name, operand_expected(place), err);
}

/* --- the first fault ------------------------------------------------------------------------------------------- */

/* A keyword where an operand must stand, which the grammar takes for a name. */
static bool is_misplaced(const struct place *place)
{
	slice last = text_at(place->tree, place->last), text = text_at(place->tree, place->token);

	if (place->token.kind != TOKEN_NAME || !place->tokens || is_operand(place->tree, place->last) ||
	    !is_statement_word(text))
		return false;
	if (!place->lexer.bracket_count && (slice_is(last, ":") || slice_is(last, ";")))
		return false;
	return !(slice_is(text, "import") && slice_is(text_at(place->tree, place->first), "from")) &&
	       !slice_is(last, "async");
}

/* What is wrong at a token whatever the parser says. */
static bool is_fault(const struct place *place)
{
	switch (place->token.kind) {
	case TOKEN_BAD:
		return true;
	case TOKEN_NEWLINE:
		return place->tokens &&
		       (is_open_ended(place) || (is_compound(text_at(place->tree, place->first)) && !place->colon));
	case TOKEN_INDENT:
		return place->opener == NONE &&
		       !(place->last.kind == TOKEN_OPERATOR && slice_is(text_at(place->tree, place->last), ":"));
	case TOKEN_DEDENT:
		return false;
	default:
		return (place->opener != NONE && !place->tokens) || is_misplaced(place);
	}
}

static bool is_reached(const struct place *place, uint32_t stop, bool layout)
{
	switch (place->token.kind) {
	case TOKEN_END:
		return true;
	case TOKEN_NEWLINE:
		return layout && place->token.start >= stop;
	case TOKEN_INDENT:
	case TOKEN_DEDENT:
		return false;
	default:
		return place->token.end > stop;
	}
}

/* To the first fault, or to where the parser stopped. */
static void go_to(struct place *place, uint32_t stop, bool layout)
{
	while (!is_fault(place) && !is_reached(place, stop, layout) && !clock_late(place->tree->clock))
		advance(place);
}

/* The bracket that swallows what does not fit: the innermost that is open there, and never closed. */
static bool find_unclosed(struct place *place, struct bracket *bracket)
{
	uint32_t open = depth_at(place);

	while (open && place->token.kind != TOKEN_END && place->token.kind != TOKEN_BAD &&
	       !clock_late(place->tree->clock)) {
		place->token = lexer_next(&place->lexer);
		if (place->lexer.bracket_count < open)
			open = place->lexer.bracket_count;
	}
	if (open)
		*bracket = place->lexer.brackets[open - 1];
	return open;
}

static int report(struct place *place, const char *name, pf_err *err)
{
	struct place culprit = *place;
	struct bracket bracket;

	if (place->token.kind != TOKEN_BAD && find_unclosed(place, &bracket) && !place->tree->clock->late)
		return unclosed(place, name, bracket, err);
	/* Where it stopped says nothing then. */
	if (place->tree->clock->late)
		return -ETIMEDOUT;
	/* The lexer has gone on: what it had read then is what counts. */
	culprit.lexer.brackets = place->lexer.brackets;
	culprit.lexer.levels = place->lexer.levels;
	if (culprit.token.kind == TOKEN_BAD)
		return say(culprit.tree, name, culprit.lexer.bad, err, culprit.lexer.why);
	if (culprit.opener != NONE && !culprit.tokens)
		return no_block(&culprit, name, err);
	return explain(&culprit, name, err);
}

/* Says what is wrong at byte STOP, or before it. LAYOUT: the end of a line or block is. */
static int diagnose(const struct tree *tree, const char *name, uint32_t stop, bool layout, pf_err *err)
{
	struct place place = { .tree = tree, .opener = NONE, .closed = NONE, .head = NONE };
	int rc;

	lexer_start(&place.lexer, tree);
	place.token = lexer_next(&place.lexer);
	go_to(&place, stop, layout);
	/* Within an f-string: the lexer has not looked there. */
	if (place.token.kind == TOKEN_STRING && place.token.start < stop) {
		while (stop < place.token.end && tree->source[stop] == ' ')
			stop++;
		place.token.kind = TOKEN_OPERATOR;
		place.token.start = stop;
		place.token.end = stop + word_at(tree, stop).len;
		rc = unexpected(&place, name, "an expression in the string's braces", err);
	} else {
		rc = report(&place, name, err);
	}
	/* Then the end that it came to is not the source's. */
	if (place.lexer.failed) {
		pf_err_clear(err);
		rc = -ENOMEM;
	}
	lexer_free(&place.lexer);
	return rc;
}

int syntax_check(const struct tree *tree, const struct language *language, struct arena *arena, const char *name,
		 pf_err *err)
{
	struct fault fault;
	struct stop stop;

	if (!tree->erroneous) {
		fault = check_tree(tree);
		if (fault.at == NONE)
			return 0;
		if (*fault.why)
			return say(tree, name, fault.at, err, fault.why);
		return diagnose(tree, name, fault.at, fault.layout, err);
	}
	stop = find_stop(tree, language, arena);
	if (clock_read(tree->clock))
		return -ETIMEDOUT;
	if (stop.failed)
		return -ENOMEM;
	if (stop.found == NONE)
		stop.found = tree->first_error == NONE ? tree->len : tree->nodes[tree->first_error].start;
	return diagnose(tree, name, stop.found, stop.layout, err);
}
