/* answer_store.c - keeping the store: its balance, backups, and the word that it may go on after a restore. */
#include "admin/answers.h"

#include "admin/answer_trail.h"
#include "admin/question.h"
#include "admin/room.h"
#include "admin/show.h"
#include "base/limits.h"

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
    belay_runtime_audit_stats(q->admin->runtime, &s);
    if (!s.work[0])
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

bool answer_backup_start(struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_str to = question_text(q, "to");
    const belay_json *rate = question_member(q, "bytes_per_s");
    struct belay_broker *b = belay_engine_broker(e);
    if (to.n == 0 || to.p[0] != '/')
        return question_fail(q, BELAY_INVALID, "where to: \"to\" must be the absolute path of a folder that is empty or not there");
    if (rate && rate->u.i < 1)
        return question_fail(q, BELAY_INVALID, "\"bytes_per_s\" must be a number from 1");
    struct belay_trail_entry entry = question_entry(q, BELAY_TRAIL_JOB, BELAY_STR("backup"), to, "backup");
    int status = belay_trail_begin(b, &entry, BELAY_KIB(1), 1, &q->err); /* nothing begins that cannot be written down */
    if (status == BELAY_OK)
        status = belay_runtime_backup_start(q->admin->runtime, to, rate ? (uint64_t)rate->u.i : 0, now, &q->err);
    if (status == BELAY_OK)
        status = question_did(q, e, &entry, now);
    if (status != BELAY_OK)
        return question_failed(q, status);
    q->status = 202;
    belay_buf_put_str(&q->out, BELAY_STR("{\"state\":\"waiting\"}"));
    return true;
}

bool answer_backup(struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_json_out o = belay_json_out(&q->out);
    struct belay_keep_stats s;
    (void)e;
    (void)now;
    belay_runtime_backup_stats(q->admin->runtime, &s);
    if (!s.work[0])
        return question_fail(q, BELAY_NOTFOUND, "no backup was asked for since the start: POST /backup begins one");
    belay_json_begin_object(&o);
    show_text(&o, "state", belay_str_c(s.state));
    show_text(&o, "to", s.to);
    show_time(&o, "began_at", s.began_at);
    if (s.ended_at)
        show_time(&o, "ended_at", s.ended_at);
    belay_json_key(&o, "bytes_done");
    belay_json_put_uint(&o, s.bytes_done);
    belay_json_key(&o, "bytes_total");
    belay_json_put_uint(&o, s.bytes_total);
    if (s.position) {
        belay_json_key(&o, "position");
        belay_json_put_uint(&o, s.position);
    }
    if (s.error.n) {
        show_text(&o, "status", belay_str_c(belay_status_name(s.status)));
        show_text(&o, "error", s.error);
    }
    belay_json_end_object(&o);
    return true;
}

bool answer_backup_cancel(struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_keep_stats s;
    belay_runtime_backup_stats(q->admin->runtime, &s);
    struct belay_trail_entry entry = question_entry(q, BELAY_TRAIL_JOB, BELAY_STR("backup"), s.to, "cancel");
    int status = belay_trail_begin(belay_engine_broker(e), &entry, BELAY_KIB(1), 1, &q->err);
    if (status == BELAY_OK)
        status = belay_runtime_backup_cancel(q->admin->runtime, &q->err);
    if (status == BELAY_OK)
        status = question_did(q, e, &entry, now);
    return question_done(q, status);
}

/* A person has looked at what was restored. */
bool answer_resume_all(struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_trail_entry entry = question_entry(q, BELAY_TRAIL_JOB, BELAY_STR("restore"), BELAY_STR(""), "resume");
    int status = belay_runtime_held(q->admin->runtime).n ? question_did(q, e, &entry, now) : BELAY_OK;
    if (status == BELAY_OK)
        status = belay_runtime_resume(q->admin->runtime, &q->err);
    return question_done(q, status);
}
