/* answer_store.c - keeping the store: its balance. */
#include "admin/impl.h"

bool answer_audit_start(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)e;
    int status = belay_runtime_audit_start(q->admin->runtime, now, &q->err);
    if (status != BELAY_OK)
        return question_failed(q, status);
    q->status = 202;
    belay_buf_put_str(&q->out, BELAY_STR("{\"state\":\"waiting\"}"));
    return true;
}

bool answer_audit(struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_json_out o = belay_json_out(&q->out);
    struct belay_keep_stats s;
    (void)e;
    (void)now;
    belay_runtime_keep_stats(q->admin->runtime, &s);
    if (!belay_str_eq(belay_str_c(s.work), BELAY_STR("audit")))
        return question_fail(q, BELAY_NOTFOUND, "no audit was asked for since the start: POST /audit begins one");
    belay_json_begin_object(&o);
    show_text(&o, "state", belay_str_c(s.state));
    show_time(&o, "began_at", s.began_at);
    if (s.ended_at)
        show_time(&o, "ended_at", s.ended_at);
    if (s.error.n)
        show_text(&o, "error", s.error);
    if (s.report.n) {
        belay_json_key(&o, "report");
        belay_json_put_raw(&o, s.report);
    }
    belay_json_end_object(&o);
    return true;
}
