/* scope.h - what a saga's expressions see (scope.c).  Private to saga.  Views live as long as the turn.  Thread: engine. */
#ifndef BELAY_SAGA_SCOPE_H
#define BELAY_SAGA_SCOPE_H

#include "saga/saga.h"
#include "saga/turn.h"

/* Bits of `sees`. Errors: BELAY_NOMEM, BELAY_LIMIT, BELAY_CORRUPT. */
#define SEES_MESSAGE 0x01
#define SEES_HEADERS 0x02
#define SEES_STEPS 0x04
#define SEES_ERROR 0x08
unsigned saga_sees(const struct belay_template *t); /* NULL: nothing */
unsigned saga_sees_call(const struct belay_call_def *call);
unsigned saga_sees_publish(const struct belay_publish_def *p);
int saga_scope(struct saga_turn *t, unsigned sees, struct belay_err *err) BELAY_MUST_CHECK;
/* Of a message alone: id, match, fail_when. */
int saga_scope_message(struct belay_sagas *s, const struct belay_message *m, unsigned sees,
                       belay_time now, struct belay_scope *ret_scope,
                       struct belay_binding *bindings, struct belay_err *err) BELAY_MUST_CHECK;
struct belay_expr_env saga_env(const struct belay_scope *scope);

#endif
