#include "model/fault.h"

#include "base/limits.h"
#include "unit/test.h"

static struct belay_fault fault_of(const char *type, enum belay_class class_, uint32_t status,
                                   const char *description)
{
    struct belay_fault f;
    belay_fault_init(&f, type, class_, "%s", description);
    f.status = status;
    return f;
}

static bool matches(const struct belay_fault *f, const char *pattern)
{
    return belay_fault_matches(f, belay_str_c(pattern));
}

static void a_pattern_names_type_status_namespace_or_class(void **state)
{
    (void)state;
    struct belay_fault f = fault_of("HTTP:SERVER_ERROR", BELAY_CLASS_TRANSIENT, 503, "no");
    const char *yes[]
        = { "HTTP:SERVER_ERROR", "HTTP:503", "HTTP:*", "HTTP", "*", "class:transient" };
    const char *no[] = { "HTTP:TIMEOUT", "HTTP:500", "HTTPS", "HTT",   "KAFKA:*", "class:permanent",
                         "HTTP:5",       "HTTP:",    "",      "class", ":503",    "http" };
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        assert_true(matches(&f, yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        assert_false(matches(&f, no[i]));
}

static void a_fault_without_status_matches_no_number(void **state)
{
    (void)state;
    struct belay_fault f = fault_of("VALIDATION:SCHEMA", BELAY_CLASS_PERMANENT, 0, "no");
    assert_true(matches(&f, "VALIDATION"));
    assert_false(matches(&f, "VALIDATION:0"));
    f.class_ = BELAY_CLASS_UNKNOWN_OUTCOME;
    assert_true(matches(&f, "class:unknown_outcome"));
}

static void a_code_of_an_expression_is_an_error_of_one(void **state)
{
    (void)state;
    struct belay_fault f = fault_of("EXPRESSION:D3030", BELAY_CLASS_PERMANENT, 0, "no");
    const char *yes[] = { "EXPRESSION:D3030", "EXPRESSION:ERROR", "EXPRESSION", "EXPRESSION:*" };
    const char *no[] = { "EXPRESSION:D3031", "EXPRESSION:UNDEFINED", "EXPRESSION:LIMIT", "EXPRESSION:3030" };
    const char *others[] = { "EXPRESSION:LIMIT", "EXPRESSION:UNDEFINED", "EXPRESSION:D30300", "HTTP:D3030" };
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        assert_true(matches(&f, yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        assert_false(matches(&f, no[i]));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        f = fault_of(others[i], BELAY_CLASS_PERMANENT, 0, "no");
        assert_false(matches(&f, "EXPRESSION:ERROR"));
    }
}

static uint64_t print_of(const char *description)
{
    struct belay_fault f = fault_of("HTTP:CLIENT_ERROR", BELAY_CLASS_PERMANENT, 422, description);
    return belay_fault_fingerprint(&f, BELAY_STR("flow"));
}

static void a_fingerprint_overlooks_what_varies(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        { "order 17 is unknown", "order 4711 is unknown" },
        { "order o-17 is unknown", "order o-abc9 is unknown" },
        { "no 0af76519-16cd-43dd-8448-eb211c80319c", "no b7ad6b71-6920-3331-01aa-0af7651916cd" },
        { "at 2026-07-01T12:00:00.123Z late", "at 2027-01-31T00:00:01Z late" },
        { "127.0.0.1:7102 refused", "10.0.0.23:80 refused" },
        { "weight 1.5 kg", "weight 22.75 kg" },
        { "customer 'Ann Lee' is blocked", "customer 'Bob' is blocked" },
        { "no \"red\", try later", "no \"dark blue\", try later" },
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        assert_true(print_of(same[i][0]) == print_of(same[i][1]));
    assert_true(print_of("it isn't there, can't be") != print_of("it isn't here, can't be")); /* no quotes */
    assert_true(print_of("card declined") != print_of("card expired"));
    assert_true(print_of("field total is missing") != print_of("field lines is missing"));
}

static void a_message_without_what_varies_reads_well(void **state)
{
    (void)state;
    char text[sizeof(struct belay_fault){ 0 }.description];
    struct belay_fault f = fault_of("A:B", BELAY_CLASS_PERMANENT, 0, "order o-17 of 'Ann Lee' isn't at 10.0.0.1:80, \"\" ''x'");
    belay_fault_message(&f, text);
    assert_string_equal(text, "order # of '#' isn't at #, \"\" '#'");
    f = fault_of("A:B", BELAY_CLASS_PERMANENT, 0, "'");
    belay_fault_message(&f, text);
    assert_string_equal(text, "'");
}

static void a_fingerprint_tells_type_and_step_apart(void **state)
{
    (void)state;
    struct belay_fault a = fault_of("HTTP:TIMEOUT", BELAY_CLASS_TRANSIENT, 0, "late"), b = a;
    assert_true(belay_fault_fingerprint(&a, BELAY_STR("flow")) == belay_fault_fingerprint(&b, BELAY_STR("flow")));
    assert_true(belay_fault_fingerprint(&a, BELAY_STR("flow")) != belay_fault_fingerprint(&a, BELAY_STR("other")));
    b.class_ = BELAY_CLASS_UNKNOWN_OUTCOME;
    assert_true(belay_fault_fingerprint(&a, BELAY_STR("flow")) != belay_fault_fingerprint(&b, BELAY_STR("flow")));
    b = a;
    belay_fault_set_step(&b, BELAY_STR("charge"));
    assert_true(belay_fault_fingerprint(&a, BELAY_STR("flow")) != belay_fault_fingerprint(&b, BELAY_STR("flow")));
    b = fault_of("HTTP:CONNECTIVITY", BELAY_CLASS_TRANSIENT, 0, "late");
    assert_true(belay_fault_fingerprint(&a, BELAY_STR("flow")) != belay_fault_fingerprint(&b, BELAY_STR("flow")));
}

/* It groups letters on disk. */
static void fingerprints_do_not_change_with_a_release(void **state)
{
    (void)state;
    assert_int_equal(print_of("order 17 is unknown"), UINT64_C(0x30679c958e31d962));
}

static void long_texts_are_cut_at_a_code_point(void **state)
{
    (void)state;
    char text[600];
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4); /* the euro sign */
        struct belay_fault f = fault_of("A:B", BELAY_CLASS_FATAL, 0, text);
        size_t n = strlen(f.description);
        assert_in_range(n, sizeof f.description - 3, sizeof f.description - 1);
        assert_int_equal((n - shift) % 3, 0);
        belay_fault_set_step(&f, belay_str_c(text));
        assert_int_equal((strlen(f.step) - shift) % 3, 0);
        belay_fault_set_endpoint(&f, belay_str_c(text));
        assert_int_equal((strlen(f.endpoint) - shift) % 3, 0);
        belay_fault_set_excerpt(&f, belay_str(text, 599));
        assert_int_equal(f.excerpt_n, 599);
    }
}

static struct belay_fault whole(void)
{
    struct belay_fault f
        = fault_of("HTTP:SERVER_ERROR", BELAY_CLASS_UNKNOWN_OUTCOME, 502, "gateway");
    f.retry_after_ms = UINT32_MAX;
    f.duration_us = UINT64_MAX;
    f.at = -5;
    belay_fault_set_step(&f, BELAY_STR("charge"));
    belay_fault_set_endpoint(&f, BELAY_STR("POST http://127.0.0.1:7101/charges"));
    belay_fault_set_excerpt(&f, BELAY_STR("<html>\0</html>"));
    return f;
}

static void what_is_packed_is_unpacked(void **state)
{
    (void)state;
    struct belay_buf b;
    struct belay_fault f = whole(), back;
    belay_buf_init(&b, 4096);
    belay_fault_pack(&b, &f);
    assert_ok(belay_buf_status(&b));
    struct belay_unpack u = belay_unpack_init(belay_buf_view(&b));
    memset(&back, 0xee, sizeof back);
    belay_fault_unpack(&u, &back);
    assert_true(belay_unpack_done(&u));
    assert_memory_equal(&f.type, &back.type, sizeof f.type);
    assert_string_equal(f.step, back.step);
    assert_string_equal(f.endpoint, back.endpoint);
    assert_string_equal(f.description, back.description);
    assert_int_equal(f.excerpt_n, back.excerpt_n);
    assert_memory_equal(f.excerpt, back.excerpt, f.excerpt_n);
    assert_int_equal(f.class_, back.class_);
    assert_true(f.status == back.status && f.retry_after_ms == back.retry_after_ms);
    assert_true(f.duration_us == back.duration_us && f.at == back.at);
    belay_buf_deinit(&b);
}

static void damaged_bytes_fail_and_leave_zero(void **state)
{
    (void)state;
    struct belay_buf b;
    struct belay_fault f = whole(), back, zero = { 0 };
    belay_buf_init(&b, 4096);
    belay_fault_pack(&b, &f);
    for (size_t n = 0; n < b.n; n++) {
        struct belay_unpack u = belay_unpack_init(belay_str(b.p, n));
        belay_fault_unpack(&u, &back);
        assert_false(belay_unpack_ok(&u));
        assert_memory_equal(&back, &zero, sizeof zero);
    }
    for (size_t at = 0; at < 2; at++) {
        b.p[at] ^= 0x40; /* version, class */
        struct belay_unpack u = belay_unpack_init(belay_buf_view(&b));
        belay_fault_unpack(&u, &back);
        assert_false(belay_unpack_ok(&u));
        b.p[at] ^= 0x40;
    }
    belay_buf_deinit(&b);
}

static void a_text_longer_than_its_field_is_refused(void **state)
{
    (void)state;
    struct belay_buf b;
    struct belay_fault back;
    char type[64];
    memset(type, 'T', sizeof type);
    belay_buf_init(&b, 4096);
    belay_buf_put_str(&b, BELAY_STR("\x01\x00\x00\x00\x00\x00"));
    belay_pack_str(&b, belay_str(type, sizeof type));
    for (int i = 0; i < 4; i++)
        belay_pack_str(&b, BELAY_STR(""));
    struct belay_unpack u = belay_unpack_init(belay_buf_view(&b));
    belay_fault_unpack(&u, &back);
    assert_false(belay_unpack_ok(&u));
    belay_buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_names_type_status_namespace_or_class),
        cmocka_unit_test(a_fault_without_status_matches_no_number),
        cmocka_unit_test(a_code_of_an_expression_is_an_error_of_one),
        cmocka_unit_test(a_fingerprint_overlooks_what_varies),
        cmocka_unit_test(a_message_without_what_varies_reads_well),
        cmocka_unit_test(a_fingerprint_tells_type_and_step_apart),
        cmocka_unit_test(fingerprints_do_not_change_with_a_release),
        cmocka_unit_test(long_texts_are_cut_at_a_code_point),
        cmocka_unit_test(what_is_packed_is_unpacked),
        cmocka_unit_test(damaged_bytes_fail_and_leave_zero),
        cmocka_unit_test(a_text_longer_than_its_field_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
