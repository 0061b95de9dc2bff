/* Regular expressions: what JavaScript means by them, and what a match may cost. */
#include "expr/regex_text.h"
#include "unit/expr/expr_test.h"

struct pair {
    const char *pattern, *text;
};

static void check_text(const struct pair *pairs, size_t count, bool nocase)
{
    struct belay_arena arena;
    struct belay_str text;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    for (size_t i = 0; i < count; i++) {
        assert_true(regex_text(&arena, belay_str_c(pairs[i].pattern), nocase, &text));
        assert_string_equal(text.p, pairs[i].text);
    }
    belay_arena_deinit(&arena);
}
#define CHECK_TEXT(pairs, nocase) check_text(pairs, sizeof(pairs) / sizeof(pairs)[0], nocase)

static void what_both_read_alike_stays_as_it_is(void **state)
{
    static const struct pair pairs[] = {
        { "", "" },
        { "^[a-z_]+\\.\\d{2,4}$", "^[a-z_]+\\.\\d{2,4}$" },
        { "(?<year>\\d+)\\/\\k<year>\\1*", "(?<year>\\d+)\\/\\k<year>\\1*" },
        { "[^]|[\\]\\-\\b]", "[^]|[\\]\\-\\b]" },
        { "\\u00e9\\xe9\\cA\\0\\t\\p{L}\xc3\xa9", "\\u00e9\\xe9\\cA\\0\\t\\p{L}\xc3\xa9" },
        { "a\\", "a\\" },
    };
    (void)state;
    CHECK_TEXT(pairs, false);
}

static void what_pcre2_reads_otherwise_is_written_otherwise(void **state)
{
    static const struct pair pairs[] = {
        { "\\h\\A\\Z\\G\\K\\Q\\E\\R\\X\\N\\g1\\a\\e", "hAZGKQERXNg1ae" },
        { "\\v[\\v\\B]", "\\x0b[\\x0bB]" },
        { "[[:alpha:]]", "[\\[:alpha:]]" },
        { "a[]?b]", "a[^\\x00-\xf4\x8f\xbf\xbf]?b]" },
        { "[\\d-z][a-\\w][\\d-][-\\d]\\d-\\d[a-b\\n-]", "[\\d\\-z][a\\-\\w][\\d\\-][\\-\\d]\\d-\\d[a-b\\n-]" },
    };
    (void)state;
    CHECK_TEXT(pairs, false);
}

static void a_repeated_reference_that_ignores_case_is_a_group(void **state)
{
    static const struct pair pairs[] = {
        { "(a)\\1*b", "(a)(?:\\1)*b" },   { "(a)\\1+?", "(a)(?:\\1)+?" }, { "(a)\\1", "(a)\\1" },
        { "(a)\\1{2}", "(a)(?:\\1){2}" }, { "(?<n>a)\\k<n>*", "(?<n>a)(?:\\k<n>)*" }, { "[\\1*]", "[\\1*]" },
        { "\\k<n", "\\k<n" },             { "\\0*", "\\0*" },
    };
    (void)state;
    CHECK_TEXT(pairs, true);
    assert_true(regex_has_nocase(BELAY_STR("a(?i)b")) && regex_has_nocase(BELAY_STR("(?m-si:b)")));
    assert_false(regex_has_nocase(BELAY_STR("i(?:i)(?=i)(?m)")) || regex_has_nocase(BELAY_STR("(?")));
}

static void a_verb_is_no_pattern(void **state)
{
    struct belay_arena arena;
    struct belay_str text;
    (void)state;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    assert_false(regex_text(&arena, BELAY_STR("(*sr:a+)b"), false, &text));
    assert_true(regex_text(&arena, BELAY_STR("\\(*[(*]"), false, &text));
    belay_arena_deinit(&arena);
    assert_expr("$match('ab', /(*NO_START_OPT)a/)", NULL, "S0303");
}

static void spaces_are_those_of_javascript(void **state)
{
    (void)state;
    assert_expr("$split('a\\u00a0b\\u3000\\tc', /\\s+/)", NULL, "[\"a\",\"b\",\"c\"]");
    assert_expr("$replace('a\\u00a0b\\ufeffc', /\\S/, 'x')", NULL, "\"x\xc2\xa0x\xef\xbb\xbfx\"");
    assert_expr("$replace('a\\u2029-b', /[\\s-b]/, 'x')", NULL, "\"axxx\"");
    assert_expr("$replace('a\\u2028-b', /[a-\\s]/, 'x')", NULL, "\"xxxb\"");
    assert_expr("$replace('a\\u00a0-', /[^\\s]/, 'x')", NULL, "\"x\xc2\xa0x\"");
    assert_expr("$replace('a\\u00a0\\n', /[\\S\\n]/, 'x')", NULL, "\"x\xc2\xa0x\"");
    assert_expr("$match('a\\n\\u00a0\xf0\x9f\x98\x80z', /[\\s\\S]+/).match", NULL, "\"a\\n\xc2\xa0\xf0\x9f\x98\x80z\"");
    assert_expr("$contains('\\u0085\\u180e\\u200b', /\\s/)", NULL, "false");
}

/* It may be the first; that it would come again and again is told, as in the reference. */
static void a_match_may_be_empty_once(void **state)
{
    (void)state;
    assert_expr("$contains('', /^\\s*$/)", NULL, "true");
    assert_expr("[$contains('abc', /x*/), $contains('abc', /^[]?$/)]", NULL, "[true,false]");
    assert_expr("$match('', /^\\s*$/)", NULL, "{\"match\":\"\",\"index\":0,\"groups\":[]}");
    assert_expr("$replace('abc', /$/, '!')", NULL, "\"abc!\"");
    assert_expr("$replace('abc', /c*$/, '!')", NULL, "\"ab!\"");
    assert_expr("$split('abc', /$/)", NULL, "[\"abc\",\"\"]");
    assert_expr("$replace('abc', /^/, '!')", NULL, "D1004");
    assert_expr("$match('aab', /a*/)", NULL, "D1004");
    assert_expr("$match('aa', /a*/).match", NULL, "\"aa\"");
    assert_expr("/x*/('abc').end", NULL, "0");
    assert_expr("/x*/('abc').next()", NULL, "D1004");
    assert_expr("$exists(/x*/('').next())", NULL, "false");
}

static void ends_with(const char *source, const char *expected)
{
    struct belay_buf out;
    belay_buf_init(&out, BELAY_MIB(16));
    (void)evaluate(source, NULL, NULL, &out);
    if (strcmp(out.p, expected) != 0)
        print_error("%s\n", source);
    assert_string_equal(out.p, expected);
    belay_buf_deinit(&out);
}

/* Each took seconds, and fewer steps than there were. */
static void what_one_item_reads_and_refuses_is_counted(void **state)
{
    (void)state;
    ends_with("$match($pad('', 100000, '\xc3\xa9'), /(?i)(\xc3\xa9+)\\1*\\d/)", "U1005");
    ends_with("$match($pad('', 100000, '\xc3\xa9'), /(\xc3\xa9+)\\1\\d/i)", "U1005");
    ends_with("$match($pad('', 5000, 's\xc5\xbf'), /(s)\\1*\\d/i)", "U1005");
    ends_with("$match($pad('', 100000, 'kK'), /(?<k>k+)\\k<k>\\d/i)", "U1005");
    ends_with("$match($pad('', 179999, 'a') & 'b', /a{60000}b{2}/)", "U1005");
    ends_with("($a := $pad('', 29999, 'a') & 'b'; $match($a & $a & $a & $a & $a & $a, /a{30000}/))", "U1005");
}

static void references_to_little_and_long_runs_cost_little(void **state)
{
    (void)state;
    ends_with("$count($match($pad('', 60000, '\"a\" '), /([\"'])(.*?)\\1/))", "15000");
    ends_with("$count($match($pad('', 60000, 'ab Ab '), /(\\w+) \\1/i))", "10000");
    ends_with("$length($match($pad('', 100000, 'a'), /(a)\\1+/).match)", "100000");
    ends_with("$length($match($pad('', 5000, 'Aa'), /(a)\\1+/i).match)", "5000");
    ends_with("$length($match($pad('', 100000, 'a'), /^a{60000,}$/).match)", "100000");
    ends_with("$contains($pad('', 200000, '0123456789abcdefg '), /[0-9a-f]{64}/)", "false");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_both_read_alike_stays_as_it_is),
        cmocka_unit_test(what_pcre2_reads_otherwise_is_written_otherwise),
        cmocka_unit_test(a_repeated_reference_that_ignores_case_is_a_group),
        cmocka_unit_test(a_verb_is_no_pattern),
        cmocka_unit_test(spaces_are_those_of_javascript),
        cmocka_unit_test(a_match_may_be_empty_once),
        cmocka_unit_test(what_one_item_reads_and_refuses_is_counted),
        cmocka_unit_test(references_to_little_and_long_runs_cost_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
