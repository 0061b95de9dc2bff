/* broker_fixture.h - a broker over the real store, on the simulated disk, with the state in a model;
 * it can die and come back.  Commits, checkpoints and fetches end within the step, unless jobs are
 * queued. */
#ifndef BELAY_TEST_BROKER_FIXTURE_H
#define BELAY_TEST_BROKER_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/audit.h"
#include "broker/by_name.h"
#include "broker/deliver.h"
#include "broker/lane_impl.h"
#include "broker/letter_impl.h"
#include "broker/publish.h"
#include "broker/record.h"
#include "broker/stats.h"
#include "lib/jobs_inline.h"
#include "sim/disk.h"
#include "sim/jobs.h"
#include "unit/test.h"

#define MS BELAY_US_PER_MS
#define START_TIME ((belay_time)1700000000 * BELAY_US_PER_S)

struct world {
    struct belay_disk *disk;
    struct belay_state_backend backend;
    struct sim_jobs queue;
    struct belay_store_opt opt;
    struct belay_store *store;
    struct belay_broker *b;
    struct belay_subscription *sub; /* the one subscribed last */
    struct belay_subscription_opt sub_opt;
    struct belay_err err;
    struct belay_fault fault;
    belay_time now;
    uint64_t seed;
    uint32_t read_ahead_max; /* 0: as in life */
    uint32_t part_keys;      /* likewise */
    bool rows_stay;          /* of what waited and is done: until they are swept */
};

#define world_ok(w, expression)                                                  \
    do {                                                                         \
        if ((expression) != BELAY_OK)                                            \
            fail_msg("%s:%d: %s: %s", __FILE__, __LINE__, #expression, (w)->err.msg); \
    } while (0)

static int world_load(void *arg, struct belay_state *state, struct belay_err *err)
{
    return belay_broker_load(((struct world *)arg)->b, state, err);
}

static int world_apply(void *arg, uint64_t position, const struct belay_record *record, struct belay_err *err)
{
    return belay_broker_apply(((struct world *)arg)->b, position, record, err);
}

static void world_save(void *arg, struct belay_state *state)
{
    belay_broker_save(((struct world *)arg)->b, state);
}

static inline void world_open(struct world *w)
{
    w->opt.disk = w->disk;
    w->opt.state = &w->backend;
    w->opt.seed = ++w->seed;
    w->opt.load = world_load;
    w->opt.apply = world_apply;
    w->opt.save = world_save;
    w->opt.arg = w;
    world_ok(w, belay_broker_new(NULL, &w->b, &w->err));
    if (w->read_ahead_max) {
        w->b->read_ahead_max = w->read_ahead_max;
        w->b->spill_after_us = 0;
    }
    if (w->rows_stay) {
        w->b->sweep_waiting_min = 2;
        w->b->lane_filter_worn = 8;
    }
    if (w->part_keys)
        w->b->part_keys = w->part_keys;
    world_ok(w, belay_store_open(&w->opt, &w->store, &w->err));
    belay_broker_set_store(w->b, w->store);
    belay_broker_recovered(w->b, w->now);
}

static inline struct world *world_new(bool queued)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    world_ok(w, sim_disk_new(&(struct sim_disk_opt){ .seed = 7, .direct = true, .write_sync = true }, &w->disk,
                             &w->err));
    world_ok(w, belay_state_model_open(&w->backend, &w->err));
    sim_jobs_init(&w->queue);
    w->opt.jobs = queued ? &w->queue.port : &jobs_inline;
    w->opt.segment_bytes = 256 * 1024;
    w->now = START_TIME;
    belay_fault_init(&w->fault, "HTTP:TIMEOUT", BELAY_CLASS_TRANSIENT, "no answer within %d ms", 500);
    world_open(w);
    return w;
}

static inline void world_flush(struct world *w)
{
    belay_broker_flush(w->b);
    belay_store_flush(w->store, w->now);
}

static void world_no_balance(void *arg, const struct belay_audit_balance *balance)
{
    (void)arg;
    assert_int_equal(balance->lost, 0);
    assert_int_equal(balance->twice, 0);
}

static void world_no_finding(void *arg, struct belay_str owner, uint64_t sequence, struct belay_str what)
{
    (void)arg;
    fail_msg("audit: %.*s/%llu: %.*s", BELAY_STR_ARG(owner), (unsigned long long)sequence, BELAY_STR_ARG(what));
}

/* Each message is in exactly one state. */
static inline void world_audit(struct world *w)
{
    struct belay_auditor to = { world_no_balance, world_no_finding, NULL, w };
    world_ok(w, belay_broker_audit(w->b, &to, &w->err));
}

/* Everything appended so far is durable, every job done, every invariant holds. */
static inline void world_settle(struct world *w)
{
    for (int i = 0; i < 4; i++) {
        world_flush(w);
        sim_jobs_finish(&w->queue);
    }
    world_ok(w, belay_broker_check(w->b, &w->err));
    world_audit(w);
    world_flush(w);
    sim_jobs_finish(&w->queue);
}

static inline void world_close(struct world *w)
{
    sim_disk_stop(w->disk);
    sim_jobs_finish(&w->queue);
    belay_broker_free(w->b);
    belay_store_close(w->store);
}

/* Dies and comes back, with its last subscription taken up. */
static inline void world_reopen(struct world *w, enum sim_death death)
{
    world_close(w);
    sim_disk_restart(w->disk, death);
    world_open(w);
    if (w->sub)
        world_ok(w, belay_broker_subscribe(w->b, &w->sub_opt, &w->sub, &w->err));
    world_ok(w, belay_broker_check(w->b, &w->err));
    world_audit(w);
}

static inline void world_free(struct world *w)
{
    world_close(w);
    belay_disk_close(w->disk);
    w->backend.close(w->backend.self);
    free(w);
}

static inline void declare(struct world *w, struct belay_str name, bool queue)
{
    struct belay_topic_def def = { .name = name, .queue = queue };
    world_ok(w, belay_broker_declare_topic(w->b, &def, &w->err));
}

static inline void subscribe(struct world *w, struct belay_str name, struct belay_str topic)
{
    w->sub_opt = (struct belay_subscription_opt){ .name = name, .topic = topic, .concurrency = 16, .ordered = true,
                                                  .start = BELAY_START_EARLIEST };
    world_ok(w, belay_broker_subscribe(w->b, &w->sub_opt, &w->sub, &w->err));
}

static inline uint64_t publish_to(struct world *w, struct belay_str topic, const char *key, const char *body)
{
    struct belay_message m = { .id = belay_str_c("id"), .source = belay_str_c("/test"), .key = belay_str_c(key),
                               .body = belay_str_c(body), .time = w->now };
    uint64_t sequence = 0;
    world_ok(w, belay_broker_publish(w->b, topic, &m, w->now, &sequence, &w->err));
    return sequence;
}

static inline uint64_t publish(struct world *w, const char *key, const char *body)
{
    return publish_to(w, BELAY_STR("orders"), key, body);
}

/* Next delivery, letting fetches end. */
static inline struct belay_delivery *take(struct world *w)
{
    belay_broker_tick(w->b, w->now);
    struct belay_delivery *d = belay_broker_next(w->b, w->now);
    for (int i = 0; !d && (i < 4 || belay_broker_wake_at(w->b) <= w->now) && i < 100; i++) {
        world_flush(w);
        sim_jobs_finish(&w->queue);
        d = belay_broker_next(w->b, w->now);
    }
    return d;
}

static inline struct belay_delivery *take_one(struct world *w, uint64_t sequence)
{
    struct belay_delivery *d = take(w);
    assert_non_null(d);
    assert_int_equal(d->sequence, sequence);
    return d;
}

static inline void ack(struct world *w, struct belay_delivery *d)
{
    world_ok(w, belay_broker_ack(w->b, d, &w->err));
}

static inline void retry(struct world *w, struct belay_delivery *d, int64_t delay_ms)
{
    world_ok(w, belay_broker_retry(w->b, d, belay_time_add_ms(w->now, delay_ms), &w->fault, BELAY_STR_NONE,
                                   (struct belay_hash128){ 1, 2 }, &w->err));
}

static inline void letter(struct world *w, struct belay_delivery *d, bool park)
{
    world_ok(w, belay_broker_letter(w->b, d, &w->fault, park, BELAY_STR_NONE, (struct belay_hash128){ 1, 2 }, w->now,
                                    &w->err));
}

static inline void pass_ms(struct world *w, int64_t ms)
{
    w->now += ms * MS;
    belay_broker_tick(w->b, w->now);
}

static inline void assert_state(struct world *w, uint64_t sequence, enum belay_message_state state)
{
    enum belay_message_state is = belay_broker_state_of(w->b, w->sub, sequence, NULL);
    if (is != state)
        fail_msg("message %llu is %s, not %s", (unsigned long long)sequence, belay_message_state_name(is),
                 belay_message_state_name(state));
}

static inline struct belay_subscription_stats stats_of(struct world *w)
{
    struct belay_subscription_stats s;
    assert_true(belay_broker_subscription_stats(w->b, belay_subscription_id(w->sub) - 1, &s));
    return s;
}

/* A topic "orders" with the subscription "billing". */
static inline int setup_world(void **state)
{
    struct world *w = world_new(false);
    declare(w, BELAY_STR("orders"), false);
    subscribe(w, BELAY_STR("billing"), BELAY_STR("orders"));
    *state = w;
    return 0;
}

static inline int teardown_world(void **state)
{
    world_free(*state);
    return 0;
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, setup_world, teardown_world)

#endif
