#include "base/alloc.h"
#include "store/backup_files.h"
#include "store/store_impl.h"
#include "unit/store/store_fixture.h"
#include "unit/tempdir.h"

static bool go_on(void *arg, uint64_t bytes)
{
    (void)bytes;
    uint64_t *left = arg;
    return !left || (*left)-- > 0;
}
static const struct belay_pace pace = { go_on, NULL };

struct copy {
    struct belay_disk *disk;
    struct belay_state_backend state;
};

static struct copy copy_new(void)
{
    struct copy c;
    struct belay_err err;
    assert_ok(sim_disk_new(&(struct sim_disk_opt){ .seed = 3 }, &c.disk, &err));
    assert_ok(belay_state_model_open(&c.state, &err));
    return c;
}

static void copy_free(struct copy *c)
{
    belay_disk_close(c->disk);
    c->state.close(c->state.self);
}

/* A store with archives, a checkpoint and commits behind it. */
static struct fixture *lived(void)
{
    struct fixture *f = fixture_new(true, false);
    f->opt.segment_bytes = 64 * 1024;
    f->opt.journal_bytes_max = 128 * 1024;
    f->opt.overlay_bytes_max = 16 * 1024;
    assert_ok(fixture_open(f));
    for (int i = 0; i < 120; i++) {
        publish(f, (uint32_t)(1 + i % 3), 3000);
        fixture_flush(f);
    }
    return f;
}

static bool counts(void *arg, uint64_t bytes)
{
    *(uint64_t *)arg += bytes;
    return true;
}

static int back_up(struct fixture *f, struct copy *c, uint64_t *ret_position)
{
    struct belay_backup_plan plan;
    static const char five_thousand[5000];
    uint64_t copied = 0, total = 0;
    const struct belay_pace counting = { counts, &copied };
    struct belay_err *err = &f->err;
    belay_store_pin(f->store, true);
    int status = belay_state_copy(&f->backend, &c->state, &pace, err);
    for (int i = 0; i < 40; i++) { /* life goes on: a longer journal than the state's */
        publish(f, 1, 3000);
        fixture_flush(f);
    }
    if (status == BELAY_OK)
        status = belay_store_backup_plan(f->store, &plan, err);
    if (status == BELAY_OK)
        status = belay_disk_mkdir(c->disk, "state", err);
    if (status == BELAY_OK)
        status = backup_put_file(c->disk, "state/data.mdb", belay_str(five_thousand, sizeof five_thousand), err);
    if (status == BELAY_OK)
        status = belay_backup_bytes(f->disk, c->disk, &plan, &total, err);
    if (status == BELAY_OK)
        status = belay_backup_copy(f->disk, c->disk, &plan, 77, &counting, err);
    if (status == BELAY_OK)
        assert_int_equal(copied, total); /* who watches is told the truth from the first file on */
    *ret_position = plan.position;
    belay_backup_plan_free(&plan);
    belay_store_pin(f->store, false);
    return status;
}

static void what_is_restored_is_the_store_as_of_its_commit(void **state)
{
    struct fixture *f = lived();
    struct copy c = copy_new(), r = copy_new();
    struct belay_restored told;
    uint64_t position;
    (void)state;
    assert_ok(back_up(f, &c, &position));
    assert_int_equal(position, 160);
    publish(f, 2, 3000); /* is not in it */
    fixture_flush(f);
    assert_ok(belay_backup_verify(c.disk, &pace, &told, &f->err));
    assert_int_equal(told.position, 160);
    assert_int_equal(told.taken, 77);
    assert_ok(belay_backup_restore(c.disk, r.disk, &pace, &f->err));
    fixture_die(f, SIM_KILL);
    struct belay_disk *disk = f->disk;
    struct belay_state_backend backend = f->backend;
    f->disk = r.disk;
    f->backend = c.state;
    assert_ok(fixture_open(f));
    assert_int_equal(belay_store_next_sequence(f->store, 1), 81);
    assert_int_equal(belay_store_next_sequence(f->store, 2), 41);
    assert_fetched(f, 1, 1, 80);
    assert_fetched(f, 2, 1, 40);
    assert_fetched(f, 3, 1, 40);
    belay_store_close(f->store);
    f->store = NULL;
    f->disk = disk;
    f->backend = backend;
    fixture_free(f);
    copy_free(&c);
    copy_free(&r);
}

static void a_flipped_bit_anywhere_is_named_before_anything_is_written(void **state)
{
    struct fixture *f = lived();
    struct copy c = copy_new(), r = copy_new();
    struct belay_restored told;
    struct belay_dir_entry *entries = NULL;
    size_t count;
    uint64_t position;
    (void)state;
    assert_ok(back_up(f, &c, &position));
    static const char *const folders[] = { "journal", "archive", "" };
    for (size_t i = 0; i < 3; i++) {
        assert_ok(belay_disk_list(c.disk, folders[i], &entries, &count, &f->err));
        for (size_t k = 0; k < count; k++) {
            char name[BELAY_FILE_NAME_BYTES_MAX + 16];
            snprintf(name, sizeof name, "%s%s%s", folders[i], *folders[i] ? "/" : "", entries[k].name);
            if (entries[k].is_dir || entries[k].size_bytes == 0 || strcmp(name, "LOCK") == 0)
                continue;
            assert_true(sim_disk_flip(c.disk, name, entries[k].size_bytes / 2, 5));
            assert_int_equal(belay_backup_verify(c.disk, &pace, &told, &f->err), BELAY_CORRUPT);
            assert_non_null(strstr(f->err.msg, name));
            assert_true(sim_disk_flip(c.disk, name, entries[k].size_bytes / 2, 5));
        }
        belay_free(entries);
    }
    assert_ok(belay_backup_verify(c.disk, &pace, &told, &f->err));
    assert_ok(belay_disk_unlink(c.disk, MANIFEST_NAME, &f->err));
    assert_int_equal(belay_backup_verify(c.disk, &pace, &told, &f->err), BELAY_NOTFOUND);
    fixture_free(f);
    copy_free(&c);
    copy_free(&r);
}

/* Power fails after each number of operations: the folder says RESTORING until it is whole. */
static void a_restore_that_is_cut_off_says_so_and_is_begun_again(void **state)
{
    struct fixture *f = lived();
    struct copy c = copy_new();
    uint64_t position;
    (void)state;
    assert_ok(back_up(f, &c, &position));
    bool ended = false;
    for (uint64_t n = 0; !ended; n += 5) {
        struct copy r = copy_new();
        struct belay_file *file;
        sim_disk_stop_after(r.disk, n);
        ended = belay_backup_restore(c.disk, r.disk, &pace, &f->err) == BELAY_OK && !sim_disk_stopped(r.disk);
        sim_disk_stop(r.disk);
        sim_disk_restart(r.disk, SIM_POWER);
        sim_disk_stop_after(r.disk, UINT64_MAX);
        bool whole = belay_file_open(r.disk, BELAY_RESTORED_NAME, 0, &file, NULL) == BELAY_OK;
        if (whole)
            belay_file_close(file);
        bool begun = belay_file_open(r.disk, BELAY_RESTORING_NAME, 0, &file, NULL) == BELAY_OK;
        if (begun)
            belay_file_close(file);
        assert_int_equal(belay_backup_is_whole(r.disk, &f->err), begun ? BELAY_CORRUPT : BELAY_OK);
        if (!whole && !begun) { /* nothing but what an empty folder may hold */
            struct belay_dir_entry *entries;
            size_t count;
            assert_ok(belay_disk_list(r.disk, "", &entries, &count, NULL));
            for (size_t i = 0; i < count; i++)
                assert_string_equal(entries[i].name, BELAY_RESTORING_NAME ".new");
            belay_free(entries);
        } else {
            if (begun)
                assert_ok(belay_backup_restore(c.disk, r.disk, &pace, &f->err));
            else
                assert_int_equal(belay_backup_restore(c.disk, r.disk, &pace, &f->err), BELAY_EXISTS);
        }
        copy_free(&r);
    }
    fixture_free(f);
    copy_free(&c);
}

static void a_backup_can_be_cancelled_at_each_piece(void **state)
{
    struct fixture *f = lived();
    (void)state;
    bool ended = false;
    for (uint64_t n = 0; !ended; n++) {
        struct copy c = copy_new();
        struct belay_backup_plan plan;
        uint64_t left = n;
        const struct belay_pace bounded = { go_on, &left };
        struct belay_file *file;
        assert_ok(belay_store_backup_plan(f->store, &plan, &f->err));
        assert_ok(belay_disk_mkdir(c.disk, "state", &f->err));
        int status = belay_backup_copy(f->disk, c.disk, &plan, 1, &bounded, &f->err);
        ended = status == BELAY_OK;
        assert_true(ended || status == BELAY_CANCELLED);
        bool manifest = belay_file_open(c.disk, MANIFEST_NAME, 0, &file, NULL) == BELAY_OK;
        if (manifest)
            belay_file_close(file);
        assert_int_equal(manifest, ended);
        belay_backup_plan_free(&plan);
        copy_free(&c);
    }
    fixture_free(f);
}

static int parse(const char *text, struct manifest *ret_m)
{
    struct belay_arena arena;
    struct belay_err err;
    belay_arena_init(&arena, 0, 1 << 20);
    int status = manifest_parse(belay_str_c(text), &arena, ret_m, &err);
    belay_arena_deinit(&arena);
    return status;
}

static void a_manifest_names_nothing_outside(void **state)
{
    static const char *const names[] = { "../x", "/etc/x", "journal/../../x", "x", "a/b/c", "journal/", "journal/.x",
                                         "journal/a b", "" };
    struct manifest m;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct belay_buf out;
        struct manifest_file file = { .bytes = 1, .crc = 2 };
        belay_buf_init(&out, 4096);
        snprintf(file.name, sizeof file.name, "%s", names[i]);
        manifest_begin(&out, 5, 6);
        manifest_put(&out, &file);
        manifest_end(&out);
        belay_buf_put_c(&out, '\0');
        assert_int_equal(parse(out.p, &m), BELAY_CORRUPT);
        belay_buf_deinit(&out);
    }
    assert_int_equal(parse("belay backup 2\n", &m), BELAY_VERSION);
    assert_int_equal(parse("", &m), BELAY_CORRUPT);
    assert_int_equal(parse("belay backup 1\nposition 1\ntaken 1\nend 00000000\n", &m), BELAY_CORRUPT);
    assert_int_equal(parse("belay backup 1\nposition 1\ntaken 1\n", &m), BELAY_CORRUPT);
}

/* A folder says what it is from its first moment to its last. */
static void a_folder_says_that_its_backup_has_not_ended(void **state)
{
    struct fixture *f = lived();
    struct belay_disk *from = NULL, *to = NULL;
    struct belay_restored restored;
    char dir[32], path[64];
    (void)state;
    assert_non_null(tempdir_make(dir));
    assert_ok(belay_disk_open_posix(dir, BELAY_DISK_NO_DIRECT, &from, &f->err));
    snprintf(path, sizeof path, "%s/x/y", dir);
    assert_int_equal(belay_backup_open_target(from, path, &to, &f->err), BELAY_INVALID);
    assert_null(to);
    snprintf(path, sizeof path, "%s-to", dir);
    for (int attempt = 0; attempt < 3; attempt++) { /* each finds what the one before left */
        assert_ok(belay_backup_open_target(from, path, &to, &f->err));
        assert_ok(belay_disk_mkdir(to, "state", &f->err));
        assert_ok(backup_put_file(to, "state/data.mdb", BELAY_STR("half"), &f->err));
        assert_int_equal(belay_backup_verify(to, &pace, &restored, &f->err), BELAY_NOTFOUND);
        assert_non_null(strstr(f->err.msg, "has not ended"));
        if (attempt == 1) {
            struct belay_file *file = NULL;
            belay_backup_discard(to);
            assert_int_equal(belay_file_open(to, "state/data.mdb", 0, &file, &f->err), BELAY_NOTFOUND);
            assert_ok(belay_file_open(to, BELAY_BACKING_UP_NAME, 0, &file, &f->err));
            belay_file_close(file);
        }
        belay_disk_close(to);
        to = NULL;
    }
    struct belay_backup_plan plan;
    assert_ok(belay_backup_open_target(from, path, &to, &f->err));
    assert_ok(belay_disk_mkdir(to, "state", &f->err));
    assert_ok(belay_store_backup_plan(f->store, &plan, &f->err));
    assert_ok(belay_backup_copy(f->disk, to, &plan, 1, &pace, &f->err));
    belay_backup_plan_free(&plan);
    assert_ok(belay_backup_verify(to, &pace, &restored, &f->err));
    struct belay_file *file = NULL;
    assert_int_equal(belay_file_open(to, BELAY_BACKING_UP_NAME, 0, &file, &f->err), BELAY_NOTFOUND);
    belay_backup_discard(to); /* it is whole: nothing goes */
    assert_ok(belay_backup_verify(to, &pace, &restored, &f->err));
    belay_disk_close(to);
    to = NULL;
    assert_int_equal(belay_backup_open_target(from, path, &to, &f->err), BELAY_EXISTS);
    belay_backup_discard(to);
    assert_ok(belay_backup_verify(to, &pace, &restored, &f->err));
    belay_disk_close(to);
    belay_disk_close(from);
    tempdir_remove(path);
    tempdir_remove(dir);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_restored_is_the_store_as_of_its_commit),
        cmocka_unit_test(a_flipped_bit_anywhere_is_named_before_anything_is_written),
        cmocka_unit_test(a_restore_that_is_cut_off_says_so_and_is_begun_again),
        cmocka_unit_test(a_backup_can_be_cancelled_at_each_piece),
        cmocka_unit_test(a_manifest_names_nothing_outside),
        cmocka_unit_test(a_folder_says_that_its_backup_has_not_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
