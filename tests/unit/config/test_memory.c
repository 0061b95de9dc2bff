/* Without memory a load says so and leaves nothing behind, at whichever allocation it ends. */
#include "config/config.h"

#include "base/alloc.h"
#include "unit/config/files.h"
#include "unit/config/order.h"

static void a_load_survives_each_failing_allocation(void **state)
{
    struct mem_config m;
    uint64_t failing = 0;
    (void)state;
    do {
        belay_alloc_fail_after(failing++);
        mem_load(&m, order_files);
        belay_alloc_fail_after(UINT64_MAX);
        if (m.status) {
            assert_int_equal(m.status, BELAY_NOMEM);
            assert_null(m.d);
        }
        mem_free(&m);
    } while (m.status);
    assert_true(failing > 50);
}

static void mistakes_survive_each_failing_allocation(void **state)
{
    struct mem_config m;
    uint64_t failing = 0;
    (void)state;
    do {
        belay_alloc_fail_after(failing++);
        mem_load_text(&m, "belay: 1\nname: a\ntopcis: {}\nflows: { f: { from: { topic: t }, steps: "
                          "[ { map: '{% ) %}' } ] } }\n");
        belay_alloc_fail_after(UINT64_MAX);
        assert_int_not_equal(m.status, BELAY_OK);
        assert_null(m.d);
        mem_free(&m);
    } while (m.status == BELAY_NOMEM);
    assert_int_equal(m.status, BELAY_INVALID);
}

static void a_recompile_survives_each_failing_allocation(void **state)
{
    struct mem_config m;
    struct belay_definitions *one = NULL;
    uint64_t failing = 0;
    int status;
    (void)state;
    mem_load(&m, order_files);
    assert_ok(m.status);
    do {
        struct belay_problems problems;
        belay_problems_init(&problems);
        belay_alloc_fail_after(failing++);
        status = belay_config_recompile(&m.opt, m.d, m.d->sagas[0].text, &one, &problems, &m.err);
        belay_alloc_fail_after(UINT64_MAX);
        assert_true(status == BELAY_OK || status == BELAY_NOMEM);
        belay_problems_deinit(&problems);
    } while (status);
    belay_definitions_unref(one);
    mem_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_load_survives_each_failing_allocation),
        cmocka_unit_test(mistakes_survive_each_failing_allocation),
        cmocka_unit_test(a_recompile_survives_each_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
