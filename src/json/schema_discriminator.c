/* OpenAPI's discriminator: a member whose value tells which alternative is meant.  The value is a key
 * of `mapping`, or the last part of an alternative's $ref. */
#include "base/assert.h"
#include "json/schema_compile.h"

static void choose(struct schema_discriminator *d, struct belay_str value, struct belay_schema_node *node)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (belay_str_eq(d->choices[i].value, value))
            return; /* the mapping comes first */
    d->choices[d->count++] = (struct schema_choice){ value, node };
}

static struct belay_str last_part(struct belay_str reference)
{
    size_t at = reference.n;
    while (at && reference.p[at - 1] != '/')
        at--;
    return belay_str_sub(reference, at, reference.n);
}

/* A mapping's value is a reference, or the bare name of a component. */
static int resolve(struct schema_compiler *c, struct belay_schema_node *n, struct belay_str target,
                   struct belay_schema_node **ret_node)
{
    bool bare = belay_str_find(target, '/') == target.n && belay_str_find(target, '#') == target.n
                && belay_str_find(target, '.') == target.n;
    struct belay_str reference =
        bare ? belay_arena_printf(&c->schema->arena, "#/components/schemas/%.*s", BELAY_STR_ARG(target)) : target;
    return reference.p ? schema_resolve(c, n, reference, ret_node, NULL) : schema_no_memory(c);
}

static int read_mapping(struct schema_compiler *c, struct belay_schema_node *n, struct schema_discriminator *d,
                        const belay_json *mapping)
{
    int status = BELAY_OK;
    const belay_json *key = belay_json_first(mapping);
    for (uint32_t i = 0; i < mapping->n && !status; i++, key = belay_json_next(key + 1)) {
        struct belay_schema_node *target = NULL;
        if (key[1].type != BELAY_JSON_STRING)
            return schema_refuse(c, n, BELAY_INVALID, "discriminator's mapping wants texts");
        status = resolve(c, n, belay_json_str(key + 1), &target);
        if (status)
            return status;
        schema_enqueue(c, target);
        choose(d, belay_json_str(key), target);
    }
    return status;
}

static void read_alternatives(struct schema_discriminator *d, const struct schema_list *l)
{
    for (uint32_t i = 0; i < l->count; i++) {
        struct belay_str ref = schema_text_of(l->items[i]->source, "$ref");
        if (ref.p)
            choose(d, last_part(ref), l->items[i]);
    }
}

int schema_discriminate(struct schema_compiler *c, struct belay_schema_node *n)
{
    struct schema_general *g = n->general;
    const belay_json *mapping = belay_json_get(g->discriminated, BELAY_STR("mapping"));
    bool mapped = mapping && mapping->type == BELAY_JSON_OBJECT;
    struct schema_discriminator *d = BELAY_ARENA_NEW(&c->schema->arena, struct schema_discriminator);
    uint32_t most = (mapped ? mapping->n : 0) + g->any.count + g->one.count;
    if (d)
        d->choices = BELAY_ARENA_ARRAY(&c->schema->arena, struct schema_choice, most);
    if (!d || !d->choices)
        return schema_no_memory(c);
    d->member = schema_text_of(g->discriminated, "propertyName");
    int status = mapped ? read_mapping(c, n, d, mapping) : BELAY_OK;
    if (status)
        return status;
    read_alternatives(d, &g->any);
    read_alternatives(d, &g->one);
    BELAY_ASSERT(d->count <= most);
    g->discriminator = d;
    return BELAY_OK;
}
