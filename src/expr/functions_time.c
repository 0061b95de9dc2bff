#include <stdio.h>

#include "expr/functions.h"

struct belay_value f_now(struct run *run, struct call *call)
{
    char text[BELAY_TIME_TEXT_BYTES];
    (void)call;
    belay_time_text(run->env->now, text);
    return string_copy(run, belay_str_c(text));
}

struct belay_value f_millis(struct run *run, struct call *call)
{
    (void)call;
    return belay_value_number((double)(run->env->now / BELAY_US_PER_MS));
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
