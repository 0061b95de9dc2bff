/* Notices: rules over the figures of the engine's flows, told in groups (alert/alert.h), as the runtime asks them.
 *
 * What must hold, against a naive ledger of each rule and subject: a notice names everybody once whose news it is and nobody
 * else; between two of one rule and kind lies its interval; who fires, or is over after he was told, and nobody has heard of
 * it for as long as both its waits may last, was told by then, however many others came meanwhile.
 *
 * It draws from a source of its own and changes nothing that the engine sees, so worlds stay what they were.  Alerts are the
 * process's: they die with it. */
#include <stdio.h>
#include <string.h>

#include "alert/alert.h"
#include "base/assert.h"
#include "broker/stats.h"
#include "sim/world.h"

#define ROUND_MS 200
#define ROUND_US (ROUND_MS * (belay_time)SIM_MS)

static const struct belay_alert_def rules[SIM_RULES] = {
    { .name = BELAY_STR_INIT("letters"), .on = BELAY_ALERT_LETTERS, .regroup_ms = 4000, .wait_ms = 500, .interval_ms = 3000 },
    { .name = BELAY_STR_INIT("waiting"), .on = BELAY_ALERT_QUEUED, .bound = 2, .wait_ms = 1000, .interval_ms = 700 },
};

static belay_time longest_us(const struct belay_alert_def *def)
{
    return (belay_time)(def->wait_ms > def->interval_ms ? def->wait_ms : def->interval_ms) * SIM_MS;
}

/* ---- the ledger ---- */

static void saw(struct sim_news *n, const struct belay_alert_def *def, double value, belay_time now)
{
    bool wrong = value > def->bound;
    if (wrong != n->wrong)
        n->since = now;
    n->wrong = wrong;
    n->value = value;
}

struct telling {
    struct sim_world *w;
    const struct belay_alert_notice *notice;
    uint32_t rule, named;
    bool seen[SIM_SUBJECTS];
};

static uint32_t subject_of(struct sim_world *w, struct belay_str name)
{
    for (uint32_t i = 0; i < w->notices.subject_count; i++)
        if (belay_str_eq(belay_str_c(w->notices.subjects[i]), name))
            return i;
    sim_violation(w, "NOTICE", "a notice tells of %.*s, which nobody sampled", BELAY_STR_ARG(name));
}

static void tell_one(void *arg, const struct belay_alert *alert)
{
    struct telling *t = arg;
    struct sim_world *w = t->w;
    uint32_t i = subject_of(w, alert->subject);
    struct sim_news *n = &w->notices.news[t->rule][i];
    bool over = t->notice->state == BELAY_ALERT_OVER;
    bool grown = n->value > n->told_value && w->now >= n->told_at + (belay_time)rules[t->rule].regroup_ms * SIM_MS;
    const char *name = w->notices.subjects[i];
    if (t->seen[i])
        sim_violation(w, "NOTICE", "%s is named twice", name);
    if (over ? n->wrong || !n->told : !n->wrong || (n->told && !grown))
        sim_violation(w, "NOTICE", "%s is told to be %s, which is no news", name, over ? "over" : "firing");
    t->seen[i] = true;
    t->named++;
    n->told = !over;
    n->told_value = n->value;
    n->told_at = w->now;
}

/* All that wait for being told, in this round. Returns how many notices had no room. */
static uint32_t tell(struct sim_world *w)
{
    struct sim_notices *all = &w->notices;
    struct belay_alert_notice n;
    uint32_t held = 0;
    while (belay_alerts_next(all->alerts, w->now, &n)) {
        struct telling t = { .w = w, .notice = &n, .rule = (uint32_t)(n.def - rules) };
        bool over = n.state == BELAY_ALERT_OVER;
        belay_time *last = &all->last_at[t.rule][over];
        if (belay_random_below(&all->random, 100) < 15) {
            belay_alerts_held(all->alerts, &n, w->now);
            held++;
            continue;
        }
        if (*last && w->now < *last + (belay_time)n.def->interval_ms * SIM_MS)
            sim_violation(w, "NOTICE", "two notices of %.*s within %lld ms", BELAY_STR_ARG(n.def->name),
                          (long long)(w->now - *last) / SIM_MS);
        *last = w->now;
        belay_alerts_each(all->alerts, &n, w->now, tell_one, &t);
        if (t.named != n.count)
            sim_violation(w, "NOTICE", "a notice says that it names %u, and names %u", n.count, t.named);
        belay_alerts_told(all->alerts, &n, w->now);
    }
    return held;
}

/* Whoever has news for so long has been told. */
static void look_for_the_forgotten(struct sim_world *w)
{
    for (uint32_t rule = 0; rule < SIM_RULES; rule++)
        for (uint32_t i = 0; i < w->notices.subject_count; i++) {
            const struct sim_news *n = &w->notices.news[rule][i];
            if (n->wrong != n->told && w->now >= n->since + longest_us(&rules[rule]))
                sim_violation(w, "NOTICE", "%s of %s is news since %lld ms, and nobody was told",
                              n->wrong ? "trouble" : "the end of trouble", w->notices.subjects[i],
                              (long long)(w->now - n->since) / SIM_MS);
        }
}

static void sample(struct sim_world *w, uint32_t rule, uint32_t subject, double value)
{
    struct sim_notices *all = &w->notices;
    saw(&all->news[rule][subject], &rules[rule], value, w->now);
    belay_alerts_sample(all->alerts, rules[rule].on, belay_str_c(all->subjects[subject]), value, w->now);
}

static void sample_all(struct sim_world *w)
{
    struct belay_broker *b = belay_engine_broker(w->engine);
    struct sim_notices *all = &w->notices;
    struct belay_subscription_stats s;
    for (uint32_t i = 0; belay_broker_subscription_stats(b, i, &s); i++) {
        BELAY_ASSERT(i < SIM_SUBJECTS && s.name.n < sizeof all->subjects[i]);
        snprintf(all->subjects[i], sizeof all->subjects[i], "%.*s", BELAY_STR_ARG(s.name));
        all->subject_count = i + 1;
        sample(w, 0, i, (double)(s.dead + s.parked));
        sample(w, 1, i, (double)(s.backlog + s.held + s.waiting));
    }
}

static void begin(struct sim_world *w)
{
    struct belay_err err;
    int status = belay_alerts_new(&w->notices.alerts, &err);
    BELAY_ASSERT(status == BELAY_OK);
    belay_alerts_configure(w->notices.alerts, rules, SIM_RULES);
    w->notices.random.state = w->seed ^ (uint64_t)w->now;
}

void sim_notices_look(struct sim_world *w)
{
    struct sim_notices *all = &w->notices;
    if (w->now < all->again_at)
        return;
    if (!all->alerts)
        begin(w);
    all->again_at = w->now + ROUND_US;
    sample_all(w);
    belay_alerts_sampled(all->alerts, w->now);
    if (tell(w) == 0)
        look_for_the_forgotten(w);
}

void sim_notices_cut_off(struct sim_world *w)
{
    belay_alerts_free(w->notices.alerts);
    w->notices = (struct sim_notices){ .alerts = NULL };
}
