/* room: expr */
#include "base/assert.h"
#include "base/limits.h"
#include "expr/expr.h"

static const char input[]
    = "{\"a\":{\"b\":[{\"c\":1,\"d\":\"x\"},{\"c\":2.5,\"d\":\"\\u00e9\"}],\"e\":[[1,2],[3]]},"
      "\"s\":\"the quick brown fox\",\"n\":9007199254740993,\"t\":true,\"z\":null,\"f\":[]}";

static void evaluate(const struct belay_expr *e, struct belay_arena *arena)
{
    const belay_json *root, *again;
    struct belay_expr_env env = { .now = 1531310400000000, .steps_max = 20000 };
    struct belay_expr_error error;
    struct belay_err err;
    struct belay_value v;
    struct belay_buf out;
    BELAY_ASSERT(belay_json_parse(belay_str_c(input), NULL, arena, &root, NULL, NULL) == BELAY_OK);
    int status = belay_expr_eval(e, belay_value_tape(root), &env, arena, &v, &error, &err);
    if (status) {
        BELAY_ASSERT(status == BELAY_INVALID || status == BELAY_LIMIT);
        BELAY_ASSERT(error.code[0] && error.position <= belay_expr_source(e).n);
        return;
    }
    belay_buf_init(&out, BELAY_MIB(4));
    if (belay_value_write(&out, v) && belay_buf_status(&out) == BELAY_OK) {
        int parsed = belay_json_parse(belay_buf_view(&out), NULL, arena, &again, NULL, NULL);
        BELAY_ASSERT(parsed != BELAY_SYNTAX || out.n > BELAY_MIB(1));
    }
    belay_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses between an expression and a template. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct belay_expr *e;
    struct belay_template *t;
    struct belay_expr_error error;
    struct belay_err err;
    struct belay_arena arena;
    struct belay_str source = belay_str((const char *)data, size);
    belay_arena_init(&arena, 0, BELAY_MIB(2));
    if (size > 0 && data[0] == 0) {
        source = belay_str_sub(source, 1, size);
        if (belay_template_compile(source, (struct belay_template_opt){ 0 }, &t, &error, &err)
            == BELAY_OK)
            belay_template_free(t);
    } else if (belay_expr_compile(source, &e, &error, &err) == BELAY_OK) {
        evaluate(e, &arena);
        belay_expr_free(e);
    } else {
        BELAY_ASSERT(error.code[0] && error.position <= size);
    }
    belay_arena_deinit(&arena);
    return 0;
}
