/* letter_where.c - a letter as an expression sees it, and whether it is wanted. */
#include "engine/letter_where.h"

#include <stdio.h>

#include "base/limits.h"
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

int belay_letter_where_compile(struct belay_str source, struct belay_expr **ret_expr, struct belay_err *err)
{
    struct belay_expr_error error;
    if (source.n > BELAY_FILTER_SOURCE_MAX)
        return belay_fail(err, BELAY_LIMIT, "where: more than %d bytes", BELAY_FILTER_SOURCE_MAX);
    int status = belay_expr_compile(source, ret_expr, &error, err);
    return status == BELAY_SYNTAX
               ? belay_fail(err, status, "where: %s (%s, at byte %u)", error.message, error.code, error.position)
               : status;
}

bool belay_letter_where_wants(struct belay_expr *where, const struct belay_letter *letter, belay_time now,
                              struct belay_arena *arena, bool *ret_wanted, struct belay_err *err)
{
    const struct belay_expr_env env = { .now = now, .steps_max = BELAY_FILTER_STEPS_MAX };
    struct belay_value input, value;
    struct belay_expr_error error = { 0 };
    *ret_wanted = false;
    if (!letter_value(letter, arena, &input)) {
        (void)belay_fail(err, BELAY_NOMEM, "no memory");
        return false;
    }
    int status = belay_expr_eval(where, input, &env, arena, &value, &error, err);
    if (status != BELAY_OK) {
        if (error.message[0])
            (void)belay_fail(err, status, "%s", error.message);
        return false;
    }
    *ret_wanted = belay_value_truthy(value);
    return true;
}

/* ---- of replay jobs ---- */

static int compile(void *arg, struct belay_str source, void **ret_where, struct belay_err *err)
{
    struct belay_expr *expr;
    (void)arg;
    int status = belay_letter_where_compile(source, &expr, err);
    if (status == BELAY_OK)
        *ret_where = expr;
    return status;
}

static bool wants(void *arg, void *where, const struct belay_letter *letter, belay_time now, struct belay_arena *arena,
                  bool *ret_costly)
{
    struct belay_err err = { 0 };
    bool wanted;
    (void)arg;
    bool told = belay_letter_where_wants(where, letter, now, arena, &wanted, &err);
    *ret_costly = !told && err.code == BELAY_LIMIT;
    return told && wanted;
}

static void release(void *arg, void *where)
{
    (void)arg;
    belay_expr_free(where);
}

const struct belay_replay_where engine_replay_where = { .compile = compile, .wants = wants, .release = release };
