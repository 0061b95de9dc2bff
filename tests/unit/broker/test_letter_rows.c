/* Rows of letters that a disk has damaged: whatever somebody does to the letter, he is told, the process lives, and so
 * does the next one. */
#include "broker/letter.h"
#include "broker/lane.h"
#include "broker/replay.h"
#include "unit/broker/broker_fixture.h"

#define WHO BELAY_STR("ann")
#define WHY BELAY_STR("because")

/* ---- what is damaged ---- */

enum row { ROW_FACTS, ROW_MESSAGE, ROW_EXCEPTION, ROW_PROGRESS, ROW_HISTORY, ROW_LANE, ROW_GROUP, ROWS };

struct at { /* a letter, and where its rows lie */
    struct world *w;
    uint64_t sequence;
    uint64_t fingerprint;
    struct belay_hash128 lane;
};

static uint32_t table_of(enum row row)
{
    static const uint32_t tables[ROWS] = { BELAY_TABLE_LETTER, BELAY_TABLE_LETTER, BELAY_TABLE_EXCEPTION,
                                           BELAY_TABLE_EXCEPTION, BELAY_TABLE_EXCEPTION, BELAY_TABLE_LANE,
                                           BELAY_TABLE_GROUP };
    return tables[row];
}

static struct row_key key_of(const struct at *at, enum row row)
{
    uint32_t sub = at->w->sub->id;
    struct row_key group = { .n = 8 };
    belay_store_be64(group.bytes, at->fingerprint);
    switch (row) {
    case ROW_FACTS: return key_letter(sub, at->sequence, LETTER_FACTS);
    case ROW_MESSAGE: return key_letter(sub, at->sequence, LETTER_MESSAGE);
    case ROW_EXCEPTION: return key_exception(sub, at->sequence, PART_META);
    case ROW_PROGRESS: return key_exception(sub, at->sequence, PART_PROGRESS);
    case ROW_HISTORY: return key_history(sub, at->sequence, 1);
    case ROW_LANE: return key_lane(sub, at->lane);
    case ROW_GROUP:
    case ROWS: break;
    }
    return group;
}

enum damage { DAMAGE_NONE, DAMAGE_GONE, DAMAGE_EMPTY, DAMAGE_CUT, DAMAGE_VERSION, DAMAGES };

/* False: there is no such row. */
static bool damage(const struct at *at, enum row row, enum damage how)
{
    struct belay_state *s = at->w->b->state;
    struct row_key key = key_of(at, row);
    struct belay_str value;
    if (!belay_state_get(s, table_of(row), row_key_str(&key), &value))
        return false;
    char *bytes = malloc(value.n + 1);
    assert_non_null(bytes);
    memcpy(bytes, value.p, value.n);
    size_t n = how == DAMAGE_EMPTY ? 0 : how == DAMAGE_CUT ? value.n - 1 : value.n;
    bytes[0] = (char)(how == DAMAGE_VERSION ? bytes[0] + 64 : bytes[0]);
    world_ok(at->w, belay_state_reserve(s, n + 100, 2, &at->w->err));
    if (how == DAMAGE_GONE)
        belay_state_del(s, table_of(row), row_key_str(&key));
    else if (how != DAMAGE_NONE)
        belay_state_put(s, table_of(row), row_key_str(&key), belay_str(bytes, n));
    free(bytes);
    return true;
}

/* ---- what somebody does ---- */

static struct belay_arena arena;

static int do_show(const struct at *at)
{
    struct belay_letter l;
    return belay_broker_letter_get(at->w->b, at->w->sub, at->sequence, &arena, &l, &at->w->err);
}

/* The letters after a bad one are found all the same. */
static int do_list(const struct at *at)
{
    const struct belay_letter_filter all = { .until = BELAY_TIME_NEVER };
    struct belay_letter_cursor cursor = { 0 };
    struct belay_letter l;
    enum belay_letter_found found;
    uint64_t last = 0;
    while ((found = belay_broker_letter_find(at->w->b, &all, &cursor, &arena, &l)) != BELAY_LETTER_END)
        last = found == BELAY_LETTER_FOUND ? l.sequence : last;
    assert_int_equal(last, 9);
    return BELAY_OK;
}

static int do_walk(const struct at *at)
{
    uint32_t sub = 0;
    uint64_t sequence = 0, last = 0;
    struct belay_letter l;
    while (belay_broker_letter_next(at->w->b, NULL, &sub, &sequence, &arena, &l))
        last = sequence;
    assert_int_equal(last, 9);
    return BELAY_OK;
}

static int do_trouble(const struct at *at)
{
    struct belay_letter l;
    belay_time due;
    return belay_broker_trouble(at->w->b, at->w->sub, at->sequence, &arena, &l, &due);
}

static int do_original(const struct at *at)
{
    struct belay_message m;
    return belay_broker_letter_original(at->w->b, at->w->sub, at->sequence, &arena, &m, &at->w->err);
}

static int do_replay(const struct at *at)
{
    return belay_broker_letter_replay(at->w->b, at->w->sub, at->sequence, false, at->w->now, &at->w->err);
}

static int do_replay_anew(const struct at *at)
{
    return belay_broker_letter_replay(at->w->b, at->w->sub, at->sequence, true, at->w->now, &at->w->err);
}

static int do_resume(const struct at *at)
{
    return belay_broker_letter_resume(at->w->b, at->w->sub, at->sequence, BELAY_STR("settled"), at->w->now, &at->w->err);
}

static int do_release(const struct at *at)
{
    return belay_broker_letter_release(at->w->b, at->w->sub, at->sequence, at->w->now, &at->w->err);
}

static int do_discard(const struct at *at)
{
    return belay_broker_letter_discard(at->w->b, at->w->sub, at->sequence, WHY, WHO, at->w->now, &at->w->err);
}

static int do_edit(const struct at *at)
{
    struct belay_message m = { .id = BELAY_STR("id"), .source = BELAY_STR("/test"), .body = BELAY_STR("{\"edited\":1}") };
    return belay_broker_letter_edit(at->w->b, at->w->sub, at->sequence, 0, &m, at->w->now, &at->w->err);
}

static int do_look_at_lane(const struct at *at)
{
    struct belay_lane lane;
    return belay_broker_lane_get(at->w->b, at->w->sub, BELAY_STR("a"), &arena, &lane, &at->w->err);
}

static int do_retry_lane(const struct at *at)
{
    return belay_broker_lane_retry(at->w->b, at->w->sub, BELAY_STR("a"), at->w->now, &at->w->err);
}

static int do_release_lane(const struct at *at)
{
    return belay_broker_lane_release(at->w->b, at->w->sub, BELAY_STR("a"), at->w->now, &at->w->err);
}

static int do_skip_lane(const struct at *at)
{
    return belay_broker_lane_skip(at->w->b, at->w->sub, BELAY_STR("a"), 0, BELAY_STR_NONE, WHY, WHO, at->w->now, &at->w->err);
}

static int do_job(const struct at *at)
{
    const struct belay_replay_opt all = { .who = WHO };
    struct belay_replay job;
    uint32_t id;
    pass_ms(at->w, 1);
    int status = belay_replay_start(at->w->b, &all, at->w->now, &id, &at->w->err);
    for (int i = 0; i < 8; i++)
        pass_ms(at->w, 1);
    assert_ok(belay_replay_get(at->w->b, id, &job, &at->w->err));
    assert_int_equal(job.looked, 3); /* also one that it cannot read: it counts as passed by */
    assert_int_equal(job.taken + job.skipped + job.aside, 3);
    return status;
}

static const struct {
    const char *name;
    int (*act)(const struct at *at);
} deeds[] = {
    { "show", do_show },         { "list", do_list },           { "walk", do_walk },
    { "trouble", do_trouble },   { "original", do_original },   { "replay", do_replay },
    { "anew", do_replay_anew },  { "resume", do_resume },       { "release", do_release },
    { "discard", do_discard },   { "edit", do_edit },           { "lane", do_look_at_lane },
    { "retry", do_retry_lane },  { "open lane", do_release_lane }, { "skip", do_skip_lane },
    { "job", do_job },
};

/* ---- the world ---- */

/* The next delivery fails: the first time it is tried again, the second time it is a letter. */
static void fail_next(struct world *w)
{
    char progress[2000];
    memset(progress, 'p', sizeof progress);
    struct belay_str large = belay_str(progress, sizeof progress); /* a row of its own */
    struct belay_hash128 definition = { 1, 2 };
    struct belay_delivery *d = take(w);
    assert_non_null(d);
    if (d->attempt == 1)
        world_ok(w, belay_broker_retry(w->b, d, w->now, &w->fault, large, definition, &w->err));
    else
        world_ok(w, belay_broker_letter(w->b, d, &w->fault, d->sequence == 1, large, definition, w->now, &w->err));
}

/* 1 of the key a is parked, and holds 2 to 7; 8 and 9 are dead. */
static struct at three_letters(void)
{
    struct at at = { .w = world_new(false), .sequence = 1, .lane = belay_hash128(BELAY_STR("a")) };
    struct letter_facts facts;
    declare(at.w, BELAY_STR("orders"), false);
    subscribe(at.w, BELAY_STR("billing"), BELAY_STR("orders"));
    for (int i = 0; i < 7; i++)
        publish(at.w, "a", "{}");
    publish(at.w, "b", "{}");
    publish(at.w, "c", "{}");
    for (int i = 0; i < 6; i++)
        fail_next(at.w);
    world_settle(at.w);
    assert_true(facts_get(at.w->b, at.w->sub->id, 1, &facts));
    at.fingerprint = facts.fingerprint;
    return at;
}

static void checkpoint(struct world *w)
{
    belay_store_checkpoint_soon(w->store);
    world_flush(w);
    world_flush(w);
}

static bool is_an_answer(int status)
{
    return status == BELAY_OK || status == BELAY_CORRUPT || status == BELAY_VERSION || status == BELAY_NOTFOUND || status == BELAY_CONFLICT;
}

static void act_on_damaged(uint64_t sequence, enum row row, enum damage how, size_t deed)
{
    struct at at = three_letters();
    at.sequence = sequence;
    bool there = damage(&at, row, how);
    if (!there)
        fail_msg("row %d of %llu is not there", row, (unsigned long long)sequence);
    checkpoint(at.w);
    belay_arena_init(&arena, BELAY_KIB(16), BELAY_MIB(8));
    int status = deeds[deed].act(&at);
    belay_arena_deinit(&arena);
    if (!is_an_answer(status) || (how == DAMAGE_NONE && (status == BELAY_CORRUPT || status == BELAY_VERSION)))
        fail_msg("%s of %llu, row %d, damage %d: %d %s", deeds[deed].name, (unsigned long long)sequence, row, how, status,
                 at.w->err.msg);
    for (int i = 0; i < 20; i++) { /* what goes on of it goes on */
        pass_ms(at.w, 1);
        struct belay_delivery *d = take(at.w);
        if (d)
            ack(at.w, d);
        world_flush(at.w);
    }
    world_close(at.w);
    sim_disk_restart(at.w->disk, SIM_KILL);
    world_open(at.w);
    world_free(at.w);
}

static void whatever_is_done_to_a_letter_with_a_bad_row_is_told_and_lived_with(void **state)
{
    (void)state;
    for (enum row row = 0; row < ROWS; row++)
        for (enum damage how = DAMAGE_NONE; how < DAMAGES; how++)
            for (size_t deed = 0; deed < sizeof deeds / sizeof deeds[0]; deed++) {
                act_on_damaged(1, row, how, deed);
                if (row != ROW_LANE)
                    act_on_damaged(8, row, how, deed);
            }
}

/* ---- what is told, and what goes on ---- */

static void is_told(struct world *w, const char *what)
{
    struct belay_str named;
    uint64_t more;
    assert_true(belay_broker_unreadable_news(w->b, &named, &more));
    if (!strstr(named.p, what))
        fail_msg("'%s' does not say '%s'", named.p, what);
    assert_int_equal(more, 0);
    assert_false(belay_broker_unreadable_news(w->b, &named, &more));
}

static void a_message_that_waits_and_cannot_be_read_is_named_and_the_others_go_on(void **state)
{
    struct world *w = *state;
    publish(w, "a", "{}");
    publish(w, "b", "{}");
    publish(w, "a", "{}");
    for (uint64_t n = 1; n <= 2; n++)
        retry(w, take_one(w, n), 10);
    struct at at = { .w = w, .sequence = 1 };
    assert_true(damage(&at, ROW_EXCEPTION, DAMAGE_CUT));
    pass_ms(w, 20);
    ack(w, take_one(w, 2));
    assert_null(take(w));
    assert_true(belay_broker_wake_at(w->b) > w->now); /* nobody looks again and again */
    is_told(w, "message 1 of billing");
    uint64_t fourth = publish(w, "c", "{}");
    ack(w, take_one(w, fourth));
}

static void a_replayed_letter_without_its_message_is_named_and_the_others_go_on(void **state)
{
    struct world *w = *state;
    struct at at = { .w = w, .sequence = 1 };
    publish(w, "a", "{}");
    letter(w, take_one(w, 1), false);
    w->sub->opt.concurrency = 0; /* it is replayed, and not yet read */
    world_ok(w, belay_broker_letter_replay(w->b, w->sub, 1, false, w->now, &w->err));
    assert_true(damage(&at, ROW_MESSAGE, DAMAGE_GONE));
    w->sub->opt.concurrency = 16;
    assert_null(take(w));
    is_told(w, "body of message 1 of billing");
    assert_state(w, 1, BELAY_MESSAGE_WAITING);
    ack(w, take_one(w, publish(w, "b", "{}")));
}

struct named {
    uint64_t sequence;
    char what[200];
};

static void on_balance(void *arg, const struct belay_audit_balance *balance)
{
    (void)arg;
    assert_int_equal(balance->lost, 0);
}

static void on_finding(void *arg, struct belay_str owner, uint64_t sequence, struct belay_str what)
{
    struct named *n = arg;
    (void)owner;
    n->sequence = sequence;
    snprintf(n->what, sizeof n->what, "%.*s", BELAY_STR_ARG(what));
}

static void is_named_by_the_audit(struct world *w, const char *what)
{
    struct named named = { 0 };
    struct belay_auditor to = { on_balance, on_finding, NULL, &named };
    world_ok(w, belay_broker_audit(w->b, &to, &w->err));
    assert_int_equal(named.sequence, 1);
    if (!strstr(named.what, what))
        fail_msg("'%s' does not say '%s'", named.what, what);
}

static void put_body(struct at *at, struct belay_str bytes)
{
    struct row_key key = key_of(at, ROW_MESSAGE);
    world_ok(at->w, belay_state_reserve(at->w->b->state, bytes.n + 100, 1, &at->w->err));
    belay_state_put(at->w->b->state, BELAY_TABLE_LETTER, row_key_str(&key), bytes);
}

/* The first waits, and was due; its body is in its letter's row, or in its own. */
static void is_passed_over(struct world *w, const char *what)
{
    bool stopped;
    ack(w, take_one(w, publish(w, "b", "{}")));
    assert_null(take(w));
    is_told(w, "body of message 1 of billing");
    assert_state(w, 1, BELAY_MESSAGE_WAITING); /* it counts as what it is */
    assert_int_equal(stats_of(w).waiting, 1);
    assert_int_equal(belay_subscription_stopped_by(w->sub, &stopped).n, 0);
    assert_true(belay_broker_wake_at(w->b) > w->now); /* nobody looks again and again */
    ack(w, take_one(w, publish(w, "c", "{}")));
    is_named_by_the_audit(w, what);
}

static void a_replayed_letter_whose_message_is_damaged_is_named_and_the_others_go_on(void **state)
{
    (void)state;
    for (enum damage how = DAMAGE_GONE; how < DAMAGES; how++) {
        struct world *w = world_new(false);
        struct at at = { .w = w, .sequence = 1 };
        declare(w, BELAY_STR("orders"), false);
        subscribe(w, BELAY_STR("billing"), BELAY_STR("orders"));
        publish(w, "a", "{}");
        letter(w, take_one(w, 1), false);
        w->sub->opt.concurrency = 0; /* it is replayed, and not yet read */
        world_ok(w, belay_broker_letter_replay(w->b, w->sub, 1, false, w->now, &w->err));
        assert_true(damage(&at, ROW_MESSAGE, how));
        w->sub->opt.concurrency = 16;
        is_passed_over(w, how == DAMAGE_GONE ? "message of its letter is not there" : "message of its letter cannot be read");
        world_free(w);
    }
}

static void a_message_that_waits_and_whose_body_is_damaged_is_named_and_the_others_go_on(void **state)
{
    struct world *w = *state;
    struct at at = { .w = w, .sequence = 1 };
    struct row_key key = key_of(&at, ROW_EXCEPTION);
    struct belay_str row, body;
    char bytes[INSIDE_BYTES_MAX + 1024];
    publish(w, "a", "{}");
    retry(w, take_one(w, 1), 10);
    assert_true(belay_state_get(w->b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key), &row) && row.n <= sizeof bytes);
    body = exception_inside(w->b, w->sub->id, 1, INSIDE_MESSAGE);
    assert_true(body.p > row.p && body.p < row.p + row.n);
    memcpy(bytes, row.p, row.n);
    bytes[body.p - row.p] += 64; /* the version of its encoding */
    world_ok(w, belay_state_reserve(w->b->state, sizeof bytes, 1, &w->err));
    belay_state_put(w->b->state, BELAY_TABLE_EXCEPTION, row_key_str(&key), belay_str(bytes, row.n));
    pass_ms(w, 20);
    is_passed_over(w, "its message cannot be read");
}

/* Once its row is mended (here by the test) the next process takes it. */
static void what_was_passed_over_is_there_when_it_can_be_read_again(void **state)
{
    struct world *w = *state;
    struct at at = { .w = w, .sequence = 1 };
    struct row_key key = key_of(&at, ROW_MESSAGE);
    struct belay_str whole;
    char bytes[512];
    publish(w, "a", "{}");
    letter(w, take_one(w, 1), false);
    world_ok(w, belay_broker_letter_replay(w->b, w->sub, 1, false, w->now, &w->err));
    assert_true(belay_state_get(w->b->state, BELAY_TABLE_LETTER, row_key_str(&key), &whole) && whole.n <= sizeof bytes);
    memcpy(bytes, whole.p, whole.n);
    whole.p = bytes;
    assert_true(damage(&at, ROW_MESSAGE, DAMAGE_CUT));
    is_passed_over(w, "cannot be read");
    put_body(&at, whole);
    checkpoint(w);
    world_reopen(w, SIM_KILL);
    ack(w, take_one(w, 1));
    world_settle(w);
}

static void a_letter_whose_message_is_damaged_is_not_replayed_and_can_be_discarded(void **state)
{
    static int (*const deeds_refused[])(const struct at *) = { do_replay, do_replay_anew, do_resume };
    struct at at = three_letters();
    (void)state;
    at.sequence = 8;
    assert_true(damage(&at, ROW_MESSAGE, DAMAGE_CUT));
    for (size_t i = 0; i < sizeof deeds_refused / sizeof deeds_refused[0]; i++) {
        assert_int_equal(deeds_refused[i](&at), BELAY_CORRUPT);
        assert_non_null(strstr(at.w->err.msg, "it can be discarded"));
        assert_state(at.w, 8, BELAY_MESSAGE_DEAD);
    }
    assert_ok(do_edit(&at)); /* whoever knows what it was may write it anew */
    assert_ok(do_replay(&at));
    ack(at.w, take_one(at.w, 8));
    at.sequence = 9;
    assert_true(damage(&at, ROW_MESSAGE, DAMAGE_VERSION));
    assert_int_equal(do_replay(&at), BELAY_CORRUPT);
    assert_ok(do_discard(&at));
    world_free(at.w);
}

static void a_job_passes_by_what_it_cannot_read_counts_it_and_ends(void **state)
{
    const struct belay_replay_opt all = { .who = WHO };
    struct at at = three_letters();
    struct world *w = at.w;
    struct belay_replay job;
    uint32_t id;
    (void)state;
    at.sequence = 8;
    assert_true(damage(&at, ROW_MESSAGE, DAMAGE_CUT));
    world_ok(w, belay_replay_start(w->b, &all, w->now, &id, &w->err));
    for (int i = 0; i < 40; i++) {
        pass_ms(w, 10);
        struct belay_delivery *d = take(w);
        if (d)
            ack(w, d);
    }
    assert_ok(belay_replay_get(w->b, id, &job, &w->err));
    assert_int_equal(job.state, BELAY_REPLAY_DONE);
    assert_int_equal(job.skipped, 1);
    assert_int_equal(job.done, 2);
    assert_state(w, 8, BELAY_MESSAGE_DEAD);
    world_free(w);
}

static void a_group_whose_row_could_not_be_read_counts_anew(void **state)
{
    struct at at = three_letters();
    uint64_t group = 0;
    struct belay_letter_group g;
    (void)state;
    assert_true(damage(&at, ROW_GROUP, DAMAGE_CUT));
    publish(at.w, "d", "{}");
    fail_next(at.w);
    fail_next(at.w);
    belay_arena_init(&arena, BELAY_KIB(16), BELAY_MIB(8));
    assert_true(belay_broker_group_next(at.w->b, &group, &arena, &g));
    assert_int_equal(g.count, 1);
    for (uint64_t n = 8; n <= 10; n++)
        world_ok(at.w, belay_broker_letter_replay(at.w->b, at.w->sub, n, false, at.w->now, &at.w->err));
    group = 0;
    assert_true(belay_broker_group_next(at.w->b, &group, &arena, &g));
    assert_int_equal(g.count, 0);
    belay_arena_deinit(&arena);
    world_free(at.w);
}

static void what_a_key_holds_and_cannot_be_read_is_named_when_its_turn_comes(void **state)
{
    struct at at = three_letters();
    (void)state;
    assert_true(damage(&at, ROW_LANE, DAMAGE_CUT));
    assert_ok(do_discard(&at));
    is_told(at.w, "a key of billing holds");
    ack(at.w, take_one(at.w, publish(at.w, "a", "{}")));
    world_free(at.w);
}

static void the_audit_names_a_letter_that_cannot_be_read(void **state)
{
    static const struct {
        enum row row;
        const char *what;
    } rows[] = { { ROW_FACTS, "known of its letter cannot be read" }, { ROW_MESSAGE, "message of its letter cannot be read" } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct at at = three_letters();
        assert_true(damage(&at, rows[i].row, DAMAGE_CUT));
        is_named_by_the_audit(at.w, rows[i].what);
        world_free(at.w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_is_done_to_a_letter_with_a_bad_row_is_told_and_lived_with),
        WORLD_TEST(a_message_that_waits_and_cannot_be_read_is_named_and_the_others_go_on),
        WORLD_TEST(a_replayed_letter_without_its_message_is_named_and_the_others_go_on),
        cmocka_unit_test(a_replayed_letter_whose_message_is_damaged_is_named_and_the_others_go_on),
        WORLD_TEST(a_message_that_waits_and_whose_body_is_damaged_is_named_and_the_others_go_on),
        WORLD_TEST(what_was_passed_over_is_there_when_it_can_be_read_again),
        cmocka_unit_test(a_letter_whose_message_is_damaged_is_not_replayed_and_can_be_discarded),
        cmocka_unit_test(a_job_passes_by_what_it_cannot_read_counts_it_and_ends),
        cmocka_unit_test(a_group_whose_row_could_not_be_read_counts_anew),
        cmocka_unit_test(what_a_key_holds_and_cannot_be_read_is_named_when_its_turn_comes),
        cmocka_unit_test(the_audit_names_a_letter_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
