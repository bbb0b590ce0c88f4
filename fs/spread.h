/* Hashing of numbers for tables: rows that follow each other lie apart. */
#ifndef PF_SPREAD_H
#define PF_SPREAD_H

#include <stdint.h>

/* Fibonacci hashing (Knuth, The Art of Computer Programming, volume 3, 6.4): the high BITS (1 to 64) of a product. */
static inline uint64_t spread(uint64_t value, int bits)
{
	return value * 0x9e3779b97f4a7c15u >> (64 - bits);
}

#endif
