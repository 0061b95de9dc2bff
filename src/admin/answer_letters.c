/* answer_letters.c - one dead letter: look, replay, settle, edit, release, discard. */
#include "admin/answer_letters.h"

#include <stdio.h>
#include <string.h>

#include "admin/answer_letter_import.h"
#include "admin/answer_trail.h"
#include "admin/answers.h"
#include "admin/question.h"
#include "admin/show.h"
#include "base/limits.h"
#include "broker/by_name.h"
#include "broker/declare.h"
#include "flow/flow.h"
#include "flow/redact.h"
#include "json/redact.h"

static void show_number(struct belay_json_out *o, const char *name, uint64_t n)
{
    belay_json_key(o, name);
    belay_json_put_uint(o, n);
}

void show_fingerprint(struct belay_json_out *o, const char *name, uint64_t fingerprint)
{
    char text[17];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)fingerprint);
    belay_json_key(o, name);
    belay_json_put_c(o, text);
}

/* What went wrong last, where nothing went wrong: empty. */
static void show_last(struct belay_json_out *o, const struct belay_letter *l)
{
    static const struct belay_fault none;
    const struct belay_fault *last = l->history_count ? &l->history[l->history_count - 1].fault : &none;
    show_text(o, "error", belay_str_c(last->type));
    show_text(o, "class", belay_str_c(last->type[0] ? belay_class_name(last->class_) : ""));
    show_number(o, "status", last->status);
    show_text(o, "description", belay_str_c(last->description));
    show_text(o, "step", belay_str_c(last->step));
    show_text(o, "endpoint", belay_str_c(last->endpoint));
}

static void show_history(struct belay_json_out *o, const struct belay_letter *l)
{
    belay_json_key(o, "history");
    belay_json_begin_array(o);
    for (uint32_t i = 0; i < l->history_count; i++)
        show_attempt(o, l->history[i].attempt, &l->history[i].fault);
    belay_json_end_array(o);
}

void show_letter(struct belay_json_out *o, const struct belay_letter *l, struct belay_arena *arena, enum show_how how)
{
    belay_json_begin_object(o);
    show_text(o, "flow", l->subscription);
    show_number(o, "sequence", l->sequence);
    show_text(o, "topic", l->topic);
    show_text(o, "state", l->parked ? BELAY_STR("parked") : BELAY_STR("dead"));
    show_number(o, "held", l->held);
    show_text(o, "key", l->lane_key);
    show_number(o, "attempts", l->attempts);
    show_time(o, "first_attempt_at", l->first_attempt_at);
    show_time(o, "created_at", l->created_at);
    show_last(o, l);
    show_fingerprint(o, "group", l->fingerprint);
    show_hash(o, "payload_hash", l->payload_hash);
    show_number(o, "edits", l->edits);
    show_text(o, "message_id", l->message.id);
    show_text(o, "correlationid", l->message.correlationid);
    show_text(o, "traceparent", l->message.traceparent);
    if (how == SHOW_WHOLE) {
        belay_json_key(o, "message");
        show_message(o, &l->message, arena);
        show_history(o, l);
        letter_show_exactly(o, l, arena);
    }
    if (how != SHOW_OPEN)
        belay_json_end_object(o);
}

struct belay_subscription *question_letter(struct question *q, struct belay_engine *e, uint64_t *ret_sequence)
{
    struct belay_subscription *sub = question_subscription(q, e);
    if (sub && !belay_str_to_u64(question_param(q, "sequence"), ret_sequence)) {
        question_fail(q, BELAY_INVALID, "a letter is named FLOW and SEQUENCE, a number");
        return NULL;
    }
    return sub;
}

/* What a person did to it last. Its texts are from the question's arena. */
static bool last_deed(struct question *q, struct belay_engine *e, struct belay_str flow, struct belay_str sequence,
                      struct belay_trail_entry *ret_entry)
{
    uint64_t number = 0;
    bool found = false;
    while (belay_trail_about(belay_engine_broker(e), BELAY_TRAIL_LETTER, flow, sequence, &number, &q->arena, ret_entry))
        found = true;
    return found;
}

/* "orders has no letter 7: that message is done, or was discarded; alice: settle (done), 2026-07-01T03:12:45.000Z" */
static void tell_who(struct question *q, const struct belay_trail_entry *by)
{
    char when[BELAY_TIME_TEXT_BYTES];
    size_t n = strlen(q->err.msg);
    belay_time_text(by->at, when);
    snprintf(q->err.msg + n, sizeof q->err.msg - n, "; %.*s: %.*s%s%.*s%s, %s", (int)(by->who.n < 100 ? by->who.n : 100), by->who.p,
             BELAY_STR_ARG(by->verb), by->detail.n ? " (" : "", (int)(by->detail.n < 60 ? by->detail.n : 60), by->detail.p,
             by->detail.n ? ")" : "", when);
}

bool question_letter_done(struct question *q, struct belay_engine *e, const struct belay_trail_entry *entry, int status)
{
    struct belay_trail_entry by;
    if ((status == BELAY_NOTFOUND || status == BELAY_CONFLICT) && last_deed(q, e, entry->owner, entry->id, &by)) {
        tell_who(q, &by);
        status = BELAY_CONFLICT;
    }
    return question_done(q, status);
}

/* Of an edited one: as it came. */
static int show_original(struct question *q, struct belay_engine *e, struct belay_subscription *sub, uint64_t sequence,
                         struct belay_json_out *o)
{
    struct belay_message original;
    int status = belay_broker_letter_original(belay_engine_broker(e), sub, sequence, &q->arena, &original, &q->err);
    if (status != BELAY_OK)
        return status;
    belay_json_key(o, "original");
    show_message(o, &original, &q->arena);
    return BELAY_OK;
}

bool answer_letter(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)now;
    uint64_t sequence;
    struct belay_letter letter;
    struct belay_subscription *sub = question_letter(q, e, &sequence);
    if (!sub)
        return true;
    int status = belay_broker_letter_get(belay_engine_broker(e), sub, sequence, &q->arena, &letter, &q->err);
    struct belay_trail_entry by;
    if (status == BELAY_NOTFOUND && last_deed(q, e, belay_subscription_name(sub), question_param(q, "sequence"), &by))
        tell_who(q, &by);
    if (status != BELAY_OK)
        return question_failed(q, status);
    struct belay_json_out o = belay_json_out(&q->out);
    show_letter(&o, &letter, &q->arena, SHOW_OPEN);
    belay_json_key(&o, "message");
    show_message(&o, &letter.message, &q->arena);
    if (letter.edits)
        status = show_original(q, e, sub, sequence, &o);
    if (status != BELAY_OK)
        return question_failed(q, status);
    belay_json_key(&o, "carries");
    belay_json_put_bool(&o, belay_flow_carries(letter.progress));
    belay_json_key(&o, "unseen");
    belay_json_put_bool(&o, belay_broker_letter_unseen(belay_engine_broker(e), sub, sequence));
    show_history(&o, &letter);
    show_trail(&o, e, BELAY_TRAIL_LETTER, letter.subscription, question_param(q, "sequence"), &q->arena);
    belay_json_end_object(&o);
    return true;
}

/* Of what was a letter and is replayed: the letter is gone until it is one again. */
bool answer_letter_state(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)now;
    struct belay_broker *b = belay_engine_broker(e);
    struct belay_letter trouble;
    belay_time due;
    uint64_t sequence;
    uint32_t attempts = 0;
    struct belay_subscription *sub = question_letter(q, e, &sequence);
    if (!sub)
        return true;
    enum belay_message_state state = belay_broker_state_of(b, sub, sequence, &attempts);
    bool known = belay_broker_trouble(b, sub, sequence, &q->arena, &trouble, &due) == BELAY_OK;
    struct belay_json_out o = belay_json_out(&q->out);
    belay_json_begin_object(&o);
    show_text(&o, "state", belay_str_c(belay_message_state_name(state)));
    show_number(&o, "attempts", attempts);
    if (known && due != BELAY_TIME_NEVER)
        show_time(&o, "again_at", due);
    if (known && trouble.history_count) {
        belay_json_key(&o, "last");
        show_fault(&o, &trouble.history[trouble.history_count - 1].fault);
    }
    belay_json_end_object(&o);
    return true;
}

/* What a person does to one letter: it and its entry in the trail happen both or neither. */
static bool do_to_letter(struct question *q, struct belay_engine *e, belay_time now, const char *verb,
                         int (*act)(struct question *q, struct belay_broker *b, struct belay_subscription *sub,
                                    uint64_t sequence, belay_time now))
{
    uint64_t sequence;
    struct belay_broker *b = belay_engine_broker(e);
    struct belay_subscription *sub = question_letter(q, e, &sequence);
    if (!sub)
        return true;
    struct belay_trail_entry entry = question_entry(q, BELAY_TRAIL_LETTER, belay_subscription_name(sub),
                                                    question_param(q, "sequence"), verb);
    int status = belay_trail_begin(b, &entry, 0, 0, &q->err);
    if (status == BELAY_OK)
        status = act(q, b, sub, sequence, now);
    if (status == BELAY_OK)
        status = question_did(q, e, &entry, now);
    return question_letter_done(q, e, &entry, status);
}

/* To go on at a call that may have been done is to repeat it: a person says so by settling it. */
static int refuse_unknown(struct question *q, struct belay_subscription *sub, const struct belay_letter *l)
{
    if (!l->history_count || l->history[l->history_count - 1].fault.class_ != BELAY_CLASS_UNKNOWN_OUTCOME)
        return BELAY_OK;
    return belay_fail(&q->err, BELAY_CONFLICT, "nobody knows whether its call was done: ask the other system, then "
                      "belay dlq settle %.*s %llu --done, --not-done or --retry",
                      BELAY_STR_ARG(belay_subscription_name(sub)), (unsigned long long)l->sequence);
}

/* Who edited a message wants it sent: that something else would be, he has to want too. */
static int refuse_unseen(struct question *q, struct belay_broker *b, struct belay_subscription *sub, const struct belay_letter *l)
{
    if (question_member(q, "from_start") || !belay_broker_letter_unseen(b, sub, l->sequence))
        return BELAY_OK;
    return belay_fail(&q->err, BELAY_CONFLICT, "at its failed step the flow goes on with what it had made of another message, from "
                      "before an edit of it: belay dlq replay %.*s %llu --from-start begins anew with the one it has now, "
                      "--from-step goes on with that other one", BELAY_STR_ARG(belay_subscription_name(sub)), (unsigned long long)l->sequence);
}

static int refuse_to_go_on(struct question *q, struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence)
{
    struct belay_letter l;
    int status = belay_broker_letter_get(b, sub, sequence, &q->arena, &l, &q->err);
    if (status == BELAY_NOTFOUND)
        return BELAY_OK; /* the replay itself says what became of it */
    if (status == BELAY_OK)
        status = refuse_unknown(q, sub, &l);
    return status == BELAY_OK ? refuse_unseen(q, b, sub, &l) : status;
}

static int replay(struct question *q, struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                  belay_time now)
{
    bool anew = question_flag(q, "from_start");
    if (!anew) {
        int status = refuse_to_go_on(q, b, sub, sequence);
        if (status != BELAY_OK)
            return status;
    }
    return belay_broker_letter_replay(b, sub, sequence, anew, now, &q->err);
}

static int release(struct question *q, struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                   belay_time now)
{
    return belay_broker_letter_release(b, sub, sequence, now, &q->err);
}

static int discard(struct question *q, struct belay_broker *b, struct belay_subscription *sub, uint64_t sequence,
                   belay_time now)
{
    return belay_broker_letter_discard(b, sub, sequence, question_text(q, "reason"), q->who, now, &q->err);
}

/* {"how": "done", "result": ...}, "not-done" or "retry". */
static bool settle_how(const struct question *q, enum belay_flow_settle *ret_how)
{
    static const struct {
        const char *name;
        enum belay_flow_settle how;
    } hows[] = { { "done", BELAY_FLOW_SETTLE_DONE }, { "not-done", BELAY_FLOW_SETTLE_NOT_DONE },
                 { "retry", BELAY_FLOW_SETTLE_RETRY } };
    for (size_t i = 0; i < sizeof hows / sizeof hows[0]; i++)
        if (belay_str_eq(question_text(q, "how"), belay_str_c(hows[i].name))) {
            *ret_how = hows[i].how;
            return true;
        }
    return false;
}

static int settle(struct question *q, struct belay_engine *e, struct belay_subscription *sub, uint64_t sequence,
                  belay_time now)
{
    enum belay_flow_settle how = 0;
    const belay_json *result = question_member(q, "result");
    struct belay_buf json;
    (void)settle_how(q, &how); /* the question was looked at before */
    belay_buf_init(&json, BELAY_PROGRESS_BYTES_MAX);
    if (result)
        belay_json_write(&json, result);
    int status = belay_buf_status(&json);
    if (status == BELAY_OK)
        status = belay_engine_letter_settle(e, sub, sequence, how, belay_buf_view(&json), now, &q->err);
    belay_buf_deinit(&json);
    return status;
}

/* Of the progress that carries the word, in its record and its row: what there is, what was said, the last failure.
 * To ask for more than it takes would be to wait for a checkpoint where nobody has to. */
static size_t settle_bytes(const struct question *q, struct belay_engine *e, struct belay_subscription *sub, uint64_t sequence)
{
    struct belay_letter letter;
    struct belay_arena arena;
    struct belay_err err;
    size_t bytes = q->http->body.n + BELAY_KIB(4);
    belay_arena_init(&arena, 0, 2 * BELAY_MESSAGE_BYTES_MAX + BELAY_MIB(4));
    if (belay_broker_letter_get(belay_engine_broker(e), sub, sequence, &arena, &letter, &err) == BELAY_OK)
        bytes += letter.progress.n;
    belay_arena_deinit(&arena);
    return 2 * bytes;
}

bool answer_letter_settle(struct question *q, struct belay_engine *e, belay_time now)
{
    enum belay_flow_settle how;
    uint64_t sequence;
    if (!settle_how(q, &how))
        return question_fail(q, BELAY_INVALID, "\"how\" must be done, not-done or retry");
    if (question_member(q, "result") && how != BELAY_FLOW_SETTLE_DONE)
        return question_fail(q, BELAY_INVALID, "a \"result\" belongs to a call that was done");
    struct belay_subscription *sub = question_letter(q, e, &sequence);
    if (!sub)
        return true;
    struct belay_trail_entry entry = question_entry(q, BELAY_TRAIL_LETTER, belay_subscription_name(sub),
                                                    question_param(q, "sequence"), "settle");
    entry.detail = question_text(q, "how");
    int status = belay_trail_begin(belay_engine_broker(e), &entry, settle_bytes(q, e, sub, sequence), 1, &q->err);
    if (status == BELAY_OK)
        status = settle(q, e, sub, sequence, now);
    if (status == BELAY_OK)
        status = question_did(q, e, &entry, now);
    return question_letter_done(q, e, &entry, status);
}

/* Who was shown marks sends them back: each is what stands there. */
static int write_edited(struct question *q, struct belay_engine *e, struct belay_str was, const belay_json *body,
                        struct belay_buf *json)
{
    const belay_json *original;
    belay_json_write(json, body);
    int status = belay_buf_status(json);
    if (status != BELAY_OK || !belay_redact_is_marked(belay_buf_view(json)))
        return status;
    status = belay_json_parse(was, NULL, &q->arena, &original, NULL, NULL);
    if (status != BELAY_OK)
        return belay_fail(&q->err, BELAY_INVALID, "the message is no JSON: no mark stands for anything in it");
    belay_buf_clear(json);
    return belay_redact_restore(belay_engine_definitions(e)->redact, original, body, json, &q->err);
}

/* The message with the body that the question brings: a "body" of any JSON, or a "text". */
static int edited(struct question *q, struct belay_engine *e, struct belay_message *m)
{
    const belay_json *body = question_member(q, "body"), *text = question_member(q, "text");
    struct belay_buf json;
    if (text && belay_redact_is_marked(belay_json_str(text)) && !belay_redact_is_marked(m->body))
        return belay_fail(&q->err, BELAY_INVALID, "a text with a mark in it: the mark would be written in place of the truth");
    if (text) {
        m->body = belay_json_str(text);
        return BELAY_OK;
    }
    belay_buf_init(&json, BELAY_ADMIN_OUT_BYTES_MAX);
    int status = write_edited(q, e, m->body, body, &json);
    m->body = status == BELAY_OK ? belay_arena_str(&q->arena, belay_buf_view(&json)) : BELAY_STR_NONE;
    belay_buf_deinit(&json);
    return status == BELAY_OK && !m->body.p ? BELAY_NOMEM : status;
}

/* How it was edited may quote what was, and what is to be. */
static struct belay_str edited_how(struct question *q, struct belay_engine *e, struct belay_subscription *sub, uint64_t sequence)
{
    const struct belay_redact *r = belay_engine_definitions(e)->redact;
    const belay_json *body = question_member(q, "body");
    struct belay_redact_words words;
    struct belay_letter letter;
    struct belay_err err;
    belay_redact_words_init(&words, &q->arena);
    if (belay_broker_letter_get(belay_engine_broker(e), sub, sequence, &q->arena, &letter, &err) == BELAY_OK)
        belay_message_gather(&letter.message, r, &words);
    if (body)
        belay_redact_gather(r, &words, body, false);
    struct belay_str how = belay_redact_text(r, &words, question_text(q, "how"), &q->arena);
    return belay_str_sub(how, 0, BELAY_TRAIL_TEXT_BYTES_MAX);
}

static int edit(struct question *q, struct belay_engine *e, struct belay_subscription *sub, uint64_t sequence,
                bool restore, belay_time now)
{
    struct belay_broker *b = belay_engine_broker(e);
    const belay_json *version = question_member(q, "version");
    struct belay_letter letter;
    int status = belay_broker_letter_get(b, sub, sequence, &q->arena, &letter, &q->err);
    if (status == BELAY_OK && restore)
        status = belay_broker_letter_original(b, sub, sequence, &q->arena, &letter.message, &q->err);
    else if (status == BELAY_OK)
        status = edited(q, e, &letter.message);
    if (status != BELAY_OK)
        return status;
    uint32_t seen = version && version->u.i < UINT32_MAX ? (uint32_t)version->u.i : letter.edits;
    return belay_broker_letter_edit(b, sub, sequence, seen, &letter.message, now, &q->err);
}

bool answer_letter_edit(struct question *q, struct belay_engine *e, belay_time now)
{
    const belay_json *version = question_member(q, "version");
    bool back = question_flag(q, "restore"), body = question_member(q, "body"), text = question_member(q, "text");
    bool given = body || text;
    uint64_t sequence;
    if (given == back || (body && text))
        return question_fail(q, BELAY_INVALID, "what is it to be: a \"body\" (JSON), a \"text\", or \"restore\": true");
    if (given && !version)
        return question_fail(q, BELAY_INVALID, "\"version\" is the letter's \"edits\" that you have seen: a number");
    struct belay_subscription *sub = question_letter(q, e, &sequence);
    if (!sub)
        return true;
    struct belay_trail_entry entry = question_entry(q, BELAY_TRAIL_LETTER, belay_subscription_name(sub),
                                                    question_param(q, "sequence"), back ? "restore" : "edit");
    entry.detail = edited_how(q, e, sub, sequence);
    int status = belay_trail_begin(belay_engine_broker(e), &entry, 3 * BELAY_MESSAGE_BYTES_DEFAULT, 1, &q->err);
    if (status == BELAY_OK)
        status = edit(q, e, sub, sequence, back, now);
    if (status == BELAY_OK)
        status = question_did(q, e, &entry, now);
    return question_letter_done(q, e, &entry, status);
}

bool answer_letter_replay(struct question *q, struct belay_engine *e, belay_time now)
{
    return do_to_letter(q, e, now, "replay", replay);
}

bool answer_letter_release(struct question *q, struct belay_engine *e, belay_time now)
{
    return do_to_letter(q, e, now, "release", release);
}

bool answer_letter_discard(struct question *q, struct belay_engine *e, belay_time now)
{
    if (question_text(q, "reason").n == 0)
        return question_fail(q, BELAY_INVALID, "say why: a discard needs a \"reason\"");
    return do_to_letter(q, e, now, "discard", discard);
}
