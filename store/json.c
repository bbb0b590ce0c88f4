#include "json.h"

#include <pthread.h>
#include <stdlib.h>

static _Thread_local bool missing;

static void *allocate(size_t size)
{
	void *block = malloc(size);

	missing = missing || !block;
	return block;
}

/* For the whole process: before the first use, and never again. */
static void install(void)
{
	cJSON_InitHooks(&(cJSON_Hooks){ .malloc_fn = allocate, .free_fn = free });
}

cJSON *pf_json_read(const char *text, size_t len, const char **end, bool *no_memory)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	cJSON *root;

	pthread_once(&once, install);
	missing = false;
	root = cJSON_ParseWithLengthOpts(text, len + 1, end, 1);
	*no_memory = !root && missing;
	return root;
}
