/* Text: JSON on one line. */
#include "text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_compact) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
