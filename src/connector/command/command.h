/* command.h - the connector that starts a program for each call.
 *
 *   call: body -> standard input; headers -> environment variables; answer <- standard output
 *
 * No shell: `run` is a program and its arguments, as they are.  The program gets PATH, HOME, LANG, LC_ALL, TZ, TMPDIR and USER
 * of Belay's environment, the connection's `env`, the call's headers, and BELAY_IDEMPOTENCY_KEY; nothing else, so no
 * secret of Belay's.  It has the call's time: then its process group gets SIGTERM, after a second SIGKILL.  Of its output
 * response_max bytes are kept, the rest is read and thrown away.  It is waited for in any case: no zombies.
 *
 *   exit 0                   ok; what it printed is the body
 *   64, 65, 78 (sysexits.h)  COMMAND:EXIT, permanent: usage, data, configuration
 *   any other                COMMAND:EXIT, transient
 *   a signal, out of time    COMMAND:SIGNAL, COMMAND:TIMEOUT, unknown: it may have done its work
 *   it cannot be started     COMMAND:START, transient (no memory, too many processes), else permanent
 *
 * Uses: connector/common, posix_spawn.  Thread: as the contract says. */
#ifndef BELAY_CONNECTOR_COMMAND_COMMAND_H
#define BELAY_CONNECTOR_COMMAND_COMMAND_H

#include "belay/connector.h"

extern const struct belay_connector belay_connector_command;

#endif
