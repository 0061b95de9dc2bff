/* rehearse.h - what a replay would send, as `belay dlq replay --dry-run` shows it.
 * Uses: client.  Thread: main; blocking. */
#ifndef BELAY_CLI_REHEARSE_H
#define BELAY_CLI_REHEARSE_H

#include "cli/client.h"

/* The body of a request to rehearse, with the answers of a file (NULL: none); the caller's. False: it was said why. */
bool rehearse_body(const char *answers_path, bool from_start, struct belay_buf *ret_body);
/* One letter. Exit code: EXIT_NO where it would be a letter again. */
int rehearse_letter(const char *data, bool json, const char *flow, const char *sequence, const struct belay_buf *body,
                    bool reveal);

#endif
