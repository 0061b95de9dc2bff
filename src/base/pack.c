#include "base/pack.h"

void belay_pack_u32(struct belay_buf *b, uint32_t v)
{
    belay_buf_put(b, &v, 4);
}

void belay_pack_u64(struct belay_buf *b, uint64_t v)
{
    belay_buf_put(b, &v, 8);
}

void belay_pack_varint_long(struct belay_buf *b, uint64_t v)
{
    uint8_t bytes[BELAY_VARINT_MAX];
    size_t n = 0;
    while (v >= 0x80) {
        bytes[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    bytes[n++] = (uint8_t)v;
    belay_buf_put(b, bytes, n);
}

void belay_pack_svarint(struct belay_buf *b, int64_t v)
{
    belay_pack_varint(b, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

void belay_pack_str(struct belay_buf *b, struct belay_str s)
{
    belay_pack_varint(b, s.n);
    belay_buf_put_str(b, s);
}

struct belay_unpack belay_unpack_init(struct belay_str s)
{
    const uint8_t *p = (const uint8_t *)s.p;
    return (struct belay_unpack){ .p = p, .end = p ? p + s.n : NULL, .failed = false };
}

struct belay_str belay_unpack_bytes(struct belay_unpack *u, size_t n)
{
    if (u->failed || n > (size_t)(u->end - u->p)) {
        u->failed = true;
        return BELAY_STR_NONE;
    }
    struct belay_str s = belay_str((const char *)u->p, n);
    u->p += n;
    return s;
}

uint8_t belay_unpack_u8(struct belay_unpack *u)
{
    if (!u->failed && u->p < u->end)
        return *u->p++;
    u->failed = true;
    return 0;
}

uint32_t belay_unpack_u32(struct belay_unpack *u)
{
    struct belay_str s = belay_unpack_bytes(u, 4);
    return s.n ? belay_load_u32(s.p) : 0;
}

uint64_t belay_unpack_u64(struct belay_unpack *u)
{
    struct belay_str s = belay_unpack_bytes(u, 8);
    return s.n ? belay_load_u64(s.p) : 0;
}

uint64_t belay_unpack_varint(struct belay_unpack *u)
{
    uint64_t v = 0;
    if (!u->failed && u->p < u->end && *u->p < 0x80) /* most are small */
        return *u->p++;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = belay_unpack_u8(u);
        if (shift == 63 && byte > 1)
            break;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return u->failed ? 0 : v;
    }
    u->failed = true;
    return 0;
}

int64_t belay_unpack_svarint(struct belay_unpack *u)
{
    uint64_t v = belay_unpack_varint(u);
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

struct belay_str belay_unpack_str(struct belay_unpack *u)
{
    uint64_t n = belay_unpack_varint(u);
    return belay_unpack_bytes(u, n);
}

size_t belay_unpack_left(const struct belay_unpack *u)
{
    return u->failed ? 0 : (size_t)(u->end - u->p);
}

bool belay_unpack_ok(const struct belay_unpack *u)
{
    return !u->failed;
}

bool belay_unpack_done(const struct belay_unpack *u)
{
    return !u->failed && u->p == u->end;
}
