/* lint_alerts.c - rules of alerts whose `of` fits nothing: they never fire (never-fires). */
#include <stdio.h>

#include "base/limits.h"
#include "config/lint.h"

enum about { /* what has a figure, or events */
    WHOLE = 0,
    FLOWS = 1,       /* that read messages; of sagas, too */
    API_FLOWS = 2,
    SAGAS = 4,
    CONNECTIONS = 8,
    TOPICS = 16,
    CERTIFICATES = 32,
};

static unsigned about_of(enum belay_alert_on on)
{
    switch (on) {
    case BELAY_ALERT_SAGA_PARKED:
    case BELAY_ALERT_SAGA_IDLE: return SAGAS;
    case BELAY_ALERT_EVENT_WAITS: return SAGAS;
    case BELAY_ALERT_BREAKER: return CONNECTIONS;
    case BELAY_ALERT_QUEUE_FULL: return TOPICS;
    case BELAY_ALERT_CERTIFICATE: return CERTIFICATES;
    case BELAY_ALERT_DISK_FREE:
    case BELAY_ALERT_STORE_FULL:
    case BELAY_ALERT_LOST: return WHOLE;
    case BELAY_ALERT_EVENT: return FLOWS | API_FLOWS | SAGAS | CONNECTIONS | TOPICS;
    default: return FLOWS;
    }
}

static const char *name_of(unsigned about)
{
    return about == SAGAS          ? "no saga is called"
           : about == CONNECTIONS  ? "no connection is called"
           : about == TOPICS       ? "no queue or topic is called"
           : about == CERTIFICATES ? "certificates are of 'api NAME' or 'connection NAME', and none is of"
           : about == FLOWS        ? "no flow or saga that reads messages is called"
                                   : "no flow, saga, connection, queue or topic is called";
}

struct search {
    struct belay_str pattern; /* without its "*" */
    bool begins, found;
    struct config_guess guess;
};

static void offer(struct search *s, struct belay_str name)
{
    s->found |= s->begins ? belay_str_starts(name, s->pattern) : belay_str_eq(name, s->pattern);
    config_guess_name(&s->guess, name);
}

static void offer_two(struct search *s, const char *between, struct belay_str a, struct belay_str b)
{
    char name[2 * BELAY_NAME_BYTES_MAX + 16];
    int n = snprintf(name, sizeof name, "%.*s%s%.*s", BELAY_STR_ARG(a), between, BELAY_STR_ARG(b));
    struct belay_str whole = belay_str(name, n < (int)sizeof name ? (size_t)n : sizeof name - 1);
    s->found |= s->begins ? belay_str_starts(whole, s->pattern) : belay_str_eq(whole, s->pattern);
}

static void offer_saga(struct search *s, const struct belay_saga_def *saga)
{
    offer(s, saga->name);
    for (uint32_t i = 0; i < saga->step_count; i++)
        if (saga->steps[i].await) /* the subscription of its events */
            offer_two(s, "/", saga->name, saga->steps[i].name);
}

static void look(struct search *s, const struct belay_definitions *d, unsigned about)
{
    for (uint32_t i = 0; i < d->flow_count; i++)
        if (about & (d->flows[i].from.kind == BELAY_SOURCE_API ? API_FLOWS : FLOWS))
            offer(s, d->flows[i].name);
    for (uint32_t i = 0; i < d->saga_count && (about & (FLOWS | SAGAS)); i++)
        offer_saga(s, &d->sagas[i]);
    for (uint32_t i = 0; i < d->connection_count && (about & CONNECTIONS); i++)
        offer(s, d->connections[i].name);
    for (uint32_t i = 0; i < d->topic_count && (about & TOPICS); i++)
        offer(s, d->topics[i].name);
    for (uint32_t i = 0; i < d->api_count && (about & CERTIFICATES); i++)
        offer_two(s, " ", BELAY_STR("api"), d->apis[i].name);
    for (uint32_t i = 0; i < d->connection_count && (about & CERTIFICATES); i++)
        offer_two(s, " ", BELAY_STR("connection"), d->connections[i].name);
}

static void lint_rule(struct config *c, const struct belay_alert_def *def)
{
    unsigned about = about_of(def->on);
    struct belay_str of = def->subject;
    struct search s = { .begins = belay_str_ends(of, BELAY_STR("*")), .guess = config_guess(of) };
    s.pattern = s.begins ? belay_str_sub(of, 0, of.n - 1) : of;
    look(&s, &c->set->d, about);
    if (s.found)
        return;
    struct belay_problem *p =
        about == WHOLE
            ? config_warning(c->problems, def->subject_place, "never-fires", "this figure is of the whole, not of '%.*s'",
                             BELAY_STR_ARG(of))
        : s.begins ? config_warning(c->problems, def->subject_place, "never-fires", "nothing it could be of begins with '%.*s'",
                                    BELAY_STR_ARG(s.pattern))
                   : config_warning(c->problems, def->subject_place, "never-fires", "%s '%.*s'", name_of(about), BELAY_STR_ARG(of));
    if (about == WHOLE)
        config_suggest(c->problems, p, "leave 'of' out");
    else
        config_suggest_guess(c->problems, p, &s.guess);
}

void config_lint_alerts(struct config *c)
{
    const struct belay_definitions *d = &c->set->d;
    for (uint32_t i = 0; i < d->alert_count; i++)
        if (d->alerts[i].subject.n)
            lint_rule(c, &d->alerts[i]);
}
