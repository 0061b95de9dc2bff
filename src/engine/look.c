/* Looking at the engine: figures, and its invariants. */
#include "engine/impl.h"

void belay_engine_stats(const struct belay_engine *e, struct belay_engine_stats *ret_stats)
{
    *ret_stats = e->stats;
    ret_stats->runs_in_flight = e->runs_used;
    ret_stats->calls_in_flight = e->calls_used;
    ret_stats->requests_open = e->requests_open;
}

bool belay_engine_connection_stats(const struct belay_engine *e, uint32_t index,
                                   struct belay_str *ret_name, uint32_t *ret_in_flight,
                                   uint32_t *ret_concurrency, uint64_t *ret_calls,
                                   uint64_t *ret_failed)
{
    if (index >= e->connection_count)
        return false;
    const struct engine_connection *c = e->connections[index];
    *ret_name = engine_name(c);
    *ret_in_flight = c->in_flight;
    *ret_concurrency = c->concurrency;
    *ret_calls = c->calls;
    *ret_failed = c->failed;
    return true;
}

static int check_connections(const struct belay_engine *e, struct belay_err *err)
{
    for (uint32_t i = 0; i < e->connection_count; i++) {
        const struct engine_connection *c = e->connections[i];
        uint32_t calls = 0, waiting = 0;
        for (uint32_t k = 0; k < e->call_count; k++)
            calls += e->calls[k]->used && e->calls[k]->connection == c;
        for (const struct belay_list *l = c->waiting.next; l != &c->waiting; l = l->next)
            waiting++;
        if (calls != c->in_flight || waiting != c->waiting_count)
            return belay_fail(err, BELAY_CORRUPT, "connection %s: %u calls of %u, %u waiting of %u",
                              c->name, calls, c->in_flight, waiting, c->waiting_count);
    }
    return BELAY_OK;
}

static int check_runs(const struct belay_engine *e, struct belay_err *err)
{
    uint32_t used = 0, stalled = 0, keyed = 0, requests = 0;
    for (uint32_t i = 0; i < e->run_count; i++) {
        const struct engine_run *r = e->runs[i];
        used += r->state != RUN_FREE;
        stalled += r->state == RUN_STALLED;
        keyed += r->keyed;
        requests += r->state != RUN_FREE && r->kind == RUN_REQUEST;
        if (r->state == RUN_AT_WORK)
            return belay_fail(err, BELAY_CORRUPT, "a run is at work between steps");
        if (r->state == RUN_CALLING && (!r->call || r->call->run != r || !r->call->used))
            return belay_fail(err, BELAY_CORRUPT, "a run calls without a call");
    }
    if (used != e->runs_used || stalled != e->stalled_count || keyed != e->keys.count
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
        status = check_ring(e, err);
    if (status == BELAY_OK)
        status = belay_broker_check(e->broker, err);
    return status == BELAY_OK ? belay_sagas_check(e->sagas, err) : status;
}
