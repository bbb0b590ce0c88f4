/* The kernel's side: FUSE's low-level requests, decoded, put to the nodes, answered. */
#ifndef PF_LL_H
#define PF_LL_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "counters.h"
#include "fs.h"
#include "given.h"

struct ll {
	struct pf_fs *fs;	      /* borrowed */
	struct fuse_session *session; /* borrowed */
	struct given *given;	      /* owned by who made this; inodes that the kernel has */
	uid_t uid;		      /* who owns what has no owner of its own */
	gid_t gid;
	bool one_uid, one_gid; /* that is so for all there is, whoever made it */
	mode_t umask;
	bool single_threaded;
	void (*ready)(void); /* called once the kernel has been answered */
	/* Set by init, from what the kernel can do: */
	bool no_open, no_opendir;
	struct counters counters; /* of all requests but init */
};

extern const struct fuse_lowlevel_ops ll_ops; /* its user data: a struct ll */
extern const struct kernel_ops ll_kernel_ops; /* their arg: a struct ll */

#endif
