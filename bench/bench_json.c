/* bench_json - an order parsed, and parsed, mapped and written, on one core.
 *
 *   bench_json ORDER.json [SECONDS]
 *
 * The mapping is the one of notify-warehouse, with a total. Prints one line of JSON: microseconds a
 * message, the best of several rounds, since what disturbs only adds. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/limits.h"
#include "expr/expr.h"

#define MAPPING                                                            \
    "{ 'id': order_id, 'lines': items.{ 'sku': sku, 'qty': qty }, 'total': " \
    "$sum(items.(qty * price)) }"
#define ROUNDS 10

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_json: %s\n", what);
        exit(1);
    }
}

struct bench {
    struct belay_str text;
    struct belay_expr *mapping;
    struct belay_arena arena;
    struct belay_buf out;
};

static void parse(struct bench *b)
{
    const belay_json *root;
    belay_arena_reset(&b->arena);
    must(belay_json_parse(b->text, NULL, &b->arena, &root, NULL, NULL) == BELAY_OK, "parse");
}

static void parse_map_write(struct bench *b)
{
    const belay_json *root;
    struct belay_value v;
    belay_arena_reset(&b->arena);
    belay_buf_clear(&b->out);
    must(belay_json_parse(b->text, NULL, &b->arena, &root, NULL, NULL) == BELAY_OK
             && belay_expr_eval(b->mapping, belay_value_tape(root), NULL, &b->arena, &v, NULL, NULL)
                    == BELAY_OK
             && belay_value_write(&b->out, v),
         "map");
}

static double best_us(struct bench *b, void (*what)(struct bench *b), double seconds)
{
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_us(), until = start + seconds * 1e6 / ROUNDS, at = start;
        unsigned n = 0;
        for (; at < until; n += 1000, at = now_us())
            for (int i = 0; i < 1000; i++)
                what(b);
        best = (at - start) / n < best ? (at - start) / n : best;
    }
    return best;
}

int main(int argc, char **argv)
{
    static char text[BELAY_KIB(64)];
    struct bench b = { 0 };
    FILE *f = argc > 1 ? fopen(argv[1], "rb") : NULL;
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 2;
    must(f, "usage: bench_json ORDER.json [SECONDS]");
    b.text = belay_str(text, fread(text, 1, sizeof text, f));
    fclose(f);
    belay_arena_init(&b.arena, BELAY_KIB(64), BELAY_MIB(1));
    belay_buf_init(&b.out, BELAY_MIB(1));
    must(belay_expr_compile(BELAY_STR(MAPPING), &b.mapping, NULL, NULL) == BELAY_OK, "compile");
    double parse_us = best_us(&b, parse, seconds / 2);
    double all_us = best_us(&b, parse_map_write, seconds / 2);
    printf("{\"bytes\":%zu,\"parse_us\":%.3f,\"parse_map_write_us\":%.3f}\n", b.text.n, parse_us,
           all_us);
    belay_expr_free(b.mapping);
    belay_buf_deinit(&b.out);
    belay_arena_deinit(&b.arena);
    return 0;
}
