/* admin.h - the admin API: what is going on, and what an operator does about it; health and metrics.
 *
 *   admin.sock in the data directory (this user only)   everything
 *   --admin ADDRESS (TCP)                               everything, with a bearer token
 *   --health ADDRESS (TCP)                              /ping, /ready, /metrics
 *
 * JSON in and out; errors are application/problem+json. A list is a page: "next" is what to ask for as
 * `after` to go on. Nothing is told before it is durable (runtime's visits).
 * The resources are the table in routes.c; docs/admin-api.md describes them.
 *
 * Uses: runtime, connector/http, obs.  Thread: open and close from main; the rest lives on the servers'
 * I/O thread and, for looks into the engine, on the engine's. */
#ifndef BELAY_ADMIN_ADMIN_H
#define BELAY_ADMIN_ADMIN_H

#include "runtime/runtime.h"

struct belay_admin;

struct belay_admin_opt {
    struct belay_runtime *runtime; /* outlives it */
    struct belay_str tcp_listen;   /* empty: none; otherwise tokens are needed */
    struct belay_str token;        /* copied; lines of TOKEN, NAME TOKEN or NAME ROLE TOKEN; besides those of the configuration */
    struct belay_str health_listen; /* empty: none */
};

/* Errors: BELAY_INVALID (an address; TCP without a token), BELAY_EXISTS (in use), BELAY_NOMEM ... */
int belay_admin_open(const struct belay_admin_opt *opt, struct belay_admin **ret_admin,
                     struct belay_err *err) BELAY_MUST_CHECK;
/* Blocking: what was asked is answered first. Before belay_runtime_close. NULL is allowed. */
void belay_admin_close(struct belay_admin *admin);

#endif
