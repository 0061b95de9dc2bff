/* letter_check.c - invariant I7: letters, their index and their groups say the same.  Slow: for tests. */
#include "base/alloc.h"
#include "broker/letter_impl.h"

struct tally {
    uint64_t fingerprint, count;
};

struct letters {
    struct belay_broker *b;
    struct belay_err *err;
    struct tally *groups;
    uint32_t group_count, group_cap;
    uint64_t index_rows; /* that there should be */
};

static bool there(struct belay_broker *b, struct row_key key)
{
    struct belay_str value;
    return belay_state_get(b->state, BELAY_TABLE_LETTER_INDEX, row_key_str(&key), &value);
}

static int bad(struct letters *l, const char *what, uint64_t of)
{
    return belay_fail(l->err, BELAY_CORRUPT, "I7: %s: %llu", what, (unsigned long long)of);
}

static int tally(struct letters *l, uint64_t fingerprint)
{
    for (uint32_t i = 0; i < l->group_count; i++)
        if (l->groups[i].fingerprint == fingerprint) {
            l->groups[i].count++;
            return BELAY_OK;
        }
    if (l->group_count == l->group_cap) {
        uint32_t cap = l->group_cap ? 2 * l->group_cap : 16;
        struct tally *grown = belay_realloc(l->groups, cap * sizeof *grown);
        if (!grown)
            return BELAY_NOMEM;
        l->groups = grown;
        l->group_cap = cap;
    }
    l->groups[l->group_count++] = (struct tally){ fingerprint, 1 };
    return BELAY_OK;
}

static int check_one(struct letters *l, struct belay_subscription *sub, uint64_t sequence, const struct exception *x)
{
    struct letter_facts f;
    struct row_key original = key_letter(sub->id, sequence, LETTER_ORIGINAL);
    struct belay_str value;
    if (!facts_get(l->b, sub->id, sequence, &f))
        return bad(l, "a letter without readable facts", sequence);
    if (!there(l->b, key_by_group(f.fingerprint, f.created_at, sub->id, sequence))
        || !there(l->b, key_by_time(sub->id, f.created_at, sequence))
        || (f.key.n && !there(l->b, key_by_key(f.key, sub->id, sequence))))
        return bad(l, "an index does not lead to the letter", sequence);
    if ((f.edits > 0) != belay_state_get(l->b->state, BELAY_TABLE_LETTER, row_key_str(&original), &value))
        return bad(l, "the original of an edited letter", sequence);
    l->index_rows += f.key.n ? 3 : 2;
    return exception_is_letter(x) ? tally(l, f.fingerprint) : BELAY_OK;
}

static int check_all(struct letters *l)
{
    for (uint32_t i = 0; i < l->b->sub_count; i++) {
        struct exception x;
        for (uint64_t at = 0; exception_next(l->b, l->b->subs[i]->id, &at, &x); at++) {
            int status = x.letter && x.state != EXCEPTION_OVER ? check_one(l, l->b->subs[i], at, &x) : BELAY_OK;
            if (status != BELAY_OK)
                return status;
        }
    }
    return BELAY_OK;
}

static int check_index(struct letters *l)
{
    struct row_key from = { .bytes = { 0 }, .n = 1 };
    struct belay_str key, value;
    uint64_t rows = 0;
    while (rows_seek(l->b, BELAY_TABLE_LETTER_INDEX, row_key_str(&from), true, BELAY_STR_NONE, &key,
                            &value)) {
        BELAY_ASSERT(key.n <= sizeof from.bytes);
        memcpy(from.bytes, key.p, key.n);
        from.n = key.n;
        rows++;
    }
    return rows == l->index_rows ? BELAY_OK : bad(l, "rows of the index that lead to no letter", rows - l->index_rows);
}

static int check_groups(struct letters *l)
{
    struct belay_arena arena;
    struct belay_letter_group g;
    int status = BELAY_OK;
    uint64_t at = 0;
    uint32_t full = 0;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    while (status == BELAY_OK && belay_broker_group_next(l->b, &at, &arena, &g)) {
        uint64_t count = 0;
        for (uint32_t i = 0; i < l->group_count; i++)
            count += l->groups[i].fingerprint == at ? l->groups[i].count : 0;
        if (count != g.count)
            status = bad(l, "a group counts other letters than there are", g.count);
        full += count > 0;
        belay_arena_reset(&arena);
    }
    belay_arena_deinit(&arena);
    if (status == BELAY_OK && full != l->group_count)
        status = bad(l, "letters without a group", l->group_count - full);
    return status;
}

int letters_check(struct belay_broker *b, struct belay_err *err)
{
    struct letters l = { .b = b, .err = err };
    int status = check_all(&l);
    if (status == BELAY_OK)
        status = check_index(&l);
    if (status == BELAY_OK)
        status = check_groups(&l);
    if (status == BELAY_OK)
        status = groups_new_check(b, err);
    belay_free(l.groups);
    return status;
}
