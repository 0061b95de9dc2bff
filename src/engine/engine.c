#include "engine/room.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/heap.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/random.h"
#include "broker/replay.h"
#include "engine/actions.h"
#include "engine/apis.h"
#include "engine/calls.h"
#include "engine/clock.h"
#include "engine/connections.h"
#include "engine/definitions.h"
#include "engine/deliveries.h"
#include "engine/door.h"
#include "engine/flight.h"
#include "engine/isolate.h"
#include "engine/letter_where.h"
#include "engine/news.h"
#include "engine/notes.h"
#include "engine/record.h"
#include "engine/runs.h"
#include "engine/sagas.h"
#include "engine/timers.h"

#define REQUESTS_DEFAULT 4096u
/* A step is to take a millisecond or two: about 10 us a message, more where it is large. */
#define DELIVERIES_A_STEP 128u
#define DELIVERED_BYTES_A_STEP BELAY_KIB(256)
#define CALLS_A_STEP 64u
#define HELD_LOOK_MS 1000 /* commits and checkpoints go on by themselves */
#define STEP_ARENA_BYTES BELAY_MIB(32)
#define UNCOUNTED_MS 5000    /* for room to write a crash down */

void engine_fail(struct belay_engine *e, int status, const struct belay_err *err)
{
    if (e->failed)
        return;
    e->failed = status;
    if (err)
        e->failure = *err;
    e->failure.code = status;
    if (e->flight && !e->crash_position && !engine_is_uncounted(e))
        engine_flight_clear(e);
}

bool engine_no_room(struct belay_engine *e, int status, const struct belay_err *err)
{
    if (status == BELAY_BUSY || status == BELAY_NOSPACE || status == BELAY_NOMEM)
        return true;
    if (status != BELAY_OK)
        engine_fail(e, status, err);
    return false;
}

/* ---- the store's callbacks: each room its records ---- */

static int apply_mine(struct belay_engine *e, const struct belay_record *record,
                      struct belay_err *err)
{
    if (record->version != RECORD_VERSION)
        return belay_fail(err, BELAY_VERSION, "engine record %u of version %u", record->type,
                          record->version);
    switch (record->type) {
    case RECORD_CLOCK: return engine_clock_apply(e, record->body, err);
    case RECORD_DEFINITION: return engine_definition_apply(e, record->body, err);
    case RECORD_TIMER: return engine_timer_apply(e, record->body, err);
    case RECORD_NOTE: return engine_note_apply(e, record->body, err);
    default: return belay_fail(err, BELAY_VERSION, "engine record of type %u", record->type);
    }
}

static int apply(void *arg, uint64_t position, const struct belay_record *record,
                 struct belay_err *err)
{
    struct belay_engine *e = arg;
    switch (record->type & 0xff00u) {
    case BELAY_RECORD_BROKER: return belay_broker_apply(e->broker, position, record, err);
    case BELAY_RECORD_SAGA: return belay_sagas_apply(e->sagas, position, record, err);
    case BELAY_RECORD_ENGINE: return apply_mine(e, record, err);
    default: return belay_fail(err, BELAY_VERSION, "a record of type %u", record->type);
    }
}

static int load(void *arg, struct belay_state *state, struct belay_err *err)
{
    struct belay_engine *e = arg;
    e->state = state;
    engine_clock_load(e);
    int status = belay_broker_load(e->broker, state, err);
    return status == BELAY_OK ? belay_sagas_load(e->sagas, state, err) : status;
}

static void save(void *arg, struct belay_state *state)
{
    struct belay_engine *e = arg;
    belay_broker_save(e->broker, state);
    belay_sagas_save(e->sagas, state);
}

/* ---- opening and closing ---- */

static void init(struct belay_engine *e, const struct belay_engine_opt *opt)
{
    e->opt = *opt;
    if (!e->opt.requests_max)
        e->opt.requests_max = REQUESTS_DEFAULT;
    e->random.state = opt->seed;
    e->run_max = BELAY_RUNS_MAX + e->opt.requests_max;
    e->call_free = NO_INDEX;
    e->stalled_until = e->blocked_until = BELAY_TIME_NEVER;
    e->functions[0] = (struct belay_host_function){ BELAY_STR("saga"), 2, 2, engine_saga_function,
                                                    e };
    belay_list_init(&e->free_runs);
    belay_list_init(&e->door);
    belay_list_init(&e->working);
    belay_list_init(&e->stalled);
    belay_list_init(&e->blocked);
    belay_list_init(&e->answered);
    belay_heap_init(&e->due);
    belay_map_init(&e->keys);
    belay_map_init(&e->kept);
    belay_arena_init(&e->arena, 0, STEP_ARENA_BYTES);
    belay_buf_init(&e->buf, BELAY_MESSAGE_BYTES_MAX);
}

static int open_store(struct belay_engine *e, struct belay_err *err)
{
    const struct belay_engine_opt *opt = &e->opt;
    const struct belay_store_opt store = {
        .disk = opt->disk,
        .jobs = opt->jobs,
        .state = opt->state,
        .segment_bytes = opt->segment_bytes,
        .journal_bytes_max = opt->journal_bytes_max,
        .bytes_max = opt->store_bytes_max,
        .overlay_bytes_max = opt->overlay_bytes_max,
        .tail_cache_bytes = opt->tail_cache_bytes,
        .seed = belay_random_next(&e->random),
        .look = opt->look,
        .state_only = opt->state_only,
        .apply = apply,
        .load = load,
        .save = save,
        .arg = e,
    };
    int status = belay_store_open(&store, &e->store, err);
    if (status != BELAY_OK)
        return status;
    e->state = belay_store_state(e->store);
    belay_broker_set_store(e->broker, e->store);
    belay_sagas_set_store(e->sagas, e->store);
    return BELAY_OK;
}

static void saga_at_work(void *arg, struct belay_str key)
{
    engine_flight_saga_at_work(arg, key);
}

static uint32_t saga_deaths_allowed(void *arg)
{
    return engine_deaths_allowed(arg, NULL);
}

static int make_rooms(struct belay_engine *e, struct belay_err *err)
{
    int status = engine_actions_init(e);
    if (status != BELAY_OK)
        return belay_fail(err, status, "engine: out of memory");
    status = belay_flow_pool_new(&e->flow_pool, err);
    if (status == BELAY_OK)
        status = belay_broker_new(NULL, &e->broker, err);
    if (status != BELAY_OK)
        return status;
    belay_replay_set_where(e->broker, &engine_replay_where);
    belay_broker_set_carries(e->broker, belay_flow_carries);
    const struct belay_sagas_opt sagas = { .broker = e->broker,
                                           .definition = engine_saga_of,
                                           .may_call = engine_may_call,
                                           .tell = engine_tell_saga,
                                           .at_work = saga_at_work,
                                           .deaths_allowed = saga_deaths_allowed,
                                           .tell_letter = engine_tell_saga_letter,
                                           .arg = e,
                                           .redact = &e->redact,
                                           .seed = belay_random_next(&e->random) };
    return belay_sagas_new(&sagas, &e->sagas, err);
}

/* Until now nobody called: those who wait for it are told when the suspects are through, or at once. */
static void let_go(struct belay_engine *e)
{
    engine_isolate_begin(e);
    belay_free((void *)e->uncounted.items);
    e->uncounted = (struct belay_crash){ 0 };
    if (!e->crash_position)
        engine_flight_clear(e);
}

/* A store that was just opened may have no segment ready yet. */
bool engine_crash_count(struct belay_engine *e)
{
    struct belay_err err;
    int status = engine_accuse(e, &e->uncounted, &err);
    if (status == BELAY_OK)
        status = belay_broker_crashed(e->broker, &e->uncounted, e->now, &e->crash_position, &err);
    if (status != BELAY_OK && !engine_no_room(e, status, &err))
        return false;
    if (status == BELAY_OK && e->crash_position)
        engine_news_crash(e, &e->uncounted);
    if (status != BELAY_OK && e->now < e->uncounted_until)
        return false;
    let_go(e);
    return true;
}

/* The page's own memory is written over once something else runs. */
static int keep_uncounted(struct belay_engine *e, const struct belay_crash *crash, struct belay_err *err)
{
    struct belay_crash_item *items = belay_malloc((crash->count + 1) * sizeof *items);
    if (!items)
        return belay_fail(err, BELAY_NOMEM, "what was in flight");
    for (uint32_t i = 0; i < crash->count; i++)
        items[i] = crash->items[i];
    e->uncounted = *crash;
    e->uncounted.items = items;
    e->uncounted_until = belay_time_add_ms(e->now, UNCOUNTED_MS);
    return BELAY_OK;
}

/* Counts the crash before anything is delivered again. */
static int recover(struct belay_engine *e, struct belay_err *err)
{
    struct belay_crash crash = { 0 };
    int status = engine_flight_open(e, &crash, err);
    if (status != BELAY_OK)
        return status;
    belay_broker_recovered(e->broker, e->now);
    belay_sagas_recovered(e->sagas, e->now);
    if (crash.count || crash.others_named) {
        status = engine_accuse(e, &crash, err);
        if (status == BELAY_OK)
            status = belay_broker_crashed(e->broker, &crash, e->now, &e->crash_position, err);
        if (status == BELAY_OK && e->crash_position)
            engine_news_crash(e, &crash);
        if (status == BELAY_BUSY || status == BELAY_NOSPACE)
            status = keep_uncounted(e, &crash, err);
    }
    if (!e->crash_position && !engine_is_uncounted(e))
        engine_flight_clear(e);
    belay_arena_reset(&e->arena);
    engine_isolate_begin(e);
    return status;
}

int belay_engine_open(const struct belay_engine_opt *opt, struct belay_engine **ret_engine,
                      struct belay_err *err)
{
    struct belay_engine *e = belay_calloc(1, sizeof *e);
    if (!e)
        return belay_fail(err, BELAY_NOMEM, "engine: out of memory");
    init(e, opt);
    int status = make_rooms(e, err);
    if (status == BELAY_OK)
        status = open_store(e, err);
    if (status == BELAY_OK && !opt->look) {
        engine_clock_open(e, opt->now);
        status = recover(e, err);
    }
    if (status != BELAY_OK) {
        belay_engine_close(e);
        return status;
    }
    *ret_engine = e;
    return BELAY_OK;
}

void belay_engine_close(struct belay_engine *e)
{
    if (!e)
        return;
    if (e->stopping && !e->failed && !e->crash_position && !engine_is_uncounted(e) && e->flight)
        engine_flight_clear(e); /* it ends in order: what is still in flight did not end it */
    belay_free((void *)e->uncounted.items);
    engine_accused_free(e);
    engine_runs_free(e);
    engine_calls_free(e);
    engine_connections_free(e);
    engine_apis_free(e);
    if (e->sagas)
        belay_sagas_free(e->sagas);
    if (e->broker)
        belay_broker_free(e->broker);
    if (e->ring)
        engine_actions_free(e);
    engine_timers_free(e);
    engine_definitions_free(e);
    engine_flight_close(e);
    if (e->store)
        belay_store_close(e->store);
    belay_arena_deinit(&e->arena);
    belay_buf_deinit(&e->buf);
    belay_free(e);
}

/* ---- stepping ---- */

static bool look_for_failure(struct belay_engine *e)
{
    struct belay_err err;
    int status = belay_store_failed(e->store, &err);
    if (status == BELAY_OK)
        status = belay_state_error(e->state, &err);
    if (status != BELAY_OK)
        engine_fail(e, status, &err);
    return e->failed;
}

bool belay_engine_step(struct belay_engine *e, belay_time now)
{
    bool more = false;
    BELAY_ASSERT(!e->opt.look);
    if (look_for_failure(e))
        return false;
    engine_clock_tick(e, now);
    e->stats.steps++;
    belay_broker_tick(e->broker, e->now);
    engine_news_tell(e);
    engine_runs_due(e);
    uint32_t settled = e->stalled_count ? engine_runs_unstall(e) : 0;
    if (e->blocked_count)
        engine_runs_unblock(e);
    if (e->current && !e->failed && !e->held) {
        engine_timers_fire(e);
        if (e->requests_open && !e->stopping) {
            engine_door_open(e);
            engine_apis_admit(e);
        }
        more |= engine_calls_grant(e, CALLS_A_STEP);
        more |= engine_deliver(e, settled < DELIVERIES_A_STEP / 2 ? DELIVERIES_A_STEP - 2 * settled : 0,
                               DELIVERED_BYTES_A_STEP);
        more |= engine_calls_grant(e, CALLS_A_STEP); /* of what was delivered just now */
    }
    /* A step that failed is not flushed: half of a decision must not become durable. */
    if (e->failed || look_for_failure(e))
        return false;
    belay_broker_flush(e->broker);
    engine_clock_record(e);
    engine_actions_clamp(e);
    belay_store_flush(e->store, e->now);
    return more && !e->failed;
}

static belay_time earlier(belay_time a, belay_time b)
{
    return a < b ? a : b;
}

belay_time belay_engine_wake_at(const struct belay_engine *e)
{
    if (e->failed)
        return BELAY_TIME_NEVER;
    if (e->held) /* what is due waits */
        return engine_clock_wall(e, belay_time_add_ms(e->now, HELD_LOOK_MS));
    /* What there is to deliver waits until something ends (a commit, a call): nobody looks again and again meanwhile. */
    belay_time at = e->isolating            ? engine_isolate_wake_at(e)
                    : engine_may_deliver(e) ? belay_broker_wake_at(e->broker)
                                            : belay_broker_tick_at(e->broker);
    if (!e->stopping && !e->isolating)
        at = earlier(at, belay_sagas_wake_at(e->sagas));
    if (!e->stopping)
        at = earlier(earlier(at, engine_apis_wake_at(e)), engine_door_wake_at(e));
    const struct belay_heap_node *n = belay_heap_min(&e->due);
    if (n)
        at = earlier(at, n->key);
    at = earlier(at, engine_timers_wake_at(e));
    if (!e->stopping)
        at = earlier(at, engine_connections_wake_at(e));
    if (e->stalled_count)
        at = earlier(at, e->stalled_until);
    if (engine_is_uncounted(e))
        at = earlier(at, belay_time_add_ms(e->now, 2));
    if (e->blocked_count)
        at = earlier(at, e->blocked_until);
    if (e->outcomes_waiting)
        at = earlier(at, belay_time_add_ms(e->now, 20));
    return engine_clock_wall(e, at);
}

int belay_engine_failed(const struct belay_engine *e, struct belay_err *err)
{
    if (e->failed && err)
        *err = e->failure;
    return e->failed;
}

void belay_engine_stop(struct belay_engine *e)
{
    if (e->stopping || e->failed)
        return;
    e->stopping = true;
    belay_replay_stop(e->broker);
    engine_runs_stop(e);
}

void belay_engine_cut(struct belay_engine *e)
{
    BELAY_ASSERT(e->stopping || e->failed);
    if (e->failed)
        return;
    engine_runs_cut(e);
    engine_calls_cut(e);
}

void belay_engine_hold(struct belay_engine *e, bool held)
{
    e->held = held;
}

bool belay_engine_held(const struct belay_engine *e)
{
    return e->held;
}

bool belay_engine_idle(const struct belay_engine *e)
{
    return e->failed
           || (e->stopping && e->runs_used == 0 && e->calls_used == 0 && e->ring_count == 0
               && belay_store_durable(e->store) >= belay_store_position(e->store)
               && belay_store_idle(e->store));
}

struct belay_broker *belay_engine_broker(struct belay_engine *e)
{
    return e->broker;
}

struct belay_sagas *belay_engine_sagas(struct belay_engine *e)
{
    return e->sagas;
}

struct belay_store *belay_engine_store(struct belay_engine *e)
{
    return e->store;
}
