#include <math.h>

#include "base/hash.h"
#include "expr/value.h"

static bool equal(struct belay_value a, struct belay_value b, unsigned depth);

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

static bool equal_arrays(struct belay_value a, struct belay_value b, unsigned depth)
{
    struct value_iter x = value_iter(a), y = value_iter(b);
    struct belay_value v, w;
    if (x.n != y.n)
        return false;
    while (value_iter_next(&x, &v) && value_iter_next(&y, &w))
        if (!equal(v, w, depth + 1))
            return false;
    return true;
}

static bool equal_objects(struct belay_value a, struct belay_value b, unsigned depth)
{
    struct value_members m = value_members(a);
    struct belay_value name, v;
    if (a.type == BELAY_VALUE_TAPE && b.type == BELAY_VALUE_TAPE)
        return belay_json_equal(a.u.tape, b.u.tape);
    if (value_member_count(a) != value_member_count(b))
        return false;
    while (value_members_next(&m, &name, &v)) {
        struct belay_value w = value_get(b, value_str(name));
        if (!value_defined(w) || !equal(v, w, depth + 1))
            return false;
    }
    return true;
}

static bool equal(struct belay_value a, struct belay_value b, unsigned depth)
{
    if (depth > VALUE_DEPTH_MAX)
        return false;
    if (value_is_number(a) && value_is_number(b))
        return equal_numbers(a, b);
    if (value_is_array(a) && value_is_array(b))
        return equal_arrays(a, b, depth);
    if (value_is_object(a) && value_is_object(b))
        return equal_objects(a, b, depth);
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case BELAY_VALUE_BOOL: return a.u.b == b.u.b;
    case BELAY_VALUE_STRING: return belay_str_eq(value_str(a), value_str(b));
    case BELAY_VALUE_FUNCTION: return a.u.function == b.u.function;
    default: return a.type == BELAY_VALUE_NULL || a.type == BELAY_VALUE_UNDEFINED;
    }
}

bool value_equal(struct belay_value a, struct belay_value b)
{
    return equal(a, b, 0);
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

static uint64_t hash(struct belay_value v, unsigned depth)
{
    struct belay_value name, item;
    uint64_t h = 7;
    if (depth > 32) /* deep enough to tell values apart */
        return h;
    if (value_is_number(v)) {
        double d = value_double(v) + 0.0; /* -0 is 0 */
        memcpy(&h, &d, sizeof h);
        return mix(h, 1);
    }
    if (value_is_array(v)) {
        struct value_iter it = value_iter(v);
        while (value_iter_next(&it, &item))
            h = mix(h, hash(item, depth + 1));
        return mix(h, 2);
    }
    if (value_is_object(v)) {
        struct value_members m = value_members(v);
        while (value_members_next(&m, &name, &item))
            h += mix(belay_hash64(value_str(name)), hash(item, depth + 1));
        return mix(h, 3);
    }
    if (v.type == BELAY_VALUE_STRING)
        return belay_hash64(value_str(v));
    return mix(v.type, v.type == BELAY_VALUE_BOOL && v.u.b);
}

uint64_t value_hash(struct belay_value v)
{
    return hash(v, 0);
}
