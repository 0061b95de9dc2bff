/* retry_def.h - when what failed is tried again: retry, and named policies.  Uses: base.
 * Thread: immutable once made. */
#ifndef BELAY_MODEL_RETRY_DEF_H
#define BELAY_MODEL_RETRY_DEF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "model/place.h"

enum belay_jitter { BELAY_JITTER_FULL, BELAY_JITTER_EQUAL, BELAY_JITTER_DECORRELATED, BELAY_JITTER_NONE };

struct belay_retry_rule;

struct belay_retry_def {
    uint32_t max_attempts;    /* counts the first try; >= 1 */
    uint64_t max_elapsed_ms;  /* since the first try; 0: no bound */
    uint64_t initial_ms, max_ms;
    double multiplier;        /* >= 1 */
    enum belay_jitter jitter;
    bool respect_retry_after;
    uint32_t immediate;       /* tries made at once after the first, besides max_attempts */
    const struct belay_retry_rule *rules; /* of certain errors: the first that names it counts instead */
    uint32_t rule_count;
};

struct belay_retry_rule {
    const struct belay_str *when; /* patterns (belay_fault_matches) */
    uint32_t when_count;
    struct belay_retry_def def;   /* whole, without rules */
};

/* Safe default: 5 attempts, 200 ms doubling up to 30 s, full jitter, Retry-After honoured. */
#define BELAY_RETRY_DEFAULT                                                                    \
    ((struct belay_retry_def){ 5, 0, 200, 30000, 2.0, BELAY_JITTER_FULL, true, 0, NULL, 0 })

struct belay_policy_def {
    struct belay_str name;
    struct belay_retry_def retry;
    struct belay_place place;
};

#endif
