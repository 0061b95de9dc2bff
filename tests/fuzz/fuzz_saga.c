/* room: saga */
#include <stdlib.h>

#include "saga/record.h"

/* The first byte says what the rest is. What is taken must be written again as it was read. */

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void read_history(const struct saga *s)
{
    struct belay_unpack u = belay_unpack_init(belay_buf_view(&s->log));
    belay_time at = s->started_at;
    struct saga_entry e;
    while (saga_entry_next(&u, &at, &e))
        must(saga_event_name(e.event) != NULL);
}

static void row(struct belay_str bytes)
{
    struct saga *a = saga_new(), *b = saga_new();
    struct belay_buf once, twice;
    belay_buf_init(&once, 1 << 24);
    belay_buf_init(&twice, 1 << 24);
    must(a && b && saga_clear(a, 0) == BELAY_OK && saga_clear(b, 0) == BELAY_OK);
    if (saga_row_unpack(bytes, a, NULL) == BELAY_OK) {
        saga_row_pack(&once, a);
        must(saga_row_unpack(belay_buf_view(&once), b, NULL) == BELAY_OK);
        saga_row_pack(&twice, b);
        must(belay_str_eq(belay_buf_view(&once), belay_buf_view(&twice)));
        read_history(a);
        saga_drop_input(b);
    }
    saga_free(a);
    saga_free(b);
    belay_buf_deinit(&once);
    belay_buf_deinit(&twice);
}

static void move(struct belay_str bytes)
{
    struct saga_move m, again;
    struct belay_buf out;
    belay_buf_init(&out, 1 << 24);
    if (saga_move_unpack(bytes, &m)) {
        saga_move_pack(&out, &m);
        must(saga_move_unpack(belay_buf_view(&out), &again) && again.due == m.due && again.first_at == m.first_at);
    }
    belay_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    struct belay_str rest = belay_str((const char *)data + 1, n - 1);
    struct saga_start start;
    struct saga_kept kept;
    switch (data[0] % 4) {
    case 0: row(rest); break;
    case 1: move(rest); break;
    case 2:
        if (saga_start_unpack(rest, &start))
            must(start.step_count <= BELAY_SAGA_STEPS_MAX);
        break;
    default:
        if (saga_kept_unpack(rest, &kept))
            must(kept.message.n <= n);
        break;
    }
    return 0;
}
