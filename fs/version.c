#include "version.h"

#include <errno.h>

#include "fs.h"

static uint64_t owner_of(enum node_kind_id kind, int64_t row)
{
	return node_ino((struct node){ kind, row << SNAPSHOT_BITS });
}

int64_t version_row(struct node node)
{
	return node.id >> SNAPSHOT_BITS;
}

int version_node(enum node_kind_id kind, int64_t row, int64_t version, struct node *node, pf_err *err)
{
	if (row < 0 || row >> SNAPSHOT_BITS)
		return pf_fail(err, EOVERFLOW, "there are too many of these to number");
	node_from_ino(snapshot_number(owner_of(kind, row), version), node);
	return 0;
}

bool version_is(struct node node, int64_t version)
{
	return node_ino(node) == snapshot_number(owner_of(node.kind, version_row(node)), version);
}

void version_keep(struct pf_fs *fs, struct node node, int64_t mtime, pf_text *content)
{
	snapshots_keep(fs->snapshots, node_ino(node), mtime, content);
}

static int stale(pf_err *err)
{
	return pf_fail(err, ESTALE, "this version of the document is gone: open it again");
}

/* As the store remembers it, from before what another process has committed since the last tick. */
static int remembered(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_text *out, pf_err *err)
{
	const struct node_kind *kind = &node_kinds[node.kind];
	struct node then = { node.kind, version_row(node) };
	int result = -ESTALE;

	fs_lengthy(fs); /* the writer may be looking back */
	if (pf_store_look_back(fs->store)) {
		if (kind->now(fs, &then, attr, true, NULL) == 0 && node_ino(then) == node_ino(node))
			result = out ? kind->render(fs, node, out, err) : 0;
		pf_store_look_ahead(fs->store);
	}
	return result == -ESTALE ? stale(err) : result;
}

int version_kept_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	struct snapshot snapshot;

	if (!snapshots_use(fs->snapshots, node_ino(node), &snapshot))
		return remembered(fs, node, attr, NULL, err);
	node_attr_fill(node, (int64_t)snapshot.size, snapshot.mtime, 0, attr);
	snapshots_done(fs->snapshots, &snapshot);
	return 0;
}

int version_kept_render(struct pf_fs *fs, struct node node, pf_text *out, pf_err *err)
{
	struct node_attr attr;
	struct snapshot snapshot;
	int result = 0;

	if (!snapshots_use(fs->snapshots, node_ino(node), &snapshot))
		return remembered(fs, node, &attr, out, err);
	if (snapshot.bytes)
		pf_text_add(out, snapshot.bytes, snapshot.size);
	else
		result = stale(err);
	snapshots_done(fs->snapshots, &snapshot);
	return result;
}

int64_t pattern_version(int64_t size)
{
	return size;
}

int64_t component_version(enum node_kind_id kind, int64_t mtime, int64_t source_mtime)
{
	return kind == NODE_COMPONENT_JSON ? mtime : source_mtime;
}
