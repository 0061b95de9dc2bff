/* schema_node.h - a compiled schema.  Private to json.  Thread: built by one (schema_compile.h),
 * then immutable and read by many (schema_eval.h).
 *
 *   schema_keyword.c   the table of keywords: who knows them, what they hold, how they are read
 *   schema_resolve.c   documents, resources ($id), anchors: from a $ref to a node
 *   schema_dialect.c   $schema: which keywords a resource knows
 *   schema_compile.c   keywords -> nodes          schema_read.c, schema_object_read.c: their values
 *   schema_circle.c    schemas that would evaluate themselves for ever
 *   schema_valid.c     evaluation: types, combinators, references
 *   schema_scalar.c    ... of numbers and strings     schema_array.c, schema_object.c
 *   schema_unevaluated.c   which members and elements were looked at
 *   schema_fault.c     sentences
 *   schema_view.c      what a schema admits, for who has only text
 *
 * A node is one (sub)schema.  Keywords are grouped by the type they speak of, so that a value is
 * only asked what concerns it. */
#ifndef BELAY_JSON_SCHEMA_NODE_H
#define BELAY_JSON_SCHEMA_NODE_H

#include "base/limits.h"
#include "base/map.h"
#include "json/format.h"
#include "json/pattern.h"
#include "json/schema.h"

#define SCHEMA_NONE UINT32_MAX /* an absent upper bound, an absent index */

struct schema_anchor {
    struct schema_anchor *next;
    struct belay_str name; /* "": 2019-09's $recursiveAnchor */
    struct belay_schema_node *node;
    bool dynamic;
};

/* What the dialect of a (sub)schema says of its keywords. */
struct schema_rules {
    uint8_t dialect;      /* enum belay_schema_dialect */
    uint8_t vocabularies; /* 1 << enum schema_vocabulary */
    bool assert_formats;
};

/* A document, or a part of one with an $id of its own. */
struct schema_resource {
    struct schema_resource *next;
    struct belay_str uri;   /* absolute, without fragment; may be empty */
    struct belay_str alias; /* the URI it was asked for, where that differs */
    const belay_json *root;
    const belay_json *document;
    struct schema_anchor *anchors;
    struct schema_rules rules; /* at its root */
    bool main;                 /* lies in the document that compile was given */
};

struct schema_number {
    const belay_json *minimum, *maximum, *above, *below; /* above: exclusiveMinimum */
    const belay_json *multiple;
    uint64_t multiple_digits; /* multiple = digits * 10^exponent */
    int multiple_exponent;
};

struct schema_string {
    uint32_t min, max; /* characters */
    struct pattern *pattern;
    const belay_json *pattern_text;
};

struct schema_list {
    struct belay_schema_node **items;
    uint32_t count;
};

struct schema_array {
    struct schema_list prefix;
    struct belay_schema_node *items, *contains, *unevaluated;
    uint32_t min, max, contains_min, contains_max;
    bool unique;
    bool contains_counts; /* what `contains` found is evaluated: not in 2019-09 */
};

struct schema_member {
    struct belay_str name;
    struct belay_schema_node *node; /* NULL: only required, or a trigger */
};

struct schema_pattern_member {
    struct pattern *pattern;
    struct belay_schema_node *node;
};

struct schema_dependent {
    uint32_t trigger;               /* member */
    uint32_t *required;             /* members */
    uint32_t required_count;
    struct belay_schema_node *node; /* NULL: none */
    const char *keyword;            /* that says so */
};

struct schema_object {
    struct schema_member *members; /* every name that some keyword mentions */
    uint32_t member_count, member_room;
    uint32_t *slots; /* hash table of indexes into members */
    uint32_t slot_mask;
    uint32_t *required;
    uint32_t required_count;
    uint64_t required_mask; /* where there are at most 64 members */
    uint32_t min, max;
    struct schema_pattern_member *patterns;
    uint32_t pattern_count;
    struct schema_dependent *dependents;
    uint32_t dependent_count;
    struct belay_schema_node *additional, *names, *unevaluated;
};

struct schema_choice {
    struct belay_str value;
    struct belay_schema_node *node;
};

/* OpenAPI's: which alternative a value means, by one of its members.  It explains faults; what is
 * valid does not depend on it. */
struct schema_discriminator {
    struct belay_str member;
    struct schema_choice *choices;
    uint32_t count;
};

/* What does not depend on the type. */
struct schema_general {
    const belay_json *constant, *enumeration, *discriminated;
    struct schema_list all, any, one;
    struct belay_schema_node *not_, *if_, *then, *else_, *ref;
    struct belay_schema_node *dynamic; /* $dynamicRef's first target */
    struct belay_str dynamic_name;     /* p != NULL: looked for in the dynamic scope */
    struct schema_discriminator *discriminator;
    bool deprecated;
};

enum schema_state { SCHEMA_SEEN, SCHEMA_QUEUED, SCHEMA_COMPILED };

struct belay_schema_node {
    uint16_t types; /* 1 << belay_json_type */
    bool integer;   /* numbers must be whole */
    bool never;     /* the schema `false`: types is 0 */
    bool plain;     /* nothing but `types` */
    uint8_t state, colour;
    uint8_t format; /* enum format; of strings or numbers */
    struct schema_number *number;
    struct schema_string *string;
    struct schema_array *array;
    struct schema_object *object;
    struct schema_general *general;
    struct schema_resource *resource;
    struct belay_schema_node *queue;
    const belay_json *source;
    uint32_t height; /* of the schemas that see the same value; 0: not known yet */
    const char *denied; /* "readOnly" in a request: nothing is allowed (types is 0) */
    struct schema_rules rules;
};

struct belay_schema {
    struct belay_arena arena;
    struct belay_schema_node *root;
    struct schema_resource *resources;
    struct pattern *patterns; /* all, to be freed */
    bool dynamic;             /* some $dynamicRef looks into the scope */
    bool deprecated;          /* something is */
};

#define SCHEMA_ALL_TYPES 0x1ff
#define SCHEMA_NUMBER_TYPES (1 << BELAY_JSON_INT | 1 << BELAY_JSON_DOUBLE | 1 << BELAY_JSON_BIG)

/* Index of the member called name, or SCHEMA_NONE. */
uint32_t schema_member_find(const struct schema_object *o, struct belay_str name);
uint32_t schema_member_hash(struct belay_str name);
/* Splits a number without its sign; false: more than 19 digits. */
bool schema_decimal(const belay_json *v, uint64_t *ret_digits, int *ret_exponent);
/* Pointer of a node in its document. */
struct belay_str schema_pointer_of(struct belay_arena *arena, const belay_json *document,
                                   const belay_json *node);

#endif
