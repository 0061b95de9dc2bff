/* reserve, append, flush: records gather in the pending batch; a flush seals it when no other is in
 * flight.  A batch is never closed between two flushes, so what one engine step appends is one
 * commit. */
#include "base/assert.h"
#include "store/store_impl.h"

#define RECORD_OVERHEAD (RECORD_HEADER_BYTES + MESSAGE_HEADER_BYTES)
#define RESERVE_FACTOR 4 /* so much more may gather when it drains the store */

static int new_pending(struct belay_store *s, struct belay_err *err)
{
    s->pending = s->spare ? s->spare : journal_batch_new(BELAY_BLOCK_BYTES);
    s->spare = NULL;
    if (!s->pending)
        return belay_fail(err, BELAY_NOMEM, "the journal: out of memory");
    journal_batch_clear(s->pending);
    return BELAY_OK;
}

/* ---- reserve ---- */

static int room_in_batch(struct belay_store *s, size_t need, bool drains, struct belay_err *err)
{
    size_t soft = drains ? s->soft_bytes * RESERVE_FACTOR : s->soft_bytes;
    size_t n = s->pending ? s->pending->n : COMMIT_HEADER_BYTES;
    if (n >= soft || n + need > BELAY_COMMIT_BYTES_MAX)
        return belay_fail(err, BELAY_BUSY, "the next commit is full");
    return BELAY_OK;
}

static int room_in_tail(struct belay_store *s, bool drains, struct belay_err *err)
{
    uint64_t max = BELAY_JOURNAL_TAIL_BYTES_MAX;
    if (store_checkpoint_tail_bytes(s) > (drains ? max + BELAY_JOURNAL_RESERVE_BYTES : max))
        return belay_fail(err, BELAY_BUSY, "a checkpoint is behind");
    return BELAY_OK;
}

/* Room in the journal for what is needed beside what is promised. */
static int room(struct belay_store *s, struct reservation need, bool drains, struct belay_err *err)
{
    uint64_t keep = drains ? 0 : s->journal.reserve_bytes;
    if (need.bytes > BELAY_COMMIT_BYTES_MAX - COMMIT_HEADER_BYTES)
        return belay_fail(err, BELAY_LIMIT, "%zu bytes are more than a commit holds", need.bytes);
    need.bytes += s->promised.bytes;
    need.records += s->promised.records;
    int status = room_in_batch(s, need.bytes, drains, err);
    if (status == BELAY_OK)
        status = room_in_tail(s, drains, err);
    if (status == BELAY_OK && !s->pending)
        status = new_pending(s, err);
    if (status == BELAY_OK)
        status = journal_room(&s->journal, s->pending->n + need.bytes, keep, err);
    if (status == BELAY_OK && journal_batch_reserve(s->pending, need.bytes, need.records) != BELAY_OK)
        status = belay_fail(err, BELAY_NOMEM, "the journal: out of memory");
    if (status == BELAY_BUSY || status == BELAY_NOSPACE)
        s->checkpoint.due = true; /* whatever is full, a checkpoint makes room */
    return status;
}

int belay_store_reserve(struct belay_store *s, size_t bytes, uint32_t records, bool may_use_reserve,
                        struct belay_err *err)
{
    if (s->journal.failed != BELAY_OK)
        return belay_store_failed(s, err);
    struct reservation need = { bytes + (size_t)records * RECORD_OVERHEAD, records };
    if (need.bytes <= s->reserved.bytes && records <= s->reserved.records)
        return BELAY_OK; /* within what was reserved for this step already */
    int status = room(s, need, may_use_reserve, err);
    if (status == BELAY_OK)
        status = belay_state_reserve(s->state, bytes, 2 * records, err);
    if (status == BELAY_BUSY)
        s->checkpoint.due = true;
    if (status != BELAY_OK)
        return status;
    s->reserved = need;
    return BELAY_OK;
}

int belay_store_promise(struct belay_store *s, size_t bytes, uint32_t records, struct belay_err *err)
{
    if (s->journal.failed != BELAY_OK)
        return belay_store_failed(s, err);
    struct reservation more = { bytes + (size_t)records * RECORD_OVERHEAD, records };
    struct reservation need = { s->reserved.bytes + more.bytes, s->reserved.records + records };
    int status = room(s, need, true, err);
    if (status != BELAY_OK)
        return status;
    s->promised.bytes += more.bytes;
    s->promised.records += records;
    return BELAY_OK;
}

void belay_store_redeem(struct belay_store *s, size_t bytes, uint32_t records)
{
    bytes += (size_t)records * RECORD_OVERHEAD;
    BELAY_ASSERT(s->promised.bytes >= bytes && s->promised.records >= records);
    s->promised.bytes -= bytes;
    s->promised.records -= records;
    s->reserved.bytes += bytes;
    s->reserved.records += records;
}

/* ---- append ---- */

static uint8_t *take(struct belay_store *s, uint16_t type, uint8_t version, size_t body_bytes)
{
    struct batch *b = s->pending;
    size_t n = RECORD_HEADER_BYTES + body_bytes;
    BELAY_ASSERT(s->reserved.records > 0 && n <= s->reserved.bytes);
    BELAY_ASSERT(type && n <= b->cap - b->n);
    s->reserved.bytes -= n;
    s->reserved.records--;
    uint8_t *body = commit_record_begin(b->p + b->n, type, version, (uint32_t)body_bytes);
    b->n += n;
    b->records++;
    s->records++;
    return body;
}

struct belay_str belay_store_append(struct belay_store *s, uint16_t type, uint8_t version,
                                    struct belay_str body)
{
    uint8_t *to = take(s, type, version, body.n);
    if (body.n)
        memcpy(to, body.p, body.n);
    return belay_str((const char *)to, body.n);
}

uint64_t belay_store_append_message(struct belay_store *s, uint32_t topic, belay_time accepted_at,
                                    struct belay_str encoded)
{
    struct topic_log *t = topic_logs_at(&s->topics, topic);
    struct message_record m = { topic, t->next, accepted_at, encoded };
    BELAY_ASSERT(encoded.n > 0 && accepted_at >= t->time_last);
    uint8_t *body = take(s, RECORD_MESSAGE, 1, MESSAGE_HEADER_BYTES + encoded.n);
    commit_message_begin(body, &m);
    memcpy(body + MESSAGE_HEADER_BYTES, encoded.p, encoded.n);
    topic_log_append(t, s->pending, (uint32_t)(body - RECORD_HEADER_BYTES - s->pending->p),
                 (uint32_t)encoded.n, accepted_at, true);
    s->messages++;
    return m.sequence;
}

/* ---- flush ---- */

uint64_t belay_store_position(const struct belay_store *s)
{
    bool pending = s->pending && (s->pending->records > 0 || s->promised.records > 0);
    return pending ? s->journal.next_number : s->journal.next_number - 1;
}

uint64_t belay_store_durable(const struct belay_store *s)
{
    return s->journal.durable;
}

/* False: no memory for the rows of its extents; again with the next flush. */
static bool seal(struct belay_store *s)
{
    struct journal *j = &s->journal;
    struct batch *b = s->pending;
    if (belay_state_reserve_save(s->state, b->extent_count * EXTENT_STATE_BYTES, b->extent_count, NULL)
        != BELAY_OK)
        return false;
    BELAY_ASSERT(b->n > COMMIT_HEADER_BYTES && b->n <= BELAY_COMMIT_BYTES_MAX);
    s->pending = NULL;
    s->commit_began = s->now;
    journal_seal(j, b);
    topic_logs_sealed(&s->topics, b, segment_where(j->write.segment, j->write.offset), s->state);
    s->commits++;
    return true;
}

void belay_store_flush(struct belay_store *s, belay_time now)
{
    struct journal *j = &s->journal;
    s->now = now;
    BELAY_ASSERT(s->promised.records == 0); /* or what it was for would not be in this commit */
    s->reserved = (struct reservation){ 0, 0 };
    if (j->failed != BELAY_OK) {
        store_fetch_wake(s); /* what waits for a commit ends now */
        return;
    }
    store_move_record(s);
    store_collect(s);
    bool pending = s->pending && s->pending->records > 0;
    if (!pending) {
        store_checkpoint_freeze(s);
    } else if (!j->writing && seal(s)) {
        store_checkpoint_freeze(s);
        journal_submit(j);
    }
    s->reserved = (struct reservation){ 0, 0 };
    store_checkpoint_start(s);
    uint64_t archive_bytes = s->archive_bytes + store_move_bytes(s);
    j->limit_bytes = s->opt.bytes_max - (archive_bytes < s->opt.bytes_max ? archive_bytes : s->opt.bytes_max);
    journal_prepare_start(j, now);
    store_move_start(s);
    store_sweep_start(s);
}

/* A commit ended. */
void store_committed(void *store, struct batch *b)
{
    struct belay_store *s = store;
    if (s->journal.failed == BELAY_OK && s->now > s->commit_began)
        s->commit_us_last = (uint32_t)(s->now - s->commit_began);
    store_tail_keep(s, b);
    store_fetch_wake(s);
}

int belay_store_failed(const struct belay_store *s, struct belay_err *err)
{
    if (s->journal.failed != BELAY_OK && err)
        *err = s->journal.failure;
    return s->journal.failed;
}
