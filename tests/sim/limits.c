/* Queues that are full, messages whose time is over, and what is in memory.
 *
 * (Letters of `see` and `ship` go by themselves: what is in no place at the end is one of those, and the trail's names are as many
 * as letters that went, I9; no other flow's letter goes.)
 *
 * What must hold: nothing is appended to a topic that is at its limit, whatever its producers are (what a person
 * releases, replays or seeks to is work again and may exceed it); every event that was hinted at is seen once, or was
 * turned away once, or is a letter: never two of them, never none; nothing is begun after its time, unless a person
 * wants it; and after every event no more is in memory than the configuration allows (G6). */
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "broker/letter.h"
#include "broker/stats.h"
#include "sim/world.h"

#define WINDOW_BYTES_MAX BELAY_MIB(8) /* messages are small here: what the broker allows is out of reach */
#define HINTS_AT_ONCE 4               /* runs of `hint` */
#define READ_SLACK 64                 /* messages of one read */

#define SUBS_MAX 64

/* Of all subscriptions, asked for once after an event: that costs more than anything else here. */
struct figures {
    struct belay_subscription_stats subs[SUBS_MAX];
    uint32_t count;
};

static void gather(struct sim_world *w, struct figures *f)
{
    struct belay_broker *b = belay_engine_broker(w->engine);
    for (f->count = 0; belay_broker_subscription_stats(b, f->count, &f->subs[f->count]); f->count++)
        BELAY_ASSERT(f->count + 1 < SUBS_MAX);
}

/* What waits for a person; a replay makes it work again. */
static uint64_t aside(const struct figures *f, struct belay_str topic)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < f->count; i++)
        n += belay_str_eq(f->subs[i].topic, topic) ? f->subs[i].parked + f->subs[i].dead + f->subs[i].stuck : 0;
    return n;
}

static void look_at_topic(struct sim_world *w, uint32_t i, const struct belay_topic_stats *s, const struct figures *f)
{
    struct sim_limits *l = &w->limits;
    bool grew = !l->loose && s->next > l->next[i];
    uint64_t most = l->length[i] > s->max_messages ? l->length[i] : s->max_messages;
    uint64_t apart = s->max_messages ? aside(f, s->name) : 0;
    most += l->aside[i] > apart ? l->aside[i] - apart : 0; /* replay jobs */
    l->aside[i] = apart;
    if (s->rejects)
        most += HINTS_AT_ONCE; /* who got past the publish step, and then found no room in the store, is let through */
    if (s->max_messages && grew && s->length > most)
        sim_violation(w, "LIMIT", "%.*s holds %" PRIu64 " messages, %" PRIu64 " before, of %" PRIu64,
                      BELAY_STR_ARG(s->name), s->length, l->length[i], s->max_messages);
    l->next[i] = s->next;
    l->length[i] = s->length;
}

static uint64_t concurrency_of(const struct belay_definitions *d, struct belay_str name, uint64_t *ret_prefetch)
{
    const struct belay_flow_def *f = belay_definitions_flow(d, name);
    *ret_prefetch = f && f->lanes.prefetch ? f->lanes.prefetch : BELAY_LANE_READ_AHEAD_MAX;
    return f ? f->lanes.concurrency : UINT32_MAX;
}

/* G6 */
static void look_at_memory(struct sim_world *w, const struct figures *f)
{
    struct belay_broker *b = belay_engine_broker(w->engine);
    const struct belay_definitions *d = belay_engine_definitions(w->engine);
    struct belay_broker_memory memory;
    struct belay_engine_stats engine;
    uint64_t flight = 0, ahead = 0;
    for (uint32_t i = 0; d && i < f->count; i++) {
        const struct belay_subscription_stats *s = &f->subs[i];
        uint64_t prefetch, most = concurrency_of(d, s->name, &prefetch);
        if (s->in_flight > most)
            sim_violation(w, "G6", "%.*s has %" PRIu64 " in flight, of %" PRIu64, BELAY_STR_ARG(s->name), s->in_flight, most);
        flight += s->in_flight;
        ahead += 3 * prefetch + READ_SLACK;
    }
    belay_broker_memory(b, &memory);
    belay_engine_stats(w->engine, &engine);
    if (d && (memory.messages > ahead || memory.bytes > WINDOW_BYTES_MAX))
        sim_violation(w, "G6", "%" PRIu64 " messages with %" PRIu64 " bytes are in memory", memory.messages, memory.bytes);
    if (d && engine.runs_in_flight > flight + engine.requests_open)
        sim_violation(w, "G6", "%u runs, for %" PRIu64 " messages and %u requests", engine.runs_in_flight, flight,
                      engine.requests_open);
}

void sim_limits_look(struct sim_world *w)
{
    struct belay_broker *b = belay_engine_broker(w->engine);
    struct belay_topic_stats s;
    struct figures figures;
    gather(w, &figures);
    for (uint32_t i = 0; belay_broker_topic_stats(b, i, &s); i++) {
        BELAY_ASSERT(i < SIM_TOPICS_MAX);
        look_at_topic(w, i, &s, &figures);
    }
    w->limits.loose = false;
    look_at_memory(w, &figures);
}

/* ---- hints ---- */

void sim_limits_replayed(struct sim_world *w, const char *subscription, const char *lane, int64_t n)
{
    struct sim_lane *in;
    struct sim_event *ev = strcmp(subscription, "see") == 0 ? sim_event_by_n(w, belay_str_c(lane), n, &in) : NULL;
    if (ev)
        ev->see_replayed = true;
}

void sim_limits_seen(struct sim_world *w, const struct belay_message *m, const struct sim_event *ev, const char *lane,
                     int64_t n)
{
    if (!m->expires_at && !ev->imported) /* handed down by brief */
        sim_violation(w, "TTL", "%s-%" PRId64 " has all the time of the world", lane, n);
    if (m->expires_at && m->time > m->expires_at && !ev->see_replayed)
        sim_violation(w, "TTL", "%s-%" PRId64 " was begun %" PRId64 " ms after its time", lane, n,
                      (m->time - m->expires_at) / SIM_MS);
}

static void count_letters(struct sim_world *w, struct sim_count *count)
{
    struct belay_broker *b = belay_engine_broker(w->engine);
    struct belay_arena arena;
    struct belay_letter letter;
    uint32_t sub = 0;
    uint64_t sequence = 0;
    *count = (struct sim_count){ 0 };
    belay_arena_init(&arena, 0, BELAY_MIB(16));
    while (belay_broker_letter_next(b, NULL, &sub, &sequence, &arena, &letter)) {
        const belay_json *root;
        struct belay_err err;
        struct sim_lane *lane;
        bool ours = belay_str_eq(letter.subscription, BELAY_STR("see"))
                    || belay_str_eq(letter.subscription, BELAY_STR("hint"));
        if (!ours || belay_json_parse(letter.message.body, NULL, &arena, &root, NULL, &err) != BELAY_OK)
            continue;
        int64_t n = belay_json_get(root, BELAY_STR("n"))->u.i;
        if (sim_event_by_n(w, belay_json_str(belay_json_get(root, BELAY_STR("lane"))), n, &lane))
            count->times[lane - w->lanes][n]++;
    }
    belay_arena_deinit(&arena);
}

/* Letters that went by `see`'s policy. */
static uint64_t expired(struct sim_world *w)
{
    struct belay_subscription_stats s;
    uint64_t n = 0;
    for (uint32_t i = 0; belay_broker_subscription_stats(belay_engine_broker(w->engine), i, &s); i++) {
        bool see = belay_str_eq(s.name, BELAY_STR("see")), says = see || belay_str_eq(s.name, BELAY_STR("ship"))
            || belay_str_eq(s.name, BELAY_STR("fulfil")) || belay_str_eq(s.name, BELAY_STR("fulfil/ship"));
        n += see ? s.expired : 0;
        if (!says && s.expired)
            sim_violation(w, "G1", "%" PRIu64 " letters of %.*s expired, and nobody said so", s.expired, BELAY_STR_ARG(s.name));
    }
    return n;
}

/* Once in one of three places; nowhere where its letter went: by itself, or by a person's word. */
static void check_hint(struct sim_world *w, const char *lane, uint32_t n, const struct sim_event *ev, const uint32_t places[3],
                       uint64_t *nowhere, uint64_t *perhaps)
{
    uint32_t sum = places[0] + places[1] + places[2];
    if (ev->hint_gone && sum)
        sim_violation(w, "G4", "the letter of %s-%u was discarded, and it was seen, or is a letter again", lane, n);
    if (sum > 1)
        sim_violation(w, "G4", "%s-%u was seen %u times, turned away %u times, and is %u letters", lane, n, places[0], places[1],
                      places[2]);
    *nowhere += !sum && !ev->hint_gone;
    *perhaps += !sum && !ev->hint_gone && ev->hint_open;
}

void sim_limits_check(struct sim_world *w)
{
    struct sim_count seen, turned, letters;
    uint64_t gone = expired(w), nowhere = 0, perhaps = 0;
    sim_count_topic(w, "seen", &seen);
    sim_count_topic(w, "turned", &turned);
    count_letters(w, &letters);
    for (uint32_t i = 0; i < w->lane_count; i++)
        for (uint32_t n = 0; n < w->lanes[i].count; n++) {
            const uint32_t places[3] = { seen.times[i][n], turned.times[i][n], letters.times[i][n] };
            check_hint(w, w->lanes[i].name, n, &w->lanes[i].events[n], places, &nowhere, &perhaps);
        }
    if (nowhere < gone || nowhere > gone + perhaps)
        sim_violation(w, "G1", "%" PRIu64 " hints are nowhere, and %" PRIu64 " letters expired", nowhere, gone);
}
