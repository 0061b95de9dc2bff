/* clock_watch.h - did the wall clock jump?  It is held against the monotonic clock, which nobody sets.
 *
 * A machine that slept looks the same as a clock that was set forward: for timers it is the same.  What is told by the
 * engine itself (far back, clock.c) is not told twice.  Uses: base.  Thread: engine. */
#ifndef BELAY_RUNTIME_CLOCK_WATCH_H
#define BELAY_RUNTIME_CLOCK_WATCH_H

#include <stdbool.h>

#include "base/time.h"

struct clock_watch {
    bool known;
    int64_t ahead; /* of the monotonic clock, when it was looked at last */
};

/* By how many microseconds the wall clock jumped since the last look; 0: by less than a few seconds. */
int64_t clock_watch_jump(struct clock_watch *w, belay_time wall, belay_time monotonic);

#endif
