#include <math.h>
#include <stdio.h>

#include "expr/date_picture.h"
#include "expr/functions.h"

#define ISO_PICTURE BELAY_STR("[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]")

static struct belay_value format(struct run *run, double millis, struct belay_value picture,
                                 struct belay_value timezone)
{
    struct date_picture p;
    struct belay_str text = value_defined(picture) ? value_str(picture) : ISO_PICTURE;
    struct belay_str zone = value_defined(timezone) ? value_str(timezone) : BELAY_STR_NONE;
    return date_picture_parse(run, text, &p) ? date_format(run, millis, &p, zone) : FAILED;
}

static double now_millis(const struct run *run)
{
    return floor((double)run->env->now / BELAY_US_PER_MS);
}

struct belay_value f_now(struct run *run, struct call *call)
{
    return format(run, now_millis(run), call->args[0], call->args[1]);
}

struct belay_value f_millis(struct run *run, struct call *call)
{
    (void)call;
    return belay_value_number(now_millis(run));
}

struct belay_value f_fromMillis(struct run *run, struct call *call)
{
    if (!value_defined(call->args[0]))
        return UNDEFINED;
    return format(run, value_double(call->args[0]), call->args[1], call->args[2]);
}

struct belay_value f_toMillis(struct run *run, struct call *call)
{
    struct date_picture p;
    double millis;
    if (!value_defined(call->args[0]))
        return UNDEFINED;
    struct belay_str text = value_str(call->args[0]);
    if (value_defined(call->args[1]))
        return date_picture_parse(run, value_str(call->args[1]), &p) ? date_parse(run, text, &p)
                                                                     : FAILED;
    if (!date_parse_iso(text, &millis))
        return run_fail_value(run, "D3110", NO_POSITION, call->args[0]);
    return belay_value_number(millis);
}

/* Version 4, of the event's randomness. */
struct belay_value f_uuid(struct run *run, struct call *call)
{
    uint64_t high = belay_random_next(run->random), low = belay_random_next(run->random);
    char text[37];
    (void)call;
    high = (high & ~(uint64_t)0xf000) | 0x4000;
    low = (low & ~((uint64_t)3 << 62)) | (uint64_t)2 << 62;
    snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(high >> 32),
             (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xffff), (unsigned)(low >> 48),
             (unsigned long long)(low & 0xffffffffffff));
    return string_copy(run, belay_str_c(text));
}
