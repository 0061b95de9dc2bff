/* Templates: "{% e %}" is e's value, text around expressions makes a string. */
#include <stdio.h>

#include "base/alloc.h"
#include "expr/eval.h"

struct part {
    struct part *next;
    struct belay_str text; /* a piece of text, or: */
    struct belay_expr *expr;
};

struct belay_template {
    struct belay_template_opt opt;
    struct belay_arena arena;
    struct part *first;
    bool literal;   /* no expression: one piece of text */
    bool variables; /* some expression reads one, or a function */
};

/* ---- compiling ---- */

static struct part *add_part(struct belay_template *t, struct part ***end)
{
    struct part *part = BELAY_ARENA_NEW(&t->arena, struct part);
    if (part) {
        **end = part;
        *end = &part->next;
    }
    return part;
}

static int nomem(struct belay_err *err)
{
    return belay_fail(err, BELAY_NOMEM, "no memory to compile a template");
}

/* The expression that begins at offset from, and *ret_end after its %}. Whether a %} ends it or
 * lies inside a string of it only the compiler knows: the first that compiles is the end, and if
 * none does, the first one's error is told. */
static int compile_part(const struct belay_template *t, struct belay_str text, size_t from,
                        struct belay_expr **ret_expr, size_t *ret_end,
                        struct belay_expr_error *ret_error, struct belay_err *err)
{
    struct belay_expr_error later;
    struct belay_err later_err;
    int status = BELAY_OK;
    for (size_t at = from, tries = 0; tries < 16; tries++) {
        const char *close = memmem(text.p + at, text.n - at, "%}", 2);
        if (!close)
            break;
        at = (size_t)(close - text.p);
        bool first = status == BELAY_OK;
        int result = expr_compile_at(belay_str(text.p + from, at - from), (uint32_t)from, t->opt.data,
                                     ret_expr,
                                        first ? ret_error : &later, first ? err : &later_err);
        at += 2;
        if (result == BELAY_OK || result == BELAY_NOMEM) {
            *ret_end = at;
            return result == BELAY_OK ? result : nomem(err);
        }
        status = first ? result : status;
    }
    if (status)
        return status;
    error_set(ret_error, "U2002", (uint32_t)from - 2, BELAY_STR_NONE);
    return belay_fail(err, BELAY_SYNTAX, "%s at byte %zu: %s", ret_error->code, from - 2,
                      ret_error->message);
}

static int compile_parts(struct belay_template *t, struct belay_str text,
                         struct belay_expr_error *error, struct belay_err *err)
{
    struct part **end = &t->first;
    size_t at = 0;
    while (at < text.n || !t->first) {
        const char *open = text.n > at ? memmem(text.p + at, text.n - at, "{%", 2) : NULL;
        size_t literal = open ? (size_t)(open - text.p) : text.n;
        if (literal > at || !open) {
            struct part *part = add_part(t, &end);
            if (!part)
                return nomem(err);
            part->text = belay_arena_str(&t->arena, belay_str(text.p + at, literal - at));
            if (!part->text.p)
                return nomem(err);
        }
        at = literal;
        if (!open)
            break;
        struct part *part = add_part(t, &end);
        if (!part)
            return nomem(err);
        int status = compile_part(t, text, at + 2, &part->expr, &at, error, err);
        if (status)
            return status;
    }
    return BELAY_OK;
}

int belay_template_compile(struct belay_str text, struct belay_template_opt opt,
                           struct belay_template **ret_template, struct belay_expr_error *ret_error,
                           struct belay_err *err)
{
    struct belay_expr_error own;
    struct belay_template *t = belay_calloc(1, sizeof *t);
    if (!t)
        return nomem(err);
    belay_arena_init(&t->arena, 256, 2 * BELAY_EXPR_SOURCE_BYTES_MAX + BELAY_KIB(64));
    t->opt = opt;
    int status = compile_parts(t, text, ret_error ? ret_error : &own, err);
    if (status != BELAY_OK) {
        belay_template_free(t);
        return status;
    }
    t->literal = !t->first->expr && !t->first->next;
    for (const struct part *part = t->first; part; part = part->next)
        t->variables |= part->expr && belay_expr_uses_variables(part->expr);
    *ret_template = t;
    return BELAY_OK;
}

void belay_template_free(struct belay_template *t)
{
    if (!t)
        return;
    for (struct part *part = t->first; part; part = part->next)
        belay_expr_free(part->expr);
    belay_arena_deinit(&t->arena);
    belay_free(t);
}

bool belay_template_is_literal(const struct belay_template *t)
{
    return t->literal;
}

bool belay_template_is_text(const struct belay_template *t)
{
    return !t->first->expr || t->first->next;
}

bool belay_template_uses_variables(const struct belay_template *t)
{
    return t->variables;
}

bool belay_template_uses(const struct belay_template *t, struct belay_str variable)
{
    for (const struct part *part = t->first; part && t->variables; part = part->next)
        if (part->expr && belay_expr_uses(part->expr, variable))
            return true;
    return false;
}

bool belay_template_free_variable(const struct belay_template *t, uint32_t index,
                                  struct belay_str *ret_name)
{
    for (const struct part *part = t->first; part; part = part->next)
        for (uint32_t i = 0; part->expr && belay_expr_free_variable(part->expr, i, ret_name); i++)
            if (index-- == 0)
                return true;
    return false;
}

bool belay_template_missing(const struct belay_template *t, uint32_t index,
                            struct belay_expr_missing *ret_missing)
{
    for (const struct part *part = t->first; part; part = part->next)
        for (uint32_t i = 0; part->expr && belay_expr_missing(part->expr, i, ret_missing); i++)
            if (index-- == 0)
                return true;
    return false;
}

/* ---- evaluating ---- */

static int not_scalar(struct belay_expr_error *ret_error, struct belay_err *err)
{
    struct belay_expr_error own, *error = ret_error ? ret_error : &own;
    error_set(error, "U2001", 0, BELAY_STR_NONE);
    return belay_fail(err, BELAY_INVALID, "EXPRESSION:UNDEFINED: %s", error->message);
}

static int no_room(const struct belay_arena *arena, struct belay_expr_error *ret_error, struct belay_err *err)
{
    if (arena->starved)
        return belay_fail(err, BELAY_NOMEM, "no memory for a text");
    struct belay_expr_error own, *error = ret_error ? ret_error : &own;
    error_set(error, "U1004", 0, BELAY_STR_NONE);
    return belay_fail(err, BELAY_LIMIT, "U1004: %s", error_text("U1004"));
}

static int as_text(struct belay_value v, struct belay_arena *arena, struct belay_str *ret_text,
                   struct belay_expr_error *ret_error, struct belay_err *err)
{
    if (belay_value_text(v, arena, ret_text))
        return BELAY_OK;
    bool scalar = v.type == BELAY_VALUE_BOOL || value_is_number(v);
    return scalar ? no_room(arena, ret_error, err) : not_scalar(ret_error, err);
}

/* RFC 3986: all but the unreserved characters are percent-encoded. */
static size_t encoded(char *to, struct belay_str s)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = (uint8_t)s.p[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
                     || c == '-' || c == '.' || c == '_' || c == '~';
        if (!plain) {
            to[n++] = '%';
            to[n++] = hex[c >> 4];
            c = (uint8_t)hex[c & 15];
        }
        to[n++] = (char)c;
    }
    return n;
}

/* Appends s to *to; what is there already may be moved. */
static bool put(struct belay_arena *arena, struct belay_str *to, struct belay_str s, bool encode)
{
    size_t room = s.n * (encode ? 3 : 1);
    char *p = belay_arena_bytes(arena, to->n + room + 1);
    if (!p)
        return false;
    if (to->n)
        memcpy(p, to->p, to->n);
    if (encode)
        room = encoded(p + to->n, s);
    else if (s.n)
        memcpy(p + to->n, s.p, s.n);
    arena->at = p + to->n + room; /* gives back the rest */
    *to = belay_str(p, to->n + room);
    return true;
}

static int interpolate(const struct belay_template *t, struct belay_value input,
                       const struct belay_expr_env *env, struct belay_arena *arena,
                       struct belay_value *ret_value, struct belay_expr_error *ret_error,
                       struct belay_err *err)
{
    struct belay_str text = BELAY_STR_NONE, piece;
    struct belay_value v;
    for (const struct part *part = t->first; part; part = part->next) {
        piece = part->text;
        if (part->expr) {
            int status = belay_expr_eval(part->expr, input, env, arena, &v, ret_error, err);
            if (status == BELAY_OK)
                status = as_text(v, arena, &piece, ret_error, err);
            if (status != BELAY_OK)
                return status;
        }
        if (!put(arena, &text, piece, t->opt.path && part->expr))
            return no_room(arena, ret_error, err);
    }
    *ret_value = belay_value_str(text);
    return BELAY_OK;
}

static int yield(const struct belay_template *t, struct belay_value input, const struct belay_expr_env *env,
                 struct belay_arena *arena, struct belay_value *ret_value, struct belay_expr_error *ret_error,
                 struct belay_err *err)
{
    const struct part *part = t->first;
    if (part->next || (part->expr && t->opt.path))
        return interpolate(t, input, env, arena, ret_value, ret_error, err);
    if (part->expr)
        return belay_expr_eval(part->expr, input, env, arena, ret_value, ret_error, err);
    *ret_value = belay_value_str(part->text);
    return BELAY_OK;
}

/* An error says where somebody finds what is wrong. */
static int placed(const struct belay_template *t, int status, struct belay_expr_error *error)
{
    if (status != BELAY_OK && error) {
        error->file = t->opt.file;
        error->line = t->opt.line;
    }
    return status;
}

int belay_template_eval(const struct belay_template *t, struct belay_value input,
                        const struct belay_expr_env *env, struct belay_arena *arena,
                        struct belay_value *ret_value, struct belay_expr_error *ret_error,
                        struct belay_err *err)
{
    return placed(t, yield(t, input, env, arena, ret_value, ret_error, err), ret_error);
}

int belay_template_text(const struct belay_template *t, struct belay_value input,
                        const struct belay_expr_env *env, struct belay_arena *arena,
                        struct belay_str *ret_text, struct belay_expr_error *ret_error,
                        struct belay_err *err)
{
    struct belay_value v;
    int status = yield(t, input, env, arena, &v, ret_error, err);
    if (status == BELAY_OK)
        status = as_text(v, arena, ret_text, ret_error, err);
    return placed(t, status, ret_error);
}

struct belay_str belay_template_place(const struct belay_template *t, uint32_t *ret_line)
{
    *ret_line = t->opt.line;
    return t->opt.file;
}
