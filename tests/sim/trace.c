/* What happened, line by line: hashed, so that two runs of a seed can be compared; the last lines are
 * kept for a violation. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "sim/world.h"

int sim_violation_exit = 1;

static struct sim_world *running;

static void print_last(const struct sim_world *w)
{
    const struct sim_trace *t = &w->trace;
    uint64_t first = t->lines > SIM_TRACE_LINES ? t->lines - SIM_TRACE_LINES : 0;
    for (uint64_t i = first; i < t->lines && !t->print; i++)
        fprintf(stderr, "%s\n", t->last[i % SIM_TRACE_LINES]);
}

/* An assertion or a crash of the code under test. */
static void died(int sig)
{
    if (running) {
        if (sim_violation_exit)
            print_last(running);
        fprintf(stderr, "seed %llu: signal %d after %llu ticks; replay: sim --seed %llu\n",
                (unsigned long long)running->seed, sig, (unsigned long long)running->ticks,
                (unsigned long long)running->seed);
    }
    _exit(sim_violation_exit);
}

void sim_trace_begin(struct sim_world *w)
{
    running = w;
    signal(SIGABRT, died);
    signal(SIGSEGV, died);
}

void sim_trace(struct sim_world *w, const char *fmt, ...)
{
    struct sim_trace *t = &w->trace;
    char *line = t->last[t->lines % SIM_TRACE_LINES];
    size_t size = sizeof t->last[0];
    int64_t ms = (w->now - INT64_C(1790000000) * SIM_S) / SIM_MS;
    int n = snprintf(line, size, "%6lld.%03d ", (long long)ms / 1000, (int)(ms % 1000));
    va_list args;
    va_start(args, fmt);
    n += vsnprintf(line + n, size - (size_t)n, fmt, args);
    va_end(args);
    size_t length = (size_t)n < size ? (size_t)n : size - 1;
    t->hash = belay_hash64(belay_str(line, length)) ^ (t->hash * 0x9e3779b97f4a7c15u);
    t->lines++;
    if (t->print)
        printf("%s\n", line);
}

void sim_violation(struct sim_world *w, const char *guarantee, const char *fmt, ...)
{
    char text[600];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (sim_violation_exit)
        print_last(w);
    fflush(stdout);
    fprintf(stderr, "seed %llu: %s: %s (after %llu ticks, %llu crashes)\nreplay: sim --seed %llu\n",
            (unsigned long long)w->seed, guarantee, text, (unsigned long long)w->ticks,
            (unsigned long long)w->crashes, (unsigned long long)w->seed);
    exit(sim_violation_exit);
}
