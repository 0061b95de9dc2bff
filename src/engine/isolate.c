/* What was in flight when the process died runs first, and one by one: who kills it again was alone.
 *
 *   open --crash--> ISOLATING --suspect ended, or had its time--> next one ... --nobody left--> ordinary
 *
 * While it lasts only the suspect at work may call: no other message is handed out, sagas and requests wait for their
 * calls (requests without calls go on).  It is bounded: a suspect that takes longer than ALONE_MS goes on beside the
 * next, and after ISOLATE_MS the others go on whoever is still suspected. */
#include "engine/isolate.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/planted.h"
#include "broker/declare.h"
#include "engine/actions.h"
#include "engine/calls.h"
#include "engine/connections.h"
#include "engine/deliveries.h"
#include "engine/poison.h"
#include "engine/room.h"
#include "engine/runs.h"

#define ALONE_MS 5000
#define ISOLATE_MS 30000
#define PENDING_MS 5       /* one is being read */
#define SUSPECTS_A_STEP 64u
#define SAGA_STORY_BYTES 160

void engine_isolate_begin(struct belay_engine *e)
{
    bool anybody = belay_broker_suspected(e->broker) > 0 || engine_is_uncounted(e) || e->accused.count;
    e->isolating = anybody && !BELAY_PLANTED(61);
    e->isolate_until = belay_time_add_ms(e->now, ISOLATE_MS);
}

static void end(struct belay_engine *e)
{
    e->isolating = false;
    e->alone = NULL;
    e->alone_saga = NULL;
    for (uint32_t i = 0; i < e->connection_count; i++)
        e->connections[i]->wake_at = e->now; /* who waited may call */
}

/* ---- sagas: when no message is left ---- */

int engine_accuse(struct belay_engine *e, const struct belay_crash *crash, struct belay_err *err)
{
    struct engine_accused *a = &e->accused;
    char story[SAGA_STORY_BYTES];
    int n = a->alone ? snprintf(story, sizeof story, "the process died while this saga alone was at work")
                     : snprintf(story, sizeof story, "the process died with %u messages and %u calls of sagas and requests in flight, "
                                "this one among them", crash->count, crash->others);
    int status = BELAY_OK;
    bool counted = crash->number < belay_broker_crash_next(e->broker); /* by a process that died before it had cleared the pages */
    for (; status == BELAY_OK && a->told < a->count; a->told += status == BELAY_OK)
        if (!counted)
            status = belay_sagas_accuse(e->sagas, a->keys[a->told], a->alone, belay_str(story, (size_t)n), e->now, err);
    if (status == BELAY_OK && !counted && a->request_alone && !a->request_told && !BELAY_PLANTED(59)) {
        status = engine_poison_died_of(e, a->request, crash->number, err);
        a->request_told = status == BELAY_OK;
    }
    return status;
}

void engine_accused_free(struct belay_engine *e)
{
    for (uint32_t i = 0; i < e->accused.count; i++)
        belay_free((char *)(uintptr_t)e->accused.keys[i].p);
    belay_free(e->accused.keys);
    e->accused = (struct engine_accused){ 0 };
}

/* True: one is at work, or there may be one in a moment. */
static bool isolate_saga(struct belay_engine *e)
{
    struct engine_accused *a = &e->accused;
    while (a->next < a->count) {
        e->alone_saga = engine_call_saga(e, a->keys[a->next]); /* also a second one: first it asked, then it does */
        e->alone_until = e->isolate_until;
        if (e->alone_saga)
            return true;
        a->next++; /* it is through, or wants nothing just now, or what kills is put aside */
    }
    return false;
}

void engine_isolate_saga_out(struct belay_engine *e, const struct engine_call *c, bool ended)
{
    if (e->alone_saga != c)
        return;
    if (ended)
        e->alone_saga = NULL;
    else
        e->alone_until = belay_time_add_ms(e->now, ALONE_MS);
}

bool engine_isolate(struct belay_engine *e)
{
    bool pending = true;
    if (!e->isolating)
        return true;
    for (uint32_t i = 0; i < SUSPECTS_A_STEP && engine_may_deliver(e); i++) {
        if (e->now >= e->isolate_until)
            break;
        if ((e->alone || e->alone_saga) && e->now < e->alone_until)
            return false;
        if (e->alone_saga) { /* it had its time: it goes on beside the next */
            e->alone_saga = NULL;
            e->accused.next++;
        }
        struct belay_delivery *d = belay_broker_next_suspect(e->broker, e->now, &pending);
        if (!d && pending)
            return false;
        if (!d && isolate_saga(e))
            return false;
        if (!d)
            break;
        BELAY_ASSERT(pending);
        e->alone = NULL;
        e->alone_until = belay_time_add_ms(e->now, ALONE_MS);
        engine_deliver_one(e, d);
    }
    if (!pending || e->now >= e->isolate_until)
        end(e);
    return !e->isolating;
}

void engine_isolate_granted(struct belay_engine *e, const struct engine_run *r)
{
    if (e->isolating && e->alone == r)
        e->alone_until = e->isolate_until;
}

void engine_isolate_out(struct belay_engine *e, const struct engine_run *r)
{
    if (e->isolating && e->alone == r)
        e->alone_until = belay_time_add_ms(e->now, ALONE_MS);
}

belay_time engine_isolate_wake_at(const struct belay_engine *e)
{
    if (!e->isolating)
        return BELAY_TIME_NEVER;
    bool waits = (e->alone || e->alone_saga) && e->alone_until < e->isolate_until;
    belay_time at = waits ? e->alone_until : belay_time_add_ms(e->now, PENDING_MS);
    return at < e->isolate_until ? at : e->isolate_until;
}

/* ---- quarantine ---- */

uint32_t engine_deaths_allowed(const struct belay_engine *e, const struct belay_flow_def *flow)
{
    uint32_t after = flow && flow->crash_after ? flow->crash_after : e->current->crash_after;
    return after ? after : BELAY_CRASH_AFTER_DEFAULT;
}

static void tell(struct belay_engine *e, const struct belay_delivery *d, const struct belay_fault *fault)
{
    const struct belay_action_event event = { .level = 3, .name = "poison.quarantined",
                                              .owner = belay_subscription_name(d->sub), .sequence = d->sequence,
                                              .attempt = d->attempt };
    engine_tell_fault(e, &event, &d->message, fault);
}

bool engine_quarantine(struct belay_engine *e, struct belay_delivery *d, const struct belay_flow_def *flow)
{
    struct belay_fault fault;
    struct belay_err err;
    if (d->deaths < engine_deaths_allowed(e, flow))
        return false;
    belay_fault_init(&fault, BELAY_FAULT_CRASH, BELAY_CLASS_PERMANENT,
                     "the process died %u times while only this message was at work: it is not run again "
                     "until it is replayed", d->deaths);
    fault.at = e->now;
    belay_buf_clear(&e->buf);
    belay_broker_crash_story(e->broker, d, &e->buf);
    belay_fault_set_excerpt(&fault, belay_buf_view(&e->buf));
    engine_poison_quarantined(e, d, flow, &fault);
    bool park = flow && flow->lanes.on_exhausted == BELAY_EXHAUSTED_PARK_KEY;
    tell(e, d, &fault);
    int status = belay_broker_letter(e->broker, d, &fault, park, d->progress, d->definition, e->now, &err);
    if (status == BELAY_OK)
        e->stats.letters++;
    else if (engine_no_room(e, status, &err))
        belay_broker_defer(e->broker, d, belay_time_add_ms(e->now, PENDING_MS));
    return true;
}
