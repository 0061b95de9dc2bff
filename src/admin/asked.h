/* asked.h - what a request may say: the members of its body and the parameters of its query, by the table of its route.
 *
 * What is not understood is refused, by its name: a filter that is misspelt would be none, and a reason that nobody
 * reads is lost.  An empty filter ("--flow $F" of a variable that is not set) is one that was forgotten.
 *
 * Uses: connector/http.  Thread: any. */
#ifndef BELAY_ADMIN_ASKED_H
#define BELAY_ADMIN_ASKED_H

#include "connector/http/server.h"

enum admin_kind {
    ADMIN_TEXT,   /* may be empty */
    ADMIN_NAME,   /* a text that is not */
    ADMIN_NUMBER, /* from 0 */
    ADMIN_FLAG,   /* true or false */
    ADMIN_OBJECT,
    ADMIN_ANY
};

struct admin_member {
    const char *name; /* NULL: the end of the table */
    enum admin_kind kind;
};

/* False: what is wrong is in text, ended by a NUL. NULL tables: nothing may be said. */
bool asked_is_known(const struct belay_http_request *http, const struct admin_member *query,
                    const struct admin_member *body, char *text, size_t text_bytes) BELAY_MUST_CHECK;

#endif
