/* policy.h - what to do after a failed attempt: pure functions of definition, numbers and seed.
 * Uses: base, model.  Thread: any. */
#ifndef BELAY_POLICY_POLICY_H
#define BELAY_POLICY_POLICY_H

#include <stdbool.h>

#include "base/random.h"
#include "model/fault.h"
#include "model/retry_def.h"

/* Delay before attempt + 1 by the schedule alone (attempt: the one that failed, from 1), with jitter:
 *   base = min(max, initial * multiplier^(attempt-1));  none: base;  full: [0, base];
 *   equal: [base/2, base];  decorrelated: [initial, 3 * previous delay], capped (previous_ms: 0 at first,
 *   which counts as initial). */
uint64_t belay_backoff_ms(const struct belay_retry_def *def, uint32_t attempt, uint64_t previous_ms,
                          struct belay_random *random);

enum belay_retry_verdict {
    BELAY_RETRY_AGAIN,     /* in *ret_delay_ms */
    BELAY_RETRY_AT_ONCE,   /* one of `immediate`: in place, nothing has to be kept for it; *ret_delay_ms is 0 */
    BELAY_RETRY_RESOLVE,   /* the outcome is unknown and may not be repeated blindly: ask */
    BELAY_RETRY_EXHAUSTED, /* attempts or time used up */
    BELAY_RETRY_NO         /* permanent or fatal: trying again cannot help */
};

struct belay_retry_question {
    const struct belay_retry_def *def;
    const struct belay_fault *fault;
    uint32_t attempt;            /* that failed, from 1, those at once included */
    uint64_t elapsed_ms;         /* since the first attempt began */
    uint64_t previous_delay_ms;
    bool repeatable;             /* idempotent by nature, or the service honours the key */
};
/* The schedule for a fault: of the first rule that names it, else def itself. */
const struct belay_retry_def *belay_retry_for(const struct belay_retry_def *def,
                                              const struct belay_fault *fault);
/* Permanent and fatal: NO.  Unknown and not repeatable: RESOLVE, whatever the attempts, since asking is no
 * attempt.  The first `immediate` tries after the first: AT_ONCE, unless the other side said when.  Else AGAIN,
 * until max_attempts have been made besides those or the next would begin later than max_elapsed_ms after the
 * first: EXHAUSTED.  *ret_delay_ms is set for AGAIN and AT_ONCE only.
 * Retry-After (when respected) is a lower bound: the jittered delay of the schedule is added to it; without
 * jitter the longer of both counts. It counts up to BELAY_RETRY_AFTER_MS_MAX, or the schedule's max where that is
 * longer. */
enum belay_retry_verdict belay_retry_decide(const struct belay_retry_question *q, struct belay_random *random,
                                            uint64_t *ret_delay_ms);

#endif
