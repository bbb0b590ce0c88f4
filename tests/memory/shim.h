/*
 * Memory that runs out when it is told to: what the project's own code asks for
 * (the linker's --wrap leads it here), and SQLite's and, through their hooks,
 * cJSON's and libtree-sitter's. What others ask the C library for is never
 * refused.
 */
#ifndef PF_TEST_SHIM_H
#define PF_TEST_SHIM_H

#include <stdbool.h>

enum shortage {
	SHORTAGE_NONE,	  /* requests are counted all the same */
	SHORTAGE_ONCE,	  /* the n-th request alone is refused */
	SHORTAGE_LASTING, /* and all after it */
};

/* Before SQLite is used. False where it would not have it. */
bool shim_install(void);
/* From now on, counting from one. */
void shim_arm(enum shortage shortage, long at);
/* There is memory again. How many requests there were. */
long shim_disarm(void);

#endif
