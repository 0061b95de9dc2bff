/* tls.h - the server's side of TLS on memory BIOs: cipher text in, plain text out, and back.
 * Uses: OpenSSL.  Thread: a context is made anywhere and shared; a tls belongs to the I/O thread. */
#ifndef BELAY_CONNECTOR_HTTP_TLS_H
#define BELAY_CONNECTOR_HTTP_TLS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/status.h"
#include "base/time.h"

struct http_tls_context;
struct http_tls;

/* TLS 1.2 and later, ALPN http/1.1. client_ca may be NULL; client_optional: who shows no
 * certificate is let in, without a subject. Errors: BELAY_INVALID (names the file),
 * BELAY_NOMEM. */
int http_tls_context_open(const char *cert, const char *key, const char *client_ca, bool client_optional,
                          struct http_tls_context **ret_context, struct belay_err *err)
    BELAY_MUST_CHECK;
/* Connections that were made of it live on. */
void http_tls_context_close(struct http_tls_context *context);
/* The earliest end of the certificate shown and its chain; BELAY_TIME_NEVER: none known. */
belay_time http_tls_context_until(const struct http_tls_context *context);

/* NULL without memory. */
struct http_tls *http_tls_new(struct http_tls_context *context);
void http_tls_free(struct http_tls *tls);
/* Takes what came; plain text is appended to plain, what must go out (handshake, alerts) to wire.
 * Errors: BELAY_CANCELLED (the client said goodbye), BELAY_DENIED (no TLS, or a bad one; send wire and
 * close), BELAY_NOMEM. */
int http_tls_receive(struct http_tls *tls, struct belay_str cipher, struct belay_buf *plain,
                     struct belay_buf *wire) BELAY_MUST_CHECK;
/* All of plain, encrypted, is appended to wire. Errors: BELAY_DENIED, BELAY_NOMEM. */
int http_tls_send(struct http_tls *tls, struct belay_str plain, struct belay_buf *wire)
    BELAY_MUST_CHECK;
/* Appends the goodbye. */
void http_tls_goodbye(struct http_tls *tls, struct belay_buf *wire);
/* Of the client's verified certificate (RFC 2253); "" without one. Lives as long as tls. */
struct belay_str http_tls_subject(struct http_tls *tls);

#endif
