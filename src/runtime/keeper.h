/* keeper.h - keeps the store: audits or backups in the background, while traffic goes on.
 *
 *   start -> waiting: a checkpoint is asked for -> running: the job, over a snapshot of the state -> done | failed
 *            (a backup: the store is pinned)       a backup: state -> plan -> files; unpinned at the end, however
 *
 * One work at a time; the runtime has a keeper for audits and one for backups.  A backup gives way, waiting or running, where the journal runs out of room.  The job runs on
 * a lane of its own for each kind (store/jobs.h) and touches only what is the job's; a
 * snapshot is the state as of one commit, so nothing moves while it is counted, and the engine does nothing more
 * than a checkpoint for it.
 * Uses: engine, platform/disk.h.  Thread: the engine's; keeper_cancel: any. */
#ifndef BELAY_RUNTIME_KEEPER_H
#define BELAY_RUNTIME_KEEPER_H

#include <stdatomic.h>

#include "base/buf.h"
#include "engine/engine.h"
#include "platform/clock.h"
#include "runtime/runtime.h"
#include "store/backup.h"

enum keep_state { KEEP_NONE, KEEP_WAITING, KEEP_RUNNING, KEEP_DONE, KEEP_FAILED };

#define KEEP_PATH_BYTES 4096

struct keeper {
    struct belay_job job;
    struct belay_disk *disk;
    const struct belay_state_backend *state;
    const struct belay_jobs *jobs;
    const struct belay_clock *clock;
    struct belay_engine *engine; /* while a work is under way */
    enum keep_state at;
    const char *work;
    uint64_t wanted;          /* a checkpoint through this commit */
    belay_time began_at, ended_at, now;
    _Atomic bool stopping, cancelled; /* the process; this work */
    _Atomic uint64_t bytes_done;
    _Atomic uint64_t bytes_total; /* 0: not known yet */
    bool files;               /* of a backup: the state is copied */
    bool gave_way;            /* cancelled for want of room */
    char to[KEEP_PATH_BYTES]; /* its folder */
    uint64_t rate;            /* bytes a second; 0: any */
    belay_time copying_since;
    struct belay_disk *target;
    struct belay_backup_plan plan;
    /* the job's while it runs */
    struct belay_buf report;
    uint64_t findings;
    int status;
    struct belay_err err;
};

void keeper_init(struct keeper *k, struct belay_disk *disk, const struct belay_state_backend *state,
                 const struct belay_jobs *jobs, const struct belay_clock *clock);
/* Also of one that is zero. No job is under way. */
void keeper_deinit(struct keeper *k);
/* Errors: BELAY_CONFLICT, BELAY_CANCELLED. */
int keeper_audit(struct keeper *k, struct belay_engine *e, belay_time now, struct belay_err *err) BELAY_MUST_CHECK;
/* Errors: also BELAY_LIMIT (the path). */
int keeper_backup(struct keeper *k, struct belay_engine *e, struct belay_str to, uint64_t rate, belay_time now,
                  struct belay_err *err) BELAY_MUST_CHECK;
/* No job runs; one may wait for its checkpoint. */
bool keeper_idle(const struct keeper *k);
/* Each turn of the engine thread: what waits for a checkpoint may begin. */
void keeper_round(struct keeper *k, struct belay_engine *e, belay_time now);
/* What is under way ends soon, as failed: of a backup what was copied goes. Errors: BELAY_NOTFOUND (nothing is). */
int keeper_end_work(struct keeper *k, struct belay_err *err) BELAY_MUST_CHECK;
/* What is under way ends soon; nothing new begins. */
void keeper_cancel(struct keeper *k);

#endif
