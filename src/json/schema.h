/* schema.h - JSON Schema 2020-12, compiled once, validated without allocation on success.
 * Uses: json.  Thread: compile on one; a compiled schema is immutable and may be used by many. */
#ifndef BELAY_JSON_SCHEMA_H
#define BELAY_JSON_SCHEMA_H

#include "json/json.h"

struct belay_schema;

/* Looks up documents that $ref names by absolute URI; NULL where it knows none. The tape outlives the
 * schema. */
struct belay_schema_opt {
    const belay_json *(*resolve)(void *arg, struct belay_str uri);
    void *resolve_arg;
    struct belay_str base_uri;   /* of root; may be empty */
    bool assert_formats;         /* date-time, date, time, email, uuid, uri, ipv4, ipv6, ... */
};

/* Compiles the schema at `schema` within the document `root` (so that "#/components/..." is found;
 * root == schema for a plain one). Borrows both tapes for the schema's life. opt may be NULL.
 * Errors: BELAY_INVALID (unknown type, bad pattern, $ref to nothing; msg names the schema pointer),
 * BELAY_UNSUPPORTED (a keyword not yet handled that would change the verdict), BELAY_NOMEM. */
int belay_schema_compile(const belay_json *root, const belay_json *schema,
                         const struct belay_schema_opt *opt, struct belay_schema **ret_schema,
                         struct belay_err *err) BELAY_MUST_CHECK;
void belay_schema_free(struct belay_schema *s);

/* One fault. Views live as long as the errors buffer's arena. */
struct belay_schema_fault {
    struct belay_str instance; /* JSON Pointer of what is wrong ("" is the whole) */
    struct belay_str schema;   /* JSON Pointer of the keyword that says so */
    struct belay_str message;  /* "0 is less than the minimum 1" */
};

struct belay_schema_faults {
    struct belay_arena *arena;           /* where texts go */
    struct belay_schema_fault *items;    /* in the arena */
    size_t count, count_max;             /* count_max 0: 100; more are counted in `dropped` */
    size_t dropped;
};

/* True when value is valid. faults NULL: stops at the first fault. Never allocates when valid. */
bool belay_schema_valid(const struct belay_schema *s, const belay_json *value,
                        struct belay_schema_faults *faults);

#endif
