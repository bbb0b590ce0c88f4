/* The root's documents: README.md, stats.json, history.jsonl. */
#include <errno.h>

#include "fs.h"

/* A document's attributes: its size is its text's, which is short. */
static int attr_by_rendering(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	pf_text text = { 0 };
	pf_totals totals;
	int64_t components, changed;
	int result = node_kinds[node.kind].render(fs, node, &text, err);

	if (result == 0)
		result = pf_store_totals(fs->store, 0, &totals, err);
	if (result == 0)
		result = pf_store_component_totals(fs->store, &components, &changed, err);
	if (result == 0) {
		int64_t mtime = totals.mtime > changed ? totals.mtime : changed;

		node_attr_fill(node, (int64_t)text.len, mtime ? mtime : fs->mounted_at, 0, attr);
	}
	pf_text_free(&text);
	return result;
}

int readme_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	return attr_by_rendering(fs, node, attr, err);
}

int readme_render(struct pf_fs *fs, struct node node, pf_text *out, pf_err *err)
{
	pf_totals totals;
	int64_t components, changed;
	int result = pf_store_totals(fs->store, 0, &totals, err);

	(void)node;
	if (result == 0)
		result = pf_store_component_totals(fs->store, &components, &changed, err);
	if (result < 0)
		return result;
	pf_text_printf(out,
		       "# What Airflow components taught\n"
		       "\n"
		       "This directory is a memory of idioms from Airflow operators, sensors, hooks,\n"
		       "triggers and notifiers: %lld patterns from %lld components.\n"
		       "\n"
		       "    cp operator.py incoming/                   learn from a component\n"
		       "    cat incoming/operator.py.receipt.json      what was learned\n"
		       "    cat incoming/operator.py.error             why cp was refused\n"
		       "    ls */operator/import/                      patterns, one a JSON file\n"
		       "    jq -r .pattern_data.template */*/validation/*.json\n"
		       "    cat components/NAME/patterns.json          everything one component shows\n"
		       "    echo success FILE.json > outcome           a verdict: moves confidence_score\n"
		       "    echo failure components/NAME -- why > outcome\n"
		       "    tail -f history.jsonl                      every event\n"
		       "\n"
		       "Patterns are at CATEGORY/COMPONENT_TYPE/PATTERN_TYPE/NAME.json. Write a verdict to\n"
		       "the `outcome` beside what it is about, with paths relative to it; a refused one\n"
		       "leaves its reason in `outcome.error`. Directories called key=value under incoming/\n"
		       "set metadata: incoming/category=ml/subcategory=nlp/operator.py. `rm` of a pattern's\n"
		       "file archives it.\n",
		       (long long)totals.patterns, (long long)components);
	return 0;
}

int stats_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	return attr_by_rendering(fs, node, attr, err);
}

int stats_render(struct pf_fs *fs, struct node node, pf_text *out, pf_err *err)
{
	(void)node;
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
