/* What the tests of expr share: evaluate a text over a JSON text, compare what comes out. */
#ifndef BELAY_EXPR_TEST_H
#define BELAY_EXPR_TEST_H

#include "base/limits.h"
#include "expr/expr.h"
#include "unit/test.h"

static struct belay_expr_error last_error;
static struct belay_err last_err;

/* The result as JSON in out ("undefined" for none); the error code in out and a status when it
 * fails. */
static inline int evaluate(const char *source, const char *json, const struct belay_expr_env *env,
                           struct belay_buf *out)
{
    struct belay_arena arena;
    struct belay_expr *e = NULL;
    struct belay_value input = belay_value_undefined(), v;
    const belay_json *root;
    belay_arena_init(&arena, 0, BELAY_EXPR_BYTES_DEFAULT);
    belay_buf_clear(out);
    memset(&last_error, 0, sizeof last_error);
    if (json) {
        assert_ok(belay_json_parse(belay_str_c(json), NULL, &arena, &root, NULL, NULL));
        input = belay_value_tape(root);
    }
    int status = belay_expr_compile(belay_str_c(source), &e, &last_error, &last_err);
    if (status == BELAY_OK)
        status = belay_expr_eval(e, input, env, &arena, &v, &last_error, &last_err);
    if (status)
        belay_buf_put_str(out, belay_str_c(last_error.code));
    else if (!belay_value_write(out, v))
        belay_buf_put_str(out, BELAY_STR("undefined"));
    belay_buf_put_c(out, '\0');
    belay_expr_free(e);
    belay_arena_deinit(&arena);
    return status;
}

/* json == NULL: no input. */
#define assert_expr(source, json, expected)                       \
    do {                                                          \
        struct belay_buf out_;                                    \
        belay_buf_init(&out_, BELAY_MIB(16));                     \
        (void)evaluate(source, json, NULL, &out_);                \
        assert_string_equal(out_.p, expected);                    \
        belay_buf_deinit(&out_);                                  \
    } while (0)

#endif
