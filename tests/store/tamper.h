#ifndef PF_TEST_TAMPER_H
#define PF_TEST_TAMPER_H

#include <stdbool.h>

/* Runs SQL on the database at PATH, as somebody whom no trigger and no check of its schema binds. */
bool tamper(const char *path, const char *sql);

#endif
