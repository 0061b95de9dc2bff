/* What fails again and again: payloads and errors are counted where an outage is not the reason.
 *
 *   failure --counts?--> rows of payload and signature --trips--> event, and the action of the flow's `poison`
 *
 * What counts.  Permanent and fatal errors do.  An error that passes by itself (class transient: no answer, 429, 503,
 * a breaker) and an unknown outcome never count towards a signature: an outage of a partner would become dead letters.
 * Towards a payload a server error counts (500 and the like, an answer) while the partner answers others well: then
 * it is this payload that it cannot take.
 *
 * Counting is best effort where the store has no room: the message fares as its policy says. */
#include "engine/poison.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/planted.h"
#include "broker/declare.h"
#include "broker/poison.h"
#include "engine/actions.h"
#include "engine/connections.h"
#include "engine/isolate.h"
#include "engine/requests.h"
#include "engine/room.h"
#include "engine/runs.h"

#define HEALTHY_PERCENT 50 /* of the breaker's window at most may have failed */
#define HEALTHY_CALLS 4    /* of it at least */

static const struct belay_poison_def *rules(const struct belay_engine *e, const struct belay_flow_def *flow)
{
    static const struct belay_poison_def otherwise = BELAY_POISON_DEFAULT;
    if (flow && flow->poison.same_payload)
        return &flow->poison;
    return e->current->poison.same_payload ? &e->current->poison : &otherwise;
}

/* ---- what is the same ---- */

/* JSON by value: members in any order, numbers however written. Else its bytes. */
static struct belay_hash128 payload_of(struct belay_engine *e, struct belay_str body, const belay_json *json)
{
    struct belay_err err;
    struct belay_arena_mark mark = belay_arena_mark(&e->arena);
    bool object = body.n && (body.p[0] == '{' || body.p[0] == '[');
    if (!json && object)
        (void)!belay_json_parse(body, NULL, &e->arena, &json, NULL, &err);
    struct belay_hash128 h = json ? (struct belay_hash128){ belay_json_hash(json), 1 } : belay_hash128(body);
    belay_arena_rewind(&e->arena, mark);
    return h;
}

static struct belay_poison_key payload_key(struct belay_engine *e, const struct belay_delivery *d)
{
    return (struct belay_poison_key){ BELAY_POISON_PAYLOAD, payload_of(e, d->message.body, NULL),
                                      belay_subscription_id(d->sub) };
}

static struct belay_poison_key signature_key(const struct belay_fault *fault, const struct engine_run *r)
{
    return (struct belay_poison_key){ BELAY_POISON_SIGNATURE, { 0, belay_fault_fingerprint(fault, r->def->name) },
                                      belay_subscription_id(r->delivery->sub) };
}

/* ---- what counts ---- */

static bool is_lasting(const struct belay_fault *f)
{
    return f->class_ == BELAY_CLASS_PERMANENT || f->class_ == BELAY_CLASS_FATAL || BELAY_PLANTED(62);
}

/* It answered that it failed, and answers others well. */
static bool is_the_payloads(const struct engine_run *r, const struct belay_fault *f)
{
    const struct engine_connection *c = r->connection;
    bool answered = f->class_ == BELAY_CLASS_TRANSIENT && f->status >= 500 && f->status != 502 && f->status != 503
                    && f->status != 504;
    return answered && c && c->def.breaker.enabled && c->gate.breaker.state == BELAY_BREAKER_CLOSED
           && c->gate.breaker.sum.calls >= HEALTHY_CALLS
           && belay_breaker_failed_percent(&c->gate.breaker) <= HEALTHY_PERCENT;
}

/* ---- counting ---- */

static void tell(struct belay_engine *e, const struct engine_run *r, const struct belay_poison *p,
                 const struct belay_fault *fault, enum belay_poison_action action)
{
    static const char *const actions[] = { [BELAY_POISON_DEAD_LETTER] = "dead_letter",
                                           [BELAY_POISON_PARK_FLOW] = "park_flow", [BELAY_POISON_ALERT] = "alert" };
    char count[16], hash[33];
    snprintf(count, sizeof count, "%u", p->count);
    belay_hash128_hex(p->key.hash, hash);
    const struct belay_field fields[] = {
        { BELAY_STR("messages"), belay_str_c(count) },     { BELAY_STR("hash"), belay_str_c(hash) },
        { BELAY_STR("action"), belay_str_c(actions[action]) }, { BELAY_STR("error"), belay_str_c(fault->type) },
        { BELAY_STR("step"), belay_str_c(fault->step) },   { BELAY_STR("description"), belay_str_c(fault->description) },
    };
    const struct belay_action_event event = {
        .level = 3, .owner = r->def->name, .sequence = r->delivery->sequence,
        .name = p->key.kind == BELAY_POISON_PAYLOAD ? "poison.payload" : "poison.signature",
        .fields = fields, .field_count = 6,
    };
    engine_hold_event(e, BELAY_ACTION_EVENT, &event, &r->delivery->message);
}

/* True: it is tripped, now or before. */
static bool count(struct belay_engine *e, struct engine_run *r, const struct belay_poison_key *key, uint32_t threshold,
                  const struct belay_fault *fault, bool *ret_trips)
{
    const struct belay_poison_def *def = rules(e, r->def);
    const struct belay_delivery *d = r->delivery;
    struct belay_arena_mark mark = belay_arena_mark(&e->arena);
    struct belay_str sample = belay_arena_printf(&e->arena, "%s at %s: %s", fault->type, fault->step, fault->description);
    const struct belay_poison_failure failure = { .id = d->message.id, .sequence = d->sequence, .sample = sample,
                                                  .threshold = threshold, .window_ms = def->window_ms,
                                                  .refuse = key->kind == BELAY_POISON_PAYLOAD
                                                            && def->action == BELAY_POISON_DEAD_LETTER };
    struct belay_poison p = { 0 };
    struct belay_err err;
    bool trips = false;
    int status = belay_poison_failed(e->broker, key, &failure, e->now, &e->arena, &p, &trips, &err);
    if (status != BELAY_OK && status != BELAY_LIMIT)
        engine_no_room(e, status, &err);
    if (status == BELAY_OK && trips)
        tell(e, r, &p, fault, def->action);
    *ret_trips |= trips;
    belay_arena_rewind(&e->arena, mark);
    return status == BELAY_OK && p.tripped_at;
}

/* It has tripped, or one more may do it. */
static bool is_near(struct belay_engine *e, const struct belay_poison_key *key, uint32_t threshold)
{
    struct belay_arena_mark mark = belay_arena_mark(&e->arena);
    struct belay_poison p = { 0 };
    (void)belay_poison_get(e->broker, key, e->now, &e->arena, &p);
    belay_arena_rewind(&e->arena, mark);
    return p.tripped_at || p.count + 1 >= threshold;
}

bool engine_poison_may_trip(struct belay_engine *e, struct engine_run *r, const struct belay_fault *fault)
{
    const struct belay_poison_def *def = rules(e, r->def);
    bool lasting = is_lasting(fault), any = belay_poison_any(e->broker);
    if (def->action != BELAY_POISON_DEAD_LETTER || !(lasting || is_the_payloads(r, fault)))
        return false;
    if (any || def->same_payload <= 1) { /* a large payload takes time to read */
        const struct belay_poison_key same = payload_key(e, r->delivery);
        if (is_near(e, &same, def->same_payload))
            return true;
    }
    const struct belay_poison_key alike = signature_key(fault, r);
    return lasting && is_near(e, &alike, def->same_signature);
}

bool engine_poison_failed(struct belay_engine *e, struct engine_run *r, const struct belay_fault *fault,
                          struct belay_fault *ret_fault, bool *ret_pause)
{
    const struct belay_poison_def *def = rules(e, r->def);
    const struct belay_poison_key alike = signature_key(fault, r);
    bool lasting = is_lasting(fault), trips = false, payload = false, signature = false;
    if (lasting || is_the_payloads(r, fault)) {
        const struct belay_poison_key same = payload_key(e, r->delivery);
        payload = count(e, r, &same, def->same_payload, fault, &trips);
    }
    if (lasting)
        signature = count(e, r, &alike, def->same_signature, fault, &trips);
    *ret_pause = trips && def->action == BELAY_POISON_PARK_FLOW;
    if (def->action != BELAY_POISON_DEAD_LETTER || !(payload || signature))
        return false;
    *ret_fault = *fault;
    snprintf(ret_fault->type, sizeof ret_fault->type, "%s", payload ? "POISON:PAYLOAD" : "POISON:SIGNATURE");
    char text[2 * sizeof fault->description];
    snprintf(text, sizeof text, "%s failed before: %s: %s", payload ? "the same payload" : "too many that are alike",
             fault->type, fault->description);
    belay_fault_set_description(ret_fault, belay_str_c(text));
    ret_fault->class_ = BELAY_CLASS_PERMANENT;
    return true;
}

void engine_poison_pause(struct belay_engine *e, struct belay_subscription *sub)
{
    struct belay_err err;
    int status = belay_broker_pause(e->broker, sub, BELAY_STR("too many messages fail alike (poison: park_flow)"), &err);
    if (status != BELAY_OK)
        engine_no_room(e, status, &err); /* the next failure does not trip again: the alert was told */
}

void engine_poison_succeeded(struct belay_engine *e, struct engine_run *r)
{
    struct belay_err err;
    if (!belay_poison_any(e->broker))
        return;
    const struct belay_poison_key key = payload_key(e, r->delivery);
    int status = belay_poison_clear(e->broker, &key, &err);
    if (status != BELAY_OK)
        engine_no_room(e, status, &err); /* it expires by itself */
}

void engine_poison_quarantined(struct belay_engine *e, const struct belay_delivery *d, const struct belay_flow_def *flow,
                               const struct belay_fault *fault)
{
    const struct belay_poison_def *def = rules(e, flow);
    const struct belay_poison_key key = payload_key(e, d);
    const struct belay_poison_failure failure = { .id = d->message.id, .sequence = d->sequence,
                                                  .sample = belay_str_c(fault->description), .threshold = 1,
                                                  .window_ms = def->window_ms, .refuse = true };
    struct belay_arena_mark mark = belay_arena_mark(&e->arena);
    struct belay_poison p;
    struct belay_err err;
    bool trips;
    int status = belay_poison_failed(e->broker, &key, &failure, e->now, &e->arena, &p, &trips, &err);
    if (status != BELAY_OK && status != BELAY_LIMIT)
        engine_no_room(e, status, &err);
    belay_arena_rewind(&e->arena, mark);
}

/* ---- requests that kill ---- */

static struct belay_poison_key request_key(uint64_t request)
{
    return (struct belay_poison_key){ BELAY_POISON_REQUEST, { 0, request }, 0 };
}

int engine_poison_died_of(struct belay_engine *e, uint64_t request, uint64_t number, struct belay_err *err)
{
    const struct belay_poison_key key = request_key(request);
    struct belay_arena_mark mark = belay_arena_mark(&e->arena);
    struct belay_str id = belay_arena_printf(&e->arena, "crash %" PRIu64, number);
    const struct belay_poison_failure failure = { .id = id, .threshold = BELAY_CRASH_AFTER_DEFAULT, .refuse = true,
                                                  .sample = BELAY_STR("the process died while this request alone was at work"),
                                                  .window_ms = BELAY_POISON_DEFAULT.window_ms };
    struct belay_poison p;
    bool trips;
    int status = belay_poison_failed(e->broker, &key, &failure, e->now, &e->arena, &p, &trips, err);
    belay_arena_rewind(&e->arena, mark);
    return status == BELAY_LIMIT ? BELAY_OK : status;
}

void engine_poison_request_succeeded(struct belay_engine *e, struct engine_run *r)
{
    struct belay_err err;
    if (!belay_poison_any(e->broker))
        return;
    const struct belay_poison_key key = request_key(engine_request_id(r));
    int status = belay_poison_clear(e->broker, &key, &err);
    if (status != BELAY_OK)
        engine_no_room(e, status, &err); /* it expires by itself */
}

/* Whatever it had begun: to go on with it is what kills. */
static bool refuses_killer(struct belay_engine *e, struct engine_run *r)
{
    const struct belay_poison_key key = request_key(engine_request_id(r));
    struct belay_poison p;
    if (!belay_poison_get(e->broker, &key, e->now, &r->arena, &p) || p.count < engine_deaths_allowed(e, r->def))
        return false;
    struct belay_str detail = belay_arena_printf(
        &r->arena, "the process died %u times while this request alone was at work; it is let in again by: belay poison clear "
        "--hash %016" PRIx64, p.count, p.key.hash.lo);
    engine_hold_event(e, BELAY_ACTION_EVENT,
                      &(struct belay_action_event){ .level = 2, .name = "request.poisoned", .owner = r->def->name }, &r->message);
    engine_request_refuse(e, r, 422, "poison", detail, 0);
    return true;
}

/* ---- at the edge ---- */

static bool names(struct belay_engine *e, const struct belay_template *target, struct belay_str topic)
{
    static const struct belay_expr_env none;
    static const struct belay_value nothing;
    struct belay_value v;
    struct belay_err err;
    return belay_template_is_literal(target)
           && belay_template_eval(target, nothing, &none, &e->arena, &v, NULL, &err) == BELAY_OK
           && v.type == BELAY_VALUE_STRING && belay_str_eq(belay_str(v.u.s, v.n), topic);
}

/* Does the flow put the body as it came into this topic? What becomes of it elsewhere is another payload. */
static bool publishes_to(struct belay_engine *e, const struct belay_flow_def *flow, struct belay_str topic)
{
    for (uint32_t i = 0; i < flow->step_count; i++)
        if (flow->steps[i].kind == BELAY_STEP_PUBLISH && names(e, flow->steps[i].u.publish.target, topic))
            return true;
    return false;
}

static void refuse(struct belay_engine *e, struct engine_run *r, const struct belay_poison *p)
{
    struct belay_str letter = belay_arena_printf(&r->arena, "%.*s/%" PRIu64, BELAY_STR_ARG(p->flow), p->sequence);
    struct belay_str detail = belay_arena_printf(
        &r->arena, "this payload is known to fail (%.*s); see the letter: belay dlq show %.*s %" PRIu64,
        BELAY_STR_ARG(p->sample), BELAY_STR_ARG(p->flow), p->sequence);
    const struct belay_field field = { BELAY_STR("letter"), letter };
    engine_hold_event(e, BELAY_ACTION_EVENT,
                      &(struct belay_action_event){ .level = 2, .name = "request.poisoned", .owner = r->def->name,
                                                    .fields = &field, .field_count = 1 },
                      &r->message);
    engine_request_refuse(e, r, 422, "poison", detail, 0);
    r->reply.letter = letter;
}

/* Has this payload tripped for somebody who reads what it would be put into? p: what is published; NULL: what came, as it is. */
static bool refuses(struct belay_engine *e, struct engine_run *r, struct belay_hash128 hash, const struct belay_publication *p)
{
    struct belay_poison row;
    struct belay_arena_mark mark = belay_arena_mark(&e->arena);
    struct belay_poison_key key = { BELAY_POISON_PAYLOAD, hash, 0 };
    bool refused = false;
    while (!refused && belay_poison_next(e->broker, &key, e->now, &e->arena, &row)
           && key.kind == BELAY_POISON_PAYLOAD && belay_hash128_eq(key.hash, hash)) {
        struct belay_subscription *sub = belay_broker_find_id(e->broker, key.sub);
        struct belay_str topic = sub ? belay_subscription_topic(sub) : BELAY_STR_NONE;
        refused = row.refused && sub && (p ? belay_str_eq(p->target, topic) : publishes_to(e, r->def, topic));
        if (refused)
            refuse(e, r, &row);
    }
    belay_arena_rewind(&e->arena, mark);
    return refused;
}

bool engine_poison_refuses(struct belay_engine *e, struct engine_run *r)
{
    if (!belay_poison_any(e->broker))
        return false;
    if (refuses_killer(e, r))
        return true;
    if (r->begun) /* what was begun is ended */
        return false;
    return refuses(e, r, payload_of(e, r->request->body, r->request->body_json), NULL);
}

bool engine_poison_refuses_effects(struct belay_engine *e, struct engine_run *r)
{
    const struct belay_flow_effects *fx = belay_flow_effects(r->flow);
    if (!belay_poison_any(e->broker) || r->begun || r->called)
        return false;
    for (uint32_t i = 0; i < fx->publication_count; i++) {
        const struct belay_publication *p = &fx->publications[i];
        if (refuses(e, r, payload_of(e, p->message.body, NULL), p))
            return true;
    }
    return false;
}
