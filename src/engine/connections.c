/* Connections: the one place where it is decided who may call, and when.
 *
 * Each has a gate (policy/gate.h).  Runs that want through wait in turns, one for each flow, so that no flow starves
 * another; in a turn, first tries and retries take turns as well, so that keys in trouble do not starve healthy
 * ones.  Sagas are asked for between runs (engine_calls_grant).  A retry that may not go now and has not begun is
 * given back to the broker with a later time (deliveries.c): what waits here is first tries and what has a place
 * already, at most a thousand of a flow, however many messages want to call. */
#include "engine/connections.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "engine/actions.h"
#include "engine/room.h"
#include "engine/runs.h"
#include "policy/gate.h"

static struct engine_connection *find(struct belay_engine *e, struct belay_str name)
{
    for (uint32_t i = 0; i < e->connection_count; i++)
        if (belay_str_eq(engine_name(e->connections[i]), name))
            return e->connections[i];
    return NULL;
}

static void copy_name(char to[BELAY_NAME_BYTES_MAX + 1], struct belay_str name)
{
    size_t n = name.n < BELAY_NAME_BYTES_MAX ? name.n : BELAY_NAME_BYTES_MAX;
    if (n)
        memcpy(to, name.p, n);
    to[n] = '\0';
}

static struct engine_connection *add(struct belay_engine *e, const struct belay_connection_def *def)
{
    struct engine_connection **grown =
        belay_realloc(e->connections, (e->connection_count + 1) * sizeof(struct engine_connection *));
    if (!grown)
        return NULL;
    e->connections = grown;
    struct engine_connection *c = belay_calloc(1, sizeof *c);
    if (!c)
        return NULL;
    copy_name(c->name, def->name);
    c->def = def->gate;
    c->wake_at = BELAY_TIME_NEVER;
    e->connections[e->connection_count++] = c;
    return c;
}

struct engine_connection *engine_connection_need(struct belay_engine *e,
                                                 const struct belay_connection_def *def)
{
    struct engine_connection *c = find(e, def->name);
    return c ? c : add(e, def);
}

/* One that left the configuration stays: what calls it began under an old definition. */
int engine_connections_make(struct belay_engine *e, const struct belay_definitions *d, struct belay_err *err)
{
    for (uint32_t i = 0; i < d->connection_count; i++)
        if (!engine_connection_need(e, &d->connections[i]))
            return belay_fail(err, BELAY_NOMEM, "connection %.*s", BELAY_STR_ARG(d->connections[i].name));
    return BELAY_OK;
}

void engine_connections_configure(struct belay_engine *e, const struct belay_definitions *d)
{
    for (uint32_t i = 0; i < d->connection_count; i++) {
        struct engine_connection *c = find(e, d->connections[i].name);
        BELAY_ASSERT(c);
        c->def = d->connections[i].gate;
        c->wake_at = e->now; /* what waits may go now */
    }
}

void engine_connections_free(struct belay_engine *e)
{
    for (uint32_t i = 0; i < e->connection_count; i++) {
        for (uint32_t k = 0; k < e->connections[i]->turn_count; k++)
            belay_free(e->connections[i]->turns[k]);
        belay_free(e->connections[i]->turns);
        belay_free(e->connections[i]);
    }
    belay_free(e->connections);
}

/* ---- the gate ---- */

static enum belay_gate_answer ask(struct belay_engine *e, struct engine_connection *c, bool retry,
                                  belay_time *ret_at)
{
    enum belay_gate_answer answer = belay_gate_ask(&c->gate, &c->def, retry, e->now, ret_at);
    if (answer == BELAY_GATE_GO)
        return answer;
    c->held_by = (uint8_t)answer;
    if (*ret_at < c->wake_at)
        c->wake_at = *ret_at;
    return answer;
}

bool engine_gate_lets(struct belay_engine *e, struct engine_connection *c, bool retry)
{
    belay_time at;
    return ask(e, c, retry, &at) == BELAY_GATE_GO;
}

bool engine_may_call(void *arg, const struct belay_connection_def *connection, bool retry,
                     belay_time *ret_at)
{
    struct belay_engine *e = arg;
    struct engine_connection *c = engine_connection_need(e, connection);
    belay_time at;
    if (!c || e->stopping || e->calls_used >= BELAY_CALLS_MAX)
        return false;
    enum belay_gate_answer answer = ask(e, c, retry, &at);
    if (answer == BELAY_GATE_GO)
        return c->waiting_count == 0 || c->run_went_last;
    if (retry && answer != BELAY_GATE_CONCURRENCY) {
        *ret_at = belay_gate_postpone(&c->gate, &c->def, at, e->now, &e->random);
        c->postponed++;
    }
    return false;
}

static void tell_breaker(struct belay_engine *e, const struct engine_connection *c)
{
    static const char *const names[] = { [BELAY_BREAKER_CLOSED] = "breaker.closed",
                                         [BELAY_BREAKER_OPEN] = "breaker.opened",
                                         [BELAY_BREAKER_HALF_OPEN] = "breaker.probing" };
    const struct belay_breaker *b = &c->gate.breaker;
    char percent[16], waiting[16];
    snprintf(percent, sizeof percent, "%u", belay_breaker_failed_percent(b));
    snprintf(waiting, sizeof waiting, "%u", c->waiting_count);
    const struct belay_field fields[] = {
        { BELAY_STR("connection"), engine_name(c) },
        { BELAY_STR("failed_percent"), belay_str_c(percent) },
        { BELAY_STR("waiting"), belay_str_c(waiting) },
    };
    bool open = b->state == BELAY_BREAKER_OPEN;
    const struct belay_action_event event = {
        .level = open ? 3 : 1, .name = names[b->state], .owner = engine_name(c),
        .again_at = open ? b->open_until : 0, .fields = fields, .field_count = 3,
    };
    engine_hold_event(e, BELAY_ACTION_EVENT, &event, NULL);
}

void engine_gate_begin(struct belay_engine *e, struct engine_connection *c, bool retry,
                       struct belay_gate_ticket *ret_ticket)
{
    belay_gate_begin(&c->gate, &c->def, retry, e->now, ret_ticket);
    c->calls++;
    c->retries += retry;
    if (ret_ticket->probe && c->gate.breaker.probes_out + c->gate.breaker.probes_ok == 1)
        tell_breaker(e, c);
    if (e->opt.granted)
        e->opt.granted(e->opt.arg, c->name, &c->def, ret_ticket, false, e->now);
}

void engine_gate_end(struct belay_engine *e, struct engine_connection *c,
                     const struct belay_gate_ticket *ticket, enum belay_call_end end)
{
    c->wake_at = e->now; /* a slot, or a probe's place */
    if (belay_gate_end(&c->gate, &c->def, ticket, end, e->now))
        tell_breaker(e, c);
}

void engine_gate_undo(struct belay_engine *e, struct engine_connection *c,
                      const struct belay_gate_ticket *ticket)
{
    c->wake_at = e->now;
    belay_gate_undo(&c->gate, &c->def, ticket, e->now);
    if (e->opt.granted)
        e->opt.granted(e->opt.arg, c->name, &c->def, ticket, true, e->now);
}

/* ---- turns ---- */

static struct engine_turn *turn_of(struct engine_connection *c, struct belay_str flow)
{
    for (uint32_t i = 0; i < c->turn_count; i++)
        if (belay_str_eq(belay_str_c(c->turns[i]->flow), flow))
            return c->turns[i];
    struct engine_turn **grown = belay_realloc(c->turns, (c->turn_count + 1) * sizeof(struct engine_turn *));
    if (!grown)
        return NULL;
    c->turns = grown;
    struct engine_turn *turn = belay_calloc(1, sizeof *turn);
    if (!turn)
        return NULL;
    copy_name(turn->flow, flow);
    belay_list_init(&turn->firsts);
    belay_list_init(&turn->retries);
    return c->turns[c->turn_count++] = turn;
}

int engine_turn_push(struct engine_connection *c, struct engine_run *r, bool retry)
{
    BELAY_ASSERT(!r->turn && belay_list_empty(&r->node));
    struct engine_turn *turn = turn_of(c, r->def->name);
    if (!turn)
        return BELAY_NOMEM;
    if (turn->count >= TURN_WAITING_MAX && r->kind == RUN_DELIVERY && !r->started)
        return BELAY_BUSY;
    r->connection = c;
    r->turn = turn;
    belay_list_push(retry ? &turn->retries : &turn->firsts, &r->node);
    r->retry = retry;
    turn->count++;
    c->waiting_count++;
    c->retries_waiting += retry;
    return BELAY_OK;
}

void engine_turn_remove(struct engine_run *r)
{
    BELAY_ASSERT(r->turn && r->turn->count && r->connection->waiting_count);
    BELAY_ASSERT(!r->retry || r->connection->retries_waiting);
    belay_list_unlink(&r->node);
    r->turn->count--;
    r->connection->waiting_count--;
    r->connection->retries_waiting -= r->retry;
    r->turn = NULL;
}

static struct belay_list *pick(struct engine_turn *turn, bool retries, bool firsts, bool retry_first)
{
    struct belay_list *order[2] = { retry_first ? &turn->retries : &turn->firsts,
                                    retry_first ? &turn->firsts : &turn->retries };
    for (int i = 0; i < 2; i++) {
        bool may = order[i] == &turn->retries ? retries : firsts;
        if (may && !belay_list_empty(order[i]))
            return order[i];
    }
    return NULL;
}

struct engine_run *engine_turn_next(struct belay_engine *e, struct engine_connection *c, bool *ret_retry)
{
    if (c->waiting_count == 0)
        return NULL;
    bool retries = engine_gate_lets(e, c, true);
    bool firsts = retries || engine_gate_lets(e, c, false);
    for (uint32_t i = 0; firsts && i < c->turn_count; i++) {
        uint32_t n = (c->next_turn + i) % c->turn_count;
        struct belay_list *list = pick(c->turns[n], retries, firsts, !c->retry_went_last);
        if (!list)
            continue;
        c->next_turn = n;
        *ret_retry = list == &c->turns[n]->retries;
        return BELAY_CONTAINER_OF(list->next, struct engine_run, node);
    }
    return NULL;
}

void engine_turn_taken(struct engine_connection *c, bool retry)
{
    BELAY_ASSERT(c->turn_count);
    c->run_went_last = true;
    c->retry_went_last = retry;
    c->next_turn = (c->next_turn + 1) % c->turn_count;
}

belay_time engine_connections_wake_at(const struct belay_engine *e)
{
    belay_time at = BELAY_TIME_NEVER;
    for (uint32_t i = 0; i < e->connection_count; i++)
        if (e->connections[i]->wake_at < at)
            at = e->connections[i]->wake_at;
    return at;
}
