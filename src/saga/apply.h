/* apply.h - records change instances, and nothing else does (apply.c).  Private to saga.
 * A move is decided on (saga_move_init, then its fields), reserved for, appended and applied; saga_move_commit is the
 * last three.  Thread: engine. */
#ifndef BELAY_SAGA_APPLY_H
#define BELAY_SAGA_APPLY_H

#include "saga/record.h"
#include "saga/saga.h"

struct saga_kind;

/* As the instance is, `now`; the step it is at. */
void saga_move_init(struct saga_move *m, const struct saga *i, belay_time now,
                    enum saga_event event);
/* Room for the move and `extra` bytes of other records. On error nothing happened. */
int saga_move_reserve(struct belay_sagas *s, struct saga *i, const struct saga_move *m,
                      size_t extra, struct belay_err *err) BELAY_MUST_CHECK;
void saga_move_append(struct belay_sagas *s, struct saga *i, struct saga_move *m);
int saga_move_commit(struct belay_sagas *s, struct saga *i, struct saga_move *m,
                     struct belay_err *err) BELAY_MUST_CHECK;
int saga_start_append(struct belay_sagas *s, struct saga_kind *kind, const struct saga_start *r,
                      struct saga **ret_saga, struct belay_err *err) BELAY_MUST_CHECK;
void saga_forget_append(struct belay_sagas *s, struct saga *i);

#endif
