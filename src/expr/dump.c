/* An expression as JSON for people and tools: what the parser made of it, with the reference's
 * names for the kinds. Recursion is bounded by BELAY_EXPR_NESTING_MAX. */
#include "expr/ast.h"
#include "expr/function.h"

const char *node_kind(const struct node *node)
{
    static const char *const kinds[] = {
        [NODE_END] = "end",
        [NODE_OPERATOR] = "operator",
        [NODE_LITERAL] = "value",
        [NODE_NAME] = "name",
        [NODE_VARIABLE] = "variable",
        [NODE_WILDCARD] = "wildcard",
        [NODE_PARENT] = "parent",
        [NODE_DESCENDANT] = "descendant",
        [NODE_REGEX] = "regex",
        [NODE_BINARY] = "binary",
        [NODE_NEGATE] = "unary",
        [NODE_ARRAY] = "array",
        [NODE_OBJECT] = "object",
        [NODE_BLOCK] = "block",
        [NODE_CONDITION] = "condition",
        [NODE_DEFAULT] = "default",
        [NODE_COALESCE] = "coalesce",
        [NODE_CALL] = "function",
        [NODE_PARTIAL] = "partial",
        [NODE_LAMBDA] = "lambda",
        [NODE_TRANSFORM] = "transform",
        [NODE_BIND] = "bind",
        [NODE_APPLY] = "apply",
        [NODE_PATH] = "path",
        [NODE_SORT] = "sort",
        [NODE_TERM] = "term",
    };
    return kinds[node->type];
}

static const char *operator_text(unsigned op)
{
    static const char *const texts[]
        = { [OP_ADD] = "+", [OP_SUB] = "-", [OP_MUL] = "*",     [OP_DIV] = "/",    [OP_MOD] = "%",
            [OP_EQ] = "=",  [OP_NE] = "!=", [OP_LT] = "<",      [OP_LE] = "<=",    [OP_GT] = ">",
            [OP_GE] = ">=", [OP_IN] = "in", [OP_CONCAT] = "&",  [OP_RANGE] = "..", [OP_AND] = "and",
            [OP_OR] = "or", [OP_DOT] = ".", [OP_PARTIAL] = "?", [OP_GROUP] = "{" };
    return op < sizeof texts / sizeof *texts && texts[op] ? texts[op] : "";
}

struct dump {
    struct belay_json_out out;
};

static void put_node(struct dump *d, const struct node *node);

static void put_child(struct dump *d, const char *name, const struct node *node)
{
    if (!node)
        return;
    belay_json_key(&d->out, name);
    put_node(d, node);
}

static void put_list(struct dump *d, const char *name, struct node *const *items, uint32_t n)
{
    if (!n)
        return;
    belay_json_key(&d->out, name);
    belay_json_begin_array(&d->out);
    for (uint32_t i = 0; i < n; i++)
        put_node(d, items[i]);
    belay_json_end_array(&d->out);
}

static void put_stages(struct dump *d, const char *name, const struct stage *stages)
{
    if (!stages)
        return;
    belay_json_key(&d->out, name);
    belay_json_begin_array(&d->out);
    for (; stages; stages = stages->next) {
        if (stages->filter) {
            put_node(d, stages->filter);
            continue;
        }
        belay_json_begin_object(&d->out);
        belay_json_key(&d->out, "index");
        belay_json_put_str(&d->out, stages->index->text);
        belay_json_end_object(&d->out);
    }
    belay_json_end_array(&d->out);
}

static void put_name(struct dump *d, const char *key, const struct name *name)
{
    if (!name)
        return;
    belay_json_key(&d->out, key);
    belay_json_put_str(&d->out, name->text);
}

static void put_text(struct dump *d, const char *key, const char *text)
{
    if (!text[0])
        return;
    belay_json_key(&d->out, key);
    belay_json_put_c(&d->out, text);
}

static void put_value(struct dump *d, const struct node *node)
{
    struct belay_buf value;
    if (node->type != NODE_LITERAL && node->type != NODE_NAME)
        return;
    belay_buf_init(&value, BELAY_EXPR_SOURCE_BYTES_MAX * 8);
    (void)belay_value_write(&value, node->value);
    belay_json_key(&d->out, "value");
    if (belay_buf_status(&value))
        belay_json_put_null(&d->out);
    else
        belay_json_put_raw(&d->out, belay_buf_view(&value));
    belay_buf_deinit(&value);
}

static void put_flags(struct dump *d, const struct node *node)
{
    static const struct {
        unsigned flag;
        const char *name;
    } flags[] = { { NODE_KEEP_ARRAY, "keepArray" }, { NODE_KEEP_SINGLETON, "keepSingletonArray" },
                  { NODE_CONS, "consarray" },       { NODE_TUPLE, "tuple" },
                  { NODE_TAIL, "thunk" },           { NODE_DESCENDING, "descending" } };
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (!(node->flags & flags[i].flag))
            continue;
        belay_json_key(&d->out, flags[i].name);
        belay_json_put_bool(&d->out, true);
    }
}

static void put_parts(struct dump *d, const struct node *node)
{
    const char *items
        = node->type == NODE_PATH ? "steps"
          : node->type == NODE_CALL || node->type == NODE_PARTIAL || node->type == NODE_LAMBDA
              ? "arguments"
          : node->type == NODE_SORT ? "terms"
                                    : "expressions";
    const char *a = node->type == NODE_CALL || node->type == NODE_PARTIAL  ? "procedure"
                    : node->type == NODE_LAMBDA                            ? "body"
                    : node->type == NODE_CONDITION                         ? "condition"
                    : node->type == NODE_TRANSFORM                         ? "pattern"
                    : node->type == NODE_NEGATE || node->type == NODE_TERM ? "expression"
                                                                           : "lhs";
    const char *b = node->type == NODE_CONDITION   ? "then"
                    : node->type == NODE_TRANSFORM ? "update"
                                                   : "rhs";
    put_child(d, a, node->a);
    put_child(d, b, node->b);
    if (node_has_third(node))
        put_child(d, node->type == NODE_CONDITION ? "else" : "delete", node->c);
    else
        put_list(d, items, node->items, node->n);
}

static void put_node(struct dump *d, const struct node *node)
{
    belay_json_begin_object(&d->out);
    put_text(d, "type", node_kind(node));
    put_text(d, "operator", node->type == NODE_BINARY ? operator_text(node->op) : "");
    put_value(d, node);
    put_name(d, "variable", node->type == NODE_VARIABLE || node->type == NODE_BIND ? node->name : NULL);
    belay_json_key(&d->out, "position");
    belay_json_put_uint(&d->out, node->position);
    put_parts(d, node);
    put_name(d, "focus", node->extra->focus);
    put_name(d, "index", node->extra->index);
    put_stages(d, "predicate", node->extra->predicates);
    put_stages(d, "stages", node->extra->stages);
    put_child(d, "group", node->extra->group);
    put_flags(d, node);
    belay_json_end_object(&d->out);
}

void belay_expr_write_ast(struct belay_buf *out, const struct belay_expr *e)
{
    struct dump d = { belay_json_out(out) };
    put_node(&d, e->root);
}

struct belay_str belay_expr_builtin(uint32_t index)
{
    return builtin_name(index);
}
