/* Idempotency keys: running, done, interrupted, forgotten, expired. */
#include "base/random.h"
#include "broker/idempotency.h"
#include "broker/key_parts.h"
#include "unit/broker/broker_fixture.h"

#define HOUR_MS (3600 * (uint64_t)1000)

static const struct belay_hash128 request = { 11, 12 };

static struct belay_idempotency look(struct world *w, const char *scope, const char *key)
{
    struct belay_idempotency idem;
    belay_broker_idempotency_get(w->b, belay_str_c(scope), belay_str_c(key), &idem);
    return idem;
}

static void begin(struct world *w, const char *key, uint64_t window_ms)
{
    world_ok(w, belay_broker_idempotency_begin(w->b, BELAY_STR("api/place"), belay_str_c(key), request, BELAY_STR(""), window_ms,
                                               w->now, &w->err));
}

static void done(struct world *w, const char *key, const char *answer, uint64_t window_ms)
{
    world_ok(w, belay_broker_idempotency_done(w->b, BELAY_STR("api/place"), belay_str_c(key), request,
                                              belay_str_c(answer), window_ms, w->now, &w->err));
}

static unsigned parts_in(const struct world *w, enum key_part_state is)
{
    unsigned n = 0;
    for (uint32_t slot = 0; slot < KEY_FILTER_SLOTS; slot++)
        n += w->b->parts[slot].state == is;
    return n;
}

static uint64_t rows_in(struct world *w, uint32_t slot)
{
    struct row_key from = { .n = 0 };
    struct belay_str key, value;
    uint64_t n = 0;
    while (belay_state_seek(belay_store_state(w->store), part_table(slot), row_key_str(&from), true, BELAY_STR_NONE, &key,
                            &value)) {
        from = row_key_of(key);
        n += key.n > 2; /* none of its filter */
    }
    return n;
}

static void checkpoint(struct world *w)
{
    belay_store_checkpoint_soon(w->store);
    world_settle(w);
}

/* Checkpoints until the tables of all that is over are gone. */
static void drain(struct world *w)
{
    for (unsigned i = 0; w->b->parts_over; i++) {
        assert_true(i < 2 * KEY_FILTER_SLOTS);
        belay_broker_tick(w->b, w->now);
        checkpoint(w);
    }
}

static void a_key_runs_then_has_its_answer(void **state)
{
    struct world *w = *state;
    assert_int_equal(look(w, "api/place", "a1").state, BELAY_IDEMPOTENCY_NONE);
    begin(w, "a1", HOUR_MS);
    struct belay_idempotency idem = look(w, "api/place", "a1");
    assert_int_equal(idem.state, BELAY_IDEMPOTENCY_RUNNING);
    assert_false(idem.interrupted);
    assert_int_equal(look(w, "api/other", "a1").state, BELAY_IDEMPOTENCY_NONE);
    done(w, "a1", "202 /orders/a1", HOUR_MS);
    world_settle(w);
    world_reopen(w, SIM_POWER);
    idem = look(w, "api/place", "a1");
    assert_int_equal(idem.state, BELAY_IDEMPOTENCY_DONE);
    assert_str(idem.answer, "202 /orders/a1");
    assert_true(belay_hash128_eq(idem.request, request));
}

static void what_ran_when_the_process_died_is_interrupted(void **state)
{
    struct world *w = *state;
    begin(w, "a1", HOUR_MS);
    world_settle(w);
    for (int i = 0; i < 3; i++) {
        world_reopen(w, SIM_KILL);
        struct belay_idempotency idem = look(w, "api/place", "a1");
        assert_int_equal(idem.state, BELAY_IDEMPOTENCY_RUNNING);
        assert_true(idem.interrupted);
    }
    begin(w, "a1", HOUR_MS);
    assert_false(look(w, "api/place", "a1").interrupted);
    done(w, "a1", "ok", HOUR_MS);
    assert_int_equal(look(w, "api/place", "a1").state, BELAY_IDEMPOTENCY_DONE);
}

static void a_forgotten_key_is_free_again(void **state)
{
    struct world *w = *state;
    begin(w, "a1", HOUR_MS);
    world_ok(w, belay_broker_idempotency_forget(w->b, BELAY_STR("api/place"), BELAY_STR("a1"), &w->err));
    assert_int_equal(look(w, "api/place", "a1").state, BELAY_IDEMPOTENCY_NONE);
    world_ok(w, belay_broker_idempotency_forget(w->b, BELAY_STR("api/place"), BELAY_STR("a1"), &w->err));
}

static void what_was_looked_for_in_vain_may_come(void **state)
{
    struct world *w = *state;
    done(w, "a0", "zero", HOUR_MS);
    assert_int_equal(look(w, "api/place", "a1").state, BELAY_IDEMPOTENCY_NONE);
    done(w, "a1", "one", 24 * HOUR_MS);
    assert_str(look(w, "api/place", "a1").answer, "one");
    assert_int_equal(look(w, "api/place", "a2").state, BELAY_IDEMPOTENCY_NONE);
    begin(w, "a2", HOUR_MS);
    assert_int_equal(look(w, "api/place", "a2").state, BELAY_IDEMPOTENCY_RUNNING);
    done(w, "a2", "two", 24 * HOUR_MS); /* into another bucket */
    assert_str(look(w, "api/place", "a2").answer, "two");
    world_ok(w, belay_broker_idempotency_forget(w->b, BELAY_STR("api/place"), BELAY_STR("a2"), &w->err));
    assert_int_equal(look(w, "api/place", "a2").state, BELAY_IDEMPOTENCY_NONE);
    assert_str(look(w, "api/place", "a0").answer, "zero");
}

static void keys_end_with_their_window_and_their_bucket_is_dropped(void **state)
{
    struct world *w = *state;
    struct belay_str key, value;
    static const uint64_t windows[] = { 5000, HOUR_MS, 24 * HOUR_MS, 7 * 24 * HOUR_MS, 30 * 24 * HOUR_MS };
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        char name[8];
        snprintf(name, sizeof name, "w%zu", i);
        done(w, name, "x", windows[i]);
    }
    world_settle(w);
    belay_time began = w->now;
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        char name[8];
        snprintf(name, sizeof name, "w%zu", i);
        w->now = began + (belay_time)(windows[i] - 1) * MS;
        belay_broker_tick(w->b, w->now);
        assert_int_equal(look(w, "api/place", name).state, BELAY_IDEMPOTENCY_DONE);
        pass_ms(w, 1);
        assert_int_equal(look(w, "api/place", name).state, BELAY_IDEMPOTENCY_NONE);
    }
    pass_ms(w, 6 * 24 * (int64_t)HOUR_MS);
    world_settle(w);
    drain(w);
    for (uint32_t table = BELAY_TABLE_DROPPABLE; table < BELAY_TABLE_DROPPABLE + BELAY_TABLE_PARTS; table++)
        assert_false(belay_state_seek(belay_store_state(w->store), table, BELAY_STR("\0"), false, BELAY_STR_NONE, &key,
                                      &value));
}

/* Many parts, closed and open, in three buckets; kept over checkpoints and deaths. */
static void keys_are_found_in_whichever_part_they_lie(void **state)
{
    struct world *w = *state;
    static const uint64_t windows[] = { HOUR_MS, 24 * HOUR_MS, 7 * 24 * HOUR_MS };
    char name[16];
    w->part_keys = w->b->part_keys = 16;
    for (int i = 0; i < 600; i++) {
        snprintf(name, sizeof name, "k%d", i);
        begin(w, name, windows[i % 3]);
        if (i >= 100) { /* begun in an earlier part, done in a later one, perhaps of another bucket */
            snprintf(name, sizeof name, "k%d", i - 100);
            done(w, name, name, windows[(i + i / 7) % 3]);
        }
        if (i % 97 == 0) {
            world_settle(w);
            world_reopen(w, i % 2 ? SIM_KILL : SIM_POWER);
        }
    }
    world_settle(w);
    for (int death = 0; death < 2; death++) {
        for (int i = 0; i < 600; i++) {
            snprintf(name, sizeof name, "k%d", i);
            struct belay_idempotency idem = look(w, "api/place", name);
            assert_int_equal(idem.state, i < 500 ? BELAY_IDEMPOTENCY_DONE : BELAY_IDEMPOTENCY_RUNNING);
            if (i < 500)
                assert_true(belay_str_eq(idem.answer, belay_str_c(name)));
        }
        world_reopen(w, death ? SIM_POWER : SIM_KILL);
    }
    for (int i = 0; i < 600; i += 5) {
        snprintf(name, sizeof name, "k%d", i);
        world_ok(w, belay_broker_idempotency_forget(w->b, BELAY_STR("api/place"), belay_str_c(name), &w->err));
    }
    world_settle(w);
    world_reopen(w, SIM_POWER);
    for (int i = 0; i < 600; i++) {
        snprintf(name, sizeof name, "k%d", i);
        assert_int_equal(look(w, "api/place", name).state == BELAY_IDEMPOTENCY_NONE, i % 5 == 0);
    }
    assert_true(parts_in(w, PART_FULL) > 30);
    pass_ms(w, 9 * 24 * (int64_t)HOUR_MS);
    world_settle(w);
    assert_int_equal(parts_in(w, PART_FULL) + parts_in(w, PART_OPEN), 0);
    drain(w);
    assert_int_equal(parts_in(w, PART_NONE), KEY_FILTER_SLOTS);
    assert_int_equal(look(w, "api/place", "k1").state, BELAY_IDEMPOTENCY_NONE);
}

/* Each checkpoint begins a run: keys of all of them are found, done where they lie, and forgotten. */
static void keys_are_found_in_whichever_run_they_lie(void **state)
{
    struct world *w = *state;
    char name[16];
    w->part_keys = w->b->part_keys = 64;
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "k%d", i);
        begin(w, name, HOUR_MS);
        if (i % 6 == 5) {
            belay_store_checkpoint_soon(w->store);
            world_settle(w);
            if (i % 12 == 5)
                world_reopen(w, i % 24 == 5 ? SIM_KILL : SIM_POWER);
        }
    }
    assert_true(w->b->parts[0].run >= 5);
    assert_int_equal(w->b->parts[0].keys, 60);
    for (int i = 0; i < 60; i += 2) { /* in its place: no second row of it */
        snprintf(name, sizeof name, "k%d", i);
        done(w, name, name, HOUR_MS);
    }
    assert_int_equal(w->b->parts[0].keys, 60);
    for (int i = 0; i < 60; i += 5) {
        snprintf(name, sizeof name, "k%d", i);
        world_ok(w, belay_broker_idempotency_forget(w->b, BELAY_STR("api/place"), belay_str_c(name), &w->err));
    }
    for (int death = 0; death < 2; death++) {
        for (int i = 0; i < 60; i++) {
            snprintf(name, sizeof name, "k%d", i);
            assert_int_equal(look(w, "api/place", name).state, i % 5 == 0   ? BELAY_IDEMPOTENCY_NONE
                                                               : i % 2 == 0 ? BELAY_IDEMPOTENCY_DONE
                                                                            : BELAY_IDEMPOTENCY_RUNNING);
        }
        belay_store_checkpoint_soon(w->store);
        world_settle(w);
        world_reopen(w, death ? SIM_POWER : SIM_KILL);
    }
    assert_true(w->b->parts[0].run >= 5);
}

/* More parts than there are slots: the open ones grow, and every key is found. */
static void without_slots_a_part_takes_more_keys(void **state)
{
    struct world *w = *state;
    char name[16];
    w->part_keys = w->b->part_keys = 1;
    for (int i = 0; i < 600; i++) {
        snprintf(name, sizeof name, "k%d", i);
        done(w, name, name, HOUR_MS);
        if (i % 20 == 0)
            checkpoint(w);
    }
    assert_int_equal(parts_in(w, PART_FULL) + parts_in(w, PART_OPEN), KEY_FILTER_SLOTS - BUCKETS);
    done(w, "other", "bucket", 30 * 24 * HOUR_MS);
    world_settle(w);
    world_reopen(w, SIM_KILL);
    for (int i = 0; i < 600; i++) {
        snprintf(name, sizeof name, "k%d", i);
        assert_true(belay_str_eq(look(w, "api/place", name).answer, belay_str_c(name)));
    }
    assert_str(look(w, "api/place", "other").answer, "bucket");
    done(w, "more", "keys", HOUR_MS);
    world_settle(w);
}

static void buckets_take_turns_for_a_long_time(void **state)
{
    struct world *w = *state;
    char name[16];
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "k%d", i);
        done(w, name, name, HOUR_MS);
        if (i >= 59) { /* a minute each: what is younger than an hour is there, what is older is not */
            char old[16];
            snprintf(old, sizeof old, "k%d", i - 59);
            assert_int_equal(look(w, "api/place", old).state, BELAY_IDEMPOTENCY_DONE);
            snprintf(old, sizeof old, "k%d", i - 60);
            assert_int_equal(look(w, "api/place", old).state, BELAY_IDEMPOTENCY_NONE);
        }
        pass_ms(w, 60 * 1000);
        world_flush(w);
    }
    world_settle(w);
}

/* However many keys expire together: what LMDB frees at once is a part. */
static void one_table_is_dropped_a_checkpoint_and_no_slot_is_used_before(void **state)
{
    struct world *w = *state;
    char name[16];
    w->part_keys = w->b->part_keys = 8;
    for (int i = 0; i < 80; i++) {
        snprintf(name, sizeof name, "k%d", i);
        done(w, name, name, HOUR_MS);
    }
    checkpoint(w);
    assert_int_equal(parts_in(w, PART_FULL), 9);
    pass_ms(w, 2 * (int64_t)HOUR_MS);
    assert_int_equal(parts_in(w, PART_OVER), 9); /* the first went with the tick */
    for (int i = 0; i < 20; i++)
        belay_broker_tick(w->b, w->now);
    assert_int_equal(parts_in(w, PART_OVER), 9);
    assert_int_equal(rows_in(w, 0), 0);
    assert_int_equal(rows_in(w, 1), 8);
    done(w, "k1", "again", HOUR_MS); /* the slot that is free, and clear */
    assert_int_equal(w->b->parts[0].state, PART_OPEN);
    world_settle(w);
    for (unsigned over = 9; over > 0; over--) {
        assert_int_equal(parts_in(w, PART_OVER), over);
        world_reopen(w, over % 2 ? SIM_KILL : SIM_POWER);
        checkpoint(w);
        assert_int_equal(parts_in(w, PART_OVER), over);
        belay_broker_tick(w->b, w->now);
        world_settle(w);
    }
    assert_int_equal(parts_in(w, PART_OVER), 0);
    assert_str(look(w, "api/place", "k1").answer, "again");
    assert_int_equal(look(w, "api/place", "k2").state, BELAY_IDEMPOTENCY_NONE);
}

enum { KEYS = 60, MOVES = 2000 };

struct known { /* what the model says of a key */
    char answer[16];
    belay_time until; /* 0: none */
};

static void rows_are_as_many_as_are_counted(struct world *w)
{
    uint64_t of[BUCKETS] = { 0 };
    for (uint32_t slot = 0; slot < KEY_FILTER_SLOTS; slot++) {
        const struct key_part *part = &w->b->parts[slot];
        if (part->state == PART_NONE)
            assert_int_equal(rows_in(w, slot), 0);
        else if (part_live(part))
            of[part->bucket] += rows_in(w, slot);
    }
    for (uint32_t i = 0; i < BUCKETS; i++)
        assert_int_equal(of[i], w->b->buckets[i].count);
}

/* Days of keys that come, are done again, are forgotten and expire, over checkpoints and deaths, held against a model. */
static void keys_are_what_a_model_says_whatever_happens(void **state)
{
    struct world *w = *state;
    static const uint64_t windows[] = { 60000, HOUR_MS, 20 * HOUR_MS };
    struct known known[KEYS] = { 0 };
    struct belay_random r = { 20 };
    char name[16], answer[16];
    w->part_keys = w->b->part_keys = 4;
    for (int i = 0; i < MOVES; i++) {
        uint64_t n = belay_random_below(&r, KEYS);
        struct known *k = &known[n];
        snprintf(name, sizeof name, "k%u", (unsigned)n);
        struct belay_idempotency idem = look(w, "api/place", name);
        if (k->until > w->now)
            assert_true(idem.state == BELAY_IDEMPOTENCY_DONE && belay_str_eq(idem.answer, belay_str_c(k->answer)));
        else
            assert_int_equal(idem.state, BELAY_IDEMPOTENCY_NONE);
        uint64_t what = belay_random_below(&r, 100);
        if (what < 70) {
            uint64_t window = windows[belay_random_below(&r, 3)];
            snprintf(answer, sizeof answer, "a%d", i);
            done(w, name, answer, window);
            memcpy(k->answer, answer, sizeof answer);
            k->until = w->now + (belay_time)window * MS;
        } else if (what < 80) {
            world_ok(w, belay_broker_idempotency_forget(w->b, BELAY_STR("api/place"), belay_str_c(name), &w->err));
            k->until = 0;
        } else if (what < 97) {
            pass_ms(w, (int64_t)belay_random_below(&r, what < 90 ? 100000 : 2 * HOUR_MS));
        } else {
            checkpoint(w);
            rows_are_as_many_as_are_counted(w);
            if (what == 99)
                world_reopen(w, i % 2 ? SIM_KILL : SIM_POWER);
        }
    }
    assert_true(parts_in(w, PART_FULL) > 3);
}

/* ---- what a disk says ---- */

static int apply_record(struct world *w, enum record_type type, const struct belay_buf *body)
{
    const struct belay_record record = { .type = (uint16_t)type, .version = RECORD_VERSION, .body = belay_buf_view(body) };
    return belay_broker_apply(w->b, 7, &record, &w->err);
}

static void is_refused_by_name(struct world *w, enum record_type type, const struct belay_buf *body)
{
    char name[16];
    snprintf(name, sizeof name, "0x%04x", (unsigned)type);
    assert_int_equal(apply_record(w, type, body), BELAY_CORRUPT);
    assert_non_null(strstr(w->err.msg, name));
    assert_int_equal(look(w, "api/place", "a1").state, BELAY_IDEMPOTENCY_RUNNING); /* nothing has changed */
}

/* slot | hash | run | number | number of the last */
static void forget_record(struct belay_buf *r, uint32_t slot, uint8_t run, uint8_t number, uint8_t last)
{
    belay_buf_clear(r);
    belay_pack_varint(r, slot);
    pack_hash(r, (struct belay_hash128){ 1, 2 });
    belay_pack_u8(r, run);
    belay_pack_u8(r, number);
    belay_pack_u8(r, last);
}

static void a_record_that_forgets_a_key_where_none_can_be_is_refused(void **state)
{
    struct world *w = *state;
    struct belay_buf r;
    belay_buf_init(&r, 256);
    begin(w, "a1", HOUR_MS);
    world_settle(w);
    assert_int_equal(w->b->parts[0].state, PART_OPEN);
    forget_record(&r, 5, 0, 0, 0); /* nobody's part */
    is_refused_by_name(w, RECORD_IDEM_FORGET, &r);
    forget_record(&r, 0, PART_RUNS_MAX, 0, 0);
    is_refused_by_name(w, RECORD_IDEM_FORGET, &r);
    forget_record(&r, 0, 0, 200, 200);
    is_refused_by_name(w, RECORD_IDEM_FORGET, &r);
    forget_record(&r, 0, 0, 0, 200);
    is_refused_by_name(w, RECORD_IDEM_FORGET, &r);
    w->b->buckets[w->b->parts[0].bucket].count = 0; /* more are forgotten than there were */
    forget_record(&r, 0, 0, 0, 0);
    is_refused_by_name(w, RECORD_IDEM_FORGET, &r);
    w->b->buckets[w->b->parts[0].bucket].count = 1;
    belay_buf_deinit(&r);
}

static void put_record(struct belay_buf *r, const struct world *w, struct place at, uint32_t old_slot, struct place old)
{
    belay_buf_clear(r);
    belay_pack_varint(r, w->b->parts[0].bucket);
    belay_pack_varint(r, w->b->buckets[w->b->parts[0].bucket].epoch);
    belay_pack_varint(r, 0);
    belay_pack_u8(r, at.run);
    belay_pack_u8(r, at.number);
    belay_pack_varint(r, old_slot);
    belay_pack_u8(r, old.run);
    belay_pack_u8(r, old.number);
    belay_pack_varint(r, 1);
    pack_hash(r, (struct belay_hash128){ 1, 2 });
    belay_pack_str(r, BELAY_STR("a row"));
}

static void a_record_that_moves_a_key_from_where_none_can_be_is_refused(void **state)
{
    struct world *w = *state;
    const struct place first = { 0, 0 };
    struct belay_buf r;
    belay_buf_init(&r, 256);
    begin(w, "a1", HOUR_MS);
    world_settle(w);
    put_record(&r, w, first, 5, first); /* nobody's part */
    is_refused_by_name(w, RECORD_IDEM_PUT, &r);
    put_record(&r, w, (struct place){ 0, 200 }, KEY_FILTER_SLOTS, first);
    is_refused_by_name(w, RECORD_IDEM_PUT, &r);
    begin(w, "b1", 24 * HOUR_MS);
    uint32_t other = w->b->parts[1].state == PART_OPEN ? 1 : 0;
    assert_int_equal(other, 1);
    put_record(&r, w, first, other, (struct place){ PART_RUNS_MAX, 0 });
    is_refused_by_name(w, RECORD_IDEM_PUT, &r);
    put_record(&r, w, first, other, (struct place){ 0, 200 });
    is_refused_by_name(w, RECORD_IDEM_PUT, &r);
    belay_buf_deinit(&r);
}

static void a_part_whose_filter_is_lost_is_named_at_the_start(void **state)
{
    struct world *w = *state;
    struct belay_broker *other;
    char name[16], part[16];
    uint32_t slot = 0;
    w->b->part_keys = 16;
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "k%d", i);
        begin(w, name, HOUR_MS);
    }
    checkpoint(w);
    while (w->b->parts[slot].state != PART_FULL)
        slot++;
    const uint8_t row[] = { 0xff, 3 };
    world_ok(w, belay_state_reserve(w->b->state, 64, 1, &w->err));
    belay_state_del(w->b->state, part_table(slot), belay_str((const char *)row, sizeof row));
    world_ok(w, belay_broker_new(NULL, &other, &w->err));
    assert_int_equal(belay_broker_load(other, w->b->state, &w->err), BELAY_CORRUPT);
    snprintf(part, sizeof part, "part %u", (unsigned)slot);
    assert_non_null(strstr(w->err.msg, part));
    belay_broker_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_key_runs_then_has_its_answer),
        WORLD_TEST(what_ran_when_the_process_died_is_interrupted),
        WORLD_TEST(a_forgotten_key_is_free_again),
        WORLD_TEST(what_was_looked_for_in_vain_may_come),
        WORLD_TEST(keys_end_with_their_window_and_their_bucket_is_dropped),
        WORLD_TEST(keys_are_found_in_whichever_part_they_lie),
        WORLD_TEST(keys_are_found_in_whichever_run_they_lie),
        WORLD_TEST(without_slots_a_part_takes_more_keys),
        WORLD_TEST(buckets_take_turns_for_a_long_time),
        WORLD_TEST(one_table_is_dropped_a_checkpoint_and_no_slot_is_used_before),
        WORLD_TEST(keys_are_what_a_model_says_whatever_happens),
        WORLD_TEST(a_record_that_forgets_a_key_where_none_can_be_is_refused),
        WORLD_TEST(a_record_that_moves_a_key_from_where_none_can_be_is_refused),
        WORLD_TEST(a_part_whose_filter_is_lost_is_named_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
