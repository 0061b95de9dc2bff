/* store_impl.h - the parts of a store, for the files of this room.
 *
 *   write.c       reserve, append, flush: the pending batch
 *   tail.c        what stays in memory behind it
 *   fetch.c       what does not
 *   checkpoint.c  freeze, commit of the state, trim
 *   move.c        from the oldest segment into the archive
 *   upkeep.c      rows and files that nobody needs
 *   seek.c        from a time to a sequence
 *   store.c       open, close, look */
#ifndef BELAY_STORE_IMPL_H
#define BELAY_STORE_IMPL_H

#include "store/archive.h"
#include "store/journal.h"
#include "store/topic_log.h"
#include "store/window.h"

/* Overlay memory for what the store itself puts there. */
#define EXTENT_STATE_BYTES (TOPIC_KEY_BYTES + EXTENT_ROW_BYTES)
#define SUMMARY_STATE_BYTES (TOPIC_KEY_BYTES + SUMMARY_ROW_BYTES)

#define SEGMENT_BYTES_MIN BELAY_KIB(64)

struct reservation { /* what is left of it */
    size_t bytes;
    uint32_t records;
};

struct checkpoint {
    struct belay_job job;
    bool frozen, running, committed;
    bool due;                  /* something waits for the next one */
    uint64_t position;         /* frozen as of */
    uint64_t needed;           /* lowest commit that somebody needs, as of then */
    uint64_t bytes;            /* of the journal, as of then */
    uint64_t bytes_done;       /* as of the last one that ended */
    belay_time retry_at;
    int status;
    struct belay_err err;
};

struct moved { /* an archive file that was written and has no row yet */
    uint32_t topic;
    struct archived archived;
};

struct move {
    struct belay_job job;
    bool running, recording;
    struct segment *segment;
    uint64_t *from; /* by topic: first sequence to move; 0: none */
    uint32_t topic_count;
    struct moved *moved;
    uint32_t moved_count, moved_at;
    uint64_t last;    /* commit of the segment */
    uint64_t through; /* segments up to this commit hold nothing that is still to be moved */
    belay_time retry_at;
    int status;
    struct belay_err err;
};

struct doomed { /* an archive file without a row */
    uint32_t topic;
    uint64_t last;
};

#define SWEEP_FILES 32

struct sweep {
    struct belay_job job;
    bool running;
    struct doomed files[SWEEP_FILES];
    uint32_t count;          /* of them; they are the first of the doomed */
    struct segment *segment; /* to be given up; NULL: none */
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
    struct window fetch_window; /* both of the fetch lane */
    struct archive_reader fetch_archive;

    struct checkpoint checkpoint;
    struct move move;
    struct sweep sweep;
    bool pinned; /* by a backup: nothing is given up */
    /* Oldest first. Of the first doomed_ready a checkpoint has forgotten the rows; of the first
     * doomed_frozen the one under way does. */
    struct doomed *doomed;
    uint32_t doomed_count, doomed_cap, doomed_frozen, doomed_ready;
    uint64_t archive_files, archive_bytes;
    belay_time now, commit_began;
    uint32_t commit_us_last;
    uint64_t commits, records, messages;
};

/* write.c */
void store_committed(void *store, struct batch *batch);

/* tail.c */
/* The batch that was written stays in memory as long as there is room. */
void store_tail_keep(struct belay_store *s, struct batch *b);
void store_tail_free(struct belay_store *s);

/* fetch.c */
struct planned { /* a commit to be read */
    struct extent extent;
    struct segment *segment;
    bool cached;  /* look into the page cache first */
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
bool store_fetch_reads_archive(const struct belay_store *s);

/* checkpoint.c */
/* Everything applied is sealed: freezes where that is due. */
void store_checkpoint_freeze(struct belay_store *s);
/* Starts the job once the journal is durable through the frozen position. */
void store_checkpoint_start(struct belay_store *s);
/* Blocking, for recovery: freezes as of position and commits. Errors: the backend's; BELAY_NOSPACE: it stays frozen, and
 * is tried again, here or in life. */
int store_checkpoint_now(struct belay_store *s, uint64_t position, struct belay_err *err) BELAY_MUST_CHECK;
/* Of the state, while its job runs. */
void store_checkpoint_rest(void *store);
/* Journal behind the last checkpoint. */
uint64_t store_checkpoint_tail_bytes(const struct belay_store *s);

/* move.c */
/* Starts to archive a segment where the journal is too long. */
void store_move_start(struct belay_store *s);
/* Appends the records of a move that ended. Before a seal. */
void store_move_record(struct belay_store *s);
int store_apply_archived(struct belay_store *s, struct belay_str body, struct belay_err *err) BELAY_MUST_CHECK;
/* Lowest commit that a move under way reads; UINT64_MAX: none. */
uint64_t store_move_needed(const struct belay_store *s);
/* At most so many will a move have written that is not in archive_bytes yet. */
uint64_t store_move_bytes(const struct belay_store *s);

/* upkeep.c */
/* Deletes some rows that nobody needs. */
void store_collect(struct belay_store *s);
/* Starts to delete files that nobody needs. */
void store_sweep_start(struct belay_store *s);
/* Counts the archive files that have a row, deletes the others. Blocking. */
int store_adopt_archives(struct belay_store *s, struct belay_err *err) BELAY_MUST_CHECK;

/* store.c: with the state of a checkpoint: segments of commits below may have been given up. */
uint64_t store_trimmed(struct topic_logs *topics, struct belay_state *state);

#endif
