/* configure.c - definitions come into force, or are refused whole.
 *
 *   check    everything that can be known: changes nothing, and adds up what will be written
 *   room     for all of it at once, on disk and in memory
 *   make     only adds: topics, subscriptions nobody takes messages from yet, stored texts, places; may run out of memory
 *   switch   cannot fail: retention, limits, gates, timers, options, consumers
 *
 * So what is refused left nothing that anybody asks: no option, timer or consumer points into it.  What was made before
 * the memory ran out is of no flow: its subscriptions pause, as those of a flow that is gone. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "broker/stats.h"
#include "engine/apis.h"
#include "engine/clock.h"
#include "engine/connections.h"
#include "engine/definitions.h"
#include "engine/room.h"
#include "engine/timers.h"

#define GONE "its flow is not in the configuration"

enum stage { CHECK, MAKE, SWITCH };

struct consumers {
    struct engine_consumer *items; /* by subscription id */
    uint32_t count;
};

struct change {
    struct belay_definitions *d;
    enum stage stage;
    struct belay_declare_need need;
    struct consumers consumers; /* of subscriptions that exist */
    struct engine_timers timers;
};

/* ---- consumers of subscriptions ---- */

static int consumer_put(struct consumers *list, struct engine_consumer consumer,
                        struct belay_err *err)
{
    uint32_t id = belay_subscription_id(consumer.sub);
    if (id >= list->count) {
        uint32_t count = id + 16;
        struct engine_consumer *grown = belay_realloc(list->items, count * sizeof *grown);
        if (!grown)
            return belay_fail(err, BELAY_NOMEM, "consumers");
        memset(grown + list->count, 0, (count - list->count) * sizeof *grown);
        list->items = grown;
        list->count = count;
    }
    list->items[id] = consumer;
    return BELAY_OK;
}

static int subscribe(struct belay_engine *e, struct change *c, const struct belay_subscription_opt *opt,
                     struct engine_consumer consumer, struct belay_err *err)
{
    int status = BELAY_OK;
    switch (c->stage) {
    case CHECK:
        status = belay_broker_subscribe_check(e->broker, opt, &c->need, err);
        consumer.sub = belay_broker_find(e->broker, opt->name);
        break;
    case MAKE: status = belay_broker_subscription_make(e->broker, opt, &consumer.sub, err); break;
    case SWITCH: status = belay_broker_subscribe(e->broker, opt, &consumer.sub, err); break;
    }
    return status == BELAY_OK && consumer.sub ? consumer_put(&c->consumers, consumer, err) : status;
}

static int subscribe_flow(struct belay_engine *e, struct change *c,
                          const struct belay_flow_def *f, struct belay_err *err)
{
    char timer[BELAY_NAME_BYTES_MAX + 8];
    if (f->from.kind == BELAY_SOURCE_API)
        return BELAY_OK;
    engine_timer_topic(f, timer, sizeof timer);
    bool is_timer = f->from.kind == BELAY_SOURCE_TIMER;
    bool is_topic = f->from.kind == BELAY_SOURCE_TOPIC;
    const struct belay_subscription_opt opt = {
        .name = f->name,
        .topic = is_timer ? belay_str_c(timer) : f->from.name,
        .start = is_topic ? f->from.start : BELAY_START_EARLIEST,
        .start_time = f->from.start_time,
        .concurrency = f->lanes.concurrency ? f->lanes.concurrency
                                            : BELAY_LANE_CONCURRENCY_DEFAULT,
        .prefetch = f->lanes.prefetch,
        .on_exhausted = f->lanes.on_exhausted,
        .letters = { f->letters.expire_ms, f->letters.count_max, f->letters.reason },
        .ordered = true,
        .lane_key = f->lanes.key ? engine_lane_key : NULL,
        .arg = (void *)f, /* the callee gives it back as it is */
    };
    return subscribe(e, c, &opt, (struct engine_consumer){ .kind = CONSUMER_FLOW, .flow = f },
                     err);
}

static int subscribe_saga(struct belay_engine *e, struct change *c,
                          const struct belay_saga_def *s, struct belay_err *err)
{
    bool is_topic = s->from.kind == BELAY_SOURCE_TOPIC;
    struct belay_subscription_opt opt = {
        .name = s->name,
        .topic = s->from.name,
        .start = is_topic ? s->from.start : BELAY_START_EARLIEST,
        .start_time = s->from.start_time,
        .concurrency = UINT32_MAX,
        .on_exhausted = BELAY_EXHAUSTED_SKIP,
        .letters = { s->letters.expire_ms, s->letters.count_max, s->letters.reason },
        .ordered = true,
    };
    struct engine_consumer consumer = { .kind = CONSUMER_SAGA, .saga = s };
    int status = subscribe(e, c, &opt, consumer, err);
    for (uint32_t i = 0; i < s->step_count && status == BELAY_OK; i++) {
        char name[2 * BELAY_NAME_BYTES_MAX + 2];
        if (!s->steps[i].await)
            continue;
        int n = snprintf(name, sizeof name, "%.*s/%.*s", BELAY_STR_ARG(s->name),
                         BELAY_STR_ARG(s->steps[i].name));
        opt.name = belay_str(name, (size_t)n);
        opt.topic = s->steps[i].await->topic;
        opt.awaits = true;
        opt.lane_key = engine_event_key;
        opt.arg = (void *)(uintptr_t)&s->steps[i];
        opt.start = BELAY_START_LATEST; /* what came before this saga existed is not for it */
        consumer = (struct engine_consumer){ .kind = CONSUMER_AWAIT, .saga = s, .step = i };
        status = subscribe(e, c, &opt, consumer, err);
    }
    return status;
}

static int subscribe_all(struct belay_engine *e, struct change *c, struct belay_err *err)
{
    const struct belay_definitions *d = c->d;
    int status = BELAY_OK;
    for (uint32_t i = 0; i < d->flow_count && status == BELAY_OK; i++) {
        status = subscribe_flow(e, c, &d->flows[i], err);
        if (status != BELAY_OK)
            belay_wrap(err, status, "flow '%.*s'", BELAY_STR_ARG(d->flows[i].name));
    }
    for (uint32_t i = 0; i < d->saga_count && status == BELAY_OK; i++) {
        status = subscribe_saga(e, c, &d->sagas[i], err);
        if (status != BELAY_OK)
            belay_wrap(err, status, "saga '%.*s'", BELAY_STR_ARG(d->sagas[i].name));
    }
    return status;
}

/* ---- flows that went, and came back ---- */

/* The next subscription, by *index, whose flow is gone, or is back; NULL: there is none. */
static struct belay_subscription *next_turned(struct belay_engine *e, const struct consumers *list, uint32_t *index,
                                              bool *ret_gone)
{
    struct belay_subscription_stats stats;
    while (belay_broker_subscription_stats(e->broker, (*index)++, &stats)) {
        struct belay_subscription *sub = belay_broker_find(e->broker, stats.name);
        uint32_t id = belay_subscription_id(sub);
        bool wanted = id < list->count && list->items[id].kind != CONSUMER_NONE;
        bool gone = belay_str_eq(stats.paused, BELAY_STR(GONE));
        *ret_gone = !wanted;
        if (wanted ? gone : !stats.paused.n)
            return sub;
    }
    return NULL;
}

static void need_turns(struct belay_engine *e, struct change *c)
{
    bool gone;
    for (uint32_t i = 0; next_turned(e, &c->consumers, &i, &gone);)
        belay_broker_pause_need(gone ? BELAY_STR(GONE) : BELAY_STR_NONE, &c->need);
}

/* Subscriptions whose flow is gone pause; those whose flow came back go on. */
static int turn(struct belay_engine *e, const struct consumers *list, struct belay_err *err)
{
    struct belay_subscription *sub;
    bool gone;
    int status = BELAY_OK;
    for (uint32_t i = 0; status == BELAY_OK && (sub = next_turned(e, list, &i, &gone));)
        status = gone ? belay_broker_pause(e->broker, sub, BELAY_STR(GONE), err)
                      : belay_broker_resume(e->broker, sub, err);
    return status;
}

/* Whatever they are paused for, they ask nothing of definitions that may go. */
static void unsubscribe_gone(struct belay_engine *e, const struct consumers *list)
{
    struct belay_subscription *sub;
    for (uint32_t id = 1; (sub = belay_broker_find_id(e->broker, id)); id++)
        if (id >= list->count || list->items[id].kind == CONSUMER_NONE)
            belay_broker_unsubscribe(e->broker, sub);
}

/* ---- check ---- */

static int check_source(const struct belay_definitions *d, const char *what, struct belay_str name, struct belay_str topic,
                        struct belay_err *err)
{
    if (belay_definitions_topic(d, topic))
        return BELAY_OK;
    return belay_fail(err, BELAY_INVALID, "%s '%.*s' reads '%.*s', which does not exist", what, BELAY_STR_ARG(name),
                      BELAY_STR_ARG(topic));
}

/* A source or an awaited topic that does not exist. */
static int check_sources(const struct belay_definitions *d, struct belay_err *err)
{
    int status = BELAY_OK;
    for (uint32_t i = 0; i < d->flow_count && status == BELAY_OK; i++) {
        const struct belay_source_def *from = &d->flows[i].from;
        if (from->kind == BELAY_SOURCE_TOPIC || from->kind == BELAY_SOURCE_QUEUE)
            status = check_source(d, "flow", d->flows[i].name, from->name, err);
    }
    for (uint32_t i = 0; i < d->saga_count && status == BELAY_OK; i++) {
        const struct belay_saga_def *s = &d->sagas[i];
        status = check_source(d, "saga", s->name, s->from.name, err);
        for (uint32_t n = 0; n < s->step_count && status == BELAY_OK; n++)
            if (s->steps[n].await)
                status = check_source(d, "saga", s->name, s->steps[n].await->topic, err);
    }
    return status;
}

static int check(struct belay_engine *e, struct change *c, struct belay_err *err)
{
    const struct belay_definitions *d = c->d;
    int status = check_sources(d, err);
    c->stage = CHECK;
    for (uint32_t i = 0; i < d->topic_count && status == BELAY_OK; i++)
        status = belay_broker_declare_check(e->broker, &d->topics[i], &c->need, err);
    if (status == BELAY_OK)
        status = engine_timers_check(e, d, &c->need, err);
    if (status == BELAY_OK)
        status = subscribe_all(e, c, err);
    if (status != BELAY_OK)
        return status;
    engine_definitions_need(e, d, &c->need);
    need_turns(e, c);
    return BELAY_OK;
}

/* ---- make ---- */

static int make_topics(struct belay_engine *e, const struct belay_definitions *d, struct belay_err *err)
{
    int status = BELAY_OK;
    for (uint32_t i = 0; i < d->topic_count && status == BELAY_OK; i++)
        if (!belay_broker_topic_id(e->broker, d->topics[i].name))
            status = belay_broker_declare_topic(e->broker, &d->topics[i], err);
    return status;
}

static int make(struct belay_engine *e, struct change *c, struct belay_err *err)
{
    c->stage = MAKE;
    int status = engine_connections_make(e, c->d, err);
    if (status == BELAY_OK)
        status = engine_apis_make(e, c->d, err);
    if (status == BELAY_OK)
        status = engine_definitions_make(e, c->d, err);
    if (status == BELAY_OK)
        status = make_topics(e, c->d, err);
    if (status == BELAY_OK)
        status = engine_timers_make(e, c->d, &c->timers, err);
    if (status == BELAY_OK)
        status = subscribe_all(e, c, err);
    return status;
}

/* ---- switch, or refuse ---- */

static void switch_over(struct belay_engine *e, struct change *c)
{
    struct belay_err err;
    int status = BELAY_OK;
    c->stage = SWITCH;
    for (uint32_t i = 0; i < c->d->topic_count && status == BELAY_OK; i++)
        status = belay_broker_declare_topic(e->broker, &c->d->topics[i], &err);
    if (status == BELAY_OK)
        status = subscribe_all(e, c, &err);
    if (status == BELAY_OK)
        status = turn(e, &c->consumers, &err);
    BELAY_ASSERT(status == BELAY_OK); /* all of it is there, and so is the room */
    unsubscribe_gone(e, &c->consumers);
    engine_connections_configure(e, c->d);
    engine_apis_configure(e, c->d);
    engine_timers_configure(e, c->timers);
    belay_free(e->consumers);
    e->consumers = c->consumers.items;
    e->consumer_count = c->consumers.count;
    engine_definitions_take(e, c->d);
}

static void refuse(struct belay_engine *e, struct change *c)
{
    const struct consumers current = { e->consumers, e->consumer_count };
    struct belay_err ignored;
    belay_free(c->timers.items);
    belay_free(c->consumers.items);
    if (c->stage == CHECK)
        return;
    engine_definitions_drop(e, c->d);
    if (e->current) /* what was made and is of no flow pauses; without room the next reload or start says it */
        (void)!turn(e, &current, &ignored);
}

int belay_engine_configure(struct belay_engine *e, struct belay_definitions *d, belay_time now,
                           struct belay_err *err)
{
    struct change c = { .d = d };
    engine_clock_tick(e, now);
    engine_definitions_trim(e);
    int status = check(e, &c, err);
    if (status == BELAY_OK)
        status = belay_broker_declare_room(e->broker, &c.need, err);
    if (status == BELAY_OK)
        status = make(e, &c, err);
    if (status == BELAY_OK)
        switch_over(e, &c);
    else
        refuse(e, &c);
    return status;
}
