/* What a lane in trouble holds: runs of sequences in rows, beside a plain sorted array. */
#include "base/random.h"
#include "unit/broker/broker_fixture.h"

#define MODEL_MAX 4000

struct lane_at_hand {
    struct world *w;
    struct belay_hash128 lane;
    struct lane_row row;
    uint64_t model[MODEL_MAX];
    uint32_t n;
    struct belay_random random;
};

static void make_room(struct lane_at_hand *l)
{
    world_ok(l->w, belay_state_reserve(l->w->b->state, BELAY_KIB(4), 8, &l->w->err));
}

/* A lane in trouble whose head is message 1. */
static void begin(struct lane_at_hand *l, struct world *w)
{
    *l = (struct lane_at_hand){ .w = w, .lane = belay_hash128(BELAY_STR("k")), .row = { .head = 1 } };
    key_text_set(&l->row.key, BELAY_STR("k"));
    w->sub->n.lanes_in_trouble = 1;
    make_room(l);
    lane_row_put(w->b, w->sub->id, l->lane, &l->row);
}

static uint32_t place_of(const struct lane_at_hand *l, uint64_t sequence)
{
    uint32_t at = 0;
    while (at < l->n && l->model[at] < sequence)
        at++;
    return at;
}

static void append(struct lane_at_hand *l, uint64_t sequence)
{
    uint32_t at = place_of(l, sequence);
    make_room(l);
    held_append(l->w->b, l->w->sub->id, l->lane, &l->row, sequence);
    lane_row_put(l->w->b, l->w->sub->id, l->lane, &l->row);
    if (at < l->n && l->model[at] == sequence)
        return; /* it was held already */
    assert_true(l->n < MODEL_MAX);
    memmove(&l->model[at + 1], &l->model[at], (l->n - at) * sizeof l->model[0]);
    l->model[at] = sequence;
    l->n++;
    l->w->sub->n.held++;
}

static void take_first(struct lane_at_hand *l)
{
    make_room(l);
    assert_int_equal(held_take(l->w->b, l->w->sub->id, l->lane, &l->row), l->model[0]);
    lane_row_put(l->w->b, l->w->sub->id, l->lane, &l->row);
    memmove(&l->model[0], &l->model[1], --l->n * sizeof l->model[0]);
    l->w->sub->n.held--;
}

static void remove_at(struct lane_at_hand *l, uint32_t at)
{
    make_room(l);
    held_remove(l->w->b, l->w->sub, l->lane, l->model[at]);
    assert_true(lane_row_get(l->w->b, l->w->sub->id, l->lane, &l->row));
    memmove(&l->model[at], &l->model[at + 1], (--l->n - at) * sizeof l->model[0]);
}

struct seen {
    const struct lane_at_hand *l;
    uint32_t n, n_max;
};

static bool see(void *arg, uint64_t sequence)
{
    struct seen *s = arg;
    assert_true(s->n < s->l->n);
    if (sequence != s->l->model[s->n])
        fail_msg("held %u is %llu, not %llu", s->n, (unsigned long long)sequence,
                 (unsigned long long)s->l->model[s->n]);
    return ++s->n < s->n_max;
}

static uint32_t runs_of(const struct lane_at_hand *l)
{
    struct row_key prefix = key_lane(l->w->sub->id, l->lane), at = prefix;
    struct belay_str key, value;
    uint32_t n = 0;
    while (belay_state_seek(l->w->b->state, BELAY_TABLE_HELD, row_key_str(&at), true, row_key_str(&prefix), &key, &value)) {
        at = row_key_of(key);
        n++;
    }
    return n;
}

static void agrees(const struct lane_at_hand *l)
{
    struct seen s = { .l = l, .n_max = UINT32_MAX };
    struct belay_hash128 lane;
    held_each(l->w->b, l->w->sub->id, l->lane, &l->row, see, &s);
    assert_int_equal(s.n, l->n);
    assert_int_equal(l->row.held, l->n);
    assert_int_equal(l->w->sub->n.held, l->n);
    if (!l->n)
        assert_int_equal(runs_of(l), 0);
    for (uint32_t i = 0; i < l->n; i += 1 + l->n / 16) {
        assert_true(held_find(l->w->b, l->w->sub, l->model[i], &lane));
        assert_true(belay_hash128_eq(lane, l->lane));
    }
}

/* Nothing of it is the broker's: it ends as it began. */
static void end(struct lane_at_hand *l)
{
    while (l->n)
        take_first(l);
    agrees(l);
    l->w->sub->n.lanes_in_trouble = 0;
}

static void what_is_held_comes_in_order_whatever_the_distances(void **state)
{
    static const uint64_t steps[] = { 1, 127, 128, 20000, UINT64_C(1) << 40 };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct lane_at_hand l;
        begin(&l, *state);
        for (uint64_t n = 1; n <= 700; n++)
            append(&l, 1 + n * steps[i]);
        assert_true(runs_of(&l) > 1);
        agrees(&l);
        end(&l);
    }
}

static void one_that_is_asked_for_few_gets_the_first(void **state)
{
    struct lane_at_hand l;
    begin(&l, *state);
    for (uint64_t n = 2; n <= 600; n++)
        append(&l, n);
    for (int i = 0; i < 5; i++)
        take_first(&l);
    struct seen s = { .l = &l, .n_max = 3 };
    held_each(l.w->b, l.w->sub->id, l.lane, &l.row, see, &s);
    assert_int_equal(s.n, 3);
    end(&l);
}

static void what_was_taken_or_removed_is_held_no_more(void **state)
{
    struct lane_at_hand l;
    struct belay_hash128 lane;
    begin(&l, *state);
    for (uint64_t n = 2; n <= 40; n++)
        append(&l, n);
    take_first(&l);
    remove_at(&l, place_of(&l, 20));
    assert_false(held_find(l.w->b, l.w->sub, 2, &lane));
    assert_false(held_find(l.w->b, l.w->sub, 20, &lane));
    assert_true(held_find(l.w->b, l.w->sub, 21, &lane));
    uint64_t held = l.w->sub->n.held;
    make_room(&l);
    held_remove(l.w->b, l.w->sub, l.lane, 2); /* nor is it removed again */
    held_remove(l.w->b, l.w->sub, l.lane, 20);
    held_remove(l.w->b, l.w->sub, l.lane, 4711);
    held_remove(l.w->b, l.w->sub, belay_hash128(BELAY_STR("no lane")), 21);
    assert_int_equal(l.w->sub->n.held, held);
    agrees(&l);
    end(&l);
}

/* A subscription goes back, and meets a message between those of an earlier run, when the last run is gone. */
static void one_that_comes_late_has_its_place_also_without_a_last_run(void **state)
{
    struct lane_at_hand l;
    begin(&l, *state);
    for (uint64_t n = 1; runs_of(&l) < 2; n++)
        append(&l, 2 * n);
    remove_at(&l, l.n - 1);
    assert_int_equal(runs_of(&l), 1);
    append(&l, 7);
    append(&l, 5);
    agrees(&l);
    append(&l, l.model[l.n - 1] + 2);
    agrees(&l);
    end(&l);
}

enum mood { GROWS, LOSES_ITS_END, SHRINKS, MOODS };

static void step(struct lane_at_hand *l, enum mood mood, uint64_t *last)
{
    static const uint64_t up_to[MOODS][4] = { /* appended, put anywhere, the last removed, the first taken, else removed */
        [GROWS] = { 60, 80, 85, 90 }, [LOSES_ITS_END] = { 2, 12, 90, 95 }, [SHRINKS] = { 5, 15, 20, 70 } };
    uint64_t far = belay_random_below(&l->random, 10) ? 1 + belay_random_below(&l->random, 5) : UINT64_C(1) << 21;
    uint64_t what = belay_random_below(&l->random, 100);
    if (what < up_to[mood][0] || !l->n)
        append(l, *last += far);
    else if (what < up_to[mood][1])
        append(l, 2 + belay_random_below(&l->random, *last)); /* there or not */
    else if (what < up_to[mood][2])
        remove_at(l, l->n - 1);
    else if (what < up_to[mood][3])
        take_first(l);
    else
        remove_at(l, (uint32_t)belay_random_below(&l->random, l->n));
}

static void random_operations_agree_with_a_sorted_array(void **state)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct lane_at_hand l;
        uint64_t last = 1;
        begin(&l, *state);
        l.random.state = seed;
        for (uint64_t n = belay_random_below(&l.random, 900); n; n--)
            append(&l, last += 1 + belay_random_below(&l.random, 3));
        for (int i = 0; i < 600; i++) {
            step(&l, i / 150 == 0 ? GROWS : (enum mood)(1 + (i / 150 + seed) % 2), &last);
            if (i % 10 == 0)
                agrees(&l);
        }
        end(&l);
    }
}

/* ---- rows that cannot be read ---- */

static void put(struct lane_at_hand *l, uint32_t table, struct row_key key, const char *bytes, size_t n)
{
    char *exact = malloc(n ? n : 1); /* so that a sanitizer sees who reads beyond it */
    assert_non_null(exact);
    if (n)
        memcpy(exact, bytes, n);
    make_room(l);
    belay_state_put(l->w->b->state, table, row_key_str(&key), belay_str(exact, n));
    free(exact);
}

static void a_run_that_cannot_be_read_holds_nothing(void **state)
{
    char bytes[600] = { 0 };
    struct lane_at_hand l;
    struct belay_hash128 lane;
    begin(&l, *state);
    append(&l, 5);
    append(&l, 9);
    struct row_key key = key_held(l.w->sub->id, l.lane, 5);
    struct belay_str run;
    assert_true(belay_state_get(l.w->b->state, BELAY_TABLE_HELD, row_key_str(&key), &run));
    char sound[32];
    size_t sound_n = run.n;
    memcpy(sound, run.p, run.n);
    for (int i = 0; i < 8; i++) {
        size_t n = (const size_t[]){ 0, 1, 8, sizeof bytes, sound_n, sound_n, sound_n - 1, sound_n + 1 }[i];
        memcpy(bytes, sound, sound_n);
        if (i == 4)
            bytes[0]++; /* of another version */
        if (i == 5)
            bytes[sound_n - 1] = (char)0x80; /* a number without its end */
        put(&l, BELAY_TABLE_HELD, key, bytes, n);
        struct seen s = { .l = &l, .n_max = UINT32_MAX };
        held_each(l.w->b, l.w->sub->id, l.lane, &l.row, see, &s);
        assert_int_equal(s.n, 0);
        assert_true(!held_find(l.w->b, l.w->sub, 9, &lane) || i == 7); /* that one goes on behind a sound run */
        make_room(&l);
        held_remove(l.w->b, l.w->sub, l.lane, 5);
        assert_int_equal(l.w->sub->n.held, 2);
    }
    put(&l, BELAY_TABLE_HELD, key, sound, sound_n);
    agrees(&l);
    end(&l);
}

static void a_lane_that_cannot_be_read_is_in_no_trouble(void **state)
{
    struct lane_at_hand l;
    struct lane_row row = { .head = 4711 };
    begin(&l, *state);
    lane_row_by_hand(&l.row, 7, BELAY_STR("why"), BELAY_STR("who"));
    make_room(&l);
    lane_row_put(l.w->b, l.w->sub->id, l.lane, &l.row);
    struct row_key key = key_lane(l.w->sub->id, l.lane);
    struct belay_str value;
    assert_true(belay_state_get(l.w->b->state, BELAY_TABLE_LANE, row_key_str(&key), &value));
    char bytes[200];
    size_t n = value.n;
    assert_true(n + 1 <= sizeof bytes);
    memcpy(bytes, value.p, n);
    bytes[n] = 0;
    for (size_t cut = 0; cut <= n + 1; cut++) {
        if (cut == n)
            continue;
        put(&l, BELAY_TABLE_LANE, key, bytes, cut);
        assert_false(lane_row_get(l.w->b, l.w->sub->id, l.lane, &row));
        assert_false(lane_in_trouble(l.w->b, l.w->sub->id, l.lane, &row));
        assert_int_equal(row.head, 4711);
    }
    put(&l, BELAY_TABLE_LANE, key, bytes, n);
    assert_true(lane_in_trouble(l.w->b, l.w->sub->id, l.lane, &row));
    assert_int_equal(row.hand_at, 7);
    assert_int_equal(row.reason.n, 3);
    l.w->sub->n.lanes_in_trouble = 0;
}

static void a_reason_without_end_is_cut(void **state)
{
    char text[4 * BELAY_LANE_REASON_BYTES_MAX];
    struct lane_at_hand l;
    struct lane_row row;
    memset(text, 'x', sizeof text);
    begin(&l, *state);
    lane_row_by_hand(&l.row, 7, belay_str(text, sizeof text), belay_str(text, sizeof text));
    make_room(&l);
    lane_row_put(l.w->b, l.w->sub->id, l.lane, &l.row);
    assert_true(lane_row_get(l.w->b, l.w->sub->id, l.lane, &row));
    assert_int_equal(row.reason.n, BELAY_LANE_REASON_BYTES_MAX);
    assert_int_equal(row.who.n, BELAY_LANE_REASON_BYTES_MAX);
    l.w->sub->n.lanes_in_trouble = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(what_is_held_comes_in_order_whatever_the_distances),
        WORLD_TEST(one_that_is_asked_for_few_gets_the_first),
        WORLD_TEST(what_was_taken_or_removed_is_held_no_more),
        WORLD_TEST(one_that_comes_late_has_its_place_also_without_a_last_run),
        WORLD_TEST(random_operations_agree_with_a_sorted_array),
        WORLD_TEST(a_run_that_cannot_be_read_holds_nothing),
        WORLD_TEST(a_lane_that_cannot_be_read_is_in_no_trouble),
        WORLD_TEST(a_reason_without_end_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
