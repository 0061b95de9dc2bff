/* The trail: what persons did stays known, to whom it was done, and is bounded. */
#include "base/alloc.h"
#include "broker/trail.h"
#include "unit/broker/broker_fixture.h"

static struct belay_trail_entry did(const char *verb, const char *id, const char *why)
{
    return (struct belay_trail_entry){ .kind = BELAY_TRAIL_LETTER, .owner = BELAY_STR("billing"), .id = belay_str_c(id),
                                       .who = BELAY_STR("ann"), .verb = belay_str_c(verb), .reason = belay_str_c(why) };
}

static void add(struct world *w, const char *verb, const char *id)
{
    struct belay_trail_entry e = did(verb, id, "because");
    world_ok(w, belay_trail_add(w->b, &e, w->now, &w->err));
}

static void what_was_done_is_told_after_a_crash(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    struct belay_trail_entry e;
    uint64_t number = 0;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    add(w, "edit", "7");
    add(w, "edit", "8");
    pass_ms(w, 5);
    add(w, "replay", "7");
    world_settle(w);
    world_reopen(w, SIM_POWER);
    assert_true(belay_trail_about(w->b, BELAY_TRAIL_LETTER, BELAY_STR("billing"), BELAY_STR("7"), &number, &arena, &e));
    assert_str(e.verb, "edit");
    assert_str(e.who, "ann");
    assert_str(e.reason, "because");
    assert_int_equal(e.at, START_TIME);
    assert_true(belay_trail_about(w->b, BELAY_TRAIL_LETTER, BELAY_STR("billing"), BELAY_STR("7"), &number, &arena, &e));
    assert_str(e.verb, "replay");
    assert_int_equal(e.at, START_TIME + 5 * MS);
    assert_int_equal(e.number, 3);
    assert_false(belay_trail_about(w->b, BELAY_TRAIL_LETTER, BELAY_STR("billing"), BELAY_STR("7"), &number, &arena, &e));
    number = 0;
    assert_false(belay_trail_about(w->b, BELAY_TRAIL_LANE, BELAY_STR("billing"), BELAY_STR("7"), &number, &arena, &e));
    assert_false(belay_trail_about(w->b, BELAY_TRAIL_LETTER, BELAY_STR("billing7"), BELAY_STR(""), &number, &arena, &e));
    belay_arena_deinit(&arena);
}

static void an_act_and_its_entry_happen_both_or_neither(void **state)
{
    struct world *w = *state;
    publish(w, "k", "x");
    letter(w, take_one(w, 1), true);
    world_settle(w);
    struct belay_trail_entry e = did("discard", "1", "test");
    world_ok(w, belay_trail_begin(w->b, &e, 0, 0, &w->err));
    world_ok(w, belay_broker_letter_discard(w->b, w->sub, 1, e.reason, e.who, w->now, &w->err));
    for (uint32_t i = 0; i < 100; i++) { /* room was reserved: not even memory is missing any more */
        belay_alloc_fail_after(i);
        int status = belay_trail_add(w->b, &e, w->now, &w->err);
        belay_alloc_fail_after(UINT64_MAX);
        assert_int_equal(status, BELAY_OK);
        world_flush(w);
        world_ok(w, belay_trail_begin(w->b, &e, 0, 0, &w->err));
    }
    world_settle(w);
    assert_state(w, 1, BELAY_MESSAGE_DONE);
}

static void of_many_the_oldest_go(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    struct belay_trail_entry e;
    uint64_t first, next;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    w->b->trail_entries_max = 10;
    for (int i = 0; i < 25; i++)
        add(w, "replay", "7");
    world_settle(w);
    belay_trail_range(w->b, &first, &next);
    assert_int_equal(first, 16);
    assert_int_equal(next, 26);
    assert_false(belay_trail_get(w->b, 15, &arena, &e));
    assert_true(belay_trail_get(w->b, 16, &arena, &e));
    w->b->trail_entries_max = 4; /* fewer than there are: some go with each new one */
    for (int i = 0; i < 4; i++)
        add(w, "replay", "8");
    world_settle(w);
    belay_trail_range(w->b, &first, &next);
    assert_int_equal(next - first, 4);
    world_reopen(w, SIM_KILL);
    belay_arena_deinit(&arena);
}

static void old_ones_go_though_nobody_adds_any(void **state)
{
    struct world *w = *state;
    uint64_t first, next;
    for (int i = 0; i < 70; i++)
        add(w, "replay", "7");
    pass_ms(w, BELAY_TRAIL_KEEP_MS / 2);
    add(w, "replay", "8");
    world_settle(w);
    pass_ms(w, BELAY_TRAIL_KEEP_MS / 2 + 1);
    for (int i = 0; i < 5; i++) {
        belay_broker_tick(w->b, w->now);
        world_settle(w);
    }
    belay_trail_range(w->b, &first, &next);
    assert_int_equal(first, 71);
    assert_int_equal(next, 72);
}

/* Taken for empty it would be written over from its begin. */
static void a_trail_that_cannot_be_read_is_not_taken_for_an_empty_one(void **state)
{
    struct world *w = *state;
    struct belay_broker *other;
    const struct belay_str key = belay_str("\0", 1);
    const struct {
        struct belay_str row;
        int status;
    } rows[] = { { BELAY_STR("\x09\x01\x03"), BELAY_VERSION }, { BELAY_STR("\x01\x01"), BELAY_CORRUPT },
                 { BELAY_STR("\x01\x03\x01"), BELAY_CORRUPT }, { BELAY_STR("\x01\x01\x03"), BELAY_OK } };
    add(w, "edit", "7");
    add(w, "edit", "8");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world_ok(w, belay_broker_new(NULL, &other, &w->err));
        world_ok(w, belay_state_reserve(w->b->state, 64, 1, &w->err));
        belay_state_put(w->b->state, BELAY_TABLE_TRAIL, key, rows[i].row);
        assert_int_equal(belay_broker_load(other, w->b->state, &w->err), rows[i].status);
        belay_broker_free(other);
    }
    world_settle(w);
}

static void what_is_too_long_is_refused(void **state)
{
    struct world *w = *state;
    static char text[BELAY_TRAIL_TEXT_BYTES_MAX + 2];
    memset(text, 'x', sizeof text - 1);
    struct belay_trail_entry e = did("edit", "1", text);
    assert_int_equal(belay_trail_add(w->b, &e, w->now, &w->err), BELAY_LIMIT);
    assert_int_equal(belay_trail_begin(w->b, &e, 0, 0, &w->err), BELAY_LIMIT);
    e = did("edit", "1", "why");
    e.who = belay_str_c(text);
    assert_int_equal(belay_trail_add(w->b, &e, w->now, &w->err), BELAY_LIMIT);
    e = did("edit", text, "why");
    e.kind = BELAY_TRAIL_LANE; /* as long as a key may be */
    assert_int_equal(belay_trail_add(w->b, &e, w->now, &w->err), BELAY_LIMIT);
    e.id.n = BELAY_KEY_BYTES_MAX;
    assert_int_equal(belay_trail_add(w->b, &e, w->now, &w->err), BELAY_OK);
    world_settle(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(what_was_done_is_told_after_a_crash),
        WORLD_TEST(an_act_and_its_entry_happen_both_or_neither),
        WORLD_TEST(of_many_the_oldest_go),
        WORLD_TEST(old_ones_go_though_nobody_adds_any),
        WORLD_TEST(a_trail_that_cannot_be_read_is_not_taken_for_an_empty_one),
        WORLD_TEST(what_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
