#include "given.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "node.h"
#include "snapshot.h"
#include "spread.h"

enum { LOG_BITS = 22 };

struct given {
	atomic_uint_fast64_t words[(1 << LOG_BITS) / 64];
};

struct given *given_new(void)
{
	return calloc(1, sizeof(struct given));
}

void given_free(struct given *given)
{
	free(given);
}

/* By kind, and the row that the inode is a version of, or a link of; else its id (node.h). */
static uint32_t bit_of(uint64_t ino)
{
	uint64_t kind = ino >> NODE_ID_BITS, id = ino & ((UINT64_C(1) << NODE_ID_BITS) - 1), row = id >> SNAPSHOT_BITS;

	return (uint32_t)((spread(kind, LOG_BITS) + (row ? row : id)) & ((1 << LOG_BITS) - 1));
}

void given_add(struct given *given, uint64_t ino)
{
	uint32_t bit = bit_of(ino);

	atomic_fetch_or(&given->words[bit / 64], UINT64_C(1) << bit % 64);
}

bool given_has(const struct given *given, uint64_t ino)
{
	uint32_t bit = bit_of(ino);

	return atomic_load(&given->words[bit / 64]) >> bit % 64 & 1;
}
