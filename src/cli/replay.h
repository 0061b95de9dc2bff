/* replay.h - replay jobs, as `belay dlq` shows them: begin one and watch it, list, pause, resume, cancel.
 * Uses: client, table.  Thread: main; blocking. */
#ifndef BELAY_CLI_REPLAY_H
#define BELAY_CLI_REPLAY_H

#include <stdbool.h>

#include "cli/letters.h"

struct replay_options {
    const char *data, *rate, *concurrency;
    struct letters_filter filter;
    bool json, from_start, any_order, detach;
};

/* Begins a job and watches it to its end, unless detached. Exit code: EXIT_NO where a letter failed again. */
int replay_begin(const struct replay_options *o);
int replay_list(const char *data, bool json);
/* verb: show, watch, pause, resume, cancel. */
int replay_job(const char *data, bool json, const char *verb, const char *id);

#endif
