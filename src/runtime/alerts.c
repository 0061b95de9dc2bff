#include "runtime/alerts.h"

#include <stdio.h>

#include "alert/text.h"
#include "base/limits.h"
#include "broker/publish.h"
#include "json/json.h"
#include "runtime/alerts_keep.h"
#include "runtime/alerts_look.h"

#define ROUND_US BELAY_US_PER_S
#define NOTICE_BYTES_MAX BELAY_KIB(64)
#define TELL_MAX 64 /* notices of one round */

int alerts_init(struct alerts *a, struct belay_log *log, struct belay_metrics *metrics, struct belay_err *err)
{
    static const struct belay_metric_def firing = { "belay_alerts_firing", "Alerts that fire now.", BELAY_METRIC_GAUGE,
                                                    BELAY_UNIT_ONE, { 0 }, 0 };
    static const struct belay_metric_def told = { "belay_alert_notices_total", "Notices of alerts, resolved ones too.",
                                                  BELAY_METRIC_COUNTER, BELAY_UNIT_ONE, { 0 }, 0 };
    struct belay_family *family;
    a->log = log;
    int status = belay_metrics_define(metrics, &firing, &family, err);
    if (status != BELAY_OK)
        return status;
    a->firing = belay_gauge_of(family, NULL);
    status = belay_metrics_define(metrics, &told, &family, err);
    if (status != BELAY_OK)
        return status;
    a->told = belay_counter_of(family, NULL);
    return belay_alerts_new(&a->rules, err);
}

void alerts_deinit(struct alerts *a)
{
    belay_alerts_free(a->rules);
    if (a->definitions)
        belay_definitions_unref(a->definitions);
    a->rules = NULL;
    a->definitions = NULL;
}

void alerts_configure(struct alerts *a, struct belay_definitions *d)
{
    struct belay_definitions *before = a->definitions;
    a->definitions = belay_definitions_ref(d);
    belay_alerts_configure(a->rules, d->alerts, d->alert_count);
    if (before)
        belay_definitions_unref(before);
}

/* The order of the two is read the other way round: a failure after a success outlives it. */
void alerts_reload(struct alerts *a, bool failed)
{
    if (failed) {
        atomic_fetch_add(&a->reloads_failed, 1);
        return;
    }
    atomic_store(&a->reloads_failed, 0);
    atomic_store(&a->reloaded, true);
}

static void look_at_reloads(struct alerts *a, belay_time now)
{
    const struct belay_str failed = BELAY_STR("config.reload_failed");
    if (atomic_exchange(&a->reloaded, false))
        belay_alerts_event_over(a->rules, failed);
    for (uint32_t n = atomic_exchange(&a->reloads_failed, 0); n > 0; n--)
        belay_alerts_event(a->rules, failed, BELAY_STR_NONE, now);
}

static belay_time forward(struct alerts *a, belay_time now)
{
    a->now = now > a->now ? now : a->now;
    return a->now;
}

void alerts_event(struct alerts *a, const struct belay_action_event *event, belay_time now)
{
    belay_alerts_event(a->rules, belay_str_c(event->name), event->owner, forward(a, now));
}

/* ---- telling ---- */

struct notice {
    struct belay_str rule, subject, summary, hint; /* subject: for people; of several "a, b, c and 197 more" */
    const char *status, *on;
    bool urgent;
    double value;
    char shown[BELAY_ALERT_VALUE_BYTES]; /* the value with its unit */
    belay_time since, at;
    uint32_t count, firing;
    struct belay_str subjects; /* JSON, elements with commas */
    struct belay_str key;      /* notices of one key are told in order */
    const struct belay_str *to;
    uint32_t to_count;
};

static void put_text(struct belay_json_out *o, const char *name, struct belay_str text)
{
    belay_json_key(o, name);
    belay_json_put_str(o, text);
}

static void put_time(struct belay_json_out *o, const char *name, belay_time t)
{
    char text[BELAY_TIME_TEXT_BYTES];
    belay_time_text(t, text);
    put_text(o, name, belay_str_c(text));
}

static void put_hint(struct belay_json_out *o, struct belay_str hint, struct belay_str subject)
{
    char text[BELAY_ALERT_HINT_BYTES];
    belay_alert_hint_text(hint, subject, text);
    put_text(o, "hint", belay_str_c(text));
}

static void write_notice(struct belay_buf *out, const struct alerts *a, const struct notice *n)
{
    struct belay_json_out o = belay_json_out(out);
    belay_json_begin_object(&o);
    put_text(&o, "rule", n->rule);
    put_text(&o, "subject", n->subject);
    put_text(&o, "status", belay_str_c(n->status));
    put_text(&o, "level", n->urgent ? BELAY_STR("error") : BELAY_STR("warn"));
    put_text(&o, "summary", n->summary);
    put_hint(&o, n->hint, n->subject);
    put_text(&o, "on", belay_str_c(n->on));
    belay_json_key(&o, "value");
    belay_json_put_double(&o, n->value);
    put_text(&o, "shown", belay_str_c(n->shown));
    put_time(&o, "since", n->since);
    put_time(&o, "at", n->at);
    belay_json_key(&o, "count");
    belay_json_put_uint(&o, n->count);
    belay_json_key(&o, "firing");
    belay_json_put_uint(&o, n->firing);
    belay_json_key(&o, "subjects");
    belay_json_begin_array(&o);
    belay_buf_put_str(out, n->subjects);
    belay_json_end_array(&o);
    put_text(&o, "application", a->definitions->name);
    belay_json_key(&o, "fallback");
    belay_json_begin_array(&o);
    for (uint32_t i = 1; i < n->to_count; i++)
        belay_json_put_str(&o, n->to[i]);
    belay_json_end_array(&o);
    belay_json_end_object(&o);
}

/* Into the queue of its first channel. */
static int publish(const struct alerts *a, struct belay_engine *e, const struct notice *n, struct belay_err *err)
{
    char queue[BELAY_NAME_BYTES_MAX + 8], key[2 * BELAY_NAME_BYTES_MAX + 2], id[33];
    struct belay_buf body;
    int queue_n = snprintf(queue, sizeof queue, "alerts.%.*s", BELAY_STR_ARG(n->to[0]));
    int key_n = snprintf(key, sizeof key, "%.*s|%.*s", BELAY_STR_ARG(n->rule), BELAY_STR_ARG(n->subject));
    struct belay_str whole = belay_str(key, key_n < (int)sizeof key ? (size_t)key_n : sizeof key - 1);
    belay_message_derive_id(whole, belay_str_c(n->status), (uint64_t)n->at, id);
    belay_buf_init(&body, NOTICE_BYTES_MAX);
    write_notice(&body, a, n);
    int status = belay_buf_status(&body);
    if (status == BELAY_OK) {
        const struct belay_message m = { .id = belay_str(id, 32), .source = BELAY_STR("/alerts"), .key = n->key,
                                         .type = BELAY_STR("alert"), .correlationid = belay_str(id, 32), .time = n->at,
                                         .datacontenttype = BELAY_STR("application/json"),
                                         .body = belay_buf_view(&body) };
        status = belay_broker_publish(belay_engine_broker(e), belay_str(queue, (size_t)queue_n), &m, n->at, NULL, err);
    } else {
        belay_fail(err, status, "a notice of an alert");
    }
    belay_buf_deinit(&body);
    return status;
}

/* ---- what a notice tells of its subjects ---- */

#define SHOWN 3 /* subjects in the text for people */

struct telling {
    struct alerts *alerts;
    struct belay_buf text, subjects;
    uint32_t count, of;
    belay_time now;
};

static void name_subject(void *arg, const struct belay_alert *x)
{
    struct telling *t = arg;
    char shown[BELAY_ALERT_VALUE_BYTES];
    uint32_t at = t->count++;
    if (at < SHOWN) {
        belay_buf_put_str(&t->text, at == 0 ? BELAY_STR("") : at + 1 == t->of ? BELAY_STR(" and ") : BELAY_STR(", "));
        belay_buf_put_str(&t->text, x->subject);
    }
    if (at >= BELAY_ALERT_NAMED_MAX)
        return;
    belay_alert_value_text(belay_alert_unit(x->def->on), x->value, shown);
    belay_buf_put_str(&t->subjects, at ? BELAY_STR(",") : BELAY_STR(""));
    struct belay_json_out o = belay_json_out(&t->subjects);
    belay_json_begin_object(&o);
    put_text(&o, "subject", x->subject);
    belay_json_key(&o, "value");
    belay_json_put_double(&o, x->value);
    put_text(&o, "shown", belay_str_c(shown));
    put_time(&o, "since", x->since);
    belay_json_end_object(&o);
}

/* One line each: the log leaves out nobody. */
static void log_subject(void *arg, const struct belay_alert *x)
{
    struct telling *t = arg;
    bool over = x->state == BELAY_ALERT_OVER;
    char shown[BELAY_ALERT_VALUE_BYTES];
    enum belay_log_level level = over ? BELAY_LOG_INFO : x->def->urgent ? BELAY_LOG_ERROR : BELAY_LOG_WARN;
    bool aloud = x->def->to_count && !belay_str_starts(x->subject, BELAY_STR(BELAY_ALERT_OWN));
    belay_alert_value_text(belay_alert_unit(x->def->on), x->value, shown);
    BELAY_LOG(t->alerts->log, level, t->now, over ? "alert.resolved" : "alert.firing", belay_f_str("rule", x->def->name),
              belay_f_str("subject", x->subject), belay_f_str("summary", x->def->summary), belay_f_double("value", x->value),
              belay_f_str("shown", belay_str_c(shown)), belay_f_time("since", x->since), belay_f_uint("of", t->of),
              belay_f_str("to", aloud ? x->def->to[0] : BELAY_STR_NONE));
}

static void log_waits(struct alerts *a, const struct notice *n, const struct belay_err *err, belay_time now)
{
    if (!a->waits)
        BELAY_LOG(a->log, BELAY_LOG_ERROR, now, "alert.waits", belay_f_str("rule", n->rule),
                  belay_f_str("subject", n->subject), belay_f_str("summary", n->summary), belay_f_err(err));
    a->waits = true;
}

static int tell_aloud(struct alerts *a, struct belay_engine *e, const struct belay_alert_notice *x, struct telling *t)
{
    const struct belay_alert_def *def = x->def;
    struct belay_err err;
    belay_alerts_each(a->rules, x, t->now, name_subject, t);
    if (x->count > SHOWN)
        belay_buf_printf(&t->text, " and %u more", x->count - SHOWN);
    struct notice n = { .rule = def->name, .summary = def->summary, .key = def->name, .subject = belay_buf_view(&t->text),
                        .hint = x->count == 1 || !def->hint.n ? def->hint : BELAY_STR("belay alert ls"),
                        .status = belay_alert_state_name(x->state), .on = belay_alert_on_name(def->on), .urgent = def->urgent,
                        .value = x->value, .since = x->since, .at = t->now, .count = x->count, .firing = x->firing,
                        .subjects = belay_buf_view(&t->subjects), .to = def->to, .to_count = def->to_count };
    belay_alert_value_text(belay_alert_unit(def->on), x->value, n.shown);
    belay_err_clear(&err);
    int status = belay_buf_status(&t->text) ? belay_buf_status(&t->text) : belay_buf_status(&t->subjects);
    status = status == BELAY_OK ? publish(a, e, &n, &err) : belay_fail(&err, status, "a notice of an alert");
    if (status != BELAY_OK && status != BELAY_NOTFOUND)
        log_waits(a, &n, &err, t->now);
    return status;
}

/* False: there was no room; it is offered again. */
static bool tell(struct alerts *a, struct belay_engine *e, const struct belay_alert_notice *x, belay_time now)
{
    struct telling t = { .alerts = a, .of = x->count, .now = now };
    belay_buf_init(&t.text, NOTICE_BYTES_MAX);
    belay_buf_init(&t.subjects, NOTICE_BYTES_MAX);
    int status = x->def->to_count && !x->own ? tell_aloud(a, e, x, &t) : BELAY_OK;
    belay_buf_deinit(&t.text);
    belay_buf_deinit(&t.subjects);
    if (status != BELAY_OK && status != BELAY_NOTFOUND)
        return false;
    belay_alerts_each(a->rules, x, now, log_subject, &t);
    belay_counter_add_owned(a->told, 1);
    belay_alerts_told(a->rules, x, now);
    return true;
}

/* A channel whose queue is full holds back its own notices, and no other's. */
static void tell_news(struct alerts *a, struct belay_engine *e, belay_time now)
{
    struct belay_alert_notice x;
    bool waits = false;
    for (int told = 0; told < TELL_MAX && belay_alerts_next(a->rules, now, &x);) {
        if (tell(a, e, &x, now)) {
            told++;
        } else {
            belay_alerts_held(a->rules, &x, now);
            waits = true;
        }
    }
    a->waits = waits;
}

void alerts_round(struct alerts *a, struct belay_engine *e, belay_time wall)
{
    belay_time now = forward(a, wall);
    if (!a->definitions || now - a->round_at < ROUND_US)
        return;
    a->round_at = now;
    belay_engine_watch(e, wall);
    alerts_forget_silences(a, e, now);
    alerts_look(a->rules, e, a->listeners, a->certificates, now);
    look_at_reloads(a, now);
    belay_alerts_sampled(a->rules, now);
    tell_news(a, e, now);
    alerts_keep_told(a, e);
    belay_gauge_set(a->firing, belay_alerts_firing(a->rules));
}

int alerts_test(struct alerts *a, struct belay_engine *e, struct belay_str channel, struct belay_str who, belay_time now,
                struct belay_err *err)
{
    struct telling t = { .alerts = a, .of = 1, .now = now };
    static const struct belay_alert_def test = { .on = BELAY_ALERT_EVENT };
    belay_buf_init(&t.text, NOTICE_BYTES_MAX);
    belay_buf_init(&t.subjects, NOTICE_BYTES_MAX);
    name_subject(&t, &(struct belay_alert){ .def = &test, .subject = who, .value = 1, .since = now });
    const struct notice n = { .rule = BELAY_STR("test"), .subject = who, .status = "firing", .on = "event", .value = 1, .shown = "1",
                              .count = 1, .firing = 1, .subjects = belay_buf_view(&t.subjects), .key = who,
                              .summary = BELAY_STR("somebody tests this channel; nothing is wrong"), .since = now,
                              .at = now, .to = &channel, .to_count = 1 };
    int status = belay_buf_status(&t.subjects) ? belay_fail(err, BELAY_NOMEM, "a notice") : publish(a, e, &n, err);
    belay_buf_deinit(&t.text);
    belay_buf_deinit(&t.subjects);
    if (status == BELAY_NOTFOUND)
        return belay_fail(err, status, "there is no alert channel '%.*s'; it is defined under alerts: channels:",
                          BELAY_STR_ARG(channel));
    return status;
}
