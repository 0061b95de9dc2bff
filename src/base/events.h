/* events.h - the names of what the log tells: one table, for the log, for rules of alerts that count events, and for
 * docs/events.md, which is made from it.  tools/check_events.py holds every name in src/ against it, both ways.
 *
 * Uses: base.  Thread: any. */
#ifndef BELAY_BASE_EVENTS_H
#define BELAY_BASE_EVENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct belay_event_def {
    const char *name;   /* "thing.happened": stable */
    const char *level;  /* as docs say it */
    bool counted;       /* rules of alerts can count it */
    const char *means;  /* Markdown */
    const char *beside; /* fields beside the ids, Markdown; "" none */
};

/* By index from 0; NULL at the end. */
const struct belay_event_def *belay_event_at(size_t index);
const struct belay_event_def *belay_event_find(struct belay_str name); /* NULL: none is called so */

#endif
