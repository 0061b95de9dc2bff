/* lane_work.c - what an operator does to one lane, or to all that a filter names, a bite each turn.
 *
 * Each lane is done by itself: the act and its entry in the trail are in one commit, and what became of the others
 * changes nothing about it.  A lane that went on meanwhile, or does not need what was asked for, counts as passed by.
 * Where the messages themselves are wanted (skip, move) they are read first: then the turn goes on when they are there.
 */
#include "admin/answer_trail.h"

#include <stdio.h>

#include "admin/answers.h"
#include "admin/lanes.h"
#include "admin/question.h"
#include "admin/routes.h"
#include "admin/show.h"
#include "base/limits.h"
#include "broker/stats.h"
#include "platform/clock.h"

#define BUSY_US_MAX (10 * BELAY_US_PER_S) /* for so long a store without room is asked again, for each lane */

enum verb { VERB_PARK, VERB_RELEASE, VERB_RETRY, VERB_SKIP, VERB_MOVE };
static const char *const verbs[] = { "park", "release", "retry", "skip", "move" };

struct work {
    struct question *q;
    struct lane_filter filter;
    enum verb verb;
    bool one;                       /* the path names it */
    struct lane_place place, before;
    bool end;
    uint64_t lanes, messages, passed_by;
    belay_time busy_since;          /* monotonic; 0: it has room */
    char why[BELAY_ERR_MSG_MAX];    /* of the first that was passed by */
    /* reading */
    struct belay_arena arena;       /* what was read for the lane at hand */
    struct belay_fetched items[BELAY_LANE_MOVE_MAX];
    uint64_t wanted[BELAY_LANE_MOVE_MAX];
    uint32_t wanted_count, read;
    size_t read_bytes;
    int read_failed;
    bool reading;                   /* the bite of a move is chosen, and being read */
    bool moved_any;                 /* of the lane at hand, in an earlier bite */
};

static void turn(void *arg, struct belay_engine *e);

/* ---- the answer ---- */

static void answer(struct work *w, int status)
{
    struct question *q = w->q;
    struct belay_json_out o = belay_json_out(&q->out);
    belay_arena_deinit(&w->arena);
    w->lanes += w->moved_any; /* the one at hand */
    if (status == BELAY_OK && w->one && !w->lanes)
        status = q->err.code;
    if (status != BELAY_OK && (w->one || !w->lanes)) {
        question_failed(q, status);
        question_end(q);
        return;
    }
    belay_json_begin_object(&o);
    belay_json_key(&o, "done");
    belay_json_put_bool(&o, status == BELAY_OK);
    belay_json_key(&o, "lanes");
    belay_json_put_uint(&o, w->lanes);
    belay_json_key(&o, "messages");
    belay_json_put_uint(&o, w->messages);
    belay_json_key(&o, "passed_by");
    belay_json_put_uint(&o, w->passed_by);
    show_text(&o, "why", belay_str_c(status == BELAY_OK ? w->why : q->err.msg));
    belay_json_end_object(&o);
    belay_err_clear(&q->err);
    question_end(q);
}

/* ---- reading what a lane wants to know ---- */

static void keep(struct work *w, const struct belay_fetched *item)
{
    struct belay_str copy = belay_arena_str(&w->arena, item->encoded);
    if (!copy.p)
        return;
    w->items[w->read] = (struct belay_fetched){ item->sequence, item->accepted_at, copy };
    w->read++;
    w->read_bytes += copy.n;
}

static void on_fetched(struct belay_fetch *f)
{
    struct work *w = f->arg;
    uint32_t before = w->read;
    for (uint32_t i = 0; f->status == BELAY_OK && i < f->count && w->read < w->wanted_count; i++)
        if (f->items[i].sequence == w->wanted[w->read])
            keep(w, &f->items[i]);
    if (w->read == before) { /* nothing came: the bite ends here */
        w->wanted_count = w->read;
        w->read_failed = f->status != BELAY_OK ? f->status : BELAY_NOMEM;
        w->q->err = f->err;
    }
    belay_arena_deinit(&f->arena);
    question_again(w->q, turn, w);
}

/* True: a read is under way. */
static bool read_more(struct work *w, struct belay_engine *e, const struct belay_lane *lane)
{
    struct belay_store *store = belay_engine_store(e);
    uint32_t topic = belay_broker_topic_id(belay_engine_broker(e), belay_subscription_topic(lane->sub));
    while (w->read < w->wanted_count && w->read_bytes < BELAY_ADMIN_BITE_BYTES) {
        struct belay_fetched item;
        if (belay_store_peek(store, topic, w->wanted[w->read], 1, BELAY_MESSAGE_BYTES_MAX, &item)) {
            uint32_t before = w->read;
            keep(w, &item);
            if (w->read == before)
                break; /* no memory: so many, then */
            continue;
        }
        uint64_t span = w->wanted[w->wanted_count - 1] - w->wanted[w->read] + 1;
        struct belay_fetch *f = &w->q->fetch;
        *f = (struct belay_fetch){ .topic = topic, .first = w->wanted[w->read], .done = on_fetched, .arg = w,
                                   .count_max = span < BELAY_LANE_MOVE_MAX ? (uint32_t)span : 1,
                                   .bytes_max = BELAY_ADMIN_BITE_BYTES };
        belay_arena_init(&f->arena, 0, BELAY_ADMIN_OUT_BYTES_MAX);
        belay_store_fetch(store, f);
        return true;
    }
    w->wanted_count = w->read;
    return false;
}

static void forget_read(struct work *w)
{
    belay_arena_reset(&w->arena);
    w->wanted_count = w->read = 0;
    w->read_bytes = 0;
}

/* ---- one lane ---- */

static int skip(struct work *w, struct belay_engine *e, const struct belay_lane *lane, struct belay_str encoded,
                belay_time now)
{
    return belay_broker_lane_skip(belay_engine_broker(e), lane->sub, lane->key, lane->head, encoded,
                                  question_text(w->q, "reason"), w->q->who, now, &w->q->err);
}

static int act(struct work *w, struct belay_engine *e, const struct belay_lane *lane, belay_time now)
{
    struct belay_broker *b = belay_engine_broker(e);
    struct question *q = w->q;
    struct belay_str topic;
    switch (w->verb) {
    case VERB_PARK:
        return belay_broker_lane_park(b, lane->sub, lane->key, question_text(q, "reason"), q->who, now, &q->err);
    case VERB_RELEASE: return belay_broker_lane_release(b, lane->sub, lane->key, now, &q->err);
    case VERB_RETRY: return belay_broker_lane_retry(b, lane->sub, lane->key, now, &q->err);
    case VERB_SKIP: {
        bool its_own = w->read && w->items[0].sequence == lane->head;
        return skip(w, e, lane, its_own ? w->items[0].encoded : BELAY_STR_NONE, now);
    }
    case VERB_MOVE: break;
    }
    int status = belay_broker_lane_target(b, lane->sub, question_text(q, "to"), question_flag(q, "force"), &topic, &q->err);
    return status == BELAY_OK
               ? belay_broker_lane_move(b, lane->sub, lane->key, topic, w->items, w->read, q->who, now, &q->err)
               : status;
}

/* The act and its entry in the trail, both or neither. */
static int act_on_record(struct work *w, struct belay_engine *e, const struct belay_lane *lane, belay_time now)
{
    char detail[128] = "";
    struct belay_str to = question_text(w->q, "to");
    struct belay_trail_entry entry = question_entry(w->q, BELAY_TRAIL_LANE, belay_subscription_name(lane->sub), lane->key,
                                                    verbs[w->verb]);
    if (w->verb == VERB_MOVE)
        snprintf(detail, sizeof detail, "%u to %.*s", w->read, BELAY_STR_ARG(to));
    else if (w->verb == VERB_SKIP)
        snprintf(detail, sizeof detail, "message %llu", (unsigned long long)lane->head);
    entry.detail = belay_str_c(detail);
    uint32_t records = w->verb == VERB_MOVE ? w->read + 1 : 2;
    int status = belay_trail_begin(belay_engine_broker(e), &entry, w->read_bytes * 2 + BELAY_KIB(8), records, &w->q->err);
    if (status == BELAY_OK)
        status = act(w, e, lane, now);
    if (status == BELAY_OK)
        w->busy_since = 0;
    return status == BELAY_OK ? question_did(w->q, e, &entry, now) : status;
}

enum next { NEXT_LANE, SAME_LANE, WAITS, ENDED };

static enum next passed_by(struct work *w)
{
    w->passed_by++;
    if (!w->why[0])
        snprintf(w->why, sizeof w->why, "%s", w->q->err.msg);
    forget_read(w);
    return NEXT_LANE;
}

/* A store without room has some later; any other refusal is about this lane alone. */
static enum next refused(struct work *w, int status)
{
    if (status == BELAY_CONFLICT || status == BELAY_NOTFOUND) {
        return passed_by(w);
    } else if (status == BELAY_BUSY || status == BELAY_NOSPACE) {
        belay_time now = belay_clock_monotonic(belay_clock_posix());
        if (!w->busy_since)
            w->busy_since = now;
        if (now - w->busy_since < BUSY_US_MAX) {
            question_again(w->q, turn, w);
            return WAITS;
        }
    }
    answer(w, status);
    return ENDED;
}

static enum next move_bite(struct work *w, struct belay_engine *e, const struct belay_lane *lane, belay_time now)
{
    struct belay_str topic;
    int able = belay_broker_lane_target(belay_engine_broker(e), lane->sub, question_text(w->q, "to"),
                                        question_flag(w->q, "force"), &topic, &w->q->err);
    if (able == BELAY_CONFLICT) /* of this flow; another may have another one */
        return passed_by(w);
    if (able != BELAY_OK) {
        answer(w, able);
        return ENDED;
    }
    if (!w->wanted_count && !w->reading) {
        w->wanted_count = belay_broker_lane_movable(belay_engine_broker(e), lane->sub, lane->key, BELAY_LANE_MOVE_MAX,
                                                    w->wanted);
        w->reading = true;
    }
    if (read_more(w, e, lane))
        return WAITS;
    w->reading = false;
    if (!w->read && w->moved_any)
        return NEXT_LANE;
    if (!w->read) {
        (void)belay_fail(&w->q->err, BELAY_CONFLICT, "nothing it holds can be moved: what was ever attempted stays (skip, release)");
        return passed_by(w);
    }
    uint32_t n = w->read;
    int status = act_on_record(w, e, lane, now);
    if (status == BELAY_BUSY || status == BELAY_NOSPACE) {
        w->reading = true; /* what was read is kept */
        return refused(w, status);
    }
    forget_read(w);
    if (status == BELAY_CONFLICT)
        return SAME_LANE; /* it went on: look anew */
    if (status != BELAY_OK)
        return refused(w, status);
    w->messages += n;
    return SAME_LANE;
}

static enum next on_lane(struct work *w, struct belay_engine *e, const struct belay_lane *lane, belay_time now)
{
    uint64_t messages = w->messages;
    if (w->verb == VERB_MOVE) {
        enum next next = move_bite(w, e, lane, now);
        w->moved_any = w->moved_any || w->messages > messages;
        if (next != NEXT_LANE)
            return next;
        w->lanes += w->moved_any;
        w->moved_any = false;
        return next;
    }
    int status = act_on_record(w, e, lane, now);
    if (status == BELAY_EMPTY) {
        forget_read(w);
        w->wanted[0] = lane->head;
        w->wanted_count = 1;
        if (read_more(w, e, lane))
            return WAITS;
        status = w->read ? act_on_record(w, e, lane, now) : BELAY_NOMEM;
    }
    if (status != BELAY_OK)
        return refused(w, status);
    forget_read(w);
    w->lanes++;
    w->messages += w->verb == VERB_SKIP;
    return NEXT_LANE;
}

/* ---- all of them ---- */

/* The lane at hand, as it is now. False: none. */
static bool find_lane(struct work *w, struct belay_engine *e, belay_time now, uint32_t *looks, struct belay_lane *ret_lane)
{
    struct question *q = w->q;
    if (!w->one)
        return lane_filter_next(&w->filter, e, now, &w->place, &w->before, looks, ret_lane, &w->end);
    --*looks;
    struct belay_subscription *sub = question_subscription(q, e);
    int status = sub ? BELAY_OK : BELAY_NOTFOUND;
    *ret_lane = (struct belay_lane){ .sub = sub, .key = question_param(q, "key") };
    if (sub && w->verb != VERB_PARK)
        status = belay_broker_lane_get(belay_engine_broker(e), sub, ret_lane->key, &q->arena, ret_lane, &q->err);
    w->end = status != BELAY_OK;
    return status == BELAY_OK;
}

static void turn(void *arg, struct belay_engine *e)
{
    struct work *w = arg;
    belay_time now = belay_engine_now(e);
    uint32_t looks = BELAY_ADMIN_BITE;
    enum next next = NEXT_LANE;
    if (w->read_failed) {
        answer(w, w->read_failed);
        return;
    }
    while (looks && !w->end) {
        struct belay_arena_mark mark = belay_arena_mark(&w->q->arena);
        struct belay_lane lane;
        if (!w->read)
            belay_err_clear(&w->q->err);
        if (find_lane(w, e, now, &looks, &lane))
            next = on_lane(w, e, &lane, now);
        belay_arena_rewind(&w->q->arena, mark);
        if (next == ENDED)
            return;
        if (next != NEXT_LANE && !w->one)
            w->place = w->before;
        if (next == WAITS)
            return;
        w->end = w->end || (w->one && next == NEXT_LANE);
    }
    if (w->end)
        answer(w, BELAY_OK);
    else
        question_again(w->q, turn, w);
}

static bool begin(struct question *q, struct belay_engine *e, enum verb verb)
{
    struct work *w = BELAY_ARENA_NEW(&q->kept, struct work);
    if (!w)
        return question_fail(q, BELAY_NOMEM, "no memory for the question");
    *w = (struct work){ .q = q, .verb = verb, .place = { .sub_id = 1 } };
    w->one = q->route->path[sizeof "/lanes/" - 1] == '{';
    if (!w->one && !lane_filter_read(&w->filter, q))
        return true;
    struct belay_str key;
    if ((w->one || w->filter.flow.n) && !question_subscription(q, e))
        return true;
    if (w->one && !question_key(q, &key))
        return true;
    if (!w->one && !w->filter.flow.n && !w->filter.key.n)
        return question_fail(q, BELAY_INVALID, "which lanes: name a flow, or keys");
    belay_arena_init(&w->arena, 0, BELAY_ADMIN_OUT_BYTES_MAX);
    turn(w, e);
    return false;
}

bool answer_lane_park(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)now;
    if (!belay_str_trim(question_text(q, "reason")).n)
        return question_fail(q, BELAY_INVALID, "say why: to park a lane needs a \"reason\"");
    return begin(q, e, VERB_PARK);
}

bool answer_lane_release(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)now;
    return begin(q, e, VERB_RELEASE);
}

bool answer_lane_retry(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)now;
    return begin(q, e, VERB_RETRY);
}

bool answer_lane_skip(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)now;
    if (!belay_str_trim(question_text(q, "reason")).n)
        return question_fail(q, BELAY_INVALID, "say why: to skip a message needs a \"reason\"");
    return begin(q, e, VERB_SKIP);
}

bool answer_lane_move(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)now;
    if (!question_text(q, "to").n)
        return question_fail(q, BELAY_INVALID, "where to: \"to\" names a queue, a topic or a flow");
    return begin(q, e, VERB_MOVE);
}
