/* security.h - who may ask: the security requirements of an operation against what a request shows.
 * Uses: api, jwt, OpenSSL.  Thread: the I/O thread; compiled elsewhere.
 *
 * A requirement is a list of alternatives, each a list of schemes that must all be satisfied. The first
 * alternative that is gives request->auth. Otherwise the answer is that of the one that came nearest:
 *   401  nothing was shown, or it is not right: WWW-Authenticate lists every scheme that would do
 *   403  the token lacks a scope (insufficient_scope); a certificate was not shown, or is not one of those
 *   503  the keys to judge a token with are being fetched */
#ifndef BELAY_CONNECTOR_HTTP_SECURITY_H
#define BELAY_CONNECTOR_HTTP_SECURITY_H

#include "connector/http/jwt.h"
#include "connector/http/server.h"

struct belay_security_def;
struct http_operation;

enum http_scheme_kind { HTTP_SCHEME_KEY, HTTP_SCHEME_BASIC, HTTP_SCHEME_TOKEN, HTTP_SCHEME_CERTIFICATE };

struct http_secret {
    struct belay_str who;
    unsigned char digest[32]; /* SHA-256 of the key, or of user:password */
};

struct http_scheme {
    struct belay_str name;
    enum http_scheme_kind kind;
    enum belay_http_param_in in; /* KEY */
    struct belay_str key_name;   /* KEY; of a header: lower case */
    bool any;                    /* what is shown is taken for good: a mock */
    struct http_secret *secrets; /* KEY, BASIC */
    uint32_t secret_count;
    struct http_jwt_rules rules; /* TOKEN */
    struct http_keys *keys;      /* TOKEN, from a file; else */
    struct http_key_source *source;
    struct belay_str url;
    uint32_t refresh_ms;
    const struct belay_str *subjects; /* CERTIFICATE; none: any that was verified */
    uint32_t subject_count;
};

struct http_demand {
    struct http_scheme *scheme;
    const struct belay_str *scopes;
    uint32_t scope_count;
};

struct http_alternative {
    struct http_demand *demands; /* none: anybody */
    uint32_t demand_count;
};

struct http_refusal {
    uint32_t status; /* 0: may pass */
    const char *detail;
    struct belay_str challenge; /* WWW-Authenticate; "" none */
};

void http_security_check(struct belay_http_request *r, const struct http_operation *op, struct belay_str query,
                         belay_time now, struct http_refusal *ret_refusal);

/* I/O thread: what the schemes of api need to run; from old (may be NULL) where it has the same. */
void http_security_start(struct belay_openapi *api, struct belay_openapi *old);
void http_scheme_deinit(struct http_scheme *scheme);

#endif
