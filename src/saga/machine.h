/* machine.h - the two state machines of a saga as tables: of an instance, and of each of its steps.
 *
 * Instance:            start
 *   (none) -----------------------> RUNNING ---------- last step done ---------> COMPLETED
 *                                   |  ^  |
 *          unknown, nobody can tell |  |  | step failed, deadline, cancel
 *                                   v  |  v
 *                                  PARKED<-->COMPENSATING -- all undone --> COMPENSATED
 *                   (a person says)            a compensation is exhausted: parked
 *   RUNNING or PARKED --> FAILED: it failed, and nothing had to be undone.
 *
 * Step, forwards:
 *   PENDING --when false--> SKIPPED
 *      | call: intent recorded               publish            await alone
 *      v                                        |                    |
 *    BEGUN --ok--> DONE or AWAITING <-----------+--------------------+
 *    | ^ |                AWAITING --event--> DONE;  --timeout, fail_when--> FAILED
 *    | | `--fails for good--> FAILED
 *    | `--again--- WAITING  (known not to have happened, or may be repeated)
 *    `--unknown--> RESOLVING --it was done--> DONE, AWAITING;  --it was not--> WAITING, FAILED
 *                      `---------nobody can tell--> UNKNOWN
 *    UNKNOWN, and FAILED past the pivot, where a saga only goes forward, are for a person:
 *      --retry--> WAITING, RESOLVING;  --done--> DONE, AWAITING;  --skip--> PASSED;
 *      --not done--> FAILED, or WAITING past the pivot
 *
 * Step, backwards:
 *   BEGUN WAITING RESOLVING AWAITING DONE FAILED UNKNOWN PASSED --> UNDOING <--again--> UNDO_BEGUN
 *   any of them --> UNDONE;  parked and skipped by a person --> LEFT, as it is
 */
#ifndef BELAY_SAGA_MACHINE_H
#define BELAY_SAGA_MACHINE_H

#include "base/sm.h"

enum saga_state {
    SAGA_RUNNING,
    SAGA_COMPENSATING,
    SAGA_PARKED,
    SAGA_COMPLETED,
    SAGA_COMPENSATED,
    SAGA_FAILED,
    SAGA_STATES
};

enum saga_step_state {
    STEP_PENDING,
    STEP_BEGUN,
    STEP_WAITING,
    STEP_RESOLVING,
    STEP_AWAITING,
    STEP_DONE,
    STEP_SKIPPED,
    STEP_FAILED,
    STEP_UNKNOWN,
    STEP_UNDOING,
    STEP_UNDO_BEGUN,
    STEP_UNDONE,
    STEP_PASSED,
    STEP_LEFT,
    STEP_STATES
};

extern const struct belay_sm_state saga_states[SAGA_STATES];
extern const struct belay_sm_state saga_step_states[STEP_STATES];

static inline bool saga_ended(uint8_t state)
{
    return saga_states[state].final;
}

#endif
