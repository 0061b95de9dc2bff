/* status.h - the one table of status codes, and the error that travels upwards.
 * A status says what happened; the class says what to do about it.  Thread: any (plain values). */
#ifndef BELAY_BASE_STATUS_H
#define BELAY_BASE_STATUS_H

#include <stdarg.h>
#include <stdint.h>

/*      name          usual class  text */
#define BELAY_STATUS_TABLE(X)                                                  \
    X(OK,             PERMANENT,   "ok")                                       \
    X(EMPTY,          TRANSIENT,   "nothing there")                            \
    X(NOMEM,          TRANSIENT,   "out of memory")                            \
    X(NOSPACE,        TRANSIENT,   "no space left")                            \
    X(BUSY,           TRANSIENT,   "busy")                                     \
    X(TIMEOUT,        TRANSIENT,   "timed out")                                \
    X(UNAVAILABLE,    TRANSIENT,   "unavailable")                              \
    X(CANCELLED,      TRANSIENT,   "cancelled")                                \
    X(NOTFOUND,       PERMANENT,   "not found")                                \
    X(EXISTS,         PERMANENT,   "exists already")                           \
    X(INVALID,        PERMANENT,   "invalid")                                  \
    X(SYNTAX,         PERMANENT,   "syntax error")                             \
    X(LIMIT,          PERMANENT,   "limit exceeded")                           \
    X(CONFLICT,       PERMANENT,   "conflict")                                 \
    X(DENIED,         PERMANENT,   "denied")                                   \
    X(UNSUPPORTED,    PERMANENT,   "unsupported")                              \
    X(LOCKED,         FATAL,       "locked by another process")                \
    X(VERSION,        FATAL,       "written by another version")               \
    X(IO,             FATAL,       "input/output error")                       \
    X(CORRUPT,        FATAL,       "corrupt")

enum belay_status {
#define X(name, class, text) BELAY_##name,
    BELAY_STATUS_TABLE(X)
#undef X
    BELAY_STATUS_COUNT
};

/* What to do about an error. UNKNOWN_OUTCOME: sent, and no answer tells whether it was done. */
enum belay_class {
    BELAY_CLASS_TRANSIENT,
    BELAY_CLASS_PERMANENT,
    BELAY_CLASS_FATAL,
    BELAY_CLASS_UNKNOWN_OUTCOME
};

#define BELAY_ERR_MSG_MAX 512

struct belay_err {
    int code;                /* enum belay_status */
    enum belay_class class_;
    uint32_t retry_after_ms; /* 0: the other side named no time */
    char msg[BELAY_ERR_MSG_MAX];
};

#define BELAY_MUST_CHECK __attribute__((warn_unused_result))
#define BELAY_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* "NOSPACE" etc.; "?" for a number that is no status. Static strings. */
const char *belay_status_name(int status);
const char *belay_status_text(int status);
enum belay_class belay_status_class(int status);
const char *belay_class_name(enum belay_class class_);

/* Sets err (which may be NULL) with the usual class of status and returns status, so that
 * `return belay_fail(err, BELAY_INVALID, "...")` reads well. Truncates long messages. */
int belay_fail(struct belay_err *err, int status, const char *fmt, ...) BELAY_PRINTF(3, 4);

/* Puts "context: " before err->msg and returns err->code; err may be NULL (returns status). */
int belay_wrap(struct belay_err *err, int status, const char *fmt, ...) BELAY_PRINTF(3, 4);

void belay_err_clear(struct belay_err *err);

#endif
