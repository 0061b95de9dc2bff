/* subscription.c - durable readers of topics: made, taken up, paused; their row. */
#include "broker/subscription.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/planted.h"
#include "broker/deliver.h"
#include "broker/record.h"
#include "broker/suspect.h"
#include "broker/topic.h"
#include "broker/window.h"

/* Beside name and reason. */
#define SUBSCRIPTION_RECORD_BYTES (3 * BELAY_VARINT_MAX)
#define PAUSE_RECORD_BYTES (2 * BELAY_VARINT_MAX)

static struct belay_subscription *subscription_new(struct belay_str name)
{
    struct belay_subscription *sub = belay_calloc(1, sizeof *sub);
    if (!sub)
        return NULL;
    sub->name = belay_str(belay_memdup0(name.p, name.n), name.n);
    if (!sub->name.p) {
        belay_free(sub);
        return NULL;
    }
    ranges_init(&sub->covered);
    ranges_init(&sub->started);
    belay_list_init(&sub->topic_node);
    window_init(sub);
    return sub;
}

static void subscription_free(struct belay_subscription *sub)
{
    if (!sub)
        return;
    window_free(sub);
    ranges_deinit(&sub->covered);
    ranges_deinit(&sub->started);
    belay_free(sub->suspects);
    belay_free((void *)sub->name.p);
    belay_free(sub);
}

void subscriptions_free(struct belay_broker *b)
{
    for (uint32_t i = 0; i < b->sub_count; i++)
        subscription_free(b->subs[i]);
    subscription_free(b->spare_sub);
    belay_free(b->subs);
}

struct belay_subscription *belay_broker_find(struct belay_broker *b, struct belay_str name)
{
    return belay_map_get(&b->subs_by_name, name);
}

struct belay_subscription *belay_broker_find_id(struct belay_broker *b, uint32_t id)
{
    return id && id <= b->sub_count ? b->subs[id - 1] : NULL;
}

struct belay_subscription *unpack_subscription(struct belay_broker *b, struct belay_unpack *u)
{
    uint64_t id = belay_unpack_varint(u);
    struct belay_subscription *sub = id <= b->sub_count ? belay_broker_find_id(b, (uint32_t)id) : NULL;
    u->failed = u->failed || !sub;
    return sub;
}

struct belay_str belay_subscription_topic(const struct belay_subscription *sub)
{
    return sub->topic->name;
}

struct belay_str belay_subscription_stopped_by(struct belay_subscription *sub, bool *ret_news)
{
    *ret_news = sub->broken && !sub->broken_told;
    sub->broken_told = sub->broken;
    return sub->broken ? belay_str_c(sub->broken_why) : BELAY_STR_NONE;
}

struct belay_str belay_subscription_name(const struct belay_subscription *sub)
{
    return sub->name;
}

uint32_t belay_subscription_id(const struct belay_subscription *sub)
{
    return sub->id;
}

/* ---- making ---- */

static int make_place(struct belay_broker *b)
{
    if (b->sub_count == b->sub_cap) {
        uint32_t cap = b->sub_cap ? b->sub_cap * 2 : 16;
        struct belay_subscription **subs = belay_realloc(b->subs, cap * sizeof *subs);
        if (!subs)
            return BELAY_NOMEM;
        b->subs = subs;
        b->sub_cap = cap;
    }
    return BELAY_OK;
}

static void drop_spare(struct belay_broker *b)
{
    if (b->spare_sub)
        belay_map_del(&b->subs_by_name, b->spare_sub->name);
    subscription_free(b->spare_sub);
    b->spare_sub = NULL;
}

static int make_spare(struct belay_broker *b, struct belay_str name)
{
    if (make_place(b) != BELAY_OK || !(b->spare_sub = subscription_new(name)))
        return BELAY_NOMEM;
    if (belay_map_put(&b->subs_by_name, b->spare_sub->name, b->spare_sub, NULL) == BELAY_OK)
        return BELAY_OK;
    subscription_free(b->spare_sub);
    b->spare_sub = NULL;
    return BELAY_NOMEM;
}

/* Takes its place among the others. */
static int place(struct belay_broker *b, struct belay_subscription *sub, struct topic *t)
{
    if (make_place(b) != BELAY_OK || belay_map_put(&b->subs_by_name, sub->name, sub, NULL) != BELAY_OK)
        return BELAY_NOMEM;
    BELAY_ASSERT(!sub->topic && b->sub_count < b->sub_cap);
    b->subs[b->sub_count++] = sub;
    sub->id = b->sub_count;
    sub->topic = t;
    sub->topic_id = t->id;
    belay_list_push(&t->subscriptions, &sub->topic_node);
    t->subscription_count++;
    t->low_dirty = true;
    return BELAY_OK;
}

static int first_cursor(struct belay_broker *b, const struct belay_subscription_opt *opt, struct topic *t,
                        uint64_t *ret_cursor, struct belay_err *err)
{
    uint64_t first = belay_store_first_sequence(b->store, t->id), next = belay_store_next_sequence(b->store, t->id);
    switch (opt->start) {
    case BELAY_START_EARLIEST: *ret_cursor = first; return BELAY_OK;
    case BELAY_START_LATEST: *ret_cursor = next; return BELAY_OK;
    case BELAY_START_TIME: *ret_cursor = belay_store_sequence_at(b->store, t->id, opt->start_time); return BELAY_OK;
    case BELAY_START_UNSAID: break;
    }
    if (next > 1 && !t->queue)
        return belay_fail(err, BELAY_INVALID,
                          "topic %.*s has messages already: say where %.*s begins, "
                          "`start: earliest`, `start: latest` or a time",
                          BELAY_STR_ARG(t->name), BELAY_STR_ARG(opt->name));
    *ret_cursor = first;
    return BELAY_OK;
}

/* t: NULL where it is to be declared before. */
static int check_new(struct belay_broker *b, const struct belay_subscription_opt *opt, struct topic *t, uint32_t others,
                     uint64_t *ret_cursor, struct belay_err *err)
{
    if (t && t->queue && t->subscription_count)
        return belay_fail(err, BELAY_CONFLICT, "queue %.*s has a subscription already: only one may take its messages",
                          BELAY_STR_ARG(t->name));
    if (opt->name.n == 0 || opt->name.n > BELAY_NAME_BYTES_MAX || b->sub_count + others >= BELAY_SUBSCRIPTIONS_MAX)
        return belay_fail(err, BELAY_LIMIT, "a subscription's name has 1 to %d bytes, and there are at most %d",
                          BELAY_NAME_BYTES_MAX, BELAY_SUBSCRIPTIONS_MAX);
    return t ? first_cursor(b, opt, t, ret_cursor, err) : BELAY_OK;
}

static int check_place(const struct belay_subscription *sub, const struct belay_subscription_opt *opt, struct belay_err *err)
{
    if (belay_str_eq(sub->topic->name, opt->topic))
        return BELAY_OK;
    return belay_fail(err, BELAY_CONFLICT, "%.*s has its place in %.*s, not in %.*s: give the flow another name",
                      BELAY_STR_ARG(opt->name), BELAY_STR_ARG(sub->topic->name), BELAY_STR_ARG(opt->topic));
}

int belay_broker_subscribe_check(struct belay_broker *b, const struct belay_subscription_opt *opt,
                                 struct belay_declare_need *need, struct belay_err *err)
{
    const struct belay_subscription *sub = belay_broker_find(b, opt->name);
    uint64_t cursor;
    if (sub)
        return check_place(sub, opt, err);
    int status = check_new(b, opt, topic_find(b, opt->topic), need->subscriptions, &cursor, err);
    if (status != BELAY_OK)
        return status;
    need->bytes += opt->name.n + SUBSCRIPTION_RECORD_BYTES;
    need->records++;
    need->subscriptions++;
    need->grows = true;
    return BELAY_OK;
}

static int create(struct belay_broker *b, const struct belay_subscription_opt *opt, struct topic *t,
                  struct belay_err *err)
{
    uint64_t cursor = 0;
    int status = check_new(b, opt, t, 0, &cursor, err);
    if (status != BELAY_OK)
        return status;
    if (make_spare(b, opt->name) != BELAY_OK)
        return belay_fail(err, BELAY_NOMEM, "no memory for a subscription");
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, t->id);
    belay_pack_varint(r, cursor);
    belay_pack_str(r, opt->name);
    status = record_commit(b, RECORD_SUBSCRIPTION, (struct cost){ 0 }, false, err);
    if (status != BELAY_OK)
        drop_spare(b);
    return status;
}

int apply_subscription(struct belay_broker *b, struct belay_unpack *u)
{
    uint64_t topic_id = belay_unpack_varint(u), cursor = belay_unpack_varint(u);
    struct belay_str name = belay_unpack_str(u);
    struct topic *t = topic_by_id(b, (uint32_t)topic_id);
    if (!belay_unpack_ok(u) || !t || topic_id > UINT32_MAX)
        return BELAY_CORRUPT;
    struct belay_subscription *sub = b->spare_sub ? b->spare_sub : subscription_new(name);
    if (!sub)
        return BELAY_NOMEM;
    b->spare_sub = NULL;
    if (place(b, sub, t) != BELAY_OK) {
        subscription_free(sub);
        return BELAY_NOMEM;
    }
    sub->start = sub->cursor = sub->read_next = sub->pin_low = cursor;
    sub->dirty = true;
    return BELAY_OK;
}

int belay_broker_subscription_make(struct belay_broker *b, const struct belay_subscription_opt *opt,
                                   struct belay_subscription **ret_sub, struct belay_err *err)
{
    struct topic *t = topic_find(b, opt->topic);
    const struct belay_subscription *sub = belay_broker_find(b, opt->name);
    if (!t)
        return belay_fail(err, BELAY_NOTFOUND, "no topic or queue %.*s", BELAY_STR_ARG(opt->topic));
    int status = sub ? check_place(sub, opt, err) : create(b, opt, t, err);
    if (status == BELAY_OK)
        *ret_sub = belay_broker_find(b, opt->name);
    return status;
}

int belay_broker_subscribe(struct belay_broker *b, const struct belay_subscription_opt *opt,
                           struct belay_subscription **ret_sub, struct belay_err *err)
{
    struct belay_subscription *sub;
    int status = belay_broker_subscription_make(b, opt, &sub, err);
    if (status != BELAY_OK)
        return status;
    sub->opt = *opt;
    sub->opt.name = sub->name;
    sub->opt.topic = sub->topic->name;
    snprintf(sub->letters_reason, sizeof sub->letters_reason, "%.*s", BELAY_STR_ARG(opt->letters.reason));
    sub->opt.letters.reason = belay_str_c(sub->letters_reason);
    if (opt->letters.expire_ms || opt->letters.count_max || BELAY_PLANTED(55)) {
        b->expires = true;
        b->expire_at = b->now;
    }
    sub->active = true;
    subscription_kick(b, sub);
    *ret_sub = sub;
    return BELAY_OK;
}

void belay_broker_unsubscribe(struct belay_broker *b, struct belay_subscription *sub)
{
    bool broken = sub->broken;
    if (!sub->active)
        return;
    window_reset(b, sub); /* also what is being read: it would ask for its lanes */
    sub->broken = broken;
    sub->active = false;
    sub->opt.lane_key = NULL;
    sub->opt.arg = NULL;
    subscription_rearm(b, sub);
}

/* ---- pausing ---- */

static void pack_pause(struct belay_broker *b, struct belay_subscription *sub, struct belay_str reason)
{
    struct belay_buf *r = record_begin(b);
    belay_pack_varint(r, sub->id);
    belay_pack_str(r, belay_str_sub(reason, 0, sizeof sub->paused - 1));
}

void subscription_pause_append(struct belay_broker *b, struct belay_subscription *sub, struct belay_str reason)
{
    BELAY_ASSERT(reason.n); /* without one it would be resumed */
    pack_pause(b, sub, reason);
    record_append(b, RECORD_PAUSE);
}

void belay_broker_pause_need(struct belay_str reason, struct belay_declare_need *need)
{
    need->bytes += reason.n + PAUSE_RECORD_BYTES;
    need->records++;
}

int belay_broker_pause(struct belay_broker *b, struct belay_subscription *sub, struct belay_str reason,
                       struct belay_err *err)
{
    int status = BELAY_OK;
    if (reason.n) {
        pack_pause(b, sub, reason);
        status = record_commit(b, RECORD_PAUSE, (struct cost){ 0 }, true, err);
    } else {
        sub->stopped = true;
    }
    subscription_rearm(b, sub);
    return status;
}

int belay_broker_resume(struct belay_broker *b, struct belay_subscription *sub, struct belay_err *err)
{
    if (sub->paused[0]) {
        pack_pause(b, sub, BELAY_STR_NONE);
        int status = record_commit(b, RECORD_PAUSE, (struct cost){ 0 }, true, err);
        if (status != BELAY_OK)
            return status;
    }
    sub->stopped = sub->broken = false; /* a file may be back: what is not well stops it again */
    subscription_kick(b, sub);
    return BELAY_OK;
}

int apply_pause(struct belay_broker *b, struct belay_unpack *u)
{
    struct belay_subscription *sub = unpack_subscription(b, u);
    struct belay_str reason = belay_unpack_str(u);
    if (!sub || !belay_unpack_ok(u) || reason.n >= sizeof sub->paused)
        return BELAY_CORRUPT;
    if (reason.n)
        memcpy(sub->paused, reason.p, reason.n);
    sub->paused[reason.n] = '\0';
    sub->dirty = true;
    return BELAY_OK;
}

/* ---- the row ---- */

static void pack_ranges(struct belay_buf *out, const struct ranges *r, uint64_t base)
{
    uint64_t at = base;
    belay_pack_varint(out, r->count);
    for (uint32_t i = 0; i < r->count; i++) {
        belay_pack_varint(out, r->items[i].first - at);
        belay_pack_varint(out, r->items[i].end - r->items[i].first);
        at = r->items[i].end;
    }
}

static int unpack_ranges(struct belay_unpack *u, struct ranges *r, uint64_t base)
{
    uint64_t count = belay_unpack_varint(u), at = base;
    if (!belay_unpack_ok(u) || count > belay_unpack_left(u))
        return BELAY_CORRUPT;
    if (ranges_reserve(r, (uint32_t)count + 1) != BELAY_OK)
        return BELAY_NOMEM;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t first = at + belay_unpack_varint(u);
        at = first + belay_unpack_varint(u);
        ranges_add(r, first, at);
    }
    return BELAY_OK;
}

static uint64_t *counter_of(struct counters *n, size_t i)
{
    return (uint64_t *)n + i;
}
#define COUNTERS (sizeof(struct counters) / sizeof(uint64_t))

#define SUBSCRIPTION_VERSION 2

static void pack_row(struct belay_buf *out, struct belay_subscription *sub)
{
    belay_pack_u8(out, SUBSCRIPTION_VERSION);
    belay_pack_varint(out, sub->topic_id);
    belay_pack_str(out, sub->name);
    belay_pack_str(out, belay_str_c(sub->paused));
    belay_pack_u8(out, sub->went_back);
    belay_pack_varint(out, sub->start);
    belay_pack_varint(out, sub->cursor + (BELAY_PLANTED(7) && sub->cursor > 1));
    for (size_t i = 0; i < COUNTERS; i++)
        belay_pack_varint(out, *counter_of(&sub->n, i));
    pack_ranges(out, &sub->covered, sub->cursor);
    pack_ranges(out, &sub->started, 0);
    suspects_pack(out, sub);
}

void subscriptions_save(struct belay_broker *b, struct belay_state *state)
{
    for (uint32_t i = 0; i < b->sub_count; i++) {
        struct belay_subscription *sub = b->subs[i];
        struct row_key key = key_id(sub->id);
        if (!sub->dirty)
            continue;
        belay_buf_clear(&b->message);
        pack_row(&b->message, sub);
        /* Without memory here there is no checkpoint to be had: the row must be in it. */
        BELAY_ASSERT(belay_buf_status(&b->message) == BELAY_OK);
        belay_state_put(state, BELAY_TABLE_SUBSCRIPTION, row_key_str(&key), belay_buf_view(&b->message));
        sub->dirty = false;
    }
    crashes_save(b, state);
}

static int unpack_row(struct belay_broker *b, struct belay_unpack *u)
{
    if (belay_unpack_u8(u) != SUBSCRIPTION_VERSION)
        return BELAY_VERSION;
    struct topic *t = topic_by_id(b, (uint32_t)belay_unpack_varint(u));
    struct belay_str name = belay_unpack_str(u), paused = belay_unpack_str(u);
    struct belay_subscription *sub = t && belay_unpack_ok(u) ? subscription_new(name) : NULL;
    if (!sub)
        return t && belay_unpack_ok(u) ? BELAY_NOMEM : BELAY_CORRUPT;
    int status = place(b, sub, t);
    if (status != BELAY_OK) {
        subscription_free(sub);
        return status;
    }
    if (paused.n < sizeof sub->paused && paused.n)
        memcpy(sub->paused, paused.p, paused.n);
    sub->went_back = belay_unpack_u8(u);
    sub->start = belay_unpack_varint(u);
    sub->cursor = sub->read_next = belay_unpack_varint(u);
    for (size_t i = 0; i < COUNTERS; i++)
        *counter_of(&sub->n, i) = belay_unpack_varint(u);
    status = unpack_ranges(u, &sub->covered, sub->cursor);
    if (status == BELAY_OK)
        status = unpack_ranges(u, &sub->started, 0);
    if (status == BELAY_OK)
        status = suspects_unpack(u, sub);
    if (status == BELAY_OK && !belay_unpack_done(u))
        return BELAY_CORRUPT;
    return status;
}

int subscriptions_load(struct belay_broker *b, struct belay_state *state)
{
    for (uint32_t id = 1;; id++) {
        struct row_key key = key_id(id);
        struct belay_str value;
        if (!belay_state_get(state, BELAY_TABLE_SUBSCRIPTION, row_key_str(&key), &value))
            return crashes_load(b, state);
        struct belay_unpack u = belay_unpack_init(value);
        int status = unpack_row(b, &u);
        if (status != BELAY_OK)
            return status;
    }
}
