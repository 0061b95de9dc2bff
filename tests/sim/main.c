/* sim - the engine in a world that does its worst, seed by seed.
 *
 *   sim --seeds 2000            seeds 1 to 2000, on two processes
 *   sim --seeds 100 --from 500  seeds 500 to 599
 *   sim --seed 42               that one, with its trace; prints the trace's hash
 *   sim --seeds 50 --twice      each one twice: the traces must be the same
 *   sim --seeds 2000 --bug 3    with planted bug 3: it must be found (preset `planted`) */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/planted.h"
#include "sim/world.h"

#define JOBS_MAX 16
#define FOUND 3 /* exit code of a process that found what is planted */

struct options {
    uint64_t seeds, from, seed;
    unsigned jobs, bug;
    bool one, twice, quiet;
};

static int usage(void)
{
    fprintf(stderr, "usage: sim [--seeds N [--from S] [--jobs J] [--twice]] [--seed X [--quiet]] [--bug B]\n"
                    "example: sim --seeds 2000\n");
    return 2;
}

static bool parse(int argc, char **argv, struct options *o)
{
    *o = (struct options){ .seeds = 100, .from = 1, .jobs = 2 };
    for (int i = 1; i < argc; i++) {
        uint64_t n = 0;
        bool number = i + 1 < argc && belay_str_to_u64(belay_str_c(argv[i + 1]), &n);
        if (strcmp(argv[i], "--twice") == 0) {
            o->twice = true;
            continue;
        }
        if (strcmp(argv[i], "--quiet") == 0) {
            o->quiet = true;
            continue;
        }
        if (!number)
            return false;
        if (strcmp(argv[i], "--seeds") == 0)
            o->seeds = n;
        else if (strcmp(argv[i], "--from") == 0)
            o->from = n;
        else if (strcmp(argv[i], "--jobs") == 0)
            o->jobs = n < 1 ? 1 : n > JOBS_MAX ? JOBS_MAX : (unsigned)n;
        else if (strcmp(argv[i], "--bug") == 0)
            o->bug = (unsigned)n;
        else if (strcmp(argv[i], "--seed") == 0)
            o->seed = n, o->one = true;
        else
            return false;
        i++;
    }
    return true;
}

static void run_checked(uint64_t seed, const struct options *o)
{
    struct sim_result first, again;
    sim_run(seed, o->one && !o->quiet, &first);
    if (o->one)
        printf("seed %llu: trace %016llx, %llu ticks, %llu crashes, %llu orders, %llu events\n",
               (unsigned long long)seed, (unsigned long long)first.trace_hash,
               (unsigned long long)first.ticks, (unsigned long long)first.crashes,
               (unsigned long long)first.orders, (unsigned long long)first.events);
    if (!o->twice)
        return;
    sim_run(seed, false, &again);
    if (again.trace_hash != first.trace_hash) {
        fprintf(stderr, "seed %llu: not the same twice: %016llx, %016llx\n", (unsigned long long)seed,
                (unsigned long long)first.trace_hash, (unsigned long long)again.trace_hash);
        exit(1);
    }
}

static void run_share(unsigned job, const struct options *o)
{
    for (uint64_t i = job; i < o->seeds; i += o->jobs)
        run_checked(o->from + i, o);
    exit(0);
}

/* The exit code of the first that did not end well; the others are ended. */
static int run_all(const struct options *o)
{
    pid_t pids[JOBS_MAX];
    int code = 0;
    for (unsigned j = 0; j < o->jobs; j++) {
        fflush(NULL);
        pids[j] = fork();
        if (pids[j] == 0)
            run_share(j, o);
        if (pids[j] < 0)
            return 2;
    }
    for (unsigned left = o->jobs; left; left--) {
        int status = 0;
        pid_t pid = wait(&status);
        int got = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
        for (unsigned j = 0; j < o->jobs; j++) {
            if (pids[j] == pid)
                pids[j] = 0;
            else if (pids[j] > 0 && got && !code)
                kill(pids[j], SIGTERM);
        }
        code = code ? code : got;
    }
    return code;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int hunt(const struct options *o)
{
#ifdef BELAY_PLANTED_BUGS
    belay_planted_bug = (int)o->bug;
    sim_violation_exit = FOUND;
    bool found = run_all(o) == FOUND;
    printf("bug %u: %s\n", o->bug, found ? "found" : "NOT FOUND");
    return found ? 0 : 1;
#else
    (void)o;
    fprintf(stderr, "sim: this build has no planted bugs (preset `planted`)\n");
    return 2;
#endif
}

int main(int argc, char **argv)
{
    struct options o;
    if (!parse(argc, argv, &o))
        return usage();
    double began = seconds();
    if (o.bug && !o.one)
        return hunt(&o);
#ifdef BELAY_PLANTED_BUGS
    belay_planted_bug = (int)o.bug;
#endif
    if (o.one) {
        run_checked(o.seed, &o);
        return 0;
    }
    int code = run_all(&o);
    printf("sim: %llu seeds from %llu: %s, %.1f s\n", (unsigned long long)o.seeds,
           (unsigned long long)o.from, code ? "FAILED" : "all guarantees held", seconds() - began);
    return code;
}
