/* keys.h - public keys of a JWKS (RFC 7517), and where they come from: a text, or a URL that a thread of its
 * own asks now and then.  Uses: OpenSSL, libcurl, json.
 * Thread: a set is immutable and counted, any thread; a source is asked from any. */
#ifndef BELAY_CONNECTOR_HTTP_KEYS_H
#define BELAY_CONNECTOR_HTTP_KEYS_H

#include <openssl/evp.h>
#include <stdatomic.h>

#include "base/status.h"
#include "base/str.h"

enum http_key_type { HTTP_KEY_RSA, HTTP_KEY_EC_256, HTTP_KEY_EC_384, HTTP_KEY_EC_521, HTTP_KEY_ED25519, HTTP_KEY_SECRET };

struct http_key {
    enum http_key_type type;
    struct belay_str id, alg; /* "" where not said */
    EVP_PKEY *pkey;           /* NULL: a secret */
    unsigned char *secret;
    size_t secret_bytes;
};

struct http_keys {
    struct http_key *items;
    uint32_t count;
    _Atomic uint32_t refs;
    char *text; /* what the views look at */
};

/* A JWKS. Keys of unknown types, for encryption, or too weak are left out; without one that is left it is
 * an error. Errors: BELAY_INVALID, BELAY_NOMEM. */
int http_keys_parse(struct belay_str text, struct http_keys **ret_keys, struct belay_err *err) BELAY_MUST_CHECK;
struct http_keys *http_keys_ref(struct http_keys *keys);
void http_keys_unref(struct http_keys *keys); /* NULL is allowed */

/* base64url without padding into the caller's room (n / 4 * 3 + 3 bytes). SIZE_MAX: malformed. */
size_t http_base64url(struct belay_str text, unsigned char *to);

struct http_key_source;

/* Asks url at once and every refresh_ms. Errors: BELAY_NOMEM, BELAY_UNAVAILABLE (no thread). */
int http_key_source_open(struct belay_str url, uint32_t refresh_ms, struct http_key_source **ret_source,
                         struct belay_err *err) BELAY_MUST_CHECK;
/* One more who closes it. */
void http_key_source_hold(struct http_key_source *source);
/* Does not wait for the thread. */
void http_key_source_close(struct http_key_source *source);
/* A reference to what was fetched last; NULL: nothing yet. */
struct http_keys *http_key_source_take(struct http_key_source *source);
/* A key is missing: ask again soon. False: that was asked a moment ago, and the answer is in. */
bool http_key_source_want(struct http_key_source *source);

#endif
