/* process.h - one program, from its start to its end.  Private to this room.  Thread: the worker's. */
#ifndef BELAY_CONNECTOR_COMMAND_PROCESS_H
#define BELAY_CONNECTOR_COMMAND_PROCESS_H

#include "base/buf.h"
#include "connector/common/workers.h"

enum process_end { PROCESS_EXITED, PROCESS_KILLED, PROCESS_TIMEOUT, PROCESS_CANCELLED };

struct process_result {
    enum process_end end;
    int code;           /* EXITED: its exit code; KILLED: the signal's number */
    bool truncated;     /* it printed more than was kept */
};

/* Starts argv with exactly that environment, gives it input, and waits for its end; what it prints is appended to out
 * (up to its size_bytes_max). Out of time or cancelled: it is ended first. Returns 0, or the errno for which it could not
 * be started. */
int process_run(char *const *argv, char *const *envp, struct belay_str input, const struct belay_work *work,
                struct belay_buf *out, struct process_result *ret_result);

#endif
