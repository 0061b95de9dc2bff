#include "store/journal.h"

#include <string.h>

#include "base/planted.h"
#include "base/alloc.h"
#include "base/assert.h"

static struct segment *segment_at(struct belay_list *node)
{
    return BELAY_CONTAINER_OF(node, struct segment, node);
}

void journal_init(struct journal *j, const struct journal_opt *opt)
{
    *j = (struct journal){
        .disk = opt->disk,
        .jobs = opt->jobs,
        .segment_bytes = opt->segment_bytes,
        .limit_bytes = opt->limit_bytes,
        .random = { opt->seed },
        .incarnation_next = 1,
        .id_next = 1,
        .next_number = 1,
        .disk_free_bytes = UINT64_MAX,
        .committed = opt->committed,
        .arg = opt->arg,
    };
    j->reserve_bytes = opt->segment_bytes / 2 < BELAY_JOURNAL_RESERVE_BYTES
                           ? opt->segment_bytes / 2
                           : BELAY_JOURNAL_RESERVE_BYTES;
    belay_list_init(&j->live);
    belay_list_init(&j->ready);
    belay_list_init(&j->idle);
}

static void free_all(struct belay_list *l)
{
    struct belay_list *node;
    while ((node = belay_list_pop(l)))
        segment_free(segment_at(node));
}

void journal_deinit(struct journal *j)
{
    BELAY_ASSERT(!j->writing && !j->preparing);
    free_all(&j->live);
    free_all(&j->ready);
    free_all(&j->idle);
    witness_close(&j->witness);
}

struct segment *journal_active(const struct journal *j)
{
    BELAY_ASSERT(!belay_list_empty(&j->live));
    return segment_at(j->live.prev);
}

struct segment *journal_segment(const struct journal *j, uint32_t id)
{
    for (struct belay_list *n = j->live.next; n != &j->live; n = n->next)
        if (segment_at(n)->id == id)
            return segment_at(n);
    return NULL;
}

int journal_fail(struct journal *j, int status, const struct belay_err *err)
{
    if (j->failed == BELAY_OK) {
        j->failed = status;
        j->failure = *err;
        j->failure.class_ = BELAY_CLASS_FATAL; /* whatever it was: D5 */
    }
    return j->failed;
}

/* ---- space ---- */

uint64_t journal_files_bytes(const struct journal *j)
{
    return j->live_bytes + j->ready_bytes + j->idle_bytes + (j->preparing ? j->prepare.size_bytes : 0);
}

static bool fits_ready(const struct journal *j, uint64_t padded)
{
    for (struct belay_list *n = j->ready.next; n != &j->ready; n = n->next)
        if (segment_left(segment_at(n)) >= padded)
            return true;
    return false;
}

int journal_room(struct journal *j, size_t n, uint64_t keep, struct belay_err *err)
{
    uint64_t padded = blocks_up(n), left = segment_left(journal_active(j));
    bool here = left >= padded;
    if (!here && !fits_ready(j, padded)) {
        if (padded + BELAY_BLOCK_BYTES > j->segment_bytes)
            j->want_bytes = padded + BELAY_BLOCK_BYTES;
        return j->is_short ? belay_fail(err, BELAY_NOSPACE, "the journal has no room for %zu bytes", n)
                           : belay_fail(err, BELAY_BUSY, "a segment is being prepared");
    }
    /* While more can be had nothing needs to be kept back. */
    uint64_t room = (here ? left : 0) + j->ready_bytes;
    if (j->is_short && room - padded < keep)
        return belay_fail(err, BELAY_NOSPACE, "the journal has no room but its reserve");
    return BELAY_OK;
}

/* The next active segment is the first prepared one that is large enough. */
static void roll(struct journal *j, uint64_t padded)
{
    for (;;) {
        struct belay_list *node = belay_list_pop(&j->ready);
        BELAY_ASSERT(node); /* journal_room said so */
        struct segment *seg = segment_at(node);
        BELAY_ASSERT(j->ready_bytes >= seg->size_bytes && seg->first == 0);
        j->ready_bytes -= seg->size_bytes;
        if (segment_left(seg) >= padded) {
            belay_list_push(&j->live, node);
            j->live_bytes += seg->size_bytes;
            return;
        }
        belay_list_push(&j->idle, node);
        j->idle_bytes += seg->size_bytes;
    }
}

void journal_trim(struct journal *j, uint64_t needed)
{
    while (j->live.next != j->live.prev) { /* never the active one */
        struct segment *seg = segment_at(j->live.next);
        if (seg->last >= needed)
            return;
        BELAY_ASSERT(j->live_bytes >= seg->size_bytes);
        belay_list_unlink(&seg->node);
        j->live_bytes -= seg->size_bytes;
        belay_list_push(&j->idle, &seg->node);
        j->idle_bytes += seg->size_bytes;
        j->is_short = false;
    }
}

/* ---- commit ---- */

void journal_seal(struct journal *j, struct batch *b)
{
    BELAY_ASSERT(!j->writing && b->records > 0);
    struct journal_write *w = &j->write;
    uint64_t padded = blocks_up(b->n);
    if (segment_left(journal_active(j)) < padded)
        roll(j, padded);
    struct segment *seg = journal_active(j);
    BELAY_ASSERT(seg->used_bytes + padded <= seg->size_bytes && j->next_number == j->durable + 1);
    journal_batch_pad(b);
    b->number = j->next_number++;
    w->batch = b;
    w->segment = seg;
    w->offset = seg->used_bytes;
    w->commit = (struct commit){
        .salt = seg->salt,
        .number = b->number,
        .durable_through = j->durable,
        .previous = j->previous,
        .length_bytes = (uint32_t)b->n,
        .records = b->records,
    };
    w->first = seg->first == 0;
    seg->first = seg->first ? seg->first : b->number;
    seg->last = b->number;
    seg->used_bytes += padded;
    j->bytes += padded;
}

static void write_run(struct belay_job *job)
{
    struct journal_write *w = BELAY_CONTAINER_OF(job, struct journal_write, job);
    struct journal *j = BELAY_CONTAINER_OF(w, struct journal, write);
    commit_seal(&w->commit, w->batch->p);
    w->status = BELAY_OK;
    if (w->first && !BELAY_PLANTED(37))
        w->status = witness_write(&j->witness, j->disk, w->segment, w->commit.number, &w->err);
    if (w->status == BELAY_OK)
        w->status = belay_file_write(w->segment->file, w->offset, w->batch->p, blocks_up(w->batch->n),
                                 BELAY_PLANTED(6) ? 0 : BELAY_WRITE_SYNC, &w->err);
}

static void write_done(struct belay_job *job)
{
    struct journal_write *w = BELAY_CONTAINER_OF(job, struct journal_write, job);
    struct journal *j = BELAY_CONTAINER_OF(w, struct journal, write);
    BELAY_ASSERT(j->writing && w->commit.number == j->durable + 1);
    j->writing = false;
    if (w->status == BELAY_OK) {
        j->durable = w->commit.number;
        j->previous = w->commit.crc;
    } else {
        journal_fail(j, w->status, &w->err);
    }
    j->committed(j->arg, w->batch);
}

void journal_submit(struct journal *j)
{
    BELAY_ASSERT(!j->writing && j->write.batch && j->failed == BELAY_OK);
    j->writing = true;
    j->write.job = (struct belay_job){ .lane = BELAY_JOB_COMMIT, .run = write_run, .done = write_done };
    belay_list_init(&j->write.job.node);
    j->jobs->submit(j->jobs->self, &j->write.job);
}
