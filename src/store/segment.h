/* segment.h - one file of the journal: a header and commits behind it.
 *
 *   journal/00000007.seg   | header, 4 KiB | commit | commit | ... | what older incarnations left |
 *
 * A file serves many times.  Each time is an incarnation with a number that orders the segments and
 * a random salt that every commit of it repeats: what an older one left is not mistaken for a commit.
 * The header lies in one sector, which is never half written (platform/disk.h D1).
 * Bytes: docs/format/journal.md.  Uses: base, platform/disk.h.  Thread: one owner at a time. */
#ifndef BELAY_STORE_SEGMENT_H
#define BELAY_STORE_SEGMENT_H

#include "base/list.h"
#include "platform/disk.h"

#define SEGMENT_FORMAT 1
#define SEGMENT_NAME_BYTES 32
#define JOURNAL_DIR "journal"

struct segment {
    struct belay_list node;
    struct belay_file *file;
    struct belay_file *cached; /* the same, read through the page cache; NULL until it is wanted */
    uint32_t id; /* of the file; stays over incarnations */
    uint64_t size_bytes;
    uint64_t incarnation;
    uint64_t salt;
    uint64_t restart;     /* commits of older segments from this number on are void; 0: none */
    uint64_t first, last; /* commits in it; 0: none */
    uint64_t used_bytes;  /* header and commits */
};

enum segment_header { SEGMENT_HEADER_OK, SEGMENT_HEADER_VOID, SEGMENT_HEADER_BAD, SEGMENT_HEADER_NEWER };

void segment_name(uint32_t id, char ret_name[SEGMENT_NAME_BYTES]);
/* The id in a file name without its folder; false where it is no segment's. */
bool segment_id_of(const char *name, uint32_t *ret_id);

/* block: BELAY_BLOCK_BYTES. */
void segment_encode(const struct segment *seg, uint8_t *block);
/* Fills what the header says of a segment; VOID: never written. */
enum segment_header segment_decode(const uint8_t *block, struct segment *ret_seg);

/* Makes the file, all its blocks written; its name is not durable yet, its header void. Blocking. */
int segment_create(struct belay_disk *disk, uint32_t id, uint64_t size_bytes,
                   struct segment **ret_seg, struct belay_err *err) BELAY_MUST_CHECK;
/* Opens a file that is there, for reading only where write is false; no header is read. */
int segment_open(struct belay_disk *disk, uint32_t id, uint64_t size_bytes, bool write,
                 struct segment **ret_seg, struct belay_err *err) BELAY_MUST_CHECK;
/* A new incarnation: empty, header durable. Blocking. */
int segment_begin(struct segment *seg, uint64_t incarnation, uint64_t salt, uint64_t restart,
                  struct belay_err *err) BELAY_MUST_CHECK;
/* The file through the page cache, for who reads a little here and there; file itself where that is not to be
 * had. What it reads may be older than what a direct write left. For the fetch lane. */
struct belay_file *segment_cached(struct segment *seg);
/* Closes the file. NULL is allowed. */
void segment_free(struct segment *seg);

static inline uint64_t segment_left(const struct segment *seg)
{
    return seg->size_bytes - seg->used_bytes;
}

/* Where a commit lies, in one number: file and block. */
static inline uint64_t segment_where(const struct segment *seg, uint64_t offset)
{
    return (uint64_t)seg->id << 32 | offset / BELAY_BLOCK_BYTES;
}

static inline uint32_t where_id(uint64_t where)
{
    return (uint32_t)(where >> 32);
}

static inline uint64_t where_offset(uint64_t where)
{
    return (where & UINT32_MAX) * BELAY_BLOCK_BYTES;
}

static inline uint64_t blocks_up(uint64_t n)
{
    return (n + BELAY_BLOCK_BYTES - 1) & ~(uint64_t)(BELAY_BLOCK_BYTES - 1);
}

#endif
