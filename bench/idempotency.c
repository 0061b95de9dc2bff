/* idempotency.c - what an accepted request costs under its key, in an empty store and among many keys; and what it costs
 * when they expire.
 *
 *   idempotency --data DIR [--keys N] [--requests N]
 *   idempotency --data DIR --keys N --fill-hours-ago H     only fills: a store for the program itself
 *
 * A request here is what the broker does for one: its key is looked for, its message published, its answer kept, all in
 * one commit with the others of the step; no flow and no HTTP, so keys weigh more than in life.  Keys are random, as
 * clients make them.  Prints one JSON object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "broker/idempotency.h"
#include "broker/publish.h"
#include "engine_bench.h"

static const char yaml[] = "belay: 1\n"
                           "name: bench-idempotency\n"
                           "topics:\n"
                           "  in: { retain: 1s }\n";

#define WINDOW_MS (24 * 3600 * 1000ull)
#define BATCH 128
#define HOUR_US (3600ll * BELAY_US_PER_S)

struct bench {
    struct bench_engine engine;
    struct belay_broker *broker;
    uint64_t next;        /* key */
    uint64_t accepted;
    uint64_t stall_us;    /* longest time in which nothing was accepted */
    belay_time last_at;
};

static void key_of(uint64_t n, char key[37])
{
    struct belay_hash128 h = belay_hash128(belay_str((const char *)&n, sizeof n));
    belay_hash128_hex(h, key);
}

/* False: no room now. */
static bool accept_one(struct bench *b, bool publish)
{
    static const char answer[] = "{\"order_id\":\"o-000000000000\",\"status\":\"accepted\"} content-type location etc.";
    static const char body[200] = "{\"order_id\":\"o\"}";
    struct belay_err err;
    struct belay_idempotency idem;
    char key[37];
    key_of(b->next, key);
    struct belay_str k = belay_str(key, 32), scope = BELAY_STR("storefront/placeOrder");
    belay_time now = bench_now();
    belay_broker_idempotency_get(b->broker, scope, k, &idem);
    if (idem.state != BELAY_IDEMPOTENCY_NONE)
        abort();
    int status = belay_broker_begin(b->broker, 1024, 4, NULL, false, &err);
    if (status == BELAY_BUSY)
        return false;
    bench_check(status, &err);
    if (publish) {
        struct belay_message m = { .id = k, .source = BELAY_STR("/bench"), .key = k, .correlationid = k,
                                   .datacontenttype = BELAY_STR("application/json"), .time = now,
                                   .body = belay_str(body, sizeof body) };
        bench_check(belay_broker_publish(b->broker, BELAY_STR("in"), &m, now, NULL, &err), &err);
    }
    bench_check(belay_broker_idempotency_done(b->broker, scope, k, (struct belay_hash128){ b->next, 1 },
                                              belay_str_c(answer), WINDOW_MS, now, &err), &err);
    b->next++;
    b->accepted++;
    belay_time at = belay_clock_monotonic(belay_clock_posix());
    if (b->last_at && (uint64_t)(at - b->last_at) > b->stall_us)
        b->stall_us = (uint64_t)(at - b->last_at);
    b->last_at = at;
    return true;
}

struct figures {
    double per_s, cpu_us, step_ms, stall_ms;
};

static struct figures accept_many(struct bench *b, uint64_t count, bool publish)
{
    uint64_t until = b->next + count, cpu = bench_cpu_us();
    belay_time began = belay_clock_monotonic(belay_clock_posix());
    b->engine.step_own_us_worst = 0;
    b->stall_us = 0;
    b->last_at = 0;
    while (b->next < until) {
        bool full = false;
        for (int i = 0; i < BATCH && b->next < until && !full; i++)
            full = !accept_one(b, publish);
        bench_engine_turn(&b->engine, full);
    }
    double s = (double)(belay_clock_monotonic(belay_clock_posix()) - began) / BELAY_US_PER_S;
    return (struct figures){ (double)count / s, (double)(bench_cpu_us() - cpu) / (double)count,
                             (double)b->engine.step_own_us_worst / 1000, (double)b->stall_us / 1000 };
}

static void print(const char *name, struct figures f)
{
    printf("\"%s\":{\"per_s\":%.0f,\"cpu_us\":%.2f,\"step_ms_worst\":%.2f,\"stall_ms\":%.1f},", name, f.per_s, f.cpu_us,
           f.step_ms, f.stall_ms);
    fflush(stdout);
}

static uint64_t number(const char *text)
{
    return strtoull(text, NULL, 10);
}

static void fill(struct bench *b, uint64_t keys)
{
    printf("{");
    print("filling", accept_many(b, keys, false));
    printf("\"memory_mb\":%.1f}\n", bench_memory_mb());
}

static void measure(struct bench *b, uint64_t keys, uint64_t requests)
{
    printf("{\"keys\":%llu,", (unsigned long long)keys);
    (void)accept_many(b, requests / 10, true); /* warm */
    print("empty", accept_many(b, requests, true));
    print("filling", accept_many(b, keys, false));
    print("full", accept_many(b, requests, true));
    printf("\"memory_mb\":%.1f,", bench_memory_mb());
    bench_skew_us += 30 * HOUR_US; /* all of them have expired: whole buckets go */
    print("expiring", accept_many(b, requests, true));
    print("after", accept_many(b, requests, true));
    printf("\"memory_mb_after\":%.1f}\n", bench_memory_mb());
}

int main(int argc, char **argv)
{
    static struct bench b;
    const char *data = NULL, *fill_hours_ago = NULL;
    uint64_t keys = 10000000, requests = 200000;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--data") == 0)
            data = argv[i + 1];
        else if (strcmp(argv[i], "--keys") == 0)
            keys = number(argv[i + 1]);
        else if (strcmp(argv[i], "--requests") == 0)
            requests = number(argv[i + 1]);
        else if (strcmp(argv[i], "--fill-hours-ago") == 0)
            fill_hours_ago = argv[i + 1];
    }
    if (!data) {
        fprintf(stderr, "usage: idempotency --data DIR [--keys N] [--requests N | --fill-hours-ago H]\n");
        return 64;
    }
    if (fill_hours_ago)
        bench_skew_us = -(belay_time)number(fill_hours_ago) * HOUR_US;
    bench_engine_open(&b.engine, data, yaml);
    b.broker = belay_engine_broker(b.engine.engine);
    if (fill_hours_ago)
        fill(&b, keys);
    else
        measure(&b, keys, requests);
    bench_engine_close(&b.engine);
    return 0;
}
