/* client.h - asks the admin API of a running belay over its unix socket.  Thread: main; blocking. */
#ifndef BELAY_CLI_CLIENT_H
#define BELAY_CLI_CLIENT_H

#include "base/arena.h"
#include "cli/command.h"

struct answer {
    uint32_t status;          /* of HTTP */
    bool again;               /* 503 with Retry-After */
    struct belay_buf body;
    struct belay_arena arena; /* of json */
    const belay_json *json;   /* NULL where the body is none */
};

/* data_dir NULL: "belay-data". body NULL: a GET, else a POST. target is percent-encoded already. A 503 with Retry-After
 * (nothing was done: there is no room just now) is asked again for some seconds before it is the answer.
 * Prints why it failed and returns the exit code; EXIT_OK: *answer is the caller's (answer_free), whatever
 * its status. */
int client_ask(const char *data_dir, const char *target, const char *body, struct answer *answer);
void answer_free(struct answer *answer);
/* As ask, but a status of 400 and above is printed (its detail) and returned as EXIT_NO, answer freed. */
int client_get(const char *data_dir, const char *target, struct answer *answer);
int client_post(const char *data_dir, const char *target, const char *body, struct answer *answer);
/* Appends a path segment or query value, percent-encoded. */
void target_put(struct belay_buf *target, const char *text);
/* Where reveal is wanted: asks for what is redacted too; reason (NULL: none) goes into the trail. target may have its NUL, and
 * has one then. */
void target_reveal(struct belay_buf *target, bool reveal, const char *reason);
/* Makes it "/letters/FLOW/SEQUENCE" and verb ("/replay", or ""), ended by a NUL. */
void target_letter(struct belay_buf *target, const char *flow, const char *sequence, const char *verb);

#endif
