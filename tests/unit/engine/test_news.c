/* What the rooms below found out by themselves is told as an event, once. */
#include "engine/room.h"
#include "unit/engine/bench.h"

static const char yaml[] = "belay: 1\nname: news\nqueues: { q: {} }\n";

static unsigned times(const struct bench *b, const char *name)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < b->event_count && i < BENCH_KEPT; i++)
        n += strcmp(b->events[i], name) == 0;
    return n;
}

static void a_row_that_cannot_be_read_is_told_once_and_the_engine_goes_on(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, yaml);
    struct belay_broker *broker = belay_engine_broker(b.engine);
    struct belay_message m = { .id = BELAY_STR_INIT("m"), .body = BELAY_STR_INIT("later"), .time = b.now };
    uint64_t number;
    uint8_t key[16];
    belay_time due = belay_engine_now(b.engine) + 10 * BELAY_US_PER_MS;
    assert_ok(belay_broker_schedule(broker, BELAY_STR("q"), &m, due, &number, &b.err));
    assert_ok(belay_broker_schedule(broker, BELAY_STR("q"), &m, due + 1, NULL, &b.err));
    belay_store_be64(key, (uint64_t)due);
    belay_store_be64(key + 8, number);
    assert_ok(belay_state_reserve(b.engine->state, 256, 1, &b.err));
    belay_state_put(b.engine->state, BELAY_TABLE_SCHEDULED, belay_str((const char *)key, sizeof key), BELAY_STR("x"));
    bench_pass_ms(&b, 5);
    assert_int_equal(times(&b, "store.unreadable"), 0);
    for (int i = 0; i < 5; i++)
        bench_pass_ms(&b, 10);
    assert_int_equal(times(&b, "store.unreadable"), 1);
    struct belay_topic_stats q;
    assert_true(belay_broker_topic_stats(broker, 0, &q));
    assert_int_equal(q.messages, 1); /* the other came */
    assert_ok(belay_engine_failed(b.engine, &b.err));
    bench_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_that_cannot_be_read_is_told_once_and_the_engine_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
