/*
 * Given: which inodes the kernel was ever given, and may know.
 *
 * A change makes stale some dozens of inodes and names, and of most of them the
 * kernel never heard, for nobody looked there: to tell of them is a system call
 * each, and of names a thread's wake-up. What was never given need not be told
 * of. A set that forgets nothing and may say yes where that is not so: 4,000,000
 * bits, of which as many as are given are set at the most, and the rest saves what
 * it saves. A row's versions and links share one bit. Bits of a kind's rows follow
 * each other, for a walk gives all of them, and who sets bits that lie anywhere
 * waits for memory each time.
 *
 * Who gives an inode says so once it has looked at what it gives, before it
 * replies: a notice that is not sent would have come before the reply, and have
 * found nothing to tell of.
 *
 * Thread-safe, waits for nothing.
 */
#ifndef PF_GIVEN_H
#define PF_GIVEN_H

#include <stdbool.h>
#include <stdint.h>

struct given;

/* NULL without memory. */
struct given *given_new(void);
void given_free(struct given *given);

void given_add(struct given *given, uint64_t ino);
/* Whether INO may be among them. */
bool given_has(const struct given *given, uint64_t ino);

#endif
