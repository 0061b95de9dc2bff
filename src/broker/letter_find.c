/* letter_find.c - letters by what they are: each question goes along the index that has its answers together.
 *
 *   a group        'g' group, from `since` on          a key    'k'
 *   an error       the groups that it names, one after the other, each along 'g'
 *   only a time    't', one subscription after the other
 *   else           the letters themselves, in order
 *
 * A call looks at one letter or one group, so that whoever asks can stop after a bite; what it found and what it passed
 * by both leave the cursor behind them. */
#include "broker/letter_impl.h"

struct look {
    struct belay_broker *b;
    const struct belay_letter_filter *f;
    struct belay_letter_cursor *c;
    struct belay_arena *arena;
    struct belay_letter *letter;
};

/* First row of the index above `from` with this prefix: *key. */
static bool seek(struct look *l, struct row_key from, bool after, struct row_key prefix, struct row_key *ret_key)
{
    struct belay_str key, value;
    if (!rows_seek(l->b, BELAY_TABLE_LETTER_INDEX, row_key_str(&from), after, row_key_str(&prefix), &key,
                          &value))
        return false;
    *ret_key = row_key_of(key);
    return true;
}

/* ---- the letter at the cursor ---- */

static bool facts_wanted(const struct belay_letter_filter *f, const struct letter_facts *facts)
{
    return facts->created_at >= f->since && facts->created_at < f->until
           && (!f->group || f->group == facts->fingerprint) && (!f->key.n || belay_str_eq(f->key, facts->key));
}

static bool error_wanted(const struct belay_letter_filter *f, const struct belay_letter *letter)
{
    return !f->error.n
           || (letter->history_count
               && belay_fault_matches(&letter->history[letter->history_count - 1].fault, f->error));
}

static enum belay_letter_found look_at(struct look *l)
{
    struct belay_subscription *sub = belay_broker_find_id(l->b, l->c->sub);
    uint64_t sequence = l->c->sequence;
    struct letter_facts facts;
    struct exception x;
    if (!sub || (l->f->sub && l->f->sub != sub) || !facts_get(l->b, sub->id, sequence, &facts)
        || !facts_wanted(l->f, &facts) || !exception_get(l->b, sub->id, sequence, &x) || !exception_is_letter(&x))
        return BELAY_LETTER_PASSED;
    int status = letter_take(l->b, sub, sequence, &x, l->f->last_only, l->arena, l->letter);
    if (status != BELAY_OK)
        return status == BELAY_NOMEM ? BELAY_LETTER_NOMEM : BELAY_LETTER_PASSED;
    return error_wanted(l->f, l->letter) ? BELAY_LETTER_FOUND : BELAY_LETTER_PASSED;
}

/* ---- ways ---- */

static enum belay_letter_found along_group(struct look *l, uint64_t group)
{
    struct belay_letter_cursor *c = l->c;
    struct row_key prefix = key_by_group(group, 0, 0, 0), at;
    struct row_key from = c->began ? key_by_group(group, c->at, c->sub, c->sequence)
                                   : key_by_group(group, l->f->since > 0 ? l->f->since : 0, 0, 0);
    prefix.n = 9;
    if (!seek(l, from, c->began, prefix, &at))
        return BELAY_LETTER_END;
    c->began = true;
    c->at = (belay_time)belay_load_be64(at.bytes + 9);
    c->sub = belay_load_be32(at.bytes + 17);
    c->sequence = belay_load_be64(at.bytes + 21);
    return c->at >= l->f->until ? BELAY_LETTER_END : look_at(l);
}

static bool group_wanted(struct look *l, const struct belay_letter_group *g)
{
    struct belay_fault like = { .class_ = g->class_, .status = g->status };
    if (!g->count || (l->f->sub && !belay_str_eq(g->subscription, l->f->sub->name)))
        return false;
    if (g->type.n < sizeof like.type)
        memcpy(like.type, g->type.p, g->type.n);
    return belay_fault_matches(&like, l->f->error);
}

/* The groups in the order of their fingerprints; that of the cursor first, until it is at its end. */
static enum belay_letter_found along_error(struct look *l)
{
    struct belay_letter_group g;
    if (l->c->group) {
        enum belay_letter_found found = along_group(l, l->c->group);
        if (found != BELAY_LETTER_END)
            return found;
    }
    struct belay_arena_mark mark = belay_arena_mark(l->arena);
    l->c->began = false;
    bool more = belay_broker_group_next(l->b, &l->c->group, l->arena, &g), wanted = more && group_wanted(l, &g);
    belay_arena_rewind(l->arena, mark);
    if (!wanted && more)
        l->c->began = true, l->c->at = BELAY_TIME_NEVER; /* its end */
    return more ? BELAY_LETTER_PASSED : BELAY_LETTER_END;
}

static enum belay_letter_found along_key(struct look *l)
{
    struct belay_letter_cursor *c = l->c;
    struct row_key prefix = key_by_key(l->f->key, 0, 0), at;
    prefix.n = KEY_BY_KEY_SUB;
    if (!seek(l, key_by_key(l->f->key, c->sub, c->sequence), true, prefix, &at))
        return BELAY_LETTER_END;
    c->sub = belay_load_be32(at.bytes + KEY_BY_KEY_SUB);
    c->sequence = belay_load_be64(at.bytes + KEY_BY_KEY_SUB + 4);
    return look_at(l);
}

static enum belay_letter_found along_time(struct look *l)
{
    struct belay_letter_cursor *c = l->c;
    if (!c->sub) {
        c->sub = l->f->sub ? l->f->sub->id : 1;
        c->began = false;
    }
    struct row_key prefix = key_by_time(c->sub, 0, 0), at;
    struct row_key from = c->began ? key_by_time(c->sub, c->at, c->sequence)
                                   : key_by_time(c->sub, l->f->since > 0 ? l->f->since : 0, 0);
    prefix.n = 5;
    if (seek(l, from, c->began, prefix, &at) && (belay_time)belay_load_be64(at.bytes + 5) < l->f->until) {
        c->began = true;
        c->at = (belay_time)belay_load_be64(at.bytes + 5);
        c->sequence = belay_load_be64(at.bytes + 13);
        return look_at(l);
    }
    if (l->f->sub || !belay_broker_find_id(l->b, c->sub + 1))
        return BELAY_LETTER_END;
    c->sub++;
    c->began = false;
    return BELAY_LETTER_PASSED;
}

static enum belay_letter_found along_all(struct look *l)
{
    struct belay_letter_cursor *c = l->c;
    struct row_key prefix = { .n = 0 }, from = key_letter(c->sub, c->sequence, LETTER_PARTS);
    struct belay_str key, value;
    if (l->f->sub) {
        prefix = key_id(l->f->sub->id);
        if (c->sub != l->f->sub->id)
            from = key_letter(l->f->sub->id, 0, LETTER_FACTS);
    }
    if (!rows_seek(l->b, BELAY_TABLE_LETTER, row_key_str(&from), true, row_key_str(&prefix), &key, &value))
        return BELAY_LETTER_END;
    c->sub = belay_load_be32(key.p);
    c->sequence = belay_load_be64(key.p + 4);
    return look_at(l);
}

enum belay_letter_found belay_broker_letter_find(struct belay_broker *b, const struct belay_letter_filter *filter,
                                                 struct belay_letter_cursor *cursor, struct belay_arena *arena,
                                                 struct belay_letter *ret_letter)
{
    struct look l = { b, filter, cursor, arena, ret_letter };
    if (filter->group)
        return along_group(&l, filter->group);
    if (filter->key.n)
        return along_key(&l);
    if (filter->error.n)
        return along_error(&l);
    if (filter->since > 0 || filter->until != BELAY_TIME_NEVER)
        return along_time(&l);
    return along_all(&l);
}
