/*
 * Scopes and the names bound in them.
 *
 * One pass over the flat tree finds every scope (module, class, function,
 * lambda, comprehension) and every name that Python binds there: assignment,
 * parameter, import, definition, loop and handler targets, captures of match.
 * A class's scope also holds the attributes that its methods assign to self.
 *
 * Lookup follows Python: from the scope outwards, class scopes only where the
 * name itself stands in the class's body; global and nonlocal are honoured.
 * Where a name is bound as an import and otherwise in one scope (an optional
 * package set to None), it counts as the import.
 */
#ifndef PF_SCOPE_H
#define PF_SCOPE_H

#include "tree.h"

enum binding_flag {
	BIND_IMPORT = 1 << 0,
	BIND_CLASS = 1 << 1,
	BIND_FUNCTION = 1 << 2,
	BIND_PARAMETER = 1 << 3,
	BIND_VALUE = 1 << 4,
	BIND_SELF = 1 << 5,	/* a method's first parameter */
	BIND_CLS = 1 << 6,	/* and that is the class, not an instance */
	BIND_GLOBAL = 1 << 7,	/* names the module's binding */
	BIND_NONLOCAL = 1 << 8, /* names that of a function outside */
	BIND_NONE = 1 << 9,	/* assigned None somewhere */
	BIND_FLAG = 1 << 10,	/* assigned True or False somewhere in a try statement */
	BIND_LOGGER = 1 << 11,	/* assigned what getLogger gives */
};

struct binding {
	slice name;
	uint32_t scope;
	uint32_t flags;
	uint32_t node;	 /* where it was bound first */
	uint32_t import; /* the dotted_name or aliased_import, NONE otherwise */
	uint32_t next;	 /* in its hash bucket */
	uint32_t stamp;	 /* canonical numbering: valid while it equals the canon's */
	uint32_t number;
	uint32_t used; /* the last component found to use it, from 1 */
};

enum scope_kind { SCOPE_MODULE, SCOPE_CLASS, SCOPE_FUNCTION, SCOPE_EXPRESSION };

struct scope {
	enum scope_kind kind;
	uint32_t parent;
	uint32_t node; /* the definition, lambda, comprehension, module */
};

struct scopes {
	const struct tree *tree; /* borrowed */
	struct scope *scopes;
	uint32_t count, room;
	struct binding *bindings;
	uint32_t binding_count, binding_room;
	uint32_t *buckets; /* a power of two of them */
	uint32_t bucket_count;
	bool failed;
};

/* Sets nodes[].scope of TREE too. False where memory or time ran out. */
bool scopes_build(struct scopes *scopes, struct tree *tree);
void scopes_free(struct scopes *scopes);

/* The identifier N is a name that a pattern of a case binds: alone, also in an alternative or after `key=`. */
bool is_capture(const struct tree *tree, uint32_t n);
/* The binding of the identifier N, NONE where nothing in the module binds it. */
uint32_t scope_resolve(const struct scopes *scopes, uint32_t n);
/* The binding of NAME in just that scope. */
uint32_t scope_find(const struct scopes *scopes, uint32_t scope, slice name);
/* The scope of the class that NODE defines. */
uint32_t scope_of_class(const struct scopes *scopes, uint32_t node);
/* The class scope that the expression N is an instance of (self), or is (cls, the class's name); NONE otherwise. */
uint32_t scope_of_self(const struct scopes *scopes, uint32_t n);
/* The attribute NAME of a class, also where a base class of the module binds it. */
uint32_t scope_attribute(const struct scopes *scopes, uint32_t class_scope, slice name);
/* True where BINDING, which may be NONE, is a parameter that takes all other keywords: `**kwargs`. */
bool scope_is_keywords(const struct scopes *scopes, uint32_t binding);
/* The scope of the def that N stands in, NONE where it stands in none. */
uint32_t scope_function(const struct scopes *scopes, uint32_t n);

#endif
