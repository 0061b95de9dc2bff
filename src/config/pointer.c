/* Messages of compilers name a place by JSON Pointer, "#/paths/~1orders/post": here it becomes the
 * line and column where that was written. */
#include "base/limits.h"
#include "config/node.h"

/* "~1" is "/", "~0" is "~". True when token, so read, is name. */
static bool token_is(struct belay_str token, struct belay_str name)
{
    size_t n = 0;
    for (size_t i = 0; i < token.n; i++, n++) {
        char c = token.p[i];
        if (c == '~' && i + 1 < token.n)
            c = token.p[++i] == '1' ? '/' : '~';
        if (n >= name.n || name.p[n] != c)
            return false;
    }
    return n == name.n;
}

static const struct config_link *step(const struct config_node *node, struct belay_str token)
{
    uint64_t index = 0;
    bool number = belay_str_to_u64(token, &index);
    if (node->kind == CONFIG_LIST && !number)
        return NULL;
    for (const struct config_link *link = node->first; link; link = link->next)
        if (link->key ? token_is(token, link->key->text) : index-- == 0)
            return link;
    return NULL;
}

struct belay_place config_place_of_pointer(const struct config_node *root, struct belay_str pointer)
{
    const struct config_node *node = root, *shown = root;
    struct belay_str rest = belay_str_sub(pointer, 1, pointer.n);
    while (pointer.n && rest.p) {
        const struct config_link *link = step(node, belay_str_split(&rest, '/'));
        if (!link)
            break;
        node = link->value;
        /* Of a mapping the name tells more than its first key does. */
        shown = link->key && node->kind != CONFIG_SCALAR ? link->key : node;
    }
    return config_place(shown);
}

const struct config_node *config_node_of_pointer(const struct config_node *root, struct belay_str pointer)
{
    struct belay_str rest = belay_str_sub(pointer, 1, pointer.n);
    for (const struct config_link *link; pointer.n && rest.p && root; root = link ? link->value : NULL)
        link = step(root, belay_str_split(&rest, '/'));
    return root;
}

/* "openapi: /paths/~1orders: why" -> the pointer, and "why" in *message. */
static struct belay_str take_leading(struct belay_str *message)
{
    struct belay_str prefix = BELAY_STR("openapi: ");
    if (!belay_str_starts(*message, prefix))
        return BELAY_STR_NONE;
    *message = belay_str_sub(*message, prefix.n, message->n);
    for (size_t i = 0; i + 1 < message->n && message->p[0] == '/'; i++) {
        if (message->p[i] == ':' && message->p[i + 1] == ' ') {
            struct belay_str pointer = belay_str_sub(*message, 0, i);
            *message = belay_str_sub(*message, i + 2, message->n);
            return pointer;
        }
    }
    return BELAY_STR_NONE;
}

/* "why at #/paths/~1orders" -> the pointer, and "why" in *message. */
static struct belay_str take_trailing(struct belay_str *message)
{
    static const char at[] = " at #";
    for (size_t i = message->n; i >= sizeof at - 1; i--) {
        size_t start = i - (sizeof at - 1);
        if (memcmp(message->p + start, at, sizeof at - 1) == 0) {
            struct belay_str pointer = belay_str_sub(*message, i, message->n);
            *message = belay_str_sub(*message, 0, start);
            return pointer;
        }
    }
    return BELAY_STR_NONE;
}

struct belay_str config_take_pointer(struct belay_str *message)
{
    struct belay_str leading = take_leading(message), trailing = take_trailing(message);
    return trailing.n ? trailing : leading;
}
