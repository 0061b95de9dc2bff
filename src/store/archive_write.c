#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/crc.h"
#include "base/limits.h"
#include "base/pack.h"
#include "platform/disk.h"
#include "store/archive.h"
#include "store/archive_impl.h"

#define INDEX_BYTES_MAX BELAY_MIB(64)

void archive_name(uint32_t topic, uint64_t last, char ret_name[ARCHIVE_NAME_BYTES])
{
    snprintf(ret_name, ARCHIVE_NAME_BYTES, ARCHIVE_DIR "/%u-%llu.arc", (unsigned)topic,
             (unsigned long long)last);
}

bool archive_name_of(const char *name, uint32_t *ret_topic, uint64_t *ret_last)
{
    struct belay_str rest = belay_str_c(name);
    uint64_t topic, last;
    if (!belay_str_ends(rest, BELAY_STR(".arc")))
        return false;
    rest.n -= 4;
    struct belay_str head = belay_str_split(&rest, '-');
    if (!belay_str_to_u64(head, &topic) || !belay_str_to_u64(rest, &last) || topic > UINT32_MAX)
        return false;
    *ret_topic = (uint32_t)topic;
    *ret_last = last;
    return true;
}

static int put(struct archive_writer *w, const void *p, size_t n, struct belay_err *err)
{
    int status = belay_file_write(w->file, w->at, p, n, 0, err);
    w->at += n;
    return status;
}

/* Space for a block's header, filled when it is closed. */
static void block_begin(struct archive_writer *w)
{
    static const char zero[ARCHIVE_BLOCK_HEADER_BYTES];
    belay_buf_clear(&w->block);
    belay_buf_put(&w->block, zero, sizeof zero);
    w->block_count = 0;
}

int archive_write_begin(struct archive_writer *w, struct belay_disk *disk, uint32_t topic, uint64_t first,
                        uint64_t last, struct belay_err *err)
{
    char name[ARCHIVE_NAME_BYTES];
    uint8_t header[ARCHIVE_HEADER_BYTES] = { 0 };
    *w = (struct archive_writer){ .disk = disk, .topic = topic };
    w->archived = (struct archived){ .first = first, .last = last };
    archive_name(topic, last, name);
    int status = belay_file_open(disk, name, BELAY_FILE_WRITE | BELAY_FILE_CREATE | BELAY_FILE_TRUNCATE,
                                 &w->file, err);
    if (status != BELAY_OK)
        return status;
    belay_buf_init(&w->block, BELAY_COMMIT_BYTES_MAX + ARCHIVE_BLOCK_BYTES);
    belay_buf_init(&w->index, INDEX_BYTES_MAX);
    belay_store_u32(header, ARCHIVE_MAGIC);
    belay_store_u32(header + 8, ARCHIVE_FORMAT);
    belay_store_u32(header + 12, topic);
    belay_store_u64(header + 16, first);
    belay_store_u64(header + 24, last);
    belay_store_u32(header + 4, belay_crc32c(0, header + 8, sizeof header - 8));
    status = put(w, header, sizeof header, err);
    block_begin(w);
    if (status != BELAY_OK)
        archive_write_close(w);
    return status;
}

static void block_index(struct archive_writer *w, const char *header)
{
    belay_buf_put(&w->index, header + 16, 8); /* first sequence */
    belay_pack_u64(&w->index, w->at);
    belay_buf_put(&w->index, header + 8, 8);  /* length, count */
    belay_buf_put(&w->index, header + 24, 8); /* time */
    w->index_count++;
}

static int block_end(struct archive_writer *w, struct belay_err *err)
{
    char *p = w->block.p;
    int status = belay_buf_status(&w->block);
    if (status != BELAY_OK)
        return belay_fail(err, status, "archive: out of memory");
    if (w->block_count == 0)
        return BELAY_OK;
    belay_store_u32(p, ARCHIVE_BLOCK_MAGIC);
    belay_store_u32(p + 8, (uint32_t)w->block.n);
    belay_store_u32(p + 12, w->block_count);
    belay_store_u32(p + 4, belay_crc32c(0, p + 8, w->block.n - 8));
    block_index(w, p);
    status = put(w, p, w->block.n, err);
    block_begin(w);
    return status;
}

int archive_write(struct archive_writer *w, const struct archive_message *m, struct belay_err *err)
{
    struct archived *a = &w->archived;
    if (w->block_count == 0 && belay_buf_status(&w->block) == BELAY_OK) {
        belay_store_u64(w->block.p + 16, m->sequence);
        belay_store_u64(w->block.p + 24, (uint64_t)m->accepted_at);
    }
    if (m->sequence == a->first)
        a->time_first = m->accepted_at;
    a->time_last = m->accepted_at;
    a->bytes += m->encoded.n;
    w->block_count++;
    belay_pack_u32(&w->block, (uint32_t)m->encoded.n);
    belay_pack_u64(&w->block, (uint64_t)m->accepted_at);
    belay_buf_put_str(&w->block, m->encoded);
    return w->block.n >= ARCHIVE_BLOCK_BYTES ? block_end(w, err) : BELAY_OK;
}

int archive_write_end(struct archive_writer *w, struct archived *ret_archived, struct belay_err *err)
{
    uint8_t footer[ARCHIVE_FOOTER_BYTES] = { 0 };
    int status = block_end(w, err);
    if (status == BELAY_OK && belay_buf_status(&w->index) != BELAY_OK)
        status = belay_fail(err, belay_buf_status(&w->index), "archive: out of memory");
    if (status != BELAY_OK)
        return status;
    belay_store_u32(footer, ARCHIVE_END_MAGIC);
    belay_store_u64(footer + 8, w->at);
    belay_store_u32(footer + 16, w->index_count);
    belay_store_u32(footer + 20, belay_crc32c(0, w->index.p, w->index.n));
    belay_store_u64(footer + 24, w->archived.bytes);
    belay_store_u32(footer + 4, belay_crc32c(0, footer + 8, sizeof footer - 8));
    belay_buf_put(&w->index, footer, sizeof footer);
    status = belay_buf_status(&w->index);
    if (status != BELAY_OK)
        return belay_fail(err, status, "archive: out of memory");
    status = put(w, w->index.p, w->index.n, err);
    if (status == BELAY_OK)
        status = belay_file_sync(w->file, err);
    if (status != BELAY_OK)
        return status;
    w->archived.file_bytes = w->at;
    *ret_archived = w->archived;
    return BELAY_OK;
}

void archive_write_close(struct archive_writer *w)
{
    belay_file_close(w->file);
    w->file = NULL;
    belay_buf_deinit(&w->block);
    belay_buf_deinit(&w->index);
}
