/* The command line, as fuse_opt reads it. */
#ifndef PF_OPTIONS_H
#define PF_OPTIONS_H

#include <stdbool.h>

#include "ll.h"

struct options {
	char *database;	  /* absolute; owned */
	char *mountpoint; /* absolute; owned; the copy's name, of a backup */
	int foreground, debug, single_threaded;
	int help, version;
	int check, backup; /* instead of mounting */
	int read_only, read_write;
	unsigned uid, gid, umask;
	int has_uid, has_gid, has_umask;
	char *sync; /* "full" or "normal" */
	unsigned long max_source;
	unsigned max_time;	   /* ms */
	char *categories_file;	   /* as given; owned */
	pf_categories *categories; /* owned; NULL where there is no such file */
	struct fuse_args args;	   /* what is left for libfuse */
};

/* Reads ARGV; on failure the sentence is in ERR. options_free in any case. */
int options_parse(int argc, char **argv, struct options *options, pf_err *err);
void options_free(struct options *options);
void options_usage(void);

#endif
