/* pack.h - bytes on disk: little-endian integers, LEB128 varints, length-prefixed strings.
 * Writing goes to a belay_buf; reading through a cursor that fails once and stays failed, so a
 * decoder reads all its fields and checks belay_unpack_ok at the end.  Thread: any. */
#ifndef BELAY_BASE_PACK_H
#define BELAY_BASE_PACK_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the format is written as it lies in memory");

static inline void belay_store_u16(void *p, uint16_t v) { memcpy(p, &v, 2); }
static inline void belay_store_u32(void *p, uint32_t v) { memcpy(p, &v, 4); }
static inline void belay_store_u64(void *p, uint64_t v) { memcpy(p, &v, 8); }
static inline uint16_t belay_load_u16(const void *p) { uint16_t v; memcpy(&v, p, 2); return v; }
static inline uint32_t belay_load_u32(const void *p) { uint32_t v; memcpy(&v, p, 4); return v; }
static inline uint64_t belay_load_u64(const void *p) { uint64_t v; memcpy(&v, p, 8); return v; }
/* Big endian, so that byte order is number order (keys of ordered tables). */
static inline void belay_store_be64(void *p, uint64_t v) { v = __builtin_bswap64(v); memcpy(p, &v, 8); }
static inline uint64_t belay_load_be64(const void *p) { uint64_t v; memcpy(&v, p, 8); return __builtin_bswap64(v); }
static inline void belay_store_be32(void *p, uint32_t v) { v = __builtin_bswap32(v); memcpy(p, &v, 4); }
static inline uint32_t belay_load_be32(const void *p) { uint32_t v; memcpy(&v, p, 4); return __builtin_bswap32(v); }

#define BELAY_VARINT_MAX 10

static inline void belay_pack_u8(struct belay_buf *b, uint8_t v)
{
    belay_buf_put_c(b, (char)v);
}
void belay_pack_u32(struct belay_buf *b, uint32_t v);
void belay_pack_u64(struct belay_buf *b, uint64_t v);
void belay_pack_varint_long(struct belay_buf *b, uint64_t v);
static inline void belay_pack_varint(struct belay_buf *b, uint64_t v)
{
    if (v < 0x80)
        belay_buf_put_c(b, (char)v);
    else
        belay_pack_varint_long(b, v);
}
/* Zigzag, for signed numbers. */
void belay_pack_svarint(struct belay_buf *b, int64_t v);
/* varint length, then the bytes. */
void belay_pack_str(struct belay_buf *b, struct belay_str s);

struct belay_unpack {
    const uint8_t *p, *end;
    bool failed;
};

struct belay_unpack belay_unpack_init(struct belay_str s);
uint8_t belay_unpack_u8(struct belay_unpack *u);
uint32_t belay_unpack_u32(struct belay_unpack *u);
uint64_t belay_unpack_u64(struct belay_unpack *u);
uint64_t belay_unpack_varint(struct belay_unpack *u);
int64_t belay_unpack_svarint(struct belay_unpack *u);
/* A view into what is unpacked. */
struct belay_str belay_unpack_str(struct belay_unpack *u);
/* The next n bytes. */
struct belay_str belay_unpack_bytes(struct belay_unpack *u, size_t n);
size_t belay_unpack_left(const struct belay_unpack *u);
/* Nothing failed and nothing is left over. */
bool belay_unpack_done(const struct belay_unpack *u);
bool belay_unpack_ok(const struct belay_unpack *u);

#endif
