#include "admin/read.h"

#include "admin/question.h"
#include "base/limits.h"

/* False: over has been called. */
static bool give(struct reader *r, const struct belay_fetched *items, uint32_t count)
{
    for (uint32_t i = 0; i < count && r->at < r->end; i++) {
        struct belay_arena_mark mark = belay_arena_mark(&r->q->arena);
        struct belay_message m;
        int status = belay_message_decode(items[i].encoded, &r->q->arena, &m, &r->q->err);
        m.accepted_at = items[i].accepted_at;
        bool on = status == BELAY_OK && r->each(r->arg, items[i].sequence, &m);
        belay_arena_rewind(&r->q->arena, mark);
        r->at = items[i].sequence + 1;
        if (!on) {
            r->over(r->arg);
            return false;
        }
    }
    return true;
}

static void go_on(struct reader *r);

static void on_fetched(struct belay_fetch *fetch)
{
    struct reader *r = fetch->arg;
    bool on = true;
    if (fetch->status == BELAY_NOTFOUND) { /* forgotten meanwhile */
        uint64_t first = belay_store_first_sequence(r->store, r->topic);
        r->at = first > r->at ? first : r->end;
    } else if (fetch->status != BELAY_OK) {
        r->q->err = fetch->err;
        r->over(r->arg);
        on = false;
    } else if (fetch->count == 0) {
        r->at = r->end;
    } else {
        on = give(r, fetch->items, fetch->count);
    }
    belay_arena_deinit(&fetch->arena);
    if (on)
        go_on(r);
}

static void fetch(struct reader *r)
{
    struct belay_fetch *f = &r->q->fetch;
    *f = (struct belay_fetch){ .topic = r->topic, .first = r->at, .count_max = BELAY_ADMIN_BITE,
                               .bytes_max = BELAY_ADMIN_BITE_BYTES, .done = on_fetched, .arg = r };
    belay_arena_init(&f->arena, 0, BELAY_ADMIN_OUT_BYTES_MAX);
    belay_store_fetch(r->store, f);
}

static void next_bite(void *arg, struct belay_engine *e)
{
    (void)e;
    go_on(arg);
}

static void go_on(struct reader *r)
{
    if (r->at >= r->end) {
        r->over(r->arg);
        return;
    }
    uint32_t n = belay_store_peek(r->store, r->topic, r->at, BELAY_ADMIN_BITE, BELAY_ADMIN_BITE_BYTES, r->items);
    if (n == 0)
        fetch(r);
    else if (give(r, r->items, n))
        question_again(r->q, next_bite, r);
}

void reader_start(struct reader *r)
{
    uint64_t first = belay_store_first_sequence(r->store, r->topic);
    uint64_t next = belay_store_next_sequence(r->store, r->topic);
    if (r->at < first)
        r->at = first;
    if (r->end > next)
        r->end = next;
    go_on(r);
}
