/* People: what they say about sagas.  They look before they speak: "done" and "not done" are true.
 */
#include <stdio.h>
#include <string.h>

#include "sim/world.h"

struct parked {
    char id[16], step[16];
    bool any, backwards;
};

static void copy(char *to, size_t size, const belay_json *from)
{
    to[0] = 0;
    if (from && from->type == BELAY_JSON_STRING)
        snprintf(to, size, "%.*s", BELAY_STR_ARG(belay_json_str(from)));
}

static void look(struct sim_world *w, struct parked *p)
{
    struct belay_buf view;
    struct belay_arena arena;
    struct belay_err err;
    const belay_json *root;
    char parked[16];
    belay_buf_init(&view, BELAY_MIB(1));
    belay_arena_init(&arena, 0, BELAY_MIB(8));
    if (belay_sagas_view(belay_engine_sagas(w->engine), BELAY_STR("fulfil"), belay_str_c(p->id),
                         &view, &err)
            != BELAY_OK
        || belay_json_parse(belay_buf_view(&view), NULL, &arena, &root, NULL, &err) != BELAY_OK)
        sim_violation(w, "SAGA", "%s cannot be looked at: %s", p->id, err.msg);
    copy(p->step, sizeof p->step, belay_json_get(root, BELAY_STR("step")));
    copy(parked, sizeof parked, belay_json_get(root, BELAY_STR("parked")));
    p->backwards = strcmp(parked, "compensation") == 0;
    belay_arena_deinit(&arena);
    belay_buf_deinit(&view);
}

/* The first after `after`. */
static void find_parked(struct sim_world *w, struct parked *ret)
{
    struct belay_sagas *s = belay_engine_sagas(w->engine);
    struct belay_str id, state;
    *ret = (struct parked){ 0 };
    while (!ret->any
           && belay_sagas_list(s, BELAY_STR("fulfil"), belay_str_c(ret->id), &id, &state)) {
        snprintf(ret->id, sizeof ret->id, "%.*s", BELAY_STR_ARG(id));
        ret->any = belay_str_eq(state, BELAY_STR("parked"));
    }
    if (ret->any)
        look(w, ret);
}

/* ---- what is true ---- */

static bool was_done(const struct sim_order *o, const struct parked *p)
{
    bool reserve = strcmp(p->step, "reserve") == 0, charge = strcmp(p->step, "charge") == 0;
    bool ship = strcmp(p->step, "ship") == 0;
    if (p->backwards)
        return (reserve && o->unreserved) || (charge && o->refunded) || (ship && o->unshipped);
    return (reserve && o->reserved) || (charge && o->charged)
           || (strcmp(p->step, "book") == 0 && o->booked);
}

/* It goes on without: from now on that may be so, also when the process dies before it is durable.
 */
static void left_out(struct sim_order *o, const struct parked *p)
{
    if (!p->backwards)
        o->book_skipped = true;
    else if (strcmp(p->step, "reserve") == 0)
        o->left_reserved = true;
    else if (strcmp(p->step, "charge") == 0)
        o->left_charged = true;
    else
        o->left_shipped = true;
}

/* ---- what is said ---- */

static enum belay_saga_settle choose(struct sim_world *w, struct sim_order *o, const struct parked *p)
{
    bool book = !p->backwards && strcmp(p->step, "book") == 0;
    if (was_done(o, p) && sim_chance(w, 700))
        return BELAY_SAGA_SETTLE_DONE;
    if (book && o->unbookable && (w->calm || sim_chance(w, 300)))
        return BELAY_SAGA_SETTLE_SKIP;
    if (p->backwards && !w->calm && sim_chance(w, w->kind == SIM_UNDOING ? 600 : 250))
        return BELAY_SAGA_SETTLE_SKIP;
    return !was_done(o, p) && sim_chance(w, 300) ? BELAY_SAGA_SETTLE_NOT_DONE : BELAY_SAGA_SETTLE_RETRY;
}

static void say(struct sim_world *w, const struct parked *p)
{
    static const char *const words[] = { "retry", "done", "not done", "skip" };
    struct sim_order *o = sim_order_by_id(w, belay_str_c(p->id));
    struct belay_err err;
    struct belay_saga_word word = { .who = BELAY_STR("sim"), .how = choose(w, o, p) };
    struct belay_sagas *s = belay_engine_sagas(w->engine);
    if (word.how == BELAY_SAGA_SETTLE_SKIP)
        left_out(o, p);
    sim_crashes_word(w, p->id);
    o->book_calls = 0;
    o->stuck = o->stuck && !w->calm; /* somebody sees to the warehouse */
    sim_trace(w, "%s: %s of %s: %s", p->id, p->backwards ? "compensation" : "step", p->step,
              words[word.how]);
    int status
        = belay_sagas_settle(s, BELAY_STR("fulfil"), belay_str_c(p->id), &word, sim_clock(w), &err);
    if (status == BELAY_CONFLICT) { /* parked for something else: it can only be tried again */
        word.how = BELAY_SAGA_SETTLE_RETRY;
        status = belay_sagas_settle(s, BELAY_STR("fulfil"), belay_str_c(p->id), &word, sim_clock(w),
                                    &err);
    }
    if (!sim_may_fail(w, status))
        sim_violation(w, "SAGA", "%s: %s", p->id, err.msg);
}

/* Of any, whether there is something to say or not. */
static void abort_or_hurry(struct sim_world *w)
{
    const struct sim_order *o = &w->orders[sim_below(w, w->order_count)];
    const struct belay_saga_word retry = { .who = BELAY_STR("sim"), .how = BELAY_SAGA_SETTLE_RETRY };
    struct belay_sagas *s = belay_engine_sagas(w->engine);
    struct belay_err err;
    bool hurry = sim_chance(w, 700);
    sim_crashes_word(w, o->id);
    int status
        = hurry ? belay_sagas_settle(s, BELAY_STR("fulfil"), belay_str_c(o->id), &retry,
                                     sim_clock(w), &err)
                : belay_sagas_abort(s, BELAY_STR("fulfil"), belay_str_c(o->id), BELAY_STR("sim"),
                                    BELAY_STR("changed my mind"), sim_clock(w), &err);
    sim_trace(w, "%s %s: %s", hurry ? "hurry" : "abort", o->id,
              status == BELAY_OK ? "ok" : err.msg);
    if (!sim_may_fail(w, status) && status != BELAY_CONFLICT && status != BELAY_NOTFOUND)
        sim_violation(w, "SAGA", "%s: %s", o->id, err.msg);
}

bool sim_persons_act(struct sim_world *w)
{
    struct parked p;
    if (!w->calm && sim_chance(w, 300)) {
        abort_or_hurry(w);
        return true;
    }
    find_parked(w, &p);
    if (p.any)
        say(w, &p);
    return p.any;
}
