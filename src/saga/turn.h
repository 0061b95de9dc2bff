/* turn.h - what an instance does next: forward (forward.c), back (undo.c), after an outcome (outcome.c) or an event
 * (event.c).  Private to saga.
 *
 * A turn looks at one instance, decides on one move, and commits it or makes a call; sagas.c brings the instance to where
 * the act says it belongs.  A move is built by the saga_move_* functions, which change m only.  Thread: engine. */
#ifndef BELAY_SAGA_TURN_H
#define BELAY_SAGA_TURN_H

#include "policy/policy.h"
#include "saga/record.h"
#include "saga/saga.h"

/* What an instance does next, while it does. */
struct saga_turn {
    struct belay_sagas *room;
    struct saga *saga;
    const struct belay_saga_def *def;
    belay_time now;
    bool scoped;
    unsigned sees;
    struct belay_message input;
    struct belay_scope scope;
    struct belay_binding bindings[4];
    struct belay_call_request request;
    const struct belay_connection_def *connection;
    belay_time not_before; /* NOT_BEFORE */
    bool retry;            /* CALL: its step was tried before */
};

enum saga_act {
    ACT_CALL,    /* turn->request, turn->connection */
    ACT_AGAIN,   /* it can go on at once */
    ACT_LATER,   /* nothing before it is due, or ended */
    ACT_BLOCKED, /* turn->connection has no free slot */
    ACT_NOT_BEFORE, /* not before turn->not_before: a retry that its connection does not take, a full queue */
    ACT_NO_ROOM, /* the store or the memory has none: soon again */
    ACT_WAIT,    /* for somebody else (a message in flight): look again soon */
    ACT_GONE     /* forgotten */
};

void saga_turn_init(struct saga_turn *t, struct belay_sagas *s, struct saga *i, belay_time now);
/* forward.c */
enum saga_act saga_forward(struct saga_turn *t);
/* Its pivot is done: it only goes forward, and what fails waits for a person. */
bool saga_past_pivot(const struct saga_turn *t);
/* When it has to be over; NEVER where nothing bounds it any more. */
belay_time saga_deadline(const struct saga_turn *t);
/* The step's time begins now. */
void saga_move_begins(struct saga_turn *t, struct saga_move *m);
void saga_move_next(struct saga_turn *t, struct saga_move *m); /* on to the next step, or the end */
/* The step it is at is done as far as call or publish go: DONE and on to the next, or AWAITING. */
void saga_move_done(struct saga_turn *t, struct saga_move *m);
/* The step it is at failed, or all is to be given up: into m what follows (COMPENSATING or FAILED;
 * past the pivot PARKED). */
void saga_move_fail(struct saga_turn *t, struct saga_move *m, const struct belay_fault *fault);
void saga_move_park(struct saga_turn *t, struct saga_move *m, const struct belay_fault *fault);
void saga_move_fault(struct saga_turn *t, struct saga_move *m, const struct belay_fault *fault);
bool saga_build_call(struct saga_turn *t, const struct belay_call_def *call, enum flight purpose,
                     struct belay_call_request *ret_request, struct belay_fault *ret_fault);
enum saga_act saga_commit(struct saga_turn *t, struct saga_move *m); /* ACT_AGAIN or ACT_NO_ROOM */
enum saga_act saga_make_call(struct saga_turn *t, const struct belay_call_def *call,
                             enum flight purpose);
enum saga_act saga_make_publish(struct saga_turn *t, const struct belay_publish_def *publish,
                                uint64_t index, struct saga_move *m, struct belay_fault *ret_fault,
                                bool *ret_failed);
/* suspect.c */
/* The flags of one whose step was left behind, or whose call was answered. */
uint8_t saga_innocent(uint8_t flags);
uint8_t saga_answered(uint8_t flags, bool ok);
/* Has it killed so often that it is not run any more? Then it is parked with its story. */
bool saga_is_deadly(const struct saga_turn *t);
enum saga_act saga_quarantine(struct saga_turn *t);
/* sagas.c: its turn, to where it belongs then. It was taken out of every queue. */
enum saga_act saga_take_turn(struct belay_sagas *s, struct saga *i, belay_time now, struct belay_call_request *ret_request,
                             const struct belay_connection_def **ret_connection, bool *ret_retry);
/* undo.c */
enum saga_act saga_undo(struct saga_turn *t);
/* Step below `from` (not included) that is to be undone, as it will be after m; -1: none. */
int saga_undo_next(const struct saga_turn *t, const struct saga_move *m, int from);
/* state: UNDONE, or LEFT as it is. */
void saga_move_undone(struct saga_turn *t, struct saga_move *m, enum saga_step_state state);
/* outcome.c: what the outcome of a call makes of its step. o NULL: it was interrupted. */
int saga_outcome(struct saga_turn *t, enum flight purpose, bool repeatable,
                 const struct belay_call_outcome *o, struct belay_err *err) BELAY_MUST_CHECK;
/* event.c: the event it waits for came. Into m. */
int saga_move_event(struct saga_turn *t, struct saga_move *m, const struct belay_message *event,
                    struct belay_err *err) BELAY_MUST_CHECK;

#endif
