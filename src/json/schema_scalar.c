/* Numbers and strings.  Numbers are compared and divided as the decimals they were written as. */
#include <math.h>

#include "json/number.h"
#include "json/schema_eval.h"

/* ---- decimals ---- */

/* The place (power of ten) of the last digit of a number's text that is no zero; *ret_end is behind that
 * digit, 0 for zero. */
static int64_t last_place(struct belay_str text, size_t *ret_end)
{
    int64_t fraction = 0, zeros = 0, exponent = 0;
    bool point = false;
    size_t i = 0, end = 0;
    for (; i < text.n && (text.p[i] | 0x20) != 'e'; i++) {
        if (text.p[i] == '.') {
            point = true;
        } else if (text.p[i] != '-') {
            fraction += point;
            zeros = text.p[i] == '0' ? zeros + 1 : 0;
            end = zeros ? end : i + 1;
        }
    }
    if (i < text.n) {
        bool negative = text.p[i + 1] == '-';
        for (i += negative || text.p[i + 1] == '+' ? 2 : 1; i < text.n; i++)
            exponent = exponent < 100000000 ? exponent * 10 + (text.p[i] - '0') : exponent;
        exponent = negative ? -exponent : exponent;
    }
    *ret_end = end;
    return zeros - fraction + exponent;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool decimal_of_text(struct belay_str text, uint64_t *ret_digits, int *ret_exponent)
{
    uint64_t digits = 0;
    size_t end;
    int64_t place = last_place(text, &end);
    for (size_t i = 0; i < end; i++)
        if (is_digit(text.p[i])
            && (__builtin_mul_overflow(digits, 10u, &digits)
                || __builtin_add_overflow(digits, (uint64_t)(text.p[i] - '0'), &digits)))
            return false;
    *ret_digits = digits;
    *ret_exponent = digits ? (int)place : 0;
    return true;
}

bool schema_decimal(const belay_json *v, uint64_t *ret_digits, int *ret_exponent)
{
    if (v->type == BELAY_JSON_BIG)
        return decimal_of_text(belay_json_str(v), ret_digits, ret_exponent);
    struct number_decimal d = { 0, 0 };
    if (v->type == BELAY_JSON_DOUBLE) {
        d = number_shortest(fabs(v->u.d));
    } else {
        d.digits = v->u.i < 0 ? 0 - (uint64_t)v->u.i : (uint64_t)v->u.i;
        for (; d.digits && d.digits % 10 == 0; d.exponent++)
            d.digits /= 10;
    }
    *ret_digits = d.digits;
    *ret_exponent = d.exponent;
    return true;
}

bool schema_is_integer(const belay_json *v)
{
    size_t end;
    if (v->type == BELAY_JSON_INT)
        return true;
    if (v->type == BELAY_JSON_DOUBLE)
        return v->u.d == floor(v->u.d);
    return last_place(belay_json_str(v), &end) >= 0 || end == 0;
}

static uint64_t times(uint64_t a, uint64_t b, uint64_t m)
{
    return (uint64_t)((unsigned __int128)a * b % m);
}

static uint64_t ten_to(uint64_t e, uint64_t m)
{
    uint64_t result = 1 % m, base = 10 % m;
    for (; e; e >>= 1, base = times(base, base, m))
        if (e & 1)
            result = times(result, base, m);
    return result;
}

/* v = a * 10^x and the divisor b * 10^y, a without a zero at its end: b divides a * 10^(x-y), or x < y
 * and then nothing does. */
bool schema_is_multiple(const belay_json *v, uint64_t digits, int exponent)
{
    uint64_t rest = 0;
    int64_t place;
    if (v->type == BELAY_JSON_INT && exponent == 0)
        return v->u.i == 0 || (v->u.i < 0 ? 0 - (uint64_t)v->u.i : (uint64_t)v->u.i) % digits == 0;
    if (v->type == BELAY_JSON_BIG) {
        struct belay_str text = belay_json_str(v);
        size_t end;
        place = last_place(text, &end);
        for (size_t i = 0; i < end; i++)
            if (is_digit(text.p[i]))
                rest = (times(rest, 10, digits) + (uint64_t)(text.p[i] - '0')) % digits;
        if (end == 0)
            return true; /* zero */
    } else {
        int e;
        (void)!schema_decimal(v, &rest, &e);
        if (rest == 0)
            return true;
        rest %= digits;
        place = e;
    }
    return place >= exponent && times(rest, ten_to((uint64_t)(place - exponent), digits), digits) == 0;
}

/* ---- numbers ---- */

static bool bound(struct schema_run *r, const struct belay_schema_node *n, const char *keyword,
                  const belay_json *v, const belay_json *limit, const struct schema_place *at,
                  const char *sentence)
{
    return schema_fault(r, n, keyword, at, "%.*s is %s %.*s", BELAY_STR_ARG(schema_text(r, v)), sentence,
                        BELAY_STR_ARG(schema_text(r, limit)));
}

bool schema_eval_number(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                        const struct schema_place *at)
{
    static const struct schema_number nothing;
    const struct schema_number *p = n->number ? n->number : &nothing;
    bool ok = true;
    if (p->minimum && belay_json_compare_numbers(v, p->minimum) < 0) {
        ok = false;
        (void)bound(r, n, "minimum", v, p->minimum, at, "less than the minimum");
    }
    if ((ok || r->faults) && p->maximum && belay_json_compare_numbers(v, p->maximum) > 0) {
        ok = false;
        (void)bound(r, n, "maximum", v, p->maximum, at, "greater than the maximum");
    }
    if ((ok || r->faults) && p->above && belay_json_compare_numbers(v, p->above) <= 0) {
        ok = false;
        (void)bound(r, n, "exclusiveMinimum", v, p->above, at, "not greater than");
    }
    if ((ok || r->faults) && p->below && belay_json_compare_numbers(v, p->below) >= 0) {
        ok = false;
        (void)bound(r, n, "exclusiveMaximum", v, p->below, at, "not less than");
    }
    if ((ok || r->faults) && p->multiple
        && !schema_is_multiple(v, p->multiple_digits, p->multiple_exponent)) {
        ok = false;
        (void)bound(r, n, "multipleOf", v, p->multiple, at, "not a multiple of");
    }
    if ((ok || r->faults) && n->format && !format_number(n->format, v)) {
        ok = false;
        (void)schema_fault(r, n, "format", at, "%.*s does not fit %s", BELAY_STR_ARG(schema_text(r, v)),
                           format_name(n->format));
    }
    return ok;
}

/* ---- strings ---- */

static uint32_t characters(struct belay_str s)
{
    uint32_t count = 0;
    for (size_t i = 0; i < s.n; i++)
        count += (s.p[i] & 0xc0) != 0x80;
    return count;
}

/* A character has 1 to 4 bytes: most lengths are decided without counting. */
static bool length_fits(const struct schema_string *p, struct belay_str s)
{
    if (s.n < p->min || s.n / 4 > p->max)
        return false;
    if (s.n / 4 >= p->min && s.n <= p->max)
        return true;
    uint32_t n = characters(s);
    return n >= p->min && n <= p->max;
}

static bool fault_length(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                         const struct schema_place *at)
{
    if (!r->faults)
        return false;
    uint32_t length = characters(belay_json_str(v));
    bool less = length < n->string->min;
    uint32_t limit = less ? n->string->min : n->string->max;
    return schema_fault(r, n, less ? "minLength" : "maxLength", at, "%.*s has %u character%s, %s %u allowed",
                        BELAY_STR_ARG(schema_text(r, v)), length, length == 1 ? "" : "s",
                        less ? "fewer than the" : "more than the", limit);
}

int schema_match(struct schema_run *r, const struct pattern *p, struct belay_str text)
{
    int status = pattern_match(p, text);
    if (status != BELAY_OK && status != BELAY_NOTFOUND) {
        if (++r->bounds->unsure == BELAY_SCHEMA_COSTLY_MAX)
            r->bounds->steps = 0;
    }
    return status;
}

static bool eval_pattern(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                         const struct schema_place *at)
{
    int status = schema_match(r, n->string->pattern, belay_json_str(v));
    if (status == BELAY_OK)
        return true;
    (void)schema_fault(r, n, "pattern", at,
                       status == BELAY_NOTFOUND ? "%.*s does not match the pattern %.*s"
                                                : "%.*s is too costly to match with the pattern %.*s",
                       BELAY_STR_ARG(schema_text(r, v)), BELAY_STR_ARG(belay_json_str(n->string->pattern_text)));
    return false;
}

bool schema_eval_string(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                        const struct schema_place *at)
{
    const struct schema_string *p = n->string;
    bool ok = true;
    if (p && !length_fits(p, belay_json_str(v))) {
        ok = false;
        (void)fault_length(r, n, v, at);
    }
    if ((ok || r->faults) && p && p->pattern)
        ok = eval_pattern(r, n, v, at) && ok;
    if ((ok || r->faults) && n->format && !format_string(n->format, belay_json_str(v))) {
        ok = false;
        (void)schema_fault(r, n, "format", at, "%.*s is no %s", BELAY_STR_ARG(schema_text(r, v)),
                           format_name(n->format));
    }
    return ok;
}
