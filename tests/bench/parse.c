/*
 * What a tree of Python files costs before anything is done with it: parses
 * the files named on standard input, one a line, with tree-sitter alone, and
 * prints the CPU seconds that took. Reading them is not counted.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tree_sitter/api.h>

const TSLanguage *tree_sitter_python(void);

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static char *read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	char *bytes = NULL;
	long size;

	if (file && fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0 && fseek(file, 0, SEEK_SET) == 0) {
		bytes = malloc((size_t)size + 1);
		if (bytes)
			*len = fread(bytes, 1, (size_t)size, file);
	}
	if (file)
		fclose(file);
	return bytes;
}

int main(void)
{
	TSParser *parser = ts_parser_new();
	double seconds = 0;
	char path[4096];

	if (!ts_parser_set_language(parser, tree_sitter_python()))
		return 1;
	while (fgets(path, sizeof path, stdin)) {
		double before;
		size_t len = 0;
		char *bytes;

		path[strcspn(path, "\n")] = '\0';
		bytes = read_file(path, &len);
		if (!bytes) {
			fprintf(stderr, "%s: %s\n", path, strerror(errno));
			return 1;
		}
		before = cpu_seconds();
		ts_tree_delete(ts_parser_parse_string(parser, NULL, bytes, (uint32_t)len));
		seconds += cpu_seconds() - before;
		free(bytes);
	}
	ts_parser_delete(parser);
	printf("%.3f\n", seconds);
	return 0;
}
