/* kept.h - events that came before their saga (kept.c).  Private to saga.  Thread: engine. */
#ifndef BELAY_SAGA_KEPT_H
#define BELAY_SAGA_KEPT_H

#include "saga/kinds.h"
#include "saga/record.h"
#include "saga/saga.h"

#define EVENT_KEY_BYTES_MAX (5 + KEY_ID_BYTES_MAX + BELAY_NAME_BYTES_MAX)

int saga_kept_append(struct belay_sagas *s, const struct saga_kept *r,
                     struct belay_err *err) BELAY_MUST_CHECK;
/* Views until the state changes. */
bool saga_kept_find(struct belay_sagas *s, const struct saga_kind *kind, struct belay_str id,
                    struct belay_str step, struct saga_kept *ret_kept);
/* It was reserved for. */
void saga_kept_gone(struct belay_sagas *s, struct saga_kind *kind, struct belay_str id,
                    struct belay_str step);
/* The instance ended: what waits for it is done. */
void saga_kept_apply_end(struct belay_sagas *s, const struct saga *i);
int saga_kept_apply(struct belay_sagas *s, struct belay_str body, bool gone,
                    struct belay_err *err) BELAY_MUST_CHECK;

#endif
