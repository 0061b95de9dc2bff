#include "policy/policy.h"

#include "base/limits.h"

#include <math.h>

#include "base/assert.h"
#include "base/planted.h"

/* Beyond any schedule a person means, and far from overflow in sums of milliseconds. */
#define DELAY_MS_MAX (UINT64_C(1) << 46)

static uint64_t at_most(uint64_t ms, uint64_t max_ms)
{
    return ms < max_ms ? ms : max_ms;
}

static uint64_t base_ms(const struct belay_retry_def *def, uint32_t attempt)
{
    uint64_t max = at_most(def->max_ms, DELAY_MS_MAX);
    double grown = (double)def->initial_ms * pow(def->multiplier, (double)(attempt - 1));
    if (def->initial_ms == 0)
        return 0; /* grown may be 0 * infinity */
    return grown < (double)max ? (uint64_t)grown : max;
}

/* Uniform in [low, high]. */
static uint64_t between(struct belay_random *random, uint64_t low, uint64_t high)
{
    return high <= low ? low : low + belay_random_below(random, high - low + 1);
}

static uint64_t decorrelated_ms(const struct belay_retry_def *def, uint64_t previous_ms,
                                struct belay_random *random)
{
    uint64_t max = at_most(def->max_ms, DELAY_MS_MAX), low = at_most(def->initial_ms, max);
    uint64_t previous = at_most(previous_ms > low ? previous_ms : low, DELAY_MS_MAX);
    return between(random, low, at_most(3 * previous, max));
}

uint64_t belay_backoff_ms(const struct belay_retry_def *def, uint32_t attempt, uint64_t previous_ms,
                          struct belay_random *random)
{
    BELAY_ASSERT(attempt >= 1);
    uint64_t base = base_ms(def, attempt);
    switch (def->jitter) {
    case BELAY_JITTER_NONE: return base;
    case BELAY_JITTER_FULL: return between(random, 0, base);
    case BELAY_JITTER_EQUAL: return between(random, base / 2, base);
    case BELAY_JITTER_DECORRELATED: return decorrelated_ms(def, previous_ms, random);
    }
    BELAY_UNREACHABLE();
}

/* The other side's word is a lower bound. Many were told the same time: what spreads them comes on
 * top. */
static uint64_t no_sooner_than(uint64_t asked_ms, uint64_t backoff_ms, enum belay_jitter jitter)
{
    if (jitter == BELAY_JITTER_NONE)
        return backoff_ms > asked_ms ? backoff_ms : asked_ms;
    return asked_ms + backoff_ms;
}

/* Retry-After comes from outside: it may not put a message, and its key, away for weeks. */
static uint64_t asked_for(const struct belay_retry_def *def, const struct belay_fault *fault)
{
    uint64_t most = def->max_ms > BELAY_RETRY_AFTER_MS_MAX ? def->max_ms : BELAY_RETRY_AFTER_MS_MAX;
    return fault->retry_after_ms < most ? fault->retry_after_ms : most;
}

const struct belay_retry_def *belay_retry_for(const struct belay_retry_def *def,
                                              const struct belay_fault *fault)
{
    for (uint32_t i = 0; i < def->rule_count; i++)
        for (uint32_t k = 0; k < def->rules[i].when_count; k++)
            if (belay_fault_matches(fault, def->rules[i].when[k]))
                return &def->rules[i].def;
    return def;
}

/* Of those that wait for a delay: the tries at once are made besides, all of them before the first delay. */
static enum belay_retry_verdict later(const struct belay_retry_def *def,
                                      const struct belay_retry_question *q, uint32_t attempt,
                                      struct belay_random *random, uint64_t *ret_delay_ms)
{
    if (attempt >= def->max_attempts)
        return BELAY_RETRY_EXHAUSTED;
    uint64_t delay = belay_backoff_ms(def, attempt, q->previous_delay_ms, random);
    if (def->respect_retry_after && q->fault->retry_after_ms)
        delay = no_sooner_than(asked_for(def, q->fault), delay, def->jitter);
    if (def->max_elapsed_ms
        && (q->elapsed_ms >= def->max_elapsed_ms || delay > def->max_elapsed_ms - q->elapsed_ms))
        return BELAY_RETRY_EXHAUSTED;
    *ret_delay_ms = delay;
    return BELAY_RETRY_AGAIN;
}

enum belay_retry_verdict belay_retry_decide(const struct belay_retry_question *q,
                                            struct belay_random *random, uint64_t *ret_delay_ms)
{
    enum belay_class class_ = q->fault->class_;
    BELAY_ASSERT(q->attempt >= 1);
    if (class_ == BELAY_CLASS_PERMANENT || class_ == BELAY_CLASS_FATAL)
        return BELAY_RETRY_NO;
    if (class_ == BELAY_CLASS_UNKNOWN_OUTCOME && !q->repeatable && !BELAY_PLANTED(111))
        return BELAY_RETRY_RESOLVE;
    const struct belay_retry_def *def = belay_retry_for(q->def, q->fault);
    uint32_t at_once = q->def->immediate;
    bool told_when = def->respect_retry_after && q->fault->retry_after_ms;
    if (q->attempt > at_once)
        return later(def, q, q->attempt - at_once, random, ret_delay_ms);
    if (told_when || def->max_attempts == 1)
        return later(def, q, 1, random, ret_delay_ms);
    if (def->max_elapsed_ms && q->elapsed_ms >= def->max_elapsed_ms)
        return BELAY_RETRY_EXHAUSTED;
    *ret_delay_ms = 0;
    return BELAY_RETRY_AT_ONCE;
}
