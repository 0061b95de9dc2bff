/* Schemas that would evaluate themselves for ever: a walk over those that see the same value refuses
 * circles, and more of them, one within the other, than the stack is to bear.  A node that was visited
 * keeps its height: the walk begins anywhere, often half-way down. */
#include "base/assert.h"
#include "json/schema_compile.h"

enum { WHITE, GREY, BLACK };

/* Visits `below`, which sees the same value as n. */
static int visit(struct schema_compiler *c, struct belay_schema_node *n, struct belay_schema_node *below,
                 unsigned depth);

static int visit_list(struct schema_compiler *c, struct belay_schema_node *n, const struct schema_list *l,
                      unsigned depth)
{
    int status = BELAY_OK;
    for (uint32_t i = 0; i < l->count && !status; i++)
        status = visit(c, n, l->items[i], depth);
    return status;
}

/* Whatever the dynamic scope may hold under this name. */
static int visit_dynamic(struct schema_compiler *c, struct belay_schema_node *n, unsigned depth)
{
    const struct schema_general *g = n->general;
    int status = visit(c, n, g->dynamic, depth);
    for (struct schema_resource *r = c->schema->resources; g->dynamic_name.p && r; r = r->next)
        for (struct schema_anchor *a = r->anchors; a && !status; a = a->next)
            if (a->dynamic && belay_str_eq(a->name, g->dynamic_name))
                status = visit(c, n, a->node, depth);
    return status;
}

static int visit_same(struct schema_compiler *c, struct belay_schema_node *n, unsigned depth)
{
    const struct schema_general *g = n->general;
    int status = BELAY_OK;
    if (g) {
        struct belay_schema_node *one[] = { g->not_, g->if_, g->then, g->else_, g->ref };
        status = visit_list(c, n, &g->all, depth);
        status = status ? status : visit_list(c, n, &g->any, depth);
        status = status ? status : visit_list(c, n, &g->one, depth);
        for (size_t i = 0; i < sizeof one / sizeof one[0] && !status; i++)
            status = visit(c, n, one[i], depth);
        status = status ? status : visit_dynamic(c, n, depth);
    }
    for (uint32_t i = 0; n->object && i < n->object->dependent_count && !status; i++)
        status = visit(c, n, n->object->dependents[i].node, depth);
    return status;
}

static int visit_node(struct schema_compiler *c, struct belay_schema_node *n, unsigned depth)
{
    if (n->colour == BLACK)
        return BELAY_OK;
    if (n->colour == GREY)
        return schema_refuse(c, n, BELAY_INVALID, "the schema refers to itself");
    n->colour = GREY;
    int status = depth > BELAY_SCHEMA_DEPTH_MAX ? BELAY_LIMIT : visit_same(c, n, depth + 1);
    if (status == BELAY_LIMIT || (!status && n->height > BELAY_SCHEMA_DEPTH_MAX))
        status = schema_refuse(c, n, BELAY_LIMIT, "more than %d schemas for one value", BELAY_SCHEMA_DEPTH_MAX);
    n->colour = BLACK;
    return status;
}

static int visit(struct schema_compiler *c, struct belay_schema_node *n, struct belay_schema_node *below,
                 unsigned depth)
{
    int status = below ? visit_node(c, below, depth) : BELAY_OK;
    if (below && !status) {
        BELAY_ASSERT(below->colour == BLACK);
        n->height = n->height > below->height ? n->height : below->height + 1;
    }
    return status;
}

int schema_check_circles(struct schema_compiler *c)
{
    size_t at = 0;
    int status = BELAY_OK;
    for (struct belay_map_slot *slot; !status && (slot = belay_map_next(&c->nodes, &at));)
        status = visit_node(c, slot->value, 0);
    return status;
}
