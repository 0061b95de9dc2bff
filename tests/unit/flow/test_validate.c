#include "unit/flow/fixture.h"
#include "json/schema.h"

static const char order_schema[] = "{\"type\":\"object\",\"required\":[\"order_id\",\"total\"],"
                                   "\"properties\":{\"total\":{\"type\":\"number\",\"minimum\":1},"
                                   "\"items\":{\"type\":\"array\"}}}";

static struct belay_schema *add_validate(struct fixture *f, const char *text)
{
    struct belay_schema *schema;
    const belay_json *root;
    struct belay_err err;
    assert_ok(belay_json_parse(belay_str_c(text), NULL, &f->arena, &root, NULL, &err));
    if (belay_schema_compile(root, root, NULL, &schema, &err))
        fail_msg("%s", err.msg);
    add(f, BELAY_STEP_VALIDATE, "check")->u.validate.schema = schema;
    return schema;
}

static void a_valid_body_goes_on(void **state)
{
    struct fixture *f = *state;
    struct belay_schema *schema = add_validate(f, order_schema);
    add_publish(f, "p", "t", NULL, "{% total %}");
    RUN_QUIET(f, "publish t key=k 12\ndone\n");
    belay_schema_free(schema);
}

static void a_fault_names_the_place_and_counts_the_rest(void **state)
{
    struct fixture *f = *state;
    struct belay_schema *schema = add_validate(f, order_schema);
    struct drive d;
    f->message.body = BELAY_STR("{\"total\":0,\"items\":1}");
    drive_init(&d, f, NULL, 0);
    drive(f, &d);
    assert_trace_of(f, "letter VALIDATION:SCHEMA\n");
    assert_int_equal(d.fault.class_, BELAY_CLASS_PERMANENT);
    assert_string_equal(d.fault.step, "check");
    assert_non_null(strstr(d.fault.description, "(and 2 more)"));
    drive_deinit(&d);
    belay_schema_free(schema);
}

static void every_fault_can_be_read_by_a_rule(void **state)
{
    struct fixture *f = *state;
    struct belay_schema *schema = add_validate(f, order_schema);
    on_error(f, "VALIDATION");
    set_publish(f, add_apart(f, BELAY_STEP_PUBLISH, "e"), "bad", NULL, "{% $error.body.pointer %}");
    f->message.body = BELAY_STR("{\"order_id\":1,\"total\":0,\"items\":1}");
    RUN_QUIET(f, "publish bad key=k [\"/total\",\"/items\"]\ndone\n");
    belay_schema_free(schema);
}

static void what_map_made_is_validated_too(void **state)
{
    struct fixture *f = *state;
    add_map(f, "m", "{% { 'order_id': order_id, 'total': total - 12 } %}");
    struct belay_schema *schema = add_validate(f, order_schema);
    RUN_QUIET(f, "letter VALIDATION:SCHEMA\n");
    f->message.body = BELAY_STR("{\"order_id\":1,\"total\":20}");
    RUN_QUIET(f, "done\n");
    belay_schema_free(schema);
}

static void no_body_and_no_json_are_faults_too(void **state)
{
    struct fixture *f = *state;
    struct belay_schema *schema = add_validate(f, order_schema);
    f->message.body = BELAY_STR("");
    RUN_QUIET(f, "letter VALIDATION:SCHEMA\n");
    f->message.body = BELAY_STR("{\"total\":");
    RUN_QUIET(f, "letter VALIDATION:JSON\n");
    f->message.datacontenttype = BELAY_STR("text/plain");
    RUN_QUIET(f, "letter VALIDATION:SCHEMA\n");
    belay_schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_valid_body_goes_on),
        TEST(a_fault_names_the_place_and_counts_the_rest),
        TEST(every_fault_can_be_read_by_a_rule),
        TEST(what_map_made_is_validated_too),
        TEST(no_body_and_no_json_are_faults_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
