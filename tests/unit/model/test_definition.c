#include "model/definition.h"

#include "unit/aborts.h"
#include "unit/test.h"

static struct belay_connection_def connections[]
    = { { .name = BELAY_STR_INIT("payments") }, { .name = BELAY_STR_INIT("warehouse") } };
static struct belay_topic_def topics[] = { { .name = BELAY_STR_INIT("orders") },
                                           { .name = BELAY_STR_INIT("updates"), .queue = true } };
static struct belay_flow_def flows[] = {
    { .name = BELAY_STR_INIT("placeOrder"),
      .from = { .kind = BELAY_SOURCE_TOPIC,
                .name = BELAY_STR_INIT("shop"),
                .operation = BELAY_STR_INIT("placeOrder") } },
    { .name = BELAY_STR_INIT("accept"),
      .from = { .kind = BELAY_SOURCE_API,
                .name = BELAY_STR_INIT("shop"),
                .operation = BELAY_STR_INIT("placeOrder") } },
};
static struct belay_saga_def sagas[] = { { .name = BELAY_STR_INIT("fulfil") } };
static int freed;

static void count_free(struct belay_definitions *d)
{
    (void)d;
    freed++;
}

static struct belay_definitions set(void)
{
    freed = 0;
    return (struct belay_definitions){
        .connections = connections,
        .connection_count = 2,
        .topics = topics,
        .topic_count = 2,
        .flows = flows,
        .flow_count = 2,
        .sagas = sagas,
        .saga_count = 1,
        .refs = 1,
        .free = count_free,
    };
}

static void definitions_are_found_by_name(void **state)
{
    (void)state;
    struct belay_definitions d = set();
    assert_ptr_equal(belay_definitions_connection(&d, BELAY_STR("warehouse")), &connections[1]);
    assert_ptr_equal(belay_definitions_topic(&d, BELAY_STR("updates")), &topics[1]);
    assert_ptr_equal(belay_definitions_flow(&d, BELAY_STR("accept")), &flows[1]);
    assert_null(belay_definitions_connection(&d, BELAY_STR("ware")));
    assert_null(belay_definitions_topic(&d, BELAY_STR("")));
    assert_null(belay_definitions_flow(&d, BELAY_STR("fulfil")));
}

static void an_operation_is_answered_by_a_flow_of_its_api(void **state)
{
    (void)state;
    struct belay_definitions d = set();
    assert_ptr_equal(belay_definitions_operation(&d, BELAY_STR("shop"), BELAY_STR("placeOrder")),
                     &flows[1]);
    assert_null(belay_definitions_operation(&d, BELAY_STR("shop"), BELAY_STR("getOrder")));
    assert_null(belay_definitions_operation(&d, BELAY_STR("office"), BELAY_STR("placeOrder")));
}

static void the_last_reference_frees(void **state)
{
    (void)state;
    struct belay_definitions d = set();
    assert_ptr_equal(belay_definitions_ref(&d), &d);
    belay_definitions_unref(&d);
    assert_int_equal(freed, 0);
    belay_definitions_unref(&d);
    assert_int_equal(freed, 1);
    belay_definitions_unref(NULL);
}

static void ref_a_dead_set(void *d)
{
    belay_definitions_ref(d);
}

static void a_dead_set_is_not_taken_up_again(void **state)
{
    (void)state;
    struct belay_definitions d = set();
    belay_definitions_unref(&d);
    assert_true(aborts(ref_a_dead_set, &d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definitions_are_found_by_name),
        cmocka_unit_test(an_operation_is_answered_by_a_flow_of_its_api),
        cmocka_unit_test(the_last_reference_frees),
        cmocka_unit_test(a_dead_set_is_not_taken_up_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
