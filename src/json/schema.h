/* schema.h - JSON Schema, compiled once, validated without allocation on success.
 * Uses: json.  Thread: compile on one; a compiled schema is immutable and may be used by many.
 * Invariant: belay_schema_valid() says the same with and without faults. */
#ifndef BELAY_JSON_SCHEMA_H
#define BELAY_JSON_SCHEMA_H

#include "json/json.h"

struct belay_schema;

/* ---- compilation ---- */

enum belay_schema_dialect {
    BELAY_SCHEMA_2020_12,   /* OpenAPI 3.1 too: discriminator, readOnly, writeOnly are known */
    BELAY_SCHEMA_2019_09,
    BELAY_SCHEMA_DRAFT_07,
    BELAY_SCHEMA_OPENAPI_30 /* nullable, boolean exclusiveMinimum, nothing beside $ref */
};

/* The dialect that a $schema or jsonSchemaDialect names, with or without "#" at its end. False: none of
 * them; *ret_dialect is untouched. */
bool belay_schema_dialect_find(struct belay_str uri, enum belay_schema_dialect *ret_dialect);

/* In a request nothing that is readOnly may be sent, nor is it required; in a response the same
 * of writeOnly. */
enum belay_schema_direction { BELAY_SCHEMA_ANY, BELAY_SCHEMA_REQUEST, BELAY_SCHEMA_RESPONSE };

struct belay_schema_opt {
    /* Looks up documents that $ref and $schema name by absolute URI; NULL where it knows none: then it may be
     * a published meta-schema, which are built in. The tape outlives the schema. Not asked for a dialect that
     * we know. */
    const belay_json *(*resolve)(void *arg, struct belay_str uri);
    void *resolve_arg;
    struct belay_str base_uri; /* of root; may be empty */
    enum belay_schema_dialect dialect; /* where no $schema names one */
    enum belay_schema_direction direction;
    bool assert_formats;       /* date-time, date, time, email, uuid, uri, ipv4, ipv6, ... */
    /* Told of each member of a schema that its dialect does not know ("x-..." is known), with the
     * pointer of the schema and the keyword that may have been meant (p NULL: none); such a keyword changes no
     * verdict. NULL: nobody asks. */
    void (*unknown_keyword)(void *arg, struct belay_str schema, struct belay_str keyword, struct belay_str meant);
    void *unknown_keyword_arg;
    /* Told of every mistake (BELAY_INVALID, BELAY_UNSUPPORTED) as msg would say it, so that a person sees all of them at
     * once; the compilation fails after the last. NULL: it fails at the first. */
    void (*mistake)(void *arg, const char *message);
    void *mistake_arg;
};

/* A resolve that knows every document, and it admits everything: for who tells of mistakes where files are missing. */
const belay_json *belay_schema_anything(void *arg, struct belay_str uri);

/* Compiles the schema at `schema` within the document `root` (so that "#/components/..." is found;
 * root == schema for a plain one). Borrows both tapes for the schema's life. opt may be NULL.
 * Errors: BELAY_INVALID (unknown type, bad pattern, $ref to nothing or to itself; msg ends with the
 * place, "... at #/properties/a"), BELAY_UNSUPPORTED (a dialect or a vocabulary that is not known),
 * BELAY_LIMIT (more than base/limits.h allows), BELAY_NOMEM. */
int belay_schema_compile(const belay_json *root, const belay_json *schema,
                         const struct belay_schema_opt *opt, struct belay_schema **ret_schema,
                         struct belay_err *err) BELAY_MUST_CHECK;
void belay_schema_free(struct belay_schema *s);

/* ---- validation ---- */

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

/* True when value is valid. faults NULL: stops at the first fault. Takes no heap memory when valid, but for
 * international host names and uniqueItems over more than 512 items. */
bool belay_schema_valid(const struct belay_schema *s, const belay_json *value,
                        struct belay_schema_faults *faults);

/* Whether anything in the schema is `deprecated`; and what a valid value uses of it, as faults whose
 * sentences say so. */
bool belay_schema_has_deprecated(const struct belay_schema *s);
void belay_schema_deprecated(const struct belay_schema *s, const belay_json *value,
                             struct belay_schema_faults *notes);

/* ---- what a schema admits, for who has only text (a parameter, a form field) ---- */

struct belay_schema_node; /* a schema within a compiled one; lives as long as it */

const struct belay_schema_node *belay_schema_root(const struct belay_schema *s);
/* Types that may fit, 1 << enum belay_json_type: follows $ref, allOf (what all admit), anyOf and oneOf
 * (what one admits); whatever a reference in a circle or a condition says is left out. n may be NULL:
 * all. *ret_integer (may be NULL): where numbers fit, only whole ones do. */
unsigned belay_schema_types(const struct belay_schema_node *n, bool *ret_integer);
/* The schema of a member, of an item; NULL where nothing is said of it. The first found counts. */
const struct belay_schema_node *belay_schema_member(const struct belay_schema_node *n, struct belay_str name);
const struct belay_schema_node *belay_schema_item(const struct belay_schema_node *n, size_t index);

#endif
