/* A directory for a target's databases, in memory where the system has such; it goes with the process. */
#ifndef PF_FUZZ_PLACE_H
#define PF_FUZZ_PLACE_H

/* The path of NAME there; the same buffer each time. Ends the process where there is no place. */
const char *place_of(const char *name);

/* Ends the process where GOOD is not. */
void check(int good);

#endif
