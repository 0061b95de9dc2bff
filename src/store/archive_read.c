#include <string.h>

#include "base/alloc.h"
#include "base/crc.h"
#include "base/limits.h"
#include "base/pack.h"
#include "platform/disk.h"
#include "store/archive.h"
#include "store/archive_impl.h"

void archive_reader_init(struct archive_reader *r, struct belay_disk *disk)
{
    *r = (struct archive_reader){ .disk = disk };
}

static void close_file(struct archive_reader *r)
{
    belay_file_close(r->file);
    belay_free(r->blocks);
    r->file = NULL;
    r->blocks = NULL;
    r->block_count = r->block = 0;
}

void archive_reader_deinit(struct archive_reader *r)
{
    close_file(r);
    belay_free(r->p);
    r->p = NULL;
    r->cap = 0;
}

static int damaged(const struct archive_reader *r, struct belay_err *err, const char *what, uint64_t offset)
{
    char name[ARCHIVE_NAME_BYTES];
    archive_name(r->topic, r->last, name);
    return belay_fail(err, BELAY_CORRUPT, "%s at byte %llu: %s is damaged", name,
                      (unsigned long long)offset, what);
}

static int reserve(struct archive_reader *r, size_t n, struct belay_err *err)
{
    if (n <= r->cap)
        return BELAY_OK;
    uint8_t *p = belay_realloc(r->p, n);
    if (!p)
        return belay_fail(err, BELAY_NOMEM, "read the archive: out of memory");
    r->p = p;
    r->cap = n;
    r->block = 0;
    return BELAY_OK;
}

static int read_exactly(struct archive_reader *r, uint64_t offset, uint8_t *p, size_t n, const char *what,
                        struct belay_err *err)
{
    size_t got = 0;
    int status = belay_file_read(r->file, offset, p, n, &got, err);
    return status == BELAY_OK && got < n ? damaged(r, err, what, offset) : status;
}

static bool sealed(const uint8_t *p, size_t n, uint32_t magic)
{
    return belay_load_u32(p) == magic && belay_load_u32(p + 4) == belay_crc32c(0, p + 8, n - 8);
}

static int read_header(struct archive_reader *r, const struct archived *a, struct belay_err *err)
{
    uint8_t p[ARCHIVE_HEADER_BYTES];
    int status = read_exactly(r, 0, p, sizeof p, "the header", err);
    if (status != BELAY_OK)
        return status;
    if (!sealed(p, sizeof p, ARCHIVE_MAGIC))
        return damaged(r, err, "the header", 0);
    if (belay_load_u32(p + 8) != ARCHIVE_FORMAT || belay_load_u32(p + 32) || belay_load_u32(p + 36)
        || belay_load_u32(p + 40))
        return belay_fail(err, BELAY_VERSION, "an archive file of topic %u has a form of a newer version",
                          (unsigned)r->topic);
    if (belay_load_u32(p + 12) != r->topic || belay_load_u64(p + 16) != a->first
        || belay_load_u64(p + 24) != a->last)
        return damaged(r, err, "the file's identity", 0);
    return BELAY_OK;
}

/* False where a block is not between the header and the index. */
static bool decode_index(struct archive_reader *r, const uint8_t *p, uint64_t index_at)
{
    for (uint32_t i = 0; i < r->block_count; i++, p += ARCHIVE_INDEX_BYTES) {
        struct archive_block b = {
            .first = belay_load_u64(p),
            .offset = belay_load_u64(p + 8),
            .length_bytes = belay_load_u32(p + 16),
            .count = belay_load_u32(p + 20),
            .time_first = (belay_time)belay_load_u64(p + 24),
        };
        if (b.offset < ARCHIVE_HEADER_BYTES || b.offset > index_at
            || b.length_bytes > index_at - b.offset || b.length_bytes < ARCHIVE_BLOCK_HEADER_BYTES
            || b.length_bytes > BELAY_COMMIT_BYTES_MAX + ARCHIVE_BLOCK_BYTES)
            return false;
        r->blocks[i] = b;
    }
    return true;
}

static int read_index(struct archive_reader *r, const struct archived *a, struct belay_err *err)
{
    uint8_t footer[ARCHIVE_FOOTER_BYTES];
    if (a->file_bytes < ARCHIVE_HEADER_BYTES + ARCHIVE_FOOTER_BYTES || a->file_bytes > INT64_MAX)
        return damaged(r, err, "the file's size", 0);
    uint64_t footer_at = a->file_bytes - ARCHIVE_FOOTER_BYTES;
    int status = read_exactly(r, footer_at, footer, sizeof footer, "the footer", err);
    if (status != BELAY_OK)
        return status;
    uint64_t index_at = belay_load_u64(footer + 8);
    uint32_t count = belay_load_u32(footer + 16);
    if (!sealed(footer, sizeof footer, ARCHIVE_END_MAGIC) || count == 0
        || count > footer_at / ARCHIVE_INDEX_BYTES
        || index_at != footer_at - (uint64_t)count * ARCHIVE_INDEX_BYTES)
        return damaged(r, err, "the footer", footer_at);
    size_t n = (size_t)count * ARCHIVE_INDEX_BYTES;
    status = reserve(r, n, err);
    r->block = 0;
    if (status == BELAY_OK)
        status = read_exactly(r, index_at, r->p, n, "the index", err);
    if (status == BELAY_OK && belay_load_u32(footer + 20) != belay_crc32c(0, r->p, n))
        status = damaged(r, err, "the index", index_at);
    if (status != BELAY_OK)
        return status;
    r->blocks = belay_calloc(count, sizeof *r->blocks);
    if (!r->blocks)
        return belay_fail(err, BELAY_NOMEM, "read the archive: out of memory");
    r->block_count = count;
    return decode_index(r, r->p, index_at) ? BELAY_OK : damaged(r, err, "the index", index_at);
}

int archive_reader_open(struct archive_reader *r, uint32_t topic, const struct archived *a,
                        struct belay_err *err)
{
    char name[ARCHIVE_NAME_BYTES];
    if (r->file && r->topic == topic && r->last == a->last)
        return BELAY_OK;
    close_file(r);
    r->topic = topic;
    r->last = a->last;
    archive_name(topic, a->last, name);
    int status = belay_file_open(r->disk, name, 0, &r->file, err);
    if (status == BELAY_NOTFOUND) /* a row names it */
        status = belay_fail(err, BELAY_CORRUPT, "%s is missing: messages %llu to %llu are in it", name,
                            (unsigned long long)a->first, (unsigned long long)a->last);
    if (status == BELAY_OK)
        status = read_header(r, a, err);
    if (status == BELAY_OK)
        status = read_index(r, a, err);
    if (status != BELAY_OK)
        close_file(r);
    return status;
}

uint32_t archive_block_of(const struct archive_reader *r, uint64_t sequence)
{
    uint32_t low = 0, high = r->block_count;
    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        if (r->blocks[mid].first <= sequence)
            low = mid;
        else
            high = mid;
    }
    return low;
}

/* The last block that begins before the time: the message may be in it, or begins the next. */
uint32_t archive_block_of_time(const struct archive_reader *r, belay_time time)
{
    uint32_t low = 0, high = r->block_count;
    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        if (r->blocks[mid].time_first < time)
            low = mid;
        else
            high = mid;
    }
    return low;
}

int archive_read_block(struct archive_reader *r, uint32_t block, struct belay_err *err)
{
    const struct archive_block *b = &r->blocks[block];
    if (r->block == block + 1)
        return BELAY_OK;
    int status = reserve(r, b->length_bytes, err);
    r->block = 0;
    if (status == BELAY_OK)
        status = read_exactly(r, b->offset, r->p, b->length_bytes, "a block", err);
    if (status != BELAY_OK)
        return status;
    if (!sealed(r->p, b->length_bytes, ARCHIVE_BLOCK_MAGIC)
        || belay_load_u32(r->p + 8) != b->length_bytes || belay_load_u32(r->p + 12) != b->count
        || belay_load_u64(r->p + 16) != b->first)
        return damaged(r, err, "a block", b->offset);
    r->block = block + 1;
    return BELAY_OK;
}

bool archive_next(const struct archive_reader *r, size_t *at, uint64_t *sequence,
                  struct archive_message *ret_m)
{
    const struct archive_block *b = &r->blocks[r->block - 1];
    if (*at == 0) {
        *at = ARCHIVE_BLOCK_HEADER_BYTES;
        *sequence = b->first;
    }
    size_t left = b->length_bytes - *at;
    if (left < ARCHIVE_MESSAGE_HEADER_BYTES)
        return false;
    const uint8_t *p = r->p + *at;
    uint32_t n = belay_load_u32(p);
    if (n > left - ARCHIVE_MESSAGE_HEADER_BYTES)
        return false;
    *ret_m = (struct archive_message){ (*sequence)++, (belay_time)belay_load_u64(p + 4),
                                       belay_str((const char *)p + ARCHIVE_MESSAGE_HEADER_BYTES, n) };
    *at += ARCHIVE_MESSAGE_HEADER_BYTES + n;
    return true;
}
