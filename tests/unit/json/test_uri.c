#include "base/alloc.h"
#include "base/limits.h"
#include "json/uri.h"
#include "unit/test.h"

/* RFC 3986, section 5.4 (references lose their fragment here), and what schemas add: bases without a
 * path, URNs, no base at all. */
static void references_resolve_as_rfc_3986_says(void **state)
{
    static const char *const rows[][3] = {
#define B "http://a/b/c/d;p?q"
        { B, "g:h", "g:h" }, { B, "g", "http://a/b/c/g" }, { B, "./g", "http://a/b/c/g" },
        { B, "g/", "http://a/b/c/g/" }, { B, "/g", "http://a/g" }, { B, "//g", "http://g" },
        { B, "?y", "http://a/b/c/d;p?y" }, { B, "g?y", "http://a/b/c/g?y" }, { B, "#s", B },
        { B, "g#s", "http://a/b/c/g" }, { B, ";x", "http://a/b/c/;x" }, { B, "", B }, { B, ".", "http://a/b/c/" },
        { B, "..", "http://a/b/" }, { B, "../g", "http://a/b/g" }, { B, "../..", "http://a/" },
        { B, "../../g", "http://a/g" }, { B, "../../../g", "http://a/g" }, { B, "/./g", "http://a/g" },
        { B, "/../g", "http://a/g" }, { B, "g.", "http://a/b/c/g." }, { B, "..g", "http://a/b/c/..g" },
        { B, "./../g", "http://a/b/g" }, { B, "g/./h", "http://a/b/c/g/h" }, { B, "g;x=1/../y", "http://a/b/c/y" },
        { B, "g?y/../x", "http://a/b/c/g?y/../x" }, { "http://a", "g", "http://a/g" },
        { "urn:uuid:1-2", "#x", "urn:uuid:1-2" }, { "", "a/b.json#/c", "a/b.json" }, { "", "#/c", "" },
        { "x/y.json", "z.json", "x/z.json" }, { "http://a/?q", "#f", "http://a/?q" },
    };
    (void)state;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct belay_str r = uri_resolve(&arena, belay_str_c(rows[i][0]), belay_str_c(rows[i][1]));
        if (!belay_str_eq(r, belay_str_c(rows[i][2])))
            fail_msg("%s + %s: %.*s, not %s", rows[i][0], rows[i][1], BELAY_STR_ARG(r), rows[i][2]);
    }
    belay_arena_deinit(&arena);
}

static void a_uri_is_split_into_its_parts(void **state)
{
    (void)state;
    struct uri u = uri_split(BELAY_STR("http://u@h:1/p/q?a=b#f?x"));
    assert_str(u.scheme, "http");
    assert_str(u.authority, "u@h:1");
    assert_str(u.path, "/p/q");
    assert_str(u.query, "a=b");
    assert_str(u.fragment, "f?x");
    u = uri_split(BELAY_STR("1a:b"));
    assert_null(u.scheme.p);
    assert_str(u.path, "1a:b");
    assert_null(u.query.p);
    u = uri_split(BELAY_STR("#"));
    assert_non_null(u.fragment.p);
    assert_int_equal(u.fragment.n, 0);
}

static void percent_signs_are_decoded(void **state)
{
    (void)state;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    assert_str(uri_decode(&arena, BELAY_STR("/a%20b%C3%a4%25")), "/a b\xc3\xa4%");
    assert_null(uri_decode(&arena, BELAY_STR("%")).p);
    assert_null(uri_decode(&arena, BELAY_STR("%1")).p);
    assert_null(uri_decode(&arena, BELAY_STR("a%zz")).p);
    belay_arena_deinit(&arena);
}

static void without_memory_nothing_is_resolved(void **state)
{
    (void)state;
    struct belay_arena arena;
    belay_arena_init(&arena, 16, BELAY_MIB(1));
    belay_alloc_fail_after(0);
    assert_null(uri_resolve(&arena, BELAY_STR("http://a/b"), BELAY_STR("../c")).p);
    assert_null(uri_decode(&arena, BELAY_STR("x")).p);
    belay_alloc_fail_after(UINT64_MAX);
    belay_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_resolve_as_rfc_3986_says),
        cmocka_unit_test(a_uri_is_split_into_its_parts),
        cmocka_unit_test(percent_signs_are_decoded),
        cmocka_unit_test(without_memory_nothing_is_resolved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
