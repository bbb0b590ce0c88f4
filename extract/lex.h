/*
 * Python's tokens, for what the tree does not say.
 *
 * tree-sitter's grammar mends what it reads: it takes what Python's tokenizer
 * refuses (a dedent to no outer level, 0777), and where it gives up its tree
 * does not say why. This reads the bytes as Python's own tokenizer does, with
 * indents, dedents and the ends of logical lines as tokens, and finds what
 * that one would refuse. It serves messages only: a module that parses is never
 * read by it.
 *
 * Belongs to one thread; the tree, whose source it reads, is borrowed.
 */
#ifndef PF_LEX_H
#define PF_LEX_H

#include "tree.h"

enum token_kind {
	TOKEN_END,
	TOKEN_NEWLINE, /* of a logical line: never within brackets */
	TOKEN_INDENT,
	TOKEN_DEDENT,
	TOKEN_NAME, /* keywords too */
	TOKEN_NUMBER,
	TOKEN_STRING, /* an f-string is one, whatever is in it */
	TOKEN_OPERATOR,
	TOKEN_BAD, /* the lexer's `why` says what */
};

struct token {
	enum token_kind kind;
	uint32_t start, end; /* bytes of the source; empty for what has no text */
};

struct bracket {
	uint32_t at;
	char close;
};

struct level {
	uint32_t column, alternate; /* with tabs to multiples of 8, and of 1: both must agree */
	uint32_t opener;	    /* the first byte of the logical line before it */
};

struct quote {
	uint32_t depth; /* of brackets, in an expression */
	char mark;	/* 0: an expression within an f-string */
	bool triple;
	bool formatted; /* an f-string; an expression's format */
};

struct lexer {
	const struct tree *tree;
	uint32_t at;
	uint32_t line; /* the first byte of the logical line */
	uint32_t dedents;
	bool fresh;  /* a logical line begins */
	bool filled; /* it has tokens */
	bool failed; /* out of memory: what comes is the end */
	struct bracket *brackets;
	uint32_t bracket_count, bracket_room;
	struct level *levels;
	uint32_t level_count, level_room;
	struct quote *quotes;
	uint32_t quote_count, quote_room;
	uint32_t bad; /* where what is bad begins */
	char why[160];
};

void lexer_start(struct lexer *lexer, const struct tree *tree);
struct token lexer_next(struct lexer *lexer);
void lexer_free(struct lexer *lexer);

/* NULL where TEXT is a number of Python 3, else what it should be. */
const char *number_fault(slice text);

#endif
