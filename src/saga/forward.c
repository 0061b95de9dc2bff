/* forward.c - the steps in order: begin, call, publish, await; and what ends them. */
#include "broker/by_name.h"
#include "broker/declare.h"
#include "broker/publish.h"
#include "saga/turn.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/planted.h"
#include "saga/apply.h"
#include "saga/kept.h"
#include "saga/kinds.h"
#include "saga/queue.h"
#include "saga/redact.h"
#include "saga/room.h"
#include "saga/scope.h"

enum saga_act saga_commit(struct saga_turn *t, struct saga_move *m)
{
    return saga_move_commit(t->room, t->saga, m, NULL) == BELAY_OK ? ACT_AGAIN : ACT_NO_ROOM;
}

/* ---- what a move may say ---- */

struct belay_str saga_fault_text(struct belay_sagas *s, const struct saga *i, const struct belay_fault *fault)
{
    struct belay_fault told = *fault;
    saga_redact_fault(s, i, &told);
    belay_buf_clear(&s->text);
    belay_buf_printf(&s->text, "%s: %s", told.type, told.description);
    if (told.endpoint[0])
        belay_buf_printf(&s->text, " (%s)", told.endpoint);
    return belay_str_sub(belay_buf_view(&s->text), 0, SAGA_TEXT_BYTES_MAX);
}

/* The instance keeps it, and the history its text. NULL: nothing. */
void saga_move_fault(struct saga_turn *t, struct saga_move *m, const struct belay_fault *fault)
{
    if (!fault)
        return;
    struct belay_fault named = *fault;
    if (!named.step[0] && t->def && m->step < t->saga->step_count)
        belay_fault_set_step(&named, t->def->steps[m->step].name);
    if (!named.at)
        named.at = t->now;
    belay_buf_clear(&t->room->fault);
    belay_fault_pack(&t->room->fault, &named);
    m->fault = belay_buf_view(&t->room->fault);
    m->text = saga_fault_text(t->room, t->saga, &named);
    m->carries |= MOVE_FAULT | MOVE_TEXT;
}

static void fresh(struct saga_turn *t, struct saga_move *m)
{
    m->attempt = 0;
    m->delay_ms = 0;
    m->first_at = t->now;
    m->due = t->now;
}

bool saga_past_pivot(const struct saga_turn *t)
{
    for (uint32_t n = 0; t->def && n < t->saga->step_count; n++)
        if (t->def->steps[n].pivot && t->saga->steps[n].state == STEP_DONE && !BELAY_PLANTED(17))
            return true;
    return false;
}

belay_time saga_deadline(const struct saga_turn *t)
{
    return saga_past_pivot(t) ? BELAY_TIME_NEVER : t->saga->deadline;
}

void saga_move_begins(struct saga_turn *t, struct saga_move *m)
{
    uint64_t timeout_ms = t->def ? t->def->steps[m->step].timeout_ms : 0;
    m->until = timeout_ms ? belay_time_add_ms(t->now, (int64_t)timeout_ms) : BELAY_TIME_NEVER;
}

void saga_move_next(struct saga_turn *t, struct saga_move *m)
{
    BELAY_ASSERT(m->step < t->saga->step_count);
    fresh(t, m);
    m->state = SAGA_RUNNING;
    m->flags = saga_innocent(m->flags);
    m->until = BELAY_TIME_NEVER;
    m->at = (uint8_t)(m->step + 1);
    if (m->at == t->saga->step_count && !(m->flags & SAGA_ABORTING)) {
        m->state = SAGA_COMPLETED;
        m->due = belay_time_add_ms(t->now, BELAY_SAGA_KEEP_MS);
    }
}

void saga_move_done(struct saga_turn *t, struct saga_move *m)
{
    BELAY_ASSERT(t->def && m->step < t->saga->step_count);
    const struct belay_await_def *await = t->def->steps[m->step].await;
    if (!await || m->step_state == STEP_AWAITING) {
        m->step_state = STEP_DONE;
        saga_move_next(t, m);
        return;
    }
    m->state = SAGA_RUNNING;
    if (m->step_state == STEP_PENDING)
        saga_move_begins(t, m);
    m->step_state = STEP_AWAITING;
    fresh(t, m);
    m->due = await->timeout_ms ? belay_time_add_ms(t->now, (int64_t)await->timeout_ms)
                               : BELAY_TIME_NEVER;
    if (saga_deadline(t) < m->due)
        m->due = saga_deadline(t);
    if (m->until < m->due)
        m->due = m->until;
    if (t->saga->kind->stats.events_waiting) /* perhaps its event came first */
        m->due = t->now;
}

void saga_move_fail(struct saga_turn *t, struct saga_move *m, const struct belay_fault *fault)
{
    if (saga_past_pivot(t)) {
        saga_move_park(t, m, fault);
        return;
    }
    saga_move_fault(t, m, fault);
    fresh(t, m);
    m->until = BELAY_TIME_NEVER;
    m->flags = 0; /* what it goes back through begins anew */
    int top = saga_undo_next(t, m, t->saga->step_count);
    if (top >= 0) {
        m->state = SAGA_COMPENSATING;
        m->at = (uint8_t)top;
    } else {
        m->state = SAGA_FAILED;
        m->at = t->saga->step_count;
        m->due = belay_time_add_ms(t->now, BELAY_SAGA_KEEP_MS);
    }
}

void saga_move_park(struct saga_turn *t, struct saga_move *m, const struct belay_fault *fault)
{
    BELAY_ASSERT(t->saga->state == SAGA_RUNNING || t->saga->state == SAGA_COMPENSATING || t->saga->state == SAGA_PARKED);
    saga_move_fault(t, m, fault);
    m->parked_from = t->saga->state;
    m->state = SAGA_PARKED;
    m->flags = saga_innocent(m->flags);
    m->due = BELAY_TIME_NEVER;
}

static enum saga_act fail_step(struct saga_turn *t, const struct belay_fault *fault, uint8_t flags)
{
    struct saga_move m;
    saga_move_init(&m, t->saga, t->now, SAGA_EVENT_STEP_FAILED);
    m.step_state = STEP_FAILED;
    m.step_flags |= flags;
    saga_move_fail(t, &m, fault);
    return saga_commit(t, &m);
}

/* A turn that lacks memory comes again; what it cannot read will never be read. */
static enum saga_act no_scope(struct saga_turn *t, int status, const struct belay_err *err)
{
    if (status == BELAY_NOMEM && t->room->arena.used_bytes < BELAY_SAGA_TURN_BYTES_MAX / 2)
        return ACT_NO_ROOM;
    struct saga_move m;
    struct belay_fault fault;
    belay_fault_init(&fault, "SAGA:INPUT", BELAY_CLASS_PERMANENT, "%s", err->msg);
    saga_move_init(&m, t->saga, t->now, SAGA_EVENT_PARKED);
    saga_move_park(t, &m, &fault);
    return saga_commit(t, &m);
}

/* ---- calls ---- */

bool saga_build_call(struct saga_turn *t, const struct belay_call_def *call, enum flight purpose,
                     struct belay_call_request *ret_request, struct belay_fault *ret_fault)
{
    static const char *const purposes[]
        = { [FLIGHT_DO] = "do", [FLIGHT_RESOLVE] = "resolve", [FLIGHT_UNDO] = "compensate" };
    BELAY_ASSERT(t->saga->at < t->saga->step_count);
    const struct belay_call_origin origin = {
        .owner = t->def->name,
        .step = t->def->steps[t->saga->at].name,
        .subject = saga_id(t->saga),
        .purpose = purposes[purpose],
        .correlationid = t->input.correlationid.n ? t->input.correlationid : t->input.id,
        .traceparent = t->input.traceparent,
    };
    return belay_call_build(call, &t->scope, &origin, &t->room->arena, ret_request, ret_fault);
}

static enum saga_act call_failed(struct saga_turn *t, const struct belay_fault *fault,
                                 enum flight purpose)
{
    struct saga_move m;
    if (purpose == FLIGHT_DO)
        return fail_step(t, fault, 0);
    saga_move_init(&m, t->saga, t->now, SAGA_EVENT_PARKED);
    m.step_state = purpose == FLIGHT_UNDO ? STEP_UNDOING : STEP_UNKNOWN;
    saga_move_park(t, &m, fault);
    return saga_commit(t, &m);
}

/* Its intent goes into the journal, but for a question, which changes nothing out there. */
static enum saga_act record_begun(struct saga_turn *t, enum flight purpose)
{
    struct saga *i = t->saga;
    struct saga_move m;
    if (purpose == FLIGHT_RESOLVE || i->again)
        return ACT_AGAIN;
    saga_move_init(&m, i, t->now, purpose == FLIGHT_DO ? SAGA_EVENT_BEGUN : SAGA_EVENT_UNDO_BEGUN);
    m.step_state = purpose == FLIGHT_DO ? STEP_BEGUN : STEP_UNDO_BEGUN;
    if (m.step_state == STEP_BEGUN && i->steps[i->at].state == STEP_PENDING)
        saga_move_begins(t, &m);
    if (purpose == FLIGHT_DO)
        m.step_attempts++;
    else
        m.attempt++;
    if ((purpose == FLIGHT_DO ? m.step_attempts : m.attempt) == 1)
        m.first_at = t->now;
    return saga_commit(t, &m);
}

/* Was it tried before?  What was begun and never handed over was not. */
static bool is_retry(const struct saga *i, enum flight purpose)
{
    uint32_t tries = purpose == FLIGHT_DO ? i->steps[i->at].attempts : i->attempt;
    if (i->flags & SAGA_SUSPECTED)
        return false; /* it goes on after a crash, alone: no storm that a budget has to hold back */
    return tries > (i->again ? 1 : 0);
}

static bool may_call(struct saga_turn *t, const struct belay_connection_def *connection, bool retry)
{
    const struct belay_sagas_opt *opt = &t->room->opt;
    t->not_before = BELAY_TIME_NEVER;
    if (!opt->may_call || opt->may_call(opt->arg, connection, retry, &t->not_before))
        return true;
    if (t->saga->state == SAGA_RUNNING && t->not_before != BELAY_TIME_NEVER
        && t->saga->deadline < t->not_before)
        t->not_before = t->saga->deadline;
    return false;
}

/* A call takes no longer than its step may. */
static void bound_call(struct saga_turn *t, enum flight purpose)
{
    belay_time until = purpose == FLIGHT_UNDO ? BELAY_TIME_NEVER : t->saga->until;
    if (until == BELAY_TIME_NEVER)
        return;
    int64_t left_ms = until > t->now ? (until - t->now) / BELAY_US_PER_MS + 1 : 1;
    if (left_ms < t->request.timeout_ms)
        t->request.timeout_ms = (uint32_t)left_ms;
}

enum saga_act saga_make_call(struct saga_turn *t, const struct belay_call_def *call,
                             enum flight purpose)
{
    struct belay_fault fault;
    struct belay_err err;
    t->connection = call->connection;
    bool retry = is_retry(t->saga, purpose);
    if (!may_call(t, call->connection, retry))
        return retry && t->not_before != BELAY_TIME_NEVER ? ACT_NOT_BEFORE : ACT_BLOCKED;
    t->retry = retry;
    int status = saga_scope(t, saga_sees_call(call), &err);
    if (status != BELAY_OK)
        return no_scope(t, status, &err);
    if (!saga_build_call(t, call, purpose, &t->request, &fault))
        return call_failed(t, &fault, purpose);
    bool repeatable = belay_call_repeatable(call, &t->request);
    if (saga_flight_reserve(t->room) != BELAY_OK || record_begun(t, purpose) != ACT_AGAIN)
        return ACT_NO_ROOM;
    bound_call(t, purpose);
    t->request.id = saga_flight_begin(t->room, t->saga, purpose, repeatable);
    return ACT_CALL;
}

#define FULL_AGAIN_MS 200 /* a full queue is looked at again */
#define PUBLICATION_BYTES (8 * BELAY_NAME_BYTES_MAX) /* its topic, and that in JSON beside its id */

/* ---- publishing: the message and the move that says so are one commit ---- */

static int publish_it(struct saga_turn *t, const struct belay_publication *p, struct saga_move *m,
                      struct belay_err *err)
{
    struct belay_broker *b = t->room->opt.broker;
    m->published_due = 0;
    if (!p->delay_ms)
        return belay_broker_publish(b, p->target, &p->message, t->now, &m->sequence, err);
    m->step_flags |= STEP_DELAYED;
    m->published_due = belay_time_add_ms(t->now, (int64_t)p->delay_ms);
    return belay_broker_schedule(b, p->target, &p->message, m->published_due, &m->sequence, err);
}

static void keep_publication(struct saga_turn *t, const struct belay_publication *p,
                             struct saga_move *m)
{
    struct belay_json_out o = belay_json_out(&t->room->json);
    belay_buf_clear(&t->room->json);
    belay_json_begin_object(&o);
    belay_json_key(&o, "id");
    belay_json_put_str(&o, p->message.id);
    belay_json_key(&o, "topic");
    belay_json_put_str(&o, p->target);
    belay_json_end_object(&o);
    m->result = belay_buf_view(&t->room->json);
    m->topic = p->target;
    m->carries |= MOVE_RESULT | MOVE_PUBLISHED;
    m->step_flags |= STEP_PUBLISHED;
}

/* At most what the broker writes for it, beside the move. */
static size_t publication_bytes(const struct belay_message *m)
{
    const struct belay_str parts[]
        = { m->id,         m->source,          m->type,        m->subject,
            m->key,        m->correlationid,   m->causationid, m->traceparent,
            m->tracestate, m->datacontenttype, m->body };
    size_t bytes = 4096;
    for (size_t n = 0; n < sizeof parts / sizeof *parts; n++)
        bytes += parts[n].n + BELAY_VARINT_MAX;
    for (uint32_t n = 0; n < m->header_count; n++)
        bytes += m->headers[n].name.n + m->headers[n].value.n + 2 * BELAY_VARINT_MAX;
    return 2 * bytes;
}

static bool comes_again(int status)
{
    return status == BELAY_BUSY || status == BELAY_NOSPACE || status == BELAY_NOMEM;
}

/* A saga waits where its queue is full, whatever on_full says: nobody is there to be told, and no attempt of it
 * is used up. Other sagas go on. */
static bool target_full(struct saga_turn *t, const struct belay_publication *p)
{
    struct belay_topic_full full;
    if (!belay_broker_topic_full(t->room->opt.broker, p->target, p->message.body.n, t->now, &full))
        return false;
    t->not_before = belay_time_add_ms(t->now, FULL_AGAIN_MS);
    return true;
}

/* m is complete but for what the publish adds (forwards); appended with it. index 1: compensation,
 * which keeps nothing. */
enum saga_act saga_make_publish(struct saga_turn *t, const struct belay_publish_def *publish,
                                uint64_t index, struct saga_move *m, struct belay_fault *ret_fault,
                                bool *ret_failed)
{
    struct belay_publication p;
    struct belay_err err;
    /* what the message views must not move when the move is applied */
    if (saga_reserve(t->saga, PUBLICATION_BYTES, SAGA_ENTRY_BYTES_MAX, 0) != BELAY_OK)
        return ACT_NO_ROOM;
    int status = saga_scope(t, saga_sees_publish(publish), &err);
    if (status != BELAY_OK)
        return no_scope(t, status, &err);
    if (!belay_publish_build(publish, &t->scope, t->def->steps[t->saga->at].name, index, &t->input,
                             &t->room->arena, &p, ret_fault)) {
        *ret_failed = true;
        return ACT_AGAIN;
    }
    if (p.target.n > BELAY_NAME_BYTES_MAX) {
        belay_fault_init(ret_fault, "SAGA:PUBLISH", BELAY_CLASS_PERMANENT,
                         "the topic's name is too long");
        *ret_failed = true;
        return ACT_AGAIN;
    }
    if (index == 0)
        keep_publication(t, &p, m);
    if (target_full(t, &p))
        return ACT_NOT_BEFORE;
    size_t extra = publication_bytes(&p.message);
    if (belay_buf_status(&t->room->json) != BELAY_OK
        || saga_move_reserve(t->room, t->saga, m, extra, &err) != BELAY_OK)
        return ACT_NO_ROOM;
    status = publish_it(t, &p, m, &err);
    if (comes_again(status))
        return ACT_NO_ROOM;
    if (status != BELAY_OK) {
        belay_fault_init(ret_fault, "SAGA:PUBLISH", BELAY_CLASS_PERMANENT, "%s", err.msg);
        *ret_failed = true;
        return ACT_AGAIN;
    }
    saga_move_append(t->room, t->saga, m);
    return ACT_AGAIN;
}

static enum saga_act publish_step(struct saga_turn *t, const struct belay_saga_step_def *def)
{
    struct saga_move m;
    struct belay_fault fault;
    bool failed = false;
    saga_move_init(&m, t->saga, t->now, SAGA_EVENT_PUBLISHED);
    m.step_attempts++;
    saga_move_done(t, &m);
    enum saga_act act = saga_make_publish(t, def->publish, 0, &m, &fault, &failed);
    return failed ? fail_step(t, &fault, 0) : act;
}

/* ---- a step ---- */

static enum saga_act skip(struct saga_turn *t)
{
    struct saga_move m;
    saga_move_init(&m, t->saga, t->now, SAGA_EVENT_SKIPPED);
    m.step_state = STEP_SKIPPED;
    saga_move_next(t, &m);
    return saga_commit(t, &m);
}

/* `when`: ACT_AGAIN: go on with it. */
static enum saga_act wanted(struct saga_turn *t, const struct belay_saga_step_def *def,
                            bool *ret_wanted)
{
    struct belay_expr_error error;
    struct belay_value value;
    struct belay_fault fault;
    struct belay_err err;
    *ret_wanted = true;
    if (!def->when)
        return ACT_AGAIN;
    int status = saga_scope(t, saga_sees(def->when), &err);
    if (status != BELAY_OK)
        return no_scope(t, status, &err);
    struct belay_expr_env env = saga_env(&t->scope);
    status = belay_template_eval(def->when, t->scope.body, &env, &t->room->arena, &value, &error,
                                 &err);
    *ret_wanted = false;
    if (status != BELAY_OK) {
        belay_fault_of_expr(&fault, status, &error, def->name);
        return fail_step(t, &fault, 0);
    }
    if (!belay_value_truthy(value))
        return skip(t);
    *ret_wanted = true;
    return ACT_AGAIN;
}

static enum saga_act begin_step(struct saga_turn *t, const struct belay_saga_step_def *def)
{
    if (def->call)
        return saga_make_call(t, def->call, FLIGHT_DO);
    if (def->publish)
        return publish_step(t, def);
    struct saga_move m;
    saga_move_init(&m, t->saga, t->now, def->await ? SAGA_EVENT_AWAITING : SAGA_EVENT_DONE);
    saga_move_done(t, &m);
    return saga_commit(t, &m);
}

/* Its event came before it did: the copy is taken, and the message out of its subscription. */
static enum saga_act take_event(struct saga_turn *t, const struct belay_saga_step_def *def,
                                const struct saga_kept *kept)
{
    struct belay_sagas *s = t->room;
    struct belay_broker *b = s->opt.broker;
    struct saga_move m;
    struct belay_message event;
    uint32_t subscription = kept->subscription;
    uint64_t sequence = kept->sequence;
    struct belay_str bytes
        = belay_arena_str(&s->arena, kept->message); /* the state changes below */
    if (!bytes.p || belay_message_decode(bytes, &s->arena, &event, NULL) != BELAY_OK
        || saga_move_event(t, &m, &event, NULL) != BELAY_OK
        || saga_move_reserve(s, t->saga, &m, 2048, NULL) != BELAY_OK)
        return ACT_NO_ROOM;
    saga_kept_gone(s, t->saga->kind, saga_id(t->saga), def->name);
    saga_move_append(s, t->saga, &m);
    struct belay_subscription *sub = belay_broker_find_id(b, subscription);
    bool attempted;
    struct belay_err err;
    if (sub
        && belay_broker_cancel(b, sub, sequence, BELAY_STR("taken by its saga"), t->now, &attempted,
                               &err)
               != BELAY_OK)
        return ACT_AGAIN; /* it will be delivered again, and be done */
    return ACT_AGAIN;
}

static enum saga_act await(struct saga_turn *t, const struct belay_saga_step_def *def)
{
    struct saga *i = t->saga;
    struct saga_kept kept;
    struct belay_fault fault;
    if (saga_kept_find(t->room, i->kind, saga_id(i), def->name, &kept))
        return take_event(t, def, &kept);
    belay_time timeout = def->await->timeout_ms
                             ? belay_time_add_ms(i->first_at, (int64_t)def->await->timeout_ms)
                             : BELAY_TIME_NEVER;
    if (t->now >= timeout) {
        belay_fault_init(&fault, "SAGA:AWAIT_TIMEOUT", BELAY_CLASS_TRANSIENT,
                         "no event came within %llu ms",
                         (unsigned long long)def->await->timeout_ms);
        return fail_step(t, &fault, STEP_MAYBE);
    }
    if (i->due > t->now)
        return ACT_LATER;
    struct saga_move m; /* it looked, and now it waits */
    saga_move_init(&m, i, t->now, SAGA_EVENT_AWAITING);
    m.due = timeout < saga_deadline(t) ? timeout : saga_deadline(t);
    m.due = m.due < i->until ? m.due : i->until;
    m.carries |= MOVE_QUIET;
    enum saga_act act = saga_commit(t, &m);
    return act == ACT_AGAIN ? ACT_LATER : act;
}

static enum saga_act interrupted(struct saga_turn *t)
{
    struct belay_err err;
    return saga_outcome(t, FLIGHT_DO, false, NULL, &err) == BELAY_OK ? ACT_AGAIN : ACT_NO_ROOM;
}

/* All is given up at the step it is at: as it stands, but a call that was never handed over. */
static enum saga_act give_up(struct saga_turn *t, enum saga_event event, const char *type,
                             const char *text)
{
    struct saga *i = t->saga;
    struct saga_move m;
    struct belay_fault fault;
    belay_fault_init(&fault, type, BELAY_CLASS_PERMANENT, "%s", text);
    saga_move_init(&m, i, t->now, event);
    if (m.step_state == STEP_BEGUN && i->again)
        m.step_state = STEP_WAITING;
    i->again = false;
    saga_move_fail(t, &m, &fault);
    return saga_commit(t, &m);
}

/* As give_up, but of the step alone: what is known of it. */
static enum saga_act time_out(struct saga_turn *t)
{
    struct saga *i = t->saga;
    struct saga_move m;
    struct belay_fault fault;
    belay_fault_init(&fault, "SAGA:STEP_TIMEOUT", BELAY_CLASS_TRANSIENT,
                     "the step was not done within %llu ms",
                     (unsigned long long)t->def->steps[i->at].timeout_ms);
    saga_move_init(&m, i, t->now, SAGA_EVENT_STEP_TIMEOUT);
    bool unknown = m.step_state == STEP_RESOLVING || (m.step_state == STEP_BEGUN && !i->again);
    if (m.step_state == STEP_AWAITING) /* what was published or called before it stays */
        m.step_flags |= STEP_MAYBE;
    m.step_state = unknown ? STEP_UNKNOWN : STEP_FAILED;
    i->again = false;
    saga_move_fail(t, &m, &fault);
    return saga_commit(t, &m);
}

/* The pivot was done while a person said that all be given up. */
static enum saga_act too_late(struct saga_turn *t)
{
    struct saga_move m;
    saga_move_init(&m, t->saga, t->now, SAGA_EVENT_ABORT_TOO_LATE);
    m.flags &= (uint8_t)~SAGA_ABORTING;
    return saga_commit(t, &m);
}

static enum saga_act complete(struct saga_turn *t)
{
    struct saga_move m;
    saga_move_init(&m, t->saga, t->now, SAGA_EVENT_COMPLETED);
    m.state = SAGA_COMPLETED;
    m.carries |= MOVE_QUIET;
    m.due = belay_time_add_ms(t->now, BELAY_SAGA_KEEP_MS);
    return saga_commit(t, &m);
}

enum saga_act saga_forward(struct saga_turn *t)
{
    struct saga *i = t->saga;
    BELAY_ASSERT(i->state == SAGA_RUNNING && i->flight == FLIGHT_NONE);
    if (i->flags & SAGA_ABORTING)
        return saga_past_pivot(t)
                   ? too_late(t)
                   : give_up(t, SAGA_EVENT_ABORTED, "SAGA:ABORTED", "aborted by a person");
    if (i->at == i->step_count)
        return complete(t);
    if (t->now >= saga_deadline(t))
        return give_up(t, SAGA_EVENT_DEADLINE, "SAGA:DEADLINE", "not done before its deadline");
    if (t->now >= i->until && !BELAY_PLANTED(18))
        return time_out(t);
    const struct belay_saga_step_def *def = &t->def->steps[i->at];
    enum saga_act act;
    bool go;
    switch (i->steps[i->at].state) {
    case STEP_PENDING:
        act = wanted(t, def, &go);
        return go && act == ACT_AGAIN ? begin_step(t, def) : act;
    case STEP_BEGUN:
        if (!i->again)
            return interrupted(t);
        return t->now < i->due ? ACT_LATER : begin_step(t, def);
    case STEP_WAITING: return t->now < i->due ? ACT_LATER : begin_step(t, def);
    case STEP_RESOLVING:
        return t->now < i->due ? ACT_LATER : saga_make_call(t, def->resolve, FLIGHT_RESOLVE);
    case STEP_AWAITING: return await(t, def);
    default: BELAY_UNREACHABLE();
    }
}
