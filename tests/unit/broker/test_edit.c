/* A letter's message, changed by persons: the original stays, a wrong change changes nothing, of two the second is told. */
#include "base/alloc.h"
#include "unit/broker/broker_fixture.h"

static struct belay_letter get(struct world *w, struct belay_arena *arena)
{
    struct belay_letter l;
    world_ok(w, belay_broker_letter_get(w->b, w->sub, 1, arena, &l, &w->err));
    return l;
}

static int edit(struct world *w, uint32_t version, const char *body, struct belay_arena *arena)
{
    struct belay_letter l = get(w, arena);
    l.message.body = belay_str_c(body);
    return belay_broker_letter_edit(w->b, w->sub, 1, version, &l.message, w->now, &w->err);
}

static struct belay_message original(struct world *w, struct belay_arena *arena)
{
    struct belay_message m;
    world_ok(w, belay_broker_letter_original(w->b, w->sub, 1, arena, &m, &w->err));
    return m;
}

static void make_letter(struct world *w)
{
    publish(w, "k1", "{\"a\":1}");
    letter(w, take_one(w, 1), true);
    world_settle(w);
}

static void the_edited_message_is_delivered_and_the_original_kept(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    make_letter(w);
    assert_str(original(w, &arena).body, "{\"a\":1}");
    world_ok(w, edit(w, 0, "{\"a\":2}", &arena));
    world_settle(w);
    world_ok(w, edit(w, 1, "{\"a\":3}", &arena));
    world_settle(w);
    world_reopen(w, SIM_POWER);
    struct belay_letter l = get(w, &arena);
    assert_int_equal(l.edits, 2);
    assert_str(l.message.body, "{\"a\":3}");
    assert_str(l.message.key, "k1");
    assert_true(belay_hash128_eq(l.payload_hash, belay_hash128(l.message.body)));
    assert_str(original(w, &arena).body, "{\"a\":1}");
    assert_int_equal(l.message.accepted_at, original(w, &arena).accepted_at);
    world_ok(w, belay_broker_letter_replay(w->b, w->sub, 1, true, w->now, &w->err));
    struct belay_delivery *d = take_one(w, 1);
    assert_str(d->message.body, "{\"a\":3}");
    letter(w, d, true);
    world_settle(w);
    l = get(w, &arena);
    assert_int_equal(l.edits, 2); /* a letter again: its story stays */
    assert_str(original(w, &arena).body, "{\"a\":1}");
    world_ok(w, belay_broker_letter_discard(w->b, w->sub, 1, BELAY_STR("x"), BELAY_STR("me"), w->now, &w->err));
    world_settle(w);
    struct belay_str key, value;
    assert_false(belay_state_seek(belay_store_state(w->store), BELAY_TABLE_LETTER, BELAY_STR("\0"), false, BELAY_STR_NONE,
                                  &key, &value));
    belay_arena_deinit(&arena);
}

static void the_second_of_two_editors_is_told(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    make_letter(w);
    world_ok(w, edit(w, 0, "ann's", &arena));
    assert_int_equal(edit(w, 0, "bob's", &arena), BELAY_CONFLICT);
    assert_str(get(w, &arena).message.body, "ann's");
    world_ok(w, edit(w, 1, "bob's, knowing ann's", &arena));
    world_ok(w, belay_broker_letter_replay(w->b, w->sub, 1, false, w->now, &w->err));
    struct belay_message m = { .body = BELAY_STR("too late") };
    assert_int_equal(belay_broker_letter_edit(w->b, w->sub, 1, 2, &m, w->now, &w->err), BELAY_CONFLICT);
    world_settle(w);
    belay_arena_deinit(&arena);
}

static void what_is_too_large_or_finds_no_memory_changes_nothing(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    static char large[BELAY_MESSAGE_BYTES_DEFAULT + 2];
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    make_letter(w);
    memset(large, 'x', sizeof large - 1);
    assert_int_equal(edit(w, 0, large, &arena), BELAY_LIMIT);
    bool done = false;
    for (uint64_t n = 0; !done && n < 200; n++) {
        struct belay_letter l = get(w, &arena);
        l.message.body = BELAY_STR("{\"b\":1}");
        belay_alloc_fail_after(n);
        int status = belay_broker_letter_edit(w->b, w->sub, 1, 0, &l.message, w->now, &w->err);
        belay_alloc_fail_after(UINT64_MAX);
        done = status == BELAY_OK;
        assert_true(done || status == BELAY_NOMEM || status == BELAY_BUSY);
        assert_int_equal(get(w, &arena).edits, done);
        world_settle(w);
        belay_arena_reset(&arena);
    }
    assert_true(done);
    belay_arena_deinit(&arena);
}

static void open_again(struct world *w, uint64_t segment_bytes, size_t overlay_bytes)
{
    world_settle(w);
    w->opt.segment_bytes = segment_bytes;
    w->opt.overlay_bytes_max = overlay_bytes;
    world_reopen(w, SIM_KILL);
    publish(w, "k0", "{}"); /* until a segment of the new size is in use */
    world_settle(w);
    world_ok(w, belay_broker_ack(w->b, take_one(w, 1), &w->err));
    world_settle(w);
}

/* What a person writes is no larger than other messages; what came larger goes back as it came. */
static void what_came_larger_than_a_person_may_write_is_put_back_as_it_came(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    static char large[BELAY_MESSAGE_BYTES_DEFAULT + BELAY_KIB(512)];
    belay_arena_init(&arena, 0, BELAY_MIB(16));
    memset(large, 'x', sizeof large - 1);
    open_again(w, BELAY_MIB(4), 0);
    publish(w, "k1", large);
    letter(w, take_one(w, 2), true);
    world_settle(w);
    struct belay_letter l;
    world_ok(w, belay_broker_letter_get(w->b, w->sub, 2, &arena, &l, &w->err));
    l.message.body = BELAY_STR("{\"a\":2}");
    world_ok(w, belay_broker_letter_edit(w->b, w->sub, 2, 0, &l.message, w->now, &w->err));
    world_settle(w);
    struct belay_message m;
    world_ok(w, belay_broker_letter_original(w->b, w->sub, 2, &arena, &m, &w->err));
    world_ok(w, belay_broker_letter_edit(w->b, w->sub, 2, 1, &m, w->now, &w->err));
    world_settle(w);
    world_ok(w, belay_broker_letter_get(w->b, w->sub, 2, &arena, &l, &w->err));
    assert_str(l.message.body, large);
    belay_arena_deinit(&arena);
}

#define LARGE_BYTES BELAY_KIB(100) /* its edit keeps the original too: more than the overlay of this world */
#define PAGE 4

static int try_publish(struct world *w, const char *key, const char *body)
{
    const struct belay_message m = { .id = BELAY_STR("m"), .source = BELAY_STR("/test"), .type = BELAY_STR("order"),
                                     .key = belay_str_c(key), .body = belay_str_c(body) };
    uint64_t sequence;
    return belay_broker_publish(w->b, BELAY_STR("orders"), &m, w->now, &sequence, &w->err);
}

/* Takes it and makes a letter of it, each as soon as there is room. */
static void make_letter_of(struct world *w, const char *key, const char *body, uint64_t sequence)
{
    int status = BELAY_BUSY;
    for (int tries = 0; status == BELAY_BUSY && tries < 20; tries++) {
        status = try_publish(w, key, body);
        world_settle(w);
    }
    world_ok(w, status);
    struct belay_delivery *d = take_one(w, sequence);
    status = BELAY_BUSY;
    for (int tries = 0; status == BELAY_BUSY && tries < 20; tries++) {
        status = belay_broker_letter(w->b, d, &w->fault, true, BELAY_STR_NONE, (struct belay_hash128){ 0 }, w->now, &w->err);
        world_settle(w);
    }
    world_ok(w, status);
}

static void make_page(struct world *w)
{
    static char large[LARGE_BYTES];
    char key[16];
    memset(large, 'x', sizeof large - 1);
    for (uint64_t n = 2; n < 2 + PAGE; n++) {
        snprintf(key, sizeof key, "k%llu", (unsigned long long)n);
        make_letter_of(w, key, large, n);
    }
}

/* Asked again each time after a commit, while others publish: it is granted, after a checkpoint or two. */
static void edit_until_granted(struct world *w, uint64_t sequence, struct belay_arena *arena)
{
    int status = BELAY_BUSY;
    for (int tries = 0; status == BELAY_BUSY && tries < 20; tries++) {
        struct belay_letter l;
        belay_arena_reset(arena);
        world_ok(w, belay_broker_letter_get(w->b, w->sub, sequence, arena, &l, &w->err));
        l.message.body = BELAY_STR("{\"b\":1}");
        status = belay_broker_letter_edit(w->b, w->sub, sequence, 0, &l.message, w->now, &w->err);
        (void)try_publish(w, "other", "{}"); /* there may be no room for it either */
        world_settle(w);
    }
    world_ok(w, status);
}

static void a_page_of_letters_as_large_as_the_overlay_is_edited_and_replayed_while_others_publish(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(16));
    open_again(w, BELAY_KIB(256), BELAY_KIB(96));
    make_page(w);
    for (uint64_t n = 2; n < 2 + PAGE; n++)
        edit_until_granted(w, n, &arena);
    for (uint64_t n = 2; n < 2 + PAGE; n++) {
        world_ok(w, belay_broker_letter_replay(w->b, w->sub, n, true, w->now, &w->err));
        world_settle(w);
    }
    world_reopen(w, SIM_POWER);
    for (uint64_t n = 2; n < 2 + PAGE; n++) {
        struct belay_letter l;
        assert_int_equal(belay_broker_letter_get(w->b, w->sub, n, &arena, &l, &w->err), BELAY_NOTFOUND); /* under way */
    }
    belay_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(the_edited_message_is_delivered_and_the_original_kept),
        WORLD_TEST(the_second_of_two_editors_is_told),
        WORLD_TEST(what_is_too_large_or_finds_no_memory_changes_nothing),
        WORLD_TEST(what_came_larger_than_a_person_may_write_is_put_back_as_it_came),
        WORLD_TEST(a_page_of_letters_as_large_as_the_overlay_is_edited_and_replayed_while_others_publish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
