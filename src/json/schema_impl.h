/* schema_impl.h - a compiled schema, and what the files that compile and evaluate it share.
 * Private to json.
 *
 *   schema_resolve.c  documents, resources ($id), anchors: from a $ref to a node
 *   schema_compile.c  keywords -> nodes
 *   schema_valid.c    evaluation: types, combinators, references
 *   schema_scalar.c   ... of numbers and strings     schema_array.c, schema_object.c
 *   schema_unevaluated.c   which members and elements were looked at
 *   schema_fault.c    sentences
 *
 * A node is one (sub)schema.  Keywords are grouped by the type they speak of, so that a value is
 * only asked what concerns it. */
#ifndef BELAY_JSON_SCHEMA_IMPL_H
#define BELAY_JSON_SCHEMA_IMPL_H

#include "base/limits.h"
#include "base/map.h"
#include "json/format.h"
#include "json/pattern.h"
#include "json/schema.h"

#define SCHEMA_NONE UINT32_MAX /* an absent upper bound, an absent index */

/* ---- compiled ---- */

struct schema_node;

struct schema_anchor {
    struct schema_anchor *next;
    struct belay_str name;
    struct schema_node *node;
    bool dynamic;
};

/* A document, or a part of one with an $id of its own. */
struct schema_resource {
    struct schema_resource *next;
    struct belay_str uri;      /* absolute, without fragment; may be empty */
    struct belay_str alias;    /* the URI it was asked for, where that differs */
    const belay_json *root;
    const belay_json *document;
    struct schema_anchor *anchors;
    bool main;                 /* lies in the document that compile was given */
    bool no_validation;        /* its dialect lacks the vocabulary of assertions */
    bool assert_formats;
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

struct schema_array {
    struct schema_node **prefix;
    uint32_t prefix_count;
    struct schema_node *items, *contains, *unevaluated;
    uint32_t min, max, contains_min, contains_max;
    bool unique;
};

struct schema_member {
    struct belay_str name;
    struct schema_node *node; /* NULL: only required, or a trigger */
};

struct schema_pattern_member {
    struct pattern *pattern;
    struct schema_node *node;
};

struct schema_dependent {
    uint32_t trigger;         /* member */
    uint32_t *required;       /* members */
    uint32_t required_count;
    struct schema_node *node; /* NULL: none */
};

struct schema_object {
    struct schema_member *members; /* every name that some keyword mentions */
    uint32_t member_count;
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
    struct schema_node *additional, *names, *unevaluated;
};

struct schema_list {
    struct schema_node **items;
    uint32_t count;
};

/* What does not depend on the type. */
struct schema_general {
    const belay_json *constant, *enumeration;
    struct schema_list all, any, one;
    struct schema_node *not_, *if_, *then, *else_, *ref;
    struct schema_node *dynamic;     /* $dynamicRef's first target */
    struct belay_str dynamic_name;   /* p != NULL: looked for in the dynamic scope */
};

enum schema_state { SCHEMA_SEEN, SCHEMA_QUEUED, SCHEMA_COMPILED };

struct schema_node {
    uint16_t types; /* 1 << belay_json_type */
    bool integer;   /* numbers must be whole */
    bool never;     /* the schema `false` */
    bool plain;     /* nothing but `types` */
    uint8_t state, colour;
    uint8_t format; /* enum format; of strings or numbers */
    struct schema_number *number;
    struct schema_string *string;
    struct schema_array *array;
    struct schema_object *object;
    struct schema_general *general;
    struct schema_resource *resource;
    struct schema_node *queue;
    const belay_json *source;
};

struct belay_schema {
    struct belay_arena arena;
    struct schema_node *root;
    struct schema_resource *resources;
    struct pattern *patterns; /* all, to be freed */
    bool dynamic;             /* some $dynamicRef looks into the scope */
};

#define SCHEMA_ALL_TYPES 0x1ff
#define SCHEMA_NUMBER_TYPES (1 << BELAY_JSON_INT | 1 << BELAY_JSON_DOUBLE | 1 << BELAY_JSON_BIG)

/* ---- compilation ---- */

struct schema_compiler {
    struct belay_schema *schema;
    struct belay_schema_opt opt;
    struct belay_map nodes;     /* source's address -> node */
    struct schema_node *queue;  /* to be compiled */
    uint32_t node_count;
    struct belay_err *err;
};

/* Keywords that hold schemas, for the scan; and how each is compiled. */
/* HOLDS_SOME: a map whose values are schemas where they are objects or booleans. */
enum schema_holds { HOLDS_NOTHING, HOLDS_SCHEMA, HOLDS_LIST, HOLDS_MAP, HOLDS_SOME };
enum schema_holds schema_keyword_holds(struct belay_str keyword);

/* Fails with "message at URI#/pointer". */
int schema_refuse(struct schema_compiler *c, const struct schema_node *at, int status, const char *fmt, ...)
    BELAY_PRINTF(4, 5);
/* The node of the schema at v, known after this with all the schemas in it. */
int schema_scan(struct schema_compiler *c, const belay_json *v, struct schema_resource *resource,
                struct schema_node **ret_node) BELAY_MUST_CHECK;
struct schema_node *schema_known(struct schema_compiler *c, const belay_json *v);
/* The first document. */
int schema_open_main(struct schema_compiler *c, const belay_json *root, const belay_json *schema,
                     struct schema_node **ret_node) BELAY_MUST_CHECK;
/* Where a reference in `from` leads. ret_dynamic (may be NULL): the name, where it led to a
 * $dynamicAnchor; else {NULL, 0}. */
int schema_resolve(struct schema_compiler *c, const struct schema_node *from, struct belay_str reference,
                   struct schema_node **ret_node, struct belay_str *ret_dynamic) BELAY_MUST_CHECK;
/* Pointer of a node in its document. */
struct belay_str schema_pointer_of(struct belay_arena *arena, const belay_json *document,
                                   const belay_json *node);

/* ---- evaluation ---- */

/* The way from the root of the instance. */
struct schema_place {
    const struct schema_place *up;
    const belay_json *key; /* NULL: index */
    uint32_t index;
};

/* Resources that were entered on the way, the innermost first. */
struct schema_scope {
    const struct schema_scope *up;
    const struct schema_resource *resource;
};

struct schema_run {
    struct belay_schema_faults *faults; /* NULL: stop at the first */
    const struct schema_scope *scope;
    bool dynamic;
};

bool schema_eval(struct schema_run *r, const struct schema_node *n, const belay_json *v,
                 const struct schema_place *at);
/* The same; many a node only names a type. */
static inline bool schema_check(struct schema_run *r, const struct schema_node *n, const belay_json *v,
                                const struct schema_place *at)
{
    return (n->plain && (n->types >> v->type & 1)) || schema_eval(r, n, v, at);
}
/* Only the verdict. */
bool schema_holds_for(struct schema_run *r, const struct schema_node *n, const belay_json *v);
bool schema_eval_number(struct schema_run *r, const struct schema_node *n, const belay_json *v,
                        const struct schema_place *at);
bool schema_eval_string(struct schema_run *r, const struct schema_node *n, const belay_json *v,
                        const struct schema_place *at);
bool schema_eval_array(struct schema_run *r, const struct schema_node *n, const belay_json *v,
                       const struct schema_place *at);
bool schema_eval_object(struct schema_run *r, const struct schema_node *n, const belay_json *v,
                        const struct schema_place *at);
/* Index of the member called name, or SCHEMA_NONE. guess: tried first. */
uint32_t schema_member_find(const struct schema_object *o, struct belay_str name, uint32_t guess);
uint32_t schema_member_hash(struct belay_str name);
/* Whether a number is whole, and whether it is a multiple. */
bool schema_is_integer(const belay_json *v);
bool schema_is_multiple(const belay_json *v, uint64_t digits, int exponent);
/* Splits a positive number; false: more than 19 digits. */
bool schema_decimal(const belay_json *v, uint64_t *ret_digits, int *ret_exponent);
/* Where $dynamicRef leads now. */
const struct schema_node *schema_dynamic_target(const struct schema_run *r, const struct schema_general *g);

/* unevaluatedProperties, unevaluatedItems: the node has it. */
bool schema_eval_unevaluated(struct schema_run *r, const struct schema_node *n, const belay_json *v,
                             const struct schema_place *at);

/* ---- faults: each returns whether to go on looking for others ---- */

bool schema_fault(struct schema_run *r, const struct schema_node *n, const char *keyword,
                  const struct schema_place *at, const char *fmt, ...) BELAY_PRINTF(5, 6);
/* A short text of a value; views live in the faults' arena. "" when nobody listens. */
struct belay_str schema_text(const struct schema_run *r, const belay_json *v);

#endif
