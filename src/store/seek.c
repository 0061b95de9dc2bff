/* From a time to a sequence: rows say from when to when their messages were accepted; within one row
 * the messages themselves are asked.  Times of a topic never go backwards. */
#include "store/store_impl.h"

struct span { /* messages whose times are known at both ends */
    uint64_t first, last;
    belay_time time_first, time_last;
    bool in_commit;
    struct extent extent;
};

static bool in_memory(struct belay_store *s, struct topic_log *t, uint64_t sequence, belay_time *ret_time)
{
    struct belay_fetched item;
    if (belay_store_peek(s, t->id, sequence, 1, 0, &item) == 0)
        return false;
    *ret_time = item.accepted_at;
    return true;
}

/* What is known of the messages around `sequence`, which exists. */
static struct span span_of(struct belay_store *s, struct topic_log *t, uint64_t sequence)
{
    belay_time time;
    struct extent e;
    if (in_memory(s, t, sequence, &time))
        return (struct span){ sequence, sequence, time, time, false, { 0 } };
    if (extent_find(s->state, t->id, sequence, &e))
        return (struct span){ e.first, extent_last(&e), e.time_first, e.time_last, true, e };
    /* In the pending commit, for which there was no memory to remember it by. */
    e = s->pending->extents[t->open_extent - 1];
    return (struct span){ e.first, extent_last(&e), e.time_first, e.time_last, false, { 0 } };
}

/* First message of the commit that was accepted at or after time. Where it cannot be read, the
 * commit's first: rather too much than too little. */
static uint64_t within_commit(struct belay_store *s, const struct extent *e, belay_time time)
{
    struct planned planned;
    const uint8_t *p;
    size_t at = COMMIT_HEADER_BYTES;
    struct belay_record record;
    struct message_record m;
    struct window window;
    uint64_t found = e->first;
    int status = BELAY_OK;
    journal_window_init(&window);
    if (store_plan_extent(s, e, &planned)
        && store_read_commit(&window, &planned, &p, NULL) == BELAY_OK)
        while (commit_record_next(p, e->length_bytes, &at, &record, &status))
            if (record.type == RECORD_MESSAGE && commit_message_of(record.body, &m)
                && m.topic == e->topic && m.accepted_at < time)
                found = m.sequence + 1;
    journal_window_deinit(&window);
    return found;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

uint64_t belay_store_sequence_at(struct belay_store *s, uint32_t topic, belay_time time)
{
    struct topic_log *t = topic_logs_at(&s->topics, topic);
    uint64_t low = t->low, high = t->next; /* the answer is in [low, high] */
    while (low < high) {
        struct span span = span_of(s, t, low + (high - low) / 2);
        if (span.time_last < time)
            low = span.last + 1;
        else if (span.time_first >= time)
            high = span.first < low ? low : span.first;
        else if (span.in_commit && span.extent.position <= s->journal.durable)
            return later(within_commit(s, &span.extent, time), low);
        else
            return later(span.first, low);
    }
    return low;
}
