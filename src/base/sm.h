/* sm.h - a state machine as a table of states and allowed moves, checked on each move.
 * After dqlite's sm: the table is the diagram.  Thread: owner of the machine. */
#ifndef BELAY_BASE_SM_H
#define BELAY_BASE_SM_H

#include <stdbool.h>
#include <stdint.h>

struct belay_sm_state {
    const char *name;
    uint32_t moves; /* bit i: may go to state i */
    bool initial, final;
};

#define BELAY_SM_TO(state) (1u << (state))

static inline bool belay_sm_may(const struct belay_sm_state *states, unsigned from, unsigned to)
{
    return (states[from].moves >> to) & 1u;
}

/* *state = to; a move the table does not allow is a bug and asserts, naming both states. */
void belay_sm_move(const struct belay_sm_state *states, uint8_t *state, unsigned to);

#endif
