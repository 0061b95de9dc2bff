/* budget.h - how many retries an outside system is asked to bear: in proportion to first tries.
 *
 * A second may see `share` of the first tries of a second (their mean over the window), and `floor` retries where
 * that is more.  They are spread: what was not used up in a tenth of a second is gone, so that nothing is saved up
 * for a burst.  What does not fit waits; it is not lost and uses up nothing.
 * Uses: base, model.  Thread: the owner's.
 * Invariant: within any second at most the largest allowance of that second, and one more where it is no whole
 * number. */
#ifndef BELAY_POLICY_BUDGET_H
#define BELAY_POLICY_BUDGET_H

#include "model/connection_def.h"

#define BELAY_BUDGET_SLOTS 10 /* of the window */

struct belay_budget { /* zero: nothing happened */
    uint32_t firsts[BELAY_BUDGET_SLOTS];
    uint64_t firsts_sum;
    int64_t slot;       /* the current one: time / width */
    int64_t next_at_ns; /* the allowance is used up until then */
};

/* A first try was made. */
void belay_budget_first(struct belay_budget *b, const struct belay_budget_def *def, belay_time now);
/* It was not made after all. */
void belay_budget_not_first(struct belay_budget *b);
/* Retries that this second may see; infinite where def has no share. */
double belay_budget_per_second(struct belay_budget *b, const struct belay_budget_def *def, belay_time now);
/* When a retry may be made: not later than now means at once. */
belay_time belay_budget_at(struct belay_budget *b, const struct belay_budget_def *def, belay_time now);
/* A retry is made. belay_budget_at said that it may. What it used up, for belay_budget_not_retry. */
int64_t belay_budget_retry(struct belay_budget *b, const struct belay_budget_def *def, belay_time now);
/* It was not made after all. */
void belay_budget_not_retry(struct belay_budget *b, int64_t used);

#endif
