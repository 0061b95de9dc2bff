/* fail.c - an error's way: retry by its policy, then the first on_error rule that names it, then a
 * letter. */
#include <stdio.h>

#include "base/assert.h"
#include "flow/redact.h"
#include "flow/run.h"

uint32_t run_attempt(const struct belay_flow_run *run)
{
    BELAY_ASSERT(run->m.at->attempt_base && run->m.in.attempt >= run->m.at->attempt_base);
    return run->m.in.attempt - run->m.at->attempt_base + 1;
}

/* Tries of the step so far, as the policy counts: those at once were made within its first attempt, or count as
 * made. */
static uint32_t tries(const struct belay_flow_run *run, const struct belay_retry_def *def,
                      uint32_t attempt)
{
    if (attempt == 1)
        return 1 + run->m.at->at_once;
    return attempt < UINT32_MAX - def->immediate ? attempt + def->immediate : attempt;
}

enum belay_retry_verdict fail_decide(struct belay_flow_run *run, const struct belay_retry_def *def,
                                     const struct belay_fault *fault, uint32_t attempt,
                                     bool repeatable)
{
    struct flow_state *at = run->m.at;
    const struct belay_retry_question question = {
        .def = def,
        .fault = fault,
        .attempt = tries(run, def, attempt),
        .elapsed_ms
        = run->m.now > at->began_at ? (uint64_t)(run->m.now - at->began_at) / BELAY_US_PER_MS : 0,
        .previous_delay_ms = at->delay_ms,
        .repeatable = repeatable,
    };
    uint64_t delay_ms;
    enum belay_retry_verdict verdict = belay_retry_decide(&question, &run->m.random, &delay_ms);
    if (verdict == BELAY_RETRY_AT_ONCE)
        run->m.retry_delay_ms = 0;
    if (verdict != BELAY_RETRY_AGAIN)
        return verdict;
    def = belay_retry_for(def, fault);
    run->m.retry_delay_ms = at->delay_ms = delay_ms;
    run->m.worth_keeping
        |= def->jitter == BELAY_JITTER_DECORRELATED; /* it grows from the last delay */
    return verdict;
}

/* ---- on_error ---- */

static const struct belay_error_rule *rule_for(const struct belay_flow_run *run)
{
    const struct belay_flow_def *def = run->m.in.def;
    for (uint32_t i = 0; i < def->on_error_count; i++) {
        const struct belay_error_rule *rule = &def->on_error[i];
        for (uint32_t j = 0; j < rule->when_count; j++)
            if (belay_fault_matches(&run->fault, rule->when[j]))
                return rule;
        if (!rule->when_count)
            return rule;
    }
    return NULL;
}

static bool enter_rule(struct belay_flow_run *run, const struct belay_error_rule *rule)
{
    struct belay_fault *error = belay_arena_alloc(&run->arena, sizeof *error);
    struct flow_state *handler = &run->m.handler;
    if (!error)
        return false;
    *error = run->fault;
    *handler = run->m.main;
    handler->step = rule->first;
    handler->phase = PHASE_DO;
    handler->unknown = NULL;
    handler->attempt_base = run->m.in.attempt;
    handler->began_at = run->m.now;
    handler->delay_ms = 0;
    handler->at_once = 0;
    if (!state_fork(run, handler))
        return false;
    run->m.error = error;
    run->m.at = handler;
    run->m.main_publications = run->m.publication_count;
    run->m.main_logs = run->m.log_count;
    run->m.worth_keeping = true;
    return true;
}

/* The rule's own steps failed: the letter tells of both. */
static enum move handler_failed(struct belay_flow_run *run)
{
    char both[2 * sizeof run->fault.description];
    struct belay_fault before = *run->m.error;
    run_redact_fault(run, &run->fault); /* before they are cut */
    run_redact_fault(run, &before);
    snprintf(both, sizeof both, "%.150s; on_error was handling %s: %s", run->fault.description,
             before.type, before.description);
    belay_fault_set_description(&run->fault, belay_str_c(both));
    return MOVE_LETTER;
}

enum move fail_handle(struct belay_flow_run *run)
{
    if (run->m.at == &run->m.handler) {
        BELAY_ASSERT(run->m.error);
        return handler_failed(run);
    }
    const struct belay_error_rule *rule = rule_for(run);
    return rule && enter_rule(run, rule) ? MOVE_ON : MOVE_LETTER;
}

enum move fail_route(struct belay_flow_run *run)
{
    enum belay_retry_verdict verdict
        = fail_decide(run, &run->m.in.def->retry, &run->fault, run_attempt(run), true);
    bool again = verdict == BELAY_RETRY_AGAIN || verdict == BELAY_RETRY_AT_ONCE;
    return again ? MOVE_RETRY : fail_handle(run);
}
