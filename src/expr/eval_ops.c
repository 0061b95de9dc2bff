#include <math.h>

#include "expr/eval.h"

static struct belay_value boolean(bool b)
{
    return (struct belay_value){ .type = BELAY_VALUE_BOOL, .u.b = b };
}

static struct belay_value number(double d)
{
    return (struct belay_value){ .type = BELAY_VALUE_NUMBER, .u.d = d };
}

static bool truthy_scalar(struct belay_value v)
{
    switch (v.type) {
    case BELAY_VALUE_BOOL: return v.u.b;
    case BELAY_VALUE_STRING: return v.n > 0;
    case BELAY_VALUE_NUMBER:
    case BELAY_VALUE_INT:
    case BELAY_VALUE_BIG: return value_double(v) != 0;
    case BELAY_VALUE_OBJECT:
    case BELAY_VALUE_TAPE: return value_member_count(v) > 0;
    default: return false;
    }
}

/* An array is true when any of its items is. */
static bool truthy_array(struct belay_value v, uint64_t *steps, unsigned depth)
{
    struct value_iter it = value_iter(v);
    struct belay_value item;
    while (value_iter_next(&it, &item)) {
        if (*steps == 0 || depth > VALUE_DEPTH_MAX)
            return false;
        --*steps;
        if (value_is_array(item) ? truthy_array(item, steps, depth + 1) : truthy_scalar(item))
            return true;
    }
    return false;
}

bool truthy(struct run *run, struct belay_value v)
{
    return value_is_array(v) ? truthy_array(v, &run->steps_left, 0) : truthy_scalar(v);
}

bool belay_value_truthy(struct belay_value v)
{
    uint64_t steps = BELAY_EXPR_STEPS_DEFAULT;
    return value_is_array(v) ? truthy_array(v, &steps, 0) : truthy_scalar(v);
}

bool number_ok(struct run *run, struct belay_value v)
{
    if (isfinite(value_double(v)))
        return true;
    run_fail_value(run, "D1001", NO_POSITION, v);
    return false;
}

/* ---- arithmetic ---- */

static double calculate(enum node_op op, double a, double b)
{
    switch (op) {
    case OP_ADD: return a + b;
    case OP_SUB: return a - b;
    case OP_MUL: return a * b;
    case OP_DIV: return a / b;
    default: return fmod(a, b);
    }
}

static struct belay_value arithmetic(struct run *run, const struct node *node, struct belay_value a,
                                     struct belay_value b)
{
    if (value_defined(a) && !value_is_number(a))
        return run_fail_value(run, "T2001", node->position, a);
    if (value_defined(b) && !value_is_number(b))
        return run_fail_value(run, "T2002", node->position, b);
    if (!value_defined(a) || !value_defined(b))
        return UNDEFINED;
    double result = calculate(node->op, value_double(a), value_double(b));
    if (!isfinite(result))
        return run_fail_value(run, "D1001", node->position, number(result));
    return number(result);
}

struct belay_value eval_negate(struct run *run, const struct node *node, struct belay_value input,
                               struct frame *frame)
{
    struct belay_value v = eval(run, node->a, input, frame);
    if (value_failed(v) || !value_defined(v))
        return v;
    if (!value_is_number(v))
        return run_fail_value(run, "D1002", node->position, v);
    if (v.type == BELAY_VALUE_INT && v.u.i != INT64_MIN && v.u.i != 0)
        return belay_value_int(-v.u.i);
    return number(-value_double(v));
}

/* ---- comparison ---- */

static bool comparable(struct belay_value v)
{
    return !value_defined(v) || v.type == BELAY_VALUE_STRING || value_is_number(v);
}

static struct belay_value compare(struct run *run, const struct node *node, struct belay_value a,
                                  struct belay_value b)
{
    if (!comparable(a) || !comparable(b))
        return run_fail_value(run, "T2010", node->position, comparable(a) ? b : a);
    if (!value_defined(a) || !value_defined(b))
        return UNDEFINED;
    if ((a.type == BELAY_VALUE_STRING) != (b.type == BELAY_VALUE_STRING))
        return run_fail_value(run, "T2009", node->position, b);
    if (a.type == BELAY_VALUE_STRING && !run_charge(run, (a.n < b.n ? a.n : b.n) / 256))
        return FAILED;
    int c = a.type == BELAY_VALUE_STRING ? value_compare_str(value_str(a), value_str(b))
                                         : value_compare_numbers(a, b);
    switch (node->op) {
    case OP_LT: return boolean(c < 0);
    case OP_LE: return boolean(c <= 0);
    case OP_GT: return boolean(c > 0);
    default: return boolean(c >= 0);
    }
}

static struct belay_value equality(struct run *run, const struct node *node, struct belay_value a,
                                   struct belay_value b)
{
    if (!value_defined(a) || !value_defined(b))
        return boolean(false);
    bool equal = value_equal(a, b, &run->steps_left);
    return run_charge(run, 1) ? boolean(equal == (node->op == OP_EQ)) : FAILED;
}

static struct belay_value included(struct run *run, struct belay_value a, struct belay_value b)
{
    struct value_iter it = value_iter(b);
    struct belay_value item;
    if (!value_defined(a) || !value_defined(b))
        return boolean(false);
    while (value_iter_next(&it, &item))
        if (value_equal(item, a, &run->steps_left))
            return boolean(true);
    return run_charge(run, 1) ? boolean(false) : FAILED;
}

/* ---- strings ---- */

/* The text goes behind the left one's where that is the newest in the arena, so that building a
 * long text piece by piece copies each piece once. */
static struct belay_value join(struct run *run, struct belay_str a, struct belay_str b)
{
    struct belay_arena *arena = run->arena;
    bool extend = a.n > 0 && a.p + a.n == arena->at && b.n <= (size_t)(arena->end - arena->at);
    if (a.n + b.n > UINT32_MAX / 2 || !run_charge(run, b.n / 64))
        return run_nomem(run);
    char *to = extend ? arena->at : belay_arena_bytes(arena, a.n + b.n + 1);
    if (!to)
        return run_nomem(run);
    if (extend) {
        memmove(to, b.p, b.n);
        arena->at += b.n;
        return belay_value_str(belay_str(a.p, a.n + b.n));
    }
    memcpy(to, a.p, a.n);
    if (b.n)
        memcpy(to + a.n, b.p, b.n);
    arena->at--; /* the byte that kept an empty text from being NULL */
    return belay_value_str(belay_str(to, a.n + b.n));
}

static struct belay_value concat(struct run *run, struct belay_value a, struct belay_value b)
{
    struct belay_value x
        = value_defined(a) ? value_to_string(run, a, false) : belay_value_str(BELAY_STR(""));
    if (value_failed(x))
        return x;
    struct belay_value y
        = value_defined(b) ? value_to_string(run, b, false) : belay_value_str(BELAY_STR(""));
    if (value_failed(y))
        return y;
    if (y.n == 0)
        return x;
    return x.n == 0 ? y : join(run, value_str(x), value_str(y));
}

/* ---- ranges ---- */

static bool is_integer(struct belay_value v)
{
    if (!value_is_number(v))
        return false;
    double d = value_double(v);
    return d == floor(d) && fabs(d) <= 9007199254740992.0;
}

static struct belay_value range(struct run *run, const struct node *node, struct belay_value a,
                                struct belay_value b)
{
    if (value_defined(a) && !is_integer(a))
        return run_fail_value(run, "T2003", node->position, a);
    if (value_defined(b) && !is_integer(b))
        return run_fail_value(run, "T2004", node->position, b);
    if (!value_defined(a) || !value_defined(b))
        return UNDEFINED;
    double from = value_double(a), to = value_double(b);
    if (from > to)
        return UNDEFINED;
    if (to - from + 1 > 1e7)
        return run_fail_value(run, "D2014", node->position, number(to - from + 1));
    struct belay_value_array *r = value_array_new(run->arena, 0, ARRAY_SEQUENCE | ARRAY_RANGE);
    if (!r)
        return run_nomem(run);
    r->from = (int64_t)from;
    r->n = r->cap = (uint32_t)(to - from + 1);
    return value_array(r);
}

/* ---- all of them ---- */

static struct belay_value logic(struct run *run, const struct node *node, struct belay_value input,
                                struct frame *frame)
{
    struct belay_value v = eval(run, node->a, input, frame);
    if (value_failed(v))
        return v;
    if (truthy(run, v) == (node->op == OP_OR))
        return boolean(node->op == OP_OR);
    v = eval(run, node->b, input, frame);
    return value_failed(v) ? v : boolean(truthy(run, v));
}

struct belay_value eval_binary(struct run *run, const struct node *node, struct belay_value input,
                               struct frame *frame)
{
    if (node->op == OP_AND || node->op == OP_OR)
        return logic(run, node, input, frame);
    struct belay_value a = eval(run, node->a, input, frame);
    struct belay_value b = value_failed(a) ? a : eval(run, node->b, input, frame);
    if (value_failed(b))
        return b;
    switch (node->op) {
    case OP_EQ:
    case OP_NE: return equality(run, node, a, b);
    case OP_LT:
    case OP_LE:
    case OP_GT:
    case OP_GE: return compare(run, node, a, b);
    case OP_CONCAT: return concat(run, a, b);
    case OP_RANGE: return range(run, node, a, b);
    case OP_IN: return included(run, a, b);
    default: return arithmetic(run, node, a, b);
    }
}
