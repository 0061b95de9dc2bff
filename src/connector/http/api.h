/* api.h - what a compiled API consists of (inside connector/http).  Uses: router, json.
 * Thread: immutable once compiled; `holds` belongs to the I/O thread. */
#ifndef BELAY_CONNECTOR_HTTP_API_H
#define BELAY_CONNECTOR_HTTP_API_H

#include "connector/http/limit.h"
#include "connector/http/openapi.h"
#include "connector/http/router.h"
#include "connector/http/security.h"
#include "connector/http/server.h"
#include "connector/http/style.h"
#include "base/buf.h"
#include "json/schema.h"

struct http_param_rule {
    enum belay_http_param_in in;
    enum http_style style;
    struct belay_str name; /* of a header: lower case */
    bool required;
    bool json;        /* its text is a JSON document */
    bool text;        /* its text is of another media type: a string */
    bool explode;
    bool allow_empty; /* a query's "flag=" or "flag" passes whatever the schema says */
    struct http_shape shape;
    struct belay_schema *schema; /* NULL: anything */
};

/* A field of a form or multipart body, as its schema and `encoding` say. */
struct http_field_rule {
    struct belay_str name;
    enum http_style style;
    bool explode, json;           /* json: its text is a JSON document */
    struct belay_str content_type; /* a multipart part's, a list with commas; "" any */
    struct http_shape shape;
};

struct http_media_rule {
    struct belay_str range; /* "application/json", "image/" and a star */
    struct belay_schema *schema; /* NULL: anything */
    struct http_shape shape;
    struct http_field_rule *fields;
    uint32_t field_count;
};

struct http_path;

struct http_operation {
    struct belay_str id, method, path;
    struct http_param_rule *params;
    uint32_t param_count;
    struct http_media_rule *media; /* none: the body is not looked at */
    uint32_t media_count;
    bool body_required;
    struct http_alternative *alternatives; /* none: anybody may ask */
    uint32_t alternative_count;
    struct http_limit **limits; /* that it is under; none */
    uint32_t limit_count;
    bool alias; /* of one under another server's path: its rules are that one's */
    struct http_response_rule *responses;
    uint32_t response_count;
    const belay_json *source; /* in the document */
    bool deprecated;
    bool deprecated_told; /* the I/O thread's, as the two below */
    uint64_t deprecated_at_ms, deprecated_count;
    struct http_path *owner;
    struct http_operation *next; /* of the same path */
};

struct http_path {
    struct belay_str template_;
    struct belay_str names[BELAY_HTTP_SEGMENTS_MAX]; /* of its {} */
    uint32_t name_count;
    struct http_operation *operations;
    struct belay_str allow; /* "GET, HEAD, POST" */
};

struct belay_openapi {
    struct belay_arena arena;
    const belay_json *document; /* NULL: routes by hand */
    struct http_router router;
    struct http_operation **operations;
    uint32_t operation_count, operation_cap;
    struct http_limit *limits;
    uint32_t limit_count;
    struct http_scheme *schemes; /* those that operations demand */
    uint32_t scheme_count;
    enum belay_responses responses;
    struct belay_str document_path, page_path;
    struct belay_buf texts[3]; /* JSON, YAML, page: publish.c's; I/O thread */
    uint32_t holds; /* of requests and the server */
    void (*released)(void *arg);
    void *released_arg;
};

/* A table of routes as an API that validates nothing. */
int http_api_from_routes(const struct belay_http_route *routes, uint32_t count,
                         struct belay_openapi **ret_api, struct belay_err *err) BELAY_MUST_CHECK;

/* The last hold frees it and says released. */
void http_api_hold(struct belay_openapi *api);
void http_api_release(struct belay_openapi *api);

/* Both compilers build with these. */
struct belay_openapi *http_api_new(void);
/* Errors: BELAY_NOMEM. */
int http_api_add_operation(struct belay_openapi *api, struct http_path *path,
                           struct http_operation *op, struct belay_err *err) BELAY_MUST_CHECK;
/* Fills path->allow from its operations. */
int http_api_finish_path(struct belay_openapi *api, struct http_path *path,
                         struct belay_err *err) BELAY_MUST_CHECK;

#endif
