/*
 * Imports: those of the module's own level and those in the component, not
 * those in other classes and functions.
 */
#include "collect.h"

#include <string.h>

/* One imported name. */
struct item {
	uint32_t statement, node; /* node: dotted_name, aliased_import or wildcard */
	slice module, name, alias;
	int level;
	bool from;
};

/* N's place, in a word. */
static const char *where(const struct collect *c, uint32_t n)
{
	const struct tree *tree = c->tree;

	for (uint32_t above = parent_of(tree, n), below = n; above != NONE;
	     below = above, above = parent_of(tree, above)) {
		uint32_t condition;

		switch (kind_of(tree, above)) {
		case K_function_definition:
			return "function";
		case K_class_definition:
			return "class";
		case K_except_clause:
		case K_except_group_clause:
			return "except";
		case K_try_statement:
			return tree->nodes[below].field == F_body ? "try" : "conditional";
		case K_if_statement:
			condition = child_field(tree, above, F_condition);
			if (condition != NONE && tree->nodes[below].field == F_consequence &&
			    slice_ends(text_of(tree, condition), "TYPE_CHECKING"))
				return "type_checking";
			return "conditional";
		default:
			break;
		}
	}
	return "module";
}

static bool is_relevant(const struct collect *c, const struct site *site)
{
	return site->owner == c->number || c->tree->nodes[site->node].scope == 0;
}

/* Module sites and the component's, in source order: site I of both together, NULL past the end. */
struct merge {
	uint32_t own, outer;
};

static const struct site *next_site(const struct collect *c, struct merge *at)
{
	for (;;) {
		const struct site *own = at->own < c->site_count ? &c->sites[at->own] : NULL;
		const struct site *outer = at->outer < c->module_site_count ? &c->module_sites[at->outer] : NULL;
		const struct site *next = !own ? outer : !outer ? own : own->node < outer->node ? own : outer;

		if (!next || clock_late(c->tree->clock))
			return NULL;
		if (next == own)
			at->own++;
		else
			at->outer++;
		if (is_relevant(c, next))
			return next;
	}
}

static void read_module(const struct tree *tree, struct item *item)
{
	uint32_t module = child_field(tree, item->statement, F_module_name);

	item->from = kind_of(tree, item->statement) != K_import_statement;
	if (kind_of(tree, item->statement) == K_future_import_statement)
		item->module = SLICE("__future__");
	if (kind_of(tree, module) == K_relative_import) {
		uint32_t dots = child_kind(tree, module, K_import_prefix);

		/* Dots may stand apart: each is a level. */
		for (uint32_t i = 0; dots != NONE && i < text_of(tree, dots).len; i++)
			if (text_of(tree, dots).at[i] == '.')
				item->level++;
		module = child_kind(tree, module, K_dotted_name);
	}
	if (module != NONE)
		item->module = text_of(tree, module);
}

/* Fills ITEM from the child N of an import statement; false where N is no imported name. */
static bool read_item(const struct tree *tree, uint32_t statement, uint32_t n, struct item *item)
{
	uint32_t name = n;

	if (tree->nodes[n].field != F_name && kind_of(tree, n) != K_wildcard_import)
		return false;
	*item = (struct item){ .statement = statement, .node = n };
	read_module(tree, item);
	if (kind_of(tree, n) == K_aliased_import) {
		uint32_t alias = child_field(tree, n, F_alias);

		name = child_field(tree, n, F_name);
		if (alias != NONE)
			item->alias = text_of(tree, alias);
	}
	if (name == NONE)
		return false;
	if (item->from)
		item->name = text_of(tree, name);
	else
		item->module = text_of(tree, name);
	return true;
}

static void put_optional(pf_json *json, const char *key, slice text)
{
	if (text.len)
		put_slice(json, key, text);
	else
		pf_json_null(json, key);
}

static void put_item(struct collect *c, pf_json *json, const struct item *item)
{
	put_optional(json, "module", item->module);
	put_optional(json, "name", item->name);
	put_optional(json, "alias", item->alias);
	pf_json_int(json, "level", item->level);
	pf_json_string(json, "where", where(c, item->statement));
}

static void item_canon(struct collect *c, const struct item *item)
{
	if (item->from) {
		canon_puts(c, "from ");
		for (int i = 0; i < item->level; i++)
			canon_puts(c, ".");
		dotted_write(item->module, &c->canon.text);
		canon_puts(c, " import ");
		canon_slice(c, item->name);
	} else {
		canon_puts(c, "import ");
		dotted_write(item->module, &c->canon.text);
	}
	if (item->alias.len) {
		canon_puts(c, " as ");
		canon_slice(c, item->alias);
	}
}

/* The name that the item binds, and its binding. */
static slice bound_name(const struct item *item)
{
	slice name = item->alias.len ? item->alias : item->from ? item->name : item->module;

	/* `import a.b` binds a; there may be white space around the dot. */
	for (uint32_t i = 0; i < name.len; i++)
		if (strchr(". \t\f\n\\", name.at[i]))
			return (slice){ name.at, i };
	return name;
}

static bool is_item_used(const struct collect *c, const struct item *item)
{
	return is_used(c, scope_find(c->scopes, c->tree->nodes[item->node].scope, bound_name(item)));
}

static void item_unit(struct collect *c, const struct item *item)
{
	pf_json *unit;

	if (kind_of(c->tree, item->node) == K_wildcard_import || !is_item_used(c, item))
		return;
	canon_start(&c->canon);
	item_canon(c, item);
	unit = unit_start(c, "import_item");
	if (!unit)
		return;
	put_item(c, unit, item);
	unit_end(c, item->statement, item->statement);
}

/* --- pairs ------------------------------------------------------------------------------------------------------ */

static bool is_import(enum kind kind)
{
	return kind == K_import_statement || kind == K_import_from_statement;
}

/* Whether two import statements bind one name in common. */
static bool binds_same(const struct tree *tree, uint32_t a, uint32_t b)
{
	FOR_CHILDREN (tree, a, x) {
		struct item first, second;

		if (!read_item(tree, a, x, &first))
			continue;
		FOR_CHILDREN (tree, b, y)
			if (read_item(tree, b, y, &second) && slice_same(bound_name(&first), bound_name(&second)))
				return true;
	}
	return false;
}

static uint32_t only_import(const struct tree *tree, uint32_t block)
{
	uint32_t found = NONE;

	if (block == NONE)
		return NONE;
	FOR_NAMED (tree, block, statement) {
		if (!is_import(kind_of(tree, statement)))
			continue;
		if (found != NONE)
			return NONE;
		found = statement;
	}
	return found;
}

/* The import that a handler of TRY makes up for IMPORT with, and that handler. */
static uint32_t fallback_of(const struct tree *tree, uint32_t try, uint32_t import, uint32_t *handler)
{
	FOR_NAMED (tree, try, clause) {
		uint32_t block;

		if (kind_of(tree, clause) != K_except_clause)
			continue;
		block = child_kind(tree, clause, K_block);
		*handler = clause;
		if (block == NONE)
			continue;
		FOR_NAMED (tree, block, statement)
			if (is_import(kind_of(tree, statement)) && binds_same(tree, import, statement))
				return statement;
		/* One import on either side belongs together whatever it binds. */
		if (only_import(tree, child_field(tree, try, F_body)) == import && only_import(tree, block) != NONE)
			return only_import(tree, block);
	}
	return NONE;
}

/* A statement without its first word. */
static void put_rest(struct collect *c, pf_json *json, const char *key, uint32_t statement)
{
	uint32_t first = statement + 1;

	pf_text_reset(&c->scratch);
	text_write_range(c->tree, c->tree->nodes[first].next, c->tree->nodes[statement].end, &c->scratch);
	pf_json_bytes(json, key, c->scratch.bytes ? c->scratch.bytes : "", c->scratch.len);
}

static uint32_t first_handler(const struct tree *tree, uint32_t try)
{
	return child_kind(tree, try, K_except_clause);
}

static bool is_statement_used(const struct collect *c, uint32_t statement)
{
	FOR_CHILDREN (c->tree, statement, child) {
		struct item item;

		if (read_item(c->tree, statement, child, &item) && is_item_used(c, &item))
			return true;
	}
	return false;
}

/* The whole statement in canonical form: its parentheses and trailing comma gone, aliases kept. */
static void statement_canon(struct collect *c, uint32_t statement)
{
	canon_write(&c->canon, statement, CANON_NAMES);
}

static void put_dual(struct collect *c, pf_json *json, uint32_t primary, uint32_t fallback, uint32_t handler)
{
	put_rest(c, json, "primary", primary);
	put_rest(c, json, "fallback", fallback);
	pf_json_string(json, "pattern", "try_except_import");
	put_exceptions(c, json, "exceptions", handler);
}

static void dual_unit(struct collect *c, uint32_t try, uint32_t primary, uint32_t fallback, uint32_t handler)
{
	pf_json *unit;

	if (!is_statement_used(c, primary) && !is_statement_used(c, fallback))
		return;
	canon_start(&c->canon);
	canon_puts(c, "try:\n    ");
	statement_canon(c, primary);
	canon_puts(c, "\nexcept ImportError:\n    ");
	statement_canon(c, fallback);
	unit = unit_start(c, "dual_import");
	if (!unit)
		return;
	put_dual(c, unit, primary, fallback, handler);
	unit_end(c, try, try);
}

/* The names that TRY sets beside its imports, in its body, handlers and else: what tells later whether it worked. */
static void put_flags(struct collect *c, uint32_t try)
{
	pf_json_list(&c->record, "flags");
	FOR_NAMED (c->tree, try, part) {
		uint32_t block = kind_of(c->tree, part) == K_block ? part : child_kind(c->tree, part, K_block);

		if (block == NONE)
			continue;
		FOR_NAMED (c->tree, block, statement) {
			uint32_t assignment = first_named(c->tree, statement), left, b;

			if (kind_of(c->tree, assignment) != K_assignment)
				continue;
			left = child_field(c->tree, assignment, F_left);
			if (kind_of(c->tree, left) != K_identifier)
				continue;
			b = scope_resolve(c->scopes, left);
			/* Once each, where it is bound first; a module set to None is no flag. */
			if (b != NONE && c->scopes->bindings[b].node == left &&
			    !(c->scopes->bindings[b].flags & BIND_IMPORT))
				put_text(c, &c->record, NULL, left);
		}
	}
	pf_json_end(&c->record);
}

typedef void try_visitor(struct collect *c, uint32_t try, uint32_t import, uint32_t fallback, uint32_t handler);

static void each_guarded(struct collect *c, try_visitor *visit)
{
	struct merge at = { 0 };
	const struct site *site;

	while ((site = next_site(c, &at))) {
		uint32_t body;

		if (site->capture != CAPTURE_try || first_handler(c->tree, site->node) == NONE)
			continue;
		body = child_field(c->tree, site->node, F_body);
		if (body == NONE)
			continue;
		FOR_NAMED (c->tree, body, statement) {
			uint32_t handler = NONE, fallback;

			if (!is_import(kind_of(c->tree, statement)))
				continue;
			fallback = fallback_of(c->tree, site->node, statement, &handler);
			visit(c, site->node, statement, fallback, handler);
		}
	}
}

static void visit_dual(struct collect *c, uint32_t try, uint32_t import, uint32_t fallback, uint32_t handler)
{
	(void)try;
	if (fallback == NONE)
		return;
	pf_json_object(&c->record, NULL);
	put_dual(c, &c->record, import, fallback, handler);
	pf_json_end(&c->record);
}

static void visit_guarded(struct collect *c, uint32_t try, uint32_t import, uint32_t fallback, uint32_t handler)
{
	(void)handler;
	/* A try in a function may guard anything: only handlers of import errors tell that it is the import. */
	if (fallback != NONE || !handles_import_error(c->tree, first_handler(c->tree, try)))
		return;
	pf_json_object(&c->record, NULL);
	put_rest(c, &c->record, "primary", import);
	put_exceptions(c, &c->record, "exceptions", first_handler(c->tree, try));
	put_flags(c, try);
	pf_json_end(&c->record);
}

static void visit_dual_unit(struct collect *c, uint32_t try, uint32_t import, uint32_t fallback, uint32_t handler)
{
	if (fallback != NONE)
		dual_unit(c, try, import, fallback, handler);
}

/* --- the collector --------------------------------------------------------------------------------------------- */

static void put_statements(struct collect *c)
{
	struct merge at = { 0 };
	const struct site *site;

	pf_json_array(&c->record, "all_imports");
	while ((site = next_site(c, &at)))
		if (site->capture == CAPTURE_import)
			put_text(c, &c->record, NULL, site->node);
	pf_json_end(&c->record);
}

static void put_items(struct collect *c)
{
	struct merge at = { 0 };
	const struct site *site;

	pf_json_array(&c->record, "import_items");
	while ((site = next_site(c, &at))) {
		if (site->capture != CAPTURE_import)
			continue;
		FOR_CHILDREN (c->tree, site->node, child) {
			struct item item;

			if (!read_item(c->tree, site->node, child, &item))
				continue;
			pf_json_object(&c->record, NULL);
			put_item(c, &c->record, &item);
			pf_json_end(&c->record);
		}
	}
	pf_json_end(&c->record);
}

static void item_units(struct collect *c)
{
	struct merge at = { 0 };
	const struct site *site;

	while ((site = next_site(c, &at))) {
		if (site->capture != CAPTURE_import)
			continue;
		FOR_CHILDREN (c->tree, site->node, child) {
			struct item item;

			if (read_item(c->tree, site->node, child, &item))
				item_unit(c, &item);
		}
	}
}

void collect_import(struct collect *c)
{
	pf_json_array(&c->record, "dual_imports");
	each_guarded(c, visit_dual);
	pf_json_end(&c->record);
	pf_json_array(&c->record, "guarded_imports");
	each_guarded(c, visit_guarded);
	pf_json_end(&c->record);
	put_statements(c);
	put_items(c);
	pf_json_raw(&c->record, "libraries", c->libraries);
	each_guarded(c, visit_dual_unit);
	item_units(c);
}
