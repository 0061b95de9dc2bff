/* answer_sagas.c - instances of sagas, and a person's word on them. */
#include "admin/impl.h"

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

#define LOOKS_MAX 20000

static void show_member(struct belay_json_out *o, const belay_json *view, const char *name)
{
    const belay_json *v = belay_json_get(view, belay_str_c(name));
    if (v) {
        belay_json_key(o, name);
        belay_json_put(o, v);
    }
}

/* Of one that has not ended also where it is, since when, and what is wrong. */
static void show_instance(struct question *q, struct belay_engine *e, struct belay_json_out *o, struct belay_str saga,
                          struct belay_str id, struct belay_str state)
{
    struct belay_arena_mark mark = belay_arena_mark(&q->arena);
    struct belay_buf text;
    const belay_json *view;
    bool ended = belay_str_eq(state, BELAY_STR("completed")) || belay_str_eq(state, BELAY_STR("compensated"))
                 || belay_str_eq(state, BELAY_STR("failed"));
    belay_json_begin_object(o);
    belay_json_key(o, "id");
    belay_json_put_str(o, id);
    belay_json_key(o, "state");
    belay_json_put_str(o, state);
    belay_buf_init(&text, ADMIN_OUT_BYTES_MAX);
    if (!ended && belay_sagas_view(belay_engine_sagas(e), saga, id, &text, NULL) == BELAY_OK
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

bool answer_saga_list(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)now;
    struct belay_str name, id, state, wanted = question_param(q, "state"), after = question_param(q, "after");
    uint32_t left = question_count(q), looks = LOOKS_MAX;
    bool more = true;
    if (!known(q, e, &name))
        return true;
    struct belay_json_out o = belay_json_out(&q->out);
    belay_json_begin_object(&o);
    belay_json_key(&o, "instances");
    belay_json_begin_array(&o);
    while (left && looks-- && (more = belay_sagas_list(belay_engine_sagas(e), name, after, &id, &state))) {
        after = belay_arena_str(&q->arena, id);
        if (wanted.n && !belay_str_eq(wanted, state))
            continue;
        show_instance(q, e, &o, name, after, state);
        left--;
    }
    belay_json_end_array(&o);
    belay_json_key(&o, "next");
    if (more)
        belay_json_put_str(&o, after);
    else
        belay_json_put_null(&o);
    belay_json_end_object(&o);
    return true;
}

bool answer_saga(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)now;
    struct belay_str name;
    if (!known(q, e, &name))
        return true;
    int status = belay_sagas_view(belay_engine_sagas(e), name, question_param(q, "id"), &q->out, &q->err);
    return status == BELAY_OK ? true : question_failed(q, status);
}

bool answer_saga_settle(struct question *q, struct belay_engine *e, belay_time now)
{
    static const struct {
        struct belay_str word;
        enum belay_settle how;
    } words[] = { { BELAY_STR_INIT("retry"), BELAY_SETTLE_RETRY },
                  { BELAY_STR_INIT("done"), BELAY_SETTLE_DONE },
                  { BELAY_STR_INIT("not-done"), BELAY_SETTLE_NOT_DONE } };
    struct belay_str name, how = question_text(q, "how");
    if (!known(q, e, &name))
        return true;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (belay_str_eq(how, words[i].word))
            return question_done(q, belay_sagas_settle(belay_engine_sagas(e), name, question_param(q, "id"),
                                                       words[i].how, question_who(q), now, &q->err));
    return question_fail(q, BELAY_INVALID, "\"how\" must be one of retry, done, not-done");
}

bool answer_saga_cancel(struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_str name;
    if (!known(q, e, &name))
        return true;
    return question_done(q, belay_sagas_cancel(belay_engine_sagas(e), name, question_param(q, "id"),
                                               question_who(q), now, &q->err));
}
