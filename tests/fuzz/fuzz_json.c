/* room: json */
#include "json/json.h"

#include <stdlib.h>

#include "base/limits.h"

/* What is written reads back as an equal value with an equal hash, compact and pretty. */
static void again(struct belay_arena *arena, const belay_json *v, void (*write)(struct belay_buf *, const belay_json *))
{
    struct belay_buf out;
    const belay_json *copy;
    belay_buf_init(&out, BELAY_MIB(64));
    write(&out, v);
    if (belay_buf_status(&out) != BELAY_OK)
        abort();
    struct belay_json_limits limits = { .depth_max = BELAY_JSON_DEPTH_MAX, .size_bytes_max = BELAY_MIB(64) };
    if (belay_json_parse(belay_buf_view(&out), &limits, arena, &copy, NULL, NULL) != BELAY_OK)
        abort();
    if (!belay_json_equal(v, copy) || belay_json_hash(v) != belay_json_hash(copy))
        abort();
    belay_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct belay_arena arena;
    const belay_json *v;
    struct belay_json_place place = { 0, 0, 0 };
    struct belay_err err;
    belay_arena_init(&arena, 0, BELAY_MIB(256));
    if (belay_json_parse(belay_str((const char *)data, n), NULL, &arena, &v, &place, &err) == BELAY_OK) {
        again(&arena, v, belay_json_write);
        again(&arena, v, belay_json_write_pretty);
    } else if (err.code != BELAY_NOMEM && (place.line == 0 || place.column == 0 || place.offset > n)) {
        abort();
    }
    belay_arena_deinit(&arena);
    return 0;
}
