/* Segments ahead: an idle one begins a new incarnation, or a new file is made with all its blocks
 * written.  In the background, one at a time. */
#include "base/planted.h"
#include "base/assert.h"
#include "store/journal.h"

#define RETRY_MS 200 /* after a full disk said no */

/* New file: leaves keep_bytes to the checkpoint and the archive, which need room to free room. */
static int make_new(struct journal_prepare *p, struct belay_disk *disk)
{
    int status = belay_disk_free_bytes(disk, &p->disk_free_bytes, &p->err);
    if (status != BELAY_OK)
        return status;
    if (p->disk_free_bytes < p->size_bytes + p->keep_bytes)
        return belay_fail(&p->err, BELAY_NOSPACE, "the disk has no room for a segment");
    return segment_create(disk, p->id, p->size_bytes, &p->segment, &p->err);
}

static void prepare_run(struct belay_job *job)
{
    struct journal_prepare *p = BELAY_CONTAINER_OF(job, struct journal_prepare, job);
    struct belay_disk *disk = BELAY_CONTAINER_OF(p, struct journal, prepare)->disk;
    p->status = p->recycled ? BELAY_OK : make_new(p, disk);
    if (p->status == BELAY_OK)
        p->status = segment_begin(p->segment, p->incarnation, p->salt, 0, &p->err);
    if (p->status == BELAY_OK && !p->recycled && !BELAY_PLANTED(11))
        p->status = belay_disk_sync_dir(disk, JOURNAL_DIR, &p->err);
}

static void prepare_done(struct belay_job *job)
{
    struct journal_prepare *p = BELAY_CONTAINER_OF(job, struct journal_prepare, job);
    struct journal *j = BELAY_CONTAINER_OF(p, struct journal, prepare);
    BELAY_ASSERT(j->preparing && (p->segment || p->status != BELAY_OK));
    j->preparing = false;
    j->disk_free_bytes = p->disk_free_bytes;
    if (p->status == BELAY_OK) {
        belay_list_push(&j->ready, &p->segment->node);
        j->ready_bytes += p->segment->size_bytes;
        j->want_bytes = p->size_bytes >= j->want_bytes ? 0 : j->want_bytes;
        j->is_short = false;
        return;
    }
    if (p->segment && p->recycled) {
        belay_list_push(&j->idle, &p->segment->node);
        j->idle_bytes += p->segment->size_bytes;
    } else {
        segment_free(p->segment);
    }
    p->segment = NULL;
    /* No room, or no memory, passes; anything else does not. */
    if (p->status == BELAY_NOSPACE || p->status == BELAY_NOMEM || p->status == BELAY_LIMIT)
        j->is_short = true;
    else
        journal_fail(j, p->status, &p->err);
}

/* An idle segment of the size that is needed; NULL: none. Others are of no use: they are given up
 * by journal_trim's caller. */
static struct segment *take_idle(struct journal *j, uint64_t size_bytes)
{
    for (struct belay_list *n = j->idle.next; n != &j->idle; n = n->next) {
        struct segment *seg = BELAY_CONTAINER_OF(n, struct segment, node);
        if (seg->size_bytes >= size_bytes) {
            BELAY_ASSERT(j->idle_bytes >= seg->size_bytes);
            belay_list_unlink(n);
            j->idle_bytes -= seg->size_bytes;
            return seg;
        }
    }
    return NULL;
}

bool journal_prepare_start(struct journal *j, belay_time now)
{
    struct journal_prepare *p = &j->prepare;
    uint64_t ahead = segment_left(journal_active(j)) + j->ready_bytes;
    bool due = j->want_bytes || ahead < j->segment_bytes + j->reserve_bytes;
    if (!due || j->preparing || j->failed != BELAY_OK)
        return false;
    uint64_t size = j->want_bytes > j->segment_bytes ? j->want_bytes : j->segment_bytes;
    struct segment *seg = take_idle(j, size);
    if (!seg && j->is_short && now < j->retry_at)
        return false;
    if (!seg && journal_files_bytes(j) + size > j->limit_bytes) {
        j->is_short = true;
        return false;
    }
    j->retry_at = belay_time_add_ms(now, RETRY_MS);
    j->preparing = true;
    p->segment = seg;
    p->recycled = seg;
    p->id = seg ? seg->id : j->id_next++;
    p->size_bytes = seg ? seg->size_bytes : size;
    p->keep_bytes = 2 * j->segment_bytes < BELAY_DISK_KEEP_BYTES ? 2 * j->segment_bytes
                                                                 : BELAY_DISK_KEEP_BYTES;
    p->incarnation = j->incarnation_next++;
    p->salt = belay_random_next(&j->random);
    p->disk_free_bytes = j->disk_free_bytes;
    p->job = (struct belay_job){ .lane = BELAY_JOB_BACKGROUND, .run = prepare_run, .done = prepare_done };
    belay_list_init(&p->job.node);
    j->jobs->submit(j->jobs->self, &p->job);
    return true;
}
