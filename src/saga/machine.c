#include "saga/machine.h"

#define TO(state) BELAY_SM_TO(state)

const struct belay_sm_state saga_states[SAGA_STATES] = {
    [SAGA_RUNNING]
    = { .name = "running",
        .moves = TO(SAGA_COMPENSATING) | TO(SAGA_PARKED) | TO(SAGA_COMPLETED) | TO(SAGA_FAILED),
        .initial = true },
    [SAGA_COMPENSATING]
    = { .name = "compensating", .moves = TO(SAGA_PARKED) | TO(SAGA_COMPENSATED) },
    [SAGA_PARKED] = { .name = "parked",
                      .moves = TO(SAGA_RUNNING) | TO(SAGA_COMPENSATING) | TO(SAGA_COMPENSATED)
                               | TO(SAGA_COMPLETED) | TO(SAGA_FAILED) },
    [SAGA_COMPLETED] = { .name = "completed", .final = true },
    [SAGA_COMPENSATED] = { .name = "compensated", .final = true },
    [SAGA_FAILED] = { .name = "failed", .final = true },
};

#define BACKWARDS (TO(STEP_UNDOING) | TO(STEP_UNDO_BEGUN) | TO(STEP_UNDONE) | TO(STEP_LEFT))
#define DONE_OR_AWAITING (TO(STEP_DONE) | TO(STEP_AWAITING))

const struct belay_sm_state saga_step_states[STEP_STATES] = {
    [STEP_PENDING] = { .name = "pending",
                       .moves = DONE_OR_AWAITING | TO(STEP_BEGUN) | TO(STEP_SKIPPED) | TO(STEP_FAILED),
                       .initial = true },
    [STEP_BEGUN] = { .name = "begun",
                     .moves = BACKWARDS | DONE_OR_AWAITING | TO(STEP_WAITING) | TO(STEP_RESOLVING)
                              | TO(STEP_FAILED) | TO(STEP_UNKNOWN) },
    [STEP_WAITING]
    = { .name = "waiting", .moves = BACKWARDS | DONE_OR_AWAITING | TO(STEP_BEGUN) | TO(STEP_FAILED) },
    [STEP_RESOLVING]
    = { .name = "resolving",
        .moves = BACKWARDS | DONE_OR_AWAITING | TO(STEP_WAITING) | TO(STEP_FAILED) | TO(STEP_UNKNOWN) },
    [STEP_AWAITING] = { .name = "awaiting", .moves = BACKWARDS | TO(STEP_DONE) | TO(STEP_FAILED) },
    [STEP_DONE] = { .name = "done", .moves = BACKWARDS },
    [STEP_SKIPPED] = { .name = "skipped", .final = true },
    [STEP_FAILED]
    = { .name = "failed", .moves = BACKWARDS | DONE_OR_AWAITING | TO(STEP_WAITING) | TO(STEP_PASSED) },
    [STEP_UNKNOWN]
    = { .name = "unknown",
        .moves = BACKWARDS | DONE_OR_AWAITING | TO(STEP_WAITING) | TO(STEP_RESOLVING) | TO(STEP_FAILED)
                 | TO(STEP_PASSED) },
    [STEP_UNDOING]
    = { .name = "undoing", .moves = TO(STEP_UNDO_BEGUN) | TO(STEP_UNDONE) | TO(STEP_LEFT) },
    [STEP_UNDO_BEGUN]
    = { .name = "undo_begun", .moves = TO(STEP_UNDOING) | TO(STEP_UNDONE) | TO(STEP_LEFT) },
    [STEP_UNDONE] = { .name = "undone", .final = true },
    [STEP_PASSED] = { .name = "passed_over", .moves = BACKWARDS },
    [STEP_LEFT] = { .name = "left_as_it_is", .final = true },
};
