/* room: base */
#include "base/pack.h"

#include <stdlib.h>

/* The first byte of each turn says what to read; whatever the bytes, the cursor stays inside. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct belay_unpack u = belay_unpack_init(belay_str((const char *)data, n));
    while (belay_unpack_left(&u)) {
        size_t before = belay_unpack_left(&u);
        switch (belay_unpack_u8(&u) % 6) {
        case 0: belay_unpack_u32(&u); break;
        case 1: belay_unpack_u64(&u); break;
        case 2: belay_unpack_bytes(&u, 8); break;
        case 3: belay_unpack_varint(&u); break;
        case 4: belay_unpack_svarint(&u); break;
        case 5: {
            struct belay_str s = belay_unpack_str(&u);
            if (s.n && (s.p < (const char *)data || s.p + s.n > (const char *)data + n))
                abort();
        }
        }
        if (belay_unpack_left(&u) >= before)
            abort();
    }
    return 0;
}
