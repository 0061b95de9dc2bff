/* listeners.h - the HTTP servers of the configuration's APIs, and how a request reaches the engine.
 *
 *   I/O thread: request -> wrapped in its own arena -> mailbox -> engine thread -> reply
 *
 * Uses: connector/http, engine's request, config's definitions.  Thread: main, but for the request's way. */
#ifndef BELAY_RUNTIME_LISTENERS_H
#define BELAY_RUNTIME_LISTENERS_H

#include "base/list.h"
#include "connector/http/server.h"
#include "engine/engine.h"
#include "model/definition.h"
#include "platform/thread.h"

struct belay_runtime;
struct listener;

struct listeners {
    struct belay_http_io *io;
    struct belay_mutex mutex; /* of the list, for the engine thread's looks; main changes it */
    struct listener *list;
    _Atomic uint32_t alive; /* servers that have not said closed */
};

/* What the mailbox carries as MAIL_REQUEST; lives in the request's arena. */
struct api_request {
    struct belay_engine_request request; /* user: this */
    struct belay_http_request *http;
    struct belay_list node;              /* of the requests the engine has; engine thread */
};

/* Serves the APIs of d: new ones are opened, those with the same name and address take the new document,
 * the others are closed. All or nothing: on failure what was served before is served on. Each listener keeps a
 * reference to the definitions whose document it uses.
 * Errors: as belay_http_server_open, with the API's name. */
int listeners_set(struct belay_runtime *rt, struct belay_definitions *d, struct belay_err *err) BELAY_MUST_CHECK;
void listeners_init(struct belay_runtime *rt);
/* No new requests; what is in flight may be answered for drain_ms. */
void listeners_close(struct belay_runtime *rt, uint32_t drain_ms);
bool listeners_closed(const struct belay_runtime *rt);
/* After closed: ends the I/O thread. */
void listeners_deinit(struct belay_runtime *rt);

/* Engine thread: answers between the two reach the I/O thread together. */
void listeners_hold(struct belay_runtime *rt);
void listeners_release(struct belay_runtime *rt);
/* Engine thread: the engine's answer goes to the client; x is gone afterwards. */
void listeners_reply(struct api_request *x, const struct belay_action_reply *reply);
/* Engine thread: the engine did not take it. */
void listeners_refuse(struct api_request *x, int status, const struct belay_err *err);
/* Engine thread: when what each API shows to its clients ends. */
void listeners_certificates(struct listeners *s, void (*fn)(void *arg, struct belay_str api, belay_time until), void *arg);
/* Engine thread: the servers' figures. */
void listeners_sample(struct belay_runtime *rt);

#endif
