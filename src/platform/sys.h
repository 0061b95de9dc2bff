/* sys.h - how the system's errno becomes a status; private to this room.  Thread: any. */
#ifndef BELAY_PLATFORM_SYS_H
#define BELAY_PLATFORM_SYS_H

#include "base/status.h"

/* Fails with the status of errno number and the message "what: reason". */
int belay_sys_fail(struct belay_err *err, int errno_value, const char *fmt, ...)
    BELAY_PRINTF(3, 4);
int belay_sys_status(int errno_value);

#endif
