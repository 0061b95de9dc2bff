#include "store/store.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "store/store_impl.h"

/* ---- recovery ---- */

struct recovery {
    struct belay_store *store;
    struct batch *scratch; /* only its extents are used */
};

static int apply_message(struct belay_store *s, struct batch *scratch, struct belay_str body,
                         struct belay_err *err)
{
    struct message_record m;
    if (!commit_message_of(body, &m) || m.topic == 0 || m.topic > BELAY_TOPICS_MAX)
        return belay_fail(err, BELAY_CORRUPT, "a message record makes no sense");
    struct topic_log *t = topic_logs_at(&s->topics, m.topic);
    if (m.sequence != t->next)
        return belay_fail(err, BELAY_CORRUPT, "topic %u: message %llu follows %llu", (unsigned)m.topic,
                          (unsigned long long)m.sequence, (unsigned long long)t->next - 1);
    topic_log_append(t, scratch, 0, (uint32_t)m.encoded.n, m.accepted_at, false);
    return BELAY_OK;
}

/* A record of the store itself. */
static int apply_own(struct belay_store *s, struct batch *scratch, const struct belay_record *record,
                     struct belay_err *err)
{
    if (record->type == RECORD_MESSAGE && record->version == 1)
        return apply_message(s, scratch, record->body, err);
    if (record->type == RECORD_ARCHIVED && record->version == 1)
        return store_apply_archived(s, record->body, err);
    return belay_fail(err, BELAY_VERSION, "record type 0x%04x version %u is of a newer version",
                      (unsigned)record->type, (unsigned)record->version);
}

/* Room in the overlay for what a commit may change; a full one is checkpointed on the way. Where the disk has no room
 * for that it stays frozen, as in life, and the rest of the tail, which has an end, is taken beyond the limit: what
 * starts on a full disk makes room. */
static int recovery_reserve(struct belay_store *s, const struct commit *c, struct belay_err *err)
{
    size_t bytes = c->length_bytes + (size_t)c->records * EXTENT_STATE_BYTES;
    int status = belay_state_reserve(s->state, bytes, 4 * c->records, err);
    if (status != BELAY_BUSY)
        return status;
    if (s->opt.look)
        return belay_fail(err, BELAY_LIMIT, "the journal's tail is too long to be applied in memory");
    status = store_checkpoint_now(s, c->number - 1, err);
    if (status == BELAY_NOSPACE)
        return belay_state_reserve_save(s->state, bytes, 4 * c->records, err);
    return status == BELAY_OK ? belay_state_reserve(s->state, bytes, 4 * c->records, err) : status;
}

static int visit(void *arg, const struct commit *c, const uint8_t *p, uint64_t where,
                 struct belay_err *err)
{
    struct recovery *r = arg;
    struct belay_store *s = r->store;
    struct belay_record record;
    size_t at = COMMIT_HEADER_BYTES;
    int status = recovery_reserve(s, c, err), walk = BELAY_OK;
    journal_batch_clear(r->scratch);
    if (status == BELAY_OK && journal_batch_reserve(r->scratch, 0, c->records) != BELAY_OK)
        status = belay_fail(err, BELAY_NOMEM, "recovery: out of memory");
    while (status == BELAY_OK && commit_record_next(p, c->length_bytes, &at, &record, &walk)) {
        if ((record.type & 0xff00) == BELAY_RECORD_STORE)
            status = apply_own(s, r->scratch, &record, err);
        else if (s->opt.apply)
            status = s->opt.apply(s->opt.arg, c->number, &record, err);
        if (status == BELAY_OK) /* a room may have reserved for itself, and used what was for the rest */
            status = belay_state_reserve_save(s->state, c->length_bytes - at, 4 * c->records, err);
    }
    if (status == BELAY_OK && walk != BELAY_OK)
        status = belay_fail(err, walk, "a record has a form that this version does not know");
    if (status != BELAY_OK)
        return belay_wrap(err, status, "commit %llu", (unsigned long long)c->number);
    r->scratch->number = c->number;
    r->scratch->n = c->length_bytes;
    topic_logs_sealed(&s->topics, r->scratch, where, s->state);
    s->journal.bytes += blocks_up(c->length_bytes);
    return belay_state_error(s->state, err);
}

uint64_t store_trimmed(struct topic_logs *topics, struct belay_state *state)
{
    uint64_t needed = topic_logs_needed(topics, state), next = belay_state_position(state) + 1;
    return needed < next ? needed : next;
}

static int read_journal(struct belay_store *s, struct recovery *r, struct belay_err *err)
{
    uint64_t checkpoint = belay_state_position(s->state);
    return s->opt.look ? journal_look(&s->journal, checkpoint, false, visit, r, err)
                       : journal_recover(&s->journal, checkpoint, visit, r, err);
}

static int recover(struct belay_store *s, struct belay_err *err)
{
    struct recovery r = { .store = s, .scratch = journal_batch_new(BELAY_BLOCK_BYTES) };
    if (!r.scratch)
        return belay_fail(err, BELAY_NOMEM, "recovery: out of memory");
    s->journal.trimmed = store_trimmed(&s->topics, s->state);
    int status = belay_disk_free_bytes(s->opt.disk, &s->journal.disk_free_bytes, err);
    if (status == BELAY_OK)
        status = read_journal(s, &r, err);
    journal_batch_free(r.scratch);
    return status;
}

/* The rows say where messages are, also those that are only kept: a segment that is gone from between others is named
 * before anything begins. Behind so many rows whoever reads finds it. */
static int look_for_segments(struct belay_store *s, struct belay_err *err)
{
    uint32_t left = BELAY_STATE_VERIFY_ROWS_MAX;
    for (uint32_t id = 1; id < s->topics.count; id++) {
        const struct topic_log *t = &s->topics.all[id];
        uint64_t at = t->archived >= t->low ? t->archived + 1 : t->low;
        struct extent e;
        for (; at < t->next && left && extent_find(s->state, id, at, &e); at = extent_last(&e) + 1, left--)
            if (!journal_segment(&s->journal, where_id(e.where)))
                return belay_fail(err, BELAY_CORRUPT, JOURNAL_DIR "/%08u.seg is missing: messages from %llu on of topic"
                                  " %u are in it; put the file back (from where the directory was copied or moved), or"
                                  " restore the last backup with `belay store restore`", (unsigned)where_id(e.where),
                                  (unsigned long long)e.first, (unsigned)id);
    }
    return belay_state_error(s->state, err);
}

/* ---- open and close ---- */

static void defaults(struct belay_store *s)
{
    struct belay_store_opt *o = &s->opt;
    o->segment_bytes = blocks_up(o->segment_bytes ? o->segment_bytes : BELAY_SEGMENT_BYTES_DEFAULT);
    if (o->segment_bytes < SEGMENT_BYTES_MIN)
        o->segment_bytes = SEGMENT_BYTES_MIN;
    o->journal_bytes_max = o->journal_bytes_max ? o->journal_bytes_max : BELAY_JOURNAL_BYTES_DEFAULT;
    o->bytes_max = o->bytes_max ? o->bytes_max : UINT64_MAX;
    if (o->look)
        o->overlay_bytes_max = BELAY_LOOK_OVERLAY_BYTES;
    o->overlay_bytes_max = o->overlay_bytes_max ? o->overlay_bytes_max : BELAY_OVERLAY_BYTES_MAX;
    s->tail_bytes_max = o->tail_cache_bytes ? o->tail_cache_bytes : BELAY_TAIL_CACHE_BYTES;
    s->soft_bytes = o->segment_bytes / 4 < BELAY_COMMIT_BYTES_SOFT ? o->segment_bytes / 4
                                                                    : BELAY_COMMIT_BYTES_SOFT;
}

static void init(struct belay_store *s, const struct belay_store_opt *opt)
{
    s->opt = *opt;
    s->jobs = opt->jobs;
    defaults(s);
    belay_list_init(&s->tail);
    belay_list_init(&s->fetches);
    journal_window_init(&s->fetch_window);
    archive_reader_init(&s->fetch_archive, opt->disk);
    journal_init(&s->journal, &(struct journal_opt){
                                  .disk = opt->disk,
                                  .jobs = opt->jobs,
                                  .segment_bytes = s->opt.segment_bytes,
                                  .limit_bytes = s->opt.bytes_max,
                                  .seed = opt->seed,
                                  .committed = store_committed,
                                  .arg = s,
                              });
}

static int make_dirs(struct belay_disk *disk, struct belay_err *err)
{
    int status = belay_disk_mkdir(disk, JOURNAL_DIR, err);
    if (status == BELAY_OK)
        status = belay_disk_mkdir(disk, ARCHIVE_DIR, err);
    return status == BELAY_OK ? belay_disk_sync_dir(disk, "", err) : status;
}

int belay_store_open(const struct belay_store_opt *opt, struct belay_store **ret_store,
                     struct belay_err *err)
{
    struct belay_store *s = belay_calloc(1, sizeof *s);
    if (!s)
        return belay_fail(err, BELAY_NOMEM, "open the store: out of memory");
    init(s, opt);
    int status = topic_logs_init(&s->topics);
    if (status != BELAY_OK)
        belay_fail(err, status, "open the store: out of memory");
    if (status == BELAY_OK)
        status = belay_state_new(opt->state, s->opt.overlay_bytes_max, &s->state, err);
    if (status == BELAY_OK)
        belay_state_set_rest(s->state, store_checkpoint_rest, s);
    if (status == BELAY_OK)
        status = topic_logs_load(&s->topics, s->state, err);
    if (status == BELAY_OK && opt->load)
        status = opt->load(opt->arg, s->state, err);
    if (status == BELAY_OK && !opt->look)
        status = make_dirs(opt->disk, err);
    if (status == BELAY_OK && !opt->state_only)
        status = recover(s, err);
    if (status == BELAY_OK && !opt->look)
        status = look_for_segments(s, err);
    if (status == BELAY_OK && !opt->look)
        status = store_adopt_archives(s, err);
    if (status != BELAY_OK) {
        belay_store_close(s);
        return status;
    }
    *ret_store = s;
    return BELAY_OK;
}

bool belay_store_idle(const struct belay_store *s)
{
    return !s->journal.writing && !s->journal.preparing && !s->checkpoint.running
           && !s->move.running && !s->sweep.running && belay_list_empty(&s->fetches);
}

void belay_store_close(struct belay_store *s)
{
    if (!s)
        return;
    BELAY_ASSERT(belay_store_idle(s));
    store_tail_free(s);
    journal_window_deinit(&s->fetch_window);
    archive_reader_deinit(&s->fetch_archive);
    belay_free(s->move.from);
    belay_free(s->move.moved);
    belay_free(s->doomed);
    journal_deinit(&s->journal);
    belay_state_free(s->state);
    topic_logs_deinit(&s->topics);
    belay_free(s);
}

struct belay_state *belay_store_state(struct belay_store *s)
{
    return s->state;
}

/* ---- topics ---- */

uint64_t belay_store_next_sequence(struct belay_store *s, uint32_t topic)
{
    return topic_logs_at(&s->topics, topic)->next;
}

uint64_t belay_store_first_sequence(struct belay_store *s, uint32_t topic)
{
    return topic_logs_at(&s->topics, topic)->low;
}

void belay_store_set_low(struct belay_store *s, uint32_t topic, uint64_t low)
{
    topic_log_set_low(&s->topics, topic_logs_at(&s->topics, topic), low, s->state);
}

void belay_store_topic_size(struct belay_store *s, uint32_t topic, uint64_t *ret_messages,
                            uint64_t *ret_bytes)
{
    const struct topic_log *t = topic_logs_at(&s->topics, topic);
    *ret_messages = t->next - t->low;
    *ret_bytes = t->bytes;
}

/* ---- looking ---- */

void belay_store_gap(struct belay_store *s, uint32_t topic, uint64_t *ret_first, uint64_t *ret_last)
{
    const struct topic_log *t = topic_logs_at(&s->topics, topic);
    *ret_first = *ret_last = 0;
    for (uint64_t at = t->low; at < t->next;) {
        struct archived a = { 0 };
        struct extent e = { 0 };
        bool archived = at <= t->archived;
        bool there = archived ? archived_find(s->state, topic, at, &a) : extent_find(s->state, topic, at, &e);
        uint64_t first = archived ? a.first : e.first;
        if (!there || first > at) {
            *ret_first = at;
            *ret_last = (there && first < t->next ? first : t->next) - 1;
            return;
        }
        at = (archived ? a.last : extent_last(&e)) + 1;
    }
}

static uint64_t count(const struct belay_list *list)
{
    uint64_t n = 0;
    for (const struct belay_list *at = list->next; at != list; at = at->next)
        n++;
    return n;
}

void belay_store_stats(const struct belay_store *s, struct belay_store_stats *ret_stats)
{
    const struct journal *j = &s->journal;
    uint64_t unused = count(&j->ready) + count(&j->idle);
    *ret_stats = (struct belay_store_stats){
        .commits = s->commits,
        .commit_bytes = j->bytes,
        .records = s->records,
        .messages = s->messages,
        .segments = count(&j->live) + unused,
        .segments_free = unused,
        .journal_bytes = j->live_bytes + j->ready_bytes + j->idle_bytes,
        .archive_files = s->archive_files,
        .archive_bytes = s->archive_bytes,
        .checkpoint_position = belay_state_position(s->state),
        .durable = j->durable,
        .overlay_bytes = belay_state_active_bytes(s->state),
        .disk_free_bytes = j->disk_free_bytes,
        .commit_us_last = s->commit_us_last,
        .is_full = j->is_short,
        .unwitnessed = j->unwitnessed,
    };
}
