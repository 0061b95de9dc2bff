/* person.c - what a person says about an instance: settle a parked one, cancel a running one. */
#include "saga/room.h"

static int find(struct belay_sagas *s, struct belay_str name, struct belay_str id, belay_time now,
                struct saga_turn *t, struct belay_err *err)
{
    struct saga_kind *kind = saga_kind_find(s, name);
    struct saga_key key;
    struct saga *i;
    s->now = now;
    if (!kind || id.n == 0 || id.n > BELAY_KEY_BYTES_MAX)
        return belay_fail(err, BELAY_NOTFOUND, "no saga %.*s with the id %.*s", BELAY_STR_ARG(name),
                          BELAY_STR_ARG(id));
    saga_key_init(&key, kind->number, id);
    int status = saga_cache_get(s, &key, &i, err);
    if (status != BELAY_OK)
        return status;
    if (saga_cache_is_loose(i))
        saga_cache_place(s, i, now);
    saga_turn_init(t, s, i, now);
    return BELAY_OK;
}

static int commit(struct saga_turn *t, struct saga_move *m, struct belay_str who,
                  struct belay_err *err)
{
    if (!(m->carries & MOVE_TEXT)) {
        belay_buf_clear(&t->room->text);
        belay_buf_printf(&t->room->text, "by %.*s", BELAY_STR_ARG(who));
        m->carries |= MOVE_TEXT;
        m->text = belay_str_sub(belay_buf_view(&t->room->text), 0, SAGA_TEXT_BYTES_MAX);
    }
    int status = saga_move_commit(t->room, t->saga, m, err);
    if (status == BELAY_OK)
        saga_cache_place(t->room, t->saga, t->now);
    saga_cache_trim(t->room);
    return status;
}

static void try_again(struct saga_turn *t, struct saga_move *m)
{
    m->state = t->saga->parked_from;
    m->attempt = 0;
    m->delay_ms = 0;
    m->first_at = t->now;
    if (m->state == SAGA_RUNNING && m->step_state == STEP_UNKNOWN) {
        bool ask = t->def && t->def->steps[m->step].resolve;
        m->step_state = ask ? STEP_RESOLVING : STEP_WAITING;
        m->step_attempts = 0;
    }
}

static int not_done(struct saga_turn *t, struct saga_move *m, struct belay_str who,
                    struct belay_err *err)
{
    struct belay_fault fault;
    m->step_state = STEP_FAILED;
    m->step_flags &= (uint8_t)~STEP_MAYBE;
    belay_fault_init(&fault, "SAGA:NOT_DONE", BELAY_CLASS_PERMANENT,
                     "%.*s says that it was not done", BELAY_STR_ARG(who));
    saga_move_fail(t, m, &fault);
    return commit(t, m, who, err);
}

/* A step forwards of which nobody could tell. */
static int settle_step(struct saga_turn *t, bool done, struct belay_str who, struct belay_err *err)
{
    struct saga_move m;
    if (t->saga->at >= t->saga->step_count || t->saga->steps[t->saga->at].state != STEP_UNKNOWN)
        return belay_fail(err, BELAY_CONFLICT,
                          "it is not parked for a step of unknown outcome: try again, or cancel");
    if (!t->def)
        return belay_fail(err, BELAY_CONFLICT, "the definition it began with is not there");
    saga_move_init(&m, t->saga, t->now,
                   done ? SAGA_EVENT_SETTLED_DONE : SAGA_EVENT_SETTLED_NOT_DONE);
    if (!done)
        return not_done(t, &m, who, err);
    saga_move_done(t, &m);
    return commit(t, &m, who, err);
}

/* A compensation.  "Not done" is what it was parked for: it has to be done still. */
static int settle_undo(struct saga_turn *t, bool done, struct belay_str who, struct belay_err *err)
{
    struct saga_move m;
    saga_move_init(&m, t->saga, t->now,
                   done ? SAGA_EVENT_SETTLED_DONE : SAGA_EVENT_SETTLED_NOT_DONE);
    if (!done) {
        try_again(t, &m);
    } else {
        if (!t->def)
            return belay_fail(err, BELAY_CONFLICT, "the definition it began with is not there");
        saga_move_undone(t, &m);
    }
    return commit(t, &m, who, err);
}

int belay_sagas_settle(struct belay_sagas *s, struct belay_str name, struct belay_str id,
                       enum belay_settle how, struct belay_str who, belay_time now,
                       struct belay_err *err)
{
    struct saga_turn t;
    struct saga_move m;
    int status = find(s, name, id, now, &t, err);
    if (status != BELAY_OK)
        return status;
    if (t.saga->state != SAGA_PARKED)
        return belay_fail(err, BELAY_CONFLICT, "it is %s, not parked",
                          saga_states[t.saga->state].name);
    if (how == BELAY_SETTLE_RETRY) {
        saga_move_init(&m, t.saga, now, SAGA_EVENT_SETTLED_RETRY);
        try_again(&t, &m);
        return commit(&t, &m, who, err);
    }
    if (t.saga->parked_from == SAGA_RUNNING)
        return settle_step(&t, how == BELAY_SETTLE_DONE, who, err);
    return settle_undo(&t, how == BELAY_SETTLE_DONE, who, err);
}

/* The instance gives up in its next turn: at once, or when the call that is under way has ended. */
int belay_sagas_cancel(struct belay_sagas *s, struct belay_str name, struct belay_str id,
                       struct belay_str who, belay_time now, struct belay_err *err)
{
    struct saga_turn t;
    struct saga_move m;
    int status = find(s, name, id, now, &t, err);
    if (status != BELAY_OK)
        return status;
    bool parked = t.saga->state == SAGA_PARKED && t.saga->parked_from == SAGA_RUNNING;
    if (t.saga->state != SAGA_RUNNING && !parked)
        return belay_fail(err, BELAY_CONFLICT, "it is %s", saga_states[t.saga->state].name);
    saga_move_init(&m, t.saga, now, SAGA_EVENT_CANCEL_ASKED);
    m.state = SAGA_RUNNING;
    m.flags |= SAGA_CANCELLING;
    return commit(&t, &m, who, err);
}
