/*
 * The table of categories: its form, and what is refused.
 *
 * The embedded rows are read by the same function as a user's, which trusts
 * nothing: whatever it is given, it answers with a table or with a place and a
 * reason.
 */
#include "category.h"
#include "embedded.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 5, LINE_LIMIT = 1000, WEIGHT_LIMIT = 99, NAME_LIMIT = 400, SHOWN = 40 };

static const char embedded_name[] = "categories.csv";
static const char header[] = "kind,token,category,subcategory,weight";

static const char *const kind_names[CATEGORY_KIND_END] = {
	[CATEGORY_IMPORT] = "import",
	[CATEGORY_PROVIDER] = "provider",
	[CATEGORY_WORD] = "word",
};

/* A text while it is read. */
struct reading {
	pf_categories *categories;
	const char *name; /* for messages */
	bool user;	  /* not the embedded one */
	char *line;	  /* the current one, NUL-terminated */
	uint32_t number;
	pf_err *err;
};

/* --- refusals -------------------------------------------------------------------------------------------------- */

/* Columns count characters: the bytes that no character goes on with. */
static uint32_t column_of(const char *line, const char *at)
{
	uint32_t column = 1;

	for (; line < at; line++)
		column += ((unsigned char)*line & 0xc0) != 0x80;
	return column;
}

/* TEXT for a message: printable, on one line, not long. */
static const char *shown(const char *text, char buffer[SHOWN + 8])
{
	size_t i = 0;

	while (text[i]) {
		unsigned char c = (unsigned char)text[i];
		int n = pf_utf8_length(text + i, strnlen(text + i, 4));

		if (i + (n ? (size_t)n : 1) > SHOWN)
			break;
		/* Control characters are also U+0080 to U+009F. */
		if (!n || c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)text[i + 1] < 0xa0)) {
			memset(buffer + i, '?', n ? (size_t)n : 1);
		} else {
			memcpy(buffer + i, text + i, (size_t)n);
		}
		i += n ? (size_t)n : 1;
	}
	strcpy(buffer + i, text[i] ? "…" : "");
	return buffer;
}

/* NAME, or where that would leave no room for the reason, its last part. */
static const char *short_name(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash && strlen(name) > NAME_LIMIT ? slash + 1 : name;
}

#define REFUSE(reading, code, at, fmt, ...)                                                                            \
	pf_fail((reading)->err, code, "%s:%u:%u: error: " fmt, (reading)->name, (reading)->number,                     \
		column_of((reading)->line, at), __VA_ARGS__)

/* --- fields ---------------------------------------------------------------------------------------------------- */

static int read_kind(struct reading *reading, const char *field, enum category_kind *kind)
{
	char buffer[SHOWN + 8];

	for (int i = 0; i < CATEGORY_KIND_END; i++)
		if (strcmp(field, kind_names[i]) == 0) {
			*kind = (enum category_kind)i;
			return 0;
		}
	return REFUSE(reading, EINVAL, field, "kind '%s', expected import, provider or word", shown(field, buffer));
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Names of letters, digits and _ that begin with no digit, dots between them. */
static bool is_dotted_name(const char *token)
{
	bool first = true;
	size_t len = 0;

	for (; token[len]; len++) {
		bool dot = token[len] == '.' && !first;

		if (!dot && !is_letter(token[len]) && (first || !is_digit(token[len])))
			return false;
		first = dot;
	}
	return !first && len <= TOKEN_LIMIT;
}

static bool is_word(const char *token)
{
	size_t len = 0;

	while (token[len] && token[len] != '_' && (is_letter(token[len]) || is_digit(token[len])))
		len++;
	return len > 0 && len <= WORD_LIMIT && !token[len];
}

/* Words are compared in lower case. */
static void lower(char *token)
{
	for (; *token; token++)
		if (*token >= 'A' && *token <= 'Z')
			*token |= 0x20;
}

static int read_token(struct reading *reading, char *field, struct category_row *row)
{
	char buffer[SHOWN + 8];

	if (row->kind == CATEGORY_WORD && !is_word(field))
		return REFUSE(reading, EINVAL, field,
			      "token '%s', expected at most %d letters and digits, such as BigQuery",
			      shown(field, buffer), WORD_LIMIT);
	if (row->kind != CATEGORY_WORD && !is_dotted_name(field))
		return REFUSE(reading, EINVAL, field,
			      "token '%s', expected names with dots between them, at most %d bytes, such as %s",
			      shown(field, buffer), TOKEN_LIMIT,
			      row->kind == CATEGORY_IMPORT ? "google.cloud.storage" : "amazon.aws");
	if (row->kind == CATEGORY_WORD)
		lower(field);
	row->token = field;
	row->len = (uint32_t)strlen(field);
	row->column = column_of(reading->line, field);
	return 0;
}

static int read_category(struct reading *reading, const char *what, const char *field)
{
	char buffer[SHOWN + 8];

	return pf_category_name_valid(field)
		       ? 0
		       : REFUSE(reading, EINVAL, field,
				"%s '%s', expected a name of a-z, 0-9, _ and -, at most 64 bytes and no reserved name",
				what, shown(field, buffer));
}

static int read_weight(struct reading *reading, const char *field, int *weight)
{
	size_t digits = strspn(field, "0123456789");
	char buffer[SHOWN + 8];

	if (digits >= 1 && digits <= 2 && !field[digits]) {
		*weight = atoi(field);
		if (*weight >= 1)
			return 0;
	}
	return REFUSE(reading, EINVAL, field, "weight '%s', expected an integer from 1 to %d", shown(field, buffer),
		      WEIGHT_LIMIT);
}

/* --- lines ----------------------------------------------------------------------------------------------------- */

/* Cuts the line into its fields. */
static int split(struct reading *reading, char *fields[FIELDS])
{
	char *at = reading->line, *quote = strchr(reading->line, '"'), *comma;
	int count = 0;

	if (quote)
		return REFUSE(reading, EINVAL, quote, "'\"', expected fields without quotes: %s", header);
	for (;;) {
		comma = strchr(at, ',');
		fields[count++] = at;
		if (!comma || count == FIELDS)
			break;
		at = comma + 1;
	}
	if (comma)
		return REFUSE(reading, EINVAL, comma, "more than %d fields, expected %s", FIELDS, header);
	if (count < FIELDS)
		return REFUSE(reading, EINVAL, at + strlen(at), "%d field%s, expected %d: %s", count,
			      count == 1 ? "" : "s", FIELDS, header);
	for (int i = 1; i < FIELDS; i++)
		fields[i][-1] = '\0';
	return 0;
}

static int read_row(struct reading *reading)
{
	struct category_row row = { .line = reading->number, .user = reading->user };
	pf_categories *categories = reading->categories;
	char *fields[FIELDS];
	int rc = split(reading, fields);

	if (rc == 0)
		rc = read_kind(reading, fields[0], &row.kind);
	if (rc == 0)
		rc = read_token(reading, fields[1], &row);
	if (rc == 0)
		rc = read_category(reading, "category", fields[2]);
	if (rc == 0 && *fields[3])
		rc = read_category(reading, "subcategory", fields[3]);
	if (rc == 0)
		rc = read_weight(reading, fields[4], &row.weight);
	if (rc < 0)
		return rc;
	row.category = fields[2];
	row.subcategory = fields[3];
	if (!array_room(&categories->rows, &categories->room, categories->count, sizeof row))
		return pf_fail(reading->err, ENOMEM, "out of memory");
	categories->rows[categories->count++] = row;
	return 0;
}

/* The line, of LEN bytes: a NUL takes its newline's place. */
static int read_line(struct reading *reading, size_t len)
{
	char *line = reading->line, *stray;

	if (len > LINE_LIMIT)
		return REFUSE(reading, EINVAL, line + LINE_LIMIT, "%zu bytes in a line, expected at most %d", len,
			      LINE_LIMIT);
	if (len && line[len - 1] == '\r')
		len--;
	line[len] = '\0';
	stray = strchr(line, '\r');
	if (stray)
		return REFUSE(reading, EINVAL, stray, "a carriage return, expected %s", "one only before a newline");
	if (!*line || *line == '#' || (reading->number == 1 && strcmp(line, header) == 0))
		return 0;
	return read_row(reading);
}

/* --- texts ----------------------------------------------------------------------------------------------------- */

/* NUL bytes and what is not UTF-8, with their place. */
static int check_text(struct reading *reading, char *text, size_t len)
{
	reading->line = text;
	reading->number = 1;
	for (size_t at = 0; at < len;) {
		int n = pf_utf8_length(text + at, len - at);

		if (text[at] == '\0')
			return REFUSE(reading, EINVAL, text + at, "a NUL byte, expected %s", "text");
		if (!n)
			return REFUSE(reading, EILSEQ, text + at, "byte 0x%02x is not UTF-8, expected UTF-8",
				      (unsigned char)text[at]);
		at += (size_t)n;
		if (text[at - 1] == '\n') {
			reading->line = text + at;
			reading->number++;
		}
	}
	return 0;
}

static int read_lines(struct reading *reading, char *text, size_t len)
{
	static const char mark[] = "\xef\xbb\xbf";
	char *end = text + len;
	int rc = 0;

	if (strncmp(text, mark, sizeof mark - 1) == 0)
		text += sizeof mark - 1;
	for (reading->number = 1; rc == 0 && text < end; reading->number++) {
		char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t bytes = (size_t)((newline ? newline : end) - text);

		reading->line = text;
		text += bytes + 1;
		rc = read_line(reading, bytes);
	}
	return rc;
}

/* Reads the LEN bytes at TEXT into CATEGORIES, which keeps a copy. */
static int read_text(pf_categories *categories, bool user, const char *name, const char *text, size_t len, pf_err *err)
{
	struct reading reading = { .categories = categories, .name = name, .user = user, .err = err };
	char *copy;
	int rc;

	if (len > PF_CATEGORIES_MAX)
		return pf_fail(err, EFBIG, "%s: error: over %d bytes, expected at most that", name, PF_CATEGORIES_MAX);
	copy = malloc(len + 1);
	if (!copy)
		return pf_fail(err, ENOMEM, "out of memory");
	memcpy(copy, text, len);
	copy[len] = '\0';
	categories->texts[user] = copy;
	rc = check_text(&reading, copy, len);
	return rc < 0 ? rc : read_lines(&reading, copy, len);
}

/* --- the table ------------------------------------------------------------------------------------------------- */

static int compare_tokens(enum category_kind kind, const char *token, uint32_t len, const struct category_row *row)
{
	int order = kind != row->kind ? (kind < row->kind ? -1 : 1) : 0;

	if (!order)
		order = memcmp(token, row->token, len < row->len ? len : row->len);
	return order ? order : len < row->len ? -1 : len > row->len;
}

static int compare_rows(const void *a, const void *b)
{
	const struct category_row *x = a, *y = b;
	int order = compare_tokens(x->kind, x->token, x->len, y);

	if (!order)
		order = (int)x->user - (int)y->user;
	return order ? order : x->line < y->line ? -1 : x->line > y->line;
}

/* Sorts the rows; of two on one token the user's stays, and two of the user's are refused. */
static int sort_rows(pf_categories *categories, const char *name, pf_err *err)
{
	struct category_row *rows = categories->rows;
	uint32_t kept = 0;

	qsort(rows, categories->count, sizeof *rows, compare_rows);
	for (uint32_t i = 0; i < categories->count; i++) {
		struct category_row *last = kept ? &rows[kept - 1] : NULL;
		char buffer[SHOWN + 8];

		if (!last || compare_tokens(rows[i].kind, rows[i].token, rows[i].len, last) != 0) {
			rows[kept++] = rows[i];
			continue;
		}
		if (last->user == rows[i].user)
			return pf_fail(err, EINVAL,
				       "%s:%u:%u: error: %s '%s' again, expected each once (it is on line %u)",
				       rows[i].user ? name : embedded_name, rows[i].line, rows[i].column,
				       kind_names[rows[i].kind], shown(rows[i].token, buffer), last->line);
		*last = rows[i];
	}
	categories->count = kept;
	for (uint32_t i = 0; i < kept; i++)
		if (rows[i].len > categories->longest[rows[i].kind])
			categories->longest[rows[i].kind] = rows[i].len;
	for (uint32_t kind = 0, i = 0; kind <= CATEGORY_KIND_END; kind++) {
		while (i < kept && rows[i].kind < kind)
			i++;
		categories->first[kind] = i;
	}
	return 0;
}

const struct category_row *category_find(const pf_categories *categories, enum category_kind kind, const char *token,
					 uint32_t len)
{
	uint32_t low = categories->first[kind], high = categories->first[kind + 1];

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct category_row *row = &categories->rows[middle];
		int order = compare_tokens(kind, token, len, row);

		if (order == 0)
			return row;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

pf_categories *pf_categories_new(const char *name, const char *csv, size_t len, pf_err *err)
{
	pf_categories *categories = calloc(1, sizeof *categories);
	int rc;

	if (!categories) {
		pf_fail(err, ENOMEM, "out of memory");
		return NULL;
	}
	name = name ? short_name(name) : "-";
	rc = read_text(categories, false, embedded_name, embedded_categories_csv, strlen(embedded_categories_csv), err);
	if (rc == 0 && csv)
		rc = read_text(categories, true, name, csv, len, err);
	if (rc == 0)
		rc = sort_rows(categories, name, err);
	if (rc < 0) {
		pf_categories_free(categories);
		return NULL;
	}
	return categories;
}

void pf_categories_free(pf_categories *categories)
{
	if (!categories)
		return;
	free(categories->texts[0]);
	free(categories->texts[1]);
	free(categories->rows);
	free(categories);
}
