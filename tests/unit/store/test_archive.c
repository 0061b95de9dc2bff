#include "store/archive.h"

#include "base/alloc.h"
#include "unit/store/store_fixture.h"
#include "unit/tempdir.h"

/* ---- the file ---- */

static struct archived write_file(struct belay_disk *disk, uint32_t topic, uint64_t first, uint32_t count,
                                  size_t bytes)
{
    struct archive_writer w;
    struct archived a;
    char *text = malloc(bytes);
    assert_ok(archive_write_begin(&w, disk, topic, first, first + count - 1, NULL));
    for (uint64_t s = first; s < first + count; s++) {
        message_text(text, bytes, topic, s);
        assert_ok(archive_write(&w, &(struct archive_message){ s, (belay_time)s * 10, belay_str(text, bytes) },
                                NULL));
    }
    assert_ok(archive_write_end(&w, &a, NULL));
    archive_write_close(&w);
    free(text);
    return a;
}

static uint64_t read_file(struct belay_disk *disk, uint32_t topic, const struct archived *a, struct belay_err *err)
{
    struct archive_reader r;
    uint64_t next = a->first;
    archive_reader_init(&r, disk);
    int status = archive_reader_open(&r, topic, a, err);
    for (uint32_t b = 0; status == BELAY_OK && b < r.block_count; b++) {
        struct archive_message m;
        uint64_t sequence = 0;
        size_t at = 0;
        status = archive_read_block(&r, b, err);
        while (status == BELAY_OK && archive_next(&r, &at, &sequence, &m)) {
            assert_int_equal(m.sequence, next++);
            assert_int_equal(m.accepted_at, m.sequence * 10);
            assert_true(message_is(m.encoded, topic, m.sequence));
        }
    }
    archive_reader_deinit(&r);
    return status == BELAY_OK ? next - a->first : 0;
}

static int setup(void **state)
{
    *state = fixture_new(true, false);
    assert_ok(belay_disk_mkdir(((struct fixture *)*state)->disk, ARCHIVE_DIR, NULL));
    return 0;
}

static int teardown(void **state)
{
    fixture_free(*state);
    return 0;
}

static void a_file_gives_back_what_was_written(void **state)
{
    struct fixture *f = *state;
    struct archived a = write_file(f->disk, 5, 1000, 500, 777);
    assert_int_equal(a.first, 1000);
    assert_int_equal(a.last, 1499);
    assert_int_equal(a.bytes, 500 * 777);
    assert_int_equal(a.time_first, 10000);
    assert_int_equal(a.time_last, 14990);
    assert_int_equal(read_file(f->disk, 5, &a, &f->err), 500);
}

static void the_index_leads_to_sequence_and_time(void **state)
{
    struct fixture *f = *state;
    struct archived a = write_file(f->disk, 5, 1000, 2000, 300);
    struct archive_reader r;
    archive_reader_init(&r, f->disk);
    assert_ok(archive_reader_open(&r, 5, &a, NULL));
    assert_true(r.block_count > 5);
    for (uint64_t s = 1000; s < 3000; s += 7) {
        const struct archive_block *b = &r.blocks[archive_block_of(&r, s)];
        assert_in_range(s, b->first, b->first + b->count - 1);
        b = &r.blocks[archive_block_of_time(&r, (belay_time)s * 10)];
        assert_in_range(s, b->first, b->first + b->count);
    }
    archive_reader_deinit(&r);
}

static void a_flipped_bit_anywhere_is_found(void **state)
{
    struct fixture *f = *state;
    struct archived a = write_file(f->disk, 5, 1, 8, 50);
    char name[ARCHIVE_NAME_BYTES];
    archive_name(5, 8, name);
    for (uint64_t at = 0; at < a.file_bytes; at++) {
        assert_true(sim_disk_flip(f->disk, name, at, (unsigned)at));
        if (read_file(f->disk, 5, &a, &f->err) != 0)
            fail_msg("a bit of byte %llu", (unsigned long long)at);
        assert_int_equal(f->err.code, BELAY_CORRUPT);
        assert_true(sim_disk_flip(f->disk, name, at, (unsigned)at));
    }
    assert_int_equal(read_file(f->disk, 5, &a, &f->err), 8);
}

static void a_short_file_is_found(void **state)
{
    struct fixture *f = *state;
    struct archived a = write_file(f->disk, 5, 1, 8, 50);
    struct belay_file *file;
    char name[ARCHIVE_NAME_BYTES];
    archive_name(5, 8, name);
    assert_ok(belay_file_open(f->disk, name, BELAY_FILE_WRITE, &file, NULL));
    for (uint64_t n = a.file_bytes; n-- > 0;) {
        assert_ok(belay_file_truncate(file, n, NULL));
        assert_int_equal(read_file(f->disk, 5, &a, &f->err), 0);
        assert_int_equal(f->err.code, BELAY_CORRUPT);
    }
    belay_file_close(file);
}

static void a_missing_file_is_corruption_with_a_name(void **state)
{
    struct fixture *f = *state;
    struct archived a = write_file(f->disk, 5, 1, 8, 50);
    char name[ARCHIVE_NAME_BYTES];
    archive_name(5, 8, name);
    assert_ok(belay_disk_unlink(f->disk, name, NULL));
    assert_int_equal(read_file(f->disk, 5, &a, &f->err), 0);
    assert_int_equal(f->err.code, BELAY_CORRUPT);
    assert_non_null(strstr(f->err.msg, name));
    assert_non_null(strstr(f->err.msg, "messages 1 to 8"));
}

static void reading_without_memory_says_so(void **state)
{
    struct fixture *f = *state;
    struct belay_disk *disk; /* the simulated one never runs out of memory */
    char path[32];
    bool ok = false;
    assert_non_null(tempdir_make(path));
    assert_ok(belay_disk_open_posix(path, 0, &disk, NULL));
    assert_ok(belay_disk_mkdir(disk, ARCHIVE_DIR, NULL));
    struct archived a = write_file(disk, 5, 1, 8, 50);
    for (uint64_t n = 0; !ok; n++) {
        struct archive_reader r;
        archive_reader_init(&r, disk);
        belay_alloc_fail_after(n);
        int status = archive_reader_open(&r, 5, &a, &f->err);
        if (status == BELAY_OK)
            status = archive_read_block(&r, 0, &f->err);
        belay_alloc_fail_after(UINT64_MAX);
        ok = status == BELAY_OK;
        assert_true(ok || status == BELAY_NOMEM);
        archive_reader_deinit(&r);
    }
    belay_disk_close(disk);
    tempdir_remove(path);
}

static void names_are_recognised(void **state)
{
    uint32_t topic;
    uint64_t last;
    (void)state;
    assert_true(archive_name_of("12-345.arc", &topic, &last));
    assert_int_equal(topic, 12);
    assert_int_equal(last, 345);
    assert_false(archive_name_of("12-345.tmp", &topic, &last));
    assert_false(archive_name_of("12.arc", &topic, &last));
    assert_false(archive_name_of("-3.arc", &topic, &last));
    assert_false(archive_name_of("99999999999-3.arc", &topic, &last));
}

/* ---- the move ---- */

static int setup_store(void **state)
{
    struct fixture *f = fixture_new(true, false);
    *state = f;
    f->opt.journal_bytes_max = 1 << 20;
    f->opt.tail_cache_bytes = 64 * 1024;
    f->seed = 100;
    return fixture_open(f);
}

/* Topic 1 gets much that nobody keeps, topic 2 a little that everybody keeps. */
static void publish_rounds(struct fixture *f, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        for (int k = 0; k < 10; k++)
            publish(f, 1, 2000);
        belay_store_set_low(f->store, 1, belay_store_next_sequence(f->store, 1));
        publish(f, 2, 500);
        fixture_flush(f);
    }
}

static struct belay_store_stats stats_of(struct fixture *f)
{
    struct belay_store_stats stats;
    belay_store_stats(f->store, &stats);
    return stats;
}

static void what_outlives_the_journal_moves_to_the_archive(void **state)
{
    struct fixture *f = *state;
    publish_rounds(f, 500);
    struct belay_store_stats stats = stats_of(f);
    assert_true(stats.archive_files > 0);
    assert_in_range(stats.journal_bytes, 1, 4 << 20);
    assert_fetched(f, 2, 1, 500);
    fixture_reopen(f, SIM_POWER);
    assert_fetched(f, 2, 1, 500);
    assert_int_equal(stats_of(f).archive_files, stats.archive_files);
    assert_int_equal(stats_of(f).archive_bytes, stats.archive_bytes);
}

static unsigned rests;

static void count_rest(void *self, const struct belay_job *job)
{
    (void)self;
    rests += job->lane == BELAY_JOB_BACKGROUND;
}

/* Read in more than one piece, too. */
static void a_move_rests_between_its_pieces(void **state)
{
    static const struct belay_jobs jobs = { NULL, jobs_inline_submit, count_rest };
    struct fixture *f = fixture_new(true, false);
    *state = f;
    f->opt.jobs = &jobs;
    f->opt.segment_bytes = 2 << 20;
    f->opt.journal_bytes_max = 4 << 20;
    f->opt.tail_cache_bytes = 64 * 1024;
    f->seed = 100;
    assert_int_equal(fixture_open(f), 0);
    rests = 0;
    for (int i = 0; i < 4000 && !stats_of(f).archive_files; i++) {
        publish(f, 2, 2000);
        fixture_flush(f);
    }
    assert_int_equal(stats_of(f).archive_files, 1);
    assert_true(rests >= 4 + 2000000 / 4096 / 2); /* of 2 MiB, and a commit each 4 KiB */
    assert_fetched(f, 2, 1, 100);
}

static void archive_files_go_when_nobody_needs_them(void **state)
{
    struct fixture *f = *state;
    publish_rounds(f, 500);
    uint64_t files = stats_of(f).archive_files;
    belay_store_set_low(f->store, 2, 480);
    publish_rounds(f, 500);
    assert_true(stats_of(f).archive_files < 2 * files);
    belay_store_set_low(f->store, 2, 1000);
    publish_rounds(f, 300);
    struct belay_dir_entry *entries = NULL;
    size_t count = 0;
    assert_ok(belay_disk_list(f->disk, ARCHIVE_DIR, &entries, &count, NULL));
    belay_free(entries);
    assert_int_equal(count, stats_of(f).archive_files);
    assert_in_range(count, 0, files + 2);
    assert_fetched(f, 2, 1000, 1300);
}

static void a_file_without_a_row_is_deleted_at_the_start(void **state)
{
    struct fixture *f = *state;
    char name[ARCHIVE_NAME_BYTES];
    struct belay_file *file = NULL;
    write_file(f->disk, 2, 1, 3, 100);
    fixture_reopen(f, SIM_KILL);
    archive_name(2, 3, name);
    assert_int_equal(belay_file_open(f->disk, name, 0, &file, NULL), BELAY_NOTFOUND);
}

static void a_time_is_found_in_the_archive(void **state)
{
    struct fixture *f = *state;
    belay_time times[501];
    for (int i = 1; i <= 500; i++) {
        times[i] = f->now;
        publish_rounds(f, 1);
    }
    for (int i = 1; i <= 500; i++) {
        assert_int_equal(belay_store_sequence_at(f->store, 2, times[i]), i);
        assert_int_equal(belay_store_sequence_at(f->store, 2, times[i] - 1), i);
        /* without reading: not before the one before it, nor behind the next one */
        belay_time near = belay_store_accepted_near(f->store, 2, (uint64_t)i);
        assert_in_range(near, times[i > 40 ? i - 40 : 1], times[i < 460 ? i + 40 : 500]);
    }
    assert_int_equal(belay_store_accepted_near(f->store, 2, 501), BELAY_TIME_NEVER);
    assert_int_equal(belay_store_accepted_near(f->store, 2, 500), times[500]);
}

static void the_check_looks_into_the_archive(void **state)
{
    struct fixture *f = *state;
    struct belay_buf report;
    struct belay_dir_entry *entries = NULL;
    size_t count = 0;
    char name[300];
    belay_buf_init(&report, 100000);
    publish_rounds(f, 500);
    fixture_die(f, SIM_POWER);
    f->disk->look = true;
    if (belay_store_check(f->disk, &f->backend, &report, false, &f->err) != BELAY_OK)
        fail_msg("%.*s", (int)report.n, report.p);
    assert_ok(belay_disk_list(f->disk, ARCHIVE_DIR, &entries, &count, NULL));
    snprintf(name, sizeof name, ARCHIVE_DIR "/%s", entries[count / 2].name);
    belay_free(entries);
    assert_true(sim_disk_flip(f->disk, name, 2000, 1));
    belay_buf_clear(&report);
    assert_int_equal(belay_store_check(f->disk, &f->backend, &report, false, &f->err), BELAY_CORRUPT);
    assert_non_null(strstr(report.p, name));
    assert_true(sim_disk_flip(f->disk, name, 2000, 1));
    f->disk->look = false;
    assert_ok(belay_disk_unlink(f->disk, name, NULL));
    f->disk->look = true;
    belay_buf_clear(&report);
    assert_int_equal(belay_store_check(f->disk, &f->backend, &report, true, &f->err), BELAY_CORRUPT);
    assert_non_null(strstr(report.p, "\"part\":\"archive\",\"sound\":false"));
    f->disk->look = false;
    belay_buf_deinit(&report);
}

static void a_full_disk_stops_producers_and_drains(void **state)
{
    struct fixture *f = *state;
    int status = BELAY_OK, published = 0;
    sim_disk_set_capacity(f->disk, 3 << 20);
    for (; published < 10000 && status == BELAY_OK; published++) {
        status = publish_try(f, 1, 2000);
        if (status == BELAY_BUSY)
            status = BELAY_OK;
        fixture_flush(f);
    }
    assert_int_equal(status, BELAY_NOSPACE);
    assert_int_equal(f->err.class_, BELAY_CLASS_TRANSIENT);
    assert_ok(belay_store_failed(f->store, &f->err));
    for (uint64_t i = 0; i < 20; i++) { /* acknowledgements still go */
        append_number(f, i);
        fixture_flush(f);
    }
    belay_store_set_low(f->store, 1, belay_store_next_sequence(f->store, 1));
    append_number(f, 1);
    for (int i = 0; i < 10; i++) {
        f->now += 1000000;
        fixture_flush(f);
    }
    for (int i = 0; i < 100; i++) {
        assert_ok(publish_try(f, 1, 2000));
        fixture_flush(f);
        belay_store_set_low(f->store, 1, belay_store_next_sequence(f->store, 1));
    }
    fixture_reopen(f, SIM_POWER);
    assert_int_equal(f->applied + 0, f->applied);
}

static void a_limit_of_the_whole_store_holds(void **state)
{
    struct fixture *f = *state;
    fixture_die(f, SIM_KILL);
    f->opt.bytes_max = 2 << 20;
    assert_ok(fixture_open(f));
    int status = BELAY_OK;
    for (int i = 0; i < 10000 && status != BELAY_NOSPACE; i++) {
        status = publish_try(f, 1, 2000);
        fixture_flush(f);
    }
    assert_int_equal(status, BELAY_NOSPACE);
    assert_in_range(stats_of(f).journal_bytes + stats_of(f).archive_bytes, 1 << 20, 2 << 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_STORE(name) cmocka_unit_test_setup_teardown(name, setup_store, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_gives_back_what_was_written),
        TEST(the_index_leads_to_sequence_and_time),
        TEST(a_flipped_bit_anywhere_is_found),
        TEST(a_short_file_is_found),
        TEST(a_missing_file_is_corruption_with_a_name),
        TEST(reading_without_memory_says_so),
        TEST(names_are_recognised),
        TEST_STORE(what_outlives_the_journal_moves_to_the_archive),
        cmocka_unit_test_teardown(a_move_rests_between_its_pieces, teardown),
        TEST_STORE(archive_files_go_when_nobody_needs_them),
        TEST_STORE(a_file_without_a_row_is_deleted_at_the_start),
        TEST_STORE(a_time_is_found_in_the_archive),
        TEST_STORE(the_check_looks_into_the_archive),
        TEST_STORE(a_full_disk_stops_producers_and_drains),
        TEST_STORE(a_limit_of_the_whole_store_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
