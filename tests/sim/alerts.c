/* Alerts: three things are ill or well, and somebody is told, between deaths. What is sent is a note of its own beside the
 * engine's rows of what was told: it stands for the channel's queue, which is as durable.
 *
 * What must hold: who was told that a thing is ill is told that it is well again, and nobody is told of what he knows, whatever
 * dies between; unless a row found no room, then he may be told twice.  In some worlds only, with chance of its own. */
#include <stdio.h>
#include <string.h>

#include "alert/alert.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/random.h"
#include "sim/world.h"

#define ROUNDS_MAX 200 /* until in the end all is told */

static const struct belay_alert_def rule = { .name = BELAY_STR_INIT("ill"), .on = BELAY_ALERT_QUEUED };
static const struct belay_str sent_note = BELAY_STR_INIT("sent");

static bool wanted(const struct sim_world *w)
{
    return w->seed % 4 == 1;
}

static bool chance(struct sim_world *w, uint64_t per_mille)
{
    return belay_random_below(&w->alerts.random, 1000) < per_mille;
}

static struct belay_str row_name(uint64_t number, char name[SIM_NAME_BYTES])
{
    int n = snprintf(name, SIM_NAME_BYTES, "told/%020llu", (unsigned long long)number);
    return belay_str(name, (size_t)n);
}

void sim_alerts_stop(struct sim_world *w)
{
    belay_alerts_free(w->alerts.rules);
    w->alerts.rules = NULL;
}

/* As the runtime does after recovery. */
void sim_alerts_start(struct sim_world *w)
{
    struct sim_alerts *s = &w->alerts;
    char last[BELAY_NOTE_NAME_BYTES_MAX];
    struct belay_str name, value, after = BELAY_STR_NONE;
    if (!wanted(w))
        return;
    int status = belay_alerts_new(&s->rules, NULL);
    BELAY_ASSERT(status == BELAY_OK);
    s->random.state = w->seed + w->crashes;
    belay_alerts_configure(s->rules, &rule, 1);
    memset(s->sent, '-', sizeof s->sent);
    if (belay_engine_note_next(w->engine, sent_note, BELAY_STR_NONE, &name, &value)) {
        if (value.n != sizeof s->sent)
            sim_violation(w, "ALERT", "what was sent is %zu bytes", value.n);
        memcpy(s->sent, value.p, value.n);
    }
    while (belay_engine_note_next(w->engine, BELAY_STR("told/"), after, &name, &value)) {
        uint64_t number;
        memcpy(last, name.p, name.n);
        after = belay_str(last, name.n);
        if (!belay_str_to_u64(belay_str(last + 5, name.n - 5), &number)
            || belay_alerts_restore(s->rules, number, value, s->now) != BELAY_OK)
            sim_violation(w, "ALERT", "%.*s is no row", BELAY_STR_ARG(after));
    }
    s->twice = s->no_room;
    s->no_room = false;
    sim_trace(w, "alerts: %.3s, %u fire", s->sent, belay_alerts_firing(s->rules));
}

struct sending {
    struct sim_world *w;
    char sent[SIM_ALERTS];
};

static void send_one(void *arg, const struct belay_alert *x)
{
    struct sending *t = arg;
    const struct sim_alerts *s = &t->w->alerts;
    int i = x->subject.p[0] - 'a';
    char before = t->sent[i], after = x->state == BELAY_ALERT_OVER ? 'o' : 'f';
    bool known = after == 'f' ? before == 'f' : before != 'f';
    if (known && !s->twice)
        sim_violation(t->w, "ALERT", "that %c is %s is told, and was known", 'a' + i, after == 'f' ? "ill" : "well");
    t->sent[i] = after;
}

/* The rows behind the notice, into the same commit. */
static void keep(struct sim_world *w)
{
    struct sim_alerts *s = &w->alerts;
    char name[SIM_NAME_BYTES];
    struct belay_err err;
    struct belay_buf row;
    belay_buf_init(&row, BELAY_NOTE_BYTES_MAX);
    for (uint64_t number; (number = belay_alerts_unsaved(s->rules, &row));) {
        int status = belay_engine_note(w->engine, row_name(number, name), belay_buf_view(&row), &err);
        if (!sim_may_fail(w, status))
            sim_violation(w, "ALERT", "%s", err.msg);
        if (status != BELAY_OK) {
            s->no_room = true;
            break;
        }
        belay_alerts_saved(s->rules, number);
        belay_buf_clear(&row);
    }
    belay_buf_deinit(&row);
}

static void round_of(struct sim_world *w)
{
    struct sim_alerts *s = &w->alerts;
    struct belay_alert_notice n;
    struct belay_err err;
    s->now = sim_clock(w) > s->now ? sim_clock(w) : s->now;
    for (int i = 0; i < SIM_ALERTS; i++)
        belay_alerts_sample(s->rules, rule.on, belay_str(&"abc"[i], 1), s->ill[i], s->now);
    belay_alerts_sampled(s->rules, s->now);
    while (belay_alerts_next(s->rules, s->now, &n)) {
        struct sending t = { .w = w };
        memcpy(t.sent, s->sent, sizeof t.sent);
        belay_alerts_each(s->rules, &n, s->now, send_one, &t);
        int status = belay_engine_note(w->engine, sent_note, belay_str(t.sent, sizeof t.sent), &err);
        if (!sim_may_fail(w, status))
            sim_violation(w, "ALERT", "%s", err.msg);
        if (status != BELAY_OK) {
            belay_alerts_held(s->rules, &n, s->now);
            continue;
        }
        memcpy(s->sent, t.sent, sizeof t.sent);
        sim_trace(w, "alerts: sent %.3s", s->sent);
        belay_alerts_told(s->rules, &n, s->now);
    }
    keep(w);
}

void sim_alerts_act(struct sim_world *w)
{
    if (!wanted(w))
        return;
    for (int i = 0; i < SIM_ALERTS; i++)
        if (chance(w, 300))
            w->alerts.ill[i] = !w->alerts.ill[i];
    round_of(w);
}

/* Is what was told last what is so? */
static bool all_told(const struct sim_alerts *s)
{
    for (int i = 0; i < SIM_ALERTS; i++)
        if ((s->sent[i] == 'f') != s->ill[i])
            return false;
    return true;
}

static void check_told(struct sim_world *w)
{
    for (int i = 0; i < ROUNDS_MAX; i++) {
        round_of(w);
        if (all_told(&w->alerts))
            return;
        sim_settle(w);
    }
    sim_violation(w, "ALERT", "told is %.3s, and it is %d %d %d", w->alerts.sent, w->alerts.ill[0], w->alerts.ill[1],
                  w->alerts.ill[2]);
}

void sim_alerts_check(struct sim_world *w)
{
    if (!wanted(w))
        return;
    check_told(w);
    memset(w->alerts.ill, 0, sizeof w->alerts.ill);
    check_told(w);
}
