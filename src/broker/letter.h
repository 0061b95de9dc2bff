/* letter.h - dead letters: found, read, replayed, changed, discarded; and what else went wrong with a message.
 * Uses: broker.h.  Thread: engine only. */
#ifndef BELAY_BROKER_LETTER_H
#define BELAY_BROKER_LETTER_H

#include "broker/broker.h"
#include "model/fault.h"
#include "model/message.h"

struct belay_letter_attempt {
    uint32_t attempt;
    struct belay_fault fault;
};

struct belay_letter {
    struct belay_str subscription, topic;
    uint64_t sequence;
    bool parked;                 /* its lane waits behind it */
    uint64_t held;               /* messages that wait */
    struct belay_message message;
    struct belay_str lane_key;
    belay_time first_attempt_at, created_at;
    uint32_t attempts;           /* all of them, also those the history dropped */
    const struct belay_letter_attempt *history; /* oldest first */
    uint32_t history_count;
    uint64_t fingerprint;        /* its group */
    uint32_t edits;              /* how often a person changed the message */
    struct belay_str index_key;  /* what it is found by: lane_key, else the message's key */
    struct belay_hash128 payload_hash;
    struct belay_str progress;
    struct belay_hash128 made_of;/* of progress: content of the message its run began from; zero: nobody knows */
    struct belay_hash128 definition;
};

/* Letters of sub (NULL: all) after (sub_id, sequence), in order, but for those that cannot be read. False at the end, or
 * where the arena is full. *ret_letter's memory is from arena. Start with sub id 0, sequence 0. */
bool belay_broker_letter_next(struct belay_broker *b, const struct belay_subscription *sub,
                              uint32_t *sub_id, uint64_t *sequence, struct belay_arena *arena,
                              struct belay_letter *ret_letter);
/* Letters by what they are, along an index where there is one: page by page, and each look costs little. */
struct belay_letter_filter {
    const struct belay_subscription *sub; /* NULL: all */
    uint64_t group;              /* 0: any */
    struct belay_str error;      /* pattern of belay_fault_matches over the last attempt; "" any */
    struct belay_str key;        /* of its lane, else of its message; "" any */
    belay_time since, until;     /* created in [since, until): 0, BELAY_TIME_NEVER any */
    bool last_only;              /* the history is its last attempt, and there is no progress */
};
/* The place behind the last letter looked at; begins as all zero. Means something to the same filter only. */
struct belay_letter_cursor {
    uint64_t group, sequence;
    belay_time at;
    uint32_t sub;
    bool began;
};
enum belay_letter_found { BELAY_LETTER_END, BELAY_LETTER_PASSED, BELAY_LETTER_FOUND, BELAY_LETTER_NOMEM };
/* Looks at one letter (or passes a group, or a subscription): FOUND fills *ret_letter, memory from arena; PASSED: it
 * was not wanted, go on. Order: along a group or a time by time within a flow, else by flow and sequence; several groups
 * (an error) one after the other. A letter that comes while somebody turns pages may be seen or not, none twice. */
enum belay_letter_found belay_broker_letter_find(struct belay_broker *b, const struct belay_letter_filter *filter,
                                                 struct belay_letter_cursor *cursor, struct belay_arena *arena,
                                                 struct belay_letter *ret_letter);

/* A letter that is told (subscription, topic, message, lane_key, first_attempt_at, attempts, history of 1 to
 * BELAY_LETTER_ATTEMPTS_MAX, progress, made_of, definition) is one of sub from now on: a dead one, created now, under a new sequence of
 * its topic; other subscriptions discard that message.  Who wants it once only keeps that in mind (idempotency, same commit).
 * Errors: BELAY_INVALID, BELAY_LIMIT, BELAY_CONFLICT (sub reads another topic), BELAY_BUSY, BELAY_NOSPACE, BELAY_NOMEM. */
int belay_broker_letter_import(struct belay_broker *b, struct belay_subscription *sub, const struct belay_letter *l, belay_time now,
                               uint64_t *ret_sequence, struct belay_err *err) BELAY_MUST_CHECK;
/* Is, or was, message `sequence` a letter created at that millisecond, and has not ended yet? */
bool belay_broker_letter_known(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, belay_time created_at);

/* Letters that failed alike: same flow, step, error, class, status and message but for what varies in it. */
#define BELAY_GROUP_HOURS 24
#define BELAY_GROUP_DAYS 14
struct belay_letter_group {
    uint64_t fingerprint;
    struct belay_str subscription, type, step;
    struct belay_str message;    /* without what varies */
    enum belay_class class_;
    uint32_t status;             /* of the protocol; 0 none */
    belay_time first_seen, last_seen;
    uint64_t count;              /* letters now */
    uint64_t ever;               /* that came, also again after a replay */
    uint32_t hours[BELAY_GROUP_HOURS], days[BELAY_GROUP_DAYS]; /* that came in this one, the one before ... */
};
/* Those after *fingerprint, in its order (no other); begins with 0. An empty one stays for a month. Texts from arena.
 * False at the end, or without memory. */
bool belay_broker_group_next(struct belay_broker *b, uint64_t *fingerprint, struct belay_arena *arena,
                             struct belay_letter_group *ret_group);
int belay_broker_letter_get(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                            struct belay_arena *arena, struct belay_letter *ret_letter, struct belay_err *err) BELAY_MUST_CHECK;
/* What went wrong so far with a message that waits for its retry, or is a letter: attempts, history, first_attempt_at
 * (nothing else is filled). *ret_due: when it is tried again, BELAY_TIME_NEVER for a letter. Errors: BELAY_NOTFOUND:
 * nothing did; BELAY_NOMEM. */
int belay_broker_trouble(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                         struct belay_arena *arena, struct belay_letter *ret_letter,
                         belay_time *ret_due) BELAY_MUST_CHECK;
/* Messages that wait for a retry and lie in their own row: their topic may have let go of them. After (sub_id,
 * sequence), in order; false at the end. *ret_message's memory is from arena. Start with sub id 0, sequence 0. */
bool belay_broker_waiting_next(struct belay_broker *b, uint32_t *sub_id, uint64_t *sequence, struct belay_arena *arena,
                               struct belay_message *ret_message);
/* Again, with fresh attempts, from the failed step (or from the start); keeps its place in its lane and
 * its history. Errors: BELAY_NOTFOUND, BELAY_NOSPACE. */
int belay_broker_letter_replay(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                               bool from_start, belay_time now, struct belay_err *err) BELAY_MUST_CHECK;
/* As replay from the failed step, with other progress: what a person's word made of it. Room besides what
 * belay_trail_begin makes sure of: that of progress. */
int belay_broker_letter_resume(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                               struct belay_str progress, belay_time now, struct belay_err *err) BELAY_MUST_CHECK;
/* A person changes its message (its body, its headers: the rest as it was); the one that came is kept. version: the
 * letter's `edits` that he has seen. Errors: BELAY_NOTFOUND, BELAY_CONFLICT (edited meanwhile; no letter any more),
 * BELAY_LIMIT (too large), BELAY_NOSPACE, BELAY_BUSY, BELAY_NOMEM: nothing changed. */
int belay_broker_letter_edit(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, uint32_t version,
                             const struct belay_message *m, belay_time now, struct belay_err *err) BELAY_MUST_CHECK;
/* The message as it came. Memory from arena. */
int belay_broker_letter_original(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                                 struct belay_arena *arena, struct belay_message *ret_message,
                                 struct belay_err *err) BELAY_MUST_CHECK;
/* Is its message another one than its run began from, and would its flow, going on at its failed step, never see that:
 * because it goes on with what it had made of that one? */
bool belay_broker_letter_unseen(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence);
/* Who can tell whether a run that begins with this progress goes on with what was made of the message before, whatever the
 * message says by now. Until it is set none does. */
void belay_broker_set_carries(struct belay_broker *b, bool (*carries)(struct belay_str progress));
/* A parked letter lets its lane go on and stays as a dead one. */
int belay_broker_letter_release(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                                belay_time now, struct belay_err *err) BELAY_MUST_CHECK;
/* Letters that went by themselves, as their configuration says (letter_expire.c): not told of yet. False: none.
 * Views until the next change. named: "3 letters: 4, 7, 8". */
struct belay_expired {
    struct belay_subscription *sub;
    uint32_t count;
    bool by_age;                /* else there were too many */
};
bool belay_broker_expired_news(struct belay_broker *b, struct belay_expired *ret_expired, struct belay_str *ret_named);
/* Gone, with a reason (not empty) and who said so; its lane goes on. */
int belay_broker_letter_discard(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                                struct belay_str reason, struct belay_str who, belay_time now, struct belay_err *err) BELAY_MUST_CHECK;

#endif
