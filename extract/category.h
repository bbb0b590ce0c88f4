/*
 * The category of a component, where nobody has given one.
 *
 * A table says so, a row for each token: extract/categories.csv, and the rows
 * that a user adds. A row applies where its token is found:
 *  - import: a module that is imported, or a package around it;
 *  - provider: the same below airflow.providers (airflow.contrib and
 *    airflow.hooks, as Airflow 1 had them), and the folders below a directory
 *    `providers` of the module's path;
 *  - word: one or several whole words of a name, in CamelCase or snake_case,
 *    whatever their case. Names are the class's, those of its bases, the file's
 *    and those in a provider's dotted path.
 * Of the rows that apply, the one with the highest weight wins, then the longest
 * token. A word in the class's name adds 2 to its row's weight, for nothing is as
 * much the component's own; its bases and the module's path add 1.
 *
 * The table is sorted and searched by bisection: what a name costs does not
 * depend on how many rows there are.
 */
#ifndef PF_CATEGORY_H
#define PF_CATEGORY_H

#include "extract.h"
#include "tree.h"

enum category_kind { CATEGORY_IMPORT, CATEGORY_PROVIDER, CATEGORY_WORD, CATEGORY_KIND_END };

enum {
	TOKEN_LIMIT = 128, /* bytes of an import's or a provider's token */
	WORD_LIMIT = 64,   /* bytes of a word's, in lower case as they are compared */
	NAME_SEARCHED = 256,
};

/* A row; its strings stand in the table's own texts. */
struct category_row {
	const char *token, *category, *subcategory; /* subcategory "" where none */
	uint32_t len;				    /* of the token */
	uint32_t line, column;			    /* of the token, in its text */
	int weight;
	enum category_kind kind;
	bool user; /* not embedded */
};

/* Read-only once made. */
struct pf_categories {
	char *texts[2]; /* the embedded one, and the user's */
	struct category_row *rows;
	uint32_t count, room;
	uint32_t first[CATEGORY_KIND_END + 1]; /* of each kind, its first row; sorted by token */
	uint32_t longest[CATEGORY_KIND_END];   /* the length of its longest token */
};

/* The row of that token, or NULL. */
const struct category_row *category_find(const pf_categories *categories, enum category_kind kind, const char *token,
					 uint32_t len);

/* What is known while a module is looked at. */
struct category_match {
	const struct category_row *best;
	int weight;
};

/* DOTTED is an imported module, or what is imported from one. */
void category_import(const pf_categories *categories, slice dotted, struct category_match *match);
/* A path such as `providers/amazon/aws/operators/s3.py`, or `s3.py`. */
void category_path(const pf_categories *categories, const char *path, struct category_match *match);
void category_class(const pf_categories *categories, slice class_name, struct category_match *match);
void category_base(const pf_categories *categories, slice base_name, struct category_match *match);

#endif
