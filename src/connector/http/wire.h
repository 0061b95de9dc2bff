/* wire.h - HTTP/1.1 in the clear on sockets that libcurl connected: the short way of a call.
 * Uses: client_impl, llhttp.  Thread: the loop's.
 *
 * libcurl resolves names, connects and keeps connect_timeout; what it does for each request costs more
 * than the system calls, so a plain connection (http://, no proxy, no password) speaks for itself.
 * Everything else goes through libcurl: TLS, HTTP/2, proxies, Basic authentication.
 *
 *   CONNECTING --> BUSY --answer complete, kept alive--> IDLE --> BUSY ...
 *       |            |                                     |
 *       +------------+-------------------------------------+--> gone (socket closed)
 *
 * Invariant: a wire is CONNECTING or BUSY for exactly one call, call->wire; IDLE ones are in
 * client->wires, none of whose sockets has said anything since. */
#ifndef BELAY_CONNECTOR_HTTP_WIRE_H
#define BELAY_CONNECTOR_HTTP_WIRE_H

#include "connector/http/client_impl.h"

/* Gives the call a wire, and sends it or begins to connect. CURLE_OK, or why not. */
CURLcode http_wire_start(struct http_call *call);
/* libcurl is done with connecting it. */
void http_wire_connected(struct http_wire *wire, CURLcode code);
/* A byte of its call was handed to the system. */
bool http_wire_has_sent(const struct http_wire *wire);
uint32_t http_wire_status(const struct http_wire *wire);
/* Its call has ended: the wire is kept for another when its answer is complete, or goes. */
void http_wire_release(struct http_wire *wire);
/* No call is active. */
void http_wires_close(struct belay_connection *client);

#endif
