/* impl.h - what the files of this room share: a question and how it is answered. */
#ifndef BELAY_ADMIN_IMPL_H
#define BELAY_ADMIN_IMPL_H

#include <stdatomic.h>

#include "admin/admin.h"
#include "admin/asked.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "broker/trail.h"
#include "connector/http/server.h"
#include "json/json.h"
#include "json/redact.h"

#define ADMIN_SERVERS_MAX 3

#define ADMIN_TOKENS_MAX 64

struct admin_token {
    struct belay_str name, secret; /* views of token_text */
    enum belay_role role;
};


struct belay_admin {
    struct belay_runtime *runtime;
    struct belay_http_io *io;
    struct belay_http_server *servers[ADMIN_SERVERS_MAX];
    uint32_t server_count;
    struct belay_str token_text; /* belay_memdup0 */
    struct admin_token tokens[ADMIN_TOKENS_MAX];
    uint32_t token_count;
    _Atomic uint32_t alive; /* servers that have not said closed */
};

struct question;

/* One resource. answer runs on the engine thread: it writes JSON to q->out, or fails; true: finished.
 * NULL: /ping, which the I/O thread answers. */
struct admin_route {
    const char *method, *path, *operation;
    const char *says; /* in half a line */
    bool (*answer)(struct question *q, struct belay_engine *e, belay_time now);
    enum belay_role role; /* that it needs at least */
    bool health; /* also served on the health address */
    const struct admin_member *query, *body; /* what may be asked for; NULL: nothing */
};

extern const struct admin_route admin_routes[];
extern const uint32_t admin_route_count;

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
/* The same of one letter. Where it is none (any more) and a person did something to it: 409, with who and when. */
bool question_letter_done(struct question *q, struct belay_engine *e, const struct belay_trail_entry *entry, int status);
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

/* ---- telling (tell.c) ---- */

/* The answer or the error of a question that has ended, with what may not be told hidden. Once. */
void question_tell(struct question *q);
bool question_may_reveal(const struct question *q);
/* Words to be hidden in the answer's texts. NULL: no memory. */
struct belay_redact_words *question_words(struct question *q);
/* The letter's message with what may not be told hidden, for a predicate of somebody who may not see it. False: no memory. */
bool question_hide_letter(struct question *q, struct belay_letter *l);

/* ---- who asks (who.c) ---- */

/* Lines of TOKEN, NAME TOKEN or NAME ROLE TOKEN. Errors: BELAY_INVALID, BELAY_LIMIT. */
int tokens_parse(struct belay_admin *admin, struct belay_err *err) BELAY_MUST_CHECK;
/* The one that the request bears, of --admin-token's file or of the definitions (NULL: none), whose views it has. False:
 * none of them. */
bool token_of(const struct belay_admin *admin, const struct belay_definitions *d, const struct belay_http_request *http,
              struct admin_token *ret_token);
/* Of the user at the other end of the unix socket: who runs Belay, and root, are admins; others as the definitions say. */
enum belay_role role_of_user(const struct belay_definitions *d, struct belay_str peer, struct belay_arena *arena);
/* For audit records: the unix user at the other end of the socket, or the token's name; with a name that was said
 * (X-Belay-User) "NAME (by USER)". Not empty; at most BELAY_TRAIL_WHO_BYTES_MAX. token: NULL on the unix socket. */
struct belay_str who_asks(const struct belay_http_request *http, const struct admin_token *token, struct belay_arena *arena);

/* ---- looking at the question ---- */

/* The subscription named by the path's {flow}; NULL: failed. */
struct belay_subscription *question_subscription(struct question *q, struct belay_engine *e);

/* The letter that the path names: its subscription, or NULL when the question has failed. */
struct belay_subscription *question_letter(struct question *q, struct belay_engine *e, uint64_t *ret_sequence);

/* An entry of the trail about what the question asks for, by who asks. */
struct belay_trail_entry question_entry(const struct question *q, enum belay_trail_kind kind, struct belay_str owner,
                                        struct belay_str id, const char *verb);

/* It was done, after belay_trail_begin: into the trail and the log. Returns status of the adding. */
int question_did(struct question *q, struct belay_engine *e, const struct belay_trail_entry *entry, belay_time now) BELAY_MUST_CHECK;

/* ---- pieces of JSON that several answers show (show.c) ---- */

void show_text(struct belay_json_out *o, const char *name, struct belay_str text);
void show_uint(struct belay_json_out *o, const char *name, uint64_t value);
/* "limits": chains from the edge to what is slow; "apis". (answer_limits.c) */
void show_limits(struct belay_json_out *o, struct belay_engine *e);
void show_apis(struct belay_json_out *o, struct belay_engine *e);
void show_time(struct belay_json_out *o, const char *name, belay_time t);
/* {"id","key",...,"headers":{},"body":...}; the body as JSON where it is, else text. */
void show_message(struct belay_json_out *o, const struct belay_message *m, struct belay_arena *arena);
/* "body": as JSON where it is, else text; null where there is none. */
void show_body(struct belay_json_out *o, struct belay_str body, struct belay_arena *arena);
void show_fault(struct belay_json_out *o, const struct belay_fault *f);
/* {"at","who","did","what","owner","id","reason","detail"} */
void show_entry(struct belay_json_out *o, const struct belay_trail_entry *entry);
/* "trail": what persons did to one thing, oldest first; at most BELAY_ADMIN_PAGE_MAX entries. */
void show_trail(struct belay_json_out *o, struct belay_engine *e, enum belay_trail_kind kind, struct belay_str owner,
                struct belay_str id, struct belay_arena *arena);
/* A fault of the history: with its number and when it began. */
void show_attempt(struct belay_json_out *o, uint32_t attempt, const struct belay_fault *f);
/* LINE: a line of a list; WHOLE: with message and history; OPEN: a line whose object is not ended. */
enum show_how { SHOW_LINE, SHOW_WHOLE, SHOW_OPEN };
void show_letter(struct belay_json_out *o, const struct belay_letter *l, struct belay_arena *arena, enum show_how how);
/* What an import needs beside what a person reads: "progress", "definition", and "body_hex" where the body as it is shown is not
 * the body byte for byte. (answer_letter_import.c) */
void letter_show_exactly(struct belay_json_out *o, const struct belay_letter *l, struct belay_arena *arena);
void show_fingerprint(struct belay_json_out *o, const char *name, uint64_t fingerprint);
void show_hash(struct belay_json_out *o, const char *name, struct belay_hash128 h);

/* ---- answers ---- */

bool answer_ready(struct question *q, struct belay_engine *e, belay_time now);
bool answer_metrics(struct question *q, struct belay_engine *e, belay_time now);
bool answer_openapi(struct question *q, struct belay_engine *e, belay_time now);
bool answer_status(struct question *q, struct belay_engine *e, belay_time now);
bool answer_topics(struct question *q, struct belay_engine *e, belay_time now);
bool answer_messages(struct question *q, struct belay_engine *e, belay_time now);
bool answer_subscriptions(struct question *q, struct belay_engine *e, belay_time now);
bool answer_pause(struct question *q, struct belay_engine *e, belay_time now);
bool answer_resume(struct question *q, struct belay_engine *e, belay_time now);
bool answer_seek(struct question *q, struct belay_engine *e, belay_time now);
bool answer_letters(struct question *q, struct belay_engine *e, belay_time now);
bool answer_groups(struct question *q, struct belay_engine *e, belay_time now);
bool answer_letter(struct question *q, struct belay_engine *e, belay_time now);
bool answer_letter_replay(struct question *q, struct belay_engine *e, belay_time now);
bool answer_letters_discard(struct question *q, struct belay_engine *e, belay_time now);
bool answer_letter_import(struct question *q, struct belay_engine *e, belay_time now);
bool answer_letter_edit(struct question *q, struct belay_engine *e, belay_time now);
bool answer_letter_settle(struct question *q, struct belay_engine *e, belay_time now);
bool answer_letter_release(struct question *q, struct belay_engine *e, belay_time now);
bool answer_letter_discard(struct question *q, struct belay_engine *e, belay_time now);
bool answer_letter_rehearse(struct question *q, struct belay_engine *e, belay_time now);
bool answer_replays(struct question *q, struct belay_engine *e, belay_time now);
bool answer_job(struct question *q, struct belay_engine *e, belay_time now);
bool answer_job_start(struct question *q, struct belay_engine *e, belay_time now);
bool answer_job_pause(struct question *q, struct belay_engine *e, belay_time now);
bool answer_job_resume(struct question *q, struct belay_engine *e, belay_time now);
bool answer_job_cancel(struct question *q, struct belay_engine *e, belay_time now);
bool answer_sagas(struct question *q, struct belay_engine *e, belay_time now);
bool answer_saga_list(struct question *q, struct belay_engine *e, belay_time now);
bool answer_saga(struct question *q, struct belay_engine *e, belay_time now);
bool answer_saga_settle(struct question *q, struct belay_engine *e, belay_time now);
bool answer_saga_retry(struct question *q, struct belay_engine *e, belay_time now);
bool answer_saga_skip(struct question *q, struct belay_engine *e, belay_time now);
bool answer_saga_abort(struct question *q, struct belay_engine *e, belay_time now);
bool answer_lanes(struct question *q, struct belay_engine *e, belay_time now);
bool answer_lane(struct question *q, struct belay_engine *e, belay_time now);
bool answer_lane_park(struct question *q, struct belay_engine *e, belay_time now);
bool answer_lane_release(struct question *q, struct belay_engine *e, belay_time now);
bool answer_lane_retry(struct question *q, struct belay_engine *e, belay_time now);
bool answer_lane_skip(struct question *q, struct belay_engine *e, belay_time now);
bool answer_lane_move(struct question *q, struct belay_engine *e, belay_time now);
bool answer_alerts(struct question *q, struct belay_engine *e, belay_time now);
bool answer_alert_silence(struct question *q, struct belay_engine *e, belay_time now);
bool answer_alert_unsilence(struct question *q, struct belay_engine *e, belay_time now);
bool answer_alert_test(struct question *q, struct belay_engine *e, belay_time now);
bool answer_trail(struct question *q, struct belay_engine *e, belay_time now);
bool answer_audit_start(struct question *q, struct belay_engine *e, belay_time now);
bool answer_backup_start(struct question *q, struct belay_engine *e, belay_time now);
bool answer_backup(struct question *q, struct belay_engine *e, belay_time now);
bool answer_resume_all(struct question *q, struct belay_engine *e, belay_time now);
bool answer_audit(struct question *q, struct belay_engine *e, belay_time now);
bool answer_poison(struct question *q, struct belay_engine *e, belay_time now);
bool answer_poison_clear(struct question *q, struct belay_engine *e, belay_time now);
bool answer_trace(struct question *q, struct belay_engine *e, belay_time now);

#endif
