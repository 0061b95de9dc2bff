/* Requests while the store takes nothing more: a commit is full and the one before it is still on its way to the disk. */
#include "unit/engine/bench.h"

#define BODY_BYTES 30000 /* a commit of the bench closes beyond 64 KiB */
#define ASKED 12

#define DOOR_YAML(wait)                                                                             \
    "belay: 1\n"                                                                                    \
    "name: t\n"                                                                                     \
    "topics: { jobs: { retain: 1d, discard: { reason: a test } } }\n"                               \
    "apis:\n"                                                                                       \
    "  api: { listen: '127.0.0.1:0', openapi: a.json, max_wait: " wait " }\n"                       \
    "  hasty: { listen: '127.0.0.1:0', openapi: a.json, max_wait: 0s }\n"                           \
    "flows:\n"                                                                                      \
    "  post:\n"                                                                                     \
    "    from: { api: api, operation: a }\n"                                                        \
    "    steps:\n"                                                                                  \
    "      - publish: { topic: jobs }\n"                                                            \
    "    reply: { status: 202 }\n"                                                                  \
    "  look:\n"                                                                                     \
    "    from: { api: api, operation: b }\n"                                                        \
    "    steps:\n"                                                                                  \
    "      - map: '{% { \"n\": n } %}'\n"                                                           \
    "    reply: { status: 200 }\n"

/* The same, and a second API whose callers do not wait. */
static const char beside_one_without_a_wait[] = DOOR_YAML("1s")
    "  hurry:\n"
    "    from: { api: hasty, operation: a }\n"
    "    steps:\n"
    "      - publish: { topic: jobs }\n"
    "    reply: { status: 202 }\n";

struct crowd {
    struct bench b;
    struct bench_request r[ASKED], peek;
    char body[ASKED][BODY_BYTES + 64];
};

static struct crowd *crowd_new(const char *yaml)
{
    struct crowd *c = calloc(1, sizeof *c);
    bench_init(&c->b, yaml);
    for (unsigned i = 0; i < 3; i++) { /* a segment for each commit to come is there */
        bench_go(&c->b);
    }
    return c;
}

static void crowd_free(struct crowd *c)
{
    bench_deinit(&c->b);
    for (unsigned i = 0; i < ASKED; i++)
        if (c->r[i].q.user)
            bench_request_free(&c->r[i]);
    if (c->peek.q.user)
        bench_request_free(&c->peek);
    free(c);
}

static int ask(struct crowd *c, unsigned n)
{
    char filler[BODY_BYTES + 1];
    memset(filler, 'x', BODY_BYTES);
    filler[BODY_BYTES] = '\0';
    snprintf(c->body[n], sizeof c->body[n], "{\"n\":%u,\"filler\":\"%s\"}", n, filler);
    return bench_ask(&c->b, &c->r[n], "a", NULL, c->body[n]);
}

/* The first goes into a commit that the disk never ends (no job runs), three into the next, the rest may wait. */
static void fill(struct crowd *c)
{
    for (unsigned n = 0; n < ASKED; n++) {
        assert_ok(ask(c, n));
        belay_engine_step(c->b.engine, c->b.now);
        bench_take(&c->b);
    }
    assert_ok(belay_engine_check(c->b.engine, &c->b.err));
}

static struct belay_api_stats stats_of(struct crowd *c)
{
    struct belay_api_stats s;
    assert_true(belay_engine_api_stats(c->b.engine, 0, &s));
    return s;
}

static void who_finds_the_next_commit_full_waits_for_the_one_after(void **state)
{
    (void)state;
    struct crowd *c = crowd_new(DOOR_YAML("1s"));
    fill(c);
    assert_int_equal(c->b.reply_count, 0);
    assert_true(stats_of(c).at_door >= ASKED - 5);
    assert_true(belay_engine_wake_at(c->b.engine) <= belay_time_add_ms(c->b.now, 2));
    bench_pass_ms(&c->b, 5); /* the disk goes on */
    assert_int_equal(c->b.reply_count, ASKED);
    for (unsigned n = 0; n < ASKED; n++) { /* in the order they came */
        assert_int_equal(c->b.replies[n].status, 202);
        assert_ptr_equal(c->b.replies[n].user, &c->r[n]);
    }
    assert_int_equal(stats_of(c).at_door + stats_of(c).refused, 0);
    crowd_free(c);
}

static void once_they_have_waited_for_long_they_are_told(void **state)
{
    (void)state;
    struct crowd *c = crowd_new(DOOR_YAML("1s"));
    fill(c);
    uint32_t waiting = stats_of(c).at_door;
    c->b.now = belay_time_add_ms(c->b.now, 999);
    belay_engine_step(c->b.engine, c->b.now);
    bench_take(&c->b);
    assert_int_equal(c->b.reply_count, 0);
    c->b.now = belay_time_add_ms(c->b.now, 2);
    belay_engine_step(c->b.engine, c->b.now);
    /* Their answers are durable already: nothing of them was written. */
    bench_pass_ms(&c->b, 0);
    unsigned refused = 0;
    for (unsigned i = 0; i < c->b.reply_count; i++) {
        refused += c->b.replies[i].status == 503;
        if (c->b.replies[i].status == 503) {
            assert_string_equal(c->b.replies[i].type, "overloaded");
            assert_true(c->b.replies[i].retry_after_ms >= 1000);
        }
    }
    assert_int_equal(refused, waiting);
    assert_int_equal(stats_of(c).refused, waiting);
    assert_int_equal(c->b.reply_count, ASKED);
    crowd_free(c);
}

static void late_ones_let_the_newest_go_first(void **state)
{
    (void)state;
    struct crowd *c = crowd_new(DOOR_YAML("1s"));
    fill(c);
    c->b.now = belay_time_add_ms(c->b.now, 600);
    bench_go(&c->b);
    assert_int_equal(c->b.reply_count, ASKED);
    unsigned first_of_door = ASKED - 1; /* of the replies, the newest comes before others that waited */
    unsigned at[ASKED];
    for (unsigned i = 0; i < ASKED; i++)
        at[(struct bench_request *)c->b.replies[i].user - c->r] = i;
    assert_true(at[first_of_door] < at[first_of_door - 3]);
    crowd_free(c);
}

static void who_writes_nothing_goes_past_them(void **state)
{
    (void)state;
    struct crowd *c = crowd_new(DOOR_YAML("1s"));
    fill(c);
    uint32_t runs = stats_of(c).running;
    assert_ok(bench_ask(&c->b, &c->peek, "b", NULL, "{\"n\":7}"));
    assert_int_equal(stats_of(c).running, runs + 1); /* its flow is through; its answer waits for what it may have read */
    bench_pass_ms(&c->b, 5);
    assert_int_equal(c->b.reply_count, ASKED + 1);
    crowd_free(c);
}

static void what_publishes_or_keeps_a_key_needs_room(void **state)
{
    (void)state;
    struct belay_definitions *d = bench_compile(DOOR_YAML("1s")
        "  keep:\n"
        "    from: { api: hasty, operation: b }\n"
        "    idempotency: { key: '{% k %}', window: 1h }\n"
        "    steps: []\n"
        "    reply: { status: 200 }\n");
    assert_int_equal(d->flow_count, 3);
    for (uint32_t i = 0; i < d->flow_count; i++)
        assert_int_equal(d->flows[i].writes, !belay_str_eq(d->flows[i].name, BELAY_STR("look")));
    belay_definitions_unref(d);
}

static void without_a_wait_they_are_told_at_once(void **state)
{
    (void)state;
    struct crowd *c = crowd_new(DOOR_YAML("0s"));
    fill(c);
    assert_int_equal(stats_of(c).at_door, 0);
    assert_true(stats_of(c).refused >= ASKED - 5);
    bench_pass_ms(&c->b, 5);
    assert_int_equal(c->b.reply_count, ASKED);
    crowd_free(c);
}

/* Others wait, and there is room again: not to wait is no reason to be sent away. */
static void who_may_not_wait_goes_past_them_when_there_is_room(void **state)
{
    (void)state;
    struct crowd *c = crowd_new(beside_one_without_a_wait);
    struct bench *b = &c->b;
    fill(c);
    assert_true(stats_of(c).at_door > 0);
    assert_int_equal(bench_ask(b, &c->peek, "nothing", NULL, "{\"n\":7}"), BELAY_NOTFOUND); /* shapes it */
    c->peek.q.api = BELAY_STR("hasty");
    c->peek.q.operation = BELAY_STR("a");
    sim_jobs_finish(&b->jobs); /* the disk goes on, and with it the commit that was full */
    belay_engine_step(b->engine, b->now);
    bench_take(b);
    assert_true(stats_of(c).at_door > 0);
    assert_ok(belay_engine_request(b->engine, &c->peek.q, b->now, &b->err));
    bench_pass_ms(b, 5);
    assert_int_equal(b->reply_count, ASKED + 1);
    for (unsigned i = 0; i < b->reply_count; i++)
        assert_int_equal(b->replies[i].status, 202);
    crowd_free(c);
}

static void at_a_stop_they_are_told(void **state)
{
    (void)state;
    struct crowd *c = crowd_new(DOOR_YAML("1s"));
    fill(c);
    belay_engine_stop(c->b.engine);
    bench_pass_ms(&c->b, 5);
    assert_int_equal(c->b.reply_count, ASKED);
    assert_int_equal(bench_reply_last(&c->b)->status, 503);
    assert_true(belay_engine_idle(c->b.engine));
    crowd_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_finds_the_next_commit_full_waits_for_the_one_after),
        cmocka_unit_test(once_they_have_waited_for_long_they_are_told),
        cmocka_unit_test(late_ones_let_the_newest_go_first),
        cmocka_unit_test(who_writes_nothing_goes_past_them),
        cmocka_unit_test(what_publishes_or_keeps_a_key_needs_room),
        cmocka_unit_test(without_a_wait_they_are_told_at_once),
        cmocka_unit_test(who_may_not_wait_goes_past_them_when_there_is_room),
        cmocka_unit_test(at_a_stop_they_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
