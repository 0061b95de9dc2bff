/* answer_letter_many.c - discards the letters that a filter names, or only counts them.
 *
 * In turns of BITE letters; each turn is one entry of the trail about each flow: how many, and which is the first and the
 * last.  A request ends after REQUEST_MAX, or where the store has no room just now (`busy`): whoever asks goes on with
 * `next`, so that he can say how far it is, and stop. */
#include "admin/answers.h"

#include <stdio.h>

#include "admin/answer_trail.h"
#include "admin/filter.h"
#include "admin/question.h"
#include "admin/show.h"
#include "base/limits.h"
#include "broker/declare.h"

#define BITE 64
#define REQUEST_MAX 2000
#define RECORD_BYTES 2048 /* of a discard: a reason, a name */

struct many {
    struct question *q;
    struct filter filter;
    struct belay_letter_cursor at; /* behind the last one dealt with, or looked at */
    struct belay_str reason;
    bool dry, busy;
    char why[BELAY_ERR_MSG_MAX]; /* busy */
    uint64_t count;
};

struct bite {
    uint32_t count;
    struct belay_subscription *sub;    /* all are of it */
    uint64_t sequences[BITE];
    struct belay_letter_cursor behind[BITE];
};

static void end_many(struct many *m, bool more)
{
    struct belay_json_out o = belay_json_out(&m->q->out);
    belay_time until = m->filter.of.until == BELAY_TIME_NEVER ? m->filter.now : m->filter.of.until;
    belay_json_begin_object(&o);
    belay_json_key(&o, m->dry ? "count" : "discarded");
    belay_json_put_uint(&o, m->count);
    belay_json_key(&o, "looked");
    belay_json_put_uint(&o, m->filter.looked);
    belay_json_key(&o, "busy");
    belay_json_put_bool(&o, m->busy);
    if (m->busy)
        show_text(&o, "why", belay_str_c(m->why));
    show_time(&o, "until", until);
    if (m->filter.failed) {
        belay_json_key(&o, "failed");
        belay_json_put_uint(&o, m->filter.failed);
        show_text(&o, "failure", belay_str_c(m->filter.failure));
    }
    if (more) {
        filter_show_place(&o, "next", &m->at);
    } else {
        belay_json_key(&o, "next");
        belay_json_put_null(&o);
    }
    belay_json_end_object(&o);
    question_end(m->q);
}

/* Letters of one flow, as many as the turn has time for. */
static enum belay_letter_found gather(struct many *m, struct belay_engine *e, struct bite *bite)
{
    struct belay_arena *arena = &m->q->arena;
    struct belay_letter_cursor at = m->at;
    enum belay_letter_found found = BELAY_LETTER_FOUND;
    while (found == BELAY_LETTER_FOUND && bite->count < BITE) {
        struct belay_arena_mark mark = belay_arena_mark(arena);
        struct belay_letter letter;
        found = filter_next(&m->filter, e, &at, &letter);
        struct belay_subscription *sub
            = found == BELAY_LETTER_FOUND ? belay_broker_find(belay_engine_broker(e), letter.subscription) : NULL;
        uint64_t sequence = sub ? letter.sequence : 0;
        belay_arena_rewind(arena, mark);
        if (sub && bite->count && sub != bite->sub)
            return BELAY_LETTER_PASSED; /* the next turn's */
        if (sub) {
            bite->sub = sub;
            bite->sequences[bite->count] = sequence;
            bite->behind[bite->count++] = at;
        }
        if (filter_is_late(&m->filter))
            break;
    }
    if (!bite->count || found == BELAY_LETTER_PASSED)
        m->at = at;
    return found;
}

static int discard_bite(struct many *m, struct belay_engine *e, const struct bite *bite, belay_time now)
{
    struct belay_broker *b = belay_engine_broker(e);
    char detail[80];
    struct belay_trail_entry entry = question_entry(m->q, BELAY_TRAIL_FLOW, belay_subscription_name(bite->sub), BELAY_STR(""), "discard");
    entry.detail = belay_str(detail, sizeof detail); /* at most */
    int status = belay_trail_begin(b, &entry, (size_t)bite->count * RECORD_BYTES, bite->count, &m->q->err);
    uint32_t n = 0;
    while (status == BELAY_OK && n < bite->count) {
        status = belay_broker_letter_discard(b, bite->sub, bite->sequences[n], m->reason, m->q->who, now, &m->q->err);
        if (status == BELAY_OK)
            m->at = bite->behind[n++];
    }
    m->count += n;
    if (!n)
        return status;
    int length = snprintf(detail, sizeof detail, "%u letters, %llu to %llu", n, (unsigned long long)bite->sequences[0],
                          (unsigned long long)bite->sequences[n - 1]);
    entry.detail = belay_str(detail, (size_t)length);
    int told = question_did(m->q, e, &entry, now);
    return told == BELAY_OK ? status : told;
}

static void go_on(void *arg, struct belay_engine *e)
{
    struct many *m = arg;
    struct bite bite = { .count = 0 };
    bool flow = filter_turn(&m->filter, e);
    enum belay_letter_found found = flow ? gather(m, e, &bite) : BELAY_LETTER_END;
    int status = found == BELAY_LETTER_NOMEM ? m->q->err.code : BELAY_OK;
    if (m->dry) {
        m->count += bite.count;
        if (bite.count)
            m->at = bite.behind[bite.count - 1];
    } else if (status == BELAY_OK && bite.count) {
        status = discard_bite(m, e, &bite, m->filter.now);
    }
    m->busy = status == BELAY_BUSY || status == BELAY_NOSPACE;
    if (m->busy) {
        snprintf(m->why, sizeof m->why, "%s", m->q->err.msg);
        belay_err_clear(&m->q->err);
    } else if (status != BELAY_OK)
        (void)question_failed(m->q, status);
    bool full = m->filter.looked >= BELAY_FILTER_LOOKS_MAX || (!m->dry && m->count >= REQUEST_MAX);
    if (status == BELAY_OK && found != BELAY_LETTER_END && !full)
        question_again(m->q, go_on, m);
    else
        end_many(m, found != BELAY_LETTER_END || m->busy);
}

bool answer_letters_discard(struct question *q, struct belay_engine *e, belay_time now)
{
    struct many *m = BELAY_ARENA_NEW(&q->kept, struct many);
    const belay_json *dry = question_member(q, "dry");
    struct belay_str after = question_param(q, "after");
    if (!m)
        return question_fail(q, BELAY_NOMEM, "no memory for the answer");
    *m = (struct many){ .q = q, .reason = question_text(q, "reason") };
    m->dry = dry && dry->type == BELAY_JSON_TRUE;
    if (!m->dry && belay_str_trim(m->reason).n == 0)
        return question_fail(q, BELAY_INVALID, "say why: a discard needs a \"reason\"");
    if (after.n && !filter_place(after, &m->at))
        return question_fail(q, BELAY_INVALID, "after is what \"next\" of the answer before said");
    if (!filter_init(&m->filter, q, e, now))
        return true;
    m->filter.of.last_only = true;
    go_on(m, e);
    return false;
}
