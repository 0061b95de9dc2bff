/* JSON Patch: RFC 6902's rules, and nothing happens when one of them is broken. */
#include "base/alloc.h"
#include "base/limits.h"
#include "json/patch.h"
#include "unit/test.h"

struct example {
    const char *document, *patch, *result; /* result NULL: refused */
};

static const struct example examples[] = {
    { "{\"a\":1}", "[]", "{\"a\":1}" },
    { "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\",\"value\":[2]}]", "{\"a\":1,\"b\":[2]}" },
    { "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/a\",\"value\":null}]", "{\"a\":null}" },
    { "{\"a\":[1,3]}", "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":2}]", "{\"a\":[1,2,3]}" },
    { "{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/-\",\"value\":2}]", "{\"a\":[1,2]}" },
    { "{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":2}]", "{\"a\":[1,2]}" },
    { "[]", "[{\"op\":\"add\",\"path\":\"/0\",\"value\":\"x\"}]", "[\"x\"]" },
    { "{\"a\":[1,2,3]}", "[{\"op\":\"remove\",\"path\":\"/a/1\"}]", "{\"a\":[1,3]}" },
    { "{\"a\":1,\"b\":2}", "[{\"op\":\"remove\",\"path\":\"/a\"}]", "{\"b\":2}" },
    { "{\"a\":{\"b\":{\"c\":1}}}", "[{\"op\":\"replace\",\"path\":\"/a/b/c\",\"value\":{\"d\":[]}}]", "{\"a\":{\"b\":{\"c\":{\"d\":[]}}}}" },
    { "{\"a\":[1,2]}", "[{\"op\":\"replace\",\"path\":\"/a/0\",\"value\":9}]", "{\"a\":[9,2]}" },
    { "7", "[{\"op\":\"replace\",\"path\":\"\",\"value\":{\"x\":1}}]", "{\"x\":1}" },
    { "{\"a\":{\"x\":1},\"b\":{}}", "[{\"op\":\"move\",\"from\":\"/a/x\",\"path\":\"/b/y\"}]", "{\"a\":{},\"b\":{\"y\":1}}" },
    { "[1,2,3]", "[{\"op\":\"move\",\"from\":\"/0\",\"path\":\"/2\"}]", "[2,3,1]" },
    { "{\"a\":{\"b\":1}}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/c\"}]", "{\"a\":{\"b\":1,\"c\":{\"b\":1}}}" },
    { "{\"a\":1.0}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1},{\"op\":\"remove\",\"path\":\"/a\"}]", "{}" },
    { "{\"a/b\":1,\"m~n\":2}", "[{\"op\":\"replace\",\"path\":\"/a~1b\",\"value\":3},{\"op\":\"remove\",\"path\":\"/m~0n\"}]", "{\"a/b\":3}" },
    { "{\"\":{\"\":1}}", "[{\"op\":\"replace\",\"path\":\"//\",\"value\":2}]", "{\"\":{\"\":2}}" },
    { "{\"n\":123456789012345678901234567890}", "[{\"op\":\"add\",\"path\":\"/m\",\"value\":1}]", "{\"n\":123456789012345678901234567890,\"m\":1}" },
    { "{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a\"}]", "{\"a\":1}" },
    { "{\"a\":1}", "{}", NULL },
    { "{\"a\":1}", "[1]", NULL },
    { "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\"}]", NULL },
    { "{\"a\":1}", "[{\"op\":\"spam\",\"path\":\"/b\",\"value\":1}]", NULL },
    { "{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/b\"}]", NULL },
    { "{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"\"}]", NULL },
    { "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/b\",\"value\":1}]", NULL },
    { "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b/c\",\"value\":1}]", NULL },
    { "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"b\",\"value\":1}]", NULL },
    { "{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/2\",\"value\":1}]", NULL },
    { "{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/01\",\"value\":1}]", NULL },
    { "{\"a\":[1]}", "[{\"op\":\"remove\",\"path\":\"/a/-\"}]", NULL },
    { "{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/x\",\"value\":1}]", NULL },
    { "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b~2\",\"value\":1}]", NULL },
    { "{\"a\":{\"b\":1}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]", NULL },
    { "{\"a\":1}", "[{\"op\":\"move\",\"path\":\"/b\"}]", NULL },
    { "{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]", NULL },
    { "{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/a\"},{\"op\":\"test\",\"path\":\"/a\",\"value\":1}]", NULL },
};

static void each_example_is_as_the_rfc_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        const struct example *x = &examples[i];
        const belay_json *document, *patch, *result = NULL;
        struct belay_arena arena;
        struct belay_buf text;
        struct belay_err err;
        belay_arena_init(&arena, 0, BELAY_MIB(1));
        belay_buf_init(&text, BELAY_MIB(1));
        assert_ok(belay_json_parse(belay_str_c(x->document), NULL, &arena, &document, NULL, &err));
        assert_ok(belay_json_parse(belay_str_c(x->patch), NULL, &arena, &patch, NULL, &err));
        int status = belay_json_patch(document, patch, &arena, &result, &err);
        if (x->result && status != BELAY_OK)
            fail_msg("%s %s: %s", x->document, x->patch, err.msg);
        if (!x->result) {
            if (status == BELAY_OK)
                fail_msg("%s %s was taken", x->document, x->patch);
            assert_null(result);
        } else {
            belay_json_write(&text, result);
            belay_buf_put_c(&text, '\0');
            assert_string_equal(text.p, x->result);
        }
        belay_buf_deinit(&text);
        belay_arena_deinit(&arena);
    }
}

static void without_memory_nothing_is_half_patched(void **state)
{
    (void)state;
    const belay_json *document, *patch, *result;
    struct belay_arena plan, arena;
    struct belay_err err;
    bool done = false;
    belay_arena_init(&plan, 0, BELAY_MIB(1));
    assert_ok(belay_json_parse(BELAY_STR("{\"a\":[1,2,3]}"), NULL, &plan, &document, NULL, &err));
    assert_ok(belay_json_parse(BELAY_STR("[{\"op\":\"move\",\"from\":\"/a/0\",\"path\":\"/b\"}]"), NULL, &plan, &patch, NULL, &err));
    for (uint64_t n = 0; !done && n < 100; n++) {
        belay_arena_init(&arena, 0, BELAY_MIB(1));
        belay_alloc_fail_after(n);
        int status = belay_json_patch(document, patch, &arena, &result, &err);
        belay_alloc_fail_after(UINT64_MAX);
        done = status == BELAY_OK;
        assert_true(done || status == BELAY_NOMEM);
        belay_arena_deinit(&arena);
    }
    assert_true(done);
    belay_arena_deinit(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_example_is_as_the_rfc_says),
        cmocka_unit_test(without_memory_nothing_is_half_patched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
