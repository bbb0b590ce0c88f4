#include "category.h"

#include <stdlib.h>
#include <string.h>

/* The next field of a line; *AT moves past it. The table is our own: no quotes in it. */
static const char *field(char **at)
{
	char *start = *at, *end = start + strcspn(start, ",\n");

	*at = *end == ',' ? end + 1 : end;
	*end = '\0';
	return start;
}

static bool add_row(struct categories *categories, char *line)
{
	struct category_row *row;

	if (!array_room(&categories->rows, &categories->room, categories->count, sizeof *categories->rows))
		return false;
	row = &categories->rows[categories->count++];
	row->kind = field(&line);
	row->token = field(&line);
	row->category = field(&line);
	row->subcategory = field(&line);
	row->weight = atoi(field(&line));
	return true;
}

bool categories_start(struct categories *categories, const char *csv)
{
	char *line;

	*categories = (struct categories){ .text = strdup(csv) };
	if (!categories->text)
		return false;
	line = strchr(categories->text, '\n'); /* past the header */
	while (line && line[1]) {
		char *end = strchr(line + 1, '\n');

		if (!add_row(categories, line + 1)) {
			categories_stop(categories);
			return false;
		}
		line = end;
	}
	return true;
}

void categories_stop(struct categories *categories)
{
	free(categories->text);
	free(categories->rows);
	*categories = (struct categories){ 0 };
}

static void consider(struct category_match *match, const struct category_row *row, int bonus)
{
	if (match->best && row->weight + bonus <= match->weight)
		return;
	match->best = row;
	match->weight = row->weight + bonus;
}

/* TOKEN is DOTTED or one of the packages around it; a provider's token also fits the path under its package. */
static bool has_prefix(slice dotted, const char *token)
{
	size_t len;

	if (!dotted.len || *dotted.at != *token)
		return false;
	len = strlen(token);
	return slice_starts(dotted, token) && (dotted.len == len || dotted.at[len] == '.');
}

void category_import(const struct categories *categories, slice dotted, struct category_match *match)
{
	static const char providers[] = "airflow.providers.";
	bool provider = slice_starts(dotted, providers);
	char kind = provider ? 'p' : 'i';

	if (provider) {
		dotted.at += sizeof providers - 1;
		dotted.len -= sizeof providers - 1;
	}
	for (uint32_t i = 0; i < categories->count; i++)
		if (*categories->rows[i].kind == kind && has_prefix(dotted, categories->rows[i].token))
			consider(match, &categories->rows[i], 0);
}

void category_path(const struct categories *categories, const char *path, struct category_match *match)
{
	const char *at = path ? strstr(path, "providers/") : NULL;
	char dotted[256];
	size_t len;

	/* The innermost: `providers/amazon/src/airflow/providers/amazon/aws/…`. */
	for (const char *next = at; next; next = strstr(next + 1, "providers/"))
		at = next;
	if (!at)
		return;
	at += sizeof "providers/" - 1;
	len = strlen(at);
	if (len >= sizeof dotted)
		len = sizeof dotted - 1;
	for (size_t i = 0; i < len; i++)
		dotted[i] = at[i] == '/' ? '.' : at[i];
	for (uint32_t i = 0; i < categories->count; i++)
		if (*categories->rows[i].kind == 'p' &&
		    has_prefix((slice){ dotted, (uint32_t)len }, categories->rows[i].token))
			consider(match, &categories->rows[i], 1);
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* True where a word of the name begins at AT: an upper-case letter after a lower-case one, or before one. */
static bool is_word_start(slice name, uint32_t at)
{
	if (at == 0)
		return true;
	if (name.at[at - 1] == '_')
		return true;
	if (!is_upper(name.at[at]))
		return false;
	return !is_upper(name.at[at - 1]) || (at + 1 < name.len && !is_upper(name.at[at + 1]));
}

static bool has_word(slice name, const char *token)
{
	size_t len = strlen(token);

	for (uint32_t at = 0; at + len <= name.len; at++)
		if ((name.at[at] | 0x20) == (*token | 0x20) && is_word_start(name, at) &&
		    strncasecmp(name.at + at, token, len) == 0 &&
		    (at + len == name.len || is_word_start(name, at + (uint32_t)len) || name.at[at + len] == '_'))
			return true;
	return false;
}

void category_class(const struct categories *categories, slice class_name, struct category_match *match)
{
	for (uint32_t i = 0; i < categories->count; i++)
		if (*categories->rows[i].kind == 'w' && has_word(class_name, categories->rows[i].token))
			consider(match, &categories->rows[i], 0);
}
