#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for MORE further bytes and the NUL; false (and `failed`) where there is none. */
static bool reserve(pf_text *text, size_t more)
{
	size_t want, room;
	char *bytes;

	if (text->failed)
		return false;
	if (more >= SIZE_MAX / 2 - text->len) {
		text->failed = true;
		return false;
	}
	want = text->len + more + 1;
	if (want <= text->room)
		return true;
	room = text->room ? text->room : 128;
	while (room < want)
		room *= 2;
	bytes = realloc(text->bytes, room);
	if (!bytes) {
		text->failed = true;
		return false;
	}
	text->bytes = bytes;
	text->room = room;
	return true;
}

void pf_text_add_grown(pf_text *text, const char *bytes, size_t len)
{
	if (!reserve(text, len))
		return;
	if (len)
		memcpy(text->bytes + text->len, bytes, len);
	text->len += len;
	text->bytes[text->len] = '\0';
}

void pf_text_printf(pf_text *text, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0 || !reserve(text, (size_t)len)) {
		text->failed = true;
		return;
	}
	va_start(args, fmt);
	vsnprintf(text->bytes + text->len, (size_t)len + 1, fmt, args);
	va_end(args);
	text->len += (size_t)len;
}

void pf_text_int(pf_text *text, int64_t value)
{
	uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
	char digits[20], *at = digits + sizeof digits;

	do
		*--at = (char)('0' + left % 10);
	while (left /= 10);
	if (value < 0)
		*--at = '-';
	pf_text_add(text, at, (size_t)(digits + sizeof digits - at));
}

void pf_text_reset(pf_text *text)
{
	text->len = 0;
	text->failed = false;
	if (text->bytes)
		text->bytes[0] = '\0';
}

char *pf_text_take(pf_text *text)
{
	char *bytes;

	pf_text_add(text, "", 0); /* so that an empty text is a string too */
	if (text->failed) {
		pf_text_free(text);
		return NULL;
	}
	bytes = text->bytes;
	*text = (pf_text){ 0 };
	return bytes;
}

void pf_text_free(pf_text *text)
{
	free(text->bytes);
	*text = (pf_text){ 0 };
}

int pf_utf8_length(const char *bytes, size_t len)
{
	const unsigned char *b = (const unsigned char *)bytes;
	unsigned char low = 0x80, high = 0xbf; /* bounds of the second byte: RFC 3629, section 4 */
	int n;

	if (!len)
		return 0;
	if (b[0] < 0x80)
		return 1;
	if (b[0] >= 0xc2 && b[0] <= 0xdf)
		n = 2;
	else if ((b[0] & 0xf0) == 0xe0)
		n = 3;
	else if (b[0] >= 0xf0 && b[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (b[0] == 0xe0)
		low = 0xa0;
	else if (b[0] == 0xed)
		high = 0x9f;
	else if (b[0] == 0xf0)
		low = 0x90;
	else if (b[0] == 0xf4)
		high = 0x8f;
	if (len < (size_t)n || b[1] < low || b[1] > high)
		return 0;
	for (int i = 2; i < n; i++)
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* How many bytes from BYTES on are ASCII, counted by eights: at least so many. */
static size_t ascii_run(const char *bytes, size_t len)
{
	size_t i = 0;
	uint64_t word;

	for (; len - i >= sizeof word; i += sizeof word) {
		memcpy(&word, bytes + i, sizeof word);
		if (word & UINT64_MAX / 0xff * 0x80)
			break;
	}
	return i;
}

bool pf_utf8_valid(const char *bytes, size_t len)
{
	for (size_t i = ascii_run(bytes, len); i < len;) {
		int n = pf_utf8_length(bytes + i, len - i);

		if (!n)
			return false;
		i += (size_t)n;
		if (n == 1)
			i += ascii_run(bytes + i, len - i);
	}
	return true;
}

/* A byte of ASCII that stands for itself. */
static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* The same of eight bytes at once: a byte below N leaves its top bit set when N is taken off, for all are ASCII. */
static bool are_plain(const char *bytes)
{
	const uint64_t ones = UINT64_MAX / 0xff;
	uint64_t word;

	memcpy(&word, bytes, sizeof word);
	return !((word | (word - ones * 0x20) | ((word ^ ones * '"') - ones) | ((word ^ ones * '\\') - ones) |
		  ((word ^ ones * 0x7f) - ones)) &
		 ones * 0x80);
}

/* How many bytes from BYTES on need no escape. */
static size_t plain_run(const char *bytes, size_t len)
{
	size_t i = 0;

	for (;;) {
		int n;

		while (len - i >= sizeof(uint64_t) && are_plain(bytes + i))
			i += sizeof(uint64_t);
		/* The last ones with some of those before them. */
		if (len >= sizeof(uint64_t) && len - i < sizeof(uint64_t) && are_plain(bytes + len - sizeof(uint64_t)))
			return len;
		while (i < len && is_plain((unsigned char)bytes[i]))
			i++;
		if (i == len || (unsigned char)bytes[i] < 0x80)
			return i;
		n = pf_utf8_length(bytes + i, len - i);
		if (!n)
			return i;
		i += (size_t)n;
	}
}

/* What stands behind the backslash. */
static const char letters[0x80] = {
	['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', ['"'] = '"', ['\\'] = '\\',
};
static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

static void escape(pf_text *out, unsigned char c)
{
	if (c >= 0x80) {
		pf_text_puts(out, replacement); /* the byte was not UTF-8 */
	} else if (letters[c]) {
		char pair[2] = { '\\', letters[c] };

		pf_text_add(out, pair, 2);
	} else {
		pf_text_printf(out, "\\u%04x", c);
	}
}

static size_t escaped_length(unsigned char c)
{
	return c >= 0x80 ? sizeof replacement - 1 : letters[c] ? 2 : sizeof "\\u0000" - 1;
}

size_t pf_json_quoted_length(const char *string, size_t len)
{
	size_t length = 2;

	while (len) {
		size_t run = plain_run(string, len);

		length += run;
		string += run;
		len -= run;
		if (len) {
			length += escaped_length((unsigned char)*string);
			string++;
			len--;
		}
	}
	return length;
}

/* Puts STRING, which needs no escapes, at AT in quotes; returns where that ends. */
static char *put_quoted(char *at, const char *string, size_t len)
{
	*at++ = '"';
	memcpy(at, string, len);
	at += len;
	*at++ = '"';
	return at;
}

/* The same at the end of OUT. */
static void quote_plain(pf_text *out, const char *string, size_t len)
{
	char *at;

	if (!reserve(out, len + 2))
		return;
	at = put_quoted(out->bytes + out->len, string, len);
	*at = '\0';
	out->len += len + 2;
}

void pf_json_quote(pf_text *out, const char *string, size_t len)
{
	size_t run = plain_run(string, len);

	if (run == len) {
		quote_plain(out, string, len);
		return;
	}
	pf_text_add(out, "\"", 1);
	while (len) {
		pf_text_add(out, string, run);
		string += run;
		len -= run;
		if (len) {
			escape(out, (unsigned char)*string);
			string++;
			len--;
		}
		run = plain_run(string, len);
	}
	pf_text_add(out, "\"", 1);
}

/* How many bytes from BYTES on go out as they are: up to white space or, within a string, a control character. */
static size_t solid_run(const char *bytes, size_t len, bool *in_string)
{
	size_t i;

	for (i = 0; i < len && (unsigned char)bytes[i] >= (*in_string ? ' ' : ' ' + 1); i++) {
		if (bytes[i] == '"')
			*in_string = !*in_string;
		else if (bytes[i] == '\\' && *in_string && i + 1 < len && (unsigned char)bytes[i + 1] >= ' ')
			i++;
	}
	return i;
}

void pf_json_compact(pf_text *out, const char *json, size_t len)
{
	bool in_string = false;

	while (len) {
		size_t run = solid_run(json, len, &in_string);

		pf_text_add(out, json, run);
		json += run;
		len -= run;
		if (len) {
			if (in_string)
				escape(out, (unsigned char)*json);
			json++;
			len--;
		}
	}
}

pf_json pf_json_start(pf_text *out, bool compact)
{
	return (pf_json){ .out = out, .compact = compact };
}

pf_json pf_json_start_members(pf_text *out, int base)
{
	return (pf_json){ .out = out, .base = base };
}

static bool inside_inline(const pf_json *json)
{
	return json->depth > 0 && json->is_inline[json->depth - 1];
}

/* The line break before a member or a bracket, at AT, where there is room; returns where it ends. */
static char *break_line(pf_json *json, char *at, int depth)
{
	size_t indent = (size_t)(depth + json->base) * 2;

	/* The gap that is due: behind the comma, where there is one. */
	for (; json->gap > 0; json->gap--)
		*at++ = ' ';
	*at++ = '\n';
	memset(at, ' ', indent);
	return at + indent;
}

/* What separates a member from what is before it: the same. */
static char *separate(pf_json *json, char *at)
{
	bool members_only = json->depth == 0 && json->base > 0;
	bool *has_member = &json->has_member[json->depth > 0 ? json->depth - 1 : PF_JSON_DEPTH - 1];
	bool first = !*has_member;

	if (json->depth == 0 && !members_only)
		return at;
	*has_member = true;
	if (!first)
		*at++ = ',';
	if (json->compact)
		return at; /* no white space at all */
	if (inside_inline(json)) {
		if (!first)
			*at++ = ' ';
		return at;
	}
	if (!members_only || !first)
		return break_line(json, at, json->depth);
	memset(at, ' ', (size_t)json->base * 2);
	return at + (size_t)json->base * 2;
}

/* How much room a line break takes at the most. */
static size_t break_room(const pf_json *json)
{
	return (size_t)(json->gap > 0 ? json->gap : 0) + 1 + (size_t)(json->depth + json->base) * 2;
}

/* TEXT goes on at AT. */
static void go_on(pf_text *text, char *at)
{
	text->len = (size_t)(at - text->bytes);
	*at = '\0';
}

/* What stands before a value: comma, line and indent, key. All at once, for documents are made of very many. */
static void lead(pf_json *json, const char *key)
{
	pf_text *out = json->out;
	size_t len = key ? strlen(key) : 0;
	char *at;

	if (!reserve(out, break_room(json) + len + strlen(",\"\": ")))
		return;
	at = separate(json, out->bytes + out->len);
	if (key && plain_run(key, len) == len) {
		at = put_quoted(at, key, len);
		key = NULL;
		*at++ = ':';
		if (!json->compact)
			*at++ = ' ';
	}
	go_on(out, at);
	if (key) {
		pf_json_quote(out, key, len);
		pf_text_puts(out, json->compact ? ":" : ": ");
	}
}

static void open_container(pf_json *json, const char *key, char bracket, bool is_inline)
{
	lead(json, key);
	pf_text_add(json->out, &bracket, 1);
	/* The last place of has_member belongs to members-only text. */
	if (json->depth >= PF_JSON_DEPTH - 1) {
		json->out->failed = true;
		return;
	}
	json->is_inline[json->depth] = is_inline || inside_inline(json);
	json->has_member[json->depth] = false;
	json->is_array[json->depth] = bracket == '[';
	json->depth++;
}

void pf_json_object(pf_json *json, const char *key)
{
	open_container(json, key, '{', false);
}

void pf_json_array(pf_json *json, const char *key)
{
	open_container(json, key, '[', false);
}

void pf_json_list(pf_json *json, const char *key)
{
	open_container(json, key, '[', true);
}

void pf_json_end(pf_json *json)
{
	int depth = json->depth - 1;

	if (json->out->failed || depth < 0)
		return;
	json->depth = depth;
	if (!json->compact && !json->is_inline[depth] && json->has_member[depth] &&
	    reserve(json->out, break_room(json)))
		go_on(json->out, break_line(json, json->out->bytes + json->out->len, depth));
	pf_text_add(json->out, json->is_array[depth] ? "]" : "}", 1);
	if (depth == 0 && json->base == 0)
		pf_text_add(json->out, "\n", 1);
}

void pf_json_bytes(pf_json *json, const char *key, const char *value, size_t len)
{
	lead(json, key);
	pf_json_quote(json->out, value, len);
}

void pf_json_string(pf_json *json, const char *key, const char *value)
{
	if (value)
		pf_json_bytes(json, key, value, strlen(value));
	else
		pf_json_null(json, key);
}

void pf_json_int(pf_json *json, const char *key, int64_t value)
{
	lead(json, key);
	pf_text_int(json->out, value);
}

void pf_json_gap(pf_json *json, int spaces)
{
	json->gap = json->compact ? 0 : spaces;
}

void pf_json_ratio(pf_json *json, const char *key, double value)
{
	char digits[64];
	size_t len;

	lead(json, key);
	len = (size_t)snprintf(digits, sizeof digits, "%.3f", value);
	if (len >= sizeof digits) /* of no ratio */
		len = sizeof digits - 1;
	while (len > 2 && digits[len - 1] == '0' && digits[len - 2] != '.')
		len--;
	pf_text_add(json->out, digits, len);
}

void pf_json_bool(pf_json *json, const char *key, bool value)
{
	pf_json_raw(json, key, value ? "true" : "false");
}

void pf_json_null(pf_json *json, const char *key)
{
	pf_json_raw(json, key, "null");
}

void pf_json_raw(pf_json *json, const char *key, const char *value)
{
	lead(json, key);
	pf_text_puts(json->out, value);
}
