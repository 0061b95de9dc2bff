#include <math.h>

#include "base/hash.h"
#include "expr/value.h"

/* The walk so far: how deep, and what it may still cost. */
struct walk {
    uint64_t *steps;
    unsigned depth;
};

static bool equal(struct walk *w, struct belay_value a, struct belay_value b);

static bool charge(struct walk *w, uint64_t steps)
{
    bool ok = *w->steps > steps;
    *w->steps = ok ? *w->steps - steps : 0;
    return ok;
}

int value_compare_numbers(struct belay_value a, struct belay_value b)
{
    if (a.type == BELAY_VALUE_INT && b.type == BELAY_VALUE_INT)
        return (a.u.i > b.u.i) - (a.u.i < b.u.i);
    double x = value_double(a), y = value_double(b);
    return (x > y) - (x < y);
}

static bool equal_numbers(struct belay_value a, struct belay_value b)
{
    if (a.type == BELAY_VALUE_BIG && b.type == BELAY_VALUE_BIG
        && belay_str_eq(value_str(a), value_str(b)))
        return true;
    return value_compare_numbers(a, b) == 0;
}

static bool equal_arrays(struct walk *w, struct belay_value a, struct belay_value b)
{
    struct value_iter x = value_iter(a), y = value_iter(b);
    struct belay_value v, u;
    if (x.n != y.n)
        return false;
    while (value_iter_next(&x, &v) && value_iter_next(&y, &u))
        if (!equal(w, v, u))
            return false;
    return true;
}

static bool equal_objects(struct walk *w, struct belay_value a, struct belay_value b)
{
    if (a.type == BELAY_VALUE_TAPE && b.type == BELAY_VALUE_TAPE)
        return charge(w, a.u.tape->u.skip / 4) && belay_json_equal(a.u.tape, b.u.tape);
    if (value_member_count(a) != value_member_count(b))
        return false;
    bool swap = b.type == BELAY_VALUE_TAPE; /* look up where there is an index */
    struct value_members m = value_members(swap ? b : a);
    struct belay_value name, v;
    while (value_members_next(&m, &name, &v)) {
        struct belay_value u = value_get(swap ? a : b, value_str(name));
        if (!value_defined(u) || !equal(w, v, u))
            return false;
    }
    return true;
}

static bool equal_scalars(struct walk *w, struct belay_value a, struct belay_value b)
{
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case BELAY_VALUE_BOOL: return a.u.b == b.u.b;
    case BELAY_VALUE_STRING:
        return a.n == b.n && charge(w, a.n / 256) && belay_str_eq(value_str(a), value_str(b));
    case BELAY_VALUE_FUNCTION: return a.u.function == b.u.function;
    default: return a.type == BELAY_VALUE_NULL || a.type == BELAY_VALUE_UNDEFINED;
    }
}

static bool equal(struct walk *w, struct belay_value a, struct belay_value b)
{
    bool result;
    if (w->depth > VALUE_DEPTH_MAX || !charge(w, 1))
        return false;
    w->depth++;
    if (value_is_number(a) && value_is_number(b))
        result = equal_numbers(a, b);
    else if (value_is_array(a) && value_is_array(b))
        result = equal_arrays(w, a, b);
    else if (value_is_object(a) && value_is_object(b))
        result = equal_objects(w, a, b);
    else
        result = equal_scalars(w, a, b);
    w->depth--;
    return result;
}

bool value_equal(struct belay_value a, struct belay_value b, uint64_t *steps)
{
    struct walk w = { steps, 0 };
    return equal(&w, a, b);
}

int value_compare_str(struct belay_str a, struct belay_str b)
{
    size_t n = a.n < b.n ? a.n : b.n, i = 0;
    while (i < n && a.p[i] == b.p[i])
        i++;
    if (i == n)
        return (a.n > b.n) - (a.n < b.n);
    uint8_t x = (uint8_t)a.p[i], y = (uint8_t)b.p[i];
    /* Beyond the BMP UTF-16 has surrogates, which sort before U+E000 to U+FFFF. */
    if (x >= 0xf0 && (y == 0xee || y == 0xef))
        return -1;
    if (y >= 0xf0 && (x == 0xee || x == 0xef))
        return 1;
    return x < y ? -1 : 1;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    a = (a ^ b) * 0x9e3779b97f4a7c15u;
    return a ^ a >> 29;
}

static uint64_t hash(struct walk *w, struct belay_value v);

static uint64_t hash_number(struct belay_value v)
{
    double d = value_double(v) + 0.0; /* -0 is 0 */
    uint64_t h;
    memcpy(&h, &d, sizeof h);
    return mix(h, 1);
}

static uint64_t hash_container(struct walk *w, struct belay_value v)
{
    struct value_iter it = value_iter(v);
    struct value_members m = value_members(v);
    struct belay_value name, item;
    uint64_t h = 7;
    if (value_is_array(v)) {
        while (value_iter_next(&it, &item))
            h = mix(h, hash(w, item));
        return mix(h, 2);
    }
    while (value_members_next(&m, &name, &item)) /* a sum: in any order */
        h += mix(belay_hash64(value_str(name)), hash(w, item));
    return mix(h, 3);
}

static uint64_t hash(struct walk *w, struct belay_value v)
{
    uint64_t h = 7;
    if (w->depth > 32 || !charge(w, 1)) /* deep enough to tell values apart */
        return h;
    if (value_is_number(v))
        return hash_number(v);
    if (v.type == BELAY_VALUE_STRING)
        return charge(w, v.n / 256) ? belay_hash64(value_str(v)) : h;
    if (!value_is_array(v) && !value_is_object(v))
        return mix(v.type, v.type == BELAY_VALUE_BOOL && v.u.b);
    w->depth++;
    h = hash_container(w, v);
    w->depth--;
    return h;
}

uint64_t value_hash(struct belay_value v, uint64_t *steps)
{
    struct walk w = { steps, 0 };
    return hash(&w, v);
}
