/* patternfs-extract: the extractor alone. Python in, JSON out, reasons to stderr. */
#include "extract.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] = "usage: patternfs-extract [-hV] [-c CATEGORIES] [FILE...]\n"
			    "Prints the Airflow components of Python modules, and their patterns, as JSON.\n"
			    "Without FILE, or where it is -, reads standard input.\n"
			    "  -c CATEGORIES  rows that say more of categories than the embedded ones\n"
			    "  -h             this help\n"
			    "  -V             the version\n"
			    "Exit status: 0 where all were accepted, 1 where any was refused, 2 for wrong usage.\n";

/* Up to one byte more than MOST, or a little over. */
static int read_all(FILE *file, size_t most, pf_text *text)
{
	char buffer[65536];
	size_t len;

	while (text->len <= most && (len = fread(buffer, 1, sizeof buffer, file)) > 0)
		pf_text_add(text, buffer, len);
	return ferror(file) ? -EIO : text->failed ? -ENOMEM : 0;
}

static int read_file(const char *path, size_t most, pf_text *text)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
	int rc;

	if (!file)
		return -errno;
	errno = 0;
	rc = read_all(file, most, text);
	if (rc == -EIO && errno)
		rc = -errno;
	if (file != stdin)
		fclose(file);
	return rc;
}

/* The document, less the newline at its end, indented by DEPTH containers more. */
static void put_document(pf_json *json, const char *key, const char *document, int depth)
{
	pf_text text = { 0 };
	size_t len = strlen(document);

	while (len && document[len - 1] == '\n')
		len--;
	for (size_t at = 0; at < len;) {
		const char *end = memchr(document + at, '\n', len - at);
		size_t line = end ? (size_t)(end - document) - at + 1 : len - at;

		pf_text_add(&text, document + at, line);
		for (int i = 0; end && i < depth; i++)
			pf_text_add(&text, "  ", 2);
		at += line;
	}
	if (!text.failed)
		pf_json_raw(json, key, text.bytes);
	json->out->failed |= text.failed;
	pf_text_free(&text);
}

/* Members at four spaces, as an object that stands DEPTH containers deep. */
static void put_members(pf_json *json, const char *key, const char *members, int depth)
{
	pf_text text = { 0 };

	pf_text_puts(&text, "{\n");
	pf_text_puts(&text, members);
	pf_text_puts(&text, "\n  }");
	if (!text.failed)
		put_document(json, key, text.bytes, depth - 1);
	json->out->failed |= text.failed;
	pf_text_free(&text);
}

enum { DOCUMENT_DEPTH = 4, PATTERN_DEPTH = 6 };

static void put_component(pf_json *json, const pf_component *component)
{
	pf_json_object(json, NULL);
	pf_json_string(json, "name", component->name);
	pf_json_string(json, "category", component->category);
	pf_json_string(json, "subcategory", component->subcategory);
	pf_json_string(json, "component_type", pf_component_type_name((int)component->type));
	pf_json_int(json, "complexity_score", component->complexity_score);
	pf_json_string(json, "complexity_range", pf_complexity_range(component->complexity_score));
	pf_json_raw(json, "libraries_involved", component->libraries);
	pf_json_list(json, "lines");
	pf_json_int(json, NULL, component->first_line);
	pf_json_int(json, NULL, component->last_line);
	pf_json_end(json);
	put_document(json, "record", component->record, DOCUMENT_DEPTH);
	pf_json_array(json, "patterns");
	for (size_t i = 0; i < component->pattern_count; i++) {
		const pf_pattern *pattern = &component->patterns[i];

		pf_json_object(json, NULL);
		pf_json_string(json, "type", pf_pattern_type_name((int)pattern->type));
		pf_json_string(json, "name", pattern->name);
		pf_json_string(json, "signature", pattern->signature);
		pf_json_bool(json, "trivial", pattern->trivial);
		put_members(json, "pattern_data", pattern->data, PATTERN_DEPTH);
		pf_json_end(json);
	}
	pf_json_end(json);
	pf_json_end(json);
}

static void put_module(pf_json *json, const char *path, const pf_module *module)
{
	pf_json_object(json, NULL);
	pf_json_string(json, "file", path);
	pf_json_array(json, "components");
	for (size_t i = 0; i < module->component_count; i++)
		put_component(json, &module->components[i]);
	pf_json_end(json);
	pf_json_array(json, "skipped");
	for (size_t i = 0; i < module->skip_count; i++) {
		pf_json_object(json, NULL);
		pf_json_string(json, "name", module->skips[i].name);
		pf_json_int(json, "line", module->skips[i].line);
		pf_json_string(json, "why", module->skips[i].why);
		pf_json_end(json);
	}
	pf_json_end(json);
	pf_json_end(json);
}

/* What is written so far goes out, so that a tree of files needs no memory for all of it. */
static int flush_text(pf_text *out)
{
	bool ok = !out->failed && (!out->len || fwrite(out->bytes, 1, out->len, stdout) == out->len);

	pf_text_reset(out);
	return ok ? 0 : -1;
}

static int extract_file(pf_extractor *extractor, pf_json *json, const char *path)
{
	pf_text source = { 0 };
	pf_module *module = NULL;
	pf_err err = { 0 };
	int rc = read_file(path, SIZE_MAX - 1, &source);

	if (rc < 0)
		fprintf(stderr, "%s: error: %s\n", path, strerror(-rc));
	else
		rc = pf_extract(extractor, path, source.bytes ? source.bytes : "", source.len, &module, &err);
	if (err.code) {
		/* The whole path, where the extractor says the last part only: editors jump to it. */
		const char *slash = strrchr(path, '/');

		fprintf(stderr, "%.*s%s\n", slash ? (int)(slash + 1 - path) : 0, path, err.why);
	}
	if (module)
		put_module(json, path, module);
	pf_module_free(module);
	pf_text_free(&source);
	return rc;
}

static int extract_files(pf_extractor *extractor, char **paths)
{
	static char *const standard_input[] = { (char *)"-", NULL };
	char *const *path = *paths ? paths : standard_input;
	pf_text out = { 0 };
	pf_json json = pf_json_start(&out, false);
	int status = EXIT_SUCCESS;

	pf_json_array(&json, NULL);
	for (; *path; path++) {
		if (extract_file(extractor, &json, *path) < 0)
			status = EXIT_FAILURE;
		if (flush_text(&out) < 0) {
			fprintf(stderr, "patternfs-extract: error: cannot write: %s\n", strerror(errno));
			pf_text_free(&out);
			return EXIT_FAILURE;
		}
	}
	pf_json_end(&json);
	if (flush_text(&out) < 0 || fflush(stdout) != 0) {
		fprintf(stderr, "patternfs-extract: error: cannot write: %s\n", strerror(errno));
		status = EXIT_FAILURE;
	}
	pf_text_free(&out);
	return status;
}

/* The table of the rows in PATH; NULL, with the reason in ERR. */
static pf_categories *read_categories(const char *path, pf_err *err)
{
	pf_categories *categories = NULL;
	pf_text text = { 0 };
	int rc = read_file(path, PF_CATEGORIES_MAX, &text);

	if (rc < 0)
		pf_fail(err, -rc, "%s: error: %s", path, strerror(-rc));
	else
		categories = pf_categories_new(path, text.bytes ? text.bytes : "", text.len, err);
	pf_text_free(&text);
	return categories;
}

/* CATEGORIES_PATH is NULL for the embedded table alone. */
static int run(const char *categories_path, char **paths)
{
	pf_extract_limits limits = { 0 };
	pf_categories *categories = NULL;
	pf_extractor *extractor;
	pf_err err = { 0 };
	int status;

	if (categories_path) {
		categories = read_categories(categories_path, &err);
		if (!categories) {
			fprintf(stderr, "%s\n", err.why);
			return 2;
		}
	}
	limits.categories = categories;
	extractor = pf_extractor_new(&limits, &err);
	if (!extractor)
		fprintf(stderr, "patternfs-extract: error: %s\n", err.why);
	status = extractor ? extract_files(extractor, paths) : EXIT_FAILURE;
	pf_extractor_free(extractor);
	pf_categories_free(categories);
	return status;
}

int main(int argc, char **argv)
{
	const char *categories = NULL;
	int option;

	while ((option = getopt(argc, argv, "c:hV")) != -1) {
		switch (option) {
		case 'c':
			categories = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		case 'V':
			puts("patternfs-extract " PF_VERSION);
			return EXIT_SUCCESS;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	return run(categories, argv + optind);
}
