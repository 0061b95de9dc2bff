/* news.c - what an operator wants to hear of at once: an attempt that failed, a saga that gives up, one
 * that waits for a person, an end that is not the wanted one.  What goes as it should is in the
 * figures. */
#include "saga/news.h"

#include "saga/kinds.h"
#include "saga/room.h"

enum { INFO = 1, WARN, ERROR }; /* of obs, which the core does not know */

static bool is_retry(const struct saga_move *m)
{
    return m->event == SAGA_EVENT_ATTEMPT_FAILED || m->event == SAGA_EVENT_OUTCOME_UNKNOWN
           || m->event == SAGA_EVENT_RESOLVE_FAILED || m->event == SAGA_EVENT_UNDO_FAILED;
}

/* name NULL: no news. */
static void head_of(const struct saga *i, const struct saga_move *m, struct belay_saga_news *news)
{
    const char *name = NULL;
    uint8_t level = INFO;
    if (m->state == SAGA_PARKED && i->state != SAGA_PARKED) {
        name = "saga.parked";
        level = ERROR;
    } else if (m->state == SAGA_COMPENSATING
               && (i->state == SAGA_PARKED ? i->parked_from : i->state) == SAGA_RUNNING) {
        name = "saga.compensating";
        level = WARN;
    } else if (saga_ended(m->state) && m->state != SAGA_COMPLETED) {
        name = "saga.ended";
    } else if (is_retry(m)) {
        name = "saga.retry";
        level = WARN;
    }
    news->name = name;
    news->level = level;
}

static void tell(struct belay_sagas *s, const struct belay_saga_news *news, const char *name, uint8_t level)
{
    struct belay_saga_news one = *news;
    one.name = name;
    one.level = level;
    s->opt.tell(s->opt.arg, &one);
}

void saga_tell(struct belay_sagas *s, const struct saga *i, const struct saga_move *m)
{
    struct belay_saga_news news;
    struct belay_message input;
    static const char *const words[] = { "retry", "done", "not-done", "skip", "abort" };
    const struct belay_saga_word *word = s->word;
    head_of(i, m, &news);
    if (!s->opt.tell || (!news.name && !word))
        return;
    const struct belay_saga_def *def = s->opt.definition(s->opt.arg, i->kind->name, i->definition);
    bool forwards = i->state == SAGA_RUNNING;
    bool known = belay_message_decode(saga_input(i), &s->arena, &input, NULL) == BELAY_OK;
    news.saga = i->kind->name;
    news.id = saga_id(i);
    news.step = def && def->step_count == i->step_count && m->step < i->step_count
                    ? def->steps[m->step].name
                    : BELAY_STR_NONE;
    news.correlationid = !known ? BELAY_STR_NONE : input.correlationid.n ? input.correlationid : input.id;
    news.traceparent = known ? input.traceparent : BELAY_STR_NONE;
    news.why = m->carries & MOVE_TEXT ? m->text : BELAY_STR_NONE;
    news.state = saga_states[m->state].name;
    news.parked = m->state != SAGA_PARKED           ? NULL
                  : m->parked_from == SAGA_RUNNING ? "step"
                                                   : "compensation";
    news.attempt = forwards ? m->step_attempts : m->attempt;
    news.again_at = is_retry(m) && !saga_ended(m->state) ? m->due : BELAY_TIME_NEVER;
    news.word = word ? words[word->how] : NULL;
    news.by = word ? word->who : BELAY_STR_NONE;
    news.reason = word ? word->reason : BELAY_STR_NONE;
    if (word) /* by which it may have ended, too */
        tell(s, &news, "saga.settled", INFO);
    if (news.name)
        tell(s, &news, news.name, news.level);
    if (m->state == SAGA_PARKED && i->state != SAGA_PARKED && m->parked_from == SAGA_COMPENSATING)
        tell(s, &news, "saga.compensation_failed", ERROR);
}
