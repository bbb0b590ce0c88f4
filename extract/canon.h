/*
 * Source as text: as written, folded, or canonical.
 *
 * The canonical form is what a pattern is recognised by. Names that the
 * component binds become $1 $2 … in order of first use, a number for each
 * binding; strings $str, numbers $num; layout, comments, docstrings and trailing
 * commas go, and parentheses stand where the operators need them, wherever the
 * source has some. Imported names stand under the name that
 * they were imported by, whatever their alias. The first parameter of a method
 * is `self` or `cls`. Kept: keywords, builtins, API names, names of keyword
 * arguments, exception types, keys of context, params and conf lookups.
 *
 * A unit is one canonical text from canon_start on: parts written into it one
 * after the other share their numbers.
 */
#ifndef PF_CANON_H
#define PF_CANON_H

#include "scope.h"
#include "text.h"

enum canon_flag {
	CANON_FOLD_SELF = 1 << 0, /* self.$1 is $1 */
	CANON_LITERALS = 1 << 1,  /* strings and numbers stay, in one style of quotes */
	CANON_NAMES = 1 << 2,	  /* names stay, but for aliases of imports in expressions */
	CANON_JINJA = 1 << 3,	  /* strings stay where they hold {{ or {% */
};

struct canon {
	struct scopes *scopes;	 /* borrowed; its bindings carry the numbers */
	const struct tree *tree; /* borrowed */
	pf_text text;
	uint32_t stamp, numbers;
	uint32_t *open; /* own: where the parentheses that stand open are closed */
	uint32_t open_count, open_room;
};

void canon_start(struct canon *canon);
void canon_free(struct canon *canon);
/* Appends the canonical form of N, statements on lines of their own. */
void canon_write(struct canon *canon, uint32_t n, unsigned flags);
/* Appends the canonical form of an annotation: Optional, Union and | agree, and typing's names the builtins'. */
void annotation_write(const struct scopes *scopes, uint32_t n, pf_text *out);

/* Appends N's text: comments dropped, white space outside strings folded to one space. */
void text_write(const struct tree *tree, uint32_t n, pf_text *out);
/* The same of the bytes from node FIRST up to, not including, byte END. */
void text_write_range(const struct tree *tree, uint32_t first, uint32_t end, pf_text *out);

/* Appends the lines from FIRST to the end of LAST as written, less the indent of FIRST's line; cut at LIMIT bytes. */
void code_write(const struct tree *tree, uint32_t first, uint32_t last, size_t limit, pf_text *out);

/* The inside of a plain string literal; false for f-strings, concatenations and all that is no string. */
bool string_value(const struct tree *tree, uint32_t n, slice *value);
bool string_is_format(const struct tree *tree, uint32_t n);
/* Where a string or one of its parts is an f-string; N may be a concatenation. */
bool string_is(const struct tree *tree, uint32_t n);

/* True where the string N is the key of a lookup in context, params, conf or an xcom call, and so is kept. */
bool is_lookup_key(const struct scopes *scopes, uint32_t n);

/* The name that the expression N is known by: its import's name, or its own; dotted where it is an attribute. */
void name_write(const struct scopes *scopes, uint32_t n, pf_text *out);
/* The same of an exception type, names that the component binds hidden: `$.exceptions.NotFound`, `$`. */
void type_write(const struct scopes *scopes, uint32_t n, pf_text *out);
/* The class attribute that the attribute node N names, where the component binds it and Airflow gives it no meaning. */
uint32_t own_attribute(const struct scopes *scopes, uint32_t n);
/* Appends a dotted name of an import, which may have white space around its dots. */
void dotted_write(slice name, pf_text *out);
/* The name that an import binds it to, in its own module: `a.b as c` is a.b. */
slice import_name(const struct tree *tree, uint32_t import);

#endif
