/* openapi_impl.h - what the files that compile an OpenAPI document share.
 *
 *   openapi.c          version, servers, paths, operations
 *   openapi_ref.c      places and $ref
 *   openapi_servers.c  what stands before every path
 *   openapi_params.c   parameters          openapi_bodies.c   request bodies
 *   openapi_security.c schemes and requirements   openapi_responses.c   answers
 */
#ifndef BELAY_CONNECTOR_HTTP_OPENAPI_IMPL_H
#define BELAY_CONNECTOR_HTTP_OPENAPI_IMPL_H

#include "connector/http/api.h"

struct openapi_compile {
    struct belay_openapi *api;
    const belay_json *document;
    const struct belay_openapi_opt *opt;
    enum belay_schema_dialect dialect;
    enum belay_schema_direction direction;
    struct belay_buf place; /* JSON Pointer of what is looked at */
    int mistake;            /* status of the first that was told */
    struct belay_err *err;
};

/* ---- places: enter, look, leave with what enter returned ---- */

int openapi_refuse(struct openapi_compile *c, int status, const char *what);
int openapi_no_memory(struct openapi_compile *c);
/* A mistake that somebody wants to be told of is told, and the reading goes on at mark: BELAY_OK. Else status. */
int openapi_go_on(struct openapi_compile *c, int status, size_t mark) BELAY_MUST_CHECK;
size_t openapi_enter(struct openapi_compile *c, struct belay_str token);
size_t openapi_enter_index(struct openapi_compile *c, size_t index);
void openapi_leave(struct openapi_compile *c, size_t mark);

/* "; did you mean 'x'?" of a mapping's names the nearest; "": none comes near. */
const char *openapi_meant(const belay_json *names, struct belay_str wrong, char room[64]);
struct belay_str openapi_text(const belay_json *v, const char *name);
bool openapi_is_true(const belay_json *v, const char *name);
/* Follows {"$ref": "#/..."} to what it names. */
int openapi_follow(struct openapi_compile *c, const belay_json *v, const belay_json **ret_v) BELAY_MUST_CHECK;
int openapi_schema(struct openapi_compile *c, const belay_json *schema,
                   struct belay_schema **ret_schema) BELAY_MUST_CHECK;
int openapi_shape(struct openapi_compile *c, const belay_json *schema, struct http_shape *ret_shape) BELAY_MUST_CHECK;

/* ---- parts ---- */

#define OPENAPI_PREFIXES_MAX 8

struct openapi_prefixes {
    struct belay_str items[OPENAPI_PREFIXES_MAX];
    uint32_t count;
};
/* Replaces prefixes by those of owner's `servers`, where it has some. */
int openapi_servers(struct openapi_compile *c, const belay_json *owner,
                    struct openapi_prefixes *prefixes) BELAY_MUST_CHECK;

/* A later list (the operation's) replaces what an earlier one (the path's) says. op has room. */
int openapi_params(struct openapi_compile *c, const belay_json *list, struct http_operation *op) BELAY_MUST_CHECK;
/* Media types of a body; on failure those compiled are op's all the same. */
int openapi_media(struct openapi_compile *c, const belay_json *content, struct http_media_rule **ret_media,
                  uint32_t *ret_count) BELAY_MUST_CHECK;
int openapi_security(struct openapi_compile *c, const belay_json *operation, struct http_operation *op) BELAY_MUST_CHECK;
int openapi_responses(struct openapi_compile *c, const belay_json *operation, struct http_operation *op) BELAY_MUST_CHECK;
int openapi_body(struct openapi_compile *c, const belay_json *body, struct http_operation *op) BELAY_MUST_CHECK;

#endif
