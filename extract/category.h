/*
 * The category of a component, where nobody has given one: the row of
 * categories.csv that weighs most among those that match an import, the
 * provider's module path, or words of the class's name.
 */
#ifndef PF_CATEGORY_H
#define PF_CATEGORY_H

#include "tree.h"

/* A row; its strings stand in the table's own text. Kinds are import, provider and word: the first letter tells. */
struct category_row {
	const char *kind, *token, *category, *subcategory;
	int weight;
};

struct categories {
	char *text;
	struct category_row *rows;
	uint32_t count, room;
};

/* What is known while a module is looked at. */
struct category_match {
	const struct category_row *best;
	int weight;
};

bool categories_start(struct categories *categories, const char *csv);
void categories_stop(struct categories *categories);

/* DOTTED is an imported module; LEVEL is 0 for absolute imports. */
void category_import(const struct categories *categories, slice dotted, struct category_match *match);
/* A path such as `providers/amazon/aws/operators/s3.py`. */
void category_path(const struct categories *categories, const char *path, struct category_match *match);
void category_class(const struct categories *categories, slice class_name, struct category_match *match);

#endif
