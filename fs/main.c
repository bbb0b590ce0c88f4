/*
 * patternfs: mounts a store.
 *
 * The process that was started only waits: its child opens the store, mounts,
 * starts the threads and says when it is ready; whatever fails before that is
 * said on the caller's terminal, and is the exit status. No database connection
 * and no thread crosses the fork.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ll.h"
#include "log.h"
#include "loop.h"
#include "maintain.h"
#include "options.h"

/* ---- Is the place fit to mount on? ---- */

static int check_device(pf_err *err)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return pf_fail(err, errno,
			       "/dev/fuse is not there: load the kernel's module (modprobe fuse), or give the "
			       "container the device");
	if (errno == EACCES || errno == EPERM)
		return pf_fail(
			err, errno,
			"you may not open /dev/fuse: run as root, or have it opened to you (chmod 666 /dev/fuse)");
	return pf_fail(err, errno, "cannot open /dev/fuse: %s", strerror(errno));
}

static int check_empty(const char *path, pf_err *err)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int others = 0;

	if (!dir)
		return pf_fail(err, errno, "cannot read the mount point %s: %s", path, strerror(errno));
	while ((entry = readdir(dir)))
		others += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(dir);
	if (others)
		return pf_fail(err, ENOTEMPTY, "the mount point %s is not empty: mount on an empty directory", path);
	return 0;
}

static int check_mountpoint(const char *path, pf_err *err)
{
	struct stat here, above;
	struct statvfs space;
	char parent[PATH_MAX];

	/* The kernel may know a dead mount's attributes for a day; its free space it always asks for. */
	if (statvfs(path, &space) < 0 && errno == ENOTCONN)
		return pf_fail(err, ENOTCONN, "a dead mount is on %s: fusermount3 -u %s, then try again", path, path);
	if (stat(path, &here) < 0) {
		if (errno == ENOENT)
			return pf_fail(err, ENOENT, "the mount point %s does not exist: mkdir -p %s", path, path);
		return pf_fail(err, errno, "cannot use the mount point %s: %s", path, strerror(errno));
	}
	if (!S_ISDIR(here.st_mode))
		return pf_fail(err, ENOTDIR, "the mount point %s is not a directory", path);
	snprintf(parent, sizeof parent, "%s/..", path);
	if (stat(parent, &above) == 0 && above.st_dev != here.st_dev)
		return pf_fail(err, EBUSY,
			       "something is mounted on %s already: fusermount3 -u %s, or choose another directory",
			       path, path);
	return check_empty(path, err);
}

/* ---- Readiness ---- */

static int ready_pipe = -1; /* the child's end; -1 in the foreground */

/* The mount works: the starter may return, and the terminal is no longer ours. */
static void say_ready(void)
{
	int null;

	if (ready_pipe < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pf_log_to_syslog();
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		close(null);
	}
	if (write(ready_pipe, "", 1) < 0)
		pf_log(PF_LOG_NOTICE, "the starting process is gone");
	close(ready_pipe);
	ready_pipe = -1;
}

/* The starter: returns the exit status, when the child is ready or has failed. */
static int wait_ready(pid_t child, int fd)
{
	char byte;
	int status;
	ssize_t got;

	do
		got = read(fd, &byte, 1);
	while (got < 0 && errno == EINTR);
	if (got == 1)
		return 0;
	if (waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status))
		return WEXITSTATUS(status);
	fprintf(stderr, "patternfs: the daemon ended before the mount was ready\n");
	return 1;
}

/* Goes on in the child; in the starter it does not return. */
static int start_daemon(pf_err *err)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return pf_fail(err, errno, "cannot make a pipe: %s", strerror(errno));
	child = fork();
	if (child < 0)
		return pf_fail(err, errno, "cannot start the daemon: %s", strerror(errno));
	if (child > 0) {
		close(ends[1]);
		_exit(wait_ready(child, ends[0]));
	}
	close(ends[0]);
	ready_pipe = ends[1];
	setsid();
	if (chdir("/") < 0)
		return pf_fail(err, errno, "cannot change to /: %s", strerror(errno));
	return 0;
}

/* ---- Serving ---- */

static struct pf_fs *open_fs(const struct options *options, bool read_only, pf_err *err)
{
	pf_store_options store_options = {
		.read_only = read_only,
		.sync = options->sync && strcmp(options->sync, "normal") == 0 ? PF_SYNC_NORMAL : PF_SYNC_FULL,
		.limits = { .max_source = options->max_source,
			    .timeout_ms = options->max_time,
			    .categories = options->categories },
	};
	pf_store *store = pf_store_open(options->database, &store_options, err);

	return store ? fs_new(store, &store_options.limits, read_only, err) : NULL;
}

/* A database on a read-only disk is mounted read-only, unless `rw` was asked for: then opening it will fail. */
static bool is_read_only(const struct options *options)
{
	if (options->read_only)
		return true;
	if (options->read_write || eaccess(options->database, W_OK) == 0 || errno != EROFS)
		return false;
	pf_log(PF_LOG_NOTICE, "%s is on a read-only disk: mounting read-only", options->database);
	return true;
}

static int add_mount_options(struct options *options, bool read_only, pf_err *err)
{
	char *fsname = NULL, *all = NULL;
	int result = 0;

	if (asprintf(&fsname, "fsname=%s", options->database) < 0)
		fsname = NULL;
	if (!fsname || fuse_opt_add_opt_escaped(&all, fsname) < 0 || fuse_opt_add_opt(&all, "subtype=patternfs") < 0 ||
	    fuse_opt_add_opt(&all, "default_permissions") < 0 || (read_only && fuse_opt_add_opt(&all, "ro") < 0) ||
	    fuse_opt_add_arg(&options->args, "-o") < 0 || fuse_opt_add_arg(&options->args, all) < 0 ||
	    (options->debug && fuse_opt_add_arg(&options->args, "-d") < 0))
		result = pf_fail(err, ENOMEM, "no memory to start");
	free(fsname);
	free(all);
	return result;
}

/*
 * A descriptor to read signals from, which all threads block: SIGUSR1, and those that end the daemon, as far as the
 * caller did not have them ignored (nohup).
 */
static int catch_signals(pf_err *err)
{
	static const int wanted[] = { SIGUSR1, SIGHUP, SIGINT, SIGTERM };
	struct sigaction action = { .sa_handler = SIG_IGN };
	sigset_t set;
	int fd;

	sigaction(SIGPIPE, &action, NULL);
	sigaction(SIGXFSZ, &action, NULL); /* a limit on files' size is an error like others */
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (sigaction(wanted[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(&set, wanted[i]);
	/* Threads that are started later block them too. */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? pf_fail(err, errno, "cannot wait for signals: %s", strerror(errno)) : fd;
}

/* Until a signal ends it, or there is nothing to serve any more. */
static void wait_for_end(struct ll *ll, const struct loop *loop, int signals)
{
	struct pollfd fds[] = { { .fd = signals, .events = POLLIN }, { .fd = loop_ended(loop), .events = POLLIN } };
	struct signalfd_siginfo got;

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue; /* EINTR: stopped, and continued */
		if (fds[1].revents)
			return;
		if (fds[0].revents && read(signals, &got, sizeof got) == sizeof got) {
			if (got.ssi_signo != SIGUSR1)
				return;
			counters_log(&ll->counters);
		}
	}
}

static int serve_mounted(struct ll *ll, int signals, pf_err *err)
{
	struct loop *loop = loop_start(ll, ll->single_threaded ? 1 : LOOP_THREADS, err);
	int result;

	if (!loop)
		return -err->code;
	wait_for_end(ll, loop, signals);
	/* What is queued is committed and answered before the kernel hears that nobody serves any more. */
	fs_stop(ll->fs);
	result = loop_stop(loop);
	return result < 0 ? pf_fail(err, -result, "cannot serve any more: %s", strerror(-result)) : 0;
}

/* With a session, so that no wrong option is found after the database was made. */
static int serve(struct options *options, struct ll *ll, bool read_only, pf_err *err)
{
	int signals = catch_signals(err), result;

	if (signals < 0)
		return signals;
	ll->fs = open_fs(options, read_only, err);
	if (!ll->fs) {
		close(signals);
		return -err->code;
	}
	if (fuse_session_mount(ll->session, options->mountpoint) < 0) {
		result = pf_fail(err, EIO, "cannot mount on %s", options->mountpoint);
	} else {
		ll->fs->lengthy = loop_step_down;
		/* Threads only now, for mounting may fork. */
		result = fs_start(ll->fs, &ll_kernel_ops, ll, err);
		if (result == 0)
			result = serve_mounted(ll, signals, err);
		fuse_session_unmount(ll->session);
	}
	fs_free(ll->fs);
	close(signals);
	return result;
}

static int run(struct options *options, pf_err *err)
{
	bool read_only = is_read_only(options);
	struct ll ll = {
		.uid = options->has_uid ? options->uid : getuid(),
		.gid = options->has_gid ? options->gid : getgid(),
		.one_uid = options->has_uid,
		.one_gid = options->has_gid,
		.umask = options->umask,
		.single_threaded = options->single_threaded,
		.ready = say_ready,
	};
	int result = check_device(err);

	if (result == 0)
		result = check_mountpoint(options->mountpoint, err);
	if (result == 0)
		result = add_mount_options(options, read_only, err);
	if (result < 0)
		return result;
	ll.session = fuse_session_new(&options->args, &ll_ops, sizeof ll_ops, &ll);
	if (!ll.session)
		return pf_fail(err, EINVAL, "an option above is not known (-h for help)");
	ll.given = given_new();
	if (!ll.given)
		result = pf_fail(err, ENOMEM, "no memory to start");
	else if (!options->foreground && !options->debug)
		result = start_daemon(err);
	if (result == 0)
		result = serve(options, &ll, read_only, err);
	fuse_session_destroy(ll.session);
	given_free(ll.given);
	return result;
}

/* Large documents come and go: what they took goes back to the system at once. */
static void return_memory(void)
{
#ifdef M_MMAP_THRESHOLD
	mallopt(M_MMAP_THRESHOLD, 256 * 1024);
#endif
}

/*
 * A core dump would hold the sources of many users, in a file of another mode than theirs. Not where requests are
 * logged, for debugging; sanitizers look into the process themselves.
 *
 * PR_SET_NO_NEW_PRIVS stays off: at SIGTERM an ordinary user's mount is ended by fusermount3 -u, which is set-user-ID,
 * and without its privileges would leave a dead mount behind.
 */
static void keep_memory_private(const struct options *options)
{
#ifndef PF_SANITIZED
	if (!options->debug)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#else
	(void)options;
#endif
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	pf_err err = { 0 };
	int result = options_parse(argc, argv, &options, &err), status = 0;

	return_memory();
	keep_memory_private(&options);
	pf_log_verbose(options.debug);
	if (result == 0 && options.help)
		options_usage();
	else if (result == 0 && options.version)
		printf("patternfs %s (libfuse %s)\n", PF_VERSION, fuse_pkgversion());
	else if (result == 0 && options.check)
		status = maintain_check(options.database, &err);
	else if (result == 0 && options.backup)
		result = maintain_backup(options.database, options.mountpoint, &err);
	else if (result == 0)
		result = run(&options, &err);
	if (err.code)
		pf_log(PF_LOG_ERROR, "%s", err.why);
	if (result < 0)
		status = options.check ? MAINTAIN_UNREADABLE : 1;
	options_free(&options);
	return status;
}
