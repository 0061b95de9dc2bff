/* jobs.h - the background port of the store (store/jobs.h): a thread for each lane.
 * Jobs of a lane run one after the other; their end is posted to the engine thread.
 * Uses: store/jobs.h, platform.  Thread: submit from the engine's (and before it runs, from main). */
#ifndef BELAY_RUNTIME_JOBS_H
#define BELAY_RUNTIME_JOBS_H

#include "platform/mailbox.h"
#include "platform/thread.h"
#include "store/jobs.h"

struct jobs;

struct jobs_lane {
    struct jobs *owner;
    struct belay_mailbox *box;
    struct belay_thread thread;
    uint64_t rested_at_us, rests; /* CPU of its thread when it last rested; how often it did */
};

struct jobs {
    struct belay_jobs port;
    struct jobs_lane lanes[BELAY_JOB_LANES];
    /* Where ended jobs go; called on the lane's thread. */
    void (*ended)(void *arg, struct belay_job *job);
    void *arg;
};

/* Errors: BELAY_NOMEM, BELAY_BUSY. */
int jobs_open(struct jobs *jobs, void (*ended)(void *arg, struct belay_job *job), void *arg,
              struct belay_err *err) BELAY_MUST_CHECK;
/* What was submitted is run first. No-op for one that was never opened (zeroed). */
void jobs_close(struct jobs *jobs);

#endif
