/* letter_where.h - a JSONata predicate over a dead letter: of lists, and of replay jobs.
 *
 *   { flow, topic, sequence, state, key, attempts, created_at, first_attempt_at, error, class, status, endpoint,
 *     description, step, group, held, edits, message: { id, ..., headers, body }, headers, body }
 *
 * `error` to `step` are of the last attempt; body is the message's, parsed where it is JSON.
 * Uses: broker, expr, flow.  Thread: engine. */
#ifndef BELAY_ENGINE_LETTER_WHERE_H
#define BELAY_ENGINE_LETTER_WHERE_H

#include "broker/letter.h"
#include "broker/replay.h"
#include "expr/expr.h"

/* Errors: BELAY_SYNTAX and others of belay_expr_compile, BELAY_LIMIT (its length); err says where. */
int belay_letter_where_compile(struct belay_str source, struct belay_expr **ret_expr, struct belay_err *err) BELAY_MUST_CHECK;
/* Is it true of the letter? False: it cannot be told, *ret_wanted is false and err says why. Memory of arena. */
bool belay_letter_where_wants(struct belay_expr *where, const struct belay_letter *letter, belay_time now,
                              struct belay_arena *arena, bool *ret_wanted, struct belay_err *err);

extern const struct belay_replay_where engine_replay_where;

#endif
