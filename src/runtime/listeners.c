#include "runtime/listeners.h"

#include "base/alloc.h"
#include "platform/clock.h"
#include "runtime/impl.h"

struct listener {
    struct listener *next;
    struct listeners *owner;
    struct belay_http_server *server;
    struct belay_definitions *definitions; /* whose document is served */
    struct belay_str name, listen;         /* in bytes */
    char *bytes;
    const struct belay_api_def *wanted;    /* of the set being taken over; NULL: to be closed */
    bool fresh;                            /* opened for that set */
    bool tls;
    char url[128];
};

/* ---- requests ---- */

/* Engine thread; the request is ours until it is answered. */
static int describe(void *user, struct belay_arena *arena, const belay_json **ret_request)
{
    const struct api_request *x = user;
    return belay_http_describe(x->http, arena, ret_request);
}

static bool fill(struct api_request *x, struct belay_http_request *http)
{
    struct belay_field *params = NULL;
    uint32_t count = 0;
    if (http->param_count) {
        params = BELAY_ARENA_ARRAY(http->arena, struct belay_field, http->param_count);
        if (!params)
            return false;
    }
    for (uint32_t i = 0; i < http->param_count; i++)
        params[count++] = (struct belay_field){ http->params[i].name, http->params[i].text };
    x->http = http;
    x->request = (struct belay_engine_request){
        .user = x,
        .api = http->api,
        .operation = http->operation_id,
        .method = http->method,
        .target = http->target,
        .headers = http->headers,
        .header_count = http->header_count,
        .params = params,
        .param_count = count,
        .describe = describe,
        .body = http->body,
        .content_type = http->content_type,
        .body_json = http->body_json,
        .correlationid = http->correlationid,
        .traceparent = http->traceparent,
    };
    return true;
}

/* I/O thread. */
static int on_request(void *arg, struct belay_http_request *http, struct belay_err *err)
{
    struct belay_runtime *rt = arg;
    struct api_request *x = BELAY_ARENA_NEW(http->arena, struct api_request);
    if (!x || !fill(x, http))
        return belay_fail(err, BELAY_NOMEM, "no memory for the request");
    int status = shard_offer(rt, x, MAIL_REQUEST);
    if (status != BELAY_OK)
        return belay_fail(err, status, status == BELAY_BUSY ? "too many requests wait" : "stopping");
    return BELAY_OK;
}

/* I/O thread. */
static void on_handed(void *arg)
{
    struct belay_runtime *rt = arg;
    belay_mailbox_wake(rt->mail);
}

/* I/O thread. */
static void on_notice(void *arg, const struct belay_http_notice *n)
{
    struct belay_runtime *rt = arg;
    struct belay_definitions *d = belay_runtime_definitions(rt);
    record_notice(&rt->record, n, d ? d->redact : NULL, belay_clock_wall(belay_clock_posix()));
    if (d)
        belay_definitions_unref(d);
}

void listeners_reply(struct api_request *x, const struct belay_action_reply *reply)
{
    if (!reply->problem) {
        belay_http_reply(x->http, reply->status, reply->headers, reply->header_count, reply->body);
        return;
    }
    struct belay_buf members;
    belay_buf_init(&members, BELAY_KIB(4));
    if (reply->type.n) {
        belay_buf_put_str(&members, BELAY_STR("\"error\":"));
        belay_json_write_str(&members, reply->type);
    }
    if (reply->letter.n) {
        belay_buf_put_str(&members, reply->type.n ? BELAY_STR(",\"letter\":") : BELAY_STR("\"letter\":"));
        belay_json_write_str(&members, reply->letter);
    }
    struct belay_http_problem problem = {
        .status = reply->status,
        .detail = reply->detail,
        .retry_after_s = (reply->retry_after_ms + 999) / 1000,
        .members = belay_buf_status(&members) == BELAY_OK ? belay_buf_view(&members) : BELAY_STR_NONE,
    };
    belay_http_reply_problem(x->http, &problem);
    belay_buf_deinit(&members);
}

void listeners_hold(struct belay_runtime *rt)
{
    belay_http_io_hold(rt->listeners.io);
}

void listeners_release(struct belay_runtime *rt)
{
    belay_http_io_release(rt->listeners.io);
}

void listeners_refuse(struct api_request *x, int status, const struct belay_err *err)
{
    bool later = status == BELAY_BUSY || status == BELAY_NOSPACE || status == BELAY_CANCELLED
                 || status == BELAY_UNAVAILABLE || status == BELAY_NOMEM;
    struct belay_http_problem problem = {
        .status = later ? 503 : status == BELAY_NOTFOUND ? 501 : 500,
        .detail = belay_str_c(err->msg),
        .retry_after_s = later ? (err->retry_after_ms + 999) / 1000 : 0,
    };
    if (later && problem.retry_after_s == 0)
        problem.retry_after_s = 1;
    belay_http_reply_problem(x->http, &problem);
}

/* ---- servers ---- */

static void free_listener(struct listener *l)
{
    belay_definitions_unref(l->definitions);
    belay_free(l->bytes);
    belay_free(l);
}

/* I/O thread. */
static void on_closed(void *arg)
{
    struct listener *l = arg;
    struct listeners *owner = l->owner;
    free_listener(l);
    atomic_fetch_sub(&owner->alive, 1);
}

/* I/O thread: nobody reads the old document any more. */
static void on_released(void *definitions)
{
    belay_definitions_unref(definitions);
}

static const char *tls_file(struct belay_str path)
{
    return path.n ? path.p : NULL; /* config ends its paths with a NUL */
}

static struct belay_openapi_opt openapi_opt(const struct belay_api_def *def)
{
    return (struct belay_openapi_opt){ .security = def->security, .security_count = def->security_count,
                                       .client_certificates = def->tls_client_ca.n > 0,
                                       .limits = def->limits, .limit_count = def->limit_count,
                                       .responses = (enum belay_responses)def->responses,
                                       .document_path = def->document_path, .page_path = def->page_path };
}

static int open_server(struct belay_runtime *rt, struct listener *l, const struct belay_api_def *def,
                       struct belay_err *err)
{
    struct belay_http_server_config config = {
        .listen = def->listen,
        .api = def->name,
        .openapi = def->openapi,
        .openapi_opt = openapi_opt(def),
        .tls_client_ca = tls_file(def->tls_client_ca),
        .tls_client_optional = def->tls_client_optional,
        .tls_cert = tls_file(def->tls_cert),
        .tls_key = tls_file(def->tls_key),
        .on_handed = on_handed,
        .on_notice = on_notice,
        .limits = { .body_bytes_max = def->body_bytes_max, .requests_max = def->in_flight_max },
    };
    int status = belay_http_server_open(rt->listeners.io, &config, on_request, rt, &l->server, err);
    if (status != BELAY_OK)
        return belay_wrap(err, status, "api '%.*s'", BELAY_STR_ARG(def->name));
    l->tls = def->tls_cert.n > 0;
    struct belay_str host = belay_str_sub(def->listen, 0, def->listen.n);
    while (host.n && host.p[host.n - 1] != ':')
        host.n--;
    snprintf(l->url, sizeof l->url, "%s://%.*s%u", def->tls_cert.n ? "https" : "http", BELAY_STR_ARG(host),
             (unsigned)belay_http_server_port(l->server));
    return BELAY_OK;
}

static int open_listener(struct belay_runtime *rt, struct belay_definitions *d, const struct belay_api_def *def,
                         struct belay_err *err)
{
    struct listener *l = belay_calloc(1, sizeof *l);
    char *bytes = belay_calloc(1, def->name.n + def->listen.n + 1);
    int status = BELAY_NOMEM;
    if (!l || !bytes) {
        belay_fail(err, BELAY_NOMEM, "no memory for api '%.*s'", BELAY_STR_ARG(def->name));
        goto out;
    }
    memcpy(bytes, def->name.p, def->name.n);
    memcpy(bytes + def->name.n, def->listen.p, def->listen.n);
    *l = (struct listener){ .next = rt->listeners.list,
                            .owner = &rt->listeners,
                            .name = belay_str(bytes, def->name.n),
                            .listen = belay_str(bytes + def->name.n, def->listen.n),
                            .bytes = bytes,
                            .wanted = def,
                            .fresh = true };
    status = open_server(rt, l, def, err);
    if (status != BELAY_OK)
        goto out;
    l->definitions = belay_definitions_ref(d);
    belay_mutex_lock(&rt->listeners.mutex);
    rt->listeners.list = l;
    belay_mutex_unlock(&rt->listeners.mutex);
    atomic_fetch_add(&rt->listeners.alive, 1);
    return BELAY_OK;
out:
    belay_free(l);
    belay_free(bytes);
    return status;
}

static struct listener *find(struct listeners *s, const struct belay_api_def *def)
{
    struct listener *l = s->list;
    while (l && !(belay_str_eq(l->name, def->name) && belay_str_eq(l->listen, def->listen)))
        l = l->next;
    return l;
}

/* Closes those that match, the others stay. */
static void close_some(struct listeners *s, bool fresh, uint32_t drain_ms)
{
    struct listener **at = &s->list;
    while (*at) {
        struct listener *l = *at;
        if (fresh ? l->fresh : l->wanted == NULL) {
            belay_mutex_lock(&s->mutex);
            *at = l->next;
            belay_mutex_unlock(&s->mutex);
            belay_http_server_close(l->server, drain_ms, on_closed, l);
        } else {
            at = &l->next;
        }
    }
}

static int replace(struct listener *l, struct belay_definitions *d, struct belay_err *err)
{
    if (l->fresh || l->definitions == d)
        return BELAY_OK;
    struct belay_openapi_opt opt = openapi_opt(l->wanted);
    int status = BELAY_OK;
    if (l->tls && l->wanted->tls_cert.n) /* it may have been renewed on the disk */
        status = belay_http_server_renew(l->server, tls_file(l->wanted->tls_cert), tls_file(l->wanted->tls_key),
                                         tls_file(l->wanted->tls_client_ca), l->wanted->tls_client_optional, err);
    if (status == BELAY_OK)
        status = belay_http_server_replace(l->server, l->wanted->openapi, &opt, on_released, l->definitions, err);
    if (status != BELAY_OK)
        return belay_wrap(err, status, "api '%.*s'", BELAY_STR_ARG(l->name));
    l->definitions = belay_definitions_ref(d);
    return BELAY_OK;
}

int listeners_set(struct belay_runtime *rt, struct belay_definitions *d, struct belay_err *err)
{
    struct listeners *s = &rt->listeners;
    int status = BELAY_OK;
    if (!s->io)
        status = belay_http_io_open(&s->io, err);
    for (struct listener *l = s->list; l; l = l->next) {
        l->wanted = NULL;
        l->fresh = false;
    }
    for (uint32_t i = 0; i < d->api_count && status == BELAY_OK; i++) {
        struct listener *l = find(s, &d->apis[i]);
        if (l)
            l->wanted = &d->apis[i];
        else
            status = open_listener(rt, d, &d->apis[i], err);
    }
    for (struct listener *l = s->list; l && status == BELAY_OK; l = l->next)
        if (l->wanted)
            status = replace(l, d, err);
    close_some(s, status != BELAY_OK, rt->opt.drain_ms);
    return status;
}

void listeners_close(struct belay_runtime *rt, uint32_t drain_ms)
{
    for (struct listener *l = rt->listeners.list; l; l = l->next)
        l->wanted = NULL;
    close_some(&rt->listeners, false, drain_ms);
}

bool listeners_closed(const struct belay_runtime *rt)
{
    return atomic_load(&rt->listeners.alive) == 0;
}

void listeners_deinit(struct belay_runtime *rt)
{
    if (rt->listeners.io)
        belay_http_io_close(rt->listeners.io);
    rt->listeners.io = NULL;
    belay_mutex_deinit(&rt->listeners.mutex);
}

void listeners_init(struct belay_runtime *rt)
{
    belay_mutex_init(&rt->listeners.mutex);
}

void listeners_sample(struct belay_runtime *rt)
{
    belay_mutex_lock(&rt->listeners.mutex);
    for (const struct listener *l = rt->listeners.list; l; l = l->next) {
        struct belay_http_server_stats stats;
        belay_http_server_stats(l->server, &stats);
        traffic_sample(&rt->record, l->name, &stats);
        struct belay_http_limit_stats limit;
        for (uint32_t i = 0; belay_http_server_limit(l->server, i, &limit); i++)
            traffic_sample_limit(&rt->record, l->name, &limit);
    }
    belay_mutex_unlock(&rt->listeners.mutex);
}

void listeners_certificates(struct listeners *s, void (*fn)(void *arg, struct belay_str api, belay_time until), void *arg)
{
    belay_mutex_lock(&s->mutex);
    for (const struct listener *l = s->list; l; l = l->next) {
        struct belay_http_server_stats stats;
        belay_http_server_stats(l->server, &stats);
        if (stats.certificate_until && stats.certificate_until != BELAY_TIME_NEVER)
            fn(arg, l->name, stats.certificate_until);
    }
    belay_mutex_unlock(&s->mutex);
}

bool belay_runtime_api_limit(struct belay_runtime *rt, struct belay_str api, uint32_t index,
                             struct belay_http_limit_stats *ret_stats)
{
    bool found = false;
    belay_mutex_lock(&rt->listeners.mutex);
    for (const struct listener *l = rt->listeners.list; l && !found; l = l->next)
        found = belay_str_eq(l->name, api) && belay_http_server_limit(l->server, index, ret_stats);
    belay_mutex_unlock(&rt->listeners.mutex);
    return found;
}

struct belay_str belay_runtime_api_url(const struct belay_runtime *rt, uint32_t index, struct belay_str *ret_name)
{
    const struct listener *l = rt->listeners.list;
    while (l && index--)
        l = l->next;
    if (!l)
        return BELAY_STR_NONE;
    *ret_name = l->name;
    return belay_str_c(l->url);
}
