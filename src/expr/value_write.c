#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "expr/value.h"

static void write_at(struct belay_buf *out, struct belay_value v, unsigned format, unsigned depth);

size_t value_number_text(double d, char to[VALUE_NUMBER_TEXT_MAX])
{
    struct belay_buf b
        = { .p = to, .cap = VALUE_NUMBER_TEXT_MAX, .size_bytes_max = VALUE_NUMBER_TEXT_MAX };
    if (d != floor(d) || fabs(d) >= 1e15) { /* what rounding to 15 digits can change */
        char rounded[VALUE_NUMBER_TEXT_MAX];
        snprintf(rounded, sizeof rounded, "%.15g", d);
        d = strtod(rounded, NULL);
    }
    belay_json_write_double(&b, d);
    return b.n;
}

struct belay_str value_scalar_text(struct belay_value v, char room[VALUE_NUMBER_TEXT_MAX])
{
    if (v.type == BELAY_VALUE_NUMBER)
        return belay_str(room, value_number_text(v.u.d, room));
    if (v.type == BELAY_VALUE_BIG || v.type == BELAY_VALUE_STRING)
        return value_str(v);
    if (v.type == BELAY_VALUE_BOOL)
        return v.u.b ? BELAY_STR("true") : BELAY_STR("false");
    if (v.type == BELAY_VALUE_NULL)
        return BELAY_STR("null");
    struct belay_buf b
        = { .p = room, .cap = VALUE_NUMBER_TEXT_MAX, .size_bytes_max = VALUE_NUMBER_TEXT_MAX };
    belay_json_write_int(&b, v.u.i);
    return belay_buf_view(&b);
}

static void write_string(struct belay_buf *out, struct belay_value v)
{
    char *to = v.flags & VALUE_PLAIN ? belay_buf_reserve(out, (size_t)v.n + 2) : NULL;
    if (!to) {
        belay_json_write_str(out, value_str(v));
        return;
    }
    to[0] = '"';
    memcpy(to + 1, v.u.s, v.n);
    to[v.n + 1] = '"';
    out->n += (size_t)v.n + 2;
}

static void write_number(struct belay_buf *out, double d, unsigned format)
{
    if (fabs(d) < 1e15 && d == (double)(int64_t)d) {
        belay_json_write_int(out, (int64_t)d);
    } else if (format & VALUE_FORMAT_STRING && isfinite(d)) {
        char text[VALUE_NUMBER_TEXT_MAX];
        belay_buf_put(out, text, value_number_text(d, text));
    } else {
        belay_json_write_double(out, d);
    }
}

static void new_line(struct belay_buf *out, unsigned format, unsigned depth)
{
    if (format & VALUE_FORMAT_PRETTY) {
        belay_buf_put_c(out, '\n');
        for (unsigned i = 0; i < depth; i++)
            belay_buf_put(out, "  ", 2);
    }
}

static void write_array(struct belay_buf *out, struct belay_value v, unsigned format,
                        unsigned depth)
{
    struct value_iter it = value_iter(v);
    struct belay_value item;
    belay_buf_put_c(out, '[');
    while (value_iter_next(&it, &item)) {
        if (it.at > 1)
            belay_buf_put_c(out, ',');
        new_line(out, format, depth + 1);
        write_at(out, item, format, depth + 1);
    }
    if (it.n)
        new_line(out, format, depth);
    belay_buf_put_c(out, ']');
}

static void write_object(struct belay_buf *out, struct belay_value v, unsigned format,
                         unsigned depth)
{
    struct value_members m = value_members(v);
    struct belay_value name, value;
    bool any = false;
    belay_buf_put_c(out, '{');
    while (value_members_next(&m, &name, &value)) {
        if (any)
            belay_buf_put_c(out, ',');
        any = true;
        new_line(out, format, depth + 1);
        write_string(out, name);
        belay_buf_put(out, ": ", format & VALUE_FORMAT_PRETTY ? 2 : 1);
        write_at(out, value, format, depth + 1);
    }
    if (any)
        new_line(out, format, depth);
    belay_buf_put_c(out, '}');
}

static void write_at(struct belay_buf *out, struct belay_value v, unsigned format, unsigned depth)
{
    if (depth > VALUE_DEPTH_MAX && out->status == BELAY_OK)
        out->status = BELAY_LIMIT;
    if (out->status != BELAY_OK)
        return;
    switch (v.type) {
    case BELAY_VALUE_NULL: belay_buf_put(out, "null", 4); return;
    case BELAY_VALUE_BOOL: belay_buf_put(out, v.u.b ? "true" : "false", v.u.b ? 4 : 5); return;
    case BELAY_VALUE_NUMBER: write_number(out, v.u.d, format); return;
    case BELAY_VALUE_INT: belay_json_write_int(out, v.u.i); return;
    case BELAY_VALUE_BIG: belay_buf_put(out, v.u.s, v.n); return;
    case BELAY_VALUE_STRING: write_string(out, v); return;
    case BELAY_VALUE_FUNCTION: belay_buf_put(out, "\"\"", 2); return;
    case BELAY_VALUE_TAPE:
        if (format == VALUE_FORMAT_JSON) {
            belay_json_write(out, v.u.tape);
            return;
        }
        break;
    default: break;
    }
    if (value_is_array(v))
        write_array(out, v, format, depth);
    else if (value_is_object(v))
        write_object(out, v, format, depth);
    else
        belay_buf_put(out, "null", 4); /* undefined in an array: as JSON.stringify */
}

void value_write(struct belay_buf *out, struct belay_value v, unsigned format)
{
    write_at(out, v, format, 0);
}

bool belay_value_write(struct belay_buf *out, struct belay_value v)
{
    if (!value_defined(v))
        return false;
    write_at(out, v, VALUE_FORMAT_JSON, 0);
    return true;
}

bool belay_value_text(struct belay_value v, struct belay_arena *arena, struct belay_str *ret_text)
{
    char room[VALUE_NUMBER_TEXT_MAX];
    if (v.type == BELAY_VALUE_STRING) {
        *ret_text = value_str(v);
        return true;
    }
    if (v.type != BELAY_VALUE_BOOL && !value_is_number(v))
        return false;
    struct belay_str text = belay_arena_str(arena, value_scalar_text(v, room));
    if (!text.p)
        return false;
    *ret_text = text;
    return true;
}
