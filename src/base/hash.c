#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/pack.h"

uint64_t belay_hash64(struct belay_str s)
{
    return XXH3_64bits(s.p, s.n);
}

uint64_t belay_hash64_seeded(struct belay_str s, uint64_t seed)
{
    return XXH3_64bits_withSeed(s.p, s.n, seed);
}

struct belay_hash128 belay_hash128(struct belay_str s)
{
    XXH128_hash_t h = XXH3_128bits(s.p, s.n);
    return (struct belay_hash128){ h.high64, h.low64 };
}

#define SHORT_BYTES 1024

/* What is hashed piece by piece has the hash of the whole; for a short one the whole is cheaper. */
static bool gather(const struct belay_str *parts, size_t count, uint8_t *to, size_t *ret_n)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].n > SHORT_BYTES || n + 8 + parts[i].n > SHORT_BYTES)
            return false;
        belay_store_u64(to + n, parts[i].n);
        n += 8;
        if (parts[i].n)
            memcpy(to + n, parts[i].p, parts[i].n);
        n += parts[i].n;
    }
    *ret_n = n;
    return true;
}

struct belay_hash128 belay_hash128_parts(const struct belay_str *parts, size_t count)
{
    uint8_t whole[SHORT_BYTES];
    size_t n;
    if (gather(parts, count, whole, &n))
        return belay_hash128(belay_str((const char *)whole, n));
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    for (size_t i = 0; i < count; i++) {
        uint8_t len[8];
        belay_store_u64(len, parts[i].n);
        XXH3_128bits_update(&state, len, sizeof len);
        XXH3_128bits_update(&state, parts[i].p, parts[i].n);
    }
    XXH128_hash_t h = XXH3_128bits_digest(&state);
    return (struct belay_hash128){ h.high64, h.low64 };
}

/* Four bytes as eight digits, all at once: spread to nibbles, a digit of each. */
static void hex_4(uint32_t bytes, char *ret_hex)
{
    uint64_t x = bytes;
    x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
    x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
    x = (x >> 4 | x << 8) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    uint64_t letters = (x + UINT64_C(0x0606060606060606)) >> 4 & UINT64_C(0x0101010101010101);
    belay_store_u64(ret_hex, x + UINT64_C(0x3030303030303030) + letters * ('a' - '0' - 10));
}

void belay_hex(const void *p, size_t n, char *ret_hex)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *b = p;
    size_t i = 0;
    for (; n - i >= 4; i += 4)
        hex_4(belay_load_u32(b + i), ret_hex + 2 * i);
    for (; i < n; i++) {
        ret_hex[2 * i] = digits[b[i] >> 4];
        ret_hex[2 * i + 1] = digits[b[i] & 15];
    }
}

void belay_hash128_hex(struct belay_hash128 h, char ret_hex[33])
{
    uint8_t b[16];
    belay_store_be64(b, h.hi);
    belay_store_be64(b + 8, h.lo);
    belay_hex(b, sizeof b, ret_hex);
    ret_hex[32] = '\0';
}
