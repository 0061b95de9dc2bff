/* Letters by group, error, key and time, against a look at all of them; and what groups say. */
#include "base/random.h"
#include "unit/broker/broker_fixture.h"

#define FLOWS 3

struct many {
    struct world *w;
    struct belay_subscription *subs[FLOWS];
    struct belay_arena arena;
};

static void begin(struct many *m, struct world *w)
{
    static const char *const names[] = { "billing", "shipping", "audit" };
    m->w = w;
    m->subs[0] = w->sub;
    for (int i = 1; i < FLOWS; i++) {
        subscribe(w, belay_str_c(names[i]), BELAY_STR("orders"));
        m->subs[i] = w->sub;
    }
    belay_arena_init(&m->arena, 0, BELAY_MIB(8));
}

static void fail_as(struct world *w, uint64_t kind, uint64_t n)
{
    static const struct {
        const char *type, *text;
        enum belay_class class_;
        uint32_t status;
    } kinds[] = { { "HTTP:TIMEOUT", "no answer to order %llu", BELAY_CLASS_TRANSIENT, 0 },
                  { "HTTP:SERVER_ERROR", "the answer was %llu", BELAY_CLASS_TRANSIENT, 503 },
                  { "VALIDATION:SCHEMA", "order %llu has no lines", BELAY_CLASS_PERMANENT, 0 } };
    char text[64];
    snprintf(text, sizeof text, kinds[kind].text, (unsigned long long)n);
    belay_fault_init(&w->fault, kinds[kind].type, kinds[kind].class_, "%s", text);
    w->fault.status = kinds[kind].status;
}

static void make(struct many *m, struct belay_random *r, uint32_t count)
{
    struct world *w = m->w;
    char key[8];
    for (uint32_t i = 0; i < count; i++) {
        snprintf(key, sizeof key, "k%u", (unsigned)belay_random_below(r, 5));
        publish(w, i % 7 ? key : "", "{}");
        struct belay_delivery *d;
        while ((d = take(w))) {
            fail_as(w, belay_random_below(r, 3), d->sequence);
            if (belay_random_below(r, 4))
                letter(w, d, false);
            else
                ack(w, d);
        }
        pass_ms(w, (int64_t)belay_random_below(r, 3) * 60000);
    }
    world_settle(w);
}

/* How many letters a walk over all of them would call wanted, and the sum of what names them. */
static uint64_t walk(struct many *m, const struct belay_letter_filter *f, uint32_t *ret_count)
{
    uint32_t sub = 0;
    uint64_t sequence = 0, sum = 0;
    struct belay_letter l;
    *ret_count = 0;
    while (belay_broker_letter_next(m->w->b, f->sub, &sub, &sequence, &m->arena, &l)) {
        const struct belay_fault *last = &l.history[l.history_count - 1].fault;
        bool wanted = (!f->group || f->group == l.fingerprint) && l.created_at >= f->since && l.created_at < f->until
                      && (!f->error.n || belay_fault_matches(last, f->error))
                      && (!f->key.n || belay_str_eq(l.lane_key, f->key));
        sum += wanted ? sub * 1000003 + sequence * 7919 : 0;
        *ret_count += wanted;
        belay_arena_reset(&m->arena);
    }
    return sum;
}

/* The same by find, in pages: the cursor is all that is kept between them. */
static uint64_t find(struct many *m, const struct belay_letter_filter *f, uint32_t *ret_count)
{
    struct belay_letter_cursor cursor = { 0 };
    enum belay_letter_found found;
    struct belay_letter l;
    uint64_t sum = 0;
    *ret_count = 0;
    while ((found = belay_broker_letter_find(m->w->b, f, &cursor, &m->arena, &l)) != BELAY_LETTER_END) {
        assert_int_not_equal(found, BELAY_LETTER_NOMEM);
        if (found == BELAY_LETTER_FOUND) {
            struct belay_subscription *sub = belay_broker_find(m->w->b, l.subscription);
            sum += belay_subscription_id(sub) * 1000003 + l.sequence * 7919;
            ++*ret_count;
        }
        belay_arena_reset(&m->arena);
    }
    return sum;
}

static struct belay_letter_filter draw(struct many *m, struct belay_random *r, const uint64_t *groups, uint32_t group_count)
{
    static const char *const errors[] = { "HTTP:TIMEOUT", "HTTP:503", "HTTP", "HTTP:*", "class:permanent", "*", "NONE:SUCH" };
    static const char *const keys[] = { "k0", "k3", "k9" };
    struct belay_letter_filter f = { .until = BELAY_TIME_NEVER, .last_only = belay_random_below(r, 2) };
    if (belay_random_below(r, 2))
        f.sub = m->subs[belay_random_below(r, FLOWS)];
    if (belay_random_below(r, 3) == 0)
        f.group = groups[belay_random_below(r, group_count)];
    if (belay_random_below(r, 3) == 0)
        f.error = belay_str_c(errors[belay_random_below(r, 7)]);
    if (belay_random_below(r, 4) == 0)
        f.key = belay_str_c(keys[belay_random_below(r, 3)]);
    if (belay_random_below(r, 3) == 0)
        f.since = START_TIME + (belay_time)belay_random_below(r, 100) * 60 * BELAY_US_PER_S;
    if (belay_random_below(r, 3) == 0)
        f.until = START_TIME + (belay_time)belay_random_below(r, 100) * 60 * BELAY_US_PER_S;
    return f;
}

static uint32_t groups_of(struct many *m, uint64_t *groups, uint32_t cap)
{
    struct belay_letter_group g;
    uint64_t at = 0;
    uint32_t n = 0;
    while (n < cap && belay_broker_group_next(m->w->b, &at, &m->arena, &g))
        groups[n++] = at;
    return n;
}

static void every_way_finds_what_a_walk_finds(void **state)
{
    struct world *w = *state;
    struct many m;
    struct belay_random r = { .state = 11 };
    uint64_t groups[32];
    uint32_t nothing = 0;
    begin(&m, w);
    make(&m, &r, 120);
    uint32_t group_count = groups_of(&m, groups, 32);
    assert_int_equal(group_count, 3 * FLOWS);
    for (int i = 0; i < 400; i++) {
        struct belay_letter_filter f = draw(&m, &r, groups, group_count);
        uint32_t expected, count;
        uint64_t sum = walk(&m, &f, &expected);
        assert_int_equal(find(&m, &f, &count), sum);
        assert_int_equal(count, expected);
        nothing += !count;
    }
    assert_in_range(nothing, 20, 380);
    belay_arena_deinit(&m.arena);
}

static struct belay_letter_group only_group(struct world *w, struct belay_arena *arena)
{
    struct belay_letter_group g;
    uint64_t at = 0;
    assert_true(belay_broker_group_next(w->b, &at, arena, &g));
    assert_false(belay_broker_group_next(w->b, &at, arena, &(struct belay_letter_group){ 0 }));
    return g;
}

static void a_group_tells_since_when_and_how_many(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    for (uint64_t i = 1; i <= 4; i++) {
        publish(w, "", "x");
        fail_as(w, 1, i);
        belay_fault_set_step(&w->fault, BELAY_STR("charge"));
        letter(w, take_one(w, i), false);
        pass_ms(w, i == 1 ? 5 * 3600000 : 0);
    }
    world_settle(w);
    world_reopen(w, SIM_POWER);
    belay_broker_tick(w->b, w->now);
    struct belay_letter_group g = only_group(w, &arena);
    assert_str(g.subscription, "billing");
    assert_str(g.type, "HTTP:SERVER_ERROR");
    assert_str(g.step, "charge");
    assert_str(g.message, "the answer was #");
    assert_int_equal(g.status, 503);
    assert_int_equal(g.count, 4);
    assert_int_equal(g.ever, 4);
    assert_int_equal(g.first_seen, START_TIME);
    assert_int_equal(g.last_seen, w->now);
    assert_int_equal(g.hours[0], 3);
    assert_int_equal(g.hours[5], 1);
    pass_ms(w, 20 * 3600000);
    g = only_group(w, &arena);
    assert_int_equal(g.hours[20], 3);
    assert_int_equal(g.hours[0], 0);
    assert_int_equal(g.days[0] + g.days[1] + g.days[2], 4);
    belay_arena_deinit(&arena);
}

static void a_group_counts_what_is_a_letter_and_outlives_its_letters(void **state)
{
    struct world *w = *state;
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    for (uint64_t i = 1; i <= 2; i++) {
        publish(w, "", "x");
        letter(w, take_one(w, i), false);
    }
    world_ok(w, belay_broker_letter_replay(w->b, w->sub, 1, false, w->now, &w->err));
    world_settle(w);
    assert_int_equal(only_group(w, &arena).count, 1);
    letter(w, take_one(w, 1), false);
    world_settle(w);
    struct belay_letter_group g = only_group(w, &arena);
    assert_int_equal(g.count, 2);
    assert_int_equal(g.ever, 3);
    world_ok(w, belay_broker_letter_replay(w->b, w->sub, 1, false, w->now, &w->err));
    ack(w, take_one(w, 1));
    world_ok(w, belay_broker_letter_discard(w->b, w->sub, 2, BELAY_STR("x"), BELAY_STR("me"), w->now, &w->err));
    world_settle(w);
    assert_int_equal(only_group(w, &arena).count, 0);
    for (int i = 0; i < 40; i++) { /* old and empty: it goes */
        pass_ms(w, 24 * 3600000);
        world_settle(w);
    }
    uint64_t at = 0;
    assert_false(belay_broker_group_next(w->b, &at, &arena, &g));
    belay_arena_deinit(&arena);
}

static void a_group_is_new_for_an_hour_after_its_first_letter_also_after_a_crash(void **state)
{
    struct world *w = *state;
    world_settle(w);
    for (uint64_t i = 1; i <= 3; i++) { /* two ways to fail */
        publish(w, "", "x");
        fail_as(w, i == 2 ? 0 : 1, i);
        letter(w, take_one(w, i), false);
        pass_ms(w, 600000);
    }
    world_settle(w);
    assert_int_equal(stats_of(w).new_groups, 2);
    assert_int_equal(stats_of(w).oldest_letter_at, START_TIME);
    world_reopen(w, SIM_POWER);
    belay_broker_tick(w->b, w->now);
    assert_int_equal(stats_of(w).new_groups, 2);
    world_ok(w, belay_broker_letter_discard(w->b, w->sub, 1, BELAY_STR("x"), BELAY_STR("me"), w->now, &w->err));
    world_settle(w);
    assert_int_equal(stats_of(w).oldest_letter_at, START_TIME + 600000 * (belay_time)BELAY_US_PER_MS);
    assert_int_equal(stats_of(w).new_groups, 2); /* of its kind there is another letter */
    pass_ms(w, 3600000);
    world_settle(w);
    assert_int_equal(stats_of(w).new_groups, 0);
    world_reopen(w, SIM_POWER);
    belay_broker_tick(w->b, w->now);
    assert_int_equal(stats_of(w).new_groups, 0);
    publish(w, "", "x");
    fail_as(w, 1, 4); /* known for long */
    letter(w, take_one(w, 4), false);
    world_settle(w);
    assert_int_equal(stats_of(w).new_groups, 0);
}

static void a_group_without_letters_is_no_news(void **state)
{
    struct world *w = *state;
    world_settle(w);
    publish(w, "", "x");
    fail_as(w, 1, 1);
    letter(w, take_one(w, 1), false);
    assert_int_equal(stats_of(w).new_groups, 1);
    bool attempted = false; /* as a saga does with a message that it takes back */
    world_ok(w, belay_broker_cancel(w->b, w->sub, 1, BELAY_STR("compensated"), w->now, &attempted, &w->err));
    assert_int_equal(stats_of(w).new_groups, 0);
    world_settle(w);
    world_reopen(w, SIM_POWER);
    belay_broker_tick(w->b, w->now);
    assert_int_equal(stats_of(w).new_groups, 0);
    publish(w, "", "x"); /* the same again within the hour, and it stays */
    fail_as(w, 1, 2);
    letter(w, take_one(w, 2), false);
    assert_int_equal(stats_of(w).new_groups, 1);
    world_settle(w);
    world_reopen(w, SIM_POWER);
    assert_int_equal(stats_of(w).new_groups, 0); /* not counted yet */
    belay_broker_tick(w->b, w->now);
    assert_int_equal(stats_of(w).new_groups, 1);
    world_ok(w, belay_broker_letter_discard(w->b, w->sub, 2, BELAY_STR("x"), BELAY_STR("me"), w->now, &w->err));
    assert_int_equal(stats_of(w).new_groups, 0);
    pass_ms(w, 7200000);
    publish(w, "", "x"); /* and again when it is known for long */
    fail_as(w, 1, 3);
    letter(w, take_one(w, 3), false);
    assert_int_equal(stats_of(w).new_groups, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(every_way_finds_what_a_walk_finds),
        WORLD_TEST(a_group_tells_since_when_and_how_many),
        WORLD_TEST(a_group_counts_what_is_a_letter_and_outlives_its_letters),
        WORLD_TEST(a_group_without_letters_is_no_news),
        WORLD_TEST(a_group_is_new_for_an_hour_after_its_first_letter_also_after_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
