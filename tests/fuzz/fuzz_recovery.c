/* room: store */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/crc.h"
#include "base/limits.h"
#include "base/pack.h"
#include "model/message.h"
#include "platform/disk.h"
#include "store/archive.h"
#include "store/archive_impl.h"
#include "store/journal.h"

/* A disk to look at with up to three files in memory: what recovery and the check read of it must stay inside
 * and make sense, whatever the bytes.
 *
 * The first byte says what the rest is:
 *   0  a segment as it is           1  its header is made good, and the sums of each commit that has a magic
 *   2  an archive file as it is     3  with the sums of header, blocks, index and footer made good
 *   4  two segments, split at the middle, made good like 1 */

struct memory_file {
    char name[64];
    uint8_t *p;
    size_t n;
};

struct memory_disk {
    struct belay_disk base;
    struct memory_file files[2];
    int count;
};

struct handle {
    struct belay_file base;
    struct memory_file *file;
};

static int fuzz_open(struct belay_disk *d, const char *name, unsigned flags, struct belay_file **ret_file,
                     struct belay_err *err)
{
    struct memory_disk *m = (struct memory_disk *)d;
    for (int i = 0; i < m->count; i++)
        if (strcmp(m->files[i].name, name) == 0) {
            struct handle *h = calloc(1, sizeof *h);
            h->base = (struct belay_file){ .disk = d, .flags = flags };
            h->file = &m->files[i];
            *ret_file = &h->base;
            return BELAY_OK;
        }
    return belay_fail(err, BELAY_NOTFOUND, "open %s: not found", name);
}

static void fuzz_close(struct belay_file *f)
{
    free(f);
}

static int fuzz_read(struct belay_file *f, uint64_t offset, void *p, size_t n, size_t *ret_n, struct belay_err *err)
{
    const struct memory_file *file = ((struct handle *)f)->file;
    (void)err;
    size_t have = offset < file->n ? file->n - (size_t)offset : 0;
    *ret_n = have < n ? have : n;
    if (*ret_n)
        memcpy(p, file->p + offset, *ret_n);
    return BELAY_OK;
}

static int fuzz_list(struct belay_disk *d, const char *name, struct belay_dir_entry **ret_entries, size_t *ret_count,
                     struct belay_err *err)
{
    struct memory_disk *m = (struct memory_disk *)d;
    (void)name;
    (void)err;
    struct belay_dir_entry *entries = belay_calloc((size_t)m->count, sizeof *entries);
    for (int i = 0; i < m->count; i++) {
        snprintf(entries[i].name, sizeof entries[i].name, "%s", strchr(m->files[i].name, '/') + 1);
        entries[i].size_bytes = m->files[i].n;
    }
    *ret_entries = entries;
    *ret_count = (size_t)m->count;
    return BELAY_OK;
}

static const struct belay_disk_ops ops = {
    .open = fuzz_open, .close = fuzz_close, .read = fuzz_read, .list = fuzz_list,
};

/* ---- making sums good, so that the fuzzer gets behind them ---- */

#define SALT 0x1234567890abcdefu

static void good_segment(struct memory_file *f, uint32_t id, uint64_t first, uint32_t *previous)
{
    uint64_t number = first;
    if (f->n < 2 * BELAY_BLOCK_BYTES)
        return;
    f->n -= f->n % BELAY_BLOCK_BYTES;
    struct segment seg = { .id = id, .size_bytes = f->n, .incarnation = id, .salt = SALT };
    segment_encode(&seg, f->p);
    for (size_t at = BELAY_BLOCK_BYTES; at + BELAY_BLOCK_BYTES <= f->n; at += BELAY_BLOCK_BYTES) {
        uint8_t *p = f->p + at;
        uint32_t length = belay_load_u32(p + 40);
        if (memcmp(p, "BLYC", 4) != 0)
            continue;
        if (length < COMMIT_HEADER_BYTES || length > f->n - at)
            length = COMMIT_HEADER_BYTES + (length % (uint32_t)(f->n - at - COMMIT_HEADER_BYTES + 1));
        struct commit c = { .salt = SALT, .number = number, .durable_through = number - 1, .previous = *previous,
                            .length_bytes = length, .records = belay_load_u32(p + 44) };
        commit_seal(&c, p);
        *previous = c.crc;
        number++;
        at += blocks_up(length) - BELAY_BLOCK_BYTES;
    }
}

static void seal_archive_part(uint8_t *p, size_t n)
{
    belay_store_u32(p + 4, belay_crc32c(0, p + 8, n - 8));
}

static void good_archive(struct memory_file *f)
{
    if (f->n < ARCHIVE_HEADER_BYTES + ARCHIVE_FOOTER_BYTES)
        return;
    seal_archive_part(f->p, ARCHIVE_HEADER_BYTES);
    uint8_t *footer = f->p + f->n - ARCHIVE_FOOTER_BYTES;
    size_t footer_at = f->n - ARCHIVE_FOOTER_BYTES;
    uint64_t index_at = belay_load_u64(footer + 8);
    if (index_at < footer_at) {
        for (size_t at = (size_t)index_at; at + ARCHIVE_INDEX_BYTES <= footer_at; at += ARCHIVE_INDEX_BYTES) {
            uint64_t offset = belay_load_u64(f->p + at + 8);
            uint32_t length = belay_load_u32(f->p + at + 16);
            if (offset < index_at && length <= index_at - offset && length >= ARCHIVE_BLOCK_HEADER_BYTES)
                seal_archive_part(f->p + offset, length);
        }
        belay_store_u32(footer + 20, belay_crc32c(0, f->p + index_at, footer_at - (size_t)index_at));
    }
    seal_archive_part(footer, ARCHIVE_FOOTER_BYTES);
}

/* ---- ---- */

static void look_at_message(struct belay_str encoded)
{
    struct belay_arena arena;
    struct belay_message m;
    belay_arena_init(&arena, 0, BELAY_MIB(1));
    int status = belay_message_decode(encoded, &arena, &m, NULL);
    (void)status;
    belay_arena_deinit(&arena);
}

static uint64_t last_visited;

static int visit(void *arg, const struct commit *c, const uint8_t *p, uint64_t where, struct belay_err *err)
{
    size_t at = COMMIT_HEADER_BYTES;
    struct belay_record record;
    struct message_record m;
    int status = BELAY_OK;
    (void)arg;
    (void)where;
    (void)err;
    if (last_visited && c->number != last_visited + 1)
        abort(); /* a gap */
    last_visited = c->number;
    while (commit_record_next(p, c->length_bytes, &at, &record, &status)) {
        if (record.body.p < (const char *)p || record.body.p + record.body.n > (const char *)p + c->length_bytes)
            abort();
        if (record.type == RECORD_MESSAGE && commit_message_of(record.body, &m))
            look_at_message(m.encoded);
    }
    return BELAY_OK;
}

static void look_at_journal(struct memory_disk *d)
{
    struct journal j;
    struct belay_err err;
    last_visited = 0;
    journal_init(&j, &(struct journal_opt){ .disk = &d->base, .segment_bytes = BELAY_KIB(64),
                                            .limit_bytes = UINT64_MAX });
    int status = journal_look(&j, 0, true, visit, NULL, &err);
    if (status != BELAY_OK && status != BELAY_CORRUPT && status != BELAY_VERSION)
        abort();
    journal_deinit(&j);
}

static void look_at_archive(struct memory_disk *d)
{
    struct memory_file *f = &d->files[0];
    struct archive_reader r;
    struct archived a = { .first = 1, .last = 3, .file_bytes = f->n };
    if (f->n >= 32) {
        a.first = belay_load_u64(f->p + 16);
        a.last = belay_load_u64(f->p + 24);
    }
    archive_name(7, a.last, f->name);
    archive_reader_init(&r, &d->base);
    int status = archive_reader_open(&r, 7, &a, NULL);
    for (uint32_t b = 0; status == BELAY_OK && b < r.block_count; b++) {
        struct archive_message m;
        uint64_t sequence = 0;
        size_t at = 0;
        if (archive_read_block(&r, b, NULL) == BELAY_OK)
            while (archive_next(&r, &at, &sequence, &m))
                look_at_message(m.encoded);
        archive_block_of(&r, b);
        archive_block_of_time(&r, (belay_time)b);
    }
    archive_reader_deinit(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct memory_disk d = { .base = { .ops = &ops, .look = true }, .count = 1 };
    uint8_t mode = n ? data[0] % 5 : 0;
    uint32_t previous = 0;
    if (n < 2)
        return 0;
    data++;
    n--;
    size_t split = mode == 4 ? n / 2 / BELAY_BLOCK_BYTES * BELAY_BLOCK_BYTES : n;
    d.count = mode == 4 ? 2 : 1;
    for (int i = 0; i < d.count; i++) {
        struct memory_file *f = &d.files[i];
        f->n = i ? n - split : split;
        f->p = malloc(f->n ? f->n : 1);
        memcpy(f->p, data + (i ? split : 0), f->n);
        segment_name((uint32_t)i + 1, f->name);
        if (mode == 1 || mode == 4)
            good_segment(f, (uint32_t)i + 1, i ? 1 + split / BELAY_BLOCK_BYTES / 2 : 1, &previous);
    }
    if (mode == 3)
        good_archive(&d.files[0]);
    if (mode == 2 || mode == 3)
        look_at_archive(&d);
    else
        look_at_journal(&d);
    for (int i = 0; i < d.count; i++)
        free(d.files[i].p);
    return 0;
}
