#include "sim/jobs.h"

#include "base/assert.h"

static void submit(void *self, struct belay_job *job)
{
    struct sim_jobs *j = self;
    BELAY_ASSERT(job->lane < BELAY_JOB_LANES);
    j->submitted++;
    belay_list_push(&j->queued[job->lane], &job->node);
}

void sim_jobs_init(struct sim_jobs *j)
{
    *j = (struct sim_jobs){ .port = { .self = j, .submit = submit } };
    for (int lane = 0; lane < BELAY_JOB_LANES; lane++) {
        belay_list_init(&j->queued[lane]);
        belay_list_init(&j->ran[lane]);
    }
}

bool sim_jobs_can_run(const struct sim_jobs *j, enum belay_job_lane lane)
{
    return !belay_list_empty(&j->queued[lane]);
}

bool sim_jobs_can_tell(const struct sim_jobs *j, enum belay_job_lane lane)
{
    return !belay_list_empty(&j->ran[lane]);
}

void sim_jobs_run(struct sim_jobs *j, enum belay_job_lane lane)
{
    BELAY_ASSERT(sim_jobs_can_run(j, lane));
    struct belay_list *node = belay_list_pop(&j->queued[lane]);
    struct belay_job *job = BELAY_CONTAINER_OF(node, struct belay_job, node);
    job->run(job);
    belay_list_push(&j->ran[lane], &job->node);
}

void sim_jobs_tell(struct sim_jobs *j, enum belay_job_lane lane)
{
    BELAY_ASSERT(sim_jobs_can_tell(j, lane));
    struct belay_list *node = belay_list_pop(&j->ran[lane]);
    struct belay_job *job = BELAY_CONTAINER_OF(node, struct belay_job, node);
    j->finished++;
    job->done(job);
}

bool sim_jobs_empty(const struct sim_jobs *j)
{
    return j->submitted == j->finished;
}

void sim_jobs_finish(struct sim_jobs *j)
{
    while (!sim_jobs_empty(j))
        for (int lane = 0; lane < BELAY_JOB_LANES; lane++) {
            if (sim_jobs_can_run(j, lane))
                sim_jobs_run(j, lane);
            if (sim_jobs_can_tell(j, lane))
                sim_jobs_tell(j, lane);
        }
}
