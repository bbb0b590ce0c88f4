/* The root's documents: README.md, stats.json, history.jsonl. */
#include <errno.h>
#include <stdio.h>

#include "fs.h"

/* What README.md shows as examples: where the best pattern is, and the best component. Empty: there is none. */
struct examples {
	char category[NAME_MAX + 1];
	char component_type[NAME_MAX + 1];
	char component[NAME_MAX + 1];
};

static int take_pattern(void *arg, const pf_result *result)
{
	struct examples *examples = arg;

	snprintf(examples->category, sizeof examples->category, "%s", result->category);
	snprintf(examples->component_type, sizeof examples->component_type, "%s", result->component_type);
	return 1;
}

static int take_component(void *arg, const pf_result *result)
{
	struct examples *examples = arg;

	snprintf(examples->component, sizeof examples->component, "%s", result->name);
	return 1;
}

/* The first result of the query PAIR. */
static int first_of(struct pf_fs *fs, const char *pair, int (*take)(void *arg, const pf_result *result),
		    struct examples *examples, pf_err *err)
{
	pf_query *query = pf_query_narrow(NULL, pair, err);
	int result;

	if (!query)
		return pf_fail(err, ENOMEM, "no memory for the examples");
	result = pf_store_query(fs->store, query, take, examples, err);
	pf_query_free(query);
	return result < 0 ? result : 0;
}

static void put_examples(const struct examples *examples, pf_text *out)
{
	if (!examples->category[0]) {
		pf_text_puts(out, "Nothing has been learned yet: copy a component into incoming/ first. Then\n\n"
				  "    cat query/limit=20/prompt.md\n");
		return;
	}
	pf_text_printf(out,
		       "    cat 'query/category=%s/component_type=%s/limit=5/prompt.md'\n"
		       "    ls -l 'query/component_type=%s/sort=support/limit=10'\n"
		       "    jq -r .pattern_data.template 'query/category=%s/confidence=high/results.jsonl'\n",
		       examples->category, examples->component_type, examples->component_type, examples->category);
	if (examples->component[0])
		pf_text_printf(out, "    ls 'components/%s/similar'\n", examples->component);
}

int readme_render(struct pf_fs *fs, int64_t owner, pf_text *out, pf_err *err)
{
	struct examples examples = { 0 };
	pf_totals totals;
	int64_t components, changed;
	int result = pf_store_totals(fs->store, 0, &totals, err);

	(void)owner;
	if (result == 0)
		result = pf_store_component_totals(fs->store, &components, &changed, err);
	if (result == 0)
		result = first_of(fs, "of=patterns", take_pattern, &examples, err);
	if (result == 0)
		result = first_of(fs, "of=components", take_component, &examples, err);
	if (result < 0)
		return result;
	pf_text_printf(out,
		       "# What Airflow components taught\n"
		       "\n"
		       "This directory is a memory of idioms from Airflow operators, sensors, hooks,\n"
		       "triggers and notifiers: %lld pattern%s from %lld component%s.\n"
		       "\n"
		       "    cp operator.py incoming/                   learn from a component\n"
		       "    cat incoming/operator.py.receipt.json      what was learned\n"
		       "    cat incoming/operator.py.error             why cp was refused\n"
		       "    ls */operator/import/                      patterns, one a JSON file\n"
		       "    cat */operator/prompt.md                   the best, ready for a prompt\n"
		       "    cat components/NAME/patterns.json          everything one component shows\n"
		       "    ls components/NAME/similar/                the components most like it\n"
		       "    echo success FILE.json > outcome           a verdict: moves confidence_score\n"
		       "    echo failure components/NAME -- why > outcome\n"
		       "    tail -f history.jsonl                      every event\n"
		       "\n"
		       "Patterns are at CATEGORY/COMPONENT_TYPE/PATTERN_TYPE/NAME.json. Write a verdict to\n"
		       "the `outcome` beside what it is about, with paths relative to it; a refused one\n"
		       "leaves its reason in `outcome.error`. Directories called key=value under incoming/\n"
		       "set metadata: incoming/category=ml/subcategory=nlp/operator.py. `rm` of a pattern's\n"
		       "file archives it.\n"
		       "\n"
		       "Under query/ directories called key=value ask, in any order; nobody makes or lists\n"
		       "them. Each holds the results as links, best first, and results.jsonl, prompt.md and\n"
		       "count. query/README.md has the keys. Here, for example:\n"
		       "\n",
		       (long long)totals.patterns, totals.patterns == 1 ? "" : "s", (long long)components,
		       components == 1 ? "" : "s");
	put_examples(&examples, out);
	return 0;
}

int stats_render(struct pf_fs *fs, int64_t owner, pf_text *out, pf_err *err)
{
	(void)owner;
	return pf_store_stats_document(fs->store, out, err);
}

int history_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	int64_t size, mtime;
	int result = pf_store_history_stat(fs->store, &size, &mtime, err);

	if (result == 0)
		node_attr_fill(node, size, mtime ? mtime : fs->mounted_at, 0, attr);
	return result;
}

int history_read(struct pf_fs *fs, struct node node, int64_t offset, size_t size, pf_text *out, pf_err *err)
{
	(void)node;
	return pf_store_history_read(fs->store, offset, size, out, err);
}
