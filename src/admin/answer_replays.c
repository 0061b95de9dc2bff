/* answer_replays.c - replay jobs: begin one, look, pause, resume, cancel. */
#include "admin/answers.h"

#include <stdio.h>

#include "admin/answer_trail.h"
#include "admin/filter.h"
#include "admin/question.h"
#include "admin/show.h"
#include "base/limits.h"
#include "broker/replay.h"

#define JOB_RECORDS 1
#define JOB_RECORD_BYTES BELAY_KIB(16) /* a job as a record: its filter, numbers */

static const struct unit {
    struct belay_str name;
    uint32_t seconds;
} units[] = { { BELAY_STR_INIT("s"), 1 }, { BELAY_STR_INIT("m"), 60 }, { BELAY_STR_INIT("h"), 3600 } };

/* "100/s", "10/m", "5/h", or a number: a second. */
static bool parse_rate(struct belay_str text, struct belay_replay_opt *opt)
{
    struct belay_str unit = text, number = belay_str_split(&unit, '/');
    uint64_t n;
    if (!belay_str_to_u64(number, &n) || n == 0 || n > UINT32_MAX)
        return false;
    opt->rate = (uint32_t)n;
    opt->rate_seconds = 1;
    if (number.n == text.n)
        return true;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (belay_str_eq(unit, units[i].name)) {
            opt->rate_seconds = units[i].seconds;
            return true;
        }
    return false;
}

static void show_rate(struct belay_json_out *o, const struct belay_replay_opt *opt)
{
    char text[32] = "";
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (opt->rate && units[i].seconds == opt->rate_seconds)
            snprintf(text, sizeof text, "%u/%.*s", opt->rate, BELAY_STR_ARG(units[i].name));
    show_text(o, "rate", belay_str_c(text));
}

static void show_number(struct belay_json_out *o, const char *name, uint64_t n)
{
    belay_json_key(o, name);
    belay_json_put_uint(o, n);
}

static void show_flag(struct belay_json_out *o, const char *name, bool flag)
{
    belay_json_key(o, name);
    belay_json_put_bool(o, flag);
}

static void show_group(struct belay_json_out *o, uint64_t group)
{
    char text[17] = "";
    if (group)
        snprintf(text, sizeof text, "%016llx", (unsigned long long)group);
    show_text(o, "group", belay_str_c(text));
}

static void show_job(struct belay_json_out *o, const struct belay_replay *r)
{
    belay_json_begin_object(o);
    show_number(o, "job", r->id);
    show_text(o, "state", belay_str_c(belay_replay_state_name(r->state)));
    show_text(o, "flow", r->opt.flow);
    show_text(o, "error", r->opt.error);
    show_text(o, "key", r->opt.key);
    show_group(o, r->opt.group);
    show_time(o, "since", r->opt.since ? r->opt.since : BELAY_TIME_NEVER);
    show_time(o, "until", r->opt.until);
    show_text(o, "where", r->opt.where);
    show_flag(o, "from_start", r->opt.from_start);
    show_flag(o, "any_order", r->opt.any_order);
    show_number(o, "concurrency", r->opt.concurrency);
    show_rate(o, &r->opt);
    show_text(o, "who", r->opt.who);
    show_time(o, "created_at", r->created_at);
    show_text(o, "changed_by", r->changed_by);
    show_time(o, "changed_at", r->changed_at);
    show_number(o, "total", r->total);
    show_number(o, "looked", r->looked);
    show_number(o, "taken", r->taken);
    show_number(o, "skipped", r->skipped);
    show_number(o, "aside", r->aside);
    show_number(o, "under_way", r->under_way);
    show_number(o, "done", r->done);
    show_number(o, "failed", r->failed);
    show_number(o, "discarded", r->discarded);
    belay_json_end_object(o);
}

bool answer_replays(struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_json_out o = belay_json_out(&q->out);
    struct belay_replay r;
    (void)now;
    belay_json_begin_object(&o);
    belay_json_key(&o, "jobs");
    belay_json_begin_array(&o);
    for (uint32_t i = 0; belay_replay_at(belay_engine_broker(e), i, &r); i++)
        show_job(&o, &r);
    belay_json_end_array(&o);
    belay_json_end_object(&o);
    return true;
}

/* ---- one of them ---- */

static bool show_one(struct question *q, struct belay_engine *e, uint32_t id)
{
    struct belay_json_out o = belay_json_out(&q->out);
    struct belay_replay r;
    int status = belay_replay_get(belay_engine_broker(e), id, &r, &q->err);
    if (status != BELAY_OK)
        return question_failed(q, status);
    show_job(&o, &r);
    return true;
}

static bool job_named(struct question *q, uint32_t *ret_id)
{
    uint64_t id;
    if (!belay_str_to_u64(question_param(q, "job"), &id) || id > UINT32_MAX)
        return !question_fail(q, BELAY_INVALID, "a replay job is named by its number");
    *ret_id = (uint32_t)id;
    return true;
}

bool answer_job(struct question *q, struct belay_engine *e, belay_time now)
{
    uint32_t id;
    (void)now;
    return job_named(q, &id) ? show_one(q, e, id) : true;
}

typedef int change_fn(struct belay_broker *b, uint32_t id, struct belay_str who, belay_time now, struct belay_err *err);

static bool change(struct question *q, struct belay_engine *e, belay_time now, const char *verb, change_fn *fn)
{
    uint32_t id;
    if (!job_named(q, &id))
        return true;
    struct belay_broker *b = belay_engine_broker(e);
    struct belay_trail_entry entry = question_entry(q, BELAY_TRAIL_JOB, BELAY_STR("replay"), question_param(q, "job"), verb);
    int status = belay_trail_begin(b, &entry, JOB_RECORD_BYTES, JOB_RECORDS, &q->err);
    if (status == BELAY_OK)
        status = fn(b, id, q->who, now, &q->err);
    if (status == BELAY_OK)
        status = question_did(q, e, &entry, now);
    return status == BELAY_OK ? show_one(q, e, id) : question_failed(q, status);
}

bool answer_job_pause(struct question *q, struct belay_engine *e, belay_time now)
{
    return change(q, e, now, "pause", belay_replay_pause);
}

bool answer_job_resume(struct question *q, struct belay_engine *e, belay_time now)
{
    return change(q, e, now, "resume", belay_replay_resume);
}

bool answer_job_cancel(struct question *q, struct belay_engine *e, belay_time now)
{
    return change(q, e, now, "cancel", belay_replay_cancel);
}

/* ---- begin ---- */

/* False: the question has failed. */
static bool options_of(struct question *q, belay_time now, struct belay_replay_opt *opt)
{
    const belay_json *concurrency = question_member(q, "concurrency");
    struct belay_str rate = question_text(q, "rate");
    *opt = (struct belay_replay_opt){ .flow = question_text(q, "flow"),
                                      .error = question_text(q, "error"),
                                      .key = question_text(q, "key"),
                                      .where = question_text(q, "where"),
                                      .who = q->who,
                                      .from_start = question_flag(q, "from_start"),
                                      .any_order = question_flag(q, "any_order") };
    bool number = concurrency && concurrency->type == BELAY_JSON_INT && concurrency->u.i > 0
                  && concurrency->u.i <= BELAY_REPLAY_CONCURRENCY_MAX;
    if (concurrency && !number)
        return !question_fail(q, BELAY_INVALID, "concurrency is a number from 1 to %d", BELAY_REPLAY_CONCURRENCY_MAX);
    if (number)
        opt->concurrency = (uint32_t)concurrency->u.i;
    if (!filter_group(q, question_text(q, "group"), &opt->group)
        || !filter_moment(q, "since", question_text(q, "since"), now, 0, &opt->since)
        || !filter_moment(q, "until", question_text(q, "until"), now, 0, &opt->until))
        return false;
    if (rate.n && !parse_rate(rate, opt))
        return !question_fail(q, BELAY_INVALID, "rate is 100/s, 10/m or 5/h, not '%.*s'", BELAY_STR_ARG(rate));
    return true;
}

bool answer_job_start(struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_broker *b = belay_engine_broker(e);
    struct belay_replay_opt opt;
    uint32_t id = 0;
    char number[16];
    if (!options_of(q, now, &opt))
        return true;
    struct belay_trail_entry entry = question_entry(q, BELAY_TRAIL_JOB, BELAY_STR("replay"), BELAY_STR("4294967295"),
                                                    "start");
    int status = belay_trail_begin(b, &entry, JOB_RECORD_BYTES, JOB_RECORDS, &q->err);
    if (status == BELAY_OK)
        status = belay_replay_start(b, &opt, now, &id, &q->err);
    if (status != BELAY_OK)
        return question_failed(q, status);
    snprintf(number, sizeof number, "%u", id);
    entry.id = belay_str_c(number);
    status = question_did(q, e, &entry, now);
    return status == BELAY_OK ? show_one(q, e, id) : question_failed(q, status);
}
