/* components/NAME/: its texts, its outcome, links to its patterns. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fs.h"
#include "version.h"

static const struct node_fixed fixed[] = {
	{ "source.py", NODE_SOURCE },
	{ "component.json", NODE_COMPONENT_JSON },
	{ "patterns.json", NODE_RECORD },
	{ "outcome", NODE_COMPONENT_OUTCOME },
	{ "outcome.error", NODE_COMPONENT_OUTCOME_ERROR },
	{ "patterns", NODE_LINKS },
	{ "similar", NODE_SIMILAR },
};
enum { FIXED_COUNT = sizeof fixed / sizeof *fixed };

int components_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	int64_t count, mtime;
	int result = pf_store_component_totals(fs->store, &count, &mtime, err);

	if (result == 0)
		node_attr_fill(node, 0, mtime ? mtime : fs->mounted_at, count, attr);
	return result;
}

/* The attributes of NODE, which is the component ENTRY or one of its files. */
static void fill(struct node node, const pf_component_entry *entry, struct node_attr *attr)
{
	switch (node.kind) {
	case NODE_SOURCE:
		node_attr_fill(node, entry->source_size, entry->source_mtime, 0, attr);
		break;
	case NODE_RECORD:
		node_attr_fill(node, entry->record_size, entry->source_mtime, 0, attr);
		break;
	case NODE_COMPONENT_JSON:
		node_attr_fill(node, entry->document_size, entry->mtime, 0, attr);
		break;
	case NODE_COMPONENT:
		node_attr_fill(node, 0, entry->mtime, 2, attr);
		break;
	default:
		node_attr_fill(node, 0, entry->mtime, 0, attr);
	}
}

/* NODE, which has the component's id, becomes the present version of its document. */
int component_document_now(struct pf_fs *fs, struct node *node, struct node_attr *attr, bool listed, pf_err *err)
{
	pf_component_entry entry;
	int result = pf_store_component_stat(fs->store, node->id, &entry, err);

	(void)listed;
	if (result == 0)
		result = version_node(node->kind, entry.id,
				      component_version(node->kind, entry.mtime, entry.source_mtime), node, err);
	if (result == 0)
		fill(*node, &entry, attr);
	return result;
}

static bool is_now(struct node node, const pf_component_entry *entry)
{
	return version_is(node, component_version(node.kind, entry->mtime, entry->source_mtime));
}

int component_document_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	pf_component_entry entry;
	int result = pf_store_component_stat(fs->store, version_row(node), &entry, err);

	if (result < 0)
		return result;
	if (!is_now(node, &entry))
		return version_kept_attr(fs, node, attr, err);
	fill(node, &entry, attr);
	return 0;
}

/* The row's attr of NODE_COMPONENT and of all else that has the component's id. */
int component_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	pf_component_entry entry;
	int result = pf_store_component_stat(fs->store, node.id, &entry, err);

	if (result == 0)
		fill(node, &entry, attr);
	return result;
}

int components_lookup(struct pf_fs *fs, struct node dir, const char *name, struct node *node, struct node_attr *attr,
		      pf_err *err)
{
	pf_component_entry entry;
	int result = pf_store_component_find(fs->store, name, &entry, err);

	(void)dir;
	if (result < 0)
		return result;
	*node = (struct node){ NODE_COMPONENT, entry.id };
	fill(*node, &entry, attr);
	return 0;
}

static int emit_component(void *arg, const pf_component_entry *entry)
{
	struct node_listing *listing = arg;
	struct node node = { NODE_COMPONENT, entry->id };
	struct node_attr attr;

	fill(node, entry, &attr);
	return listing->emit(listing, entry->name, node, &attr, COOKIE_ROWS + entry->id);
}

int components_list(struct pf_fs *fs, struct node dir, int64_t cookie, struct node_listing *listing, pf_err *err)
{
	(void)dir;
	return pf_store_component_list(fs->store, cookie > COOKIE_ROWS ? cookie - COOKIE_ROWS : 0, emit_component,
				       listing, err);
}

int component_lookup(struct pf_fs *fs, struct node dir, const char *name, struct node *node, struct node_attr *attr,
		     pf_err *err)
{
	return node_find_fixed(fs, dir, fixed, FIXED_COUNT, name, node, attr, err);
}

int component_list(struct pf_fs *fs, struct node dir, int64_t cookie, struct node_listing *listing, pf_err *err)
{
	return node_list_fixed(fs, dir, fixed, FIXED_COUNT, cookie, listing, err);
}

int component_document_render(struct pf_fs *fs, struct node node, pf_text *out, pf_err *err)
{
	static const enum pf_component_text texts[NODE_KIND_COUNT] = {
		[NODE_SOURCE] = PF_COMPONENT_SOURCE,
		[NODE_COMPONENT_JSON] = PF_COMPONENT_DOCUMENT,
		[NODE_RECORD] = PF_COMPONENT_RECORD,
	};
	pf_component_entry entry;
	int result = pf_store_component_text(fs->store, version_row(node), texts[node.kind], out, err);

	/* Versions are never had again: what is NODE's after the text was taken was so before. */
	if (result == 0)
		result = pf_store_component_stat(fs->store, version_row(node), &entry, err);
	if (result < 0 || is_now(node, &entry))
		return result;
	pf_text_reset(out);
	return version_kept_render(fs, node, out, err);
}

/* ---- patterns/: a symlink for each pattern that the component shows ---- */

enum { PATTERN_BITS = 28 };

static struct node link_node(int64_t component, int64_t pattern)
{
	return (struct node){ NODE_LINK, component << PATTERN_BITS | pattern };
}

int links_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	return component_attr(fs, node, attr, err);
}

/* A component type's directory, and its path: most links of a component lead below the same one. */
struct place {
	pf_scope scope; /* 0: none */
	pf_text path;
};

static int find_place(struct pf_fs *fs, pf_scope scope, struct place *place, pf_err *err)
{
	int result;

	if (place->scope == scope)
		return 0;
	place->scope = 0;
	pf_text_reset(&place->path);
	result = pf_store_scope_path(fs->store, scope, &place->path, err);
	if (result == 0)
		place->scope = scope;
	return result;
}

/* Appends where the link to ENTRY leads: three levels up is the mount. */
static int append_target(struct pf_fs *fs, struct place *place, const pf_pattern_entry *entry, const char *name,
			 pf_text *out, pf_err *err)
{
	const char *pattern_type = pf_pattern_type_name(pf_scope_pattern_type(entry->scope));
	int component_type = pf_scope_component_type(entry->scope), result;

	if (!pattern_type || !component_type)
		return pf_fail(err, ENOENT, "no such directory");
	result = find_place(fs, pf_scope_make(pf_scope_category(entry->scope), component_type, 0), place, err);
	if (result < 0)
		return result;
	pf_text_puts(out, "../../../");
	pf_text_add(out, place->path.bytes, place->path.len);
	pf_text_puts(out, "/");
	pf_text_puts(out, pattern_type);
	pf_text_puts(out, "/");
	pf_text_puts(out, name);
	return out->failed ? pf_fail(err, ENOMEM, "no memory for the link") : 0;
}

/* A link's size is its target's length, as everywhere; its time that of the revision which shows the pattern. */
static int fill_link(struct pf_fs *fs, struct place *place, struct node node, const pf_pattern_entry *entry,
		     const char *name, int64_t mtime, struct node_attr *attr, pf_err *err)
{
	pf_text target = { 0 };
	int result = append_target(fs, place, entry, name, &target, err);

	node_attr_fill(node, (int64_t)target.len, mtime, 0, attr);
	pf_text_free(&target);
	return result;
}

/* The same of one alone. */
static int fill_one_link(struct pf_fs *fs, struct node node, const pf_pattern_entry *entry, const char *name,
			 int64_t mtime, struct node_attr *attr, pf_err *err)
{
	struct place place = { 0 };
	int result = fill_link(fs, &place, node, entry, name, mtime, attr, err);

	pf_text_free(&place.path);
	return result;
}

int links_lookup(struct pf_fs *fs, struct node dir, const char *name, struct node *node, struct node_attr *attr,
		 pf_err *err)
{
	pf_component_entry component;
	pf_pattern_entry entry;
	int result = pf_store_component_pattern_find(fs->store, dir.id, name, &entry, err);

	if (result == 0)
		result = pf_store_component_stat(fs->store, dir.id, &component, err);
	if (result < 0)
		return result;
	*node = link_node(dir.id, entry.id);
	return fill_one_link(fs, *node, &entry, name, component.source_mtime, attr, err);
}

/* The store's callbacks may not call back into it: the scopes' paths are needed, so entries are copied first. */
struct link_batch {
	struct {
		pf_pattern_entry entry;
		char name[NAME_MAX + 1];
	} links[64];
	size_t count, wanted; /* at most as many as there is room for */
};

static int collect_link(void *arg, const pf_pattern_entry *entry)
{
	struct link_batch *batch = arg;

	batch->links[batch->count].entry = *entry;
	snprintf(batch->links[batch->count].name, sizeof batch->links[0].name, "%s", entry->name);
	batch->count++;
	return batch->count == batch->wanted;
}

/* Emits BATCH, of DIR; 1: full. */
static int emit_links(struct pf_fs *fs, struct node dir, const struct link_batch *batch, int64_t mtime,
		      struct place *place, struct node_listing *listing, pf_err *err)
{
	for (size_t i = 0; i < batch->count; i++) {
		const pf_pattern_entry *entry = &batch->links[i].entry;
		struct node node = link_node(dir.id, entry->id);
		struct node_attr attr;
		int result = fill_link(fs, place, node, entry, batch->links[i].name, mtime, &attr, err);

		if (result < 0)
			return result;
		if (listing->emit(listing, batch->links[i].name, node, &attr, COOKIE_ROWS + entry->id))
			return 1;
	}
	return 0;
}

int links_list(struct pf_fs *fs, struct node dir, int64_t cookie, struct node_listing *listing, pf_err *err)
{
	int64_t after = cookie > COOKIE_ROWS ? cookie - COOKIE_ROWS : 0;
	pf_component_entry component;
	struct place place = { 0 };
	struct link_batch batch;
	int result = pf_store_component_stat(fs->store, dir.id, &component, err);

	batch.wanted = sizeof batch.links / sizeof *batch.links;
	while (result == 0) {
		batch.count = 0;
		result = pf_store_component_patterns(fs->store, dir.id, after, collect_link, &batch, err);
		if (result >= 0)
			result = emit_links(fs, dir, &batch, component.source_mtime, &place, listing, err);
		if (batch.count < batch.wanted)
			break;
		after = batch.links[batch.count - 1].entry.id;
	}
	pf_text_free(&place.path);
	return result < 0 ? result : 0;
}

/* The pattern behind a link, and its name, which only its component's listing tells. */
static int find_link(struct pf_fs *fs, struct node node, struct link_batch *batch, pf_err *err)
{
	int64_t pattern = node.id & ((1 << PATTERN_BITS) - 1);
	int result;

	batch->count = 0;
	batch->wanted = 1;
	result = pf_store_component_patterns(fs->store, node.id >> PATTERN_BITS, pattern - 1, collect_link, batch, err);
	if (result < 0)
		return result;
	if (batch->count == 0 || batch->links[0].entry.id != pattern)
		return pf_fail(err, ENOENT, "the component does not show this pattern any more");
	return 0;
}

int link_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	pf_component_entry component;
	struct link_batch batch;
	int result = find_link(fs, node, &batch, err);

	if (result == 0)
		result = pf_store_component_stat(fs->store, node.id >> PATTERN_BITS, &component, err);
	if (result < 0)
		return result;
	return fill_one_link(fs, node, &batch.links[0].entry, batch.links[0].name, component.source_mtime, attr, err);
}

int link_render(struct pf_fs *fs, struct node node, pf_text *out, pf_err *err)
{
	struct link_batch batch;
	struct place place = { 0 };
	int result = find_link(fs, node, &batch, err);

	if (result == 0)
		result = append_target(fs, &place, &batch.links[0].entry, batch.links[0].name, out, err);
	pf_text_free(&place.path);
	return result;
}
