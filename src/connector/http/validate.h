/* validate.h - parameters and bodies against their rules.  Uses: api, json.  Thread: any. */
#ifndef BELAY_CONNECTOR_HTTP_VALIDATE_H
#define BELAY_CONNECTOR_HTTP_VALIDATE_H

#include "connector/http/api.h"

/* ---- parameters.c ---- */

/* Fills r->params from the path's values, the query, the fields and the cookies. Faults go to errors (see
 * problem.h). Errors: BELAY_INVALID (there are faults), BELAY_NOMEM. op may be NULL. */
int http_validate_params(struct belay_http_request *r, const struct http_operation *op,
                         const struct http_match *match, struct belay_str query,
                         struct belay_buf *errors) BELAY_MUST_CHECK;
/* All fields of that name (lower case), joined by ", " where there are several. */
struct belay_str http_joined_header(const struct belay_http_request *r, struct belay_str name);

/* ---- bodies.c ---- */

/* The rule for a content type; NULL when none matches. */
const struct http_media_rule *http_media_rule(const struct http_media_rule *rules, uint32_t count,
                                              struct belay_str content_type);

/* Parses r->body where its type is JSON. On failure detail says where: "line 3, column 7: ...".
 * Errors: BELAY_SYNTAX, BELAY_LIMIT, BELAY_NOMEM. */
int http_parse_body(struct belay_http_request *r, struct belay_err *err) BELAY_MUST_CHECK;

/* A form becomes a JSON object, which takes the body's place: r->body, content_type and body_json. Fields
 * that are no JSON where they should be, and parts of a type that is not taken, go to errors; of the latter alone OK is
 * returned: the schema has its say besides. Errors: BELAY_INVALID (nobody needs to look further),
 * BELAY_SYNTAX (no form), BELAY_LIMIT, BELAY_NOMEM; err says what. */
int http_form_body(struct belay_http_request *r, const struct http_media_rule *rule, struct belay_buf *errors,
                   struct belay_err *err) BELAY_MUST_CHECK;

/* Every fault of a value. Errors: BELAY_INVALID (there are faults). */
int http_validate_value(const struct belay_schema *schema, const belay_json *value, struct belay_arena *arena,
                        struct belay_buf *errors) BELAY_MUST_CHECK;
/* Of a text as the shape types it. */
int http_validate_text(const struct http_media_rule *rule, struct belay_str text, struct belay_arena *arena,
                       struct belay_buf *errors) BELAY_MUST_CHECK;

#endif
