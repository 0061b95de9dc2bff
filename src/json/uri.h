/* uri.h - references between documents, RFC 3986 section 5.  Private to json.  Thread: any (pure). */
#ifndef BELAY_JSON_URI_H
#define BELAY_JSON_URI_H

#include <stdbool.h>

#include "base/arena.h"

struct uri {
    struct belay_str scheme, authority, path, query, fragment; /* p == NULL: not there; without ':' etc. */
};

struct uri uri_split(struct belay_str text);
/* reference as seen from base, without its fragment; in the arena. {NULL, 0}: no memory. base may be
 * empty or relative. */
struct belay_str uri_resolve(struct belay_arena *arena, struct belay_str base, struct belay_str reference);
/* Percent-decoded. {NULL, 0}: no memory, or a % without two digits. */
struct belay_str uri_decode(struct belay_arena *arena, struct belay_str text);

#endif
