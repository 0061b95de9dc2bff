/* The newest segment of the journal is gone after a crash, whole: a start must miss it (store/witness.h).  Then it
 * is put back, and the world goes on as if nothing had happened. */
#include <stdio.h>

#include "sim/world.h"
#include "store/store_impl.h"

#define AWAY "journal/away"

/* Before the process dies: a segment that took a commit which is known to be durable. */
void sim_newest_look(struct sim_world *w)
{
    const struct journal *j = &belay_engine_store(w->engine)->journal;
    const struct segment *seg = journal_active(j);
    w->newest = seg->first && seg->first <= j->durable ? seg->id : 0;
}

static void move(struct sim_world *w, const char *from, const char *to)
{
    struct belay_err err;
    if (belay_disk_rename(w->disk, from, to, &err) != BELAY_OK
        || belay_disk_sync_dir(w->disk, JOURNAL_DIR, &err) != BELAY_OK)
        sim_violation(w, "G1", "%s, which took commits, cannot be moved: %s", from, err.msg);
}

void sim_newest_check(struct sim_world *w)
{
    char name[SEGMENT_NAME_BYTES];
    struct belay_engine *e = NULL;
    struct belay_err err;
    uint32_t newest = w->newest;
    w->newest = 0;
    if (w->calm || !newest || !sim_chance(w, 60))
        return;
    segment_name(newest, name);
    move(w, name, AWAY);
    const struct belay_engine_opt opt = { .disk = w->disk, .jobs = &w->jobs.port, .state = &w->state,
                                          .now = sim_clock(w), .segment_bytes = w->segment_bytes };
    int status = belay_engine_open(&opt, &e, &err);
    sim_trace(w, "without %s: %s", name, status == BELAY_OK ? "it starts" : err.msg);
    if (status != BELAY_CORRUPT && status != BELAY_NOSPACE)
        sim_violation(w, "G1", "%s is gone, which took commits, and nobody misses it", name);
    move(w, AWAY, name);
}
