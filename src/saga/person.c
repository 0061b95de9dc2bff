/* person.c - what a person says about an instance: retry, settle or skip what is parked, abort what
 * runs. */
#include "saga/room.h"

#include "base/limits.h"
#include "saga/apply.h"
#include "saga/cache.h"
#include "saga/kinds.h"
#include "saga/turn.h"

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

/* The history's entry says who and why, where it does not say it yet. */
static int commit(struct saga_turn *t, struct saga_move *m, const struct belay_saga_word *word,
                  struct belay_err *err)
{
    struct belay_sagas *s = t->room;
    if (!(m->carries & MOVE_TEXT)) {
        belay_buf_clear(&s->text);
        belay_buf_printf(&s->text, "by %.*s", BELAY_STR_ARG(word->who));
        if (word->reason.n)
            belay_buf_printf(&s->text, ": %.*s", BELAY_STR_ARG(word->reason));
        m->carries |= MOVE_TEXT;
        m->text = belay_str_sub(belay_buf_view(&s->text), 0, SAGA_TEXT_BYTES_MAX);
    }
    s->word = word;
    int status = saga_move_commit(s, t->saga, m, err);
    s->word = NULL;
    if (status == BELAY_OK)
        saga_cache_place(s, t->saga, t->now);
    saga_cache_trim(s);
    return status;
}

/* With fresh attempts and a fresh time. */
static void try_again(struct saga_turn *t, struct saga_move *m, bool may_ask)
{
    bool stuck = m->step_state == STEP_UNKNOWN || m->step_state == STEP_FAILED;
    m->state = t->saga->parked_from;
    m->attempt = 0;
    m->delay_ms = 0;
    m->first_at = t->now;
    if (m->state != SAGA_RUNNING || m->step >= t->saga->step_count)
        return;
    if (m->until != BELAY_TIME_NEVER)
        saga_move_begins(t, m);
    if (stuck) {
        bool ask
            = may_ask && m->step_state == STEP_UNKNOWN && t->def && t->def->steps[m->step].resolve;
        m->step_state = ask ? STEP_RESOLVING : STEP_WAITING;
        m->step_attempts = 0;
    }
}

static int retry(struct saga_turn *t, const struct belay_saga_word *word, struct belay_err *err)
{
    const struct saga *i = t->saga;
    struct saga_move m;
    uint8_t step = i->at < i->step_count ? i->steps[i->at].state : STEP_PENDING;
    bool waits = (step == STEP_WAITING || step == STEP_RESOLVING || step == STEP_UNDOING)
                 && i->flight == FLIGHT_NONE && !saga_ended(i->state);
    saga_move_init(&m, i, t->now, SAGA_EVENT_SETTLED_RETRY);
    if (i->state == SAGA_PARKED)
        try_again(t, &m, true);
    else if (!waits) /* else its due time is now */
        return belay_fail(err, BELAY_CONFLICT, "it is %s, and nothing waits for a retry",
                          saga_states[i->state].name);
    return commit(t, &m, word, err);
}

static int no_definition(struct belay_err *err)
{
    return belay_fail(err, BELAY_CONFLICT, "the definition it began with is not there");
}

/* What a person knows of the step, as the answer of a call would be: {"body": ..., "settled_by":
 * who}. */
static int keep_result(struct saga_turn *t, struct saga_move *m, const struct belay_saga_word *word,
                       struct belay_err *err)
{
    struct belay_buf *json = &t->room->json;
    struct belay_json_out o = belay_json_out(json);
    if (!word->result.n)
        return BELAY_OK;
    belay_buf_clear(json);
    belay_json_begin_object(&o);
    belay_json_key(&o, "body");
    belay_json_put_raw(&o, word->result);
    belay_json_key(&o, "settled_by");
    belay_json_put_str(&o, word->who);
    belay_json_end_object(&o);
    if (belay_buf_status(json) == BELAY_NOMEM)
        return belay_fail(err, BELAY_BUSY, "no memory for the result of a step");
    if (belay_buf_status(json) != BELAY_OK
        || json->n + t->saga->data.n > BELAY_SAGA_DATA_BYTES_MAX) {
        belay_buf_clear(json);
        return belay_fail(err, BELAY_INVALID, "the result is larger than a saga may carry");
    }
    m->carries |= MOVE_RESULT;
    m->result = belay_buf_view(json);
    return BELAY_OK;
}

static int step_not_done(struct saga_turn *t, struct saga_move *m,
                         const struct belay_saga_word *word, struct belay_err *err)
{
    struct belay_fault fault;
    m->step_flags &= (uint8_t)~STEP_MAYBE;
    if (saga_past_pivot(t)) { /* then it has to be done still */
        try_again(t, m, false);
        return commit(t, m, word, err);
    }
    m->step_state = STEP_FAILED;
    belay_fault_init(&fault, "SAGA:NOT_DONE", BELAY_CLASS_PERMANENT,
                     "%.*s says that it was not done%s%.*s", BELAY_STR_ARG(word->who),
                     word->reason.n ? ": " : "", BELAY_STR_ARG(word->reason));
    saga_move_fail(t, m, &fault);
    return commit(t, m, word, err);
}

/* A step forwards: of unknown outcome, or failed past the pivot. */
static int settle_step(struct saga_turn *t, const struct belay_saga_word *word,
                       struct belay_err *err)
{
    static const uint8_t events[] = { [BELAY_SAGA_SETTLE_DONE] = SAGA_EVENT_SETTLED_DONE,
                                      [BELAY_SAGA_SETTLE_NOT_DONE] = SAGA_EVENT_SETTLED_NOT_DONE,
                                      [BELAY_SAGA_SETTLE_SKIP] = SAGA_EVENT_SETTLED_SKIP };
    struct saga_move m;
    const struct saga *i = t->saga;
    uint8_t step = i->at < i->step_count ? i->steps[i->at].state : STEP_PENDING;
    if (step != STEP_UNKNOWN && step != STEP_FAILED)
        return belay_fail(err, BELAY_CONFLICT,
                          "it is not parked for the outcome of a step: retry, or abort");
    if (!t->def)
        return no_definition(err);
    saga_move_init(&m, i, t->now, (enum saga_event)events[word->how]);
    if (word->how == BELAY_SAGA_SETTLE_NOT_DONE)
        return step_not_done(t, &m, word, err);
    if (word->how == BELAY_SAGA_SETTLE_SKIP) {
        m.step_state = STEP_PASSED;
        saga_move_next(t, &m);
        return commit(t, &m, word, err);
    }
    int status = keep_result(t, &m, word, err);
    if (status != BELAY_OK)
        return status;
    if (step == STEP_FAILED) /* all of it, also the event it may have waited for */
        m.step_state = STEP_AWAITING;
    saga_move_done(t, &m);
    return commit(t, &m, word, err);
}

/* A compensation.  "Not done" is what it was parked for: it has to be done still. */
static int settle_undo(struct saga_turn *t, const struct belay_saga_word *word,
                       struct belay_err *err)
{
    struct saga_move m;
    if (word->how == BELAY_SAGA_SETTLE_NOT_DONE) {
        saga_move_init(&m, t->saga, t->now, SAGA_EVENT_SETTLED_NOT_DONE);
        try_again(t, &m, false);
        return commit(t, &m, word, err);
    }
    if (!t->def)
        return no_definition(err);
    bool skip = word->how == BELAY_SAGA_SETTLE_SKIP;
    saga_move_init(&m, t->saga, t->now, skip ? SAGA_EVENT_SETTLED_SKIP : SAGA_EVENT_SETTLED_DONE);
    saga_move_undone(t, &m, skip ? STEP_LEFT : STEP_UNDONE);
    return commit(t, &m, word, err);
}

int belay_sagas_settle(struct belay_sagas *s, struct belay_str name, struct belay_str id,
                       const struct belay_saga_word *word, belay_time now, struct belay_err *err)
{
    struct saga_turn t;
    int status = find(s, name, id, now, &t, err);
    if (status != BELAY_OK)
        return status;
    if (word->how == BELAY_SAGA_SETTLE_RETRY)
        return retry(&t, word, err);
    if (t.saga->state != SAGA_PARKED)
        return belay_fail(err, BELAY_CONFLICT, "it is %s, not parked",
                          saga_states[t.saga->state].name);
    bool forwards = t.saga->parked_from == SAGA_RUNNING;
    if (word->result.n && !(forwards && word->how == BELAY_SAGA_SETTLE_DONE))
        return belay_fail(err, BELAY_INVALID, "a result belongs to a step that was done");
    return forwards ? settle_step(&t, word, err) : settle_undo(&t, word, err);
}

/* The instance gives up in its next turn: at once, or when the call that is under way has ended. */
int belay_sagas_abort(struct belay_sagas *s, struct belay_str name, struct belay_str id,
                      struct belay_str who, struct belay_str reason, belay_time now,
                      struct belay_err *err)
{
    const struct belay_saga_word word = { BELAY_SAGA_SETTLE_ABORT, who, reason, BELAY_STR_NONE };
    struct saga_turn t;
    struct saga_move m;
    int status = find(s, name, id, now, &t, err);
    if (status != BELAY_OK)
        return status;
    bool parked = t.saga->state == SAGA_PARKED && t.saga->parked_from == SAGA_RUNNING;
    if (t.saga->state != SAGA_RUNNING && !parked)
        return belay_fail(err, BELAY_CONFLICT, "it is %s", saga_states[t.saga->state].name);
    if (saga_past_pivot(&t))
        return belay_fail(err, BELAY_CONFLICT,
                          "it is past its pivot and only goes forward: retry, settle or skip");
    saga_move_init(&m, t.saga, now, SAGA_EVENT_ABORT_ASKED);
    m.state = SAGA_RUNNING;
    m.flags |= SAGA_ABORTING;
    return commit(&t, &m, &word, err);
}
