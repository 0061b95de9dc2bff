/* What happens next: the scheduler, and the engine's life and deaths. */
#include "sim/world.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/alloc.h"
#include "sim/app.h"

#define EPOCH (INT64_C(1790000000) * SIM_S)
#define CALM_TICKS_MAX 60000

/* ---- the state backend: as durable as its last commit, unless the process is gone ---- */

static uint64_t state_position(void *self)
{
    struct sim_world *w = self;
    return w->model.position(w->model.self);
}

static int state_get(void *self, uint32_t table, struct belay_str key, struct belay_str *ret_value,
                     struct belay_err *err)
{
    struct sim_world *w = self;
    return w->model.get(w->model.self, table, key, ret_value, err);
}

static int state_seek(void *self, uint32_t table, struct belay_str from, bool after,
                      struct belay_str *ret_key, struct belay_str *ret_value, struct belay_err *err)
{
    struct sim_world *w = self;
    return w->model.seek(w->model.self, table, from, after, ret_key, ret_value, err);
}

static int state_commit(void *self, uint64_t position,
                        bool (*next)(void *arg, struct belay_state_change *ret), void *arg,
                        struct belay_err *err)
{
    struct sim_world *w = self;
    if (w->model_dead || sim_disk_stopped(w->disk))
        return belay_fail(err, BELAY_IO, "the state is gone");
    return w->model.commit(w->model.self, position, next, arg, err);
}

static int state_refresh(void *self, struct belay_err *err)
{
    struct sim_world *w = self;
    return w->model.refresh(w->model.self, err);
}

static void state_close(void *self)
{
    (void)self; /* the medium stays */
}

/* ---- life and death ---- */

static int open_engine(struct sim_world *w, struct belay_err *err)
{
    const struct belay_engine_opt opt = {
        .disk = w->disk,
        .jobs = &w->jobs.port,
        .state = &w->state,
        .seed = belay_random_next(&w->random),
        .now = sim_clock(w),
        .segment_bytes = w->segment_bytes,
        .journal_bytes_max = w->journal_bytes_max,
        .overlay_bytes_max = w->overlay_bytes_max,
        .tail_cache_bytes = BELAY_KIB(16),
        .requests_max = 64,
        .recompile = sim_app_recompile,
        .granted = sim_gate_granted,
        .arg = w,
    };
    int status = belay_engine_open(&opt, &w->engine, err);
    if (status != BELAY_OK) {
        w->engine = NULL;
        return status;
    }
    w->life = SIM_ALIVE;
    sim_small_parts(w);
    struct belay_definitions *d = sim_app(w->edition);
    status = belay_engine_configure(w->engine, d, sim_clock(w), err);
    belay_definitions_unref(d);
    return status;
}

/* The process is gone: whatever it still tries changes nothing. */
static void die(struct sim_world *w, enum sim_death death)
{
    sim_trace(w, "%s", death == SIM_POWER ? "power failure" : "kill -9");
    w->limits.loose = true;
    w->crashes++;
    sim_newest_look(w);
    sim_crashes_died(w, death == SIM_POWER);
    sim_keys_died(w);
    sim_alerts_stop(w);
    w->dying = true; /* what is done from here on is no longer done */
    sim_disk_stop(w->disk);
    w->model_dead = true;
    sim_jobs_finish(&w->jobs);
    belay_engine_close(w->engine);
    w->engine = NULL;
    w->life = SIM_DEAD;
    BELAY_ASSERT(sim_jobs_empty(&w->jobs));
    sim_clients_cut_off(w);
    sim_endpoints_cut_off(w);
    sim_gates_cut_off(w);
    sim_backups_cut_off(w);
    sim_edge_cut_off(w);
    sim_notices_cut_off(w);
    sim_disk_restart(w->disk, death);
    w->model_dead = false;
    w->sync_fault = false;
    w->dying = false;
}

static enum sim_death some_death(struct sim_world *w)
{
    return sim_chance(w, 600) && w->power_fails ? SIM_POWER : SIM_KILL;
}

/* Until it is up; starting may fail as well. */
static void start(struct sim_world *w)
{
    struct belay_err err;
    sim_newest_check(w);
    sim_audit_look(w);
    for (int tries = 0;; tries++) {
        bool stumbles = !w->calm && tries < 3 && sim_chance(w, 100);
        if (stumbles)
            sim_disk_stop_after(w->disk, sim_below(w, 60));
        int status = open_engine(w, &err);
        if (status == BELAY_OK && !sim_disk_stopped(w->disk)) {
            sim_disk_stop_after(w->disk, UINT64_MAX);
            sim_trace(w, "started");
            sim_audit(w, w->engine);
            sim_notes_look(w);
            sim_alerts_start(w);
            return;
        }
        sim_trace(w, "start failed: %s", status == BELAY_OK ? "disk" : err.msg);
        w->stumbles++;
        if (status == BELAY_NOSPACE)
            sim_disk_set_capacity(w->disk, 0); /* a person makes room */
        else if (!stumbles)
            sim_violation(w, "G8", "it does not start: %s", err.msg);
        if (w->engine) {
            die(w, some_death(w));
        } else {
            sim_disk_stop(w->disk);
            sim_jobs_finish(&w->jobs);
            enum sim_death death = some_death(w);
            if (death == SIM_POWER)
                sim_crashes_power(w);
            sim_disk_restart(w->disk, death);
        }
    }
}

static void look_for_end(struct sim_world *w)
{
    struct belay_err err = { 0 };
    if (sim_disk_stopped(w->disk)) {
        die(w, some_death(w));
    } else if (belay_engine_failed(w->engine, &err) != BELAY_OK) {
        sim_trace(w, "failed: %s", err.msg);
        if (!w->sync_fault)
            sim_violation(w, "failure", "the engine gave up although nothing failed: %s", err.msg);
        die(w, some_death(w));
    } else if (w->life == SIM_STOPPING && belay_engine_idle(w->engine)) {
        sim_trace(w, "stopped");
        w->limits.loose = true;
        if (!belay_list_empty(&w->requests))
            sim_violation(w, "stop", "it is idle, and a request has no answer");
        sim_jobs_finish(&w->jobs);
        sim_alerts_stop(w);
        belay_engine_close(w->engine);
        w->engine = NULL;
        w->life = SIM_DEAD;
        sim_endpoints_cut_off(w);
        sim_gates_cut_off(w);
        sim_backups_cut_off(w);
        sim_edge_cut_off(w);
        sim_notices_cut_off(w);
        sim_disk_restart(w->disk, SIM_KILL);
    }
}

/* ---- one thing that happens ---- */

static void take_actions(struct sim_world *w)
{
    struct belay_action a;
    while (w->life != SIM_DEAD && belay_engine_action(w->engine, &a)) {
        if (sim_may_die(w) && sim_chance(w, 1)) { /* between two effects of one step */
            die(w, some_death(w));
            return;
        }
        switch (a.kind) {
        case BELAY_ACTION_CALL:
            if (!a.u.call.cancel && sim_crashes_call(w, a.u.call.request)) {
                if (sim_chance(w, 400)) /* it was sent all the same */
                    sim_endpoint_call(w, a.u.call.connection, a.u.call.request);
                die(w, SIM_KILL);
                sim_crashes_check(w);
                return;
            }
            if (a.u.call.cancel)
                sim_endpoint_cancel(w, a.u.call.request->id);
            else
                sim_endpoint_call(w, a.u.call.connection, a.u.call.request);
            break;
        case BELAY_ACTION_REPLY: sim_clients_reply(w, &a.u.reply); break;
        case BELAY_ACTION_LOG:
            sim_trace(w, "log %.*s", BELAY_STR_ARG(a.u.log.fields[0].value));
            sim_no_canary_event(w, &a.u.log);
            break;
        case BELAY_ACTION_EVENT:
            sim_trace(w, "event %s %.*s %.*s", a.u.event.name, BELAY_STR_ARG(a.u.event.owner),
                      BELAY_STR_ARG(a.u.event.key));
            sim_no_canary_event(w, &a.u.event);
            if (strcmp(a.u.event.name, "poison.quarantined") == 0)
                sim_crashes_quarantined(w, a.u.event.owner, a.u.event.sequence);
            if (strcmp(a.u.event.name, "saga.parked") == 0)
                sim_crashes_saga_parked(w, a.u.event.key, a.u.event.fields[3].value); /* why */
            sim_poison_event(w, &a.u.event);
            sim_imports_event(w, &a.u.event);
            break;
        }
    }
}

static void step(struct sim_world *w)
{
    if (w->life == SIM_DEAD)
        return;
    belay_engine_step(w->engine, sim_clock(w));
    if (w->dying) {
        die(w, SIM_KILL);
        sim_crashes_check(w);
        return;
    }
    take_actions(w);
}

static bool run_some_job(struct sim_world *w)
{
    uint32_t from = (uint32_t)sim_below(w, BELAY_JOB_LANES);
    for (uint32_t i = 0; i < BELAY_JOB_LANES; i++) {
        enum belay_job_lane lane = (enum belay_job_lane)((from + i) % BELAY_JOB_LANES);
        if (!sim_jobs_can_run(&w->jobs, lane))
            continue;
        if (sim_may_die(w) && sim_chance(w, 8))
            sim_disk_stop_after(w->disk, sim_below(w, 4)); /* the power goes while it writes */
        sim_trace(w, "job %d runs", (int)lane);
        sim_jobs_run(&w->jobs, lane);
        return true;
    }
    return false;
}

static bool tell_some_job(struct sim_world *w)
{
    uint32_t from = (uint32_t)sim_below(w, BELAY_JOB_LANES);
    for (uint32_t i = 0; i < BELAY_JOB_LANES; i++) {
        enum belay_job_lane lane = (enum belay_job_lane)((from + i) % BELAY_JOB_LANES);
        if (!sim_jobs_can_tell(&w->jobs, lane))
            continue;
        sim_jobs_tell(&w->jobs, lane);
        return true;
    }
    return false;
}

void sim_settle(struct sim_world *w)
{
    while (run_some_job(w) || tell_some_job(w))
        ;
    step(w);
}

/* To the next moment at which something is due, or a little; idle clients come back after a while. */
static void pass_time(struct sim_world *w)
{
    belay_time wake = belay_engine_wake_at(w->engine);
    belay_time next = sim_endpoints_wake_at(w);
    if (wake != BELAY_TIME_NEVER && wake - w->skew_us < next)
        next = wake - w->skew_us;
    bool leap = next != BELAY_TIME_NEVER && next > w->now && (w->calm || sim_chance(w, 400));
    if (leap)
        w->now = next;
    else
        w->now += 1 + (belay_time)sim_below(w, w->calm ? 200 * SIM_MS : 5 * SIM_MS);
}

static void set_the_clock(struct sim_world *w)
{
    w->skew_us += (int64_t)sim_below(w, 20 * SIM_S) - 10 * SIM_S;
    sim_trace(w, "the clock is set to %+lld ms", (long long)w->skew_us / SIM_MS);
}

static void fill_or_empty_the_disk(struct sim_world *w)
{
    struct sim_disk_stats stats;
    sim_disk_stats(w->disk, &stats);
    bool fill = sim_chance(w, 500);
    sim_trace(w, "the disk %s", fill ? "is full" : "has room");
    sim_disk_set_capacity(w->disk, fill ? stats.used_bytes + sim_below(w, BELAY_KIB(64)) : 0);
}

/* full: what comes back meanwhile finds no room, and nobody waits for it. */
static void stop(struct sim_world *w, bool full)
{
    if (full)
        sim_disk_set_capacity(w->disk, 1);
    sim_trace(w, full ? "stop, at once, on a full disk" : "stop");
    belay_engine_stop(w->engine);
    w->life = SIM_STOPPING;
    w->cut = full;
}

static void something_bad(struct sim_world *w)
{
    enum { DEATHS = 55 };
    uint64_t n = w->kind == SIM_DEATHLESS ? DEATHS + sim_below(w, 100 - DEATHS) : sim_below(w, 100);
    if (n < 40) {
        die(w, some_death(w));
    } else if (n < DEATHS) {
        w->sync_fault = true;
        sim_disk_fail_sync_after(w->disk, sim_below(w, 3));
        sim_trace(w, "a sync will fail");
    } else if (n < 75) {
        fill_or_empty_the_disk(w);
    } else if (n < 90) {
        set_the_clock(w);
    } else if (w->life == SIM_ALIVE) {
        stop(w, n >= 96);
    } else if (w->life == SIM_STOPPING) {
        sim_trace(w, "the drain is over");
        w->cut = true;
    }
}

/* Whatever is full: once its drain is over a stop waits for nothing but calls that are out, and commits. */
static void hurry_a_stop(struct sim_world *w)
{
    for (int i = 0; i < 8 && w->cut && w->life == SIM_STOPPING && belay_list_empty(&w->calls); i++) {
        sim_settle(w); /* as the shard's loop does */
        while (run_some_job(w) || tell_some_job(w))
            ;
        if (w->life != SIM_STOPPING || sim_disk_stopped(w->disk) || belay_engine_failed(w->engine, NULL) != BELAY_OK)
            return;
        belay_engine_cut(w->engine);
        if (belay_engine_idle(w->engine))
            return;
    }
    if (w->cut && w->life == SIM_STOPPING && belay_list_empty(&w->calls))
        sim_violation(w, "stop", "its drain is over, and it goes on");
}

/* What somebody knows for sure is asked of rows after that, not of records. */
static void die_behind_a_checkpoint(struct sim_world *w)
{
    w->dies_soon = false;
    if (w->life != SIM_ALIVE || !sim_may_die(w) || sim_disk_stopped(w->disk))
        return;
    sim_trace(w, "a checkpoint, and the end");
    belay_store_checkpoint_soon(belay_engine_store(w->engine));
    sim_settle(w);
    sim_settle(w);
    if (w->life == SIM_ALIVE)
        die(w, some_death(w));
}

static void tick(struct sim_world *w)
{
    uint64_t n = sim_below(w, 1000);
    bool done = true;
    w->ticks++;
    if (w->short_keys && w->life == SIM_ALIVE && !w->calm && sim_chance(w, 50))
        sim_keys_act(w);
    if (w->kind == SIM_LETTERS && w->life == SIM_ALIVE && !w->calm && sim_chance(w, 20))
        sim_operators_act(w);
    if (w->kind == SIM_UNDOING && w->life == SIM_ALIVE && !w->calm && sim_chance(w, 20))
        sim_persons_act(w);
    if (w->kind == SIM_FULL_STOPS && w->life == SIM_ALIVE && !w->calm && !belay_list_empty(&w->calls) && sim_chance(w, 8))
        stop(w, true);
    if (w->life == SIM_DEAD)
        start(w);
    else if (n < 250)
        done = run_some_job(w);
    else if (n < 500)
        done = tell_some_job(w);
    else if (n < 650)
        done = sim_endpoints_answer(w);
    else if (n < 720)
        done = w->life == SIM_ALIVE && sim_clients_act(w);
    else if (n < 722 && (!w->calm || w->backup.self))
        sim_backups_act(w);
    else if (n < 735 && w->life == SIM_ALIVE && !w->calm)
        sim_operators_act(w);
    else if (n < 743 && w->life == SIM_ALIVE && !w->calm) {
        sim_desk_act(w);
        if (w->life == SIM_ALIVE)
            sim_alerts_act(w);
    } else if (n < 743 + w->faults / 6 && !w->calm)
        something_bad(w);
    else
        step(w);
    if (!done)
        pass_time(w);
    hurry_a_stop(w);
    if (w->dies_soon)
        die_behind_a_checkpoint(w);
    if (w->life != SIM_DEAD)
        look_for_end(w);
    sim_check_step(w);
}

/* ---- a whole world ---- */

static void world_init(struct sim_world *w, uint64_t seed, bool print)
{
    struct belay_err err;
    *w = (struct sim_world){ .seed = seed, .random.state = seed * 0x9e3779b97f4a7c15u + 1,
                             .now = EPOCH };
    w->trace.print = print;
    belay_list_init(&w->requests);
    belay_list_init(&w->calls);
    sim_jobs_init(&w->jobs);
    sim_trace_begin(w);
    const struct sim_disk_opt disk = { .seed = belay_random_next(&w->random),
                                       .direct = sim_chance(w, 500),
                                       .write_sync = sim_chance(w, 500) };
    int status = sim_disk_new(&disk, &w->disk, &err);
    if (status == BELAY_OK)
        status = belay_state_model_open(&w->model, &err);
    BELAY_ASSERT(status == BELAY_OK);
    w->state = (struct belay_state_backend){ w, state_position, state_get, state_seek, state_commit,
                                             state_refresh, NULL, state_close };
    w->overlay_bytes_max = sim_chance(w, 300) ? BELAY_MIB(4) : BELAY_KIB(256);
    w->segment_bytes = BELAY_KIB(64) << sim_below(w, 3);
    w->journal_bytes_max = w->segment_bytes * (sim_chance(w, 500) ? 4 : 400); /* archiving or not */
    w->kind = (enum sim_kind)(seed % SIM_KINDS);
    w->faults = w->kind == SIM_DEATHLESS ? 60 : (uint32_t)sim_below(w, 61);
    w->hoards = sim_chance(w, 400) || w->kind == SIM_LETTERS;
    w->short_keys = sim_chance(w, 300);
    sim_crashes_init(w);
    sim_clients_init(w);
}

static void world_deinit(struct sim_world *w)
{
    sim_jobs_finish(&w->jobs);
    sim_disk_stop(w->disk);
    w->model_dead = true;
    sim_jobs_finish(&w->jobs);
    sim_alerts_stop(w);
    if (w->engine)
        belay_engine_close(w->engine);
    sim_clients_cut_off(w);
    sim_endpoints_cut_off(w);
    sim_backups_cut_off(w);
    sim_edge_cut_off(w);
    sim_notices_cut_off(w);
    w->model.close(w->model.self);
    belay_disk_close(w->disk);
}

static void calm_down(struct sim_world *w)
{
    sim_trace(w, "faults are over");
    w->calm = true;
    w->faults = 0;
    sim_disk_set_capacity(w->disk, 0);
    sim_disk_fail_sync_after(w->disk, UINT64_MAX);
    sim_disk_stop_after(w->disk, sim_disk_stopped(w->disk) ? 0 : UINT64_MAX);
}

/* A file of the folder, by chance; false where there is none. */
static bool some_file(struct sim_world *w, const char *dir, char name[64], uint64_t *ret_size)
{
    struct belay_dir_entry *entries = NULL;
    size_t count = 0;
    struct belay_err err;
    if (belay_disk_list(w->disk, dir, &entries, &count, &err) != BELAY_OK || count == 0)
        return false;
    const struct belay_dir_entry *e = &entries[sim_below(w, count)];
    snprintf(name, 64, "%s/%.40s", dir, e->name);
    *ret_size = e->size_bytes;
    belay_free(entries);
    return true;
}

/* Where something was written: the first byte that is not zero from a random one on. */
static uint64_t some_written_byte(struct sim_world *w, const char *name, uint64_t size)
{
    struct belay_file *f = NULL;
    struct belay_err err;
    uint64_t at = sim_below(w, size);
    size_t n = 0;
    uint8_t *bytes = belay_malloc(size);
    BELAY_ASSERT(bytes);
    int status = belay_file_open(w->disk, name, 0, &f, &err);
    if (status == BELAY_OK)
        status = belay_file_read(f, 0, bytes, size, &n, &err);
    BELAY_ASSERT(status == BELAY_OK && n == size);
    for (uint64_t i = 0; i < size && bytes[at] == 0; i++)
        at = (at + 1) % size;
    belay_file_close(f);
    belay_free(bytes);
    return at;
}

/* The medium rots while the process is down: found at the start or when it is read, never delivered. */
static void rot(struct sim_world *w)
{
    struct belay_err err;
    char name[64];
    uint64_t size;
    die(w, SIM_KILL);
    if (!some_file(w, sim_chance(w, 700) ? "journal" : "archive", name, &size) || size == 0) {
        start(w);
        return;
    }
    uint64_t offset = some_written_byte(w, name, size);
    sim_disk_flip(w->disk, name, offset, (unsigned)sim_below(w, 8));
    sim_trace(w, "a bit of %s at %llu flips", name, (unsigned long long)offset);
    int status = open_engine(w, &err);
    if (status == BELAY_OK) {
        sim_check_rotten(w);
        return;
    }
    sim_trace(w, "refused: %s", err.msg);
    if (status != BELAY_CORRUPT && status != BELAY_VERSION)
        sim_violation(w, "G7", "a flipped bit is answered with: %s", err.msg);
}

void sim_run(uint64_t seed, bool print, struct sim_result *ret_result)
{
    struct sim_world *w = belay_calloc(1, sizeof *w);
    BELAY_ASSERT(w);
    world_init(w, seed, print);
    uint64_t trouble = 200 + sim_below(w, 1800);
    while (w->ticks < trouble)
        tick(w);
    calm_down(w);
    for (uint64_t n = 0; n < CALM_TICKS_MAX && !sim_drained(w); n++) {
        tick(w);
        if (n % 50 == 49 && w->life == SIM_ALIVE)
            sim_operators_clear(w);
    }
    sim_check_end(w);
    if (sim_chance(w, 300))
        rot(w);
    *ret_result = (struct sim_result){ w->trace.hash, w->ticks, w->crashes, w->order_count, 0 };
    for (uint32_t i = 0; i < w->lane_count; i++)
        ret_result->events += w->lanes[i].count;
    world_deinit(w);
    belay_free(w);
}
