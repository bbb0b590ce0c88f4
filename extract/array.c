#include "array.h"

#include <stdlib.h>
#include <string.h>

bool array_room(void *array, uint32_t *room, uint32_t count, size_t size)
{
	uint32_t want;
	void *grown;

	if (count < *room)
		return true;
	want = *room ? *room * 2 : 64;
	if (want <= *room)
		return false;
	memcpy(&grown, array, sizeof grown);
	grown = reallocarray(grown, want, size);
	if (!grown)
		return false;
	memcpy(array, &grown, sizeof grown);
	*room = want;
	return true;
}
