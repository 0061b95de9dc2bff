/* Evaluation of one node: its type, the keywords of that type, then what does not depend on it. */
#include "base/assert.h"
#include "json/schema_eval.h"

/* ---- faults of any type ---- */

static bool fault_type(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                       const struct schema_place *at)
{
    if (!r->faults)
        return false;
    if (n->denied)
        return schema_fault(r, n, n->denied, at, "%s: a %s must not contain it", n->denied,
                            n->denied[0] == 'r' ? "request" : "response");
    if (n->never)
        return schema_fault(r, n, NULL, at, "nothing is allowed here");
    const belay_json *type = belay_json_get(n->source, BELAY_STR("type"));
    bool list = type->type == BELAY_JSON_ARRAY;
    struct belay_str wanted = list ? schema_text(r, type) : belay_json_str(type);
    return schema_fault(r, n, "type", at, "%.*s is %s %s, not %s%.*s", BELAY_STR_ARG(schema_text(r, v)),
                        v->type == BELAY_JSON_ARRAY || v->type == BELAY_JSON_OBJECT ? "an" : "a",
                        belay_json_type_name(v), list ? "one of " : "", BELAY_STR_ARG(wanted));
}

static bool in_enumeration(const belay_json *list, const belay_json *v)
{
    const belay_json *item = belay_json_first(list);
    for (uint32_t i = 0; i < list->n; i++, item = belay_json_next(item))
        if (item->type == v->type || belay_json_is_number(v))
            if (belay_json_equal(item, v))
                return true;
    return false;
}

static bool eval_values(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                        const struct schema_place *at)
{
    const struct schema_general *g = n->general;
    bool ok = true;
    if (g->constant && !belay_json_equal(g->constant, v)) {
        ok = false;
        if (!schema_fault(r, n, "const", at, "%.*s is not %.*s", BELAY_STR_ARG(schema_text(r, v)),
                          BELAY_STR_ARG(schema_text(r, g->constant))))
            return false;
    }
    if (g->enumeration && !in_enumeration(g->enumeration, v)) {
        ok = false;
        if (!schema_fault(r, n, "enum", at, "%.*s is not one of %.*s", BELAY_STR_ARG(schema_text(r, v)),
                          BELAY_STR_ARG(schema_text(r, g->enumeration))))
            return false;
    }
    return ok;
}

/* ---- combinators ---- */

bool schema_holds_for(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v)
{
    struct schema_run quiet = { .scope = r->scope, .dynamic = r->dynamic, .floor = r->floor };
    return schema_eval(&quiet, n, v, NULL);
}

/* The same, where the place matters to who asks what is deprecated: of a schema that does not hold
 * nothing is told. */
static bool holds_at(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                     const struct schema_place *at)
{
    if (!r->notes)
        return schema_holds_for(r, n, v);
    BELAY_ASSERT(!r->faults);
    size_t told = r->notes->count, dropped = r->notes->dropped;
    bool ok = schema_eval(r, n, v, at);
    if (!ok) {
        r->notes->count = told;
        r->notes->dropped = dropped;
    }
    return ok;
}

static bool eval_all(struct schema_run *r, const struct schema_list *l, const belay_json *v,
                     const struct schema_place *at)
{
    bool ok = true;
    for (uint32_t i = 0; i < l->count && (ok || r->faults); i++)
        ok = schema_eval(r, l->items[i], v, at) && ok;
    return ok;
}

/* A discriminator knows better than we which alternative was meant. NULL: it has spoken. */
static const struct belay_schema_node *discriminated(struct schema_run *r, const struct belay_schema_node *n,
                                                     const belay_json *v, const struct schema_place *at)
{
    const struct schema_discriminator *d = n->general->discriminator;
    const belay_json *value = belay_json_get(v, d->member);
    if (!value || value->type != BELAY_JSON_STRING) {
        (void)schema_fault(r, n, "discriminator", at, "the member \"%.*s\", which tells the alternatives apart, is %s",
                           BELAY_STR_ARG(d->member), value ? "no text" : "missing");
        return NULL;
    }
    for (uint32_t i = 0; i < d->count; i++)
        if (belay_str_eq(d->choices[i].value, belay_json_str(value)))
            return d->choices[i].node;
    struct schema_place here = { at, value - 1, 0 };
    (void)schema_fault(r, n, "discriminator", &here, "%.*s names none of the alternatives",
                       BELAY_STR_ARG(schema_text(r, value)));
    return NULL;
}

/* The alternative that was meant, as far as one can tell: the only one for values of this type. */
static const struct belay_schema_node *only_candidate(const struct schema_list *l, const belay_json *v)
{
    const struct belay_schema_node *found = NULL;
    for (uint32_t i = 0; i < l->count; i++) {
        const struct belay_schema_node *n = l->items[i];
        while (n->general && n->general->ref && n->types == SCHEMA_ALL_TYPES)
            n = n->general->ref;
        if (n->never || !(n->types >> v->type & 1))
            continue;
        if (found)
            return NULL;
        found = l->items[i];
    }
    return found;
}

static bool fault_none(struct schema_run *r, const struct belay_schema_node *n, const char *keyword,
                       const struct schema_list *l, const belay_json *v, const struct schema_place *at)
{
    if (!r->faults)
        return false;
    bool told = n->general->discriminator && v->type == BELAY_JSON_OBJECT;
    const struct belay_schema_node *meant = told ? discriminated(r, n, v, at) : only_candidate(l, v);
    if (told && !meant)
        return true;
    if (meant && !schema_eval(r, meant, v, at))
        return true;
    return schema_fault(r, n, keyword, at, "%.*s fits none of the %u alternatives",
                        BELAY_STR_ARG(schema_text(r, v)), l->count);
}

static bool eval_any(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                     const struct schema_place *at)
{
    const struct schema_list *l = &n->general->any;
    bool ok = false;
    for (uint32_t i = 0; i < l->count && (!ok || r->notes); i++)
        ok = holds_at(r, l->items[i], v, at) || ok;
    if (ok)
        return true;
    (void)fault_none(r, n, "anyOf", l, v, at);
    return false;
}

static bool eval_one(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                     const struct schema_place *at)
{
    const struct schema_list *l = &n->general->one;
    uint32_t fits = SCHEMA_NONE;
    for (uint32_t i = 0; i < l->count; i++) {
        if (!holds_at(r, l->items[i], v, at))
            continue;
        if (fits != SCHEMA_NONE) {
            (void)schema_fault(r, n, "oneOf", at, "%.*s fits alternatives %u and %u; exactly one is allowed",
                               BELAY_STR_ARG(schema_text(r, v)), fits + 1, i + 1);
            return false;
        }
        fits = i;
    }
    if (fits != SCHEMA_NONE)
        return true;
    (void)fault_none(r, n, "oneOf", l, v, at);
    return false;
}

const struct belay_schema_node *schema_dynamic_target(const struct schema_run *r, const struct schema_general *g)
{
    const struct belay_schema_node *target = g->dynamic;
    for (const struct schema_scope *s = r->scope; g->dynamic_name.p && s; s = s->up)
        for (const struct schema_anchor *a = s->resource->anchors; a; a = a->next)
            if (a->dynamic && belay_str_eq(a->name, g->dynamic_name)) {
                target = a->node; /* the outermost counts */
                break;
            }
    return target;
}

static bool eval_condition(struct schema_run *r, const struct schema_general *g, const belay_json *v,
                           const struct schema_place *at)
{
    const struct belay_schema_node *then = holds_at(r, g->if_, v, at) ? g->then : g->else_;
    return !then || schema_eval(r, then, v, at);
}

static bool eval_general(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                         const struct schema_place *at)
{
    const struct schema_general *g = n->general;
    if (g->deprecated && r->notes)
        schema_note(r, n, at);
    bool ok = (!g->constant && !g->enumeration) || eval_values(r, n, v, at);
    if ((ok || r->faults) && g->ref)
        ok = schema_eval(r, g->ref, v, at) && ok;
    if ((ok || r->faults) && g->dynamic)
        ok = schema_eval(r, schema_dynamic_target(r, g), v, at) && ok;
    if ((ok || r->faults) && g->all.count)
        ok = eval_all(r, &g->all, v, at) && ok;
    if ((ok || r->faults) && g->any.count)
        ok = eval_any(r, n, v, at) && ok;
    if ((ok || r->faults) && g->one.count)
        ok = eval_one(r, n, v, at) && ok;
    if ((ok || r->faults) && g->if_)
        ok = eval_condition(r, g, v, at) && ok;
    if ((ok || r->faults) && g->not_ && schema_holds_for(r, g->not_, v)) {
        (void)schema_fault(r, n, "not", at, "%.*s is what is not allowed here",
                           BELAY_STR_ARG(schema_text(r, v)));
        ok = false;
    }
    return ok;
}

/* ---- a node ---- */

static bool eval_typed(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                       const struct schema_place *at)
{
    switch ((enum belay_json_type)v->type) {
    case BELAY_JSON_INT:
    case BELAY_JSON_DOUBLE:
    case BELAY_JSON_BIG: return (!n->number && !n->format) || schema_eval_number(r, n, v, at);
    case BELAY_JSON_STRING: return (!n->string && !n->format) || schema_eval_string(r, n, v, at);
    case BELAY_JSON_ARRAY: return !n->array || schema_eval_array(r, n, v, at);
    case BELAY_JSON_OBJECT: return !n->object || schema_eval_object(r, n, v, at);
    default: return true;
    }
}

static bool eval_node(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                      const struct schema_place *at)
{
    if (!(n->types >> v->type & 1) || (n->integer && v->type > BELAY_JSON_INT
                                                   && v->type <= BELAY_JSON_BIG && !schema_is_integer(v))) {
        (void)fault_type(r, n, v, at);
        return false; /* the other keywords would only say it again */
    }
    bool ok = eval_typed(r, n, v, at);
    if ((ok || r->faults) && n->general)
        ok = eval_general(r, n, v, at) && ok;
    /* last: it depends on what the others have looked at */
    if (ok
        && ((n->object && n->object->unevaluated && v->type == BELAY_JSON_OBJECT)
            || (n->array && n->array->unevaluated && v->type == BELAY_JSON_ARRAY)))
        ok = schema_eval_unevaluated(r, n, v, at);
    return ok;
}

/* The caller's stack is not ours to fill: a value may be as deep as the parser allows, and each of its
 * levels be seen by as many schemas, one within the other, as the compiler allows. */
static __attribute__((noinline)) bool too_deep(struct schema_run *r, const struct belay_schema_node *n,
                                               const struct schema_place *at)
{
    (void)schema_fault(r, n, NULL, at, "the value is nested too deeply for this schema");
    return false;
}

/* A resource that was not the innermost so far. */
static __attribute__((noinline)) bool enter(struct schema_run *r, const struct belay_schema_node *n,
                                            const belay_json *v, const struct schema_place *at)
{
    const struct schema_scope *outer = r->scope;
    struct schema_scope inner = { outer, n->resource };
    r->scope = &inner;
    bool ok = schema_eval(r, n, v, at);
    r->scope = outer;
    return ok;
}

bool schema_eval(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                 const struct schema_place *at)
{
    if ((const char *)__builtin_frame_address(0) < r->floor)
        return too_deep(r, n, at);
    if (r->dynamic && (!r->scope || r->scope->resource != n->resource))
        return enter(r, n, v, at);
    return eval_node(r, n, v, at);
}

/* ---- the whole ---- */

static struct schema_run run_of(const struct belay_schema *s)
{
    const char *here = __builtin_frame_address(0);
    return (struct schema_run){ .dynamic = s->dynamic, .floor = here - BELAY_SCHEMA_STACK_MAX };
}

bool belay_schema_valid(const struct belay_schema *s, const belay_json *value,
                        struct belay_schema_faults *faults)
{
    BELAY_ASSERT(s && value);
    struct schema_run r = run_of(s);
    if (schema_eval(&r, s->root, value, NULL))
        return true;
    r.faults = faults;
    if (faults)
        (void)!schema_eval(&r, s->root, value, NULL);
    return false;
}

bool belay_schema_has_deprecated(const struct belay_schema *s)
{
    return s->deprecated;
}

void belay_schema_deprecated(const struct belay_schema *s, const belay_json *value,
                             struct belay_schema_faults *notes)
{
    struct schema_run r = run_of(s);
    r.notes = notes;
    if (s->deprecated)
        (void)!schema_eval(&r, s->root, value, NULL);
}
