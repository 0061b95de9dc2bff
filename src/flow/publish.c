/* publish.c - a `publish` as a message for a topic or queue. */
#include "base/limits.h"
#include "flow/call.h"
#include "flow/eval.h"

/* ---- delay ---- */

static uint64_t unit_ms(struct belay_str unit)
{
    static const struct {
        struct belay_str name;
        uint64_t ms;
    } units[] = {
        { BELAY_STR_INIT("ms"), 1 },       { BELAY_STR_INIT("s"), 1000 },
        { BELAY_STR_INIT("m"), 60000 },    { BELAY_STR_INIT("h"), 3600000 },
        { BELAY_STR_INIT("d"), 86400000 }, { BELAY_STR_INIT(""), 1 },
    };
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (belay_str_eq(unit, units[i].name))
            return units[i].ms;
    return 0;
}

static size_t count_while(struct belay_str s, bool digits)
{
    size_t n = 0;
    while (n < s.n && (s.p[n] >= '0' && s.p[n] <= '9') == digits)
        n++;
    return n;
}

/* "90s", "1h30m", or a plain number of milliseconds. */
static bool duration_ms(struct belay_str text, uint64_t *ret_ms)
{
    uint64_t total = 0, part, add;
    bool plain = count_while(text, true) == text.n;
    if (!text.n)
        return false;
    while (text.n) {
        size_t digits = count_while(text, true);
        struct belay_str rest = belay_str_sub(text, digits, text.n);
        size_t letters = count_while(rest, false);
        uint64_t ms = unit_ms(belay_str_sub(rest, 0, letters));
        if (!belay_str_to_u64(belay_str_sub(text, 0, digits), &part) || !ms || (!letters && !plain)
            || __builtin_mul_overflow(part, ms, &add) || __builtin_add_overflow(total, add, &total))
            return false;
        text = belay_str_sub(rest, letters, rest.n);
    }
    *ret_ms = total;
    return true;
}

/* what: "delay", "ttl". */
static bool eval_duration(const struct eval *e, const struct belay_template *t, const char *what, uint64_t *ret_ms)
{
    struct belay_str text;
    if (!t)
        return true;
    if (!eval_text(e, t, what, &text))
        return false;
    if (!duration_ms(belay_str_trim(text), ret_ms)
        || *ret_ms > (uint64_t)INT64_MAX / BELAY_US_PER_MS)
        return eval_fail(e, "EXPRESSION:ERROR", "%s: \"%.*s\" is no duration (200ms, 5m, 1h30m)", what,
                         BELAY_STR_ARG(text));
    return true;
}

/* ---- the message ---- */

static bool eval_key(const struct eval *e, const struct belay_publish_def *def,
                     struct belay_message *m)
{
    if (def->key && !eval_text(e, def->key, "key", &m->key))
        return false;
    return m->key.n <= BELAY_KEY_BYTES_MAX
           || eval_fail(e, "FLOW:LIMIT", "key: %zu bytes, more than %d", m->key.n,
                        BELAY_KEY_BYTES_MAX);
}

static bool eval_attributes(const struct eval *e, const struct belay_publish_def *def,
                            struct belay_message *m)
{
    if (!eval_key(e, def, m) || (def->type && !eval_text(e, def->type, "type", &m->type))
        || !eval_fields(e, def->headers, def->header_count, &m->headers))
        return false;
    m->header_count = def->header_count;
    if (!def->body && !e->scope->body_text.p && e->scope->body.type == BELAY_VALUE_UNDEFINED)
        return true; /* the body as it is: none */
    struct belay_str type = field_value(m->headers, m->header_count, BELAY_STR("content-type"));
    return eval_body(e, def->body, type, &m->body, &m->datacontenttype);
}

bool belay_publish_build(const struct belay_publish_def *def, const struct belay_scope *scope,
                         struct belay_str step, uint64_t index, const struct belay_message *parent,
                         struct belay_arena *arena, struct belay_publication *ret_publication,
                         struct belay_fault *ret_fault)
{
    const struct eval e = { scope, step, arena, ret_fault };
    char *id = belay_arena_bytes(arena, 33);
    if (!id)
        return eval_no_memory(&e);
    belay_message_derive_id(parent->id, step, index, id);
    struct belay_publication p = {
        .message = {
            .id = belay_str(id, 32), .source = scope->source, .type = parent->type,
            .subject = parent->subject, .key = parent->key,
            .correlationid = parent->correlationid.n ? parent->correlationid : parent->id,
            .causationid = parent->id, .traceparent = parent->traceparent,
            .tracestate = parent->tracestate, .time = scope->now, .accepted_at = scope->now,
            .expires_at = parent->expires_at,
        },
    };
    uint64_t ttl_ms = 0;
    if (!eval_text(&e, def->target, "topic", &p.target) || !eval_duration(&e, def->delay, "delay", &p.delay_ms)
        || !eval_duration(&e, def->ttl, "ttl", &ttl_ms) || !eval_attributes(&e, def, &p.message))
        return false;
    if (def->ttl) /* from when somebody can see it */
        p.message.expires_at = belay_time_add_ms(belay_time_add_ms(scope->now, (int64_t)p.delay_ms), (int64_t)ttl_ms);
    *ret_publication = p;
    return true;
}
