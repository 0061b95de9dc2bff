/* steps.c - the steps that need nobody outside: each ends at step->next, or sets run->fault. */
#include "base/limits.h"
#include "flow/redact.h"
#include "flow/run.h"

enum move run_no_memory(struct belay_flow_run *run)
{
    const struct eval e = run_eval(run);
    eval_no_memory(&e);
    return MOVE_FAILED;
}

static enum move limit(struct belay_flow_run *run, const char *what, unsigned max)
{
    const struct eval e = run_eval(run);
    eval_fail(&e, "FLOW:LIMIT", "more than %u %s in one run", max, what);
    return MOVE_FAILED;
}

/* Evaluates one template in its scope. */
static bool value_of(struct belay_flow_run *run, const struct belay_template *t,
                     struct belay_value *ret_value)
{
    const struct eval e = run_eval(run);
    scope_begin(run);
    scope_sees(run, t);
    return scope_ready(run) && eval_value(&e, t, ret_value);
}

static bool bind_result(struct belay_flow_run *run, const struct belay_step_def *step,
                        struct belay_value v)
{
    return !step->as.n || bindings_put(run, &run->m.at->results, step->as, v);
}

/* ---- effects ---- */

bool run_add_publication(struct belay_flow_run *run, const struct belay_publication *p)
{
    if (!run_grow(run, (void **)&run->m.publications, run->m.publication_count,
                  &run->m.publication_cap, sizeof *p))
        return false;
    run->m.publications[run->m.publication_count++] = *p;
    return true;
}

bool run_add_log(struct belay_flow_run *run, const struct belay_flow_log *log)
{
    if (!run_grow(run, (void **)&run->m.logs, run->m.log_count, &run->m.log_cap, sizeof *log))
        return false;
    run->m.logs[run->m.log_count++] = *log;
    return true;
}

/* ---- map, filter, choose, set ---- */

static enum move run_map(struct belay_flow_run *run, const struct belay_step_def *step)
{
    const struct eval e = run_eval(run);
    struct belay_value v;
    if (!value_of(run, step->u.map.value, &v))
        return MOVE_FAILED;
    if (v.type == BELAY_VALUE_UNDEFINED) { /* a mistyped name, most likely */
        eval_undefined(&e, step->u.map.value, "what map made");
        return MOVE_FAILED;
    }
    run->m.at->body = (struct flow_body){ .value = v, .known = true, .mapped = true };
    return bind_result(run, step, v) ? MOVE_ON : MOVE_FAILED;
}

static enum move run_filter(struct belay_flow_run *run, const struct belay_step_def *step)
{
    struct belay_value v;
    if (step->u.filter.when && !value_of(run, step->u.filter.when, &v))
        return MOVE_FAILED;
    if (step->u.filter.when && belay_value_truthy(v))
        return MOVE_ON;
    struct belay_str reason = step->u.filter.reason;
    run->m.filtered = reason.n ? reason : BELAY_STR("filtered");
    return MOVE_DONE;
}

static enum move run_choose(struct belay_flow_run *run, const struct belay_step_def *step)
{
    run->m.worth_keeping = true; /* another look may choose otherwise */
    for (uint32_t i = 0; i < step->u.choose.count; i++) {
        const struct belay_choice_def *choice = &step->u.choose.choices[i];
        struct belay_value v = belay_value_bool(true);
        if (choice->when && !value_of(run, choice->when, &v))
            return MOVE_FAILED;
        if (belay_value_truthy(v)) {
            run->m.at->step = choice->first;
            return MOVE_ON;
        }
    }
    run->m.at->step = step->next;
    return MOVE_ON;
}

/* All see what was there before the step. */
static enum move run_set(struct belay_flow_run *run, const struct belay_step_def *step)
{
    const struct eval e = run_eval(run);
    uint32_t count = step->u.set.count;
    struct belay_value *values = BELAY_ARENA_ARRAY(&run->arena, struct belay_value, count + 1);
    scope_begin(run);
    scope_sees_named(run, step->u.set.vars, count);
    if (!values)
        return run_no_memory(run);
    if (!scope_ready(run))
        return MOVE_FAILED;
    for (uint32_t i = 0; i < count; i++)
        if (!eval_value(&e, step->u.set.vars[i].value, &values[i]))
            return MOVE_FAILED;
    for (uint32_t i = 0; i < count; i++)
        if (!bindings_put(run, &run->m.at->vars, step->u.set.vars[i].name, values[i]))
            return MOVE_FAILED;
    return MOVE_ON;
}

/* ---- publish ---- */

/* What map made is written once, however often it is published. */
static bool write_mapped_body(struct belay_flow_run *run)
{
    const struct eval e = run_eval(run);
    struct flow_body *body = &run->m.at->body;
    if (body->text.p || !body->mapped)
        return true;
    if (!eval_json(&e, body->value, &body->text))
        return false;
    body->type = BELAY_STR("application/json");
    return true;
}

static enum move bind_publication(struct belay_flow_run *run, const struct belay_step_def *step,
                                  const struct belay_publication *p)
{
    struct belay_value_object *o = step->as.n ? belay_value_object_new(&run->arena) : NULL;
    if (!step->as.n)
        return MOVE_ON;
    if (!o
        || belay_value_object_put(o, &run->arena, BELAY_STR("id"), belay_value_str(p->message.id))
        || belay_value_object_put(o, &run->arena, BELAY_STR("topic"), belay_value_str(p->target)))
        return run_no_memory(run);
    return bind_result(run, step, belay_value_object(o)) ? MOVE_ON : MOVE_FAILED;
}

static enum move run_publish(struct belay_flow_run *run, const struct belay_step_def *step)
{
    const struct belay_publish_def *def = &step->u.publish;
    struct belay_publication p;
    if (run->m.publication_count >= BELAY_PUBLISH_PER_RUN_MAX)
        return limit(run, "messages published", BELAY_PUBLISH_PER_RUN_MAX);
    scope_begin(run);
    scope_sees(run, def->target);
    scope_sees(run, def->key);
    scope_sees(run, def->body);
    scope_sees(run, def->type);
    scope_sees(run, def->delay);
    scope_sees(run, def->ttl);
    scope_sees_named(run, def->headers, def->header_count);
    if ((!def->body && !write_mapped_body(run)) || !scope_ready(run)
        || !belay_publish_build(def, &run->m.scope, step->name, 0, run->m.in.message, &run->arena,
                                &p, &run->fault))
        return MOVE_FAILED;
    if (run->m.in.admit && !run->m.in.admit(run->m.in.admit_arg, &p, &run->fault)) {
        belay_fault_set_step(&run->fault, step->name);
        return run->m.in.answers ? fail_handle(run) : MOVE_FAILED;
    }
    if (!run_add_publication(run, &p))
        return run_no_memory(run);
    return bind_publication(run, step, &p);
}

/* ---- log, reply, dead_letter ---- */

/* A log never fails for what it says: undefined is "", what is no scalar is JSON. */
static bool log_text(const struct eval *e, const struct belay_template *t,
                     struct belay_str *ret_text)
{
    struct belay_value v;
    if (!eval_value(e, t, &v))
        return false;
    if (v.type == BELAY_VALUE_UNDEFINED) {
        *ret_text = BELAY_STR("");
        return true;
    }
    return belay_value_text(v, e->arena, ret_text) || eval_json(e, v, ret_text);
}

static enum move run_log(struct belay_flow_run *run, const struct belay_step_def *step)
{
    const struct eval e = run_eval(run);
    uint32_t count = step->u.log.field_count;
    struct belay_field *fields = BELAY_ARENA_ARRAY(&run->arena, struct belay_field, count + 1);
    struct belay_flow_log log
        = { .level = step->u.log.level, .fields = fields, .field_count = count };
    if (run->m.log_count >= BELAY_LOGS_PER_RUN_MAX)
        return limit(run, "log lines", BELAY_LOGS_PER_RUN_MAX);
    scope_begin(run);
    scope_sees(run, step->u.log.message);
    scope_sees_named(run, step->u.log.fields, count);
    if (!fields)
        return run_no_memory(run);
    if (!scope_ready(run)
        || (step->u.log.message && !log_text(&e, step->u.log.message, &log.message)))
        return MOVE_FAILED;
    for (uint32_t i = 0; i < count; i++) {
        fields[i].name = step->u.log.fields[i].name;
        if (!log_text(&e, step->u.log.fields[i].value, &fields[i].value))
            return MOVE_FAILED;
    }
    run_redact_log(run, &log, fields);
    return run_add_log(run, &log) ? MOVE_ON : run_no_memory(run);
}

static bool reply_status(const struct eval *e, const struct belay_template *t, uint32_t *ret_status)
{
    struct belay_str text;
    uint64_t status = 200;
    if (t && !eval_text(e, t, "status", &text))
        return false;
    if (t && (!belay_str_to_u64(text, &status) || status < 200 || status > 599))
        return eval_fail(e, "EXPRESSION:ERROR",
                         "status: \"%.*s\" is no status of an answer (200 to 599)",
                         BELAY_STR_ARG(text));
    *ret_status = (uint32_t)status;
    return true;
}

static enum move run_reply(struct belay_flow_run *run, const struct belay_step_def *step)
{
    const struct eval e = run_eval(run);
    struct belay_flow_reply reply = { .present = true, .header_count = step->u.reply.header_count };
    scope_begin(run);
    scope_sees(run, step->u.reply.status);
    scope_sees(run, step->u.reply.body);
    scope_sees_named(run, step->u.reply.headers, reply.header_count);
    if ((!step->u.reply.body && !step->u.reply.body_none && !write_mapped_body(run))
        || !scope_ready(run) || !reply_status(&e, step->u.reply.status, &reply.status)
        || !eval_fields(&e, step->u.reply.headers, reply.header_count, &reply.headers))
        return MOVE_FAILED;
    struct belay_str type
        = field_value(reply.headers, reply.header_count, BELAY_STR("content-type"));
    bool empty = step->u.reply.body_none || (!step->u.reply.body && !run->m.at->body.text.n);
    if (!empty && !eval_body(&e, step->u.reply.body, type, &reply.body, &reply.content_type))
        return MOVE_FAILED;
    run->m.at->reply = reply;
    return MOVE_ON;
}

static enum move run_dead_letter(struct belay_flow_run *run, const struct belay_step_def *step)
{
    const struct eval e = run_eval(run);
    struct belay_str reason = BELAY_STR("");
    scope_begin(run);
    scope_sees(run, step->u.dead_letter.reason);
    if (step->u.dead_letter.reason
        && (!scope_ready(run) || !eval_text(&e, step->u.dead_letter.reason, "reason", &reason)))
        return MOVE_FAILED;
    if (!run->m.error)
        eval_fail(&e, "FLOW:DEAD_LETTER", "%.*s",
                  BELAY_STR_ARG(reason.n ? reason : BELAY_STR("as the flow says")));
    else if (run->fault = *run->m.error, reason.n)
        belay_fault_set_description(&run->fault, reason);
    run->m.skips = step->u.dead_letter.skip;
    run->m.explicit_letter = true;
    return MOVE_LETTER;
}

enum move step_run(struct belay_flow_run *run, const struct belay_step_def *step)
{
    enum move move = MOVE_FAILED;
    switch (step->kind) {
    case BELAY_STEP_CHOOSE: return run_choose(run, step); /* goes its own way */
    case BELAY_STEP_CALL: return call_begin(run, step);
    case BELAY_STEP_DEAD_LETTER: return run_dead_letter(run, step);
    case BELAY_STEP_VALIDATE: move = validate_run(run, step); break;
    case BELAY_STEP_MAP: move = run_map(run, step); break;
    case BELAY_STEP_FILTER: move = run_filter(run, step); break;
    case BELAY_STEP_SET: move = run_set(run, step); break;
    case BELAY_STEP_PUBLISH: move = run_publish(run, step); break;
    case BELAY_STEP_LOG: move = run_log(run, step); break;
    case BELAY_STEP_REPLY: move = run_reply(run, step); break;
    }
    if (move == MOVE_ON)
        run->m.at->step = step->next;
    return move;
}
