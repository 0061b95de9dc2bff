/* answer_rehearse.c - what a replay of a letter would send: told, not done. */
#include "admin/answers.h"

#include "admin/answer_letters.h"
#include "admin/question.h"
#include "admin/room.h"
#include "admin/show.h"
#include "admin/tell.h"
#include "engine/rehearse.h"
#include "flow/redact.h"

struct telling {
    struct question *q;
    struct belay_json_out *o;
};

static void show_fields(struct belay_json_out *o, const struct belay_field *fields, uint32_t count)
{
    belay_json_key(o, "headers");
    belay_json_begin_object(o);
    for (uint32_t i = 0; i < count; i++) {
        belay_json_key_str(o, fields[i].name);
        belay_json_put_str(o, fields[i].value);
    }
    belay_json_end_object(o);
}

static void show_answer(struct belay_json_out *o, const struct belay_rehearsal_call *call, struct belay_arena *arena)
{
    show_text(o, "answered", call->answer ? call->recorded ? BELAY_STR("recorded") : BELAY_STR("given") : BELAY_STR("no"));
    if (!call->answer)
        return;
    belay_json_key(o, "answer");
    belay_json_begin_object(o);
    belay_json_key(o, "status");
    belay_json_put_uint(o, call->answer->status);
    if (!call->answer->ok)
        show_text(o, "error", call->answer->type);
    show_body(o, call->answer->body, arena);
    belay_json_end_object(o);
}

/* Where the connector refuses the call its reason stands in the place of what it would send. */
static void show_preview(struct belay_json_out *o, struct question *q, const struct belay_rehearsal_call *call)
{
    struct belay_call_preview p;
    struct belay_err err;
    if (belay_runtime_preview(q->admin->runtime, call->connection->name, call->request, &q->arena, &p, &err) != BELAY_OK) {
        show_text(o, "refused", belay_str_c(err.msg));
        return;
    }
    show_text(o, "method", p.method);
    show_text(o, "url", p.target);
    show_fields(o, p.headers, p.header_count);
    show_body(o, p.body, &q->arena);
}

static void on_called(void *arg, const struct belay_rehearsal_call *call)
{
    struct telling *t = arg;
    belay_json_begin_object(t->o);
    show_text(t->o, "step", call->step);
    show_text(t->o, "connection", call->connection->name);
    if (call->resolve) {
        belay_json_key(t->o, "resolve");
        belay_json_put_bool(t->o, true);
    }
    show_preview(t->o, t->q, call);
    show_answer(t->o, call, &t->q->arena);
    belay_json_end_object(t->o);
}

static void show_publication(struct belay_json_out *o, const struct belay_publication *p, struct belay_arena *arena)
{
    belay_json_begin_object(o);
    show_text(o, "topic", p->target);
    show_text(o, "key", p->message.key);
    show_text(o, "id", p->message.id);
    show_text(o, "type", p->message.type);
    if (p->delay_ms) {
        belay_json_key(o, "delay_ms");
        belay_json_put_uint(o, p->delay_ms);
    }
    show_fields(o, p->message.headers, p->message.header_count);
    show_body(o, p->message.body, arena);
    belay_json_end_object(o);
}

static void show_effects(struct belay_json_out *o, const struct belay_flow_effects *effects, struct belay_arena *arena)
{
    belay_json_key(o, "publishes");
    belay_json_begin_array(o);
    for (uint32_t i = 0; i < effects->publication_count; i++)
        show_publication(o, &effects->publications[i], arena);
    belay_json_end_array(o);
    belay_json_key(o, "logs");
    belay_json_begin_array(o);
    for (uint32_t i = 0; i < effects->log_count; i++)
        belay_json_put_str(o, effects->logs[i].message);
    belay_json_end_array(o);
}

static void show_why(struct belay_json_out *o, const struct belay_rehearsal *r)
{
    if (r->end == BELAY_REHEARSAL_STOPPED)
        show_text(o, "why", BELAY_STR("here the answer decides"));
    else if (r->end == BELAY_REHEARSAL_FILTERED)
        show_text(o, "why", r->effects->filtered);
    if (r->end == BELAY_REHEARSAL_RETRY) {
        belay_json_key(o, "again_after_ms");
        belay_json_put_uint(o, r->delay_ms);
    }
    if (r->end == BELAY_REHEARSAL_LETTER) {
        belay_json_key(o, "parks");
        belay_json_put_bool(o, r->parks);
    }
    if (r->fault) {
        belay_json_key(o, "fault");
        show_fault(o, r->fault);
    }
}

static void on_ended(void *arg, const struct belay_rehearsal *r)
{
    struct telling *t = arg;
    belay_json_end_array(t->o);
    show_effects(t->o, r->effects, &t->q->arena);
    show_text(t->o, "end", belay_str_c(belay_rehearsal_end_name(r->end)));
    show_text(t->o, "step", r->step);
    show_why(t->o, r);
}

bool answer_letter_rehearse(struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_json_out o = belay_json_out(&q->out);
    struct telling t = { q, &o };
    struct belay_letter letter;
    uint64_t sequence;
    struct belay_subscription *sub = question_letter(q, e, &sequence);
    if (!sub)
        return true;
    const struct belay_rehearsal_opt opt = { .from_start = question_flag(q, "from_start"),
                                             .answers = question_member(q, "answers"),
                                             .called = on_called, .ended = on_ended, .arg = &t };
    int status = belay_broker_letter_get(belay_engine_broker(e), sub, sequence, &q->arena, &letter, &q->err);
    if (status != BELAY_OK)
        return question_failed(q, status);
    if (question_words(q))
        belay_message_gather(&letter.message, belay_engine_definitions(e)->redact, q->words);
    belay_json_begin_object(&o);
    show_text(&o, "flow", letter.subscription);
    belay_json_key(&o, "sequence");
    belay_json_put_uint(&o, sequence);
    show_text(&o, "key", letter.lane_key);
    show_text(&o, "from", opt.from_start || !letter.progress.n ? BELAY_STR("start") : BELAY_STR("failed step"));
    belay_json_key(&o, "calls");
    belay_json_begin_array(&o);
    status = belay_engine_rehearse(e, &letter, &opt, now, &q->err);
    belay_json_end_object(&o);
    return status == BELAY_OK ? true : question_failed(q, status);
}
