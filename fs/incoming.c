#include "incoming.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs.h"

void file_attr_fill(const pf_file *file, struct node_attr *attr)
{
	const struct node_kind *kind = &node_kinds[NODE_FILE];

	*attr = (struct node_attr){
		.mode = file->mode,
		.uid = file->uid,
		.gid = file->gid,
		.size = file->size,
		.atime = file->atime,
		.mtime = file->mtime,
		.ctime = file->ctime,
		.nlink = S_ISDIR(file->mode) ? (uint32_t)(2 + file->subdirectories)
			 : file->orphan	     ? 0
					     : 1,
		.entry_ms = kind->entry_ms,
		.attr_ms = kind->attr_ms,
	};
}

/* The same, with what is being written. */
static void fill_with_draft(struct pf_fs *fs, const pf_file *file, struct node_attr *attr)
{
	file_attr_fill(file, attr);
	if (S_ISREG(file->mode))
		drafts_stat(fs->drafts, file->id, &attr->size, &attr->mtime, &attr->ctime);
}

int file_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	pf_file file;
	int result = pf_store_file_stat(fs->store, node.id, &file, err);

	if (result < 0)
		return result;
	fill_with_draft(fs, &file, attr);
	return 0;
}

int file_lookup(struct pf_fs *fs, struct node dir, const char *name, struct node *node, struct node_attr *attr,
		pf_err *err)
{
	pf_file file;
	pf_note note;
	bool implicit = false;
	int result;

	if (pf_note_name(name)) {
		result = pf_store_note_find(fs->store, dir.id, name, &note, err);
		if (result < 0)
			return result;
		*node = (struct node){ NODE_NOTE, note.id };
		node_attr_fill(*node, note.size, note.mtime, 0, attr);
		return 0;
	}
	result = pf_store_file_find(fs->store, dir.id, name, &file, &implicit, err);
	if (result < 0)
		return implicit && !fs->read_only ? -EAGAIN : result;
	*node = (struct node){ NODE_FILE, file.id };
	fill_with_draft(fs, &file, attr);
	return 0;
}

struct lister {
	struct pf_fs *fs;
	struct node_listing *listing;
};

static int emit_file(void *arg, const pf_file *file)
{
	struct lister *lister = arg;
	struct node_attr attr;

	fill_with_draft(lister->fs, file, &attr);
	return lister->listing->emit(lister->listing, file->name, (struct node){ NODE_FILE, file->id }, &attr,
				     COOKIE_ROWS + file->id);
}

static int emit_note(void *arg, const pf_note *note)
{
	struct lister *lister = arg;
	struct node node = { NODE_NOTE, note->id };
	struct node_attr attr;

	node_attr_fill(node, note->size, note->mtime, 0, &attr);
	return lister->listing->emit(lister->listing, note->name, node, &attr, COOKIE_NOTES + note->id);
}

int file_list(struct pf_fs *fs, struct node dir, int64_t cookie, struct node_listing *listing, pf_err *err)
{
	struct lister lister = { fs, listing };
	int result;

	if (cookie < COOKIE_NOTES) {
		int64_t after = cookie > COOKIE_ROWS ? cookie - COOKIE_ROWS : 0;

		result = pf_store_file_list(fs->store, dir.id, after, emit_file, &lister, err);
		if (result < 0 || listing->full)
			return result;
		cookie = COOKIE_NOTES;
	}
	return pf_store_note_list(fs->store, dir.id, cookie - COOKIE_NOTES, emit_note, &lister, err);
}

int file_read(struct pf_fs *fs, struct node node, int64_t offset, size_t size, pf_text *out, pf_err *err)
{
	pf_text content = { 0 };
	int result;

	if (drafts_read(fs->drafts, node.id, offset, size, out))
		return 0;
	result = pf_store_file_content(fs->store, node.id, &content, err);
	if (result == 0 && (uint64_t)offset < content.len) {
		size_t left = content.len - (size_t)offset;

		pf_text_add(out, content.bytes + offset, size < left ? size : left);
	}
	pf_text_free(&content);
	return result;
}

int file_write(struct pf_fs *fs, struct node node, const char *bytes, size_t len, int64_t offset, struct change *change,
	       pf_err *err)
{
	return drafts_write(fs->drafts, node.id, bytes, len, offset, change->asker, err);
}

int file_truncate(struct pf_fs *fs, struct node node, int64_t size, bool by_descriptor, pf_err *err)
{
	return drafts_truncate(fs->drafts, node.id, size, by_descriptor, err);
}

int file_setattr(struct pf_fs *fs, struct node node, unsigned mask, const pf_file *values, struct change *change,
		 pf_err *err)
{
	(void)err;
	if (mask & PF_SET_MTIME)
		drafts_set_mtime(fs->drafts, node.id, values->mtime);
	change->op = CHANGE_SETATTR;
	change->id = node.id;
	change->mask = mask;
	change->values = *values;
	return 1;
}

/* Moves a draft's copy into CHANGE. */
static void take_copy(struct change *change, int64_t file, struct draft_copy *copy)
{
	change->id = file;
	change->content = copy->content;
	change->len = copy->len;
	change->mtime = copy->mtime;
	change->version = copy->version;
	change->writer = copy->writer;
}

/* The parse happens here, on the serving thread; the writer only stores what came of it. */
static void judge(struct pf_fs *fs, struct change *change)
{
	pf_err err = { 0 };
	pf_extractor *extractor = writer_borrow_extractor(fs->writer, &err);

	fs_lengthy(fs);
	if (!extractor)
		return; /* the writer will do it, or say why not */
	change->judgement = pf_store_judge(fs->store, extractor, change->id, change->content, change->len);
	writer_return_extractor(fs->writer, extractor);
}

/* A write was refused for its size: what is there is not whole, and is not judged. */
static void refuse_size(struct pf_fs *fs, struct change *change)
{
	pf_file file = { 0 };
	pf_err cause = { 0 };

	pf_store_file_stat(fs->store, change->id, &file, NULL);
	drafts_refuse_size(fs->drafts, &cause);
	change->op = CHANGE_REFUSE;
	change->code = cause.code;
	snprintf(change->why, sizeof change->why, "%.255s: error: %.400s", file.name, cause.why);
}

int file_flush(struct pf_fs *fs, struct node node, struct change *change, pf_err *err)
{
	struct draft_copy copy = { 0 };

	if (!drafts_take(fs->drafts, node.id, true, &copy, err)) {
		if (err->code)
			return -err->code;
		change->op = CHANGE_AWAIT;
		if (drafts_wait(fs->drafts, node.id, change))
			return 2;
		return drafts_untold(fs->drafts, node.id, change->asker, err) ? -err->code : 0;
	}
	take_copy(change, node.id, &copy);
	change->asker_ino = node_ino(node);
	change->op = CHANGE_WRITE;
	if (copy.too_large) {
		refuse_size(fs, change);
	} else if (copy.judge) {
		change->op = CHANGE_CLOSE;
		judge(fs, change);
	}
	return 1;
}

int file_fsync(struct pf_fs *fs, struct node node, struct change *change, pf_err *err)
{
	struct draft_copy copy = { 0 };

	if (!drafts_take(fs->drafts, node.id, false, &copy, err))
		return err->code ? -err->code : 0;
	take_copy(change, node.id, &copy);
	change->op = CHANGE_WRITE;
	return 1;
}

static void set_name(char *to, const char *name)
{
	/* Longer names are refused before this (ENAMETOOLONG). */
	snprintf(to, NAME_MAX + 1, "%s", name);
}

int file_make(struct pf_fs *fs, struct node dir, const char *name, mode_t mode, struct change *change, pf_err *err)
{
	(void)fs;
	if (!S_ISREG(mode) && !S_ISDIR(mode))
		return pf_fail(err, EPERM, "incoming/ takes files and directories only");
	change->op = S_ISDIR(mode) ? CHANGE_MKDIR : CHANGE_MKFILE;
	change->parent = dir.id;
	change->mode = mode & 07777;
	change->holds_directory = true;
	set_name(change->name, name);
	return 1;
}

void file_make_implicit(struct node dir, const char *name, struct change *change)
{
	change->op = CHANGE_MKDIR;
	change->parent = dir.id;
	change->mode = 0755;
	change->implicit = true;
	change->holds_directory = true;
	set_name(change->name, name);
}

int file_remove(struct pf_fs *fs, struct node dir, const char *name, bool directory, struct change *change, pf_err *err)
{
	(void)fs;
	(void)err;
	change->op = directory ? CHANGE_RMDIR : CHANGE_UNLINK;
	change->parent = dir.id;
	change->holds_directory = true;
	set_name(change->name, name);
	return 1;
}

int file_rename(struct pf_fs *fs, struct node dir, const char *name, struct node new_dir, const char *new_name,
		unsigned flags, struct change *change, pf_err *err)
{
	struct draft_copy copy = { 0 };
	pf_err missing = { 0 };
	bool implicit;
	pf_file file;
	int result;

	if (new_dir.kind != NODE_FILE)
		return pf_fail(err, EROFS, "files can be moved within incoming/ only");
	change->op = CHANGE_RENAME;
	change->parent = dir.id;
	change->new_parent = new_dir.id;
	change->flags = flags;
	change->holds_directory = true;
	set_name(change->name, name);
	set_name(change->new_name, new_name);
	/* What is judged under the new name is what was written, closed or not. */
	result = pf_store_file_find(fs->store, dir.id, name, &file, &implicit, &missing);
	if (result == -ENOMEM)
		return pf_fail(err, ENOMEM, "%s", missing.why);
	if (result == 0 && drafts_take(fs->drafts, file.id, false, &copy, err))
		take_copy(change, file.id, &copy);
	return err->code ? -err->code : 1;
}

int note_attr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err)
{
	pf_note note;
	int result = pf_store_note_stat(fs->store, node.id, &note, err);

	if (result < 0)
		return result;
	node_attr_fill(node, note.size, note.mtime, 0, attr);
	return 0;
}

int note_render(struct pf_fs *fs, struct node node, pf_text *out, pf_err *err)
{
	return pf_store_note_text(fs->store, node.id, out, err);
}
