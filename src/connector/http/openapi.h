/* openapi.h - an OpenAPI 3.1 document, compiled: which operation a request is for, and whether it may
 * pass.  Uses: json.  Thread: compile on one; immutable afterwards, used by any number.
 *
 * What is used: paths (templates, also within a segment: "/files/{name}.json"; a literal segment is
 * preferred to a template), the path part of the first server's URL as a prefix, parameters in path,
 * query and header (schema or application/json content; styles simple and form), requestBody with its
 * media types, local $ref everywhere. JSON bodies are validated against their schema, formats
 * included; others pass as bytes. What would silently not be checked (cookies, deepObject) is refused
 * at compile time when it is required. */
#ifndef BELAY_CONNECTOR_HTTP_OPENAPI_H
#define BELAY_CONNECTOR_HTTP_OPENAPI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "json/json.h"

struct belay_openapi;
struct belay_security_def; /* model/definition.h */

/* What the configuration says beside the document. */
struct belay_openapi_opt {
    const struct belay_security_def *security; /* by scheme; borrowed as the tape is */
    uint32_t security_count;
    bool client_certificates; /* the server verifies those that clients show */
    bool any_credentials;     /* a mock: credentials must be shown, and are not judged */
};

/* Borrows the tape; opt NULL: nothing is said. Errors: BELAY_INVALID, BELAY_UNSUPPORTED (msg names the place by JSON Pointer),
 * BELAY_NOMEM. */
int belay_openapi_compile(const belay_json *document, const struct belay_openapi_opt *opt, struct belay_openapi **ret_api,
                          struct belay_err *err) BELAY_MUST_CHECK;
void belay_openapi_free(struct belay_openapi *api);

/* For whoever checks that a flow's operation exists. */
struct belay_openapi_operation {
    struct belay_str id; /* operationId, else "GET /path" */
    struct belay_str method, path;
    bool body_required;
};
uint32_t belay_openapi_count(const struct belay_openapi *api);
/* By index, in the order of the document; lives as long as api. */
struct belay_openapi_operation belay_openapi_at(const struct belay_openapi *api, uint32_t index);

#endif
