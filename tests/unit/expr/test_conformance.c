/* The official cases of JSONata that lie beside the source tree. Each must come out as its file
 * says, but those in jsonata_departures.txt, which must not: a list that says why stays true. */
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "expr/expr.h"
#include "unit/expr/expr_test.h"

#define SUITE BELAY_SOURCE_DIR "/../shared/conformance/jsonata"
#define DEPARTURES BELAY_SOURCE_DIR "/tests/unit/expr/jsonata_departures.txt"
#define NOW 1531310400000000 /* any time will do */

static struct belay_str read_file(const char *path, struct belay_arena *arena)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return BELAY_STR_NONE;
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    rewind(f);
    char *text = belay_arena_bytes(arena, n + 1);
    assert_int_equal(fread(text, 1, n, f), n);
    fclose(f);
    return belay_str(text, n);
}

static struct belay_str member(const belay_json *v, const char *name)
{
    const belay_json *m = belay_json_get(v, belay_str_c(name));
    return m && m->type == BELAY_JSON_STRING ? belay_json_str(m) : BELAY_STR_NONE;
}

/* ---- the input of a case ---- */

static struct belay_value dataset(struct belay_str name, struct belay_arena *arena)
{
    char path[1024];
    const belay_json *root;
    snprintf(path, sizeof path, "%s/datasets/%.*s.json", SUITE, BELAY_STR_ARG(name));
    struct belay_str text = read_file(path, arena);
    assert_non_null(text.p);
    assert_ok(belay_json_parse(text, NULL, arena, &root, NULL, NULL));
    return belay_value_tape(root);
}

static struct belay_value input_of(const belay_json *c, struct belay_arena *arena)
{
    const belay_json *data = belay_json_get(c, BELAY_STR("data"));
    struct belay_str name = member(c, "dataset");
    if (data)
        return belay_value_tape(data);
    return name.p ? dataset(name, arena) : belay_value_undefined();
}

static size_t bindings_of(const belay_json *c, struct belay_binding *to, size_t max)
{
    const belay_json *b = belay_json_get(c, BELAY_STR("bindings"));
    size_t n = 0;
    if (!b || b->type != BELAY_JSON_OBJECT)
        return 0;
    const belay_json *key = belay_json_first(b);
    for (; n < b->n && n < max; n++, key = belay_json_next(key + 1))
        to[n] = (struct belay_binding){ belay_json_str(key), belay_value_tape(key + 1) };
    return n;
}

/* ---- comparing ---- */

static bool equal_unordered(const belay_json *a, const belay_json *b)
{
    bool used[256] = { false };
    if (a->type != BELAY_JSON_ARRAY || b->type != BELAY_JSON_ARRAY || a->n != b->n || a->n > 256)
        return belay_json_equal(a, b);
    for (size_t i = 0; i < a->n; i++) {
        size_t j = 0;
        while (j < b->n && (used[j] || !belay_json_equal(belay_json_at(a, i), belay_json_at(b, j))))
            j++;
        if (j == b->n)
            return false;
        used[j] = true;
    }
    return true;
}

static bool is_result(const belay_json *c, struct belay_value v, struct belay_arena *arena)
{
    struct belay_buf out;
    const belay_json *got, *want = belay_json_get(c, BELAY_STR("result"));
    bool ok = false;
    if (!want)
        return v.type == BELAY_VALUE_UNDEFINED;
    belay_buf_init(&out, BELAY_MIB(16));
    if (belay_value_write(&out, v)
        && belay_json_parse(belay_buf_view(&out), NULL, arena, &got, NULL, NULL) == BELAY_OK)
        ok = belay_json_get(c, BELAY_STR("unordered")) ? equal_unordered(got, want)
                                                       : belay_json_equal(got, want);
    if (!ok && getenv("BELAY_CASE"))
        fprintf(stderr, "got %.*s\n", (int)out.n, out.p ? out.p : "");
    belay_buf_deinit(&out);
    return ok;
}

static bool is_error(const belay_json *c, const char *code)
{
    const belay_json *error = belay_json_get(c, BELAY_STR("error"));
    struct belay_str want = member(c, "code");
    if (error && error->type == BELAY_JSON_OBJECT)
        want = member(error, "code");
    return (want.p || error) && (!want.p || belay_str_eq(want, belay_str_c(code)));
}

/* ---- running ---- */

static bool wants_error(const belay_json *c)
{
    return belay_json_get(c, BELAY_STR("code")) || belay_json_get(c, BELAY_STR("error"));
}

/* Some cases say how deep the reference may nest. It counts evaluations; we count calls too, which
 * makes four of our levels of three of its in a function that recurses through an operator. */
static uint32_t depth_of(const belay_json *c)
{
    const belay_json *depth = belay_json_get(c, BELAY_STR("depth"));
    return depth ? (uint32_t)(belay_json_number(depth) * 4 / 3) : 0;
}

static bool passes(const belay_json *c, struct belay_arena *arena)
{
    struct belay_expr *e = NULL;
    struct belay_binding bindings[32];
    struct belay_expr_error error;
    struct belay_err err;
    struct belay_value v;
    struct belay_expr_env env = { .bindings = bindings, .now = NOW };
    bool ok;
    memset(&error, 0, sizeof error);
    env.binding_count = bindings_of(c, bindings, 32);
    env.depth_max = depth_of(c);
    int status = belay_expr_compile(member(c, "expr"), &e, &error, &err);
    if (status == BELAY_OK)
        status = belay_expr_eval(e, input_of(c, arena), &env, arena, &v, &error, &err);
    if (status)
        ok = wants_error(c) && is_error(c, error.code);
    else
        ok = !wants_error(c) && is_result(c, v, arena);
    if (!ok && getenv("BELAY_CASE"))
        fprintf(stderr, "%s %s\n", status ? error.code : "no error", status ? err.msg : "");
    belay_expr_free(e);
    return ok;
}

struct group {
    struct belay_str name;
    unsigned passed, failed;
};

struct tally {
    struct belay_map departures; /* id -> its line */
    struct group groups[256];
    size_t group_count;
    unsigned passed, departed, wrong;
};

static struct group *group_of(struct tally *t, struct belay_str id)
{
    struct belay_str name = belay_str(id.p, belay_str_find(id, '/'));
    for (size_t i = 0; i < t->group_count; i++)
        if (belay_str_eq(t->groups[i].name, name))
            return &t->groups[i];
    assert_true(t->group_count < 256);
    t->groups[t->group_count] = (struct group){ name, 0, 0 };
    return &t->groups[t->group_count++];
}

/* c is NULL where the line is no JSON to us. */
static void run_case(struct tally *t, struct belay_str id, const belay_json *c)
{
    struct belay_arena arena;
    bool listed = belay_map_get(&t->departures, id);
    if (getenv("BELAY_CASE") && !belay_str_eq(id, belay_str_c(getenv("BELAY_CASE"))))
        return;
    belay_arena_init(&arena, 0, BELAY_MIB(64));
    bool ok = c && passes(c, &arena);
    belay_arena_deinit(&arena);
    struct group *g = group_of(t, id);
    g->passed += ok;
    g->failed += !ok;
    t->passed += ok;
    t->departed += !ok && listed;
    if (ok == listed) {
        t->wrong++;
        print_message("%s %.*s\n",
                      ok ? "passes, though it is listed:" : "fails:", BELAY_STR_ARG(id));
    }
}

/* The id of a line: {"id": "...", */
static struct belay_str raw_id(struct belay_str line)
{
    struct belay_str id = belay_str_sub(line, sizeof "{\"id\": \"" - 1, line.n);
    return belay_str(id.p, belay_str_find(id, '"'));
}

/* A line is "id reason"; # begins a comment. */
static void read_departures(struct tally *t, struct belay_arena *arena)
{
    struct belay_str rest = read_file(DEPARTURES, arena);
    while (rest.p) {
        struct belay_str line = belay_str_trim(belay_str_split(&rest, '\n')), *copy;
        if (line.n == 0 || line.p[0] == '#')
            continue;
        copy = BELAY_ARENA_NEW(arena, struct belay_str);
        *copy = line;
        assert_ok(belay_map_put(&t->departures, belay_str_split(&line, ' '), copy, NULL));
    }
}

/* Half a surrogate pair is no character, so our JSON parser refuses the line that has one. In an
 * expression it can be had all the same, by JSONata's own escape: the line with that in its place
 * says the same. */
static struct belay_str surrogates_escaped(struct belay_str line, struct belay_arena *arena)
{
    char *to = belay_arena_bytes(arena, 2 * line.n);
    size_t n = 0;
    for (size_t i = 0; i < line.n; i++) {
        if (belay_str_starts(belay_str_sub(line, i, line.n), BELAY_STR("\\ud800")))
            to[n++] = '\\';
        to[n++] = line.p[i];
    }
    return belay_str(to, n);
}

static void every_official_case_comes_out_as_it_says_or_is_listed_with_a_reason(void **state)
{
    (void)state;
    static struct tally t;
    struct belay_arena arena;
    const belay_json *c;
    belay_arena_init(&arena, 0, BELAY_MIB(64));
    struct belay_str rest = read_file(SUITE "/cases.jsonl", &arena);
    if (!rest.p) {
        belay_arena_deinit(&arena);
        print_message("skipped: no jsonata suite beside the source tree (../shared/conformance)\n");
        skip();
    }
    belay_map_init(&t.departures);
    read_departures(&t, &arena);
    while (rest.p) {
        struct belay_str line = belay_str_split(&rest, '\n');
        if (line.n == 0)
            continue;
        if (belay_json_parse(line, NULL, &arena, &c, NULL, NULL)
            && belay_json_parse(surrogates_escaped(line, &arena), NULL, &arena, &c, NULL, NULL))
            run_case(&t, raw_id(line), NULL);
        else
            run_case(&t, member(c, "id"), c);
    }
    for (size_t i = 0; i < t.group_count; i++)
        if (t.groups[i].failed)
            print_message("%.*s: %u of %u\n", BELAY_STR_ARG(t.groups[i].name), t.groups[i].passed,
                          t.groups[i].passed + t.groups[i].failed);
    print_message("%u of the official cases pass, %u depart for a listed reason\n", t.passed,
                  t.departed);
    belay_map_deinit(&t.departures);
    belay_arena_deinit(&arena);
    assert_int_equal(t.wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_official_case_comes_out_as_it_says_or_is_listed_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
