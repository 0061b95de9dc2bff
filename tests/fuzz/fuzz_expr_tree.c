/* room: expr */
/* A grammar of expressions, each choice made by a byte of the input: what comes out always parses,
 * so that the evaluator is what is tried. The rest of the bytes are the data. */
#include <stdio.h>

#include "base/assert.h"
#include "base/limits.h"
#include "expr/expr.h"

struct source {
    const uint8_t *p, *end;
    struct belay_buf text;
    unsigned depth;
};

static unsigned pick(struct source *s, unsigned n)
{
    return s->p < s->end ? *s->p++ % n : 0;
}

static void put(struct source *s, const char *text)
{
    belay_buf_put_str(&s->text, belay_str_c(text));
}

#define PICK(s, list) ((list)[pick(s, sizeof(list) / sizeof *(list))])

static const char *const atoms[]
    = { "a", "b", "$", "$$", "1", "0", "-1.5", "''", "'x,y'", "true", "null", "[]", "{}", "*", "**", "$x",
        "$y", "[1..5]", "c", "nothing", "/a(b)?/i", "'<a><b/>t<b/></a>'", "function($v){$v}", "`a b`",
        "'2018-07-11T12:00:00Z'", "'{\"a\":[1]}'", "1e300", "9007199254740993", "'#,##0.00'", "$f" };
static const char *const operators[]
    = { " + ", " - ", " * ", " / ", " % ", " = ", " != ", " < ", " <= ", " > ", " >= ", " & ", " and ",
        " or ", " in ", "..", ".", ".", ".", " ~> ", " ?: ", " ?? " };
static const char *const functions[]
    = { "$sum", "$count", "$string", "$map", "$filter", "$reduce", "$sort", "$keys", "$lookup", "$merge",
        "$spread", "$append", "$distinct", "$reverse", "$each", "$sift", "$zip", "$join", "$split",
        "$replace", "$match", "$contains", "$substring", "$pad", "$formatNumber", "$formatInteger",
        "$parseInteger", "$fromMillis", "$toMillis", "$number", "$eval", "$parse", "$serialize", "$hash",
        "$single", "$type", "$exists", "$boolean", "$not", "$round", "$power", "$max", "$min",
        "$average", "$shuffle", "$error", "$assert", "$base64encode", "$base64decode", "$encodeUrl",
        "$decodeUrl", "$formatBase", "$lookupTable", "$env", "$now", "$uuid", "$clone", "$trim",
        "$lowercase", "$length", "$substringBefore", "$f" };

static void expression(struct source *s);

static void list(struct source *s, const char *open, const char *close, unsigned n)
{
    put(s, open);
    for (unsigned i = 0; i < n; i++) {
        put(s, i ? "," : "");
        expression(s);
    }
    put(s, close);
}

static void call(struct source *s)
{
    unsigned form = pick(s, 4);
    put(s, PICK(s, functions));
    if (form == 0)
        put(s, "(?,");
    list(s, form ? "(" : "", ")", pick(s, 3) + (form == 0));
}

static void object(struct source *s, const char *open)
{
    put(s, open);
    for (unsigned i = 0, n = pick(s, 3); i < n; i++) {
        put(s, i ? "," : "");
        put(s, pick(s, 3) ? "'k'" : "$string($)");
        if (i)
            put(s, " & '1'");
        put(s, ":");
        expression(s);
    }
    put(s, "}");
}

static void suffix(struct source *s)
{
    static const char *const forms[] = { "[0]", "[-1]", "[]", "^(a)", "^(>$,<b)", "@$x.b", "#$y", ".%.a" };
    expression(s);
    switch (pick(s, 4)) {
    case 0: list(s, "[", "]", 1); break;
    case 1: object(s, "{"); break;
    default: put(s, PICK(s, forms)); break;
    }
}

static void infix(struct source *s)
{
    put(s, "(");
    expression(s);
    put(s, PICK(s, operators));
    expression(s);
    put(s, ")");
}

static void block(struct source *s)
{
    static const char *const heads[]
        = { "($x := ", "($f := function($v, $w){", "($f := λ($v)<a:a>{", "($y := " };
    unsigned which = pick(s, 4);
    put(s, heads[which]);
    expression(s);
    put(s, which == 1 || which == 2 ? "};" : ";");
    expression(s);
    put(s, ")");
}

static void transform(struct source *s)
{
    list(s, "(", " ~> |", 1);
    list(s, "", "|", 1);
    object(s, "{");
    put(s, pick(s, 2) ? ",['a','k']|)" : "|)");
}

static void expression(struct source *s)
{
    if (s->p == s->end || s->depth > 12 || s->text.n > 4000) {
        put(s, PICK(s, atoms));
        return;
    }
    s->depth++;
    switch (pick(s, 12)) {
    case 0:
    case 1: put(s, PICK(s, atoms)); break;
    case 2:
    case 3: call(s); break;
    case 4: list(s, "[", "]", pick(s, 4)); break;
    case 5: object(s, "{"); break;
    case 6: suffix(s); break;
    case 7: block(s); break;
    case 8: transform(s); break;
    case 9: list(s, "(", ")", 1), put(s, " ? "), expression(s), put(s, " : "), expression(s); break;
    default: infix(s); break;
    }
    s->depth--;
}

static const char data[]
    = "{\"a\":{\"b\":[{\"a\":1,\"b\":\"x\"},{\"a\":2.5,\"b\":\"\\u00e9\"},3],\"c\":[[1,2],[3]]},"
      "\"b\":[1,\"a,b\",null,true,{\"a b\":[]}],\"c\":\"the quick abab\",\"a b\":9007199254740993}";

static void evaluate(struct belay_str text, struct belay_arena *arena)
{
    struct belay_expr *e;
    struct belay_expr_error error;
    struct belay_err err;
    struct belay_value v;
    struct belay_buf out;
    const belay_json *root, *again;
    struct belay_expr_env env = { .now = 1531310400000000, .steps_max = 20000 };
    BELAY_ASSERT(belay_json_parse(belay_str_c(data), NULL, arena, &root, NULL, NULL) == BELAY_OK);
    int status = belay_expr_compile(text, &e, &error, &err);
    if (status) {
        BELAY_ASSERT(error.code[0] && error.position <= text.n);
        return;
    }
    status = belay_expr_eval(e, belay_value_tape(root), &env, arena, &v, &error, &err);
    belay_buf_init(&out, BELAY_MIB(4));
    if (status)
        BELAY_ASSERT(error.code[0] && error.position <= text.n);
    else if (belay_value_write(&out, v) && belay_buf_status(&out) == BELAY_OK)
        BELAY_ASSERT(belay_json_parse(belay_buf_view(&out), NULL, arena, &again, NULL, NULL)
                         != BELAY_SYNTAX
                     || out.n > BELAY_MIB(1));
    belay_buf_deinit(&out);
    belay_expr_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct source s = { .p = bytes, .end = bytes + size };
    struct belay_arena arena;
    belay_buf_init(&s.text, BELAY_MIB(1));
    belay_arena_init(&arena, 0, BELAY_MIB(2));
    expression(&s);
    if (belay_buf_status(&s.text) == BELAY_OK)
        evaluate(belay_buf_view(&s.text), &arena);
    belay_arena_deinit(&arena);
    belay_buf_deinit(&s.text);
    return 0;
}
