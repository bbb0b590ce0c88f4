#include "options.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPTION(template, field, value)                                                                                 \
	{                                                                                                              \
		template, offsetof(struct options, field), value                                                       \
	}

static const struct fuse_opt specs[] = {
	OPTION("-f", foreground, 1),
	OPTION("-d", debug, 1),
	OPTION("debug", debug, 1),
	OPTION("-s", single_threaded, 1),
	OPTION("-h", help, 1),
	OPTION("--help", help, 1),
	OPTION("-V", version, 1),
	OPTION("--version", version, 1),
	OPTION("--check", check, 1),
	OPTION("--backup", backup, 1),
	OPTION("ro", read_only, 1),
	OPTION("rw", read_write, 1),
	OPTION("uid=%u", uid, 0),
	OPTION("uid=", has_uid, 1),
	OPTION("gid=%u", gid, 0),
	OPTION("gid=", has_gid, 1),
	OPTION("umask=%o", umask, 0),
	OPTION("umask=", has_umask, 1),
	OPTION("sync=%s", sync, 0),
	OPTION("max_source=%lu", max_source, 0),
	OPTION("max_time=%u", max_time, 0),
	OPTION("categories=%s", categories_file, 0),
	FUSE_OPT_END,
};

void options_usage(void)
{
	printf("usage: patternfs [-o options] [DATABASE] MOUNTPOINT\n"
	       "       patternfs --check DATABASE\n"
	       "       patternfs --backup DATABASE FILE\n"
	       "\n"
	       "Mounts the patterns that Airflow components taught. DATABASE is made where it is\n"
	       "absent; default: $XDG_DATA_HOME/patternfs/patterns.db. fusermount3 -u MOUNTPOINT\n"
	       "ends it.\n"
	       "\n"
	       "  -f  stay in the foreground     -d  the same, and log every request\n"
	       "  -s  one serving thread         -h  this help      -V  version\n"
	       "\n"
	       "  --check                        look whether it is whole, a line for each finding;\n"
	       "                                 status 0: it is, 1: it is not, 2: it cannot be read\n"
	       "  --backup                       copy it, also while it is mounted; FILE must not exist\n"
	       "\n"
	       "  -o allow_other                 let other users in\n"
	       "  -o uid=N,gid=N,umask=OCTAL     who owns the files, and what is hidden of their modes\n"
	       "  -o ro                          read-only\n"
	       "  -o sync=normal                 a power cut may cost the last commits (default: full)\n"
	       "  -o max_source=BYTES            the largest file taken in incoming/ (default: 4194304)\n"
	       "  -o max_time=MS                 the most CPU time that one may take (default: 5000)\n"
	       "  -o categories=FILE             rows that say more of categories than the embedded ones\n"
	       "  -o OPTION                      anything else that fusermount3 knows\n");
}

struct positional {
	char *words[2]; /* owned: fuse_opt frees the argument it shows */
	int count;
};

static int each_argument(void *data, const char *argument, int key, struct fuse_args *out)
{
	struct positional *positional = data;

	(void)out;
	if (key != FUSE_OPT_KEY_NONOPT)
		return 1;
	if (positional->count < 2 && !(positional->words[positional->count] = strdup(argument)))
		return -1;
	positional->count++;
	return 0;
}

/* Makes the directories above PATH, private to the user. */
static int make_parents(char *path, pf_err *err)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST) {
			int code = errno;

			pf_fail(err, code, "cannot make the directory %s: %s", path, strerror(code));
			*slash = '/';
			return -code;
		}
		*slash = '/';
	}
	return 0;
}

static int default_database(char **path, pf_err *err)
{
	const char *data = getenv("XDG_DATA_HOME");
	const char *home = getenv("HOME");
	int length;

	if (data && *data == '/')
		length = asprintf(path, "%s/patternfs/patterns.db", data);
	else if (home && *home == '/')
		length = asprintf(path, "%s/.local/share/patternfs/patterns.db", home);
	else
		return pf_fail(
			err, EINVAL,
			"neither XDG_DATA_HOME nor HOME is set: name the database: patternfs DATABASE MOUNTPOINT");
	if (length < 0) {
		*path = NULL;
		return pf_fail(err, ENOMEM, "no memory to start");
	}
	return make_parents(*path, err);
}

/* The daemon's working directory is /, so names are made absolute here. */
static int absolute(const char *path, char **out, pf_err *err)
{
	char here[PATH_MAX];

	if (*path == '/')
		*out = strdup(path);
	else if (!getcwd(here, sizeof here))
		return pf_fail(err, errno, "cannot tell the working directory: %s", strerror(errno));
	else if (asprintf(out, "%s/%s", here, path) < 0)
		*out = NULL;
	return *out ? 0 : pf_fail(err, ENOMEM, "no memory to start");
}

/* Appends FILE's bytes to TEXT, up to one more than a table may have. */
static int read_bytes(FILE *file, pf_text *text)
{
	char buffer[65536];
	size_t len;

	while (text->len <= PF_CATEGORIES_MAX && (len = fread(buffer, 1, sizeof buffer, file)) > 0)
		pf_text_add(text, buffer, len);
	return ferror(file) ? -errno : text->failed ? -ENOMEM : 0;
}

/* Before the daemon changes its directory, and before anything is made. It is not read again. */
static int read_categories(struct options *options, pf_err *err)
{
	const char *path = options->categories_file;
	pf_text text = { 0 };
	FILE *file;
	int result;

	if (!path)
		return 0;
	file = fopen(path, "re");
	result = file ? read_bytes(file, &text) : -errno;
	if (file)
		fclose(file);
	if (result < 0)
		pf_fail(err, -result, "-o categories=%s: cannot read it: %s", path, strerror(-result));
	else
		options->categories = pf_categories_new(path, text.bytes ? text.bytes : "", text.len, err);
	pf_text_free(&text);
	return options->categories ? 0 : -err->code;
}

static int check(const struct options *options, int words, pf_err *err)
{
	if (words == 0)
		return pf_fail(err, EINVAL,
			       "no mount point: patternfs [-o options] [DATABASE] MOUNTPOINT (-h for more)");
	if (words > 2)
		return pf_fail(err, EINVAL,
			       "too many names: patternfs [-o options] [DATABASE] MOUNTPOINT (-h for more)");
	if (options->sync && strcmp(options->sync, "full") != 0 && strcmp(options->sync, "normal") != 0)
		return pf_fail(err, EINVAL, "-o sync=%s: expected full or normal", options->sync);
	if (options->has_umask && options->umask > 0777)
		return pf_fail(err, EINVAL, "-o umask=%o: expected octal digits up to 777", options->umask);
	if (options->max_source > 512UL << 20)
		return pf_fail(err, EINVAL, "-o max_source=%lu: expected at most %lu", options->max_source,
			       512UL << 20);
	if (options->max_time > 3600000)
		return pf_fail(err, EINVAL, "-o max_time=%u: expected at most 3600000", options->max_time);
	return 0;
}

/* The first option that only mounts have a use for; NULL where there is none. */
static const char *option_of_mounts(const struct options *options)
{
	const struct {
		bool given;
		const char *option;
	} all[] = {
		{ options->foreground, "-f" },
		{ options->debug, "-d" },
		{ options->single_threaded, "-s" },
		{ options->read_only, "-o ro" },
		{ options->read_write, "-o rw" },
		{ options->has_uid, "-o uid=" },
		{ options->has_gid, "-o gid=" },
		{ options->has_umask, "-o umask=" },
		{ options->sync != NULL, "-o sync=" },
		{ options->max_source != 0, "-o max_source=" },
		{ options->max_time != 0, "-o max_time=" },
		{ options->categories_file != NULL, "-o categories=" },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i].given)
			return all[i].option;
	return NULL;
}

static int refuse_mount_options(const struct options *options, pf_err *err)
{
	const struct fuse_args *rest = &options->args; /* what libfuse would be given */
	const char *option = option_of_mounts(options), *separate = "", *value = "";

	if (!option && rest->argc > 1) {
		option = rest->argv[1];
		if (rest->argc > 2 && strcmp(option, "-o") == 0) {
			separate = " ";
			value = rest->argv[2];
		}
	}
	return option ? pf_fail(err, EINVAL, "%s%s%s: an option of mounts, and nothing is mounted here", option,
				separate, value)
		      : 0;
}

/* --check and --backup. */
static int take_care_of(struct options *options, const struct positional *positional, pf_err *err)
{
	int result;

	if (options->check && options->backup)
		return pf_fail(err, EINVAL, "--check and --backup: one at a time");
	if (options->check && positional->count != 1)
		return pf_fail(err, EINVAL, "expected: patternfs --check DATABASE (-h for more)");
	if (options->backup && positional->count != 2)
		return pf_fail(err, EINVAL, "expected: patternfs --backup DATABASE FILE (-h for more)");
	result = refuse_mount_options(options, err);
	if (result == 0)
		result = absolute(positional->words[0], &options->database, err);
	if (result == 0 && options->backup)
		result = absolute(positional->words[1], &options->mountpoint, err);
	return result;
}

static int take_positional(struct options *options, const struct positional *positional, pf_err *err)
{
	int result = check(options, positional->count, err);

	if (result == 0)
		result = absolute(positional->words[positional->count - 1], &options->mountpoint, err);
	if (result == 0 && positional->count == 2)
		result = absolute(positional->words[0], &options->database, err);
	if (result == 0)
		result = read_categories(options, err);
	if (result == 0 && positional->count < 2)
		result = default_database(&options->database, err);
	return result;
}

int options_parse(int argc, char **argv, struct options *options, pf_err *err)
{
	struct positional positional = { 0 };
	int result = 0;

	options->args = (struct fuse_args)FUSE_ARGS_INIT(argc, argv);
	/* fuse_opt has said what it does not understand. */
	if (fuse_opt_parse(&options->args, options, specs, NULL) < 0)
		return pf_fail(err, EINVAL, "cannot read the options (-h for help)");
	if (fuse_opt_parse(&options->args, &positional, NULL, each_argument) < 0)
		result = pf_fail(err, ENOMEM, "no memory to start");
	else if (!options->help && !options->version && (options->check || options->backup))
		result = take_care_of(options, &positional, err);
	else if (!options->help && !options->version)
		result = take_positional(options, &positional, err);
	free(positional.words[0]);
	free(positional.words[1]);
	return result;
}

void options_free(struct options *options)
{
	free(options->database);
	free(options->mountpoint);
	free(options->sync);
	free(options->categories_file);
	pf_categories_free(options->categories);
	fuse_opt_free_args(&options->args);
}
