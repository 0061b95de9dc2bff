#include "connector/http/keys.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "json/json.h"

#define RSA_BITS_MIN 2048
#define SECRET_BYTES_MIN 32 /* RFC 7518, section 3.2: at least the hash's size */
#define NUMBER_BYTES_MAX 2048

static int base64url_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

size_t http_base64url(struct belay_str text, unsigned char *to)
{
    uint32_t bits = 0;
    size_t n = 0;
    unsigned held = 0;
    if (text.n % 4 == 1)
        return SIZE_MAX;
    for (size_t i = 0; i < text.n; i++) {
        int digit = base64url_digit(text.p[i]);
        if (digit < 0)
            return SIZE_MAX;
        bits = bits << 6 | (uint32_t)digit;
        held += 6;
        if (held >= 8) {
            held -= 8;
            to[n++] = (unsigned char)(bits >> held);
        }
    }
    return bits & ((1u << held) - 1) ? SIZE_MAX : n; /* one text for one value */
}

/* ---- one key ---- */

static struct belay_str text_of(const belay_json *v, const char *name)
{
    const belay_json *member = belay_json_get(v, belay_str_c(name));
    return member && member->type == BELAY_JSON_STRING ? belay_json_str(member) : BELAY_STR("");
}

/* Bytes of a member; 0 where it is none. */
static size_t bytes_of(const belay_json *v, const char *name, unsigned char *to)
{
    struct belay_str text = text_of(v, name);
    size_t n = text.n && text.n <= NUMBER_BYTES_MAX ? http_base64url(text, to) : SIZE_MAX;
    return n == SIZE_MAX ? 0 : n;
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *context = params ? EVP_PKEY_CTX_new_from_name(NULL, type, NULL) : NULL;
    if (context && EVP_PKEY_fromdata_init(context) == 1)
        (void)EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    return key;
}

static EVP_PKEY *rsa_key(const belay_json *v)
{
    unsigned char n_bytes[NUMBER_BYTES_MAX], e_bytes[NUMBER_BYTES_MAX];
    size_t n_n = bytes_of(v, "n", n_bytes), e_n = bytes_of(v, "e", e_bytes);
    if (!n_n || !e_n)
        return NULL;
    BIGNUM *n = BN_bin2bn(n_bytes, (int)n_n, NULL), *e = BN_bin2bn(e_bytes, (int)e_n, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (n && e && build && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n)
        && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e))
        key = from_params("RSA", build);
    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);
    if (key && EVP_PKEY_get_bits(key) < RSA_BITS_MIN) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

static const struct curve {
    const char *name, *group;
    enum http_key_type type;
    size_t bytes;
} curves[] = { { "P-256", "prime256v1", HTTP_KEY_EC_256, 32 },
               { "P-384", "secp384r1", HTTP_KEY_EC_384, 48 },
               { "P-521", "secp521r1", HTTP_KEY_EC_521, 66 } };

static EVP_PKEY *ec_key(const belay_json *v, enum http_key_type *ret_type)
{
    unsigned char x[NUMBER_BYTES_MAX], y[NUMBER_BYTES_MAX], point[1 + 2 * 66];
    const struct curve *c = NULL;
    for (size_t i = 0; i < 3; i++)
        if (belay_str_eq(text_of(v, "crv"), belay_str_c(curves[i].name)))
            c = &curves[i];
    if (!c || bytes_of(v, "x", x) != c->bytes || bytes_of(v, "y", y) != c->bytes)
        return NULL;
    point[0] = 4; /* uncompressed */
    memcpy(point + 1, x, c->bytes);
    memcpy(point + 1 + c->bytes, y, c->bytes);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (build && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, c->group, 0)
        && OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * c->bytes))
        key = from_params("EC", build);
    OSSL_PARAM_BLD_free(build);
    *ret_type = c->type;
    return key;
}

static EVP_PKEY *okp_key(const belay_json *v)
{
    unsigned char x[NUMBER_BYTES_MAX];
    if (!belay_str_eq(text_of(v, "crv"), BELAY_STR("Ed25519")) || bytes_of(v, "x", x) != 32)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, 32);
}

/* As read_key. */
static bool secret_key(const belay_json *v, struct http_key *key, bool *ret_nomem)
{
    unsigned char bytes[NUMBER_BYTES_MAX];
    size_t n = bytes_of(v, "k", bytes);
    key->secret = n >= SECRET_BYTES_MIN ? belay_malloc(n) : NULL;
    *ret_nomem = n >= SECRET_BYTES_MIN && !key->secret;
    if (!key->secret)
        return false;
    memcpy(key->secret, bytes, n);
    key->secret_bytes = n;
    return true;
}

/* False: not one to verify with, or no memory. */
static bool read_key(const belay_json *v, struct http_key *key, bool *ret_nomem)
{
    struct belay_str type = text_of(v, "kty"), use = text_of(v, "use");
    *key = (struct http_key){ .id = text_of(v, "kid"), .alg = text_of(v, "alg") };
    if (use.n && !belay_str_eq(use, BELAY_STR("sig")))
        return false;
    if (belay_str_eq(type, BELAY_STR("RSA"))) {
        key->type = HTTP_KEY_RSA;
        key->pkey = rsa_key(v);
    } else if (belay_str_eq(type, BELAY_STR("EC"))) {
        key->pkey = ec_key(v, &key->type);
    } else if (belay_str_eq(type, BELAY_STR("OKP"))) {
        key->type = HTTP_KEY_ED25519;
        key->pkey = okp_key(v);
    } else if (belay_str_eq(type, BELAY_STR("oct"))) {
        key->type = HTTP_KEY_SECRET;
        return secret_key(v, key, ret_nomem);
    }
    return key->pkey != NULL;
}

/* ---- a set ---- */

static void free_keys(struct http_keys *keys)
{
    for (uint32_t i = 0; i < keys->count; i++) {
        EVP_PKEY_free(keys->items[i].pkey);
        if (keys->items[i].secret)
            OPENSSL_cleanse(keys->items[i].secret, keys->items[i].secret_bytes);
        belay_free(keys->items[i].secret);
    }
    belay_free(keys->items);
    belay_free(keys->text);
    belay_free(keys);
}

static int read_set(struct http_keys *keys, struct belay_str text, struct belay_arena *arena, struct belay_err *err)
{
    const belay_json *root;
    struct belay_err inner = { 0 };
    int status = belay_json_parse(text, NULL, arena, &root, NULL, &inner);
    if (status)
        return belay_fail(err, status == BELAY_NOMEM ? status : BELAY_INVALID, "the JWKS is no JSON: %s", inner.msg);
    const belay_json *list = belay_json_get(root, BELAY_STR("keys"));
    if (!list || list->type != BELAY_JSON_ARRAY)
        return belay_fail(err, BELAY_INVALID, "the JWKS has no \"keys\"");
    if (list->n > BELAY_HTTP_KEYS_MAX)
        return belay_fail(err, BELAY_INVALID, "the JWKS has more than %d keys", BELAY_HTTP_KEYS_MAX);
    keys->items = belay_calloc(list->n + 1, sizeof *keys->items);
    if (!keys->items)
        return belay_fail(err, BELAY_NOMEM, "out of memory");
    bool nomem = false;
    for (uint32_t i = 0; i < list->n && !nomem; i++)
        keys->count += read_key(belay_json_at(list, i), &keys->items[keys->count], &nomem);
    if (nomem) /* a set without one of its keys would refuse good tokens */
        return belay_fail(err, BELAY_NOMEM, "out of memory");
    if (!keys->count)
        return belay_fail(err, BELAY_INVALID, "the JWKS has no key that verifies (RSA of 2048 bits, EC, Ed25519, a secret of 256 bits)");
    return BELAY_OK;
}

/* The texts of ids outlive the tape: they are copied behind one another. */
static int keep_texts(struct http_keys *keys)
{
    size_t n = 0;
    for (uint32_t i = 0; i < keys->count; i++)
        n += keys->items[i].id.n + keys->items[i].alg.n;
    char *to = keys->text = belay_malloc(n + 1);
    if (!to)
        return BELAY_NOMEM;
    for (uint32_t i = 0; i < keys->count; i++) {
        struct belay_str *views[] = { &keys->items[i].id, &keys->items[i].alg };
        for (int k = 0; k < 2; k++) {
            if (views[k]->n)
                memcpy(to, views[k]->p, views[k]->n);
            views[k]->p = to;
            to += views[k]->n;
        }
    }
    return BELAY_OK;
}

int http_keys_parse(struct belay_str text, struct http_keys **ret_keys, struct belay_err *err)
{
    struct belay_arena arena;
    struct http_keys *keys = belay_calloc(1, sizeof *keys);
    if (!keys)
        return belay_fail(err, BELAY_NOMEM, "out of memory");
    keys->refs = 1;
    belay_arena_init(&arena, 0, BELAY_MIB(16));
    int status = read_set(keys, text, &arena, err);
    if (!status && keep_texts(keys))
        status = belay_fail(err, BELAY_NOMEM, "out of memory");
    belay_arena_deinit(&arena);
    if (status)
        free_keys(keys);
    else
        *ret_keys = keys;
    return status;
}

struct http_keys *http_keys_ref(struct http_keys *keys)
{
    atomic_fetch_add(&keys->refs, 1);
    return keys;
}

void http_keys_unref(struct http_keys *keys)
{
    if (keys && atomic_fetch_sub(&keys->refs, 1) == 1)
        free_keys(keys);
}
