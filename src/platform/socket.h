/* socket.h - a blocking connection to a unix socket, for the command line.  Uses: base.  Thread: any.
 * Servers listen through their event loop (connector/http/host.c). */
#ifndef BELAY_PLATFORM_SOCKET_H
#define BELAY_PLATFORM_SOCKET_H

#include "base/status.h"

/* *ret_fd is closed on exec and belongs to the caller (belay_socket_close). Errors: BELAY_LIMIT (path over
 * 107 bytes), BELAY_NOTFOUND, BELAY_UNAVAILABLE (nobody listens), BELAY_DENIED. */
int belay_connect_unix(const char *path, int *ret_fd, struct belay_err *err) BELAY_MUST_CHECK;
void belay_socket_close(int fd);

#endif
