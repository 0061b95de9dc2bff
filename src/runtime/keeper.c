#include "runtime/keeper.h"

#include "base/limits.h"
#include "runtime/impl.h"

void keeper_init(struct keeper *k, struct belay_disk *disk, const struct belay_state_backend *state,
                 const struct belay_jobs *jobs)
{
    *k = (struct keeper){ .disk = disk, .state = state, .jobs = jobs, .work = "" };
    belay_buf_init(&k->report, BELAY_ADMIN_OUT_BYTES_MAX);
}

void keeper_deinit(struct keeper *k)
{
    belay_buf_deinit(&k->report);
}

void keeper_cancel(struct keeper *k)
{
    atomic_store(&k->cancelled, true);
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

static void run(struct belay_job *job)
{
    struct keeper *k = BELAY_CONTAINER_OF(job, struct keeper, job);
    k->status = audit(k, &k->err);
}

static void done(struct belay_job *job)
{
    struct keeper *k = BELAY_CONTAINER_OF(job, struct keeper, job);
    k->at = k->status == BELAY_OK ? KEEP_DONE : KEEP_FAILED;
    k->ended_at = k->now;
}

/* ---- engine thread ---- */

static int start(struct keeper *k, struct belay_engine *e, const char *work, belay_time now, struct belay_err *err)
{
    struct belay_store *s = belay_engine_store(e);
    if (k->at == KEEP_WAITING || k->at == KEEP_RUNNING)
        return belay_fail(err, BELAY_CONFLICT, "the %s that was asked for before is still under way", k->work);
    if (atomic_load(&k->cancelled))
        return belay_fail(err, BELAY_CANCELLED, "it is stopping");
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

void keeper_round(struct keeper *k, struct belay_engine *e, belay_time now)
{
    k->now = now;
    if (k->at != KEEP_WAITING || !belay_store_checkpointed(belay_engine_store(e), k->wanted))
        return;
    k->at = KEEP_RUNNING;
    k->job = (struct belay_job){ .lane = BELAY_JOB_KEEP, .run = run, .done = done };
    belay_list_init(&k->job.node);
    k->jobs->submit(k->jobs->self, &k->job);
}

/* ---- runtime.h ---- */

int belay_runtime_audit_start(struct belay_runtime *rt, belay_time now, struct belay_err *err)
{
    return keeper_audit(&rt->keeper, rt->engine, now, err);
}

void belay_runtime_keep_stats(const struct belay_runtime *rt, struct belay_keep_stats *ret_stats)
{
    static const char *const states[] = { "none", "waiting", "running", "done", "failed" };
    const struct keeper *k = &rt->keeper;
    *ret_stats = (struct belay_keep_stats){
        .work = k->work,
        .state = states[k->at],
        .began_at = k->began_at,
        .ended_at = k->ended_at,
        .findings = k->at == KEEP_DONE ? k->findings : 0,
        .report = k->at == KEEP_DONE ? belay_buf_view(&k->report) : BELAY_STR_NONE,
        .error = k->at == KEEP_FAILED ? belay_str_c(k->err.msg) : BELAY_STR_NONE,
    };
}
