/* Small texts that outlive the process. */
#include "unit/engine/bench.h"

static const char yaml[] = "belay: 1\nname: notes\nqueues: { q: {} }\n";

static void put(struct bench *b, const char *name, const char *value)
{
    assert_ok(belay_engine_note(b->engine, belay_str_c(name), belay_str_c(value), &b->err));
    bench_pass_ms(b, 10);
}

/* "a=1 b=2 " of those under prefix. */
static const char *all(struct bench *b, const char *prefix)
{
    static char text[256];
    char last[BELAY_NOTE_NAME_BYTES_MAX];
    struct belay_str name, value, after = BELAY_STR_NONE;
    size_t n = 0;
    text[0] = '\0';
    while (belay_engine_note_next(b->engine, belay_str_c(prefix), after, &name, &value)) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%.*s=%.*s ", BELAY_STR_ARG(name), BELAY_STR_ARG(value));
        memcpy(last, name.p, name.n);
        after = belay_str(last, name.n);
    }
    return text;
}

static void a_note_is_known_again_after_a_crash(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, yaml);
    put(&b, "silence/2", "two");
    put(&b, "silence/1", "one");
    put(&b, "other/1", "x");
    assert_string_equal(all(&b, "silence/"), "silence/1=one silence/2=two ");
    bench_crash(&b);
    assert_string_equal(all(&b, "silence/"), "silence/1=one silence/2=two ");
    put(&b, "silence/1", "");
    put(&b, "silence/2", "again");
    bench_crash(&b);
    assert_string_equal(all(&b, "silence/"), "silence/2=again ");
    assert_string_equal(all(&b, ""), "other/1=x silence/2=again ");
    assert_ok(belay_engine_check(b.engine, &b.err));
    bench_deinit(&b);
}

static void a_note_that_is_too_long_or_finds_no_memory_changes_nothing(void **state)
{
    struct bench b;
    (void)state;
    static char large[BELAY_NOTE_BYTES_MAX + 1];
    memset(large, 'x', sizeof large);
    bench_init(&b, yaml);
    put(&b, "n", "before");
    assert_int_equal(belay_engine_note(b.engine, BELAY_STR("n"), belay_str(large, sizeof large), &b.err), BELAY_LIMIT);
    for (uint64_t n = 0; n < 3; n++) {
        belay_alloc_fail_after(n);
        int status = belay_engine_note(b.engine, BELAY_STR("n"), belay_str(large, BELAY_NOTE_BYTES_MAX), &b.err);
        belay_alloc_fail_after(UINT64_MAX);
        assert_true(status == BELAY_OK || status == BELAY_NOMEM);
        if (status == BELAY_OK)
            break;
        assert_string_equal(all(&b, ""), "n=before ");
    }
    bench_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_note_is_known_again_after_a_crash),
        cmocka_unit_test(a_note_that_is_too_long_or_finds_no_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
