/*
 * Tests by rows: sources and what must come out of them. A row that fails
 * names itself, and the loop goes on; rows_done, at a loop's end, fails the
 * test where any did.
 */
#ifndef ROWS_H
#define ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "extract.h"

extern pf_extractor *extractor; /* between setup and teardown, those of a group */

int setup(void **state);
int teardown(void **state);

void fail_row(const char *row, const char *what, const char *got, const char *want);
void rows_done(void);

/* What is at PATH, keys and indices with dots between; NULL where nothing is. */
const cJSON *follow(const cJSON *json, const char *path);

#endif
