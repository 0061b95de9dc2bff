/* redact_impl.h - the rules from the inside.  Private to json/redact*.c. */
#ifndef BELAY_JSON_REDACT_IMPL_H
#define BELAY_JSON_REDACT_IMPL_H

#include "json/redact.h"

struct redact_segment {
    struct belay_str name;
    uint64_t index;
    bool any, deep;    /* "*", "**" */
    bool is_index;     /* the name is a number: an element too */
    bool last;         /* of its path */
};

struct belay_redact {
    struct redact_segment *segments; /* of all paths, one after the other */
    uint32_t segment_count;
    struct belay_redact_at root;
    const struct belay_str *headers;
    uint32_t header_count;
    struct belay_redact_words secrets;
};

#define REDACT_MARK_BYTES_MAX 4096 /* of "[redacted /pointer]"; a longer one says no place */

/* The array's JSON text that was cut, made whole: without its last, unfinished member or element. Empty: it is none. */
struct belay_str redact_made_whole(struct belay_str text, struct belay_arena *arena);
/* Does it begin as an object or array? */
bool redact_looks_json(struct belay_str text);

#endif
