/* keeper.h - keeps the store: audits in the background, while traffic goes on.
 *
 *   start -> waiting: a checkpoint is asked for -> running: the job, over a snapshot of the state -> done | failed
 *
 * One work at a time.  The job runs on a lane of its own (store/jobs.h) and touches only what is the job's; a
 * snapshot is the state as of one commit, so nothing moves while it is counted, and the engine does nothing more
 * than a checkpoint for it.
 * Uses: engine, platform/disk.h.  Thread: the engine's; keeper_cancel: any. */
#ifndef BELAY_RUNTIME_KEEPER_H
#define BELAY_RUNTIME_KEEPER_H

#include <stdatomic.h>

#include "base/buf.h"
#include "engine/engine.h"
#include "runtime/runtime.h"

enum keep_state { KEEP_NONE, KEEP_WAITING, KEEP_RUNNING, KEEP_DONE, KEEP_FAILED };

struct keeper {
    struct belay_job job;
    struct belay_disk *disk;
    const struct belay_state_backend *state;
    const struct belay_jobs *jobs;
    enum keep_state at;
    const char *work;
    uint64_t wanted;          /* a checkpoint through this commit */
    belay_time began_at, ended_at, now;
    _Atomic bool cancelled;
    /* the job's while it runs */
    struct belay_buf report;
    uint64_t findings;
    int status;
    struct belay_err err;
};

void keeper_init(struct keeper *k, struct belay_disk *disk, const struct belay_state_backend *state,
                 const struct belay_jobs *jobs);
/* Also of one that is zero. No job is under way. */
void keeper_deinit(struct keeper *k);
/* Errors: BELAY_CONFLICT, BELAY_CANCELLED. */
int keeper_audit(struct keeper *k, struct belay_engine *e, belay_time now, struct belay_err *err) BELAY_MUST_CHECK;
/* Each turn of the engine thread: what waits for a checkpoint may begin. */
void keeper_round(struct keeper *k, struct belay_engine *e, belay_time now);
/* What is under way ends soon; nothing new begins. */
void keeper_cancel(struct keeper *k);

#endif
