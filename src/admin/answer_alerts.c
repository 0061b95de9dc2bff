/* answer_alerts.c - what fires, by which rules, and who wants silence. */
#include "admin/impl.h"

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
    belay_json_begin_object(o);
    show_text(o, "rule", x->def->name);
    show_text(o, "subject", x->subject);
    show_text(o, "state", belay_str_c(belay_alert_state_name(x->state)));
    show_text(o, "level", x->def->urgent ? BELAY_STR("error") : BELAY_STR("warn"));
    show_text(o, "summary", x->def->summary);
    belay_json_key(o, "value");
    belay_json_put_double(o, x->value);
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
    belay_json_begin_object(o);
    show_text(o, "name", def->name);
    show_text(o, "on", def->on == BELAY_ALERT_EVENT ? def->event : belay_str_c(belay_alert_on_name(def->on)));
    if (def->subject.n)
        show_text(o, "of", def->subject);
    belay_json_key(o, def->below ? "below" : "above");
    belay_json_put_double(o, def->bound);
    belay_json_key(o, "for_ms");
    belay_json_put_uint(o, def->for_ms);
    show_text(o, "level", def->urgent ? BELAY_STR("error") : BELAY_STR("warn"));
    show_text(o, "summary", def->summary);
    show_to(o, def);
    belay_json_end_object(o);
}

bool answer_alerts(struct question *q, struct belay_engine *e, belay_time now)
{
    const struct belay_alerts *alerts = belay_runtime_alerts(q->admin->runtime);
    const struct belay_definitions *d = belay_engine_definitions(e);
    struct belay_json_out o = belay_json_out(&q->out);
    struct belay_alert x;
    (void)now;
    belay_json_begin_object(&o);
    belay_json_key(&o, "alerts");
    belay_json_begin_array(&o);
    for (uint32_t i = 0; i < BELAY_ADMIN_PAGE_MAX && belay_alerts_look(alerts, i, &x); i++)
        show_alert(&o, &x);
    belay_json_end_array(&o);
    belay_json_key(&o, "firing");
    belay_json_put_uint(&o, belay_alerts_firing(alerts));
    belay_json_key(&o, "rules");
    belay_json_begin_array(&o);
    for (uint32_t i = 0; i < d->alert_count; i++)
        show_rule(&o, &d->alerts[i]);
    belay_json_end_array(&o);
    belay_json_end_object(&o);
    return true;
}

bool answer_alert_silence(struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_str rule = question_param(q, "rule"), reason = question_text(q, "reason");
    const belay_json *ms = question_member(q, "for_ms");
    (void)e;
    if (!ms || ms->type != BELAY_JSON_INT || ms->u.i < 0 || (uint64_t)ms->u.i > SILENCE_MS_MAX)
        return question_fail(q, BELAY_INVALID, "how long: \"for_ms\" must be from 0 (told again) to %llu (30 days)",
                             SILENCE_MS_MAX);
    if (ms->u.i && reason.n == 0)
        return question_fail(q, BELAY_INVALID, "say why: a silence needs a \"reason\"");
    belay_time until = ms->u.i ? belay_time_add_ms(now, ms->u.i) : 0;
    int status = belay_alerts_silence(belay_runtime_alerts(q->admin->runtime), rule, question_text(q, "subject"), until,
                                      &q->err);
    if (status == BELAY_OK)
        belay_runtime_audit(q->admin->runtime, now, until ? "alert.silenced" : "alert.unsilenced", q->who, rule,
                            reason);
    return question_done(q, status);
}

bool answer_alert_test(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)e;
    return question_done(q, belay_runtime_alert_test(q->admin->runtime, question_param(q, "channel"), q->who,
                                                     now, &q->err));
}
