/* sim - the engine in a world that does its worst, seed by seed.
 *
 *   sim --seeds 2000            seeds 1 to 2000, on two processes
 *   sim --seeds 100 --from 500  seeds 500 to 599
 *   sim --seed 42               that one, with its trace; prints the trace's hash
 *   sim --seeds 50 --twice      each one twice: the traces must be the same
 *   sim --seeds 2000 --bug 3    with planted bug 3: it must be found (preset `planted`)
 *   sim --seeds 2000 --bug 3 --times 10   in ten of the seeds, not only in one */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/planted.h"
#include "sim/app.h"
#include "sim/world.h"

#define JOBS_MAX 16
#define FOUND 3 /* exit code of a process that found what is planted */

struct options {
    uint64_t seeds, from, seed, times;
    unsigned jobs, bug;
    bool one, twice, quiet;
};

static int usage(void)
{
    fprintf(stderr, "usage: sim [--seeds N [--from S] [--jobs J] [--twice]] [--seed X [--quiet]] [--bug B [--times N]]\n"
                    "example: sim --seeds 2000\n");
    return 2;
}

static bool parse(int argc, char **argv, struct options *o)
{
    *o = (struct options){ .seeds = 100, .from = 1, .jobs = 2, .times = 1 };
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
        else if (strcmp(argv[i], "--times") == 0)
            o->times = n ? n : 1;
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

#ifdef BELAY_PLANTED_BUGS
/* A process for each seed, as many at once as there are jobs, until enough of them found what is planted. */
struct hunt {
    pid_t pids[JOBS_MAX];
    uint64_t begun, looked, found;
    unsigned out;
};

static void send_out(struct hunt *h, const struct options *o)
{
    fflush(NULL);
    pid_t pid = fork();
    BELAY_ASSERT(pid >= 0);
    if (pid == 0) {
        if (o->times > 1 && !freopen("/dev/null", "w", stderr)) /* one story is worth reading, not ten */
            exit(2);
        run_checked(o->from + h->begun, o);
        exit(0);
    }
    h->begun++;
    h->pids[h->out++] = pid;
}

static void come_back(struct hunt *h)
{
    int status = 0;
    pid_t pid = wait(&status);
    for (unsigned i = 0; i < h->out; i++)
        if (h->pids[i] == pid)
            h->pids[i] = h->pids[--h->out];
    h->looked++;
    h->found += WIFEXITED(status) && WEXITSTATUS(status) == FOUND;
}

static int hunt(const struct options *o)
{
    struct hunt h = { .out = 0 };
    double began = seconds();
    belay_planted_bug = (int)o->bug;
    sim_violation_exit = FOUND;
    for (int edition = 0; edition < 2; edition++) /* what all of them need is read once */
        belay_definitions_unref(sim_app(edition));
    while (h.found < o->times && (h.out || h.begun < o->seeds)) {
        if (h.out < o->jobs && h.begun < o->seeds)
            send_out(&h, o);
        else
            come_back(&h);
    }
    for (unsigned i = 0; i < h.out; i++)
        kill(h.pids[i], SIGTERM);
    while (h.out && wait(NULL) > 0)
        h.out--;
    bool enough = h.found >= o->times;
    printf("bug %u: %sfound by %llu of %llu seeds, %.1f s\n", o->bug, enough ? "" : "NOT ENOUGH: ", (unsigned long long)h.found,
           (unsigned long long)h.looked, seconds() - began);
    return enough ? 0 : 1;
}
#else
static int hunt(const struct options *o)
{
    (void)o;
    fprintf(stderr, "sim: this build has no planted bugs (preset `planted`)\n");
    return 2;
}
#endif

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
