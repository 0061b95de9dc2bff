/* A letter of unknown outcome, and what becomes of it when a person has said what happened. */
#include "unit/flow/fixture.h"

/* charge (POST, not to be repeated) -> publish its answer; CLIENT_ERROR and TIMEOUT are handled by a rule. */
static void make(struct fixture *f, bool resolve, bool rule)
{
    add_map(f, "m", "{% { 'amount': total } %}");
    struct belay_step_def *step = add_call(f, "charge", "POST", "/charges", "{% $ %}");
    if (resolve)
        add_resolve(f, step, "/charges/1");
    add_publish(f, "p", "paid", NULL, "{% $charge.body %}");
    if (rule) {
        on_error(f, "HTTP:TIMEOUT");
        set_publish(f, add_apart(f, BELAY_STEP_PUBLISH, "sorry"), "failed", NULL, "{% $error.description %}");
    }
}

/* The letter that comes of `outcomes`, settled and replayed with `after`. */
static void settle_twice(struct fixture *f, const struct belay_call_outcome *outcomes, uint32_t count,
                         enum belay_flow_settle how, const char *result, bool twice,
                         const struct belay_call_outcome *after, uint32_t after_count)
{
    struct belay_buf progress;
    struct belay_err err;
    struct drive d;
    drive_init(&d, f, outcomes, count);
    drive(f, &d);
    belay_buf_clear(&f->trace);
    belay_buf_init(&progress, BELAY_PROGRESS_BYTES_MAX);
    for (int i = 0; i <= twice; i++) {
        assert_ok(belay_flow_settle(belay_buf_view(&d.progress), how, &d.fault, belay_str_c(result), &progress, &err));
        belay_buf_clear(&d.progress);
        belay_buf_put_str(&d.progress, belay_buf_view(&progress));
    }
    d.outcomes = after;
    d.count = after_count;
    d.at = 0;
    d.attempt = 1;
    drive(f, &d);
    belay_buf_deinit(&progress);
    drive_deinit(&d);
}

#define SETTLE(resolve, rule, how, result, expected, after, ...)                                                  \
    do {                                                                                                          \
        struct fixture *f = malloc(sizeof *f);                                                                    \
        const struct belay_call_outcome before_[] = { __VA_ARGS__ };                                              \
        const struct belay_call_outcome after_[] = { after, ok("1"), ok("1") };                                   \
        for (int twice = 0; twice < 2; twice++) {                                                                 \
            fixture_init(f);                                                                                      \
            make(f, resolve, rule);                                                                               \
            settle_twice(f, before_, sizeof before_ / sizeof before_[0], how, result, twice, after_,              \
                         strstr(expected, "call") ? strstr(expected, "crash") ? 2 : 1 : 0);                       \
            assert_trace_of(f, expected);                                                                         \
            fixture_deinit(f);                                                                                    \
        }                                                                                                         \
        free(f);                                                                                                  \
    } while (0)

#define CHARGE "call POST /charges {\"amount\":12}\n"

static void done_goes_on_with_the_result_as_the_answer(void **state)
{
    (void)state;
    SETTLE(false, false, BELAY_FLOW_SETTLE_DONE, "{\"id\":7}", "publish paid key=k {\"id\":7}\ndone\n", ok("1"), unknown());
    SETTLE(true, false, BELAY_FLOW_SETTLE_DONE, "7", "publish paid key=k 7\ndone\n", ok("1"), unknown(), refused(), refused(),
           refused());
    /* without a result there is nothing to publish: an error like any other */
    SETTLE(false, false, BELAY_FLOW_SETTLE_DONE, "", "letter EXPRESSION:UNDEFINED\n", ok("1"), unknown());
}

static void not_done_takes_the_way_of_an_error(void **state)
{
    (void)state;
    SETTLE(false, true, BELAY_FLOW_SETTLE_NOT_DONE, "",
           "publish failed key=k \"a person said that it was not done: no\"\ndone\n", ok("1"), unknown());
    SETTLE(false, false, BELAY_FLOW_SETTLE_NOT_DONE, "", "letter HTTP:TIMEOUT\n", ok("1"), unknown());
    SETTLE(true, false, BELAY_FLOW_SETTLE_NOT_DONE, "", "letter HTTP:TIMEOUT\n", ok("1"), unknown(), refused(), refused(),
           refused());
}

static void retry_calls_again_and_asks_nobody(void **state)
{
    (void)state;
    SETTLE(false, true, BELAY_FLOW_SETTLE_RETRY, "", CHARGE "publish paid key=k \"yes\"\ndone\n", ok("\"yes\""), unknown());
    SETTLE(true, false, BELAY_FLOW_SETTLE_RETRY, "", CHARGE "publish paid key=k 1\ndone\n", ok("1"), unknown(), refused(),
           refused(), refused());
}

/* The word is used up by the call: what becomes of that one is unknown again. */
static void a_crash_in_the_call_that_was_told_is_unknown_again(void **state)
{
    struct fixture *f = *state;
    struct belay_buf progress;
    struct belay_err err;
    struct drive d;
    const struct belay_call_outcome before[] = { unknown() }, after[] = { crash() };
    make(f, false, false);
    drive_init(&d, f, before, 1);
    drive(f, &d);
    belay_buf_clear(&f->trace);
    belay_buf_init(&progress, BELAY_PROGRESS_BYTES_MAX);
    assert_ok(belay_flow_settle(belay_buf_view(&d.progress), BELAY_FLOW_SETTLE_RETRY, &d.fault, BELAY_STR(""), &progress, &err));
    belay_buf_clear(&d.progress);
    belay_buf_put_str(&d.progress, belay_buf_view(&progress));
    d.outcomes = after;
    d.at = 0;
    d.attempt = 1;
    drive(f, &d);
    assert_trace_of(f, CHARGE "crash\nletter FLOW:INTERRUPTED\n");
    belay_buf_deinit(&progress);
    drive_deinit(&d);
}

static void what_cannot_be_settled_is_refused(void **state)
{
    (void)state;
    struct belay_buf out, lost;
    struct belay_err err;
    struct belay_fault fault;
    belay_fault_init(&fault, "HTTP:TIMEOUT", BELAY_CLASS_UNKNOWN_OUTCOME, "late");
    belay_buf_init(&out, 64);
    belay_buf_init(&lost, 64);
    belay_buf_put(&lost, "\x01\x02", 2);
    assert_int_equal(belay_flow_settle(belay_buf_view(&lost), BELAY_FLOW_SETTLE_DONE, &fault, BELAY_STR("1"), &out, &err),
                     BELAY_CONFLICT);
    assert_int_equal(belay_flow_settle(BELAY_STR("\x09\x00"), BELAY_FLOW_SETTLE_DONE, &fault, BELAY_STR("1"), &out, &err),
                     BELAY_VERSION);
    assert_int_equal(belay_flow_settle(BELAY_STR("\x01\x04\x09"), BELAY_FLOW_SETTLE_DONE, &fault, BELAY_STR("1"), &out, &err),
                     BELAY_CORRUPT);
    static char large[100];
    memset(large, '1', sizeof large - 1);
    assert_int_equal(belay_flow_settle(BELAY_STR(""), BELAY_FLOW_SETTLE_DONE, &fault, belay_str_c(large), &out, &err),
                     BELAY_LIMIT);
    belay_buf_deinit(&out);
    belay_buf_deinit(&lost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(done_goes_on_with_the_result_as_the_answer),
        cmocka_unit_test(not_done_takes_the_way_of_an_error),
        cmocka_unit_test(retry_calls_again_and_asks_nobody),
        cmocka_unit_test_setup_teardown(a_crash_in_the_call_that_was_told_is_unknown_again, setup, teardown),
        cmocka_unit_test(what_cannot_be_settled_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
