/* Belay's own functions over what the configuration declares, and digests. */
#include <openssl/evp.h>

#include "base/hash.h"
#include "expr/data.h"
#include "expr/functions.h"

/* ---- $hash ---- */

static struct belay_value hex(struct run *run, const void *digest, size_t n)
{
    char text[2 * EVP_MAX_MD_SIZE];
    belay_hex(digest, n, text);
    return string_copy(run, belay_str(text, 2 * n));
}

static struct belay_value sha256(struct run *run, struct belay_str s)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    if (!EVP_Digest(s.p ? s.p : "", s.n, digest, &n, EVP_sha256(), NULL))
        return run_nomem(run);
    return hex(run, digest, n);
}

static struct belay_value xxh128(struct run *run, struct belay_str s)
{
    char text[33];
    belay_hash128_hex(belay_hash128(s), text);
    return string_copy(run, belay_str(text, 32));
}

/* Of a string its UTF-8; of anything else its JSON. */
struct belay_value f_hash(struct run *run, struct call *call)
{
    struct belay_value v = call->args[0];
    if (!value_defined(v) || call->args[1].type != BELAY_VALUE_STRING)
        return UNDEFINED;
    struct belay_str name = value_str(call->args[1]);
    if (v.type != BELAY_VALUE_STRING)
        v = value_json_text(run, v);
    if (value_failed(v) || !run_charge(run, v.n / 64))
        return FAILED;
    if (belay_str_eq(name, BELAY_STR("sha-256")))
        return sha256(run, value_str(v));
    if (belay_str_eq(name, BELAY_STR("xxh128")))
        return xxh128(run, value_str(v));
    return run_fail(run, "U3001", NO_POSITION, name);
}

/* ---- $env, $lookupTable ---- */

struct belay_value f_env(struct run *run, struct call *call)
{
    struct belay_value name = call->args[0];
    if (name.type != BELAY_VALUE_STRING)
        return UNDEFINED;
    struct belay_value v = run->data ? value_get(run->data->env, value_str(name)) : UNDEFINED;
    return value_defined(v) ? v : run_fail_value(run, "U3005", NO_POSITION, name);
}

struct belay_value f_lookupTable(struct run *run, struct call *call)
{
    char room[VALUE_NUMBER_TEXT_MAX];
    struct belay_value name = call->args[0], key = call->args[1];
    if (name.type != BELAY_VALUE_STRING)
        return UNDEFINED;
    struct belay_value table = run->data ? value_get(run->data->tables, value_str(name)) : UNDEFINED;
    if (!value_defined(table))
        return run_fail_value(run, "U3006", NO_POSITION, name);
    if (!value_defined(key))
        return UNDEFINED;
    return value_get(table, value_scalar_text(key, room));
}
