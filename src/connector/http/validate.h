/* validate.h - parameters and bodies against their rules.  Uses: api, json.  Thread: any. */
#ifndef BELAY_CONNECTOR_HTTP_VALIDATE_H
#define BELAY_CONNECTOR_HTTP_VALIDATE_H

#include "connector/http/api.h"

/* Fills r->params from the path's values, the query and the fields. Faults go to errors (see
 * problem.h). Errors: BELAY_INVALID (there are faults), BELAY_NOMEM. op may be NULL. */
int http_validate_params(struct belay_http_request *r, const struct http_operation *op,
                         const struct http_match *match, struct belay_str query,
                         struct belay_buf *errors) BELAY_MUST_CHECK;

/* The rule for a content type; NULL when none matches. */
const struct http_media_rule *http_media_rule(const struct http_operation *op,
                                              struct belay_str content_type);

/* Parses r->body where its type is JSON. On failure detail says where: "line 3, column 7: ...".
 * Errors: BELAY_SYNTAX, BELAY_LIMIT, BELAY_NOMEM. */
int http_parse_body(struct belay_http_request *r, struct belay_err *err) BELAY_MUST_CHECK;

/* Every fault of r->body_json. Errors: BELAY_INVALID (there are faults). */
int http_validate_body(struct belay_http_request *r, const struct belay_schema *schema,
                       struct belay_buf *errors) BELAY_MUST_CHECK;

#endif
