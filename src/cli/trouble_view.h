/* trouble_view.h - a letter and a lane as a person wants to see them at night: what failed, where, what was tried, what
 * persons did, what to do next.  Uses: table.  Thread: main. */
#ifndef BELAY_CLI_TROUBLE_VIEW_H
#define BELAY_CLI_TROUBLE_VIEW_H

#include "cli/command.h"

/* As GET /letters/{flow}/{sequence} answers; data: of --data, or NULL. */
void print_letter_view(const belay_json *letter, const char *data);
/* As GET /lanes/{flow}/{key} answers. */
void print_lane_view(const belay_json *lane, const char *data);

#endif
