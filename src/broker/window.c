/* window.c - the messages of a subscription that are in memory: entries, their pages, their lanes.
 *
 *   LOADING --read--> PENDING --lane free--> READY --next--> FLIGHT --outcome--> (gone)
 *                        ^                     ^               `--defer--> DEFERRED --later--> READY
 *                        `-- alone: READY -----'
 *
 * A page holds the bytes of messages that were read together and lives as long as one of its entries.
 * Bounded: fresh entries by BELAY_LANE_READ_AHEAD_MAX, exceptions likewise, pages by WINDOW_BYTES_MAX.
 */
#include "base/alloc.h"
#include "broker/deliver.h"
#include "broker/exception.h"
#include "broker/held.h"
#include "broker/lane_filter.h"

#define SPARE_ENTRIES_MAX 4096
#define SPARE_PAGES_MAX 32
#define SPARE_FEW_MAX 256 /* pages of a few messages */

static struct belay_str sequence_key(const uint64_t *sequence)
{
    return belay_str((const char *)sequence, sizeof *sequence);
}

static struct belay_str hash_key(const struct belay_hash128 *hash)
{
    return belay_str((const char *)hash, sizeof *hash);
}

void window_init(struct belay_subscription *sub)
{
    belay_map_init(&sub->index);
    belay_map_init(&sub->lanes);
    belay_list_init(&sub->ready);
    belay_list_init(&sub->troubled);
    belay_heap_init(&sub->later);
    belay_list_init(&sub->ring_node);
    belay_list_init(&sub->gather_node);
    belay_heap_node_init(&sub->wake);
    ranges_init(&sub->acks);
    ranges_init(&sub->starts);
    sub->next_due = sub->retry_at = BELAY_TIME_NEVER;
}

/* ---- pages ---- */

static size_t page_bytes(const struct page *p)
{
    return sizeof *p + p->fetch.arena.used_bytes;
}

/* Counts what its arena has taken since it was counted last. */
void pages_count(struct page *p)
{
    size_t bytes = page_bytes(p);
    BELAY_ASSERT(bytes >= p->bytes);
    p->broker->window_bytes += bytes - p->bytes;
    p->bytes = bytes;
}

void spare_pages_init(struct belay_broker *b)
{
    b->spare_large.max = SPARE_PAGES_MAX;
    b->spare_few.max = SPARE_FEW_MAX;
    belay_list_init(&b->spare_large.list);
    belay_list_init(&b->spare_few.list);
}

static struct spare_pages *spare_of(struct belay_broker *b, size_t chunk_bytes)
{
    return chunk_bytes >= READ_BYTES ? &b->spare_large : chunk_bytes == FEW_BYTES ? &b->spare_few : NULL;
}

struct page *page_new(struct belay_broker *b, struct belay_subscription *sub, size_t chunk_bytes)
{
    struct spare_pages *spare = spare_of(b, chunk_bytes);
    struct belay_list *node = spare ? belay_list_pop(&spare->list) : NULL;
    struct page *p;
    if (node) {
        spare->count--;
        p = BELAY_CONTAINER_OF(node, struct page, node);
    } else {
        p = belay_calloc(1, sizeof *p);
        if (!p)
            return NULL;
        belay_arena_init(&p->fetch.arena, chunk_bytes, BELAY_COMMIT_BYTES_MAX + BELAY_MIB(4));
        belay_list_init(&p->node);
    }
    p->broker = b;
    p->sub = sub;
    p->single = false;
    p->entry = NULL;
    p->generation = sub->generation;
    p->refs = 1;
    p->bytes = p->messages = 0;
    return p;
}

void page_ref(struct page *p)
{
    BELAY_ASSERT(p->refs);
    p->refs++;
}

void page_unref(struct page *p)
{
    if (!p || --p->refs)
        return;
    struct belay_broker *b = p->broker;
    BELAY_ASSERT(!p->entry && b->window_bytes >= p->bytes);
    b->window_bytes -= p->bytes;
    struct spare_pages *spare = spare_of(b, p->fetch.arena.chunk_bytes);
    if (spare && spare->count < spare->max) {
        belay_arena_reset(&p->fetch.arena);
        belay_list_push_front(&spare->list, &p->node);
        spare->count++;
        return;
    }
    belay_arena_deinit(&p->fetch.arena);
    belay_free(p);
}

void page_close(struct belay_subscription *sub)
{
    page_unref(sub->open_page);
    sub->open_page = NULL;
}

/* ---- entries ---- */

struct entry *entry_new(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence)
{
    struct belay_list *node = belay_list_pop(&b->free_entries);
    struct entry *e;
    if (node) {
        e = BELAY_CONTAINER_OF(node, struct entry, d.node);
        b->free_entry_count--;
    } else {
        e = belay_malloc(sizeof *e);
        if (!e)
            return NULL;
    }
    *e = (struct entry){ .d = { .sub = sub, .sequence = sequence } };
    belay_list_init(&e->d.node);
    belay_heap_node_init(&e->later);
    if (belay_map_put(&sub->index, sequence_key(&e->d.sequence), e, NULL) != BELAY_OK) {
        belay_free(e);
        return NULL;
    }
    return e;
}

struct entry *entry_find(const struct belay_subscription *sub, uint64_t sequence)
{
    return belay_map_get(&sub->index, sequence_key(&sequence));
}

static void lane_free(struct belay_broker *b, struct belay_subscription *sub, struct lane *lane)
{
    belay_map_del(&sub->lanes, hash_key(&lane->hash));
    BELAY_ASSERT(!lane->busy && !lane->pending_count && belay_list_empty(&lane->others));
    belay_list_unlink(&lane->troubled_node);
    belay_list_push_front(&b->free_lanes, &lane->troubled_node);
}

void entry_drop(struct belay_broker *b, struct entry *e)
{
    struct belay_subscription *sub = e->d.sub;
    struct lane *lane = e->lane;
    BELAY_ASSERT(*(e->exception ? &sub->loaded : &sub->fresh));
    BELAY_ASSERT(e->where != ENTRY_FLIGHT || sub->in_flight);
    belay_list_unlink(&e->d.node);
    belay_heap_remove(&sub->later, &e->later);
    if (e->where == ENTRY_FLIGHT)
        sub->in_flight--;
    if (e->where == ENTRY_LOADING && e->page)
        e->page->entry = NULL;
    if (e->exception)
        sub->loaded--;
    else
        sub->fresh--;
    if (lane && lane->busy == e)
        lane->busy = NULL;
    else if (lane && !e->exception && --lane->pending_count == 0)
        belay_list_unlink(&lane->troubled_node);
    belay_map_del(&sub->index, sequence_key(&e->d.sequence));
    page_unref(e->page);
    if (!sub->fresh)
        page_close(sub);
    if (b->free_entry_count < SPARE_ENTRIES_MAX) {
        belay_list_push_front(&b->free_entries, &e->d.node);
        b->free_entry_count++;
    } else {
        belay_free(e);
    }
    if (lane)
        lane_pump(b, sub, lane);
}

void entry_recall(struct belay_broker *b, struct entry *e)
{
    struct belay_subscription *sub = e->d.sub;
    struct exception x;
    BELAY_ASSERT(e->exception);
    if (exception_get(b, sub->id, e->d.sequence, &x) && x.state == EXCEPTION_WAITING)
        due_rewind(sub, x.due, e->d.sequence);
    entry_drop(b, e);
}

void entry_ready(struct entry *e)
{
    BELAY_ASSERT(!e->lane || e->lane->busy == e);
    e->where = ENTRY_READY;
    belay_list_push(&e->d.sub->ready, &e->d.node);
}

/* ---- lanes ---- */

struct lane *lane_find(const struct belay_subscription *sub, struct belay_hash128 hash)
{
    return belay_map_get(&sub->lanes, hash_key(&hash));
}

/* head: what enters waits at its head, so the state need not be asked. */
static struct lane *lane_get(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 hash, bool head)
{
    struct lane *lane = lane_find(sub, hash);
    if (lane)
        return lane;
    struct belay_list *node = belay_list_pop(&b->free_lanes);
    lane = node ? BELAY_CONTAINER_OF(node, struct lane, troubled_node) : belay_malloc(sizeof *lane);
    if (!lane)
        return NULL;
    *lane = (struct lane){ .hash = hash };
    belay_list_init(&lane->pending);
    belay_list_init(&lane->others);
    belay_list_init(&lane->troubled_node);
    if (belay_map_put(&sub->lanes, hash_key(&lane->hash), lane, NULL) != BELAY_OK) {
        belay_free(lane);
        return NULL;
    }
    if (head) {
        lane->trouble = true;
    } else if (sub->n.lanes_in_trouble && lane_filter_may(b, sub->id, hash)) {
        struct lane_row row;
        lane->trouble = lane_in_trouble(b, sub->id, hash, &row);
        lane->hand = lane->trouble && row.hand;
    }
    return lane;
}

void lane_mark_troubled(struct belay_subscription *sub, struct lane *lane)
{
    if (belay_list_empty(&lane->troubled_node))
        belay_list_push(&sub->troubled, &lane->troubled_node);
}

void lane_pump(struct belay_broker *b, struct belay_subscription *sub, struct lane *lane)
{
    if (lane->busy)
        return;
    struct belay_list *node = lane->hand ? NULL : belay_list_pop(&lane->others);
    if (!node && !lane->trouble) {
        node = belay_list_pop(&lane->pending);
        lane->pending_count -= node ? 1 : 0;
    }
    if (node) {
        lane->busy = BELAY_CONTAINER_OF(node, struct entry, d.node);
        entry_ready(lane->busy);
    } else if (!lane->pending_count && belay_list_empty(&lane->others)) {
        lane_free(b, sub, lane);
    }
}

int entry_enter(struct belay_broker *b, struct entry *e)
{
    struct belay_subscription *sub = e->d.sub;
    BELAY_ASSERT(e->where == ENTRY_PENDING && !e->lane && e->encoded.p);
    if (!e->keyed) {
        entry_ready(e);
        return BELAY_OK;
    }
    struct lane *lane = lane_get(b, sub, e->hash, e->exception && !e->loner && e->at_once);
    if (!lane)
        return BELAY_NOMEM;
    e->lane = lane;
    e->where = ENTRY_PENDING;
    if (e->exception) {
        belay_list_push(&lane->others, &e->d.node);
    } else {
        belay_list_push(&lane->pending, &e->d.node);
        lane->pending_count++;
        if (lane->trouble)
            lane_mark_troubled(sub, lane);
    }
    lane_pump(b, sub, lane);
    return BELAY_OK;
}

/* ---- the whole ---- */

void window_reset(struct belay_broker *b, struct belay_subscription *sub)
{
    size_t at = 0;
    struct belay_map_slot *slot;
    struct entry *e = NULL;
    sub->generation++;
    sub->fetching = sub->broken = false; /* what it could not read may be behind it now */
    sub->read_next = sub->cursor;
    /* Dropping one moves slots of the map: begin again after each. Rare, and the window is small. */
    do {
        for (at = 0; (slot = belay_map_next(&sub->index, &at));) {
            e = slot->value;
            if (!e->exception && !e->taken)
                break;
        }
        if (slot)
            entry_drop(b, e);
    } while (slot);
}

void window_free(struct belay_subscription *sub)
{
    size_t at = 0;
    struct belay_map_slot *slot;
    while ((slot = belay_map_next(&sub->index, &at))) {
        struct entry *e = slot->value;
        page_unref(e->page);
        belay_free(e);
    }
    for (at = 0; (slot = belay_map_next(&sub->lanes, &at));)
        belay_free(slot->value);
    page_close(sub);
    belay_map_deinit(&sub->index);
    belay_map_deinit(&sub->lanes);
    belay_heap_deinit(&sub->later);
    ranges_deinit(&sub->acks);
    ranges_deinit(&sub->starts);
}
