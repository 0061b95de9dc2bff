#include "sim/disk.h"
#include "base/alloc.h"
#include "sim/jobs.h"
#include "unit/test.h"

#include <string.h>

#define BOTH (BELAY_FILE_WRITE | BELAY_FILE_CREATE)

static struct belay_err err;

static struct belay_disk *disk_new(uint64_t seed)
{
    struct belay_disk *d = NULL;
    assert_ok(sim_disk_new(&(struct sim_disk_opt){ .seed = seed, .write_sync = true }, &d, &err));
    return d;
}

static struct belay_file *file_open(struct belay_disk *d, const char *name, unsigned flags)
{
    struct belay_file *f = NULL;
    assert_ok(belay_file_open(d, name, flags, &f, &err));
    return f;
}

static void write_text(struct belay_file *f, uint64_t offset, const char *text, unsigned flags)
{
    assert_ok(belay_file_write(f, offset, text, strlen(text), flags, &err));
}

static void power(struct belay_disk *d, struct belay_file *f)
{
    sim_disk_stop(d);
    belay_file_close(f);
    sim_disk_restart(d, SIM_POWER);
}

static bool reads(struct belay_disk *d, const char *name, const char *text)
{
    struct belay_file *f = NULL;
    char got[64] = "";
    size_t n = 0;
    if (belay_file_open(d, name, 0, &f, &err) != BELAY_OK)
        return false;
    assert_ok(belay_file_read(f, 0, got, sizeof got, &n, &err));
    belay_file_close(f);
    return n == strlen(text) && memcmp(got, text, n) == 0;
}

static void what_was_synced_survives_and_what_was_not_may_go(void **state)
{
    (void)state;
    int kept = 0, lost = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct belay_disk *d = disk_new(seed);
        struct belay_file *f = file_open(d, "a", BOTH);
        write_text(f, 0, "safe", 0);
        assert_ok(belay_file_sync(f, &err));
        assert_ok(belay_disk_sync_dir(d, "", &err));
        write_text(f, 0, "more", 0);
        power(d, f);
        bool more = reads(d, "a", "more");
        assert_true(more || reads(d, "a", "safe"));
        kept += more;
        lost += !more;
        belay_disk_close(d);
    }
    assert_true(kept > 20 && lost > 20);
}

static void a_synchronous_write_is_durable_and_speaks_for_no_other(void **state)
{
    (void)state;
    int others_lost = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct belay_disk *d = disk_new(seed);
        struct belay_file *f = file_open(d, "a", BOTH);
        assert_ok(belay_disk_sync_dir(d, "", &err));
        write_text(f, 0, "one", 0);
        write_text(f, 512, "two", BELAY_WRITE_SYNC);
        power(d, f);
        char got[515];
        size_t n = 0;
        f = file_open(d, "a", 0);
        assert_ok(belay_file_read(f, 0, got, sizeof got, &n, &err));
        assert_int_equal(n, 515);
        assert_memory_equal(got + 512, "two", 3);
        others_lost += got[0] == '\0';
        belay_file_close(f);
        belay_disk_close(d);
    }
    assert_true(others_lost > 10);
}

static void a_write_cut_off_is_torn_between_sectors(void **state)
{
    (void)state;
    int torn = 0;
    char was[2048], is[2048], got[2048];
    memset(was, 'a', sizeof was);
    memset(is, 'b', sizeof is);
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct belay_disk *d = disk_new(seed);
        struct belay_file *f = file_open(d, "a", BOTH);
        assert_ok(belay_disk_sync_dir(d, "", &err));
        assert_ok(belay_file_write(f, 0, was, sizeof was, BELAY_WRITE_SYNC, &err));
        sim_disk_stop_after(d, 0);
        assert_int_equal(belay_file_write(f, 0, is, sizeof is, BELAY_WRITE_SYNC, &err), BELAY_IO);
        assert_int_equal(belay_file_sync(f, &err), BELAY_IO);
        power(d, f);
        size_t n = 0, changed = 0;
        f = file_open(d, "a", 0);
        assert_ok(belay_file_read(f, 0, got, sizeof got, &n, &err));
        for (int s = 0; s < 4; s++) {
            for (int i = 1; i < 512; i++)
                assert_int_equal(got[s * 512 + i], got[s * 512]);
            changed += got[s * 512] == 'b';
        }
        torn += changed > 0 && changed < 4;
        belay_file_close(f);
        belay_disk_close(d);
    }
    assert_true(torn > 20);
}

static void a_killed_process_loses_nothing(void **state)
{
    (void)state;
    struct belay_disk *d = disk_new(1);
    struct belay_file *f = file_open(d, "a", BOTH);
    write_text(f, 0, "kept", 0);
    void *map = NULL;
    struct belay_file *page = file_open(d, "page", BOTH);
    assert_ok(belay_file_map(page, 4096, &map, &err));
    memcpy(map, "note", 4);
    sim_disk_stop(d);
    assert_int_equal(belay_file_write(f, 0, "no", 2, 0, &err), BELAY_IO);
    belay_file_close(page);
    belay_file_close(f);
    sim_disk_restart(d, SIM_KILL);
    assert_true(reads(d, "a", "kept"));
    char got[4];
    size_t n = 0;
    f = file_open(d, "page", 0);
    assert_ok(belay_file_read(f, 0, got, 4, &n, &err));
    assert_memory_equal(got, "note", 4);
    belay_file_close(f);
    belay_disk_close(d);
}

static void names_wait_for_their_directory(void **state)
{
    (void)state;
    int lost = 0, renamed = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct belay_disk *d = disk_new(seed);
        assert_ok(belay_disk_mkdir(d, "j", &err));
        assert_ok(belay_disk_sync_dir(d, "", &err));
        struct belay_file *f = file_open(d, "j/old", BOTH);
        write_text(f, 0, "old", BELAY_WRITE_SYNC);
        belay_file_close(f);
        assert_ok(belay_disk_sync_dir(d, "j", &err));
        f = file_open(d, "j/new", BOTH);
        write_text(f, 0, "new", BELAY_WRITE_SYNC);
        assert_ok(belay_disk_rename(d, "j/new", "j/old", &err));
        power(d, f);
        /* The target is never missing. */
        bool is_new = reads(d, "j/old", "new");
        assert_true(is_new || reads(d, "j/old", "old"));
        renamed += is_new;
        struct belay_dir_entry *entries = NULL;
        size_t count = 0;
        assert_ok(belay_disk_list(d, "j", &entries, &count, &err));
        lost += count == 1 && !is_new;
        belay_free(entries);
        belay_disk_close(d);
    }
    assert_true(lost > 20 && renamed > 20);
}

static void a_directory_that_is_lost_takes_its_files_along(void **state)
{
    (void)state;
    int gone = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct belay_disk *d = disk_new(seed);
        assert_ok(belay_disk_mkdir(d, "j", &err));
        struct belay_file *f = file_open(d, "j/a", BOTH);
        assert_ok(belay_disk_sync_dir(d, "j", &err));
        power(d, f);
        struct belay_dir_entry *entries = NULL;
        size_t count = 0;
        int status = belay_disk_list(d, "j", &entries, &count, &err);
        gone += status == BELAY_NOTFOUND;
        assert_true(status == BELAY_NOTFOUND || count == 1);
        belay_free(entries);
        belay_disk_close(d);
    }
    assert_true(gone > 5 && gone < 45);
}

static void a_failed_sync_may_lose_what_a_later_one_calls_safe(void **state)
{
    (void)state;
    int lied = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct belay_disk *d = disk_new(seed);
        struct belay_file *f = file_open(d, "a", BOTH);
        write_text(f, 0, "one", BELAY_WRITE_SYNC);
        assert_ok(belay_disk_sync_dir(d, "", &err));
        write_text(f, 0, "two", 0);
        sim_disk_fail_sync_after(d, 0);
        assert_int_equal(belay_file_sync(f, &err), BELAY_IO);
        assert_ok(belay_file_sync(f, &err));
        power(d, f);
        lied += reads(d, "a", "one");
        belay_disk_close(d);
    }
    assert_true(lied > 10);
}

static void a_full_disk_says_so_and_gives_space_back(void **state)
{
    (void)state;
    struct belay_disk *d = disk_new(1);
    sim_disk_set_capacity(d, 8192);
    struct belay_file *f = file_open(d, "a", BOTH);
    assert_ok(belay_file_prewrite(f, 8192, &err));
    assert_int_equal(belay_file_write(f, 8192, "x", 1, 0, &err), BELAY_NOSPACE);
    uint64_t left = 1;
    assert_ok(belay_disk_free_bytes(d, &left, &err));
    assert_int_equal(left, 0);
    belay_file_close(f);
    assert_ok(belay_disk_unlink(d, "a", &err));
    assert_ok(belay_disk_sync_dir(d, "", &err));
    assert_ok(belay_disk_free_bytes(d, &left, &err));
    assert_int_equal(left, 8192);
    belay_disk_close(d);
}

static void one_seed_gives_one_disk(void **state)
{
    (void)state;
    char first[4096], second[4096];
    for (int round = 0; round < 2; round++) {
        struct belay_disk *d = disk_new(42);
        struct belay_file *f = file_open(d, "a", BOTH);
        assert_ok(belay_file_prewrite(f, 4096, &err));
        assert_ok(belay_disk_sync_dir(d, "", &err));
        for (int i = 0; i < 8; i++)
            write_text(f, (uint64_t)i * 512, "x", 0);
        power(d, f);
        size_t n = 0;
        f = file_open(d, "a", 0);
        assert_ok(belay_file_read(f, 0, round ? second : first, 4096, &n, &err));
        belay_file_close(f);
        belay_disk_close(d);
    }
    assert_memory_equal(first, second, 4096);
}

static int ran, told;

static void count_run(struct belay_job *job)
{
    (void)job;
    ran++;
}

static void count_told(struct belay_job *job)
{
    (void)job;
    told++;
}

static void jobs_run_in_the_order_of_their_lane_and_are_told_later(void **state)
{
    (void)state;
    struct sim_jobs j;
    struct belay_job a = { .lane = BELAY_JOB_COMMIT, .run = count_run, .done = count_told }, b = a;
    sim_jobs_init(&j);
    j.port.submit(j.port.self, &a);
    j.port.submit(j.port.self, &b);
    assert_false(sim_jobs_can_run(&j, BELAY_JOB_FETCH));
    sim_jobs_run(&j, BELAY_JOB_COMMIT);
    assert_int_equal(ran, 1);
    assert_int_equal(told, 0);
    assert_true(sim_jobs_can_tell(&j, BELAY_JOB_COMMIT));
    sim_jobs_finish(&j);
    assert_int_equal(ran, 2);
    assert_int_equal(told, 2);
    assert_true(sim_jobs_empty(&j));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_synced_survives_and_what_was_not_may_go),
        cmocka_unit_test(a_synchronous_write_is_durable_and_speaks_for_no_other),
        cmocka_unit_test(a_write_cut_off_is_torn_between_sectors),
        cmocka_unit_test(a_killed_process_loses_nothing),
        cmocka_unit_test(names_wait_for_their_directory),
        cmocka_unit_test(a_directory_that_is_lost_takes_its_files_along),
        cmocka_unit_test(a_failed_sync_may_lose_what_a_later_one_calls_safe),
        cmocka_unit_test(a_full_disk_says_so_and_gives_space_back),
        cmocka_unit_test(one_seed_gives_one_disk),
        cmocka_unit_test(jobs_run_in_the_order_of_their_lane_and_are_told_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
