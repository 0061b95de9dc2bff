/* scope.c - what an expression sees: $ and the variables of design section 7.  Objects are built
 * when a template names them; most messages never need one. */
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

static bool bindings_fork(struct belay_flow_run *run, struct flow_bindings *b)
{
    b->cap = b->count;
    return !b->count || run_grow(run, (void **)&b->items, b->count, &b->cap, sizeof *b->items);
}

bool state_fork(struct belay_flow_run *run, struct flow_state *state)
{
    return bindings_fork(run, &state->vars) && bindings_fork(run, &state->results);
}

bool state_mark(struct belay_flow_run *run)
{
    run->m.mark = run->m.main;
    run->m.has_mark = true;
    return state_fork(run, &run->m.main);
}

/* ---- the scope of a step ---- */

static const struct belay_str names[SPECIALS] = {
    BELAY_STR_INIT("message"), BELAY_STR_INIT("headers"), BELAY_STR_INIT("params"),
    BELAY_STR_INIT("vars"),    BELAY_STR_INIT("error"),   BELAY_STR_INIT("request"),
};

/* What expressions draw depends on the message and the step only, so that a repetition draws the
 * same. */
static uint64_t seed_of(const struct belay_flow_run *run)
{
    const struct belay_message *m = run->m.in.message;
    return belay_hash64(m->id) ^ (uint64_t)m->accepted_at
           ^ (UINT64_C(0x9e3779b97f4a7c15) * run->m.at->step);
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
    if (!belay_template_uses_variables(t))
        return;
    for (unsigned i = 0; i < SPECIALS; i++)
        if (!(run->m.sees & 1u << i) && belay_template_uses(t, names[i]))
            run->m.sees |= 1u << i;
}

void scope_sees_named(struct belay_flow_run *run, const struct belay_named_template *items,
                      uint32_t count)
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

static int vars_value(struct belay_flow_run *run, struct belay_value *ret_value)
{
    const struct flow_bindings *vars = &run->m.at->vars;
    struct belay_value_object *o = belay_value_object_new(&run->arena);
    int status = o ? BELAY_OK : BELAY_NOMEM;
    for (uint32_t i = 0; !status && i < vars->count; i++)
        if (vars->items[i].value.type != BELAY_VALUE_UNDEFINED)
            status
                = belay_value_object_put(o, &run->arena, vars->items[i].name, vars->items[i].value);
    if (!status)
        *ret_value = belay_value_object(o);
    return status;
}

/* Nothing where the message did not come from an API. */
static int request_value(const struct belay_flow_input *in, struct belay_arena *arena,
                         struct belay_value *ret_value)
{
    const belay_json *v = NULL;
    int status = in->describe ? in->describe(in->describe_arg, arena, &v) : BELAY_OK;
    if (!status)
        *ret_value = v ? belay_value_tape(v) : belay_value_undefined();
    return status;
}

static int build_special(struct belay_flow_run *run, unsigned bit, struct belay_value *ret_value)
{
    const struct belay_flow_input *in = &run->m.in;
    const struct belay_message *m = in->message;
    struct belay_arena *arena = &run->arena;
    switch (bit) {
    case SEES_MESSAGE: return belay_message_value(m, in->attempt, arena, ret_value);
    case SEES_HEADERS: return belay_fields_value(m->headers, m->header_count, arena, ret_value);
    case SEES_PARAMS: return belay_fields_value(in->params, in->param_count, arena, ret_value);
    case SEES_VARS: return vars_value(run, ret_value);
    case SEES_REQUEST: return request_value(in, arena, ret_value);
    default: break;
    }
    return run->m.error ? belay_fault_value(run->m.error, arena, ret_value) : BELAY_OK;
}

static bool build_specials(struct belay_flow_run *run)
{
    run->m.built &= ~(unsigned)(SEES_VARS | SEES_ERROR); /* these change */
    for (unsigned i = 0; i < SPECIALS; i++) {
        unsigned bit = 1u << i;
        if (!(run->m.sees & bit) || run->m.built & bit)
            continue;
        run->m.specials[i].name = names[i];
        if (build_special(run, bit, &run->m.specials[i].value)) {
            run_no_memory(run);
            return false;
        }
        run->m.built |= bit;
    }
    return true;
}

/* Results first: a special's name cannot be taken by one (config), and the list is usually empty.
 */
static bool gather(struct belay_flow_run *run)
{
    const struct flow_bindings *results = &run->m.at->results;
    struct belay_scope *scope = &run->m.scope;
    unsigned sees = run->m.sees & ((1u << SPECIALS) - 1);
    if (!run->m.error)
        sees &= ~(unsigned)SEES_ERROR; /* then it is JSONata's function */
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
