#include "connector/http/jwt.h"

#include <math.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

struct algorithm {
    const char *name;
    enum http_key_type key;
    const char *digest; /* NULL: the key's own */
    bool pss;
    size_t signature_bytes; /* of EC: r and s */
};

static const struct algorithm algorithms[] = {
    { "RS256", HTTP_KEY_RSA, "SHA256", false, 0 },     { "RS384", HTTP_KEY_RSA, "SHA384", false, 0 },
    { "RS512", HTTP_KEY_RSA, "SHA512", false, 0 },     { "PS256", HTTP_KEY_RSA, "SHA256", true, 0 },
    { "PS384", HTTP_KEY_RSA, "SHA384", true, 0 },      { "PS512", HTTP_KEY_RSA, "SHA512", true, 0 },
    { "ES256", HTTP_KEY_EC_256, "SHA256", false, 64 }, { "ES384", HTTP_KEY_EC_384, "SHA384", false, 96 },
    { "ES512", HTTP_KEY_EC_521, "SHA512", false, 132 }, { "EdDSA", HTTP_KEY_ED25519, NULL, false, 0 },
    { "HS256", HTTP_KEY_SECRET, "SHA256", false, 0 },  { "HS384", HTTP_KEY_SECRET, "SHA384", false, 0 },
    { "HS512", HTTP_KEY_SECRET, "SHA512", false, 0 },
};

struct token {
    struct belay_str signed_, signature; /* signed_: as it came; signature: bytes */
    const belay_json *header, *claims;
};

static int denied(const char **ret_why, const char *why)
{
    *ret_why = why;
    return BELAY_DENIED;
}

/* ---- taking it apart ---- */

static int decode(struct belay_str part, struct belay_arena *arena, struct belay_str *ret_bytes)
{
    char *to = belay_arena_bytes(arena, part.n + 3);
    if (!to)
        return BELAY_NOMEM;
    size_t n = http_base64url(part, (unsigned char *)to);
    if (n == SIZE_MAX)
        return BELAY_INVALID;
    *ret_bytes = belay_str(to, n);
    return BELAY_OK;
}

static int decode_object(struct belay_str part, struct belay_arena *arena, const belay_json **ret_object)
{
    static const struct belay_json_limits limits = { .depth_max = 16 };
    struct belay_str bytes;
    int status = decode(part, arena, &bytes);
    if (!status)
        status = belay_json_parse(bytes, &limits, arena, ret_object, NULL, NULL);
    return status ? status : (*ret_object)->type == BELAY_JSON_OBJECT ? BELAY_OK : BELAY_INVALID;
}

static int take_apart(struct belay_str text, struct belay_arena *arena, struct token *t, const char **ret_why)
{
    struct belay_str rest = text;
    struct belay_str header = belay_str_split(&rest, '.'), claims = belay_str_split(&rest, '.');
    if (!rest.p || belay_str_find(rest, '.') < rest.n)
        return denied(ret_why, "the token does not have three parts");
    t->signed_ = belay_str(text.p, header.n + 1 + claims.n);
    int status = decode_object(header, arena, &t->header);
    if (!status)
        status = decode_object(claims, arena, &t->claims);
    if (!status)
        status = decode(rest, arena, &t->signature);
    return status == BELAY_NOMEM ? status : status ? denied(ret_why, "the token is malformed") : BELAY_OK;
}

static struct belay_str text_of(const belay_json *v, const char *name)
{
    const belay_json *member = belay_json_get(v, belay_str_c(name));
    return member && member->type == BELAY_JSON_STRING ? belay_json_str(member) : BELAY_STR("");
}

/* ---- the signature ---- */

/* r and s, as JWS has them, to the DER that OpenSSL takes. */
static int der_of(struct belay_str raw, unsigned char **ret_der)
{
    size_t half = raw.n / 2;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn((const unsigned char *)raw.p, (int)half, NULL);
    BIGNUM *s = BN_bin2bn((const unsigned char *)raw.p + half, (int)half, NULL);
    int n = -1;
    if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
        r = s = NULL;
        n = i2d_ECDSA_SIG(sig, ret_der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    return n;
}

static bool verify_public(const struct algorithm *a, EVP_PKEY *key, const struct token *t)
{
    const unsigned char *signature = (const unsigned char *)t->signature.p;
    unsigned char *der = NULL;
    size_t n = t->signature.n;
    if (a->signature_bytes) {
        int der_n = n == a->signature_bytes ? der_of(t->signature, &der) : -1;
        if (der_n < 0)
            return false;
        signature = der;
        n = (size_t)der_n;
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL;
    bool good = context && EVP_DigestVerifyInit_ex(context, &key_context, a->digest, NULL, NULL, key, NULL) == 1;
    if (good && a->pss)
        good = EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) == 1
               && EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST) == 1;
    good = good && EVP_DigestVerify(context, signature, n, (const unsigned char *)t->signed_.p, t->signed_.n) == 1;
    EVP_MD_CTX_free(context);
    OPENSSL_free(der);
    return good;
}

static bool verify_secret(const struct algorithm *a, const struct http_key *key, const struct token *t)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    size_t n = 0;
    if (!EVP_Q_mac(NULL, "HMAC", NULL, a->digest, NULL, key->secret, key->secret_bytes,
                   (const unsigned char *)t->signed_.p, t->signed_.n, mac, sizeof mac, &n))
        return false;
    return n == t->signature.n && CRYPTO_memcmp(mac, t->signature.p, n) == 0;
}

static const struct algorithm *algorithm_of(const belay_json *header)
{
    struct belay_str name = text_of(header, "alg");
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
        if (belay_str_eq(name, belay_str_c(algorithms[i].name)))
            return &algorithms[i];
    return NULL;
}

static bool fits(const struct http_key *key, const struct algorithm *a, struct belay_str id)
{
    return key->type == a->key && (!key->alg.n || belay_str_eq(key->alg, belay_str_c(a->name)))
           && (!id.n || belay_str_eq(key->id, id));
}

static int check_signature(const struct token *t, const struct http_keys *keys, const char **ret_why)
{
    const struct algorithm *a = algorithm_of(t->header);
    struct belay_str id = text_of(t->header, "kid");
    bool known = false;
    if (!a)
        return denied(ret_why, "the token's algorithm is not accepted");
    for (uint32_t i = 0; i < keys->count; i++) {
        const struct http_key *key = &keys->items[i];
        known = known || !id.n || belay_str_eq(key->id, id);
        if (!fits(key, a, id))
            continue;
        if (key->pkey ? verify_public(a, key->pkey, t) : verify_secret(a, key, t))
            return BELAY_OK;
    }
    *ret_why = known ? "the token's signature is not right" : "the token's key is not known";
    return known ? BELAY_DENIED : BELAY_NOTFOUND;
}

/* ---- header and claims ---- */

static int check_header(const belay_json *header, const char **ret_why)
{
    struct belay_str type = text_of(header, "typ");
    if (belay_json_get(header, BELAY_STR("crit")) || belay_json_get(header, BELAY_STR("b64")))
        return denied(ret_why, "the token has critical extensions");
    if (type.n > 12 && belay_str_eq_nocase(belay_str_sub(type, 0, 12), BELAY_STR("application/")))
        type = belay_str_sub(type, 12, type.n);
    if (type.n && !belay_str_eq_nocase(type, BELAY_STR("JWT")) && !belay_str_eq_nocase(type, BELAY_STR("at+jwt")))
        return denied(ret_why, "the token is of another type");
    return BELAY_OK;
}

/* Seconds since 1970; false: no number. */
static bool date_of(const belay_json *claims, const char *name, double *ret_s)
{
    const belay_json *v = belay_json_get(claims, belay_str_c(name));
    if (!v || !belay_json_is_number(v))
        return false;
    *ret_s = belay_json_number(v);
    return isfinite(*ret_s);
}

static bool is_audience(const belay_json *v, const struct http_jwt_rules *rules)
{
    for (uint32_t i = 0; v && v->type == BELAY_JSON_STRING && i < rules->audience_count; i++)
        if (belay_str_eq(belay_json_str(v), rules->audiences[i]))
            return true;
    return false;
}

static int check_claims(const belay_json *claims, const struct http_jwt_rules *rules, belay_time now,
                        const char **ret_why)
{
    double at = (double)now / (double)BELAY_US_PER_S, leeway = rules->leeway_ms / 1000.0, date;
    const belay_json *audience = belay_json_get(claims, BELAY_STR("aud"));
    bool meant = is_audience(audience, rules);
    for (uint32_t i = 0; audience && audience->type == BELAY_JSON_ARRAY && i < audience->n && !meant; i++)
        meant = is_audience(belay_json_at(audience, i), rules);
    if (!date_of(claims, "exp", &date))
        return denied(ret_why, "the token does not say when it expires");
    if (at >= date + leeway)
        return denied(ret_why, "the token has expired");
    if (belay_json_get(claims, BELAY_STR("nbf")) && (!date_of(claims, "nbf", &date) || at < date - leeway))
        return denied(ret_why, "the token is not valid yet");
    if (!belay_str_eq(text_of(claims, "iss"), rules->issuer))
        return denied(ret_why, "the token is of another issuer");
    return meant ? BELAY_OK : denied(ret_why, "the token is for another audience");
}

int http_jwt_verify(struct belay_str text, const struct http_jwt_rules *rules, const struct http_keys *keys,
                    belay_time now, struct belay_arena *arena, const belay_json **ret_claims,
                    const char **ret_why)
{
    struct token t = { .header = NULL };
    int status = take_apart(text, arena, &t, ret_why);
    if (!status)
        status = check_header(t.header, ret_why);
    if (!status)
        status = check_signature(&t, keys, ret_why);
    if (!status)
        status = check_claims(t.claims, rules, now, ret_why);
    if (!status)
        *ret_claims = t.claims;
    return status;
}

static bool has_word(struct belay_str words, struct belay_str word)
{
    while (words.p)
        if (belay_str_eq(belay_str_split(&words, ' '), word))
            return true;
    return false;
}

bool http_jwt_has_scope(const belay_json *claims, struct belay_str scope)
{
    static const char *const names[] = { "scope", "scp" };
    for (size_t i = 0; i < 2; i++) {
        const belay_json *v = belay_json_get(claims, belay_str_c(names[i]));
        if (v && v->type == BELAY_JSON_STRING && has_word(belay_json_str(v), scope))
            return true;
        for (uint32_t k = 0; v && v->type == BELAY_JSON_ARRAY && k < v->n; k++) {
            const belay_json *item = belay_json_at(v, k);
            if (item->type == BELAY_JSON_STRING && belay_str_eq(belay_json_str(item), scope))
                return true;
        }
    }
    return false;
}
