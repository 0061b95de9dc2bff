/* What a request may say, by the table of its route. */
#include "admin/routes.h"
#include "base/limits.h"
#include "unit/test.h"

#define SPECIMENS(...) (const struct admin_member[]){ __VA_ARGS__, { NULL, ADMIN_ANY } }

static const struct admin_member all[] = {
    { "text", ADMIN_TEXT },     { "name", ADMIN_NAME },     { "number", ADMIN_NUMBER },
    { "flag", ADMIN_FLAG },     { "object", ADMIN_OBJECT }, { "any", ADMIN_ANY },
    { NULL, ADMIN_ANY },
};

static char said[BELAY_ERR_MSG_MAX];

static bool body(const char *json, const struct admin_member *table)
{
    struct belay_arena arena;
    struct belay_http_request http = { 0 };
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    assert_ok(belay_json_parse(belay_str_c(json), NULL, &arena, &http.body_json, NULL, NULL));
    bool known = asked_is_known(&http, NULL, table, said, sizeof said);
    belay_arena_deinit(&arena);
    return known;
}

static bool query(const char *name, const char *value, const struct admin_member *table)
{
    const struct belay_http_param params[] = {
        { .in = BELAY_HTTP_IN_PATH, .name = BELAY_STR("flow"), .text = BELAY_STR("orders") },
        { .in = BELAY_HTTP_IN_QUERY, .name = belay_str_c(name), .text = belay_str_c(value) },
    };
    const struct belay_http_request http = { .params = params, .param_count = 2 };
    return asked_is_known(&http, table, NULL, said, sizeof said);
}

static void each_member_is_what_its_table_says(void **state)
{
    (void)state;
    assert_true(body("{\"text\":\"\",\"name\":\"x\",\"number\":0,\"flag\":false,\"object\":{\"a\":[1]},\"any\":[null]}", all));
    static const char *const wrong[] = { "{\"text\":7}", "{\"name\":\"\"}", "{\"name\":null}", "{\"number\":-1}",
                                         "{\"number\":1.5}", "{\"number\":\"1\"}", "{\"flag\":1}", "{\"object\":[]}" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(body(wrong[i], all));
        assert_non_null(strstr(said, " has to be "));
    }
}

static void what_is_not_in_the_table_is_named_with_what_is(void **state)
{
    (void)state;
    assert_false(body("{\"reason\":\"x\",\"resaon\":\"y\"}", SPECIMENS({ "reason", ADMIN_TEXT }, { "to", ADMIN_NAME })));
    assert_string_equal(said, "there is no member 'resaon' here; there is: reason, to");
    assert_false(body("{\"a\":1}", NULL));
    assert_string_equal(said, "there is no member 'a' here; there is none at all");
    assert_true(body("{}", NULL));
    assert_false(query("flwo", "x", SPECIMENS({ "flow", ADMIN_NAME })));
    assert_string_equal(said, "there is no parameter 'flwo' here; there is: flow");
}

static void a_parameter_of_the_query_is_looked_at_as_the_text_it_is(void **state)
{
    (void)state;
    assert_true(query("number", "17", all) && query("flag", "true", all) && query("text", "", all));
    assert_false(query("number", "-1", all) || query("number", "", all) || query("flag", "yes", all));
    assert_false(query("name", "", all)); /* a variable that was not set */
    assert_string_equal(said, "'name' has to be a text that is not empty");
}

static void a_name_without_end_is_cut_and_the_text_ended(void **state)
{
    (void)state;
    char json[3000];
    memset(json, 'x', sizeof json);
    memcpy(json, "{\"", 2);
    memcpy(json + sizeof json - 5, "\":1}", 5);
    assert_false(body(json, all));
    assert_true(strlen(said) < 200);
}

/* Whoever adds a route says what may be asked of it: a table that names nothing is a bug of the table. */
static void every_route_that_changes_something_takes_a_reason_or_leaves_no_trail(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < admin_route_count; i++) {
        const struct admin_route *r = &admin_routes[i];
        bool quiet = belay_str_eq(belay_str_c(r->operation), BELAY_STR("rehearse"))
                     || belay_str_eq(belay_str_c(r->operation), BELAY_STR("auditStart"))
                     || belay_str_eq(belay_str_c(r->operation), BELAY_STR("alertTest"));
        bool reason = false;
        for (const struct admin_member *m = r->body; m && m->name; m++)
            reason = reason || belay_str_eq(belay_str_c(m->name), BELAY_STR("reason"));
        bool post = belay_str_eq(belay_str_c(r->method), BELAY_STR("POST"));
        if (reason != (post && !quiet) || (!post && r->body))
            fail_msg("%s %s", r->method, r->path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_member_is_what_its_table_says),
        cmocka_unit_test(what_is_not_in_the_table_is_named_with_what_is),
        cmocka_unit_test(a_parameter_of_the_query_is_looked_at_as_the_text_it_is),
        cmocka_unit_test(a_name_without_end_is_cut_and_the_text_ended),
        cmocka_unit_test(every_route_that_changes_something_takes_a_reason_or_leaves_no_trail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
