/* who.h - who asks, and what he may do (who.c).  Private to admin.  Thread: any. */
#ifndef BELAY_ADMIN_WHO_H
#define BELAY_ADMIN_WHO_H

#include "admin/admin.h"
#include "base/arena.h"
#include "connector/http/server.h"

struct admin_token {
    struct belay_str name, secret; /* views of token_text */
    enum belay_role role;
};

/* Lines of TOKEN, NAME TOKEN or NAME ROLE TOKEN. Errors: BELAY_INVALID, BELAY_LIMIT. */
int tokens_parse(struct belay_admin *admin, struct belay_err *err) BELAY_MUST_CHECK;
/* The one that the request bears, of --admin-token's file or of the definitions (NULL: none), whose views it has. False:
 * none of them. */
bool token_of(const struct belay_admin *admin, const struct belay_definitions *d, const struct belay_http_request *http,
              struct admin_token *ret_token);
/* Of the user at the other end of the unix socket: who runs Belay, and root, are admins; others as the definitions say. */
enum belay_role role_of_user(const struct belay_definitions *d, struct belay_str peer, struct belay_arena *arena);
/* For audit records: the unix user at the other end of the socket, or the token's name; with a name that was said
 * (X-Belay-User) "NAME (by USER)". Not empty; at most BELAY_TRAIL_WHO_BYTES_MAX. token: NULL on the unix socket. */
struct belay_str who_asks(const struct belay_http_request *http, const struct admin_token *token, struct belay_arena *arena);

#endif
