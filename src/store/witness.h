/* witness.h - journal/NEWEST: which segment takes the commits, said before it takes its first one.
 *
 *   a segment is prepared -> the journal rolls to it -> NEWEST names it, durable -> its first commit
 *
 * So the loss of the newest segment, which nothing else in the journal could tell from "there never was
 * one", is a name that is missing (decision 0370).  One sector, which is never half written
 * (platform/disk.h D1), overwritten in place: once for each segment, in the job of its first commit.
 * Bytes: docs/format/journal.md.  Uses: base, platform/disk.h.  Thread: one owner at a time. */
#ifndef BELAY_STORE_WITNESS_H
#define BELAY_STORE_WITNESS_H

#include "store/segment.h"

#define WITNESS_NAME JOURNAL_DIR "/NEWEST"

struct witness {
    struct belay_file *file; /* open for writing; NULL: not yet */
    bool valid;              /* it names a segment, as read or written last */
    uint32_t id;
    uint64_t incarnation;
    uint64_t first;          /* number of its first commit */
};

/* What the file says; not valid where there is none, or where its making was cut short.
 * Errors: BELAY_CORRUPT, BELAY_VERSION, the disk's. */
int witness_read(struct belay_disk *disk, struct witness *ret_w, struct belay_err *err) BELAY_MUST_CHECK;
/* Durable when it returns OK. Where the disk has no room for a file that is not there yet, the journal goes on
 * without: w stays not valid. Blocking. Errors: the disk's. */
int witness_write(struct witness *w, struct belay_disk *disk, const struct segment *seg, uint64_t first,
                  struct belay_err *err) BELAY_MUST_CHECK;
void witness_close(struct witness *w);

#endif
