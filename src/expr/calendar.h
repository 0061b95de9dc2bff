/* calendar.h - days and dates of the proleptic Gregorian calendar, in UTC.  Private to expr.
 * Thread: any (pure). */
#ifndef BELAY_EXPR_CALENDAR_H
#define BELAY_EXPR_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#define CALENDAR_MS_PER_DAY 86400000.0
#define CALENDAR_MS_MAX 8.64e15 /* as ECMA-262 */

struct calendar {
    int64_t days; /* since 1970-01-01 */
    int64_t year;
    int month, day; /* from 1 */
    int year_day;   /* from 1 */
    int weekday;    /* 1: Monday ... 7: Sunday */
    int hour, minute, second, millis;
};

/* Days from 1970-01-01 to the date; month and day may be beyond their ranges' ends. */
int64_t calendar_days(int64_t year, int64_t month, int64_t day);
/* |millis| <= CALENDAR_MS_MAX */
struct calendar calendar_of(double millis);
/* The Thursday of the ISO week: its date says to which year and month the week belongs. */
struct calendar calendar_thursday(const struct calendar *c);

#endif
