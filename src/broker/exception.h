/* exception.h - rows of what departed from the order; what changes them is called by apply.  Private to broker.
 * Uses: resident.h.  Thread: engine only. */
#ifndef BELAY_BROKER_EXCEPTION_H
#define BELAY_BROKER_EXCEPTION_H

#include "broker/resident.h"

/* HELD: the head of a lane that is parked by hand, and no letter; it waits for no time. OVER: a row that says nothing any
 * more, as exception_next tells it. */
enum exception_state { EXCEPTION_OVER, EXCEPTION_WAITING, EXCEPTION_PARKED, EXCEPTION_DEAD, EXCEPTION_HELD };
/* What is small lies in the exception's row: most have one row. */
enum inside { INSIDE_FAILURE /* history entry 0 */, INSIDE_PROGRESS, INSIDE_MESSAGE, INSIDE_COUNT };
#define INSIDE_BYTES_MAX 1600 /* of all three: a larger row would get pages of its own in LMDB */

struct exception {
    enum exception_state state;
    bool keyed, loner, letter, progress;
    uint32_t begun, ended;     /* attempts; begun > ended, or in `started`: the next one is, or was, under way */
    uint32_t total;            /* attempts before the last replay */
    uint32_t history;          /* entries ever made */
    uint32_t job;              /* that replayed it last; 0: a person, or nobody */
    uint8_t inside;            /* bits 1 << enum inside: what lies in the row itself */
    uint16_t inside_bytes[INSIDE_COUNT];
    struct belay_str given[INSIDE_COUNT]; /* what exception_put is to write there anew; p == NULL: what it has */
    belay_time due;            /* waiting */
    belay_time first_attempt_at, accepted_at;
    struct belay_hash128 definition, lane;
    struct key_text key;
};

bool exception_get(struct belay_broker *b, uint32_t sub, uint64_t sequence, struct exception *ret_x);
static inline bool exception_is_letter(const struct exception *x)
{
    return x->state == EXCEPTION_PARKED || x->state == EXCEPTION_DEAD;
}
/* The row of one that waited says nothing any more. */
bool exception_is_over(struct belay_broker *b, uint32_t sub, uint64_t sequence, const struct exception *x);
/* First at or above *sequence (set to it), one that is over as well. key is a view of the state. */
bool exception_next(struct belay_broker *b, uint32_t sub, uint64_t *sequence, struct exception *ret_x);
void exception_put(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, const struct exception *x);
static inline bool exception_has_inside(const struct exception *x, enum inside part)
{
    return x->inside & (1u << part);
}
/* exception_get and exception_inside at once, of one that is due. */
bool exception_look(struct belay_broker *b, uint32_t sub, uint64_t sequence, struct exception *ret_x, enum inside part,
                    struct belay_str *ret_part);
/* View of the row; p == NULL: not inside. */
struct belay_str exception_inside(struct belay_broker *b, uint32_t sub, uint64_t sequence, enum inside part);
/* exception_put is to write it into the row. False, and nothing happened: it does not fit. value lives until then. */
bool exception_give(struct exception *x, enum inside part, struct belay_str value);
void exception_take_out(struct exception *x, enum inside part);
/* Attempts that began since it was replayed last. */
uint32_t exception_begun(const struct belay_subscription *sub, uint64_t sequence, const struct exception *x);
void exception_set_state(struct belay_broker *b, struct belay_subscription *sub, struct exception *x,
                         enum exception_state state);
/* It waits, and is due then; or is held, where its lane is parked by hand. Put it afterwards. */
void exception_wait(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, struct exception *x,
                    belay_time due);
/* What its state has in DUE goes. */
void exception_unwait(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence, const struct exception *x);
/* All its rows; its lane goes on when it was the head. */
void exception_remove(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                      const struct exception *x, belay_time now);
void exception_add_history(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                           struct exception *x, struct belay_str packed);
/* What the run of a message that is no exception achieved, a row of its own: packed by progress_pack; p == NULL:
 * none any more. */
void progress_put(struct belay_broker *b, uint32_t sub, uint64_t sequence, struct belay_str packed);
/* How a record tells the progress that the exception has from now on. */
enum progress_now { PROGRESS_NEW, PROGRESS_SAME, PROGRESS_NONE, PROGRESS_GONE };
/* exception_put, with its progress: inside where it fits. packed: of a new one. */
void exception_put_progress(struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                            struct exception *x, enum progress_now now, struct belay_str packed);
#define PROGRESS_VERSION 2
#define PROGRESS_PREFIX_BYTES 41 /* version, definition, message, first attempt */
struct progress {
    struct belay_hash128 definition;
    struct belay_hash128 made_of; /* content of the message its run began from (belay_message_content_hash) */
    belay_time first_attempt_at;
    struct belay_str bytes;
};
/* As a string of a record: the row of it. */
void progress_pack(struct belay_buf *out, const struct progress *p);
/* Is it what progress_pack wrote, without its length? */
bool progress_is_sound(struct belay_str packed);
/* False: there is none. bytes: a view of the state. */
bool progress_get(struct belay_broker *b, uint32_t sub, uint64_t sequence, bool exception, struct progress *ret);
/* Would a run that begins with it go on with what was made of the message of made_of, whatever the message is by now? */
bool progress_carries(const struct belay_broker *b, struct belay_str progress);
/* May the exception need its topic's log? */
bool exception_pins(struct belay_broker *b, const struct belay_subscription *sub, const struct exception *x);
/* Bytes that removing or moving an exception may put (its lane's next head). */
#define EXCEPTION_COST \
    ((struct cost){ 5 * BELAY_KEY_BYTES_MAX + 4096 + INSIDE_BYTES_MAX, 28 + 2 * BELAY_LETTER_ATTEMPTS_MAX })

#endif
