/* scope.c - what an expression sees: $ and the variables of design section 7.  Objects are built when a
 * template names them; most messages never need one. */
#include "flow/run.h"

#include "base/hash.h"

/* ---- lists of bindings ---- */

bool run_grow(struct belay_flow_run *run, void **items, uint32_t count, uint32_t *cap, size_t size)
{
    if (count < *cap)
        return true;
    uint32_t more = *cap ? *cap * 2 : 4;
    void *bigger = belay_arena_alloc(&run->arena, size * more);
    if (!bigger)
        return false;
    if (count)
        memcpy(bigger, *items, size * count);
    *items = bigger;
    *cap = more;
    return true;
}

bool bindings_put(struct belay_flow_run *run, struct flow_bindings *b, struct belay_str name,
                  struct belay_value v)
{
    for (uint32_t i = 0; i < b->count; i++)
        if (belay_str_eq(b->items[i].name, name)) {
            b->items[i].value = v;
            return true;
        }
    if (!run_grow(run, (void **)&b->items, b->count, &b->cap, sizeof *b->items)) {
        run_no_memory(run);
        return false;
    }
    b->items[b->count++] = (struct belay_binding){ name, v };
    return true;
}

bool bindings_fork(struct belay_flow_run *run, struct flow_bindings *b)
{
    b->cap = b->count;
    return run_grow(run, (void **)&b->items, b->count, &b->cap, sizeof *b->items);
}

/* ---- objects ---- */

static bool put(const struct eval *e, struct belay_value_object *o, const char *name, struct belay_value v)
{
    return v.type == BELAY_VALUE_UNDEFINED
           || belay_value_object_put(o, e->arena, belay_str_c(name), v) == BELAY_OK;
}

static struct belay_value text(struct belay_str s)
{
    return s.n ? belay_value_str(s) : belay_value_undefined();
}

static struct belay_value time_text(const struct eval *e, belay_time t)
{
    char *to = belay_arena_bytes(e->arena, BELAY_TIME_TEXT_BYTES);
    if (!to)
        return belay_value_undefined();
    belay_time_text(t, to);
    return belay_value_str(belay_str(to, BELAY_TIME_TEXT_BYTES - 1));
}

bool scope_message(const struct eval *e, const struct belay_message *m, uint32_t attempt,
                   struct belay_value *ret_value)
{
    struct belay_value_object *o = belay_value_object_new(e->arena);
    bool ok = o && put(e, o, "id", text(m->id)) && put(e, o, "source", text(m->source))
              && put(e, o, "type", text(m->type)) && put(e, o, "subject", text(m->subject))
              && put(e, o, "key", text(m->key)) && put(e, o, "time", time_text(e, m->time))
              && put(e, o, "accepted_at", time_text(e, m->accepted_at))
              && put(e, o, "correlationid", text(m->correlationid))
              && put(e, o, "causationid", text(m->causationid))
              && put(e, o, "traceparent", text(m->traceparent))
              && put(e, o, "tracestate", text(m->tracestate))
              && put(e, o, "datacontenttype", text(m->datacontenttype))
              && (!attempt || put(e, o, "attempt", belay_value_int(attempt)));
    if (!ok)
        return eval_no_memory(e);
    *ret_value = belay_value_object(o);
    return true;
}

bool scope_headers(const struct eval *e, const struct belay_field *fields, uint32_t count,
                   struct belay_value *ret_value)
{
    struct belay_value_object *o = belay_value_object_new(e->arena);
    bool ok = o != NULL;
    for (uint32_t i = 0; ok && i < count; i++)
        ok = belay_value_object_put(o, e->arena, fields[i].name, belay_value_str(fields[i].value)) == BELAY_OK;
    if (!ok)
        return eval_no_memory(e);
    *ret_value = belay_value_object(o);
    return true;
}

static bool vars_object(const struct eval *e, const struct flow_bindings *vars, struct belay_value *ret_value)
{
    struct belay_value_object *o = belay_value_object_new(e->arena);
    bool ok = o != NULL;
    for (uint32_t i = 0; ok && i < vars->count; i++)
        if (vars->items[i].value.type != BELAY_VALUE_UNDEFINED)
            ok = belay_value_object_put(o, e->arena, vars->items[i].name, vars->items[i].value) == BELAY_OK;
    if (!ok)
        return eval_no_memory(e);
    *ret_value = belay_value_object(o);
    return true;
}

/* The excerpt of the answer as JSON where it is whole JSON. */
static struct belay_value excerpt(const struct eval *e, const struct belay_fault *f)
{
    const belay_json *root;
    struct belay_str bytes = belay_str(f->excerpt, f->excerpt_n);
    if (bytes.n && belay_json_parse(bytes, NULL, e->arena, &root, NULL, NULL) == BELAY_OK)
        return belay_value_tape(root);
    return text(bytes);
}

static bool error_object(const struct eval *e, const struct belay_fault *f, struct belay_value *ret_value)
{
    struct belay_value_object *o = belay_value_object_new(e->arena);
    bool ok = o && put(e, o, "type", text(belay_str_c(f->type)))
              && put(e, o, "class", text(belay_str_c(belay_class_name(f->class_))))
              && put(e, o, "description", text(belay_str_c(f->description)))
              && put(e, o, "step", text(belay_str_c(f->step)))
              && put(e, o, "endpoint", text(belay_str_c(f->endpoint)))
              && put(e, o, "at", time_text(e, f->at)) && put(e, o, "body", excerpt(e, f))
              && (!f->status || put(e, o, "status", belay_value_int(f->status)));
    if (!ok)
        return eval_no_memory(e);
    *ret_value = belay_value_object(o);
    return true;
}

/* ---- the scope of a step ---- */

static const struct belay_str names[SPECIALS] = {
    BELAY_STR_INIT("message"), BELAY_STR_INIT("headers"), BELAY_STR_INIT("params"), BELAY_STR_INIT("vars"),
    BELAY_STR_INIT("error"),
};

/* What expressions draw depends on the message and the step only, so that a repetition draws the same. */
static uint64_t seed_of(const struct belay_flow_run *run)
{
    const struct belay_message *m = run->m.in.message;
    return belay_hash64(m->id) ^ (uint64_t)m->accepted_at ^ (UINT64_C(0x9e3779b97f4a7c15) * run->m.at->step);
}

void scope_begin(struct belay_flow_run *run)
{
    run->m.sees = 0;
    run->m.expression_random.state = seed_of(run);
}

void scope_sees(struct belay_flow_run *run, const struct belay_template *t)
{
    if (!t || belay_template_is_literal(t))
        return;
    run->m.sees |= SEES_BODY;
    for (unsigned i = 0; i < SPECIALS; i++)
        if (!(run->m.sees & 1u << i) && belay_template_uses(t, names[i]))
            run->m.sees |= 1u << i;
}

void scope_sees_named(struct belay_flow_run *run, const struct belay_named_template *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        scope_sees(run, items[i].value);
}

void scope_sees_call(struct belay_flow_run *run, const struct belay_call_def *call)
{
    scope_sees_named(run, call->params, call->param_count);
    scope_sees_named(run, call->headers, call->header_count);
    scope_sees(run, call->body);
}

static bool build_special(struct belay_flow_run *run, unsigned bit, struct belay_value *ret_value)
{
    const struct eval e = run_eval(run);
    const struct belay_flow_input *in = &run->m.in;
    switch (bit) {
    case SEES_MESSAGE: return scope_message(&e, in->message, in->attempt, ret_value);
    case SEES_HEADERS: return scope_headers(&e, in->message->headers, in->message->header_count, ret_value);
    case SEES_PARAMS: return scope_headers(&e, in->params, in->param_count, ret_value);
    case SEES_VARS: return vars_object(&e, &run->m.at->vars, ret_value);
    default: break;
    }
    if (!run->m.error)
        *ret_value = belay_value_undefined();
    return !run->m.error || error_object(&e, run->m.error, ret_value);
}

static bool build_specials(struct belay_flow_run *run)
{
    run->m.built &= ~(unsigned)(SEES_VARS | SEES_ERROR); /* these change */
    for (unsigned i = 0; i < SPECIALS; i++) {
        unsigned bit = 1u << i;
        if (!(run->m.sees & bit) || run->m.built & bit)
            continue;
        run->m.specials[i].name = names[i];
        if (!build_special(run, bit, &run->m.specials[i].value))
            return false;
        run->m.built |= bit;
    }
    return true;
}

/* Results first: a special's name cannot be taken by one (config), and the list is usually empty. */
static bool gather(struct belay_flow_run *run)
{
    const struct flow_bindings *results = &run->m.at->results;
    struct belay_scope *scope = &run->m.scope;
    unsigned sees = run->m.sees & ((1u << SPECIALS) - 1);
    scope->bindings = results->items;
    scope->binding_count = results->count;
    if (!sees)
        return true;
    size_t count = results->count + (size_t)__builtin_popcount(sees);
    struct belay_binding *all = belay_arena_alloc(&run->arena, sizeof *all * count);
    if (!all) {
        run_no_memory(run);
        return false;
    }
    if (results->count)
        memcpy(all, results->items, sizeof *all * results->count);
    scope->bindings = all;
    for (unsigned i = 0; i < SPECIALS; i++)
        if (sees & 1u << i)
            all[scope->binding_count++] = run->m.specials[i];
    return true;
}

bool scope_ready(struct belay_flow_run *run)
{
    struct flow_body *body = &run->m.at->body;
    const struct eval e = run_eval(run);
    if (run->m.sees & SEES_BODY && !body->known) {
        if (!body_parse(&e, body->text, body->type, &body->value))
            return false;
        body->known = true;
    }
    run->m.scope.body = body->value;
    run->m.scope.body_text = body->text;
    run->m.scope.body_type = body->type;
    return build_specials(run) && gather(run);
}
