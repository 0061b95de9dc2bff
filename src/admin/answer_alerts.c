/* answer_alerts.c - what fires, by which rules, and who wants silence. */
#include "admin/answers.h"

#include <stdio.h>

#include "admin/answer_trail.h"
#include "admin/question.h"
#include "admin/room.h"
#include "admin/show.h"
#include "alert/text.h"
#include "base/limits.h"
#include "broker/trail.h"

#define SILENCE_MS_MAX (30ull * 24 * 3600 * 1000)

static void show_to(struct belay_json_out *o, const struct belay_alert_def *def)
{
    belay_json_key(o, "to");
    belay_json_begin_array(o);
    for (uint32_t i = 0; i < def->to_count; i++)
        belay_json_put_str(o, def->to[i]);
    belay_json_end_array(o);
}

static void show_alert(struct belay_json_out *o, const struct belay_alert *x)
{
    char shown[BELAY_ALERT_VALUE_BYTES], hint[BELAY_ALERT_HINT_BYTES];
    belay_json_begin_object(o);
    show_text(o, "rule", x->def->name);
    show_text(o, "subject", x->subject);
    show_text(o, "state", belay_str_c(belay_alert_state_name(x->state)));
    show_text(o, "level", x->def->urgent ? BELAY_STR("error") : BELAY_STR("warn"));
    show_text(o, "summary", x->def->summary);
    belay_alert_hint_text(x->def->hint, x->subject, hint);
    show_text(o, "hint", belay_str_c(hint));
    belay_json_key(o, "value");
    belay_json_put_double(o, x->value);
    belay_alert_value_text(belay_alert_unit(x->def->on), x->value, shown);
    show_text(o, "shown", belay_str_c(shown));
    show_time(o, "since", x->since);
    if (x->told_at)
        show_time(o, "told_at", x->told_at);
    if (x->silent_until)
        show_time(o, "silent_until", x->silent_until);
    belay_json_key(o, "told");
    belay_json_put_uint(o, x->told);
    show_to(o, x->def);
    belay_json_end_object(o);
}

static void show_rule(struct belay_json_out *o, const struct belay_alert_def *def)
{
    static const char *const units[] = { "count", "ms", "bytes", "percent", "flag" };
    char when[BELAY_ALERT_WHEN_BYTES];
    belay_alert_when_text(def, when);
    belay_json_begin_object(o);
    show_text(o, "name", def->name);
    show_text(o, "on", def->on == BELAY_ALERT_EVENT ? def->event : belay_str_c(belay_alert_on_name(def->on)));
    if (def->subject.n)
        show_text(o, "of", def->subject);
    belay_json_key(o, def->below ? "below" : "above");
    belay_json_put_double(o, def->bound);
    show_text(o, "unit", belay_str_c(units[belay_alert_unit(def->on)]));
    show_text(o, "when", belay_str_c(when));
    belay_json_key(o, "for_ms");
    belay_json_put_uint(o, def->for_ms);
    belay_json_key(o, "repeat_ms");
    belay_json_put_uint(o, def->repeat_ms);
    show_text(o, "level", def->urgent ? BELAY_STR("error") : BELAY_STR("warn"));
    show_text(o, "summary", def->summary);
    show_to(o, def);
    belay_json_end_object(o);
}

static void show_silences(struct belay_json_out *o, const struct belay_silences *all, belay_time now)
{
    static const char *const levels[] = { "", "warn", "error" };
    struct belay_silence s;
    belay_json_key(o, "silences");
    belay_json_begin_array(o);
    for (uint32_t i = 0; belay_silences_look(all, i, &s); i++) {
        if (s.until <= now)
            continue;
        belay_json_begin_object(o);
        show_uint(o, "number", s.number);
        show_text(o, "rule", s.rule);
        show_text(o, "subject", s.subject);
        show_text(o, "level", belay_str_c(levels[s.level]));
        show_time(o, "made_at", s.made_at);
        show_time(o, "until", s.until);
        show_text(o, "who", s.who);
        show_text(o, "reason", s.reason);
        belay_json_end_object(o);
    }
    belay_json_end_array(o);
}

bool answer_alerts(struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_alerts *alerts = belay_runtime_alerts(q->admin->runtime);
    const struct belay_definitions *d = belay_engine_definitions(e);
    struct belay_json_out o = belay_json_out(&q->out);
    struct belay_alert x;
    belay_json_begin_object(&o);
    belay_json_key(&o, "alerts");
    belay_json_begin_array(&o);
    for (uint32_t i = 0; i < BELAY_ADMIN_PAGE_MAX && belay_alerts_look(alerts, i, now, &x); i++)
        show_alert(&o, &x);
    belay_json_end_array(&o);
    belay_json_key(&o, "firing");
    belay_json_put_uint(&o, belay_alerts_firing(alerts));
    belay_json_key(&o, "rules");
    belay_json_begin_array(&o);
    for (uint32_t i = 0; i < d->alert_count; i++)
        show_rule(&o, &d->alerts[i]);
    belay_json_end_array(&o);
    show_silences(&o, belay_alerts_silences(alerts), now);
    belay_json_end_object(&o);
    return true;
}

/* Rule names that no rule has are mistakes; patterns may fit what is yet to come. */
static bool is_known(const struct belay_definitions *d, struct belay_str rule)
{
    for (uint32_t i = 0; i < d->alert_count; i++)
        if (belay_alert_matches(rule, d->alerts[i].name))
            return true;
    return rule.n == 0 || belay_str_ends(rule, BELAY_STR("*"));
}

static bool take_level(struct belay_str text, enum belay_silence_level *ret_level)
{
    bool warn = belay_str_eq(text, BELAY_STR("warn")), error = belay_str_eq(text, BELAY_STR("error"));
    *ret_level = warn ? BELAY_SILENCE_WARN : error ? BELAY_SILENCE_ERROR : BELAY_SILENCE_ANY;
    return warn || error || text.n == 0;
}

/* In the trail with what it does: both or neither. */
static int told_in_trail(struct question *q, struct belay_engine *e, const struct belay_silence *s, const char *verb,
                         belay_time now, bool begin)
{
    char owner[2 * BELAY_NAME_BYTES_MAX], id[24];
    int n = snprintf(owner, sizeof owner, "%.*s%s%.*s", BELAY_STR_ARG(s->rule), s->rule.n && s->subject.n ? " " : "",
                     BELAY_STR_ARG(s->subject));
    int id_n = snprintf(id, sizeof id, "%llu", (unsigned long long)s->number);
    struct belay_trail_entry entry = question_entry(
        q, BELAY_TRAIL_SILENCE, belay_str(owner, n < (int)sizeof owner ? (size_t)n : sizeof owner - 1), belay_str(id, (size_t)id_n),
        verb);
    if (begin)
        return belay_trail_begin(belay_engine_broker(e), &entry, BELAY_NOTE_BYTES_MAX, 1, &q->err);
    return question_did(q, e, &entry, now);
}

bool answer_alert_silence(struct question *q, struct belay_engine *e, belay_time now)
{
    const belay_json *ms = question_member(q, "for_ms");
    struct belay_silence s = { .made_at = now, .rule = question_text(q, "rule"), .subject = question_text(q, "subject"),
                               .who = q->who, .reason = question_text(q, "reason") };
    if (!ms || ms->type != BELAY_JSON_INT || ms->u.i <= 0 || (uint64_t)ms->u.i > SILENCE_MS_MAX)
        return question_fail(q, BELAY_INVALID, "how long: \"for_ms\" must be from 1 to %llu (30 days)", SILENCE_MS_MAX);
    if (!is_known(belay_engine_definitions(e), s.rule))
        return question_fail(q, BELAY_NOTFOUND, "there is no alert rule '%.*s'", BELAY_STR_ARG(s.rule));
    if (!take_level(question_text(q, "level"), &s.level))
        return question_fail(q, BELAY_INVALID, "\"level\" is warn or error");
    s.until = belay_time_add_ms(now, ms->u.i);
    int status = told_in_trail(q, e, &s, "silence", now, true);
    if (status == BELAY_OK)
        status = belay_runtime_silence(q->admin->runtime, &s, &s.number, &q->err);
    if (status == BELAY_OK)
        status = told_in_trail(q, e, &s, "silence", now, false);
    if (status != BELAY_OK)
        return question_failed(q, status);
    struct belay_json_out o = belay_json_out(&q->out);
    belay_json_begin_object(&o);
    show_uint(&o, "number", s.number);
    show_time(&o, "until", s.until);
    belay_json_end_object(&o);
    return true;
}

bool answer_alert_unsilence(struct question *q, struct belay_engine *e, belay_time now)
{
    uint64_t number = question_number(q, "number", 0);
    struct belay_silence s;
    bool found = false;
    for (uint32_t i = 0; !found && belay_silences_look(belay_alerts_silences(belay_runtime_alerts(q->admin->runtime)), i, &s); i++)
        found = s.number == number;
    if (!found)
        return question_fail(q, BELAY_NOTFOUND, "there is no silence %llu", (unsigned long long)number);
    int status = told_in_trail(q, e, &s, "unsilence", now, true);
    if (status == BELAY_OK) /* before its texts go */
        status = told_in_trail(q, e, &s, "unsilence", now, false);
    if (status == BELAY_OK)
        status = belay_runtime_unsilence(q->admin->runtime, number, &q->err);
    return question_done(q, status);
}

bool answer_alert_test(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)e;
    return question_done(q, belay_runtime_alert_test(q->admin->runtime, question_param(q, "channel"), q->who,
                                                     now, &q->err));
}
