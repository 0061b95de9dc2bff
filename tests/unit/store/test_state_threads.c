/* The engine reads and writes while a checkpoint runs on another thread, over LMDB: what is read is
 * always the last that was put. Also run under the thread sanitizer. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/limits.h"
#include "base/pack.h"
#include "base/random.h"
#include "store/state.h"
#include "unit/tempdir.h"
#include "unit/test.h"

enum { KEYS = 500, STEPS = 60000, TABLE = BELAY_TABLE_EXCEPTION };

struct background {
    struct belay_state *state;
    atomic_int wanted, ended; /* checkpoints */
    atomic_bool stop;
};

static void *run(void *arg)
{
    struct background *b = arg;
    while (!atomic_load(&b->stop)) {
        if (atomic_load(&b->wanted) == atomic_load(&b->ended)) {
            sched_yield();
            continue;
        }
        if (belay_state_checkpoint_run(b->state, NULL) != BELAY_OK)
            abort();
        atomic_fetch_add(&b->ended, 1);
    }
    return NULL;
}

static struct belay_str key_of(char room[8], uint64_t n)
{
    belay_store_be64(room, n);
    return belay_str(room, 8);
}

static void write_one(struct belay_state *s, struct belay_random *r, uint32_t *values)
{
    char room[8];
    uint64_t k = belay_random_below(r, KEYS);
    if (belay_state_reserve(s, 16, 1, NULL) != BELAY_OK)
        return; /* both are full: the checkpoint will end */
    values[k] = belay_random_below(r, 3) ? values[k] + 1 : 0;
    char value[8] = { 0 };
    belay_store_u32(value, values[k]);
    if (values[k])
        belay_state_put(s, TABLE, key_of(room, k), belay_str(value, 4 + values[k] % 5));
    else
        belay_state_del(s, TABLE, key_of(room, k));
}

static void read_one(struct belay_state *s, struct belay_random *r, const uint32_t *values)
{
    char room[8];
    struct belay_str key, value;
    uint64_t k = belay_random_below(r, KEYS);
    bool there = belay_state_get(s, TABLE, key_of(room, k), &value);
    assert_int_equal(there, values[k] != 0);
    if (there)
        assert_int_equal(belay_load_u32(value.p), values[k]);
    uint64_t next = k;
    while (next < KEYS && !values[next])
        next++;
    there = belay_state_seek(s, TABLE, key_of(room, k), false, BELAY_STR(""), &key, &value);
    assert_int_equal(there, next < KEYS);
    if (there)
        assert_int_equal(belay_load_be64(key.p), next);
}

static void reads_are_right_while_a_checkpoint_runs(void **state)
{
    (void)state;
    char folder[32];
    struct belay_state_backend backend;
    struct background b = { 0 };
    struct belay_random r = { .state = 5 };
    static uint32_t values[KEYS];
    pthread_t thread;
    int started = 0;
    bool frozen = false;
    assert_non_null(tempdir_make(folder));
    assert_ok(belay_state_lmdb_open(folder, BELAY_MIB(64), &backend, NULL));
    assert_ok(belay_state_new(&backend, BELAY_KIB(64), &b.state, NULL));
    assert_ok(pthread_create(&thread, NULL, run, &b));
    for (uint64_t i = 1; i <= STEPS || (started <= 5 && i <= 1000 * STEPS); i++) { /* a busy machine may need more */
        write_one(b.state, &r, values);
        read_one(b.state, &r, values);
        if (frozen && atomic_load(&b.ended) == started) {
            assert_ok(belay_state_checkpoint_done(b.state, NULL));
            frozen = false;
        }
        if (belay_state_may_freeze(b.state) && belay_random_below(&r, 50) == 0) {
            belay_state_freeze(b.state, i);
            frozen = true;
            atomic_store(&b.wanted, ++started);
        }
    }
    assert_ok(belay_state_error(b.state, NULL));
    assert_true(started > 5);
    while (atomic_load(&b.ended) < started)
        sched_yield();
    atomic_store(&b.stop, true);
    pthread_join(thread, NULL);
    belay_state_free(b.state);
    backend.close(backend.self);
    tempdir_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_are_right_while_a_checkpoint_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
