/* Looking at the engine: figures, and its invariants. */
#include "engine/door.h"
#include "engine/room.h"

#include "base/limits.h"
#include "engine/actions.h"
#include "engine/apis.h"
#include "engine/calls.h"
#include "engine/connections.h"
#include "engine/runs.h"
#include "policy/gate.h"

void belay_engine_stats(const struct belay_engine *e, struct belay_engine_stats *ret_stats)
{
    *ret_stats = e->stats;
    ret_stats->runs_in_flight = e->runs_used;
    ret_stats->calls_in_flight = e->calls_used;
    ret_stats->requests_open = e->requests_open;
}

belay_time belay_engine_now(const struct belay_engine *e)
{
    return e->now;
}

bool belay_engine_connection_stats(const struct belay_engine *e, uint32_t index,
                                   struct belay_connection_stats *ret_stats)
{
    if (index >= e->connection_count)
        return false;
    const struct engine_connection *c = e->connections[index];
    const struct belay_breaker *b = &c->gate.breaker;
    bool open = b->state == BELAY_BREAKER_OPEN;
    *ret_stats = (struct belay_connection_stats){
        .name = engine_name(c),
        .in_flight = c->gate.in_flight,
        .concurrency = belay_gate_concurrency(&c->gate, &c->def),
        .retries_in_flight = c->gate.retries_in_flight,
        .waiting = c->waiting_count,
        .automatic = c->def.concurrency_auto,
        .calls = c->calls,
        .failed = c->failed,
        .retries = c->retries,
        .postponed = c->postponed,
        .breaker = c->def.breaker.enabled ? belay_breaker_state_name(b->state) : "off",
        .failed_percent = belay_breaker_failed_percent(b),
        .open_until = open ? b->open_until : BELAY_TIME_NEVER,
        .held_by = c->waiting_count ? belay_gate_answer_name(c->held_by) : "",
    };
    return true;
}

/* What the gate counts is what is out; an open breaker lets nothing through, half open only probes. */
static int check_gate(const struct belay_engine *e, const struct engine_connection *c, struct belay_err *err)
{
    uint32_t calls = 0, retries = 0, probes = 0, late = 0;
    const struct belay_breaker *b = &c->gate.breaker;
    for (uint32_t k = 0; k < e->call_count; k++) {
        const struct engine_call *call = e->calls[k];
        if (!call->used || call->ended || call->connection != c)
            continue;
        bool since = call->ticket.generation == b->generation;
        calls++;
        retries += call->ticket.retry;
        probes += since && call->ticket.probe;
        late += since && !call->ticket.probe;
    }
    if (calls != c->gate.in_flight || retries != c->gate.retries_in_flight)
        return belay_fail(err, BELAY_CORRUPT, "connection %s: %u calls of %u, %u retries of %u", c->name, calls,
                          c->gate.in_flight, retries, c->gate.retries_in_flight);
    bool closed = b->state == BELAY_BREAKER_CLOSED || !c->def.breaker.enabled;
    bool half = b->state == BELAY_BREAKER_HALF_OPEN;
    if (!closed && (late || (half ? probes != b->probes_out : probes > 0)))
        return belay_fail(err, BELAY_CORRUPT, "connection %s: the breaker is %s, and %u probes and %u others are out",
                          c->name, belay_breaker_state_name(b->state), probes, late);
    return BELAY_OK;
}

static int check_connections(const struct belay_engine *e, struct belay_err *err)
{
    for (uint32_t i = 0; i < e->connection_count; i++) {
        const struct engine_connection *c = e->connections[i];
        uint32_t waiting = 0, retries = 0;
        for (uint32_t k = 0; k < c->turn_count; k++) {
            const struct engine_turn *t = c->turns[k];
            uint32_t count = 0;
            for (const struct belay_list *l = t->firsts.next; l != &t->firsts; l = l->next)
                count++;
            for (const struct belay_list *l = t->retries.next; l != &t->retries; l = l->next)
                count++, retries++;
            if (count != t->count)
                return belay_fail(err, BELAY_CORRUPT, "%s of %s: %u waiting of %u", t->flow, c->name, count, t->count);
            waiting += count;
        }
        if (waiting != c->waiting_count || retries != c->retries_waiting)
            return belay_fail(err, BELAY_CORRUPT, "connection %s: %u waiting of %u", c->name, waiting,
                              c->waiting_count);
        int status = check_gate(e, c, err);
        if (status != BELAY_OK)
            return status;
    }
    return BELAY_OK;
}

static int check_runs(const struct belay_engine *e, struct belay_err *err)
{
    uint32_t used = 0, stalled = 0, blocked = 0, keyed = 0, requests = 0;
    for (uint32_t i = 0; i < e->run_count; i++) {
        const struct engine_run *r = e->runs[i];
        used += r->state != RUN_FREE;
        stalled += r->state == RUN_STALLED;
        blocked += r->state == RUN_BLOCKED;
        keyed += r->keyed;
        requests += r->state != RUN_FREE && r->kind == RUN_REQUEST;
        if (r->state == RUN_AT_WORK)
            return belay_fail(err, BELAY_CORRUPT, "a run is at work between steps");
        if (r->state == RUN_CALLING && (!r->call || r->call->run != r || !r->call->used))
            return belay_fail(err, BELAY_CORRUPT, "a run calls without a call");
    }
    if (used != e->runs_used || stalled != e->stalled_count || blocked != e->blocked_count || keyed != e->keys.count
        || requests != e->requests_open)
        return belay_fail(err, BELAY_CORRUPT, "runs: %u of %u used, %u of %u stalled, %u of %zu keys",
                          used, e->runs_used, stalled, e->stalled_count, keyed, e->keys.count);
    return BELAY_OK;
}

static int check_ring(const struct belay_engine *e, struct belay_err *err)
{
    uint64_t last = 0;
    for (uint32_t i = 0; i < e->ring_count; i++) {
        const struct engine_held *h = &e->ring[(e->ring_head + i) & (BELAY_ACTIONS_MAX - 1)];
        if (h->position < last)
            return belay_fail(err, BELAY_CORRUPT, "an action waits for %llu behind one for %llu",
                              (unsigned long long)h->position, (unsigned long long)last);
        last = h->position;
    }
    return BELAY_OK;
}

int belay_engine_check(struct belay_engine *e, struct belay_err *err)
{
    int status = check_connections(e, err);
    if (status == BELAY_OK)
        status = check_runs(e, err);
    if (status == BELAY_OK)
        status = engine_apis_check(e, err);
    if (status == BELAY_OK)
        status = engine_door_check(e, err);
    if (status == BELAY_OK)
        status = check_ring(e, err);
    if (status == BELAY_OK)
        status = belay_broker_check(e->broker, err);
    return status == BELAY_OK ? belay_sagas_check(e->sagas, err) : status;
}
