/* unevaluatedProperties and unevaluatedItems: after all else, a second walk over the schemas that
 * saw this value tells which members and elements one of them looked at.  Where something else is wrong with it, only
 * those are told that no schema so much as names: with the rest mended, the others may be right.
 *
 * Nothing is recorded while evaluating, so that schemas without these keywords pay nothing.  The walk
 * fills a window of bits on the stack; a container with more parts is walked once a window. */
#include "json/schema_eval.h"

enum { WINDOW = 2048 };

struct seen {
    const belay_json *v;
    uint32_t from, to; /* parts from .. to - 1 */
    bool all;
    bool generous; /* the value is wrong already: what any alternative names counts as looked at */
    uint64_t bits[WINDOW / 64];
};

static void mark(struct seen *s, uint32_t i)
{
    if (i >= s->from && i < s->to)
        s->bits[(i - s->from) / 64] |= (uint64_t)1 << (i - s->from) % 64;
}

static bool marked(const struct seen *s, uint32_t i)
{
    return s->all || (s->bits[(i - s->from) / 64] >> (i - s->from) % 64 & 1);
}

static void collect(struct schema_run *r, const struct belay_schema_node *n, struct seen *s, bool top);

static void collect_if_holds(struct schema_run *r, const struct belay_schema_node *n, struct seen *s)
{
    if (s->generous || schema_holds_for(r, n, s->v))
        collect(r, n, s, false);
}

static void collect_general(struct schema_run *r, const struct schema_general *g, struct seen *s)
{
    if (g->ref)
        collect(r, g->ref, s, false);
    if (g->dynamic)
        collect(r, schema_dynamic_target(r, g), s, false);
    for (uint32_t i = 0; i < g->all.count; i++)
        collect(r, g->all.items[i], s, false);
    for (uint32_t i = 0; i < g->any.count; i++)
        collect_if_holds(r, g->any.items[i], s);
    for (uint32_t i = 0; i < g->one.count; i++)
        collect_if_holds(r, g->one.items[i], s);
    if (g->if_ && s->generous) {
        collect(r, g->if_, s, false);
        if (g->then)
            collect(r, g->then, s, false);
        if (g->else_)
            collect(r, g->else_, s, false);
    } else if (g->if_) {
        bool holds = schema_holds_for(r, g->if_, s->v);
        const struct belay_schema_node *then = holds ? g->then : g->else_;
        if (holds)
            collect(r, g->if_, s, false);
        if (then)
            collect(r, then, s, false);
    }
}

static bool names_member(const struct schema_object *o, struct belay_str name)
{
    uint32_t at = schema_member_find(o, name);
    if (at != SCHEMA_NONE && o->members[at].node)
        return true;
    for (uint32_t i = 0; i < o->pattern_count; i++)
        if (pattern_match(o->patterns[i].pattern, name) == BELAY_OK)
            return true;
    return false;
}

static void collect_object(struct schema_run *r, const struct schema_object *o, struct seen *s, bool top)
{
    s->all = s->all || o->additional || (o->unevaluated && !top);
    const belay_json *key = belay_json_first(s->v);
    for (uint32_t i = 0; i < s->v->n && !s->all; i++, key = belay_json_next(key + 1))
        if (i >= s->from && i < s->to && names_member(o, belay_json_str(key)))
            mark(s, i);
    for (uint32_t i = 0; i < o->dependent_count; i++) {
        const struct schema_dependent *d = &o->dependents[i];
        if (d->node && belay_json_get(s->v, o->members[d->trigger].name))
            collect(r, d->node, s, false);
    }
}

static void collect_array(struct schema_run *r, const struct schema_array *p, struct seen *s, bool top)
{
    const struct belay_schema_node *contains = p->contains_counts ? p->contains : NULL;
    s->all = s->all || p->items || (p->unevaluated && !top) || (s->generous && contains);
    const belay_json *item = belay_json_first(s->v);
    for (uint32_t i = 0; i < s->v->n && i < s->to && !s->all; i++, item = belay_json_next(item))
        if (i < p->prefix.count || (i >= s->from && contains && schema_holds_for(r, contains, item)))
            mark(s, i);
}

static void collect_node(struct schema_run *r, const struct belay_schema_node *n, struct seen *s, bool top)
{
    if (n->object && s->v->type == BELAY_JSON_OBJECT)
        collect_object(r, n->object, s, top);
    if (n->array && s->v->type == BELAY_JSON_ARRAY)
        collect_array(r, n->array, s, top);
    if (n->general && !s->all)
        collect_general(r, n->general, s);
}

static void collect(struct schema_run *r, const struct belay_schema_node *n, struct seen *s, bool top)
{
    const struct schema_scope *outer = r->scope;
    struct schema_scope inner = { outer, n->resource };
    if (s->generous && r->bounds->steps == 0) {
        s->all = true; /* nothing more is said of it */
        return;
    }
    r->bounds->steps -= s->generous;
    if (r->dynamic && (!outer || outer->resource != n->resource))
        r->scope = &inner;
    collect_node(r, n, s, top);
    r->scope = outer;
}

static bool eval_part(struct schema_run *r, const struct belay_schema_node *n, const struct belay_schema_node *rest,
                      const belay_json *part, const struct schema_place *here)
{
    if (!rest->never)
        return schema_eval(r, rest, part, here);
    if (here->key)
        (void)schema_fault(r, n, "unevaluatedProperties", here, "the member \"%.*s\" is not allowed here",
                           BELAY_STR_ARG(belay_json_str(here->key)));
    else
        (void)schema_fault(r, n, "unevaluatedItems", here, "the item %u is not allowed here", here->index);
    return false;
}

bool schema_eval_unevaluated(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                             const struct schema_place *at, bool generous)
{
    bool object = v->type == BELAY_JSON_OBJECT, ok = true;
    const struct belay_schema_node *rest = object ? n->object->unevaluated : n->array->unevaluated;
    struct seen s = { .v = v, .generous = generous };
    const belay_json *part = belay_json_first(v);
    for (uint32_t i = 0; i < v->n; i++) {
        if (i == s.to) {
            s = (struct seen){ .v = v, .from = i, .to = v->n - i < WINDOW ? v->n : i + WINDOW, .generous = generous };
            collect(r, n, &s, true);
        }
        struct schema_place here = { at, object ? part : NULL, i };
        part += object;
        if (!marked(&s, i))
            ok = eval_part(r, n, rest, part, &here) && ok;
        if (!ok && !r->faults)
            return false;
        part = belay_json_next(part);
    }
    return ok;
}
