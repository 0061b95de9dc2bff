/* sample.h - a value that a schema allows, for mocks and documentation.  Uses: json, api.  Thread: any.
 * The same document, schema and seed give the same value. It honours examples, defaults, enums, types,
 * formats, bounds, simple patterns, $ref, allOf and the first fitting of oneOf and anyOf; what it cannot
 * honour (not, if, patterns with look-around) the schema's own validation finds. */
#ifndef BELAY_CONNECTOR_HTTP_SAMPLE_H
#define BELAY_CONNECTOR_HTTP_SAMPLE_H

#include "base/random.h"
#include "connector/http/server.h"

struct http_sample {
    const belay_json *document;
    struct belay_random random;
    const struct belay_http_request *request; /* its path parameters are echoed; NULL */
    struct belay_buf *out;                    /* JSON text is appended */
};

void http_sample_write(struct http_sample *s, const belay_json *schema);
/* Text that matches a pattern, as far as that is simple; appended. False: it is not. */
bool http_sample_pattern(struct belay_random *random, struct belay_str pattern, struct belay_buf *out);

#endif
