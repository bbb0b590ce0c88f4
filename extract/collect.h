/*
 * Collectors: from sites in the tree to a component's record and patterns.
 *
 * A pattern type is a row: its query, which finds sites, and its collector,
 * which is given those of one component (and those of the module around it) in
 * source order, writes the type's object of the record, and adds units.
 */
#ifndef PF_COLLECT_H
#define PF_COLLECT_H

#include "canon.h"
#include "extract.h"
#include "module.h"

/* The captures that queries may use. */
#define CAPTURES(X)                                                                                                    \
	X(attribute)                                                                                                   \
	X(call)                                                                                                        \
	X(condition)                                                                                                   \
	X(except)                                                                                                      \
	X(guard)                                                                                                       \
	X(if)                                                                                                          \
	X(import)                                                                                                      \
	X(method)                                                                                                      \
	X(raise)                                                                                                       \
	X(return )                                                                                                     \
	X(subscript)                                                                                                   \
	X(try)                                                                                                         \
	X(yield)

enum capture {
#define CAPTURE(name) CAPTURE_##name,
	CAPTURES(CAPTURE)
#undef CAPTURE
		CAPTURE_END
};

struct site {
	uint32_t owner; /* the component's number in classes, NONE outside of all */
	uint32_t node;
	uint8_t type; /* enum pf_pattern_type */
	uint8_t capture;
};

/* Signatures seen in a component, open addressing; 0 is no entry. */
struct seen {
	uint64_t *slots;
	uint32_t count, room; /* a power of two */
};

/* What a collector works with. All is borrowed but what is said to be its own. */
struct collect {
	struct tree *tree;
	struct scopes *scopes;
	struct classes *classes;
	struct canon canon; /* own: the canonical form in the making */
	pf_text scratch;    /* own */
	pf_text data;	    /* own: pattern_data in the making */
	pf_text record_text;
	pf_json data_json;
	struct seen seen; /* own */
	bool failed;
	size_t written; /* bytes of records and patterns of the module so far */

	uint32_t number; /* the component's, in classes */
	const struct class_info *class;
	pf_component *component;
	uint32_t pattern_room;
	pf_json record; /* the open record; a collector's object is open already */
	const char *libraries;

	int type;
	const struct site *sites; /* of this component and type */
	uint32_t site_count;
	const struct site *module_sites; /* of this type, outside of all components */
	uint32_t module_site_count;

	const char *unit; /* between unit_start and unit_end */
	char signature[33];
};

struct pattern_row {
	const char *name;  /* the directory */
	const char *query; /* the .scm file */
	void (*collect)(struct collect *collect);
};

extern const struct pattern_row pattern_rows[PF_PATTERN_TYPE_END];

void collect_structural(struct collect *c);
void collect_import(struct collect *c);
void collect_execution(struct collect *c);
void collect_error_handling(struct collect *c);
void collect_template_fields(struct collect *c);
void collect_parameter_ordering(struct collect *c);
void collect_mock_execution(struct collect *c);
void collect_logging(struct collect *c);
void collect_validation(struct collect *c);
void collect_runtime_parameters(struct collect *c);
void collect_initialization(struct collect *c);

enum { CODE_LIMIT = 4000, RECORD_CODE_LIMIT = 16000 };

/* The folded text of N as a member; null for NONE. */
void put_text(struct collect *c, pf_json *json, const char *key, uint32_t n);
/* The text of a definition or statement up to, not including, its body. */
void put_head(struct collect *c, pf_json *json, const char *key, uint32_t n);
void put_code(struct collect *c, pf_json *json, const char *key, uint32_t first, uint32_t last);
void put_name(struct collect *c, pf_json *json, const char *key, uint32_t n);
void put_slice(pf_json *json, const char *key, slice text);
void put_line(struct collect *c, pf_json *json, uint32_t n);
void put_annotation(struct collect *c, pf_json *json, const char *key, uint32_t n);

/*
 * A unit: canon_start, the canonical form into c->canon, then unit_start. NULL
 * where the component has it already; otherwise the writer of its fields, and
 * unit_end adds template, code and lines, those of FIRST to LAST.
 */
pf_json *unit_start(struct collect *c, const char *name);
void unit_end(struct collect *c, uint32_t first, uint32_t last);
/* Appends to the canonical form in the making. */
void canon_puts(struct collect *c, const char *text);
void canon_slice(struct collect *c, slice text);

/* The component's last def of that name, NONE where it inherits it. Overloads do not count. */
uint32_t find_method(const struct collect *c, const char *name);
uint32_t with_decorators(const struct tree *tree, uint32_t definition);
slice name_of(const struct tree *tree, uint32_t definition);
bool has_decorator_named(const struct tree *tree, uint32_t definition, const char *name);
/* True where the nearest def around N is DEFINITION. */
bool is_in_function(const struct collect *c, uint32_t n, uint32_t definition);
/* The last name of what a call calls: `self.log.info(…)` gives info. */
slice called_name(const struct tree *tree, uint32_t call);
/* `super().NAME(…)` or `Base.NAME(self, …)`. */
bool is_super_call_of(const struct tree *tree, uint32_t call, const char *name);
/* The def whose work the component does, NONE where inherited; its name in *NAME either way. */
uint32_t main_method(const struct collect *c, const char **name);

/* One access of runtime_parameters. */
struct access {
	const char *source; /* NULL: none */
	const char *call;   /* how the canonical form calls for it, up to its key; NULL: a look-up in the source */
	bool has_key;
	slice key;
	uint32_t standard; /* the default's node, NONE where none is given */
};
struct access access_at(const struct collect *c, uint32_t n);

/* The exceptions that a handler names, as a list; their names sorted into OUT, separated by ", ". */
void put_exceptions(struct collect *c, pf_json *json, const char *key, uint32_t except_clause);
void exceptions_write(struct collect *c, uint32_t except_clause, pf_text *out);
/* What the statements of a block do, in order, as a list; and into the canonical form, a line each. */
void put_actions(struct collect *c, pf_json *json, const char *key, uint32_t block);
void actions_canon(struct collect *c, uint32_t block);
/* What a call passes, each argument reduced to $str, $num, $, $call or $expr. */
void shape_write(struct collect *c, uint32_t arguments);
/* True for a call of a logger, with its level. A logger is known by its name, or by where it was got. */
bool is_log_call(const struct scopes *scopes, uint32_t call, slice *level);

/* What the component uses of its module: set by collect_import's first pass. */
void mark_used(struct collect *c);
bool is_used(const struct collect *c, uint32_t binding);

#endif
