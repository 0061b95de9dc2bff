#include "base/assert.h"
#include "json/json.h"

static inline void before_value(struct belay_json_out *o)
{
    if (o->comma)
        belay_buf_put_c(o->buf, ',');
    o->comma = true;
}

static void begin(struct belay_json_out *o, char bracket)
{
    before_value(o);
    belay_buf_put_c(o->buf, bracket);
    o->comma = false;
}

static void end(struct belay_json_out *o, char bracket)
{
    belay_buf_put_c(o->buf, bracket);
    o->comma = true;
}

void belay_json_begin_object(struct belay_json_out *o)
{
    begin(o, '{');
}

void belay_json_end_object(struct belay_json_out *o)
{
    end(o, '}');
}

void belay_json_begin_array(struct belay_json_out *o)
{
    begin(o, '[');
}

void belay_json_end_array(struct belay_json_out *o)
{
    end(o, ']');
}

void belay_json_key_str(struct belay_json_out *o, struct belay_str name)
{
    before_value(o);
    belay_json_write_str(o->buf, name);
    belay_buf_put_c(o->buf, ':');
    o->comma = false;
}

void belay_json_key(struct belay_json_out *o, const char *name)
{
    BELAY_ASSERT(name);
    belay_json_key_str(o, belay_str_c(name));
}

void belay_json_put_str(struct belay_json_out *o, struct belay_str s)
{
    before_value(o);
    belay_json_write_str(o->buf, s);
}

void belay_json_put_c(struct belay_json_out *o, const char *s)
{
    if (s)
        belay_json_put_str(o, belay_str_c(s));
    else
        belay_json_put_null(o);
}

void belay_json_put_int(struct belay_json_out *o, int64_t i)
{
    before_value(o);
    belay_json_write_int(o->buf, i);
}

void belay_json_put_uint(struct belay_json_out *o, uint64_t u)
{
    before_value(o);
    belay_json_write_uint(o->buf, u);
}

void belay_json_put_double(struct belay_json_out *o, double d)
{
    before_value(o);
    belay_json_write_double(o->buf, d);
}

void belay_json_put_bool(struct belay_json_out *o, bool b)
{
    before_value(o);
    belay_buf_put(o->buf, b ? "true" : "false", b ? 4 : 5);
}

void belay_json_put_null(struct belay_json_out *o)
{
    before_value(o);
    belay_buf_put(o->buf, "null", 4);
}

void belay_json_put(struct belay_json_out *o, const belay_json *v)
{
    before_value(o);
    belay_json_write(o->buf, v);
}

void belay_json_put_raw(struct belay_json_out *o, struct belay_str text)
{
    BELAY_ASSERT(text.n > 0);
    before_value(o);
    belay_buf_put_str(o->buf, text);
}
