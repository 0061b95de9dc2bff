/* answer_limits.c - who is limited by whom: chains from the edge to what is slow.
 *
 *   POST /orders <- queue orders (full: 100 of 100) <- flow fulfil (32 of 32 at work) <- connection payments (breaker open)
 *
 * They are found from their end: a connection that is at its limit, a flow that is paused or has as many at work as
 * it may, the journal while callers wait for room in it.  From there against the flow of messages: who calls it, what they read, and, where that is full, who publishes
 * to it.  What an expression chooses (a topic's name, say) is not known here.
 */
#include "admin/answer_limits.h"

#include <stdio.h>
#include <string.h>

#include "admin/answers.h"
#include "admin/room.h"
#include "admin/show.h"
#include "base/limits.h"
#include "broker/stats.h"
#include "connector/http/server.h"
#include "expr/expr.h"

#define NODES_MAX 16  /* of a chain */
#define CHAINS_MAX 64 /* of an answer */
#define SAYS_BYTES 200

struct node {
    const char *kind; /* "api", "queue", "topic", "flow", "saga", "connection" */
    struct belay_str name;
    char says[SAYS_BYTES]; /* how it stands; "" nothing special */
};

struct chains {
    struct belay_engine *e;
    struct belay_broker *b;
    const struct belay_definitions *d;
    struct belay_json_out *o;
    struct belay_arena *arena;
    struct node nodes[NODES_MAX]; /* from the end on */
    uint32_t count, written;
};

/* ---- the figures ---- */

static bool stats_of(struct chains *c, struct belay_str name, struct belay_subscription_stats *ret_s)
{
    for (uint32_t i = 0; belay_broker_subscription_stats(c->b, i, ret_s); i++)
        if (belay_str_eq(ret_s->name, name))
            return true;
    return false;
}

static bool topic_of(struct chains *c, struct belay_str name, struct belay_topic_stats *ret_t)
{
    for (uint32_t i = 0; belay_broker_topic_stats(c->b, i, ret_t); i++)
        if (belay_str_eq(ret_t->name, name))
            return true;
    return false;
}

static bool aims_at(struct chains *c, const struct belay_publish_def *publish, struct belay_str topic)
{
    struct belay_expr_env env = { .now = 0 };
    struct belay_str text;
    struct belay_err err;
    if (!publish || !belay_template_is_literal(publish->target)
        || belay_template_text(publish->target, belay_value_undefined(), &env, c->arena, &text, NULL, &err) != BELAY_OK)
        return false;
    return belay_str_eq(text, topic);
}

static bool flow_publishes(struct chains *c, const struct belay_flow_def *f, struct belay_str topic)
{
    for (uint32_t i = 0; i < f->step_count; i++)
        if (f->steps[i].kind == BELAY_STEP_PUBLISH && aims_at(c, &f->steps[i].u.publish, topic))
            return true;
    return false;
}

static bool saga_publishes(struct chains *c, const struct belay_saga_def *s, struct belay_str topic)
{
    for (uint32_t i = 0; i < s->step_count; i++)
        if (aims_at(c, s->steps[i].publish, topic)
            || (s->steps[i].compensate && aims_at(c, s->steps[i].compensate->publish, topic)))
            return true;
    return false;
}

static bool is_call(const struct belay_call_def *call, struct belay_str connection)
{
    return call && call->connection && belay_str_eq(call->connection->name, connection);
}

static bool flow_calls(const struct belay_flow_def *f, struct belay_str connection)
{
    for (uint32_t i = 0; i < f->step_count; i++)
        if (f->steps[i].kind == BELAY_STEP_CALL && is_call(&f->steps[i].u.call.call, connection))
            return true;
    return false;
}

static bool saga_calls(const struct belay_saga_def *s, struct belay_str connection)
{
    for (uint32_t i = 0; i < s->step_count; i++)
        if (is_call(s->steps[i].call, connection)
            || (s->steps[i].compensate && is_call(s->steps[i].compensate->call, connection)))
            return true;
    return false;
}

/* ---- a chain ---- */

static void write_chain(struct chains *c)
{
    struct belay_buf text;
    belay_buf_init(&text, NODES_MAX * (SAYS_BYTES + BELAY_NAME_BYTES_MAX + 32));
    belay_json_begin_object(c->o);
    belay_json_key(c->o, "nodes");
    belay_json_begin_array(c->o);
    for (uint32_t i = c->count; i--;) {
        const struct node *n = &c->nodes[i];
        bool api = strcmp(n->kind, "api") == 0;
        belay_json_begin_object(c->o);
        show_text(c->o, "kind", belay_str_c(n->kind));
        show_text(c->o, "name", n->name);
        show_text(c->o, "says", belay_str_c(n->says));
        belay_json_end_object(c->o);
        belay_buf_printf(&text, "%s%s%s%.*s", i + 1 < c->count ? " <- " : "", api ? "" : n->kind, api ? "" : " ",
                         BELAY_STR_ARG(n->name));
        if (n->says[0])
            belay_buf_printf(&text, " (%s)", n->says);
    }
    belay_json_end_array(c->o);
    show_text(c->o, "text", belay_buf_view(&text));
    belay_json_end_object(c->o);
    belay_buf_deinit(&text);
    c->written++;
}

/* NULL: the chain is long enough, or has been here. */
static struct node *enter(struct chains *c, const char *kind, struct belay_str name)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (strcmp(c->nodes[i].kind, kind) == 0 && belay_str_eq(c->nodes[i].name, name))
            return NULL;
    if (c->count == NODES_MAX || c->written >= CHAINS_MAX)
        return NULL;
    struct node *n = &c->nodes[c->count++];
    *n = (struct node){ .kind = kind, .name = name };
    return n;
}

/* "POST /orders" where the document says so, else the operation's name. */
static struct belay_str edge_name(struct chains *c, const struct belay_source_def *from)
{
    for (uint32_t i = 0; i < c->d->api_count; i++) {
        const belay_json *paths = belay_str_eq(c->d->apis[i].name, from->name)
            ? belay_json_get(c->d->apis[i].openapi, BELAY_STR("paths")) : NULL;
        const belay_json *path = paths ? belay_json_first(paths) : NULL;
        for (uint32_t p = 0; path && paths->type == BELAY_JSON_OBJECT && p < paths->n; p++) {
            const belay_json *item = path + 1, *method = belay_json_first(item);
            for (uint32_t m = 0; item->type == BELAY_JSON_OBJECT && m < item->n; m++) {
                const belay_json *id = belay_json_get(method + 1, BELAY_STR("operationId"));
                if (id && id->type == BELAY_JSON_STRING && belay_str_eq(belay_json_str(id), from->operation)) {
                    char *upper = belay_arena_bytes(c->arena, method->n + 1);
                    for (uint32_t k = 0; upper && k < method->n; k++)
                        upper[k] = (char)(method->u.s[k] - (method->u.s[k] >= 'a' && method->u.s[k] <= 'z' ? 32 : 0));
                    struct belay_str name = belay_arena_join(c->arena, belay_str(upper ? upper : "", upper ? method->n : 0),
                                                             BELAY_STR(" "), belay_json_str(path));
                    return name.p ? name : from->operation;
                }
                method = belay_json_next(method + 1);
            }
            path = belay_json_next(item);
        }
    }
    return from->operation;
}

static void from_topic(struct chains *c, const char *kind, struct belay_str name);

static void from_api(struct chains *c, const struct belay_flow_def *f)
{
    struct node *n = enter(c, "api", edge_name(c, &f->from));
    struct belay_api_stats s;
    for (uint32_t i = 0; n && belay_engine_api_stats(c->e, i, &s); i++)
        if (belay_str_eq(s.name, f->from.name) && s.waiting)
            snprintf(n->says, sizeof n->says, "%u of %u at work, %u wait for their turn", s.running, s.max_concurrent, s.waiting);
        else if (belay_str_eq(s.name, f->from.name) && s.at_door)
            snprintf(n->says, sizeof n->says, "%u wait for room", s.at_door);
    write_chain(c);
    c->count -= n != NULL;
}

static void from_source(struct chains *c, const struct belay_source_def *from)
{
    if (from->kind == BELAY_SOURCE_TOPIC || from->kind == BELAY_SOURCE_QUEUE)
        from_topic(c, from->kind == BELAY_SOURCE_QUEUE ? "queue" : "topic", from->name);
    else
        write_chain(c);
}

/* A flow that waits for what the chain ends with. */
static void from_flow(struct chains *c, const struct belay_flow_def *f)
{
    struct belay_subscription_stats s;
    if (f->from.kind == BELAY_SOURCE_API) {
        from_api(c, f);
        return;
    }
    if (!stats_of(c, f->name, &s) || s.in_flight + s.waiting + s.backlog == 0)
        return;
    struct node *n = enter(c, "flow", f->name);
    if (!n)
        return;
    int used = snprintf(n->says, sizeof n->says, "%llu of %u at work", (unsigned long long)s.in_flight, f->lanes.concurrency);
    if (s.paused.n)
        used = snprintf(n->says, sizeof n->says, "paused: %.*s", BELAY_STR_ARG(s.paused));
    if (s.waiting && used > 0 && (size_t)used < sizeof n->says)
        snprintf(n->says + used, sizeof n->says - (size_t)used, ", %llu wait for a retry", (unsigned long long)s.waiting);
    from_source(c, &f->from);
    c->count--;
}

static void from_saga(struct chains *c, const struct belay_saga_def *saga)
{
    struct belay_str name;
    struct belay_saga_stats s;
    for (uint32_t i = 0; belay_sagas_stats(belay_engine_sagas(c->e), i, &name, &s); i++) {
        if (!belay_str_eq(name, saga->name) || s.running + s.compensating == 0)
            continue;
        struct node *n = enter(c, "saga", saga->name);
        if (!n)
            return;
        snprintf(n->says, sizeof n->says, "%llu under way", (unsigned long long)(s.running + s.compensating));
        from_source(c, &saga->from);
        c->count--;
        return;
    }
}

static void say_topic(struct node *n, const struct belay_topic_stats *t)
{
    unsigned long long length = t->length;
    switch (t->bound) {
    case BELAY_BOUND_NONE: snprintf(n->says, sizeof n->says, "%llu", length); break;
    case BELAY_BOUND_MESSAGES:
        snprintf(n->says, sizeof n->says, "full: %llu of %llu", length, (unsigned long long)t->max_messages);
        break;
    case BELAY_BOUND_BYTES:
        snprintf(n->says, sizeof n->says, "full: %llu, %llu bytes at most", length, (unsigned long long)t->max_bytes);
        break;
    case BELAY_BOUND_AGE:
        snprintf(n->says, sizeof n->says, "full: %llu, the oldest beyond %llu ms", length, (unsigned long long)t->max_age_ms);
        break;
    }
}

/* What the last of the chain reads; where it is full, its publishers wait in their turn. */
static void from_topic(struct chains *c, const char *kind, struct belay_str name)
{
    struct belay_topic_stats t;
    struct node *n = topic_of(c, name, &t) && t.length ? enter(c, kind, name) : NULL;
    uint32_t before = c->written;
    if (!n) {
        write_chain(c);
        return;
    }
    say_topic(n, &t);
    for (uint32_t i = 0; t.bound && i < c->d->flow_count; i++)
        if (flow_publishes(c, &c->d->flows[i], name))
            from_flow(c, &c->d->flows[i]);
    for (uint32_t i = 0; t.bound && i < c->d->saga_count; i++)
        if (saga_publishes(c, &c->d->sagas[i], name))
            from_saga(c, &c->d->sagas[i]);
    if (c->written == before)
        write_chain(c);
    c->count--;
}

/* ---- where chains end ---- */

static bool is_limited(const struct belay_connection_stats *s)
{
    bool shut = strcmp(s->breaker, "open") == 0 || strcmp(s->breaker, "half open") == 0;
    return shut || s->waiting || (s->concurrency && s->in_flight >= s->concurrency);
}

static void connections(struct chains *c)
{
    struct belay_connection_stats s;
    for (uint32_t i = 0; belay_engine_connection_stats(c->e, i, &s); i++) {
        struct node *n = is_limited(&s) ? enter(c, "connection", s.name) : NULL;
        if (!n)
            continue;
        bool shut = strcmp(s.breaker, "closed") != 0 && strcmp(s.breaker, "off") != 0;
        snprintf(n->says, sizeof n->says, "%u of %u in flight%s%s%s%s", s.in_flight, s.concurrency,
                 shut ? ", breaker " : "", shut ? s.breaker : "",
                 s.held_by[0] && strcmp(s.held_by, "breaker") != 0 ? ", limited by " : "",
                 s.held_by[0] && strcmp(s.held_by, "breaker") != 0 ? s.held_by : "");
        for (uint32_t k = 0; k < c->d->flow_count; k++)
            if (flow_calls(&c->d->flows[k], s.name))
                from_flow(c, &c->d->flows[k]);
        for (uint32_t k = 0; k < c->d->saga_count; k++)
            if (saga_calls(&c->d->sagas[k], s.name))
                from_saga(c, &c->d->sagas[k]);
        c->count--;
    }
}

/* Waits for nobody else, as far as is known: paused, or as many at work as it may while others queue. */
static bool ends_chain(struct chains *c, const struct belay_flow_def *f)
{
    struct belay_subscription_stats s;
    struct belay_connection_stats k;
    struct belay_topic_stats t;
    if (f->from.kind == BELAY_SOURCE_API || !stats_of(c, f->name, &s) || !s.backlog
        || (!s.paused.n && s.in_flight < f->lanes.concurrency))
        return false;
    for (uint32_t i = 0; !s.paused.n && belay_engine_connection_stats(c->e, i, &k); i++)
        if (is_limited(&k) && flow_calls(f, k.name))
            return false;
    for (uint32_t i = 0; !s.paused.n && belay_broker_topic_stats(c->b, i, &t); i++)
        if (t.bound && flow_publishes(c, f, t.name))
            return false;
    return true;
}

/* The disk takes less than callers send: they wait at the door of their API. */
static void journal(struct chains *c)
{
    struct belay_api_stats s;
    struct belay_store_stats store;
    belay_store_stats(belay_engine_store(c->e), &store);
    for (uint32_t i = 0; belay_engine_api_stats(c->e, i, &s); i++) {
        struct node *n = s.at_door ? enter(c, "journal", BELAY_STR("on the disk")) : NULL;
        if (!n)
            continue;
        snprintf(n->says, sizeof n->says, "the last commit took %u.%u ms", store.commit_us_last / 1000, store.commit_us_last % 1000 / 100);
        for (uint32_t k = 0; k < c->d->flow_count; k++)
            if (c->d->flows[k].from.kind == BELAY_SOURCE_API && belay_str_eq(c->d->flows[k].from.name, s.name)
                && c->d->flows[k].writes)
                from_api(c, &c->d->flows[k]);
        c->count--;
    }
}

void show_limits(struct belay_json_out *o, struct belay_engine *e)
{
    struct belay_arena arena;
    struct chains c = { .e = e, .b = belay_engine_broker(e), .d = belay_engine_definitions(e), .o = o, .arena = &arena };
    belay_arena_init(&arena, 4096, BELAY_MIB(4));
    belay_json_key(o, "limits");
    belay_json_begin_array(o);
    connections(&c);
    journal(&c);
    for (uint32_t i = 0; i < c.d->flow_count; i++)
        if (ends_chain(&c, &c.d->flows[i]))
            from_flow(&c, &c.d->flows[i]);
    belay_json_end_array(o);
    belay_arena_deinit(&arena);
}

static void rate_limits(struct belay_json_out *o, struct question *q, struct belay_str api)
{
    struct belay_http_limit_stats s;
    belay_json_key(o, "rate_limits");
    belay_json_begin_array(o);
    for (uint32_t i = 0; belay_runtime_api_limit(q->admin->runtime, api, i, &s); i++) {
        belay_json_begin_object(o);
        show_text(o, "api", api);
        show_text(o, "name", belay_str_c(s.name));
        show_uint(o, "passed", s.passed);
        show_uint(o, "refused", s.refused);
        show_uint(o, "shared", s.shared);
        belay_json_end_object(o);
    }
    belay_json_end_array(o);
}

void show_apis(struct belay_json_out *o, struct question *q, struct belay_engine *e)
{
    struct belay_api_stats s;
    belay_json_key(o, "apis");
    belay_json_begin_array(o);
    for (uint32_t i = 0; belay_engine_api_stats(e, i, &s); i++) {
        belay_json_begin_object(o);
        show_text(o, "name", s.name);
        show_uint(o, "running", s.running);
        if (s.max_concurrent)
            show_uint(o, "max_concurrent", s.max_concurrent);
        show_uint(o, "waiting", s.waiting);
        show_uint(o, "waiting_for_room", s.at_door);
        show_uint(o, "answered", s.answered);
        show_uint(o, "refused", s.refused);
        belay_json_key(o, "drain_per_second");
        belay_json_put_double(o, s.drain_per_second);
        rate_limits(o, q, s.name);
        belay_json_end_object(o);
    }
    belay_json_end_array(o);
}
