#include "platform/disk.h"
#include "base/alloc.h"
#include "unit/test.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "unit/aborts.h"
#include "unit/tempdir.h"

struct fixture {
    char path[32];
    struct belay_disk *disk;
    struct belay_err err;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    return f && tempdir_make(f->path) ? belay_disk_open_posix(f->path, 0, &f->disk, &f->err) : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    belay_disk_close(f->disk);
    tempdir_remove(f->path);
    free(f);
    return 0;
}

static struct belay_file *open_file(struct fixture *f, const char *name, unsigned flags)
{
    struct belay_file *file = NULL;
    assert_ok(belay_file_open(f->disk, name, flags, &file, &f->err));
    return file;
}

static void what_is_written_is_read_up_to_the_end(void **state)
{
    struct fixture *f = *state;
    struct belay_file *file = open_file(f, "a", BELAY_FILE_WRITE | BELAY_FILE_CREATE);
    char got[32];
    size_t n = 77;
    uint64_t size;
    assert_ok(belay_file_read(file, 0, got, sizeof got, &n, &f->err));
    assert_int_equal(n, 0);
    assert_ok(belay_file_write(file, 5, "hello", 5, 0, &f->err));
    assert_ok(belay_file_write(file, 10, " world", 6, BELAY_WRITE_SYNC, &f->err));
    assert_ok(belay_file_write(file, 99, "", 0, 0, &f->err));
    assert_ok(belay_file_sync(file, &f->err));
    assert_ok(belay_file_read(file, 0, got, sizeof got, &n, &f->err));
    assert_int_equal(n, 16);
    assert_memory_equal(got, "\0\0\0\0\0hello world", 16);
    assert_ok(belay_file_truncate(file, 7, &f->err));
    assert_ok(belay_file_size(file, &size, &f->err));
    assert_int_equal(size, 7);
    belay_file_close(file);
}

static void a_second_process_is_refused_and_told_the_pid(void **state)
{
    struct fixture *f = *state;
    struct belay_disk *other = NULL;
    struct belay_err err;
    char pid[32];
    /* flock belongs to the open file, so a second opening is refused like a second process. */
    assert_int_equal(belay_disk_open_posix(f->path, 0, &other, &err), BELAY_LOCKED);
    assert_null(other);
    assert_int_equal(err.class_, BELAY_CLASS_FATAL);
    snprintf(pid, sizeof pid, "(pid %d)", (int)getpid());
    assert_non_null(strstr(err.msg, pid));
    assert_ok(belay_disk_open_posix(f->path, BELAY_DISK_LOOK, &other, &err));
    struct belay_file *file = NULL;
    assert_int_equal(belay_file_open(other, "LOCK", BELAY_FILE_WRITE, &file, &err), BELAY_DENIED);
    assert_ok(belay_file_open(other, "LOCK", 0, &file, &err));
    belay_file_close(file);
    belay_disk_close(other);
    belay_disk_close(f->disk);
    f->disk = NULL;
    assert_ok(belay_disk_open_posix(f->path, 0, &f->disk, &err));
}

static void the_lock_ends_with_its_process(void **state)
{
    struct fixture *f = *state;
    int status;
    belay_disk_close(f->disk);
    f->disk = NULL;
    pid_t child = fork();
    if (child == 0) {
        struct belay_disk *d;
        _exit(belay_disk_open_posix(f->path, 0, &d, NULL)); /* without closing */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_ok(belay_disk_open_posix(f->path, 0, &f->disk, &f->err));
}

static void a_directory_is_made_only_when_asked(void **state)
{
    struct fixture *f = *state;
    struct belay_disk *d = NULL;
    struct stat st;
    char path[64];
    snprintf(path, sizeof path, "%s/data", f->path);
    assert_int_equal(belay_disk_open_posix(path, 0, &d, &f->err), BELAY_NOTFOUND);
    assert_ok(belay_disk_open_posix(path, BELAY_DISK_CREATE, &d, &f->err));
    assert_string_equal(d->path, path);
    belay_disk_close(d);
    assert_ok(stat(path, &st));
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void opening_says_what_is_wrong(void **state)
{
    struct fixture *f = *state;
    struct belay_file *file = NULL;
    const unsigned make = BELAY_FILE_WRITE | BELAY_FILE_CREATE;
    assert_int_equal(belay_file_open(f->disk, "a", 0, &file, &f->err), BELAY_NOTFOUND);
    assert_non_null(strstr(f->err.msg, "/a: No such file"));
    assert_int_equal(belay_file_open(f->disk, "no/a", make, &file, &f->err), BELAY_NOTFOUND);
    belay_file_close(open_file(f, "a", make | BELAY_FILE_EXCL));
    assert_int_equal(belay_file_open(f->disk, "a", make | BELAY_FILE_EXCL, &file, &f->err),
                     BELAY_EXISTS);
    assert_null(file);
    belay_file_close(open_file(f, "a", make | BELAY_FILE_TRUNCATE));
}

static void names_live_in_directories(void **state)
{
    struct fixture *f = *state;
    struct belay_dir_entry *entries = NULL;
    size_t count = 0;
    assert_ok(belay_disk_mkdir(f->disk, "dir", &f->err));
    assert_ok(belay_disk_mkdir(f->disk, "dir", &f->err));
    for (int i = 39; i >= 0; i--) {
        char name[16];
        snprintf(name, sizeof name, "dir/%02d", i);
        struct belay_file *file = open_file(f, name, BELAY_FILE_WRITE | BELAY_FILE_CREATE);
        assert_ok(belay_file_write(file, 0, "0123456789", (size_t)i % 10, 0, &f->err));
        belay_file_close(file);
    }
    assert_ok(belay_disk_rename(f->disk, "dir/07", "dir/08", &f->err));
    assert_ok(belay_disk_unlink(f->disk, "dir/00", &f->err));
    assert_int_equal(belay_disk_unlink(f->disk, "dir/00", &f->err), BELAY_NOTFOUND);
    assert_ok(belay_disk_sync_dir(f->disk, "dir", &f->err));
    assert_ok(belay_disk_sync_dir(f->disk, "", &f->err));
    assert_ok(belay_disk_list(f->disk, "dir", &entries, &count, &f->err));
    assert_int_equal(count, 38);
    assert_string_equal(entries[0].name, "01");
    for (size_t i = 1; i < count; i++)
        assert_true(strcmp(entries[i - 1].name, entries[i].name) < 0);
    assert_string_equal(entries[6].name, "08");
    assert_int_equal(entries[6].size_bytes, 7);
    belay_free(entries);
    assert_ok(belay_disk_list(f->disk, "", &entries, &count, &f->err));
    assert_int_equal(count, 2); /* LOCK, dir: the probe left nothing */
    assert_true(entries[1].is_dir);
    belay_free(entries);
    assert_int_equal(belay_disk_list(f->disk, "none", &entries, &count, &f->err), BELAY_NOTFOUND);
}

static void prewritten_space_is_there_and_zero(void **state)
{
    struct fixture *f = *state;
    struct belay_file *file = open_file(f, "seg", BELAY_FILE_WRITE | BELAY_FILE_CREATE);
    const uint64_t size = BELAY_MIB(2) + 4096;
    uint64_t got, space = 0;
    struct stat st;
    char path[64], last[16];
    size_t n;
    assert_ok(belay_file_prewrite(file, size, &f->err));
    assert_ok(belay_file_size(file, &got, &f->err));
    assert_int_equal(got, size);
    snprintf(path, sizeof path, "%s/seg", f->path);
    assert_ok(stat(path, &st));
    assert_true((uint64_t)st.st_blocks * 512 >= size);
    assert_ok(belay_file_read(file, size - 8, last, sizeof last, &n, &f->err));
    assert_int_equal(n, 8);
    assert_memory_equal(last, "\0\0\0\0\0\0\0\0", 8);
    assert_ok(belay_file_reserve(file, 0, &f->err));
    assert_ok(belay_disk_free_bytes(f->disk, &space, &f->err));
    assert_true(space > 0);
    belay_file_close(file);
}

static void a_reservation_no_disk_can_hold_is_refused(void **state)
{
    struct fixture *f = *state;
    struct belay_file *file = open_file(f, "big", BELAY_FILE_WRITE | BELAY_FILE_CREATE);
    int status = belay_file_reserve(file, UINT64_C(1) << 60, &f->err);
    assert_true(status == BELAY_NOSPACE || status == BELAY_LIMIT);
    belay_file_close(file);
}

static void direct_writes_are_read_back(void **state)
{
    struct fixture *f = *state;
    struct belay_file *file = NULL;
    const unsigned flags = BELAY_FILE_WRITE | BELAY_FILE_CREATE | BELAY_FILE_DIRECT;
    if (!f->disk->caps.direct) {
        assert_int_equal(belay_file_open(f->disk, "d", flags, &file, &f->err), BELAY_UNSUPPORTED);
        print_message("no direct I/O on this file system: not tested\n");
        skip();
    }
    uint32_t align = f->disk->caps.align_bytes;
    assert_true(align && align <= BELAY_BLOCK_BYTES && (align & (align - 1)) == 0);
    char *block = belay_disk_alloc_aligned(2 * BELAY_BLOCK_BYTES);
    size_t n;
    file = open_file(f, "d", flags);
    memset(block, 'x', BELAY_BLOCK_BYTES);
    assert_ok(belay_file_write(file, 0, block, BELAY_BLOCK_BYTES, BELAY_WRITE_SYNC, &f->err));
    memset(block, 0, BELAY_BLOCK_BYTES);
    assert_ok(belay_file_read(file, 0, block, 2 * BELAY_BLOCK_BYTES, &n, &f->err));
    assert_int_equal(n, BELAY_BLOCK_BYTES);
    assert_int_equal(block[BELAY_BLOCK_BYTES - 1], 'x');
    belay_file_close(file);
    belay_disk_free_aligned(block);
}

static void no_direct_means_none(void **state)
{
    struct fixture *f = *state;
    struct belay_file *file = NULL;
    belay_disk_close(f->disk);
    f->disk = NULL;
    assert_ok(belay_disk_open_posix(f->path, BELAY_DISK_NO_DIRECT, &f->disk, &f->err));
    assert_false(f->disk->caps.direct);
    assert_int_equal(belay_file_open(f->disk, "d", BELAY_FILE_WRITE | BELAY_FILE_CREATE
                                     | BELAY_FILE_DIRECT, &file, &f->err), BELAY_UNSUPPORTED);
    f->disk->caps.write_sync = false; /* as an old kernel: write, then fdatasync */
    file = open_file(f, "s", BELAY_FILE_WRITE | BELAY_FILE_CREATE);
    assert_ok(belay_file_write(file, 0, "abc", 3, BELAY_WRITE_SYNC, &f->err));
    belay_file_close(file);
}

static void a_map_survives_its_process(void **state)
{
    struct fixture *f = *state;
    struct belay_file *file = open_file(f, "note", BELAY_FILE_WRITE | BELAY_FILE_CREATE);
    void *p = NULL;
    int status;
    assert_ok(belay_file_map(file, 4096, &p, &f->err));
    pid_t child = fork();
    if (child == 0) {
        memcpy(p, "in hand: 7", 10);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_memory_equal(p, "in hand: 7", 10);
    belay_file_close(file);
    file = open_file(f, "note", 0);
    char got[10];
    size_t n;
    assert_ok(belay_file_read(file, 0, got, sizeof got, &n, &f->err));
    assert_memory_equal(got, "in hand: 7", 10);
    belay_file_close(file);
}

static void unlink_named(void *name)
{
    struct belay_disk d = { 0 };
    (void)!belay_disk_unlink(&d, *(const char **)name, NULL);
}

static void a_name_that_leaves_the_directory_is_a_bug(void **state)
{
    (void)state;
    static const char *bad[] = { "", "/etc/x", "..", "../x", "a/../b", ".", "a/./b", "a//b", "a/" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_true(aborts(unlink_named, &bad[i]));
}

/* Whatever links lead there, and whether it is there or not. */
static void a_path_within_a_directory_is_told(void **state)
{
    struct fixture *f = *state;
    char path[200];
    static const struct {
        const char *name;
        bool within;
    } cases[] = { { "", true }, { "/", true }, { "/sub", true }, { "/sub/none/yet", true }, { "/sub/../sub", true },
                  { "/../", false }, { "-beside", false }, { "/out", false }, { "/out/none", false } };
    assert_ok(belay_disk_mkdir(f->disk, "sub", &f->err));
    snprintf(path, sizeof path, "%s/out", f->path);
    assert_int_equal(symlink("/", path), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(path, sizeof path, "%s%s", f->path, cases[i].name);
        if (belay_path_within(path, f->path) != cases[i].within)
            fail_msg("%s", path);
    }
    snprintf(path, sizeof path, "%s-in", f->path);
    assert_int_equal(symlink(f->path, path), 0);
    bool within = belay_path_within(path, f->path);
    unlink(path);
    assert_true(within);
    assert_false(belay_path_within("none/at/all", f->path));
    assert_false(belay_path_within("/", f->path));
    assert_false(belay_path_within(f->path, "none/at/all"));
}

static void every_allocation_may_fail(void **state)
{
    struct fixture *f = *state;
    struct belay_file *file = open_file(f, "a", BELAY_FILE_WRITE | BELAY_FILE_CREATE);
    struct belay_file *second = NULL;
    struct belay_dir_entry *entries = NULL;
    struct belay_disk *d = NULL;
    size_t count;
    belay_alloc_fail_after(0);
    assert_int_equal(belay_file_open(f->disk, "a", 0, &second, &f->err), BELAY_NOMEM);
    assert_int_equal(belay_disk_list(f->disk, "", &entries, &count, &f->err), BELAY_NOMEM);
    assert_int_equal(belay_disk_open_posix(f->path, 0, &d, &f->err), BELAY_NOMEM);
    assert_int_equal(belay_file_prewrite(file, 4096, &f->err), BELAY_NOMEM);
    assert_null(belay_disk_alloc_aligned(10));
    belay_alloc_fail_after(UINT64_MAX);
    assert_true(!second && !entries && !d);
    belay_file_close(file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read_up_to_the_end),
        TEST(a_second_process_is_refused_and_told_the_pid),
        TEST(the_lock_ends_with_its_process),
        TEST(a_directory_is_made_only_when_asked),
        TEST(opening_says_what_is_wrong),
        TEST(names_live_in_directories),
        TEST(prewritten_space_is_there_and_zero),
        TEST(a_reservation_no_disk_can_hold_is_refused),
        TEST(direct_writes_are_read_back),
        TEST(no_direct_means_none),
        TEST(a_map_survives_its_process),
        cmocka_unit_test(a_name_that_leaves_the_directory_is_a_bug),
        TEST(a_path_within_a_directory_is_told),
        TEST(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
