/*
 * The extractor: bytes of a Python module in, Airflow components with their
 * patterns out. Pure: no I/O, no global state, bounded time and memory, and no
 * recursion on the depth of the input.
 *
 * A component is one Airflow class. It comes out at two levels:
 *  - the record, everything the component shows, exact and complete: one JSON
 *    document, component_name and then an object for each pattern type, in the
 *    order of enum pf_pattern_type. All keys are always there: what a component
 *    does not show is an empty list, false or null;
 *  - the patterns, idioms that recur in other components, each identified by
 *    the signature of its canonical form and counted once a component.
 */
#ifndef PF_EXTRACT_H
#define PF_EXTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

/* Numbers are stored in databases and inode numbers: never renumber, append only. 0 means "any". */
enum pf_component_type {
	PF_OPERATOR = 1,
	PF_SENSOR,
	PF_HOOK,
	PF_TRIGGER,
	PF_NOTIFIER,
	PF_COMPONENT_TYPE_END, /* must fit 4 bits */
};

enum pf_pattern_type {
	PF_STRUCTURAL = 1,
	PF_IMPORT,
	PF_EXECUTION,
	PF_ERROR_HANDLING,
	PF_TEMPLATE_FIELDS,
	PF_PARAMETER_ORDERING,
	PF_MOCK_EXECUTION,
	PF_LOGGING,
	PF_VALIDATION,
	PF_RUNTIME_PARAMETERS,
	PF_INITIALIZATION,
	PF_PATTERN_TYPE_END, /* must fit 4 bits */
};

/* "operator", "import": the directory names. NULL for numbers out of range. */
const char *pf_component_type_name(int type);
const char *pf_pattern_type_name(int type);
/* The number of such a name, 0 where there is none. */
int pf_component_type_number(const char *name);
int pf_pattern_type_number(const char *name);

/*
 * The units, that is the names that patterns can have: "dual_import", and its type. NULL behind the last; NUMBER
 * counts from 0. Static storage.
 */
const char *pf_pattern_unit(size_t number, enum pf_pattern_type *type);
/* The type of the patterns of that name, 0 where there is no such unit. */
int pf_pattern_unit_type(const char *name);

typedef struct pf_pattern {
	enum pf_pattern_type type;
	const char *name;   /* the unit, such as "dual_import": static storage, [a-z_]+ */
	char signature[33]; /* XXH3-128 over type, name and canonical form: 32 lower-case hex digits */
	/*
	 * pattern_data without its braces and without "examples": the unit's fields,
	 * then "template", "code", "lines", as pretty JSON members at four spaces,
	 * comma-separated, no newline at the end (pf_json_start_members(…, 2)).
	 */
	char *data;
	int first_line, last_line; /* in the module, from 1 */
	bool trivial;		   /* says so little that it should never lead a list: `self.x = None` */
} pf_pattern;

typedef struct pf_component {
	char *name; /* the class's */
	enum pf_component_type type;
	char *category;	      /* inferred; "general" where nothing says; matches [a-z0-9][a-z0-9_-]{0,63} */
	char *subcategory;    /* of the same form; NULL where none */
	int complexity_score; /* McCabe's cyclomatic number, summed over the class's methods */
	char *libraries;      /* JSON array on one line, sorted: packages and providers, `["airflow.providers.amazon",
				 "nemo"]` */
	char *record;	      /* the whole document components/NAME/patterns.json, newline at its end */
	int first_line, last_line;
	pf_pattern *patterns; /* each (type, name, signature) once, in source order */
	size_t pattern_count;
} pf_component;

/* A class that looks like one but yields no component, and why. */
typedef struct pf_skip {
	char *name;
	int line;
	const char *why; /* static storage */
} pf_skip;

/* Owns all that it points to. */
typedef struct pf_module {
	pf_component *components; /* in source order, names unique */
	size_t component_count;
	pf_skip *skips;
	size_t skip_count;
} pf_module;

/* What categories are inferred by. Never changes once made: any number of threads may use it at a time. */
typedef struct pf_categories pf_categories;

enum { PF_CATEGORIES_MAX = 1 << 20 }; /* bytes of a user's rows */

/*
 * The embedded table (extract/categories.csv), extended by the LEN bytes at CSV
 * (NULL: by nothing; no NUL needed at the end; not kept). A row of CSV takes the
 * place of the embedded row of the same kind and token. The caller's to
 * pf_categories_free, after all extractors that use it.
 *
 * CSV is UTF-8, a row a line of at most 1,000 bytes:
 * `kind,token,category,subcategory,weight`, which may also stand as the first
 * line. Empty lines and those that begin with # say nothing; fields have neither
 * quotes nor white space around them. kind is import, provider or word; the
 * token of the first two is names with dots between them (128 bytes), that of a
 * word is letters and digits, whatever their case (64); category, and
 * subcategory where it is not empty, are as pf_category_name_valid wants them;
 * weight is an integer from 1 to 99. No token comes twice.
 *
 * NULL where any of that is otherwise, and err->why says where and why, NAME
 * being the file: `NAME:LINE:COLUMN: error: what, expected what`. EINVAL; EILSEQ
 * not UTF-8; EFBIG over PF_CATEGORIES_MAX; ENOMEM.
 */
pf_categories *pf_categories_new(const char *name, const char *csv, size_t len, pf_err *err);
void pf_categories_free(pf_categories *categories); /* NULL is fine */

typedef struct pf_extract_limits {
	size_t max_source;		 /* bytes; 0: 4 MiB */
	unsigned timeout_ms;		 /* CPU time for parsing and extraction together; 0: 5,000 */
	const pf_categories *categories; /* borrowed, for as long as the extractor lives; NULL: the embedded table */
} pf_extract_limits;

/*
 * A parser, its compiled queries and scratch memory, reused from file to file.
 * Belongs to one thread at a time; any number may exist.
 */
typedef struct pf_extractor pf_extractor;

/* LIMITS may be NULL. NULL and ERR on failure: ENOMEM, EINVAL (a query does not compile). */
pf_extractor *pf_extractor_new(const pf_extract_limits *limits, pf_err *err);
void pf_extractor_free(pf_extractor *extractor); /* NULL is fine */

/*
 * Extracts the components of SOURCE (LEN bytes, no NUL needed at the end; not
 * kept). PATH names it: its last part stands in messages, its folders help to
 * infer the category. On success 0 and *MODULE, with at least one component,
 * the caller's to pf_module_free.
 *
 * Refusals leave *MODULE NULL and return minus the code; err->why is in
 * compiler form, `NAME:LINE:COLUMN: error: what, expected what` (from 1;
 * columns count characters, and LINE:COLUMN are left out where they make no
 * sense): EINVAL no component class, a syntax error, NUL bytes; EILSEQ not
 * UTF-8; EFBIG over max_source, or yielding over 32 times that; ETIMEDOUT; ENOMEM.
 */
int pf_extract(pf_extractor *extractor, const char *path, const char *source, size_t len, pf_module **module,
	       pf_err *err);
void pf_module_free(pf_module *module); /* NULL is fine */

/* "low" (≤ 10), "medium" (≤ 20), "high" (≤ 50) or "very_high": the range of a complexity score. */
const char *pf_complexity_range(int score);

/* True where NAME (a NUL-terminated string) can be a category: [a-z0-9][a-z0-9_-]{0,63} and no reserved name. */
bool pf_category_name_valid(const char *name);

#endif
