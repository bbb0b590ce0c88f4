#include "shim.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_bool armed;
static atomic_long calls;
static long refused_from, refused_to;

void shim_arm(enum shortage shortage, long at)
{
	refused_from = shortage == SHORTAGE_NONE ? 0 : at;
	refused_to = shortage == SHORTAGE_LASTING ? __LONG_MAX__ : refused_from;
	atomic_store(&calls, 0);
	atomic_store(&armed, true);
}

long shim_disarm(void)
{
	atomic_store(&armed, false);
	return atomic_load(&calls);
}

static bool refuses(void)
{
	long call;

	if (!atomic_load(&armed))
		return false;
	call = atomic_fetch_add(&calls, 1) + 1;
	if (call < refused_from || call > refused_to)
		return false;
	errno = ENOMEM;
	return true;
}

/* ---- The C library's: the linker gives each f that is called here the name __wrap_f, and f itself __real_f ---- */

#define WRAP(type, name, parameters, ...)                                                                              \
	type __real_##name parameters;                                                                                 \
	type __wrap_##name parameters;                                                                                 \
	type __wrap_##name parameters                                                                                  \
	{                                                                                                              \
		return refuses() ? NULL : __real_##name(__VA_ARGS__);                                                  \
	}

WRAP(void *, malloc, (size_t size), size)
WRAP(void *, calloc, (size_t count, size_t size), count, size)
WRAP(void *, realloc, (void *block, size_t size), block, size)
WRAP(void *, reallocarray, (void *block, size_t count, size_t size), block, count, size)
WRAP(char *, strdup, (const char *string), string)
WRAP(char *, strndup, (const char *string, size_t size), string, size)
WRAP(char *, realpath, (const char *path, char *room), path, room)

#define PRINT(name, parameters)                                                                                        \
	int __wrap_##name parameters;                                                                                  \
	int __wrap_##name parameters                                                                                   \
	{                                                                                                              \
		va_list args;                                                                                          \
		int length;                                                                                            \
                                                                                                                       \
		if (refuses())                                                                                         \
			return -1;                                                                                     \
		va_start(args, format);                                                                                \
		length = vasprintf(out, format, args);                                                                 \
		va_end(args);                                                                                          \
		return length;                                                                                         \
	}

__attribute__((format(printf, 2, 3))) PRINT(asprintf, (char **out, const char *format, ...))
	/* As hardened builds call it. */
	__attribute__((format(printf, 3, 4)))
	PRINT(__asprintf_chk, (char **out, __attribute__((unused)) int flag, const char *format, ...))

	/* ---- SQLite's ---- */

	static sqlite3_mem_methods sqlite;

static void *sqlite_malloc(int size)
{
	return refuses() ? NULL : sqlite.xMalloc(size);
}

static void *sqlite_realloc(void *block, int size)
{
	return refuses() ? NULL : sqlite.xRealloc(block, size);
}

bool shim_install(void)
{
	sqlite3_mem_methods methods;

	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite) != SQLITE_OK)
		return false;
	methods = sqlite;
	methods.xMalloc = sqlite_malloc;
	methods.xRealloc = sqlite_realloc;
	/* Without the room that connections keep for what is small: each request can be refused. */
	return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK &&
	       sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) == SQLITE_OK;
}
