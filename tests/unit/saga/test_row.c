#include "base/alloc.h"
#include "base/random.h"
#include "saga/record.h"
#include "unit/test.h"

static struct saga *an_instance(void)
{
    struct saga *s = saga_new();
    assert_non_null(s);
    assert_ok(saga_clear(s, 3));
    s->state = SAGA_COMPENSATING;
    s->at = 2;
    s->started_at = 1000;
    s->updated_at = 5000;
    s->first_at = 900;
    s->until = 9000;
    s->log_at = 4000;
    s->due = 7000;
    s->definition = (struct belay_hash128){ 1, 2 };
    belay_buf_put_str(&s->data, BELAY_STR("o-1"));
    s->id_n = 3;
    belay_buf_put_str(&s->data, BELAY_STR("the message"));
    s->input_n = 11;
    s->steps[0] = (struct saga_step){ .state = STEP_DONE,
                                      .attempts = 2,
                                      .result = saga_keep(s, BELAY_STR("{\"a\":1}")) };
    s->steps[1] = (struct saga_step){ .state = STEP_UNDOING,
                                      .flags = STEP_PUBLISHED,
                                      .sequence = 77,
                                      .topic = saga_keep(s, BELAY_STR("work")) };
    belay_buf_put_str(&s->fault, BELAY_STR("a fault"));
    struct saga_entry e = {
        .at = 4000, .event = SAGA_EVENT_BEGUN, .step = 1, .attempt = 3, .text = BELAY_STR("x")
    };
    saga_entry_pack(&s->log, s->started_at, &e);
    return s;
}

static void a_row_gives_back_the_instance(void **state)
{
    (void)state;
    struct saga *a = an_instance(), *b = saga_new();
    struct belay_buf row, again;
    struct belay_err err;
    belay_buf_init(&row, 1 << 20);
    belay_buf_init(&again, 1 << 20);
    saga_row_pack(&row, a);
    assert_ok(saga_clear(b, 0));
    assert_ok(saga_row_unpack(belay_buf_view(&row), b, &err));
    saga_row_pack(&again, b);
    assert_true(belay_str_eq(belay_buf_view(&row), belay_buf_view(&again)));
    assert_str(saga_id(b), "o-1");
    assert_str(saga_range(b, b->steps[1].topic), "work");
    struct saga_glance g;
    assert_true(saga_row_glance(belay_buf_view(&row), &g));
    assert_str(g.id, "o-1");
    assert_int_equal(g.due, 7000);
    assert_int_equal(g.updated_at, b->updated_at);
    assert_int_equal(b->until, 9000);
    struct belay_unpack u = belay_unpack_init(belay_buf_view(&b->log));
    belay_time at = b->started_at;
    struct saga_entry e;
    assert_true(saga_entry_next(&u, &at, &e));
    assert_int_equal(e.at, 4000);
    assert_int_equal(e.attempt, 3);
    assert_false(saga_entry_next(&u, &at, &e));
    belay_buf_deinit(&row);
    belay_buf_deinit(&again);
    saga_free(a);
    saga_free(b);
}

static void without_its_input_the_results_are_still_there(void **state)
{
    (void)state;
    struct saga *s = an_instance();
    saga_drop_input(s);
    assert_str(saga_id(s), "o-1");
    assert_int_equal(saga_input(s).n, 0);
    assert_str(saga_range(s, s->steps[0].result), "{\"a\":1}");
    assert_str(saga_range(s, s->steps[1].topic), "work");
    saga_free(s);
}

/* Every cut and every flipped byte: refused or read, never more than that. */
static void a_damaged_row_is_refused(void **state)
{
    (void)state;
    struct saga *a = an_instance(), *b = saga_new();
    struct belay_buf row;
    struct belay_err err;
    belay_buf_init(&row, 1 << 20);
    saga_row_pack(&row, a);
    for (size_t n = 0; n < row.n; n++) {
        assert_ok(saga_clear(b, 0));
        assert_int_equal(saga_row_unpack(belay_str(row.p, n), b, &err), BELAY_CORRUPT);
    }
    for (size_t n = 0; n < row.n; n++)
        for (unsigned bit = 0; bit < 8; bit++) {
            row.p[n] = (char)(row.p[n] ^ (1 << bit));
            assert_ok(saga_clear(b, 0));
            int status = saga_row_unpack(belay_buf_view(&row), b, &err);
            assert_true(status == BELAY_OK || status == BELAY_CORRUPT);
            for (uint32_t i = 0; status == BELAY_OK && i < b->step_count; i++)
                assert_true(saga_range(b, b->steps[i].result).n <= b->data.n);
            row.p[n] = (char)(row.p[n] ^ (1 << bit));
        }
    belay_buf_deinit(&row);
    saga_free(a);
    saga_free(b);
}

static void a_move_gives_back_what_it_says(void **state)
{
    (void)state;
    struct saga_move m = { .kind = 3,
                           .id = BELAY_STR("o-1"),
                           .now = 9000,
                           .event = SAGA_EVENT_DONE,
                           .carries = MOVE_RESULT | MOVE_FAULT | MOVE_PUBLISHED | MOVE_TEXT,
                           .step = 1,
                           .step_state = STEP_DONE,
                           .step_flags = STEP_MAYBE,
                           .step_attempts = 300,
                           .state = SAGA_RUNNING,
                           .at = 2,
                           .attempt = 1,
                           .delay_ms = 1 << 20,
                           .first_at = 8000,
                           .until = 12000,
                           .due = BELAY_TIME_NEVER,
                           .result = BELAY_STR("{}"),
                           .fault = BELAY_STR("f"),
                           .text = BELAY_STR("t"),
                           .topic = BELAY_STR("work"),
                           .sequence = 9,
                           .published_due = 10 };
    struct saga_move r;
    struct belay_buf out, again;
    belay_buf_init(&out, 1 << 16);
    belay_buf_init(&again, 1 << 16);
    saga_move_pack(&out, &m);
    assert_true(saga_move_unpack(belay_buf_view(&out), &r));
    saga_move_pack(&again, &r);
    assert_true(belay_str_eq(belay_buf_view(&out), belay_buf_view(&again)));
    assert_int_equal(r.due, BELAY_TIME_NEVER);
    assert_int_equal(r.first_at, 8000);
    assert_int_equal(r.until, 12000);
    for (size_t n = 0; n < out.n; n++)
        assert_false(saga_move_unpack(belay_str(out.p, n), &r));
    belay_buf_deinit(&out);
    belay_buf_deinit(&again);
}

static void ids_of_any_length_have_keys_of_their_own(void **state)
{
    (void)state;
    char long_id[1024];
    struct saga_key a, b;
    memset(long_id, 'x', sizeof long_id);
    saga_key_init(&a, 1, belay_str(long_id, 1024));
    saga_key_init(&b, 1, belay_str(long_id, 1023));
    assert_int_equal(a.n, KEY_BYTES_MAX);
    assert_false(belay_str_eq(saga_key_str(&a), saga_key_str(&b)));
    saga_key_init(&a, 1, BELAY_STR("o-1"));
    saga_key_init(&b, 2, BELAY_STR("o-1"));
    assert_false(belay_str_eq(saga_key_str(&a), saga_key_str(&b)));
}

/* G5: what counts as begun and not known to have had no effect. */
static void a_step_counts_unless_it_is_known_to_have_had_no_effect(void **state)
{
    (void)state;
    const struct {
        uint8_t state;
        bool counts, counts_maybe;
    } cases[] = { { STEP_PENDING, false, false },  { STEP_BEGUN, true, true },
                  { STEP_WAITING, false, true },   { STEP_RESOLVING, true, true },
                  { STEP_AWAITING, true, true },   { STEP_DONE, true, true },
                  { STEP_SKIPPED, false, false },  { STEP_FAILED, false, true },
                  { STEP_UNKNOWN, true, true },    { STEP_UNDOING, true, true },
                  { STEP_UNDO_BEGUN, true, true }, { STEP_UNDONE, false, false },
                  { STEP_PASSED, true, true },     { STEP_LEFT, false, false } };
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        struct saga_step step = { .state = cases[n].state };
        assert_int_equal(saga_step_counts(&step), cases[n].counts);
        step.flags = STEP_MAYBE;
        assert_int_equal(saga_step_counts(&step), cases[n].counts_maybe);
        if (cases[n].counts_maybe) /* and so it can be undone */
            assert_true(belay_sm_may(saga_step_states, step.state, STEP_UNDONE));
    }
}

static void without_memory_an_instance_stays_what_it_was(void **state)
{
    (void)state;
    struct saga *s = an_instance();
    struct belay_buf before, after;
    belay_buf_init(&before, 1 << 16);
    belay_buf_init(&after, 1 << 16);
    saga_row_pack(&before, s);
    belay_alloc_fail_after(0);
    assert_int_equal(saga_reserve(s, 1 << 16, 1 << 12, 1 << 12), BELAY_NOMEM);
    belay_alloc_fail_after(UINT64_MAX);
    saga_row_pack(&after, s);
    assert_true(belay_str_eq(belay_buf_view(&before), belay_buf_view(&after)));
    belay_buf_deinit(&before);
    belay_buf_deinit(&after);
    saga_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_gives_back_the_instance),
        cmocka_unit_test(without_its_input_the_results_are_still_there),
        cmocka_unit_test(a_damaged_row_is_refused),
        cmocka_unit_test(a_move_gives_back_what_it_says),
        cmocka_unit_test(ids_of_any_length_have_keys_of_their_own),
        cmocka_unit_test(a_step_counts_unless_it_is_known_to_have_had_no_effect),
        cmocka_unit_test(without_memory_an_instance_stays_what_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
