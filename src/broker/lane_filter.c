#include "broker/lane_filter.h"

#include "base/alloc.h"
#include "base/planted.h"

#define BITS (1u << 20) /* 128 KiB: of 100,000 lanes in trouble one well lane in forty is asked for in vain */
#define WORDS (BITS / 64)
#define LINE_BITS 512u
#define HASHES 3u
#define BITE 64 /* rows a tick */

/* All of a lane's lie in one line of the processor's cache. */
static uint32_t position(uint32_t sub, struct belay_hash128 lane, uint32_t i)
{
    uint64_t h = lane.hi + sub * UINT64_C(0x9e3779b97f4a7c15);
    return ((uint32_t)(h >> 32) & (BITS / LINE_BITS - 1)) * LINE_BITS + ((uint32_t)(lane.lo >> 9 * i) & (LINE_BITS - 1));
}

static void set(uint64_t *words, uint32_t sub, struct belay_hash128 lane)
{
    for (uint32_t i = 0; i < HASHES; i++) {
        uint32_t at = position(sub, lane, i);
        words[at / 64] |= UINT64_C(1) << at % 64;
    }
}

bool lane_filter_may(const struct belay_broker *b, uint32_t sub, struct belay_hash128 lane)
{
    const struct lane_filter *f = &b->lane_filter;
    bool may = true;
    for (uint32_t i = 0; f->complete && may && i < HASHES; i++) {
        uint32_t at = position(sub, lane, i);
        may = f->words && f->words[at / 64] >> at % 64 & 1;
    }
    return may;
}

static uint64_t in_trouble(const struct belay_broker *b)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < b->sub_count; i++)
        n += b->subs[i]->n.lanes_in_trouble;
    return n;
}

static void drop(uint64_t **words)
{
    belay_free(*words);
    *words = NULL;
}

/* From the first row, into a filter of its own. */
static void begin_walk(struct lane_filter *f)
{
    drop(&f->next);
    f->next = belay_calloc(WORDS, sizeof *f->next);
    f->walking = f->next != NULL;
    f->at.n = 0;
    f->added = 0;
}

static void end_walk(struct lane_filter *f)
{
    drop(&f->words);
    f->words = f->next;
    f->next = NULL;
    f->walking = false;
    f->complete = true;
}

void lane_filter_add(struct belay_broker *b, uint32_t sub, struct belay_hash128 lane)
{
    struct lane_filter *f = &b->lane_filter;
    if (!f->words)
        f->words = belay_calloc(WORDS, sizeof *f->words);
    f->complete = f->complete && f->words;
    if (f->words)
        set(f->words, sub, lane);
    if (f->next)
        set(f->next, sub, lane);
    f->added++;
}

void lane_filter_well(struct belay_broker *b)
{
    b->lane_filter.look = true;
}

/* With no lane in trouble nothing has to be in it, whatever rows are left for the sweep. */
void lane_filter_recovered(struct belay_broker *b)
{
    struct lane_filter *f = &b->lane_filter;
    f->look = true;
    f->complete = BELAY_PLANTED(94);
    if (BELAY_PLANTED(94))
        drop(&f->words);
}

static void walk(struct belay_broker *b, struct lane_filter *f)
{
    const struct row_key all = { .n = 0 };
    struct belay_str key, value;
    for (uint32_t n = 0; n < BITE; n++) {
        if (!rows_seek(b, BELAY_TABLE_LANE, row_key_str(&f->at), f->at.n > 0, row_key_str(&all), &key, &value)) {
            end_walk(f);
            return;
        }
        struct belay_hash128 lane = { belay_load_be64(key.p + 4), belay_load_be64(key.p + 12) };
        uint32_t sub = belay_load_be32(key.p);
        f->at = key_lane(sub, lane);
        set(f->next, sub, lane);
    }
}

/* Lanes that got well stay in it: after many it says less and less. */
static bool is_worn(const struct belay_broker *b, const struct lane_filter *f)
{
    return f->added >= b->lane_filter_worn && f->added > 4 * in_trouble(b);
}

void lane_filter_tick(struct belay_broker *b)
{
    struct lane_filter *f = &b->lane_filter;
    if (f->look && !in_trouble(b)) {
        lane_filter_free(b);
        f->complete = true;
    } else if (f->walking) {
        walk(b, f);
    } else if ((f->look && !f->complete) || is_worn(b, f)) {
        begin_walk(f);
    }
    f->look = f->look && !f->complete && !f->walking; /* without memory: again */
}

void lane_filter_free(struct belay_broker *b)
{
    struct lane_filter *f = &b->lane_filter;
    drop(&f->words);
    drop(&f->next);
    *f = (struct lane_filter){ 0 };
}
