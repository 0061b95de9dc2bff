#include "faults.h"

#include <stddef.h>

#include "base/hash.h"

static const struct {
    const char *name;
    size_t offset;
} shares[] = {
    { "error", offsetof(struct faults, error) },         { "unavailable", offsetof(struct faults, unavailable) },
    { "timeout", offsetof(struct faults, timeout) },     { "lost", offsetof(struct faults, lost) },
    { "decline", offsetof(struct faults, decline) },     { "reject", offsetof(struct faults, reject) },
};
#define SHARES (sizeof shares / sizeof shares[0])

static double *share_of(struct faults *f, size_t i)
{
    return (double *)(void *)((char *)f + shares[i].offset);
}

enum mishap faults_draw(struct faults *f)
{
    double drawn = belay_random_unit(&f->random);
    const double bounds[] = { f->error, f->unavailable, f->timeout, f->lost };
    for (int i = 0; i < 4; i++) {
        if (drawn < bounds[i])
            return (enum mishap)(i + MISHAP_ERROR);
        drawn -= bounds[i];
    }
    return MISHAP_NONE;
}

bool faults_chosen(struct belay_str order, const char *purpose, double share)
{
    struct belay_str parts[] = { order, belay_str_c(purpose) };
    return (double)(belay_hash128_parts(parts, 2).lo >> 11) * 0x1.0p-53 < share;
}

static int set_one(struct faults *f, struct belay_str name, const belay_json *value, struct belay_err *err)
{
    if (!belay_json_is_number(value) || belay_json_number(value) < 0)
        return belay_fail(err, BELAY_INVALID, "%.*s must be a number from 0", BELAY_STR_ARG(name));
    double number = belay_json_number(value);
    if (belay_str_eq(name, BELAY_STR("latency_ms")) && number <= 600000) {
        f->latency_ms = (uint32_t)number;
        return BELAY_OK;
    }
    for (size_t i = 0; i < SHARES; i++) {
        if (belay_str_eq(name, belay_str_c(shares[i].name)) && number <= 1) {
            *share_of(f, i) = number;
            return BELAY_OK;
        }
    }
    return belay_fail(err, BELAY_INVALID,
                      "%.*s: one of latency_ms (to 600000), and as shares of 0..1: error, unavailable, timeout, lost, "
                      "decline, reject", BELAY_STR_ARG(name));
}

int faults_set(struct faults *f, const belay_json *settings, struct belay_err *err)
{
    struct faults changed = *f;
    if (!settings || settings->type != BELAY_JSON_OBJECT)
        return belay_fail(err, BELAY_INVALID, "a JSON object of settings is wanted");
    const belay_json *key = belay_json_first(settings);
    for (uint32_t i = 0; i < settings->n; i++) {
        const belay_json *value = belay_json_next(key);
        int status = set_one(&changed, belay_json_str(key), value, err);
        if (status != BELAY_OK)
            return status;
        key = belay_json_next(value);
    }
    *f = changed;
    return BELAY_OK;
}

void faults_write(const struct faults *f, struct belay_buf *out)
{
    struct belay_json_out o = belay_json_out(out);
    struct faults copy = *f;
    belay_json_begin_object(&o);
    belay_json_key(&o, "latency_ms");
    belay_json_put_uint(&o, f->latency_ms);
    for (size_t i = 0; i < SHARES; i++) {
        belay_json_key(&o, shares[i].name);
        belay_json_put_double(&o, *share_of(&copy, i));
    }
    belay_json_end_object(&o);
}
