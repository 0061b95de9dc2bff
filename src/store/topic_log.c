#include "store/topic_log.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/pack.h"

#define HEAD_ROWS_MAX 64 /* that one step back looks at to count bytes */

/* ---- rows ---- */

void topic_log_key(uint32_t topic, uint64_t last, uint8_t ret_key[TOPIC_KEY_BYTES])
{
    belay_store_be32(ret_key, topic);
    belay_store_be64(ret_key + 4, last);
}

static struct belay_str key_view(const uint8_t key[TOPIC_KEY_BYTES])
{
    return belay_str((const char *)key, TOPIC_KEY_BYTES);
}

static void extent_encode(const struct extent *e, uint8_t ret_row[EXTENT_ROW_BYTES])
{
    ret_row[0] = ROW_VERSION;
    belay_store_u64(ret_row + 1, e->first);
    belay_store_u64(ret_row + 9, e->position);
    belay_store_u64(ret_row + 17, e->where);
    belay_store_u32(ret_row + 25, e->length_bytes);
    belay_store_u32(ret_row + 29, e->count);
    belay_store_u64(ret_row + 33, e->bytes);
    belay_store_u64(ret_row + 41, (uint64_t)e->time_first);
    belay_store_u64(ret_row + 49, (uint64_t)e->time_last);
}

static bool extent_decode(struct belay_str key, struct belay_str row, struct extent *ret_e)
{
    if (key.n != TOPIC_KEY_BYTES || row.n != EXTENT_ROW_BYTES || row.p[0] != ROW_VERSION)
        return false;
    struct extent e = {
        .topic = belay_load_be32(key.p),
        .first = belay_load_u64(row.p + 1),
        .position = belay_load_u64(row.p + 9),
        .where = belay_load_u64(row.p + 17),
        .length_bytes = belay_load_u32(row.p + 25),
        .count = belay_load_u32(row.p + 29),
        .bytes = belay_load_u64(row.p + 33),
        .time_first = (belay_time)belay_load_u64(row.p + 41),
        .time_last = (belay_time)belay_load_u64(row.p + 49),
    };
    if (e.count == 0 || extent_last(&e) != belay_load_be64(key.p + 4))
        return false;
    *ret_e = e;
    return true;
}

void archived_encode(const struct archived *a, uint8_t ret_row[ARCHIVED_ROW_BYTES])
{
    ret_row[0] = ROW_VERSION;
    belay_store_u64(ret_row + 1, a->first);
    belay_store_u64(ret_row + 9, a->last);
    belay_store_u64(ret_row + 17, a->bytes);
    belay_store_u64(ret_row + 25, a->file_bytes);
    belay_store_u64(ret_row + 33, (uint64_t)a->time_first);
    belay_store_u64(ret_row + 41, (uint64_t)a->time_last);
}

bool archived_decode(struct belay_str key, struct belay_str row, struct archived *ret_a)
{
    if (key.n != TOPIC_KEY_BYTES || row.n != ARCHIVED_ROW_BYTES
        || row.p[0] != ROW_VERSION)
        return false;
    struct archived a = {
        .first = belay_load_u64(row.p + 1),
        .last = belay_load_u64(row.p + 9),
        .bytes = belay_load_u64(row.p + 17),
        .file_bytes = belay_load_u64(row.p + 25),
        .time_first = (belay_time)belay_load_u64(row.p + 33),
        .time_last = (belay_time)belay_load_u64(row.p + 41),
    };
    if (a.first == 0 || a.first > a.last || a.last != belay_load_be64(key.p + 4))
        return false;
    *ret_a = a;
    return true;
}

static bool find(struct belay_state *state, uint32_t table, uint32_t topic, uint64_t sequence,
                 struct belay_str *ret_key, struct belay_str *ret_row)
{
    uint8_t from[TOPIC_KEY_BYTES];
    topic_log_key(topic, sequence ? sequence : 1, from);
    return belay_state_seek(state, table, key_view(from), false, belay_str((const char *)from, 4),
                            ret_key, ret_row);
}

bool extent_find(struct belay_state *state, uint32_t topic, uint64_t sequence, struct extent *ret_e)
{
    struct belay_str key, row;
    return find(state, BELAY_TABLE_EXTENT, topic, sequence, &key, &row)
           && extent_decode(key, row, ret_e);
}

bool archived_find(struct belay_state *state, uint32_t topic, uint64_t sequence,
                   struct archived *ret_a)
{
    struct belay_str key, row;
    return find(state, BELAY_TABLE_ARCHIVE, topic, sequence, &key, &row)
           && archived_decode(key, row, ret_a);
}

/* ---- the table of topics ---- */

int topic_logs_init(struct topic_logs *t)
{
    *t = (struct topic_logs){ 0 };
    belay_list_init(&t->gc);
    t->all = belay_calloc(BELAY_TOPICS_MAX + 1, sizeof *t->all);
    return t->all ? BELAY_OK : BELAY_NOMEM;
}

void topic_logs_deinit(struct topic_logs *t)
{
    for (uint32_t i = 0; i < t->count; i++)
        belay_free(t->all[i].ring);
    belay_free(t->all);
    *t = (struct topic_logs){ 0 };
}

struct topic_log *topic_logs_at(struct topic_logs *t, uint32_t id)
{
    BELAY_ASSERT(id > 0 && id <= BELAY_TOPICS_MAX);
    struct topic_log *topic = &t->all[id];
    if (!topic->known) {
        *topic = (struct topic_log){ .id = id, .known = true, .next = 1, .low = 1, .ring_first = 1 };
        belay_list_init(&topic->gc_node);
        t->count = id >= t->count ? id + 1 : t->count;
    }
    return topic;
}

static int load_summary(struct topic_logs *t, uint32_t id, struct belay_str row, struct belay_err *err)
{
    if (id == 0 || id > BELAY_TOPICS_MAX || row.n != SUMMARY_ROW_BYTES || row.p[0] != ROW_VERSION)
        return belay_fail(err, BELAY_CORRUPT, "the state's row of topic %u is damaged", (unsigned)id);
    struct topic_log *topic = topic_logs_at(t, id);
    topic->next = topic->ring_first = belay_load_u64(row.p + 1);
    topic->low = belay_load_u64(row.p + 9);
    topic->archived = belay_load_u64(row.p + 17);
    topic->bytes = belay_load_u64(row.p + 25);
    topic->time_last = (belay_time)belay_load_u64(row.p + 33);
    return BELAY_OK;
}

int topic_logs_load(struct topic_logs *t, struct belay_state *state, struct belay_err *err)
{
    uint8_t from[TOPIC_KEY_BYTES];
    struct belay_str key, row;
    topic_log_key(1, 0, from);
    while (belay_state_seek(state, BELAY_TABLE_EXTENT, key_view(from), false, BELAY_STR_NONE, &key,
                            &row)) {
        uint32_t id = key.n == TOPIC_KEY_BYTES ? belay_load_be32(key.p) : 0;
        if (id && belay_load_be64(key.p + 4) != 0)
            return belay_fail(err, BELAY_CORRUPT, "the state has no row of topic %u", (unsigned)id);
        int status = load_summary(t, id, row, err);
        if (status != BELAY_OK)
            return status;
        topic_log_key(id + 1, 0, from);
    }
    return belay_state_error(state, err);
}

uint32_t topic_logs_dirty(const struct topic_logs *t)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < t->count; i++)
        count += t->all[i].dirty;
    return count;
}

void topic_logs_save(struct topic_logs *t, struct belay_state *state)
{
    for (uint32_t i = 0; i < t->count; i++) {
        struct topic_log *topic = &t->all[i];
        uint8_t key[TOPIC_KEY_BYTES], row[SUMMARY_ROW_BYTES];
        if (!topic->dirty)
            continue;
        topic_log_key(i, 0, key);
        row[0] = ROW_VERSION;
        belay_store_u64(row + 1, topic->next);
        belay_store_u64(row + 9, topic->low);
        belay_store_u64(row + 17, topic->archived);
        belay_store_u64(row + 25, topic->bytes);
        belay_store_u64(row + 33, (uint64_t)topic->time_last);
        belay_state_put(state, BELAY_TABLE_EXTENT, key_view(key),
                        belay_str((const char *)row, sizeof row));
        topic->dirty = false;
    }
}

/* ---- append ---- */

static bool ring_resize(struct topic_log *t, uint32_t cap)
{
    struct tail_item *ring = belay_malloc(cap * sizeof *ring);
    if (!ring)
        return false;
    BELAY_ASSERT((cap & (cap - 1)) == 0 && (t->next <= t->ring_first || t->next - t->ring_first <= cap));
    for (uint64_t s = t->ring_first; s < t->next; s++)
        ring[s & (cap - 1)] = t->ring[s & (t->ring_cap - 1)];
    belay_free(t->ring);
    t->ring = ring;
    t->ring_cap = cap;
    return true;
}

/* Without memory the topic is read from the disk instead. */
static void remember(struct topic_log *t, struct batch *b, uint32_t offset)
{
    if (t->next - t->ring_first == t->ring_cap && !ring_resize(t, t->ring_cap ? t->ring_cap * 2 : 16)) {
        t->ring_first = t->next + 1;
        return;
    }
    t->ring[t->next & (t->ring_cap - 1)] = (struct tail_item){ b, offset };
}

void topic_log_append(struct topic_log *t, struct batch *b, uint32_t offset, uint32_t encoded_bytes,
                  belay_time accepted_at, bool in_memory)
{
    if (!t->open_extent) {
        BELAY_ASSERT(b->extent_count < b->extent_cap);
        t->open_extent = ++b->extent_count;
        b->extents[t->open_extent - 1] = (struct extent){
            .topic = t->id, .first = t->next, .time_first = accepted_at
        };
    }
    struct extent *e = &b->extents[t->open_extent - 1];
    BELAY_ASSERT(e->topic == t->id && e->first + e->count == t->next);
    e->count++;
    e->bytes += encoded_bytes;
    e->time_last = accepted_at;
    if (in_memory)
        remember(t, b, offset);
    else
        t->ring_first = t->next + 1;
    t->next++;
    t->bytes += encoded_bytes;
    t->time_last = accepted_at;
    t->dirty = true;
}

void topic_logs_sealed(struct topic_logs *t, struct batch *b, uint64_t where, struct belay_state *state)
{
    for (uint32_t i = 0; i < b->extent_count; i++) {
        struct extent *e = &b->extents[i];
        uint8_t key[TOPIC_KEY_BYTES], row[EXTENT_ROW_BYTES];
        e->position = b->number;
        e->where = where;
        e->length_bytes = (uint32_t)b->n;
        topic_log_key(e->topic, extent_last(e), key);
        extent_encode(e, row);
        belay_state_put(state, BELAY_TABLE_EXTENT, key_view(key),
                        belay_str((const char *)row, sizeof row));
        t->all[e->topic].open_extent = 0;
    }
}

void topic_logs_evict(struct topic_logs *t, const struct batch *b)
{
    for (uint32_t i = 0; i < b->extent_count; i++) {
        struct topic_log *topic = &t->all[b->extents[i].topic];
        uint64_t after = extent_last(&b->extents[i]) + 1;
        if (after > topic->ring_first)
            topic->ring_first = after;
        uint64_t left = topic->next - topic->ring_first;
        if (left == 0) {
            belay_free(topic->ring);
            topic->ring = NULL;
            topic->ring_cap = 0;
        } else if (topic->ring_cap > 64 && left < topic->ring_cap / 8) {
            ring_resize(topic, topic->ring_cap / 4); /* a failure keeps the large one */
        }
    }
}

/* ---- low ---- */

/* The row that holds low: from the archive, or from the journal. */
static bool head_find(struct topic_log *t, struct belay_state *state)
{
    struct archived a;
    struct extent e;
    uint64_t bytes;
    if (t->low <= t->archived && archived_find(state, t->id, t->low, &a)) {
        t->head_first = a.first;
        t->head_last = a.last;
        bytes = a.bytes;
    } else if (extent_find(state, t->id, t->low, &e)) {
        t->head_first = e.first;
        t->head_last = extent_last(&e);
        bytes = e.bytes;
    } else {
        return false; /* in the pending commit */
    }
    uint64_t count = t->head_last - t->head_first + 1, left = t->head_last - t->low + 1;
    t->head_bytes = t->low <= t->head_first ? bytes : (uint64_t)((double)bytes / (double)count * (double)left);
    return true;
}

static void forget_bytes(struct topic_log *t, uint64_t bytes)
{
    t->bytes -= bytes < t->bytes ? bytes : t->bytes;
}

/* What lies between the old low and the new one, evenly spread within a row. */
static void count_down(struct topic_log *t, uint64_t low, struct belay_state *state)
{
    for (unsigned rows = 0; t->low < low; rows++) {
        if (t->low > t->head_last && (rows > HEAD_ROWS_MAX || !head_find(t, state))) {
            uint64_t left = t->next - t->low;
            forget_bytes(t, (uint64_t)((double)t->bytes / (double)left * (double)(low - t->low)));
            t->low = low;
            return;
        }
        uint64_t to = low <= t->head_last ? low : t->head_last + 1;
        uint64_t left = t->head_last - t->low + 1;
        uint64_t gone = to > t->head_last
                            ? t->head_bytes
                            : (uint64_t)((double)t->head_bytes / (double)left * (double)(to - t->low));
        forget_bytes(t, gone);
        t->head_bytes -= gone;
        t->low = to;
    }
}

void topic_log_set_low(struct topic_logs *all, struct topic_log *t, uint64_t low, struct belay_state *state)
{
    low = low < t->next ? low : t->next;
    if (low <= t->low)
        return;
    uint64_t head_last = t->head_last;
    count_down(t, low, state);
    if (t->low == t->next)
        t->bytes = 0;
    t->dirty = true;
    if (low > head_last) {
        all->moved = true;
        if (belay_list_empty(&t->gc_node))
            belay_list_push(&all->gc, &t->gc_node);
    }
}

void topic_log_set_archived(struct topic_logs *all, struct topic_log *t, uint64_t last)
{
    BELAY_ASSERT(last < t->next);
    t->archived = last > t->archived ? last : t->archived;
    t->dirty = true;
    if (belay_list_empty(&t->gc_node))
        belay_list_push(&all->gc, &t->gc_node);
}

uint64_t topic_logs_needed(struct topic_logs *t, struct belay_state *state)
{
    uint64_t needed = UINT64_MAX;
    for (uint32_t i = 1; i < t->count; i++) {
        struct topic_log *topic = &t->all[i];
        uint64_t first = topic->low > topic->archived ? topic->low : topic->archived + 1;
        struct extent e;
        if (!topic->known || first >= topic->next)
            continue;
        if (first > topic->need_last && extent_find(state, i, first, &e)) {
            topic->need_last = extent_last(&e);
            topic->need_position = e.position;
        }
        if (first <= topic->need_last && topic->need_position < needed)
            needed = topic->need_position;
    }
    return needed;
}
