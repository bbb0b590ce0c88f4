#include "maintain.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "store.h"

static int print_finding(void *arg, const char *finding)
{
	int *count = arg;

	++*count;
	return printf("%s\n", finding) < 0; /* nobody listens any more */
}

int maintain_check(const char *database, pf_err *err)
{
	int count = 0;

	if (pf_store_check(database, print_finding, &count, err) < 0)
		return MAINTAIN_UNREADABLE;
	if (fflush(stdout) != 0 || ferror(stdout)) {
		pf_fail(err, EIO, "cannot write what was found");
		return MAINTAIN_UNREADABLE;
	}
	return count ? MAINTAIN_DAMAGED : MAINTAIN_WHOLE;
}

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

int maintain_backup(const char *database, const char *file, pf_err *err)
{
	static const int ends[] = { SIGHUP, SIGINT, SIGTERM };
	struct sigaction action = { .sa_handler = stop, .sa_flags = SA_RESTART };

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		sigaction(ends[i], &action, NULL);
	return pf_store_backup(database, file, &stopped, err);
}
