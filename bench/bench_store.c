/* bench_store - the store's full queue cycle against a raw journal, in one run, on the same disk.
 *
 *   bench_store [DIR] [SECONDS]
 *
 * store: 1 KiB messages, 256 a commit: append each, a record that acknowledges each, a cursor in the
 *        state; journal, checkpoints to LMDB, segments ahead and used again, all of it.
 * raw:   a file written before, over and over, O_DIRECT and RWF_DSYNC where the disk can, as many
 *        bytes a write as the store's commits have; nothing else.
 * They take turns, so that both see the same moods of the machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/pack.h"
#include "platform/disk.h"
#include "platform/thread.h"
#include "store/store.h"

#define MESSAGE_BYTES 1024
#define MESSAGES_PER_COMMIT 256
#define ACK_BYTES 20
#define ROUNDS 8

static double seconds_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double seconds_now(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

static void must(int status, const struct belay_err *err)
{
    if (status != BELAY_OK) {
        fprintf(stderr, "bench_store: %s\n", err->msg);
        exit(1);
    }
}

/* ---- a thread a lane; what ended waits for the engine's thread ---- */

struct lanes {
    struct belay_jobs port;
    struct belay_mutex mutex;
    struct belay_cond work, end;
    struct belay_list queued[BELAY_JOB_LANES], ended;
    struct belay_thread threads[BELAY_JOB_LANES];
    struct lane_arg {
        struct lanes *lanes;
        int lane;
    } args[BELAY_JOB_LANES];
    bool stop;
};

static void submit(void *self, struct belay_job *job)
{
    struct lanes *l = self;
    belay_mutex_lock(&l->mutex);
    belay_list_push(&l->queued[job->lane], &job->node);
    belay_cond_broadcast(&l->work);
    belay_mutex_unlock(&l->mutex);
}

static void lane_run(void *ctx)
{
    struct lane_arg *arg = ctx;
    struct lanes *l = arg->lanes;
    belay_mutex_lock(&l->mutex);
    while (!l->stop) {
        struct belay_list *node = belay_list_pop(&l->queued[arg->lane]);
        if (!node) {
            belay_cond_wait(&l->work, &l->mutex);
            continue;
        }
        belay_mutex_unlock(&l->mutex);
        struct belay_job *job = BELAY_CONTAINER_OF(node, struct belay_job, node);
        job->run(job);
        belay_mutex_lock(&l->mutex);
        belay_list_push(&l->ended, node);
        belay_cond_broadcast(&l->end);
    }
    belay_mutex_unlock(&l->mutex);
}

static void lanes_start(struct lanes *l, struct belay_err *err)
{
    l->port = (struct belay_jobs){ .self = l, .submit = submit };
    belay_mutex_init(&l->mutex);
    belay_cond_init(&l->work);
    belay_cond_init(&l->end);
    belay_list_init(&l->ended);
    for (int i = 0; i < BELAY_JOB_LANES; i++) {
        belay_list_init(&l->queued[i]);
        l->args[i] = (struct lane_arg){ l, i };
        must(belay_thread_start(&l->threads[i], "lane", lane_run, &l->args[i], err), err);
    }
}

static void lanes_stop(struct lanes *l)
{
    belay_mutex_lock(&l->mutex);
    l->stop = true;
    belay_cond_broadcast(&l->work);
    belay_mutex_unlock(&l->mutex);
    for (int i = 0; i < BELAY_JOB_LANES; i++)
        belay_thread_join(&l->threads[i]);
}

/* Tells what ended; waits for something to end when there is nothing. */
static void lanes_tell(struct lanes *l, bool wait)
{
    belay_mutex_lock(&l->mutex);
    while (wait && belay_list_empty(&l->ended))
        belay_cond_wait(&l->end, &l->mutex);
    struct belay_list *node;
    while ((node = belay_list_pop(&l->ended))) {
        belay_mutex_unlock(&l->mutex);
        struct belay_job *job = BELAY_CONTAINER_OF(node, struct belay_job, node);
        job->done(job);
        belay_mutex_lock(&l->mutex);
    }
    belay_mutex_unlock(&l->mutex);
}

/* ---- the store ---- */

struct bench {
    struct belay_disk *disk;
    struct belay_store *store;
    struct lanes lanes;
    belay_time now;
    uint64_t busy;
    double step_worst;
    double cpu;        /* of the engine's thread, and its messages */
    uint64_t messages;
};

static void put_cursor(struct bench *b, uint64_t cursor)
{
    char row[8];
    belay_store_u64(row, cursor);
    must(belay_state_reserve(belay_store_state(b->store), 16, 1, NULL), &(struct belay_err){ .msg = "state" });
    belay_state_put(belay_store_state(b->store), BELAY_TABLE_SUBSCRIPTION, BELAY_STR("cursor"), belay_str(row, 8));
    belay_store_set_low(b->store, 1, cursor);
}

static bool step(struct bench *b, const char *message)
{
    size_t bytes = MESSAGES_PER_COMMIT * (MESSAGE_BYTES + ACK_BYTES) + 100;
    if (belay_store_reserve(b->store, bytes, 2 * MESSAGES_PER_COMMIT + 1, false, NULL) != BELAY_OK)
        return false;
    uint64_t sequence = 0;
    for (int i = 0; i < MESSAGES_PER_COMMIT; i++)
        sequence = belay_store_append_message(b->store, 1, b->now, belay_str(message, MESSAGE_BYTES));
    for (int i = 0; i < MESSAGES_PER_COMMIT; i++) {
        char ack[ACK_BYTES] = { 0 };
        belay_store_u64(ack, sequence - MESSAGES_PER_COMMIT + 1 + (uint64_t)i);
        belay_store_append(b->store, BELAY_RECORD_BROKER + 1, 1, belay_str(ack, sizeof ack));
    }
    char cursor[8];
    belay_store_u64(cursor, sequence);
    belay_store_append(b->store, BELAY_RECORD_BROKER + 2, 1, belay_str(cursor, sizeof cursor));
    put_cursor(b, sequence + 1);
    return true;
}

/* Messages a second; *ret_commit_bytes: of one commit, padded. */
static double run_store(struct bench *b, double seconds, double *ret_commit_bytes)
{
    char message[MESSAGE_BYTES];
    struct belay_store_stats before, after;
    memset(message, 'm', sizeof message);
    belay_store_stats(b->store, &before);
    double begin = seconds_now(), cpu = seconds_of(CLOCK_THREAD_CPUTIME_ID), end;
    do {
        double at = seconds_now();
        b->now = (belay_time)(at * 1e6);
        bool stepped = step(b, message);
        b->busy += !stepped;
        double took = seconds_now() - at;
        b->step_worst = took > b->step_worst ? took : b->step_worst;
        while (belay_store_durable(b->store) + 1 < belay_store_position(b->store))
            lanes_tell(&b->lanes, true); /* the commit before is in flight: this one is full */
        belay_store_flush(b->store, b->now);
        if (!stepped)
            lanes_tell(&b->lanes, !belay_store_idle(b->store));
        end = seconds_now();
    } while (end - begin < seconds);
    while (belay_store_durable(b->store) < belay_store_position(b->store)) {
        lanes_tell(&b->lanes, true);
        belay_store_flush(b->store, b->now);
    }
    end = seconds_now();
    belay_store_stats(b->store, &after);
    b->cpu += seconds_of(CLOCK_THREAD_CPUTIME_ID) - cpu;
    b->messages += after.messages - before.messages;
    *ret_commit_bytes = (double)(after.commit_bytes - before.commit_bytes) / (double)(after.commits - before.commits);
    return (double)(after.messages - before.messages) / (end - begin);
}

/* ---- the raw journal ---- */

#define RAW_FILE_BYTES BELAY_MIB(64)

static struct belay_file *raw_open(struct belay_disk *disk, struct belay_err *err)
{
    struct belay_file *f;
    unsigned flags = BELAY_FILE_WRITE | BELAY_FILE_CREATE | (disk->caps.direct ? BELAY_FILE_DIRECT : 0);
    must(belay_file_open(disk, "raw", flags, &f, err), err);
    must(belay_file_prewrite(f, RAW_FILE_BYTES, err), err);
    return f;
}

struct raw {
    struct belay_job job;
    struct belay_file *file;
    size_t bytes;
    const void *p;
    double seconds, rate;
    bool ended;
};

static void raw_job(struct belay_job *job)
{
    struct raw *r = BELAY_CONTAINER_OF(job, struct raw, job);
    struct belay_err err = { 0 };
    double begin = seconds_now(), end;
    uint64_t writes = 0, at = 0;
    do {
        if (at + r->bytes > RAW_FILE_BYTES)
            at = 0;
        must(belay_file_write(r->file, at, r->p, r->bytes, BELAY_WRITE_SYNC, &err), &err);
        at += r->bytes;
        writes++;
        end = seconds_now();
    } while (end - begin < r->seconds);
    r->rate = (double)(writes * MESSAGES_PER_COMMIT) / (end - begin);
}

static void raw_ended(struct belay_job *job)
{
    BELAY_CONTAINER_OF(job, struct raw, job)->ended = true;
}

/* On the thread that writes the store's commits, so that the scheduler treats both alike. */
static double run_raw(struct bench *b, struct raw *r)
{
    r->job = (struct belay_job){ .lane = BELAY_JOB_COMMIT, .run = raw_job, .done = raw_ended };
    belay_list_init(&r->job.node);
    r->ended = false;
    submit(&b->lanes, &r->job);
    while (!r->ended)
        lanes_tell(&b->lanes, true);
    return r->rate;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v)
{
    qsort(v, ROUNDS, sizeof *v, by_value);
    return (v[ROUNDS / 2] + v[(ROUNDS - 1) / 2]) / 2;
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "bench-store.tmp";
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 1, commit_bytes = 0;
    double store[ROUNDS], raw[ROUNDS];
    struct belay_err err = { 0 };
    struct bench b = { 0 };
    struct belay_state_backend backend;
    char path[4096];
    must(belay_disk_open_posix(dir, BELAY_DISK_CREATE, &b.disk, &err), &err);
    must(belay_disk_mkdir(b.disk, "state", &err), &err);
    snprintf(path, sizeof path, "%s/state", dir);
    must(belay_state_lmdb_open(path, 0, &backend, &err), &err);
    lanes_start(&b.lanes, &err);
    struct belay_store_opt opt = { .disk = b.disk, .jobs = &b.lanes.port, .state = &backend, .seed = 1 };
    must(belay_store_open(&opt, &b.store, &err), &err);
    run_store(&b, 1, &commit_bytes); /* segments and caches warm */
    struct belay_file *f = raw_open(b.disk, &err);
    size_t bytes = ((size_t)commit_bytes + BELAY_BLOCK_BYTES - 1) / BELAY_BLOCK_BYTES * BELAY_BLOCK_BYTES;
    void *p = belay_disk_alloc_aligned(bytes);
    struct raw raw_run = { .file = f, .bytes = bytes, .p = p, .seconds = seconds };
    b.step_worst = 0;
    for (int i = 0; i < ROUNDS; i++) {
        raw[i] = run_raw(&b, &raw_run);
        store[i] = run_store(&b, seconds, &commit_bytes);
    }
    double r = median(raw), s = median(store);
    printf("raw journal, %s, %zu bytes a write   %9.0f messages/s\n",
           b.disk->caps.direct ? "O_DIRECT + RWF_DSYNC" : "buffered", bytes, r);
    printf("store, append + acknowledge + cursor             %9.0f messages/s\n", s);
    printf("ratio                                            %9.2f  (to reach: 0.60)\n", s / r);
    printf("engine thread %.2f us CPU a message\n", b.cpu * 1e6 / (double)b.messages);
    printf("worst step %.2f ms, refused %llu times\n", b.step_worst * 1e3, (unsigned long long)b.busy);
    while (!belay_store_idle(b.store))
        lanes_tell(&b.lanes, true);
    lanes_stop(&b.lanes);
    belay_file_close(f);
    belay_disk_free_aligned(p);
    belay_store_close(b.store);
    backend.close(backend.self);
    belay_disk_close(b.disk);
    return 0;
}
