/* trail.h - what persons did: who, when, what, to which letter, lane, saga or job, and why.
 *
 * An entry is a record of its own in the commit of what was done, and rows that outlive the thing it is about
 * (docs/format/broker-records.md, table TRAIL):
 *
 *   1 number               the entry
 *   2 subject's hash, number   leads there from what it is about
 *   0                      the numbers kept: [first, next)
 *
 * Bounded: BELAY_TRAIL_ENTRIES_MAX entries, of BELAY_TRAIL_KEEP_MS at most; beyond that the oldest go, a few with each
 * new one and, where nobody does anything, a few a tick.  An action on many things at once is one entry for each bite
 * of them, about their flow (id ""), with the count in its detail.
 *
 * Uses: store.  Thread: engine only.
 * Invariants (belay_broker_check): each kept number has its entry and each entry its row by subject; nothing else is there.
 */
#ifndef BELAY_BROKER_TRAIL_H
#define BELAY_BROKER_TRAIL_H

#include "broker/broker.h"

/* On the disk: a kind keeps its number. */
enum belay_trail_kind {
    BELAY_TRAIL_LETTER = 1, /* owner: its flow; id: its sequence */
    BELAY_TRAIL_LANE,       /* owner: its flow; id: its key */
    BELAY_TRAIL_SAGA,       /* owner: the saga; id: the instance's */
    BELAY_TRAIL_JOB,        /* owner: what it does, "replay"; id: its number */
    BELAY_TRAIL_FLOW,       /* owner: the flow; id "" */
    BELAY_TRAIL_SILENCE,    /* owner: what is silent, "RULE SUBJECT"; id: its number */
    BELAY_TRAIL_MESSAGES,   /* that somebody saw whole. owner: their topic, or "letters", "trace"; id: what was traced */
    BELAY_TRAIL_KINDS
};
/* "letter", "lane" ... static. */
const char *belay_trail_kind_name(enum belay_trail_kind kind);

struct belay_trail_entry {
    uint64_t number;      /* what add gave it */
    belay_time at;        /* when it was added */
    enum belay_trail_kind kind;
    struct belay_str owner, id;
    struct belay_str who; /* not empty */
    struct belay_str verb; /* "discard", "replay" ...; not empty */
    struct belay_str reason, detail; /* may be empty */
};

/* Room for the entry and for what it tells of, so that both happen or neither: the broker's own records of about
 * `bytes` in `records` (0, 0: one of the calls on one message or letter).  After it and until the next flush
 * they and belay_trail_add do not fail for lack of room.
 * Errors: BELAY_LIMIT (a text is too long), BELAY_NOSPACE, BELAY_BUSY, BELAY_NOMEM. */
int belay_trail_begin(struct belay_broker *b, const struct belay_trail_entry *entry, size_t bytes, uint32_t records,
                      struct belay_err *err) BELAY_MUST_CHECK;
/* Adds it; durable with the commit of this step. Without a begin before it may fail for lack of room.
 * Errors: as begin. */
int belay_trail_add(struct belay_broker *b, const struct belay_trail_entry *entry, belay_time now,
                    struct belay_err *err) BELAY_MUST_CHECK;

/* The numbers that are kept: [*ret_first, *ret_next). */
void belay_trail_range(struct belay_broker *b, uint64_t *ret_first, uint64_t *ret_next);
/* Texts from arena. False: not kept (any more), or no memory. */
bool belay_trail_get(struct belay_broker *b, uint64_t number, struct belay_arena *arena,
                     struct belay_trail_entry *ret_entry);
/* The next entry after *number about one thing, in order; *number begins with 0. False: none. */
bool belay_trail_about(struct belay_broker *b, enum belay_trail_kind kind, struct belay_str owner, struct belay_str id,
                       uint64_t *number, struct belay_arena *arena, struct belay_trail_entry *ret_entry);

/* ---- private to broker ---- */

/* Errors: BELAY_VERSION, BELAY_CORRUPT. */
int trail_load(struct belay_broker *b) BELAY_MUST_CHECK;
/* Entries that are old, or too many, go, a bite. */
void trail_tick(struct belay_broker *b);
/* Every entry of the range is there, and found by what it is about. */
int trail_check(struct belay_broker *b, struct belay_err *err) BELAY_MUST_CHECK;

#endif
