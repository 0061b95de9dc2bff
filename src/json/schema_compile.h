/* schema_compile.h - from a schema's text to its nodes; what the files that compile share.
 * Private to json.  Thread: one owner.
 *
 * A document is scanned before anything in it is compiled (schema_resolve.c); nodes are compiled
 * from a queue that begins with the one that was asked for.  Both are led by one table of keywords. */
#ifndef BELAY_JSON_SCHEMA_COMPILE_H
#define BELAY_JSON_SCHEMA_COMPILE_H

#include "json/schema_node.h"

struct schema_compiler {
    struct belay_schema *schema;
    struct belay_schema_opt opt;
    struct belay_map nodes;          /* source's address -> node */
    struct belay_schema_node *queue; /* to be compiled */
    uint32_t node_count, name_count; /* name: a document, an $id, an anchor */
    int mistake; /* status of the first that was told */
    struct belay_err *err;
};

/* ---- keywords ---- */

/* SOME: a map whose values are schemas where they are objects or booleans.  ITEMS: one schema or a
 * list of them. */
enum schema_holds { HOLDS_NOTHING, HOLDS_SCHEMA, HOLDS_LIST, HOLDS_ITEMS, HOLDS_MAP, HOLDS_SOME };
/* Where in a node a keyword's value goes. */
enum schema_part { PART_NODE, PART_GENERAL, PART_NUMBER, PART_STRING, PART_ARRAY, PART_OBJECT };
enum schema_vocabulary { VOCABULARY_CORE, VOCABULARY_APPLICATOR, VOCABULARY_UNEVALUATED, VOCABULARY_VALIDATION };

struct schema_keyword;

/* Reads v, the keyword's value, into `at`: the field that the table names. */
typedef int schema_read_fn(struct schema_compiler *c, struct belay_schema_node *n,
                           const struct schema_keyword *k, void *at, const belay_json *v);

struct schema_keyword {
    struct belay_str name;
    uint8_t dialects;    /* 1 << enum belay_schema_dialect */
    uint8_t vocabulary;  /* enum schema_vocabulary */
    uint8_t holds;       /* enum schema_holds */
    uint8_t part;        /* enum schema_part */
    uint16_t offset;     /* of the field within the part */
    schema_read_fn *read; /* NULL: an annotation */
};

/* NULL: not one of this dialect. */
const struct schema_keyword *schema_keyword_find(uint8_t dialect, struct belay_str name);
/* The one of the dialect that was probably meant; {NULL, 0}: none comes near. */
struct belay_str schema_keyword_meant(uint8_t dialect, struct belay_str name);

/* schema_read.c */
schema_read_fn schema_read_type, schema_read_child, schema_read_list, schema_read_value, schema_read_enum,
    schema_read_ref, schema_read_dynamic_ref, schema_read_recursive_ref, schema_read_bound, schema_read_multiple,
    schema_read_count, schema_read_flag, schema_read_pattern, schema_read_format, schema_read_items,
    schema_read_additional_items, schema_read_nullable, schema_read_read_only, schema_read_write_only,
    schema_read_deprecated, schema_read_discriminator;
/* schema_object_read.c */
schema_read_fn schema_read_properties, schema_read_required, schema_read_dependents,
    schema_read_pattern_properties;

/* ---- the compiler ---- */

int schema_no_memory(struct schema_compiler *c);
/* Fails with "message at URI#/pointer". */
int schema_refuse(struct schema_compiler *c, const struct belay_schema_node *at, int status, const char *fmt, ...)
    BELAY_PRINTF(4, 5);
/* Is candidate so near to what was written that it may have been meant? *best: a distance, 3 to begin with. */
bool schema_is_near(struct belay_str written, struct belay_str candidate, unsigned *best);
/* A mistake that somebody wants to be told of is told, and the compilation goes on: BELAY_OK. Else status. */
int schema_go_on(struct schema_compiler *c, int status) BELAY_MUST_CHECK;
/* The node of a schema within n's keywords: to be compiled. */
struct belay_schema_node *schema_child(struct schema_compiler *c, const belay_json *v);
void schema_enqueue(struct schema_compiler *c, struct belay_schema_node *n);
int schema_pattern_add(struct schema_compiler *c, struct belay_schema_node *n, struct belay_str text,
                       struct pattern **ret_pattern) BELAY_MUST_CHECK;
/* An object part without members. */
int schema_object_new(struct schema_compiler *c, struct belay_schema_node *n, struct schema_object **ret_object)
    BELAY_MUST_CHECK;
/* Names that a request need not send, and a response not contain, are not required of it. */
void schema_object_relax(struct schema_object *o);
/* After a node's keywords are read: the values of its discriminator. */
int schema_discriminate(struct schema_compiler *c, struct belay_schema_node *n) BELAY_MUST_CHECK;
/* Refuses schemas that would evaluate themselves for ever. */
int schema_check_circles(struct schema_compiler *c) BELAY_MUST_CHECK;

/* ---- documents ---- */

/* Where a schema is found: what a subschema inherits. */
struct schema_home {
    struct schema_resource *resource;
    struct schema_rules rules;
};

/* The node of the schema at v, known after this with all the schemas in it. */
int schema_scan(struct schema_compiler *c, const belay_json *v, struct schema_home home,
                struct belay_schema_node **ret_node) BELAY_MUST_CHECK;
struct belay_schema_node *schema_known(struct schema_compiler *c, const belay_json *v);
/* The first document. */
int schema_open_main(struct schema_compiler *c, const belay_json *root, const belay_json *schema,
                     struct belay_schema_node **ret_node) BELAY_MUST_CHECK;
/* Where a reference in `from` leads. ret_dynamic (may be NULL): the name, where it led to a
 * $dynamicAnchor; else {NULL, 0}. */
int schema_resolve(struct schema_compiler *c, const struct belay_schema_node *from, struct belay_str reference,
                   struct belay_schema_node **ret_node, struct belay_str *ret_dynamic) BELAY_MUST_CHECK;
/* The document of that absolute URI: what opt.resolve knows, else a published meta-schema; NULL: none. */
int schema_document(struct schema_compiler *c, struct belay_str uri, const belay_json **ret_document) BELAY_MUST_CHECK;
/* The text of a member; {NULL, 0}: it is not there or no string. */
struct belay_str schema_text_of(const belay_json *schema, const char *keyword);

/* ---- dialects ---- */

/* Those of a schema that says nothing. */
struct schema_rules schema_rules_of(uint8_t dialect, bool assert_formats);
/* n's $schema, if it has one, replaces its rules. */
int schema_take_dialect(struct schema_compiler *c, struct belay_schema_node *n) BELAY_MUST_CHECK;
/* Whether what stands beside a $ref counts for nothing. */
bool schema_ref_stands_alone(const struct belay_schema_node *n);

#endif
