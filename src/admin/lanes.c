#include "admin/lanes.h"

#include "admin/question.h"
#include "admin/show.h"
#include "base/limits.h"
#include "broker/declare.h"

bool lane_key_matches(struct belay_str pattern, struct belay_str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, from = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            from = t;
        } else if (p < pattern.n && (pattern.p[p] == '?' || pattern.p[p] == text.p[t])) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

static bool read_state(struct lane_filter *f, struct belay_str state)
{
    static const enum belay_lane_state states[] = { BELAY_LANE_PARKED, BELAY_LANE_WAITING, BELAY_LANE_HAND,
                                                    BELAY_LANE_FLIGHT, BELAY_LANE_READY };
    f->any_state = state.n == 0;
    f->stalled = belay_str_eq(state, BELAY_STR("stalled"));
    if (f->any_state || f->stalled) {
        f->any_state = true;
        return true;
    }
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (belay_str_eq(state, belay_str_c(belay_lane_state_name(states[i])))) {
            f->state = states[i];
            return true;
        }
    return false;
}

bool lane_filter_read(struct lane_filter *f, struct question *q)
{
    *f = (struct lane_filter){ .q = q, .flow = question_param(q, "flow"), .key = question_param(q, "key") };
    if (!read_state(f, question_param(q, "state"))) {
        question_fail(q, BELAY_INVALID, "state is one of parked, waiting, hand, in flight, ready, stalled");
        return false;
    }
    f->older_ms = (int64_t)question_number(q, "older_ms", f->stalled ? BELAY_LANE_STALLED_MS : 0);
    return true;
}

static bool is_wanted(const struct lane_filter *f, const struct belay_lane *lane, belay_time now)
{
    bool old = f->older_ms <= 0 || now - lane->head_since >= f->older_ms * BELAY_US_PER_MS;
    return old && (f->any_state || f->state == lane->state) && (!f->key.n || lane_key_matches(f->key, lane->key));
}

static struct belay_subscription *sub_of(const struct lane_filter *f, struct belay_broker *b, uint32_t id)
{
    struct belay_subscription *sub = id ? belay_broker_find_id(b, id) : NULL;
    return sub && (!f->flow.n || belay_str_eq(belay_subscription_name(sub), f->flow)) ? sub : NULL;
}

bool lane_filter_next(const struct lane_filter *f, struct belay_engine *e, belay_time now, struct lane_place *place,
                      struct lane_place *before, uint32_t *looks, struct belay_lane *ret_lane, bool *ret_end)
{
    struct belay_broker *b = belay_engine_broker(e);
    *ret_end = false;
    for (; *looks; --*looks) {
        struct belay_arena_mark mark = belay_arena_mark(&f->q->arena);
        struct belay_subscription *sub = sub_of(f, b, place->sub_id);
        *before = *place;
        if (sub && belay_broker_lane_next(b, sub, &place->at, &f->q->arena, ret_lane)) {
            if (is_wanted(f, ret_lane, now)) {
                --*looks;
                return true;
            }
        } else {
            *place = (struct lane_place){ .sub_id = place->sub_id + 1 };
            if (!belay_broker_find_id(b, place->sub_id)) {
                *ret_end = true;
                return false;
            }
        }
        belay_arena_rewind(&f->q->arena, mark);
    }
    return false;
}

static void show_number(struct belay_json_out *o, const char *name, uint64_t value)
{
    belay_json_key(o, name);
    belay_json_put_uint(o, value);
}

void show_lane_open(struct belay_json_out *o, struct belay_engine *e, const struct belay_lane *lane, belay_time now)
{
    char why[512];
    belay_engine_lane_why(e, lane, why, sizeof why);
    belay_json_begin_object(o);
    show_text(o, "flow", belay_subscription_name(lane->sub));
    show_text(o, "key", lane->key);
    show_text(o, "state", belay_str_c(belay_lane_state_name(lane->state)));
    show_number(o, "head", lane->head);
    belay_json_key(o, "letter");
    belay_json_put_bool(o, lane->letter);
    show_number(o, "held", lane->held);
    show_number(o, "pending", lane->pending);
    show_number(o, "attempts", lane->attempts);
    show_time(o, "since", lane->since);
    show_time(o, "head_since", lane->head_since);
    show_number(o, "age_ms", now > lane->head_since ? (uint64_t)(now - lane->head_since) / BELAY_US_PER_MS : 0);
    show_time(o, "due", lane->due);
    if (lane->in_flight_since != BELAY_TIME_NEVER)
        show_time(o, "in_flight_since", lane->in_flight_since);
    if (lane->hand_at != BELAY_TIME_NEVER) {
        show_time(o, "parked_at", lane->hand_at);
        show_text(o, "parked_by", lane->who);
        show_text(o, "reason", lane->reason);
    }
    show_text(o, "error", belay_str_c(lane->failed ? lane->last.type : ""));
    show_text(o, "description", belay_str_c(lane->failed ? lane->last.description : ""));
    show_text(o, "why", belay_str_c(why));
}
