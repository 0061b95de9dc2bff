#include "policy/drain.h"

#include <math.h>

void belay_drain_see(struct belay_drain *d, uint64_t left, belay_time now)
{
    if (!d->begun || left < d->left) {
        *d = (struct belay_drain){ .begun = true, .at = now, .left = left };
        return;
    }
    double ms = (double)(now - d->at) / BELAY_US_PER_MS;
    if (ms < BELAY_DRAIN_SAMPLE_MS)
        return;
    double speed = (double)(left - d->left) * 1000 / ms;
    double old = d->known ? exp(-ms / BELAY_DRAIN_MEMORY_MS) : 0;
    d->per_second = old * d->per_second + (1 - old) * speed;
    d->known = true;
    d->at = now;
    d->left = left;
}

void belay_drain_skip(struct belay_drain *d, uint64_t left, belay_time now)
{
    double ms = (double)(now - d->at) / BELAY_US_PER_MS;
    if (d->begun && ms < BELAY_DRAIN_SAMPLE_MS)
        return;
    double speed = d->begun && left > d->left ? (double)(left - d->left) * 1000 / ms : 0;
    if (d->known && speed > d->per_second)
        d->per_second = speed;
    d->begun = true;
    d->at = now;
    d->left = left;
}

uint32_t belay_drain_after_ms(const struct belay_drain *d, uint64_t amount)
{
    if (!d->known)
        return BELAY_DRAIN_AFTER_MS_MIN;
    double ms = d->per_second > 0 ? (double)amount * 1000 / d->per_second : BELAY_DRAIN_AFTER_MS_MAX;
    if (ms < BELAY_DRAIN_AFTER_MS_MIN)
        return BELAY_DRAIN_AFTER_MS_MIN;
    return ms < BELAY_DRAIN_AFTER_MS_MAX ? (uint32_t)ms : BELAY_DRAIN_AFTER_MS_MAX;
}
