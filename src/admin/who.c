/* who.c - who asks: the tokens that open the door over TCP, and the name that goes into audit records.
 *
 * What is proven comes first in a record's worth: the user of the process at the other end of the socket, or the
 * token's name.  A name that was only said (X-Belay-User: `--as`) never hides it: "alice (by root)". */
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "admin/impl.h"

#define TOKEN_BYTES_MIN 16

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* A line: [NAME] SECRET. */
static int add_token(struct belay_admin *admin, struct belay_str line, struct belay_err *err)
{
    size_t at = 0;
    while (at < line.n && !blank(line.p[at]))
        at++;
    struct admin_token t = { BELAY_STR("token"), line };
    if (at < line.n) {
        t.name = belay_str_sub(line, 0, at);
        t.secret = belay_str_trim(belay_str_sub(line, at, line.n));
    }
    for (size_t i = 0; i < t.secret.n; i++)
        if (blank(t.secret.p[i]))
            return belay_fail(err, BELAY_INVALID, "a line of the token file is TOKEN or NAME TOKEN");
    if (t.secret.n < TOKEN_BYTES_MIN)
        return belay_fail(err, BELAY_INVALID, "the token '%.*s' has less than %d characters: too easy to guess",
                          BELAY_STR_ARG(t.name), TOKEN_BYTES_MIN);
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

const struct admin_token *token_of(const struct belay_admin *admin, const struct belay_http_request *http)
{
    static const struct belay_str scheme = BELAY_STR_INIT("Bearer ");
    struct belay_str given = belay_http_header(http, BELAY_STR("authorization"));
    const struct admin_token *found = NULL;
    if (!belay_str_starts(given, scheme))
        return NULL;
    given = belay_str_sub(given, scheme.n, given.n);
    for (uint32_t i = 0; i < admin->token_count; i++)
        if (same_secret(given, admin->tokens[i].secret))
            found = &admin->tokens[i];
    return found;
}

/* "uid 1000" of a unix socket's peer is a user; any other peer is an address. */
static struct belay_str user_of(struct belay_str peer, struct belay_arena *arena)
{
    struct belay_str prefix = BELAY_STR("uid ");
    struct passwd entry, *user = NULL;
    char memory[4096];
    uint64_t uid;
    if (!belay_str_starts(peer, prefix) || !belay_str_to_u64(belay_str_sub(peer, prefix.n, peer.n), &uid)
        || getpwuid_r((uid_t)uid, &entry, memory, sizeof memory, &user) != 0 || !user)
        return peer;
    struct belay_str name = belay_arena_str(arena, belay_str_c(user->pw_name));
    return name.p ? name : peer;
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
