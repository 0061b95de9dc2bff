/* queue.h - who is next: what is due, who waits for a slot, whose call is out (queue.c).  Private to saga.
 * Thread: engine. */
#ifndef BELAY_SAGA_QUEUE_H
#define BELAY_SAGA_QUEUE_H

#include "saga/instance.h"
#include "saga/saga.h"

#define DUE_KEY_BYTES_MIN 9 /* a time, and a key */
#define DUE_KEY_BYTES_MAX (8 + KEY_BYTES_MAX)

struct gate {                    /* instances that wait for a slot of one connection */
    struct belay_str connection; /* owned */
    struct belay_list waiting;
};

struct flight_slot {
    struct saga *saga; /* NULL: free */
    uint32_t generation, next_free;
};

/* Moves to ready what is due, from memory and from rows. */
void saga_queue_fill(struct belay_sagas *s, belay_time now);
void saga_queue_scan(struct belay_sagas *s, belay_time now);
/* i becomes a row: it is to be found when it is due. */
void saga_queue_note(struct belay_sagas *s, const struct saga *i);
/* An entry of SAGA_DUE was written. */
void saga_queue_due(struct belay_sagas *s, belay_time due);
/* Behind the others that wait for this connection, or before them. */
int saga_gate_wait(struct belay_sagas *s, struct belay_str connection, struct saga *i,
                   bool first) BELAY_MUST_CHECK;
void saga_gates_free(struct belay_sagas *s);
/* A slot for a call; the request's id. Errors: BELAY_NOMEM. */
int saga_flight_reserve(struct belay_sagas *s) BELAY_MUST_CHECK;
uint64_t saga_flight_begin(struct belay_sagas *s, struct saga *i, enum flight purpose,
                           bool repeatable);
struct saga *saga_flight_of(struct belay_sagas *s, uint64_t id);
void saga_flight_end(struct belay_sagas *s, struct saga *i);

#endif
