/* redact.h - what a run may not tell: the named values of its message, of what it was answered and of what it made of
 * them, out of the texts that leave it (logs, faults).  Private to flow, but for what begins with belay_.
 * Uses: json/redact.h.  Thread: engine. */
#ifndef BELAY_FLOW_REDACT_H
#define BELAY_FLOW_REDACT_H

#include "json/redact.h"
#include "model/fault.h"
#include "model/message.h"

/* Hides secrets and words in the texts of a fault, and what paths name of the answer in its description. What stands in
 * the excerpt under a path alone stays: it is hidden where it is shown, and shown to those who may see it. */
void belay_fault_redact(struct belay_fault *f, const struct belay_redact *r, struct belay_redact_words *words,
                        struct belay_arena *arena);
/* The words of a message. */
void belay_message_gather(const struct belay_message *m, const struct belay_redact *r, struct belay_redact_words *words);

struct belay_flow_run;
struct belay_flow_log;
/* Of the run's own rules (input.redact). */
void run_redact_fault(struct belay_flow_run *run, struct belay_fault *f);
/* Fields may be changed in place. */
void run_redact_log(struct belay_flow_run *run, struct belay_flow_log *log, struct belay_field *fields);

#endif
