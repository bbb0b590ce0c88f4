/*
 * Errors: a code for the kernel and a sentence for a person.
 *
 * The caller owns the pf_err, usually on its stack, zeroed (`pf_err err = {0}`).
 * Nothing is allocated. The first failure wins: a later pf_fail on the same
 * pf_err keeps the earlier code and sentence, so that clean-up that fails too
 * does not hide the cause. Functions that take a pf_err accept NULL.
 */
#ifndef PF_ERR_H
#define PF_ERR_H

typedef struct pf_err {
	int code;      /* a positive errno value; 0 while nothing failed */
	char why[768]; /* one line of UTF-8: control characters and other bytes of its arguments are `?` */
} pf_err;

/* Records CODE (a positive errno) and the sentence; returns -CODE, or minus the code that won. */
__attribute__((format(printf, 3, 4), nonnull(3))) int pf_fail(pf_err *err, int code, const char *fmt, ...);

/* Forgets what ERR holds, for a caller that goes on after a failure it has dealt with. */
void pf_err_clear(pf_err *err);

#endif
