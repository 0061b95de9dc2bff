/* reply.c - the receiver's side of a request: looking at it, answering it. */
#include "base/assert.h"
#include "connector/http/exchange.h"
#include "connector/http/server.h"

static struct http_exchange *exchange_of(struct belay_http_request *request)
{
    struct http_exchange *x = (struct http_exchange *)request;
    BELAY_ASSERT(x->state == HTTP_HANDED);
    return x;
}

void belay_http_reply(struct belay_http_request *request, uint32_t status,
                      const struct belay_field *headers, uint32_t header_count,
                      struct belay_str body)
{
    struct http_exchange *x = exchange_of(request);
    http_exchange_answer(x, status, headers, header_count, body);
    x->host->post(x->host, x);
}

void belay_http_reply_problem(struct belay_http_request *request,
                              const struct belay_http_problem *problem)
{
    struct http_exchange *x = exchange_of(request);
    struct belay_field none = { BELAY_STR_NONE, BELAY_STR_NONE };
    http_exchange_problem(x, problem, none);
    x->host->post(x->host, x);
}

void belay_http_drop(struct belay_http_request *request)
{
    struct http_exchange *x = exchange_of(request);
    x->answer = (struct http_answer){ .drop = true };
    x->host->post(x->host, x);
}

struct belay_str belay_http_header(const struct belay_http_request *request, struct belay_str name)
{
    for (uint32_t i = 0; i < request->header_count; i++)
        if (belay_str_eq(request->headers[i].name, name))
            return request->headers[i].value;
    return BELAY_STR_NONE;
}

const struct belay_http_param *belay_http_param(const struct belay_http_request *request,
                                                struct belay_str name)
{
    for (uint32_t i = 0; i < request->param_count; i++)
        if (belay_str_eq(request->params[i].name, name))
            return &request->params[i];
    return NULL;
}
