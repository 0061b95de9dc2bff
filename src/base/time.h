/* time.h - the unit of time.  Instants are microseconds since the Unix epoch (engine time:
 * monotone, recorded); durations carry their unit in the name (timeout_ms).  Thread: any. */
#ifndef BELAY_BASE_TIME_H
#define BELAY_BASE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

typedef int64_t belay_time;

#define BELAY_TIME_NEVER INT64_MAX
#define BELAY_US_PER_MS 1000
#define BELAY_US_PER_S 1000000

static inline belay_time belay_time_add_ms(belay_time t, int64_t ms)
{
    return ms > (BELAY_TIME_NEVER - t) / BELAY_US_PER_MS ? BELAY_TIME_NEVER
                                                         : t + ms * BELAY_US_PER_MS;
}

/* "2026-07-01T12:00:00.123Z" and its NUL. */
#define BELAY_TIME_TEXT_BYTES 25

/* RFC 3339 in UTC with milliseconds (cut off, not rounded). Instants outside the years 0 to 9999
 * are shown as the nearest that is inside. */
void belay_time_text(belay_time t, char ret_text[BELAY_TIME_TEXT_BYTES]);
/* RFC 3339, with an offset or Z, its fraction cut off at microseconds; or a date alone: its midnight in UTC. False: it
 * is neither. */
bool belay_time_parse(struct belay_str text, belay_time *ret_t);

#endif
