/*
 * Handlers decode, call, and reply. What a request means is the node's row's
 * business (node.c); what changes is queued for the writer (change.c), whose
 * answer comes from another thread.
 *
 * No open. A request a file is what a file system in user space pays for, so
 * open and opendir are answered ENOSYS once, where the kernel understands that
 * it need not ask again: it then keeps pages and listings cached, and sends
 * neither open nor release. Hence there are no file handles, and content that is
 * being written belongs to the inode (draft.h). Creation is mknod, for the same
 * reason. O_TRUNC must come as a truncation, not hidden in an open that is never
 * sent: FUSE_CAP_ATOMIC_O_TRUNC is cleared. And pages are given to the kernel
 * before they are asked for (readahead.h). What is left is a flush for each
 * close, by which a submission can be refused; where nothing can be written it
 * is answered ENOSYS likewise, and who reads what the kernel has asks nothing.
 *
 * Permissions are the kernel's to check (default_permissions), except that root
 * may open anything for writing: what has no write side answers EROFS.
 */
#include "ll.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "incoming.h"
#include "log.h"
#include "readahead.h"

static struct ll *ll_of(fuse_req_t request)
{
	return fuse_req_userdata(request);
}

static void count(fuse_req_t request, enum request_kind kind)
{
	counters_add(&ll_of(request)->counters, kind);
}

/* ---- Attributes ---- */

static struct timespec timespec_of(int64_t ns)
{
	struct timespec t = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	if (t.tv_nsec < 0) {
		t.tv_nsec += 1000000000;
		t.tv_sec--;
	}
	return t;
}

static int64_t ns_of(struct timespec t)
{
	int64_t seconds = t.tv_sec;

	/* Beyond the years 1678 to 2262 nanoseconds do not fit: the nearest that do. */
	if (seconds > INT64_MAX / 1000000000 - 1)
		return INT64_MAX;
	if (seconds < INT64_MIN / 1000000000 + 1)
		return INT64_MIN;
	return seconds * 1000000000 + t.tv_nsec;
}

static struct stat stat_of(const struct ll *ll, struct node node, const struct node_attr *attr)
{
	mode_t hidden = S_ISLNK(attr->mode) ? 0 : ll->umask;

	return (struct stat){
		.st_ino = node_ino(node),
		.st_mode = attr->mode & ~hidden,
		.st_nlink = attr->nlink,
		.st_uid = ll->one_uid || attr->uid < 0 ? ll->uid : (uid_t)attr->uid,
		.st_gid = ll->one_gid || attr->gid < 0 ? ll->gid : (gid_t)attr->gid,
		.st_size = attr->size,
		.st_blksize = 4096,
		.st_blocks = attr->size / 512 + (attr->size % 512 > 0),
		.st_atim = timespec_of(attr->atime),
		.st_mtim = timespec_of(attr->mtime),
		.st_ctim = timespec_of(attr->ctime),
	};
}

/* What the kernel is given of NODE. */
static struct fuse_entry_param entry_of(const struct ll *ll, struct node node, const struct node_attr *attr)
{
	given_add(ll->given, node_ino(node));
	return (struct fuse_entry_param){
		.ino = node_ino(node),
		.attr = stat_of(ll, node, attr),
		.attr_timeout = attr->attr_ms / 1000.0,
		.entry_timeout = attr->entry_ms / 1000.0,
	};
}

/* ---- Replies ---- */

static void reply_err(fuse_req_t request, int result)
{
	fuse_reply_err(request, result < 0 ? -result : 0);
}

static void reply_attr(fuse_req_t request, struct node node, const struct node_attr *attr)
{
	struct stat st = stat_of(ll_of(request), node, attr);

	fuse_reply_attr(request, &st, attr->attr_ms / 1000.0);
}

/* Says why REQUEST fails, where that is not of the asker's making. */
static void reply_fault(fuse_req_t request, int result, const char *what, const pf_err *err)
{
	if (result < 0 && result != -ENOENT && result != -ESTALE)
		pf_log(PF_LOG_ERROR, "cannot %s: %s", what, err->code ? err->why : strerror(-result));
	reply_err(request, result);
}

/* Decodes INO; replies ENOENT and returns false where it is none of ours. */
static bool decode(fuse_req_t request, fuse_ino_t ino, struct node *node)
{
	if (node_from_ino(ino, node))
		return true;
	fuse_reply_err(request, ENOENT);
	return false;
}

static void answer_err(struct change *change, int result)
{
	reply_err(change->request, result);
	change_free(change);
}

static void answer_written(struct change *change, int result)
{
	if (result < 0)
		reply_err(change->request, result);
	else
		fuse_reply_write(change->request, change->written);
	change_free(change);
}

static void answer_made(struct change *change, int result)
{
	fuse_req_t request = change->request;

	if (result < 0) {
		reply_err(request, result);
	} else {
		struct node node = { NODE_FILE, change->made.id };
		struct node_attr attr;
		struct fuse_entry_param entry;

		file_attr_fill(&change->made, &attr);
		entry = entry_of(ll_of(request), node, &attr);
		fuse_reply_entry(request, &entry);
	}
	change_free(change);
}

static void answer_attr(struct change *change, int result)
{
	fuse_req_t request = change->request;
	struct node node;
	struct node_attr attr;
	pf_err err = { 0 };

	if (result < 0) {
		reply_err(request, result);
	} else {
		if (node_from_ino(change->asker_ino, &node))
			result = node_attr(ll_of(request)->fs, node, &attr, &err);
		if (result < 0)
			reply_fault(request, result, "look", &err);
		else
			reply_attr(request, node, &attr);
	}
	change_free(change);
}

/* A change for REQUEST; replies ENOMEM where there is none. */
static struct change *start_change(fuse_req_t request, void (*answer)(struct change *, int))
{
	struct change *change = change_new();

	if (!change) {
		fuse_reply_err(request, ENOMEM);
		return NULL;
	}
	change->request = request;
	change->answer = answer;
	change->asker = fuse_req_ctx(request)->pid;
	return change;
}

/* The same where the node has that write side and the mount is writable; otherwise it replies EROFS. */
static struct change *start_write(fuse_req_t request, bool has_side, void (*answer)(struct change *, int))
{
	if (has_side && !ll_of(request)->fs->read_only)
		return start_change(request, answer);
	fuse_reply_err(request, EROFS);
	return NULL;
}

/* What a row's write side returned: queue, or answer at once. */
static void finish(struct change *change, int result, const pf_err *err)
{
	if (result > 1)
		return; /* it may be gone by now */
	if (result > 0) {
		writer_carry_out(ll_of(change->request)->fs->writer, change);
		return;
	}
	if (result < 0 && err->code)
		pf_log(PF_LOG_DEBUG, "refused: %s", err->why);
	change->answer(change, result);
}

/* ---- Looking ---- */

static void ll_init(void *userdata, struct fuse_conn_info *conn)
{
	struct ll *ll = userdata;

	conn->want &= ~(unsigned)(FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_SPLICE_READ |
				  FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
	conn->want |= conn->capable & (FUSE_CAP_READDIRPLUS | FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_AUTO_INVAL_DATA |
				       FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_ASYNC_READ);
	conn->time_gran = 1;
	ll->no_open = conn->capable & FUSE_CAP_NO_OPEN_SUPPORT;
	ll->no_opendir = conn->capable & FUSE_CAP_NO_OPENDIR_SUPPORT;
	if (ll->ready)
		ll->ready();
}

static void ll_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	struct ll *ll = ll_of(request);
	struct fuse_entry_param entry;
	struct node dir, node;
	struct node_attr attr;
	struct change *change;
	pf_err err = { 0 };
	int result;

	count(request, REQUEST_LOOKUP);
	if (!decode(request, parent, &dir))
		return;
	result = node_lookup(ll->fs, dir, name, &node, &attr, &err);
	if (result == -EAGAIN) {
		change = start_change(request, answer_made);
		if (change) {
			file_make_implicit(dir, name, change);
			finish(change, 1, NULL);
		}
	} else if (result == 0) {
		entry = entry_of(ll, node, &attr);
		if (fuse_reply_entry(request, &entry) < 0)
			node_forget(ll->fs, node, 1); /* nobody heard of it */
	} else if (result == -ENOENT && attr.entry_ms) {
		entry = (struct fuse_entry_param){ .entry_timeout = attr.entry_ms / 1000.0 };
		fuse_reply_entry(request, &entry);
	} else {
		if (result != -ENOENT && err.code)
			pf_log(PF_LOG_NOTICE, "refused: %s", err.why);
		reply_err(request, result);
	}
}

static void ll_getattr(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node node;
	struct node_attr attr;
	pf_err err = { 0 };
	int result;

	(void)fi;
	count(request, REQUEST_GETATTR);
	if (!decode(request, ino, &node))
		return;
	result = node_attr(ll_of(request)->fs, node, &attr, &err);
	if (result < 0)
		reply_fault(request, result, "look", &err);
	else
		reply_attr(request, node, &attr);
}

static void ll_readlink(fuse_req_t request, fuse_ino_t ino)
{
	pf_text text = { 0 };
	pf_err err = { 0 };
	struct node node;
	int result;

	count(request, REQUEST_READLINK);
	if (!decode(request, ino, &node))
		return;
	result = node_read(ll_of(request)->fs, node, 0, SIZE_MAX, &text, &err);
	pf_text_add(&text, "", 0);
	if (result < 0 || text.failed)
		reply_fault(request, result < 0 ? result : -ENOMEM, "read a link", &err);
	else
		fuse_reply_readlink(request, text.bytes);
	pf_text_free(&text);
}

static void ll_open(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	count(request, REQUEST_OPEN);
	if (ll_of(request)->no_open) {
		fuse_reply_err(request, ENOSYS);
		return;
	}
	fi->keep_cache = 1;
	fuse_reply_open(request, fi);
}

static void ll_opendir(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	count(request, REQUEST_OPENDIR);
	if (ll_of(request)->no_opendir) {
		fuse_reply_err(request, ENOSYS);
		return;
	}
	fi->keep_cache = 1;
	fi->cache_readdir = 1;
	fuse_reply_open(request, fi);
}

static void ll_read(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct ll *ll = ll_of(request);
	pf_text text = { 0 };
	pf_err err = { 0 };
	struct node node;
	int result;

	(void)fi;
	count(request, REQUEST_READ);
	if (!decode(request, ino, &node))
		return;
	result = node_read(ll->fs, node, offset, size, &text, &err);
	if (result < 0 || text.failed)
		reply_fault(request, result < 0 ? result : -ENOMEM, "read", &err);
	else
		fuse_reply_buf(request, text.bytes, text.len);
	readahead_asked(ll->fs->readahead, node, fs_monotonic());
	pf_text_free(&text);
}

/* ---- Listing ---- */

struct ll_listing {
	struct node_listing base; /* first: what the nodes see */
	fuse_req_t request;
	struct node dir;
	char *buffer;
	size_t len, room;
	bool plus;
};

static int add_entry(struct ll_listing *listing, const char *name, const struct fuse_entry_param *entry, off_t cookie)
{
	char *at = listing->buffer + listing->len;
	size_t left = listing->room - listing->len;
	size_t need = listing->plus ? fuse_add_direntry_plus(listing->request, at, left, name, entry, cookie)
				    : fuse_add_direntry(listing->request, at, left, name, &entry->attr, cookie);

	if (need > left) {
		listing->base.full = true;
		return 1;
	}
	listing->len += need;
	return 0;
}

/* The kernel's cookies are two higher than the nodes': `.` and `..` come first. */
enum { DOTS = 2 };

static int emit(struct node_listing *base, const char *name, struct node node, const struct node_attr *attr,
		int64_t cookie)
{
	struct ll_listing *listing = (struct ll_listing *)base;
	/* Inode 0: the kernel takes the name alone, and looks it up when somebody asks for more. */
	struct fuse_entry_param entry = { .attr = { .st_ino = node_ino(node), .st_mode = node_kinds[node.kind].mode } };

	if (attr)
		entry = entry_of(ll_of(listing->request), node, attr);
	return add_entry(listing, name, &entry, cookie + DOTS);
}

static int list_dots(struct ll_listing *listing, off_t cookie)
{
	static const char *const dots[DOTS] = { ".", ".." };

	for (off_t i = cookie; i < DOTS; i++) {
		/* Inode 0: the kernel does not count these as looked up. */
		struct fuse_entry_param entry = { .attr = { .st_ino = node_ino(listing->dir), .st_mode = S_IFDIR } };

		if (add_entry(listing, dots[i], &entry, i + 1))
			return 1;
	}
	return 0;
}

static void list(fuse_req_t request, fuse_ino_t ino, size_t size, off_t cookie, bool plus)
{
	struct ll_listing listing = { { emit, false }, request, { 0 }, NULL, 0, size, plus };
	pf_err err = { 0 };
	int result = 0;

	if (!decode(request, ino, &listing.dir))
		return;
	listing.buffer = malloc(size ? size : 1);
	if (!listing.buffer || cookie < 0) {
		free(listing.buffer);
		fuse_reply_err(request, cookie < 0 ? EINVAL : ENOMEM);
		return;
	}
	if (!list_dots(&listing, cookie))
		result = node_list(ll_of(request)->fs, listing.dir, cookie > DOTS ? cookie - DOTS : 0, &listing.base,
				   &err);
	if (result < 0)
		reply_fault(request, result, "list", &err);
	else
		fuse_reply_buf(request, listing.buffer, listing.len);
	free(listing.buffer);
}

static void ll_readdir(fuse_req_t request, fuse_ino_t ino, size_t size, off_t cookie, struct fuse_file_info *fi)
{
	(void)fi;
	count(request, REQUEST_READDIR);
	list(request, ino, size, cookie, false);
}

static void ll_readdirplus(fuse_req_t request, fuse_ino_t ino, size_t size, off_t cookie, struct fuse_file_info *fi)
{
	(void)fi;
	count(request, REQUEST_READDIRPLUS);
	list(request, ino, size, cookie, true);
}

static void ll_statfs(fuse_req_t request, fuse_ino_t ino)
{
	struct statvfs out;
	pf_err err = { 0 };
	int result;

	(void)ino;
	count(request, REQUEST_STATFS);
	result = pf_store_statvfs(ll_of(request)->fs->store, &out, &err);
	if (result < 0) {
		reply_fault(request, result, "tell the free space", &err);
		return;
	}
	out.f_namemax = NAME_MAX;
	fuse_reply_statfs(request, &out);
}

/* ---- Writing ---- */

static void ll_write(fuse_req_t request, fuse_ino_t ino, const char *bytes, size_t size, off_t offset,
		     struct fuse_file_info *fi)
{
	struct ll *ll = ll_of(request);
	struct change *change;
	pf_err err = { 0 };
	struct node node;

	(void)fi;
	count(request, REQUEST_WRITE);
	if (!decode(request, ino, &node))
		return;
	change = start_write(request, node_kinds[node.kind].write, answer_written);
	if (!change)
		return;
	change->written = size;
	finish(change, node_kinds[node.kind].write(ll->fs, node, bytes, size, offset, change, &err), &err);
}

static unsigned set_mask(const struct stat *st, int to_set, pf_file *values)
{
	unsigned mask = 0;
	int64_t now = fs_now();

	if (to_set & FUSE_SET_ATTR_MODE) {
		mask |= PF_SET_MODE;
		values->mode = st->st_mode & 07777;
	}
	if (to_set & FUSE_SET_ATTR_UID) {
		mask |= PF_SET_UID;
		values->uid = st->st_uid;
	}
	if (to_set & FUSE_SET_ATTR_GID) {
		mask |= PF_SET_GID;
		values->gid = st->st_gid;
	}
	if (to_set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW)) {
		mask |= PF_SET_ATIME;
		values->atime = to_set & FUSE_SET_ATTR_ATIME_NOW ? now : ns_of(st->st_atim);
	}
	if (to_set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW)) {
		mask |= PF_SET_MTIME;
		values->mtime = to_set & FUSE_SET_ATTR_MTIME_NOW ? now : ns_of(st->st_mtim);
	}
	return mask;
}

static void ll_setattr(fuse_req_t request, fuse_ino_t ino, struct stat *st, int to_set, struct fuse_file_info *fi)
{
	struct ll *ll = ll_of(request);
	const struct node_kind *kind;
	pf_file values = { 0 };
	struct change *change;
	pf_err err = { 0 };
	struct node node;
	unsigned mask;
	int result = 0;

	count(request, REQUEST_SETATTR);
	if (!decode(request, ino, &node))
		return;
	kind = &node_kinds[node.kind];
	change = start_write(request, kind->setattr, answer_attr);
	if (!change)
		return;
	change->asker_ino = ino;
	mask = set_mask(st, to_set, &values);
	if (to_set & FUSE_SET_ATTR_SIZE)
		result = kind->truncate(ll->fs, node, st->st_size, fi != NULL, &err);
	if (result == 0 && mask)
		result = kind->setattr(ll->fs, node, mask, &values, change, &err);
	finish(change, result, &err);
}

/* flush and fsync: where nothing is ever pending there is nothing to do. */
static void settle(fuse_req_t request, fuse_ino_t ino, bool at_close)
{
	struct ll *ll = ll_of(request);
	int (*side)(struct pf_fs *, struct node, struct change *, pf_err *);
	struct change *change;
	pf_err err = { 0 };
	struct node node;

	if (!decode(request, ino, &node))
		return;
	side = at_close ? node_kinds[node.kind].flush : node_kinds[node.kind].fsync;
	if (!side || ll->fs->read_only) {
		fuse_reply_err(request, 0);
		return;
	}
	change = start_change(request, answer_err);
	if (change)
		finish(change, side(ll->fs, node, change, &err), &err);
}

static void ll_flush(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)fi;
	count(request, REQUEST_FLUSH);
	if (ll_of(request)->fs->read_only)
		fuse_reply_err(request, ENOSYS);
	else
		settle(request, ino, true);
}

static void ll_fsync(fuse_req_t request, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)datasync;
	(void)fi;
	count(request, REQUEST_FSYNC);
	settle(request, ino, false);
}

static void ll_fsyncdir(fuse_req_t request, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)ino;
	(void)datasync;
	(void)fi;
	count(request, REQUEST_FSYNCDIR);
	fuse_reply_err(request, 0); /* names are durable when their makers are answered */
}

/* What is made belongs to who makes it; who mounts needs no mention. */
static void set_owner(fuse_req_t request, struct change *change)
{
	const struct fuse_ctx *maker = fuse_req_ctx(request);
	const struct ll *ll = ll_of(request);

	if (!ll->one_uid && maker->uid != ll->uid) {
		change->mask |= PF_SET_UID;
		change->values.uid = maker->uid;
	}
	if (!ll->one_gid && maker->gid != ll->gid) {
		change->mask |= PF_SET_GID;
		change->values.gid = maker->gid;
	}
}

static void make(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct ll *ll = ll_of(request);
	struct change *change;
	pf_err err = { 0 };
	struct node dir;
	int result;

	if (!decode(request, parent, &dir))
		return;
	change = start_write(request, node_kinds[dir.kind].make, answer_made);
	if (!change)
		return;
	set_owner(request, change);
	result = strlen(name) > NAME_MAX ? -ENAMETOOLONG
					 : node_kinds[dir.kind].make(ll->fs, dir, name, mode, change, &err);
	finish(change, result, &err);
}

static void ll_mknod(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
	(void)device;
	count(request, REQUEST_MKNOD);
	make(request, parent, name, mode);
}

static void ll_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode)
{
	count(request, REQUEST_MKDIR);
	make(request, parent, name, S_IFDIR | (mode & 07777));
}

static void ll_symlink(fuse_req_t request, const char *target, fuse_ino_t parent, const char *name)
{
	(void)target;
	count(request, REQUEST_SYMLINK);
	make(request, parent, name, S_IFLNK | 0777);
}

static void ll_link(fuse_req_t request, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct node dir;

	(void)ino;
	(void)name;
	count(request, REQUEST_LINK);
	if (decode(request, parent, &dir))
		fuse_reply_err(request, node_kinds[dir.kind].make ? EPERM : EROFS);
}

static void remove_name(fuse_req_t request, fuse_ino_t parent, const char *name, bool directory)
{
	struct ll *ll = ll_of(request);
	struct change *change;
	pf_err err = { 0 };
	struct node dir;
	int result;

	if (!decode(request, parent, &dir))
		return;
	change = start_write(request, node_kinds[dir.kind].remove, answer_err);
	if (!change)
		return;
	result = strlen(name) > NAME_MAX ? -ENAMETOOLONG
					 : node_kinds[dir.kind].remove(ll->fs, dir, name, directory, change, &err);
	finish(change, result, &err);
}

static void ll_unlink(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	count(request, REQUEST_UNLINK);
	remove_name(request, parent, name, false);
}

static void ll_rmdir(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	count(request, REQUEST_RMDIR);
	remove_name(request, parent, name, true);
}

static void ll_rename(fuse_req_t request, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		      const char *new_name, unsigned flags)
{
	struct ll *ll = ll_of(request);
	struct change *change;
	pf_err err = { 0 };
	struct node dir, new_dir;
	int result;

	count(request, REQUEST_RENAME);
	if (!decode(request, parent, &dir) || !decode(request, new_parent, &new_dir))
		return;
	change = start_write(request, node_kinds[dir.kind].rename, answer_err);
	if (!change)
		return;
	if (strlen(name) > NAME_MAX || strlen(new_name) > NAME_MAX)
		result = -ENAMETOOLONG;
	else
		result = node_kinds[dir.kind].rename(ll->fs, dir, name, new_dir, new_name, flags, change, &err);
	finish(change, result, &err);
}

/* An inode number is all there is to most nodes. Others are counted; and unlinked files go. */
static void forget(struct ll *ll, fuse_ino_t ino, uint64_t lookups)
{
	struct change *change;
	struct node node;

	if (!node_from_ino(ino, &node))
		return;
	node_forget(ll->fs, node, lookups);
	if (node.kind != NODE_FILE || !drafts_forget(ll->fs->drafts, node.id))
		return;
	change = change_new();
	if (!change)
		return;
	change->op = CHANGE_FORGET;
	change->id = node.id;
	change->answer = change_answer_nobody;
	writer_submit(ll->fs->writer, change);
}

static void ll_forget(fuse_req_t request, fuse_ino_t ino, uint64_t lookups)
{
	count(request, REQUEST_FORGET);
	forget(ll_of(request), ino, lookups);
	fuse_reply_none(request);
}

static void ll_forget_multi(fuse_req_t request, size_t batch, struct fuse_forget_data *forgets)
{
	count(request, REQUEST_FORGET);
	for (size_t i = 0; i < batch; i++)
		forget(ll_of(request), forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(request);
}

const struct fuse_lowlevel_ops ll_ops = {
	.init = ll_init,
	.lookup = ll_lookup,
	.forget = ll_forget,
	.forget_multi = ll_forget_multi,
	.getattr = ll_getattr,
	.setattr = ll_setattr,
	.readlink = ll_readlink,
	.mknod = ll_mknod,
	.mkdir = ll_mkdir,
	.unlink = ll_unlink,
	.rmdir = ll_rmdir,
	.symlink = ll_symlink,
	.rename = ll_rename,
	.link = ll_link,
	.open = ll_open,
	.read = ll_read,
	.write = ll_write,
	.flush = ll_flush,
	.fsync = ll_fsync,
	.opendir = ll_opendir,
	.readdir = ll_readdir,
	.readdirplus = ll_readdirplus,
	.fsyncdir = ll_fsyncdir,
	.statfs = ll_statfs,
};

/* ---- Notices. ENOENT: the kernel does not know the inode, which is as good. ---- */

static bool knows(void *arg, uint64_t ino)
{
	struct ll *ll = arg;

	return ino == FUSE_ROOT_ID || given_has(ll->given, ino);
}

static void inval_inode(void *arg, uint64_t ino, bool pages)
{
	struct ll *ll = arg;

	fuse_lowlevel_notify_inval_inode(ll->session, ino, pages ? 0 : -1, 0);
}

static void inval_entry(void *arg, uint64_t parent, const char *name)
{
	struct ll *ll = arg;

	fuse_lowlevel_notify_inval_entry(ll->session, parent, name, strlen(name));
}

static int store(void *arg, uint64_t ino, const char *bytes, size_t len)
{
	struct ll *ll = arg;
	struct fuse_bufvec buffer = FUSE_BUFVEC_INIT(len);

	buffer.buf[0].mem = (void *)(uintptr_t)bytes; /* it is only read */
	return fuse_lowlevel_notify_store(ll->session, ino, 0, &buffer, FUSE_BUF_NO_SPLICE);
}

const struct kernel_ops ll_kernel_ops = { knows, inval_inode, inval_entry, store };
