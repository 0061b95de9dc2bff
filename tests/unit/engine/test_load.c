/* More than can be done, in virtual time: a burst is levelled, an overload refused early. */
#include "unit/engine/bench.h"

#define TICK_MS 10
#define SERVICE_MS 30 /* of a call */
#define KEYS 8
#define ASKED_MAX 8192
#define CALLS_MAX 256

static const char levelling[] =
    "belay: 1\n"
    "name: t\n"
    "connections:\n"
    "  out: { http: { base_url: 'http://127.0.0.1:1' }, concurrency: 4, rate: { per_second: 10, burst: 1 } }\n"
    "queues: { jobs: {} }\n"
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"
    "flows:\n"
    "  post:\n"
    "    from: { api: api, operation: a }\n"
    "    steps:\n"
    "      - publish: { queue: jobs, key: '{% key %}' }\n"
    "    reply: { status: 202 }\n"
    "  work:\n"
    "    from: { queue: jobs }\n"
    "    steps:\n"
    "      - call: { connection: out, method: PUT, path: '/{% key %}/{% n %}' }\n";

static const char closing[] =
    "belay: 1\n"
    "name: t\n"
    "connections:\n"
    "  out: { http: { base_url: 'http://127.0.0.1:1' }, concurrency: 64, rate: { per_second: 50, burst: 1 } }\n"
    "queues: { jobs: { max_age: 1s } }\n"
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json, max_wait: 500ms } }\n"
    "flows:\n"
    "  post:\n"
    "    from: { api: api, operation: a }\n"
    "    steps:\n"
    "      - publish: { queue: jobs, key: '{% key %}' }\n"
    "    reply: { status: 202 }\n"
    "  work:\n"
    "    from: { queue: jobs }\n"
    "    lanes: { concurrency: 64 }\n"
    "    steps:\n"
    "      - call: { connection: out, method: PUT, path: '/{% key %}/{% n %}' }\n";

static const char answering[] =
    "belay: 1\n"
    "name: t\n"
    "connections:\n"
    "  out: { http: { base_url: 'http://127.0.0.1:1' }, concurrency: 64, rate: { per_second: 50, burst: 1 } }\n"
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json, max_concurrent: 8, max_wait: 1s } }\n"
    "flows:\n"
    "  post:\n"
    "    from: { api: api, operation: a }\n"
    "    steps:\n"
    "      - call: { connection: out, method: PUT, path: '/{% key %}/{% n %}' }\n"
    "    reply: { status: 200 }\n";

struct asked {
    struct bench_request r;
    char body[48];
    belay_time at, answered_at, called_at;
    uint32_t status; /* 0: no answer yet */
};

struct traffic {
    struct bench b;
    struct asked asked[ASKED_MAX];
    uint32_t count, calls, call_count;
    int last[KEYS]; /* of each key, called last */
    struct {
        uint64_t id;
        belay_time due;
    } out[CALLS_MAX];
    uint64_t messages_most, bytes_most, queued_most;
    uint32_t runs_most, unordered;
};

static void offer(struct traffic *t)
{
    assert_true(t->count < ASKED_MAX);
    struct asked *a = &t->asked[t->count];
    snprintf(a->body, sizeof a->body, "{\"key\":\"%u\",\"n\":\"%u\"}", t->count % KEYS, t->count);
    a->at = t->b.now;
    assert_ok(bench_ask(&t->b, &a->r, "a", NULL, a->body));
    a->r.q.user = a;
    t->count++;
}

static void called(struct traffic *t, const struct belay_call_request *q)
{
    for (uint32_t i = 0; i < q->param_count; i++) {
        unsigned key, n;
        if (!belay_str_eq(q->params[i].name, BELAY_STR("path")))
            continue;
        char path[32];
        bench_put(path, sizeof path, q->params[i].value);
        assert_int_equal(sscanf(path, "/%u/%u", &key, &n), 2);
        t->unordered += t->last[key] > (int)n;
        t->last[key] = (int)n;
        t->asked[n].called_at = t->b.now;
    }
    assert_true(t->call_count < CALLS_MAX);
    t->out[t->call_count].id = q->id;
    t->out[t->call_count++].due = belay_time_add_ms(t->b.now, SERVICE_MS);
    t->calls++;
}

static void take_actions(struct traffic *t)
{
    struct belay_action a;
    while (belay_engine_action(t->b.engine, &a)) {
        if (a.kind == BELAY_ACTION_CALL && !a.u.call.cancel) {
            called(t, a.u.call.request);
        } else if (a.kind == BELAY_ACTION_REPLY) {
            struct asked *asked = a.u.reply.user;
            asked->status = a.u.reply.status;
            asked->answered_at = t->b.now;
            if (asked->status == 503)
                assert_true(a.u.reply.retry_after_ms >= 1000);
        }
    }
}

static void answer_due(struct traffic *t)
{
    static const struct belay_field json = { BELAY_STR_INIT("content-type"), BELAY_STR_INIT("application/json") };
    while (t->call_count && t->out[0].due <= t->b.now) {
        const struct belay_call_outcome o = { .id = t->out[0].id, .ok = true, .status = 200, .headers = &json,
                                              .header_count = 1, .body = BELAY_STR("{}"), .endpoint = BELAY_STR("test") };
        memmove(&t->out[0], &t->out[1], --t->call_count * sizeof t->out[0]);
        belay_engine_outcome(t->b.engine, &o, t->b.now);
    }
}

static void watch(struct traffic *t)
{
    struct belay_broker_memory m;
    struct belay_engine_stats s;
    belay_broker_memory(belay_engine_broker(t->b.engine), &m);
    belay_engine_stats(t->b.engine, &s);
    t->messages_most = m.messages > t->messages_most ? m.messages : t->messages_most;
    t->bytes_most = m.bytes > t->bytes_most ? m.bytes : t->bytes_most;
    t->runs_most = s.runs_in_flight - s.requests_open > t->runs_most ? s.runs_in_flight - s.requests_open : t->runs_most;
}

/* So long, with so many requests a second. */
static void pass(struct traffic *t, uint32_t ms, uint32_t per_second)
{
    uint32_t owed = 0;
    for (uint32_t i = 0; i < ms / TICK_MS; i++) {
        t->b.now = belay_time_add_ms(t->b.now, TICK_MS);
        for (owed += per_second * TICK_MS; owed >= 1000; owed -= 1000)
            offer(t);
        answer_due(t);
        belay_engine_step(t->b.engine, t->b.now);
        sim_jobs_finish(&t->b.jobs);
        take_actions(t);
        watch(t);
    }
    if (belay_engine_check(t->b.engine, &t->b.err) != BELAY_OK)
        fail_msg("%s", t->b.err.msg);
}

static struct traffic *traffic_new(const char *yaml)
{
    struct traffic *t = calloc(1, sizeof *t);
    assert_non_null(t);
    for (int i = 0; i < KEYS; i++)
        t->last[i] = -1;
    bench_init_with(&t->b, yaml, 4096);
    return t;
}

static void traffic_free(struct traffic *t)
{
    bench_deinit(&t->b);
    for (uint32_t i = 0; i < t->count; i++)
        bench_request_free(&t->asked[i].r);
    free(t);
}

static void a_burst_of_ten_times_the_rate_for_a_minute_is_levelled(void **state)
{
    (void)state;
    struct traffic *t = traffic_new(levelling);
    pass(t, 60 * 1000, 100);
    assert_int_equal(t->count, 6000);
    pass(t, 100, 0);
    for (uint32_t i = 0; i < t->count; i++) { /* no producer was harmed */
        assert_int_equal(t->asked[i].status, 202);
        assert_true(t->asked[i].answered_at - t->asked[i].at <= 2 * TICK_MS * BELAY_US_PER_MS);
    }
    uint32_t before = t->calls;
    assert_in_range(before, 590, 610);
    pass(t, 100 * 1000, 0); /* drained at the consumer's rate */
    assert_in_range(t->calls - before, 990, 1010);
    assert_true(t->messages_most <= BELAY_LANE_READ_AHEAD_MAX + 64 && t->bytes_most <= BELAY_MIB(4));
    assert_true(t->runs_most <= BELAY_LANE_CONCURRENCY_DEFAULT);
    pass(t, 450 * 1000, 0);
    assert_int_equal(t->calls, 6000);
    assert_int_equal(t->unordered, 0); /* each key in order */
    assert_int_equal(bench_stats(&t->b, "work").done, 6000);
    traffic_free(t);
}

/* Of those that were asked from `from` on: how many were answered well, a second; no answer came later than that. */
static double goodput(const struct traffic *t, uint32_t from, uint32_t status, int64_t answer_ms_max)
{
    uint32_t good = 0;
    for (uint32_t i = from; i < t->count; i++) {
        assert_true(t->asked[i].status == status || t->asked[i].status == 503);
        assert_true(t->asked[i].answered_at - t->asked[i].at <= answer_ms_max * BELAY_US_PER_MS);
        good += t->asked[i].status == status;
    }
    return (double)good * BELAY_US_PER_S / (double)(t->asked[t->count - 1].at - t->asked[from].at);
}

static void at_three_times_the_capacity_a_queue_takes_what_it_can_do_in_time(void **state)
{
    (void)state;
    struct traffic *t = traffic_new(closing);
    pass(t, 5 * 1000, 150);
    uint32_t from = t->count;
    pass(t, 30 * 1000, 150);
    pass(t, 3 * 1000, 0);
    assert_in_range((uint64_t)goodput(t, from, 202, 500 + 3 * TICK_MS), 45, 55); /* of 50 */
    for (uint32_t i = from; i < t->count; i++)
        if (t->asked[i].status == 202) { /* accepted: begun within the queue's age, and what one look may miss */
            assert_true(t->asked[i].called_at > 0);
            assert_true(t->asked[i].called_at - t->asked[i].answered_at <= 1500 * BELAY_US_PER_MS);
        }
    traffic_free(t);
}

static void at_three_times_the_capacity_a_synchronous_flow_answers_as_many_and_soon(void **state)
{
    (void)state;
    struct traffic *t = traffic_new(answering);
    pass(t, 5 * 1000, 150);
    uint32_t from = t->count;
    pass(t, 30 * 1000, 150);
    pass(t, 3 * 1000, 0);
    assert_in_range((uint64_t)goodput(t, from, 200, 1300), 45, 55);
    traffic_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_of_ten_times_the_rate_for_a_minute_is_levelled),
        cmocka_unit_test(at_three_times_the_capacity_a_queue_takes_what_it_can_do_in_time),
        cmocka_unit_test(at_three_times_the_capacity_a_synchronous_flow_answers_as_many_and_soon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
