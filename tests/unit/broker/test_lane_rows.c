/* Rows of a lane in trouble that a disk has damaged: whatever happens to its messages then, the process lives, and so does
 * the next one; the other keys go on. */
#include "unit/broker/broker_fixture.h"

#include "broker/lane.h"

#define WHO BELAY_STR("ann")
#define WHY BELAY_STR("because")
#define KEY BELAY_STR("a")

/* ---- what is damaged ---- */

enum row { ROW_EXCEPTION, ROW_DUE, ROW_LANE, ROW_HELD, ROW_PROGRESS, ROW_HISTORY, ROWS };
enum damage { DAMAGE_NONE, DAMAGE_GONE, DAMAGE_EMPTY, DAMAGE_CUT, DAMAGE_VERSION, DAMAGES };

static const uint32_t tables[ROWS] = { BELAY_TABLE_EXCEPTION, BELAY_TABLE_DUE,       BELAY_TABLE_LANE,
                                       BELAY_TABLE_HELD,      BELAY_TABLE_EXCEPTION, BELAY_TABLE_EXCEPTION };

static struct row_key key_of(struct world *w, enum row row)
{
    struct belay_hash128 lane = belay_hash128(KEY);
    struct exception x;
    switch (row) {
    case ROW_DUE: assert_true(exception_get(w->b, w->sub->id, 1, &x)); return key_due(w->sub->id, x.due, 1);
    case ROW_LANE: return key_lane(w->sub->id, lane);
    case ROW_HELD: return key_held(w->sub->id, lane, 2);
    case ROW_PROGRESS: return key_exception(w->sub->id, 1, PART_PROGRESS);
    case ROW_HISTORY: return key_history(w->sub->id, 1, 1);
    case ROW_EXCEPTION:
    case ROWS: break;
    }
    return key_exception(w->sub->id, 1, PART_META);
}

static void damage(struct world *w, enum row row, enum damage how)
{
    struct row_key key = key_of(w, row);
    struct belay_str value;
    char bytes[4000];
    assert_true(belay_state_get(w->b->state, tables[row], row_key_str(&key), &value));
    assert_true(value.n <= sizeof bytes);
    if (value.n)
        memcpy(bytes, value.p, value.n);
    size_t n = how == DAMAGE_EMPTY || !value.n ? 0 : how == DAMAGE_CUT ? value.n - 1 : value.n;
    bytes[0] = (char)(how == DAMAGE_VERSION ? bytes[0] + 64 : bytes[0]);
    world_ok(w, belay_state_reserve(w->b->state, n + 100, 2, &w->err));
    if (how == DAMAGE_GONE)
        belay_state_del(w->b->state, tables[row], row_key_str(&key));
    else if (how != DAMAGE_NONE)
        belay_state_put(w->b->state, tables[row], row_key_str(&key), belay_str(bytes, n));
}

/* ---- what happens ---- */

static struct belay_arena arena;

static int do_nothing(struct world *w)
{
    (void)w;
    return BELAY_OK;
}

static int do_look(struct world *w)
{
    struct belay_hash128 at = { 0 };
    struct belay_lane lane;
    struct belay_letter trouble;
    belay_time due;
    uint64_t held[16];
    (void)belay_broker_state_of(w->b, w->sub, 1, NULL);
    (void)belay_broker_state_of(w->b, w->sub, 3, NULL);
    (void)!belay_broker_trouble(w->b, w->sub, 1, &arena, &trouble, &due);
    (void)belay_broker_lane_held(w->b, w->sub, KEY, 0, 16, held);
    while (belay_broker_lane_next(w->b, w->sub, &at, &arena, &lane))
        continue;
    belay_broker_lanes_watch(w->b, w->now);
    (void)belay_broker_lane_longest(w->b, w->sub, &arena, &lane);
    return belay_broker_lane_get(w->b, w->sub, KEY, &arena, &lane, &w->err);
}

static bool is_cancelled(void *arg)
{
    (void)arg;
    return false;
}

static void no_matter(void *arg, const struct belay_audit_balance *balance)
{
    (void)arg;
    (void)balance;
}

static void found(void *arg, struct belay_str owner, uint64_t sequence, struct belay_str what)
{
    (void)arg;
    (void)owner;
    (void)sequence;
    assert_true(what.n > 0);
}

static int do_audit(struct world *w)
{
    struct belay_auditor to = { no_matter, found, is_cancelled, NULL };
    return belay_broker_audit(w->b, &to, &w->err);
}

static int do_park(struct world *w)
{
    return belay_broker_lane_park(w->b, w->sub, KEY, WHY, WHO, w->now, &w->err);
}

static int do_park_and_release(struct world *w)
{
    int status = do_park(w);
    return status == BELAY_OK ? belay_broker_lane_release(w->b, w->sub, KEY, w->now, &w->err) : status;
}

static int do_retry(struct world *w)
{
    return belay_broker_lane_retry(w->b, w->sub, KEY, w->now, &w->err);
}

static int do_skip(struct world *w)
{
    return belay_broker_lane_skip(w->b, w->sub, KEY, 0, BELAY_STR_NONE, WHY, WHO, w->now, &w->err);
}

static int do_move(struct world *w)
{
    uint64_t which[4];
    struct belay_fetched items[4];
    uint32_t n = belay_broker_lane_movable(w->b, w->sub, KEY, 4, which);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(belay_store_peek(w->store, w->sub->topic_id, which[i], 1, BELAY_KIB(64), &items[i]), 1);
    return n ? belay_broker_lane_move(w->b, w->sub, KEY, BELAY_STR("aside"), items, n, WHO, w->now, &w->err) : BELAY_OK;
}

static int cancel(struct world *w, uint64_t sequence)
{
    bool attempted;
    return belay_broker_cancel(w->b, w->sub, sequence, WHY, w->now, &attempted, &w->err);
}

static int do_cancel_head(struct world *w)
{
    return cancel(w, 1);
}

static int do_cancel_held(struct world *w)
{
    return cancel(w, 3);
}

static int do_seek_back(struct world *w)
{
    return belay_broker_seek(w->b, w->sub, 1, BELAY_STR_NONE, w->now, &w->err);
}

static int do_seek_on(struct world *w)
{
    return belay_broker_seek(w->b, w->sub, 9, WHY, w->now, &w->err);
}

static int do_fail_again(struct world *w)
{
    pass_ms(w, 20);
    struct belay_delivery *d = take(w);
    if (d)
        retry(w, d, 5);
    return BELAY_OK;
}

static int do_fail_for_good(struct world *w)
{
    pass_ms(w, 20);
    struct belay_delivery *d = take(w);
    if (d)
        letter(w, d, true);
    return BELAY_OK;
}

/* Of the head, which was at work already when the row was damaged. */
static struct belay_delivery *at_work;

static int do_ack_at_work(struct world *w)
{
    return belay_broker_ack(w->b, at_work, &w->err);
}

static int do_discard_at_work(struct world *w)
{
    return belay_broker_discard(w->b, at_work, WHY, &w->err);
}

static int do_retry_at_work(struct world *w)
{
    retry(w, at_work, 5);
    return BELAY_OK;
}

static int do_postpone_at_work(struct world *w)
{
    return belay_broker_postpone(w->b, at_work, w->now + 5 * MS, &w->err);
}

static int do_letter_at_work(struct world *w)
{
    letter(w, at_work, true);
    return BELAY_OK;
}

static const struct {
    const char *name;
    int (*act)(struct world *w);
    bool at_work;
} deeds[] = {
    { "nothing", do_nothing, false },   { "look", do_look, false },           { "audit", do_audit, false },
    { "park", do_park, false },         { "release", do_park_and_release, false }, { "retry", do_retry, false },
    { "skip", do_skip, false },         { "move", do_move, false },           { "cancel head", do_cancel_head, false },
    { "cancel held", do_cancel_held, false }, { "seek back", do_seek_back, false }, { "seek on", do_seek_on, false },
    { "fail", do_fail_again, false },   { "letter", do_fail_for_good, false },
    { "ack, at work", do_ack_at_work, true },         { "discard, at work", do_discard_at_work, true },
    { "retry, at work", do_retry_at_work, true },     { "letter, at work", do_letter_at_work, true },
    { "postpone, at work", do_postpone_at_work, true },
};

/* ---- the world ---- */

/* 1 of the key a failed twice and waits, with what it achieved in a row of its own; 2 to 7 are held behind it. */
static struct world *lane_in_trouble_of_seven(void)
{
    struct world *w = world_new(false);
    char progress[2000];
    memset(progress, 'p', sizeof progress);
    declare(w, BELAY_STR("aside"), true);
    declare(w, BELAY_STR("orders"), false);
    subscribe(w, BELAY_STR("billing"), BELAY_STR("orders"));
    for (int i = 0; i < 7; i++)
        publish(w, "a", "{}");
    for (int i = 0; i < 2; i++)
        world_ok(w, belay_broker_retry(w->b, take_one(w, 1), w->now + i * 10 * MS, &w->fault,
                                       belay_str(progress, sizeof progress), (struct belay_hash128){ 1, 2 }, &w->err));
    world_settle(w);
    return w;
}

static bool is_an_answer(int status)
{
    return status == BELAY_OK || status == BELAY_CORRUPT || status == BELAY_NOTFOUND || status == BELAY_CONFLICT
           || status == BELAY_EMPTY || status == BELAY_INVALID;
}

/* What can go on does; the message of another key among it. One more of the key itself comes meanwhile. */
static void goes_on(struct world *w, const char *key)
{
    uint64_t other = publish(w, key, "{}");
    publish(w, "a", "{}");
    bool came = false;
    for (int i = 0; i < 30; i++) {
        pass_ms(w, 5);
        struct belay_delivery *d = take(w);
        came = came || (d && d->sequence == other);
        if (d)
            ack(w, d);
        world_flush(w);
    }
    assert_true(came);
}

static void happens_to_damaged(enum row row, enum damage how, size_t deed)
{
    struct world *w = lane_in_trouble_of_seven();
    if (deeds[deed].at_work) {
        pass_ms(w, 20);
        at_work = take_one(w, 1);
    }
    damage(w, row, how);
    publish(w, "a", "{}");
    struct belay_delivery *next = take(w); /* it is in memory now */
    if (next)
        ack(w, next);
    belay_store_checkpoint_soon(w->store);
    world_flush(w);
    world_flush(w);
    belay_arena_init(&arena, BELAY_KIB(16), BELAY_MIB(8));
    int status = deeds[deed].act(w);
    belay_arena_deinit(&arena);
    if (!is_an_answer(status))
        fail_msg("%s, row %d, damage %d: %d %s", deeds[deed].name, row, how, status, w->err.msg);
    goes_on(w, "b");
    world_close(w);
    sim_disk_restart(w->disk, SIM_KILL);
    world_open(w);
    world_ok(w, belay_broker_subscribe(w->b, &w->sub_opt, &w->sub, &w->err));
    goes_on(w, "c");
    world_free(w);
}

static void whatever_happens_to_a_lane_with_a_bad_row_is_lived_with(void **state)
{
    (void)state;
    for (enum row row = 0; row < ROWS; row++)
        for (enum damage how = DAMAGE_NONE; how < (row == ROW_DUE ? DAMAGE_EMPTY : DAMAGES); how++)
            for (size_t deed = 0; deed < sizeof deeds / sizeof deeds[0]; deed++)
                happens_to_damaged(row, how, deed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_to_a_lane_with_a_bad_row_is_lived_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
