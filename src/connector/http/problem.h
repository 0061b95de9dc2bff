/* problem.h - application/problem+json (RFC 9457), and the faults in it.  Uses: json.  Thread: any. */
#ifndef BELAY_CONNECTOR_HTTP_PROBLEM_H
#define BELAY_CONNECTOR_HTTP_PROBLEM_H

#include "base/buf.h"
#include "connector/http/server.h"

/* {"type"?, "title", "status", "detail", "correlationid", members...} */
void http_problem_write(struct belay_buf *out, const struct belay_http_problem *problem,
                        struct belay_str correlationid);

/* members = "errors":[...] for belay_http_problem.members; a view of members, nothing where it does not fit. */
struct belay_str http_problem_errors(struct belay_buf *members, const struct belay_buf *errors);

/* One element of errors[], with the comma before it where one is needed:
 * {"pointer":"/items/0/qty","detail":"..."} */
void http_fault_pointer(struct belay_buf *errors, struct belay_str pointer, struct belay_str detail);
/* {"parameter":"order_id","in":"path","pointer":"","detail":"..."} */
void http_fault_param(struct belay_buf *errors, enum belay_http_param_in in, struct belay_str name,
                      struct belay_str pointer, struct belay_str detail);

#endif
