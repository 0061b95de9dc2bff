#include <math.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/map.h"
#include "json/json.h"
#include "json/number.h"

/* ---- numbers ---- */

/* A number's text in normal form: sign * 0.d1d2d3... * 10^top, d1 not 0; p == end for zero.
 * There may be a '.' between p and end. */
struct decimal {
    bool negative;
    const char *p, *end;
    int64_t top;
};

static int64_t exponent_of(const char *p, const char *end)
{
    int64_t e = 0;
    bool negative = p < end && *p == '-';
    for (p += p < end && (*p == '-' || *p == '+'); p < end; p++)
        if (e < 1000000000)
            e = e * 10 + (*p - '0');
    return negative ? -e : e;
}

static struct decimal decimal_of(struct belay_str text)
{
    struct decimal d = { text.p[0] == '-', text.p + (text.p[0] == '-'), text.p + text.n, 0 };
    const char *point = NULL, *q = d.p;
    while (q < d.end && *q != 'e' && *q != 'E') {
        if (*q == '.')
            point = q;
        q++;
    }
    d.top = exponent_of(q + (q < d.end), d.end);
    d.end = q;
    if (!point)
        point = d.end;
    while (d.p < d.end && (*d.p == '0' || *d.p == '.'))
        d.p++;
    d.top += d.p < point ? point - d.p : point + 1 - d.p;
    return d;
}

static char next_digit(struct decimal *d)
{
    if (d->p < d->end && *d->p == '.')
        d->p++;
    return d->p < d->end ? *d->p++ : '0';
}

static int compare_decimals(struct decimal a, struct decimal b)
{
    bool a_zero = a.p == a.end, b_zero = b.p == b.end;
    if (a_zero || b_zero)
        return a_zero && b_zero ? 0 : a_zero ? (b.negative ? 1 : -1) : (a.negative ? -1 : 1);
    if (a.negative != b.negative)
        return a.negative ? -1 : 1;
    int order = (a.top > b.top) - (a.top < b.top);
    while (order == 0 && (a.p < a.end || b.p < b.end))
        order = next_digit(&a) - next_digit(&b);
    return a.negative ? -order : order;
}

static struct belay_str text_of(const belay_json *v, char to[NUMBER_TEXT_MAX])
{
    if (v->type == BELAY_JSON_BIG)
        return belay_json_str(v);
    if (v->type == BELAY_JSON_DOUBLE)
        return belay_str(to, number_text(v->u.d, to));
    bool negative = v->u.i < 0;
    to[0] = '-';
    size_t n = number_uint_text(negative ? 0 - (uint64_t)v->u.i : (uint64_t)v->u.i, to + negative);
    return belay_str(to, n + negative);
}

/* A double counts as the decimal it is written as. Below 2^53 that lies between the same integers as
 * its binary value; above, it may not: 9223372036854775807.0 is written 9223372036854776000. */
static int compare_int_double(const belay_json *i, const belay_json *d)
{
    char i_text[NUMBER_TEXT_MAX], d_text[NUMBER_TEXT_MAX];
    if (fabs(d->u.d) >= 0x1p53)
        return compare_decimals(decimal_of(text_of(i, i_text)), decimal_of(text_of(d, d_text)));
    int64_t whole = (int64_t)d->u.d;
    if (i->u.i != whole)
        return i->u.i < whole ? -1 : 1;
    double rest = d->u.d - (double)whole;
    return (rest < 0) - (rest > 0);
}

int belay_json_compare_numbers(const belay_json *a, const belay_json *b)
{
    char a_text[NUMBER_TEXT_MAX], b_text[NUMBER_TEXT_MAX];
    BELAY_ASSERT(belay_json_is_number(a) && belay_json_is_number(b));
    if (a->type == BELAY_JSON_INT && b->type == BELAY_JSON_INT)
        return (a->u.i > b->u.i) - (a->u.i < b->u.i);
    if (a->type == BELAY_JSON_BIG || b->type == BELAY_JSON_BIG)
        return compare_decimals(decimal_of(text_of(a, a_text)), decimal_of(text_of(b, b_text)));
    if (a->type == BELAY_JSON_INT)
        return compare_int_double(a, b);
    if (b->type == BELAY_JSON_INT)
        return -compare_int_double(b, a);
    return (a->u.d > b->u.d) - (a->u.d < b->u.d);
}

/* ---- objects by name ---- */

/* Objects with more members are looked up through a map, so that hostile input costs no square. */
#define PLAIN_MEMBERS_MAX 32

/* Invariant: by_name is filled (the last of several members of a name counts), or the object is
 * small or memory was short, and then look-ups walk. */
struct names {
    const belay_json *object;
    struct belay_map by_name;
    bool mapped;
};

static void names_init(struct names *names, const belay_json *object)
{
    names->object = object;
    names->mapped = object->n > PLAIN_MEMBERS_MAX;
    belay_map_init(&names->by_name);
    const belay_json *key = belay_json_first(object);
    for (uint32_t i = 0; i < object->n && names->mapped; i++, key = belay_json_next(key + 1))
        if (belay_map_put(&names->by_name, belay_json_str(key), (void *)(uintptr_t)(key + 1), NULL))
            names->mapped = false;
}

static void names_deinit(struct names *names)
{
    belay_map_deinit(&names->by_name);
}

static const belay_json *names_get(const struct names *names, struct belay_str name)
{
    return names->mapped ? belay_map_get(&names->by_name, name)
                         : belay_json_get(names->object, name);
}

/* How many members count; *ret_all whether each is in `other` with an equal value (other may be
 * NULL: not asked). */
static uint32_t names_compare(const struct names *names, const struct names *other, bool *ret_all)
{
    uint32_t count = 0;
    const belay_json *key = belay_json_first(names->object);
    for (uint32_t i = 0; i < names->object->n; i++, key = belay_json_next(key + 1)) {
        if (names_get(names, belay_json_str(key)) != key + 1)
            continue; /* another member of this name comes later */
        count++;
        const belay_json *there = other ? names_get(other, belay_json_str(key)) : NULL;
        if (other && (!there || !belay_json_equal(key + 1, there))) {
            *ret_all = false;
            break;
        }
    }
    return count;
}

static bool objects_equal(const belay_json *a, const belay_json *b)
{
    struct names a_names, b_names;
    bool all = true;
    if ((a->n == 0) != (b->n == 0))
        return false;
    names_init(&a_names, a);
    names_init(&b_names, b);
    uint32_t count = names_compare(&a_names, &b_names, &all);
    all = all && count == names_compare(&b_names, NULL, NULL);
    names_deinit(&a_names);
    names_deinit(&b_names);
    return all;
}

static bool arrays_equal(const belay_json *a, const belay_json *b)
{
    uint32_t n = a->n;
    bool equal = n == b->n;
    a = belay_json_first(a);
    b = belay_json_first(b);
    for (; n && equal; n--, a = belay_json_next(a), b = belay_json_next(b))
        equal = belay_json_equal(a, b);
    return equal;
}

bool belay_json_equal(const belay_json *a, const belay_json *b)
{
    if (belay_json_is_number(a) && belay_json_is_number(b))
        return belay_json_compare_numbers(a, b) == 0;
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case BELAY_JSON_STRING: return belay_str_eq(belay_json_str(a), belay_json_str(b));
    case BELAY_JSON_ARRAY: return arrays_equal(a, b);
    case BELAY_JSON_OBJECT: return objects_equal(a, b);
    default: return true;
    }
}

/* ---- a hash that agrees with equality ---- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 x = (unsigned __int128)(a ^ 0x9e3779b97f4a7c15u) * (b ^ 0xbf58476d1ce4e5b9u);
    return (uint64_t)(x >> 64) ^ (uint64_t)x;
}

/* Numbers that are equal have the same nearest double. */
static uint64_t hash_number(const belay_json *v)
{
    double d = belay_json_number(v);
    uint64_t bits;
    if (d == 0)
        d = 0; /* -0 */
    memcpy(&bits, &d, sizeof bits);
    return mix(bits, BELAY_JSON_INT);
}

static uint64_t hash_object(const belay_json *v)
{
    struct names names;
    uint64_t sum = BELAY_JSON_OBJECT;
    names_init(&names, v);
    const belay_json *key = belay_json_first(v);
    for (uint32_t i = 0; i < v->n; i++, key = belay_json_next(key + 1))
        if (names_get(&names, belay_json_str(key)) == key + 1)
            sum += mix(belay_hash64(belay_json_str(key)), belay_json_hash(key + 1));
    names_deinit(&names);
    return sum;
}

uint64_t belay_json_hash(const belay_json *v)
{
    if (belay_json_is_number(v))
        return hash_number(v);
    if (v->type == BELAY_JSON_STRING)
        return belay_hash64(belay_json_str(v));
    if (v->type == BELAY_JSON_OBJECT)
        return hash_object(v);
    uint64_t hash = v->type;
    if (v->type == BELAY_JSON_ARRAY) {
        const belay_json *element = belay_json_first(v);
        for (uint32_t i = 0; i < v->n; i++, element = belay_json_next(element))
            hash = mix(hash + 1, belay_json_hash(element));
    }
    return hash;
}
