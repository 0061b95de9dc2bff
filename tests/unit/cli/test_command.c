#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/table.h"
#include "unit/test.h"

static bool parse(int argc, char **argv, const char **data, bool *json, char ***operands, int *count)
{
    const struct option_spec specs[] = { { "data", data, NULL }, { "json", NULL, json } };
    return options_parse(argc, argv, specs, 2, operands, count);
}

static void options_and_operands_may_come_in_any_order(void **state)
{
    (void)state;
    char *argv[] = { (char *)"x", (char *)"show", (char *)"--data", (char *)"d", (char *)"o-1", (char *)"--json" };
    const char *data = NULL;
    bool json = false;
    char **operands;
    int count;
    assert_true(parse(6, argv, &data, &json, &operands, &count));
    assert_string_equal(data, "d");
    assert_true(json);
    assert_int_equal(count, 2);
    assert_string_equal(operands[0], "show");
    assert_string_equal(operands[1], "o-1");
}

static void after_two_dashes_all_are_operands(void **state)
{
    (void)state;
    char *argv[] = { (char *)"x", (char *)"--data=d", (char *)"--", (char *)"--json" };
    const char *data = NULL;
    bool json = false;
    char **operands;
    int count;
    assert_true(parse(4, argv, &data, &json, &operands, &count));
    assert_string_equal(data, "d");
    assert_false(json);
    assert_int_equal(count, 1);
    assert_string_equal(operands[0], "--json");
}

static void what_is_no_option_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = { "--daat", "--data", "--json=yes" };
    for (size_t i = 0; i < 3; i++) {
        char *argv[] = { (char *)"x", (char *)(uintptr_t)wrong[i] };
        const char *data = NULL;
        bool json = false;
        char **operands;
        int count;
        assert_false(parse(2, argv, &data, &json, &operands, &count));
    }
}

static void an_age_has_the_unit_that_reads_best(void **state)
{
    (void)state;
    static const struct {
        uint64_t ms;
        const char *text;
    } cases[] = { { 5, "5ms" }, { 61000, "61s" }, { 600000, "10m" }, { 7200000, "2h" }, { 864000000, "10d" } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[24];
        age_text(cases[i].ms, text, sizeof text);
        assert_string_equal(text, cases[i].text);
    }
}

static void a_number_is_digits(void **state)
{
    (void)state;
    assert_true(option_is_number("x", "count", NULL));
    assert_true(option_is_number("x", "count", "12"));
    assert_false(option_is_number("x", "count", "-5"));
    assert_false(option_is_number("x", "count", "abc"));
}

static void a_target_is_percent_encoded(void **state)
{
    (void)state;
    struct belay_buf b;
    belay_buf_init(&b, 1024);
    target_put(&b, "a/b c%\xc3\xa9~-._");
    assert_str(belay_buf_view(&b), "a%2Fb%20c%25%C3%A9~-._");
    belay_buf_deinit(&b);
}

static void nobody_home_is_an_exit_code_of_its_own(void **state)
{
    (void)state;
    struct answer a;
    assert_int_equal(client_get("no-such-directory", "/status", &a), EXIT_UNAVAILABLE_);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_operands_may_come_in_any_order),
        cmocka_unit_test(after_two_dashes_all_are_operands),
        cmocka_unit_test(what_is_no_option_is_refused),
        cmocka_unit_test(an_age_has_the_unit_that_reads_best),
        cmocka_unit_test(a_number_is_digits),
        cmocka_unit_test(a_target_is_percent_encoded),
        cmocka_unit_test(nobody_home_is_an_exit_code_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
