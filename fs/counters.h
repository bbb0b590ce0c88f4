/*
 * How many requests of each kind the kernel has sent since the mount began.
 *
 * A request is what a file system in user space pays for, and its time varies with
 * the machine and the moment; how many there are does not. So whoever measures
 * counts: SIGUSR1 has them logged, one line,
 *
 *	requests: lookup 12 forget 0 getattr 3 …
 */
#ifndef PF_COUNTERS_H
#define PF_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

enum request_kind {
	REQUEST_LOOKUP,
	REQUEST_FORGET, /* nobody waits for it; a batch is one */
	REQUEST_GETATTR,
	REQUEST_SETATTR,
	REQUEST_READLINK,
	REQUEST_MKNOD,
	REQUEST_MKDIR,
	REQUEST_UNLINK,
	REQUEST_RMDIR,
	REQUEST_SYMLINK,
	REQUEST_RENAME,
	REQUEST_LINK,
	REQUEST_OPEN,
	REQUEST_READ,
	REQUEST_WRITE,
	REQUEST_FLUSH,
	REQUEST_FSYNC,
	REQUEST_OPENDIR,
	REQUEST_READDIR,
	REQUEST_READDIRPLUS,
	REQUEST_FSYNCDIR,
	REQUEST_STATFS,
	REQUEST_KIND_COUNT,
};

/* All zero: nothing was counted. */
struct counters {
	atomic_uint_fast64_t of[REQUEST_KIND_COUNT]; /* any thread */
};

/* One more request of KIND. Any thread. */
void counters_add(struct counters *counters, enum request_kind kind);
/* Logs them all. Any thread. */
void counters_log(struct counters *counters);

#endif
