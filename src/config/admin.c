/* admin: tokens of the admin API and users of its socket, each with a role. */
#include "config/admin.h"

#include "base/limits.h"
#include "config/redact.h"
#include "config/scalar.h"

static const struct config_word role_words[] = { { "viewer", BELAY_ROLE_VIEWER }, { "operator", BELAY_ROLE_OPERATOR },
                                                 { "admin", BELAY_ROLE_ADMIN }, { 0 } };

struct caller_raw {
    int role;
    const struct config_node *token;
};

#define ROLE_KEY                                                                                                       \
    { "role", CONFIG_WORD,                                                                                             \
      "viewer looks; operator also settles, replays, edits, discards, parks, and may see what is redacted; admin also moves " \
      "cursors, makes backups and lets a restored store run.",                                                         \
      .required = true, .words = role_words, CONFIG_FIELD(struct caller_raw, role) }

static const struct config_key token_keys[] = {
    ROLE_KEY,
    { "token", CONFIG_TEXT_NODE, .shape = "text", .required = true,
      .help = "What is sent as Authorization: Bearer; at least 16 characters, from a ${file:} or a ${VARIABLE}.",
      CONFIG_FIELD(struct caller_raw, token) },
    { 0 },
};
static const struct config_key user_keys[] = { ROLE_KEY, { 0 } };

static const struct config_kind kind_token = {
    "admin-token", "Somebody, or a program, that comes over TCP; its name is in each audit record.", token_keys,
    sizeof(struct caller_raw), .short_key = NULL,
};
static const struct config_kind kind_user = {
    "admin-user", "A user of this machine that comes by the unix socket, where its file permissions let him.", user_keys,
    sizeof(struct caller_raw), .short_key = "role",
};

struct admin_raw {
    const struct config_node *tokens, *users;
};

static const struct config_key admin_keys[] = {
    { "tokens", CONFIG_NAMED_NODE, "Who may come over TCP (--admin), besides those of --admin-token.",
      CONFIG_FIELD(struct admin_raw, tokens), .kind = &kind_token },
    { "users", CONFIG_NAMED_NODE,
      "Who may come by the unix socket besides the user that runs Belay, and root, who are admins: name of a user, and role.",
      CONFIG_FIELD(struct admin_raw, users), .kind = &kind_user },
    { 0 },
};

const struct config_kind config_kind_admin = {
    "admin", "Who may do what by the admin API, and so by the commands.", admin_keys, sizeof(struct admin_raw), .short_key = NULL,
};

/* ---- into the set ---- */

struct callers {
    struct config *c;
    struct belay_caller_def *items;
    const struct config_node **places; /* their names */
    uint32_t count;
};

static bool is_new(struct callers *to, const struct config_node *key)
{
    for (uint32_t i = 0; i < to->count; i++) {
        const struct config_node *before = to->places[i];
        if (!belay_str_eq(to->items[i].name, key->text))
            continue;
        if (before->file != key->file) { /* of one mapping the file's reader has said so */
            struct belay_problem *p = config_error(to->c->problems, config_place(key), "duplicate-name", "'%.*s' is defined twice",
                                                   BELAY_STR_ARG(key->text));
            config_suggest(to->c->problems, p, "the first is in %.*s:%u:%u", BELAY_STR_ARG(before->file->path), before->line,
                           before->column);
        }
        return false;
    }
    return true;
}

static void judge_token(struct callers *to, const struct config_node *node, struct belay_str token)
{
    struct config *c = to->c;
    if (token.n < BELAY_ADMIN_TOKEN_BYTES_MIN)
        config_error(c->problems, config_place(node), "security", "a token of less than %d characters is too easy to guess",
                     BELAY_ADMIN_TOKEN_BYTES_MIN);
    for (uint32_t i = 0; i < to->count; i++)
        if (belay_str_eq(to->items[i].token, token))
            config_error(c->problems, config_place(node), "security", "'%.*s' has the same token: nobody could tell who came",
                         BELAY_STR_ARG(to->items[i].name));
    if (node->kind == CONFIG_SCALAR && belay_str_eq(node->text, token))
        config_warning(c->problems, config_place(node), "token-in-file",
                       "the token stands in the file: ${file:/run/secrets/NAME} or ${NAME} keeps it out");
}

static void take_caller(struct callers *to, const struct config_kind *kind, const struct config_link *m)
{
    struct config *c = to->c;
    struct caller_raw raw = { 0 };
    struct belay_str token = BELAY_STR("");
    if (!config_check_name(c, m->key, kind->name) || !is_new(to, m->key))
        return;
    config_parse(c, kind, m->value, &raw);
    c->secret_here = true;
    bool read = !raw.token || config_text(c, raw.token, &token);
    c->secret_here = false;
    if (raw.token && read) {
        judge_token(to, raw.token, token);
        config_secret(c, token);
    }
    to->places[to->count] = m->key;
    to->items[to->count++] = (struct belay_caller_def){ config_keep(c, m->key->text), config_keep(c, token), (enum belay_role)raw.role };
}

static void take_callers(struct callers *to, const struct config_kind *kind, const struct config_node *node, uint32_t max)
{
    if (node && node->kind != CONFIG_MAP && !config_is_null(node))
        config_error(to->c->problems, config_place(node), "type", "a mapping of names is wanted here, not %s", config_kind_text(node));
    for (const struct config_link *m = config_count(node) ? node->first : NULL; m && !to->c->status; m = m->next)
        if (to->count < max)
            take_caller(to, kind, m);
}

void config_admin(struct config *c, const struct config_node *const *sections, uint32_t count)
{
    struct admin_raw *raws = config_scratch(c, (count + 1) * sizeof *raws);
    uint32_t tokens = 0, users = 0;
    for (uint32_t i = 0; raws && i < count; i++) {
        if (sections[i])
            config_parse(c, &config_kind_admin, sections[i], &raws[i]);
        tokens += config_count(raws[i].tokens);
        users += config_count(raws[i].users);
    }
    struct callers by_token = { c, CONFIG_ARRAY(c, struct belay_caller_def, tokens + 1), config_scratch(c, (tokens + 1) * sizeof(void *)), 0 };
    struct callers by_user = { c, CONFIG_ARRAY(c, struct belay_caller_def, users + 1), config_scratch(c, (users + 1) * sizeof(void *)), 0 };
    for (uint32_t i = 0; i < count && !c->status; i++) {
        take_callers(&by_token, &kind_token, raws[i].tokens, tokens);
        take_callers(&by_user, &kind_user, raws[i].users, users);
    }
    struct belay_definitions *d = &c->set->d;
    d->tokens = by_token.items;
    d->token_count = by_token.count;
    d->users = by_user.items;
    d->user_count = by_user.count;
}
