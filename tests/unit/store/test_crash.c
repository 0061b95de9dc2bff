/* The store against a disk that loses, tears and reorders what was not synced, jobs that run and end
 * at any moment, and deaths in the middle of any operation.  A model knows what each commit holds;
 * after each death the store must be exactly at a commit that is not older than the last one it
 * called durable, and every message that somebody needs must be there. */
#include "unit/store/store_fixture.h"

#include "base/pack.h"
#include "base/random.h"
#include "platform/disk_fault.h"

#define TOPICS 4
#define POSITIONS_MAX 4000
#define MESSAGES_MAX 20000

struct snapshot { /* after a commit */
    uint64_t next[TOPICS + 1], low[TOPICS + 1];
    uint64_t count, sum;
};

struct world {
    struct belay_disk *disk;
    struct belay_disk *may_be_full; /* around disk: the store's */
    struct belay_state_backend backend;
    struct sim_jobs jobs;
    struct belay_store *store;
    struct belay_store_opt opt;
    struct belay_random random;
    struct belay_err err;
    belay_time now;
    uint64_t count, sum; /* resident row of the other rooms */
    bool count_dirty;
    struct snapshot snaps[POSITIONS_MAX];
    uint32_t version[TOPICS + 1][MESSAGES_MAX]; /* which life wrote the sequence */
    uint32_t life;
    uint64_t durable; /* the highest that was told */
    bool sabotaged; /* a sync will fail */
    uint64_t deaths, commits, archived, fetched;
};

static uint64_t below(struct world *w, uint64_t n)
{
    return belay_random_below(&w->random, n);
}

/* ---- the other rooms: a counter, resident, saved at a freeze ---- */

static int apply(void *arg, uint64_t position, const struct belay_record *record, struct belay_err *err)
{
    struct world *w = arg;
    (void)position;
    (void)err;
    assert_int_equal(record->type, OTHER_RECORD);
    w->count++;
    w->sum += belay_load_u64(record->body.p);
    w->count_dirty = true;
    return BELAY_OK;
}

static int load(void *arg, struct belay_state *state, struct belay_err *err)
{
    struct world *w = arg;
    struct belay_str row;
    (void)err;
    w->count = w->sum = 0;
    if (belay_state_get(state, BELAY_TABLE_COUNTER, BELAY_STR("c"), &row)) {
        w->count = belay_load_u64(row.p);
        w->sum = belay_load_u64(row.p + 8);
    }
    return BELAY_OK;
}

static void save(void *arg, struct belay_state *state)
{
    struct world *w = arg;
    char row[16];
    if (!w->count_dirty)
        return;
    belay_store_u64(row, w->count);
    belay_store_u64(row + 8, w->sum);
    belay_state_put(state, BELAY_TABLE_COUNTER, BELAY_STR("c"), belay_str(row, sizeof row));
    w->count_dirty = false;
}

/* ---- the model ---- */

static void note(struct world *w)
{
    uint64_t position = belay_store_position(w->store);
    assert_true(position < POSITIONS_MAX);
    struct snapshot *s = &w->snaps[position];
    for (uint32_t t = 1; t <= TOPICS; t++) {
        s->next[t] = belay_store_next_sequence(w->store, t);
        s->low[t] = belay_store_first_sequence(w->store, t);
    }
    s->count = w->count;
    s->sum = w->sum;
}

static size_t text_of(const struct world *w, uint32_t topic, uint64_t sequence, char *text)
{
    size_t n = (size_t)snprintf(text, 64, "%u/%llu/%u.", (unsigned)topic, (unsigned long long)sequence,
                                (unsigned)w->version[topic][sequence]);
    size_t bytes = n + (size_t)(sequence * 7919 % 3000);
    memset(text + n, 'x', bytes - n);
    return bytes;
}

static void look_at(const struct world *w, uint32_t topic, const struct belay_fetched *item, uint64_t sequence)
{
    char text[4096];
    size_t n = text_of(w, topic, sequence, text);
    assert_int_equal(item->sequence, sequence);
    assert_int_equal(item->encoded.n, n);
    assert_memory_equal(item->encoded.p, text, n);
}

/* ---- what can happen ---- */

static void flush(struct world *w)
{
    belay_store_flush(w->store, w->now);
    note(w); /* it may have appended a record of its own */
}

static void publish_some(struct world *w)
{
    char text[4096];
    for (uint64_t i = below(w, 8); i-- > 0;) {
        uint32_t topic = (uint32_t)(1 + below(w, TOPICS));
        uint64_t sequence = belay_store_next_sequence(w->store, topic);
        if (sequence >= MESSAGES_MAX)
            return;
        if (belay_store_reserve(w->store, 3100, 1, false, NULL) != BELAY_OK)
            return;
        w->version[topic][sequence] = w->life;
        size_t n = text_of(w, topic, sequence, text);
        assert_int_equal(belay_store_append_message(w->store, topic, w->now, belay_str(text, n)), sequence);
    }
    note(w);
}

static void count_one(struct world *w)
{
    char body[8];
    if (belay_store_reserve(w->store, sizeof body, 1, true, NULL) != BELAY_OK)
        return;
    belay_store_u64(body, below(w, 1000));
    struct belay_record record = { OTHER_RECORD, 1, { NULL, 0 } };
    record.body = belay_store_append(w->store, OTHER_RECORD, 1, belay_str(body, sizeof body));
    assert_ok(apply(w, 0, &record, NULL));
    note(w);
}

/* Somebody acknowledged: a record, and low goes on. Topic 4 hardly ever. */
static void acknowledge(struct world *w)
{
    uint32_t topic = (uint32_t)(1 + below(w, TOPICS));
    uint64_t low = belay_store_first_sequence(w->store, topic), next = belay_store_next_sequence(w->store, topic);
    if ((topic == TOPICS && below(w, 40)) || low == next)
        return;
    uint64_t count = w->count;
    count_one(w);
    if (w->count == count)
        return;
    belay_store_set_low(w->store, topic, low + 1 + below(w, next - low));
    note(w);
}

static void fetched(struct belay_fetch *f)
{
    *(bool *)f->arg = true;
}

static void fetch_some(struct world *w, uint32_t topic, uint64_t first, bool to_the_end)
{
    uint64_t next = belay_store_next_sequence(w->store, topic);
    while (first < next) {
        bool done = false;
        struct belay_fetch f = { .topic = topic, .first = first, .count_max = 100, .bytes_max = 50000,
                                 .done = fetched, .arg = &done };
        belay_arena_init(&f.arena, 0, 4 << 20);
        belay_store_fetch(w->store, &f);
        for (int i = 0; !done && i < 100; i++) {
            flush(w);
            sim_jobs_finish(&w->jobs);
        }
        assert_true(done);
        if (f.status != BELAY_OK && belay_store_failed(w->store, NULL) == BELAY_OK && !sim_disk_stopped(w->disk))
            fail_msg("topic %u, %llu of %llu: %s", topic, (unsigned long long)first, (unsigned long long)next,
                     f.err.msg);
        for (uint32_t i = 0; i < f.count; i++)
            look_at(w, topic, &f.items[i], first++);
        w->fetched += f.count;
        bool stop = f.status != BELAY_OK || !to_the_end;
        belay_arena_deinit(&f.arena);
        if (stop)
            return;
    }
}

static void peek_some(struct world *w)
{
    struct belay_fetched items[10];
    uint32_t topic = (uint32_t)(1 + below(w, TOPICS));
    uint64_t first = belay_store_first_sequence(w->store, topic), next = belay_store_next_sequence(w->store, topic);
    uint64_t at = first + below(w, next - first + 1);
    uint32_t n = belay_store_peek(w->store, topic, at, 10, 20000, items);
    for (uint32_t i = 0; i < n; i++)
        look_at(w, topic, &items[i], at + i);
}

static void fetch_any(struct world *w)
{
    uint32_t topic = (uint32_t)(1 + below(w, TOPICS));
    uint64_t first = belay_store_first_sequence(w->store, topic), next = belay_store_next_sequence(w->store, topic);
    fetch_some(w, topic, first + below(w, next - first + 1), false);
}

static void some_job(struct world *w)
{
    enum belay_job_lane lane = (enum belay_job_lane)below(w, BELAY_JOB_LANES);
    if (below(w, 2) && sim_jobs_can_run(&w->jobs, lane))
        sim_jobs_run(&w->jobs, lane);
    else if (sim_jobs_can_tell(&w->jobs, lane))
        sim_jobs_tell(&w->jobs, lane);
    uint64_t durable = belay_store_durable(w->store);
    w->durable = durable > w->durable ? durable : w->durable;
}

static void something(struct world *w)
{
    w->now += (belay_time)below(w, 50000);
    uint64_t what = below(w, 100);
    if (what < 25)
        publish_some(w);
    else if (what < 32)
        count_one(w);
    else if (what < 40)
        acknowledge(w);
    else if (what < 43)
        peek_some(w);
    else if (what < 44)
        fetch_any(w);
    else if (what < 60)
        flush(w);
    else
        some_job(w);
}

/* ---- lives ---- */

static void check_life(struct world *w)
{
    uint64_t position = belay_store_position(w->store);
    assert_int_equal(position, belay_store_durable(w->store));
    if (position < w->durable)
        fail_msg("commit %llu was durable, now the last one is %llu", (unsigned long long)w->durable,
                 (unsigned long long)position);
    const struct snapshot *s = &w->snaps[position];
    assert_int_equal(w->count, s->count);
    assert_int_equal(w->sum, s->sum);
    for (uint32_t t = 1; t <= TOPICS; t++) {
        assert_int_equal(belay_store_next_sequence(w->store, t), s->next[t]);
        assert_true(belay_store_first_sequence(w->store, t) <= s->low[t]);
        fetch_some(w, t, belay_store_first_sequence(w->store, t), true);
        belay_store_set_low(w->store, t, s->low[t]);
    }
    w->durable = position;
}

static void die(struct world *w)
{
    sim_disk_stop(w->disk);
    sim_jobs_finish(&w->jobs);
    belay_store_close(w->store);
    w->store = NULL;
    sim_disk_restart(w->disk, below(w, 3) ? SIM_POWER : SIM_KILL);
    w->deaths++;
}

/* What recovery can open, the check calls sound. */
static void check_sound(struct world *w)
{
    struct belay_buf report;
    belay_buf_init(&report, 1 << 20);
    w->disk->look = true;
    if (belay_store_check(w->disk, &w->backend, &report, false, &w->err) != BELAY_OK)
        fail_msg("%.*s", (int)report.n, report.p);
    w->disk->look = false;
    belay_buf_deinit(&report);
}

/* While it opens there may be no room for another file. */
static void set_full(struct world *w, bool full)
{
    belay_disk_fault_plan(w->may_be_full, &(struct belay_fault_plan){
        .operations = full ? BELAY_FAULT_SPACE : 0, .kind = BELAY_FAULT_ENOSPC });
}

/* Opening may die as well. */
static void live(struct world *w)
{
    for (int tries = 0;; tries++) {
        w->life++;
        w->opt.seed = w->life;
        w->count_dirty = false;
        bool interrupted = tries < 3 && below(w, 3) == 0;
        if (interrupted)
            sim_disk_stop_after(w->disk, below(w, 20));
        set_full(w, w->life > 1 && w->durable > 0 && below(w, 3) == 0);
        int status = belay_store_open(&w->opt, &w->store, &w->err);
        set_full(w, false);
        if (status == BELAY_OK && !sim_disk_stopped(w->disk)) {
            sim_disk_stop_after(w->disk, UINT64_MAX);
            return;
        }
        if (!interrupted)
            fail_msg("open: %s", w->err.msg);
        if (status == BELAY_OK) {
            die(w);
        } else {
            sim_disk_stop(w->disk);
            sim_disk_restart(w->disk, below(w, 2) ? SIM_POWER : SIM_KILL);
        }
    }
}

static void one_seed(uint64_t seed)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->random.state = seed;
    bool direct = seed % 2;
    assert_ok(sim_disk_new(&(struct sim_disk_opt){ .seed = seed, .direct = direct, .write_sync = direct },
                           &w->disk, &w->err));
    assert_ok(belay_disk_fault_new(w->disk, &w->may_be_full, &w->err));
    assert_ok(belay_state_model_open(&w->backend, &w->err));
    sim_jobs_init(&w->jobs);
    w->opt = (struct belay_store_opt){
        .disk = w->may_be_full, .jobs = &w->jobs.port, .state = &w->backend, .segment_bytes = 64 * 1024,
        .journal_bytes_max = 192 * 1024, .overlay_bytes_max = 32 * 1024, .tail_cache_bytes = 32 * 1024,
        .apply = apply, .load = load, .save = save, .arg = w,
    };
    for (uint32_t t = 1; t <= TOPICS; t++)
        w->snaps[0].next[t] = w->snaps[0].low[t] = 1;
    for (int lives = 0; lives < 6; lives++) {
        live(w);
        check_life(w);
        note(w);
        uint64_t steps = 50 + below(w, 1500);
        if (below(w, 3) == 0)
            sim_disk_stop_after(w->disk, below(w, 300));
        w->sabotaged = below(w, 6) == 0;
        if (w->sabotaged)
            sim_disk_fail_sync_after(w->disk, below(w, 60));
        while (steps-- > 0 && belay_store_position(w->store) < POSITIONS_MAX - 2) {
            something(w);
            if (belay_store_failed(w->store, &w->err) != BELAY_OK && !w->sabotaged && !sim_disk_stopped(w->disk))
                fail_msg("failed: %s", w->err.msg);
        }
        struct belay_store_stats stats;
        belay_store_stats(w->store, &stats);
        w->archived += stats.archive_files;
        w->commits += stats.commits;
        die(w);
    }
    check_sound(w);
    live(w);
    check_life(w);
    die(w);
    print_message("seed %llu: %llu deaths, %llu commits, %llu archive files, %llu fetched\n",
                  (unsigned long long)seed, (unsigned long long)w->deaths, (unsigned long long)w->commits,
                  (unsigned long long)w->archived, (unsigned long long)w->fetched);
    belay_disk_close(w->may_be_full);
    belay_disk_close(w->disk);
    w->backend.close(w->backend.self);
    free(w);
}

static void nothing_durable_is_lost_whatever_happens(void **state)
{
    (void)state;
    const char *one = getenv("SEED"), *many = getenv("SEEDS");
    if (one) {
        one_seed(strtoull(one, NULL, 10));
        return;
    }
    uint64_t seeds = many ? strtoull(many, NULL, 10) : 60;
    for (uint64_t seed = 1; seed <= seeds; seed++)
        one_seed(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_durable_is_lost_whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
