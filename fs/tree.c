/* CATEGORY/COMPONENT_TYPE/PATTERN_TYPE/pattern.json: scopes of the store, and its patterns. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "document.h"
#include "fs.h"
#include "readahead.h"
#include "version.h"

static const struct node_fixed fixed[] = {
	{ "outcome", NODE_OUTCOME },
	{ "outcome.error", NODE_OUTCOME_ERROR },
};
enum { FIXED_COUNT = sizeof fixed / sizeof *fixed };

static const char prompt_name[] = SCOPE_PROMPT;
enum { PROMPT_COOKIE = FIXED_COUNT + 1 };

/* Not where the patterns are: what is there is read as `*`. */
static bool has_prompt(pf_scope scope)
{
	return pf_scope_category(scope) && !pf_scope_pattern_type(scope);
}

int scope_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	pf_totals totals;
	int result = pf_store_totals(fs->store, node.id, &totals, err);

	if (result == 0)
		node_attr_fill(node, 0, totals.mtime, totals.children, attr);
	return result;
}

static int fill_pattern(const pf_pattern_entry *entry, struct node *node, struct node_attr *attr, pf_err *err)
{
	int result = version_node(NODE_PATTERN, entry->id, pattern_version(entry->size), node, err);

	if (result == 0)
		node_attr_fill(*node, entry->size, entry->mtime, 0, attr);
	return result;
}

/* The name leads to another inode once the directory has changed: the kernel is told. */
static int look_up_prompt(struct pf_fs *fs, struct node dir, struct node *node, struct node_attr *attr, pf_err *err)
{
	bool noted = told_add(fs->told_prompts, node_ino(dir));
	int result = document_look_up(fs, NODE_SCOPE_PROMPT, dir.id, node, attr, err);

	if (result == 0 && noted)
		attr->entry_ms = NODE_LONG_MS;
	return result;
}

int scope_lookup(struct pf_fs *fs, struct node dir, const char *name, struct node *node, struct node_attr *attr,
		 pf_err *err)
{
	int result = node_find_fixed(fs, dir, fixed, FIXED_COUNT, name, node, attr, err);
	pf_pattern_entry entry;
	pf_scope below;

	if (result != -ENOENT || strcmp(name, "outcome.error") == 0)
		return result;
	if (has_prompt(dir.id) && strcmp(name, prompt_name) == 0)
		return look_up_prompt(fs, dir, node, attr, err);
	if (pf_scope_pattern_type(dir.id)) {
		result = pf_store_pattern_find(fs->store, dir.id, name, &entry, err);
		if (result == 0)
			return fill_pattern(&entry, node, attr, err);
		if (result == -ENOENT)
			attr->entry_ms = NODE_LONG_MS; /* a new name here gets an entry notice: see change.c */
		return result;
	}
	result = pf_store_scope_find(fs->store, dir.id, name, &below, err);
	if (result < 0)
		return result;
	*node = (struct node){ NODE_SCOPE, below };
	return scope_attr(fs, *node, attr, err);
}

static int emit_scope(void *arg, const pf_scope_entry *entry)
{
	struct node_listing *listing = arg;
	struct node node = { NODE_SCOPE, entry->scope };
	struct node_attr attr;

	node_attr_fill(node, 0, entry->mtime, entry->children, &attr);
	return listing->emit(listing, entry->name, node, &attr, COOKIE_ROWS + entry->scope);
}

static int emit_pattern(void *arg, const pf_pattern_entry *entry)
{
	struct node_listing *listing = arg;
	struct node_attr attr;
	struct node node;

	if (fill_pattern(entry, &node, &attr, NULL) < 0)
		return 0;
	return listing->emit(listing, entry->name, node, &attr, COOKIE_ROWS + entry->id);
}

/* Directories below a scope come in ascending order of scope: the cookie says which were seen. */
struct skipping {
	struct node_listing *listing;
	pf_scope after;
};

static int emit_scope_after(void *arg, const pf_scope_entry *entry)
{
	struct skipping *skipping = arg;

	return entry->scope <= skipping->after ? 0 : emit_scope(skipping->listing, entry);
}

static int list_scopes(struct pf_fs *fs, pf_scope parent, int64_t cookie, struct node_listing *listing, pf_err *err)
{
	struct skipping skipping = { listing, cookie > COOKIE_ROWS ? cookie - COOKIE_ROWS : 0 };

	return pf_store_scope_list(fs->store, parent, emit_scope_after, &skipping, err);
}

int scope_list(struct pf_fs *fs, struct node dir, int64_t cookie, struct node_listing *listing, pf_err *err)
{
	int result = node_list_fixed(fs, dir, fixed, FIXED_COUNT, cookie, listing, err);

	if (result < 0 || listing->full)
		return result;
	if (has_prompt(dir.id) && cookie < PROMPT_COOKIE) {
		struct node prompt;

		result = document_node(fs, NODE_SCOPE_PROMPT, dir.id, &prompt, err);
		if (result < 0 || listing->emit(listing, prompt_name, prompt, NULL, PROMPT_COOKIE))
			return result;
	}
	if (!pf_scope_pattern_type(dir.id))
		return list_scopes(fs, dir.id, cookie, listing, err);
	if (cookie == 0)
		readahead_listed(fs->readahead);
	return pf_store_pattern_list(fs->store, dir.id, cookie > COOKIE_ROWS ? cookie - COOKIE_ROWS : 0, emit_pattern,
				     listing, err);
}

/* `rm` of a pattern's file archives it. */
int scope_remove(struct pf_fs *fs, struct node dir, const char *name, bool directory, struct change *change,
		 pf_err *err)
{
	pf_pattern_entry entry;
	pf_err why = { 0 };
	int result;

	if (directory)
		return pf_fail(err, EPERM, "directories of patterns go when their last pattern is removed");
	if (!pf_scope_pattern_type(dir.id))
		return pf_fail(err, EROFS, "only patterns can be removed here");
	result = pf_store_pattern_find(fs->store, dir.id, name, &entry, &why);
	if (result == -ENOENT)
		return pf_fail(err, EPERM, "only patterns can be removed here");
	if (result < 0)
		return pf_fail(err, why.code, "%s", why.why);
	change->op = CHANGE_ARCHIVE;
	change->id = entry.id;
	snprintf(change->name, sizeof change->name, "%s", name);
	change->holds_directory = true;
	change->held_ino = node_ino(dir);
	return 1;
}

/* NODE's document, also where it is an older version of the pattern's. */
int pattern_render(struct pf_fs *fs, struct node node, pf_text *out, pf_err *err)
{
	int result = pf_store_pattern_document(fs->store, version_row(node), out, err);

	if (result == 0 && out->failed)
		return pf_fail(err, ENOMEM, "no memory for this document");
	while (result == 0 && !version_is(node, pattern_version((int64_t)out->len)))
		if (!pf_document_drop_example(out))
			result = -ENOENT;
	if (result != -ENOENT)
		return result;
	pf_text_reset(out);
	return version_kept_render(fs, node, out, err);
}

/* NODE, which has the pattern's id, becomes the present version. */
int pattern_now(struct pf_fs *fs, struct node *node, struct node_attr *attr, bool listed, pf_err *err)
{
	pf_pattern_entry entry;
	int result = pf_store_pattern_stat(fs->store, node->id, &entry, err);

	(void)listed;
	return result < 0 ? result : fill_pattern(&entry, node, attr, err);
}

static int attr_of_older(struct pf_fs *fs, struct node node, int64_t mtime, struct node_attr *attr, pf_err *err)
{
	pf_text text = { 0 };
	int result = pattern_render(fs, node, &text, err);

	if (result == 0)
		node_attr_fill(node, (int64_t)text.len, mtime, 0, attr);
	pf_text_free(&text);
	return result;
}

int pattern_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	pf_pattern_entry entry;
	int result = pf_store_pattern_stat(fs->store, version_row(node), &entry, err);

	if (result == -ENOENT)
		return version_kept_attr(fs, node, attr, err);
	if (result < 0)
		return result;
	if (!version_is(node, pattern_version(entry.size)))
		return attr_of_older(fs, node, entry.mtime, attr, err);
	node_attr_fill(node, entry.size, entry.mtime, 0, attr);
	return 0;
}

/* ---- The root ---- */

static const struct node_fixed root_fixed[] = {
	{ "README.md", NODE_README },
	{ "stats.json", NODE_STATS },
	{ "history.jsonl", NODE_HISTORY },
	{ "outcome", NODE_OUTCOME },
	{ "outcome.error", NODE_OUTCOME_ERROR },
	{ "components", NODE_COMPONENTS },
	{ "query", NODE_QUERY_ROOT },
};
enum { ROOT_FIXED_COUNT = sizeof root_fixed / sizeof *root_fixed };
/* incoming/ is a file of the store's with an id of its own; it comes behind the fixed ones. */
enum { ROOT_INCOMING_COOKIE = ROOT_FIXED_COUNT + 1 };

static const struct node incoming = { NODE_FILE, PF_INCOMING };

int root_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	pf_totals totals;
	int result = pf_store_totals(fs->store, 0, &totals, err);

	if (result == 0)
		node_attr_fill(node, 0, totals.mtime ? totals.mtime : fs->mounted_at, totals.children + 3, attr);
	return result;
}

int root_lookup(struct pf_fs *fs, struct node dir, const char *name, struct node *node, struct node_attr *attr,
		pf_err *err)
{
	pf_scope category;
	int result;

	if (strcmp(name, "incoming") == 0) {
		*node = incoming;
		return node_attr(fs, *node, attr, err);
	}
	/* What is beside the root's outcome has the scope 0 as its id, not the root's. */
	dir.id = 0;
	result = node_find_fixed(fs, dir, root_fixed, ROOT_FIXED_COUNT, name, node, attr, err);
	if (result != -ENOENT)
		return result;
	result = pf_store_scope_find(fs->store, 0, name, &category, err);
	if (result < 0)
		return result;
	*node = (struct node){ NODE_SCOPE, category };
	return scope_attr(fs, *node, attr, err);
}

int root_list(struct pf_fs *fs, struct node dir, int64_t cookie, struct node_listing *listing, pf_err *err)
{
	struct node_attr attr;
	int result;

	dir.id = 0;
	result = node_list_fixed(fs, dir, root_fixed, ROOT_FIXED_COUNT, cookie, listing, err);
	if (result < 0 || listing->full)
		return result;
	if (cookie < ROOT_INCOMING_COOKIE) {
		result = node_attr(fs, incoming, &attr, err);
		if (result < 0 || listing->emit(listing, "incoming", incoming, &attr, ROOT_INCOMING_COOKIE))
			return result;
	}
	return list_scopes(fs, 0, cookie, listing, err);
}
