/* jobs.h - background jobs that run when the simulation says so, or never.
 * Uses: store/jobs.h.  Thread: one.  Lanes are independent; jobs of a lane run one after the other.
 * run and done are two moments: between them the work is done and nobody knows. */
#ifndef SIM_JOBS_H
#define SIM_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/jobs.h"

struct sim_jobs {
    struct belay_jobs port;
    struct belay_list queued[BELAY_JOB_LANES];
    struct belay_list ran[BELAY_JOB_LANES]; /* run, not told yet */
    uint64_t submitted, finished;
};

void sim_jobs_init(struct sim_jobs *j);
/* The lane has a job that could run now, or one whose end could be told. */
bool sim_jobs_can_run(const struct sim_jobs *j, enum belay_job_lane lane);
bool sim_jobs_can_tell(const struct sim_jobs *j, enum belay_job_lane lane);
void sim_jobs_run(struct sim_jobs *j, enum belay_job_lane lane);
void sim_jobs_tell(struct sim_jobs *j, enum belay_job_lane lane);
bool sim_jobs_empty(const struct sim_jobs *j);
/* Runs and tells everything, also what comes while it does so. */
void sim_jobs_finish(struct sim_jobs *j);

#endif
