/* filter_where.c - a letter as an expression sees it, and whether it is wanted.
 *
 *   { flow, topic, sequence, state, key, attempts, created_at, first_attempt_at, error, class, status, endpoint,
 *     description, step, group, held, edits, message: { id, ..., headers, body }, headers, body }
 *
 * `error` to `step` are of the last attempt; body is the message's, parsed where it is JSON. */
#include <stdio.h>

#include "admin/filter.h"
#include "flow/call.h"

static bool put(struct belay_value_object *o, struct belay_arena *arena, const char *name, struct belay_value v)
{
    return belay_value_object_put(o, arena, belay_str_c(name), v) == BELAY_OK;
}

static bool put_text(struct belay_value_object *o, struct belay_arena *arena, const char *name, struct belay_str s)
{
    return !s.n || put(o, arena, name, belay_value_str(s));
}

static bool put_time(struct belay_value_object *o, struct belay_arena *arena, const char *name, belay_time t)
{
    char *text = belay_arena_bytes(arena, BELAY_TIME_TEXT_BYTES);
    if (!text)
        return false;
    belay_time_text(t, text);
    return put_text(o, arena, name, belay_str(text, BELAY_TIME_TEXT_BYTES - 1));
}

static struct belay_value body_value(struct belay_str body, struct belay_arena *arena)
{
    const belay_json *root;
    if (!body.n)
        return belay_value_undefined();
    if (belay_json_parse(body, NULL, arena, &root, NULL, NULL) == BELAY_OK)
        return belay_value_tape(root);
    return belay_value_str(body);
}

static bool put_fault(struct belay_value_object *o, struct belay_arena *arena, const struct belay_fault *f)
{
    return put_text(o, arena, "error", belay_str_c(f->type))
           && put_text(o, arena, "class", belay_str_c(belay_class_name(f->class_)))
           && put_text(o, arena, "step", belay_str_c(f->step)) && put_text(o, arena, "endpoint", belay_str_c(f->endpoint))
           && put_text(o, arena, "description", belay_str_c(f->description))
           && (!f->status || put(o, arena, "status", belay_value_int(f->status)));
}

static bool put_message(struct belay_value_object *o, struct belay_arena *arena, const struct belay_message *m)
{
    struct belay_value message, headers, body = body_value(m->body, arena);
    if (belay_message_value(m, 0, arena, &message) != BELAY_OK
        || belay_fields_value(m->headers, m->header_count, arena, &headers) != BELAY_OK)
        return false;
    if (body.type != BELAY_VALUE_UNDEFINED
        && (!put(o, arena, "body", body) || !put(message.u.object, arena, "body", body)))
        return false;
    return put(message.u.object, arena, "headers", headers) && put(o, arena, "message", message)
           && put(o, arena, "headers", headers);
}

static bool letter_value(const struct belay_letter *l, struct belay_arena *arena, struct belay_value *ret_value)
{
    struct belay_value_object *o = belay_value_object_new(arena);
    char *group = belay_arena_bytes(arena, 17);
    if (!o || !group)
        return false;
    snprintf(group, 17, "%016llx", (unsigned long long)l->fingerprint);
    const struct belay_fault *last = l->history_count ? &l->history[l->history_count - 1].fault : NULL;
    *ret_value = belay_value_object(o);
    return put_text(o, arena, "flow", l->subscription) && put_text(o, arena, "topic", l->topic)
           && put(o, arena, "sequence", belay_value_int((int64_t)l->sequence))
           && put_text(o, arena, "state", l->parked ? BELAY_STR("parked") : BELAY_STR("dead"))
           && put_text(o, arena, "key", l->index_key) && put(o, arena, "attempts", belay_value_int(l->attempts))
           && put_time(o, arena, "created_at", l->created_at)
           && put_time(o, arena, "first_attempt_at", l->first_attempt_at)
           && put_text(o, arena, "group", belay_str(group, 16)) && put(o, arena, "held", belay_value_int((int64_t)l->held))
           && put(o, arena, "edits", belay_value_int(l->edits)) && (!last || put_fault(o, arena, last))
           && put_message(o, arena, &l->message);
}

int where_compile(struct belay_str source, struct belay_expr **ret_expr, struct belay_err *err)
{
    struct belay_expr_error error;
    if (source.n > BELAY_FILTER_SOURCE_MAX)
        return belay_fail(err, BELAY_LIMIT, "where: more than %d bytes", BELAY_FILTER_SOURCE_MAX);
    int status = belay_expr_compile(source, ret_expr, &error, err);
    return status == BELAY_SYNTAX
               ? belay_fail(err, status, "where: %s (%s, at byte %u)", error.message, error.code, error.position)
               : status;
}

static bool failed(struct filter *f, const char *why)
{
    if (!f->failed++)
        snprintf(f->failure, sizeof f->failure, "%.200s", why);
    return false;
}

bool where_wants(struct filter *f, const struct belay_letter *letter, belay_time now)
{
    const struct belay_expr_env env = { .now = now, .steps_max = BELAY_FILTER_STEPS_MAX };
    struct belay_arena *arena = &f->q->arena;
    struct belay_value input, value;
    struct belay_expr_error error = { 0 };
    struct belay_err err;
    if (!letter_value(letter, arena, &input))
        return failed(f, "no memory");
    int status = belay_expr_eval(f->where, input, &env, arena, &value, &error, &err);
    if (status != BELAY_OK)
        return failed(f, error.message[0] ? error.message : err.msg);
    return belay_value_truthy(value);
}
