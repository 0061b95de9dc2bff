#include "runtime/clock_watch.h"

#define JUMP_US (5 * (int64_t)BELAY_US_PER_S)

int64_t clock_watch_jump(struct clock_watch *w, belay_time wall, belay_time monotonic)
{
    int64_t ahead = wall - monotonic, moved = w->known ? ahead - w->ahead : 0;
    if (w->known && moved > -JUMP_US && moved < JUMP_US) {
        /* A clock that is slowly put right (NTP slews) never jumps: only what happens between two looks counts. */
        w->ahead = ahead;
        return 0;
    }
    w->known = true;
    w->ahead = ahead;
    return moved;
}
