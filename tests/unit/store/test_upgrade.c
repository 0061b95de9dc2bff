#include <sys/stat.h>

#include "base/pack.h"
#include "store/upgrade.h"
#include "unit/store/store_fixture.h"
#include "unit/tempdir.h"

#define T BELAY_TABLE_COUNTER

/* Two migrations of a test: n becomes 10 n, then n + 1; each row once. */
struct rows {
    uint64_t n;
    bool told;
};
static struct rows rows;
static int ends, fail_with;

static int read_n(const struct belay_state_backend *old, struct belay_err *err)
{
    struct belay_str value;
    int status = old->get(old->self, T, BELAY_STR("n"), &value, err);
    if (status == BELAY_OK)
        rows = (struct rows){ .n = belay_load_u64(value.p) };
    return status;
}

static bool next(void *arg, struct belay_state_change *ret)
{
    static char bytes[8];
    struct rows *r = arg;
    if (r->told)
        return false;
    r->told = true;
    belay_store_u64(bytes, r->n);
    *ret = (struct belay_state_change){ .table = T, .key = BELAY_STR("n"), .value = belay_str(bytes, 8) };
    return true;
}

static int begin(const struct belay_state_backend *old, bool (**ret_next)(void *arg, struct belay_state_change *ret),
                 void **ret_arg, struct belay_err *err)
{
    int status = read_n(old, err);
    *ret_next = next;
    *ret_arg = &rows;
    return status;
}

static int begin_ten(const struct belay_state_backend *old, bool (**ret_next)(void *arg, struct belay_state_change *ret),
                     void **ret_arg, struct belay_err *err)
{
    int status = begin(old, ret_next, ret_arg, err);
    rows.n *= 10;
    return status;
}

static int begin_one(const struct belay_state_backend *old, bool (**ret_next)(void *arg, struct belay_state_change *ret),
                     void **ret_arg, struct belay_err *err)
{
    if (fail_with)
        return belay_fail(err, fail_with, "told to fail");
    int status = begin(old, ret_next, ret_arg, err);
    rows.n += 1;
    return status;
}

static int end(void *arg, int status, struct belay_err *err)
{
    (void)err;
    assert_ptr_equal(arg, &rows);
    ends++;
    return status;
}

static const struct belay_migration table[]
    = { { 1, "ten times as much", begin_ten, end }, { 2, "one more", begin_one, end }, { 0 } };

/* ---- */

static char folder[32], state_path[64];
static struct belay_disk *disk;

/* One message more; stopped in order or not. */
static void live(bool in_order)
{
    struct belay_state_backend b;
    struct belay_store *s;
    struct belay_err err;
    assert_ok(belay_state_lmdb_open(state_path, 64 << 20, &b, &err));
    const struct belay_store_opt opt = { .disk = disk, .jobs = &jobs_inline, .state = &b, .segment_bytes = 64 * 1024, .seed = 1 };
    assert_ok(belay_store_open(&opt, &s, &err));
    assert_ok(belay_store_reserve(s, 100, 1, false, &err));
    belay_store_append_message(s, 1, 5, BELAY_STR("hello"));
    belay_store_flush(s, 10);
    if (in_order)
        assert_ok(belay_store_checkpoint(s, &err));
    belay_store_close(s);
    b.close(b.self);
}

static int setup(void **state)
{
    struct belay_state_backend b;
    struct belay_err err;
    (void)state;
    ends = fail_with = 0;
    if (!tempdir_make(folder))
        return -1;
    snprintf(state_path, sizeof state_path, "%s/state", folder);
    assert_ok(belay_disk_open_posix(folder, BELAY_DISK_CREATE, &disk, &err));
    assert_ok(belay_disk_mkdir(disk, "state", &err));
    live(true);
    assert_ok(belay_state_lmdb_open(state_path, 64 << 20, &b, &err));
    rows = (struct rows){ .n = 4 };
    assert_ok(b.commit(b.self, b.position(b.self), next, &rows, &err));
    b.close(b.self);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    belay_disk_close(disk);
    char name[96];
    snprintf(name, sizeof name, "rm -rf %s", folder);
    return system(name);
}

static uint64_t n_of(uint32_t format)
{
    struct belay_state_backend b;
    struct belay_err err;
    struct belay_str value;
    assert_ok(belay_state_lmdb_open_format(state_path, format, &b, &err));
    assert_ok(b.get(b.self, T, BELAY_STR("n"), &value, &err));
    uint64_t n = belay_load_u64(value.p);
    b.close(b.self);
    return n;
}

static void each_step_is_made_in_order_and_the_format_goes_with_it(void **state)
{
    struct belay_upgraded u;
    struct belay_err err;
    struct belay_state_backend b;
    uint32_t format;
    (void)state;
    assert_ok(belay_store_upgrade(disk, state_path, table, 3, NULL, &u, &err));
    assert_int_equal(u.before, 1);
    assert_int_equal(u.now, 3);
    assert_int_equal(u.steps, 2);
    assert_int_equal(ends, 2);
    assert_int_equal(n_of(3), 41);
    assert_int_equal(belay_state_lmdb_open(state_path, 64 << 20, &b, &err), BELAY_VERSION); /* this version's is 1 */
    assert_ok(belay_state_lmdb_format(state_path, &format, &err));
    assert_int_equal(format, 3);
    assert_ok(belay_store_upgrade(disk, state_path, table, 3, NULL, &u, &err));
    assert_int_equal(u.steps, 0);
    assert_int_equal(n_of(3), 41);
    assert_int_equal(belay_store_upgrade(disk, state_path, table, 2, NULL, &u, &err), BELAY_VERSION);
}

static void a_step_that_fails_leaves_the_format_before_it(void **state)
{
    struct belay_upgraded u;
    struct belay_err err;
    (void)state;
    fail_with = BELAY_NOMEM;
    assert_int_equal(belay_store_upgrade(disk, state_path, table, 3, NULL, &u, &err), BELAY_NOMEM);
    assert_int_equal(n_of(2), 40);
    fail_with = 0;
    assert_ok(belay_store_upgrade(disk, state_path, table, 3, NULL, &u, &err));
    assert_int_equal(u.before, 2);
    assert_int_equal(n_of(3), 41);
    assert_int_equal(belay_store_upgrade(disk, state_path, table, 5, NULL, &u, &err), BELAY_UNSUPPORTED);
}

static void this_version_has_nothing_to_do_and_says_what_is_not_there(void **state)
{
    struct belay_upgraded u;
    struct belay_err err;
    (void)state;
    assert_ok(belay_store_upgrade(disk, state_path, belay_migrations, BELAY_STORE_FORMAT, NULL, &u, &err));
    assert_int_equal(u.steps, 0);
    assert_int_equal(n_of(1), 4);
    assert_int_equal(belay_store_upgrade(disk, folder, belay_migrations, BELAY_STORE_FORMAT, NULL, &u, &err),
                     BELAY_NOTFOUND);
}

static void a_journal_behind_the_checkpoint_is_not_upgraded(void **state)
{
    struct belay_upgraded u;
    struct belay_err err;
    (void)state;
    live(false);
    assert_int_equal(belay_store_upgrade(disk, state_path, table, 3, NULL, &u, &err), BELAY_CONFLICT);
    assert_int_equal(ends, 0);
    assert_int_equal(n_of(1), 4);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_step_is_made_in_order_and_the_format_goes_with_it),
        TEST(a_step_that_fails_leaves_the_format_before_it),
        TEST(this_version_has_nothing_to_do_and_says_what_is_not_there),
        TEST(a_journal_behind_the_checkpoint_is_not_upgraded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
