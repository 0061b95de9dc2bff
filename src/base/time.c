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
