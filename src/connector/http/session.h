/* session.h - one client's connection without its socket: bytes in, bytes out, deadlines.
 * Uses: exchange, llhttp.  Thread: the I/O thread.
 *
 *            first byte        head complete          body complete
 *   IDLE ----------------> HEAD -------------> BODY -----------------> IDLE
 *     |                     |                   |                       (the pipeline holds what is
 *     |  eof, timeout, refusal, Connection: close, draining             not answered or not written)
 *     +---------------------+-------------------+--> ENDING: bytes are discarded; when the pipeline
 *                                                    is empty the session is finished.
 *   Beside HEAD and BODY, `held`: the pipeline or the output is full, bytes wait in `rest`.
 *
 * Answers leave in the order in which requests came. The owner writes `out` to the client, calls
 * http_session_resume when it has shrunk, and closes when http_session_is_finished and out is empty
 * (reading on for a moment first when `linger`: a reset would take the last answer away). */
#ifndef BELAY_CONNECTOR_HTTP_SESSION_H
#define BELAY_CONNECTOR_HTTP_SESSION_H

#include <llhttp.h>

#include "connector/http/exchange.h"

enum http_session_phase { HTTP_PHASE_IDLE, HTTP_PHASE_HEAD, HTTP_PHASE_BODY, HTTP_PHASE_ENDING };

struct http_span {
    uint32_t name, name_bytes, value, value_bytes; /* offsets in head */
};

struct http_session {
    struct http_host *host;
    struct belay_str peer, subject;         /* of the owner, as long as the session */
    void (*changed)(struct http_session *s); /* there is output, or it is finished: owner takes a look */
    enum http_session_phase phase;
    bool held, linger, broken; /* broken: what is in `out` is not to be sent either */
    bool eof_held; /* the client is through, but bytes of it wait in `rest` */
    bool skip_body, want_continue;
    uint64_t deadline_ms; /* UINT64_MAX: none */
    uint64_t body_began_ms;
    size_t body_received;
    llhttp_t parser;
    struct http_exchange *x; /* being received; in the pipeline too */
    struct belay_list pipeline;
    uint32_t pipeline_count;
    struct belay_buf out, rest, head;
    uint32_t target_bytes, span_count;
    bool span_open;
    struct http_span spans[BELAY_HEADERS_MAX];
};

void http_session_init(struct http_session *s, struct http_host *host, struct belay_str peer,
                       struct belay_str subject, void (*changed)(struct http_session *s));
/* What was handed over lives on, and is discarded when answered. */
void http_session_deinit(struct http_session *s);
/* bytes are read during the call only. */
void http_session_feed(struct http_session *s, struct belay_str bytes);
/* The client sends no more; what is pending is still answered. */
void http_session_eof(struct http_session *s);
/* Looks at the deadline. */
void http_session_tick(struct http_session *s);
/* No new requests; ends after those it has. */
void http_session_drain(struct http_session *s);
/* After out was written: goes on with what was held. */
void http_session_resume(struct http_session *s);
/* False while it is held: leave the bytes with the system. */
bool http_session_wants_bytes(const struct http_session *s);
bool http_session_is_finished(const struct http_session *s);

/* ---- between the session's own files ---- */

void http_session_answered(struct http_session *s);
/* The callbacks of the parser (reader.c). */
extern const llhttp_settings_t http_reader_settings;
/* Refuses what is being received and ends the session. */
void http_session_refuse(struct http_session *s, uint32_t status, const char *detail);
/* Takes no more bytes; what is in the pipeline is still answered. */
void http_session_end(struct http_session *s);
/* Renders what is answered at the front of the pipeline. */
void http_session_pump(struct http_session *s);
bool http_session_is_full(const struct http_session *s);

/* Looks at a head whose fields are in x->request: routes it, checks its fields and parameters.
 * 0: goes on; else x was refused with that status (admit.c). */
uint32_t http_admit_head(struct http_exchange *x, bool has_body);
/* Looks at the body, then hands it over; x is ANSWERED or HANDED (or gone) afterwards. */
void http_admit_body(struct http_exchange *x);

#endif
