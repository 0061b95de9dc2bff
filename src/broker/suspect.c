/* suspect.c - what was in flight when the process died: perhaps it died of it.
 *
 *   innocent --crash, in flight--> SUSPECTED --any outcome--> (no deaths) innocent
 *                                   |    ^            `-----> (deaths) REMEMBERED --success--> innocent
 *                                   |    `--crash, in flight--------------'
 *                                   `--crash while it was all that was in flight: one death more
 *
 * The engine runs the suspected ones first, one by one; at so many deaths as its flow allows it makes a letter of the
 * message instead of running it.  A crash that several were part of is held against none of them.
 * Of the last CRASHES_KEPT crashes it is remembered what was in flight: that is the letter's story.
 */
#include "broker/suspect.h"

#include "base/alloc.h"
#include "base/planted.h"
#include "broker/by_name.h"
#include "broker/crash.h"
#include "broker/deliver.h"
#include "broker/lane_impl.h"
#include "broker/record.h"
#include "broker/subscription.h"

#define DEATHS_MAX 255
#define SUSPECTS_MAX BELAY_RUNS_MAX /* of a subscription */

/* ---- of one subscription, in the order of their sequences ---- */

static uint32_t place_of(const struct belay_subscription *sub, uint64_t sequence)
{
    uint32_t low = 0, high = sub->suspect_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (sub->suspects[middle].sequence < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct suspect *suspect_find(const struct belay_subscription *sub, uint64_t sequence)
{
    uint32_t i = place_of(sub, sequence);
    return i < sub->suspect_count && sub->suspects[i].sequence == sequence ? &sub->suspects[i] : NULL;
}

static int reserve(struct belay_subscription *sub, uint32_t more)
{
    uint32_t want = sub->suspect_count + more;
    if (want <= sub->suspect_cap)
        return BELAY_OK;
    struct suspect *grown = belay_realloc(sub->suspects, want * sizeof *grown);
    if (!grown)
        return BELAY_NOMEM;
    sub->suspects = grown;
    sub->suspect_cap = want;
    return BELAY_OK;
}

/* Room was reserved. NULL: there are too many already. */
static struct suspect *add(struct belay_subscription *sub, uint64_t sequence)
{
    struct suspect *s = suspect_find(sub, sequence);
    if (s || sub->suspect_count == SUSPECTS_MAX)
        return s;
    BELAY_ASSERT(sub->suspect_count < sub->suspect_cap);
    uint32_t i = place_of(sub, sequence);
    memmove(&sub->suspects[i + 1], &sub->suspects[i], (sub->suspect_count - i) * sizeof *s);
    sub->suspects[i] = (struct suspect){ .sequence = sequence };
    sub->suspect_count++;
    return &sub->suspects[i];
}

void suspect_forget_range(struct belay_subscription *sub, uint64_t first, uint64_t end)
{
    uint32_t from = place_of(sub, first), to = place_of(sub, end);
    if (from == to)
        return;
    BELAY_ASSERT(from < to && to <= sub->suspect_count);
    for (uint32_t i = from; i < to; i++)
        sub->suspected_count -= sub->suspects[i].suspected;
    memmove(&sub->suspects[from], &sub->suspects[to], (sub->suspect_count - to) * sizeof *sub->suspects);
    sub->suspect_count -= to - from;
    sub->dirty = true;
}

void suspect_forget(struct belay_subscription *sub, uint64_t sequence)
{
    if (sub->suspect_count)
        suspect_forget_range(sub, sequence, sequence + 1);
}

void suspect_clear(struct belay_subscription *sub, uint64_t sequence)
{
    struct suspect *s = sub->suspect_count ? suspect_find(sub, sequence) : NULL;
    if (!s)
        return;
    if (!s->deaths) {
        suspect_forget(sub, sequence);
        return;
    }
    BELAY_ASSERT(!s->suspected || sub->suspected_count);
    sub->suspected_count -= s->suspected;
    s->suspected = s->in_hand = false;
    sub->dirty = true;
}

void suspects_pack(struct belay_buf *out, const struct belay_subscription *sub)
{
    belay_pack_varint(out, sub->suspect_count);
    for (uint32_t i = 0; i < sub->suspect_count; i++) {
        const struct suspect *s = &sub->suspects[i];
        belay_pack_varint(out, s->sequence);
        belay_pack_u8(out, (uint8_t)((s->suspected ? 1 : 0) | (s->in_hand ? 2 : 0)));
        belay_pack_u8(out, s->deaths);
        belay_pack_u8(out, s->crash_count);
        for (uint32_t k = 0; k < s->crash_count; k++)
            belay_pack_varint(out, s->crashes[k]);
    }
}

int suspects_unpack(struct belay_unpack *u, struct belay_subscription *sub)
{
    uint64_t count = belay_unpack_varint(u);
    if (!belay_unpack_ok(u) || count > SUSPECTS_MAX)
        return BELAY_CORRUPT;
    if (reserve(sub, (uint32_t)count) != BELAY_OK)
        return BELAY_NOMEM;
    for (uint64_t i = 0; i < count; i++) {
        struct suspect *s = add(sub, belay_unpack_varint(u));
        uint8_t flags = belay_unpack_u8(u);
        s->suspected = flags & 1;
        s->in_hand = flags & 2;
        s->deaths = belay_unpack_u8(u);
        s->crash_count = belay_unpack_u8(u);
        if (!belay_unpack_ok(u) || s->crash_count > STORY_CRASHES)
            return BELAY_CORRUPT;
        for (uint32_t k = 0; k < s->crash_count; k++)
            s->crashes[k] = belay_unpack_varint(u);
        sub->suspected_count += s->suspected;
    }
    return BELAY_OK;
}

/* ---- crashes ---- */

static bool unfinished(struct belay_broker *b, const struct belay_crash_item *item)
{
    struct belay_subscription *sub = belay_broker_find_id(b, item->sub);
    return sub && item->sequence && item->sequence < belay_store_next_sequence(b->store, sub->topic_id)
           && belay_broker_state_of(b, sub, item->sequence, NULL) != BELAY_MESSAGE_DONE;
}

uint64_t belay_broker_crash_next(const struct belay_broker *b)
{
    return b->crash_last + 1;
}

/* now | messages | others | count | (sub, sequence, u8 in hand)...; a death counts where both say one and none. */
int belay_broker_crashed(struct belay_broker *b, const struct belay_crash *crash, belay_time now,
                         uint64_t *ret_position, struct belay_err *err)
{
    uint32_t count = 0;
    broker_advance(b, now);
    for (uint32_t i = 0; i < crash->count; i++)
        if (unfinished(b, &crash->items[i])) { /* what was finished in the same breath did not kill */
            if (reserve(belay_broker_find_id(b, crash->items[i].sub), count + 1) != BELAY_OK)
                return belay_fail(err, BELAY_NOMEM, "no memory for what was in flight");
            count++;
        }
    *ret_position = 0;
    if ((!count && !crash->others_named) || crash->number <= b->crash_last || BELAY_PLANTED(22))
        return BELAY_OK;
    struct belay_buf *r = record_begin(b);
    belay_pack_svarint(r, b->now);
    belay_pack_varint(r, crash->count);
    belay_pack_varint(r, crash->others);
    belay_pack_varint(r, count);
    for (uint32_t i = 0; i < crash->count; i++) {
        if (!unfinished(b, &crash->items[i]))
            continue;
        belay_pack_varint(r, crash->items[i].sub);
        belay_pack_varint(r, crash->items[i].sequence);
        belay_pack_u8(r, crash->items[i].in_hand);
    }
    int status = record_commit(b, RECORD_CRASH, (struct cost){ 0 }, true, err);
    if (status == BELAY_OK)
        *ret_position = belay_store_position(b->store);
    return status;
}

static void accuse(struct suspect *s, const struct crash *crash, bool in_hand)
{
    bool alone = crash->messages == 1 && crash->others == 0;
    s->suspected = true;
    s->in_hand = in_hand;
    if ((alone || BELAY_PLANTED(60)) && s->deaths < DEATHS_MAX)
        s->deaths++;
    if (s->crash_count == STORY_CRASHES)
        memmove(&s->crashes[0], &s->crashes[1], --s->crash_count * sizeof s->crashes[0]);
    s->crashes[s->crash_count++] = crash->number;
}

int apply_crash(struct belay_broker *b, struct belay_unpack *u)
{
    struct crash *crash = &b->crashes[(b->crash_last + 1) % CRASHES_KEPT];
    *crash = (struct crash){ .number = ++b->crash_last, .at = belay_unpack_svarint(u) };
    crash->messages = (uint32_t)belay_unpack_varint(u);
    crash->others = (uint32_t)belay_unpack_varint(u);
    uint64_t count = belay_unpack_varint(u);
    for (uint64_t i = 0; i < count; i++) {
        struct belay_subscription *sub = unpack_subscription(b, u);
        uint64_t sequence = belay_unpack_varint(u);
        bool in_hand = belay_unpack_u8(u);
        if (!sub || !belay_unpack_ok(u))
            return BELAY_CORRUPT;
        if (i < CRASH_NAMED) {
            crash->named[i].sub = sub->id;
            crash->named[i].sequence = sequence;
        }
        if (reserve(sub, 1) != BELAY_OK)
            return BELAY_NOMEM;
        struct suspect *s = add(sub, sequence);
        if (s) {
            sub->suspected_count += !s->suspected;
            accuse(s, crash, in_hand);
        }
        sub->dirty = true;
    }
    b->crashes_dirty = true;
    return BELAY_OK;
}

void crashes_save(struct belay_broker *b, struct belay_state *state)
{
    char bytes[CRASHES_KEPT * (5 + 2 * CRASH_NAMED) * BELAY_VARINT_MAX + 2 * BELAY_VARINT_MAX];
    struct belay_buf out = { .p = bytes, .cap = sizeof bytes, .size_bytes_max = sizeof bytes };
    struct row_key key = key_id(0);
    if (!b->crashes_dirty)
        return;
    belay_pack_u8(&out, ROW_VERSION);
    belay_pack_varint(&out, b->crash_last);
    for (uint32_t i = 0; i < CRASHES_KEPT; i++) {
        const struct crash *c = &b->crashes[i];
        belay_pack_varint(&out, c->number);
        belay_pack_svarint(&out, c->at);
        belay_pack_varint(&out, c->messages);
        belay_pack_varint(&out, c->others);
        for (uint32_t k = 0; k < CRASH_NAMED; k++) {
            belay_pack_varint(&out, c->named[k].sub);
            belay_pack_varint(&out, c->named[k].sequence);
        }
    }
    belay_state_put(state, BELAY_TABLE_SUBSCRIPTION, row_key_str(&key), belay_buf_view(&out));
    b->crashes_dirty = false;
}

int crashes_load(struct belay_broker *b, struct belay_state *state)
{
    struct row_key key = key_id(0);
    struct belay_str value;
    if (!belay_state_get(state, BELAY_TABLE_SUBSCRIPTION, row_key_str(&key), &value))
        return BELAY_OK;
    struct belay_unpack u = belay_unpack_init(value);
    if (belay_unpack_u8(&u) != ROW_VERSION)
        return BELAY_VERSION;
    b->crash_last = belay_unpack_varint(&u);
    for (uint32_t i = 0; i < CRASHES_KEPT; i++) {
        struct crash *c = &b->crashes[i];
        c->number = belay_unpack_varint(&u);
        c->at = belay_unpack_svarint(&u);
        c->messages = (uint32_t)belay_unpack_varint(&u);
        c->others = (uint32_t)belay_unpack_varint(&u);
        for (uint32_t k = 0; k < CRASH_NAMED; k++) {
            c->named[k].sub = (uint32_t)belay_unpack_varint(&u);
            c->named[k].sequence = belay_unpack_varint(&u);
        }
    }
    return belay_unpack_done(&u) ? BELAY_OK : BELAY_CORRUPT;
}

/* ---- one by one ---- */

uint32_t belay_broker_suspected(const struct belay_broker *b)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < b->sub_count; i++)
        count += b->subs[i]->suspected_count;
    return count;
}

/* Into the window, as far as they are within its reach. */
static void fill_window(struct belay_broker *b, struct belay_subscription *sub)
{
    if (sub->retry_at <= b->now)
        sub->retry_at = BELAY_TIME_NEVER;
    deferred_ready(b, sub);
    if (sub->next_due <= b->now)
        read_due(b, sub);
    while (read_fresh(b, sub))
        if (!belay_list_empty(&sub->troubled) && !lanes_hold(b, sub))
            return;
}

/* Itself, or what stands before it in its lane: both run alone. */
static struct entry *ready_for(struct entry *e)
{
    if (e->where == ENTRY_PENDING && e->lane && e->lane->busy)
        e = e->lane->busy;
    return e->where == ENTRY_READY ? e : NULL;
}

/* Which of them: the likely ones first. */
static struct entry *pick(struct belay_subscription *sub, bool likely, bool *ret_pending)
{
    for (uint32_t i = 0; i < sub->suspect_count; i++) {
        const struct suspect *s = &sub->suspects[i];
        if (!s->suspected || (likely && !s->in_hand && !s->deaths))
            continue;
        struct entry *e = entry_find(sub, s->sequence);
        struct entry *ready = e ? ready_for(e) : NULL;
        if (ready)
            return ready;
        *ret_pending |= e && (e->where == ENTRY_LOADING || e->where == ENTRY_DEFERRED);
    }
    return NULL;
}

static struct entry *pick_any(struct belay_broker *b, bool likely, bool *ret_pending)
{
    for (uint32_t i = 0; i < b->sub_count; i++) {
        struct belay_subscription *sub = b->subs[i];
        if (!sub->suspected_count || !subscription_may_deliver(sub))
            continue;
        struct entry *e = pick(sub, likely, ret_pending);
        if (e)
            return e;
    }
    return NULL;
}

struct belay_delivery *belay_broker_next_suspect(struct belay_broker *b, belay_time now, bool *ret_pending)
{
    bool pending = false, stop = false;
    broker_advance(b, now);
    for (uint32_t i = 0; i < b->sub_count; i++) {
        struct belay_subscription *sub = b->subs[i];
        if (!sub->suspected_count || !subscription_may_deliver(sub))
            continue;
        fill_window(b, sub);
        pending |= sub->fetching || sub->retry_at != BELAY_TIME_NEVER;
    }
    struct entry *e = pick_any(b, true, &pending);
    if (!e)
        e = pick_any(b, false, &pending);
    *ret_pending = e || pending;
    if (!e)
        return NULL;
    belay_list_unlink(&e->d.node);
    if (deliver_refused(b, e, &stop))
        return NULL;
    deliver_take(b, e);
    return &e->d;
}

/* ---- the story ---- */

static void tell_crash(struct belay_broker *b, const struct belay_delivery *d, const struct crash *c,
                       struct belay_buf *out)
{
    char when[BELAY_TIME_TEXT_BYTES];
    belay_time_text(c->at, when);
    if (c->messages == 1 && !c->others) {
        belay_buf_printf(out, "%s: died while this message ran alone\n", when);
        return;
    }
    belay_buf_printf(out, "%s: died with %u messages", when, c->messages);
    if (c->others)
        belay_buf_printf(out, " and %u calls of sagas and requests", c->others);
    belay_buf_put_str(out, BELAY_STR(" in flight, this one and"));
    uint32_t told = 0;
    for (uint32_t i = 0; i < CRASH_NAMED; i++) {
        struct belay_subscription *sub = belay_broker_find_id(b, c->named[i].sub);
        if (!sub || (sub == d->sub && c->named[i].sequence == d->sequence))
            continue;
        belay_buf_printf(out, "%s %.*s %llu", told++ ? "," : "", BELAY_STR_ARG(sub->name),
                         (unsigned long long)c->named[i].sequence);
    }
    belay_buf_put_str(out, belay_str_c(c->messages <= told + 1 ? "\n" : told ? " and more\n" : " others\n"));
}

void belay_broker_crash_story(struct belay_broker *b, const struct belay_delivery *d, struct belay_buf *out)
{
    const struct suspect *s = suspect_find(d->sub, d->sequence);
    for (uint32_t i = 0; s && i < s->crash_count; i++) {
        const struct crash *c = &b->crashes[s->crashes[i] % CRASHES_KEPT];
        if (c->number == s->crashes[i])
            tell_crash(b, d, c, out);
    }
}
