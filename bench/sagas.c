/* sagas.c - sagas of three HTTP steps against a fast sink, every tenth compensated, so many in flight.
 *
 *   sagas --data DIR --port P [--sagas N] [--in-flight 64] [--rate N]
 *
 * --rate: sagas are started at even times (an open loop); latency counts from the time one was due.
 * Prints one JSON object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/publish.h"
#include "engine_bench.h"

static const char yaml[] =
    "belay: 1\n"
    "name: bench-sagas\n"
    "connections:\n"
    "  sink: { http: { base_url: \"http://127.0.0.1:%s\" }, concurrency: 256, timeout: 10s }\n"
    "topics:\n"
    "  starts: {}\n"
    "sagas:\n"
    "  three:\n"
    "    from: { topic: starts }\n"
    "    id: \"{%% id %%}\"\n"
    "    steps:\n"
    "      - name: a\n"
    "        call: { connection: sink, method: PUT, path: \"/do/{%% id %%}\", body: \"{%% { 'amount': total } %%}\" }\n"
    "        compensate: { call: { connection: sink, method: DELETE, path: \"/do/{%% id %%}\" } }\n"
    "      - name: b\n"
    "        call: { connection: sink, method: PUT, path: \"/do/{%% id %%}\", body: \"{%% { 'amount': total } %%}\" }\n"
    "        compensate: { call: { connection: sink, method: DELETE, path: \"/do/{%% id %%}\" } }\n"
    "      - name: c\n"
    "        call: { connection: sink, method: PUT, path: \"/do/{%% id %%}/{%% how %%}\", body: \"{%% { 'amount': total } %%}\" }\n";


struct bench {
    struct bench_engine engine;
    uint64_t started;
    belay_time began, every_us; /* every_us 0: closed loop */
};

static void start_one(struct bench *b)
{
    struct belay_err err;
    char body[160], id[33];
    uint64_t n = b->started;
    snprintf(id, sizeof id, "%032llx", (unsigned long long)n);
    int length = snprintf(body, sizeof body, "{\"id\":\"s-%llu\",\"total\":210.8,\"how\":\"%s\"}", (unsigned long long)n,
                          n % 10 == 0 ? "no" : "yes");
    struct belay_message m = { .id = belay_str(id, 32), .source = BELAY_STR("/bench"), .correlationid = belay_str(id, 32),
                               .datacontenttype = BELAY_STR("application/json"), .time = bench_now(),
                               .body = belay_str(body, (size_t)length) };
    bench_check(belay_broker_publish(belay_engine_broker(b->engine.engine), BELAY_STR("starts"), &m, bench_now(), NULL,
                                     &err), &err);
    b->started++;
}

static struct belay_saga_stats stats(struct bench *b)
{
    struct belay_saga_stats s = { 0 };
    struct belay_str name;
    (void)belay_sagas_stats(belay_engine_sagas(b->engine.engine), 0, &name, &s);
    return s;
}

static uint64_t ended(struct bench *b)
{
    struct belay_saga_stats s = stats(b);
    return s.completed + s.compensated + s.failed + s.parked;
}

static uint64_t due(const struct bench *b)
{
    return (uint64_t)((belay_clock_monotonic(belay_clock_posix()) - b->began) / b->every_us) + 1;
}

/* By Little's law: the mean time in the system is the mean number in it over the rate. */
static void run(struct bench *b, uint64_t sagas, uint64_t in_flight, double *ret_mean_in_system)
{
    double area = 0;
    uint64_t done;
    belay_time last = b->began, now;
    while ((done = ended(b)) < sagas) {
        now = belay_clock_monotonic(belay_clock_posix());
        area += (double)(b->started - done) * (double)(now - last);
        last = now;
        uint64_t want = b->every_us ? due(b) : done + in_flight;
        while (b->started < want && b->started < sagas)
            start_one(b);
        bench_engine_turn(&b->engine, true);
    }
    *ret_mean_in_system = area / (double)(last - b->began + 1);
}

int main(int argc, char **argv)
{
    static struct bench b;
    const char *data = NULL, *port = NULL;
    uint64_t sagas = 100000, in_flight = 64;
    double rate = 0, in_system;
    char text[sizeof yaml + 16];
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--data") == 0)
            data = argv[i + 1];
        else if (strcmp(argv[i], "--port") == 0)
            port = argv[i + 1];
        else if (strcmp(argv[i], "--sagas") == 0)
            sagas = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--in-flight") == 0)
            in_flight = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--rate") == 0)
            rate = atof(argv[i + 1]);
    }
    if (!data || !port) {
        fprintf(stderr, "usage: sagas --data DIR --port P [--sagas N] [--in-flight 64] [--rate N]\n");
        return 64;
    }
    snprintf(text, sizeof text, yaml, port);
    bench_engine_open(&b.engine, data, text);
    uint64_t cpu = bench_cpu_us();
    b.every_us = rate > 0 ? (belay_time)(1e6 / rate) : 0;
    b.began = belay_clock_monotonic(belay_clock_posix());
    run(&b, sagas, in_flight, &in_system);
    double seconds = (double)(belay_clock_monotonic(belay_clock_posix()) - b.began) / 1e6;
    struct belay_saga_stats s = stats(&b);
    printf("{\"sagas\":%llu,\"seconds\":%.3f,\"per_second\":%.0f,\"completed\":%llu,\"compensated\":%llu,"
           "\"parked\":%llu,\"mean_ms\":%.3f,\"cpu_us\":%.2f,\"step_us_worst\":%llu}\n",
           (unsigned long long)sagas, seconds, (double)sagas / seconds, (unsigned long long)s.completed,
           (unsigned long long)s.compensated, (unsigned long long)s.parked,
           in_system / ((double)sagas / seconds) * 1e3, (double)(bench_cpu_us() - cpu) / (double)sagas,
           (unsigned long long)b.engine.step_us_worst);
    bench_engine_close(&b.engine);
    return 0;
}
