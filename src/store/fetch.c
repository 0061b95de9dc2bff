/* Messages that are not in memory: found on the engine thread (rows of the state), read in the fetch
 * lane.
 *
 *   fetch -> plan (which commits) -> [wait until they are durable] -> job: read, verify, copy -> done
 *
 * A segment is not used again while a fetch under way may read it (store_fetch_needed). */
#include "base/assert.h"
#include "store/store_impl.h"

struct fetch_plan {
    struct belay_list node;
    struct belay_fetch *fetch;
    uint64_t needed; /* lowest commit it reads; UINT64_MAX: it waits, or reads an archive */
    bool running;
    uint32_t extent_count;
    struct planned *extents;
    bool from_archive;
    struct archived archived;
};

#define EXTENTS_MAX 256u /* of one fetch: what it reads at most beside what it needs */

static struct fetch_plan *plan_of(struct belay_fetch *f)
{
    return f->priv[0];
}

static struct belay_fetch *fetch_at(struct belay_job *job)
{
    return BELAY_CONTAINER_OF(job, struct belay_fetch, job);
}

uint64_t store_fetch_needed(const struct belay_store *s)
{
    uint64_t needed = UINT64_MAX;
    for (const struct belay_list *n = s->fetches.next; n != &s->fetches; n = n->next) {
        const struct fetch_plan *plan = BELAY_CONTAINER_OF(n, const struct fetch_plan, node);
        if (plan->running && plan->needed < needed)
            needed = plan->needed;
    }
    return needed;
}

bool store_fetch_reads_archive(const struct belay_store *s)
{
    for (const struct belay_list *n = s->fetches.next; n != &s->fetches; n = n->next) {
        const struct fetch_plan *plan = BELAY_CONTAINER_OF(n, const struct fetch_plan, node);
        if (plan->running && plan->from_archive)
            return true;
    }
    return false;
}

/* ---- in the fetch lane ---- */

/* The window, or the page cache, may hold what lay there before the segment was used again. */
int store_read_commit(struct window *w, const struct planned *at, const uint8_t **ret_p,
                      struct belay_err *err)
{
    const struct extent *e = &at->extent;
    const uint8_t *p;
    size_t n, want = (size_t)blocks_up(e->length_bytes);
    struct commit c;
    /* A damaged segment may end before a commit that the state remembers. */
    bool there = where_offset(e->where) + want <= at->end;
    for (int again = 0; there && again < 2; again++) {
        struct belay_file *file = at->cached && !again ? segment_cached(at->segment) : at->segment->file;
        int status = journal_window_get(w, file, where_offset(e->where), want, at->end, &p, &n, err);
        if (status != BELAY_OK)
            return status;
        if (n == want && commit_header(p, &c) && c.number == e->position
            && c.length_bytes == e->length_bytes
            && (w->intact_at == where_offset(e->where) || commit_intact(p, &c))) {
            w->intact_at = where_offset(e->where); /* a large commit is fetched in pieces */
            *ret_p = p;
            return BELAY_OK;
        }
        journal_window_forget(w);
    }
    return belay_fail(err, BELAY_CORRUPT, JOURNAL_DIR "/%08u.seg at byte %llu: commit %llu is damaged",
                      (unsigned)where_id(e->where), (unsigned long long)where_offset(e->where),
                      (unsigned long long)e->position);
}

/* Copies a message; false when the fetch has enough. */
static bool keep(struct belay_fetch *f, uint64_t sequence, belay_time accepted_at, struct belay_str encoded,
                 size_t *bytes)
{
    if (f->count == f->count_max || (f->count && *bytes + encoded.n > f->bytes_max))
        return false;
    struct belay_str copy = belay_arena_str(&f->arena, encoded);
    if (!copy.p) {
        f->status = f->count ? BELAY_OK : belay_fail(&f->err, BELAY_NOMEM, "fetch: out of memory");
        return false;
    }
    *bytes += encoded.n;
    f->items[f->count++] = (struct belay_fetched){ sequence, accepted_at, copy };
    return true;
}

/* Copies the messages it came for; false when the fetch has enough. */
static bool pick(struct belay_fetch *f, const uint8_t *p, const struct extent *e, size_t *bytes)
{
    size_t at = COMMIT_HEADER_BYTES;
    struct belay_record record;
    struct message_record m;
    while (f->status == BELAY_OK
           && commit_record_next(p, e->length_bytes, &at, &record, &f->status)) {
        if (record.type != RECORD_MESSAGE || !commit_message_of(record.body, &m)
            || m.topic != f->topic || m.sequence < f->first + f->count)
            continue;
        if (!keep(f, m.sequence, m.accepted_at, m.encoded, bytes))
            return false;
    }
    return f->status == BELAY_OK;
}

static void run_archive(struct belay_fetch *f, const struct archived *a)
{
    struct archive_reader *r = &f->store->fetch_archive;
    size_t bytes = 0;
    bool more = true;
    f->status = archive_reader_open(r, f->topic, a, &f->err);
    uint32_t block = f->status == BELAY_OK ? archive_block_of(r, f->first) : 0;
    for (; f->status == BELAY_OK && more && block < r->block_count; block++) {
        struct archive_message m;
        size_t at = 0;
        uint64_t sequence = 0;
        f->status = archive_read_block(r, block, &f->err);
        while (f->status == BELAY_OK && more && archive_next(r, &at, &sequence, &m))
            more = m.sequence < f->first || keep(f, m.sequence, m.accepted_at, m.encoded, &bytes);
    }
}

static void run_journal(struct belay_fetch *f, const struct fetch_plan *plan)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < plan->extent_count; i++) {
        const uint8_t *p = NULL;
        f->status = store_read_commit(&f->store->fetch_window, &plan->extents[i], &p, &f->err);
        if (f->status != BELAY_OK || !pick(f, p, &plan->extents[i].extent, &bytes))
            break;
    }
}

static void run(struct belay_job *job)
{
    struct belay_fetch *f = fetch_at(job);
    struct fetch_plan *plan = plan_of(f);
    f->status = BELAY_OK;
    f->count = 0;
    if (plan->from_archive)
        run_archive(f, &plan->archived);
    else
        run_journal(f, plan);
    if (f->count) /* what is damaged further on is found by whoever comes for it */
        f->status = BELAY_OK;
    else if (f->status == BELAY_OK)
        f->status = belay_fail(&f->err, BELAY_CORRUPT, "message %llu of topic %u is not where it was",
                               (unsigned long long)f->first, (unsigned)f->topic);
}

/* ---- on the engine thread ---- */

static void end(struct belay_fetch *f)
{
    belay_list_unlink(&plan_of(f)->node);
    f->done(f);
}

static void done(struct belay_job *job)
{
    end(fetch_at(job));
}

static void fail(struct belay_fetch *f, int status, const char *why)
{
    f->status = belay_fail(&f->err, status, "message %llu of topic %u %s", (unsigned long long)f->first,
                           (unsigned)f->topic, why);
    f->count = 0;
    end(f);
}

bool store_plan_extent(const struct belay_store *s, const struct extent *e, struct planned *ret_planned)
{
    const struct journal *j = &s->journal;
    struct segment *seg = journal_segment(j, where_id(e->where));
    if (!seg)
        return false;
    uint64_t end_at = seg->size_bytes;
    if (seg == journal_active(j))
        end_at = j->writing ? j->write.offset : seg->used_bytes;
    *ret_planned = (struct planned){ .extent = *e, .segment = seg, .end = end_at };
    return true;
}

static int make_items(struct belay_fetch *f, uint64_t available)
{
    uint64_t count = available < f->count_max ? available : f->count_max;
    f->items = BELAY_ARENA_ARRAY(&f->arena, struct belay_fetched, count ? count : 1);
    return f->items ? BELAY_OK : BELAY_NOMEM;
}

static uint32_t extents_max(const struct belay_fetch *f)
{
    return f->count_max < EXTENTS_MAX ? f->count_max : EXTENTS_MAX;
}

/* Durable extents from f->first on, until there are enough. *ret_waits: the first is not durable. */
static int plan_extents(struct belay_store *s, struct belay_fetch *f, bool *ret_waits)
{
    struct fetch_plan *plan = plan_of(f);
    uint64_t at = f->first, bytes = 0;
    int status = BELAY_OK;
    struct extent e;
    *ret_waits = false;
    while (plan->extent_count < extents_max(f) && at - f->first < f->count_max && bytes < f->bytes_max) {
        if (!extent_find(s->state, f->topic, at, &e) || e.position > s->journal.durable) {
            *ret_waits = plan->extent_count == 0;
            break;
        }
        if (e.first > at || !store_plan_extent(s, &e, &plan->extents[plan->extent_count])) {
            status = plan->extent_count ? BELAY_OK : BELAY_CORRUPT;
            break;
        }
        /* Whoever comes for one message comes for others around it, in any order: their commit is copied out
         * of memory then. A stream would only push others out. */
        plan->extents[plan->extent_count++].cached = f->count_max == 1;
        plan->needed = e.position < plan->needed ? e.position : plan->needed;
        bytes += e.bytes;
        at = extent_last(&e) + 1;
    }
    return status == BELAY_OK ? make_items(f, at - f->first) : status;
}

static int plan_archive(struct belay_store *s, struct belay_fetch *f)
{
    struct fetch_plan *plan = plan_of(f);
    if (!archived_find(s->state, f->topic, f->first, &plan->archived) || plan->archived.first > f->first)
        return BELAY_CORRUPT;
    return make_items(f, plan->archived.last - f->first + 1);
}

/* Finds where it lies now and submits, or leaves it to wait for its commit. */
static void start(struct belay_store *s, struct belay_fetch *f)
{
    struct fetch_plan *plan = plan_of(f);
    bool waits = false;
    plan->extent_count = 0;
    plan->needed = UINT64_MAX;
    plan->from_archive = f->first <= topic_logs_at(&s->topics, f->topic)->archived;
    int status = plan->from_archive ? plan_archive(s, f) : plan_extents(s, f, &waits);
    if (status == BELAY_CORRUPT) {
        fail(f, status, "is in no segment and no archive");
    } else if (status != BELAY_OK) {
        fail(f, status, "cannot be fetched: out of memory");
    } else if (s->journal.failed != BELAY_OK) {
        fail(f, s->journal.failed, "cannot be fetched: the journal failed");
    } else if (!waits) {
        plan->running = true;
        f->job = (struct belay_job){ .lane = BELAY_JOB_FETCH, .run = run, .done = done };
        belay_list_init(&f->job.node);
        s->jobs->submit(s->jobs->self, &f->job);
    }
}

void belay_store_fetch(struct belay_store *s, struct belay_fetch *f)
{
    struct topic_log *t = topic_logs_at(&s->topics, f->topic);
    struct fetch_plan *plan = BELAY_ARENA_NEW(&f->arena, struct fetch_plan);
    static struct fetch_plan none;
    f->store = s;
    f->status = BELAY_OK;
    f->items = NULL;
    f->count = 0;
    f->priv[0] = plan ? plan : &none;
    belay_list_init(&plan_of(f)->node);
    if (plan)
        plan->extents = BELAY_ARENA_ARRAY(&f->arena, struct planned, extents_max(f) ? extents_max(f) : 1);
    if (!plan || !plan->extents) {
        fail(f, BELAY_NOMEM, "cannot be fetched: out of memory");
        return;
    }
    plan->fetch = f;
    if (f->first < t->low || f->first >= t->next) {
        fail(f, BELAY_NOTFOUND, f->first < t->low ? "is no longer kept" : "does not exist yet");
        return;
    }
    belay_list_push(&s->fetches, &plan->node);
    start(s, f);
}

void store_fetch_wake(struct belay_store *s)
{
    struct belay_list waiting, *n;
    belay_list_init(&waiting);
    for (n = s->fetches.next; n != &s->fetches;) {
        struct fetch_plan *plan = BELAY_CONTAINER_OF(n, struct fetch_plan, node);
        n = n->next;
        if (!plan->running) {
            belay_list_unlink(&plan->node);
            belay_list_push(&waiting, &plan->node);
        }
    }
    while ((n = belay_list_pop(&waiting))) {
        belay_list_push(&s->fetches, n);
        start(s, BELAY_CONTAINER_OF(n, struct fetch_plan, node)->fetch);
    }
}
