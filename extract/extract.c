/*
 * pf_extract: checks the bytes, has them parsed, and drives what the other
 * files do. All scratch memory belongs to the extractor and is reused from file
 * to file; a module's results are allocated for the caller.
 */
#include "extract.h"
#include "arena.h"
#include "category.h"
#include "collect.h"
#include "embedded.h"
#include "known.h"
#include "syntax.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const TSLanguage *tree_sitter_python(void);

/*
 * OUTPUT_FACTOR times max_source is what one module may yield. Every component
 * repeats the module's imports, so that many of both would yield their product;
 * real modules yield 6 times their size, and 21 at the most.
 */
enum { DEFAULT_MAX_SOURCE = 4 << 20, DEFAULT_TIMEOUT_MS = 5000, OUTPUT_FACTOR = 32 };

const struct pattern_row pattern_rows[PF_PATTERN_TYPE_END] = {
	[PF_STRUCTURAL] = { "structural", embedded_structural_scm, collect_structural },
	[PF_IMPORT] = { "import", embedded_import_scm, collect_import },
	[PF_EXECUTION] = { "execution", embedded_execution_scm, collect_execution },
	[PF_ERROR_HANDLING] = { "error_handling", embedded_error_handling_scm, collect_error_handling },
	[PF_TEMPLATE_FIELDS] = { "template_fields", embedded_template_fields_scm, collect_template_fields },
	[PF_PARAMETER_ORDERING] = { "parameter_ordering", embedded_parameter_ordering_scm, collect_parameter_ordering },
	[PF_MOCK_EXECUTION] = { "mock_execution", embedded_mock_execution_scm, collect_mock_execution },
	[PF_LOGGING] = { "logging", embedded_logging_scm, collect_logging },
	[PF_VALIDATION] = { "validation", embedded_validation_scm, collect_validation },
	[PF_RUNTIME_PARAMETERS] = { "runtime_parameters", embedded_runtime_parameters_scm, collect_runtime_parameters },
	[PF_INITIALIZATION] = { "initialization", embedded_initialization_scm, collect_initialization },
};

/* A query's pattern that is one node and its capture, `(call) @call`: the flat tree answers it. */
struct wanted {
	uint8_t kind, type, capture;
};

struct pf_extractor {
	size_t max_source;
	unsigned timeout_ms;
	struct arena *arena;	/* of the file being read: its parser and its tree */
	struct arena *kept;	/* of the query */
	TSQuery *query;		/* all rows' queries in one, so that the tree is walked once */
	uint8_t *pattern_types; /* of each of the query's patterns, its row */
	uint8_t *capture_kinds; /* of each of its captures, enum capture */
	struct wanted *wanted;	/* sorted by kind */
	uint32_t wanted_count, wanted_room;
	uint32_t first_wanted[KIND_END + 1]; /* of each kind, its first in wanted */
	bool needs_cursor;		     /* some pattern is more than one node */
	struct language language;
	const pf_categories *categories; /* the limits', or: */
	pf_categories *own_categories;

	/* Scratch. */
	struct clock clock;
	char *copy; /* the source with plain newlines, where it had others */
	size_t copy_room;
	struct tree tree;
	struct scopes scopes;
	struct classes classes;
	struct site *sites;
	uint32_t site_count, site_room;
	struct collect collect;
	slice *libraries;
	uint32_t library_count, library_room;
	pf_text libraries_text;
};

/* --- queries --------------------------------------------------------------------------------------------------- */

static int capture_number(const char *name, uint32_t len)
{
	static const char *const names[] = {
#define CAPTURE(capture) #capture,
		CAPTURES(CAPTURE)
#undef CAPTURE
	};

	for (int i = 0; i < CAPTURE_END; i++)
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			return i;
	return -1;
}

/* Which row's text the byte OFFSET of the joined queries stands in; OFFSET becomes one within it. */
static int row_at(uint32_t *offset)
{
	for (int type = 1; type < PF_PATTERN_TYPE_END; type++) {
		uint32_t len = (uint32_t)strlen(pattern_rows[type].query) + 1;

		if (*offset < len)
			return type;
		*offset -= len;
	}
	return PF_PATTERN_TYPE_END - 1;
}

static int number_captures(pf_extractor *extractor, pf_err *err)
{
	uint32_t patterns = ts_query_pattern_count(extractor->query);
	uint32_t captures = ts_query_capture_count(extractor->query);

	extractor->pattern_types = calloc(patterns + 1, 1);
	extractor->capture_kinds = calloc(captures + 1, 1);
	if (!extractor->pattern_types || !extractor->capture_kinds)
		return pf_fail(err, ENOMEM, "out of memory");
	for (uint32_t i = 0; i < patterns; i++) {
		uint32_t offset = ts_query_start_byte_for_pattern(extractor->query, i);

		extractor->pattern_types[i] = (uint8_t)row_at(&offset);
	}
	for (uint32_t i = 0; i < captures; i++) {
		uint32_t len;
		const char *name = ts_query_capture_name_for_id(extractor->query, i, &len);
		int number = capture_number(name, len);

		if (number < 0)
			return pf_fail(err, EINVAL, "a query captures @%.*s, which no collector knows", (int)len, name);
		extractor->capture_kinds[i] = (uint8_t)number;
	}
	return 0;
}

/* Reads TEXT, one pattern of a query, as `(NODE) @CAPTURE`; false where it is anything else. */
static bool read_single(const char *text, char node[64], char capture[32])
{
	int end = 0;

	return sscanf(text, " (%63[a-z_]) @%31[a-z_]%n", node, capture, &end) == 2 && end > 0 &&
	       (text[end + strspn(text + end, " \n")] == '(' || text[end + strspn(text + end, " \n")] == '[' ||
		text[end + strspn(text + end, " \n")] == ';' || text[end + strspn(text + end, " \n")] == '\0');
}

static int compare_wanted(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	return x->kind != y->kind ? x->kind - y->kind : x->type - y->type;
}

/*
 * Takes the patterns of one node from the query, which would look at every
 * node of the tree again for them: a third of the cost of parsing.
 */
static int take_singles(pf_extractor *extractor, const char *text, pf_err *err)
{
	const struct language *language = &extractor->language;

	for (uint32_t i = 0; i < ts_query_pattern_count(extractor->query); i++) {
		char node[64], capture[32];
		TSSymbol symbol;
		uint8_t kind = K_OTHER;

		if (read_single(text + ts_query_start_byte_for_pattern(extractor->query, i), node, capture)) {
			symbol = ts_language_symbol_for_name(language->grammar, node, (uint32_t)strlen(node), true);
			kind = symbol < language->symbol_count ? language->kinds[symbol] : (uint8_t)K_OTHER;
		}
		if (kind == K_OTHER || kind == K_TOKEN) {
			extractor->needs_cursor = true;
			continue;
		}
		if (!array_room(&extractor->wanted, &extractor->wanted_room, extractor->wanted_count,
				sizeof *extractor->wanted))
			return pf_fail(err, ENOMEM, "out of memory");
		extractor->wanted[extractor->wanted_count++] = (struct wanted){
			.kind = kind,
			.type = extractor->pattern_types[i],
			.capture = (uint8_t)capture_number(capture, (uint32_t)strlen(capture)),
		};
		ts_query_disable_pattern(extractor->query, i);
	}
	if (extractor->wanted_count)
		qsort(extractor->wanted, extractor->wanted_count, sizeof *extractor->wanted, compare_wanted);
	for (uint32_t kind = 0, i = 0; kind <= KIND_END; kind++) {
		while (i < extractor->wanted_count && extractor->wanted[i].kind < kind)
			i++;
		extractor->first_wanted[kind] = i;
	}
	return 0;
}

struct compiling {
	const TSLanguage *grammar;
	pf_text text;
	TSQuery *query;
	uint32_t offset;
	TSQueryError problem;
};

static void compile(void *arg)
{
	struct compiling *c = arg;

	c->query = ts_query_new(c->grammar, c->text.bytes, (uint32_t)c->text.len, &c->offset, &c->problem);
}

static int compile_queries(pf_extractor *extractor, pf_err *err)
{
	struct compiling c = { .grammar = extractor->language.grammar, .problem = TSQueryErrorNone };
	int rc;

	for (int type = 1; type < PF_PATTERN_TYPE_END; type++) {
		pf_text_puts(&c.text, pattern_rows[type].query);
		pf_text_puts(&c.text, "\n");
	}
	if (c.text.failed || !arena_use(extractor->kept, compile, &c)) {
		pf_text_free(&c.text);
		return pf_fail(err, ENOMEM, "out of memory");
	}
	extractor->query = c.query;
	if (!extractor->query) {
		pf_text_free(&c.text);

		int type = row_at(&c.offset);

		return pf_fail(err, EINVAL, "query %s.scm does not compile: %s at byte %u", pattern_rows[type].name,
			       c.problem == TSQueryErrorNodeType    ? "no such node"
			       : c.problem == TSQueryErrorField	    ? "no such field"
			       : c.problem == TSQueryErrorCapture   ? "no such capture"
			       : c.problem == TSQueryErrorStructure ? "impossible structure"
								    : "syntax error",
			       c.offset);
	}
	rc = number_captures(extractor, err);
	if (rc == 0)
		rc = take_singles(extractor, c.text.bytes, err);
	pf_text_free(&c.text);
	return rc;
}

static int start(pf_extractor *extractor, pf_err *err)
{
	const TSLanguage *grammar = tree_sitter_python();

	arena_install();
	extractor->arena = arena_new();
	extractor->kept = arena_new();
	if (!extractor->arena || !extractor->kept || !language_start(&extractor->language, grammar))
		return pf_fail(err, ENOMEM, "out of memory");
	if (!extractor->categories) {
		extractor->own_categories = pf_categories_new(NULL, NULL, 0, err);
		extractor->categories = extractor->own_categories;
		if (!extractor->categories)
			return -ENOMEM;
	}
	return compile_queries(extractor, err);
}

pf_extractor *pf_extractor_new(const pf_extract_limits *limits, pf_err *err)
{
	pf_extractor *extractor = calloc(1, sizeof *extractor);

	if (!extractor) {
		pf_fail(err, ENOMEM, "out of memory");
		return NULL;
	}
	extractor->max_source = limits && limits->max_source ? limits->max_source : DEFAULT_MAX_SOURCE;
	extractor->timeout_ms = limits && limits->timeout_ms ? limits->timeout_ms : DEFAULT_TIMEOUT_MS;
	extractor->categories = limits ? limits->categories : NULL;
	if (start(extractor, err) < 0) {
		pf_extractor_free(extractor);
		return NULL;
	}
	return extractor;
}

void pf_extractor_free(pf_extractor *extractor)
{
	if (!extractor)
		return;
	arena_free(extractor->arena);
	arena_free(extractor->kept);
	language_stop(&extractor->language);
	pf_categories_free(extractor->own_categories);
	tree_free(&extractor->tree);
	scopes_free(&extractor->scopes);
	classes_free(&extractor->classes);
	canon_free(&extractor->collect.canon);
	pf_text_free(&extractor->collect.scratch);
	pf_text_free(&extractor->collect.data);
	pf_text_free(&extractor->collect.record_text);
	pf_text_free(&extractor->libraries_text);
	free(extractor->collect.seen.slots);
	free(extractor->wanted);
	free(extractor->pattern_types);
	free(extractor->capture_kinds);
	free(extractor->copy);
	free(extractor->sites);
	free(extractor->libraries);
	free(extractor);
}

/* --- the bytes ------------------------------------------------------------------------------------------------- */

static const char *last_part(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return !path ? "-" : slash ? slash + 1 : path;
}

static unsigned line_of(const char *source, const char *at)
{
	unsigned line = 1;

	for (; source < at; source++)
		if (*source == '\n')
			line++;
	return line;
}

static int check_bytes(const pf_extractor *extractor, const char *name, const char *source, size_t len, pf_err *err)
{
	const char *nul;

	if (len > extractor->max_source || len >= UINT32_MAX / 2)
		return pf_fail(err, EFBIG, "%s: error: %zu bytes, expected at most %zu", name, len,
			       extractor->max_source);
	if (len >= 2 && (memcmp(source, "\xff\xfe", 2) == 0 || memcmp(source, "\xfe\xff", 2) == 0))
		return pf_fail(err, EILSEQ, "%s: error: the file is UTF-16, expected UTF-8", name);
	nul = len ? memchr(source, '\0', len) : NULL;
	if (nul)
		return pf_fail(err, EINVAL, "%s:%u: error: NUL byte, expected Python source", name,
			       line_of(source, nul));
	for (size_t at = 0; at < len;) {
		int n = (unsigned char)source[at] < 0x80 ? 1 : pf_utf8_length(source + at, len - at);

		if (!n)
			return pf_fail(err, EILSEQ, "%s:%u: error: byte 0x%02x is not UTF-8, expected UTF-8", name,
				       line_of(source, source + at), (unsigned char)source[at]);
		at += (size_t)n;
	}
	return 0;
}

/* Every newline as Python reads it: CR LF and a lone CR are LF. */
static int plain_newlines(pf_extractor *extractor, const char **source, size_t *len, pf_err *err)
{
	const char *from = *source, *end = *source + *len;
	char *to;

	if (!*len || !memchr(from, '\r', *len))
		return 0;
	if (extractor->copy_room < *len) {
		char *copy = realloc(extractor->copy, *len);

		if (!copy)
			return pf_fail(err, ENOMEM, "out of memory");
		extractor->copy = copy;
		extractor->copy_room = *len;
	}
	for (to = extractor->copy; from < end; from++) {
		*to++ = *from == '\r' ? '\n' : *from;
		if (*from == '\r' && from + 1 < end && from[1] == '\n')
			from++;
	}
	*source = extractor->copy;
	*len = (size_t)(to - extractor->copy);
	return 0;
}

static int out_of(const pf_extractor *extractor, const char *name, pf_err *err)
{
	if (extractor->clock.late)
		return pf_fail(err, ETIMEDOUT, "%s: error: took over %u ms of CPU time, expected less", name,
			       extractor->timeout_ms);
	if (extractor->collect.written > extractor->max_source * OUTPUT_FACTOR)
		return pf_fail(err, EFBIG, "%s: error: yields over %zu bytes, expected fewer components", name,
			       extractor->max_source * OUTPUT_FACTOR);
	return pf_fail(err, ENOMEM, "%s: error: out of memory", name);
}

struct parsing {
	pf_extractor *extractor;
	TSTree *tree; /* NULL: out of time */
	bool unreadable;
};

static void run_parser(void *arg)
{
	struct parsing *p = arg;
	struct tree *tree = &p->extractor->tree;
	/* It lives and dies in the arena with its tree: what it keeps from file to file would be gone. */
	TSParser *parser = ts_parser_new();

	p->unreadable = !ts_parser_set_language(parser, p->extractor->language.grammar);
	if (!p->unreadable)
		p->tree = clock_parse(tree->clock, parser, tree->source, tree->len, NULL);
	ts_parser_delete(parser);
}

static int parse(pf_extractor *extractor, const char *name, const char *source, size_t len, pf_err *err,
		 TSTree **parsed)
{
	struct tree *tree = &extractor->tree;
	struct parsing parsing = { .extractor = extractor };

	tree->source = source;
	tree->len = (uint32_t)len;
	tree->clock = &extractor->clock;
	tree->failed = false;
	if (!arena_use(extractor->arena, run_parser, &parsing))
		return out_of(extractor, name, err);
	if (parsing.unreadable)
		return pf_fail(err, EINVAL, "libtree-sitter cannot read this grammar's version (%u)",
			       ts_language_version(extractor->language.grammar));
	*parsed = parsing.tree;
	if (!*parsed)
		return out_of(extractor, name, err);
	/* Where a node had more children than libtree-sitter can count (arena.h), text is missing from the tree. */
	if (ts_node_end_byte(ts_tree_root_node(*parsed)) != len)
		return pf_fail(
			err, EINVAL,
			"%s: error: too many comments in a row or too deeply nested code, expected fewer than 65,536",
			name);
	if (!tree_lines(tree) || !tree_build(tree, &extractor->language, extractor->arena, *parsed))
		return out_of(extractor, name, err);
	if (!extractor->needs_cursor) {
		/* The flat tree says it all: make room for what is found in it. */
		arena_reset(extractor->arena);
		*parsed = NULL;
	}
	return 0;
}

/* --- sites ----------------------------------------------------------------------------------------------------- */

static int compare_sites(const void *a, const void *b)
{
	const struct site *x = a, *y = b;

	if (x->owner != y->owner)
		return x->owner < y->owner ? -1 : 1;
	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	return (int)x->capture - (int)y->capture;
}

/* Outside of components only the module's own level counts; what functions do there is nobody's. */
static bool add_site(pf_extractor *extractor, uint32_t n, uint8_t type, uint8_t capture)
{
	uint32_t scope = extractor->tree.nodes[n].scope, owner = extractor->classes.by_scope[scope];

	if (owner == NONE && scope != 0)
		return true;
	if (!array_room(&extractor->sites, &extractor->site_room, extractor->site_count, sizeof *extractor->sites))
		return false;
	extractor->sites[extractor->site_count++] = (struct site){
		.owner = owner,
		.node = n,
		.type = type,
		.capture = capture,
	};
	return true;
}

static bool find_singles(pf_extractor *extractor)
{
	const struct tree *tree = &extractor->tree;

	for (uint32_t n = 0; n < tree->count; n++) {
		uint8_t kind = tree->nodes[n].kind;

		for (uint32_t i = extractor->first_wanted[kind]; i < extractor->first_wanted[kind + 1]; i++)
			if (!add_site(extractor, n, extractor->wanted[i].type, extractor->wanted[i].capture))
				return false;
	}
	return !clock_read(&extractor->clock);
}

struct matching {
	pf_extractor *extractor;
	TSTree *parsed;
	bool done;
};

static void match_queries(void *arg)
{
	struct matching *m = arg;
	pf_extractor *extractor = m->extractor;
	TSQueryCursor *cursor = ts_query_cursor_new();
	TSQueryMatch match;

	ts_query_cursor_exec(cursor, extractor->query, ts_tree_root_node(m->parsed));
	while (ts_query_cursor_next_match(cursor, &match)) {
		if (clock_late(&extractor->clock))
			return;
		for (uint16_t i = 0; i < match.capture_count; i++) {
			uint32_t n = tree_find(&extractor->tree, &extractor->language, match.captures[i].node);

			if (n != NONE && !add_site(extractor, n, extractor->pattern_types[match.pattern_index],
						   extractor->capture_kinds[match.captures[i].index]))
				return;
		}
	}
	m->done = true;
}

static bool find_matches(pf_extractor *extractor, TSTree *parsed)
{
	struct matching matching = { extractor, parsed, false };

	return arena_use(extractor->arena, match_queries, &matching) && matching.done;
}

static bool find_sites(pf_extractor *extractor, TSTree *parsed)
{
	extractor->site_count = 0;
	if (!find_singles(extractor) || (extractor->needs_cursor && !find_matches(extractor, parsed)))
		return false;
	if (extractor->site_count)
		qsort(extractor->sites, extractor->site_count, sizeof *extractor->sites, compare_sites);
	return true;
}

static uint32_t first_site(const pf_extractor *extractor, uint32_t owner, uint8_t type)
{
	struct site key = { .owner = owner, .type = type };
	uint32_t low = 0, high = extractor->site_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (compare_sites(&extractor->sites[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint32_t sites_of(const pf_extractor *extractor, uint32_t owner, int type, const struct site **sites)
{
	uint32_t first = first_site(extractor, owner, (uint8_t)type), last = first;

	while (last < extractor->site_count && extractor->sites[last].owner == owner &&
	       extractor->sites[last].type == type)
		last++;
	*sites = last > first ? extractor->sites + first : NULL;
	return last - first;
}

/* --- what the module imports ----------------------------------------------------------------------------------- */

static slice first_part(slice dotted)
{
	const char *dot = memchr(dotted.at, '.', dotted.len);

	return dot ? (slice){ dotted.at, (uint32_t)(dot - dotted.at) } : dotted;
}

static int compare_slices(const void *a, const void *b)
{
	const slice *x = a, *y = b;
	int order = memcmp(x->at, y->at, x->len < y->len ? x->len : y->len);

	return order ? order : x->len < y->len ? -1 : x->len > y->len;
}

/*
 * What has to be installed for an import to work, as the name it is imported by: `google.cloud` is google; of
 * Airflow's own, a provider: `airflow.providers.apache.hive.hooks` is airflow.providers.apache.hive. Empty for
 * Airflow itself and the standard library.
 */
static slice library_of(slice module)
{
	static const char prefix[] = "airflow.providers.";
	slice library = first_part(module), rest, part;

	if (is_standard_module(library))
		return SLICE("");
	if (!slice_is(library, "airflow"))
		return library;
	if (!slice_starts(module, prefix))
		return SLICE("");
	rest = (slice){ module.at + sizeof prefix - 1, module.len - (uint32_t)(sizeof prefix - 1) };
	part = first_part(rest);
	if (is_provider_namespace(part) && part.len < rest.len)
		part.len += 1 + first_part((slice){ rest.at + part.len + 1, rest.len - part.len - 1 }).len;
	return (slice){ module.at, (uint32_t)(sizeof prefix - 1) + part.len };
}

static bool add_import(pf_extractor *extractor, slice module, struct category_match *match)
{
	slice package = library_of(module);

	category_import(extractor->categories, module, match);
	if (!package.len)
		return true;
	if (!array_room(&extractor->libraries, &extractor->library_room, extractor->library_count,
			sizeof *extractor->libraries))
		return false;
	extractor->libraries[extractor->library_count++] = package;
	return true;
}

/* `from MODULE import NAME`: NAME may be a module of its own, or say more than MODULE does. Private names say nothing.
 */
static void consider_imported(const pf_extractor *extractor, slice module, slice name, struct category_match *match)
{
	char dotted[NAME_SEARCHED];

	if (*name.at == '_' || (size_t)module.len + 1 + name.len > sizeof dotted)
		return;
	memcpy(dotted, module.at, module.len);
	dotted[module.len] = '.';
	memcpy(dotted + module.len + 1, name.at, name.len);
	category_import(extractor->categories, (slice){ dotted, module.len + 1 + name.len }, match);
}

/* The statement's names: of modules, or of what is imported from one. */
static bool read_import(pf_extractor *extractor, uint32_t n, struct category_match *match)
{
	const struct tree *tree = &extractor->tree;
	uint32_t module = child_field(tree, n, F_module_name);

	if (module != NONE && kind_of(tree, module) != K_dotted_name)
		return true; /* relative */
	if (module != NONE && !add_import(extractor, text_of(tree, module), match))
		return false;
	FOR_CHILDREN (tree, n, c) {
		uint32_t name = c;

		if (tree->nodes[c].field != F_name)
			continue;
		if (clock_late(&extractor->clock))
			return false;
		if (kind_of(tree, c) == K_aliased_import)
			name = child_field(tree, c, F_name);
		if (kind_of(tree, name) != K_dotted_name)
			continue;
		if (module != NONE)
			consider_imported(extractor, text_of(tree, module), text_of(tree, name), match);
		else if (!add_import(extractor, text_of(tree, name), match))
			return false;
	}
	return true;
}

static bool read_imports(pf_extractor *extractor, struct category_match *match)
{
	const struct tree *tree = &extractor->tree;
	pf_text *text = &extractor->libraries_text;

	extractor->library_count = 0;
	for (uint32_t n = 0; n < tree->count; n++) {
		if (clock_late(&extractor->clock))
			return false;
		if ((kind_of(tree, n) == K_import_from_statement || kind_of(tree, n) == K_import_statement) &&
		    !read_import(extractor, n, match))
			return false;
	}
	if (extractor->library_count)
		qsort(extractor->libraries, extractor->library_count, sizeof *extractor->libraries, compare_slices);
	pf_text_reset(text);
	pf_text_puts(text, "[");
	for (uint32_t i = 0; i < extractor->library_count; i++) {
		if (i && slice_same(extractor->libraries[i], extractor->libraries[i - 1]))
			continue;
		if (i)
			pf_text_puts(text, ", ");
		pf_json_quote(text, extractor->libraries[i].at, extractor->libraries[i].len);
	}
	pf_text_puts(text, "]");
	return !text->failed;
}

/* --- components ------------------------------------------------------------------------------------------------ */

static int compare_patterns(const void *a, const void *b)
{
	const pf_pattern *x = a, *y = b;
	int order;

	if (x->first_line != y->first_line)
		return x->first_line < y->first_line ? -1 : 1;
	if (x->type != y->type)
		return x->type < y->type ? -1 : 1;
	order = strcmp(x->name, y->name);
	return order ? order : strcmp(x->signature, y->signature);
}

static bool collect_types(pf_extractor *extractor, uint32_t number)
{
	struct collect *c = &extractor->collect;

	pf_text_reset(&c->record_text);
	c->record = pf_json_start(&c->record_text, false);
	pf_json_object(&c->record, NULL);
	pf_json_string(&c->record, "component_name", c->component->name);
	mark_used(c);
	for (int type = 1; type < PF_PATTERN_TYPE_END; type++) {
		c->type = type;
		c->site_count = sites_of(extractor, number, type, &c->sites);
		c->module_site_count = sites_of(extractor, NONE, type, &c->module_sites);
		pf_json_object(&c->record, pattern_rows[type].name);
		pattern_rows[type].collect(c);
		pf_json_end(&c->record);
		if (c->failed || extractor->clock.late)
			return false;
	}
	pf_json_end(&c->record);
	c->written += c->record_text.len;
	c->component->record = c->record_text.failed ? NULL : strdup(c->record_text.bytes);
	if (c->component->pattern_count)
		qsort(c->component->patterns, c->component->pattern_count, sizeof(pf_pattern), compare_patterns);
	return c->component->record;
}

static void start_component(pf_extractor *extractor, pf_component *component, uint32_t number)
{
	struct collect *c = &extractor->collect;

	c->tree = &extractor->tree;
	c->scopes = &extractor->scopes;
	c->classes = &extractor->classes;
	c->canon.scopes = &extractor->scopes;
	c->canon.tree = &extractor->tree;
	c->failed = false;
	c->number = number;
	c->class = &extractor->classes.list[number];
	c->component = component;
	c->pattern_room = 0;
	c->libraries = extractor->libraries_text.bytes;
	c->seen.count = 0;
	if (c->seen.slots)
		memset(c->seen.slots, 0, c->seen.room * sizeof *c->seen.slots);
}

/* What the class's name and those of its bases say. */
static void consider_class(const pf_extractor *extractor, const struct class_info *class, struct category_match *match)
{
	const struct tree *tree = &extractor->tree;

	category_class(extractor->categories, class->name, match);
	if (class->bases == NONE)
		return;
	FOR_NAMED (tree, class->bases, base)
		if (kind_of(tree, base) != K_keyword_argument && !clock_late(tree->clock))
			category_base(extractor->categories, slice_last(text_of(tree, without_subscript(tree, base))),
				      match);
}

static bool extract_component(pf_extractor *extractor, uint32_t number, struct category_match match,
			      pf_component *component)
{
	const struct tree *tree = &extractor->tree;
	const struct class_info *class = &extractor->classes.list[number];
	const char *subcategory;

	consider_class(extractor, class, &match);
	subcategory = match.best && *match.best->subcategory ? match.best->subcategory : NULL;
	*component = (pf_component){
		.name = strndup(class->name.at, class->name.len),
		.type = (enum pf_component_type) class->type,
		.category = strdup(match.best ? match.best->category : "general"),
		.subcategory = subcategory ? strdup(subcategory) : NULL,
		.complexity_score = class_complexity(tree, class->node),
		.libraries = strdup(extractor->libraries_text.bytes),
		.first_line = (int)tree_line(tree, tree->nodes[class->outer].start),
		.last_line = (int)tree_line(tree, tree->nodes[class->outer].end),
	};
	if (!component->name || !component->category || (subcategory && !component->subcategory) ||
	    !component->libraries)
		return false;
	start_component(extractor, component, number);
	return collect_types(extractor, number);
}

static bool extract_components(pf_extractor *extractor, const char *path, pf_module *module)
{
	const struct classes *classes = &extractor->classes;
	struct category_match match = { 0 };

	module->components = calloc(classes->count + 1, sizeof *module->components);
	module->skips = calloc(classes->count + 1, sizeof *module->skips);
	if (!module->components || !module->skips)
		return false;
	category_path(extractor->categories, path, &match);
	if (!read_imports(extractor, &match))
		return false;
	for (uint32_t i = 0; i < classes->count; i++) {
		const struct class_info *class = &classes->list[i];

		if (!class->type)
			continue;
		if (class->skipped) {
			module->skips[module->skip_count++] = (pf_skip){
				.name = strndup(class->name.at, class->name.len),
				.line = (int)tree_line(&extractor->tree, extractor->tree.nodes[class->node].start),
				.why = class->skipped,
			};
			if (!module->skips[module->skip_count - 1].name)
				return false;
			continue;
		}
		if (!extract_component(extractor, i, match, &module->components[module->component_count++]) ||
		    extractor->collect.written > extractor->max_source * OUTPUT_FACTOR)
			return false;
	}
	return true;
}

static bool has_component(const struct classes *classes)
{
	for (uint32_t i = 0; i < classes->count; i++)
		if (classes->list[i].type && !classes->list[i].skipped)
			return true;
	return false;
}

static int extract_tree(pf_extractor *extractor, const char *path, TSTree *parsed, pf_module *module, pf_err *err)
{
	const char *name = last_part(path);
	int rc = syntax_check(&extractor->tree, &extractor->language, extractor->arena, name, err);

	if (rc < 0)
		return rc == -ETIMEDOUT || rc == -ENOMEM ? out_of(extractor, name, err) : rc;
	if (!scopes_build(&extractor->scopes, &extractor->tree) ||
	    !classes_build(&extractor->classes, &extractor->scopes))
		return out_of(extractor, name, err);
	if (!has_component(&extractor->classes))
		return pf_fail(err, EINVAL,
			       "%s: error: no component class, expected a class that is or extends an Operator, "
			       "Sensor, Hook, Trigger or Notifier",
			       name);
	if (!find_sites(extractor, parsed) || !extract_components(extractor, path, module))
		return out_of(extractor, name, err);
	return 0;
}

int pf_extract(pf_extractor *extractor, const char *path, const char *source, size_t len, pf_module **module,
	       pf_err *err)
{
	const char *name = last_part(path);
	TSTree *parsed = NULL;
	int rc;

	*module = NULL;
	rc = check_bytes(extractor, name, source, len, err);
	if (rc < 0)
		return rc;
	clock_start(&extractor->clock, extractor->timeout_ms);
	extractor->collect.written = 0;
	if (len >= 3 && memcmp(source, "\xef\xbb\xbf", 3) == 0) {
		source += 3;
		len -= 3;
	}
	rc = plain_newlines(extractor, &source, &len, err);
	if (rc == 0)
		rc = parse(extractor, name, source, len, err, &parsed);
	if (rc == 0) {
		pf_module *result = calloc(1, sizeof *result);

		rc = result ? extract_tree(extractor, path, parsed, result, err) : out_of(extractor, name, err);
		if (rc == 0)
			*module = result;
		else
			pf_module_free(result);
	}
	arena_reset(extractor->arena); /* and with it the tree */
	return rc;
}

static void free_component(pf_component *component)
{
	for (size_t i = 0; i < component->pattern_count; i++)
		free(component->patterns[i].data);
	free(component->patterns);
	free(component->name);
	free(component->category);
	free(component->subcategory);
	free(component->libraries);
	free(component->record);
}

void pf_module_free(pf_module *module)
{
	if (!module)
		return;
	for (size_t i = 0; i < module->component_count; i++)
		free_component(&module->components[i]);
	for (size_t i = 0; i < module->skip_count; i++)
		free(module->skips[i].name);
	free(module->components);
	free(module->skips);
	free(module);
}
