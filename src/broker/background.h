/* background.h - what a step does that nobody asked for, what follows recovery, and what the check looks at.
 * Private to broker.
 * Uses: resident.h.  Thread: engine only. */
#ifndef BELAY_BROKER_BACKGROUND_H
#define BELAY_BROKER_BACKGROUND_H

#include "broker/resident.h"

void schedule_tick(struct belay_broker *b);
void schedule_recovered(struct belay_broker *b);
void retention_tick(struct belay_broker *b);
void idempotency_tick(struct belay_broker *b);
void poison_tick(struct belay_broker *b);
int poison_load(struct belay_broker *b);
void trail_tick(struct belay_broker *b);
int trail_load(struct belay_broker *b);
int trail_check(struct belay_broker *b, struct belay_err *err) BELAY_MUST_CHECK;
void group_tick(struct belay_broker *b);
/* letter_expire.c: letters go as their flow says. look: there are others than before. */
void letters_expire_tick(struct belay_broker *b);
void letters_expire_look(struct belay_broker *b);
int letters_expire_check(struct belay_broker *b, struct belay_err *err) BELAY_MUST_CHECK;
int letters_check(struct belay_broker *b, struct belay_err *err) BELAY_MUST_CHECK;
int replays_load(struct belay_broker *b, struct belay_state *state);
void replays_save(struct belay_broker *b, struct belay_state *state);
void replays_recovered(struct belay_broker *b);
void replays_free(struct belay_broker *b);
void replays_tick(struct belay_broker *b);
belay_time replays_wake_at(const struct belay_broker *b);
int replays_check(struct belay_broker *b, struct belay_err *err) BELAY_MUST_CHECK;

#endif
