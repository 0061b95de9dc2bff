#include "store/segment.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/crc.h"
#include "base/pack.h"

/* The header, one sector:
 *   0 u32 magic   4 u32 CRC32C of bytes 8..511   8 u32 format   12 u32 id
 *  16 u64 size   24 u64 incarnation   32 u64 salt   40 u64 restart   48.. zero */
#define MAGIC 0x53594c42u /* "BLYS" */

enum { AT_CRC = 4, AT_FORMAT = 8, AT_ID = 12, AT_SIZE = 16, AT_INCARNATION = 24, AT_SALT = 32, AT_RESTART = 40 };

void segment_name(uint32_t id, char ret_name[SEGMENT_NAME_BYTES])
{
    snprintf(ret_name, SEGMENT_NAME_BYTES, JOURNAL_DIR "/%08u.seg", (unsigned)id);
}

bool segment_id_of(const char *name, uint32_t *ret_id)
{
    struct belay_str s = belay_str_c(name);
    uint64_t id;
    if (!belay_str_ends(s, BELAY_STR(".seg"))
        || !belay_str_to_u64(belay_str_sub(s, 0, s.n - 4), &id) || id > UINT32_MAX)
        return false;
    *ret_id = (uint32_t)id;
    return true;
}

void segment_encode(const struct segment *seg, uint8_t *block)
{
    memset(block, 0, BELAY_BLOCK_BYTES);
    belay_store_u32(block, MAGIC);
    belay_store_u32(block + AT_FORMAT, SEGMENT_FORMAT);
    belay_store_u32(block + AT_ID, seg->id);
    belay_store_u64(block + AT_SIZE, seg->size_bytes);
    belay_store_u64(block + AT_INCARNATION, seg->incarnation);
    belay_store_u64(block + AT_SALT, seg->salt);
    belay_store_u64(block + AT_RESTART, seg->restart);
    belay_store_u32(block + AT_CRC,
                    belay_crc32c(0, block + AT_FORMAT, BELAY_SECTOR_BYTES - AT_FORMAT));
}

enum segment_header segment_decode(const uint8_t *block, struct segment *ret_seg)
{
    static const uint8_t zero[BELAY_SECTOR_BYTES];
    if (memcmp(block, zero, sizeof zero) == 0)
        return SEGMENT_HEADER_VOID;
    if (belay_load_u32(block) != MAGIC
        || belay_load_u32(block + AT_CRC)
               != belay_crc32c(0, block + AT_FORMAT, BELAY_SECTOR_BYTES - AT_FORMAT))
        return SEGMENT_HEADER_BAD;
    if (belay_load_u32(block + AT_FORMAT) != SEGMENT_FORMAT)
        return SEGMENT_HEADER_NEWER;
    ret_seg->id = belay_load_u32(block + AT_ID);
    ret_seg->size_bytes = belay_load_u64(block + AT_SIZE);
    ret_seg->incarnation = belay_load_u64(block + AT_INCARNATION);
    ret_seg->salt = belay_load_u64(block + AT_SALT);
    ret_seg->restart = belay_load_u64(block + AT_RESTART);
    return SEGMENT_HEADER_OK;
}

static int open_file(struct belay_disk *disk, uint32_t id, uint64_t size_bytes, unsigned flags,
                     struct segment **ret_seg, struct belay_err *err)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(id, name);
    struct segment *seg = belay_calloc(1, sizeof *seg);
    if (!seg)
        return belay_fail(err, BELAY_NOMEM, "open %s: out of memory", name);
    belay_list_init(&seg->node);
    seg->id = id;
    seg->size_bytes = size_bytes;
    seg->used_bytes = BELAY_BLOCK_BYTES;
    if (disk->caps.direct)
        flags |= BELAY_FILE_DIRECT;
    int status = belay_file_open(disk, name, flags, &seg->file, err);
    if (status != BELAY_OK) {
        belay_free(seg);
        return status;
    }
    *ret_seg = seg;
    return BELAY_OK;
}

int segment_open(struct belay_disk *disk, uint32_t id, uint64_t size_bytes, bool write,
                 struct segment **ret_seg, struct belay_err *err)
{
    return open_file(disk, id, size_bytes, write ? BELAY_FILE_WRITE : 0, ret_seg, err);
}

int segment_create(struct belay_disk *disk, uint32_t id, uint64_t size_bytes,
                   struct segment **ret_seg, struct belay_err *err)
{
    BELAY_ASSERT(size_bytes % BELAY_BLOCK_BYTES == 0 && size_bytes > BELAY_BLOCK_BYTES);
    char name[SEGMENT_NAME_BYTES];
    struct segment *seg;
    segment_name(id, name);
    int status = open_file(disk, id, size_bytes,
                           BELAY_FILE_WRITE | BELAY_FILE_CREATE | BELAY_FILE_TRUNCATE, &seg, err);
    if (status != BELAY_OK)
        return status;
    status = belay_file_prewrite(seg->file, size_bytes, err);
    if (status != BELAY_OK) {
        segment_free(seg);
        /* Best effort: a file without a header is thrown away at the next start. */
        int ignored = belay_disk_unlink(disk, name, NULL);
        (void)ignored;
        return status;
    }
    *ret_seg = seg;
    return BELAY_OK;
}

int segment_begin(struct segment *seg, uint64_t incarnation, uint64_t salt, uint64_t restart,
                  struct belay_err *err)
{
    uint8_t *block = belay_disk_alloc_aligned(BELAY_BLOCK_BYTES);
    if (!block)
        return belay_fail(err, BELAY_NOMEM, "segment %u: out of memory", (unsigned)seg->id);
    seg->incarnation = incarnation;
    seg->salt = salt;
    seg->restart = restart;
    seg->first = seg->last = 0;
    seg->used_bytes = BELAY_BLOCK_BYTES;
    segment_encode(seg, block);
    int status = belay_file_write(seg->file, 0, block, BELAY_BLOCK_BYTES, BELAY_WRITE_SYNC, err);
    belay_disk_free_aligned(block);
    return status;
}

struct belay_file *segment_cached(struct segment *seg)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(seg->id, name);
    if (!(seg->file->flags & BELAY_FILE_DIRECT))
        return seg->file;
    if (!seg->cached && belay_file_open(seg->file->disk, name, 0, &seg->cached, NULL) != BELAY_OK)
        seg->cached = NULL;
    return seg->cached ? seg->cached : seg->file;
}

void segment_free(struct segment *seg)
{
    if (seg) {
        if (seg->cached)
            belay_file_close(seg->cached);
        belay_file_close(seg->file);
        belay_free(seg);
    }
}
