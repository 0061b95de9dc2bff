/* scripted_server.h - an HTTP server that misbehaves on demand, for tests of clients.  Threads and
 * blocking sockets on 127.0.0.1; the path says what it does:
 *
 *   /status/503[?headers]  that status, body {"status":503}; /status/429/after adds Retry-After: 2,
 *                          /status/503/date one with a date 10 s from now
 *   /echo                  200, the request's bytes as body
 *   /slow/200              200 after so many ms
 *   /never                 no answer, connection kept open
 *   /bye                   200, {}, then closes without having said so
 *   /lost                  takes the request, closes without a byte
 *   /cut                   promises 100 bytes, sends 10, closes
 *   /raw                   the request's body as it is, with a pause at each '|'; then closes,
 *                          /raw/kept does not
 *   /early                 413 once the head is there, closes without reading the body
 *   /big/70000             200 with so many bytes
 *   /garbage               something that is no HTTP
 *   any other              200, {}
 */
#ifndef BELAY_TESTS_SCRIPTED_SERVER_H
#define BELAY_TESTS_SCRIPTED_SERVER_H

#include <stdint.h>

struct scripted_server;

struct scripted_server *scripted_server_start(void);
void scripted_server_stop(struct scripted_server *s);
uint16_t scripted_server_port(const struct scripted_server *s);
/* Requests whose head was read so far. */
uint32_t scripted_server_requests(const struct scripted_server *s);
uint32_t scripted_server_connections(const struct scripted_server *s);
/* Connections that it has closed: the client's system knows. */
uint32_t scripted_server_closed(const struct scripted_server *s);

#endif
