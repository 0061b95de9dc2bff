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
 *
 * What the broker does, a header each: declare.h (topics, subscriptions), publish.h, delivery.h, by_name.h, crash.h,
 * letter.h, lane.h, idempotency.h, stats.h, audit.h; poison.h, replay.h, trail.h.
 */
#ifndef BELAY_BROKER_BROKER_H
#define BELAY_BROKER_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
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

/* ---- each step ---- */

/* Appends what acks and starts have gathered as range records. Before belay_store_flush, in the same
 * step: an ack becomes durable with the commit in which it is flushed. Cannot fail (room was reserved). */
void belay_broker_flush(struct belay_broker *b);
/* Earliest time at which next() may have something that it has not now, or a tick something to do; what is due at a time
 * is looked for on whole milliseconds. BELAY_TIME_NEVER. */
belay_time belay_broker_wake_at(const struct belay_broker *b);
/* The same of ticks alone: where nothing could be delivered. */
belay_time belay_broker_tick_at(const struct belay_broker *b);
/* Due schedule entries are published, retention and idempotency expiry done, in bites; call each step. */
void belay_broker_tick(struct belay_broker *b, belay_time now);

/* ---- what is wrong with the state ---- */

/* Rows of the state that could not be read, once: what the first stands for (a view until the next call), and how many
 * others there were. False: none. */
bool belay_broker_unreadable_news(struct belay_broker *b, struct belay_str *ret_named, uint64_t *ret_more);
/* I1-I6 over the whole state; slow. Errors: BELAY_CORRUPT with the invariant's number. */
int belay_broker_check(struct belay_broker *b, struct belay_err *err) BELAY_MUST_CHECK;

#endif
