#include "broker/by_name.h"
#include "broker/stats.h"
#include "unit/saga/stories.h"

/* ---- forwards ---- */

static void every_step_is_done_in_order(void **state)
{
    (void)state;
    struct world *w = world_new(1, three_calls());
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "fulfilled");
    assert_member(w, 1, "/state", "completed");
    assert_member(w, 1, "/history/0/event", "started");
    assert_member(w, 1, "/history/1/event", "begun");
    assert_member(w, 1, "/history/1/step", "charge");
    assert_member(w, 1, "/history/7/event", "completed");
    for (unsigned step = 0; step < 3; step++)
        assert_int_equal(w->ledger[1][step].done, 1);
    world_free(w);
}

static void its_word_says_where_it_is(void **state)
{
    (void)state;
    struct world *w = world_new(1, three_calls());
    w->slots = 0;
    world_order(w, 1);
    world_run(w, w->now + 1000000);
    assert_member(w, 1, "/status", "accepted");
    w->slots = 1;
    world_ask(w);
    assert_member(w, 1, "/status", "charging");
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "fulfilled");
    world_free(w);
}

static void a_step_may_be_left_out(void **state)
{
    (void)state;
    struct belay_saga_def *def = three_calls();
    ((struct belay_saga_step_def *)def->steps)[1].when = template("{% total > 10 %}");
    ((struct belay_saga_step_def *)def->steps)[2].when = template("{% $steps.charge.body.fine %}");
    struct world *w = world_new(1, def);
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "fulfilled");
    assert_int_equal(w->ledger[1][1].do_calls, 0);
    assert_int_equal(w->ledger[1][2].done, 1);
    world_free(w);
}

static void what_never_arrived_is_tried_again(void **state)
{
    (void)state;
    struct world *w = scripted_world(three_calls(), "do", 2, ANSWER_NOT_SENT, 3);
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "fulfilled");
    assert_int_equal(w->ledger[1][2].do_calls, 4);
    world_free(w);
}

/* What failed and was done after all is history: it is an error only as long as the saga stands there. */
static void an_error_is_what_is_wrong_now(void **state)
{
    (void)state;
    struct world *w = scripted_world(three_calls(), "do", 0, ANSWER_BUSY, 2);
    char step[64], at[64];
    bool seen = false;
    world_order(w, 1);
    for (int i = 0; i < 3000; i++) {
        world_run(w, w->now + 1000);
        world_text(w, 1, "/error/step", step, sizeof step);
        world_text(w, 1, "/step", at, sizeof at);
        seen = seen || step[0];
        if (step[0])
            assert_string_equal(step, at);
    }
    world_run(w, A_WHILE(w));
    assert_true(seen);
    assert_int_equal(w->ledger[1][0].do_calls, 3);
    assert_member(w, 1, "/status", "fulfilled");
    assert_member(w, 1, "/error/type", "");
    world_free(w);
}

static void an_order_may_come_twice(void **state)
{
    (void)state;
    struct world *w = world_new(1, three_calls());
    world_order(w, 1);
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    assert_int_equal(w->ledger[1][0].do_calls, 1);
    struct belay_str name;
    struct belay_saga_stats stats;
    assert_true(belay_sagas_stats(w->sagas, 0, &name, &stats));
    assert_str(name, "trip");
    assert_int_equal(stats.completed, 1);
    assert_int_equal(stats.running, 0);
    world_free(w);
}

static void an_order_without_an_id_becomes_a_letter(void **state)
{
    (void)state;
    struct world *w = world_new(1, three_calls());
    world_publish(w, "orders", "m", "{\"total\":1}");
    world_publish(w, "orders", "n", "no json");
    world_run(w, A_WHILE(w));
    struct belay_subscription_stats stats;
    assert_true(belay_broker_subscription_stats(w->broker, 0, &stats));
    assert_int_equal(stats.dead, 2);
    world_free(w);
}

/* ---- backwards ---- */

static void refused_at_once_nothing_has_to_be_undone(void **state)
{
    (void)state;
    struct world *w = scripted_world(three_calls(), "do", 0, ANSWER_REFUSED, 1);
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "declined");
    assert_member(w, 1, "/error/type", "HTTP:CLIENT_ERROR");
    assert_member(w, 1, "/error/step", "charge");
    assert_int_equal(w->ledger[1][0].undo_calls, 0);
    world_free(w);
}

static void refused_at_the_end_all_before_is_undone_backwards(void **state)
{
    (void)state;
    struct world *w = scripted_world(three_calls(), "do", 2, ANSWER_REFUSED, 1);
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "refunded");
    assert_int_equal(w->ledger[1][2].undo_calls, 0);
    assert_int_equal(w->ledger[1][1].undone, 1);
    assert_int_equal(w->ledger[1][0].undone, 1);
    world_free(w);
}

static void settle(struct world *w, enum belay_saga_settle how)
{
    assert_ok(belay_sagas_settle(w->sagas, w->def->name, BELAY_STR("o-1"),
                                 &(struct belay_saga_word){ .how = how, .who = BELAY_STR("ann") },
                                 w->now, &w->err));
    world_run(w, A_WHILE(w));
}

static void a_compensation_that_gives_up_is_parked_for_a_person(void **state)
{
    (void)state;
    const enum belay_saga_settle ways[]
        = { BELAY_SAGA_SETTLE_RETRY, BELAY_SAGA_SETTLE_NOT_DONE, BELAY_SAGA_SETTLE_DONE };
    for (unsigned n = 0; n < 3; n++) {
        struct world *w = scripted_world(three_calls(), "do", 2, ANSWER_REFUSED, 1);
        scripts[1] = (struct script){ "undo", 1, ANSWER_BUSY, 4 };
        world_order(w, 1);
        world_run(w, A_WHILE(w));
        assert_member(w, 1, "/status", "needs_attention");
        assert_int_equal(w->ledger[1][0].undo_calls, 0);
        settle(w, ways[n]);
        assert_member(w, 1, "/status", "refunded");
        assert_int_equal(w->ledger[1][1].undone, ways[n] != BELAY_SAGA_SETTLE_DONE);
        assert_int_equal(w->ledger[1][0].undone, 1);
        world_free(w);
    }
}

/* Its compensation is a POST that may not be repeated blindly. */
static void a_compensation_of_unknown_outcome_is_parked(void **state)
{
    (void)state;
    struct belay_saga_def *def = three_calls();
    struct belay_saga_step_def *steps = (struct belay_saga_step_def *)def->steps;
    steps[1].compensate
        = compensate_def(call_def(&payments, "POST", "/undo/1/{% order_id %}"), QUICK);
    struct world *w = scripted_world(def, "do", 2, ANSWER_REFUSED, 1);
    scripts[1] = (struct script){ "undo", 1, ANSWER_LOST, 1 };
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "needs_attention");
    assert_member(w, 1, "/error/class", "unknown_outcome");
    settle(w, BELAY_SAGA_SETTLE_DONE);
    assert_member(w, 1, "/status", "refunded");
    assert_int_equal(w->ledger[1][1].undo_calls, 1);
    world_free(w);
}

/* ---- unknown outcomes ---- */

static void an_unknown_outcome_is_asked_about(void **state)
{
    (void)state;
    struct world *w = scripted_world(three_calls(), "do", 0, ANSWER_LOST, 1);
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "fulfilled");
    assert_int_equal(w->ledger[1][0].do_calls, 1);
    world_free(w);

    w = scripted_world(three_calls(), "do", 0, ANSWER_LOST_BEFORE, 1);
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "fulfilled");
    assert_int_equal(w->ledger[1][0].do_calls, 2);
    assert_int_equal(w->ledger[1][0].done, 1);
    world_free(w);
}

/* The call was made, and what it came to cannot be read: neither done nor refused. */
static void an_answer_that_cannot_be_read_is_asked_about(void **state)
{
    (void)state;
    struct world *w = scripted_world(three_calls(), "do", 0, ANSWER_GARBLED, 1);
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "fulfilled");
    assert_int_equal(w->ledger[1][0].do_calls, 1);
    world_free(w);

    w = scripted_world(three_calls(), "do", 2, ANSWER_GARBLED, 1); /* nobody to ask, and not to be repeated */
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "needs_attention");
    assert_member(w, 1, "/error/type", "HTTP:INVALID_BODY");
    assert_int_equal(w->ledger[1][2].do_calls, 1);
    world_free(w);
}

/* Who answers says what the body is: the call, or the one who was asked about it. */
static void an_answer_is_read_as_the_one_who_was_asked_gives_it(void **state)
{
    (void)state;
    for (int asked = 0; asked < 2; asked++) {
        struct belay_saga_def *def = three_calls();
        struct belay_saga_step_def *steps = (struct belay_saga_step_def *)def->steps;
        struct belay_call_def *text = (struct belay_call_def *)(asked ? steps[0].resolve : steps[0].call);
        text->answer = BELAY_ANSWER_TEXT;
        steps[1].when = template("{% $type($steps.charge.body) = 'object' %}");
        struct world *w = scripted_world(def, "do", 0, ANSWER_LOST, 1);
        world_order(w, 1);
        world_run(w, A_WHILE(w));
        assert_member(w, 1, "/status", "fulfilled");
        assert_int_equal(w->ledger[1][0].do_calls, 1);
        assert_int_equal(w->ledger[1][1].do_calls, asked ? 0 : 1);
        world_free(w);
    }
}

static void what_an_undoing_says_need_not_be_read(void **state)
{
    (void)state;
    scripts[1] = (struct script){ "undo", 1, ANSWER_GARBLED, 1 };
    struct world *w = scripted_world(three_calls(), "do", 2, ANSWER_REFUSED, 1);
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    assert_int_equal(w->ledger[1][1].undo_calls, 1);
    assert_member(w, 1, "/status", "refunded");
    world_free(w);
}

static void one_that_may_be_repeated_is_repeated(void **state)
{
    (void)state;
    struct world *w = scripted_world(three_calls(), "do", 1, ANSWER_LOST, 2);
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "fulfilled");
    assert_int_equal(w->ledger[1][1].do_calls, 3);
    world_free(w);
}

static struct world *parked_at_book(void)
{
    struct world *w = scripted_world(three_calls(), "do", 2, ANSWER_LOST, 1);
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "needs_attention");
    assert_member(w, 1, "/error/class", "unknown_outcome");
    return w;
}

static void one_that_nobody_can_tell_waits_for_a_person(void **state)
{
    (void)state;
    struct world *w = parked_at_book();
    settle(w, BELAY_SAGA_SETTLE_DONE);
    assert_member(w, 1, "/status", "fulfilled");
    assert_int_equal(belay_sagas_settle(w->sagas, w->def->name, BELAY_STR("o-1"),
                                        &(struct belay_saga_word){ .how = BELAY_SAGA_SETTLE_DONE,
                                                                   .who = BELAY_STR("ann") },
                                        w->now, &w->err),
                     BELAY_CONFLICT);
    assert_int_equal(belay_sagas_settle(w->sagas, w->def->name, BELAY_STR("o-9"),
                                        &(struct belay_saga_word){ .how = BELAY_SAGA_SETTLE_DONE,
                                                                   .who = BELAY_STR("ann") },
                                        w->now, &w->err),
                     BELAY_NOTFOUND);
    world_free(w);

    w = parked_at_book();
    settle(w, BELAY_SAGA_SETTLE_NOT_DONE);
    assert_member(w, 1, "/status", "refunded");
    assert_int_equal(w->ledger[1][2].undo_calls, 0);
    assert_int_equal(w->ledger[1][1].undone, 1);
    world_free(w);

    w = parked_at_book();
    settle(w, BELAY_SAGA_SETTLE_RETRY);
    assert_member(w, 1, "/status", "fulfilled");
    assert_int_equal(w->ledger[1][2].do_calls, 2);
    world_free(w);

    w = parked_at_book();
    assert_ok(belay_sagas_abort(w->sagas, w->def->name, BELAY_STR("o-1"), BELAY_STR("ann"),
                                BELAY_STR("why not"), w->now, &w->err));
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "refunded");
    assert_int_equal(w->ledger[1][2].undone, 1);
    world_free(w);
}

static void a_crash_leaves_a_call_of_unknown_outcome(void **state)
{
    (void)state;
    struct world *w = world_new(1, three_calls());
    world_order(w, 1);
    world_deliver(w);
    world_ask(w);
    world_flush(w);
    assert_int_equal(w->call_count, 1);
    world_answer(w, 0, true); /* it was charged, and nobody heard */
    world_die(w, SIM_POWER);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "fulfilled");
    assert_int_equal(w->ledger[1][0].do_calls, 1);
    world_free(w);
}

static void what_was_never_handed_over_is_called_again(void **state)
{
    (void)state;
    struct world *w = world_new(1, three_calls());
    world_order(w, 1);
    world_deliver(w);
    world_ask(w);
    world_flush(w);
    belay_sagas_defer(w->sagas, w->calls[0].id, w->now + 5000000);
    w->call_count = 0;
    world_ask(w);
    assert_int_equal(w->call_count, 0);
    assert_int_equal(belay_sagas_wake_at(w->sagas), w->now + 5000000);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "fulfilled");
    assert_int_equal(w->ledger[1][0].do_calls, 1);
    world_free(w);
}

/* ---- messages and events ---- */

static void it_waits_for_what_comes_of_its_message(void **state)
{
    (void)state;
    struct world *w = world_new(1, charge_and_ship());
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "fulfilled");
    assert_member(w, 1, "/steps/ship/event/body/outcome", "ok");
    assert_member(w, 1, "/steps/ship/topic", "work");
    assert_int_equal(w->ledger[1][1].done, 1);
    world_free(w);
}

static bool work_breaks(struct world *w, unsigned saga)
{
    (void)w, (void)saga;
    return true;
}

static void an_event_may_say_that_it_failed(void **state)
{
    (void)state;
    struct world *w = world_new(1, charge_and_ship());
    w->work_fails = work_breaks;
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "refunded");
    assert_member(w, 1, "/error/type", "SAGA:EVENT_FAILED");
    assert_int_equal(w->ledger[1][1].undo_calls, 1); /* somebody had handled the message */
    assert_int_equal(w->ledger[1][0].undone, 1);
    world_free(w);
}

static void an_event_that_comes_first_waits(void **state)
{
    (void)state;
    struct world *w = world_new(1, charge_and_ship());
    struct belay_str name;
    struct belay_saga_stats stats;
    world_result(w, 1, false);
    world_result(w, 1, false); /* and says nothing more */
    world_run(w, w->now + 1000000);
    assert_true(belay_sagas_stats(w->sagas, 0, &name, &stats));
    assert_int_equal(stats.events_waiting, 1);
    world_die(w, SIM_POWER);
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "fulfilled");
    assert_true(belay_sagas_stats(w->sagas, 0, &name, &stats));
    assert_int_equal(stats.events_waiting, 0);
    world_free(w);
}

static void an_event_whose_saga_never_comes_becomes_a_letter(void **state)
{
    (void)state;
    struct world *w = world_new(1, charge_and_ship());
    world_result(w, 1, false);
    world_run(w, A_WHILE(w));
    struct belay_subscription_stats broker;
    struct belay_str name;
    struct belay_saga_stats stats;
    bool found = false;
    for (uint32_t n = 0; belay_broker_subscription_stats(w->broker, n, &broker); n++)
        if (belay_str_eq(broker.name, BELAY_STR("trip/1"))) {
            found = true;
            assert_int_equal(broker.dead, 1);
            assert_int_equal(broker.waiting, 0);
        }
    assert_true(found);
    assert_true(belay_sagas_stats(w->sagas, 0, &name, &stats));
    assert_int_equal(stats.events_waiting, 0);
    world_free(w);
}

static struct belay_subscription_stats events_of(struct world *w)
{
    struct belay_subscription_stats s;
    for (uint32_t n = 0; belay_broker_subscription_stats(w->broker, n, &s); n++)
        if (belay_str_eq(s.name, BELAY_STR("trip/1")))
            return s;
    fail_msg("nobody reads the events");
    return s;
}

/* However long: a letter of it might expire, and its saga would wait for what nobody has any more. */
static void an_event_waits_as_long_as_its_saga_waits_for_a_person(void **state)
{
    (void)state;
    struct belay_saga_def *def = charge_and_ship();
    ((struct belay_saga_step_def *)def->steps)[0] = three_calls()->steps[2]; /* whose outcome nobody can tell */
    struct world *w = scripted_world(def, "do", 2, ANSWER_LOST, 1);
    assert_ok(belay_broker_pause(w->broker, belay_broker_find(w->broker, BELAY_STR("worker")), BELAY_STR("closed"), &w->err));
    world_order(w, 1);
    world_run(w, w->now + 60 * (belay_time)BELAY_US_PER_S);
    assert_member(w, 1, "/status", "needs_attention");
    world_result(w, 1, false);
    for (int day = 0; day < 16; day++) { /* the deadline is two hours, and two weeks go by, with a crash in the middle */
        world_run(w, w->now + 24 * 3600 * (belay_time)BELAY_US_PER_S);
        if (day == 8)
            world_die(w, SIM_POWER);
        assert_int_equal(events_of(w).dead, 0);
        assert_int_equal(events_of(w).waiting, 1);
    }
    settle(w, BELAY_SAGA_SETTLE_DONE);
    assert_member(w, 1, "/status", "fulfilled");
    assert_int_equal(events_of(w).waiting, 0);
    world_free(w);
}

static void a_message_nobody_began_to_handle_is_taken_back(void **state)
{
    (void)state;
    struct world *w = world_new(1, charge_and_ship());
    assert_ok(belay_broker_pause(w->broker, belay_broker_find(w->broker, BELAY_STR("worker")),
                                 BELAY_STR("closed"), &w->err));
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "refunded");
    assert_member(w, 1, "/error/type", "SAGA:AWAIT_TIMEOUT");
    assert_int_equal(w->ledger[1][1].undo_calls, 0);
    assert_int_equal(w->ledger[1][0].undone, 1);
    struct belay_subscription *worker = belay_broker_find(w->broker, BELAY_STR("worker"));
    assert_int_equal(belay_broker_state_of(w->broker, worker, 1, NULL), BELAY_MESSAGE_DONE);
    world_free(w);
}

/* Two wait for their shipment: the one that has done so for longer is the one that is told. */
static void the_instance_that_has_not_moved_for_longest_is_known(void **state)
{
    (void)state;
    struct world *w = world_new(1, charge_and_ship());
    belay_time since = 0, first;
    assert_ok(belay_broker_pause(w->broker, belay_broker_find(w->broker, BELAY_STR("worker")),
                                 BELAY_STR("closed"), &w->err));
    belay_sagas_watch(w->sagas);
    assert_false(belay_sagas_idle(w->sagas, 0, &since));
    world_order(w, 1);
    world_run(w, w->now + 60 * (belay_time)BELAY_US_PER_S);
    world_order(w, 2);
    world_run(w, w->now + 60 * (belay_time)BELAY_US_PER_S);
    belay_sagas_watch(w->sagas);
    assert_true(belay_sagas_idle(w->sagas, 0, &first));
    assert_in_range(w->now - first, 100 * (belay_time)BELAY_US_PER_S, 120 * (belay_time)BELAY_US_PER_S);
    world_result(w, 1, false); /* it ends: what was found says nothing any more */
    world_run(w, w->now + BELAY_US_PER_S);
    assert_false(belay_sagas_idle(w->sagas, 0, &since));
    belay_sagas_watch(w->sagas);
    assert_true(belay_sagas_idle(w->sagas, 0, &since));
    assert_true(since > first);
    world_free(w);
}

/* Until the worker has the saga's message in hand. */
static void run_until_in_hand(struct world *w)
{
    for (unsigned n = 0; n < 1000 && !w->work; n++) {
        world_deliver(w);
        world_ask(w);
        world_flush(w);
        for (unsigned c = w->call_count; c-- > 0;)
            world_answer(w, c, false);
        w->now += BELAY_US_PER_MS;
    }
    assert_non_null(w->work);
}

/* The worker had begun: what it may have done is undone although the message is taken back. */
static void a_message_somebody_had_begun_to_handle_is_undone_as_well(void **state)
{
    (void)state;
    struct world *w = world_new(1, charge_and_ship());
    world_order(w, 1);
    run_until_in_hand(w);
    struct belay_fault fault;
    belay_fault_init(&fault, "TEST:BROKE_OFF", BELAY_CLASS_TRANSIENT, "it broke off");
    assert_ok(belay_broker_retry(w->broker, w->work, w->now + 3600 * (belay_time)BELAY_US_PER_S,
                                 &fault, BELAY_STR_NONE, (struct belay_hash128){ 0 }, &w->err));
    w->work = NULL;
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "refunded");
    assert_int_equal(w->ledger[1][1].undo_calls, 1);
    assert_int_equal(w->ledger[1][1].done, 0);
    world_free(w);
}

static void compensation_waits_while_its_message_is_in_hand(void **state)
{
    (void)state;
    struct world *w = world_new(1, charge_and_ship());
    world_order(w, 1);
    run_until_in_hand(w);
    assert_ok(belay_sagas_abort(w->sagas, w->def->name, BELAY_STR("o-1"), BELAY_STR("ann"),
                                BELAY_STR("why not"), w->now, &w->err));
    for (unsigned n = 0; n < 20; n++) {
        world_ask(w);
        world_flush(w);
        w->now += 100 * BELAY_US_PER_MS;
    }
    assert_member(w, 1, "/state", "compensating");
    assert_int_equal(w->ledger[1][1].undo_calls + w->ledger[1][0].undo_calls, 0);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "refunded");
    assert_int_equal(w->ledger[1][1].done, 1);
    assert_int_equal(w->ledger[1][1].undone, 1);
    assert_false(w->ledger[1][1].asked_after_undo);
    world_free(w);
}

static void a_saga_ends_by_its_deadline(void **state)
{
    (void)state;
    struct belay_saga_def *def = charge_and_ship();
    def->deadline_ms = 60000;
    struct world *w = world_new(1, def);
    assert_ok(belay_broker_pause(w->broker, belay_broker_find(w->broker, BELAY_STR("worker")),
                                 BELAY_STR("closed"), &w->err));
    belay_time began = w->now;
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "refunded");
    assert_member(w, 1, "/error/type", "SAGA:DEADLINE");
    assert_true(w->now >= began + 60 * BELAY_US_PER_S);
    world_free(w);
}

/* ---- people, definitions, keeping ---- */

static void a_cancel_waits_for_the_call_under_way(void **state)
{
    (void)state;
    struct world *w = world_new(1, three_calls());
    world_order(w, 1);
    world_deliver(w);
    world_ask(w);
    assert_ok(belay_sagas_abort(w->sagas, w->def->name, BELAY_STR("o-1"), BELAY_STR("ann"),
                                BELAY_STR("why not"), w->now, &w->err));
    assert_member(w, 1, "/state", "running");
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "refunded");
    assert_int_equal(w->ledger[1][1].do_calls, 0);
    assert_int_equal(w->ledger[1][0].undone, 1);
    assert_int_equal(belay_sagas_abort(w->sagas, w->def->name, BELAY_STR("o-1"), BELAY_STR("ann"),
                                       BELAY_STR("why not"), w->now, &w->err),
                     BELAY_CONFLICT);
    world_free(w);
}

static void without_its_definition_it_is_parked(void **state)
{
    (void)state;
    struct world *w = world_new(1, three_calls());
    w->slots = 0;
    world_order(w, 1);
    world_run(w, w->now + 1000000);
    w->def_gone = true;
    w->slots = 16;
    world_die(w, SIM_KILL);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/state", "parked");
    assert_member(w, 1, "/error/type", "SAGA:DEFINITION");
    w->def_gone = false;
    settle(w, BELAY_SAGA_SETTLE_RETRY);
    assert_member(w, 1, "/status", "fulfilled");
    world_free(w);
}

static void an_ended_one_is_forgotten_in_the_end(void **state)
{
    (void)state;
    struct world *w = world_new(1, three_calls());
    world_order(w, 1);
    world_run(w, A_WHILE(w));
    assert_member(w, 1, "/status", "fulfilled");
    w->now = belay_time_add_ms(w->now, BELAY_SAGA_KEEP_MS);
    world_run(w, A_WHILE(w));
    struct belay_buf out;
    belay_buf_init(&out, 1 << 16);
    assert_int_equal(belay_sagas_view(w->sagas, w->def->name, BELAY_STR("o-1"), &out, &w->err),
                     BELAY_NOTFOUND);
    belay_buf_deinit(&out);
    world_free(w);
}

static void they_are_listed_by_id(void **state)
{
    (void)state;
    struct world *w = world_new(1, three_calls());
    for (unsigned n = 1; n < 6; n++)
        world_order(w, n);
    world_run(w, A_WHILE(w));
    char after[16] = "";
    struct belay_str id, word;
    unsigned count = 0;
    while (belay_sagas_list(w->sagas, w->def->name, belay_str_c(after), &id, &word)) {
        char expect[16];
        snprintf(expect, sizeof expect, "o-%u", ++count);
        snprintf(after, sizeof after, "%.*s", BELAY_STR_ARG(id));
        assert_string_equal(after, expect);
        assert_str(word, "completed");
    }
    assert_int_equal(count, 5);
    assert_false(belay_sagas_list(w->sagas, BELAY_STR("other"), BELAY_STR(""), &id, &word));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_is_done_in_order),
        cmocka_unit_test(its_word_says_where_it_is),
        cmocka_unit_test(a_step_may_be_left_out),
        cmocka_unit_test(what_never_arrived_is_tried_again),
        cmocka_unit_test(an_error_is_what_is_wrong_now),
        cmocka_unit_test(an_order_may_come_twice),
        cmocka_unit_test(an_order_without_an_id_becomes_a_letter),
        cmocka_unit_test(refused_at_once_nothing_has_to_be_undone),
        cmocka_unit_test(refused_at_the_end_all_before_is_undone_backwards),
        cmocka_unit_test(a_compensation_that_gives_up_is_parked_for_a_person),
        cmocka_unit_test(a_compensation_of_unknown_outcome_is_parked),
        cmocka_unit_test(an_answer_that_cannot_be_read_is_asked_about),
        cmocka_unit_test(an_answer_is_read_as_the_one_who_was_asked_gives_it),
        cmocka_unit_test(what_an_undoing_says_need_not_be_read),
        cmocka_unit_test(an_unknown_outcome_is_asked_about),
        cmocka_unit_test(one_that_may_be_repeated_is_repeated),
        cmocka_unit_test(one_that_nobody_can_tell_waits_for_a_person),
        cmocka_unit_test(a_crash_leaves_a_call_of_unknown_outcome),
        cmocka_unit_test(what_was_never_handed_over_is_called_again),
        cmocka_unit_test(it_waits_for_what_comes_of_its_message),
        cmocka_unit_test(an_event_may_say_that_it_failed),
        cmocka_unit_test(an_event_that_comes_first_waits),
        cmocka_unit_test(an_event_whose_saga_never_comes_becomes_a_letter),
        cmocka_unit_test(an_event_waits_as_long_as_its_saga_waits_for_a_person),
        cmocka_unit_test(a_message_nobody_began_to_handle_is_taken_back),
        cmocka_unit_test(the_instance_that_has_not_moved_for_longest_is_known),
        cmocka_unit_test(a_message_somebody_had_begun_to_handle_is_undone_as_well),
        cmocka_unit_test(compensation_waits_while_its_message_is_in_hand),
        cmocka_unit_test(a_saga_ends_by_its_deadline),
        cmocka_unit_test(a_cancel_waits_for_the_call_under_way),
        cmocka_unit_test(without_its_definition_it_is_parked),
        cmocka_unit_test(an_ended_one_is_forgotten_in_the_end),
        cmocka_unit_test(they_are_listed_by_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
