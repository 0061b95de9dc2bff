/* What recovery makes of damage: every byte of a commit flipped, every sector of it missing, every
 * operation of the disk and every allocation failing. */
#include "base/alloc.h"
#include "platform/disk_fault.h"
#include "store/commit.h"
#include "store/segment.h"
#include "store/store_impl.h"
#include "unit/store/store_fixture.h"
#include "unit/tempdir.h"

#define COMMITS 4

/* A store of COMMITS commits of a message each, closed; where each lies in segment 1. */
static struct fixture *damaged_begin(uint64_t offset[COMMITS + 1], size_t bytes)
{
    struct fixture *f = fixture_new(true, false);
    f->opt.segment_bytes = 64 * 1024;
    assert_ok(fixture_open(f));
    offset[0] = BELAY_BLOCK_BYTES;
    for (int i = 1; i <= COMMITS; i++) {
        publish(f, 1, bytes);
        fixture_flush(f);
        offset[i] = offset[i - 1] + blocks_up(COMMIT_HEADER_BYTES + RECORD_HEADER_BYTES
                                              + MESSAGE_HEADER_BYTES + bytes);
    }
    fixture_die(f, SIM_POWER);
    return f;
}

static uint64_t commit_bytes(size_t bytes)
{
    return COMMIT_HEADER_BYTES + RECORD_HEADER_BYTES + MESSAGE_HEADER_BYTES + bytes;
}

static void a_flip_in_a_commit_that_was_durable_is_corruption_with_a_name(void **state)
{
    uint64_t offset[COMMITS + 1];
    struct fixture *f = damaged_begin(offset, 300);
    (void)state;
    for (int commit = 0; commit < COMMITS - 1; commit++) {
        for (uint64_t i = 0; i < commit_bytes(300); i++) {
            uint64_t at = offset[commit] + i;
            assert_true(sim_disk_flip(f->disk, "journal/00000001.seg", at, (unsigned)at));
            if (fixture_open(f) != BELAY_CORRUPT)
                fail_msg("commit %d, byte %llu", commit, (unsigned long long)i);
            assert_non_null(strstr(f->err.msg, "journal/00000001.seg at byte "));
            assert_true(sim_disk_flip(f->disk, "journal/00000001.seg", at, (unsigned)at));
        }
    }
    assert_ok(fixture_open(f));
    assert_fetched(f, 1, 1, COMMITS);
    fixture_free(f);
}

static void a_flip_in_the_segment_header_is_corruption_or_another_version(void **state)
{
    uint64_t offset[COMMITS + 1];
    struct fixture *f = damaged_begin(offset, 300);
    (void)state;
    for (uint64_t at = 0; at < BELAY_SECTOR_BYTES; at++) {
        sim_disk_flip(f->disk, "journal/00000001.seg", at, (unsigned)at);
        assert_int_equal(fixture_open(f), BELAY_CORRUPT);
        sim_disk_flip(f->disk, "journal/00000001.seg", at, (unsigned)at);
    }
    fixture_free(f);
}

static void a_flip_in_the_last_commit_is_the_end_of_the_tail(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < commit_bytes(300) + 20; i++) {
        uint64_t offset[COMMITS + 1];
        struct fixture *f = damaged_begin(offset, 300);
        sim_disk_flip(f->disk, "journal/00000001.seg", offset[COMMITS - 1] + i, (unsigned)i);
        assert_ok(fixture_open(f));
        uint64_t expected = i < commit_bytes(300) ? COMMITS : COMMITS + 1; /* padding is no matter */
        assert_int_equal(belay_store_next_sequence(f->store, 1), expected);
        assert_fetched(f, 1, 1, expected - 1);
        publish(f, 1, 700); /* in its place, and it stays */
        fixture_flush(f);
        fixture_reopen(f, SIM_POWER);
        assert_int_equal(belay_store_next_sequence(f->store, 1), expected + 1);
        assert_fetched(f, 1, 1, expected);
        fixture_free(f);
    }
}

/* ---- after a stop that said goodbye ---- */

/* As damaged_begin, with the checkpoint of an orderly stop. */
static struct fixture *stopped_begin(uint64_t offset[COMMITS + 1])
{
    struct fixture *f = fixture_new(true, false);
    f->opt.segment_bytes = 64 * 1024;
    assert_ok(fixture_open(f));
    offset[0] = BELAY_BLOCK_BYTES;
    for (int i = 1; i <= COMMITS; i++) {
        publish(f, 1, 300);
        fixture_flush(f);
        offset[i] = offset[i - 1] + blocks_up(commit_bytes(300));
    }
    assert_ok(belay_store_checkpoint(f->store, &f->err));
    struct belay_store_stats stats;
    belay_store_stats(f->store, &stats);
    assert_int_equal(stats.checkpoint_position, belay_store_durable(f->store));
    assert_ok(belay_store_checkpoint(f->store, &f->err)); /* nothing to do */
    fixture_die(f, SIM_POWER);
    return f;
}

static void after_an_orderly_stop_the_last_commit_has_a_witness(void **state)
{
    uint64_t offset[COMMITS + 1];
    struct fixture *f = stopped_begin(offset);
    (void)state;
    for (uint64_t i = 0; i < commit_bytes(300); i++) {
        uint64_t at = offset[COMMITS - 1] + i;
        assert_true(sim_disk_flip(f->disk, "journal/00000001.seg", at, (unsigned)at));
        if (fixture_open(f) != BELAY_CORRUPT)
            fail_msg("byte %llu", (unsigned long long)i);
        assert_non_null(strstr(f->err.msg, "journal/00000001.seg at byte "));
        assert_true(sim_disk_flip(f->disk, "journal/00000001.seg", at, (unsigned)at));
    }
    assert_ok(fixture_open(f));
    assert_fetched(f, 1, 1, COMMITS);
    publish(f, 1, 700);
    fixture_flush(f);
    fixture_reopen(f, SIM_POWER);
    assert_fetched(f, 1, 1, COMMITS);
    assert_int_equal(belay_store_next_sequence(f->store, 1), COMMITS + 2);
    fixture_free(f);
}

static void after_an_orderly_stop_no_segment_can_go_unnoticed(void **state)
{
    (void)state;
    for (uint32_t id = 1;; id++) {
        struct fixture *f = fixture_new(true, false);
        struct belay_store_stats stats;
        char name[SEGMENT_NAME_BYTES];
        f->opt.segment_bytes = 64 * 1024;
        assert_ok(fixture_open(f));
        for (int i = 0; i < 60; i++) {
            publish(f, 1, 5000);
            fixture_flush(f);
        }
        belay_store_stats(f->store, &stats);
        assert_ok(belay_store_checkpoint(f->store, &f->err));
        fixture_die(f, SIM_POWER);
        segment_name(id, name);
        bool live = id <= stats.segments - stats.segments_free;
        if (live) {
            assert_ok(belay_disk_unlink(f->disk, name, NULL));
            struct belay_buf report;
            belay_buf_init(&report, 100000);
            f->disk->look = true;
            if (belay_store_check(f->disk, &f->backend, &report, false, &f->err) != BELAY_CORRUPT)
                fail_msg("%s of %u", name, (unsigned)stats.segments);
            f->disk->look = false;
            belay_buf_deinit(&report);
            /* A start reads neither the middle nor what was applied; whoever fetches from there is told. */
            bool outer = id == 1 || id + 1 > stats.segments - stats.segments_free;
            int status = fixture_open(f);
            if (outer && status != BELAY_CORRUPT)
                fail_msg("%s of %u opens", name, (unsigned)stats.segments);
        }
        fixture_free(f);
        if (!live) {
            assert_true(id > 4);
            return;
        }
    }
}

static void a_checkpoint_waits_for_what_is_not_durable(void **state)
{
    struct fixture *f = fixture_new(true, true);
    (void)state;
    assert_ok(fixture_open(f));
    publish(f, 1, 300);
    assert_int_equal(belay_store_checkpoint(f->store, &f->err), BELAY_BUSY);
    fixture_flush(f);
    sim_jobs_finish(&f->queue);
    assert_ok(belay_store_checkpoint(f->store, &f->err));
    fixture_free(f);
}

/* Writes over several segments; *ret_newest is the one that takes the commits. */
static struct fixture *killed_begin(char *ret_newest)
{
    struct fixture *f = fixture_new(true, false);
    f->opt.segment_bytes = 64 * 1024;
    assert_ok(fixture_open(f));
    for (int i = 0; i < 30; i++) {
        publish(f, 1, 5000);
        fixture_flush(f);
    }
    segment_name(journal_active(&f->store->journal)->id, ret_newest);
    fixture_die(f, SIM_KILL);
    return f;
}

static void after_a_kill_the_loss_of_the_newest_segment_is_named(void **state)
{
    char name[SEGMENT_NAME_BYTES];
    struct fixture *f = killed_begin(name);
    struct belay_buf report;
    (void)state;
    assert_ok(belay_disk_unlink(f->disk, name, NULL));
    belay_buf_init(&report, 100000);
    f->disk->look = true;
    assert_int_equal(belay_store_check(f->disk, &f->backend, &report, false, &f->err), BELAY_CORRUPT);
    f->disk->look = false;
    assert_non_null(strstr(report.p, name));
    belay_buf_deinit(&report);
    assert_int_equal(fixture_open(f), BELAY_CORRUPT);
    assert_non_null(strstr(f->err.msg, name));
    fixture_free(f);
}

static void an_older_copy_of_the_newest_segment_is_not_taken_for_it(void **state)
{
    char name[SEGMENT_NAME_BYTES];
    struct fixture *f = killed_begin(name);
    struct belay_file *file;
    uint8_t *block = belay_disk_alloc_aligned(BELAY_BLOCK_BYTES);
    struct segment seg;
    size_t n;
    (void)state;
    assert_ok(belay_file_open(f->disk, name, BELAY_FILE_WRITE, &file, NULL));
    assert_ok(belay_file_read(file, 0, block, BELAY_BLOCK_BYTES, &n, NULL));
    assert_int_equal(segment_decode(block, &seg), SEGMENT_HEADER_OK);
    seg.incarnation += 100;
    segment_encode(&seg, block);
    assert_ok(belay_file_write(file, 0, block, BELAY_BLOCK_BYTES, BELAY_WRITE_SYNC, NULL));
    belay_file_close(file);
    belay_disk_free_aligned(block);
    assert_int_equal(fixture_open(f), BELAY_CORRUPT);
    fixture_free(f);
}

static void a_damaged_witness_is_refused_and_a_missing_one_is_told(void **state)
{
    char name[SEGMENT_NAME_BYTES];
    struct fixture *f = killed_begin(name);
    struct belay_store_stats stats;
    (void)state;
    assert_true(sim_disk_flip(f->disk, WITNESS_NAME, 17, 3));
    assert_int_equal(fixture_open(f), BELAY_CORRUPT);
    assert_non_null(strstr(f->err.msg, WITNESS_NAME));
    assert_true(sim_disk_flip(f->disk, WITNESS_NAME, 17, 3));
    assert_ok(fixture_open(f));
    belay_store_stats(f->store, &stats);
    assert_false(stats.unwitnessed);
    fixture_die(f, SIM_POWER);
    assert_ok(belay_disk_unlink(f->disk, WITNESS_NAME, NULL));
    assert_ok(fixture_open(f));
    belay_store_stats(f->store, &stats);
    assert_true(stats.unwitnessed);
    assert_fetched(f, 1, 1, 30);
    fixture_reopen(f, SIM_POWER); /* it was made again */
    belay_store_stats(f->store, &stats);
    assert_false(stats.unwitnessed);
    fixture_free(f);
}

static void lose_sector(struct belay_disk *disk, uint64_t at)
{
    uint8_t *block = belay_disk_alloc_aligned(BELAY_BLOCK_BYTES);
    struct belay_file *file;
    size_t n;
    uint64_t base = at / BELAY_BLOCK_BYTES * BELAY_BLOCK_BYTES;
    assert_ok(belay_file_open(disk, "journal/00000001.seg", BELAY_FILE_WRITE, &file, NULL));
    assert_ok(belay_file_read(file, base, block, BELAY_BLOCK_BYTES, &n, NULL));
    memset(block + (at - base), 0, BELAY_SECTOR_BYTES);
    assert_ok(belay_file_write(file, base, block, BELAY_BLOCK_BYTES, BELAY_WRITE_SYNC, NULL));
    belay_file_close(file);
    belay_disk_free_aligned(block);
}

static void a_sector_of_the_last_commit_that_never_came_is_the_end_of_the_tail(void **state)
{
    (void)state;
    for (uint64_t sector = 0; sector < 24; sector++) { /* three blocks */
        uint64_t offset[COMMITS + 1];
        struct fixture *f = damaged_begin(offset, 9000);
        lose_sector(f->disk, offset[COMMITS - 1] + sector * BELAY_SECTOR_BYTES);
        assert_ok(fixture_open(f));
        bool matters = sector * BELAY_SECTOR_BYTES < commit_bytes(9000);
        assert_int_equal(belay_store_next_sequence(f->store, 1), matters ? COMMITS : COMMITS + 1);
        assert_fetched(f, 1, 1, COMMITS - matters);
        fixture_free(f);
    }
}

/* Of a segment that ends early for its damage: the state remembers more than there is. */
static void a_commit_beyond_the_end_of_its_segment_is_corruption(void **state)
{
    struct belay_err err = { 0 };
    struct window w = { 0 };
    const uint8_t *p = NULL;
    const struct planned at
        = { .extent = { .where = 3 * (uint64_t)BELAY_BLOCK_BYTES, .length_bytes = 700 },
            .end = 3 * (uint64_t)BELAY_BLOCK_BYTES };
    (void)state;
    assert_int_equal(store_read_commit(&w, &at, &p, &err), BELAY_CORRUPT);
    assert_null(p);
}

static void a_segment_that_is_missing_is_corruption(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(true, false);
    f->opt.segment_bytes = 64 * 1024;
    assert_ok(fixture_open(f));
    for (int i = 0; i < 60; i++) {
        publish(f, 1, 5000);
        fixture_flush(f);
    }
    fixture_die(f, SIM_POWER);
    assert_ok(belay_disk_unlink(f->disk, "journal/00000003.seg", NULL));
    assert_int_equal(fixture_open(f), BELAY_CORRUPT);
    fixture_free(f);
}

/* Nobody reads the commits behind the checkpoint, and their segment is not the oldest or the newest. */
static void a_segment_of_what_is_only_kept_is_missed_by_its_name(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(true, false);
    f->opt.segment_bytes = 64 * 1024;
    assert_ok(fixture_open(f));
    for (int i = 0; i < 60; i++) {
        publish(f, 1, 5000);
        fixture_flush(f);
    }
    belay_store_checkpoint_soon(f->store);
    for (int i = 0; i < 3; i++)
        fixture_flush(f);
    assert_int_equal(belay_state_position(belay_store_state(f->store)), belay_store_durable(f->store));
    publish(f, 1, 5000);
    fixture_flush(f);
    fixture_reopen(f, SIM_POWER);
    assert_fetched(f, 1, 1, 61);
    fixture_die(f, SIM_POWER);
    assert_ok(belay_disk_unlink(f->disk, "journal/00000003.seg", NULL));
    assert_int_equal(fixture_open(f), BELAY_CORRUPT);
    assert_non_null(strstr(f->err.msg, "journal/00000003.seg is missing: messages from "));
    assert_non_null(strstr(f->err.msg, "put the file back"));
    fixture_free(f);
}

static int (*model_commit)(void *self, uint64_t position, bool (*next)(void *arg, struct belay_state_change *ret), void *arg,
                           struct belay_err *err);
static bool no_room;

static int commit_where_there_is_room(void *self, uint64_t position,
                                      bool (*next)(void *arg, struct belay_state_change *ret), void *arg,
                                      struct belay_err *err)
{
    return no_room ? belay_fail(err, BELAY_NOSPACE, "no room") : model_commit(self, position, next, arg, err);
}

/* The overlay is full twice over, as checkpoints found no room in life either. */
static void a_start_without_room_for_a_checkpoint_goes_on_in_memory(void **state)
{
    (void)state;
    struct fixture *f = fixture_new(true, false);
    uint64_t last = 0;
    f->opt.overlay_bytes_max = BELAY_KIB(32);
    model_commit = f->backend.commit;
    f->backend.commit = commit_where_there_is_room;
    no_room = true;
    assert_ok(fixture_open(f));
    for (int full = 0; full < 3 && last < 1000;) {
        int status = publish_try(f, 1, 5000);
        full += status != BELAY_OK;
        last += status == BELAY_OK;
        fixture_flush(f);
    }
    assert_true(last > 10);
    for (int i = 0; i < 3; i++) { /* also without a word in between */
        fixture_reopen(f, SIM_KILL);
        assert_fetched(f, 1, 1, last);
        assert_int_equal(belay_state_position(belay_store_state(f->store)), 0);
    }
    no_room = false;
    for (int i = 0; i < 10; i++) {
        f->now += 1000000;
        fixture_flush(f);
    }
    assert_true(belay_state_position(belay_store_state(f->store)) > 0);
    assert_int_equal(publish(f, 1, 100), last + 1);
    fixture_flush(f);
    fixture_reopen(f, SIM_KILL);
    assert_fetched(f, 1, 1, last + 1);
    fixture_free(f);
}

static void a_rotten_commit_is_never_fetched(void **state)
{
    uint64_t offset[COMMITS + 1];
    struct fixture *f = damaged_begin(offset, 300);
    struct got got;
    (void)state;
    assert_ok(fixture_open(f));
    assert_true(sim_disk_flip(f->disk, "journal/00000001.seg", offset[1] + 200, 3));
    fetch_begin(f, &got, 1, 2, 1, 10000);
    assert_int_equal(got.fetch.status, BELAY_CORRUPT);
    assert_non_null(strstr(got.fetch.err.msg, "journal/00000001.seg at byte 8192"));
    assert_int_equal(got.fetch.count, 0);
    fetch_end(&got);
    assert_fetched(f, 1, 1, 1);
    assert_fetched(f, 1, 3, 4);
    fixture_free(f);
}

static void the_check_finds_what_recovery_would(void **state)
{
    uint64_t offset[COMMITS + 1];
    struct fixture *f = damaged_begin(offset, 300);
    struct belay_buf report;
    (void)state;
    belay_buf_init(&report, 100000);
    f->disk->look = true;
    assert_ok(belay_store_check(f->disk, &f->backend, &report, false, &f->err));
    assert_non_null(strstr(report.p, "commits 1 to 4, 4 records, 4 messages"));
    belay_buf_clear(&report);
    sim_disk_flip(f->disk, "journal/00000001.seg", offset[1] + 200, 3);
    assert_int_equal(belay_store_check(f->disk, &f->backend, &report, true, &f->err), BELAY_CORRUPT);
    assert_non_null(strstr(report.p, "\"sound\":false"));
    assert_non_null(strstr(report.p, "journal/00000001.seg at byte 8192"));
    belay_buf_deinit(&report);
    f->disk->look = false;
    fixture_free(f);
}

static void an_unknown_version_is_refused(void **state)
{
    struct fixture *f = fixture_new(true, false);
    (void)state;
    assert_ok(fixture_open(f));
    assert_ok(belay_store_reserve(f->store, 10, 1, false, &f->err));
    belay_store_append(f->store, OTHER_RECORD, 2, BELAY_STR("x"));
    fixture_flush(f);
    fixture_die(f, SIM_KILL);
    assert_int_equal(fixture_open(f), BELAY_VERSION);
    fixture_free(f);
}

static void a_journal_that_is_gone_is_not_taken_for_a_new_one(void **state)
{
    struct fixture *f = fixture_new(true, false);
    (void)state;
    f->opt.overlay_bytes_max = 16 * 1024;
    assert_ok(fixture_open(f));
    for (int i = 0; i < 300; i++) {
        publish(f, (uint32_t)(1 + i % 50), 100);
        fixture_flush(f);
    }
    struct belay_store_stats stats;
    belay_store_stats(f->store, &stats);
    assert_true(stats.checkpoint_position > 0);
    fixture_die(f, SIM_KILL);
    struct belay_dir_entry *entries;
    size_t count;
    assert_ok(belay_disk_list(f->disk, "journal", &entries, &count, NULL));
    for (size_t i = 0; i < count; i++) {
        char name[300];
        snprintf(name, sizeof name, "journal/%s", entries[i].name);
        assert_ok(belay_disk_unlink(f->disk, name, NULL));
    }
    belay_free(entries);
    assert_int_equal(fixture_open(f), BELAY_CORRUPT);
    fixture_free(f);
}

/* ---- the nth operation fails ---- */

/* A life: some messages, many commits, an archive, a checkpoint. Returns the last durable commit. */
static uint64_t work(struct fixture *f, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        publish_try(f, 1, 3000);
        publish_try(f, 2, 100);
        if (i > 3)
            belay_store_set_low(f->store, 1, belay_store_next_sequence(f->store, 1) - 2);
        fixture_flush(f);
    }
    return belay_store_durable(f->store);
}

static void small(struct fixture *f)
{
    f->opt.segment_bytes = 64 * 1024;
    f->opt.journal_bytes_max = 128 * 1024;
    f->opt.overlay_bytes_max = 16 * 1024;
    f->opt.tail_cache_bytes = 16 * 1024;
}

static bool fails_at(struct belay_fault_plan plan)
{
    struct fixture *f = fixture_new(true, false);
    struct belay_disk *inner = f->disk, *faulty;
    uint64_t durable = 0;
    small(f);
    assert_ok(belay_disk_fault_new(inner, &faulty, &f->err));
    f->disk = faulty;
    belay_disk_fault_plan(faulty, &plan);
    int status = fixture_open(f);
    if (status == BELAY_OK) {
        durable = work(f, 80);
        status = belay_store_failed(f->store, &f->err);
        belay_store_close(f->store);
        f->store = NULL;
    }
    bool hit = belay_disk_fault_count(faulty) > plan.after;
    bool says_so = status == BELAY_OK || f->err.msg[0];
    belay_disk_close(faulty);
    f->disk = inner;
    assert_true(says_so);
    assert_true(hit || status == BELAY_OK);
    sim_disk_restart(inner, SIM_POWER);
    if (fixture_open(f) != BELAY_OK)
        fail_msg("after operation %llu: %s", (unsigned long long)plan.after, f->err.msg);
    assert_true(belay_store_durable(f->store) >= durable);
    assert_fetched(f, 2, belay_store_first_sequence(f->store, 2), belay_store_next_sequence(f->store, 2) - 1);
    assert_fetched(f, 1, belay_store_first_sequence(f->store, 1), belay_store_next_sequence(f->store, 1) - 1);
    fixture_free(f);
    return hit;
}

static void whatever_operation_fails_nothing_durable_is_lost(void **state)
{
    (void)state;
    static const enum belay_fault_kind kinds[] = { BELAY_FAULT_EIO, BELAY_FAULT_ENOSPC, BELAY_FAULT_SHORT };
    for (int kind = 0; kind < 3; kind++)
        for (int once = 0; once < 2; once++)
            for (uint64_t n = 0;; n++)
                if (!fails_at((struct belay_fault_plan){ .operations = BELAY_FAULT_ANY, .kind = kinds[kind],
                                                         .after = n, .once = once }))
                    break;
}

static void a_bit_flipped_in_reading_is_never_believed(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 40; n++) {
        struct fixture *f = fixture_new(true, false);
        struct belay_disk *inner = f->disk, *faulty;
        small(f);
        assert_ok(fixture_open(f));
        work(f, 80);
        fixture_die(f, SIM_POWER);
        assert_ok(belay_disk_fault_new(inner, &faulty, &f->err));
        f->disk = faulty;
        belay_disk_fault_plan(faulty, &(struct belay_fault_plan){ .operations = BELAY_FAULT_READ,
                                                                 .kind = BELAY_FAULT_FLIP, .after = n,
                                                                 .once = true });
        if (fixture_open(f) == BELAY_OK) {
            uint64_t next = belay_store_next_sequence(f->store, 2);
            for (uint64_t s = belay_store_first_sequence(f->store, 2); s < next; s++) {
                struct got got;
                fetch_begin(f, &got, 2, s, 1, 10000);
                assert_true(got.done);
                if (got.fetch.status == BELAY_OK)
                    assert_true(message_is(got.fetch.items[0].encoded, 2, s));
                else
                    assert_int_equal(got.fetch.status, BELAY_CORRUPT);
                fetch_end(&got);
            }
            belay_store_close(f->store);
            f->store = NULL;
        }
        belay_disk_close(faulty);
        f->disk = inner;
        fixture_free(f);
    }
}

/* ---- the nth allocation fails ---- */

static bool runs_out_at(uint64_t n, const char *path)
{
    struct fixture f = { .now = 1000 };
    bool out;
    assert_ok(belay_disk_open_posix(path, BELAY_DISK_CREATE, &f.disk, &f.err));
    assert_ok(belay_state_model_open(&f.backend, &f.err));
    f.opt.jobs = &jobs_inline;
    sim_jobs_init(&f.queue);
    small(&f);
    belay_alloc_fail_after(n);
    int status = fixture_open(&f);
    if (status == BELAY_OK) {
        work(&f, 30);
        out = belay_alloc_count() > n;
        belay_alloc_fail_after(UINT64_MAX);
        if (belay_store_failed(f.store, &f.err) != BELAY_OK) /* no memory is no reason to stop for good */
            fail_msg("%s", f.err.msg);
        f.now += 10000000;
        fixture_flush(&f);
        assert_int_equal(belay_store_durable(f.store), belay_store_position(f.store));
        belay_store_close(f.store);
    } else {
        out = belay_alloc_count() > n;
        belay_alloc_fail_after(UINT64_MAX);
        assert_int_equal(status, BELAY_NOMEM);
    }
    f.backend.close(f.backend.self);
    belay_disk_close(f.disk);
    return out;
}

static void without_memory_it_says_so_and_goes_on_later(void **state)
{
    bool out = true;
    (void)state;
    for (uint64_t n = 0; out; n += n < 60 ? 1 : 17) {
        char path[32];
        assert_non_null(tempdir_make(path));
        out = runs_out_at(n, path);
        tempdir_remove(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flip_in_a_commit_that_was_durable_is_corruption_with_a_name),
        cmocka_unit_test(a_flip_in_the_segment_header_is_corruption_or_another_version),
        cmocka_unit_test(a_flip_in_the_last_commit_is_the_end_of_the_tail),
        cmocka_unit_test(after_an_orderly_stop_the_last_commit_has_a_witness),
        cmocka_unit_test(after_an_orderly_stop_no_segment_can_go_unnoticed),
        cmocka_unit_test(after_a_kill_the_loss_of_the_newest_segment_is_named),
        cmocka_unit_test(an_older_copy_of_the_newest_segment_is_not_taken_for_it),
        cmocka_unit_test(a_damaged_witness_is_refused_and_a_missing_one_is_told),
        cmocka_unit_test(a_checkpoint_waits_for_what_is_not_durable),
        cmocka_unit_test(a_sector_of_the_last_commit_that_never_came_is_the_end_of_the_tail),
        cmocka_unit_test(a_commit_beyond_the_end_of_its_segment_is_corruption),
        cmocka_unit_test(a_segment_that_is_missing_is_corruption),
        cmocka_unit_test(a_segment_of_what_is_only_kept_is_missed_by_its_name),
        cmocka_unit_test(a_start_without_room_for_a_checkpoint_goes_on_in_memory),
        cmocka_unit_test(a_rotten_commit_is_never_fetched),
        cmocka_unit_test(the_check_finds_what_recovery_would),
        cmocka_unit_test(an_unknown_version_is_refused),
        cmocka_unit_test(a_journal_that_is_gone_is_not_taken_for_a_new_one),
        cmocka_unit_test(whatever_operation_fails_nothing_durable_is_lost),
        cmocka_unit_test(a_bit_flipped_in_reading_is_never_believed),
        cmocka_unit_test(without_memory_it_says_so_and_goes_on_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
