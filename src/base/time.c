#include "base/time.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

#define MS_PER_DAY INT64_C(86400000)
#define YEAR_0_MS INT64_C(-62167219200000)
#define YEAR_10000_MS INT64_C(253402300800000)

struct date {
    int year, month, day;
};

/* Howard Hinnant's civil_from_days: eras of 400 years that begin on the first of March. */
static struct date date_of(int64_t days)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    unsigned day_of_era = (unsigned)(z - era * 146097);
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month = (5 * day_of_year + 2) / 153; /* 0 is March */
    unsigned day = day_of_year - (153 * month + 2) / 5 + 1;
    int year = (int)(era * 400 + year_of_era) + (month >= 10);
    return (struct date){ year, (int)(month < 10 ? month + 3 : month - 9), (int)day };
}

void belay_time_text(belay_time t, char ret_text[BELAY_TIME_TEXT_BYTES])
{
    int64_t ms = t / BELAY_US_PER_MS - (t % BELAY_US_PER_MS < 0);
    if (ms < YEAR_0_MS)
        ms = YEAR_0_MS;
    if (ms >= YEAR_10000_MS)
        ms = YEAR_10000_MS - 1;
    int64_t days = ms / MS_PER_DAY - (ms % MS_PER_DAY < 0);
    int in_day = (int)(ms - days * MS_PER_DAY);
    struct date date = date_of(days);
    char text[64];
    int n = snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", date.year,
                     date.month, date.day, in_day / 3600000, in_day / 60000 % 60,
                     in_day / 1000 % 60, in_day % 1000);
    BELAY_ASSERT(n == BELAY_TIME_TEXT_BYTES - 1);
    memcpy(ret_text, text, BELAY_TIME_TEXT_BYTES);
}

/* Howard Hinnant's days_from_civil. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned year_of_era = (unsigned)(year - era * 400);
    unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + (int64_t)(year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year) - 719468;
}

/* So many digits, and a character behind them ('\0': none). */
static bool take(struct belay_str *s, size_t digits, char behind, unsigned *ret_n)
{
    unsigned n = 0;
    size_t all = digits + (behind != '\0');
    if (s->n < all || (behind && s->p[digits] != behind))
        return false;
    for (size_t i = 0; i < digits; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        n = n * 10 + (unsigned)(s->p[i] - '0');
    }
    *ret_n = n;
    *s = belay_str_sub(*s, all, s->n);
    return true;
}

/* ".123456789": microseconds. */
static bool take_fraction(struct belay_str *s, int64_t *ret_us)
{
    int64_t us = 0, unit = 100000;
    size_t n = 1;
    if (!s->n || s->p[0] != '.')
        return true;
    for (; n < s->n && s->p[n] >= '0' && s->p[n] <= '9'; n++, unit /= 10)
        us += unit * (s->p[n] - '0');
    *s = belay_str_sub(*s, n, s->n);
    *ret_us = us;
    return n > 1;
}

static bool take_offset(struct belay_str *s, int64_t *ret_s)
{
    unsigned hours, minutes;
    if (s->n == 1 && (s->p[0] == 'Z' || s->p[0] == 'z'))
        return true;
    bool west = s->n && s->p[0] == '-';
    if (!s->n || (s->p[0] != '+' && !west))
        return false;
    *s = belay_str_sub(*s, 1, s->n);
    if (!take(s, 2, ':', &hours) || !take(s, 2, '\0', &minutes) || s->n || hours > 23 || minutes > 59)
        return false;
    *ret_s = (int64_t)(hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return true;
}

bool belay_time_parse(struct belay_str text, belay_time *ret_t)
{
    static const uint8_t days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    unsigned year, month, day, hour = 0, minute = 0, second = 0;
    int64_t us = 0, offset_s = 0;
    if (!take(&text, 4, '-', &year) || !take(&text, 2, '-', &month) || !take(&text, 2, '\0', &day) || month < 1
        || month > 12 || day < 1 || day > days[month - 1]
        || (month == 2 && day == 29 && (year % 4 || (year % 100 == 0 && year % 400))))
        return false;
    if (text.n) {
        if (text.p[0] != 'T' && text.p[0] != 't' && text.p[0] != ' ')
            return false;
        text = belay_str_sub(text, 1, text.n);
        if (!take(&text, 2, ':', &hour) || !take(&text, 2, ':', &minute) || !take(&text, 2, '\0', &second) || hour > 23
            || minute > 59 || second > 60 || !take_fraction(&text, &us) || !take_offset(&text, &offset_s))
            return false;
    }
    int64_t s = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset_s;
    *ret_t = s * BELAY_US_PER_S + us;
    return true;
}
