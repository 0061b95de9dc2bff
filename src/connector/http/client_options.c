#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "connector/common/outcome.h"
#include "connector/http/client_impl.h"
#include "connector/http/text.h"

const struct belay_option http_client_option_table[] = {
    { "base_url", BELAY_OPTION_URL, true, NULL,
      "Scheme, host, port and perhaps a path that every call's path is appended to." },
    { "headers", BELAY_OPTION_FIELDS, false, NULL, "Fields sent with every call." },
    { "username", BELAY_OPTION_STRING, false, NULL, "User of HTTP Basic authentication." },
    { "password", BELAY_OPTION_SECRET, false, NULL, "Password of HTTP Basic authentication." },
    { "bearer", BELAY_OPTION_SECRET, false, NULL, "Token sent as Authorization: Bearer." },
    { "connect_timeout", BELAY_OPTION_DURATION, false, "5s",
      "How long resolving, connecting and the TLS handshake may take together." },
    { "http2", BELAY_OPTION_BOOL, false, "true", "Offer HTTP/2 to https servers (ALPN)." },
    { "ca_file", BELAY_OPTION_PATH, false, NULL,
      "PEM file with the authorities to trust instead of the system's." },
    { "client_cert", BELAY_OPTION_PATH, false, NULL, "PEM file with the certificate to show." },
    { "client_key", BELAY_OPTION_PATH, false, NULL, "PEM file with the certificate's key." },
    { "proxy", BELAY_OPTION_URL, false, NULL, "Proxy for all calls; the environment's is not used." },
    { "no_proxy", BELAY_OPTION_STRING, false, NULL, "Hosts reached without the proxy, with commas." },
    { 0 },
};

const struct belay_option http_client_param_table[] = {
    { "method", BELAY_OPTION_STRING, false, "GET", "Method of the request." },
    { "path", BELAY_OPTION_STRING, true, NULL,
      "Begins with /, is appended to base_url, may have a query; already percent-encoded. Empty: base_url itself, "
      "which may have a query then." },
    { 0 },
};

#define CONNECT_TIMEOUT_MS_DEFAULT 5000

static int refuse(struct belay_err *err, const char *option, const char *why)
{
    return belay_fail(err, BELAY_INVALID, "%s: %s", option, why);
}

/* A copy with a NUL; *ret stays NULL when unset. */
static int copy_text(struct http_client_options *o, const struct belay_connection_config *config,
                     const char *option, const char **ret, struct belay_err *err)
{
    const struct belay_option_value *v = belay_connection_option(config, belay_str_c(option));
    if (!v)
        return BELAY_OK;
    if (memchr(v->text.n ? v->text.p : "", '\0', v->text.n) || !http_is_field_value(v->text))
        return refuse(err, option, "must not hold control characters");
    struct belay_str copy = belay_arena_str(&o->arena, v->text);
    *ret = copy.p;
    return copy.p ? BELAY_OK : belay_fail(err, BELAY_NOMEM, "http: out of memory");
}

static int copy_file(struct http_client_options *o, const struct belay_connection_config *config,
                     const char *option, const char **ret, struct belay_err *err)
{
    int status = copy_text(o, config, option, ret, err);
    if (!status && *ret && access(*ret, R_OK))
        return belay_fail(err, BELAY_INVALID, "%s: cannot read %s", option, *ret);
    return status;
}

static int copy_headers(struct http_client_options *o, const struct belay_connection_config *config,
                        struct belay_err *err)
{
    const struct belay_option_value *v = belay_connection_option(config, BELAY_STR("headers"));
    if (!v)
        return BELAY_OK;
    o->headers = BELAY_ARENA_ARRAY(&o->arena, struct belay_field, v->field_count + 1);
    if (!o->headers)
        return belay_fail(err, BELAY_NOMEM, "http: out of memory");
    for (uint32_t i = 0; i < v->field_count; i++) {
        struct belay_field *f = &o->headers[o->header_count++];
        if (!http_is_token(v->fields[i].name) || !http_is_field_value(v->fields[i].value))
            return refuse(err, "headers", "a name or value that HTTP does not allow");
        f->name = belay_arena_str(&o->arena, v->fields[i].name);
        f->value = belay_arena_str(&o->arena, v->fields[i].value);
        if (!f->name.p || !f->value.p)
            return belay_fail(err, BELAY_NOMEM, "http: out of memory");
    }
    return BELAY_OK;
}

/* Of "https://host:port/path" and of "https://host:port?query", to before the path or query. */
static size_t origin_bytes(struct belay_str url)
{
    size_t at = belay_str_find(url, ':') + 3; /* http_url_fault has seen scheme:// */
    while (at < url.n && url.p[at] != '/' && url.p[at] != '?')
        at++;
    return at < url.n ? at : url.n;
}

static int take_base_url(struct http_client_options *o, const struct belay_connection_config *config,
                         struct belay_err *err)
{
    const char *text = NULL;
    int status = copy_text(o, config, "base_url", &text, err);
    if (status)
        return status;
    if (!text)
        return refuse(err, "base_url", "is required");
    CURLU *url = curl_url();
    if (!url)
        return belay_fail(err, BELAY_NOMEM, "http: out of memory");
    const char *fault = http_url_fault(url, text, &o->tls);
    curl_url_cleanup(url);
    if (fault)
        return refuse(err, "base_url", fault);
    o->base_url = belay_str_c(text);
    o->whole_url = o->base_url;
    o->origin_bytes = origin_bytes(o->base_url);
    while (o->base_url.n && o->base_url.p[o->base_url.n - 1] == '/')
        o->base_url.n--;
    return BELAY_OK;
}

static int take_numbers(struct http_client_options *o, const struct belay_connection_config *config,
                        struct belay_err *err)
{
    const struct belay_option_value *timeout =
        belay_connection_option(config, BELAY_STR("connect_timeout"));
    const struct belay_option_value *http2 = belay_connection_option(config, BELAY_STR("http2"));
    if (timeout && (timeout->number <= 0 || timeout->number > INT32_MAX))
        return refuse(err, "connect_timeout", "must be above 0 and below 24 days");
    o->connect_timeout_ms = timeout ? (uint32_t)timeout->number : CONNECT_TIMEOUT_MS_DEFAULT;
    o->http2 = !http2 || http2->number;
    if (config->concurrency == 0)
        return refuse(err, "concurrency", "must be above 0");
    o->concurrency = config->concurrency;
    o->queue_max = config->queue_max;
    o->response_bytes_max = config->response_bytes_max ? config->response_bytes_max
                                                       : BELAY_CALL_RESPONSE_BYTES_DEFAULT;
    return BELAY_OK;
}

static int take_texts(struct http_client_options *o, const struct belay_connection_config *config,
                      struct belay_err *err)
{
    const struct {
        const char *option, **to;
    } texts[] = { { "username", &o->username }, { "password", &o->password },
                  { "bearer", &o->bearer },     { "proxy", &o->proxy },
                  { "no_proxy", &o->no_proxy } },
      files[] = { { "ca_file", &o->ca_file }, { "client_cert", &o->client_cert },
                  { "client_key", &o->client_key } };
    int status = BELAY_OK;
    for (size_t i = 0; !status && i < sizeof texts / sizeof texts[0]; i++)
        status = copy_text(o, config, texts[i].option, texts[i].to, err);
    for (size_t i = 0; !status && i < sizeof files / sizeof files[0]; i++)
        status = copy_file(o, config, files[i].option, files[i].to, err);
    if (!status && o->bearer && o->username)
        return refuse(err, "bearer", "cannot be combined with username");
    return status;
}

/* Of "http://host:port/path" "host:port"; false where libcurl has something to decide about the text. */
static bool split_plain(struct belay_str url, size_t origin_bytes, struct belay_str *ret_host)
{
    const struct belay_str scheme = BELAY_STR("http://"), port = BELAY_STR(":80");
    if (!belay_str_starts(url, scheme))
        return false;
    struct belay_str host = belay_str_sub(url, scheme.n, origin_bytes - scheme.n);
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= ' ' || url.p[i] >= 0x7f)
            return false;
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!letter && c != '.' && c != '-' && c != ':' && c != '[' && c != ']')
            return false;
    }
    if (!host.n || host.p[host.n - 1] == ':')
        return false;
    *ret_host = belay_str_ends(host, port) ? belay_str_sub(host, 0, host.n - port.n) : host;
    return true;
}

static int see_direct(struct http_client_options *o, struct belay_err *err)
{
    if (o->proxy || o->username || !split_plain(o->base_url, o->origin_bytes, &o->host))
        return BELAY_OK;
    if (o->bearer) {
        o->authorization = belay_arena_printf(&o->arena, "Bearer %s", o->bearer);
        if (!o->authorization.p)
            return belay_fail(err, BELAY_NOMEM, "http: out of memory");
    }
    o->direct = true;
    return BELAY_OK;
}

int http_client_options_init(struct http_client_options *o, const struct belay_connection_config *config,
                             struct belay_err *err)
{
    *o = (struct http_client_options){ 0 };
    belay_arena_init(&o->arena, 0, BELAY_MIB(1));
    int status = take_base_url(o, config, err);
    if (!status)
        status = copy_headers(o, config, err);
    if (!status)
        status = take_texts(o, config, err);
    if (!status)
        status = take_numbers(o, config, err);
    if (!status)
        status = see_direct(o, err);
    if (!status) {
        o->name = belay_arena_str(&o->arena, config->name);
        o->idempotency_header = belay_arena_str(&o->arena, config->idempotency_header);
        if (!o->name.p || !o->idempotency_header.p)
            status = belay_fail(err, BELAY_NOMEM, "http: out of memory");
    }
    if (!status && o->idempotency_header.n && !http_is_token(o->idempotency_header))
        status = refuse(err, "idempotency.header", "is no field name");
    if (status)
        http_client_options_deinit(o);
    return status;
}

void http_client_options_deinit(struct http_client_options *o)
{
    belay_arena_deinit(&o->arena);
}
