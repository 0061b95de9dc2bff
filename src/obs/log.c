#include "obs/log.h"

#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "obs/line.h"

static const char *const level_names[] = { "debug", "info", "warn", "error" };

static void file_write(void *ctx, const char *line, size_t n)
{
    /* A log that cannot be written has nobody left to tell. */
    (void)!fwrite(line, 1, n, ctx);
    (void)fflush(ctx);
}

static void buf_write(void *ctx, const char *line, size_t n)
{
    belay_buf_put(ctx, line, n);
}

struct belay_log_sink belay_log_sink_file(FILE *file)
{
    return (struct belay_log_sink){ file_write, file };
}

struct belay_log_sink belay_log_sink_buf(struct belay_buf *buf)
{
    return (struct belay_log_sink){ buf_write, buf };
}

void belay_log_init(struct belay_log *log, struct belay_log_sink sink, enum belay_log_level level)
{
    memset(log, 0, sizeof *log);
    log->sink = sink;
    atomic_init(&log->level, (int)level);
}

void belay_log_set_level(struct belay_log *log, enum belay_log_level level)
{
    atomic_store_explicit(&log->level, (int)level, memory_order_relaxed);
}

bool belay_log_level_parse(struct belay_str text, enum belay_log_level *ret_level)
{
    for (unsigned i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (belay_str_eq(text, belay_str_c(level_names[i]))) {
            *ret_level = (enum belay_log_level)i;
            return true;
        }
    }
    return false;
}

bool belay_log_wants(const struct belay_log *log, enum belay_log_level level)
{
    return log && (int)level >= atomic_load_explicit(&log->level, memory_order_relaxed);
}

/* The slot of the name, claimed where it is new; NULL when all are taken: such an event is not
 * limited. */
static struct belay_log_flood *flood_of(struct belay_log *log, const char *event)
{
    size_t start = belay_hash64(belay_str_c(event)) % BELAY_LOG_EVENTS_MAX;
    for (size_t i = 0; i < BELAY_LOG_EVENTS_MAX; i++) {
        struct belay_log_flood *flood = &log->floods[(start + i) % BELAY_LOG_EVENTS_MAX];
        const char *there = atomic_load_explicit(&flood->event, memory_order_acquire);
        if (!there && atomic_compare_exchange_strong(&flood->event, &there, event))
            return flood;
        if (strcmp(there, event) == 0)
            return flood;
    }
    return NULL;
}

/* Whether this record may pass. A race at the turn of a second lets a few more through, but what is
 * suppressed is counted exactly. */
static bool pass(struct belay_log_flood *flood, belay_time now)
{
    int64_t second = now / BELAY_US_PER_S;
    int64_t current = atomic_load_explicit(&flood->second, memory_order_relaxed);
    if (second != current && atomic_compare_exchange_strong(&flood->second, &current, second))
        atomic_store(&flood->count, 0);
    if (atomic_fetch_add(&flood->count, 1) < BELAY_LOG_EVENTS_PER_S)
        return true;
    atomic_fetch_add(&flood->suppressed, 1);
    return false;
}

static void put_head(struct belay_line *line, enum belay_log_level level, belay_time now,
                     const char *event)
{
    char ts[BELAY_TIME_TEXT_BYTES];
    BELAY_ASSERT((unsigned)level < sizeof level_names / sizeof level_names[0]);
    belay_time_text(now, ts);
    belay_line_begin(line);
    belay_line_str(line, "ts", belay_str_c(ts));
    belay_line_str(line, "level", belay_str_c(level_names[level]));
    belay_line_str(line, "event", belay_str_c(event));
}

static void put_ids(struct belay_line *line, const struct belay_log_ids *ids)
{
    const struct {
        const char *name;
        struct belay_str id;
    } members[] = {
        { "message", ids->message },
        { "correlation", ids->correlation },
        { "flow", ids->flow },
        { "trace", ids->trace },
    };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (members[i].id.n)
            belay_line_str(line, members[i].name, members[i].id);
}

static void put_field(struct belay_line *line, const struct belay_log_field *f)
{
    char ts[BELAY_TIME_TEXT_BYTES];
    switch (f->type) {
    case BELAY_FIELD_STR: belay_line_str(line, f->name, f->v.str); return;
    case BELAY_FIELD_INT: belay_line_int(line, f->name, f->v.i); return;
    case BELAY_FIELD_UINT: belay_line_uint(line, f->name, f->v.u); return;
    case BELAY_FIELD_BOOL: belay_line_bool(line, f->name, f->v.b); return;
    case BELAY_FIELD_DOUBLE: belay_line_double(line, f->name, f->v.d); return;
    case BELAY_FIELD_TIME:
        belay_time_text(f->v.i, ts);
        belay_line_str(line, f->name, belay_str_c(ts));
        return;
    case BELAY_FIELD_IDS: put_ids(line, f->v.ids); return;
    case BELAY_FIELD_ERR:
        belay_line_error(line, f->name, belay_status_name(f->v.err->code),
                         belay_class_name(f->v.err->class_), belay_str_c(f->v.err->msg));
        return;
    }
    BELAY_UNREACHABLE();
}

void belay_log_write(struct belay_log *log, enum belay_log_level level, belay_time now,
                     const char *event, const struct belay_log_field *fields, size_t field_count)
{
    if (!belay_log_wants(log, level))
        return;
    struct belay_log_flood *flood = flood_of(log, event);
    if (flood && !pass(flood, now))
        return;
    struct belay_line line;
    put_head(&line, level, now, event);
    for (size_t i = 0; i < field_count; i++)
        put_field(&line, &fields[i]);
    uint64_t suppressed = flood ? atomic_exchange(&flood->suppressed, 0) : 0;
    if (suppressed)
        belay_line_uint(&line, "suppressed", suppressed);
    belay_line_end(&line);
    log->sink.write(log->sink.ctx, line.p, line.n);
}

void belay_log_tick(struct belay_log *log, belay_time now)
{
    for (size_t i = 0; i < BELAY_LOG_EVENTS_MAX; i++) {
        struct belay_log_flood *flood = &log->floods[i];
        const char *event = atomic_load_explicit(&flood->event, memory_order_acquire);
        if (!event || atomic_load(&flood->second) == now / BELAY_US_PER_S)
            continue;
        uint64_t suppressed = atomic_exchange(&flood->suppressed, 0);
        if (!suppressed)
            continue;
        struct belay_line line;
        put_head(&line, BELAY_LOG_WARN, now, "log.suppressed");
        belay_line_str(&line, "of", belay_str_c(event));
        belay_line_uint(&line, "suppressed", suppressed);
        belay_line_end(&line);
        log->sink.write(log->sink.ctx, line.p, line.n);
    }
}
