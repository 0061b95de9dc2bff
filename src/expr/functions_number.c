#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "expr/functions.h"

static struct belay_value number(double d)
{
    return belay_value_number(d);
}

static struct belay_value in_range(struct run *run, double d)
{
    return number_ok(run, number(d)) ? number(d) : FAILED;
}

/* ---- aggregation ---- */

struct belay_value f_sum(struct run *run, struct call *call)
{
    struct value_iter it = value_iter(call->args[0]);
    struct belay_value v;
    double total = 0;
    if (!value_defined(call->args[0]))
        return UNDEFINED;
    if (!run_charge(run, it.n / 4))
        return FAILED;
    while (value_iter_next(&it, &v))
        total += value_double(v);
    return in_range(run, total);
}

struct belay_value f_count(struct run *run, struct call *call)
{
    (void)run;
    return number(value_defined(call->args[0]) ? value_iter(call->args[0]).n : 0);
}

static struct belay_value extreme(struct belay_value list, int sign)
{
    struct value_iter it = value_iter(list);
    struct belay_value v, best = UNDEFINED;
    while (value_defined(list) && value_iter_next(&it, &v))
        if (!value_defined(best) || value_compare_numbers(v, best) * sign > 0)
            best = v;
    return best;
}

struct belay_value f_max(struct run *run, struct call *call)
{
    (void)run;
    return extreme(call->args[0], 1);
}

struct belay_value f_min(struct run *run, struct call *call)
{
    (void)run;
    return extreme(call->args[0], -1);
}

struct belay_value f_average(struct run *run, struct call *call)
{
    struct belay_value total = f_sum(run, call);
    if (value_failed(total) || !value_defined(total) || value_iter(call->args[0]).n == 0)
        return value_failed(total) ? total : UNDEFINED;
    return in_range(run, total.u.d / value_iter(call->args[0]).n);
}

/* ---- conversion ---- */

/* The text of a JSON number, or 0x, 0o, 0b and digits. */
static bool parse_number(struct belay_str s, struct belay_value *ret, struct belay_arena *arena)
{
    const belay_json *v;
    if (s.n > 2 && s.p[0] == '0' && strchr("xXoObB", s.p[1]) && s.n < 64) {
        char text[64], *end;
        int base = (s.p[1] | 0x20) == 'x' ? 16 : (s.p[1] | 0x20) == 'o' ? 8 : 2;
        memcpy(text, s.p + 2, s.n - 2);
        text[s.n - 2] = '\0';
        if (text[0] == '-' || text[0] == '+' || text[0] == ' ')
            return false;
        unsigned long long u = strtoull(text, &end, base);
        *ret = number((double)u);
        return *end == '\0';
    }
    if (s.n == 0 || !strchr("-0123456789", s.p[0]) || strchr(" \n\r\t", s.p[s.n - 1]))
        return false;
    bool minus = s.p[0] == '-';
    s = belay_str(s.p + minus, s.n - minus);
    while (s.n > 1 && s.p[0] == '0' && s.p[1] >= '0' && s.p[1] <= '9') /* not JSON, but a number */
        s = belay_str(s.p + 1, s.n - 1);
    if (s.n == 0 || s.p[0] == '-' || belay_json_parse(s, NULL, arena, &v, NULL, NULL))
        return false;
    *ret = value_from_tape(v);
    if (minus && ret->type == BELAY_VALUE_INT)
        ret->u.i = -ret->u.i;
    else if (minus)
        *ret = number(-value_double(*ret));
    return value_is_number(*ret) && isfinite(value_double(*ret));
}

struct belay_value f_number(struct run *run, struct call *call)
{
    struct belay_value v = call->args[0], result;
    if (v.type == BELAY_VALUE_BOOL)
        return number(v.u.b);
    if (v.type != BELAY_VALUE_STRING)
        return v;
    if (!parse_number(value_str(v), &result, run->arena))
        return run_fail_value(run, "D3030", NO_POSITION, v);
    return result;
}

/* ---- rounding and the rest ---- */

static struct belay_value map_double(struct run *run, struct belay_value v, double (*f)(double))
{
    if (!value_defined(v) || v.type == BELAY_VALUE_INT)
        return v;
    return in_range(run, f(value_double(v)));
}

struct belay_value f_floor(struct run *run, struct call *call)
{
    return map_double(run, call->args[0], floor);
}

struct belay_value f_ceil(struct run *run, struct call *call)
{
    return map_double(run, call->args[0], ceil);
}

struct belay_value f_abs(struct run *run, struct call *call)
{
    struct belay_value v = call->args[0];
    if (v.type == BELAY_VALUE_INT && v.u.i != INT64_MIN)
        return belay_value_int(v.u.i < 0 ? -v.u.i : v.u.i);
    return v.type == BELAY_VALUE_INT ? number(fabs(value_double(v))) : map_double(run, v, fabs);
}

/* d * 10^by, by way of the decimal text, so that no binary error comes in. */
static double shift(double d, int by)
{
    char text[64];
    snprintf(text, sizeof text, "%.17g", d);
    char *e = strchr(text, 'e');
    int exponent = e ? (int)strtol(e + 1, NULL, 10) : 0;
    if (e)
        *e = '\0';
    /* the shortest text that is d, as JavaScript shows it */
    for (int digits = 15; digits < 17; digits++) {
        char shorter[64];
        snprintf(shorter, sizeof shorter, "%.*g", digits, d);
        if (strtod(shorter, NULL) == d) {
            memcpy(text, shorter, sizeof text);
            e = strchr(text, 'e');
            exponent = e ? (int)strtol(e + 1, NULL, 10) : 0;
            if (e)
                *e = '\0';
            break;
        }
    }
    size_t n = strlen(text);
    snprintf(text + n, sizeof text - n, "e%d", exponent + by);
    return strtod(text, NULL);
}

struct belay_value f_round(struct run *run, struct call *call)
{
    (void)run;
    struct belay_value v = call->args[0];
    if (!value_defined(v))
        return v;
    double d = value_double(v), precision = 0;
    if (value_defined(call->args[1]))
        precision = trunc(value_double(call->args[1]));
    if (!(fabs(precision) < 400))
        precision = precision < 0 ? -400 : 400;
    if (v.type == BELAY_VALUE_INT && precision >= 0)
        return v;
    d = precision != 0 ? shift(d, (int)precision) : d;
    if (!isfinite(d))
        return v;
    double rounded = rint(d); /* halves go to the even neighbour, as the mode has it */
    rounded = precision != 0 ? shift(rounded, -(int)precision) : rounded;
    return number(rounded == 0 ? 0 : rounded);
}

struct belay_value f_sqrt(struct run *run, struct call *call)
{
    struct belay_value v = call->args[0];
    if (!value_defined(v))
        return v;
    if (value_double(v) < 0)
        return run_fail_value(run, "D3060", NO_POSITION, v);
    return in_range(run, sqrt(value_double(v)));
}

struct belay_value f_power(struct run *run, struct call *call)
{
    if (!value_defined(call->args[0]))
        return UNDEFINED;
    double power = value_defined(call->args[1]) ? value_double(call->args[1]) : NAN;
    double d = pow(value_double(call->args[0]), power);
    if (!isfinite(d) || isnan(power)) /* to C pow(1, NaN) is 1 */
        return run_fail_value(run, "D3061", NO_POSITION, call->args[0]);
    return number(d);
}

struct belay_value f_random(struct run *run, struct call *call)
{
    (void)call;
    return number(belay_random_unit(run->random));
}

struct belay_value f_formatBase(struct run *run, struct call *call)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    if (!value_defined(call->args[0]))
        return UNDEFINED;
    double d = rint(value_double(call->args[0])), radix = 10;
    if (value_defined(call->args[1]))
        radix = rint(value_double(call->args[1]));
    if (!(radix >= 2 && radix <= 36))
        return run_fail_value(run, "D3100", NO_POSITION, number(radix));
    char text[80], *p = text + sizeof text;
    if (!(fabs(d) < 18446744073709551616.0))
        return run_fail_value(run, "D1001", NO_POSITION, number(d));
    uint64_t u = (uint64_t)fabs(d);
    do {
        *--p = digits[u % (unsigned)radix];
    } while ((u /= (unsigned)radix) > 0);
    if (d < 0)
        *--p = '-';
    return string_copy(run, belay_str(p, (size_t)(text + sizeof text - p)));
}

struct belay_value f_boolean(struct run *run, struct call *call)
{
    struct belay_value v = call->args[0];
    return value_defined(v) ? belay_value_bool(truthy(run, v)) : v;
}

struct belay_value f_not(struct run *run, struct call *call)
{
    struct belay_value v = call->args[0];
    return value_defined(v) ? belay_value_bool(!truthy(run, v)) : v;
}
