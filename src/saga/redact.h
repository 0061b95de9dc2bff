/* redact.h - what is told of an instance, with what may not be told hidden (redact.c).  Private to saga.  Memory of the turn.
 * Thread: engine. */
#ifndef BELAY_SAGA_REDACT_H
#define BELAY_SAGA_REDACT_H

#include "json/redact.h"
#include "saga/instance.h"
#include "saga/saga.h"

void saga_gather(struct belay_sagas *s, const struct saga *i, struct belay_redact_words *words);
void saga_redact_fault(struct belay_sagas *s, const struct saga *i, struct belay_fault *fault);
void saga_redact_letter(struct belay_sagas *s, const struct belay_message *m, struct belay_fault *fault);
/* Of i's history: as it may be told. */
struct belay_str saga_fault_text(struct belay_sagas *s, const struct saga *i, const struct belay_fault *fault);

#endif
