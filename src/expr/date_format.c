#include <math.h>
#include <stdlib.h>

#include "expr/date_picture.h"
#include "expr/functions.h"

struct zone {
    int sign, hours, minutes;
};

/* "+0530", "-0500", "0000": hours and minutes; anything else is UTC. */
static struct zone zone_of(struct belay_str s)
{
    char text[16];
    if (s.n == 0 || s.n >= sizeof text)
        return (struct zone){ 1, 0, 0 };
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    long n = strtol(text, NULL, 10);
    long size = n < 0 ? -n : n;
    return (struct zone){ n < 0 ? -1 : 1, (int)(size / 100 % 100), (int)(size % 100) };
}

static bool put_name(struct text *t, struct run *run, const struct date_part *part, double value)
{
    const char *const *names = part->component == 'F' ? date_days : date_months;
    if (!strchr("MxF", part->component)) {
        run_fail(run, "D3133", NO_POSITION, belay_str(&part->component, 1));
        return false;
    }
    struct belay_str name = belay_str_c(names[(int)value]);
    if (part->width_max > 0)
        name = belay_str_sub(name, 0, (size_t)part->width_max);
    text_put_case(t, name, part->letters);
    return true;
}

static bool put_number(struct text *t, struct run *run, const struct date_part *part, double value)
{
    if (part->names)
        return put_name(t, run, part, value);
    if (part->component == 'Y' && part->year_digits >= 0)
        value = fmod(value, pow(10, part->year_digits));
    return integer_format(t, value, &part->integer);
}

static bool put_zone_digits(struct text *t, struct run *run, const struct date_part *part,
                            const struct zone *z)
{
    const struct integer_picture *i = &part->integer;
    double both = z->hours * 100 + z->minutes;
    if (i->regular || i->mandatory == 3 || i->mandatory == 4)
        return integer_format(t, both, i);
    if (i->mandatory > 4 || i->mandatory == 0) {
        run_fail(run, "D3134", NO_POSITION, BELAY_STR_NONE);
        return false;
    }
    struct integer_picture two = { .zero = '0', .mandatory = 2 };
    if (!integer_format(t, z->hours, i))
        return false;
    if (z->minutes == 0)
        return true;
    text_put(t, ":", 1);
    return integer_format(t, z->minutes, &two);
}

static bool put_zone(struct text *t, struct run *run, const struct date_part *part,
                     const struct zone *z)
{
    if (z->hours == 0 && z->minutes == 0 && part->traditional) {
        text_put(t, "Z", 1);
        struct text nowhere = { .run = run }; /* the picture is still checked */
        return put_zone_digits(&nowhere, run, part, z);
    }
    if (part->component == 'z')
        text_put(t, "GMT", 3);
    text_put(t, z->sign < 0 ? "-" : "+", 1);
    return put_zone_digits(t, run, part, z);
}

static bool put_part(struct text *t, struct run *run, const struct date_part *part,
                     const struct calendar *c, const struct zone *z)
{
    switch (part->component) {
    case 0: text_put_str(t, part->literal); return true;
    case 'C':
    case 'E': text_put(t, "ISO", 3); return true;
    case 'Z':
    case 'z': return put_zone(t, run, part, z);
    case 'P':
        text_put_case(t, date_component(c, 'P') != 0 ? BELAY_STR("pm") : BELAY_STR("am"),
                      part->letters == CASE_UPPER ? CASE_UPPER : CASE_LOWER);
        return true;
    default: return put_number(t, run, part, date_component(c, part->component));
    }
}

struct belay_value date_format(struct run *run, double millis, const struct date_picture *picture,
                               struct belay_str timezone)
{
    struct zone z = zone_of(timezone);
    struct text t = { .run = run };
    millis += z.sign * (z.hours * 60.0 + z.minutes) * 60000;
    if (!(fabs(millis) <= CALENDAR_MS_MAX))
        return run_fail_value(run, "D1001", NO_POSITION, belay_value_number(millis));
    struct calendar c = calendar_of(millis);
    for (uint32_t i = 0; i < picture->n; i++)
        if (!put_part(&t, run, &picture->parts[i], &c, &z))
            return FAILED;
    return text_value(&t);
}
