#include "runtime/jobs.h"

#include "base/assert.h"
#include "base/limits.h"

/* So that a commit goes to the disk when it is sealed, and not when who sealed it sleeps (decision 0415). */
#define COMMIT_TURN_US 100

/* Who runs keeps the processor until a tick of the kernel, some milliseconds; who sleeps does not (decision 0450). */
#define REST_AFTER_US 500
#define REST_US 50

static void rest(void *self, const struct belay_job *job)
{
    struct jobs *jobs = self;
    struct jobs_lane *lane = &jobs->lanes[job->lane];
    uint64_t cpu_us = belay_thread_cpu_us();
    BELAY_ASSERT(cpu_us >= lane->rested_at_us);
    if (cpu_us - lane->rested_at_us < REST_AFTER_US)
        return;
    belay_thread_sleep_us(REST_US);
    lane->rested_at_us = cpu_us;
    lane->rests++;
}

static void run_lane(void *ctx)
{
    struct jobs_lane *lane = ctx;
    if (lane == &lane->owner->lanes[BELAY_JOB_COMMIT])
        belay_thread_wish_turn_us(COMMIT_TURN_US);
    for (;;) {
        struct belay_job *job;
        while ((job = belay_mailbox_take(lane->box))) {
            job->run(job);
            lane->owner->ended(lane->owner->arg, job);
        }
        if (belay_mailbox_closed(lane->box))
            break;
        belay_mailbox_wait(lane->box, -1);
    }
}

static void submit(void *self, struct belay_job *job)
{
    struct jobs *jobs = self;
    BELAY_ASSERT(job->lane < BELAY_JOB_LANES);
    int status = belay_mailbox_post(jobs->lanes[job->lane].box, job);
    BELAY_ASSERT(status == BELAY_OK);
}

int jobs_open(struct jobs *jobs, void (*ended)(void *arg, struct belay_job *job), void *arg,
              struct belay_err *err)
{
    static const char *const names[BELAY_JOB_LANES] = { "commit", "checkpoint", "background", "fetch", "keep", "backup" };
    *jobs = (struct jobs){ .port = { jobs, submit, rest }, .ended = ended, .arg = arg };
    int status = BELAY_OK;
    for (int i = 0; i < BELAY_JOB_LANES && status == BELAY_OK; i++) {
        struct jobs_lane *lane = &jobs->lanes[i];
        lane->owner = jobs;
        status = belay_mailbox_new(BELAY_JOBS_MAX, &lane->box, err);
        if (status == BELAY_OK)
            status = belay_thread_start(&lane->thread, names[i], run_lane, lane, err);
    }
    if (status != BELAY_OK)
        jobs_close(jobs);
    return status;
}

void jobs_close(struct jobs *jobs)
{
    for (int i = 0; i < BELAY_JOB_LANES; i++) {
        struct jobs_lane *lane = &jobs->lanes[i];
        if (lane->box)
            belay_mailbox_close(lane->box);
        belay_thread_join(&lane->thread);
        belay_mailbox_free(lane->box);
        lane->box = NULL;
    }
}
