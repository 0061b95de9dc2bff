/* room: config */
/* An OpenAPI document of several files. The input is the files' texts, a byte 0xff (which no YAML holds) between
 * them: api.yaml, then those of `names`. The files become one document; what it became is a document of one file, and
 * loads to the very same. */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

#include "json/json.h"

static const char *const names[] = { "api.yaml", "paths/o.yaml", "c.json", "a b.yaml" };

enum { FILES = sizeof names / sizeof *names };

struct input {
    struct belay_str files[FILES];
};

static const char belay_yaml[] = "apis: { a: { listen: \"127.0.0.1:0\", openapi: api.yaml } }\n";

static int read_file(void *arg, const char *path, struct belay_buf *out, struct belay_err *err)
{
    const struct input *input = arg;
    struct belay_str text = strcmp(path, "belay.yaml") == 0 ? belay_str_c(belay_yaml) : BELAY_STR_NONE;
    for (size_t i = 0; i < FILES && !text.p; i++)
        if (strcmp(path, names[i]) == 0)
            text = input->files[i];
    if (!text.p)
        return belay_fail(err, BELAY_NOTFOUND, "%s: no such file", path);
    belay_buf_put_str(out, text);
    return belay_buf_status(out) ? belay_fail(err, BELAY_LIMIT, "too large") : BELAY_OK;
}

static void must(bool good)
{
    if (!good)
        abort();
}

/* The document as JSON text; false where it was refused. */
static bool load(struct input *input, struct belay_buf *ret_text)
{
    static const char *const paths[] = { "belay.yaml" };
    const struct belay_config_opt opt = { .paths = paths, .path_count = 1, .read = read_file, .read_arg = input };
    struct belay_definitions *d = NULL;
    struct belay_problems problems;
    struct belay_err err;
    belay_problems_init(&problems);
    int status = belay_config_load(&opt, &d, &problems, &err);
    must((status == BELAY_OK) == (d != NULL) && (status == BELAY_OK || problems.error_count > 0));
    if (d) {
        must(d->api_count == 1 && d->apis[0].openapi);
        belay_json_write(ret_text, d->apis[0].openapi);
        belay_definitions_unref(d);
    }
    belay_problems_deinit(&problems);
    return status == BELAY_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input input = { 0 };
    struct belay_str rest = belay_str((const char *)data, n);
    struct belay_buf one, again;
    for (size_t i = 0; i < FILES && rest.p; i++)
        input.files[i] = belay_str_split(&rest, '\xff');
    belay_buf_init(&one, 1 << 26);
    belay_buf_init(&again, 1 << 26);
    if (load(&input, &one)) {
        struct input alone = { .files = { belay_buf_view(&one) } };
        must(load(&alone, &again));
        must(belay_str_eq(belay_buf_view(&one), belay_buf_view(&again)));
    }
    belay_buf_deinit(&one);
    belay_buf_deinit(&again);
    return 0;
}
