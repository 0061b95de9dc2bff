/* A checkpoint makes the state durable as of a commit.
 *
 *   seal commit P -> save resident rows, freeze as of P -> P durable -> job: backend commit -> done
 *
 * It freezes right after a seal, or with nothing pending: then what was applied is exactly what the
 * journal has through P. */
#include "base/planted.h"
#include "base/assert.h"
#include "store/store_impl.h"

#define SAVE_BYTES BELAY_KIB(128) /* of the rooms' resident rows; more: belay_state_reserve_save */
#define SAVE_ROWS 1024
#define RETRY_MS 200 /* after a full disk said no */

uint64_t store_checkpoint_tail_bytes(const struct belay_store *s)
{
    return s->journal.bytes - s->checkpoint.bytes_done;
}

/* Half of what may gather: the other half gathers while the checkpoint is under way. */
static bool due(struct belay_store *s)
{
    /* A long journal gets shorter by a checkpoint where somebody went on meanwhile. */
    bool may_shorten = s->topics.moved && s->journal.live_bytes > s->opt.journal_bytes_max / 2
                       && store_checkpoint_tail_bytes(s) >= s->journal.segment_bytes;
    return s->checkpoint.due || may_shorten || store_checkpoint_tail_bytes(s) >= BELAY_JOURNAL_TAIL_BYTES_MAX / 2
           || belay_state_active_bytes(s->state) >= s->opt.overlay_bytes_max / 2;
}

/* Resident rows go into the state, beyond its limit where it is full: freezing is what empties it. */
static int freeze(struct belay_store *s, uint64_t position, struct belay_err *err)
{
    struct checkpoint *c = &s->checkpoint;
    uint32_t rows = topic_logs_dirty(&s->topics);
    int status = belay_state_reserve_save(s->state, SAVE_BYTES + rows * SUMMARY_STATE_BYTES,
                                          SAVE_ROWS + rows, err);
    if (status != BELAY_OK)
        return status;
    topic_logs_save(&s->topics, s->state);
    if (s->opt.save)
        s->opt.save(s->opt.arg, s->state);
    if (!belay_state_may_freeze(s->state))
        return BELAY_EMPTY;
    BELAY_ASSERT(!c->frozen && !c->running);
    c->position = position;
    c->needed = topic_logs_needed(&s->topics, s->state);
    c->bytes = s->journal.bytes;
    s->doomed_frozen = s->doomed_count;
    s->topics.moved = false;
    belay_state_freeze(s->state, position);
    c->frozen = true;
    c->due = false;
    return BELAY_OK;
}

void store_checkpoint_freeze(struct belay_store *s)
{
    struct checkpoint *c = &s->checkpoint;
    if (c->frozen || !due(s))
        return;
    int status = freeze(s, s->journal.next_number - 1, &c->err);
    if (status == BELAY_EMPTY) /* nothing changed since the last one */
        c->due = false;
}

void store_checkpoint_rest(void *store)
{
    const struct belay_store *s = store;
    if (s->checkpoint.running) /* else the engine's own thread does it, and nothing waits */
        belay_job_rest(s->jobs, &s->checkpoint.job);
}

static void run(struct belay_job *job)
{
    struct checkpoint *c = BELAY_CONTAINER_OF(job, struct checkpoint, job);
    struct belay_store *s = BELAY_CONTAINER_OF(c, struct belay_store, checkpoint);
    c->status = belay_state_checkpoint_run(s->state, &c->err);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int finish(struct belay_store *s, struct belay_err *err)
{
    struct checkpoint *c = &s->checkpoint;
    int status = belay_state_checkpoint_done(s->state, err);
    if (status != BELAY_OK)
        return status;
    c->frozen = c->committed = false;
    c->bytes_done = c->bytes;
    s->doomed_ready = s->doomed_frozen;
    if (!s->pinned || BELAY_PLANTED(39))
        journal_trim(&s->journal, least(BELAY_PLANTED(15) ? c->position + 1 : least(c->needed, c->position + 1),
                                        least(store_fetch_needed(s), store_move_needed(s))));
    return BELAY_OK;
}

/* No room, or no memory, passes: it stays frozen and is tried again. */
static void end(struct belay_store *s, int status)
{
    struct checkpoint *c = &s->checkpoint;
    if (status == BELAY_NOSPACE || status == BELAY_NOMEM)
        c->retry_at = belay_time_add_ms(s->now, RETRY_MS);
    else if (status != BELAY_OK)
        journal_fail(&s->journal, status, &c->err);
}

static void done(struct belay_job *job)
{
    struct checkpoint *c = BELAY_CONTAINER_OF(job, struct checkpoint, job);
    struct belay_store *s = BELAY_CONTAINER_OF(c, struct belay_store, checkpoint);
    BELAY_ASSERT(c->running && c->frozen && !c->committed);
    c->running = false;
    c->committed = c->status == BELAY_OK;
    end(s, c->committed ? finish(s, &c->err) : c->status);
}

void store_checkpoint_start(struct belay_store *s)
{
    struct checkpoint *c = &s->checkpoint;
    if (!c->frozen || c->running || (s->journal.durable < c->position && !BELAY_PLANTED(10)) || s->now < c->retry_at)
        return;
    if (c->committed) { /* only the end of it failed */
        end(s, finish(s, &c->err));
        return;
    }
    c->running = true;
    c->job = (struct belay_job){ .lane = BELAY_JOB_CHECKPOINT, .run = run, .done = done };
    belay_list_init(&c->job.node);
    s->jobs->submit(s->jobs->self, &c->job);
}

/* The one that waits for room, where there is one. */
static int finish_frozen(struct belay_store *s, struct belay_err *err)
{
    struct checkpoint *c = &s->checkpoint;
    int status = BELAY_OK;
    if (c->frozen && !c->committed)
        status = belay_state_checkpoint_run(s->state, err);
    return c->frozen && status == BELAY_OK ? finish(s, err) : status;
}

int store_checkpoint_now(struct belay_store *s, uint64_t position, struct belay_err *err)
{
    int status = finish_frozen(s, err);
    if (status == BELAY_OK)
        status = freeze(s, position, err);
    return status == BELAY_OK ? finish_frozen(s, err) : status;
}

void belay_store_checkpoint_soon(struct belay_store *s)
{
    s->checkpoint.due = true;
}

bool belay_store_checkpointed(const struct belay_store *s, uint64_t position)
{
    return belay_state_position(s->state) >= position || (!s->checkpoint.due && !s->checkpoint.frozen);
}

int belay_store_checkpoint(struct belay_store *s, struct belay_err *err)
{
    uint64_t last = s->journal.next_number - 1;
    BELAY_ASSERT(belay_store_idle(s));
    int status = belay_store_failed(s, err);
    if (status != BELAY_OK)
        return status;
    if ((s->pending && s->pending->records > 0) || s->journal.durable < last)
        return belay_fail(err, BELAY_BUSY, "not everything is durable");
    status = finish_frozen(s, err);
    if (status == BELAY_OK && belay_state_position(s->state) < last)
        status = store_checkpoint_now(s, last, err);
    return status == BELAY_EMPTY ? BELAY_OK : status; /* no row changed since the last one */
}
