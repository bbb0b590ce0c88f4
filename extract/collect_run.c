/* What a component does when it runs: its main method, and what it asks the run for. */
#include "collect.h"

#include <stdlib.h>
#include <string.h>

/* --- accesses -------------------------------------------------------------------------------------------------- */

/* The first argument that is given by position, NONE where there is none; the second with SKIP 1. */
static uint32_t positional(const struct tree *tree, uint32_t arguments, int skip)
{
	if (arguments == NONE)
		return NONE;
	FOR_NAMED (tree, arguments, argument) {
		if (kind_of(tree, argument) == K_keyword_argument)
			continue;
		if (skip-- == 0)
			return argument;
	}
	return NONE;
}

static uint32_t keyword(const struct tree *tree, uint32_t arguments, const char *name)
{
	if (arguments == NONE)
		return NONE;
	FOR_NAMED (tree, arguments, argument)
		if (kind_of(tree, argument) == K_keyword_argument && slice_is(name_of(tree, argument), name))
			return child_field(tree, argument, F_value);
	return NONE;
}

static void set_key(const struct tree *tree, struct access *access, uint32_t n)
{
	access->has_key = n != NONE && string_value(tree, n, &access->key);
}

/* The last name of an expression: `a.b.conf`, `x["conf"]` and `conf` are conf. */
static slice last_name(const struct tree *tree, uint32_t n)
{
	slice name = SLICE("");

	switch (kind_of(tree, n)) {
	case K_identifier:
		return text_of(tree, n);
	case K_attribute:
		n = child_field(tree, n, F_attribute);
		return n == NONE ? name : text_of(tree, n);
	case K_subscript:
		string_value(tree, child_field(tree, n, F_subscript), &name);
		return name;
	case K_call:
		return called_name(tree, n);
	default:
		return name;
	}
}

/* `dag_run.conf`, `context["dag_run"].conf`: the object that conf is taken from. */
static bool is_dag_run_conf(const struct tree *tree, uint32_t n)
{
	uint32_t object;

	if (kind_of(tree, n) != K_attribute)
		return false;
	object = child_field(tree, n, F_object);
	return slice_is(last_name(tree, n), "conf") && object != NONE && slice_is(last_name(tree, object), "dag_run");
}

/* What is looked into, as a source; NULL where it is none. */
static const char *source_of(const struct collect *c, uint32_t n)
{
	const struct tree *tree = c->tree;
	slice name = last_name(tree, n);

	if (kind_of(tree, n) == K_call)
		return slice_is(name, "get_current_context") ? "context" : NULL;
	if (is_dag_run_conf(tree, n))
		return "dag_run_conf";
	if (slice_is(name, "params"))
		/* A local params is a dictionary of its own, unless it comes from the context. */
		return kind_of(tree, n) == K_subscript || kind_of(tree, n) == K_attribute ? "params" : NULL;
	if (slice_is(name, "extra_dejson"))
		return "connection";
	if (kind_of(tree, n) != K_identifier)
		return NULL;
	if (slice_is(name, "context") || slice_ends(name, "_context"))
		return "context";
	return scope_is_keywords(c->scopes, scope_resolve(c->scopes, n)) ? "kwargs" : NULL;
}

/* Airflow's conf; its Variables count as that too, for they are set in the same places. */
static bool is_airflow_conf(const struct collect *c, uint32_t n)
{
	uint32_t b;
	slice name;

	if (kind_of(c->tree, n) != K_identifier)
		return false;
	b = scope_resolve(c->scopes, n);
	if (b == NONE || c->scopes->bindings[b].import == NONE)
		return false;
	name = slice_last(import_name(c->tree, c->scopes->bindings[b].import));
	return slice_is(name, "conf") || slice_is(name, "Variable");
}

static struct access subscript_access(const struct collect *c, uint32_t n)
{
	struct access access = { .standard = NONE };
	uint32_t value = child_field(c->tree, n, F_value);

	/* Annotations look the same: `dict[str, Any]`. */
	if (value == NONE || kind_of(c->tree, value) == K_string)
		return access;
	access.source = source_of(c, value);
	set_key(c->tree, &access, child_field(c->tree, n, F_subscript));
	return access;
}

static struct access xcom_access(const struct collect *c, uint32_t arguments)
{
	struct access access = { .source = "xcom", .standard = keyword(c->tree, arguments, "default") };

	set_key(c->tree, &access, keyword(c->tree, arguments, "key"));
	return access;
}

static struct access call_access(const struct collect *c, uint32_t n)
{
	const struct tree *tree = c->tree;
	struct access access = { .standard = NONE };
	uint32_t function = child_field(tree, n, F_function), arguments = child_field(tree, n, F_arguments);
	uint32_t object = child_field(tree, function, F_object);
	slice method = called_name(tree, n);

	if (kind_of(tree, function) != K_attribute || object == NONE)
		return access;
	if (slice_is(method, "xcom_pull") || slice_is(method, "xcom_push")) {
		access = xcom_access(c, arguments);
		access.call = slice_is(method, "xcom_pull") ? "xcom_pull(key=" : "xcom_push(key=";
		if (!access.has_key && slice_is(method, "xcom_push"))
			set_key(tree, &access,
				positional(tree, arguments, kind_of(tree, positional(tree, arguments, 0)) != K_string));
		return access;
	}
	if (slice_is(method, "get_connection")) {
		access.source = "connection";
		access.call = "get_connection(";
		set_key(tree, &access, positional(tree, arguments, 0));
		return access;
	}
	if (is_airflow_conf(c, object) && slice_starts(method, "get")) {
		access.source = "airflow_conf";
		/* conf.get("section", "key"), Variable.get("key") */
		set_key(tree, &access, positional(tree, arguments, 1));
		if (!access.has_key)
			set_key(tree, &access, positional(tree, arguments, 0));
		access.standard = keyword(tree, arguments, "fallback");
		if (access.standard == NONE)
			access.standard = keyword(tree, arguments, "default_var");
		return access;
	}
	if (slice_is(method, "get") || slice_is(method, "pop") || slice_is(method, "setdefault")) {
		access.source = source_of(c, object);
		set_key(tree, &access, positional(tree, arguments, 0));
		access.standard = positional(tree, arguments, 1);
	}
	return access;
}

struct access access_at(const struct collect *c, uint32_t n)
{
	if (kind_of(c->tree, n) == K_subscript)
		return subscript_access(c, n);
	if (kind_of(c->tree, n) == K_call)
		return call_access(c, n);
	return (struct access){ .standard = NONE };
}

/* --- runtime_parameters ---------------------------------------------------------------------------------------- */

static void put_access(struct collect *c, pf_json *json, const struct access *access, uint32_t n)
{
	pf_json_string(json, "source", access->source);
	if (access->has_key)
		put_slice(json, "key", access->key);
	else
		pf_json_null(json, "key");
	put_text(c, json, "default", access->standard);
	put_text(c, json, "expression", n);
	put_line(c, json, n);
}

/* How the access reads: `context["ti"]`, `kwargs.get("schema", ...)`, `xcom_push(key="return_value")`. */
static void access_canon(struct collect *c, const struct access *access)
{
	if (access->call) {
		canon_puts(c, access->call);
	} else {
		canon_puts(c, access->source);
		canon_puts(c, access->standard == NONE ? "[" : ".get(");
	}
	canon_puts(c, access->has_key ? "\"" : "$1");
	if (access->has_key)
		canon_slice(c, access->key);
	canon_puts(c, access->has_key ? "\"" : "");
	if (access->standard != NONE)
		canon_puts(c, ", ...");
	canon_puts(c, access->call || access->standard != NONE ? ")" : "]");
}

static void access_unit(struct collect *c, const struct access *access, uint32_t n)
{
	pf_json *unit;

	canon_start(&c->canon);
	access_canon(c, access);
	unit = unit_start(c, "runtime_access");
	if (!unit)
		return;
	put_access(c, unit, access, n);
	unit_end(c, n, n);
}

void collect_runtime_parameters(struct collect *c)
{
	pf_json_array(&c->record, "accesses");
	for (uint32_t i = 0; i < c->site_count && !clock_late(c->tree->clock); i++) {
		uint32_t n = c->sites[i].node;
		struct access access = access_at(c, n);

		if (!access.source)
			continue;
		pf_json_object(&c->record, NULL);
		put_access(c, &c->record, &access, n);
		pf_json_end(&c->record);
		access_unit(c, &access, n);
	}
	pf_json_end(&c->record);
}

/* --- execution ------------------------------------------------------------------------------------------------- */

enum { KEYS = 64 };

/* What the main method does that its signature does not say. */
struct deeds {
	slice keys[KEYS]; /* of the context, each once */
	uint32_t key_count;
	bool defers, calls_super;
};

static void add_key(struct deeds *deeds, slice key)
{
	for (uint32_t i = 0; i < deeds->key_count; i++)
		if (slice_same(deeds->keys[i], key))
			return;
	if (deeds->key_count < KEYS)
		deeds->keys[deeds->key_count++] = key;
}

static struct deeds read_deeds(const struct collect *c, uint32_t method, const char *name)
{
	struct deeds deeds = { .key_count = 0 };

	for (uint32_t n = method; n < c->tree->nodes[method].next && !clock_late(c->tree->clock); n++) {
		enum kind kind = kind_of(c->tree, n);
		struct access access;

		if (kind != K_call && kind != K_subscript)
			continue;
		if (kind == K_call) {
			deeds.defers |= slice_is(called_name(c->tree, n), "defer") ||
					slice_is(called_name(c->tree, n), "TaskDeferred");
			deeds.calls_super |= is_super_call_of(c->tree, n, name);
		}
		access = access_at(c, n);
		if (access.source && strcmp(access.source, "context") == 0 && access.has_key)
			add_key(&deeds, access.key);
	}
	return deeds;
}

static bool is_async(const struct tree *tree, uint32_t definition)
{
	return kind_of(tree, definition + 1) == T_ASYNC;
}

/* The context's parameter: named so, or annotated so, or the second of a method that Airflow hands it to. */
static uint32_t context_parameter(const struct collect *c, uint32_t method)
{
	uint32_t parameters = child_field(c->tree, method, F_parameters), second = NONE;
	int at = 0;

	if (parameters == NONE)
		return NONE;
	FOR_NAMED (c->tree, parameters, parameter) {
		uint32_t name = parameter;

		if (at++ == 0 || kind_of(c->tree, parameter) == K_keyword_separator ||
		    kind_of(c->tree, parameter) == K_positional_separator)
			continue;
		while (name != NONE && kind_of(c->tree, name) != K_identifier)
			name = first_named(c->tree, name);
		if (name == NONE)
			continue;
		if (slice_is(text_of(c->tree, name), "context"))
			return name;
		if (second == NONE)
			second = name;
	}
	return c->class->type == PF_HOOK || c->class->type == PF_TRIGGER ? NONE : second;
}

static void put_parameters(struct collect *c, pf_json *json, uint32_t method)
{
	uint32_t parameters = child_field(c->tree, method, F_parameters);

	pf_json_list(json, "parameters");
	if (parameters != NONE)
		FOR_NAMED (c->tree, parameters, parameter) {
			uint32_t name = child_field(c->tree, parameter, F_name);

			if (kind_of(c->tree, parameter) == K_keyword_separator ||
			    kind_of(c->tree, parameter) == K_positional_separator)
				continue;
			if (kind_of(c->tree, parameter) == K_typed_parameter)
				name = first_named(c->tree, parameter);
			put_text(c, json, NULL, name == NONE ? parameter : name);
		}
	pf_json_end(json);
}

static bool is_main_return(const struct collect *c, uint32_t i, uint32_t method)
{
	return is_below(c->tree, c->sites[i].node, method) && is_in_function(c, c->sites[i].node, method);
}

static void put_execution(struct collect *c, pf_json *json, uint32_t method, const char *name,
			  const struct deeds *deeds)
{
	pf_json_string(json, "main_method", name);
	if (method == NONE)
		pf_json_null(json, "signature");
	else
		put_head(c, json, "signature", method);
	put_parameters(c, json, method);
	put_text(c, json, "context_parameter", context_parameter(c, method));
	pf_json_bool(json, "is_async", method != NONE && is_async(c->tree, method));
	pf_json_array(json, "returns");
	for (uint32_t i = 0; method != NONE && i < c->site_count; i++)
		if (c->sites[i].capture == CAPTURE_return && is_main_return(c, i, method) &&
		    first_named(c->tree, c->sites[i].node) != NONE)
			put_text(c, json, NULL, first_named(c->tree, c->sites[i].node));
	pf_json_end(json);
	put_text(c, json, "return_annotation", child_field(c->tree, method, F_return_type));
	pf_json_list(json, "context_keys");
	for (uint32_t i = 0; i < deeds->key_count; i++)
		put_slice(json, NULL, deeds->keys[i]);
	pf_json_end(json);
	pf_json_bool(json, "calls_super", deeds->calls_super);
	pf_json_bool(json, "defers", deeds->defers);
}

enum shape {
	RETURNS_NONE,
	RETURNS_NAME,
	RETURNS_ATTRIBUTE,
	RETURNS_CALL,
	RETURNS_SUPER,
	RETURNS_XCOM,
	RETURNS_LITERAL,
	RETURNS_AWAIT,
	RETURNS_CONDITION,
	RETURNS_EXPRESSION,
	YIELDS,
	SHAPE_END,
};

static const char *const shape_names[SHAPE_END] = {
	[RETURNS_NONE] = "return",
	[RETURNS_NAME] = "return $name",
	[RETURNS_ATTRIBUTE] = "return $attribute",
	[RETURNS_CALL] = "return $call",
	[RETURNS_SUPER] = "return super()",
	[RETURNS_XCOM] = "return $xcom",
	[RETURNS_LITERAL] = "return $literal",
	[RETURNS_AWAIT] = "return await $call",
	[RETURNS_CONDITION] = "return $condition",
	[RETURNS_EXPRESSION] = "return $expression",
	[YIELDS] = "yield",
};

static enum shape return_shape(const struct tree *tree, uint32_t n)
{
	uint32_t object;

	if (n == NONE)
		return RETURNS_NONE;
	switch (kind_of(tree, n)) {
	case K_none:
		return RETURNS_NONE;
	case K_identifier:
		return RETURNS_NAME;
	case K_attribute:
		return RETURNS_ATTRIBUTE;
	case K_await:
		return RETURNS_AWAIT;
	case K_call:
		if (slice_starts(called_name(tree, n), "xcom_"))
			return RETURNS_XCOM;
		object = child_field(tree, child_field(tree, n, F_function), F_object);
		return kind_of(tree, object) == K_call && slice_is(called_name(tree, object), "super") ? RETURNS_SUPER
												       : RETURNS_CALL;
	case K_string:
	case K_concatenated_string:
	case K_integer:
	case K_float:
	case K_true:
	case K_false:
	case K_list:
	case K_tuple:
	case K_dictionary:
	case K_set:
	case K_expression_list:
		return RETURNS_LITERAL;
	case K_comparison_operator:
	case K_boolean_operator:
	case K_not_operator:
		return RETURNS_CONDITION;
	default:
		return RETURNS_EXPRESSION;
	}
}

static void returns_canon(struct collect *c, uint32_t method)
{
	bool shapes[SHAPE_END] = { false };

	for (uint32_t i = 0; i < c->site_count; i++)
		if (is_main_return(c, i, method)) {
			uint32_t n = c->sites[i].node;

			shapes[c->sites[i].capture == CAPTURE_yield ? YIELDS
								    : return_shape(c->tree, first_named(c->tree, n))] =
				true;
		}
	for (int i = 0; i < SHAPE_END; i++) {
		if (!shapes[i])
			continue;
		canon_puts(c, "\n    ");
		canon_puts(c, shape_names[i]);
	}
}

static void parameters_canon(struct collect *c, uint32_t method)
{
	uint32_t parameters = child_field(c->tree, method, F_parameters), context = context_parameter(c, method);
	bool first = true;

	canon_puts(c, "(");
	if (parameters != NONE)
		FOR_NAMED (c->tree, parameters, parameter) {
			enum kind kind = kind_of(c->tree, parameter);
			uint32_t inner = kind == K_typed_parameter ? first_named(c->tree, parameter) : parameter;

			if (!first)
				canon_puts(c, ", ");
			canon_puts(c, first								 ? "self"
				      : kind_of(c->tree, inner) == K_list_splat_pattern			 ? "*args"
				      : kind_of(c->tree, inner) == K_dictionary_splat_pattern		 ? "**kwargs"
				      : kind == K_keyword_separator					 ? "*"
				      : kind == K_positional_separator					 ? "/"
				      : is_below(c->tree, context, parameter)				 ? "context"
				      : kind == K_default_parameter || kind == K_typed_default_parameter ? "optional"
													 : "required");
			first = false;
		}
	canon_puts(c, "):");
}

static int compare_keys(const void *a, const void *b)
{
	const slice *x = a, *y = b;
	int order = memcmp(x->at, y->at, x->len < y->len ? x->len : y->len);

	return order ? order : (int)x->len - (int)y->len;
}

static void execution_canon(struct collect *c, uint32_t method, const char *name, struct deeds deeds)
{
	canon_start(&c->canon);
	canon_puts(c, is_async(c->tree, method) ? "async def " : "def ");
	canon_puts(c, name);
	parameters_canon(c, method);
	qsort(deeds.keys, deeds.key_count, sizeof *deeds.keys, compare_keys);
	for (uint32_t i = 0; i < deeds.key_count; i++) {
		canon_puts(c, "\n    context[\"");
		canon_slice(c, deeds.keys[i]);
		canon_puts(c, "\"]");
	}
	if (deeds.calls_super) {
		canon_puts(c, "\n    super().");
		canon_puts(c, name);
		canon_puts(c, "(...)");
	}
	if (deeds.defers)
		canon_puts(c, "\n    self.defer(...)");
	returns_canon(c, method);
}

void collect_execution(struct collect *c)
{
	const char *name;
	uint32_t method = main_method(c, &name);
	struct deeds deeds = { .key_count = 0 };
	pf_json *unit;

	if (method != NONE)
		deeds = read_deeds(c, method, name);
	put_execution(c, &c->record, method, name, &deeds);
	if (method == NONE) {
		pf_json_null(&c->record, "code");
		return;
	}
	pf_text_reset(&c->scratch);
	code_write(c->tree, with_decorators(c->tree, method), method, 0, &c->scratch);
	pf_json_bytes(&c->record, "code", c->scratch.bytes ? c->scratch.bytes : "", c->scratch.len);
	execution_canon(c, method, name, deeds);
	unit = unit_start(c, "execution_pattern");
	if (!unit)
		return;
	put_execution(c, unit, method, name, &deeds);
	unit_end(c, with_decorators(c->tree, method), method);
}
