/* Who may ask: keys, passwords, tokens signed with real keys, certificates; and the ways in which tokens are
 * forged. */
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <stdio.h>

#include "connector/http/jwt.h"
#include "lib/http_bench.h"
#include "model/definition.h"
#include "unit/test.h"

#define NOW_S 1700000000 /* the bench's clock */

static struct belay_arena arena;
static EVP_PKEY *rsa, *ec, *ed;
static const unsigned char secret[33] = "0123456789abcdef0123456789abcdef";
static struct http_keys *keys;
static struct belay_str jwks;

static struct belay_str base64url(const void *bytes, size_t n)
{
    char *to = belay_arena_bytes(&arena, n * 2 + 8);
    size_t length = (size_t)EVP_EncodeBlock((unsigned char *)to, bytes, (int)n);
    while (length && to[length - 1] == '=')
        length--;
    for (size_t i = 0; i < length; i++)
        to[i] = (char)(to[i] == '+' ? '-' : to[i] == '/' ? '_' : to[i]);
    return belay_str(to, length);
}

static struct belay_str number(EVP_PKEY *key, const char *name)
{
    unsigned char bytes[512];
    BIGNUM *n = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(key, name, &n), 1);
    int length = BN_bn2bin(n, bytes);
    BN_free(n);
    return base64url(bytes, (size_t)length);
}

static void make_keys(void)
{
    unsigned char point[65], raw[32];
    size_t n = sizeof point, raw_n = sizeof raw;
    rsa = EVP_RSA_gen(2048);
    ec = EVP_EC_gen("P-256");
    ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert_non_null(rsa);
    assert_int_equal(EVP_PKEY_get_octet_string_param(ec, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &n), 1);
    if (n == 33) /* compressed by default in some builds */
        fail_msg("a compressed point");
    assert_int_equal(EVP_PKEY_get_raw_public_key(ed, raw, &raw_n), 1);
    jwks = belay_arena_printf(&arena,
        "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"r\",\"use\":\"sig\",\"n\":\"%.*s\",\"e\":\"%.*s\"},"
        "{\"kty\":\"EC\",\"kid\":\"e\",\"crv\":\"P-256\",\"x\":\"%.*s\",\"y\":\"%.*s\"},"
        "{\"kty\":\"OKP\",\"kid\":\"d\",\"crv\":\"Ed25519\",\"x\":\"%.*s\"},"
        "{\"kty\":\"oct\",\"kid\":\"h\",\"alg\":\"HS256\",\"k\":\"%.*s\"},"
        "{\"kty\":\"unknown\"},{\"kty\":\"RSA\",\"use\":\"enc\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
        BELAY_STR_ARG(number(rsa, "n")), BELAY_STR_ARG(number(rsa, "e")), BELAY_STR_ARG(base64url(point + 1, 32)),
        BELAY_STR_ARG(base64url(point + 33, 32)), BELAY_STR_ARG(base64url(raw, 32)), BELAY_STR_ARG(base64url(secret, 32)));
    struct belay_err err = { 0 };
    if (http_keys_parse(jwks, &keys, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(keys->count, 4);
}

static int begin(void **state)
{
    (void)state;
    belay_arena_init(&arena, 0, BELAY_MIB(16));
    make_keys();
    return 0;
}

static int end(void **state)
{
    (void)state;
    http_keys_unref(keys);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(ed);
    belay_arena_deinit(&arena);
    return 0;
}

/* how: R, P (RSA), E, D, H (the secret), X (HMAC with the public key's text), 0: no signature. */
static struct belay_str sign(char how, struct belay_str text)
{
    unsigned char out[1024];
    size_t n = sizeof out;
    if (how == 0)
        return BELAY_STR("");
    if (how == 'H' || how == 'X') {
        struct belay_str key = how == 'H' ? belay_str((const char *)secret, 32) : number(rsa, "n");
        unsigned length;
        assert_non_null(HMAC(EVP_sha256(), key.p, (int)key.n, (const unsigned char *)text.p, text.n, out, &length));
        return base64url(out, length);
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL;
    EVP_PKEY *key = how == 'E' ? ec : how == 'D' ? ed : rsa;
    assert_int_equal(EVP_DigestSignInit(context, &key_context, how == 'D' ? NULL : EVP_sha256(), NULL, key), 1);
    if (how == 'P') {
        EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST);
    }
    assert_int_equal(EVP_DigestSign(context, out, &n, (const unsigned char *)text.p, text.n), 1);
    EVP_MD_CTX_free(context);
    if (how != 'E')
        return base64url(out, n);
    const unsigned char *at = out;
    unsigned char raw[64];
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)n);
    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32);
    ECDSA_SIG_free(sig);
    return base64url(raw, 64);
}

static struct belay_str mint(const char *header, const char *claims, char how)
{
    struct belay_str h = base64url(header, strlen(header)), c = base64url(claims, strlen(claims));
    struct belay_str text = belay_arena_join(&arena, h, BELAY_STR("."), c);
    return belay_arena_join(&arena, text, BELAY_STR("."), sign(how, text));
}

#define CLAIMS(more) "{\"iss\":\"https://id.test\",\"aud\":[\"x\",\"orders\"],\"exp\":1700000060,\"sub\":\"ann\",\"scope\":\"read write\"" more "}"

static int verify(struct belay_str token, const char **ret_why)
{
    static const struct belay_str audiences[] = { BELAY_STR_INIT("orders") };
    const struct http_jwt_rules rules = { BELAY_STR("https://id.test"), audiences, 1, 30000 };
    const belay_json *claims = NULL;
    int status = http_jwt_verify(token, &rules, keys, (belay_time)NOW_S * BELAY_US_PER_S, &arena, &claims, ret_why);
    assert_true(status != BELAY_OK || claims != NULL);
    return status;
}

static void tokens_of_every_family_are_verified(void **state)
{
    static const struct {
        const char *header;
        char how;
    } rows[] = {
        { "{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":\"JWT\"}", 'R' }, { "{\"alg\":\"PS256\",\"kid\":\"r\"}", 'P' },
        { "{\"alg\":\"ES256\",\"kid\":\"e\",\"typ\":\"at+jwt\"}", 'E' }, { "{\"alg\":\"EdDSA\",\"kid\":\"d\"}", 'D' },
        { "{\"alg\":\"HS256\",\"kid\":\"h\"}", 'H' }, { "{\"alg\":\"RS256\"}", 'R' },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *why = "";
        struct belay_str token = mint(rows[i].header, CLAIMS(""), rows[i].how);
        if (verify(token, &why))
            fail_msg("%s: %s", rows[i].header, why);
        char *changed = (char *)belay_arena_str(&arena, token).p;
        size_t at = token.n - 20;
        changed[at] = changed[at] == 'A' ? 'B' : 'A';
        assert_int_equal(verify(belay_str(changed, token.n), &why), BELAY_DENIED);
    }
}

static void forged_and_foreign_tokens_are_refused(void **state)
{
    static const struct {
        const char *header, *claims;
        char how;
        const char *why;
    } rows[] = {
        { "{\"alg\":\"none\"}", CLAIMS(""), 0, "algorithm" },
        { "{\"alg\":\"None\",\"kid\":\"r\"}", CLAIMS(""), 0, "algorithm" },
        { "{\"kid\":\"r\"}", CLAIMS(""), 'R', "algorithm" },
        { "{\"alg\":\"HS256\",\"kid\":\"r\"}", CLAIMS(""), 'X', "signature" }, /* the public key as a secret */
        { "{\"alg\":\"HS256\"}", CLAIMS(""), 'X', "signature" },
        { "{\"alg\":\"RS256\",\"kid\":\"h\"}", CLAIMS(""), 'R', "signature" },
        { "{\"alg\":\"HS512\",\"kid\":\"h\"}", CLAIMS(""), 'H', "signature" },
        { "{\"alg\":\"RS256\",\"kid\":\"r\",\"crit\":[\"x\"]}", CLAIMS(""), 'R', "critical" },
        { "{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":\"logout+jwt\"}", CLAIMS(""), 'R', "another type" },
        { "{\"alg\":\"RS256\",\"kid\":\"r\"}", "{\"iss\":\"https://id.test\",\"aud\":\"orders\"}", 'R', "when it expires" },
        { "{\"alg\":\"RS256\",\"kid\":\"r\"}", "{\"iss\":\"https://id.test\",\"aud\":\"orders\",\"exp\":1699999969}", 'R', "expired" },
        { "{\"alg\":\"RS256\",\"kid\":\"r\"}", "{\"iss\":\"https://id.test\",\"aud\":\"orders\",\"exp\":\"1800000000\"}", 'R', "when it expires" },
        { "{\"alg\":\"RS256\",\"kid\":\"r\"}", CLAIMS(",\"nbf\":1700000031"), 'R', "not valid yet" },
        { "{\"alg\":\"RS256\",\"kid\":\"r\"}", "{\"iss\":\"https://id.test/\",\"aud\":\"orders\",\"exp\":1800000000}", 'R', "issuer" },
        { "{\"alg\":\"RS256\",\"kid\":\"r\"}", "{\"iss\":\"https://id.test\",\"aud\":\"order\",\"exp\":1800000000}", 'R', "audience" },
        { "{\"alg\":\"RS256\",\"kid\":\"r\"}", "{\"iss\":\"https://id.test\",\"exp\":1800000000}", 'R', "audience" },
        { "[]", CLAIMS(""), 'R', "malformed" }, { "{\"alg\":\"RS256\",\"kid\":\"r\"}", "1", 'R', "malformed" },
    };
    static const char *const texts[] = { "", ".", "..", "a.b", "a.b.c.d", "e30.e30.!", "e30=.e30.", "e31.e30.e30" };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *why = "";
        int status = verify(mint(rows[i].header, rows[i].claims, rows[i].how), &why);
        if (status != BELAY_DENIED || !strstr(why, rows[i].why))
            fail_msg("%s %s: %s %s", rows[i].header, rows[i].claims, belay_status_name(status), why);
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *why = "";
        assert_int_equal(verify(belay_str_c(texts[i]), &why), BELAY_DENIED);
    }
    const char *why = "";
    assert_int_equal(verify(mint("{\"alg\":\"RS256\",\"kid\":\"new\"}", CLAIMS(""), 'R'), &why), BELAY_NOTFOUND);
    assert_ok(verify(mint("{\"alg\":\"RS256\",\"kid\":\"r\"}", "{\"iss\":\"https://id.test\",\"aud\":\"orders\",\"exp\":1699999971}", 'R'), &why));
}

static void a_jwks_without_a_good_key_is_refused(void **state)
{
    static const char *const rows[] = {
        "", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]}", "{\"keys\":[1,null]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}", /* 17 bits */
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2hvcnQ\"}]}", "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQ\",\"y\":\"AQ\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}]}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_keys *none;
        if (http_keys_parse(belay_str_c(rows[i]), &none, NULL) != BELAY_INVALID)
            fail_msg("%s", rows[i]);
    }
}

/* ---- through the server ---- */

#define OP(path, id, security) "\"" path "\":{\"get\":{\"operationId\":\"" id "\"" security "}}"
#define DOCUMENT "{\"openapi\":\"3.1.0\",\"security\":[{\"key\":[]}],\"paths\":{" OP("/key", "key", "") "," \
    OP("/open", "open", ",\"security\":[]") "," OP("/maybe", "maybe", ",\"security\":[{},{\"basic\":[]}]") "," \
    OP("/basic", "basic", ",\"security\":[{\"basic\":[]}]") "," OP("/cookie", "cookie", ",\"security\":[{\"cookie\":[]}]") "," \
    OP("/query", "query", ",\"security\":[{\"query\":[]}]") "," OP("/token", "token", ",\"security\":[{\"token\":[\"write\"]}]") "," \
    OP("/admin", "admin", ",\"security\":[{\"token\":[\"admin\"]}]") "," OP("/cert", "cert", ",\"security\":[{\"cert\":[]}]") "," \
    OP("/both", "both", ",\"security\":[{\"key\":[],\"basic\":[]}]") "," OP("/any", "any", ",\"security\":[{\"token\":[]},{\"key\":[]}]") \
    "},\"components\":{\"securitySchemes\":{\"key\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"X-Key\"}," \
    "\"cookie\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"sid\"},\"query\":{\"type\":\"apiKey\",\"in\":\"query\",\"name\":\"k y\"}," \
    "\"basic\":{\"type\":\"http\",\"scheme\":\"Basic\"},\"token\":{\"type\":\"http\",\"scheme\":\"bearer\",\"bearerFormat\":\"JWT\"}," \
    "\"cert\":{\"type\":\"mutualTLS\"},\"digest\":{\"type\":\"http\",\"scheme\":\"digest\"}}}}"

static struct http_bench bench;
static char room[1 << 14];

static void open_bench(const struct belay_openapi_opt *opt)
{
    struct belay_openapi *api;
    const belay_json *document;
    struct belay_err err = { 0 };
    assert_ok(belay_json_parse(BELAY_STR(DOCUMENT), NULL, &arena, &document, NULL, &err));
    if (belay_openapi_compile(document, opt, &api, &err))
        fail_msg("%s", err.msg);
    http_bench_init(&bench, api, NULL);
}

static const struct belay_http_request *get(const char *target, const char *fields)
{
    static char text[8192];
    uint32_t before = bench.kept_count;
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", target, fields);
    http_bench_feed(&bench, belay_str_c(text), 0);
    http_bench_output(&bench, room, sizeof room);
    if (bench.kept_count == before)
        return NULL;
    static struct belay_http_request seen;
    seen = *bench.kept[before];
    static char who[200];
    snprintf(who, sizeof who, "%.*s", BELAY_STR_ARG(seen.auth.subject));
    seen.auth.subject = belay_str_c(who);
    http_bench_answer(&bench, before, 200);
    http_bench_output(&bench, room + sizeof room / 2, sizeof room / 2);
    return &seen;
}

static void schemes_open_and_close_the_door(void **state)
{
    static const struct belay_field who[] = { { BELAY_STR_INIT("partner"), BELAY_STR_INIT("s3cret") },
                                              { BELAY_STR_INIT("other"), BELAY_STR_INIT("0ther") } };
    static const struct belay_str audiences[] = { BELAY_STR_INIT("orders") };
    static const struct { const char *target, *fields, *expected, *challenge; } rows[] = {
        { "/open", "", "", NULL },
        { "/key", "X-Key: s3cret\r\n", "partner", NULL }, { "/key", "x-key: 0ther\r\n", "other", NULL },
        { "/key", "", "401", "www-authenticate: ApiKey realm=\"test\", in=\"header\", name=\"x-key\"\r\n" },
        { "/key", "X-Key: s3cre\r\n", "401", "ApiKey" }, { "/key", "X-Key:\r\n", "401", "ApiKey" },
        { "/key", "X-Key: s3cret\r\nX-Key: s3cret\r\n", "401", "ApiKey" },
        { "/cookie", "Cookie: a=1; sid=s3cret\r\n", "partner", NULL }, { "/cookie", "Cookie: sid=s3cret; sid=0ther\r\n", "401", "ApiKey" },
        { "/query?k%20y=s3cret", "", "partner", NULL }, { "/query?k+y=%730ther", "", "401", "ApiKey" },
        { "/basic", "Authorization: Basic cGFydG5lcjpzM2NyZXQ=\r\n", "partner", NULL },
        { "/basic", "authorization: basic  cGFydG5lcjpzM2NyZXQ=\r\n", "partner", NULL },
        { "/basic", "Authorization: Basic cGFydG5lcjpzM2NyZXR=\r\n", "401", "Basic realm=\"test\", charset=\"UTF-8\"" },
        { "/basic", "Authorization: Basic b3RoZXI6czNjcmV0\r\n", "401", "Basic" }, /* other:s3cret */
        { "/basic", "Authorization: Basic !\r\n", "401", "Basic" }, { "/basic", "Authorization: Basic\r\n", "401", "Basic" },
        { "/maybe", "", "", NULL }, { "/maybe", "Authorization: Basic cGFydG5lcjpzM2NyZXQ=\r\n", "partner", NULL },
        { "/both", "X-Key: 0ther\r\n", "401", "Basic" },
        { "/both", "X-Key: 0ther\r\nAuthorization: Basic cGFydG5lcjpzM2NyZXQ=\r\n", "other", NULL },
        { "/token", "", "401", "www-authenticate: Bearer realm=\"test\"\r\n" },
        { "/token", "Authorization: Bearer x.y\r\n", "401", "error=\"invalid_token\", error_description=\"the token does not have three parts\"" },
        { "/token", "Authorization: Bearer TOKEN\r\n", "ann", NULL },
        { "/admin", "Authorization: Bearer TOKEN\r\n", "403", "error=\"insufficient_scope\", scope=\"admin\"" },
        { "/any", "X-Key: s3cret\r\n", "partner", NULL }, { "/any", "", "401", "Bearer realm=\"test\", ApiKey realm" },
        { "/cert", "", "403", NULL },
        { "/nowhere", "", "404", NULL },
    };
    struct belay_security_def defs[] = {
        { .name = BELAY_STR("key"), .keys = who, .key_count = 2 }, { .name = BELAY_STR("cookie"), .keys = who, .key_count = 2 },
        { .name = BELAY_STR("query"), .keys = who, .key_count = 2 }, { .name = BELAY_STR("basic"), .users = who, .user_count = 2 },
        { .name = BELAY_STR("token"), .jwks_text = jwks, .issuer = BELAY_STR("https://id.test"), .audiences = audiences,
          .audience_count = 1, .leeway_ms = 30000 },
    };
    const struct belay_openapi_opt opt = { .security = defs, .security_count = 5, .client_certificates = true };
    struct belay_str token = mint("{\"alg\":\"ES256\",\"kid\":\"e\"}", CLAIMS(""), 'E');
    (void)state;
    open_bench(&opt);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char fields[4096];
        size_t n = 0;
        for (const char *at = rows[i].fields; *at;) {
            bool here = strncmp(at, "TOKEN", 5) == 0;
            n += (size_t)snprintf(fields + n, sizeof fields - n, "%.*s", here ? (int)token.n : 1, here ? token.p : at);
            at += here ? 5 : 1;
        }
        fields[n] = '\0';
        const struct belay_http_request *r = get(rows[i].target, fields);
        bool good = r ? belay_str_eq(r->auth.subject, belay_str_c(rows[i].expected)) : strncmp(room + 9, rows[i].expected, 3) == 0;
        if (!good || (rows[i].challenge && !strstr(room, rows[i].challenge)) || (!rows[i].challenge && !r && strstr(room, "www-auth")))
            fail_msg("%s %s: %s\n%s", rows[i].target, fields, r ? r->auth.subject.p : "refused", room);
    }
    bench.session.subject = BELAY_STR("CN=partner");
    assert_non_null(get("/cert", ""));
    http_bench_deinit(&bench);
}

static void a_scheme_must_be_configured(void **state)
{
    const belay_json *document;
    struct belay_openapi *api;
    struct belay_err err = { 0 };
    (void)state;
    assert_ok(belay_json_parse(BELAY_STR(DOCUMENT), NULL, &arena, &document, NULL, &err));
    assert_int_equal(belay_openapi_compile(document, NULL, &api, &err), BELAY_INVALID);
    assert_non_null(strstr(err.msg, "/components/securitySchemes/key: the api's 'security' says nothing about it"));
    const struct belay_openapi_opt mock = { .any_credentials = true };
    open_bench(&mock);
    assert_null(get("/key", ""));
    assert_non_null(get("/key", "X-Key: whatever\r\n"));
    assert_non_null(get("/admin", "Authorization: Bearer whatever\r\n"));
    http_bench_deinit(&bench);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tokens_of_every_family_are_verified),
        TEST(forged_and_foreign_tokens_are_refused),
        TEST(a_jwks_without_a_good_key_is_refused),
        TEST(schemes_open_and_close_the_door),
        TEST(a_scheme_must_be_configured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
