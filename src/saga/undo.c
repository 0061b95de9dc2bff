/* undo.c - compensation: backwards over every step that began and is not known to have had no
 * effect, one at a time, each until it is undone or parked (G5).
 *
 * `at` is the step being undone.  Its message, where it published one, is taken out of its
 * subscriptions first; its `compensate` runs unless nobody ever began to handle that message. */
#include "broker/by_name.h"
#include "broker/stats.h"
#include "saga/turn.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/planted.h"
#include "saga/apply.h"
#include "saga/room.h"

static bool can_be_undone(const struct belay_saga_step_def *def)
{
    return def->compensate || def->publish;
}

int saga_undo_next(const struct saga_turn *t, const struct saga_move *m, int from)
{
    for (int i = from - 1; i >= 0; i--) {
        int n = BELAY_PLANTED(9) ? from - 1 - i : i; /* in the order of the steps */
        struct saga_step step = t->saga->steps[n];
        if (n == m->step) {
            step.state = m->step_state;
            step.flags = m->step_flags;
        }
        if (saga_step_counts(&step) && can_be_undone(&t->def->steps[n]))
            return n;
    }
    return -1;
}

/* The step is undone, or left as it is: on to the one below, or the end. */
void saga_move_undone(struct saga_turn *t, struct saga_move *m, enum saga_step_state state)
{
    BELAY_ASSERT(state == STEP_UNDONE || state == STEP_LEFT);
    m->step_state = (uint8_t)state;
    m->flags = saga_innocent(m->flags);
    m->attempt = 0;
    m->delay_ms = 0;
    m->first_at = t->now;
    bool lost = state == STEP_LEFT && BELAY_PLANTED(16); /* with it those below */
    int next = lost ? -1 : saga_undo_next(t, m, m->step);
    if (next >= 0) {
        m->state = SAGA_COMPENSATING;
        m->at = (uint8_t)next;
        m->due = t->now;
    } else {
        m->state = SAGA_COMPENSATED;
        m->at = t->saga->step_count;
        m->due = belay_time_add_ms(t->now, BELAY_SAGA_KEEP_MS);
    }
}

static enum saga_act park(struct saga_turn *t, const struct belay_fault *fault)
{
    struct saga_move m;
    saga_move_init(&m, t->saga, t->now, SAGA_EVENT_PARKED);
    saga_move_park(t, &m, fault);
    return saga_commit(t, &m);
}

/* ---- the message of a publish ---- */

enum withdrawal { WITHDRAWN, HAPPENED, BUSY };

static bool in_flight_anywhere(struct belay_broker *b, struct belay_str topic, uint64_t sequence)
{
    struct belay_subscription *sub;
    for (uint32_t n = 0; (sub = belay_broker_topic_subscription(b, topic, n)); n++)
        if (belay_broker_state_of(b, sub, sequence, NULL) == BELAY_MESSAGE_IN_FLIGHT)
            return true;
    return false;
}

/* Out of every subscription.  Where it fails half-way those that are done read as handled the next
 * time: then `compensate` runs although it need not have, which it tolerates. */
static enum withdrawal withdraw(struct saga_turn *t, struct belay_str topic, uint64_t sequence)
{
    struct belay_broker *b = t->room->opt.broker;
    struct belay_subscription *sub;
    enum withdrawal result = WITHDRAWN;
    if (in_flight_anywhere(b, topic, sequence))
        return BUSY;
    for (uint32_t n = 0; (sub = belay_broker_topic_subscription(b, topic, n)); n++) {
        bool attempted = false;
        int status = belay_broker_cancel(b, sub, sequence, BELAY_STR("compensated"), t->now,
                                         &attempted, NULL);
        if (status == BELAY_NOTFOUND || (status == BELAY_OK && attempted))
            result = HAPPENED;
        else if (status != BELAY_OK)
            return BUSY;
    }
    return result;
}

/* One that was to appear later: no room to write that down is no sign that it has. */
static enum withdrawal unschedule(struct saga_turn *t, const struct saga_step *step)
{
    int status = belay_broker_schedule_cancel(t->room->opt.broker, step->due, step->sequence, NULL);
    return status == BELAY_OK ? WITHDRAWN : status == BELAY_NOTFOUND ? HAPPENED : BUSY;
}

static enum saga_act take_back(struct saga_turn *t, const struct saga_step *step)
{
    struct saga_move m;
    saga_move_init(&m, t->saga, t->now, SAGA_EVENT_WITHDRAWN);
    m.step_state = STEP_UNDOING;
    m.carries |= MOVE_TEXT;
    m.text = BELAY_STR("too late, somebody had begun to handle it: what it did is undone next");
    if (saga_move_reserve(t->room, t->saga, &m, 4096, NULL) != BELAY_OK)
        return ACT_NO_ROOM;
    enum withdrawal result = step->flags & STEP_DELAYED ? unschedule(t, step)
                                                        : withdraw(t, saga_range(t->saga, step->topic), step->sequence);
    if (result == BUSY)
        return ACT_WAIT;
    if (saga_move_reserve(t->room, t->saga, &m, 0, NULL)
        != BELAY_OK) /* withdrawing may have used it */
        return ACT_NO_ROOM;
    m.step_flags |= STEP_CANCELLED;
    if (result == HAPPENED)
        m.step_flags |= STEP_HAPPENED;
    else
        m.text = BELAY_STR("nobody had begun to handle it");
    if (result == WITHDRAWN || !t->def->steps[m.step].compensate)
        saga_move_undone(t, &m, STEP_UNDONE);
    saga_move_append(t->room, t->saga, &m);
    return ACT_AGAIN;
}

/* ---- compensate ---- */

static enum saga_act publish_undo(struct saga_turn *t, const struct belay_publish_def *publish)
{
    struct saga_move m;
    struct belay_fault fault;
    bool failed = false;
    saga_move_init(&m, t->saga, t->now, SAGA_EVENT_UNDONE);
    saga_move_undone(t, &m, STEP_UNDONE);
    enum saga_act act = saga_make_publish(t, publish, 1, &m, &fault, &failed);
    return failed ? park(t, &fault) : act;
}

static enum saga_act compensate(struct saga_turn *t, const struct belay_compensate_def *c)
{
    if (c && c->call)
        return saga_make_call(t, c->call, FLIGHT_UNDO);
    if (c && c->publish)
        return publish_undo(t, c->publish);
    struct saga_move m;
    saga_move_init(&m, t->saga, t->now, SAGA_EVENT_UNDONE);
    saga_move_undone(t, &m, STEP_UNDONE);
    return saga_commit(t, &m);
}

enum saga_act saga_undo(struct saga_turn *t)
{
    struct saga *i = t->saga;
    BELAY_ASSERT(i->state == SAGA_COMPENSATING && i->at < i->step_count && i->flight == FLIGHT_NONE);
    const struct saga_step *step = &i->steps[i->at];
    if (step->state == STEP_UNDO_BEGUN && !i->again) { /* the process ended before it knew */
        struct belay_err err;
        return saga_outcome(t, FLIGHT_UNDO, false, NULL, &err) == BELAY_OK ? ACT_AGAIN
                                                                           : ACT_NO_ROOM;
    }
    if (t->now < i->due)
        return ACT_LATER;
    if ((step->flags & STEP_PUBLISHED) && !(step->flags & STEP_CANCELLED))
        return take_back(t, step);
    return compensate(t, t->def->steps[i->at].compensate);
}
