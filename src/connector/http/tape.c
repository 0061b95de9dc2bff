#include "connector/http/tape.h"

#include "base/assert.h"
#include "connector/http/shape.h"

struct http_tape http_tape(struct belay_arena *arena, size_t expected)
{
    struct http_tape t = { .arena = arena, .cap = expected };
    t.nodes = belay_arena_alloc(arena, expected * sizeof *t.nodes);
    t.failed = !t.nodes;
    return t;
}

static struct belay_json_node *room(struct http_tape *t, size_t count)
{
    if (t->failed)
        return NULL;
    if (count > t->cap - t->n) {
        size_t cap = 2 * t->cap + count;
        struct belay_json_node *more = belay_arena_alloc(t->arena, cap * sizeof *more);
        if (!more) {
            t->failed = true;
            return NULL;
        }
        if (t->n)
            memcpy(more, t->nodes, t->n * sizeof *more);
        t->nodes = more;
        t->cap = cap;
    }
    t->n += count;
    return t->nodes + t->n - count;
}

size_t http_tape_open(struct http_tape *t, enum belay_json_type type)
{
    size_t at = t->n;
    struct belay_json_node *node = room(t, 1);
    if (node)
        *node = (struct belay_json_node){ .type = (uint8_t)type };
    return at;
}

void http_tape_close(struct http_tape *t, size_t at, uint32_t count)
{
    if (t->failed)
        return;
    BELAY_ASSERT(at < t->n && t->nodes[at].type >= BELAY_JSON_ARRAY);
    t->nodes[at].n = count;
    t->nodes[at].u.skip = t->n - at;
}

static struct belay_json_node string_node(struct belay_str text)
{
    return (struct belay_json_node){ .type = BELAY_JSON_STRING, .n = (uint32_t)text.n,
                                     .u.s = text.p ? text.p : "" };
}

void http_tape_string(struct http_tape *t, struct belay_str text)
{
    struct belay_json_node *node = room(t, 1);
    if (node)
        *node = string_node(text);
}

static struct belay_json_node typed_node(struct belay_str text, uint8_t types, struct belay_arena *arena)
{
    const belay_json *v;
    if ((types & HTTP_TYPE_BOOLEAN) && belay_str_eq(text, BELAY_STR("true")))
        return (struct belay_json_node){ .type = BELAY_JSON_TRUE };
    if ((types & HTTP_TYPE_BOOLEAN) && belay_str_eq(text, BELAY_STR("false")))
        return (struct belay_json_node){ .type = BELAY_JSON_FALSE };
    if ((types & HTTP_TYPE_NULL) && !(types & HTTP_TYPE_STRING)
        && (text.n == 0 || belay_str_eq(text, BELAY_STR("null"))))
        return (struct belay_json_node){ .type = BELAY_JSON_NULL };
    bool digit = text.n && (text.p[0] == '-' || (text.p[0] >= '0' && text.p[0] <= '9'));
    if ((types & HTTP_TYPE_NUMBER) && digit && text.p[text.n - 1] > ' '
        && !belay_json_parse(text, NULL, arena, &v, NULL, NULL) && belay_json_is_number(v))
        return *v;
    return string_node(text);
}

void http_tape_text(struct http_tape *t, struct belay_str text, uint8_t types)
{
    struct belay_json_node *node = room(t, 1);
    if (node)
        *node = typed_node(text, types, t->arena);
}

void http_tape_value(struct http_tape *t, const belay_json *v)
{
    size_t count = (size_t)(belay_json_next(v) - v);
    struct belay_json_node *to = room(t, count);
    if (to)
        memcpy(to, v, count * sizeof *to);
}

const belay_json *http_tape_root(const struct http_tape *t)
{
    return t->failed ? NULL : t->nodes;
}
