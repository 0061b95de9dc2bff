#include "runtime/alerts_look.h"

#include <stdio.h>

#include "base/limits.h"
#include "broker/stats.h"
#include "runtime/certificates.h"
#include "runtime/listeners.h"

#define FULL_LASTS_US (10 * BELAY_US_PER_S) /* a queue that a producer found full is called so for so long */

struct looking {
    struct belay_alerts *rules;
    belay_time now;
    const char *kind; /* of what has a certificate: "api", "connection" */
};

static void figure(const struct looking *l, enum belay_alert_on on, struct belay_str subject, double value)
{
    belay_alerts_sample(l->rules, on, subject, value, l->now);
}

/* Milliseconds since then; 0 where it is no time. */
static double since(const struct looking *l, belay_time at)
{
    return at == BELAY_TIME_NEVER || at > l->now ? 0 : (double)((l->now - at) / BELAY_US_PER_MS);
}

/* How much of what lets the first letter go is used up, in percent. */
static double limit_used(const struct looking *l, const struct belay_subscription_stats *s)
{
    double letters = (double)(s->parked + s->dead);
    double by_age = s->letters.expire_ms ? 100 * since(l, s->oldest_letter_at) / (double)s->letters.expire_ms : 0;
    double by_count = s->letters.count_max ? 100 * letters / (double)s->letters.count_max : 0;
    return by_age > by_count ? by_age : by_count;
}

static void subscription(const struct looking *l, const struct belay_subscription_stats *s)
{
    uint64_t set_aside = s->parked + s->dead + s->held; /* they have rules of their own */
    bool moving = s->backlog + s->in_flight + s->waiting > 0 || set_aside == 0;
    figure(l, BELAY_ALERT_LETTERS, s->name, (double)(s->parked + s->dead));
    figure(l, BELAY_ALERT_LETTERS_AGE, s->name, since(l, s->oldest_letter_at));
    if (s->letters.expire_ms || s->letters.count_max)
        figure(l, BELAY_ALERT_LETTERS_LIMIT, s->name, limit_used(l, s));
    figure(l, BELAY_ALERT_NEW_GROUPS, s->name, s->new_groups);
    figure(l, BELAY_ALERT_PARKED, s->name, (double)s->parked);
    figure(l, BELAY_ALERT_OLDEST, s->name, moving ? since(l, s->oldest_at) : 0);
    figure(l, BELAY_ALERT_STALLED, s->name, since(l, s->stalled_since));
    figure(l, BELAY_ALERT_EVENT_WAITS, s->name, since(l, s->early_at));
    figure(l, BELAY_ALERT_QUEUED, s->name, (double)s->backlog);
    figure(l, BELAY_ALERT_WAITING, s->name, (double)s->waiting);
    figure(l, BELAY_ALERT_PAUSED, s->name, s->paused.n > 0);
}

static void subscriptions(const struct looking *l, struct belay_broker *b)
{
    struct belay_subscription_stats s;
    uint64_t lost = 0;
    for (uint32_t i = 0; belay_broker_subscription_stats(b, i, &s); i++) {
        subscription(l, &s);
        lost += s.lost;
    }
    figure(l, BELAY_ALERT_LOST, BELAY_STR_NONE, (double)lost);
}

static void queues(const struct looking *l, struct belay_broker *b)
{
    struct belay_topic_stats t;
    for (uint32_t i = 0; belay_broker_topic_stats(b, i, &t); i++) {
        bool met = t.full_at != BELAY_TIME_NEVER && l->now - t.full_at < FULL_LASTS_US;
        if (t.max_messages || t.max_bytes || t.max_age_ms)
            figure(l, BELAY_ALERT_QUEUE_FULL, t.name, met || t.bound != BELAY_BOUND_NONE);
    }
}

static void sagas(const struct looking *l, struct belay_sagas *all)
{
    struct belay_str name;
    struct belay_saga_stats s;
    for (uint32_t i = 0; belay_sagas_stats(all, i, &name, &s); i++) {
        belay_time moved_at = BELAY_TIME_NEVER;
        bool known = belay_sagas_idle(all, i, &moved_at);
        figure(l, BELAY_ALERT_SAGA_PARKED, name, (double)s.parked);
        figure(l, BELAY_ALERT_SAGA_IDLE, name, known ? since(l, moved_at) : 0);
    }
}

static void connections(const struct looking *l, const struct belay_engine *e)
{
    struct belay_connection_stats s;
    for (uint32_t i = 0; belay_engine_connection_stats(e, i, &s); i++) {
        bool closed = strcmp(s.breaker, "closed") == 0 || strcmp(s.breaker, "off") == 0;
        figure(l, BELAY_ALERT_BREAKER, s.name, !closed);
    }
}

static void certificate(void *arg, struct belay_str name, belay_time until)
{
    const struct looking *l = arg;
    char subject[BELAY_NAME_BYTES_MAX + 1];
    int n = snprintf(subject, sizeof subject, "%s %.*s", l->kind, BELAY_STR_ARG(name));
    figure(l, BELAY_ALERT_CERTIFICATE, belay_str(subject, n < (int)sizeof subject ? (size_t)n : sizeof subject - 1),
           (double)((until - l->now) / BELAY_US_PER_MS));
}

void alerts_look(struct belay_alerts *rules, struct belay_engine *e, struct listeners *servers,
                 struct certificates *certificates, belay_time now)
{
    struct looking l = { rules, now, "api" };
    struct belay_store_stats store;
    subscriptions(&l, belay_engine_broker(e));
    queues(&l, belay_engine_broker(e));
    sagas(&l, belay_engine_sagas(e));
    connections(&l, e);
    if (servers)
        listeners_certificates(servers, certificate, &l);
    l.kind = "connection";
    if (certificates)
        certificates_each(certificates, certificate, &l);
    belay_store_stats(belay_engine_store(e), &store);
    figure(&l, BELAY_ALERT_DISK_FREE, BELAY_STR_NONE, (double)store.disk_free_bytes);
    figure(&l, BELAY_ALERT_STORE_FULL, BELAY_STR_NONE, store.is_full);
}
