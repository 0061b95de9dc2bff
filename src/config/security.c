#include "config/security.h"

#include "base/limits.h"
#include "config/parts.h"
#include "config/redact.h"

struct security_raw {
    struct belay_security_def def;
    const struct config_node *keys, *users, *jwks, *audience, *subjects;
};

static const struct config_key security_keys[] = {
    { "keys", CONFIG_ANY_NODE, .shape = "names: strings",
      .help = "Of an apiKey scheme: who has which key; a key comes from ${NAME} or ${file:/path}.",
      CONFIG_FIELD(struct security_raw, keys) },
    { "users", CONFIG_ANY_NODE, .shape = "names: strings",
      .help = "Of http basic: users and their passwords, from ${NAME} or ${file:/path}.",
      CONFIG_FIELD(struct security_raw, users) },
    { "jwks", CONFIG_TEXT_NODE, .shape = "path of a file, or a URL",
      .help = "Of bearer tokens: the JWKS with the keys that sign them. A URL is asked again and again.",
      CONFIG_FIELD(struct security_raw, jwks) },
    { "issuer", CONFIG_STRING, "Of bearer tokens: the iss they must have.",
      CONFIG_FIELD(struct security_raw, def.issuer) },
    { "audience", CONFIG_TEXTS_NODE, "Of bearer tokens: one of these must be in aud.",
      CONFIG_FIELD(struct security_raw, audience) },
    { "leeway", CONFIG_DURATION, "How far clocks may differ where a token begins and expires.", .default_ = "30s",
      .max = 600000, CONFIG_FIELD(struct security_raw, def.leeway_ms) },
    { "refresh", CONFIG_DURATION, "How often the JWKS of a URL is fetched; an unknown key fetches it at once.",
      .default_ = "10m", .min = 1000, .max = 86400000, CONFIG_FIELD(struct security_raw, def.refresh_ms) },
    { "subjects", CONFIG_TEXTS_NODE, "Of mutualTLS: subjects of certificates (RFC 2253); without it any verified one.",
      CONFIG_FIELD(struct security_raw, subjects) },
    { 0 },
};

static bool take_fields(struct config *c, const struct config_node *node, const struct belay_field **ret_fields,
                        uint32_t *ret_count)
{
    if (node->kind != CONFIG_MAP) {
        config_error(c->problems, config_place(node), "type", "a mapping of strings is wanted here, not %s",
                     config_kind_text(node));
        return false;
    }
    struct belay_field *fields = CONFIG_ARRAY(c, struct belay_field, node->count + 1);
    uint32_t count = 0;
    if (!fields)
        return false;
    for (const struct config_link *m = node->first; m; m = m->next) {
        struct belay_str text;
        if (!config_text(c, m->value, &text))
            return false;
        if (!text.n) /* an empty variable must not open the door */
            config_error(c->problems, config_place(m->value), "security", "the secret of '%.*s' is empty",
                         BELAY_STR_ARG(m->key->text));
        config_secret(c, text);
        fields[count++] = (struct belay_field){ config_keep(c, m->key->text), config_keep(c, text) };
    }
    *ret_fields = fields;
    *ret_count = count;
    return true;
}

static bool is_url(struct belay_str text)
{
    return belay_str_starts(text, BELAY_STR("https://")) || belay_str_starts(text, BELAY_STR("http://"));
}

static void take_jwks(struct config *c, const struct config_node *node, struct belay_security_def *def)
{
    struct belay_str text;
    struct belay_buf bytes;
    struct belay_err err = { 0 };
    if (!config_text(c, node, &text))
        return;
    if (is_url(text)) {
        def->jwks_url = config_keep(c, text);
        return;
    }
    struct belay_str path = config_resolve(c, node->file, text);
    belay_buf_init(&bytes, BELAY_MIB(1));
    int status = path.p ? config_read_bytes(c, path.p, &bytes, &err) : BELAY_NOMEM;
    if (status == BELAY_NOMEM)
        config_no_memory(c);
    else if (status)
        config_error(c->problems, config_place(node), "file", "the JWKS cannot be read: %s", err.msg);
    else
        def->jwks_text = config_keep(c, belay_buf_view(&bytes));
    belay_buf_deinit(&bytes);
}

static void finish(struct config *c, const struct config_node *node, void *target)
{
    struct security_raw *raw = target;
    struct belay_security_def *def = &raw->def;
    (void)node;
    if (raw->keys)
        take_fields(c, raw->keys, &def->keys, &def->key_count);
    if (raw->users)
        take_fields(c, raw->users, &def->users, &def->user_count);
    if (raw->jwks)
        take_jwks(c, raw->jwks, def);
    if (raw->audience)
        config_texts(c, raw->audience, &def->audiences, &def->audience_count);
    if (raw->subjects)
        config_texts(c, raw->subjects, &def->subjects, &def->subject_count);
}

const struct config_kind config_kind_security = {
    "api-security",
    "What proves who is calling: for one security scheme of the OpenAPI document.",
    security_keys,
    sizeof(struct security_raw),
    .finish = finish,
};

void config_security(struct config *c, const struct config_node *node, const struct belay_security_def **ret_security,
                     uint32_t *ret_count)
{
    uint32_t count = 0;
    struct belay_security_def *all = CONFIG_ARRAY(c, struct belay_security_def, config_count(node) + 1);
    if (!all || node->kind != CONFIG_MAP)
        return;
    for (const struct config_link *m = node->first; m && !c->status; m = m->next) {
        struct security_raw raw = { 0 };
        if (!config_check_name(c, m->key, "security scheme"))
            continue;
        config_parse(c, &config_kind_security, m->value, &raw);
        all[count] = raw.def;
        all[count++].name = config_keep(c, m->key->text);
    }
    *ret_security = all;
    *ret_count = count;
}
