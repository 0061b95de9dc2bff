/* question.h - a question and how it is answered (question.c).  Private to admin.
 *
 *   asked (I/O thread) --visit--> answer (engine) --false--> go_on, in later turns ... --> told, once it is durable
 *
 * A question belongs to itself: it goes when it was told, or when the engine ends before that; forget is called then.
 * The answering functions return true when the question is finished, so that a failure is one line:
 * `return question_fail(...)`.  Errors are a status of base/err.h, told as a problem with the HTTP status that fits.
 * Thread: engine, but for birth and end. */
#ifndef BELAY_ADMIN_QUESTION_H
#define BELAY_ADMIN_QUESTION_H

#include "admin/admin.h"
#include "admin/asked.h"
#include "base/arena.h"
#include "base/buf.h"
#include "connector/http/server.h"
#include "json/json.h"

struct admin_route;
struct belay_redact_words;

/* A request under way. Born on the I/O thread, answered on the engine's. */
struct question {
    struct belay_visit visit;
    struct belay_admin *admin;
    struct belay_http_request *http;
    const struct admin_route *route;
    struct belay_str who;       /* for audit records; in kept */
    enum belay_role role;       /* of who asks */
    bool reveal;                /* named values are wanted, and he may see them */
    bool places;                /* marks say where: for who edits */
    struct belay_redact_words *words; /* hidden in the answer's texts; NULL: none */
    struct belay_engine *engine; /* of this turn */
    belay_time now;
    struct belay_arena arena;   /* what is read is forgotten again */
    struct belay_arena kept;    /* until the end */
    void (*go_on)(void *arg, struct belay_engine *e); /* what question_again waits for; NULL */
    void *go_on_arg;
    void (*forget)(void *arg); /* when the question goes, answered or not; NULL */
    void *forget_arg;
    struct belay_buf out;
    const char *content_type;
    uint32_t status;            /* 200 unless it failed */
    struct belay_err err;
    struct belay_fetch fetch;   /* for those who read messages */
    void *state;                /* the answer's own, in arena */
};

/* The answer goes on in a later turn, with go_on(arg): one bite of a long one is done. Then false is returned. */
bool question_again(struct question *q, void (*go_on)(void *arg, struct belay_engine *e), void *arg);
/* It was answered, within go_on. */
void question_end(struct question *q);
/* Errors become 404, 409, 422, 503, 500 by their status. Returns true: the question is finished. */
bool question_fail(struct question *q, int status, const char *fmt, ...) BELAY_PRINTF(3, 4);
/* After a call that failed with q->err set. */
bool question_failed(struct question *q, int status);
/* What changed something has ended with status: {"done":true}, or as question_failed. */
bool question_done(struct question *q, int status);
/* Of path and query; empty where absent. */
struct belay_str question_param(const struct question *q, const char *name);
uint64_t question_number(const struct question *q, const char *name, uint64_t otherwise);
uint32_t question_count(const struct question *q);
/* A member of the JSON body; NULL. */
const belay_json *question_member(const struct question *q, const char *name);
struct belay_str question_text(const struct question *q, const char *name);
bool question_flag(const struct question *q, const char *name);
/* A lane's key, as the path names it. False: the question has failed. */
bool question_key(struct question *q, struct belay_str *ret_key);

/* The subscription named by the path's {flow}; NULL: failed. */
struct belay_subscription *question_subscription(struct question *q, struct belay_engine *e);

#endif
