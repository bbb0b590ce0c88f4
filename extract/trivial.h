#ifndef PF_TRIVIAL_H
#define PF_TRIVIAL_H

#include "tree.h"

/* True where the canonical form TEMPLATE of such a unit says so little that it should never lead a list. */
bool is_trivial(const char *unit, slice template);

#endif
