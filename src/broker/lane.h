/* lane.h - lanes: what an operator does with one (lane_operate.c, lane_move.c), and looks at (lane_look.c).
 * Uses: broker.h.  Thread: engine only. */
#ifndef BELAY_BROKER_LANE_H
#define BELAY_BROKER_LANE_H

#include "broker/broker.h"
#include "model/fault.h"
#include "model/message.h"

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

#endif
