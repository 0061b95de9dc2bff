/* who.c - who asks: the tokens that open the door over TCP, and the name that goes into audit records.
 *
 * What is proven comes first in a record's worth: the user of the process at the other end of the socket, or the
 * token's name.  A name that was only said (X-Belay-User: `--as`) never hides it: "alice (by root)". */
#include "admin/who.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "admin/room.h"
#include "base/limits.h"

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct belay_str next_word(struct belay_str *rest)
{
    struct belay_str line = belay_str_trim(*rest);
    size_t at = 0;
    while (at < line.n && !blank(line.p[at]))
        at++;
    *rest = belay_str_trim(belay_str_sub(line, at, line.n));
    return belay_str_sub(line, 0, at);
}

/* A line: [NAME [ROLE]] SECRET. Whose role is not said may do everything, as before there were roles. */
static int read_token(struct belay_str line, struct admin_token *ret_token, struct belay_err *err)
{
    struct belay_str words[4], role = BELAY_STR("admin");
    uint32_t n = 0;
    while (line.n && n < 4)
        words[n++] = next_word(&line);
    if (n > 3)
        return belay_fail(err, BELAY_INVALID, "a line of the token file is TOKEN, NAME TOKEN or NAME ROLE TOKEN");
    struct admin_token t = { .name = n > 1 ? words[0] : BELAY_STR("token"), .secret = words[n - 1] };
    if (n == 3)
        role = words[1];
    if (!belay_role_parse(role, &t.role))
        return belay_fail(err, BELAY_INVALID, "the token of '%.*s': a role is viewer, operator or admin, not '%.*s'",
                          BELAY_STR_ARG(t.name), BELAY_STR_ARG(role));
    if (t.secret.n < BELAY_ADMIN_TOKEN_BYTES_MIN)
        return belay_fail(err, BELAY_INVALID, "the token '%.*s' has less than %d characters: too easy to guess",
                          BELAY_STR_ARG(t.name), BELAY_ADMIN_TOKEN_BYTES_MIN);
    *ret_token = t;
    return BELAY_OK;
}

static int add_token(struct belay_admin *admin, struct belay_str line, struct belay_err *err)
{
    struct admin_token t;
    int status = read_token(line, &t, err);
    if (status != BELAY_OK)
        return status;
    for (uint32_t i = 0; i < admin->token_count; i++)
        if (belay_str_eq(admin->tokens[i].name, t.name) || belay_str_eq(admin->tokens[i].secret, t.secret))
            return belay_fail(err, BELAY_INVALID, "two lines of the token file have one name or token ('%.*s'): nobody could tell "
                              "who came", BELAY_STR_ARG(t.name));
    if (admin->token_count == ADMIN_TOKENS_MAX)
        return belay_fail(err, BELAY_LIMIT, "more than %d tokens", ADMIN_TOKENS_MAX);
    admin->tokens[admin->token_count++] = t;
    return BELAY_OK;
}

int tokens_parse(struct belay_admin *admin, struct belay_err *err)
{
    struct belay_str rest = admin->token_text;
    int status = BELAY_OK;
    while (rest.n && status == BELAY_OK) {
        struct belay_str line = belay_str_trim(belay_str_split(&rest, '\n'));
        if (line.n && line.p[0] != '#')
            status = add_token(admin, line, err);
    }
    return status;
}

/* Takes as long for a wrong one, however much of it is right. */
static bool same_secret(struct belay_str a, struct belay_str b)
{
    unsigned char difference = a.n != b.n;
    for (size_t i = 0; i < a.n; i++)
        difference |= (unsigned char)(a.p[i] ^ b.p[b.n ? i % b.n : 0]);
    return difference == 0;
}

bool token_of(const struct belay_admin *admin, const struct belay_definitions *d, const struct belay_http_request *http,
              struct admin_token *ret_token)
{
    static const struct belay_str scheme = BELAY_STR_INIT("Bearer ");
    struct belay_str given = belay_http_header(http, BELAY_STR("authorization"));
    bool found = false;
    if (!belay_str_starts(given, scheme))
        return false;
    given = belay_str_sub(given, scheme.n, given.n);
    for (uint32_t i = 0; i < admin->token_count; i++)
        if (same_secret(given, admin->tokens[i].secret)) {
            *ret_token = admin->tokens[i];
            found = true;
        }
    for (uint32_t i = 0; d && i < d->token_count; i++)
        if (same_secret(given, d->tokens[i].token)) {
            *ret_token = (struct admin_token){ d->tokens[i].name, d->tokens[i].token, d->tokens[i].role };
            found = true;
        }
    return found;
}

/* "uid 1000" of a unix socket's peer. */
static bool uid_of(struct belay_str peer, uint64_t *ret_uid)
{
    struct belay_str prefix = BELAY_STR("uid ");
    return belay_str_starts(peer, prefix) && belay_str_to_u64(belay_str_sub(peer, prefix.n, peer.n), ret_uid);
}

/* The name of a user; any other peer is an address. */
static struct belay_str user_of(struct belay_str peer, struct belay_arena *arena)
{
    struct passwd entry, *user = NULL;
    char memory[4096];
    uint64_t uid;
    if (!uid_of(peer, &uid) || getpwuid_r((uid_t)uid, &entry, memory, sizeof memory, &user) != 0 || !user)
        return peer;
    struct belay_str name = belay_arena_str(arena, belay_str_c(user->pw_name));
    return name.p ? name : peer;
}

enum belay_role role_of_user(const struct belay_definitions *d, struct belay_str peer, struct belay_arena *arena)
{
    uint64_t uid;
    if (uid_of(peer, &uid) && (uid == 0 || uid == geteuid()))
        return BELAY_ROLE_ADMIN; /* who could read the store as well */
    struct belay_str name = user_of(peer, arena);
    for (uint32_t i = 0; d && i < d->user_count; i++)
        if (belay_str_eq(d->users[i].name, name))
            return d->users[i].role;
    return BELAY_ROLE_NONE;
}

/* At most max bytes, without what a log line or a terminal would take for more than text. */
static struct belay_str plain(struct belay_str s, size_t max, struct belay_arena *arena)
{
    size_t n = s.n < max ? s.n : max;
    while (n && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--; /* no code point is cut in two */
    struct belay_str copy = belay_arena_str(arena, belay_str_sub(s, 0, n));
    for (size_t i = 0; i < copy.n; i++)
        if ((unsigned char)copy.p[i] < ' ' || copy.p[i] == 127)
            ((char *)(uintptr_t)copy.p)[i] = '?';
    return copy;
}

struct belay_str who_asks(const struct belay_http_request *http, const struct admin_token *token,
                          struct belay_arena *arena)
{
    struct belay_str proven = token ? token->name : user_of(http->peer, arena);
    struct belay_str said = belay_http_header(http, BELAY_STR("x-belay-user"));
    proven = plain(proven, BELAY_TRAIL_WHO_BYTES_MAX / 2, arena);
    said = plain(belay_str_trim(said), BELAY_TRAIL_WHO_BYTES_MAX / 3, arena);
    if (!said.n || belay_str_eq(said, proven))
        return proven.n ? proven : BELAY_STR("unknown");
    struct belay_str both = belay_arena_printf(arena, "%.*s (by %.*s)", BELAY_STR_ARG(said), BELAY_STR_ARG(proven));
    return both.p ? both : BELAY_STR("unknown");
}
