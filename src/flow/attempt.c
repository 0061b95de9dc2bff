/* attempt.c - the `call` step.
 *
 *            build                ok
 *   DO ----------------> CALL -----------> result, next step
 *    ^                     | transient: CALL again at once, or RETRY (DO); permanent: the error's way
 *    |                     | unknown outcome (or the attempt before was interrupted here)
 *    |                     |   may be repeated: as transient
 *    |                     |   no resolve: LETTER
 *    |                     v
 *    |                  RESOLVE ----> CALL --ok--> it was done; the answer is the result, next step
 *    |                     ^            |
 *    |                     `---RETRY----| anything else: ask again; LETTER when exhausted
 *    `----------------RETRY-------------' 404, 410: it was not done
 */
#include "base/assert.h"
#include "base/planted.h"
#include "flow/run.h"

static const struct belay_retry_def *retry_of(const struct belay_flow_run *run,
                                              const struct belay_step_def *step)
{
    return step->u.call.retry ? step->u.call.retry : &run->m.in.def->retry;
}

/* ---- asking ---- */

/* What is left of the run's own time bounds each of its calls. False: nothing is left. */
static bool bound_timeout(struct belay_flow_run *run)
{
    const struct eval e = run_eval(run);
    uint64_t allowed = run->m.in.def->timeout_ms, spent;
    if (!allowed)
        return true;
    spent = (uint64_t)(run->m.now - run->m.run_began_at) / BELAY_US_PER_MS;
    if (spent >= allowed) {
        eval_fail(&e, "FLOW:TIMEOUT", "the run took longer than its %u ms",
                  run->m.in.def->timeout_ms);
        run->fault.class_ = BELAY_CLASS_TRANSIENT;
        return false;
    }
    if (run->m.request.timeout_ms > allowed - spent)
        run->m.request.timeout_ms = (uint32_t)(allowed - spent);
    return true;
}

static enum move ask(struct belay_flow_run *run, const struct belay_step_def *step,
                     const struct belay_call_def *call, const char *purpose)
{
    const struct belay_message *m = run->m.in.message;
    const struct belay_call_origin origin = {
        .owner = run->m.in.def->name,
        .step = step->name,
        .subject = m->id,
        .purpose = purpose,
        .correlationid = m->correlationid.n ? m->correlationid : m->id,
        .traceparent = m->traceparent,
    };
    scope_begin(run);
    scope_sees_call(run, call);
    if (!scope_ready(run)
        || !belay_call_build(call, &run->m.scope, &origin, &run->arena, &run->m.request,
                             &run->fault)
        || !bound_timeout(run))
        return MOVE_FAILED;
    run->m.connection = call->connection;
    return MOVE_CALL;
}

/* ---- what is known ---- */

static const struct belay_fault *keep_fault(struct belay_flow_run *run)
{
    struct belay_fault *kept = belay_arena_alloc(&run->arena, sizeof *kept);
    if (kept)
        *kept = run->fault;
    return kept;
}

/* The question stays open, and run->fault says why. What cannot even be asked will not be asked
 * better. */
static enum move still_unknown(struct belay_flow_run *run, const struct belay_step_def *step,
                               bool may_change)
{
    struct belay_fault again = run->fault;
    again.class_ = BELAY_CLASS_TRANSIENT;
    enum belay_retry_verdict verdict
        = may_change ? fail_decide(run, retry_of(run, step), &again, run_attempt(run), true)
                     : BELAY_RETRY_NO;
    if (verdict == BELAY_RETRY_AGAIN || verdict == BELAY_RETRY_AT_ONCE)
        return MOVE_RETRY;
    run->fault = *run->m.at->unknown;
    return MOVE_LETTER;
}

static enum move ask_whether_done(struct belay_flow_run *run, const struct belay_step_def *step)
{
    enum move move = ask(run, step, step->u.call.resolve, "resolve");
    return move == MOVE_FAILED
               ? still_unknown(run, step, run->fault.class_ == BELAY_CLASS_TRANSIENT)
               : move;
}

/* Nobody may repeat it, and run->fault says why it is not known. */
static enum move begin_resolving(struct belay_flow_run *run, const struct belay_step_def *step)
{
    const struct belay_fault *unknown = step->u.call.resolve ? keep_fault(run) : NULL;
    if (!unknown)
        return MOVE_LETTER;
    run->m.at->unknown = unknown;
    run->m.at->phase = PHASE_RESOLVE;
    run->m.worth_keeping = true;
    return ask_whether_done(run, step);
}

/* In place, in the attempt that is recorded already. */
static enum move at_once(struct belay_flow_run *run, const struct belay_step_def *step)
{
    run->m.at->at_once++;
    return call_begin(run, step);
}

/* run->fault is transient or unknown. `attempt` is the one that failed. */
static enum move after_failure(struct belay_flow_run *run, const struct belay_step_def *step,
                               uint32_t attempt)
{
    bool repeatable = belay_call_repeatable(&step->u.call.call, &run->m.request);
    switch (fail_decide(run, retry_of(run, step), &run->fault, attempt, repeatable)) {
    case BELAY_RETRY_AGAIN: return MOVE_RETRY;
    case BELAY_RETRY_AT_ONCE: return at_once(run, step);
    case BELAY_RETRY_RESOLVE: return begin_resolving(run, step);
    case BELAY_RETRY_EXHAUSTED:
    case BELAY_RETRY_NO: break;
    }
    return fail_handle(run);
}

/* Of a call that no connector tells of: "warehouse PUT /shipments/o-1". */
static void set_endpoint(struct belay_flow_run *run)
{
    const struct belay_call_request *q = &run->m.request;
    struct belay_str text = run->m.connection->name;
    for (uint32_t i = 0; i < q->param_count && text.p; i++)
        text = belay_arena_printf(&run->arena, "%.*s %.*s", BELAY_STR_ARG(text), BELAY_STR_ARG(q->params[i].value));
    belay_fault_set_endpoint(&run->fault, text);
}

/* The process ended while this call was under way: its outcome is unknown. That is not the call's failure: where it
 * may be repeated it is the same attempt again. */
static enum move after_interruption(struct belay_flow_run *run, const struct belay_step_def *step)
{
    const struct eval e = run_eval(run);
    if (belay_call_repeatable(&step->u.call.call, &run->m.request) || BELAY_PLANTED(120)) /* as if it had never been made */
        return MOVE_CALL;
    eval_fail(&e, "FLOW:INTERRUPTED",
              "the process ended before the outcome of this call was recorded");
    run->fault.class_ = BELAY_CLASS_UNKNOWN_OUTCOME;
    set_endpoint(run);
    return after_failure(run, step, run_attempt(run));
}

enum move call_begin(struct belay_flow_run *run, const struct belay_step_def *step)
{
    bool interrupted = run->m.interrupted;
    if (settled_is_about(run, step))
        return settled_move(run, step);
    if (run->m.at->phase == PHASE_RESOLVE) {
        BELAY_ASSERT(step->u.call.resolve);
        run->m.interrupted = false; /* to ask again does no harm */
        return ask_whether_done(run, step);
    }
    enum move move = ask(run, step, &step->u.call.call, "do");
    if (move != MOVE_CALL || !interrupted)
        return move;
    run->m.interrupted = false;
    return after_interruption(run, step);
}

/* ---- outcomes ---- */

enum move call_result(struct belay_flow_run *run, const struct belay_step_def *step, struct belay_value v)
{
    struct flow_state *at = run->m.at;
    if (step->as.n && !bindings_put(run, &at->results, step->as, v))
        return MOVE_FAILED;
    run->m.worth_keeping = true;
    at->phase = PHASE_DO;
    at->unknown = NULL;
    at->step = step->next;
    at->attempt_base = run->m.in.attempt;
    at->began_at = run->m.now;
    at->delay_ms = 0;
    at->at_once = 0;
    if (at == &run->m.main && !state_mark(run))
        return run_no_memory(run);
    return MOVE_ON;
}

/* Who gave the outcome: the call, or the one who was asked about it. Each says itself what its answer is. */
static const struct belay_call_def *answerer(const struct belay_flow_run *run, const struct belay_step_def *step)
{
    return run->m.at->phase == PHASE_RESOLVE ? step->u.call.resolve : &step->u.call.call;
}

static enum move take_result(struct belay_flow_run *run, const struct belay_step_def *step,
                             const struct belay_call_outcome *outcome)
{
    struct belay_value v = { .type = BELAY_VALUE_UNDEFINED };
    if (step->as.n) {
        v = belay_outcome_value(answerer(run, step), outcome, &run->arena);
        if (v.type == BELAY_VALUE_UNDEFINED)
            return run_no_memory(run);
    }
    return call_result(run, step, v);
}

/* It was done, and there is no room for what it said: not to be done again. */
static enum move no_room_for_result(struct belay_flow_run *run)
{
    run->fault.class_ = BELAY_CLASS_UNKNOWN_OUTCOME;
    return MOVE_LETTER;
}

static bool says_not_done(const struct belay_call_outcome *o)
{
    return o->class_ == BELAY_CLASS_PERMANENT && (o->status == 404 || o->status == 410);
}

static enum move resolve_ended(struct belay_flow_run *run, const struct belay_step_def *step,
                               const struct belay_call_outcome *outcome)
{
    struct flow_state *at = run->m.at;
    BELAY_ASSERT(at->unknown);
    if (says_not_done(outcome)) {
        run->fault = *at->unknown;
        run->fault.class_ = BELAY_CLASS_TRANSIENT; /* known now: nothing happened */
        at->phase = PHASE_DO;
        at->unknown = NULL;
        return after_failure(run, step, run_attempt(run));
    }
    belay_fault_of_outcome(&run->fault, outcome, step->name, run->m.now);
    return still_unknown(run, step, true);
}

enum move call_ended(struct belay_flow_run *run, const struct belay_call_outcome *outcome)
{
    const struct belay_step_def *step = run_step_def(run);
    enum move move;
    struct belay_call_outcome misread;
    BELAY_ASSERT(step->kind == BELAY_STEP_CALL);
    run->m.in.interrupted = false; /* what was in doubt is answered */
    if (step->as.n && belay_call_misread(answerer(run, step), outcome, &run->arena, &misread))
        outcome = &misread;
    if (outcome->ok) {
        move = take_result(run, step, outcome);
        return move == MOVE_FAILED ? no_room_for_result(run) : move;
    }
    if (run->m.at->phase == PHASE_RESOLVE)
        return resolve_ended(run, step, outcome);
    belay_fault_of_outcome(&run->fault, outcome, step->name, run->m.now);
    return after_failure(run, step, run_attempt(run));
}
