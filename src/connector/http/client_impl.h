/* client_impl.h - the insides of the http connector (client*.c, wire.c).
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

/* What is read at once. */
#define HTTP_INPUT_BYTES BELAY_KIB(16)
/* Outcomes are handed over together at the end of a turn, at most so many. */
#define HTTP_OUTCOMES_BATCH 64
/* Calls kept for the next ones, with their memory. */
#define HTTP_SPARE_CALLS_MAX 256

/* What a connection was configured to; immutable, texts in arena with a NUL after them. */
struct http_client_options {
    struct belay_arena arena;
    struct belay_str name;
    struct belay_str base_url; /* without a slash at its end */
    struct belay_str whole_url; /* base_url as written: of a call without a path */
    size_t origin_bytes;        /* of both, before their path */
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
    /* Plain HTTP/1.1 that needs nothing but libcurl's connecting (wire.h), and then: */
    bool direct;
    struct belay_str host, authorization; /* fields' values; authorization may be "" */
};

extern const struct belay_option http_client_option_table[];
extern const struct belay_option http_client_param_table[];

/* ---- what can be told before anything is made (client_check.c) ---- */

/* What is wrong with a path; NULL: nothing. Visible ASCII without '#'; and no "." or ".." as a segment, which a
 * server would resolve to another resource than the flow named. whole: false where more follows. */
const char *http_path_fault(struct belay_str path, bool whole);
/* What is wrong with a base_url; NULL: nothing, and *ret_tls is told. url: to work with. */
const char *http_url_fault(CURLU *url, const char *text, bool *ret_tls);
/* The descriptor's check. */
bool http_check(const char *name, struct belay_str text, bool whole, struct belay_option_fault *ret_fault);

/* Copies and checks. Errors: BELAY_INVALID (names the option), BELAY_NOMEM. */
int http_client_options_init(struct http_client_options *o, const struct belay_connection_config *config,
                             struct belay_err *err) BELAY_MUST_CHECK;
void http_client_options_deinit(struct http_client_options *o);

struct http_wire;

struct http_call {
    struct http_job job;       /* the way to the loop */
    struct http_call *next;    /* given back */
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
    CURL *easy;                /* active through libcurl; NULL: see wire */
    struct http_wire *wire;    /* active on a wire; both NULL: waiting */
    unsigned sendings;         /* times libcurl was about to send it */
    bool repeated, too_large;
    bool stale;                /* its kept connection had something to say before it was asked */
    bool head_ended;           /* of the answer; through libcurl */
    struct belay_buf answer, answer_head;
    struct belay_call_outcome *spare; /* used when there is no memory for the real one */
};

/* A socket of libcurl's on the loop. One that it opened as a connection stays armed between two
 * transfers, so that a kept connection costs no epoll_ctl; on_close_socket ends it. */
struct http_watch {
    uv_poll_t poll;
    struct belay_connection *client;
    curl_socket_t socket;
    int events; /* armed for; 0: not armed */
    bool kept, wanted;
    int local_port;   /* 0: not known yet */
    bool multiplexed; /* HTTP/2: the other side may speak at any time */
};

struct belay_connection {
    struct http_loop loop;
    struct http_client_options options;
    belay_call_done *done;
    void *done_arg;
    bool closing;             /* R */
    _Atomic uint32_t pending; /* calls accepted and not yet done */
    struct http_call *spare_calls;              /* R */
    struct http_call *_Atomic given_back_calls; /* pushed by L, all of them taken at once by R */
    _Atomic uint32_t spare_call_count;          /* in both lists */
    /* all below: L */
    CURLM *multi;
    uv_timer_t curl_timer, deadline_timer, drain_timer;
    uv_prepare_t turn_end;    /* the end of a turn of the loop, before it sleeps */
    uint64_t deadline_due_ms; /* of the running deadline timer; UINT64_MAX: none */
    uint64_t curl_due_ms, curl_armed_ms; /* what libcurl wants; what curl_timer is set to; as above */
    struct belay_list wires; /* idle */
    char *input;             /* what any wire reads, for the moment */
    struct http_watch **watches; /* by socket */
    uint32_t watch_count;        /* length of watches */
    struct belay_call_outcome *outcomes[HTTP_OUTCOMES_BATCH];
    uint32_t outcome_count;
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

/* ---- client.c: of libcurl's connections, arg the connection ---- */

int http_client_on_open_socket(void *arg, curl_socket_t socket, curlsocktype purpose);
int http_client_on_close_socket(void *arg, curl_socket_t socket);

/* The call is to be sent on a kept connection, and what that has to say is nobody's answer. */
bool http_client_has_more_to_read(struct http_call *call, int local_port);

/* ---- client.c: for wires ---- */

/* The call's one end; its wire is released. */
void http_client_end(struct http_call *call, CURLcode code);
/* After some ended: others begin. */
void http_client_turn(struct belay_connection *client);

/* ---- client_call.c ---- */

/* client_preview.c */
int http_preview(struct belay_connection *client, const struct belay_call_request *request, struct belay_arena *arena,
                 struct belay_call_preview *ret_preview, struct belay_err *err);

/* Copies the request. Errors: BELAY_INVALID, BELAY_NOMEM. */
int http_call_new(struct belay_connection *client, const struct belay_call_request *request,
                  struct http_call **ret_call, struct belay_err *err) BELAY_MUST_CHECK;
/* L: keeps it for another call, or frees it. */
void http_call_give_back(struct http_call *call);
void http_call_free(struct http_call *call);
/* Frees those kept; nobody calls any more. */
void http_calls_free(struct belay_connection *client);
/* Gives it an easy handle and tells it all. CURLE_OK, or why not. */
CURLcode http_call_prepare(struct http_call *call);
/* A new easy handle that only connects; belongs to the caller, also on failure when not NULL. */
CURLcode http_call_prepare_connect(struct http_call *call, CURL **ret_easy);
/* False: over the limit, or no memory. */
bool http_call_take_body(struct http_call *call, const char *p, size_t n);
/* Without even a length. */
bool http_call_is_bodiless(const struct http_call *call);
/* A byte of it was handed to the system. */
bool http_call_was_sent(const struct http_call *call);
/* What it came to; belongs to the caller. */
struct belay_call_outcome *http_call_outcome(struct http_call *call, enum http_end end, CURLcode code);
bool http_method_is_idempotent(struct belay_str method);

#endif
