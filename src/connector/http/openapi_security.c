/* openapi_security.c - security schemes and requirements, with what the configuration says about each. */
#include <openssl/sha.h>
#include <stdio.h>

#include "base/alloc.h"
#include "connector/http/openapi_impl.h"
#include "connector/http/text.h"

static const struct belay_security_def *def_of(const struct openapi_compile *c, struct belay_str name)
{
    for (uint32_t i = 0; i < c->opt->security_count; i++)
        if (belay_str_eq(c->opt->security[i].name, name))
            return &c->opt->security[i];
    return NULL;
}

/* ---- kinds ---- */

static int key_scheme(struct openapi_compile *c, const belay_json *v, struct http_scheme *s)
{
    struct belay_str in = openapi_text(v, "in");
    s->kind = HTTP_SCHEME_KEY;
    s->key_name = openapi_text(v, "name");
    if (!s->key_name.n)
        return openapi_refuse(c, BELAY_INVALID, "an apiKey without name");
    if (belay_str_eq(in, BELAY_STR("header")))
        s->in = BELAY_HTTP_IN_HEADER;
    else if (belay_str_eq(in, BELAY_STR("query")))
        s->in = BELAY_HTTP_IN_QUERY;
    else if (belay_str_eq(in, BELAY_STR("cookie")))
        s->in = BELAY_HTTP_IN_COOKIE;
    else
        return openapi_refuse(c, BELAY_INVALID, "in must be query, header or cookie");
    if (s->in != BELAY_HTTP_IN_HEADER)
        return BELAY_OK;
    char *lower = (char *)belay_arena_str(&c->api->arena, s->key_name).p;
    if (!lower)
        return openapi_no_memory(c);
    for (size_t i = 0; i < s->key_name.n; i++)
        lower[i] |= lower[i] >= 'A' && lower[i] <= 'Z' ? 0x20 : 0;
    s->key_name.p = lower;
    return BELAY_OK;
}

static int kind_of(struct openapi_compile *c, const belay_json *v, struct http_scheme *s)
{
    struct belay_str type = openapi_text(v, "type"), scheme = openapi_text(v, "scheme");
    if (belay_str_eq(type, BELAY_STR("apiKey")))
        return key_scheme(c, v, s);
    if (belay_str_eq(type, BELAY_STR("mutualTLS")))
        s->kind = HTTP_SCHEME_CERTIFICATE;
    else if (belay_str_eq(type, BELAY_STR("oauth2")) || belay_str_eq(type, BELAY_STR("openIdConnect")))
        s->kind = HTTP_SCHEME_TOKEN;
    else if (!belay_str_eq(type, BELAY_STR("http")))
        return openapi_refuse(c, BELAY_INVALID, "type must be apiKey, http, mutualTLS, oauth2 or openIdConnect");
    else if (belay_str_eq_nocase(scheme, BELAY_STR("basic")))
        s->kind = HTTP_SCHEME_BASIC;
    else if (belay_str_eq_nocase(scheme, BELAY_STR("bearer")))
        s->kind = HTTP_SCHEME_TOKEN;
    else
        return openapi_refuse(c, BELAY_UNSUPPORTED, "an http scheme other than basic and bearer");
    return BELAY_OK;
}

/* ---- what the configuration says ---- */

static int take_secrets(struct openapi_compile *c, const struct belay_field *fields, uint32_t count, bool basic,
                        struct http_scheme *s)
{
    s->secrets = BELAY_ARENA_ARRAY(&c->api->arena, struct http_secret, count + 1);
    if (!s->secrets)
        return openapi_no_memory(c);
    for (uint32_t i = 0; i < count; i++) {
        struct belay_buf text;
        belay_buf_init(&text, BELAY_MIB(1));
        if (basic) {
            belay_buf_put_str(&text, fields[i].name);
            belay_buf_put_c(&text, ':');
        }
        belay_buf_put_str(&text, fields[i].value);
        int status = belay_buf_status(&text);
        if (!status)
            SHA256((const unsigned char *)(text.n ? text.p : ""), text.n, s->secrets[s->secret_count++].digest);
        s->secrets[i].who = fields[i].name;
        if (text.n)
            memset(text.p, 0, text.n);
        belay_buf_deinit(&text);
        if (status)
            return openapi_no_memory(c);
    }
    return BELAY_OK;
}

static int take_token(struct openapi_compile *c, const struct belay_security_def *def, struct http_scheme *s)
{
    struct belay_err inner = { 0 };
    s->rules = (struct http_jwt_rules){ def->issuer, def->audiences, def->audience_count, def->leeway_ms };
    s->refresh_ms = def->refresh_ms;
    s->url = def->jwks_url;
    if (!def->jwks_text.n)
        return BELAY_OK;
    int status = http_keys_parse(def->jwks_text, &s->keys, &inner);
    return status ? openapi_refuse(c, status, inner.msg) : BELAY_OK;
}

static int take_def(struct openapi_compile *c, const struct belay_security_def *def, struct http_scheme *s)
{
    switch (s->kind) {
    case HTTP_SCHEME_KEY:
        if (!def->key_count)
            return openapi_refuse(c, BELAY_INVALID, "the api's 'security' has no 'keys' for it");
        return take_secrets(c, def->keys, def->key_count, false, s);
    case HTTP_SCHEME_BASIC:
        if (!def->user_count)
            return openapi_refuse(c, BELAY_INVALID, "the api's 'security' has no 'users' for it");
        return take_secrets(c, def->users, def->user_count, true, s);
    case HTTP_SCHEME_TOKEN:
        if ((!def->jwks_url.n && !def->jwks_text.n) || !def->issuer.n || !def->audience_count)
            return openapi_refuse(c, BELAY_INVALID, "the api's 'security' lacks 'jwks', 'issuer' or 'audience' for it");
        return take_token(c, def, s);
    case HTTP_SCHEME_CERTIFICATE: break;
    }
    if (!c->opt->client_certificates)
        return openapi_refuse(c, BELAY_INVALID, "the api's 'tls' has no 'client_ca' to verify certificates with");
    s->subjects = def ? def->subjects : NULL;
    s->subject_count = def ? def->subject_count : 0;
    return BELAY_OK;
}

static int compile_scheme(struct openapi_compile *c, struct belay_str name, const belay_json *v, struct http_scheme *s)
{
    const struct belay_security_def *def = def_of(c, name);
    *s = (struct http_scheme){ .name = name, .any = c->opt->any_credentials };
    int status = kind_of(c, v, s);
    if (status || s->any)
        return status;
    if (!def && s->kind != HTTP_SCHEME_CERTIFICATE)
        return openapi_refuse(c, BELAY_INVALID, "the api's 'security' says nothing about it");
    return take_def(c, def, s);
}

/* The scheme of that name, compiled when it is first asked for: what no operation demands needs nothing. */
static int scheme_called(struct openapi_compile *c, struct belay_str name, struct http_scheme **ret_scheme)
{
    struct belay_openapi *api = c->api;
    for (uint32_t i = 0; i < api->scheme_count; i++)
        if (belay_str_eq(api->schemes[i].name, name)) {
            *ret_scheme = &api->schemes[i];
            return BELAY_OK;
        }
    const belay_json *list = belay_json_get(belay_json_get(c->document, BELAY_STR("components")), BELAY_STR("securitySchemes"));
    const belay_json *v = belay_json_get(list, name);
    if (!v) {
        char text[160], meant[64];
        snprintf(text, sizeof text, "names no security scheme of the components%s", openapi_meant(list, name, meant));
        return openapi_refuse(c, BELAY_INVALID, text);
    }
    if (!api->schemes)
        api->schemes = BELAY_ARENA_ARRAY(&api->arena, struct http_scheme, list->n);
    if (!api->schemes)
        return openapi_no_memory(c);
    struct belay_buf here = c->place;
    belay_buf_init(&c->place, BELAY_KIB(64));
    openapi_enter(c, BELAY_STR("components"));
    openapi_enter(c, BELAY_STR("securitySchemes"));
    openapi_enter(c, name);
    int status = openapi_follow(c, v, &v);
    if (!status)
        status = compile_scheme(c, name, v, &api->schemes[api->scheme_count++]);
    belay_buf_deinit(&c->place);
    c->place = here;
    if (!status)
        *ret_scheme = &api->schemes[api->scheme_count - 1];
    return status;
}

/* ---- requirements ---- */

static int compile_scopes(struct openapi_compile *c, const belay_json *list, struct http_demand *d)
{
    size_t count = list->type == BELAY_JSON_ARRAY ? list->n : 0;
    struct belay_str *scopes = BELAY_ARENA_ARRAY(&c->api->arena, struct belay_str, count + 1);
    if (!scopes)
        return openapi_no_memory(c);
    for (size_t i = 0; i < count; i++) {
        const belay_json *item = belay_json_at(list, i);
        if (item->type == BELAY_JSON_STRING)
            scopes[d->scope_count++] = belay_json_str(item);
    }
    d->scopes = scopes;
    if (d->scope_count && d->scheme->kind != HTTP_SCHEME_TOKEN && !d->scheme->any)
        return openapi_refuse(c, BELAY_UNSUPPORTED, "roles of a scheme that is no token");
    return BELAY_OK;
}

static int compile_alternative(struct openapi_compile *c, const belay_json *v, struct http_alternative *a)
{
    size_t count = v->type == BELAY_JSON_OBJECT ? v->n : 0;
    a->demands = BELAY_ARENA_ARRAY(&c->api->arena, struct http_demand, count + 1);
    if (!a->demands)
        return openapi_no_memory(c);
    const belay_json *key = belay_json_first(v);
    for (size_t i = 0; i < count; i++, key = belay_json_next(belay_json_next(key))) {
        struct http_demand *d = &a->demands[a->demand_count++];
        size_t mark = openapi_enter(c, belay_json_str(key));
        int status = scheme_called(c, belay_json_str(key), &d->scheme);
        if (!status)
            status = compile_scopes(c, belay_json_next(key), d);
        status = openapi_go_on(c, status, mark);
        if (status)
            return status;
        openapi_leave(c, mark);
    }
    return BELAY_OK;
}

int openapi_security(struct openapi_compile *c, const belay_json *operation, struct http_operation *op)
{
    const belay_json *own = belay_json_get(operation, BELAY_STR("security"));
    const belay_json *list = own ? own : belay_json_get(c->document, BELAY_STR("security"));
    if (!list || list->type != BELAY_JSON_ARRAY || list->n == 0)
        return BELAY_OK;
    size_t mark = openapi_enter(c, BELAY_STR("security"));
    op->alternatives = BELAY_ARENA_ARRAY(&c->api->arena, struct http_alternative, list->n);
    if (!op->alternatives)
        return openapi_no_memory(c);
    for (uint32_t i = 0; i < list->n; i++) {
        size_t inner = openapi_enter_index(c, i);
        int status = compile_alternative(c, belay_json_at(list, i), &op->alternatives[op->alternative_count++]);
        if (status)
            return status;
        openapi_leave(c, inner);
    }
    openapi_leave(c, mark);
    return BELAY_OK;
}
