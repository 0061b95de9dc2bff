/* suspect.c - sagas that were at work when the process died: perhaps it died of one of them.
 *
 *   innocent --crash, its call or turn under way--> SUSPECTED --an answer--> innocent
 *                                                      |  `--crash, all that was under way--> one death more
 *                                                      `--as many deaths as are allowed--> PARKED, innocent again
 *
 * Kept in the instance's flags: a bit, and the deaths above it.  Each crash is an entry of its history, which is the story
 * that whoever finds it parked reads.  A word of a person begins anew, with as many deaths. */
#include "saga/turn.h"

#include <string.h>

#include "base/planted.h"
#include "saga/apply.h"
#include "saga/cache.h"
#include "saga/queue.h"
#include "saga/room.h"

uint8_t saga_innocent(uint8_t flags)
{
    return flags & SAGA_ABORTING;
}

/* An answer came: it did not kill. Only success says that it does not. */
uint8_t saga_answered(uint8_t flags, bool ok)
{
    return ok ? saga_innocent(flags) : (uint8_t)(flags & ~SAGA_SUSPECTED);
}

int belay_sagas_accuse(struct belay_sagas *s, struct belay_str key, bool alone, struct belay_str story, belay_time now,
                       struct belay_err *err)
{
    struct saga_key at;
    struct saga_move m;
    struct saga *i;
    s->now = now;
    if (key.n > sizeof at.bytes)
        return BELAY_OK;
    at.n = (uint16_t)key.n;
    memcpy(at.bytes, key.p, key.n);
    int status = saga_cache_get(s, &at, &i, err);
    if (status == BELAY_NOTFOUND)
        return BELAY_OK; /* it had ended, or had not begun for good */
    if (status != BELAY_OK)
        return status == BELAY_NOMEM ? belay_fail(err, BELAY_BUSY, "no memory for a saga") : status;
    if (i->state == SAGA_RUNNING || i->state == SAGA_COMPENSATING) {
        saga_move_init(&m, i, now, SAGA_EVENT_CRASHED);
        m.due = i->due;
        m.flags |= SAGA_SUSPECTED;
        if ((alone ? !BELAY_PLANTED(57) : BELAY_PLANTED(56)) && SAGA_DEATHS(i->flags) < SAGA_DEATHS_MAX)
            m.flags = (uint8_t)(m.flags + SAGA_DEATH);
        m.text = belay_str_sub(story, 0, SAGA_TEXT_BYTES_MAX);
        m.carries |= MOVE_TEXT;
        status = saga_move_commit(s, i, &m, err);
    }
    if (saga_cache_is_loose(i))
        saga_cache_place(s, i, now);
    saga_cache_trim(s);
    return status == BELAY_NOMEM ? belay_fail(err, BELAY_BUSY, "no memory for a saga") : status;
}

bool saga_is_deadly(const struct saga_turn *t)
{
    const struct belay_sagas_opt *opt = &t->room->opt;
    uint32_t deaths = SAGA_DEATHS(t->saga->flags);
    return deaths && opt->deaths_allowed && deaths >= opt->deaths_allowed(opt->arg);
}

/* As it stands: a call that was under way may have been done, and only a person can find out. */
enum saga_act saga_quarantine(struct saga_turn *t)
{
    struct saga *i = t->saga;
    struct saga_move m;
    struct belay_fault fault;
    belay_fault_init(&fault, BELAY_FAULT_CRASH, BELAY_CLASS_PERMANENT,
                     "the process died %u times while only this saga was at work: it goes on when a person says so",
                     SAGA_DEATHS(i->flags));
    saga_move_init(&m, i, t->now, SAGA_EVENT_PARKED);
    if (m.step_state == STEP_BEGUN && i->again)
        m.step_state = STEP_WAITING;
    else if (m.step_state == STEP_BEGUN || m.step_state == STEP_RESOLVING)
        m.step_state = STEP_UNKNOWN;
    else if (m.step_state == STEP_UNDO_BEGUN)
        m.step_state = STEP_UNDOING;
    i->again = false;
    saga_move_park(t, &m, &fault);
    return saga_commit(t, &m);
}

bool belay_sagas_next_of(struct belay_sagas *s, struct belay_str key, belay_time now, struct belay_call_request *ret_request,
                         const struct belay_connection_def **ret_connection, bool *ret_retry)
{
    struct saga_key at;
    struct saga *i;
    s->now = now;
    if (now < s->pause_until || key.n > sizeof at.bytes)
        return false;
    at.n = (uint16_t)key.n;
    memcpy(at.bytes, key.p, key.n);
    if (saga_cache_get(s, &at, &i, NULL) != BELAY_OK)
        return false;
    if (i->flight != FLIGHT_NONE || !(i->flags & SAGA_SUSPECTED)) { /* whose turn is like that of all others */
        if (saga_cache_is_loose(i))
            saga_cache_place(s, i, now);
        return false;
    }
    saga_cache_take(s, i);
    return saga_take_turn(s, i, now, ret_request, ret_connection, ret_retry) == ACT_CALL;
}

struct belay_str belay_sagas_key_of(struct belay_sagas *s, uint64_t request_id)
{
    const struct saga *i = saga_flight_of(s, request_id);
    return i ? saga_key_str(&i->key) : BELAY_STR_NONE;
}
