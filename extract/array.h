/*
 * Arrays that grow.
 */
#ifndef PF_ARRAY_H
#define PF_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Grows *ARRAY, a pointer to malloc's bytes or NULL, so that it holds COUNT + 1 members of SIZE. ROOM: how many it has
 * room for. False where memory ran out, or for 2^31 and more of them: all is as it was.
 */
bool array_room(void *array, uint32_t *room, uint32_t count, size_t size);

#endif
