/* The move of what must outlive the journal: the oldest segment's messages that somebody needs go
 * into files of their topics, one segment at a time, in the background.
 *
 *   journal too long -> job: read the segment, write a file for each topic, sync -> a record for each
 *   file (the move) -> applied: the file has a row -> checkpoint -> the segment may be used again
 *
 * Segments are moved front to back, so what is moved of a topic is always what follows the last
 * file.  A crash before the record leaves a file without a row; the next start deletes it. */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/pack.h"
#include "store/store_impl.h"

#define RECORD_BYTES (4 + ARCHIVED_ROW_BYTES)
#define RETRY_MS 500 /* after a full disk said no */
#define READ_BYTES BELAY_KIB(512) /* between two rests */
#define REST_MESSAGES 32

/* ---- the job ---- */

struct item { /* a message of the segment */
    uint32_t offset; /* of its record's body */
    uint32_t bytes;
    uint32_t next; /* of the same topic, + 1 */
};

struct chain { /* the messages of one topic, in order */
    uint32_t head, tail, count;
};

struct load { /* a segment in memory */
    uint8_t *p;
    struct item *items;
    uint32_t count, cap;
    struct chain *chains; /* by topic */
    uint32_t topics;      /* with a chain */
};

static int add_item(struct load *l, uint32_t topic, uint32_t offset, uint32_t bytes)
{
    if (l->count == l->cap) {
        uint32_t cap = l->cap ? l->cap * 2 : 1024;
        struct item *more = belay_realloc(l->items, cap * sizeof *more);
        if (!more)
            return BELAY_NOMEM;
        l->items = more;
        l->cap = cap;
    }
    struct chain *c = &l->chains[topic];
    l->items[l->count++] = (struct item){ offset, bytes, 0 };
    if (c->count++)
        l->items[c->tail - 1].next = l->count;
    else
        c->head = l->count;
    c->tail = l->count;
    l->topics += c->count == 1;
    return BELAY_OK;
}

static int load_commit(const struct move *m, struct load *l, size_t offset, const struct commit *c)
{
    size_t at = COMMIT_HEADER_BYTES;
    struct belay_record record;
    struct message_record message;
    int status = BELAY_OK;
    while (status == BELAY_OK
           && commit_record_next(l->p + offset, c->length_bytes, &at, &record, &status)) {
        if (record.type != RECORD_MESSAGE || !commit_message_of(record.body, &message)
            || message.topic >= m->topic_count || !m->from[message.topic]
            || message.sequence < m->from[message.topic])
            continue;
        uint64_t expected = m->from[message.topic] + l->chains[message.topic].count;
        status = message.sequence == expected
                     ? add_item(l, message.topic, (uint32_t)((const uint8_t *)record.body.p - l->p),
                                (uint32_t)record.body.n)
                     : BELAY_CORRUPT;
    }
    return status;
}

/* In pieces: as one, it would be some milliseconds of CPU. *ret_n: less than the segment where its file is short. */
static int read_segment(struct move *m, uint8_t *p, size_t *ret_n)
{
    struct belay_store *s = BELAY_CONTAINER_OF(m, struct belay_store, move);
    size_t n = 0, got;
    int status = BELAY_OK;
    do {
        uint64_t left = m->segment->size_bytes - n;
        size_t wanted = left < READ_BYTES ? (size_t)left : READ_BYTES;
        got = 0;
        status = belay_file_read(m->segment->file, n, p + n, wanted, &got, &m->err);
        n += got;
        belay_job_rest(s->jobs, &m->job);
    } while (status == BELAY_OK && got == READ_BYTES && n < m->segment->size_bytes);
    *ret_n = n;
    return status;
}

static int load_segment(struct move *m, struct load *l)
{
    struct belay_store *s = BELAY_CONTAINER_OF(m, struct belay_store, move);
    struct segment *seg = m->segment;
    size_t n = 0, at = BELAY_BLOCK_BYTES;
    uint64_t number = seg->first;
    l->p = belay_malloc_aligned(BELAY_BLOCK_BYTES, seg->size_bytes);
    l->chains = belay_calloc(m->topic_count, sizeof *l->chains);
    if (!l->p || !l->chains)
        return BELAY_NOMEM;
    int status = read_segment(m, l->p, &n);
    while (status == BELAY_OK && number <= seg->last) {
        struct commit c;
        bool there = at + BELAY_BLOCK_BYTES <= n && commit_header(l->p + at, &c) && c.number == number
                     && c.length_bytes <= n - at && commit_intact(l->p + at, &c);
        if (!there)
            return belay_fail(&m->err, BELAY_CORRUPT, JOURNAL_DIR "/%08u.seg at byte %zu: commit %llu is damaged",
                              (unsigned)seg->id, at, (unsigned long long)number);
        status = load_commit(m, l, at, &c);
        at += blocks_up(c.length_bytes);
        number++;
        belay_job_rest(s->jobs, &m->job);
    }
    return status;
}

static int write_topic(struct move *m, const struct load *l, struct belay_disk *disk, uint32_t topic,
                       struct archived *ret_archived)
{
    struct belay_store *s = BELAY_CONTAINER_OF(m, struct belay_store, move);
    const struct chain *c = &l->chains[topic];
    struct archive_writer w;
    int status = archive_write_begin(&w, disk, topic, m->from[topic], m->from[topic] + c->count - 1, &m->err);
    if (status != BELAY_OK)
        return status;
    for (uint32_t i = c->head; i && status == BELAY_OK; i = l->items[i - 1].next) {
        const struct item *item = &l->items[i - 1];
        struct message_record r;
        bool whole = commit_message_of(belay_str((const char *)l->p + item->offset, item->bytes), &r);
        BELAY_ASSERT(whole);
        status = archive_write(&w, &(struct archive_message){ r.sequence, r.accepted_at, r.encoded }, &m->err);
        if (r.sequence % REST_MESSAGES == 0)
            belay_job_rest(s->jobs, &m->job);
    }
    if (status == BELAY_OK)
        status = archive_write_end(&w, ret_archived, &m->err);
    archive_write_close(&w);
    return status;
}

static int write_topics(struct move *m, const struct load *l, struct belay_disk *disk)
{
    int status = BELAY_OK;
    if (l->topics == 0)
        return BELAY_OK;
    m->moved = belay_calloc(l->topics, sizeof *m->moved);
    if (!m->moved)
        return BELAY_NOMEM;
    for (uint32_t t = 1; t < m->topic_count && status == BELAY_OK; t++) {
        if (!l->chains[t].count)
            continue;
        m->moved[m->moved_count].topic = t;
        status = write_topic(m, l, disk, t, &m->moved[m->moved_count].archived);
        m->moved_count += status == BELAY_OK;
    }
    return status == BELAY_OK ? belay_disk_sync_dir(disk, ARCHIVE_DIR, &m->err) : status;
}

static void run(struct belay_job *job)
{
    struct move *m = BELAY_CONTAINER_OF(job, struct move, job);
    struct belay_store *s = BELAY_CONTAINER_OF(m, struct belay_store, move);
    struct load l = { 0 };
    m->err = (struct belay_err){ 0 };
    m->status = load_segment(m, &l);
    if (m->status == BELAY_OK)
        m->status = write_topics(m, &l, s->opt.disk);
    if (m->status != BELAY_OK && m->err.code == BELAY_OK)
        belay_fail(&m->err, m->status, "archive a segment: %s", belay_status_text(m->status));
    belay_free(l.p);
    belay_free(l.items);
    belay_free(l.chains);
}

/* ---- on the engine thread ---- */

static void forget(struct move *m)
{
    belay_free(m->from);
    belay_free(m->moved);
    m->from = NULL;
    m->moved = NULL;
    m->moved_count = m->moved_at = 0;
}

static void done(struct belay_job *job)
{
    struct move *m = BELAY_CONTAINER_OF(job, struct move, job);
    struct belay_store *s = BELAY_CONTAINER_OF(m, struct belay_store, move);
    BELAY_ASSERT(m->running && !m->recording);
    m->running = false;
    if (m->status == BELAY_OK) {
        m->recording = true;
        return;
    }
    forget(m);
    m->retry_at = belay_time_add_ms(s->now, RETRY_MS);
    if (m->status != BELAY_NOSPACE && m->status != BELAY_NOMEM)
        journal_fail(&s->journal, m->status, &m->err);
}

/* The oldest segment that was not looked at yet; never the active one. */
static struct segment *next_segment(const struct belay_store *s)
{
    const struct journal *j = &s->journal;
    for (struct belay_list *n = j->live.next; n != j->live.prev; n = n->next) {
        struct segment *seg = BELAY_CONTAINER_OF(n, struct segment, node);
        if (seg->last > s->move.through)
            return seg->last <= j->durable ? seg : NULL;
    }
    return NULL;
}

/* Live bytes that no move has looked at. */
static uint64_t bytes_not_moved(const struct belay_store *s)
{
    uint64_t bytes = 0;
    const struct journal *j = &s->journal;
    for (struct belay_list *n = j->live.next; n != &j->live; n = n->next) {
        const struct segment *seg = BELAY_CONTAINER_OF(n, struct segment, node);
        bytes += seg->last > s->move.through ? seg->size_bytes : 0;
    }
    return bytes;
}

static bool fill_from(struct belay_store *s)
{
    struct move *m = &s->move;
    m->topic_count = s->topics.count;
    m->from = belay_calloc(m->topic_count ? m->topic_count : 1, sizeof *m->from);
    for (uint32_t i = 1; m->from && i < m->topic_count; i++) {
        const struct topic_log *t = &s->topics.all[i];
        uint64_t first = t->low > t->archived ? t->low : t->archived + 1;
        m->from[i] = t->known && first < t->next ? first : 0;
    }
    return m->from;
}

void store_move_start(struct belay_store *s)
{
    struct move *m = &s->move;
    if (m->running || m->recording || s->sweep.running || s->now < m->retry_at
        || s->journal.live_bytes <= s->opt.journal_bytes_max
        || bytes_not_moved(s) <= s->opt.journal_bytes_max)
        return;
    m->segment = next_segment(s);
    if (!m->segment
        || journal_files_bytes(&s->journal) + s->archive_bytes + m->segment->size_bytes > s->opt.bytes_max
        || !fill_from(s))
        return;
    m->last = m->segment->last;
    m->running = true;
    m->job = (struct belay_job){ .lane = BELAY_JOB_BACKGROUND, .run = run, .done = done };
    belay_list_init(&m->job.node);
    s->jobs->submit(s->jobs->self, &m->job);
}

uint64_t store_move_needed(const struct belay_store *s)
{
    return s->move.running ? s->move.segment->first : UINT64_MAX;
}

uint64_t store_move_bytes(const struct belay_store *s)
{
    return s->move.running || s->move.recording ? s->journal.segment_bytes : 0;
}

void store_move_record(struct belay_store *s)
{
    struct move *m = &s->move;
    if (!m->recording)
        return;
    for (; m->moved_at < m->moved_count; m->moved_at++) {
        const struct moved *moved = &m->moved[m->moved_at];
        uint8_t body[RECORD_BYTES];
        belay_store_u32(body, moved->topic);
        archived_encode(&moved->archived, body + 4);
        if (belay_store_reserve(s, sizeof body, 1, true, NULL) != BELAY_OK)
            return; /* goes on with the next flush */
        belay_store_append(s, RECORD_ARCHIVED, 1, belay_str((const char *)body, sizeof body));
        if (store_apply_archived(s, belay_str((const char *)body, sizeof body), NULL) != BELAY_OK)
            BELAY_UNREACHABLE();
    }
    BELAY_ASSERT(m->last > m->through);
    m->recording = false;
    m->through = m->last;
    s->checkpoint.due = true;
    forget(m);
}

int store_apply_archived(struct belay_store *s, struct belay_str body, struct belay_err *err)
{
    uint8_t key[TOPIC_KEY_BYTES];
    struct archived a;
    if (body.n != RECORD_BYTES)
        return belay_fail(err, BELAY_CORRUPT, "an archive record makes no sense");
    uint32_t topic = belay_load_u32(body.p);
    struct belay_str row = belay_str(body.p + 4, ARCHIVED_ROW_BYTES);
    topic_log_key(topic, belay_load_u64(row.p + 9), key);
    if (topic == 0 || topic > BELAY_TOPICS_MAX
        || !archived_decode(belay_str((const char *)key, sizeof key), row, &a)
        || a.last >= topic_logs_at(&s->topics, topic)->next)
        return belay_fail(err, BELAY_CORRUPT, "an archive record makes no sense");
    struct topic_log *t = topic_logs_at(&s->topics, topic);
    belay_state_put(s->state, BELAY_TABLE_ARCHIVE, belay_str((const char *)key, sizeof key), row);
    /* A gap to the file before was not needed when the move began, by records that are older than
     * this one: at recovery the low of the checkpoint would promise too much. */
    if (a.first > t->archived + 1)
        topic_log_set_low(&s->topics, t, a.first, s->state);
    topic_log_set_archived(&s->topics, t, a.last);
    s->archive_files++;
    s->archive_bytes += a.file_bytes;
    return BELAY_OK;
}
