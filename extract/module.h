/*
 * The classes of a module, and which of them are components.
 *
 * A class is a component where a base, or failing that the class itself, is
 * named …Operator, …Sensor, …Hook, …Trigger or …Notifier, also through classes
 * of the same module. Names are those that were imported, whatever their alias;
 * the first base that says so decides.
 *
 * Of several definitions of one name, one stands for the component: an
 * unconditional one before one in a try body or under an if, that before one
 * in an except, else or finally, that before one nested in a class or function.
 * Among equals the last unconditional one wins, as in Python, else the first.
 */
#ifndef PF_MODULE_H
#define PF_MODULE_H

#include "scope.h"

struct class_info {
	uint32_t node;	/* class_definition */
	uint32_t outer; /* with its decorators: decorated_definition, or node itself */
	uint32_t scope; /* of its body; NONE where that is empty */
	slice name;
	uint32_t bases;		 /* the argument_list, NONE where there is none */
	uint32_t component_base; /* the expression, less any subscript; NONE where its own name decides */
	int type;		 /* enum pf_component_type; 0: no component */
	int rank;		 /* of its place, higher is better */
	const char *skipped;	 /* why it is none though it looks like one */
	bool resolved;
};

struct classes {
	struct class_info *list; /* in source order */
	uint32_t count, room;
	uint32_t *by_scope; /* for each scope, the component that names there belong to, NONE for none */
	uint32_t by_scope_room;
	bool failed;
};

/* Finds them, chooses, and tells SCOPES of base classes in the same module. False where memory or time ran out. */
bool classes_build(struct classes *classes, struct scopes *scopes);
void classes_free(struct classes *classes);

/* An expression without its subscript: `Base[T]` is Base. */
uint32_t without_subscript(const struct tree *tree, uint32_t n);
/* True for what handles a failed import: `except ImportError`, `except (ModuleNotFoundError, …)`, `except:`. */
bool handles_import_error(const struct tree *tree, uint32_t except_clause);

/* McCabe's number, summed over the defs in CLASS. */
int class_complexity(const struct tree *tree, uint32_t node);

#endif
