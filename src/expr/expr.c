#include "expr/expr.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "expr/function.h"
#include "expr/signature.h"
#include "json/utf8.h"

/* ---- what building shares ---- */

void error_set(struct belay_expr_error *error, const char *code, uint32_t position,
               struct belay_str token)
{
    if (!error)
        return;
    memset(error, 0, sizeof *error);
    snprintf(error->code, sizeof error->code, "%s", code);
    error->position = position;
    snprintf(error->token, sizeof error->token, "%.*s", BELAY_STR_ARG(token));
    snprintf(error->message, sizeof error->message, "%s", error_text(code));
}

struct node *build_fail(struct build *b, const char *code, uint32_t position,
                        struct belay_str token)
{
    if (b->status == BELAY_OK) {
        b->status = code[0] == 'U' ? BELAY_LIMIT : BELAY_SYNTAX;
        error_set(b->error, code, position, token);
    }
    return NULL;
}

struct node *build_nomem(struct build *b)
{
    if (b->status == BELAY_OK)
        b->status = BELAY_NOMEM;
    return NULL;
}

struct node *build_node(struct build *b, enum node_type type, uint32_t position)
{
    static const struct node_extra none;
    struct node *node = BELAY_ARENA_NEW(b->arena, struct node);
    if (!node)
        return build_nomem(b);
    BELAY_ASSERT(position < 1 << 20);
    node->extra = &none;
    node->type = (uint8_t)type;
    node->id = b->expr->node_count++;
    node->position = position;
    node->depth = 1;
    return node;
}

struct node_extra *build_extra(struct build *b, struct node *node)
{
    if (node->has_extra)
        return (struct node_extra *)node->extra; /* its own: made below */
    struct node_extra *extra = BELAY_ARENA_NEW(b->arena, struct node_extra);
    if (!extra)
        return (void *)build_nomem(b);
    node->has_extra = true;
    node->extra = extra;
    return extra;
}

static struct name *find_name(const struct belay_expr *e, struct belay_str text)
{
    for (; e; e = e->parent)
        for (struct name *name = e->names; name; name = name->next)
            if (belay_str_eq(name->text, text))
                return name;
    return NULL;
}

static bool builtin_value(struct build *b, const struct builtin *def, struct belay_value *ret_value)
{
    const char *code;
    bool nomem;
    struct belay_value_function *f = BELAY_ARENA_NEW(b->arena, struct belay_value_function);
    if (!f)
        return false;
    f->kind = FUNCTION_BUILTIN;
    f->u.builtin.def = def;
    f->u.builtin.signature = signature_parse(b->arena, belay_str_c(def->signature), &code, &nomem);
    *ret_value = (struct belay_value){ .type = BELAY_VALUE_FUNCTION, .u.function = f };
    return f->u.builtin.signature;
}

struct name *build_name(struct build *b, struct belay_str text)
{
    struct name *name = find_name(b->expr, text);
    if (name)
        return name;
    const struct builtin *def = builtin_find(text);
    name = BELAY_ARENA_NEW(b->arena, struct name);
    if (!name || (def && !builtin_value(b, def, &name->value)))
        return (void *)build_nomem(b);
    name->text = text;
    name->owner = b->expr;
    name->index = b->expr->name_count++;
    name->next = b->expr->names;
    b->expr->names = name;
    return name;
}

/* The source must be UTF-8, as everything an expression yields. */
static bool is_utf8(struct belay_str s, uint32_t *ret_bad)
{
    const char *p = s.p, *end = p + s.n;
    while (p < end) {
        size_t len = belay_utf8_len(p, end);
        if (len == 0) {
            *ret_bad = (uint32_t)(p - s.p);
            return false;
        }
        p += len;
    }
    return true;
}

static int report(const struct build *b, struct belay_err *err)
{
    if (b->status == BELAY_NOMEM)
        return belay_fail(err, BELAY_NOMEM, "no memory to compile an expression");
    b->error->position += b->expr->offset;
    return belay_fail(err, b->status, "%s at byte %u: %s%s%.60s", b->error->code,
                      b->error->position, b->error->message, b->error->token[0] ? ": " : "",
                      b->error->token);
}

int expr_build(struct belay_expr *e, struct belay_arena *arena, struct belay_str source,
               const struct belay_expr *parent, struct belay_expr_error *error,
               struct belay_err *err)
{
    struct belay_expr_error own;
    struct build b = { .expr = e, .arena = arena, .error = error ? error : &own };
    uint32_t bad;
    e->source = belay_arena_str(arena, source);
    e->parent = parent;
    e->lent = NULL;
    e->name_count = 0;
    e->node_count = parent ? parent->node_count : 0; /* ids of $eval are none of its caller's */
    if (!e->source.p)
        build_nomem(&b);
    else if (source.n > BELAY_EXPR_SOURCE_BYTES_MAX)
        build_fail(&b, "U1003", 0, BELAY_STR_NONE);
    else if (!is_utf8(e->source, &bad))
        build_fail(&b, "S0104", bad, BELAY_STR_NONE);
    else
        e->root = parse_expression(&b);
    if (b.status == BELAY_OK)
        e->root = resolve_expression(&b, e->root);
    return b.status == BELAY_OK ? BELAY_OK : report(&b, err);
}

/* ---- the public face ---- */

int belay_expr_compile(struct belay_str source, struct belay_expr **ret_expr,
                       struct belay_expr_error *ret_error, struct belay_err *err)
{
    return expr_compile_at(source, 0, NULL, ret_expr, ret_error, err);
}

int expr_compile_at(struct belay_str source, uint32_t offset, const struct belay_expr_data *data,
                    struct belay_expr **ret_expr,
                    struct belay_expr_error *ret_error, struct belay_err *err)
{
    struct belay_expr *e = belay_calloc(1, sizeof *e);
    if (!e)
        return belay_fail(err, BELAY_NOMEM, "no memory to compile an expression");
    belay_arena_init(&e->arena, 4096, BELAY_EXPR_COMPILED_BYTES_MAX);
    e->offset = offset;
    e->data = data;
    int status = expr_build(e, &e->arena, source, NULL, ret_error, err);
    if (status == BELAY_OK)
        *ret_expr = e;
    else
        belay_expr_free(e);
    return status;
}

void belay_expr_free(struct belay_expr *e)
{
    if (!e)
        return;
    belay_arena_deinit(&e->arena);
    belay_free(e);
}

uint32_t belay_expr_node_count(const struct belay_expr *e)
{
    return e->node_count;
}

struct belay_str belay_expr_source(const struct belay_expr *e)
{
    return e->source;
}

const struct name *expr_find_name(const struct belay_expr *e, struct belay_str text)
{
    return find_name(e, text);
}

bool belay_expr_uses(const struct belay_expr *e, struct belay_str variable)
{
    const struct name *name = find_name(e, variable);
    return name && name->used;
}

bool belay_expr_uses_variables(const struct belay_expr *e)
{
    for (const struct name *name = e->names; name; name = name->next)
        if (name->used)
            return true;
    return false;
}

static bool is_free(const struct name *name)
{
    bool root = belay_str_eq(name->text, BELAY_STR("$")); /* $$ */
    return name->used && !name->local && !root && name->value.type == BELAY_VALUE_UNDEFINED;
}

bool belay_expr_free_variable(const struct belay_expr *e, uint32_t index,
                              struct belay_str *ret_name)
{
    for (const struct name *name = e->names; name; name = name->next) {
        if (is_free(name) && index-- == 0) {
            *ret_name = name->text;
            return true;
        }
    }
    return false;
}
