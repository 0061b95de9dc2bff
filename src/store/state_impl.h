/* state_impl.h - what state.c (reads, writes) and state_checkpoint.c share; private to them. */
#ifndef BELAY_STORE_STATE_IMPL_H
#define BELAY_STORE_STATE_IMPL_H

#include "store/state.h"
#include "store/state_gap.h"
#include "store/state_overlay.h"

struct belay_state {
    struct belay_state_backend backend;
    size_t size_bytes_max;
    uint32_t changes_max;
    struct overlay *active, *frozen; /* of overlays; frozen is NULL where there is none */
    struct overlay overlays[2];
    bool backend_empty[STATE_TABLES]; /* as of the last refresh: no need to ask it */
    bool refused; /* a reservation, since the last freeze */
    uint64_t position;
    struct belay_err err; /* the first of a read */
    struct state_gaps gaps;
    void (*rest)(void *arg); /* NULL: none */
    void *rest_arg;
};

/* Keeps the first one. */
void state_failed(struct belay_state *s, const struct belay_err *err);
/* Looks which tables of the backend hold nothing: all of them, or those that `changed` says something of. */
int state_look_for_empty(struct belay_state *s, const struct overlay *changed, struct belay_err *err) BELAY_MUST_CHECK;

#endif
