/* idempotency.h - parts of the idempotency keys, and their filter.  Private to broker.
 * Uses: resident.h.  Thread: engine only. */
#ifndef BELAY_BROKER_IDEMPOTENCY_H
#define BELAY_BROKER_IDEMPOTENCY_H

#include "broker/resident.h"

/* Bytes of state that the next key may need beside its own: its part may be full. */
size_t idempotency_extra(const struct belay_broker *b);
/* Before the parts are packed for a checkpoint. */
void parts_begin_runs(struct belay_broker *b);
void parts_pack(const struct belay_broker *b, struct belay_buf *out);
int parts_unpack(struct belay_broker *b, struct belay_unpack *u);
/* What the filter of each part says. */
int parts_load(struct belay_broker *b);
void parts_free(struct belay_broker *b);

#endif
