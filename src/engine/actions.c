/* What leaves the process waits here, in order, until the journal is durable through its position.
 * Positions only grow, so a ring is enough: when its head may not go, nothing behind it may. */
#include "engine/actions.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/planted.h"
#include "engine/calls.h"
#include "engine/isolate.h"
#include "engine/room.h"
#include "engine/runs.h"

#define EVENT_BYTES_MAX BELAY_KIB(32)
#define EVENT_FIELDS_MAX 64u

_Static_assert((BELAY_ACTIONS_MAX & (BELAY_ACTIONS_MAX - 1)) == 0, "a mask finds the place");

int engine_actions_init(struct belay_engine *e)
{
    e->ring = belay_calloc(BELAY_ACTIONS_MAX, sizeof *e->ring);
    return e->ring ? BELAY_OK : BELAY_NOMEM;
}

static void event_free(struct engine_event *event)
{
    belay_arena_deinit(&event->arena);
    belay_free(event);
}

void engine_actions_free(struct belay_engine *e)
{
    for (uint32_t i = 0; i < e->ring_count; i++) {
        struct engine_held *h = &e->ring[(e->ring_head + i) & (BELAY_ACTIONS_MAX - 1)];
        if (h->kind == BELAY_ACTION_LOG || h->kind == BELAY_ACTION_EVENT)
            event_free(h->u.event);
    }
    if (e->shown_event)
        event_free(e->shown_event);
    while (e->free_events) {
        struct engine_event *event = e->free_events;
        e->free_events = event->next_free;
        event_free(event);
    }
    belay_free(e->ring);
}

static struct engine_held *hold(struct belay_engine *e, enum belay_action_kind kind)
{
    BELAY_ASSERT(e->ring_count < BELAY_ACTIONS_MAX);
    struct engine_held *h = &e->ring[(e->ring_head + e->ring_count++) & (BELAY_ACTIONS_MAX - 1)];
    *h = (struct engine_held){ .position = belay_store_position(e->store), .kind = kind };
    return h;
}

void engine_hold_call(struct belay_engine *e, struct engine_call *c, bool cancel)
{
    struct engine_held *h = hold(e, BELAY_ACTION_CALL);
    BELAY_ASSERT(c->used && !c->ended && c->connection);
    h->cancel = cancel;
    h->generation = c->generation;
    h->u.call = c;
}

void engine_hold_reply(struct belay_engine *e, struct engine_run *r)
{
    BELAY_ASSERT(r->state == RUN_ANSWERED);
    hold(e, BELAY_ACTION_REPLY)->u.run = r;
}

/* Before a flush, when nothing more comes into this commit: room that was promised counts for the
 * position, and where nothing came of it an action would wait for a commit that may never be. */
void engine_actions_clamp(struct belay_engine *e)
{
    uint64_t position = belay_store_position(e->store);
    for (uint32_t i = e->ring_count; i > 0; i--) {
        struct engine_held *h = &e->ring[(e->ring_head + i - 1) & (BELAY_ACTIONS_MAX - 1)];
        if (h->position <= position)
            return;
        h->position = position;
    }
}

/* Events and logs leave room for calls and replies, of which each run and call has one at most. */
static bool room_for_events(const struct belay_engine *e)
{
    return e->ring_count < BELAY_ACTIONS_MAX / 4 && e->event_count < BELAY_EVENTS_MAX;
}

bool engine_actions_crowded(const struct belay_engine *e)
{
    return e->ring_count >= BELAY_ACTIONS_MAX / 8 || e->event_count >= BELAY_EVENTS_MAX / 2;
}

static struct engine_event *event_new(struct belay_engine *e)
{
    struct engine_event *event = e->free_events;
    if (event) {
        e->free_events = event->next_free;
        belay_arena_reset(&event->arena);
    } else {
        event = belay_calloc(1, sizeof *event);
        if (!event)
            return NULL;
        belay_arena_init(&event->arena, 1024, EVENT_BYTES_MAX);
    }
    e->event_count++;
    return event;
}

static void event_release(struct belay_engine *e, struct engine_event *event)
{
    BELAY_ASSERT(e->event_count);
    event->next_free = e->free_events;
    e->free_events = event;
    e->event_count--;
}

static void event_copy(struct engine_event *to, const struct belay_action_event *from,
                       const struct belay_message *m)
{
    struct belay_arena *a = &to->arena;
    uint32_t count = from->field_count < EVENT_FIELDS_MAX ? from->field_count : EVENT_FIELDS_MAX;
    struct belay_field *fields = count ? BELAY_ARENA_ARRAY(a, struct belay_field, count) : NULL;
    to->event = *from;
    to->event.owner = belay_arena_str(a, from->owner);
    to->event.message_id = belay_arena_str(a, m ? m->id : from->message_id);
    to->event.correlationid = belay_arena_str(a, m ? m->correlationid : from->correlationid);
    to->event.traceparent = belay_arena_str(a, m ? m->traceparent : from->traceparent);
    to->event.key = belay_arena_str(a, m ? m->key : from->key);
    for (uint32_t i = 0; fields && i < count; i++)
        fields[i] = (struct belay_field){ belay_arena_str(a, from->fields[i].name),
                                          belay_arena_str(a, from->fields[i].value) };
    to->event.fields = fields;
    to->event.field_count = fields ? count : 0;
}

void engine_hold_event(struct belay_engine *e, enum belay_action_kind kind,
                       const struct belay_action_event *from, const struct belay_message *m)
{
    BELAY_ASSERT(kind == BELAY_ACTION_LOG || (kind == BELAY_ACTION_EVENT && from->name));
    struct engine_event *event = room_for_events(e) ? event_new(e) : NULL;
    if (!event) {
        e->events_dropped++;
        return;
    }
    event_copy(event, from, m);
    hold(e, kind)->u.event = event;
}

void engine_tell_fault(struct belay_engine *e, const struct belay_action_event *event,
                       const struct belay_message *m, const struct belay_fault *fault)
{
    const struct belay_field fields[] = {
        { BELAY_STR("error"), belay_str_c(fault->type) },
        { BELAY_STR("class"), belay_str_c(belay_class_name(fault->class_)) },
        { BELAY_STR("step"), belay_str_c(fault->step) },
        { BELAY_STR("description"), belay_str_c(fault->description) },
        { BELAY_STR("endpoint"), belay_str_c(fault->endpoint) },
    };
    struct belay_action_event whole = *event;
    whole.fields = fields;
    whole.field_count = sizeof fields / sizeof *fields;
    whole.status = fault->status;
    whole.duration_us = fault->duration_us;
    engine_hold_event(e, BELAY_ACTION_EVENT, &whole, m);
}

/* What the last action showed may go now. */
static void release_shown(struct belay_engine *e)
{
    if (e->shown_run)
        engine_run_free(e, e->shown_run);
    if (e->shown_event)
        event_release(e, e->shown_event);
    e->shown_run = NULL;
    e->shown_event = NULL;
}

/* False: the call is not wanted any more, or ended before it could be cancelled. */
static bool show_call(struct belay_engine *e, const struct engine_held *h, struct belay_action *a)
{
    struct engine_call *c = h->u.call;
    if (!c->used || c->generation != h->generation || (h->cancel && !c->out))
        return false;
    c->out = true;
    if (c->run && !h->cancel)
        engine_isolate_out(e, c->run);
    if (c->saga && !h->cancel)
        engine_isolate_saga_out(e, c, false);
    a->u.call.connection = c->def;
    a->u.call.request = &c->request;
    a->u.call.cancel = h->cancel;
    e->stats.calls += !h->cancel;
    return true;
}

static bool show(struct belay_engine *e, const struct engine_held *h, struct belay_action *a)
{
    a->kind = h->kind;
    switch (h->kind) {
    case BELAY_ACTION_CALL:
        return show_call(e, h, a);
    case BELAY_ACTION_REPLY:
        BELAY_ASSERT(h->u.run->state == RUN_ANSWERED && h->u.run->reply.user == h->u.run->request->user);
        e->shown_run = h->u.run;
        a->u.reply = h->u.run->reply;
        e->stats.replies++;
        return true;
    case BELAY_ACTION_LOG:
        e->shown_event = h->u.event;
        a->u.log = h->u.event->event;
        return true;
    case BELAY_ACTION_EVENT:
        e->shown_event = h->u.event;
        a->u.event = h->u.event->event;
        return true;
    }
    BELAY_UNREACHABLE();
}

bool belay_engine_action(struct belay_engine *e, struct belay_action *ret_action)
{
    release_shown(e);
    if (e->failed)
        return false;
    uint64_t durable = belay_store_durable(e->store);
    struct belay_action action;
    while (e->ring_count) {
        const struct engine_held *h = &e->ring[e->ring_head];
        bool early = (BELAY_PLANTED(1) && h->kind == BELAY_ACTION_REPLY)
                     || (BELAY_PLANTED(2) && h->kind == BELAY_ACTION_CALL);
        if (h->position > durable && !early)
            return false;
        e->ring_head = (e->ring_head + 1) & (BELAY_ACTIONS_MAX - 1);
        e->ring_count--;
        if (show(e, h, &action)) {
            *ret_action = action;
            return true;
        }
    }
    return false;
}
