#include "connector/http/security.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "connector/http/api.h"
#include "connector/http/text.h"

enum verdict { GOOD, ABSENT, WRONG, LACKING, FORBIDDEN, LATER }; /* how near, but for LATER */

struct look {
    struct belay_http_request *r;
    struct belay_str query;
    belay_time now;
    const char *why;              /* of WRONG */
    const struct http_demand *lacking; /* whose scope is missing */
};

/* ---- credentials ---- */

/* Every secret is compared, whole: how long it takes tells nothing. */
static const struct http_secret *find_secret(const struct http_scheme *s, struct belay_str shown)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    const struct http_secret *found = NULL;
    SHA256((const unsigned char *)(shown.n ? shown.p : ""), shown.n, digest);
    for (uint32_t i = 0; i < s->secret_count; i++)
        if (CRYPTO_memcmp(digest, s->secrets[i].digest, sizeof digest) == 0)
            found = &s->secrets[i];
    return found;
}

static enum verdict good(struct look *l, const struct http_scheme *s, struct belay_str who, const belay_json *claims)
{
    if (!l->r->auth.scheme.n) /* of several, the first is who asks */
        l->r->auth = (struct belay_http_auth){ s->name, who, claims };
    else if (claims && !l->r->auth.claims)
        l->r->auth.claims = claims;
    return GOOD;
}

/* A parameter's text, decoded; p NULL: absent. *ret_twice: and another one. */
static struct belay_str pair_text(struct look *l, struct belay_str text, char separator, struct belay_str name)
{
    struct belay_str found = BELAY_STR_NONE;
    while (text.p) {
        struct belay_str raw = belay_str_split(&text, separator), decoded;
        raw = belay_str_trim(raw);
        struct belay_str key = belay_str_split(&raw, '=');
        if (http_decode(l->r->arena, key, separator == '&', &decoded) || !belay_str_eq(decoded, name))
            continue;
        if (found.p || http_decode(l->r->arena, raw.p ? raw : BELAY_STR(""), separator == '&', &decoded))
            return BELAY_STR(""); /* two of them: neither counts */
        found = decoded.p ? decoded : BELAY_STR("");
    }
    return found;
}

static uint32_t count_fields(const struct belay_http_request *r, struct belay_str name)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->header_count; i++)
        count += belay_str_eq(r->headers[i].name, name);
    return count;
}

static struct belay_str key_shown(struct look *l, const struct http_scheme *s)
{
    if (s->in == BELAY_HTTP_IN_HEADER)
        return count_fields(l->r, s->key_name) > 1 ? BELAY_STR("") : belay_http_header(l->r, s->key_name);
    if (s->in == BELAY_HTTP_IN_QUERY)
        return pair_text(l, l->query, '&', s->key_name);
    return pair_text(l, belay_http_header(l->r, BELAY_STR("cookie")), ';', s->key_name);
}

static enum verdict check_key(struct look *l, const struct http_scheme *s)
{
    struct belay_str shown = key_shown(l, s);
    if (!shown.p)
        return ABSENT;
    const struct http_secret *secret = s->any ? NULL : find_secret(s, shown);
    if (!secret && !s->any) {
        l->why = "the key is not known";
        return WRONG;
    }
    return good(l, s, secret ? secret->who : BELAY_STR("anybody"), NULL);
}

/* What follows "Bearer " in Authorization; p NULL: another scheme, or nothing. */
static struct belay_str authorization(struct look *l, struct belay_str scheme)
{
    struct belay_str rest = belay_http_header(l->r, BELAY_STR("authorization"));
    if (!rest.p || count_fields(l->r, BELAY_STR("authorization")) != 1)
        return BELAY_STR_NONE;
    struct belay_str word = belay_str_split(&rest, ' ');
    if (!belay_str_eq_nocase(word, scheme))
        return BELAY_STR_NONE;
    return rest.p ? belay_str_trim(rest) : BELAY_STR("");
}

/* Standard base64, with its padding. False: malformed. */
static bool decode_base64(struct look *l, struct belay_str text, struct belay_str *ret_text)
{
    char *copy = belay_arena_bytes(l->r->arena, text.n + 1), *to = belay_arena_bytes(l->r->arena, text.n + 4);
    if (!copy || !to || text.n % 4)
        return false;
    size_t n = text.n;
    while (n && text.p[n - 1] == '=' && text.n - n < 2)
        n--;
    for (size_t i = 0; i < n; i++) {
        if (text.p[i] == '-' || text.p[i] == '_')
            return false;
        copy[i] = (char)(text.p[i] == '+' ? '-' : text.p[i] == '/' ? '_' : text.p[i]);
    }
    size_t bytes = http_base64url(belay_str(copy, n), (unsigned char *)to);
    if (bytes == SIZE_MAX)
        return false;
    *ret_text = belay_str(to, bytes);
    return true;
}

static enum verdict check_basic(struct look *l, const struct http_scheme *s)
{
    struct belay_str shown = authorization(l, BELAY_STR("Basic")), text;
    if (!shown.p)
        return ABSENT;
    l->why = "the user or the password is not right";
    if (!decode_base64(l, shown, &text) || belay_str_find(text, ':') == text.n)
        return WRONG;
    const struct http_secret *secret = find_secret(s, text);
    if (!secret && !s->any)
        return WRONG;
    return good(l, s, secret ? secret->who : belay_str_sub(text, 0, belay_str_find(text, ':')), NULL);
}

static struct http_keys *keys_of(const struct http_scheme *s)
{
    return s->keys ? http_keys_ref(s->keys) : s->source ? http_key_source_take(s->source) : NULL;
}

static enum verdict check_token(struct look *l, const struct http_demand *d)
{
    const struct http_scheme *s = d->scheme;
    struct belay_str shown = authorization(l, BELAY_STR("Bearer"));
    const belay_json *claims = NULL;
    if (!shown.p)
        return ABSENT;
    if (s->any)
        return good(l, s, BELAY_STR("anybody"), NULL);
    struct http_keys *keys = keys_of(s);
    if (!keys)
        return LATER;
    int status = http_jwt_verify(shown, &s->rules, keys, l->now, l->r->arena, &claims, &l->why);
    http_keys_unref(keys);
    if (status == BELAY_NOMEM || (status == BELAY_NOTFOUND && s->source && http_key_source_want(s->source)))
        return LATER;
    if (status)
        return WRONG;
    for (uint32_t i = 0; i < d->scope_count; i++)
        if (!http_jwt_has_scope(claims, d->scopes[i])) {
            l->lacking = d;
            return LACKING;
        }
    const belay_json *subject = belay_json_get(claims, BELAY_STR("sub"));
    bool named = subject && subject->type == BELAY_JSON_STRING;
    return good(l, s, named ? belay_json_str(subject) : BELAY_STR(""), claims);
}

static enum verdict check_certificate(struct look *l, const struct http_scheme *s)
{
    bool allowed = s->subject_count == 0;
    if (!l->r->peer_subject.n)
        return s->any ? good(l, s, BELAY_STR("anybody"), NULL) : FORBIDDEN;
    for (uint32_t i = 0; i < s->subject_count; i++)
        allowed = allowed || belay_str_eq(l->r->peer_subject, s->subjects[i]);
    return allowed ? good(l, s, l->r->peer_subject, NULL) : FORBIDDEN;
}

static enum verdict check_demand(struct look *l, const struct http_demand *d)
{
    switch (d->scheme->kind) {
    case HTTP_SCHEME_KEY: return check_key(l, d->scheme);
    case HTTP_SCHEME_BASIC: return check_basic(l, d->scheme);
    case HTTP_SCHEME_TOKEN: return check_token(l, d);
    case HTTP_SCHEME_CERTIFICATE: break;
    }
    return check_certificate(l, d->scheme);
}

static enum verdict check_all(struct look *l, const struct http_alternative *a)
{
    enum verdict worst = GOOD;
    l->r->auth = (struct belay_http_auth){ BELAY_STR_NONE, BELAY_STR_NONE, NULL };
    for (uint32_t i = 0; i < a->demand_count && worst == GOOD; i++)
        worst = check_demand(l, &a->demands[i]);
    if (worst != GOOD)
        l->r->auth = (struct belay_http_auth){ BELAY_STR_NONE, BELAY_STR_NONE, NULL };
    return worst;
}

/* ---- challenges: RFC 9110, 7617, 6750 ---- */

/* Into a quoted string; what it cannot hold is left out. */
static void put_quoted(struct belay_buf *out, struct belay_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c < 0x20 || c == 0x7f)
            continue;
        if (c == '"' || c == '\\')
            belay_buf_put_c(out, '\\');
        belay_buf_put_c(out, (char)c);
    }
}

static void put_param(struct belay_buf *out, const char *name, struct belay_str value)
{
    belay_buf_printf(out, "%s=\"", name);
    put_quoted(out, value);
    belay_buf_put_c(out, '"');
}

static void put_bearer(struct belay_buf *out, const struct look *l, enum verdict nearest)
{
    if (nearest == WRONG && l->why) {
        belay_buf_put_str(out, BELAY_STR(", error=\"invalid_token\", "));
        put_param(out, "error_description", belay_str_c(l->why));
    }
    if (nearest == LACKING) {
        belay_buf_put_str(out, BELAY_STR(", error=\"insufficient_scope\", scope=\""));
        for (uint32_t i = 0; i < l->lacking->scope_count; i++) {
            if (i)
                belay_buf_put_c(out, ' ');
            put_quoted(out, l->lacking->scopes[i]);
        }
        belay_buf_put_c(out, '"');
    }
}

static void put_challenge(struct belay_buf *out, const struct look *l, const struct http_scheme *s, bool token_shown,
                          enum verdict nearest)
{
    static const char *const words[] = { "ApiKey ", "Basic ", "Bearer " };
    static const char *const places[] = { "path", "query", "header", "cookie" };
    if (s->kind == HTTP_SCHEME_CERTIFICATE)
        return;
    if (out->n)
        belay_buf_put_str(out, BELAY_STR(", "));
    belay_buf_put_str(out, belay_str_c(words[s->kind]));
    put_param(out, "realm", l->r->api);
    if (s->kind == HTTP_SCHEME_BASIC)
        belay_buf_put_str(out, BELAY_STR(", charset=\"UTF-8\""));
    if (s->kind == HTTP_SCHEME_KEY) {
        belay_buf_printf(out, ", in=\"%s\", ", places[s->in]);
        put_param(out, "name", s->key_name);
    }
    if (s->kind == HTTP_SCHEME_TOKEN && token_shown)
        put_bearer(out, l, nearest);
}

/* Each scheme once. */
static struct belay_str challenge(struct look *l, const struct http_operation *op, enum verdict nearest)
{
    const struct http_scheme *said[16];
    size_t count = 0;
    bool token_shown = authorization(l, BELAY_STR("Bearer")).p != NULL;
    struct belay_buf out;
    belay_buf_init(&out, BELAY_KIB(4));
    for (uint32_t i = 0; i < op->alternative_count; i++)
        for (uint32_t k = 0; k < op->alternatives[i].demand_count; k++) {
            const struct http_scheme *s = op->alternatives[i].demands[k].scheme;
            bool known = count == sizeof said / sizeof said[0];
            for (size_t n = 0; n < count; n++)
                known = known || said[n] == s;
            if (known)
                continue;
            said[count++] = s;
            put_challenge(&out, l, s, token_shown, nearest);
        }
    struct belay_str text = belay_buf_status(&out) ? BELAY_STR_NONE : belay_arena_str(l->r->arena, belay_buf_view(&out));
    belay_buf_deinit(&out);
    return text;
}

void http_security_check(struct belay_http_request *r, const struct http_operation *op, struct belay_str query,
                         belay_time now, struct http_refusal *ret_refusal)
{
    struct look l = { .r = r, .query = query, .now = now };
    enum verdict nearest = ABSENT;
    bool only_certificates = true;
    *ret_refusal = (struct http_refusal){ .status = 0 };
    bool anybody = false;
    for (uint32_t i = 0; i < op->alternative_count; i++) {
        anybody = anybody || !op->alternatives[i].demand_count; /* last: who shows something is known */
        if (!op->alternatives[i].demand_count)
            continue;
        enum verdict v = check_all(&l, &op->alternatives[i]);
        if (v == GOOD)
            return;
        bool certificates = true;
        for (uint32_t k = 0; k < op->alternatives[i].demand_count; k++)
            certificates = certificates && op->alternatives[i].demands[k].scheme->kind == HTTP_SCHEME_CERTIFICATE;
        only_certificates = only_certificates && certificates;
        nearest = v > nearest && !(v == FORBIDDEN && certificates) ? v : nearest;
    }
    if (anybody)
        return;
    if (nearest == LATER) {
        *ret_refusal = (struct http_refusal){ 503, "the keys to verify the token with are being fetched", BELAY_STR_NONE };
        return;
    }
    bool forbidden = nearest == LACKING || nearest == FORBIDDEN || only_certificates;
    ret_refusal->status = forbidden ? 403 : 401;
    ret_refusal->detail = nearest == LACKING    ? "the token lacks a scope that this operation needs"
                          : forbidden           ? "no client certificate, or not one that may use this operation"
                          : nearest == WRONG    ? l.why
                                                : "this operation wants to know who asks";
    if (!only_certificates)
        ret_refusal->challenge = challenge(&l, op, nearest);
}

/* ---- lifecycle ---- */

void http_security_start(struct belay_openapi *api, struct belay_openapi *old)
{
    for (uint32_t i = 0; i < api->scheme_count; i++) {
        struct http_scheme *s = &api->schemes[i];
        for (uint32_t k = 0; s->url.n && old && !s->source && k < old->scheme_count; k++) {
            struct http_scheme *before = &old->schemes[k];
            if (!before->source || before->refresh_ms != s->refresh_ms || !belay_str_eq(before->url, s->url))
                continue;
            s->source = before->source; /* requests under the old document: their key stays with the new one */
            http_key_source_hold(s->source);
        }
        if (s->url.n && !s->source && http_key_source_open(s->url, s->refresh_ms, &s->source, NULL))
            s->source = NULL; /* no thread, no memory: every token is told 503 */
    }
}

void http_scheme_deinit(struct http_scheme *s)
{
    http_keys_unref(s->keys);
    http_key_source_close(s->source);
    OPENSSL_cleanse(s->secrets, s->secrets ? s->secret_count * sizeof *s->secrets : 0);
}
