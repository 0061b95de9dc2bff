/* Keywords -> nodes: each member of a schema is looked up in the table and read into its field. */
#include "base/alloc.h"
#include "base/assert.h"
#include "json/schema_compile.h"

int schema_no_memory(struct schema_compiler *c)
{
    return belay_fail(c->err, BELAY_NOMEM, "no memory for the schema");
}

int schema_go_on(struct schema_compiler *c, int status)
{
    if ((status != BELAY_INVALID && status != BELAY_UNSUPPORTED) || !c->opt.mistake)
        return status;
    c->opt.mistake(c->opt.mistake_arg, c->err->msg);
    c->mistake = c->mistake ? c->mistake : status;
    return BELAY_OK;
}

void schema_enqueue(struct schema_compiler *c, struct belay_schema_node *n)
{
    if (n->state != SCHEMA_SEEN)
        return;
    n->state = SCHEMA_QUEUED;
    n->queue = c->queue;
    c->queue = n;
}

struct belay_schema_node *schema_child(struct schema_compiler *c, const belay_json *v)
{
    struct belay_schema_node *n = schema_known(c, v);
    BELAY_ASSERT(n); /* the scan is led by the same table */
    schema_enqueue(c, n);
    return n;
}

/* ---- parts ---- */

static struct schema_string *string_new(struct belay_arena *arena)
{
    struct schema_string *p = BELAY_ARENA_NEW(arena, struct schema_string);
    if (p)
        p->max = SCHEMA_NONE;
    return p;
}

static struct schema_array *array_new(struct belay_arena *arena, uint8_t dialect)
{
    struct schema_array *p = BELAY_ARENA_NEW(arena, struct schema_array);
    if (p) {
        p->max = p->contains_max = SCHEMA_NONE;
        p->contains_min = 1;
        p->contains_counts = dialect != BELAY_SCHEMA_2019_09;
    }
    return p;
}

/* The part of n that a keyword goes to, made if need be. */
static int part_of(struct schema_compiler *c, struct belay_schema_node *n, enum schema_part part, void **ret_part)
{
    struct belay_arena *arena = &c->schema->arena;
    int status = BELAY_OK;
    void *p = n;
    switch (part) {
    case PART_NODE: break;
    case PART_GENERAL: p = n->general = n->general ? n->general : BELAY_ARENA_NEW(arena, struct schema_general); break;
    case PART_NUMBER: p = n->number = n->number ? n->number : BELAY_ARENA_NEW(arena, struct schema_number); break;
    case PART_STRING: p = n->string = n->string ? n->string : string_new(arena); break;
    case PART_ARRAY: p = n->array = n->array ? n->array : array_new(arena, n->rules.dialect); break;
    case PART_OBJECT:
        status = n->object ? BELAY_OK : schema_object_new(c, n, &n->object);
        p = n->object;
        break;
    }
    if (status)
        return status;
    *ret_part = p;
    return p ? BELAY_OK : schema_no_memory(c);
}

/* ---- nodes ---- */

static int read_keyword(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_keyword *k,
                        const belay_json *v)
{
    void *part;
    if (!k->read || !(n->rules.vocabularies >> k->vocabulary & 1))
        return BELAY_OK;
    if (k->holds >= HOLDS_MAP && v->type != BELAY_JSON_OBJECT)
        return schema_refuse(c, n, BELAY_INVALID, "%.*s must be an object", BELAY_STR_ARG(k->name));
    int status = part_of(c, n, (enum schema_part)k->part, &part);
    return status ? status : k->read(c, n, k, (char *)part + k->offset, v);
}

static void sum_up(struct belay_schema_node *n)
{
    if (n->denied || n->never)
        n->types = 0;
    n->plain = !n->never && !n->integer && !n->format && !n->number && !n->string && !n->array && !n->object
               && !n->general;
}

static int compile_node(struct schema_compiler *c, struct belay_schema_node *n)
{
    BELAY_ASSERT(n->state == SCHEMA_QUEUED);
    int status = BELAY_OK;
    bool ref_alone = schema_ref_stands_alone(n);
    n->state = SCHEMA_COMPILED;
    n->never = n->source->type == BELAY_JSON_FALSE;
    const belay_json *key = belay_json_first(n->source);
    uint32_t count = n->source->type == BELAY_JSON_OBJECT ? n->source->n : 0;
    for (uint32_t i = 0; i < count && !status; i++, key = belay_json_next(key + 1)) {
        struct belay_str name = belay_json_str(key);
        const struct schema_keyword *k = schema_keyword_find(n->rules.dialect, name);
        if (!k || (ref_alone && !belay_str_eq(name, BELAY_STR("$ref"))))
            continue;
        if (belay_json_get(n->source, name) == key + 1) /* of two with one name the last counts */
            status = schema_go_on(c, read_keyword(c, n, k, key + 1));
    }
    if (!status && n->general && n->general->discriminated)
        status = schema_go_on(c, schema_discriminate(c, n));
    sum_up(n);
    return status;
}

static int drain(struct schema_compiler *c)
{
    int status = BELAY_OK;
    while (c->queue && !status) {
        struct belay_schema_node *n = c->queue;
        c->queue = n->queue;
        status = compile_node(c, n);
    }
    return status;
}

/* Whatever a $dynamicRef may come to; references in them may open more documents. */
static int drain_with_anchors(struct schema_compiler *c)
{
    int status = drain(c);
    for (bool more = c->schema->dynamic; more && !status;) {
        for (struct schema_resource *r = c->schema->resources; r; r = r->next)
            for (struct schema_anchor *a = r->anchors; a; a = a->next)
                if (a->dynamic)
                    schema_enqueue(c, a->node);
        more = c->queue != NULL;
        status = drain(c);
    }
    return status;
}

static void relax_required(struct schema_compiler *c)
{
    size_t at = 0;
    for (struct belay_map_slot *slot; (slot = belay_map_next(&c->nodes, &at));) {
        struct belay_schema_node *n = slot->value;
        if (n->object)
            schema_object_relax(n->object);
    }
}

/* ---- the whole ---- */

static int compile(struct schema_compiler *c, const belay_json *root, const belay_json *schema)
{
    int status = schema_open_main(c, root, schema, &c->schema->root);
    if (!status) {
        schema_enqueue(c, c->schema->root);
        status = drain_with_anchors(c);
    }
    bool whole = !status && !c->mistake; /* with holes it is not to be looked at */
    if (whole && c->opt.direction != BELAY_SCHEMA_ANY)
        relax_required(c);
    if (whole)
        status = schema_check_circles(c);
    status = schema_go_on(c, status);
    return status ? status : c->mistake;
}

int belay_schema_compile(const belay_json *root, const belay_json *schema,
                         const struct belay_schema_opt *opt, struct belay_schema **ret_schema,
                         struct belay_err *err)
{
    BELAY_ASSERT(root && schema && ret_schema);
    struct belay_err own = { 0 };
    struct schema_compiler c = { .err = err ? err : &own };
    c.schema = belay_calloc(1, sizeof *c.schema);
    if (!c.schema)
        return schema_no_memory(&c);
    if (opt)
        c.opt = *opt;
    belay_arena_init(&c.schema->arena, BELAY_KIB(8), BELAY_SCHEMA_BYTES_MAX);
    belay_map_init(&c.nodes);
    int status = compile(&c, root, schema);
    belay_map_deinit(&c.nodes);
    if (status) {
        belay_schema_free(c.schema);
        return status;
    }
    *ret_schema = c.schema;
    return BELAY_OK;
}

void belay_schema_free(struct belay_schema *s)
{
    if (!s)
        return;
    for (struct pattern *p = s->patterns, *next; p; p = next) {
        next = p->next;
        pattern_free(p);
    }
    belay_arena_deinit(&s->arena);
    belay_free(s);
}
