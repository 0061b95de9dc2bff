/* The stores that earlier versions wrote stay readable.  tests/unit/store/golden/vN is a directory as version N
 * left it: journal, archive, checkpoint.  GOLDEN=DIR unit.store.golden writes a new one. */
#include <sys/stat.h>

#include "unit/store/store_fixture.h"
#include "unit/tempdir.h"

#include "base/pack.h"

#define ROUNDS 120

struct golden {
    struct belay_disk *disk;
    struct belay_state_backend backend;
    struct belay_store *store;
    struct belay_err err;
    uint64_t count, sum;
};

static int apply(void *arg, uint64_t position, const struct belay_record *record, struct belay_err *err)
{
    struct golden *g = arg;
    (void)position;
    if (record->type != OTHER_RECORD || record->version != 1)
        return belay_fail(err, BELAY_VERSION, "unknown record");
    g->count++;
    g->sum += belay_load_u64(record->body.p);
    return BELAY_OK;
}

static int load(void *arg, struct belay_state *state, struct belay_err *err)
{
    struct golden *g = arg;
    struct belay_str row;
    (void)err;
    if (belay_state_get(state, BELAY_TABLE_COUNTER, BELAY_STR("sum"), &row)) {
        g->count = belay_load_u64(row.p);
        g->sum = belay_load_u64(row.p + 8);
    }
    return BELAY_OK;
}

static void save(void *arg, struct belay_state *state)
{
    struct golden *g = arg;
    char row[16];
    belay_store_u64(row, g->count);
    belay_store_u64(row + 8, g->sum);
    belay_state_put(state, BELAY_TABLE_COUNTER, BELAY_STR("sum"), belay_str(row, sizeof row));
}

static void open_golden(struct golden *g, const char *path)
{
    char state[300];
    snprintf(state, sizeof state, "%s/state", path);
    assert_ok(belay_disk_open_posix(path, BELAY_DISK_CREATE, &g->disk, &g->err));
    assert_ok(belay_disk_mkdir(g->disk, "state", &g->err));
    assert_ok(belay_state_lmdb_open(state, 64 << 20, &g->backend, &g->err));
    struct belay_store_opt opt = {
        .disk = g->disk, .jobs = &jobs_inline, .state = &g->backend, .segment_bytes = 64 * 1024,
        .journal_bytes_max = 128 * 1024, .overlay_bytes_max = 16 * 1024, .seed = 1,
        .apply = apply, .load = load, .save = save, .arg = g,
    };
    if (belay_store_open(&opt, &g->store, &g->err) != BELAY_OK)
        fail_msg("%s", g->err.msg);
}

static void close_golden(struct golden *g)
{
    belay_store_close(g->store);
    g->backend.close(g->backend.self);
    belay_disk_close(g->disk);
}

static void put(struct golden *g, uint32_t topic, size_t n, belay_time now)
{
    char text[4096];
    assert_ok(belay_store_reserve(g->store, n, 1, false, &g->err));
    message_text(text, n, topic, belay_store_next_sequence(g->store, topic));
    belay_store_append_message(g->store, topic, now, belay_str(text, n));
}

static void write_golden(const char *path)
{
    struct golden g = { 0 };
    open_golden(&g, path);
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        char body[8];
        put(&g, 1, 3000, (belay_time)i);
        put(&g, 2, 100, (belay_time)i);
        assert_ok(belay_store_reserve(g.store, sizeof body, 1, true, &g.err));
        belay_store_u64(body, i);
        struct belay_record record = { OTHER_RECORD, 1, { NULL, 0 } };
        record.body = belay_store_append(g.store, OTHER_RECORD, 1, belay_str(body, sizeof body));
        assert_ok(apply(&g, 0, &record, NULL));
        belay_store_set_low(g.store, 1, i > 5 ? i - 5 : 1);
        belay_store_flush(g.store, (belay_time)i * 10);
    }
    close_golden(&g);
}

static void read_golden(const char *path)
{
    struct golden g = { 0 };
    struct fixture f = { 0 }; /* for assert_fetched */
    open_golden(&g, path);
    assert_int_equal(g.count, ROUNDS);
    assert_int_equal(g.sum, ROUNDS * (ROUNDS + 1) / 2);
    struct belay_store_stats stats;
    belay_store_stats(g.store, &stats);
    assert_true(stats.checkpoint_position > 0 && stats.archive_files > 0);
    assert_int_equal(belay_store_next_sequence(g.store, 1), ROUNDS + 1);
    assert_int_equal(belay_store_sequence_at(g.store, 2, 40), 40);
    sim_jobs_init(&f.queue);
    f.store = g.store;
    assert_fetched(&f, 1, belay_store_first_sequence(g.store, 1), ROUNDS);
    assert_fetched(&f, 2, 1, ROUNDS);
    close_golden(&g);
}

static void copy_file(const char *from, const char *to)
{
    char bytes[65536];
    size_t n;
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_true(in && out);
    while ((n = fread(bytes, 1, sizeof bytes, in)) > 0)
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    fclose(in);
    fclose(out);
}

static char copied_to[300];
static size_t copied_from;

static int copy_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    char to[600];
    (void)st;
    (void)at;
    snprintf(to, sizeof to, "%s%s", copied_to, path + copied_from);
    if (type == FTW_F)
        copy_file(path, to);
    else if (path[copied_from])
        assert_int_equal(mkdir(to, 0700), 0);
    return 0;
}

static void a_store_of_each_version_opens(void **state)
{
    static const char *const versions[] = { "v1" };
    const char *write_to = getenv("GOLDEN");
    (void)state;
    if (write_to) {
        write_golden(write_to);
        return;
    }
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        char path[32], from[300];
        assert_non_null(tempdir_make(path));
        snprintf(from, sizeof from, BELAY_SOURCE_DIR "/tests/unit/store/golden/%s", versions[i]);
        snprintf(copied_to, sizeof copied_to, "%s", path);
        copied_from = strlen(from);
        assert_int_equal(nftw(from, copy_one, 16, FTW_PHYS), 0);
        read_golden(path);
        tempdir_remove(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_of_each_version_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
