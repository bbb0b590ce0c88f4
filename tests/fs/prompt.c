/* prompt.md: what each unit looks like, what is said once, and that the budget holds. */
#include "prompt.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit.h"

enum { AMPLE = 100000 }; /* tokens */

/* pattern_data's members, by id: of more patterns than a test makes at a time. */
static const char *members[4096];
static int64_t last_id;
static int reads; /* how many were asked for */

static int read_members(void *arg, int64_t id, pf_text *out, pf_err *err)
{
	const char *data = members[id];

	(void)arg, (void)err;
	reads++;
	pf_text_printf(out, "{%s}", data ? data : "");
	return 0;
}

static const struct prompt_source source = { .data = read_members };

/* A pattern as the store gives it, with what most tests do not care about. */
static pf_result pattern(const char *type, const char *name, const char *data)
{
	last_id = (last_id + 1) % (int64_t)(sizeof members / sizeof *members);
	members[last_id] = data;
	return (pf_result){ .id = last_id,
			    .name = "x.json",
			    .path = "ml/operator/x/x.json",
			    .category = "ml",
			    .component_type = "operator",
			    .success = 14,
			    .failure = 1,
			    .confidence = 14.0 / 15,
			    .pattern_type = type,
			    .pattern_name = name,
			    .component_name = "FooOperator",
			    .lower_bound = 0.702,
			    .component_count = 12 };
}

static pf_result component_named(const char *name, const char *path, double score)
{
	return (pf_result){ .name = name,
			    .path = path,
			    .category = "ml",
			    .subcategory = "nlp",
			    .component_type = "operator",
			    .confidence = 1,
			    .success_score = score };
}

/* The document of RESULTS, whose texts come FROM; the caller's to free(). */
static char *document_from(const struct prompt_source *from, const pf_result *results, size_t count, int64_t budget)
{
	struct prompt prompt;
	pf_text out = { 0 };
	pf_err err = { 0 };

	prompt_start(&prompt, "ml operators", budget, from);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(prompt_add(&prompt, &results[i]), 0);
	assert_int_equal(prompt_end(&prompt, &out, &err), 0);
	pf_text_puts(&out, "");
	return pf_text_take(&out);
}

static char *document(const pf_result *results, size_t count, int64_t budget)
{
	return document_from(&source, results, count, budget);
}

static bool check_contains(const char *name, const char *text, const char *part)
{
	if (strstr(text, part))
		return true;
	print_error("%s: missing: %s\nin: %s\n", name, part, text);
	return false;
}

/* Where PART begins in TEXT; it must stand there exactly once. */
static size_t only_place(const char *text, const char *part)
{
	const char *at = strstr(text, part);

	if (!at || strstr(at + 1, part))
		fail_msg("expected once: %s\nin: %s", part, text);
	return (size_t)(at - text);
}

/* ---- units ---- */

static const struct {
	const char *type, *name, *data;
	const char *expected; /* a part of the document */
} unit_rows[] = {
	{ "import", "dual_import",
	  "\"primary\": \"a.b import C\", \"fallback\": \"d import C\","
	  "\"template\": \"try:\\n    from a.b import C\\nexcept ImportError:\\n    from d import C\"",
	  "## Imports\n\n**Import with a fallback: `a.b import C`, else `d import C`.** Confidence 0.93 (Wilson ≥ "
	  "0.70), "
	  "12 operators, 14 ok / 1 failed.\n```python\ntry:\n    from a.b import C\nexcept ImportError:\n"
	  "    from d import C\n```\n" },
	{ "import", "import_item", "\"module\": \"a\", \"name\": \"b\", \"template\": \"from a import b\"",
	  "## Imports\n\nImported:\n```python\nfrom a import b  # 12 operators, confidence 0.93\n```\n" },
	{ "structural", "structural_pattern",
	  "\"component_base\": \"BaseOperator\", \"decorators\": [], \"template\": \"class $1(BaseOperator): ...\"",
	  "## Structure\n\n**Class derived from `BaseOperator`.** " },
	{ "structural", "structural_pattern",
	  "\"component_base\": \"BaseOperator\", \"decorators\": [\"a\", \"b\"], \"template\": \"x\"",
	  "**Class derived from `BaseOperator`, decorated with `a`, `b`.** " },
	{ "template_fields", "template_fields_pattern",
	  "\"form\": \"tuple\", \"annotation\": \"Sequence[str]\", \"template\": \"x\", \"code\": \"y\"",
	  "## Template fields\n\n**Template fields as a tuple, annotated `Sequence[str]`.** " },
	{ "template_fields", "template_fields_pattern", "\"form\": \"list\", \"annotation\": null, \"template\": \"x\"",
	  "**Template fields as a list.** " },
	{ "template_fields", "jinja_guard", "\"template\": \"\\\"{{\\\" in $1\"", "**Check for a Jinja template.** " },
	{ "template_fields", "template_field", "\"field\": \"path\", \"template\": \"\\\"path\\\"\"",
	  "Fields that are templates:\n```python\n\"path\"  # 12 operators, confidence 0.93\n```\n" },
	{ "parameter_ordering", "parameter_ordering_pattern",
	  "\"required\": [\"a\", \"b\"], \"optional\": [\"c\"], \"keyword_only\": true, \"var_positional\": null,"
	  "\"var_keyword\": \"kwargs\", \"template\": \"(self, *, required, required, optional, **kwargs)\"",
	  "## Parameters\n\n**Parameters of `__init__`, 2 required, 1 optional, keyword-only, `kwargs` for the "
	  "rest.** " },
	{ "parameter_ordering", "parameter", "\"name\": \"conn\", \"template\": \"conn: str = \\\"x\\\"\"",
	  "Parameters:\n```python\nconn: str = \"x\"  # 12 operators" },
	{ "initialization", "initialization_pattern",
	  "\"super_init\": \"first\", \"super_arguments\": [\"**kwargs\"], \"template\": \"super().__init__(**$1)\"",
	  "## Initialization\n\n**`super().__init__` first, with `**kwargs`.** " },
	{ "initialization", "initialization_pattern",
	  "\"super_init\": \"none\", \"super_arguments\": [], \"template\": \"x\"",
	  "**`super().__init__` not called.** " },
	{ "initialization", "init_statement", "\"template\": \"warnings.warn($str)\"",
	  "Statements of `__init__`:\n```python\nwarnings.warn($str)  # 12 operators" },
	{ "initialization", "init_statement",
	  "\"template\": \"if $1:\\n    $2 = $1\", \"code\": \"if old:\\n    new = old\"",
	  "**A statement of `__init__`.** Confidence 0.93 (Wilson ≥ 0.70), 12 operators, 14 ok / 1 failed.\n"
	  "```python\nif $1:\n    $2 = $1\n```\nExample:\n```python\nif old:\n    new = old\n```\n" },
	{ "validation", "guard",
	  "\"check\": \"required\", \"exception\": \"AirflowException\","
	  "\"template\": \"if not $1:\\n    raise AirflowException\"",
	  "## Validation\n\n**Guard: a required value, raises `AirflowException`.** " },
	{ "execution", "execution_pattern",
	  "\"main_method\": \"execute\", \"is_async\": false, \"context_keys\": [], \"calls_super\": false,"
	  "\"defers\": false, \"template\": \"x\"",
	  "## Execution\n\n**Main method `execute`.** " },
	{ "execution", "execution_pattern",
	  "\"main_method\": \"run\", \"is_async\": true, \"context_keys\": [\"ti\"], \"calls_super\": true,"
	  "\"defers\": true, \"template\": \"x\"",
	  "**Main method `run`, asynchronous, reads `ti` of the context, calls its parent's, defers to a trigger.** " },
	{ "runtime_parameters", "runtime_access", "\"source\": \"context\", \"template\": \"context[\\\"ti\\\"]\"",
	  "## Run-time values\n\nRead at run time:\n```python\ncontext[\"ti\"]  # 12 operators" },
	{ "error_handling", "exception_handler",
	  "\"exceptions\": [\"NotFound\"], \"actions\": [\"log_info\", \"raise\"], \"raises\": [\"ValueError\"],"
	  "\"template\": \"except NotFound:\\n    log_info\"",
	  "## Error handling\n\n**Handler of `NotFound`: log at info, raise (`ValueError`).** " },
	{ "error_handling", "raise", "\"exception\": \"ValueError\", \"template\": \"raise ValueError($str)\"",
	  "Raised:\n```python\nraise ValueError($str)  # 12 operators" },
	{ "logging", "log_call",
	  "\"level\": \"info\", \"format\": \"percent\", \"argument_count\": 2, \"template\": \"log.info($str, $, $)\"",
	  "## Logging\n\n**Log call at level info, %-style text, arguments: 2.** " },
	{ "logging", "log_call",
	  "\"level\": \"info\", \"format\": \"literal\", \"argument_count\": 0, \"template\": \"log.info($str)\"",
	  "**Log call at level info, plain text.** " },
	{ "mock_execution", "mock_execution_pattern",
	  "\"trigger\": \"import_error\", \"actions\": [\"raise\"], \"template\": \"import_error:\\n    raise\"",
	  "## Mock execution\n\n**Where an import fails: raise.** " },
	{ "anything", "new_unit", "\"template\": \"x = $1\"", "## Other\n\n**new unit.** " },
};

static void test_units(void **state)
{
	bool ok = true;

	(void)state;
	for (size_t i = 0; i < sizeof unit_rows / sizeof *unit_rows; i++) {
		pf_result result = pattern(unit_rows[i].type, unit_rows[i].name, unit_rows[i].data);
		char *text = document(&result, 1, AMPLE);

		ok &= check_contains(unit_rows[i].name, text, unit_rows[i].expected);
		free(text);
	}
	assert_true(ok);
}

/* Each row of the table is of a unit that a test above shows. */
static void test_every_unit(void **state)
{
	bool ok = true;

	(void)state;
	for (int unit = UNIT_OTHER + 1; unit < UNIT_COUNT; unit++) {
		bool shown = false;

		for (size_t i = 0; i < sizeof unit_rows / sizeof *unit_rows && !shown; i++)
			shown = unit_find(unit_rows[i].type, unit_rows[i].name) == unit;
		if (!shown)
			print_error("no test shows %s %s\n", units[unit].type, units[unit].name);
		ok &= shown;
	}
	assert_true(ok);
}

/* ---- fences, examples ---- */

static void test_fences(void **state)
{
	pf_result results[] = {
		pattern("validation", "guard",
			"\"check\": \"a`b\", \"exception\": \"`x``\", \"template\": \"a = '```'\\nb = '````'\","
			"\"code\": \"c = '`````'\""),
		pattern("import", "import_item", "\"name\": \"n\", \"template\": \"import a # ```\""),
	};
	char *text = document(results, 2, AMPLE);

	(void)state;
	assert_true(check_contains("template", text, "\n`````python\na = '```'\nb = '````'\n`````\n"));
	assert_true(check_contains("example", text, "\nExample:\n``````python\nc = '`````'\n``````\n"));
	assert_true(check_contains("words", text, "**Guard: a b, raises ``` `x`` ```.**"));
	/* A compact line cannot have a fence of its own, so this is no compact one. */
	assert_true(check_contains("compact", text, "**Import of `n`.** "));
	assert_true(check_contains("compact", text, "\n````python\nimport a # ```\n````\n"));
	free(text);
}

static void repeat(char *out, const char *what, int times)
{
	*out = '\0';
	for (int i = 0; i < times; i++)
		strcat(out, what);
}

static void test_examples(void **state)
{
	char lines[512], twelve[1024], thirteen[1024];
	pf_result result;
	char *text;

	(void)state;
	repeat(lines, "x\\n", 11);
	snprintf(twelve, sizeof twelve, "\"check\": \"c\", \"template\": \"t\", \"code\": \"%slast\"", lines);
	repeat(lines, "x\\n", 12);
	snprintf(thirteen, sizeof thirteen, "\"check\": \"c\", \"template\": \"t\", \"code\": \"%slast\"", lines);

	result = pattern("validation", "guard", twelve);
	text = document(&result, 1, AMPLE);
	assert_non_null(strstr(text, "Example:"));
	free(text);
	result = pattern("validation", "guard", thirteen);
	text = document(&result, 1, AMPLE);
	assert_null(strstr(text, "Example:"));
	free(text);
	/* Says no more than the template. */
	result = pattern("validation", "guard",
			 "\"check\": \"c\", \"template\": \"f( a )\", \"code\": \"f(\\n  a)\\n\"");
	text = document(&result, 1, AMPLE);
	assert_null(strstr(text, "Example:"));
	free(text);
}

/* Others' code: a line each; how often they were asked for, and what the pattern's own code is good for. */
static struct {
	const char *codes[4];
	bool own;
	int asked, given, lines, fails;
} other;

static int is_own(void *arg, int64_t id, bool *own, pf_err *err)
{
	(void)arg, (void)id, (void)err;
	*own = other.own;
	return 0;
}

static int give_others(void *arg, int64_t id, int lines, int (*each)(void *arg, const char *code), void *each_arg,
		       pf_err *err)
{
	(void)arg, (void)id;
	other.asked++;
	other.lines = lines;
	if (other.fails)
		return pf_fail(err, other.fails, "others failed");
	for (other.given = 0; other.given < 4 && other.codes[other.given]; other.given++)
		if (each(each_arg, other.codes[other.given]))
			break;
	return 0;
}

static const struct prompt_source with_others = { .data = read_members, .own = is_own, .others = give_others };

#define LONG	 "1\\n2\\n3\\n4\\n5\\n6\\n7\\n8\\n9\\n10\\n11\\n12\\n13"
#define LONG_ONE "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13"
static const struct {
	const char *what, *data;
	int64_t components;
	bool own;
	const char *codes[4];
	int asked;
	const char *expected; /* what is in the fence; NULL: no example */
} other_rows[] = {
	{ "its own will do", "\"template\": \"t\", \"code\": \"own\"", 12, true, { "b" }, 0, "own" },
	{ "its own is another's", "\"template\": \"t\", \"code\": \"own\"", 12, false, { "b", "c" }, 1, "b" },
	{ "and nobody has one", "\"template\": \"t\", \"code\": \"own\"", 12, false, { NULL }, 1, NULL },
	{ "and one has shown it since", "\"template\": \"t\", \"code\": \"own\"", 1, false, { "b" }, 1, "b" },
	{ "its own is too long", "\"template\": \"t\", \"code\": \"" LONG "\"", 12, true, { "b\n" }, 1, "b" },
	{ "and it alone shows it", "\"template\": \"t\", \"code\": \"" LONG "\"", 1, true, { "b" }, 0, NULL },
	{ "so is another's", "\"template\": \"t\", \"code\": \"" LONG "\"", 2, true, { LONG_ONE, "c" }, 1, "c" },
	{ "its own says no more", "\"template\": \"t\", \"code\": \"t\"", 12, true, { "b" }, 0, NULL },
	{ "another's says no more", "\"template\": \"t\", \"code\": \"own\"", 12, false, { " t", "c" }, 1, NULL },
	{ "its own is not there", "\"template\": \"t\"", 12, true, { "", "c" }, 1, "c" },
	{ "no code at all", "\"template\": \"t\"", 12, true, { "\n \t", "" }, 1, NULL },
	{ "bytes of any kind", "\"template\": \"t\"", 12, true, { "\xff\x1b```" }, 1, "\xef\xbf\xbd ```" },
};

static void test_examples_of_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof other_rows / sizeof *other_rows; i++) {
		pf_result result = pattern("validation", "guard", other_rows[i].data);
		char expected[64], *text;

		other.asked = 0;
		other.own = other_rows[i].own;
		memcpy(other.codes, other_rows[i].codes, sizeof other.codes);
		result.component_count = other_rows[i].components;
		text = document_from(&with_others, &result, 1, AMPLE);
		snprintf(expected, sizeof expected, "python\n%s\n`", other_rows[i].expected);
		if (!strstr(text, "Example:") == !!other_rows[i].expected || other.asked != other_rows[i].asked ||
		    (other_rows[i].expected && !strstr(strstr(text, "Example:"), expected)))
			fail_msg("%s: asked %d times: %s", other_rows[i].what, other.asked, text);
		assert_true(!other.asked || other.lines == 12);
		free(text);
	}
}

static void test_others_fail(void **state)
{
	pf_result result = pattern("validation", "guard", "\"template\": \"t\"");
	struct prompt prompt;
	pf_text out = { 0 };
	pf_err err = { 0 };

	(void)state;
	other.own = true;
	other.fails = EIO;
	prompt_start(&prompt, "x", 2000, &with_others);
	assert_int_equal(prompt_add(&prompt, &result), 0);
	assert_int_equal(prompt_end(&prompt, &out, &err), -EIO);
	assert_string_equal(err.why, "others failed");
	pf_text_free(&out);
	/* What the query names is gone meanwhile. */
	other.fails = ENOENT;
	prompt_start(&prompt, "x", 2000, &with_others);
	assert_int_equal(prompt_add(&prompt, &result), 0);
	assert_int_equal(prompt_end(&prompt, &out, &err), 0);
	assert_non_null(strstr(out.bytes, "**guard"));
	pf_text_free(&out);
	other.fails = 0;
}

/* ---- groups, duplicates ---- */

static void test_order(void **state)
{
	static const char *const in_order[] = {
		"## Imports",	     "## Structure",  "## Template fields", "## Parameters",
		"## Initialization", "## Validation", "## Execution",	    "## Run-time values",
		"## Error handling", "## Logging",    "## Mock execution",
	};
	pf_result results[UNIT_COUNT];
	size_t count = 0, last = 0;
	char *text;

	(void)state;
	for (int unit = UNIT_COUNT - 1; unit > UNIT_OTHER; unit--)
		results[count++] = pattern(units[unit].type, units[unit].name, "\"template\": \"x\"");
	text = document(results, count, AMPLE);
	for (size_t i = 0; i < sizeof in_order / sizeof *in_order; i++) {
		size_t at = only_place(text, in_order[i]);

		assert_true(at > last);
		last = at;
	}
	free(text);
}

/* Within a group, in the order of arrival; lists behind. */
static void test_best_first(void **state)
{
	pf_result results[] = {
		pattern("error_handling", "raise", "\"template\": \"raise A\""),
		pattern("error_handling", "exception_handler",
			"\"exceptions\": [\"A\"], \"actions\": [\"pass\"],"
			"\"template\": \"first\""),
		pattern("error_handling", "exception_handler",
			"\"exceptions\": [\"B\"], \"actions\": [\"pass\"],"
			"\"template\": \"second\""),
		pattern("error_handling", "raise", "\"template\": \"raise B\""),
	};
	char *text = document(results, 4, AMPLE);

	(void)state;
	assert_true(only_place(text, "\nfirst\n") < only_place(text, "\nsecond\n"));
	assert_true(only_place(text, "\nsecond\n") < only_place(text, "\nraise A  #"));
	assert_true(only_place(text, "\nraise A  #") < only_place(text, "\nraise B  #"));
	free(text);
}

static void test_said_once(void **state)
{
	pf_result results[] = {
		pattern("error_handling", "exception_handler", "\"template\": \"except A:\\n    raise B\""),
		/* The same pattern of another category, worded differently. */
		pattern("error_handling", "exception_handler", "\"template\": \"again\""),
		/* Whole lines of a better one of its group. */
		pattern("error_handling", "raise", "\"template\": \"raise B\""),
		/* Part of a line is something else. */
		pattern("error_handling", "raise", "\"template\": \"raise\""),
		/* Another group. */
		pattern("validation", "guard", "\"template\": \"raise B\""),
		/* Better ones may be part of worse ones. */
		pattern("error_handling", "exception_handler", "\"template\": \"raise\\nraise\""),
		/* The same signature of another type is another pattern. */
		pattern("logging", "log_call", "\"template\": \"other type\""),
	};
	char *text;

	(void)state;
	results[0].signature = results[1].signature = results[6].signature = "0123456789abcdef0123456789abcdef";
	text = document(results, 7, AMPLE);
	only_place(text, "except A:");
	assert_null(strstr(text, "again"));
	assert_null(strstr(text, "raise B  #"));
	only_place(text, "\nraise  # 12 operators");
	only_place(text, "## Validation");
	only_place(text, "raise\nraise");
	only_place(text, "other type");
	free(text);
}

/* ---- the budget ---- */

enum { MANY = 240 };

static void make_many(pf_result *results, char (*data)[256])
{
	for (int i = 0; i < MANY; i++) {
		const struct unit *unit = &units[UNIT_OTHER + 1 + i % (UNIT_COUNT - UNIT_OTHER - 1)];

		snprintf(data[i], sizeof data[i],
			 "\"template\": \"%.*s_%d = $1\", \"code\": \"long_%d\\n= ü€😀\", \"name\": \"n%d\","
			 "\"exceptions\": [\"E%d\"], \"check\": \"required\"",
			 1 + i * 7 % 30, "abcdefghijklmnopqrstuvwxyzabcdefg", i, i, i, i);
		results[i] = pattern(unit->type, unit->name, data[i]);
		results[i].component_count = 1 + i % 3;
	}
}

static size_t tokens(const char *text)
{
	return (strlen(text) + 3) / 4;
}

static bool fences_balanced(const char *text)
{
	int fences = 0;

	for (const char *at = text; (at = strstr(at, "```")); at += 3)
		fences++;
	return fences % 2 == 0;
}

static void test_budget(void **state)
{
	static pf_result results[MANY];
	static char data[MANY][256];
	size_t full = 0;

	(void)state;
	make_many(results, data);
	for (int64_t budget = 10; budget <= 3000; budget++) {
		char *text = document(results, MANY, budget);
		size_t used = tokens(text), len = strlen(text);

		if (used > (size_t)budget || !len || text[len - 1] != '\n' || !fences_balanced(text))
			fail_msg("budget %d: %zu tokens: %s", (int)budget, used, text);
		/* And it is used: what is left is less than the shortest entry needs. */
		if (budget >= 500 && used + 25 < (size_t)budget)
			fail_msg("budget %d: only %zu tokens", (int)budget, used);
		full = used > full ? used : full;
		free(text);
	}
	assert_true(full > 2950);
}

/* What is known of the lengths spares reading, and changes nothing. */
static void test_few_are_read(void **state)
{
	enum { PATTERNS = 2000 };
	static pf_result results[PATTERNS];
	static char data[PATTERNS][64];
	int all;
	char *a, *b;

	(void)state;
	for (int i = 0; i < PATTERNS; i++) {
		snprintf(data[i], sizeof data[i], "\"template\": \"from a import %0*d\"", 3 + i % 7, i);
		results[i] = pattern("import", "import_item", data[i]);
	}
	reads = 0;
	a = document(results, PATTERNS, 2000);
	all = reads;
	for (int i = 0; i < PATTERNS; i++)
		results[i].template_length = (int64_t)strlen(data[i]) - (int64_t)strlen("\"template\": \"\"");
	reads = 0;
	b = document(results, PATTERNS, 2000);
	assert_string_equal(a, b);
	assert_int_equal(all, PATTERNS);
	assert_true(reads < 250);
	free(a);
	free(b);
}

/* One that was archived meanwhile is left out; what cannot be read is no prompt. */
static int read_fails(void *arg, int64_t id, pf_text *out, pf_err *err)
{
	if (id == *(int64_t *)arg)
		return pf_fail(err, ENOENT, "no such pattern");
	return id == last_id ? pf_fail(err, EIO, "the database failed") : read_members(NULL, id, out, err);
}

static void test_reading_fails(void **state)
{
	pf_result results[] = {
		pattern("logging", "log_call", "\"template\": \"gone($str)\""),
		pattern("logging", "log_call", "\"template\": \"there($str)\""),
		pattern("logging", "log_call", "\"template\": \"unreadable($str)\""),
	};

	(void)state;
	for (int count = 2; count <= 3; count++) {
		struct prompt prompt;
		pf_text out = { 0 };
		pf_err err = { 0 };
		int result;

		prompt_start(&prompt, "x", 2000, &(struct prompt_source){ .data = read_fails, .arg = &results[0].id });
		for (int i = 0; i < count; i++)
			assert_int_equal(prompt_add(&prompt, &results[i]), 0);
		result = prompt_end(&prompt, &out, &err);
		if (count == 3) {
			assert_int_equal(result, -EIO);
			assert_string_equal(err.why, "the database failed");
		} else {
			assert_int_equal(result, 0);
			assert_null(strstr(out.bytes, "gone"));
			only_place(out.bytes, "there");
		}
		pf_text_free(&out);
	}
}

static void test_same_bytes(void **state)
{
	static pf_result results[MANY];
	static char data[MANY][256];
	char *a, *b;

	(void)state;
	make_many(results, data);
	a = document(results, MANY, 1500);
	b = document(results, MANY, 1500);
	assert_string_equal(a, b);
	free(a);
	free(b);
}

/* Prompts are kept across mounts: what would be another one has another PROMPT_FORMAT. */
static void test_format(void **state)
{
	static const struct {
		int format;
		uint64_t said;
	} formats[] = { { 1, 0x96b9f84d621c4dc3 } };
	static const int64_t budgets[] = { 300, AMPLE };
	enum { ROWS = sizeof unit_rows / sizeof *unit_rows };
	pf_result results[ROWS];
	uint64_t said = 0xcbf29ce484222325; /* FNV-1a */

	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		results[i] = pattern(unit_rows[i].type, unit_rows[i].name, unit_rows[i].data);
	for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
		char *text = document(results, ROWS, budgets[i]);

		for (const char *at = text; *at; at++)
			said = (said ^ (unsigned char)*at) * 0x100000001b3;
		free(text);
	}
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (formats[i].format == PROMPT_FORMAT && formats[i].said == said)
			return;
	fail_msg("prompts are others than those of format %d: raise PROMPT_FORMAT, and add it here with %#" PRIx64,
		 PROMPT_FORMAT, said);
}

/* A group whose best come late, and whose entries are long, has its share all the same. */
static void test_no_group_starves(void **state)
{
	static pf_result results[MANY];
	static char data[MANY][256];
	char *text;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		snprintf(data[i], sizeof data[i], "\"template\": \"from a import b%d\"", i);
		results[i] = pattern("import", "import_item", data[i]);
	}
	results[MANY - 2] = pattern("logging", "log_call", "\"template\": \"log.info($str)\"");
	results[MANY - 1] = pattern("validation", "guard", "\"check\": \"type\", \"template\": \"if $1: raise\"");
	text = document(results, MANY, 400);
	only_place(text, "## Logging");
	only_place(text, "## Validation");
	only_place(text, "## Imports");
	free(text);
}

/* One that takes most of the budget waits until others had their turn, and what does not fit is passed over. */
static void test_large_ones_wait(void **state)
{
	static char data[2000];
	char lines[1500];
	pf_result results[3];
	char *text;

	(void)state;
	repeat(lines, "statement\\n", 100);
	snprintf(data, sizeof data, "\"template\": \"%slast\"", lines);
	results[0] = pattern("validation", "guard", data);
	results[1] = pattern("validation", "guard", "\"check\": \"type\", \"template\": \"small = 1\"");
	results[2] = pattern("logging", "log_call", "\"template\": \"log.info($str)\"");
	text = document(results, 3, 350);
	assert_null(strstr(text, "statement"));
	only_place(text, "small = 1");
	only_place(text, "log.info");
	free(text);
	text = document(results, 3, 500);
	assert_non_null(strstr(text, "statement"));
	only_place(text, "log.info");
	free(text);
}

/* What one component alone shows comes after what recurs, but where its group has nothing else. */
static void test_once_waits(void **state)
{
	static pf_result results[41];
	static char data[41][256];
	char *text;

	(void)state;
	for (int i = 0; i < 40; i++) {
		bool once = i < 20;

		snprintf(data[i], sizeof data[i], "\"template\": \"%s%d\"", once ? "raise A" : "from a import b", i);
		results[i] =
			once ? pattern("error_handling", "raise", data[i]) : pattern("import", "import_item", data[i]);
		results[i].component_count = once ? 1 : 2;
	}
	results[40] = pattern("error_handling", "raise", "\"template\": \"raise B\"");
	text = document(results, 41, 355);
	only_place(text, "\nraise A0  # 1 operator, ");
	only_place(text, "\nfrom a import b38 ");
	assert_null(strstr(text, "raise A4 "));
	/* Behind one that waits, for it is not better. */
	assert_null(strstr(text, "raise B"));
	free(text);
}

static void test_small_budgets(void **state)
{
	pf_result result = pattern("logging", "log_call", "\"template\": \"log.info($str)\"");
	char *text;

	(void)state;
	text = document(&result, 1, 60);
	assert_string_equal(text, "# Airflow patterns: ml operators\n\n## Logging\n\n"
				  "**log call.** Confidence 0.93 (Wilson ≥ 0.70), 12 operators, 14 ok / 1 failed.\n"
				  "```python\nlog.info($str)\n```\n");
	free(text);
	text = document(&result, 1, 30);
	assert_string_equal(text, "A budget of 30 tokens is too small for any pattern.\n");
	free(text);
	text = document(&result, 1, 10);
	assert_string_equal(text, "The budget is too small.\n");
	free(text);
	for (int64_t budget = -1; budget < 7; budget++) {
		text = document(&result, 1, budget);
		assert_string_equal(text, "");
		free(text);
	}
	text = document(&result, 1, INT64_MIN);
	assert_string_equal(text, "");
	free(text);
	text = document(&result, 1, INT64_MAX);
	assert_non_null(strstr(text, "log.info"));
	free(text);
}

static void test_nothing(void **state)
{
	char *text = document(NULL, 0, 2000);

	(void)state;
	assert_string_equal(text, "# Airflow patterns: ml operators\n\nNothing matches.\n");
	free(text);
	text = document(NULL, 0, 10);
	assert_string_equal(text, "Nothing matches.\n");
	free(text);
}

/* ---- components ---- */

static void test_components(void **state)
{
	pf_result results[] = {
		component_named("FooOperator", "components/FooOperator", 180),
		component_named("BarOperator", "components/BarOperator", NAN),
	};
	char *text;

	(void)state;
	results[1].subcategory = NULL;
	text = document(results, 2, 2000);
	assert_string_equal(text,
			    "# Airflow components to read: ml operators\n"
			    "\n## Components\n\n"
			    "- `FooOperator`, operator, ml/nlp, success score 180, confidence 1.00: "
			    "`components/FooOperator/source.py`\n"
			    "- `BarOperator`, operator, ml, confidence 1.00: `components/BarOperator/source.py`\n");
	free(text);
}

/* As many as fit have their main method with them, best first; where it is long, or there is none, the path must do. */
static int read_method(void *arg, int64_t id, pf_text *out, pf_err *err)
{
	(void)arg, (void)err;
	if (id == 1)
		pf_text_puts(out, "def execute(self, context):\n    return ```\n");
	else if (id == 2)
		pf_text_printf(out, "%0*d", 3001, 0);
	else if (id == 3)
		for (int line = 0; line < 41; line++)
			pf_text_puts(out, "x\n");
	else if (id == 4)
		return pf_fail(err, ENOENT, "no such component");
	return 0;
}

static void test_methods(void **state)
{
	static const struct prompt_source from = { .data = read_members, .method = read_method };
	pf_result results[6];
	char *text;

	(void)state;
	for (int i = 0; i < 6; i++) {
		results[i] = component_named("FooOperator", "components/FooOperator", NAN);
		results[i].id = i % 5 + 1;
	}
	text = document_from(&from, results, 6, 2000);
	assert_string_equal(text,
			    "# Airflow components to read: ml operators\n"
			    "\n## Components\n\n"
			    "- `FooOperator`, operator, ml/nlp, confidence 1.00: `components/FooOperator/source.py`\n"
			    "````python\ndef execute(self, context):\n    return ```\n````\n"
			    "- `FooOperator`, operator, ml/nlp, confidence 1.00: `components/FooOperator/source.py`\n"
			    "- `FooOperator`, operator, ml/nlp, confidence 1.00: `components/FooOperator/source.py`\n"
			    "- `FooOperator`, operator, ml/nlp, confidence 1.00: `components/FooOperator/source.py`\n"
			    "- `FooOperator`, operator, ml/nlp, confidence 1.00: `components/FooOperator/source.py`\n"
			    "- `FooOperator`, operator, ml/nlp, confidence 1.00: `components/FooOperator/source.py`\n"
			    "````python\ndef execute(self, context):\n    return ```\n````\n");
	free(text);
	/* What fits no more is left out, the method before the name. */
	for (int64_t budget = 30; budget <= 250; budget++) {
		text = document_from(&from, results, 6, budget);
		assert_true(tokens(text) <= (size_t)budget);
		assert_true(budget < 250 || strstr(text, "return"));
		free(text);
	}
}

/* ---- data that a hand-edited database may hold ---- */

static const char *const hostile[] = {
	NULL,
	"",
	"}",
	"{",
	"\"template\"",
	"\"template\": 1",
	"\"template\": null, \"exceptions\": 7, \"actions\": {}",
	"\"template\": [\"a\"], \"exceptions\": [[[]]], \"actions\": [null]",
	"\"template\": \"\", \"check\": \"\", \"code\": \"\"",
	"\"template\": \"\\u0000\\u0001\\u001b[31m\\r\\n\\ud800\"",
	"\"template\": \"\\u001b[31mred\\r\\n\\tx\\u007f\", \"check\": \"a\\nb**c\", \"exception\": \"\\u0007\\n`\"",
	"\"template\": \"\xff\xfe\x80 ok\", \"name\": \"\xc0\xaf\", \"code\": \"\xed\xa0\x80\"",
	"\"required\": 1e308, \"argument_count\": 1e999, \"level\": -1, \"format\": true",
	"\"template\": \"%s%n$%d{key}[x]\", \"check\": \"%s{~check}\", \"exception\": \"%n]\"",
	"\"template\": \"t\", \"template\": 5, \"check\": \"required\"",
};

/* UTF-8 without control characters but for newline and tab. */
static bool clean(const char *text)
{
	if (!pf_utf8_valid(text, strlen(text)))
		return false;
	for (; *text; text++)
		if (((unsigned char)*text < ' ' && *text != '\n' && *text != '\t') || *text == 0x7f)
			return false;
	return true;
}

static void test_hostile_data(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
		for (int unit = 1; unit < UNIT_COUNT; unit++) {
			pf_result result = pattern(units[unit].type, units[unit].name, hostile[i]);
			char *text;

			result.confidence = NAN;
			result.lower_bound = INFINITY;
			result.success = INT64_MIN;
			result.component_type = i % 2 ? NULL : "\x1b\n*";
			text = document(&result, 1, 2000);
			if (!clean(text) || !fences_balanced(text) || tokens(text) > 2000)
				fail_msg("row %zu, %s: %s", i, units[unit].name, text);
			if (!strstr(text, "# Airflow patterns"))
				fail_msg("row %zu, %s: nothing was said of it: %s", i, units[unit].name, text);
			free(text);
		}
	}
}

/* Nested as deep as a database may hold it: refused by the reader, not by the stack. */
static void test_deep_data(void **state)
{
	enum { DEPTH = 200000 };
	char *data = calloc(1, 2 * DEPTH + 64);
	pf_result result = pattern("validation", "guard", data);
	char *text;

	(void)state;
	assert_non_null(data);
	strcpy(data, "\"exceptions\": ");
	memset(data + strlen(data), '[', DEPTH);
	text = document(&result, 1, 2000);
	only_place(text, "**guard.** ");
	free(text);
	free(data);
}

static void test_hostile_components(void **state)
{
	pf_result results[] = {
		{ 0 },
		component_named("", "", INFINITY),
		component_named("`\n\xff", "components/\n`x`", -1e308),
	};
	char *text = document(results, 3, 2000);

	(void)state;
	if (!clean(text) || tokens(text) > 2000)
		fail_msg("%s", text);
	free(text);
}

static void test_hostile_title(void **state)
{
	struct prompt prompt;
	pf_text out = { 0 };
	char title[4000];

	(void)state;
	memset(title, 'x', sizeof title - 1);
	title[sizeof title - 1] = '\0';
	memcpy(title, "a\nb\x1b\xff", 5);
	prompt_start(&prompt, title, 2000, &source);
	assert_int_equal(prompt_end(&prompt, &out, NULL), 0);
	assert_true(clean(out.bytes));
	assert_true(out.len < 300);
	assert_int_equal(strncmp(out.bytes, "# Airflow patterns: a b \xef\xbf\xbdxxx", 28), 0);
	pf_text_free(&out);
	/* To free alone. */
	prompt_start(&prompt, "x", 2000, &source);
	assert_int_equal(prompt_end(&prompt, NULL, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_every_unit),
		cmocka_unit_test(test_fences),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_examples_of_others),
		cmocka_unit_test(test_others_fail),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_best_first),
		cmocka_unit_test(test_said_once),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_same_bytes),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_no_group_starves),
		cmocka_unit_test(test_large_ones_wait),
		cmocka_unit_test(test_once_waits),
		cmocka_unit_test(test_small_budgets),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_components),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_hostile_data),
		cmocka_unit_test(test_deep_data),
		cmocka_unit_test(test_hostile_components),
		cmocka_unit_test(test_hostile_title),
		cmocka_unit_test(test_few_are_read),
		cmocka_unit_test(test_reading_fails),
	};

	return cmocka_run_group_tests_name("prompt", tests, NULL, NULL);
}
