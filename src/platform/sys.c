#include "platform/sys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

int belay_sys_status(int errno_value)
{
    switch (errno_value) {
    case ENOSPC:
    case EDQUOT: return BELAY_NOSPACE;
    case ENOMEM: return BELAY_NOMEM;
    case ENOENT:
    case ENOTDIR: return BELAY_NOTFOUND;
    case EEXIST:
    case ENOTEMPTY:
    case EADDRINUSE: return BELAY_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS: return BELAY_DENIED;
    case EMFILE:
    case ENFILE:
    case EFBIG:
    case ENAMETOOLONG: return BELAY_LIMIT;
    case EADDRNOTAVAIL: return BELAY_INVALID;
    case EAGAIN:
    case EBUSY: return BELAY_BUSY;
    case EOPNOTSUPP:
    case ENOSYS: return BELAY_UNSUPPORTED;
    default: return BELAY_IO;
    }
}

int belay_sys_fail(struct belay_err *err, int errno_value, const char *fmt, ...)
{
    char what[256], reason[128];
    va_list args;
    BELAY_ASSERT(errno_value != 0);
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return belay_fail(err, belay_sys_status(errno_value), "%s: %s", what,
                      strerror_r(errno_value, reason, sizeof reason));
}
