/* message.c - the bytes of a message (docs/format/message.md).
 *
 *   u8 version | u16 flags | i64 accepted_at | [i64 time] | [i64 expires_at]
 *   | texts named by flags, in the order of `texts` | [varint count, (name, value)...] | body
 *
 * A text is a varint length and its bytes.  A flag says that a field is there; what is absent costs
 * nothing.  This runs for each message appended and delivered: one reservation to write, no call
 * per byte to read.
 */
#include "model/message.h"

#include "base/limits.h"
#include "base/pack.h"

#define VERSION 1
#define VERSION_EXPIRES 2 /* of a message with expires_at: others are written as ever */
#define FIXED_BYTES (1 + 2 + 8)

enum {
    FLAG_TEXTS = 0x03ff, /* one bit a text, lowest first */
    FLAG_TIME = 1 << 10, /* absent: the same instant as accepted_at */
    FLAG_HEADERS = 1 << 11,
    FLAG_JSON = 1 << 12, /* datacontenttype is "application/json", without its text */
    FLAG_EXPIRES = 1 << 13,
    FLAGS_KNOWN = FLAG_TEXTS | FLAG_TIME | FLAG_HEADERS | FLAG_JSON | FLAG_EXPIRES
};

static const size_t texts[] = {
    offsetof(struct belay_message, id),          offsetof(struct belay_message, source),
    offsetof(struct belay_message, type),        offsetof(struct belay_message, subject),
    offsetof(struct belay_message, key),         offsetof(struct belay_message, correlationid),
    offsetof(struct belay_message, causationid), offsetof(struct belay_message, traceparent),
    offsetof(struct belay_message, tracestate),  offsetof(struct belay_message, datacontenttype),
};
#define TEXTS (sizeof texts / sizeof texts[0])
#define TEXT_CONTENTTYPE (TEXTS - 1)
_Static_assert((1 << TEXTS) - 1 == FLAG_TEXTS, "one bit a text");

static const struct belay_str json_type = BELAY_STR_INIT("application/json");

static struct belay_str *text_of(struct belay_message *m, size_t i)
{
    return (struct belay_str *)((char *)m + texts[i]);
}

static struct belay_str text_in(const struct belay_message *m, size_t i)
{
    return *(const struct belay_str *)((const char *)m + texts[i]);
}

/* ---- writing ---- */

static unsigned flags_of(const struct belay_message *m)
{
    unsigned flags
        = (m->time != m->accepted_at ? FLAG_TIME : 0) | (m->header_count ? FLAG_HEADERS : 0)
          | (m->expires_at ? FLAG_EXPIRES : 0);
    for (size_t i = 0; i < TEXTS; i++)
        if (text_in(m, i).n)
            flags |= 1u << i;
    if (belay_str_eq(m->datacontenttype, json_type))
        flags = (flags & ~(1u << TEXT_CONTENTTYPE)) | FLAG_JSON;
    return flags;
}

static size_t size_bound(const struct belay_message *m)
{
    size_t n = FIXED_BYTES + 16 + m->body.n
               + BELAY_VARINT_MAX * (TEXTS + 2 + 2 * (size_t)m->header_count);
    for (size_t i = 0; i < TEXTS; i++)
        n += text_in(m, i).n;
    for (uint32_t i = 0; i < m->header_count; i++)
        n += m->headers[i].name.n + m->headers[i].value.n;
    return n;
}

static char *put_varint(char *at, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *at++ = (char)(uint8_t)(v | 0x80);
    *at++ = (char)v;
    return at;
}

static char *put_text(char *at, struct belay_str s)
{
    at = put_varint(at, s.n);
    if (s.n)
        memcpy(at, s.p, s.n);
    return at + s.n;
}

static char *put_all(char *at, const struct belay_message *m)
{
    unsigned flags = flags_of(m);
    *at = flags & FLAG_EXPIRES ? VERSION_EXPIRES : VERSION;
    belay_store_u16(at + 1, (uint16_t)flags);
    belay_store_u64(at + 3, (uint64_t)m->accepted_at);
    at += FIXED_BYTES;
    if (flags & FLAG_TIME) {
        belay_store_u64(at, (uint64_t)m->time);
        at += 8;
    }
    if (flags & FLAG_EXPIRES) {
        belay_store_u64(at, (uint64_t)m->expires_at);
        at += 8;
    }
    for (size_t i = 0; i < TEXTS; i++)
        if (flags & (1u << i))
            at = put_text(at, text_in(m, i));
    if (flags & FLAG_HEADERS) {
        at = put_varint(at, m->header_count);
        for (uint32_t i = 0; i < m->header_count; i++) {
            at = put_text(at, m->headers[i].name);
            at = put_text(at, m->headers[i].value);
        }
    }
    return put_text(at, m->body);
}

void belay_message_encode(struct belay_buf *out, const struct belay_message *m)
{
    if (m->header_count > BELAY_HEADERS_MAX) {
        if (out->status == BELAY_OK)
            out->status = BELAY_LIMIT;
        return;
    }
    char *to = belay_buf_reserve(out, size_bound(m));
    if (to)
        out->n = (size_t)(put_all(to, m) - out->p);
}

/* ---- reading ---- */

/* Fails once and stays failed; a failed cursor is at its end. */
struct cursor {
    const char *p, *end;
    bool failed;
};

static const char *take(struct cursor *c, uint64_t n)
{
    const char *p = c->p;
    if (n > (size_t)(c->end - p)) {
        c->failed = true;
        c->p = c->end;
        return NULL;
    }
    c->p += n;
    return p;
}

static uint64_t take_long_varint(struct cursor *c)
{
    struct belay_unpack u = belay_unpack_init(belay_str(c->p, (size_t)(c->end - c->p)));
    uint64_t v = belay_unpack_varint(&u);
    if (!belay_unpack_ok(&u))
        take(c, UINT64_MAX);
    else
        c->p = (const char *)u.p;
    return v;
}

static inline uint64_t take_varint(struct cursor *c)
{
    if (c->p < c->end && !((uint8_t)*c->p & 0x80))
        return (uint8_t)*c->p++;
    return take_long_varint(c);
}

static inline struct belay_str take_text(struct cursor *c)
{
    uint64_t n = take_varint(c);
    const char *p = take(c, n);
    return p ? belay_str(p, n) : BELAY_STR_NONE;
}

static belay_time take_time(struct cursor *c)
{
    const char *p = take(c, 8);
    return p ? (belay_time)belay_load_u64(p) : 0;
}

static int take_headers(struct cursor *c, struct belay_arena *arena, struct belay_message *m)
{
    uint64_t count = take_varint(c);
    if (count > BELAY_HEADERS_MAX)
        take(c, UINT64_MAX);
    if (c->failed)
        return BELAY_CORRUPT;
    struct belay_field *headers = belay_arena_alloc(arena, sizeof *headers * count);
    if (!headers)
        return BELAY_NOMEM;
    for (uint64_t i = 0; i < count; i++) {
        headers[i].name = take_text(c);
        headers[i].value = take_text(c);
    }
    m->headers = headers;
    m->header_count = (uint32_t)count;
    return BELAY_OK;
}

static int take_all(struct cursor *c, struct belay_arena *arena, struct belay_message *m)
{
    uint8_t version = (uint8_t)c->p[0];
    unsigned flags = belay_load_u16(c->p + 1);
    m->accepted_at = (belay_time)belay_load_u64(c->p + 3);
    c->p += FIXED_BYTES;
    if (flags & ~(unsigned)FLAGS_KNOWN || !(flags & FLAG_EXPIRES) != (version == VERSION))
        return BELAY_CORRUPT;
    m->time = flags & FLAG_TIME ? take_time(c) : m->accepted_at;
    m->expires_at = flags & FLAG_EXPIRES ? take_time(c) : 0;
    for (size_t i = 0; i < TEXTS; i++)
        if (flags & (1u << i))
            *text_of(m, i) = take_text(c);
    if (flags & FLAG_JSON)
        m->datacontenttype = json_type;
    int status = flags & FLAG_HEADERS ? take_headers(c, arena, m) : BELAY_OK;
    m->body = take_text(c);
    if (status == BELAY_OK && (c->failed || c->p != c->end))
        status = BELAY_CORRUPT;
    return status;
}

int belay_message_decode(struct belay_str bytes, struct belay_arena *arena,
                         struct belay_message *ret_m, struct belay_err *err)
{
    if (bytes.n < FIXED_BYTES)
        return belay_fail(err, BELAY_CORRUPT, "message: %zu bytes are too few", bytes.n);
    if (bytes.p[0] != VERSION && bytes.p[0] != VERSION_EXPIRES)
        return belay_fail(err, BELAY_VERSION, "message: encoding %u is not known",
                          (uint8_t)bytes.p[0]);
    struct cursor c = { bytes.p, bytes.p + bytes.n, false };
    struct belay_message m = { 0 };
    int status = take_all(&c, arena, &m);
    if (status == BELAY_NOMEM)
        return belay_fail(err, status, "message: no memory for the headers");
    if (status != BELAY_OK)
        return belay_fail(err, status, "message: its %zu bytes do not decode", bytes.n);
    *ret_m = m;
    return BELAY_OK;
}

/* ---- the rest ---- */

static bool skip_to_content(struct cursor *c)
{
    if (c->end - c->p < FIXED_BYTES || (c->p[0] != VERSION && c->p[0] != VERSION_EXPIRES))
        return false;
    unsigned flags = belay_load_u16(c->p + 1);
    (void)take(c, FIXED_BYTES + (flags & FLAG_TIME ? 8 : 0) + (flags & FLAG_EXPIRES ? 8 : 0));
    for (size_t i = 0; i < TEXTS; i++)
        if (flags & (1u << i))
            (void)take_text(c);
    return true;
}

/* Its headers as they are encoded: without any, empty. */
static struct belay_str take_headers_whole(struct cursor *c, bool any)
{
    const char *from = c->p;
    uint64_t count = any ? take_varint(c) : 0;
    if (count > BELAY_HEADERS_MAX)
        take(c, UINT64_MAX);
    for (uint64_t i = 0; i < 2 * count && !c->failed; i++)
        (void)take_text(c);
    return belay_str(from, (size_t)(c->p - from));
}

bool belay_message_content_hash(struct belay_str bytes, struct belay_hash128 *ret_hash)
{
    struct cursor c = { bytes.p, bytes.p + bytes.n, false };
    if (!skip_to_content(&c))
        return false;
    struct belay_str parts[2] = { take_headers_whole(&c, belay_load_u16(bytes.p + 1) & FLAG_HEADERS) };
    parts[1] = take_text(&c);
    if (c.failed || c.p != c.end)
        return false;
    *ret_hash = belay_hash128_parts(parts, 2);
    return true;
}

void belay_message_derive_id(struct belay_str parent, struct belay_str step, uint64_t index,
                             char ret_id[33])
{
    char number[8];
    belay_store_u64(number, index);
    const struct belay_str parts[] = { parent, step, belay_str(number, sizeof number) };
    belay_hash128_hex(belay_hash128_parts(parts, 3), ret_id);
}
