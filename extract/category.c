#include "category.h"

#include <string.h>

/* What is added to a row's weight, by where its token was found. */
enum { IN_IMPORTS = 0, AROUND = 1, IN_CLASS_NAME = 2 };

static void consider(struct category_match *match, const struct category_row *row, int bonus)
{
	int weight;

	if (!row)
		return;
	weight = row->weight + bonus;
	if (match->best && (weight < match->weight || (weight == match->weight && row->len <= match->best->len)))
		return;
	match->best = row;
	match->weight = weight;
}

/* The rows of DOTTED and of the packages around it. */
static void consider_dotted(const pf_categories *categories, enum category_kind kind, slice dotted, int bonus,
			    struct category_match *match)
{
	uint32_t longest = categories->longest[kind];
	uint32_t limit = dotted.len < longest ? dotted.len : longest;

	for (uint32_t len = 1; len <= limit; len++)
		if (len == dotted.len || dotted.at[len] == '.')
			consider(match, category_find(categories, kind, dotted.at, len), bonus);
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_separator(char c)
{
	return c == '_' || c == '-' || c == '.';
}

/*
 * True where a word ends before AT, or begins there: at a separator, or at an upper-case letter that follows another
 * character or stands before a lower-case letter: S3|To|GCS|Operator.
 */
static bool is_word_edge(slice name, uint32_t at)
{
	if (at == 0 || at == name.len || is_separator(name.at[at]) || is_separator(name.at[at - 1]))
		return true;
	if (!is_upper(name.at[at]))
		return false;
	return !is_upper(name.at[at - 1]) ||
	       (at + 1 < name.len && !is_upper(name.at[at + 1]) && !is_separator(name.at[at + 1]));
}

/* The rows of each sequence of words that begins at START. */
static void consider_words_at(const pf_categories *categories, slice name, uint32_t start, int bonus,
			      struct category_match *match)
{
	char token[WORD_LIMIT];
	uint32_t len = 0, longest = categories->longest[CATEGORY_WORD];

	for (uint32_t at = start; at < name.len && name.at[at] != '.' && len < longest; at++) {
		char c = name.at[at];

		if (is_separator(c))
			continue;
		token[len++] = is_upper(c) ? (char)(c | 0x20) : c;
		if (is_word_edge(name, at + 1))
			consider(match, category_find(categories, CATEGORY_WORD, token, len), bonus);
	}
}

static void consider_words(const pf_categories *categories, slice name, int bonus, struct category_match *match)
{
	if (name.len > NAME_SEARCHED)
		name.len = NAME_SEARCHED;
	for (uint32_t at = 0; at < name.len; at++)
		if (!is_separator(name.at[at]) && is_word_edge(name, at))
			consider_words_at(categories, name, at, bonus, match);
}

static void consider_provider(const pf_categories *categories, slice dotted, int bonus, struct category_match *match)
{
	consider_dotted(categories, CATEGORY_PROVIDER, dotted, bonus, match);
	consider_words(categories, dotted, bonus, match);
}

void category_import(const pf_categories *categories, slice dotted, struct category_match *match)
{
	static const char *const providers[] = { "airflow.providers.", "airflow.contrib.", "airflow.hooks." };

	for (size_t i = 0; i < sizeof providers / sizeof *providers; i++)
		if (slice_starts(dotted, providers[i])) {
			dotted.at += strlen(providers[i]);
			dotted.len -= (uint32_t)strlen(providers[i]);
			consider_provider(categories, dotted, IN_IMPORTS, match);
			return;
		}
	consider_dotted(categories, CATEGORY_IMPORT, dotted, IN_IMPORTS, match);
}

/* PATH, or where it is below a directory `providers`, what follows the innermost of them. */
static const char *below_providers(const char *path, bool *found)
{
	static const char providers[] = "providers/";
	const char *below = NULL;

	for (const char *at = strstr(path, providers); at; at = strstr(at + 1, providers))
		if (at == path || at[-1] == '/')
			below = at + sizeof providers - 1;
	*found = below;
	return below ? below : path;
}

void category_path(const pf_categories *categories, const char *path, struct category_match *match)
{
	char dotted[NAME_SEARCHED];
	const char *slash, *dot;
	slice below = { dotted, 0 };
	bool provider;

	if (!path)
		return;
	path = below_providers(path, &provider);
	slash = strrchr(path, '/');
	if (!provider && slash)
		path = slash + 1;
	dot = strrchr(path, '.');
	for (; path[below.len] && path + below.len != dot && below.len < sizeof dotted; below.len++)
		dotted[below.len] = path[below.len] == '/' ? '.' : path[below.len];
	if (provider)
		consider_provider(categories, below, AROUND, match);
	else
		consider_words(categories, below, AROUND, match);
}

void category_class(const pf_categories *categories, slice class_name, struct category_match *match)
{
	consider_words(categories, class_name, IN_CLASS_NAME, match);
}

void category_base(const pf_categories *categories, slice base_name, struct category_match *match)
{
	consider_words(categories, base_name, AROUND, match);
}
