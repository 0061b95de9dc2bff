#include "runtime/keeper.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "platform/thread.h"
#include "runtime/impl.h"

#define WAIT_S_MAX 10    /* for a checkpoint: a full disk has none to give */
#define PACE_MS_MAX 100 /* between two looks whether it is to go on */

void keeper_init(struct keeper *k, struct belay_disk *disk, const struct belay_state_backend *state,
                 const struct belay_jobs *jobs, const struct belay_clock *clock)
{
    *k = (struct keeper){ .disk = disk, .state = state, .jobs = jobs, .clock = clock, .work = "" };
    belay_buf_init(&k->report, BELAY_ADMIN_OUT_BYTES_MAX);
}

void keeper_deinit(struct keeper *k)
{
    belay_buf_deinit(&k->report);
}

void keeper_cancel(struct keeper *k)
{
    atomic_store(&k->stopping, true);
    atomic_store(&k->cancelled, true);
}

bool keeper_idle(const struct keeper *k)
{
    return k->at != KEEP_RUNNING;
}

/* ---- the job ---- */

static bool is_cancelled(void *arg)
{
    return atomic_load(&((struct keeper *)arg)->cancelled);
}

static int audit(struct keeper *k, struct belay_err *err)
{
    struct belay_state_backend snapshot;
    struct belay_engine *look = NULL;
    int status = belay_state_lmdb_snapshot(k->state, &snapshot, err);
    if (status != BELAY_OK)
        return status;
    const struct belay_engine_opt opt = { .disk = k->disk, .jobs = k->jobs, .state = &snapshot, .look = true,
                                          .state_only = true };
    status = belay_engine_open(&opt, &look, err);
    if (status == BELAY_OK)
        status = belay_engine_audit(look, is_cancelled, k, &k->report, &k->findings, err);
    belay_engine_close(look);
    snapshot.close(snapshot.self);
    return status;
}

/* ---- a backup: first the state, then the files ---- */

/* No faster than the rate, over all that was copied. */
static bool pace(void *arg, uint64_t bytes)
{
    struct keeper *k = arg;
    uint64_t done = atomic_fetch_add(&k->bytes_done, bytes) + bytes;
    while (k->rate && !is_cancelled(k)) {
        uint64_t took_us = (uint64_t)(belay_clock_monotonic(k->clock) - k->copying_since);
        uint64_t due_us = done / k->rate * BELAY_US_PER_S + done % k->rate * BELAY_US_PER_S / k->rate;
        if (took_us >= due_us)
            break;
        uint64_t ms = (due_us - took_us) / BELAY_US_PER_MS + 1;
        belay_thread_sleep_ms((uint32_t)(ms < PACE_MS_MAX ? ms : PACE_MS_MAX));
    }
    return !is_cancelled(k);
}

static int open_target(struct keeper *k, struct belay_err *err)
{
    int status = belay_backup_open_target(k->disk, k->to, &k->target, err);
    return status == BELAY_OK ? belay_disk_mkdir(k->target, "state", err) : status;
}

static int copy_state(struct keeper *k, struct belay_err *err)
{
    const struct belay_pace port = { pace, k };
    struct belay_state_backend snapshot;
    int status = belay_state_lmdb_snapshot(k->state, &snapshot, err);
    if (status != BELAY_OK)
        return status;
    status = belay_backup_copy_state(&snapshot, k->to, &port, err);
    snapshot.close(snapshot.self);
    return status;
}

static int copy_files(struct keeper *k, struct belay_err *err)
{
    const struct belay_pace port = { pace, k };
    uint64_t bytes;
    int status = belay_backup_bytes(k->disk, k->target, &k->plan, &bytes, err);
    if (status != BELAY_OK)
        return status;
    atomic_store(&k->bytes_total, atomic_load(&k->bytes_done) + bytes);
    return belay_backup_copy(k->disk, k->target, &k->plan, belay_clock_wall(k->clock), &port, err);
}

static int backup(struct keeper *k, struct belay_err *err)
{
    if (k->files)
        return copy_files(k, err);
    k->copying_since = belay_clock_monotonic(k->clock);
    int status = open_target(k, err);
    return status == BELAY_OK ? copy_state(k, err) : status;
}

/* ---- the job's life ---- */

static bool is_backup(const struct keeper *k)
{
    return strcmp(k->work, "backup") == 0;
}

static void run(struct belay_job *job)
{
    struct keeper *k = BELAY_CONTAINER_OF(job, struct keeper, job);
    if (k->status == BELAY_OK) /* else there was no plan for the files */
        k->status = is_backup(k) ? backup(k, &k->err) : audit(k, &k->err);
    if (k->status != BELAY_OK && k->target)
        belay_backup_discard(k->target);
}

static void submit(struct keeper *k);

static void end(struct keeper *k)
{
    BELAY_ASSERT(k->engine && (k->at == KEEP_WAITING || k->at == KEEP_RUNNING));
    if (is_backup(k)) {
        belay_store_pin(belay_engine_store(k->engine), false);
        belay_disk_close(k->target);
        k->target = NULL;
        belay_backup_plan_free(&k->plan);
    }
    if (k->status != BELAY_OK && k->gave_way)
        belay_fail(&k->err, BELAY_NOSPACE, "the journal ran out of room: the backup gave way");
    k->at = k->status == BELAY_OK ? KEEP_DONE : KEEP_FAILED;
    k->ended_at = k->now;
    k->engine = NULL;
}

static void done(struct belay_job *job)
{
    struct keeper *k = BELAY_CONTAINER_OF(job, struct keeper, job);
    BELAY_ASSERT(k->at == KEEP_RUNNING);
    if (is_backup(k) && !k->files && k->status == BELAY_OK) {
        k->status = belay_store_backup_plan(belay_engine_store(k->engine), &k->plan, &k->err);
        k->files = true;
        if (k->status == BELAY_OK)
            k->wanted = k->plan.position;
        submit(k); /* without a plan too: what was copied goes */
        return;
    }
    end(k);
}

static void submit(struct keeper *k)
{
    k->at = KEEP_RUNNING;
    k->job = (struct belay_job){ .lane = is_backup(k) ? BELAY_JOB_BACKUP : BELAY_JOB_KEEP, .run = run, .done = done };
    belay_list_init(&k->job.node);
    k->jobs->submit(k->jobs->self, &k->job);
}

/* ---- engine thread ---- */

static int start(struct keeper *k, struct belay_engine *e, const char *work, belay_time now, struct belay_err *err)
{
    struct belay_store *s = belay_engine_store(e);
    if (k->at == KEEP_WAITING || k->at == KEEP_RUNNING)
        return belay_fail(err, BELAY_CONFLICT, "the %s that was asked for before is still under way", k->work);
    if (atomic_load(&k->stopping))
        return belay_fail(err, BELAY_CANCELLED, "it is stopping");
    atomic_store(&k->cancelled, false);
    atomic_store(&k->bytes_done, 0);
    atomic_store(&k->bytes_total, 0);
    k->files = k->gave_way = false;
    k->status = BELAY_OK;
    k->engine = e;
    k->work = work;
    k->at = KEEP_WAITING;
    k->began_at = now;
    k->ended_at = 0;
    k->findings = 0;
    belay_buf_clear(&k->report);
    belay_err_clear(&k->err);
    belay_broker_flush(belay_engine_broker(e));
    k->wanted = belay_store_position(s);
    belay_store_checkpoint_soon(s);
    return BELAY_OK;
}

int keeper_audit(struct keeper *k, struct belay_engine *e, belay_time now, struct belay_err *err)
{
    return start(k, e, "audit", now, err);
}

int keeper_backup(struct keeper *k, struct belay_engine *e, struct belay_str to, uint64_t rate, belay_time now,
                  struct belay_err *err)
{
    if (to.n == 0 || to.n >= sizeof k->to - 16 || memchr(to.p, 0, to.n))
        return belay_fail(err, BELAY_LIMIT, "a backup needs the path of a folder");
    int status = start(k, e, "backup", now, err);
    if (status != BELAY_OK)
        return status;
    memcpy(k->to, to.p, to.n);
    k->to[to.n] = '\0';
    k->rate = rate;
    belay_store_pin(belay_engine_store(e), true);
    return BELAY_OK;
}

int keeper_end_work(struct keeper *k, struct belay_err *err)
{
    if (k->at != KEEP_WAITING && k->at != KEEP_RUNNING)
        return belay_fail(err, BELAY_NOTFOUND, "nothing is under way");
    atomic_store(&k->cancelled, true);
    if (k->at == KEEP_WAITING) {
        k->status = belay_fail(&k->err, BELAY_CANCELLED, "it was cancelled");
        end(k);
    }
    return BELAY_OK;
}

/* Producers come first. One that waits has pinned the store already, and the checkpoint that it waits for may need the
 * very room that this keeps. */
static void give_way(struct keeper *k)
{
    if (k->at == KEEP_WAITING) {
        k->gave_way = true;
        k->status = BELAY_CANCELLED;
        end(k);
    } else if (!atomic_exchange(&k->cancelled, true)) {
        k->gave_way = true;
    }
}

void keeper_round(struct keeper *k, struct belay_engine *e, belay_time now)
{
    bool under_way = k->at == KEEP_WAITING || k->at == KEEP_RUNNING;
    k->now = now;
    if (under_way && is_backup(k) && belay_store_short(belay_engine_store(e)))
        give_way(k);
    if (k->at == KEEP_WAITING && now - k->began_at > WAIT_S_MAX * BELAY_US_PER_S) {
        k->status = belay_fail(&k->err, BELAY_NOSPACE, "no checkpoint for %d s, so there is nothing to look at: the disk is "
                               "likely full; make room, and ask again", WAIT_S_MAX);
        end(k);
    }
    if (k->at == KEEP_WAITING && belay_store_checkpointed(belay_engine_store(e), k->wanted))
        submit(k);
}

/* ---- runtime.h ---- */

int belay_runtime_audit_start(struct belay_runtime *rt, belay_time now, struct belay_err *err)
{
    return keeper_audit(&rt->audits, rt->engine, now, err);
}

int belay_runtime_backup_start(struct belay_runtime *rt, struct belay_str to, uint64_t rate, belay_time now,
                               struct belay_err *err)
{
    return keeper_backup(&rt->backups, rt->engine, to, rate, now, err);
}

int belay_runtime_backup_cancel(struct belay_runtime *rt, struct belay_err *err)
{
    return keeper_end_work(&rt->backups, err);
}

static void keep_stats(const struct keeper *k, struct belay_keep_stats *ret_stats)
{
    static const char *const states[] = { "none", "waiting", "running", "done", "failed" };
    uint64_t bytes_total = atomic_load(&k->bytes_total), bytes_done = atomic_load(&k->bytes_done);
    *ret_stats = (struct belay_keep_stats){
        .work = k->work,
        .state = states[k->at],
        .began_at = k->began_at,
        .ended_at = k->ended_at,
        .findings = k->at == KEEP_DONE ? k->findings : 0,
        .to = is_backup(k) ? belay_str_c(k->to) : BELAY_STR_NONE,
        .bytes_done = bytes_done,
        .bytes_total = bytes_total && bytes_total < bytes_done ? bytes_done : bytes_total, /* an archive came meanwhile */
        .position = k->at == KEEP_DONE ? k->wanted : 0,
        .report = k->at == KEEP_DONE ? belay_buf_view(&k->report) : BELAY_STR_NONE,
        .status = k->at == KEEP_FAILED ? k->err.code : BELAY_OK,
        .error = k->at == KEEP_FAILED ? belay_str_c(k->err.msg) : BELAY_STR_NONE,
    };
}

void belay_runtime_audit_stats(const struct belay_runtime *rt, struct belay_keep_stats *ret_stats)
{
    keep_stats(&rt->audits, ret_stats);
}

void belay_runtime_backup_stats(const struct belay_runtime *rt, struct belay_keep_stats *ret_stats)
{
    keep_stats(&rt->backups, ret_stats);
}
