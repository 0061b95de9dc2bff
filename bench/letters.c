/* letters.c - makes a store with many dead letters, for `bench/run letters` to look at through the real binary.
 *
 *   letters --data DIR --yaml FILE --letters N
 *
 * Each letter has a key of its own and is of one of 100 groups; the flow that makes them is written to FILE. Prints one
 * JSON object: what a letter cost, and the most memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/stats.h"
#include "engine_bench.h"

static const char yaml[] = "belay: 1\n"
                           "name: bench-letters\n"
                           "topics:\n"
                           "  in: {}\n"
                           "flows:\n"
                           "  work:\n"
                           "    from: { topic: in }\n"
                           "    lanes: { concurrency: 256, on_exhausted: skip }\n"
                           "    steps:\n"
                           "      - dead_letter: { reason: \"{% 'no way to ' & place %}\" }\n";

#define BATCH 128
#define GROUPS 100

struct bench {
    struct bench_engine engine;
    struct belay_broker *broker;
    uint64_t letters, published;
    double memory_mb;
};

static bool publish_one(struct bench *b)
{
    struct belay_err err;
    unsigned long long n = b->published;
    char id[33], key[24], body[160];
    unsigned group = (unsigned)(n % GROUPS);
    snprintf(id, sizeof id, "%032llx", n);
    snprintf(key, sizeof key, "o-%012llu", n);
    int length = snprintf(body, sizeof body, "{\"order_id\":\"%s\",\"place\":\"%c%c\",\"total\":%llu,\"note\":\"%060d\"}", key,
                          (char)('a' + group / 10), (char)('a' + group % 10), n % 1000, 0);
    struct belay_message m = { .id = belay_str(id, 32), .source = BELAY_STR("/bench"), .key = belay_str_c(key),
                               .correlationid = belay_str(id, 32), .datacontenttype = BELAY_STR("application/json"),
                               .time = bench_now(), .body = belay_str(body, (size_t)length) };
    int status = belay_broker_publish(b->broker, BELAY_STR("in"), &m, bench_now(), NULL, &err);
    if (status == BELAY_BUSY)
        return false;
    bench_check(status, &err);
    b->published++;
    return true;
}

static uint64_t dead(struct bench *b)
{
    struct belay_subscription_stats s;
    return belay_broker_subscription_stats(b->broker, 0, &s) ? s.dead : 0;
}

static bool durable(struct bench *b)
{
    struct belay_store *s = belay_engine_store(b->engine.engine);
    return belay_store_durable(s) >= belay_store_position(s);
}

static void fill(struct bench *b)
{
    for (uint32_t turns = 0; dead(b) < b->letters || !durable(b); turns++) {
        for (int i = 0; i < BATCH && b->published < b->letters && publish_one(b); i++)
            ;
        bench_engine_turn(&b->engine, b->published == b->letters);
        double mb = turns % 256 ? 0 : bench_memory_mb();
        if (mb > b->memory_mb)
            b->memory_mb = mb;
    }
}

int main(int argc, char **argv)
{
    static struct bench b;
    const char *data = NULL, *file = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--data") == 0)
            data = argv[i + 1];
        else if (strcmp(argv[i], "--yaml") == 0)
            file = argv[i + 1];
        else if (strcmp(argv[i], "--letters") == 0)
            b.letters = strtoull(argv[i + 1], NULL, 10);
    }
    FILE *out = file ? fopen(file, "w") : NULL;
    if (!data || !b.letters || !out) {
        fprintf(stderr, "usage: letters --data DIR --yaml FILE --letters N\n");
        return 64;
    }
    fputs(yaml, out);
    fclose(out);
    bench_engine_open(&b.engine, data, yaml);
    b.broker = belay_engine_broker(b.engine.engine);
    uint64_t cpu = bench_cpu_us();
    fill(&b);
    printf("{\"letters\":%llu,\"cpu_us\":%.2f,\"memory_mb\":%.1f}\n", (unsigned long long)b.letters,
           (double)(bench_cpu_us() - cpu) / (double)b.letters, b.memory_mb);
    fflush(stdout);
    _exit(0); /* as if it were killed */
}
