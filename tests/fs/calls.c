#include "calls.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "incoming.h"

struct pf_fs *calls_mount(const char *path, pf_err *err)
{
	pf_store_options options = { .sync = PF_SYNC_NORMAL };
	pf_store *store = pf_store_open(path, &options, err);
	struct pf_fs *fs = store ? fs_new(store, &options.limits, false, err) : NULL;

	if (fs && fs_start(fs, NULL, NULL, err) < 0) {
		fs_free(fs);
		return NULL;
	}
	return fs;
}

void calls_unmount(struct pf_fs *fs)
{
	fs_free(fs);
}

/* ---- What is queued is waited for ---- */

struct waiting {
	pthread_mutex_t lock;
	pthread_cond_t came;
	bool answered;
	int result;
	pf_file made;
	pf_err *err;
};

static void answer(struct change *change, int result)
{
	struct waiting *waiting = change->request;

	pthread_mutex_lock(&waiting->lock);
	waiting->made = change->made;
	waiting->result = result;
	if (result < 0 && change->err.code)
		pf_fail(waiting->err, change->err.code, "%s", change->err.why);
	waiting->answered = true;
	pthread_cond_signal(&waiting->came);
	pthread_mutex_unlock(&waiting->lock);
	change_free(change);
}

static struct change *start(struct waiting *waiting, pf_err *err)
{
	struct change *change = change_new();

	*waiting = (struct waiting){ .err = err };
	if (!change) {
		pf_fail(err, ENOMEM, "no memory for this change");
		return NULL;
	}
	pthread_mutex_init(&waiting->lock, NULL);
	pthread_cond_init(&waiting->came, NULL);
	change->request = waiting;
	change->answer = answer;
	change->asker = gettid();
	return change;
}

/* RESULT is what a row's write side returned. */
static int finish(struct pf_fs *fs, struct waiting *waiting, struct change *change, int result)
{
	if (result == 1)
		writer_submit(fs->writer, change);
	else if (result <= 0)
		answer(change, result);
	pthread_mutex_lock(&waiting->lock);
	while (!waiting->answered)
		pthread_cond_wait(&waiting->came, &waiting->lock);
	pthread_mutex_unlock(&waiting->lock);
	pthread_mutex_destroy(&waiting->lock);
	pthread_cond_destroy(&waiting->came);
	return waiting->result;
}

/* ---- Calls ---- */

int call_lookup(struct pf_fs *fs, struct node dir, const char *name, struct node *node, struct node_attr *attr,
		pf_err *err)
{
	pf_err why = { 0 };
	int result = node_lookup(fs, dir, name, node, attr, &why);
	struct waiting waiting;
	struct change *change;

	if (result != -EAGAIN)
		return result < 0 ? pf_fail(err, -result, "%s", why.why) : result;
	change = start(&waiting, err);
	if (!change)
		return -ENOMEM;
	file_make_implicit(dir, name, change);
	result = finish(fs, &waiting, change, 1);
	if (result < 0)
		return result;
	*node = (struct node){ NODE_FILE, waiting.made.id };
	file_attr_fill(&waiting.made, attr);
	return 0;
}

void call_forget(struct pf_fs *fs, struct node node, uint64_t lookups)
{
	struct waiting waiting;
	struct change *change;

	node_forget(fs, node, lookups);
	if (node.kind != NODE_FILE || !drafts_forget(fs->drafts, node.id))
		return;
	change = start(&waiting, NULL);
	if (!change)
		return;
	change->op = CHANGE_FORGET;
	change->id = node.id;
	finish(fs, &waiting, change, 1);
}

int call_getattr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	return node_attr(fs, node, attr, err);
}

int call_read(struct pf_fs *fs, struct node node, int64_t offset, size_t size, pf_text *out, pf_err *err)
{
	int result = node_read(fs, node, offset, size, out, err);

	return result == 0 && out->failed ? pf_fail(err, ENOMEM, "no memory for what is read") : result;
}

struct lister {
	struct node_listing base;
	int (*each)(void *arg, const char *name, struct node node, const struct node_attr *attr);
	void *arg;
	int left;
	int64_t cookie;
	bool stopped;
};

static int emit(struct node_listing *base, const char *name, struct node node, const struct node_attr *attr,
		int64_t cookie)
{
	struct lister *lister = (struct lister *)base;

	if (lister->left-- <= 0) {
		base->full = true;
		return 1;
	}
	lister->cookie = cookie;
	lister->stopped = lister->each(lister->arg, name, node, attr) != 0;
	base->full = lister->stopped;
	return base->full;
}

int call_list(struct pf_fs *fs, struct node dir, int at_once,
	      int (*each)(void *arg, const char *name, struct node node, const struct node_attr *attr), void *arg,
	      pf_err *err)
{
	struct lister lister = { { emit, false }, each, arg, 0, 0, false };
	int result;

	do {
		lister.base.full = false;
		lister.left = at_once;
		result = node_list(fs, dir, lister.cookie, &lister.base, err);
	} while (result == 0 && lister.base.full && !lister.stopped);
	return result;
}

int call_make(struct pf_fs *fs, struct node dir, const char *name, mode_t mode, struct node *node, pf_err *err)
{
	struct waiting waiting;
	struct change *change;
	int result;

	if (!node_kinds[dir.kind].make)
		return pf_fail(err, EROFS, "nothing can be made here");
	if (strlen(name) > NAME_MAX)
		return pf_fail(err, ENAMETOOLONG, "the name is too long");
	change = start(&waiting, err);
	if (!change)
		return -ENOMEM;
	result = finish(fs, &waiting, change, node_kinds[dir.kind].make(fs, dir, name, mode, change, err));
	*node = (struct node){ NODE_FILE, waiting.made.id };
	return result;
}

int call_write(struct pf_fs *fs, struct node node, const char *bytes, size_t len, int64_t offset, pf_err *err)
{
	struct waiting waiting;
	struct change *change;

	if (!node_kinds[node.kind].write)
		return pf_fail(err, EROFS, "nothing can be written here");
	change = start(&waiting, err);
	if (!change)
		return -ENOMEM;
	return finish(fs, &waiting, change, node_kinds[node.kind].write(fs, node, bytes, len, offset, change, err));
}

int call_setattr(struct pf_fs *fs, struct node node, int64_t size, bool by_descriptor, unsigned mask,
		 const pf_file *values, pf_err *err)
{
	const struct node_kind *kind = &node_kinds[node.kind];
	struct waiting waiting;
	struct change *change;
	int result = 0;

	if (!kind->setattr)
		return pf_fail(err, EROFS, "nothing can be changed here");
	change = start(&waiting, err);
	if (!change)
		return -ENOMEM;
	if (size >= 0)
		result = kind->truncate(fs, node, size, by_descriptor, err);
	if (result == 0 && mask)
		result = kind->setattr(fs, node, mask, values, change, err);
	return finish(fs, &waiting, change, result);
}

static int settle(struct pf_fs *fs, struct node node,
		  int (*side)(struct pf_fs *, struct node, struct change *, pf_err *), pf_err *err)
{
	struct waiting waiting;
	struct change *change = side ? start(&waiting, err) : NULL;

	if (!side)
		return 0;
	return change ? finish(fs, &waiting, change, side(fs, node, change, err)) : -ENOMEM;
}

int call_flush(struct pf_fs *fs, struct node node, pf_err *err)
{
	pf_err why = { 0 };
	int result = settle(fs, node, node_kinds[node.kind].flush, &why);

	return result < 0 ? pf_fail(err, -result, "%s", why.why) : result;
}

int call_fsync(struct pf_fs *fs, struct node node, pf_err *err)
{
	pf_err why = { 0 };
	int result = settle(fs, node, node_kinds[node.kind].fsync, &why);

	return result < 0 ? pf_fail(err, -result, "%s", why.why) : result;
}

int call_remove(struct pf_fs *fs, struct node dir, const char *name, bool directory, pf_err *err)
{
	struct waiting waiting;
	struct change *change;

	if (!node_kinds[dir.kind].remove)
		return pf_fail(err, EROFS, "nothing can be removed here");
	if (strlen(name) > NAME_MAX)
		return pf_fail(err, ENAMETOOLONG, "the name is too long");
	change = start(&waiting, err);
	if (!change)
		return -ENOMEM;
	return finish(fs, &waiting, change, node_kinds[dir.kind].remove(fs, dir, name, directory, change, err));
}

int call_rename(struct pf_fs *fs, struct node dir, const char *name, struct node new_dir, const char *new_name,
		unsigned flags, pf_err *err)
{
	struct waiting waiting;
	struct change *change;

	if (!node_kinds[dir.kind].rename)
		return pf_fail(err, EROFS, "nothing can be renamed here");
	if (strlen(name) > NAME_MAX || strlen(new_name) > NAME_MAX)
		return pf_fail(err, ENAMETOOLONG, "the name is too long");
	change = start(&waiting, err);
	if (!change)
		return -ENOMEM;
	return finish(fs, &waiting, change,
		      node_kinds[dir.kind].rename(fs, dir, name, new_dir, new_name, flags, change, err));
}

/* ---- What programs make of them ---- */

int call_walk(struct pf_fs *fs, const char *path, struct node *node, struct node_attr *attr, pf_err *err)
{
	int result = call_getattr(fs, NODE_ROOT_ID, attr, err);

	*node = NODE_ROOT_ID;
	while (result == 0 && *path) {
		size_t len = strcspn(path, "/");
		struct node dir = *node;
		char name[NAME_MAX + 1];

		snprintf(name, sizeof name, "%.*s", (int)len, path);
		result = call_lookup(fs, dir, name, node, attr, err);
		call_forget(fs, dir, 1);
		path += len + (path[len] == '/');
	}
	return result;
}

int call_parent(struct pf_fs *fs, const char *path, struct node *dir, const char **name, pf_err *err)
{
	const char *slash = strrchr(path, '/');
	char above[4096];
	struct node_attr attr;

	snprintf(above, sizeof above, "%.*s", (int)(slash ? slash - path : 0), path);
	*name = slash ? slash + 1 : path;
	return call_walk(fs, above, dir, &attr, err);
}

int call_cat(struct pf_fs *fs, const char *path, pf_text *out, pf_err *err)
{
	struct node node;
	struct node_attr attr;
	int result = call_walk(fs, path, &node, &attr, err);

	if (result < 0)
		return result;
	result = call_read(fs, node, 0, SIZE_MAX / 4, out, err);
	call_forget(fs, node, 1);
	return result;
}

int call_create(struct pf_fs *fs, const char *path, mode_t mode, struct node *node, pf_err *err)
{
	struct node dir;
	struct node_attr attr;
	pf_err missing = { 0 };
	const char *name;
	int result = call_parent(fs, path, &dir, &name, err);

	if (result < 0)
		return result;
	result = call_lookup(fs, dir, name, node, &attr, &missing);
	if (result == -ENOENT)
		result = call_make(fs, dir, name, S_IFREG | mode, node, err);
	else if (result < 0)
		pf_fail(err, -result, "%s", missing.why);
	call_forget(fs, dir, 1);
	return result;
}

int call_echo(struct pf_fs *fs, const char *path, const char *text, pf_err *err)
{
	struct node node;
	int result = call_create(fs, path, 0644, &node, err), closed;

	if (result == 0)
		result = call_setattr(fs, node, 0, false, 0, NULL, err);
	if (result == 0)
		result = call_write(fs, node, text, strlen(text), 0, err);
	if (result < 0)
		return result;
	closed = call_flush(fs, node, err);
	call_forget(fs, node, 1);
	return closed;
}
