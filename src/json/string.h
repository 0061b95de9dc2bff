/* string.h - strings that are not plain ASCII.  Private to json.  Thread: any. */
#ifndef BELAY_JSON_STRING_H
#define BELAY_JSON_STRING_H

#include "json/json.h"

/* Reads the string whose text begins at p (after the quote); at is its first byte that is no plain
 * ASCII. Sets node. Returns the byte after the closing quote, or NULL: then *ret_bad is where and
 * *ret_what says what is wrong there (NULL: the arena is full). */
const char *string_scan(const char *p, const char *at, const char *end, struct belay_arena *arena,
                        struct belay_json_node *node, const char **ret_bad, const char **ret_what);

#endif
