/* replay.h - a replay of many letters: a durable job that takes them one after the other, in bites.
 * Uses: broker.  Thread: engine only.
 *
 *              .--pause--.
 *   start -> RUNNING   PAUSED     what it has taken goes on in every state: it is no letter any more
 *              |  '--resume-'|
 *              |  '--cancel--+--> CANCELLED
 *              `--at the end, nothing under way--> DONE
 *
 * A job walks the letters in the order of subscription and sequence, once.  Each that was a letter when the job began
 * is looked at: taken (replayed), skipped (the filter does not want it), or put aside, because an earlier letter of
 * its key is under way for this job: in key order one letter of a key goes after the other, whatever happens to it.
 * What was put aside is taken later, or skipped where somebody else had it meanwhile.  A letter that fails again keeps
 * its history and its place in its lane, and is behind the job's cursor.  So the order of keys holds, none is taken
 * twice, and two jobs, or a job and a person, never have the same letter: what is replayed is no letter.
 *
 * At most `concurrency` are under way at once, whether they are in flight or wait for a retry; `rate` is a bucket in
 * memory that is full after a restart (a hundredth of a second's worth).
 *
 * Invariants, checked by belay_broker_check:
 *   J1 looked == taken + skipped + aside, and taken == done + failed + discarded + under way.
 *   J2 the messages that wait and say that they were taken by the job are those under way; at most `concurrency`.
 *   J3 each of them was a letter before the job began; none of them waits in front of the job's cursor.
 *   J4 in key order: at most one of a key is under way, and what is put aside of that key comes after it.
 *   J5 what has another message than its run began from is taken only where its flow sees that: from the start, or where
 *      the flow had made nothing of a message yet.  (Else it is skipped, and stays a letter.)
 */
#ifndef BELAY_BROKER_REPLAY_H
#define BELAY_BROKER_REPLAY_H

#include "broker/broker.h"
#include "broker/letter.h"

enum belay_replay_state { BELAY_REPLAY_RUNNING = 1, BELAY_REPLAY_PAUSED, BELAY_REPLAY_DONE, BELAY_REPLAY_CANCELLED };
const char *belay_replay_state_name(enum belay_replay_state state);

/* Which letters, and how. Texts that are empty want all. */
struct belay_replay_opt {
    struct belay_str flow;       /* its subscription */
    struct belay_str error;      /* pattern of the last attempt's error (belay_fault_matches) */
    struct belay_str key;        /* of its lane, else of its message */
    struct belay_str where;      /* an expression, which belay_replay_set_where evaluates */
    struct belay_str who;
    uint64_t group;              /* 0: any */
    belay_time since, until;     /* became a letter in [since, until); 0: any, both */
    bool from_start;
    bool any_order;              /* else in key order */
    uint32_t concurrency;        /* 0: BELAY_REPLAY_CONCURRENCY_DEFAULT */
    uint32_t rate, rate_seconds; /* so many in so many seconds; rate 0: as they come */
};

struct belay_replay {
    uint32_t id;
    enum belay_replay_state state;
    struct belay_replay_opt opt; /* views, until the next change of the broker */
    struct belay_str changed_by; /* who paused, resumed or cancelled it last; empty */
    belay_time created_at, changed_at;
    uint64_t total;              /* letters there were where it looks, when it began */
    uint64_t looked, taken, skipped, aside;
    uint64_t done, failed, discarded; /* of the taken; failed: letters again */
    uint32_t under_way;
};

/* How a job's `where` is told; before the first job that has one. A letter of which it cannot be told is not wanted. */
struct belay_replay_where {
    /* Errors: BELAY_SYNTAX and others, which end a job; BELAY_NOMEM. */
    int (*compile)(void *arg, struct belay_str source, void **ret_where, struct belay_err *err);
    /* *ret_costly: it took all the steps an expression may; then a bite ends with this letter. */
    bool (*wants)(void *arg, void *where, const struct belay_letter *letter, belay_time now, struct belay_arena *arena,
                  bool *ret_costly);
    void (*release)(void *arg, void *where);
    void *arg;
};
void belay_replay_set_where(struct belay_broker *b, const struct belay_replay_where *where);

/* Errors: BELAY_NOTFOUND (no such flow), BELAY_INVALID (concurrency, rate, a text that is too long), BELAY_LIMIT
 * (BELAY_REPLAYS_MAX have not ended), of `where`'s compile, BELAY_NOSPACE, BELAY_BUSY, BELAY_NOMEM. */
int belay_replay_start(struct belay_broker *b, const struct belay_replay_opt *opt, belay_time now, uint32_t *ret_id,
                       struct belay_err *err) BELAY_MUST_CHECK;
/* Errors: BELAY_NOTFOUND, BELAY_CONFLICT (it has ended, or is so already), BELAY_NOSPACE, BELAY_BUSY. */
int belay_replay_pause(struct belay_broker *b, uint32_t id, struct belay_str who, belay_time now,
                       struct belay_err *err) BELAY_MUST_CHECK;
int belay_replay_resume(struct belay_broker *b, uint32_t id, struct belay_str who, belay_time now,
                        struct belay_err *err) BELAY_MUST_CHECK;
int belay_replay_cancel(struct belay_broker *b, uint32_t id, struct belay_str who, belay_time now,
                        struct belay_err *err) BELAY_MUST_CHECK;
/* Errors: BELAY_NOTFOUND. */
int belay_replay_get(struct belay_broker *b, uint32_t id, struct belay_replay *ret_replay,
                     struct belay_err *err) BELAY_MUST_CHECK;
/* Oldest first, by index from 0; those that have ended are kept for a while. False at the end. */
bool belay_replay_at(struct belay_broker *b, uint32_t index, struct belay_replay *ret_replay);
/* A job that ended in this process and was not told of yet. False: none. */
bool belay_replay_news(struct belay_broker *b, struct belay_replay *ret_replay);
/* No job takes a letter from now on, until the process ends (shutdown). */
void belay_replay_stop(struct belay_broker *b);

#endif
