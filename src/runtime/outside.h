/* outside.h - the outgoing connections of the current configuration, by name.
 *
 *   set (open all new ones) -> call* -> set (the old ones drain and close) -> close_all -> closed
 *
 * A definition names its connection; the call goes to the one that is open under that name now.
 * Uses: connector contract and registry, config.  Thread: the runtime's engine thread (before it runs:
 * main); outcomes come on the connectors' threads. */
#ifndef BELAY_RUNTIME_OUTSIDE_H
#define BELAY_RUNTIME_OUTSIDE_H

#include <stdatomic.h>

#include "belay/connector.h"
#include "model/definition.h"

struct outside_connection;

struct outside {
    struct outside_connection *open;   /* list */
    _Atomic uint32_t alive;            /* open or closing */
    belay_call_done *done;
    void *done_arg;
};

void outside_init(struct outside *o, belay_call_done *done, void *done_arg);
/* Opens every connection of d, then closes those that were open before (drain_ms). On failure nothing has
 * changed. Errors: what the connectors say, with the connection's name. */
int outside_set(struct outside *o, const struct belay_definitions *d, uint32_t drain_ms,
                struct belay_err *err) BELAY_MUST_CHECK;
/* Errors: as belay_connector.call; BELAY_NOTFOUND: no connection of that name any more. */
int outside_call(struct outside *o, struct belay_str connection, const struct belay_call_request *request,
                 struct belay_err *err) BELAY_MUST_CHECK;
/* What the call would send. *ret_preview: shown as the request has it where the connector cannot tell. Errors: as
 * belay_connector.preview; BELAY_NOTFOUND. */
int outside_preview(struct outside *o, struct belay_str connection, const struct belay_call_request *request,
                    struct belay_arena *arena, struct belay_call_preview *ret_preview, struct belay_err *err) BELAY_MUST_CHECK;
void outside_cancel(struct outside *o, struct belay_str connection, uint64_t id);
/* Closes all; outcomes of what is in flight still come. */
void outside_close(struct outside *o, uint32_t drain_ms);
/* Every connection has said closed. */
bool outside_closed(const struct outside *o);

#endif
