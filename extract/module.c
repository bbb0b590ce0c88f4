#include "module.h"
#include "canon.h"
#include "extract.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *suffix;
	int type;
} suffixes[] = {
	{ "SensorOperator", PF_SENSOR }, /* BaseSensorOperator */
	{ "Operator", PF_OPERATOR },	 { "Sensor", PF_SENSOR },     { "Hook", PF_HOOK },
	{ "Trigger", PF_TRIGGER },	 { "Notifier", PF_NOTIFIER },
};

enum rank { RANK_NESTED, RANK_ALTERNATIVE, RANK_CONDITIONAL, RANK_PLAIN };

static const char stands_in[] = "stands in for an import that failed";
static const char defined_again[] = "defined more than once; another definition stands for it";

static int suffix_type(slice name)
{
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
		if (slice_ends(name, suffixes[i].suffix))
			return suffixes[i].type;
	return 0;
}

uint32_t without_subscript(const struct tree *tree, uint32_t n)
{
	while (kind_of(tree, n) == K_subscript) {
		uint32_t value = child_field(tree, n, F_value);

		if (value == NONE)
			break;
		n = value;
	}
	return n;
}

bool handles_import_error(const struct tree *tree, uint32_t except_clause)
{
	uint32_t value = first_named(tree, except_clause);
	slice text;

	if (value == NONE || kind_of(tree, value) == K_block)
		return true;
	text = text_of(tree, value);
	return slice_has(text, "ImportError") || slice_has(text, "ModuleNotFoundError") ||
	       slice_is(text, "Exception") || slice_has(text, "AirflowOptionalProviderFeatureException");
}

static int place_rank(const struct tree *tree, uint32_t n)
{
	int rank = RANK_PLAIN;

	for (uint32_t above = parent_of(tree, n); above != NONE; above = parent_of(tree, above)) {
		switch (kind_of(tree, above)) {
		case K_class_definition:
		case K_function_definition:
			return RANK_NESTED;
		case K_except_clause:
		case K_except_group_clause:
		case K_else_clause:
		case K_elif_clause:
		case K_finally_clause:
			rank = RANK_ALTERNATIVE;
			break;
		case K_if_statement:
		case K_try_statement:
		case K_with_statement:
		case K_for_statement:
		case K_while_statement:
		case K_match_statement:
			if (rank == RANK_PLAIN)
				rank = RANK_CONDITIONAL;
			break;
		default:
			break;
		}
	}
	return rank;
}

static bool add_class(struct classes *classes, const struct scopes *scopes, uint32_t n)
{
	const struct tree *tree = scopes->tree;
	uint32_t name = child_field(tree, n, F_name);
	struct class_info *info;

	if (name == NONE)
		return true;
	if (!array_room(&classes->list, &classes->room, classes->count, sizeof *classes->list)) {
		classes->failed = true;
		return false;
	}
	info = &classes->list[classes->count++];
	*info = (struct class_info){
		.node = n,
		.outer = parent_kind(tree, n) == K_decorated_definition ? parent_of(tree, n) : n,
		.scope = scope_of_class(scopes, n),
		.name = text_of(tree, name),
		.bases = child_field(tree, n, F_superclasses),
		.component_base = NONE,
	};
	info->rank = place_rank(tree, info->outer);
	return true;
}

static uint32_t class_at(const struct classes *classes, uint32_t node)
{
	uint32_t low = 0, high = classes->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (classes->list[middle].node < node)
			low = middle + 1;
		else
			high = middle;
	}
	return low < classes->count && classes->list[low].node == node ? low : NONE;
}

/* The class of this module that the base expression N names, NONE where it comes from elsewhere. */
static uint32_t local_base(const struct classes *classes, const struct scopes *scopes, uint32_t n)
{
	uint32_t b;

	if (kind_of(scopes->tree, n) != K_identifier)
		return NONE;
	b = scope_resolve(scopes, n);
	if (b == NONE || !(scopes->bindings[b].flags & BIND_CLASS) || scopes->bindings[b].flags & BIND_IMPORT)
		return NONE;
	return class_at(classes, parent_of(scopes->tree, scopes->bindings[b].node));
}

static int base_type(struct classes *classes, const struct scopes *scopes, uint32_t n, pf_text *name)
{
	pf_text_reset(name);
	name_write(scopes, n, name);
	classes->failed |= name->failed;
	return name->bytes ? suffix_type(slice_last((slice){ name->bytes, (uint32_t)name->len })) : 0;
}

/*
 * What the bases of CLASS say, as far as it is known: classes of the module
 * count once they are resolved, and rounds go on until none changes any more.
 */
static bool resolve_class(struct classes *classes, struct scopes *scopes, struct class_info *info, pf_text *name)
{
	const struct tree *tree = scopes->tree;

	if (info->bases == NONE)
		return false;
	FOR_NAMED (tree, info->bases, argument) {
		uint32_t base = without_subscript(tree, argument), local;
		int type;

		if (kind_of(tree, argument) == K_keyword_argument)
			continue;
		local = local_base(classes, scopes, base);
		type = base_type(classes, scopes, base, name);
		if (!type && local != NONE)
			type = classes->list[local].type;
		if (type) {
			info->type = type;
			info->component_base = base;
			info->resolved = true;
			return true;
		}
	}
	return false;
}

/* The class stands where an import of its name, or of the frameworks's base class, has failed. */
static bool is_stand_in(const struct scopes *scopes, const struct class_info *info)
{
	const struct tree *tree = scopes->tree;
	uint32_t name = child_field(tree, info->node, F_name);
	uint32_t b = scope_find(scopes, tree->nodes[info->outer].scope, text_of(tree, name));
	uint32_t handler;

	if (b != NONE && scopes->bindings[b].flags & BIND_IMPORT)
		return true;
	handler = ancestor_kind(tree, info->outer, K_except_clause);
	return handler != NONE && handles_import_error(tree, handler) && slice_starts(info->name, "Base") &&
	       info->name.len <= sizeof "BaseOperator" - 1;
}

static int compare_names(const void *a, const void *b)
{
	const struct class_info *x = *(struct class_info *const *)a, *y = *(struct class_info *const *)b;
	uint32_t len = x->name.len < y->name.len ? x->name.len : y->name.len;
	int order = memcmp(x->name.at, y->name.at, len);

	if (!order && x->name.len != y->name.len)
		order = x->name.len < y->name.len ? -1 : 1;
	return order ? order : x < y ? -1 : x > y;
}

/* Of the definitions of a name, the one that stands for it; the others are skipped. */
static bool choose(struct classes *classes)
{
	struct class_info **sorted = calloc(classes->count + 1, sizeof *sorted), *a = NULL;
	uint32_t count = 0;

	if (!sorted)
		return false;
	for (uint32_t i = 0; i < classes->count; i++)
		if (classes->list[i].type && !classes->list[i].skipped)
			sorted[count++] = &classes->list[i];
	if (count)
		qsort(sorted, count, sizeof(struct class_info *), compare_names);
	for (uint32_t i = 0; i < count; i++) {
		struct class_info *b = sorted[i];

		if (!a || !slice_same(a->name, b->name)) {
			a = b;
		} else if (b->rank > a->rank || (b->rank == a->rank && a->rank == RANK_PLAIN)) {
			a->skipped = defined_again;
			a = b;
		} else {
			b->skipped = defined_again;
		}
	}
	free(sorted);
	return true;
}

static bool owners(struct classes *classes, const struct scopes *scopes)
{
	while (classes->by_scope_room < scopes->count)
		if (!array_room(&classes->by_scope, &classes->by_scope_room, classes->by_scope_room,
				sizeof *classes->by_scope))
			return false;
	for (uint32_t s = 0; s < scopes->count; s++)
		classes->by_scope[s] = s ? NONE - 1 : NONE;
	for (uint32_t i = 0; i < classes->count; i++)
		if (classes->list[i].type && !classes->list[i].skipped && classes->list[i].scope != NONE)
			classes->by_scope[classes->list[i].scope] = i;
	/* Scopes stand after those around them. */
	for (uint32_t s = 1; s < scopes->count; s++)
		if (classes->by_scope[s] == NONE - 1)
			classes->by_scope[s] = classes->by_scope[scopes->scopes[s].parent];
	return true;
}

bool classes_build(struct classes *classes, struct scopes *scopes)
{
	const struct tree *tree = scopes->tree;
	pf_text name = { 0 };
	bool changed = true, upwards = false;

	classes->count = 0;
	classes->failed = false;
	for (uint32_t n = 0; n < tree->count && !clock_late(tree->clock); n++)
		if (tree->nodes[n].kind == K_class_definition && !add_class(classes, scopes, n))
			return false;
	while (changed && !clock_late(tree->clock)) {
		changed = false;
		/* Downwards and upwards by turns: bases that stand in either order take one round. */
		for (uint32_t i = 0; i < classes->count && !clock_late(tree->clock); i++) {
			struct class_info *info = &classes->list[upwards ? classes->count - 1 - i : i];

			if (!info->resolved)
				changed |= resolve_class(classes, scopes, info, &name);
		}
		upwards = !upwards;
	}
	pf_text_free(&name);
	for (uint32_t i = 0; i < classes->count; i++) {
		struct class_info *info = &classes->list[i];

		if (!info->type)
			info->type = suffix_type(info->name);
		if (info->type && is_stand_in(scopes, info))
			info->skipped = stands_in;
	}
	classes->failed |= !choose(classes) || !owners(classes, scopes);
	return !classes->failed && !tree->clock->late;
}

void classes_free(struct classes *classes)
{
	free(classes->list);
	free(classes->by_scope);
	*classes = (struct classes){ 0 };
}

/*
 * McCabe 1976: decisions plus one, for each def. Decisions are if, elif, for,
 * while, except, case, assert, the conditional expression, each `and` and
 * `or`, and each `for` and `if` of a comprehension: what radon counts, so that
 * scores compare. `with`, `else` and `finally` decide nothing.
 */
int class_complexity(const struct tree *tree, uint32_t node)
{
	int score = 0;

	for (uint32_t n = node; n < tree->nodes[node].next; n++) {
		switch (kind_of(tree, n)) {
		case K_function_definition:
		case K_if_statement:
		case K_elif_clause:
		case K_for_statement:
		case K_while_statement:
		case K_except_clause:
		case K_except_group_clause:
		case K_case_clause:
		case K_assert_statement:
		case K_conditional_expression:
		case K_boolean_operator:
		case K_for_in_clause:
		case K_if_clause:
			score++;
			break;
		default:
			break;
		}
	}
	return score;
}
