/* Deliveries: what the broker gives out goes to a flow or a saga, and ends with an outcome. */
#include "engine/deliveries.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/planted.h"
#include "broker/declare.h"
#include "broker/idempotency.h"
#include "broker/publish.h"
#include "engine/actions.h"
#include "engine/connections.h"
#include "engine/definitions.h"
#include "engine/effects.h"
#include "engine/flight.h"
#include "engine/idempotency.h"
#include "engine/isolate.h"
#include "engine/poison.h"
#include "engine/room.h"
#include "engine/runs.h"
#include "flow/redact.h"
#include "policy/gate.h"

#define NO_ROOM_AGAIN_MS 10
#define POISON_BYTES BELAY_KIB(2) /* of its rows: by payload, by signature */
#define KEY_BUSY_AGAIN_MS 20 /* another message with the same idempotency key is at work */
#define UNKNOWN_AGAIN_MS 1000
#define TURNS_FULL_AGAIN_MS 100 /* a thousand of its flow wait for the connection already */

static void tell(struct belay_engine *e, uint8_t level, const char *name, struct belay_str owner,
                 const struct belay_delivery *d, const struct belay_fault *fault, belay_time again_at)
{
    const struct belay_action_event event = { .level = level, .name = name, .owner = owner,
                                              .sequence = d->sequence, .attempt = d->attempt,
                                              .again_at = again_at };
    engine_tell_fault(e, &event, &d->message, fault);
}

void engine_tell_saga_letter(void *arg, const struct belay_delivery *d, const struct belay_fault *fault)
{
    tell(arg, 3, "message.dead_letter", belay_subscription_name(d->sub), d, fault, 0);
}

/* Of what failed before there was a run. */
static void redact(struct belay_engine *e, const struct belay_message *m, struct belay_fault *fault)
{
    struct belay_redact_words words;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_RUN_BYTES_MAX);
    belay_redact_words_init(&words, &arena);
    belay_message_gather(m, e->redact, &words);
    belay_fault_redact(fault, e->redact, &words, &arena);
    belay_arena_deinit(&arena);
}

static void letter(struct belay_engine *e, struct belay_delivery *d,
                   const struct belay_flow_def *def, struct belay_fault *fault)
{
    redact(e, &d->message, fault);
    struct belay_err err;
    bool park = def->lanes.on_exhausted == BELAY_EXHAUSTED_PARK_KEY;
    tell(e, 3, park && d->lane_key.n ? "message.parked" : "message.dead_letter", def->name, d, fault, 0);
    int status = belay_broker_letter(e->broker, d, fault, park, d->progress, d->definition, e->now,
                                     &err);
    if (status == BELAY_OK)
        e->stats.letters++;
    else if (engine_no_room(e, status, &err))
        belay_broker_defer(e->broker, d, belay_time_add_ms(e->now, NO_ROOM_AGAIN_MS));
}

/* ---- the key of a subscription ---- */

enum key_verdict { KEY_GO, KEY_WAIT, KEY_ENDED };

static enum key_verdict key_is_known(struct belay_engine *e, struct engine_run *r)
{
    struct belay_idempotency idem;
    struct belay_err err;
    belay_broker_idempotency_get(e->broker, r->scope, r->key, &idem);
    if (idem.state != BELAY_IDEMPOTENCY_DONE)
        return engine_key_claim(e, r) == BELAY_OK ? KEY_GO : KEY_WAIT;
    static const struct belay_field reason = { BELAY_STR_INIT("reason"),
                                               BELAY_STR_INIT("its key was handled before") };
    engine_hold_event(e, BELAY_ACTION_EVENT,
                      &(struct belay_action_event){ .level = 1, .name = "message.duplicate",
                                                    .owner = r->def->name, .fields = &reason,
                                                    .field_count = 1 },
                      &r->delivery->message);
    int status = belay_broker_ack(e->broker, r->delivery, &err);
    if (status == BELAY_OK)
        return KEY_ENDED;
    engine_no_room(e, status, &err);
    return KEY_WAIT;
}

/* Evaluates the key; KEY_ENDED: the delivery is gone. */
static enum key_verdict key_check(struct belay_engine *e, struct engine_run *r)
{
    const struct belay_idempotency_def *def = &r->def->idempotency;
    struct belay_delivery *d = r->delivery;
    struct belay_fault fault;
    struct belay_str key;
    if (!def->key)
        return KEY_GO;
    int status = belay_flow_key(def->key, &d->message, NULL, e->now, &r->arena, &key, &fault);
    if (status == BELAY_NOMEM)
        return KEY_WAIT; /* without its key it might be done twice */
    if (status != BELAY_OK) {
        if (!def->required)
            return KEY_GO;
        letter(e, d, r->def, &fault);
        return KEY_ENDED;
    }
    if (key.n > BELAY_KEY_BYTES_MAX) {
        belay_fault_init(&fault, "VALIDATION:IDEMPOTENCY_KEY", BELAY_CLASS_PERMANENT,
                         "an idempotency key of %zu bytes", key.n);
        letter(e, d, r->def, &fault);
        return KEY_ENDED;
    }
    if (!engine_key_set(e, r, r->def->name, key))
        return KEY_WAIT;
    return engine_key_holder(e, r) ? KEY_WAIT : key_is_known(e, r);
}

/* ---- begin ---- */

static void begin_failed(struct belay_engine *e, struct engine_run *r, int status,
                         const struct belay_err *err)
{
    struct belay_fault fault;
    if (status == BELAY_NOMEM) {
        belay_broker_defer(e->broker, r->delivery, belay_time_add_ms(e->now, NO_ROOM_AGAIN_MS));
        return;
    }
    belay_fault_init(&fault, "FLOW:PROGRESS", BELAY_CLASS_PERMANENT, "%s", err->msg);
    letter(e, r->delivery, r->def, &fault);
}

static void deliver_to_flow(struct belay_engine *e, const struct belay_flow_def *def,
                            struct belay_definitions *set, struct belay_delivery *d)
{
    struct belay_err err;
    struct engine_run *r = engine_run_new(e, RUN_DELIVERY, def, set);
    if (!r) {
        belay_broker_defer(e->broker, d, belay_time_add_ms(e->now, NO_ROOM_AGAIN_MS));
        return;
    }
    r->delivery = d;
    engine_flight_note(e, r);
    if (e->isolating)
        e->alone = r;
    enum key_verdict key = key_check(e, r);
    if (key == KEY_WAIT)
        belay_broker_defer(e->broker, d, belay_time_add_ms(e->now, KEY_BUSY_AGAIN_MS));
    if (key == KEY_GO) {
        int status = engine_run_begin(e, r, &err);
        if (status == BELAY_OK) {
            r->deadline = def->timeout_ms ? belay_time_add_ms(e->now, def->timeout_ms)
                                          : BELAY_TIME_NEVER;
            engine_run_timer(e, r, r->deadline);
            engine_run_go(e, r, NULL);
            return;
        }
        begin_failed(e, r, status, &err);
    }
    engine_run_free(e, r);
}

/* A message that waits for its retry goes on with the definition it began with. */
static void deliver_flow(struct belay_engine *e, const struct belay_flow_def *current,
                         struct belay_delivery *d)
{
    static const struct belay_hash128 zero;
    if (belay_hash128_eq(d->definition, zero)
        || belay_hash128_eq(d->definition, current->hash)) {
        deliver_to_flow(e, current, e->current, d);
        return;
    }
    struct belay_definitions *set;
    const struct belay_flow_def *def = engine_flow_of(e, d->definition, &set);
    if (def) {
        deliver_to_flow(e, def, set, d);
        return;
    }
    struct belay_fault fault;
    belay_fault_init(&fault, "FLOW:DEFINITION", BELAY_CLASS_PERMANENT,
                     "the definition it began with does not compile any more");
    letter(e, d, current, &fault);
}

static void deliver_saga(struct belay_engine *e, const struct engine_consumer *c,
                         struct belay_delivery *d)
{
    struct belay_err err;
    engine_flight_at_work(e, belay_subscription_id(d->sub), d->sequence);
    int status = c->kind == CONSUMER_SAGA
                     ? belay_sagas_start(e->sagas, c->saga, d, e->now, &err)
                     : belay_sagas_event(e->sagas, c->saga, c->step, d, e->now, &err);
    engine_flight_idle(e);
    if (status != BELAY_OK && engine_no_room(e, status, &err))
        belay_broker_defer(e->broker, d, belay_time_add_ms(e->now, NO_ROOM_AGAIN_MS));
}

/* Its time was over before it was begun. What has a part behind it goes on, and what a person replays. */
static bool is_expired(const struct belay_engine *e, const struct belay_delivery *d)
{
    return d->message.expires_at && d->message.expires_at <= e->now && !d->interrupted && !d->progress.n
           && !d->replayed && !BELAY_PLANTED(72);
}

/* A letter that blocks nothing: what comes after it is the fresher. */
static void expire(struct belay_engine *e, struct belay_delivery *d)
{
    struct belay_fault fault;
    struct belay_err err;
    char at[BELAY_TIME_TEXT_BYTES];
    belay_time_text(d->message.expires_at, at);
    belay_fault_init(&fault, "EXPIRED:TTL", BELAY_CLASS_PERMANENT, "ttl: its time was over at %s, before it was handled", at);
    fault.at = e->now;
    tell(e, 3, "message.expired", belay_subscription_name(d->sub), d, &fault, 0);
    int status = belay_broker_expire(e->broker, d, &fault, e->now, &err);
    if (status == BELAY_OK)
        e->stats.letters++;
    else if (engine_no_room(e, status, &err))
        belay_broker_defer(e->broker, d, belay_time_add_ms(e->now, NO_ROOM_AGAIN_MS));
}

void engine_deliver_one(struct belay_engine *e, struct belay_delivery *d)
{
    const struct engine_consumer *c = engine_consumer_of(e, d->sub);
    if (d->deaths && c && engine_quarantine(e, d, c->kind == CONSUMER_FLOW ? c->flow : NULL))
        return;
    if (c && c->kind != CONSUMER_NONE && is_expired(e, d)) {
        expire(e, d);
        return;
    }
    switch (c ? c->kind : CONSUMER_NONE) {
    case CONSUMER_FLOW: deliver_flow(e, c->flow, d); break;
    case CONSUMER_SAGA:
    case CONSUMER_AWAIT: deliver_saga(e, c, d); break;
    case CONSUMER_NONE:
        belay_broker_defer(e->broker, d, belay_time_add_ms(e->now, UNKNOWN_AGAIN_MS));
    }
}

bool engine_may_deliver(const struct belay_engine *e)
{
    return !e->failed && !e->stopping && !engine_actions_crowded(e)
           && e->runs_used - e->requests_open < BELAY_RUNS_MAX && e->stalled_count < BELAY_RUNS_MAX / 2;
}

bool engine_deliver(struct belay_engine *e, uint32_t count_max, size_t bytes_max)
{
    size_t bytes = 0;
    if (!engine_flight_is_known(e) || !engine_isolate(e))
        return false;
    for (uint32_t i = 0; i < count_max && bytes < bytes_max; i++) {
        struct belay_delivery *d = engine_may_deliver(e) ? belay_broker_next(e->broker, e->now) : NULL;
        if (!d)
            return false;
        bytes += d->message.body.n;
        i += d->attempt > 1 || d->replayed; /* its rows are read and deleted: twice the work */
        uint64_t letters = e->stats.letters;
        engine_deliver_one(e, d);
        i += e->stats.letters != letters; /* many rows are written */
    }
    return true;
}

/* ---- outcomes ---- */

static void ended(struct belay_engine *e, struct engine_run *r)
{
    BELAY_ASSERT(r->kind == RUN_DELIVERY && r->delivery);
    r->delivery = NULL;
    engine_run_free(e, r);
}

/* Room is not the question here: something of the same commit is appended already. */
static void must(struct belay_engine *e, int status, const struct belay_err *err)
{
    if (status != BELAY_OK)
        engine_fail(e, status, err);
}

static int finish(struct belay_engine *e, struct engine_run *r, struct belay_err *err)
{
    struct belay_str filtered = belay_flow_effects(r->flow)->filtered;
    if (filtered.p)
        return belay_broker_discard(e->broker, r->delivery, filtered, err);
    return belay_broker_ack(e->broker, r->delivery, err);
}

static int enact_letter(struct belay_engine *e, struct engine_run *r,
                         const struct belay_fault *fault, bool with_effects);

static int enact_done(struct belay_engine *e, struct engine_run *r)
{
    struct belay_fault fault;
    struct belay_err err;
    int status = engine_effects_check(e, r, r->map_key.n, &fault);
    if (status == BELAY_INVALID)
        return enact_letter(e, r, &fault, false);
    if (status != BELAY_OK)
        return status;
    bool committed = belay_flow_effects(r->flow)->publication_count > 0;
    if (BELAY_PLANTED(3) && finish(e, r, &err) == BELAY_OK) { /* acknowledged before it is published */
        belay_broker_flush(e->broker);
        belay_store_flush(e->store, e->now);
        engine_effects_publish(e, r);
        ended(e, r);
        return BELAY_OK;
    }
    engine_effects_publish(e, r);
    if (r->keyed && !e->failed) {
        status = belay_broker_idempotency_done(e->broker, r->scope, r->key, r->payload,
                                               BELAY_STR_NONE, r->def->idempotency.window_ms,
                                               e->now, &err);
        if (status != BELAY_OK && !committed)
            return engine_no_room(e, status, &err) ? status : BELAY_OK;
        must(e, status, &err);
        committed = true;
    }
    if (e->failed)
        return BELAY_OK;
    engine_effects_log(e, r);
    engine_poison_succeeded(e, r);
    status = finish(e, r, &err);
    if (status != BELAY_OK && !committed && engine_no_room(e, status, &err))
        return status;
    must(e, status, &err);
    if (!e->failed)
        ended(e, r);
    return BELAY_OK;
}

int engine_delivery_postpone(struct belay_engine *e, struct engine_run *r, struct engine_connection *c)
{
    struct belay_err err;
    belay_time at, due;
    BELAY_ASSERT(r->kind == RUN_DELIVERY && r->delivery && !r->call);
    (void)belay_gate_ask(&c->gate, &c->def, true, e->now, &at);
    due = belay_gate_postpone(&c->gate, &c->def, at, e->now, &e->random);
    int status = belay_broker_postpone(e->broker, r->delivery, due, &err);
    if (status == BELAY_OK) {
        c->postponed++;
        ended(e, r);
    } else if (status != BELAY_CONFLICT && !engine_no_room(e, status, &err)) {
        return BELAY_OK;
    }
    return status;
}

void engine_delivery_give_back(struct belay_engine *e, struct engine_run *r)
{
    BELAY_ASSERT(r->kind == RUN_DELIVERY && r->delivery && !r->call);
    belay_broker_defer(e->broker, r->delivery, belay_time_add_ms(e->now, TURNS_FULL_AGAIN_MS));
    ended(e, r);
}

static int enact_retry(struct belay_engine *e, struct engine_run *r)
{
    struct belay_err err;
    const struct belay_fault *fault = belay_flow_fault(r->flow);
    belay_time due = belay_time_add_ms(e->now, (int64_t)belay_flow_delay_ms(r->flow));
    tell(e, 2, "message.retry", r->def->name, r->delivery, fault, due);
    int status = belay_broker_retry(e->broker, r->delivery, due, fault,
                                    BELAY_PLANTED(5) ? BELAY_STR_NONE : belay_flow_progress(r->flow),
                                    r->def->hash, &err);
    if (status != BELAY_OK)
        return engine_no_room(e, status, &err) ? status : BELAY_OK;
    e->stats.retries++;
    ended(e, r);
    return BELAY_OK;
}

static int enact_letter(struct belay_engine *e, struct engine_run *r,
                         const struct belay_fault *fault, bool with_effects)
{
    struct belay_err err;
    struct belay_fault unused;
    size_t letter_bytes = 2 * r->delivery->message.body.n + belay_flow_progress(r->flow).n;
    int status = with_effects ? engine_effects_check(e, r, letter_bytes, &unused) : BELAY_INVALID;
    if (status != BELAY_OK && status != BELAY_INVALID)
        return status;
    bool committed = status == BELAY_OK && belay_flow_effects(r->flow)->publication_count > 0;
    if (status == BELAY_OK)
        engine_effects_publish(e, r);
    if (e->failed)
        return BELAY_OK;
    struct belay_delivery *d = r->delivery;
    bool park = !(r->verdict == BELAY_FLOW_LETTER && belay_flow_skips(r->flow))
                && r->def->lanes.on_exhausted == BELAY_EXHAUSTED_PARK_KEY;
    engine_effects_log(e, r);
    tell(e, 3, park && d->lane_key.n ? "message.parked" : "message.dead_letter", r->def->name, d, fault, 0);
    status = belay_broker_letter(e->broker, d, fault, park, belay_flow_progress(r->flow),
                                 r->def->hash, e->now, &err);
    if (status != BELAY_OK && !committed && engine_no_room(e, status, &err))
        return status;
    must(e, status, &err);
    if (e->failed)
        return BELAY_OK;
    e->stats.letters++;
    ended(e, r);
    return BELAY_OK;
}

/* A failure that there is no room for comes again: until then nothing is told of it, and nothing counted. */
static int room_to_fail(struct belay_engine *e, struct engine_run *r)
{
    struct belay_err err;
    size_t bytes = belay_flow_progress(r->flow).n + POISON_BYTES;
    bool letter = r->verdict == BELAY_FLOW_LETTER || engine_poison_may_trip(e, r, belay_flow_fault(r->flow));
    int status = belay_broker_may_fail(e->broker, r->delivery, letter, bytes, 2, &err);
    return status == BELAY_OK || engine_no_room(e, status, &err) ? status : BELAY_BUSY;
}

/* What fails again and again has no retries left. */
static int enact_failed(struct belay_engine *e, struct engine_run *r)
{
    struct belay_subscription *sub = r->delivery->sub;
    const struct belay_fault *fault = belay_flow_fault(r->flow);
    struct belay_fault poison;
    bool pause = false;
    int status = room_to_fail(e, r);
    if (status != BELAY_OK)
        return status;
    bool now = engine_poison_failed(e, r, fault, &poison, &pause);
    if (r->verdict == BELAY_FLOW_LETTER)
        status = enact_letter(e, r, fault, true);
    else if (now)
        status = enact_letter(e, r, &poison, false);
    else
        status = enact_retry(e, r);
    if (pause && status == BELAY_OK && !e->failed)
        engine_poison_pause(e, sub);
    return status;
}

int engine_delivery_enact(struct belay_engine *e, struct engine_run *r)
{
    BELAY_ASSERT(r->verdict != BELAY_FLOW_CALL);
    return r->verdict == BELAY_FLOW_DONE ? enact_done(e, r) : enact_failed(e, r);
}
