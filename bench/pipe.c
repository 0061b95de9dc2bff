/* pipe.c - topic -> map -> topic, 1 KiB, durable: messages a second of one engine.
 *
 *   pipe --data DIR [--messages N] [--backlog]
 *
 * live: messages are published as fast as they are handled, so each is appended, handled, acknowledged and its
 * result appended.  --backlog: all of them lie on the disk before the flow begins.  Prints one JSON object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/stats.h"
#include "engine_bench.h"

static const char yaml[] = "belay: 1\n"
                           "name: bench-pipe\n"
                           "topics:\n"
                           "  in: {}\n"
                           "  out: { retain: 1h }\n"
                           "flows:\n"
                           "  pipe:\n"
                           "    from: { topic: in }\n"
                           "    lanes: { concurrency: 256 }\n"
                           "    steps:\n"
                           "      - map: \"{% { 'id': order_id, 'lines': items.{ 'sku': sku, 'qty': qty }, "
                           "'total': $sum(items.(qty * price)) } %}\"\n"
                           "      - publish: { topic: out, key: \"{% id %}\" }\n";

#define BODY_BYTES 1024
#define AHEAD 2048 /* published and not yet handled, live */
#define BATCH 256

struct bench {
    struct bench_engine engine;
    struct belay_broker *broker;
    char body[BODY_BYTES + 1];
    uint64_t published;
};

#define BODY_DIGITS 15 /* where the number is in it */
#define DIGITS 12

/* The bench's own work is not to be measured: only the digits change. */
static void put_digits(char *to, uint64_t number)
{
    for (int i = DIGITS; i-- > 0; number /= 10)
        to[i] = (char)('0' + number % 10);
}

/* An order of BODY_BYTES. */
static void make_body(struct bench *b)
{
    int n = snprintf(b->body, sizeof b->body,
                     "{\"order_id\":\"o-%012llu\",\"customer\":{\"id\":\"c-17\",\"name\":\"Ada Lovelace\"},"
                     "\"items\":[{\"sku\":\"ROPE-60\",\"qty\":1,\"price\":149.9},{\"sku\":\"CARABINER\",\"qty\":6,"
                     "\"price\":8.5},{\"sku\":\"CHALK\",\"qty\":2,\"price\":4.95}],\"total\":210.8,\"note\":\"",
                     0ull);
    memset(b->body + n, 'x', (size_t)(BODY_BYTES - n - 2));
    memcpy(b->body + BODY_BYTES - 2, "\"}", 3);
}

static bool publish_one(struct bench *b)
{
    struct belay_err err;
    char id[] = "00000000000000000000000000000000", key[] = "o-000000000000";
    put_digits(b->body + BODY_DIGITS, b->published);
    put_digits(id + 32 - DIGITS, b->published);
    put_digits(key + 2, b->published);
    struct belay_message m = { .id = belay_str(id, 32), .source = BELAY_STR("/bench"),
                               .key = belay_str_c(key), .correlationid = belay_str(id, 32),
                               .datacontenttype = BELAY_STR("application/json"), .time = bench_now(),
                               .body = belay_str(b->body, BODY_BYTES) };
    int status = belay_broker_publish(b->broker, BELAY_STR("in"), &m, bench_now(), NULL, &err);
    if (status == BELAY_BUSY)
        return false;
    bench_check(status, &err);
    b->published++;
    return true;
}

static uint64_t handled(struct bench *b)
{
    struct belay_subscription_stats s;
    for (uint32_t i = 0; belay_broker_subscription_stats(b->broker, i, &s); i++)
        if (belay_str_eq(s.name, BELAY_STR("pipe")))
            return s.done;
    return 0;
}

static void publish_some(struct bench *b, uint64_t until)
{
    for (int i = 0; i < BATCH && b->published < until && publish_one(b); i++)
        ;
}

static bool durable(struct bench *b)
{
    struct belay_store *s = belay_engine_store(b->engine.engine);
    return belay_store_durable(s) >= belay_store_position(s);
}

static void fill_backlog(struct bench *b, uint64_t messages)
{
    struct belay_err err;
    struct belay_subscription *sub = belay_broker_find(b->broker, BELAY_STR("pipe"));
    bench_check(belay_broker_pause(b->broker, sub, BELAY_STR("bench"), &err), &err);
    while (b->published < messages || !durable(b)) {
        publish_some(b, messages);
        bench_engine_turn(&b->engine, b->published == messages);
    }
    bench_check(belay_broker_resume(b->broker, sub, &err), &err);
}

int main(int argc, char **argv)
{
    static struct bench b;
    const char *data = NULL;
    uint64_t messages = 500000;
    bool backlog = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--backlog") == 0)
            backlog = true;
        else if (i + 1 < argc && strcmp(argv[i], "--data") == 0)
            data = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--messages") == 0)
            messages = strtoull(argv[++i], NULL, 10);
    }
    if (!data) {
        fprintf(stderr, "usage: pipe --data DIR [--messages N] [--backlog]\n");
        return 64;
    }
    make_body(&b);
    bench_engine_open(&b.engine, data, yaml);
    b.broker = belay_engine_broker(b.engine.engine);
    if (backlog)
        fill_backlog(&b, messages);
    uint64_t cpu = bench_cpu_us(), done;
    b.engine.step_us_worst = b.engine.step_own_us_worst = b.engine.step_cpu_us_worst = 0;
    belay_time began = belay_clock_monotonic(belay_clock_posix());
    while ((done = handled(&b)) < messages || !durable(&b)) {
        if (b.published < messages && b.published - done < AHEAD)
            publish_some(&b, messages);
        bench_engine_turn(&b.engine, true);
    }
    double seconds = (double)(belay_clock_monotonic(belay_clock_posix()) - began) / 1e6;
    printf("{\"messages\":%llu,\"seconds\":%.3f,\"per_second\":%.0f,\"cpu_us\":%.3f,\"step_us_worst\":%llu,"
           "\"step_own_us_worst\":%llu,\"step_cpu_us_worst\":%llu}\n",
           (unsigned long long)messages, seconds, (double)messages / seconds,
           (double)(bench_cpu_us() - cpu) / (double)messages, (unsigned long long)b.engine.step_us_worst,
           (unsigned long long)b.engine.step_own_us_worst, (unsigned long long)b.engine.step_cpu_us_worst);
    bench_engine_close(&b.engine);
    return 0;
}
