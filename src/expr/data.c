#include "expr/ast.h"
#include "expr/data.h"

struct belay_expr_data *belay_expr_data_new(struct belay_arena *arena)
{
    struct belay_expr_data *d = BELAY_ARENA_NEW(arena, struct belay_expr_data);
    struct belay_value_object *env = value_object_new(arena, 8), *tables = value_object_new(arena, 8);
    if (!d || !env || !tables)
        return NULL;
    d->arena = arena;
    d->env = belay_value_object(env);
    d->tables = belay_value_object(tables);
    return d;
}

static int no_memory(struct belay_err *err)
{
    return belay_fail(err, BELAY_NOMEM, "no memory for a table");
}

int belay_expr_data_env(struct belay_expr_data *d, struct belay_str name, struct belay_str text)
{
    return value_object_put(d->env.u.object, d->arena, belay_value_str(name), belay_value_str(text))
               ? BELAY_OK
               : BELAY_NOMEM;
}

/* The text of a row's key in the table's arena; p NULL: no scalar, or no memory. */
static struct belay_str key_text(struct belay_expr_data *d, struct belay_value row,
                                 struct belay_str key)
{
    struct belay_str text;
    if (!belay_value_text(value_get(row, key), d->arena, &text))
        return BELAY_STR_NONE;
    return text.p ? text : BELAY_STR("");
}

static int put_rows(struct belay_expr_data *d, struct belay_value_object *table,
                    struct belay_value rows, struct belay_str key, struct belay_err *err)
{
    struct value_iter it = value_iter(rows);
    struct belay_value row;
    while (value_iter_next(&it, &row)) {
        struct belay_str text = key_text(d, row, key);
        if (!text.p)
            return belay_fail(err, BELAY_INVALID, "row %u has no '%.*s' that could be its key", it.at,
                              BELAY_STR_ARG(key));
        if (value_object_find(table, text) != UINT32_MAX)
            return belay_fail(err, BELAY_INVALID, "row %u: the key '%.*s' is there already", it.at,
                              BELAY_STR_ARG(text));
        if (!value_object_put(table, d->arena, belay_value_str(text), row))
            return no_memory(err);
    }
    return BELAY_OK;
}

static int put_members(struct belay_expr_data *d, struct belay_value_object *table,
                       struct belay_value object, struct belay_err *err)
{
    struct value_members m = value_members(object);
    struct belay_value name, v;
    while (value_members_next(&m, &name, &v))
        if (!value_object_put(table, d->arena, name, v))
            return no_memory(err);
    return BELAY_OK;
}

int belay_expr_data_table(struct belay_expr_data *d, struct belay_str name, struct belay_value rows,
                          struct belay_str key, struct belay_err *err)
{
    struct belay_value_object *table = value_object_new(d->arena, 8);
    if (!table)
        return no_memory(err);
    if (!value_is_array(rows) && !value_is_object(rows))
        return belay_fail(err, BELAY_INVALID, "a table is an object, or an array of objects");
    if (value_is_array(rows) && !key.n)
        return belay_fail(err, BELAY_INVALID, "rows need a 'key': the member that identifies each");
    int status = value_is_array(rows) ? put_rows(d, table, rows, key, err)
                                      : put_members(d, table, rows, err);
    if (!status
        && !value_object_put(d->tables.u.object, d->arena, belay_value_str(name),
                             belay_value_object(table)))
        status = no_memory(err);
    return status;
}

/* ---- what an expression wants of it ---- */

bool build_lent(struct build *b, const struct node *call)
{
    const struct name *f = call->a->type == NODE_VARIABLE ? call->a->name : NULL;
    bool lends = f && (belay_str_eq(f->text, BELAY_STR("env")) || belay_str_eq(f->text, BELAY_STR("lookupTable")));
    if (!lends || !call->n || call->items[0]->type != NODE_LITERAL || call->items[0]->value.type != BELAY_VALUE_STRING)
        return true;
    struct lent *lent = BELAY_ARENA_NEW(b->arena, struct lent);
    if (!lent)
        return build_nomem(b) != NULL;
    *lent = (struct lent){ b->expr->lent, f, call->items[0] };
    b->expr->lent = lent;
    return true;
}

static bool knows(const struct belay_expr_data *d, bool table, struct belay_str name)
{
    return d && value_object_find((table ? d->tables : d->env).u.object, name) != UINT32_MAX;
}

bool belay_expr_missing(const struct belay_expr *e, uint32_t index, struct belay_expr_missing *ret_missing)
{
    for (const struct lent *l = e->lent; l; l = l->next) {
        struct belay_str name = value_str(l->literal->value);
        bool table = belay_str_eq(l->function->text, BELAY_STR("lookupTable"));
        if (l->function->local || knows(e->data, table, name) || index-- > 0)
            continue;
        *ret_missing = (struct belay_expr_missing){ table, name, e->offset + l->literal->position };
        return true;
    }
    return false;
}

struct belay_str belay_expr_data_name(const struct belay_expr_data *d, bool table, uint32_t index)
{
    struct value_members m = value_members(table ? d->tables : d->env);
    struct belay_value name, v;
    while (value_members_next(&m, &name, &v))
        if (index-- == 0)
            return value_str(name);
    return BELAY_STR_NONE;
}
