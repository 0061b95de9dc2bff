/* Trees of our own making: what one word of the language stands for, in its longer words. */
#include "config/parts.h"

static const struct config_part *part_of(const struct config_part *parts, uint32_t count, const struct config_node *node)
{
    for (uint32_t i = 0; node && node->kind == CONFIG_SCALAR && i < count; i++)
        if (belay_str_eq(node->text, belay_str_c(parts[i].name)))
            return &parts[i];
    return NULL;
}

static struct config_node *node_at(struct config *c, const struct config_node *at)
{
    struct config_node *node = config_scratch(c, sizeof *node);
    if (node)
        *node = (struct config_node){ .file = at->file, .line = at->line, .column = at->column, .size = 1 };
    return node;
}

const struct config_node *config_text_node(struct config *c, struct belay_str text, const struct config_node *at)
{
    struct config_node *node = node_at(c, at);
    struct belay_str copy = belay_arena_str(&c->scratch, text);
    if (!node || !copy.p) {
        config_no_memory(c);
        return NULL;
    }
    node->style = CONFIG_DOUBLE; /* never a number or null */
    node->text = copy;
    node->offset = SIZE_MAX; /* it is nowhere in the source */
    return node;
}

struct config_node *config_map_node(struct config *c, const struct config_node *at)
{
    struct config_node *map = node_at(c, at);
    if (map)
        map->kind = CONFIG_MAP;
    return map;
}

static bool append(struct config *c, struct config_node *to, const struct config_node *key,
                   const struct config_node *value)
{
    struct config_link *link = config_scratch(c, sizeof *link);
    if (!link || !value)
        return false;
    *link = (struct config_link){ key, value, NULL };
    if (to->last)
        to->last->next = link;
    else
        to->first = link;
    to->last = link;
    to->count++;
    to->size += value->size + (key != NULL);
    return true;
}

bool config_map_add(struct config *c, struct config_node *map, const struct config_node *key,
                    const struct config_node *value)
{
    return key && append(c, map, key, value);
}

struct splice {
    struct config *c;
    const struct config_part *parts;
    uint32_t count;
    const struct config_node *at;
};

/* *ret_out NULL: to be left out. False: no memory. Recursive, as deep as the literal. */
static bool copy(struct splice *s, const struct config_node *node, const struct config_node **ret_out)
{
    const struct config_part *part = part_of(s->parts, s->count, node);
    *ret_out = part ? part->node : NULL;
    if (part)
        return true;
    struct config_node *to = node_at(s->c, s->at);
    if (!to)
        return false;
    to->kind = node->kind;
    to->style = node->style;
    to->text = node->text;
    to->offset = SIZE_MAX;
    for (const struct config_link *link = node->first; link; link = link->next) {
        const struct config_node *key = NULL, *value;
        if (!copy(s, link->value, &value) || (link->key && !copy(s, link->key, &key)))
            return false;
        if (value && !append(s->c, to, key, value))
            return false;
    }
    *ret_out = to;
    return true;
}

const struct config_node *config_splice(struct config *c, const char *yaml, const struct config_part *parts,
                                        uint32_t part_count, const struct config_node *at)
{
    struct config_file *file = config_scratch(c, sizeof *file);
    struct splice s = { c, parts, part_count, at };
    const struct config_node *out = NULL;
    int status = BELAY_OK;
    if (!file)
        return NULL;
    *file = (struct config_file){ BELAY_STR("(built in)"), belay_str_c(yaml) };
    const struct config_node *tree = config_yaml(file, &c->scratch, c->problems, &status);
    if (status == BELAY_NOMEM || !tree || !copy(&s, tree, &out))
        config_no_memory(c);
    return out;
}
