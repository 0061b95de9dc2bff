#include "obs/metric.h"
#include "base/alloc.h"
#include "unit/test.h"

#include <stdio.h>
#include <string.h>

static struct belay_family *define(struct belay_metrics *m, struct belay_metric_def def)
{
    struct belay_family *f = NULL;
    assert_ok(belay_metrics_define(m, &def, &f, NULL));
    return f;
}

static struct belay_metrics *metrics_new(void)
{
    struct belay_metrics *m = NULL;
    assert_ok(belay_metrics_new(&m, NULL));
    return m;
}

static void assert_text(const struct belay_metrics *m, const char *expected)
{
    struct belay_buf b;
    belay_buf_init(&b, 1 << 20);
    belay_metrics_write(m, &b);
    belay_buf_put_c(&b, '\0');
    assert_ok(belay_buf_status(&b));
    assert_string_equal(b.p, expected);
    belay_buf_deinit(&b);
}

static void counters_and_gauges_as_text(void **state)
{
    (void)state;
    struct belay_metrics *m = metrics_new();
    struct belay_family *accepted = define(m, (struct belay_metric_def){
        "belay_accepted_total", "Messages accepted.", BELAY_METRIC_COUNTER, 0, { "flow", "class" }, 0 });
    struct belay_family *depth = define(m, (struct belay_metric_def){
        "belay_depth", "Now.", BELAY_METRIC_GAUGE, 0, { NULL }, 0 });
    define(m, (struct belay_metric_def){
        "belay_lag_seconds", "Oldest.", BELAY_METRIC_GAUGE, BELAY_UNIT_MICROSECONDS, { NULL }, 0 });
    struct belay_str a[] = { BELAY_STR("orders"), BELAY_STR("ok") };
    struct belay_str b[] = { BELAY_STR("returns"), BELAY_STR("") };
    belay_counter_add(belay_counter_of(accepted, a), 2);
    belay_counter_add_owned(belay_counter_of(accepted, b), UINT64_C(1) << 60);
    belay_counter_add(belay_counter_of(accepted, a), 1);
    belay_gauge_set(belay_gauge_of(depth, NULL), -4);
    belay_gauge_add(belay_gauge_of(depth, NULL), 1);
    assert_text(m, "# HELP belay_accepted_total Messages accepted.\n"
                   "# TYPE belay_accepted_total counter\n"
                   "belay_accepted_total{flow=\"orders\",class=\"ok\"} 3\n"
                   "belay_accepted_total{flow=\"returns\",class=\"\"} 1152921504606846976\n"
                   "# HELP belay_depth Now.\n"
                   "# TYPE belay_depth gauge\n"
                   "belay_depth -3\n"
                   "# HELP belay_lag_seconds Oldest.\n"
                   "# TYPE belay_lag_seconds gauge\n"
                   "belay_lag_seconds 0\n");
    belay_metrics_free(m);
}

static void what_users_named_is_escaped(void **state)
{
    (void)state;
    struct belay_metrics *m = metrics_new();
    struct belay_family *f = define(m, (struct belay_metric_def){
        "x", "a\\b\n\"c\"", BELAY_METRIC_COUNTER, 0, { "l" }, 0 });
    belay_counter_add(belay_counter_of(f, &BELAY_STR("q\"s\\n\nu\xc3\xbc")), 1);
    assert_text(m, "# HELP x a\\\\b\\n\"c\"\n# TYPE x counter\nx{l=\"q\\\"s\\\\n\\nu\xc3\xbc\"} 1\n");
    belay_metrics_free(m);
}

static void beyond_the_bound_everything_is_other(void **state)
{
    (void)state;
    struct belay_metrics *m = metrics_new();
    struct belay_family *f = define(m, (struct belay_metric_def){
        "x", "h", BELAY_METRIC_COUNTER, 0, { "l" }, 2 });
    for (int i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        belay_counter_add(belay_counter_of(f, &(struct belay_str){ name, strlen(name) }), 1);
    }
    assert_text(m, "# HELP x h\n# TYPE x counter\nx{l=\"n0\"} 1\nx{l=\"n1\"} 1\nx{l=\"other\"} 8\n");
    belay_metrics_free(m);
}

static void long_label_values_are_cut_and_still_found(void **state)
{
    (void)state;
    char text[BELAY_METRIC_LABEL_BYTES_MAX + 50];
    struct belay_metrics *m = metrics_new();
    struct belay_family *f = define(m, (struct belay_metric_def){
        "x", "h", BELAY_METRIC_COUNTER, 0, { "l" }, 0 });
    memset(text, 'x', sizeof text);
    struct belay_str value = belay_str(text, sizeof text);
    assert_ptr_equal(belay_counter_of(f, &value), belay_counter_of(f, &value));
    belay_metrics_free(m);
}

static void a_name_is_defined_once(void **state)
{
    (void)state;
    struct belay_metrics *m = metrics_new();
    struct belay_metric_def def = { "x", "h", BELAY_METRIC_COUNTER, 0, { NULL }, 0 };
    struct belay_family *f = NULL;
    static char names[BELAY_METRIC_FAMILIES_MAX + 1][16];
    (void)define(m, def);
    assert_int_equal(belay_metrics_define(m, &def, &f, NULL), BELAY_EXISTS);
    for (int i = 1; i < BELAY_METRIC_FAMILIES_MAX; i++) {
        snprintf(names[i], sizeof names[i], "x%d", i);
        def.name = names[i];
        (void)define(m, def);
    }
    def.name = "one_more";
    f = NULL;
    assert_int_equal(belay_metrics_define(m, &def, &f, NULL), BELAY_LIMIT);
    assert_null(f);
    belay_metrics_free(m);
}

static void bucket_bounds_are_inclusive_and_close(void **state)
{
    (void)state;
    for (uint64_t v = 1; v < UINT64_C(1) << 36; v = v * 9 / 8 + 1) {
        struct belay_histogram h = { 0 };
        belay_histogram_record(&h, v);
        uint64_t bound = belay_histogram_quantile(&h, 1);
        assert_true(bound >= v && bound - v <= v / 16);
    }
    struct belay_histogram h = { 0 };
    assert_int_equal(belay_histogram_quantile(&h, 0.99), 0);
    belay_histogram_record(&h, UINT64_MAX);
    assert_true(belay_histogram_quantile(&h, 0.5) == UINT64_C(1) << 36);
    belay_histogram_record(&h, 0);
    assert_int_equal(belay_histogram_quantile(&h, 0.5), 1);
    assert_int_equal(belay_histogram_count(&h), 2);
}

static void quantiles_of_a_thousand(void **state)
{
    (void)state;
    struct belay_histogram h = { 0 };
    for (uint64_t v = 1; v <= 1000; v++)
        belay_histogram_record(&h, v);
    assert_in_range(belay_histogram_quantile(&h, 0.5), 500, 532);
    assert_in_range(belay_histogram_quantile(&h, 0.99), 990, 1054);
    assert_int_equal(belay_histogram_quantile(&h, 0), 1);
    assert_int_equal(belay_histogram_count(&h), 1000);
}

static void a_histogram_as_text(void **state)
{
    (void)state;
    struct belay_metrics *m = metrics_new();
    struct belay_family *f = define(m, (struct belay_metric_def){
        "t_seconds", "h", BELAY_METRIC_HISTOGRAM, BELAY_UNIT_MICROSECONDS, { "l" }, 0 });
    struct belay_histogram *h = belay_histogram_of(f, &BELAY_STR("a"));
    belay_histogram_record(h, 64);
    belay_histogram_record(h, 65);
    belay_histogram_record(h, 128);
    belay_histogram_record(h, UINT64_C(1) << 35);
    struct belay_buf b;
    belay_buf_init(&b, 1 << 20);
    belay_metrics_write(m, &b);
    belay_buf_put_c(&b, '\0');
    assert_non_null(strstr(b.p, "# TYPE t_seconds histogram\n"
                                "t_seconds_bucket{l=\"a\",le=\"6.4e-05\"} 1\n"
                                "t_seconds_bucket{l=\"a\",le=\"0.000128\"} 3\n"));
    assert_non_null(strstr(b.p, "t_seconds_bucket{l=\"a\",le=\"67.108864\"} 3\n"
                                "t_seconds_bucket{l=\"a\",le=\"+Inf\"} 4\n"
                                "t_seconds_sum{l=\"a\"} 34359.7386"));
    assert_non_null(strstr(b.p, "t_seconds_count{l=\"a\"} 4\n"));
    belay_buf_deinit(&b);
    belay_metrics_free(m);
}

static void without_memory_it_counts_as_other(void **state)
{
    (void)state;
    struct belay_metrics *m = NULL;
    struct belay_metric_def def = { "x", "h", BELAY_METRIC_COUNTER, 0, { "l" }, 0 };
    struct belay_family *f = NULL;
    belay_alloc_fail_after(0);
    assert_int_equal(belay_metrics_new(&m, NULL), BELAY_NOMEM);
    belay_alloc_fail_after(UINT64_MAX);
    m = metrics_new();
    for (uint64_t n = 0; n < 2; n++) {
        belay_alloc_fail_after(n);
        assert_int_equal(belay_metrics_define(m, &def, &f, NULL), BELAY_NOMEM);
        belay_alloc_fail_after(UINT64_MAX);
    }
    f = define(m, def);
    for (uint64_t n = 0; n < 2; n++) {
        belay_alloc_fail_after(n);
        belay_counter_add(belay_counter_of(f, &BELAY_STR("a")), 1);
        belay_alloc_fail_after(UINT64_MAX);
    }
    assert_text(m, "# HELP x h\n# TYPE x counter\nx{l=\"other\"} 2\n");
    belay_metrics_free(m);
    belay_metrics_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_and_gauges_as_text),
        cmocka_unit_test(what_users_named_is_escaped),
        cmocka_unit_test(beyond_the_bound_everything_is_other),
        cmocka_unit_test(long_label_values_are_cut_and_still_found),
        cmocka_unit_test(a_name_is_defined_once),
        cmocka_unit_test(bucket_bounds_are_inclusive_and_close),
        cmocka_unit_test(quantiles_of_a_thousand),
        cmocka_unit_test(a_histogram_as_text),
        cmocka_unit_test(without_memory_it_counts_as_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
