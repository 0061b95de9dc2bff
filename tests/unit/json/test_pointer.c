#include "base/limits.h"
#include "json/json.h"
#include "unit/test.h"

/* The document and the pointers of RFC 6901, section 5. */
static const char text[] = "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,"
                           "\"k\\\"l\":6,\" \":7,\"m~n\":8,\"~1\":9,\"x\":{\"y\":[[10]]}}";

static void pointers_lead_where_rfc_6901_says(void **state)
{
    static const struct {
        const char *pointer;
        int64_t value; /* -1: nothing is there */
    } rows[] = {
        { "/", 0 }, { "/a~1b", 1 }, { "/c%d", 2 }, { "/e^f", 3 }, { "/g|h", 4 }, { "/i\\j", 5 }, { "/k\"l", 6 },
        { "/ ", 7 }, { "/m~0n", 8 }, { "/~01", 9 }, { "/x/y/0/0", 10 }, { "/nothing", -1 }, { "/foo/2", -1 },
        { "/foo/01", -1 }, { "/foo/-", -1 }, { "/foo/-1", -1 }, { "/foo/", -1 }, { "/foo/0/0", -1 }, { "foo", -1 },
        { "/m~n", -1 }, { "/m~2n", -1 }, { "/m~", -1 }, { "/foo/99999999999999999999", -1 }, { "/x/y/0/0/", -1 },
    };
    (void)state;
    struct belay_arena arena;
    const belay_json *root;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    assert_ok(belay_json_parse(belay_str_c(text), NULL, &arena, &root, NULL, NULL));
    assert_ptr_equal(belay_json_pointer(root, BELAY_STR("")), root);
    assert_str(belay_json_str(belay_json_pointer(root, BELAY_STR("/foo/0"))), "bar");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const belay_json *v = belay_json_pointer(root, belay_str_c(rows[i].pointer));
        if (rows[i].value < 0 ? v != NULL : !v || v->u.i != rows[i].value)
            fail_msg("%s", rows[i].pointer);
    }
    belay_arena_deinit(&arena);
}

static void tokens_are_escaped_when_they_are_pushed(void **state)
{
    (void)state;
    struct belay_buf out;
    belay_buf_init(&out, 100);
    belay_json_pointer_push(&out, BELAY_STR("a/b~c"));
    belay_json_pointer_push_index(&out, 12);
    belay_json_pointer_push(&out, BELAY_STR(""));
    assert_str(belay_buf_view(&out), "/a~1b~0c/12/");
    belay_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pointers_lead_where_rfc_6901_says),
        cmocka_unit_test(tokens_are_escaped_when_they_are_pushed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
