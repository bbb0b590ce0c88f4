/*
 * Growing text, and JSON written into it.
 *
 * pf_text: zero-initialised is empty and valid. It owns its bytes; pf_text_free
 * gives them back, pf_text_take hands them to the caller (free()). The bytes
 * are always followed by a NUL that is not counted. Running out of memory sets
 * `failed` and makes every later call do nothing, so that a whole document can
 * be built and checked once, at its end.
 *
 * pf_json: a streaming writer on top. Documents go out in the order of their
 * calls, two spaces an indent, `"key": value`; or, for .jsonl, on one line
 * (`compact`). Strings are escaped, and bytes that are not UTF-8 become U+FFFD:
 * what it writes is always valid JSON. (cJSON, which reads JSON here, prints
 * with tabs only, and a tree of nodes for each document would cost more than
 * the parse of the source.)
 *
 * Neither is thread-safe; each belongs to the thread that fills it.
 */
#ifndef PF_TEXT_H
#define PF_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct pf_text {
	char *bytes; /* NULL while empty */
	size_t len;  /* without the NUL */
	size_t room;
	bool failed;
} pf_text;

/* pf_text_add where room is missing, or memory has run out. */
void pf_text_add_grown(pf_text *text, const char *bytes, size_t len);

/* Inline, for documents are made of very many very short texts. */
static inline void pf_text_add(pf_text *text, const char *bytes, size_t len)
{
	if (text->failed || text->room - text->len <= len) {
		pf_text_add_grown(text, bytes, len);
		return;
	}
	if (len)
		memcpy(text->bytes + text->len, bytes, len);
	text->len += len;
	text->bytes[text->len] = '\0';
}

static inline void pf_text_puts(pf_text *text, const char *string)
{
	pf_text_add(text, string, strlen(string));
}

void pf_text_int(pf_text *text, int64_t value);
__attribute__((format(printf, 2, 3))) void pf_text_printf(pf_text *text, const char *fmt, ...);
/* Empties TEXT and keeps its room; clears `failed`. */
void pf_text_reset(pf_text *text);
/* The bytes, the caller's to free(); TEXT is empty afterwards. NULL where memory ran out. */
char *pf_text_take(pf_text *text);
void pf_text_free(pf_text *text);

enum { PF_JSON_DEPTH = 32 };

typedef struct pf_json {
	pf_text *out; /* borrowed */
	bool compact; /* all on one line */
	int depth;    /* open containers */
	int base;     /* containers that stand open around the text, for its indent */
	int gap;      /* spaces that are due behind the member last written */
	bool is_array[PF_JSON_DEPTH];
	bool is_inline[PF_JSON_DEPTH];
	bool has_member[PF_JSON_DEPTH];
} pf_json;

/* A writer of one document into OUT. */
pf_json pf_json_start(pf_text *out, bool compact);
/* A writer of the members of an object that somebody else opens and closes, BASE containers deep. */
pf_json pf_json_start_members(pf_text *out, int base);

/* KEY is NULL in an array and at the top. Containers may be nested up to PF_JSON_DEPTH. */
void pf_json_object(pf_json *json, const char *key);
void pf_json_array(pf_json *json, const char *key);
/* An array on one line, for numbers and short strings: `["a", "b"]`. */
void pf_json_list(pf_json *json, const char *key);
/* Closes the innermost container, whichever it is. */
void pf_json_end(pf_json *json);

void pf_json_string(pf_json *json, const char *key, const char *value); /* NULL writes null */
void pf_json_bytes(pf_json *json, const char *key, const char *value, size_t len);
void pf_json_int(pf_json *json, const char *key, int64_t value);
/* Three decimals at the most, without trailing zeros but the first: 0.933, 1.0. */
void pf_json_ratio(pf_json *json, const char *key, double value);
void pf_json_bool(pf_json *json, const char *key, bool value);
void pf_json_null(pf_json *json, const char *key);
/*
 * Leaves SPACES at the end of the line of the member last written; none where there are fewer than 1, or in a compact
 * document. For values whose length may change in a document whose length shall not.
 */
void pf_json_gap(pf_json *json, int spaces);
/* VALUE is JSON already, and goes out as it is. */
void pf_json_raw(pf_json *json, const char *key, const char *value);

/* Appends STRING as a JSON string with its quotes. */
void pf_json_quote(pf_text *out, const char *string, size_t len);
/* How many bytes that appends. */
size_t pf_json_quoted_length(const char *string, size_t len);

/*
 * Appends the document JSON on one line, without white space between its tokens and at its end; strings stay as they
 * are (RFC 8259). What is no JSON comes out on one line too: a control character within a string is escaped.
 */
void pf_json_compact(pf_text *out, const char *json, size_t len);

/* Length of the UTF-8 sequence at BYTES (1-4), or 0 where it is none (RFC 3629: no surrogates, no overlong forms). */
int pf_utf8_length(const char *bytes, size_t len);
/* True where all of it is UTF-8. */
bool pf_utf8_valid(const char *bytes, size_t len);

#endif
