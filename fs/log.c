#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

/* Both are set before the first thread starts, and only read afterwards. */
static bool verbose_log;
static bool to_syslog;

static const struct {
	const char *word;
	int priority;
} levels[] = {
	[PF_LOG_ERROR] = { "error", LOG_ERR },
	[PF_LOG_NOTICE] = { "notice", LOG_NOTICE },
	[PF_LOG_DEBUG] = { "debug", LOG_DEBUG },
};

void pf_log_verbose(bool verbose)
{
	verbose_log = verbose;
}

void pf_log_to_syslog(void)
{
	openlog("patternfs", LOG_PID, LOG_DAEMON);
	to_syslog = true;
}

void pf_log(enum pf_log_level level, const char *fmt, ...)
{
	char line[1024];
	va_list args;

	if (level == PF_LOG_DEBUG && !verbose_log)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof line, fmt, args);
	va_end(args);
	/* Names come from outside: a control character must not forge a line or drive a terminal. */
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	if (to_syslog)
		syslog(levels[level].priority, "%s", line);
	else
		fprintf(stderr, "patternfs: %s: %s\n", levels[level].word, line);
}
