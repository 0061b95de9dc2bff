/* A run is cut off at every call, by a crash or a retry, and comes to the same end. */
#include "flow/run.h"
#include "unit/flow/fixture.h"

/* map -> publish -> log -> a -> set, reply -> b -> choose -> c -> publish; all calls may be
 * repeated */
static void long_flow(struct fixture *f, struct belay_choice_def *choice)
{
    f->payments.honours_key = true;
    f->def.retry.max_attempts = 9;
    add_map(f, "m", "{% { 'id': order_id, 'total': total } %}");
    add_publish(f, "p", "before", "{% id %}", NULL);
    struct belay_step_def *step = add(f, BELAY_STEP_LOG, "l");
    step->u.log.level = 1;
    step->u.log.message = T(f, "order {% id %}");
    step->u.log.fields = NAMED(f, &step->u.log.field_count, "total", "{% total %}");
    add_call(f, "a", "POST", "/a", "{% { 'id': id } %}");
    step = add(f, BELAY_STEP_SET, "s");
    step->u.set.vars
        = NAMED(f, &step->u.set.count, "n", "{% $a.body.n %}", "none", "{% nothing %}");
    step = add(f, BELAY_STEP_REPLY, "r");
    step->u.reply.status = T(f, "201");
    step->u.reply.headers = NAMED(f, &step->u.reply.header_count, "location", "/o/{% id %}");
    add_call(f, "b", "POST", "/b", "{% { 'n': $vars.n } %}");
    add_map(f, "m2", "{% { 'id': id, 'total': total, 'b': $b.body } %}");
    step = add(f, BELAY_STEP_CHOOSE, "ch");
    step->u.choose.choices = choice;
    step->u.choose.count = 1;
    *choice = (struct belay_choice_def){ T(f, "{% b > 1 %}"), (uint16_t)f->def.step_count };
    add_call(f, "c", "POST", "/c", "{% { 'n': $vars.n, 'a': $a.status, 'b': b } %}");
    add_publish(f, "q", "after", "{% id %}", "{% $merge([$, { 'c': $c.body, 'n': $vars.n }]) %}");
}

static void effects_of(struct fixture *f, const struct belay_call_outcome *outcomes, uint32_t count,
                       char *ret, size_t size)
{
    struct drive d;
    drive_init(&d, f, outcomes, count);
    drive(f, &d);
    drive_deinit(&d);
    belay_buf_put_c(&f->trace, '\0');
    const char *end = strstr(f->trace.p, "publish ");
    assert_non_null(end);
    snprintf(ret, size, "%s", end);
    belay_buf_clear(&f->trace);
}

static void cut_off_anywhere_it_ends_the_same(void **state)
{
    struct fixture *f = *state;
    struct belay_choice_def choice;
    char whole[1024], cut[1024];
    const struct belay_call_outcome answers[]
        = { ok("{\"n\":[1,{\"x\":1.5}]}"), ok("2"), ok("\"done\"") };
    long_flow(f, &choice);
    effects_of(f, answers, 3, whole, sizeof whole);
    assert_string_equal(
        whole, "publish before key=o-1 {\"id\":\"o-1\",\"total\":12}\n"
               "publish after key=o-1 {\"id\":\"o-1\",\"total\":12,\"b\":2,\"c\":\"done\",\"n\":"
               "[1,{\"x\":1.5}]}\nlog 1 order o-1 total=12\n"
               "reply 201 {\"id\":\"o-1\",\"total\":12}\ndone\n");
    /* each way to cut at each of the three calls: none, crash, retry, retry then crash */
    for (int how = 0; how < 4 * 4 * 4; how++) {
        struct belay_call_outcome script[16];
        uint32_t count = 0;
        for (int call = 0, rest = how; call < 3; call++, rest /= 4) {
            if (rest % 4 >= 2)
                script[count++] = transient();
            if (rest % 4 % 2)
                script[count++] = crash();
            script[count++] = answers[call];
        }
        effects_of(f, script, count, cut, sizeof cut);
        assert_string_equal(cut, whole);
    }
}

/* What version 1 wrote before the third call, with publications, logs, variables, results and a reply
 * (docs/format/progress.md). Such bytes lie in journals: they stay readable, and so does what we write now by
 * whoever reads version 1. GOLDEN=1 writes the file anew. */
#define GOLDEN_V1 BELAY_SOURCE_DIR "/tests/unit/flow/golden/progress.v1"

static void what_version_1_wrote_is_read_and_written(void **state)
{
    struct fixture *f = *state;
    struct belay_choice_def choice;
    char whole[1024], resumed[1024], golden[1024];
    const struct belay_call_outcome answers[]
        = { ok("{\"n\":[1,{\"x\":1.5}]}"), ok("2"), ok("\"done\"") };
    struct drive d;
    long_flow(f, &choice);
    effects_of(f, answers, 3, whole, sizeof whole);
    const struct belay_call_outcome until_there[] = { answers[0], answers[1], crash() };
    drive_init(&d, f, until_there, 3);
    assert_true(attempt(f, &d));
    belay_buf_clear(&f->trace);
    if (getenv("GOLDEN")) { /* allow: getenv - a test's own */
        FILE *out = fopen(GOLDEN_V1, "wb");
        assert_true(out && fwrite(d.progress.p, 1, d.progress.n, out) == d.progress.n);
        fclose(out);
    }
    FILE *in = fopen(GOLDEN_V1, "rb");
    assert_non_null(in);
    size_t n = fread(golden, 1, sizeof golden, in);
    fclose(in);
    assert_int_equal(n, d.progress.n);
    assert_memory_equal(golden, d.progress.p, n);
    drive_deinit(&d);

    drive_init(&d, f, &answers[2], 1); /* another process goes on from the file */
    belay_buf_put(&d.progress, golden, n);
    d.attempt = 2;
    d.interrupted = true;
    assert_false(attempt(f, &d));
    drive_deinit(&d);
    belay_buf_put_c(&f->trace, '\0');
    const char *end = strstr(f->trace.p, "publish ");
    assert_non_null(end);
    snprintf(resumed, sizeof resumed, "%s", end);
    assert_string_equal(resumed, whole);
}

static void the_first_call_keeps_nothing(void **state)
{
    struct fixture *f = *state;
    add_map(f, "m", "{% { 'id': order_id } %}");
    add_call(f, "a", "POST", "/a", NULL);
    add_call(f, "b", "POST", "/b", NULL);
    struct drive d;
    struct belay_call_outcome outcome = ok("");
    drive_init(&d, f, NULL, 0);
    struct belay_flow_run *run = drive_begin(f, &d);
    assert_int_equal(belay_flow_step(run, f->now, NULL), BELAY_FLOW_CALL);
    assert_int_equal(belay_flow_progress(run).n, 0);
    assert_int_equal(belay_flow_step(run, f->now, &outcome), BELAY_FLOW_CALL);
    assert_true(belay_flow_progress(run).n > 0);
    belay_flow_free(run);
    drive_deinit(&d);
}

static void too_much_to_keep_is_a_letter_before_the_call(void **state)
{
    struct fixture *f = *state;
    add_call(f, "a", "POST", "/a", NULL);
    add_call(f, "b", "POST", "/b", NULL);
    on_error(f, "*");
    set_publish(f, add_apart(f, BELAY_STEP_PUBLISH, "e"), "errors", NULL, NULL);
    char *large = malloc(BELAY_PROGRESS_BYTES_MAX + 8);
    memset(large, '7', BELAY_PROGRESS_BYTES_MAX + 8);
    large[0] = large[BELAY_PROGRESS_BYTES_MAX + 6] = '"';
    large[BELAY_PROGRESS_BYTES_MAX + 7] = '\0';
    RUN(f,
        "call POST /a {\"order_id\":\"o-1\",\"total\":12,\"items\":[1,2]}\nletter "
        "FLOW:PROGRESS_TOO_LARGE\n",
        ok(large));
    free(large);
}

static void a_step_that_is_gone_is_a_letter(void **state)
{
    struct fixture *f = *state;
    add_call(f, "a", "GET", "/a", NULL);
    struct belay_step_def *b = add_call(f, "b", "GET", "/b", NULL);
    const struct belay_call_outcome outcomes[] = { ok("1"), refused(), ok("2") };
    struct drive d;
    drive_init(&d, f, outcomes, 3);
    assert_false(attempt(f, &d));
    assert_trace_of(f, "call GET /a\ncall GET /b\nletter HTTP:CLIENT_ERROR\n");
    b->name = BELAY_STR("renamed");
    for (int replays = 0; replays < 2; replays++) {
        assert_false(attempt(f, &d));
        assert_trace_of(f, "letter FLOW:STEP_GONE\n");
    }
    b->name = BELAY_STR("b"); /* back again, and so is what was achieved */
    assert_false(attempt(f, &d));
    assert_trace_of(f, "call GET /b\ndone\n");
    drive_deinit(&d);
}

static void steps_before_it_may_have_come_and_gone(void **state)
{
    struct fixture *f = *state;
    add_call(f, "a", "GET", "/a", NULL);
    add_call(f, "b", "GET", "/b", "{% $a.body %}");
    const struct belay_call_outcome outcomes[] = { ok("1"), refused(), ok("2") };
    struct drive d;
    drive_init(&d, f, outcomes, 3);
    assert_false(attempt(f, &d));
    f->steps[2] = f->steps[1];
    f->steps[2].next = BELAY_STEP_END;
    f->steps[1]
        = (struct belay_step_def){ .kind = BELAY_STEP_LOG, .name = BELAY_STR("new"), .next = 2 };
    f->def.step_count = 3;
    d.attempt = 1;
    belay_buf_clear(&f->trace);
    assert_false(attempt(f, &d));
    assert_trace_of(f, "call GET /b 1\ndone\n");
    drive_deinit(&d);
}

static void damaged_progress_is_refused(void **state)
{
    struct fixture *f = *state;
    struct belay_choice_def choice;
    long_flow(f, &choice);
    const struct belay_call_outcome outcomes[] = { ok("{\"n\":1}"), transient() };
    struct drive d;
    drive_init(&d, f, outcomes, 2);
    assert_true(attempt(f, &d));
    struct belay_flow_input in
        = { .def = &f->def, .message = &f->message, .attempt = 2, .pool = f->pool };
    for (size_t n = 1; n < d.progress.n; n++) {
        struct belay_flow_run *run;
        in.progress = belay_str(d.progress.p, n);
        assert_int_equal(belay_flow_begin(&in, &run, NULL), BELAY_CORRUPT);
    }
    d.progress.p[0] = 9;
    in.progress = belay_buf_view(&d.progress);
    struct belay_flow_run *run;
    assert_int_equal(belay_flow_begin(&in, &run, NULL), BELAY_VERSION);
    drive_deinit(&d);
    belay_buf_clear(&f->trace);
}

/* What was decoded encodes to the same bytes. */
static void progress_round_trips(void **state)
{
    struct fixture *f = *state;
    struct belay_choice_def choice;
    long_flow(f, &choice);
    f->payments.honours_key = false;
    add_resolve(f, &f->steps[6], "/b/{% id %}");
    on_error(f, "class:permanent");
    struct belay_step_def *step = add_apart(f, BELAY_STEP_MAP, "em");
    step->u.map.value = T(f, "{% { 'e': $error.type } %}");
    set_publish(f, add(f, BELAY_STEP_PUBLISH, "ep"), "errors", NULL, NULL);
    add_call(f, "ec", "POST", "/e", NULL);
    static const struct belay_retry_def decorrelated
        = { 9, 0, 10, 1000, 2, BELAY_JITTER_DECORRELATED, true, 0, NULL, 0 };
    f->def.retry = decorrelated;
    const struct belay_call_outcome scripts[][3] = {
        { ok("{\"n\":1}"), transient(), crash() },   /* DO */
        { ok("{\"n\":1}"), unknown(), transient() }, /* RESOLVE */
        { ok("{\"n\":1}"), refused(), transient() }, /* in a rule */
    };
    for (size_t i = 0; i < 3; i++) {
        struct drive d;
        drive_init(&d, f, scripts[i], 3);
        assert_true(attempt(f, &d));
        struct belay_flow_run *run = drive_begin(f, &d);
        struct belay_buf again;
        belay_buf_init(&again, BELAY_PROGRESS_BYTES_MAX);
        assert_ok(progress_encode(run, &again, KEEP_ALL));
        assert_int_equal(again.n, d.progress.n);
        assert_memory_equal(again.p, d.progress.p, again.n);
        belay_buf_deinit(&again);
        belay_flow_free(run);
        drive_deinit(&d);
    }
    belay_buf_clear(&f->trace);
}

static void the_callers_bytes_may_go_after_begin(void **state)
{
    struct fixture *f = *state;
    add_call(f, "a", "GET", "/a", NULL);
    add_call(f, "b", "GET", "/b", NULL);
    add_publish(f, "p", "t", NULL, "{% $a.body.text %}");
    const struct belay_call_outcome outcomes[] = { ok("{\"text\":\"kept\"}"), transient() };
    struct drive d;
    drive_init(&d, f, outcomes, 2);
    assert_true(attempt(f, &d));
    struct belay_flow_run *run = drive_begin(f, &d);
    memset(d.progress.p, 0xee, d.progress.n);
    assert_int_equal(belay_flow_step(run, f->now, NULL), BELAY_FLOW_CALL);
    struct belay_call_outcome done = ok("");
    assert_int_equal(belay_flow_step(run, f->now, &done), BELAY_FLOW_DONE);
    assert_str(belay_flow_effects(run)->publications[0].message.body, "\"kept\"");
    belay_flow_free(run);
    drive_deinit(&d);
    belay_buf_clear(&f->trace);
}

/* A topic may be missing: the letter's replay publishes again, and calls nobody. */
static void a_done_that_could_not_be_committed_resumes_at_its_end(void **state)
{
    struct fixture *f = *state;
    add_call(f, "a", "POST", "/a", "{% total %}");
    add_publish(f, "p", "missing", NULL, "{% $a.body %}");
    struct drive d;
    struct belay_call_outcome outcome = ok("5");
    drive_init(&d, f, NULL, 0);
    struct belay_flow_run *run = drive_begin(f, &d);
    assert_int_equal(belay_flow_step(run, f->now, NULL), BELAY_FLOW_CALL);
    assert_int_equal(belay_flow_step(run, f->now, &outcome), BELAY_FLOW_DONE);
    keep(&d, run, true);
    belay_flow_free(run);
    assert_false(attempt(f, &d));
    assert_trace_of(f, "publish missing key=k 5\ndone\n");
    drive_deinit(&d);
}

/* What was done outside is not done again, whatever the flow says at its end. */
static void the_flows_own_letter_remembers_its_calls(void **state)
{
    struct fixture *f = *state;
    add_publish(f, "p", "before", NULL, "{% total %}");
    struct belay_step_def *step = add(f, BELAY_STEP_SET, "s");
    step->u.set.vars = NAMED(f, &step->u.set.count, "v", "{% 1 %}");
    add_call(f, "a", "POST", "/a", "{% total %}");
    step = add(f, BELAY_STEP_SET, "s2");
    step->u.set.vars = NAMED(f, &step->u.set.count, "v", "{% $vars.v + 1 %}");
    add_map(f, "m", "{% { 'a': $a.body, 'v': $vars.v } %}");
    add_publish(f, "q", "alerts", NULL, NULL);
    struct belay_step_def *letter = add(f, BELAY_STEP_DEAD_LETTER, "dl");
    const struct belay_call_outcome outcomes[] = { ok("5") };
    struct drive d;
    drive_init(&d, f, outcomes, 1);
    assert_false(attempt(f, &d));
    assert_trace_of(
        f, "call POST /a 12\npublish before key=k 12\npublish alerts key=k {\"a\":5,\"v\":2}\n"
           "letter FLOW:DEAD_LETTER\n");
    letter->kind = BELAY_STEP_LOG; /* corrected, and replayed */
    letter->u.log.message = NULL;
    d.attempt = 1;
    assert_false(attempt(f, &d));
    assert_trace_of(f, "publish alerts key=k {\"a\":5,\"v\":2}\nlog 0 \ndone\n");
    drive_deinit(&d);
}

static void what_was_too_large_is_not_done_again_by_a_replay(void **state)
{
    struct fixture *f = *state;
    add_call(f, "a", "POST", "/a", "{% total %}");
    add_call(f, "b", "POST", "/b", "{% total %}");
    char *large = malloc(BELAY_PROGRESS_BYTES_MAX + 8);
    memset(large, '7', BELAY_PROGRESS_BYTES_MAX + 8);
    large[0] = large[BELAY_PROGRESS_BYTES_MAX + 6] = '"';
    large[BELAY_PROGRESS_BYTES_MAX + 7] = '\0';
    const struct belay_call_outcome outcomes[] = { ok(large) };
    struct drive d;
    drive_init(&d, f, outcomes, 1);
    assert_false(attempt(f, &d));
    assert_trace_of(f, "call POST /a 12\nletter FLOW:PROGRESS_TOO_LARGE\n");
    for (int replays = 0; replays < 2; replays++) {
        d.attempt = 1;
        assert_false(attempt(f, &d));
        assert_trace_of(f, "letter FLOW:PROGRESS_TOO_LARGE\n");
    }
    drive_deinit(&d);
    free(large);
}

/* The progress of a letter whose call `b` failed behind what the caller added; a is a call that succeeds. */
static bool carries_after(struct fixture *f, bool settled)
{
    const struct belay_call_outcome outcomes[] = { ok("5"), refused() };
    struct belay_buf said;
    struct belay_err err;
    struct drive d;
    add_call(f, "a", "POST", "/a", NULL);
    add_call(f, "b", "POST", "/b", NULL);
    drive_init(&d, f, outcomes, 2);
    assert_false(attempt(f, &d));
    assert_true(d.progress.n > 0);
    belay_buf_init(&said, BELAY_PROGRESS_BYTES_MAX);
    if (settled)
        assert_ok(belay_flow_settle(belay_buf_view(&d.progress), BELAY_FLOW_SETTLE_RETRY, &d.fault, BELAY_STR_NONE, &said, &err));
    bool carries = belay_flow_carries(settled ? belay_buf_view(&said) : belay_buf_view(&d.progress));
    for (size_t n = 0; n < d.progress.n; n++) /* whatever it says: it ends */
        (void)belay_flow_carries(belay_str(d.progress.p, n));
    belay_buf_deinit(&said);
    drive_deinit(&d);
    belay_buf_clear(&f->trace);
    return carries;
}

static void what_calls_answered_carries_nothing_of_the_message(void **state)
{
    assert_false(belay_flow_carries(BELAY_STR_NONE));
    assert_false(carries_after(*state, false));
}

static void a_mapped_body_is_carried(void **state)
{
    add_map(*state, "m", "{% { 'id': order_id } %}");
    assert_true(carries_after(*state, false));
}

static void variables_are_carried(void **state)
{
    struct fixture *f = *state;
    struct belay_step_def *step = add(f, BELAY_STEP_SET, "s");
    step->u.set.vars = NAMED(f, &step->u.set.count, "v", "{% total %}");
    assert_true(carries_after(f, true));
}

static void publications_are_carried(void **state)
{
    add_publish(*state, "p", "t", NULL, NULL);
    assert_true(carries_after(*state, false));
}

static void a_body_of_no_type_stays_of_no_type(void **state)
{
    struct fixture *f = *state;
    add_publish(f, "p", "t", NULL, NULL);
    f->message.datacontenttype = BELAY_STR("");
    f->message.body = BELAY_STR("who knows");
    struct drive d;
    drive_init(&d, f, NULL, 0);
    struct belay_flow_run *run = drive_begin(f, &d);
    assert_int_equal(belay_flow_step(run, f->now, NULL), BELAY_FLOW_DONE);
    assert_int_equal(belay_flow_effects(run)->publications[0].message.datacontenttype.n, 0);
    belay_flow_free(run);
    drive_deinit(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cut_off_anywhere_it_ends_the_same),
        TEST(what_version_1_wrote_is_read_and_written),
        TEST(the_first_call_keeps_nothing),
        TEST(too_much_to_keep_is_a_letter_before_the_call),
        TEST(a_step_that_is_gone_is_a_letter),
        TEST(steps_before_it_may_have_come_and_gone),
        TEST(damaged_progress_is_refused),
        TEST(progress_round_trips),
        TEST(the_callers_bytes_may_go_after_begin),
        TEST(what_calls_answered_carries_nothing_of_the_message),
        TEST(a_mapped_body_is_carried),
        TEST(variables_are_carried),
        TEST(publications_are_carried),
        TEST(a_done_that_could_not_be_committed_resumes_at_its_end),
        TEST(the_flows_own_letter_remembers_its_calls),
        TEST(what_was_too_large_is_not_done_again_by_a_replay),
        TEST(a_body_of_no_type_stays_of_no_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
