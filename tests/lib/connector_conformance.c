#include "lib/connector_conformance.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define OUTCOMES_MAX 4096
#define WAIT_S 10

static const struct conformance_target *target;

void conformance_use(const struct conformance_target *t)
{
    target = t;
}

/* ---- the recorder ---- */

struct recorder {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct belay_call_outcome *outcomes[OUTCOMES_MAX];
    uint64_t ids[OUTCOMES_MAX];
    uint32_t count, closed;
    pthread_t thread;
};

struct recorder *recorder_new(void)
{
    struct recorder *r = calloc(1, sizeof *r);
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->changed, NULL);
    return r;
}

void recorder_free(struct recorder *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        belay_call_outcome_free(r->outcomes[i]);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->mutex);
    free(r);
}

void recorder_done(void *arg, struct belay_call_outcome *outcome)
{
    struct recorder *r = arg;
    pthread_mutex_lock(&r->mutex);
    if (r->count == OUTCOMES_MAX || r->closed)
        abort();
    r->ids[r->count] = outcome->id;
    r->outcomes[r->count++] = outcome;
    r->thread = pthread_self();
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->mutex);
}

void recorder_closed(void *arg)
{
    struct recorder *r = arg;
    pthread_mutex_lock(&r->mutex);
    r->closed++;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->mutex);
}

static bool wait_more(struct recorder *r, const struct timespec *until)
{
    return pthread_cond_timedwait(&r->changed, &r->mutex, until) == 0;
}

static struct timespec deadline(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += WAIT_S;
    return t;
}

struct belay_call_outcome *recorder_wait(struct recorder *r, uint64_t id)
{
    struct timespec until = deadline();
    struct belay_call_outcome *found = NULL;
    uint32_t times = 0;
    pthread_mutex_lock(&r->mutex);
    do {
        for (uint32_t i = times = 0; i < r->count; i++) {
            if (r->ids[i] != id)
                continue;
            times++;
            found = r->outcomes[i];
            r->outcomes[i] = NULL;
        }
    } while (!times && wait_more(r, &until));
    pthread_mutex_unlock(&r->mutex);
    assert_int_equal(times, 1);
    assert_non_null(found);
    return found;
}

void recorder_wait_closed(struct recorder *r)
{
    struct timespec until = deadline();
    pthread_mutex_lock(&r->mutex);
    while (!r->closed && wait_more(r, &until))
        ;
    uint32_t closed = r->closed;
    pthread_mutex_unlock(&r->mutex);
    assert_int_equal(closed, 1);
}

uint32_t recorder_count(struct recorder *r)
{
    pthread_mutex_lock(&r->mutex);
    uint32_t count = r->count;
    pthread_mutex_unlock(&r->mutex);
    return count;
}

bool recorder_is_closed(struct recorder *r)
{
    pthread_mutex_lock(&r->mutex);
    bool closed = r->closed;
    pthread_mutex_unlock(&r->mutex);
    return closed;
}

bool recorder_came_from_this_thread(struct recorder *r)
{
    pthread_mutex_lock(&r->mutex);
    bool same = r->count && pthread_equal(r->thread, pthread_self());
    pthread_mutex_unlock(&r->mutex);
    return same;
}

/* ---- steps ---- */

struct bench {
    struct recorder *recorder;
    struct belay_connection *connection;
};

static struct bench open_with(const struct belay_option_value *options, uint32_t count,
                              uint32_t concurrency, uint32_t queue_max)
{
    struct bench b = { .recorder = recorder_new() };
    struct belay_err err;
    struct belay_connection_config config = {
        .name = BELAY_STR("remote"),
        .options = options,
        .option_count = count,
        .concurrency = concurrency,
        .queue_max = queue_max,
        .response_bytes_max = 65536,
    };
    assert_ok(target->connector->open(&config, recorder_done, b.recorder, &b.connection, &err));
    return b;
}

static struct bench open_bench(uint32_t concurrency, uint32_t queue_max)
{
    return open_with(target->options, target->option_count, concurrency, queue_max);
}

static int call(struct bench *b, uint64_t id, enum conformance_wish wish, uint32_t timeout_ms)
{
    struct belay_err err;
    struct belay_call_request request = { .id = id, .timeout_ms = timeout_ms };
    target->wish(target->arg, wish, &request);
    return target->connector->call(b->connection, &request, &err);
}

static struct belay_call_outcome *call_and_wait(struct bench *b, enum conformance_wish wish,
                                                uint32_t timeout_ms)
{
    assert_ok(call(b, 1, wish, timeout_ms));
    return recorder_wait(b->recorder, 1);
}

static void close_bench(struct bench *b, uint32_t drain_ms)
{
    target->connector->close(b->connection, drain_ms, recorder_closed, b->recorder);
    recorder_wait_closed(b->recorder);
    recorder_free(b->recorder);
}

static uint32_t attempts(void)
{
    return target->attempts(target->arg);
}

static void wait_for_attempts(uint32_t count)
{
    for (int i = 0; i < 1000 && attempts() < count; i++)
        usleep(10000);
    assert_int_equal(attempts(), count);
}

static void assert_failed(struct belay_call_outcome *o, enum belay_class class_)
{
    assert_false(o->ok);
    assert_int_equal(o->class_, class_);
    assert_true(o->type.n > 0 && memchr(o->type.p, ':', o->type.n));
    assert_true(belay_str_starts(o->type, belay_str_c(target->connector->namespace_)));
    assert_true(o->description.n > 0 && o->endpoint.n > 0);
    belay_call_outcome_free(o);
}

/* ---- what must hold ---- */

void conformance_one_call_is_one_attempt(void **state)
{
    (void)state;
    struct bench b = open_bench(2, 0);
    uint32_t before = attempts();
    struct belay_call_outcome *o = call_and_wait(&b, CONFORMANCE_OK, 5000);
    assert_true(o->ok);
    assert_int_equal(o->id, 1);
    assert_int_equal(o->type.n, 0);
    assert_true(o->duration_us > 0 && o->duration_us < 5000000);
    assert_false(recorder_came_from_this_thread(b.recorder));
    belay_call_outcome_free(o);
    assert_int_equal(attempts(), before + 1);
    close_bench(&b, 100);
    assert_int_equal(attempts(), before + 1);
}

void conformance_a_refusal_is_permanent_and_not_repeated(void **state)
{
    (void)state;
    struct bench b = open_bench(2, 0);
    uint32_t before = attempts();
    assert_failed(call_and_wait(&b, CONFORMANCE_REFUSED, 5000), BELAY_CLASS_PERMANENT);
    close_bench(&b, 100);
    assert_int_equal(attempts(), before + 1);
}

void conformance_a_request_to_come_later_is_transient(void **state)
{
    (void)state;
    struct bench b = open_bench(2, 0);
    uint32_t before = attempts();
    assert_failed(call_and_wait(&b, CONFORMANCE_BUSY, 5000), BELAY_CLASS_TRANSIENT);
    close_bench(&b, 100);
    assert_int_equal(attempts(), before + 1);
}

void conformance_no_answer_in_time_is_an_unknown_outcome(void **state)
{
    (void)state;
    struct bench b = open_bench(2, 0);
    struct belay_call_outcome *o = call_and_wait(&b, CONFORMANCE_NEVER, 150);
    assert_true(o->duration_us >= 150000 && o->duration_us < 2000000);
    assert_failed(o, BELAY_CLASS_UNKNOWN_OUTCOME);
    close_bench(&b, 100);
}

/* Also on a connection that was used before and kept. */
void conformance_a_lost_answer_is_an_unknown_outcome_and_not_repeated(void **state)
{
    (void)state;
    struct bench b = open_bench(1, 0);
    uint32_t before = attempts();
    belay_call_outcome_free(call_and_wait(&b, CONFORMANCE_OK, 5000));
    assert_ok(call(&b, 2, CONFORMANCE_LOST, 5000));
    assert_failed(recorder_wait(b.recorder, 2), BELAY_CLASS_UNKNOWN_OUTCOME);
    assert_ok(call(&b, 3, CONFORMANCE_LOST, 5000));
    assert_failed(recorder_wait(b.recorder, 3), BELAY_CLASS_UNKNOWN_OUTCOME);
    close_bench(&b, 100);
    assert_int_equal(attempts(), before + 3);
}

void conformance_nobody_there_is_transient(void **state)
{
    (void)state;
    struct bench b = open_with(target->nobody, target->nobody_count, 2, 0);
    assert_failed(call_and_wait(&b, CONFORMANCE_OK, 5000), BELAY_CLASS_TRANSIENT);
    close_bench(&b, 100);
}

void conformance_cancelling_in_flight_is_an_unknown_outcome(void **state)
{
    (void)state;
    struct bench b = open_bench(2, 0);
    uint32_t before = attempts();
    target->connector->cancel(b.connection, 999); /* nobody's */
    assert_ok(call(&b, 1, CONFORMANCE_NEVER, 60000));
    wait_for_attempts(before + 1);
    target->connector->cancel(b.connection, 1);
    assert_failed(recorder_wait(b.recorder, 1), BELAY_CLASS_UNKNOWN_OUTCOME);
    target->connector->cancel(b.connection, 1); /* ended already */
    close_bench(&b, 100);
}

void conformance_cancelling_while_waiting_never_happened(void **state)
{
    (void)state;
    struct bench b = open_bench(1, 1);
    uint32_t before = attempts();
    assert_ok(call(&b, 1, CONFORMANCE_NEVER, 60000));
    wait_for_attempts(before + 1);
    assert_ok(call(&b, 2, CONFORMANCE_OK, 60000));
    target->connector->cancel(b.connection, 2);
    assert_failed(recorder_wait(b.recorder, 2), BELAY_CLASS_TRANSIENT);
    target->connector->cancel(b.connection, 1);
    belay_call_outcome_free(recorder_wait(b.recorder, 1));
    close_bench(&b, 100);
    assert_int_equal(attempts(), before + 1);
}

void conformance_a_timeout_while_waiting_never_happened(void **state)
{
    (void)state;
    struct bench b = open_bench(1, 1);
    uint32_t before = attempts();
    assert_ok(call(&b, 1, CONFORMANCE_NEVER, 400));
    wait_for_attempts(before + 1);
    assert_ok(call(&b, 2, CONFORMANCE_OK, 50));
    assert_failed(recorder_wait(b.recorder, 2), BELAY_CLASS_TRANSIENT);
    belay_call_outcome_free(recorder_wait(b.recorder, 1));
    close_bench(&b, 100);
    assert_int_equal(attempts(), before + 1);
}

void conformance_back_pressure_when_slots_and_queue_are_full(void **state)
{
    (void)state;
    struct bench b = open_bench(2, 1);
    for (uint64_t id = 1; id <= 3; id++)
        assert_ok(call(&b, id, CONFORMANCE_NEVER, 300));
    assert_int_equal(call(&b, 4, CONFORMANCE_OK, 300), BELAY_BUSY);
    for (uint64_t id = 1; id <= 3; id++)
        belay_call_outcome_free(recorder_wait(b.recorder, id));
    assert_ok(call(&b, 5, CONFORMANCE_OK, 5000)); /* there is room again */
    struct belay_call_outcome *o = recorder_wait(b.recorder, 5);
    assert_true(o->ok);
    belay_call_outcome_free(o);
    assert_int_equal(recorder_count(b.recorder), 4);
    close_bench(&b, 100);
}

void conformance_close_lets_calls_in_flight_end(void **state)
{
    (void)state;
    struct bench b = open_bench(1, 1);
    assert_ok(call(&b, 1, CONFORMANCE_SLOW, 5000));
    assert_ok(call(&b, 2, CONFORMANCE_OK, 5000));
    target->connector->close(b.connection, 5000, recorder_closed, b.recorder);
    assert_int_equal(call(&b, 3, CONFORMANCE_OK, 5000), BELAY_CANCELLED);
    recorder_wait_closed(b.recorder);
    for (uint64_t id = 1; id <= 2; id++) {
        struct belay_call_outcome *o = recorder_wait(b.recorder, id);
        assert_true(o->ok);
        belay_call_outcome_free(o);
    }
    assert_int_equal(recorder_count(b.recorder), 2);
    recorder_free(b.recorder);
}

void conformance_close_cancels_after_the_drain_time(void **state)
{
    (void)state;
    struct bench b = open_bench(1, 1);
    uint32_t before = attempts();
    assert_ok(call(&b, 1, CONFORMANCE_NEVER, 60000));
    assert_ok(call(&b, 2, CONFORMANCE_OK, 60000));
    wait_for_attempts(before + 1);
    target->connector->close(b.connection, 50, recorder_closed, b.recorder);
    recorder_wait_closed(b.recorder);
    assert_int_equal(recorder_count(b.recorder), 2);
    assert_failed(recorder_wait(b.recorder, 1), BELAY_CLASS_UNKNOWN_OUTCOME);
    assert_failed(recorder_wait(b.recorder, 2), BELAY_CLASS_TRANSIENT);
    recorder_free(b.recorder);
    assert_int_equal(attempts(), before + 1);
}

void conformance_close_of_an_idle_connection(void **state)
{
    (void)state;
    struct bench b = open_bench(4, 4);
    close_bench(&b, 60000); /* nothing in flight: it does not wait */
}

void conformance_many_calls_each_end_once(void **state)
{
    (void)state;
    enum { CALLS = 500 };
    struct bench b = open_bench(16, CALLS);
    for (uint64_t id = 1; id <= CALLS; id++)
        assert_ok(call(&b, id, id % 7 ? CONFORMANCE_OK : CONFORMANCE_REFUSED, 30000));
    for (uint64_t id = 1; id <= CALLS; id++) {
        struct belay_call_outcome *o = recorder_wait(b.recorder, id);
        assert_int_equal(o->ok, id % 7 != 0);
        belay_call_outcome_free(o);
    }
    assert_int_equal(recorder_count(b.recorder), CALLS);
    close_bench(&b, 100);
}
