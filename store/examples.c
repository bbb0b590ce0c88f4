/*
 * Examples: the source of a pattern in components that a query is about.
 *
 * A pattern's document has the source of the component that it was first seen in, which need not be one that the query
 * is about, and may be too long to show. What others show is read from their sources, by the lines of their sightings.
 * All is bounded: of the sightings the first few are looked at, of those that will do a few are put in order, of these
 * a few are read, and long sources are passed over.
 */
#include <stdio.h>

#include "store-internal.h"

#define SIGHTINGS_SEEN "256"	/* those first learned */
#define COMPONENTS     "16"	/* of these, that the query is about and that are short enough */
#define SOURCES	       "4"	/* of these, read: best component first */
#define SOURCE_MOST    "262144" /* bytes */

/* What keys ask of a component `c`. What others ask is of patterns, and their first component's. */
static const struct {
	enum key key;
	const char *where;
} facts[] = {
	{ KEY_CATEGORY, " AND c.category = :category_text" },
	{ KEY_COMPONENT_TYPE, " AND c.component_type = :component_type_text" },
	{ KEY_SUBCATEGORY, " AND c.subcategory = :subcategory_text" },
	{ KEY_LIBRARY, " AND EXISTS (SELECT 1 FROM libraries b CROSS JOIN component_libraries l ON l.library_id = b.id"
		       " AND l.component_id = c.id WHERE b.name = :library_text)" },
	{ KEY_MIN_SUCCESS_SCORE, " AND c.success_score >= :min_success_score" },
	{ KEY_COMPONENT, " AND c.id IN (SELECT value FROM json_each(:components))" },
	{ KEY_SIMILAR_TO, " AND c.id IN (SELECT value FROM json_each(:components))" },
};
enum { FACTS = sizeof facts / sizeof *facts };

struct pf_examples {
	pf_store *store;
	const pf_query *query; /* the caller's */
	bool narrowed;	       /* by facts */
	pf_text components;    /* a JSON array; empty where the query does not name any */
	pf_text own, others;   /* statements */
};

static int add_id(pf_text *list, int64_t id)
{
	pf_text_printf(list, "%s%lld", list->len > 1 ? "," : "", (long long)id);
	return list->failed;
}

static int add_similar(void *arg, const pf_result *result)
{
	return add_id(arg, result->id);
}

/* The ten most like COMPONENT: those whose patterns are asked for. */
static int list_similar(pf_store *store, const char *component, pf_text *list, pf_err *err)
{
	static const char key[] = "similar_to=";
	__attribute__((cleanup(pf_text_free))) pf_text pair = { 0 };
	pf_query *similar, *best;
	int rc;

	pf_text_printf(&pair, "%s%s", key, component);
	if (pair.failed)
		return no_memory(err);
	similar = pf_query_narrow(NULL, pair.bytes, err);
	best = similar ? pf_query_narrow(similar, "limit=" SIMILAR_COMPONENTS, err) : NULL;
	rc = best ? pf_store_query(store, best, add_similar, list, err) : -ENOMEM;
	pf_query_free(similar);
	pf_query_free(best);
	return rc < 0 ? rc : 0;
}

/* One of a list, where the query names both. */
static int list_components(struct pf_examples *e, pf_err *err)
{
	const struct query_value *values = e->query->values;
	pf_component_entry entry;
	int rc = 0;

	if (!query_has(e->query, KEY_COMPONENT) && !query_has(e->query, KEY_SIMILAR_TO))
		return 0;
	pf_text_puts(&e->components, "[");
	if (query_has(e->query, KEY_COMPONENT)) {
		rc = pf_store_component_find(e->store, values[KEY_COMPONENT].text, &entry, err);
		if (rc == 0)
			add_id(&e->components, entry.id);
	} else {
		rc = list_similar(e->store, values[KEY_SIMILAR_TO].text, &e->components, err);
	}
	pf_text_puts(&e->components, "]");
	return rc;
}

static void add_facts(const struct pf_examples *e, pf_text *sql)
{
	for (int i = 0; i < FACTS; i++)
		if (query_has(e->query, facts[i].key))
			pf_text_puts(sql, facts[i].where);
}

static void make_statements(struct pf_examples *e)
{
	/* The component may have moved since, or show it no longer. */
	pf_text_puts(&e->own, "SELECT 1 FROM code_patterns p CROSS JOIN components c ON c.component_name ="
			      " p.component_name CROSS JOIN sightings s ON s.component_id = c.id"
			      " AND s.pattern_id = p.id WHERE p.id = :pattern");
	add_facts(e, &e->own);
	pf_text_puts(&e->others, "SELECT best.first_line, best.last_line, q.content FROM (SELECT * FROM (SELECT"
				 " s.first_line, s.last_line, c.source_id, c.success_score, c.verdict_bound,"
				 " c.pattern_count, c.id FROM (");
	pf_text_puts(&e->others, e->components.len ? "SELECT value AS id FROM json_each(:components)"
						   : "SELECT k.component_id AS id FROM sightings k"
						     " WHERE k.pattern_id = :pattern ORDER BY k.component_id"
						     " LIMIT " SIGHTINGS_SEEN);
	pf_text_puts(&e->others, ") who CROSS JOIN sightings s ON s.component_id = who.id AND s.pattern_id = :pattern"
				 " CROSS JOIN components c ON c.id = who.id WHERE s.last_line - s.first_line < :lines");
	add_facts(e, &e->others);
	pf_text_puts(&e->others,
		     " LIMIT " COMPONENTS
		     ") some ORDER BY " COMPONENT_RANK("some") " LIMIT " SOURCES
							       ") best CROSS JOIN sources q ON q.id = best.source_id"
							       " WHERE length(q.content) <= " SOURCE_MOST);
}

pf_examples *pf_store_examples(pf_store *store, const pf_query *query, pf_err *err)
{
	pf_examples *e = calloc(1, sizeof *e);

	if (!e) {
		no_memory(err);
		return NULL;
	}
	e->store = store;
	e->query = query;
	for (int i = 0; i < FACTS; i++)
		e->narrowed |= query_has(query, facts[i].key);
	if (list_components(e, err) < 0) {
		pf_examples_free(e);
		return NULL;
	}
	make_statements(e);
	if (e->components.failed || e->own.failed || e->others.failed) {
		no_memory(err);
		pf_examples_free(e);
		return NULL;
	}
	return e;
}

void pf_examples_free(pf_examples *e)
{
	if (!e)
		return;
	pf_text_free(&e->components);
	pf_text_free(&e->own);
	pf_text_free(&e->others);
	free(e);
}

const char *examples_sql(const pf_examples *e, bool own)
{
	return own ? e->own.bytes : e->others.bytes;
}

static void bind(const pf_examples *e, int64_t pattern, struct query *q)
{
	query_named_int(q, ":pattern", pattern);
	query_named_text(q, ":components", e->components.bytes ? e->components.bytes : "[]");
	for (int i = 0; i < FACTS; i++) {
		const struct query_value *value = &e->query->values[facts[i].key];
		const char *name = query_key_names[facts[i].key];
		char parameter[64];

		if (!value->text)
			continue;
		snprintf(parameter, sizeof parameter, ":%s_text", name);
		query_named_text(q, parameter, value->text);
		snprintf(parameter, sizeof parameter, ":%s", name);
		query_named_real(q, parameter, value->number);
	}
}

int pf_examples_own(pf_examples *e, int64_t pattern, bool *own, pf_err *err)
{
	LEASE lease = { 0 };
	int rc;

	*own = true;
	if (!e->narrowed)
		return 0;
	rc = lease_begin(e->store, &lease, err);
	if (rc < 0)
		return rc;
	__attribute__((cleanup(query_end))) struct query q = query_made(lease.conn, e->own.bytes);
	bind(e, pattern, &q);
	rc = query_row(&q, err);
	*own = rc > 0;
	return rc < 0 ? rc : 0;
}

/* ---- lines of a source ---- */

/* A string of Python that goes on in the next line: its quote, how often; none where that is 0. */
struct open_string {
	char quote;
	size_t count;
};

/* Where the string ends that AT stands in, behind its quotes; END where it goes on, and *IN says so. */
static const char *skip_string(const char *at, const char *end, struct open_string *in)
{
	for (; at < end; at++) {
		size_t run = 0;

		if (*at == '\\') {
			if (++at == end)
				break;
			continue;
		}
		if (*at == '\n' && in->count == 1)
			break; /* no Python, or a backslash before it */
		while (run < in->count && at + run < end && at[run] == in->quote)
			run++;
		if (run == in->count) {
			*in = (struct open_string){ 0 };
			return at + run;
		}
	}
	return at;
}

/* What stands open behind the line from AT to END, its newline included. */
static void pass_line(const char *at, const char *end, struct open_string *in)
{
	while (at < end) {
		if (in->count) {
			at = skip_string(at, end, in);
			if (at < end && *at == '\n' && in->count == 1)
				*in = (struct open_string){ 0 };
		} else if (*at == '#') {
			return;
		} else if (*at == '"' || *at == '\'') {
			in->quote = *at;
			in->count = end - at >= 3 && at[1] == *at && at[2] == *at ? 3 : 1;
			at += in->count;
		} else {
			at++;
		}
	}
}

static size_t indent_of(const char *line, const char *end, size_t most)
{
	size_t indent = 0;

	while (indent < most && line + indent < end && (line[indent] == ' ' || line[indent] == '\t'))
		indent++;
	return indent;
}

/* The end of the line that AT begins, behind its newline. */
static const char *line_end(const char *at, const char *end)
{
	const char *newline = memchr(at, '\n', (size_t)(end - at));

	return newline ? newline + 1 : end;
}

/*
 * Appends the lines FIRST to LAST (from 1) of SOURCE, less the indent of the first. A line within a string stays as it
 * is, for its blanks are the string's. Nothing where there are no such lines.
 */
static void put_lines(const char *source, size_t len, int64_t first, int64_t last, pf_text *out)
{
	const char *at = source, *end = source + len;
	struct open_string in = { 0 };
	size_t indent;

	for (int64_t line = 1; line < first && at < end; line++)
		at = line_end(at, end);
	indent = indent_of(at, end, SIZE_MAX);
	for (int64_t line = first; line >= 1 && line <= last && at < end; line++) {
		const char *next = line_end(at, end);
		size_t skipped = in.count ? 0 : indent_of(at, next, indent);

		pf_text_add(out, at + skipped, (size_t)(next - at) - skipped);
		pass_line(at, next, &in);
		at = next;
	}
}

int pf_examples_each(pf_examples *e, int64_t pattern, int lines, int (*each)(void *arg, const char *code), void *arg,
		     pf_err *err)
{
	__attribute__((cleanup(pf_text_free))) pf_text code = { 0 };
	LEASE lease = { 0 };
	int rc = lease_begin(e->store, &lease, err);

	if (rc < 0)
		return rc;
	__attribute__((cleanup(query_end))) struct query q = query_made(lease.conn, e->others.bytes);
	bind(e, pattern, &q);
	query_named_int(&q, ":lines", lines);
	while ((rc = query_row(&q, err)) > 0) {
		const char *source = sqlite3_column_blob(q.stmt, 2);

		if (!source) {
			query_missed(&q);
			continue;
		}
		pf_text_reset(&code);
		put_lines(source, (size_t)sqlite3_column_bytes(q.stmt, 2), column_int(&q, 0), column_int(&q, 1), &code);
		if (code.failed)
			return no_memory(err);
		if (code.len && each(arg, code.bytes))
			return 0;
	}
	return rc;
}
