/* The pages of what is in flight, as a power failure or another version may leave them: the engine starts, and suspects
 * nobody who was not there. */
#include "engine/room.h"
#include "platform/disk.h"
#include "unit/engine/bench.h"

static const char yaml[] =
    "belay: 1\n"
    "name: t\n"
    "connections:\n"
    "  out: { http: { base_url: 'http://127.0.0.1:1' }, idempotency: { header: K }, concurrency: 8 }\n"
    "topics: { things: { retain: 1d } }\n"
    "apis: { api: { listen: '127.0.0.1:0', openapi: a.json } }\n"
    "flows:\n"
    "  post:\n"
    "    from: { api: api, operation: a }\n"
    "    steps:\n"
    "      - publish: { topic: things, key: '{% id %}' }\n"
    "    reply: { status: 202 }\n"
    "  handle:\n"
    "    from: { topic: things, start: earliest }\n"
    "    retry: { max_attempts: 2, initial: 1s, multiplier: 1, jitter: none }\n"
    "    steps:\n"
    "      - call: { connection: out, method: POST, path: '/{% id %}' }\n";

static void post(struct bench *b, const char *id)
{
    struct bench_request r;
    char body[64];
    snprintf(body, sizeof body, "{\"id\":\"%s\"}", id);
    assert_ok(bench_ask(b, &r, "a", NULL, body));
    bench_go(b);
    bench_request_free(&r);
}

/* Dead, with one message in flight. */
static void dead(struct bench *b, uint32_t requests_max)
{
    bench_init_with(b, yaml, requests_max);
    post(b, "a");
    assert_int_equal(b->call_count, 1);
    bench_die(b);
    b->call_count = 0;
}

static unsigned times(const struct bench *b, const char *name)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < b->event_count && i < BENCH_KEPT; i++)
        n += strcmp(b->events[i], name) == 0;
    return n;
}

/* Whoever was suspected, the message is handled, and so is the next one. */
static void everything_is_handled(struct bench *b)
{
    bench_go(b);
    assert_int_equal(b->call_count, 1);
    bench_answer(b, bench_call_last(b)->id, "{}");
    post(b, "b");
    assert_int_equal(b->call_count, 2);
    bench_answer(b, bench_call_last(b)->id, "{}");
    assert_int_equal(bench_stats(b, "handle").done, 2);
    assert_false(bench_saw_event(b, "poison.quarantined"));
    assert_ok(belay_engine_check(b->engine, &b->err));
    bench_deinit(b);
}

/* The pages of a process that is dead; *ret_n: how many bytes. */
static uint8_t *pages(struct bench *b, struct belay_file **ret_file, size_t *ret_n)
{
    void *p;
    uint64_t n;
    assert_ok(belay_file_open(b->disk, "in_flight", BELAY_FILE_WRITE, ret_file, &b->err));
    assert_ok(belay_file_size(*ret_file, &n, &b->err));
    assert_ok(belay_file_map(*ret_file, (size_t)n, &p, &b->err));
    *ret_n = (size_t)n;
    return p;
}

static void pages_of_nothing_known_say_nothing(void **state)
{
    (void)state;
    for (unsigned fill = 0; fill < 2; fill++) {
        struct bench b;
        struct belay_file *file;
        size_t n;
        dead(&b, 16);
        uint8_t *p = pages(&b, &file, &n);
        memset(p, fill ? 0xff : 0, n);
        belay_file_close(file);
        bench_open(&b);
        bench_go(&b);
        assert_int_equal(times(&b, "message.crashed"), 0);
        everything_is_handled(&b);
    }
}

static void as_they_are_they_name_who_was_in_flight(void **state)
{
    struct bench b;
    (void)state;
    dead(&b, 16);
    bench_open(&b);
    bench_go(&b);
    assert_int_equal(times(&b, "message.crashed"), 1);
    everything_is_handled(&b);
}

/* The byte at `at` changed. How many were suspected? */
static unsigned torn(size_t at, bool from_notes)
{
    struct bench b;
    struct belay_file *file;
    size_t n, notes_bytes;
    bench_init_with(&b, yaml, 16);
    post(&b, "a");
    notes_bytes = b.engine->run_max * 16; /* of each run: sequence, subscription, check */
    bench_die(&b);
    b.call_count = 0;
    uint8_t *p = pages(&b, &file, &n);
    assert_true(n > notes_bytes);
    p[at + (from_notes ? n - notes_bytes : 0)] ^= 0x41;
    belay_file_close(file);
    bench_open(&b);
    bench_go(&b);
    unsigned suspected = times(&b, "message.crashed");
    assert_true(suspected <= 1);
    everything_is_handled(&b);
    return suspected;
}

static void a_page_that_is_torn_suspects_nobody_in_vain(void **state)
{
    (void)state;
    unsigned suspected = 0;
    for (size_t at = 0; at < 48; at++) { /* the head, and the notes of the first three runs, one of which is in use */
        torn(at, false);
        suspected += torn(at, true);
    }
    assert_int_equal(suspected, 32); /* whatever byte of its note is wrong, it says nothing */
}

static void another_number_of_runs_reads_the_same_pages(void **state)
{
    (void)state;
    static const uint32_t from_to[][2] = { { 4, 64 }, { 64, 4 }, { 16, 16 } };
    for (size_t i = 0; i < sizeof from_to / sizeof from_to[0]; i++) {
        struct bench b;
        dead(&b, from_to[i][0]);
        b.requests_max = from_to[i][1];
        bench_open(&b);
        everything_is_handled(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_they_are_they_name_who_was_in_flight),
        cmocka_unit_test(pages_of_nothing_known_say_nothing),
        cmocka_unit_test(a_page_that_is_torn_suspects_nobody_in_vain),
        cmocka_unit_test(another_number_of_runs_reads_the_same_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
