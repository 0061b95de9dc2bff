/* store_fixture.h - a store on the simulated disk, with the state in a model; jobs run inline or
 * when told; it can die and come back. */
#ifndef BELAY_TEST_STORE_FIXTURE_H
#define BELAY_TEST_STORE_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/jobs_inline.h"
#include "sim/disk.h"
#include "sim/jobs.h"
#include "store/store.h"
#include "unit/test.h"

#define OTHER_RECORD (BELAY_RECORD_BROKER + 1)

struct fixture {
    struct belay_disk *disk;
    struct belay_state_backend backend;
    struct sim_jobs queue;
    struct belay_store_opt opt;
    struct belay_store *store;
    struct belay_err err;
    struct belay_fetched items[64];
    /* what apply saw since open */
    uint64_t applied, applied_sum;
    uint64_t seed;
    belay_time now;
};

static int fixture_apply(void *arg, uint64_t position, const struct belay_record *record,
                         struct belay_err *err)
{
    struct fixture *f = arg;
    (void)position;
    if (record->type != OTHER_RECORD || record->version != 1)
        return belay_fail(err, BELAY_VERSION, "unknown record");
    f->applied++;
    f->applied_sum += strtoull(record->body.p, NULL, 10);
    return BELAY_OK;
}

static inline int fixture_open(struct fixture *f)
{
    f->applied = f->applied_sum = 0;
    f->opt.disk = f->disk;
    f->opt.state = &f->backend;
    f->opt.seed = ++f->seed;
    f->opt.apply = fixture_apply;
    f->opt.arg = f;
    return belay_store_open(&f->opt, &f->store, &f->err);
}

static inline struct fixture *fixture_new(bool direct, bool queued)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_ok(sim_disk_new(&(struct sim_disk_opt){ .seed = 7, .direct = direct, .write_sync = direct },
                           &f->disk, &f->err));
    assert_ok(belay_state_model_open(&f->backend, &f->err));
    sim_jobs_init(&f->queue);
    f->opt.jobs = queued ? &f->queue.port : &jobs_inline;
    f->opt.segment_bytes = 256 * 1024;
    f->now = 1000;
    return f;
}

static inline void fixture_free(struct fixture *f)
{
    sim_jobs_finish(&f->queue);
    belay_store_close(f->store);
    belay_disk_close(f->disk);
    f->backend.close(f->backend.self);
    free(f);
}

/* The process ends between two operations; death says what the medium keeps. */
static inline void fixture_die(struct fixture *f, enum sim_death death)
{
    sim_disk_stop(f->disk);
    sim_jobs_finish(&f->queue);
    belay_store_close(f->store);
    f->store = NULL;
    sim_disk_restart(f->disk, death);
}

static inline void fixture_reopen(struct fixture *f, enum sim_death death)
{
    fixture_die(f, death);
    if (fixture_open(f) != BELAY_OK)
        fail_msg("%s", f->err.msg);
}

static inline void fixture_flush(struct fixture *f)
{
    belay_store_flush(f->store, f->now += 10);
}

/* A message of topic whose text says which one it is, n bytes long. */
static inline void message_text(char *text, size_t n, uint32_t topic, uint64_t sequence)
{
    memset(text, 'a' + (int)(sequence % 26), n);
    char head[48];
    int head_n = snprintf(head, sizeof head, "%u/%llu.", (unsigned)topic, (unsigned long long)sequence);
    memcpy(text, head, (size_t)head_n < n ? (size_t)head_n : n);
}

static inline int publish_try(struct fixture *f, uint32_t topic, size_t n)
{
    int status = belay_store_reserve(f->store, n, 1, false, &f->err);
    if (status != BELAY_OK)
        return status;
    char *text = malloc(n);
    uint64_t sequence = belay_store_next_sequence(f->store, topic);
    message_text(text, n, topic, sequence);
    assert_int_equal(belay_store_append_message(f->store, topic, f->now, belay_str(text, n)), sequence);
    free(text);
    return BELAY_OK;
}

static inline uint64_t publish(struct fixture *f, uint32_t topic, size_t n)
{
    assert_ok(publish_try(f, topic, n));
    return belay_store_next_sequence(f->store, topic) - 1;
}

static inline void append_number(struct fixture *f, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%llu.", (unsigned long long)number);
    assert_ok(belay_store_reserve(f->store, strlen(text), 1, true, &f->err));
    belay_store_append(f->store, OTHER_RECORD, 1, belay_str_c(text));
}

static inline bool message_is(struct belay_str encoded, uint32_t topic, uint64_t sequence)
{
    char *text = malloc(encoded.n);
    message_text(text, encoded.n, topic, sequence);
    bool same = memcmp(text, encoded.p, encoded.n) == 0;
    free(text);
    return same;
}

/* ---- fetch ---- */

struct got {
    struct belay_fetch fetch;
    bool done;
};

static void got_done(struct belay_fetch *fetch)
{
    ((struct got *)fetch->arg)->done = true;
}

static inline void fetch_begin(struct fixture *f, struct got *got, uint32_t topic, uint64_t first,
                               uint32_t count_max, size_t bytes_max)
{
    *got = (struct got){ .fetch = { .topic = topic, .first = first, .count_max = count_max,
                                    .bytes_max = bytes_max, .done = got_done, .arg = got } };
    belay_arena_init(&got->fetch.arena, 0, 64 << 20);
    belay_store_fetch(f->store, &got->fetch);
}

static inline void fetch_end(struct got *got)
{
    belay_arena_deinit(&got->fetch.arena);
}

/* Reads [first, last] message by message, however many a fetch brings, and looks at each. */
static inline void assert_fetched(struct fixture *f, uint32_t topic, uint64_t first, uint64_t last)
{
    while (first <= last) {
        struct got got;
        fetch_begin(f, &got, topic, first, 50, 1 << 20);
        sim_jobs_finish(&f->queue);
        assert_true(got.done);
        if (got.fetch.status != BELAY_OK)
            fail_msg("fetch %llu: %s", (unsigned long long)first, got.fetch.err.msg);
        assert_true(got.fetch.count > 0);
        for (uint32_t i = 0; i < got.fetch.count && first <= last; i++, first++) {
            assert_int_equal(got.fetch.items[i].sequence, first);
            assert_true(message_is(got.fetch.items[i].encoded, topic, first));
        }
        fetch_end(&got);
    }
}

#endif
