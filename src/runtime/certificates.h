/* certificates.h - when the certificates end that outgoing connections show (option client_cert), read from their files
 * by a thread of its own: at once after set, then every hour, since whoever renews one writes the file.
 * Uses: config's definitions, connector/http.  Thread: set and each come from the engine's (before it runs: main). */
#ifndef BELAY_RUNTIME_CERTIFICATES_H
#define BELAY_RUNTIME_CERTIFICATES_H

#include "model/definition.h"
#include "platform/thread.h"

struct certificate {
    char *path;            /* owned; behind it the connection's name */
    struct belay_str name;
    belay_time until;      /* BELAY_TIME_NEVER: not known (yet) */
};

struct certificates {
    struct belay_thread thread;
    struct belay_mutex mutex;
    struct belay_cond cond;
    struct certificate *items; /* under mutex, like all below */
    uint32_t count, generation;
    bool ending, ready;
};

/* Errors: BELAY_BUSY, BELAY_NOMEM. */
int certificates_init(struct certificates *c, struct belay_err *err) BELAY_MUST_CHECK;
void certificates_deinit(struct certificates *c); /* also of one that is zero */
/* Those of d from now on. Without memory: none. */
void certificates_set(struct certificates *c, const struct belay_definitions *d);
/* Those whose end is known. */
void certificates_each(struct certificates *c, void (*fn)(void *arg, struct belay_str connection, belay_time until),
                       void *arg);

#endif
