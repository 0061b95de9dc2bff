/* redact: what may not be told.  Paths and header names are said; secrets are found while the files are read: what
 * comes out of a file or out of a variable that looks like one, and what stands where only secrets do. */
#include "config/redact.h"

#include "base/limits.h"
#include "config/parts.h"
#include "config/scalar.h"

struct redact_raw {
    const struct config_node *paths, *headers, *secrets;
};

static const struct config_key redact_keys[] = {
    { "paths", CONFIG_TEXTS_NODE,
      "Values in bodies of messages and answers: card.number, items.*.card, **.password, or a JSON Pointer. \"*\" is any "
      "member, \"**\" any number of them; elements of arrays need no mention.",
      CONFIG_FIELD(struct redact_raw, paths) },
    { "headers", CONFIG_TEXTS_NODE,
      "Names of headers besides those that always are: authorization, proxy-authorization, cookie, set-cookie, x-api-key, "
      "api-key, x-auth-token, x-access-token, x-csrf-token, x-amz-security-token.",
      CONFIG_FIELD(struct redact_raw, headers) },
    { "secrets", CONFIG_TEXTS_NODE,
      "Names of environment variables whose values nobody may see, PARTNER_* too; those that look like secrets need no "
      "mention.",
      CONFIG_FIELD(struct redact_raw, secrets) },
    { 0 },
};

const struct config_kind config_kind_redact = {
    "redact",
    "What never appears in logs, letters' excerpts, traces, the admin API and the commands, unless somebody who may asks "
    "for it: docs/redaction.md.",
    redact_keys,
    sizeof(struct redact_raw),
    .short_key = "paths",
};

/* ---- lists of texts that grow with each file ---- */

static void push(struct config *c, struct config_texts *to, struct belay_str text, const struct config_node *at)
{
    struct config_text_link *link = config_scratch(c, sizeof *link);
    struct belay_str kept = belay_arena_str(&c->scratch, text);
    if (!link)
        return;
    if (!kept.p) {
        config_no_memory(c);
        return;
    }
    *link = (struct config_text_link){ .text = kept, .at = at, .next = to->first };
    to->first = link;
    to->count++;
}

static const struct belay_str *flat(struct config *c, const struct config_texts *from)
{
    struct belay_str *texts = config_scratch(c, (from->count + 1) * sizeof *texts);
    uint32_t i = from->count;
    for (const struct config_text_link *l = from->first; texts && l; l = l->next)
        texts[--i] = l->text;
    return texts;
}

static void push_texts(struct config *c, const struct config_node *node, struct config_texts *to)
{
    const struct belay_str *texts;
    uint32_t count;
    if (!node || !config_texts(c, node, &texts, &count))
        return;
    const struct config_link *link = node->kind == CONFIG_LIST ? node->first : NULL;
    for (uint32_t i = 0; i < count && !c->status; i++, link = link ? link->next : NULL)
        push(c, to, texts[i], link ? link->value : node);
}

/* ---- secrets ---- */

void config_secret(struct config *c, struct belay_str value)
{
    value = belay_str_trim(value);
    if (value.n)
        push(c, &c->secrets, value, NULL);
}

static bool holds(struct belay_str name, struct belay_str word)
{
    for (size_t i = 0; i + word.n <= name.n; i++)
        if (belay_str_eq_nocase(belay_str_sub(name, i, word.n), word))
            return true;
    return false;
}

bool config_is_secret_name(const struct config *c, struct belay_str name)
{
    static const struct belay_str words[] = { BELAY_STR_INIT("SECRET"), BELAY_STR_INIT("TOKEN"), BELAY_STR_INIT("PASS"),
                                              BELAY_STR_INIT("CREDENTIAL"), BELAY_STR_INIT("PRIVATE"), BELAY_STR_INIT("KEY"),
                                              BELAY_STR_INIT("AUTH"), BELAY_STR_INIT("WEBHOOK"), BELAY_STR_INIT("COOKIE"),
                                              BELAY_STR_INIT("SIGNATURE"), BELAY_STR_INIT("SALT") };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (holds(name, words[i]))
            return true;
    for (const struct config_text_link *l = c->redact.secrets.first; l; l = l->next) {
        bool begins = belay_str_ends(l->text, BELAY_STR("*"));
        if (begins ? belay_str_starts(name, belay_str_sub(l->text, 0, l->text.n - 1)) : belay_str_eq(l->text, name))
            return true;
    }
    return false;
}

bool config_is_secret_header(const struct config *c, struct belay_str name)
{
    struct belay_str built_in;
    for (uint32_t i = 0; (built_in = belay_redact_built_in(i)).n; i++)
        if (belay_str_eq_nocase(built_in, name))
            return true;
    for (const struct config_text_link *l = c->redact.headers.first; l; l = l->next)
        if (belay_str_eq_nocase(l->text, name))
            return true;
    return false;
}

/* An address is told; what follows the host may be the secret of who may post there. */
void config_secret_url(struct config *c, struct belay_str url)
{
    size_t at = belay_str_find(url, ':') + 3;
    while (at < url.n && url.p[at] != '/' && url.p[at] != '?')
        at++;
    if (at + BELAY_REDACT_WORD_MIN < url.n)
        config_secret(c, belay_str_sub(url, at + 1, url.n));
}

/* As HTTP Basic authentication sends both. */
void config_secret_pair(struct config *c, struct belay_str user, struct belay_str password)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct belay_str pair = belay_arena_join(&c->scratch, user, BELAY_STR(":"), password);
    struct belay_buf text;
    if (!pair.p) {
        config_no_memory(c);
        return;
    }
    belay_buf_init(&text, 2 * pair.n + 8);
    for (size_t i = 0; i < pair.n; i += 3) {
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (i + k < pair.n ? (unsigned char)pair.p[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            belay_buf_put_c(&text, i + k <= pair.n ? digits[bits >> (18 - 6 * k) & 63] : '=');
    }
    if (belay_buf_status(&text) == BELAY_OK)
        config_secret(c, belay_buf_view(&text));
    else
        config_no_memory(c);
    belay_buf_deinit(&text);
}

/* ---- the sections ---- */

static bool is_header_name(struct belay_str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] >= 127 || name.p[i] == ':')
            return false;
    return name.n > 0;
}

void config_redact_read(struct config *c, const struct config_node *node)
{
    struct redact_raw raw = { 0 };
    struct belay_err err;
    if (!node)
        return;
    config_parse(c, &config_kind_redact, node, &raw);
    push_texts(c, raw.paths, &c->redact.paths);
    push_texts(c, raw.headers, &c->redact.headers);
    push_texts(c, raw.secrets, &c->redact.secrets);
    for (struct config_text_link *l = c->redact.paths.first; l; l = l->next)
        if (!l->judged) {
            l->judged = true;
            if (belay_redact_check_path(l->text, &err) != BELAY_OK)
                config_error(c->problems, config_place(l->at), "redact", "%s", err.msg);
        }
    for (struct config_text_link *l = c->redact.headers.first; l; l = l->next)
        if (!is_header_name(l->text))
            config_error(c->problems, config_place(l->at), "redact", "'%.*s' is no name of a header", BELAY_STR_ARG(l->text));
}

void config_redact_end(struct config *c)
{
    const struct belay_redact_opt opt = {
        .paths = flat(c, &c->redact.paths), .path_count = c->redact.paths.count,
        .headers = flat(c, &c->redact.headers), .header_count = c->redact.headers.count,
        .secrets = flat(c, &c->secrets), .secret_count = c->secrets.count,
    };
    struct belay_err err;
    if (c->status || c->problems->error_count)
        return;
    int status = belay_redact_new(&opt, c->arena, &c->set->d.redact, &err);
    if (status == BELAY_NOMEM)
        config_no_memory(c);
    else if (status != BELAY_OK)
        config_error(c->problems, c->redact.paths.first ? config_place(c->redact.paths.first->at) : (struct belay_place){ BELAY_STR(""), 0, 0 },
                     "limit", "%s", err.msg);
}
