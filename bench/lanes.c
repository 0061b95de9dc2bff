/* lanes.c - keys in trouble and the others: many keys, one of a hundred fails, and what that costs the rest.
 *
 *   lanes --data DIR --keys N --messages M --fail none|errors|timeouts [--rate R]
 *   lanes --data DIR --keys N --messages M --hot H     H messages of one key lie in the queue before those of the others
 *
 * Messages of random keys go through a flow with one call, all as fast as they go (or R a second).  A call for a failing
 * key gets 503 at once, or no answer for half a second; each of these keys is retried, then parked with what follows.
 * Prints one JSON object: healthy messages a second (wall and CPU), and how long they took from publish to answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "broker/stats.h"
#include "engine_bench.h"

static const char yaml[] =
    "belay: 1\n"
    "name: bench-lanes\n"
    "connections:\n"
    "  partner: { http: { base_url: \"http://127.0.0.1:9\" }, concurrency: 4096, timeout: 500ms,\n"
    "             idempotency: { header: Idempotency-Key } }\n"
    "queues:\n"
    "  in: {}\n"
    "flows:\n"
    "  calling:\n"
    "    from: { queue: in }\n"
    "    lanes: { concurrency: 4096 }\n"
    "    steps:\n"
    "      - call: { connection: partner, method: PUT, path: /do }\n";

#define BATCH 256        /* more than a step delivers: what is ahead is the same with and without failures */
#define AHEAD 4096        /* published and not answered, of the healthy */
#define TIMEOUT_US 500000
#define CALLS_MAX 8192u   /* a power of two */
#define FAILING(key) ((key) % 100 == 7)
#define CELLS 200000      /* of 10 microseconds */

enum fail { FAIL_NONE, FAIL_ERRORS, FAIL_TIMEOUTS };

struct call {
    uint64_t id, number;
    belay_time at;
};

struct bench {
    struct bench_engine engine;
    struct belay_broker *broker;
    enum fail fail;
    uint64_t keys, messages, published, healthy, answered, failed, hot, hot_answered;
    double rate;
    belay_time began;
    uint32_t *key_of;          /* by number */
    uint32_t *published_at;    /* microseconds since it began */
    struct call calls[CALLS_MAX], hanging[CALLS_MAX];
    uint32_t call_count, hang_first, hang_count;
    uint32_t cells[CELLS];
};

static uint32_t since(const struct bench *b)
{
    return (uint32_t)(belay_clock_monotonic(belay_clock_posix()) - b->began);
}

static bool is_failing(const struct bench *b, uint64_t number)
{
    return FAILING(b->key_of[number]) && b->fail != FAIL_NONE;
}

static bool publish_one(struct bench *b)
{
    struct belay_err err;
    char id[33], key[24];
    static const char body[] = "{\"order_id\":\"o-1\",\"note\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}";
    snprintf(id, sizeof id, "%032llx", (unsigned long long)b->published);
    snprintf(key, sizeof key, "k-%u", b->key_of[b->published]);
    struct belay_message m = { .id = belay_str(id, 32), .source = BELAY_STR("/bench"), .key = belay_str_c(key),
                               .correlationid = belay_str(id, 32), .datacontenttype = BELAY_STR("application/json"),
                               .time = bench_now(), .body = belay_str(body, sizeof body - 1) };
    int status = belay_broker_publish(b->broker, BELAY_STR("in"), &m, bench_now(), NULL, &err);
    if (status == BELAY_BUSY)
        return false;
    bench_check(status, &err);
    b->published_at[b->published] = since(b);
    b->healthy += !is_failing(b, b->published++);
    return true;
}

static void publish_some(struct bench *b)
{
    uint64_t until = b->messages;
    if (b->rate > 0 && (double)since(b) * b->rate / 1e6 < (double)until)
        until = (uint64_t)((double)since(b) * b->rate / 1e6);
    for (int i = 0; i < BATCH && b->published < until && b->healthy - b->answered < AHEAD && publish_one(b); i++)
        ;
}

static void on_call(void *arg, const struct belay_call_request *request)
{
    struct bench *b = arg;
    char hex[33];
    if (b->call_count == CALLS_MAX || request->correlationid.n != 32)
        abort();
    snprintf(hex, sizeof hex, "%.32s", request->correlationid.p);
    b->calls[b->call_count++] = (struct call){ .id = request->id, .number = strtoull(hex, NULL, 16) };
}

static void outcome(struct bench *b, const struct call *c, bool ok, bool timeout)
{
    struct belay_call_outcome o = { .id = c->id, .ok = ok, .status = ok ? 200 : timeout ? 0 : 503,
                                    .endpoint = BELAY_STR("PUT http://127.0.0.1:9/do") };
    if (!ok) {
        o.class_ = timeout ? BELAY_CLASS_UNKNOWN_OUTCOME : BELAY_CLASS_TRANSIENT;
        o.type = timeout ? BELAY_STR("HTTP:TIMEOUT") : BELAY_STR("HTTP:SERVER_ERROR");
        o.description = timeout ? BELAY_STR("no answer within 500 ms") : BELAY_STR("503 Service Unavailable");
        b->failed++;
    }
    belay_engine_outcome(b->engine.engine, &o, bench_now());
}

static void answer_healthy(struct bench *b, const struct call *c)
{
    uint32_t cell = (since(b) - b->published_at[c->number]) / 10;
    b->cells[cell < CELLS ? cell : CELLS - 1]++;
    b->answered++;
    b->hot_answered += b->hot && c->number < b->hot;
    outcome(b, c, true, false);
}

static void answer_calls(struct bench *b)
{
    belay_time now = belay_clock_monotonic(belay_clock_posix());
    uint32_t count = b->call_count;
    for (uint32_t i = 0; i < count; i++) {
        struct call *c = &b->calls[i];
        if (!is_failing(b, c->number)) {
            answer_healthy(b, c);
        } else if (b->fail == FAIL_ERRORS) {
            outcome(b, c, false, false);
        } else {
            c->at = now + TIMEOUT_US;
            if (b->hang_count == CALLS_MAX)
                abort();
            b->hanging[(b->hang_first + b->hang_count++) & (CALLS_MAX - 1)] = *c;
        }
    }
    b->call_count = 0;
    for (; b->hang_count && b->hanging[b->hang_first].at <= now; b->hang_count--) {
        outcome(b, &b->hanging[b->hang_first], false, true);
        b->hang_first = (b->hang_first + 1) & (CALLS_MAX - 1);
    }
}

static double quantile_ms(const struct bench *b, double share)
{
    uint64_t seen = 0, wanted = (uint64_t)(share * (double)b->answered);
    for (uint32_t i = 0; i < CELLS; i++)
        if ((seen += b->cells[i]) > wanted)
            return i / 100.0;
    return CELLS / 100.0;
}

static void run(struct bench *b)
{
    struct belay_random random = { .state = 7 };
    for (uint64_t i = 0; i < b->messages; i++)
        b->key_of[i] = (uint32_t)belay_random_below(&random, b->keys);
    uint64_t cpu = bench_cpu_us();
    b->engine.on_call = on_call;
    b->engine.arg = b;
    b->began = belay_clock_monotonic(belay_clock_posix());
    while (b->published < b->messages || b->answered < b->healthy) {
        uint64_t before = b->published;
        publish_some(b);
        bench_engine_turn(&b->engine, b->rate > 0 || b->published == before); /* nothing to do is no work */
        answer_calls(b);
    }
    double seconds = since(b) / 1e6;
    struct belay_subscription_stats s;
    if (!belay_broker_subscription_stats(b->broker, 0, &s))
        exit(1);
    printf("{\"healthy\":%llu,\"seconds\":%.2f,\"per_second\":%.0f,\"cpu_us\":%.2f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,"
           "\"failed_calls\":%llu,\"waiting\":%llu,\"held\":%llu,\"parked\":%llu,\"lost\":%llu}\n",
           (unsigned long long)b->answered, seconds, (double)b->answered / seconds,
           (double)(bench_cpu_us() - cpu) / (double)b->answered, quantile_ms(b, 0.5), quantile_ms(b, 0.99),
           (unsigned long long)b->failed, (unsigned long long)s.waiting, (unsigned long long)s.held,
           (unsigned long long)s.parked, (unsigned long long)s.lost);
    fflush(stdout);
}

/* How long the others take that lie behind a million messages of one key. */
static void run_hot(struct bench *b)
{
    struct belay_random random = { .state = 7 };
    struct belay_err err;
    struct belay_subscription *sub = belay_broker_find(b->broker, BELAY_STR("calling"));
    struct belay_store *store = belay_engine_store(b->engine.engine);
    b->messages += b->hot;
    for (uint64_t i = 0; i < b->messages; i++)
        b->key_of[i] = i < b->hot ? (uint32_t)b->keys : (uint32_t)belay_random_below(&random, b->keys);
    b->engine.on_call = on_call;
    b->engine.arg = b;
    b->began = belay_clock_monotonic(belay_clock_posix());
    bench_check(belay_broker_pause(b->broker, sub, BELAY_STR("bench"), &err), &err);
    while (b->published < b->messages || belay_store_durable(store) < belay_store_position(store)) {
        for (int i = 0; i < BATCH && b->published < b->messages && publish_one(b); i++)
            ;
        bench_engine_turn(&b->engine, b->published == b->messages);
    }
    bench_check(belay_broker_resume(b->broker, sub, &err), &err);
    uint32_t began = since(b);
    uint64_t others = b->messages - b->hot;
    double memory = 0;
    while (b->answered - b->hot_answered < others && since(b) - began < 120000000) {
        bench_engine_turn(&b->engine, true);
        answer_calls(b);
        double mb = bench_memory_mb();
        memory = mb > memory ? mb : memory;
    }
    printf("{\"others\":%llu,\"of\":%llu,\"seconds\":%.2f,\"hot_handled\":%llu,\"memory_mb\":%.1f}\n",
           (unsigned long long)(b->answered - b->hot_answered), (unsigned long long)others,
           (since(b) - began) / 1e6, (unsigned long long)b->hot_answered, memory);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct bench b = { .keys = 1000000, .messages = 1000000 };
    const char *data = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--data") == 0)
            data = value;
        else if (strcmp(argv[i], "--keys") == 0)
            b.keys = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--messages") == 0)
            b.messages = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--hot") == 0)
            b.hot = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--rate") == 0)
            b.rate = atof(value);
        else if (strcmp(argv[i], "--fail") == 0)
            b.fail = value[0] == 'e' ? FAIL_ERRORS : value[0] == 't' ? FAIL_TIMEOUTS : FAIL_NONE;
    }
    b.key_of = calloc(b.messages + b.hot, sizeof *b.key_of);             /* allow: calloc - a bench's own */
    b.published_at = calloc(b.messages + b.hot, sizeof *b.published_at); /* allow: calloc - a bench's own */
    if (!data || !b.key_of || !b.published_at) {
        fprintf(stderr, "lanes --data DIR [--keys N] [--messages M] [--fail none|errors|timeouts] [--rate R]\n");
        return 2;
    }
    bench_engine_open(&b.engine, data, yaml);
    b.broker = belay_engine_broker(b.engine.engine);
    if (b.hot)
        run_hot(&b);
    else
        run(&b);
    _exit(0); /* what still waits is not waited for */
}
