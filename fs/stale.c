#include "stale.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "document.h"
#include "fs.h"
#include "version.h"

static void stale_ino(struct stale *stale, uint64_t ino, bool pages)
{
	if (!array_room(&stale->inodes, &stale->inode_room, stale->inode_count, sizeof *stale->inodes)) {
		stale->failed = true;
		return;
	}
	stale->inodes[stale->inode_count++] = (struct stale_inode){ ino, pages };
}

void stale_inode(struct stale *stale, struct node node, bool pages)
{
	stale_ino(stale, node_ino(node), pages);
}

void stale_entry(struct stale *stale, struct node parent, const char *name)
{
	struct stale_entry *entry;

	if (!array_room(&stale->entries, &stale->entry_room, stale->entry_count, sizeof *stale->entries)) {
		stale->failed = true;
		return;
	}
	entry = &stale->entries[stale->entry_count++];
	entry->parent = node_ino(parent);
	snprintf(entry->name, sizeof entry->name, "%s", name);
}

void stale_take_back(struct stale *stale, const struct stale *before)
{
	stale->inode_count = before->inode_count;
	stale->entry_count = before->entry_count;
	stale->replaced_count = before->replaced_count;
	stale->scope = before->scope;
}

void stale_free(struct stale *stale)
{
	free(stale->inodes);
	free(stale->entries);
	free(stale->replaced);
	*stale = (struct stale){ 0 };
}

/* The directories above a scope, each with its outcome. Most follow one of the same place: these are not added again.
 */
static void stale_scope(struct stale *stale, pf_scope scope)
{
	int64_t category = pf_scope_category(scope);
	bool same_place = stale->scope && stale->scope >> 4 == scope >> 4;
	pf_scope chain[] = {
		scope,
		pf_scope_make(category, pf_scope_component_type(scope), 0),
		pf_scope_make(category, 0, 0),
	};

	if (scope == stale->scope)
		return;
	for (size_t i = 0; i < (same_place ? 1 : sizeof chain / sizeof *chain); i++) {
		stale_inode(stale, (struct node){ NODE_SCOPE, chain[i] }, true);
		stale_inode(stale, (struct node){ NODE_OUTCOME, chain[i] }, false);
	}
	stale->scope = scope;
}

/* VERSION: what comes. */
static void add_replaced(struct stale *stale, enum node_kind_id kind, int64_t row, int64_t version, bool rewritten)
{
	struct replaced *replaced;

	if (!array_room(&stale->replaced, &stale->replaced_room, stale->replaced_count, sizeof *stale->replaced))
		return; /* who reads it now may be told ESTALE */
	replaced = &stale->replaced[stale->replaced_count];
	replaced->row = (struct node){ kind, row };
	replaced->rewritten = rewritten;
	if (version_node(kind, row, version, &replaced->present, NULL) == 0)
		stale->replaced_count++;
}

static void stale_component(struct stale *stale, const pf_change *change)
{
	static const struct {
		enum node_kind_id kind;
		const char *name;
	} documents[] = {
		{ NODE_COMPONENT_JSON, "component.json" },
		{ NODE_SOURCE, "source.py" },
		{ NODE_RECORD, "patterns.json" },
	};

	stale->learned = true;
	stale_inode(stale, (struct node){ NODE_COMPONENT, change->id }, true);
	stale_inode(stale, (struct node){ NODE_LINKS, change->id }, true);
	stale_inode(stale, (struct node){ NODE_COMPONENT_OUTCOME, change->id }, false);
	if (change->maybe_new) {
		stale_inode(stale, (struct node){ NODE_COMPONENTS, 0 }, true);
		return;
	}
	stale->revised = true;
	/* Which patterns it shows may be others: with patterns/ the kernel forgets all links below it. */
	stale_entry(stale, (struct node){ NODE_COMPONENT, change->id }, "patterns");
	for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
		stale_entry(stale, (struct node){ NODE_COMPONENT, change->id }, documents[i].name);
		add_replaced(stale, documents[i].kind, change->id,
			     component_version(documents[i].kind, change->mtime, change->source_mtime), true);
	}
}

static void stale_pattern(struct stale *stale, const pf_change *change)
{
	struct node present;

	if (version_node(NODE_PATTERN, change->id, pattern_version(change->size), &present, NULL) == 0)
		stale_inode(stale, present, true);
	stale_scope(stale, change->scope);
	stale->gone |= change->gone;
	if (change->maybe_new || change->gone || change->resized)
		stale_entry(stale, (struct node){ NODE_SCOPE, change->scope }, change->name);
	if (change->resized && !change->maybe_new)
		add_replaced(stale, NODE_PATTERN, change->id, change->gone ? -1 : pattern_version(change->size),
			     change->rewritten);
}

int stale_change(void *stale, const pf_change *change)
{
	if (change->kind == PF_CHANGED_COMPONENT)
		stale_component(stale, change);
	else
		stale_pattern(stale, change);
	return 0;
}

static int by_ino(const void *a, const void *b)
{
	uint64_t x = ((const struct stale_inode *)a)->ino, y = ((const struct stale_inode *)b)->ino;

	return x < y ? -1 : x > y;
}

static void drop_duplicates(struct stale *stale)
{
	size_t kept = 0;

	if (stale->inode_count)
		qsort(stale->inodes, stale->inode_count, sizeof *stale->inodes, by_ino);
	for (size_t i = 0; i < stale->inode_count; i++)
		if (!kept || stale->inodes[kept - 1].ino != stale->inodes[i].ino)
			stale->inodes[kept++] = stale->inodes[i];
	stale->inode_count = kept;
}

/* A directory that holds nothing any more is gone: its name in its parent. */
static void stale_empty_scopes(struct pf_fs *fs, struct stale *stale)
{
	for (size_t i = 0; stale->gone && i < stale->inode_count; i++) {
		struct node node, parent = NODE_ROOT_ID;
		pf_totals totals;
		pf_text path = { 0 };
		const char *name;
		pf_scope scope;

		if (!node_from_ino(stale->inodes[i].ino, &node) || node.kind != NODE_SCOPE ||
		    pf_store_totals(fs->store, node.id, &totals, NULL) != -ENOENT)
			continue;
		scope = node.id;
		if (pf_scope_pattern_type(scope))
			parent = (struct node){ NODE_SCOPE, scope & ~(pf_scope)15 };
		else if (pf_scope_component_type(scope))
			parent = (struct node){ NODE_SCOPE, scope & ~(pf_scope)255 };
		if (pf_store_scope_path(fs->store, scope, &path, NULL) == 0 && path.len) {
			name = strrchr(path.bytes, '/');
			stale_entry(stale, parent, name ? name + 1 : path.bytes);
		}
		pf_text_free(&path);
	}
}

void stale_keep_replaced(struct pf_fs *fs, const struct stale *stale)
{
	bool back;

	if (!stale->replaced_count)
		return;
	back = pf_store_look_back(fs->store);
	for (size_t i = 0; i < stale->replaced_count; i++) {
		const struct replaced *replaced = &stale->replaced[i];
		const struct node_kind *kind = &node_kinds[replaced->row.kind];
		struct node node = replaced->row;
		struct node_attr attr;
		pf_text text = { 0 };

		if (!replaced->rewritten && !stale->revised)
			continue;
		if (kind->now(fs, &node, &attr, true, NULL) == 0 && node_ino(node) != node_ino(replaced->present) &&
		    kind->render(fs, node, &text, NULL) == 0)
			version_keep(fs, node, attr.mtime, &text);
		pf_text_free(&text);
	}
	if (back)
		pf_store_look_ahead(fs->store);
}

/* What depends on all components, as far as the kernel may know it. */
static void stale_similar(struct pf_fs *fs, struct stale *stale)
{
	const uint64_t *inos;
	size_t count = told_take(fs->told_similar, &inos);

	for (size_t i = 0; i < count; i++)
		stale_ino(stale, inos[i], true);
}

/* Whether STALE, without duplicates, names INO. */
static bool is_stale(const struct stale *stale, uint64_t ino)
{
	struct stale_inode key = { ino, false };

	return stale->failed ||
	       (stale->inode_count && bsearch(&key, stale->inodes, stale->inode_count, sizeof *stale->inodes, by_ino));
}

/* The prompts of the directories that changed, as far as the kernel may know them. */
static void stale_prompts(struct pf_fs *fs, struct stale *stale)
{
	const uint64_t *inos;
	size_t count = told_take(fs->told_prompts, &inos);

	for (size_t i = 0; i < count; i++) {
		struct node node;

		if (!is_stale(stale, inos[i]) && told_add(fs->told_prompts, inos[i]))
			continue;
		if (node_from_ino(inos[i], &node))
			stale_entry(stale, node, SCOPE_PROMPT);
	}
}

void stale_totals(struct pf_fs *fs, struct stale *stale)
{
	if (!stale->inode_count && !stale->failed)
		return;
	stale_inode(stale, NODE_ROOT_ID, true);
	stale_inode(stale, (struct node){ NODE_HISTORY, 0 }, true);
	stale_inode(stale, (struct node){ NODE_OUTCOME, 0 }, false);
	if (stale->learned)
		stale_similar(fs, stale);
	drop_duplicates(stale);
	stale_prompts(fs, stale);
	stale_empty_scopes(fs, stale);
}
