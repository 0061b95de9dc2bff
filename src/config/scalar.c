#include "config/scalar.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "config/config.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits, perhaps a '.' and digits, at the start of *rest. */
static bool take_decimal(struct belay_str *rest, double *ret_value)
{
    char digits[32];
    size_t n = 0;
    bool point = false;
    while (n < rest->n && n < sizeof digits - 1) {
        char c = rest->p[n];
        if (c == '.' && !point && n > 0)
            point = true;
        else if (!is_digit(c))
            break;
        digits[n++] = c;
    }
    if (n == 0 || digits[n - 1] == '.' || (n < rest->n && is_digit(rest->p[n])))
        return false;
    digits[n] = '\0';
    *ret_value = strtod(digits, NULL);
    *rest = belay_str(rest->p + n, rest->n - n);
    return true;
}

struct unit {
    const char *name;
    double factor;
};

static const struct unit duration_units[]
    = { { "ms", 1 },      { "s", 1e3 },      { "m", 60e3 }, { "h", 3600e3 },
        { "d", 86400e3 }, { "w", 604800e3 }, { NULL, 0 } };
static const struct unit size_units[]
    = { { "B", 1 },         { "kB", 1e3 },         { "MB", 1e6 },
        { "GB", 1e9 },      { "TB", 1e12 },        { "KiB", 1024 },
        { "MiB", 1048576 }, { "GiB", 1073741824 }, { "TiB", 1099511627776.0 },
        { NULL, 0 } };

/* The letters at the start of *rest. */
static const struct unit *take_unit(struct belay_str *rest, const struct unit *units)
{
    size_t n = 0;
    while (n < rest->n && !is_digit(rest->p[n]))
        n++;
    for (const struct unit *u = units; u->name; u++) {
        if (belay_str_eq(belay_str(rest->p, n), belay_str_c(u->name))) {
            *rest = belay_str(rest->p + n, rest->n - n);
            return u;
        }
    }
    return NULL;
}

/* 2^53: sums stay exact below it. */
#define QUANTITY_MAX 9007199254740992.0

static bool take_quantity(struct belay_str *rest, const struct unit *units, double *ret_value)
{
    double number;
    if (!take_decimal(rest, &number))
        return false;
    const struct unit *unit = take_unit(rest, units);
    if (!unit)
        return false;
    *ret_value = number * unit->factor;
    return *ret_value < QUANTITY_MAX && floor(*ret_value) == *ret_value;
}

bool config_duration(struct belay_str text, uint64_t *ret_ms)
{
    double sum = 0, part;
    if (belay_str_eq(text, BELAY_STR("0"))) {
        *ret_ms = 0;
        return true;
    }
    if (!text.n)
        return false;
    while (text.n) {
        if (!take_quantity(&text, duration_units, &part))
            return false;
        sum += part;
        if (sum >= QUANTITY_MAX)
            return false;
    }
    *ret_ms = (uint64_t)sum;
    return true;
}

bool config_size(struct belay_str text, uint64_t *ret_bytes)
{
    double value;
    if (belay_str_to_u64(text, ret_bytes))
        return *ret_bytes < (uint64_t)QUANTITY_MAX;
    if (!take_quantity(&text, size_units, &value) || text.n)
        return false;
    *ret_bytes = (uint64_t)value;
    return true;
}

bool config_int(struct belay_str text, int64_t *ret_value)
{
    bool minus = text.n && text.p[0] == '-';
    uint64_t u;
    if (!belay_str_to_u64(belay_str_sub(text, minus, text.n), &u) || u > INT64_MAX)
        return false;
    *ret_value = minus ? -(int64_t)u : (int64_t)u;
    return true;
}

bool config_number(struct belay_str text, double *ret_value)
{
    bool minus = text.n && text.p[0] == '-';
    struct belay_str rest = belay_str_sub(text, minus, text.n);
    double value;
    if (!take_decimal(&rest, &value) || rest.n)
        return false;
    *ret_value = minus ? -value : value;
    return true;
}

bool config_bool(struct belay_str text, bool *ret_value)
{
    bool yes = belay_str_eq(text, BELAY_STR("true"));
    if (!yes && !belay_str_eq(text, BELAY_STR("false")))
        return false;
    *ret_value = yes;
    return true;
}

bool config_name(struct belay_str text)
{
    if (text.n == 0 || text.n > BELAY_NAME_BYTES_MAX)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
        if (!letter && (i == 0 || (c != '_' && c != '-' && c != '.')))
            return false;
    }
    return true;
}

/* ---- instants ---- */

/* n digits at offset `at`; -1 where they are none. */
static int digits(struct belay_str s, size_t at, size_t n)
{
    int value = 0;
    for (size_t i = at; i < at + n; i++) {
        if (i >= s.n || !is_digit(s.p[i]))
            return -1;
        value = value * 10 + (s.p[i] - '0');
    }
    return value;
}

static int64_t days_from_civil(int y, int m, int d)
{
    y -= m <= 2;
    int era = y / 400, yoe = y - era * 400;
    int doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return (int64_t)era * 146097 + doe - 719468;
}

static bool valid_date(int y, int m, int d)
{
    static const int length[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    return y >= 1 && m >= 1 && m <= 12 && d >= 1 && d <= length[m - 1] + (m == 2 && leap);
}

static bool char_at(struct belay_str s, size_t at, char c)
{
    return at < s.n && s.p[at] == c;
}

/* "Z" or "+02:00" -> minutes */
static bool offset_minutes(struct belay_str s, int *ret_minutes)
{
    if (s.n == 1 && (s.p[0] == 'Z' || s.p[0] == 'z')) {
        *ret_minutes = 0;
        return true;
    }
    int h = digits(s, 1, 2), m = digits(s, 4, 2);
    if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-') || s.p[3] != ':' || h < 0 || h > 23 || m < 0
        || m > 59)
        return false;
    *ret_minutes = (s.p[0] == '-' ? -1 : 1) * (h * 60 + m);
    return true;
}

/* ".123456" -> microseconds; what follows is left in *rest. */
static bool take_fraction(struct belay_str *rest, int64_t *ret_us)
{
    *ret_us = 0;
    if (!rest->n || rest->p[0] != '.')
        return true;
    size_t i = 1;
    int64_t scale = 100000;
    for (; i < rest->n && is_digit(rest->p[i]); i++, scale /= 10)
        *ret_us += (rest->p[i] - '0') * scale;
    *rest = belay_str_sub(*rest, i, rest->n);
    return i > 1;
}

bool config_time(struct belay_str s, belay_time *ret_time)
{
    int y = digits(s, 0, 4), mo = digits(s, 5, 2), d = digits(s, 8, 2);
    int h = digits(s, 11, 2), mi = digits(s, 14, 2), se = digits(s, 17, 2), minutes;
    int64_t us;
    if (!char_at(s, 4, '-') || !char_at(s, 7, '-') || !char_at(s, 13, ':') || !char_at(s, 16, ':')
        || !(char_at(s, 10, 'T') || char_at(s, 10, 't') || char_at(s, 10, ' '))
        || !valid_date(y, mo, d) || h < 0 || h > 23 || mi < 0 || mi > 59 || se < 0 || se > 59)
        return false;
    struct belay_str rest = belay_str_sub(s, 19, s.n);
    if (!take_fraction(&rest, &us) || !offset_minutes(rest, &minutes))
        return false;
    int64_t seconds = days_from_civil(y, mo, d) * 86400 + h * 3600 + mi * 60 + se - minutes * 60;
    *ret_time = seconds * BELAY_US_PER_S + us;
    return true;
}

/* ---- YAML's numbers as JSON ---- */

/* What RFC 8259 calls a number; ret_n: how much of text it takes. */
static bool is_json_number(struct belay_str s)
{
    size_t i = s.n && s.p[0] == '-';
    size_t start = i;
    while (i < s.n && is_digit(s.p[i]))
        i++;
    if (i == start || (s.p[start] == '0' && i > start + 1))
        return false;
    if (i < s.n && s.p[i] == '.') {
        size_t fraction = ++i;
        while (i < s.n && is_digit(s.p[i]))
            i++;
        if (i == fraction)
            return false;
    }
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        i++;
        i += i < s.n && (s.p[i] == '+' || s.p[i] == '-');
        size_t exponent = i;
        while (i < s.n && is_digit(s.p[i]))
            i++;
        if (i == exponent)
            return false;
    }
    return i == s.n;
}

/* 0x1f and 0o17 -> decimal */
static bool based(struct belay_str text, char space[CONFIG_NUMBER_TEXT_MAX],
                  struct belay_str *ret_number)
{
    int base = belay_str_starts(text, BELAY_STR("0x"))   ? 16
               : belay_str_starts(text, BELAY_STR("0o")) ? 8
                                                         : 0;
    if (!base || text.n < 3 || text.n > 24)
        return false;
    char digits_[24];
    memcpy(digits_, text.p + 2, text.n - 2);
    digits_[text.n - 2] = '\0';
    if (digits_[0] == '-' || digits_[0] == '+' || digits_[0] == ' ')
        return false;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(digits_, &end, base);
    if (errno || *end)
        return false;
    *ret_number = belay_str(space, (size_t)snprintf(space, CONFIG_NUMBER_TEXT_MAX, "%llu", value));
    return true;
}

/* YAML's core schema also allows "+1", ".5", "1." and "007". */
bool config_json_number(struct belay_str text, char space[CONFIG_NUMBER_TEXT_MAX],
                        struct belay_str *ret_number)
{
    if (is_json_number(text)) {
        *ret_number = text;
        return true;
    }
    if (based(text, space, ret_number))
        return true;
    if (!text.n || text.n > CONFIG_NUMBER_TEXT_MAX - 4)
        return false;
    size_t n = 0, i = text.p[0] == '-' || text.p[0] == '+', digit_count = 0;
    if (text.p[0] == '-')
        space[n++] = '-';
    while (i + 1 < text.n && text.p[i] == '0' && is_digit(text.p[i + 1])) {
        i++;
        digit_count++;
    }
    if (i < text.n && text.p[i] == '.')
        space[n++] = '0';
    for (; i < text.n; i++) {
        digit_count += is_digit(text.p[i]);
        space[n++] = text.p[i];
        bool ends = i + 1 == text.n || text.p[i + 1] == 'e' || text.p[i + 1] == 'E';
        if (text.p[i] == '.' && ends)
            space[n++] = '0';
    }
    *ret_number = belay_str(space, n);
    return digit_count && is_json_number(*ret_number);
}

bool belay_config_duration(struct belay_str text, uint64_t *ret_ms)
{
    return config_duration(text, ret_ms);
}
