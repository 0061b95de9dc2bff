/* check.c - is the state of sagas consistent?  Every row readable, every living instance with one
 * entry where it will be found, nothing in SAGA_DUE without its instance, counters that add up. */
#include "saga/room.h"

#include <string.h>

#include "base/limits.h"
#include "saga/kinds.h"
#include "saga/queue.h"

struct tally {
    struct belay_saga_stats *stats; /* by kind number - 1, from arena */
    uint64_t entries;
};

static int check_instance(struct belay_sagas *s, struct belay_str key, struct belay_str row,
                          struct tally *tally, struct belay_err *err)
{
    struct saga *i = s->look;
    struct saga_kind *kind = saga_kind_at(s, belay_load_be32(key.p + 1));
    int status = saga_clear(i, 0);
    if (status == BELAY_OK)
        status = saga_row_unpack(row, i, err);
    if (status != BELAY_OK)
        return status;
    if (!kind)
        return belay_fail(err, BELAY_CORRUPT, "saga instance of a kind that there is not");
    saga_key_init(&i->key, kind->number, saga_id(i));
    if (!belay_str_eq(saga_key_str(&i->key), key))
        return belay_fail(err, BELAY_CORRUPT, "saga %.*s lies under another key",
                          BELAY_STR_ARG(saga_id(i)));
    struct belay_saga_stats *c = &tally->stats[kind->number - 1];
    uint64_t *of[SAGA_STATES]
        = { &c->running, &c->compensating, &c->parked, &c->completed, &c->compensated, &c->failed };
    ++*of[i->state];
    if ((i->state == SAGA_PARKED) != (i->due == BELAY_TIME_NEVER))
        return belay_fail(err, BELAY_CORRUPT, "saga %.*s is %s, and when it is due is wrong",
                          BELAY_STR_ARG(saga_id(i)), saga_states[i->state].name);
    const struct saga *hot = belay_map_get(&s->sagas, key);
    belay_time entry = hot ? hot->entry : i->due;
    if (entry == BELAY_TIME_NEVER)
        return BELAY_OK;
    char due[DUE_KEY_BYTES_MAX];
    struct belay_str ignored;
    belay_store_be64(due, (uint64_t)entry);
    memcpy(due + 8, key.p, key.n);
    if (!belay_state_get(s->state, BELAY_TABLE_SAGA_DUE, belay_str(due, 8 + key.n), &ignored))
        return belay_fail(err, BELAY_CORRUPT, "saga %.*s has no entry in SAGA_DUE",
                          BELAY_STR_ARG(saga_id(i)));
    tally->entries++;
    return BELAY_OK;
}

static int check_instances(struct belay_sagas *s, struct tally *tally, struct belay_err *err)
{
    char from[KEY_BYTES_MAX] = { KEY_PART_INSTANCE };
    size_t n = 1;
    struct belay_str key, row;
    while (belay_state_seek(s->state, BELAY_TABLE_SAGA, belay_str(from, n), n > 1, BELAY_STR_NONE,
                            &key, &row)) {
        if (key.n < 6 || key.n > sizeof from)
            return belay_fail(err, BELAY_CORRUPT, "SAGA has a key of %zu bytes", key.n);
        n = key.n;
        memcpy(from, key.p, n);
        int status = check_instance(s, belay_str(from, n), row, tally, err);
        if (status != BELAY_OK)
            return status;
    }
    return BELAY_OK;
}

static uint64_t count_rows(struct belay_sagas *s, uint32_t table)
{
    char from[BELAY_STATE_KEY_BYTES_MAX] = { 0 };
    size_t n = 1;
    uint64_t count = 0;
    struct belay_str key, row;
    while (belay_state_seek(s->state, table, belay_str(from, n), count > 0, BELAY_STR_NONE, &key,
                            &row)) {
        n = key.n;
        memcpy(from, key.p, n);
        count++;
    }
    return count;
}

static int check_events(struct belay_sagas *s, struct tally *tally, struct belay_err *err)
{
    char from[BELAY_STATE_KEY_BYTES_MAX] = { 0 };
    size_t n = 1;
    bool after = false;
    struct belay_str key, row;
    while (belay_state_seek(s->state, BELAY_TABLE_SAGA_EVENT, belay_str(from, n), after,
                            BELAY_STR_NONE, &key, &row)) {
        struct saga_kept kept;
        if (!saga_kept_unpack(row, &kept) || !saga_kind_at(s, kept.kind))
            return belay_fail(err, BELAY_CORRUPT,
                              "an event that waits for its saga makes no sense");
        tally->stats[kept.kind - 1].events_waiting++;
        n = key.n;
        memcpy(from, key.p, n);
        after = true;
    }
    return BELAY_OK;
}

int belay_sagas_check(struct belay_sagas *s, struct belay_err *err)
{
    struct tally tally = { 0 };
    belay_arena_reset(&s->arena);
    tally.stats = BELAY_ARENA_ARRAY(&s->arena, struct belay_saga_stats, s->kind_count + 1u);
    if (!tally.stats)
        return belay_fail(err, BELAY_NOMEM, "no memory to check sagas");
    int status = check_instances(s, &tally, err);
    if (status == BELAY_OK)
        status = check_events(s, &tally, err);
    if (status != BELAY_OK)
        return status;
    for (uint32_t n = 0; n < s->kind_count; n++)
        if (memcmp(&tally.stats[n], &s->kinds[n]->stats, sizeof *tally.stats) != 0)
            return belay_fail(err, BELAY_CORRUPT, "counters of saga %.*s do not add up",
                              BELAY_STR_ARG(s->kinds[n]->name));
    if (count_rows(s, BELAY_TABLE_SAGA_DUE) != tally.entries)
        return belay_fail(err, BELAY_CORRUPT, "SAGA_DUE has entries of no instance");
    return BELAY_OK;
}
