/*
 * query/: directories called key=value, each narrowing what its parent asks for.
 *
 * They are found by name and never listed, so that whoever walks the mount comes
 * to an end. What they hold is links to the results, and documents (document.c).
 * What the kernel is told of a name holds until the next lookup only, for the
 * next verdict may give it another rank or another version; so listings give
 * names without attributes, and rendering waits until somebody looks.
 */
#include "query.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "document.h"
#include "fs.h"
#include "results.h"

#define ROW_MASK (((int64_t)1 << QUERIES_BITS) - 1)

/* ---- query/ itself ---- */

static const struct node_fixed root_fixed[] = { { "README.md", NODE_QUERY_GUIDE } };

int query_root_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	(void)err;
	node_attr_fill(node, 0, fs->mounted_at, 0, attr);
	return 0;
}

int query_root_list(struct pf_fs *fs, struct node dir, int64_t cookie, struct node_listing *listing, pf_err *err)
{
	return node_list_fixed(fs, dir, root_fixed, 1, cookie, listing, err);
}

static const char guide[] =
	"# Ask by path\n"
	"\n"
	"A path of `key=value` directories is a question: `query/category=ml/component_type=operator/`.\n"
	"Each narrows what is before it; any order will do, each key at most once. They are there\n"
	"without mkdir, and not listed.\n"
	"\n"
	"| key | value |\n"
	"|---|---|\n"
	"| `category` `subcategory` | as `ls ..` shows them, and as documents say |\n"
	"| `component_type` | operator, sensor, hook, trigger, notifier |\n"
	"| `pattern_type` `pattern_name` | validation, …; guard, … |\n"
	"| `library` | a package the component uses: pandas |\n"
	"| `complexity` | low, medium, high, very_high |\n"
	"| `component` | a component: what it shows |\n"
	"| `confidence` | high (from 0.9), medium (from 0.7), low |\n"
	"| `min_confidence` | 0 to 1 |\n"
	"| `min_success_count` | a number of successes |\n"
	"| `min_success_score` | of components: the score that their metadata gave |\n"
	"| `with` | a pattern's file name: what succeeds together with it |\n"
	"| `similar_to` | a component: those most like it |\n"
	"| `text` | words, or how they begin, in code, templates, messages and names; best match first |\n"
	"| `sort` | rank (default), confidence, recent, support, name |\n"
	"| `of` | patterns, components |\n"
	"| `limit` | how many: 1 to 10000 (default 100) |\n"
	"| `budget` | size of prompt.md in tokens: 100 to 1000000 (default 2000) |\n"
	"\n"
	"Each of these directories holds the results as links, best first (`001-NAME`), and\n"
	"\n"
	"    prompt.md        the results, ready to paste into a generator's prompt\n"
	"    results.jsonl    their documents, one a line\n"
	"    count            how many there are, whatever the limit\n"
	"    README.md        where the limit cut the results: how to see more\n"
	"\n"
	"For example\n"
	"\n"
	"    cat 'query/category=ml/component_type=operator/budget=4000/prompt.md'\n"
	"    jq -r .pattern_data.template 'query/pattern_type=validation/limit=20/results.jsonl'\n"
	"    ls 'query/text=xcom_pull/sort=recent/'\n"
	"    cat 'query/pattern_type=error_handling/confidence=high/count'\n"
	"\n"
	"A key or value that cannot be is `Invalid argument`; a category, library, component or\n"
	"pattern that is not known `No such file or directory`; a directory without links means that\n"
	"nothing matches.\n";

int query_guide_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	(void)err;
	node_attr_fill(node, sizeof guide - 1, fs->mounted_at, 0, attr);
	return 0;
}

int query_guide_render(struct pf_fs *fs, struct node node, pf_text *out, pf_err *err)
{
	(void)fs;
	(void)node;
	(void)err;
	pf_text_puts(out, guide);
	return 0;
}

/* ---- Narrowing ---- */

/* ENOENT where PAIR names what the store does not know; EINVAL where a text has no word. */
static int check_known(struct pf_fs *fs, const char *pair, pf_err *err)
{
	static const char *const naming[] = { "category=", "subcategory=", "library=", "component=",
					      "with=",	   "similar_to=",  "text=" };
	pf_query *query;
	int result = 0;

	for (size_t i = 0; i < sizeof naming / sizeof *naming; i++) {
		if (strncmp(pair, naming[i], strlen(naming[i])) != 0)
			continue;
		fs_lengthy(fs);
		query = pf_query_narrow(NULL, pair, err);
		result = query ? pf_store_query_known(fs->store, query, err) : -EINVAL;
		pf_query_free(query);
	}
	return result < 0 ? result : 0;
}

static void drop_snapshots(void *arg, int64_t number)
{
	static const enum node_kind_id kinds[] = { NODE_QUERY, NODE_QUERY_RESULTS, NODE_QUERY_PROMPT, NODE_QUERY_COUNT,
						   NODE_QUERY_README };
	struct pf_fs *fs = arg;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		snapshots_drop(fs->snapshots, document_owner(kinds[i], number));
}

static void forget_number(struct pf_fs *fs, int64_t number, uint64_t lookups)
{
	queries_forget(fs->queries, number, lookups, drop_snapshots, fs);
}

/* The row's forget of NODE_QUERY, and of the links in it. */
void query_forget(struct pf_fs *fs, struct node node, uint64_t lookups)
{
	forget_number(fs, node.kind == NODE_QUERY ? node.id : node.id >> QUERIES_BITS, lookups);
}

/* The directory PAIR below the query PARENT (0: below query/). */
static int look_up_pair(struct pf_fs *fs, int64_t parent, const char *pair, struct node *node, struct node_attr *attr,
			pf_err *err)
{
	int64_t number;
	int result = queries_look_up(fs->queries, parent, pair, &number, err);

	if (result < 0)
		return result;
	*node = (struct node){ NODE_QUERY, number };
	result = check_known(fs, pair, err);
	if (result == 0)
		result = query_attr(fs, *node, attr, err);
	if (result < 0)
		forget_number(fs, number, 1);
	return result;
}

int query_root_lookup(struct pf_fs *fs, struct node dir, const char *name, struct node *node, struct node_attr *attr,
		      pf_err *err)
{
	int result = node_find_fixed(fs, dir, root_fixed, 1, name, node, attr, err);

	if (result == -ENOENT && strchr(name, '='))
		result = look_up_pair(fs, 0, name, node, attr, err);
	return result;
}

/* ---- A query's directory ---- */

static const struct node_fixed documents[] = {
	{ "README.md", NODE_QUERY_README },
	{ "count", NODE_QUERY_COUNT },
	{ "prompt.md", NODE_QUERY_PROMPT },
	{ "results.jsonl", NODE_QUERY_RESULTS },
};
enum { DOCUMENT_COUNT = sizeof documents / sizeof *documents };

int query_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	struct moment moment;
	int result;

	if (!queries_get(fs->queries, node.id, err))
		return -ESTALE;
	result = moment_now(fs, &moment, err);
	if (result == 0)
		node_attr_fill(node, 0, moment.mtime, 0, attr);
	return result;
}

/* The results of the query NUMBER, in use. */
static int use_results(struct pf_fs *fs, int64_t number, bool resume, struct snapshot *results, pf_err *err)
{
	const pf_query *query = queries_get(fs->queries, number, err);
	struct moment moment;
	int result;

	if (!query)
		return -ESTALE;
	result = moment_now(fs, &moment, err);
	return result < 0 ? result : document_results(fs, NODE_QUERY, number, query, &moment, resume, results, err);
}

static struct node link_node(const char *block, int64_t number, const struct result *result)
{
	return (struct node){ results_of(block).of_components ? NODE_QUERY_COMPONENT : NODE_QUERY_PATTERN,
			      number << QUERIES_BITS | result->id };
}

/* Appends where a link in the directory of the query NUMBER leads: up to the mount, and down again. */
static void put_target(struct pf_fs *fs, int64_t number, const char *path, pf_text *out)
{
	for (int up = queries_depth(fs->queries, number); up >= 0; up--)
		pf_text_puts(out, "../");
	pf_text_puts(out, path);
}

static void fill_link(struct pf_fs *fs, struct node node, const struct result *result, struct node_attr *attr)
{
	int64_t up = 3 * ((int64_t)queries_depth(fs->queries, node.id >> QUERIES_BITS) + 1);

	node_attr_fill(node, up + (int64_t)strlen(result->path), result->mtime, 0, attr);
}

static int look_up_link(struct pf_fs *fs, int64_t number, const char *name, struct node *node, struct node_attr *attr,
			pf_err *err)
{
	struct snapshot results;
	int64_t index;
	int result = use_results(fs, number, false, &results, err);

	if (result < 0)
		return result;
	index = results_find_link(results.bytes, name);
	if (index >= 0) {
		struct result row = results_get(results.bytes, index);

		*node = link_node(results.bytes, number, &row);
		fill_link(fs, *node, &row, attr);
		queries_hold(fs->queries, number);
	}
	snapshots_done(fs->snapshots, &results);
	return index >= 0 ? 0 : pf_fail(err, ENOENT, "no such result");
}

int query_lookup(struct pf_fs *fs, struct node dir, const char *name, struct node *node, struct node_attr *attr,
		 pf_err *err)
{
	for (size_t i = 0; i < DOCUMENT_COUNT; i++)
		if (strcmp(name, documents[i].name) == 0)
			return document_look_up(fs, documents[i].kind, dir.id, node, attr, err);
	if (strchr(name, '='))
		return look_up_pair(fs, dir.id, name, node, attr, err);
	if (name[0] >= '0' && name[0] <= '9')
		return look_up_link(fs, dir.id, name, node, attr, err);
	return pf_fail(err, ENOENT, "no such result");
}

static int list_documents(struct pf_fs *fs, int64_t number, const char *block, int64_t cookie,
			  struct node_listing *listing, pf_err *err)
{
	struct results results = results_of(block);
	struct node node;

	for (int64_t i = cookie; i < DOCUMENT_COUNT; i++) {
		int result;

		if (documents[i].kind == NODE_QUERY_README && results.total <= results.count)
			continue;
		result = document_node(fs, documents[i].kind, number, &node, err);
		if (result < 0)
			return result;
		if (listing->emit(listing, documents[i].name, node, NULL, i + 1))
			return 0;
	}
	return 0;
}

/*
 * Links' cookies are their ranks. A listing that goes on takes the results that are there already, so that mostly it
 * ends with those that it began with; where a verdict and another listing came between, it goes on with the next rank
 * of the new ones.
 */
static int64_t rank_behind(int64_t cookie)
{
	return cookie > COOKIE_ROWS ? cookie - COOKIE_ROWS : 0;
}

int query_list(struct pf_fs *fs, struct node dir, int64_t cookie, struct node_listing *listing, pf_err *err)
{
	char name[NAME_MAX + 1];
	struct snapshot snapshot;
	int64_t count;
	int result = use_results(fs, dir.id, cookie > 0, &snapshot, err);

	if (result < 0)
		return result;
	count = results_of(snapshot.bytes).count;
	result = list_documents(fs, dir.id, snapshot.bytes, cookie, listing, err);
	for (int64_t i = rank_behind(cookie); i < count && result == 0 && !listing->full; i++) {
		struct result row = results_get(snapshot.bytes, i);

		if (results_link_name(snapshot.bytes, i, name))
			listing->emit(listing, name, link_node(snapshot.bytes, dir.id, &row), NULL,
				      COOKIE_ROWS + i + 1);
	}
	snapshots_done(fs->snapshots, &snapshot);
	return result;
}

/* ---- Links ---- */

/* The result that NODE is a link to, in results that are in use. What it leads to never changes: older ones will do. */
static int find_row(struct pf_fs *fs, struct node node, bool resume, struct snapshot *results, struct result *row,
		    pf_err *err)
{
	int64_t index;
	int result = use_results(fs, node.id >> QUERIES_BITS, resume, results, err);

	if (result < 0)
		return result;
	index = results_find(results->bytes, node.id & ROW_MASK);
	if (index >= 0) {
		*row = results_get(results->bytes, index);
		return 0;
	}
	snapshots_done(fs->snapshots, results);
	return resume ? find_row(fs, node, false, results, row, err)
		      : pf_fail(err, ESTALE, "this is none of the results any more");
}

int query_link_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	struct snapshot results;
	struct result row;
	int result = find_row(fs, node, false, &results, &row, err);

	if (result < 0)
		return result;
	fill_link(fs, node, &row, attr);
	snapshots_done(fs->snapshots, &results);
	return 0;
}

int query_link_render(struct pf_fs *fs, struct node node, pf_text *out, pf_err *err)
{
	struct snapshot results;
	struct result row;
	int result = find_row(fs, node, true, &results, &row, err);

	if (result < 0)
		return result;
	put_target(fs, node.id >> QUERIES_BITS, row.path, out);
	snapshots_done(fs->snapshots, &results);
	return 0;
}

bool query_link_target(struct node node, pf_target *target)
{
	switch (node.kind) {
	case NODE_QUERY_PATTERN:
		*target = (pf_target){ PF_TARGET_PATTERN, node.id & ROW_MASK };
		return true;
	case NODE_QUERY_COMPONENT:
	case NODE_SIMILAR_LINK:
		*target = (pf_target){ PF_TARGET_COMPONENT, node.id & ROW_MASK };
		return true;
	default:
		return false;
	}
}

/* ---- components/NAME/similar/ ---- */

static const char similar_limit[] = "limit=10"; /* PF_SIMILAR_MAX */

struct named {
	int64_t id;
	char name[NAME_MAX + 1];
};

static int copy_name(void *arg, const pf_component_entry *entry)
{
	struct named *named = arg;

	named->id = entry->id;
	snprintf(named->name, sizeof named->name, "%s", entry->name);
	return 1;
}

/* The name of the component ID, which only a listing tells. */
static int find_name(struct pf_fs *fs, int64_t id, struct named *named, pf_err *err)
{
	int result;

	*named = (struct named){ 0 };
	result = pf_store_component_list(fs->store, id - 1, copy_name, named, err);
	if (result >= 0 && named->id != id)
		result = pf_fail(err, ENOENT, "no such component");
	return result < 0 ? result : 0;
}

static pf_query *similar_query(struct pf_fs *fs, int64_t component, pf_err *err)
{
	char pair[sizeof "similar_to=" + NAME_MAX];
	struct named named;
	pf_query *all, *best;

	if (find_name(fs, component, &named, err) < 0)
		return NULL;
	snprintf(pair, sizeof pair, "similar_to=%s", named.name);
	all = pf_query_narrow(NULL, pair, err);
	best = all ? pf_query_narrow(all, similar_limit, err) : NULL;
	pf_query_free(all);
	return best;
}

/* As the store is asked; to be kept for the next mount. */
static int ask_similar(struct pf_fs *fs, int64_t component, bool resume, const struct moment *moment,
		       struct snapshot *results, pf_err *err)
{
	pf_err cause = { 0 };
	pf_query *query = similar_query(fs, component, &cause);
	int result;

	if (!query)
		return pf_fail(err, cause.code, "%s", cause.why);
	result = document_results(fs, NODE_SIMILAR, component, query, moment, resume, results, err);
	pf_query_free(query);
	if (result == 0)
		told_add(fs->rendered, results->number);
	return result;
}

static int use_similar(struct pf_fs *fs, int64_t component, bool resume, struct snapshot *results, pf_err *err)
{
	struct moment moment;
	pf_text block = { 0 };
	int result = moment_of_components(fs, &moment, err);

	if (result < 0 || document_results_kept(fs, NODE_SIMILAR, component, &moment, resume, results))
		return result;
	result = results_recall(fs->store, component, moment.version, &block, err);
	if (result == 0)
		result = ask_similar(fs, component, resume, &moment, results, err);
	else if (result > 0)
		result = snapshots_put(fs->snapshots, document_owner(NODE_SIMILAR, component), moment.version,
				       moment.mtime, &block, results, err);
	pf_text_free(&block);
	return result;
}

int similar_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	bool noted = told_add(fs->told_similar, node_ino(node));
	struct moment moment;
	int result = moment_of_components(fs, &moment, err);

	if (result < 0)
		return result;
	node_attr_fill(node, 0, moment.mtime, 0, attr);
	if (!noted)
		attr->attr_ms = 0;
	return 0;
}

static struct node similar_node(int64_t component, const struct result *result)
{
	return (struct node){ NODE_SIMILAR_LINK, component << QUERIES_BITS | result->id };
}

/*
 * Walking the mount comes by ten of these for each component, so the kernel may keep them. What it knows is never
 * wrong: a name leads to the component that it says, whatever its rank now; and the link has no time but the mount's.
 */
static void fill_similar(struct pf_fs *fs, struct node node, const char *name, struct node_attr *attr)
{
	node_attr_fill(node, (int64_t)(sizeof "../../" - 1 + strlen(name)), fs->mounted_at, 0, attr);
}

int similar_lookup(struct pf_fs *fs, struct node dir, const char *name, struct node *node, struct node_attr *attr,
		   pf_err *err)
{
	struct snapshot results;
	int64_t index;
	int result = use_similar(fs, dir.id, false, &results, err);

	if (result < 0)
		return result;
	index = results_find_link(results.bytes, name);
	if (index >= 0) {
		struct result row = results_get(results.bytes, index);

		*node = similar_node(dir.id, &row);
		fill_similar(fs, *node, row.name, attr);
	}
	snapshots_done(fs->snapshots, &results);
	return index >= 0 ? 0 : pf_fail(err, ENOENT, "no such component is similar");
}

int similar_list(struct pf_fs *fs, struct node dir, int64_t cookie, struct node_listing *listing, pf_err *err)
{
	char name[NAME_MAX + 1];
	struct snapshot snapshot;
	int64_t count;
	int result;

	told_add(fs->told_similar, node_ino(dir)); /* the kernel keeps the listing, too */
	result = use_similar(fs, dir.id, cookie > 0, &snapshot, err);
	if (result < 0)
		return result;
	count = results_of(snapshot.bytes).count;
	for (int64_t i = rank_behind(cookie); i < count && !listing->full; i++) {
		struct result row = results_get(snapshot.bytes, i);
		struct node link = similar_node(dir.id, &row);
		struct node_attr attr;

		fill_similar(fs, link, row.name, &attr);
		if (results_link_name(snapshot.bytes, i, name))
			listing->emit(listing, name, link, &attr, COOKIE_ROWS + i + 1);
	}
	snapshots_done(fs->snapshots, &snapshot);
	return 0;
}

int similar_link_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	struct named named;
	int result = find_name(fs, node.id & ROW_MASK, &named, err);

	if (result == 0)
		fill_similar(fs, node, named.name, attr);
	return result;
}

int similar_link_render(struct pf_fs *fs, struct node node, pf_text *out, pf_err *err)
{
	struct named named;
	int result = find_name(fs, node.id & ROW_MASK, &named, err);

	if (result == 0)
		pf_text_printf(out, "../../%s", named.name);
	return result;
}
