/* clock.h - the port to time.  Uses: base.  Thread: any.
 * The core never asks: its events carry the time. Who makes events asks this port, and the
 * simulation and `belay test` put a clock of their own behind it. */
#ifndef BELAY_PLATFORM_CLOCK_H
#define BELAY_PLATFORM_CLOCK_H

#include "base/time.h"

struct belay_clock {
    /* Microseconds since the Unix epoch; may jump when an operator or NTP sets the clock. */
    belay_time (*wall_us)(void *ctx);
    /* Microseconds since some start; never goes back, stands still for nobody. */
    belay_time (*monotonic_us)(void *ctx);
    void *ctx;
};

/* The system's clocks. Static, never closed. */
const struct belay_clock *belay_clock_posix(void);

static inline belay_time belay_clock_wall(const struct belay_clock *c)
{
    return c->wall_us(c->ctx);
}

static inline belay_time belay_clock_monotonic(const struct belay_clock *c)
{
    return c->monotonic_us(c->ctx);
}

#endif
