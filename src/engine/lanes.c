/* What a lane waits for, in words: what only the engine knows of it is its run. */
#include "broker/declare.h"
#include "broker/lane.h"
#include "engine/room.h"

#include <stdio.h>

#include "base/limits.h"
#include "engine/actions.h"
#include "engine/calls.h"
#include "engine/clock.h"
#include "engine/connections.h"
#include "engine/definitions.h"
#include "engine/runs.h"
#include "policy/gate.h"

static const struct engine_run *run_of(const struct belay_engine *e, const struct belay_lane *lane)
{
    for (uint32_t i = 0; i < e->run_count; i++) {
        const struct engine_run *r = e->runs[i];
        if (r->state != RUN_FREE && r->kind == RUN_DELIVERY && r->delivery && r->delivery->sub == lane->sub
            && r->delivery->sequence == lane->head)
            return r;
    }
    return NULL;
}

/* The connection whose step failed last, where its breaker is open. */
static const struct engine_connection *open_breaker(struct belay_engine *e, const struct belay_lane *lane)
{
    const struct engine_consumer *consumer = lane->failed ? engine_consumer_of(e, lane->sub) : NULL;
    const struct belay_flow_def *flow = consumer && consumer->kind == CONSUMER_FLOW ? consumer->flow : NULL;
    const struct belay_step_def *step = NULL;
    for (uint32_t i = 0; flow && i < flow->step_count && !step; i++)
        if (flow->steps[i].kind == BELAY_STEP_CALL && belay_str_eq(flow->steps[i].name, belay_str_c(lane->last.step)))
            step = &flow->steps[i];
    for (uint32_t i = 0; step && i < e->connection_count; i++) {
        const struct engine_connection *c = e->connections[i];
        if (belay_str_eq(engine_name(c), step->u.call.call.connection->name))
            return c->def.breaker.enabled && c->gate.breaker.state == BELAY_BREAKER_OPEN ? c : NULL;
    }
    return NULL;
}

static void why_in_flight(const struct belay_engine *e, const struct belay_lane *lane, char *to, size_t n)
{
    const struct engine_run *r = run_of(e, lane);
    char since[BELAY_TIME_TEXT_BYTES];
    belay_time_text(lane->in_flight_since, since);
    if (r && r->state == RUN_QUEUED)
        snprintf(to, n, "waits for a call to %s (%s)", r->connection->name,
                 belay_gate_answer_name(r->connection->held_by));
    else if (r && r->state == RUN_CALLING && r->call)
        snprintf(to, n, "calls %s, in flight since %s", r->call->connection->name, since);
    else if (r && r->state == RUN_STALLED)
        snprintf(to, n, "its outcome finds no room in the store");
    else
        snprintf(to, n, "in flight since %s", since);
}

static void why_waiting(struct belay_engine *e, const struct belay_lane *lane, char *to, size_t n)
{
    const struct engine_connection *c = open_breaker(e, lane);
    char at[BELAY_TIME_TEXT_BYTES];
    belay_time_text(c ? c->gate.breaker.open_until : lane->due, at);
    if (lane->failed && belay_str_eq(belay_str_c(lane->last.type), BELAY_STR("SAGA:NOT_THERE_YET")))
        snprintf(to, n, "waits for its saga to come to this step; where there is none, it is a letter at %s", at);
    else if (c)
        snprintf(to, n, "the breaker of %s is open until %s; try %u then", c->name, at, lane->attempts + 1);
    else
        snprintf(to, n, "waits for try %u until %s%s%s", lane->attempts + 1, at, lane->failed ? ", after " : "",
                 lane->failed ? lane->last.type : "");
}

void belay_engine_lane_why(struct belay_engine *e, const struct belay_lane *lane, char *to, size_t n)
{
    switch (lane->state) {
    case BELAY_LANE_HAND:
        snprintf(to, n, "parked by %.*s: %.*s", BELAY_STR_ARG(lane->who), BELAY_STR_ARG(lane->reason));
        return;
    case BELAY_LANE_PARKED:
        snprintf(to, n, "parked by letter %llu, %s", (unsigned long long)lane->head,
                 lane->failed ? lane->last.type : "without an error");
        return;
    case BELAY_LANE_WAITING:
        why_waiting(e, lane, to, n);
        return;
    case BELAY_LANE_READY:
        snprintf(to, n, lane->paused    ? "its subscription is paused"
                        : lane->limited ? "waits for its turn: as many of its flow are at work as its concurrency allows"
                                        : "is due, and comes next");
        return;
    case BELAY_LANE_FLIGHT:
    case BELAY_LANE_OPEN:
        why_in_flight(e, lane, to, n);
    }
}

/* ---- telling of those that stall ---- */

static void tell(struct belay_engine *e, struct belay_subscription *sub, const struct belay_lane *lane)
{
    char why[512], held[24], seconds[24];
    if (!lane) {
        engine_hold_event(e, BELAY_ACTION_EVENT,
                          &(struct belay_action_event){ .level = 1, .name = "lane.recovered",
                                                        .owner = belay_subscription_name(sub) }, NULL);
        return;
    }
    belay_engine_lane_why(e, lane, why, sizeof why);
    snprintf(held, sizeof held, "%llu", (unsigned long long)lane->held);
    snprintf(seconds, sizeof seconds, "%lld", (long long)((e->now - lane->head_since) / BELAY_US_PER_S));
    const struct belay_field fields[] = { { BELAY_STR("why"), belay_str_c(why) },
                                          { BELAY_STR("held"), belay_str_c(held) },
                                          { BELAY_STR("seconds"), belay_str_c(seconds) } };
    engine_hold_event(e, BELAY_ACTION_EVENT,
                      &(struct belay_action_event){ .level = 2, .name = "lane.stalled", .sequence = lane->head,
                                                    .owner = belay_subscription_name(sub), .key = lane->key,
                                                    .attempt = lane->attempts, .fields = fields, .field_count = 3 }, NULL);
}

static void tell_stopped(struct belay_engine *e, struct belay_subscription *sub)
{
    bool news;
    struct belay_str why = belay_subscription_stopped_by(sub, &news);
    const struct belay_field fields[] = { { BELAY_STR("why"), why } };
    if (news)
        engine_hold_event(e, BELAY_ACTION_EVENT,
                          &(struct belay_action_event){ .level = 3, .name = "flow.stopped", .fields = fields, .field_count = 1,
                                                        .owner = belay_subscription_name(sub) }, NULL);
}

void belay_engine_watch(struct belay_engine *e, belay_time now)
{
    struct belay_subscription *sub;
    if (e->failed || e->stopping)
        return;
    engine_clock_tick(e, now);
    belay_broker_lanes_watch(e->broker, e->now);
    belay_sagas_watch(e->sagas);
    for (uint32_t id = 1; (sub = belay_broker_find_id(e->broker, id)); id++) {
        struct belay_arena_mark mark = belay_arena_mark(&e->arena);
        struct belay_lane lane;
        tell_stopped(e, sub);
        enum belay_lane_news news = belay_broker_lane_news(e->broker, sub, BELAY_LANE_STALLED_MS, &e->arena, &lane);
        if (news != BELAY_LANE_NO_NEWS)
            tell(e, sub, news == BELAY_LANE_STALLED ? &lane : NULL);
        belay_arena_rewind(&e->arena, mark);
    }
}
