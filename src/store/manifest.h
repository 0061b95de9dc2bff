/* manifest.h - MANIFEST of a backup: its files with their checksums, and which commit it is as of.
 *
 *   belay backup 1
 *   position 4711
 *   taken 1790000000000000
 *   file 5d2c9a10 8192 journal/00000003.seg
 *   ...
 *   end 0a1b2c3d
 *
 * Written last: a folder without one is no backup.  `end` is the CRC32C of everything before its line.
 * Format: docs/format/backup.md.  Uses: base.  Thread: one owner. */
#ifndef BELAY_STORE_MANIFEST_H
#define BELAY_STORE_MANIFEST_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/status.h"
#include "base/time.h"

#define MANIFEST_NAME "MANIFEST"
#define MANIFEST_BYTES_MAX BELAY_MIB(64)

struct manifest_file {
    char name[64]; /* "journal/00000003.seg": one folder, no ".." */
    uint64_t bytes;
    uint32_t crc;
};

struct manifest {
    uint64_t position;
    belay_time taken;
    struct manifest_file *files;
    uint32_t count;
};

void manifest_begin(struct belay_buf *out, uint64_t position, belay_time taken);
void manifest_put(struct belay_buf *out, const struct manifest_file *file);
void manifest_end(struct belay_buf *out);
/* Files from arena. Errors: BELAY_CORRUPT (says which line), BELAY_VERSION, BELAY_NOMEM. */
int manifest_parse(struct belay_str text, struct belay_arena *arena, struct manifest *ret_m,
                   struct belay_err *err) BELAY_MUST_CHECK;

#endif
