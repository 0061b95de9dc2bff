/* client_impl.h - the insides of the http connector (client*.c).
 * Threads: R the runtime's (open, call, cancel, close), L the loop's.
 *
 * Life of a call (L):   WAITING --a slot is free--> ACTIVE --answer, error, deadline, cancel--> done
 *                          \---deadline, cancel, drained, connection closes-----------------/
 */
#ifndef BELAY_CONNECTOR_HTTP_CLIENT_IMPL_H
#define BELAY_CONNECTOR_HTTP_CLIENT_IMPL_H

#include <curl/curl.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/heap.h"
#include "base/list.h"
#include "belay/connector.h"
#include "connector/http/classify.h"
#include "connector/http/loop.h"

/* What a connection was configured to; immutable, texts in arena with a NUL after them. */
struct http_client_options {
    struct belay_arena arena;
    struct belay_str name;
    struct belay_str base_url; /* without a slash at its end */
    struct belay_str idempotency_header;
    struct belay_field *headers;
    uint32_t header_count;
    const char *username, *password, *bearer; /* NULL: unset; so below */
    const char *proxy, *no_proxy;
    const char *ca_file, *client_cert, *client_key;
    uint32_t connect_timeout_ms;
    bool http2, tls;
    uint32_t concurrency, queue_max;
    size_t response_bytes_max;
};

extern const struct belay_option http_client_option_table[];
extern const struct belay_option http_client_param_table[];

/* Copies and checks. Errors: BELAY_INVALID (names the option), BELAY_NOMEM. */
int http_client_options_init(struct http_client_options *o, const struct belay_connection_config *config,
                             struct belay_err *err) BELAY_MUST_CHECK;
void http_client_options_deinit(struct http_client_options *o);

struct http_call {
    struct http_job job;       /* the way to the loop */
    struct belay_list node;    /* waiting or active */
    struct belay_heap_node deadline;
    struct belay_connection *client;
    struct belay_arena arena;  /* holds all texts below */
    uint64_t id, began_us;
    uint32_t timeout_ms;
    const char *method, *url;
    struct belay_str endpoint, body;
    struct curl_slist *headers;
    bool safe;
    CURL *easy;                /* NULL: waiting */
    unsigned sendings;         /* times libcurl was about to send it */
    bool repeated, too_large;
    struct belay_buf answer, answer_head;
    struct belay_call_outcome *spare; /* used when there is no memory for the real one */
};

struct belay_connection {
    struct http_loop loop;
    struct http_client_options options;
    belay_call_done *done;
    void *done_arg;
    bool closing;             /* R */
    _Atomic uint32_t pending; /* calls accepted and not yet done */
    /* all below: L */
    CURLM *multi;
    uv_timer_t curl_timer, deadline_timer, drain_timer;
    uint64_t deadline_due_ms; /* of the running deadline timer; UINT64_MAX: none */
    struct belay_heap deadlines;
    struct belay_list waiting, active;
    uint32_t active_count;
    CURL **idle; /* options.concurrency of them at most */
    uint32_t idle_count;
    bool draining, ended;
    struct http_job close_job;
    uint32_t drain_ms;
    void (*closed)(void *arg);
    void *closed_arg;
};

/* ---- client_call.c ---- */

/* Copies the request. Errors: BELAY_INVALID, BELAY_NOMEM. */
int http_call_new(struct belay_connection *client, const struct belay_call_request *request,
                  struct http_call **ret_call, struct belay_err *err) BELAY_MUST_CHECK;
void http_call_free(struct http_call *call);
/* Gives it an easy handle and tells it all. CURLE_OK, or why not. */
CURLcode http_call_prepare(struct http_call *call);
/* A byte of it was handed to the system. */
bool http_call_was_sent(const struct http_call *call);
/* What it came to; belongs to the caller. */
struct belay_call_outcome *http_call_outcome(struct http_call *call, enum http_end end, CURLcode code);
bool http_method_is_idempotent(struct belay_str method);

#endif
