/* held.h - lanes in trouble and the messages they hold, as rows; what changes them is called by apply.  Private to broker.
 * Uses: resident.h.  Thread: engine only. */
#ifndef BELAY_BROKER_HELD_H
#define BELAY_BROKER_HELD_H

#include "broker/resident.h"

struct hand_text {
    uint8_t n;
    char bytes[BELAY_LANE_REASON_BYTES_MAX];
};
struct lane_row {
    uint64_t head, held;       /* head 0: none; else it may be gone: lane_has_head */
    uint64_t run_first;        /* key of the first run; 0: none */
    uint64_t run_taken;        /* the last sequence taken from it; 0: none yet */
    uint32_t run_at;           /* offset of the next delta */
    uint64_t last_first;       /* key of the last run, 0: begin a new one */
    belay_time since;          /* in trouble */
    belay_time head_since;     /* its head is the head */
    bool kept;                 /* of a message it holds an attempt began: a row of its progress says so */
    bool hand;                 /* parked by hand: at hand_at, by who, because of reason */
    belay_time hand_at;
    struct hand_text reason, who;
    struct key_text key;
};
bool lane_row_get(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, struct lane_row *ret_row);
void lane_row_by_hand(struct lane_row *row, belay_time at, struct belay_str reason, struct belay_str who);
/* The head that the row names lives, and is in the lane. */
bool lane_has_head(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, const struct lane_row *row);
bool lane_by_hand(struct belay_broker *b, const struct belay_subscription *sub, struct belay_hash128 lane);
/* The lane has a row, and its head lives, or it holds messages, or it is parked by hand: a row may outlive its
 * lane's trouble. */
bool lane_in_trouble(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, struct lane_row *ret_row);
void lane_row_put(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, const struct lane_row *row);
/* Its head is a parked letter: what it holds is stuck (counters). */
bool lane_head_parked(struct belay_broker *b, const struct belay_subscription *sub, const struct lane_row *row);
/* The lane is in trouble with this head. */
void lane_trouble(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 lane,
                  struct belay_str key, uint64_t head, belay_time since);
/* A message that was never an exception becomes the head; row is put. */
void lane_promote(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 lane,
                  struct lane_row *row, uint64_t sequence, belay_time now);
/* The trouble is over; row, if there is one, says nothing any more. */
void lane_healed(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 lane);
/* The head is gone: the first held message is the next, due now; or the trouble is over. Where the lane has another head
 * by now (its row could not be read, and began anew) it stays as it is. */
void lane_advance(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 lane, uint64_t head,
                  belay_time now);
void held_append(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, struct lane_row *row, uint64_t sequence);
/* Takes the first; row is not put. Returns its sequence. What cannot be read is passed over and held no more: 0, where
 * nothing is left. */
uint64_t held_take(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, struct lane_row *row);
/* Takes one out of the middle. */
void held_remove(struct belay_broker *b, struct belay_subscription *sub, struct belay_hash128 lane, uint64_t sequence);
/* Which lane holds it; false: none. Looks through the runs of the subscription. */
bool held_find(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct belay_hash128 *ret_lane);
/* Calls fn for each held sequence of a lane in order, until it returns false. */
void held_each(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane, const struct lane_row *row,
               bool (*fn)(void *arg, uint64_t sequence), void *arg);

#endif
