/* Idempotency keys of short windows, so that they expire while the world lives: a key that is durable has its answer until
 * its time is over and none after it, and the tables of the parts hold what is counted, and nothing of what is gone. */
#include <stdio.h>

#include "broker/idempotency.h"
#include "broker/key_parts.h"
#include "sim/world.h"

#define WINDOW_MS_MAX 5000

static struct belay_str name_of(const struct sim_world *w, const struct sim_key *k, char text[16])
{
    return belay_str(text, (size_t)snprintf(text, 16, "short-%u", (unsigned)(k - w->keys)));
}

static void put(struct sim_world *w, struct sim_key *k)
{
    struct belay_broker *b = belay_engine_broker(w->engine);
    struct belay_err err;
    char name[16], answer[24];
    uint64_t number = ++w->key_last, window_ms = 1 + sim_below(w, WINDOW_MS_MAX);
    int n = snprintf(answer, sizeof answer, "%llu", (unsigned long long)number);
    int status = belay_broker_idempotency_done(b, BELAY_STR("sim"), name_of(w, k, name), (struct belay_hash128){ number, 1 },
                                               belay_str(answer, (size_t)n), window_ms, sim_clock(w), &err);
    if (status != BELAY_OK) /* no room now; what was there before stays */
        return;
    *k = (struct sim_key){ number, belay_time_add_ms(b->now, (int64_t)window_ms),
                           belay_store_position(belay_engine_store(w->engine)) };
}

static void look(struct sim_world *w, struct sim_key *k)
{
    struct belay_broker *b = belay_engine_broker(w->engine);
    struct belay_idempotency idem;
    char name[16];
    if (!k->number)
        return;
    belay_broker_idempotency_get(b, BELAY_STR("sim"), name_of(w, k, name), &idem);
    bool wanted = b->now < k->until, there = idem.state == BELAY_IDEMPOTENCY_DONE;
    if (wanted != there || (there && idem.request.hi != k->number))
        sim_violation(w, "KEYS", "key %u, answer %llu, is %s: answer %llu", (unsigned)(k - w->keys),
                      (unsigned long long)k->number, wanted ? "not there" : "there though it expired",
                      (unsigned long long)idem.request.hi);
}

static uint64_t rows_of(struct belay_state *s, uint32_t slot)
{
    struct row_key from = { .n = 0 };
    struct belay_str key, value;
    uint64_t n = 0;
    while (belay_state_seek(s, part_table(slot), row_key_str(&from), true, BELAY_STR_NONE, &key, &value)) {
        from = row_key_of(key);
        n += key.n > 2; /* none of its filter */
    }
    return n;
}

static void count_rows(struct sim_world *w)
{
    struct belay_broker *b = belay_engine_broker(w->engine);
    uint64_t rows[BUCKETS] = { 0 };
    for (uint32_t slot = 0; slot < KEY_FILTER_SLOTS; slot++) {
        const struct key_part *part = &b->parts[slot];
        uint64_t n = part->state == PART_OVER ? 0 : rows_of(b->state, slot);
        if (part->state == PART_NONE && n)
            sim_violation(w, "KEYS", "slot %u has no part, and %llu rows", (unsigned)slot, (unsigned long long)n);
        rows[part->bucket] += n;
    }
    for (uint32_t i = 0; i < BUCKETS; i++)
        if (rows[i] != b->buckets[i].count)
            sim_violation(w, "KEYS", "bucket %u has %llu rows of %llu", (unsigned)i, (unsigned long long)rows[i],
                          (unsigned long long)b->buckets[i].count);
}

void sim_keys_act(struct sim_world *w)
{
    struct sim_key *k = &w->keys[sim_below(w, SIM_KEYS)];
    look(w, k);
    if (sim_chance(w, 600))
        put(w, k);
    if (sim_chance(w, 100))
        count_rows(w);
}

/* What was not durable may be there or not. */
void sim_keys_died(struct sim_world *w)
{
    uint64_t durable = belay_store_durable(belay_engine_store(w->engine));
    for (struct sim_key *k = w->keys; k < w->keys + SIM_KEYS; k++)
        if (k->position > durable)
            k->number = 0;
}
