#include "expr/calendar.h"

#include <math.h>

int64_t calendar_days(int64_t year, int64_t month, int64_t day)
{
    year += (month - 1) / 12 - ((month - 1) % 12 < 0);
    month = ((month - 1) % 12 + 12) % 12 + 1;
    year -= month <= 2; /* a year begins in March, so that the leap day is its last */
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468 + day - 1;
}

static struct calendar date_of(int64_t days)
{
    struct calendar c = { .days = days };
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    c.day = (int)(of_year - (153 * month + 2) / 5 + 1);
    c.month = (int)(month < 10 ? month + 3 : month - 9);
    c.year = year + era * 400 + (c.month <= 2);
    c.year_day = (int)(days - calendar_days(c.year, 1, 1) + 1);
    c.weekday = (int)(((days + 3) % 7 + 7) % 7 + 1);
    return c;
}

struct calendar calendar_of(double millis)
{
    int64_t ms = (int64_t)floor(millis), day_ms = 86400000;
    int64_t days = ms / day_ms - (ms % day_ms < 0);
    struct calendar c = date_of(days);
    int64_t rest = ms - days * day_ms;
    c.hour = (int)(rest / 3600000);
    c.minute = (int)(rest / 60000 % 60);
    c.second = (int)(rest / 1000 % 60);
    c.millis = (int)(rest % 1000);
    return c;
}

struct calendar calendar_thursday(const struct calendar *c)
{
    return date_of(c->days + 4 - c->weekday);
}
