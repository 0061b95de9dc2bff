/* $formatNumber: pictures of XPath's format-number. */
#include <math.h>
#include <stdio.h>

#include "base/limits.h"
#include "expr/functions.h"
#include "json/utf8.h"

/* The characters a picture is written in. */
enum symbol {
    SYMBOL_DECIMAL,
    SYMBOL_GROUPING,
    SYMBOL_EXPONENT,
    SYMBOL_MINUS,
    SYMBOL_PERCENT,
    SYMBOL_PERMILLE,
    SYMBOL_ZERO,
    SYMBOL_DIGIT,
    SYMBOL_PATTERN,
    SYMBOL_COUNT
};

struct symbols {
    struct belay_str text[SYMBOL_COUNT];
    uint32_t c[SYMBOL_COUNT]; /* their first characters */
};

static const struct {
    const char *name, *text;
} defaults[SYMBOL_COUNT] = {
    { "decimal-separator", "." },
    { "grouping-separator", "," },
    { "exponent-separator", "e" },
    { "minus-sign", "-" },
    { "percent", "%" },
    { "per-mille", "\xe2\x80\xb0" },
    { "zero-digit", "0" },
    { "digit", "#" },
    { "pattern-separator", ";" },
};

#define PICTURE_CHARS_MAX 512
#define GROUPS_MAX 64

/* One of the two sub-pictures, as characters, and where its parts are. */
struct part {
    const uint32_t *c;
    uint32_t n;
    uint32_t active, active_end; /* between prefix and suffix */
    uint32_t decimal;            /* n when there is none */
    uint32_t exponent;           /* in the active part; active_end when there is none */
    uint32_t integer_end;
    uint32_t groups[GROUPS_MAX], group_count, regular;
    uint32_t fraction_groups[GROUPS_MAX], fraction_group_count;
    uint32_t integer_min, fraction_min, fraction_max, exponent_min, scale;
    bool percent, permille, minus;
};

static uint32_t decode(const char *p, const char *end, size_t *ret_len)
{
    size_t n = belay_utf8_len(p, end);
    *ret_len = n ? n : 1;
    return n ? belay_utf8_get(p, n) : 0xfffd;
}

static void read_symbols(struct symbols *s, struct belay_value options)
{
    size_t len;
    for (int i = 0; i < SYMBOL_COUNT; i++) {
        struct belay_value v = value_get(options, belay_str_c(defaults[i].name));
        bool given = v.type == BELAY_VALUE_STRING && v.n > 0;
        s->text[i] = given ? value_str(v) : belay_str_c(defaults[i].text);
        s->c[i] = decode(s->text[i].p, s->text[i].p + s->text[i].n, &len);
    }
}

/* ---- what a character is ---- */

static bool is_digit(const struct symbols *s, uint32_t c)
{
    return c >= s->c[SYMBOL_ZERO] && c <= s->c[SYMBOL_ZERO] + 9;
}

static bool is_place(const struct symbols *s, uint32_t c)
{
    return is_digit(s, c) || c == s->c[SYMBOL_DIGIT];
}

static bool is_active(const struct symbols *s, uint32_t c)
{
    return is_place(s, c) || c == s->c[SYMBOL_DECIMAL] || c == s->c[SYMBOL_GROUPING]
           || c == s->c[SYMBOL_EXPONENT];
}

static uint32_t count(const struct part *p, uint32_t from, uint32_t to, const struct symbols *s,
                      bool (*what)(const struct symbols *s, uint32_t c))
{
    uint32_t n = 0;
    for (uint32_t i = from; i < to; i++)
        n += what(s, p->c[i]);
    return n;
}

static uint32_t count_char(const struct part *p, uint32_t c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n; i++)
        n += p->c[i] == c;
    return n;
}

static uint32_t find(const struct part *p, uint32_t from, uint32_t to, uint32_t c)
{
    while (from < to && p->c[from] != c)
        from++;
    return from;
}

/* ---- the parts of a sub-picture ---- */

static bool bounds_active(const struct symbols *s, uint32_t c)
{
    return is_active(s, c) && c != s->c[SYMBOL_EXPONENT];
}

static void split(struct part *p, const struct symbols *s)
{
    uint32_t start = 0, end = p->n;
    while (start < end && !bounds_active(s, p->c[start]))
        start++;
    while (end > start && !bounds_active(s, p->c[end - 1]))
        end--;
    p->active = start;
    p->active_end = end;
    p->exponent = find(p, start, end, s->c[SYMBOL_EXPONENT]);
    p->decimal = find(p, start, p->exponent, s->c[SYMBOL_DECIMAL]);
    p->integer_end = p->decimal;
    p->percent = count_char(p, s->c[SYMBOL_PERCENT]) > 0;
    p->permille = count_char(p, s->c[SYMBOL_PERMILLE]) > 0;
}

static bool has_fraction(const struct part *p)
{
    return p->decimal < p->exponent;
}

static bool has_exponent(const struct part *p)
{
    return p->exponent < p->active_end;
}

/* An optional digit beside a mandatory one on the wrong side. */
static const char *check_digits(const struct part *p, const struct symbols *s)
{
    uint32_t optional = find(p, p->active, p->integer_end, s->c[SYMBOL_DIGIT]);
    if (optional < p->integer_end && count(p, p->active, optional, s, is_digit))
        return "D3090";
    for (uint32_t i = p->exponent; has_fraction(p) && i-- > p->decimal + 1;)
        if (p->c[i] == s->c[SYMBOL_DIGIT])
            return count(p, i, p->exponent, s, is_digit) ? "D3091" : NULL;
    return NULL;
}

static const char *check_groups(const struct part *p, const struct symbols *s)
{
    uint32_t grouping = s->c[SYMBOL_GROUPING];
    bool before = p->integer_end > p->active && p->c[p->integer_end - 1] == grouping;
    bool after
        = has_fraction(p) && p->decimal + 1 < p->exponent && p->c[p->decimal + 1] == grouping;
    if (has_fraction(p) && (before || after))
        return "D3087";
    if (!has_fraction(p) && before)
        return "D3088";
    for (uint32_t i = 1; i < p->n; i++)
        if (p->c[i - 1] == grouping && p->c[i] == grouping)
            return "D3089";
    return NULL;
}

static const char *check(const struct part *p, const struct symbols *s)
{
    uint32_t percents = count_char(p, s->c[SYMBOL_PERCENT]);
    uint32_t permilles = count_char(p, s->c[SYMBOL_PERMILLE]);
    if (p->active == p->active_end)
        return "D3086";
    if (count_char(p, s->c[SYMBOL_DECIMAL]) > 1)
        return "D3081";
    if (percents > 1 || permilles > 1)
        return percents > 1 ? "D3082" : "D3083";
    if (percents && permilles)
        return "D3084";
    if (count(p, p->active, p->exponent, s, is_place) == 0)
        return "D3085";
    if (count(p, p->active, p->active_end, s, is_active) < p->active_end - p->active)
        return "D3086";
    const char *code = check_groups(p, s);
    code = code ? code : check_digits(p, s);
    if (code || !has_exponent(p))
        return code;
    uint32_t places = p->active_end - p->exponent - 1;
    if (places > 0 && (percents || permilles))
        return "D3092";
    return places == 0 || count(p, p->exponent + 1, p->active_end, s, is_digit) < places ? "D3093"
                                                                                         : NULL;
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
    while (b) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The interval of integer groups where each multiple of it has a separator; else 0. */
static uint32_t regular_interval(const struct part *p)
{
    uint32_t interval = 0;
    for (uint32_t i = 0; i < p->group_count; i++)
        interval = gcd(interval, p->groups[i]);
    for (uint32_t k = 1; k <= p->group_count; k++) {
        bool found = false;
        for (uint32_t i = 0; i < p->group_count; i++)
            found = found || p->groups[i] == k * interval;
        if (!found)
            return 0;
    }
    return interval;
}

static void analyse_groups(struct part *p, const struct symbols *s)
{
    for (uint32_t i = p->active; i < p->integer_end; i++)
        if (p->c[i] == s->c[SYMBOL_GROUPING] && p->group_count < GROUPS_MAX)
            p->groups[p->group_count++] = count(p, i, p->integer_end, s, is_place);
    for (uint32_t i = p->decimal + 1; i < p->exponent; i++)
        if (p->c[i] == s->c[SYMBOL_GROUPING] && p->fraction_group_count < GROUPS_MAX)
            p->fraction_groups[p->fraction_group_count++]
                = count(p, p->decimal + 1, i, s, is_place);
    p->regular = regular_interval(p);
}

static void analyse(struct part *p, const struct symbols *s)
{
    uint32_t fraction = has_fraction(p) ? p->decimal + 1 : p->exponent;
    analyse_groups(p, s);
    p->integer_min = p->scale = count(p, p->active, p->integer_end, s, is_digit);
    p->fraction_min = count(p, fraction, p->exponent, s, is_digit);
    p->fraction_max = count(p, fraction, p->exponent, s, is_place);
    if (has_exponent(p))
        p->exponent_min = count(p, p->exponent + 1, p->active_end, s, is_digit);
    if (p->integer_min == 0 && p->fraction_max == 0) {
        p->fraction_min = p->fraction_max = has_exponent(p);
        p->integer_min = !has_exponent(p);
    }
    if (has_exponent(p) && p->integer_min == 0
        && find(p, p->active, p->integer_end, s->c[SYMBOL_DIGIT]) < p->integer_end)
        p->integer_min = 1;
    if (p->integer_min == 0 && p->fraction_min == 0)
        p->fraction_min = 1;
}

/* ---- formatting ---- */

/* d with so many decimals, halves away from zero (printf would send them to the even neighbour):
 * the exact decimals are printed and rounded here. */
static size_t fixed(double d, uint32_t decimals, char *to, size_t size)
{
    size_t n = (size_t)snprintf(to, size, "0%.*f", (int)decimals + 30, d);
    size_t end = n - 30;
    bool up = to[end] >= '5';
    if (decimals == 0)
        end--; /* without its point */
    for (size_t i = end; up && i-- > 0;) {
        if (to[i] == '.')
            continue;
        up = to[i] == '9';
        to[i] = up ? '0' : (char)(to[i] + 1);
    }
    return end;
}

static void put_char(struct text *t, uint32_t c)
{
    char room[4];
    text_put(t, room, belay_utf8_put(room, c));
}

static void put_digit(struct text *t, const struct symbols *s, char digit)
{
    put_char(t, s->c[SYMBOL_ZERO] + (uint32_t)(digit - '0'));
}

static bool group_before(const struct part *p, uint32_t right)
{
    if (p->regular)
        return right % p->regular == 0;
    for (uint32_t i = 0; i < p->group_count; i++)
        if (p->groups[i] == right)
            return true;
    return false;
}

static void put_integer(struct text *t, const struct part *p, const struct symbols *s,
                        const char *digits, uint32_t n)
{
    uint32_t places = n > p->integer_min ? n : p->integer_min;
    for (uint32_t right = places; right > 0; right--) {
        if (right < places && group_before(p, right))
            put_char(t, s->c[SYMBOL_GROUPING]);
        put_digit(t, s, right > n ? '0' : digits[n - right]);
    }
}

static void put_fraction(struct text *t, const struct part *p, const struct symbols *s,
                         const char *digits, uint32_t n)
{
    uint32_t places = n > p->fraction_min ? n : p->fraction_min;
    if (places > 0 && has_fraction(p))
        put_char(t, s->c[SYMBOL_DECIMAL]);
    for (uint32_t i = 0; i < places && has_fraction(p); i++) {
        for (uint32_t k = 0; k < p->fraction_group_count; k++)
            if (p->fraction_groups[k] == i)
                put_char(t, s->c[SYMBOL_GROUPING]);
        put_digit(t, s, i < n ? digits[i] : '0');
    }
}

static void put_mantissa(struct text *t, const struct part *p, const struct symbols *s, double d)
{
    char room[BELAY_KIB(2)];
    size_t n = fixed(d, p->fraction_max, room, sizeof room);
    const char *digits = room, *point = memchr(room, '.', n), *end = room + n;
    const char *integer_end = point ? point : end;
    while (digits < integer_end && *digits == '0')
        digits++;
    while (point && end > point + 1 && end[-1] == '0')
        end--;
    put_integer(t, p, s, digits, (uint32_t)(integer_end - digits));
    if (point)
        put_fraction(t, p, s, point + 1, (uint32_t)(end - point - 1));
    else
        put_fraction(t, p, s, end, 0);
}

static void put_exponent(struct text *t, const struct part *p, const struct symbols *s,
                         int exponent)
{
    char digits[16];
    int n = snprintf(digits, sizeof digits, "%d", exponent < 0 ? -exponent : exponent);
    text_put_str(t, s->text[SYMBOL_EXPONENT]);
    if (exponent < 0)
        text_put_str(t, s->text[SYMBOL_MINUS]);
    for (int i = n; i < (int)p->exponent_min; i++)
        put_digit(t, s, '0');
    for (int i = 0; i < n; i++)
        put_digit(t, s, digits[i]);
}

static void put_number(struct text *t, const struct part *p, const struct symbols *s, double d)
{
    int exponent = 0;
    d = fabs(d) * (p->percent ? 100 : p->permille ? 1000 : 1);
    if (p->exponent_min > 0 && d > 0) {
        double max = pow(10, p->scale), min = pow(10, (double)p->scale - 1);
        for (; d < min; exponent--)
            d *= 10;
        for (; d > max; exponent++) /* 10^scale stays, as in the reference: 100000 is 10.0e4 */
            d /= 10;
    }
    if (p->minus)
        text_put_str(t, s->text[SYMBOL_MINUS]);
    for (uint32_t i = 0; i < p->active; i++)
        put_char(t, p->c[i]);
    put_mantissa(t, p, s, d);
    if (p->exponent_min > 0)
        put_exponent(t, p, s, exponent);
    for (uint32_t i = p->active_end; i < p->n; i++)
        put_char(t, p->c[i]);
}

/* The characters of the picture in c, split at the pattern separator. NULL or an error's code. */
static const char *read_picture(struct belay_str text, const struct symbols *s,
                                uint32_t c[PICTURE_CHARS_MAX], struct part parts[2])
{
    uint32_t n = 0, at = 0;
    size_t len;
    memset(parts, 0, 2 * sizeof *parts);
    parts[0].c = c;
    for (const char *p = text.p, *end = p + text.n; p < end; p += len) {
        uint32_t ch = decode(p, end, &len);
        if (n == PICTURE_CHARS_MAX || (ch == s->c[SYMBOL_PATTERN] && at == 1))
            return "D3080";
        c[n++] = ch;
        if (ch == s->c[SYMBOL_PATTERN])
            parts[++at].c = c + n;
        else
            parts[at].n++;
    }
    parts[1].minus = at == 0;
    if (at == 0)
        parts[1] = (struct part){ .c = c, .n = parts[0].n, .minus = true };
    for (uint32_t i = 0; i < 2; i++) {
        split(&parts[i], s);
        const char *code = check(&parts[i], s);
        if (code)
            return code;
        analyse(&parts[i], s);
    }
    return NULL;
}

struct belay_value f_formatNumber(struct run *run, struct call *call)
{
    uint32_t c[PICTURE_CHARS_MAX];
    struct symbols symbols;
    struct part parts[2];
    struct text t = { .run = run };
    if (!value_defined(call->args[0]) || !value_defined(call->args[1]))
        return UNDEFINED;
    read_symbols(&symbols, call->args[2]);
    const char *code = read_picture(value_str(call->args[1]), &symbols, c, parts);
    if (code)
        return run_fail_value(run, code, NO_POSITION, call->args[1]);
    double d = value_double(call->args[0]);
    if (!isfinite(d * 1000)) /* per-mille must not make it infinite */
        return run_fail_value(run, "D1001", NO_POSITION, call->args[0]);
    put_number(&t, &parts[d < 0], &symbols, d);
    return text_value(&t);
}
