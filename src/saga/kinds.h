/* kinds.h - the sagas by name: each has a number, which is in keys and records, and counters (kinds.c).  Private to saga.
 * A kind is made once and lives until the room closes.  Thread: engine. */
#ifndef BELAY_SAGA_KINDS_H
#define BELAY_SAGA_KINDS_H

#include "saga/record.h"
#include "saga/saga.h"

#define KIND_ROW_BYTES (7 * BELAY_VARINT_MAX + BELAY_VARINT_MAX + BELAY_NAME_BYTES_MAX)

struct saga_idle {
    belay_time since; /* it moved last; NEVER: none */
    struct saga_key key;
};
struct saga_watch {                /* watch.c */
    bool walking;
    struct saga_key at;            /* rows up to this one were looked at */
    struct saga_idle best, longest; /* so far in this walk; in the one before */
};

struct saga_kind {
    uint32_t number;
    struct belay_str name, source; /* owned; source: of what it publishes, "/sagas/NAME" */
    struct belay_saga_stats stats;
    struct saga_watch watch;
};

struct saga_kind *saga_kind_find(struct belay_sagas *s, struct belay_str name);
/* Finds it or gives it a number (a record). Errors: BELAY_NOMEM, BELAY_BUSY, BELAY_NOSPACE. */
int saga_kind_need(struct belay_sagas *s, struct belay_str name, struct saga_kind **ret_kind,
                   struct belay_err *err) BELAY_MUST_CHECK;
struct saga_kind *saga_kind_at(struct belay_sagas *s, uint32_t number);
int saga_kinds_load(struct belay_sagas *s, struct belay_err *err) BELAY_MUST_CHECK;
/* Apply: its row; memory was reserved. */
void saga_kind_write(struct belay_sagas *s, const struct saga_kind *kind);
void saga_kinds_free(struct belay_sagas *s);
int saga_kind_apply(struct belay_sagas *s, struct belay_str body,
                    struct belay_err *err) BELAY_MUST_CHECK;
void saga_count(struct saga_kind *kind, uint8_t state, int by);

#endif
