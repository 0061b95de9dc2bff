/* Parsed JSON as a tree: of a file that is named in a configuration, or of a stored definition. */
#include "base/limits.h"
#include "config/node.h"

struct reader {
    const struct config_file *file;
    struct belay_arena *arena;
    struct belay_json_walk *walk; /* NULL: it was not written by anybody */
};

static const struct config_node *node_of(const struct reader *r, const belay_json *v, uint32_t depth);

static const struct config_node *scalar_of(const struct reader *r, const belay_json *v, struct config_node *node)
{
    node->kind = CONFIG_SCALAR;
    if (v->type == BELAY_JSON_STRING) {
        node->style = CONFIG_DOUBLE;
        node->text = belay_arena_str(r->arena, belay_json_str(v));
        node->offset += r->walk != NULL; /* behind the quote */
    } else {
        struct belay_buf text;
        belay_buf_init(&text, BELAY_CONFIG_FILE_BYTES_MAX);
        belay_json_write(&text, v);
        if (!belay_buf_status(&text))
            node->text = belay_arena_str(r->arena, belay_buf_view(&text));
        belay_buf_deinit(&text);
    }
    return node->text.p ? node : NULL;
}

static struct config_link *link_of(const struct reader *r, const belay_json **at, bool member, uint32_t depth)
{
    struct config_link *link = BELAY_ARENA_NEW(r->arena, struct config_link);
    if (link && member) {
        link->key = node_of(r, *at, depth + 1);
        *at = belay_json_next(*at);
        if (!link->key)
            return NULL;
    }
    if (link) {
        link->value = node_of(r, *at, depth + 1);
        *at = belay_json_next(*at);
    }
    return link && link->value ? link : NULL;
}

static const struct config_node *node_of(const struct reader *r, const belay_json *v, uint32_t depth)
{
    struct config_node *node = BELAY_ARENA_NEW(r->arena, struct config_node);
    struct belay_json_place place = { 0 };
    if (!node || depth > BELAY_JSON_DEPTH_DEFAULT)
        return NULL;
    if (r->walk)
        place = belay_json_walk_next(r->walk);
    *node = (struct config_node){ .file = r->file, .size = 1, .line = place.line, .column = place.column, .offset = place.offset };
    if (v->type < BELAY_JSON_ARRAY)
        return scalar_of(r, v, node);
    node->kind = v->type == BELAY_JSON_ARRAY ? CONFIG_LIST : CONFIG_MAP;
    const belay_json *at = belay_json_first(v);
    for (; node->count < v->n; node->count++) {
        struct config_link *link = link_of(r, &at, node->kind == CONFIG_MAP, depth);
        if (!link)
            return NULL;
        if (node->last)
            node->last->next = link;
        else
            node->first = link;
        node->last = link;
    }
    return node;
}

const struct config_node *config_node_of_json(const belay_json *v, const struct config_file *file,
                                              struct belay_arena *arena)
{
    struct belay_json_walk walk = belay_json_walk(file->source);
    const struct reader reader = { file, arena, file->source.n ? &walk : NULL };
    return node_of(&reader, v, 0);
}
