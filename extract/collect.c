#include "collect.h"
#include "trivial.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* --- members --------------------------------------------------------------------------------------------------- */

static void put_scratch(struct collect *c, pf_json *json, const char *key)
{
	pf_json_bytes(json, key, c->scratch.bytes ? c->scratch.bytes : "", c->scratch.len);
	c->failed |= c->scratch.failed;
}

void put_text(struct collect *c, pf_json *json, const char *key, uint32_t n)
{
	if (n == NONE) {
		pf_json_null(json, key);
		return;
	}
	pf_text_reset(&c->scratch);
	text_write(c->tree, n, &c->scratch);
	put_scratch(c, json, key);
}

void put_head(struct collect *c, pf_json *json, const char *key, uint32_t n)
{
	uint32_t body = child_field(c->tree, n, F_body), end;

	if (body == NONE)
		body = child_field(c->tree, n, F_consequence);
	/* Up to the colon: comments stand between it and the body. */
	end = c->tree->nodes[n].end;
	FOR_CHILDREN (c->tree, n, child) {
		if (child == body)
			break;
		if (kind_of(c->tree, child) == T_COLON)
			end = c->tree->nodes[child].end;
	}
	pf_text_reset(&c->scratch);
	text_write_range(c->tree, n, end, &c->scratch);
	put_scratch(c, json, key);
}

void put_code(struct collect *c, pf_json *json, const char *key, uint32_t first, uint32_t last)
{
	pf_text_reset(&c->scratch);
	code_write(c->tree, first, last, RECORD_CODE_LIMIT, &c->scratch);
	put_scratch(c, json, key);
}

void put_name(struct collect *c, pf_json *json, const char *key, uint32_t n)
{
	if (n == NONE) {
		pf_json_null(json, key);
		return;
	}
	pf_text_reset(&c->scratch);
	name_write(c->scopes, n, &c->scratch);
	put_scratch(c, json, key);
}

void put_slice(pf_json *json, const char *key, slice text)
{
	pf_json_bytes(json, key, text.at, text.len);
}

void put_line(struct collect *c, pf_json *json, uint32_t n)
{
	pf_json_int(json, "line", tree_line(c->tree, c->tree->nodes[n].start));
}

void put_annotation(struct collect *c, pf_json *json, const char *key, uint32_t n)
{
	put_text(c, json, key, n);
}

/* --- units ----------------------------------------------------------------------------------------------------- */

void canon_puts(struct collect *c, const char *text)
{
	pf_text_puts(&c->canon.text, text);
}

void canon_slice(struct collect *c, slice text)
{
	pf_text_add(&c->canon.text, text.at, text.len);
}

static bool seen_grow(struct seen *seen)
{
	uint32_t room = seen->room ? seen->room * 2 : 256;
	uint64_t *slots = calloc(room, sizeof *slots);

	if (!slots)
		return false;
	for (uint32_t i = 0; i < seen->room; i++) {
		uint32_t at;

		if (!seen->slots[i])
			continue;
		for (at = (uint32_t)seen->slots[i] & (room - 1); slots[at]; at = (at + 1) & (room - 1))
			;
		slots[at] = seen->slots[i];
	}
	free(seen->slots);
	seen->slots = slots;
	seen->room = room;
	return true;
}

/* False where HASH is there already. */
static bool seen_add(struct collect *c, uint64_t hash)
{
	struct seen *seen = &c->seen;
	uint32_t at;

	hash = hash ? hash : 1;
	if (seen->count * 2 >= seen->room && !seen_grow(seen)) {
		c->failed = true;
		return false;
	}
	for (at = (uint32_t)hash & (seen->room - 1); seen->slots[at]; at = (at + 1) & (seen->room - 1))
		if (seen->slots[at] == hash)
			return false;
	seen->slots[at] = hash;
	seen->count++;
	return true;
}

static XXH128_hash_t sign(struct collect *c, const char *name)
{
	const char *type = pf_pattern_type_name(c->type);
	XXH128_canonical_t canonical;
	XXH128_hash_t hash;

	pf_text_reset(&c->scratch);
	pf_text_add(&c->scratch, type, strlen(type) + 1);
	pf_text_add(&c->scratch, name, strlen(name) + 1);
	pf_text_add(&c->scratch, c->canon.text.bytes ? c->canon.text.bytes : "", c->canon.text.len);
	hash = XXH3_128bits(c->scratch.bytes ? c->scratch.bytes : "", c->scratch.len);
	XXH128_canonicalFromHash(&canonical, hash);
	for (size_t i = 0; i < sizeof canonical.digest; i++) {
		c->signature[2 * i] = "0123456789abcdef"[canonical.digest[i] >> 4];
		c->signature[2 * i + 1] = "0123456789abcdef"[canonical.digest[i] & 15];
	}
	c->signature[32] = '\0';
	return hash;
}

pf_json *unit_start(struct collect *c, const char *name)
{
	XXH128_hash_t hash;

	if (c->failed || c->tree->clock->late)
		return NULL;
	hash = sign(c, name);
	c->failed |= c->canon.text.failed || c->scratch.failed;
	if (c->failed || !seen_add(c, hash.low64))
		return NULL;
	c->unit = name;
	pf_text_reset(&c->data);
	c->data_json = pf_json_start_members(&c->data, 2);
	return &c->data_json;
}

/* TEXT cut to CODE_LIMIT bytes, between characters. */
static size_t cut(const pf_text *text)
{
	size_t len = text->len;

	if (len <= CODE_LIMIT)
		return len;
	len = CODE_LIMIT;
	while (len && ((unsigned char)text->bytes[len] & 0xc0) == 0x80)
		len--;
	return len;
}

void unit_end(struct collect *c, uint32_t first, uint32_t last)
{
	pf_component *component = c->component;
	pf_json *json = &c->data_json;
	uint32_t count = (uint32_t)component->pattern_count;
	int first_line = (int)tree_line(c->tree, c->tree->nodes[first].start);
	uint32_t end = c->tree->nodes[last].end;
	int last_line;
	char *data;

	while (end > c->tree->nodes[last].start && c->tree->source[end - 1] == '\n')
		end--;
	last_line = (int)tree_line(c->tree, end);
	pf_json_bytes(json, "template", c->canon.text.bytes ? c->canon.text.bytes : "", cut(&c->canon.text));
	pf_text_reset(&c->scratch);
	code_write(c->tree, first, last, CODE_LIMIT, &c->scratch);
	put_scratch(c, json, "code");
	pf_json_list(json, "lines");
	pf_json_int(json, NULL, first_line);
	pf_json_int(json, NULL, last_line);
	pf_json_end(json);
	data = c->data.failed ? NULL : strndup(c->data.bytes, c->data.len);
	if (!data || !array_room(&component->patterns, &c->pattern_room, count, sizeof *component->patterns)) {
		free(data);
		c->failed = true;
		return;
	}
	component->patterns[count] = (pf_pattern){
		.type = (enum pf_pattern_type)c->type,
		.name = c->unit,
		.trivial = is_trivial(c->unit, (slice){ c->canon.text.bytes, (uint32_t)c->canon.text.len }),
		.data = data,
		.first_line = first_line,
		.last_line = last_line,
	};
	memcpy(component->patterns[count].signature, c->signature, sizeof c->signature);
	component->pattern_count++;
	c->written += c->data.len;
}

/* --- definitions and calls ------------------------------------------------------------------------------------- */

uint32_t with_decorators(const struct tree *tree, uint32_t definition)
{
	return parent_kind(tree, definition) == K_decorated_definition ? parent_of(tree, definition) : definition;
}

slice name_of(const struct tree *tree, uint32_t definition)
{
	uint32_t name = child_field(tree, definition, F_name);

	return name == NONE ? SLICE("") : text_of(tree, name);
}

bool has_decorator_named(const struct tree *tree, uint32_t definition, const char *name)
{
	uint32_t outer = with_decorators(tree, definition);

	if (outer == definition)
		return false;
	FOR_CHILDREN (tree, outer, child) {
		uint32_t expression = kind_of(tree, child) == K_decorator ? first_named(tree, child) : NONE;

		if (kind_of(tree, expression) == K_call)
			expression = child_field(tree, expression, F_function);
		if (kind_of(tree, expression) == K_attribute)
			expression = child_field(tree, expression, F_attribute);
		if (expression != NONE && slice_is(text_of(tree, expression), name))
			return true;
	}
	return false;
}

static uint32_t method_in(const struct tree *tree, uint32_t body, const char *name)
{
	uint32_t found = NONE;

	if (body == NONE)
		return NONE;
	FOR_NAMED (tree, body, child) {
		uint32_t definition = child;

		if (kind_of(tree, child) == K_decorated_definition)
			definition = child_field(tree, child, F_definition);
		if (kind_of(tree, definition) == K_function_definition && slice_is(name_of(tree, definition), name) &&
		    !has_decorator_named(tree, definition, "overload"))
			found = definition;
	}
	return found;
}

uint32_t find_method(const struct collect *c, const char *name)
{
	return method_in(c->tree, child_field(c->tree, c->class->node, F_body), name);
}

bool is_in_function(const struct collect *c, uint32_t n, uint32_t definition)
{
	uint32_t scope = scope_function(c->scopes, n);

	return scope != NONE && c->scopes->scopes[scope].node == definition;
}

slice called_name(const struct tree *tree, uint32_t call)
{
	uint32_t function = child_field(tree, call, F_function);

	if (kind_of(tree, function) == K_attribute)
		function = child_field(tree, function, F_attribute);
	return kind_of(tree, function) == K_identifier ? text_of(tree, function) : SLICE("");
}

bool is_super_call_of(const struct tree *tree, uint32_t call, const char *name)
{
	uint32_t function = child_field(tree, call, F_function), object;

	if (kind_of(tree, call) != K_call || kind_of(tree, function) != K_attribute ||
	    !slice_is(called_name(tree, call), name))
		return false;
	object = child_field(tree, function, F_object);
	if (kind_of(tree, object) == K_call)
		return slice_is(called_name(tree, object), "super");
	/* Base.__init__(self, …): only for dunder names, which nobody calls otherwise. */
	return kind_of(tree, object) == K_identifier && name[0] == '_' && !slice_is(text_of(tree, object), "self");
}

uint32_t main_method(const struct collect *c, const char **name)
{
	static const char *const names[PF_COMPONENT_TYPE_END][2] = {
		[PF_OPERATOR] = { "execute", NULL }, [PF_SENSOR] = { "poke", "execute" },
		[PF_HOOK] = { "get_conn", NULL },    [PF_TRIGGER] = { "run", NULL },
		[PF_NOTIFIER] = { "notify", NULL },
	};

	for (int i = 0; i < 2 && names[c->class->type][i]; i++) {
		uint32_t found = find_method(c, names[c->class->type][i]);

		*name = names[c->class->type][i];
		if (found != NONE)
			return found;
	}
	*name = NULL;
	return NONE;
}

/* --- argument shapes ------------------------------------------------------------------------------------------- */

/* Text in the making: "…", f"…", "…" % x, "…".format(x), "…" + x. */
static bool is_text(const struct tree *tree, uint32_t n)
{
	for (int i = 0; i < 64; i++) {
		if (string_is(tree, n))
			return true;
		if (kind_of(tree, n) == K_binary_operator) {
			enum kind sign = kind_of(tree, child_field(tree, n, F_operator));

			if (sign != T_PERCENT && sign != T_PLUS)
				return false;
			n = child_field(tree, n, F_left);
		} else if (kind_of(tree, n) == K_call &&
			   (slice_is(called_name(tree, n), "format") || slice_is(called_name(tree, n), "join"))) {
			n = child_field(tree, child_field(tree, n, F_function), F_object);
		} else {
			return false;
		}
		if (n == NONE)
			return false;
	}
	return false;
}

static const char *shape_of(const struct tree *tree, uint32_t n)
{
	if (is_text(tree, n))
		return "$str";
	switch (kind_of(tree, n)) {
	case K_identifier:
	case K_attribute:
		return "$";
	case K_integer:
	case K_float:
		return "$num";
	case K_true:
		return "True";
	case K_false:
		return "False";
	case K_none:
		return "None";
	case K_call:
	case K_await:
		return "$call";
	default:
		return "$expr";
	}
}

void shape_write(struct collect *c, uint32_t arguments)
{
	const struct tree *tree = c->tree;
	bool first = true;

	canon_puts(c, "(");
	if (kind_of(tree, arguments) == K_generator_expression) {
		canon_puts(c, "$expr");
	} else if (arguments != NONE) {
		FOR_NAMED (tree, arguments, argument) {
			if (!first)
				canon_puts(c, ", ");
			first = false;
			if (kind_of(tree, argument) == K_keyword_argument) {
				canon_slice(c, name_of(tree, argument));
				canon_puts(c, "=");
				canon_puts(c, shape_of(tree, child_field(tree, argument, F_value)));
			} else if (kind_of(tree, argument) == K_list_splat) {
				canon_puts(c, "*$");
			} else if (kind_of(tree, argument) == K_dictionary_splat) {
				canon_puts(c, "**$");
			} else {
				canon_puts(c, shape_of(tree, argument));
			}
		}
	}
	canon_puts(c, ")");
}

/* --- log calls ------------------------------------------------------------------------------------------------- */

static bool is_logger_name(slice name)
{
	return slice_is(name, "log") || slice_ends(name, "_log") || slice_ends(name, "logger") ||
	       slice_ends(name, "logging") || slice_is(name, "LOG") || slice_is(name, "LOGGER") ||
	       slice_is(name, "getLogger");
}

/* What a module, a function or the component itself got from getLogger, whatever its name. */
static bool is_got_logger(const struct scopes *scopes, uint32_t n)
{
	const struct tree *tree = scopes->tree;
	uint32_t b = NONE, name = child_field(tree, n, F_attribute);

	if (kind_of(tree, n) == K_identifier)
		b = scope_resolve(scopes, n);
	else if (name != NONE)
		b = scope_attribute(scopes, scope_of_self(scopes, child_field(tree, n, F_object)), text_of(tree, name));
	return b != NONE && scopes->bindings[b].flags & BIND_LOGGER;
}

bool is_log_call(const struct scopes *scopes, uint32_t call, slice *level)
{
	const struct tree *tree = scopes->tree;
	static const char *const levels[] = { "debug",	   "info",     "warning", "warn", "error",
					      "exception", "critical", "fatal",	  "log" };
	uint32_t function = child_field(tree, call, F_function), object, name;
	bool is_level = false;

	if (kind_of(tree, call) != K_call || kind_of(tree, function) != K_attribute)
		return false;
	*level = called_name(tree, call);
	for (size_t i = 0; i < sizeof levels / sizeof *levels && !is_level; i++)
		is_level = slice_is(*level, levels[i]);
	if (!is_level)
		return false;
	object = child_field(tree, function, F_object);
	if (kind_of(tree, object) == K_call)
		object = child_field(tree, object, F_function);
	name = kind_of(tree, object) == K_attribute ? child_field(tree, object, F_attribute) : object;
	return kind_of(tree, name) == K_identifier &&
	       (is_logger_name(text_of(tree, name)) || is_got_logger(scopes, object));
}

/* --- exceptions and actions ------------------------------------------------------------------------------------ */

/* The expression that a handler names, less `as e`; NONE for a bare except. */
static uint32_t handled(const struct tree *tree, uint32_t except_clause)
{
	uint32_t value = first_named(tree, except_clause);

	if (kind_of(tree, value) == K_block)
		return NONE;
	if (kind_of(tree, value) == K_as_pattern)
		value = first_named(tree, value);
	return value;
}

void put_exceptions(struct collect *c, pf_json *json, const char *key, uint32_t except_clause)
{
	uint32_t value = handled(c->tree, except_clause);

	pf_json_list(json, key);
	if (kind_of(c->tree, value) == K_tuple) {
		FOR_NAMED (c->tree, value, member)
			put_name(c, json, NULL, member);
	} else if (value != NONE)
		put_name(c, json, NULL, value);
	pf_json_end(json);
}

enum { EXCEPTIONS = 32 };

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void exceptions_write(struct collect *c, uint32_t except_clause, pf_text *out)
{
	uint32_t value = handled(c->tree, except_clause);
	char *names[EXCEPTIONS];
	pf_text text = { 0 };
	int count = 0;

	if (kind_of(c->tree, value) != K_tuple) {
		if (value != NONE)
			type_write(c->scopes, value, out);
		return;
	}
	FOR_NAMED (c->tree, value, member) {
		if (count == EXCEPTIONS)
			break;
		type_write(c->scopes, member, &text);
		names[count] = pf_text_take(&text);
		if (names[count])
			count++;
		else
			c->failed = true;
	}
	qsort(names, (size_t)count, sizeof *names, compare_lines);
	for (int i = 0; i < count; i++) {
		if (i)
			pf_text_puts(out, ", ");
		pf_text_puts(out, names[i]);
		free(names[i]);
	}
}

/* What one statement does, in a word; PREFIX is "log_" where it logs. */
static slice action_of(const struct scopes *scopes, uint32_t n, const char **prefix)
{
	const struct tree *tree = scopes->tree;
	uint32_t inner = first_named(tree, n);
	slice level;

	*prefix = "";
	switch (kind_of(tree, n)) {
	case K_raise_statement:
		return inner == NONE ? SLICE("reraise") : SLICE("raise");
	case K_return_statement:
		if (inner == NONE)
			return SLICE("return");
		return kind_of(tree, inner) == K_none ? SLICE("return_none") : SLICE("return_value");
	case K_pass_statement:
		return SLICE("pass");
	case K_break_statement:
		return SLICE("break");
	case K_continue_statement:
		return SLICE("continue");
	case K_if_statement:
	case K_match_statement:
		return SLICE("branch");
	case K_for_statement:
	case K_while_statement:
		return SLICE("loop");
	case K_with_statement:
		return SLICE("with");
	case K_try_statement:
		return SLICE("try");
	case K_delete_statement:
		return SLICE("delete");
	case K_assert_statement:
		return SLICE("assert");
	case K_import_statement:
	case K_import_from_statement:
		return SLICE("import");
	case K_function_definition:
	case K_class_definition:
	case K_decorated_definition:
		return SLICE("define");
	case K_expression_statement:
		break;
	default:
		return SLICE("other");
	}
	if (kind_of(tree, inner) == K_await)
		inner = first_named(tree, inner);
	switch (kind_of(tree, inner)) {
	case K_assignment:
	case K_augmented_assignment:
		return SLICE("assign");
	case K_yield:
		return SLICE("yield");
	case K_call:
		if (!is_log_call(scopes, inner, &level))
			return SLICE("call");
		*prefix = "log_";
		return level;
	case K_string:
	case K_concatenated_string:
		return SLICE("");
	default:
		return SLICE("other");
	}
}

void put_actions(struct collect *c, pf_json *json, const char *key, uint32_t block)
{
	pf_json_list(json, key);
	if (block != NONE)
		FOR_NAMED (c->tree, block, statement) {
			const char *prefix;
			slice action = action_of(c->scopes, statement, &prefix);

			if (!action.len)
				continue;
			pf_text_reset(&c->scratch);
			pf_text_puts(&c->scratch, prefix);
			pf_text_add(&c->scratch, action.at, action.len);
			put_scratch(c, json, NULL);
		}
	pf_json_end(json);
}

void actions_canon(struct collect *c, uint32_t block)
{
	if (block == NONE)
		return;
	FOR_NAMED (c->tree, block, statement) {
		const char *prefix;
		slice action = action_of(c->scopes, statement, &prefix);

		if (!action.len)
			continue;
		canon_puts(c, "\n    ");
		canon_puts(c, prefix);
		canon_slice(c, action);
	}
}

/* --- what is used ---------------------------------------------------------------------------------------------- */

void mark_used(struct collect *c)
{
	const struct tree *tree = c->tree;

	for (uint32_t n = c->class->outer; n < tree->nodes[c->class->outer].next; n++) {
		enum kind above;
		uint32_t b;

		if (kind_of(tree, n) != K_identifier)
			continue;
		above = parent_kind(tree, n);
		if ((above == K_attribute && tree->nodes[n].field == F_attribute) ||
		    (above == K_keyword_argument && tree->nodes[n].field == F_name) || above == K_dotted_name)
			continue;
		b = scope_resolve(c->scopes, n);
		if (b != NONE)
			c->scopes->bindings[b].used = c->number + 1;
	}
}

bool is_used(const struct collect *c, uint32_t binding)
{
	return binding != NONE && c->scopes->bindings[binding].used == c->number + 1;
}
