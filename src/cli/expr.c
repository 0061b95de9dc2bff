/* expr.c - belay expr: evaluates a JSONata expression over JSON. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "expr/expr.h"

static const char help[] =
    "belay expr: evaluates a JSONata expression\n\n"
    "usage: belay expr [--json] EXPRESSION [FILE]\n\n"
    "The input is JSON from FILE or standard input; empty input is no input.\n"
    "A result that is undefined prints nothing.\n\n"
    "  --json   {\"result\": ...}, {\"undefined\": true} or {\"error\": {code, message, position}}\n\n"
    "Exit: 0, or 1 on an error.\n\n"
    "example: echo '{\"items\":[{\"qty\":2,\"price\":3}]}' | belay expr '$sum(items.(qty * price))'\n";

static bool read_all(FILE *in, struct belay_buf *b)
{
    for (;;) {
        char *to = belay_buf_reserve(b, 65536);
        size_t n = to ? fread(to, 1, 65536, in) : 0;
        if (n == 0)
            return to && !ferror(in);
        b->n += n;
    }
}

static int say_error(const struct belay_expr_error *e, bool json)
{
    struct belay_buf text;
    if (!json) {
        fprintf(stderr, "belay expr: %s at %u: %s%s%s\n", e->code, e->position, e->message, e->token[0] ? ": " : "",
                e->token);
        return EXIT_NO;
    }
    belay_buf_init(&text, BELAY_KIB(64));
    struct belay_json_out o = belay_json_out(&text);
    belay_json_begin_object(&o);
    belay_json_key(&o, "error");
    belay_json_begin_object(&o);
    belay_json_key(&o, "code");
    belay_json_put_c(&o, e->code);
    belay_json_key(&o, "message");
    belay_json_put_c(&o, e->message);
    belay_json_key(&o, "position");
    belay_json_put_uint(&o, e->position);
    belay_json_end_object(&o);
    belay_json_end_object(&o);
    print_buf(&text);
    belay_buf_deinit(&text);
    return EXIT_NO;
}

static void say_result(struct belay_value value, bool json)
{
    struct belay_buf text;
    belay_buf_init(&text, BELAY_MIB(64));
    if (value.type == BELAY_VALUE_UNDEFINED) {
        if (json)
            belay_buf_put_str(&text, BELAY_STR("{\"undefined\": true}"));
    } else {
        if (json)
            belay_buf_put_str(&text, BELAY_STR("{\"result\": "));
        (void)belay_value_write(&text, value);
        if (json)
            belay_buf_put_c(&text, '}');
    }
    if (text.n)
        print_buf(&text);
    belay_buf_deinit(&text);
}

static int evaluate(const char *source, struct belay_str input, bool json)
{
    struct belay_expr *e;
    struct belay_expr_error error;
    struct belay_err err;
    struct belay_arena arena;
    struct belay_json_place place;
    struct belay_value value, in = belay_value_undefined();
    const belay_json *root;
    struct belay_expr_env env = { 0 };
    memset(&error, 0, sizeof error);
    if (belay_expr_compile(belay_str_c(source), &e, &error, &err) != BELAY_OK)
        return say_error(&error, json);
    belay_arena_init(&arena, 0, 8 * BELAY_EXPR_BYTES_DEFAULT);
    int code = EXIT_NO;
    if (belay_str_trim(input).n) {
        if (belay_json_parse(input, NULL, &arena, &root, &place, &err) != BELAY_OK) {
            fprintf(stderr, "belay expr: the input: %s\n", err.msg);
            goto out;
        }
        in = belay_value_tape(root);
    }
    if (belay_expr_eval(e, in, &env, &arena, &value, &error, &err) != BELAY_OK) {
        code = say_error(&error, json);
        goto out;
    }
    say_result(value, json);
    code = EXIT_OK;
out:
    belay_arena_deinit(&arena);
    belay_expr_free(e);
    return code;
}

static int run(int argc, char **argv)
{
    bool json = false;
    const struct option_spec specs[] = { { "json", NULL, &json } };
    char **operands;
    int count;
    if (!options_parse(argc, argv, specs, 1, &operands, &count))
        return EXIT_USAGE_;
    if (count < 1 || count > 2)
        return usage_error("expr", "which expression?");
    FILE *in = count == 2 ? fopen(operands[1], "rb") : stdin;
    struct belay_buf input;
    if (!in) {
        fprintf(stderr, "belay expr: cannot read %s\n", operands[1]);
        return EXIT_NO;
    }
    belay_buf_init(&input, BELAY_JSON_BYTES_MAX);
    int code = EXIT_NO;
    if (read_all(in, &input))
        code = evaluate(operands[0], belay_buf_view(&input), json);
    else
        fprintf(stderr, "belay expr: the input cannot be read, or is over %zu bytes\n", BELAY_JSON_BYTES_MAX);
    if (in != stdin)
        fclose(in);
    belay_buf_deinit(&input);
    return code;
}

const struct command command_expr = { "expr", "evaluate a JSONata expression", help, run };
