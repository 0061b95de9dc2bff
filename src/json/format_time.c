/* Dates, times (RFC 3339, leap seconds only where UTC has them) and durations (its appendix A). */
#include "json/format.h"

/* count digits at *at; -1: they are not there. */
static int digits(struct belay_str s, size_t *at, size_t count)
{
    int value = 0;
    if (s.n - *at < count)
        return -1;
    for (size_t end = *at + count; *at < end; ++*at) {
        if (s.p[*at] < '0' || s.p[*at] > '9')
            return -1;
        value = value * 10 + (s.p[*at] - '0');
    }
    return value;
}

static bool skip(struct belay_str s, size_t *at, char c)
{
    if (*at >= s.n || s.p[*at] != c)
        return false;
    ++*at;
    return true;
}

bool format_date(struct belay_str s)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    size_t at = 0;
    int year = digits(s, &at, 4);
    int month = year >= 0 && skip(s, &at, '-') ? digits(s, &at, 2) : -1;
    int day = month >= 0 && skip(s, &at, '-') ? digits(s, &at, 2) : -1;
    if (at != s.n || month < 1 || month > 12 || day < 1)
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return day <= days[month - 1] + (leap && month == 2);
}

/* Minutes east of UTC; false: malformed. */
static bool offset(struct belay_str s, size_t at, int *ret_minutes)
{
    *ret_minutes = 0;
    if (at + 1 == s.n && (s.p[at] == 'Z' || s.p[at] == 'z'))
        return true;
    if (at >= s.n || (s.p[at] != '+' && s.p[at] != '-'))
        return false;
    bool west = s.p[at++] == '-';
    int hour = digits(s, &at, 2);
    int minute = hour >= 0 && skip(s, &at, ':') ? digits(s, &at, 2) : -1;
    *ret_minutes = (hour * 60 + minute) * (west ? -1 : 1);
    return at == s.n && hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59;
}

bool format_time(struct belay_str s)
{
    size_t at = 0;
    int east;
    int hour = digits(s, &at, 2);
    int minute = hour >= 0 && skip(s, &at, ':') ? digits(s, &at, 2) : -1;
    int second = minute >= 0 && skip(s, &at, ':') ? digits(s, &at, 2) : -1;
    if (second < 0 || hour > 23 || minute > 59 || second > 60)
        return false;
    if (skip(s, &at, '.')) {
        if (digits(s, &at, 1) < 0)
            return false;
        while (at < s.n && s.p[at] >= '0' && s.p[at] <= '9')
            at++;
    }
    if (!offset(s, at, &east))
        return false;
    int utc = (hour * 60 + minute - east + 2 * 24 * 60) % (24 * 60);
    return second < 60 || utc == 24 * 60 - 1;
}

bool format_date_time(struct belay_str s)
{
    return s.n > 11 && (s.p[10] == 'T' || s.p[10] == 't') && format_date(belay_str(s.p, 10))
           && format_time(belay_str(s.p + 11, s.n - 11));
}

/* Numbers, each followed by one of the units, which must follow each other; how many there were. */
static int units(struct belay_str s, size_t *at, const char *names)
{
    int count = 0;
    for (const char *unit = names; *at < s.n && s.p[*at] != 'T'; count++) {
        size_t start = *at;
        while (*at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9')
            ++*at;
        if (*at == start || *at == s.n)
            return -1;
        if (count == 0)
            while (*unit && *unit != s.p[*at])
                unit++;
        if (*unit == '\0' || *unit != s.p[*at])
            return -1;
        unit++;
        ++*at;
    }
    return count;
}

bool format_duration(struct belay_str s)
{
    size_t at = 0;
    if (!skip(s, &at, 'P'))
        return false;
    size_t weeks = at;
    if (units(s, &weeks, "W") == 1)
        return weeks == s.n;
    int date = units(s, &at, "YMD"), time = 0;
    if (date < 0)
        return false;
    if (skip(s, &at, 'T')) {
        time = units(s, &at, "HMS");
        if (time <= 0)
            return false;
    }
    return at == s.n && date + time > 0;
}
