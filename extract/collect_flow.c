/* What goes wrong and what is said about it: handlers, exceptions, guards, stand-ins, log calls. */
#include "collect.h"

#include <string.h>

/* --- raise ----------------------------------------------------------------------------------------------------- */

/* The exception that a raise statement raises, less its arguments; NONE for a bare raise. */
static uint32_t raised(const struct tree *tree, uint32_t n, uint32_t *arguments)
{
	uint32_t value = first_named(tree, n);

	*arguments = NONE;
	if (value == NONE || tree->nodes[value].field == F_cause)
		return NONE;
	if (kind_of(tree, value) == K_call) {
		*arguments = child_field(tree, value, F_arguments);
		value = child_field(tree, value, F_function);
	}
	return value;
}

/* What the exception is told first. */
static uint32_t message_of(const struct tree *tree, uint32_t arguments)
{
	return kind_of(tree, arguments) == K_argument_list ? first_named(tree, arguments) : NONE;
}

static void put_raise(struct collect *c, pf_json *json, uint32_t n)
{
	uint32_t arguments, exception = raised(c->tree, n, &arguments);

	put_name(c, json, "exception", exception);
	put_text(c, json, "message", message_of(c->tree, arguments));
	put_line(c, json, n);
}

/* True where what is raised is a variable, not a type. */
static bool is_variable(const struct collect *c, uint32_t exception)
{
	uint32_t b;

	if (kind_of(c->tree, exception) != K_identifier)
		return false;
	b = scope_resolve(c->scopes, exception);
	return b != NONE && !(c->scopes->bindings[b].flags & (BIND_IMPORT | BIND_CLASS));
}

static void exception_canon(struct collect *c, uint32_t exception)
{
	if (exception == NONE)
		return;
	canon_puts(c, " ");
	if (is_variable(c, exception))
		canon_puts(c, "$");
	else if (kind_of(c->tree, exception) == K_identifier || kind_of(c->tree, exception) == K_attribute)
		/* self.x and what else the component has bound stays hidden; a type shows its name. */
		canon_write(&c->canon, exception, CANON_FOLD_SELF);
	else
		canon_puts(c, "$expr");
}

static void raise_canon(struct collect *c, uint32_t n)
{
	uint32_t arguments, exception = raised(c->tree, n, &arguments), cause = child_field(c->tree, n, F_cause);

	canon_puts(c, "raise");
	exception_canon(c, exception);
	if (arguments != NONE)
		shape_write(c, arguments);
	if (cause != NONE)
		canon_puts(c, kind_of(c->tree, cause) == K_none ? " from None" : " from $");
}

static void raise_unit(struct collect *c, uint32_t n)
{
	pf_json *unit;

	canon_start(&c->canon);
	raise_canon(c, n);
	unit = unit_start(c, "raise");
	if (!unit)
		return;
	put_raise(c, unit, n);
	unit_end(c, n, n);
}

/* --- handlers -------------------------------------------------------------------------------------------------- */

/* Goes through the exceptions raised in a block, not in functions defined there; bare raises give NONE. */
static uint32_t next_raise(const struct tree *tree, uint32_t block, uint32_t n)
{
	while (n < tree->nodes[block].next) {
		enum kind kind = kind_of(tree, n);

		if (clock_late(tree->clock))
			return NONE;
		if (kind == K_raise_statement)
			return n;
		if (kind == K_function_definition || kind == K_class_definition || kind == K_lambda ||
		    kind == K_expression_statement || kind == K_return_statement)
			n = tree->nodes[n].next;
		else
			n++;
	}
	return NONE;
}

static void put_raises(struct collect *c, pf_json *json, uint32_t block)
{
	pf_json_list(json, "raises");
	for (uint32_t n = block == NONE ? block : next_raise(c->tree, block, block); n != NONE;
	     n = next_raise(c->tree, block, c->tree->nodes[n].next)) {
		uint32_t arguments, exception = raised(c->tree, n, &arguments);

		if (exception != NONE)
			put_name(c, json, NULL, exception);
	}
	pf_json_end(json);
}

static void put_handler(struct collect *c, pf_json *json, uint32_t handler, bool code)
{
	uint32_t block = child_kind(c->tree, handler, K_block);

	put_exceptions(c, json, "exceptions", handler);
	put_actions(c, json, "actions", block);
	put_raises(c, json, block);
	if (code)
		put_code(c, json, "code", handler, handler);
}

static void handler_unit(struct collect *c, uint32_t handler)
{
	uint32_t block = child_kind(c->tree, handler, K_block);
	pf_json *unit;

	canon_start(&c->canon);
	canon_puts(c, "except ");
	exceptions_write(c, handler, &c->canon.text);
	canon_puts(c, ":");
	actions_canon(c, block);
	for (uint32_t n = block == NONE ? block : next_raise(c->tree, block, block); n != NONE;
	     n = next_raise(c->tree, block, c->tree->nodes[n].next)) {
		uint32_t arguments, exception = raised(c->tree, n, &arguments);

		if (exception == NONE)
			continue;
		canon_puts(c, "\n    # raises");
		exception_canon(c, exception);
	}
	unit = unit_start(c, "exception_handler");
	if (!unit)
		return;
	put_handler(c, unit, handler, false);
	unit_end(c, handler, handler);
}

static bool is_handler(enum kind kind)
{
	return kind == K_except_clause || kind == K_except_group_clause;
}

static void put_try(struct collect *c, uint32_t n)
{
	pf_json *json = &c->record;

	pf_json_object(json, NULL);
	pf_json_array(json, "handlers");
	FOR_NAMED (c->tree, n, clause) {
		if (!is_handler(kind_of(c->tree, clause)))
			continue;
		pf_json_object(json, NULL);
		put_handler(c, json, clause, true);
		pf_json_end(json);
	}
	pf_json_end(json);
	pf_json_bool(json, "has_else", child_kind(c->tree, n, K_else_clause) != NONE);
	pf_json_bool(json, "has_finally", child_kind(c->tree, n, K_finally_clause) != NONE);
	put_line(c, json, n);
	pf_json_end(json);
}

void collect_error_handling(struct collect *c)
{
	pf_json_array(&c->record, "try_blocks");
	for (uint32_t i = 0; i < c->site_count && !clock_late(c->tree->clock); i++)
		if (c->sites[i].capture == CAPTURE_try)
			put_try(c, c->sites[i].node);
	pf_json_end(&c->record);
	pf_json_array(&c->record, "raises");
	for (uint32_t i = 0; i < c->site_count; i++) {
		if (c->sites[i].capture != CAPTURE_raise)
			continue;
		pf_json_object(&c->record, NULL);
		put_raise(c, &c->record, c->sites[i].node);
		pf_json_end(&c->record);
	}
	pf_json_end(&c->record);
	for (uint32_t i = 0; i < c->site_count; i++) {
		if (c->sites[i].capture == CAPTURE_raise) {
			raise_unit(c, c->sites[i].node);
			continue;
		}
		FOR_NAMED (c->tree, c->sites[i].node, clause)
			if (is_handler(kind_of(c->tree, clause)))
				handler_unit(c, clause);
	}
}

/* --- logging --------------------------------------------------------------------------------------------------- */

/* The message of a log call: the first argument, the second of `log.log(level, …)`. */
static uint32_t log_message(const struct tree *tree, uint32_t arguments, slice level)
{
	int skip = slice_is(level, "log") ? 1 : 0;

	if (kind_of(tree, arguments) != K_argument_list)
		return NONE;
	FOR_NAMED (tree, arguments, argument) {
		if (kind_of(tree, argument) == K_keyword_argument)
			continue;
		if (skip-- == 0)
			return argument;
	}
	return NONE;
}

static int further_arguments(const struct tree *tree, uint32_t arguments, uint32_t message)
{
	int count = 0;

	if (message == NONE)
		return 0;
	FOR_NAMED (tree, arguments, argument)
		if (argument > message && kind_of(tree, argument) != K_keyword_argument)
			count++;
	return count;
}

static const char *log_format(const struct tree *tree, uint32_t message, int arguments)
{
	if (string_is_format(tree, message))
		return "fstring";
	if (string_is(tree, message))
		return arguments ? "percent" : "literal";
	if (kind_of(tree, message) == K_binary_operator && string_is(tree, child_field(tree, message, F_left)) &&
	    kind_of(tree, child_field(tree, message, F_operator)) == T_PERCENT)
		return "percent";
	if (kind_of(tree, message) == K_call && slice_is(called_name(tree, message), "format"))
		return "str_format";
	return "other";
}

static void put_log_call(struct collect *c, pf_json *json, uint32_t n, slice level)
{
	uint32_t function = child_field(c->tree, n, F_function), arguments = child_field(c->tree, n, F_arguments);
	uint32_t message = log_message(c->tree, arguments, level);
	int count = further_arguments(c->tree, arguments, message);

	put_slice(json, "level", level);
	put_text(c, json, "logger", child_field(c->tree, function, F_object));
	pf_json_string(json, "format", log_format(c->tree, message, count));
	put_text(c, json, "message", message);
	pf_json_int(json, "argument_count", count);
	put_line(c, json, n);
}

static void log_unit(struct collect *c, uint32_t n, slice level)
{
	uint32_t arguments = child_field(c->tree, n, F_arguments);
	uint32_t message = log_message(c->tree, arguments, level);
	pf_json *unit;

	canon_start(&c->canon);
	canon_puts(c, "log.");
	canon_slice(c, level);
	shape_write(c, arguments);
	canon_puts(c, "  # ");
	canon_puts(c, log_format(c->tree, message, further_arguments(c->tree, arguments, message)));
	unit = unit_start(c, "log_call");
	if (!unit)
		return;
	put_log_call(c, unit, n, level);
	unit_end(c, n, n);
}

void collect_logging(struct collect *c)
{
	pf_json_array(&c->record, "calls");
	for (uint32_t i = 0; i < c->site_count && !clock_late(c->tree->clock); i++) {
		uint32_t n = c->sites[i].node;
		slice level;

		if (!is_log_call(c->scopes, n, &level))
			continue;
		pf_json_object(&c->record, NULL);
		put_log_call(c, &c->record, n, level);
		pf_json_end(&c->record);
		log_unit(c, n, level);
	}
	pf_json_end(&c->record);
}

/* --- validation ------------------------------------------------------------------------------------------------ */

/* The raise that ends the branch N, NONE where it ends otherwise. */
static uint32_t guard_raise(const struct tree *tree, uint32_t n)
{
	uint32_t last = last_named(tree, child_field(tree, n, F_consequence));

	return kind_of(tree, last) == K_raise_statement ? last : NONE;
}

static bool is_type_call(const struct tree *tree, uint32_t n)
{
	slice name = called_name(tree, n);

	return slice_is(name, "isinstance") || slice_is(name, "issubclass") || slice_is(name, "callable") ||
	       slice_is(name, "hasattr");
}

static const char *comparison_check(const struct tree *tree, uint32_t n, uint32_t *subject)
{
	uint32_t last = last_named(tree, n);

	*subject = first_named(tree, n);
	FOR_CHILDREN (tree, n, child) {
		switch (kind_of(tree, child)) {
		case T_IN:
		case T_NOT_IN:
			/* `"key" not in config` asks for the key, `mode not in MODES` for one of several. */
			if (string_is(tree, *subject)) {
				*subject = last;
				return "required";
			}
			return "enum";
		case T_IS:
		case T_IS_NOT:
			return kind_of(tree, last) == K_none ? "required" : "other";
		case T_LESS:
		case T_GREATER:
		case T_LESS_EQUAL:
		case T_GREATER_EQUAL:
			return "range";
		case T_EQUALS:
		case T_DIFFERS:
			if (kind_of(tree, last) == K_none)
				return "required";
			if (kind_of(tree, *subject) == K_call && slice_is(called_name(tree, *subject), "type"))
				return "type";
			return string_is(tree, last) ? "enum" : "other";
		default:
			break;
		}
	}
	return "other";
}

/* What a condition checks, and of what. `a and b` is read by its first half. */
static const char *check_of(const struct tree *tree, uint32_t n, uint32_t *subject)
{
	bool negated = false;

	for (int i = 0; i < 64; i++) {
		*subject = n;
		switch (kind_of(tree, n)) {
		case K_boolean_operator:
			n = child_field(tree, n, F_left);
			break;
		case K_not_operator:
			n = child_field(tree, n, F_argument);
			negated = true;
			break;
		case K_comparison_operator:
			return comparison_check(tree, n, subject);
		case K_call: {
			uint32_t argument = first_named(tree, child_field(tree, n, F_arguments));

			if (argument != NONE)
				*subject = argument;
			if (is_type_call(tree, n))
				return "type";
			return negated && (slice_is(called_name(tree, n), "all") ||
					   slice_is(called_name(tree, n), "any") ||
					   slice_is(called_name(tree, n), "len"))
				       ? "required"
				       : "other";
		}
		case K_identifier:
		case K_attribute:
		case K_subscript:
			return negated ? "required" : "other";
		default:
			return "other";
		}
		if (n == NONE) {
			*subject = NONE;
			return "other";
		}
	}
	return "other";
}

static void put_guard(struct collect *c, pf_json *json, uint32_t n)
{
	uint32_t condition = child_field(c->tree, n, F_condition), raise = guard_raise(c->tree, n), subject = NONE;
	uint32_t arguments, exception = raised(c->tree, raise, &arguments);
	const char *check = check_of(c->tree, condition, &subject);

	pf_json_string(json, "check", check);
	put_text(c, json, "condition", condition);
	put_text(c, json, "subject", subject);
	put_name(c, json, "exception", exception);
	put_text(c, json, "message", message_of(c->tree, arguments));
	put_line(c, json, n);
}

static void guard_unit(struct collect *c, uint32_t n)
{
	uint32_t arguments, exception = raised(c->tree, guard_raise(c->tree, n), &arguments);
	pf_json *unit;

	canon_start(&c->canon);
	canon_puts(c, "if ");
	canon_write(&c->canon, child_field(c->tree, n, F_condition), CANON_FOLD_SELF);
	canon_puts(c, ":\n    raise");
	exception_canon(c, exception);
	unit = unit_start(c, "guard");
	if (!unit)
		return;
	put_guard(c, unit, n);
	unit_end(c, n, guard_raise(c->tree, n));
}

void collect_validation(struct collect *c)
{
	pf_json_array(&c->record, "guards");
	for (uint32_t i = 0; i < c->site_count && !clock_late(c->tree->clock); i++) {
		uint32_t n = c->sites[i].node;

		if (guard_raise(c->tree, n) == NONE || child_field(c->tree, n, F_condition) == NONE)
			continue;
		pf_json_object(&c->record, NULL);
		put_guard(c, &c->record, n);
		pf_json_end(&c->record);
		guard_unit(c, n);
	}
	pf_json_end(&c->record);
}

/* --- mock_execution -------------------------------------------------------------------------------------------- */

static bool is_flag_name(slice name)
{
	static const char *const parts[] = { "AVAILABLE", "INSTALLED", "HAS_", "HAVE_", "IMPORTED", "_ENABLED" };

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (slice_has(name, parts[i]))
			return true;
	return false;
}

/* What kind of absence the condition N asks about; NULL where it asks for something else. */
static const char *trigger_of(const struct collect *c, uint32_t condition)
{
	const struct tree *tree = c->tree;

	for (uint32_t n = condition; n < tree->nodes[condition].next; n++) {
		uint32_t b, flags;
		slice name;

		if (clock_late(tree->clock))
			return NULL;
		if (kind_of(tree, n) != K_identifier)
			continue;
		name = text_of(tree, n);
		if (parent_kind(tree, n) == K_attribute && tree->nodes[n].field == F_attribute) {
			if (slice_is(name, "environ") || slice_is(name, "getenv"))
				return "environment";
			continue;
		}
		if (slice_is(name, "environ") || slice_is(name, "getenv"))
			return "environment";
		b = scope_resolve(c->scopes, n);
		flags = b == NONE ? 0 : c->scopes->bindings[b].flags;
		if (flags & BIND_IMPORT && flags & BIND_NONE)
			return "none_guard";
		if (b != NONE && c->scopes->bindings[b].scope == 0 && !(flags & BIND_CLASS) &&
		    (flags & BIND_FLAG || is_flag_name(name)))
			return "availability_flag";
	}
	return NULL;
}

static void put_check(struct collect *c, pf_json *json, uint32_t n, const char *trigger, uint32_t block)
{
	uint32_t condition = child_field(c->tree, n, F_condition);

	pf_json_string(json, "trigger", trigger);
	if (condition != NONE)
		put_text(c, json, "condition", condition);
	else
		put_head(c, json, "condition", n);
	put_actions(c, json, "actions", block);
}

static void check_unit(struct collect *c, uint32_t n, const char *trigger, uint32_t block)
{
	pf_json *unit;

	canon_start(&c->canon);
	canon_puts(c, trigger);
	canon_puts(c, ":");
	actions_canon(c, block);
	unit = unit_start(c, "mock_execution_pattern");
	if (!unit)
		return;
	put_check(c, unit, n, trigger, block);
	unit_end(c, n, n);
}

/* True where the component uses a name that the try statement around HANDLER binds. */
static bool is_concerned(struct collect *c, uint32_t handler)
{
	uint32_t try = ancestor_kind(c->tree, handler, K_try_statement);

	if (try == NONE)
		return false;
	for (uint32_t n = try; n < c->tree->nodes[try].next; n++) {
		slice name;

		if (clock_late(c->tree->clock))
			return false;
		if (kind_of(c->tree, n) != K_identifier)
			continue;
		name = text_of(c->tree, n);
		if (is_used(c, scope_find(c->scopes, 0, name)))
			return true;
	}
	return false;
}

static bool tries_import(const struct tree *tree, uint32_t handler)
{
	uint32_t body = child_field(tree, parent_of(tree, handler), F_body);

	if (body == NONE)
		return false;
	FOR_NAMED (tree, body, statement)
		if (kind_of(tree, statement) == K_import_statement ||
		    kind_of(tree, statement) == K_import_from_statement)
			return true;
	return false;
}

/* A handler that only imports from elsewhere replaces what is missing: a dual import, and no stand-in. */
static bool only_imports(const struct tree *tree, uint32_t block)
{
	if (block == NONE)
		return false;
	FOR_NAMED (tree, block, statement)
		if (kind_of(tree, statement) != K_import_statement &&
		    kind_of(tree, statement) != K_import_from_statement)
			return false;
	return true;
}

static void check_site(struct collect *c, const struct site *site, bool own)
{
	const char *trigger = NULL;
	uint32_t n = site->node, block;

	if (site->capture == CAPTURE_except) {
		uint32_t value = first_named(c->tree, n);

		block = child_kind(c->tree, n, K_block);
		if (only_imports(c->tree, block))
			return;
		if (tries_import(c->tree, n) && handles_import_error(c->tree, n) &&
		    (own || (c->tree->nodes[n].scope == 0 && is_concerned(c, n))))
			trigger = "import_error";
		else if (own && value != NONE && kind_of(c->tree, value) != K_block &&
			 slice_has(text_of(c->tree, value), "ImportError"))
			trigger = "import_error";
	} else {
		uint32_t condition = child_field(c->tree, n, F_condition);

		block = child_field(c->tree, n, F_consequence);
		if (own && condition != NONE)
			trigger = trigger_of(c, condition);
	}
	if (!trigger)
		return;
	pf_json_object(&c->record, NULL);
	put_check(c, &c->record, n, trigger, block);
	put_code(c, &c->record, "code", n, n);
	pf_json_end(&c->record);
	check_unit(c, n, trigger, block);
}

void collect_mock_execution(struct collect *c)
{
	pf_json_array(&c->record, "checks");
	for (uint32_t i = 0; i < c->module_site_count && !clock_late(c->tree->clock); i++)
		check_site(c, &c->module_sites[i], false);
	for (uint32_t i = 0; i < c->site_count && !clock_late(c->tree->clock); i++)
		check_site(c, &c->sites[i], true);
	pf_json_end(&c->record);
}
