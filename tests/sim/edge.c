/* The edge in front of the APIs: a limit by caller, as the HTTP connector asks it (base/buckets.h).  A crowd of
 * callers, in some worlds a few, have eight places.
 *
 * What must hold: of no caller more passes within any time than his burst and what comes back in it, whoever shares a
 * bucket with whom; where there is a place for everybody, nobody is refused but what he has no token for.
 *
 * In every fourth world, so that the others stay what they were.  The table is the process's: it dies with it. */
#include <stdio.h>

#include "base/assert.h"
#include "base/buckets.h"
#include "base/hash.h"
#include "sim/world.h"

static const struct belay_rate_def limit = { .per_second = 2, .burst = 1 };
#define CALLERS_MAX 1 /* a set of eight places */
#define ROUNDING 1e-6

static double seconds(belay_time from, belay_time to)
{
    return (double)(to - from) / SIM_S;
}

static double back_by_now(const struct sim_caller *c, belay_time now)
{
    double tokens = c->tokens + seconds(c->counted_at, now) * limit.per_second;
    return tokens < limit.burst ? tokens : limit.burst;
}

/* Any time that ends now. */
static void passed(struct sim_world *w, uint32_t who, struct sim_caller *c)
{
    c->tokens = back_by_now(c, w->now) - 1;
    c->counted_at = w->now;
    c->passes[c->count++ % SIM_PASSES] = w->now;
    for (uint64_t n = 1; n <= c->count && n <= SIM_PASSES; n++) {
        double most = limit.burst + seconds(c->passes[(c->count - n) % SIM_PASSES], w->now) * limit.per_second;
        if ((double)n > most + ROUNDING)
            sim_violation(w, "EDGE", "%llu requests of caller %u passed, of %.1f", (unsigned long long)n, who, most);
    }
}

static void refused(struct sim_world *w, uint32_t who, const struct sim_caller *c)
{
    double tokens = back_by_now(c, w->now);
    if (!w->edge.crowded && tokens >= 1 + ROUNDING)
        sim_violation(w, "EDGE", "caller %u is refused, with %.3f tokens and room for all", who, tokens);
}

bool sim_edge_lets(struct sim_world *w, const struct sim_wish *wish)
{
    struct sim_edge *edge = &w->edge;
    char name[16];
    bool shared;
    if (w->seed % 4 != 3)
        return true;
    if (!edge->buckets) {
        edge->buckets = belay_buckets_new(CALLERS_MAX);
        BELAY_ASSERT(edge->buckets);
        for (uint32_t i = 0; i < SIM_CALLERS; i++)
            edge->callers[i] = (struct sim_caller){ .tokens = limit.burst, .counted_at = w->now };
    }
    uint32_t who = (uint32_t)(belay_hash64(belay_str_c(wish->key)) % (w->seed % 16 == 3 ? SIM_CALLERS_FEW : SIM_CALLERS));
    struct sim_caller *c = &edge->callers[who];
    snprintf(name, sizeof name, "caller %u", who);
    struct belay_rate *rate = belay_buckets_of(edge->buckets, belay_buckets_who(edge->buckets, BELAY_STR("sim"), belay_str_c(name)),
                                               w->now, &shared);
    edge->crowded |= shared;
    bool lets = belay_rate_at(rate, &limit, w->now) <= w->now;
    if (lets) {
        belay_rate_take(rate, &limit, w->now);
        passed(w, who, c);
    } else {
        sim_trace(w, "%s is one request too many of caller %u", wish->key, who);
        refused(w, who, c);
    }
    return lets;
}

void sim_edge_cut_off(struct sim_world *w)
{
    belay_buckets_free(w->edge.buckets);
    w->edge = (struct sim_edge){ .buckets = NULL };
}
