/* room: config */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

struct input {
    struct belay_str yaml;
};

static const char openapi[] = "openapi: 3.1.0\npaths: { /orders: { post: { operationId: placeOrder "
                              "}, get: { operationId: getOrder } } }\n";

/* "belay.yaml" is the input, which may name itself; "api.yaml" is a document. */
static int read_file(void *arg, const char *path, struct belay_buf *out, struct belay_err *err)
{
    const struct input *input = arg;
    if (strcmp(path, "belay.yaml") == 0)
        belay_buf_put_str(out, input->yaml);
    else if (strcmp(path, "api.yaml") == 0)
        belay_buf_put_str(out, belay_str_c(openapi));
    else
        return belay_fail(err, BELAY_NOTFOUND, "%s: no such file", path);
    return belay_buf_status(out) ? belay_fail(err, BELAY_LIMIT, "too large") : BELAY_OK;
}

static const char *env(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "PORT") == 0 ? "7100" : NULL;
}

static void check(int good)
{
    if (!good)
        abort();
}

/* What loads compiles again from its stored text, to the same. */
static void recompile(const struct belay_config_opt *opt, struct belay_definitions *d,
                      struct belay_str text, struct belay_hash128 hash)
{
    struct belay_definitions *one;
    struct belay_problems problems;
    struct belay_err err;
    belay_problems_init(&problems);
    check(belay_config_recompile(opt, d, text, &one, &problems, &err) == BELAY_OK);
    check(one->flow_count + one->saga_count == 1);
    check(belay_hash128_eq(one->flow_count ? one->flows[0].hash : one->sagas[0].hash, hash));
    belay_definitions_unref(one);
    belay_problems_deinit(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const paths[] = { "belay.yaml" };
    struct input input = { belay_str((const char *)data, n) };
    struct belay_config_opt opt = { .paths = paths, .path_count = 1, .env = env, .read = read_file, .read_arg = &input };
    struct belay_definitions *d = NULL;
    struct belay_problems problems;
    struct belay_err err;
    struct belay_buf text;
    belay_problems_init(&problems);
    int status = belay_config_load(&opt, &d, &problems, &err);
    check((status == BELAY_OK) == (d != NULL));
    check(status == BELAY_OK || (status == BELAY_INVALID && problems.error_count > 0));
    belay_buf_init(&text, 1 << 24);
    belay_problems_write_json(&text, &problems);
    for (uint32_t i = 0; i < problems.count; i++)
        belay_problem_write(&text, &problems.items[i]);
    belay_buf_deinit(&text);
    for (uint32_t i = 0; d && i < d->flow_count; i++)
        recompile(&opt, d, d->flows[i].text, d->flows[i].hash);
    for (uint32_t i = 0; d && i < d->saga_count; i++)
        recompile(&opt, d, d->sagas[i].text, d->sagas[i].hash);
    if (d)
        belay_definitions_unref(d);
    belay_problems_deinit(&problems);
    return 0;
}
