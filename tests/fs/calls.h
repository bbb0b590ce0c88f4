/*
 * A mount without a kernel: what people's programs ask of one, each call
 * answered when it returns, as ll.c would have it answered. Not for calls from
 * several threads about one file: there the kernel's locks are missing.
 *
 * Results: 0 or a count, or minus an errno value, with the sentence in ERR where
 * there is one.
 */
#ifndef PF_TEST_CALLS_H
#define PF_TEST_CALLS_H

#include "fs.h"

/* Opens the database at PATH, made where it is absent. NULL and ERR. */
struct pf_fs *calls_mount(const char *path, pf_err *err);
void calls_unmount(struct pf_fs *fs);

/* A directory called key=value is made, as for the kernel. What it finds is to be forgotten. */
int call_lookup(struct pf_fs *fs, struct node dir, const char *name, struct node *node, struct node_attr *attr,
		pf_err *err);
void call_forget(struct pf_fs *fs, struct node node, uint64_t lookups);
int call_getattr(struct pf_fs *fs, struct node node, struct node_attr *attr, pf_err *err);
int call_read(struct pf_fs *fs, struct node node, int64_t offset, size_t size, pf_text *out, pf_err *err);
/* EACH gets all entries, as if AT_ONCE of them fitted into a reply; until it returns non-zero. */
int call_list(struct pf_fs *fs, struct node dir, int at_once,
	      int (*each)(void *arg, const char *name, struct node node, const struct node_attr *attr), void *arg,
	      pf_err *err);
/* MODE has a type. */
int call_make(struct pf_fs *fs, struct node dir, const char *name, mode_t mode, struct node *node, pf_err *err);
int call_write(struct pf_fs *fs, struct node node, const char *bytes, size_t len, int64_t offset, pf_err *err);
/* SIZE -1: none is set. */
int call_setattr(struct pf_fs *fs, struct node node, int64_t size, bool by_descriptor, unsigned mask,
		 const pf_file *values, pf_err *err);
int call_flush(struct pf_fs *fs, struct node node, pf_err *err);
int call_fsync(struct pf_fs *fs, struct node node, pf_err *err);
int call_remove(struct pf_fs *fs, struct node dir, const char *name, bool directory, pf_err *err);
int call_rename(struct pf_fs *fs, struct node dir, const char *name, struct node new_dir, const char *new_name,
		unsigned flags, pf_err *err);

/* What they make of these: PATH from the root. The node is held: to be forgotten. */
int call_walk(struct pf_fs *fs, const char *path, struct node *node, struct node_attr *attr, pf_err *err);
/* cat, readlink; appended. */
int call_cat(struct pf_fs *fs, const char *path, pf_text *out, pf_err *err);
/* open(PATH, O_CREAT): the file, made where it is not there. */
int call_create(struct pf_fs *fs, const char *path, mode_t mode, struct node *node, pf_err *err);
/* echo -n TEXT >PATH: the file is made where it is not there, cut, written and closed. */
int call_echo(struct pf_fs *fs, const char *path, const char *text, pf_err *err);
/* The node that PATH's last name is in, to be forgotten, and that name. */
int call_parent(struct pf_fs *fs, const char *path, struct node *dir, const char **name, pf_err *err);

#endif
