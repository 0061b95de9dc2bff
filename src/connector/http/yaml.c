/* yaml.c - JSON as YAML 1.2 blocks: every string that could be taken for something else is quoted. */
#include "connector/http/publish.h"

/* Letters, digits and a few more, beginning with a letter: no word of YAML's own looks like that, but for
 * those that are listed. */
static bool is_plain(struct belay_str s)
{
    static const char *const taken[] = { "true", "false", "null", "yes", "no", "on", "off", "y", "n" };
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || c == '/' || c == '$';
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '-' || c == '.')))
            return false;
    }
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (belay_str_eq_nocase(s, belay_str_c(taken[i])))
            return false;
    return s.n > 0;
}

static void put_string(struct belay_buf *out, struct belay_str s)
{
    if (is_plain(s))
        belay_buf_put_str(out, s);
    else
        belay_json_write_str(out, s);
}

static void put_indent(struct belay_buf *out, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        belay_buf_put_str(out, BELAY_STR("  "));
}

static void put_block(struct belay_buf *out, const belay_json *v, unsigned depth);

/* Behind "key:" or "-". */
static void put_value(struct belay_buf *out, const belay_json *v, unsigned depth, bool in_list)
{
    bool block = v->type >= BELAY_JSON_ARRAY && v->n > 0;
    if (block && in_list && v->type == BELAY_JSON_OBJECT) { /* "- first: ..." */
        belay_buf_put_c(out, ' ');
        put_block(out, v, depth);
        return;
    }
    belay_buf_put_c(out, block ? '\n' : ' ');
    if (block) {
        put_indent(out, depth);
        put_block(out, v, depth);
        return;
    }
    if (v->type == BELAY_JSON_STRING)
        put_string(out, belay_json_str(v));
    else
        belay_json_write(out, v);
    belay_buf_put_c(out, '\n');
}

/* The cursor stands where the first line begins. */
static void put_block(struct belay_buf *out, const belay_json *v, unsigned depth)
{
    const belay_json *at = belay_json_first(v);
    for (uint32_t i = 0; i < v->n; i++) {
        if (i)
            put_indent(out, depth);
        if (v->type == BELAY_JSON_OBJECT) {
            put_string(out, belay_json_str(at));
            belay_buf_put_c(out, ':');
            at = belay_json_next(at);
        } else {
            belay_buf_put_c(out, '-');
        }
        put_value(out, at, depth + 1, v->type == BELAY_JSON_ARRAY);
        at = belay_json_next(at);
    }
}

void http_yaml_write(struct belay_buf *out, const belay_json *v)
{
    if (v->type >= BELAY_JSON_ARRAY && v->n)
        put_block(out, v, 0);
    else
        belay_json_write(out, v);
}
