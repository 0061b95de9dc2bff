/* A bite of a replay job: how many it takes, what becomes of it without memory, and which records make no sense. */
#include "unit/broker/broker_fixture.h"

#include "base/alloc.h"
#include "broker/replay.h"
#include "broker/replay_impl.h"

static const struct belay_replay_opt all = { .who = { "ann", 3 } };

/* Publishes under each key and makes it a dead letter. */
static void make_letters(struct world *w, uint32_t count, const char *const *keys, uint32_t key_count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t sequence = publish(w, keys[i % key_count], "{}");
        letter(w, take_one(w, sequence), false);
        world_flush(w);
    }
}

static uint32_t start(struct world *w, const struct belay_replay_opt *opt)
{
    uint32_t id = 0;
    pass_ms(w, 1);
    world_ok(w, belay_replay_start(w->b, opt, w->now, &id, &w->err));
    return id;
}

static struct belay_replay job(struct world *w, uint32_t id)
{
    struct belay_replay r;
    world_ok(w, belay_replay_get(w->b, id, &r, &w->err));
    return r;
}

static void a_bite_takes_what_there_is_room_for(void **state)
{
    static const char *const none[] = { "" };
    struct world *w = *state;
    make_letters(w, 20, none, 1);
    struct belay_replay_opt opt = all;
    opt.concurrency = 5;
    uint32_t id = start(w, &opt);
    for (uint64_t under_way = 5; under_way; under_way = job(w, id).under_way) {
        for (int i = 0; i < 5; i++)
            pass_ms(w, 1);
        assert_int_equal(job(w, id).under_way, 5);
        if (job(w, id).taken == 20)
            break;
        struct belay_delivery *d = take(w);
        assert_non_null(d);
        ack(w, d);
    }
    assert_int_equal(job(w, id).done, 15);
    world_settle(w);
}

static void without_memory_a_bite_is_made_later(void **state)
{
    static const char *const keys[] = { "", "a", "", "b" };
    struct world *w = *state;
    make_letters(w, 40, keys, 4);
    uint32_t id = start(w, &all);
    for (uint32_t n = 0; job(w, id).state != BELAY_REPLAY_DONE; n++) {
        assert_true(n < 2000);
        belay_alloc_fail_after(n % 16);
        pass_ms(w, 3);
        belay_alloc_fail_after(UINT64_MAX);
        struct belay_delivery *d = n % 2 ? take(w) : NULL;
        if (d)
            ack(w, d);
    }
    assert_int_equal(job(w, id).taken, 40);
    assert_int_equal(job(w, id).done, 40);
    assert_int_equal(job(w, id).looked, 40);
    world_settle(w);
}

/* ---- records ---- */

enum { TAKE = 1, ASIDE = 2, TAKE_ASIDE = 3, GONE_ASIDE = 4 };

struct told { /* a bite that says one thing */
    uint32_t job, sub;
    uint64_t sequence;
    uint8_t verdict;
};

static size_t pack(struct world *w, const struct told *t, char *to, size_t size)
{
    struct belay_buf out = { .p = to, .cap = size, .size_bytes_max = size };
    belay_pack_varint(&out, t->job);
    belay_pack_varint(&out, t->sub);
    belay_pack_svarint(&out, w->now);
    belay_pack_varint(&out, t->verdict == TAKE ? t->sequence : 0); /* else the cursor stays */
    belay_pack_varint(&out, 0); /* nothing was passed by */
    belay_pack_varint(&out, 1);
    belay_pack_svarint(&out, (int64_t)t->sequence);
    belay_pack_u8(&out, t->verdict);
    if (t->verdict == GONE_ASIDE)
        belay_buf_put_str(&out, BELAY_STR("0123456789abcdef"));
    assert_ok(belay_buf_status(&out));
    return out.n;
}

static int apply(struct world *w, const char *bytes, size_t n)
{
    char *exact = malloc(n ? n : 1); /* so that a sanitizer sees who reads beyond it */
    assert_non_null(exact);
    memcpy(exact, bytes, n);
    const struct belay_record record = { .type = RECORD_REPLAY_BITE, .version = RECORD_VERSION, .body = belay_str(exact, n) };
    world_ok(w, belay_state_reserve(w->b->state, BELAY_KIB(8), 32, &w->err));
    int status = belay_broker_apply(w->b, 1, &record, &w->err);
    free(exact);
    return status;
}

static void a_record_that_makes_no_sense_is_refused(void **state)
{
    static const char *const keys[] = { "a" };
    char bytes[100];
    struct world *w = *state;
    make_letters(w, 2, keys, 1);
    uint64_t waiting = publish(w, "b", "{}");
    retry(w, take_one(w, waiting), 60000);
    uint32_t id = start(w, &all);
    world_ok(w, belay_replay_pause(w->b, id, BELAY_STR("ann"), w->now, &w->err));
    uint32_t sub = belay_subscription_id(w->sub);
    const struct told wrong[] = {
        { id + 1, sub, 1, TAKE },       { id, sub + 1, 1, TAKE },     { id, sub, 1, 0 },
        { id, sub, 1, GONE_ASIDE + 1 }, { id, sub, 77, TAKE },        { id, sub, 77, ASIDE },
        { id, sub, waiting, TAKE },     { id, sub, waiting, ASIDE },  { id, sub, 77, TAKE_ASIDE },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(apply(w, bytes, pack(w, &wrong[i], bytes, sizeof bytes)), BELAY_CORRUPT);
    const struct told right = { id, sub, 1, TAKE };
    size_t n = pack(w, &right, bytes, sizeof bytes);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(apply(w, bytes, cut), BELAY_CORRUPT);
    assert_int_equal(job(w, id).taken, 0);
    assert_int_equal(stats_of(w).dead, 2);
    assert_ok(apply(w, bytes, n));
    assert_int_equal(job(w, id).taken, 1);
    assert_int_equal(job(w, id).under_way, 1);
    assert_int_equal(stats_of(w).dead, 1);
    world_ok(w, belay_broker_check(w->b, &w->err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_bite_takes_what_there_is_room_for),
        WORLD_TEST(without_memory_a_bite_is_made_later),
        WORLD_TEST(a_record_that_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
