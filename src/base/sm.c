#include "base/sm.h"

#include <stdio.h>

#include "base/assert.h"

void belay_sm_move(const struct belay_sm_state *states, uint8_t *state, unsigned to)
{
    if (!belay_sm_may(states, *state, to)) {
        char text[128];
        snprintf(text, sizeof text, "state machine: %s -> %s", states[*state].name, states[to].name);
        belay_assert_failed(text, __FILE__, __LINE__);
    }
    *state = (uint8_t)to;
}
