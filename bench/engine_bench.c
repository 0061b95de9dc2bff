#include "engine_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "config/config.h"
#include "platform/disk.h"

static const char *yaml_text;

belay_time bench_skew_us;

belay_time bench_now(void)
{
    return belay_clock_wall(belay_clock_posix()) + bench_skew_us;
}

uint64_t bench_cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000u
           + (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* Of this thread, microseconds of CPU. */
static uint64_t thread_cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* How often another was put in this thread's place although it wanted to go on. */
static long preempted(void)
{
    struct rusage u;
    getrusage(RUSAGE_THREAD, &u);
    return u.ru_nivcsw;
}

double bench_memory_mb(void)
{
    char line[256];
    unsigned long kib, sum = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "RssAnon: %lu", &kib) == 1 || sscanf(line, "RssShmem: %lu", &kib) == 1)
            sum += kib;
    if (f)
        fclose(f);
    return (double)sum / 1024;
}

void bench_check(int status, const struct belay_err *err)
{
    if (status == BELAY_OK)
        return;
    fprintf(stderr, "bench: %s: %s\n", belay_status_name(status), err->msg);
    exit(1);
}

static int read_text(void *arg, const char *path, struct belay_buf *out, struct belay_err *err)
{
    (void)arg, (void)path, (void)err;
    belay_buf_put_str(out, belay_str_c(yaml_text));
    return BELAY_OK;
}

static struct belay_definitions *load(const char *yaml)
{
    static const char *const paths[] = { "bench.yaml" };
    struct belay_config_opt opt = { .paths = paths, .path_count = 1, .read = read_text };
    struct belay_problems problems;
    struct belay_definitions *d = NULL;
    struct belay_err err;
    struct belay_buf text;
    yaml_text = yaml;
    belay_problems_init(&problems);
    int status = belay_config_load(&opt, &d, &problems, &err);
    belay_buf_init(&text, BELAY_MIB(1));
    for (uint32_t i = 0; status != BELAY_OK && i < problems.count; i++)
        belay_problem_write(&text, &problems.items[i]);
    fwrite(text.p, 1, text.n, stderr);
    bench_check(status, &err);
    belay_buf_deinit(&text);
    belay_problems_deinit(&problems);
    return d;
}

/* Outcomes carry a mark in the lowest bit. */
static void on_job_ended(void *arg, struct belay_job *job)
{
    struct bench_engine *b = arg;
    if (belay_mailbox_post(b->mail, job) != BELAY_OK)
        abort();
}

static void on_outcome(void *arg, struct belay_call_outcome *outcome)
{
    struct bench_engine *b = arg;
    if (belay_mailbox_post(b->mail, (void *)((uintptr_t)outcome | 1)) != BELAY_OK)
        abort();
}

static void take_mail(struct bench_engine *b)
{
    void *mail;
    while ((mail = belay_mailbox_take(b->mail))) {
        if ((uintptr_t)mail & 1) {
            struct belay_call_outcome *outcome = (void *)((uintptr_t)mail - 1);
            belay_engine_outcome(b->engine, outcome, bench_now());
            belay_call_outcome_free(outcome);
        } else {
            ((struct belay_job *)mail)->done(mail);
        }
    }
}

static void perform(struct bench_engine *b, const struct belay_action *a)
{
    struct belay_err err;
    if (a->kind != BELAY_ACTION_CALL || a->u.call.cancel)
        return;
    if (b->on_call) {
        b->on_call(b->arg, a->u.call.request);
        return;
    }
    int status = outside_call(&b->outside, a->u.call.connection->name, a->u.call.request, &err);
    if (status != BELAY_OK)
        belay_engine_call_refused(b->engine, a->u.call.request->id, status, &err, bench_now());
}

void bench_engine_open(struct bench_engine *b, const char *data_dir, const char *yaml)
{
    struct belay_err err;
    char path[4096];
    belay_alloc_keep_little(); /* as `belay run` does */
    bench_check(belay_disk_open_posix(data_dir, BELAY_DISK_CREATE, &b->disk, &err), &err);
    bench_check(belay_disk_mkdir(b->disk, "state", &err), &err);
    snprintf(path, sizeof path, "%s/state", data_dir);
    bench_check(belay_state_lmdb_open(path, BELAY_STATE_MAP_BYTES, &b->state, &err), &err);
    bench_check(belay_mailbox_new(65536, &b->mail, &err), &err);
    bench_check(jobs_open(&b->jobs, on_job_ended, b, &err), &err);
    struct belay_engine_opt opt = { .disk = b->disk, .jobs = &b->jobs.port, .state = &b->state, .seed = 1,
                                    .now = bench_now() };
    bench_check(belay_engine_open(&opt, &b->engine, &err), &err);
    b->definitions = load(yaml);
    bench_check(belay_engine_configure(b->engine, b->definitions, bench_now(), &err), &err);
    outside_init(&b->outside, on_outcome, b);
    bench_check(outside_set(&b->outside, b->definitions, 0, &err), &err);
}

void bench_engine_configure(struct bench_engine *b, const char *yaml)
{
    struct belay_err err;
    struct belay_definitions *d = load(yaml);
    bench_check(belay_engine_configure(b->engine, d, bench_now(), &err), &err);
    belay_definitions_unref(b->definitions);
    b->definitions = d;
}

static int sleep_ms(struct bench_engine *b)
{
    belay_time wake = belay_engine_wake_at(b->engine), now = bench_now();
    if (wake <= now)
        return 0;
    return wake - now > 100000 ? 100 : (int)((wake - now) / 1000 + 1);
}

void bench_engine_turn(struct bench_engine *b, bool may_sleep)
{
    struct belay_action a;
    struct belay_err err;
    take_mail(b);
    belay_time began = belay_clock_monotonic(belay_clock_posix());
    long others = preempted();
    uint64_t cpu = thread_cpu_us();
    bool more = belay_engine_step(b->engine, bench_now());
    uint64_t took = (uint64_t)(belay_clock_monotonic(belay_clock_posix()) - began);
    cpu = thread_cpu_us() - cpu;
    b->steps++;
    if (cpu > b->step_cpu_us_worst)
        b->step_cpu_us_worst = cpu;
    if (took > b->step_us_worst)
        b->step_us_worst = took;
    if (took > b->step_own_us_worst && preempted() == others)
        b->step_own_us_worst = took;
    bench_check(belay_engine_failed(b->engine, &err), &err);
    while (belay_engine_action(b->engine, &a))
        perform(b, &a);
    if (!more && may_sleep)
        belay_mailbox_wait(b->mail, sleep_ms(b));
}

void bench_engine_close(struct bench_engine *b)
{
    belay_engine_stop(b->engine);
    while (!belay_engine_idle(b->engine))
        bench_engine_turn(b, true);
    outside_close(&b->outside, 0);
    while (!outside_closed(&b->outside))
        belay_mailbox_wait(b->mail, 1);
    take_mail(b);
    belay_engine_close(b->engine);
    jobs_close(&b->jobs);
    b->state.close(b->state.self);
    belay_mailbox_free(b->mail);
    belay_disk_close(b->disk);
    belay_definitions_unref(b->definitions);
}
