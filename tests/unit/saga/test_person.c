/* What bounds a step, what has no way back, and what a person can say. */
#include "unit/saga/stories.h"

static struct belay_saga_step_def *steps_of(struct belay_saga_def *def)
{
    return (struct belay_saga_step_def *)def->steps;
}

static struct belay_retry_def every(uint32_t attempts, uint64_t ms)
{
    return (struct belay_retry_def){ .max_attempts = attempts,
                                     .initial_ms = ms,
                                     .max_ms = ms,
                                     .multiplier = 1.0,
                                     .jitter = BELAY_JITTER_NONE };
}

static int say(struct world *w, enum belay_saga_settle how, const char *result)
{
    const struct belay_saga_word word = { .how = how,
                                          .who = BELAY_STR("ann"),
                                          .reason = BELAY_STR("the bank says so"),
                                          .result = belay_str_c(result) };
    return belay_sagas_settle(w->sagas, w->def->name, BELAY_STR("o-1"), &word, w->now, &w->err);
}

static int abort_it(struct world *w)
{
    return belay_sagas_abort(w->sagas, w->def->name, BELAY_STR("o-1"), BELAY_STR("ann"),
                             BELAY_STR(""), w->now, &w->err);
}

static struct world *ordered(struct world *w)
{
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    return w;
}

/* An entry of the history that says so. */
static bool told(struct world *w, const char *event, const char *detail)
{
    char at[40], text[256], why[256];
    for (unsigned n = 0;; n++) {
        snprintf(at, sizeof at, "/history/%u/event", n);
        world_text(w, 1, at, text, sizeof text);
        snprintf(at, sizeof at, "/history/%u/detail", n);
        world_text(w, 1, at, why, sizeof why);
        if (!text[0])
            return false;
        if (strcmp(text, event) == 0 && (!detail || strcmp(why, detail) == 0))
            return true;
    }
}

/* ---- a step's timeout ---- */

static void a_step_has_failed_when_its_time_is_over(void **state)
{
    (void)state;
    struct belay_saga_def *def = three_calls();
    steps_of(def)[1].retry = every(1000, 1000);
    steps_of(def)[1].timeout_ms = 10500;
    struct world *w = ordered(scripted_world(def, "do", 1, ANSWER_BUSY, 1000));
    assert_member(w, 1, "/status", "refunded");
    assert_member(w, 1, "/error/type", "SAGA:STEP_TIMEOUT");
    assert_true(told(w, "step_timeout", NULL));
    assert_int_equal(w->ledger[1][1].do_calls, 11);
    assert_int_equal(w->ledger[1][1].undo_calls, 0); /* it is known to have had no effect */
    assert_int_equal(w->ledger[1][0].undone, 1);
    world_free(w);
}

static void the_event_comes_within_the_time_of_its_step(void **state)
{
    (void)state;
    struct belay_saga_def *def = charge_and_ship();
    steps_of(def)[1].publish = NULL;
    steps_of(def)[1].timeout_ms = 3000; /* the event alone may take ten minutes */
    struct world *w = scripted_world(def, "", 0, ANSWER_OK, 0);
    belay_time began = w->now;
    ordered(w);
    assert_member(w, 1, "/status", "refunded");
    assert_member(w, 1, "/error/type", "SAGA:STEP_TIMEOUT");
    assert_true(w->now > began);
    assert_int_equal(w->ledger[1][1].undone, 1); /* it began, and nobody knows */
    world_free(w);
}

static void a_call_takes_no_longer_than_its_step_may(void **state)
{
    (void)state;
    struct belay_saga_def *def = three_calls();
    steps_of(def)[0].timeout_ms = 300;
    struct world *w = world_new(1, def);
    struct belay_call_request request;
    const struct belay_connection_def *connection;
    world_order(w, 1);
    belay_broker_tick(w->broker, w->now);
    world_deliver(w);
    assert_true(belay_sagas_next(w->sagas, w->now, &request, &connection, &(bool){ false }));
    assert_in_range(request.timeout_ms, 299, 301); /* the connection's is a second */
    world_free(w);
}

/* The step's time survives the process, and stands still while a person is waited for. */
static void the_time_of_a_step_survives(void **state)
{
    (void)state;
    struct belay_saga_def *def = charge_and_ship();
    steps_of(def)[1].publish = NULL;
    steps_of(def)[1].timeout_ms = 60000;
    struct world *w = scripted_world(def, "", 0, ANSWER_OK, 0);
    world_order(w, 1);
    world_run(w, w->now + 30 * BELAY_US_PER_S);
    assert_member(w, 1, "/state", "running");
    world_die(w, SIM_POWER);
    world_run(w, w->now + 20 * BELAY_US_PER_S);
    assert_member(w, 1, "/state", "running");
    world_run(w, w->now + 20 * BELAY_US_PER_S);
    assert_member(w, 1, "/error/type", "SAGA:STEP_TIMEOUT");
    world_free(w);
}

/* ---- the pivot ---- */

static struct belay_saga_def *with_pivot(void)
{
    struct belay_saga_def *def = three_calls();
    steps_of(def)[0].pivot = true;
    return def;
}

static void past_its_pivot_a_saga_waits_for_a_person(void **state)
{
    (void)state;
    struct world *w = ordered(scripted_world(with_pivot(), "do", 1, ANSWER_REFUSED, 1));
    assert_member(w, 1, "/status", "needs_attention");
    assert_member(w, 1, "/parked", "step");
    assert_member(w, 1, "/progress/1/state", "failed");
    assert_int_equal(w->ledger[1][0].undo_calls, 0);
    assert_int_equal(abort_it(w), BELAY_CONFLICT);
    assert_ok(say(w, BELAY_SAGA_SETTLE_RETRY, ""));
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "fulfilled");
    assert_int_equal(w->ledger[1][1].done, 1);
    world_free(w);

    w = ordered(scripted_world(with_pivot(), "do", 1, ANSWER_REFUSED, 1));
    world_die(w, SIM_POWER);
    assert_ok(say(w, BELAY_SAGA_SETTLE_SKIP, ""));
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "fulfilled");
    assert_member(w, 1, "/progress/1/state", "passed_over");
    assert_true(told(w, "settled_skip", "by ann: the bank says so"));
    assert_int_equal(w->ledger[1][1].do_calls, 1);
    assert_int_equal(w->ledger[1][2].done, 1);
    world_free(w);
}

static void not_done_past_the_pivot_has_to_be_done_still(void **state)
{
    (void)state;
    struct belay_saga_def *def = with_pivot();
    struct world *w = ordered(scripted_world(def, "do", 2, ANSWER_LOST_BEFORE, 1));
    assert_member(w, 1, "/progress/2/state", "unknown");
    assert_ok(say(w, BELAY_SAGA_SETTLE_NOT_DONE, ""));
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "fulfilled");
    assert_int_equal(w->ledger[1][2].done, 1);
    world_free(w);
}

static void no_deadline_leads_back_over_the_pivot(void **state)
{
    (void)state;
    struct belay_saga_def *def = with_pivot();
    steps_of(def)[1].retry = every(1000, 60000);
    struct world *w
        = ordered(scripted_world(def, "do", 1, ANSWER_BUSY, 90)); /* an hour and a half */
    assert_member(w, 1, "/status", "fulfilled");
    world_free(w);
}

static void an_abort_that_comes_while_the_pivot_is_done_is_too_late(void **state)
{
    (void)state;
    struct world *w = world_new(1, with_pivot());
    world_order(w, 1);
    belay_broker_tick(w->broker, w->now);
    world_deliver(w);
    world_ask(w);
    assert_int_equal(w->call_count, 1);
    assert_ok(abort_it(w));
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "fulfilled");
    assert_true(told(w, "abort_too_late", NULL));
    world_free(w);
}

/* Before it, the way back is open: also over the pivot itself, where nobody knows of it. */
static void before_its_pivot_a_saga_goes_back(void **state)
{
    (void)state;
    struct belay_saga_def *def = three_calls();
    steps_of(def)[2].pivot = true;
    struct world *w = ordered(scripted_world(def, "do", 2, ANSWER_REFUSED, 1));
    assert_member(w, 1, "/status", "refunded");
    assert_int_equal(w->ledger[1][1].undone, 1);
    world_free(w);
}

/* ---- words ---- */

static void what_waits_for_its_retry_may_be_tried_now(void **state)
{
    (void)state;
    struct belay_saga_def *def = three_calls();
    steps_of(def)[1].retry = every(4, 1800000);
    struct world *w = scripted_world(def, "do", 1, ANSWER_BUSY, 1);
    world_order(w, 1);
    assert_int_equal(say(w, BELAY_SAGA_SETTLE_RETRY, ""), BELAY_NOTFOUND);
    world_run(w, w->now + BELAY_US_PER_S);
    assert_member(w, 1, "/progress/1/state", "waiting");
    assert_int_equal(say(w, BELAY_SAGA_SETTLE_SKIP, ""), BELAY_CONFLICT); /* nobody asked */
    assert_ok(say(w, BELAY_SAGA_SETTLE_RETRY, ""));
    world_run(w, w->now + BELAY_US_PER_S);
    assert_member(w, 1, "/status", "fulfilled");
    assert_int_equal(say(w, BELAY_SAGA_SETTLE_RETRY, ""), BELAY_CONFLICT);
    world_free(w);
}

static void a_compensation_may_be_left_out(void **state)
{
    (void)state;
    struct world *w = scripted_world(three_calls(), "do", 2, ANSWER_REFUSED, 1);
    scripts[1] = (struct script){ "undo", 1, ANSWER_BUSY, 4 };
    ordered(w);
    assert_member(w, 1, "/parked", "compensation");
    assert_int_equal(say(w, BELAY_SAGA_SETTLE_DONE, "{}"), BELAY_INVALID);
    assert_ok(say(w, BELAY_SAGA_SETTLE_SKIP, ""));
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "refunded");
    assert_member(w, 1, "/progress/1/state", "left_as_it_is");
    assert_int_equal(w->ledger[1][1].undone, 0);
    assert_int_equal(w->ledger[1][0].undone, 1);
    world_free(w);
}

/* Passed over is not undone: when the saga fails later the step counts (G5). */
static void a_step_that_was_passed_over_counts(void **state)
{
    (void)state;
    struct belay_saga_def *def = three_calls();
    steps_of(def)[1].call = call_def(&payments, "POST", "/do/1/{% order_id %}");
    struct world *w = scripted_world(def, "do", 1, ANSWER_LOST, 1);
    scripts[1] = (struct script){ "do", 2, ANSWER_REFUSED, 1 };
    ordered(w);
    assert_member(w, 1, "/progress/1/state", "unknown");
    assert_ok(say(w, BELAY_SAGA_SETTLE_SKIP, ""));
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "refunded");
    assert_int_equal(w->ledger[1][1].undone, 1);
    world_free(w);
}

static void a_person_may_say_what_the_answer_was(void **state)
{
    (void)state;
    struct belay_saga_def *def = three_calls();
    steps_of(def)[1].call = call_def(&payments, "POST", "/do/1/{% order_id %}");
    steps_of(def)[2].when = template("{% $steps.reserve.body.shelf = 7 %}");
    struct world *w = ordered(scripted_world(def, "do", 1, ANSWER_LOST, 1));
    assert_int_equal(say(w, BELAY_SAGA_SETTLE_NOT_DONE, "{}"), BELAY_INVALID);
    char *large = malloc(BELAY_SAGA_DATA_BYTES_MAX + 3);
    memset(large, '1', BELAY_SAGA_DATA_BYTES_MAX + 2);
    large[BELAY_SAGA_DATA_BYTES_MAX + 2] = 0;
    assert_int_equal(say(w, BELAY_SAGA_SETTLE_DONE, large), BELAY_INVALID);
    free(large);
    assert_ok(say(w, BELAY_SAGA_SETTLE_DONE, "{\"shelf\":7}"));
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "fulfilled");
    assert_member(w, 1, "/steps/reserve/settled_by", "ann");
    assert_int_equal(w->ledger[1][2].done, 1);
    world_free(w);
}

/* An await that failed past the pivot: done means that what was waited for has happened. */
static void a_person_may_stand_in_for_an_event(void **state)
{
    (void)state;
    struct belay_saga_def *def = charge_and_ship();
    steps_of(def)[0].pivot = true;
    steps_of(def)[1].publish = NULL;
    struct world *w = ordered(scripted_world(def, "", 0, ANSWER_OK, 0));
    assert_member(w, 1, "/error/type", "SAGA:AWAIT_TIMEOUT");
    assert_member(w, 1, "/parked", "step");
    assert_ok(say(w, BELAY_SAGA_SETTLE_RETRY, "")); /* waits once more */
    world_run(w, w->now + BELAY_US_PER_S);
    assert_member(w, 1, "/progress/1/state", "awaiting");
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/parked", "step");
    assert_ok(say(w, BELAY_SAGA_SETTLE_DONE, ""));
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "fulfilled");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_has_failed_when_its_time_is_over),
        cmocka_unit_test(the_event_comes_within_the_time_of_its_step),
        cmocka_unit_test(a_call_takes_no_longer_than_its_step_may),
        cmocka_unit_test(the_time_of_a_step_survives),
        cmocka_unit_test(past_its_pivot_a_saga_waits_for_a_person),
        cmocka_unit_test(not_done_past_the_pivot_has_to_be_done_still),
        cmocka_unit_test(no_deadline_leads_back_over_the_pivot),
        cmocka_unit_test(an_abort_that_comes_while_the_pivot_is_done_is_too_late),
        cmocka_unit_test(before_its_pivot_a_saga_goes_back),
        cmocka_unit_test(what_waits_for_its_retry_may_be_tried_now),
        cmocka_unit_test(a_compensation_may_be_left_out),
        cmocka_unit_test(a_step_that_was_passed_over_counts),
        cmocka_unit_test(a_person_may_say_what_the_answer_was),
        cmocka_unit_test(a_person_may_stand_in_for_an_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
