/* replay_impl.h - what the files of replay jobs share.  Private to broker.  Thread: engine only.
 *
 *   replay.c        the life of a job: start, pause, resume, cancel; its row
 *   replay_take.c   a bite: which letters, decided and applied
 *   replay_check.c  J1-J4
 *
 *   REPLAY job                       the job
 *          job, ASIDE, sub,lane,seq  a letter that waits for an earlier one of its key
 *          job, BUSY, sub,lane       that earlier one, under way: its sequence
 */
#ifndef BELAY_BROKER_REPLAY_IMPL_H
#define BELAY_BROKER_REPLAY_IMPL_H

#include "broker/exception.h"
#include "broker/replay.h"
#include "base/rate.h"

enum replay_text { TEXT_FLOW, TEXT_ERROR, TEXT_KEY, TEXT_WHERE, TEXT_WHO, TEXT_COUNT };

struct replay_job {
    /* durable */
    uint32_t id;
    enum belay_replay_state state;
    bool from_start, any_order;
    uint32_t concurrency, rate, rate_seconds, under_way;
    char *texts[TEXT_COUNT];   /* belay_memdup0 */
    char changed_by[128];      /* cut there */
    belay_time created_at, changed_at;
    uint64_t group;
    belay_time since, until;
    uint64_t total, looked, taken, skipped, aside, done, failed, discarded;
    uint32_t at_sub;           /* cursor: the last letter that was looked at */
    uint64_t at_sequence;
    bool dirty;
    /* volatile */
    bool untold;               /* it has ended, and nobody was told */
    void *where;               /* compiled; NULL: not yet, or there is none */
    bool scanned;              /* nothing behind the cursor */
    bool rested;               /* nothing put aside can be taken before something under way ends */
    bool stirred;              /* something ended since the walk over what was put aside began */
    struct row_key aside_at;   /* the walk over what was put aside; n == 0: at its begin */
    struct belay_rate bucket;
    belay_time not_before;
};

/* ---- all jobs (replay.c) ---- */

int replays_load(struct belay_broker *b);
void replays_save(struct belay_broker *b, struct belay_state *state);
void replays_recovered(struct belay_broker *b);
void replays_free(struct belay_broker *b);
/* A bite of whose turn it is. */
void replays_tick(struct belay_broker *b);
belay_time replays_wake_at(const struct belay_broker *b);
/* J1-J4 (replay_check.c). */
int replays_check(struct belay_broker *b, struct belay_err *err) BELAY_MUST_CHECK;

/* ---- one ---- */

struct replay_job *replay_find(struct belay_broker *b, uint32_t id);
bool replay_is_over(const struct replay_job *j);

enum replay_row { REPLAY_ASIDE = 1, REPLAY_BUSY };
struct row_key key_replay(uint32_t job);
struct row_key key_replay_aside(uint32_t job, uint32_t sub, struct belay_hash128 lane, uint64_t sequence);
struct row_key key_replay_busy(uint32_t job, uint32_t sub, struct belay_hash128 lane);

/* The job's next bite, if it may. False: nothing happened. */
bool replay_bite(struct belay_broker *b, struct replay_job *j);
/* When the job can do something that no event tells; NEVER. */
belay_time replay_wake_at(const struct belay_broker *b, const struct replay_job *j);
/* It ends; room is made. */
int replay_end(struct belay_broker *b, struct replay_job *j, struct belay_err *err) BELAY_MUST_CHECK;
int replay_give_up(struct belay_broker *b, struct replay_job *j, struct belay_err *err) BELAY_MUST_CHECK;

enum replay_outcome { REPLAYED_DONE, REPLAYED_FAILED, REPLAYED_DISCARDED };
/* What the job took has an outcome; called by apply, for each that waits no longer. */
void replay_outcome(struct belay_broker *b, struct belay_subscription *sub, const struct exception *x,
                    enum replay_outcome outcome);

#endif
