#ifndef PF_TEST_GROUPS_H
#define PF_TEST_GROUPS_H

#include "harness.h"

/* Each returns how many of its tests failed. */
int opening_tests(void);
int learning_tests(void);
int verdict_tests(void);
int incoming_tests(void);
int metadata_tests(void);
int history_tests(void);
int plan_tests(void);
int prefetch_tests(void);
int query_tests(void);
int example_tests(void);
int maintenance_tests(void);

#endif
