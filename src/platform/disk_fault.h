/* disk_fault.h - a disk that fails when told to, around another one: for tests.
 * Uses: base, disk.h.  Thread: any; the plan is set while nothing is in flight. */
#ifndef BELAY_PLATFORM_DISK_FAULT_H
#define BELAY_PLATFORM_DISK_FAULT_H

#include "platform/disk.h"

/* The operations that are counted; a plan says which ones matter. */
enum {
    BELAY_FAULT_OPEN = 1 << 0,
    BELAY_FAULT_WRITE = 1 << 1,
    BELAY_FAULT_READ = 1 << 2,
    BELAY_FAULT_SYNC = 1 << 3, /* of a file, and writes with BELAY_WRITE_SYNC */
    BELAY_FAULT_SPACE = 1 << 4, /* reserve, truncate, map */
    BELAY_FAULT_NAMES = 1 << 5, /* mkdir, sync_dir, rename, unlink, list */
    BELAY_FAULT_ANY = (1 << 6) - 1,
};

enum belay_fault_kind {
    BELAY_FAULT_EIO,
    BELAY_FAULT_ENOSPC,
    BELAY_FAULT_SHORT, /* of a write: its first half is on the disk, then EIO; others: EIO */
    BELAY_FAULT_FLIP,  /* of a read: OK, with one bit wrong (the lowest of the middle byte);
                          others: untouched */
};

struct belay_fault_plan {
    unsigned operations; /* which are counted and can fail; 0: none, nothing fails */
    enum belay_fault_kind kind;
    uint64_t after; /* so many of them succeed first */
    bool once;      /* only that one fails; else all after it as well */
};

/* *ret_disk wraps inner, which outlives it and is not closed with it.  Errors: BELAY_NOMEM. */
int belay_disk_fault_new(struct belay_disk *inner, struct belay_disk **ret_disk,
                         struct belay_err *err) BELAY_MUST_CHECK;
/* d is one made here. Starts counting anew. */
void belay_disk_fault_plan(struct belay_disk *d, const struct belay_fault_plan *plan);
/* How many of the planned operations there were since; failed ones count. */
uint64_t belay_disk_fault_count(struct belay_disk *d);

#endif
