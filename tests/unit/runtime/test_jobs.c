/* The threads of background jobs: order within a lane, and rests of a long job. */
#include "runtime/jobs.h"

#include <stdlib.h>

#include "unit/test.h"

#define BURNT_US 5000
#define RUNS 100

struct work {
    struct belay_job job;
    const struct belay_jobs *port;
    uint64_t cpu_us;
    unsigned number, *next;
};

struct lanes {
    struct jobs jobs;
    struct belay_mailbox *ended;
};

static void on_ended(void *arg, struct belay_job *job)
{
    struct lanes *l = arg;
    assert_int_equal(belay_mailbox_post(l->ended, job), BELAY_OK);
}

static struct lanes *lanes_open(void)
{
    struct lanes *l = calloc(1, sizeof *l);
    assert_int_equal(belay_mailbox_new(2 * RUNS, &l->ended, NULL), BELAY_OK);
    assert_int_equal(jobs_open(&l->jobs, on_ended, l, NULL), BELAY_OK);
    return l;
}

static struct belay_job *next_ended(struct lanes *l)
{
    struct belay_job *job;
    while (!(job = belay_mailbox_take(l->ended)))
        belay_mailbox_wait(l->ended, 1000);
    return job;
}

static void lanes_close(struct lanes *l)
{
    jobs_close(&l->jobs);
    belay_mailbox_free(l->ended);
    free(l);
}

static void burn(struct belay_job *job)
{
    struct work *w = BELAY_CONTAINER_OF(job, struct work, job);
    uint64_t began = belay_thread_cpu_us();
    do {
        belay_job_rest(w->port, job);
        w->cpu_us = belay_thread_cpu_us() - began;
    } while (w->cpu_us < BURNT_US);
}

/* Of its own lane alone, and not each time it is asked. */
static void a_long_job_rests_after_each_half_millisecond_of_work(void **state)
{
    (void)state;
    struct lanes *l = lanes_open();
    struct work w = { .job = { .lane = BELAY_JOB_BACKGROUND, .run = burn }, .port = &l->jobs.port };
    belay_list_init(&w.job.node);
    l->jobs.port.submit(&l->jobs, &w.job);
    assert_ptr_equal(next_ended(l), &w.job);
    uint64_t rests = l->jobs.lanes[BELAY_JOB_BACKGROUND].rests;
    assert_true(rests >= 1 && rests <= w.cpu_us / 500 + 1);
    assert_int_equal(l->jobs.lanes[BELAY_JOB_COMMIT].rests, 0);
    lanes_close(l);
}

static void count(struct belay_job *job)
{
    struct work *w = BELAY_CONTAINER_OF(job, struct work, job);
    w->number = (*w->next)++;
}

static void jobs_of_a_lane_run_in_order_and_all_before_it_closes(void **state)
{
    (void)state;
    static struct work w[RUNS];
    unsigned next = 0;
    struct lanes *l = lanes_open();
    for (unsigned i = 0; i < RUNS; i++) {
        w[i] = (struct work){ .job = { .lane = BELAY_JOB_FETCH, .run = count }, .next = &next };
        belay_list_init(&w[i].job.node);
        l->jobs.port.submit(&l->jobs, &w[i].job);
    }
    jobs_close(&l->jobs);
    for (unsigned i = 0; i < RUNS; i++) {
        assert_int_equal(w[i].number, i);
        assert_ptr_equal(next_ended(l), &w[i].job);
    }
    lanes_close(l); /* closed already: nothing happens */
}

static void without_a_port_for_it_nobody_rests(void **state)
{
    (void)state;
    const struct belay_jobs port = { 0 };
    struct belay_job job = { 0 };
    belay_job_rest(&port, &job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_job_rests_after_each_half_millisecond_of_work),
        cmocka_unit_test(jobs_of_a_lane_run_in_order_and_all_before_it_closes),
        cmocka_unit_test(without_a_port_for_it_nobody_rests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
