/* connector.h - the contract between Belay and a connector (public).
 *
 * A connector makes ONE attempt at an outside call and classifies its outcome.  It never retries,
 * never queues without bound, never logs, never decides what happens next: policy does.
 *
 * Threads: open/close/call/cancel come from one thread, the runtime's (not the connector's own);
 * none of them blocks.  `done` is called on a thread of the connector, always later than `call`
 * returned (never from inside it), exactly once for each call that returned BELAY_OK.
 *
 * Life of a connection:   open -> (call | cancel)* -> close -> closed()
 *   close: refuses new calls with BELAY_CANCELLED, lets what is in flight end until its timeout or
 *   `drain_ms`, then cancels it; every call still gets its `done`; then closed() is called once, and
 *   only after it the memory lent at open may go.
 *
 * Life of a call:
 *            call() != OK ---------------------------------------------> never happened
 *   call() == OK -> [waiting for a free slot] -> sent -> done(outcome)
 *   timeout_ms counts from call(). What a timeout, a cancel or a lost connection means depends on
 *   whether a byte of the request had been handed to the system: before: TRANSIENT (known not to have
 *   happened); after: UNKNOWN_OUTCOME. Slots are the connection's `concurrency`; waiting is bounded
 *   by `queue_max`, beyond it call() returns BELAY_BUSY (back-pressure, the caller keeps the call).
 */
#ifndef BELAY_CONNECTOR_H
#define BELAY_CONNECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"

struct belay_call_request {
    uint64_t id;                      /* of the caller; comes back in the outcome */
    const struct belay_field *params; /* what the connector's operation needs, e.g. method, path */
    uint32_t param_count;
    const struct belay_field *headers;
    uint32_t header_count;
    struct belay_str body;
    struct belay_str idempotency_key; /* stable over retries; sent where the connection says how */
    struct belay_str correlationid, traceparent;
    uint32_t timeout_ms; /* > 0 */
};

/* What one attempt came to. ok: the other side did it and said so. */
struct belay_call_outcome {
    uint64_t id;
    bool ok;
    enum belay_class class_;          /* when !ok */
    struct belay_str type;            /* "HTTP:TIMEOUT"; "" when ok */
    struct belay_str description;     /* one sentence for a person */
    uint32_t status;                  /* the protocol's own number, e.g. 503; 0: none came */
    uint32_t retry_after_ms;          /* 0: the other side named no time */
    uint64_t duration_us;             /* from call() to done */
    struct belay_str endpoint;        /* "PUT http://127.0.0.1:7102/shipments/o-1" without secrets */
    const struct belay_field *headers;
    uint32_t header_count;
    struct belay_str body;            /* of the answer, also of an error's */
    bool body_truncated;              /* an error's body was cut at the limit */
};

/* Ownership of the outcome passes to the callee; belay_call_outcome_free gives it back, from any
 * thread. */
typedef void belay_call_done(void *arg, struct belay_call_outcome *outcome);
void belay_call_outcome_free(struct belay_call_outcome *outcome);

/* One allocation holding a deep copy; NULL without memory. For connectors to build what they hand
 * over, for tests and recorders. */
struct belay_call_outcome *belay_call_outcome_copy(const struct belay_call_outcome *outcome);

/* What one attempt would send, for a person who looks before: without secrets. */
struct belay_call_preview {
    struct belay_str method, target; /* "PUT", "http://127.0.0.1:7102/shipments/o-1" */
    const struct belay_field *headers;
    uint32_t header_count;
    struct belay_str body;
};

struct belay_arena;

enum belay_option_type {
    BELAY_OPTION_STRING,
    BELAY_OPTION_SECRET,   /* a string that nobody may see: it is hidden wherever it turns up */
    BELAY_OPTION_INT,
    BELAY_OPTION_BOOL,
    BELAY_OPTION_DURATION, /* "200ms", "2s", "5m", "1h", "7d" -> ms */
    BELAY_OPTION_SIZE,     /* "64KiB", "1MiB" -> bytes */
    BELAY_OPTION_URL,
    BELAY_OPTION_PATH,     /* of a file, relative to the configuration's folder */
    BELAY_OPTION_FIELDS,   /* mapping of strings (headers) */
    BELAY_OPTION_TEXTS     /* a string, or a list of them: fields without names */
};

/* One row of a connector's table: feeds the parser, `belay lint`, the published JSON Schema and the
 * documentation. */
struct belay_option {
    const char *name;
    enum belay_option_type type;
    bool required;
    const char *default_; /* as written in YAML; NULL: none */
    const char *help;     /* one sentence */
};

/* What is wrong with a text as it is written: "method: 'POTS' is no method; did you mean 'POST'?" */
struct belay_option_fault {
    const char *why;   /* the sentence's end: "is no method" */
    const char *meant; /* NULL: nothing comes near */
};

/* A parsed option, in the order of the table; unset ones absent. */
struct belay_option_value {
    const struct belay_option *option;
    struct belay_str text;            /* STRING, URL, PATH (resolved) */
    int64_t number;                   /* INT, BOOL, DURATION (ms), SIZE (bytes) */
    const struct belay_field *fields; /* FIELDS, TEXTS */
    uint32_t field_count;
};

struct belay_connection_config {
    struct belay_str name;
    const struct belay_option_value *options;
    uint32_t option_count;
    uint32_t concurrency;             /* slots; > 0 */
    uint32_t queue_max;               /* calls waiting for a slot */
    struct belay_str idempotency_header; /* "" where the service honours no key */
    size_t response_bytes_max;
};

struct belay_connection; /* the connector's own */

/* The descriptor at the end of a connector's file. */
struct belay_connector {
    const char *name; /* the YAML key: "http" */
    const char *help;
    const struct belay_option *options;   /* of a connection; ends with name NULL */
    const struct belay_option *call_params; /* of a call step: method, path, ...; ends with NULL */
    const char *namespace_;               /* of its error types: "HTTP" */
    const char *const *errors;            /* those types but for statuses: "HTTP:TIMEOUT", ..., NULL; or NULL: not listed */
    /* True where repeating the call cannot do harm by itself (an idempotent method). */
    bool (*idempotent)(const struct belay_call_request *request);
    /* Is something wrong with an option (of a connection) or parameter (of a call) of that name, that can be told by
     * its text alone? "headers": the text is the name of one. whole: false where the text is only its beginning and
     * an expression makes the rest. NULL: nothing can be told before open and call. */
    bool (*check)(const char *name, struct belay_str text, bool whole, struct belay_option_fault *ret_fault);
    /* Checks and starts; no outside contact is needed to succeed. Config is copied.
     * Errors: BELAY_INVALID (names the option), BELAY_NOMEM. */
    int (*open)(const struct belay_connection_config *config, belay_call_done *done, void *done_arg,
                struct belay_connection **ret_connection, struct belay_err *err);
    /* Copies the request. Errors: BELAY_BUSY (transient, full), BELAY_CANCELLED (closing),
     * BELAY_INVALID (a parameter is wrong; permanent), BELAY_NOMEM. */
    int (*call)(struct belay_connection *c, const struct belay_call_request *request,
                struct belay_err *err);
    /* What call would send; nothing is sent. Texts of the request or from arena. NULL: the connector cannot tell.
     * Thread: as call. Errors: BELAY_INVALID (call would say so too), BELAY_NOMEM. */
    int (*preview)(struct belay_connection *c, const struct belay_call_request *request, struct belay_arena *arena,
                   struct belay_call_preview *ret_preview, struct belay_err *err);
    /* Ends the call early; its done follows. Unknown ids are ignored. */
    void (*cancel)(struct belay_connection *c, uint64_t id);
    void (*close)(struct belay_connection *c, uint32_t drain_ms, void (*closed)(void *arg),
                  void *closed_arg);
};

#endif
