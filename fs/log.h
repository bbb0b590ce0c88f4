/*
 * The log: one line a message, to stderr while in the foreground, to syslog
 * once pf_log_to_syslog was called. Thread-safe.
 */
#ifndef PF_LOG_H
#define PF_LOG_H

#include <stdbool.h>

enum pf_log_level { PF_LOG_ERROR, PF_LOG_NOTICE, PF_LOG_DEBUG };

/* Debug messages are dropped unless VERBOSE. */
void pf_log_verbose(bool verbose);
void pf_log_to_syslog(void);
__attribute__((format(printf, 2, 3))) void pf_log(enum pf_log_level level, const char *fmt, ...);

#endif
