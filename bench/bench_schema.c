/* bench_schema - a parsed order validated by its schema, on one core.
 *
 *   bench_schema ORDER.json ORDER.schema.json [SECONDS]
 *
 * Prints one line of JSON: microseconds a validation, the best of several rounds, since what disturbs only
 * adds. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/limits.h"
#include "json/schema.h"

#define ROUNDS 50

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_schema: %s\n", what);
        exit(1);
    }
}

static const belay_json *read_json(const char *path, struct belay_arena *arena)
{
    const belay_json *root = NULL;
    FILE *f = fopen(path, "rb");
    must(f, "usage: bench_schema ORDER.json ORDER.schema.json [SECONDS]");
    char *text = belay_arena_bytes(arena, BELAY_KIB(64));
    must(text, "memory");
    size_t n = fread(text, 1, BELAY_KIB(64), f);
    fclose(f);
    must(belay_json_parse(belay_str(text, n), NULL, arena, &root, NULL, NULL) == BELAY_OK, path);
    return root;
}

int main(int argc, char **argv)
{
    struct belay_arena arena;
    struct belay_schema *s = NULL;
    double best = 1e9, seconds = argc > 3 ? strtod(argv[3], NULL) : 2;
    must(argc > 2, "usage: bench_schema ORDER.json ORDER.schema.json [SECONDS]");
    belay_arena_init(&arena, BELAY_KIB(64), BELAY_MIB(4));
    const belay_json *order = read_json(argv[1], &arena), *schema = read_json(argv[2], &arena);
    must(belay_schema_compile(schema, schema, NULL, &s, NULL) == BELAY_OK, "compile");
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_us(), until = start + seconds * 1e6 / ROUNDS, at = start;
        unsigned n = 0, valid = 0;
        for (; at < until; n += 1000, at = now_us())
            for (int i = 0; i < 1000; i++)
                valid += belay_schema_valid(s, order, NULL);
        must(valid == n, "the order is valid");
        best = (at - start) / n < best ? (at - start) / n : best;
    }
    printf("{\"validate_us\":%.3f}\n", best);
    belay_schema_free(s);
    belay_arena_deinit(&arena);
    return 0;
}
