/* answer_sagas.c - instances of sagas, and a person's word on them. */
#include "admin/answers.h"

#include "admin/answer_trail.h"
#include "admin/question.h"
#include "admin/tell.h"
#include "base/limits.h"

static bool known(struct question *q, struct belay_engine *e, struct belay_str *ret_name)
{
    struct belay_str name, wanted = question_param(q, "saga");
    struct belay_saga_stats stats;
    *ret_name = wanted;
    for (uint32_t i = 0; belay_sagas_stats(belay_engine_sagas(e), i, &name, &stats); i++)
        if (belay_str_eq(name, wanted))
            return true;
    question_fail(q, BELAY_NOTFOUND, "there is no saga '%.*s'; `belay saga ls` lists them", BELAY_STR_ARG(wanted));
    return false;
}

static void show_member(struct belay_json_out *o, const belay_json *view, const char *name)
{
    const belay_json *v = belay_json_get(view, belay_str_c(name));
    if (v) {
        belay_json_key(o, name);
        belay_json_put(o, v);
    }
}

/* Also where it is, or how it ended, since when, and what is wrong. */
static void show_instance(struct question *q, struct belay_engine *e, struct belay_json_out *o, struct belay_str saga,
                          struct belay_str id, struct belay_str state)
{
    struct belay_arena_mark mark = belay_arena_mark(&q->arena);
    struct belay_buf text;
    const belay_json *view;
    belay_json_begin_object(o);
    belay_json_key(o, "id");
    belay_json_put_str(o, id);
    belay_json_key(o, "state");
    belay_json_put_str(o, state);
    belay_buf_init(&text, BELAY_ADMIN_OUT_BYTES_MAX);
    if (belay_sagas_view(belay_engine_sagas(e), saga, id, &text, NULL) == BELAY_OK
        && belay_json_parse(belay_buf_view(&text), NULL, &q->arena, &view, NULL, NULL) == BELAY_OK) {
        const belay_json *error = belay_json_get(view, BELAY_STR("error"));
        show_member(o, view, "status");
        show_member(o, view, "step");
        show_member(o, view, "updated_at");
        show_member(o, view, "deadline");
        if (error) {
            belay_json_key(o, "error");
            belay_json_put(o, belay_json_get(error, BELAY_STR("type")));
        }
    }
    belay_json_end_object(o);
    belay_buf_deinit(&text);
    belay_arena_rewind(&q->arena, mark);
}

struct page {
    struct question *q;
    struct belay_json_out out;
    struct belay_str after; /* the last one seen */
    uint32_t left, looks;
    bool more;
};

static void end_page(struct page *p)
{
    belay_json_end_array(&p->out);
    belay_json_key(&p->out, "next");
    if (p->more)
        belay_json_put_str(&p->out, p->after);
    else
        belay_json_put_null(&p->out);
    belay_json_end_object(&p->out);
    question_end(p->q);
}

static void fill_page(void *arg, struct belay_engine *e)
{
    struct page *p = arg;
    struct belay_str name, id, state, wanted = question_param(p->q, "state");
    p->more = known(p->q, e, &name);
    for (uint32_t i = 0; p->more && p->left && p->looks && i < BELAY_ADMIN_BITE; i++) {
        p->more = belay_sagas_list(belay_engine_sagas(e), name, p->after, &id, &state);
        if (!p->more)
            break;
        p->looks--;
        p->after = belay_arena_str(&p->q->kept, id);
        if (wanted.n && !belay_str_eq(wanted, state))
            continue;
        show_instance(p->q, e, &p->out, name, p->after, state);
        p->left--;
    }
    if (p->more && p->left && p->looks)
        question_again(p->q, fill_page, p);
    else
        end_page(p);
}

static bool is_state(struct belay_str state)
{
    static const char *const names[] = { "running", "compensating", "parked", "completed", "compensated", "failed" };
    for (size_t i = 0; state.n && i < sizeof names / sizeof names[0]; i++)
        if (belay_str_eq(state, belay_str_c(names[i])))
            return true;
    return !state.n;
}

bool answer_saga_list(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)now;
    struct belay_str name;
    struct page *p = BELAY_ARENA_NEW(&q->kept, struct page);
    if (!p)
        return question_fail(q, BELAY_NOMEM, "no memory for the answer");
    if (!known(q, e, &name))
        return true;
    if (!is_state(question_param(q, "state")))
        return question_fail(q, BELAY_INVALID, "state is one of running, compensating, parked, completed, compensated, failed");
    *p = (struct page){ .q = q, .out = belay_json_out(&q->out), .after = question_param(q, "after"),
                        .left = question_count(q), .looks = BELAY_ADMIN_SAGA_LOOKS_MAX };
    belay_json_begin_object(&p->out);
    belay_json_key(&p->out, "instances");
    belay_json_begin_array(&p->out);
    fill_page(p, e);
    return false;
}

bool answer_saga(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)now;
    struct belay_str name;
    if (!known(q, e, &name))
        return true;
    if (question_words(q))
        belay_sagas_gather(belay_engine_sagas(e), name, question_param(q, "id"), q->words);
    int status = belay_sagas_view(belay_engine_sagas(e), name, question_param(q, "id"), &q->out, &q->err);
    return status == BELAY_OK ? true : question_failed(q, status);
}

/* What was said, of what, and by whom. It is in the instance's history too, which says it where the trail has no room. */
static bool said(struct question *q, struct belay_engine *e, belay_time now, int status, struct belay_str saga,
                 const char *word)
{
    struct belay_json_out o = belay_json_out(&q->out);
    if (status != BELAY_OK)
        return question_failed(q, status);
    struct belay_trail_entry entry = question_entry(q, BELAY_TRAIL_SAGA, saga, question_param(q, "id"), word);
    if (question_did(q, e, &entry, now) != BELAY_OK)
        belay_err_clear(&q->err);
    belay_json_begin_object(&o);
    belay_json_key(&o, "done");
    belay_json_put_bool(&o, true);
    belay_json_key(&o, "saga");
    belay_json_put_str(&o, saga);
    belay_json_key(&o, "id");
    belay_json_put_str(&o, question_param(q, "id"));
    belay_json_key(&o, "word");
    belay_json_put_c(&o, word);
    belay_json_key(&o, "by");
    belay_json_put_str(&o, q->who);
    belay_json_end_object(&o);
    return true;
}

static bool say(struct question *q, struct belay_engine *e, belay_time now, const char *text,
                enum belay_saga_settle how)
{
    struct belay_saga_word word = { .how = how, .who = q->who, .reason = question_text(q, "reason") };
    const belay_json *result = question_member(q, "result");
    struct belay_buf json;
    struct belay_str name;
    if (!known(q, e, &name))
        return true;
    belay_buf_init(&json, BELAY_ADMIN_OUT_BYTES_MAX);
    if (result) {
        struct belay_json_out o = belay_json_out(&json);
        belay_json_put(&o, result);
        word.result = belay_buf_view(&json);
    }
    int status = belay_buf_status(&json);
    if (status == BELAY_OK)
        status = belay_sagas_settle(belay_engine_sagas(e), name, question_param(q, "id"), &word, now, &q->err);
    belay_buf_deinit(&json);
    return said(q, e, now, status, name, text);
}

bool answer_saga_settle(struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_str how = question_text(q, "how");
    if (belay_str_eq(how, BELAY_STR("done")))
        return say(q, e, now, "done", BELAY_SAGA_SETTLE_DONE);
    if (belay_str_eq(how, BELAY_STR("not-done")))
        return say(q, e, now, "not-done", BELAY_SAGA_SETTLE_NOT_DONE);
    return question_fail(q, BELAY_INVALID, "\"how\" must be done or not-done");
}

bool answer_saga_retry(struct question *q, struct belay_engine *e, belay_time now)
{
    return say(q, e, now, "retry", BELAY_SAGA_SETTLE_RETRY);
}

bool answer_saga_skip(struct question *q, struct belay_engine *e, belay_time now)
{
    return say(q, e, now, "skip", BELAY_SAGA_SETTLE_SKIP);
}

bool answer_saga_abort(struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_str name;
    if (!known(q, e, &name))
        return true;
    int status = belay_sagas_abort(belay_engine_sagas(e), name, question_param(q, "id"), q->who,
                                   question_text(q, "reason"), now, &q->err);
    return said(q, e, now, status, name, "abort");
}
