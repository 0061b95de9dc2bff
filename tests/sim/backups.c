/* Somebody backs up the store while the world goes on: the state at one moment, the files at a later one.  What comes
 * out of it must be a store, as of the commit it says, that adds up. */
#include "base/alloc.h"
#include "sim/world.h"
#include "store/backup.h"

static bool go_on(void *arg, uint64_t bytes)
{
    (void)arg;
    (void)bytes;
    return true;
}
static const struct belay_pace pace = { go_on, NULL };

static void forget(struct sim_world *w)
{
    if (w->backup.self)
        w->backup.close(w->backup.self);
    w->backup.self = NULL;
}

void sim_backups_cut_off(struct sim_world *w)
{
    forget(w);
}

static void begin(struct sim_world *w)
{
    struct belay_err err;
    /* Unlike a snapshot, the model has a position before it shows the rows of it. */
    if (w->model.position(w->model.self) != belay_state_position(belay_store_state(belay_engine_store(w->engine))))
        return;
    belay_store_pin(belay_engine_store(w->engine), true);
    if (belay_state_model_open(&w->backup, &err) != BELAY_OK
        || belay_state_copy(&w->model, &w->backup, &pace, &err) != BELAY_OK)
        sim_violation(w, "backup", "the state cannot be copied: %s", err.msg);
    sim_trace(w, "a backup of the state as of %llu", (unsigned long long)w->backup.position(w->backup.self));
}

static void look_at(struct sim_world *w, struct belay_disk *disk, uint64_t position)
{
    struct belay_engine *e = NULL;
    struct belay_err err;
    struct belay_store_stats stats;
    const struct belay_engine_opt opt = { .disk = disk, .jobs = &w->jobs.port, .state = &w->backup,
                                          .segment_bytes = w->segment_bytes, .look = true };
    disk->look = true;
    if (belay_engine_open(&opt, &e, &err) != BELAY_OK)
        sim_violation(w, "backup", "what was restored is no store: %s", err.msg);
    disk->look = false;
    belay_store_stats(belay_engine_store(e), &stats);
    if (stats.durable != position)
        sim_violation(w, "backup", "it is as of commit %llu, and says %llu", (unsigned long long)stats.durable,
                      (unsigned long long)position);
    sim_audit(w, e);
    belay_engine_close(e);
}

static struct belay_disk *new_disk(struct sim_world *w)
{
    struct belay_disk *disk = NULL;
    struct belay_err err;
    const struct sim_disk_opt opt = { .seed = sim_below(w, 1000000) };
    if (sim_disk_new(&opt, &disk, &err) != BELAY_OK)
        sim_violation(w, "backup", "no disk: %s", err.msg);
    return disk;
}

static void end(struct sim_world *w)
{
    struct belay_store *s = belay_engine_store(w->engine);
    struct belay_disk *copy = new_disk(w), *restored = new_disk(w);
    struct belay_backup_plan plan = { 0 };
    struct belay_restored told;
    struct belay_err err;
    int status = belay_store_backup_plan(s, &plan, &err);
    if (status == BELAY_OK)
        status = belay_disk_mkdir(copy, "state", &err);
    if (status == BELAY_OK)
        status = belay_backup_copy(w->disk, copy, &plan, w->now, &pace, &err);
    if (status == BELAY_OK)
        status = belay_backup_verify(copy, &pace, &told, &err);
    if (status == BELAY_OK)
        status = belay_backup_restore(copy, restored, &pace, &err);
    bool cut_off = status != BELAY_OK && (sim_disk_stopped(w->disk) || belay_store_failed(s, NULL) != BELAY_OK);
    if (status != BELAY_OK && !cut_off)
        sim_violation(w, "backup", "the files cannot be copied: %s", err.msg);
    if (!cut_off)
        look_at(w, restored, plan.position);
    sim_trace(w, "a backup %s as of %llu", cut_off ? "cut off" : "done", (unsigned long long)plan.position);
    belay_backup_plan_free(&plan);
    belay_disk_close(copy);
    belay_disk_close(restored);
    belay_store_pin(s, false);
    forget(w);
}

void sim_backups_act(struct sim_world *w)
{
    if (w->life != SIM_ALIVE || sim_disk_stopped(w->disk))
        return;
    if (!w->backup.self)
        begin(w);
    else
        end(w);
}
