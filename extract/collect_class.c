/* What stands in the class itself: its shape, its template fields, the parameters and the body of its __init__. */
#include "collect.h"
#include "known.h"

#include <stdlib.h>
#include <string.h>

/* --- structural ------------------------------------------------------------------------------------------------ */

/* The decorator's expression. */
static uint32_t decorator_expression(const struct tree *tree, uint32_t n)
{
	return kind_of(tree, n) == K_decorator ? first_named(tree, n) : NONE;
}

static slice attribute_name(const struct collect *c, const struct site *site)
{
	uint32_t left = child_field(c->tree, site->node, F_left);

	return left == NONE ? SLICE("") : text_of(c->tree, left);
}

/* The name that a site of structural defines. */
static slice defined_name(const struct collect *c, const struct site *site)
{
	return site->capture == CAPTURE_method ? name_of(c->tree, site->node) : attribute_name(c, site);
}

/* Sites of nested classes are the component's too, but not its own attributes and methods. */
static bool is_own(const struct collect *c, const struct site *site)
{
	return c->tree->nodes[site->node].scope == c->class->scope &&
	       (site->capture != CAPTURE_attribute ||
		kind_of(c->tree, child_field(c->tree, site->node, F_left)) == K_identifier);
}

/* A property and its setter, or two overloads, are one name: the first tells. */
static bool is_first(const struct collect *c, uint32_t i)
{
	uint32_t b = scope_find(c->scopes, c->class->scope, defined_name(c, &c->sites[i]));
	uint32_t name = child_field(c->tree, c->sites[i].node, c->sites[i].capture == CAPTURE_method ? F_name : F_left);

	/* Nearly every name is bound here first, and none of the others needs to be looked at. */
	if (b != NONE && c->scopes->bindings[b].node == name)
		return true;
	for (uint32_t j = i; b != NONE && j-- > 0;) {
		if (c->sites[j].capture == c->sites[i].capture && is_own(c, &c->sites[j]) &&
		    slice_same(defined_name(c, &c->sites[j]), defined_name(c, &c->sites[i])))
			return false;
		if (clock_late(c->tree->clock))
			return false;
	}
	return true;
}

static void put_names(struct collect *c, pf_json *json, const char *key, enum capture capture)
{
	pf_json_list(json, key);
	for (uint32_t i = 0; i < c->site_count; i++)
		if (c->sites[i].capture == capture && is_own(c, &c->sites[i]) && is_first(c, i))
			put_slice(json, NULL, defined_name(c, &c->sites[i]));
	pf_json_end(json);
}

/* The component's last __init__ among the sites, NONE where it inherits it. */
static uint32_t find_init(const struct collect *c)
{
	uint32_t found = NONE;

	for (uint32_t i = 0; i < c->site_count; i++)
		if (is_own(c, &c->sites[i]) && slice_is(name_of(c->tree, c->sites[i].node), "__init__") &&
		    !has_decorator_named(c->tree, c->sites[i].node, "overload"))
			found = c->sites[i].node;
	return found;
}

/* The component's last assignment of NAME in its body. */
static uint32_t find_attribute(const struct collect *c, const char *name)
{
	uint32_t found = NONE;

	for (uint32_t i = 0; i < c->site_count; i++)
		if (c->sites[i].capture == CAPTURE_attribute && is_own(c, &c->sites[i]) &&
		    slice_is(attribute_name(c, &c->sites[i]), name) &&
		    child_field(c->tree, c->sites[i].node, F_right) != NONE)
			found = c->sites[i].node;
	return found;
}

static void put_bases(struct collect *c, pf_json *json)
{
	uint32_t bases = c->class->bases, first = NONE;

	if (bases != NONE)
		FOR_NAMED (c->tree, bases, base)
			if (first == NONE && kind_of(c->tree, base) != K_keyword_argument)
				first = without_subscript(c->tree, base);
	put_text(c, json, "base_class", first);
	put_text(c, json, "component_base", c->class->component_base);
	pf_json_list(json, "base_classes");
	if (bases != NONE)
		FOR_NAMED (c->tree, bases, base)
			if (kind_of(c->tree, base) != K_keyword_argument)
				put_text(c, json, NULL, base);
	pf_json_end(json);
	pf_json_list(json, "class_keywords");
	if (bases != NONE)
		FOR_NAMED (c->tree, bases, base)
			if (kind_of(c->tree, base) == K_keyword_argument)
				put_text(c, json, NULL, base);
	pf_json_end(json);
}

static void put_structural(struct collect *c, pf_json *json)
{
	uint32_t color = find_attribute(c, "ui_color");
	slice value;

	put_slice(json, "class_name", c->class->name);
	put_bases(c, json);
	put_head(c, json, "class_definition", c->class->node);
	pf_json_list(json, "decorators");
	if (c->class->outer != c->class->node)
		FOR_NAMED (c->tree, c->class->outer, child)
			if (decorator_expression(c->tree, child) != NONE)
				put_text(c, json, NULL, decorator_expression(c->tree, child));
	pf_json_end(json);
	put_names(c, json, "class_attributes", CAPTURE_attribute);
	put_text(c, json, "template_fields_declaration", find_attribute(c, "template_fields"));
	color = child_field(c->tree, color, F_right);
	if (string_value(c->tree, color, &value))
		put_slice(json, "ui_color", value);
	else
		put_text(c, json, "ui_color", color);
	put_names(c, json, "methods", CAPTURE_method);
}

static int compare_names(const void *a, const void *b)
{
	const slice *x = a, *y = b;
	int order = memcmp(x->at, y->at, x->len < y->len ? x->len : y->len);

	return order ? order : (int)x->len - (int)y->len;
}

/* The names of one kind that Airflow knows, sorted, each once; between BEFORE and AFTER, a line each. */
static void known_names(struct collect *c, enum capture capture, const char *before, const char *after)
{
	slice names[128];
	uint32_t count = 0;

	for (uint32_t i = 0; i < c->site_count && count < 128; i++) {
		slice name = defined_name(c, &c->sites[i]);

		if (c->sites[i].capture == capture && is_own(c, &c->sites[i]) &&
		    (capture == CAPTURE_method ? is_airflow_method(name) : is_airflow_attribute(name)))
			names[count++] = name;
	}
	qsort(names, count, sizeof *names, compare_names);
	for (uint32_t i = 0; i < count; i++) {
		if (i && slice_same(names[i], names[i - 1]))
			continue;
		canon_puts(c, before);
		canon_slice(c, names[i]);
		canon_puts(c, after);
	}
}

static void structural_canon(struct collect *c)
{
	canon_start(&c->canon);
	if (c->class->outer != c->class->node)
		FOR_NAMED (c->tree, c->class->outer, child) {
			uint32_t expression = decorator_expression(c->tree, child);

			if (expression == NONE)
				continue;
			if (kind_of(c->tree, expression) == K_call)
				expression = child_field(c->tree, expression, F_function);
			canon_puts(c, "@");
			if (expression != NONE)
				name_write(c->scopes, expression, &c->canon.text);
			canon_puts(c, "\n");
		}
	canon_puts(c, "class $1");
	if (c->class->component_base != NONE) {
		canon_puts(c, "(");
		name_write(c->scopes, c->class->component_base, &c->canon.text);
		canon_puts(c, ")");
	}
	canon_puts(c, ":");
	known_names(c, CAPTURE_attribute, "\n    ", " = ...");
	known_names(c, CAPTURE_method, "\n    def ", "(...): ...");
}

void collect_structural(struct collect *c)
{
	pf_json *unit;

	put_structural(c, &c->record);
	structural_canon(c);
	unit = unit_start(c, "structural_pattern");
	if (!unit)
		return;
	put_structural(c, unit);
	unit_end(c, c->class->outer, c->class->outer);
}

/* --- template_fields ------------------------------------------------------------------------------------------- */

/* What a template_fields value is made of. */
struct fields_form {
	const char *form;
	bool references; /* something in it is not a literal string */
};

static bool is_collection(enum kind kind)
{
	return kind == K_tuple || kind == K_list || kind == K_set || kind == K_expression_list ||
	       kind == K_argument_list;
}

/* Goes through the value: literal strings to EACH, and says whether all of it was such. */
static bool walk_fields(struct collect *c, uint32_t value, void (*each)(struct collect *, uint32_t))
{
	const struct tree *tree = c->tree;
	bool complete = true;

	for (uint32_t n = value; n < tree->nodes[value].next && !clock_late(tree->clock);) {
		enum kind kind = kind_of(tree, n);

		if (kind == K_string || kind == K_concatenated_string) {
			slice text;

			if (string_value(tree, n, &text))
				each(c, n);
			else
				complete = false;
			n = tree->nodes[n].next;
		} else if (is_collection(kind) || !tree->nodes[n].named || is_extra(tree, n)) {
			n++;
		} else {
			/* A call may add fields of its own to those it is given: aws_template_fields("bucket"). */
			complete = false;
			if (kind == K_call || kind == K_binary_operator || kind == K_list_splat)
				n++;
			else
				n = tree->nodes[n].next;
		}
	}
	return complete;
}

static void put_field(struct collect *c, uint32_t n)
{
	slice text;

	if (string_value(c->tree, n, &text))
		put_slice(&c->record, NULL, text);
}

static void no_field(struct collect *c, uint32_t n)
{
	(void)c;
	(void)n;
}

static bool put_fields(struct collect *c, const char *key, uint32_t value)
{
	bool complete = true;

	pf_json_list(&c->record, key);
	if (value != NONE)
		complete = walk_fields(c, value, put_field);
	pf_json_end(&c->record);
	return complete;
}

static void put_renderers(struct collect *c, pf_json *json, uint32_t value)
{
	pf_json_object(json, "renderers");
	if (kind_of(c->tree, value) == K_dictionary)
		FOR_NAMED (c->tree, value, pair) {
			slice key, text;
			char name[256];

			if (kind_of(c->tree, pair) != K_pair ||
			    !string_value(c->tree, child_field(c->tree, pair, F_key), &key) ||
			    !string_value(c->tree, child_field(c->tree, pair, F_value), &text) ||
			    key.len >= sizeof name)
				continue;
			memcpy(name, key.at, key.len);
			name[key.len] = '\0';
			put_slice(json, name, text);
		}
	pf_json_end(json);
}

static const char *fields_form(const struct tree *tree, uint32_t value)
{
	switch (kind_of(tree, value)) {
	case K_tuple:
	case K_expression_list:
		return "tuple";
	case K_list:
		return "list";
	case K_set:
		return "set";
	case K_call:
		return "call";
	case K_string:
		return "string";
	default:
		return "reference";
	}
}

static void field_unit(struct collect *c, uint32_t n)
{
	pf_json *unit;
	slice text;

	if (!string_value(c->tree, n, &text))
		return;
	canon_start(&c->canon);
	canon_puts(c, "\"");
	canon_slice(c, text);
	canon_puts(c, "\"");
	unit = unit_start(c, "template_field");
	if (!unit)
		return;
	put_slice(unit, "field", text);
	unit_end(c, n, n);
}

static void fields_unit(struct collect *c, uint32_t declaration, uint32_t value, bool complete)
{
	uint32_t annotation = child_field(c->tree, declaration, F_type);
	const char *form = fields_form(c->tree, value);
	pf_json *unit;

	canon_start(&c->canon);
	canon_puts(c, "template_fields");
	if (annotation != NONE) {
		canon_puts(c, ": ");
		annotation_write(c->scopes, annotation, &c->canon.text);
	}
	canon_puts(c, " = ");
	canon_puts(c, form);
	canon_puts(c, complete ? " of $str" : " of $str and references");
	unit = unit_start(c, "template_fields_pattern");
	if (unit) {
		pf_json_string(unit, "form", form);
		put_text(c, unit, "annotation", annotation);
		pf_json_bool(unit, "complete", complete);
		put_text(c, unit, "declaration", declaration);
		unit_end(c, declaration, declaration);
	}
}

static bool has_jinja(slice text)
{
	return slice_has(text, "{{") || slice_has(text, "{%");
}

/* A condition that looks for braces in a string of its own, f-strings apart, where braces are written twice. */
static bool is_jinja_guard(const struct collect *c, const struct site *site)
{
	const struct tree *tree = c->tree;

	uint32_t condition = child_field(tree, site->node, F_condition);

	if (site->capture != CAPTURE_condition || condition == NONE || !has_jinja(text_of(tree, condition)))
		return false;
	for (uint32_t n = condition; n < tree->nodes[condition].next; n++)
		if (kind_of(tree, n) == K_string && !string_is_format(tree, n) && has_jinja(text_of(tree, n)))
			return true;
	return false;
}

static void jinja_units(struct collect *c)
{
	pf_json_array(&c->record, "jinja_guards");
	for (uint32_t i = 0; i < c->site_count; i++) {
		uint32_t n = child_field(c->tree, c->sites[i].node, F_condition);
		pf_json *unit;

		if (!is_jinja_guard(c, &c->sites[i]))
			continue;
		put_text(c, &c->record, NULL, n);
		canon_start(&c->canon);
		canon_write(&c->canon, n, CANON_FOLD_SELF | CANON_JINJA);
		unit = unit_start(c, "jinja_guard");
		if (!unit)
			continue;
		put_text(c, unit, "condition", n);
		unit_end(c, n, n);
	}
	pf_json_end(&c->record);
}

void collect_template_fields(struct collect *c)
{
	uint32_t declaration = find_attribute(c, "template_fields");
	uint32_t value = child_field(c->tree, declaration, F_right);
	bool complete = put_fields(c, "fields", value);

	/* Nothing declared: the fields are those of the bases, which are not here to be read. */
	complete = complete && declaration != NONE;
	pf_json_bool(&c->record, "complete", complete);
	put_text(c, &c->record, "declaration", declaration);
	put_fields(c, "template_ext", child_field(c->tree, find_attribute(c, "template_ext"), F_right));
	put_renderers(c, &c->record, child_field(c->tree, find_attribute(c, "template_fields_renderers"), F_right));
	jinja_units(c);
	if (value == NONE)
		return;
	complete = walk_fields(c, value, no_field);
	fields_unit(c, declaration, value, complete);
	walk_fields(c, value, field_unit);
}

/* --- parameters ------------------------------------------------------------------------------------------------ */

enum parameter_kind { POSITIONAL_ONLY, POSITIONAL, VAR_POSITIONAL, KEYWORD_ONLY, VAR_KEYWORD };

static const char *const parameter_kinds[] = {
	[POSITIONAL_ONLY] = "positional_only", [POSITIONAL] = "positional",   [VAR_POSITIONAL] = "var_positional",
	[KEYWORD_ONLY] = "keyword_only",       [VAR_KEYWORD] = "var_keyword",
};

struct parameter {
	uint32_t node, name, annotation, standard;
	enum parameter_kind kind;
	bool required;
};

/* Reads the parameter N; false for the separators. */
static bool read_parameter(const struct tree *tree, uint32_t n, struct parameter *parameter)
{
	uint32_t inner = n;

	*parameter = (struct parameter){
		.node = n,
		.name = n,
		.annotation = child_field(tree, n, F_type),
		.standard = NONE,
		.kind = POSITIONAL,
	};
	switch (kind_of(tree, n)) {
	case K_default_parameter:
	case K_typed_default_parameter:
		parameter->name = child_field(tree, n, F_name);
		parameter->standard = child_field(tree, n, F_value);
		break;
	case K_typed_parameter:
		inner = first_named(tree, n);
		parameter->name = inner;
		break;
	case K_keyword_separator:
	case K_positional_separator:
		return false;
	default:
		break;
	}
	if (kind_of(tree, inner) == K_list_splat_pattern || kind_of(tree, inner) == K_dictionary_splat_pattern) {
		parameter->kind = kind_of(tree, inner) == K_list_splat_pattern ? VAR_POSITIONAL : VAR_KEYWORD;
		parameter->name = first_named(tree, inner);
	}
	parameter->required =
		parameter->standard == NONE && parameter->kind != VAR_POSITIONAL && parameter->kind != VAR_KEYWORD;
	return parameter->name != NONE;
}

/*
 * Goes through the parameters of a method less self, in order: one call of
 * next_parameter each, false at the end.
 */
struct parameter_walk {
	const struct tree *tree;
	uint32_t at, end, slash; /* where a `/` stands, NONE for nowhere */
	bool keyword_only, self_passed;
};

static struct parameter_walk parameters_of(const struct tree *tree, uint32_t definition)
{
	uint32_t parameters = child_field(tree, definition, F_parameters);
	struct parameter_walk walk = { .tree = tree, .slash = NONE };

	if (parameters == NONE)
		return walk;
	walk.at = parameters + 1;
	walk.end = tree->nodes[parameters].next;
	walk.slash = child_kind(tree, parameters, K_positional_separator);
	return walk;
}

static bool next_parameter(struct parameter_walk *walk, struct parameter *parameter)
{
	const struct tree *tree = walk->tree;

	while (walk->at < walk->end) {
		uint32_t n = walk->at;

		walk->at = tree->nodes[n].next;
		if (!tree->nodes[n].named || is_extra(tree, n))
			continue;
		if (kind_of(tree, n) == K_keyword_separator)
			walk->keyword_only = true;
		if (!read_parameter(tree, n, parameter))
			continue;
		if (!walk->self_passed) {
			walk->self_passed = true;
			continue;
		}
		if (parameter->kind == VAR_POSITIONAL)
			walk->keyword_only = true;
		else if (parameter->kind == POSITIONAL && walk->keyword_only)
			parameter->kind = KEYWORD_ONLY;
		else if (parameter->kind == POSITIONAL && walk->slash != NONE && n < walk->slash)
			parameter->kind = POSITIONAL_ONLY;
		return true;
	}
	return false;
}

static void put_parameter(struct collect *c, pf_json *json, const struct parameter *parameter)
{
	put_text(c, json, "name", parameter->name);
	pf_json_string(json, "kind", parameter_kinds[parameter->kind]);
	put_text(c, json, "annotation", parameter->annotation);
	put_text(c, json, "default", parameter->standard);
	pf_json_bool(json, "required", parameter->required);
}

/* What the whole list is like. */
struct ordering {
	uint32_t var_positional, var_keyword;
	bool keyword_only, required_before_optional;
};

static struct ordering read_ordering(const struct tree *tree, uint32_t definition)
{
	struct ordering ordering = { NONE, NONE, false, true };
	struct parameter_walk walk = parameters_of(tree, definition);
	struct parameter parameter;
	bool optional = false;

	while (next_parameter(&walk, &parameter)) {
		if (parameter.kind == VAR_POSITIONAL)
			ordering.var_positional = parameter.name;
		else if (parameter.kind == VAR_KEYWORD)
			ordering.var_keyword = parameter.name;
		else if (parameter.required && optional)
			ordering.required_before_optional = false;
		else if (!parameter.required)
			optional = true;
		ordering.keyword_only |= parameter.kind == KEYWORD_ONLY;
	}
	return ordering;
}

static void put_required(struct collect *c, pf_json *json, const char *key, uint32_t definition, bool required)
{
	struct parameter_walk walk = parameters_of(c->tree, definition);
	struct parameter parameter;

	pf_json_list(json, key);
	while (definition != NONE && next_parameter(&walk, &parameter))
		if (parameter.required == required && parameter.kind != VAR_POSITIONAL && parameter.kind != VAR_KEYWORD)
			put_text(c, json, NULL, parameter.name);
	pf_json_end(json);
}

static void put_ordering(struct collect *c, pf_json *json, uint32_t init)
{
	struct ordering ordering = { NONE, NONE, false, true };
	struct parameter_walk walk = parameters_of(c->tree, init);
	struct parameter parameter;

	if (init != NONE)
		ordering = read_ordering(c->tree, init);
	pf_json_array(json, "parameters");
	while (init != NONE && next_parameter(&walk, &parameter)) {
		pf_json_object(json, NULL);
		put_parameter(c, json, &parameter);
		pf_json_end(json);
	}
	pf_json_end(json);
	put_required(c, json, "required", init, true);
	put_required(c, json, "optional", init, false);
	pf_json_bool(json, "keyword_only", ordering.keyword_only);
	put_text(c, json, "var_positional", ordering.var_positional);
	put_text(c, json, "var_keyword", ordering.var_keyword);
	pf_json_bool(json, "required_before_optional", ordering.required_before_optional);
}

static void ordering_canon(struct collect *c, uint32_t init)
{
	struct parameter_walk walk = parameters_of(c->tree, init);
	struct parameter parameter;
	bool keyword_only = false;

	canon_start(&c->canon);
	canon_puts(c, "(self");
	while (next_parameter(&walk, &parameter)) {
		if (parameter.kind == KEYWORD_ONLY && !keyword_only) {
			canon_puts(c, ", *");
			keyword_only = true;
		}
		canon_puts(c, parameter.kind == VAR_POSITIONAL	  ? ", *args"
			      : parameter.kind == VAR_KEYWORD	  ? ", **kwargs"
			      : parameter.kind == POSITIONAL_ONLY ? parameter.required ? ", /required" : ", /optional"
			      : parameter.required		  ? ", required"
								  : ", optional");
		keyword_only |= parameter.kind == VAR_POSITIONAL;
	}
	canon_puts(c, ")");
}

static void parameter_unit(struct collect *c, const struct parameter *parameter)
{
	pf_json *unit;

	canon_start(&c->canon);
	canon_puts(c, parameter->kind == VAR_POSITIONAL ? "*" : parameter->kind == VAR_KEYWORD ? "**" : "");
	canon_slice(c, text_of(c->tree, parameter->name));
	if (parameter->annotation != NONE) {
		canon_puts(c, ": ");
		annotation_write(c->scopes, parameter->annotation, &c->canon.text);
	}
	if (parameter->standard != NONE) {
		canon_puts(c, " = ");
		canon_write(&c->canon, parameter->standard, CANON_LITERALS | CANON_NAMES);
	}
	unit = unit_start(c, "parameter");
	if (!unit)
		return;
	put_parameter(c, unit, parameter);
	unit_end(c, parameter->node, parameter->node);
}

void collect_parameter_ordering(struct collect *c)
{
	uint32_t init = find_init(c);
	struct parameter_walk walk;
	struct parameter parameter;
	pf_json *unit;

	put_ordering(c, &c->record, init);
	if (init == NONE)
		return;
	ordering_canon(c, init);
	unit = unit_start(c, "parameter_ordering_pattern");
	if (unit) {
		uint32_t parameters = child_field(c->tree, init, F_parameters);

		put_ordering(c, unit, init);
		unit_end(c, parameters, parameters);
	}
	walk = parameters_of(c->tree, init);
	while (next_parameter(&walk, &parameter) && !clock_late(c->tree->clock))
		parameter_unit(c, &parameter);
}

/* --- initialization -------------------------------------------------------------------------------------------- */

static bool is_docstring(const struct tree *tree, uint32_t n)
{
	return kind_of(tree, n) == K_expression_statement && string_is(tree, first_named(tree, n));
}

/* The call of super().__init__ that is the statement N, NONE where it is another. */
static uint32_t super_init(const struct tree *tree, uint32_t n)
{
	uint32_t call = kind_of(tree, n) == K_expression_statement ? first_named(tree, n) : NONE;

	return is_super_call_of(tree, call, "__init__") ? call : NONE;
}

/* The assignment that the statement N is, where it sets one attribute of self; NONE otherwise. */
static uint32_t self_assignment(const struct collect *c, uint32_t n)
{
	const struct tree *tree = c->tree;
	uint32_t assignment = kind_of(tree, n) == K_expression_statement ? first_named(tree, n) : NONE, left;

	if (kind_of(tree, assignment) != K_assignment)
		return NONE;
	left = child_field(tree, assignment, F_left);
	if (kind_of(tree, left) != K_attribute || scope_of_self(c->scopes, child_field(tree, left, F_object)) == NONE)
		return NONE;
	return assignment;
}

/*
 * `self.x = x`, also with an annotation: what everybody writes, and no idiom.
 * What the attribute and the parameter are called matters only where Airflow
 * gives the attribute a meaning.
 */
static bool is_plain(const struct collect *c, uint32_t assignment)
{
	uint32_t left = child_field(c->tree, assignment, F_left), right = child_field(c->tree, assignment, F_right);
	uint32_t attribute = child_field(c->tree, left, F_attribute), b;
	slice name;

	if (right == NONE || kind_of(c->tree, right) != K_identifier || attribute == NONE)
		return right == NONE;
	name = text_of(c->tree, attribute);
	b = scope_resolve(c->scopes, right);
	return b != NONE && c->scopes->bindings[b].flags & BIND_PARAMETER &&
	       (slice_same(text_of(c->tree, right), name) || (!is_airflow_attribute(name) && !is_airflow_method(name)));
}

struct super_place {
	uint32_t call, statement;
	const char *position; /* first, middle, last, only, none */
};

static struct super_place find_super(const struct tree *tree, uint32_t body)
{
	struct super_place place = { NONE, NONE, "none" };
	uint32_t before = 0, after = 0;

	if (body == NONE)
		return place;
	FOR_NAMED (tree, body, statement) {
		if (is_docstring(tree, statement))
			continue;
		if (place.call == NONE && super_init(tree, statement) != NONE) {
			place.call = super_init(tree, statement);
			place.statement = statement;
		} else if (place.call == NONE) {
			before++;
		} else {
			after++;
		}
	}
	if (place.call != NONE)
		place.position = !before && !after ? "only" : !before ? "first" : !after ? "last" : "middle";
	return place;
}

static void put_super(struct collect *c, pf_json *json, const struct super_place *place)
{
	uint32_t arguments = child_field(c->tree, place->call, F_arguments);

	pf_json_string(json, "super_init", place->position);
	pf_json_list(json, "super_arguments");
	if (arguments != NONE)
		FOR_NAMED (c->tree, arguments, argument)
			put_text(c, json, NULL, argument);
	pf_json_end(json);
}

static void put_statements(struct collect *c, uint32_t body)
{
	pf_json *json = &c->record;

	pf_json_array(json, "assignments");
	if (body != NONE)
		FOR_NAMED (c->tree, body, statement) {
			uint32_t assignment = self_assignment(c, statement);

			if (assignment == NONE)
				continue;
			pf_json_object(json, NULL);
			put_text(c, json, "attribute",
				 child_field(c->tree, child_field(c->tree, assignment, F_left), F_attribute));
			put_text(c, json, "value", child_field(c->tree, assignment, F_right));
			pf_json_end(json);
		}
	pf_json_end(json);
	pf_json_array(json, "statements");
	if (body != NONE)
		FOR_NAMED (c->tree, body, statement) {
			if (is_docstring(c->tree, statement))
				continue;
			pf_text_reset(&c->scratch);
			code_write(c->tree, statement, statement, 0, &c->scratch);
			pf_json_bytes(json, NULL, c->scratch.bytes ? c->scratch.bytes : "", c->scratch.len);
		}
	pf_json_end(json);
}

static void super_unit(struct collect *c, uint32_t init, const struct super_place *place)
{
	pf_json *unit;

	canon_start(&c->canon);
	if (place->call != NONE)
		canon_write(&c->canon, place->call, 0);
	else
		canon_puts(c, "no super().__init__()");
	canon_puts(c, "  # ");
	canon_puts(c, place->position);
	unit = unit_start(c, "initialization_pattern");
	if (!unit)
		return;
	put_head(c, unit, "signature", init);
	put_super(c, unit, place);
	unit_end(c, place->call == NONE ? init : place->statement, place->call == NONE ? init : place->statement);
}

static void statement_unit(struct collect *c, uint32_t statement)
{
	uint32_t assignment = self_assignment(c, statement);
	pf_json *unit;

	if (is_docstring(c->tree, statement) || super_init(c->tree, statement) != NONE ||
	    kind_of(c->tree, statement) == K_pass_statement || (assignment != NONE && is_plain(c, assignment)))
		return;
	canon_start(&c->canon);
	canon_write(&c->canon, statement, 0);
	unit = unit_start(c, "init_statement");
	if (!unit)
		return;
	put_text(c, unit, "statement", statement);
	unit_end(c, statement, statement);
}

void collect_initialization(struct collect *c)
{
	uint32_t init = find_init(c), body = child_field(c->tree, init, F_body);
	struct super_place place = find_super(c->tree, body);

	if (init == NONE)
		pf_json_null(&c->record, "signature");
	else
		put_head(c, &c->record, "signature", init);
	put_super(c, &c->record, &place);
	put_statements(c, body);
	if (init == NONE || body == NONE)
		return;
	super_unit(c, init, &place);
	FOR_NAMED (c->tree, body, statement)
		statement_unit(c, statement);
}
