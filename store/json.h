/*
 * Reading JSON, where it matters why there is none: cJSON answers NULL both for what is no JSON and without memory.
 */
#ifndef PF_JSON_H
#define PF_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * The JSON of TEXT, to be freed with cJSON_Delete; TEXT has LEN bytes and behind them a NUL, before which nothing but
 * white space may follow the value. NULL where it is no JSON, and END (may be NULL) is where that was found; or where
 * *NO_MEMORY is set. Any thread.
 */
cJSON *pf_json_read(const char *text, size_t len, const char **end, bool *no_memory);

#endif
