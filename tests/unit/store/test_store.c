#include "store/store.h"

#include "unit/store/store_fixture.h"

static int setup_inline(void **state)
{
    *state = fixture_new(true, false);
    return fixture_open(*state);
}

static int setup_queued(void **state)
{
    *state = fixture_new(true, true);
    return fixture_open(*state);
}

static int setup_buffered(void **state)
{
    *state = fixture_new(false, false);
    return fixture_open(*state);
}

static int teardown(void **state)
{
    fixture_free(*state);
    return 0;
}

static void a_new_store_is_empty(void **state)
{
    struct fixture *f = *state;
    uint64_t messages, bytes;
    assert_int_equal(belay_store_position(f->store), 0);
    assert_int_equal(belay_store_durable(f->store), 0);
    assert_int_equal(belay_store_next_sequence(f->store, 1), 1);
    assert_int_equal(belay_store_first_sequence(f->store, 1), 1);
    belay_store_topic_size(f->store, 1, &messages, &bytes);
    assert_int_equal(messages + bytes, 0);
    assert_true(belay_store_idle(f->store));
    assert_int_equal(belay_store_peek(f->store, 1, 1, 10, 1000, f->items), 0);
}

static void what_was_promised_is_there_whatever_was_reserved_between(void **state)
{
    struct fixture *f = *state;
    uint64_t before = belay_store_position(f->store);
    assert_ok(belay_store_promise(f->store, 600, 2, &f->err));
    assert_int_equal(belay_store_position(f->store), before + 1); /* who waits for it waits for this commit */
    publish(f, 1, 5000);
    append_number(f, 1);
    assert_ok(belay_store_reserve(f->store, 4000, 1, false, &f->err));
    belay_store_redeem(f->store, 600, 2);
    char text[301] = "2.";
    belay_store_append(f->store, OTHER_RECORD, 1, belay_str(text, 300));
    belay_store_append(f->store, OTHER_RECORD, 1, belay_str(text, 300));
    fixture_flush(f);
    fixture_reopen(f, SIM_POWER);
    assert_int_equal(f->applied_sum, 1 + 2 + 2);
}

static void what_is_flushed_is_durable_and_survives_a_power_failure(void **state)
{
    struct fixture *f = *state;
    for (int i = 1; i <= 20; i++) {
        publish(f, 3, 100 + (size_t)i);
        append_number(f, (uint64_t)i);
        assert_int_equal(belay_store_position(f->store), i);
        fixture_flush(f);
        assert_int_equal(belay_store_durable(f->store), i);
    }
    fixture_reopen(f, SIM_POWER);
    assert_int_equal(f->applied, 20);
    assert_int_equal(f->applied_sum, 210);
    assert_int_equal(belay_store_next_sequence(f->store, 3), 21);
    assert_int_equal(belay_store_durable(f->store), 20);
    assert_int_equal(belay_store_peek(f->store, 3, 1, 1, 1000, f->items), 0);
    assert_fetched(f, 3, 1, 20);
}

static void what_a_step_appends_is_one_commit(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 10; i++)
        publish(f, (uint32_t)(1 + i % 3), 50);
    append_number(f, 5);
    assert_int_equal(belay_store_position(f->store), 1);
    assert_int_equal(belay_store_durable(f->store), 0);
    fixture_flush(f);
    assert_int_equal(belay_store_durable(f->store), 1);
    fixture_reopen(f, SIM_POWER);
    assert_int_equal(f->applied_sum, 5);
    assert_int_equal(belay_store_next_sequence(f->store, 1), 5);
    assert_int_equal(belay_store_next_sequence(f->store, 2), 4);
    assert_fetched(f, 1, 1, 4);
    assert_fetched(f, 2, 1, 3);
}

static void what_was_not_flushed_is_gone(void **state)
{
    struct fixture *f = *state;
    publish(f, 1, 50);
    fixture_flush(f);
    publish(f, 1, 50);
    fixture_reopen(f, SIM_KILL);
    assert_int_equal(belay_store_next_sequence(f->store, 1), 2);
}

static void appends_gather_while_a_commit_is_in_flight(void **state)
{
    struct fixture *f = *state;
    publish(f, 1, 50);
    fixture_flush(f);
    for (int i = 0; i < 5; i++) {
        publish(f, 1, 50);
        fixture_flush(f);
    }
    assert_int_equal(belay_store_position(f->store), 2);
    assert_int_equal(belay_store_durable(f->store), 0);
    sim_jobs_run(&f->queue, BELAY_JOB_COMMIT);
    assert_int_equal(belay_store_durable(f->store), 0); /* done, but nobody was told */
    sim_jobs_tell(&f->queue, BELAY_JOB_COMMIT);
    assert_int_equal(belay_store_durable(f->store), 1);
    fixture_flush(f);
    assert_int_equal(belay_store_position(f->store), 2);
    sim_jobs_run(&f->queue, BELAY_JOB_COMMIT);
    sim_jobs_tell(&f->queue, BELAY_JOB_COMMIT);
    assert_int_equal(belay_store_durable(f->store), 2);
}

static void peek_sees_what_is_pending_in_flight_and_in_the_tail(void **state)
{
    struct fixture *f = *state;
    for (int i = 1; i <= 3; i++) {
        publish(f, 7, 50);
        if (i < 3)
            fixture_flush(f);
        if (i == 1)
            sim_jobs_finish(&f->queue);
    }
    assert_int_equal(belay_store_peek(f->store, 7, 1, 10, 1000, f->items), 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(f->items[i].sequence, i + 1);
        assert_true(message_is(f->items[i].encoded, 7, i + 1));
    }
    assert_int_equal(belay_store_peek(f->store, 7, 2, 1, 1000, f->items), 1);
    assert_int_equal(belay_store_peek(f->store, 7, 1, 10, 1, f->items), 1); /* at least one */
    assert_int_equal(belay_store_peek(f->store, 7, 4, 10, 1000, f->items), 0);
}

static void the_tail_is_bounded_and_the_rest_is_fetched(void **state)
{
    struct fixture *f = *state;
    fixture_die(f, SIM_KILL);
    f->opt.tail_cache_bytes = 64 * 1024;
    assert_ok(fixture_open(f));
    for (int i = 1; i <= 500; i++) {
        publish(f, 1, 1000);
        if (i % 10 == 0)
            fixture_flush(f);
    }
    assert_int_equal(belay_store_peek(f->store, 1, 1, 10, 1 << 20, f->items), 0);
    assert_true(belay_store_peek(f->store, 1, 495, 10, 1 << 20, f->items) > 0);
    assert_fetched(f, 1, 1, 500);
}

/* As retries come back: each read is of a commit that may lie anywhere. */
static void single_messages_are_fetched_in_any_order(void **state)
{
    struct fixture *f = *state;
    f->opt.tail_cache_bytes = 64 * 1024;
    fixture_reopen(f, SIM_KILL);
    for (int i = 1; i <= 500; i++) {
        publish(f, 1, 1000);
        if (i % 10 == 0)
            fixture_flush(f);
    }
    for (uint64_t i = 0; i < 500; i++) {
        uint64_t sequence = i * 137 % 500 + 1;
        struct got got;
        fetch_begin(f, &got, 1, sequence, 1, 1 << 20);
        assert_true(got.done);
        assert_ok(got.fetch.status);
        assert_int_equal(got.fetch.count, 1);
        assert_int_equal(got.fetch.items[0].sequence, sequence);
        assert_true(message_is(got.fetch.items[0].encoded, 1, sequence));
        fetch_end(&got);
    }
}

static void a_fetch_of_what_is_not_durable_waits_for_it(void **state)
{
    struct fixture *f = *state;
    struct got got;
    publish(f, 1, 50);
    fetch_begin(f, &got, 1, 1, 10, 1000);
    assert_false(got.done);
    assert_false(belay_store_idle(f->store));
    fixture_flush(f);
    sim_jobs_finish(&f->queue);
    assert_true(got.done);
    assert_ok(got.fetch.status);
    assert_int_equal(got.fetch.count, 1);
    fetch_end(&got);
}

static void a_fetch_outside_the_topic_finds_nothing(void **state)
{
    struct fixture *f = *state;
    struct got got;
    for (int i = 0; i < 5; i++)
        publish(f, 1, 50);
    fixture_flush(f);
    belay_store_set_low(f->store, 1, 3);
    assert_int_equal(belay_store_first_sequence(f->store, 1), 3);
    fetch_begin(f, &got, 1, 2, 10, 1000);
    assert_true(got.done);
    assert_int_equal(got.fetch.status, BELAY_NOTFOUND);
    fetch_end(&got);
    fetch_begin(f, &got, 1, 6, 10, 1000);
    assert_int_equal(got.fetch.status, BELAY_NOTFOUND);
    fetch_end(&got);
}

static void a_failed_write_is_final(void **state)
{
    struct fixture *f = *state;
    publish(f, 1, 50);
    fixture_flush(f);
    sim_disk_fail_sync_after(f->disk, 0);
    publish(f, 1, 50);
    fixture_flush(f);
    assert_int_equal(belay_store_durable(f->store), 1);
    assert_int_equal(belay_store_failed(f->store, &f->err), BELAY_IO);
    assert_int_equal(f->err.class_, BELAY_CLASS_FATAL);
    assert_int_equal(belay_store_reserve(f->store, 10, 1, true, &f->err), BELAY_IO);
    fixture_flush(f);
    assert_int_equal(belay_store_durable(f->store), 1);
    fixture_reopen(f, SIM_POWER); /* it may be there or not; the first one is */
    assert_true(belay_store_next_sequence(f->store, 1) >= 2);
    assert_fetched(f, 1, 1, belay_store_next_sequence(f->store, 1) - 1);
}

static void sizes_follow_low(void **state)
{
    struct fixture *f = *state;
    uint64_t messages, bytes;
    for (int i = 0; i < 30; i++) {
        publish(f, 2, 100);
        if (i % 7 == 0)
            fixture_flush(f);
    }
    fixture_flush(f);
    for (uint64_t low = 1; low <= 31; low++) {
        belay_store_set_low(f->store, 2, low);
        belay_store_topic_size(f->store, 2, &messages, &bytes);
        assert_int_equal(messages, 31 - low);
        assert_int_equal(bytes, 100 * (31 - low));
    }
}

static void a_time_leads_to_the_first_message_accepted_then(void **state)
{
    struct fixture *f = *state;
    for (int i = 1; i <= 100; i++) {
        f->now = i * 1000;
        publish(f, 1, 100);
        if (i % 9 == 0)
            belay_store_flush(f->store, f->now);
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 1; i <= 99; i++) {
            assert_int_equal(belay_store_sequence_at(f->store, 1, i * 1000), i);
            assert_int_equal(belay_store_sequence_at(f->store, 1, i * 1000 - 1), i);
        }
        assert_int_equal(belay_store_sequence_at(f->store, 1, 1000000), round ? 100 : 101);
        if (round == 0)
            fixture_reopen(f, SIM_POWER); /* 100 was not flushed; now they are on the disk only */
    }
}

static void many_starts_in_a_row_keep_everything(void **state)
{
    struct fixture *f = *state;
    for (uint64_t i = 1; i <= 30; i++) {
        publish(f, 1, 3000);
        fixture_flush(f);
        fixture_reopen(f, i % 2 ? SIM_POWER : SIM_KILL);
        assert_int_equal(belay_store_next_sequence(f->store, 1), i + 1);
    }
    assert_fetched(f, 1, 1, 30);
    struct belay_store_stats stats;
    belay_store_stats(f->store, &stats);
    assert_int_equal(stats.durable, 30);
}

static void segments_roll_and_are_used_again_once_nobody_needs_them(void **state)
{
    struct fixture *f = *state;
    struct belay_store_stats stats;
    for (int i = 1; i <= 40000; i++) {
        publish(f, 1, 1000);
        if (i % 32 == 0) {
            belay_store_set_low(f->store, 1, (uint64_t)i);
            fixture_flush(f);
        }
    }
    fixture_flush(f);
    belay_store_stats(f->store, &stats);
    assert_true(stats.checkpoint_position > 0);
    assert_in_range(stats.journal_bytes, 1, 40 << 20);
    fixture_reopen(f, SIM_POWER);
    assert_int_equal(belay_store_next_sequence(f->store, 1), 40001);
    assert_fetched(f, 1, 39990, 40000);
}

static void a_message_larger_than_a_segment_gets_one_of_its_own(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(publish_try(f, 1, 5 << 20), BELAY_BUSY);
    fixture_flush(f); /* a large segment is prepared */
    publish(f, 1, 5 << 20);
    fixture_flush(f);
    publish(f, 1, 10);
    fixture_flush(f);
    assert_ok(belay_store_failed(f->store, &f->err));
    fixture_reopen(f, SIM_POWER);
    assert_fetched(f, 1, 1, 2);
    assert_int_equal(belay_store_reserve(f->store, 21 << 20, 1, false, &f->err), BELAY_LIMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_inline, teardown)
#define TEST_QUEUED(name) cmocka_unit_test_setup_teardown(name, setup_queued, teardown)
#define TEST_BUFFERED(name) { #name "_buffered", name, setup_buffered, teardown, NULL }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_store_is_empty),
        TEST(what_was_promised_is_there_whatever_was_reserved_between),
        TEST(what_is_flushed_is_durable_and_survives_a_power_failure),
        TEST_BUFFERED(what_is_flushed_is_durable_and_survives_a_power_failure),
        TEST(what_a_step_appends_is_one_commit),
        TEST(what_was_not_flushed_is_gone),
        TEST_QUEUED(appends_gather_while_a_commit_is_in_flight),
        TEST_QUEUED(peek_sees_what_is_pending_in_flight_and_in_the_tail),
        TEST(the_tail_is_bounded_and_the_rest_is_fetched),
        TEST(single_messages_are_fetched_in_any_order),
        TEST_BUFFERED(single_messages_are_fetched_in_any_order),
        TEST_QUEUED(a_fetch_of_what_is_not_durable_waits_for_it),
        TEST(a_fetch_outside_the_topic_finds_nothing),
        TEST(a_failed_write_is_final),
        TEST(sizes_follow_low),
        TEST(a_time_leads_to_the_first_message_accepted_then),
        TEST(many_starts_in_a_row_keep_everything),
        TEST_BUFFERED(many_starts_in_a_row_keep_everything),
        TEST(segments_roll_and_are_used_again_once_nobody_needs_them),
        TEST(a_message_larger_than_a_segment_gets_one_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
