/* Runs: their pool, their states, their timers, and the step that moves one on. */
#include "engine/runs.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/heap.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/planted.h"
#include "base/random.h"
#include "base/sm.h"
#include "broker/declare.h"
#include "engine/apis.h"
#include "engine/calls.h"
#include "engine/deliveries.h"
#include "engine/door.h"
#include "engine/doubt.h"
#include "engine/effects.h"
#include "engine/flight.h"
#include "engine/idempotency.h"
#include "engine/requests.h"
#include "engine/room.h"

#define RUN_ARENA_CHUNK 1024
#define UNSTALL_MAX 64
#define STALL_AGAIN_MS 20
#define SMALL_BYTES BELAY_KIB(64) /* of a message: what its end may write besides is about as much */
#define UNBLOCK_MAX 64
#define FULL_TOPICS_MAX 8
#define BLOCKED_AGAIN_MS 20

static const struct belay_sm_state states[RUN_STATES] = {
    [RUN_FREE] = { "free", BELAY_SM_TO(RUN_AT_WORK), true, true },
    [RUN_AT_DOOR] = { "at the door", BELAY_SM_TO(RUN_AT_WORK), false, false },
    [RUN_ADMITTING] = { "admitting", BELAY_SM_TO(RUN_AT_WORK), false, false },
    [RUN_AT_WORK] = { "at work",
                      BELAY_SM_TO(RUN_AT_DOOR) | BELAY_SM_TO(RUN_ADMITTING) | BELAY_SM_TO(RUN_QUEUED) | BELAY_SM_TO(RUN_WAITING)
                          | BELAY_SM_TO(RUN_STALLED) | BELAY_SM_TO(RUN_BLOCKED) | BELAY_SM_TO(RUN_ANSWERED) | BELAY_SM_TO(RUN_FREE),
                      false, false },
    [RUN_QUEUED] = { "queued", BELAY_SM_TO(RUN_CALLING) | BELAY_SM_TO(RUN_AT_WORK), false, false },
    [RUN_CALLING] = { "calling", BELAY_SM_TO(RUN_AT_WORK) | BELAY_SM_TO(RUN_WAITING), false, false },
    [RUN_WAITING] = { "waiting", BELAY_SM_TO(RUN_AT_WORK), false, false },
    [RUN_STALLED] = { "stalled", BELAY_SM_TO(RUN_AT_WORK), false, false },
    [RUN_BLOCKED] = { "blocked", BELAY_SM_TO(RUN_AT_WORK), false, false },
    [RUN_ANSWERED] = { "answered", BELAY_SM_TO(RUN_FREE), false, false },
};

static struct belay_list *list_of(struct belay_engine *e, unsigned state)
{
    switch (state) {
    case RUN_FREE: return &e->free_runs;
    case RUN_AT_DOOR: return &e->door;
    case RUN_CALLING:
    case RUN_WAITING: return &e->working;
    case RUN_STALLED: return &e->stalled;
    case RUN_BLOCKED: return &e->blocked;
    case RUN_ANSWERED: return &e->answered;
    default: return NULL; /* at work: the stack; queued: its connection; admitting: its API */
    }
}

void engine_run_move(struct belay_engine *e, struct engine_run *r, enum engine_run_state to)
{
    BELAY_ASSERT((r->state != RUN_STALLED || e->stalled_count) && (r->state != RUN_BLOCKED || e->blocked_count));
    e->stalled_count -= r->state == RUN_STALLED;
    e->blocked_count -= r->state == RUN_BLOCKED;
    if (r->state == RUN_AT_DOOR)
        engine_door_leave(e, r);
    if (r->state == RUN_ADMITTING)
        engine_api_leave(r);
    if (r->state == RUN_QUEUED && r->turn)
        engine_call_unwant(r);
    belay_list_unlink(&r->node);
    belay_sm_move(states, &r->state, to);
    struct belay_list *list = list_of(e, to);
    if (to == RUN_FREE)
        belay_list_push_front(list, &r->node);
    else if (list)
        belay_list_push(list, &r->node);
    e->stalled_count += to == RUN_STALLED;
    e->blocked_count += to == RUN_BLOCKED;
}

void engine_run_moved(struct belay_engine *e, struct engine_run *r, enum engine_run_state to)
{
    (void)e;
    BELAY_ASSERT(r->state != RUN_STALLED && r->state != RUN_BLOCKED && list_of(e, to) == NULL);
    belay_sm_move(states, &r->state, to);
}

/* The node is in the heap from the beginning, so that moving it needs no memory. */
void engine_run_timer(struct belay_engine *e, struct engine_run *r, belay_time at)
{
    if (r->timer.key == at)
        return;
    belay_heap_remove(&e->due, &r->timer);
    int status = belay_heap_insert(&e->due, &r->timer, at);
    BELAY_ASSERT(status == BELAY_OK);
}

static struct engine_run *run_make(struct belay_engine *e)
{
    if (e->run_count == e->run_max)
        return NULL;
    if (e->run_count == e->run_cap) {
        uint32_t cap = e->run_cap ? e->run_cap * 2 : 64;
        struct engine_run **grown = belay_realloc(e->runs, cap * sizeof *grown);
        if (!grown)
            return NULL;
        e->runs = grown;
        e->run_cap = cap;
    }
    struct engine_run *r = belay_calloc(1, sizeof *r);
    if (!r)
        return NULL;
    belay_list_init(&r->node);
    belay_heap_node_init(&r->timer);
    if (belay_heap_insert(&e->due, &r->timer, BELAY_TIME_NEVER) != BELAY_OK) {
        belay_free(r);
        return NULL;
    }
    belay_arena_init(&r->arena, RUN_ARENA_CHUNK, BELAY_MESSAGE_BYTES_MAX * 2);
    belay_buf_init(&r->progress, BELAY_PROGRESS_BYTES_MAX);
    r->index = e->run_count;
    e->runs[e->run_count++] = r;
    return r;
}

struct engine_run *engine_run_new(struct belay_engine *e, enum engine_run_kind kind,
                                  const struct belay_flow_def *def, struct belay_definitions *set)
{
    struct belay_list *node = belay_list_pop(&e->free_runs);
    struct engine_run *r = node ? BELAY_CONTAINER_OF(node, struct engine_run, node) : run_make(e);
    if (!r)
        return NULL;
    BELAY_ASSERT(!r->flow && !r->call && !r->delivery && !r->request && !r->keyed && !r->admitted);
    belay_sm_move(states, &r->state, RUN_AT_WORK);
    r->kind = (uint8_t)kind;
    r->def = def;
    r->set = belay_definitions_ref(set);
    r->attempt = 1;
    r->first_at = e->now;
    r->deadline = BELAY_TIME_NEVER;
    e->runs_used++;
    e->stats.runs++;
    e->requests_open += kind == RUN_REQUEST;
    return r;
}

void engine_run_free(struct belay_engine *e, struct engine_run *r)
{
    BELAY_ASSERT(e->runs_used && !r->call && !r->turn);
    engine_key_release(e, r);
    engine_flight_unnote(e, r);
    if (e->alone == r)
        e->alone = NULL;
    engine_api_done(r);
    engine_run_move(e, r, RUN_FREE);
    engine_run_timer(e, r, BELAY_TIME_NEVER);
    if (r->flow)
        belay_flow_free(r->flow);
    belay_definitions_unref(r->set);
    belay_arena_reset(&r->arena);
    belay_buf_clear(&r->progress);
    e->runs_used--;
    e->requests_open -= r->kind == RUN_REQUEST;
    e->stats.runs_done++;
    r->map_key = r->scope = r->key = r->stands_at = BELAY_STR_NONE;
    r->flow = NULL;
    r->set = NULL;
    r->delivery = NULL;
    r->request = NULL;
    r->connection = NULL;
    r->call = NULL;
    r->key_waits = false;
    r->started = r->begun = r->called = r->interrupted = r->in_doubt = r->once = r->achieved = r->cancelled = r->kept
        = false;
    r->waits_until = 0;
}

/* The engine ends: what was in flight is left to recovery. */
void engine_runs_free(struct belay_engine *e)
{
    for (uint32_t i = 0; i < e->run_count; i++) {
        struct engine_run *r = e->runs[i];
        if (r->flow)
            belay_flow_free(r->flow);
        if (r->set)
            belay_definitions_unref(r->set);
        belay_arena_deinit(&r->arena);
        belay_buf_deinit(&r->progress);
        belay_free(r);
    }
    belay_free(e->runs);
    if (e->flow_pool)
        belay_flow_pool_free(e->flow_pool);
    belay_heap_deinit(&e->due);
    belay_map_deinit(&e->keys);
}

/* ---- moving on ---- */

int engine_run_begin(struct belay_engine *e, struct engine_run *r, struct belay_err *err)
{
    const struct belay_delivery *d = r->delivery;
    BELAY_ASSERT(!r->flow && (d ? r->kind == RUN_DELIVERY : r->request != NULL));
    const struct belay_flow_input input = {
        .def = r->def,
        .message = d ? &d->message : &r->message,
        .body = d ? NULL : r->request->body_json,
        .params = d ? NULL : r->request->params,
        .param_count = d ? 0 : r->request->param_count,
        .describe = d ? NULL : r->request->describe,
        .describe_arg = d ? NULL : r->request->user,
        .attempt = d ? d->attempt : r->attempt,
        .interrupted = d ? d->interrupted : r->interrupted,
        .first_attempt_at = d ? d->first_attempt_at : r->first_at,
        .progress = d ? d->progress : belay_buf_view(&r->progress),
        .functions = e->functions,
        .function_count = 1,
        .admit = engine_effects_admit,
        .admit_arg = e,
        .answers = d == NULL,
        .seed = belay_random_next(&e->random),
        .pool = e->flow_pool,
        .redact = &e->redact,
    };
    return belay_flow_begin(&input, &r->flow, err);
}

void engine_run_go(struct belay_engine *e, struct engine_run *r,
                   const struct belay_call_outcome *outcome)
{
    if (r->state != RUN_AT_WORK)
        engine_run_move(e, r, RUN_AT_WORK);
    const struct belay_delivery *d = r->delivery;
    BELAY_ASSERT(r->flow && !r->call);
    engine_flight_at_work(e, d ? belay_subscription_id(d->sub) : FLIGHT_REQUEST, d ? d->sequence : engine_request_id(r));
    r->verdict = (uint8_t)belay_flow_step(r->flow, e->now, outcome);
    if (r->kind == RUN_REQUEST)
        engine_doubt_learn(r, outcome);
    engine_run_enact(e, r);
    engine_flight_idle(e);
}

/* A crash must not make its calls a question, however long it waits: what it achieved becomes durable. Without
 * room for that it is tried again when the run is. */
static void keep_progress(struct belay_engine *e, struct engine_run *r)
{
    struct belay_err err;
    bool worth = r->delivery && r->started && !r->kept && r->verdict == BELAY_FLOW_DONE;
    struct belay_str progress = worth ? belay_flow_progress(r->flow) : BELAY_STR_NONE;
    if (!progress.n)
        return;
    int status = belay_broker_progress(e->broker, r->delivery, progress, r->def->hash, &err);
    r->kept = status == BELAY_OK;
    if (status != BELAY_OK)
        (void)engine_no_room(e, status, &err);
}

/* A message waits in its lane, a request as long as its API lets it. */
static void block(struct belay_engine *e, struct engine_run *r)
{
    keep_progress(e, r);
    engine_run_move(e, r, RUN_BLOCKED);
    if (r->kind == RUN_REQUEST)
        engine_request_block(e, r);
    if (e->blocked_until == BELAY_TIME_NEVER)
        e->blocked_until = belay_time_add_ms(e->now, BLOCKED_AGAIN_MS);
}

/* Its room may be missing where there is plenty: what fits no overlay is granted in an empty one only. */
static bool is_large(const struct engine_run *r)
{
    return (r->kind == RUN_DELIVERY ? r->delivery->message.body.n : r->request->body.n) > SMALL_BYTES;
}

bool engine_run_enact(struct belay_engine *e, struct engine_run *r)
{
    int status;
    BELAY_ASSERT(r->state == RUN_AT_WORK);
    r->found_full = false;
    if (r->verdict == BELAY_FLOW_CALL)
        status = engine_call_want(e, r);
    else if (r->kind == RUN_REQUEST)
        status = engine_request_enact(e, r);
    else
        status = engine_delivery_enact(e, r);
    if (status == BELAY_OK || e->failed)
        return true;
    if (r->found_full) {
        block(e, r);
        return true;
    }
    engine_run_move(e, r, RUN_STALLED);
    return status != BELAY_BUSY || is_large(r);
}

/* In turn; a store that is too busy for something small is so for all (the next turn begins with another), a full one may
 * have room for what only acknowledges. */
uint32_t engine_runs_unstall(struct belay_engine *e)
{
    uint32_t count = e->stalled_count < UNSTALL_MAX ? e->stalled_count : UNSTALL_MAX;
    uint32_t before = e->stalled_count, tried = 0;
    for (bool room = true; room && tried < count && !e->failed; tried++) {
        struct belay_list *node = e->stalled.next;
        struct engine_run *r = BELAY_CONTAINER_OF(node, struct engine_run, node);
        engine_run_move(e, r, RUN_AT_WORK);
        room = engine_run_enact(e, r);
    }
    e->stalled_until = e->stalled_count == 0   ? BELAY_TIME_NEVER
                       : e->stalled_count < before ? e->now
                                                   : belay_time_add_ms(e->now, STALL_AGAIN_MS);
    return before - e->stalled_count;
}

/* Topics that were found full in this pass: who waits for one of them need not be asked. */
struct full_topics {
    struct belay_str names[FULL_TOPICS_MAX];
    uint32_t count;
};

static bool known_full(const struct full_topics *full, struct belay_str topic)
{
    for (uint32_t i = 0; i < full->count; i++)
        if (belay_str_eq(full->names[i], topic))
            return true;
    return false;
}

/* The longest waiting first, and all keep their places. Room is made by what others do, and then there is a step; a look
 * now and then besides. */
void engine_runs_unblock(struct belay_engine *e)
{
    struct full_topics full = { .count = 0 };
    struct belay_list all;
    uint32_t before = e->blocked_count, tried = 0;
    belay_list_init(&all);
    belay_list_splice(&all, &e->blocked);
    for (struct belay_list *node; (node = all.next) != &all && tried < UNBLOCK_MAX && !e->failed;) {
        struct engine_run *r = BELAY_CONTAINER_OF(node, struct engine_run, node);
        if (known_full(&full, r->full_topic)) {
            belay_list_unlink(node);
            belay_list_push(&e->blocked, node);
            continue;
        }
        tried++;
        engine_run_move(e, r, RUN_AT_WORK);
        engine_run_enact(e, r);
        if (r->state == RUN_BLOCKED && full.count < FULL_TOPICS_MAX)
            full.names[full.count++] = r->full_topic;
    }
    belay_list_splice(&e->blocked, &all);
    e->blocked_until = e->blocked_count == 0        ? BELAY_TIME_NEVER
                       : e->blocked_count < before ? e->now
                                                   : belay_time_add_ms(e->now, BLOCKED_AGAIN_MS);
}

/* A message's call that nobody saw. One that did nothing yet has its time from its first slot on. */
static bool is_late(const struct belay_engine *e, const struct engine_run *r)
{
    bool wants = r->state == RUN_QUEUED || r->state == RUN_STALLED;
    bool unseen = r->state == RUN_CALLING && !r->call->out;
    return r->kind == RUN_DELIVERY && r->started && r->verdict == BELAY_FLOW_CALL && e->now >= r->deadline
           && (wants || unseen);
}

static void run_due(struct belay_engine *e, struct engine_run *r)
{
    engine_run_timer(e, r, BELAY_TIME_NEVER);
    if (r->kind == RUN_REQUEST && e->now >= r->deadline) {
        engine_request_deadline(e, r);
    } else if (is_late(e, r)) {
        engine_call_late(e, r);
    } else if (r->state == RUN_AT_DOOR) {
        engine_door_waited(e, r);
    } else if (r->state == RUN_ADMITTING) {
        engine_api_waited(e, r);
    } else if (r->state == RUN_BLOCKED && r->kind == RUN_REQUEST) {
        engine_request_blocked(e, r);
    } else if (r->state == RUN_WAITING && r->flow) { /* its call was refused: asks again */
        engine_run_timer(e, r, r->deadline);
        engine_run_move(e, r, RUN_AT_WORK);
        engine_run_enact(e, r);
    } else if (r->state == RUN_WAITING) {
        engine_request_again(e, r);
    } else if (r->state == RUN_CALLING && !r->cancelled) {
        r->cancelled = true;
        engine_call_cancel(e, r, false);
    } else if (r->state == RUN_STALLED && r->kind == RUN_REQUEST) { /* its queue has room since, the store has not */
        engine_run_timer(e, r, r->deadline);
    }
}

void engine_runs_due(struct belay_engine *e)
{
    for (struct belay_heap_node *n; (n = belay_heap_min(&e->due)) && n->key <= e->now;) {
        run_due(e, BELAY_CONTAINER_OF(n, struct engine_run, timer));
        if (e->failed)
            return;
    }
}

/* A request is told so, a delivery keeps what it achieved, where there is room for that. */
static void leave(struct belay_engine *e, struct engine_run *r)
{
    struct belay_err err;
    if (r->kind == RUN_REQUEST) {
        engine_request_leave(e, r);
        return;
    }
    struct belay_str progress = belay_flow_progress_at_rest(r->flow);
    int status = BELAY_OK;
    if (progress.n)
        status = belay_broker_progress(e->broker, r->delivery, progress, r->def->hash, &err);
    if (status != BELAY_OK)
        engine_no_room(e, status, &err); /* then it is done again from where it was */
    belay_broker_defer(e->broker, r->delivery, e->now);
    engine_run_move(e, r, RUN_AT_WORK);
    engine_run_free(e, r);
}

static void leave_those_in(struct belay_engine *e, unsigned run_states)
{
    for (uint32_t i = 0; i < e->run_count && !e->failed; i++)
        if (BELAY_SM_TO(e->runs[i]->state) & run_states)
            leave(e, e->runs[i]);
}

#define WITHOUT_A_CALL                                                                              \
    (BELAY_SM_TO(RUN_AT_DOOR) | BELAY_SM_TO(RUN_QUEUED) | BELAY_SM_TO(RUN_WAITING) | BELAY_SM_TO(RUN_BLOCKED) | BELAY_SM_TO(RUN_ADMITTING))

void engine_runs_stop(struct belay_engine *e)
{
    leave_those_in(e, WITHOUT_A_CALL);
}

/* What is stalled has no record of what it came to: as after a crash it is tried again, or its outcome is unknown. */
void engine_runs_cut(struct belay_engine *e)
{
    leave_those_in(e, BELAY_PLANTED(110) ? WITHOUT_A_CALL : WITHOUT_A_CALL | BELAY_SM_TO(RUN_STALLED));
    for (uint32_t i = 0; i < e->run_count && !e->failed; i++)
        if (e->runs[i]->state == RUN_CALLING && e->runs[i]->kind == RUN_REQUEST)
            engine_request_cut(e, e->runs[i]);
}
