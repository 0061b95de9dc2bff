/* Over the keywords of a document, and the names that it gives to places of it. */
#include "config/bundle.h"

#include "base/limits.h"

static enum inside inside_of(struct belay_str key, enum inside outer)
{
    static const char *const maps[] = { "properties", "patternProperties", "$defs", "definitions", "dependentSchemas",
                                        "schemas", "responses", "parameters", "headers", "requestBodies",
                                        "securitySchemes", "links", "callbacks", "pathItems", "paths", "webhooks",
                                        "content", "encoding", "variables" };
    if (outer == NAMES)
        return KEYWORDS;
    if (belay_str_eq(key, BELAY_STR("examples")))
        return EXAMPLES;
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
        if (belay_str_eq(key, belay_str_c(maps[i])))
            return NAMES;
    return KEYWORDS;
}

/* Values are not looked into: a "$ref" there is data. */
static bool is_value(struct belay_str key, enum inside in)
{
    static const char *const names[] = { "example", "default", "enum", "const", "value" };
    for (size_t i = 0; in == KEYWORDS && i < sizeof names / sizeof names[0]; i++)
        if (belay_str_eq(key, belay_str_c(names[i])))
            return true;
    return false;
}

/* What lies under an $id further down is a resource of its own; draft 7's "#name" is an anchor. */
static const struct config_node *own_id(const struct config_node *node)
{
    const struct config_node *id = config_get(node, "$id");
    return id && id->kind == CONFIG_SCALAR && !belay_str_starts(id->text, BELAY_STR("#")) ? id : NULL;
}

void bundle_walk(struct bundle *b, uint32_t at, const struct config_node *node, enum inside in, const struct way *way, bundle_see *see)
{
    bool map = node->kind == CONFIG_MAP;
    struct way below = { .before = way };
    if (node->kind == CONFIG_SCALAR || b->c->status)
        return;
    if (!map && in == EXAMPLES)
        return; /* a schema's */
    bool closed = map && way && in == KEYWORDS && own_id(node);
    for (const struct config_link *m = node->first; m; m = m->next, below.index++) {
        below.link = m;
        bool is_id = closed && belay_str_eq(m->key->text, BELAY_STR("$id"));
        if (map && in != NAMES && (!closed || is_id))
            see(b, at, m, way);
        if (closed)
            continue;
        if (!map)
            bundle_walk(b, at, m->value, KEYWORDS, &below, see);
        else if (!is_value(m->key->text, in))
            bundle_walk(b, at, m->value, in == EXAMPLES ? KEYWORDS : inside_of(m->key->text, in), &below, see);
    }
}

/* Recursive, as deep as the tree. */
static void put_way(struct belay_buf *out, const struct way *way)
{
    if (!way)
        return;
    put_way(out, way->before);
    belay_buf_put_c(out, '/');
    if (way->link->key)
        bundle_put_token(out, way->link->key->text);
    else
        belay_buf_printf(out, "%u", way->index);
}

static struct belay_str pointer_of(struct bundle *b, const struct way *way)
{
    struct belay_buf out;
    belay_buf_init(&out, BELAY_KIB(64));
    put_way(&out, way);
    struct belay_str pointer = belay_buf_status(&out) ? BELAY_STR_NONE : belay_arena_str(&b->c->scratch, way ? belay_buf_view(&out) : BELAY_STR(""));
    belay_buf_deinit(&out);
    if (!pointer.p)
        config_no_memory(b->c);
    return pointer;
}

void bundle_see_name(struct bundle *b, uint32_t at, const struct config_link *m, const struct way *way)
{
    struct part *part = &b->parts[at];
    struct config_node *value = (struct config_node *)m->value;
    bool id = belay_str_eq(m->key->text, BELAY_STR("$id"));
    bool anchor = belay_str_eq(m->key->text, BELAY_STR("$anchor")) || belay_str_eq(m->key->text, BELAY_STR("$dynamicAnchor"));
    if ((!id && !anchor) || value->kind != CONFIG_SCALAR || (id && !way))
        return;
    struct name *name = config_scratch(b->c, sizeof *name);
    if (!name)
        return;
    name->text = value->text;
    name->pointer = pointer_of(b, way);
    if (belay_str_starts(value->text, BELAY_STR("#")) || anchor) {
        name->text = belay_str_sub(value->text, !anchor, value->text.n);
        name->anchor = true;
        name->dynamic = belay_str_eq(m->key->text, BELAY_STR("$dynamicAnchor"));
    } else {
        struct belay_str uri = bundle_uri(b->c, part->id, value->text);
        name->text = uri.p ? uri : value->text;
        value->text = at ? name->text : value->text; /* the $id at the root is taken away */
    }
    name->next = part->names;
    part->names = name;
}

const struct name *bundle_find_name(const struct part *part, struct belay_str text, bool anchor)
{
    const struct name *name = part->names;
    while (name && (!belay_str_eq(name->text, text) || anchor != name->anchor))
        name = name->next;
    return name;
}
