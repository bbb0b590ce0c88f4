/*
 * Told: what the kernel may believe until the next change.
 *
 * The kernel believes most attributes and listings for a day, and is told of the
 * few that a change is about. Some depend on everything, as components/NAME/similar/
 * does on all components: to tell of each of them at every change would cost
 * with their number, to let the kernel ask each time costs a request for every
 * look. So it is noted here which were given to the kernel since the last
 * change, and the next change tells of these alone, once. What it does not
 * name cannot be known to the kernel; and a notice is paid for by a look.
 *
 * Bounded: where there is no room any more, the kernel must ask each time.
 *
 * told_add is thread-safe and waits for nothing. One thread takes.
 */
#ifndef PF_TOLD_H
#define PF_TOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct told;

/* Has room for MAX inodes; NULL without memory. */
struct told *told_new(size_t max);
void told_free(struct told *told);

/* Notes the inode INO (not 0), before what the kernel is given of it is looked at; false: no room. */
bool told_add(struct told *told, uint64_t ino);
/* Whether anything is noted. */
bool told_any(struct told *told);
/* What was noted since this was called last is noted no more: how many, and at *INOS which, until the next call. */
size_t told_take(struct told *told, const uint64_t **inos);

#endif
