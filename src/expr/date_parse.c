#include <math.h>

#include "expr/date_picture.h"
#include "expr/functions.h"

/* ---- ISO 8601 ---- */

struct scan {
    const char *p, *end;
};

static bool digits(struct scan *s, int n, int *ret)
{
    int value = 0;
    if (s->end - s->p < n)
        return false;
    for (int i = 0; i < n; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        value = value * 10 + (s->p[i] - '0');
    }
    s->p += n;
    *ret = value;
    return true;
}

static bool skip(struct scan *s, char c)
{
    if (s->p == s->end || *s->p != c)
        return false;
    s->p++;
    return true;
}

static bool iso_zone(struct scan *s, int *ret_minutes)
{
    int hours, minutes = 0, sign;
    *ret_minutes = 0;
    if (s->p == s->end || skip(s, 'Z'))
        return true;
    sign = skip(s, '-') ? -1 : 1;
    if (sign > 0 && !skip(s, '+'))
        return false;
    if (!digits(s, 2, &hours))
        return false;
    skip(s, ':');
    if (!digits(s, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_minutes = sign * (hours * 60 + minutes);
    return true;
}

/* Digits after a point as milliseconds; what is finer is cut off. */
static bool fraction(struct scan *s, int *ret_millis)
{
    int millis = 0, n = 0;
    for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++, n++)
        if (n < 3)
            millis = millis * 10 + (*s->p - '0');
    for (int i = n; i < 3; i++)
        millis *= 10;
    *ret_millis = millis;
    return n > 0;
}

static int days_of_month(int year, int month)
{
    return (int)(calendar_days(year, month + 1, 1) - calendar_days(year, month, 1));
}

bool date_parse_iso(struct belay_str text, double *ret_millis)
{
    struct scan s = { text.p, text.p + text.n };
    int year, month = 1, day = 1, h = 0, m = 0, sec = 0, millis = 0, zone = 0;
    if (!digits(&s, 4, &year))
        return false;
    if (skip(&s, '-') && (!digits(&s, 2, &month) || month < 1 || month > 12))
        return false;
    if (skip(&s, '-') && (!digits(&s, 2, &day) || day < 1 || day > days_of_month(year, month)))
        return false;
    if (skip(&s, 'T')) {
        if (!digits(&s, 2, &h) || !skip(&s, ':') || !digits(&s, 2, &m) || !skip(&s, ':')
            || !digits(&s, 2, &sec) || h > 24 || m > 59 || sec > 59
            || (skip(&s, '.') && !fraction(&s, &millis)) || !iso_zone(&s, &zone))
            return false;
    }
    *ret_millis = (double)calendar_days(year, month, day) * CALENDAR_MS_PER_DAY + h * 3600000.0
                  + (m - zone) * 60000.0 + sec * 1000.0 + millis;
    return s.p == s.end;
}

/* ---- by a picture ---- */

#define COMPONENTS 128

struct reader {
    struct run *run;
    const struct date_picture *picture;
    const char *end;
    double value[COMPONENTS];
    bool given[COMPONENTS];
};

static size_t run_of(const char *p, const char *end, bool (*what)(char c))
{
    size_t n = 0;
    while (p + n < end && what(p[n]))
        n++;
    return n;
}

static bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_word(char c)
{
    return is_letter(c) || c == ' ' || c == '-' || c == ',';
}

static bool is_zone(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == ':';
}

static bool is_number(char c)
{
    return (c >= '0' && c <= '9') || (signed char)c < 0 || c == ',' || c == '.' || c == '\'';
}

/* The most that a part could take at p. */
static size_t reach(const struct date_part *part, const char *p, const char *end)
{
    if (strchr("Zz", part->component))
        return run_of(p, end, is_zone);
    if (part->names || strchr("PCE", part->component))
        return run_of(p, end, is_letter);
    switch (part->integer.kind) {
    case INTEGER_LETTERS:
    case INTEGER_ROMAN: return run_of(p, end, is_letter);
    case INTEGER_WORDS: return run_of(p, end, is_word);
    default: break;
    }
    size_t n = run_of(p, end, is_number);
    size_t exact = part->integer.parse_width;
    if (exact)
        return n < exact ? 0 : exact;
    return part->integer.ordinal && (size_t)(end - p) >= n + 2 ? n + 2 : n;
}

static bool name_value(const struct date_part *part, struct belay_str s, double *ret)
{
    const char *const *names = part->component == 'F' ? date_days : date_months;
    int count = part->component == 'F' ? 7 : 12;
    for (int i = 1; i <= count; i++) {
        struct belay_str name = belay_str_c(names[i]);
        if (part->width_max > 0)
            name = belay_str_sub(name, 0, (size_t)part->width_max);
        if (belay_str_eq_nocase(name, s)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

/* In minutes. */
static bool zone_value(const struct date_part *part, struct belay_str s, double *ret)
{
    struct scan scan = { s.p, s.p + s.n };
    int hours = 0, minutes = 0, digit;
    if (part->traditional && belay_str_eq_nocase(s, BELAY_STR("Z"))) {
        *ret = 0;
        return true;
    }
    if (part->component == 'z') {
        if (!belay_str_eq_nocase(belay_str_sub(s, 0, 3), BELAY_STR("GMT")))
            return false;
        scan.p += 3;
    }
    bool minus = skip(&scan, '-');
    if (!minus && !skip(&scan, '+'))
        return false;
    if (!digits(&scan, 2, &hours) && !digits(&scan, 1, &hours))
        return false;
    bool colon = skip(&scan, ':');
    if (scan.p < scan.end && !digits(&scan, 2, &minutes))
        return false;
    if (scan.p < scan.end || (colon && scan.p[-1] == ':') || digits(&scan, 1, &digit))
        return false;
    *ret = (minus ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

static bool ordinal_ends(struct belay_str s)
{
    struct belay_str last = belay_str_sub(s, s.n < 2 ? 0 : s.n - 2, 2);
    return belay_str_eq_nocase(last, BELAY_STR("th")) || belay_str_eq_nocase(last, BELAY_STR("st"))
           || belay_str_eq_nocase(last, BELAY_STR("nd"))
           || belay_str_eq_nocase(last, BELAY_STR("rd"));
}

static bool part_value(const struct date_part *part, struct belay_str s, double *ret)
{
    struct scan scan = { s.p, s.p + s.n };
    int millis;
    if (strchr("Zz", part->component))
        return zone_value(part, s, ret);
    if (part->component == 'P') {
        *ret = belay_str_eq_nocase(s, BELAY_STR("pm"));
        return *ret != 0 || belay_str_eq_nocase(s, BELAY_STR("am"));
    }
    if (part->names)
        return name_value(part, s, ret);
    if (part->component == 'f' && part->integer.kind == INTEGER_DECIMAL) {
        *ret = fraction(&scan, &millis) ? millis : 0;
        return scan.p == scan.end;
    }
    bool decimal = part->integer.kind == INTEGER_DECIMAL;
    if (decimal && part->integer.ordinal && !ordinal_ends(s))
        return false;
    return integer_read(s, &part->integer, ret);
}

static bool match(struct reader *r, uint32_t i, const char *p);

/* The longest text first, as a regular expression would; false: no length fits, or failed. */
static bool match_component(struct reader *r, uint32_t i, const char *p)
{
    const struct date_part *part = &r->picture->parts[i];
    unsigned char component = (unsigned char)part->component & (COMPONENTS - 1);
    bool exact = part->integer.parse_width > 0;
    for (size_t n = reach(part, p, r->end); n > 0; n--) {
        double value;
        if (!run_charge(r->run, 1 + n / 16))
            return false;
        if (part_value(part, belay_str(p, n), &value) && match(r, i + 1, p + n)) {
            r->value[component] = value;
            r->given[component] = true;
            return true;
        }
        if (exact || r->run->status)
            return false;
    }
    return false;
}

static bool match(struct reader *r, uint32_t i, const char *p)
{
    if (i == r->picture->n)
        return p == r->end;
    const struct date_part *part = &r->picture->parts[i];
    if (part->component)
        return match_component(r, i, p);
    size_t n = part->literal.n;
    return (size_t)(r->end - p) >= n && belay_str_eq_nocase(part->literal, belay_str(p, n))
           && match(r, i + 1, p + n);
}

/* ---- from components to a time ---- */

/* Some of these components are given, and no other of all. */
static bool only(const struct reader *r, const char *all, const char *these)
{
    bool any = false;
    for (; *all; all++) {
        bool given = r->given[(unsigned char)*all];
        if (given && !strchr(these, *all))
            return false;
        any = any || given;
    }
    return any;
}

/* What stands before the first given component is as now, what comes after the last is zero; a gap
 * in between cannot be filled. */
static bool fill(struct reader *r, const char *order)
{
    struct calendar now = calendar_of((double)(r->run->env->now / BELAY_US_PER_MS));
    bool started = false, ended = false;
    for (; *order; order++) {
        unsigned char c = (unsigned char)*order;
        if (r->given[c]) {
            started = true;
            if (ended)
                return false;
        } else if (started) {
            r->value[c] = strchr("MDd", *order) ? 1 : 0;
            ended = true;
        } else {
            r->value[c] = date_component(&now, *order);
        }
    }
    return true;
}

static double time_of_day(const struct reader *r, bool half_days)
{
    double hours
        = half_days ? fmod(r->value['h'], 12) + (r->value['P'] != 0 ? 12 : 0) : r->value['H'];
    return hours * 3600000 + r->value['m'] * 60000 + r->value['s'] * 1000 + r->value['f'];
}

static struct belay_value millis_of(struct reader *r)
{
    bool day_of_year = !only(r, "YXMxWwdD", "YMD") && only(r, "YXMxWwdD", "Yd");
    bool weeks = only(r, "YXMxWwdD", "XxwW") && (r->given['w'] || r->given['W'] || r->given['x']);
    bool half_days = !only(r, "PHhmsf", "Hmsf") && only(r, "PHhmsf", "Phmsf");
    const char *order
        = day_of_year ? (half_days ? "YdPhmsf" : "YdHmsf") : (half_days ? "YMDPhmsf" : "YMDHmsf");
    if (weeks || !fill(r, order))
        return run_fail(r->run, "D3136", NO_POSITION, BELAY_STR_NONE);
    double year = r->value['Y'], month = day_of_year ? 1 : r->value['M'];
    double day = day_of_year ? r->value['d'] : r->value['D'];
    if (!(fabs(year) < 300000 && fabs(month) < 1e6 && fabs(day) < 1e9))
        return run_fail(r->run, "D3110", NO_POSITION, BELAY_STR_NONE);
    int64_t days = calendar_days((int64_t)year, month > 0 ? (int64_t)month : 1, (int64_t)day);
    double zone = r->given['Z'] ? r->value['Z'] : r->given['z'] ? r->value['z'] : 0;
    double millis = (double)days * CALENDAR_MS_PER_DAY + time_of_day(r, half_days) - zone * 60000;
    if (!(fabs(millis) <= CALENDAR_MS_MAX))
        return run_fail(r->run, "D3110", NO_POSITION, BELAY_STR_NONE);
    return belay_value_number(millis);
}

/* A picture that cannot be read by, whatever the text. */
static bool readable(struct run *run, const struct date_picture *picture, bool *ret_any)
{
    *ret_any = false;
    for (uint32_t i = 0; i < picture->n; i++) {
        const struct date_part *part = &picture->parts[i];
        bool named = part->names && !strchr("MxFP", part->component);
        if (part->component && (named || strchr("CE", part->component))) {
            run_fail(run, "D3133", NO_POSITION, belay_str(&part->component, 1));
            return false;
        }
        *ret_any = *ret_any || part->component;
    }
    return true;
}

struct belay_value date_parse(struct run *run, struct belay_str text,
                              const struct date_picture *picture)
{
    struct reader r = { .run = run, .picture = picture, .end = text.p + text.n };
    bool any;
    if (picture->n > 64)
        return run_fail(run, "U1001", NO_POSITION, BELAY_STR_NONE);
    if (!readable(run, picture, &any))
        return FAILED;
    if (!match(&r, 0, text.p) || !any)
        return run->status ? FAILED : UNDEFINED;
    return millis_of(&r);
}
