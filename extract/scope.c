#include "scope.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* A scope that stands open while the pass runs over its nodes. */
struct open_scope {
	uint32_t scope, end;
};

struct pass {
	struct scopes *scopes;
	struct tree *tree;
	struct open_scope *open;
	uint32_t depth, room;
};

static uint32_t bucket_of(const struct scopes *scopes, uint32_t scope, slice name)
{
	return (uint32_t)XXH3_64bits_withSeed(name.at, name.len, scope) & (scopes->bucket_count - 1);
}

uint32_t scope_find(const struct scopes *scopes, uint32_t scope, slice name)
{
	if (scope == NONE || !scopes->bucket_count)
		return NONE;
	for (uint32_t b = scopes->buckets[bucket_of(scopes, scope, name)]; b != NONE; b = scopes->bindings[b].next)
		if (scopes->bindings[b].scope == scope && slice_same(scopes->bindings[b].name, name))
			return b;
	return NONE;
}

static bool rehash(struct scopes *scopes)
{
	uint32_t count = scopes->bucket_count ? scopes->bucket_count * 2 : 256;
	uint32_t *buckets = realloc(scopes->buckets, count * sizeof *buckets);

	if (!buckets)
		return false;
	scopes->buckets = buckets;
	scopes->bucket_count = count;
	memset(buckets, 0xff, count * sizeof *buckets);
	for (uint32_t b = 0; b < scopes->binding_count; b++) {
		struct binding *binding = &scopes->bindings[b];
		uint32_t bucket = bucket_of(scopes, binding->scope, binding->name);

		binding->next = buckets[bucket];
		buckets[bucket] = b;
	}
	return true;
}

static uint32_t bind(struct scopes *scopes, uint32_t scope, slice name, uint32_t flags, uint32_t node)
{
	uint32_t b = scope_find(scopes, scope, name), bucket;

	if (b != NONE) {
		scopes->bindings[b].flags |= flags;
		return b;
	}
	if ((scopes->binding_count >= scopes->bucket_count && !rehash(scopes)) ||
	    !array_room(&scopes->bindings, &scopes->binding_room, scopes->binding_count, sizeof *scopes->bindings)) {
		scopes->failed = true;
		return NONE;
	}
	b = scopes->binding_count++;
	bucket = bucket_of(scopes, scope, name);
	scopes->bindings[b] = (struct binding){
		.name = name,
		.scope = scope,
		.flags = flags,
		.node = node,
		.import = NONE,
		.next = scopes->buckets[bucket],
	};
	scopes->buckets[bucket] = b;
	return b;
}

static uint32_t add_scope(struct pass *pass, enum scope_kind kind, uint32_t parent, uint32_t node)
{
	struct scopes *scopes = pass->scopes;

	if (!array_room(&scopes->scopes, &scopes->room, scopes->count, sizeof *scopes->scopes)) {
		scopes->failed = true;
		return 0;
	}
	scopes->scopes[scopes->count] = (struct scope){ .kind = kind, .parent = parent, .node = node };
	return scopes->count++;
}

static void enter(struct pass *pass, uint32_t scope, uint32_t n)
{
	if (!array_room(&pass->open, &pass->room, pass->depth, sizeof *pass->open)) {
		pass->scopes->failed = true;
		return;
	}
	pass->open[pass->depth++] = (struct open_scope){ scope, pass->tree->nodes[n].next };
}

static bool has_decorator(const struct tree *tree, uint32_t definition, const char *name)
{
	uint32_t outer = parent_of(tree, definition);

	if (kind_of(tree, outer) != K_decorated_definition)
		return false;
	FOR_CHILDREN (tree, outer, c) {
		uint32_t expression = tree->nodes[c].kind == K_decorator ? first_named(tree, c) : NONE;

		if (expression != NONE && slice_is(text_of(tree, expression), name))
			return true;
	}
	return false;
}

static slice definition_name(const struct tree *tree, uint32_t definition)
{
	uint32_t name = child_field(tree, definition, F_name);

	return name == NONE ? SLICE("") : text_of(tree, name);
}

/* Scopes open where their names begin to count: at parameters and bodies, not at defaults or decorators. */
static void enter_scopes(struct pass *pass, uint32_t n, uint32_t current)
{
	struct tree *tree = pass->tree;
	struct node *node = &tree->nodes[n];
	enum kind above = parent_kind(tree, n);

	switch (node->kind) {
	case K_parameters:
		if (above == K_function_definition)
			enter(pass, add_scope(pass, SCOPE_FUNCTION, current, node->parent), n);
		break;
	case K_block:
		if (above == K_class_definition)
			enter(pass, add_scope(pass, SCOPE_CLASS, current, node->parent), n);
		else if (above == K_function_definition) {
			uint32_t parameters = child_field(tree, node->parent, F_parameters);

			if (parameters != NONE && parameters + 1 < tree->nodes[parameters].next)
				enter(pass, tree->nodes[parameters + 1].scope, n);
		}
		break;
	case K_lambda:
	case K_list_comprehension:
	case K_set_comprehension:
	case K_dictionary_comprehension:
	case K_generator_expression:
		enter(pass, add_scope(pass, SCOPE_EXPRESSION, current, n), n);
		break;
	default:
		/* Defaults and annotations of parameters belong to the scope around the function. */
		if ((node->field == F_value || node->field == F_type) &&
		    (above == K_default_parameter || above == K_typed_default_parameter || above == K_typed_parameter))
			enter(pass, pass->scopes->scopes[current].parent, n);
		break;
	}
}

enum { TARGET_DEPTH = 16 };

/* `with x as (a, [b])`: tree-sitter has an expression there. Nobody nests targets deeper than that. */
static bool in_as_target(const struct tree *tree, uint32_t n)
{
	for (int i = 0; i < TARGET_DEPTH; i++) {
		n = parent_of(tree, n);
		if (kind_of(tree, n) != K_tuple && kind_of(tree, n) != K_list)
			return kind_of(tree, n) == K_as_pattern_target;
	}
	return false;
}

/* The outermost node of the target that N is part of: `a` in `(a, *b) = …` leads to the tuple. */
static uint32_t target_top(const struct tree *tree, uint32_t n)
{
	for (;;) {
		switch (parent_kind(tree, n)) {
		case K_pattern_list:
		case K_tuple_pattern:
		case K_list_pattern:
		case K_list_splat_pattern:
		case K_dictionary_splat_pattern:
		case K_as_pattern_target:
			break;
		case K_tuple: /* `with x as (a, b)` */
		case K_list:
			if (!in_as_target(tree, n))
				return n;
			break;
		default:
			return n;
		}
		n = tree->nodes[n].parent;
	}
}

static bool is_target(const struct tree *tree, uint32_t n)
{
	uint32_t top = target_top(tree, n);
	const struct node *node = &tree->nodes[top];

	switch (parent_kind(tree, top)) {
	case K_assignment:
	case K_augmented_assignment:
	case K_for_statement:
	case K_for_in_clause:
		return node->field == F_left;
	case K_named_expression:
		return node->field == F_name;
	case K_as_pattern:
		return node->kind == K_as_pattern_target || (top > 0 && tree->nodes[top - 1].kind == T_AS);
	case K_except_clause:
		return node->field == F_alias;
	default:
		return false;
	}
}

static bool is_parameter(const struct tree *tree, uint32_t n)
{
	uint32_t top = target_top(tree, n);
	enum kind above = parent_kind(tree, top);
	const struct node *node = &tree->nodes[top];

	if (above == K_typed_parameter)
		return node->field != F_type;
	if (above == K_default_parameter || above == K_typed_default_parameter)
		return node->field == F_name;
	return above == K_parameters || above == K_lambda_parameters;
}

static uint32_t parameter_flags(const struct pass *pass, uint32_t n, uint32_t scope)
{
	const struct tree *tree = pass->tree;
	const struct scope *at = &pass->scopes->scopes[scope];
	uint32_t parameter = n, above = at->parent;
	slice name;

	if (at->kind != SCOPE_FUNCTION || above == NONE || pass->scopes->scopes[above].kind != SCOPE_CLASS)
		return BIND_PARAMETER;
	while (parent_kind(tree, parameter) != K_parameters && parent_of(tree, parameter) != NONE)
		parameter = parent_of(tree, parameter);
	if (first_named(tree, parent_of(tree, parameter)) != parameter ||
	    kind_of(tree, parameter) == K_list_splat_pattern || has_decorator(tree, at->node, "staticmethod"))
		return BIND_PARAMETER;
	name = definition_name(tree, at->node);
	if (has_decorator(tree, at->node, "classmethod") || slice_is(name, "__new__") ||
	    slice_is(name, "__init_subclass__") || slice_is(name, "__class_getitem__"))
		return BIND_PARAMETER | BIND_SELF | BIND_CLS;
	return BIND_PARAMETER | BIND_SELF;
}

static bool gets_logger(const struct tree *tree, uint32_t call)
{
	uint32_t function = child_field(tree, call, F_function);

	if (kind_of(tree, function) == K_attribute)
		function = child_field(tree, function, F_attribute);
	return kind_of(tree, call) == K_call && function != NONE && slice_is(text_of(tree, function), "getLogger");
}

/* What a plain assignment says of the name on its left: None, a logger, or a flag of a try statement. */
static uint32_t value_flags(const struct tree *tree, uint32_t n)
{
	uint32_t statement = parent_of(tree, n), right;

	if (kind_of(tree, statement) != K_assignment || tree->nodes[n].field != F_left)
		return BIND_VALUE;
	right = child_field(tree, statement, F_right);
	if (kind_of(tree, right) == K_none)
		return BIND_VALUE | BIND_NONE;
	if (gets_logger(tree, right))
		return BIND_VALUE | BIND_LOGGER;
	if ((kind_of(tree, right) == K_true || kind_of(tree, right) == K_false) &&
	    ancestor_kind(tree, statement, K_try_statement) != NONE)
		return BIND_VALUE | BIND_FLAG;
	return BIND_VALUE;
}

static void bind_import(struct pass *pass, uint32_t n, uint32_t scope)
{
	const struct tree *tree = pass->tree;
	uint32_t dotted = parent_of(tree, n), statement = parent_of(tree, dotted), b;

	if (kind_of(tree, dotted) == K_aliased_import) {
		if (tree->nodes[n].field != F_alias)
			return;
		b = bind(pass->scopes, scope, text_of(tree, n), BIND_IMPORT, n);
	} else {
		/* `import a.b` binds a. Its alias, where it has one, comes as an identifier of its own. */
		if (tree->nodes[dotted].field != F_name || n != dotted + 1 ||
		    (kind_of(tree, statement) != K_import_statement &&
		     kind_of(tree, statement) != K_import_from_statement &&
		     kind_of(tree, statement) != K_future_import_statement))
			return;
		b = bind(pass->scopes, scope, text_of(tree, n), BIND_IMPORT, n);
	}
	if (b != NONE && pass->scopes->bindings[b].import == NONE)
		pass->scopes->bindings[b].import = dotted;
}

static uint32_t nearest_real(const struct scopes *scopes, uint32_t scope)
{
	while (scopes->scopes[scope].kind == SCOPE_EXPRESSION)
		scope = scopes->scopes[scope].parent;
	return scope;
}

bool is_capture(const struct tree *tree, uint32_t n)
{
	uint32_t dotted = parent_of(tree, n);
	enum kind around = parent_kind(tree, dotted);

	return kind_of(tree, dotted) == K_dotted_name && tree->nodes[dotted].next == dotted + 2 &&
	       (around == K_case_pattern || around == K_union_pattern || around == K_keyword_pattern);
}

static void bind_identifier(struct pass *pass, uint32_t n, uint32_t scope)
{
	const struct tree *tree = pass->tree;
	const struct node *node = &tree->nodes[n];
	slice name = text_of(tree, n);

	switch (parent_kind(tree, n)) {
	case K_attribute:
	case K_call:
	case K_argument_list:
	case K_keyword_argument:
	case K_subscript:
		return;
	case K_dotted_name:
		if (is_capture(tree, n))
			bind(pass->scopes, scope, name, BIND_VALUE, n);
		else
			bind_import(pass, n, scope);
		return;
	case K_aliased_import:
		bind_import(pass, n, scope);
		return;
	case K_function_definition:
		if (node->field == F_name)
			bind(pass->scopes, scope, name, BIND_FUNCTION, n);
		return;
	case K_class_definition:
		if (node->field == F_name)
			bind(pass->scopes, scope, name, BIND_CLASS, n);
		return;
	case K_global_statement:
		bind(pass->scopes, scope, name, scope ? BIND_GLOBAL : BIND_VALUE, n);
		return;
	case K_nonlocal_statement:
		bind(pass->scopes, scope, name, BIND_NONLOCAL, n);
		return;
	case K_splat_pattern:
		bind(pass->scopes, scope, name, BIND_VALUE, n);
		return;
	case K_named_expression:
		if (node->field == F_name) /* := binds outside of a comprehension */
			bind(pass->scopes, nearest_real(pass->scopes, scope), name, BIND_VALUE, n);
		return;
	default:
		break;
	}
	if (is_target(tree, n))
		bind(pass->scopes, scope, name, value_flags(tree, n), n);
	else if (is_parameter(tree, n))
		bind(pass->scopes, scope, name, parameter_flags(pass, n, scope), n);
}

/* `self.x = …` binds x in the class. */
static void bind_attribute(struct pass *pass, uint32_t n)
{
	const struct tree *tree = pass->tree;
	uint32_t object, name, class_scope;

	switch (parent_kind(tree, n)) {
	case K_attribute:
	case K_call:
	case K_argument_list:
	case K_keyword_argument:
		return;
	default:
		break;
	}
	object = child_field(tree, n, F_object);
	name = child_field(tree, n, F_attribute);
	if (kind_of(tree, object) != K_identifier || name == NONE || !is_target(tree, n))
		return;
	class_scope = scope_of_self(pass->scopes, object);
	if (class_scope != NONE)
		bind(pass->scopes, class_scope, text_of(tree, name), value_flags(tree, n), name);
}

/*
 * Two runs: the first sets every node's scope and binds names, the second
 * attributes, whose objects can only be looked up once all names are bound.
 */
bool scopes_build(struct scopes *scopes, struct tree *tree)
{
	struct pass pass = { .scopes = scopes, .tree = tree };

	scopes->tree = tree;
	scopes->count = 0;
	scopes->binding_count = 0;
	scopes->failed = false;
	if (scopes->bucket_count)
		memset(scopes->buckets, 0xff, scopes->bucket_count * sizeof *scopes->buckets);
	enter(&pass, add_scope(&pass, SCOPE_MODULE, NONE, 0), 0);
	for (uint32_t n = 0; n < tree->count && !scopes->failed && !clock_late(tree->clock); n++) {
		while (pass.depth > 1 && pass.open[pass.depth - 1].end <= n)
			pass.depth--;
		tree->nodes[n].scope = pass.open[pass.depth - 1].scope;
		if (!tree->nodes[n].named)
			continue;
		enter_scopes(&pass, n, tree->nodes[n].scope);
		if (scopes->failed)
			break;
		if (pass.open[pass.depth - 1].end == tree->nodes[n].next && tree->nodes[n].kind != K_parameters &&
		    tree->nodes[n].kind != K_block)
			tree->nodes[n].scope = pass.open[pass.depth - 1].scope;
		if (tree->nodes[n].kind == K_identifier)
			bind_identifier(&pass, n, tree->nodes[n].scope);
	}
	for (uint32_t n = 0; n < tree->count && !scopes->failed && !clock_late(tree->clock); n++)
		if (tree->nodes[n].kind == K_attribute)
			bind_attribute(&pass, n);
	free(pass.open);
	return !scopes->failed && !tree->clock->late;
}

void scopes_free(struct scopes *scopes)
{
	free(scopes->scopes);
	free(scopes->bindings);
	free(scopes->buckets);
	*scopes = (struct scopes){ 0 };
}

uint32_t scope_resolve(const struct scopes *scopes, uint32_t n)
{
	const struct tree *tree = scopes->tree;
	uint32_t start = tree->nodes[n].scope;
	slice name = text_of(tree, n);

	for (uint32_t scope = start; scope != NONE; scope = scopes->scopes[scope].parent) {
		uint32_t b;

		if (clock_late(tree->clock))
			return NONE;
		if (scope != start && scopes->scopes[scope].kind == SCOPE_CLASS)
			continue;
		b = scope_find(scopes, scope, name);
		if (b == NONE)
			continue;
		if (scopes->bindings[b].flags & BIND_GLOBAL)
			return scope_find(scopes, 0, name);
		if (scopes->bindings[b].flags & BIND_NONLOCAL)
			continue;
		return b;
	}
	return NONE;
}

uint32_t scope_of_class(const struct scopes *scopes, uint32_t node)
{
	uint32_t body = child_field(scopes->tree, node, F_body);

	if (body == NONE || is_leaf(scopes->tree, body))
		return NONE;
	return scopes->tree->nodes[body + 1].scope;
}

uint32_t scope_of_self(const struct scopes *scopes, uint32_t n)
{
	uint32_t b;

	if (kind_of(scopes->tree, n) != K_identifier)
		return NONE;
	b = scope_resolve(scopes, n);
	if (b == NONE)
		return NONE;
	if (scopes->bindings[b].flags & BIND_SELF)
		return scopes->scopes[scopes->bindings[b].scope].parent;
	if (scopes->bindings[b].flags & BIND_CLASS) {
		uint32_t definition = parent_of(scopes->tree, scopes->bindings[b].node);

		if (kind_of(scopes->tree, definition) == K_class_definition)
			return scope_of_class(scopes, definition);
	}
	return NONE;
}

enum { ANCESTORS = 64 };

/* Classes of the module that a class inherits from, each once, itself first: classes may be bases in a circle. */
struct ancestors {
	uint32_t scopes[ANCESTORS];
	uint32_t count;
};

static void add_ancestor(struct ancestors *ancestors, uint32_t scope)
{
	for (uint32_t i = 0; i < ancestors->count; i++)
		if (ancestors->scopes[i] == scope)
			return;
	if (scope != NONE && ancestors->count < ANCESTORS)
		ancestors->scopes[ancestors->count++] = scope;
}

/* The scope of the class of this module that the base expression N names, NONE where it comes from elsewhere. */
static uint32_t scope_of_base(const struct scopes *scopes, uint32_t n)
{
	uint32_t b, definition;

	while (kind_of(scopes->tree, n) == K_subscript)
		n = child_field(scopes->tree, n, F_value);
	b = kind_of(scopes->tree, n) == K_identifier ? scope_resolve(scopes, n) : NONE;
	if (b == NONE || !(scopes->bindings[b].flags & BIND_CLASS) || scopes->bindings[b].flags & BIND_IMPORT)
		return NONE;
	definition = parent_of(scopes->tree, scopes->bindings[b].node);
	return kind_of(scopes->tree, definition) == K_class_definition ? scope_of_class(scopes, definition) : NONE;
}

uint32_t scope_attribute(const struct scopes *scopes, uint32_t class_scope, slice name)
{
	struct ancestors ancestors = { .count = 0 };

	add_ancestor(&ancestors, class_scope);
	for (uint32_t i = 0; i < ancestors.count && !clock_late(scopes->tree->clock); i++) {
		uint32_t b = scope_find(scopes, ancestors.scopes[i], name);
		uint32_t bases = child_field(scopes->tree, scopes->scopes[ancestors.scopes[i]].node, F_superclasses);

		if (b != NONE)
			return b;
		if (bases == NONE)
			continue;
		FOR_NAMED (scopes->tree, bases, base)
			if (kind_of(scopes->tree, base) != K_keyword_argument)
				add_ancestor(&ancestors, scope_of_base(scopes, base));
	}
	return NONE;
}

bool scope_is_keywords(const struct scopes *scopes, uint32_t binding)
{
	return binding != NONE && scopes->bindings[binding].flags & BIND_PARAMETER &&
	       parent_kind(scopes->tree, scopes->bindings[binding].node) == K_dictionary_splat_pattern;
}

uint32_t scope_function(const struct scopes *scopes, uint32_t n)
{
	uint32_t scope = scopes->tree->nodes[n].scope;

	while (scope != NONE && scopes->scopes[scope].kind == SCOPE_EXPRESSION)
		scope = scopes->scopes[scope].parent;
	return scope != NONE && scopes->scopes[scope].kind == SCOPE_FUNCTION ? scope : NONE;
}
