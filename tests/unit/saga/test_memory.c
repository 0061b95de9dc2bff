/* Memory: bounded however many sagas there are, and able to fail at any moment. */
#include "base/alloc.h"
#include "saga/room.h"
#include "unit/saga/world.h"

static struct belay_saga_def *two_steps(void)
{
    struct belay_saga_step_def *steps = forever(calloc(2, sizeof *steps));
    steps[0] = (struct belay_saga_step_def){
        .name = BELAY_STR("charge"),
        .retry = QUICK,
        .call = call_def(&payments, "PUT", "/do/0/{% order_id %}"),
        .compensate
        = compensate_def(call_def(&payments, "DELETE", "/undo/0/{% order_id %}"), QUICK),
    };
    steps[1] = (struct belay_saga_step_def){
        .name = BELAY_STR("ship"),
        .retry = QUICK,
        .publish = publish_def("work"),
        .await = await_def("results", "{% order_id %}", "{% outcome = 'failed' %}", 3600000),
        .compensate
        = compensate_def(call_def(&payments, "DELETE", "/undo/1/{% order_id %}"), QUICK),
    };
    return saga_def(steps, 2, 7200000);
}

static struct belay_saga_def *one_step(void)
{
    struct belay_saga_def *def = two_steps();
    def->step_count = 1;
    def->hash.lo = 1;
    return def;
}

static struct belay_saga_stats stats_of(struct world *w)
{
    struct belay_str name;
    struct belay_saga_stats stats = { 0 };
    belay_sagas_stats(w->sagas, 0, &name, &stats);
    return stats;
}

static void any_order(struct world *w, unsigned n)
{
    char id[32], body[64];
    snprintf(id, sizeof id, "m-%u", n);
    snprintf(body, sizeof body, "{\"order_id\":\"o-%u\",\"number\":%u}", n % WORLD_SAGAS, n);
    world_publish(w, "orders", id, body);
}

/* More than fit wait for slots, and all come to their turn. */
static void more_sagas_than_memory_holds_wait_as_rows(void **state)
{
    (void)state;
    struct belay_saga_def *def = one_step();
    def->id = template("{% number %}");
    struct world *w = world_new(1, def);
    const unsigned count = 3 * BELAY_SAGAS_IN_MEMORY;
    w->slots = 4;
    for (unsigned n = 1; n <= count; n++) {
        any_order(w, n);
        if (n % 100 == 0) {
            world_deliver(w);
            world_ask(w);
            world_flush(w);
        }
        assert_true(w->sagas->sagas.count <= BELAY_SAGAS_IN_MEMORY + w->slots);
        assert_true(w->sagas->bytes <= BELAY_SAGAS_BYTES_IN_MEMORY + BELAY_KIB(64));
    }
    world_deliver(w);
    assert_int_equal(stats_of(w).running, count);
    world_run(w, w->now + 60 * (belay_time)BELAY_US_PER_S);
    assert_int_equal(stats_of(w).completed, count);
    assert_int_equal(w->called, count);
    world_free(w);
}

/* While one connection is full, sagas that need another go on, also those that were evicted. */
static bool payments_are_full(void *arg, const struct belay_connection_def *connection, bool retry, belay_time *ret_at)
{
    (void)retry, (void)ret_at;
    (void)arg;
    return connection != &payments;
}

static void a_full_connection_does_not_hold_up_another(void **state)
{
    (void)state;
    struct belay_saga_step_def *steps = forever(calloc(2, sizeof *steps));
    steps[0] = (struct belay_saga_step_def){ .name = BELAY_STR("a"),
                                             .retry = QUICK,
                                             .when = template("{% number <= 3000 %}"),
                                             .call
                                             = call_def(&payments, "PUT", "/do/0/{% order_id %}") };
    steps[1]
        = (struct belay_saga_step_def){ .name = BELAY_STR("b"),
                                        .retry = QUICK,
                                        .call = call_def(&keyed, "PUT", "/do/1/{% order_id %}") };
    struct belay_saga_def *def = saga_def(steps, 2, 0);
    def->id = template("{% number %}");
    struct world *w = world_new(1, def);
    w->sagas->opt.may_call = payments_are_full;
    for (unsigned n = 1; n <= 3010; n++) {
        any_order(w, n);
        if (n % 100 == 0)
            world_step(w);
    }
    world_run(w, w->now + 5 * (belay_time)BELAY_US_PER_S);
    assert_int_equal(stats_of(w).completed, 10);
    assert_int_equal(stats_of(w).running, 3000);
    assert_true(w->sagas->sagas.count <= BELAY_SAGAS_IN_MEMORY + 64);
    w->sagas->opt.may_call = world_may_call;
    world_run(w, w->now + 60 * (belay_time)BELAY_US_PER_S);
    assert_int_equal(stats_of(w).completed, 3010);
    world_free(w);
}

/* Sagas that wait for an event take no memory; their timers come nevertheless. */
static void waiting_takes_no_memory(void **state)
{
    (void)state;
    struct belay_saga_def *def = two_steps();
    def->id = template("{% number %}");
    struct world *w = world_new(1, def);
    const unsigned count = 2 * BELAY_SAGAS_IN_MEMORY;
    w->crowd = true;
    assert_ok(belay_broker_pause(w->broker, belay_broker_find(w->broker, BELAY_STR("worker")),
                                 BELAY_STR("closed"), &w->err));
    for (unsigned n = 1; n <= count; n++) {
        any_order(w, n);
        if (n % 50 == 0)
            world_step(w);
    }
    world_run(w, w->now + 60 * (belay_time)BELAY_US_PER_S);
    assert_int_equal(stats_of(w).running, count);
    assert_true(w->sagas->sagas.count <= BELAY_SAGAS_IN_MEMORY);
    world_die(w, SIM_POWER);
    assert_true(w->sagas->sagas.count <= BELAY_SAGAS_IN_MEMORY);
    world_run(w, w->now + 3700 * (belay_time)BELAY_US_PER_S);
    assert_int_equal(stats_of(w).compensated, count);
    world_free(w);
}

/* ---- allocations that fail ---- */

static bool no_room(int status)
{
    return status == BELAY_BUSY || status == BELAY_NOSPACE || status == BELAY_NOMEM;
}

static void deliver_failing(struct world *w, uint64_t after)
{
    struct belay_delivery *d;
    while ((d = belay_broker_next(w->broker, w->now))) {
        struct belay_str name = belay_subscription_name(d->sub);
        bool start = belay_str_eq(name, BELAY_STR("trip"));
        if (belay_str_eq(name, BELAY_STR("worker"))) {
            belay_broker_defer(w->broker, d, w->now + 1000);
            return;
        }
        belay_alloc_fail_after(after);
        int status = start ? belay_sagas_start(w->sagas, w->def, d, w->now, &w->err)
                           : belay_sagas_event(w->sagas, w->def, 1, d, w->now, &w->err);
        belay_alloc_fail_after(UINT64_MAX);
        if (no_room(status)) {
            belay_broker_defer(w->broker, d, w->now + 1000);
            return;
        }
        world_ok(w, status);
    }
}

static void ask_failing(struct world *w, uint64_t after)
{
    struct belay_call_request request;
    const struct belay_connection_def *connection;
    belay_alloc_fail_after(after);
    bool any = belay_sagas_next(w->sagas, w->now, &request, &connection, &(bool){ false });
    belay_alloc_fail_after(UINT64_MAX);
    if (!any)
        return;
    struct belay_call_outcome o
        = { .id = request.id, .ok = true, .status = 200, .body = BELAY_STR("{\"fine\":true}") };
    w->called++;
    world_flush(w);
    belay_alloc_fail_after(after);
    int status = belay_sagas_outcome(w->sagas, &o, w->now, &w->err);
    belay_alloc_fail_after(UINT64_MAX);
    if (no_room(status))
        status = belay_sagas_outcome(w->sagas, &o, w->now, &w->err);
    world_ok(w, status);
}

static void without_memory_it_goes_on_when_there_is_some(void **state)
{
    (void)state;
    const struct belay_saga_def *def = two_steps();
    for (uint64_t after = 0; after < 40; after++) {
        struct world *w = world_new(1 + after, def);
        world_result(w, 2, false); /* comes first */
        world_order(w, 1);
        world_order(w, 2);
        for (unsigned n = 0; n < 12; n++) {
            uint64_t now = n < 6 ? after : UINT64_MAX;
            deliver_failing(w, now);
            ask_failing(w, now);
            ask_failing(w, now);
            world_flush(w);
            w->now += 20 * BELAY_US_PER_MS;
        }
        world_run(w, A_WHILE(w));
        assert_member(w, 1, "/status", "fulfilled");
        assert_member(w, 2, "/status", "fulfilled");
        assert_int_equal(w->called, 2);
        world_free(w);
    }
}

static void a_room_that_cannot_be_made_leaves_nothing_behind(void **state)
{
    (void)state;
    struct belay_sagas *s = NULL;
    struct belay_err err;
    for (uint64_t after = 0; after < 2; after++) {
        belay_alloc_fail_after(after);
        assert_int_equal(belay_sagas_new(&(struct belay_sagas_opt){ .seed = 1 }, &s, &err),
                         BELAY_NOMEM);
        belay_alloc_fail_after(UINT64_MAX);
        assert_null(s);
    }
    belay_sagas_free(NULL);
}

/* A journal is read back, so a record that cannot be true is the disk's fault, and ends the start with its name. */
static void a_record_that_starts_or_forgets_a_running_saga_is_refused(void **state)
{
    (void)state;
    struct world *w = world_new(1, one_step());
    struct belay_buf body;
    world_order(w, 1);
    world_deliver(w);
    assert_int_equal(stats_of(w).running, 1);
    belay_buf_init(&body, 1024);
    saga_start_pack(&body, &(struct saga_start){ .kind = 1, .id = BELAY_STR("o-1"), .at = w->now, .deadline = BELAY_TIME_NEVER,
                                                 .step_count = 1, .message = BELAY_STR("m") });
    struct belay_record record = { .type = SAGA_RECORD_START, .version = SAGA_RECORD_VERSION, .body = belay_buf_view(&body) };
    assert_int_equal(belay_sagas_apply(w->sagas, 1, &record, &w->err), BELAY_CORRUPT);
    assert_string_equal(w->err.msg, "record starts saga o-1, which there is already");
    belay_buf_clear(&body);
    belay_pack_varint(&body, 1);
    belay_pack_str(&body, BELAY_STR("o-1"));
    record = (struct belay_record){ .type = SAGA_RECORD_FORGET, .version = SAGA_RECORD_VERSION, .body = belay_buf_view(&body) };
    assert_int_equal(belay_sagas_apply(w->sagas, 1, &record, &w->err), BELAY_CORRUPT);
    assert_string_equal(w->err.msg, "record forgets saga o-1, which has not ended");
    assert_int_equal(stats_of(w).running, 1);
    belay_buf_deinit(&body);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_sagas_than_memory_holds_wait_as_rows),
        cmocka_unit_test(a_full_connection_does_not_hold_up_another),
        cmocka_unit_test(waiting_takes_no_memory),
        cmocka_unit_test(a_record_that_starts_or_forgets_a_running_saga_is_refused),
        cmocka_unit_test(without_memory_it_goes_on_when_there_is_some),
        cmocka_unit_test(a_room_that_cannot_be_made_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
