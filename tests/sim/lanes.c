/* People and the lanes of `handle`: they park them by hand, release, retry, skip, and move what is held aside.
 *
 * What must hold: of a lane that is surely parked nothing new is asked of the sink but what was in flight then (I8 from
 * outside); what was moved is aside once, in the order of its lane, and was never asked for; what was neither moved nor
 * skipped is handled in order (G2, G4). */
#include <stdio.h>
#include <string.h>

#include "broker/lane.h"
#include "broker/stats.h"
#include "sim/world.h"

static struct belay_subscription *handle_of(struct sim_world *w)
{
    return belay_broker_find(belay_engine_broker(w->engine), BELAY_STR("handle"));
}

static void check_status(struct sim_world *w, int status, const char *what, const struct belay_err *err)
{
    if (!sim_may_fail(w, status) && status != BELAY_NOTFOUND && status != BELAY_CONFLICT)
        sim_violation(w, "LANE", "%s: %s", what, err->msg);
}

/* ---- messages by their sequence ---- */

static void fetched(struct belay_fetch *f)
{
    *(bool *)f->arg = true;
}

static bool sure(const struct sim_world *w)
{
    struct belay_err err;
    return w->life == SIM_ALIVE && !w->sync_fault && !sim_disk_stopped(w->disk)
           && belay_engine_failed(w->engine, &err) == BELAY_OK;
}

/* False: the process is about to end. f's arena holds it. */
static bool read_message(struct sim_world *w, uint64_t sequence, struct belay_fetch *f, struct sim_event **ret_event)
{
    struct belay_store *s = belay_engine_store(w->engine);
    struct belay_message m;
    struct belay_err err;
    const belay_json *root = NULL;
    struct sim_lane *lane;
    bool done = false;
    *f = (struct belay_fetch){ .topic = belay_broker_topic_id(belay_engine_broker(w->engine), BELAY_STR("events")),
                               .first = sequence, .count_max = 1, .bytes_max = BELAY_MIB(1), .done = fetched, .arg = &done };
    belay_arena_init(&f->arena, 0, BELAY_MIB(16));
    belay_store_fetch(s, f);
    for (int i = 0; !done && i < 1000 && w->life == SIM_ALIVE; i++)
        sim_settle(w);
    if (!sure(w))
        return false;
    if (!done || f->status != BELAY_OK || belay_message_decode(f->items[0].encoded, &f->arena, &m, &err) != BELAY_OK
        || belay_json_parse(m.body, NULL, &f->arena, &root, NULL, &err) != BELAY_OK)
        sim_violation(w, "G1", "events/%llu cannot be read", (unsigned long long)sequence);
    *ret_event = sim_event_by_n(w, belay_json_str(belay_json_get(root, BELAY_STR("lane"))),
                                belay_json_get(root, BELAY_STR("n"))->u.i, &lane);
    return true;
}

/* ---- what they do ---- */

static void park(struct sim_world *w, struct belay_subscription *sub, struct sim_lane *lane)
{
    struct belay_err err;
    struct belay_str key = belay_str_c(lane->name);
    sim_trace(w, "park %s", lane->name);
    int status = belay_broker_lane_park(belay_engine_broker(w->engine), sub, key, BELAY_STR("sim"), BELAY_STR("sim"),
                                        sim_clock(w), &err);
    check_status(w, status, "park", &err);
    if (status == BELAY_OK && sim_make_sure(w)) {
        lane->hand = true;
        lane->spare = true;
    }
}

static void release(struct sim_world *w, struct belay_subscription *sub, struct sim_lane *lane)
{
    struct belay_broker *b = belay_engine_broker(w->engine);
    struct belay_str key = belay_str_c(lane->name);
    struct belay_lane l;
    struct belay_arena arena;
    struct belay_err err;
    struct belay_fetch f;
    struct sim_event *ev = NULL;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    int status = belay_broker_lane_get(b, sub, key, &arena, &l, &err);
    belay_arena_deinit(&arena);
    bool on = true;
    if (status == BELAY_OK && l.letter) {
        on = read_message(w, l.head, &f, &ev);
        belay_arena_deinit(&f.arena);
    }
    if (!on || status != BELAY_OK)
        return;
    sim_trace(w, "release lane %s", lane->name);
    lane->hand = false;
    if (ev)
        ev->left = true;
    status = belay_broker_lane_release(b, sub, key, sim_clock(w), &err);
    check_status(w, status, "release", &err);
}

static void retry(struct sim_world *w, struct belay_subscription *sub, struct sim_lane *lane)
{
    struct belay_err err;
    sim_trace(w, "retry lane %s", lane->name);
    w->killer_words++; /* its head may be the letter of what kills */
    int status = belay_broker_lane_retry(belay_engine_broker(w->engine), sub, belay_str_c(lane->name), sim_clock(w), &err);
    check_status(w, status, "retry", &err);
}

static void skip(struct sim_world *w, struct belay_subscription *sub, struct sim_lane *lane)
{
    struct belay_broker *b = belay_engine_broker(w->engine);
    struct belay_str key = belay_str_c(lane->name);
    struct belay_lane l;
    struct belay_arena arena;
    struct belay_err err;
    struct belay_fetch f;
    struct sim_event *ev;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    int status = belay_broker_lane_get(b, sub, key, &arena, &l, &err);
    belay_arena_deinit(&arena);
    if (status != BELAY_OK || !l.head || l.state == BELAY_LANE_OPEN)
        return;
    if (read_message(w, l.head, &f, &ev)) {
        status = belay_broker_lane_skip(b, sub, key, l.head, f.items[0].encoded, BELAY_STR("of no use"), BELAY_STR("sim"),
                                        sim_clock(w), &err);
        sim_trace(w, "skip lane %s: %s", lane->name, belay_status_name(status));
        check_status(w, status, "skip", &err);
        if (status == BELAY_OK && ev)
            ev->left = true;
    }
    belay_arena_deinit(&f.arena);
}

static void move(struct sim_world *w, struct belay_subscription *sub, struct sim_lane *lane)
{
    enum { BITE = 4 };
    struct belay_broker *b = belay_engine_broker(w->engine);
    struct belay_str key = belay_str_c(lane->name);
    uint64_t sequences[BITE];
    struct belay_fetched items[BITE];
    struct belay_fetch f[BITE];
    struct sim_event *events[BITE];
    struct belay_err err;
    uint32_t n = belay_broker_lane_movable(b, sub, key, 1 + (uint32_t)sim_below(w, BITE), sequences), read = 0;
    bool on = true;
    for (; read < n && on; read++) {
        on = read_message(w, sequences[read], &f[read], &events[read]);
        if (on)
            items[read] = f[read].items[0];
    }
    if (n && on) {
        int status = belay_broker_lane_move(b, sub, key, BELAY_STR("aside"), items, n, BELAY_STR("sim"), sim_clock(w), &err);
        sim_trace(w, "move %u of %s: %s", n, lane->name, belay_status_name(status));
        check_status(w, status, "move", &err);
        for (uint32_t i = 0; i < n && status == BELAY_OK; i++)
            events[i]->passed = true;
    }
    for (uint32_t i = 0; i < read; i++)
        belay_arena_deinit(&f[i].arena);
}

/* Who watches names the lane that stands longest: looked for naively. */
static void watch(struct sim_world *w)
{
    struct belay_broker *b = belay_engine_broker(w->engine);
    struct belay_subscription *sub;
    struct belay_arena arena;
    struct belay_err err;
    if (belay_engine_failed(w->engine, &err) != BELAY_OK)
        return;
    belay_arena_init(&arena, 0, BELAY_MIB(4));
    belay_engine_watch(w->engine, sim_clock(w)); /* one may be in the middle of a walk: two are whole */
    belay_engine_watch(w->engine, sim_clock(w));
    for (uint32_t id = 1; (sub = belay_broker_find_id(b, id)); id++) {
        struct belay_hash128 at = { 0 };
        struct belay_lane lane, longest = { .head_since = BELAY_TIME_NEVER };
        belay_time oldest = BELAY_TIME_NEVER;
        while (belay_broker_lane_next(b, sub, &at, &arena, &lane))
            if (lane.head && !lane.letter && lane.state != BELAY_LANE_HAND && lane.head_since < oldest)
                oldest = lane.head_since;
        bool found = belay_broker_lane_longest(b, sub, &arena, &longest);
        if (oldest != BELAY_TIME_NEVER && (!found || longest.letter || longest.head_since > oldest))
            sim_violation(w, "WATCH", "a lane of %.*s stands since %lld, and %s", BELAY_STR_ARG(belay_subscription_name(sub)),
                          (long long)oldest, found ? "another one is named" : "none is named");
    }
    belay_arena_deinit(&arena);
}

void sim_lanes_act(struct sim_world *w)
{
    static void (*const acts[])(struct sim_world *, struct belay_subscription *, struct sim_lane *)
        = { park, park, release, release, retry, skip, move, move };
    struct belay_subscription *sub = handle_of(w);
    if (sim_chance(w, 200))
        watch(w);
    else if (sub && w->lane_count)
        acts[sim_below(w, sizeof acts / sizeof acts[0])](w, sub, &w->lanes[sim_below(w, w->lane_count)]);
}

void sim_lanes_clear(struct sim_world *w)
{
    struct belay_subscription *sub = handle_of(w);
    struct belay_lane l;
    struct belay_arena arena;
    struct belay_err err;
    for (uint32_t i = 0; sub && i < w->lane_count; i++) {
        belay_arena_init(&arena, 0, BELAY_MIB(1));
        int status = belay_broker_lane_get(belay_engine_broker(w->engine), sub, belay_str_c(w->lanes[i].name), &arena, &l, &err);
        belay_arena_deinit(&arena);
        if (status == BELAY_OK && l.state == BELAY_LANE_HAND)
            release(w, sub, &w->lanes[i]);
    }
}

/* ---- what must hold ---- */

void sim_lanes_asked(struct sim_world *w, struct sim_lane *lane, const struct sim_event *ev, int64_t n)
{
    if (!lane->hand || ev->asked)
        return;
    if (!lane->spare)
        sim_violation(w, "I8", "%s-%lld is handled though its lane is parked by hand", lane->name, (long long)n);
    lane->spare = false;
}

void sim_lanes_cut_off(struct sim_world *w)
{
    for (uint32_t i = 0; i < w->lane_count; i++)
        w->lanes[i].spare = false; /* nothing is in flight any more */
}

void sim_lanes_check(struct sim_world *w)
{
    struct sim_count aside;
    sim_count_topic(w, "aside", &aside);
    for (uint32_t i = 0; i < w->lane_count; i++)
        for (uint32_t n = 0; n < w->lanes[i].count; n++) {
            const struct sim_event *ev = &w->lanes[i].events[n];
            bool handled = ev->first && ev->second;
            uint32_t times = aside.times[i][n];
            if (times > 1 || (times && (!ev->passed || ev->asked)))
                sim_violation(w, "G4", "%s-%u is %u times aside, and was asked for %u times", w->lanes[i].name, n, times,
                              ev->asked);
            if (!times && !handled && !ev->left)
                sim_violation(w, "G3", "%s-%u was accepted and neither handled nor moved", w->lanes[i].name, n);
        }
}
