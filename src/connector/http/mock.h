/* mock.h - answers requests as an OpenAPI document promises, before anybody wrote the service.
 * Uses: server, sample.  Thread: the I/O thread; opened and closed from another.
 *
 * An answer is the document's example, else one made from the schema; which depends on the seed and the
 * request's method and target alone. Prefer: code=404, example=NAME chooses. */
#ifndef BELAY_CONNECTOR_HTTP_MOCK_H
#define BELAY_CONNECTOR_HTTP_MOCK_H

#include "connector/http/server.h"

struct belay_http_mock {
    uint64_t seed;
};

/* belay_http_on_request; arg: the mock. Its server has an OpenAPI document. */
int belay_http_mock_answer(void *arg, struct belay_http_request *request, struct belay_err *err);

#endif
