/* Definitions: the current ones, who consumes which subscription, and those that work in flight began
 * with.  Every definition is stored by its hash when it becomes current; what is not in memory any more
 * is compiled again from its text. */
#include "engine/definitions.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/pack.h"
#include "broker/stats.h"
#include "engine/apis.h"
#include "engine/clock.h"
#include "engine/connections.h"
#include "engine/record.h"
#include "engine/room.h"
#include "engine/timers.h"

#define GONE "its flow is not in the configuration"

/* ---- by hash ---- */

static void key_of(uint8_t key[17], char kind, struct belay_hash128 hash)
{
    key[0] = (uint8_t)kind;
    belay_store_be64(key + 1, hash.hi);
    belay_store_be64(key + 9, hash.lo);
}

static struct belay_str key_view(const uint8_t key[17])
{
    return belay_str((const char *)key, 17);
}

static void kept_free(struct engine_kept *k)
{
    belay_definitions_unref(k->set);
    belay_free(k);
}

static struct engine_kept *kept_put(struct belay_engine *e, const uint8_t key[17],
                                    struct belay_definitions *set,
                                    const struct belay_flow_def *flow,
                                    const struct belay_saga_def *saga)
{
    struct engine_kept *k = belay_calloc(1, sizeof *k);
    void *old = NULL;
    if (!k)
        return NULL;
    memcpy(k->key, key, 17);
    if (belay_map_put(&e->kept, key_view(k->key), k, &old) != BELAY_OK) {
        belay_free(k);
        return NULL;
    }
    k->set = belay_definitions_ref(set);
    k->flow = flow;
    k->saga = saga;
    if (old)
        kept_free(old);
    return k;
}

/* Old ones beyond a bound go: they can be compiled again. Runs hold references of their own. */
static void kept_trim(struct belay_engine *e)
{
    struct engine_kept *old[BELAY_OLD_DEFINITIONS_MAX];
    size_t count = 0, at = 0;
    for (struct belay_map_slot *s; (s = belay_map_next(&e->kept, &at));) {
        struct engine_kept *k = s->value;
        if (!k->current && count < BELAY_OLD_DEFINITIONS_MAX)
            old[count++] = k;
    }
    if (count < BELAY_OLD_DEFINITIONS_MAX)
        return;
    for (size_t i = 0; i < count; i++) {
        belay_map_del(&e->kept, key_view(old[i]->key));
        kept_free(old[i]);
    }
}

/* From its stored text. NULL: unknown, or it does not compile any more. */
static struct engine_kept *kept_again(struct belay_engine *e, const uint8_t key[17])
{
    struct belay_str value;
    if (!e->opt.recompile || !e->current
        || !belay_state_get(e->state, BELAY_TABLE_DEFINITION, key_view(key), &value))
        return NULL;
    struct belay_unpack u = belay_unpack_init(value);
    belay_unpack_str(&u); /* its name */
    struct belay_str text = belay_unpack_str(&u);
    struct belay_definitions *one = NULL;
    struct belay_err err;
    bool is_flow = key[0] == 'f';
    if (!belay_unpack_done(&u)
        || e->opt.recompile(e->opt.arg, e->current, is_flow ? "flow" : "saga", text, &one, &err))
        return NULL;
    bool found = is_flow ? one->flow_count > 0 : one->saga_count > 0;
    struct engine_kept *k = found ? kept_put(e, key, one, is_flow ? &one->flows[0] : NULL,
                                             is_flow ? NULL : &one->sagas[0])
                                  : NULL;
    belay_definitions_unref(one);
    return k;
}

static struct engine_kept *kept_find(struct belay_engine *e, char kind, struct belay_hash128 hash)
{
    uint8_t key[17];
    key_of(key, kind, hash);
    struct engine_kept *k = belay_map_get(&e->kept, key_view(key));
    if (k)
        return k;
    kept_trim(e);
    return kept_again(e, key);
}

const struct belay_flow_def *engine_flow_of(struct belay_engine *e, struct belay_hash128 hash,
                                            struct belay_definitions **ret_set)
{
    struct engine_kept *k = kept_find(e, 'f', hash);
    if (!k)
        return NULL;
    *ret_set = k->set;
    return k->flow;
}

const struct belay_saga_def *engine_saga_of(void *arg, struct belay_str name,
                                            struct belay_hash128 hash)
{
    (void)name;
    struct engine_kept *k = kept_find(arg, 's', hash);
    return k ? k->saga : NULL;
}

int engine_definition_apply(struct belay_engine *e, struct belay_str body, struct belay_err *err)
{
    if (body.n < 17)
        return belay_fail(err, BELAY_CORRUPT, "definition record of %zu bytes", body.n);
    belay_state_put(e->state, BELAY_TABLE_DEFINITION, belay_str_sub(body, 0, 17),
                    belay_str_sub(body, 17, body.n - 17));
    return BELAY_OK;
}

static int define(struct belay_engine *e, struct belay_definitions *set, char kind,
                  struct belay_hash128 hash, struct belay_str name, struct belay_str text,
                  const void *def, struct belay_err *err)
{
    uint8_t key[17];
    struct belay_str stored;
    key_of(key, kind, hash);
    struct engine_kept *k = kept_put(e, key, set, kind == 'f' ? def : NULL,
                                     kind == 's' ? def : NULL);
    if (!k)
        return belay_fail(err, BELAY_NOMEM, "definition of %.*s", BELAY_STR_ARG(name));
    k->current = true;
    BELAY_ASSERT(k->flow || k->saga);
    if (belay_state_get(e->state, BELAY_TABLE_DEFINITION, key_view(key), &stored))
        return BELAY_OK;
    belay_buf_clear(&e->buf);
    belay_buf_put(&e->buf, key, 17);
    belay_pack_str(&e->buf, name);
    belay_pack_str(&e->buf, text);
    int status = belay_buf_status(&e->buf);
    if (status != BELAY_OK)
        return belay_fail(err, status, "the definition of %.*s", BELAY_STR_ARG(name));
    status = belay_store_reserve(e->store, e->buf.n + 64, 1, true, err);
    if (status != BELAY_OK)
        return status;
    struct belay_str body = belay_store_append(e->store, RECORD_DEFINITION, RECORD_VERSION,
                                               belay_buf_view(&e->buf));
    return engine_definition_apply(e, body, err);
}

static void kept_all_old(struct belay_engine *e)
{
    size_t at = 0;
    for (struct belay_map_slot *s; (s = belay_map_next(&e->kept, &at));)
        ((struct engine_kept *)s->value)->current = false;
}

static int define_all(struct belay_engine *e, struct belay_definitions *d, struct belay_err *err)
{
    int status = BELAY_OK;
    for (uint32_t i = 0; i < d->flow_count && status == BELAY_OK; i++) {
        const struct belay_flow_def *f = &d->flows[i];
        status = define(e, d, 'f', f->hash, f->name, f->text, f, err);
    }
    for (uint32_t i = 0; i < d->saga_count && status == BELAY_OK; i++) {
        const struct belay_saga_def *s = &d->sagas[i];
        status = define(e, d, 's', s->hash, s->name, s->text, s, err);
    }
    return status;
}

void engine_definitions_free(struct belay_engine *e)
{
    size_t at = 0;
    for (struct belay_map_slot *s; (s = belay_map_next(&e->kept, &at));)
        kept_free(s->value);
    belay_map_deinit(&e->kept);
    belay_free(e->consumers);
    if (e->current)
        belay_definitions_unref(e->current);
}

/* ---- consumers of subscriptions ---- */

struct engine_consumer *engine_consumer_of(struct belay_engine *e,
                                           const struct belay_subscription *sub)
{
    uint32_t id = belay_subscription_id(sub);
    return id < e->consumer_count ? &e->consumers[id] : NULL;
}

struct consumers { /* being built */
    struct engine_consumer *items;
    uint32_t count;
};

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

/* The template is older than a message only by configuration: evaluated with the current one. */
static int lane_key(void *arg, const struct belay_message *m, struct belay_arena *arena,
                    struct belay_str *ret_key, struct belay_fault *ret_fault)
{
    const struct belay_flow_def *def = arg;
    return belay_flow_key(def->lanes.key, m, NULL, m->accepted_at, arena, ret_key, ret_fault);
}

/* An event is of its saga: one that waits for a saga holds back no other's. Where the id cannot be told the saga room says why. */
static int event_key(void *arg, const struct belay_message *m, struct belay_arena *arena,
                     struct belay_str *ret_key, struct belay_fault *ret_fault)
{
    const struct belay_saga_step_def *step = arg;
    struct belay_str id;
    int status = belay_flow_key(step->await->match, m, NULL, m->accepted_at, arena, &id, ret_fault);
    if (status == BELAY_OK && id.n && id.n <= BELAY_KEY_BYTES_MAX)
        *ret_key = id;
    return status == BELAY_NOMEM ? status : BELAY_OK;
}

struct belay_str belay_engine_lane_key(struct belay_engine *e, const struct belay_subscription *sub, const struct belay_message *m,
                                       struct belay_arena *arena)
{
    const struct engine_consumer *consumer = engine_consumer_of(e, sub);
    struct belay_str key = m->key;
    struct belay_fault fault;
    if (consumer && consumer->kind == CONSUMER_AWAIT) {
        (void)event_key((void *)&consumer->saga->steps[consumer->step], m, arena, &key, &fault);
        return key;
    }
    if (!consumer || consumer->kind != CONSUMER_FLOW || !consumer->flow->lanes.key)
        return m->key;
    return lane_key((void *)consumer->flow, m, arena, &key, &fault) == BELAY_OK ? key : BELAY_STR_NONE;
}

static int subscribe(struct belay_engine *e, struct consumers *list,
                     const struct belay_subscription_opt *opt, struct engine_consumer consumer,
                     struct belay_err *err)
{
    int status = belay_broker_subscribe(e->broker, opt, &consumer.sub, err);
    return status == BELAY_OK ? consumer_put(list, consumer, err) : status;
}

static int subscribe_flow(struct belay_engine *e, struct consumers *list,
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
        .lane_key = f->lanes.key ? lane_key : NULL,
        .arg = (void *)f, /* the callee gives it back as it is */
    };
    return subscribe(e, list, &opt, (struct engine_consumer){ .kind = CONSUMER_FLOW, .flow = f },
                     err);
}

static int subscribe_saga(struct belay_engine *e, struct consumers *list,
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
    int status = subscribe(e, list, &opt, consumer, err);
    for (uint32_t i = 0; i < s->step_count && status == BELAY_OK; i++) {
        char name[2 * BELAY_NAME_BYTES_MAX + 2];
        if (!s->steps[i].await)
            continue;
        int n = snprintf(name, sizeof name, "%.*s/%.*s", BELAY_STR_ARG(s->name),
                         BELAY_STR_ARG(s->steps[i].name));
        opt.name = belay_str(name, (size_t)n);
        opt.topic = s->steps[i].await->topic;
        opt.awaits = true;
        opt.lane_key = event_key;
        opt.arg = (void *)(uintptr_t)&s->steps[i];
        opt.start = BELAY_START_LATEST; /* what came before this saga existed is not for it */
        consumer = (struct engine_consumer){ .kind = CONSUMER_AWAIT, .saga = s, .step = i };
        status = subscribe(e, list, &opt, consumer, err);
    }
    return status;
}

static int subscribe_all(struct belay_engine *e, struct consumers *list,
                         const struct belay_definitions *d, struct belay_err *err)
{
    int status = BELAY_OK;
    for (uint32_t i = 0; i < d->flow_count && status == BELAY_OK; i++) {
        status = subscribe_flow(e, list, &d->flows[i], err);
        if (status != BELAY_OK)
            belay_wrap(err, status, "flow '%.*s'", BELAY_STR_ARG(d->flows[i].name));
    }
    for (uint32_t i = 0; i < d->saga_count && status == BELAY_OK; i++) {
        status = subscribe_saga(e, list, &d->sagas[i], err);
        if (status != BELAY_OK)
            belay_wrap(err, status, "saga '%.*s'", BELAY_STR_ARG(d->sagas[i].name));
    }
    return status;
}

/* Subscriptions whose flow is gone pause; those whose flow came back go on. */
static int pause_gone(struct belay_engine *e, const struct consumers *list, struct belay_err *err)
{
    struct belay_subscription_stats stats;
    int status = BELAY_OK;
    for (uint32_t i = 0; status == BELAY_OK
                         && belay_broker_subscription_stats(e->broker, i, &stats); i++) {
        struct belay_subscription *sub = belay_broker_find(e->broker, stats.name);
        uint32_t id = belay_subscription_id(sub);
        bool wanted = id < list->count && list->items[id].kind != CONSUMER_NONE;
        bool gone = belay_str_eq(stats.paused, BELAY_STR(GONE));
        if (wanted && gone)
            status = belay_broker_resume(e->broker, sub, err);
        else if (!wanted && !stats.paused.n)
            status = belay_broker_pause(e->broker, sub, BELAY_STR(GONE), err);
    }
    return status;
}

/* ---- configuring ---- */

static int declare_topics(struct belay_engine *e, const struct belay_definitions *d,
                          struct belay_err *err)
{
    int status = BELAY_OK;
    for (uint32_t i = 0; i < d->topic_count && status == BELAY_OK; i++)
        status = belay_broker_declare_topic(e->broker, &d->topics[i], err);
    return status;
}

/* What can be known beforehand: a source or an awaited topic that does not exist. */
static int check_sources(const struct belay_definitions *d, struct belay_err *err)
{
    for (uint32_t i = 0; i < d->flow_count; i++) {
        const struct belay_source_def *from = &d->flows[i].from;
        bool reads = from->kind == BELAY_SOURCE_TOPIC || from->kind == BELAY_SOURCE_QUEUE;
        if (reads && !belay_definitions_topic(d, from->name))
            return belay_fail(err, BELAY_INVALID, "flow '%.*s' reads '%.*s', which does not exist",
                              BELAY_STR_ARG(d->flows[i].name), BELAY_STR_ARG(from->name));
    }
    for (uint32_t i = 0; i < d->saga_count; i++) {
        const struct belay_saga_def *s = &d->sagas[i];
        if (!belay_definitions_topic(d, s->from.name))
            return belay_fail(err, BELAY_INVALID, "saga '%.*s' reads '%.*s', which does not exist",
                              BELAY_STR_ARG(s->name), BELAY_STR_ARG(s->from.name));
    }
    return BELAY_OK;
}

int belay_engine_configure(struct belay_engine *e, struct belay_definitions *d, belay_time now,
                           struct belay_err *err)
{
    struct consumers list = { NULL, 0 };
    engine_clock_tick(e, now);
    kept_trim(e);
    int status = check_sources(d, err);
    if (status == BELAY_OK)
        status = engine_connections_configure(e, d, err);
    if (status == BELAY_OK)
        status = engine_apis_configure(e, d, err);
    if (status == BELAY_OK)
        status = declare_topics(e, d, err);
    if (status == BELAY_OK)
        status = engine_timers_configure(e, d, err);
    if (status == BELAY_OK)
        status = subscribe_all(e, &list, d, err);
    if (status == BELAY_OK) {
        kept_all_old(e);
        status = define_all(e, d, err);
    }
    if (status == BELAY_OK)
        status = pause_gone(e, &list, err);
    if (status != BELAY_OK) {
        belay_free(list.items);
        return status;
    }
    belay_free(e->consumers);
    e->consumers = list.items;
    e->consumer_count = list.count;
    struct belay_definitions *old = e->current;
    e->current = belay_definitions_ref(d);
    e->redact = d->redact;
    if (old)
        belay_definitions_unref(old);
    return BELAY_OK;
}

const struct belay_definitions *belay_engine_definitions(const struct belay_engine *e)
{
    return e->current;
}
