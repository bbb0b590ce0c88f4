/*
 * Modules to measure with, where no real tree is at hand: Python made of
 * Airflow components with docstrings, parameters, guards, handlers, log calls
 * and helpers, chosen and named by a generator of pseudorandom numbers. The
 * same seed gives the same bytes.
 */
#ifndef PF_GENERATE_H
#define PF_GENERATE_H

#include "text.h"

enum module_shape {
	MANY_COMPONENTS, /* of about 5 KB each, what Airflow's own are like */
	MANY_METHODS,	 /* in a single component */
};

/* Appends a module of SIZE bytes or, by at most one method, fewer. */
void generate_module(pf_text *out, enum module_shape shape, size_t size, uint64_t seed);

#endif
