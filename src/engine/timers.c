/* Flows whose source is a timer.  A timer publishes into a queue of its own, together with its next
 * time: what comes out of it is delivered, retried and dead-lettered as any other message.  Times that
 * passed while the process was down are made up for by one message. */
#include "engine/timers.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/pack.h"
#include "broker/declare.h"
#include "broker/publish.h"
#include "engine/record.h"
#include "engine/room.h"

#define AGAIN_MS 100
#define META_PREFIX "timer/"

void engine_timer_topic(const struct belay_flow_def *flow, char *ret_name, size_t size)
{
    snprintf(ret_name, size, "timer.%.*s", BELAY_STR_ARG(flow->name));
}

static struct belay_str meta_key(struct belay_str flow, char *buf, size_t size)
{
    int n = snprintf(buf, size, META_PREFIX "%.*s", BELAY_STR_ARG(flow));
    return belay_str(buf, (size_t)n);
}

/* time, name */
int engine_timer_apply(struct belay_engine *e, struct belay_str body, struct belay_err *err)
{
    char buf[BELAY_NAME_BYTES_MAX + 16];
    if (body.n < 8 || body.n > 8 + BELAY_NAME_BYTES_MAX)
        return belay_fail(err, BELAY_CORRUPT, "timer record of %zu bytes", body.n);
    belay_state_put(e->state, BELAY_TABLE_META,
                    meta_key(belay_str_sub(body, 8, body.n), buf, sizeof buf),
                    belay_str_sub(body, 0, 8));
    return BELAY_OK;
}

static int record_next(struct belay_engine *e, struct engine_timer *t, belay_time next,
                       struct belay_err *err)
{
    char body[8 + BELAY_NAME_BYTES_MAX];
    BELAY_ASSERT(t->flow->name.n <= BELAY_NAME_BYTES_MAX && next > e->now);
    belay_store_u64(body, (uint64_t)next);
    memcpy(body + 8, t->flow->name.p, t->flow->name.n);
    struct belay_str view = belay_store_append(e->store, RECORD_TIMER, RECORD_VERSION,
                                               belay_str(body, 8 + t->flow->name.n));
    t->next = next;
    return engine_timer_apply(e, view, err);
}

static belay_time stored_next(struct belay_engine *e, const struct belay_flow_def *flow)
{
    char buf[BELAY_NAME_BYTES_MAX + 16];
    struct belay_str value;
    bool found = belay_state_get(e->state, BELAY_TABLE_META,
                                 meta_key(flow->name, buf, sizeof buf), &value);
    belay_time every_end = belay_time_add_ms(e->now, (int64_t)flow->from.every_ms);
    if (!found || value.n != 8)
        return every_end;
    belay_time next = (belay_time)belay_load_u64(value.p);
    return next < every_end ? next : every_end; /* it was made shorter */
}

static bool is_timer(const struct belay_flow_def *flow)
{
    return flow->from.kind == BELAY_SOURCE_TIMER && flow->from.every_ms;
}

int engine_timers_check(struct belay_engine *e, const struct belay_definitions *d, struct belay_declare_need *need,
                        struct belay_err *err)
{
    char topic[BELAY_NAME_BYTES_MAX + 8];
    int status = BELAY_OK;
    for (uint32_t i = 0; i < d->flow_count && status == BELAY_OK; i++) {
        if (!is_timer(&d->flows[i]))
            continue;
        engine_timer_topic(&d->flows[i], topic, sizeof topic);
        const struct belay_topic_def def = { .name = belay_str_c(topic), .queue = true };
        status = belay_broker_declare_check(e->broker, &def, need, err);
    }
    return status;
}

static int timer_add(struct belay_engine *e, struct engine_timer *t,
                     const struct belay_flow_def *flow, struct belay_err *err)
{
    t->flow = flow;
    engine_timer_topic(flow, t->topic, sizeof t->topic);
    t->next = stored_next(e, flow);
    const struct belay_topic_def def = { .name = belay_str_c(t->topic), .queue = true };
    return belay_broker_declare_topic(e->broker, &def, err);
}

int engine_timers_make(struct belay_engine *e, const struct belay_definitions *d, struct engine_timers *ret_timers,
                       struct belay_err *err)
{
    struct engine_timers timers = { .items = belay_calloc(d->flow_count + 1, sizeof *timers.items) };
    int status = BELAY_OK;
    if (!timers.items)
        return belay_fail(err, BELAY_NOMEM, "timers");
    for (uint32_t i = 0; i < d->flow_count && status == BELAY_OK; i++)
        if (is_timer(&d->flows[i]))
            status = timer_add(e, &timers.items[timers.count++], &d->flows[i], err);
    if (status == BELAY_OK)
        *ret_timers = timers;
    else
        belay_free(timers.items);
    return status;
}

void engine_timers_configure(struct belay_engine *e, struct engine_timers timers)
{
    belay_free(e->timers);
    e->timers = timers.items;
    e->timer_count = timers.count;
}

void engine_timers_free(struct belay_engine *e)
{
    belay_free(e->timers);
}

static void shape(const struct engine_timer *t, belay_time at, char id[33], char *body, size_t size,
                  struct belay_message *ret_m)
{
    char text[BELAY_TIME_TEXT_BYTES];
    belay_message_derive_id(t->flow->name, BELAY_STR("timer"), (uint64_t)at, id);
    belay_time_text(at, text);
    int n = snprintf(body, size, "{\"time\":\"%s\"}", text);
    *ret_m = (struct belay_message){
        .id = belay_str(id, 32), .source = belay_str_c(t->topic), .type = BELAY_STR("timer"),
        .correlationid = belay_str(id, 32), .datacontenttype = BELAY_STR("application/json"),
        .time = at, .body = belay_str(body, (size_t)n),
    };
}

static void fire(struct belay_engine *e, struct engine_timer *t)
{
    char id[33], body[64];
    struct belay_message m;
    struct belay_err err;
    int64_t every = (int64_t)t->flow->from.every_ms * BELAY_US_PER_MS;
    belay_time next = t->next + every;
    if (next <= e->now)
        next = t->next + ((e->now - t->next) / every + 1) * every;
    shape(t, t->next, id, body, sizeof body, &m);
    int status = belay_store_reserve(e->store, BELAY_KIB(8), 4, false, &err); /* for both */
    if (status == BELAY_OK)
        status = belay_broker_publish(e->broker, belay_str_c(t->topic), &m, e->now, NULL, &err);
    if (status == BELAY_OK)
        status = record_next(e, t, next, &err);
    else if (engine_no_room(e, status, &err))
        t->next = belay_time_add_ms(e->now, AGAIN_MS); /* in memory only */
}

void engine_timers_fire(struct belay_engine *e)
{
    for (uint32_t i = 0; i < e->timer_count && !e->failed && !e->stopping; i++)
        if (e->timers[i].next <= e->now)
            fire(e, &e->timers[i]);
}

belay_time engine_timers_wake_at(const struct belay_engine *e)
{
    belay_time at = BELAY_TIME_NEVER;
    for (uint32_t i = 0; i < e->timer_count && !e->stopping; i++)
        at = e->timers[i].next < at ? e->timers[i].next : at;
    return at;
}
