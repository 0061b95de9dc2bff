#include "runtime/runtime.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "runtime/impl.h"

#define PATH_BYTES 4096

/* ---- ports ---- */

static void on_job_ended(void *arg, struct belay_job *job)
{
    shard_post(arg, job, MAIL_JOB);
}

static void on_outcome(void *arg, struct belay_call_outcome *outcome)
{
    shard_post(arg, outcome, MAIL_OUTCOME);
}

static int recompile(void *arg, const struct belay_definitions *current, const char *kind, struct belay_str text,
                     struct belay_definitions **ret_one, struct belay_err *err)
{
    struct belay_runtime *rt = arg;
    struct belay_problems problems;
    belay_problems_init(&problems);
    (void)kind; /* the text says it */
    int status = belay_config_recompile(rt->opt.config, (struct belay_definitions *)(uintptr_t)current, text, ret_one,
                                        &problems, err);
    if (status != BELAY_OK && problems.count)
        status = belay_fail(err, status, "%.*s", BELAY_STR_ARG(problems.items[0].message));
    belay_problems_deinit(&problems);
    return status;
}

/* ---- opening ---- */

static int open_state(struct belay_runtime *rt, struct belay_err *err)
{
    char path[PATH_BYTES];
    int status = belay_disk_mkdir(rt->disk, "state", err);
    if (status != BELAY_OK)
        return status;
    if (snprintf(path, sizeof path, "%s/state", rt->opt.data_dir) >= (int)sizeof path)
        return belay_fail(err, BELAY_LIMIT, "the path of the data directory is too long");
    status = belay_state_lmdb_open(path, BELAY_STATE_MAP_BYTES, &rt->state, err);
    rt->state_open = status == BELAY_OK;
    return status;
}

/* A directory out of a backup: half of one is none, and a whole one waits for a person. */
static int look_for_restore(struct belay_runtime *rt, struct belay_err *err)
{
    struct belay_file *file;
    size_t n = 0;
    int status = belay_backup_is_whole(rt->disk, err);
    if (status != BELAY_OK)
        return belay_wrap(err, status, "%s", rt->opt.data_dir);
    status = belay_file_open(rt->disk, BELAY_RESTORED_NAME, 0, &file, err);
    if (status == BELAY_NOTFOUND)
        return BELAY_OK;
    if (status == BELAY_OK) {
        status = belay_file_read(file, 0, rt->restored, sizeof rt->restored - 1, &n, err);
        belay_file_close(file);
    }
    if (status == BELAY_OK && n == 0)
        snprintf(rt->restored, sizeof rt->restored, "restored from a backup");
    return status;
}

static int open_engine(struct belay_runtime *rt, struct belay_definitions *d, struct belay_err *err)
{
    struct belay_engine_opt opt = {
        .disk = rt->disk,
        .jobs = &rt->jobs.port,
        .state = &rt->state,
        .seed = belay_entropy_u64(rt->opt.entropy),
        .now = belay_clock_wall(rt->opt.clock),
        .store_bytes_max = rt->opt.store_bytes_max,
        .recompile = recompile,
        .arg = rt,
    };
    int status = belay_engine_open(&opt, &rt->engine, err);
    if (status != BELAY_OK)
        return belay_wrap(err, status, "store in %s", rt->opt.data_dir);
    status = belay_engine_configure(rt->engine, d, belay_clock_wall(rt->opt.clock), err);
    if (status == BELAY_OK)
        belay_engine_hold(rt->engine, rt->restored[0]);
    return status;
}

/* What a start found that is no reason to refuse, and that nobody may miss. */
static void tell_findings(struct belay_runtime *rt)
{
    if (rt->restored[0])
        BELAY_LOG(rt->opt.log, BELAY_LOG_WARN, belay_clock_wall(rt->opt.clock), "store.restored",
                  belay_f_str("what", belay_str_c(rt->restored)),
                  belay_f_str("hint", BELAY_STR("nothing is handled until a person has looked: belay resume")));
    struct belay_store_stats store;
    belay_store_stats(belay_engine_store(rt->engine), &store);
    if (store.unwitnessed)
        BELAY_LOG(rt->opt.log, BELAY_LOG_WARN, belay_clock_wall(rt->opt.clock), "store.unwitnessed",
                  belay_f_str("hint", BELAY_STR("journal/NEWEST was missing: had the newest segment been lost as well, "
                                                "nobody would know")));
}

static int open_all(struct belay_runtime *rt, struct belay_definitions *d, struct belay_err *err)
{
    int status = belay_disk_open_posix(rt->opt.data_dir, BELAY_DISK_CREATE, &rt->disk, err);
    if (status == BELAY_OK)
        status = look_for_restore(rt, err);
    if (status == BELAY_OK)
        status = open_state(rt, err);
    if (status == BELAY_OK)
        status = belay_mailbox_new(BELAY_MAIL_CAPACITY, &rt->mail, err);
    if (status == BELAY_OK)
        status = jobs_open(&rt->jobs, on_job_ended, rt, err);
    if (status == BELAY_OK)
        status = record_init(&rt->record, rt->opt.log, rt->opt.metrics, err);
    if (status == BELAY_OK)
        status = alerts_init(&rt->alerts, rt->opt.log, rt->opt.metrics, err);
    if (status == BELAY_OK)
        status = certificates_init(&rt->certificates, err);
    if (status == BELAY_OK)
        status = open_engine(rt, d, err);
    if (status == BELAY_OK) {
        keeper_init(&rt->audits, rt->disk, &rt->state, &rt->jobs.port, rt->opt.clock);
        keeper_init(&rt->backups, rt->disk, &rt->state, &rt->jobs.port, rt->opt.clock);
    }
    if (status == BELAY_OK)
        status = outside_set(&rt->outside, d, 0, err);
    if (status == BELAY_OK)
        status = listeners_set(rt, d, err);
    if (status == BELAY_OK) {
        rt->alerts.listeners = &rt->listeners;
        rt->alerts.certificates = &rt->certificates;
        alerts_configure(&rt->alerts, d);
        certificates_set(&rt->certificates, d);
        alerts_load(&rt->alerts, rt->engine, belay_clock_wall(rt->opt.clock));
        tell_findings(rt);
        status = belay_thread_start(&rt->thread, "engine", shard_run, rt, err);
    }
    return status;
}

/* Waits, on the main thread, for what ends by itself. */
static void wait_until(struct belay_runtime *rt, bool (*over)(struct belay_runtime *rt))
{
    while (!over(rt)) {
        shard_turn_away(rt);
        if (!over(rt))
            belay_mailbox_wait(rt->mail, 1);
    }
}

static bool outside_is_closed(struct belay_runtime *rt)
{
    return outside_closed(&rt->outside);
}

static bool listeners_are_closed(struct belay_runtime *rt)
{
    return listeners_closed(rt);
}

static bool keepers_are_idle(struct belay_runtime *rt)
{
    return keeper_idle(&rt->audits) && keeper_idle(&rt->backups);
}

static void cancel_keepers(struct belay_runtime *rt)
{
    keeper_cancel(&rt->audits);
    keeper_cancel(&rt->backups);
}

static bool store_is_idle(struct belay_runtime *rt)
{
    return belay_store_idle(belay_engine_store(rt->engine));
}

/* After an orderly stop the last commit has a witness, and the next start nothing to apply (decision 0200). */
static void last_checkpoint(struct belay_runtime *rt)
{
    struct belay_err err;
    if (!rt->stop_seen || rt->failed != BELAY_OK)
        return;
    int status = belay_store_checkpoint(belay_engine_store(rt->engine), &err);
    if (status != BELAY_OK)
        BELAY_LOG(rt->opt.log, BELAY_LOG_WARN, belay_clock_wall(rt->opt.clock), "runtime.no_checkpoint",
                  belay_f_err(&err));
}

/* The engine's thread has ended or never ran. */
static void close_all(struct belay_runtime *rt)
{
    cancel_keepers(rt);
    if (rt->mail)
        shard_turn_away(rt);
    outside_close(&rt->outside, 0);
    listeners_close(rt, 0);
    if (rt->mail) {
        wait_until(rt, outside_is_closed);
        wait_until(rt, listeners_are_closed);
    }
    listeners_deinit(rt);
    if (rt->engine) {
        wait_until(rt, keepers_are_idle);
        wait_until(rt, store_is_idle);
        last_checkpoint(rt);
        belay_engine_close(rt->engine);
        rt->engine = NULL;
    }
    alerts_deinit(&rt->alerts);
    certificates_deinit(&rt->certificates);
    jobs_close(&rt->jobs);
    keeper_deinit(&rt->audits);
    keeper_deinit(&rt->backups);
    if (rt->state_open)
        rt->state.close(rt->state.self);
    if (rt->mail)
        shard_turn_away(rt);
    belay_mailbox_free(rt->mail);
    belay_disk_close(rt->disk);
}

int belay_runtime_open(const struct belay_runtime_opt *opt, struct belay_problems *problems,
                       struct belay_runtime **ret_runtime, struct belay_err *err)
{
    struct belay_definitions *d;
    int status = belay_config_load(opt->config, &d, problems, err);
    if (status != BELAY_OK)
        return status;
    struct belay_runtime *rt = belay_calloc(1, sizeof *rt);
    if (!rt) {
        belay_definitions_unref(d);
        return belay_fail(err, BELAY_NOMEM, "no memory for the runtime");
    }
    rt->opt = *opt;
    if (opt->veil)
        belay_veil_set(opt->veil, d);
    rt->stats.started_at = belay_clock_wall(opt->clock);
    belay_list_init(&rt->visits);
    belay_list_init(&rt->requests);
    listeners_init(rt);
    outside_init(&rt->outside, on_outcome, rt);
    status = open_all(rt, d, err);
    belay_definitions_unref(d);
    if (status != BELAY_OK) {
        close_all(rt);
        belay_free(rt);
        return status;
    }
    atomic_store(&rt->ready, true);
    *ret_runtime = rt;
    return BELAY_OK;
}

void belay_runtime_stop(struct belay_runtime *rt)
{
    if (atomic_exchange(&rt->stopping, true)) {
        atomic_store(&rt->hurry, true);
        return;
    }
    atomic_store(&rt->ready, false);
    cancel_keepers(rt);
    /* Who waits for a flow that does not end in the drain is told so at its end: the connections last longer. */
    listeners_close(rt, rt->opt.drain_ms + BELAY_STOP_ANSWERS_MS);
}

void belay_runtime_close(struct belay_runtime *rt)
{
    atomic_store(&rt->closing, true);
    belay_thread_join(&rt->thread);
    close_all(rt);
    belay_free(rt);
}

/* ---- reload ---- */

struct reload {
    struct belay_visit visit;
    struct belay_runtime *rt;
    struct belay_definitions *definitions;
    int status;
    struct belay_err err;
    struct belay_mutex mutex;
    struct belay_cond cond;
    bool over;
};

static bool reload_run(struct belay_visit *v, struct belay_engine *e, belay_time now)
{
    struct reload *r = BELAY_CONTAINER_OF(v, struct reload, visit);
    struct outside *outside = &r->rt->outside;
    uint32_t drain_ms = r->rt->opt.drain_ms;
    r->status = outside_set(outside, r->definitions, drain_ms, &r->err);
    if (r->status != BELAY_OK)
        return true;
    r->status = belay_engine_configure(e, r->definitions, now, &r->err);
    if (r->status != BELAY_OK && outside_set(outside, belay_engine_definitions(e), drain_ms, NULL) != BELAY_OK)
        belay_wrap(&r->err, r->status, "the connections of the new configuration stay");
    if (r->status == BELAY_OK) {
        alerts_configure(&r->rt->alerts, r->definitions);
        certificates_set(&r->rt->certificates, r->definitions);
    }
    return true;
}

static void reload_done(struct belay_visit *v, bool failed)
{
    struct reload *r = BELAY_CONTAINER_OF(v, struct reload, visit);
    belay_mutex_lock(&r->mutex);
    if (failed && r->status == BELAY_OK)
        r->status = belay_fail(&r->err, BELAY_CANCELLED, "the engine has stopped");
    r->over = true;
    belay_cond_signal(&r->cond);
    belay_mutex_unlock(&r->mutex);
}

/* On the engine thread, waited for. */
static int configure(struct belay_runtime *rt, struct belay_definitions *d, struct belay_err *err)
{
    struct reload r = { .visit = { .run = reload_run, .done = reload_done }, .rt = rt, .definitions = d };
    belay_mutex_init(&r.mutex);
    belay_cond_init(&r.cond);
    int status = belay_runtime_visit(rt, &r.visit);
    if (status == BELAY_OK) {
        belay_mutex_lock(&r.mutex);
        while (!r.over)
            belay_cond_wait(&r.cond, &r.mutex);
        belay_mutex_unlock(&r.mutex);
        status = r.status;
        if (status != BELAY_OK && err)
            *err = r.err;
    } else {
        belay_fail(err, status, "the engine takes no visitors now");
    }
    belay_cond_deinit(&r.cond);
    belay_mutex_deinit(&r.mutex);
    return status;
}

static int reload(struct belay_runtime *rt, struct belay_problems *problems, struct belay_err *err)
{
    struct belay_definitions *d;
    int status = belay_config_load(rt->opt.config, &d, problems, err);
    if (status != BELAY_OK)
        return status;
    if (rt->opt.veil) /* before anything of it can turn up in a line */
        belay_veil_coming(rt->opt.veil, d);
    /* Listening first: it is what most often fails, and it can be told apart from what runs. */
    status = listeners_set(rt, d, err);
    if (status == BELAY_OK) {
        status = configure(rt, d, err);
        if (status != BELAY_OK) {
            struct belay_err ignored;
            struct belay_definitions *before =
                belay_definitions_ref((struct belay_definitions *)(uintptr_t)belay_engine_definitions(rt->engine));
            if (listeners_set(rt, before, &ignored) != BELAY_OK)
                BELAY_LOG(rt->opt.log, BELAY_LOG_ERROR, belay_clock_wall(rt->opt.clock), "reload.undo_failed",
                          belay_f_err(&ignored));
            belay_definitions_unref(before);
        }
    }
    if (status == BELAY_OK && rt->opt.veil)
        belay_veil_set(rt->opt.veil, d);
    belay_definitions_unref(d);
    return status;
}

int belay_runtime_reload(struct belay_runtime *rt, struct belay_problems *problems, struct belay_err *err)
{
    if (atomic_load(&rt->stopping)) /* it would listen again */
        return belay_fail(err, BELAY_CANCELLED, "it is stopping");
    int status = reload(rt, problems, err);
    alerts_reload(&rt->alerts, status != BELAY_OK);
    return status;
}

/* ---- visits and looks ---- */

int belay_runtime_visit(struct belay_runtime *rt, struct belay_visit *v)
{
    int status = shard_offer(rt, v, MAIL_VISIT);
    belay_mailbox_wake(rt->mail);
    return status;
}

int belay_runtime_failed(const struct belay_runtime *rt, struct belay_err *err)
{
    if (rt->failed != BELAY_OK && err)
        *err = rt->failure;
    return rt->failed;
}

bool belay_runtime_ready(const struct belay_runtime *rt)
{
    return atomic_load(&rt->ready);
}

const char *belay_runtime_data_dir(const struct belay_runtime *rt)
{
    return rt->opt.data_dir;
}

struct belay_definitions *belay_runtime_definitions(const struct belay_runtime *rt)
{
    return rt->opt.veil ? belay_veil_definitions(rt->opt.veil) : NULL;
}

struct belay_metrics *belay_runtime_metrics(const struct belay_runtime *rt)
{
    return rt->opt.metrics;
}

void belay_runtime_sample(struct belay_runtime *rt, belay_time now)
{
    record_sample(&rt->record, rt->engine, now);
    listeners_sample(rt);
}

struct belay_alerts *belay_runtime_alerts(struct belay_runtime *rt)
{
    return rt->alerts.rules;
}

int belay_runtime_silence(struct belay_runtime *rt, const struct belay_silence *silence, uint64_t *ret_number,
                          struct belay_err *err)
{
    return alerts_silence(&rt->alerts, rt->engine, silence, ret_number, err);
}

int belay_runtime_unsilence(struct belay_runtime *rt, uint64_t number, struct belay_err *err)
{
    return alerts_unsilence(&rt->alerts, rt->engine, number, err);
}

int belay_runtime_alert_test(struct belay_runtime *rt, struct belay_str channel, struct belay_str who, belay_time now,
                             struct belay_err *err)
{
    return alerts_test(&rt->alerts, rt->engine, channel, who, now, err);
}

int belay_runtime_preview(struct belay_runtime *rt, struct belay_str connection, const struct belay_call_request *request,
                          struct belay_arena *arena, struct belay_call_preview *ret_preview, struct belay_err *err)
{
    return outside_preview(&rt->outside, connection, request, arena, ret_preview, err);
}

void belay_runtime_audit(struct belay_runtime *rt, belay_time now, const char *event, struct belay_str who,
                         struct belay_str what, struct belay_str reason)
{
    BELAY_LOG(rt->opt.log, BELAY_LOG_INFO, now, event, belay_f_str("who", who), belay_f_str("what", what),
              belay_f_str("reason", reason));
}

/* ---- after a restore ---- */

struct belay_str belay_runtime_held(const struct belay_runtime *rt)
{
    return belay_str_c(rt->restored);
}

int belay_runtime_resume(struct belay_runtime *rt, struct belay_err *err)
{
    if (!rt->restored[0])
        return belay_fail(err, BELAY_CONFLICT, "it is not held: everything runs");
    int status = belay_disk_unlink(rt->disk, BELAY_RESTORED_NAME, err);
    if (status == BELAY_OK)
        status = belay_disk_sync_dir(rt->disk, "", err);
    if (status != BELAY_OK)
        return status;
    rt->restored[0] = '\0';
    belay_engine_hold(rt->engine, false);
    return BELAY_OK;
}
