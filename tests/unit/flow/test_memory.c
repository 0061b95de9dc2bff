/* Whatever allocation fails: no crash, no leak (the asan build sees one), and the message is not
 * lost. */
#include "base/alloc.h"
#include "flow/run.h"
#include "unit/flow/fixture.h"

static void busy_flow(struct fixture *f)
{
    add_map(f, "m", "{% { 'id': order_id, 'n': $map(items, function($i) { $i * total }) } %}");
    add_publish(f, "p", "t{% id %}", "{% $message.id %}", NULL);
    add_call(f, "a", "POST", "/a/{% id %}", "{% { 'h': $headers.x, 'p': $params.q } %}");
    struct belay_step_def *step = add(f, BELAY_STEP_SET, "s");
    step->u.set.vars = NAMED(f, &step->u.set.count, "v", "{% $a.body %}");
    step = add(f, BELAY_STEP_LOG, "l");
    step->u.log.message = T(f, "{% $vars.v %}");
    add_call(f, "b", "POST", "/b", NULL);
    step = add(f, BELAY_STEP_REPLY, "r");
    step->u.reply.headers = NAMED(f, &step->u.reply.header_count, "x", "{% id %}");
    on_error(f, "HTTP");
    step = add_apart(f, BELAY_STEP_PUBLISH, "ep");
    set_publish(f, step, "errors", NULL, "{% $error %}");
    step->as = BELAY_STR("sent");
    add(f, BELAY_STEP_DEAD_LETTER, "dl");
}

static bool is_memory(const struct belay_fault *f)
{
    return strcmp(f->type, "FLOW:MEMORY") == 0 || strcmp(f->type, "EXPRESSION:LIMIT") == 0;
}

/* Until DONE, or the first other verdict; each run from a pool of its own, so that it starts with
 * nothing. */
static void once(struct fixture *f, uint64_t fail_after, const struct belay_call_outcome *outcomes,
                 bool *ret_failed)
{
    struct belay_buf progress;
    struct belay_flow_run *run;
    struct belay_err err;
    struct belay_flow_input in
        = { .def = &f->def, .message = &f->message, .attempt = 1, .seed = 1 };
    belay_buf_init(&progress, BELAY_PROGRESS_BYTES_MAX);
    *ret_failed = false;
    for (uint32_t at = 0; at < 2; at++) { /* in two pieces, so that decoding has its turn */
        in.progress = belay_buf_view(&progress);
        in.attempt = at + 1;
        belay_alloc_fail_after(fail_after);
        int status = belay_flow_begin(&in, &run, &err);
        enum belay_flow_verdict verdict
            = status ? BELAY_FLOW_RETRY : belay_flow_step(run, f->now, NULL);
        if (!status && verdict == BELAY_FLOW_CALL)
            verdict = belay_flow_step(run, f->now, &outcomes[at]);
        belay_alloc_fail_after(UINT64_MAX);
        if (status) {
            assert_int_equal(status, BELAY_NOMEM);
            *ret_failed = true;
            break;
        }
        const struct belay_fault *fault = belay_flow_fault(run);
        if (verdict != BELAY_FLOW_CALL && fault && is_memory(fault))
            *ret_failed = true;
        belay_buf_clear(&progress);
        belay_buf_put_str(&progress, belay_flow_progress(run));
        belay_flow_free(run);
        if (*ret_failed || verdict != BELAY_FLOW_CALL)
            break;
    }
    belay_buf_deinit(&progress);
}

static void every_allocation_may_fail(void **state)
{
    struct fixture *f = *state;
    busy_flow(f);
    const struct belay_call_outcome well[] = { ok("{\"x\":[1,2,3]}"), ok("") };
    const struct belay_call_outcome badly[] = { ok("{\"x\":[1,2,3]}"), refused() };
    for (int which = 0; which < 2; which++) {
        bool failed = true;
        uint64_t n = 0;
        for (; failed; n++) {
            once(f, n, which ? badly : well, &failed);
            assert_true(n < 1000);
        }
        assert_true(n > 2);
    }
}

static void a_run_that_fills_its_memory_is_a_letter(void **state)
{
    struct fixture *f = *state;
    add_map(f, "m", "{% [1..4000000].{ 'i': $ } %}");
    struct drive d;
    drive_init(&d, f, NULL, 0);
    drive(f, &d);
    assert_int_equal(d.fault.class_, BELAY_CLASS_PERMANENT);
    assert_string_equal(d.fault.type, "EXPRESSION:LIMIT");
    drive_deinit(&d);
    belay_buf_clear(&f->trace);
}

static void ended_runs_lend_their_memory(void **state)
{
    struct fixture *f = *state;
    add_map(f, "m", "{% { 'id': order_id } %}");
    add_publish(f, "p", "t", "{% id %}", NULL);
    for (int i = 0; i < 3; i++) {
        belay_alloc_fail_after(i ? 0 : UINT64_MAX); /* the first takes what the others need */
        struct belay_flow_run *run;
        const struct belay_flow_input in
            = { .def = &f->def, .message = &f->message, .attempt = 1, .pool = f->pool };
        assert_ok(belay_flow_begin(&in, &run, NULL));
        assert_int_equal(belay_flow_step(run, f->now, NULL), BELAY_FLOW_DONE);
        belay_flow_free(run);
    }
    belay_alloc_fail_after(UINT64_MAX);
}

static void the_pool_keeps_no_more_than_it_may(void **state)
{
    struct fixture *f = *state;
    struct belay_flow_run *runs[BELAY_RUNS_KEPT_MAX + 8];
    const struct belay_flow_input in
        = { .def = &f->def, .message = &f->message, .attempt = 1, .pool = f->pool };
    for (size_t i = 0; i < BELAY_RUNS_KEPT_MAX + 8; i++)
        assert_ok(belay_flow_begin(&in, &runs[i], NULL));
    for (size_t i = 0; i < BELAY_RUNS_KEPT_MAX + 8; i++)
        belay_flow_free(runs[i]);
    belay_alloc_fail_after(0);
    for (size_t i = 0; i < BELAY_RUNS_KEPT_MAX;
         i++) { /* set_source takes an arena chunk: kept as well */
        int status = belay_flow_begin(&in, &runs[i], NULL);
        if (status)
            fail_msg("run %zu was not kept", i);
    }
    struct belay_flow_run *more;
    int status = belay_flow_begin(&in, &more, NULL);
    belay_alloc_fail_after(UINT64_MAX);
    assert_int_equal(status, BELAY_NOMEM);
    for (size_t i = 0; i < BELAY_RUNS_KEPT_MAX; i++)
        belay_flow_free(runs[i]);
    belay_flow_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_allocation_may_fail),
        TEST(a_run_that_fills_its_memory_is_a_letter),
        TEST(ended_runs_lend_their_memory),
        TEST(the_pool_keeps_no_more_than_it_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
