/* multipart.h - multipart/form-data (RFC 7578) cut into its parts.  Uses: text.  Thread: any. */
#ifndef BELAY_CONNECTOR_HTTP_MULTIPART_H
#define BELAY_CONNECTOR_HTTP_MULTIPART_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/status.h"

struct http_part {
    struct belay_str name, filename, content_type; /* "" where not said */
    struct belay_str body;
    bool taken;
};

/* Parts view body; their names may lie in arena. Strict: CRLF, an end, a name for each part.
 * Errors: BELAY_SYNTAX, BELAY_LIMIT (BELAY_HTTP_FORM_FIELDS_MAX parts, BELAY_HTTP_PART_HEAD_BYTES_MAX),
 * BELAY_NOMEM; err says what. */
int http_multipart_parse(struct belay_str content_type, struct belay_str body, struct belay_arena *arena,
                         struct http_part **ret_parts, uint32_t *ret_count,
                         struct belay_err *err) BELAY_MUST_CHECK;

#endif
