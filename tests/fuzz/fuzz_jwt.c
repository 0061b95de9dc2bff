/* room: connector/http */
/* Tokens. The first byte chooses what the rest is:
 *   0  a token as it came, against keys of every family
 *   1  header, line end, claims: they are signed here with the family that the second byte says, so that what lies
 *      behind the signature is reached
 *   2  a JWKS, line end, a token
 * What is let in is held against the claims, read once more; nothing else may be let in. */
#include <stdlib.h>
#include <string.h>

#include <openssl/ecdsa.h>
#include <openssl/rsa.h>

#include "base/limits.h"
#include "connector/http/jwt.h"

#define NOW_S 1700000000
#define ISSUER "https://id.test"

enum { OF_RSA, OF_EC, OF_ED, OF_SECRET, FAMILIES };

static EVP_PKEY *pairs[OF_SECRET];
static const unsigned char secret[] = "0123456789abcdef0123456789abcdef";
static struct http_keys *keys;

static void must(bool good)
{
    if (!good)
        abort();
}

/* ---- keys ---- */

static void put_base64(struct belay_buf *out, const unsigned char *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned)p[i] << 16 | (i + 1 < n ? (unsigned)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);
        for (size_t k = 0; k < 4 && i + k <= n; k++)
            belay_buf_put_c(out, digits[v >> (18 - 6 * k) & 63]);
    }
}

static void put_number(struct belay_buf *out, const EVP_PKEY *key, const char *name)
{
    unsigned char bytes[512];
    BIGNUM *n = NULL;
    must(EVP_PKEY_get_bn_param(key, name, &n) == 1);
    put_base64(out, bytes, (size_t)BN_bn2bin(n, bytes));
    BN_free(n);
}

static void make_keys(void)
{
    unsigned char point[65], raw[32];
    size_t n = sizeof point, raw_n = sizeof raw;
    struct belay_buf text;
    pairs[OF_RSA] = EVP_RSA_gen(2048);
    pairs[OF_EC] = EVP_EC_gen("P-256");
    pairs[OF_ED] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    must(EVP_PKEY_get_octet_string_param(pairs[OF_EC], "pub", point, sizeof point, &n) == 1);
    must(EVP_PKEY_get_raw_public_key(pairs[OF_ED], raw, &raw_n) == 1);
    belay_buf_init(&text, BELAY_KIB(16));
    belay_buf_put_str(&text, BELAY_STR("{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"0\",\"n\":\""));
    put_number(&text, pairs[OF_RSA], "n");
    belay_buf_put_str(&text, BELAY_STR("\",\"e\":\"AQAB\"},{\"kty\":\"EC\",\"kid\":\"1\",\"crv\":\"P-256\",\"x\":\""));
    put_base64(&text, point + 1, 32);
    belay_buf_put_str(&text, BELAY_STR("\",\"y\":\""));
    put_base64(&text, point + 33, 32);
    belay_buf_put_str(&text, BELAY_STR("\"},{\"kty\":\"OKP\",\"kid\":\"2\",\"crv\":\"Ed25519\",\"x\":\""));
    put_base64(&text, raw, raw_n);
    belay_buf_put_str(&text, BELAY_STR("\"},{\"kty\":\"oct\",\"kid\":\"3\",\"k\":\""));
    put_base64(&text, secret, 32);
    belay_buf_put_str(&text, BELAY_STR("\"}]}"));
    must(http_keys_parse(belay_buf_view(&text), &keys, NULL) == BELAY_OK && keys->count == FAMILIES);
    belay_buf_deinit(&text);
}

/* ---- signing ---- */

static void put_signature(struct belay_buf *out, unsigned family, struct belay_str text)
{
    unsigned char bytes[1024], raw[64];
    size_t n = sizeof bytes;
    if (family == OF_SECRET) {
        must(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, secret, 32, (const unsigned char *)text.p, text.n, bytes,
                       sizeof bytes, &n) != NULL);
        put_base64(out, bytes, n);
        return;
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(EVP_DigestSignInit(context, NULL, family == OF_ED ? NULL : EVP_sha256(), NULL, pairs[family]) == 1
         && EVP_DigestSign(context, bytes, &n, (const unsigned char *)text.p, text.n) == 1);
    EVP_MD_CTX_free(context);
    if (family != OF_EC) {
        put_base64(out, bytes, n);
        return;
    }
    const unsigned char *at = bytes;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)n);
    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32);
    ECDSA_SIG_free(sig);
    put_base64(out, raw, sizeof raw);
}

/* ---- what may be let in ---- */

static bool has(const belay_json *v, const char *text)
{
    if (v && v->type == BELAY_JSON_STRING)
        return belay_str_eq(belay_json_str(v), belay_str_c(text));
    for (uint32_t i = 0; v && v->type == BELAY_JSON_ARRAY && i < v->n; i++)
        if (belay_json_at(v, i)->type == BELAY_JSON_STRING && has(belay_json_at(v, i), text))
            return true;
    return false;
}

static int verify(struct belay_str token, const struct http_keys *with, struct belay_arena *arena)
{
    static const struct belay_str audiences[] = { BELAY_STR_INIT("orders") };
    const struct http_jwt_rules rules = { BELAY_STR(ISSUER), audiences, 1, 30000 };
    const belay_json *claims = NULL;
    const char *why = NULL;
    int status = http_jwt_verify(token, &rules, with, (belay_time)NOW_S * BELAY_US_PER_S, arena, &claims, &why);
    must(status == BELAY_OK || status == BELAY_NOMEM || ((status == BELAY_DENIED || status == BELAY_NOTFOUND) && why));
    if (status == BELAY_OK) {
        const belay_json *iss = belay_json_get(claims, BELAY_STR("iss"));
        const belay_json *exp = belay_json_get(claims, BELAY_STR("exp"));
        must(iss && iss->type == BELAY_JSON_STRING && has(iss, ISSUER));
        must(exp && belay_json_is_number(exp));
        must(has(belay_json_get(claims, BELAY_STR("aud")), "orders"));
        (void)http_jwt_has_scope(claims, BELAY_STR("read"));
    }
    return status;
}

/* Signed: the token is good only where its header names that family's algorithm. One that was signed and then changed
 * is never good. */
static void verify_signed(struct belay_str input, struct belay_arena *arena)
{
    static const char *const algorithms[] = { "RS256", "ES256", "EdDSA", "HS256" };
    static const struct belay_json_limits limits = { .depth_max = 16 };
    struct belay_str claims = belay_str_sub(input, 1, input.n), header = belay_str_split(&claims, '\n');
    unsigned family = (unsigned char)input.p[0] % FAMILIES;
    const belay_json *parsed;
    struct belay_buf token;
    belay_buf_init(&token, BELAY_MIB(1));
    put_base64(&token, (const unsigned char *)header.p, header.n);
    belay_buf_put_c(&token, '.');
    put_base64(&token, (const unsigned char *)(claims.p ? claims.p : ""), claims.n);
    struct belay_str text = belay_arena_str(arena, belay_buf_view(&token));
    belay_buf_put_c(&token, '.');
    size_t at = token.n;
    put_signature(&token, family, text);
    if (verify(belay_buf_view(&token), keys, arena) == BELAY_OK) {
        must(belay_json_parse(header, &limits, arena, &parsed, NULL, NULL) == BELAY_OK);
        must(has(belay_json_get(parsed, BELAY_STR("alg")), algorithms[family]));
        token.p[at] = token.p[at] == 'A' ? 'B' : 'A';
        must(verify(belay_buf_view(&token), keys, arena) != BELAY_OK);
    }
    belay_buf_deinit(&token);
}

static void verify_with(struct belay_str input, struct belay_arena *arena)
{
    struct http_keys *own;
    struct belay_str token = input, jwks = belay_str_split(&token, '\n');
    if (!token.p || http_keys_parse(jwks, &own, NULL))
        return;
    must(own->count > 0);
    (void)!verify(token, own, arena);
    http_keys_unref(own);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct belay_arena arena;
    if (!keys)
        make_keys();
    if (n < 2)
        return 0;
    struct belay_str rest = belay_str((const char *)data + 1, n - 1);
    belay_arena_init(&arena, 0, BELAY_MIB(16));
    if (data[0] % 3 == 0)
        must(verify(rest, keys, &arena) != BELAY_OK); /* nobody guesses a signature */
    else if (data[0] % 3 == 1)
        verify_signed(rest, &arena);
    else
        verify_with(rest, &arena);
    belay_arena_deinit(&arena);
    return 0;
}
