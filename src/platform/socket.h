/* socket.h - listening sockets for event loops to serve.  Uses: base.  Thread: any.
 * Descriptors are non-blocking, closed on exec, and belong to the caller (belay_socket_close). */
#ifndef BELAY_PLATFORM_SOCKET_H
#define BELAY_PLATFORM_SOCKET_H

#include <stdint.h>

#include "base/status.h"
#include "base/str.h"

/* address: "127.0.0.1:7000", "[::1]:7000", ":7000" (every interface), "localhost:7000"; port 0 lets
 * the system choose. *ret_port (may be NULL) is the one it has.
 * Errors: BELAY_INVALID (no such address), BELAY_EXISTS (in use), BELAY_DENIED, BELAY_LIMIT. */
int belay_listen_tcp(struct belay_str address, int *ret_fd, uint16_t *ret_port,
                     struct belay_err *err) BELAY_MUST_CHECK;
/* A unix socket for this user only. A socket file left over from a process that died is replaced;
 * the caller holds the lock of the directory, so nobody serves it.
 * Errors: BELAY_LIMIT (path over 107 bytes), BELAY_EXISTS (something that is no socket is there). */
int belay_listen_unix(const char *path, int *ret_fd, struct belay_err *err) BELAY_MUST_CHECK;
/* Connects, blocking; for the command line. Errors: BELAY_NOTFOUND, BELAY_UNAVAILABLE (nobody
 * listens), BELAY_DENIED. */
int belay_connect_unix(const char *path, int *ret_fd, struct belay_err *err) BELAY_MUST_CHECK;
void belay_socket_close(int fd);

#endif
