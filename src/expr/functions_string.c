#include <math.h>

#include "expr/functions.h"
#include "expr/unicode.h"
#include "json/utf8.h"

static struct belay_value view(struct belay_str s, size_t from, size_t to)
{
    return belay_value_str(belay_str(s.p + from, to - from));
}

struct belay_value f_string(struct run *run, struct call *call)
{
    struct belay_value v = call->args[0];
    return value_defined(v) ? value_to_string(run, v, truthy(run, call->args[1])) : v;
}

struct belay_value f_length(struct run *run, struct call *call)
{
    (void)run;
    if (!value_defined(call->args[0]))
        return UNDEFINED;
    if (!run_charge(run, call->args[0].n / 256))
        return FAILED;
    return belay_value_number((double)char_count(value_str(call->args[0])));
}

/* An index as JavaScript clamps it to [0, n]. */
static size_t clamp(double d, size_t n)
{
    d = trunc(d);
    return !(d > 0) ? 0 : d > (double)n ? n : (size_t)d;
}

struct belay_value f_substring(struct run *run, struct call *call)
{
    struct belay_value v = call->args[0];
    if (!value_defined(v))
        return v;
    struct belay_str s = value_str(v);
    size_t n = char_count(s);
    double start = value_defined(call->args[1]) ? value_double(call->args[1]) : 0;
    if ((double)n + start < 0)
        start = 0;
    if (start < 0)
        start = start + (double)n;
    size_t from = clamp(start, n), to = n;
    if (value_defined(call->args[2])) {
        double length = value_double(call->args[2]);
        if (!(length > 0) || !value_defined(call->args[1]))
            return view(s, 0, 0);
        to = clamp(start + length, n);
    }
    if (!run_charge(run, n / 64) || to < from)
        return run->status ? FAILED : view(s, 0, 0);
    return view(s, char_offset(s, from), char_offset(s, to));
}

struct belay_value f_substringBefore(struct run *run, struct call *call)
{
    struct belay_value v = call->args[0];
    struct belay_str s = value_str(v), what = value_str(call->args[1]);
    if (!value_defined(v) || !value_defined(call->args[1]))
        return v;
    if (!run_charge(run, s.n / 4096))
        return FAILED;
    const char *at = memmem(s.p, s.n, what.p, what.n);
    return at ? view(s, 0, (size_t)(at - s.p)) : v;
}

struct belay_value f_substringAfter(struct run *run, struct call *call)
{
    struct belay_value v = call->args[0];
    struct belay_str s = value_str(v), what = value_str(call->args[1]);
    if (!value_defined(v) || !value_defined(call->args[1]))
        return v;
    if (!run_charge(run, s.n / 4096))
        return FAILED;
    const char *at = memmem(s.p, s.n, what.p, what.n);
    return at ? view(s, (size_t)(at - s.p) + what.n, s.n) : v;
}

static struct belay_value map_case(struct run *run, struct belay_value v, bool upper)
{
    struct text t = { .run = run };
    if (!value_defined(v))
        return v;
    const char *p = v.u.s, *end = p + v.n;
    while (p < end) {
        char room[UNICODE_CASE_BYTES_MAX];
        size_t n = char_len(p, end);
        text_put(&t, room, unicode_case(p, n, upper, room));
        p += n;
    }
    return text_value(&t);
}

struct belay_value f_lowercase(struct run *run, struct call *call)
{
    return map_case(run, call->args[0], false);
}

struct belay_value f_uppercase(struct run *run, struct call *call)
{
    return map_case(run, call->args[0], true);
}

/* Runs of space, tab and newline become one space, those at the ends vanish. */
struct belay_value f_trim(struct run *run, struct call *call)
{
    struct text t = { .run = run };
    struct belay_str s = value_str(call->args[0]);
    bool gap = false;
    if (!value_defined(call->args[0]))
        return UNDEFINED;
    if (!run_charge(run, s.n / 64))
        return FAILED;
    for (size_t i = 0; i < s.n; i++) {
        if (memchr(" \t\n\r", s.p[i], 4)) {
            gap = t.n > 0;
            continue;
        }
        if (gap)
            text_put(&t, " ", 1);
        gap = false;
        text_put(&t, s.p + i, 1);
    }
    return text_value(&t);
}

static void put_padding(struct text *t, struct belay_str with, size_t count)
{
    size_t chars = char_count(with);
    for (; count >= chars && !t->failed; count -= chars)
        text_put_str(t, with);
    text_put(t, with.p, char_offset(with, count));
}

struct belay_value f_pad(struct run *run, struct call *call)
{
    struct belay_value v = call->args[0];
    struct text t = { .run = run };
    struct belay_str with = BELAY_STR(" ");
    if (!value_defined(v))
        return v;
    if (call->args[2].type == BELAY_VALUE_STRING && call->args[2].n > 0)
        with = value_str(call->args[2]);
    double width = value_defined(call->args[1]) ? trunc(value_double(call->args[1])) : 0;
    double missing = fabs(width) - (double)char_count(value_str(v));
    if (!(missing > 0))
        return v;
    if (missing > (double)run->arena->size_bytes_max)
        return run_nomem(run);
    if (width > 0)
        text_put_str(&t, value_str(v));
    put_padding(&t, with, (size_t)missing);
    if (width < 0)
        text_put_str(&t, value_str(v));
    return text_value(&t);
}

struct belay_value f_join(struct run *run, struct call *call)
{
    struct value_iter it = value_iter(call->args[0]);
    struct text t = { .run = run };
    struct belay_value item;
    if (!value_defined(call->args[0]))
        return UNDEFINED;
    while (value_iter_next(&it, &item)) {
        if (it.at > 1 && call->args[1].type == BELAY_VALUE_STRING)
            text_put_str(&t, value_str(call->args[1]));
        text_put_str(&t, value_str(item));
    }
    return text_value(&t);
}
