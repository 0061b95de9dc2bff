/* What connections let through, against lists of all that passed: no second sees more than the rate and the retry
 * budget; no attempt is used up by waiting. (The breaker is held by belay_engine_check.) */
#include <stdio.h>
#include <string.h>

#include "broker/letter.h"
#include "policy/gate.h"
#include "sim/world.h"

static struct sim_gate *gate_of(struct sim_world *w, const char *name)
{
    for (int i = 0; i < SIM_GATES_MAX; i++) {
        if (!w->gates[i].name[0])
            snprintf(w->gates[i].name, sizeof w->gates[i].name, "%s", name);
        if (strcmp(w->gates[i].name, name) == 0)
            return &w->gates[i];
    }
    sim_violation(w, "sim", "more connections than the simulation knows: %s", name);
}

static struct sim_grant *grant_at(struct sim_gate *g, uint64_t n)
{
    return &g->log[n % SIM_GRANTS_MAX];
}

static bool in_log(const struct sim_gate *g, uint64_t n)
{
    return n < g->count && g->count - n <= SIM_GRANTS_MAX;
}

/* First tries of the budget's window, those that were not made after all included: it may be generous. */
static double allowed(struct sim_gate *g, const struct belay_budget_def *def, belay_time now)
{
    int64_t width = (int64_t)def->window_ms * BELAY_US_PER_MS / BELAY_BUDGET_SLOTS;
    double firsts = 0, window_s = (double)def->window_ms / 1000;
    for (uint64_t n = g->count; n-- && in_log(g, n);) {
        const struct sim_grant *one = grant_at(g, n);
        if (one->at / width <= now / width - BELAY_BUDGET_SLOTS)
            break;
        firsts += !one->retry;
    }
    double shared = def->share * firsts / window_s;
    return shared > def->floor ? shared : def->floor;
}

static void check_second(struct sim_world *w, struct sim_gate *g, const struct belay_gate_def *def, belay_time now)
{
    double calls = 0, retries = 0, most = 0, undone = 0;
    for (uint64_t n = g->count; n-- && in_log(g, n);) {
        const struct sim_grant *one = grant_at(g, n);
        if (one->at <= now - 3 * (belay_time)SIM_S)
            break;
        undone += one->undone; /* what was given back may be used once more */
        if (one->at <= now - (belay_time)SIM_S || one->undone)
            continue;
        calls++;
        retries += one->retry;
        most = one->allowed > most ? one->allowed : most;
    }
    if (def->budget.share > 0 && retries > most + 1 + undone)
        sim_violation(w, "budget", "%s: %.0f retries in a second, of %.1f", g->name, retries, most);
    double rate = def->rate.per_second + def->rate.burst + 1 + undone;
    if (def->rate.per_second > 0 && calls > rate)
        sim_violation(w, "rate", "%s: %.0f calls in a second, of %.0f", g->name, calls, rate);
}

void sim_gate_granted(void *arg, const char *connection, const struct belay_gate_def *def,
                      const struct belay_gate_ticket *ticket, bool undone, belay_time now)
{
    struct sim_world *w = arg;
    struct sim_gate *g = gate_of(w, connection);
    if (!undone) {
        struct sim_grant *one = grant_at(g, g->count++);
        *one = (struct sim_grant){ .at = now, .retry = ticket->retry };
        one->allowed = allowed(g, &def->budget, now);
        check_second(w, g, def, now);
        return;
    }
    for (uint64_t n = g->count; n-- && in_log(g, n);) {
        struct sim_grant *one = grant_at(g, n);
        if (one->at == ticket->began_at && one->retry == ticket->retry && !one->undone) {
            one->undone = true;
            return;
        }
    }
}

/* The process is gone, and what it counted with it. */
void sim_gates_cut_off(struct sim_world *w)
{
    memset(w->gates, 0, sizeof w->gates);
}

void sim_gate_check_letter(struct sim_world *w, const struct belay_letter *letter, struct belay_str lane, int64_t n)
{
    struct sim_lane *in;
    struct sim_event *ev = belay_str_eq(letter->subscription, BELAY_STR("handle"))
        ? sim_event_by_n(w, lane, n, &in) : NULL;
    if (ev && letter->attempts > ev->asked + w->crashes)
        sim_violation(w, "attempts", "%s-%lld has used up %u attempts, and was asked for %u times", in->name,
                      (long long)n, letter->attempts, ev->asked);
}
