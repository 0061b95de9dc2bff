/* Sagas under everything that can happen to them: every outcome at every step, deaths after any
 * record, late and early events, impatient people.  Then the faults stop, and every saga must end,
 * with nothing done that should have been undone (G5). */
#include "unit/saga/world.h"

#define SEEDS 150
#define ORDERS 6
#define ROUNDS 400

static struct belay_saga_def *trip(uint64_t deadline_ms)
{
    struct belay_saga_step_def *steps = forever(calloc(4, sizeof *steps));
    steps[0] = (struct belay_saga_step_def){
        .name = BELAY_STR("charge"),
        .retry = QUICK,
        .call = call_def(&payments, "POST", "/do/0/{% order_id %}"),
        .resolve = call_def(&payments, "GET", "/resolve/0/{% order_id %}"),
        .compensate = compensate_def(call_def(&keyed, "POST", "/undo/0/{% order_id %}"), QUICK),
    };
    steps[1] = (struct belay_saga_step_def){
        .name = BELAY_STR("reserve"),
        .retry = QUICK,
        .call = call_def(&payments, "PUT", "/do/1/{% order_id %}"),
        .compensate = compensate_def(call_def(&payments, "POST", "/undo/1/{% order_id %}"), QUICK),
    };
    steps[2] = (struct belay_saga_step_def){
        .name = BELAY_STR("ship"),
        .retry = QUICK,
        .publish = publish_def("work"),
        .await = await_def("results", "{% order_id %}", "{% outcome = 'failed' %}", 5000),
        .compensate
        = compensate_def(call_def(&payments, "DELETE", "/undo/2/{% order_id %}"), QUICK),
    };
    steps[3] = (struct belay_saga_step_def){
        .name = BELAY_STR("book"),
        .retry = QUICK,
        .call = call_def(&payments, "POST", "/do/3/{% order_id %}"),
        .compensate = compensate_def(call_def(&payments, "POST", "/undo/3/{% order_id %}"), QUICK),
    };
    return saga_def(steps, 4, deadline_ms);
}

/* Little time for its steps. */
static struct belay_saga_def *hurried(void)
{
    struct belay_saga_def *def = trip(3600000);
    struct belay_saga_step_def *steps = (struct belay_saga_step_def *)def->steps;
    steps[0].timeout_ms = 40;
    steps[1].timeout_ms = 15;
    steps[2].timeout_ms = 3000;
    return def;
}

/* No way back once it is reserved. */
static struct belay_saga_def *with_pivot(void)
{
    struct belay_saga_def *def = trip(2000);
    ((struct belay_saga_step_def *)def->steps)[1].pivot = true;
    return def;
}

static unsigned draw(struct world *w, unsigned n)
{
    return (unsigned)belay_random_below(&w->random, n);
}

static enum answer any_answer(struct world *w, const char *verb, unsigned step, unsigned saga)
{
    (void)step, (void)saga;
    bool bad = draw(w, 100) < (strcmp(verb, "do") == 0 ? 45u : 35u);
    return bad ? (enum answer)(1 + draw(w, ANSWER_KINDS - 1)) : ANSWER_OK;
}

static bool any_work(struct world *w, unsigned saga)
{
    (void)saga;
    return draw(w, 4) == 0;
}

static struct belay_str id_of(unsigned saga, char text[16])
{
    snprintf(text, 16, "o-%u", saga);
    return belay_str_c(text);
}

/* ---- people ---- */

static void settle_truly(struct world *w, unsigned saga)
{
    char text[64], id[16];
    world_text(w, saga, "/error/step", text, sizeof text);
    unsigned step = strcmp(text, "charge") == 0    ? 0
                    : strcmp(text, "reserve") == 0 ? 1
                    : strcmp(text, "ship") == 0    ? 2
                                                   : 3;
    const struct ledger *l = &w->ledger[saga][step];
    world_text(w, saga, "/parked", text, sizeof text);
    bool backwards = strcmp(text, "compensation") == 0;
    bool done = backwards ? l->undone : l->done > 0;
    enum belay_saga_settle how = done         ? BELAY_SAGA_SETTLE_DONE
                            : draw(w, 2) ? BELAY_SAGA_SETTLE_NOT_DONE
                                         : BELAY_SAGA_SETTLE_RETRY;
    note(w, "person: %u step %u %s\n", saga, step, done ? "done" : "not done or again");
    int status = belay_sagas_settle(
        w->sagas, w->def->name, id_of(saga, id),
        &(struct belay_saga_word){ .how = how, .who = BELAY_STR("ann") }, w->now, &w->err);
    if (status == BELAY_CONFLICT) /* not for a step: it can only be tried again */
        status = belay_sagas_settle(
            w->sagas, w->def->name, id_of(saga, id),
            &(struct belay_saga_word){ .how = BELAY_SAGA_SETTLE_RETRY, .who = BELAY_STR("ann") }, w->now,
            &w->err);
    world_ok(w, status);
}

static const char *state_of(struct world *w, unsigned saga, char text[32])
{
    char id[16];
    struct belay_buf out;
    belay_buf_init(&out, 1 << 20);
    int status = belay_sagas_view(w->sagas, w->def->name, id_of(saga, id), &out, &w->err);
    belay_buf_deinit(&out);
    text[0] = 0;
    if (status == BELAY_OK)
        world_text(w, saga, "/state", text, 32);
    return text;
}

/* ---- chaos ---- */

static void die(struct world *w)
{
    for (unsigned n = 0; n < w->call_count; n++)
        if (belay_store_durable(w->store) >= w->calls[n].position && draw(w, 2))
            world_answer(w, n, true);
    world_die(w, draw(w, 2) ? SIM_KILL : SIM_POWER);
}

static void answer_one(struct world *w)
{
    if (!w->call_count)
        return;
    unsigned n = draw(w, w->call_count);
    if (belay_store_durable(w->store) >= w->calls[n].position)
        world_answer(w, n, false);
}

static void defer_one(struct world *w)
{
    if (!w->call_count)
        return;
    unsigned n = draw(w, w->call_count);
    belay_sagas_defer(w->sagas, w->calls[n].id, w->now + (belay_time)draw(w, 50000));
    w->calls[n] = w->calls[--w->call_count];
}

/* Preferably one whose message is being worked on, or was. */
static void cancel_one(struct world *w)
{
    char id[16];
    unsigned saga = 1 + draw(w, ORDERS);
    if (w->worked && draw(w, 2))
        saga = w->worked;
    else if (draw(w, 8))
        return;
    int status = belay_sagas_abort(w->sagas, w->def->name, id_of(saga, id), BELAY_STR("bob"),
                                   BELAY_STR("why not"), w->now, &w->err);
    if (status != BELAY_OK && status != BELAY_CONFLICT && status != BELAY_NOTFOUND)
        world_ok(w, status);
}

static void settle_one(struct world *w)
{
    char text[32];
    unsigned saga = 1 + draw(w, ORDERS);
    if (strcmp(state_of(w, saga, text), "parked") == 0)
        settle_truly(w, saga);
}

static void start_flush(struct world *w)
{
    belay_broker_flush(w->broker);
    belay_store_flush(w->store, w->now);
}

static void run_a_job(struct world *w)
{
    enum belay_job_lane lane = (enum belay_job_lane)draw(w, BELAY_JOB_LANES);
    if (sim_jobs_can_run(&w->jobs, lane))
        sim_jobs_run(&w->jobs, lane);
    else if (sim_jobs_can_tell(&w->jobs, lane))
        sim_jobs_tell(&w->jobs, lane);
}

static void chaos(struct world *w)
{
    switch (draw(w, 24)) {
    case 0: die(w); break;
    case 1: defer_one(w); break;
    case 2: cancel_one(w); break;
    case 3: settle_one(w); break;
    case 4:
        if (draw(w, 6) == 0)
            world_result(w, 1 + draw(w, ORDERS), draw(w, 3) == 0);
        break;
    case 5:
        if (draw(w, 3) == 0)
            world_order(w, 1 + draw(w, ORDERS));
        break;
    case 6:
    case 7: w->now += (belay_time)draw(w, 40000); break;
    case 8:
        if (draw(w, 20) == 0)
            w->now += (belay_time)draw(w, 4000000);
        break;
    case 9:
    case 10:
    case 11: world_deliver(w); break;
    case 12:
    case 13:
    case 14: world_ask(w); break;
    case 15:
    case 16: start_flush(w); break;
    case 17:
    case 18: run_a_job(w); break;
    case 19: world_flush(w); break;
    case 20: world_work(w); break;
    case 21: belay_broker_tick(w->broker, w->now); break;
    default: answer_one(w); break;
    }
}

/* ---- what must hold in the end ---- */

static void wrong(struct world *w, unsigned saga, const char *what)
{
    struct belay_buf out;
    belay_buf_init(&out, 1 << 20);
    world_view(w, saga, &out);
    fprintf(stderr, "%s\n", out.p);
    world_fail(w, "seed %llu, saga %u: %s", (unsigned long long)w->seed, saga, what);
}

/* Once its pivot is done nothing leads back, by its own history. (On the way back a person settles the undoing.) */
static void check_pivot(struct world *w, unsigned saga)
{
    static const char *const back[]
        = { "compensation_begun", "compensated", "deadline", "aborted" };
    char at[40], event[64], step[64];
    bool past = false, undoing = false;
    for (unsigned n = 0; w->def->steps[1].pivot; n++) {
        snprintf(at, sizeof at, "/history/%u/event", n);
        world_text(w, saga, at, event, sizeof event);
        snprintf(at, sizeof at, "/history/%u/step", n);
        world_text(w, saga, at, step, sizeof step);
        if (!event[0])
            return;
        undoing |= strcmp(event, "compensation_begun") == 0;
        past |= !undoing && strcmp(step, "reserve") == 0
                && (strcmp(event, "done") == 0 || strcmp(event, "settled_done") == 0);
        for (size_t b = 0; past && b < sizeof back / sizeof *back; b++)
            if (strcmp(event, back[b]) == 0)
                wrong(w, saga, "it went back over its pivot");
    }
}

static void check_saga(struct world *w, unsigned saga)
{
    char state[32];
    const struct ledger *l = w->ledger[saga];
    state_of(w, saga, state);
    bool completed = strcmp(state, "completed") == 0;
    if (!completed && strcmp(state, "compensated") != 0 && strcmp(state, "failed") != 0)
        wrong(w, saga, "it has not ended");
    for (unsigned step = 0; step < 4; step++) {
        if (completed && step != 2 && (!l[step].done || l[step].undo_calls))
            wrong(w, saga, "completed, and a step is not done, or was undone");
        if (!completed && l[step].done && !l[step].undone)
            wrong(w, saga, "it failed, and a step was done and not undone (G5)");
        if ((step == 0 || step == 3) && l[step].done > 1)
            wrong(w, saga, "what may not be repeated was done twice");
        if ((step == 1 || step == 3) && l[step].undone > 1)
            wrong(w, saga, "what may not be repeated was undone twice");
        if (l[step].asked_after_undo)
            wrong(w, saga, "a step was begun after it was undone");
    }
    check_pivot(w, saga);
}

static bool all_ended(struct world *w)
{
    struct belay_str name;
    struct belay_saga_stats s;
    return belay_sagas_stats(w->sagas, 0, &name, &s) && s.running + s.compensating + s.parked == 0
           && s.completed + s.compensated + s.failed == ORDERS;
}

static void settle_all(struct world *w)
{
    for (unsigned saga = 1; saga <= ORDERS; saga++) {
        char text[32];
        if (strcmp(state_of(w, saga, text), "parked") == 0)
            settle_truly(w, saga);
    }
}

static struct belay_saga_stats one_seed(uint64_t seed, const struct belay_saga_def *def)
{
    struct belay_str name;
    struct belay_saga_stats stats;
    struct world *w = world_new(seed, def);
    w->slots = 1 + draw(w, 4);
    w->answer = any_answer;
    w->work_fails = any_work;
    for (unsigned n = 1; n <= ORDERS; n++)
        world_order(w, n);
    world_flush(w);
    w->work_breaks_off = true;
    for (unsigned n = 0; n < ROUNDS; n++)
        chaos(w);
    w->work_breaks_off = false;
    w->answer = answer_ok;
    for (unsigned round = 0; round < 12 && !all_ended(w); round++) {
        world_run(w, w->now + 3 * 3600 * (belay_time)BELAY_US_PER_S);
        settle_all(w);
    }
    world_run(w,
              w->now + 3600 * (belay_time)BELAY_US_PER_S); /* what they published is worked off */
    world_die(w, SIM_POWER);
    world_ok(w, belay_sagas_check(w->sagas, &w->err));
    for (unsigned n = 1; n <= ORDERS; n++)
        check_saga(w, n);
    assert_true(belay_sagas_stats(w->sagas, 0, &name, &stats));
    world_free(w);
    return stats;
}

static void whatever_happens_every_saga_ends_and_nothing_is_left_undone(void **state)
{
    (void)state;
    struct belay_saga_stats sum = { 0 };
    const struct belay_saga_def *defs[] = { trip(2000), trip(3600000), hurried(), with_pivot() };
    const char *from = getenv("SEED"), *many = getenv("SEEDS"); /* allow: getenv - a test's own */
    uint64_t first = from ? strtoull(from, NULL, 10) : 1;
    uint64_t count = many ? strtoull(many, NULL, 10) : from ? 1 : SEEDS;
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct belay_saga_stats s = one_seed(seed, defs[seed % 4]);
        sum.completed += s.completed;
        sum.compensated += s.compensated;
        sum.failed += s.failed;
    }
    print_message("completed %llu, compensated %llu, failed %llu\n",
                  (unsigned long long)sum.completed, (unsigned long long)sum.compensated,
                  (unsigned long long)sum.failed);
    assert_true(from
                || (sum.completed > count / 2 && sum.compensated > count / 2 && sum.failed > 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_every_saga_ends_and_nothing_is_left_undone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
