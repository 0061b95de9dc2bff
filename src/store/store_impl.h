/* store_impl.h - the parts of a store, for the files of this room.
 *
 *   write.c       reserve, append, flush: the pending batch
 *   tail.c        what stays in memory behind it
 *   fetch.c       what does not
 *   checkpoint.c  freeze, commit of the state, trim
 *   upkeep.c      rows and files that nobody needs, the move to the archive
 *   store.c       open, close, look */
#ifndef BELAY_STORE_IMPL_H
#define BELAY_STORE_IMPL_H

#include "store/journal.h"
#include "store/topic_log.h"
#include "store/window.h"

/* Overlay memory for what the store itself puts there. */
#define EXTENT_STATE_BYTES (TOPIC_KEY_BYTES + EXTENT_ROW_BYTES)
#define SUMMARY_STATE_BYTES (TOPIC_KEY_BYTES + SUMMARY_ROW_BYTES)

#define ARCHIVE_DIR "archive"
#define SEGMENT_BYTES_MIN BELAY_KIB(64)

struct reservation { /* what is left of it */
    size_t bytes;
    uint32_t records;
};

struct checkpoint {
    struct belay_job job;
    bool frozen, running, due; /* due: something waits for the next one */
    uint64_t position;         /* frozen as of */
    uint64_t needed;           /* lowest commit that somebody needs, as of then */
    uint64_t bytes;            /* of the journal, as of then */
    uint64_t bytes_done;       /* as of the last one that ended */
    belay_time retry_at;
    int status;
    struct belay_err err;
};

struct belay_store {
    struct belay_store_opt opt;
    const struct belay_jobs *jobs;
    struct journal journal;
    struct belay_state *state;
    struct topic_logs topics;

    struct batch *pending;
    struct batch *spare;      /* to be the next pending one; NULL: a new one is made */
    struct belay_list tail;   /* of batches in memory, oldest first */
    size_t tail_bytes, tail_bytes_max;
    size_t soft_bytes;        /* a commit that holds so much takes no more */
    struct reservation reserved;
    struct reservation promised; /* stays aside until it is redeemed */

    struct belay_list fetches; /* struct fetch_plan: waiting for a commit, or under way */
    struct window fetch_window; /* of the fetch lane */

    struct checkpoint checkpoint;
    belay_time now, commit_began;
    uint32_t commit_us_last;
    uint64_t commits, records, messages;
};

/* write.c */
void store_committed(void *store, struct batch *batch);
int store_new_pending(struct belay_store *s, struct belay_err *err) BELAY_MUST_CHECK;

/* tail.c */
/* The batch that was written stays in memory as long as there is room. */
void store_tail_keep(struct belay_store *s, struct batch *b);
void store_tail_free(struct belay_store *s);

/* fetch.c */
struct planned { /* a commit to be read */
    struct extent extent;
    struct belay_file *file;
    uint64_t end; /* nothing from there on is read: it may be written meanwhile */
};
/* False where its segment is gone. The extent is durable. */
bool store_plan_extent(const struct belay_store *s, const struct extent *e, struct planned *ret_planned);
/* The commit, verified; any thread, one a window. The view lives until the window's next use.
 * Errors: BELAY_IO, BELAY_CORRUPT, BELAY_NOMEM. */
int store_read_commit(struct window *w, const struct planned *at, const uint8_t **ret_p,
                      struct belay_err *err) BELAY_MUST_CHECK;
/* A commit became durable, or the journal failed: what waited for it goes on. */
void store_fetch_wake(struct belay_store *s);
/* Lowest commit that a fetch under way reads; UINT64_MAX: none. */
uint64_t store_fetch_needed(const struct belay_store *s);

/* checkpoint.c */
/* Everything applied is sealed: freezes where that is due. */
void store_checkpoint_freeze(struct belay_store *s);
/* Starts the job once the journal is durable through the frozen position. */
void store_checkpoint_start(struct belay_store *s);
/* Blocking, for recovery: freezes as of position and commits. Errors: the backend's. */
int store_checkpoint_now(struct belay_store *s, uint64_t position, struct belay_err *err) BELAY_MUST_CHECK;
/* Journal behind the last checkpoint. */
uint64_t store_checkpoint_tail_bytes(const struct belay_store *s);

/* Applies a record of the store itself (recovery; append does so at once). */
int store_apply_own(struct belay_store *s, struct batch *scratch, const struct belay_record *record,
              struct belay_err *err) BELAY_MUST_CHECK;

#endif
