/* redact: what a configuration says may not be told, and the secrets that are found in it. */
#include "json/redact.h"

#include <stdio.h>

#include "base/alloc.h"
#include "config/config.h"
#include "unit/config/files.h"

#define HEAD "belay: 1\nname: a\n"

static const char *problems(struct mem_config *m)
{
    static char text[4096];
    struct belay_buf out;
    belay_buf_init(&out, sizeof text);
    mem_write_problems(m, &out);
    snprintf(text, sizeof text, "%.*s", (int)out.n, out.p ? out.p : "");
    belay_buf_deinit(&out);
    return text;
}

static void assert_shown(const struct mem_config *m, const char *text, const char *wanted)
{
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    struct belay_str shown = belay_redact_text(m->d->redact, NULL, belay_str_c(text), &arena);
    assert_int_equal(shown.n, strlen(wanted));
    assert_memory_equal(shown.p, wanted, shown.n);
    belay_arena_deinit(&arena);
}

static void assert_body(const struct mem_config *m, const char *body, const char *wanted)
{
    struct belay_arena arena;
    struct belay_redact_view view = { 0 };
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    struct belay_str shown = belay_redact_bytes(m->d->redact, &view, belay_str_c(body), &arena);
    assert_int_equal(shown.n, strlen(wanted));
    assert_memory_equal(shown.p, wanted, shown.n);
    belay_arena_deinit(&arena);
}

static void without_a_word_credentials_headers_are_redacted(void **state)
{
    struct mem_config m;
    (void)state;
    mem_load_text(&m, HEAD);
    assert_ok(m.status);
    assert_true(belay_redact_header(m.d->redact, BELAY_STR("Authorization")));
    assert_body(&m, "{\"card\":1}", "{\"card\":1}");
    mem_free(&m);
}

static void paths_and_headers_are_those_of_all_files(void **state)
{
    struct mem_config m;
    (void)state;
    mem_load_text(&m, HEAD "redact:\n  paths: [ card.number, /items/*/iban ]\n  headers: X-Patient\n");
    assert_string_equal(problems(&m), "");
    assert_body(&m, "{\"card\":{\"number\":1,\"type\":2},\"items\":[{\"iban\":3}]}",
                "{\"card\":{\"number\":\"[redacted]\",\"type\":2},\"items\":[{\"iban\":\"[redacted]\"}]}");
    assert_true(belay_redact_header(m.d->redact, BELAY_STR("x-patient")));
    mem_free(&m);
}

static void a_list_alone_is_of_paths(void **state)
{
    struct mem_config m;
    (void)state;
    mem_load_text(&m, HEAD "redact: card\n");
    assert_string_equal(problems(&m), "");
    assert_body(&m, "{\"card\":1}", "{\"card\":\"[redacted]\"}");
    mem_free(&m);
}

static void what_is_no_path_and_no_header_is_told_where_it_stands(void **state)
{
    struct mem_config m;
    (void)state;
    mem_load_text(&m, HEAD "redact:\n  paths:\n    - ok\n    - a..b\n  headers: [ 'x y' ]\n");
    assert_int_equal(m.status, BELAY_INVALID);
    assert_non_null(strstr(problems(&m), ":6:7: error: 'a..b' is no path into a message"));
    assert_non_null(strstr(problems(&m), "'x y' is no name of a header"));
    mem_free(&m);
}

static void secrets_are_found_where_they_stand(void **state)
{
    struct mem_config m;
    (void)state;
    mem_load_text(&m, HEAD "connections:\n"
                           "  pay:\n"
                           "    http: { base_url: 'http://h.example', username: Aladdin, password: 'open sesame' }\n"
                           "  ship:\n"
                           "    http: { base_url: 'http://s.example/p', bearer: tok-literal-1, headers: { x-api-key: key-literal-2 } }\n"
                           "alerts:\n"
                           "  to: ops\n"
                           "  channels: { ops: { webhook: 'https://hooks.example/services/T000/XYZ' } }\n");
    assert_ok(m.status);
    assert_shown(&m, "http://h.example by Aladdin: open sesame", "http://h.example by Aladdin: [redacted]");
    assert_shown(&m, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Basic [redacted]");
    assert_shown(&m, "tok-literal-1 key-literal-2", "[redacted] [redacted]");
    assert_shown(&m, "POST https://hooks.example/services/T000/XYZ", "POST https://hooks.example/[redacted]");
    mem_free(&m);
}

static void what_comes_from_outside_is_one_where_its_name_or_its_place_says_so(void **state)
{
    struct mem_config m;
    (void)state;
    mem_load_text(&m, HEAD "env: { A: '${SECRET}', B: '${PORT}' }\n");
    assert_string_equal(problems(&m), "");
    assert_shown(&m, "hush, 7100", "[redacted], 7100");
    mem_free(&m);
    mem_load_text(&m, HEAD "redact: { secrets: [ 'PO*' ] }\nenv: { B: '${PORT}' }\n");
    assert_shown(&m, "hush, 7100", "hush, [redacted]");
    mem_free(&m);
    mem_load_text(&m, HEAD "connections:\n  a:\n    http: { base_url: 'http://h:${PORT}' }\n");
    assert_ok(m.status);
    assert_shown(&m, "http://h:7100", "http://h:7100"); /* where it leads is told */
    mem_free(&m);
    mem_load_text(&m, HEAD "connections:\n  a:\n    http: { base_url: 'http://h', headers: { x-who: '${PORT}' } }\n");
    assert_shown(&m, "7100", "[redacted]");
    mem_free(&m);
}

static void a_secret_from_a_file_is_one(void **state)
{
    static const struct mem_file files[] = { { "belay.yaml", HEAD "env: { A: '${file:/run/s}' }\n" }, { "/run/s", "from-a-file\n" }, { 0 } };
    struct mem_config m;
    (void)state;
    mem_load(&m, files);
    assert_string_equal(problems(&m), "");
    assert_shown(&m, "it is from-a-file.", "it is [redacted].");
    mem_free(&m);
}

static void without_memory_there_is_no_set(void **state)
{
    static const char text[] = HEAD "redact: { paths: [ a.b ], headers: [ x ], secrets: [ Y ] }\n"
                                    "connections:\n  a:\n    http: { base_url: 'http://h', username: u, password: '${SECRET}' }\n";
    int status = BELAY_NOMEM;
    (void)state;
    for (uint64_t n = 0; n < 4000 && status != BELAY_OK; n++) {
        struct mem_config m;
        belay_alloc_fail_after(n);
        mem_load_text(&m, text);
        belay_alloc_fail_after(UINT64_MAX);
        status = m.status;
        assert_true(status == BELAY_OK ? m.d && m.d->redact : !m.d);
        mem_free(&m);
    }
    assert_ok(status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_word_credentials_headers_are_redacted),
        cmocka_unit_test(paths_and_headers_are_those_of_all_files),
        cmocka_unit_test(a_list_alone_is_of_paths),
        cmocka_unit_test(what_is_no_path_and_no_header_is_told_where_it_stands),
        cmocka_unit_test(secrets_are_found_where_they_stand),
        cmocka_unit_test(what_comes_from_outside_is_one_where_its_name_or_its_place_says_so),
        cmocka_unit_test(a_secret_from_a_file_is_one),
        cmocka_unit_test(without_memory_there_is_no_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
