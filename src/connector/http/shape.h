/* shape.h - what types a schema leaves for a text to become: a parameter or a form's field arrives as
 * text and is typed before the schema judges it.  Uses: json.  Thread: compile on one, then immutable.
 * Invariant: a shape only guides the typing; what it gets wrong the schema refuses. */
#ifndef BELAY_CONNECTOR_HTTP_SHAPE_H
#define BELAY_CONNECTOR_HTTP_SHAPE_H

#include "base/arena.h"
#include "json/json.h"

#define HTTP_TYPE_NUMBER 0x01 /* integer or number */
#define HTTP_TYPE_BOOLEAN 0x02
#define HTTP_TYPE_NULL 0x04
#define HTTP_TYPE_ARRAY 0x08
#define HTTP_TYPE_STRING 0x10
#define HTTP_TYPE_OBJECT 0x20

struct http_shape_member;

struct http_shape {
    uint8_t types; /* HTTP_TYPE_...; 0: nothing is said, a string */
    bool open;     /* an object takes members that are not listed */
    const struct http_shape *items, *others; /* of an array; of unlisted members; NULL: strings */
    const struct http_shape_member *members;
    uint32_t member_count;
};

struct http_shape_member {
    struct belay_str name;
    struct http_shape shape;
};

/* Looks through $ref, allOf, anyOf, oneOf, const and enum. schema may be NULL. What lies deeper than a
 * parameter can express, or in a circle, is left out. Errors: BELAY_NOMEM. */
int http_shape_of(struct belay_arena *arena, const belay_json *document, const belay_json *schema,
                  struct http_shape *ret_shape) BELAY_MUST_CHECK;
const struct http_shape *http_shape_member(const struct http_shape *s, struct belay_str name);

#endif
