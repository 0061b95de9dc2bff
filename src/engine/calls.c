/* Calls: from the grant to the outcome.  connections.c decides who may call when; runs and sagas that want
 * to take turns.  A call has its slot from the grant to the outcome; the record of its intent is appended
 * at the grant and the CALL action waits for it. */
#include "engine/calls.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "engine/actions.h"
#include "engine/clock.h"
#include "engine/connections.h"
#include "engine/deliveries.h"
#include "engine/doubt.h"
#include "engine/flight.h"
#include "engine/isolate.h"
#include "engine/requests.h"
#include "engine/room.h"
#include "engine/runs.h"
#include "policy/gate.h"

#define REFUSED_AGAIN_MS 50 /* after a connector said BUSY */
#define NO_ROOM_AGAIN_MS 10 /* in the store */
#define CALL_ARENA_CHUNK 2048

/* ---- the table of calls ---- */

static struct engine_call *call_new(struct belay_engine *e, struct engine_connection *connection, bool retry)
{
    if (e->call_free == NO_INDEX) {
        if (e->call_count >= BELAY_CALLS_MAX)
            return NULL;
        struct engine_call **grown =
            belay_realloc(e->calls, (e->call_count + 1) * sizeof(struct engine_call *));
        if (!grown)
            return NULL;
        e->calls = grown;
        struct engine_call *fresh = belay_calloc(1, sizeof *fresh);
        if (!fresh)
            return NULL;
        belay_arena_init(&fresh->arena, CALL_ARENA_CHUNK, BELAY_MESSAGE_BYTES_MAX * 2);
        fresh->index = e->call_count;
        fresh->next_free = NO_INDEX;
        e->calls[e->call_count++] = fresh;
        e->call_free = fresh->index;
    }
    struct engine_call *c = e->calls[e->call_free];
    e->call_free = c->next_free;
    e->calls_used++;
    BELAY_ASSERT(!c->used && c->index < e->call_count);
    c->used = true;
    c->out = c->saga = c->orphan = c->outcome_waits = c->ended = c->noted = false;
    c->run = NULL;
    c->set = NULL;
    c->connection = connection;
    engine_gate_begin(e, connection, retry, &c->ticket);
    return c;
}

static uint64_t call_id(const struct engine_call *c)
{
    return (uint64_t)c->generation << 32 | (c->index + 1);
}

static struct engine_call *call_find(struct belay_engine *e, uint64_t id)
{
    uint32_t index = (uint32_t)id - 1;
    if ((uint32_t)id == 0 || index >= e->call_count)
        return NULL;
    struct engine_call *c = e->calls[index];
    return c->used && c->out && c->generation == (uint32_t)(id >> 32) ? c : NULL;
}

/* It had its outcome: its slot is free, whatever is done about what it says. */
static void call_ended(struct belay_engine *e, struct engine_call *c, enum belay_call_end end)
{
    if (!c->ended)
        engine_gate_end(e, c->connection, &c->ticket, end);
    c->ended = true;
}

static void call_free(struct belay_engine *e, struct engine_call *c)
{
    BELAY_ASSERT(c->used && c->ended && e->calls_used);
    if (c->saga) {
        engine_flight_saga_ended(e, c);
        engine_isolate_saga_out(e, c, true);
    }
    if (c->noted)
        engine_flight_other(e, false);
    c->used = false;
    c->generation++;
    if (c->set)
        belay_definitions_unref(c->set);
    c->set = NULL;
    belay_arena_reset(&c->arena);
    c->next_free = e->call_free;
    e->call_free = c->index;
    e->calls_used--;
}

/* It is in flight beside the messages. */
static void note(struct belay_engine *e, struct engine_call *c)
{
    c->noted = true;
    engine_flight_other(e, true);
}

/* As if it had never been asked for. */
static void call_undo(struct belay_engine *e, struct engine_call *c)
{
    BELAY_ASSERT(!c->ended);
    engine_gate_undo(e, c->connection, &c->ticket);
    c->ended = true;
    call_free(e, c);
}

/* The current definition of the connection, or the old one where it is gone. */
static void call_aim(struct belay_engine *e, struct engine_call *c,
                     const struct belay_connection_def *def, struct belay_definitions *set)
{
    const struct belay_connection_def *now = belay_definitions_connection(e->current, def->name);
    c->def = now ? now : def;
    c->set = belay_definitions_ref(now || !set ? e->current : set);
}

void engine_calls_free(struct belay_engine *e)
{
    for (uint32_t i = 0; i < e->call_count; i++) {
        if (e->calls[i]->set)
            belay_definitions_unref(e->calls[i]->set);
        belay_arena_deinit(&e->calls[i]->arena);
        belay_free(e->calls[i]);
    }
    belay_free(e->calls);
}

/* ---- runs ---- */

void engine_call_unwant(struct engine_run *r)
{
    BELAY_ASSERT(r->state == RUN_QUEUED);
    engine_turn_remove(r);
}

/* What must be durable before the call. */
static int record_intent(struct belay_engine *e, struct engine_run *r, struct belay_err *err)
{
    if (r->kind == RUN_REQUEST)
        return engine_doubt_record(e, r, err);
    struct belay_str progress = belay_flow_progress(r->flow);
    if (progress.n) {
        int status = belay_broker_progress(e->broker, r->delivery, progress, r->def->hash, err);
        if (status != BELAY_OK)
            return status;
    }
    int status = r->started ? BELAY_OK : belay_broker_start(e->broker, r->delivery, err);
    r->started |= status == BELAY_OK;
    return status;
}

/* The wait for its first slot is not counted, as the waits between its attempts are not: an outage that lasts longer than
 * the run may take would use up attempts in which nothing was tried. */
static void time_begins(struct belay_engine *e, struct engine_run *r)
{
    if (!r->def->timeout_ms)
        return;
    r->deadline = belay_time_add_ms(e->now, r->def->timeout_ms);
    engine_run_timer(e, r, r->deadline);
    belay_flow_time_begins(r->flow, e->now);
}

static bool grant(struct belay_engine *e, struct engine_connection *connection, struct engine_run *r, bool retry)
{
    struct belay_err err;
    BELAY_ASSERT(r->state == RUN_QUEUED && r->connection == connection && !r->call);
    bool first = r->kind == RUN_DELIVERY && !r->started;
    struct engine_call *c = call_new(e, connection, retry);
    int status = c ? record_intent(e, r, &err) : BELAY_BUSY;
    if (status != BELAY_OK) {
        engine_no_room(e, status, &err);
        if (c) {
            belay_time at = connection->wake_at;
            call_undo(e, c);
            at = at < belay_time_add_ms(e->now, NO_ROOM_AGAIN_MS) ? at : belay_time_add_ms(e->now, NO_ROOM_AGAIN_MS);
            connection->wake_at = at; /* room comes with a commit, and a step with that */
        }
        return false;
    }
    engine_call_unwant(r);
    engine_run_move(e, r, RUN_CALLING);
    engine_turn_taken(connection, retry);
    r->call = c;
    r->called = true;
    c->run = r;
    if (r->kind == RUN_REQUEST)
        note(e, c);
    if (first)
        time_begins(e, r);
    engine_isolate_granted(e, r);
    c->request = *belay_flow_request(r->flow);
    c->request.id = call_id(c);
    call_aim(e, c, belay_flow_connection(r->flow), r->set);
    engine_hold_call(e, c, false);
    return true;
}

/* The run whose turn it is gets a slot; while suspects run alone, nobody but the one that does. False: nobody can
 * now. */
static bool grant_run(struct belay_engine *e, struct engine_connection *connection)
{
    bool retry;
    struct engine_run *r;
    if (e->calls_used >= BELAY_CALLS_MAX)
        return false;
    if (!e->isolating) {
        r = engine_turn_next(e, connection, &retry);
        return r && grant(e, connection, r, retry);
    }
    r = e->alone;
    return r && r->state == RUN_QUEUED && r->connection == connection && engine_gate_lets(e, connection, r->retry)
           && grant(e, connection, r, r->retry);
}

int engine_call_want(struct belay_engine *e, struct engine_run *r)
{
    bool retry = belay_flow_repeats(r->flow);
    BELAY_ASSERT(r->verdict == BELAY_FLOW_CALL && !r->turn);
    struct engine_connection *c = engine_connection_need(e, belay_flow_connection(r->flow));
    if (!c)
        return BELAY_BUSY;
    if (r->kind == RUN_REQUEST && c->gate.breaker.state == BELAY_BREAKER_OPEN && c->def.breaker.enabled
        && e->now < c->gate.breaker.open_until) {
        engine_request_breaker_open(e, r, c);
        return BELAY_OK;
    }
    bool waits = retry && r->kind == RUN_DELIVERY && !r->started;
    if (waits && (c->retries_waiting >= belay_gate_retries(&c->gate, &c->def) || !engine_gate_lets(e, c, true))) {
        int status = engine_delivery_postpone(e, r, c);
        if (status != BELAY_CONFLICT)
            return status;
    }
    int status = engine_turn_push(c, r, retry);
    if (status == BELAY_BUSY) {
        engine_delivery_give_back(e, r);
        return BELAY_OK;
    }
    if (status != BELAY_OK)
        return status;
    engine_run_moved(e, r, RUN_QUEUED);
    if (retry && !e->stopping)
        (void)grant_run(e, c); /* at once: what it takes is what the next one does not find */
    return BELAY_OK;
}

void engine_call_cancel(struct belay_engine *e, struct engine_run *r, bool orphan)
{
    struct engine_call *c = r->call;
    BELAY_ASSERT(r->state == RUN_CALLING && c->run == r);
    if (!c->out) { /* nobody saw it */
        if (orphan) {
            r->call = NULL;
            call_undo(e, c);
        }
        return;
    }
    if (orphan) {
        c->orphan = true;
        c->run = NULL;
        r->call = NULL;
        /* Its request shows memory of the run that goes: the id is all a cancellation needs. */
        c->request = (struct belay_call_request){ .id = call_id(c), .timeout_ms = 1 };
    }
    engine_hold_call(e, c, true);
}

void engine_call_late(struct belay_engine *e, struct engine_run *r)
{
    BELAY_ASSERT(r->kind == RUN_DELIVERY && r->verdict == BELAY_FLOW_CALL && e->now >= r->deadline);
    const struct belay_call_outcome outcome = {
        .class_ = BELAY_CLASS_TRANSIENT, .type = BELAY_STR("FLOW:TIMEOUT"),
        .description = BELAY_STR("the run's time was over before its call was made"),
        .endpoint = belay_flow_connection(r->flow)->name,
    };
    if (r->call) {
        BELAY_ASSERT(!r->call->out);
        call_undo(e, r->call);
        r->call = NULL;
    }
    engine_run_go(e, r, &outcome);
}

/* ---- sagas ---- */

static bool copy_fields(struct belay_arena *a, const struct belay_field **fields, uint32_t count)
{
    struct belay_field *copy = BELAY_ARENA_ARRAY(a, struct belay_field, count + 1);
    for (uint32_t i = 0; copy && i < count; i++) {
        copy[i].name = belay_arena_str(a, (*fields)[i].name);
        copy[i].value = belay_arena_str(a, (*fields)[i].value);
        if (!copy[i].name.p || !copy[i].value.p)
            return false;
    }
    *fields = copy;
    return copy != NULL;
}

static bool copy_strs(struct belay_arena *a, struct belay_str **strs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        *strs[i] = belay_arena_str(a, *strs[i]);
        if (!strs[i]->p)
            return false;
    }
    return true;
}

static bool copy_request(struct engine_call *c, const struct belay_call_request *from)
{
    struct belay_call_request *to = &c->request;
    *to = *from;
    struct belay_str *strs[] = { &to->body, &to->idempotency_key, &to->correlationid,
                                 &to->traceparent };
    return copy_fields(&c->arena, &to->params, from->param_count)
           && copy_fields(&c->arena, &to->headers, from->header_count)
           && copy_strs(&c->arena, strs, 4);
}

static bool copy_outcome(struct engine_call *c, const struct belay_call_outcome *from)
{
    struct belay_call_outcome *to = &c->outcome;
    *to = *from;
    struct belay_str *strs[] = { &to->type, &to->description, &to->endpoint, &to->body };
    return copy_fields(&c->arena, &to->headers, from->header_count)
           && copy_strs(&c->arena, strs, 4);
}

/* What a saga wants is called. NULL: there is no room, it comes again. */
static struct engine_call *call_for_saga(struct belay_engine *e, const struct belay_call_request *request,
                                         const struct belay_connection_def *def, bool retry)
{
    struct engine_connection *connection = engine_connection_need(e, def);
    struct engine_call *c = connection ? call_new(e, connection, retry) : NULL;
    if (!c || !copy_request(c, request)) {
        belay_sagas_defer(e->sagas, request->id, belay_time_add_ms(e->now, REFUSED_AGAIN_MS));
        if (c)
            call_undo(e, c);
        return NULL;
    }
    connection->run_went_last = false;
    note(e, c);
    c->saga = true;
    c->token = request->id;
    engine_flight_saga(e, c, belay_sagas_key_of(e->sagas, c->token));
    c->request.id = call_id(c);
    call_aim(e, c, def, NULL);
    engine_hold_call(e, c, false);
    return c;
}

/* False: no saga has a call to make now. */
static bool grant_saga(struct belay_engine *e)
{
    struct belay_call_request request;
    const struct belay_connection_def *def;
    bool retry;
    if (e->calls_used >= BELAY_CALLS_MAX || e->isolating)
        return false;
    engine_flight_at_work(e, FLIGHT_OTHER, 0);
    bool wants = belay_sagas_next(e->sagas, e->now, &request, &def, &retry);
    engine_flight_idle(e);
    return wants && call_for_saga(e, &request, def, retry);
}

struct engine_call *engine_call_saga(struct belay_engine *e, struct belay_str key)
{
    struct belay_call_request request;
    const struct belay_connection_def *def;
    bool retry;
    if (e->calls_used >= BELAY_CALLS_MAX)
        return NULL;
    engine_flight_at_work(e, FLIGHT_OTHER, 0);
    bool wants = belay_sagas_next_of(e->sagas, key, e->now, &request, &def, &retry);
    engine_flight_idle(e);
    return wants ? call_for_saga(e, &request, def, retry) : NULL;
}

/* False: there is no room for what it means; kept. */
static bool tell_saga(struct belay_engine *e, struct engine_call *c,
                      const struct belay_call_outcome *outcome)
{
    struct belay_err err;
    struct belay_call_outcome mine = *outcome;
    BELAY_ASSERT(c->saga && !c->run && c->ended);
    mine.id = c->token;
    engine_flight_at_work(e, FLIGHT_OTHER, 0);
    int status = belay_sagas_outcome(e->sagas, &mine, e->now, &err);
    engine_flight_idle(e);
    if (status == BELAY_OK) {
        call_free(e, c);
        return true;
    }
    if (engine_no_room(e, status, &err) && !c->outcome_waits) {
        if (copy_outcome(c, outcome)) {
            c->outcome_waits = true;
            e->outcomes_waiting++;
        } else {
            engine_fail(e, BELAY_NOMEM, &err);
        }
    }
    return false;
}

/* ---- outcomes ---- */

/* An answer that says no is an answer; "too many requests" says that it is alive. */
static enum belay_call_end end_of(const struct belay_call_outcome *o)
{
    if (o->ok || o->class_ == BELAY_CLASS_PERMANENT)
        return BELAY_CALL_WELL;
    return o->status == 429 ? BELAY_CALL_REFUSED : BELAY_CALL_FAILED;
}

static void take_outcome(struct belay_engine *e, struct engine_call *c,
                         const struct belay_call_outcome *outcome, enum belay_call_end end)
{
    if (!outcome->ok)
        c->connection->failed++;
    call_ended(e, c, end);
    if (c->saga) {
        tell_saga(e, c, outcome);
        return;
    }
    struct engine_run *r = c->run;
    BELAY_ASSERT(r ? r->call == c && r->state == RUN_CALLING : c->orphan);
    call_free(e, c);
    if (!r)
        return;
    r->call = NULL;
    engine_run_go(e, r, outcome);
}

void belay_engine_outcome(struct belay_engine *e, const struct belay_call_outcome *outcome,
                          belay_time now)
{
    if (e->failed)
        return;
    engine_clock_tick(e, now);
    struct engine_call *c = call_find(e, outcome->id);
    if (c && !c->outcome_waits)
        take_outcome(e, c, outcome, end_of(outcome));
}

/* Not now: as if it had not been asked for. */
static void refused_for_now(struct belay_engine *e, struct engine_call *c)
{
    belay_time again = belay_time_add_ms(e->now, REFUSED_AGAIN_MS);
    struct engine_run *r = c->run;
    bool saga = c->saga;
    uint64_t token = c->token;
    e->stats.calls_refused++;
    BELAY_ASSERT(saga || c->orphan || r->call == c);
    call_undo(e, c);
    if (saga) {
        belay_sagas_defer(e->sagas, token, again);
    } else if (r) {
        r->call = NULL;
        engine_run_move(e, r, RUN_WAITING);
        engine_run_timer(e, r, again);
    }
}

void belay_engine_call_refused(struct belay_engine *e, uint64_t id, int status,
                               const struct belay_err *err, belay_time now)
{
    if (e->failed)
        return;
    engine_clock_tick(e, now);
    struct engine_call *c = call_find(e, id);
    if (!c || c->outcome_waits)
        return;
    if (belay_status_class(status) == BELAY_CLASS_TRANSIENT) {
        refused_for_now(e, c);
        return;
    }
    const struct belay_call_outcome outcome = {
        .id = id, .class_ = BELAY_CLASS_PERMANENT, .type = BELAY_STR("CONNECTION:REFUSED"),
        .description = belay_str_c(err ? err->msg : belay_status_text(status)),
        .endpoint = c->def->name,
    };
    take_outcome(e, c, &outcome, BELAY_CALL_VOID);
}

/* ---- each step ---- */

static void retell_sagas(struct belay_engine *e)
{
    for (uint32_t i = 0; i < e->call_count && e->outcomes_waiting && !e->failed; i++) {
        struct engine_call *c = e->calls[i];
        if (!c->used || !c->outcome_waits)
            continue;
        if (!tell_saga(e, c, &c->outcome))
            return;
        e->outcomes_waiting--;
    }
}

/* The intent is recorded: its outcome is unknown at the next start. */
void engine_calls_cut(struct belay_engine *e)
{
    for (uint32_t i = 0; i < e->call_count && e->outcomes_waiting; i++) {
        struct engine_call *c = e->calls[i];
        if (!c->used || !c->outcome_waits)
            continue;
        BELAY_ASSERT(c->saga && c->ended);
        call_free(e, c);
        e->outcomes_waiting--;
    }
}

bool engine_calls_grant(struct belay_engine *e, uint32_t count_max)
{
    uint32_t granted = 0;
    if (e->outcomes_waiting)
        retell_sagas(e);
    for (uint32_t i = 0; i < e->connection_count; i++)
        if (e->connections[i]->wake_at <= e->now)
            e->connections[i]->wake_at = BELAY_TIME_NEVER; /* asked below */
    while (!e->stopping && granted < count_max && grant_saga(e))
        granted++;
    for (uint32_t i = 0; i < e->connection_count; i++)
        while (granted < count_max && grant_run(e, e->connections[i]))
            granted++;
    return granted == count_max;
}
