/* The tail: batches that were written stay in memory, newest first to be read, oldest first to go.
 * A topic's ring tells where in them a sequence lies. */
#include "base/assert.h"
#include "store/store_impl.h"

static struct batch *batch_at(struct belay_list *node)
{
    return BELAY_CONTAINER_OF(node, struct batch, node);
}

static size_t bytes_of(const struct batch *b)
{
    return b->cap + b->extent_cap * sizeof *b->extents;
}

static void drop_oldest(struct belay_store *s)
{
    struct batch *b = batch_at(belay_list_pop(&s->tail));
    BELAY_ASSERT(s->tail_bytes >= bytes_of(b));
    s->tail_bytes -= bytes_of(b);
    topic_logs_evict(&s->topics, b);
    /* The next pending one needs about as much as the last; a giant is not kept for that. */
    if (!s->spare && b->cap <= 2 * s->soft_bytes)
        s->spare = b;
    else
        journal_batch_free(b);
}

void store_tail_keep(struct belay_store *s, struct batch *b)
{
    belay_list_push(&s->tail, &b->node);
    s->tail_bytes += bytes_of(b);
    while (s->tail_bytes > s->tail_bytes_max)
        drop_oldest(s);
}

void store_tail_free(struct belay_store *s)
{
    while (!belay_list_empty(&s->tail))
        journal_batch_free(batch_at(belay_list_pop(&s->tail)));
    journal_batch_free(s->pending);
    journal_batch_free(s->spare);
}

uint32_t belay_store_peek(struct belay_store *s, uint32_t topic, uint64_t first, uint32_t count_max,
                          size_t bytes_max, struct belay_fetched *ret_items)
{
    struct topic_log *t = topic_logs_at(&s->topics, topic);
    uint32_t count = 0;
    size_t bytes = 0;
    if (first < t->ring_first || first < t->low)
        return 0;
    for (uint64_t at = first; at < t->next && count < count_max; at++) {
        const struct tail_item *item = &t->ring[at & (t->ring_cap - 1)];
        size_t offset = item->offset;
        struct belay_record record;
        struct message_record m;
        int status = BELAY_OK;
        bool found = commit_record_next(item->batch->p, item->batch->n, &offset, &record, &status)
                     && commit_message_of(record.body, &m);
        BELAY_ASSERT(found && m.sequence == at && m.topic == topic);
        if (count && bytes + m.encoded.n > bytes_max)
            break;
        bytes += m.encoded.n;
        ret_items[count++] = (struct belay_fetched){ at, m.accepted_at, m.encoded };
    }
    return count;
}
