/* replay.c - how quickly a job replays letters to a queue, and what it costs.
 *
 *   replay --data DIR --letters N [--bytes B] [--concurrency N] [--any-order 1]
 *
 * First a flow makes N letters, each with a key of its own; then, with a definition that publishes them to a queue, one
 * job replays all.  Prints one JSON object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "broker/replay.h"
#include "broker/stats.h"
#include "engine_bench.h"

#define TOPICS                 \
    "belay: 1\n"               \
    "name: bench-replay\n"     \
    "topics:\n"                \
    "  in: {}\n"               \
    "queues:\n"                \
    "  out: {}\n"              \
    "flows:\n"                 \
    "  work:\n"                \
    "    from: { topic: in }\n" \
    "    lanes: { concurrency: 256, on_exhausted: skip }\n" \
    "    steps:\n"

static const char failing[] = TOPICS "      - dead_letter: { reason: \"no\" }\n";
static const char working[] = TOPICS "      - publish: { queue: out, key: \"{% order_id %}\" }\n";

#define BATCH 128
#define BODY_BYTES_MAX 4096

struct bench {
    struct bench_engine engine;
    struct belay_broker *broker;
    uint64_t letters, published, body_bytes;
    double memory_mb;
    belay_time looked_at;
};

static void turn(struct bench *b, bool may_sleep)
{
    bench_engine_turn(&b->engine, may_sleep);
    belay_time t = belay_clock_monotonic(belay_clock_posix());
    if (t - b->looked_at < 20000)
        return;
    double mb = bench_memory_mb();
    b->looked_at = t;
    if (mb > b->memory_mb)
        b->memory_mb = mb;
}

static bool publish_one(struct bench *b)
{
    struct belay_err err;
    static char body[BODY_BYTES_MAX];
    char id[33], key[24];
    unsigned long long n = b->published;
    int at = snprintf(body, sizeof body, "{\"order_id\":\"o-%012llu\",\"note\":\"", n);
    memset(body + at, 'x', (size_t)b->body_bytes - (size_t)at - 2);
    memcpy(body + b->body_bytes - 2, "\"}", 2);
    snprintf(id, sizeof id, "%032llx", n);
    snprintf(key, sizeof key, "o-%012llu", n);
    struct belay_message m = { .id = belay_str(id, 32), .source = BELAY_STR("/bench"), .key = belay_str_c(key),
                               .correlationid = belay_str(id, 32), .datacontenttype = BELAY_STR("application/json"),
                               .time = bench_now(), .body = belay_str(body, b->body_bytes) };
    int status = belay_broker_publish(b->broker, BELAY_STR("in"), &m, bench_now(), NULL, &err);
    if (status == BELAY_BUSY)
        return false;
    bench_check(status, &err);
    b->published++;
    return true;
}

static struct belay_subscription_stats stats_of_work(struct bench *b)
{
    struct belay_subscription_stats s;
    for (uint32_t i = 0; belay_broker_subscription_stats(b->broker, i, &s); i++)
        if (belay_str_eq(s.name, BELAY_STR("work")))
            return s;
    fprintf(stderr, "bench: no subscription work\n");
    exit(1);
}

static bool durable(struct bench *b)
{
    struct belay_store *s = belay_engine_store(b->engine.engine);
    return belay_store_durable(s) >= belay_store_position(s);
}

static void fill(struct bench *b)
{
    while (stats_of_work(b).dead < b->letters || !durable(b)) {
        for (int i = 0; i < BATCH && b->published < b->letters && publish_one(b); i++)
            ;
        turn(b, b->published == b->letters);
    }
}

/* CPU of the engine's thread, which this is, in microseconds. */
static uint64_t engine_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void replay(struct bench *b, uint32_t concurrency, bool any_order)
{
    const struct belay_replay_opt opt = { .flow = BELAY_STR("work"), .who = BELAY_STR("bench"), .concurrency = concurrency,
                                          .any_order = any_order };
    struct belay_replay job;
    struct belay_err err;
    uint32_t id;
    double fill_mb = b->memory_mb;
    b->memory_mb = 0;
    b->engine.step_us_worst = b->engine.step_own_us_worst = b->engine.step_cpu_us_worst = 0;
    uint64_t cpu = bench_cpu_us(), engine = engine_us();
    belay_time began = belay_clock_monotonic(belay_clock_posix());
    bench_check(belay_replay_start(b->broker, &opt, bench_now(), &id, &err), &err);
    do {
        turn(b, true);
        bench_check(belay_replay_get(b->broker, id, &job, &err), &err);
    } while (job.state != BELAY_REPLAY_DONE || !durable(b));
    double seconds = (double)(belay_clock_monotonic(belay_clock_posix()) - began) / 1e6;
    if (job.done != b->letters || stats_of_work(b).dead) {
        fprintf(stderr, "bench: %llu of %llu letters were replayed\n", (unsigned long long)job.done,
                (unsigned long long)b->letters);
        exit(1);
    }
    printf("{\"letters\":%llu,\"seconds\":%.3f,\"per_second\":%.0f,\"cpu_us\":%.2f,\"engine_us\":%.2f,\"memory_mb\":%.1f,"
           "\"fill_memory_mb\":%.1f,\"step_us_worst\":%llu,\"step_own_us_worst\":%llu,\"step_cpu_us_worst\":%llu}\n",
           (unsigned long long)b->letters, seconds, (double)b->letters / seconds,
           (double)(bench_cpu_us() - cpu) / (double)b->letters,
           (double)(engine_us() - engine) / (double)b->letters, b->memory_mb, fill_mb,
           (unsigned long long)b->engine.step_us_worst, (unsigned long long)b->engine.step_own_us_worst,
           (unsigned long long)b->engine.step_cpu_us_worst);
}

int main(int argc, char **argv)
{
    static struct bench b = { .body_bytes = 150 };
    const char *data = NULL;
    uint32_t concurrency = 0;
    bool any_order = false;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--data") == 0)
            data = argv[i + 1];
        else if (strcmp(argv[i], "--letters") == 0)
            b.letters = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--bytes") == 0)
            b.body_bytes = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--concurrency") == 0)
            concurrency = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--any-order") == 0)
            any_order = atoi(argv[i + 1]);
    }
    if (!data || !b.letters || b.body_bytes < 64 || b.body_bytes > BODY_BYTES_MAX) {
        fprintf(stderr, "usage: replay --data DIR --letters N [--bytes B] [--concurrency N]\n");
        return 64;
    }
    bench_engine_open(&b.engine, data, failing);
    b.broker = belay_engine_broker(b.engine.engine);
    fill(&b);
    bench_engine_configure(&b.engine, working);
    replay(&b, concurrency, any_order);
    fflush(stdout);
    _exit(0); /* as if it were killed */
}
