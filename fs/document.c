#include "document.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fs.h"
#include "prompt.h"
#include "query.h"
#include "results.h"

/* Two readings of the store that no change came between agree with each other: so often is that tried for. */
enum { TRIES = 3 };

enum { LIMIT_MAX = 10000 }; /* the largest that a query takes */

/* ---- Moments ---- */

int moment_now(struct pf_fs *fs, struct moment *moment, pf_err *err)
{
	int result = pf_store_version(fs->store, &moment->version, &moment->mtime, err);

	if (!moment->mtime)
		moment->mtime = fs->mounted_at;
	return result;
}

int moment_of_components(struct pf_fs *fs, struct moment *moment, pf_err *err)
{
	int64_t count;
	int result = pf_store_component_totals(fs->store, &count, &moment->mtime, err);

	moment->version = (int64_t)((uint64_t)moment->mtime + (uint64_t)count);
	if (!moment->mtime)
		moment->mtime = fs->mounted_at;
	return result;
}

static int query_moment(struct pf_fs *fs, int64_t owner, struct moment *moment, pf_err *err)
{
	(void)owner;
	return moment_now(fs, moment, err);
}

/* Of a scope's own patterns: what is learned elsewhere costs its prompt nothing. */
static int scope_moment(struct pf_fs *fs, int64_t owner, struct moment *moment, pf_err *err)
{
	pf_totals totals;
	int result = pf_store_totals(fs->store, owner, &totals, err);

	if (result == 0)
		*moment = (struct moment){ totals.mtime, totals.mtime };
	return result;
}

/* ---- What they say ---- */

bool document_results_kept(struct pf_fs *fs, enum node_kind_id kind, int64_t owner, const struct moment *moment,
			   bool resume, struct snapshot *results)
{
	uint64_t by = document_owner(kind, owner);

	if (resume && snapshots_latest(fs->snapshots, by, results)) {
		if (results->bytes)
			return true;
		snapshots_done(fs->snapshots, results);
	}
	if (snapshots_use(fs->snapshots, snapshot_number(by, moment->version), results)) {
		if (results->bytes && results->version == moment->version)
			return true;
		snapshots_done(fs->snapshots, results);
	}
	return false;
}

int document_results(struct pf_fs *fs, enum node_kind_id kind, int64_t owner, const pf_query *query,
		     const struct moment *moment, bool resume, struct snapshot *results, pf_err *err)
{
	pf_text block = { 0 };
	int result;

	if (document_results_kept(fs, kind, owner, moment, resume, results))
		return 0;
	fs_lengthy(fs);
	/* similar/ does not say how many more there are. */
	result = results_collect(fs->store, query, kind != NODE_SIMILAR, &block, err);
	if (result == 0)
		result = snapshots_put(fs->snapshots, document_owner(kind, owner), moment->version, moment->mtime,
				       &block, results, err);
	pf_text_free(&block);
	return result;
}

static int query_results(struct pf_fs *fs, int64_t number, struct snapshot *results, pf_err *err)
{
	const pf_query *query = queries_get(fs->queries, number, err);
	struct moment moment;
	int result = query ? moment_now(fs, &moment, err) : -ESTALE;

	return result < 0 ? result : document_results(fs, NODE_QUERY, number, query, &moment, false, results, err);
}

static int render_count(struct pf_fs *fs, int64_t number, pf_text *out, pf_err *err)
{
	struct snapshot results;
	int result = query_results(fs, number, &results, err);

	if (result < 0)
		return result;
	pf_text_printf(out, "%lld\n", (long long)results_of(results.bytes).total);
	snapshots_done(fs->snapshots, &results);
	return 0;
}

/* Where PAIR is KEY and a value: the value. */
static const char *value_of(const char *pair, const char *key)
{
	size_t len = strlen(key);

	return strncmp(pair, key, len) == 0 && pair[len] == '=' ? pair + len + 1 : NULL;
}

/* Appends the path of the query NUMBER below query/, with the limit LIMIT instead of its own. */
static void put_path(struct pf_fs *fs, int64_t number, int64_t limit, pf_text *out)
{
	pf_text path = { 0 };
	char *next;

	queries_path(fs->queries, number, '/', &path);
	next = path.bytes;
	for (char *pair; next && (pair = strsep(&next, "/")) && *pair;)
		if (!value_of(pair, "limit"))
			pf_text_printf(out, "%s/", pair);
	pf_text_printf(out, "limit=%lld/", (long long)limit);
	out->failed |= path.failed;
	pf_text_free(&path);
}

static int render_readme(struct pf_fs *fs, int64_t number, pf_text *out, pf_err *err)
{
	struct snapshot snapshot;
	struct results results;
	int result = query_results(fs, number, &snapshot, err);

	if (result < 0)
		return result;
	results = results_of(snapshot.bytes);
	snapshots_done(fs->snapshots, &snapshot);
	if (results.total <= results.count)
		return pf_fail(err, ENOENT, "the limit did not cut the results");
	pf_text_printf(
		out,
		"# %lld of %lld results\n"
		"\n"
		"The best %lld are here. Narrow the query with a further key=value, or set the limit, up to %d:\n"
		"\n"
		"    query/",
		(long long)results.count, (long long)results.total, (long long)results.count, LIMIT_MAX);
	put_path(fs, number, results.total < LIMIT_MAX ? results.total : LIMIT_MAX, out);
	pf_text_puts(out, "\n");
	return 0;
}

/* A line for the one of INDEX; nothing where it is gone since. */
static int add_line(struct pf_fs *fs, const char *block, int64_t index, pf_text *document, pf_text *out, pf_err *err)
{
	struct result row = results_get(block, index);
	pf_err cause = { 0 };
	int result;

	pf_text_reset(document);
	result = results_of(block).of_components
			 ? pf_store_component_text(fs->store, row.id, PF_COMPONENT_DOCUMENT, document, &cause)
			 : pf_store_pattern_document(fs->store, row.id, document, &cause);
	if (result == -ENOENT)
		return 0;
	if (result < 0)
		return pf_fail(err, cause.code, "%s", cause.why);
	pf_json_compact(out, document->bytes, document->len);
	pf_text_puts(out, "\n");
	return 0;
}

static int render_results(struct pf_fs *fs, int64_t number, pf_text *out, pf_err *err)
{
	struct snapshot results;
	pf_text document = { 0 };
	int64_t count;
	int result = query_results(fs, number, &results, err);

	if (result < 0)
		return result;
	count = results_of(results.bytes).count;
	for (int64_t i = 0; i < count && result == 0; i++)
		result = add_line(fs, results.bytes, i, &document, out, err);
	snapshots_done(fs->snapshots, &results);
	pf_text_free(&document);
	return result;
}

/* ---- prompt.md ---- */

/* Where a prompt reads. */
struct reading {
	struct pf_fs *fs;
	const pf_query *query;
	pf_examples *examples; /* NULL until the first is asked for */
};

static int read_data(void *arg, int64_t id, pf_text *out, pf_err *err)
{
	const struct reading *reading = arg;

	return pf_store_pattern_data(reading->fs->store, id, out, err);
}

static int read_method(void *arg, int64_t id, pf_text *out, pf_err *err)
{
	const struct reading *reading = arg;

	return pf_store_component_method(reading->fs->store, id, out, err);
}

static int start_examples(struct reading *reading, pf_err *err)
{
	pf_err cause = { 0 };

	if (!reading->examples)
		reading->examples = pf_store_examples(reading->fs->store, reading->query, &cause);
	return reading->examples ? 0 : pf_fail(err, cause.code, "%s", cause.why);
}

static int is_own(void *arg, int64_t id, bool *own, pf_err *err)
{
	struct reading *reading = arg;
	int result = start_examples(reading, err);

	return result < 0 ? result : pf_examples_own(reading->examples, id, own, err);
}

static int read_others(void *arg, int64_t id, int lines, int (*each)(void *arg, const char *code), void *each_arg,
		       pf_err *err)
{
	struct reading *reading = arg;
	int result = start_examples(reading, err);

	return result < 0 ? result : pf_examples_each(reading->examples, id, lines, each, each_arg, err);
}

static int add_result(void *arg, const pf_result *result)
{
	return prompt_add(arg, result) < 0;
}

/* QUERY's results under TITLE. Where it has no limit of its own, more are looked at than a directory lists. */
static int render_results_of(const struct prompt_source *source, const struct reading *reading, const char *title,
			     pf_text *out, pf_err *err)
{
	const pf_query *query = reading->query;
	char limit[32];
	pf_query *wider;
	struct prompt prompt;
	int result;

	snprintf(limit, sizeof limit, "limit=%d", PROMPT_RESULTS);
	wider = pf_query_narrow(query, limit, NULL); /* refused where it has one */
	prompt_start(&prompt, title, pf_query_budget(query), source);
	result = pf_store_query(reading->fs->store, wider ? wider : query, add_result, &prompt, err);
	pf_query_free(wider);
	if (result < 0) {
		prompt_end(&prompt, NULL, NULL);
		return result;
	}
	return prompt_end(&prompt, out, err);
}

/*
 * ANYWHERE: examples may come from any component that QUERY is about. Whose moment is its directory's takes them from
 * pattern_data alone, for a revision of a component that shows the same patterns is no change of the directory.
 */
static int render_prompt_of(struct pf_fs *fs, const pf_query *query, bool anywhere, const char *title, pf_text *out,
			    pf_err *err)
{
	struct reading reading = { fs, query, NULL };
	struct prompt_source source = { .data = read_data, .method = read_method, .arg = &reading };
	int result;

	if (anywhere) {
		source.own = is_own;
		source.others = read_others;
	}
	result = render_results_of(&source, &reading, title, out, err);
	pf_examples_free(reading.examples);
	return result;
}

/* "ml operators, text=xcom" for the path "text=xcom/category=ml/component_type=operator/", which it takes apart. */
static void put_title(char *path, bool of_components, pf_text *out)
{
	static const char *const unsaid[] = { "category", "component_type", "limit", "budget", "sort", "of" };
	const char *category = NULL, *type = NULL, *value;
	pf_text rest = { 0 };
	char *next = path;

	for (char *pair; (pair = strsep(&next, "/")) && *pair;) {
		bool said = true;

		if ((value = value_of(pair, "category")))
			category = value;
		else if ((value = value_of(pair, "component_type")))
			type = value;
		for (size_t i = 0; i < sizeof unsaid / sizeof *unsaid; i++)
			said = said && !value_of(pair, unsaid[i]);
		if (said)
			pf_text_printf(&rest, ", %s", pair);
	}
	if (category)
		pf_text_printf(out, "%s ", category);
	pf_text_printf(out, "%ss", type ? type : category || of_components ? "component" : "pattern");
	if (rest.len)
		pf_text_puts(out, rest.bytes);
	pf_text_free(&rest);
}

static int render_prompt(struct pf_fs *fs, int64_t number, pf_text *out, pf_err *err)
{
	const pf_query *query = queries_get(fs->queries, number, err);
	pf_text path = { 0 }, title = { 0 };
	int result;

	if (!query)
		return -ESTALE;
	queries_path(fs->queries, number, '/', &path);
	if (path.len)
		put_title(path.bytes, pf_query_of_components(query), &title);
	result = path.failed || title.failed || !title.len ? pf_fail(err, ENOMEM, "no memory for the prompt")
							   : render_prompt_of(fs, query, true, title.bytes, out, err);
	pf_text_free(&path);
	pf_text_free(&title);
	return result;
}

/* The query for the scope PATH, "ml/operator". */
static pf_query *scope_query(const char *path, pf_err *err)
{
	const char *slash = strchr(path, '/');
	pf_text pair = { 0 };
	pf_query *category = NULL, *query = NULL;

	pf_text_printf(&pair, "category=%.*s", slash ? (int)(slash - path) : (int)strlen(path), path);
	if (!pair.failed)
		category = pf_query_narrow(NULL, pair.bytes, err);
	if (!slash || !category) {
		pf_text_free(&pair);
		return category;
	}
	pf_text_reset(&pair);
	pf_text_printf(&pair, "component_type=%s", slash + 1);
	if (!pair.failed)
		query = pf_query_narrow(category, pair.bytes, err);
	pf_query_free(category);
	pf_text_free(&pair);
	return query;
}

static int render_scope_prompt(struct pf_fs *fs, int64_t scope, pf_text *out, pf_err *err)
{
	pf_text path = { 0 }, title = { 0 };
	pf_query *query = NULL;
	int result = pf_store_scope_path(fs->store, scope, &path, err);

	if (result == 0 && !path.len)
		result = pf_fail(err, ENOENT, "no such directory");
	if (result == 0) {
		query = scope_query(path.bytes, err);
		if (!query)
			result = pf_fail(err, ENOMEM, "no memory for the prompt");
	}
	if (result == 0) {
		char *slash = strchr(path.bytes, '/');

		if (slash)
			*slash = ' ';
		pf_text_printf(&title, "%s%s", path.bytes, slash ? "s" : " components");
		result = title.failed ? pf_fail(err, ENOMEM, "no memory for the prompt")
				      : render_prompt_of(fs, query, false, title.bytes, out, err);
	}
	pf_query_free(query);
	pf_text_free(&path);
	pf_text_free(&title);
	return result;
}

/* ---- The kinds ---- */

static int keep_prompt(pf_txn *txn, int64_t scope, const struct snapshot *snapshot, pf_err *err)
{
	return pf_txn_keep_prompt(txn, scope, snapshot->version, PROMPT_FORMAT, snapshot->bytes, snapshot->size, err);
}

static int keep_similar(pf_txn *txn, int64_t component, const struct snapshot *snapshot, pf_err *err)
{
	return results_keep(txn, component, snapshot->version, snapshot->bytes, err);
}

static const struct source {
	int (*moment)(struct pf_fs *fs, int64_t owner, struct moment *moment, pf_err *err);
	int (*render)(struct pf_fs *fs, int64_t owner, pf_text *out, pf_err *err);
	bool of_query; /* the owner is a query's number, which the inode holds */
	/* Keeps it in the database, for the next mount; NULL: it is not worth it. */
	int (*keep)(pf_txn *txn, int64_t owner, const struct snapshot *snapshot, pf_err *err);
} sources[NODE_KIND_COUNT] = {
	[NODE_README] = { .moment = query_moment, .render = readme_render },
	[NODE_STATS] = { .moment = query_moment, .render = stats_render },
	[NODE_QUERY_RESULTS] = { .moment = query_moment, .render = render_results, .of_query = true },
	[NODE_QUERY_PROMPT] = { .moment = query_moment, .render = render_prompt, .of_query = true },
	[NODE_QUERY_COUNT] = { .moment = query_moment, .render = render_count, .of_query = true },
	[NODE_QUERY_README] = { .moment = query_moment, .render = render_readme, .of_query = true },
	[NODE_SCOPE_PROMPT] = { .moment = scope_moment, .render = render_scope_prompt, .keep = keep_prompt },
	[NODE_SIMILAR] = { .keep = keep_similar }, /* query.c has the rest */
};

uint64_t document_owner(enum node_kind_id kind, int64_t owner)
{
	return node_ino((struct node){ kind, owner << SNAPSHOT_BITS });
}

static int64_t owner_of(struct node node)
{
	return node.id >> SNAPSHOT_BITS;
}

static int check_owner(int64_t owner, pf_err *err)
{
	return owner >> (56 - SNAPSHOT_BITS) ? pf_fail(err, EOVERFLOW, "there are too many of these to number") : 0;
}

int document_node(struct pf_fs *fs, enum node_kind_id kind, int64_t owner, struct node *node, pf_err *err)
{
	struct moment moment;
	int result = sources[kind].moment(fs, owner, &moment, err);

	if (result == 0)
		result = check_owner(owner, err);
	if (result == 0)
		node_from_ino(snapshot_number(document_owner(kind, owner), moment.version), node);
	return result;
}

static void fill(struct node node, const struct snapshot *snapshot, struct node_attr *attr)
{
	node_attr_fill(node, (int64_t)snapshot->size, snapshot->mtime, 0, attr);
}

/* Renders the document; MOMENT is one at which it was so, or was already about to be. */
static int render(struct pf_fs *fs, enum node_kind_id kind, int64_t owner, struct moment *moment, pf_text *out,
		  pf_err *err)
{
	const struct source *source = &sources[kind];
	struct moment after = *moment;
	int result, tries = 0;

	fs_lengthy(fs);
	do {
		*moment = after;
		pf_text_reset(out);
		result = source->render(fs, owner, out, err);
		if (result == 0)
			result = source->moment(fs, owner, &after, err);
	} while (result == 0 && after.version != moment->version && ++tries < TRIES);
	return result;
}

/* What an earlier mount kept of it: 1, or 0. */
static int recall(struct pf_fs *fs, enum node_kind_id kind, int64_t owner, const struct moment *moment, pf_text *out,
		  pf_err *err)
{
	return sources[kind].keep ? pf_store_prompt(fs->store, owner, moment->version, PROMPT_FORMAT, out, err) : 0;
}

/* The document as it is now, in use. */
static int use_current(struct pf_fs *fs, enum node_kind_id kind, int64_t owner, struct snapshot *snapshot, pf_err *err)
{
	struct moment moment;
	pf_text text = { 0 };
	bool rendered = false;
	int result = sources[kind].moment(fs, owner, &moment, err);

	if (result == 0)
		result = check_owner(owner, err);
	if (result < 0)
		return result;
	if (snapshots_use(fs->snapshots, snapshot_number(document_owner(kind, owner), moment.version), snapshot)) {
		if (snapshot->version == moment.version)
			return 0;
		snapshots_done(fs->snapshots, snapshot);
	}
	result = recall(fs, kind, owner, &moment, &text, err);
	if (result == 0) {
		result = render(fs, kind, owner, &moment, &text, err);
		rendered = result == 0 && sources[kind].keep;
	}
	if (result >= 0)
		result = snapshots_put(fs->snapshots, document_owner(kind, owner), moment.version, moment.mtime, &text,
				       snapshot, err);
	if (result == 0 && rendered)
		told_add(fs->rendered, snapshot->number);
	pf_text_free(&text);
	return result;
}

static int keep_one(struct pf_fs *fs, pf_txn *txn, uint64_t number, pf_err *err)
{
	struct snapshot snapshot;
	struct node node;
	int result = 0;

	if (!node_from_ino(number, &node) || !snapshots_use(fs->snapshots, number, &snapshot))
		return 0;
	if (snapshot.bytes && sources[node.kind].keep)
		result = sources[node.kind].keep(txn, owner_of(node), &snapshot, err);
	snapshots_done(fs->snapshots, &snapshot);
	return result;
}

int documents_keep(struct pf_fs *fs, pf_err *err)
{
	const uint64_t *numbers;
	size_t count = told_take(fs->rendered, &numbers);
	pf_txn *txn = pf_txn_begin(fs->store, err);
	int result = 0;

	if (!txn)
		return -err->code;
	for (size_t i = 0; i < count && result == 0; i++)
		result = keep_one(fs, txn, numbers[i], err);
	if (result == 0)
		return pf_txn_commit(txn, err);
	pf_txn_rollback(txn);
	return result;
}

int document_now(struct pf_fs *fs, struct node *node, struct node_attr *attr, bool listed, pf_err *err)
{
	int result;

	if (!listed)
		return document_look_up(fs, node->kind, node->id, node, attr, err);
	result = document_node(fs, node->kind, node->id, node, err);
	return result < 0 ? result : 1; /* its length is known once it is rendered */
}

int document_look_up(struct pf_fs *fs, enum node_kind_id kind, int64_t owner, struct node *node, struct node_attr *attr,
		     pf_err *err)
{
	struct snapshot snapshot;
	int result = use_current(fs, kind, owner, &snapshot, err);

	if (result < 0)
		return result;
	snapshots_look_up(fs->snapshots, &snapshot);
	snapshots_done(fs->snapshots, &snapshot);
	if (sources[kind].of_query)
		queries_hold(fs->queries, owner);
	node_from_ino(snapshot.number, node);
	fill(*node, &snapshot, attr);
	return 0;
}

static int stale(pf_err *err)
{
	return pf_fail(err, ESTALE, "this version of the document is gone: open it again");
}

int document_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	struct snapshot snapshot;

	if (!snapshots_use(fs->snapshots, node_ino(node), &snapshot))
		return stale(err);
	fill(node, &snapshot, attr);
	snapshots_done(fs->snapshots, &snapshot);
	return 0;
}

/* NODE's snapshot with its bytes; where they were given up they can be had again as long as nothing has changed. */
static int use_bytes(struct pf_fs *fs, struct node node, struct snapshot *snapshot, pf_err *err)
{
	struct moment moment;
	pf_text text = { 0 };
	int result;

	if (!snapshots_use(fs->snapshots, node_ino(node), snapshot))
		return stale(err);
	if (snapshot->bytes)
		return 0;
	snapshots_done(fs->snapshots, snapshot);
	result = sources[node.kind].moment(fs, owner_of(node), &moment, err);
	if (result == 0 && moment.version == snapshot->version)
		result = render(fs, node.kind, owner_of(node), &moment, &text, err);
	if (result == 0 && moment.version != snapshot->version)
		result = stale(err);
	if (result == 0)
		result = snapshots_put(fs->snapshots, document_owner(node.kind, owner_of(node)), moment.version,
				       moment.mtime, &text, snapshot, err);
	pf_text_free(&text);
	return result;
}

int document_read(struct pf_fs *fs, struct node node, int64_t offset, size_t size, pf_text *out, pf_err *err)
{
	struct snapshot snapshot;
	int result = use_bytes(fs, node, &snapshot, err);

	if (result < 0)
		return result;
	if ((uint64_t)offset < snapshot.size) {
		size_t left = snapshot.size - (size_t)offset;

		pf_text_add(out, snapshot.bytes + offset, size < left ? size : left);
	}
	snapshots_done(fs->snapshots, &snapshot);
	return 0;
}

void document_forget(struct pf_fs *fs, struct node node, uint64_t lookups)
{
	snapshots_forget(fs->snapshots, node_ino(node), lookups);
	if (sources[node.kind].of_query)
		query_forget(fs, (struct node){ NODE_QUERY, owner_of(node) }, lookups);
}
