/* read.c - messages into the window: fresh ones in the order of the topic, exceptions when due.
 *
 * Bytes come out of the store's memory where they are there, else by a fetch in the background.  Fresh
 * messages whose lane is in trouble become held at once; those that wait behind a busy lane stay in the
 * window until it is full, then they become held too, so that the others go on (I6).
 */
#include <stdio.h>

#include "base/planted.h"
#include "broker/cursor.h"
#include "broker/deliver.h"
#include "broker/exception.h"
#include "broker/lane_impl.h"
#include "broker/record.h"
#include "broker/unreadable.h"

#define DUE_BATCH 64
#define REREAD_DELAY_US 2000 /* after a refusal: memory, a full overlay */

static void stop_broken(struct belay_subscription *sub, const struct belay_err *err)
{
    sub->broken_told = false;
    sub->broken = true; /* never deliver what is corrupt, nor what comes after it unseen */
    snprintf(sub->broken_why, sizeof sub->broken_why, "%s", err->msg);
}

static void look_again(struct belay_broker *b, struct belay_subscription *sub)
{
    sub->retry_at = b->now + REREAD_DELAY_US;
}

/* ---- fresh messages ---- */

/* Errors: BELAY_NOMEM: nobody knows yet which lane it is of, and beside it a later message of its key could overtake it. */
static int tell_lane(struct entry *e, struct belay_arena *arena)
{
    struct belay_subscription *sub = e->d.sub;
    struct belay_fault fault;
    struct belay_str key = e->d.message.key;
    if (!sub->opt.ordered)
        return BELAY_OK;
    int status = sub->opt.lane_key ? sub->opt.lane_key(sub->opt.arg, &e->d.message, arena, &key, &fault) : BELAY_OK;
    if (status == BELAY_NOMEM)
        return status;
    if (status != BELAY_OK) {
        e->lane_fault = true;
        return BELAY_OK;
    }
    e->lane_fault = key.n > BELAY_KEY_BYTES_MAX;
    e->keyed = key.n && !e->lane_fault;
    if (e->keyed) {
        e->d.lane_key = key;
        e->hash = belay_hash128(key);
    }
    return BELAY_OK;
}

/* Views of the message in encoded, headers in arena. */
static int message_take(struct entry *e, struct belay_str encoded, struct belay_arena *arena, struct belay_err *err)
{
    e->encoded = encoded;
    return belay_message_decode(encoded, arena, &e->d.message, err);
}

/* With what an earlier run achieved. */
static int go_on(const struct belay_broker *b, struct entry *e, const struct progress *p, struct belay_arena *arena)
{
    e->unchanged = true;
    e->goes_on = progress_carries(b, p->bytes);
    e->made_of = p->made_of;
    e->d.progress = belay_arena_str(arena, p->bytes);
    return p->bytes.n && !e->d.progress.p ? BELAY_NOMEM : BELAY_OK;
}

/* An attempt of it was recorded before a crash: what it achieved is in a row. */
static int take_up(struct belay_broker *b, struct entry *e, struct belay_arena *arena)
{
    struct progress p;
    e->d.interrupted = true;
    if (!progress_get(b, e->d.sub->id, e->d.sequence, false, &p))
        return BELAY_OK;
    e->progress = true;
    e->d.definition = p.definition;
    e->d.first_attempt_at = p.first_attempt_at;
    return go_on(b, e, &p, arena);
}

static int admit(struct belay_broker *b, struct belay_subscription *sub, struct page *page,
                 uint64_t sequence, struct belay_str encoded)
{
    struct entry *e = entry_new(b, sub, sequence);
    struct belay_err err;
    if (!e)
        return BELAY_NOMEM;
    sub->fresh++;
    e->page = page;
    e->where = ENTRY_PENDING;
    page_ref(page);
    e->d.attempt = 1;
    e->read_at = b->now;
    int status = message_take(e, encoded, &page->fetch.arena, &err);
    if (status != BELAY_OK && status != BELAY_NOMEM)
        stop_broken(sub, &err);
    if (status == BELAY_OK && sub->started.count && ranges_contains(&sub->started, sequence))
        status = take_up(b, e, &page->fetch.arena);
    if (status == BELAY_OK)
        status = tell_lane(e, &page->fetch.arena);
    if (status == BELAY_OK)
        status = entry_enter(b, e);
    if (status != BELAY_OK)
        entry_drop(b, e);
    return status;
}

/* A few messages share a page, also those that come one by one: a call that hangs holds on to its page, and to
 * nothing else that was read with it. The subscription's reference; NULL: no memory. */
static struct page *page_for(struct belay_broker *b, struct belay_subscription *sub)
{
    struct page *open = sub->open_page;
    if (open && (open->messages == FEW_MESSAGES || open->fetch.arena.used_bytes > FEW_BYTES))
        page_close(sub);
    if (!sub->open_page)
        sub->open_page = page_new(b, sub, FEW_BYTES);
    if (sub->open_page)
        sub->open_page->messages++;
    return sub->open_page;
}

/* Messages read together, in order, into the window. */
static int admit_all(struct belay_broker *b, struct belay_subscription *sub, const struct belay_fetched *items,
                     uint32_t count)
{
    int status = BELAY_OK;
    for (uint32_t i = 0; i < count && status == BELAY_OK; i++) {
        uint64_t sequence = items[i].sequence;
        if (sequence < sub->read_next)
            continue;
        bool acked = sub->acks.count && ranges_contains(&sub->acks, sequence);
        if (!acked && !cursor_covers(sub, sequence) && !entry_find(sub, sequence)) {
            struct page *page = page_for(b, sub);
            if (!page) {
                status = BELAY_NOMEM;
                break;
            }
            page_ref(page); /* a message that is not admitted may close it */
            struct belay_str encoded = belay_arena_str(&page->fetch.arena, items[i].encoded);
            status = encoded.p ? admit(b, sub, page, sequence, encoded) : BELAY_NOMEM;
            pages_count(page);
            page_unref(page);
        }
        if (status == BELAY_OK)
            sub->read_next = sequence + 1;
    }
    if (status != BELAY_OK)
        look_again(b, sub);
    return status;
}

static void fresh_fetched(struct belay_fetch *fetch)
{
    struct page *page = BELAY_CONTAINER_OF(fetch, struct page, fetch);
    struct belay_broker *b = page->broker;
    struct belay_subscription *sub = page->sub;
    if (page->generation == sub->generation) {
        sub->fetching = false;
        if (fetch->status == BELAY_OK)
            (void)!admit_all(b, sub, fetch->items, fetch->count);
        else if (fetch->status == BELAY_NOMEM || fetch->status == BELAY_BUSY)
            look_again(b, sub);
        else
            stop_broken(sub, &fetch->err);
        subscription_kick(b, sub);
    }
    page_unref(page);
}

static void fetch_fresh(struct belay_broker *b, struct belay_subscription *sub, struct page *page, uint32_t count)
{
    page->fetch.store = b->store;
    page->fetch.topic = sub->topic_id;
    page->fetch.first = sub->read_next;
    page->fetch.count_max = count;
    page->fetch.bytes_max = READ_BYTES;
    page->fetch.done = fresh_fetched;
    page->fetch.arg = NULL;
    page->generation = sub->generation;
    BELAY_ASSERT(!sub->fetching && count);
    sub->fetching = true;
    belay_store_fetch(b->store, &page->fetch);
}

/* When the busy entry of a lane will have been at work for long enough, or the first behind it has waited for long: a
 * quick one, but with more than it can do. NEVER: it has none that could be the head of a lane in trouble. */
static belay_time slow_at(const struct belay_broker *b, const struct lane *lane)
{
    const struct entry *busy = lane->busy;
    if (lane->trouble)
        return b->now;
    if (!busy || busy->exception || busy->where == ENTRY_READY)
        return BELAY_TIME_NEVER;
    const struct entry *first = BELAY_CONTAINER_OF(lane->pending.next, struct entry, d.node);
    belay_time slow = busy->taken_at + b->spill_after_us, waited = first->read_at + SPILL_WAIT_TIMES * b->spill_after_us;
    return waited < slow ? waited : slow;
}

/* The window is full of messages that wait behind busy lanes, and there is room to work on others: what
 * waits behind the longest slow one becomes held. A quick one empties the window by itself. */
static bool spill(struct belay_broker *b, struct belay_subscription *sub)
{
    struct belay_map_slot *slot;
    struct lane *longest = NULL;
    struct belay_err err;
    belay_time soonest = BELAY_TIME_NEVER;
    for (size_t at = 0; (slot = belay_map_next(&sub->lanes, &at));) {
        struct lane *lane = slot->value;
        belay_time slow = lane->pending_count ? slow_at(b, lane) : BELAY_TIME_NEVER;
        soonest = slow < soonest ? slow : soonest;
        if (slow <= b->now && (!longest || lane->pending_count > longest->pending_count))
            longest = lane;
    }
    if (longest)
        return lane_hold(b, sub, longest, &err) == BELAY_OK;
    sub->retry_at = soonest < sub->retry_at ? soonest : sub->retry_at;
    return false;
}

bool read_fresh(struct belay_broker *b, struct belay_subscription *sub)
{
    uint64_t next = belay_store_next_sequence(b->store, sub->topic_id);
    uint64_t from = sub->read_next < sub->cursor ? sub->cursor : sub->read_next;
    sub->read_next = ranges_next_absent(&sub->covered, from);
    if (sub->fetching || sub->broken || sub->read_next >= next)
        return false;
    uint32_t max = BELAY_PLANTED(73) ? UINT32_MAX : prefetch_of(b, sub);
    /* What is at work takes no place of what is read ahead: calls that hang would keep others out. */
    if (sub->fresh - (sub->in_flight < sub->fresh ? sub->in_flight : sub->fresh) >= max && !spill(b, sub))
        return false;
    if (b->window_bytes >= WINDOW_BYTES_MAX && sub->fresh)
        return false;
    struct belay_fetched items[READ_COUNT];
    uint32_t bite = max < READ_COUNT ? max : READ_COUNT;
    uint32_t count = next - sub->read_next < bite ? (uint32_t)(next - sub->read_next) : bite;
    uint32_t n = belay_store_peek(b->store, sub->topic_id, sub->read_next, count, READ_BYTES, items);
    if (n)
        return admit_all(b, sub, items, n) == BELAY_OK;
    struct page *page = page_new(b, sub, PAGE_CHUNK_BYTES);
    if (page)
        fetch_fresh(b, sub, page, count);
    else
        look_again(b, sub);
    return false;
}

/* ---- exceptions ---- */

/* What waits is out of the order: that one row of it is damaged holds up its lane, and nobody else. */
static int pass_over(struct belay_broker *b, const struct belay_subscription *sub, uint64_t sequence, const char *what)
{
    if (belay_state_error(b->state, NULL) != BELAY_OK)
        return BELAY_IO; /* nothing is damaged: nothing can be read */
    unreadable_found(b, "%s message %llu of %.*s, which waits for its retry: it stays in the store and is not tried again", what,
                     (unsigned long long)sequence, BELAY_STR_ARG(sub->name));
    return BELAY_OK;
}

static int exception_progress(struct belay_broker *b, struct entry *e)
{
    struct progress p;
    if (!e->progress || !progress_get(b, e->d.sub->id, e->d.sequence, true, &p))
        return BELAY_OK;
    if (hash_none(e->d.definition) && !e->letter) /* a replayed letter takes the current one */
        e->d.definition = p.definition;
    return go_on(b, e, &p, &e->page->fetch.arena);
}

/* Its message is there (in its page): into its lane. */
static void loaded(struct belay_broker *b, struct entry *e, struct belay_str encoded)
{
    struct belay_subscription *sub = e->d.sub;
    struct belay_err err;
    int status = message_take(e, encoded, &e->page->fetch.arena, &err);
    if (status != BELAY_OK && status != BELAY_NOMEM && pass_over(b, sub, e->d.sequence, "the body of") == BELAY_OK) {
        entry_drop(b, e); /* the reader is past it, and does not come back for it */
        return;
    }
    if (status == BELAY_OK)
        status = exception_progress(b, e);
    if (status == BELAY_OK) {
        pages_count(e->page);
        e->where = ENTRY_PENDING;
        status = entry_enter(b, e);
    }
    if (status == BELAY_OK)
        return;
    due_rewind(sub, e->due, e->d.sequence);
    entry_drop(b, e);
    look_again(b, sub);
}

static void exception_fetched(struct belay_fetch *fetch)
{
    struct page *page = BELAY_CONTAINER_OF(fetch, struct page, fetch);
    struct belay_broker *b = page->broker;
    struct belay_subscription *sub = page->sub;
    struct entry *e = page->entry;
    BELAY_ASSERT(b->fetches && page->single);
    b->fetches--;
    page->entry = NULL;
    if (e && fetch->status == BELAY_OK) {
        loaded(b, e, fetch->items[0].encoded);
    } else if (e) {
        if (fetch->status != BELAY_NOMEM && fetch->status != BELAY_BUSY)
            stop_broken(sub, &fetch->err);
        due_rewind(sub, e->due, e->d.sequence);
        entry_drop(b, e);
        look_again(b, sub);
    }
    subscription_kick(b, sub);
    page_unref(page); /* the read's own reference */
}

static void fetch_exception(struct belay_broker *b, struct entry *e)
{
    struct page *page = e->page;
    page->single = true;
    page->entry = e;
    page_ref(page);
    page->fetch.store = b->store;
    page->fetch.topic = e->d.sub->topic_id;
    page->fetch.first = e->d.sequence;
    page->fetch.count_max = 1;
    page->fetch.bytes_max = READ_BYTES;
    page->fetch.done = exception_fetched;
    page->fetch.arg = NULL;
    b->fetches++;
    belay_store_fetch(b->store, &page->fetch);
}

/* inside: a view of the row, or p == NULL. */
static int load_bytes(struct belay_broker *b, struct entry *e, struct belay_str inside)
{
    struct belay_subscription *sub = e->d.sub;
    struct belay_fetched item;
    struct belay_str encoded = { 0 };
    if (e->letter) {
        struct row_key key = key_letter(sub->id, e->d.sequence, LETTER_MESSAGE);
        if (!belay_state_get(b->state, BELAY_TABLE_LETTER, row_key_str(&key), &encoded))
            return BELAY_CORRUPT;
    } else if (inside.p) {
        encoded = inside;
    } else if (belay_store_peek(b->store, sub->topic_id, e->d.sequence, 1, READ_BYTES, &item)) {
        encoded = item.encoded;
    } else {
        fetch_exception(b, e);
        return BELAY_OK;
    }
    encoded = belay_arena_str(&e->page->fetch.arena, encoded);
    if (!encoded.p)
        return BELAY_NOMEM;
    e->at_once = true;
    loaded(b, e, encoded);
    return BELAY_OK;
}

static int load_exception(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence)
{
    struct belay_str inside;
    struct exception x;
    int status = BELAY_NOMEM;
    if (!exception_look(b, sub->id, sequence, &x, INSIDE_MESSAGE, &inside))
        return pass_over(b, sub, sequence, "the state of");
    struct entry *e = entry_new(b, sub, sequence);
    if (!e)
        return BELAY_NOMEM;
    sub->loaded++;
    e->exception = true;
    e->where = ENTRY_LOADING;
    e->keyed = x.keyed;
    e->loner = x.loner;
    e->letter = e->d.replayed = x.letter;
    e->progress = x.progress;
    e->inside = exception_has_inside(&x, INSIDE_MESSAGE);
    e->due = x.due;
    e->hash = x.lane;
    e->d.attempt = x.ended + 1;
    e->d.interrupted = exception_begun(sub, sequence, &x) > x.ended;
    e->d.first_attempt_at = x.first_attempt_at;
    e->d.definition = x.definition;
    e->page = page_new(b, sub, 2048);
    if (e->page) {
        e->d.lane_key = belay_arena_str(&e->page->fetch.arena, key_text_str(&x.key));
        if (!x.key.n || e->d.lane_key.p)
            status = load_bytes(b, e, inside);
    }
    if (status == BELAY_OK)
        return BELAY_OK;
    entry_drop(b, e);
    return status == BELAY_CORRUPT ? pass_over(b, sub, sequence, "the body of") : BELAY_NOMEM;
}

void due_rewind(struct belay_subscription *sub, belay_time due, uint64_t sequence)
{
    if (due < sub->due_at || (due == sub->due_at && sequence <= sub->due_sequence)) {
        sub->due_at = due;
        sub->due_sequence = sequence - 1;
    }
    if (due < sub->next_due)
        sub->next_due = due;
}

void read_due(struct belay_broker *b, struct belay_subscription *sub)
{
    struct row_key prefix = key_id(sub->id);
    for (uint32_t n = 0; n < DUE_BATCH && sub->next_due <= b->now && !sub->broken; n++) {
        if (!may_load(b, sub))
            return;
        struct row_key from = key_due(sub->id, sub->due_at, sub->due_sequence);
        struct belay_str key, value;
        if (!rows_seek(b, BELAY_TABLE_DUE, row_key_str(&from), true, row_key_str(&prefix),
                              &key, &value)) {
            sub->next_due = BELAY_TIME_NEVER;
            return;
        }
        sub->next_due = (belay_time)belay_load_be64(key.p + 4);
        uint64_t sequence = belay_load_be64(key.p + 12);
        if (sub->next_due > b->now)
            return;
        sub->due_at = sub->next_due;
        sub->due_sequence = sequence;
        if (!entry_find(sub, sequence) && load_exception(b, sub, sequence) != BELAY_OK) {
            due_rewind(sub, sub->due_at, sequence);
            look_again(b, sub);
            return;
        }
    }
}
