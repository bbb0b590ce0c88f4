/* Text: JSON on one line. */
#include "text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *json, *compact;
} rows[] = {
	{ "", "" },
	{ " \n", "" },
	{ "{}\n", "{}" },
	{ "{\n  \"a\": 1,\n  \"b\": [\"x y\", \"z\"]\n}\n", "{\"a\":1,\"b\":[\"x y\",\"z\"]}" },
	{ "[1, -2.5, true, null]", "[1,-2.5,true,null]" },
	{ "\"a \\\" b\" : 1", "\"a \\\" b\":1" },
	{ "\"ends in \\\\\" : 1", "\"ends in \\\\\":1" },
	{ "\"\\\\\\\" x\" : 1", "\"\\\\\\\" x\":1" },
	{ "\"\xc3\xa9  \xe2\x82\xac\" : 1", "\"\xc3\xa9  \xe2\x82\xac\":1" },
	/* What is no JSON stays on one line. */
	{ "\"a\nb\"", "\"a\\nb\"" },
	{ "\"a\\\nb\"", "\"a\\\\nb\"" },
	{ "\"a\x01", "\"a\\u0001" },
	{ "\"a\\", "\"a\\" },
	{ "a\rb\n", "ab" },
};

static void test_compact(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		pf_text out = { 0 };

		pf_text_puts(&out, "|");
		pf_json_compact(&out, rows[i].json, strlen(rows[i].json));
		if (strcmp(out.bytes + 1, rows[i].compact) != 0)
			fail_msg("%s: got %s, expected %s", rows[i].json, out.bytes + 1, rows[i].compact);
		pf_text_free(&out);
	}
}

static const struct {
	const char *string, *quoted;
} strings[] = {
	{ "", "\"\"" },
	{ "plain", "\"plain\"" },
	{ "eight or more of them", "\"eight or more of them\"" },
	{ "\"", "\"\\\"\"" },
	{ "a\\b\n\tc", "\"a\\\\b\\n\\tc\"" },
	{ "\x01 and \x1f", "\"\\u0001 and \\u001f\"" },
	{ "\x7f", "\"\\u007f\"" },
	{ "\xc3\xa9 \xe2\x82\xac", "\"\xc3\xa9 \xe2\x82\xac\"" },
	{ "no \xff UTF-8 \xc3", "\"no \xef\xbf\xbd UTF-8 \xef\xbf\xbd\"" },
};

static void test_quote(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
		size_t len = strlen(strings[i].string);
		pf_text out = { 0 };

		pf_json_quote(&out, strings[i].string, len);
		if (strcmp(out.bytes, strings[i].quoted) != 0)
			fail_msg("%s: got %s, expected %s", strings[i].string, out.bytes, strings[i].quoted);
		if (pf_json_quoted_length(strings[i].string, len) != out.len)
			fail_msg("%s: %zu bytes, said to be %zu", strings[i].string, out.len,
				 pf_json_quoted_length(strings[i].string, len));
		pf_text_free(&out);
	}
}

/* In the middle of what is looked at by eights, and at its ends. */
static void test_utf8(void **state)
{
	static const struct {
		const char *bytes;
		bool valid;
	} characters[] = {
		{ "\xc3\xa9", true },	   { "\xe2\x82\xac", true }, { "\xf0\x9f\x90\x98", true },
		{ "\xff", false },	   { "\xc3", false },	     { "\xa9", false },
		{ "\xed\xa0\x80", false }, { "\xc0\xaf", false },    { "\xf4\x90\x80\x80", false },
	};
	enum { LENGTH = 20 };

	(void)state;
	for (size_t i = 0; i < sizeof characters / sizeof *characters; i++) {
		for (int at = 0; at <= LENGTH; at++) {
			char text[2 * LENGTH];
			int len = snprintf(text, sizeof text, "%.*s%s%.*s", at, "abcdefghijklmnopqrst",
					   characters[i].bytes, LENGTH - at, "abcdefghijklmnopqrst");

			if (pf_utf8_valid(text, (size_t)len) != characters[i].valid)
				fail_msg("character %zu behind %d others", i, at);
		}
	}
	assert_true(pf_utf8_valid("", 0));
	assert_true(pf_utf8_valid("a\0b", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_compact), cmocka_unit_test(test_quote),
					    cmocka_unit_test(test_utf8) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
