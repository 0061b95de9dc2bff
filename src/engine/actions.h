/* actions.h - what leaves the process, in order, once the journal is durable through its position (actions.c).
 * Private to engine. engine_hold_* takes a place in a ring that engine_may_deliver kept free: it cannot fail.
 * Thread: engine. */
#ifndef BELAY_ENGINE_ACTIONS_H
#define BELAY_ENGINE_ACTIONS_H

#include "base/arena.h"
#include "engine/engine.h"

struct engine_call;
struct engine_run;

/* An event or a log record on its way out: all copied. */
struct engine_event {
    struct engine_event *next_free;
    struct belay_action_event event;
    struct belay_arena arena;
};

struct engine_held {
    uint64_t position;
    enum belay_action_kind kind;
    bool cancel;
    uint32_t generation; /* CALL: of the call as it was */
    union {
        struct engine_call *call;
        struct engine_run *run;
        struct engine_event *event;
    } u;
};

int engine_actions_init(struct belay_engine *e);
void engine_actions_free(struct belay_engine *e);
void engine_hold_call(struct belay_engine *e, struct engine_call *c, bool cancel);
void engine_hold_reply(struct belay_engine *e, struct engine_run *r);
/* Copies; dropped (and counted) where too many wait. m may be NULL. */
void engine_hold_event(struct belay_engine *e, enum belay_action_kind kind,
                       const struct belay_action_event *event, const struct belay_message *m);
/* An event (of level, name, owner, what is known of the attempt) with the usual fields of a fault. */
void engine_tell_fault(struct belay_engine *e, const struct belay_action_event *event,
                       const struct belay_message *m, const struct belay_fault *fault);
/* For the sagas (sagas.c). */
void engine_tell_saga(void *arg, const struct belay_saga_news *news);
void engine_tell_saga_letter(void *arg, const struct belay_delivery *d, const struct belay_fault *fault);
bool engine_actions_crowded(const struct belay_engine *e);
void engine_actions_clamp(struct belay_engine *e);

#endif
