/* room.h - the admin API itself: its servers and its tokens.  Private to admin.  Written by open, before a server
 * runs; read-only after that, on any thread, but for alive. */
#ifndef BELAY_ADMIN_ROOM_H
#define BELAY_ADMIN_ROOM_H

#include <stdatomic.h>

#include "admin/admin.h"
#include "admin/who.h"

#define ADMIN_SERVERS_MAX 3
#define ADMIN_TOKENS_MAX 64

struct belay_admin {
    struct belay_runtime *runtime;
    struct belay_http_io *io;
    struct belay_http_server *servers[ADMIN_SERVERS_MAX];
    uint32_t server_count;
    struct belay_str token_text; /* belay_memdup0 */
    struct admin_token tokens[ADMIN_TOKENS_MAX];
    uint32_t token_count;
    _Atomic uint32_t alive; /* servers that have not said closed */
};

#endif
