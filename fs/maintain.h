/* What the command does with a database beside mounting it. */
#ifndef PF_MAINTAIN_H
#define PF_MAINTAIN_H

#include "err.h"

/* Exit statuses of a check. */
enum { MAINTAIN_WHOLE = 0, MAINTAIN_DAMAGED = 1, MAINTAIN_UNREADABLE = 2 };

/* Checks DATABASE, a line of standard output for each finding. Returns the exit status; ERR where it is unreadable. */
int maintain_check(const char *database, pf_err *err);
/* Copies DATABASE to FILE. A signal that would end the process removes the copy. 0, or minus an errno value. */
int maintain_backup(const char *database, const char *file, pf_err *err);

#endif
