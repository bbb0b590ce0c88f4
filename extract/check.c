#include "check.h"
#include "lex.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* More names than these are not compared with one another: that takes the square of their number. */
enum { TAB = 8, COMPARED = 256, SHOWN = 40 };

struct check {
	const struct tree *tree;
	struct fault fault;
	uint32_t function, loop; /* the innermost around the node, NONE where there is none */
	uint32_t depth;		 /* of brackets */
	uint32_t end;		 /* of the last token */
	bool fresh;		 /* a line has ended since */
	bool begun;		 /* the module has a statement */
	bool future_over;	 /* and one after which no import from __future__ may come */
};

static void found(struct check *check, uint32_t at)
{
	if (at < check->fault.at) {
		check->fault.at = at;
		*check->fault.why = '\0';
	}
}

__attribute__((format(printf, 3, 4))) static void found_why(struct check *check, uint32_t n, const char *fmt, ...)
{
	uint32_t at = check->tree->nodes[n].start;
	va_list args;

	if (at >= check->fault.at)
		return;
	check->fault.at = at;
	va_start(args, fmt);
	vsnprintf(check->fault.why, sizeof check->fault.why, fmt, args);
	va_end(args);
}

static int cut(slice text)
{
	return (int)(text.len < SHOWN ? text.len : SHOWN);
}

/* --- layout ---------------------------------------------------------------------------------------------------- */

/* The blanks before byte AT; false where more than blanks stand there. */
static bool indent_of(const struct tree *tree, uint32_t at, struct level *level)
{
	uint32_t start = at;

	while (start > 0 && tree->source[start - 1] != '\n')
		start--;
	*level = (struct level){ 0 };
	for (; start < at; start++) {
		switch (tree->source[start]) {
		case ' ':
			level->column++;
			level->alternate++;
			break;
		case '\t':
			level->column = (level->column / TAB + 1) * TAB;
			level->alternate++;
			break;
		case '\f':
			level->column = level->alternate = 0;
			break;
		default:
			return false;
		}
	}
	return true;
}

static bool is_clause(enum kind kind)
{
	switch (kind) {
	case K_elif_clause:
	case K_else_clause:
	case K_except_clause:
	case K_except_group_clause:
	case K_finally_clause:
		return true;
	default:
		return false;
	}
}

/* A statement that begins a line, in a block. */
static void check_indent(struct check *check, uint32_t n, uint32_t block, struct level level)
{
	const struct tree *tree = check->tree;
	uint32_t first = first_named(tree, block);
	struct level other;

	if (first != n) {
		if (!indent_of(tree, tree->nodes[first].start, &other) || other.column != level.column ||
		    other.alternate != level.alternate)
			found(check, tree->nodes[n].start);
		return;
	}
	/* The head of the block, where that begins a line itself. */
	if (indent_of(tree, tree->nodes[parent_of(tree, block)].start, &other) &&
	    (level.column <= other.column || level.alternate <= other.alternate))
		found(check, tree->nodes[n].start);
}

/* The token N is the first of a line, outside of brackets. */
static void check_line(struct check *check, uint32_t n)
{
	const struct tree *tree = check->tree;
	uint32_t start = tree->nodes[n].start, parent = parent_of(tree, n);
	struct level level, other;

	while (parent != NONE && kind_of(tree, parent) != K_module && kind_of(tree, parent) != K_block &&
	       tree->nodes[parent].start == start) {
		n = parent;
		parent = parent_of(tree, n);
	}
	if (parent == NONE)
		return;
	if (kind_of(tree, parent) != K_module && kind_of(tree, parent) != K_block && !is_clause(kind_of(tree, n)) &&
	    kind_of(tree, parent) != K_decorated_definition) {
		found(check, check->end);
		check->fault.layout = check->fault.at == check->end;
		return;
	}
	if (!indent_of(tree, start, &level))
		return; /* joined to the line before by a backslash */
	if (kind_of(tree, parent) == K_block)
		check_indent(check, n, parent, level);
	else if (kind_of(tree, parent) == K_module
			 ? level.column != 0
			 : indent_of(tree, tree->nodes[parent].start, &other) &&
				   (other.column != level.column || other.alternate != level.alternate))
		found(check, start);
}

/* What stands between the last token and START: the end of a line that is not joined to the next, or no blank. */
static void check_gap(struct check *check, uint32_t start)
{
	const struct tree *tree = check->tree;

	for (uint32_t at = check->end; at < start; at++) {
		if (tree->source[at] == '\n' && (at == check->end || tree->source[at - 1] != '\\'))
			check->fresh = true;
		/* Blanks to the grammar, such as U+200B, and none to Python. In brackets may be an f-string's format.
		 */
		else if ((unsigned char)tree->source[at] >= 0x80 && !check->depth)
			found(check, at);
	}
}

static void check_token(struct check *check, uint32_t n)
{
	const struct tree *tree = check->tree;
	const struct node *node = &tree->nodes[n];

	if (node->start == node->end)
		return;
	check_gap(check, node->start);
	if (!is_extra(tree, n)) {
		if (check->fresh && !check->depth)
			check_line(check, n);
		check->fresh = false;
	}
	switch (kind_of(tree, n)) {
	case K_PARENTHESIS:
		if (tree->source[node->start] == '(')
			check->depth++;
		else
			check->depth -= check->depth > 0;
		break;
	case T_OPEN:
	case T_OPEN_SQUARE:
	case T_OPEN_CURLY:
		check->depth++;
		break;
	case T_CLOSE:
	case T_CLOSE_SQUARE:
	case T_CLOSE_CURLY:
		check->depth -= check->depth > 0;
		break;
	default:
		break;
	}
	check->end = node->end;
}

/* --- names and numbers ----------------------------------------------------------------------------------------- */

static bool is_keyword(slice text)
{
	static const char *const words[] = { "False",  "None",	 "True",    "and",	"as",	    "assert", "async",
					     "await",  "break",	 "class",   "continue", "def",	    "del",    "elif",
					     "else",   "except", "finally", "for",	"from",	    "global", "if",
					     "import", "in",	 "is",	    "lambda",	"nonlocal", "not",    "or",
					     "pass",   "raise",	 "return",  "try",	"while",    "with",   "yield" };

	/* Most names are ruled out by their length, or by their first letter. */
	if (text.len < 2 || text.len > 8)
		return false;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (words[i][0] == text.at[0] && slice_is(text, words[i]))
			return true;
	return false;
}

static void check_number(struct check *check, uint32_t n)
{
	slice text = text_of(check->tree, n);
	const char *why;

	/* Digits alone, not begun by a zero, are the most of them. */
	if (text.len == 1)
		return;
	why = number_fault(text);
	if (why)
		found_why(check, n, "'%.*s' is no number or name, expected %s", cut(text), text.at, why);
}

/* How many hexadecimal digits an escape wants; 0 where it is none of those. */
static uint32_t escape_digits(char c, bool bytes)
{
	return c == 'x' ? 2 : bytes ? 0 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* The end of a line in a string of one: a backslash must join it, also in a raw one. */
static void check_one_line(struct check *check, uint32_t n, slice prefix)
{
	slice text = text_of(check->tree, n);
	const char *at = text.len ? memchr(text.at, '\n', text.len) : NULL, *end = text.at + text.len;

	if (slice_ends(prefix, "\"\"\"") || slice_ends(prefix, "'''"))
		return;
	while (at) {
		uint32_t backslashes = 0;

		while (at - backslashes > text.at && at[-1 - (ptrdiff_t)backslashes] == '\\')
			backslashes++;
		if (backslashes % 2 == 0) {
			found(check, (uint32_t)(at - check->tree->source));
			return;
		}
		at = end - at > 1 ? memchr(at + 1, '\n', (size_t)(end - at - 1)) : NULL;
	}
}

/* `a` and ur"a" of Python 2. */
static void check_prefix(struct check *check, uint32_t n)
{
	slice start = text_of(check->tree, n);

	if (start.len && start.at[start.len - 1] == '`')
		found(check, check->tree->nodes[n].start);
	else if (start.len > 2 && (start.at[0] | 0x20) == 'u' && (start.at[1] | 0x20) == 'r')
		found_why(check, n, "'%.2s' before a string, expected 'r' or 'u'", start.at);
}

/* What a string holds. A path of Windows in a plain one: `\U` and `\x` want digits. */
static void check_text(struct check *check, uint32_t n)
{
	const struct tree *tree = check->tree;
	slice text = text_of(tree, n), prefix = text_of(tree, parent_of(tree, n) + 1);
	const char *at = text.len ? memchr(text.at, '\\', text.len) : NULL, *end = text.at + text.len;

	check_one_line(check, n, prefix);
	if (!at || memchr(prefix.at, 'r', prefix.len) || memchr(prefix.at, 'R', prefix.len))
		return;
	while (at && end - at > 1) {
		bool bytes = memchr(prefix.at, 'b', prefix.len) || memchr(prefix.at, 'B', prefix.len);
		uint32_t want = escape_digits(at[1], bytes), have = 0;

		while (have < want && at + 2 + have < end && is_hex(at[2 + have]))
			have++;
		if (have < want) {
			found(check, (uint32_t)(at - tree->source));
			snprintf(check->fault.why, sizeof check->fault.why,
				 "'\\%c' without its %u hexadecimal digits, expected them, or the string to be raw",
				 at[1], want);
			return;
		}
		at = memchr(at + 2, '\\', (size_t)(end - at - 2));
	}
}

/* --- parameters and arguments ---------------------------------------------------------------------------------- */

/* The name that a parameter binds; NONE for a bare `*` or `/`. */
static uint32_t parameter_name(const struct tree *tree, uint32_t n)
{
	while (n != NONE && kind_of(tree, n) != K_identifier) {
		switch (kind_of(tree, n)) {
		case K_default_parameter:
		case K_typed_default_parameter:
			n = child_field(tree, n, F_name);
			break;
		case K_typed_parameter:
		case K_list_splat_pattern:
		case K_dictionary_splat_pattern:
			n = first_named(tree, n);
			break;
		default:
			return NONE;
		}
	}
	return n;
}

static void check_twice(struct check *check, const uint32_t *names, uint32_t count, const char *what)
{
	slice last = count ? text_of(check->tree, names[count - 1]) : SLICE("");

	for (uint32_t i = 0; i + 1 < count; i++)
		if (slice_same(text_of(check->tree, names[i]), last)) {
			found_why(check, names[count - 1], "%s '%.*s' is there twice, expected another name", what,
				  cut(last), last.at);
			return;
		}
}

static void check_parameters(struct check *check, uint32_t n)
{
	const struct tree *tree = check->tree;
	uint32_t names[COMPARED], count = 0;
	bool optional = false, starred = false, last = false;
	uint32_t bare = NONE; /* a `*` that waits for a name */

	FOR_NAMED (tree, n, c) {
		enum kind kind = kind_of(tree, c);
		enum kind inner = kind == K_typed_parameter ? kind_of(tree, first_named(tree, c)) : kind;
		uint32_t name = parameter_name(tree, c);

		if (last)
			found_why(check, c, "a parameter after '**', expected it to be the last");
		if (kind == K_default_parameter || kind == K_typed_default_parameter)
			optional = true;
		else if (inner == K_identifier && optional && !starred)
			found_why(check, c, "a parameter without a default after one that has it, expected a default");
		else if (kind == K_tuple_pattern)
			found_why(check, c, "unexpected '(', expected a name");
		if (inner == K_keyword_separator || inner == K_list_splat_pattern) {
			if (starred)
				found_why(check, c, "a second '*' parameter, expected one");
			starred = true;
		}
		last = last || inner == K_dictionary_splat_pattern;
		if (kind == K_keyword_separator)
			bare = c;
		else if (inner != K_dictionary_splat_pattern)
			bare = NONE;
		if (name != NONE && count < COMPARED) {
			names[count++] = name;
			check_twice(check, names, count, "parameter");
		}
	}
	if (bare != NONE)
		found_why(check, bare, "'*' with no parameter after it, expected a name");
}

static void check_arguments(struct check *check, uint32_t n)
{
	const struct tree *tree = check->tree;
	uint32_t names[COMPARED], count = 0;
	bool keyword = false, splat = false;

	FOR_NAMED (tree, n, c) {
		enum kind kind = kind_of(tree, c);
		uint32_t name;

		if (kind == K_dictionary_splat) {
			splat = true;
			continue;
		}
		if (kind != K_keyword_argument) {
			if (splat || (keyword && kind != K_list_splat))
				found_why(check, c,
					  "a positional argument after a keyword argument, expected it before");
			continue;
		}
		keyword = true;
		name = child_field(tree, c, F_name);
		if (name != NONE && count < COMPARED) {
			names[count++] = name;
			check_twice(check, names, count, "keyword argument");
		}
	}
}

/* --- statements ------------------------------------------------------------------------------------------------ */

static uint32_t second_child(const struct tree *tree, uint32_t n)
{
	uint32_t second = tree->nodes[n + 1].next;

	return second < tree->nodes[n].next ? second : n;
}

/* `print x` of Python 2; `print >> f, x` is an expression of both. */
static void check_print(struct check *check, uint32_t n)
{
	uint32_t second = second_child(check->tree, n);

	if (second != n && check->tree->source[check->tree->nodes[second].start] != '>')
		found(check, check->tree->nodes[second].start);
}

static void check_commas(struct check *check, uint32_t n, const char *why)
{
	uint32_t comma = child_kind(check->tree, n, T_COMMA);

	if (comma != NONE)
		found_why(check, comma, "%s", why);
}

/* `raise E, "x"` of Python 2. */
static void check_raise(struct check *check, uint32_t n)
{
	uint32_t list = child_kind(check->tree, n, K_expression_list);

	if (list != NONE)
		check_commas(check, list, "unexpected ',', expected one exception, such as E(\"x\")");
}

static void check_import(struct check *check, uint32_t n)
{
	uint32_t last = NONE;

	FOR_CHILDREN (check->tree, n, c)
		if (!is_extra(check->tree, c))
			last = c;
	if (kind_of(check->tree, last) == T_COMMA)
		found_why(check, last, "a comma at the end, expected a name, or parentheses around the names");
}

/* Of a statement of the module: `from __future__` comes before all others, a docstring apart. */
static void check_future(struct check *check, uint32_t n)
{
	const struct tree *tree = check->tree;
	bool docstring = !check->begun && kind_of(tree, first_named(tree, n)) == K_string;

	check->begun = true;
	if (kind_of(tree, n) != K_future_import_statement)
		check->future_over = check->future_over || !docstring;
	else if (check->future_over)
		found_why(check, n, "'from __future__' after other statements, expected it before them");
}

static void check_within(struct check *check, uint32_t n, uint32_t around, const char *what, const char *place)
{
	if (around == NONE)
		found_why(check, n, "'%s' outside of a %s, expected it within one", what, place);
}

/* A generator may await in any function: that makes it an asynchronous one. */
static bool is_generated(const struct check *check, uint32_t n)
{
	while (n != check->function && kind_of(check->tree, n) != K_generator_expression)
		n = parent_of(check->tree, n);
	return n != check->function;
}

static void check_await(struct check *check, uint32_t n)
{
	const struct tree *tree = check->tree;

	if (check->function == NONE || (kind_of(tree, check->function) == K_function_definition &&
					kind_of(tree, check->function + 1) != T_ASYNC && !is_generated(check, n)))
		found_why(check, n, "'await' outside of an async function, expected 'async def' around it");
}

static void check_block(struct check *check, uint32_t n)
{
	if (first_named(check->tree, n) == NONE && parent_kind(check->tree, n) != K_match_statement)
		found(check, check->tree->nodes[n].start);
}

static bool is_function(enum kind kind)
{
	return kind == K_function_definition || kind == K_lambda || kind == K_class_definition;
}

static bool is_loop(enum kind kind)
{
	return kind == K_for_statement || kind == K_while_statement;
}

/* Keeps the function and the loop around node N. A class hides both, a function the loops. */
static void enter(struct check *check, uint32_t n)
{
	const struct tree *tree = check->tree;

	while (check->function != NONE && n >= tree->nodes[check->function].next)
		do
			check->function = parent_of(tree, check->function);
		while (check->function != NONE && !is_function(kind_of(tree, check->function)));
	while (check->loop != NONE && n >= tree->nodes[check->loop].next)
		do
			check->loop = parent_of(tree, check->loop);
		while (check->loop != NONE && !is_loop(kind_of(tree, check->loop)) &&
		       !is_function(kind_of(tree, check->loop)));
	if (is_function(kind_of(tree, n)))
		check->function = check->loop = n;
	else if (is_loop(kind_of(tree, n)))
		check->loop = n;
}

/* The loop that `break` would end: no function or class stands between, and it is not in the loop's `else`. */
static uint32_t loop_around(const struct check *check)
{
	return is_loop(kind_of(check->tree, check->loop)) ? check->loop : NONE;
}

static uint32_t function_around(const struct check *check)
{
	return kind_of(check->tree, check->function) == K_class_definition ? NONE : check->function;
}

static void check_node(struct check *check, uint32_t n)
{
	const struct tree *tree = check->tree;

	switch (kind_of(tree, n)) {
	case K_identifier:
		if (is_keyword(text_of(tree, n)))
			found(check, tree->nodes[n].start);
		break;
	case K_integer:
	case K_float:
		check_number(check, n);
		break;
	case K_as_pattern:
		if (parent_kind(tree, n) == K_assignment || parent_kind(tree, n) == K_expression_statement)
			found(check, tree->nodes[second_child(tree, n)].start);
		break;
	case K_string_start:
		check_prefix(check, n);
		break;
	case K_string_content:
		check_text(check, n);
		break;
	case K_block:
		check_block(check, n);
		break;
	case K_parameters:
	case K_lambda_parameters:
		check_parameters(check, n);
		break;
	case K_argument_list:
		check_arguments(check, n);
		break;
	case K_print_statement:
	case K_exec_statement:
		check_print(check, n);
		break;
	case K_except_clause:
		check_commas(check, n, "unexpected ',', expected 'as', or parentheses around the exceptions");
		break;
	case K_raise_statement:
		check_raise(check, n);
		break;
	case K_import_from_statement:
		check_import(check, n);
		break;
	case T_OLD_DIFFERS:
		found_why(check, n, "unexpected '<>', expected '!='");
		break;
	case K_named_expression:
		if (parent_kind(tree, n) == K_expression_statement && kind_of(tree, n - 1) != K_PARENTHESIS)
			found_why(check, n, "':=' as a statement, expected '=', or parentheses around it");
		break;
	case K_return_statement:
		check_within(check, n, function_around(check), "return", "function");
		break;
	case K_yield:
		check_within(check, n, function_around(check), "yield", "function");
		break;
	case K_await:
		check_await(check, n);
		break;
	case K_break_statement:
		check_within(check, n, loop_around(check), "break", "loop");
		break;
	case K_continue_statement:
		check_within(check, n, loop_around(check), "continue", "loop");
		break;
	default:
		break;
	}
}

struct fault check_tree(const struct tree *tree)
{
	struct check check = { .tree = tree, .fault = { .at = NONE }, .function = NONE, .loop = NONE, .fresh = true };

	/* Preorder: nothing that comes after a fault begins before it, but for the end of the line before. */
	for (uint32_t n = 1; n < tree->count && check.fault.at == NONE && !clock_late(tree->clock); n++) {
		enter(&check, n);
		if (tree->nodes[n].parent == 0 && tree->nodes[n].named && !is_extra(tree, n))
			check_future(&check, n);
		check_node(&check, n);
		if (is_leaf(tree, n))
			check_token(&check, n);
	}
	return check.fault;
}
