/* backlog.c - what lies in the store costs no memory and no time: one engine with many messages queued, or waiting.
 *
 *   backlog --data DIR --fill N [--bytes B]   N messages of a paused flow; ends without a word to the store
 *   backlog --data DIR --open [--drain N]     recovers that, and handles N of them
 *   backlog --data DIR --retry N [--in-order] N messages whose call failed, due over a minute (--over S: seconds); all
 *                                             called again
 *
 * Each prints one JSON object.  Memory is RssAnon + RssShmem, the most that was seen.  A step is an engine step. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/pack.h"
#include "broker/stats.h"
#include "engine_bench.h"
#include "store/store.h"

static const char yaml[] =
    "belay: 1\n"
    "name: bench-backlog\n"
    "connections:\n"
    "  nowhere: { http: { base_url: \"http://127.0.0.1:9\" }, concurrency: 512, timeout: 30s,\n"
    "             breaker: false, retry_budget: { share: 0, concurrency: 1 }, idempotency: { header: Idempotency-Key } }\n"
    "topics:\n"
    "  in: {}\n"
    "  failing: {}\n"
    "flows:\n"
    "  quick:\n"
    "    from: { topic: in }\n"
    "    lanes: { concurrency: 256 }\n"
    "    steps:\n"
    "      - set: { n: 1 }\n"
    "  calling:\n"
    "    from: { topic: failing }\n"
    "    lanes: { concurrency: 512 }\n"
    "    steps:\n"
    "      - call: { connection: nowhere, method: PUT, path: /do }\n"
    "    retry: { max_attempts: 8, initial: 1ms, max: 1ms, jitter: none }\n";

#define BATCH 128
#define BODY_BYTES_MAX 4096
#define AHEAD 2048            /* published and not tried yet, of those that will fail */
#define STILL_US 60000000     /* nothing moves for so long: it never will */
#define LATE_CELLS 100000     /* of 0.1 ms */
#define CALLS_MAX 4096

struct bench {
    struct bench_engine engine;
    struct belay_broker *broker;
    const char *topic;
    uint64_t messages, published, body_bytes;
    uint64_t over_us; /* over which they are due */
    double memory_mb;
    belay_time looked_at;
    /* waiting for a retry */
    bool in_order, again;
    belay_time due_from;      /* of the first */
    belay_time *due;          /* by number, as the engine recorded it: a mapped file, which is none of its memory */
    struct {
        uint64_t id, number;
    } calls[CALLS_MAX];
    uint32_t call_count;
    uint64_t called_again;
    uint32_t late[LATE_CELLS];
};

static void look_at_memory(struct bench *b, bool now)
{
    belay_time t = belay_clock_monotonic(belay_clock_posix());
    if (!now && t - b->looked_at < 20000)
        return;
    double mb = bench_memory_mb();
    b->looked_at = t;
    if (mb > b->memory_mb)
        b->memory_mb = mb;
}

static void turn(struct bench *b, bool may_sleep)
{
    bench_engine_turn(&b->engine, may_sleep);
    look_at_memory(b, false);
}

static bool publish_one(struct bench *b)
{
    struct belay_err err;
    static char body[BODY_BYTES_MAX];
    char id[33], key[24];
    int n = snprintf(body, sizeof body, "{\"order_id\":\"o-%012llu\",\"note\":\"", (unsigned long long)b->published);
    memset(body + n, 'x', (size_t)b->body_bytes - (size_t)n - 2);
    memcpy(body + b->body_bytes - 2, "\"}", 2);
    snprintf(id, sizeof id, "%032llx", (unsigned long long)b->published);
    snprintf(key, sizeof key, "o-%012llu", (unsigned long long)b->published);
    struct belay_message m = { .id = belay_str(id, 32), .source = BELAY_STR("/bench"), .key = belay_str_c(key),
                               .correlationid = belay_str(id, 32), .datacontenttype = BELAY_STR("application/json"),
                               .time = bench_now(), .body = belay_str(body, b->body_bytes) };
    int status = belay_broker_publish(b->broker, belay_str_c(b->topic), &m, bench_now(), NULL, &err);
    if (status == BELAY_BUSY)
        return false;
    bench_check(status, &err);
    b->published++;
    return true;
}

static void publish_some(struct bench *b, uint64_t until)
{
    for (int i = 0; i < BATCH && b->published < until && publish_one(b); i++)
        ;
}

static struct belay_subscription_stats stats_of(struct bench *b, const char *name)
{
    struct belay_subscription_stats s;
    for (uint32_t i = 0; belay_broker_subscription_stats(b->broker, i, &s); i++)
        if (belay_str_eq(s.name, belay_str_c(name)))
            return s;
    fprintf(stderr, "bench: no subscription %s\n", name);
    exit(1);
}

static bool durable(struct bench *b)
{
    struct belay_store *s = belay_engine_store(b->engine.engine);
    return belay_store_durable(s) >= belay_store_position(s);
}

/* Where there is a backlog already it stays. */
static void open_engine(struct bench *b, const char *data, uint64_t *ret_us)
{
    belay_time began = belay_clock_monotonic(belay_clock_posix());
    bench_engine_open(&b->engine, data, yaml);
    b->broker = belay_engine_broker(b->engine.engine);
    *ret_us = (uint64_t)(belay_clock_monotonic(belay_clock_posix()) - began);
    look_at_memory(b, true);
}

static void pause_quick(struct bench *b, bool pause)
{
    struct belay_err err;
    struct belay_subscription *sub = belay_broker_find(b->broker, BELAY_STR("quick"));
    bench_check(pause ? belay_broker_pause(b->broker, sub, BELAY_STR("bench"), &err)
                      : belay_broker_resume(b->broker, sub, &err), &err);
}

/* ---- queued ---- */

static void fill(struct bench *b)
{
    belay_time began = belay_clock_monotonic(belay_clock_posix());
    b->topic = "in";
    pause_quick(b, true);
    while (b->published < b->messages || !durable(b)) {
        publish_some(b, b->messages);
        turn(b, b->published == b->messages);
    }
    double seconds = (double)(belay_clock_monotonic(belay_clock_posix()) - began) / 1e6;
    printf("{\"messages\":%llu,\"seconds\":%.3f,\"memory_mb\":%.1f,\"step_us_worst\":%llu,\"step_own_us_worst\":%llu,\"step_cpu_us_worst\":%llu}\n",
           (unsigned long long)b->messages, seconds, b->memory_mb, (unsigned long long)b->engine.step_us_worst,
           (unsigned long long)b->engine.step_own_us_worst, (unsigned long long)b->engine.step_cpu_us_worst);
}

static void drain(struct bench *b, uint64_t open_us)
{
    double memory_open = b->memory_mb;
    belay_time began = belay_clock_monotonic(belay_clock_posix());
    struct belay_subscription_stats s = stats_of(b, "quick");
    uint64_t backlog = s.backlog, until = s.done + (b->messages < backlog ? b->messages : backlog);
    pause_quick(b, false);
    while (stats_of(b, "quick").done < until || !durable(b))
        turn(b, true);
    double seconds = (double)(belay_clock_monotonic(belay_clock_posix()) - began) / 1e6;
    printf("{\"backlog\":%llu,\"open_ms\":%.1f,\"memory_open_mb\":%.1f,\"drained_seconds\":%.3f,\"memory_mb\":%.1f,"
           "\"step_us_worst\":%llu,\"step_own_us_worst\":%llu,\"step_cpu_us_worst\":%llu}\n", (unsigned long long)backlog, (double)open_us / 1e3, memory_open, seconds,
           b->memory_mb, (unsigned long long)b->engine.step_us_worst,
           (unsigned long long)b->engine.step_own_us_worst, (unsigned long long)b->engine.step_cpu_us_worst);
}

/* ---- waiting ---- */

/* A permutation where the order is not kept: what is due next lies anywhere in the log. */
static belay_time due_of(const struct bench *b, uint64_t number)
{
    uint64_t place = b->in_order ? number : (number * 7368787u) % b->messages; /* a prime */
    return b->due_from + (belay_time)(place * b->over_us / b->messages);
}

static void on_call(void *arg, const struct belay_call_request *request)
{
    struct bench *b = arg;
    char hex[33];
    if (b->call_count == CALLS_MAX || request->correlationid.n != 32)
        abort();
    snprintf(hex, sizeof hex, "%.32s", request->correlationid.p);
    uint64_t number = strtoull(hex, NULL, 16);
    b->calls[b->call_count].id = request->id;
    b->calls[b->call_count++].number = number;
    if (!b->again)
        return;
    belay_time late = (bench_now() - b->due[number]) / 100;
    b->late[late < 0 ? 0 : late < LATE_CELLS ? late : LATE_CELLS - 1]++;
    b->called_again++;
}

static void answer_calls(struct bench *b)
{
    for (uint32_t i = 0; i < b->call_count; i++) {
        belay_time now = bench_now();
        struct belay_call_outcome o = { .id = b->calls[i].id, .ok = b->again, .status = b->again ? 200 : 503,
                                        .endpoint = BELAY_STR("PUT http://127.0.0.1:9/do") };
        if (!b->again) {
            o.class_ = BELAY_CLASS_TRANSIENT;
            o.type = BELAY_STR("HTTP:SERVER_ERROR");
            o.description = BELAY_STR("503 Service Unavailable");
            o.retry_after_ms = (uint32_t)((due_of(b, b->calls[i].number) - now + 999) / 1000);
        }
        belay_engine_outcome(b->engine.engine, &o, now);
    }
    b->call_count = 0;
}

static double late_ms(const struct bench *b, double share)
{
    uint64_t seen = 0, wanted = (uint64_t)(share * (double)b->called_again);
    for (uint32_t i = 0; i < LATE_CELLS; i++)
        if ((seen += b->late[i]) > wanted)
            return i / 10.0;
    return LATE_CELLS / 10.0;
}

static uint64_t retries(const struct bench *b)
{
    struct belay_engine_stats s;
    belay_engine_stats(b->engine.engine, &s);
    return s.retries;
}

/* A store that stands still is told, not waited for. */
static void expect_progress(uint64_t done)
{
    static uint64_t before;
    static belay_time moved_at;
    belay_time now = bench_now();
    if (done != before || !moved_at) {
        before = done;
        moved_at = now;
    } else if (now - moved_at > STILL_US) {
        fprintf(stderr, "bench: nothing moved for %d s after %llu\n", STILL_US / 1000000, (unsigned long long)done);
        exit(1);
    }
}

/* A failure that had to wait for room was retried later than the answer said. */
static void read_due_times(struct bench *b, const char *data)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/due", data);
    size_t bytes = (b->messages + 1) * sizeof *b->due;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0
        || (b->due = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) == MAP_FAILED) {
        perror("bench: due times");
        exit(1);
    }
    close(fd);
    struct belay_state *state = belay_store_state(belay_engine_store(b->engine.engine));
    struct belay_str prefix = BELAY_STR(""), key, value;
    char at[BELAY_STATE_KEY_BYTES_MAX];
    size_t n = 0;
    uint64_t rows = 0;
    while (belay_state_seek(state, BELAY_TABLE_DUE, belay_str(at, n), n > 0, prefix, &key, &value)) {
        uint64_t number = belay_load_be64(key.p + 12) - 1; /* subscription | due | sequence */
        if (number < b->messages)
            b->due[number] = (belay_time)belay_load_be64(key.p + 4);
        n = key.n;
        memcpy(at, key.p, n);
        rows++;
    }
    if (rows != b->messages) {
        fprintf(stderr, "bench: %llu messages are due\n", (unsigned long long)rows);
        exit(1);
    }
}

static void retry(struct bench *b, const char *data, double per_second)
{
    belay_time began = bench_now();
    b->topic = "failing";
    b->engine.on_call = on_call;
    b->engine.arg = b;
    b->due_from = began + 5000000 + (belay_time)((double)b->messages / per_second * 1e6);
    uint64_t waiting;
    while ((waiting = retries(b)) < b->messages || !durable(b)) {
        if (b->published < b->messages && b->published - waiting < AHEAD)
            publish_some(b, b->messages);
        turn(b, true);
        answer_calls(b);
        expect_progress(b->published + waiting);
    }
    double fill_seconds = (double)(bench_now() - began) / 1e6, fill_mb = b->memory_mb;
    uint64_t fill_worst = b->engine.step_us_worst, fill_own_worst = b->engine.step_own_us_worst;
    uint64_t fill_cpu_worst = b->engine.step_cpu_us_worst;
    if (bench_now() >= b->due_from || stats_of(b, "calling").waiting != b->messages) {
        fprintf(stderr, "bench: it took %.0f s until all were waiting, too long\n", fill_seconds);
        exit(1);
    }
    read_due_times(b, data);
    b->again = true;
    b->engine.step_us_worst = b->engine.step_own_us_worst = b->engine.step_cpu_us_worst = 0;
    uint64_t cpu = bench_cpu_us();
    while (b->called_again < b->messages || stats_of(b, "calling").waiting > 0 || !durable(b)) {
        turn(b, true);
        answer_calls(b);
        expect_progress(b->called_again + (bench_now() < b->due_from ? (uint64_t)bench_now() : 0));
    }
    printf("{\"messages\":%llu,\"fill_seconds\":%.1f,\"fill_memory_mb\":%.1f,\"fill_step_us_worst\":%llu,\"fill_step_own_us_worst\":%llu,\"fill_step_cpu_us_worst\":%llu,"
           "\"seconds\":%.1f,\"p50_ms\":%.1f,\"p99_ms\":%.1f,\"max_ms\":%.1f,\"memory_mb\":%.1f,\"cpu_us\":%.1f,"
           "\"step_us_worst\":%llu,\"step_own_us_worst\":%llu,\"step_cpu_us_worst\":%llu}\n",
           (unsigned long long)b->messages, fill_seconds, fill_mb, (unsigned long long)fill_worst,
           (unsigned long long)fill_own_worst, (unsigned long long)fill_cpu_worst,
           (double)(bench_now() - b->due_from) / 1e6, late_ms(b, 0.5), late_ms(b, 0.99), late_ms(b, 0.999999999),
           b->memory_mb, (double)(bench_cpu_us() - cpu) / (double)b->messages,
           (unsigned long long)b->engine.step_us_worst,
           (unsigned long long)b->engine.step_own_us_worst, (unsigned long long)b->engine.step_cpu_us_worst);
}

int main(int argc, char **argv)
{
    static struct bench b = { .body_bytes = 150, .over_us = 60000000 };
    const char *data = NULL, *what = "";
    double per_second = 20000;
    uint64_t open_us;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "0";
        if (strcmp(argv[i], "--in-order") == 0) {
            b.in_order = true;
            continue;
        }
        if (strcmp(argv[i], "--open") == 0) {
            what = argv[i];
            continue;
        }
        i++;
        if (strcmp(argv[i - 1], "--data") == 0)
            data = value;
        else if (strcmp(argv[i - 1], "--bytes") == 0)
            b.body_bytes = strtoull(value, NULL, 10);
        else if (strcmp(argv[i - 1], "--over") == 0)
            b.over_us = (uint64_t)(atof(value) * 1e6);
        else if (strcmp(argv[i - 1], "--fill-rate") == 0)
            per_second = atof(value);
        else
            b.messages = strtoull(value, NULL, 10);
        if (strcmp(argv[i - 1], "--fill") == 0 || strcmp(argv[i - 1], "--retry") == 0)
            what = argv[i - 1];
    }
    if (!data || !*what || b.body_bytes < 64 || b.body_bytes > BODY_BYTES_MAX) {
        fprintf(stderr, "usage: backlog --data DIR (--fill N | --open [--drain N] | --retry N) [--bytes B]\n");
        return 64;
    }
    open_engine(&b, data, &open_us);
    if (strcmp(what, "--fill") == 0)
        fill(&b);
    else if (strcmp(what, "--open") == 0)
        drain(&b, open_us);
    else
        retry(&b, data, per_second);
    fflush(stdout);
    _exit(0); /* as if it were killed */
}
