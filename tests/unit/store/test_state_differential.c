/* Random operations on a state over LMDB, on one over the model, and on a plain sorted array: all
 * three tell the same, through freezes, failed and successful checkpoints, drops and crashes. */
#include <stdlib.h>

#include "base/limits.h"
#include "base/pack.h"
#include "base/random.h"
#include "store/state.h"
#include "unit/tempdir.h"
#include "unit/test.h"

enum { ROWS_MAX = 4096, OVERLAY_BYTES = BELAY_KIB(256) };

/* ---- the naive reference ---- */

struct row {
    uint32_t table;
    uint16_t key_n, value_n;
    char key[40], value[300];
};

struct naive {
    struct row rows[ROWS_MAX];
    size_t count;
};

static int row_cmp(const struct row *r, uint32_t table, struct belay_str key)
{
    if (r->table != table)
        return r->table < table ? -1 : 1;
    return belay_str_cmp(belay_str(r->key, r->key_n), key);
}

/* Index of the first row >= (table, key), by looking at each. */
static size_t naive_at(const struct naive *n, uint32_t table, struct belay_str key)
{
    size_t i = 0;
    while (i < n->count && row_cmp(&n->rows[i], table, key) < 0)
        i++;
    return i;
}

static void naive_put(struct naive *n, uint32_t table, struct belay_str key, struct belay_str value)
{
    size_t i = naive_at(n, table, key);
    if (i == n->count || row_cmp(&n->rows[i], table, key) != 0) {
        assert_true(n->count < ROWS_MAX);
        memmove(&n->rows[i + 1], &n->rows[i], (n->count - i) * sizeof(struct row));
        n->count++;
        n->rows[i].table = table;
        n->rows[i].key_n = (uint16_t)key.n;
        memcpy(n->rows[i].key, key.p, key.n);
    }
    n->rows[i].value_n = (uint16_t)value.n;
    memcpy(n->rows[i].value, value.p, value.n);
}

static void naive_remove(struct naive *n, size_t i)
{
    memmove(&n->rows[i], &n->rows[i + 1], (n->count - i - 1) * sizeof(struct row));
    n->count--;
}

static void naive_del(struct naive *n, uint32_t table, struct belay_str key)
{
    size_t i = naive_at(n, table, key);
    if (i < n->count && row_cmp(&n->rows[i], table, key) == 0)
        naive_remove(n, i);
}

static void naive_drop(struct naive *n, uint32_t table)
{
    size_t i = naive_at(n, table, BELAY_STR(""));
    while (i < n->count && n->rows[i].table == table)
        naive_remove(n, i);
}

/* ---- the three side by side ---- */

enum { LMDB, MODEL, KINDS };

struct trio {
    char folder[32];
    struct belay_state_backend backend[KINDS];
    struct belay_state *state[KINDS];
    struct naive now, frozen, safe; /* safe: as of the last commit */
    uint64_t position, safe_position;
    bool is_frozen, is_committed;
    struct belay_random random;
};

static void states_open(struct trio *t)
{
    for (int k = 0; k < KINDS; k++) {
        assert_ok(belay_state_new(&t->backend[k], OVERLAY_BYTES, &t->state[k], NULL));
        assert_int_equal(belay_state_position(t->state[k]), t->safe_position);
    }
}

static struct trio *trio_open(uint64_t seed)
{
    struct trio *t = calloc(1, sizeof *t);
    assert_non_null(tempdir_make(t->folder));
    assert_ok(belay_state_lmdb_open(t->folder, BELAY_MIB(64), &t->backend[LMDB], NULL));
    assert_ok(belay_state_model_open(&t->backend[MODEL], NULL));
    t->random.state = seed;
    states_open(t);
    return t;
}

static void trio_close(struct trio *t)
{
    for (int k = 0; k < KINDS; k++) {
        belay_state_free(t->state[k]);
        t->backend[k].close(t->backend[k].self);
    }
    tempdir_remove(t->folder);
    free(t);
}

static uint64_t below(struct trio *t, uint64_t n)
{
    return belay_random_below(&t->random, n);
}

static uint32_t any_table(struct trio *t)
{
    static const uint32_t tables[] = { BELAY_TABLE_META, BELAY_TABLE_DUE, BELAY_TABLE_DROPPABLE,
                                       BELAY_TABLE_DROPPABLE + BELAY_TABLE_PARTS - 1 };
    return tables[below(t, 4)];
}

/* Few enough that keys meet again; of different lengths, some a prefix of another. */
static struct belay_str any_key(struct trio *t, char room[40])
{
    belay_store_be32(room, (uint32_t)below(t, 3));
    belay_store_be64(room + 4, below(t, 200));
    size_t n = below(t, 8) ? 12 : 12 + below(t, 28);
    memset(room + 12, 'x', n - 12);
    return belay_str(room, below(t, 30) ? n : 4);
}

static void compare_get(struct trio *t, uint32_t table, struct belay_str key)
{
    size_t i = naive_at(&t->now, table, key);
    const struct row *r = i < t->now.count && row_cmp(&t->now.rows[i], table, key) == 0
                              ? &t->now.rows[i] : NULL;
    for (int k = 0; k < KINDS; k++) {
        struct belay_str value;
        assert_int_equal(belay_state_get(t->state[k], table, key, &value), r != NULL);
        if (r)
            assert_true(belay_str_eq(value, belay_str(r->value, r->value_n)));
    }
}

static void compare_seek(struct trio *t, uint32_t table, struct belay_str from, bool after,
                         struct belay_str prefix)
{
    size_t i = naive_at(&t->now, table, belay_str_cmp(from, prefix) < 0 ? prefix : from);
    if (after && i < t->now.count && row_cmp(&t->now.rows[i], table, from) == 0)
        i++;
    const struct row *r = i < t->now.count ? &t->now.rows[i] : NULL;
    if (r && (r->table != table || !belay_str_starts(belay_str(r->key, r->key_n), prefix)))
        r = NULL;
    for (int k = 0; k < KINDS; k++) {
        struct belay_str key, value;
        assert_int_equal(belay_state_seek(t->state[k], table, from, after, prefix, &key, &value),
                         r != NULL);
        if (!r)
            continue;
        assert_true(belay_str_eq(key, belay_str(r->key, r->key_n)));
        assert_true(belay_str_eq(value, belay_str(r->value, r->value_n)));
    }
}

static void compare_all(struct trio *t)
{
    for (int k = 0; k < KINDS; k++) {
        size_t seen = 0;
        for (uint32_t table = 1; table < BELAY_TABLE_DROPPABLE + BELAY_TABLE_PARTS; table++) {
            struct belay_str key, value, from = BELAY_STR("");
            char room[40];
            for (bool after = false; belay_state_seek(t->state[k], table, from, after, BELAY_STR(""),
                                                      &key, &value); after = true) {
                const struct row *r = &t->now.rows[seen++];
                assert_true(seen <= t->now.count);
                assert_int_equal(row_cmp(r, table, key), 0);
                assert_true(belay_str_eq(value, belay_str(r->value, r->value_n)));
                memcpy(room, key.p, key.n);
                from = belay_str(room, key.n);
            }
        }
        assert_int_equal(seen, t->now.count);
        assert_ok(belay_state_error(t->state[k], NULL));
    }
}

static void freeze(struct trio *t)
{
    assert_int_equal(belay_state_may_freeze(t->state[LMDB]), belay_state_may_freeze(t->state[MODEL]));
    if (!belay_state_may_freeze(t->state[LMDB]))
        return;
    t->position += 1 + below(t, 5);
    for (int k = 0; k < KINDS; k++)
        belay_state_freeze(t->state[k], t->position);
    t->frozen = t->now;
    t->is_frozen = true;
}

static void commit(struct trio *t)
{
    if (!t->is_frozen || t->is_committed)
        return;
    if (below(t, 3) == 0) {
        struct belay_err err;
        belay_state_model_fail_next(&t->backend[MODEL], BELAY_NOSPACE);
        assert_int_equal(belay_state_checkpoint_run(t->state[MODEL], &err), BELAY_NOSPACE);
        return; /* and is tried again some time */
    }
    for (int k = 0; k < KINDS; k++)
        assert_ok(belay_state_checkpoint_run(t->state[k], NULL));
    t->is_committed = true;
    t->safe = t->frozen;
    t->safe_position = t->position;
}

static void done(struct trio *t)
{
    if (!t->is_committed)
        return;
    for (int k = 0; k < KINDS; k++) {
        assert_ok(belay_state_checkpoint_done(t->state[k], NULL));
        assert_int_equal(belay_state_position(t->state[k]), t->safe_position);
    }
    t->is_frozen = t->is_committed = false;
}

/* Everything above the last commit is gone. Now and then LMDB's file is opened anew, too. */
static void crash(struct trio *t)
{
    for (int k = 0; k < KINDS; k++)
        belay_state_free(t->state[k]);
    if (below(t, 2)) {
        t->backend[LMDB].close(t->backend[LMDB].self);
        assert_ok(belay_state_lmdb_open(t->folder, BELAY_MIB(64), &t->backend[LMDB], NULL));
    }
    t->now = t->safe;
    t->position = t->safe_position;
    t->is_frozen = t->is_committed = false;
    states_open(t);
    compare_all(t);
}

static void change(struct trio *t)
{
    char room[40], bytes[300];
    uint32_t table = any_table(t);
    struct belay_str key = any_key(t, room);
    struct belay_str value = belay_str(bytes, below(t, 10) ? below(t, 40) : below(t, sizeof bytes));
    memset(bytes, (int)below(t, 256), sizeof bytes);
    uint64_t what = below(t, 100);
    for (int k = 0; k < KINDS; k++) {
        if (belay_state_reserve(t->state[k], key.n + value.n, 1, NULL) != BELAY_OK) {
            assert_int_equal(k, 0); /* both are full at the same time */
            return;
        }
        if (what < 55)
            belay_state_put(t->state[k], table, key, value);
        else if (what < 99)
            belay_state_del(t->state[k], table, key);
        else if (table >= BELAY_TABLE_DROPPABLE)
            belay_state_drop(t->state[k], table);
    }
    if (what < 55)
        naive_put(&t->now, table, key, value);
    else if (what < 99)
        naive_del(&t->now, table, key);
    else if (table >= BELAY_TABLE_DROPPABLE)
        naive_drop(&t->now, table);
}

/* As a queue does: the first keys go, one after the other. */
static void eat_front(struct trio *t)
{
    uint32_t table = any_table(t);
    for (uint64_t n = below(t, 60); n > 0; n--) {
        char room[40];
        struct belay_str key, value;
        compare_seek(t, table, BELAY_STR(""), false, BELAY_STR(""));
        if (!belay_state_seek(t->state[LMDB], table, BELAY_STR(""), false, BELAY_STR(""), &key, &value))
            return;
        memcpy(room, key.p, key.n);
        key.p = room;
        for (int k = 0; k < KINDS; k++)
            if (belay_state_reserve(t->state[k], key.n, 1, NULL) != BELAY_OK)
                return;
        for (int k = 0; k < KINDS; k++)
            belay_state_del(t->state[k], table, key);
        naive_del(&t->now, table, key);
    }
}

static void step(struct trio *t)
{
    char room[40], prefix[4];
    uint64_t what = below(t, 1000);
    if (what < 600) {
        change(t);
    } else if (what < 780) {
        uint32_t table = any_table(t);
        compare_get(t, table, any_key(t, room));
    } else if (what < 960) {
        uint32_t table = any_table(t);
        belay_store_be32(prefix, (uint32_t)below(t, 4));
        struct belay_str from = below(t, 3) ? any_key(t, room) : BELAY_STR("");
        compare_seek(t, table, from, below(t, 2) && from.n, belay_str(prefix, below(t, 2) ? 4 : 0));
    } else if (what < 970) {
        eat_front(t);
    } else if (what < 980) {
        freeze(t);
    } else if (what < 990) {
        commit(t);
    } else if (what < 997) {
        done(t);
    } else {
        crash(t);
    }
}

static void lmdb_model_and_a_plain_array_agree(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct trio *t = trio_open(seed);
        for (int i = 0; i < 12000; i++)
            step(t);
        compare_all(t);
        trio_close(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lmdb_model_and_a_plain_array_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
