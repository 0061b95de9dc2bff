#include "base/limits.h"
#include "json/json.h"
#include "unit/test.h"

static void a_pointer_leads_to_a_line_and_a_column(void **state)
{
    const struct belay_str text = BELAY_STR("\n { \"a\" : [ 1, -2.5e3,\t\"x\\\"]\" ,\n   {\"\xc3\xa4\" : null}],\n  \"b/c\":{},\"a2\":[[]],\"e\":\"\"}");
    static const struct {
        const char *pointer;
        uint32_t line, column;
    } rows[] = {
        { "", 2, 2 },       { "/a", 2, 10 },      { "/a/0", 2, 12 },    { "/a/1", 2, 15 }, { "/a/2", 2, 23 },
        { "/a/3", 3, 4 },   { "/a/3/\xc3\xa4", 3, 11 }, { "/b~1c", 4, 9 }, { "/a2", 4, 17 }, { "/a2/0", 4, 18 },
        { "/e", 4, 26 },
    };
    struct belay_arena arena;
    const belay_json *root;
    struct belay_json_place place = { 7, 7, 7 };
    (void)state;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    assert_ok(belay_json_parse(text, NULL, &arena, &root, NULL, NULL));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(belay_json_place_of(text, root, belay_str_c(rows[i].pointer), &place));
        if (place.line != rows[i].line || place.column != rows[i].column)
            fail_msg("%s is said to be at %u:%u", rows[i].pointer, place.line, place.column);
    }
    assert_false(belay_json_place_of(text, root, BELAY_STR("/none"), &place));
    assert_false(belay_json_place_of(BELAY_STR(""), root, BELAY_STR("/a"), &place));
    assert_int_equal(place.line, 4);
    belay_arena_deinit(&arena);
}

static void a_walk_passes_every_node_at_its_place(void **state)
{
    const struct belay_str text = BELAY_STR(" [1,\n {\"a\" :\"\xc3\xa4,\", \"b\":[ ],\"c\":{}}, null]\n");
    static const struct belay_json_place places[] = { { 1, 2, 1 }, { 1, 3, 2 }, { 2, 2, 6 }, { 2, 3, 7 }, { 2, 8, 12 },
                                                      { 2, 14, 19 }, { 2, 18, 23 }, { 2, 22, 27 }, { 2, 26, 31 }, { 2, 31, 36 } };
    struct belay_json_walk walk = belay_json_walk(text), nothing = belay_json_walk(BELAY_STR_NONE);
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct belay_json_place at = belay_json_walk_next(&walk);
        assert_int_equal(at.line, places[i].line);
        assert_int_equal(at.column, places[i].column);
        assert_int_equal(at.offset, places[i].offset);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(belay_json_walk_next(&walk).offset, text.n);
    assert_int_equal(belay_json_walk_next(&nothing).line, 1);
}

static void of_two_members_with_one_name_the_last_is_meant(void **state)
{
    const struct belay_str text = BELAY_STR("{\"a\":1,\"a\":2}");
    struct belay_arena arena;
    const belay_json *root;
    struct belay_json_place place;
    (void)state;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    assert_ok(belay_json_parse(text, NULL, &arena, &root, NULL, NULL));
    assert_true(belay_json_place_of(text, root, BELAY_STR("/a"), &place));
    assert_int_equal(place.column, 12);
    assert_int_equal(place.offset, 11);
    belay_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pointer_leads_to_a_line_and_a_column),
        cmocka_unit_test(a_walk_passes_every_node_at_its_place),
        cmocka_unit_test(of_two_members_with_one_name_the_last_is_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
