/* replay_take.c - a bite of a replay job: which letters, decided, and applied.
 *
 *   scan    behind the cursor, in order: TAKE, ASIDE, skipped; once, up to the last letter
 *   walk    over what was put aside, lane by lane: the first of each lane that is free, again after each outcome
 *
 *   record  job | sub | now | cursor (0: stays) | skipped | count | (svarint step of the sequence, verdict, [lane])...
 */
#include "base/planted.h"
#include "broker/deliver.h"
#include "broker/letter_impl.h"
#include "broker/record.h"
#include "broker/replay_impl.h"
#include "broker/subscription.h"

#define TAKES_MAX 32 /* of a bite: half of what a step delivers */
#define LOOKS_MAX 64
#define WHERE_LOOKS_MAX 16 /* of one that evaluates an expression for each */
#define NO_ROOM_US (2 * BELAY_US_PER_MS) /* until it is tried again */

enum verdict { TAKE = 1, ASIDE, TAKE_ASIDE, GONE_ASIDE };

struct entry_of_bite {
    uint64_t sequence;
    struct belay_hash128 lane;
    enum verdict verdict;
    bool keyed;
};

struct bite {
    struct belay_broker *b;
    struct replay_job *j;
    uint32_t sub, room, looks;
    uint64_t cursor, skipped;
    uint32_t count, takes, looks_max;
    struct belay_arena arena; /* of what `where` looks at */
    struct entry_of_bite entries[LOOKS_MAX];
};

/* ---- what may be taken ---- */

static struct belay_rate_def rate_def(const struct replay_job *j)
{
    double a_second = j->rate ? (double)j->rate / j->rate_seconds : 0;
    return (struct belay_rate_def){ .per_second = a_second, .burst = (uint32_t)(a_second / 100) };
}

static uint32_t room_of(const struct belay_broker *b, const struct replay_job *j)
{
    const struct belay_rate_def def = rate_def(j);
    struct belay_rate bucket = j->bucket;
    uint32_t n = 0, most = j->concurrency > j->under_way ? j->concurrency - j->under_way : 0;
    if (most > TAKES_MAX)
        most = TAKES_MAX;
    for (; n < most && (belay_rate_at(&bucket, &def, b->now) <= b->now); n++)
        belay_rate_take(&bucket, &def, b->now);
    return n;
}

/* It failed again, or for the first time, when the job was there. */
static bool too_late(const struct replay_job *j, const struct letter_facts *f)
{
    return f->created_at > j->created_at && !BELAY_PLANTED(42);
}

static bool facts_fit(const struct replay_job *j, const struct letter_facts *f)
{
    struct belay_str key = belay_str_c(j->texts[TEXT_KEY]);
    return f->created_at >= j->since && f->created_at < j->until && (!j->group || j->group == f->fingerprint)
           && (!key.n || belay_str_eq(key, f->key));
}

/* A call of unknown outcome is repeated only where somebody named just that class: it may have been done. */
static bool error_fits(const struct bite *t, uint64_t sequence, const struct exception *x)
{
    struct belay_str pattern = belay_str_c(t->j->texts[TEXT_ERROR]);
    struct belay_fault fault;
    if (!exception_last_fault(t->b, t->sub, sequence, x, &fault))
        return !pattern.n;
    if (fault.class_ == BELAY_CLASS_UNKNOWN_OUTCOME && !belay_str_eq(pattern, BELAY_STR("class:unknown_outcome")))
        return false;
    return !pattern.n || belay_fault_matches(&fault, pattern);
}

static bool where_fits(struct bite *t, uint64_t sequence, const struct exception *x)
{
    const struct belay_replay_where *w = t->b->replay_where;
    struct belay_subscription *sub = belay_broker_find_id(t->b, t->sub);
    struct belay_letter letter;
    if (!t->j->where)
        return true;
    belay_arena_reset(&t->arena);
    bool costly = false, fits = letter_take(t->b, sub, sequence, x, true, &t->arena, &letter) == BELAY_OK
                                && w->wants(w->arg, t->j->where, &letter, t->b->now, &t->arena, &costly);
    if (costly)
        t->looks_max = t->looks; /* the step is others' too */
    return fits;
}

/* What somebody edited goes on only where that counts: else it waits for a person who says from where (dlq replay). */
static bool passes_edit_by(const struct bite *t, uint64_t sequence, const struct exception *x)
{
    return !t->j->from_start && letter_unseen(t->b, t->sub, sequence, x);
}

static bool wanted(struct bite *t, uint64_t sequence, const struct letter_facts *facts, const struct exception *x)
{
    return exception_is_letter(x) && facts_fit(t->j, facts) && error_fits(t, sequence, x) && where_fits(t, sequence, x)
           && !passes_edit_by(t, sequence, x) && letter_readable(t->b, t->sub, sequence) != BELAY_CORRUPT;
}

/* ---- one after the other of a key ---- */

static bool in_bite(const struct bite *t, struct belay_hash128 lane)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (t->entries[i].keyed && belay_hash128_eq(t->entries[i].lane, lane))
            return true;
    return false;
}

static bool is_busy(const struct bite *t, struct belay_hash128 lane)
{
    struct row_key key = key_replay_busy(t->j->id, t->sub, lane);
    struct belay_str value;
    return in_bite(t, lane)
           || (t->j->under_way && belay_state_get(t->b->state, BELAY_TABLE_REPLAY, row_key_str(&key), &value));
}

static bool others_wait(const struct bite *t, struct belay_hash128 lane)
{
    struct row_key prefix = key_replay_aside(t->j->id, t->sub, lane, 0);
    struct belay_str key, value;
    prefix.n -= 8;
    return t->j->aside && rows_seek(t->b, BELAY_TABLE_REPLAY, row_key_str(&prefix), false,
                                           row_key_str(&prefix), &key, &value);
}

static bool has_to_wait(const struct bite *t, const struct exception *x)
{
    return !t->j->any_order && x->keyed && !BELAY_PLANTED(43) && (is_busy(t, x->lane) || others_wait(t, x->lane));
}

static void put(struct bite *t, uint64_t sequence, enum verdict verdict, bool keyed, struct belay_hash128 lane)
{
    BELAY_ASSERT(t->count < LOOKS_MAX);
    t->entries[t->count++] = (struct entry_of_bite){ sequence, lane, verdict, keyed };
    if (verdict == TAKE || verdict == TAKE_ASIDE) {
        BELAY_ASSERT(t->room);
        t->takes++;
        t->room--;
    }
}

/* ---- scan ---- */

static void look(struct bite *t, uint64_t sequence, struct belay_str facts)
{
    struct exception x;
    struct letter_facts f;
    t->looks++;
    t->cursor = sequence;
    bool known = facts_unpack(facts, &f); /* what cannot be read is passed by, and counts */
    if (known && too_late(t->j, &f))
        return;
    if (!known || !exception_get(t->b, t->sub, sequence, &x) || !wanted(t, sequence, &f, &x))
        t->skipped++;
    else
        put(t, sequence, has_to_wait(t, &x) ? ASIDE : TAKE, x.keyed && !t->j->any_order, x.lane);
}

static void scan(struct bite *t)
{
    struct replay_job *j = t->j;
    struct row_key from = key_letter(j->at_sub, j->at_sequence, LETTER_PARTS), prefix = { .n = 0 };
    struct belay_str key, facts;
    if (*j->texts[TEXT_FLOW])
        prefix = key_id(j->at_sub);
    while (t->room && t->looks < t->looks_max) {
        if (!rows_seek(t->b, BELAY_TABLE_LETTER, row_key_str(&from), true, row_key_str(&prefix), &key,
                              &facts)) {
            j->scanned = true;
            return;
        }
        uint32_t sub = belay_load_be32(key.p);
        if (t->looks && sub != t->sub)
            return; /* the next bite's */
        t->sub = sub;
        look(t, belay_load_be64(key.p + 4), facts);
        from = key_letter(sub, t->cursor, LETTER_PARTS);
    }
}

/* ---- walk ---- */

static bool still_wanted(struct bite *t, uint64_t sequence, struct exception *ret_x)
{
    struct letter_facts f;
    return t->j->state == BELAY_REPLAY_RUNNING && exception_get(t->b, t->sub, sequence, ret_x)
           && exception_is_letter(ret_x) && facts_get(t->b, t->sub, sequence, &f) && !too_late(t->j, &f)
           && !passes_edit_by(t, sequence, ret_x);
}

/* What is at key; *ret_next: where the walk goes on. */
static void visit(struct bite *t, struct belay_str key, struct row_key *ret_next)
{
    struct belay_hash128 lane = { belay_load_be64(key.p + 9), belay_load_be64(key.p + 17) };
    uint64_t sequence = belay_load_be64(key.p + 25);
    struct exception x;
    bool gone = !still_wanted(t, sequence, &x);
    struct row_key next = key_replay_aside(t->j->id, t->sub, lane, gone ? sequence : UINT64_MAX);
    t->looks++;
    *ret_next = next;
    if (gone)
        put(t, sequence, GONE_ASIDE, false, lane);
    else if (!is_busy(t, lane))
        put(t, sequence, TAKE_ASIDE, true, lane);
}

static void walk(struct bite *t)
{
    struct replay_job *j = t->j;
    struct row_key prefix = key_replay_aside(j->id, 0, (struct belay_hash128){ 0 }, 0);
    struct belay_str key, value;
    prefix.n = 5;
    if (!j->aside_at.n) {
        j->aside_at = prefix;
        j->stirred = false;
    }
    while (t->room && t->looks < t->looks_max) {
        if (!rows_seek(t->b, BELAY_TABLE_REPLAY, row_key_str(&j->aside_at), true, row_key_str(&prefix),
                              &key, &value)) {
            j->aside_at.n = 0;
            j->rested = !j->stirred;
            return;
        }
        uint32_t sub = belay_load_be32(key.p + 5);
        if (t->looks && sub != t->sub)
            return;
        t->sub = sub;
        visit(t, key, &j->aside_at);
    }
}

/* ---- the bite ---- */

static void pack_bite(const struct bite *t)
{
    struct belay_buf *r = record_begin(t->b);
    uint64_t last = 0;
    belay_pack_varint(r, t->j->id);
    belay_pack_varint(r, t->sub);
    belay_pack_svarint(r, t->b->now);
    belay_pack_varint(r, t->cursor);
    belay_pack_varint(r, t->skipped);
    belay_pack_varint(r, t->count);
    for (uint32_t i = 0; i < t->count; i++) {
        belay_pack_svarint(r, (int64_t)(t->entries[i].sequence - last));
        belay_pack_u8(r, (uint8_t)t->entries[i].verdict);
        if (t->entries[i].verdict == GONE_ASIDE)
            pack_hash(r, t->entries[i].lane); /* nothing else may know it any more */
        last = t->entries[i].sequence;
    }
}

static void take_tokens(const struct belay_broker *b, struct replay_job *j, uint32_t n)
{
    const struct belay_rate_def def = rate_def(j);
    while (n--)
        belay_rate_take(&j->bucket, &def, b->now);
}

static int commit_bite(struct bite *t)
{
    const struct cost cost = { t->count * (BELAY_KEY_BYTES_MAX + INSIDE_BYTES_MAX + 512), 6 * t->count };
    struct belay_err err;
    if (!t->cursor && !t->count)
        return BELAY_OK;
    pack_bite(t);
    int status = record_commit(t->b, RECORD_REPLAY_BITE, cost, false, &err);
    if (status != BELAY_OK)
        return status;
    take_tokens(t->b, t->j, t->takes);
    if (t->takes)
        subscription_kick(t->b, belay_broker_find_id(t->b, t->sub));
    return BELAY_OK;
}

static bool has_ended(const struct replay_job *j)
{
    return j->state == BELAY_REPLAY_RUNNING && j->scanned && !j->aside && !j->under_way;
}

/* Is there anything to look at? */
static bool may_look(const struct replay_job *j)
{
    if (j->state == BELAY_REPLAY_CANCELLED)
        return j->aside > 0;
    return j->state == BELAY_REPLAY_RUNNING && (!j->scanned || (j->aside && !j->rested))
           && j->under_way < j->concurrency;
}

/* A scan or walk that cannot be recorded is as if it had not been. */
static int look_around(struct belay_broker *b, struct replay_job *j, uint32_t room)
{
    struct bite t = { .b = b, .j = j, .room = room, .looks_max = j->where ? WHERE_LOOKS_MAX : LOOKS_MAX };
    const bool scanned = j->scanned;
    const struct row_key aside_at = j->aside_at;
    belay_arena_init(&t.arena, BELAY_KIB(16), 2 * BELAY_MESSAGE_BYTES_MAX);
    if (j->state == BELAY_REPLAY_RUNNING && !j->scanned)
        scan(&t);
    else
        walk(&t);
    belay_arena_deinit(&t.arena);
    int status = commit_bite(&t);
    if (status != BELAY_OK) {
        j->scanned = scanned;
        j->aside_at = aside_at;
        j->rested = false;
    }
    return status;
}

/* Its `where`, once more after a restart. */
static int compiled(struct belay_broker *b, struct replay_job *j, struct belay_err *err)
{
    struct belay_str source = belay_str_c(j->texts[TEXT_WHERE]);
    if (!source.n || j->where || j->state != BELAY_REPLAY_RUNNING)
        return BELAY_OK;
    if (!b->replay_where)
        return belay_fail(err, BELAY_INVALID, "nobody can tell what a job's where says");
    return b->replay_where->compile(b->replay_where->arg, source, &j->where, err);
}

bool replay_bite(struct belay_broker *b, struct replay_job *j)
{
    struct belay_err err;
    bool ends = has_ended(j);
    uint32_t room = j->state == BELAY_REPLAY_RUNNING ? room_of(b, j) : TAKES_MAX;
    if (j->not_before > b->now || !(ends || (room && may_look(j))))
        return false;
    int status = compiled(b, j, &err);
    if (status == BELAY_OK)
        status = ends ? replay_end(b, j, &err) : look_around(b, j, room);
    else if (status != BELAY_NOMEM)
        status = replay_give_up(b, j, &err);
    j->not_before = status == BELAY_OK ? 0 : b->now + NO_ROOM_US;
    return true;
}

belay_time replay_wake_at(const struct belay_broker *b, const struct replay_job *j)
{
    const struct belay_rate_def def = rate_def(j);
    if (!may_look(j) && !has_ended(j))
        return BELAY_TIME_NEVER;
    belay_time at = may_look(j) && j->state == BELAY_REPLAY_RUNNING ? belay_rate_at(&j->bucket, &def, b->now) : b->now;
    return at > j->not_before ? at : j->not_before;
}

/* ---- apply ---- */

static void mark_busy(struct belay_broker *b, const struct replay_job *j, uint32_t sub, uint64_t sequence,
                      const struct exception *x)
{
    struct row_key key = key_replay_busy(j->id, sub, x->lane);
    char value[8];
    belay_store_be64(value, sequence);
    if (x->keyed && !j->any_order)
        belay_state_put(b->state, BELAY_TABLE_REPLAY, row_key_str(&key), belay_str(value, sizeof value));
}

static int apply_verdict(struct belay_broker *b, struct replay_job *j, struct belay_subscription *sub,
                         uint64_t sequence, enum verdict verdict, struct belay_hash128 gone_lane, belay_time now)
{
    bool takes = verdict == TAKE || verdict == TAKE_ASIDE, from_aside = verdict == TAKE_ASIDE || verdict == GONE_ASIDE;
    struct exception x = { 0 };
    bool there = exception_get(b, sub->id, sequence, &x);
    struct row_key key = key_replay_aside(j->id, sub->id, there ? x.lane : gone_lane, sequence);
    if ((takes || verdict == ASIDE) && (!there || !exception_is_letter(&x)))
        return BELAY_CORRUPT;
    j->looked += !from_aside;
    if (verdict == ASIDE)
        belay_state_put(b->state, BELAY_TABLE_REPLAY, row_key_str(&key), BELAY_STR(""));
    j->aside += verdict == ASIDE;
    if (from_aside)
        belay_state_del(b->state, BELAY_TABLE_REPLAY, row_key_str(&key));
    count_less(&j->aside, from_aside);
    j->skipped += verdict == GONE_ASIDE;
    if (!takes)
        return BELAY_OK;
    BELAY_ASSERT(x.job != j->id); /* never twice */
    mark_busy(b, j, sub->id, sequence, &x);
    letter_replayed(b, sub, sequence, &x, j->from_start, j->id, now);
    j->taken++;
    j->under_way++;
    return BELAY_OK;
}

int apply_replay_bite(struct belay_broker *b, struct belay_unpack *u)
{
    struct replay_job *j = replay_find(b, (uint32_t)belay_unpack_varint(u));
    struct belay_subscription *sub = unpack_subscription(b, u);
    belay_time now = belay_unpack_svarint(u);
    uint64_t cursor = belay_unpack_varint(u), skipped = belay_unpack_varint(u), count = belay_unpack_varint(u);
    uint64_t sequence = 0;
    int status = j && sub && belay_unpack_ok(u) ? BELAY_OK : BELAY_CORRUPT;
    for (uint64_t i = 0; i < count && status == BELAY_OK; i++) {
        sequence += (uint64_t)belay_unpack_svarint(u);
        enum verdict verdict = belay_unpack_u8(u);
        struct belay_hash128 lane = verdict == GONE_ASIDE ? unpack_hash(u) : (struct belay_hash128){ 0 };
        bool known = belay_unpack_ok(u) && verdict >= TAKE && verdict <= GONE_ASIDE;
        status = known ? apply_verdict(b, j, sub, sequence, verdict, lane, now) : BELAY_CORRUPT;
    }
    if (status != BELAY_OK)
        return status;
    if (cursor && !BELAY_PLANTED(44)) {
        j->at_sub = sub->id;
        j->at_sequence = cursor;
    }
    j->looked += skipped;
    j->skipped += skipped;
    j->dirty = true;
    return BELAY_OK;
}

void replay_outcome(struct belay_broker *b, struct belay_subscription *sub, const struct exception *x,
                    enum replay_outcome outcome)
{
    struct replay_job *j = replay_find(b, x->job);
    BELAY_ASSERT(j && j->under_way);
    struct row_key key = key_replay_busy(j->id, sub->id, x->lane);
    if (x->keyed && !j->any_order)
        belay_state_del(b->state, BELAY_TABLE_REPLAY, row_key_str(&key));
    j->under_way--;
    ++*(outcome == REPLAYED_DONE ? &j->done : outcome == REPLAYED_FAILED ? &j->failed : &j->discarded);
    j->rested = false;
    j->stirred = j->dirty = true;
}
