/* The veil before the log: no line with a secret, of the definitions in force, before or to come. */
#include "runtime/veil.h"

#include "base/alloc.h"
#include "config/config.h"
#include "unit/test.h"

static int read_text(void *arg, const char *path, struct belay_buf *out, struct belay_err *err)
{
    (void)path;
    (void)err;
    belay_buf_put_str(out, belay_str_c(arg));
    return belay_buf_status(out);
}

static struct belay_definitions *load(const char *password)
{
    char text[512];
    const char *path = "belay.yaml";
    struct belay_config_opt opt = { .paths = &path, .path_count = 1, .read = read_text, .read_arg = text };
    struct belay_problems problems;
    struct belay_definitions *d = NULL;
    struct belay_err err;
    snprintf(text, sizeof text, "belay: 1\nname: a\nconnections: { x: { http: { base_url: 'http://h', bearer: '%s' } } }\n", password);
    belay_problems_init(&problems);
    assert_ok(belay_config_load(&opt, &d, &problems, &err));
    belay_problems_deinit(&problems);
    return d;
}

static void assert_line(struct belay_veil *v, struct belay_buf *lines, const char *text, const char *wanted)
{
    struct belay_log_sink sink = belay_veil_sink(v);
    belay_buf_clear(lines);
    sink.write(sink.ctx, text, strlen(text));
    belay_buf_put_c(lines, '\0');
    assert_string_equal(lines->p, wanted);
}

static void no_line_holds_a_secret_before_or_after_a_reload(void **state)
{
    struct belay_veil v;
    struct belay_buf lines;
    struct belay_definitions *one = load("first-secret"), *two = load("second-secret"), *three = load("third-secret");
    const char *text = "{\"a\":\"first-secret, second-secret, third-secret\",\"n\":1}\n";
    (void)state;
    belay_buf_init(&lines, BELAY_MIB(1));
    belay_veil_init(&v, belay_log_sink_buf(&lines));
    assert_null(belay_veil_definitions(&v));
    assert_line(&v, &lines, text, text);
    belay_veil_set(&v, one);
    assert_line(&v, &lines, text, "{\"a\":\"[redacted], second-secret, third-secret\",\"n\":1}\n");
    belay_veil_coming(&v, two);
    assert_line(&v, &lines, text, "{\"a\":\"[redacted], [redacted], third-secret\",\"n\":1}\n");
    belay_veil_set(&v, two);
    assert_line(&v, &lines, text, "{\"a\":\"[redacted], [redacted], third-secret\",\"n\":1}\n");
    belay_veil_set(&v, two);
    belay_veil_set(&v, three);
    assert_line(&v, &lines, text, "{\"a\":\"first-secret, [redacted], [redacted]\",\"n\":1}\n");
    struct belay_definitions *d = belay_veil_definitions(&v);
    assert_ptr_equal(d, three);
    belay_definitions_unref(d);
    belay_veil_deinit(&v);
    belay_definitions_unref(one);
    belay_definitions_unref(two);
    belay_definitions_unref(three);
    belay_buf_deinit(&lines);
}

static void without_memory_a_line_is_lost_rather_than_told(void **state)
{
    struct belay_veil v;
    struct belay_buf lines;
    struct belay_definitions *d = load("first-secret");
    struct belay_log_sink sink;
    const char *text = "{\"a\":\"first-secret\"}\n";
    (void)state;
    belay_buf_init(&lines, BELAY_MIB(1));
    assert_non_null(belay_buf_reserve(&lines, BELAY_KIB(64)));
    belay_veil_init(&v, belay_log_sink_buf(&lines));
    belay_veil_set(&v, d);
    sink = belay_veil_sink(&v);
    for (uint64_t n = 0; n < 20; n++) {
        belay_alloc_fail_after(n);
        sink.write(sink.ctx, text, strlen(text));
        belay_alloc_fail_after(UINT64_MAX);
    }
    assert_null(memmem(lines.p, lines.n, "first", 5));
    assert_non_null(memmem(lines.p, lines.n, "{\"a\":\"[redacted]\"}\n", 19));
    belay_veil_deinit(&v);
    belay_definitions_unref(d);
    belay_buf_deinit(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_line_holds_a_secret_before_or_after_a_reload),
        cmocka_unit_test(without_memory_a_line_is_lost_rather_than_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
