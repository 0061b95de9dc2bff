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
        cmocka_unit_test(of_two_members_with_one_name_the_last_is_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
