/* From the tree the parser made to the tree that is evaluated: dots become paths of steps,
 * predicates and bindings hang on their steps, every % finds the step whose input it names, and
 * calls in tail position are marked. */
#include "base/assert.h"
#include "expr/ast.h"

static struct node *resolve(struct build *b, struct node *node);

/* ---- ancestors ---- */

static bool add_seeking(struct build *b, struct node *node, struct slot *slot)
{
    struct slot_list *entry = BELAY_ARENA_NEW(b->arena, struct slot_list);
    struct node_extra *extra = build_extra(b, node);
    if (!entry || !extra)
        return build_nomem(b);
    entry->slot = slot;
    struct slot_list **end = &extra->seeking;
    while (*end)
        end = &(*end)->next;
    *end = entry;
    return true;
}

/* What value seeks, node seeks too. */
static bool push_ancestry(struct build *b, struct node *node, const struct node *value)
{
    if (!value)
        return false;
    for (const struct slot_list *s = value->extra->seeking; s; s = s->next)
        if (!add_seeking(b, node, s->slot))
            return false;
    return value->type != NODE_PARENT || add_seeking(b, node, value->extra->slot);
}

/* The step whose input slot names: it binds a label to it. */
static bool answer(struct build *b, struct node *step, struct slot *slot)
{
    struct node_extra *extra = build_extra(b, step);
    if (!extra)
        return false;
    if (extra->ancestor)
        slot->label = extra->ancestor->label;
    extra->ancestor = slot;
    step->flags |= NODE_TUPLE;
    return true;
}

static bool seek_parent(struct build *b, struct node *node, struct slot *slot)
{
    switch (node->type) {
    case NODE_NAME:
    case NODE_WILDCARD:
        return --slot->level != 0 || answer(b, node, slot);
    case NODE_PARENT: slot->level++; return true;
    case NODE_BLOCK:
        if (node->n == 0)
            return true;
        node->flags |= NODE_TUPLE;
        return seek_parent(b, node->items[node->n - 1], slot);
    case NODE_PATH:
        node->flags |= NODE_TUPLE;
        for (uint32_t i = node->n; i > 0 && (i == node->n || slot->level > 0); i--)
            if (!seek_parent(b, node->items[i - 1], slot))
                return false;
        return true;
    default: build_fail(b, "S0217", node->position, BELAY_STR("%")); return false;
    }
}

static bool resolve_slot(struct build *b, struct node *path, struct slot *slot)
{
    uint32_t i = path->n - 1;
    while (slot->level > 0) {
        if (i == 0)
            return add_seeking(b, path, slot);
        struct node *step = path->items[--i];
        while (i > 0 && step->extra->focus && path->items[i - 1]->extra->focus) /* they share their input */
            step = path->items[--i];
        if (!seek_parent(b, step, slot))
            return false;
    }
    return true;
}

static bool resolve_ancestry(struct build *b, struct node *path)
{
    BELAY_ASSERT(path->type == NODE_PATH && path->n > 0);
    const struct node *last = path->items[path->n - 1];
    for (const struct slot_list *s = last->extra->seeking; s; s = s->next)
        if (!resolve_slot(b, path, s->slot))
            return false;
    return last->type != NODE_PARENT || resolve_slot(b, path, last->extra->slot);
}

static struct node *parent(struct build *b, struct node *node)
{
    char text[16];
    uint32_t n = 0, number = b->label_count++;
    text[n++] = '!'; /* no variable can be called so */
    do {
        text[n++] = (char)('0' + number % 10);
    } while ((number /= 10) > 0);
    struct belay_str label = belay_arena_str(b->arena, belay_str(text, n));
    struct slot *slot = BELAY_ARENA_NEW(b->arena, struct slot);
    struct node_extra *extra = build_extra(b, node);
    if (!label.p || !slot || !extra)
        return build_nomem(b);
    slot->label = build_name(b, label);
    slot->level = 1;
    if (!slot->label)
        return NULL;
    slot->label->local = true;
    extra->slot = slot;
    return node;
}

/* ---- paths ---- */

static struct node *new_path(struct build *b, struct node *step)
{
    struct node *path = build_node(b, NODE_PATH, step->position);
    struct node **items = path ? belay_arena_alloc(b->arena, sizeof *items) : NULL;
    if (!items)
        return build_nomem(b);
    items[0] = step;
    path->items = items;
    path->n = 1;
    path->depth = step->depth + 1;
    return path;
}

static bool add_steps(struct build *b, struct node *path, struct node **steps, uint32_t count)
{
    BELAY_ASSERT(!node_has_third(path));
    struct node **items = belay_arena_alloc(b->arena, (path->n + count) * sizeof *items);
    if (!items)
        return build_nomem(b);
    memcpy(items, path->items, path->n * sizeof *items);
    memcpy(items + path->n, steps, count * sizeof *items);
    path->items = items;
    path->n += count;
    return true;
}

static struct stage **stages_end(struct stage **stages)
{
    while (*stages)
        stages = &(*stages)->next;
    return stages;
}

/* Of a node that becomes a step: what was applied to its result is applied by the path. */
static void predicates_to_stages(struct node *step)
{
    if (!step->extra->predicates)
        return;
    BELAY_ASSERT(step->has_extra);
    struct node_extra *extra = (struct node_extra *)step->extra;
    *stages_end(&extra->stages) = extra->predicates;
    extra->predicates = NULL;
}

static struct node *check_steps(struct build *b, struct node *path)
{
    for (uint32_t i = 0; i < path->n; i++) {
        struct node *step = path->items[i];
        if (step->type == NODE_LITERAL && step->value.type != BELAY_VALUE_STRING)
            return build_fail(b, "S0213", step->position, BELAY_STR_NONE);
        if (step->type == NODE_LITERAL)
            step->type = NODE_NAME;
        if (step->flags & NODE_KEEP_ARRAY)
            path->flags |= NODE_KEEP_SINGLETON;
    }
    if (path->items[0]->type == NODE_ARRAY)
        path->items[0]->flags |= NODE_CONS;
    if (path->items[path->n - 1]->type == NODE_ARRAY)
        path->items[path->n - 1]->flags |= NODE_CONS;
    return resolve_ancestry(b, path) ? path : NULL;
}

static struct node *dot(struct build *b, struct node *node)
{
    struct node *left = resolve(b, node->a);
    if (!left)
        return NULL;
    struct node *path = left->type == NODE_PATH ? left : new_path(b, left);
    if (!path || (left->type == NODE_PARENT && !add_seeking(b, path, left->extra->slot)))
        return NULL;
    struct node *rest = resolve(b, node->b);
    if (!rest)
        return NULL;
    if (rest->type == NODE_PATH) {
        if (!add_steps(b, path, rest->items, rest->n))
            return NULL;
        path->flags |= rest->flags & NODE_KEEP_SINGLETON;
    } else {
        predicates_to_stages(rest);
        if (!add_steps(b, path, &rest, 1))
            return NULL;
    }
    return check_steps(b, path);
}

static struct node *name(struct build *b, struct node *node)
{
    struct node *path = new_path(b, node);
    if (path && node->flags & NODE_KEEP_ARRAY)
        path->flags |= NODE_KEEP_SINGLETON;
    return path;
}

/* ---- what hangs on a step ---- */

static struct stage *add_stage(struct build *b, struct stage **stages)
{
    struct stage *stage = BELAY_ARENA_NEW(b->arena, struct stage);
    if (!stage)
        return (void *)build_nomem(b);
    *stages_end(stages) = stage;
    return stage;
}

static struct node *last_step(struct node *node)
{
    return node->type == NODE_PATH ? node->items[node->n - 1] : node;
}

static bool filter_ancestry(struct build *b, struct node *step, struct node *predicate)
{
    for (const struct slot_list *s = predicate->extra->seeking; s; s = s->next) {
        if (s->slot->level == 1) {
            if (!seek_parent(b, step, s->slot))
                return false;
        } else {
            s->slot->level--;
        }
    }
    return push_ancestry(b, step, predicate);
}

static struct node *filter(struct build *b, struct node *node)
{
    struct node *result = resolve(b, node->a);
    if (!result)
        return NULL;
    struct node *step = last_step(result);
    if (result->extra->group || step->extra->group)
        return build_fail(b, "S0209", node->position, BELAY_STR("["));
    struct node *predicate = resolve(b, node->b);
    if (!predicate || (predicate->extra->seeking && !filter_ancestry(b, step, predicate)))
        return NULL;
    struct node_extra *extra = build_extra(b, step);
    struct stage *stage
        = extra ? add_stage(b, result->type == NODE_PATH ? &extra->stages : &extra->predicates) : NULL;
    if (!stage)
        return NULL;
    stage->filter = predicate;
    return result;
}

static bool const_names(const struct node *object)
{
    for (uint32_t i = 0; i < object->n; i += 2) {
        const struct node *key = object->items[i];
        if (key->type != NODE_LITERAL || key->value.type != BELAY_VALUE_STRING || key->extra->predicates)
            return false;
        for (uint32_t j = 0; j < i; j += 2)
            if (belay_str_eq(value_str(object->items[j]->value), value_str(key->value)))
                return false;
    }
    return object->n <= 128; /* the check above is quadratic */
}

/* The pairs of a constructor or of a group-by. */
static struct node *pairs(struct build *b, struct node *object, bool ancestry)
{
    for (uint32_t i = 0; i < object->n; i++) {
        object->items[i] = resolve(b, object->items[i]);
        if (!object->items[i] || (ancestry && !push_ancestry(b, object, object->items[i])))
            return NULL;
    }
    if (const_names(object))
        object->flags |= NODE_CONST_NAMES;
    return object;
}

static struct node *group(struct build *b, struct node *node)
{
    struct node *result = resolve(b, node->a);
    if (!result)
        return NULL;
    if (result->extra->group)
        return build_fail(b, "S0210", node->position, BELAY_STR("{"));
    struct node_extra *extra = build_extra(b, result);
    if (!extra)
        return NULL;
    extra->group = pairs(b, node->b, false);
    return extra->group ? result : NULL;
}

static struct node *order(struct build *b, struct node *node)
{
    struct node *left = resolve(b, node->a);
    if (!left)
        return NULL;
    struct node *path = left->type == NODE_PATH ? left : new_path(b, left);
    struct node *sort = node->b;
    if (!path)
        return NULL;
    for (uint32_t i = 0; i < sort->n; i++) {
        sort->items[i]->a = resolve(b, sort->items[i]->a);
        if (!push_ancestry(b, sort, sort->items[i]->a))
            return NULL;
    }
    if (!add_steps(b, path, &sort, 1) || !resolve_ancestry(b, path))
        return NULL;
    return path;
}

static struct node *focus(struct build *b, struct node *node)
{
    struct node *result = resolve(b, node->a);
    if (!result)
        return NULL;
    struct node *step = last_step(result);
    if (step->extra->stages || step->extra->predicates)
        return build_fail(b, "S0215", node->position, BELAY_STR("@"));
    if (step->type == NODE_SORT)
        return build_fail(b, "S0216", node->position, BELAY_STR("@"));
    if (node->flags & NODE_KEEP_ARRAY)
        step->flags |= NODE_KEEP_ARRAY;
    struct node_extra *extra = build_extra(b, step);
    if (!extra)
        return NULL;
    extra->focus = node->name;
    step->flags |= NODE_TUPLE;
    return result;
}

static struct node *position(struct build *b, struct node *node)
{
    struct node *result = resolve(b, node->a);
    if (!result)
        return NULL;
    struct node *step = last_step(result);
    if (result->type != NODE_PATH) {
        result = new_path(b, step);
        if (!result)
            return NULL;
        predicates_to_stages(step);
    }
    struct node_extra *extra = build_extra(b, step);
    struct stage *stage = extra && extra->stages ? add_stage(b, &extra->stages) : NULL;
    if (!extra || (extra->stages && !stage))
        return NULL;
    if (stage)
        stage->index = node->name;
    else
        extra->index = node->name;
    step->flags |= NODE_TUPLE;
    return result;
}

/* ---- the rest ---- */

static struct node *binary(struct build *b, struct node *node)
{
    switch (node->op) {
    case OP_DOT: return dot(b, node);
    case OP_FILTER: return filter(b, node);
    case OP_GROUP: return group(b, node);
    case OP_ORDER: return order(b, node);
    case OP_FOCUS: return focus(b, node);
    case OP_INDEX: return position(b, node);
    default: break;
    }
    node->a = resolve(b, node->a);
    node->b = node->a ? resolve(b, node->b) : NULL;
    return push_ancestry(b, node, node->a) && push_ancestry(b, node, node->b) ? node : NULL;
}

static struct node *negate(struct build *b, struct node *node)
{
    node->a = resolve(b, node->a);
    if (!node->a)
        return NULL;
    struct belay_value *v = &node->a->value;
    if (node->a->type != NODE_LITERAL || !value_is_number(*v) || node->a->extra->predicates)
        return push_ancestry(b, node, node->a) ? node : NULL;
    if (v->type == BELAY_VALUE_INT && v->u.i > 0)
        v->u.i = -v->u.i;
    else
        *v = belay_value_number(-value_double(*v));
    return node->a;
}

static struct node *items(struct build *b, struct node *node)
{
    for (uint32_t i = 0; i < node->n; i++) {
        struct node *item = node->items[i] = resolve(b, node->items[i]);
        if (!push_ancestry(b, node, item))
            return NULL;
        if (node->type == NODE_BLOCK
            && (item->flags & NODE_CONS
                || (item->type == NODE_PATH && item->items[0]->flags & NODE_CONS)))
            node->flags |= NODE_CONS;
    }
    return node;
}

static struct node *call(struct build *b, struct node *node)
{
    if (!items(b, node))
        return NULL;
    node->a = resolve(b, node->a);
    return node->a ? node : NULL;
}

/* Marks the calls whose result is the lambda's own. */
static void mark_tail(struct node *node)
{
    if (!node || node->extra->predicates || node->extra->group)
        return;
    if (node->type == NODE_CALL) {
        node->flags |= NODE_TAIL;
    } else if (node->type == NODE_CONDITION) {
        mark_tail(node->b);
        mark_tail(node->c);
    } else if (node->type == NODE_DEFAULT || node->type == NODE_COALESCE) {
        mark_tail(node->b);
    } else if (node->type == NODE_BLOCK && node->n > 0) {
        mark_tail(node->items[node->n - 1]);
    }
}

static struct node *lambda(struct build *b, struct node *node)
{
    node->a = resolve(b, node->a);
    mark_tail(node->a);
    return node->a ? node : NULL;
}

/* Nodes with up to three parts. */
static struct node *parts(struct build *b, struct node *node)
{
    struct node **all[] = { &node->a, &node->b, node_has_third(node) ? &node->c : &node->b };
    for (int i = 0; i < 2 + node_has_third(node); i++) {
        if (!*all[i])
            continue;
        *all[i] = resolve(b, *all[i]);
        if (!*all[i])
            return NULL;
        if (node->type != NODE_TRANSFORM && node->type != NODE_APPLY
            && !push_ancestry(b, node, *all[i]))
            return NULL;
        if (node->type == NODE_APPLY)
            node->flags |= (*all[i])->flags & NODE_KEEP_ARRAY;
    }
    return node;
}

static struct node *by_type(struct build *b, struct node *node)
{
    switch (node->type) {
    case NODE_END: return build_fail(b, "S0207", node->position, BELAY_STR_NONE);
    case NODE_OPERATOR: return node;
    case NODE_NAME: return name(b, node);
    case NODE_PARENT: return parent(b, node);
    case NODE_BINARY: return binary(b, node);
    case NODE_NEGATE: return negate(b, node);
    case NODE_ARRAY:
    case NODE_BLOCK: return items(b, node);
    case NODE_OBJECT: return pairs(b, node, true);
    case NODE_CALL:
    case NODE_PARTIAL: return call(b, node);
    case NODE_LAMBDA: return lambda(b, node);
    case NODE_CONDITION:
    case NODE_DEFAULT:
    case NODE_COALESCE:
    case NODE_TRANSFORM:
    case NODE_BIND:
    case NODE_APPLY: return parts(b, node);
    default: return node;
    }
}

static struct node *resolve(struct build *b, struct node *node)
{
    unsigned keep = node->flags & NODE_KEEP_ARRAY;
    struct node *result = by_type(b, node);
    if (!result)
        return NULL;
    result->flags |= keep;
    if (result->extra->predicates || (result->extra->group && result->type != NODE_PATH))
        result->flags |= NODE_FINISH;
    return result;
}

struct node *resolve_expression(struct build *b, struct node *root)
{
    struct node *result = resolve(b, root);
    if (result && (result->type == NODE_PARENT || result->extra->seeking))
        return build_fail(b, "S0217", result->position, BELAY_STR("%"));
    return result;
}
