#include "place.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char directory[64];

void check(int good)
{
	if (!good)
		abort();
}

static void leave(void)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(directory);
}

const char *place_of(const char *name)
{
	static char path[128];

	if (!*directory) {
		snprintf(directory, sizeof directory, "%s/pf-fuzz-XXXXXX",
			 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
		check(mkdtemp(directory) != NULL);
		atexit(leave);
	}
	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}
