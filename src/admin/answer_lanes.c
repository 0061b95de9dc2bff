/* answer_lanes.c - lanes in trouble: a page of them, the ones that stand out, and one with all it holds. */
#include "admin/answers.h"

#include <stdio.h>
#include <stdlib.h>

#include "admin/answer_trail.h"
#include "admin/lanes.h"
#include "admin/question.h"
#include "admin/read.h"
#include "admin/show.h"
#include "base/limits.h"
#include "broker/letter.h"
#include "broker/stats.h"

#define HELD_SHOWN_MAX 1000 /* sequences in the answer about one lane */

/* ---- a page ---- */

struct best { /* of the lanes seen so far, by held or age */
    uint64_t value;
    struct lane_place before;
};

struct page {
    struct lane_filter filter;
    struct belay_json_out out;
    struct lane_place place;
    uint32_t left, looks;
    bool by_held, by_age, end;
    struct best *best; /* sorted, the largest first */
    uint32_t best_count, best_max;
};

static void show_lane(struct page *p, struct belay_engine *e, const struct belay_lane *lane, belay_time now)
{
    show_lane_open(&p->out, e, lane, now);
    belay_json_end_object(&p->out);
}

/* "SUBSCRIPTION-HASH" */
static void put_next(struct page *p)
{
    char next[64];
    belay_json_end_array(&p->out);
    belay_json_key(&p->out, "next");
    if (p->end || p->best) {
        belay_json_put_null(&p->out);
    } else {
        snprintf(next, sizeof next, "%u-%llu-%llu", p->place.sub_id, (unsigned long long)p->place.at.hi,
                 (unsigned long long)p->place.at.lo);
        belay_json_put_c(&p->out, next);
    }
    belay_json_end_object(&p->out);
    question_end(p->filter.q);
}

static bool read_place(struct belay_str rest, struct lane_place *ret_place)
{
    uint64_t id;
    *ret_place = (struct lane_place){ .sub_id = 1 };
    if (rest.n == 0)
        return true;
    struct belay_str first = belay_str_split(&rest, '-');
    struct belay_str hi = belay_str_split(&rest, '-');
    if (!belay_str_to_u64(first, &id) || id > UINT32_MAX || !belay_str_to_u64(hi, &ret_place->at.hi)
        || !belay_str_to_u64(rest, &ret_place->at.lo))
        return false;
    ret_place->sub_id = (uint32_t)id;
    return true;
}

static void offer(struct page *p, const struct belay_lane *lane, struct lane_place before, belay_time now)
{
    uint64_t age = now > lane->head_since ? (uint64_t)(now - lane->head_since) : 0;
    struct best x = { p->by_held ? lane->held : age, before };
    if (p->best_count == p->best_max && p->best[p->best_count - 1].value >= x.value)
        return;
    uint32_t at = p->best_count < p->best_max ? p->best_count++ : p->best_count - 1;
    for (; at && p->best[at - 1].value < x.value; at--)
        p->best[at] = p->best[at - 1];
    p->best[at] = x;
}

/* Shows those that were picked, as they are now; one that got well meanwhile is left out. */
static void show_best(struct page *p, struct belay_engine *e, belay_time now)
{
    for (uint32_t i = 0; i < p->best_count; i++) {
        struct belay_arena_mark mark = belay_arena_mark(&p->filter.q->arena);
        struct lane_place place = p->best[i].before, before;
        uint32_t looks = 1;
        struct belay_lane lane;
        bool end;
        if (lane_filter_next(&p->filter, e, now, &place, &before, &looks, &lane, &end))
            show_lane(p, e, &lane, now);
        belay_arena_rewind(&p->filter.q->arena, mark);
    }
}

static void fill_page(void *arg, struct belay_engine *e)
{
    struct page *p = arg;
    struct question *q = p->filter.q;
    belay_time now = belay_engine_now(e);
    uint32_t bite = BELAY_ADMIN_BITE < p->looks ? BELAY_ADMIN_BITE : p->looks;
    uint32_t looks = bite;
    struct lane_place before;
    struct belay_lane lane;
    while (p->left && !p->end && looks) {
        struct belay_arena_mark mark = belay_arena_mark(&q->arena);
        if (lane_filter_next(&p->filter, e, now, &p->place, &before, &looks, &lane, &p->end)) {
            if (p->best) {
                offer(p, &lane, before, now);
            } else {
                show_lane(p, e, &lane, now);
                p->left--;
            }
        }
        belay_arena_rewind(&q->arena, mark);
    }
    if (!p->best)
        p->looks -= bite - looks;
    if (p->left && !p->end && p->looks) {
        question_again(q, fill_page, p);
        return;
    }
    if (p->best)
        show_best(p, e, now);
    put_next(p);
}

bool answer_lanes(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)now;
    struct page *p = BELAY_ARENA_NEW(&q->kept, struct page);
    struct belay_str sort = question_param(q, "sort");
    if (!p)
        return question_fail(q, BELAY_NOMEM, "no memory for the answer");
    *p = (struct page){ .out = belay_json_out(&q->out), .left = question_count(q), .looks = BELAY_ADMIN_LOOKS_MAX };
    if (!lane_filter_read(&p->filter, q))
        return true;
    if (p->filter.flow.n && !question_subscription(q, e))
        return true;
    p->by_held = belay_str_eq(sort, BELAY_STR("held"));
    p->by_age = belay_str_eq(sort, BELAY_STR("age"));
    if (sort.n && !p->by_held && !p->by_age)
        return question_fail(q, BELAY_INVALID, "sort is held or age");
    if (!read_place(question_param(q, "after"), &p->place))
        return question_fail(q, BELAY_INVALID, "after is what \"next\" of the page before said");
    if (sort.n) {
        p->best_max = p->left;
        p->best = BELAY_ARENA_ARRAY(&q->kept, struct best, p->best_max);
        if (!p->best)
            return question_fail(q, BELAY_NOMEM, "no memory for the answer");
    }
    belay_json_begin_object(&p->out);
    belay_json_key(&p->out, "lanes");
    belay_json_begin_array(&p->out);
    fill_page(p, e);
    return false;
}

/* ---- one ---- */

/* What an operator can do about it: the verbs of the API. */
static void show_helps(struct belay_json_out *o, const struct belay_lane *lane)
{
    bool hand = lane->state == BELAY_LANE_HAND, idle = lane->head && lane->in_flight_since == BELAY_TIME_NEVER;
    belay_json_key(o, "helps");
    belay_json_begin_array(o);
    if (!hand && idle && lane->state != BELAY_LANE_OPEN)
        belay_json_put_c(o, "retry");
    if (idle && lane->state != BELAY_LANE_OPEN)
        belay_json_put_c(o, "skip");
    if (hand || lane->letter)
        belay_json_put_c(o, "release");
    if (lane->held || (hand && idle))
        belay_json_put_c(o, "move");
    if (!hand)
        belay_json_put_c(o, "park");
    belay_json_end_array(o);
}

static void show_history(struct belay_json_out *o, struct belay_engine *e, const struct belay_lane *lane,
                         struct belay_arena *arena)
{
    struct belay_letter trouble;
    belay_time due;
    belay_json_key(o, "history");
    belay_json_begin_array(o);
    if (lane->head && belay_broker_trouble(belay_engine_broker(e), lane->sub, lane->head, arena, &trouble, &due) == BELAY_OK)
        for (uint32_t i = 0; i < trouble.history_count; i++)
            show_fault(o, &trouble.history[i].fault);
    belay_json_end_array(o);
}

static void show_held(struct question *q, struct belay_json_out *o, struct belay_engine *e, const struct belay_lane *lane)
{
    uint64_t *sequences = BELAY_ARENA_ARRAY(&q->arena, uint64_t, HELD_SHOWN_MAX);
    uint32_t n = question_count(q), max = n < HELD_SHOWN_MAX ? n : HELD_SHOWN_MAX;
    n = sequences ? belay_broker_lane_held(belay_engine_broker(e), lane->sub, lane->key, question_number(q, "after", 0),
                                           max, sequences)
                  : 0;
    belay_json_key(o, "held_sequences");
    belay_json_begin_array(o);
    for (uint32_t i = 0; i < n; i++)
        belay_json_put_uint(o, sequences[i]);
    belay_json_end_array(o);
    belay_json_key(o, "next");
    if (n == max)
        belay_json_put_uint(o, sequences[n - 1]);
    else
        belay_json_put_null(o);
}

struct one {
    struct question *q;
    struct belay_json_out out;
    struct reader reader;
};

static bool each_head(void *arg, uint64_t sequence, const struct belay_message *m)
{
    struct one *one = arg;
    (void)sequence;
    belay_json_key(&one->out, "message");
    show_message(&one->out, m, &one->q->arena);
    return false;
}

static void over(void *arg)
{
    struct one *one = arg;
    belay_json_end_object(&one->out);
    question_end(one->q);
}

/* The head's message: out of its letter, its own row, or the topic. */
static bool show_head(struct one *one, struct belay_engine *e, const struct belay_lane *lane)
{
    struct belay_broker *b = belay_engine_broker(e);
    struct belay_store *store = belay_engine_store(e);
    struct belay_message m;
    if (!lane->head || belay_broker_exception_message(b, lane->sub, lane->head, &one->q->arena, &m)) {
        if (lane->head)
            each_head(one, lane->head, &m);
        belay_json_end_object(&one->out);
        return true;
    }
    one->reader = (struct reader){ .q = one->q, .store = store, .at = lane->head, .end = lane->head + 1,
                                   .topic = belay_broker_topic_id(b, belay_subscription_topic(lane->sub)),
                                   .each = each_head, .over = over, .arg = one };
    reader_start(&one->reader);
    return false;
}

bool answer_lane(struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_lane lane;
    struct belay_str key;
    struct belay_subscription *sub = question_subscription(q, e);
    struct one *one = BELAY_ARENA_NEW(&q->kept, struct one);
    if (!sub || !question_key(q, &key))
        return true;
    if (!one)
        return question_fail(q, BELAY_NOMEM, "no memory for the answer");
    int status = belay_broker_lane_get(belay_engine_broker(e), sub, key, &q->arena, &lane, &q->err);
    if (status != BELAY_OK)
        return question_failed(q, status);
    *one = (struct one){ .q = q, .out = belay_json_out(&q->out) };
    show_lane_open(&one->out, e, &lane, now);
    show_helps(&one->out, &lane);
    show_history(&one->out, e, &lane, &q->arena);
    show_held(q, &one->out, e, &lane);
    show_trail(&one->out, e, BELAY_TRAIL_LANE, belay_subscription_name(sub), lane.key, &q->arena);
    return show_head(one, e, &lane);
}
