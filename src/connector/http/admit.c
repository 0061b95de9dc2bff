/* admit.c - decides whether a request may pass: route, content type, parameters, body, limits. */
#include "base/assert.h"
#include "connector/http/problem.h"
#include "connector/http/publish.h"
#include "connector/http/responses.h"
#include "connector/http/session.h"
#include "connector/http/text.h"
#include "connector/http/validate.h"

static const struct belay_field no_field = { { NULL, 0 }, { NULL, 0 } };

static uint32_t refuse(struct http_exchange *x, uint32_t status, const char *detail)
{
    http_exchange_refuse(x, status, detail);
    HTTP_COUNT(x->host->counters.requests_refused, 1);
    return status;
}

/* With errors[] as members. */
static uint32_t refuse_faults(struct http_exchange *x, uint32_t status, const char *detail,
                              const struct belay_buf *errors)
{
    struct belay_buf members;
    belay_buf_init(&members, BELAY_MIB(1));
    struct belay_http_problem problem = {
        .status = status,
        .detail = belay_str_c(detail),
        .members = http_problem_errors(&members, errors),
    };
    http_exchange_problem(x, &problem, no_field);
    belay_buf_deinit(&members);
    x->state = HTTP_ANSWERED;
    HTTP_COUNT(x->host->counters.requests_refused, 1);
    return status;
}

static uint32_t refuse_method(struct http_exchange *x, const struct http_path *path)
{
    struct belay_http_problem problem = { .status = 405,
                                          .detail = BELAY_STR("the path has no such method") };
    bool asks = belay_str_eq(x->request.method, BELAY_STR("OPTIONS"));
    struct belay_field allow = { BELAY_STR("allow"), path->allow };
    if (asks)
        http_exchange_answer(x, 204, &allow, 1, BELAY_STR_NONE);
    else
        http_exchange_problem(x, &problem, allow);
    x->state = HTTP_ANSWERED;
    HTTP_COUNT(x->host->counters.requests_refused, !asks);
    return asks ? 204 : 405;
}

/* ---- the head ---- */

/* "http://host/path?q" and "/path?q" -> path and query. */
static void split_target(struct belay_http_request *r, struct belay_str *ret_query)
{
    struct belay_str rest = r->target;
    const char *scheme = rest.n && rest.p[0] != '/' ? memmem(rest.p, rest.n, "://", 3) : NULL;
    if (scheme) {
        rest = belay_str_sub(rest, (size_t)(scheme - rest.p) + 3, rest.n);
        rest = belay_str_sub(rest, belay_str_find(rest, '/'), rest.n);
    }
    rest = belay_str_sub(rest, 0, belay_str_find(rest, '#'));
    r->path = belay_str_split(&rest, '?');
    *ret_query = rest.p ? rest : BELAY_STR_NONE;
    if (scheme && !r->path.n)
        r->path = BELAY_STR("/");
}

static const struct http_operation *operation_for(const struct http_path *path, struct belay_str method)
{
    const struct http_operation *get = NULL;
    for (const struct http_operation *op = path->operations; op; op = op->next) {
        if (belay_str_eq(op->method, method))
            return op;
        if (belay_str_eq(op->method, BELAY_STR("GET")))
            get = op;
    }
    return belay_str_eq(method, BELAY_STR("HEAD")) ? get : NULL;
}

static uint32_t route(struct http_exchange *x, struct http_match *match)
{
    struct belay_http_request *r = &x->request;
    if (!x->host->api)
        return 0;
    int status = http_router_find(&x->host->api->router, r->path, &x->arena, match);
    if (status == BELAY_NOTFOUND) {
        uint32_t published = http_publish(x);
        return published ? published : refuse(x, 404, "no such path");
    }
    if (status)
        return status == BELAY_NOMEM ? refuse(x, 503, "out of memory")
                                     : refuse(x, 400, "the path is not percent-encoded UTF-8");
    const struct http_path *path = match->path;
    x->operation = operation_for(path, r->method);
    if (!x->operation)
        return refuse_method(x, path);
    x->api = x->host->api;
    http_api_hold(x->api);
    r->operation_id = x->operation->id;
    if (x->operation->deprecated)
        http_deprecated_tell(x);
    return 0;
}

static uint32_t check_security(struct http_exchange *x, struct belay_str query)
{
    struct http_refusal refusal;
    if (!x->operation || !x->operation->alternative_count)
        return 0;
    http_security_check(&x->request, x->operation, query, x->host->clock->wall, &refusal);
    if (!refusal.status)
        return 0;
    struct belay_http_problem problem = { .status = refusal.status, .detail = belay_str_c(refusal.detail),
                                          .retry_after_s = refusal.status == 503 };
    struct belay_field challenge = { BELAY_STR("www-authenticate"), refusal.challenge };
    http_exchange_problem(x, &problem, refusal.challenge.n ? challenge : no_field);
    x->state = HTTP_ANSWERED;
    HTTP_COUNT(x->host->counters.requests_refused, 1);
    return refusal.status;
}

static uint32_t check_content(struct http_exchange *x, bool has_body)
{
    const struct http_operation *op = x->operation;
    struct belay_http_request *r = &x->request;
    struct belay_str encoding = belay_http_header(r, BELAY_STR("content-encoding"));
    if (!has_body)
        return op && op->body_required ? refuse(x, 400, "a body is required") : 0;
    if (encoding.n && !belay_str_eq_nocase(encoding, BELAY_STR("identity")))
        return refuse(x, 415, "a content coding is not understood here");
    if (op && op->media_count && !http_media_rule(op->media, op->media_count, r->content_type))
        return refuse(x, 415, r->content_type.n ? "the operation does not take this content type"
                                                : "the Content-Type is missing");
    struct belay_str charset = http_media_param(r->content_type, BELAY_STR("charset"));
    if (charset.n && http_media_is_json(http_media_type(r->content_type))
        && !belay_str_eq_nocase(charset, BELAY_STR("utf-8")))
        return refuse(x, 415, "JSON is UTF-8");
    return 0;
}

uint32_t http_admit_head(struct http_exchange *x, bool has_body)
{
    struct http_match match = { .value_count = 0 };
    struct belay_str query;
    struct belay_buf errors;
    split_target(&x->request, &query);
    uint32_t refused = route(x, &match);
    if (!refused)
        refused = http_limits_pass(x, false);
    if (!refused)
        refused = check_security(x, query);
    if (!refused)
        refused = http_limits_pass(x, true);
    if (!refused)
        refused = check_content(x, has_body);
    if (refused)
        return refused;
    belay_buf_init(&errors, BELAY_MIB(1));
    int status = http_validate_params(&x->request, x->operation, &match, query, &errors);
    if (status == BELAY_INVALID)
        refused = refuse_faults(x, 400, "a parameter is missing or wrong", &errors);
    else if (status)
        refused = refuse(x, 503, "out of memory");
    belay_buf_deinit(&errors);
    return refused;
}

/* ---- the body ---- */

/* Makes what the schema judges of the body: JSON parsed, a form turned into JSON. 0: goes on. */
static uint32_t read_body(struct http_exchange *x, const struct http_media_rule *rule, struct belay_buf *errors)
{
    struct belay_http_request *r = &x->request;
    struct belay_err err;
    bool form = rule && http_media_kind(http_media_type(r->content_type)) >= HTTP_MEDIA_FORM;
    int status = form ? http_form_body(r, rule, errors, &err) : http_parse_body(r, &err);
    if (status == BELAY_INVALID)
        return refuse_faults(x, 422, "the body does not fit its schema", errors);
    if (status)
        return refuse(x, status == BELAY_NOMEM ? 503 : form && status == BELAY_LIMIT ? 413 : 400, err.msg);
    return 0;
}

static uint32_t check_body(struct http_exchange *x)
{
    struct belay_http_request *r = &x->request;
    const struct http_operation *op = x->operation;
    struct belay_buf errors;
    r->body = belay_buf_view(&x->body);
    if (!r->body.n) /* a chunked body may turn out to be empty */
        return op && op->body_required ? refuse(x, 400, "a body is required") : 0;
    const struct http_media_rule *rule =
        op ? http_media_rule(op->media, op->media_count, r->content_type) : NULL;
    belay_buf_init(&errors, BELAY_MIB(1));
    uint32_t refused = read_body(x, rule, &errors);
    int status = BELAY_OK;
    if (!refused && rule && rule->schema) {
        if (r->body_json)
            status = http_validate_value(rule->schema, r->body_json, r->arena, &errors);
        else if (http_media_kind(http_media_type(r->content_type)) == HTTP_MEDIA_TEXT)
            status = http_validate_text(rule, r->body, r->arena, &errors);
    }
    if (status == BELAY_INVALID || (!status && !refused && errors.n)) /* of a form's parts there may be some already */
        refused = refuse_faults(x, 422, "the body does not fit its schema", &errors);
    else if (status)
        refused = refuse(x, 503, "out of memory");
    belay_buf_deinit(&errors);
    return refused;
}

/* The receiver did not take it. */
static void refuse_status(struct http_exchange *x, int status, const struct belay_err *err)
{
    bool transient = belay_status_class(status) == BELAY_CLASS_TRANSIENT;
    struct belay_http_problem problem = {
        .status = transient ? 503 : 500,
        .detail = belay_str_c(transient ? "busy" : "the request could not be taken"),
        .retry_after_s = transient ? (err->retry_after_ms + 999) / 1000 : 0,
    };
    if (transient && !problem.retry_after_s)
        problem.retry_after_s = 1;
    http_exchange_problem(x, &problem, no_field);
    x->state = HTTP_ANSWERED;
    HTTP_COUNT(x->host->counters.requests_refused, 1);
}

static void hand_over(struct http_exchange *x)
{
    struct http_host *host = x->host;
    struct belay_err err;
    belay_err_clear(&err);
    x->state = HTTP_HANDED;
    HTTP_COUNT(host->counters.requests, 1);
    int status = host->on_request(host->on_request_arg, &x->request, &err);
    if (!status && host->handed)
        host->handed(host);
    if (!status)
        return; /* not ours any more: it may be answered already */
    HTTP_COUNT(host->counters.requests, (uint32_t)-1);
    refuse_status(x, status, &err);
}

void http_admit_body(struct http_exchange *x)
{
    struct http_host *host = x->host;
    BELAY_ASSERT(x->state == HTTP_RECEIVING);
    if (check_body(x))
        return;
    uint32_t handed = atomic_load_explicit(&host->counters.requests, memory_order_relaxed);
    if (handed >= host->limits.requests_max)
        refuse(x, 503, "too many requests at once");
    else
        hand_over(x);
}
