#include "platform/clock.h"

#include <stddef.h>
#include <time.h>

#include "base/assert.h"

static belay_time read_us(clockid_t id)
{
    struct timespec ts;
    int failed = clock_gettime(id, &ts);
    BELAY_ASSERT(!failed);
    return (belay_time)ts.tv_sec * BELAY_US_PER_S + ts.tv_nsec / 1000;
}

static belay_time wall_us(void *ctx)
{
    (void)ctx;
    return read_us(CLOCK_REALTIME);
}

static belay_time monotonic_us(void *ctx)
{
    (void)ctx;
    return read_us(CLOCK_MONOTONIC);
}

const struct belay_clock *belay_clock_posix(void)
{
    static const struct belay_clock posix = { wall_us, monotonic_us, NULL };
    return &posix;
}
