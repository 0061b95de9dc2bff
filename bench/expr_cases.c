/* expr_cases - the official cases of JSONata as speed, and answers for the differential fuzzer.
 *
 *   expr_cases SUITE SECONDS    evaluations a second over all cases that yield a result
 *   expr_cases answer           lines of {"expr", "data"} from standard input, an outcome a line */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "expr/expr.h"

#define RUNS_MAX 4096

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static struct belay_str read_all(FILE *f, struct belay_buf *b)
{
    size_t n = 1;
    for (char *to; n && (to = belay_buf_reserve(b, 65536)); b->n += n)
        n = fread(to, 1, 65536, f);
    return belay_buf_view(b);
}

static struct belay_str read_file(const char *path, struct belay_arena *arena)
{
    struct belay_buf b;
    FILE *f = fopen(path, "rb");
    if (!f) {
        fprintf(stderr, "expr_cases: cannot read %s\n", path);
        exit(1);
    }
    belay_buf_init(&b, BELAY_MIB(64));
    struct belay_str text = belay_arena_str(arena, read_all(f, &b));
    belay_buf_deinit(&b);
    fclose(f);
    return text;
}

struct run {
    struct belay_expr *e;
    struct belay_value input;
    struct belay_binding bindings[8];
    struct belay_expr_env env;
};

static bool take_case(const belay_json *c, const char *suite, struct belay_arena *arena, struct run *r)
{
    const belay_json *dataset = belay_json_get(c, BELAY_STR("dataset")), *root;
    const belay_json *bindings = belay_json_get(c, BELAY_STR("bindings"));
    const belay_json *data = belay_json_get(c, BELAY_STR("data"));
    char path[1024];
    *r = (struct run){ .input = data ? belay_value_tape(data) : belay_value_undefined() };
    if (belay_json_get(c, BELAY_STR("code")) || belay_json_get(c, BELAY_STR("error"))
        || belay_json_get(c, BELAY_STR("timelimit")) || (bindings && bindings->n > 8))
        return false;
    if (!data && dataset && dataset->type == BELAY_JSON_STRING) {
        snprintf(path, sizeof path, "%s/datasets/%.*s.json", suite, (int)dataset->n, dataset->u.s);
        if (belay_json_parse(read_file(path, arena), NULL, arena, &root, NULL, NULL))
            return false;
        r->input = belay_value_tape(root);
    }
    const belay_json *key = bindings && bindings->type == BELAY_JSON_OBJECT ? belay_json_first(bindings) : NULL;
    for (uint32_t i = 0; key && i < bindings->n; i++, key = belay_json_next(key + 1))
        r->bindings[r->env.binding_count++]
            = (struct belay_binding){ belay_json_str(key), belay_value_tape(key + 1) };
    return belay_expr_compile(belay_json_str(belay_json_get(c, BELAY_STR("expr"))), &r->e, NULL, NULL)
           == BELAY_OK;
}

static bool evaluate(struct run *r, struct belay_arena *arena)
{
    struct belay_value v;
    belay_arena_reset(arena);
    r->env.bindings = r->bindings;
    return belay_expr_eval(r->e, r->input, &r->env, arena, &v, NULL, NULL) == BELAY_OK;
}

static int speed(const char *suite, double seconds)
{
    static struct run runs[RUNS_MAX];
    struct belay_arena kept, arena;
    char path[1024];
    const belay_json *c;
    size_t n = 0;
    belay_arena_init(&kept, 0, BELAY_MIB(256));
    belay_arena_init(&arena, BELAY_KIB(64), BELAY_MIB(64));
    snprintf(path, sizeof path, "%s/cases.jsonl", suite);
    struct belay_str rest = read_file(path, &kept);
    while (rest.p && n < RUNS_MAX) {
        struct belay_str line = belay_str_split(&rest, '\n');
        if (line.n && belay_json_parse(line, NULL, &kept, &c, NULL, NULL) == BELAY_OK
            && take_case(c, suite, &kept, &runs[n]) && evaluate(&runs[n], &arena))
            n++;
    }
    double best = 1e18, until = now_us() + seconds * 1e6;
    while (now_us() < until) {
        double start = now_us();
        for (size_t i = 0; i < n; i++)
            if (!evaluate(&runs[i], &arena))
                return 1;
        best = now_us() - start < best ? now_us() - start : best;
    }
    printf("{\"cases\":%zu,\"per_second\":%.0f}\n", n, (double)n / best * 1e6);
    return 0;
}

/* ---- answers ---- */

static void answer(const belay_json *c, struct belay_arena *arena)
{
    const belay_json *data = belay_json_get(c, BELAY_STR("data"));
    struct belay_expr *e = NULL;
    struct belay_expr_error error = { .code = "" };
    struct belay_value v;
    struct belay_buf out;
    int status = belay_expr_compile(belay_json_str(belay_json_get(c, BELAY_STR("expr"))), &e, &error, NULL);
    if (!status)
        status = belay_expr_eval(e, data ? belay_value_tape(data) : belay_value_undefined(), NULL, arena, &v,
                                 &error, NULL);
    belay_buf_init(&out, BELAY_MIB(16));
    if (status)
        printf("{\"error\":\"%s\"}\n", error.code);
    else if (!belay_value_write(&out, v))
        puts("{\"undefined\":true}");
    else
        printf("{\"result\":%.*s}\n", (int)out.n, out.p);
    belay_buf_deinit(&out);
    belay_expr_free(e);
}

static int answers(void)
{
    struct belay_buf in;
    struct belay_arena arena;
    const belay_json *c;
    belay_buf_init(&in, BELAY_MIB(256));
    struct belay_str rest = read_all(stdin, &in);
    belay_arena_init(&arena, BELAY_KIB(64), BELAY_MIB(64));
    while (rest.p) {
        struct belay_str line = belay_str_split(&rest, '\n');
        belay_arena_reset(&arena);
        if (line.n && belay_json_parse(line, NULL, &arena, &c, NULL, NULL) == BELAY_OK)
            answer(c, &arena);
        else if (line.n)
            puts("{\"error\":\"JSON\"}");
    }
    belay_arena_deinit(&arena);
    belay_buf_deinit(&in);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "answer") == 0)
        return answers();
    if (argc == 3)
        return speed(argv[1], strtod(argv[2], NULL));
    fprintf(stderr, "usage: expr_cases SUITE SECONDS | expr_cases answer\n");
    return 64;
}
