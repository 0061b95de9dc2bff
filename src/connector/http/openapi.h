/* openapi.h - an OpenAPI 3.1 or 3.0 document, compiled: which operation a request is for, whether it may
 * pass, and what may be answered.  Uses: json.
 * Thread: compile on one; then it belongs to one server.
 *
 * What is used, and how, is told in docs/openapi.md. $ref leads within the document; config puts documents
 * of several files into one. */
#ifndef BELAY_CONNECTOR_HTTP_OPENAPI_H
#define BELAY_CONNECTOR_HTTP_OPENAPI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "json/json.h"

struct belay_openapi;
struct belay_security_def; /* model/api_def.h */
struct belay_limit_def;

/* What becomes of an answer that is not as the document has it: told to on_notice; replaced by a 500 besides;
 * not looked at. */
enum belay_responses { BELAY_RESPONSES_LOG, BELAY_RESPONSES_ENFORCE, BELAY_RESPONSES_OFF };

/* What the configuration says beside the document. */
struct belay_openapi_opt {
    const struct belay_security_def *security; /* by scheme; borrowed as the tape is */
    uint32_t security_count;
    const struct belay_limit_def *limits; /* borrowed likewise */
    uint32_t limit_count;
    bool client_certificates; /* the server verifies those that clients show */
    bool any_credentials;     /* a mock: credentials must be shown, and are not judged */
    enum belay_responses responses;
    struct belay_str document_path, page_path; /* where the document and its page are served; "": nowhere */
    /* Told of every mistake as err->msg would say it; the compilation fails after the last. NULL: at the first. */
    void (*mistake)(void *arg, const char *message);
    /* As belay_schema_opt's, of the document's schemas; the pointer is the document's. NULL: nobody asks. */
    void (*unknown_keyword)(void *arg, struct belay_str schema, struct belay_str keyword, struct belay_str meant);
    void *arg; /* of both */
    bool unread; /* files that it refers to are missing, which was told: nothing is said of those references */
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
