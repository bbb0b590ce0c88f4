#include "node.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fs.h"
#include "incoming.h"
#include "outcome.h"
#include "query.h"

#define ID_MASK (((uint64_t)1 << NODE_ID_BITS) - 1)

/*
 * Lifetimes. Outside of incoming/ every change reaches the kernel as a notice,
 * so what it knows is good for a day. What people drop may be changed by another
 * mount of the same database, which sends no notices here: a tenth of a second.
 * Notes and errors come and go with other files' closing: never without asking.
 * Nor are names below query/, whose results any change may touch; but what a
 * version of a document holds never changes, and what a key=value means neither.
 */
enum { LONG = NODE_LONG_MS, SHORT = 100 };

#define DOCUMENT .mode = S_IFREG | 0444, .entry_ms = LONG, .attr_ms = LONG
#define COMPONENT_DOCUMENT                                                                                             \
	DOCUMENT, .attr = component_document_attr, .now = component_document_now, .render = component_document_render
#define DIRECTORY .mode = S_IFDIR | 0755, .entry_ms = LONG, .attr_ms = LONG
#define VERDICTS                                                                                                       \
	.mode = S_IFREG | 0644, .entry_ms = LONG, .attr_ms = LONG, .attr = outcome_attr, .render = outcome_render,     \
	.write = outcome_write, .truncate = outcome_truncate, .setattr = outcome_setattr, .flush = outcome_flush
#define QUERY_DOCUMENT                                                                                                 \
	.mode = S_IFREG | 0444, .attr_ms = LONG, .attr = document_attr, .now = document_now, .read = document_read,    \
	.forget = document_forget
#define QUERY_LINK     .mode = S_IFLNK | 0777, .attr = query_link_attr, .render = query_link_render, .forget = query_forget
#define VERDICTS_ERROR .mode = S_IFREG | 0444, .attr = outcome_error_attr, .render = outcome_error_render

const struct node_kind node_kinds[NODE_KIND_COUNT] = {
	[NODE_ROOT] = { DIRECTORY, .attr = root_attr, .lookup = root_lookup, .list = root_list },
	[NODE_README] = { QUERY_DOCUMENT },
	[NODE_STATS] = { QUERY_DOCUMENT },
	[NODE_HISTORY] = { DOCUMENT, .attr = history_attr, .read = history_read },
	[NODE_SCOPE] = { DIRECTORY, .attr = scope_attr, .lookup = scope_lookup, .list = scope_list,
			 .remove = scope_remove },
	[NODE_PATTERN] = { DOCUMENT, .attr = pattern_attr, .now = pattern_now, .render = pattern_render },
	[NODE_OUTCOME] = { VERDICTS },
	[NODE_OUTCOME_ERROR] = { VERDICTS_ERROR },
	[NODE_COMPONENTS] = { DIRECTORY, .attr = components_attr, .lookup = components_lookup,
			      .list = components_list },
	[NODE_COMPONENT] = { DIRECTORY, .attr = component_attr, .lookup = component_lookup, .list = component_list },
	[NODE_SOURCE] = { COMPONENT_DOCUMENT },
	[NODE_COMPONENT_JSON] = { COMPONENT_DOCUMENT },
	[NODE_RECORD] = { COMPONENT_DOCUMENT },
	[NODE_COMPONENT_OUTCOME] = { VERDICTS },
	[NODE_COMPONENT_OUTCOME_ERROR] = { VERDICTS_ERROR },
	[NODE_LINKS] = { DIRECTORY, .attr = links_attr, .lookup = links_lookup, .list = links_list },
	[NODE_LINK] = { .mode = S_IFLNK | 0777,
			.entry_ms = LONG,
			.attr_ms = LONG,
			.attr = link_attr,
			.render = link_render },
	[NODE_FILE] = { .entry_ms = SHORT,
			.attr_ms = SHORT,
			.attr = file_attr,
			.lookup = file_lookup,
			.list = file_list,
			.read = file_read,
			.write = file_write,
			.truncate = file_truncate,
			.setattr = file_setattr,
			.flush = file_flush,
			.fsync = file_fsync,
			.make = file_make,
			.remove = file_remove,
			.rename = file_rename },
	[NODE_NOTE] = { .mode = S_IFREG | 0444, .attr = note_attr, .render = note_render },
	[NODE_QUERY_ROOT] = { DIRECTORY, .attr = query_root_attr, .lookup = query_root_lookup,
			      .list = query_root_list },
	[NODE_QUERY_GUIDE] = { DOCUMENT, .attr = query_guide_attr, .render = query_guide_render },
	[NODE_QUERY] = { .mode = S_IFDIR | 0755,
			 .entry_ms = LONG,
			 .attr = query_attr,
			 .lookup = query_lookup,
			 .list = query_list,
			 .forget = query_forget },
	[NODE_QUERY_RESULTS] = { QUERY_DOCUMENT },
	[NODE_QUERY_PROMPT] = { QUERY_DOCUMENT },
	[NODE_QUERY_COUNT] = { QUERY_DOCUMENT },
	[NODE_QUERY_README] = { QUERY_DOCUMENT },
	[NODE_SCOPE_PROMPT] = { QUERY_DOCUMENT },
	[NODE_QUERY_PATTERN] = { QUERY_LINK },
	[NODE_QUERY_COMPONENT] = { QUERY_LINK },
	[NODE_SIMILAR] = { .mode = S_IFDIR | 0755,
			   .entry_ms = LONG,
			   .attr_ms = LONG,
			   .attr = similar_attr,
			   .lookup = similar_lookup,
			   .list = similar_list },
	[NODE_SIMILAR_LINK] = { .mode = S_IFLNK | 0777,
				.entry_ms = LONG,
				.attr_ms = LONG,
				.attr = similar_link_attr,
				.render = similar_link_render },
};

uint64_t node_ino(struct node node)
{
	return (uint64_t)node.kind << NODE_ID_BITS | ((uint64_t)node.id & ID_MASK);
}

bool node_from_ino(uint64_t ino, struct node *node)
{
	if (ino >> NODE_ID_BITS >= NODE_KIND_COUNT)
		return false;
	node->kind = (enum node_kind_id)(ino >> NODE_ID_BITS);
	node->id = (int64_t)(ino & ID_MASK);
	return true;
}

void node_attr_fill(struct node node, int64_t size, int64_t mtime, int64_t subdirectories, struct node_attr *attr)
{
	const struct node_kind *kind = &node_kinds[node.kind];

	*attr = (struct node_attr){
		.mode = kind->mode,
		.uid = -1,
		.gid = -1,
		.size = size,
		.atime = mtime,
		.mtime = mtime,
		.ctime = mtime,
		.nlink = S_ISDIR(kind->mode) ? (uint32_t)(2 + subdirectories) : 1,
		.entry_ms = kind->entry_ms,
		.attr_ms = kind->attr_ms,
	};
}

int node_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	return node_kinds[node.kind].attr(fs, node, attr, err);
}

int node_lookup(struct pf_fs *fs, struct node dir, const char *name, struct node *node, struct node_attr *attr,
		pf_err *err)
{
	*attr = (struct node_attr){ 0 }; /* entry_ms: an absent name is believed for no time, unless lookup says so */
	if (!node_kinds[dir.kind].lookup)
		return pf_fail(err, ENOTDIR, "not a directory");
	if (strlen(name) > NAME_MAX)
		return pf_fail(err, ENAMETOOLONG, "the name is longer than %d bytes", NAME_MAX);
	return node_kinds[dir.kind].lookup(fs, dir, name, node, attr, err);
}

void node_forget(struct pf_fs *fs, struct node node, uint64_t lookups)
{
	if (node_kinds[node.kind].forget)
		node_kinds[node.kind].forget(fs, node, lookups);
}

int node_list(struct pf_fs *fs, struct node dir, int64_t cookie, struct node_listing *listing, pf_err *err)
{
	if (!node_kinds[dir.kind].list)
		return pf_fail(err, ENOTDIR, "not a directory");
	return node_kinds[dir.kind].list(fs, dir, cookie, listing, err);
}

int node_read(struct pf_fs *fs, struct node node, int64_t offset, size_t size, pf_text *out, pf_err *err)
{
	const struct node_kind *kind = &node_kinds[node.kind];
	int result;

	if (offset < 0)
		return pf_fail(err, EINVAL, "negative offset");
	if (kind->read)
		return kind->read(fs, node, offset, size, out, err);
	if (!kind->render)
		return pf_fail(err, EISDIR, "is a directory");
	result = kind->render(fs, node, out, err);
	if (result < 0)
		return result;
	/* The part asked for, in place. */
	if ((uint64_t)offset >= out->len) {
		pf_text_reset(out);
	} else if (offset > 0) {
		out->len -= (size_t)offset;
		memmove(out->bytes, out->bytes + offset, out->len);
	}
	if (out->len > size)
		out->len = size;
	return 0;
}

static int attr_now(struct pf_fs *fs, struct node *node, struct node_attr *attr, bool listed, pf_err *err)
{
	const struct node_kind *kind = &node_kinds[node->kind];

	return kind->now ? kind->now(fs, node, attr, listed, err) : kind->attr(fs, *node, attr, err);
}

int node_list_fixed(struct pf_fs *fs, struct node dir, const struct node_fixed *fixed, size_t count, int64_t cookie,
		    struct node_listing *listing, pf_err *err)
{
	for (size_t i = (size_t)cookie; cookie < (int64_t)count && i < count; i++) {
		struct node node = { fixed[i].kind, dir.id };
		struct node_attr attr;
		pf_err absent = { 0 };
		int result = attr_now(fs, &node, &attr, true, &absent);

		if (result == -ENOENT)
			continue;
		if (result < 0)
			return pf_fail(err, absent.code, "%s", absent.why);
		if (listing->emit(listing, fixed[i].name, node, result ? NULL : &attr, (int64_t)i + 1))
			return 0;
	}
	return 0;
}

int node_find_fixed(struct pf_fs *fs, struct node dir, const struct node_fixed *fixed, size_t count, const char *name,
		    struct node *node, struct node_attr *attr, pf_err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(name, fixed[i].name) == 0) {
			*node = (struct node){ fixed[i].kind, dir.id };
			return attr_now(fs, node, attr, false, err);
		}
	}
	return -ENOENT;
}
