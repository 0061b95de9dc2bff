/* tape.h - builds a tape (json.h) from texts, value by value, in an arena.  Uses: json, shape.
 * Thread: one owner.  A tape that found no memory ignores what follows; look at `failed` once.
 *
 *     size_t at = http_tape_open(&t, BELAY_JSON_ARRAY);
 *     http_tape_text(&t, text, types);      one value; in an object after http_tape_string (its key)
 *     http_tape_close(&t, at, 1);           elements, or members */
#ifndef BELAY_CONNECTOR_HTTP_TAPE_H
#define BELAY_CONNECTOR_HTTP_TAPE_H

#include "base/arena.h"
#include "json/json.h"

struct http_tape {
    struct belay_arena *arena;
    struct belay_json_node *nodes;
    size_t n, cap;
    bool failed;
};

/* expected: nodes; more is no mistake. */
struct http_tape http_tape(struct belay_arena *arena, size_t expected);
size_t http_tape_open(struct http_tape *t, enum belay_json_type type);
void http_tape_close(struct http_tape *t, size_t at, uint32_t count);
void http_tape_string(struct http_tape *t, struct belay_str text);
/* The text as one of types (HTTP_TYPE_...) where it is one, else a string. */
void http_tape_text(struct http_tape *t, struct belay_str text, uint8_t types);
/* A copy of a whole value. */
void http_tape_value(struct http_tape *t, const belay_json *v);
/* NULL: no memory. */
const belay_json *http_tape_root(const struct http_tape *t);

#endif
