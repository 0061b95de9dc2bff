/* engine_bench.h - an engine on the real disk with its job threads, driven by the program itself: what the
 * runtime does, without HTTP.  One thread. */
#ifndef BELAY_BENCH_ENGINE_BENCH_H
#define BELAY_BENCH_ENGINE_BENCH_H

#include "engine/engine.h"
#include "platform/clock.h"
#include "platform/mailbox.h"
#include "runtime/jobs.h"
#include "runtime/outside.h"

struct bench_engine {
    struct belay_disk *disk;
    struct belay_state_backend state;
    struct jobs jobs;
    struct belay_mailbox *mail;
    struct belay_engine *engine;
    struct belay_definitions *definitions;
    uint64_t step_us_worst;     /* by the clock */
    uint64_t step_own_us_worst; /* of steps that no other process interrupted */
    uint64_t step_cpu_us_worst; /* CPU of this thread */
    uint64_t steps;
    struct outside outside;
    /* Instead of the connection, when set: a call that may go. Its outcome is told after the turn, not from
     * here. */
    void (*on_call)(void *arg, const struct belay_call_request *request);
    void *arg;
};

/* Ends the program with a message when something fails. yaml: the configuration's text. */
void bench_engine_open(struct bench_engine *b, const char *data_dir, const char *yaml);
/* Other flows in the place of those it has; the connections stay as they are. */
void bench_engine_configure(struct bench_engine *b, const char *yaml);
/* Takes the mail, steps, performs; sleeps when there is nothing to do and may_sleep. */
void bench_engine_turn(struct bench_engine *b, bool may_sleep);
void bench_engine_close(struct bench_engine *b);
/* The wall's clock, and how far it is set on. */
belay_time bench_now(void);
extern belay_time bench_skew_us;
/* RssAnon + RssShmem of this process. */
double bench_memory_mb(void);
/* Of this process, all threads, in microseconds. */
uint64_t bench_cpu_us(void);
void bench_check(int status, const struct belay_err *err);

#endif
