/* room: expr */
/* $parse of anything in every format; what it made is written, read again and must be the same. */
#include "base/assert.h"
#include "base/limits.h"
#include "expr/expr.h"

static const char *const round_trips[] = {
    "($v := $parse($, 'xml'); $t := $serialize($v, 'xml');"
    " $w := $parse($t, 'xml'); $w = $v and $serialize($w, 'xml') = $t)",
    "($v := $parse($, 'csv', {'header': false});"
    " $parse($serialize($v, 'csv', {'header': false}), 'csv', {'header': false}) = $v)",
    "($v := $parse($, 'form'); $parse($serialize($v, 'form'), 'form') = $v)",
    "($v := $parse($, 'json'); $serialize($parse($serialize($v))) = $serialize($v))",
    "($v := $parse($, 'csv'); $count($v) = 0 or $parse($serialize($v, 'csv'), 'csv') = $v)",
};

static bool is_utf8(struct belay_str s)
{
    struct belay_expr *e;
    if (belay_expr_compile(s, &e, NULL, NULL) == BELAY_OK) {
        belay_expr_free(e);
        return true;
    }
    for (size_t i = 0; i < s.n; i++)
        if ((signed char)s.p[i] < 0)
            return false; /* bytes beyond ASCII only in what is an expression by chance */
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses the format. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct belay_arena arena;
    struct belay_expr *e;
    struct belay_value v;
    struct belay_expr_error error;
    struct belay_expr_env env = { .now = 1531310400000000 };
    if (size == 0)
        return 0;
    struct belay_str text = belay_str((const char *)data + 1, size - 1);
    size_t which = data[0] % (sizeof round_trips / sizeof *round_trips);
    if (!is_utf8(text))
        return 0;
    belay_arena_init(&arena, 0, BELAY_MIB(8));
    BELAY_ASSERT(belay_expr_compile(belay_str_c(round_trips[which]), &e, NULL, NULL) == BELAY_OK);
    int status = belay_expr_eval(e, belay_value_str(text), &env, &arena, &v, &error, NULL);
    if (status)
        BELAY_ASSERT(status == BELAY_LIMIT || (error.code[0] == 'U' && error.code[4] == '3')
                     || error.code[0] == 'D');
    else
        BELAY_ASSERT(v.type == BELAY_VALUE_BOOL && v.u.b);
    belay_expr_free(e);
    belay_arena_deinit(&arena);
    return 0;
}
