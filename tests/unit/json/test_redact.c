/* What may not be told: where paths lead, what is hidden in bodies, answers, cut JSON and texts; marks and the way back. */
#include <stdio.h>

#include "base/alloc.h"
#include "json/redact.h"
#include "unit/test.h"

struct fixture {
    struct belay_arena arena;
    const struct belay_redact *r;
};

static void set_rules(struct fixture *f, const char *const *paths, const char *header, const char *secret)
{
    struct belay_str texts[32], name = belay_str_c(header), hidden = belay_str_c(secret);
    struct belay_redact_opt opt = { .paths = texts, .headers = &name, .header_count = header != NULL,
                                    .secrets = &hidden, .secret_count = secret != NULL };
    struct belay_err err;
    for (; paths && paths[opt.path_count]; opt.path_count++)
        texts[opt.path_count] = belay_str_c(paths[opt.path_count]);
    assert_ok(belay_redact_new(&opt, &f->arena, &f->r, &err));
}

static int setup(void **state)
{
    static struct fixture f;
    belay_arena_init(&f.arena, 0, BELAY_MIB(16));
    f.r = NULL;
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    belay_arena_deinit(&f->arena);
    return 0;
}

static const belay_json *parse(struct fixture *f, const char *text)
{
    const belay_json *root;
    struct belay_err err;
    assert_ok(belay_json_parse(belay_str_c(text), NULL, &f->arena, &root, NULL, &err));
    return root;
}

static void assert_written(struct fixture *f, struct belay_redact_view view, const char *text, const char *wanted)
{
    struct belay_buf out;
    belay_buf_init(&out, BELAY_MIB(1));
    assert_ok(belay_redact_write(f->r, &view, parse(f, text), &f->arena, &out));
    belay_buf_put_c(&out, '\0');
    assert_string_equal(out.p, wanted);
    belay_buf_deinit(&out);
}

static void assert_text(struct belay_str text, const char *wanted)
{
    assert_int_equal(text.n, strlen(wanted));
    assert_memory_equal(text.p, wanted, text.n);
}

struct example {
    const char *path, *body, *shown;
};

static void a_path_leads_to_what_it_names(void **state)
{
    struct fixture *f = *state;
    static const struct example examples[] = {
        { "card", "{\"card\":1,\"x\":2}", "{\"card\":\"[redacted]\",\"x\":2}" },
        { "/card/number", "{\"card\":{\"number\":\"4\",\"name\":\"n\"}}", "{\"card\":{\"number\":\"[redacted]\",\"name\":\"n\"}}" },
        { "card", "{\"card\":{\"number\":\"4\"}}", "{\"card\":\"[redacted]\"}" },
        { "card.number", "{\"number\":1,\"card\":null}", "{\"number\":1,\"card\":null}" },
        { "items.card", "{\"items\":[{\"card\":1},{\"n\":2}]}", "{\"items\":[{\"card\":\"[redacted]\"},{\"n\":2}]}" },
        { "items.*.card", "{\"items\":[{\"card\":1}]}", "{\"items\":[{\"card\":\"[redacted]\"}]}" },
        { "items[*].card", "{\"items\":[[{\"card\":1}]]}", "{\"items\":[[{\"card\":\"[redacted]\"}]]}" },
        { "/items/*/card", "{\"items\":{\"a\":{\"card\":1}}}", "{\"items\":{\"a\":{\"card\":\"[redacted]\"}}}" },
        { "items[1]", "{\"items\":[1,2,3]}", "{\"items\":[1,\"[redacted]\",3]}" },
        { "items.1", "{\"items\":{\"1\":5}}", "{\"items\":{\"1\":\"[redacted]\"}}" },
        { "name", "[{\"name\":\"a\"},{\"name\":\"b\"}]", "[{\"name\":\"[redacted]\"},{\"name\":\"[redacted]\"}]" },
        { "**.pw", "{\"a\":[{\"b\":{\"pw\":1}}],\"pw\":2}", "{\"a\":[{\"b\":{\"pw\":\"[redacted]\"}}],\"pw\":\"[redacted]\"}" },
        { "a.**.z", "{\"z\":0,\"a\":{\"z\":1,\"b\":{\"z\":2}}}", "{\"z\":0,\"a\":{\"z\":\"[redacted]\",\"b\":{\"z\":\"[redacted]\"}}}" },
        { "/a~1b/m~0n", "{\"a/b\":{\"m~n\":1}}", "{\"a/b\":{\"m~n\":\"[redacted]\"}}" },
        { "*", "{\"a\":1,\"b\":[2]}", "{\"a\":\"[redacted]\",\"b\":\"[redacted]\"}" },
        { "c\xc3\xa4rd", "{\"c\\u00e4rd\":1}", "{\"c\xc3\xa4rd\":\"[redacted]\"}" },
        { "card", "{\"card\":1,\"card\":2}", "{\"card\":\"[redacted]\",\"card\":\"[redacted]\"}" },
        { "card", "\"card\"", "\"card\"" },
    };
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        const char *paths[] = { examples[i].path, NULL };
        set_rules(f, paths, NULL, NULL);
        assert_written(f, (struct belay_redact_view){ 0 }, examples[i].body, examples[i].shown);
    }
}

static void several_paths_do_not_disturb_each_other(void **state)
{
    struct fixture *f = *state;
    const char *paths[] = { "a.b", "a.c.d", "**.x", "e", NULL };
    set_rules(f, paths, NULL, NULL);
    assert_written(f, (struct belay_redact_view){ 0 }, "{\"a\":{\"b\":1,\"c\":{\"d\":2,\"b\":3,\"x\":4}},\"e\":5,\"d\":6}",
                   "{\"a\":{\"b\":\"[redacted]\",\"c\":{\"d\":\"[redacted]\",\"b\":3,\"x\":\"[redacted]\"}},\"e\":\"[redacted]\",\"d\":6}");
}

static void what_is_no_path_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = { "", ".", "a.", ".a", "a..b", "a[", "a[]", "a[1", "a[1]b", "**", "a.**", "/a~2b", "/**" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct belay_str path = belay_str_c(bad[i]);
        struct belay_redact_opt opt = { .paths = &path, .path_count = 1 };
        struct belay_err err;
        assert_int_equal(belay_redact_check_path(path, &err), BELAY_INVALID);
        assert_int_equal(belay_redact_new(&opt, &f->arena, &f->r, &err), BELAY_INVALID);
    }
}

static void more_names_than_there_is_room_for_are_refused(void **state)
{
    struct fixture *f = *state;
    static struct belay_str paths[BELAY_REDACT_SEGMENTS_MAX + 1];
    struct belay_err err;
    for (uint32_t i = 0; i <= BELAY_REDACT_SEGMENTS_MAX; i++)
        paths[i] = BELAY_STR("a");
    struct belay_redact_opt opt = { .paths = paths, .path_count = BELAY_REDACT_SEGMENTS_MAX };
    assert_ok(belay_redact_new(&opt, &f->arena, &f->r, &err));
    assert_written(f, (struct belay_redact_view){ 0 }, "{\"a\":1}", "{\"a\":\"[redacted]\"}");
    opt.path_count++;
    assert_int_equal(belay_redact_new(&opt, &f->arena, &f->r, &err), BELAY_LIMIT);
}

static void headers_are_known_by_name_in_any_case(void **state)
{
    struct fixture *f = *state;
    set_rules(f, NULL, "X-Patient", NULL);
    assert_true(belay_redact_header(f->r, BELAY_STR("AUTHORIZATION")));
    assert_true(belay_redact_header(f->r, BELAY_STR("set-cookie")));
    assert_true(belay_redact_header(f->r, BELAY_STR("x-patient")));
    assert_false(belay_redact_header(f->r, BELAY_STR("content-type")));
    assert_false(belay_redact_header(NULL, BELAY_STR("authorization")));
    assert_str(belay_redact_built_in(0), "authorization");
}

static void an_answer_has_bodies_and_headers_in_it(void **state)
{
    struct fixture *f = *state;
    const char *paths[] = { "card", NULL };
    set_rules(f, paths, NULL, NULL);
    assert_written(f, (struct belay_redact_view){ .answer = true },
                   "{\"card\":1,\"message\":{\"headers\":{\"Cookie\":\"c\",\"a\":\"b\"},\"body\":{\"card\":2,\"body\":{\"card\":3}}}}",
                   "{\"card\":1,\"message\":{\"headers\":{\"Cookie\":\"[redacted]\",\"a\":\"b\"},\"body\":{\"card\":\"[redacted]\","
                   "\"body\":{\"card\":3}}}}");
}

static void an_excerpt_is_json_within_a_text_and_may_be_cut(void **state)
{
    struct fixture *f = *state;
    const char *paths[] = { "card", NULL };
    struct belay_redact_view view = { .answer = true };
    set_rules(f, paths, NULL, NULL);
    assert_written(f, view, "{\"excerpt\":\"{\\\"card\\\":42,\\\"a\\\":1}\"}", "{\"excerpt\":\"{\\\"card\\\":\\\"[redacted]\\\",\\\"a\\\":1}\"}");
    assert_written(f, view, "{\"excerpt\":\"{\\\"card\\\":42,\\\"a\\\":\\\"xy\"}", "{\"excerpt\":\"{\\\"card\\\":\\\"[redacted]\\\"}\"}");
    assert_written(f, view, "{\"excerpt\":\"{\\\"a\\\":1,\\\"card\\\":\\\"41\"}", "{\"excerpt\":\"{\\\"a\\\":1}\"}");
    assert_written(f, view, "{\"excerpt\":\"{oops card 42\"}", "{\"excerpt\":\"[redacted]\"}");
    assert_written(f, view, "{\"excerpt\":\"plain\",\"body\":\"{\\\"card\\\":1\"}", "{\"excerpt\":\"plain\",\"body\":\"[redacted]\"}");
}

/* "{\"cookie\":1}", "plain", "s3cret-token" */
#define HEX_COOKIE "7b22636f6f6b6965223a317d"
#define HEX_PLAIN "706c61696e"
#define HEX_SECRET "7333637265742d746f6b656e"

static void bytes_in_hexadecimal_are_hidden_whole_where_they_may_hold_anything(void **state)
{
    struct fixture *f = *state;
    const char *paths[] = { "card", NULL };
    const char *text = "{\"progress\":\"" HEX_COOKIE "\",\"body_hex\":\"" HEX_PLAIN "\",\"x\":{\"progress\":\"" HEX_SECRET "\"}}";
    set_rules(f, NULL, NULL, "s3cret-token");
    assert_written(f, (struct belay_redact_view){ .answer = true }, text,
                   "{\"progress\":\"[redacted]\",\"body_hex\":\"" HEX_PLAIN "\",\"x\":{\"progress\":\"[redacted]\"}}");
    assert_written(f, (struct belay_redact_view){ .answer = true, .reveal = true }, text,
                   "{\"progress\":\"" HEX_COOKIE "\",\"body_hex\":\"" HEX_PLAIN "\",\"x\":{\"progress\":\"[redacted]\"}}");
    set_rules(f, paths, NULL, NULL);
    assert_written(f, (struct belay_redact_view){ .answer = true }, "{\"progress\":[{\"state\":\"done\"}]}", "{\"progress\":[{\"state\":\"done\"}]}");
    assert_written(f, (struct belay_redact_view){ .answer = true }, "{\"body_hex\":\"" HEX_PLAIN "\"}", "{\"body_hex\":\"[redacted]\"}");
}

static void who_may_see_sees_all_but_secrets_and_it_is_counted(void **state)
{
    struct fixture *f = *state;
    const char *paths[] = { "card", NULL };
    struct belay_redact_view view = { .answer = true, .reveal = true };
    struct belay_buf out;
    set_rules(f, paths, NULL, "s3cret-token");
    belay_buf_init(&out, BELAY_MIB(1));
    assert_ok(belay_redact_write(f->r, &view, parse(f, "{\"headers\":{\"cookie\":\"a\"},\"body\":{\"card\":{\"n\":\"s3cret-token\"}},\"x\":\"by s3cret-token\"}"),
                                 &f->arena, &out));
    assert_str(belay_buf_view(&out), "{\"headers\":{\"cookie\":\"a\"},\"body\":{\"card\":{\"n\":\"[redacted]\"}},\"x\":\"by [redacted]\"}");
    assert_int_equal(view.hidden, 2);
    belay_buf_deinit(&out);
}

static void words_are_hidden_in_texts_however_they_are_written(void **state)
{
    struct fixture *f = *state;
    const char *paths[] = { "card", "name", "cvv", "big", NULL };
    struct belay_redact_words w;
    set_rules(f, paths, NULL, NULL);
    belay_redact_words_init(&w, &f->arena);
    belay_redact_gather(f->r, &w, parse(f, "{\"card\":{\"number\":4111111111111111,\"ok\":true},\"name\":\"O\\\"Neil & Co\",\"cvv\":\"12\","
                                           "\"big\":123456789012345678901234567890,\"open\":\"public\"}"), false);
    assert_text(belay_redact_text(f->r, &w, BELAY_STR("card 4111111111111111 is true"), &f->arena), "card [redacted] is true");
    assert_text(belay_redact_text(f->r, &w, BELAY_STR("{\"n\":\"O\\\"Neil & Co\"}"), &f->arena), "{\"n\":\"[redacted]\"}");
    assert_text(belay_redact_text(f->r, &w, BELAY_STR("/by/O%22Neil%20%26%20Co/x"), &f->arena), "/by/[redacted]/x");
    assert_text(belay_redact_text(f->r, &w, BELAY_STR("cvv 12, not 123 or 512; \"12\""), &f->arena), "cvv [redacted], not 123 or 512; \"[redacted]\"");
    assert_text(belay_redact_text(f->r, &w, BELAY_STR("123456789012345678901234567890"), &f->arena), "[redacted]");
    struct belay_str same = BELAY_STR("public");
    assert_ptr_equal(belay_redact_text(f->r, &w, same, &f->arena).p, same.p);
    assert_ptr_equal(belay_redact_text(NULL, &w, same, &f->arena).p, same.p);
}

static void words_are_hidden_as_ascii_writes_them(void **state)
{
    struct fixture *f = *state;
    struct belay_redact_words w;
    set_rules(f, NULL, NULL, NULL);
    belay_redact_words_init(&w, &f->arena);
    belay_redact_words_add(&w, BELAY_STR("\xc3\x84nn \xe2\x82\xac \xf0\x9f\x98\x80 \"x\""));
    assert_text(belay_redact_text(f->r, &w, BELAY_STR("{\"n\":\"\\u00c4nn \\u20ac \\ud83d\\ude00 \\\"x\\\"\"}"), &f->arena), "{\"n\":\"[redacted]\"}");
}

static void a_cut_word_is_hidden_where_texts_are_cut(void **state)
{
    struct fixture *f = *state;
    struct belay_redact_words w;
    set_rules(f, NULL, NULL, "warehouse-secret");
    belay_redact_words_init(&w, &f->arena);
    belay_redact_words_add(&w, BELAY_STR("4111222233334444"));
    assert_text(belay_redact_text(f->r, &w, BELAY_STR("4111... of warehouse"), &f->arena), "4111... of warehouse");
    w.cut = BELAY_REDACT_QUOTED;
    assert_text(belay_redact_text(f->r, &w, BELAY_STR("4111... of warehouse"), &f->arena), "[redacted]... of warehouse");
    w.cut = BELAY_REDACT_CUT;
    assert_text(belay_redact_text(f->r, &w, BELAY_STR("4111 of 411122"), &f->arena), "4111 of [redacted]");
    assert_text(belay_redact_text(f->r, &w, BELAY_STR("by warehouse-s"), &f->arena), "by [redacted]");
}

static void the_longest_word_is_hidden(void **state)
{
    struct fixture *f = *state;
    struct belay_redact_words w;
    set_rules(f, NULL, NULL, NULL);
    belay_redact_words_init(&w, &f->arena);
    belay_redact_words_add(&w, BELAY_STR("secret"));
    belay_redact_words_add(&w, BELAY_STR("secret-two"));
    belay_redact_words_add(&w, BELAY_STR(""));
    assert_text(belay_redact_text(f->r, &w, BELAY_STR("secret-two, secret"), &f->arena), "[redacted], [redacted]");
}

static void answers_and_fields_give_words(void **state)
{
    struct fixture *f = *state;
    const char *paths[] = { "token", NULL };
    const struct belay_field fields[] = { { BELAY_STR("Cookie"), BELAY_STR("abcdefg") }, { BELAY_STR("accept"), BELAY_STR("text/plain") } };
    struct belay_redact_words w;
    set_rules(f, paths, NULL, NULL);
    belay_redact_words_init(&w, &f->arena);
    belay_redact_gather_fields(f->r, &w, fields, 2);
    belay_redact_gather_answer(f->r, &w, parse(f, "{\"status\":200,\"headers\":{\"set-cookie\":\"id=77777\",\"x\":\"yyyyyyy\"},\"body\":{\"token\":\"ttttttt\"}}"));
    belay_redact_gather_bytes(f->r, &w, BELAY_STR("{\"token\":\"uuuuuuu\",\"cut\":\"z"));
    belay_redact_gather_bytes(f->r, &w, BELAY_STR("token=vvvvvvv"));
    assert_text(belay_redact_text(f->r, &w, BELAY_STR("abcdefg text/plain id=77777 yyyyyyy ttttttt uuuuuuu vvvvvvv"), &f->arena),
                "[redacted] text/plain [redacted] yyyyyyy [redacted] [redacted] vvvvvvv");
}

static void what_is_too_much_to_remember_hides_all(void **state)
{
    struct fixture *f = *state;
    struct belay_redact_words w;
    struct belay_arena small;
    set_rules(f, NULL, NULL, NULL);
    belay_arena_init(&small, 256, 512);
    belay_redact_words_init(&w, &small);
    for (int i = 0; i < 100; i++) {
        char text[24];
        snprintf(text, sizeof text, "word-%d", i);
        belay_redact_words_add(&w, belay_str_c(text));
    }
    assert_true(w.lost);
    assert_text(belay_redact_text(f->r, &w, BELAY_STR("anything"), &f->arena), "[redacted]");
    belay_arena_deinit(&small);
}

static void a_mark_says_its_place_and_is_taken_back(void **state)
{
    struct fixture *f = *state;
    const char *paths[] = { "items.card", "who", NULL };
    const char *original = "{\"items\":[{\"card\":\"A\",\"n\":1},{\"card\":\"B\",\"n\":2}],\"who\":{\"x/y\":[1]}}";
    struct belay_buf out;
    struct belay_err err;
    set_rules(f, paths, NULL, NULL);
    assert_written(f, (struct belay_redact_view){ .places = true }, original,
                   "{\"items\":[{\"card\":\"[redacted /items/0/card]\",\"n\":1},{\"card\":\"[redacted /items/1/card]\",\"n\":2}],"
                   "\"who\":\"[redacted /who]\"}");
    belay_buf_init(&out, BELAY_MIB(1));
    assert_ok(belay_redact_restore(f->r, parse(f, original),
                                   parse(f, "{\"items\":[{\"card\":\"[redacted /items/1/card]\",\"n\":3}],\"who\":\"[redacted /who]\",\"new\":true}"),
                                   &out, &err));
    assert_str(belay_buf_view(&out), "{\"items\":[{\"card\":\"B\",\"n\":3}],\"who\":{\"x/y\":[1]},\"new\":true}");
    belay_buf_deinit(&out);
}

static void a_mark_is_never_written_in_place_of_the_truth(void **state)
{
    struct fixture *f = *state;
    const char *paths[] = { "card", "list", NULL };
    const char *original = "{\"card\":\"A\",\"open\":\"x\",\"old\":\"[redacted] by them\"}";
    static const char *const bad[] = {
        "{\"card\":\"[redacted]\"}", "{\"note\":\"[redacted /card]\"}", "{\"card\":\"[redacted /open]\"}",
        "{\"card\":\"[redacted /nothing]\"}", "{\"card\":\"[REDACTED /CARD]\"}", "{\"card\":\"x[redacted /card]\"}",
        "{\"list\":[{\"a\":\"[redacted /card\"}]}",
    };
    struct belay_err err;
    set_rules(f, paths, NULL, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct belay_buf out;
        belay_buf_init(&out, BELAY_MIB(1));
        assert_int_equal(belay_redact_restore(f->r, parse(f, original), parse(f, bad[i]), &out, &err), BELAY_INVALID);
        belay_buf_deinit(&out);
    }
    struct belay_buf out;
    belay_buf_init(&out, BELAY_MIB(1));
    assert_ok(belay_redact_restore(f->r, parse(f, original), parse(f, "{\"list\":[\"[redacted /card]\"],\"old\":\"[redacted] by them\"}"), &out, &err));
    assert_str(belay_buf_view(&out), "{\"list\":[\"A\"],\"old\":\"[redacted] by them\"}");
    belay_buf_deinit(&out);
    assert_true(belay_redact_is_marked(BELAY_STR("a [Redacted")));
    assert_false(belay_redact_is_marked(BELAY_STR("a redacted")));
}

static void without_memory_nothing_is_told(void **state)
{
    struct fixture *f = *state;
    const char *paths[] = { "card", NULL };
    bool whole = false;
    set_rules(f, paths, NULL, "s3cret-token");
    for (uint64_t n = 0; n < 64 && !whole; n++) {
        struct belay_arena arena;
        struct belay_redact_words w;
        struct belay_redact_view view = { 0 };
        belay_arena_init(&arena, 64, BELAY_MIB(1));
        belay_alloc_fail_after(n);
        belay_redact_words_init(&w, &arena);
        belay_redact_gather_bytes(f->r, &w, BELAY_STR("{\"card\":\"4111-1111\"}"));
        struct belay_str text = belay_redact_text(f->r, &w, BELAY_STR("4111-1111 and s3cret-token"), &arena);
        struct belay_str body = belay_redact_bytes(f->r, &view, BELAY_STR("{\"card\":\"4111-1111\"}"), &arena);
        belay_alloc_fail_after(UINT64_MAX);
        assert_null(memmem(text.p, text.n, "4111", 4));
        assert_null(memmem(text.p, text.n, "s3cret", 6));
        assert_null(memmem(body.p, body.n, "4111", 4));
        whole = belay_str_eq(text, BELAY_STR("[redacted] and [redacted]")) && body.n > 10;
        belay_arena_deinit(&arena);
    }
    assert_true(whole);
}

static void rules_need_memory_or_say_so(void **state)
{
    struct fixture *f = *state;
    struct belay_str path = BELAY_STR("/a~1b/c"), header = BELAY_STR("x"), secret = BELAY_STR("s \"1\"");
    struct belay_redact_opt opt = { &path, 1, &header, 1, &secret, 1 };
    struct belay_err err;
    int status = BELAY_NOMEM;
    (void)f;
    for (uint64_t n = 0; n < 64 && status != BELAY_OK; n++) {
        struct belay_arena arena;
        const struct belay_redact *r = NULL;
        belay_arena_init(&arena, 16, BELAY_MIB(1));
        belay_alloc_fail_after(n);
        status = belay_redact_new(&opt, &arena, &r, &err);
        belay_alloc_fail_after(UINT64_MAX);
        assert_true(status == BELAY_OK || (!r && (status == BELAY_NOMEM || status == BELAY_LIMIT)));
        belay_arena_deinit(&arena);
    }
    assert_ok(status);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_path_leads_to_what_it_names),
        TEST(several_paths_do_not_disturb_each_other),
        TEST(what_is_no_path_is_refused),
        TEST(more_names_than_there_is_room_for_are_refused),
        TEST(headers_are_known_by_name_in_any_case),
        TEST(an_answer_has_bodies_and_headers_in_it),
        TEST(an_excerpt_is_json_within_a_text_and_may_be_cut),
        TEST(bytes_in_hexadecimal_are_hidden_whole_where_they_may_hold_anything),
        TEST(who_may_see_sees_all_but_secrets_and_it_is_counted),
        TEST(words_are_hidden_in_texts_however_they_are_written),
        TEST(words_are_hidden_as_ascii_writes_them),
        TEST(a_cut_word_is_hidden_where_texts_are_cut),
        TEST(the_longest_word_is_hidden),
        TEST(answers_and_fields_give_words),
        TEST(what_is_too_much_to_remember_hides_all),
        TEST(a_mark_says_its_place_and_is_taken_back),
        TEST(a_mark_is_never_written_in_place_of_the_truth),
        TEST(without_memory_nothing_is_told),
        TEST(rules_need_memory_or_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
