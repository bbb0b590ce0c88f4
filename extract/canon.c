#include "canon.h"
#include "known.h"

#include <stdlib.h>
#include <string.h>

/* --- text as written, folded ---------------------------------------------------------------------------------- */

/* Text outside strings that folding leaves as it is: no white space but single spaces. */
static bool is_folded(slice text)
{
	for (uint32_t i = 0; i < text.len; i++)
		if (text.at[i] == '\n' || text.at[i] == '\t' || text.at[i] == '\f' || text.at[i] == '\\' ||
		    text.at[i] == '#' || (text.at[i] == ' ' && i > 0 && text.at[i - 1] == ' '))
			return false;
	return true;
}

static bool is_string(const struct tree *tree, uint32_t n)
{
	return tree->nodes[n].kind == K_string;
}

void text_write_range(const struct tree *tree, uint32_t first, uint32_t end, pf_text *out)
{
	uint32_t past = tree->nodes[first].start;
	slice whole = { tree->source + past, end > past ? end - past : 0 };

	if (is_folded(whole)) {
		pf_text_add(out, whole.at, whole.len);
		return;
	}
	for (uint32_t n = first; n < tree->count && tree->nodes[n].start < end && !clock_late(tree->clock);) {
		const struct node *node = &tree->nodes[n];

		if (is_extra(tree, n)) {
			n = node->next;
			continue;
		}
		if (!is_string(tree, n) && !is_leaf(tree, n)) {
			n++;
			continue;
		}
		n = node->next;
		if (node->end <= node->start)
			continue;
		if (node->start > past)
			pf_text_add(out, " ", 1);
		pf_text_add(out, tree->source + node->start, node->end - node->start);
		past = node->end;
	}
}

void text_write(const struct tree *tree, uint32_t n, pf_text *out)
{
	text_write_range(tree, n, tree->nodes[n].end, out);
}

/* --- code, dedented -------------------------------------------------------------------------------------------- */

/* The end of the string that BYTE stands in the middle of, or 0. N moves on through the strings in source order. */
static uint32_t string_around(const struct tree *tree, uint32_t *n, uint32_t end_node, uint32_t byte)
{
	while (*n < end_node) {
		const struct node *node = &tree->nodes[*n];

		if (node->start >= byte)
			return 0;
		if (node->kind == K_string) {
			if (node->end > byte)
				return node->end;
			*n = node->next;
		} else {
			*n = node->end <= byte ? node->next : *n + 1;
		}
	}
	return 0;
}

static uint32_t skip_indent(const struct tree *tree, uint32_t byte, uint32_t end, uint32_t indent)
{
	while (byte < end && indent-- > 0 && (tree->source[byte] == ' ' || tree->source[byte] == '\t'))
		byte++;
	return byte;
}

void code_write(const struct tree *tree, uint32_t first, uint32_t last, size_t limit, pf_text *out)
{
	uint32_t start = tree->nodes[first].start, end = tree->nodes[last].end;
	uint32_t line = tree_line(tree, start), indent = start - tree->lines[line - 1];
	uint32_t string = first, end_node = tree->nodes[last].next;
	size_t begin = out->len;

	while (end > start && (tree->source[end - 1] == '\n' || tree->source[end - 1] == ' '))
		end--;
	/* Where something else stands before it on its line, no common indent is known but that line's. */
	for (uint32_t i = tree->lines[line - 1]; i < start; i++) {
		if (tree->source[i] != ' ' && tree->source[i] != '\t') {
			indent = i - tree->lines[line - 1];
			break;
		}
	}
	for (uint32_t at = start; at < end; line++) {
		uint32_t stop = line < tree->line_count ? tree->lines[line] : end;

		if (stop > end)
			stop = end;
		if (limit && out->len - begin + (stop - at) > limit) {
			if (out->len == begin) { /* one long line: cut between characters */
				uint32_t part = (uint32_t)limit;

				while (part && (tree->source[at + part] & 0xc0) == 0x80)
					part--;
				pf_text_add(out, tree->source + at, part);
				pf_text_puts(out, "\n");
			}
			pf_text_puts(out, "# \xe2\x80\xa6");
			return;
		}
		pf_text_add(out, tree->source + at, stop - at);
		at = stop;
		if (at < end && !string_around(tree, &string, end_node, at))
			at = skip_indent(tree, at, end, indent);
	}
}

/* --- strings --------------------------------------------------------------------------------------------------- */

bool string_is(const struct tree *tree, uint32_t n)
{
	return kind_of(tree, n) == K_string || kind_of(tree, n) == K_concatenated_string;
}

static bool prefix_has(const struct tree *tree, uint32_t string, const char *letters)
{
	slice start;

	if (is_leaf(tree, string))
		return false;
	start = text_of(tree, string + 1);
	for (uint32_t i = 0; i < start.len; i++)
		if (strchr(letters, start.at[i]))
			return true;
	return false;
}

bool string_is_format(const struct tree *tree, uint32_t n)
{
	if (kind_of(tree, n) == K_string)
		return prefix_has(tree, n, "fF");
	if (kind_of(tree, n) != K_concatenated_string)
		return false;
	FOR_NAMED (tree, n, c)
		if (tree->nodes[c].kind == K_string && prefix_has(tree, c, "fF"))
			return true;
	return false;
}

bool string_value(const struct tree *tree, uint32_t n, slice *value)
{
	uint32_t start, end;

	if (kind_of(tree, n) != K_string || prefix_has(tree, n, "fF"))
		return false;
	start = child_kind(tree, n, K_string_start);
	end = child_kind(tree, n, K_string_end);
	if (start == NONE || end == NONE)
		return false;
	*value = (slice){ tree->source + tree->nodes[start].end, tree->nodes[end].start - tree->nodes[start].end };
	return true;
}

/* One string with double quotes and no idle prefix, where that needs no escapes. */
static void string_write(const struct tree *tree, uint32_t n, pf_text *out)
{
	uint32_t start = child_kind(tree, n, K_string_start), end = child_kind(tree, n, K_string_end);
	slice inside, text = text_of(tree, n);

	if (start != NONE && end != NONE) {
		inside = (slice){ tree->source + tree->nodes[start].end,
				  tree->nodes[end].start - tree->nodes[start].end };
		if (!memchr(inside.at, '"', inside.len) && !memchr(inside.at, '\\', inside.len) &&
		    !memchr(inside.at, '\n', inside.len)) {
			pf_text_puts(out, prefix_has(tree, n, "bB") ? "b\"" : prefix_has(tree, n, "fF") ? "f\"" : "\"");
			pf_text_add(out, inside.at, inside.len);
			pf_text_puts(out, "\"");
			return;
		}
	}
	pf_text_add(out, text.at, text.len);
}

static void literal_write(const struct tree *tree, uint32_t n, pf_text *out)
{
	bool first = true;

	if (kind_of(tree, n) == K_string) {
		string_write(tree, n, out);
		return;
	}
	FOR_NAMED (tree, n, part) {
		pf_text_puts(out, first ? "" : " ");
		string_write(tree, part, out);
		first = false;
	}
}

/* --- names ----------------------------------------------------------------------------------------------------- */

slice import_name(const struct tree *tree, uint32_t import)
{
	if (kind_of(tree, import) == K_aliased_import) {
		uint32_t name = child_field(tree, import, F_name);

		return name == NONE ? SLICE("") : text_of(tree, name);
	}
	/* `import a.b` binds a, `from m import a` binds a. */
	return text_of(tree, import + 1);
}

void dotted_write(slice name, pf_text *out)
{
	uint32_t past = 0;

	for (uint32_t i = 0; i <= name.len; i++)
		if (i == name.len || strchr(" \t\f\n\\", name.at[i])) {
			pf_text_add(out, name.at + past, i - past);
			past = i + 1;
		}
}

static void identifier_write(const struct scopes *scopes, uint32_t n, pf_text *out)
{
	uint32_t b = scope_resolve(scopes, n);
	uint32_t flags = b == NONE ? 0 : scopes->bindings[b].flags;
	slice name = text_of(scopes->tree, n);

	if (flags & BIND_IMPORT && scopes->bindings[b].import != NONE)
		name = import_name(scopes->tree, scopes->bindings[b].import);
	else if (flags & BIND_SELF)
		name = flags & BIND_CLS ? SLICE("cls") : SLICE("self");
	dotted_write(name, out);
}

/* The attributes that are asked of the node FIRST, up to N: `.b.c`. */
static void attributes_write(const struct tree *tree, uint32_t first, uint32_t n, pf_text *out)
{
	while (first != n && !out->failed) {
		uint32_t name;

		first = parent_of(tree, first);
		name = child_field(tree, first, F_attribute);
		if (name == NONE)
			return;
		pf_text_add(out, ".", 1);
		pf_text_add(out, text_of(tree, name).at, text_of(tree, name).len);
	}
}

void name_write(const struct scopes *scopes, uint32_t n, pf_text *out)
{
	const struct tree *tree = scopes->tree;
	uint32_t root = n;

	while (kind_of(tree, root) == K_attribute && child_field(tree, root, F_object) != NONE)
		root = child_field(tree, root, F_object);
	if (kind_of(tree, root) == K_identifier)
		identifier_write(scopes, root, out);
	else
		text_write(tree, root, out);
	attributes_write(tree, root, n, out);
}

uint32_t own_attribute(const struct scopes *scopes, uint32_t n)
{
	const struct tree *tree = scopes->tree;
	uint32_t object = child_field(tree, n, F_object), name = child_field(tree, n, F_attribute), scope;

	if (name == NONE || kind_of(tree, object) != K_identifier)
		return NONE;
	scope = scope_of_self(scopes, object);
	if (scope == NONE || is_airflow_attribute(text_of(tree, name)) || is_airflow_method(text_of(tree, name)))
		return NONE;
	return scope_attribute(scopes, scope, text_of(tree, name));
}

void type_write(const struct scopes *scopes, uint32_t n, pf_text *out)
{
	const struct tree *tree = scopes->tree;
	uint32_t at = n, b;

	for (; kind_of(tree, at) == K_attribute; at = child_field(tree, at, F_object)) {
		if (own_attribute(scopes, at) != NONE)
			break;
	}
	if (kind_of(tree, at) == K_identifier) {
		b = scope_resolve(scopes, at);
		if (b == NONE || scopes->bindings[b].flags & (BIND_IMPORT | BIND_CLASS | BIND_SELF)) {
			name_write(scopes, n, out);
			return;
		}
	} else if (kind_of(tree, at) != K_attribute) {
		pf_text_puts(out, "$expr");
		return;
	}
	pf_text_puts(out, "$");
	attributes_write(tree, at, n, out);
}

/* --- keys of lookups ------------------------------------------------------------------------------------------- */

static const char *const lookup_names[] = { "context", "params", "conf", "dag_run", "conn", "extra_dejson" };

/* The last name of the expression that is looked into: `dag_run.conf` gives conf, `context["params"]` params. */
static bool is_lookup_object(const struct scopes *scopes, uint32_t n)
{
	const struct tree *tree = scopes->tree;
	slice name;
	uint32_t key, b;

	switch (kind_of(tree, n)) {
	case K_identifier:
		b = scope_resolve(scopes, n);
		if (scope_is_keywords(scopes, b))
			return true;
		name = text_of(tree, n);
		if (b != NONE && scopes->bindings[b].flags & BIND_IMPORT && scopes->bindings[b].import != NONE)
			name = slice_last(import_name(tree, scopes->bindings[b].import));
		break;
	case K_attribute:
		key = child_field(tree, n, F_attribute);
		if (key == NONE)
			return false;
		name = text_of(tree, key);
		break;
	case K_subscript:
		if (!string_value(tree, child_field(tree, n, F_subscript), &name))
			return false;
		break;
	case K_call:
		key = child_field(tree, n, F_function);
		if (kind_of(tree, key) == K_attribute)
			key = child_field(tree, key, F_attribute);
		return key != NONE && slice_is(text_of(tree, key), "get_current_context");
	default:
		return false;
	}
	for (size_t i = 0; i < sizeof lookup_names / sizeof *lookup_names; i++)
		if (slice_is(name, lookup_names[i]))
			return true;
	return slice_ends(name, "context");
}

static bool is_lookup_call(const struct scopes *scopes, uint32_t call)
{
	const struct tree *tree = scopes->tree;
	uint32_t function = child_field(tree, call, F_function);
	uint32_t method = child_field(tree, function, F_attribute);
	slice name;

	if (kind_of(tree, function) != K_attribute || method == NONE)
		return false;
	name = text_of(tree, method);
	return (slice_starts(name, "get") || slice_is(name, "pop") || slice_is(name, "setdefault")) &&
	       is_lookup_object(scopes, child_field(tree, function, F_object));
}

bool is_lookup_key(const struct scopes *scopes, uint32_t n)
{
	const struct tree *tree = scopes->tree;
	uint32_t above = parent_of(tree, n), call;
	slice value;

	if (!string_value(tree, n, &value))
		return false;
	switch (kind_of(tree, above)) {
	case K_subscript:
		return tree->nodes[n].field == F_subscript &&
		       is_lookup_object(scopes, child_field(tree, above, F_value));
	case K_comparison_operator: { /* "x" in context */
		uint32_t last = last_named(tree, above);

		return last != n && is_lookup_object(scopes, last) &&
		       (child_kind(tree, above, T_IN) != NONE || child_kind(tree, above, T_NOT_IN) != NONE);
	}
	case K_argument_list:
		call = parent_of(tree, above);
		/* conf.get("section", "key") names with both. */
		return kind_of(tree, call) == K_call && first_named(tree, above) == n && is_lookup_call(scopes, call);
	case K_keyword_argument: {
		uint32_t name = child_field(tree, above, F_name), function;

		call = parent_of(tree, parent_of(tree, above));
		if (name == NONE || !slice_is(text_of(tree, name), "key") || kind_of(tree, call) != K_call)
			return false;
		function = child_field(tree, call, F_function);
		return function != NONE && (slice_ends(text_of(tree, function), "xcom_pull") ||
					    slice_ends(text_of(tree, function), "xcom_push"));
	}
	default:
		return false;
	}
}

/* --- annotations ----------------------------------------------------------------------------------------------- */

enum { ANNOTATION_DEPTH = 24, UNION_MEMBERS = 16 };

static const struct {
	const char *name, *builtin;
} typing_names[] = {
	{ "Dict", "dict" },   { "List", "list" },	    { "Set", "set" },
	{ "Tuple", "tuple" }, { "FrozenSet", "frozenset" }, { "Type", "type" },
	{ "Text", "str" },    { "Deque", "deque" },	    { "DefaultDict", "defaultdict" },
};

static void annotation_part(const struct scopes *scopes, uint32_t n, pf_text *out, int depth);

static void annotation_name(const struct scopes *scopes, uint32_t n, pf_text *out)
{
	size_t begin = out->len;
	slice name;

	name_write(scopes, n, out);
	if (out->failed)
		return;
	name = (slice){ out->bytes + begin, (uint32_t)(out->len - begin) };
	if (slice_starts(name, "typing.") || slice_starts(name, "typing_extensions.") ||
	    slice_starts(name, "collections.abc.") || slice_starts(name, "t.")) {
		name = slice_last(name);
		memmove(out->bytes + begin, name.at, name.len);
		out->len = begin + name.len;
		out->bytes[out->len] = '\0';
		name.at = out->bytes + begin;
	}
	for (size_t i = 0; i < sizeof typing_names / sizeof *typing_names; i++) {
		if (slice_is(name, typing_names[i].name)) {
			out->len = begin;
			pf_text_puts(out, typing_names[i].builtin);
			return;
		}
	}
}

/* What an annotation is inside its wrapper. */
static uint32_t annotation_inner(const struct tree *tree, uint32_t n)
{
	while (kind_of(tree, n) == K_type) {
		uint32_t inner = first_named(tree, n);

		if (inner == NONE)
			break;
		n = inner;
	}
	return n;
}

struct members {
	uint32_t nodes[UNION_MEMBERS];
	int count;
	bool none, overflow;
};

static bool subscript_head(const struct tree *tree, uint32_t n, slice *name)
{
	uint32_t head;

	if (kind_of(tree, n) == K_subscript)
		head = child_field(tree, n, F_value);
	else if (kind_of(tree, n) == K_generic_type)
		head = first_named(tree, n);
	else
		return false;
	if (head == NONE)
		return false;
	*name = slice_last(text_of(tree, head));
	return true;
}

/* The members of a union in source order, None apart. Unions in unions are flattened as far as they fit. */
static void union_members(const struct tree *tree, uint32_t n, struct members *members, int depth)
{
	slice head;

	n = annotation_inner(tree, n);
	if (kind_of(tree, n) == K_none) {
		members->none = true;
		return;
	}
	if (depth < ANNOTATION_DEPTH) {
		uint32_t sign = child_field(tree, n, F_operator);

		if (kind_of(tree, n) == K_union_type ||
		    (kind_of(tree, n) == K_binary_operator && kind_of(tree, sign) == T_BAR)) {
			FOR_NAMED (tree, n, c)
				union_members(tree, c, members, depth + 1);
			return;
		}
		if (subscript_head(tree, n, &head) && (slice_is(head, "Optional") || slice_is(head, "Union"))) {
			uint32_t list = kind_of(tree, n) == K_generic_type ? child_kind(tree, n, K_type_parameter) : n;
			bool first = list == n;

			members->none = members->none || slice_is(head, "Optional");
			if (list == NONE)
				return;
			FOR_NAMED (tree, list, c) {
				if (!first)
					union_members(tree, c, members, depth + 1);
				first = false;
			}
			return;
		}
	}
	if (members->count < UNION_MEMBERS)
		members->nodes[members->count++] = n;
	else
		members->overflow = true;
}

static void annotation_list(const struct scopes *scopes, uint32_t n, bool skip_first, pf_text *out, int depth)
{
	bool first = true;

	pf_text_puts(out, "[");
	FOR_NAMED (scopes->tree, n, c) {
		if (skip_first) {
			skip_first = false;
			continue;
		}
		if (!first)
			pf_text_puts(out, ", ");
		first = false;
		annotation_part(scopes, c, out, depth + 1);
	}
	pf_text_puts(out, "]");
}

static void annotation_one(const struct scopes *scopes, uint32_t n, pf_text *out, int depth)
{
	const struct tree *tree = scopes->tree;
	uint32_t head;
	slice value;

	switch (kind_of(tree, n)) {
	case K_identifier:
	case K_attribute:
		annotation_name(scopes, n, out);
		return;
	case K_string: /* a forward reference */
		if (string_value(tree, n, &value))
			pf_text_add(out, value.at, value.len);
		return;
	case K_subscript:
		head = child_field(tree, n, F_value);
		if (head != NONE)
			annotation_one(scopes, head, out, depth + 1);
		annotation_list(scopes, n, true, out, depth);
		return;
	case K_generic_type:
		head = first_named(tree, n);
		if (head != NONE)
			annotation_one(scopes, head, out, depth + 1);
		head = child_kind(tree, n, K_type_parameter);
		if (head != NONE)
			annotation_list(scopes, head, false, out, depth);
		return;
	case K_list:
		annotation_list(scopes, n, false, out, depth);
		return;
	default:
		text_write(tree, n, out);
		return;
	}
}

static void annotation_part(const struct scopes *scopes, uint32_t n, pf_text *out, int depth)
{
	struct members members = { 0 };

	n = annotation_inner(scopes->tree, n);
	if (depth > ANNOTATION_DEPTH) {
		text_write(scopes->tree, n, out);
		return;
	}
	union_members(scopes->tree, n, &members, 0);
	if (members.overflow) {
		text_write(scopes->tree, n, out);
		return;
	}
	for (int i = 0; i < members.count; i++) {
		if (i)
			pf_text_puts(out, " | ");
		annotation_one(scopes, members.nodes[i], out, depth);
	}
	if (members.none)
		pf_text_puts(out, members.count ? " | None" : "None");
}

void annotation_write(const struct scopes *scopes, uint32_t n, pf_text *out)
{
	annotation_part(scopes, n, out, 0);
}

/* --- canonical form -------------------------------------------------------------------------------------------- */

enum { INDENT_DEPTH = 64 };

/* Where the writer stands: what it wrote last, and the blocks around it. */
struct writer {
	struct canon *canon;
	unsigned flags;
	uint32_t top;	      /* the node being written */
	enum kind last;	      /* of the last token; K_OTHER at the start */
	enum kind last_above; /* and of its parent */
	bool line_start;
	uint32_t blocks[INDENT_DEPTH];
	int depth;
};

void canon_start(struct canon *canon)
{
	pf_text_reset(&canon->text);
	canon->stamp++;
	canon->numbers = 0;
}

static bool glued_to_next(enum kind last, enum kind above)
{
	switch (last) {
	case T_OPEN:
	case T_OPEN_SQUARE:
	case T_OPEN_CURLY:
	case T_DOT:
	case T_AT:
		return above != K_binary_operator;
	case T_MINUS:
	case T_PLUS:
	case T_TILDE:
		return above == K_unary_operator;
	case T_STAR:
	case T_STAR_STAR:
		return above == K_list_splat || above == K_dictionary_splat || above == K_list_splat_pattern ||
		       above == K_dictionary_splat_pattern;
	case T_EQUAL:
		return above == K_keyword_argument || above == K_default_parameter;
	case T_COLON:
		return above == K_slice;
	case K_import_prefix:
		return true;
	default:
		return false;
	}
}

static bool glued_to_last(enum kind kind, enum kind above)
{
	switch (kind) {
	case T_CLOSE:
	case T_CLOSE_SQUARE:
	case T_CLOSE_CURLY:
	case T_COMMA:
	case T_COLON:
	case T_DOT:
		return true;
	case T_OPEN:
		return above == K_argument_list || above == K_parameters;
	case T_OPEN_SQUARE:
		return above == K_subscript || above == K_type_parameter;
	case T_EQUAL:
		return above == K_keyword_argument || above == K_default_parameter;
	default:
		return false;
	}
}

/* What stands between the last token and one of KIND below a node of kind ABOVE. */
static void gap(struct writer *writer, enum kind kind, enum kind above)
{
	pf_text *out = &writer->canon->text;

	if (writer->line_start) {
		for (int i = 0; i < writer->depth; i++)
			pf_text_puts(out, "    ");
		writer->line_start = false;
	} else if (writer->last != K_OTHER && !glued_to_next(writer->last, writer->last_above) &&
		   !glued_to_last(kind, above)) {
		pf_text_add(out, " ", 1);
	}
	writer->last = kind;
	writer->last_above = above;
}

static void put(struct writer *writer, enum kind kind, enum kind above, slice text)
{
	gap(writer, kind, above);
	pf_text_add(&writer->canon->text, text.at, text.len);
}

static void new_line(struct writer *writer)
{
	if (writer->last != K_OTHER && !writer->line_start)
		pf_text_add(&writer->canon->text, "\n", 1);
	writer->line_start = writer->last != K_OTHER;
}

static void number_write(struct writer *writer, uint32_t binding, enum kind above)
{
	struct canon *canon = writer->canon;
	struct binding *b = &canon->scopes->bindings[binding];

	if (b->stamp != canon->stamp) {
		b->stamp = canon->stamp;
		b->number = ++canon->numbers;
	}
	gap(writer, K_identifier, above);
	pf_text_add(&canon->text, "$", 1);
	pf_text_int(&canon->text, b->number);
}

static bool is_exception_position(const struct tree *tree, uint32_t n)
{
	/* `raise X(…)`, `raise m.X`, `except (X, Y)`: climb over calls and tuples, never over arguments. */
	for (int i = 0; i < 8; i++) {
		uint32_t above = parent_of(tree, n);

		switch (kind_of(tree, above)) {
		case K_raise_statement:
			return tree->nodes[n].field != F_cause;
		case K_except_clause:
		case K_except_group_clause:
			return tree->nodes[n].kind != K_block;
		case K_call:
			if (tree->nodes[n].field != F_function)
				return false;
			break;
		case K_tuple:
		case K_attribute:
		case K_as_pattern:
			break;
		default:
			return false;
		}
		n = above;
	}
	return false;
}

/* --- parentheses ----------------------------------------------------------------------------------------------- */

/* How tightly an expression binds, and how tightly one has to where it stands. */
enum binds {
	BINDS_YIELD,
	BINDS_NAMED,
	BINDS_LAMBDA,
	BINDS_CONDITIONAL,
	BINDS_OR,
	BINDS_AND,
	BINDS_NOT,
	BINDS_COMPARISON,
	BINDS_BAR,
	BINDS_XOR,
	BINDS_AMPERSAND,
	BINDS_SHIFT,
	BINDS_SUM,
	BINDS_PRODUCT,
	BINDS_SIGN,
	BINDS_POWER,
	BINDS_AWAIT,
	BINDS_PRIMARY,
};

static const struct {
	const char *sign;
	enum binds binds;
} signs[] = {
	{ "|", BINDS_BAR },	{ "^", BINDS_XOR },	 { "&", BINDS_AMPERSAND }, { "<<", BINDS_SHIFT },
	{ ">>", BINDS_SHIFT },	{ "+", BINDS_SUM },	 { "-", BINDS_SUM },	   { "*", BINDS_PRODUCT },
	{ "/", BINDS_PRODUCT }, { "//", BINDS_PRODUCT }, { "%", BINDS_PRODUCT },   { "@", BINDS_PRODUCT },
	{ "**", BINDS_POWER },
};

static enum binds binary_binds(const struct tree *tree, uint32_t n)
{
	uint32_t sign = child_field(tree, n, F_operator);

	for (size_t i = 0; sign != NONE && i < sizeof signs / sizeof *signs; i++)
		if (slice_is(text_of(tree, sign), signs[i].sign))
			return signs[i].binds;
	return BINDS_PRIMARY;
}

static enum binds boolean_binds(const struct tree *tree, uint32_t n)
{
	return kind_of(tree, child_field(tree, n, F_operator)) == T_OR ? BINDS_OR : BINDS_AND;
}

static enum binds binds_of(const struct tree *tree, uint32_t n)
{
	switch (kind_of(tree, n)) {
	case K_yield:
		return BINDS_YIELD;
	case K_named_expression:
		return BINDS_NAMED;
	case K_lambda:
		return BINDS_LAMBDA;
	case K_conditional_expression:
		return BINDS_CONDITIONAL;
	case K_boolean_operator:
		return boolean_binds(tree, n);
	case K_not_operator:
		return BINDS_NOT;
	case K_comparison_operator:
		return BINDS_COMPARISON;
	case K_binary_operator:
		return binary_binds(tree, n);
	case K_unary_operator:
		return BINDS_SIGN;
	case K_await:
		return BINDS_AWAIT;
	default:
		return BINDS_PRIMARY;
	}
}

/* What the place of N asks for: operands of one operator group from the left, those of ** from the right. */
static enum binds binds_needed(const struct tree *tree, uint32_t n)
{
	uint32_t above = parent_of(tree, n);
	enum field field = (enum field)tree->nodes[n].field;
	enum binds own;

	switch (kind_of(tree, above)) {
	case K_expression_statement:
	case K_assignment:
	case K_augmented_assignment:
		return BINDS_YIELD;
	case K_boolean_operator:
		own = boolean_binds(tree, above);
		return field == F_right ? own + 1 : own;
	case K_binary_operator:
		own = binary_binds(tree, above);
		if (own == BINDS_POWER)
			return field == F_right ? BINDS_SIGN : BINDS_AWAIT;
		return field == F_right ? own + 1 : own;
	case K_not_operator:
		return BINDS_NOT;
	case K_comparison_operator:
	case K_list_splat:
	case K_dictionary_splat:
		return BINDS_BAR;
	case K_unary_operator:
		return BINDS_SIGN;
	case K_await:
		return BINDS_PRIMARY;
	case K_conditional_expression:
		return n == last_named(tree, above) ? BINDS_LAMBDA : BINDS_OR;
	case K_for_in_clause:
	case K_if_clause:
		return BINDS_OR;
	case K_attribute:
		return field == F_object ? BINDS_PRIMARY : BINDS_YIELD;
	case K_call:
		return field == F_function ? BINDS_PRIMARY : BINDS_YIELD;
	case K_subscript:
		return field == F_value ? BINDS_PRIMARY : BINDS_NAMED;
	case K_lambda:
	case K_pair:
	case K_slice:
	case K_keyword_argument:
	case K_default_parameter:
	case K_as_pattern:
		return BINDS_LAMBDA;
	default:
		return BINDS_NAMED;
	}
}

/* The parentheses that are due before N, whatever the source has: its own where it binds looser than its place asks. */
static void open_parenthesis(struct writer *writer, uint32_t n)
{
	struct canon *canon = writer->canon;
	const struct tree *tree = canon->tree;

	if (n == writer->top || !tree->nodes[n].named || is_leaf(tree, n) || binds_of(tree, n) >= binds_needed(tree, n))
		return;
	if (!array_room(&canon->open, &canon->open_room, canon->open_count, sizeof *canon->open)) {
		canon->text.failed = true;
		return;
	}
	canon->open[canon->open_count++] = tree->nodes[n].next;
	put(writer, T_OPEN, K_PARENTHESIS, SLICE("("));
}

static void close_parentheses(struct writer *writer, uint32_t n)
{
	struct canon *canon = writer->canon;

	for (; canon->open_count && canon->open[canon->open_count - 1] <= n; canon->open_count--)
		put(writer, T_CLOSE, K_PARENTHESIS, SLICE(")"));
}

/* --- tokens ---------------------------------------------------------------------------------------------------- */

static void write_identifier(struct writer *writer, uint32_t n)
{
	const struct scopes *scopes = writer->canon->scopes;
	const struct tree *tree = writer->canon->tree;
	const struct node *node = &tree->nodes[n];
	enum kind above = parent_kind(tree, n);
	slice name = text_of(tree, n);
	uint32_t b, flags;

	if ((above == K_keyword_argument && node->field == F_name) || above == K_keyword_pattern ||
	    (writer->flags & CANON_NAMES && (above == K_aliased_import || above == K_attribute) &&
	     node->field != F_object)) {
		put(writer, K_identifier, above, name);
		return;
	}
	if (above == K_attribute && node->field == F_attribute) {
		b = own_attribute(scopes, node->parent);
		if (b != NONE)
			number_write(writer, b, above);
		else
			put(writer, K_identifier, above, name);
		return;
	}
	b = scope_resolve(scopes, n);
	flags = b == NONE ? 0 : scopes->bindings[b].flags;
	if (b == NONE || (above == K_dotted_name && !is_capture(tree, n)))
		put(writer, K_identifier, above, name);
	else if (flags & BIND_SELF)
		put(writer, K_identifier, above, flags & BIND_CLS ? SLICE("cls") : SLICE("self"));
	else if (flags & BIND_IMPORT && scopes->bindings[b].import != NONE) {
		gap(writer, K_identifier, above);
		dotted_write(import_name(tree, scopes->bindings[b].import), &writer->canon->text);
	} else if (writer->flags & CANON_NAMES)
		put(writer, K_identifier, above, name);
	else if (flags & BIND_CLASS && is_exception_position(tree, n))
		put(writer, K_identifier, above, name);
	else
		number_write(writer, b, above);
}

static bool is_trailing_comma(const struct tree *tree, uint32_t n)
{
	uint32_t above = parent_of(tree, n), next = tree->nodes[n].next;

	while (next < tree->nodes[above].next && is_extra(tree, next))
		next = tree->nodes[next].next;
	if (next < tree->nodes[above].next && tree->nodes[next].kind != T_CLOSE &&
	    tree->nodes[next].kind != T_CLOSE_SQUARE && tree->nodes[next].kind != T_CLOSE_CURLY)
		return false;
	/* A comma alone makes a tuple. */
	return first_named(tree, above) != last_named(tree, above) || tree->nodes[above].kind == K_argument_list ||
	       tree->nodes[above].kind == K_parameters || tree->nodes[above].kind == K_list ||
	       tree->nodes[above].kind == K_dictionary || tree->nodes[above].kind == K_set;
}

/* A tuple where a list of expressions would do: `return (a, b)`, `for (a, b) in c`, `a[(b, c)]`. */
static bool is_bare_tuple(const struct tree *tree, uint32_t tuple)
{
	enum field field = (enum field)tree->nodes[tuple].field;

	if (first_named(tree, tuple) == NONE)
		return false;
	switch (parent_kind(tree, tuple)) {
	case K_expression_statement:
	case K_return_statement:
	case K_yield:
		return true;
	case K_assignment:
	case K_augmented_assignment:
	case K_for_statement:
		return field == F_left || field == F_right;
	case K_for_in_clause:
		return field == F_left;
	case K_subscript:
		return field == F_subscript;
	default:
		return false;
	}
}

/* Round brackets that Python can do without, where they are part of something: those that only group are none. */
static bool is_idle_bracket(const struct tree *tree, uint32_t n)
{
	uint32_t above = parent_of(tree, n), arguments;

	switch (kind_of(tree, above)) {
	case K_import_from_statement:
	case K_future_import_statement:
	case K_with_clause:
		return true;
	case K_tuple:
	case K_tuple_pattern:
		return is_bare_tuple(tree, above);
	case K_generator_expression: /* f((x for x in y)) */
		arguments = parent_of(tree, above);
		return kind_of(tree, arguments) == K_argument_list &&
		       first_named(tree, arguments) == last_named(tree, arguments);
	default:
		return false;
	}
}

static void write_token(struct writer *writer, uint32_t n)
{
	const struct tree *tree = writer->canon->tree;
	const struct node *node = &tree->nodes[n];
	enum kind above = parent_kind(tree, n);

	switch (node->kind) {
	case T_SEMICOLON:
	case K_PARENTHESIS:
		return;
	case T_NOT_IN: /* one token, with whatever stands in it */
		put(writer, T_NOT_IN, above, SLICE("not in"));
		return;
	case T_IS_NOT:
		put(writer, T_IS_NOT, above, SLICE("is not"));
		return;
	case T_COMMA:
		if (is_trailing_comma(tree, n))
			return;
		break;
	case T_OPEN:
	case T_CLOSE:
		if (is_idle_bracket(tree, n))
			return;
		break;
	default:
		break;
	}
	/* f(x for x in y) has the brackets of the generator for its own. */
	if (above == K_generator_expression && parent_kind(tree, node->parent) == K_call)
		above = K_argument_list;
	if (node->end > node->start)
		put(writer, (enum kind)node->kind, above, text_of(tree, n));
}

static bool is_clause(enum kind kind)
{
	return kind == K_elif_clause || kind == K_else_clause || kind == K_except_clause ||
	       kind == K_except_group_clause || kind == K_finally_clause || kind == K_case_clause;
}

static bool is_docstring(const struct tree *tree, uint32_t n)
{
	return kind_of(tree, n) == K_expression_statement && string_is(tree, first_named(tree, n)) &&
	       first_named(tree, n) == last_named(tree, n);
}

/* Lines and indents. True where N is written by that, with all below it. */
static bool write_layout(struct writer *writer, uint32_t n)
{
	const struct tree *tree = writer->canon->tree;
	const struct node *node = &tree->nodes[n];
	enum kind above = parent_kind(tree, n);

	while (writer->depth > 0 && writer->blocks[writer->depth - 1] <= n)
		writer->depth--;
	if (node->kind == K_block && n != writer->top) {
		if (writer->depth < INDENT_DEPTH)
			writer->blocks[writer->depth++] = node->next;
		return false;
	}
	if (n == writer->top || !node->named)
		return false;
	if (above == K_block && is_docstring(tree, n))
		return true;
	if (above == K_block || is_clause((enum kind)node->kind) || above == K_decorated_definition)
		new_line(writer);
	return false;
}

static bool is_super_call(const struct tree *tree, uint32_t n)
{
	uint32_t function = child_field(tree, n, F_function);

	return kind_of(tree, function) == K_identifier && slice_is(text_of(tree, function), "super");
}

static bool has_jinja(slice text)
{
	return slice_has(text, "{{") || slice_has(text, "{%");
}

/* Nodes that are written as one token. */
static bool write_whole(struct writer *writer, uint32_t n)
{
	const struct tree *tree = writer->canon->tree;
	enum kind above = parent_kind(tree, n);
	uint32_t b;

	switch (kind_of(tree, n)) {
	case K_string:
	case K_concatenated_string:
		if (writer->flags & CANON_LITERALS || is_lookup_key(writer->canon->scopes, n) ||
		    (writer->flags & CANON_JINJA && has_jinja(text_of(tree, n)))) {
			gap(writer, K_string, above);
			literal_write(tree, n, &writer->canon->text);
		} else {
			put(writer, K_string, above, SLICE("$str"));
		}
		return true;
	case K_integer:
	case K_float:
		put(writer, K_integer, above, writer->flags & CANON_LITERALS ? text_of(tree, n) : SLICE("$num"));
		return true;
	case K_type:
		gap(writer, K_type, above);
		annotation_write(writer->canon->scopes, n, &writer->canon->text);
		return true;
	case K_identifier:
		write_identifier(writer, n);
		return true;
	case K_attribute:
		if (!(writer->flags & CANON_FOLD_SELF))
			return false;
		b = own_attribute(writer->canon->scopes, n);
		if (b == NONE)
			return false;
		number_write(writer, b, above);
		return true;
	case K_call:
		/* super(Class, self) is super(). */
		if (!is_super_call(tree, n))
			return false;
		put(writer, K_identifier, above, SLICE("super()"));
		return true;
	default:
		return false;
	}
}

void canon_write(struct canon *canon, uint32_t n, unsigned flags)
{
	const struct tree *tree = canon->tree;
	struct writer writer = { .canon = canon, .flags = flags, .top = n };

	canon->open_count = 0;
	for (uint32_t end = tree->nodes[n].next; n < end && !clock_late(tree->clock);) {
		close_parentheses(&writer, n);
		if (is_extra(tree, n) || write_layout(&writer, n)) {
			n = tree->nodes[n].next;
			continue;
		}
		open_parenthesis(&writer, n);
		if (write_whole(&writer, n)) {
			n = tree->nodes[n].next;
		} else {
			if (is_leaf(tree, n))
				write_token(&writer, n);
			n++;
		}
	}
	close_parentheses(&writer, NONE);
}

void canon_free(struct canon *canon)
{
	pf_text_free(&canon->text);
	free(canon->open);
}
