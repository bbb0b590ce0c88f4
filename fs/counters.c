#include "counters.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

static const char *const words[REQUEST_KIND_COUNT] = {
	[REQUEST_LOOKUP] = "lookup",	 [REQUEST_FORGET] = "forget",
	[REQUEST_GETATTR] = "getattr",	 [REQUEST_SETATTR] = "setattr",
	[REQUEST_READLINK] = "readlink", [REQUEST_MKNOD] = "mknod",
	[REQUEST_MKDIR] = "mkdir",	 [REQUEST_UNLINK] = "unlink",
	[REQUEST_RMDIR] = "rmdir",	 [REQUEST_SYMLINK] = "symlink",
	[REQUEST_RENAME] = "rename",	 [REQUEST_LINK] = "link",
	[REQUEST_OPEN] = "open",	 [REQUEST_READ] = "read",
	[REQUEST_WRITE] = "write",	 [REQUEST_FLUSH] = "flush",
	[REQUEST_FSYNC] = "fsync",	 [REQUEST_OPENDIR] = "opendir",
	[REQUEST_READDIR] = "readdir",	 [REQUEST_READDIRPLUS] = "readdirplus",
	[REQUEST_FSYNCDIR] = "fsyncdir", [REQUEST_STATFS] = "statfs",
};

void counters_add(struct counters *counters, enum request_kind kind)
{
	/* Only sums are read: nothing is ordered by them. */
	atomic_fetch_add_explicit(&counters->of[kind], 1, memory_order_relaxed);
}

void counters_log(struct counters *counters)
{
	/* A word has at most 11 bytes, a number 20, each a space before it: all fit, and into a line of the log. */
	char line[REQUEST_KIND_COUNT * 33 + 1];
	size_t len = 0;

	for (int kind = 0; kind < REQUEST_KIND_COUNT; kind++)
		len += (size_t)snprintf(line + len, sizeof line - len, " %s %" PRIuFAST64, words[kind],
					atomic_load_explicit(&counters->of[kind], memory_order_relaxed));
	pf_log(PF_LOG_NOTICE, "requests:%s", line);
}
