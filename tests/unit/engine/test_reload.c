/* Reloads that are refused: whatever they fail of, and when, what was in force stays so, whole. */
#include "broker/resident.h"
#include "unit/engine/bench.h"

#define HEAD                                                                                          \
    "belay: 1\n"                                                                                      \
    "name: t\n"                                                                                       \
    "connections:\n"                                                                                  \
    "  out: { http: { base_url: 'http://127.0.0.1:1' }, concurrency: 8 }\n"                           \
    "alerts: { to: nobody, channels: { nobody: { log: {} } } }\n"                                     \
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"

/* What differs: retention, period of the timer; concurrency, key of the lanes, expiry. */
#define FLOWS(retain, period)                                                                         \
    "topics: { things: { retain: " retain " }, ticks: { retain: 1d } }\n"                             \
    "flows:\n"                                                                                        \
    "  post:\n"                                                                                       \
    "    from: { api: api, operation: a }\n"                                                          \
    "    steps:\n"                                                                                    \
    "      - publish: { topic: things, key: '{% id %}' }\n"                                           \
    "    reply: { status: 202 }\n"                                                                    \
    "  tick:\n"                                                                                       \
    "    from: { timer: " period " }\n"                                                               \
    "    steps:\n"                                                                                    \
    "      - publish: { topic: ticks }\n"
#define HANDLE(concurrency, key, expire)                                                              \
    "  handle:\n"                                                                                     \
    "    from: { topic: things, start: earliest }\n"                                                  \
    "    lanes: { concurrency: " concurrency ", key: '{% " key " %}' }\n"                             \
    "    dead_letters: { expire_after: " expire ", reason: told }\n"                                  \
    "    steps:\n"                                                                                    \
    "      - log: { message: '{% id %}' }\n"

#define BEFORE HEAD FLOWS("7d", "10s") HANDLE("4", "id", "5d")
#define AFTER HEAD FLOWS("1h", "20s") HANDLE("1", "other", "1h")
#define MORE(start)                                                                                   \
    "  late:\n"                                                                                       \
    "    from: { topic: things" start " }\n"                                                          \
    "    lanes: { key: '{% id %}' }\n"                                                                \
    "    steps:\n"                                                                                    \
    "      - log: { message: late }\n"                                                                \
    "  beat:\n"                                                                                       \
    "    from: { timer: 30s }\n"                                                                      \
    "    steps:\n"                                                                                    \
    "      - publish: { topic: ticks }\n"

static const char before[] = BEFORE;
static const char unsaid[] = AFTER MORE("");
static const char said[] = AFTER MORE(", start: latest");

static void post(struct bench *b)
{
    struct bench_request r;
    assert_ok(bench_ask(b, &r, "a", NULL, "{\"id\":\"x\",\"other\":\"y\"}"));
    bench_go(b);
    bench_request_free(&r);
}

static struct topic *topic(struct bench *b, const char *name)
{
    return belay_map_get(&belay_engine_broker(b->engine)->topics_by_name, belay_str_c(name));
}

static struct belay_subscription *subscription(struct bench *b, const char *name)
{
    return belay_broker_find(belay_engine_broker(b->engine), belay_str_c(name));
}

static uint64_t ticks(struct bench *b)
{
    struct belay_topic_stats s;
    for (uint32_t i = 0; belay_broker_topic_stats(belay_engine_broker(b->engine), i, &s); i++)
        if (belay_str_eq(s.name, BELAY_STR("ticks")))
            return s.next - 1;
    return 0;
}

/* All that a definition sets is that of `before`. */
static void assert_before(struct bench *b)
{
    const struct belay_subscription *handle = subscription(b, "handle");
    assert_ptr_equal(belay_engine_definitions(b->engine), b->definitions);
    assert_int_equal(topic(b, "things")->retain_ms, UINT64_C(7) * 24 * 3600 * 1000);
    assert_int_equal(handle->opt.letters.expire_ms, UINT64_C(5) * 24 * 3600 * 1000);
    assert_int_equal(handle->opt.concurrency, 4);
    for (uint32_t i = 0; i < b->definitions->flow_count; i++)
        if (belay_str_eq(b->definitions->flows[i].name, BELAY_STR("handle")))
            assert_ptr_equal(handle->opt.arg, &b->definitions->flows[i]);
}

/* Messages find their lanes and timers their times: both ask the definitions. */
static void assert_works(struct bench *b)
{
    uint64_t done = bench_stats(b, "handle").done, ticked = ticks(b);
    post(b);
    assert_int_equal(bench_stats(b, "handle").done, done + 1);
    bench_pass_ms(b, 10000);
    assert_int_equal(ticks(b), ticked + 1);
}

static int reload(struct bench *b, const char *yaml)
{
    struct belay_definitions *d = bench_compile(yaml);
    int status = belay_engine_configure(b->engine, d, b->now, &b->err);
    belay_definitions_unref(d);
    return status;
}

static void assert_after(struct bench *b)
{
    assert_int_equal(topic(b, "things")->retain_ms, UINT64_C(3600) * 1000);
    assert_int_equal(subscription(b, "handle")->opt.concurrency, 1);
    assert_int_equal(subscription(b, "handle")->opt.letters.expire_ms, UINT64_C(3600) * 1000);
    assert_true(subscription(b, "late") && subscription(b, "late")->active && !subscription(b, "late")->paused[0]);
}

static void a_flow_that_does_not_say_where_it_begins_is_refused_and_nothing_is_changed(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, before);
    post(&b);
    assert_int_equal(reload(&b, unsaid), BELAY_INVALID);
    assert_non_null(strstr(b.err.msg, "late"));
    assert_before(&b);
    assert_null(subscription(&b, "late"));
    assert_null(subscription(&b, "beat"));
    assert_null(topic(&b, "timer.beat"));
    assert_works(&b);
    bench_crash(&b); /* nor is it in the journal */
    assert_before(&b);
    assert_works(&b);
    assert_ok(reload(&b, said));
    assert_after(&b);
    bench_deinit(&b);
}

static void a_flow_that_only_the_refused_one_had_takes_no_messages(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, before);
    post(&b);
    assert_int_equal(reload(&b, AFTER MORE("")
                            "  never:\n"
                            "    from: { topic: ticks }\n"
                            "    lanes: { key: '{% time %}' }\n"
                            "    steps:\n"
                            "      - log: { message: never }\n"), BELAY_INVALID);
    assert_null(subscription(&b, "never"));
    assert_works(&b);
    assert_int_equal(reload(&b, unsaid), BELAY_INVALID); /* and again: what the first left is gone */
    assert_before(&b);
    assert_works(&b);
    bench_deinit(&b);
}

static void a_topic_that_would_become_a_queue_is_refused_and_nothing_is_changed(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, before);
    assert_int_equal(reload(&b, HEAD "topics: { things: { retain: 1h } }\nqueues: { ticks: {} }\n"), BELAY_CONFLICT);
    assert_before(&b);
    assert_works(&b);
    bench_deinit(&b);
}

static void a_name_that_has_its_place_in_another_topic_is_refused_and_nothing_is_changed(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, before);
    assert_int_equal(reload(&b, HEAD
                            "topics: { things: { retain: 1h }, ticks: {} }\n"
                            "flows:\n"
                            "  handle:\n"
                            "    from: { topic: ticks, start: earliest }\n"
                            "    steps:\n"
                            "      - log: { message: handle }\n"), BELAY_CONFLICT);
    assert_before(&b);
    assert_works(&b);
    bench_deinit(&b);
}

/* Its definitions are more than a segment of the journal holds, and the disk is full. */
static void a_reload_that_finds_no_room_is_refused_and_nothing_is_changed(void **state)
{
    static char large[BELAY_KIB(320)];
    struct sim_disk_stats disk;
    struct bench b;
    (void)state;
    bench_init(&b, before);
    post(&b);
    snprintf(large, sizeof large, "%s  large:\n    from: { topic: ticks, start: latest }\n    steps:\n"
                                  "      - log: { message: '%0*d' }\n", said, (int)BELAY_KIB(300), 0);
    sim_disk_stats(b.disk, &disk);
    sim_disk_set_capacity(b.disk, disk.used_bytes);
    for (int i = 0; i < 3; i++) {
        int status = reload(&b, large);
        assert_true(status == BELAY_NOSPACE || status == BELAY_BUSY);
        assert_before(&b);
        assert_null(subscription(&b, "late"));
        assert_null(topic(&b, "timer.beat"));
        assert_ok(belay_engine_configure(b.engine, b.definitions, b.now, &b.err)); /* it needs no room */
        bench_go(&b);
    }
    sim_disk_set_capacity(b.disk, 0);
    bench_pass_ms(&b, 1000);
    assert_works(&b);
    assert_ok(reload(&b, large));
    assert_after(&b);
    bench_deinit(&b);
}

/* What it made before is of no flow: it waits, paused, for the next that is not refused. */
static void without_memory_a_reload_is_refused_and_nothing_is_changed(void **state)
{
    bool worked = false;
    (void)state;
    for (uint64_t n = 0; !worked; n++) {
        struct bench b;
        bench_init(&b, before);
        post(&b);
        struct belay_definitions *d = bench_compile(said);
        belay_alloc_fail_after(n);
        int status = belay_engine_configure(b.engine, d, b.now, &b.err);
        belay_alloc_fail_after(UINT64_MAX);
        belay_definitions_unref(d);
        worked = status == BELAY_OK;
        assert_true(n < 1000);
        if (!worked) {
            assert_int_equal(status, BELAY_NOMEM);
            assert_before(&b);
            const struct belay_subscription *late = subscription(&b, "late");
            assert_true(!late || !late->active);
            assert_works(&b);
            assert_ok(reload(&b, said));
        }
        assert_after(&b);
        bench_pass_ms(&b, 20000);
        bench_deinit(&b);
    }
}

/* Its lanes would be asked for of a definition that is no more. */
static void what_is_read_for_a_flow_that_is_gone_asks_for_nothing_of_it(void **state)
{
    static const char without[] = HEAD FLOWS("7d", "10s");
    struct bench b;
    (void)state;
    bench_init(&b, without);
    post(&b);
    bench_die(&b); /* so that it has to be read from the disk */
    struct belay_definitions *gone = b.definitions;
    b.definitions = bench_compile(before);
    bench_open(&b);
    belay_engine_step(b.engine, b.now);
    assert_true(subscription(&b, "handle")->fetching);
    assert_ok(belay_engine_configure(b.engine, gone, b.now, &b.err));
    belay_definitions_unref(b.definitions);
    b.definitions = gone;
    bench_go(&b);
    assert_false(subscription(&b, "handle")->active);
    assert_int_equal(bench_stats(&b, "handle").done, 0);
    assert_ok(reload(&b, before));
    bench_go(&b);
    assert_int_equal(bench_stats(&b, "handle").done, 1);
    bench_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flow_that_does_not_say_where_it_begins_is_refused_and_nothing_is_changed),
        cmocka_unit_test(a_flow_that_only_the_refused_one_had_takes_no_messages),
        cmocka_unit_test(a_topic_that_would_become_a_queue_is_refused_and_nothing_is_changed),
        cmocka_unit_test(a_name_that_has_its_place_in_another_topic_is_refused_and_nothing_is_changed),
        cmocka_unit_test(a_reload_that_finds_no_room_is_refused_and_nothing_is_changed),
        cmocka_unit_test(without_memory_a_reload_is_refused_and_nothing_is_changed),
        cmocka_unit_test(what_is_read_for_a_flow_that_is_gone_asks_for_nothing_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
