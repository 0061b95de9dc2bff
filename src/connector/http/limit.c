#include "connector/http/limit.h"

#include <stdio.h>
#include <uv.h>

#include "base/assert.h"
#include "connector/http/exchange.h"
#include "connector/http/session.h"

#define TOLD_EVERY_MS 60000
#define QUOTA_EXCEEDED "https://iana.org/assignments/http-problem-types#quota-exceeded"

/* ---- compiling ---- */

static uint32_t ceil_s(double seconds)
{
    uint32_t whole = seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX;
    return whole < seconds && whole < UINT32_MAX ? whole + 1 : whole;
}

/* The window in which a whole bucket comes back; of a small burst at least a second, with what that brings. */
static struct belay_str policy_of(struct belay_arena *arena, const struct belay_limit_def *def)
{
    uint32_t window_s = ceil_s(def->rate.burst / def->rate.per_second);
    double quota = def->rate.per_second * window_s;
    quota = quota > def->rate.burst ? quota : def->rate.burst;
    return belay_arena_printf(arena, "\"%.*s\";q=%llu;w=%u", BELAY_STR_ARG(def->name), (unsigned long long)quota, window_s);
}

static bool concerns(const struct belay_limit_def *def, const struct http_operation *op)
{
    for (uint32_t i = 0; i < def->operation_count; i++)
        if (belay_str_eq(def->operations[i], op->id))
            return true;
    return !def->operation_count;
}

static int attach(struct belay_openapi *api, struct http_operation *op)
{
    op->limit_count = 0; /* an alias has been given its original's */
    for (uint32_t i = 0; i < api->limit_count; i++)
        op->limit_count += concerns(api->limits[i].def, op);
    op->limits = op->limit_count ? BELAY_ARENA_ARRAY(&api->arena, struct http_limit *, op->limit_count) : NULL;
    if (op->limit_count && !op->limits)
        return BELAY_NOMEM;
    for (uint32_t i = 0, n = 0; i < api->limit_count; i++)
        if (concerns(api->limits[i].def, op))
            op->limits[n++] = &api->limits[i];
    return BELAY_OK;
}

int http_limits_compile(struct belay_openapi *api, const struct belay_limit_def *defs, uint32_t count, struct belay_err *err)
{
    BELAY_ASSERT(count <= BELAY_HTTP_LIMITS_MAX);
    int status = BELAY_OK;
    api->limits = count ? BELAY_ARENA_ARRAY(&api->arena, struct http_limit, count) : NULL;
    if (count && !api->limits)
        status = BELAY_NOMEM;
    for (uint32_t i = 0; i < count && !status; i++) {
        struct http_limit *l = &api->limits[i];
        BELAY_ASSERT(defs[i].rate.per_second > 0 && defs[i].rate.burst);
        l->def = &defs[i];
        l->policy = policy_of(&api->arena, l->def);
        l->callers = l->def->by == BELAY_LIMIT_BY_ALL ? NULL : belay_buckets_new(l->def->callers_max);
        api->limit_count++;
        if (!l->policy.p || (l->def->by != BELAY_LIMIT_BY_ALL && !l->callers))
            status = BELAY_NOMEM;
    }
    for (uint32_t i = 0; i < api->operation_count && !status; i++)
        status = attach(api, api->operations[i]);
    return status ? belay_fail(err, status, "no memory for rate limits") : BELAY_OK;
}

void http_limits_deinit(struct belay_openapi *api)
{
    for (uint32_t i = 0; i < api->limit_count; i++)
        belay_buckets_free(api->limits[i].callers);
    api->limit_count = 0;
}

static bool is_same(const struct belay_limit_def *a, const struct belay_limit_def *b)
{
    return belay_str_eq(a->name, b->name) && a->by == b->by && a->callers_max == b->callers_max
           && a->rate.per_second >= b->rate.per_second && a->rate.per_second <= b->rate.per_second
           && a->rate.burst == b->rate.burst;
}

static void carry_over(struct http_limit *to, struct http_limit *from)
{
    struct belay_buckets *fresh = to->callers;
    to->callers = from->callers;
    from->callers = fresh; /* goes with the old document: nobody asks its limits any more */
    to->all = from->all;
    to->told_at_ms = from->told_at_ms;
    to->told_refused = from->told_refused;
    atomic_store(&to->passed, atomic_load(&from->passed));
    atomic_store(&to->refused, atomic_load(&from->refused));
    atomic_store(&to->shared, atomic_load(&from->shared));
}

void http_limits_start(struct belay_openapi *api, struct belay_openapi *old, uint64_t seed)
{
    for (uint32_t i = 0; i < api->limit_count; i++) {
        struct http_limit *l = &api->limits[i];
        if (l->callers)
            belay_buckets_seed(l->callers, seed);
        for (uint32_t k = 0; old && k < old->limit_count; k++)
            if (is_same(l->def, old->limits[k].def))
                carry_over(l, &old->limits[k]);
    }
}

/* ---- who asks ---- */

struct caller {
    struct belay_str scheme, name; /* what tells him apart */
    struct belay_str shown;        /* for people */
};

/* "192.0.2.1:5312", "[2001:db8::1]:80", "uid 1000". Of IPv6 the first 64 bits: a single host has all the rest. */
static struct caller address_of(const struct belay_http_request *r, unsigned char room[16])
{
    struct belay_str host = r->peer;
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
    char text[64];
    size_t end = host.n;
    while (end && host.p[end - 1] != ':')
        end--;
    host = end ? belay_str_sub(host, 0, end - 1) : host;
    if (!host.n || host.p[0] != '[')
        return (struct caller){ BELAY_STR(""), host, host };
    struct belay_str inner = belay_str_sub(host, 1, host.n - 2);
    snprintf(text, sizeof text, "%.*s", BELAY_STR_ARG(inner));
    if (uv_inet_pton(AF_INET6, text, room))
        return (struct caller){ BELAY_STR(""), host, host };
    bool v4 = memcmp(room, mapped, sizeof mapped) == 0;
    return (struct caller){ BELAY_STR("6"), belay_str((char *)room, v4 ? 16 : 8), inner };
}

static struct caller caller_of(const struct belay_http_request *r, const struct http_limit *l, unsigned char room[16])
{
    if (l->def->by == BELAY_LIMIT_BY_CALLER && r->auth.subject.n)
        return (struct caller){ r->auth.scheme, r->auth.subject, r->auth.subject };
    if (l->def->by == BELAY_LIMIT_BY_CALLER && r->peer_subject.n)
        return (struct caller){ BELAY_STR("certificate"), r->peer_subject, r->peer_subject };
    return address_of(r, room);
}

static struct belay_rate *bucket_of(struct http_limit *l, const struct caller *who, belay_time now)
{
    bool shared;
    if (!l->callers)
        return &l->all;
    struct belay_rate *found = belay_buckets_of(l->callers, belay_buckets_who(l->callers, who->scheme, who->name), now, &shared);
    HTTP_COUNT(l->shared, shared);
    return found;
}

/* ---- asking ---- */

struct asked {
    struct http_limit *limits[BELAY_HTTP_LIMITS_MAX];
    struct belay_rate *buckets[BELAY_HTTP_LIMITS_MAX];
    uint32_t count;
    belay_time now, again_at; /* monotone; again_at > now: refused */
};

static uint32_t wait_s(belay_time until, belay_time now)
{
    return until > now ? ceil_s((double)(until - now) / BELAY_US_PER_S) : 0;
}

/* Both fields; those that an earlier time of asking wrote are kept. Without memory the answer goes without. */
static void write_fields(struct http_exchange *x, const struct asked *a, bool refused)
{
    struct belay_buf out;
    belay_buf_init(&out, BELAY_KIB(8));
    belay_buf_put_str(&out, x->limited);
    belay_buf_put_str(&out, BELAY_STR("ratelimit-policy: "));
    for (uint32_t i = 0; i < a->count; i++) {
        belay_buf_put_str(&out, i ? BELAY_STR(", ") : BELAY_STR(""));
        belay_buf_put_str(&out, a->limits[i]->policy);
    }
    belay_buf_put_str(&out, BELAY_STR("\r\nratelimit: "));
    for (uint32_t i = 0; i < a->count; i++) {
        const struct belay_rate_def *def = &a->limits[i]->def->rate;
        belay_time at = belay_rate_at(a->buckets[i], def, a->now);
        belay_time until = refused && at > a->now ? at : a->buckets[i]->full_at_ns / 1000;
        belay_buf_printf(&out, "%s\"%.*s\";r=%u;t=%u", i ? ", " : "", BELAY_STR_ARG(a->limits[i]->def->name),
                         belay_rate_left(a->buckets[i], def, a->now), wait_s(until, a->now));
    }
    belay_buf_put_str(&out, BELAY_STR("\r\n"));
    struct belay_str text = belay_buf_status(&out) ? BELAY_STR_NONE : belay_arena_str(&x->arena, belay_buf_view(&out));
    x->limited = text.p ? text : x->limited;
    belay_buf_deinit(&out);
}

/* At most once a minute and limit. */
static void tell(struct http_exchange *x, struct http_limit *l, struct belay_str caller)
{
    uint64_t now = x->host->clock->now_ms, refused = atomic_load_explicit(&l->refused, memory_order_relaxed);
    if (!x->host->notice || (l->told_refused && now - l->told_at_ms < TOLD_EVERY_MS))
        return;
    const struct belay_http_notice notice = {
        .kind = BELAY_HTTP_LIMITED,
        .api = x->host->name,
        .operation_id = x->operation->id,
        .correlationid = x->request.correlationid,
        .limit = l->def->name,
        .caller = caller,
        .count = refused - l->told_refused,
    };
    l->told_at_ms = now;
    l->told_refused = refused;
    x->host->notice(x->host->on_request_arg, &notice);
}

static uint32_t refuse(struct http_exchange *x, const struct asked *a)
{
    unsigned char room[16];
    struct belay_buf members;
    uint32_t named = 0;
    belay_buf_init(&members, BELAY_KIB(8));
    belay_buf_put_str(&members, BELAY_STR("\"violated-policies\":["));
    for (uint32_t i = 0; i < a->count; i++) {
        if (belay_rate_at(a->buckets[i], &a->limits[i]->def->rate, a->now) <= a->now)
            continue;
        HTTP_COUNT(a->limits[i]->refused, 1);
        tell(x, a->limits[i], a->limits[i]->callers ? caller_of(&x->request, a->limits[i], room).shown : BELAY_STR_NONE);
        belay_buf_printf(&members, "%s\"%.*s\"", named++ ? "," : "", BELAY_STR_ARG(a->limits[i]->def->name));
    }
    belay_buf_put_c(&members, ']');
    const struct belay_http_problem problem = {
        .status = 429,
        .type = BELAY_STR(QUOTA_EXCEEDED),
        .detail = BELAY_STR("more requests than are taken in this time"),
        .retry_after_s = wait_s(a->again_at, a->now),
        .members = belay_buf_status(&members) ? BELAY_STR_NONE : belay_buf_view(&members),
    };
    BELAY_ASSERT(named && problem.retry_after_s);
    http_exchange_problem(x, &problem, (struct belay_field){ BELAY_STR_NONE, BELAY_STR_NONE });
    belay_buf_deinit(&members);
    x->state = HTTP_ANSWERED;
    HTTP_COUNT(x->host->counters.requests_refused, 1);
    return problem.status;
}

uint32_t http_limits_pass(struct http_exchange *x, bool known)
{
    const struct http_operation *op = x->operation;
    unsigned char room[16];
    if (!op || !op->limit_count)
        return 0;
    struct asked a = { .now = (belay_time)x->host->clock->now_ms * BELAY_US_PER_MS };
    a.again_at = a.now;
    for (uint32_t i = 0; i < op->limit_count; i++) {
        struct http_limit *l = op->limits[i];
        if ((l->def->by != BELAY_LIMIT_BY_ADDRESS) != known)
            continue;
        struct caller who = l->callers ? caller_of(&x->request, l, room) : (struct caller){ .shown = BELAY_STR_NONE };
        a.limits[a.count] = l;
        a.buckets[a.count] = bucket_of(l, &who, a.now);
        belay_time at = belay_rate_at(a.buckets[a.count++], &l->def->rate, a.now);
        a.again_at = at > a.again_at ? at : a.again_at;
    }
    if (!a.count)
        return 0;
    bool refused = a.again_at > a.now;
    for (uint32_t i = 0; i < a.count && !refused; i++) {
        belay_rate_take(a.buckets[i], &a.limits[i]->def->rate, a.now);
        HTTP_COUNT(a.limits[i]->passed, 1);
    }
    write_fields(x, &a, refused);
    return refused ? refuse(x, &a) : 0;
}
