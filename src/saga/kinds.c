/* kinds.c - the names of sagas, their numbers and counters: resident, each in a row of its own. */
#include "saga/kinds.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "saga/cache.h"
#include "saga/room.h"

static const struct belay_str SOURCE = BELAY_STR_INIT("/sagas/");

struct saga_kind *saga_kind_find(struct belay_sagas *s, struct belay_str name)
{
    return belay_map_get(&s->kind_by_name, name);
}

struct saga_kind *saga_kind_at(struct belay_sagas *s, uint32_t number)
{
    return number >= 1 && number <= s->kind_count ? s->kinds[number - 1] : NULL;
}

/* ---- rows: KEY_PART_KIND, number -> name, counters ---- */

static void row_key(char key[5], uint32_t number)
{
    key[0] = KEY_PART_KIND;
    belay_store_be32(key + 1, number);
}

void saga_kind_write(struct belay_sagas *s, const struct saga_kind *kind)
{
    const struct belay_saga_stats *c = &kind->stats;
    const uint64_t counters[] = { c->running,     c->compensating, c->parked,        c->completed,
                                  c->compensated, c->failed,       c->events_waiting };
    char key[5];
    row_key(key, kind->number);
    belay_buf_clear(&s->kind_row);
    for (size_t n = 0; n < sizeof counters / sizeof *counters; n++)
        belay_pack_varint(&s->kind_row, counters[n]);
    belay_pack_str(&s->kind_row, kind->name);
    BELAY_ASSERT(belay_buf_status(&s->kind_row) == BELAY_OK); /* reserved by saga_kind_need */
    belay_state_put(s->state, BELAY_TABLE_SAGA, belay_str(key, 5), belay_buf_view(&s->kind_row));
}

static int grow(struct belay_sagas *s)
{
    if (s->kind_count < s->kind_cap)
        return BELAY_OK;
    uint32_t cap = s->kind_cap ? s->kind_cap * 2 : 8;
    struct saga_kind **kinds = belay_realloc(s->kinds, cap * sizeof *kinds);
    if (!kinds)
        return BELAY_NOMEM;
    s->kinds = kinds;
    s->kind_cap = cap;
    return BELAY_OK;
}

static void free_kind(struct saga_kind *kind)
{
    if (!kind)
        return;
    belay_free((void *)kind->source.p);
    belay_free(kind);
}

/* The next number. */
static int add(struct belay_sagas *s, struct belay_str name, struct saga_kind **ret_kind)
{
    struct saga_kind *kind = belay_calloc(1, sizeof *kind);
    if (!kind || grow(s) != BELAY_OK)
        goto no_memory;
    char *source = belay_malloc(SOURCE.n + name.n);
    kind->source = belay_str(source, SOURCE.n + name.n);
    if (!source)
        goto no_memory;
    memcpy(source, SOURCE.p, SOURCE.n);
    memcpy(source + SOURCE.n, name.p, name.n);
    kind->name = belay_str(source + SOURCE.n, name.n);
    if (belay_map_put(&s->kind_by_name, kind->name, kind, NULL) != BELAY_OK)
        goto no_memory;
    s->kinds[s->kind_count++] = kind;
    kind->number = s->kind_count;
    *ret_kind = kind;
    return BELAY_OK;
no_memory:
    free_kind(kind);
    return BELAY_NOMEM;
}

int saga_kind_need(struct belay_sagas *s, struct belay_str name, struct saga_kind **ret_kind,
                   struct belay_err *err)
{
    struct saga_kind *kind = saga_kind_find(s, name);
    if (!kind) {
        const struct saga_cost cost = { 32 + name.n, 1, 0, 0 };
        int status = saga_room_reserve(s, &cost, false, err);
        if (status != BELAY_OK)
            return status;
        belay_buf_clear(&s->record);
        belay_pack_varint(&s->record, s->kind_count + 1);
        belay_pack_str(&s->record, name);
        belay_buf_clear(&s->kind_row);
        if (belay_buf_status(&s->record) != BELAY_OK
            || !belay_buf_reserve(&s->kind_row, KIND_ROW_BYTES) || add(s, name, &kind) != BELAY_OK)
            return belay_fail(err, BELAY_NOMEM, "no memory for the name of a saga");
        belay_store_append(s->opt.store, SAGA_RECORD_KIND, SAGA_RECORD_VERSION,
                           belay_buf_view(&s->record));
        saga_kind_write(s, kind);
    }
    *ret_kind = kind;
    return BELAY_OK;
}

int saga_kind_apply(struct belay_sagas *s, struct belay_str body, struct belay_err *err)
{
    struct belay_unpack u = belay_unpack_init(body);
    uint64_t number = belay_unpack_varint(&u);
    struct belay_str name = belay_unpack_str(&u);
    struct saga_kind *kind;
    belay_buf_clear(&s->kind_row);
    if (!belay_buf_reserve(&s->kind_row, KIND_ROW_BYTES))
        return belay_fail(err, BELAY_NOMEM, "no memory for the name of a saga");
    int status = belay_state_reserve_save(s->state, KIND_ROW_BYTES + 64, 1, err);
    if (status != BELAY_OK)
        return status;
    if (!belay_unpack_done(&u) || number != s->kind_count + 1)
        return belay_fail(err, BELAY_CORRUPT, "record of a saga's name makes no sense");
    if (add(s, name, &kind) != BELAY_OK)
        return belay_fail(err, BELAY_NOMEM, "no memory for the name of a saga");
    saga_kind_write(s, kind);
    return BELAY_OK;
}

void saga_count(struct saga_kind *kind, uint8_t state, int by)
{
    struct belay_saga_stats *c = &kind->stats;
    uint64_t *of[SAGA_STATES]
        = { [SAGA_RUNNING] = &c->running,         [SAGA_COMPENSATING] = &c->compensating,
            [SAGA_PARKED] = &c->parked,           [SAGA_COMPLETED] = &c->completed,
            [SAGA_COMPENSATED] = &c->compensated, [SAGA_FAILED] = &c->failed };
    BELAY_ASSERT(by > 0 || *of[state] > 0);
    *of[state] += (uint64_t)(int64_t)by;
}

static int load_row(struct belay_sagas *s, struct belay_str row, struct belay_err *err)
{
    struct belay_unpack u = belay_unpack_init(row);
    struct belay_saga_stats c = { 0 };
    c.running = belay_unpack_varint(&u);
    c.compensating = belay_unpack_varint(&u);
    c.parked = belay_unpack_varint(&u);
    c.completed = belay_unpack_varint(&u);
    c.compensated = belay_unpack_varint(&u);
    c.failed = belay_unpack_varint(&u);
    c.events_waiting = belay_unpack_varint(&u);
    struct belay_str name = belay_unpack_str(&u);
    if (!belay_unpack_done(&u))
        return belay_fail(err, BELAY_CORRUPT, "row of a saga's name makes no sense");
    struct saga_kind *kind;
    if (add(s, name, &kind) != BELAY_OK)
        return belay_fail(err, BELAY_NOMEM, "no memory for the name of a saga");
    kind->stats = c;
    return BELAY_OK;
}

int saga_kinds_load(struct belay_sagas *s, struct belay_err *err)
{
    belay_buf_clear(&s->kind_row);
    if (!belay_buf_reserve(&s->kind_row, KIND_ROW_BYTES))
        return belay_fail(err, BELAY_NOMEM, "no memory for the names of sagas");
    for (;;) {
        char key[5];
        struct belay_str row;
        row_key(key, s->kind_count + 1);
        if (!belay_state_get(s->state, BELAY_TABLE_SAGA, belay_str(key, 5), &row))
            return BELAY_OK;
        int status = load_row(s, row, err);
        if (status != BELAY_OK)
            return status;
    }
}

void saga_kinds_free(struct belay_sagas *s)
{
    for (uint32_t i = 0; i < s->kind_count; i++)
        free_kind(s->kinds[i]);
    belay_free(s->kinds);
    belay_map_deinit(&s->kind_by_name);
}
