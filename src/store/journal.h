/* journal.h - the log of commits: append a batch atomically, read it again from a position, trim
 * what lies before one.  Here it is segment files.
 *
 *   ready (empty, header written) --> live: oldest ... active <-- commits
 *     ^                                |
 *     `-- prepare job <-- idle <-------'  trim
 *
 * One commit is in flight at most.  A write that failed is final (platform/disk.h D5): the journal
 * stays failed.  Space is there before it is asked for: segments are prepared ahead by a background
 * job; where no more can be had, the last reserve_bytes are for those who drain the store.
 *
 * Uses: base, platform/disk.h, store/jobs.h, segment.h, batch.h.  Thread: engine; jobs carry the
 * blocking work.
 * Invariants: numbers of commits have no gap; only the last live segment is written;
 * durable < next_number. */
#ifndef BELAY_STORE_JOURNAL_H
#define BELAY_STORE_JOURNAL_H

#include "base/random.h"
#include "store/batch.h"
#include "store/jobs.h"
#include "store/segment.h"
#include "store/witness.h"

struct journal_write {
    struct belay_job job;
    struct batch *batch;
    struct segment *segment;
    struct commit commit;
    uint64_t offset;
    bool first; /* of its segment: the witness comes before it */
    int status;
    struct belay_err err;
};

struct journal_prepare {
    struct belay_job job;
    struct segment *segment; /* to be used again; NULL: a new file is made */
    bool recycled;
    uint32_t id;
    uint64_t size_bytes, keep_bytes;
    uint64_t incarnation, salt;
    uint64_t disk_free_bytes; /* found */
    int status;
    struct belay_err err;
};

struct journal {
    struct belay_disk *disk;
    const struct belay_jobs *jobs;
    uint64_t segment_bytes;
    uint64_t reserve_bytes; /* of space, for what drains */
    uint64_t limit_bytes;   /* all segment files together; UINT64_MAX: none */
    struct belay_random random;

    struct belay_list live, ready, idle; /* of struct segment */
    uint64_t live_bytes, ready_bytes, idle_bytes; /* sizes of the files */
    uint64_t incarnation_next;
    uint32_t id_next;

    uint64_t next_number, durable;
    uint32_t previous; /* header CRC of the last commit */
    uint64_t bytes;    /* written since open, padded */

    bool unwitnessed;       /* recovery: there were commits, and no witness of the newest segment */
    struct witness witness; /* of whoever writes: recovery, then the commit job */
    bool writing, preparing;
    struct journal_write write;
    struct journal_prepare prepare;
    uint64_t trimmed;    /* recovery: what lies below was given up already, as the checkpoint tells */
    uint64_t want_bytes; /* a segment of this size is needed; 0: the usual */
    bool is_short;       /* the last try to get space failed */
    belay_time retry_at;
    uint64_t disk_free_bytes;

    int failed; /* BELAY_OK, or why nothing more becomes durable */
    struct belay_err failure;

    /* A commit ended (well or not), on the engine thread. */
    void (*committed)(void *arg, struct batch *batch);
    void *arg;
};

struct journal_opt {
    struct belay_disk *disk;
    const struct belay_jobs *jobs;
    uint64_t segment_bytes, limit_bytes;
    uint64_t seed;
    void (*committed)(void *arg, struct batch *batch);
    void *arg;
};

void journal_init(struct journal *j, const struct journal_opt *opt);
/* Nothing in flight. */
void journal_deinit(struct journal *j);

/* Called for every commit after the checkpoint, in order. p: its bytes, for the call only. */
typedef int journal_visit(void *arg, const struct commit *c, const uint8_t *p, uint64_t where,
                          struct belay_err *err);
/* Opens or creates the journal: finds the end, visits what lies behind `checkpoint`, writes the last
 * commit, of which nobody knows whether it is durable, into a segment with a new salt and syncs it.
 * Blocking. Errors: belay_store_open's. */
int journal_recover(struct journal *j, uint64_t checkpoint, journal_visit *visit, void *arg,
                    struct belay_err *err) BELAY_MUST_CHECK;

/* Reads the journal without changing it: visits every commit there is where `whole`, else those behind the
 * checkpoint. Errors: as above. */
int journal_look(struct journal *j, uint64_t checkpoint, bool whole, journal_visit *visit, void *arg,
                 struct belay_err *err) BELAY_MUST_CHECK;

/* Whether a commit of n bytes (header included) can be written, leaving `keep` bytes. Errors:
 * BELAY_BUSY (a segment is being prepared), BELAY_NOSPACE. */
int journal_room(struct journal *j, size_t n, uint64_t keep, struct belay_err *err) BELAY_MUST_CHECK;
/* There was room and none is in flight. Numbers the batch and finds its place: afterwards
 * write.commit, write.offset and write.segment are set. */
void journal_seal(struct journal *j, struct batch *b);
/* Starts to write the batch that was sealed. */
void journal_submit(struct journal *j);
/* Segments of commits below `needed` may be used again. */
void journal_trim(struct journal *j, uint64_t needed);
/* Starts to prepare a segment, where one is due. False: none is. */
bool journal_prepare_start(struct journal *j, belay_time now);
/* A live segment; NULL where its file is none. */
struct segment *journal_segment(const struct journal *j, uint32_t id);

/* Of all segment files, also the one that is being made. */
uint64_t journal_files_bytes(const struct journal *j);

/* For recovery and the prepare job. */
struct segment *journal_active(const struct journal *j);
int journal_fail(struct journal *j, int status, const struct belay_err *err);

#endif
