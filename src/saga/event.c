/* event.c - messages that come to sagas: starts, and events that are awaited. */
#include "broker/declare.h"
#include "broker/delivery.h"
#include "saga/turn.h"

#include "base/limits.h"
#include "saga/apply.h"
#include "saga/cache.h"
#include "saga/kept.h"
#include "saga/kinds.h"
#include "saga/redact.h"
#include "saga/room.h"
#include "saga/scope.h"

/* ---- what both have ---- */

static int refuse(struct belay_sagas *s, const struct belay_saga_def *def, struct belay_delivery *d,
                  struct belay_fault *fault, belay_time now, struct belay_err *err)
{
    saga_redact_letter(s, &d->message, fault);
    if (s->opt.tell_letter)
        s->opt.tell_letter(s->opt.arg, d, fault);
    return belay_broker_letter(s->opt.broker, d, fault, false, BELAY_STR_NONE, def->hash, now, err);
}

/* The saga's id out of a message. False: *ret_fault says why there is none. BELAY_BUSY: no memory.
 */
static int id_of(struct belay_sagas *s, const struct belay_template *id,
                 const struct belay_message *m, belay_time now, struct belay_str *ret_id,
                 struct belay_fault *ret_fault, bool *ret_ok, struct belay_err *err)
{
    struct belay_scope scope;
    struct belay_binding bindings[2];
    struct belay_expr_error error;
    belay_arena_reset(&s->arena);
    *ret_ok = false;
    int status = saga_scope_message(s, m, saga_sees(id), now, &scope, bindings, err);
    if (status == BELAY_NOMEM && s->arena.used_bytes < BELAY_SAGA_TURN_BYTES_MAX / 2)
        return belay_fail(err, BELAY_BUSY, "no memory for a message to a saga");
    if (status != BELAY_OK) {
        belay_fault_init(ret_fault, "SAGA:INPUT", BELAY_CLASS_PERMANENT,
                         "the message is too large to look into");
        return BELAY_OK;
    }
    struct belay_expr_env env = saga_env(&scope);
    struct belay_str text;
    status = belay_template_text(id, scope.body, &env, &s->arena, &text, &error, err);
    if (status != BELAY_OK) {
        belay_fault_of_expr(ret_fault, status, &error, BELAY_STR("id"));
        return BELAY_OK;
    }
    if (text.n == 0 || text.n > BELAY_KEY_BYTES_MAX) {
        belay_fault_init(ret_fault, "SAGA:ID", BELAY_CLASS_PERMANENT,
                         text.n ? "the saga's id is longer than %d bytes"
                                : "the saga's id is empty",
                         BELAY_KEY_BYTES_MAX);
        return BELAY_OK;
    }
    *ret_id = belay_arena_str(&s->arena, text); /* it outlives the delivery */
    if (!ret_id->p)
        return belay_fail(err, BELAY_BUSY, "no memory for the id of a saga");
    *ret_ok = true;
    return BELAY_OK;
}

/* Whom a message is for. */
struct addressee {
    struct saga_kind *kind;
    struct belay_str id; /* in the room's arena */
    struct saga_key key;
};

/* *ret_refused: it names none, and was made a letter. Errors: BELAY_BUSY: nothing happened. */
static int find_addressee(struct belay_sagas *s, const struct belay_saga_def *def, const struct belay_template *id,
                          struct belay_delivery *d, belay_time now, struct addressee *ret_to, bool *ret_refused,
                          struct belay_err *err)
{
    struct belay_fault fault;
    struct addressee to;
    bool ok;
    int status = id_of(s, id, &d->message, now, &to.id, &fault, &ok, err);
    if (status != BELAY_OK)
        return status;
    *ret_refused = !ok;
    if (!ok)
        return refuse(s, def, d, &fault, now, err);
    status = saga_kind_need(s, def->name, &to.kind, err);
    if (status != BELAY_OK)
        return status == BELAY_NOMEM ? belay_fail(err, BELAY_BUSY, "no memory for a message to a saga") : status;
    saga_key_init(&to.key, to.kind->number, to.id);
    *ret_to = to;
    return BELAY_OK;
}

static bool exists(struct belay_sagas *s, const struct saga_key *key)
{
    struct belay_str row;
    return belay_state_get(s->state, BELAY_TABLE_SAGA, saga_key_str(key), &row);
}

/* ---- start ---- */

static int begin(struct belay_sagas *s, const struct belay_saga_def *def, struct saga_kind *kind,
                 struct belay_str id, const struct belay_message *message, belay_time now,
                 struct belay_err *err)
{
    struct saga *i;
    belay_buf_clear(&s->json);
    belay_message_encode(&s->json, message);
    if (belay_buf_status(&s->json) != BELAY_OK)
        return belay_fail(err, BELAY_BUSY, "no memory for a new saga");
    const struct saga_start start = {
        .kind = kind->number,
        .id = id,
        .at = now,
        .definition = def->hash,
        .deadline
        = def->deadline_ms ? belay_time_add_ms(now, (int64_t)def->deadline_ms) : BELAY_TIME_NEVER,
        .step_count = (uint8_t)def->step_count,
        .message = belay_buf_view(&s->json),
    };
    int status = saga_start_append(s, kind, &start, &i, err);
    if (status == BELAY_OK)
        saga_cache_place(s, i, now);
    return status == BELAY_NOMEM ? belay_fail(err, BELAY_BUSY, "no memory for a new saga") : status;
}

int belay_sagas_start(struct belay_sagas *s, const struct belay_saga_def *def,
                      struct belay_delivery *d, belay_time now, struct belay_err *err)
{
    struct addressee to;
    bool refused = false;
    s->now = now;
    int status = find_addressee(s, def, def->id, d, now, &to, &refused, err);
    if (status != BELAY_OK || refused)
        return status;
    if (!exists(s, &to.key)) {
        status = begin(s, def, to.kind, to.id, &d->message, now, err);
        if (status != BELAY_OK)
            return status;
    }
    saga_cache_trim(s);
    /* Refused: the message comes again, and is a duplicate then. */
    return belay_broker_ack(s->opt.broker, d, err);
}

/* ---- events ---- */

static bool put_event_body(struct belay_sagas *s, struct belay_json_out *o, struct belay_str body)
{
    const belay_json *root;
    int status = body.n ? belay_json_parse(body, NULL, &s->arena, &root, NULL, NULL) : BELAY_SYNTAX;
    if (status == BELAY_NOMEM)
        return false;
    belay_json_key(o, "body");
    if (status == BELAY_OK)
        belay_json_put(o, root);
    else
        belay_json_put_str(o, body);
    return true;
}

/* The step's result so far, with the event in it: {...,"event":{"id","type","time","body"}}. */
static bool keep_event(struct saga_turn *t, struct saga_move *m, const struct belay_message *event)
{
    struct belay_sagas *s = t->room;
    struct belay_str before = saga_range(t->saga, t->saga->steps[m->step].result);
    char time[BELAY_TIME_TEXT_BYTES];
    belay_time_text(event->time, time);
    belay_buf_clear(&s->json);
    if (before.n > 2 && before.p[before.n - 1] == '}') {
        belay_buf_put(&s->json, before.p, before.n - 1);
        belay_buf_put_c(&s->json, ',');
    } else {
        belay_buf_put_c(&s->json, '{');
    }
    struct belay_json_out o = belay_json_out(&s->json);
    belay_buf_put_str(&s->json, BELAY_STR("\"event\":"));
    belay_json_begin_object(&o);
    belay_json_key(&o, "id");
    belay_json_put_str(&o, event->id);
    belay_json_key(&o, "type");
    belay_json_put_str(&o, event->type);
    belay_json_key(&o, "time");
    belay_json_put_c(&o, time);
    bool ok = put_event_body(s, &o, event->body);
    belay_json_end_object(&o);
    belay_buf_put_c(&s->json, '}');
    if (!ok || belay_buf_status(&s->json) != BELAY_OK
        || s->json.n + t->saga->data.n > BELAY_SAGA_DATA_BYTES_MAX) {
        belay_buf_clear(&s->json);
        return false;
    }
    m->result = belay_buf_view(&s->json);
    m->carries |= MOVE_RESULT;
    return true;
}

/* Does the event say that it failed? */
static int says_failed(struct saga_turn *t, const struct belay_message *event, bool *ret_failed,
                       struct belay_fault *ret_fault, struct belay_err *err)
{
    const struct belay_saga_step_def *def = &t->def->steps[t->saga->at];
    struct belay_scope scope;
    struct belay_binding bindings[2];
    struct belay_expr_error error;
    struct belay_value value;
    *ret_failed = false;
    if (!def->await->fail_when)
        return BELAY_OK;
    int status = saga_scope_message(t->room, event, saga_sees(def->await->fail_when), t->now,
                                    &scope, bindings, err);
    if (status != BELAY_OK)
        return status;
    struct belay_expr_env env = saga_env(&scope);
    status = belay_template_eval(def->await->fail_when, scope.body, &env, &t->room->arena, &value,
                                 &error, err);
    if (status != BELAY_OK) {
        belay_fault_of_expr(ret_fault, status, &error, def->name);
        *ret_failed = true;
    } else if (belay_value_truthy(value)) {
        belay_fault_init(ret_fault, "SAGA:EVENT_FAILED", BELAY_CLASS_PERMANENT,
                         "the event it waited for says that it failed");
        *ret_failed = true;
    }
    return BELAY_OK;
}

int saga_move_event(struct saga_turn *t, struct saga_move *m, const struct belay_message *event,
                    struct belay_err *err)
{
    struct belay_fault fault;
    bool failed;
    saga_move_init(m, t->saga, t->now, SAGA_EVENT_DONE);
    int status = says_failed(t, event, &failed, &fault, err);
    if (status != BELAY_OK)
        return status;
    if (!keep_event(t, m, event) && !failed) {
        belay_fault_init(&fault, "SAGA:RESULT_TOO_LARGE", BELAY_CLASS_PERMANENT,
                         "the event is larger than a saga may carry");
        failed = true;
    }
    if (!failed) {
        saga_move_done(t, m);
        return BELAY_OK;
    }
    m->event = SAGA_EVENT_STEP_FAILED;
    m->step_state = STEP_FAILED;
    m->step_flags |= STEP_MAYBE; /* what was published or called before it stays */
    saga_move_fail(t, m, &fault);
    return BELAY_OK;
}

enum arrival { ARRIVES_NOW, ARRIVES_EARLY, ARRIVES_LATE };

/* Where the instance is with respect to the step named so. The turn is at the instance's
 * definition. */
static enum arrival arrival_at(const struct saga_turn *t, struct belay_str step)
{
    const struct saga *i = t->saga;
    bool runs
        = i->state == SAGA_RUNNING || (i->state == SAGA_PARKED && i->parked_from == SAGA_RUNNING);
    if (!runs)
        return ARRIVES_LATE;
    if (!t->def || t->def->step_count != i->step_count)
        return ARRIVES_EARLY; /* until somebody knows what it is about */
    for (uint32_t n = 0; n < i->step_count; n++) {
        if (!belay_str_eq(t->def->steps[n].name, step) || !t->def->steps[n].await)
            continue;
        if (n == i->at && i->steps[n].state == STEP_AWAITING)
            return i->state == SAGA_RUNNING ? ARRIVES_NOW : ARRIVES_EARLY;
        return n >= i->at ? ARRIVES_EARLY : ARRIVES_LATE;
    }
    return ARRIVES_LATE; /* its definition does not wait for such an event */
}

/* It waits in its subscription as for a retry, with a copy where the saga will look for it.  Where there is one (is_there) it
 * waits for as long as that one may still come to the step, also through the hands of a person: its letter could expire. */
static int keep(struct belay_sagas *s, const struct belay_saga_def *def, struct saga_kind *kind,
                struct belay_str id, struct belay_str step, struct belay_delivery *d, bool is_there,
                belay_time now, struct belay_err *err)
{
    struct belay_fault fault;
    struct saga_kept kept = {
        .kind = kind->number,
        .id = id,
        .step = step,
        .at = now,
        .expires = belay_time_add_ms(
            now, (int64_t)(def->deadline_ms ? def->deadline_ms : BELAY_SAGA_KEEP_MS)),
        .subscription = belay_subscription_id(d->sub),
        .sequence = d->sequence,
    };
    struct saga_kept other;
    if (saga_kept_find(s, kind, id, step, &other)) {
        if (other.subscription != kept.subscription || other.sequence != kept.sequence)
            return belay_broker_ack(s->opt.broker, d, err); /* one is enough */
        kept.expires = other.expires;
    } else {
        belay_buf_clear(&s->json);
        belay_message_encode(&s->json, &d->message);
        if (belay_buf_status(&s->json) != BELAY_OK)
            return belay_fail(err, BELAY_BUSY, "no memory for an event that waits for its saga");
        kept.message = belay_buf_view(&s->json);
        int status = saga_kept_append(s, &kept, err);
        if (status != BELAY_OK)
            return status == BELAY_NOMEM ? belay_fail(err, BELAY_BUSY, "no memory") : status;
    }
    belay_fault_init(&fault, "SAGA:NOT_THERE_YET", BELAY_CLASS_TRANSIENT,
                     "the saga it is for has not come to this step");
    belay_time again = kept.expires;
    if (now >= again && is_there)
        again = belay_time_add_ms(now, BELAY_SAGA_KEEP_MS);
    if (now < again)
        return belay_broker_retry(s->opt.broker, d, again, &fault, BELAY_STR_NONE, def->hash, err);
    const struct saga_cost cost = { 64 + id.n + step.n, 1, EVENT_KEY_BYTES_MAX, 1 };
    int status = saga_room_reserve(s, &cost, true, err);
    if (status != BELAY_OK)
        return status;
    belay_fault_init(&fault, "SAGA:NEVER_CAME", BELAY_CLASS_PERMANENT,
                     "no saga of this id came to the step in time");
    status = refuse(s, def, d, &fault, now, err);
    if (status == BELAY_OK
        && saga_room_reserve(s, &cost, true, NULL) == BELAY_OK) /* the letter may have used it */
        saga_kept_gone(s, kind, id, step);
    return status;
}

/* The instance waits for it. */
static int deliver(struct saga_turn *t, struct belay_delivery *d, struct belay_err *err)
{
    struct saga_move m;
    int status = saga_move_event(t, &m, &d->message, err);
    if (status == BELAY_OK)
        status = saga_move_commit(t->room, t->saga, &m, err);
    if (status != BELAY_OK)
        return status == BELAY_NOMEM ? belay_fail(err, BELAY_BUSY, "no memory for an event")
                                     : status;
    saga_cache_place(t->room, t->saga, t->now);
    saga_cache_trim(t->room);
    return belay_broker_ack(t->room->opt.broker, d, err);
}

int belay_sagas_event(struct belay_sagas *s, const struct belay_saga_def *def, uint32_t step,
                      struct belay_delivery *d, belay_time now, struct belay_err *err)
{
    struct belay_str name = def->steps[step].name;
    struct addressee to;
    struct saga *i;
    bool refused = false;
    s->now = now;
    int status = find_addressee(s, def, def->steps[step].await->match, d, now, &to, &refused, err);
    if (status != BELAY_OK || refused)
        return status;
    status = saga_cache_get(s, &to.key, &i, err);
    if (status == BELAY_NOTFOUND) {
        struct saga_kept kept;
        if (d->attempt > 1 && !saga_kept_find(s, to.kind, to.id, name, &kept))
            return belay_broker_ack(s->opt.broker, d,
                                    err); /* it waited, and its saga came and went */
        return keep(s, def, to.kind, to.id, name, d, false, now, err);
    }
    if (status != BELAY_OK)
        return status == BELAY_NOMEM ? belay_fail(err, BELAY_BUSY, "no memory for an event")
                                     : status;
    if (saga_cache_is_loose(i)) /* it came from its row */
        saga_cache_place(s, i, now);
    struct saga_turn t = { .room = s,
                           .saga = i,
                           .now = now,
                           .def = s->opt.definition(s->opt.arg, to.kind->name, i->definition) };
    switch (arrival_at(&t, name)) {
    case ARRIVES_NOW: return deliver(&t, d, err);
    case ARRIVES_EARLY: return keep(s, def, to.kind, to.id, name, d, true, now, err);
    default: return belay_broker_ack(s->opt.broker, d, err);
    }
}
