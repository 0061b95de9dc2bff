/* What the checkpoint's file promises: another process finds it as it was committed, and what is not
 * right with it is said. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/limits.h"
#include "base/pack.h"
#include "store/state.h"
#include "unit/tempdir.h"
#include "unit/test.h"

#define K(literal) BELAY_STR(literal)
enum { T = BELAY_TABLE_EXCEPTION, D = BELAY_TABLE_DROPPABLE, MAP = BELAY_MIB(64) };

static char folder[32], data[64];
static struct belay_state_backend lmdb;

static int begin(void **state)
{
    (void)state;
    if (!tempdir_make(folder))
        return -1;
    snprintf(data, sizeof data, "%s/data.mdb", folder);
    return belay_state_lmdb_open(folder, MAP, &lmdb, NULL);
}

static int end(void **state)
{
    (void)state;
    if (lmdb.self)
        lmdb.close(lmdb.self);
    tempdir_remove(folder);
    return 0;
}

static int reopen(struct belay_err *err)
{
    if (lmdb.self)
        lmdb.close(lmdb.self);
    lmdb.self = NULL;
    return belay_state_lmdb_open(folder, MAP, &lmdb, err);
}

struct list {
    const struct belay_state_change *items;
    size_t count, at;
};

static bool next(void *arg, struct belay_state_change *ret)
{
    struct list *l = arg;
    if (l->at == l->count)
        return false;
    *ret = l->items[l->at++];
    return true;
}

static int commit(uint64_t position, const struct belay_state_change *items, size_t count,
                  struct belay_err *err)
{
    struct list l = { items, count, 0 };
    return lmdb.commit(lmdb.self, position, next, &l, err);
}

static struct belay_str get(uint32_t table, struct belay_str key)
{
    struct belay_str value = BELAY_STR("absent");
    struct belay_err err;
    int status = lmdb.get(lmdb.self, table, key, &value, &err);
    assert_true(status == BELAY_OK || status == BELAY_NOTFOUND);
    return value;
}

static void a_snapshot_stays_what_it_was(void **state)
{
    const struct belay_state_change first = { .table = T, .key = K("a"), .value = K("1") };
    const struct belay_state_change second[] = { { .table = T, .key = K("a"), .value = K("2") },
                                                 { .table = T, .key = K("b"), .value = K("3") } };
    struct belay_state_backend snapshot;
    struct belay_str key, value;
    struct belay_err err;
    (void)state;
    assert_ok(commit(4, &first, 1, &err));
    assert_ok(belay_state_lmdb_snapshot(&lmdb, &snapshot, &err));
    assert_ok(commit(9, second, 2, &err));
    assert_ok(lmdb.refresh(lmdb.self, &err));
    assert_int_equal(lmdb.position(lmdb.self), 9);
    assert_int_equal(snapshot.position(snapshot.self), 4);
    assert_ok(snapshot.refresh(snapshot.self, &err));
    assert_ok(snapshot.get(snapshot.self, T, K("a"), &value, &err));
    assert_true(belay_str_eq(value, K("1")));
    assert_int_equal(snapshot.seek(snapshot.self, T, K("a"), true, &key, &value, &err), BELAY_NOTFOUND);
    snapshot.close(snapshot.self);
    assert_true(belay_str_eq(get(T, K("a")), K("2")));
}

static void a_new_folder_is_empty_at_position_0(void **state)
{
    (void)state;
    struct belay_str key, value;
    assert_int_equal(lmdb.position(lmdb.self), 0);
    assert_int_equal(lmdb.seek(lmdb.self, T, K(""), false, &key, &value, NULL), BELAY_NOTFOUND);
    struct stat s;
    assert_ok(stat(data, &s));
    assert_int_equal(s.st_mode & 0777, 0600);
}

static void a_commit_is_found_after_reopening(void **state)
{
    (void)state;
    const struct belay_state_change one[] = { { .table = T, .key = K("a"), .value = K("1") },
                                              { .table = T, .key = K("b"), .value = K("") },
                                              { .table = D + 5, .key = K("c"), .value = K("3") } };
    assert_ok(commit(9, one, 3, NULL));
    assert_ok(reopen(NULL));
    assert_int_equal(lmdb.position(lmdb.self), 9);
    assert_str(get(T, K("a")), "1");
    assert_str(get(T, K("b")), "");
    assert_str(get(D + 5, K("c")), "3");
    assert_str(get(D + 6, K("c")), "absent");
    const struct belay_state_change two[] = { { .table = T, .key = K("a") },
                                              { .table = T, .key = K("never there") },
                                              { .table = D + 5, .drop = true } };
    assert_ok(commit(10, two, 3, NULL));
    assert_str(get(T, K("a")), "1"); /* until the refresh */
    assert_ok(lmdb.refresh(lmdb.self, NULL));
    assert_int_equal(lmdb.position(lmdb.self), 10);
    assert_str(get(T, K("a")), "absent");
    assert_str(get(T, K("b")), "");
    assert_str(get(D + 5, K("c")), "absent");
}

static void views_live_until_the_refresh(void **state)
{
    (void)state;
    const struct belay_state_change one[] = { { .table = T, .key = K("a"), .value = K("old") } };
    const struct belay_state_change two[] = { { .table = T, .key = K("a"), .value = K("new") } };
    assert_ok(commit(1, one, 1, NULL));
    assert_ok(lmdb.refresh(lmdb.self, NULL));
    struct belay_str view = get(T, K("a"));
    for (uint64_t i = 2; i < 20; i++) /* pages are reused, but not the reader's */
        assert_ok(commit(i, two, 1, NULL));
    assert_str(view, "old");
    assert_ok(lmdb.refresh(lmdb.self, NULL));
    assert_str(get(T, K("a")), "new");
}

static void a_commit_that_finds_no_room_changes_nothing(void **state)
{
    (void)state;
    static char large[BELAY_MIB(40)];
    struct belay_err err;
    const struct belay_state_change one[] = { { .table = T, .key = K("a"), .value = K("1") } };
    const struct belay_state_change two[] = {
        { .table = T, .key = K("a") },
        { .table = T, .key = K("b"), .value = { large, sizeof large } },
        { .table = T, .key = K("c"), .value = { large, sizeof large } },
    };
    assert_ok(commit(1, one, 1, NULL));
    assert_int_equal(commit(2, two, 3, &err), BELAY_NOSPACE);
    assert_int_equal(err.class_, BELAY_CLASS_TRANSIENT);
    assert_ok(lmdb.refresh(lmdb.self, NULL));
    assert_int_equal(lmdb.position(lmdb.self), 1);
    assert_str(get(T, K("a")), "1");
    assert_ok(commit(2, one, 1, NULL)); /* and it goes on */
    assert_ok(reopen(NULL));
    assert_int_equal(lmdb.position(lmdb.self), 2);
}

static void a_killed_process_pins_nothing_and_its_commits_are_there(void **state)
{
    (void)state;
    lmdb.close(lmdb.self);
    lmdb.self = NULL;
    pid_t child = fork();
    if (child == 0) {
        const struct belay_state_change one[] = { { .table = T, .key = K("a"), .value = K("1") } };
        if (belay_state_lmdb_open(folder, MAP, &lmdb, NULL) != BELAY_OK || commit(5, one, 1, NULL))
            _exit(1);
        kill(getpid(), SIGKILL);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_ok(reopen(NULL));
    assert_int_equal(lmdb.position(lmdb.self), 5);
    assert_str(get(T, K("a")), "1");
}

/* ---- a file that is not right ---- */

/* Offset of the only place in the file where the bytes are. */
static off_t find_in_file(const char *bytes, size_t n)
{
    static char whole[BELAY_MIB(1)];
    int fd = open(data, O_RDONLY);
    ssize_t size = read(fd, whole, sizeof whole);
    close(fd);
    assert_true(size > 0);
    const char *at = memmem(whole, (size_t)size, bytes, n);
    assert_non_null(at);
    return at - whole;
}

static void flip(off_t at)
{
    char c;
    int fd = open(data, O_RDWR);
    assert_int_equal(pread(fd, &c, 1, at), 1);
    c ^= 1;
    assert_int_equal(pwrite(fd, &c, 1, at), 1);
    close(fd);
}

static void a_flipped_bit_of_a_key_or_a_value_is_never_read(void **state)
{
    (void)state;
    const struct belay_state_change one[] = { { .table = T, .key = K("some-key"), .value = K("some-value") } };
    struct belay_err err;
    struct belay_str key, value;
    assert_ok(commit(1, one, 1, NULL));
    assert_ok(lmdb.refresh(lmdb.self, NULL));
    assert_ok(lmdb.verify(lmdb.self, NULL));
    off_t value_at = find_in_file("some-value", 10);
    flip(value_at + 3); /* under the mapping: a start would have looked at all of it */
    assert_int_equal(lmdb.get(lmdb.self, T, K("some-key"), &value, &err), BELAY_CORRUPT);
    assert_int_equal(lmdb.seek(lmdb.self, T, K(""), false, &key, &value, &err), BELAY_CORRUPT);
    assert_int_equal(err.class_, BELAY_CLASS_FATAL);
    assert_int_equal(lmdb.verify(lmdb.self, &err), BELAY_CORRUPT);
    flip(value_at + 3); /* the value is right again, the key is not */
    flip(find_in_file("some-key", 8) + 6);
    assert_int_equal(lmdb.seek(lmdb.self, T, K(""), false, &key, &value, &err), BELAY_CORRUPT);
    assert_int_equal(reopen(&err), BELAY_CORRUPT);
}

/* The page of the rows says that it holds one fewer: no sum is wrong, and nobody would miss it. */
static void a_row_that_its_page_forgot_is_missed(void **state)
{
    (void)state;
    const struct belay_state_change two[] = { { .table = T, .key = K("key-1"), .value = K("value-1") },
                                              { .table = T, .key = K("key-2"), .value = K("value-2") } };
    struct belay_err err;
    assert_ok(commit(1, two, 2, NULL));
    lmdb.close(lmdb.self);
    lmdb.self = NULL;
    off_t page = find_in_file("value-2", 7) / 4096 * 4096;
    FILE *f = fopen(data, "r+b");
    unsigned char lower[2];
    fseek(f, page + 12, SEEK_SET); /* pgno, pad, flags, then lower: the end of the pointers */
    assert_int_equal(fread(lower, 1, 2, f), 2);
    assert_int_equal(lower[0], 16 + 2 * 2);
    lower[0] -= 2;
    fseek(f, page + 12, SEEK_SET);
    assert_int_equal(fwrite(lower, 1, 2, f), 2);
    fclose(f);
    assert_int_equal(reopen(&err), BELAY_CORRUPT);
    assert_non_null(strstr(err.msg, "has 1 rows of 2"));
}

static void a_file_that_lost_its_end_is_refused(void **state)
{
    (void)state;
    static char large[100000];
    struct belay_err err;
    const struct belay_state_change one[] = { { .table = T, .key = K("a"), .value = { large, sizeof large } } };
    assert_ok(commit(1, one, 1, NULL));
    lmdb.close(lmdb.self);
    lmdb.self = NULL;
    assert_ok(truncate(data, 16384));
    assert_int_equal(reopen(&err), BELAY_CORRUPT);
}

static void a_file_that_is_none_is_refused(void **state)
{
    (void)state;
    struct belay_err err;
    lmdb.close(lmdb.self);
    lmdb.self = NULL;
    int fd = open(data, O_WRONLY);
    static const char text[16384] = "not a database";
    assert_int_equal(pwrite(fd, text, sizeof text, 0), sizeof text);
    close(fd);
    int status = reopen(&err);
    assert_true(status == BELAY_CORRUPT || status == BELAY_VERSION);
}

/* Bytes 20 to 23 of a meta page are its version: 1. */
static void a_damaged_version_of_a_meta_page_is_no_other_version(void **state)
{
    (void)state;
    struct belay_err err;
    const uint8_t one = 1, two = 2, wild = 129;
    lmdb.close(lmdb.self);
    lmdb.self = NULL;
    int fd = open(data, O_WRONLY);
    for (off_t page = 0; page < 2; page++) {
        assert_int_equal(pwrite(fd, &wild, 1, page * 4096 + 20), 1);
        assert_int_equal(reopen(&err), BELAY_CORRUPT);
        assert_non_null(strstr(err.msg, "damaged"));
        assert_int_equal(pwrite(fd, &two, 1, page * 4096 + 20), 1); /* a version, but the other page has another */
        assert_int_equal(reopen(&err), BELAY_CORRUPT);
        assert_int_equal(pwrite(fd, &one, 1, page * 4096 + 20), 1);
    }
    assert_int_equal(pwrite(fd, &two, 1, 20), 1);
    assert_int_equal(pwrite(fd, &two, 1, 4096 + 20), 1);
    assert_int_equal(reopen(&err), BELAY_VERSION);
    assert_int_equal(pwrite(fd, &one, 1, 20), 1);
    assert_int_equal(pwrite(fd, &one, 1, 4096 + 20), 1);
    close(fd);
    assert_ok(reopen(&err));
}

static void another_format_is_refused(void **state)
{
    (void)state;
    struct belay_err err;
    lmdb.close(lmdb.self);
    lmdb.self = NULL;
    flip(find_in_file("format\1\0\0\0\0\0\0\0", 14) + 7);
    assert_int_equal(reopen(&err), BELAY_VERSION);
    assert_int_equal(err.class_, BELAY_CLASS_FATAL);
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    struct belay_state_backend other;
    struct belay_err err;
    assert_int_equal(belay_state_lmdb_open("no/such/folder", MAP, &other, &err), BELAY_IO);
    assert_non_null(strstr(err.msg, "no/such/folder"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_folder_is_empty_at_position_0),
        TEST(a_snapshot_stays_what_it_was),
        TEST(a_commit_is_found_after_reopening),
        TEST(views_live_until_the_refresh),
        TEST(a_commit_that_finds_no_room_changes_nothing),
        TEST(a_killed_process_pins_nothing_and_its_commits_are_there),
        TEST(a_flipped_bit_of_a_key_or_a_value_is_never_read),
        TEST(a_row_that_its_page_forgot_is_missed),
        TEST(a_file_that_lost_its_end_is_refused),
        TEST(a_file_that_is_none_is_refused),
        TEST(another_format_is_refused),
        TEST(a_damaged_version_of_a_meta_page_is_no_other_version),
        TEST(a_folder_that_is_not_there_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
