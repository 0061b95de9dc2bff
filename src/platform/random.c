#include "platform/random.h"

#include <errno.h>
#include <sys/random.h>

#include "base/assert.h"

static void fill(void *ctx, void *p, size_t n)
{
    (void)ctx;
    char *at = p;
    while (n) {
        ssize_t got = getrandom(at, n, 0);
        /* Only a signal can cut it short; anything else is a kernel without getrandom. */
        BELAY_ASSERT(got > 0 || (got < 0 && errno == EINTR));
        if (got > 0) {
            at += got;
            n -= (size_t)got;
        }
    }
}

const struct belay_entropy *belay_entropy_posix(void)
{
    static const struct belay_entropy posix = { fill, NULL };
    return &posix;
}
