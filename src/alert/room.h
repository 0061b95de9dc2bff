/* room.h - what the files of this room share.  Private to alert.
 *
 *   alert.c    what fires, and the notices of it
 *   memory.c   what was told, as rows that outlive the process */
#ifndef BELAY_ALERT_ROOM_H
#define BELAY_ALERT_ROOM_H

#include "alert/alert.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"

/* "rule", NUL, "subject": names hold no NUL. */
#define KEY_BYTES_MAX (2 * BELAY_NAME_BYTES_MAX + 1)

#define WINDOW_SLICES 12u /* an event's window is counted in these: old ones go one by one */

struct alert {
    struct belay_list node;
    const struct belay_alert_def *def;
    struct belay_str key, subject; /* behind the struct; the key ends with the subject */
    enum belay_alert_state state;
    bool breach, seen;
    bool held; /* its notice had no room in this round */
    belay_time since, told_at;
    belay_time due_at; /* since when there is news; 0: none */
    double value, told_value;
    uint64_t told;
    /* What the next process has to know (memory.c) */
    uint64_t row;              /* its number; 0: never told, none */
    struct belay_list unsaved; /* node: the row is not as it should be */
    struct belay_str told_to;  /* channel; behind the struct */
    belay_time trusted_until;  /* told by a process before this one: until then silence of its figure does not mean that it is over */
    bool written;              /* the row is in the store, as it should be or older */
    bool gone;                 /* the row is all that is left, and it goes */
    /* EVENT */
    uint32_t slices[WINDOW_SLICES];
    int64_t slice; /* number of the newest, in slices since the epoch */
};

enum { KINDS = 4 }; /* of notices of a rule: firing and over, of others and of our own */

struct group {
    belay_time told_at[KINDS];  /* 0: never */
    belay_time due_at[KINDS];   /* of the first with news; 0: nobody. As of the last look */
};

struct belay_alerts {
    const struct belay_alert_def *defs;
    struct group *groups; /* of each rule; NULL: no memory, then notices come as they are due */
    uint32_t def_count, count;
    struct belay_list alerts;
    struct belay_silences silences;
    struct belay_map by_key;
    uint64_t dropped;
    struct belay_list unsaved; /* of alerts; first those that are gone */
    uint64_t row_last;         /* number */
};

struct alert *alert_find(const struct belay_alerts *a, const struct belay_alert_def *def, struct belay_str subject);
/* PENDING, not told. NULL: no room or no memory; it is counted. */
struct alert *alert_begin(struct belay_alerts *a, const struct belay_alert_def *def, struct belay_str subject, belay_time now);
/* Of an event: so often, then. */
void alert_count_from(struct alert *x, double times, belay_time at);
/* The first channel it is told through; "": the log alone. */
struct belay_str alert_channel(const struct alert *x);
const struct belay_alert_def *alert_rule(const struct belay_alert_def *defs, uint32_t count, struct belay_str name);

/* ---- memory.c ---- */
/* It was told: its row has to say so. */
void alert_remember(struct belay_alerts *a, struct alert *x);
/* It is out of every list but that of the rows; frees it, at once or once its row is gone. */
void alert_drop(struct belay_alerts *a, struct alert *x);
void alerts_rows_deinit(struct belay_alerts *a);

#endif
