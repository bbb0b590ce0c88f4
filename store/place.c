/*
 * Where a database lies: whether it can be opened there, and whether it should.
 *
 * In a directory where everybody may write, such as /tmp, anybody may put a
 * file or a link under the name that somebody else is going to use. So what
 * lies in one must belong to who runs us, or to the directory's owner: the
 * database, the files beside it that SQLite reads on opening it, and each
 * directory and link on the way. (Linux has that rule too, for links and for
 * files, but not everywhere is it switched on, and directories have none.)
 * In other directories their owners see to that: root may mount the database of
 * a user in the user's home.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "store-internal.h"

enum { LINKS = 40 }; /* as many as Linux follows */

/* ---- Who put it there ---- */

struct walk {
	int dir;		 /* where it has come to; owned */
	int links;		 /* followed so far */
	char path[PATH_MAX];	 /* as far as it is known */
	size_t at;		 /* what is from there on is still to go */
	char name[NAME_MAX + 1]; /* the next one */
};

/* NAME, from where W is. */
static bool go_to(struct walk *w, const char *name)
{
	int dir = openat(w->dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return false;
	if (w->dir >= 0)
		close(w->dir);
	w->dir = dir;
	return true;
}

static bool next_name(struct walk *w)
{
	size_t len;

	w->at += strspn(w->path + w->at, "/");
	len = strcspn(w->path + w->at, "/");
	if (len == 0 || len > NAME_MAX)
		return false;
	memcpy(w->name, w->path + w->at, len);
	w->name[len] = '\0';
	w->at += len;
	return true;
}

/* Where the link leads, before what is still to go. */
static bool follow(struct walk *w)
{
	char path[PATH_MAX];
	ssize_t len = readlinkat(w->dir, w->name, path, sizeof path);
	size_t rest = strlen(w->path + w->at) + 1;

	if (len <= 0 || (size_t)len + rest > sizeof path || ++w->links > LINKS)
		return false;
	memcpy(path + len, w->path + w->at, rest);
	memcpy(w->path, path, (size_t)len + rest);
	w->at = 0;
	return path[0] != '/' || go_to(w, "/");
}

static int judge(const char *path, const char *name, const struct stat *above, const struct stat *st, pf_err *err)
{
	if (!(above->st_mode & S_IWOTH) || st->st_uid == above->st_uid || st->st_uid == geteuid())
		return 0;
	return pf_fail(err, EACCES,
		       "%s: %s belongs to another user, in a directory where everybody may write: use a directory of "
		       "your own",
		       path, name);
}

/* What SQLite would read, or play back. */
static int judge_siblings(const struct walk *w, const char *path, const struct stat *above, pf_err *err)
{
	static const char *const suffixes[] = { "-wal", "-shm", "-journal" };
	int rc = 0;

	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes && rc == 0; i++) {
		char name[NAME_MAX + 16];
		struct stat st;

		snprintf(name, sizeof name, "%s%s", w->name, suffixes[i]);
		if (fstatat(w->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			rc = judge(path, name, above, &st, err);
	}
	return rc;
}

/* 1: there is more to go. 0: the end, or nothing is there, or it cannot be looked at, which opening it will say. */
static int step(struct walk *w, const char *path, pf_err *err)
{
	struct stat above, st;
	int rc;

	if (fstat(w->dir, &above) != 0)
		return 0;
	if (fstatat(w->dir, w->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? judge_siblings(w, path, &above, err) : 0;
	rc = strcmp(w->name, "..") == 0 ? 0 : judge(path, w->name, &above, &st, err);
	if (rc < 0)
		return rc;
	if (S_ISLNK(st.st_mode))
		return follow(w);
	if (S_ISDIR(st.st_mode))
		return go_to(w, w->name);
	return judge_siblings(w, path, &above, err);
}

int place_judge(const char *path, pf_err *err)
{
	struct walk w = { .dir = AT_FDCWD };
	int rc = 1;

	if (strlen(path) >= sizeof w.path || !go_to(&w, path[0] == '/' ? "/" : "."))
		return 0;
	strcpy(w.path, path);
	while (rc > 0 && next_name(&w))
		rc = step(&w, path, err);
	close(w.dir);
	return rc < 0 ? rc : 0;
}

/* ---- Whether it can be opened ---- */

int place_refuse(const char *path, int code, bool writing, pf_err *err)
{
	switch (code) {
	case ENOENT:
		return pf_fail(err, code, "%s: no such file or directory: make its directory first", path);
	case EISDIR:
		return pf_fail(err, code, "%s: a directory: name a file, such as %s/patterns.db", path, path);
	case EACCES:
		return pf_fail(err, code, "%s: no permission to %s it", path, writing ? "read and write" : "read");
	case EROFS:
		return pf_fail(err, code, "%s: on a read-only file system: open it read-only", path);
	default:
		return pf_fail(err, code, "%s: %s", path, strerror(code));
	}
}

int place_check(const char *path, bool read_only, pf_err *err)
{
	struct stat st;
	int fd, rc = place_judge(path, err);

	if (rc < 0)
		return rc;
	if (!read_only) {
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
		if (fd >= 0) {
			close(fd);
			return 0;
		}
		if (errno != EEXIST && errno != EISDIR && eaccess(path, F_OK) != 0)
			return place_refuse(path, errno == EEXIST ? EIO : errno, true, err);
	}
	if (stat(path, &st) != 0)
		return place_refuse(path, errno, !read_only, err);
	if (S_ISDIR(st.st_mode))
		return place_refuse(path, EISDIR, !read_only, err);
	if (!S_ISREG(st.st_mode))
		return pf_fail(err, EINVAL, "%s: not a regular file", path);
	if (eaccess(path, read_only ? R_OK : R_OK | W_OK) != 0)
		return place_refuse(path, errno, !read_only, err);
	return 0;
}
