/*
 * Writes generated modules as files, to be copied into a mount's incoming/:
 *
 *	modules DIRECTORY FIRST COUNT
 *
 * The modules FIRST to FIRST + COUNT - 1, of one component each and about 5 KB, in
 * DIRECTORY/category=NAME/module_NUMBER.py. No two have a component's name in
 * common; the same number gives the same bytes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "generate.h"

enum { SIZE = 5 << 10, PATH_SIZE = 4096 };

static const char *const categories[] = {
	"cloud",      "compute",   "container",	   "database",	 "devops",  "integration",
	"monitoring", "messaging", "notification", "processing", "storage", "transfer",
};

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "modules: error: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static void write_module(const char *directory, uint64_t number)
{
	const char *category = categories[number % (sizeof categories / sizeof *categories)];
	char path[PATH_SIZE];
	pf_text text = { 0 };
	FILE *file;

	generate_module(&text, MANY_COMPONENTS, SIZE, number);
	if (text.failed) {
		errno = ENOMEM;
		die("generating");
	}
	snprintf(path, sizeof path, "%s/category=%s", directory, category);
	if (mkdir(path, 0777) < 0 && errno != EEXIST)
		die(path);
	snprintf(path, sizeof path, "%s/category=%s/module_%07" PRIu64 ".py", directory, category, number);
	file = fopen(path, "we");
	if (!file || fwrite(text.bytes, 1, text.len, file) != text.len || fclose(file) != 0)
		die(path);
	pf_text_free(&text);
}

static uint64_t number_of(const char *word)
{
	char *end;
	unsigned long long number;

	errno = 0;
	number = strtoull(word, &end, 10);
	if (errno || end == word || *end || *word == '-') {
		errno = errno ? errno : EINVAL;
		die(word);
	}
	return number;
}

int main(int argc, char **argv)
{
	uint64_t first, count;

	if (argc != 4) {
		fprintf(stderr, "usage: modules DIRECTORY FIRST COUNT\n");
		return EXIT_FAILURE;
	}
	if (strlen(argv[1]) > PATH_SIZE / 2) {
		errno = ENAMETOOLONG;
		die(argv[1]);
	}
	first = number_of(argv[2]);
	count = number_of(argv[3]);
	for (uint64_t i = 0; i < count; i++)
		write_module(argv[1], first + i);
	return EXIT_SUCCESS;
}
