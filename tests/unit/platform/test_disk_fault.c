#include "platform/disk_fault.h"
#include "base/alloc.h"
#include "unit/test.h"

#include <string.h>

#include "unit/tempdir.h"

struct fixture {
    char path[32];
    struct belay_disk *inner, *disk;
    struct belay_file *file;
    struct belay_err err;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    return f && tempdir_make(f->path) && !belay_disk_open_posix(f->path, 0, &f->inner, &f->err)
                   && !belay_disk_fault_new(f->inner, &f->disk, &f->err)
               ? belay_file_open(f->disk, "a", BELAY_FILE_WRITE | BELAY_FILE_CREATE, &f->file,
                                 &f->err)
               : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    belay_file_close(f->file);
    belay_disk_close(f->disk);
    belay_disk_close(f->inner);
    tempdir_remove(f->path);
    free(f);
    return 0;
}

static void plan(struct fixture *f, struct belay_fault_plan plan)
{
    belay_disk_fault_plan(f->disk, &plan);
}

static void without_a_plan_it_is_the_disk_inside(void **state)
{
    struct fixture *f = *state;
    char got[3];
    size_t n;
    uint64_t size, space;
    void *p;
    struct belay_dir_entry *entries;
    assert_ok(belay_file_write(f->file, 0, "abc", 3, BELAY_WRITE_SYNC, &f->err));
    assert_ok(belay_file_read(f->file, 0, got, 3, &n, &f->err));
    assert_memory_equal(got, "abc", 3);
    assert_ok(belay_file_reserve(f->file, 8192, &f->err));
    assert_ok(belay_file_size(f->file, &size, &f->err));
    assert_int_equal(size, 8192);
    assert_ok(belay_file_map(f->file, 4096, &p, &f->err));
    assert_ok(belay_file_truncate(f->file, 4096, &f->err));
    assert_ok(belay_file_sync(f->file, &f->err));
    assert_ok(belay_disk_mkdir(f->disk, "d", &f->err));
    assert_ok(belay_disk_rename(f->disk, "a", "d/b", &f->err));
    assert_ok(belay_disk_sync_dir(f->disk, "d", &f->err));
    assert_ok(belay_disk_list(f->disk, "d", &entries, &n, &f->err));
    assert_int_equal(n, 1);
    belay_free(entries);
    assert_ok(belay_disk_unlink(f->disk, "d/b", &f->err));
    assert_ok(belay_disk_free_bytes(f->disk, &space, &f->err));
    assert_true(space > 0);
    assert_string_equal(f->disk->path, f->inner->path);
    assert_int_equal(belay_disk_fault_count(f->disk), 0);
}

static void the_nth_operation_fails_and_all_after_it(void **state)
{
    struct fixture *f = *state;
    plan(f, (struct belay_fault_plan){ .operations = BELAY_FAULT_WRITE, .after = 2 });
    assert_ok(belay_file_write(f->file, 0, "a", 1, 0, &f->err));
    assert_ok(belay_file_sync(f->file, &f->err));
    assert_ok(belay_file_write(f->file, 0, "a", 1, 0, &f->err));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(belay_file_write(f->file, 0, "a", 1, 0, &f->err), BELAY_IO);
        assert_int_equal(f->err.class_, BELAY_CLASS_FATAL);
    }
    assert_int_equal(belay_disk_fault_count(f->disk), 5);
}

static void once_is_once(void **state)
{
    struct fixture *f = *state;
    plan(f, (struct belay_fault_plan){ .operations = BELAY_FAULT_SYNC, .after = 1, .once = true });
    assert_ok(belay_file_sync(f->file, &f->err));
    assert_int_equal(belay_file_write(f->file, 0, "a", 1, BELAY_WRITE_SYNC, &f->err), BELAY_IO);
    assert_ok(belay_file_sync(f->file, &f->err));
}

static void a_short_write_leaves_its_first_half(void **state)
{
    struct fixture *f = *state;
    char got[8];
    size_t n;
    plan(f, (struct belay_fault_plan){ .operations = BELAY_FAULT_WRITE, .kind = BELAY_FAULT_SHORT });
    assert_int_equal(belay_file_write(f->file, 0, "abcdef", 6, 0, &f->err), BELAY_IO);
    assert_ok(belay_file_read(f->file, 0, got, sizeof got, &n, &f->err));
    assert_int_equal(n, 3);
    assert_memory_equal(got, "abc", 3);
}

static void a_full_disk_says_so_everywhere(void **state)
{
    struct fixture *f = *state;
    uint64_t space = 7;
    plan(f, (struct belay_fault_plan){ .operations = BELAY_FAULT_WRITE | BELAY_FAULT_SPACE,
                                       .kind = BELAY_FAULT_ENOSPC });
    assert_int_equal(belay_file_write(f->file, 0, "a", 1, 0, &f->err), BELAY_NOSPACE);
    assert_int_equal(f->err.class_, BELAY_CLASS_TRANSIENT);
    assert_int_equal(belay_file_prewrite(f->file, 4096, &f->err), BELAY_NOSPACE);
    assert_ok(belay_disk_free_bytes(f->disk, &space, &f->err));
    assert_int_equal(space, 0);
}

static void a_flip_is_one_bit_of_what_is_read(void **state)
{
    struct fixture *f = *state;
    char got[4];
    size_t n;
    assert_ok(belay_file_write(f->file, 0, "aaaa", 4, 0, &f->err));
    plan(f, (struct belay_fault_plan){ .operations = BELAY_FAULT_READ | BELAY_FAULT_WRITE,
                                       .kind = BELAY_FAULT_FLIP });
    assert_ok(belay_file_write(f->file, 4, "bbbb", 4, 0, &f->err));
    assert_ok(belay_file_read(f->file, 0, got, 4, &n, &f->err));
    assert_memory_equal(got, "aa`a", 4);
}

static void every_kind_of_operation_can_fail(void **state)
{
    struct fixture *f = *state;
    struct belay_file *other = NULL;
    struct belay_dir_entry *entries = NULL;
    void *p = NULL;
    char c;
    size_t n = 0;
    plan(f, (struct belay_fault_plan){ .operations = BELAY_FAULT_ANY });
    assert_int_equal(belay_file_open(f->disk, "a", 0, &other, &f->err), BELAY_IO);
    assert_int_equal(belay_file_read(f->file, 0, &c, 1, &n, &f->err), BELAY_IO);
    assert_int_equal(belay_file_write(f->file, 0, "a", 1, 0, &f->err), BELAY_IO);
    assert_int_equal(belay_file_sync(f->file, &f->err), BELAY_IO);
    assert_int_equal(belay_file_reserve(f->file, 1, &f->err), BELAY_IO);
    assert_int_equal(belay_file_truncate(f->file, 1, &f->err), BELAY_IO);
    assert_int_equal(belay_file_map(f->file, 1, &p, &f->err), BELAY_IO);
    assert_int_equal(belay_disk_mkdir(f->disk, "d", &f->err), BELAY_IO);
    assert_int_equal(belay_disk_sync_dir(f->disk, "", &f->err), BELAY_IO);
    assert_int_equal(belay_disk_rename(f->disk, "a", "b", &f->err), BELAY_IO);
    assert_int_equal(belay_disk_unlink(f->disk, "a", &f->err), BELAY_IO);
    assert_int_equal(belay_disk_list(f->disk, "", &entries, &n, &f->err), BELAY_IO);
    assert_int_equal(belay_disk_fault_count(f->disk), 12);
    assert_non_null(strstr(f->err.msg, "injected fault"));
    assert_true(!other && !entries && !p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_plan_it_is_the_disk_inside),
        TEST(the_nth_operation_fails_and_all_after_it),
        TEST(once_is_once),
        TEST(a_short_write_leaves_its_first_half),
        TEST(a_full_disk_says_so_everywhere),
        TEST(a_flip_is_one_bit_of_what_is_read),
        TEST(every_kind_of_operation_can_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
