/* jobs.h - the background port: work that may block runs elsewhere, its end comes back as an event.
 * A job's run() touches only what the job owns; done() is called on the engine thread by whoever
 * delivers events.  Lanes are independent threads; jobs of one lane run one after the other in
 * order.  The simulation runs them at a moment of its choice, or never (crash). */
#ifndef BELAY_STORE_JOBS_H
#define BELAY_STORE_JOBS_H

#include "base/list.h"

enum belay_job_lane {
    BELAY_JOB_COMMIT,     /* journal writes */
    BELAY_JOB_CHECKPOINT, /* state */
    BELAY_JOB_BACKGROUND, /* segments ahead, archive */
    BELAY_JOB_FETCH,      /* reads */
    BELAY_JOB_KEEP,       /* audits: minutes */
    BELAY_JOB_BACKUP,     /* the same: an audit does not wait for one */
    BELAY_JOB_LANES
};

struct belay_job {
    struct belay_list node; /* of the port */
    enum belay_job_lane lane;
    void (*run)(struct belay_job *job);
    void (*done)(struct belay_job *job);
};

struct belay_jobs {
    void *self;
    /* Never blocks, never fails: the job is embedded in what it works on. */
    void (*submit)(void *self, struct belay_job *job);
    /* Within run: between two pieces of what takes long, so that the engine has its turn where it waits for the same
     * processor. NULL: nobody waits. */
    void (*rest)(void *self, const struct belay_job *job);
};

static inline void belay_job_rest(const struct belay_jobs *jobs, const struct belay_job *job)
{
    if (jobs->rest)
        jobs->rest(jobs->self, job);
}

#endif
