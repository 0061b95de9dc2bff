/* replay_check.c - J1-J5 of replay.h, over all rows.  Slow: for tests. */
#include "broker/letter_impl.h"
#include "broker/replay_impl.h"
#include "broker/window.h"

struct tally {
    const struct replay_job *j;
    uint64_t under_way, aside, busy;
};

static int broken(const struct replay_job *j, const char *invariant, const char *what, uint64_t n, struct belay_err *err)
{
    return belay_fail(err, BELAY_CORRUPT, "%s: replay job %u: %s (%llu)", invariant, j->id, what, (unsigned long long)n);
}

static bool busy_with(struct belay_broker *b, const struct replay_job *j, uint32_t sub, struct belay_hash128 lane,
                      uint64_t *ret_sequence)
{
    struct row_key key = key_replay_busy(j->id, sub, lane);
    struct belay_str value;
    if (!belay_state_get(b->state, BELAY_TABLE_REPLAY, row_key_str(&key), &value) || value.n != 8)
        return false;
    *ret_sequence = belay_load_be64(value.p);
    return true;
}

static bool is_behind(const struct replay_job *j, uint32_t sub, uint64_t sequence)
{
    return sub < j->at_sub || (sub == j->at_sub && sequence <= j->at_sequence);
}

/* J5, also when its run has begun: what it makes of the message from then on it makes of the one it has. */
static bool goes_on_unseen(struct belay_broker *b, uint32_t sub, uint64_t sequence, const struct exception *x, const struct replay_job *j)
{
    return !j->from_start && letter_unseen(b, sub, sequence, x);
}

/* J2, J3, J5, and J4 of what is under way. */
static int check_taken(struct belay_broker *b, uint32_t sub, uint64_t sequence, const struct exception *x,
                       struct tally *t, struct belay_err *err)
{
    const struct replay_job *j = t->j;
    struct letter_facts facts;
    uint64_t busy;
    if (!facts_get(b, sub, sequence, &facts))
        return broken(j, "J2", "under way without a letter", sequence, err);
    t->under_way++;
    if (facts.created_at > j->created_at)
        return broken(j, "J3", "took what was no letter when it began", sequence, err);
    if (!is_behind(j, sub, sequence))
        return broken(j, "J3", "under way in front of the cursor", sequence, err);
    if (goes_on_unseen(b, sub, sequence, x, j))
        return broken(j, "J5", "goes on without what a person wrote into it", sequence, err);
    if (!x->keyed || j->any_order)
        return BELAY_OK;
    t->busy++;
    if (!busy_with(b, j, sub, x->lane, &busy) || busy != sequence)
        return broken(j, "J4", "under way beside another of its key", sequence, err);
    return BELAY_OK;
}

static int check_under_way(struct belay_broker *b, struct tally *t, struct belay_err *err)
{
    struct exception x;
    for (uint32_t i = 0; i < b->sub_count; i++)
        for (uint64_t at = 0; exception_next(b, b->subs[i]->id, &at, &x); at++) {
            if (x.job != t->j->id || exception_is_letter(&x) || x.state == EXCEPTION_OVER)
                continue;
            int status = check_taken(b, b->subs[i]->id, at, &x, t, err);
            if (status != BELAY_OK)
                return status;
        }
    return BELAY_OK;
}

/* J4 */
static int check_rows(struct belay_broker *b, struct tally *t, struct belay_err *err)
{
    struct row_key prefix = key_replay(t->j->id), from = prefix;
    struct belay_str key, value;
    uint64_t busy_rows = 0, busy;
    while (rows_seek(b, BELAY_TABLE_REPLAY, row_key_str(&from), true, row_key_str(&prefix), &key, &value)) {
        BELAY_ASSERT(key.n <= sizeof from.bytes);
        memcpy(from.bytes, key.p, key.n);
        from.n = key.n;
        if (from.bytes[4] == REPLAY_BUSY) {
            busy_rows++;
            continue;
        }
        struct belay_hash128 lane = { belay_load_be64(from.bytes + 9), belay_load_be64(from.bytes + 17) };
        uint64_t sequence = belay_load_be64(from.bytes + 25);
        uint32_t sub = belay_load_be32(from.bytes + 5);
        t->aside++;
        if (!is_behind(t->j, sub, sequence))
            return broken(t->j, "J3", "put aside in front of the cursor", sequence, err);
        if (busy_with(b, t->j, sub, lane, &busy) && busy >= sequence)
            return broken(t->j, "J4", "put aside, and a later one of its key is under way", sequence, err);
    }
    return busy_rows == t->busy ? BELAY_OK : broken(t->j, "J4", "busy keys that are not", busy_rows, err);
}

static int check_job(struct belay_broker *b, const struct replay_job *j, struct belay_err *err)
{
    struct tally t = { .j = j };
    int status = check_under_way(b, &t, err);
    if (status == BELAY_OK)
        status = check_rows(b, &t, err);
    if (status != BELAY_OK)
        return status;
    if (j->looked != j->taken + j->skipped + j->aside || j->aside != t.aside)
        return broken(j, "J1", "looked at is not taken, skipped and put aside", j->looked, err);
    if (j->taken != j->done + j->failed + j->discarded + j->under_way)
        return broken(j, "J1", "taken are not done, failed, discarded and under way", j->taken, err);
    if (j->under_way != t.under_way || j->under_way > j->concurrency)
        return broken(j, "J2", "under way", j->under_way, err);
    if (j->state == BELAY_REPLAY_DONE && (j->under_way || j->aside))
        return broken(j, "J1", "done with something left", j->under_way + j->aside, err);
    return BELAY_OK;
}

int replays_check(struct belay_broker *b, struct belay_err *err)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < b->replay_count; i++) {
        int status = check_job(b, b->replays[i], err);
        if (status != BELAY_OK)
            return status;
        open += !replay_is_over(b->replays[i]);
    }
    return open == b->replays_open ? BELAY_OK : belay_fail(err, BELAY_CORRUPT, "J: %u replay jobs are open", open);
}
