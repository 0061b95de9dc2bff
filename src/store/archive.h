/* archive.h - messages of one topic that outlive the journal, in a file of their own.
 *
 *   archive/TOPIC-LAST.arc   | header | block | block | ... | index | footer |
 *
 * Written once, sorted by sequence, never changed; deleted when nobody needs its last message.  A
 * block holds some 64 KiB of messages and has a CRC32C; the index has the first sequence, the first
 * time and the place of each block: sparse by offset and by time.
 * Bytes: docs/format/archive.md.  Uses: base, platform/disk.h.  Thread: one owner. */
#ifndef BELAY_STORE_ARCHIVE_H
#define BELAY_STORE_ARCHIVE_H

#include "base/buf.h"
#include "store/topic_log.h"

struct belay_disk;
struct belay_file;

#define ARCHIVE_DIR "archive"
#define ARCHIVE_FORMAT 1
#define ARCHIVE_NAME_BYTES 48
#define ARCHIVE_BLOCK_BYTES BELAY_KIB(64) /* a block closes beyond this */

void archive_name(uint32_t topic, uint64_t last, char ret_name[ARCHIVE_NAME_BYTES]);
/* Of a file name without its folder; false where it is no archive's. */
bool archive_name_of(const char *name, uint32_t *ret_topic, uint64_t *ret_last);

struct archive_message {
    uint64_t sequence;
    belay_time accepted_at;
    struct belay_str encoded;
};

/* ---- write ---- */

struct archive_writer {
    struct belay_disk *disk;
    struct belay_file *file;
    uint32_t topic;
    uint64_t at;             /* of the file */
    struct belay_buf block, index;
    uint32_t block_count;    /* messages in the block */
    uint32_t index_count;
    struct archived archived; /* so far; file_bytes at the end */
};

/* Sequences first to last will come. Replaces a file of that name. Errors: BELAY_IO, BELAY_NOSPACE,
 * BELAY_NOMEM. On failure there is nothing to abandon. */
int archive_write_begin(struct archive_writer *w, struct belay_disk *disk, uint32_t topic, uint64_t first,
                        uint64_t last, struct belay_err *err) BELAY_MUST_CHECK;
int archive_write(struct archive_writer *w, const struct archive_message *m,
                  struct belay_err *err) BELAY_MUST_CHECK;
/* Synced; its name is durable after belay_disk_sync_dir. */
int archive_write_end(struct archive_writer *w, struct archived *ret_archived,
                      struct belay_err *err) BELAY_MUST_CHECK;
/* Frees; the file stays, or what there is of it. */
void archive_write_close(struct archive_writer *w);

/* ---- read ---- */

struct archive_block { /* of the index */
    uint64_t first, offset;
    uint32_t length_bytes, count;
    belay_time time_first;
};

struct archive_reader {
    struct belay_disk *disk;
    struct belay_file *file; /* NULL: none is open */
    uint32_t topic;
    uint64_t last;
    struct archive_block *blocks;
    uint32_t block_count;
    uint8_t *p; /* a block */
    size_t cap;
    uint32_t block; /* that lies in p, + 1; 0: none */
};

void archive_reader_init(struct archive_reader *r, struct belay_disk *disk);
void archive_reader_deinit(struct archive_reader *r);
/* Opens the file of the row; one that is open already stays. Errors: BELAY_NOTFOUND, BELAY_IO,
 * BELAY_CORRUPT, BELAY_VERSION, BELAY_NOMEM. */
int archive_reader_open(struct archive_reader *r, uint32_t topic, const struct archived *a,
                        struct belay_err *err) BELAY_MUST_CHECK;
/* The block that holds the sequence, or would hold the time's first message. */
uint32_t archive_block_of(const struct archive_reader *r, uint64_t sequence);
uint32_t archive_block_of_time(const struct archive_reader *r, belay_time time);
/* Reads and verifies a block. Errors: BELAY_IO, BELAY_CORRUPT, BELAY_NOMEM. */
int archive_read_block(struct archive_reader *r, uint32_t block, struct belay_err *err) BELAY_MUST_CHECK;
/* Walks the messages of the block that was read: start with *at = 0. */
bool archive_next(const struct archive_reader *r, size_t *at, uint64_t *sequence,
                  struct archive_message *ret_m);

#endif
