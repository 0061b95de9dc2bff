#include <math.h>

#include "base/assert.h"
#include "base/limits.h"
#include "json/json.h"
#include "json/number.h"
#include "json/scan.h"
#include "json/utf8.h"

/* A container that is being written. */
struct level {
    const belay_json *end; /* the node after it */
    bool object;
};

static void put_escape(struct belay_buf *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
    switch (c) {
    case '"':
    case '\\': text[1] = (char)c; break;
    case '\b': text[1] = 'b'; break;
    case '\f': text[1] = 'f'; break;
    case '\n': text[1] = 'n'; break;
    case '\r': text[1] = 'r'; break;
    case '\t': text[1] = 't'; break;
    default: belay_buf_put(out, text, 6); return;
    }
    belay_buf_put(out, text, 2);
}

/* From the special byte at p: writes it, returns what is after it. */
static const char *put_special(struct belay_buf *out, const char *p, const char *end)
{
    if ((unsigned char)*p < 0x80) {
        put_escape(out, (unsigned char)*p);
        return p + 1;
    }
    const char *from = p;
    size_t len = 1;
    while (p < end && (unsigned char)*p >= 0x80 && (len = belay_utf8_len(p, end)) > 0)
        p += len;
    belay_buf_put(out, from, (size_t)(p - from));
    if (len == 0) {
        belay_buf_put(out, "\xef\xbf\xbd", 3);
        p++;
    }
    return p;
}

void belay_json_write_str(struct belay_buf *out, struct belay_str s)
{
    const char *p = s.n ? s.p : "", *end = p + s.n; /* no arithmetic on the empty view's NULL */
    belay_buf_put_c(out, '"');
    while (p < end) {
        const char *special = scan_plain(p, end);
        belay_buf_put(out, p, (size_t)(special - p));
        p = special < end ? put_special(out, special, end) : special;
    }
    belay_buf_put_c(out, '"');
}

void belay_json_write_uint(struct belay_buf *out, uint64_t u)
{
    char *to = belay_buf_reserve(out, NUMBER_INT_MAX);
    if (to)
        out->n += number_uint_text(u, to);
}

void belay_json_write_int(struct belay_buf *out, int64_t i)
{
    if (i < 0)
        belay_buf_put_c(out, '-');
    belay_json_write_uint(out, i < 0 ? 0 - (uint64_t)i : (uint64_t)i);
}

void belay_json_write_double(struct belay_buf *out, double d)
{
    if (!isfinite(d)) {
        belay_buf_put(out, "null", 4);
        return;
    }
    char *to = belay_buf_reserve(out, NUMBER_TEXT_MAX);
    if (to)
        out->n += number_text(d, to);
}

/* Between quotes, unchanged. */
static inline void put_plain(struct belay_buf *out, const belay_json *v)
{
    char *to = belay_buf_reserve(out, (size_t)v->n + 2);
    if (to) {
        to[0] = '"';
        memcpy(to + 1, v->u.s, v->n);
        to[v->n + 1] = '"';
        out->n += (size_t)v->n + 2;
    }
}

static void put_scalar(struct belay_buf *out, const belay_json *v)
{
    switch ((enum belay_json_type)v->type) {
    case BELAY_JSON_NULL: belay_buf_put(out, "null", 4); break;
    case BELAY_JSON_FALSE: belay_buf_put(out, "false", 5); break;
    case BELAY_JSON_TRUE: belay_buf_put(out, "true", 4); break;
    case BELAY_JSON_INT: belay_json_write_int(out, v->u.i); break;
    case BELAY_JSON_DOUBLE: belay_json_write_double(out, v->u.d); break;
    case BELAY_JSON_BIG: belay_buf_put(out, v->u.s, v->n); break;
    case BELAY_JSON_STRING:
        if (v->flags & BELAY_JSON_PLAIN && v->n)
            put_plain(out, v);
        else
            belay_json_write_str(out, belay_json_str(v));
        break;
    default: BELAY_UNREACHABLE();
    }
}

static void put_line(struct belay_buf *out, bool pretty, size_t depth)
{
    if (pretty) {
        belay_buf_put_c(out, '\n');
        for (; depth; depth--)
            belay_buf_put(out, "  ", 2);
    }
}

/* Closes the containers that end at v; returns how many are still open. */
static size_t put_closing(struct belay_buf *out, const belay_json *v, const struct level *levels,
                          size_t depth, bool pretty)
{
    while (depth && levels[depth - 1].end == v) {
        depth--;
        put_line(out, pretty, depth);
        belay_buf_put_c(out, levels[depth].object ? '}' : ']');
    }
    return depth;
}

static void put_name(struct belay_buf *out, const belay_json *name, bool pretty)
{
    BELAY_ASSERT(name->type == BELAY_JSON_STRING);
    put_scalar(out, name);
    belay_buf_put(out, ": ", pretty ? 2 : 1);
}

static void write_tape(struct belay_buf *out, const belay_json *v, bool pretty)
{
    struct level levels[BELAY_JSON_DEPTH_MAX];
    size_t depth = 0;
    do {
        bool object = v->type == BELAY_JSON_OBJECT;
        if (v->type < BELAY_JSON_ARRAY) {
            put_scalar(out, v++);
        } else if (v->n == 0) {
            belay_buf_put(out, object ? "{}" : "[]", 2);
            v++;
        } else if (depth == BELAY_JSON_DEPTH_MAX) {
            out->status = out->status == BELAY_OK ? BELAY_LIMIT : out->status;
            return;
        } else {
            levels[depth++] = (struct level){ belay_json_next(v), object };
            belay_buf_put_c(out, object ? '{' : '[');
            put_line(out, pretty, depth);
            v++;
            if (object)
                put_name(out, v++, pretty);
            continue;
        }
        depth = put_closing(out, v, levels, depth, pretty);
        if (depth) {
            belay_buf_put_c(out, ',');
            put_line(out, pretty, depth);
            if (levels[depth - 1].object)
                put_name(out, v++, pretty);
        }
    } while (depth);
}

void belay_json_write(struct belay_buf *out, const belay_json *v)
{
    write_tape(out, v, false);
}

void belay_json_write_pretty(struct belay_buf *out, const belay_json *v)
{
    write_tape(out, v, true);
}
