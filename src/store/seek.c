/* From a time to a sequence: rows say from when to when their messages were accepted; within one row
 * the messages themselves are asked.  Times of a topic never go backwards. */
#include "store/store_impl.h"

struct span { /* messages whose times are known at both ends */
    uint64_t first, last;
    belay_time time_first, time_last;
    enum { SPAN_EXACT, SPAN_COMMIT, SPAN_ARCHIVE } in;
    struct extent extent;
    struct archived archived;
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
    struct archived a;
    if (in_memory(s, t, sequence, &time))
        return (struct span){ sequence, sequence, time, time, SPAN_EXACT, { 0 }, { 0 } };
    if (sequence <= t->archived && archived_find(s->state, t->id, sequence, &a))
        return (struct span){ a.first, a.last, a.time_first, a.time_last, SPAN_ARCHIVE, { 0 }, a };
    if (extent_find(s->state, t->id, sequence, &e))
        return (struct span){ e.first, extent_last(&e), e.time_first, e.time_last,
                              e.position <= s->journal.durable ? SPAN_COMMIT : SPAN_EXACT, e, { 0 } };
    /* In the pending commit, for which there was no memory to remember it by; or the state cannot be
     * read, which the engine finds out after the step. */
    if (t->open_extent)
        e = s->pending->extents[t->open_extent - 1];
    else
        e = (struct extent){ .first = sequence, .count = 1 };
    return (struct span){ e.first, extent_last(&e), e.time_first, e.time_last, SPAN_EXACT, e, { 0 } };
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

/* The same in an archive file: one block is read, or the next one begins with it. */
static uint64_t within_archive(struct belay_store *s, uint32_t topic, const struct archived *a, belay_time time)
{
    struct archive_reader r;
    struct archive_message m;
    uint64_t found = a->first, sequence = 0;
    size_t at = 0;
    archive_reader_init(&r, s->opt.disk);
    if (archive_reader_open(&r, topic, a, NULL) == BELAY_OK
        && archive_read_block(&r, archive_block_of_time(&r, time), NULL) == BELAY_OK) {
        found = r.blocks[r.block - 1].first;
        while (archive_next(&r, &at, &sequence, &m) && m.accepted_at < time)
            found = m.sequence + 1;
    }
    archive_reader_deinit(&r);
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
        else if (span.in == SPAN_ARCHIVE)
            return later(within_archive(s, topic, &span.archived, time), low);
        else if (span.in == SPAN_COMMIT)
            return later(within_commit(s, &span.extent, time), low);
        else
            return later(span.first, low);
    }
    return low;
}

belay_time belay_store_accepted_near(struct belay_store *s, uint32_t topic, uint64_t sequence)
{
    struct topic_log *t = topic_logs_at(&s->topics, topic);
    if (sequence < t->low || sequence >= t->next)
        return BELAY_TIME_NEVER;
    struct span span = span_of(s, t, sequence);
    if (span.last <= span.first || sequence <= span.first)
        return span.time_first;
    double part = (double)(sequence - span.first) / (double)(span.last - span.first);
    return span.time_first + (belay_time)(part * (double)(span.time_last - span.time_first));
}
