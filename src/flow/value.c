/* value.c - what a message, a fault and an outcome are to an expression. */
#include "flow/call.h"
#include "flow/eval.h"

/* Undefined and absent are the same. */
static bool put(struct belay_value_object *o, struct belay_arena *arena, const char *name,
                struct belay_value v)
{
    return v.type == BELAY_VALUE_UNDEFINED
           || belay_value_object_put(o, arena, belay_str_c(name), v) == BELAY_OK;
}

static bool put_text(struct belay_value_object *o, struct belay_arena *arena, const char *name,
                     struct belay_str s)
{
    return !s.n || put(o, arena, name, belay_value_str(s));
}

static bool put_time(struct belay_value_object *o, struct belay_arena *arena, const char *name,
                     belay_time t)
{
    char *text = belay_arena_bytes(arena, BELAY_TIME_TEXT_BYTES);
    if (!text)
        return false;
    belay_time_text(t, text);
    return put_text(o, arena, name, belay_str(text, BELAY_TIME_TEXT_BYTES - 1));
}

int belay_message_value(const struct belay_message *m, uint32_t attempt, struct belay_arena *arena,
                        struct belay_value *ret_value)
{
    struct belay_value_object *o = belay_value_object_new(arena);
    bool ok = o && put_text(o, arena, "id", m->id) && put_text(o, arena, "source", m->source)
              && put_text(o, arena, "type", m->type) && put_text(o, arena, "subject", m->subject)
              && put_text(o, arena, "key", m->key) && put_time(o, arena, "time", m->time)
              && put_time(o, arena, "accepted_at", m->accepted_at)
              && put_text(o, arena, "correlationid", m->correlationid)
              && put_text(o, arena, "causationid", m->causationid)
              && put_text(o, arena, "traceparent", m->traceparent)
              && put_text(o, arena, "tracestate", m->tracestate)
              && put_text(o, arena, "datacontenttype", m->datacontenttype)
              && (!attempt || put(o, arena, "attempt", belay_value_int(attempt)));
    if (!ok)
        return BELAY_NOMEM;
    *ret_value = belay_value_object(o);
    return BELAY_OK;
}

int belay_fields_value(const struct belay_field *fields, uint32_t count, struct belay_arena *arena,
                       struct belay_value *ret_value)
{
    struct belay_value_object *o = belay_value_object_new(arena);
    int status = o ? BELAY_OK : BELAY_NOMEM;
    for (uint32_t i = 0; !status && i < count; i++)
        status = belay_value_object_put(o, arena, fields[i].name, belay_value_str(fields[i].value));
    if (!status)
        *ret_value = belay_value_object(o);
    return status;
}

/* What was cut is no JSON any more: then it is text. */
static struct belay_value excerpt(const struct belay_fault *f, struct belay_arena *arena)
{
    const belay_json *root;
    struct belay_str bytes = belay_str(f->excerpt, f->excerpt_n);
    if (!bytes.n)
        return belay_value_undefined();
    if (belay_json_parse(bytes, NULL, arena, &root, NULL, NULL) == BELAY_OK)
        return belay_value_tape(root);
    return belay_value_str(bytes);
}

int belay_fault_value(const struct belay_fault *f, struct belay_arena *arena,
                      struct belay_value *ret_value)
{
    struct belay_value_object *o = belay_value_object_new(arena);
    bool ok = o && put_text(o, arena, "type", belay_str_c(f->type))
              && put_text(o, arena, "class", belay_str_c(belay_class_name(f->class_)))
              && put_text(o, arena, "description", belay_str_c(f->description))
              && put_text(o, arena, "step", belay_str_c(f->step))
              && put_text(o, arena, "endpoint", belay_str_c(f->endpoint))
              && put_time(o, arena, "at", f->at) && put(o, arena, "body", excerpt(f, arena))
              && (!f->status || put(o, arena, "status", belay_value_int(f->status)));
    if (!ok)
        return BELAY_NOMEM;
    *ret_value = belay_value_object(o);
    return BELAY_OK;
}

/* ---- outcomes ---- */

static bool put_headers(struct belay_value_object *o, struct belay_arena *arena,
                        const struct belay_call_outcome *outcome)
{
    for (uint32_t i = 0; i < outcome->header_count; i++) {
        struct belay_str name = belay_arena_str(arena, outcome->headers[i].name);
        struct belay_str value = belay_arena_str(arena, outcome->headers[i].value);
        if (!name.p || !value.p || belay_value_object_put(o, arena, name, belay_value_str(value)))
            return false;
    }
    return true;
}

/* Where nobody wants its result, an answer that says it is JSON and is none is a string. */
static bool body_value(const struct belay_call_def *def, const struct belay_call_outcome *o, struct belay_arena *arena,
                       struct belay_value *ret)
{
    const struct belay_str type
        = field_value(o->headers, o->header_count, BELAY_STR("content-type"));
    const belay_json *root;
    *ret = belay_value_undefined();
    if (!o->body.n)
        return true;
    struct belay_str text = belay_arena_str(arena, o->body);
    if (!text.p)
        return false;
    int status = BELAY_SYNTAX;
    if ((!def || def->answer != BELAY_ANSWER_TEXT) && (!type.n || body_is_json(type)))
        status = belay_json_parse(text, NULL, arena, &root, NULL, NULL);
    if (status == BELAY_NOMEM)
        return false;
    *ret = status ? belay_value_str(text) : belay_value_tape(root);
    return true;
}

bool belay_call_misread(const struct belay_call_def *def, const struct belay_call_outcome *o, struct belay_arena *arena,
                        struct belay_call_outcome *ret_outcome)
{
    const struct belay_str type = field_value(o->headers, o->header_count, BELAY_STR("content-type"));
    struct belay_json_place place;
    struct belay_err why;
    const belay_json *root;
    if (!o->ok || !o->body.n || !body_is_json(type) || def->answer == BELAY_ANSWER_TEXT)
        return false;
    struct belay_arena_mark mark = belay_arena_mark(arena);
    int status = belay_json_parse(o->body, NULL, arena, &root, &place, &why);
    belay_arena_rewind(arena, mark);
    if (status == BELAY_OK || status == BELAY_NOMEM)
        return false;
    const struct belay_str error = belay_arena_printf(arena, "%.*s:INVALID_BODY", BELAY_STR_ARG(def->connection->namespace_));
    *ret_outcome = *o;
    ret_outcome->ok = false;
    ret_outcome->class_ = BELAY_CLASS_UNKNOWN_OUTCOME;
    ret_outcome->type = error.n ? error : BELAY_STR("CONNECTOR:INVALID_BODY"); /* no memory: unknown it is all the same */
    ret_outcome->description = belay_arena_printf(
        arena, "answered %u, and the body that says it is %.*s is none: %s (line %u, column %u)", o->status,
        BELAY_STR_ARG(type), why.msg, place.line, place.column);
    return true;
}

struct belay_value belay_outcome_value(const struct belay_call_def *def, const struct belay_call_outcome *o,
                                       struct belay_arena *arena)
{
    struct belay_value_object *result = belay_value_object_new(arena),
                              *headers = belay_value_object_new(arena);
    struct belay_value body;
    bool ok = result && headers && put_headers(headers, arena, o) && body_value(def, o, arena, &body)
              && put(result, arena, "status", belay_value_int(o->status))
              && put(result, arena, "headers", belay_value_object(headers))
              && (body.type == BELAY_VALUE_UNDEFINED || put(result, arena, "body", body));
    return ok ? belay_value_object(result) : belay_value_undefined();
}
