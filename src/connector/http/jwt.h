/* jwt.h - a signed token (RFC 7515, 7519) verified against keys and rules.  Uses: keys, json.  Thread: any.
 * Invariant: what decides how a signature is checked is the key; the token's `alg` must name a way that
 * fits the key's type (and the key's own alg), so neither `none` nor another family can be talked into. */
#ifndef BELAY_CONNECTOR_HTTP_JWT_H
#define BELAY_CONNECTOR_HTTP_JWT_H

#include "base/arena.h"
#include "base/time.h"
#include "connector/http/keys.h"
#include "json/json.h"

struct http_jwt_rules {
    struct belay_str issuer;
    const struct belay_str *audiences;
    uint32_t audience_count;
    uint32_t leeway_ms;
};

/* *ret_claims is a tape in arena. *ret_why: a literal that may be told to the caller.
 * Errors: BELAY_DENIED, BELAY_NOTFOUND (no key of that id), BELAY_NOMEM. */
int http_jwt_verify(struct belay_str token, const struct http_jwt_rules *rules, const struct http_keys *keys,
                    belay_time now, struct belay_arena *arena, const belay_json **ret_claims,
                    const char **ret_why) BELAY_MUST_CHECK;
/* A scope is among those of `scope` (a text with spaces) or `scp` (a list). */
bool http_jwt_has_scope(const belay_json *claims, struct belay_str scope);

#endif
