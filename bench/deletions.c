/* deletions.c - what much that goes at once costs those who publish meanwhile: a stream's messages that are too old, a
 * queue's that were acknowledged, letters that are discarded.
 *
 *   deletions --data DIR [--messages N] [--letters N]
 *
 * One message is published each turn while it goes, into a topic of its own. Of each kind: the worst step that nobody
 * interrupted, the longest time in which nothing could be published, and how long it took until all was gone. Prints one
 * JSON object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/letter.h"
#include "broker/stats.h"
#include "engine_bench.h"

static const char yaml[] = "belay: 1\n"
                           "name: bench-deletions\n"
                           "topics:\n"
                           "  live: { retain: 1s }\n"
                           "  old: { retain: 1h }\n"
                           "  bad: {}\n"
                           "queues:\n"
                           "  work: {}\n"
                           "flows:\n"
                           "  take:\n"
                           "    from: { queue: work }\n"
                           "    lanes: { concurrency: 256 }\n"
                           "    steps: [ { log: taken } ]\n"
                           "  fail:\n"
                           "    from: { topic: bad }\n"
                           "    lanes: { concurrency: 256, on_exhausted: skip }\n"
                           "    steps:\n"
                           "      - dead_letter: { reason: 'no way' }\n";

#define BATCH 128
#define DISCARDS 50 /* of a turn: what one page of the admin API takes */
#define HOUR_US (3600ll * BELAY_US_PER_S)
#define STILL_US (4 * BELAY_US_PER_S) /* retention looks about once a second */

struct bench {
    struct bench_engine engine;
    struct belay_broker *broker;
    uint64_t stall_us;
    belay_time last_at;
};

static bool publish(struct bench *b, const char *topic, uint64_t n)
{
    struct belay_err err;
    char id[33], key[24];
    static const char body[200] = "{\"order_id\":\"o\"}";
    snprintf(id, sizeof id, "%032llx", (unsigned long long)n);
    snprintf(key, sizeof key, "o-%012llu", (unsigned long long)n);
    struct belay_message m = { .id = belay_str(id, 32), .source = BELAY_STR("/bench"), .key = belay_str_c(key),
                               .correlationid = belay_str(id, 32), .datacontenttype = BELAY_STR("application/json"),
                               .time = bench_now(), .body = belay_str(body, sizeof body) };
    int status = belay_broker_publish(b->broker, belay_str_c(topic), &m, bench_now(), NULL, &err);
    if (status != BELAY_BUSY)
        bench_check(status, &err);
    return status == BELAY_OK;
}

/* One turn of somebody who publishes while it goes. */
static void live(struct bench *b)
{
    static uint64_t n;
    if (publish(b, "live", ++n)) {
        belay_time at = belay_clock_monotonic(belay_clock_posix());
        if (b->last_at && (uint64_t)(at - b->last_at) > b->stall_us)
            b->stall_us = (uint64_t)(at - b->last_at);
        b->last_at = at;
    }
    bench_engine_turn(&b->engine, false);
}

static void fill(struct bench *b, const char *topic, uint64_t count)
{
    for (uint64_t n = 0; n < count;) {
        bool full = false;
        for (int i = 0; i < BATCH && n < count && !full; i++) {
            full = !publish(b, topic, n);
            n += !full;
        }
        bench_engine_turn(&b->engine, full);
    }
}

static belay_time begin(struct bench *b)
{
    b->engine.step_us_worst = b->engine.step_own_us_worst = b->engine.step_cpu_us_worst = 0;
    b->stall_us = 0;
    b->last_at = 0;
    return belay_clock_monotonic(belay_clock_posix());
}

static void print(struct bench *b, const char *name, belay_time began)
{
    double s = (double)(belay_clock_monotonic(belay_clock_posix()) - began) / BELAY_US_PER_S;
    printf("\"%s\":{\"step_us_worst\":%llu,\"step_own_us_worst\":%llu,\"step_cpu_us_worst\":%llu,\"stall_ms\":%.1f,"
           "\"seconds\":%.2f},",
           name, (unsigned long long)b->engine.step_us_worst, (unsigned long long)b->engine.step_own_us_worst,
           (unsigned long long)b->engine.step_cpu_us_worst, (double)b->stall_us / 1000, s);
    fflush(stdout);
}

/* In the archive and in segments that hold something. */
static uint64_t bytes_kept(struct bench *b)
{
    struct belay_store_stats s;
    belay_store_stats(belay_engine_store(b->engine.engine), &s);
    return s.archive_bytes + s.journal_bytes;
}

/* All of it becomes too old at one moment. */
static void age(struct bench *b, uint64_t messages)
{
    fill(b, "old", messages);
    belay_time began = begin(b);
    bench_skew_us += 2 * HOUR_US;
    uint64_t least = bytes_kept(b), before = least;
    for (belay_time at = began; belay_clock_monotonic(belay_clock_posix()) - at < STILL_US;) { /* until nothing more goes */
        live(b);
        uint64_t now = bytes_kept(b);
        if (now < least)
            at = belay_clock_monotonic(belay_clock_posix());
        least = now < least ? now : least;
    }
    print(b, "age", began);
    printf("\"aged_bytes\":%llu,", (unsigned long long)(before - least));
}

static struct belay_subscription_stats stats_of(struct bench *b, const char *flow)
{
    struct belay_subscription_stats s = { 0 };
    for (uint32_t i = 0; belay_broker_subscription_stats(b->broker, i, &s); i++)
        if (belay_str_eq(s.name, belay_str_c(flow)))
            return s;
    exit(1);
}

static void acknowledge(struct bench *b, uint64_t messages)
{
    belay_time began = begin(b);
    for (uint64_t n = 0; n < messages || stats_of(b, "take").backlog > 0;) {
        for (int i = 0; i < BATCH && n < messages && publish(b, "work", n); i++)
            n++;
        live(b);
    }
    print(b, "acknowledged", began);
}

static void discard(struct bench *b, uint64_t letters)
{
    fill(b, "bad", letters);
    while (stats_of(b, "fail").dead < letters)
        bench_engine_turn(&b->engine, true);
    struct belay_subscription *sub = belay_broker_find(b->broker, BELAY_STR("fail"));
    struct belay_err err;
    belay_time began = begin(b);
    for (uint64_t sequence = 1; stats_of(b, "fail").dead > 0;) {
        for (int i = 0; i < DISCARDS && sequence <= letters; i++) {
            int status = belay_broker_letter_discard(b->broker, sub, sequence, BELAY_STR("bench"), BELAY_STR("bench"), bench_now(), &err);
            if (status == BELAY_BUSY)
                break;
            bench_check(status, &err);
            sequence++;
        }
        live(b);
    }
    print(b, "discarded", began);
}

int main(int argc, char **argv)
{
    static struct bench b;
    const char *data = NULL;
    uint64_t messages = 1000000, letters = 1000000;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--data") == 0)
            data = argv[i + 1];
        else if (strcmp(argv[i], "--messages") == 0)
            messages = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--letters") == 0)
            letters = strtoull(argv[i + 1], NULL, 10);
    }
    if (!data) {
        fprintf(stderr, "usage: deletions --data DIR [--messages N] [--letters N]\n");
        return 64;
    }
    bench_engine_open(&b.engine, data, yaml);
    b.broker = belay_engine_broker(b.engine.engine);
    printf("{\"messages\":%llu,\"letters\":%llu,", (unsigned long long)messages, (unsigned long long)letters);
    discard(&b, letters);
    acknowledge(&b, messages);
    age(&b, messages);
    printf("\"memory_mb\":%.1f}\n", bench_memory_mb());
    bench_engine_close(&b.engine);
    return 0;
}
