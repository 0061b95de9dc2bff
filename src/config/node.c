#include "config/node.h"

#include "base/limits.h"
#include "config/scalar.h"

const struct config_node *config_get(const struct config_node *node, const char *name)
{
    if (!node || node->kind != CONFIG_MAP)
        return NULL;
    for (const struct config_link *link = node->first; link; link = link->next)
        if (belay_str_eq(link->key->text, belay_str_c(name)))
            return link->value;
    return NULL;
}

bool config_is_null(const struct config_node *node)
{
    return node->kind == CONFIG_SCALAR && node->style == CONFIG_PLAIN
           && (node->text.n == 0 || belay_str_eq(node->text, BELAY_STR("~"))
               || belay_str_eq(node->text, BELAY_STR("null")));
}

const char *config_kind_text(const struct config_node *node)
{
    switch (node->kind) {
    case CONFIG_LIST: return "a list";
    case CONFIG_MAP: return "a mapping";
    case CONFIG_SCALAR: return config_is_null(node) ? "nothing" : "a string";
    }
    return "?";
}

struct belay_place config_place(const struct config_node *node)
{
    return (struct belay_place){ node->file->path, node->line, node->column };
}

/* ---- places within a scalar ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Bytes of source that one escape takes: \n 2, \x41 4, \u0041 6, \U00000041 10. */
static size_t escape_length(struct belay_str rest)
{
    char c = rest.n > 1 ? rest.p[1] : '\0';
    size_t n = c == 'x' ? 4 : c == 'u' ? 6 : c == 'U' ? 10 : 2;
    return n < rest.n ? n : rest.n;
}

static size_t code_point_length(struct belay_str text, size_t at)
{
    size_t n = 1;
    while (at + n < text.n && ((unsigned char)text.p[at + n] & 0xc0) == 0x80)
        n++;
    return n;
}

/* Offset in the source of byte `to` of the text: both are walked side by side; what the source has
 * more (indentation, the second quote, a backslash) is leapt over. */
static size_t source_offset(const struct config_node *node, size_t to)
{
    struct belay_str source = node->file->source, text = node->text;
    size_t at = node->offset, i = 0;
    while (i < to && at < source.n) {
        struct belay_str rest = belay_str(source.p + at, source.n - at);
        if (node->style == CONFIG_DOUBLE && rest.p[0] == '\\' && rest.n > 1
            && is_blank(rest.p[1])) {
            at++; /* a folded line: its end is no text */
        } else if (node->style == CONFIG_DOUBLE && rest.p[0] == '\\') {
            at += escape_length(rest);
            i += code_point_length(text, i);
        } else if (rest.p[0] == text.p[i]) {
            at += node->style == CONFIG_SINGLE && rest.p[0] == '\'' ? 2 : 1;
            i++;
        } else if (is_blank(rest.p[0])) {
            at++;
            /* A folded line end is a space of the text. */
            i += is_blank(text.p[i]) && (at >= source.n || !is_blank(source.p[at]));
        } else {
            break;
        }
    }
    while (at < source.n && to < text.n && is_blank(source.p[at]) && !is_blank(text.p[to]))
        at++;
    return at < source.n ? at : source.n;
}

struct belay_place config_place_at(const struct config_node *node, size_t offset)
{
    struct belay_place place = config_place(node);
    struct belay_str source = node->file->source;
    if (node->kind != CONFIG_SCALAR || offset > node->text.n || node->offset >= source.n)
        return place;
    size_t end = source_offset(node, offset);
    if (node->style == CONFIG_SINGLE || node->style == CONFIG_DOUBLE)
        place.column++; /* behind the quote, where node->offset is */
    for (size_t i = node->offset; i < end; i++) {
        if (source.p[i] == '\n') {
            place.line++;
            place.column = 1;
        } else if (((unsigned char)source.p[i] & 0xc0) != 0x80) {
            place.column++;
        }
    }
    return place;
}

/* ---- JSON ---- */

static void write_plain(struct belay_buf *out, const struct config_node *node)
{
    struct belay_str text = node->text, number;
    char space[CONFIG_NUMBER_TEXT_MAX];
    if (config_is_null(node))
        belay_buf_put_str(out, BELAY_STR("null"));
    else if (belay_str_eq(text, BELAY_STR("true")) || belay_str_eq(text, BELAY_STR("false")))
        belay_buf_put_str(out, text);
    else if (config_json_number(text, space, &number))
        belay_buf_put_str(out, number);
    else
        belay_json_write_str(out, text);
}

static const struct belay_str *swapped(const struct config_swap *swap,
                                       const struct config_node *node)
{
    for (; swap; swap = swap->next)
        if (swap->node == node)
            return &swap->json;
    return NULL;
}

static void write_links(struct belay_buf *out, const struct config_node *node,
                        const struct config_swap *swap)
{
    for (const struct config_link *link = node->first; link; link = link->next) {
        if (link != node->first)
            belay_buf_put_c(out, ',');
        if (link->key) {
            belay_json_write_str(out, link->key->text);
            belay_buf_put_c(out, ':');
        }
        config_node_write(out, link->value, swap);
    }
}

void config_node_write(struct belay_buf *out, const struct config_node *node,
                       const struct config_swap *swap)
{
    const struct belay_str *instead = swapped(swap, node);
    if (instead) {
        belay_buf_put_str(out, *instead);
    } else if (node->kind == CONFIG_SCALAR) {
        if (node->style == CONFIG_PLAIN)
            write_plain(out, node);
        else
            belay_json_write_str(out, node->text);
    } else {
        bool list = node->kind == CONFIG_LIST;
        belay_buf_put_c(out, list ? '[' : '{');
        write_links(out, node, swap);
        belay_buf_put_c(out, list ? ']' : '}');
    }
}
