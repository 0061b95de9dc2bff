/* broker.h - topics, subscriptions, lanes, retries, dead letters, schedule, idempotency: one shard.
 * Sans-I/O: every call is decide -> append record(s) to the store -> apply; apply alone changes state.
 * Time comes in as `now` (engine time, monotone).  Uses: store, policy, model.  Thread: engine only.
 *
 * A message of a subscription is in exactly one state (G4):
 *
 *   queued --next--> in flight --ack-----> done
 *     |                |  |  `--discard--> discarded (reason)
 *     | lane in        |  |
 *     | trouble        |  `--retry--> waiting --due--> in flight
 *     v                `--letter(park)--> parked --replay--> waiting; --skip/discard--> dead/discarded
 *   held --lane free--> waiting (due now)   `--letter(skip)--> dead --replay--> waiting
 *
 * Cursor + exceptions.  Of a subscription `cursor` is the lowest sequence that is neither finished nor
 * an exception; `covered` holds the ranges above it that are done or exceptions; `started` those of which
 * an attempt is, or was, under way.  Only exceptions (waiting, held, parked, dead) have rows of their own.
 *   EXCEPTION sub,seq      state, attempts, due, lane, progress, definition, history; a small message itself
 *   DUE       sub,due,seq  kept until the outcome; in flight is known in memory only
 *   LANE      sub,lane     head sequence, held count, key text, who parked it by hand; says nothing once its head is
 *                          gone, it holds none, and nobody parked it
 *   HELD      sub,lane,first  delta-coded run of held sequences
 *   LETTER    sub,seq      the message itself, history, fingerprint, payload hash; rows of an index lead to it
 *   GROUP     fingerprint  of letters that failed alike
 *
 * Invariants, checked by belay_broker_check after every step of the simulation:
 *   I1 cursor <= every unfinished sequence; ranges are disjoint, sorted, above the cursor.
 *   I2 a lane in trouble has exactly one head (an EXCEPTION row) and its held sequences are above it.
 *   I3 no two messages of one lane are in flight at once; order within a lane is that of sequence
 *      until a message leaves by skip, discard or an unparked letter.
 *   I4 counters of the states add up to what the topic gave to the subscription.
 *   I5 every waiting exception has exactly one DUE entry.
 *   I7 each letter is found by each of its indexes, its group counts it, and no group counts anything else.
 *   I9 as many letters expired as the trail names (as long as it has lost no entry).
 *   I8 of a lane parked by hand nothing is ready, waiting or due; what was in flight may end.
 *   I6 memory: in flight + read ahead is bounded per subscription, whatever the backlog.
 */
#ifndef BELAY_BROKER_BROKER_H
#define BELAY_BROKER_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/list.h"
#include "model/definition.h"
#include "model/fault.h"
#include "model/message.h"
#include "store/store.h"

struct belay_broker;
struct belay_subscription;
struct belay_delivery;

/* Borrows store. Errors: BELAY_NOMEM. */
int belay_broker_new(struct belay_store *store, struct belay_broker **ret_broker, struct belay_err *err) BELAY_MUST_CHECK;
void belay_broker_free(struct belay_broker *b);
/* The store is opened after the broker's callbacks are known: sets it. */
void belay_broker_set_store(struct belay_broker *b, struct belay_store *store);

/* For the store's load, apply, save (engine dispatches by record room BELAY_RECORD_BROKER). */
int belay_broker_load(struct belay_broker *b, struct belay_state *state, struct belay_err *err) BELAY_MUST_CHECK;
int belay_broker_apply(struct belay_broker *b, uint64_t position, const struct belay_record *record,
                       struct belay_err *err) BELAY_MUST_CHECK;
void belay_broker_save(struct belay_broker *b, struct belay_state *state);
/* After recovery, before the first step: tells the store the lows, forgets what was in flight: it will
 * be delivered again, `interrupted` where its attempt had been recorded. */
void belay_broker_recovered(struct belay_broker *b, belay_time now);

/* ---- topics and subscriptions ---- */

/* Creates the topic (a record) or updates its retention and its limits (those are not durable). Errors: BELAY_NOSPACE, BELAY_LIMIT,
 * BELAY_CONFLICT (a queue became a topic or the reverse). */
int belay_broker_declare_topic(struct belay_broker *b, const struct belay_topic_def *def, struct belay_err *err) BELAY_MUST_CHECK;

/* When its letters go by themselves; 0, 0: never. */
struct belay_letters_opt {
    uint64_t expire_ms;         /* a letter for longer than this */
    uint64_t count_max;         /* the oldest of more than these */
    struct belay_str reason;    /* why nobody needs them then; at most BELAY_LANE_REASON_BYTES_MAX bytes are kept */
};

struct belay_subscription_opt {
    struct belay_str name;      /* of its flow or saga */
    struct belay_str topic;
    enum belay_start start;     /* UNSAID is an error where the topic has messages already */
    belay_time start_time;
    uint32_t concurrency;       /* lanes at work at once; UINT32_MAX: as many as come (saga starts) */
    uint32_t prefetch;          /* messages in memory at most; 0: BELAY_LANE_READ_AHEAD_MAX */
    enum belay_exhausted on_exhausted;
    struct belay_letters_opt letters;
    bool ordered;               /* false: lanes are ignored, every message is alone */
    /* Lane key of a message, fixed when it is first read. NULL: the message's key. Text from arena.
     * An error makes the message a letter at once (fault set). */
    int (*lane_key)(void *arg, const struct belay_message *m, struct belay_arena *arena,
                    struct belay_str *ret_key, struct belay_fault *ret_fault);
    void *arg;
};
/* Creates (a record) or takes up a durable subscription with its run-time options. Errors:
 * BELAY_NOTFOUND (topic), BELAY_INVALID (no start on a topic with messages: msg says what to write),
 * BELAY_CONFLICT (a queue has one subscription; the name subscribes another topic), BELAY_NOSPACE. */
int belay_broker_subscribe(struct belay_broker *b, const struct belay_subscription_opt *opt,
                           struct belay_subscription **ret_sub, struct belay_err *err) BELAY_MUST_CHECK;
/* Stops delivering (flow removed, stopped, by hand); durable by `reason` when not empty. */
int belay_broker_pause(struct belay_broker *b, struct belay_subscription *sub, struct belay_str reason, struct belay_err *err) BELAY_MUST_CHECK;
int belay_broker_resume(struct belay_broker *b, struct belay_subscription *sub, struct belay_err *err) BELAY_MUST_CHECK;
struct belay_subscription *belay_broker_find(struct belay_broker *b, struct belay_str name);
struct belay_subscription *belay_broker_find_id(struct belay_broker *b, uint32_t id);
/* What it should read is damaged or missing: nothing is delivered until it is resumed (and reads it again) or sought
 * past that. "": it is not so. *ret_news: it is so since the last call. */
struct belay_str belay_subscription_stopped_by(struct belay_subscription *sub, bool *ret_news);
struct belay_str belay_subscription_name(const struct belay_subscription *sub);
struct belay_str belay_subscription_topic(const struct belay_subscription *sub);
uint32_t belay_subscription_id(const struct belay_subscription *sub);
/* To a sequence. Forward discards what is skipped (reason); back requeues only what is done. */
int belay_broker_seek(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                      struct belay_str reason, belay_time now, struct belay_err *err) BELAY_MUST_CHECK;

/* ---- publishing ---- */

/* Appends to a topic or queue. m->accepted_at is set to now. *ret_sequence may be NULL.
 * Errors: BELAY_NOTFOUND, BELAY_LIMIT (too large), BELAY_NOSPACE (disk, or the topic's retain_bytes is
 * full of unfinished messages), BELAY_BUSY. */
int belay_broker_publish(struct belay_broker *b, struct belay_str topic, const struct belay_message *m,
                         belay_time now, uint64_t *ret_sequence, struct belay_err *err) BELAY_MUST_CHECK;
/* Appears in the topic at `due`. *ret_number names it for cancel. */
int belay_broker_schedule(struct belay_broker *b, struct belay_str topic, const struct belay_message *m,
                          belay_time due, uint64_t *ret_number, struct belay_err *err) BELAY_MUST_CHECK;
/* True when it still waited (compensation of a delayed publish). */
bool belay_broker_schedule_cancel(struct belay_broker *b, belay_time due, uint64_t number);
/* Room for changes that belong together: publications and other records of `bytes` in `records`, and the
 * outcome of d (NULL: none; letter: it may be one). After it, until the flush, publish, schedule,
 * idempotency calls within those bytes and the outcome do not fail for lack of room. Errors: BELAY_NOSPACE,
 * BELAY_BUSY, BELAY_NOMEM. */
int belay_broker_begin(struct belay_broker *b, size_t bytes, uint32_t records, struct belay_delivery *d,
                       bool letter, struct belay_err *err) BELAY_MUST_CHECK;
/* Room for d's failure (letter: it may become one, else it is tried again), and for `bytes` in `records` counted beside
 * it; until the flush, in the place of what belay_broker_begin granted. Errors: BELAY_NOSPACE, BELAY_BUSY, BELAY_NOMEM. */
int belay_broker_may_fail(struct belay_broker *b, struct belay_delivery *d, bool letter, size_t bytes, uint32_t records,
                          struct belay_err *err) BELAY_MUST_CHECK;
/* Would a producer be refused now? (admission at the edge: BELAY_NOSPACE, BELAY_BUSY) */
int belay_broker_admit(struct belay_broker *b, size_t bytes, struct belay_err *err) BELAY_MUST_CHECK;
/* Would a publish of so many bytes in all to the topic be refused for the topic's sake? BELAY_NOTFOUND,
 * BELAY_NOSPACE (retain_bytes); what is finished makes way. */
int belay_broker_topic_room(struct belay_broker *b, struct belay_str topic, size_t bytes, struct belay_err *err) BELAY_MUST_CHECK;

enum belay_topic_bound { BELAY_BOUND_NONE, BELAY_BOUND_MESSAGES, BELAY_BOUND_BYTES, BELAY_BOUND_AGE };
const char *belay_topic_bound_name(enum belay_topic_bound bound);
struct belay_topic_full {
    enum belay_topic_bound bound;
    bool rejects;                 /* on_full: its producers are told; else they wait */
    uint64_t length;              /* messages that count: not those that wait for a person */
    uint32_t retry_after_ms;      /* when a part of it will be free, at the speed at which it empties */
};
/* Has the topic as much as its limits allow, with a message of so many bytes? False also where there is no such
 * topic. The broker itself never refuses for that: who publishes asks first (a delayed message when it is
 * scheduled, not when it appears). */
bool belay_broker_topic_full(struct belay_broker *b, struct belay_str topic, size_t bytes, belay_time now,
                             struct belay_topic_full *ret_full);

/* ---- delivering ---- */

struct belay_delivery {
    struct belay_subscription *sub;
    uint64_t sequence;
    uint32_t attempt;               /* this one's number, from 1; a crash uses up none */
    uint32_t deaths;                /* of processes in which it ran alone */
    bool interrupted;               /* it was recorded as started before, its outcome never */
    bool replayed;                  /* it was a letter, and somebody wants it handled again */
    belay_time first_attempt_at;    /* of attempt 1; now for the first */
    struct belay_message message;   /* views valid until the delivery ends */
    struct belay_str lane_key;      /* "" alone */
    struct belay_str progress;      /* what progress/retry stored; "" none */
    struct belay_hash128 definition;/* of the flow it began with; zero: take the current one */
    void *user;                     /* the engine's */
    struct belay_list node;         /* the broker's */
};

/* Next message to handle, fair among subscriptions; NULL: none now (fetches may be under way, their
 * events lead to more). The delivery is the broker's until one of the outcomes below ends it. */
struct belay_delivery *belay_broker_next(struct belay_broker *b, belay_time now);
/* Records that an attempt with an outside effect begins; durable with the commit of this step. Not for
 * flows without outside calls. BELAY_BUSY, BELAY_NOSPACE: it is not recorded, so the call must not be
 * made: defer. */
int belay_broker_start(struct belay_broker *b, struct belay_delivery *d, struct belay_err *err) BELAY_MUST_CHECK;
/* What the run has achieved so far (body, variables, step), kept over retries and crashes. */
int belay_broker_progress(struct belay_broker *b, struct belay_delivery *d, struct belay_str progress,
                          struct belay_hash128 definition, struct belay_err *err) BELAY_MUST_CHECK;

/* Outcomes: each ends the delivery (d is gone afterwards). They may use the reserve; on BELAY_BUSY or
 * BELAY_NOSPACE nothing happened and the delivery stays: try again in a later step. */
int belay_broker_ack(struct belay_broker *b, struct belay_delivery *d, struct belay_err *err) BELAY_MUST_CHECK;
int belay_broker_discard(struct belay_broker *b, struct belay_delivery *d, struct belay_str reason, struct belay_err *err) BELAY_MUST_CHECK;
/* Attempt failed; again at due. fault goes into the history. */
int belay_broker_retry(struct belay_broker *b, struct belay_delivery *d, belay_time due,
                       const struct belay_fault *fault, struct belay_str progress,
                       struct belay_hash128 definition, struct belay_err *err) BELAY_MUST_CHECK;
/* Becomes a letter. park: the lane waits behind it (only where there is a key). `stop` of the
 * subscription's on_exhausted also pauses it. */
int belay_broker_letter(struct belay_broker *b, struct belay_delivery *d, const struct belay_fault *fault,
                        bool park, struct belay_str progress, struct belay_hash128 definition,
                        belay_time now, struct belay_err *err) BELAY_MUST_CHECK;
/* Its time was over: a letter that blocks nothing and stops nothing. Errors as belay_broker_letter. */
int belay_broker_expire(struct belay_broker *b, struct belay_delivery *d, const struct belay_fault *fault,
                        belay_time now, struct belay_err *err) BELAY_MUST_CHECK;
/* Appends what acks and starts have gathered as range records. Before belay_store_flush, in the same
 * step: an ack becomes durable with the commit in which it is flushed. Cannot fail (room was reserved). */
void belay_broker_flush(struct belay_broker *b);
/* Not handled, no attempt used up (endpoint busy, shutting down): again from `not_before`, not durable. */
void belay_broker_defer(struct belay_broker *b, struct belay_delivery *d, belay_time not_before);
/* A delivery that waited for its retry waits longer, durably; its attempt has not begun. Ends the delivery.
 * Errors: BELAY_BUSY, BELAY_NOSPACE (nothing happened), BELAY_CONFLICT (it waited for no retry). */
int belay_broker_postpone(struct belay_broker *b, struct belay_delivery *d, belay_time due, struct belay_err *err) BELAY_MUST_CHECK;
/* Earliest time at which next() may have something that it has not now, or a tick something to do; what is due at a time
 * is looked for on whole milliseconds. BELAY_TIME_NEVER. */
belay_time belay_broker_wake_at(const struct belay_broker *b);
/* The same of ticks alone: where nothing could be delivered. */
belay_time belay_broker_tick_at(const struct belay_broker *b);
/* Due schedule entries are published, retention and idempotency expiry done, in bites; call each step. */
void belay_broker_tick(struct belay_broker *b, belay_time now);

/* ---- a message by name (compensating a publish, poison, admin) ---- */

enum belay_message_state {
    BELAY_MESSAGE_QUEUED, BELAY_MESSAGE_HELD, BELAY_MESSAGE_IN_FLIGHT, BELAY_MESSAGE_WAITING,
    BELAY_MESSAGE_PARKED, BELAY_MESSAGE_DEAD, BELAY_MESSAGE_DONE, BELAY_MESSAGE_EXPIRED,
    BELAY_MESSAGE_DISCARDED, BELAY_MESSAGE_SCHEDULED
};
const char *belay_message_state_name(enum belay_message_state state);
/* Of one subscription; *ret_attempts may be NULL. Done and discarded both read as DONE below the cursor. */
enum belay_message_state belay_broker_state_of(struct belay_broker *b, struct belay_subscription *sub,
                                               uint64_t sequence, uint32_t *ret_attempts);
/* Takes a message that is queued, held, waiting, parked or dead out of the subscription, with a reason
 * (G4). *ret_attempted: an attempt ever began. BELAY_BUSY: it is in flight, ask again later.
 * BELAY_NOTFOUND: done already. */
int belay_broker_cancel(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                        struct belay_str reason, belay_time now, bool *ret_attempted, struct belay_err *err) BELAY_MUST_CHECK;

/* ---- what was in flight when the process died (suspect.c) ---- */

struct belay_crash_item {
    uint32_t sub;
    uint64_t sequence;
    bool in_hand;               /* its flow was being stepped just then */
};
struct belay_crash {
    uint64_t number;            /* as belay_broker_crash_next said while the process lived: it is counted once */
    const struct belay_crash_item *items; /* messages in flight */
    uint32_t count;
    uint32_t others;            /* what else was: calls of sagas, requests */
    bool others_named;          /* somebody else writes down which, in this commit: the crash counts without messages too */
};
/* The process died: what was in flight is suspected, durably; where a message was all that was, the death counts
 * against it. *ret_position: through which that must be durable before anything is delivered; 0: there is nothing to
 * count, or it was. */
int belay_broker_crashed(struct belay_broker *b, const struct belay_crash *crash, belay_time now,
                         uint64_t *ret_position, struct belay_err *err) BELAY_MUST_CHECK;
uint64_t belay_broker_crash_next(const struct belay_broker *b);
/* How many are suspected: each is to run alone once. An outcome clears a suspicion, success the deaths too. */
uint32_t belay_broker_suspected(const struct belay_broker *b);
/* As belay_broker_next, a suspected one, or one that stands before it in its lane. NULL: none can be had now;
 * *ret_pending: one is being read. */
struct belay_delivery *belay_broker_next_suspect(struct belay_broker *b, belay_time now, bool *ret_pending);
/* When the process died with d in flight, and what else was: a line each, oldest first. */
void belay_broker_crash_story(struct belay_broker *b, const struct belay_delivery *d, struct belay_buf *out);

/* ---- dead letters ---- */

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
    struct belay_hash128 definition;
};

/* Letters of sub (NULL: all) after (sub_id, sequence); in order. False at the end. *ret_letter's memory
 * is from arena. Start with sub id 0, sequence 0. */
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
 * BELAY_LETTER_ATTEMPTS_MAX, progress, definition) is one of sub from now on: a dead one, created now, under a new sequence of
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
/* Rows of the state that could not be read, once: what the first stands for (a view until the next call), and how many
 * others there were. False: none. */
bool belay_broker_unreadable_news(struct belay_broker *b, struct belay_str *ret_named, uint64_t *ret_more);
/* Gone, with a reason (not empty) and who said so; its lane goes on. */
int belay_broker_letter_discard(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                                struct belay_str reason, struct belay_str who, belay_time now, struct belay_err *err) BELAY_MUST_CHECK;

/* ---- lanes: what an operator does with one (lane_operate.c, lane_move.c), and looks at (lane_look.c) ---- */

enum belay_lane_state {
    BELAY_LANE_OPEN,      /* nothing is wrong: it has no row; its messages are in memory at most */
    BELAY_LANE_WAITING,   /* its head waits for a retry */
    BELAY_LANE_FLIGHT,    /* its head is at work */
    BELAY_LANE_READY,     /* its head is due and waits for its turn */
    BELAY_LANE_PARKED,    /* its head is a letter */
    BELAY_LANE_HAND       /* somebody parked it; its head may be a letter or in flight all the same */
};
const char *belay_lane_state_name(enum belay_lane_state state);

struct belay_lane {
    struct belay_subscription *sub;
    struct belay_str key;
    enum belay_lane_state state;
    uint64_t head;                /* 0: none */
    bool letter;                  /* the head is a parked letter */
    uint64_t held;                /* behind the head, durably */
    uint32_t pending;             /* behind the one at work, in memory (of an open lane) */
    belay_time since, head_since; /* in trouble; with this head. Of an open one: its message was taken */
    uint32_t attempts;            /* of the head */
    belay_time due;               /* of the head; NEVER: it waits for no time */
    belay_time in_flight_since;   /* NEVER: it is not */
    bool paused, limited;         /* its subscription is; has as many at work as it may */
    belay_time hand_at;           /* parked by hand; NEVER: not */
    struct belay_str reason, who;
    bool failed;
    struct belay_fault last;      /* where failed: of the head's last attempt that ended */
};

/* Lanes in trouble or parked by hand, of sub, in the order of their hashes: after *at (start with zero). False at the
 * end, or where the arena is full. *ret_lane's texts are from arena. */
bool belay_broker_lane_next(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 *at,
                            struct belay_arena *arena, struct belay_lane *ret_lane);
/* One by its key, also an open one that is in memory. Errors: BELAY_NOTFOUND (nothing is known of it), BELAY_NOMEM. */
int belay_broker_lane_get(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key,
                          struct belay_arena *arena, struct belay_lane *ret_lane, struct belay_err *err) BELAY_MUST_CHECK;
/* The message of a lane's head where it is not in the topic's log alone; from arena. False: read the topic. */
bool belay_broker_exception_message(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                                    struct belay_arena *arena, struct belay_message *ret_message);
/* The first of the sequences it holds above `after`, in order. Returns how many. */
uint32_t belay_broker_lane_held(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key,
                                uint64_t after, uint32_t count_max, uint64_t *ret_sequences);

/* Looks at the next some thousand lanes, to know which stand longest. Call about once a second. */
void belay_broker_lanes_watch(struct belay_broker *b, belay_time now);
/* The lane that stands longest, as it is now: one that is not parked before one that is. False: none stands. */
bool belay_broker_lane_longest(struct belay_broker *b, struct belay_subscription *sub, struct belay_arena *arena,
                               struct belay_lane *ret_lane);
enum belay_lane_news { BELAY_LANE_NO_NEWS, BELAY_LANE_STALLED, BELAY_LANE_RECOVERED };
/* What is to be told of that lane: that it has stood for so long, unparked (once; *ret_lane is filled), or that it does
 * so no more. */
enum belay_lane_news belay_broker_lane_news(struct belay_broker *b, struct belay_subscription *sub, int64_t stalled_ms,
                                            struct belay_arena *arena, struct belay_lane *ret_lane);

/* Its messages are held from now on, durably and in order, also those to come and where it has none yet. What is in
 * flight ends: if it fails, it is held too. Again: another reason. Errors: BELAY_INVALID (no reason, no key, a
 * subscription without lanes), BELAY_LIMIT (key), BELAY_BUSY, BELAY_NOSPACE. */
int belay_broker_lane_park(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key,
                           struct belay_str reason, struct belay_str who, belay_time now, struct belay_err *err) BELAY_MUST_CHECK;
/* One that is parked, by hand or by a letter, goes on: what it holds in order, then what is queued. A letter stays, as
 * a dead one. Errors: BELAY_NOTFOUND, BELAY_CONFLICT (it is not parked), BELAY_BUSY, BELAY_NOSPACE. */
int belay_broker_lane_release(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key,
                              belay_time now, struct belay_err *err) BELAY_MUST_CHECK;
/* Its head now, with fresh attempts, from the failed step. Errors: BELAY_NOTFOUND, BELAY_CONFLICT (in flight; parked by
 * hand), BELAY_BUSY, BELAY_NOSPACE. */
int belay_broker_lane_retry(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key,
                            belay_time now, struct belay_err *err) BELAY_MUST_CHECK;
/* Its head becomes a dead letter, or stays one; the lane goes on (one parked by hand: stays parked, with the next as
 * its head). encoded: the head's message, where BELAY_EMPTY asked for it; else empty. Errors: BELAY_EMPTY (fetch
 * the message lane.head of the topic and ask again), BELAY_NOTFOUND, BELAY_CONFLICT (in flight; no head),
 * BELAY_BUSY, BELAY_NOSPACE. */
int belay_broker_lane_skip(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key,
                           uint64_t head, struct belay_str encoded, struct belay_str reason, struct belay_str who,
                           belay_time now, struct belay_err *err) BELAY_MUST_CHECK;

/* Messages that the lane could give away now, in order: at most count_max. 0: none (lane_move.c says which stay). */
uint32_t belay_broker_lane_movable(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key,
                                   uint32_t count_max, uint64_t *ret_sequences);
/* The topic or queue that `to` names: itself, or a flow that alone reads it. unread: also one that nobody reads.
 * Errors: BELAY_NOTFOUND, BELAY_INVALID (the subscription's own), BELAY_CONFLICT (others read what the flow reads;
 * nobody reads it). */
int belay_broker_lane_target(struct belay_broker *b, struct belay_subscription *sub, struct belay_str to, bool unread,
                             struct belay_str *ret_topic, struct belay_err *err) BELAY_MUST_CHECK;
/* Moves the first `count` (1 to BELAY_LANE_MOVE_MAX) of what is movable, in one commit. items: those messages, in
 * order, as fetched. Errors: BELAY_CONFLICT (it went on meanwhile: look again), BELAY_NOSPACE, BELAY_BUSY,
 * BELAY_NOMEM. */
int belay_broker_lane_move(struct belay_broker *b, struct belay_subscription *sub, struct belay_str key,
                           struct belay_str topic, const struct belay_fetched *items, uint32_t count,
                           struct belay_str who, belay_time now, struct belay_err *err) BELAY_MUST_CHECK;

/* ---- idempotency ---- */

enum belay_idempotency_state { BELAY_IDEMPOTENCY_NONE, BELAY_IDEMPOTENCY_RUNNING, BELAY_IDEMPOTENCY_DONE };
struct belay_idempotency {
    enum belay_idempotency_state state;
    struct belay_hash128 request;  /* of the payload */
    struct belay_str answer;       /* DONE: what was stored; view until the next change of state */
    bool interrupted;              /* RUNNING, but by a process that is gone: the same key resumes it */
};
/* scope: "api/operation" or a subscription's name; the key is compared in full. */
void belay_broker_idempotency_get(struct belay_broker *b, struct belay_str scope, struct belay_str key,
                                  struct belay_idempotency *ret_idem);
int belay_broker_idempotency_begin(struct belay_broker *b, struct belay_str scope, struct belay_str key,
                                   struct belay_hash128 request, uint64_t window_ms, belay_time now, struct belay_err *err) BELAY_MUST_CHECK;
/* Also without a begin before (one commit). */
int belay_broker_idempotency_done(struct belay_broker *b, struct belay_str scope, struct belay_str key,
                                  struct belay_hash128 request, struct belay_str answer, uint64_t window_ms,
                                  belay_time now, struct belay_err *err) BELAY_MUST_CHECK;
/* Nothing happened after all: the key is free again. */
int belay_broker_idempotency_forget(struct belay_broker *b, struct belay_str scope, struct belay_str key,
                                    struct belay_err *err) BELAY_MUST_CHECK;

/* ---- looking ---- */

struct belay_topic_stats {
    struct belay_str name;
    bool queue;
    uint64_t first, next, messages, bytes;
    uint64_t length;                      /* not handled yet, by the slowest subscription; without what is parked */
    uint64_t max_messages, max_bytes, max_age_ms; /* 0: no limit */
    bool rejects;                         /* on_full */
    enum belay_topic_bound bound;         /* the one it is at now */
    uint64_t times_full;                  /* that a producer found it so, since the start */
    belay_time full_at;                   /* the last time; NEVER: none did */
    double drain_per_second;              /* as seen lately; 0 where that is not known */
};
struct belay_subscription_stats {
    struct belay_str name, topic, paused; /* reason, or empty */
    bool broken;                          /* the reason is what it cannot read */
    uint64_t cursor, backlog;             /* backlog: queued */
    uint64_t in_flight, waiting, held, parked, dead, done, discarded, expired;
    uint64_t lanes_in_trouble, lanes_by_hand; /* by hand: of them */
    uint64_t stuck;                       /* of held: behind a parked letter */
    uint64_t lost;                        /* given to the subscription and in no state (I4): 0, or a bug */
    belay_time oldest_at;                 /* accepted_at of the oldest unfinished; NEVER: none */
    belay_time oldest_letter_at;          /* it became one; NEVER: there is none */
    struct belay_letters_opt letters;     /* as configured */
    uint32_t new_groups;                  /* kinds of failure with letters that made their first within BELAY_GROUP_NEW_MS */
    belay_time stalled_since;             /* a lane has stood so long (belay_broker_lanes_watch), not parked; NEVER: none */
};
/* What is in memory of all subscriptions together. */
struct belay_broker_memory {
    uint64_t messages; /* read ahead, or in flight */
    uint64_t bytes;    /* of the pages they lie in */
};
void belay_broker_memory(const struct belay_broker *b, struct belay_broker_memory *ret_memory);
/* index from 0; false at the end. */
bool belay_broker_topic_stats(struct belay_broker *b, uint32_t index, struct belay_topic_stats *ret_stats);
bool belay_broker_subscription_stats(struct belay_broker *b, uint32_t index, struct belay_subscription_stats *ret_stats);
uint32_t belay_broker_topic_id(struct belay_broker *b, struct belay_str topic); /* 0: none */
/* Subscriptions of a topic, by index. NULL at the end. */
struct belay_subscription *belay_broker_topic_subscription(struct belay_broker *b, struct belay_str topic, uint32_t index);
/* The balance of a subscription out of its rows (audit.c). */
struct belay_audit_balance {
    struct belay_str name, topic;
    uint64_t published;                   /* given to it, or still to be given: the sum of the others and of lost */
    uint64_t queued, in_flight, waiting, held, parked, dead;
    uint64_t done, discarded, expired;    /* as counted: nothing else is left of them */
    uint64_t lost;                        /* in no state */
    uint64_t twice;                       /* in more than one */
};
struct belay_auditor {
    void (*balance)(void *arg, const struct belay_audit_balance *balance);
    /* Something is wrong. owner: of the subscription or topic; sequence 0: no message can be named. */
    void (*finding)(void *arg, struct belay_str owner, uint64_t sequence, struct belay_str what);
    bool (*cancelled)(void *arg); /* NULL; asked now and then, any thread */
    void *arg;
};
/* Proves G4 by counting: each message of each subscription is in exactly one state. Walks every row by itself,
 * trusts no counter but those of what has ended, and compares the others. in_flight: an attempt was recorded as
 * begun. Errors: BELAY_CANCELLED, why the state cannot be read. */
int belay_broker_audit(struct belay_broker *b, const struct belay_auditor *to, struct belay_err *err) BELAY_MUST_CHECK;
/* I1-I6 over the whole state; slow. Errors: BELAY_CORRUPT with the invariant's number. */
int belay_broker_check(struct belay_broker *b, struct belay_err *err) BELAY_MUST_CHECK;

#endif
