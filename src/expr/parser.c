/* Top-down operator precedence, as the reference parses it: nud is a token at the start of an
 * operand, led one after it. */
#include "expr/function.h"
#include "expr/lexer.h"
#include "expr/regex.h"
#include "expr/signature.h"

struct parser {
    struct build *build;
    struct lexer lexer;
    struct token token; /* the one to come */
    unsigned depth;
};

struct list {
    struct node **items;
    uint32_t n, cap;
};

static struct node *expression(struct parser *p, int power);

static bool is_op(const struct parser *p, int op)
{
    return p->token.type == TOKEN_OPERATOR && p->token.op == op;
}

static int binding_power(const struct token *t)
{
    if (t->type != TOKEN_OPERATOR)
        return 0;
    switch (t->op) {
    case '[':
    case '(':
    case '@':
    case '#': return 80;
    case '.': return 75;
    case '{': return 70;
    case '*':
    case '/':
    case '%': return 60;
    case '+':
    case '-':
    case '&': return 50;
    case '=':
    case '<':
    case '>':
    case '^': return 40;
    case T_NE:
    case T_LE:
    case T_GE:
    case T_APPLY:
    case T_IN:
    case T_DEFAULT:
    case T_COALESCE: return 40;
    case T_AND: return 30;
    case T_OR: return 25;
    case '?': return 20;
    case T_BIND: return 10;
    default: return 0;
    }
}

static bool advance(struct parser *p, bool operand)
{
    return lexer_next(&p->lexer, operand, &p->token);
}

/* Over a token that must be there. */
static bool expect(struct parser *p, int op, bool operand)
{
    if (!is_op(p, op)) {
        const char *code = p->token.type == TOKEN_END ? "S0203" : "S0202";
        build_fail(p->build, code, p->token.position, p->token.source);
        return false;
    }
    return advance(p, operand);
}

static bool append(struct parser *p, struct list *list, struct node *node)
{
    if (!node)
        return false;
    if (list->n == list->cap) {
        uint32_t cap = list->cap ? list->cap * 2 : 4;
        struct node **items = belay_arena_alloc(p->build->arena, cap * sizeof *items);
        if (!items)
            return build_nomem(p->build);
        if (list->n)
            memcpy(items, list->items, list->n * sizeof *items);
        list->items = items;
        list->cap = cap;
    }
    list->items[list->n++] = node;
    return true;
}

/* How deep the tree below a node is: bounds every recursion over it. */
static struct node *close_node(struct parser *p, struct node *node)
{
    const struct node *parts[] = { node->a, node->b, node_has_third(node) ? node->c : NULL };
    uint32_t depth = 0;
    for (int i = 0; i < 3; i++)
        if (parts[i] && parts[i]->depth > depth)
            depth = parts[i]->depth;
    for (uint32_t i = 0; i < node->n; i++)
        if (node->items[i]->depth > depth)
            depth = node->items[i]->depth;
    node->depth = depth + 1;
    if (node->depth > BELAY_EXPR_NESTING_MAX)
        return build_fail(p->build, "U1002", node->position, BELAY_STR_NONE);
    return node;
}

static struct node *with_items(struct parser *p, struct node *node, const struct list *list)
{
    node->items = list->items;
    node->n = list->n;
    return close_node(p, node);
}

/* ---- operands ---- */

static struct node *block(struct parser *p, struct node *node)
{
    struct list list = { 0 };
    while (!is_op(p, ')')) {
        if (!append(p, &list, expression(p, 0)))
            return NULL;
        if (!is_op(p, ';'))
            break;
        if (!advance(p, true))
            return NULL;
    }
    return expect(p, ')', false) ? with_items(p, node, &list) : NULL;
}

/* An item of an array constructor: an expression or a range. */
static struct node *array_item(struct parser *p)
{
    struct node *item = expression(p, 0);
    if (!item || !is_op(p, T_RANGE))
        return item;
    struct node *range = build_node(p->build, NODE_BINARY, p->token.position);
    if (!range || !advance(p, true))
        return NULL;
    range->op = OP_RANGE;
    range->a = item;
    range->b = expression(p, 0);
    return range->b ? close_node(p, range) : NULL;
}

static struct node *array(struct parser *p, struct node *node)
{
    struct list list = { 0 };
    while (!is_op(p, ']')) {
        if (!append(p, &list, array_item(p)))
            return NULL;
        if (!is_op(p, ','))
            break;
        if (!advance(p, true))
            return NULL;
        if (is_op(p, ']')) { /* a comma wants an item after it */
            if (!append(p, &list, array_item(p)))
                return NULL;
        }
    }
    return expect(p, ']', false) ? with_items(p, node, &list) : NULL;
}

static struct node *object(struct parser *p, struct node *node)
{
    struct list list = { 0 };
    if (!is_op(p, '}')) {
        for (;;) {
            if (!append(p, &list, expression(p, 0)) || !expect(p, ':', true)
                || !append(p, &list, expression(p, 0)))
                return NULL;
            if (!is_op(p, ','))
                break;
            if (!advance(p, true))
                return NULL;
        }
    }
    return expect(p, '}', false) ? with_items(p, node, &list) : NULL;
}

static struct node *transform(struct parser *p, struct node *node)
{
    node->a = expression(p, 0);
    if (!node->a || !expect(p, '|', true))
        return NULL;
    node->b = expression(p, 0);
    if (!node->b)
        return NULL;
    if (is_op(p, ',')) {
        if (!advance(p, true))
            return NULL;
        node->c = expression(p, 0);
        if (!node->c)
            return NULL;
    }
    return expect(p, '|', false) ? close_node(p, node) : NULL;
}

static struct node *negation(struct parser *p, struct node *node)
{
    node->a = expression(p, 70);
    return node->a ? close_node(p, node) : NULL;
}

static struct node *regex(struct parser *p, const struct token *t)
{
    bool nomem;
    struct node *node = build_node(p->build, NODE_REGEX, t->position);
    struct belay_value_function *f = BELAY_ARENA_NEW(p->build->arena, struct belay_value_function);
    if (!node || !f)
        return build_nomem(p->build);
    f->kind = FUNCTION_REGEX;
    f->u.regex = regex_compile(p->build->arena, t->text, t->value.n, &nomem);
    if (!f->u.regex)
        return nomem ? build_nomem(p->build) : build_fail(p->build, "S0303", t->position, t->text);
    node->value = (struct belay_value){ .type = BELAY_VALUE_FUNCTION, .u.function = f };
    return node;
}

/* An operator where an operand is wanted. */
static struct node *prefix(struct parser *p, const struct token *t)
{
    static const struct {
        int op;
        enum node_type type;
        struct node *(*parse)(struct parser *p, struct node *node);
    } table[] = {
        { '(', NODE_BLOCK, block },           { '[', NODE_ARRAY, array },
        { '{', NODE_OBJECT, object },         { '|', NODE_TRANSFORM, transform },
        { '-', NODE_NEGATE, negation },       { '*', NODE_WILDCARD, NULL },
        { T_DESCEND, NODE_DESCENDANT, NULL }, { '%', NODE_PARENT, NULL },
        { T_AND, NODE_OPERATOR, NULL },       { T_OR, NODE_OPERATOR, NULL },
        { T_IN, NODE_OPERATOR, NULL },        { '?', NODE_OPERATOR, NULL },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].op != t->op)
            continue;
        if (t->op == '?')
            break;
        struct node *node = build_node(p->build, table[i].type, t->position);
        if (node && table[i].type == NODE_OPERATOR) { /* and, or, in as the name of a field */
            node->type = NODE_NAME;
            node->value = belay_value_str(t->source);
        }
        return node && table[i].parse ? table[i].parse(p, node) : node;
    }
    bool unknown = t->op == '!' || t->op == '~';
    return build_fail(p->build, unknown ? "S0204" : "S0211", t->position, t->source);
}

static struct node *literal(struct parser *p, enum node_type type, const struct token *t,
                            struct belay_value value)
{
    struct node *node = build_node(p->build, type, t->position);
    if (node)
        node->value = value;
    return node;
}

static struct node *variable(struct parser *p, const struct token *t)
{
    struct node *node = build_node(p->build, NODE_VARIABLE, t->position);
    if (node && t->text.n) {
        node->name = build_name(p->build, t->text);
        if (!node->name)
            return NULL;
        node->name->used = true;
    }
    return node;
}

static struct node *operand(struct parser *p, const struct token *t)
{
    switch (t->type) {
    case TOKEN_END: return build_node(p->build, NODE_END, t->position);
    case TOKEN_NAME: return literal(p, NODE_NAME, t, belay_value_str(t->text));
    case TOKEN_VARIABLE: return variable(p, t);
    case TOKEN_STRING:
    case TOKEN_NUMBER:
    case TOKEN_CONSTANT: return literal(p, NODE_LITERAL, t, t->value);
    case TOKEN_REGEX: return regex(p, t);
    default: return prefix(p, t);
    }
}

/* ---- what comes after an operand ---- */

static struct node *binary(struct parser *p, const struct token *t, struct node *left,
                           enum node_op op, int power)
{
    struct node *node = build_node(p->build, NODE_BINARY, t->position);
    if (!node)
        return NULL;
    node->op = (uint8_t)op;
    node->a = left;
    node->b = expression(p, power);
    return node->b ? close_node(p, node) : NULL;
}

/* x[] keeps arrays of one: noted on what the predicates belong to. */
static struct node *predicate(struct parser *p, const struct token *t, struct node *left)
{
    if (is_op(p, ']')) {
        struct node *step = left;
        while (step->type == NODE_BINARY && step->op == OP_FILTER)
            step = step->a;
        step->flags |= NODE_KEEP_ARRAY;
        return advance(p, false) ? left : NULL;
    }
    struct node *node = binary(p, t, left, OP_FILTER, 0);
    return node && expect(p, ']', false) ? node : NULL;
}

static struct node *sort_term(struct parser *p)
{
    struct node *term = build_node(p->build, NODE_TERM, p->token.position);
    if (!term)
        return NULL;
    if (is_op(p, '<') || is_op(p, '>')) {
        term->flags |= is_op(p, '>') ? NODE_DESCENDING : 0;
        if (!advance(p, true))
            return NULL;
    }
    term->a = expression(p, 0);
    return term->a ? close_node(p, term) : NULL;
}

static struct node *order_by(struct parser *p, const struct token *t, struct node *left)
{
    struct list list = { 0 };
    struct node *node = build_node(p->build, NODE_BINARY, t->position);
    struct node *sort = build_node(p->build, NODE_SORT, t->position);
    if (!node || !sort || !expect(p, '(', true))
        return NULL;
    for (;;) {
        if (!append(p, &list, sort_term(p)))
            return NULL;
        if (!is_op(p, ','))
            break;
        if (!advance(p, true))
            return NULL;
    }
    if (!expect(p, ')', false))
        return NULL;
    node->op = OP_ORDER;
    node->a = left;
    node->b = with_items(p, sort, &list);
    return node->b ? close_node(p, node) : NULL;
}

static struct node *group_by(struct parser *p, const struct token *t, struct node *left)
{
    struct node *node = build_node(p->build, NODE_BINARY, t->position);
    struct node *pairs = build_node(p->build, NODE_OBJECT, t->position);
    if (!node || !pairs)
        return NULL;
    node->op = OP_GROUP;
    node->a = left;
    node->b = object(p, pairs);
    return node->b ? close_node(p, node) : NULL;
}

/* $x := e */
static struct node *bind(struct parser *p, const struct token *t, struct node *left)
{
    struct node *node = build_node(p->build, NODE_BIND, t->position);
    if (!node)
        return NULL;
    if (left->type != NODE_VARIABLE || !left->name)
        return build_fail(p->build, "S0212", left->position, BELAY_STR_NONE);
    node->name = left->name;
    node->name->local = true;
    node->b = expression(p, 9);
    return node->b ? close_node(p, node) : NULL;
}

/* e@$x, e#$x */
static struct node *bind_step(struct parser *p, const struct token *t, struct node *left)
{
    struct node *node = binary(p, t, left, t->op == '@' ? OP_FOCUS : OP_INDEX, 80);
    if (!node)
        return NULL;
    if (node->b->type != NODE_VARIABLE || !node->b->name)
        return build_fail(p->build, "S0214", node->b->position, t->source);
    node->name = node->b->name;
    node->name->local = true;
    return node;
}

static struct node *condition(struct parser *p, const struct token *t, struct node *left)
{
    struct node *node = build_node(p->build, NODE_CONDITION, t->position);
    if (!node)
        return NULL;
    node->a = left;
    node->b = expression(p, 0);
    if (!node->b)
        return NULL;
    if (is_op(p, ':')) {
        if (!advance(p, true))
            return NULL;
        node->c = expression(p, 0);
        if (!node->c)
            return NULL;
    }
    return close_node(p, node);
}

static struct node *alternative(struct parser *p, const struct token *t, struct node *left)
{
    enum node_type type = t->op == T_DEFAULT    ? NODE_DEFAULT
                          : t->op == T_COALESCE ? NODE_COALESCE
                                                : NODE_APPLY;
    struct node *node = build_node(p->build, type, t->position);
    if (!node)
        return NULL;
    node->a = left;
    node->b = expression(p, type == NODE_APPLY ? 40 : 0);
    return node->b ? close_node(p, node) : NULL;
}

/* ---- calls and lambdas ---- */

/* From the < after the parameters to its >. */
static bool lambda_signature(struct parser *p, struct node *node)
{
    uint32_t start = p->token.position, end = start, depth = 1;
    bool nomem;
    while (depth > 0 && advance(p, true)) {
        if (p->token.type == TOKEN_END || is_op(p, '{'))
            break;
        depth += is_op(p, '<');
        depth -= is_op(p, '>');
        end = p->token.position + 1;
    }
    if (p->build->status)
        return false;
    if (!expect(p, '>', false))
        return false;
    struct belay_str text = belay_str(p->lexer.start + start, end - start);
    const char *code = NULL;
    struct node_extra *extra = build_extra(p->build, node);
    if (!extra)
        return false;
    extra->signature = signature_parse(p->build->arena, text, &code, &nomem);
    if (!extra->signature && code)
        build_fail(p->build, code, start, text);
    else if (!extra->signature)
        build_nomem(p->build);
    return extra->signature;
}

static struct node *lambda(struct parser *p, struct node *node)
{
    node->type = NODE_LAMBDA;
    node->a = NULL;
    for (uint32_t i = 0; i < node->n; i++) {
        struct node *parameter = node->items[i];
        if (parameter->type != NODE_VARIABLE || !parameter->name)
            return build_fail(p->build, "S0208", parameter->position, BELAY_STR_NONE);
        parameter->name->local = true;
    }
    if (is_op(p, '<') && !lambda_signature(p, node))
        return NULL;
    if (!expect(p, '{', true))
        return NULL;
    node->a = expression(p, 0);
    return node->a && expect(p, '}', false) ? close_node(p, node) : NULL;
}

static struct node *argument(struct parser *p, struct node *call)
{
    if (!is_op(p, '?'))
        return expression(p, 0);
    struct node *node = build_node(p->build, NODE_OPERATOR, p->token.position);
    if (!node || !advance(p, true))
        return NULL;
    node->op = OP_PARTIAL;
    call->type = NODE_PARTIAL;
    return node;
}

static struct node *call(struct parser *p, const struct token *t, struct node *left)
{
    struct list list = { 0 };
    struct node *node = build_node(p->build, NODE_CALL, t->position);
    if (!node)
        return NULL;
    node->a = left;
    if (!is_op(p, ')')) {
        for (;;) {
            if (!append(p, &list, argument(p, node)))
                return NULL;
            if (!is_op(p, ','))
                break;
            if (!advance(p, true))
                return NULL;
        }
    }
    if (!expect(p, ')', false) || !with_items(p, node, &list))
        return NULL;
    bool is_lambda = left->type == NODE_NAME && node->type == NODE_CALL
                     && (belay_str_eq(value_str(left->value), BELAY_STR("function"))
                         || belay_str_eq(value_str(left->value), BELAY_STR("\xce\xbb")));
    if (is_lambda)
        return lambda(p, node);
    return build_lent(p->build, node) ? node : NULL;
}

static struct node *after_operand(struct parser *p, const struct token *t, struct node *left)
{
    static const struct {
        int token;
        enum node_op op;
    } table[] = {
        { '.', OP_DOT },    { '+', OP_ADD }, { '-', OP_SUB },   { '*', OP_MUL },
        { '/', OP_DIV },    { '%', OP_MOD }, { '=', OP_EQ },    { T_NE, OP_NE },
        { '<', OP_LT },     { T_LE, OP_LE }, { '>', OP_GT },    { T_GE, OP_GE },
        { '&', OP_CONCAT }, { T_IN, OP_IN }, { T_AND, OP_AND }, { T_OR, OP_OR },
    };
    switch (t->op) {
    case '[': return predicate(p, t, left);
    case '(': return call(p, t, left);
    case '{': return group_by(p, t, left);
    case '^': return order_by(p, t, left);
    case '?': return condition(p, t, left);
    case '@':
    case '#': return bind_step(p, t, left);
    case T_BIND: return bind(p, t, left);
    case T_DEFAULT:
    case T_COALESCE:
    case T_APPLY: return alternative(p, t, left);
    default: break;
    }
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].token == t->op)
            return binary(p, t, left, table[i].op, binding_power(t));
    return build_fail(p->build, "S0201", t->position, t->source);
}

/* An operator that brackets must be told whether an operand comes: after ^ a ( does. */
static struct node *expression(struct parser *p, int power)
{
    struct token t = p->token;
    if (++p->depth > BELAY_EXPR_NESTING_MAX)
        return build_fail(p->build, "U1002", t.position, BELAY_STR_NONE);
    bool opens = t.type == TOKEN_OPERATOR && strchr("([{|-", t.op & 0xff) && t.op < 256;
    if (!advance(p, opens))
        return NULL;
    struct node *left = operand(p, &t);
    while (left && power < binding_power(&p->token)) {
        t = p->token;
        left = advance(p, true) ? after_operand(p, &t, left) : NULL;
    }
    p->depth--;
    return left;
}

struct node *parse_expression(struct build *b)
{
    struct belay_str source = b->expr->source;
    struct parser p = {
        .build = b,
        .lexer = { b, source.p, source.p, source.p + source.n },
    };
    if (!advance(&p, true))
        return NULL;
    struct node *root = expression(&p, 0);
    bool unknown = is_op(&p, '!') || is_op(&p, '~');
    if (root && p.token.type != TOKEN_END)
        return build_fail(b, unknown ? "S0204" : "S0201", p.token.position, p.token.source);
    return root;
}
