#include "canon.h"
#include "known.h"

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

	n = n == NONE ? n : unwrap(tree, n);
	if (kind_of(tree, n) != K_string || prefix_has(tree, n, "fF"))
		return false;
	start = child_kind(tree, n, K_string_start);
	end = child_kind(tree, n, K_string_end);
	if (start == NONE || end == NONE)
		return false;
	*value = (slice){ tree->source + tree->nodes[start].end, tree->nodes[end].start - tree->nodes[start].end };
	return true;
}

/* The string with double quotes, where that needs no escapes. */
static void literal_write(const struct tree *tree, uint32_t n, pf_text *out)
{
	slice value, text = text_of(tree, n);

	if (!string_value(tree, n, &value) || memchr(value.at, '"', value.len) || memchr(value.at, '\\', value.len) ||
	    memchr(value.at, '\n', value.len) || prefix_has(tree, n, "bBrR")) {
		pf_text_add(out, text.at, text.len);
		return;
	}
	pf_text_add(out, "\"", 1);
	pf_text_add(out, value.at, value.len);
	pf_text_add(out, "\"", 1);
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

static void identifier_write(const struct scopes *scopes, uint32_t n, pf_text *out)
{
	uint32_t b = scope_resolve(scopes, n);
	slice name = text_of(scopes->tree, n);

	if (b != NONE && scopes->bindings[b].flags & BIND_IMPORT && scopes->bindings[b].import != NONE)
		name = import_name(scopes->tree, scopes->bindings[b].import);
	pf_text_add(out, name.at, name.len);
}

void name_write(const struct scopes *scopes, uint32_t n, pf_text *out)
{
	const struct tree *tree = scopes->tree;
	uint32_t end;

	n = unwrap(tree, n);
	end = tree->nodes[n].end;
	for (uint32_t first = n; first < tree->nodes[n].next; first++) {
		if (tree->nodes[first].kind == K_attribute)
			continue;
		if (tree->nodes[first].kind == K_identifier) {
			identifier_write(scopes, first, out);
			if (tree->nodes[first].end < end && first + 1 < tree->count)
				text_write_range(tree, first + 1, end, out);
		} else {
			text_write_range(tree, first, end, out);
		}
		return;
	}
}

/* --- keys of lookups ------------------------------------------------------------------------------------------- */

static const char *const lookup_names[] = { "context", "params", "conf", "kwargs", "dag_run", "conn", "extra_dejson" };

/* The last name of the expression that is looked into: `dag_run.conf` gives conf, `context["params"]` params. */
static bool is_lookup_object(const struct tree *tree, uint32_t n)
{
	slice name;
	uint32_t key;

	switch (kind_of(tree, n)) {
	case K_identifier:
		name = text_of(tree, n);
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
		name = text_of(tree, n);
		return slice_starts(name, "get_current_context");
	default:
		return false;
	}
	for (size_t i = 0; i < sizeof lookup_names / sizeof *lookup_names; i++)
		if (slice_is(name, lookup_names[i]))
			return true;
	return slice_ends(name, "context");
}

static bool is_lookup_call(const struct tree *tree, uint32_t call)
{
	uint32_t function = child_field(tree, call, F_function);
	uint32_t method = child_field(tree, function, F_attribute);
	slice name;

	if (kind_of(tree, function) != K_attribute || method == NONE)
		return false;
	name = text_of(tree, method);
	return (slice_starts(name, "get") || slice_is(name, "pop") || slice_is(name, "setdefault")) &&
	       is_lookup_object(tree, child_field(tree, function, F_object));
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
		return tree->nodes[n].field == F_subscript && is_lookup_object(tree, child_field(tree, above, F_value));
	case K_comparison_operator: { /* "x" in context */
		uint32_t last = last_named(tree, above);

		return last != n && is_lookup_object(tree, last) &&
		       (kind_of(tree, n + 1) == T_IN || kind_of(tree, tree->nodes[n].next) == T_IN ||
			kind_of(tree, tree->nodes[n].next) == T_NOT_IN);
	}
	case K_argument_list:
		call = parent_of(tree, above);
		/* conf.get("section", "key") names with both. */
		return kind_of(tree, call) == K_call && first_named(tree, above) == n && is_lookup_call(tree, call);
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

/* What an annotation is inside its wrappers: `type`, parentheses. */
static uint32_t annotation_inner(const struct tree *tree, uint32_t n)
{
	while (kind_of(tree, n) == K_type || kind_of(tree, n) == K_parenthesized_expression) {
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
	pf_text_printf(&canon->text, "$%u", b->number);
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
		case K_parenthesized_expression:
			break;
		default:
			return false;
		}
		n = above;
	}
	return false;
}

/* The class attribute that the attribute node N names, where the component binds it and Airflow gives it no meaning. */
static uint32_t own_attribute(const struct scopes *scopes, uint32_t n)
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

static void write_identifier(struct writer *writer, uint32_t n)
{
	const struct scopes *scopes = writer->canon->scopes;
	const struct tree *tree = writer->canon->tree;
	const struct node *node = &tree->nodes[n];
	enum kind above = parent_kind(tree, n);
	slice name = text_of(tree, n);
	uint32_t b, flags;

	if (writer->flags & CANON_NAMES || (above == K_keyword_argument && node->field == F_name) ||
	    above == K_keyword_pattern) {
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
	else if (flags & BIND_IMPORT && scopes->bindings[b].import != NONE)
		put(writer, K_identifier, above, import_name(tree, scopes->bindings[b].import));
	else if (flags & BIND_CLASS && is_exception_position(tree, n))
		put(writer, K_identifier, above, name);
	else
		number_write(writer, b, above);
}

/* Parentheses that change nothing: around what binds tighter than anything, or where nothing else stands. */
static bool is_redundant(const struct tree *tree, uint32_t n)
{
	switch (kind_of(tree, unwrap(tree, n))) {
	case K_identifier:
	case K_attribute:
	case K_subscript:
	case K_call:
	case K_string:
	case K_concatenated_string:
	case K_list:
	case K_dictionary:
	case K_tuple:
	case K_true:
	case K_false:
	case K_none:
		return true;
	case K_yield:
	case K_named_expression:
		return false;
	default:
		break;
	}
	switch (parent_kind(tree, n)) {
	case K_binary_operator:
	case K_boolean_operator:
	case K_comparison_operator:
	case K_not_operator:
	case K_unary_operator:
	case K_conditional_expression:
	case K_attribute:
	case K_subscript:
	case K_call:
	case K_await:
	case K_lambda:
	case K_list_splat:
	case K_dictionary_splat:
	case K_for_in_clause:
	case K_if_clause:
	case K_interpolation:
		return false;
	default:
		return true;
	}
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

static void write_token(struct writer *writer, uint32_t n)
{
	const struct tree *tree = writer->canon->tree;
	const struct node *node = &tree->nodes[n];
	enum kind above = parent_kind(tree, n);
	uint32_t statement = node->parent;

	switch (node->kind) {
	case T_SEMICOLON:
		return;
	case T_COMMA:
		if (is_trailing_comma(tree, n))
			return;
		break;
	case T_OPEN:
	case T_CLOSE:
		if (above == K_parenthesized_expression && is_redundant(tree, statement))
			return;
		if (above == K_import_from_statement || above == K_future_import_statement)
			return;
		break;
	default:
		break;
	}
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
			if (kind_of(tree, n) == K_string)
				literal_write(tree, n, &writer->canon->text);
			else
				text_write(tree, n, &writer->canon->text);
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

	for (uint32_t end = tree->nodes[n].next; n < end && !clock_late(tree->clock);) {
		if (is_extra(tree, n) || write_layout(&writer, n) || write_whole(&writer, n)) {
			n = tree->nodes[n].next;
		} else {
			if (is_leaf(tree, n))
				write_token(&writer, n);
			n++;
		}
	}
}
