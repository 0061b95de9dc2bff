/* expr.c - belay expr: evaluates a JSONata expression over JSON. */
#include "cli/expr.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "platform/clock.h"
#include "platform/random.h"

#define BINDINGS_MAX 256 /* said below, too */

static const char help[] =
    "belay expr: evaluates a JSONata expression\n\n"
    "usage: belay expr [OPTION...] EXPRESSION [FILE]\n"
    "       belay expr                     (a prompt, on a terminal)\n\n"
    "The input is JSON from FILE or standard input; empty input is no input.\n"
    "A result that is undefined prints nothing.\n\n"
    "  --bindings JSON   an object: its members are variables, {\"x\": 1} is $x\n"
    "  --json            {\"result\": ...}, {\"undefined\": true} or {\"error\": {code, message, position}}\n"
    "                    (code INPUT or BINDING: what was given is no JSON)\n"
    "  --ast             the tree that the expression is, as JSON; nothing is evaluated\n"
    "  --explain         then where it spent its steps, the most first\n"
    "  --timeout MS      give up after so many milliseconds (10000)\n"
    "  --steps N         and after so many steps (1000000, which a flow allows)\n\n"
    "Positions are byte offsets in the expression, from 0.\n\n"
    "Exit: 0, or 1 on an error.\n\n"
    "example: echo '{\"items\":[{\"qty\":2,\"price\":3}]}' | belay expr '$sum(items.(qty * price))'\n";

bool expr_read(const char *path, struct belay_buf *out)
{
    FILE *in = path ? fopen(path, "rb") : stdin;
    if (!in) {
        fprintf(stderr, "belay expr: cannot read %s\n", path);
        return false;
    }
    size_t n = 1;
    for (char *to; n && (to = belay_buf_reserve(out, 65536)); out->n += n)
        n = fread(to, 1, 65536, in);
    bool ok = n == 0 && !ferror(in);
    if (!ok)
        fprintf(stderr, "belay expr: %s cannot be read, or is over %zu bytes\n", path ? path : "the input",
                BELAY_JSON_BYTES_MAX);
    if (path)
        fclose(in);
    return ok;
}

/* ---- what comes out ---- */

static void say_place(struct belay_str source, uint32_t position)
{
    size_t begin = position < source.n ? position : source.n, end = begin;
    while (begin > 0 && source.p[begin - 1] != '\n')
        begin--;
    while (end < source.n && source.p[end] != '\n')
        end++;
    fprintf(stderr, "  %.*s\n  %*s^\n", (int)(end - begin), source.p + begin, (int)(position - begin), "");
}

static int say_error(const struct expr_session *s, struct belay_str source, const struct belay_expr_error *e)
{
    struct belay_buf text;
    if (!s->json) {
        fprintf(stderr, "%s%s at %u: %s%s%s\n", s->prompted ? "" : "belay expr: ", e->code, e->position, e->message,
                e->token[0] ? ": " : "", e->token);
        if (s->prompted)
            say_place(source, e->position);
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
    if (e->token[0]) {
        belay_json_key(&o, "token");
        belay_json_put_c(&o, e->token);
    }
    belay_json_end_object(&o);
    belay_json_end_object(&o);
    print_buf(&text);
    belay_buf_deinit(&text);
    return EXIT_NO;
}

/* An error that is not the evaluator's: of the host. */
static int say_own(const struct expr_session *s, const char *code, const char *message)
{
    struct belay_expr_error e = { .position = 0 };
    snprintf(e.code, sizeof e.code, "%s", code);
    snprintf(e.message, sizeof e.message, "%s", message);
    return say_error(s, BELAY_STR(""), &e);
}

static int say_result(const struct expr_session *s, struct belay_value value)
{
    struct belay_buf text;
    belay_buf_init(&text, BELAY_MIB(64));
    if (value.type == BELAY_VALUE_UNDEFINED) {
        if (s->json)
            belay_buf_put_str(&text, BELAY_STR("{\"undefined\": true}"));
    } else {
        if (s->json)
            belay_buf_put_str(&text, BELAY_STR("{\"result\": "));
        (void)belay_value_write(&text, value);
        if (s->json)
            belay_buf_put_c(&text, '}');
    }
    int code = EXIT_OK;
    if (belay_buf_status(&text))
        code = say_own(s, "U1006", "the result is too large, or nested too deeply");
    else if (text.n)
        print_buf(&text);
    belay_buf_deinit(&text);
    return code;
}

static int by_steps(const void *a, const void *b)
{
    const struct belay_expr_cost *x = a, *y = b;
    if (x->steps != y->steps)
        return x->steps < y->steps ? 1 : -1;
    return x->position < y->position ? -1 : x->position > y->position;
}

/* Sorts costs; at most twenty lines. */
static void explain(struct belay_str source, struct belay_expr_cost *costs, uint32_t n)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < n; i++)
        all += costs[i].steps;
    qsort(costs, n, sizeof *costs, by_steps);
    fprintf(stderr, "%llu steps\n%10s %6s %8s %6s\n", (unsigned long long)all, "steps", "share", "times", "at");
    for (uint32_t i = 0; i < n && i < 20 && costs[i].steps; i++) {
        struct belay_str rest = belay_str_sub(source, costs[i].position, 40);
        rest.n = belay_str_find(rest, '\n') < rest.n ? belay_str_find(rest, '\n') : rest.n;
        fprintf(stderr, "%10llu %5.1f%% %8llu %6u  %-10s %.*s\n", (unsigned long long)costs[i].steps,
                100.0 * (double)costs[i].steps / (double)all, (unsigned long long)costs[i].times, costs[i].position,
                costs[i].kind, BELAY_STR_ARG(rest));
    }
}

/* ---- evaluating ---- */

static volatile sig_atomic_t stop;

static void on_alarm(int signal_number)
{
    (void)signal_number;
    stop = 1;
}

static void limit_time(uint64_t ms, timer_t *ret_timer, bool *ret_running)
{
    struct itimerspec when = { .it_value = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 } };
    stop = 0;
    signal(SIGALRM, on_alarm);
    *ret_running = timer_create(CLOCK_MONOTONIC, NULL, ret_timer) == 0;
    if (*ret_running)
        timer_settime(*ret_timer, 0, &when, NULL);
}

/* What is wrong with what was given, as text or, where JSON is wanted, as such: code INPUT or BINDING. */
static int say_given(const struct expr_session *s, const char *code, const char *what, const char *message)
{
    if (s->json)
        return say_own(s, code, message);
    fprintf(stderr, "belay expr: %s: %s\n", what, message);
    return EXIT_NO;
}

/* Members of a JSON object as variables. False: said. */
static bool bind(const struct expr_session *s, struct belay_arena *arena, struct belay_binding *to, size_t *ret_count)
{
    const belay_json *root, *key;
    struct belay_err err;
    *ret_count = 0;
    if (!s->bindings.n)
        return true;
    if (belay_json_parse(s->bindings, NULL, arena, &root, NULL, &err) != BELAY_OK) {
        say_given(s, "BINDING", "--bindings", err.msg);
        return false;
    }
    if (root->type != BELAY_JSON_OBJECT || root->n > BINDINGS_MAX) {
        say_given(s, "BINDING", "--bindings", "an object of at most 256 variables is wanted");
        return false;
    }
    key = belay_json_first(root);
    for (uint32_t i = 0; i < root->n; i++, key = belay_json_next(key + 1))
        to[(*ret_count)++] = (struct belay_binding){ belay_json_str(key), belay_value_tape(key + 1) };
    return true;
}

static int run_compiled(const struct expr_session *s, const struct belay_expr *e, struct belay_arena *arena)
{
    struct belay_binding bindings[BINDINGS_MAX];
    struct belay_expr_error error = { .code = "" };
    struct belay_err err;
    struct belay_value value, in = belay_value_undefined();
    const belay_json *root;
    struct belay_random random = { belay_entropy_u64(belay_entropy_posix()) };
    struct belay_expr_env env = { .bindings = bindings, .random = &random, .stop = &stop,
                                  .steps_max = s->steps_max };
    timer_t timer;
    bool timed;
    env.now = belay_clock_wall(belay_clock_posix());
    if (!bind(s, arena, bindings, &env.binding_count))
        return EXIT_NO;
    if (belay_str_trim(s->input).n) {
        if (belay_json_parse(s->input, NULL, arena, &root, NULL, &err) != BELAY_OK)
            return say_given(s, "INPUT", "the input", err.msg);
        in = belay_value_tape(root);
    }
    uint32_t nodes = belay_expr_node_count(e);
    if (s->explain)
        env.costs = BELAY_ARENA_ARRAY(arena, struct belay_expr_cost, nodes);
    limit_time(s->timeout_ms, &timer, &timed);
    int status = belay_expr_eval(e, in, &env, arena, &value, &error, &err);
    if (timed)
        timer_delete(timer);
    int code = status ? say_error(s, belay_expr_source(e), &error) : say_result(s, value);
    fflush(stdout);
    if (env.costs)
        explain(belay_expr_source(e), env.costs, nodes);
    return code;
}

static int print_ast(const struct belay_expr *e)
{
    struct belay_buf compact, pretty;
    struct belay_arena arena;
    const belay_json *root;
    belay_buf_init(&compact, BELAY_MIB(64));
    belay_buf_init(&pretty, BELAY_MIB(256));
    belay_arena_init(&arena, 0, BELAY_MIB(256));
    struct belay_json_limits limits = { .depth_max = BELAY_JSON_DEPTH_MAX, .size_bytes_max = BELAY_MIB(64) };
    belay_expr_write_ast(&compact, e);
    int status = belay_buf_status(&compact);
    if (!status)
        status = belay_json_parse(belay_buf_view(&compact), &limits, &arena, &root, NULL, NULL);
    if (!status) {
        belay_json_write_pretty(&pretty, root);
        print_buf(&pretty);
    } else if (compact.n) { /* deeper than our own parser goes: on one line then */
        print_buf(&compact);
    }
    belay_arena_deinit(&arena);
    belay_buf_deinit(&pretty);
    belay_buf_deinit(&compact);
    return EXIT_OK;
}

static bool wants_more(const char *code)
{
    static const char *const codes[] = { "S0203", "S0207", "S0101", "S0105", "S0106" };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(code, codes[i]) == 0)
            return true;
    return false;
}

int expr_evaluate(const struct expr_session *s, struct belay_str source, bool *more)
{
    struct belay_expr *e;
    struct belay_expr_error error = { .code = "" };
    struct belay_err err;
    struct belay_arena arena;
    int status = belay_expr_compile(source, &e, &error, &err);
    if (status == BELAY_NOMEM)
        return say_own(s, "U1004", err.msg);
    if (status && more && wants_more(error.code)) {
        *more = true;
        return EXIT_NO;
    }
    if (status)
        return say_error(s, source, &error);
    belay_arena_init(&arena, 0, 8 * BELAY_EXPR_BYTES_DEFAULT);
    int code = s->ast ? print_ast(e) : run_compiled(s, e, &arena);
    belay_arena_deinit(&arena);
    belay_expr_free(e);
    return code;
}

static int run(int argc, char **argv)
{
    struct expr_session s = { .timeout_ms = 10000 };
    const char *bindings = NULL, *timeout = NULL, *steps = NULL;
    const struct option_spec specs[] = { { "json", NULL, &s.json },           { "ast", NULL, &s.ast },
                                         { "explain", NULL, &s.explain },     { "bindings", &bindings, NULL },
                                         { "timeout", &timeout, NULL },         { "steps", &steps, NULL } };
    char **operands;
    int count, code = EXIT_NO;
    struct belay_buf input;
    if (!options_parse(argc, argv, specs, sizeof specs / sizeof *specs, &operands, &count)
        || !option_is_number("expr", "timeout", timeout) || !option_is_number("expr", "steps", steps))
        return EXIT_USAGE_;
    if (count > 2)
        return usage_error("expr", "one expression and one file, please");
    s.bindings = belay_str_c(bindings ? bindings : "");
    s.steps_max = steps ? strtoull(steps, NULL, 10) : 0;
    s.timeout_ms = timeout ? strtoull(timeout, NULL, 10) : s.timeout_ms;
    if (count == 0 && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
        return expr_prompt(&s);
    if (count == 0)
        return usage_error("expr", "which expression?");
    belay_buf_init(&input, BELAY_JSON_BYTES_MAX);
    bool read = s.ast || (count == 1 && isatty(STDIN_FILENO)) || expr_read(count == 2 ? operands[1] : NULL, &input);
    s.input = belay_buf_view(&input);
    if (read)
        code = expr_evaluate(&s, belay_str_c(operands[0]), NULL);
    belay_buf_deinit(&input);
    return code;
}

const struct command command_expr = { "expr", "evaluate a JSONata expression", help, run };
