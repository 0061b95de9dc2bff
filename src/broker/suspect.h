/* suspect.h - what was in flight when the process died.  Private to broker.
 * Uses: resident.h.  Thread: engine only. */
#ifndef BELAY_BROKER_SUSPECT_H
#define BELAY_BROKER_SUSPECT_H

#include "broker/resident.h"

/* NULL: nothing is held against it. */
struct suspect *suspect_find(const struct belay_subscription *sub, uint64_t sequence);
/* It succeeded, or is gone: nothing is held against it any more. */
void suspect_forget(struct belay_subscription *sub, uint64_t sequence);
void suspect_forget_range(struct belay_subscription *sub, uint64_t first, uint64_t end);
/* An attempt of it ended, and the process lives: it is not suspected, but its deaths are remembered. */
void suspect_clear(struct belay_subscription *sub, uint64_t sequence);
void suspects_pack(struct belay_buf *out, const struct belay_subscription *sub);
int suspects_unpack(struct belay_unpack *u, struct belay_subscription *sub);
void crashes_save(struct belay_broker *b, struct belay_state *state);
int crashes_load(struct belay_broker *b, struct belay_state *state);

#endif
