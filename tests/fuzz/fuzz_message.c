/* room: model */
#include "model/message.h"

#include <stdlib.h>

#include "base/limits.h"
#include "model/fault.h"

/* What decodes has a content, and encodes again to bytes that decode to the same; so does a fault. */
static void message(struct belay_str bytes, struct belay_arena *arena)
{
    struct belay_message a, b;
    struct belay_hash128 content;
    struct belay_buf out, again;
    bool has_content = belay_message_content_hash(bytes, &content);
    if (belay_message_decode(bytes, arena, &a, NULL))
        return;
    if (!has_content)
        abort();
    belay_buf_init(&out, BELAY_MESSAGE_BYTES_MAX);
    belay_buf_init(&again, BELAY_MESSAGE_BYTES_MAX);
    belay_message_encode(&out, &a);
    if (belay_buf_status(&out) || belay_message_decode(belay_buf_view(&out), arena, &b, NULL))
        abort();
    belay_message_encode(&again, &b);
    if (!belay_str_eq(belay_buf_view(&out), belay_buf_view(&again)))
        abort();
    belay_buf_deinit(&out);
    belay_buf_deinit(&again);
}

static void fault(struct belay_str bytes)
{
    struct belay_fault f, g;
    struct belay_buf out;
    struct belay_unpack u = belay_unpack_init(bytes);
    belay_fault_unpack(&u, &f);
    belay_fault_fingerprint(&f, BELAY_STR("flow"));
    belay_fault_matches(&f, bytes);
    if (!belay_unpack_ok(&u))
        return;
    belay_buf_init(&out, 8192);
    belay_fault_pack(&out, &f);
    struct belay_unpack back = belay_unpack_init(belay_buf_view(&out));
    belay_fault_unpack(&back, &g);
    if (!belay_unpack_done(&back)
        || memcmp(f.description, g.description, strlen(f.description) + 1) != 0)
        abort();
    belay_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct belay_arena arena;
    struct belay_str bytes = belay_str((const char *)data, n);
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    message(bytes, &arena);
    fault(bytes);
    belay_arena_deinit(&arena);
    return 0;
}
