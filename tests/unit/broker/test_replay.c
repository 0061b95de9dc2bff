/* Replay jobs: which letters they take, in which order, how often; what survives. */
#include "unit/broker/broker_fixture.h"

#include "base/alloc.h"
#include "broker/lane.h"
#include "broker/replay.h"

#define ALL (struct belay_replay_opt){ .who = BELAY_STR("ann") }

static void fails_with(struct world *w, const char *type)
{
    belay_fault_init(&w->fault, type, BELAY_CLASS_TRANSIENT, "no");
}

/* Publishes under key and makes it a letter. */
static uint64_t make_letter(struct world *w, const char *key, bool park)
{
    uint64_t sequence = publish(w, key, "{}");
    letter(w, take_one(w, sequence), park);
    world_flush(w);
    return sequence;
}

static uint32_t start(struct world *w, struct belay_replay_opt opt)
{
    uint32_t id = 0;
    pass_ms(w, 1);
    world_ok(w, belay_replay_start(w->b, &opt, w->now, &id, &w->err));
    return id;
}

static struct belay_replay job(struct world *w, uint32_t id)
{
    struct belay_replay r;
    world_ok(w, belay_replay_get(w->b, id, &r, &w->err));
    return r;
}

static void assert_job(struct world *w, uint32_t id, enum belay_replay_state state, uint64_t taken, uint64_t skipped)
{
    struct belay_replay r = job(w, id);
    assert_string_equal(belay_replay_state_name(r.state), belay_replay_state_name(state));
    assert_int_equal(r.taken, taken);
    assert_int_equal(r.skipped, skipped);
}

static void tick(struct world *w, int times)
{
    for (int i = 0; i < times; i++)
        pass_ms(w, 1);
}

static void all_letters_are_replayed_once_and_the_job_ends(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 300; i++)
        make_letter(w, "", false);
    uint32_t id = start(w, ALL);
    assert_int_equal(job(w, id).total, 300);
    for (uint64_t s = 1; s <= 300; s++) {
        ack(w, take_one(w, s));
        world_flush(w);
    }
    assert_null(take(w));
    world_settle(w);
    assert_job(w, id, BELAY_REPLAY_DONE, 300, 0);
    assert_int_equal(job(w, id).done, 300);
    assert_str(job(w, id).opt.who, "ann");
    assert_int_equal(stats_of(w).done, 300);
}

static void a_key_goes_one_after_the_other_and_others_pass(void **state)
{
    struct world *w = *state;
    make_letter(w, "a", false);
    make_letter(w, "a", false);
    make_letter(w, "b", false);
    make_letter(w, "a", false);
    uint32_t id = start(w, ALL);
    struct belay_delivery *a = take_one(w, 1);
    ack(w, take_one(w, 3));
    retry(w, a, 1000);
    tick(w, 5);
    assert_null(take(w));
    assert_int_equal(job(w, id).aside, 2);
    world_settle(w);
    world_reopen(w, SIM_POWER); /* what was put aside is there again */
    pass_ms(w, 1000);
    ack(w, take_one(w, 1));
    letter(w, take_one(w, 2), false); /* an end, too */
    ack(w, take_one(w, 4));
    tick(w, 2);
    world_settle(w);
    assert_job(w, id, BELAY_REPLAY_DONE, 4, 0);
    assert_int_equal(job(w, id).failed, 1);
    assert_state(w, 2, BELAY_MESSAGE_DEAD);
}

static void in_any_order_they_need_not_wait(void **state)
{
    struct world *w = *state;
    make_letter(w, "a", false);
    make_letter(w, "a", false);
    uint32_t id = start(w, (struct belay_replay_opt){ .any_order = true });
    retry(w, take_one(w, 1), 1000);
    ack(w, take_one(w, 2));
    assert_int_equal(job(w, id).under_way, 1);
}

static void filters_say_which_letters(void **state)
{
    struct world *w = *state;
    fails_with(w, "HTTP:TIMEOUT");
    make_letter(w, "a", false);
    make_letter(w, "b", false);
    fails_with(w, "VALIDATION:SCHEMA");
    make_letter(w, "a", false);
    uint32_t by_error = start(w, (struct belay_replay_opt){ .error = BELAY_STR("VALIDATION") });
    ack(w, take_one(w, 3));
    tick(w, 2);
    assert_job(w, by_error, BELAY_REPLAY_DONE, 1, 2);
    uint32_t by_key = start(w, (struct belay_replay_opt){ .flow = BELAY_STR("billing"), .key = BELAY_STR("b") });
    ack(w, take_one(w, 2));
    tick(w, 2);
    assert_job(w, by_key, BELAY_REPLAY_DONE, 1, 1);
    uint32_t id;
    assert_int_equal(belay_replay_start(w->b, &(struct belay_replay_opt){ .flow = BELAY_STR("gone") }, w->now, &id, &w->err),
                     BELAY_NOTFOUND);
    assert_state(w, 1, BELAY_MESSAGE_DEAD);
}

/* "where" is a sequence here; "gone" compiles once only. */
static int compiles;
static int compile_where(void *arg, struct belay_str source, void **ret_where, struct belay_err *err)
{
    uint64_t *wanted = arg;
    if (belay_str_eq(source, BELAY_STR("bad")) || (belay_str_eq(source, BELAY_STR("gone")) && compiles++))
        return belay_fail(err, BELAY_SYNTAX, "where: bad");
    *ret_where = wanted;
    return BELAY_OK;
}

static bool wants_where(void *arg, void *where, const struct belay_letter *letter, belay_time now, struct belay_arena *arena,
                        bool *ret_costly)
{
    (void)arg, (void)now, (void)arena;
    *ret_costly = true; /* one a bite: the job goes on all the same */
    assert_int_equal(letter->history_count, 1);
    return letter->sequence == *(uint64_t *)where;
}

static void release_where(void *arg, void *where)
{
    assert_ptr_equal(arg, where);
}

static void groups_times_and_predicates_say_which_too(void **state)
{
    static uint64_t third = 3;
    static const struct belay_replay_where where = { compile_where, wants_where, release_where, &third };
    struct world *w = *state;
    struct belay_letter l;
    struct belay_arena arena;
    uint32_t id;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    for (int i = 0; i < 5; i++) {
        fails_with(w, i == 4 ? "VALIDATION:SCHEMA" : "HTTP:TIMEOUT");
        make_letter(w, "", false);
        pass_ms(w, 10);
    }
    world_ok(w, belay_broker_letter_get(w->b, w->sub, 5, &arena, &l, &w->err));
    uint32_t by_group = start(w, (struct belay_replay_opt){ .group = l.fingerprint });
    ack(w, take_one(w, 5));
    world_ok(w, belay_broker_letter_get(w->b, w->sub, 2, &arena, &l, &w->err));
    uint32_t by_time = start(w, (struct belay_replay_opt){ .since = l.created_at, .until = l.created_at + 1 });
    ack(w, take_one(w, 2));
    tick(w, 4);
    assert_job(w, by_group, BELAY_REPLAY_DONE, 1, 4);
    assert_job(w, by_time, BELAY_REPLAY_DONE, 1, 3);
    assert_int_equal(belay_replay_start(w->b, &(struct belay_replay_opt){ .where = BELAY_STR("3") }, w->now, &id, &w->err),
                     BELAY_INVALID); /* nobody can tell */
    belay_replay_set_where(w->b, &where);
    assert_int_equal(belay_replay_start(w->b, &(struct belay_replay_opt){ .where = BELAY_STR("bad") }, w->now, &id, &w->err),
                     BELAY_SYNTAX);
    uint32_t by_where = start(w, (struct belay_replay_opt){ .where = BELAY_STR("3") });
    compiles = 0;
    uint32_t gone = start(w, (struct belay_replay_opt){ .where = BELAY_STR("gone") });
    world_settle(w);
    world_reopen(w, SIM_POWER); /* before anything was looked at: compiled anew */
    belay_replay_set_where(w->b, &where);
    ack(w, take_one(w, 3));
    tick(w, 4);
    world_settle(w);
    assert_job(w, by_where, BELAY_REPLAY_DONE, 1, 2);
    assert_job(w, gone, BELAY_REPLAY_CANCELLED, 0, 0);
    assert_state(w, 1, BELAY_MESSAGE_DEAD);
    belay_arena_deinit(&arena);
}

static void what_fails_again_or_comes_later_is_not_taken(void **state)
{
    struct world *w = *state;
    make_letter(w, "a", true);
    make_letter(w, "b", false);
    uint32_t id = start(w, (struct belay_replay_opt){ .concurrency = 1 });
    struct belay_delivery *first = take_one(w, 1);
    tick(w, 2);
    make_letter(w, "c", false);
    letter(w, first, true);
    letter(w, take_one(w, 2), false);
    tick(w, 5);
    assert_null(take(w));
    assert_job(w, id, BELAY_REPLAY_DONE, 2, 0);
    assert_int_equal(job(w, id).failed, 2);
    assert_state(w, 1, BELAY_MESSAGE_PARKED);
    world_settle(w);
}

static void a_job_survives_and_goes_on_where_it_was(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 10; i++)
        make_letter(w, "", false);
    uint32_t id = start(w, (struct belay_replay_opt){ .concurrency = 4 });
    tick(w, 3);
    assert_int_equal(job(w, id).under_way, 4);
    world_settle(w);
    world_reopen(w, SIM_POWER);
    assert_job(w, id, BELAY_REPLAY_RUNNING, 4, 0);
    ack(w, take_one(w, 1));
    tick(w, 1);
    assert_job(w, id, BELAY_REPLAY_RUNNING, 5, 0);
    world_ok(w, belay_replay_pause(w->b, id, BELAY_STR("bob"), w->now, &w->err));
    world_settle(w);
    world_reopen(w, SIM_KILL);
    for (uint64_t s = 2; s <= 5; s++)
        ack(w, take_one(w, s));
    tick(w, 5);
    assert_null(take(w));
    assert_job(w, id, BELAY_REPLAY_PAUSED, 5, 0);
    assert_str(job(w, id).changed_by, "bob");
    world_ok(w, belay_replay_resume(w->b, id, BELAY_STR("bob"), w->now, &w->err));
    for (uint64_t s = 6; s <= 10; s++)
        ack(w, take_one(w, s));
    tick(w, 2);
    world_settle(w);
    assert_job(w, id, BELAY_REPLAY_DONE, 10, 0);
}

static void two_jobs_and_a_person_never_have_the_same_letter(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 6; i++)
        make_letter(w, "", false);
    uint32_t one = start(w, (struct belay_replay_opt){ .concurrency = 2 });
    uint32_t two = start(w, (struct belay_replay_opt){ .concurrency = 2 });
    tick(w, 4);
    assert_int_equal(job(w, one).taken + job(w, two).taken, 4);
    assert_int_equal(belay_broker_letter_replay(w->b, w->sub, 1, false, w->now, &w->err), BELAY_CONFLICT);
    assert_non_null(strstr(w->err.msg, "being replayed by job"));
    world_ok(w, belay_broker_letter_replay(w->b, w->sub, 6, false, w->now, &w->err));
    assert_int_equal(belay_broker_letter_replay(w->b, w->sub, 6, false, w->now, &w->err), BELAY_CONFLICT);
    struct belay_delivery *d;
    uint32_t seen = 0;
    while ((d = take(w))) {
        ack(w, d);
        seen++;
    }
    tick(w, 3);
    assert_int_equal(seen, 6);
    assert_int_equal(job(w, one).taken + job(w, two).taken, 5);
    assert_int_equal(job(w, one).state, BELAY_REPLAY_DONE);
    assert_int_equal(job(w, two).state, BELAY_REPLAY_DONE);
    assert_int_equal(belay_broker_letter_replay(w->b, w->sub, 6, false, w->now, &w->err), BELAY_CONFLICT);
    assert_int_equal(belay_broker_letter_replay(w->b, w->sub, 99, false, w->now, &w->err), BELAY_NOTFOUND);
    world_settle(w);
}

static void a_rate_is_kept(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 50; i++)
        make_letter(w, "", false);
    uint32_t id = start(w, (struct belay_replay_opt){ .rate = 20, .rate_seconds = 1 });
    tick(w, 1000);
    assert_in_range(job(w, id).taken, 19, 22);
    world_ok(w, belay_replay_pause(w->b, id, BELAY_STR("ann"), w->now, &w->err));
    tick(w, 1000);
    assert_in_range(job(w, id).taken, 19, 22);
    assert_int_equal(belay_replay_start(w->b, &(struct belay_replay_opt){ .rate = 20 }, w->now, &id, &w->err),
                     BELAY_INVALID);
}

static void a_cancelled_job_takes_nothing_more_and_leaves_no_rows(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 20; i++)
        make_letter(w, "a", false);
    uint32_t id = start(w, ALL);
    tick(w, 2);
    assert_int_equal(job(w, id).aside, 19);
    world_ok(w, belay_broker_letter_discard(w->b, w->sub, 7, BELAY_STR("old"), BELAY_STR("me"), w->now, &w->err));
    world_ok(w, belay_replay_cancel(w->b, id, BELAY_STR("bob"), w->now, &w->err));
    assert_int_equal(belay_replay_resume(w->b, id, BELAY_STR("bob"), w->now, &w->err), BELAY_CONFLICT);
    assert_int_equal(belay_replay_pause(w->b, 77, BELAY_STR("bob"), w->now, &w->err), BELAY_NOTFOUND);
    tick(w, 3);
    world_settle(w);
    assert_job(w, id, BELAY_REPLAY_CANCELLED, 1, 19);
    ack(w, take_one(w, 1));
    assert_null(take(w));
    world_settle(w);
    assert_int_equal(job(w, id).done, 1);
    assert_int_equal(stats_of(w).dead, 18);
}

static void what_was_put_aside_may_be_gone_when_its_turn_comes(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 4; i++)
        make_letter(w, "a", false);
    uint32_t id = start(w, ALL);
    struct belay_delivery *d = take_one(w, 1);
    tick(w, 2);
    world_ok(w, belay_broker_letter_discard(w->b, w->sub, 2, BELAY_STR("old"), BELAY_STR("me"), w->now, &w->err));
    world_ok(w, belay_broker_letter_replay(w->b, w->sub, 3, false, w->now, &w->err));
    ack(w, d);
    letter(w, take_one(w, 3), false); /* again one, but not of this job's time */
    ack(w, take_one(w, 4));
    tick(w, 3);
    world_settle(w);
    assert_job(w, id, BELAY_REPLAY_DONE, 2, 2);
}

/* ---- what a person edited ---- */

static bool says_made(struct belay_str progress)
{
    return belay_str_eq(progress, BELAY_STR("made"));
}

/* Of a flow that had made something of the message. */
static uint64_t make_letter_with(struct world *w, const char *key, const char *progress)
{
    uint64_t sequence = publish(w, key, "{}");
    world_ok(w, belay_broker_letter(w->b, take_one(w, sequence), &w->fault, true, belay_str_c(progress),
                                    (struct belay_hash128){ 1, 2 }, w->now, &w->err));
    world_flush(w);
    return sequence;
}

static void edit(struct world *w, uint64_t sequence, bool restore)
{
    struct belay_arena arena;
    struct belay_letter l;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    world_ok(w, belay_broker_letter_get(w->b, w->sub, sequence, &arena, &l, &w->err));
    if (restore)
        world_ok(w, belay_broker_letter_original(w->b, w->sub, sequence, &arena, &l.message, &w->err));
    else
        l.message.body = BELAY_STR("{\"edited\":1}");
    world_ok(w, belay_broker_letter_edit(w->b, w->sub, sequence, l.edits, &l.message, w->now, &w->err));
    belay_arena_deinit(&arena);
}

static void an_edit_that_its_flow_would_not_see_is_passed_by_but_from_the_start(void **state)
{
    struct world *w = *state;
    belay_broker_set_carries(w->b, says_made);
    uint64_t unseen = make_letter_with(w, "a", "made"), back = make_letter_with(w, "b", "made");
    uint64_t seen = make_letter_with(w, "c", "answers"), untouched = make_letter_with(w, "d", "made");
    for (uint64_t s = unseen; s <= seen; s++)
        edit(w, s, false);
    edit(w, back, true);
    assert_true(belay_broker_letter_unseen(w->b, w->sub, unseen));
    assert_false(belay_broker_letter_unseen(w->b, w->sub, back));
    assert_int_equal(belay_broker_lane_retry(w->b, w->sub, BELAY_STR("a"), w->now, &w->err), BELAY_CONFLICT);
    assert_non_null(strstr(w->err.msg, "belay dlq replay billing 1 --from-start"));
    uint32_t id = start(w, ALL);
    ack(w, take_one(w, back));
    ack(w, take_one(w, seen));
    ack(w, take_one(w, untouched));
    assert_null(take(w));
    world_settle(w);
    assert_job(w, id, BELAY_REPLAY_DONE, 3, 1);
    struct belay_replay_opt anew = ALL;
    anew.from_start = true;
    id = start(w, anew);
    struct belay_delivery *d = take_one(w, unseen);
    assert_str(d->message.body, "{\"edited\":1}");
    assert_int_equal(d->progress.n, 0);
    ack(w, d);
    assert_null(take(w));
    world_settle(w);
    assert_job(w, id, BELAY_REPLAY_DONE, 1, 0);
}

static uint64_t import(struct world *w, const struct belay_letter *l)
{
    uint64_t sequence = 0;
    world_ok(w, belay_broker_letter_import(w->b, w->sub, l, w->now, &sequence, &w->err));
    return sequence;
}

/* Edited before the export, or in the file; and one that is as its run had it, in the edited words. */
static void an_imported_letter_of_another_message_is_passed_by_too(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    struct belay_letter l;
    belay_broker_set_carries(w->b, says_made);
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    uint64_t was = make_letter_with(w, "a", "made");
    edit(w, was, false);
    world_ok(w, belay_broker_letter_get(w->b, w->sub, was, &arena, &l, &w->err));
    world_ok(w, belay_broker_letter_discard(w->b, w->sub, was, BELAY_STR("exported"), BELAY_STR("ann"), w->now, &w->err));
    uint64_t edited = import(w, &l);
    l.message.body = BELAY_STR("{}");
    uint64_t as_it_was = import(w, &l);
    l.message.headers = &(struct belay_field){ BELAY_STR("x"), BELAY_STR("1") };
    l.message.header_count = 1;
    uint64_t other_headers = import(w, &l);
    world_settle(w);
    world_reopen(w, SIM_KILL);
    belay_broker_set_carries(w->b, says_made);
    assert_true(belay_broker_letter_unseen(w->b, w->sub, edited));
    assert_true(belay_broker_letter_unseen(w->b, w->sub, other_headers));
    assert_false(belay_broker_letter_unseen(w->b, w->sub, as_it_was));
    uint32_t id = start(w, ALL);
    ack(w, take_one(w, as_it_was));
    assert_null(take(w));
    world_settle(w);
    assert_job(w, id, BELAY_REPLAY_DONE, 1, 2);
    belay_arena_deinit(&arena);
}

/* What goes on with the progress it had keeps its word of which message that was; what had made nothing of any takes the one
 * it has. */
static void progress_is_of_the_message_that_its_run_began_from(void **state)
{
    struct world *w = *state;
    belay_broker_set_carries(w->b, says_made);
    static const char *const had[] = { "made", "answers" };
    for (int i = 0; i < 2; i++) {
        uint64_t s = make_letter_with(w, "", had[i]);
        edit(w, s, false);
        world_ok(w, belay_broker_letter_replay(w->b, w->sub, s, false, w->now, &w->err));
        struct belay_delivery *d = take_one(w, s);
        world_ok(w, belay_broker_progress(w->b, d, BELAY_STR("more"), (struct belay_hash128){ 1, 2 }, &w->err));
        world_ok(w, belay_broker_letter(w->b, d, &w->fault, true, BELAY_STR("made"), (struct belay_hash128){ 1, 2 }, w->now,
                                        &w->err));
        world_settle(w);
        assert_int_equal(belay_broker_letter_unseen(w->b, w->sub, s), i == 0);
        world_ok(w, belay_broker_letter_replay(w->b, w->sub, s, true, w->now, &w->err));
        world_ok(w, belay_broker_letter(w->b, take_one(w, s), &w->fault, true, BELAY_STR("made"), (struct belay_hash128){ 1, 2 },
                                        w->now, &w->err));
        assert_false(belay_broker_letter_unseen(w->b, w->sub, s));
        edit(w, s, true);
        assert_true(belay_broker_letter_unseen(w->b, w->sub, s));
    }
}

static void one_that_is_edited_while_it_waits_for_its_turn_is_passed_by_too(void **state)
{
    struct world *w = *state;
    belay_broker_set_carries(w->b, says_made);
    for (int i = 0; i < 2; i++) {
        uint64_t sequence = publish(w, "a", "{}");
        world_ok(w, belay_broker_letter(w->b, take_one(w, sequence), &w->fault, false, BELAY_STR("made"),
                                        (struct belay_hash128){ 1, 2 }, w->now, &w->err));
    }
    uint32_t id = start(w, ALL);
    struct belay_delivery *first = take_one(w, 1);
    tick(w, 3);
    assert_int_equal(job(w, id).aside, 1);
    edit(w, 2, false);
    ack(w, first);
    tick(w, 3);
    assert_null(take(w));
    world_settle(w);
    assert_job(w, id, BELAY_REPLAY_DONE, 1, 1);
}

static void jobs_are_few_and_the_oldest_are_forgotten(void **state)
{
    struct world *w = *state;
    struct belay_replay r;
    uint32_t id;
    make_letter(w, "", false);
    for (int i = 0; i < BELAY_REPLAYS_MAX; i++) {
        id = start(w, (struct belay_replay_opt){ .key = BELAY_STR("nobody's") });
        world_ok(w, belay_replay_pause(w->b, id, BELAY_STR("ann"), w->now, &w->err));
    }
    assert_int_equal(belay_replay_start(w->b, &ALL, w->now, &id, &w->err), BELAY_LIMIT);
    for (uint32_t i = 1; i <= BELAY_REPLAYS_MAX; i++)
        world_ok(w, belay_replay_cancel(w->b, i, BELAY_STR("ann"), w->now, &w->err));
    for (int i = 0; i < BELAY_REPLAYS_KEPT_MAX; i++) {
        id = start(w, (struct belay_replay_opt){ .key = BELAY_STR("nobody's") });
        tick(w, 2);
    }
    assert_int_equal(id, BELAY_REPLAYS_MAX + BELAY_REPLAYS_KEPT_MAX);
    world_settle(w);
    world_reopen(w, SIM_POWER);
    assert_true(belay_replay_at(w->b, 0, &r));
    assert_int_equal(r.id, BELAY_REPLAYS_MAX + 1);
    assert_true(belay_replay_at(w->b, BELAY_REPLAYS_KEPT_MAX - 1, &r));
    assert_false(belay_replay_at(w->b, BELAY_REPLAYS_KEPT_MAX, &r));
}

static void without_memory_no_job_begins(void **state)
{
    struct world *w = *state;
    uint32_t id, n = 0;
    int status = BELAY_NOMEM;
    make_letter(w, "", false);
    for (; status == BELAY_NOMEM && n < 50; n++) {
        belay_alloc_fail_after(n);
        status = belay_replay_start(w->b, &ALL, w->now, &id, &w->err);
        belay_alloc_fail_after(UINT64_MAX);
    }
    assert_int_equal(status, BELAY_OK);
    assert_true(n > 3);
    ack(w, take_one(w, 1));
    tick(w, 2);
    world_settle(w);
    assert_job(w, id, BELAY_REPLAY_DONE, 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(all_letters_are_replayed_once_and_the_job_ends),
        WORLD_TEST(a_key_goes_one_after_the_other_and_others_pass),
        WORLD_TEST(in_any_order_they_need_not_wait),
        WORLD_TEST(filters_say_which_letters),
        WORLD_TEST(groups_times_and_predicates_say_which_too),
        WORLD_TEST(what_fails_again_or_comes_later_is_not_taken),
        WORLD_TEST(a_job_survives_and_goes_on_where_it_was),
        WORLD_TEST(two_jobs_and_a_person_never_have_the_same_letter),
        WORLD_TEST(a_rate_is_kept),
        WORLD_TEST(a_cancelled_job_takes_nothing_more_and_leaves_no_rows),
        WORLD_TEST(what_was_put_aside_may_be_gone_when_its_turn_comes),
        WORLD_TEST(an_edit_that_its_flow_would_not_see_is_passed_by_but_from_the_start),
        WORLD_TEST(one_that_is_edited_while_it_waits_for_its_turn_is_passed_by_too),
        WORLD_TEST(an_imported_letter_of_another_message_is_passed_by_too),
        WORLD_TEST(progress_is_of_the_message_that_its_run_began_from),
        WORLD_TEST(jobs_are_few_and_the_oldest_are_forgotten),
        WORLD_TEST(without_memory_no_job_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
