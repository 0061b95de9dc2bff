#include "flow/eval.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/limits.h"

bool eval_fail(const struct eval *e, const char *type, const char *fmt, ...)
{
    char text[2 * sizeof e->fault->description];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    belay_fault_init(e->fault, type, BELAY_CLASS_PERMANENT, "%s", text);
    belay_fault_set_step(e->fault, e->step);
    e->fault->at = e->scope->now;
    return false;
}

/* A run that fills its arena will fill it again, so that is for good; a machine that has no memory now may have some
 * later. */
bool eval_no_memory(const struct eval *e)
{
    bool full = e->arena->full;
    eval_fail(e, "FLOW:MEMORY",
              full ? "the message needs more memory than a run may take" : "out of memory");
    if (!full)
        e->fault->class_ = BELAY_CLASS_TRANSIENT;
    return false;
}

bool eval_passes(const struct belay_fault *fault)
{
    return fault->class_ == BELAY_CLASS_TRANSIENT && strcmp(fault->type, "FLOW:MEMORY") == 0;
}

/* ---- templates ---- */

static struct belay_expr_env env_of(const struct belay_scope *scope)
{
    return (struct belay_expr_env){
        .bindings = scope->bindings,
        .binding_count = scope->binding_count,
        .functions = scope->functions,
        .function_count = scope->function_count,
        .now = scope->now,
        .random = scope->random,
    };
}

static bool expr_failed(const struct eval *e, int status, struct belay_expr_error *error)
{
    if (status == BELAY_NOMEM)
        return eval_no_memory(e);
    if (e->scope->outside)
        error->file = BELAY_STR_NONE;
    belay_fault_of_expr(e->fault, status, error, e->step);
    e->fault->at = e->scope->now;
    return false;
}

bool eval_value(const struct eval *e, const struct belay_template *t, struct belay_value *ret_value)
{
    struct belay_expr_env env = env_of(e->scope);
    struct belay_expr_error error;
    error.code[0] = '\0';
    int status = belay_template_eval(t, e->scope->body, &env, e->arena, ret_value, &error, NULL);
    return status == BELAY_OK || expr_failed(e, status, &error);
}

static bool eval_named(const struct eval *e, const struct belay_template *t, struct belay_str what,
                       struct belay_str *ret_text)
{
    struct belay_expr_env env = env_of(e->scope);
    struct belay_expr_error error;
    struct belay_str text;
    error.code[0] = '\0';
    int status = belay_template_text(t, e->scope->body, &env, e->arena, &text, &error, NULL);
    if (status == BELAY_OK) {
        *ret_text = text;
        return true;
    }
    expr_failed(e, status, &error);
    if (strcmp(e->fault->type, "EXPRESSION:UNDEFINED") == 0) {
        char why[2 * sizeof e->fault->description];
        snprintf(why, sizeof why, "%.*s: %s", (int)(what.n < 63 ? what.n : 63), what.p, e->fault->description);
        belay_fault_set_description(e->fault, belay_str_c(why));
    }
    return false;
}

bool eval_text(const struct eval *e, const struct belay_template *t, const char *what,
               struct belay_str *ret_text)
{
    return eval_named(e, t, belay_str_c(what), ret_text);
}

bool eval_fields(const struct eval *e, const struct belay_named_template *items, uint32_t count,
                 const struct belay_field **ret_fields)
{
    struct belay_field *fields = NULL;
    if (count && !(fields = BELAY_ARENA_ARRAY(e->arena, struct belay_field, count)))
        return eval_no_memory(e);
    for (uint32_t i = 0; i < count; i++) {
        fields[i].name = items[i].name;
        if (!eval_named(e, items[i].value, items[i].name, &fields[i].value))
            return false;
    }
    *ret_fields = fields;
    return true;
}

/* ---- bodies out ---- */

static bool copy_made(const struct eval *e, struct belay_buf *made, struct belay_str *ret_text)
{
    int status = belay_buf_status(made);
    if (status == BELAY_LIMIT)
        return eval_fail(e, "FLOW:LIMIT", "a body is larger than %zu bytes, or nested too deeply",
                         BELAY_MESSAGE_BYTES_MAX);
    struct belay_str text
        = status ? BELAY_STR_NONE : belay_arena_str(e->arena, belay_buf_view(made));
    if (!text.p)
        return eval_no_memory(e);
    *ret_text = text;
    return true;
}

bool eval_json(const struct eval *e, struct belay_value v, struct belay_str *ret_text)
{
    struct belay_buf own, *made = e->scope->scratch;
    if (!made) {
        belay_buf_init(&own, BELAY_MESSAGE_BYTES_MAX);
        made = &own;
    }
    belay_buf_clear(made);
    belay_value_write(made, v);
    bool ok = copy_made(e, made, ret_text);
    if (made == &own)
        belay_buf_deinit(&own);
    return ok;
}

bool eval_undefined(const struct eval *e, const struct belay_template *t, const char *what)
{
    char place[FAULT_PLACE_BYTES];
    uint32_t line = 0;
    struct belay_str file = t && !e->scope->outside ? belay_template_place(t, &line) : BELAY_STR_NONE;
    belay_fault_place(file, line, place);
    return eval_fail(e, "EXPRESSION:UNDEFINED", "%s is undefined%s%s", what, *place ? ", by the text" : "", place);
}

/* t: what made v; NULL: it came so. */
static bool write_body(const struct eval *e, const struct belay_template *t, struct belay_value v, struct belay_str type,
                       struct belay_str *ret_text)
{
    if (v.type == BELAY_VALUE_UNDEFINED)
        return eval_undefined(e, t, "the body");
    if (v.type == BELAY_VALUE_STRING && type.n && !body_is_json(type)) {
        *ret_text = belay_str(v.u.s, v.n);
        return true;
    }
    return eval_json(e, v, ret_text);
}

bool eval_body(const struct eval *e, const struct belay_template *t, struct belay_str type,
               struct belay_str *ret_text, struct belay_str *ret_type)
{
    const struct belay_str json = BELAY_STR("application/json");
    const struct belay_scope *scope = e->scope;
    struct belay_value v = scope->body;
    if (!t && scope->body_text.p) {
        *ret_text = scope->body_text;
        *ret_type = type.n ? type : scope->body_type;
        return true;
    }
    if ((t && !eval_value(e, t, &v)) || !write_body(e, t, v, type, ret_text))
        return false;
    *ret_type = type.n ? type : json;
    return true;
}

/* ---- bodies in ---- */

bool body_is_json(struct belay_str media_type)
{
    struct belay_str type
        = belay_str_trim(belay_str_sub(media_type, 0, belay_str_find(media_type, ';')));
    struct belay_str suffix = belay_str_sub(type, type.n > 5 ? type.n - 5 : 0, 5);
    return belay_str_eq_nocase(type, BELAY_STR("application/json"))
           || belay_str_eq_nocase(type, BELAY_STR("text/json"))
           || belay_str_eq_nocase(suffix, BELAY_STR("+json"));
}

bool body_parse(const struct eval *e, struct belay_str text, struct belay_str media_type,
                struct belay_value *ret_value)
{
    const belay_json *root;
    struct belay_json_place place;
    struct belay_err err;
    bool typed = media_type.n > 0;
    if (text.n == 0) {
        *ret_value = belay_value_undefined();
        return true;
    }
    if (typed && !body_is_json(media_type)) {
        *ret_value = belay_value_str(text);
        return true;
    }
    int status = belay_json_parse(text, NULL, e->arena, &root, &place, &err);
    if (status == BELAY_NOMEM)
        return eval_no_memory(e);
    if (status && typed)
        return eval_fail(e, "VALIDATION:JSON", "line %u, column %u: %s", place.line, place.column,
                         err.msg);
    *ret_value = status ? belay_value_str(text) : belay_value_tape(root);
    return true;
}

struct belay_str field_value(const struct belay_field *fields, uint32_t count,
                             struct belay_str name)
{
    for (uint32_t i = 0; i < count; i++)
        if (belay_str_eq_nocase(fields[i].name, name))
            return fields[i].value;
    return BELAY_STR_NONE;
}
