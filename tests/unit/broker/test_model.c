/* A naive model of what G2 and G4 promise beside the broker: random operations, crashes at random
 * moments, every invariant checked after each step.  A failing seed replays exactly: SEED=n.
 *
 * The model keeps all messages of one subscription in an array and looks through it for each question.
 * It does not tell queued from held: both mean "its turn has not come". */
#include "broker/crash.h"
#include "broker/lane.h"
#include "unit/broker/broker_fixture.h"

#include "base/random.h"

#define MESSAGES_MAX 400
#define LANES 6 /* 0: no key */
#define STEPS 300

enum is { QUEUED, WAITING, PARKED, DEAD, DONE, GONE };

struct message {
    enum is is;
    uint32_t lane;
    bool in_flight, deferred, loner, started, letter;
    bool before; /* attempts were made before somebody gave it fresh ones */
    uint32_t begun, ended, attempt;
    uint32_t deaths;    /* of processes, with nothing else in flight */
    bool suspected;
    belay_time due, not_before;
    uint32_t progress; /* number of its text; 0: none */
};

struct model {
    struct message m[MESSAGES_MAX + 1];
    uint64_t count;
    uint64_t done, discarded;
    bool paused, went_back;
    bool hand[LANES];                   /* parked by hand */
    uint64_t moved[4 * MESSAGES_MAX];   /* to "aside", in this order */
    uint32_t moved_count;
};
static const char *const lane_keys[LANES] = { "", "a", "b", "c", "d", "e" };

struct game {
    struct world *w;
    struct model now, durable; /* durable: as of the last flush */
    struct belay_delivery *hand[MESSAGES_MAX];
    uint32_t hands;
    uint32_t concurrency;
    enum belay_exhausted on_exhausted;
    uint32_t progresses;
    struct belay_random random;
    const char *doing;
};

static uint64_t below(struct game *g, uint64_t n)
{
    return belay_random_below(&g->random, n);
}

static bool chance(struct game *g, uint64_t in)
{
    return below(g, in) == 0;
}

static void lost(struct game *g, uint64_t sequence, const char *what)
{
    fail_msg("seed %llu, %s, message %llu: %s", (unsigned long long)g->w->seed, g->doing,
             (unsigned long long)sequence, what);
}

/* ---- the rules ---- */

/* Something of its lane is in its way. */
static bool blocked(const struct game *g, uint64_t sequence)
{
    const struct message *m = &g->now.m[sequence];
    for (uint64_t s = 1; s <= g->now.count && m->lane; s++) {
        const struct message *o = &g->now.m[s];
        if (s == sequence || o->lane != m->lane)
            continue;
        if (o->in_flight || o->deferred)
            return true;
        if (m->loner || o->loner)
            continue;
        if (m->is == QUEUED && (o->is == WAITING || o->is == PARKED))
            return true;
        if (m->is == QUEUED && o->is == QUEUED && s < sequence && !g->now.went_back)
            return true;
    }
    return false;
}

static bool may_come(const struct game *g, uint64_t sequence)
{
    const struct message *m = &g->now.m[sequence];
    if (m->in_flight || (m->is != QUEUED && m->is != WAITING) || g->now.hand[m->lane])
        return false;
    if (m->deferred)
        return m->not_before <= g->w->now;
    return !blocked(g, sequence) && (m->is == QUEUED || m->due <= g->w->now);
}

static void fill_text(char text[24], uint32_t n)
{
    snprintf(text, 24, "progress %u", n);
}

static void check_delivery(struct game *g, struct belay_delivery *d)
{
    struct message *m = &g->now.m[d->sequence];
    char text[24] = "";
    if (d->sequence > g->now.count || !may_come(g, d->sequence))
        lost(g, d->sequence, g->now.went_back ? "came though blocked (after a seek back)" : "came out of turn");
    uint32_t attempt = m->ended + 1;
    if (m->deferred)
        attempt = m->attempt;
    if (d->attempt != attempt)
        lost(g, d->sequence, "the attempt's number is wrong");
    if (d->deaths != m->deaths)
        lost(g, d->sequence, "the deaths held against it are wrong");
    if (!m->deferred && d->interrupted != (m->begun > m->ended))
        lost(g, d->sequence, "interrupted is wrong");
    if (m->progress)
        fill_text(text, m->progress);
    if (!m->deferred && !belay_str_eq(d->progress, belay_str_c(text)))
        lost(g, d->sequence, "the progress is not what was stored");
    m->in_flight = true;
    m->deferred = false;
    m->attempt = attempt;
}

static void check_nothing_missed(struct game *g)
{
    if (g->hands >= g->concurrency || g->now.paused || g->now.went_back)
        return;
    /* What waits behind a replayed dead letter cannot be held: it is no head. Such a window may be full. */
    for (uint64_t s = 1; s <= g->now.count; s++)
        if (g->now.m[s].loner && (g->now.m[s].in_flight || g->now.m[s].deferred)
            && g->w->sub->fresh >= g->w->b->read_ahead_max)
            return;
    for (uint64_t s = 1; s <= g->now.count; s++)
        if (may_come(g, s))
            lost(g, s, "could come and does not");
}

/* ---- operations ---- */

static bool worked(struct game *g, int status)
{
    if (status == BELAY_OK)
        return true;
    if (status != BELAY_BUSY && status != BELAY_NOSPACE)
        fail_msg("seed %llu, %s: %s", (unsigned long long)g->w->seed, g->doing, g->w->err.msg);
    return false;
}

static void op_flush(struct game *g)
{
    world_flush(g->w);
    g->durable = g->now;
}

static void op_publish(struct game *g)
{
    uint64_t n = 1 + below(g, 8), sequence;
    char body[400];
    memset(body, 'x', sizeof body);
    for (; n && g->now.count < MESSAGES_MAX; n--) {
        uint32_t lane = chance(g, 3) ? 1 : (uint32_t)below(g, LANES);
        char id[24];
        snprintf(id, sizeof id, "%llu", (unsigned long long)g->now.count + 1);
        struct belay_message m = { .id = belay_str_c(id), .key = belay_str_c(lane_keys[lane]), .body = belay_str(body, below(g, sizeof body)) };
        if (!worked(g, belay_broker_publish(g->w->b, BELAY_STR("orders"), &m, g->w->now, &sequence, &g->w->err)))
            return;
        assert_int_equal(sequence, ++g->now.count);
        g->now.m[sequence] = (struct message){ .is = QUEUED, .lane = lane };
    }
}

static void op_take(struct game *g)
{
    for (uint64_t n = 1 + below(g, 6); n; n--) {
        struct belay_delivery *d = belay_broker_next(g->w->b, g->w->now);
        if (!d) {
            op_flush(g);
            d = take(g->w); /* lets fetches end, which flushes */
            op_flush(g);
        }
        if (!d) {
            check_nothing_missed(g);
            return;
        }
        check_delivery(g, d);
        g->hand[g->hands++] = d;
    }
}

static struct belay_delivery *any_hand(struct game *g, uint32_t *ret_i)
{
    *ret_i = (uint32_t)below(g, g->hands);
    return g->hand[*ret_i];
}

static void put_down(struct game *g, uint32_t i)
{
    g->hand[i] = g->hand[--g->hands];
}

static void op_ack(struct game *g)
{
    uint32_t i;
    struct belay_delivery *d = any_hand(g, &i);
    struct message *m = &g->now.m[d->sequence];
    if (chance(g, 6)) {
        if (!worked(g, belay_broker_discard(g->w->b, d, BELAY_STR("filtered"), &g->w->err)))
            return;
        *m = (struct message){ .is = GONE, .lane = m->lane };
        g->now.discarded++;
    } else {
        if (!worked(g, belay_broker_ack(g->w->b, d, &g->w->err)))
            return;
        *m = (struct message){ .is = DONE, .lane = m->lane };
        g->now.done++;
    }
    put_down(g, i);
}

static struct belay_str new_progress(struct game *g, char text[24], uint32_t *ret_n)
{
    *ret_n = chance(g, 2) ? 0 : ++g->progresses;
    fill_text(text, *ret_n);
    return *ret_n ? belay_str_c(text) : BELAY_STR_NONE;
}

static void failed(struct message *m)
{
    m->in_flight = false;
    m->ended = m->attempt;
    m->begun = m->begun > m->attempt ? m->begun : m->attempt;
}

static void op_retry(struct game *g)
{
    uint32_t i, n;
    char text[24];
    struct belay_delivery *d = any_hand(g, &i);
    struct message *m = &g->now.m[d->sequence];
    belay_time due = g->w->now + (belay_time)below(g, 40) * MS;
    struct belay_str progress = new_progress(g, text, &n);
    if (!worked(g, belay_broker_retry(g->w->b, d, due, &g->w->fault, progress, (struct belay_hash128){ 1, 1 },
                                      &g->w->err)))
        return;
    failed(m);
    m->is = WAITING;
    m->due = due;
    m->progress = n;
    m->suspected = false;
    put_down(g, i);
}

static void op_letter(struct game *g)
{
    uint32_t i, n;
    char text[24];
    struct belay_delivery *d = any_hand(g, &i);
    struct message *m = &g->now.m[d->sequence];
    bool park = chance(g, 2);
    struct belay_str progress = new_progress(g, text, &n);
    if (!worked(g, belay_broker_letter(g->w->b, d, &g->w->fault, park, progress, (struct belay_hash128){ 1, 1 },
                                       g->w->now, &g->w->err)))
        return;
    failed(m);
    m->is = park && m->lane && !m->loner ? PARKED : DEAD;
    m->letter = m->before = true;
    m->progress = n;
    m->deaths = 0;
    m->suspected = false;
    if (g->on_exhausted == BELAY_EXHAUSTED_STOP)
        g->now.paused = true;
    put_down(g, i);
}

static void op_defer(struct game *g)
{
    uint32_t i;
    struct belay_delivery *d = any_hand(g, &i);
    struct message *m = &g->now.m[d->sequence];
    m->not_before = g->w->now + (belay_time)below(g, 10) * MS;
    m->in_flight = false;
    m->deferred = !g->now.hand[m->lane]; /* there it is put back: what began is interrupted */
    belay_broker_defer(g->w->b, d, m->not_before);
    put_down(g, i);
}

static void op_start(struct game *g)
{
    uint32_t i, n;
    char text[24];
    struct belay_delivery *d = any_hand(g, &i);
    struct message *m = &g->now.m[d->sequence];
    if (!worked(g, belay_broker_start(g->w->b, d, &g->w->err)))
        return;
    m->begun = m->attempt;
    struct belay_str progress = new_progress(g, text, &n);
    if (n && worked(g, belay_broker_progress(g->w->b, d, progress, (struct belay_hash128){ 1, 1 }, &g->w->err)))
        m->progress = n;
}

static void op_workbench(struct game *g)
{
    uint64_t s = 1 + below(g, g->now.count);
    struct message *m = &g->now.m[s];
    struct world *w = g->w;
    bool from_start = chance(g, 2);
    if (m->is != PARKED && m->is != DEAD) {
        bool was_quicker = m->is == DONE || m->is == GONE || (m->is == WAITING && m->letter);
        assert_int_equal(belay_broker_letter_replay(w->b, w->sub, s, false, w->now, &w->err),
                         was_quicker ? BELAY_CONFLICT : BELAY_NOTFOUND);
        return;
    }
    switch (below(g, 3)) {
    case 0:
        if (!worked(g, belay_broker_letter_replay(w->b, w->sub, s, from_start, w->now, &w->err)))
            return;
        m->loner = m->loner || m->is == DEAD;
        m->is = WAITING;
        m->begun = m->ended = 0;
        m->due = w->now;
        m->progress = from_start ? 0 : m->progress;
        return;
    case 1:
        if (worked(g, belay_broker_letter_release(w->b, w->sub, s, w->now, &w->err)))
            m->is = DEAD;
        return;
    default:
        if (!worked(g, belay_broker_letter_discard(w->b, w->sub, s, BELAY_STR("old"), BELAY_STR("me"), w->now, &w->err)))
            return;
        *m = (struct message){ .is = GONE, .lane = m->lane };
        g->now.discarded++;
    }
}

static void op_cancel(struct game *g)
{
    uint64_t s = 1 + below(g, g->now.count);
    struct message *m = &g->now.m[s];
    bool attempted = false;
    int status = belay_broker_cancel(g->w->b, g->w->sub, s, BELAY_STR("compensated"), g->w->now, &attempted, &g->w->err);
    if (m->is == DONE || m->is == GONE) {
        assert_int_equal(status, BELAY_NOTFOUND);
    } else if (m->in_flight) {
        assert_int_equal(status, BELAY_BUSY);
    } else if (worked(g, status)) {
        bool began = m->begun || m->ended || m->before;
        if (attempted != (began || m->deaths || m->suspected))
            lost(g, s, "attempted is wrong");
        *m = (struct message){ .is = GONE, .lane = m->lane };
        g->now.discarded++;
    }
}

static void op_pause(struct game *g)
{
    struct world *w = g->w;
    if (g->now.paused) {
        if (worked(g, belay_broker_resume(w->b, w->sub, &w->err)))
            g->now.paused = false;
    } else if (chance(g, 4) && worked(g, belay_broker_pause(w->b, w->sub, BELAY_STR("by hand"), &w->err))) {
        g->now.paused = true;
    }
}

static void op_seek(struct game *g)
{
    struct world *w = g->w;
    uint64_t first = 1, to = 1 + below(g, g->now.count + 1);
    struct belay_topic_stats t;
    assert_true(belay_broker_topic_stats(w->b, 0, &t));
    first = t.first;
    to = to < first ? first : to;
    uint64_t cursor = stats_of(w).cursor;
    if (to < cursor && !chance(g, 4))
        return;
    if (!worked(g, belay_broker_seek(w->b, w->sub, to, BELAY_STR("skip"), w->now, &w->err)))
        return;
    for (uint64_t s = 1; s <= g->now.count; s++) {
        struct message *m = &g->now.m[s];
        if (to >= cursor && s >= cursor && s < to && m->is == QUEUED && !m->in_flight && !m->deferred
            && belay_broker_state_of(w->b, w->sub, s, NULL) == BELAY_MESSAGE_DONE) {
            *m = (struct message){ .is = GONE, .lane = m->lane };
            g->now.discarded++;
        }
        if (to < cursor && s >= to && (m->is == DONE || m->is == GONE)) {
            g->now.went_back = true;
            *m = (struct message){ .is = QUEUED, .lane = m->lane };
        }
    }
    struct belay_subscription_stats stats = stats_of(w);
    g->now.done = stats.done; /* back: which of both it takes from is not told */
    g->now.discarded = stats.discarded;
}

/* ---- what people do with lanes ---- */

static void fetch_ended(struct belay_fetch *f)
{
    *(bool *)f->arg = true;
}

/* One message of the topic, as it lies there; f's arena holds it. */
static struct belay_fetched read_one(struct world *w, const char *topic, uint64_t sequence, struct belay_fetch *f)
{
    bool done = false;
    *f = (struct belay_fetch){ .topic = belay_broker_topic_id(w->b, belay_str_c(topic)), .first = sequence, .count_max = 1,
                               .bytes_max = BELAY_MIB(1), .done = fetch_ended, .arg = &done };
    belay_arena_init(&f->arena, 0, BELAY_MIB(4));
    belay_store_fetch(w->store, f);
    for (int i = 0; !done && i < 100; i++)
        world_flush(w);
    assert_true(done);
    assert_int_equal(f->status, BELAY_OK);
    assert_int_equal(f->items[0].sequence, sequence);
    return f->items[0];
}

/* The head that the broker names; 0: none. */
static uint64_t head_of(struct game *g, uint32_t lane, struct belay_lane *ret_lane)
{
    struct belay_arena arena;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    int status = belay_broker_lane_get(g->w->b, g->w->sub, belay_str_c(lane_keys[lane]), &arena, ret_lane, &g->w->err);
    belay_arena_deinit(&arena);
    if (status != BELAY_OK || ret_lane->state == BELAY_LANE_OPEN)
        return 0;
    if (g->now.hand[lane] != (ret_lane->state == BELAY_LANE_HAND))
        lost(g, ret_lane->head, "who thinks that its lane is parked by hand");
    if (ret_lane->head && ret_lane->letter != (g->now.m[ret_lane->head].is == PARKED))
        lost(g, ret_lane->head, "the head of its lane should be another");
    return ret_lane->head;
}

static void lane_park(struct game *g, uint32_t lane)
{
    if (!worked(g, belay_broker_lane_park(g->w->b, g->w->sub, belay_str_c(lane_keys[lane]), BELAY_STR("why"),
                                          BELAY_STR("me"), g->w->now, &g->w->err)))
        return;
    g->now.hand[lane] = true;
    for (uint64_t s = 1; s <= g->now.count; s++)
        if (g->now.m[s].lane == lane)
            g->now.m[s].deferred = false;
}

static void lane_release(struct game *g, uint32_t lane)
{
    struct belay_lane l = { 0 };
    uint64_t head = head_of(g, lane, &l);
    bool parked = head && g->now.m[head].is == PARKED;
    int status = belay_broker_lane_release(g->w->b, g->w->sub, belay_str_c(lane_keys[lane]), g->w->now, &g->w->err);
    if (!g->now.hand[lane] && !parked) {
        assert_true(status == BELAY_NOTFOUND || status == BELAY_CONFLICT);
        return;
    }
    if (!worked(g, status))
        return;
    if (head && g->now.m[head].is == WAITING)
        g->now.m[head].due = g->w->now;
    if (parked)
        g->now.m[head].is = DEAD;
    g->now.hand[lane] = false;
}

static void lane_retry(struct game *g, uint32_t lane)
{
    struct belay_lane l = { 0 };
    uint64_t head = head_of(g, lane, &l);
    struct message *m = &g->now.m[head];
    int status = belay_broker_lane_retry(g->w->b, g->w->sub, belay_str_c(lane_keys[lane]), g->w->now, &g->w->err);
    if (!head || g->now.hand[lane] || m->in_flight) {
        assert_true(status == BELAY_NOTFOUND || status == BELAY_CONFLICT);
        return;
    }
    if (!worked(g, status))
        return;
    m->before = m->before || m->begun || m->ended;
    m->begun = m->is == PARKED ? 0 : m->begun - (m->begun < m->ended ? m->begun : m->ended);
    m->ended = 0;
    m->is = m->is == PARKED ? WAITING : m->is;
    m->due = g->w->now;
    m->deferred = false;
}

static void lane_skip(struct game *g, uint32_t lane)
{
    struct belay_lane l = { 0 };
    uint64_t head = head_of(g, lane, &l);
    struct message *m = &g->now.m[head];
    struct world *w = g->w;
    struct belay_str key = belay_str_c(lane_keys[lane]), reason = BELAY_STR("of no use");
    int status = belay_broker_lane_skip(w->b, w->sub, key, head, BELAY_STR_NONE, reason, BELAY_STR("me"), w->now, &w->err);
    if (status == BELAY_EMPTY) {
        struct belay_fetch f;
        op_flush(g);
        struct belay_str encoded = read_one(w, "orders", head, &f).encoded;
        status = belay_broker_lane_skip(w->b, w->sub, key, head, encoded, reason, BELAY_STR("me"), w->now, &w->err);
        belay_arena_deinit(&f.arena);
    }
    if (!head || m->in_flight) {
        assert_true(status == BELAY_NOTFOUND || status == BELAY_CONFLICT);
        return;
    }
    if (!worked(g, status))
        return;
    m->begun = m->ended = m->begun > m->ended ? m->begun : m->ended;
    m->before = m->before || m->begun;
    m->letter = true;
    m->is = DEAD;
    m->deferred = false;
    m->deaths = 0;
    m->suspected = false;
}

static void lane_move(struct game *g, uint32_t lane)
{
    struct world *w = g->w;
    struct belay_str key = belay_str_c(lane_keys[lane]);
    uint64_t sequences[8];
    struct belay_fetched items[8];
    struct belay_fetch f[8];
    uint32_t n = belay_broker_lane_movable(w->b, w->sub, key, 1 + (uint32_t)below(g, 8), sequences);
    op_flush(g);
    for (uint32_t i = 0; i < n; i++)
        items[i] = read_one(w, "orders", sequences[i], &f[i]);
    if (n) {
        bool moved = worked(g, belay_broker_lane_move(w->b, w->sub, key, BELAY_STR("aside"), items, n, BELAY_STR("me"),
                                                      w->now, &w->err));
        for (uint32_t i = 0; i < n && moved; i++) {
            struct message *m = &g->now.m[sequences[i]];
            if (m->lane != lane || m->is != QUEUED || m->in_flight || m->begun || m->before)
                lost(g, sequences[i], "was moved though it was not held");
            *m = (struct message){ .is = GONE, .lane = lane };
            g->now.discarded++;
            g->now.moved[g->now.moved_count++] = sequences[i];
        }
    }
    for (uint32_t i = 0; i < n; i++)
        belay_arena_deinit(&f[i].arena);
}

static void op_lane(struct game *g)
{
    static void (*const acts[])(struct game *g, uint32_t lane) = { lane_park, lane_release, lane_release, lane_retry,
                                                                   lane_skip, lane_move, lane_move };
    uint32_t lane = 1 + (uint32_t)below(g, LANES - 1);
    static const char *const names[] = { "lane park", "lane release", "lane release", "lane retry", "lane skip",
                                         "lane move", "lane move" };
    uint64_t act = below(g, sizeof acts / sizeof acts[0]);
    g->doing = names[act];
    acts[act](g, lane);
}

/* What was moved is in its new place, once, in the order in which it was moved. */
static void check_moved(struct game *g)
{
    struct world *w = g->w;
    uint64_t next = belay_store_next_sequence(w->store, belay_broker_topic_id(w->b, BELAY_STR("aside")));
    if (next != g->now.moved_count + 1)
        fail_msg("seed %llu: %u were moved, %llu are there", (unsigned long long)w->seed, g->now.moved_count,
                 (unsigned long long)next - 1);
    for (uint64_t s = 1; s < next; s++) {
        struct belay_fetch f;
        struct belay_message m;
        char id[24];
        struct belay_fetched item = read_one(w, "aside", s, &f);
        world_ok(w, belay_message_decode(item.encoded, &f.arena, &m, &w->err));
        snprintf(id, sizeof id, "%llu", (unsigned long long)g->now.moved[s - 1]);
        assert_true(belay_str_eq(m.id, belay_str_c(id)));
        for (uint64_t before = 1; before < s && !g->now.went_back; before++)
            if (g->now.m[g->now.moved[before - 1]].lane == g->now.m[g->now.moved[s - 1]].lane
                && g->now.moved[before - 1] > g->now.moved[s - 1])
                lost(g, g->now.moved[s - 1], "was moved after one behind it");
        belay_arena_deinit(&f.arena);
    }
}

static void op_time(struct game *g)
{
    pass_ms(g->w, (int64_t)below(g, 30));
}

/* Some of what was in flight, or nothing of it: the pages tell it, not the broker. */
static uint32_t in_flight(struct game *g, struct belay_crash_item items[])
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->hands; i++)
        if (chance(g, 2))
            items[n++] = (struct belay_crash_item){ belay_subscription_id(g->w->sub), g->hand[i]->sequence, i == 0 };
    return n;
}

static void op_crash(struct game *g)
{
    struct world *w = g->w;
    struct belay_crash_item items[MESSAGES_MAX];
    struct belay_crash crash = { .number = UINT64_MAX, .items = items, .count = in_flight(g, items), .others = chance(g, 8) };
    bool alone = crash.count == 1 && crash.others == 0;
    uint64_t position;
    world_reopen(w, chance(g, 2) ? SIM_KILL : SIM_POWER);
    g->now = g->durable;
    g->hands = 0;
    for (uint64_t s = 1; s <= g->now.count; s++)
        g->now.m[s].in_flight = g->now.m[s].deferred = false;
    uint32_t count = crash.count;
    uint64_t sequences[MESSAGES_MAX];
    for (uint32_t i = 0; i < count; i++)
        sequences[i] = items[i].sequence;
    if (count && worked(g, belay_broker_crashed(w->b, &crash, w->now, &position, &w->err)))
        for (uint32_t i = 0; i < count; i++) {
            struct message *m = &g->now.m[sequences[i]];
            if (sequences[i] > g->now.count || m->is >= DONE)
                continue;
            m->suspected = true;
            m->deaths += alone;
        }
    op_flush(g);
}

static void check_suspects(struct game *g)
{
    uint32_t suspected = 0;
    for (uint64_t s = 1; s <= g->now.count; s++)
        suspected += g->now.m[s].suspected;
    if (belay_broker_suspected(g->w->b) != suspected)
        fail_msg("%u are suspected, not %u", belay_broker_suspected(g->w->b), suspected);
}

/* ---- the game ---- */

static void compare(struct game *g)
{
    struct belay_subscription_stats s = stats_of(g->w);
    uint64_t parked = 0, dead = 0, open = 0, flight = 0;
    for (uint64_t i = 1; i <= g->now.count; i++) {
        const struct message *m = &g->now.m[i];
        parked += m->is == PARKED;
        dead += m->is == DEAD;
        flight += m->in_flight;
        open += m->is == QUEUED || m->is == WAITING;
    }
    if (s.parked != parked || s.dead != dead || s.done != g->now.done || s.discarded != g->now.discarded
        || s.in_flight != flight || s.waiting + s.held + s.backlog + s.in_flight != open)
        fail_msg("seed %llu, %s: parked %llu|%llu dead %llu|%llu done %llu|%llu discarded %llu|%llu flight "
                 "%llu|%llu open %llu|%llu",
                 (unsigned long long)g->w->seed, g->doing, (unsigned long long)s.parked, (unsigned long long)parked,
                 (unsigned long long)s.dead, (unsigned long long)dead, (unsigned long long)s.done,
                 (unsigned long long)g->now.done, (unsigned long long)s.discarded,
                 (unsigned long long)g->now.discarded, (unsigned long long)s.in_flight, (unsigned long long)flight,
                 (unsigned long long)(s.waiting + s.held + s.backlog + s.in_flight), (unsigned long long)open);
}

static void step(struct game *g)
{
    static const struct {
        const char *name;
        void (*run)(struct game *g);
        uint32_t weight;
        bool hands; /* needs a delivery in hand */
    } ops[] = {
        { "publish", op_publish, 8, false }, { "take", op_take, 14, false },   { "ack", op_ack, 12, true },
        { "retry", op_retry, 8, true },      { "letter", op_letter, 4, true }, { "defer", op_defer, 2, true },
        { "start", op_start, 5, true },      { "workbench", op_workbench, 5, false },
        { "cancel", op_cancel, 2, false },   { "pause", op_pause, 2, false },  { "seek", op_seek, 1, false },
        { "lane", op_lane, 6, false },
        { "time", op_time, 6, false },       { "flush", op_flush, 10, false }, { "crash", op_crash, 2, false },
    };
    uint64_t total = 0, pick;
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        total += ops[i].weight;
    pick = below(g, total);
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; pick -= ops[i++].weight) {
        if (pick >= ops[i].weight)
            continue;
        g->doing = ops[i].name;
        if ((ops[i].hands && !g->hands) || (!g->now.count && ops[i].run != op_publish))
            return;
        ops[i].run(g);
        if (belay_broker_check(g->w->b, &g->w->err) != BELAY_OK)
            fail_msg("seed %llu, %s: %s", (unsigned long long)g->w->seed, g->doing, g->w->err.msg);
        compare(g);
        if (chance(g, 3)) {
            op_flush(g);
            check_suspects(g);
        }
        return;
    }
}

/* Faults stop: whatever is there must end. */
static void drain(struct game *g)
{
    struct world *w = g->w;
    g->doing = "draining";
    for (uint32_t lane = 1; lane < LANES; lane++)
        if (g->now.hand[lane])
            lane_release(g, lane);
    for (uint32_t round = 0; round < 2000; round++) {
        if (g->now.paused) {
            world_ok(w, belay_broker_resume(w->b, w->sub, &w->err));
            g->now.paused = false;
        }
        while (g->hands) {
            struct belay_delivery *d = g->hand[--g->hands];
            g->now.m[d->sequence].is = DONE;
            world_ok(w, belay_broker_ack(w->b, d, &w->err));
        }
        op_flush(g);
        struct belay_delivery *d = take(w);
        if (d) {
            g->hand[g->hands++] = d;
            continue;
        }
        if (belay_broker_check(w->b, &w->err) != BELAY_OK)
            fail_msg("seed %llu, draining: %s", (unsigned long long)w->seed, w->err.msg);
        struct belay_subscription_stats s = stats_of(w);
        if (s.paused.n)
            fail_msg("seed %llu: %.*s", (unsigned long long)w->seed, BELAY_STR_ARG(s.paused));
        if (!s.parked && !s.dead && !s.waiting && !s.held && !s.backlog) {
            world_settle(w);
            assert_int_equal(s.done + s.discarded, g->now.count);
            check_moved(g);
            return;
        }
        pass_ms(w, 50);
        for (uint64_t i = 1; i <= g->now.count; i++) {
            enum belay_message_state state = belay_broker_state_of(w->b, w->sub, i, NULL);
            if (state == BELAY_MESSAGE_PARKED || state == BELAY_MESSAGE_DEAD)
                world_ok(w, belay_broker_letter_replay(w->b, w->sub, i, false, w->now, &w->err));
            op_flush(g);
        }
    }
    struct belay_subscription_stats s = stats_of(w);
    fail_msg("seed %llu: it does not drain: waiting %llu held %llu backlog %llu parked %llu dead %llu, %.*s",
             (unsigned long long)w->seed, (unsigned long long)s.waiting, (unsigned long long)s.held,
             (unsigned long long)s.backlog, (unsigned long long)s.parked, (unsigned long long)s.dead,
             BELAY_STR_ARG(s.paused));
}

static void play(uint64_t seed)
{
    struct world *w = world_new(false);
    struct game *g = calloc(1, sizeof *g);
    g->w = w;
    g->random.state = seed * 977 + 13;
    w->seed = seed * 1000;
    w->opt.overlay_bytes_max = 256 * 1024;
    if (chance(g, 2))
        w->opt.tail_cache_bytes = 4096; /* bodies come by fetch */
    w->rows_stay = chance(g, 2);
    if (chance(g, 2))
        w->read_ahead_max = 10 + (uint32_t)below(g, 16); /* lanes fill the window; above what may be in flight */
    world_close(w);
    sim_disk_restart(w->disk, SIM_KILL);
    world_open(w);
    declare(w, BELAY_STR("orders"), true);
    declare(w, BELAY_STR("aside"), true);
    subscribe(w, BELAY_STR("billing"), BELAY_STR("orders"));
    g->concurrency = w->sub_opt.concurrency = 1 + (uint32_t)below(g, 8);
    g->on_exhausted = w->sub_opt.on_exhausted = chance(g, 6) ? BELAY_EXHAUSTED_STOP : BELAY_EXHAUSTED_PARK_KEY;
    world_ok(w, belay_broker_subscribe(w->b, &w->sub_opt, &w->sub, &w->err));
    op_flush(g);
    for (int i = 0; i < STEPS; i++)
        step(g);
    drain(g);
    free(g);
    world_free(w);
}

static void random_operations_agree_with_a_naive_model(void **state)
{
    (void)state;
    const char *seed = getenv("SEED"), *seeds = getenv("SEEDS");
    uint64_t first = seed ? strtoull(seed, NULL, 10) / 1000 : 1, n = seed ? 1 : seeds ? strtoull(seeds, NULL, 10) : 150;
    for (uint64_t s = first; s < first + n; s++)
        play(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(random_operations_agree_with_a_naive_model) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
