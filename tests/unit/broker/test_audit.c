#include "unit/broker/broker_fixture.h"

#define FINDINGS 32

struct found {
    struct belay_audit_balance balance;
    char text[FINDINGS][300];
    uint64_t sequence[FINDINGS];
    uint32_t count;
    uint32_t asked;
};

static void on_balance(void *arg, const struct belay_audit_balance *balance)
{
    ((struct found *)arg)->balance = *balance;
}

static void on_finding(void *arg, struct belay_str owner, uint64_t sequence, struct belay_str what)
{
    struct found *f = arg;
    assert_true(f->count < FINDINGS);
    f->sequence[f->count] = sequence;
    snprintf(f->text[f->count++], sizeof f->text[0], "%.*s: %.*s", BELAY_STR_ARG(owner), BELAY_STR_ARG(what));
}

static struct found look(struct world *w)
{
    struct found f = { 0 };
    struct belay_auditor to = { on_balance, on_finding, NULL, &f };
    world_ok(w, belay_broker_audit(w->b, &to, &w->err));
    const struct belay_audit_balance *s = &f.balance;
    if (!s->twice)
        assert_int_equal(s->published, s->queued + s->in_flight + s->waiting + s->held + s->parked + s->dead + s->done
                                           + s->discarded + s->expired + s->lost);
    return f;
}

/* One that names the message and says so. */
static bool named(const struct found *f, uint64_t sequence, const char *what)
{
    for (uint32_t i = 0; i < f->count; i++)
        if (f->sequence[i] == sequence && strstr(f->text[i], what))
            return true;
    return false;
}

/* Of 10 messages 1 is done, 2 waits, 3 and 4 are held behind it, 5 is dead, 6 parked with 7 behind it, 8 in flight
 * with its attempt recorded, 9 discarded; 10 is queued. */
static struct world *mixed(void)
{
    static const char *const keys[] = { "a", "b", "b", "b", "c", "d", "d", "e", "f", "g" };
    struct world *w = world_new(false);
    declare(w, BELAY_STR("orders"), false);
    subscribe(w, BELAY_STR("flow"), BELAY_STR("orders"));
    for (int i = 0; i < 10; i++)
        publish(w, keys[i], "{}");
    world_flush(w);
    ack(w, take_one(w, 1));
    retry(w, take_one(w, 2), 60000);
    letter(w, take_one(w, 5), false);
    letter(w, take_one(w, 6), true);
    struct belay_delivery *d = take_one(w, 8);
    world_ok(w, belay_broker_start(w->b, d, &w->err));
    world_ok(w, belay_broker_discard(w->b, take_one(w, 9), BELAY_STR("nobody wants it"), &w->err));
    world_settle(w);
    return w;
}

static void every_message_is_in_one_state(void **state)
{
    struct world *w = mixed();
    struct found f = look(w);
    (void)state;
    assert_int_equal(f.count, 0);
    assert_string_equal(f.balance.name.p, "flow");
    assert_int_equal(f.balance.published, 10);
    assert_int_equal(f.balance.done, 1);
    assert_int_equal(f.balance.discarded, 1);
    assert_int_equal(f.balance.waiting, 1);
    assert_int_equal(f.balance.held, 3);
    assert_int_equal(f.balance.dead, 1);
    assert_int_equal(f.balance.parked, 1);
    assert_int_equal(f.balance.in_flight, 1);
    assert_int_equal(f.balance.queued, 1);
    world_reopen(w, SIM_POWER);
    f = look(w);
    assert_int_equal(f.count, 0);
    assert_int_equal(f.balance.lost, 0);
    world_free(w);
}

static void del(struct world *w, uint32_t table, struct row_key key)
{
    struct belay_str value;
    world_ok(w, belay_state_reserve(w->b->state, 1000, 4, &w->err));
    assert_true(belay_state_get(w->b->state, table, row_key_str(&key), &value));
    belay_state_del(w->b->state, table, row_key_str(&key));
}

static void an_exception_that_is_gone_is_named(void **state)
{
    static const uint64_t sequences[] = { 2, 5, 6 };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct world *w = mixed();
        del(w, BELAY_TABLE_EXCEPTION, key_exception(w->sub->id, sequences[i], PART_META));
        struct found f = look(w);
        assert_int_equal(f.balance.lost, 1);
        assert_true(named(&f, sequences[i], "in no state"));
        world_free(w);
    }
}

static void a_retry_that_will_never_come_is_named(void **state)
{
    struct world *w = mixed();
    struct exception x;
    (void)state;
    assert_true(exception_get(w->b, w->sub->id, 2, &x));
    del(w, BELAY_TABLE_DUE, key_due(w->sub->id, x.due, 2));
    struct found f = look(w);
    assert_int_equal(f.balance.lost, 1);
    assert_true(named(&f, 2, "nothing says when"));
    world_free(w);
}

static void a_letter_without_its_message_is_named(void **state)
{
    struct world *w = mixed();
    (void)state;
    del(w, BELAY_TABLE_LETTER, key_letter(w->sub->id, 5, LETTER_MESSAGE));
    struct found f = look(w);
    assert_true(named(&f, 5, "its letter is not there"));
    world_free(w);
}

static void what_a_lane_holds_and_has_not_is_named_by_its_head(void **state)
{
    struct world *w = mixed();
    struct exception x;
    (void)state;
    assert_true(exception_get(w->b, w->sub->id, 2, &x));
    del(w, BELAY_TABLE_HELD, key_held(w->sub->id, x.lane, 3));
    struct found f = look(w);
    assert_int_equal(f.balance.lost, 2);
    assert_true(named(&f, 2, "the lane 'b' behind it holds 2 messages, and 0"));
    world_free(w);
}

static void what_is_held_by_no_lane_is_named(void **state)
{
    struct world *w = mixed();
    struct exception x;
    (void)state;
    assert_true(exception_get(w->b, w->sub->id, 2, &x));
    del(w, BELAY_TABLE_LANE, key_lane(w->sub->id, x.lane));
    struct found f = look(w);
    assert_true(named(&f, 3, "held by a lane that is not there"));
    assert_true(named(&f, 4, "held by a lane that is not there"));
    assert_true(named(&f, 2, "does not know it as its head"));
    world_free(w);
}

static void a_cursor_that_is_too_far_is_named(void **state)
{
    struct world *w = world_new(false);
    (void)state;
    declare(w, BELAY_STR("orders"), false);
    subscribe(w, BELAY_STR("flow"), BELAY_STR("orders"));
    for (int i = 0; i < 5; i++)
        publish(w, "a", "{}");
    world_flush(w);
    ack(w, take_one(w, 1));
    ack(w, take_one(w, 2));
    world_settle(w);
    w->sub->cursor++; /* as a damaged row would have it */
    struct found f = look(w);
    assert_int_equal(f.balance.lost, 1);
    assert_true(named(&f, 3, "they are 3 to 3"));
    w->sub->cursor -= 2;
    f = look(w);
    assert_int_equal(f.balance.lost, 0);
    assert_int_equal(f.balance.twice, 1);
    assert_true(named(&f, 0, "in two states"));
    w->sub->cursor++;
    world_free(w);
}

static bool no_more(void *arg)
{
    ((struct found *)arg)->asked++;
    return true;
}

static void an_audit_can_be_cancelled_and_compares_the_counters_too(void **state)
{
    struct world *w = world_new(false);
    struct found f = { 0 };
    struct belay_auditor to = { on_balance, on_finding, no_more, &f };
    (void)state;
    declare(w, BELAY_STR("orders"), false);
    subscribe(w, BELAY_STR("flow"), BELAY_STR("orders"));
    for (uint64_t i = 1; i <= 2500; i++) {
        char key[24];
        snprintf(key, sizeof key, "k%llu", (unsigned long long)i);
        publish(w, key, "{}");
        world_flush(w);
        letter(w, take_one(w, i), false);
        if (i == 1) {
            world_flush(w);
            world_ok(w, belay_broker_audit(w->b, &to, &w->err)); /* too few rows to be asked */
            assert_int_equal(f.asked, 0);
        }
    }
    world_settle(w);
    assert_int_equal(belay_broker_audit(w->b, &to, &w->err), BELAY_CANCELLED);
    assert_true(f.asked > 0);
    w->sub->n.dead--;
    struct found g = look(w);
    assert_int_equal(g.balance.lost, 0);
    assert_true(named(&g, 0, "dead, the rows"));
    w->sub->n.dead++;
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_is_in_one_state),
        cmocka_unit_test(an_exception_that_is_gone_is_named),
        cmocka_unit_test(a_retry_that_will_never_come_is_named),
        cmocka_unit_test(a_letter_without_its_message_is_named),
        cmocka_unit_test(what_a_lane_holds_and_has_not_is_named_by_its_head),
        cmocka_unit_test(what_is_held_by_no_lane_is_named),
        cmocka_unit_test(a_cursor_that_is_too_far_is_named),
        cmocka_unit_test(an_audit_can_be_cancelled_and_compares_the_counters_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
