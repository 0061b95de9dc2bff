/* G1-G8 against what the outside knows. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "broker/stats.h"
#include "sim/world.h"

struct sim_order *sim_order_by_id(struct sim_world *w, struct belay_str id)
{
    for (uint32_t i = 0; i < w->order_count; i++)
        if (belay_str_eq(belay_str_c(w->orders[i].id), id))
            return &w->orders[i];
    return NULL;
}

struct sim_event *sim_event_by_n(struct sim_world *w, struct belay_str lane, int64_t n,
                                 struct sim_lane **ret_lane)
{
    for (uint32_t i = 0; i < w->lane_count; i++)
        if (belay_str_eq(belay_str_c(w->lanes[i].name), lane) && n >= 0
            && n < w->lanes[i].count) {
            *ret_lane = &w->lanes[i];
            return &w->lanes[i].events[n];
        }
    return NULL;
}

/* The code's own invariants are over all rows, and cost most of a world: they are asked when a record was applied, and
 * else now and then for what is in memory only. */
static bool worth_a_check(struct sim_world *w)
{
    enum { QUIET_TICKS = 8 };
    struct belay_store_stats stats;
    belay_store_stats(belay_engine_store(w->engine), &stats);
    bool worth = stats.records != w->records_checked || w->ticks % QUIET_TICKS == 0;
    w->records_checked = stats.records;
    return worth;
}

void sim_check_step(struct sim_world *w)
{
    struct belay_err err;
    if (w->life == SIM_DEAD) {
        w->records_checked = UINT64_MAX; /* whatever comes back is looked at */
        return;
    }
    sim_crashes_look(w);
    sim_replays_look(w);
    sim_limits_look(w);
    sim_notices_look(w);
    if (worth_a_check(w) && belay_engine_check(w->engine, &err) != BELAY_OK)
        sim_violation(w, "invariant", "%s", err.msg);
}

/* ---- the end ---- */

static bool subscriptions_empty(struct sim_world *w, bool explain)
{
    struct belay_broker *b = belay_engine_broker(w->engine);
    struct belay_subscription_stats s;
    for (uint32_t i = 0; belay_broker_subscription_stats(b, i, &s); i++) {
        bool empty = s.backlog == 0 && s.in_flight == 0 && s.waiting == 0 && s.held == 0
                     && s.parked == 0;
        if (!empty && explain)
            sim_trace(w, "left: %.*s: %llu queued, %llu in flight, %llu waiting, %llu held, %llu parked",
                      BELAY_STR_ARG(s.name), (unsigned long long)s.backlog,
                      (unsigned long long)s.in_flight, (unsigned long long)s.waiting,
                      (unsigned long long)s.held, (unsigned long long)s.parked);
        if (!empty)
            return false;
    }
    return true;
}

static bool sagas_ended(struct sim_world *w, bool explain)
{
    struct belay_sagas *s = belay_engine_sagas(w->engine);
    struct belay_saga_stats stats;
    struct belay_str name;
    for (uint32_t i = 0; belay_sagas_stats(s, i, &name, &stats); i++)
        if (stats.running || stats.compensating || stats.parked) {
            if (explain)
                sim_trace(w, "left: %llu running, %llu compensating, %llu parked",
                          (unsigned long long)stats.running, (unsigned long long)stats.compensating,
                          (unsigned long long)stats.parked);
            return false;
        }
    return true;
}

static bool are_there(struct sim_world *w, const char *topic, uint64_t count)
{
    struct belay_engine *e = w->engine;
    return belay_store_next_sequence(belay_engine_store(e), belay_broker_topic_id(belay_engine_broker(e), belay_str_c(topic))) > count;
}

/* What waits for its time is in no subscription, and neither is a letter: the echoes and what is mailed are counted. */
static bool late_ones_there(struct sim_world *w)
{
    uint64_t events = 0;
    for (uint32_t i = 0; i < w->lane_count; i++)
        events += w->lanes[i].count;
    return are_there(w, "echoes", events) && are_there(w, "mailed", w->order_count);
}

bool sim_drained(struct sim_world *w)
{
    struct belay_engine_stats stats;
    if (w->life != SIM_ALIVE || !sim_clients_content(w) || !belay_list_empty(&w->calls))
        return false;
    belay_engine_stats(w->engine, &stats);
    return stats.runs_in_flight == 0 && stats.calls_in_flight == 0 && subscriptions_empty(w, false)
           && sagas_ended(w, false) && late_ones_there(w) && sim_replays_ended(w) && sim_imports_done(w);
}

/* Counts what a topic holds: once for each order, or for each event in the order of its lane. */
struct tally {
    uint32_t orders[SIM_ORDERS_MAX];
    uint32_t events[SIM_LANES_MAX][SIM_EVENTS_MAX];
    int64_t last[SIM_LANES_MAX];
    bool any_order;
    struct sim_count *count; /* NULL: nobody wants it */
    uint64_t sequence;
};

static void tally_message(struct sim_world *w, const char *topic, struct tally *t,
                          const struct belay_message *m, struct belay_arena *arena)
{
    struct belay_str body = m->body;
    const belay_json *root = NULL;
    struct belay_err err;
    struct sim_lane *lane;
    if (belay_json_parse(body, NULL, arena, &root, NULL, &err) != BELAY_OK)
        sim_violation(w, "G7", "%s holds what is no JSON", topic);
    const belay_json *id = belay_json_get(root, BELAY_STR("order_id"));
    if (id && id->type == BELAY_JSON_STRING) {
        struct sim_order *o = sim_order_by_id(w, belay_json_str(id));
        if (o)
            t->orders[o - w->orders]++;
        if (o && strcmp(topic, "mailed") == 0)
            sim_mails_told(w, o, m);
        return;
    }
    const belay_json *n = belay_json_get(root, BELAY_STR("n"));
    const belay_json *name = belay_json_get(root, BELAY_STR("lane"));
    if (!n || !name || !sim_event_by_n(w, belay_json_str(name), n->u.i, &lane))
        sim_violation(w, "G7", "%s holds a message nobody sent: %.*s", topic, BELAY_STR_ARG(body));
    size_t at = (size_t)(lane - w->lanes);
    t->events[at][n->u.i]++;
    if (strcmp(topic, "seen") == 0)
        sim_limits_seen(w, m, &w->lanes[at].events[n->u.i], lane->name, n->u.i);
    if (t->count) {
        t->count->times[at][n->u.i]++;
        t->count->last_at[at][n->u.i] = t->sequence;
    }
    if (n->u.i <= t->last[at] && !t->any_order)
        sim_violation(w, "G2", "%s: %s-%lld comes after %s-%lld", topic, lane->name,
                      (long long)n->u.i, lane->name, (long long)t->last[at]);
    t->last[at] = n->u.i;
}

static void fetched(struct belay_fetch *f)
{
    *(bool *)f->arg = true;
}

/* rotten: a damaged message may be refused, which ends the tally; false then. */
static bool tally_topic(struct sim_world *w, const char *topic, bool rotten, struct tally *t)
{
    struct belay_store *s = belay_engine_store(w->engine);
    uint32_t number = belay_broker_topic_id(belay_engine_broker(w->engine), belay_str_c(topic));
    uint64_t first = belay_store_first_sequence(s, number);
    uint64_t next = belay_store_next_sequence(s, number);
    bool any_order = strcmp(topic, "echoes") == 0 || strcmp(topic, "counts") == 0
                     || strcmp(topic, "seen") == 0 || strcmp(topic, "turned") == 0;
    *t = (struct tally){ .last = { -1, -1, -1, -1 }, .any_order = any_order, .count = t->count };
    while (first < next) {
        bool done = false;
        struct belay_fetch f = { .topic = number, .first = first, .count_max = 64,
                                 .bytes_max = BELAY_MIB(1), .done = fetched, .arg = &done };
        belay_arena_init(&f.arena, 0, BELAY_MIB(16));
        belay_store_fetch(s, &f);
        while (!done)
            sim_settle(w);
        if (rotten && f.status == BELAY_CORRUPT) {
            sim_trace(w, "found: %s", f.err.msg);
            belay_arena_deinit(&f.arena);
            return false;
        }
        if (f.status != BELAY_OK || f.count == 0)
            sim_violation(w, "G1", "%s from %llu cannot be read: %s", topic,
                          (unsigned long long)first, f.err.msg);
        for (uint32_t i = 0; i < f.count; i++) {
            struct belay_message m;
            struct belay_err err;
            if (belay_message_decode(f.items[i].encoded, &f.arena, &m, &err) != BELAY_OK)
                sim_violation(w, "G7", "%s/%llu: %s", topic, (unsigned long long)f.items[i].sequence,
                              err.msg);
            t->sequence = f.items[i].sequence;
            tally_message(w, topic, t, &m, &f.arena);
            first = f.items[i].sequence + 1;
        }
        belay_arena_deinit(&f.arena);
    }
    return true;
}

void sim_count_topic(struct sim_world *w, const char *topic, struct sim_count *ret_count)
{
    struct tally t = { .count = ret_count };
    *ret_count = (struct sim_count){ 0 };
    tally_topic(w, topic, false, &t);
}

static void check_topics(struct sim_world *w)
{
    struct tally orders = { 0 }, mailed = { 0 }, events = { 0 }, copies = { 0 }, echoes = { 0 };
    tally_topic(w, "orders", false, &orders);
    tally_topic(w, "mailed", false, &mailed);
    tally_topic(w, "events", false, &events);
    tally_topic(w, "copies", false, &copies);
    tally_topic(w, "echoes", false, &echoes);
    for (uint32_t i = 0; i < w->order_count; i++)
        if (orders.orders[i] != 1)
            sim_violation(w, orders.orders[i] ? "G3" : "G1", "%s is %u times in orders",
                          w->orders[i].id, orders.orders[i]);
    for (uint32_t i = 0; i < w->order_count; i++)
        if (mailed.orders[i] != 1)
            sim_violation(w, mailed.orders[i] ? "G3" : "G1", "%s is %u times in mailed", w->orders[i].id, mailed.orders[i]);
    for (uint32_t i = 0; i < w->lane_count; i++)
        for (uint32_t n = 0; n < w->lanes[i].count; n++) {
            if (events.events[i][n] != 1)
                sim_violation(w, events.events[i][n] ? "G3" : "G1", "%s-%u is %u times in events",
                              w->lanes[i].name, n, events.events[i][n]);
            if (copies.events[i][n] != 1)
                sim_violation(w, copies.events[i][n] ? "G3" : "G1", "%s-%u is %u times in copies",
                              w->lanes[i].name, n, copies.events[i][n]);
            if (echoes.events[i][n] != 1)
                sim_violation(w, echoes.events[i][n] ? "G3" : "G1", "%s-%u is %u times in echoes",
                              w->lanes[i].name, n, echoes.events[i][n]);
        }
}

/* A bit of the journal or an archive is wrong: what is read is what was written, or is refused (G7). */
void sim_check_rotten(struct sim_world *w)
{
    static const char *const topics[] = { "orders", "events", "copies", "echoes" };
    struct tally t = { 0 };
    for (size_t i = 0; i < 4; i++)
        tally_topic(w, topics[i], true, &t);
}

static void check_order(struct sim_world *w, const struct sim_order *o)
{
    struct belay_buf view;
    struct belay_arena arena;
    struct belay_err err;
    const belay_json *root;
    belay_buf_init(&view, BELAY_MIB(1));
    belay_arena_init(&arena, 0, BELAY_MIB(8));
    if (belay_sagas_view(belay_engine_sagas(w->engine), BELAY_STR("fulfil"), belay_str_c(o->id), &view,
                         &err) != BELAY_OK)
        sim_violation(w, "G1", "%s was accepted and has no saga: %s", o->id, err.msg);
    if (belay_json_parse(belay_buf_view(&view), NULL, &arena, &root, NULL, &err) != BELAY_OK)
        sim_violation(w, "SAGA", "the view of %s is no JSON: %s", o->id, err.msg);
    struct belay_str state = belay_json_str(belay_json_get(root, BELAY_STR("state")));
    bool completed = belay_str_eq_nocase(state, BELAY_STR("completed"));
    bool booked = o->booked || o->book_skipped;
    bool whole = o->reserved && !o->unreserved && o->charged && !o->refunded && o->shipped
                 && !o->unshipped && booked;
    bool nothing = (o->reserved == o->unreserved || o->left_reserved)
                   && (o->charged == o->refunded || o->left_charged)
                   && (o->shipped == o->unshipped || o->left_shipped) && !o->book_asked;
    sim_trace(w, "%s: %.*s", o->id, BELAY_STR_ARG(state));
    if (completed ? !whole : !nothing)
        sim_violation(w, "G5", "%s is %.*s, but reserved %d-%d charged %d-%d shipped %d-%d booked %d", o->id,
                      BELAY_STR_ARG(state), o->reserved, o->unreserved, o->charged, o->refunded,
                      o->shipped, o->unshipped, o->booked);
    if (completed && (o->declined || o->unshippable))
        sim_violation(w, "G5", "%s is completed, which cannot be", o->id);
    belay_buf_deinit(&view);
    belay_arena_deinit(&arena);
}

void sim_check_end(struct sim_world *w)
{
    if (!sim_drained(w)) {
        subscriptions_empty(w, true);
        sagas_ended(w, true);
        for (uint32_t i = 0; i < w->order_count; i++)
            sim_trace(w, "left: %s asked %u: %d", w->orders[i].wish.key, w->orders[i].wish.asked,
                      w->orders[i].wish.state);
        sim_violation(w, "drain", "faults stopped long ago, and something is still under way");
    }
    for (uint32_t i = 0; i < w->order_count; i++)
        check_order(w, &w->orders[i]);
    sim_lanes_check(w);
    check_topics(w);
    sim_limits_check(w);
    sim_seeks_check(w);
    sim_notes_look(w);
    sim_alerts_check(w);
    sim_audit(w, w->engine);
}
