/* outcome.c - what the outcome of a call makes of its step.
 *
 * Only an answer that refuses (permanent), a request that was never sent, and the answers that say
 * "not now" are known to have had no effect; after anything else the step counts as one that may
 * have had one, until somebody who knows says otherwise (`resolve`, a person). */
#include "saga/turn.h"

#include "base/assert.h"
#include "base/limits.h"
#include "saga/apply.h"
#include "saga/redact.h"
#include "saga/room.h"
#include "saga/scope.h"

static bool is_gone(const struct belay_call_outcome *o)
{
    return o && !o->ok && o->class_ == BELAY_CLASS_PERMANENT
           && (o->status == 404 || o->status == 410);
}

static bool had_no_effect(const struct belay_fault *f)
{
    if (f->class_ == BELAY_CLASS_PERMANENT)
        return true;
    if (f->class_ != BELAY_CLASS_TRANSIENT)
        return false;
    switch (f->status) {
    case 0:
    case 408:
    case 425:
    case 429:
    case 503: return true;
    default: return false; /* a server that failed (500) may have done half of it */
    }
}

static enum belay_retry_verdict decide(struct saga_turn *t, const struct belay_retry_def *retry,
                                       const struct belay_fault *fault, uint32_t attempt,
                                       bool repeatable, uint64_t *ret_delay_ms)
{
    belay_time elapsed = t->now - t->saga->first_at;
    const struct belay_retry_question q = {
        .def = retry,
        .fault = fault,
        .attempt = attempt ? attempt : 1,
        .elapsed_ms = elapsed > 0 ? (uint64_t)elapsed / BELAY_US_PER_MS : 0,
        .previous_delay_ms = t->saga->delay_ms,
        .repeatable = repeatable,
    };
    enum belay_retry_verdict verdict = belay_retry_decide(&q, &t->room->random, ret_delay_ms);
    return verdict == BELAY_RETRY_AT_ONCE ? BELAY_RETRY_AGAIN : verdict; /* its record costs no delay */
}

static belay_time until(const struct saga_turn *t, uint64_t delay_ms, bool forwards)
{
    belay_time due = belay_time_add_ms(t->now, (int64_t)delay_ms), end = saga_deadline(t);
    if (t->saga->until < end)
        end = t->saga->until;
    return forwards && end < due ? end : due;
}

/* Who gave the outcome: the call, or the one who was asked about it. Each says itself what its answer is. */
static const struct belay_call_def *answerer(const struct belay_saga_step_def *step, enum flight purpose)
{
    return purpose == FLIGHT_RESOLVE ? step->resolve : step->call;
}

/* The answer as JSON, kept once, as $steps.NAME. False: larger than a saga may carry. */
static bool keep_result(struct saga_turn *t, struct saga_move *m, enum flight purpose,
                        const struct belay_call_outcome *o)
{
    struct belay_sagas *s = t->room;
    belay_buf_clear(&s->json);
    belay_value_write(&s->json, belay_outcome_value(answerer(&t->def->steps[m->step], purpose), o, &s->arena));
    if (belay_buf_status(&s->json) != BELAY_OK
        || s->json.n + t->saga->data.n > BELAY_SAGA_DATA_BYTES_MAX) {
        belay_buf_clear(&s->json);
        return false;
    }
    m->carries |= MOVE_RESULT;
    m->result = belay_buf_view(&s->json);
    return true;
}

static void done(struct saga_turn *t, struct saga_move *m, enum flight purpose, const struct belay_call_outcome *o)
{
    struct belay_fault fault;
    if (keep_result(t, m, purpose, o)) {
        saga_move_done(t, m);
        return;
    }
    belay_fault_init(&fault, "SAGA:RESULT_TOO_LARGE", BELAY_CLASS_PERMANENT,
                     "the answer is larger than a saga may carry");
    m->event = SAGA_EVENT_STEP_FAILED;
    m->step_state = STEP_FAILED;
    m->step_flags |= STEP_MAYBE;
    saga_move_fail(t, m, &fault);
}

static void again(struct saga_turn *t, struct saga_move *m, uint8_t step_state, uint64_t delay_ms)
{
    m->step_state = step_state;
    m->delay_ms = delay_ms;
    m->due = until(t, delay_ms, step_state != STEP_UNDOING);
}

static void ask(struct saga_turn *t, struct saga_move *m)
{
    m->event = SAGA_EVENT_OUTCOME_UNKNOWN;
    m->attempt = 0;
    m->first_at = t->now;
    again(t, m, STEP_RESOLVING, 0);
}

static void park(struct saga_turn *t, struct saga_move *m, uint8_t step_state,
                 const struct belay_fault *fault)
{
    m->event = SAGA_EVENT_PARKED;
    m->step_state = step_state;
    saga_move_park(t, m, fault);
}

static void do_failed(struct saga_turn *t, struct saga_move *m, const struct belay_fault *fault,
                      bool repeatable)
{
    const struct belay_saga_step_def *def = &t->def->steps[m->step];
    bool unknown = fault->class_ == BELAY_CLASS_UNKNOWN_OUTCOME;
    uint64_t delay_ms = 0;
    m->event = unknown ? SAGA_EVENT_OUTCOME_UNKNOWN : SAGA_EVENT_ATTEMPT_FAILED;
    saga_move_fault(t, m, fault);
    if (!had_no_effect(fault))
        m->step_flags |= STEP_MAYBE;
    enum belay_retry_verdict verdict
        = decide(t, &def->retry, fault, m->step_attempts, repeatable, &delay_ms);
    if (verdict == BELAY_RETRY_AGAIN) {
        again(t, m, STEP_WAITING, delay_ms);
    } else if (unknown && def->resolve) {
        ask(t, m);
    } else if (verdict == BELAY_RETRY_RESOLVE) { /* and there is nobody to ask */
        park(t, m, STEP_UNKNOWN, fault);
    } else {
        m->event = SAGA_EVENT_STEP_FAILED;
        m->step_state = unknown ? STEP_UNKNOWN : STEP_FAILED;
        saga_move_fail(t, m, fault);
    }
}

static void not_done(struct saga_turn *t, struct saga_move *m)
{
    struct belay_fault fault;
    uint64_t delay_ms = 0;
    belay_fault_init(&fault, "SAGA:NOT_DONE", BELAY_CLASS_TRANSIENT,
                     "asked afterwards, the other side had not done it");
    m->event = SAGA_EVENT_RESOLVED_NOT_DONE;
    m->step_flags &= (uint8_t)~STEP_MAYBE;
    m->attempt = 0;
    if (decide(t, &t->def->steps[m->step].retry, &fault, m->step_attempts, true, &delay_ms)
        == BELAY_RETRY_AGAIN) {
        again(t, m, STEP_WAITING, delay_ms);
        return;
    }
    m->step_state = STEP_FAILED;
    saga_move_fail(t, m, &fault);
}

static void resolve_failed(struct saga_turn *t, struct saga_move *m,
                           const struct belay_fault *fault)
{
    uint64_t delay_ms = 0;
    m->event = SAGA_EVENT_RESOLVE_FAILED;
    m->attempt++;
    saga_move_fault(t, m, fault);
    if (decide(t, &t->def->steps[m->step].retry, fault, m->attempt, true, &delay_ms)
        == BELAY_RETRY_AGAIN)
        again(t, m, STEP_RESOLVING, delay_ms);
    else
        park(t, m, STEP_UNKNOWN, fault);
}

static void undo_failed(struct saga_turn *t, struct saga_move *m, const struct belay_fault *fault,
                        bool repeatable)
{
    const struct belay_compensate_def *c = t->def->steps[m->step].compensate;
    uint64_t delay_ms = 0;
    m->event = SAGA_EVENT_UNDO_FAILED;
    if (c && decide(t, &c->retry, fault, m->attempt, repeatable, &delay_ms) == BELAY_RETRY_AGAIN) {
        saga_move_fault(t, m, NULL);
        m->carries |= MOVE_TEXT;
        m->text = saga_fault_text(t->room, t->saga, fault);
        again(t, m, STEP_UNDOING, delay_ms);
    } else {
        park(t, m, STEP_UNDOING, fault);
    }
}

/* Would the call have been one that may be repeated? Asked after a crash, so it is built again. */
static bool was_repeatable(struct saga_turn *t, enum flight purpose)
{
    const struct belay_saga_step_def *def = &t->def->steps[t->saga->at];
    const struct belay_call_def *call = purpose == FLIGHT_DO ? def->call
                                        : def->compensate    ? def->compensate->call
                                                             : NULL;
    struct belay_call_request request;
    struct belay_fault fault;
    return call && saga_scope(t, saga_sees_call(call), NULL) == BELAY_OK
           && saga_build_call(t, call, purpose, &request, &fault)
           && belay_call_repeatable(call, &request);
}

static void failed(struct saga_turn *t, struct saga_move *m, enum flight purpose, bool repeatable,
                   const struct belay_call_outcome *o, const struct belay_fault *fault)
{
    if (purpose == FLIGHT_DO)
        do_failed(t, m, fault, repeatable);
    else if (purpose == FLIGHT_RESOLVE && is_gone(o))
        not_done(t, m);
    else if (purpose == FLIGHT_RESOLVE)
        resolve_failed(t, m, fault);
    else
        undo_failed(t, m, fault, repeatable);
}

static void no_definition(struct saga_turn *t, struct saga_move *m, enum flight purpose)
{
    struct belay_fault fault;
    belay_fault_init(&fault, "SAGA:DEFINITION", BELAY_CLASS_PERMANENT,
                     "the definition this saga began with is not there");
    park(t, m, purpose == FLIGHT_UNDO ? STEP_UNDOING : STEP_UNKNOWN, &fault);
}

/* What a step came to is wanted; what its undoing said is not. */
static bool is_misread(struct saga_turn *t, const struct belay_saga_step_def *step, enum flight purpose,
                       const struct belay_call_outcome *o, struct belay_call_outcome *ret_outcome)
{
    const struct belay_call_def *call = answerer(step, purpose);
    return purpose != FLIGHT_UNDO && call && belay_call_misread(call, o, &t->room->arena, ret_outcome);
}

int saga_outcome(struct saga_turn *t, enum flight purpose, bool repeatable,
                 const struct belay_call_outcome *o, struct belay_err *err)
{
    struct saga_move m;
    struct belay_fault fault;
    struct belay_call_outcome misread;
    BELAY_ASSERT(t->saga->at < t->saga->step_count);
    saga_move_init(&m, t->saga, t->now, SAGA_EVENT_DONE);
    if (o && t->def && is_misread(t, &t->def->steps[m.step], purpose, o, &misread))
        o = &misread;
    if (o && purpose != FLIGHT_RESOLVE) /* a question is not what it may have died of: that comes now */
        m.flags = saga_answered(m.flags, o->ok);
    if (!o)
        belay_fault_init(&fault, "SAGA:INTERRUPTED", BELAY_CLASS_UNKNOWN_OUTCOME,
                         "the process ended before the outcome was known");
    else if (!o->ok)
        belay_fault_of_outcome(&fault, o, t->def ? t->def->steps[m.step].name : BELAY_STR_NONE,
                               t->now);
    if (!t->def) {
        no_definition(t, &m, purpose);
    } else if (o && o->ok && purpose != FLIGHT_UNDO) {
        if (purpose == FLIGHT_RESOLVE)
            m.event = SAGA_EVENT_RESOLVED_DONE;
        done(t, &m, purpose, o);
    } else if (purpose == FLIGHT_UNDO && o && (o->ok || is_gone(o))) {
        m.event = SAGA_EVENT_UNDONE; /* also where there was nothing to undo */
        saga_move_undone(t, &m, STEP_UNDONE);
    } else {
        failed(t, &m, purpose, o ? repeatable : was_repeatable(t, purpose), o, &fault);
    }
    bool repeats = m.step_state == STEP_WAITING || m.step_state == STEP_UNDOING;
    if ((m.flags & SAGA_SUSPECTED) && repeats && m.state == t->saga->state)
        m.due = t->now; /* it has its turn alone now */
    return saga_move_commit(t->room, t->saga, &m, err);
}
