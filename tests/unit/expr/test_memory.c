/* An evaluation takes its memory from its arena: whatever the language does, nothing is asked of malloc, neither by us
 * nor by a library.  The exceptions: $string and $serialize of what is no scalar write into one buffer for the
 * evaluation, XML is read by expat, SHA-256 is OpenSSL's. */
#include <stdlib.h>

#include "base/alloc.h"
#include "unit/expr/expr_test.h"

/* ---- counting every allocation of the process ---- */

static uint64_t allocations;

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COUNTED 1
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t count, size_t n);
void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
    allocations++;
    return __libc_malloc(n);
}

void *calloc(size_t count, size_t n)
{
    allocations++;
    return __libc_calloc(count, n);
}

void *realloc(void *p, size_t n)
{
    allocations++;
    return __libc_realloc(p, n);
}
#else
#define COUNTED 0
#endif

static const char order[]
    = "{\"order_id\":\"o-1\",\"at\":\"2024-02-29T12:00:00Z\",\"customer\":{\"name\":\"Ann \\u00c4\"},"
      "\"items\":[{\"sku\":\"a\",\"qty\":2,\"price\":1.5},{\"sku\":\"b\",\"qty\":1,\"price\":4},{\"sku\":\"c\",\"qty\":7,\"price\":0.1}]}";

static const char *const expressions[] = {
    "{ 'id': order_id, 'lines': items.{ 'sku': sku, 'qty': qty }, 'total': $sum(items.(qty * price)) }",
    "items[qty > 1]^(>price).sku",
    "items{sku: $sum(qty)}",
    "items@$i#$n.{ 'n': $n, 'i': $i.sku, 'of': %.order_id }",
    "$map(items, function($v, $k) { $v.sku & $k }) ~> $join('-')",
    "$reduce([1..1000], function($a, $b) { $a + $b })",
    "($f := function($n) { $n = 0 ? 'end' : $f($n - 1) }; $f(500))",
    "$match(customer.name, /(\\w+)\\s(.)/).groups",
    "$replace(order_id, /o-(\\d)/, 'order $1') & $string(items[0].price * 3) & $formatNumber(1234.5, '#,##0.00')",
    "$fromMillis($toMillis(at), '[Y]-[M01]-[D01]') & $now()",
    "$ ~> |items|{ 'total': qty * price }, ['price']|",
    "$sort(items, function($a, $b) { $a.qty > $b.qty }).sku",
    "$merge([{ 'a': 1 }, $spread(customer)]) ~> $keys()",
    "$eval('[1,2,3].($ * 2)')",
    "$uppercase(customer.name) & $hash(order_id, 'xxh128') & $uuid()",
    "$distinct(items.qty ~> $append([1, 2])) ~> $reverse()",
};

/* Evaluates and writes; how often memory was asked for. */
static uint64_t evaluate_counted(const struct belay_expr *e, const belay_json *input, struct belay_arena *arena,
                                 struct belay_buf *out)
{
    struct belay_arena_mark mark = belay_arena_mark(arena);
    struct belay_expr_env env = { .now = 1531310400000000 };
    struct belay_expr_error error;
    struct belay_value v;
    uint64_t before = allocations;
    belay_buf_clear(out);
    belay_alloc_fail_after(0); /* counts ours, and would fail them */
    int status = belay_expr_eval(e, belay_value_tape(input), &env, arena, &v, &error, NULL);
    bool written = !status && belay_value_write(out, v);
    uint64_t ours = belay_alloc_count();
    belay_alloc_fail_after(UINT64_MAX);
    uint64_t all = allocations - before;
    if (!written)
        fail_msg("%.*s: %s", BELAY_STR_ARG(belay_expr_source(e)), error.code);
    belay_arena_rewind(arena, mark);
    return ours + all;
}

static void an_evaluation_asks_nothing_of_malloc(void **state)
{
    (void)state;
    struct belay_arena arena;
    struct belay_buf out;
    const belay_json *input;
    belay_arena_init(&arena, BELAY_MIB(1), BELAY_MIB(8));
    belay_buf_init(&out, BELAY_MIB(1));
    assert_non_null(belay_buf_reserve(&out, BELAY_KIB(64)));
    assert_ok(belay_json_parse(belay_str_c(order), NULL, &arena, &input, NULL, NULL));
    for (size_t i = 0; i < sizeof expressions / sizeof expressions[0]; i++) {
        struct belay_expr *e;
        assert_ok(belay_expr_compile(belay_str_c(expressions[i]), &e, NULL, NULL));
        for (int round = 0; round < 3; round++) {
            uint64_t asked = evaluate_counted(e, input, &arena, &out);
            if (asked)
                fail_msg("%s: %llu in round %d", expressions[i], (unsigned long long)asked, round);
        }
        belay_expr_free(e);
    }
    belay_buf_deinit(&out);
    belay_arena_deinit(&arena);
}

static void the_count_counts(void **state)
{
    (void)state;
    uint64_t before = allocations;
    void *volatile p = malloc(1);
    free(p);
    assert_int_equal(allocations - before, COUNTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_evaluation_asks_nothing_of_malloc),
        cmocka_unit_test(the_count_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
