/*
 * Python, as the extractor reads it: what it says of sources that Python
 * refuses, what it finds in the syntax of 3.8 to 3.13, and that it answers,
 * in time, whatever the bytes are. By rows: one that fails names itself, and
 * the loop goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "extract.h"
#include "text.h"

static int failures;
static pf_extractor *extractor;
static const char *inputs; /* the directory that the fuzzer starts from */

static void fail_row(const char *row, const char *what, const char *got, const char *want)
{
	print_error("row \"%s\": %s\n   got: %s\n  want: %s\n", row, what, got, want);
	failures++;
}

static void rows_done(void)
{
	int count = failures;

	failures = 0;
	assert_int_equal(count, 0);
}

static int setup(void **state)
{
	pf_err err = { 0 };

	(void)state;
	extractor = pf_extractor_new(NULL, &err);
	return extractor ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	pf_extractor_free(extractor);
	return 0;
}

/* --- syntax errors --------------------------------------------------------------------------------------------- */

#define C "class AOperator(BaseOperator):\n"
#define D C "    def execute(self, context):\n"

/* WANT is LINE:COLUMN and what follows. */
static const struct {
	const char *name, *source, *want;
} error_rows[] = {
	{ "truncated in call", D "        return f(1,\n",
	  "3:17: error: '(' is never closed, expected ')' to close the bracket" },
	{ "truncated in def", C "    def execute(self, con",
	  "2:16: error: '(' is never closed, expected ')' to close the bracket" },
	{ "truncated header", C "    def execute(self",
	  "2:16: error: '(' is never closed, expected ')' to close the bracket" },
	{ "truncated body", D,
	  "2:32: error: unexpected end of line, expected an indented block after 'def' of line 2" },
	{ "truncated string", D "        x = \"abc",
	  "3:13: error: the string is never closed, expected \" before the end of the line" },
	{ "truncated docstring", D "        \"\"\"Runs.\n\n        :param a: b\n",
	  "3:9: error: the string is never closed, expected \"\"\"" },
	{ "truncated dict", D "        x = {\n            \"a\": 1,\n            \"b\"",
	  "3:13: error: '{' is never closed, expected '}' to close the bracket" },
	{ "extra close", D "        return f(1))\n",
	  "3:20: error: unmatched ')', expected an opening bracket before it" },
	{ "wrong close", D "        return f([1)\n",
	  "3:20: error: ')' does not close the '[' of line 3, expected ']'" },
	{ "bad dedent", D "        x = 1\n      y = 2\n",
	  "4:7: error: unindent to column 7, expected that of a block around it, such as 5" },
	{ "unexpected indent", D "        x = 1\n            y = 2\n",
	  "4:13: error: unexpected indent, expected that of the line before" },
	{ "toplevel indent",
	  " import os\nclass AOperator(BaseOperator):\n    def execute(self, context):\n        pass\n",
	  "1:2: error: unexpected indent, expected that of the line before" },
	{ "no block", D "    def poke(self):\n        pass\n",
	  "3:5: error: unexpected 'def', expected an indented block after 'def' of line 2" },
	{ "no block if", D "        if x:\n        y = 1\n",
	  "4:9: error: unexpected 'y', expected an indented block after 'if' of line 3" },
	{ "colon def", C "    def execute(self, context)\n        pass\n",
	  "2:31: error: unexpected end of line, expected ':'" },
	{ "colon if", D "        if x\n            y = 1\n", "3:13: error: unexpected end of line, expected ':'" },
	{ "colon else", D "        if x:\n            y = 1\n        else\n            y = 2\n",
	  "5:13: error: unexpected end of line, expected ':'" },
	{ "colon class", "class A(BaseOperator)\n    x = 1\n", "1:22: error: unexpected end of line, expected ':'" },
	{ "colon one line", D "        if x return 1\n", "3:14: error: unexpected 'return', expected ':'" },
	{ "try alone", D "        try:\n            f()\n        x = 1\n",
	  "5:9: error: unexpected 'x', expected 'except' or 'finally' for 'try' of line 3" },
	{ "else after else",
	  D "        if x:\n            y\n        else:\n            y\n        elif z:\n            y\n",
	  "7:9: error: 'elif' belongs to no statement before it, expected 'if' or another of the same indent" },
	{ "else alone", D "        else:\n            y\n",
	  "3:9: error: 'else' belongs to no statement before it, expected 'if' or another of the same indent" },
	{ "finally alone", D "        x = 1\n        finally:\n            y\n",
	  "4:9: error: 'finally' belongs to no statement before it, expected 'try' of the same indent" },
	{ "else wrong indent", D "        if a:\n            y\n      else:\n            y\n",
	  "5:7: error: unindent to column 7, expected that of a block around it, such as 5" },
	{ "else deeper", D "        if a:\n            y\n            else:\n            y\n",
	  "5:13: error: 'else' belongs to no statement before it, expected 'if' or another of the same indent" },
	{ "missing paren later", D "        x = f((a)\n        y = 1\n\n    def g(self):\n        pass\n",
	  "3:14: error: '(' is never closed, expected ')' to close the bracket" },
	{ "elif alone", D "        elif z:\n            y\n",
	  "3:9: error: 'elif' belongs to no statement before it, expected 'if' or another of the same indent" },
	{ "except alone", D "        except X:\n            y\n",
	  "3:9: error: 'except' belongs to no statement before it, expected 'try' of the same indent" },
	{ "fence", "```python\nclass AOperator(BaseOperator):\n    def execute(self, context):\n        pass\n```\n",
	  "1:1: error: unexpected '```', expected Python without Markdown around it" },
	{ "fence end", D "        pass\n```\n",
	  "4:1: error: unexpected '```', expected Python without Markdown around it" },
	{ "prose",
	  "Here is the operator you asked for:\n\nclass AOperator(BaseOperator):\n    def execute(self, context):\n    "
	  "    pass\n",
	  "1:13: error: unexpected 'operator', expected an operator or the end of the statement" },
	{ "prose2",
	  "Sure! Here's the code:\n\nclass AOperator(BaseOperator):\n    def execute(self, context):\n        pass\n",
	  "1:5: error: unexpected '!', expected a statement or expression" },
	{ "prose after", D "        pass\n\nThis operator works by running it.\n",
	  "5:6: error: unexpected 'operator', expected an operator or the end of the statement" },
	{ "tabs", D "        x = 1\n\ty = 2\n",
	  "4:2: error: tabs and spaces are mixed, expected the blanks of the lines around" },
	{ "tabs2", "class A(BaseOperator):\n\tdef f(self):\n        pass\n",
	  "3:9: error: tabs and spaces are mixed, expected the blanks of the lines around" },
	{ "comma", D "        f(a, b c)\n", "3:15: error: missing comma, expected ',' before 'c'" },
	{ "comma lines", D "        x = {\n            \"a\": 1\n            \"b\": 2,\n        }\n",
	  "4:19: error: missing comma, expected ',' before string" },
	{ "comma list", D "        x = [\n            \"a\",\n            b\n            \"c\",\n        ]\n",
	  "5:14: error: missing comma, expected ',' before string" },
	{ "string", D "        x = 'abc\n        y = 1\n",
	  "3:13: error: the string is never closed, expected ' before the end of the line" },
	{ "apostrophe", D "        x = 'it's'\n",
	  "3:17: error: unexpected 's', expected an operator or the end of the statement" },
	{ "triple",
	  D "        \"\"\"Doc.\n        x = 1\n\n    def f(self):\n        \"\"\"Other.\"\"\"\n        pass\n",
	  "7:12: error: unexpected 'Other', expected an operator or the end of the statement" },
	{ "print", D "        print \"x\"\n",
	  "3:15: error: unexpected string, expected print(...), which is a function in Python 3" },
	{ "exec", D "        exec \"x\"\n",
	  "3:14: error: unexpected string, expected exec(...), which is a function in Python 3" },
	{ "except comma", D "        try:\n            f()\n        except X, e:\n            pass\n",
	  "5:17: error: unexpected ',', expected 'as', or parentheses around the exceptions" },
	{ "raise comma", D "        raise X, \"a\"\n",
	  "3:16: error: unexpected ',', expected one exception, such as E(\"x\")" },
	{ "<>", D "        return a <> b\n", "3:18: error: unexpected '<>', expected '!='" },
	{ "backtick", D "        return `a`\n", "3:16: error: unexpected '`', expected a statement or expression" },
	{ "octal", D "        return 0777\n",
	  "3:16: error: '0777' is no number or name, expected no zeros before it, or 0o for an octal" },
	{ "long", D "        return 10L\n", "3:16: error: '10L' is no number or name, expected a number of Python 3" },
	{ "=", D "        if x = 1:\n            pass\n",
	  "3:14: error: unexpected '=', expected '==' to compare, or a name or attribute to assign to" },
	{ "assign literal", D "        1 = x\n",
	  "3:11: error: unexpected '=', expected '==' to compare, or a name or attribute to assign to" },
	{ "assign call", D "        f() = x\n",
	  "3:13: error: unexpected '=', expected '==' to compare, or a name or attribute to assign to" },
	{ "end of line op", D "        x = 1 +\n        y = 2\n",
	  "3:16: error: unexpected end of line, expected an expression" },
	{ "end of line =", D "        x =\n        y = 2\n",
	  "3:12: error: unexpected end of line, expected an expression" },
	{ "keyword name", D "        class = 1\n", "3:15: error: unexpected '=', expected a name" },
	{ "keyword arg", D "        f(from=1)\n", "3:11: error: unexpected 'from', expected an expression" },
	{ "keyword attr", D "        self.import = 1\n", "3:14: error: unexpected 'import', expected a name" },
	{ "smart quotes", D "        x = \342\200\234abc\342\200\235\n",
	  "3:13: error: unexpected character '\342\200\234' (U+201C), expected a plain \"" },
	{ "nbsp", D "        x\302\240= 1\n", "3:10: error: unexpected character U+00A0, expected a blank" },
	{ "ellipsis", D "        x = 1\n        \342\200\246\n",
	  "4:9: error: unexpected character '\342\200\246' (U+2026), expected a statement or expression" },
	{ "arrow", "class A(BaseOperator):\n    def f(self) \342\206\222 int:\n        pass\n",
	  "2:17: error: unexpected character '\342\206\222' (U+2192), expected a statement or expression" },
	{ "return out", C "    x = 1\nreturn x\n",
	  "3:1: error: 'return' outside of a function, expected it within one" },
	{ "return class", C "    return x\n", "2:5: error: 'return' outside of a function, expected it within one" },
	{ "break", D "        break\n", "3:9: error: 'break' outside of a loop, expected it within one" },
	{ "await", D "        await f()\n",
	  "3:9: error: 'await' outside of an async function, expected 'async def' around it" },
	{ "dup arg", C "    def execute(self, a, a):\n        pass\n",
	  "2:26: error: parameter 'a' is there twice, expected another name" },
	{ "default", C "    def execute(self, a=1, b):\n        pass\n",
	  "2:28: error: a parameter without a default after one that has it, expected a default" },
	{ "pos", D "        f(a=1, b)\n",
	  "3:16: error: a positional argument after a keyword argument, expected it before" },
	{ "kwdup", D "        f(a=1, a=2)\n",
	  "3:16: error: keyword argument 'a' is there twice, expected another name" },
	{ "decorator", C "    @\n    def f(self):\n        pass\n",
	  "2:6: error: unexpected end of line, expected an expression" },
	{ "decorator no def", C "    @x\n    y = 1\n", "3:5: error: unexpected 'y', expected a statement" },
	{ "unclosed paren if", D "        if (a and b:\n            pass\n",
	  "3:12: error: '(' is never closed, expected ')' to close the bracket" },
	{ "unclosed in def", C "    def execute(self, a=f(1):\n        pass\n",
	  "2:16: error: '(' is never closed, expected ')' to close the bracket" },
	{ "f-string", D "        return f\"{a\"\n",
	  "3:17: error: the string is never closed, expected \" before the end of the line" },
	{ "f-string empty", D "        return f\"{}\"\n",
	  "3:19: error: unexpected '}', expected an expression in the string's braces" },
	{ "f-string bad", D "        return f\"{a b}\"\n",
	  "3:21: error: unexpected 'b', expected an expression in the string's braces" },
	{ "backslash", D "        x = a + \\ \n            b\n",
	  "3:17: error: unexpected '\\', expected it at the end of a line" },
	{ "?", D "        return a ? b : c\n", "3:18: error: unexpected '?', expected a statement or expression" },
	{ "++", D "        a++\n", "3:12: error: unexpected end of line, expected an expression" },
	{ "&&", D "        return a && b\n", "3:19: error: unexpected '&', expected an expression" },
	{ "!", D "        if !a:\n            pass\n",
	  "3:12: error: unexpected '!', expected a statement or expression" },
	{ "null", D "        return x;;\n", "3:18: error: unexpected ';', expected an expression" },
	{ "def brace", "class A(BaseOperator) {\n    def f(self) {\n    }\n}\n",
	  "1:23: error: unexpected '{', expected ':'" },
	{ "diff", "--- a\n+++ b\n@@ -1,2 +1,2 @@\n+class A(BaseOperator):\n+    pass\n",
	  "3:2: error: unexpected '@', expected an expression" },
	{ "conflict", D "<<<<<<< HEAD\n        x = 1\n=======\n        x = 2\n>>>>>>> b\n",
	  "3:1: error: unexpected '<<', expected an indented block after 'def' of line 2" },
	{ "placeholder", D "        ...\n        <your code here>\n",
	  "4:9: error: unexpected '<', expected a statement" },
	{ "dots", "from x import ...\nclass AOperator(BaseOperator):\n    def execute(self, context):\n        pass\n",
	  "1:15: error: unexpected '...', expected a name" },
	{ "jinja2", D "        x = {% if a %}\n", "3:14: error: unexpected '%', expected an expression" },
	{ "lambda", D "        x = lambda a: return a\n",
	  "3:30: error: unexpected 'a', expected an operator or the end of the statement" },
	{ "else if", D "        if a:\n            pass\n        else if b:\n            pass\n",
	  "5:14: error: unexpected 'if', expected ':'" },
	{ "from future",
	  "import os\nfrom __future__ import annotations\nclass AOperator(BaseOperator):\n    def execute(self, "
	  "context):\n        pass\n",
	  "2:1: error: 'from __future__' after other statements, expected it before them" },
	{ "unicode escape", D "        x = 'C:\\Users'\n",
	  "3:16: error: '\\U' without its 8 hexadecimal digits, expected them, or the string to be raw" },
	{ "zero width space", "class AHook(BaseHook):\n    x =\342\200\213 1\n",
	  "2:8: error: unexpected character U+200B, expected a blank" },
	{ "second byte order mark", "\357\273\277\357\273\277class AHook(BaseHook):\n    x = 1\n",
	  "1:1: error: unexpected character U+FEFF, expected it at the start of the file only" },
	{ "string over lines", "class AHook(BaseHook):\n    x = 'a\n    y = 'b\n",
	  "2:9: error: the string is never closed, expected ' before the end of the line" },
	{ "as", D "        x = 1 as y\n",
	  "3:15: error: unexpected 'as', expected an operator or the end of the statement" },
	{ "ur", D "        x = ur'a'\n", "3:13: error: 'ur' before a string, expected 'r' or 'u'" },
	{ "walrus statement", D "        x := 1\n",
	  "3:9: error: ':=' as a statement, expected '=', or parentheses around it" },
	{ "bare star", "class AHook(BaseHook):\n    def f(self, *):\n        pass\n",
	  "2:17: error: '*' with no parameter after it, expected a name" },
	{ "two stars", "class AHook(BaseHook):\n    def f(self, *a, *b):\n        pass\n",
	  "2:21: error: a second '*' parameter, expected one" },
	{ "after double star", "class AHook(BaseHook):\n    def f(self, **a, b):\n        pass\n",
	  "2:22: error: a parameter after '**', expected it to be the last" },
	{ "tuple parameter", "class AHook(BaseHook):\n    def f(self, (a, b)):\n        pass\n",
	  "2:17: error: unexpected '(', expected a name" },
	{ "import comma",
	  "from a import b,\nclass AOperator(BaseOperator):\n    def execute(self, context):\n        pass\n",
	  "1:16: error: a comma at the end, expected a name, or parentheses around the names" },
	{ "import newline",
	  "from a import\nclass AOperator(BaseOperator):\n    def execute(self, context):\n        pass\n",
	  "1:14: error: unexpected end of line, expected a name" },
	{ "yield class", "class AHook(BaseHook):\n    x = yield\n",
	  "2:9: error: 'yield' outside of a function, expected it within one" },
	{ "break in a function in a loop", D "        for a in b:\n            def f():\n                break\n",
	  "5:17: error: 'break' outside of a loop, expected it within one" },
	{ "continue", D "        continue\n", "3:9: error: 'continue' outside of a loop, expected it within one" },
	{ "else if", D "        if a:\n            pass\n        else if b:\n            pass\n",
	  "5:14: error: unexpected 'if', expected ':'" },
	{ "indent of another statement", "class AHook(BaseHook):\n    def f(self):\n        pass\n     x = 1\n",
	  "4:6: error: unindent to column 6, expected that of a block around it, such as 5" },
	{ "after a comment", "class AHook(BaseHook):\n    x = 1  # (\n    y = 2)\n",
	  "3:10: error: unmatched ')', expected an opening bracket before it" },
	{ "nested brackets", "class AHook(BaseHook):\n    x = {\n        \"a\": [1, (2, 3],\n    }\n",
	  "3:23: error: ']' does not close the '(' of line 3, expected ')'" },
	{ "while true", "class AHook(BaseHook):\n    def f(self):\n        while True\n            pass\n",
	  "3:19: error: unexpected end of line, expected ':'" },
	{ "with", "class AHook(BaseHook):\n    def f(self):\n        with open(a) as f\n            pass\n",
	  "3:26: error: unexpected end of line, expected ':'" },
	{ "lambda default", "class AHook(BaseHook):\n    x = lambda a=1, b: 1\n",
	  "2:21: error: a parameter without a default after one that has it, expected a default" },
	{ "async missing def", "class AHook(BaseHook):\n    async f(self):\n        pass\n",
	  "2:11: error: unexpected 'f', expected 'def', 'for' or 'with'" },
	{ "def missing", "class AHook(BaseHook):\n    f(self):\n        pass\n",
	  "2:12: error: unexpected ':', expected an operator or the end of the statement" },
	{ "double equals default", "class AHook(BaseHook):\n    def f(self, a==1):\n        pass\n",
	  "2:18: error: unexpected '==', expected ',' or ')'" },
	{ "semicolon first", "; class AHook(BaseHook):\n    pass\n",
	  "1:1: error: unexpected ';', expected a statement" },
	{ "arrow missing", "class AHook(BaseHook):\n    def f(self) - > int:\n        pass\n",
	  "2:17: error: unexpected '-', expected ':'" },
	{ "f-string spec", D "        return f\"{a:{b\"\n",
	  "3:17: error: the string is never closed, expected \" before the end of the line" },
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof error_rows / sizeof *error_rows; i++) {
		const char *source = error_rows[i].source;
		pf_module *module = NULL;
		pf_err err = { 0 };
		char want[512];
		int rc = pf_extract(extractor, "a/x.py", source, strlen(source), &module, &err);

		snprintf(want, sizeof want, "x.py:%s", error_rows[i].want);
		if (rc != -EINVAL || module || strcmp(err.why, want) != 0)
			fail_row(error_rows[i].name, rc ? "message" : "accepted", err.why, want);
		pf_module_free(module);
	}
	rows_done();
}

/* --- syntax ---------------------------------------------------------------------------------------------------- */

#define INIT "class A(BaseOperator):\n    def __init__(self, a, **kwargs):\n        "
#define RUN  "class A(BaseOperator):\n    def execute(self, context):\n        "

/* PATH is of keys and indexes below the record, or `=` and a unit, whose last template counts. WANT is compact JSON. */
static const struct {
	const char *name, *source, *path, *want;
} syntax_rows[] = {
	{ "match captures bind",
	  INIT "match a:\n            case [x, *rest] | {\"k\": x, **rest}:\n                self.x = f(x, rest)\n",
	  "=init_statement", "\"match $1:\\n    case [$2, * $3] | {$str: $2, ** $3}:\\n        self.$4 = f($2, $3)\"" },
	{ "match class and as",
	  INIT "match a:\n            case Point(x=0, y=b) as p if p:\n                self.x = f(b, p)\n",
	  "=init_statement",
	  "\"match $1:\\n    case Point (x = $num, y = $2) as $3 if $3:\\n        self.$4 = f($2, $3)\"" },
	{ "match value not bound",
	  INIT "match a:\n            case Color.RED | None:\n                self.x = f(Color)\n            case _:\n "
	       "               pass\n",
	  "=init_statement",
	  "\"match $1:\\n    case Color.RED | None:\\n        self.$2 = f(Color)\\n    case _:\\n        pass\"" },
	{ "walrus statement", INIT "(n := len(a))\n", "=init_statement", "\"$1 := len($2)\"" },
	{ "walrus", INIT "if (n := len(a)) > 1:\n            self.x = n\n", "=init_statement",
	  "\"if ($1 := len($2)) > $num:\\n    self.$3 = $1\"" },
	{ "posonly", "class A(BaseOperator):\n    def __init__(self, a, /, b=1, *c, d, **e):\n        pass\n",
	  "parameter_ordering.parameters",
	  "[{\"name\":\"a\",\"kind\":\"positional_only\",\"annotation\":null,\"default\":null,\"required\":true},{"
	  "\"name\":\"b\",\"kind\":\"positional\",\"annotation\":null,\"default\":\"1\",\"required\":false},{\"name\":"
	  "\"c\",\"kind\":\"var_positional\",\"annotation\":null,\"default\":null,\"required\":false},{\"name\":\"d\","
	  "\"kind\":\"keyword_only\",\"annotation\":null,\"default\":null,\"required\":true},{\"name\":\"e\",\"kind\":"
	  "\"var_keyword\",\"annotation\":null,\"default\":null,\"required\":false}]" },
	{ "kwonly", "class A(BaseOperator):\n    def __init__(self, a, *, b: int = 1):\n        pass\n",
	  "parameter_ordering.keyword_only", "true" },
	{ "except*", RUN "try:\n            f()\n        except* (KeyError, b.C) as e:\n            raise\n",
	  "error_handling.try_blocks.0.handlers.0.exceptions", "[\"KeyError\",\"b.C\"]" },
	{ "class params",
	  "class A[T: int, *Ts, **P](BaseOperator):\n    def execute[U](self, context: U) -> T:\n        return "
	  "context[\"ti\"]\n",
	  "structural.class_definition", "\"class A[T: int, *Ts, **P](BaseOperator):\"" },
	{ "class params",
	  "class A[T: int, *Ts, **P](BaseOperator):\n    def execute[U](self, context: U) -> T:\n        return "
	  "context[\"ti\"]\n",
	  "execution.returns", "[\"context[\\\"ti\\\"]\"]" },
	{ "type alias",
	  "type X[T] = list[T]\nclass A(BaseOperator):\n    type Y = int\n    def execute(self, context):\n        "
	  "return 1\n",
	  "structural.methods", "[\"execute\"]" },
	{ "fstring nested same", RUN "self.log.info(f\"{context[\"ti\"]}\")\n", "logging.calls.0.message",
	  "\"f\\\"{context[\\\"ti\\\"]}\\\"\"" },
	{ "fstring =", RUN "self.log.info(f\"{context=!r:>{10}} {{}}\")\n", "logging.calls.0.message",
	  "\"f\\\"{context=!r:>{10}} {{}}\\\"\"" },
	{ "fstring nested", RUN "raise X(f'{f\"{f'''{a}'''}\"}')\n", "error_handling.raises.0.message",
	  "\"f'{f\\\"{f'''{a}'''}\\\"}'\"" },
	{ "fstring multiline", RUN "self.log.info(f\"{\n            context\n        }\")\n", "logging.calls.0.format",
	  "\"fstring\"" },
	{ "paren with", RUN "with (open(a) as b, c() as d,):\n            return b, d\n", "execution.returns",
	  "[\"b, d\"]" },
	{ "async",
	  "class ATrigger(BaseTrigger):\n    async def run(self):\n        async with a as b, c:\n            async "
	  "for x in b:\n                yield TriggerEvent(x)\n",
	  "execution.main_method", "\"run\"" },
	{ "decorators", "@(lambda f: f)\n@a[0].b(c)\n@x if y else z\nclass A(BaseOperator):\n    x = 1\n",
	  "structural.decorators", "[\"lambda f: f\",\"a[0].b(c)\",\"x if y else z\"]" },
	{ "star annotation", "class A(BaseOperator):\n    def __init__(self, *args: *Ts):\n        pass\n",
	  "parameter_ordering.parameters.0.annotation", "\"*Ts\"" },
	{ "unicode",
	  "class Caf\303\251Operator(BaseOperator):\n    def __init__(self, \345\244\211\346\225\260):\n        "
	  "self.\345\244\211\346\225\260 = \345\244\211\346\225\260 or 1\n",
	  "structural.class_name", "\"Caf\303\251Operator\"" },
	{ "unicode",
	  "class Caf\303\251Operator(BaseOperator):\n    def __init__(self, \345\244\211\346\225\260):\n        "
	  "self.\345\244\211\346\225\260 = \345\244\211\346\225\260 or 1\n",
	  "initialization.assignments",
	  "[{\"attribute\":\"\345\244\211\346\225\260\",\"value\":\"\345\244\211\346\225\260 or 1\"}]" },
	{ "continuation", "from a import b, \\\n    c\nclass A(BaseOperator): \\\n    x = 1\n",
	  "import.import_items.1.name", "\"c\"" },
	{ "print name",
	  RUN "print = self.log.info\n        print >> context, 1\n        print(\"a\")\n        return print\n",
	  "execution.returns", "[\"print\"]" },
	{ "soft names",
	  "match = case = type = _ = None\nclass A(BaseOperator):\n    def execute(self, match, case=1, type=2):\n     "
	  "   match[case] = type(match)\n        match(case)\n        match, case = type\n        type.x = 1\n        "
	  "return _\n",
	  "execution.returns", "[\"_\"]" },
	{ "lambda defaults", INIT "self.x = lambda b=a, *c, d=1, **e: b or d\n", "=init_statement",
	  "\"self.$1 = lambda $2=$3, *$4, $5=$num, **$6: $2 or $5\"" },
	{ "star index", RUN "return *context, a[*b], a[1:2, ...]\n", "execution.returns",
	  "[\"*context, a[*b], a[1:2, ...]\"]" },
	{ "global nonlocal",
	  INIT "global g\n        g = a\n        def f():\n            nonlocal a\n            a = 1\n        self.x = "
	       "f or g\n",
	  "=init_statement", "\"self.$1 = $2 or g\"" },
	{ "future", "\"\"\"Doc.\"\"\"\nfrom __future__ import annotations\nclass A(BaseOperator):\n    x = 1\n",
	  "import.import_items.0.module", "\"__future__\"" },
	{ "latin cookie", "# -*- coding: latin-1 -*-\nclass A(BaseOperator):\n    x = \"\303\251\"\n",
	  "structural.class_attributes", "[\"x\"]" },
	{ "form feed",
	  "import a\n\014\nclass A(BaseOperator):\n    x = 1\n\014\n    def execute(self, context):\n        return "
	  "1\n",
	  "execution.returns", "[\"1\"]" },
	{ "lone cr",
	  "import a\015class A(BaseOperator):\015    x = 1\015    def execute(self, context):\015        return 1\015",
	  "execution.returns", "[\"1\"]" },
	{ "tabs", "class A(BaseOperator):\n\tx = 1\n\tdef execute(self, context):\n\t\treturn 1\n", "execution.returns",
	  "[\"1\"]" },
	{ "one-line class", "class A(BaseOperator): x = 1; y = 2\n", "structural.class_attributes", "[\"x\",\"y\"]" },
	{ "semicolons", "class A(BaseOperator):\n    x = 1; template_fields = (\"a\",);\n", "template_fields.fields",
	  "[\"a\"]" },
	{ "nested class",
	  "class A(BaseOperator):\n    class B:\n        def execute(self): pass\n    def poke(self, context): return "
	  "1\n",
	  "structural.methods", "[\"poke\"]" },
	{ "numbers",
	  "class A(BaseOperator):\n    def __init__(self):\n        self.x = f(1_000, 0xFF_FF, 0o17, 0b1, 1.5e-3, .5, "
	  "5., 1j, 00)\n",
	  "=init_statement", "\"self.$1 = f($num, $num, $num, $num, $num, $num, $num, $num, $num)\"" },
	{ "conditional expr", RUN "return 1if context else 2\n", "execution.returns", "[\"1if context else 2\"]" },
	{ "yield from",
	  "class AHook(BaseHook):\n    def get(self):\n        x = yield\n        return (yield from x)\n",
	  "structural.methods", "[\"get\"]" },
	{ "dict set comp", INIT "self.x = {**a, \"b\": 1} | {*a, 2} | {k: v for k, v in a if k} | {*()}\n",
	  "=init_statement",
	  "\"self.$1 = {**$2, $str: $num} | {*$2, $num} | {$3: $4 for $3, $4 in $2 if $3} | {*()}\"" },
	{ "matmul", INIT "self.x = a @ a; a @= 1; a //= 2; a **= 3; a >>= 1\n", "=init_statement", "\"$1 >>= $num\"" },
	{ "try else finally",
	  RUN "try:\n            f()\n        except (A, B):\n            pass\n        else:\n            pass\n      "
	      "  finally:\n            pass\n",
	  "error_handling.try_blocks.0.has_finally", "true" },
	{ "for else",
	  RUN "for i, *j in context:\n            break\n        else:\n            return 1\n        while True:\n    "
	      "        continue\n",
	  "execution.returns", "[\"1\"]" },
	{ "del assert", RUN "del context[0], (a, b)\n        assert context, \"x\"\n", "structural.methods",
	  "[\"execute\"]" },
	{ "comments odd", "class A(BaseOperator):\n  # less\n        # more\n    x = 1\n# none\n    y = 2\n",
	  "structural.class_attributes", "[\"x\",\"y\"]" },
	{ "if comment else",
	  RUN "if a:\n            pass\n        # c\n        else:\n            pass\n    # d\n        return 1\n",
	  "execution.returns", "[\"1\"]" },
	{ "raise from", RUN "raise X(\"a\") from None\n", "error_handling.raises.0.exception", "\"X\"" },
	{ "ann only", "class A(BaseOperator):\n    x: int\n    y: \"str\" = 1\n    (z): int = 2\n",
	  "structural.class_attributes", "[\"x\",\"y\"]" },
	{ "async comp",
	  "class AHook(BaseHook):\n    async def f(self):\n        return [x async for x in y], (await z), {await q "
	  "async for q in r}\n",
	  "structural.methods", "[\"f\"]" },
	{ "await genexp", "class AHook(BaseHook):\n    def f(self):\n        return (await x for x in y)\n",
	  "structural.methods", "[\"f\"]" },
	{ "with parens expr",
	  RUN "with (a, b): pass\n        with (a): pass\n        with (yield): pass\n        with a as (b, c): pass\n",
	  "structural.methods", "[\"execute\"]" },
	{ "return type", "class A(BaseOperator):\n    def execute(self, context) -> dict[str, list[int]] | None: ...\n",
	  "structural.methods", "[\"execute\"]" },
	{ "ellipsis body", "class A(BaseOperator): ...\n", "structural.class_name", "\"A\"" },
	{ "bare starred assign", RUN "a, *b = *context, 1\n        for x in *a, *b: pass\n        return a\n",
	  "execution.returns", "[\"a\"]" },
	{ "generic call", RUN "return f[int](context)(1)[2].x\n", "execution.returns",
	  "[\"f[int](context)(1)[2].x\"]" },
	{ "if-else in slices", RUN "return a[1 if b else 2:], a[::], a[b:c, d]\n", "execution.returns",
	  "[\"a[1 if b else 2:], a[::], a[b:c, d]\"]" },
	{ "a byte order mark", "\357\273\277class A(BaseOperator):\n    x = 1\n", "structural.class_attributes",
	  "[\"x\"]" },
	{ "f-strings in brackets", RUN "return f(f\"{a[1]:>{b}}\" f\"{{{c}}}\", f'{d[\"e\"]}', rf\"\\d{e}\")\n",
	  "execution.returns",
	  "[\"f(f\\\"{a[1]:>{b}}\\\" f\\\"{{{c}}}\\\", f'{d[\\\"e\\\"]}', rf\\\"\\\\d{e}\\\")\"]" },
	{ "a name after a dot on the next line", RUN "return (context.\n            x.\n            y())\n",
	  "execution.returns", "[\"context. x. y()\"]" },
	{ "a string joined by a backslash", RUN "return \"a\" \\\n    \"b\"\n", "execution.returns",
	  "[\"\\\"a\\\" \\\"b\\\"\"]" },
	{ "a comment that ends in a backslash", RUN "x = 1  # \\\n        return 2\n", "execution.returns", "[\"2\"]" },
	{ "less indent in brackets", RUN "return f(\n  1,\n2)\n", "execution.returns", "[\"f( 1, 2)\"]" },
	{ "a generator that awaits", RUN "return f(await x for x in y)\n", "execution.returns",
	  "[\"f(await x for x in y)\"]" },
};

static const cJSON *follow(const cJSON *json, const char *path)
{
	char part[64];

	while (json && *path) {
		size_t len = strcspn(path, ".");

		snprintf(part, sizeof part, "%.*s", (int)len, path);
		json = cJSON_IsArray(json) ? cJSON_GetArrayItem(json, atoi(part)) : cJSON_GetObjectItem(json, part);
		path += len + (path[len] == '.');
	}
	return json;
}

/* The template of the component's last pattern of that name, as JSON; NULL where there is none. */
static char *last_template(const pf_component *component, const char *unit)
{
	char *template = NULL;

	for (size_t i = component->pattern_count; i-- > 0 && !template;) {
		pf_text document = { 0 };
		cJSON *json;

		if (strcmp(component->patterns[i].name, unit) != 0)
			continue;
		pf_text_printf(&document, "{%s}", component->patterns[i].data);
		json = cJSON_Parse(document.bytes);
		template = cJSON_PrintUnformatted(cJSON_GetObjectItem(json, "template"));
		cJSON_Delete(json);
		pf_text_free(&document);
	}
	return template;
}

static char *found_at(const pf_component *component, const char *path)
{
	cJSON *record;
	char *found;

	if (*path == '=')
		return last_template(component, path + 1);
	record = cJSON_Parse(component->record);
	found = cJSON_PrintUnformatted(follow(record, path));
	cJSON_Delete(record);
	return found;
}

static void test_syntax(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof syntax_rows / sizeof *syntax_rows; i++) {
		const char *source = syntax_rows[i].source;
		pf_module *module = NULL;
		pf_err err = { 0 };
		char *got;

		if (pf_extract(extractor, "x.py", source, strlen(source), &module, &err) < 0) {
			fail_row(syntax_rows[i].name, "refused", err.why, "accepted");
			continue;
		}
		got = found_at(&module->components[0], syntax_rows[i].path);
		if (!got || strcmp(got, syntax_rows[i].want) != 0)
			fail_row(syntax_rows[i].name, syntax_rows[i].path, got ? got : "(nothing)",
				 syntax_rows[i].want);
		free(got);
		pf_module_free(module);
	}
	rows_done();
}

/* --- bytes ----------------------------------------------------------------------------------------------------- */

#define BYTES(text) text, sizeof(text) - 1

static void test_bytes(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t len;
		int code;
		const char *why;
	} rows[] = {
		{ "UTF-16", BYTES("\377\376c\0l\0"), EILSEQ, "x.py: error: the file is UTF-16, expected UTF-8" },
		{ "UTF-16, the other order", BYTES("\376\377\0c\0l"), EILSEQ,
		  "x.py: error: the file is UTF-16, expected UTF-8" },
		{ "latin-1 that is declared", BYTES("# -*- coding: latin-1 -*-\nx = '\351'\n"), EILSEQ,
		  "x.py:2: error: byte 0xe9 is not UTF-8, expected UTF-8" },
		{ "a surrogate", BYTES("x = '\355\240\200'\n"), EILSEQ,
		  "x.py:1: error: byte 0xed is not UTF-8, expected UTF-8" },
		{ "an overlong NUL", BYTES("x = '\300\200'\n"), EILSEQ,
		  "x.py:1: error: byte 0xc0 is not UTF-8, expected UTF-8" },
		{ "past the last character", BYTES("x = '\364\220\200\200'\n"), EILSEQ,
		  "x.py:1: error: byte 0xf4 is not UTF-8, expected UTF-8" },
		{ "a cut character", BYTES("x = '\342\202"), EILSEQ,
		  "x.py:1: error: byte 0xe2 is not UTF-8, expected UTF-8" },
		{ "NUL in a comment", BYTES("# \0\n"), EINVAL, "x.py:1: error: NUL byte, expected Python source" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		pf_module *module = NULL;
		pf_err err = { 0 };
		int rc = pf_extract(extractor, "x.py", rows[i].bytes, rows[i].len, &module, &err);

		if (rc != -rows[i].code || module || strcmp(err.why, rows[i].why) != 0)
			fail_row(rows[i].name, "message", err.why, rows[i].why);
		pf_module_free(module);
	}
	rows_done();
}

/* --- hostile input --------------------------------------------------------------------------------------------- */

/* Sanitizers make code many times slower: there, only the answer counts. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TIMED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TIMED 0
#endif
#endif
#ifndef TIMED
#define TIMED 1
#endif

static double processor_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void repeat(pf_text *text, const char *part, int times)
{
	while (times-- > 0)
		pf_text_puts(text, part);
}

/* PART for each of 0 to TIMES, with its number for each `#`. */
static void count_up(pf_text *text, const char *part, int times)
{
	for (int i = 0; i < times; i++) {
		for (const char *at = part; *at;) {
			size_t len = strcspn(at, "#");

			pf_text_add(text, at, len);
			at += len;
			if (*at++ == '#')
				pf_text_printf(text, "%d", i);
			else
				break;
		}
	}
}

/* Blocks in blocks, each indented by one more. */
static void stairs(pf_text *text, const char *head, int times)
{
	for (int i = 1; i <= times; i++) {
		repeat(text, " ", i);
		pf_text_puts(text, head);
	}
	repeat(text, " ", times + 1);
	pf_text_puts(text, "pass\n");
}

struct hostile {
	const char *name;
	const char *before, *open, *middle, *close, *after;
	int times;
	void (*write)(pf_text *text, const char *part, int times);
	int code; /* 0: accepted */
};

static const struct hostile hostile_rows[] = {
	{ "parentheses", INIT "self.x = ", "(", "a", ")", "\n", 5000, repeat, 0 },
	{ "braces", INIT "self.x = ", "{", "a", "}", "\n", 5000, repeat, 0 },
	{ "brackets", INIT "self.x = ", "[", "a", "]", "\n", 5000, repeat, 0 },
	{ "minus", INIT "self.x = ", "-", "a", "", "\n", 5000, repeat, 0 },
	{ "not", INIT "self.x = ", "not ", "a", "", "\n", 5000, repeat, 0 },
	{ "attributes", INIT "self.x = a", ".b", "", "", "\n", 5000, repeat, 0 },
	{ "sums", INIT "self.x = a", " + a", "", "", "\n", 5000, repeat, 0 },
	{ "powers", INIT "self.x = a", " ** a", "", "", "\n", 5000, repeat, 0 },
	{ "comparisons", INIT "self.x = a", " < a", "", "", "\n", 5000, repeat, 0 },
	{ "lambdas", INIT "self.x = ", "lambda b: ", "a", "", "\n", 5000, repeat, 0 },
	{ "conditionals", INIT "self.x = ", "a if b else ", "a", "", "\n", 5000, repeat, 0 },
	{ "f-strings", INIT "self.x = ", "f'{", "a", "}'", "\n", 200, repeat, 0 },
	{ "too many f-strings", INIT "self.x = ", "f'{", "a", "}'", "\n", 5000, repeat, EINVAL },
	{ "functions", C, "def f():\n", "", "", "", 90, stairs, 0 },
	{ "classes in classes", C, "class AHook(BaseHook):\n", "", "", "", 90, stairs, 0 },
	{ "too many functions", C, "def f():\n", "", "", "", 1000, stairs, EINVAL },
	{ "a line", INIT "self.x = ", "a + ", "a", "", "\n", 1 << 16, repeat, 0 },
	{ "a string", C "    x = '", "y", "", "", "'\n", (4 << 20) - 64, repeat, 0 },
	{ "names", INIT, "n", " = 1\n", "", "", 100000, repeat, 0 },
	{ "a number", C "    x = ", "9", "", "", "\n", 100000, repeat, 0 },
	{ "a number with underscores", C "    x = 9", "_9", "", "", "\n", 100000, repeat, 0 },
	{ "one class, many times", "", "class AHook(BaseHook): x = 1\n", "", "", "", 20000, repeat, 0 },
	{ "classes", "", "class A#Hook: pass\n", "", "", "", 10000, count_up, 0 },
	{ "bases below", "", "class A#(A#0): pass\n", C "    x = 1\n", "", "", 10000, count_up, 0 },
	{ "imports", "", "import m#\n", C "    x = 1\n", "", "", 20000, count_up, 0 },
	{ "parameters", C "    def f(self", ", a#", "): pass\n", "", "", 20000, count_up, 0 },
	{ "arguments", INIT "self.x = f(", "a#=1, ", ")\n", "", "", 20000, count_up, 0 },
	{ "cases", RUN "match a:\n", "            case {'a': b}: pass\n", "", "", "", 5000, repeat, 0 },
	{ "imports from the future", "", "from __future__ import annotations\n", C "    x = 1\n", "", "", 10000, repeat,
	  0 },
	{ "breaks", RUN "while a:\n", "            break\n", "", "", "", 20000, repeat, 0 },
	{ "unclosed", INIT "self.x = ", "(\n", "", "", "\n", 5000, repeat, EINVAL },
	{ "unmatched", INIT "self.x = ", ")", "", "", "\n", 5000, repeat, EINVAL },
	{ "errors", C, "    a b\n", "", "", "", 10000, repeat, EINVAL },
	{ "open strings", C, "    x = '\n", "", "", "", 10000, repeat, EINVAL },
	{ "an open string of lines", C "    x = \"\"\"", "\n", "", "", "", 100000, repeat, EINVAL },
};

static void test_hostile_row(const struct hostile *row)
{
	pf_text source = { 0 };
	pf_module *module = NULL;
	pf_err err = { 0 };
	char got[64];
	double seconds;
	int rc;

	pf_text_puts(&source, row->before);
	row->write(&source, row->open, row->times);
	pf_text_puts(&source, row->middle);
	repeat(&source, row->close, row->times);
	pf_text_puts(&source, row->after);
	seconds = processor_seconds();
	rc = pf_extract(extractor, "x.py", source.bytes, source.len, &module, &err);
	seconds = processor_seconds() - seconds;
	snprintf(got, sizeof got, "%.2f s", seconds);
	if (TIMED && seconds > 1)
		fail_row(row->name, "time", got, "at most a second");
	if (rc != -row->code && (TIMED || rc != -ETIMEDOUT))
		fail_row(row->name, "answer", rc ? err.why : "accepted", row->code ? "refused" : "accepted");
	pf_module_free(module);
	pf_text_free(&source);
}

static void test_hostile(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof hostile_rows / sizeof *hostile_rows; i++)
		test_hostile_row(&hostile_rows[i]);
	rows_done();
}

/* Each component repeats the module's imports: many of both would yield their product. */
static void test_output_limit(void **state)
{
	pf_extract_limits limits = { .max_source = 100000, .timeout_ms = 60000 };
	pf_err err = { 0 };
	pf_module *module = NULL;
	pf_extractor *small = pf_extractor_new(&limits, &err);
	pf_text source = { 0 };

	(void)state;
	assert_non_null(small);
	count_up(&source, "import m#\n", 1000);
	count_up(&source, "class A#Hook(BaseHook): pass\n", 1000);
	assert_int_equal(pf_extract(small, "x.py", source.bytes, source.len, &module, &err), -EFBIG);
	assert_string_equal(err.why, "x.py: error: yields over 3200000 bytes, expected fewer components");
	assert_null(module);
	pf_text_free(&source);
	pf_extractor_free(small);
}

/* --- what the fuzzer reads ------------------------------------------------------------------------------------- */

static void replay(const char *path)
{
	FILE *file = fopen(path, "rb");
	pf_text source = { 0 };
	pf_module *module = NULL;
	pf_err err = { 0 };
	char buffer[4096];
	size_t len;
	int rc;

	if (!file) {
		fail_row(path, "open", strerror(errno), "a file");
		return;
	}
	while ((len = fread(buffer, 1, sizeof buffer, file)) > 0)
		pf_text_add(&source, buffer, len);
	fclose(file);
	rc = pf_extract(extractor, path, source.len ? source.bytes : "", source.len, &module, &err);
	if (rc == 0 ? !module || !module->component_count : module || err.code != -rc || !*err.why)
		fail_row(path, "answer", err.why, "components or a reason");
	pf_module_free(module);
	pf_text_free(&source);
}

static void test_inputs(void **state)
{
	DIR *directory = inputs ? opendir(inputs) : NULL;
	int count = 0;

	(void)state;
	assert_non_null(directory);
	for (const struct dirent *entry; (entry = readdir(directory));) {
		pf_text path = { 0 };

		if (entry->d_name[0] == '.')
			continue;
		pf_text_printf(&path, "%s/%s", inputs, entry->d_name);
		replay(path.bytes);
		pf_text_free(&path);
		count++;
	}
	closedir(directory);
	assert_true(count > 0);
	rows_done();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),	cmocka_unit_test(test_syntax),	     cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_output_limit), cmocka_unit_test(test_inputs),
	};

	inputs = argc > 1 ? argv[1] : NULL;
	return cmocka_run_group_tests(tests, setup, teardown);
}
