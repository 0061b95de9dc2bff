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

static bool in_enumeration(struct schema_run *r, const belay_json *list, const belay_json *v)
{
    schema_charge(r, list->n / 8);
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
    if (g->enumeration && !in_enumeration(r, g->enumeration, v)) {
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
    struct schema_run quiet = { .scope = r->scope, .dynamic = r->dynamic, .bounds = r->bounds };
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

/* Where it matters that a schema does not hold: a pattern in it that could not be tried to the end says
 * neither. False: said. */
static bool sure(struct schema_run *r, const struct belay_schema_node *n, const char *keyword, uint32_t unsure_before,
                 const struct schema_place *at)
{
    if (r->bounds->unsure == unsure_before)
        return true;
    (void)schema_fault(r, n, keyword, at, "a pattern in it is too costly to match");
    return false;
}

static bool eval_one(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                     const struct schema_place *at)
{
    const struct schema_list *l = &n->general->one;
    uint32_t fits = SCHEMA_NONE, unsure = r->bounds->unsure;
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
        return sure(r, n, "oneOf", unsure, at);
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

static bool eval_condition(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                           const struct schema_place *at)
{
    const struct schema_general *g = n->general;
    uint32_t unsure = r->bounds->unsure;
    bool holds = holds_at(r, g->if_, v, at);
    const struct belay_schema_node *then = holds ? g->then : g->else_;
    return (holds || sure(r, n, "if", unsure, at)) && (!then || schema_eval(r, then, v, at));
}

static bool eval_not(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                     const struct schema_place *at)
{
    uint32_t unsure = r->bounds->unsure;
    if (!schema_holds_for(r, n->general->not_, v))
        return sure(r, n, "not", unsure, at);
    (void)schema_fault(r, n, "not", at, "%.*s is what is not allowed here", BELAY_STR_ARG(schema_text(r, v)));
    return false;
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
        ok = eval_condition(r, n, v, at) && ok;
    if ((ok || r->faults) && g->not_)
        ok = eval_not(r, n, v, at) && ok;
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
    if ((ok || r->faults)
        && ((n->object && n->object->unevaluated && v->type == BELAY_JSON_OBJECT)
            || (n->array && n->array->unevaluated && v->type == BELAY_JSON_ARRAY)))
        ok = schema_eval_unevaluated(r, n, v, at, !ok) && ok;
    return ok;
}

/* ---- bounds ---- */

void schema_charge(struct schema_run *r, uint64_t steps)
{
    struct schema_bounds *b = r->bounds;
    b->steps = b->steps > steps ? b->steps - steps : 0;
}

/* The caller's stack is not ours to fill: a value may be as deep as the parser allows, and each of its
 * levels be seen by as many schemas, one within the other, as the compiler allows. And schemas that refer
 * to one another twice double the work at each step. */
static __attribute__((noinline)) bool give_up(struct schema_run *r, const struct belay_schema_node *n,
                                              const struct schema_place *at)
{
    struct schema_bounds *b = r->bounds;
    if (!b->gave_up) {
        b->gave_up = b->steps ? "the value is nested too deeply for this schema"
                              : "the value takes too long to validate by this schema";
        (void)schema_fault(r, n, NULL, at, "%s", b->gave_up);
    }
    b->steps = 0;
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
    if ((const char *)__builtin_frame_address(0) < r->bounds->floor || r->bounds->steps == 0)
        return give_up(r, n, at);
    r->bounds->steps--;
    if (r->dynamic && (!r->scope || r->scope->resource != n->resource))
        return enter(r, n, v, at);
    return eval_node(r, n, v, at);
}

/* ---- the whole ---- */

static struct schema_bounds bounds_for(const belay_json *value)
{
    const char *here = __builtin_frame_address(0);
    uint64_t values = (uint64_t)(belay_json_next(value) - value);
    uint64_t steps = BELAY_SCHEMA_STEPS_MIN + BELAY_SCHEMA_STEPS_PER_VALUE * values;
    return (struct schema_bounds){ here - BELAY_SCHEMA_STACK_MAX, steps, NULL, 0 };
}

/* Why it gave up, where nobody has said so: the second pass may have come to another end. */
static void say_gave_up(struct schema_run *r, const struct belay_schema *s, const char *why)
{
    if (r->faults && why && r->faults->count + r->faults->dropped == 0)
        (void)schema_fault(r, s->root, NULL, NULL, "%s", why);
}

bool belay_schema_valid(const struct belay_schema *s, const belay_json *value,
                        struct belay_schema_faults *faults)
{
    BELAY_ASSERT(s && value);
    struct schema_bounds bounds = bounds_for(value);
    struct schema_run r = { .dynamic = s->dynamic, .bounds = &bounds };
    bool ok = schema_eval(&r, s->root, value, NULL) && !bounds.gave_up;
    const char *why = bounds.gave_up;
    if (ok || !faults)
        return ok;
    r.faults = faults;
    bounds = bounds_for(value);
    (void)!schema_eval(&r, s->root, value, NULL);
    say_gave_up(&r, s, why);
    return false;
}

bool belay_schema_has_deprecated(const struct belay_schema *s)
{
    return s->deprecated;
}

void belay_schema_deprecated(const struct belay_schema *s, const belay_json *value,
                             struct belay_schema_faults *notes)
{
    struct schema_bounds bounds = bounds_for(value);
    struct schema_run r = { .dynamic = s->dynamic, .bounds = &bounds, .notes = notes };
    if (s->deprecated)
        (void)!schema_eval(&r, s->root, value, NULL);
}
