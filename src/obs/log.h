/* log.h - log records: one JSON object a line.  Uses: base.  Thread: any, at the same time.
 *
 *     {"ts":"2026-07-01T12:00:00.123Z","level":"warn","event":"letter.created","message":"...",
 *      "correlation":"...","flow":"notify-warehouse","trace":"...","attempts":8}
 *
 * ts is RFC 3339 in UTC; event is a stable name "thing.happened" to search and alert on; the fields
 * come in the order given. Writing a record allocates nothing and cannot fail: what is too long is
 * cut and says "truncated":true. Bytes that are no UTF-8 become U+FFFD.
 *
 * Floods: of one event name at most BELAY_LOG_EVENTS_PER_S records a second are written; the next
 * record of that name that gets through says how many were not ("suppressed":n), and
 * belay_log_tick says it where none comes. */
#ifndef BELAY_OBS_LOG_H
#define BELAY_OBS_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/status.h"
#include "base/str.h"
#include "base/time.h"

enum belay_log_level {
    BELAY_LOG_DEBUG,
    BELAY_LOG_INFO,
    BELAY_LOG_WARN,
    BELAY_LOG_ERROR
};

/* Where lines go. write gets whole lines, newline included, from any thread. */
struct belay_log_sink {
    void (*write)(void *ctx, const char *line, size_t n);
    void *ctx;
};

/* A stream (standard error); each line is one write. */
struct belay_log_sink belay_log_sink_file(FILE *file);
/* Appends to buf: for tests, one thread. */
struct belay_log_sink belay_log_sink_buf(struct belay_buf *buf);

/* What nearly every record names; empty ones are left out. */
struct belay_log_ids {
    struct belay_str message, correlation, flow, trace;
};

enum belay_log_type {
    BELAY_FIELD_STR,
    BELAY_FIELD_INT,
    BELAY_FIELD_UINT,
    BELAY_FIELD_BOOL,
    BELAY_FIELD_DOUBLE, /* null where it is no number */
    BELAY_FIELD_TIME,   /* RFC 3339 */
    BELAY_FIELD_IDS,    /* several members */
    BELAY_FIELD_ERR     /* {"code":"NOSPACE","class":"transient","message":"..."} */
};

/* Made by the functions below; borrows what it points at until the record is written. */
struct belay_log_field {
    const char *name; /* a literal, [a-z_]+ */
    enum belay_log_type type;
    union {
        struct belay_str str;
        int64_t i;
        uint64_t u;
        bool b;
        double d;
        const struct belay_log_ids *ids;
        const struct belay_err *err;
    } v;
};

static inline struct belay_log_field belay_f_str(const char *name, struct belay_str v)
{
    return (struct belay_log_field){ name, BELAY_FIELD_STR, { .str = v } };
}

static inline struct belay_log_field belay_f_c(const char *name, const char *v)
{
    return belay_f_str(name, belay_str_c(v));
}

static inline struct belay_log_field belay_f_int(const char *name, int64_t v)
{
    return (struct belay_log_field){ name, BELAY_FIELD_INT, { .i = v } };
}

static inline struct belay_log_field belay_f_uint(const char *name, uint64_t v)
{
    return (struct belay_log_field){ name, BELAY_FIELD_UINT, { .u = v } };
}

static inline struct belay_log_field belay_f_bool(const char *name, bool v)
{
    return (struct belay_log_field){ name, BELAY_FIELD_BOOL, { .b = v } };
}

static inline struct belay_log_field belay_f_double(const char *name, double v)
{
    return (struct belay_log_field){ name, BELAY_FIELD_DOUBLE, { .d = v } };
}

static inline struct belay_log_field belay_f_time(const char *name, belay_time v)
{
    return (struct belay_log_field){ name, BELAY_FIELD_TIME, { .i = v } };
}

static inline struct belay_log_field belay_f_ids(const struct belay_log_ids *ids)
{
    return (struct belay_log_field){ "ids", BELAY_FIELD_IDS, { .ids = ids } };
}

static inline struct belay_log_field belay_f_err(const struct belay_err *err)
{
    return (struct belay_log_field){ "error", BELAY_FIELD_ERR, { .err = err } };
}

struct belay_log_flood {
    _Atomic(const char *) event; /* NULL: free */
    _Atomic int64_t second;
    _Atomic uint32_t count;      /* written in that second */
    _Atomic uint64_t suppressed; /* since the last one that said so */
};

struct belay_log {
    struct belay_log_sink sink;
    _Atomic int level; /* records below it are not written */
    struct belay_log_flood floods[BELAY_LOG_EVENTS_MAX];
};

void belay_log_init(struct belay_log *log, struct belay_log_sink sink, enum belay_log_level level);
void belay_log_set_level(struct belay_log *log, enum belay_log_level level);
/* "debug", "info", "warn", "error"; false for another word. */
bool belay_log_level_parse(struct belay_str text, enum belay_log_level *ret_level);
/* To leave out work whose only purpose is a record. log may be NULL: false. */
bool belay_log_wants(const struct belay_log *log, enum belay_log_level level);

/* event: a literal. log may be NULL: nothing happens. */
void belay_log_write(struct belay_log *log, enum belay_log_level level, belay_time now,
                     const char *event, const struct belay_log_field *fields, size_t field_count);
/* Says what was suppressed in seconds that are over. Once a second, from one thread. */
void belay_log_tick(struct belay_log *log, belay_time now);

/* BELAY_LOG(log, BELAY_LOG_WARN, now, "letter.created", belay_f_ids(&ids), belay_f_uint("n", 3)) */
#define BELAY_LOG(log, level, now, event, ...)                                             \
    belay_log_write((log), (level), (now), (event), (struct belay_log_field[]){ __VA_ARGS__ }, \
                    sizeof((struct belay_log_field[]){ __VA_ARGS__ })                      \
                        / sizeof(struct belay_log_field))

#endif
