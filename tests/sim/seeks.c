/* People make the subscription `read` seek and pause `count` (`echo` and `see`: limits.c).
 *
 * What must hold: once a seek back is durable, every message from its place on is handed out again
 * (and no message more often than seeks can explain); only what a seek forward passed over may be
 * missing.  A message that is read is counted once, however long it had to wait: retention takes
 * nothing that is not settled, and in the end it takes what is. */
#include <inttypes.h>

#include "broker/stats.h"
#include "sim/world.h"

#define READS_KEPT_S 20

static uint64_t next_of(struct sim_world *w, const char *topic)
{
    uint32_t number = belay_broker_topic_id(belay_engine_broker(w->engine), belay_str_c(topic));
    return belay_store_next_sequence(belay_engine_store(w->engine), number);
}

bool sim_make_sure(struct sim_world *w)
{
    struct belay_err err;
    sim_settle(w);
    sim_settle(w);
    bool sure = w->life == SIM_ALIVE && !sim_disk_stopped(w->disk)
                && belay_engine_failed(w->engine, &err) == BELAY_OK
                && belay_store_durable(belay_engine_store(w->engine))
                       >= belay_store_position(belay_engine_store(w->engine));
    w->dies_soon |= sure && sim_chance(w, 150);
    return sure;
}

/* ---- seeks ---- */

/* What may have happened, sure or not. */
static void note_back(struct sim_seeks *s, uint64_t to, uint64_t next)
{
    for (uint64_t n = to; n < next; n++)
        s->back[n]++;
}

static void note_forward(struct sim_seeks *s, uint64_t to)
{
    for (uint64_t n = 0; n < to; n++)
        s->skipped[n] = true;
}

static void seek(struct sim_world *w, struct belay_subscription *sub)
{
    struct sim_seeks *s = &w->seeks;
    struct belay_err err;
    struct belay_subscription_stats stats;
    uint64_t next = next_of(w, "events"), mark = next_of(w, "counts"), cursor = 0;
    for (uint32_t i = 0; belay_broker_subscription_stats(belay_engine_broker(w->engine), i, &stats);
         i++)
        if (belay_str_eq(stats.name, BELAY_STR("read")))
            cursor = stats.cursor;
    if (next <= 1)
        return;
    uint64_t to = 1 + sim_below(w, next);
    bool back = to < cursor;
    sim_trace(w, "seek %s to %" PRIu64, back ? "back" : "forward", to);
    int status = belay_broker_seek(belay_engine_broker(w->engine), sub, to, BELAY_STR("sim"),
                                   sim_clock(w), &err);
    if (!sim_may_fail(w, status))
        sim_violation(w, "SEEK", "to %" PRIu64 ": %s", to, err.msg);
    if (status != BELAY_OK)
        return;
    if (back)
        note_back(s, to, next);
    else
        note_forward(s, to);
    if (!back || !sim_make_sure(w))
        return;
    s->sure_to = to;
    s->sure_mark = mark;
    for (uint64_t n = to; n < sizeof s->skipped / sizeof *s->skipped; n++)
        s->skipped[n] = false;
}

static void pause_or_resume(struct sim_world *w, const char *name)
{
    struct belay_broker *b = belay_engine_broker(w->engine);
    struct belay_subscription *sub = belay_broker_find(b, belay_str_c(name));
    struct belay_err err;
    bool pause = !w->calm && sim_chance(w, 500);
    if (!sub)
        return;
    if (!w->calm)
        sim_trace(w, "%s %s", pause ? "pause" : "resume", name);
    int status = pause ? belay_broker_pause(b, sub, BELAY_STR("sim"), &err)
                       : belay_broker_resume(b, sub, &err);
    if (!sim_may_fail(w, status))
        sim_violation(w, "PAUSE", "%s: %s", name, err.msg);
}

void sim_seeks_act(struct sim_world *w)
{
    struct belay_subscription *sub
        = belay_broker_find(belay_engine_broker(w->engine), BELAY_STR("read"));
    static const char *const pausable[] = { "count", "echo", "see", "see" };
    if (sim_chance(w, 500))
        pause_or_resume(w, pausable[sim_below(w, 4)]);
    else if (sub)
        seek(w, sub);
}

void sim_seeks_clear(struct sim_world *w)
{
    pause_or_resume(w, "count");
    pause_or_resume(w, "echo");
    pause_or_resume(w, "see");
}

/* ---- what must hold in the end ---- */

static void check_event(struct sim_world *w, const struct sim_count *events,
                        const struct sim_count *counts, uint32_t lane, uint32_t n)
{
    const struct sim_seeks *s = &w->seeks;
    uint64_t sequence = events->last_at[lane][n];
    uint32_t times = counts->times[lane][n];
    if (times == 0 && !s->skipped[sequence])
        sim_violation(w, "G1", "%s-%u was never read", w->lanes[lane].name, n);
    if (times > 1 + s->back[sequence])
        sim_violation(w, "G3", "%s-%u was read %u times, with %" PRIu64 " seeks back",
                      w->lanes[lane].name, n, times, s->back[sequence]);
    if (s->sure_to && sequence >= s->sure_to && !s->skipped[sequence]
        && counts->last_at[lane][n] < s->sure_mark)
        sim_violation(w, "SEEK", "%s-%u was not read again after a seek to %" PRIu64,
                      w->lanes[lane].name, n, s->sure_to);
}

/* What all have settled goes when its time is over (G6: the log does not grow for ever). */
static void check_expiry(struct sim_world *w)
{
    struct belay_store *store = belay_engine_store(w->engine);
    uint32_t reads = belay_broker_topic_id(belay_engine_broker(w->engine), BELAY_STR("reads"));
    w->now += (READS_KEPT_S + 25) * SIM_S; /* and the clock may have been set back */
    for (int n = 0; n < 4; n++) {
        sim_settle(w);
        w->now += 2 * SIM_S;
    }
    uint64_t first = belay_store_first_sequence(store, reads),
             next = belay_store_next_sequence(store, reads);
    if (first != next)
        sim_violation(w, "G6", "reads keeps %" PRIu64 " to %" PRIu64 " beyond its time", first,
                      next - 1);
}

void sim_seeks_check(struct sim_world *w)
{
    struct sim_count events, counts;
    sim_count_topic(w, "events", &events);
    sim_count_topic(w, "counts", &counts);
    for (uint32_t i = 0; i < w->lane_count; i++)
        for (uint32_t n = 0; n < w->lanes[i].count; n++)
            check_event(w, &events, &counts, i, n);
    if (next_of(w, "counts") != next_of(w, "reads"))
        sim_violation(w, "G1", "%" PRIu64 " messages were read, and %" PRIu64 " counted",
                      next_of(w, "reads") - 1, next_of(w, "counts") - 1);
    check_expiry(w);
}
