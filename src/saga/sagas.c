/* sagas.c - the room: opened, given turns, told outcomes. */
#include "saga/room.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "saga/apply.h"
#include "saga/cache.h"
#include "saga/kinds.h"
#include "saga/queue.h"
#include "saga/turn.h"

#define TURNS_A_CALL 256 /* of belay_sagas_next, without a call to make */
#define MOVES_A_TURN (2 * BELAY_SAGA_STEPS_MAX)
#define NO_ROOM_MS 5        /* the store or the memory had none: again after */
#define WITHDRAW_POLL_MS 50 /* a message to be withdrawn is in flight */

int belay_sagas_new(const struct belay_sagas_opt *opt, struct belay_sagas **ret_sagas,
                    struct belay_err *err)
{
    struct belay_sagas *s = belay_calloc(1, sizeof *s);
    struct saga *look = saga_new();
    if (!s || !look) {
        belay_free(s);
        saga_free(look);
        return belay_fail(err, BELAY_NOMEM, "no memory for sagas");
    }
    s->opt = *opt;
    s->look = look;
    s->random.state = opt->seed;
    s->rows_due = 0;
    s->pass_due = BELAY_TIME_NEVER;
    s->flight_free = UINT32_MAX;
    belay_map_init(&s->kind_by_name);
    belay_map_init(&s->sagas);
    belay_list_init(&s->ready);
    belay_list_init(&s->idle);
    belay_list_init(&s->pool);
    belay_heap_init(&s->timers);
    belay_arena_init(&s->arena, 0, BELAY_SAGA_TURN_BYTES_MAX);
    struct belay_buf *const bufs[] = { &s->record, &s->row,  &s->kind_row, &s->fault,
                                       &s->text,   &s->json, &s->scratch,  &s->list_id };
    for (size_t n = 0; n < sizeof bufs / sizeof *bufs; n++)
        belay_buf_init(bufs[n], 2 * BELAY_SAGA_DATA_BYTES_MAX);
    *ret_sagas = s;
    return BELAY_OK;
}

void belay_sagas_free(struct belay_sagas *s)
{
    if (!s)
        return;
    struct belay_buf *const bufs[] = { &s->record, &s->row,  &s->kind_row, &s->fault,
                                       &s->text,   &s->json, &s->scratch,  &s->list_id };
    for (size_t n = 0; n < sizeof bufs / sizeof *bufs; n++)
        belay_buf_deinit(bufs[n]);
    saga_cache_free(s);
    saga_kinds_free(s);
    saga_gates_free(s);
    belay_free(s->flights);
    belay_arena_deinit(&s->arena);
    saga_free(s->look);
    belay_free(s);
}

void belay_sagas_set_store(struct belay_sagas *s, struct belay_store *store)
{
    BELAY_ASSERT(store && !s->opt.store);
    s->opt.store = store;
    s->state = belay_store_state(store);
}

int belay_sagas_load(struct belay_sagas *s, struct belay_state *state, struct belay_err *err)
{
    s->state = state;
    return saga_kinds_load(s, err);
}

void belay_sagas_save(struct belay_sagas *s, struct belay_state *state)
{
    struct belay_err err;
    (void)state;
    /* Without memory the freeze must not go on: what is in hand would not be found again. */
    int status = saga_cache_save(s, &err);
    BELAY_ASSERT(status == BELAY_OK);
}

/* What was begun and is not in flight now has no outcome and never will: it is found by its entry
 * in SAGA_DUE, which is in the past, and taken as one of unknown outcome in its turn. */
void belay_sagas_recovered(struct belay_sagas *s, belay_time now)
{
    s->now = now;
    saga_queue_due(s, 0);
}

/* ---- turns ---- */

void saga_turn_init(struct saga_turn *t, struct belay_sagas *s, struct saga *i, belay_time now)
{
    t->room = s;
    t->saga = i;
    t->now = now;
    t->connection = NULL;
    t->scoped = false;
    t->def = s->opt.definition(s->opt.arg, i->kind->name, i->definition);
    if (t->def && t->def->step_count != i->step_count)
        t->def = NULL;
    belay_arena_reset(&s->arena);
}

static enum saga_act park_undefined(struct saga_turn *t)
{
    struct saga_move m;
    struct belay_fault fault;
    belay_fault_init(&fault, "SAGA:DEFINITION", BELAY_CLASS_PERMANENT,
                     "the definition this saga began with is not there");
    saga_move_init(&m, t->saga, t->now, SAGA_EVENT_PARKED);
    saga_move_park(t, &m, &fault);
    return saga_commit(t, &m);
}

static enum saga_act forget(struct saga_turn *t)
{
    if (t->now < t->saga->due)
        return ACT_LATER;
    const struct saga_cost cost = { 64 + t->saga->id_n, 1, 3 * KEY_BYTES_MAX, 3 };
    if (saga_room_reserve(t->room, &cost, true, NULL) != BELAY_OK)
        return ACT_NO_ROOM;
    saga_forget_append(t->room, t->saga);
    return ACT_GONE;
}

static enum saga_act one_move(struct saga_turn *t)
{
    const struct saga *i = t->saga;
    if (saga_ended(i->state))
        return forget(t);
    if (i->state == SAGA_PARKED)
        return ACT_LATER;
    if (saga_is_deadly(t))
        return saga_quarantine(t);
    if (!t->def)
        return park_undefined(t);
    return i->state == SAGA_RUNNING ? saga_forward(t) : saga_undo(t);
}

static enum saga_act saga_turn_go(struct saga_turn *t)
{
    enum saga_act act = ACT_AGAIN;
    for (int n = 0; n < MOVES_A_TURN && act == ACT_AGAIN; n++) {
        t->scoped = false; /* a move may have moved what it views */
        belay_arena_reset(&t->room->arena);
        act = one_move(t);
    }
    return act;
}

static void put_away(struct belay_sagas *s, struct saga_turn *t, enum saga_act act)
{
    struct saga *i = t->saga;
    bool first = act != ACT_GONE && i->knocks;
    if (act != ACT_GONE)
        i->knocks = false;
    switch (act) {
    case ACT_CALL:
    case ACT_GONE: break;
    case ACT_AGAIN:
    case ACT_LATER: saga_cache_place(s, i, s->now); break;
    case ACT_BLOCKED:
        if (saga_gate_wait(s, t->connection->name, i, first) != BELAY_OK)
            saga_cache_delay(s, i, belay_time_add_ms(s->now, NO_ROOM_MS));
        break;
    case ACT_NOT_BEFORE: saga_cache_delay(s, i, t->not_before); break;
    case ACT_NO_ROOM:
        s->pause_until = belay_time_add_ms(s->now, NO_ROOM_MS);
        saga_cache_delay(s, i, s->pause_until);
        break;
    case ACT_WAIT: saga_cache_delay(s, i, belay_time_add_ms(s->now, WITHDRAW_POLL_MS)); break;
    }
    saga_cache_trim(s);
}

static struct saga *pop_ready(struct belay_sagas *s)
{
    struct belay_list *node = belay_list_pop(&s->ready);
    if (!node)
        return NULL;
    struct saga *i = BELAY_CONTAINER_OF(node, struct saga, node);
    saga_cache_take(s, i);
    return i;
}

static void tell_at_work(struct belay_sagas *s, const struct saga *i)
{
    if (s->opt.at_work)
        s->opt.at_work(s->opt.arg, saga_key_str(&i->key));
}

enum saga_act saga_take_turn(struct belay_sagas *s, struct saga *i, belay_time now, struct belay_call_request *ret_request,
                             const struct belay_connection_def **ret_connection, bool *ret_retry)
{
    tell_at_work(s, i);
    saga_turn_init(&s->turn, s, i, now);
    enum saga_act act = saga_turn_go(&s->turn);
    put_away(s, &s->turn, act);
    if (act == ACT_CALL) {
        *ret_request = s->turn.request;
        *ret_connection = s->turn.connection;
        *ret_retry = s->turn.retry;
    }
    return act;
}

bool belay_sagas_next(struct belay_sagas *s, belay_time now, struct belay_call_request *ret_request,
                      const struct belay_connection_def **ret_connection, bool *ret_retry)
{
    s->now = now;
    if (now < s->pause_until)
        return false;
    saga_queue_fill(s, now);
    for (int n = 0; n < TURNS_A_CALL; n++) {
        struct saga *i = pop_ready(s);
        if (!i) {
            saga_queue_scan(s, now);
            if (!(i = pop_ready(s)))
                return false;
        }
        enum saga_act act = saga_take_turn(s, i, now, ret_request, ret_connection, ret_retry);
        if (act == ACT_CALL || act == ACT_NO_ROOM)
            return act == ACT_CALL;
    }
    return false;
}

belay_time belay_sagas_wake_at(const struct belay_sagas *s)
{
    struct belay_heap_node *node = belay_heap_min(&s->timers);
    belay_time at = s->rows_due;
    if (node && node->key < at)
        at = node->key;
    if (!belay_list_empty(&s->ready))
        at = 0;
    return at < s->pause_until ? s->pause_until : at;
}

/* ---- outcomes ---- */

int belay_sagas_outcome(struct belay_sagas *s, const struct belay_call_outcome *outcome,
                        belay_time now, struct belay_err *err)
{
    struct saga *i = saga_flight_of(s, outcome->id);
    s->now = now;
    if (!i)
        return BELAY_OK;
    tell_at_work(s, i);
    saga_turn_init(&s->turn, s, i, now);
    int status = saga_outcome(&s->turn, (enum flight)i->flight, i->repeatable, outcome, err);
    if (status != BELAY_OK)
        return status == BELAY_NOMEM ? belay_fail(err, BELAY_BUSY, "no memory for an outcome")
                                     : status;
    saga_flight_end(s, i);
    saga_cache_place(s, i, now);
    saga_cache_trim(s);
    return BELAY_OK;
}

void belay_sagas_defer(struct belay_sagas *s, uint64_t request_id, belay_time not_before)
{
    struct saga *i = saga_flight_of(s, request_id);
    if (!i)
        return;
    bool recorded = i->flight != FLIGHT_RESOLVE;
    saga_flight_end(s, i);
    i->again = recorded;
    saga_cache_delay(s, i, not_before);
}
