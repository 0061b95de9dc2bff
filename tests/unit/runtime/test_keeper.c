/* The keeper's life, with jobs that run when the test says so: one work at a time, and a store that is never pinned
 * for longer than a backup is under way. */
#include "runtime/keeper.h"

#include "store/store_impl.h"
#include "unit/engine/bench.h"
#include "unit/tempdir.h"

static const char flows[] = "belay: 1\n"
                            "name: t\n"
                            "topics: { work: {} }\n"
                            "flows:\n"
                            "  see: { from: { topic: work }, steps: [ { log: 'seen' } ] }\n";

struct world {
    struct bench b;
    struct keeper k;
    struct belay_job *job; /* that was submitted and has not ended */
    struct belay_jobs jobs;
};

static void submit(void *self, struct belay_job *job)
{
    struct world *w = self;
    assert_null(w->job);
    assert_int_equal(job->lane, strcmp(w->k.work, "backup") == 0 ? BELAY_JOB_BACKUP : BELAY_JOB_KEEP);
    w->job = job;
}

static int setup(void **state)
{
    struct world *w = belay_calloc(1, sizeof *w);
    bench_init(&w->b, flows);
    w->jobs = (struct belay_jobs){ .self = w, .submit = submit };
    keeper_init(&w->k, w->b.disk, &w->b.model, &w->jobs, NULL);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    keeper_deinit(&w->k);
    bench_deinit(&w->b);
    belay_free(w);
    return 0;
}

static int audit(struct world *w)
{
    return keeper_audit(&w->k, w->b.engine, w->b.now, &w->b.err);
}

static int backup(struct world *w, const char *to)
{
    return keeper_backup(&w->k, w->b.engine, belay_str_c(to), 0, w->b.now, &w->b.err);
}

static bool pinned(struct world *w)
{
    return belay_engine_store(w->b.engine)->pinned;
}

static void set_short(struct world *w, bool is_short)
{
    belay_engine_store(w->b.engine)->journal.is_short = is_short;
}

/* Until the checkpoint that the work waits for has been made. */
static void run_until_running(struct world *w)
{
    for (int i = 0; i < 20 && w->k.at == KEEP_WAITING; i++) {
        belay_engine_step(w->b.engine, ++w->b.now);
        sim_jobs_finish(&w->b.jobs);
        keeper_round(&w->k, w->b.engine, w->b.now);
    }
    assert_int_equal(w->k.at, KEEP_RUNNING);
    assert_non_null(w->job);
}

/* The job's run is not what is tested here: this is what it would have come to. */
static void job_ends(struct world *w, int status)
{
    struct belay_job *job = w->job;
    w->job = NULL;
    w->k.status = status;
    if (status != BELAY_OK)
        belay_fail(&w->k.err, status, "what the job met");
    job->done(job);
}

static void one_work_is_under_way_at_a_time(void **state)
{
    struct world *w = *state;
    assert_ok(audit(w));
    assert_int_equal(w->k.at, KEEP_WAITING);
    assert_true(keeper_idle(&w->k)); /* no job yet */
    assert_int_equal(audit(w), BELAY_CONFLICT);
    assert_int_equal(backup(w, "/else"), BELAY_CONFLICT);
    assert_string_equal(w->k.work, "audit");
    assert_false(pinned(w));
    run_until_running(w);
    assert_false(keeper_idle(&w->k));
    assert_int_equal(backup(w, "/else"), BELAY_CONFLICT);
    job_ends(w, BELAY_OK);
    assert_int_equal(w->k.at, KEEP_DONE);
    assert_ok(audit(w));
    run_until_running(w);
    job_ends(w, BELAY_IO);
    assert_int_equal(w->k.at, KEEP_FAILED);
    assert_string_equal(w->k.err.msg, "what the job met");
}

/* On a full disk no checkpoint ends, and who asks must not wait for ever. */
static void an_audit_waits_ten_seconds_for_a_checkpoint_and_says_why_it_ends(void **state)
{
    struct world *w = *state;
    assert_ok(audit(w));
    keeper_round(&w->k, w->b.engine, w->b.now + 10 * BELAY_US_PER_S);
    assert_int_equal(w->k.at, KEEP_WAITING);
    keeper_round(&w->k, w->b.engine, w->b.now + 10 * BELAY_US_PER_S + 1);
    assert_int_equal(w->k.at, KEEP_FAILED);
    assert_int_equal(w->k.err.code, BELAY_NOSPACE);
    assert_non_null(strstr(w->k.err.msg, "make room"));
    assert_ok(audit(w)); /* again, when there is */
    run_until_running(w);
    job_ends(w, BELAY_OK);
}

static void a_backup_pins_the_store_until_all_is_copied(void **state)
{
    struct world *w = *state;
    assert_ok(backup(w, "/backup"));
    assert_true(pinned(w));
    run_until_running(w);
    job_ends(w, BELAY_OK); /* the state; now the files, as of what is durable by then */
    assert_int_equal(w->k.at, KEEP_RUNNING);
    assert_non_null(w->job);
    assert_true(w->k.files && pinned(w));
    assert_int_equal(w->k.wanted, belay_store_durable(belay_engine_store(w->b.engine)));
    job_ends(w, BELAY_OK);
    assert_int_equal(w->k.at, KEEP_DONE);
    assert_false(pinned(w));
}

static void a_backup_that_fails_lets_the_store_go(void **state)
{
    struct world *w = *state;
    for (int phase = 0; phase < 2; phase++) {
        assert_ok(backup(w, "/backup"));
        run_until_running(w);
        if (phase)
            job_ends(w, BELAY_OK);
        assert_true(pinned(w));
        job_ends(w, BELAY_NOSPACE);
        assert_int_equal(w->k.at, KEEP_FAILED);
        assert_string_equal(w->k.err.msg, "what the job met");
        assert_false(pinned(w));
    }
}

static bool is_there(const char *to, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", to, name);
    return access(path, F_OK) == 0;
}

/* A backup into to whose state was copied. */
static void copy_state_into(struct world *w, const char *to)
{
    char path[64];
    assert_ok(backup(w, to));
    run_until_running(w);
    assert_ok(belay_backup_open_target(w->b.disk, to, &w->k.target, &w->b.err));
    assert_ok(belay_disk_mkdir(w->k.target, "state", &w->b.err));
    snprintf(path, sizeof path, "%s/state/data.mdb", to);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
}

/* What was copied goes, in the job: it may be many files, and large ones. */
static void without_memory_for_its_plan_a_backup_fails_and_leaves_nothing(void **state)
{
    struct world *w = *state;
    char to[32];
    assert_non_null(tempdir_make(to));
    copy_state_into(w, to);
    belay_alloc_fail_after(0);
    job_ends(w, BELAY_OK);
    belay_alloc_fail_after(UINT64_MAX);
    assert_int_equal(w->k.at, KEEP_RUNNING);
    assert_true(pinned(w));
    assert_true(is_there(to, "state/data.mdb"));
    w->job->run(w->job);
    assert_false(is_there(to, "state/data.mdb"));
    assert_false(is_there(to, "MANIFEST"));
    struct belay_job *job = w->job;
    w->job = NULL;
    job->done(job);
    assert_int_equal(w->k.at, KEEP_FAILED);
    assert_int_equal(w->k.err.code, BELAY_NOMEM);
    assert_false(pinned(w));
    tempdir_remove(to);
}

/* The checkpoint that it waits for may never come: there is no room for it, and the pin keeps what would make some. */
static void a_backup_gives_way_while_it_still_waits(void **state)
{
    struct world *w = *state;
    assert_ok(backup(w, "/backup"));
    set_short(w, true);
    keeper_round(&w->k, w->b.engine, w->b.now);
    assert_int_equal(w->k.at, KEEP_FAILED);
    assert_int_equal(w->k.err.code, BELAY_NOSPACE);
    assert_non_null(strstr(w->k.err.msg, "gave way"));
    assert_false(pinned(w));
    assert_null(w->job);
    set_short(w, false);
    assert_ok(backup(w, "/backup"));
    run_until_running(w);
    job_ends(w, BELAY_IO);
    assert_null(strstr(w->k.err.msg, "gave way"));
}

static void a_running_backup_gives_way_and_an_audit_need_not(void **state)
{
    struct world *w = *state;
    assert_ok(audit(w));
    run_until_running(w);
    set_short(w, true);
    keeper_round(&w->k, w->b.engine, w->b.now);
    assert_false(atomic_load(&w->k.cancelled));
    job_ends(w, BELAY_OK);
    set_short(w, false);
    assert_ok(backup(w, "/backup"));
    run_until_running(w);
    set_short(w, true);
    keeper_round(&w->k, w->b.engine, w->b.now);
    assert_true(atomic_load(&w->k.cancelled)); /* its job sees it */
    assert_true(pinned(w));
    job_ends(w, BELAY_CANCELLED);
    assert_int_equal(w->k.err.code, BELAY_NOSPACE);
    assert_false(pinned(w));
}

static void who_stops_ends_what_is_under_way_and_begins_nothing(void **state)
{
    struct world *w = *state;
    assert_ok(backup(w, "/backup"));
    run_until_running(w);
    keeper_cancel(&w->k);
    set_short(w, true);
    keeper_round(&w->k, w->b.engine, w->b.now); /* it is told so already, and not for want of room */
    job_ends(w, BELAY_CANCELLED);
    assert_int_equal(w->k.err.code, BELAY_CANCELLED);
    assert_int_equal(audit(w), BELAY_CANCELLED);
    assert_int_equal(backup(w, "/backup"), BELAY_CANCELLED);
    assert_false(pinned(w));
}

static void a_cancelled_backup_lets_the_store_go_and_another_may_begin(void **state)
{
    struct world *w = *state;
    assert_int_equal(keeper_end_work(&w->k, &w->b.err), BELAY_NOTFOUND);
    assert_ok(backup(w, "/backup"));
    assert_ok(keeper_end_work(&w->k, &w->b.err)); /* while it waits: at once */
    assert_int_equal(w->k.at, KEEP_FAILED);
    assert_int_equal(w->k.err.code, BELAY_CANCELLED);
    assert_false(pinned(w));
    assert_int_equal(keeper_end_work(&w->k, &w->b.err), BELAY_NOTFOUND);
    assert_ok(backup(w, "/backup"));
    run_until_running(w);
    assert_false(atomic_load(&w->k.cancelled));
    assert_ok(keeper_end_work(&w->k, &w->b.err)); /* while it runs: its job sees it */
    assert_true(atomic_load(&w->k.cancelled) && pinned(w));
    job_ends(w, BELAY_CANCELLED);
    assert_int_equal(w->k.at, KEEP_FAILED);
    assert_false(pinned(w));
    assert_ok(backup(w, "/backup"));
    run_until_running(w);
    job_ends(w, BELAY_OK);
    job_ends(w, BELAY_OK);
    assert_int_equal(w->k.at, KEEP_DONE);
}

static void a_backup_needs_the_path_of_a_folder(void **state)
{
    struct world *w = *state;
    static char path[KEEP_PATH_BYTES + 1];
    memset(path, 'x', sizeof path - 1);
    assert_int_equal(backup(w, ""), BELAY_LIMIT);
    assert_int_equal(backup(w, path), BELAY_LIMIT);
    assert_int_equal(keeper_backup(&w->k, w->b.engine, belay_str("a\0b", 3), 0, w->b.now, &w->b.err), BELAY_LIMIT);
    assert_int_equal(w->k.at, KEEP_NONE);
    assert_false(pinned(w));
    assert_ok(backup(w, "/backup"));
    assert_int_equal(backup(w, "/else"), BELAY_CONFLICT);
    assert_string_equal(w->k.to, "/backup");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(one_work_is_under_way_at_a_time),
        TEST(an_audit_waits_ten_seconds_for_a_checkpoint_and_says_why_it_ends),
        TEST(a_backup_pins_the_store_until_all_is_copied),
        TEST(a_backup_that_fails_lets_the_store_go),
        TEST(without_memory_for_its_plan_a_backup_fails_and_leaves_nothing),
        TEST(a_backup_gives_way_while_it_still_waits),
        TEST(a_running_backup_gives_way_and_an_audit_need_not),
        TEST(who_stops_ends_what_is_under_way_and_begins_nothing),
        TEST(a_cancelled_backup_lets_the_store_go_and_another_may_begin),
        TEST(a_backup_needs_the_path_of_a_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
