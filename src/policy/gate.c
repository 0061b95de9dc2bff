#include "policy/gate.h"

#include "base/assert.h"
#include "base/planted.h"

const char *belay_gate_answer_name(enum belay_gate_answer answer)
{
    static const char *const names[BELAY_GATE_ANSWERS]
        = { "", "breaker", "concurrency", "retries", "rate", "budget" };
    BELAY_ASSERT(answer < BELAY_GATE_ANSWERS);
    return names[answer];
}

uint32_t belay_gate_concurrency(const struct belay_gate *g, const struct belay_gate_def *def)
{
    uint32_t max = def->concurrency ? def->concurrency : 1;
    return def->concurrency_auto ? belay_limiter_limit(&g->limiter, max) : max;
}

uint32_t belay_gate_retries(const struct belay_gate *g, const struct belay_gate_def *def)
{
    uint32_t slots = belay_gate_concurrency(g, def);
    double share = def->budget.concurrency;
    uint32_t retries = share > 0 ? (uint32_t)(share * slots) : slots;
    return retries ? retries : 1;
}

enum belay_gate_answer belay_gate_ask(struct belay_gate *g, const struct belay_gate_def *def,
                                      bool retry, belay_time now, belay_time *ret_at)
{
    *ret_at = belay_breaker_at(&g->breaker, &def->breaker, now);
    if (*ret_at > now)
        return BELAY_GATE_BREAKER;
    *ret_at = BELAY_TIME_NEVER;
    if (g->in_flight >= belay_gate_concurrency(g, def))
        return BELAY_GATE_CONCURRENCY;
    if (retry && g->retries_in_flight >= belay_gate_retries(g, def))
        return BELAY_GATE_RETRIES;
    *ret_at = belay_rate_at(&g->rate, &def->rate, now);
    if (*ret_at > now)
        return BELAY_GATE_RATE;
    if (retry)
        *ret_at = belay_budget_at(&g->budget, &def->budget, now);
    return *ret_at > now ? BELAY_GATE_BUDGET : BELAY_GATE_GO;
}

#define SLOT_AGAIN_MS 100           /* where nobody knows when a call ends */
#define AWAY_MS 60000               /* nobody is sent away for longer */
#define AWAY_CROWD 100000           /* unless more than this come back within a minute */
#define PER_SECOND_MOST 10000.0     /* of those that wait, where no budget says less */

static belay_time longest_away(struct belay_gate *g, belay_time now)
{
    int64_t minute = now / ((belay_time)60 * BELAY_US_PER_S);
    if (minute != g->minute) {
        g->postponed_before = minute == g->minute + 1 ? g->postponed : 0;
        g->postponed = 0;
        g->minute = minute;
    }
    g->postponed += g->postponed < UINT32_MAX;
    uint32_t crowd = g->postponed_before > g->postponed ? g->postponed_before : g->postponed;
    return (belay_time)AWAY_MS * BELAY_US_PER_MS * (1 + crowd / AWAY_CROWD);
}

belay_time belay_gate_postpone(struct belay_gate *g, const struct belay_gate_def *def, belay_time at,
                               belay_time now, struct belay_random *random)
{
    belay_time away = longest_away(g, now);
    if (at == BELAY_TIME_NEVER || at < now)
        at = belay_time_add_ms(now, SLOT_AGAIN_MS);
    double per_second = belay_budget_per_second(&g->budget, &def->budget, now);
    if (per_second > PER_SECOND_MOST)
        per_second = PER_SECOND_MOST;
    belay_time due = g->promised_until > at ? g->promised_until : at;
    if (due - at > away)
        return at + away / 2 + (belay_time)belay_random_below(random, (uint64_t)away / 2);
    BELAY_ASSERT(per_second > 0 && due >= at);
    g->promised_until = due + 1 + (belay_time)(BELAY_US_PER_S * 1.1 / per_second);
    return due;
}

void belay_gate_begin(struct belay_gate *g, const struct belay_gate_def *def, bool retry,
                      belay_time now, struct belay_gate_ticket *ret_ticket)
{
    int64_t used = 0;
    belay_rate_take(&g->rate, &def->rate, now);
    if (retry)
        used = belay_budget_retry(&g->budget, &def->budget, now);
    else
        belay_budget_first(&g->budget, &def->budget, now);
    bool probe = belay_breaker_begin(&g->breaker, &def->breaker);
    g->in_flight++;
    g->retries_in_flight += retry;
    *ret_ticket = (struct belay_gate_ticket){ now, used, g->breaker.generation, retry, probe };
}

#define GIVE_BACK_WITHIN_US BELAY_US_PER_S

static void leave(struct belay_gate *g, const struct belay_gate_ticket *ticket)
{
    BELAY_ASSERT(g->in_flight > 0 && g->retries_in_flight >= ticket->retry);
    g->in_flight--;
    g->retries_in_flight -= ticket->retry;
}

void belay_gate_undo(struct belay_gate *g, const struct belay_gate_def *def,
                     const struct belay_gate_ticket *ticket, belay_time now)
{
    bool lately = now - ticket->began_at < GIVE_BACK_WITHIN_US; /* later it would be somebody else's */
    leave(g, ticket);
    if (lately) {
        belay_rate_give_back(&g->rate, &def->rate);
        belay_budget_not_retry(&g->budget, ticket->budget_used);
    }
    if (lately && !ticket->retry)
        belay_budget_not_first(&g->budget);
    belay_breaker_end(&g->breaker, &def->breaker, ticket->probe, ticket->generation,
                      BELAY_CALL_VOID, 0, now);
}

bool belay_gate_end(struct belay_gate *g, const struct belay_gate_def *def,
                    const struct belay_gate_ticket *ticket, enum belay_call_end end, belay_time now)
{
    uint64_t duration_us = now > ticket->began_at ? (uint64_t)(now - ticket->began_at) : 0;
    if (def->concurrency_auto && end != BELAY_CALL_VOID)
        belay_limiter_sample(&g->limiter, def->concurrency, duration_us, g->in_flight,
                             end != BELAY_CALL_WELL);
    leave(g, ticket);
    return belay_breaker_end(&g->breaker, &def->breaker, ticket->probe, ticket->generation, end,
                             duration_us, now);
}
