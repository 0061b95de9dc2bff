/* What nobody needs goes: rows of the state in bites, files once a checkpoint has forgotten them.
 *
 *   low passes a row -> the row is deleted (no record: the checkpoint has low beside it)
 *   a row of ARCHIVE -> its file is doomed -> checkpoint done -> job: unlink
 *
 * Should the process die between, the start finds files without a row and deletes them. */
#include "base/alloc.h"
#include "base/assert.h"
#include "store/store_impl.h"

#define ROWS_PER_FLUSH 64
#define IDLE_SEGMENTS_MAX 4

/* ---- rows ---- */

static bool delete_row(struct belay_store *s, uint32_t table, uint32_t topic, uint64_t last)
{
    uint8_t key[TOPIC_KEY_BYTES];
    if (belay_state_reserve(s->state, TOPIC_KEY_BYTES, 1, NULL) != BELAY_OK)
        return false;
    topic_log_key(topic, last, key);
    belay_state_del(s->state, table, belay_str((const char *)key, sizeof key));
    return true;
}

static bool doom(struct belay_store *s, uint32_t topic, const struct archived *a)
{
    if (s->doomed_count == s->doomed_cap) {
        uint32_t cap = s->doomed_cap ? s->doomed_cap * 2 : 16;
        struct doomed *more = belay_realloc(s->doomed, cap * sizeof *more);
        if (!more)
            return false;
        s->doomed = more;
        s->doomed_cap = cap;
    }
    BELAY_ASSERT(s->archive_files);
    s->doomed[s->doomed_count++] = (struct doomed){ topic, a->last };
    s->archive_files--;
    s->archive_bytes -= a->file_bytes < s->archive_bytes ? a->file_bytes : s->archive_bytes;
    return true;
}

enum gc { GC_DELETED, GC_DONE, GC_LATER };

static enum gc collect(struct belay_store *s, struct topic_log *t)
{
    struct extent e;
    struct archived a;
    if (extent_find(s->state, t->id, t->gc_extent + 1, &e)
        && (extent_last(&e) < t->low || extent_last(&e) <= t->archived)) {
        if (!delete_row(s, BELAY_TABLE_EXTENT, t->id, extent_last(&e)))
            return GC_LATER;
        t->gc_extent = extent_last(&e);
        return GC_DELETED;
    }
    if (t->archived && archived_find(s->state, t->id, t->gc_archive + 1, &a) && a.last < t->low) {
        if (!doom(s, t->id, &a))
            return GC_LATER;
        if (!delete_row(s, BELAY_TABLE_ARCHIVE, t->id, a.last)) {
            s->doomed_count--; /* again later */
            s->archive_files++;
            s->archive_bytes += a.file_bytes;
            return GC_LATER;
        }
        t->gc_archive = a.last;
        return GC_DELETED;
    }
    return GC_DONE;
}

void store_collect(struct belay_store *s)
{
    for (unsigned rows = 0; rows < ROWS_PER_FLUSH && !belay_list_empty(&s->topics.gc); rows++) {
        struct topic_log *t = BELAY_CONTAINER_OF(s->topics.gc.next, struct topic_log, gc_node);
        switch (collect(s, t)) {
        case GC_DELETED: break;
        case GC_DONE: belay_list_unlink(&t->gc_node); break;
        case GC_LATER: return;
        }
    }
}

/* ---- files ---- */

static struct segment *excess(struct journal *j)
{
    for (struct belay_list *n = j->idle.next; n != &j->idle; n = n->next) {
        struct segment *seg = BELAY_CONTAINER_OF(n, struct segment, node);
        if (seg->size_bytes != j->segment_bytes || j->idle_bytes > IDLE_SEGMENTS_MAX * j->segment_bytes)
            return seg;
    }
    return NULL;
}

static void run(struct belay_job *job)
{
    struct sweep *w = BELAY_CONTAINER_OF(job, struct sweep, job);
    struct belay_store *s = BELAY_CONTAINER_OF(w, struct belay_store, sweep);
    char name[ARCHIVE_NAME_BYTES];
    w->status = BELAY_OK;
    for (uint32_t i = 0; i < w->count && w->status == BELAY_OK; i++) {
        archive_name(w->files[i].topic, w->files[i].last, name);
        w->status = belay_disk_unlink(s->opt.disk, name, &w->err);
        if (w->status == BELAY_NOTFOUND) /* an earlier try got so far */
            w->status = BELAY_OK;
    }
    if (w->segment && w->status == BELAY_OK) {
        segment_name(w->segment->id, name);
        w->status = belay_disk_unlink(s->opt.disk, name, &w->err);
    }
}

static void done(struct belay_job *job)
{
    struct sweep *w = BELAY_CONTAINER_OF(job, struct sweep, job);
    struct belay_store *s = BELAY_CONTAINER_OF(w, struct belay_store, sweep);
    BELAY_ASSERT(w->running && w->count <= s->doomed_ready);
    BELAY_ASSERT(s->doomed_ready <= s->doomed_frozen && s->doomed_frozen <= s->doomed_count);
    w->running = false;
    if (w->status != BELAY_OK) {
        journal_fail(&s->journal, w->status, &w->err);
    } else {
        s->doomed_count -= w->count;
        s->doomed_frozen -= w->count;
        s->doomed_ready -= w->count;
        if (s->doomed_count)
            memmove(s->doomed, s->doomed + w->count, s->doomed_count * sizeof *s->doomed);
    }
    segment_free(w->segment);
    w->segment = NULL;
}

void store_sweep_start(struct belay_store *s)
{
    struct sweep *w = &s->sweep;
    struct journal *j = &s->journal;
    if (w->running || s->move.running || j->preparing)
        return;
    /* A fetch that began before the row was deleted may still want the file. */
    uint32_t count = store_fetch_reads_archive(s) || s->pinned ? 0 : s->doomed_ready;
    w->count = count < SWEEP_FILES ? count : SWEEP_FILES;
    w->segment = excess(j);
    if (!w->count && !w->segment)
        return;
    if (w->segment) {
        belay_list_unlink(&w->segment->node);
        j->idle_bytes -= w->segment->size_bytes;
    }
    if (w->count)
        memcpy(w->files, s->doomed, w->count * sizeof *w->files);
    w->running = true;
    w->job = (struct belay_job){ .lane = BELAY_JOB_BACKGROUND, .run = run, .done = done };
    belay_list_init(&w->job.node);
    s->jobs->submit(s->jobs->self, &w->job);
}

/* ---- at the start ---- */

static int adopt(struct belay_store *s, const struct belay_dir_entry *entry, struct belay_err *err)
{
    uint32_t topic;
    uint64_t last;
    struct archived a;
    char name[ARCHIVE_NAME_BYTES];
    if (entry->is_dir || !archive_name_of(entry->name, &topic, &last))
        return BELAY_OK; /* not ours */
    if (archived_find(s->state, topic, last, &a) && a.last == last) {
        s->archive_files++;
        s->archive_bytes += a.file_bytes;
        return BELAY_OK;
    }
    archive_name(topic, last, name);
    return belay_disk_unlink(s->opt.disk, name, err);
}

int store_adopt_archives(struct belay_store *s, struct belay_err *err)
{
    struct belay_dir_entry *entries = NULL;
    size_t count = 0;
    int status = belay_disk_list(s->opt.disk, ARCHIVE_DIR, &entries, &count, err);
    s->archive_files = s->archive_bytes = 0;
    for (size_t i = 0; i < count && status == BELAY_OK; i++)
        status = adopt(s, &entries[i], err);
    belay_free(entries);
    return status == BELAY_OK ? belay_state_error(s->state, err) : status;
}
