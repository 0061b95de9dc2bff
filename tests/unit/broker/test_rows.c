/* Rows of the state that are nobody's: whatever walks over a table passes them over. */
#include "unit/broker/broker_fixture.h"

#include "broker/idempotency.h"
#include "broker/poison.h"
#include "broker/replay.h"
#include "broker/trail.h"

static const uint32_t tables[] = { BELAY_TABLE_EXCEPTION, BELAY_TABLE_DUE,   BELAY_TABLE_LANE,      BELAY_TABLE_HELD,
                                   BELAY_TABLE_LETTER,    BELAY_TABLE_GROUP, BELAY_TABLE_SCHEDULED, BELAY_TABLE_LETTER_INDEX,
                                   BELAY_TABLE_TRAIL,     BELAY_TABLE_POISON, BELAY_TABLE_REPLAY };
#define TABLES (sizeof tables / sizeof tables[0])

static void put(struct world *w, uint32_t table, const uint8_t *bytes, size_t n)
{
    world_ok(w, belay_state_reserve(w->b->state, 1024, 1, &w->err));
    belay_state_put(w->b->state, table, belay_str((const char *)bytes, n), BELAY_STR("nobody's"));
}

/* Before, between and behind the rows of the first subscription, or of the first letter of an index; too short, too long. */
static void put_strangers(struct world *w, uint32_t table)
{
    static const uint8_t firsts[] = { 0x00, 'g', 'k', 't', 0xff };
    uint8_t bytes[BELAY_STATE_KEY_BYTES_MAX];
    for (size_t i = 0; i < sizeof firsts; i++) {
        memset(bytes, firsts[i], sizeof bytes);
        put(w, table, bytes, 2);
        put(w, table, bytes, 41);
        put(w, table, bytes, sizeof bytes);
    }
    memset(bytes, 0, sizeof bytes);
    bytes[3] = 1; /* its number */
    put(w, table, bytes, 5);
    put(w, table, bytes, 60);
    memset(bytes + 4, 0xff, sizeof bytes - 4);
    put(w, table, bytes, sizeof bytes);
}

/* Of 6 messages 1 waits for a retry and holds 2, 3 is dead, 4 parked and holds 5, 6 is queued; another waits for its time. */
static struct world *mixed(void)
{
    static const char *const keys[] = { "a", "a", "b", "c", "c", "d" };
    struct world *w = world_new(false);
    declare(w, BELAY_STR("orders"), false);
    subscribe(w, BELAY_STR("billing"), BELAY_STR("orders"));
    for (int i = 0; i < 6; i++)
        publish(w, keys[i], "{}");
    retry(w, take_one(w, 1), 5000);
    letter(w, take_one(w, 3), false);
    letter(w, take_one(w, 4), true);
    struct belay_message m = { .id = BELAY_STR_INIT("s"), .body = BELAY_STR_INIT("later"), .time = w->now };
    world_ok(w, belay_broker_schedule(w->b, BELAY_STR("orders"), &m, w->now + 9000 * MS, NULL, &w->err));
    world_settle(w);
    return w;
}

/* How many tables were named since it was asked last. */
static uint64_t told(struct world *w)
{
    struct belay_str named;
    uint64_t more;
    if (!belay_broker_unreadable_news(w->b, &named, &more))
        return 0;
    assert_non_null(memmem(named.p, named.n, "a row of ", 9));
    return more + 1;
}

static void strangers_are_passed_over_and_each_table_is_told_once(void **state)
{
    struct world *w = mixed();
    struct belay_replay_opt job = { .who = BELAY_STR_INIT("ann"), .flow = BELAY_STR_INIT("billing") };
    uint32_t id;
    (void)state;
    for (size_t i = 0; i < TABLES; i++)
        put_strangers(w, tables[i]);
    world_ok(w, belay_broker_check(w->b, &w->err));
    world_ok(w, belay_store_checkpoint(w->store, &w->err));
    world_close(w);
    sim_disk_restart(w->disk, SIM_POWER);
    world_open(w); /* loads between them */
    world_ok(w, belay_broker_subscribe(w->b, &w->sub_opt, &w->sub, &w->err));
    world_ok(w, belay_broker_check(w->b, &w->err));
    world_ok(w, belay_replay_start(w->b, &job, w->now, &id, &w->err));
    pass_ms(w, 10);
    for (uint64_t next = 0; next != 6;) { /* 6 is queued; 3 and 4 are replayed */
        struct belay_delivery *d = take(w);
        assert_non_null(d);
        next = d->sequence > next ? d->sequence : next;
        ack(w, d);
    }
    pass_ms(w, 9000);
    uint64_t last = 0;
    for (struct belay_delivery *d; (d = take(w)); ack(w, d))
        last = d->sequence > last ? d->sequence : last;
    assert_int_equal(last, 7); /* what was scheduled has come */
    assert_int_equal(stats_of(w).done, 7);
    assert_true(told(w) >= 5);
    pass_ms(w, 3600 * 1000);
    world_ok(w, belay_broker_check(w->b, &w->err));
    told(w); /* of the tables that only the hour looked at */
    pass_ms(w, 3600 * 1000);
    world_ok(w, belay_broker_check(w->b, &w->err));
    assert_int_equal(told(w), 0);
    world_free(w);
}

static struct world *asked;
static uint32_t findings;

static void on_balance(void *arg, const struct belay_audit_balance *balance)
{
    assert_ptr_equal(arg, asked);
    assert_int_equal(balance->lost + balance->twice, 0);
}

static void on_finding(void *arg, struct belay_str owner, uint64_t sequence, struct belay_str what)
{
    assert_ptr_equal(arg, asked);
    assert_int_equal(owner.n + sequence, 0);
    assert_str(what, "rows whose keys are none of their table's: in EXCEPTION, DUE, LANE, HELD, LETTER, SCHEDULED");
    findings++;
}

static void an_audit_finds_them_and_counts_nothing_twice(void **state)
{
    struct world *w = asked = mixed();
    struct belay_auditor to = { on_balance, on_finding, NULL, w };
    (void)state;
    for (size_t i = 0; i < TABLES; i++)
        put_strangers(w, tables[i]);
    findings = 0;
    world_ok(w, belay_broker_audit(w->b, &to, &w->err));
    assert_int_equal(findings, 1);
    world_free(w);
}

static void letters_are_found_between_strangers(void **state)
{
    struct world *w = mixed();
    struct belay_arena arena;
    struct belay_letter letter;
    struct belay_letter_group group;
    const struct belay_letter_filter filters[] = {
        { .until = BELAY_TIME_NEVER }, { .until = BELAY_TIME_NEVER, .sub = w->sub },
        { .since = 1, .until = BELAY_TIME_NEVER }, { .until = BELAY_TIME_NEVER, .error = BELAY_STR_INIT("HTTP") } };
    (void)state;
    belay_arena_init(&arena, 0, BELAY_MIB(4));
    for (size_t i = 0; i < TABLES; i++)
        put_strangers(w, tables[i]);
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        struct belay_letter_cursor at = { 0 };
        enum belay_letter_found found;
        uint32_t n = 0;
        while ((found = belay_broker_letter_find(w->b, &filters[i], &at, &arena, &letter)) != BELAY_LETTER_END)
            n += found == BELAY_LETTER_FOUND;
        assert_int_equal(n, 2);
    }
    uint64_t fingerprint = 0;
    uint32_t groups = 0;
    while (belay_broker_group_next(w->b, &fingerprint, &arena, &group))
        groups++;
    assert_int_equal(groups, 1);
    belay_arena_deinit(&arena);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers_are_passed_over_and_each_table_is_told_once),
        cmocka_unit_test(an_audit_finds_them_and_counts_nothing_twice),
        cmocka_unit_test(letters_are_found_between_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
